/* SPDX-License-Identifier: ISC */
/* What each kind counts: an entry's ops in turn, and what each is answered. */
#ifndef TALLY_SUITE_KINDS_H
#define TALLY_SUITE_KINDS_H

#include "tally_suite.h"

/* Window 1000, cap 3, time to live 100000. */
struct row {
	enum tally_kind kind;
	int64_t at;
	uint32_t n;
	uint64_t elem;
	bool known, stored, elem_known;
	uint64_t sum;
	uint32_t distinct, hits, ever;
	int64_t last;
	uint64_t last_elem;
	int64_t pace;
};

static void
play(struct rig *r, const struct row *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct row *w = &rows[i];
		struct tally_op op = op_of(w->kind, 7);
		struct tally_answer a, want = { .known = w->known, .stored = w->stored, .sum = w->sum };

		want.elem_known = w->elem_known;
		want.distinct = w->distinct;
		want.elem_hits = w->hits;
		want.ever = w->ever;
		want.last = w->last;
		want.last_elem = w->last_elem;
		want.pace = w->pace;
		op.n = w->n;
		op.elem = w->elem;
		a = ask(r, w->at, op);
		want.others = a.others; /* told by a check of its own */
		cr_expect(same_answer(&a, &want),
		    "%s: %s: row %u: %d%d%d sum %llu distinct %u hits %u ever %u last %lld of %llu pace %lld",
		    r->b->name, r->check, i, a.known, a.stored, a.elem_known, (unsigned long long)a.sum,
		    a.distinct, a.elem_hits, a.ever, (long long)a.last, (unsigned long long)a.last_elem,
		    (long long)a.pace);
	}
}

#define PLAY(r, rows) play(r, rows, ARRAY_LEN(rows))

static void
add_slides(struct rig *r)
{
	static const struct row rows[] = {
		/* kind, at, n, elem, known, stored, elem_known, sum, distinct, hits, ever, last, last_elem */
		{ TALLY_GET, 9000, 0, 0, false, false, false, 0, 0, 0, 0, 0, 0, 0 },
		{ TALLY_ADD, 10000, 8, 0, false, true, false, 8, 0, 0, 0, 0, 0, 0 },
		{ TALLY_ADD, 10999, 2, 0, true, true, false, 10, 0, 0, 0, 10000, 0, 0 },
		{ TALLY_GET, 11000, 0, 0, true, false, false, 10, 0, 0, 0, 10999, 0, 0 },
		/* the next span has begun: all of the former is within reach, then 3/4, 1/2 */
		{ TALLY_ADD, 11000, 1, 0, true, true, false, 11, 0, 0, 0, 10999, 0, 0 },
		{ TALLY_GET, 11250, 0, 0, true, false, false, 9, 0, 0, 0, 11000, 0, 0 }, /* 1 + 7.5 up */
		{ TALLY_GET, 11500, 0, 0, true, false, false, 6, 0, 0, 0, 11000, 0, 0 },
		{ TALLY_GET, 11999, 0, 0, true, false, false, 2, 0, 0, 0, 11000, 0, 0 },
		{ TALLY_GET, 12000, 0, 0, true, false, false, 1, 0, 0, 0, 11000, 0, 0 },
		{ TALLY_GET, 12999, 0, 0, true, false, false, 1, 0, 0, 0, 11000, 0, 0 },
		{ TALLY_GET, 13000, 0, 0, true, false, false, 0, 0, 0, 0, 11000, 0, 0 },
		{ TALLY_ADD, 13001, 4000000000u, 0, true, true, false, 4000000000u, 0, 0, 0, 11000, 0, 0 },
		{ TALLY_ADD, 13002, 4000000000u, 0, true, true, false, 8000000000u, 0, 0, 0, 13001, 0, 0 },
	};

	PLAY(r, rows);
}

/* A steady stream is counted exactly, from its second window on. */
static void
add_is_exact_for_a_steady_stream(struct rig *r)
{
	for (int64_t at = 10000; at < 20000; at += 10) {
		struct tally_answer a = ask(r, at, op_of(TALLY_ADD, 1));

		if (at >= 11000)
			EXPECT(r, a.sum == 100 || a.sum == 101);
		else
			EXPECT_EQ(r, a.sum, (at - 10000) / 10 + 1);
	}
}

