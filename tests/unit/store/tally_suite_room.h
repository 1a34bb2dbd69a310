/* SPDX-License-Identifier: ISC */
/* Who stays and who goes: time to live, eviction, pins, what is refused. */
#ifndef TALLY_SUITE_ROOM_H
#define TALLY_SUITE_ROOM_H

#include "tally_suite.h"

static bool
there(struct rig *r, int64_t at, uint64_t k)
{
	return look(r, at, k).known;
}

static void
hit(struct rig *r, int64_t at, uint64_t k, uint64_t elem)
{
	ask(r, at, op_elem(TALLY_DISTINCT, k, elem));
}

/* Counted from the last kept touch; a look does not prolong it, and it is never shorter than the window. */
static void
time_to_live(struct rig *r)
{
	static const struct {
		int64_t ttl, window, lives;
	} rows[] = { { 5000, 1000, 5000 }, { 500, 1000, 1000 }, { 0, 1000, 1000 }, { 700, 0, 700 },
		{ 24 * MS_DAY + 1, 1000, 24 * MS_DAY + 1 },
		{ (int64_t)400 * MS_DAY, 1000, (int64_t)400 * MS_DAY } };

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		for (int kind = 0; kind < TALLY_GET; kind++) {
			struct tally_op op = op_elem((enum tally_kind)kind, 1, 1);
			int64_t touched = 1100;

			renew(r, 16);
			op.ttl = rows[i].ttl;
			op.window = rows[i].window;
			ask(r, 1000, op);
			ask(r, touched, op);
			EXPECT(r, there(r, touched + rows[i].lives - 1, 1));
			r->b->expire(r->t, touched + rows[i].lives - 1, UINT32_MAX);
			EXPECT_EQ(r, stats(r).entries, 1);
			EXPECT_NOT(r, there(r, touched + rows[i].lives, 1));
			r->b->expire(r->t, touched + rows[i].lives, UINT32_MAX);
			EXPECT_EQ(r, stats(r).entries, 0);
		}
	}
	EXPECT_EQ(r, stats(r).evicted, 0);
}

/* The clock may count from the machine's start or from 1970; what is restored may be older than either. */
static void
any_clock_will_do(struct rig *r)
{
	static const int64_t clocks[] = { -(int64_t)60 * 365 * MS_DAY, -MS_DAY, 0,
		(int64_t)60 * 365 * MS_DAY };

	for (unsigned i = 0; i < ARRAY_LEN(clocks); i++) {
		for (int kind = 0; kind < TALLY_GET; kind++) {
			struct tally_op op = op_elem((enum tally_kind)kind, 1, 1);

			renew(r, 16);
			ask(r, clocks[i], op);
			EXPECT_EQ(r, ask(r, clocks[i] + 500, op).last, clocks[i]);
			EXPECT(r, there(r, clocks[i] + 500 + op.ttl - 1, 1));
			EXPECT_NOT(r, there(r, clocks[i] + 500 + op.ttl, 1));
		}
	}
}

static void
evicts_the_longest_unused_at_the_cap(struct rig *r)
{
	for (uint64_t k = 0; k < 16; k++)
		hit(r, 1000 + (int64_t)k, k, 1);
	/* two and more elements may be kept elsewhere: order of use holds all the same */
	hit(r, 1020, 1, 2);
	hit(r, 1021, 0, 1);
	EXPECT_EQ(r, stats(r).entries, 16);
	EXPECT_EQ(r, stats(r).evicted, 0);
	hit(r, 1022, 16, 1);
	EXPECT_EQ(r, stats(r).entries, 16);
	EXPECT_EQ(r, stats(r).evicted, 1);
	EXPECT_NOT(r, there(r, 1022, 2)); /* the oldest */
	for (uint64_t k = 17; k < 17 + 13; k++)
		hit(r, 1023, k, 1); /* 3 to 15 go */
	EXPECT(r, there(r, 1024, 1));
	hit(r, 1024, 30, 1);
	EXPECT_NOT(r, there(r, 1024, 1));
	EXPECT(r, there(r, 1024, 0));
	hit(r, 1024, 31, 1);
	EXPECT_NOT(r, there(r, 1024, 0));
	EXPECT_EQ(r, stats(r).evicted, 16);
	/* what is past its time makes room without being counted */
	for (uint64_t k = 40; k < 56; k++)
		hit(r, 200000, k, 1);
	EXPECT_EQ(r, stats(r).evicted, 16);
}

/* Who asks for a mark that is not there is told whether it may have been pushed out, for as long as it would
 * have stood. */
