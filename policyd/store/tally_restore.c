/* SPDX-License-Identifier: ISC */
/* Tallies from bytes: over them first to see whether all of it fits, then to put it in. */
#include <stdlib.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "store/tallies.h"
#include "store/tally_snapshot.h"
#include "store/tally_table.h"

enum {
	CAP_BITS_MAX = 10,    /* TALLY_CAP_MAX */
	ENTRY_BYTES_MIN = 24, /* flags, key, the shortest numbers and contents */
	HITS_MAX = 0x7fffffff,
	ELEMS_FIRST = 64,
};

/* One entry of the piece. */
struct load {
	struct entry e;
	uint64_t group;
	int64_t pin_until;
	size_t elems;    /* where they begin among the reader's */
	uint16_t n, cap; /* of the set */
	unsigned flags;
	bool pinned; /* is to be held */
};

struct reader {
	struct wire u;
	int64_t base; /* what the snapshot's time is on our clock */
	uint32_t serial;
	struct load *loads;
	struct elem *elems; /* of all sets */
	size_t n_elems, elems_room;
};

static int64_t
get_age(struct reader *r, int64_t from)
{
	return from - (int64_t)unpack_within(&r->u, 0, age_max);
}

/* A time that may lie on both sides of `from`. */
static int64_t
get_time(struct reader *r, int64_t from)
{
	int64_t v = unpack_int(&r->u);

	if (v < -(int64_t)age_max || v > (int64_t)age_max) {
		unpack_fail(&r->u);
		v = 0;
	}
	return from + v;
}

static uint64_t
get_group(struct reader *r)
{
	uint64_t group = unpack_u64(&r->u);

	if (!group || group >> GROUP_BITS) {
		unpack_fail(&r->u);
		group = 1;
	}
	return group;
}

static struct elem *
next_elem(struct reader *r)
{
	if (r->n_elems == r->elems_room) {
		r->elems_room *= 2;
		r->elems = xrealloc(r->elems, r->elems_room * sizeof(*r->elems));
	}
	return &r->elems[r->n_elems++];
}

static void
get_elems(struct reader *r, struct load *l)
{
	l->cap = (uint16_t)(1u << unpack_within(&r->u, 0, CAP_BITS_MAX));
	l->n = (uint16_t)unpack_within(&r->u, 0, l->cap);
	for (uint16_t k = 0; k < l->n && wire_ok(&r->u); k++) {
		struct elem *x = next_elem(r);
		uint64_t hits;
		int64_t last;

		x->id = unpack_u64(&r->u);
		hits = unpack_within(&r->u, 0, (uint64_t)HITS_MAX << 1 | 1);
		x->hits = (uint32_t)(hits >> 1) & HITS_MAX;
		x->older = hits & 1;
		last = get_age(r, r->base);
		x->last = ms48_of(last);
		x->first = ms48_of(get_age(r, last));
	}
}

static void
get_sum(struct reader *r, struct load *l)
{
	struct entry *e = &l->e;

	e->u.sum.cur = unpack_var(&r->u);
	e->u.sum.prev = unpack_var(&r->u);
	e->u.sum.start = get_age(r, r->base);
}

static void
get_min(struct reader *r, struct load *l)
{
	struct entry *e = &l->e;

	for (int k = 0; k < LOWS; k++) {
		struct low *low = &e->u.low[k];

		low->hits = (uint16_t)unpack_within(&r->u, 0, UINT16_MAX);
		if (!low->hits)
			continue;
		low->v = (uint32_t)unpack_within(&r->u, 0, UINT32_MAX);
		low->since = ms48_of(get_age(r, r->base));
		/* They stand in order. */
		if (k > 0 && (!low[-1].hits || low[-1].v >= low->v))
			unpack_fail(&r->u);
	}
}

static void
get_mark(struct reader *r, struct load *l)
{
	struct entry *e = &l->e;

	e->u.mark = unpack_u64(&r->u);
}

