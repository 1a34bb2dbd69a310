/* SPDX-License-Identifier: ISC */
/* An intrusive doubly linked ring. The head is a node too; an empty list points at itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

struct list {
	struct list *next, *prev;
};

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

static inline void
list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* All of `from` in front of all that is on `head`; nothing is left of `from`. */
static inline void
list_splice(struct list *head, struct list *from)
{
	if (list_empty(from))
		return;
	from->prev->next = head->next;
	head->next->prev = from->prev;
	head->next = from->next;
	from->next->prev = head;
	list_init(from);
}

#define LIST_FOREACH(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
/* The body may delete `it`. */
#define LIST_FOREACH_SAFE(it, after, head) \
	for (struct list *it = (head)->next, *after = it->next; it != (head); it = after, after = it->next)

#endif