static void
a_mark_that_had_to_go_is_told(struct rig *r)
{
	struct tally_op mark = op_elem(TALLY_MARK, 1, 1);

	EXPECT_NOT(r, look(r, 1000, 1).forgotten); /* there never was one */
	ask(r, 1000, mark);
	EXPECT_NOT(r, look(r, 1001, 1).forgotten);
	EXPECT_NOT(r, look(r, 1001, 2).forgotten);
	for (uint64_t k = 100; k < 115; k++)
		hit(r, 1002, k, 1);
	EXPECT_NOT(r, look(r, 1002, 2).forgotten); /* all found room */
	hit(r, 1002, 115, 1);
	EXPECT_NOT(r, there(r, 1002, 1));
	EXPECT(r, look(r, 1002, 1).forgotten);
	EXPECT(r, look(r, 1000 + mark.ttl - 1, 2).forgotten);
	EXPECT_NOT(r, look(r, 1000 + mark.ttl, 1).forgotten);
	/* of what else went nobody asks so, nor of a mark whose time was over */
	renew(r, 16);
	for (uint64_t k = 0; k < 40; k++)
		hit(r, 1000, k, 1);
	EXPECT_NOT(r, look(r, 1001, 1).forgotten);
	renew(r, 16);
	ask(r, 1000, mark);
	for (uint64_t k = 100; k < 140; k++)
		hit(r, 1000 + mark.ttl, k, 1);
	EXPECT_NOT(r, look(r, 1000 + mark.ttl, 1).forgotten);
}

static void
pins_hold_and_are_bounded(struct rig *r)
{
	struct tally_op op = op_of(TALLY_ADD, 0);

	op.group = 77;
	op.ttl = 2000;
	for (uint64_t k = 0; k < 16; k++) {
		op.key = key(k);
		ask(r, 1000, op);
	}
	r->b->pin(r->t, 77, 50000);
	EXPECT_EQ(r, stats(r).pinned, 12);
	EXPECT_EQ(r, stats(r).refused, 1);
	/* strangers come in plenty */
	for (uint64_t k = 100; k < 200; k++)
		ask(r, 1001, op_of(TALLY_ADD, k));
	EXPECT_EQ(r, stats(r).pinned, 12);
	EXPECT_EQ(r, stats(r).entries, 16);
	/* a later member finds no pinned place, but a place */
	op.key = key(50);
	EXPECT(r, ask(r, 1002, op).stored);
	EXPECT_EQ(r, stats(r).pinned, 12);
	/* far beyond its ttl the group is still there, until the pin ends */
	r->b->expire(r->t, 49999, 1000);
	EXPECT_EQ(r, stats(r).pinned, 12);
	r->b->expire(r->t, 50000, 1000);
	EXPECT_EQ(r, stats(r).pinned, 0);
	EXPECT_EQ(r, stats(r).entries, 3); /* the strangers, less the one for key 50 */
	EXPECT_NOT(r, there(r, 50000, 3));
}

/* A pin holds its group, of whatever kind, and nobody else. */
static void
pins_hold_their_own(struct rig *r)
{
	for (int kind = 0; kind < TALLY_GET; kind++) {
		struct tally_op op = op_elem((enum tally_kind)kind, 1, 1), get;
		struct tally_answer before, after;

		renew(r, 16);
		op.ttl = 0;
		op.group = 5;
		ask(r, 1000, op);
		op.elem = 2;
		before = ask(r, 1300, op);
		get = op;
		get.kind = TALLY_GET;
		before = ask(r, 1300, get);
		ask(r, 1300, (struct tally_op){ .kind = op.kind, .key = key(2), .window = 1000, .group = 6 });
		r->b->pin(r->t, 5, 9000);
		after = ask(r, 1300, get);
		EXPECT(r, same_answer(&before, &after));
		r->b->expire(r->t, 8999, UINT32_MAX);
		EXPECT_EQ(r, stats(r).entries, 1);
		EXPECT(r, ask(r, 8999, get).known);
		EXPECT_EQ(r, ask(r, 8999, get).last, 1300);
		EXPECT_NOT(r, ask(r, 9000, get).known);
	}
}

static void
a_pin_comes_before_its_group(struct rig *r)
{
	struct tally_op op = op_of(TALLY_ADD, 1);

	r->b->pin(r->t, 5, 9000);
	r->b->pin(r->t, 5, 8000); /* the last word counts */
	op.group = 5;
	ask(r, 1000, op);
	EXPECT_EQ(r, stats(r).pinned, 1);
	r->b->expire(r->t, 7999, 100);
	EXPECT_EQ(r, stats(r).pinned, 1);
	r->b->expire(r->t, 8000, 100);
	EXPECT_EQ(r, stats(r).pinned, 0);
	r->b->pin(r->t, 5, 90000);
	EXPECT_EQ(r, stats(r).pinned, 1);
	/* another group takes it over, and out of the pin */
	op.group = 6;
	ask(r, 8000, op);
	EXPECT_EQ(r, stats(r).pinned, 0);
	op.group = 5;
	ask(r, 8000, op);
	EXPECT_EQ(r, stats(r).pinned, 1);
	r->b->pin(r->t, 5, 8000); /* it is over */
	r->b->expire(r->t, 8000, 100);
	EXPECT_EQ(r, stats(r).pinned, 0);
	EXPECT_EQ(r, stats(r).entries, 1);
	r->b->pin(r->t, 0, 90000);
	EXPECT_EQ(r, stats(r).pinned, 0);
	EXPECT_EQ(r, stats(r).refused, 0);
}

