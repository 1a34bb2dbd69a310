/* SPDX-License-Identifier: ISC */
/* The single rules of snapshots: time, age, room, pins, and ops that are submitted again. */

#include "snapshot_rig.h"
#include "store/tally_table.h"

static bool
there(struct tallies *t, int64_t at, uint64_t k)
{
	return ask(t, at, op_of(TALLY_GET, k)).known;
}

Test(tally_snapshot, every_key_is_in_one_part)
{
	struct tallies *t = tallies_new(5000);
	unsigned parts = 0;

	for (uint64_t k = 1; k <= 4000; k++)
		ask(t, then.mono, op_of(TALLY_MARK, k));
	for (uint32_t p = 0; p < TALLY_PARTS; p++) {
		struct tallies *one = tallies_new(5000), *other = tallies_new(20000);
		struct tallies_restored got = { 0 };
		struct buf out, again;

		buf_init(&out, 0);
		buf_init(&again, 0);
		tallies_snapshot(t, p, then, &out);
		cr_assert_eq(tallies_restore(one, then, buf_str(&out), &got), 0);
		cr_assert(got.entries > 20 && got.entries < 180, "part %u: %u", p, (unsigned)got.entries);
		parts += (unsigned)got.entries;
		/* The same part of a table of another size has the same entries. */
		cr_assert_eq(tallies_restore(other, then, buf_str(&out), &got), 0);
		tallies_snapshot(other, p, then, &again);
		cr_assert_eq(again.len, out.len);
		buf_fini(&out);
		buf_fini(&again);
		tallies_free(one);
		tallies_free(other);
	}
	cr_assert_eq(parts, 4000);
	tallies_free(t);
}

/* Of each kind and form, held and not; then all that can change does. */
Test(tally_snapshot, a_copy_is_of_its_moment)
{
	struct tallies *t = tallies_new(5000);
	struct buf copy[TALLY_PARTS], before[TALLY_PARTS], packed;

	for (int round = 0; round < 2; round++) {
		for (uint64_t k = 1; k <= 2000; k++) {
			struct tally_op op = op_of((enum tally_kind)(k % 5), k);

			op.group = k % 3 ? k / 8 : 0;
			for (uint64_t n = 0; n <= k % 4; n++) {
				op.elem = 7 + n + (uint64_t)round;
				ask(t, then.mono + round, op);
			}
		}
		for (uint64_t group = 1; group < 40; group++)
			tallies_pin(t, group, round == 0 ? then.mono + MS_HOUR : then.mono);
		tallies_expire(t, then.mono + round, 0); /* those pins are over */
		for (uint32_t p = 0; p < TALLY_PARTS && round == 0; p++) {
			buf_init(&copy[p], 0);
			buf_init(&before[p], 0);
			tallies_copy(t, p, then, &copy[p]);
			tallies_snapshot(t, p, then, &before[p]);
		}
	}
	tallies_free(t);
	for (uint32_t p = 0; p < TALLY_PARTS; p++) {
		buf_init(&packed, 0);
		tallies_pack(buf_str(&copy[p]), &packed);
		cr_assert(str_eq(buf_str(&packed), buf_str(&before[p])), "part %u", p);
		cr_assert_gt(packed.len, 500);
		buf_fini(&packed);
		buf_fini(&copy[p]);
		buf_fini(&before[p]);
	}
}

Test(tally_snapshot, time_goes_by_while_it_is_down)
{
	static const struct {
		int64_t mono, wall, sum;
		bool known;
	} rows[] = {
		{ 50, 0, 10, true },
		{ 50, MS_HOUR / 2, 10, true },
		{ 50, MS_HOUR + MS_HOUR / 2, 5, true }, /* half of the former span */
		{ 50, 2 * MS_HOUR, 0, true },
		{ 50, MS_DAY - 1, 0, true },
		{ 50, MS_DAY, 0, false },
		{ 400 * (int64_t)MS_DAY, MS_HOUR + MS_HOUR / 2, 5, true },
		{ 50, -1, 10, true },
		{ 50, -MS_DAY, 10, true },
	};
	struct tallies *t = tallies_new(100);
	struct tally_op add = op_of(TALLY_ADD, 1);

	add.n = 10;
	ask(t, then.mono, add);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct now now = { rows[i].mono, then.wall + rows[i].wall };
		struct tallies *b = tallies_new(100);
		struct tally_op get = op_of(TALLY_GET, 1);
		struct tally_answer a;

		carry(t, then, b, now);
		a = ask(b, now.mono, get);
		cr_expect_eq(a.known, rows[i].known, "row %zu", i);
		cr_expect_eq(a.sum, (uint64_t)rows[i].sum, "row %zu: %llu", i, (unsigned long long)a.sum);
		cr_expect_leq(a.last, now.mono, "row %zu", i);
		tallies_free(b);
	}
	tallies_free(t);
}