/* What a rule makes of a sum: beyond the limit nothing passes, and what did not pass is taken back. */
static bool
passes(struct rig *r, int64_t at, uint64_t limit)
{
	struct tally_op op = op_of(TALLY_ADD, 1);
	struct tally_answer a = ask(r, at, op);

	if (a.sum <= limit)
		return true;
	undo(r, op, a);
	return false;
}

/* Bursts of all sizes: in no window more than twice the limit pass; and of a sender who sees to it that no
 * window has more than half of it, everything. */
static void
add_is_bounded_in_every_window(struct rig *r)
{
	enum { LIMIT = 10, SENT = 20000, WINDOW = 1000 };
	static int64_t passed[SENT];

	for (int modest = 0; modest < 2; modest++) {
		uint64_t rnd = 0xb0d5b0d5u, most = 0, stopped = 0, n = 0, from = 0;
		int64_t at = 5000;

		renew(r, 16);
		for (unsigned i = 0; i < SENT; i++) {
			at += draw(&rnd, 12) ? (int64_t)draw(&rnd, 40) : (int64_t)draw(&rnd, 2500);
			while (from < n && at - passed[from] >= WINDOW)
				from++;
			if (modest && n - from >= LIMIT / 2)
				continue;
			if (passes(r, at, LIMIT))
				passed[n++] = at;
			else
				stopped++;
			most = n - from > most ? n - from : most;
		}
		EXPECT(r, n > 1000);
		EXPECT(r, modest ? stopped == 0 && most == LIMIT / 2 : most > LIMIT && most <= 2 * LIMIT);
	}
}

static void
distinct_counts(struct rig *r)
{
	static const struct row rows[] = {
		{ TALLY_DISTINCT, 1000, 0, 11, false, true, false, 0, 1, 1, 0, 0, 0, 0 },
		{ TALLY_DISTINCT, 1001, 0, 11, true, true, true, 0, 1, 2, 0, 1000, 11, 0 },
		{ TALLY_DISTINCT, 1002, 0, 22, true, true, false, 0, 2, 1, 1, 1001, 11, 0 },
		{ TALLY_DISTINCT, 1003, 0, 33, true, true, false, 0, 3, 1, 2, 1002, 22, 0 },  /* the cap */
		{ TALLY_DISTINCT, 1004, 0, 44, true, false, false, 0, 4, 1, 3, 1003, 33, 0 }, /* one more */
		{ TALLY_GET, 1005, 0, 44, true, false, false, 0, 3, 0, 3, 1003, 33, 0 },
		{ TALLY_GET, 1005, 0, 22, true, false, true, 0, 3, 1, 2, 1003, 33, 0 },
		{ TALLY_DISTINCT, 1005, 0, 11, true, true, true, 0, 3, 3, 2, 1003, 33, 0 },
		/* 11 again, a window after the first of its hits: they begin anew; 22 and 33 drop out by
		 * and by */
		{ TALLY_DISTINCT, 2001, 0, 33, true, true, true, 0, 3, 2, 2, 1005, 11, 0 },
		{ TALLY_DISTINCT, 2002, 0, 11, true, true, true, 0, 2, 1, 2, 2001, 33, 0 },
		{ TALLY_DISTINCT, 2003, 0, 22, true, true, false, 0, 3, 1, 3, 2002, 11, 0 },
		{ TALLY_GET, 3002, 0, 22, true, false, true, 0, 1, 1, 3, 2003, 22, 0 },
		{ TALLY_GET, 3003, 0, 22, true, false, false, 0, 0, 0, 4, 2003, 22, 0 },
	};

	PLAY(r, rows);
}

