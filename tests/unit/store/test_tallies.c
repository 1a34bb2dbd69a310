/* SPDX-License-Identifier: ISC */
#include "store/tallies.h"

#include <criterion/criterion.h>

#include "base/clock.h"

static struct key128
key(uint64_t n)
{
	return (struct key128){ n * 0x9e3779b97f4a7c15u + 1, n };
}

static struct tally_op
op_of(enum tally_kind kind, uint64_t k)
{
	return (
	    struct tally_op){ .kind = kind, .key = key(k), .n = 1, .window = 1000, .ttl = 100000, .cap = 3 };
}

static struct tally_answer
ask(struct tallies *t, int64_t at, struct tally_op op)
{
	struct tally_answer a;

	tallies_submit(t, at, &op, &a, 1);
	return a;
}

static struct tally_answer
hit(struct tallies *t, int64_t at, uint64_t k, uint64_t elem)
{
	struct tally_op op = op_of(TALLY_DISTINCT, k);

	op.elem = elem;
	return ask(t, at, op);
}

static struct tallies_stats
stats(struct tallies *t)
{
	struct tallies_stats s;

	tallies_stats(t, &s);
	return s;
}

/* One entry, ops in turn: what each is answered. */
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
};

static void
play(const struct row *rows, unsigned n, uint64_t k)
{
	struct tallies *t = tallies_new(16);

	for (unsigned i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		struct tally_op op = op_of(r->kind, k);
		struct tally_answer a;

		op.n = r->n;
		op.elem = r->elem;
		a = ask(t, r->at, op);
		cr_expect_eq(a.known, r->known, "row %u", i);
		cr_expect_eq(a.stored, r->stored, "row %u", i);
		cr_expect_eq(a.elem_known, r->elem_known, "row %u", i);
		cr_expect_eq(a.sum, r->sum, "row %u: %llu", i, (unsigned long long)a.sum);
		cr_expect_eq(a.distinct, r->distinct, "row %u: %u", i, a.distinct);
		cr_expect_eq(a.elem_hits, r->hits, "row %u: %u", i, a.elem_hits);
		cr_expect_eq(a.ever, r->ever, "row %u: %u", i, a.ever);
		cr_expect_eq(a.last, r->last, "row %u: %lld", i, (long long)a.last);
		cr_expect_eq(a.last_elem, r->last_elem, "row %u", i);
	}
	tallies_free(t);
}

#define PLAY(rows) play(rows, ARRAY_LEN(rows), 7)

Test(tallies, add_slides)
{
	static const struct row rows[] = {
		/* kind, at, n, elem, known, stored, elem_known, sum, distinct, hits, ever, last, last_elem */
		{ TALLY_GET, 9000, 0, 0, false, false, false, 0, 0, 0, 0, 0, 0 },
		{ TALLY_ADD, 10000, 8, 0, false, true, false, 8, 0, 0, 0, 0, 0 },
		{ TALLY_ADD, 10999, 2, 0, true, true, false, 10, 0, 0, 0, 10000, 0 },
		{ TALLY_GET, 11000, 0, 0, true, false, false, 10, 0, 0, 0, 10999, 0 },
		/* the next span has begun: all of the former is within reach, then 3/4, 1/2 */
		{ TALLY_ADD, 11000, 1, 0, true, true, false, 11, 0, 0, 0, 10999, 0 },
		{ TALLY_GET, 11250, 0, 0, true, false, false, 9, 0, 0, 0, 11000, 0 }, /* 1 + 7.5 up */
		{ TALLY_GET, 11500, 0, 0, true, false, false, 6, 0, 0, 0, 11000, 0 },
		{ TALLY_GET, 11999, 0, 0, true, false, false, 2, 0, 0, 0, 11000, 0 },
		{ TALLY_GET, 12000, 0, 0, true, false, false, 1, 0, 0, 0, 11000, 0 },
		{ TALLY_GET, 12999, 0, 0, true, false, false, 1, 0, 0, 0, 11000, 0 },
		{ TALLY_GET, 13000, 0, 0, true, false, false, 0, 0, 0, 0, 11000, 0 },
		{ TALLY_ADD, 13001, 4000000000u, 0, true, true, false, 4000000000u, 0, 0, 0, 11000, 0 },
		{ TALLY_ADD, 13002, 4000000000u, 0, true, true, false, 8000000000u, 0, 0, 0, 13001, 0 },
	};

	PLAY(rows);
}

