/* SPDX-License-Identifier: ISC */
/*
 * Where the elements of a set are: in the entry itself as long as it is one, or two that came together; then
 * in a piece of memory of its own. Two and more count as if they had one, so that there is room for it when
 * they need it.
 */
#include "store/tally_side.h"

#include <string.h>

#include "base/xalloc.h"

static bool
side_room(struct tally_table *t, uint32_t i, uint32_t more)
{
	struct entry *e = table_at(t, i);

	if (e->pinned && t->elems_pinned + more > t->elems_max / 4 * 3)
		return false;
	/* The entry itself is in use: it is the youngest of its list, met last. */
	while (t->elems + more > t->elems_max) {
		uint32_t victim = t->lru[LRU_WIDE].oldest;

		if (!victim || victim == i)
			return false;
		table_evict(t, victim);
	}
	return true;
}

static void
side_count(struct tally_table *t, const struct entry *e, uint32_t had, uint32_t has)
{
	t->elems += has;
	t->elems -= had;
	if (e->pinned) {
		t->elems_pinned += has;
		t->elems_pinned -= had;
	}
}

static struct side *
side_alloc(struct side *old, uint32_t cap)
{
	struct side *side = xrealloc(old, sizeof(*side) + cap * sizeof(side->v[0]));

	side->cap = (uint16_t)cap;
	return side;
}

static void
side_begin(struct tally_table *t, uint32_t i, uint32_t cap)
{
	struct entry *e = table_at(t, i);
	struct side *side = side_alloc(NULL, cap);
	struct elem room[2];

	side->n = (uint16_t)entry_n(e);
	memcpy(side->v, entry_view(e, room), side->n * sizeof(room[0]));
	t->twins -= e->form == FORM_TWINS;
	t->sides++;
	table_reform(t, i, FORM_SIDE);
	e->u.many = side;
}

static void
side_end(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);
	struct side *side = e->u.many;

	table_reform(t, i, side->n ? FORM_ONE : FORM_NONE);
	e->u.one = side->n ? side->v[0] : (struct elem){ .id = 0 };
	t->sides--;
	xfree(side);
}

/* cap: 0 = in the entry itself, which holds one. */
static void
side_resize(struct tally_table *t, uint32_t i, uint32_t cap)
{
	struct entry *e = table_at(t, i);

	side_count(t, e, entry_side(e), cap);
	if (e->form != FORM_SIDE)
		side_begin(t, i, cap);
	else if (!cap)
		side_end(t, i);
	else
		e->u.many = side_alloc(e->u.many, cap);
}

static bool
came_together(const struct elem *a, const struct elem *b)
{
	return a->hits == 1 && b->hits == 1 && !a->older && !b->older &&
	    memcmp(&a->first, &a->last, sizeof(a->first)) == 0 &&
	    memcmp(&b->first, &b->last, sizeof(b->first)) == 0 &&
	    memcmp(&a->last, &b->last, sizeof(a->last)) == 0;
}

static void
twins_begin(struct tally_table *t, uint32_t i, uint64_t first, const struct elem *second)
{
	struct entry *e = table_at(t, i);

	side_count(t, e, 0, 2);
	t->twins++;
	table_reform(t, i, FORM_TWINS);
	e->u.twins.id[0] = first;
	e->u.twins.id[1] = second->id;
	e->u.twins.at = second->last;
}

void
table_spread(struct tally_table *t, uint32_t i)
{
	if (table_at(t, i)->form == FORM_TWINS)
		side_resize(t, i, 2);
}

/* Makes room for n elements on the side. Returns how many there are then, 0: there is no room. */
static uint32_t
side_reserve(struct tally_table *t, uint32_t i, uint32_t n)
{
	uint32_t had = entry_side(table_at(t, i)), cap = had ? had : 2;

	while (cap < n)
		cap *= 2;
	if (cap == had || side_room(t, i, cap - had))
		return cap;
	t->refused++;
	return 0;
}

bool
table_put(struct tally_table *t, uint32_t i, const struct elem *x)
{
	struct entry *e = table_at(t, i);
	uint32_t n = entry_n(e), cap = n ? side_reserve(t, i, n + 1) : 0;

	if (n && !cap)
		return false;
	if (e->form == FORM_ONE && came_together(&e->u.one, x)) {
		twins_begin(t, i, e->u.one.id, x);
		return true;
	}
	if (cap > entry_side(e))
		side_resize(t, i, cap);
	entry_elems(e)[n] = *x;
	entry_set_n(e, n + 1);
	return true;
}

void
table_shrink(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);

	if (e->form != FORM_SIDE)
		return;
	if (entry_n(e) <= 1)
		side_resize(t, i, 0);
	else if (entry_n(e) <= entry_side(e) / 4u)
		side_resize(t, i, entry_side(e) / 2u);
}

bool
side_restore(struct tally_table *t, uint32_t i, const struct set *set)
{
	uint32_t cap = set->cap > 1 ? side_reserve(t, i, set->cap) : 0;

	if (set->cap > 1 && !cap)
		return false;
	if (cap == 2 && set->n == 2 && came_together(&set->v[0], &set->v[1])) {
		twins_begin(t, i, set->v[0].id, &set->v[1]);
		return true;
	}
	if (cap)
		side_resize(t, i, cap);
	if (set->n)
		memcpy(entry_elems(table_at(t, i)), set->v, set->n * sizeof(*set->v));
	entry_set_n(table_at(t, i), set->n);
	return true;
}
