/* SPDX-License-Identifier: ISC */
/*
 * Where the tallies keep their entries; tallies.c says what an entry means. There may be millions of them, so
 * each byte of one counts: 88, with what finds it some 94.
 *
 *	heads[hash] -> entry -> entry      chains through u32 indexes into a slab that never moves
 *	lru[narrow], lru[wide]             unpinned entries, oldest first; wide = elements in a side
 *	group_heads[hash] -> entry <-> ... members of groups that are not pinned, mixed where hashes meet
 *	pin -> entry <-> entry             members that are held; a pin is looked for by its group
 *	pins                               heap of pins, the earliest end on top
 *
 * So a group costs nothing but its members, and pinning and releasing cost as much as the group is large.
 * Index 0 means none. Pinned entries (and the elements on their side) take at most 3/4 of the room.
 */
#ifndef STORE_TALLY_TABLE_H
#define STORE_TALLY_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/map.h"
#include "mail/tally.h"
#include "store/tallies.h"
#include "store/tally_pace.h"

/* Milliseconds in six bytes: 4400 years in both directions. Negative ones lie before the machine's start. */
struct ms48 {
	uint16_t w[3];
};

static inline int64_t
ms48_get(struct ms48 m)
{
	return (int64_t)m.w[0] | (int64_t)m.w[1] << 16 | (int64_t)(int16_t)m.w[2] * ((int64_t)1 << 32);
}

static inline struct ms48
ms48_of(int64_t v)
{
	const int64_t max = ((int64_t)1 << 47) - 1;

	if (v < -max)
		v = -max;
	if (v > max)
		v = max;
	return (struct ms48){ { (uint16_t)v, (uint16_t)(v >> 16), (uint16_t)(v >> 32) } };
}

/* How long, in four bytes: to the millisecond up to 24 days, then in full seconds, 68 years at most. */
static const uint32_t span_seconds = (uint32_t)1 << 31;

static inline uint32_t
span_of(int64_t ms)
{
	int64_t s;

	if (ms <= 0)
		return 0;
	if (ms < span_seconds)
		return (uint32_t)ms;
	s = ms / 1000 + (ms % 1000 != 0);
	return span_seconds | (uint32_t)(s < span_seconds ? s : span_seconds - 1);
}

static inline int64_t
span_get(uint32_t span)
{
	return span & span_seconds ? (int64_t)(span & ~span_seconds) * 1000 : span;
}

/* One element of a DISTINCT. `older`: it has kept hits from before `first`, so it stays without any. */
struct elem {
	uint64_t id;
	uint32_t hits : 31, older : 1;
	struct ms48 first, last;
};

/* One of the two smallest numbers of a MIN; without hits there is none. */
struct low {
	uint32_t v;
	uint16_t hits;
	struct ms48 since;
};

enum { LOWS = 2 };

enum { LRU_NARROW, LRU_WIDE, LRU_LISTS };

enum { BORN_BITS = 14, BORN_MASK = (1 << BORN_BITS) - 1 };

/* How the elements of a DISTINCT are kept: none, one, two that came together and were not touched since (as
 * what one message counts in one set), or any on the side. */
enum { FORM_NONE, FORM_ONE, FORM_TWINS, FORM_SIDE };

struct side {
	uint16_t n, cap;
	struct elem v[];
};

struct entry {
	struct key128 key;
	union {
		struct {
			uint64_t cur, prev;
			int64_t start; /* of the present span */
		} sum;
		struct low low[LOWS]; /* the smallest first */
		uint64_t mark;
		struct {
			uint64_t elem; /* of the last kept op */
			struct ms48 start;
			uint16_t cur, prev;
			struct pace48 pace;
		} turn;
		struct elem one;
		struct {
			uint64_t id[2];
			struct ms48 at;
		} twins;
		struct side *many;
	} u;
	uint32_t chain;
	uint32_t older, newer; /* lru */
	uint32_t gprev, gnext; /* members of the group, and of others while it is not pinned */
	uint32_t used;         /* serial of the last op at all: age in the lru */
	uint32_t touched;      /* ... of the last kept touch */
	uint32_t span;         /* how long after `last` it lives */
	uint16_t group[3];     /* 48 bits of its number, 0 = none */
	struct ms48 last;
	uint32_t kind : 3; /* enum tally_kind */
	uint32_t pinned : 1;
	uint32_t form : 2;
	uint32_t born : BORN_BITS; /* of the serial of the op that made it, the low bits */
	uint32_t kept : 12;        /* DISTINCT: elements since it began; otherwise ops that were not undone */
};

_Static_assert(sizeof(struct entry) == 88, "each byte counts a million times");

/* A group that is held, with or without members. */
struct pin {
	uint64_t group;
	int64_t until;
	uint32_t head, tail; /* its members, those pinned first in front */
	uint32_t heap;       /* place in pins */
	bool crowded;        /* there were members for which there was no room: they are not held */
};

struct lru {
	uint32_t oldest, newest;
};

struct tally_table {
	uint32_t max, n, n_pinned;
	uint32_t n_heads; /* a power of two */
	unsigned shift;   /* the head of a key: its highest bits, so that a part is a range of heads */
	uint32_t *heads;
	struct entry *slab; /* of `max` and one, of which memory is taken as they are used */
	uint32_t n_slots, free_slot;
	struct lru lru[LRU_LISTS];
	uint32_t serial;
	int64_t now;      /* the latest time seen */
	int64_t restored; /* no restored entry was touched later than that */
	bool unsorted;    /* restored entries stand anywhere in the lru lists */

	uint64_t elems, elems_max, elems_pinned; /* on the side */
	uint32_t sides, twins; /* entries of these forms; twins stand in `elems` as if on a side */