Test(tallies, distinct_counts)
{
	static const struct row rows[] = {
		{ TALLY_DISTINCT, 1000, 0, 11, false, true, false, 0, 1, 1, 0, 0, 0 },
		{ TALLY_DISTINCT, 1001, 0, 11, true, true, true, 0, 1, 2, 0, 1000, 11 },
		{ TALLY_DISTINCT, 1002, 0, 22, true, true, false, 0, 2, 1, 1, 1001, 11 },
		{ TALLY_DISTINCT, 1003, 0, 33, true, true, false, 0, 3, 1, 2, 1002, 22 },  /* the cap */
		{ TALLY_DISTINCT, 1004, 0, 44, true, false, false, 0, 4, 1, 3, 1003, 33 }, /* one beyond */
		{ TALLY_GET, 1005, 0, 44, true, false, false, 0, 3, 0, 3, 1003, 33 },
		{ TALLY_GET, 1005, 0, 22, true, false, true, 0, 3, 1, 2, 1003, 33 },
		{ TALLY_DISTINCT, 1005, 0, 11, true, true, true, 0, 3, 3, 2, 1003, 33 },
		/* 11 again, a window after the first of its hits: they begin anew; 22 and 33 drop out by
		 * and by */
		{ TALLY_DISTINCT, 2001, 0, 33, true, true, true, 0, 3, 2, 2, 1005, 11 },
		{ TALLY_DISTINCT, 2002, 0, 11, true, true, true, 0, 2, 1, 2, 2001, 33 },
		{ TALLY_DISTINCT, 2003, 0, 22, true, true, false, 0, 3, 1, 3, 2002, 11 },
		{ TALLY_GET, 3002, 0, 22, true, false, true, 0, 1, 1, 3, 2003, 22 },
		{ TALLY_GET, 3003, 0, 22, true, false, false, 0, 0, 0, 4, 2003, 22 },
	};

	PLAY(rows);
}

Test(tallies, min_and_mark)
{
	static const struct row min[] = {
		{ TALLY_MIN, 1000, 5, 0, false, true, false, 5, 0, 0, 0, 0, 0 },
		{ TALLY_MIN, 1001, 7, 0, true, true, false, 5, 0, 0, 0, 1000, 0 },
		{ TALLY_MIN, 1002, 3, 0, true, true, false, 3, 0, 0, 0, 1001, 0 },
		{ TALLY_GET, 2001, 0, 0, true, false, false, 3, 0, 0, 0, 1002, 0 },
		{ TALLY_MIN, 2002, 9, 0, true, true, false, 9, 0, 0, 0, 1002, 0 },
	};
	static const struct row mark[] = {
		{ TALLY_MARK, 1000, 0, 4, false, true, false, 0, 0, 0, 0, 0, 0 },
		{ TALLY_MARK, 1001, 0, 4, true, true, true, 0, 0, 0, 0, 1000, 4 },
		{ TALLY_MARK, 1002, 0, 5, true, true, false, 0, 0, 0, 0, 1001, 4 },
		{ TALLY_GET, 101001, 0, 5, true, false, true, 0, 0, 0, 0, 1002, 5 },
		{ TALLY_GET, 101002, 0, 5, false, false, false, 0, 0, 0, 0, 0, 0 },
		{ TALLY_MARK, 101002, 0, 5, false, true, false, 0, 0, 0, 0, 0, 0 },
	};

	PLAY(min);
	PLAY(mark);
}