static void
as_many_pins_as_entries(struct rig *r)
{
	for (uint64_t g = 1; g <= 16; g++)
		r->b->pin(r->t, 1000 + g, 90000);
	EXPECT_EQ(r, stats(r).refused, 0);
	r->b->pin(r->t, 1016, 91000); /* no new one */
	EXPECT_EQ(r, stats(r).refused, 0);
	r->b->pin(r->t, 1017, 90000);
	EXPECT_EQ(r, stats(r).refused, 1);
}

static void
refuses_what_makes_no_sense(struct rig *r)
{
	struct tally_op op = op_of(TALLY_ADD, 1);
	struct tally_answer a;
	uint64_t refused = 0;

	for (int kind = 0; kind < TALLY_GET; kind++) {
		ask(r, 1000, op_of((enum tally_kind)kind, (uint64_t)kind));
		for (int other = 0; other < TALLY_GET; other++) {
			if (other == kind)
				continue;
			a = ask(r, 1000, op_of((enum tally_kind)other, (uint64_t)kind));
			EXPECT_NOT(r, a.known);
			EXPECT_NOT(r, a.stored);
			EXPECT_EQ(r, stats(r).refused, ++refused);
		}
	}
	EXPECT_EQ(r, stats(r).entries, TALLY_GET);
	op.key = (struct key128){ 0, 0 };
	EXPECT_NOT(r, ask(r, 1000, op).stored);
	op.kind = TALLY_GET;
	EXPECT_NOT(r, ask(r, 1000, op).known);
	EXPECT_NOT(r, ask(r, 1000, op_of((enum tally_kind)(TALLY_GET + 1), 1)).stored);
	EXPECT_NOT(r, ask(r, 1000, op_of((enum tally_kind)99, 1)).stored);
	EXPECT_EQ(r, stats(r).refused, refused + 4);
	EXPECT_EQ(r, stats(r).entries, TALLY_GET);
	/* half a zero is a key; and once the other kind is past its time, the key is free */
	op = op_of(TALLY_ADD, 1);
	op.key = (struct key128){ 0, 1 };
	EXPECT(r, ask(r, 1000, op).stored);
	op.key = (struct key128){ 1, 0 };
	EXPECT(r, ask(r, 1000, op).stored);
	EXPECT(r, ask(r, 101000, op_of(TALLY_MARK, TALLY_ADD)).stored);
	EXPECT_EQ(r, stats(r).refused, refused + 4);
}

/* Whatever they are, the second of a batch finds what the first one left. */
static void
batch_sees_its_own_ops(struct rig *r)
{
	for (int kind = 0; kind < TALLY_GET; kind++) {
		struct tally_op one = op_elem((enum tally_kind)kind, (uint64_t)kind, 1),
				two = op_elem((enum tally_kind)kind, (uint64_t)kind, 2), get = two;
		struct tally_op ops[3];
		struct tally_answer a[3], single[3];

		get.kind = TALLY_GET;
		ops[0] = one;
		ops[1] = two;
		ops[2] = get;
		r->b->submit(r->t, 1000, ops, a, 3);
		EXPECT_NOT(r, a[0].known);
		EXPECT(r, a[1].known);
		EXPECT_EQ(r, a[1].last, 1000);
		for (int k = 0; k < 3; k++) {
			ops[k].key = key(100 + (uint64_t)kind);
			single[k] = ask(r, 1000, ops[k]);
			EXPECT(r, same_answer(&a[k], &single[k]));
		}
	}
	r->b->submit(r->t, 1000, NULL, NULL, 0);
	EXPECT_EQ(r, stats(r).entries, 2 * TALLY_GET);
}

static void
the_smallest_one(struct rig *r)
{
	renew(r, 0);
	EXPECT_EQ(r, stats(r).max, 16);
	r->b->free(NULL);
}