static void
get_turn(struct reader *r, struct load *l)
{
	struct entry *e = &l->e;

	e->u.turn.elem = unpack_u64(&r->u);
	e->u.turn.cur = (uint16_t)unpack_within(&r->u, 0, TALLY_TURNS_MAX);
	e->u.turn.prev = (uint16_t)unpack_within(&r->u, 0, TALLY_TURNS_MAX);
	e->u.turn.start = ms48_of(get_age(r, r->base));
	e->u.turn.pace = pace48_of(unpack_within(&r->u, 0, PACE_ALL));
}

static void (*const get_content[F_KIND + 1])(struct reader *, struct load *) = {
	[TALLY_ADD] = get_sum,
	[TALLY_DISTINCT] = get_elems,
	[TALLY_MIN] = get_min,
	[TALLY_MARK] = get_mark,
	[TALLY_TURN] = get_turn,
};

static bool
flags_fit(unsigned flags)
{
	bool in_group = flags & F_GROUP, group_pinned = flags & F_GROUP_PINNED, pinned = flags & F_PINNED;

	return (flags & ~(unsigned)F_ALL) == 0 && (in_group || !group_pinned) && (group_pinned || !pinned);
}

static void
get_entry(struct reader *r, struct load *l)
{
	struct entry *e = &l->e;

	*l = (struct load){ .elems = r->n_elems };
	l->flags = wire_u8(&r->u);
	e->kind = l->flags & F_KIND;
	e->key = unpack_key(&r->u);
	l->group = l->flags & F_GROUP ? get_group(r) : 0;
	l->pin_until = l->flags & F_GROUP_PINNED ? get_time(r, r->base) : 0;
	e->used = r->serial - (uint32_t)unpack_within(&r->u, 0, UINT32_MAX);
	e->touched = e->used - (uint32_t)unpack_within(&r->u, 0, UINT32_MAX);
	e->born = (uint32_t)unpack_within(&r->u, 0, BORN_MASK) & BORN_MASK;
	e->kept = (uint32_t)unpack_within(&r->u, 0, TALLY_KEPT_MAX) & TALLY_KEPT_MAX;
	e->last = ms48_of(get_age(r, r->base));
	e->span = (uint32_t)unpack_within(&r->u, 0, UINT32_MAX);
	if (get_content[e->kind])
		get_content[e->kind](r, l);
	else
		unpack_fail(&r->u);
	if (!flags_fit(l->flags) || key_is_zero(e->key))
		unpack_fail(&r->u);
}

/* Reads the pins; with a table, they hold there. */
static void
get_pins(struct reader *r, struct tally_table *t, struct tallies_restored *stats)
{
	uint64_t n = unpack_var(&r->u);

	for (; n && wire_ok(&r->u); n--) {
		uint64_t group = get_group(r);
		int64_t until = get_time(r, r->base);

		if (!t)
			continue;
		if (group == group_marks)
			t->marks_until = until > t->marks_until ? until : t->marks_until;
		else if (table_restore_pin(t, group, until))
			stats->pins++;
		else
			stats->refused++;
	}
}

/* ---- putting in ---- */

/* Those to be held first, then the youngest. */
struct turn {
	const struct load *load;
	uint32_t age;
};

static int
by_turn(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->load->pinned != y->load->pinned)
		return x->load->pinned ? -1 : 1;
	return (x->age > y->age) - (x->age < y->age);
}

/* Is this entry to be held? As it was; but a pin that came to its group later holds it too. */
static bool
wants_pin(const struct load *l, const struct tally_table *t)
{
	if (l->flags & F_GROUP_PINNED && !(l->flags & F_PINNED))
		return false;
	return l->group && table_pin_of(t, l->group);
}

/* What the loads will take beyond what is there. */
struct share {
	uint64_t held, held_side, side;
};

static bool
share_hold(struct share *s, const struct tally_table *t, uint32_t side)
{
	if (t->n_pinned + s->held >= t->max - t->max / 4 ||
	    t->elems_pinned + s->held_side + side > t->elems_max / 4 * 3)
		return false;
	s->held++;
	s->held_side += side;
	return true;
}

