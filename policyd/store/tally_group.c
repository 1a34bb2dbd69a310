/* SPDX-License-Identifier: ISC */
/*
 * Groups and their pins. A group is nothing but its members: they stand in a list that the group's hash
 * finds, in the order in which a pin would take them, those of other groups with such a hash between them.
 * A pin has a list of its own, of the members that it holds.
 */
#include "store/tally_group.h"

#include "base/xalloc.h"

enum {
	/* a head for 4 entries: they are walked when a pin comes and goes, not with each op */
	HEADS_SHARE = 2,
	HEADS_BITS_LEAST = 6,
};

void
group_init(struct tally_table *t)
{
	unsigned bits = 64 - t->shift - HEADS_SHARE;

	if (bits < HEADS_BITS_LEAST)
		bits = HEADS_BITS_LEAST;
	t->group_shift = GROUP_BITS - bits;
	t->group_heads = table_pages((size_t)1 << bits, sizeof(*t->group_heads));
	t->pins_cap = 16;
	t->pins = xcalloc(t->pins_cap, sizeof(*t->pins));
	map_init(&t->pins_by_group);
}

void
group_fini(struct tally_table *t)
{
	for (uint32_t k = 1; k <= t->n_pins; k++)
		xfree(t->pins[k]);
	xfree(t->pins);
	xfree(t->group_heads);
	map_fini(&t->pins_by_group);
}

static uint32_t *
head_of(const struct tally_table *t, uint64_t group)
{
	return &t->group_heads[group >> t->group_shift];
}

void
group_fetch(const struct tally_table *t, uint64_t group)
{
	__builtin_prefetch(head_of(t, group));
	if (t->n_pins)
		map_fetch(&t->pins_by_group, pin_key(group));
}

void
group_fetch_first(const struct tally_table *t, uint64_t group)
{
	uint32_t i = *head_of(t, group);

	if (i)
		__builtin_prefetch(&table_at(t, i)->gprev, 1);
}

static struct pin *
pin_find(const struct tally_table *t, uint64_t group)
{
	return t->n_pins ? map_get(&t->pins_by_group, pin_key(group)) : NULL;
}

/* ---- members ---- */

/* `tail`: NULL where none is kept. */
static void
unlink_member(struct tally_table *t, uint32_t *head, uint32_t *tail, uint32_t i)
{
	struct entry *e = table_at(t, i);

	if (e->gprev)
		table_at(t, e->gprev)->gnext = e->gnext;
	else
		*head = e->gnext;
	if (e->gnext)
		table_at(t, e->gnext)->gprev = e->gprev;
	else if (tail)
		*tail = e->gprev;
	e->gprev = e->gnext = 0;
}

static void
push_free(struct tally_table *t, uint32_t i, uint64_t group)
{
	uint32_t *head = head_of(t, group);
	struct entry *e = table_at(t, i);

	e->gprev = 0;
	e->gnext = *head;
	if (*head)
		table_at(t, *head)->gprev = i;
	*head = i;
}

static void
push_held(struct tally_table *t, uint32_t i, struct pin *pin)
{
	struct entry *e = table_at(t, i);

	e->gnext = 0;
	e->gprev = pin->tail;
	if (pin->tail)
		table_at(t, pin->tail)->gnext = i;
	else
		pin->head = i;
	pin->tail = i;
}

static void
entry_set_group(struct entry *e, uint64_t group)
{
	e->group[0] = (uint16_t)group;
	e->group[1] = (uint16_t)(group >> 16);
	e->group[2] = (uint16_t)(group >> 32);
}

/* A free member comes under its group's pin; false: there is no room. */
static bool
hold(struct tally_table *t, struct pin *pin, uint32_t i)
{
	if (!entry_pin(t, i)) {
		pin->crowded = true;
		return false;
	}
	unlink_member(t, head_of(t, pin->group), NULL, i);
	push_held(t, i, pin);
	return true;
}

void
group_leave(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);
	uint64_t group = entry_group(e);
	struct pin *pin = e->pinned ? pin_find(t, group) : NULL;

	if (!group)
		return;
	if (pin)
		unlink_member(t, &pin->head, &pin->tail, i);
	else
		unlink_member(t, head_of(t, group), NULL, i);
	entry_set_group(e, 0);
}

void
table_join(struct tally_table *t, uint32_t i, uint64_t group)
{
	struct entry *e = table_at(t, i);
	uint64_t before = entry_group(e);
	struct pin *pin;

	if (before != group) {
		if (before) {
			group_leave(t, i);
			entry_release(t, i);
		}
		entry_set_group(e, group);
		push_free(t, i, group);
	}
	if (e->pinned || group == t->no_pin)
		return;
	pin = pin_find(t, group);
	if (!pin)
		t->no_pin = group;
	else if (!hold(t, pin, i))
		t->refused++;
}

/* The next free member of the group, from this one on. */
static uint32_t
next_free(const struct tally_table *t, uint32_t i, uint64_t group)
{
	while (i && entry_group(table_at(t, i)) != group)
		i = table_at(t, i)->gnext;
	return i;
}

