/* SPDX-License-Identifier: ISC */
/*
 * What every keeper of tallies must do: named checks that run over each row of a table of backends. A check
 * that asks for what only some have (enum of tally_backend.h) says so in its row and is left out for the
 * others.
 */
#ifndef TALLY_SUITE_H
#define TALLY_SUITE_H

#include <criterion/criterion.h>

#include "tally_backend.h"

struct rig {
	const struct tally_backend *b;
	const char *check;
	void *t; /* a fresh one of 16 entries, unless the check asks for another */
};

struct tally_check {
	const char *name;
	unsigned needs;
	void (*run)(struct rig *r);
};

/* An expectation that says whose it is. */
#define EXPECT_EQ(r, got, want)                                                                          \
	do {                                                                                             \
		long long got_ = (long long)(got), want_ = (long long)(want);                            \
		cr_expect(got_ == want_, "%s: %s: %s is %lld, not %lld", (r)->b->name, (r)->check, #got, \
		    got_, want_);                                                                        \
	} while (0)
#define EXPECT(r, what) cr_expect(what, "%s: %s: %s", (r)->b->name, (r)->check, #what)
#define EXPECT_NOT(r, what) cr_expect(!(what), "%s: %s: not %s", (r)->b->name, (r)->check, #what)

static inline void
renew(struct rig *r, uint32_t max)
{
	r->b->free(r->t);
	r->t = r->b->new (max);
}

static inline struct tally_op
op_of(enum tally_kind kind, uint64_t k)
{
	return (
	    struct tally_op){ .kind = kind, .key = key(k), .n = 1, .window = 1000, .ttl = 100000, .cap = 3 };
}

static inline struct tally_op
op_elem(enum tally_kind kind, uint64_t k, uint64_t elem)
{
	struct tally_op op = op_of(kind, k);

	op.elem = elem;
	return op;
}

static inline struct tally_op
op_n(enum tally_kind kind, uint64_t k, uint32_t n)
{
	struct tally_op op = op_of(kind, k);

	op.n = n;
	return op;
}

static inline struct tally_answer
ask(struct rig *r, int64_t at, struct tally_op op)
{
	struct tally_answer a;

	r->b->submit(r->t, at, &op, &a, 1);
	return a;
}

static inline struct tally_answer
look(struct rig *r, int64_t at, uint64_t k)
{
	return ask(r, at, op_of(TALLY_GET, k));
}

static inline void
undo(struct rig *r, struct tally_op op, struct tally_answer a)
{
	r->b->undo(r->t, &op, &a);
}

static inline struct tallies_stats
stats(struct rig *r)
{
	struct tallies_stats s;

	r->b->stats(r->t, &s);
	return s;
}

static inline void
run_checks(const struct tally_backend *b, const struct tally_check *checks, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rig r = { b, checks[i].name, NULL };

		if (checks[i].needs & ~b->has)
			continue;
		r.t = b->new (16);
		checks[i].run(&r);
		b->free(r.t);
	}
}

#endif