static void
distinct_has_a_cap_of_its_own(struct rig *r)
{
	struct tally_op op = op_of(TALLY_DISTINCT, 1);

	op.cap = TALLY_CAP_MAX + 1; /* taken as TALLY_CAP_MAX */
	for (uint64_t e = 0; e < TALLY_CAP_MAX; e++) {
		op.elem = e;
		EXPECT(r, ask(r, 1000, op).stored);
	}
	op.elem = TALLY_CAP_MAX;
	EXPECT_NOT(r, ask(r, 1000, op).stored);
	EXPECT_EQ(r, ask(r, 1000, op).distinct, TALLY_CAP_MAX + 1);
	op.cap = 0; /* taken as 1 */
	op.key = key(2);
	EXPECT_EQ(r, ask(r, 1000, op).distinct, 1);
	op.elem = 1;
	EXPECT_EQ(r, ask(r, 1000, op).distinct, 2);
}

static void
min_keeps_the_smallest(struct rig *r)
{
	static const struct row rows[] = {
		{ TALLY_MIN, 1000, 5, 0, false, true, false, 5, 0, 0, 0, 0, 0, 0 },
		{ TALLY_MIN, 1001, 7, 0, true, true, false, 5, 0, 0, 0, 1000, 0, 0 },
		{ TALLY_MIN, 1002, 3, 0, true, true, false, 3, 0, 0, 0, 1001, 0, 0 },
		{ TALLY_GET, 2001, 0, 0, true, false, false, 3, 0, 0, 0, 1002, 0, 0 },
		{ TALLY_MIN, 2002, 9, 0, true, true, false, 9, 0, 0, 0, 1002, 0, 0 },
		/* what is older goes, the next one stands */
		{ TALLY_MIN, 2500, 4, 0, true, true, false, 4, 0, 0, 0, 2002, 0, 0 },
		{ TALLY_MIN, 2600, 6, 0, true, true, false, 4, 0, 0, 0, 2500, 0, 0 },
		{ TALLY_GET, 3499, 0, 0, true, false, false, 4, 0, 0, 0, 2600, 0, 0 },
		{ TALLY_GET, 3500, 0, 0, true, false, false, 6, 0, 0, 0, 2600, 0, 0 },
		{ TALLY_MIN, 3599, UINT32_MAX, 0, true, true, false, 6, 0, 0, 0, 2600, 0, 0 },
		{ TALLY_GET, 3600, 0, 0, true, false, false, UINT32_MAX, 0, 0, 0, 3599, 0, 0 },
		{ TALLY_GET, 4599, 0, 0, true, false, false, 0, 0, 0, 0, 3599, 0, 0 },
		{ TALLY_MIN, 5000, 0, 0, true, true, false, 0, 0, 0, 0, 3599, 0, 0 },
	};

	PLAY(r, rows);
}

static void
mark_stands_until_its_time(struct rig *r)
{
	static const struct row rows[] = {
		{ TALLY_MARK, 1000, 0, 5, false, true, false, 0, 0, 0, 0, 0, 0, 0 },
		{ TALLY_MARK, 1001, 0, 5, true, true, true, 0, 0, 0, 0, 1000, 5, 0 },
		{ TALLY_MARK, 1002, 0, 6, true, true, false, 0, 0, 0, 0, 1001, 5, 0 },
		{ TALLY_GET, 101001, 0, 6, true, false, true, 0, 0, 0, 0, 1002, 6, 0 },
		{ TALLY_GET, 101002, 0, 6, false, false, false, 0, 0, 0, 0, 0, 0, 0 },
		{ TALLY_MARK, 101002, 0, 5, false, true, false, 0, 0, 0, 0, 0, 0, 0 },
	};

	PLAY(r, rows);
}