Test(tallies, windows_of_400_days)
{
	const int64_t day = MS_DAY, start = 3000 * day;
	struct tallies *t = tallies_new(16);
	struct tally_op op = op_of(TALLY_DISTINCT, 1);

	op.window = 400 * day;
	op.ttl = 400 * day;
	op.elem = 5;
	ask(t, start, op);
	cr_expect_eq(ask(t, start + 400 * day - 1, op).elem_hits, 2);
	cr_expect_eq(ask(t, start + 400 * day, op).elem_hits, 1);
	cr_expect(ask(t, start + 800 * day - 1, op).elem_known);
	cr_expect_not(ask(t, start + 1200 * day, op).known);
	op.kind = TALLY_ADD;
	op.key = key(2);
	op.n = 10;
	op.ttl = 800 * day;
	ask(t, start + 1200 * day, op);
	cr_expect_eq(ask(t, start + 1800 * day, op).sum, 15);
	tallies_free(t);
}

Test(tallies, undo_takes_back)
{
	struct tallies *t = tallies_new(16);
	struct tally_op op = op_of(TALLY_DISTINCT, 1), add = op_of(TALLY_ADD, 2), get = op_of(TALLY_GET, 1);
	struct tally_answer a, b, c;

	/* the only hit: the element and, being the first, the entry */
	op.elem = 11;
	a = ask(t, 1000, op);
	tallies_undo(t, &op, &a);
	cr_expect_eq(stats(t).entries, 0);
	/* a stopped copy leaves neither itself nor a later `last` */
	a = ask(t, 1000, op);
	op.elem = 22;
	b = ask(t, 1010, op);
	tallies_undo(t, &op, &b);
	c = ask(t, 1020, get);
	cr_expect_eq(c.distinct, 1);
	cr_expect_eq(c.ever, 1);
	cr_expect_eq(c.last, 1000);
	cr_expect_eq(c.last_elem, 11);
	/* one hit of two */
	op.elem = 11;
	b = ask(t, 1030, op);
	cr_expect_eq(b.elem_hits, 2);
	tallies_undo(t, &op, &b);
	cr_expect_eq(ask(t, 1040, op).elem_hits, 2);
	/* hits that began anew: the element was there before and stays */
	b = ask(t, 2035, op);
	cr_expect_eq(b.elem_hits, 1);
	tallies_undo(t, &op, &b);
	get.elem = 11;
	c = ask(t, 2036, get);
	cr_expect(c.elem_known);
	cr_expect_eq(c.elem_hits, 0);
	cr_expect_eq(c.last, 1040);
	/* at the cap nothing was stored, and nothing is taken back */
	op.elem = 22;
	ask(t, 2037, op);
	op.elem = 33;
	ask(t, 2037, op);
	op.elem = 44;
	b = ask(t, 2038, op);
	cr_expect_not(b.stored);
	tallies_undo(t, &op, &b);
	cr_expect_eq(ask(t, 2039, get).distinct, 3);
	/* a sum, from the span that it was added in */
	add.n = 5;
	a = ask(t, 3000, add);
	add.n = 7;
	b = ask(t, 3500, add);
	add.n = 1;
	c = ask(t, 4000, add);
	cr_expect_eq(c.sum, 13);
	add.n = 7;
	tallies_undo(t, &add, &b);
	add.n = 0;
	cr_expect_eq(ask(t, 4000, add).sum, 6);
	add.n = 5;
	tallies_undo(t, &add, &a);
	add.n = 1;
	tallies_undo(t, &add, &c);
	get.key = key(2);
	cr_expect_not(ask(t, 4000, get).known);
	tallies_free(t);
}