	uint32_t *group_heads;
	unsigned group_shift;
	struct map pins_by_group;
	struct pin **pins; /* [0] unused */
	uint32_t n_pins, pins_cap;
	uint64_t no_pin; /* a group that was looked for and has none, since the last one came; 0: not known */

	uint32_t cursor; /* of table_expire() */
	uint64_t evicted, refused;
	int64_t marks_until; /* some mark that had to go for want of room would stand until then */
};

struct tallies {
	struct tally_table table;
};

static inline struct entry *
table_at(const struct tally_table *t, uint32_t i)
{
	return &t->slab[i];
}

/* Not of twins. */
static inline struct elem *
entry_elems(struct entry *e)
{
	return e->form == FORM_SIDE ? e->u.many->v : &e->u.one;
}

/* To be looked at: twins are written into `room`, which is of two. */
static inline const struct elem *
entry_view(struct entry *e, struct elem *room)
{
	if (e->form != FORM_TWINS)
		return entry_elems(e);
	for (int k = 0; k < 2; k++)
		room[k] = (struct elem){ e->u.twins.id[k], 1, 0, e->u.twins.at, e->u.twins.at };
	return room;
}

static inline uint32_t
entry_n(const struct entry *e)
{
	return e->form == FORM_SIDE ? e->u.many->n : e->form;
}

/* Not of twins. */
static inline void
entry_set_n(struct entry *e, uint32_t n)
{
	if (e->form == FORM_SIDE)
		e->u.many->n = (uint16_t)n;
	else
		e->form = n ? FORM_ONE : FORM_NONE;
}

/* Elements on the side that it has room for. */
static inline uint32_t
entry_side(const struct entry *e)
{
	return e->form == FORM_SIDE ? e->u.many->cap : e->form == FORM_TWINS ? 2 : 0;
}

enum { GROUP_BITS = 48 };

/* Groups go by so many bits: a caller's own numbers may come in order, so they are spread first. Never 0. */
static inline uint64_t
group_of(uint64_t id)
{
	uint64_t group = id * 0x9e3779b97f4a7c15u >> (64 - GROUP_BITS);

	return group ? group : 1;
}

static inline uint64_t
entry_group(const struct entry *e)
{
	return (uint64_t)e->group[0] | (uint64_t)e->group[1] << 16 | (uint64_t)e->group[2] << 32;
}

/* Past its ttl, and no pin holds it. */
static inline bool
entry_dead(const struct entry *e, int64_t now)
{
	return !e->pinned && now >= ms48_get(e->last) + span_get(e->span);
}

/* Zeroed, as xcalloc(), on large pages. */
void *table_pages(size_t count, size_t n);

void table_init(struct tally_table *t, uint32_t max);
void table_fini(struct tally_table *t);

/* Takes note of the time; releases pins that have ended. */
void table_tick(struct tally_table *t, int64_t now);
uint32_t table_serial(struct tally_table *t); /* never 0 */

uint32_t table_find(const struct tally_table *t, struct key128 key); /* 0 = none */

/* These ops come next: memory is told which entries and groups will be looked for. */
void table_expect(const struct tally_table *t, const struct tally_op *ops, uint32_t n);
void table_fetch(const struct tally_table *t, const struct tally_op *ops, uint32_t n);
void table_fetch_next(const struct tally_table *t, const struct tally_op *ops, uint32_t n);

/* A zeroed entry that is linked in; makes room when there is none. 0 when that was not possible. */
uint32_t table_add(struct tally_table *t, struct key128 key) MUSTCHECK;
void table_remove(struct tally_table *t, uint32_t i);

/* The entry is the youngest now. */
void table_use(struct tally_table *t, uint32_t i);

/* Groups here are group_of() what the caller names. */

/* Puts the entry into the group, and under the group's pin if there is one. */
void table_join(struct tally_table *t, uint32_t i, uint64_t group);

/* One more element; may evict others. false: there is no room. */
bool table_put(struct tally_table *t, uint32_t i, const struct elem *x) MUSTCHECK;
/* Twins go on the side, where each may change. */
void table_spread(struct tally_table *t, uint32_t i);
/* Gives back room that is no longer needed. */
void table_shrink(struct tally_table *t, uint32_t i);

void table_pin(struct tally_table *t, uint64_t group, int64_t until);
void table_expire(struct tally_table *t, uint32_t budget);
uint64_t table_bytes(const struct tally_table *t);

/* For the snapshots. */
static inline uint32_t *
table_head(const struct tally_table *t, uint64_t lo)
{
	return &t->heads[lo >> t->shift];
}

struct set {
	const struct elem *v;
	uint16_t n, cap;
};

/* Puts an entry back, not pinned and in no group. When there is no room, older ones go and are counted in
 * *dropped; 0: all others are younger, so it is this one that goes. `force`: others go, whatever their age.
 * Give those of one piece youngest first, with table_settle() before when they may not find room. */
uint32_t table_restore(struct tally_table *t, const struct entry *like, const struct set *set, bool force,
    uint64_t *dropped) MUSTCHECK;
/* Puts the lru lists in order after that. */
void table_settle(struct tally_table *t);

/* As table_pin(), but a pin that is there already is never cut short. false: there is no room for it. */
bool table_restore_pin(struct tally_table *t, uint64_t group, int64_t until);
const struct pin *table_pin_of(const struct tally_table *t, uint64_t group); /* NULL: none */
/* Into the group as it was, held or not, whatever the group's pin says. false: not held for lack of room. */
bool table_restore_member(struct tally_table *t, uint32_t i, uint64_t group, bool pinned);

#endif