Test(tally_snapshot, the_oldest_are_dropped)
{
	struct tallies *t = tallies_new(1000), *b = tallies_new(100);
	struct tallies_restored got;

	for (uint64_t k = 1; k <= 1000; k++)
		ask(t, then.mono + (int64_t)k, op_of(TALLY_MARK, k));
	ask(t, then.mono + 1001, op_of(TALLY_MARK, 5)); /* used again */
	got = carry(t, then, b, then);
	cr_expect_eq(got.entries, 1000);
	cr_expect_eq(got.dropped, 900);
	cr_expect_eq(stats(b).entries, 100);
	cr_expect_eq(stats(b).evicted, 0);
	for (uint64_t k = 1; k <= 1000; k++)
		cr_expect_eq(there(b, then.mono + 1001, k), k > 901 || k == 5, "%u", (unsigned)k);
	/* and the next to go is the oldest of the rest, one by one */
	for (uint64_t k = 902; k <= 1000; k++) {
		cr_expect(there(b, then.mono + 1001, k));
		ask(b, then.mono + 1001, op_of(TALLY_MARK, 10000 + k));
		cr_expect_not(there(b, then.mono + 1001, k), "%u", (unsigned)k);
	}
	cr_expect(there(b, then.mono + 1001, 5));
	tallies_free(t);
	tallies_free(b);
}

/* However far apart: ages up to all that a serial can tell. */
Test(tally_snapshot, ages_of_all_sizes_keep_their_order)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct tallies *t = tallies_new(100), *b = tallies_new(100);
		uint64_t rnd = seed * 0x9d2c5680a5b1c3d7u, left = UINT32_MAX - 1000;

		for (uint64_t k = 1; k <= 100; k++) {
			uint64_t gap = draw(&rnd, (uint64_t)1 << draw(&rnd, 31));

			gap = gap < left ? gap : left;
			left -= gap;
			t->table.serial += (uint32_t)gap;
			ask(t, then.mono, op_of(TALLY_MARK, k));
		}
		carry(t, then, b, then);
		for (uint64_t k = 1; k <= 100; k++) {
			cr_assert(there(b, then.mono, k), "%u", (unsigned)k);
			ask(b, then.mono, op_of(TALLY_MARK, 1000 + k));
			cr_assert_not(there(b, then.mono, k), "%u", (unsigned)k);
		}
		tallies_free(t);
		tallies_free(b);
	}
}

/* Two parts, the entries of each stand in it oldest first. */
Test(tally_snapshot, the_oldest_of_two_parts_are_dropped)
{
	struct tallies *t = tallies_new(1000), *b = tallies_new(100);
	struct tally_op op = op_of(TALLY_MARK, 0);

	for (uint64_t k = 1; k <= 1000; k++) {
		op.key = (struct key128){ k % 2 << 63 | k << 48, 1 };
		ask(t, then.mono, op);
	}
	cr_expect_eq(carry(t, then, b, then).dropped, 900);
	op.kind = TALLY_GET;
	for (uint64_t k = 1; k <= 1000; k++) {
		op.key = (struct key128){ k % 2 << 63 | k << 48, 1 };
		cr_expect_eq(ask(b, then.mono, op).known, k > 900, "%u", (unsigned)k);
	}
	tallies_free(t);
	tallies_free(b);
}

/* A member that was not held for lack of room is not held afterwards, until its group is pinned again. */
Test(tally_snapshot, not_held_stays_not_held)
{
	struct tallies *t = tallies_new(16), *b = tallies_new(1000);
	struct tally_op op;

	for (uint64_t k = 1; k <= 13; k++) {
		op = op_of(TALLY_MARK, k);
		op.group = 77;
		ask(t, then.mono, op);
	}
	tallies_pin(t, 77, then.mono + MS_DAY);
	cr_expect_eq(stats(t).pinned, 12);
	cr_expect_eq(carry(t, then, b, then).refused, 0);
	cr_expect_eq(stats(b).pinned, 12);
	tallies_pin(b, 77, then.mono + MS_DAY);
	cr_expect_eq(stats(b).pinned, 13);
	tallies_free(t);
	tallies_free(b);
}