/* All that the pin held stands among the free ones again, behind those members that it never held. */
static void
set_free(struct tally_table *t, struct pin *pin)
{
	uint32_t *head = head_of(t, pin->group), before = 0, after;

	if (!pin->head)
		return;
	if (pin->crowded)
		for (uint32_t i = next_free(t, *head, pin->group); i;
		     i = next_free(t, table_at(t, i)->gnext, pin->group))
			before = i;
	after = before ? table_at(t, before)->gnext : *head;
	if (before)
		table_at(t, before)->gnext = pin->head;
	else
		*head = pin->head;
	if (after)
		table_at(t, after)->gprev = pin->tail;
	table_at(t, pin->head)->gprev = before;
	table_at(t, pin->tail)->gnext = after;
}

/* ---- pins: a heap, earliest end on top ---- */

static void
heap_put(struct tally_table *t, uint32_t at, struct pin *pin)
{
	t->pins[at] = pin;
	pin->heap = at;
}

static void
heap_up(struct tally_table *t, uint32_t at)
{
	struct pin *pin = t->pins[at];

	while (at > 1 && pin->until < t->pins[at / 2]->until) {
		heap_put(t, at, t->pins[at / 2]);
		at /= 2;
	}
	heap_put(t, at, pin);
}

static void
heap_down(struct tally_table *t, uint32_t at)
{
	struct pin *pin = t->pins[at];

	while (at * 2 <= t->n_pins) {
		uint32_t kid = at * 2;

		if (kid < t->n_pins && t->pins[kid + 1]->until < t->pins[kid]->until)
			kid++;
		if (t->pins[kid]->until >= pin->until)
			break;
		heap_put(t, at, t->pins[kid]);
		at = kid;
	}
	heap_put(t, at, pin);
}

static void
heap_add(struct tally_table *t, struct pin *pin)
{
	if (t->n_pins + 1 == t->pins_cap) {
		t->pins_cap *= 2;
		t->pins = xrealloc(t->pins, t->pins_cap * sizeof(struct pin *));
	}
	heap_put(t, ++t->n_pins, pin);
	heap_up(t, t->n_pins);
}

static void
heap_del(struct tally_table *t, struct pin *pin)
{
	struct pin *last = t->pins[t->n_pins--];
	uint32_t at = pin->heap;

	if (last == pin)
		return;
	heap_put(t, at, last);
	heap_up(t, at);
	heap_down(t, last->heap);
}

static void
release(struct tally_table *t, struct pin *pin)
{
	heap_del(t, pin);
	map_del(&t->pins_by_group, pin_key(pin->group));
	for (uint32_t i = pin->head; i; i = table_at(t, i)->gnext)
		entry_release(t, i);
	set_free(t, pin);
	xfree(pin);
}

void
group_release_due(struct tally_table *t)
{
	while (t->n_pins && t->pins[1]->until <= t->now)
		release(t, t->pins[1]);
}

/* The group's pin with this end; NULL: there are too many. */
static struct pin *
pin_until(struct tally_table *t, uint64_t group, int64_t until)
{
	struct pin *pin = pin_find(t, group);

	if (pin) {
		pin->until = until;
		heap_up(t, pin->heap);
		heap_down(t, pin->heap);
		return pin;
	}
	/* As many pins as entries: enough for anything, and a bound. */
	if (t->n_pins >= t->max) {
		t->refused++;
		return NULL;
	}
	pin = xmalloc(sizeof(*pin));
	*pin = (struct pin){ .group = group, .until = until, .crowded = true };
	t->no_pin = 0;
	heap_add(t, pin);
	map_put(&t->pins_by_group, pin_key(group), pin);
	return pin;
}

void
table_pin(struct tally_table *t, uint64_t group, int64_t until)
{
	struct pin *pin = pin_until(t, group, until);
	uint32_t i, next;

	/* Whoever comes under a pin later is held at once: with every message anew, this costs nothing. */
	if (!pin || !pin->crowded)
		return;
	pin->crowded = false;
	for (i = next_free(t, *head_of(t, group), group); i; i = next) {
		next = next_free(t, table_at(t, i)->gnext, group);
		if (!hold(t, pin, i)) {
			t->refused++;
			break;
		}
	}
}

const struct pin *
table_pin_of(const struct tally_table *t, uint64_t group)
{
	return pin_find(t, group);
}

bool
table_restore_pin(struct tally_table *t, uint64_t group, int64_t until)
{
	struct pin *pin = pin_find(t, group);

	if (!pin) {
		table_pin(t, group, until);
		return pin_find(t, group);
	}
	if (pin->until < until) {
		pin->until = until;
		heap_down(t, pin->heap);
	}
	return true;
}

bool
table_restore_member(struct tally_table *t, uint32_t i, uint64_t group, bool pinned)
{
	struct pin *pin = pin_find(t, group);

	entry_set_group(table_at(t, i), group);
	push_free(t, i, group);
	if (!pin)
		return true;
	if (pinned)
		return hold(t, pin, i);
	pin->crowded = true;
	return true;
}

uint64_t
group_bytes(const struct tally_table *t)
{
	return ((uint64_t)1 << (GROUP_BITS - t->group_shift)) * sizeof(*t->group_heads) +
	    t->pins_cap * sizeof(*t->pins) + t->n_pins * sizeof(**t->pins) +
	    t->pins_by_group.cap * sizeof(*t->pins_by_group.slots);
}
