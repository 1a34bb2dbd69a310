/* SPDX-License-Identifier: ISC */
/*
 * Groups and their pins. A group exists while it has members or a pin. Its unpinned members stand in
 * front: pinning walks from the head until it meets a pinned one, so that pinning the same group with
 * every message costs nothing.
 */
#include "store/tally_group.h"

#include <string.h>

#include "base/xalloc.h"

void
group_init(struct tally_table *t)
{
	t->group_heads = xcalloc(t->n_heads, sizeof(*t->group_heads));
	t->groups_cap = t->pins_cap = 16;
	t->groups_used = 1;
	t->groups = xcalloc(t->groups_cap, sizeof(*t->groups));
	t->pins = xcalloc(t->pins_cap, sizeof(*t->pins));
}

void
group_fini(struct tally_table *t)
{
	xfree(t->group_heads);
	xfree(t->groups);
	xfree(t->pins);
}

static uint32_t *
head_of(const struct tally_table *t, uint64_t id)
{
	/* A caller's own numbers may come in order: spread them. */
	return &t->group_heads[(id * 0x9e3779b97f4a7c15u) >> t->shift];
}

void
group_fetch(const struct tally_table *t, uint64_t id)
{
	__builtin_prefetch(head_of(t, id));
}

static uint32_t
group_find(const struct tally_table *t, uint64_t id)
{
	uint32_t g = *head_of(t, id);

	while (g && t->groups[g].id != id)
		g = t->groups[g].chain;
	return g;
}

static uint32_t
group_get(struct tally_table *t, uint64_t id)
{
	uint32_t *head = head_of(t, id), g = group_find(t, id);

	if (g)
		return g;
	g = t->free_group;
	if (g) {
		t->free_group = t->groups[g].chain;
	} else {
		if (t->groups_used == t->groups_cap) {
			t->groups_cap *= 2;
			t->groups = xrealloc(t->groups, t->groups_cap * sizeof(*t->groups));
		}
		g = t->groups_used++;
	}
	t->groups[g] = (struct group){ .id = id, .chain = *head };
	*head = g;
	return g;
}

static void
group_drop_if_idle(struct tally_table *t, uint32_t g)
{
	struct group *gr = &t->groups[g];
	uint32_t *at = head_of(t, gr->id);

	if (gr->n || gr->heap)
		return;
	while (*at != g)
		at = &t->groups[*at].chain;
	*at = gr->chain;
	*gr = (struct group){ .chain = t->free_group };
	t->free_group = g;
}

/* ---- members ---- */

static void
member_unlink(struct tally_table *t, struct group *g, uint32_t i)
{
	struct entry *e = table_at(t, i);

	if (e->gprev)
		table_at(t, e->gprev)->gnext = e->gnext;
	else
		g->head = e->gnext;
	if (e->gnext)
		table_at(t, e->gnext)->gprev = e->gprev;
	else
		g->tail = e->gprev;
	e->gprev = e->gnext = 0;
	g->n--;
}

static void
member_front(struct tally_table *t, struct group *g, uint32_t i)
{
	struct entry *e = table_at(t, i);

	e->gprev = 0;
	e->gnext = g->head;
	if (g->head)
		table_at(t, g->head)->gprev = i;
	else
		g->tail = i;
	g->head = i;
	g->n++;
}

static void
member_back(struct tally_table *t, struct group *g, uint32_t i)
{
	struct entry *e = table_at(t, i);

	e->gnext = 0;
	e->gprev = g->tail;
	if (g->tail)
		table_at(t, g->tail)->gnext = i;
	else
		g->head = i;
	g->tail = i;
	g->n++;
}

static bool
member_pin(struct tally_table *t, struct group *g, uint32_t i)
{
	if (!entry_pin(t, i))
		return false;
	member_unlink(t, g, i);
	member_back(t, g, i);
	return true;
}

void
group_leave(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);
	uint32_t g = e->group;

	if (!g)
		return;
	member_unlink(t, &t->groups[g], i);
	e->group = 0;
	group_drop_if_idle(t, g);
}

void
table_join(struct tally_table *t, uint32_t i, uint64_t id)
{
	struct entry *e = table_at(t, i);
	uint32_t g;

	if (!id)
		return;
	if (!e->group || t->groups[e->group].id != id) {
		g = group_get(t, id);
		group_leave(t, i);
		entry_release(t, i);
		e->group = g;
		member_front(t, &t->groups[g], i);
	}
	g = e->group;
	if (t->groups[g].heap && !e->pinned && !member_pin(t, &t->groups[g], i))
		t->refused++;
}