Test(tally_snapshot, sets_without_room_are_dropped_oldest_first)
{
	struct tallies *t = tallies_new(10000), *b = tallies_new(100);
	struct tallies_restored got;
	struct tally_op op;

	/* 10 sets of 1024 and a mark each; the small table has room for four sets */
	for (uint64_t k = 1; k <= 10; k++) {
		op = op_of(TALLY_DISTINCT, k);
		op.cap = TALLY_CAP_MAX;
		for (op.elem = 1; op.elem <= TALLY_CAP_MAX; op.elem++)
			ask(t, then.mono, op);
		ask(t, then.mono, op_of(TALLY_MARK, 100 + k));
	}
	got = carry(t, then, b, then);
	cr_expect_eq(got.dropped, 6);
	for (uint64_t k = 1; k <= 10; k++) {
		cr_expect_eq(there(b, then.mono, k), k > 6, "%u", (unsigned)k);
		cr_expect(there(b, then.mono, 100 + k));
	}
	tallies_free(t);
	tallies_free(b);
}

Test(tally_snapshot, what_is_held_stays_and_has_its_bound)
{
	struct tallies *t = tallies_new(1000), *b = tallies_new(16);
	struct tallies_restored got;
	struct tally_op op;

	for (uint64_t k = 1; k <= 13; k++) { /* the oldest, and one more than the small table holds */
		op = op_of(TALLY_MARK, k);
		op.group = 77;
		ask(t, then.mono, op);
	}
	tallies_pin(t, 77, then.mono + 20 * MS_DAY);
	tallies_pin(t, 78, then.mono + 20 * MS_DAY); /* without a member */
	for (uint64_t k = 100; k < 200; k++)
		ask(t, then.mono, op_of(TALLY_MARK, k));
	got = carry(t, then, b, then);
	cr_expect_eq(stats(b).entries, 16);
	cr_expect_eq(stats(b).pinned, 12);
	cr_expect_eq(got.pins, 2);
	cr_expect_eq(got.refused, 1);
	cr_expect_eq(got.dropped, 13 + 100 - 16);
	op = op_of(TALLY_MARK, 300);
	op.group = 78;
	tallies_pin(b, 77, then.mono);
	tallies_expire(b, then.mono, 100);
	cr_expect_eq(stats(b).pinned, 0);
	ask(b, then.mono, op);
	cr_expect_eq(stats(b).pinned, 1, "a held group is known without members");
	tallies_expire(b, then.mono + 20 * MS_DAY - 1, 100);
	cr_expect_eq(stats(b).entries, 1);
	tallies_expire(b, then.mono + 20 * MS_DAY, 100);
	cr_expect_eq(stats(b).entries, 0);
	tallies_free(b);
	b = tallies_new(1000);
	carry(t, then, b, then);
	cr_expect_eq(stats(b).pinned, 13);
	tallies_free(t);
	tallies_free(b);
}

/* The parts are taken one after the other: a pin that came in between holds members of former parts too, and
 * the later end counts. */
Test(tally_snapshot, a_pin_between_two_parts)
{
	for (int later_first = 0; later_first < 2; later_first++) {
		struct tallies *t = tallies_new(1000), *b = tallies_new(1000);
		struct tallies_restored got = { 0 };
		struct tally_op op;
		struct buf out[2 * TALLY_PARTS];

		for (uint64_t k = 1; k <= 200; k++) {
			op = op_of(TALLY_MARK, k);
			op.group = 7;
			ask(t, then.mono, op);
		}
		for (uint32_t p = 0; p < 2 * TALLY_PARTS; p++) {
			if (p == TALLY_PARTS / 4)
				tallies_pin(t, 7, then.mono + MS_DAY);
			if (p == TALLY_PARTS)
				tallies_pin(t, 7, then.mono + 3 * MS_DAY);
			buf_init(&out[p], 0);
			tallies_snapshot(t, p % TALLY_PARTS, then, &out[p]);
		}
		/* The first half before the pin, the second with the longer one. */
		for (uint32_t k = 0; k < TALLY_PARTS; k++) {
			uint32_t p = later_first ? TALLY_PARTS - 1 - k : k;

			p += p >= TALLY_PARTS / 2 ? TALLY_PARTS : 0;
			cr_assert_eq(tallies_restore(b, then, buf_str(&out[p]), &got), 0);
		}
		cr_expect_eq(got.entries, 200);
		cr_expect_eq(stats(b).pinned, 200);
		tallies_expire(b, then.mono + 3 * MS_DAY - 1, 10000);
		cr_expect_eq(stats(b).pinned, 200);
		for (uint32_t p = 0; p < 2 * TALLY_PARTS; p++)
			buf_fini(&out[p]);
		tallies_free(t);
		tallies_free(b);
	}
}

