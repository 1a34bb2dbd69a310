/* SPDX-License-Identifier: ISC */
/* What a keeper of tallies must have to be put to the tests of tally_suite.h, and the two that there are. */
#ifndef TALLY_BACKEND_H
#define TALLY_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "store/tallies.h"

enum {
	/* `max` entries and no more: the longest unused goes and is counted, pins hold at most 3/4 */
	HAS_EVICTION = 1,
	/* stats tell its bytes, and sets share so many elements */
	HAS_BYTES = 2,
	/* expire looks at `budget` entries a time */
	HAS_SLICES = 4,
};

/* As in store/tallies.h; what it fills in of an answer for its own undo is its own affair. */
struct tally_backend {
	const char *name;
	unsigned has;
	void *(*new)(uint32_t max);
	void (*free)(void *t);
	void (*submit)(
	    void *t, int64_t mono, const struct tally_op *ops, struct tally_answer *answers, uint32_t n);
	void (*undo)(void *t, const struct tally_op *op, const struct tally_answer *answer);
	void (*pin)(void *t, uint64_t group, int64_t until);
	void (*expire)(void *t, int64_t mono, uint32_t budget);
	void (*stats)(const void *t, struct tallies_stats *out);
};

static inline uint64_t
draw(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state * 0x2545f4914f6cdd1du >> 33) % below;
}

static inline struct key128
key(uint64_t n)
{
	return (struct key128){ n * 0x9e3779b97f4a7c15u + 1, n };
}

/* Any op on one of `keys` entries, some of which are hot, in no group. */
static inline struct tally_op
random_op(uint64_t *rnd, uint64_t keys, uint64_t elems, uint32_t cap)
{
	static const int64_t windows[] = { 0, 50, 400, 9000 };
	uint64_t k = draw(rnd, draw(rnd, 2) ? keys : 6) + 1;
	struct tally_op op = { .kind = (enum tally_kind)(k % TALLY_GET), .key = key(k) };

	if (draw(rnd, 60) == 0)
		op.kind = (enum tally_kind)draw(rnd, TALLY_GET);
	if (draw(rnd, 5) == 0)
		op.kind = TALLY_GET;
	op.elem = draw(rnd, draw(rnd, elems) + 1);
	op.n = (uint32_t)draw(rnd, 6);
	op.window = windows[(k + (draw(rnd, 40) == 0)) % 4];
	op.ttl = (int64_t)draw(rnd, 6) * 300;
	op.cap = (uint32_t)draw(rnd, cap) + 1;
	return op;
}

/* What the caller may see of an answer. */
static inline bool
same_answer(const struct tally_answer *x, const struct tally_answer *y)
{
	return x->known == y->known && x->stored == y->stored && x->elem_known == y->elem_known &&
	    x->sum == y->sum && x->distinct == y->distinct && x->elem_hits == y->elem_hits &&
	    x->ever == y->ever && x->last == y->last && x->last_elem == y->last_elem && x->pace == y->pace &&
	    x->others == y->others && x->forgotten == y->forgotten;
}

/* ---- memory ---- */

static void *
memory_new(uint32_t max)
{
	return tallies_new(max);
}

static void
memory_free(void *t)
{
	tallies_free(t);
}

static void
memory_submit(void *t, int64_t mono, const struct tally_op *ops, struct tally_answer *answers, uint32_t n)
{
	tallies_submit(t, mono, ops, answers, n);
}

static void
memory_undo(void *t, const struct tally_op *op, const struct tally_answer *answer)
{
	tallies_undo(t, op, answer);
}

static void
memory_pin(void *t, uint64_t group, int64_t until)
{
	tallies_pin(t, group, until);
}

static void
memory_expire(void *t, int64_t mono, uint32_t budget)
{
	tallies_expire(t, mono, budget);
}

static void
memory_stats(const void *t, struct tallies_stats *out)
{
	tallies_stats(t, out);
}

static const struct tally_backend backend_memory = {
	"memory",
	HAS_EVICTION | HAS_BYTES | HAS_SLICES,
	memory_new,
	memory_free,
	memory_submit,
	memory_undo,
	memory_pin,
	memory_expire,
	memory_stats,
};

#endif