static void
turn_counts_who_answers(struct rig *r)
{
	static const struct row rows[] = {
		/* ..., last, last_elem, pace: the middle of its step, 128 + a multiple of 256 */
		{ TALLY_TURN, 10000, 9, 1, false, true, false, 1, 0, 0, 0, 0, 0, 0 },
		{ TALLY_TURN, 10100, 9, 1, true, true, true, 1, 0, 0, 0, 10000, 1, 0 },
		{ TALLY_TURN, 10200, 9, 2, true, true, false, 2, 0, 0, 0, 10100, 1, 128 },
		{ TALLY_GET, 10300, 0, 2, true, false, true, 2, 0, 0, 0, 10200, 2, 128 },
		{ TALLY_GET, 10300, 0, 1, true, false, false, 2, 0, 0, 0, 10200, 2, 128 },
		{ TALLY_TURN, 10500, 9, 1, true, true, false, 3, 0, 0, 0, 10200, 2, 384 },
		{ TALLY_TURN, 10800, 9, 0, true, true, false, 4, 0, 0, 0, 10500, 1, 384 },
		/* all three within the new span's reach, then less; nearly a window ago is still the last */
		{ TALLY_TURN, 11000, 9, 0, true, true, true, 4, 0, 0, 0, 10800, 0, 384 },
		{ TALLY_GET, 11500, 0, 0, true, false, true, 2, 0, 0, 0, 11000, 0, 384 },
		{ TALLY_GET, 11999, 0, 0, true, false, true, 1, 0, 0, 0, 11000, 0, 384 },
		{ TALLY_GET, 12000, 0, 0, true, false, false, 0, 0, 0, 0, 11000, 0, 0 },
		/* a window of silence: the same element is a turn again, how long it took is not known */
		{ TALLY_TURN, 12000, 9, 0, true, true, false, 1, 0, 0, 0, 11000, 0, 0 },
		{ TALLY_TURN, 12999, 9, 5, true, true, false, 2, 0, 0, 0, 12000, 0, 896 },
		{ TALLY_TURN, 13998, 9, 5, true, true, true, 1, 0, 0, 0, 12999, 5, 896 },
		{ TALLY_TURN, 14998, 9, 6, true, true, false, 1, 0, 0, 0, 13998, 5, 0 },
	};

	PLAY(r, rows);
}

static void
turn_counts_so_many(struct rig *r)
{
	for (uint64_t k = 1; k <= TALLY_TURNS_MAX + 1; k++) {
		struct tally_answer a = ask(r, 1000, op_elem(TALLY_TURN, 1, k % 2));

		if (k >= TALLY_TURNS_MAX)
			EXPECT_EQ(r, a.sum, TALLY_TURNS_MAX);
	}
	/* the span after it counts as many again */
	for (uint64_t k = 1; k <= 3; k++)
		EXPECT_EQ(r, ask(r, 2000, op_elem(TALLY_TURN, 1, 1 + k % 2)).sum, TALLY_TURNS_MAX + k);
}

/* The last four of each, whoever else speaks twice. */
static void
pace_is_that_of_the_slower_one(struct rig *r)
{
	static const int64_t gaps[] = { 900000, 20000, 25000, 30000, 35000, 3600000, 40000, 22000, 27000 };
	static const int64_t median[] = { 900000, 900000, 462500, 462500, 35000, 35000, 37500, 37500, 31000 };
	static const int64_t others[] = { 0, 900000, 20000, 462500, 25000, 35000, 30000, 37500, 26000 };
	struct tally_op op = op_elem(TALLY_TURN, 1, 1);
	int64_t at = 1000000;

	op.window = op.ttl = MS_DAY;
	ask(r, at, op);
	for (unsigned i = 0; i < ARRAY_LEN(gaps); i++) {
		struct tally_answer a;

		op.elem = 1 + i % 2;
		ask(r, at += 60000, op);
		op.elem = 2 - i % 2;
		a = ask(r, at += gaps[i], op);
		EXPECT_EQ(r, a.sum, i + 2);
		cr_expect(llabs(a.pace - median[i]) <= median[i] / 8, "%s: row %u: %lld", r->b->name, i,
		    (long long)a.pace);
		cr_expect(llabs(a.others - others[i]) <= others[i] / 8, "%s: row %u: %u", r->b->name, i,
		    a.others);
	}
}