Test(tally_snapshot, what_is_there_already_stays)
{
	struct tallies *t = tallies_new(100);
	struct tally_op add = op_of(TALLY_ADD, 1);
	struct tallies_restored got = { 0 };
	struct buf out;

	buf_init(&out, 0);
	ask(t, then.mono, add);
	for (uint32_t p = 0; p < TALLY_PARTS; p++) {
		buf_reset(&out);
		tallies_snapshot(t, p, then, &out);
		ask(t, then.mono, add);
		cr_assert_eq(tallies_restore(t, then, buf_str(&out), &got), 0);
	}
	cr_expect_eq(got.entries, 1);
	cr_expect_eq(got.known, 1);
	cr_expect_eq(ask(t, then.mono, add).sum, TALLY_PARTS + 2);
	buf_fini(&out);
	tallies_free(t);
}

/* ---- ops that came after the snapshot are submitted again ---- */

/* At their own time: the same as without a restart, although the restart came hours later. */
Test(tally_snapshot, replay_at_its_own_time)
{
	struct tallies *t = tallies_new(100), *b = tallies_new(100);
	struct now now = { 60000, then.wall + 3 * MS_HOUR };
	int64_t shift = now.mono - 3 * MS_HOUR - then.mono;
	struct tally_op add = op_of(TALLY_ADD, 1), set = op_of(TALLY_DISTINCT, 2);

	ask(t, then.mono, add);
	ask(t, then.mono, set);
	carry(t, then, b, now);
	for (int64_t ms = 0; ms < 2 * MS_HOUR; ms += 10 * MS_MIN) {
		struct tally_answer x, y;

		set.elem = 1 + (uint64_t)ms / MS_HOUR;
		x = ask(t, then.mono + ms, add);
		y = ask(b, then.mono + ms + shift, add);
		cr_expect(same(x, on_clock_of_a(y, shift)), "%d: %d/%d", (int)ms, (int)x.sum, (int)y.sum);
		x = ask(t, then.mono + ms, set);
		y = ask(b, then.mono + ms + shift, set);
		cr_expect(same(x, on_clock_of_a(y, shift)), "%d: %u/%u", (int)ms, x.distinct, y.distinct);
	}
	cr_expect(same(ask(t, then.mono + 3 * MS_HOUR, op_of(TALLY_GET, 1)),
	    on_clock_of_a(ask(b, now.mono, op_of(TALLY_GET, 1)), shift)));
	tallies_free(t);
	tallies_free(b);
}

/* Older than the last touch of the entry: it counts then. Other entries' ops keep their time. */
Test(tally_snapshot, replay_of_what_is_older_than_its_entry)
{
	static const enum tally_kind kinds[] = { TALLY_ADD, TALLY_DISTINCT, TALLY_MIN, TALLY_MARK,
		TALLY_TURN };
	struct tallies *t = tallies_new(100), *b = tallies_new(100);
	int64_t old = then.mono - 10 * MS_MIN;
	struct tally_answer a;

	for (uint64_t k = 0; k < ARRAY_LEN(kinds); k++)
		ask(t, then.mono - MS_MIN, op_of(kinds[k], k + 1));
	for (uint64_t k = 0; k < ARRAY_LEN(kinds); k++)
		ask(t, then.mono, op_of(kinds[k], k + 1));
	carry(t, then, b, then);
	for (uint64_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct tally_op op = op_of(kinds[k], k + 1);

		a = ask(b, old, op_of(TALLY_GET, k + 1));
		cr_expect(a.known);
		cr_expect_eq(a.at, then.mono);
		op.elem = 2;
		op.n = 0;
		a = ask(b, old, op);
		cr_expect_eq(a.at, then.mono, "kind %d", kinds[k]);
		cr_expect_eq(a.last, then.mono);
		tallies_undo(b, &op, &a);
		cr_expect_eq(ask(b, old, op_of(TALLY_GET, k + 1)).last, then.mono);
	}
	cr_expect_eq(ask(b, old, op_of(TALLY_ADD, 9)).at, old);
	cr_expect_eq(ask(b, old + 1, op_of(TALLY_ADD, 9)).last, old);
	/* the table's own time never goes back */
	cr_expect_eq(ask(b, old - 5, op_of(TALLY_ADD, 9)).at, old + 1);
	tallies_free(t);
	tallies_free(b);
}