/* ---- pins: a heap, earliest end on top ---- */

static void
heap_put(struct tally_table *t, uint32_t at, uint32_t g)
{
	t->pins[at] = g;
	t->groups[g].heap = at;
}

static bool
heap_less(const struct tally_table *t, uint32_t a, uint32_t b)
{
	return t->groups[a].until < t->groups[b].until;
}

static void
heap_up(struct tally_table *t, uint32_t at)
{
	uint32_t g = t->pins[at];

	while (at > 1 && heap_less(t, g, t->pins[at / 2])) {
		heap_put(t, at, t->pins[at / 2]);
		at /= 2;
	}
	heap_put(t, at, g);
}

static void
heap_down(struct tally_table *t, uint32_t at)
{
	uint32_t g = t->pins[at];

	while (at * 2 <= t->n_pins) {
		uint32_t kid = at * 2;

		if (kid < t->n_pins && heap_less(t, t->pins[kid + 1], t->pins[kid]))
			kid++;
		if (!heap_less(t, t->pins[kid], g))
			break;
		heap_put(t, at, t->pins[kid]);
		at = kid;
	}
	heap_put(t, at, g);
}

static void
heap_add(struct tally_table *t, uint32_t g)
{
	if (t->n_pins + 1 == t->pins_cap) {
		t->pins_cap *= 2;
		t->pins = xrealloc(t->pins, t->pins_cap * sizeof(*t->pins));
	}
	heap_put(t, ++t->n_pins, g);
	heap_up(t, t->n_pins);
}

static void
heap_del(struct tally_table *t, uint32_t g)
{
	uint32_t at = t->groups[g].heap, last = t->pins[t->n_pins--];

	t->groups[g].heap = 0;
	if (at > t->n_pins)
		return;
	heap_put(t, at, last);
	heap_up(t, at);
	heap_down(t, t->groups[last].heap);
}

static void
group_release(struct tally_table *t, uint32_t g)
{
	heap_del(t, g);
	for (uint32_t i = t->groups[g].head; i; i = table_at(t, i)->gnext)
		entry_release(t, i);
	group_drop_if_idle(t, g);
}

void
group_release_due(struct tally_table *t)
{
	while (t->n_pins && t->groups[t->pins[1]].until <= t->now)
		group_release(t, t->pins[1]);
}

void
table_pin(struct tally_table *t, uint64_t id, int64_t until)
{
	uint32_t g = id ? group_find(t, id) : 0;
	struct group *gr;

	if (!id)
		return;
	/* As many pins as entries: enough for anything, and a bound. */
	if ((!g || !t->groups[g].heap) && t->n_pins >= t->max) {
		t->refused++;
		return;
	}
	if (!g)
		g = group_get(t, id);
	gr = &t->groups[g];
	gr->until = until;
	if (gr->heap) {
		heap_up(t, gr->heap);
		heap_down(t, gr->heap);
	} else {
		heap_add(t, g);
	}
	while (gr->head && !table_at(t, gr->head)->pinned) {
		if (!member_pin(t, gr, gr->head)) {
			t->refused++;
			break;
		}
	}
}

void
table_unpin(struct tally_table *t, uint64_t id)
{
	uint32_t g = id ? group_find(t, id) : 0;

	if (g && t->groups[g].heap)
		group_release(t, g);
}

bool
table_pinned(const struct tally_table *t, uint64_t id)
{
	return id && t->groups[group_find(t, id)].heap;
}

bool
table_restore_pin(struct tally_table *t, uint64_t id, int64_t until)
{
	struct group *gr;

	if (!table_pinned(t, id)) {
		table_pin(t, id, until);
		return table_pinned(t, id);
	}
	gr = &t->groups[group_find(t, id)];
	if (gr->until < until) {
		gr->until = until;
		heap_down(t, gr->heap);
	}
	return true;
}

bool
table_restore_member(struct tally_table *t, uint32_t i, uint64_t id, bool pinned)
{
	struct entry *e = table_at(t, i);
	uint32_t g = group_get(t, id);

	e->group = g;
	pinned = pinned && t->groups[g].heap;
	if (pinned && entry_pin(t, i)) {
		member_back(t, &t->groups[g], i);
		return true;
	}
	member_front(t, &t->groups[g], i);
	return !pinned;
}

uint64_t
group_bytes(const struct tally_table *t)
{
	return (uint64_t)t->n_heads * sizeof(*t->group_heads) + t->groups_cap * sizeof(*t->groups) +
	    t->pins_cap * sizeof(*t->pins);
}