Test(tallies, undo_of_min_and_mark)
{
	struct tallies *t = tallies_new(16);
	struct tally_op min = op_of(TALLY_MIN, 1), mark = op_of(TALLY_MARK, 2), get = op_of(TALLY_GET, 1);
	struct tally_answer a, b;

	min.n = 9;
	a = ask(t, 1000, min);
	min.n = 4;
	b = ask(t, 1001, min);
	tallies_undo(t, &min, &b);
	cr_expect_eq(ask(t, 1002, get).sum, 9);
	min.n = 9;
	tallies_undo(t, &min, &a);
	cr_expect_not(ask(t, 1002, get).known);
	mark.elem = 5;
	a = ask(t, 2000, mark);
	mark.elem = 6;
	b = ask(t, 3000, mark);
	tallies_undo(t, &mark, &b);
	get.key = key(2);
	get.elem = 5;
	b = ask(t, 101999, get);
	cr_expect(b.elem_known);
	cr_expect_not(ask(t, 102000, get).known);
	tallies_undo(t, &mark, &a);
	cr_expect_eq(stats(t).entries, 0); /* a late undo of a mark that is past its time takes it away */
	tallies_free(t);
}

Test(tallies, undo_leaves_a_new_entry_alone)
{
	struct tallies *t = tallies_new(16);
	struct tally_op op = op_of(TALLY_ADD, 1);
	struct tally_answer a = ask(t, 1000, op);

	for (uint64_t k = 100; k < 116; k++)
		ask(t, 1001, op_of(TALLY_MARK, k));
	cr_assert_eq(stats(t).evicted, 1);
	tallies_undo(t, &op, &a); /* evicted */
	cr_expect_eq(stats(t).entries, 16);
	cr_expect_eq(ask(t, 1002, op).sum, 1);
	tallies_undo(t, &op, &a); /* there again, but not the one that it counted in */
	cr_expect_eq(ask(t, 1003, op).sum, 2);
	tallies_free(t);
}

Test(tallies, evicts_the_longest_unused_at_the_cap)
{
	struct tallies *t = tallies_new(16);
	struct tally_op get = op_of(TALLY_GET, 0);

	for (uint64_t k = 0; k < 16; k++)
		hit(t, 1000 + (int64_t)k, k, 1);
	/* two and more elements put an entry into another list: order of use holds all the same */
	hit(t, 1020, 1, 2);
	hit(t, 1021, 0, 1);
	cr_expect_eq(stats(t).entries, 16);
	cr_expect_eq(stats(t).evicted, 0);
	hit(t, 1022, 16, 1);
	cr_expect_eq(stats(t).entries, 16);
	cr_expect_eq(stats(t).evicted, 1);
	get.key = key(2);
	cr_expect_not(ask(t, 1022, get).known, "2 was the oldest");
	for (uint64_t k = 17; k < 17 + 13; k++)
		hit(t, 1023, k, 1); /* 3 to 15 go */
	get.key = key(1);
	cr_expect(ask(t, 1024, get).known);
	hit(t, 1024, 30, 1);
	cr_expect_not(ask(t, 1024, get).known, "then 1");
	get.key = key(0);
	cr_expect(ask(t, 1024, get).known);
	hit(t, 1024, 31, 1);
	cr_expect_not(ask(t, 1024, get).known, "then 0");
	cr_expect_eq(stats(t).evicted, 16);
	tallies_free(t);
}

