/* SPDX-License-Identifier: ISC */
/*
 * Where the tallies keep their entries; tallies.c says what an entry means.
 *
 *	heads[hash] -> entry -> entry      chains through u32 indexes into a slab that never moves
 *	lru[narrow], lru[wide]             unpinned entries, oldest first; wide = elements in a side
 *	allocation group -> its entries               unpinned members in front, pinned ones behind, so
 *	                                   that pinning and releasing cost as much as the group is large
 *	pins                               heap of pinned groups, the earliest end on top
 *
 * Index 0 means none. Pinned entries (and the elements on their side) take at most 3/4 of the room.
 */
#ifndef STORE_TALLY_TABLE_H
#define STORE_TALLY_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/hash.h"
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
		struct elem *many; /* when cap > 1 */
	} u;
	uint32_t chain;
	uint32_t group;         /* index into groups */
	uint32_t older, newer;  /* lru */
	uint32_t gprev, gnext;  /* members of the group */
	uint32_t born, touched; /* serial of the op that made it, of the last kept touch */
	uint32_t used;          /* serial of the last op at all: age in the lru */
	uint32_t kept;          /* DISTINCT: elements since it began; otherwise ops that were not undone */
	struct ms48 first, last, until;
	uint16_t n, cap; /* elements, and how many have room */
	uint8_t kind;    /* enum tally_kind */
	bool pinned;
};

struct group {
	uint64_t id;
	int64_t until;
	uint32_t chain;
	uint32_t head, tail;
	uint32_t n;
	uint32_t heap; /* place in pins, 0 = not pinned */
};

struct lru {
	uint32_t oldest, newest;
};

struct tally_table {
	uint32_t max, n, n_pinned;
	uint32_t n_heads; /* a power of two, the same for groups */
	unsigned shift;   /* the head of a key: its highest bits, so that a part is a range of heads */
	uint32_t *heads;
	struct entry **blocks;
	uint32_t n_slots, free_slot;
	struct lru lru[LRU_LISTS];
	uint32_t serial;
	int64_t now;      /* the latest time seen */
	int64_t restored; /* no restored entry was touched later than that */
	bool unsorted;    /* restored entries stand anywhere in the lru lists */

	uint64_t elems, elems_max, elems_pinned; /* on the side */

	struct group *groups; /* [0] unused */
	uint32_t *group_heads;
	uint32_t groups_used, groups_cap, free_group;
	uint32_t *pins; /* [0] unused */
	uint32_t n_pins, pins_cap;

	uint32_t cursor; /* of table_expire() */
	uint64_t evicted, refused;
};

enum { TALLY_BLOCK = 1024 };

struct tallies {
	struct tally_table table;
};

static inline struct entry *
table_at(const struct tally_table *t, uint32_t i)
{
	return &t->blocks[i / TALLY_BLOCK][i % TALLY_BLOCK];
}

static inline struct elem *
entry_elems(struct entry *e)
{
	return e->cap > 1 ? e->u.many : &e->u.one;
}

/* Past its ttl, and no pin holds it. */
static inline bool
entry_dead(const struct entry *e, int64_t now)
{
	return !e->pinned && now >= ms48_get(e->until);
}

void table_init(struct tally_table *t, uint32_t max);
void table_fini(struct tally_table *t);

/* Takes note of the time; releases pins that have ended. */
void table_tick(struct tally_table *t, int64_t now);
uint32_t table_serial(struct tally_table *t); /* never 0 */

uint32_t table_find(const struct tally_table *t, struct key128 key); /* 0 = none */

/* These ops come next: memory is told which entries and groups will be looked for. */
void table_fetch(const struct tally_table *t, const struct tally_op *ops, uint32_t n);

/* A zeroed entry that is linked in; makes room when there is none. 0 when that was not possible. */
uint32_t table_add(struct tally_table *t, struct key128 key) MUSTCHECK;
void table_remove(struct tally_table *t, uint32_t i);

/* The entry is the youngest now. */
void table_use(struct tally_table *t, uint32_t i);

/* Puts the entry into the group (0: leaves it where it is), and under the group's pin if there is one. */
void table_join(struct tally_table *t, uint32_t i, uint64_t group);

/* Room for n elements; may evict others. false: there is none. */
bool table_reserve(struct tally_table *t, uint32_t i, uint32_t n) MUSTCHECK;
/* Gives back room that is no longer needed. */
void table_shrink(struct tally_table *t, uint32_t i);

void table_pin(struct tally_table *t, uint64_t group, int64_t until);
void table_unpin(struct tally_table *t, uint64_t group);
void table_expire(struct tally_table *t, uint32_t budget);
uint64_t table_bytes(const struct tally_table *t);

/* For the snapshots. */
static inline uint32_t *
table_head(const struct tally_table *t, uint64_t lo)
{
	return &t->heads[lo >> t->shift];
}

/* Puts an entry back, not pinned and in no group. When there is no room, older ones go and are counted in
 * *dropped; 0: all others are younger, so it is this one that goes. `force`: others go, whatever their age.
 * Give those of one piece youngest first, with table_settle() before when they may not find room. */
uint32_t table_restore(struct tally_table *t, const struct entry *like, const struct elem *elems, bool force,
    uint64_t *dropped) MUSTCHECK;
/* Puts the lru lists in order after that. */
void table_settle(struct tally_table *t);

/* As table_pin(), but a pin that is there already is never cut short. false: there is no room for it. */
bool table_restore_pin(struct tally_table *t, uint64_t group, int64_t until);
bool table_pinned(const struct tally_table *t, uint64_t group);
/* Into the group as it was, held or not, whatever the group's pin says. false: not held for lack of room. */
bool table_restore_member(struct tally_table *t, uint32_t i, uint64_t group, bool pinned);

#endif