/* Everything that is on the edge of a window, for each kind: one ms before it counts, on it no more. */
static void
windows_end_on_the_millisecond(struct rig *r)
{
	const int64_t day = MS_DAY, start = 3000 * day;
	struct tally_op op = op_elem(TALLY_DISTINCT, 1, 5);

	op.window = op.ttl = 400 * day;
	ask(r, start, op);
	EXPECT_EQ(r, ask(r, start + 400 * day - 1, op).elem_hits, 2);
	EXPECT_EQ(r, ask(r, start + 400 * day, op).elem_hits, 1);
	EXPECT(r, ask(r, start + 800 * day - 1, op).elem_known);
	EXPECT_NOT(r, ask(r, start + 1200 * day, op).known);
	op.kind = TALLY_ADD;
	op.key = key(2);
	op.n = 10;
	op.ttl = 800 * day;
	ask(r, start + 1200 * day, op);
	EXPECT_EQ(r, ask(r, start + 1800 * day, op).sum, 15);
#ifdef __SIZEOF_INT128__ /* or the model cannot tell */
	/* times a window of so many milliseconds it is more than 64 bits hold */
	op.key = key(3);
	op.n = 4000000000u;
	ask(r, start + 1800 * day, op);
	op.n = 1;
	EXPECT_EQ(r, ask(r, start + 2200 * day + 123456789, op).sum, 3985711021);
#endif
}

/* Without a window all counts as long as the entry lives. */
static void
no_window(struct rig *r)
{
	static const enum tally_kind kinds[] = { TALLY_ADD, TALLY_DISTINCT, TALLY_MIN, TALLY_TURN };

	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		struct tally_op op = op_elem(kinds[i], i, 5);
		struct tally_answer a;

		renew(r, 16);
		op.window = 0;
		op.n = 2;
		ask(r, 1000, op);
		op.n = 3;
		a = ask(r, 100999, op);
		EXPECT(r, a.known);
		EXPECT_EQ(r, a.elem_known, kinds[i] == TALLY_DISTINCT || kinds[i] == TALLY_TURN);
		EXPECT_EQ(r, a.elem_hits, kinds[i] == TALLY_DISTINCT ? 2 : 0);
		EXPECT_EQ(r, a.sum, ((uint64_t[]){ 5, 0, 2, 1 })[i]);
		op.elem = 6;
		a = ask(r, 200998, op);
		EXPECT_EQ(r, a.sum, ((uint64_t[]){ 8, 0, 2, 2 })[i]);
		EXPECT_EQ(r, a.distinct, kinds[i] == TALLY_DISTINCT ? 2 : 0);
		EXPECT_NOT(r, ask(r, 300998, op).known);
	}
}

/* GET answers what stands there, and the next one the same. */
static void
get_changes_nothing(struct rig *r)
{
	for (int kind = 0; kind < TALLY_GET; kind++) {
		struct tally_op op = op_elem((enum tally_kind)kind, (uint64_t)kind, 3), get = op;
		struct tally_answer a, b;

		renew(r, 16);
		get.kind = TALLY_GET;
		EXPECT_NOT(r, ask(r, 1000, get).known);
		ask(r, 1000, op);
		op.elem = 4;
		ask(r, 1700, op);
		for (int64_t at = 1700; at < 200000; at += 777) {
			a = ask(r, at, get);
			b = ask(r, at, get);
			EXPECT(r, same_answer(&a, &b));
			EXPECT_NOT(r, a.stored);
			EXPECT_EQ(r, a.known, at < 101700);
			EXPECT_EQ(r, a.last, a.known ? 1700 : 0);
		}
		EXPECT_EQ(r, stats(r).refused, 0);
	}
}

static const struct tally_check checks_kinds[] = {
	{ "a sum slides", 0, add_slides },
	{ "a steady stream is summed up exactly", 0, add_is_exact_for_a_steady_stream },
	{ "a sum is bounded in every window", 0, add_is_bounded_in_every_window },
	{ "a set counts, to its cap and one beyond, and elements drop out", 0, distinct_counts },
	{ "a set's cap has a cap", 0, distinct_has_a_cap_of_its_own },
	{ "the smallest", 0, min_keeps_the_smallest },
	{ "a mark", 0, mark_stands_until_its_time },
	{ "turns", 0, turn_counts_who_answers },
	{ "turns, to their cap and one beyond", 0, turn_counts_so_many },
	{ "the pace is that of the slower one", 0, pace_is_that_of_the_slower_one },
	{ "windows end on the millisecond", 0, windows_end_on_the_millisecond },
	{ "no window", 0, no_window },
	{ "a look changes nothing", 0, get_changes_nothing },
};

#endif