Test(tallies, pins_hold_and_are_bounded)
{
	struct tallies *t = tallies_new(16);
	struct tally_op op = op_of(TALLY_ADD, 0), get = op_of(TALLY_GET, 0);

	op.group = 77;
	for (uint64_t k = 0; k < 16; k++) {
		op.key = key(k);
		op.ttl = 2000;
		ask(t, 1000, op);
	}
	tallies_pin(t, 77, 50000);
	cr_expect_eq(stats(t).pinned, 12);
	cr_expect_eq(stats(t).refused, 1);
	/* strangers come in plenty */
	for (uint64_t k = 100; k < 200; k++)
		ask(t, 1001, op_of(TALLY_ADD, k));
	cr_expect_eq(stats(t).pinned, 12);
	cr_expect_eq(stats(t).entries, 16);
	/* a later member finds no pinned place, but a place */
	op.key = key(50);
	cr_expect(ask(t, 1002, op).stored);
	cr_expect_eq(stats(t).pinned, 12);
	/* far beyond its ttl the group is still there, until the pin ends */
	tallies_expire(t, 49999, 1000);
	cr_expect_eq(stats(t).pinned, 12);
	tallies_expire(t, 50000, 1000);
	cr_expect_eq(stats(t).pinned, 0);
	cr_expect_eq(stats(t).entries, 3, "the strangers, less the one for key 50: %llu",
	    (unsigned long long)stats(t).entries);
	get.key = key(3);
	cr_expect_not(ask(t, 50000, get).known);
	tallies_free(t);
}

Test(tallies, a_pin_comes_before_its_group)
{
	struct tallies *t = tallies_new(16);
	struct tally_op op = op_of(TALLY_ADD, 1);

	tallies_pin(t, 5, 9000);
	tallies_pin(t, 5, 8000); /* the last word counts */
	op.group = 5;
	ask(t, 1000, op);
	cr_expect_eq(stats(t).pinned, 1);
	tallies_expire(t, 7999, 100);
	cr_expect_eq(stats(t).pinned, 1);
	tallies_expire(t, 8000, 100);
	cr_expect_eq(stats(t).pinned, 0);
	tallies_pin(t, 5, 90000);
	cr_expect_eq(stats(t).pinned, 1);
	tallies_unpin(t, 5);
	cr_expect_eq(stats(t).pinned, 0);
	cr_expect_eq(stats(t).entries, 1);
	tallies_unpin(t, 5);
	tallies_unpin(t, 12345);
	tallies_pin(t, 0, 90000);
	/* as many pins as entries, not one more */
	for (uint64_t g = 1; g <= 17; g++)
		tallies_pin(t, 1000 + g, 90000);
	cr_expect_eq(stats(t).refused, 1);
	tallies_free(t);
}

Test(tallies, expire_in_slices)
{
	struct tallies *t = tallies_new(4000);
	unsigned rounds = 0;

	for (uint64_t k = 0; k < 3000; k++) {
		struct tally_op op = op_of(TALLY_ADD, k);

		op.ttl = k % 2 ? 2000 : 20000;
		ask(t, 1000, op);
	}
	cr_expect_eq(stats(t).entries, 3000);
	tallies_expire(t, 2999, UINT32_MAX);
	cr_expect_eq(stats(t).entries, 3000, "not before its time");
	while (stats(t).entries > 1500 && rounds < 1000) {
		uint64_t before = stats(t).entries;

		tallies_expire(t, 3000, 10);
		rounds++;
		cr_assert(before - stats(t).entries <= 10);
	}
	cr_expect_geq(rounds, 300);
	cr_expect_leq(rounds, 302);
	tallies_expire(t, 21000, UINT32_MAX);
	cr_expect_eq(stats(t).entries, 0);
	cr_expect_eq(stats(t).evicted, 0);
	tallies_free(t);
}

Test(tallies, elements_are_bounded_at_their_cap)
{
	struct tallies *t = tallies_new(16);
	struct tally_op op = op_of(TALLY_DISTINCT, 1);

	op.cap = 5000; /* taken as TALLY_CAP_MAX */
	for (uint64_t e = 0; e < TALLY_CAP_MAX; e++) {
		op.elem = e;
		cr_assert(ask(t, 1000, op).stored);
	}
	op.elem = TALLY_CAP_MAX;
	cr_expect_not(ask(t, 1000, op).stored);
	cr_expect_eq(ask(t, 1000, op).distinct, TALLY_CAP_MAX + 1);
	op.cap = 0; /* taken as 1 */
	op.key = key(2);
	cr_expect_eq(ask(t, 1000, op).distinct, 1);
	op.elem = 1;
	cr_expect_eq(ask(t, 1000, op).distinct, 2);
	tallies_free(t);
}