/* A sum whose span began with what was then undone: the span lies after `last`. */
Test(tally_snapshot, replay_before_the_span)
{
	static const struct {
		enum tally_kind kind;
		uint64_t sum, later;
	} rows[] = { { TALLY_ADD, 11, 6 }, { TALLY_TURN, 2, 2 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tallies *t = tallies_new(100), *b = tallies_new(100);
		struct tally_op op = op_of(rows[i].kind, 1);
		struct tally_answer a;

		op.n = 10;
		ask(t, then.mono - MS_HOUR, op);
		op.elem = 2;
		a = ask(t, then.mono, op);
		tallies_undo(t, &op, &a);
		carry(t, then, b, then);
		op.n = 1;
		a = ask(b, then.mono - MS_HOUR / 2, op);
		cr_expect_eq(a.at, then.mono);
		cr_expect_eq(a.sum, rows[i].sum);
		cr_expect_eq(ask(b, then.mono + MS_HOUR / 2, op_of(TALLY_GET, 1)).sum, rows[i].later);
		tallies_free(t);
		tallies_free(b);
	}
}

/* There is no `last` of what was undone, but an element's hits began anew with it: that is not passed. */
Test(tally_snapshot, replay_before_what_was_undone)
{
	struct tallies *t = tallies_new(100), *b = tallies_new(100);
	struct tally_op op = op_of(TALLY_DISTINCT, 1);
	struct tally_answer a;

	ask(t, then.mono - 50 * MS_MIN, op);
	a = ask(t, then.mono, op);
	tallies_undo(t, &op, &a);
	carry(t, then, b, then);
	a = ask(b, then.mono - MS_HOUR / 2, op);
	cr_expect_eq(a.at, then.mono);
	cr_expect_eq(a.last, then.mono - 50 * MS_MIN);
	tallies_free(t);
	tallies_free(b);
}

/* Who spoke last, how many turns, how fast; and the two smallest numbers. */
Test(tally_snapshot, turns_and_numbers_are_carried)
{
	struct tallies *t = tallies_new(100), *b = tallies_new(100);
	struct now now = { 5000, then.wall + 30 * MS_SEC };
	struct tally_op turn = op_of(TALLY_TURN, 1), min = op_of(TALLY_MIN, 2);
	struct tally_answer a;

	for (int64_t k = 0; k < 10; k++) {
		turn.elem = 1 + (uint64_t)k % 2;
		ask(t, then.mono - (9 - k) * 20 * MS_SEC, turn);
	}
	min.n = 7;
	ask(t, then.mono, min);
	min.n = 4;
	a = ask(t, then.mono, min);
	carry(t, then, b, now);
	a.at = 5000;
	tallies_undo(b, &min, &a);
	cr_expect_eq(ask(b, now.mono, op_of(TALLY_GET, 2)).sum, 7);
	turn.elem = 1;
	a = ask(b, now.mono, turn);
	cr_expect_eq(a.last_elem, 2);
	cr_expect_eq(a.sum, 11);
	cr_expect(llabs(a.pace - 20 * MS_SEC) <= 20 * MS_SEC / 8, "%lld", (long long)a.pace);
	tallies_free(t);
	tallies_free(b);
}

Test(tally_snapshot, what_is_past_its_time_is_left_behind)
{
	struct tallies *t = tallies_new(100), *b = tallies_new(100);

	ask(t, then.mono - MS_DAY, op_of(TALLY_MARK, 1));
	ask(t, then.mono - MS_DAY + 1, op_of(TALLY_MARK, 2));
	cr_expect_eq(carry(t, then, b, then).entries, 1);
	cr_expect(there(b, then.mono, 2));
	tallies_free(t);
	tallies_free(b);
}

/* The clock of who takes the snapshot may have been read a little before the last ops. */
Test(tally_snapshot, a_clock_that_is_behind)
{
	struct tallies *t = tallies_new(100), *b = tallies_new(100);

	ask(t, then.mono + 50, op_of(TALLY_MARK, 1));
	ask(t, then.mono + 100, op_of(TALLY_MARK, 2));
	carry(t, then, b, then);
	cr_expect_eq(ask(b, then.mono, op_of(TALLY_GET, 1)).last, then.mono - 50);
	cr_expect_eq(ask(b, then.mono, op_of(TALLY_GET, 2)).last, then.mono);
	tallies_free(t);
	tallies_free(b);
}
