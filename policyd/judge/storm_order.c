/* SPDX-License-Identifier: ISC */
#include "judge/storm_order.h"

#include "base/xalloc.h"
#include "judge/storm.h"

struct storm_rule {
	struct list node; /* in by_count */
	struct list lru;  /* of storm.mates */
	struct key128 key;
	uint32_t n;
};

static struct key128
rule_key(uint64_t id)
{
	return (struct key128){ id, 1 };
}

void
storm_order_init(struct storm_order *o)
{
	list_init(&o->all);
	list_init(&o->by_count);
	map_init(&o->rules);
}

void
storm_order_fini(struct storm_order *o)
{
	map_fini(&o->rules);
}

static struct storm_rule *
rule_of(struct storm_order *o, uint64_t id)
{
	struct storm_rule *r = map_get(&o->rules, rule_key(id));

	if (r)
		return r;
	r = xcalloc(1, sizeof(*r));
	r->key = rule_key(id);
	list_init(&r->lru);
	map_put(&o->rules, r->key, r);
	list_add_tail(&o->by_count, &r->node);
	return r;
}

void
storm_order_add(struct storm_order *o, struct storm *st)
{
	struct storm_rule *r = rule_of(o, st->rule_id);

	list_add_tail(&o->all, &st->lru);
	list_add_tail(&r->lru, &st->mates);
	r->n++;
}

static bool
later(const struct list *it, size_t offset, const struct storm *than)
{
	const struct storm *st = (const struct storm *)(const void *)((const char *)it - offset);

	return st->last.mono > than->last.mono;
}

/* Puts it behind the last one that was not seen later. They mostly come in order, or all the other way
 * round. */
static void
place(struct list *head, struct list *node, size_t offset, const struct storm *st)
{
	struct list *after = head->prev;

	if (head->next != head && later(head->next, offset, st))
		after = head;
	while (after != head && later(after, offset, st))
		after = after->prev;
	/* the tail of a ring that begins behind `after` */
	list_add_tail(after->next, node);
}

void
storm_order_place(struct storm_order *o, struct storm *st)
{
	struct storm_rule *r = rule_of(o, st->rule_id);

	place(&o->all, &st->lru, offsetof(struct storm, lru), st);
	place(&r->lru, &st->mates, offsetof(struct storm, mates), st);
	r->n++;
}

void
storm_order_touch(struct storm_order *o, struct storm *st)
{
	struct storm_rule *r = rule_of(o, st->rule_id);

	list_del(&st->lru);
	list_add_tail(&o->all, &st->lru);
	list_del(&st->mates);
	list_add_tail(&r->lru, &st->mates);
}

void
storm_order_del(struct storm_order *o, struct storm *st)
{
	struct storm_rule *r = rule_of(o, st->rule_id);

	list_del(&st->lru);
	list_del(&st->mates);
	if (--r->n > 0)
		return;
	map_del(&o->rules, r->key);
	list_del(&r->node);
	xfree(r);
}

uint32_t
storm_order_count(const struct storm_order *o, uint64_t rule_id)
{
	const struct storm_rule *r = map_get(&o->rules, rule_key(rule_id));

	return r ? r->n : 0;
}

static struct storm *
first_of(const struct storm_rule *r)
{
	return container_of(r->lru.next, struct storm, mates);
}

struct storm *
storm_order_victim(const struct storm_order *o)
{
	const struct storm_rule *most = NULL;

	LIST_FOREACH (it, &o->by_count) {
		const struct storm_rule *r = container_of(it, struct storm_rule, node);

		if (!most || r->n > most->n ||
		    (r->n == most->n && first_of(r)->last.mono < first_of(most)->last.mono))
			most = r;
	}
	return most ? first_of(most) : NULL;
}
