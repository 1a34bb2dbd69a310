/* SPDX-License-Identifier: ISC */
/* What the tests of snapshots share. */
#ifndef TEST_SNAPSHOT_RIG_H
#define TEST_SNAPSHOT_RIG_H

#include <criterion/criterion.h>

#include "base/clock.h"
#include "tally_backend.h"

static const struct now then = { 10 * MS_DAY, 1700000000000 };

static inline struct tallies_stats
stats(const struct tallies *t)
{
	struct tallies_stats s;

	tallies_stats(t, &s);
	return s;
}

/* All parts of `from` at `when` into `to` at `now`, the parts in an order of their own. */
static inline struct tallies_restored
carry(const struct tallies *from, struct now when, struct tallies *to, struct now now)
{
	struct tallies_restored got = { 0 };
	struct buf out;

	buf_init(&out, 0);
	for (uint32_t k = 0; k < TALLY_PARTS; k++) {
		buf_reset(&out);
		tallies_snapshot(from, k * 37 % TALLY_PARTS, when, &out);
		cr_assert_eq(tallies_restore(to, now, buf_str(&out), &got), 0);
	}
	buf_fini(&out);
	return got;
}

/* b's answer as it would be on a's clock. */
static inline struct tally_answer
on_clock_of_a(struct tally_answer b, int64_t shift)
{
	b.at -= shift;
	b.before_at -= b.before_at ? shift : 0;
	b.last -= b.known ? shift : 0;
	return b;
}

/* What the next undo goes by, too. */
static inline bool
same(struct tally_answer x, struct tally_answer y)
{
	return same_answer(&x, &y) && x.ref == y.ref && x.ref_before == y.ref_before && x.born == y.born &&
	    x.at == y.at && x.before == y.before && x.before_at == y.before_at;
}

static inline struct tally_op
op_of(enum tally_kind kind, uint64_t k)
{
	return (struct tally_op){
		.kind = kind, .key = key(k), .n = 1, .window = MS_HOUR, .ttl = MS_DAY, .cap = 8, .elem = 1
	};
}

static inline struct tally_answer
ask(struct tallies *t, int64_t at, struct tally_op op)
{
	struct tally_answer a;

	tallies_submit(t, at, &op, &a, 1);
	return a;
}

#endif