/* What is past its time goes in slices that are no dearer than asked for. */
static void
expire_in_slices(struct rig *r)
{
	unsigned rounds = 0;

	renew(r, 4000);
	for (uint64_t k = 0; k < 3000; k++) {
		struct tally_op op = op_of(TALLY_ADD, k);

		op.ttl = k % 2 ? 2000 : 20000;
		ask(r, 1000, op);
	}
	EXPECT_EQ(r, stats(r).entries, 3000);
	r->b->expire(r->t, 2999, UINT32_MAX);
	EXPECT_EQ(r, stats(r).entries, 3000); /* not before its time */
	while (stats(r).entries > 1500 && rounds < 1000) {
		uint64_t before = stats(r).entries;

		r->b->expire(r->t, 3000, 10);
		rounds++;
		EXPECT(r, before - stats(r).entries <= 10);
	}
	EXPECT(r, rounds >= 300 && rounds <= 302);
	r->b->expire(r->t, 21000, UINT32_MAX);
	EXPECT_EQ(r, stats(r).entries, 0);
	EXPECT_EQ(r, stats(r).evicted, 0);
}

static void
fill(struct rig *r, uint64_t k, uint64_t group)
{
	struct tally_op op = op_of(TALLY_DISTINCT, k);

	op.cap = TALLY_CAP_MAX;
	op.group = group;
	for (uint64_t e = 0; e < TALLY_CAP_MAX; e++) {
		op.elem = e;
		ask(r, 1000, op);
	}
}

/* Sixteen entries have 4096 elements on the side: four full sets. */
static void
memory_for_elements_is_bounded(struct rig *r)
{
	uint64_t bytes;

	hit(r, 999, 99, 1);
	for (uint64_t k = 1; k <= 4; k++)
		fill(r, k, 0);
	EXPECT_EQ(r, stats(r).evicted, 0);
	bytes = stats(r).bytes;
	fill(r, 5, 0);
	EXPECT_EQ(r, stats(r).evicted, 1);
	EXPECT(r, stats(r).bytes <= bytes);
	EXPECT_NOT(r, there(r, 1000, 1)); /* the oldest wide set went */
	EXPECT(r, there(r, 1000, 99));    /* not the older narrow one, which holds no such memory */
	/* pinned ones have three quarters of it */
	for (uint64_t k = 11; k <= 14; k++)
		fill(r, k, 7);
	r->b->pin(r->t, 7, 100000);
	EXPECT_EQ(r, stats(r).pinned, 3);
}

static void
strangers_find_room_for_elements(struct rig *r)
{
	r->b->pin(r->t, 7, 100000);
	for (uint64_t k = 11; k <= 14; k++)
		fill(r, k, 7);
	EXPECT(r, stats(r).refused > 0);
	EXPECT_EQ(r, look(r, 1000, 14).distinct, 1); /* the fourth got one element and no room for more */
	fill(r, 20, 0);
	EXPECT_EQ(r, look(r, 1000, 20).distinct, TALLY_CAP_MAX);
}

/* All in all, each in a group of its own, every third with two elements of one moment, every twentieth with
 * two of two moments. */
static void
an_entry_takes_a_hundred_bytes(struct rig *r)
{
	const uint64_t n = 200000;

	renew(r, (uint32_t)n);
	for (uint64_t k = 0; k < n; k++) {
		struct tally_op op = op_elem(TALLY_DISTINCT, k, 1);

		op.group = k + 1;
		ask(r, 1000, op);
		op.elem = 2;
		if (k % 3 == 0)
			ask(r, 1000, op);
		if (k % 20 == 1)
			ask(r, 1001, op);
	}
	EXPECT_EQ(r, stats(r).entries, n);
	EXPECT_EQ(r, stats(r).evicted, 0);
	EXPECT(r, stats(r).bytes <= n * 100);
}

static const struct tally_check checks_room[] = {
	{ "time to live", 0, time_to_live },
	{ "any clock will do", 0, any_clock_will_do },
	{ "the longest unused goes", HAS_EVICTION, evicts_the_longest_unused_at_the_cap },
	{ "a mark that had to go is told", HAS_EVICTION, a_mark_that_had_to_go_is_told },
	{ "pins hold, and hold 3/4", HAS_EVICTION, pins_hold_and_are_bounded },
	{ "a pin holds its own group", 0, pins_hold_their_own },
	{ "a pin comes before its group", 0, a_pin_comes_before_its_group },
	{ "as many pins as entries", HAS_EVICTION, as_many_pins_as_entries },
	{ "what makes no sense is refused", 0, refuses_what_makes_no_sense },
	{ "a batch sees its own ops", 0, batch_sees_its_own_ops },
	{ "the smallest one", HAS_EVICTION, the_smallest_one },
	{ "what is past its time goes in slices", HAS_SLICES, expire_in_slices },
	{ "memory for elements is bounded", HAS_BYTES, memory_for_elements_is_bounded },
	{ "strangers find room for elements", HAS_BYTES, strangers_find_room_for_elements },
	{ "an entry takes a hundred bytes at most", HAS_BYTES, an_entry_takes_a_hundred_bytes },
};

#endif