static void
fill(struct tallies *t, uint64_t k, uint64_t group)
{
	struct tally_op op = op_of(TALLY_DISTINCT, k);

	op.cap = TALLY_CAP_MAX;
	op.group = group;
	for (uint64_t e = 0; e < TALLY_CAP_MAX; e++) {
		op.elem = e;
		ask(t, 1000, op);
	}
}

Test(tallies, memory_for_elements_is_bounded)
{
	struct tallies *t = tallies_new(16); /* 4096 elements on the side: four full sets */
	struct tally_op get = op_of(TALLY_GET, 1);
	uint64_t bytes;

	hit(t, 999, 99, 1);
	for (uint64_t k = 1; k <= 4; k++)
		fill(t, k, 0);
	cr_expect_eq(stats(t).evicted, 0);
	bytes = stats(t).bytes;
	fill(t, 5, 0);
	cr_expect_eq(stats(t).evicted, 1);
	cr_expect_leq(stats(t).bytes, bytes);
	cr_expect_not(ask(t, 1000, get).known, "the oldest wide set went");
	get.key = key(99);
	cr_expect(ask(t, 1000, get).known, "not the older narrow one, which holds no such memory");
	/* pinned ones have three quarters of it */
	for (uint64_t k = 11; k <= 14; k++)
		fill(t, k, 7);
	tallies_pin(t, 7, 100000);
	cr_expect_eq(stats(t).pinned, 3);
	tallies_free(t);

	t = tallies_new(16);
	tallies_pin(t, 7, 100000);
	for (uint64_t k = 11; k <= 14; k++)
		fill(t, k, 7);
	cr_expect_gt(stats(t).refused, 0);
	get.key = key(14);
	cr_expect_eq(ask(t, 1000, get).distinct, 1, "the fourth got one element and no room for more");
	fill(t, 20, 0);
	get.key = key(20);
	cr_expect_eq(ask(t, 1000, get).distinct, TALLY_CAP_MAX, "strangers find room");
	tallies_free(t);
}

Test(tallies, refuses_what_makes_no_sense)
{
	struct tallies *t = tallies_new(0);
	struct tally_op op = op_of(TALLY_ADD, 1);
	struct tally_answer a;

	cr_expect_eq(stats(t).max, 16);
	ask(t, 1000, op);
	op.kind = TALLY_MARK;
	a = ask(t, 1000, op);
	cr_expect_not(a.known);
	cr_expect_not(a.stored);
	op.key = (struct key128){ 0, 0 };
	a = ask(t, 1000, op);
	cr_expect_not(a.stored);
	op = op_of((enum tally_kind)99, 1);
	a = ask(t, 1000, op);
	cr_expect_not(a.stored);
	cr_expect_eq(stats(t).refused, 3);
	cr_expect_eq(stats(t).entries, 1);
	tallies_free(t);
	tallies_free(NULL);
}

Test(tallies, batch_sees_its_own_ops)
{
	struct tallies *t = tallies_new(16);
	struct tally_op ops[3] = { op_of(TALLY_ADD, 1), op_of(TALLY_ADD, 1), op_of(TALLY_GET, 1) };
	struct tally_answer a[3];

	tallies_submit(t, 1000, ops, a, 3);
	cr_expect_eq(a[0].sum, 1);
	cr_expect_eq(a[1].sum, 2);
	cr_expect_eq(a[2].sum, 2);
	tallies_free(t);
}

Test(tallies, an_entry_takes_little_memory)
{
	struct tallies *t = tallies_new(200000);

	for (uint64_t k = 0; k < 200000; k++)
		hit(t, 1000, k, 1);
	cr_expect_eq(stats(t).entries, 200000);
	cr_expect_leq(stats(t).bytes, 200000ull * 120);
	tallies_free(t);
}