/* Lists what is not there yet; only when there is not room for all of it, the order matters in which it goes
 * in. Returns how many. */
static uint32_t
list_turns(
    struct reader *r, struct tally_table *t, struct turn *v, uint32_t count, struct tallies_restored *stats)
{
	struct share more = { 0 };
	uint32_t n = 0;

	for (uint32_t k = 0; k < count; k++) {
		struct load *l = &r->loads[k];
		uint32_t side = l->cap > 1 ? l->cap : 0;

		if (l->flags & F_GROUP_PINNED)
			table_restore_pin(t, l->group, l->pin_until);
		if (table_find(t, l->e.key)) {
			stats->known++;
			continue;
		}
		more.side += side;
		v[n++] = (struct turn){ .load = l, .age = t->serial - l->e.used };
		if (wants_pin(l, t)) {
			l->pinned = share_hold(&more, t, side);
			stats->refused += !l->pinned;
		}
	}
	if ((uint64_t)t->n + n <= t->max && t->elems + more.side <= t->elems_max)
		return n;
	if (t->unsorted)
		table_settle(t);
	qsort(v, n, sizeof(*v), by_turn);
	return n;
}

static void
put_in(const struct reader *r, struct tally_table *t, const struct load *l, struct tallies_restored *stats)
{
	struct set set = { r->elems + l->elems, l->n, l->cap };
	uint32_t i;

	if (table_find(t, l->e.key)) {
		stats->known++;
		return;
	}
	i = table_restore(t, &l->e, &set, l->pinned, &stats->dropped);
	if (!i) {
		stats->dropped++;
		return;
	}
	if (l->group && !table_restore_member(t, i, l->group, l->pinned))
		stats->refused++;
}

/* On the table's serials: the later of both goes on. */
static void
take_serial(struct tally_table *t, uint32_t serial)
{
	if (t->serial == 0 || (int32_t)(serial - t->serial) > 0)
		t->serial = serial;
}

/* Reads all of it. */
static int
get_all(struct reader *r, uint32_t count)
{
	r->serial = unpack_u32(&r->u);
	get_pins(r, NULL, NULL);
	if (count > wire_left(&r->u) / ENTRY_BYTES_MIN)
		return ERR_CORRUPT;
	r->loads = xmalloc(((size_t)count + 1) * sizeof(*r->loads));
	r->elems_room = ELEMS_FIRST;
	r->elems = xmalloc(r->elems_room * sizeof(*r->elems));
	for (uint32_t k = 0; k < count && wire_ok(&r->u); k++)
		get_entry(r, &r->loads[k]);
	return wire_done(&r->u) ? 0 : ERR_CORRUPT;
}

static void
put_all(struct reader *r, struct tally_table *t, uint32_t count, struct tallies_restored *stats)
{
	struct turn *v = xmalloc(((size_t)count + 1) * sizeof(*v));
	uint32_t n;

	take_serial(t, r->serial);
	if (t->restored < r->base)
		t->restored = r->base;
	r->u.pos = BLOB_HEAD + sizeof(r->serial);
	get_pins(r, t, stats);
	stats->entries += count;
	n = list_turns(r, t, v, count, stats);
	for (uint32_t k = 0; k < n; k++)
		put_in(r, t, v[k].load, stats);
	xfree(v);
}

int
tallies_restore(struct tallies *tallies, struct now now, struct str bytes, struct tallies_restored *stats)
{
	struct blob head = { .magic = SNAPSHOT_MAGIC, .version = SNAPSHOT_VERSION };
	struct reader r = { .base = now.mono };
	int err = blob_open(bytes, &head, &r.u);

	if (!err) {
		r.base -= now.wall > head.wall ? now.wall - head.wall : 0;
		err = get_all(&r, head.count);
	}
	if (!err)
		put_all(&r, &tallies->table, head.count, stats);
	xfree(r.loads);
	xfree(r.elems);
	return err;
}
