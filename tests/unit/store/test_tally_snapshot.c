/* SPDX-License-Identifier: ISC */
/*
 * A table and the one that was restored from its snapshot are asked the same: no answer may differ. Random
 * ops with fixed seeds, small tables under pressure; then the single rules, and damaged bytes.
 */
#include <criterion/criterion.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "store/tallies.h"

enum { PENDING = 12, GROUPS_MOST = 8 };

static uint64_t
draw(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state * 0x2545f4914f6cdd1du >> 33) % below;
}

static struct key128
key(uint64_t n)
{
	return (struct key128){ n * 0x9e3779b97f4a7c15u + 1, n };
}

static struct tallies_stats
stats(const struct tallies *t)
{
	struct tallies_stats s;

	tallies_stats(t, &s);
	return s;
}

/* All parts of `from` at `then` into `to` at `now`, the parts in an order of their own. */
static struct tallies_restored
carry(const struct tallies *from, struct now then, struct tallies *to, struct now now)
{
	struct tallies_restored got = { 0 };
	struct buf out;

	buf_init(&out, 0);
	for (uint32_t k = 0; k < TALLY_PARTS; k++) {
		buf_reset(&out);
		tallies_snapshot(from, k * 37 % TALLY_PARTS, then, &out);
		cr_assert_eq(tallies_restore(to, now, buf_str(&out), &got), 0);
	}
	buf_fini(&out);
	return got;
}

/* ---- the same answers ---- */

struct world {
	const char *name;
	uint32_t max, max_after;
	uint64_t keys, elems;
	uint32_t cap;
	uint64_t groups; /* of how many members: all keys, or one each when `lone` */
	bool lone;
	bool pressure;    /* entries must have been evicted, else the run proves nothing */
	struct now later; /* how much both clocks have moved at the restart, beyond the ops' own time */
};

static const struct world worlds[] = {
	{ "groups and pins, nothing evicted", 64, 64, 40, 9, 9, 5, false, false, { 7777, 0 } },
	{ "a larger table", 64, 5000, 40, 9, 9, 5, false, false, { 1000000, 1 } },
	{ "a smaller table", 1000, 64, 40, 9, 9, 5, false, false, { 1000000, 120 } },
	{ "under pressure", 24, 24, 40, 9, 9, 5, true, true, { 5000000, 30 } },
	{ "just started, entries are older than the machine", 24, 24, 40, 9, 9, 5, true, true, { 3, 100 } },
	{ "the wall clock went back", 24, 24, 40, 9, 9, 5, true, true, { 99, -3600000 } },
};

/* Sets share 4096 elements on the side at least: these must overflow. */
static const struct world large = { "large sets", 40, 40, 30, 900, TALLY_CAP_MAX, 3, true, true, { 20, 10 } };

struct pending {
	bool used;
	struct tally_op op;
	struct tally_answer a, b;
};

struct run {
	const struct world *w;
	struct tallies *a, *b;
	struct tallies_stats before_a; /* at the restart */
	struct pending pending[PENDING];
	uint64_t rnd;
	int64_t now, shift; /* of b's clock against a's */
};

static void
random_op(struct run *r, struct tally_op *op)
{
	static const int64_t windows[] = { 0, 50, 400, 3000 };
	uint64_t k = draw(&r->rnd, draw(&r->rnd, 2) ? r->w->keys : 6) + 1;

	*op = (struct tally_op){ .kind = (enum tally_kind)(k % 4), .key = key(k) };
	if (draw(&r->rnd, 60) == 0)
		op->kind = (enum tally_kind)draw(&r->rnd, 4);
	if (draw(&r->rnd, 5) == 0)
		op->kind = TALLY_GET;
	op->elem = draw(&r->rnd, draw(&r->rnd, r->w->elems) + 1);
	op->n = (uint32_t)draw(&r->rnd, 6);
	op->window = windows[(k + (draw(&r->rnd, 40) == 0)) % 4];
	op->ttl = (int64_t)draw(&r->rnd, 6) * 300;
	op->cap = (uint32_t)draw(&r->rnd, r->w->cap) + 1;
	if (r->w == &large) {
		op->kind = k % 4 ? TALLY_DISTINCT : op->kind;
		op->window = k % 5 ? 0 : 100000;
		op->ttl = 200000;
		op->cap = r->w->cap;
	}
	op->group = r->w->lone ? (k <= r->w->groups ? k : 0) : k % (r->w->groups + 1);
}

/* b's answer as it would be on a's clock. */
static struct tally_answer
on_clock_of_a(struct tally_answer b, int64_t shift)
{
	b.at -= shift;
	if (b.known) {
		b.first -= shift;
		b.last -= shift;
	}
	return b;
}

static bool
same(struct tally_answer x, struct tally_answer y)
{
	return x.known == y.known && x.stored == y.stored && x.elem_known == y.elem_known && x.sum == y.sum &&
	    x.distinct == y.distinct && x.elem_hits == y.elem_hits && x.ever == y.ever &&
	    x.first == y.first && x.last == y.last && x.last_elem == y.last_elem && x.ref == y.ref &&
	    x.at == y.at && x.before == y.before;
}

static void
step_submit(struct run *r, unsigned step)
{
	struct pending p = { .used = true };

	random_op(r, &p.op);
	tallies_submit(r->a, r->now, &p.op, &p.a, 1);
	if (r->b) {
		tallies_submit(r->b, r->now + r->shift, &p.op, &p.b, 1);
		cr_assert(same(p.a, on_clock_of_a(p.b, r->shift)),
		    "%s: step %u kind %d known %d/%d sum %llu/%llu", r->w->name, step, p.op.kind, p.a.known,
		    p.b.known, (unsigned long long)p.a.sum, (unsigned long long)p.b.sum);
	}
	if (p.op.kind != TALLY_GET)
		r->pending[draw(&r->rnd, PENDING)] = p;
}

static void
step_other(struct run *r, uint64_t what)
{
	struct pending *p = &r->pending[draw(&r->rnd, PENDING)];
	uint64_t g = draw(&r->rnd, r->w->groups) + 1;
	int64_t until = r->now + (int64_t)draw(&r->rnd, 4000);

	if (what < 20 && p->used) {
		tallies_undo(r->a, &p->op, &p->a);
		if (r->b)
			tallies_undo(r->b, &p->op, &p->b);
		p->used = false;
	} else if (what < 22) {
		tallies_expire(r->a, r->now, UINT32_MAX);
		if (r->b)
			tallies_expire(r->b, r->now + r->shift, UINT32_MAX);
	} else if (what < 23) {
		tallies_pin(r->a, g, until);
		if (r->b)
			tallies_pin(r->b, g, until + r->shift);
	} else if (what < 24) {
		tallies_unpin(r->a, g);
		if (r->b)
			tallies_unpin(r->b, g);
	}
}

static void
compare_stats(struct run *r, unsigned step)
{
	struct tallies_stats a = stats(r->a), b = stats(r->b);

	cr_assert_eq(a.entries, b.entries, "%s: step %u: %u/%u", r->w->name, step, (unsigned)a.entries,
	    (unsigned)b.entries);
	cr_assert_eq(a.pinned, b.pinned, "%s: step %u", r->w->name, step);
	cr_assert_eq(a.evicted - r->before_a.evicted, b.evicted, "%s: step %u", r->w->name, step);
	cr_assert_eq(a.refused - r->before_a.refused, b.refused, "%s: step %u", r->w->name, step);
	if (r->w->max == r->w->max_after)
		cr_assert_eq(a.bytes >> 20, b.bytes >> 20);
}

static void
restart(struct run *r)
{
	struct now then = { r->now, 1700000000000 }, now;
	struct tallies_restored got;

	/* What is past its time is not carried over, so it must not take room here either. */
	tallies_expire(r->a, r->now, UINT32_MAX);
	r->b = tallies_new(r->w->max_after);
	now = (struct now){ r->w->later.mono, then.wall + r->w->later.wall };
	got = carry(r->a, then, r->b, now);
	r->before_a = stats(r->a);
	cr_assert_eq(got.entries, r->before_a.entries);
	cr_assert_eq(got.dropped + got.known + got.refused, 0);
	r->now += r->w->later.wall > 0 ? r->w->later.wall : 0;
	r->shift = now.mono - r->now;
	for (int k = 0; k < PENDING; k++) {
		struct pending *p = &r->pending[k];

		p->b = on_clock_of_a(p->a, -r->shift);
	}
}

static void
play(const struct world *w, uint64_t seed, unsigned steps)
{
	struct run r = { .w = w, .a = tallies_new(w->max), .rnd = seed, .now = 1000000 };
	unsigned cut = steps / 4 + (unsigned)draw(&r.rnd, steps / 4);

	for (unsigned step = 0; step < steps; step++) {
		uint64_t what = draw(&r.rnd, 100);

		if (step == cut)
			restart(&r);
		if (draw(&r.rnd, 3) == 0)
			r.now += (int64_t)draw(&r.rnd, draw(&r.rnd, 50) == 0 ? 5000 : 20);
		if (what < 24)
			step_other(&r, what);
		else
			step_submit(&r, step);
		if (r.b)
			compare_stats(&r, step);
	}
	if (w->pressure)
		cr_assert_gt(stats(r.b).evicted, 0, "%s", w->name);
	tallies_free(r.a);
	tallies_free(r.b);
}

Test(tally_snapshot, answers_as_the_original)
{
	for (size_t i = 0; i < ARRAY_LEN(worlds); i++)
		for (uint64_t seed = 1; seed <= 24; seed++)
			play(&worlds[i], seed * 0x9d2c5680a5b1c3d7u, 2000);
}

Test(tally_snapshot, large_sets_answer_as_the_original)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		play(&large, seed * 0xfeedfacecafebeefu, 40000);
}

/* ---- single rules ---- */

static const struct now then = { 10 * MS_DAY, 1700000000000 };

static struct tally_op
op_of(enum tally_kind kind, uint64_t k)
{
	return (struct tally_op){
		.kind = kind, .key = key(k), .n = 1, .window = MS_HOUR, .ttl = MS_DAY, .cap = 8, .elem = 1
	};
}

static struct tally_answer
ask(struct tallies *t, int64_t at, struct tally_op op)
{
	struct tally_answer a;

	tallies_submit(t, at, &op, &a, 1);
	return a;
}

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

/* A part that does not exist is empty. */
Test(tally_snapshot, part_beyond_the_last)
{
	struct tallies *t = tallies_new(100);
	struct tallies_restored got = { 0 };
	struct buf out;

	buf_init(&out, 0);
	for (uint64_t k = 1; k <= 100; k++)
		ask(t, then.mono, op_of(TALLY_MARK, k));
	tallies_pin(t, 1, INT64_MAX);
	tallies_snapshot(t, TALLY_PARTS, then, &out);
	cr_assert_eq(tallies_restore(t, then, buf_str(&out), &got), 0);
	cr_assert_eq(got.entries, 0);
	buf_fini(&out);
	tallies_free(t);
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
	for (uint64_t k = 1; k <= 12; k++)
		tallies_unpin(b, 77);
	cr_expect_eq(stats(b).pinned, 0);
	ask(b, then.mono, op);
	cr_expect_eq(stats(b).pinned, 1, "a held group is known without members");
	tallies_expire(b, then.mono + 20 * MS_DAY - 1, 100);
	cr_expect_eq(stats(b).entries, 1);
	tallies_expire(b, then.mono + 20 * MS_DAY, 100);
	cr_expect_eq(stats(b).entries, 0);
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
			if (p == TALLY_PARTS / 2)
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
	static const enum tally_kind kinds[] = { TALLY_ADD, TALLY_DISTINCT, TALLY_MIN, TALLY_MARK };
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
		cr_expect_eq(a.first, then.mono - MS_MIN);
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
	struct tallies *t = tallies_new(100), *b = tallies_new(100);
	struct tally_op add = op_of(TALLY_ADD, 1);
	struct tally_answer a;

	add.n = 10;
	ask(t, then.mono - MS_HOUR, add);
	a = ask(t, then.mono, add);
	tallies_undo(t, &add, &a);
	carry(t, then, b, then);
	add.n = 1;
	cr_expect_eq(ask(b, then.mono - MS_HOUR / 2, add).sum, 11);
	cr_expect_eq(ask(b, then.mono + MS_HOUR / 2, op_of(TALLY_GET, 1)).sum, 6);
	tallies_free(t);
	tallies_free(b);
}

/* ---- bytes that are not whole ---- */

static struct tallies *
small_table(void)
{
	struct tallies *t = tallies_new(64);

	for (uint64_t k = 1; k <= 12; k++) {
		struct tally_op op = op_of((enum tally_kind)(k % 4), 0);

		op.key = (struct key128){ k, k }; /* all in the first part */
		op.group = k % 3;
		ask(t, then.mono, op);
		op.elem = 2;
		ask(t, then.mono, op);
	}
	tallies_pin(t, 1, then.mono + MS_DAY);
	return t;
}

static void
expect_refused(struct str bytes, size_t at)
{
	static const struct tallies_restored nothing = { 0 };
	struct tallies *b = tallies_new(16);
	struct tallies_restored got = nothing;
	struct tally_op op = op_of(TALLY_MARK, 5);
	struct tallies_stats before, after;
	int err;

	op.group = 1;
	ask(b, 1000, op);
	before = stats(b);
	err = tallies_restore(b, (struct now){ 1000, then.wall }, bytes, &got);
	after = stats(b);
	cr_assert(err == ERR_CORRUPT || err == ERR_VERSION, "at %zu: %d", at, err);
	cr_assert_eq(memcmp(&before, &after, sizeof(after)), 0, "at %zu", at);
	cr_assert_eq(memcmp(&got, &nothing, sizeof(got)), 0, "at %zu", at);
	cr_assert_eq(ask(b, 1000, op).last, 1000);
	tallies_free(b);
}

Test(tally_snapshot, every_flip_and_every_cut_is_seen)
{
	struct tallies *t = small_table();
	struct buf out;

	buf_init(&out, 0);
	tallies_snapshot(t, 0, then, &out);
	cr_assert_gt(out.len, 300);
	for (size_t i = 0; i < out.len; i++) {
		expect_refused(str_sub(buf_str(&out), 0, i), i);
		for (int flip = 0; flip < 10; flip++) {
			unsigned char x = flip < 8 ? (unsigned char)(1u << flip) : flip == 8 ? 0xff : 0x5a;

			out.data[i] = (char)(out.data[i] ^ x);
			expect_refused(buf_str(&out), i);
			out.data[i] = (char)(out.data[i] ^ x);
		}
	}
	buf_append(&out, "", 1);
	expect_refused(buf_str(&out), out.len);
	buf_fini(&out);
	tallies_free(t);
}

Test(tally_snapshot, another_version)
{
	struct blob head = { .magic = 0x6e53744d, .version = 2, .wall = then.wall };
	struct tallies *t = tallies_new(16);
	struct tallies_restored got = { 0 };
	struct buf out;
	size_t at;

	buf_init(&out, 0);
	at = blob_begin(&out, &head);
	blob_end(&out, at, 0);
	cr_expect_eq(tallies_restore(t, then, buf_str(&out), &got), ERR_VERSION);
	buf_fini(&out);
	tallies_free(t);
}

Test(tally_snapshot, garbage)
{
	uint64_t rnd = 0x5eed5eed5eedu;
	char bytes[400];

	for (unsigned round = 0; round < 20000; round++) {
		size_t n = draw(&rnd, sizeof(bytes));

		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)draw(&rnd, 256);
		expect_refused((struct str){ bytes, n }, round);
	}
}

/* Whole, but of somebody who writes what we never do: the checksum is right, the content is changed at random.
 * It fits or it does not; the table stays in order in both cases. */
Test(tally_snapshot, wrong_content_under_a_right_checksum)
{
	struct tallies *t = small_table();
	uint64_t rnd = 0xc0ffee1234567u;
	unsigned fits = 0, refused = 0;
	struct buf good, bad;

	buf_init(&good, 0);
	buf_init(&bad, 0);
	tallies_snapshot(t, 0, then, &good);
	for (unsigned round = 0; round < 30000; round++) {
		struct blob head = { .magic = 0x6e53744d, .version = 1, .wall = then.wall };
		struct tallies *b = tallies_new(16);
		struct tallies_restored got = { 0 };
		size_t at;
		int err;

		buf_reset(&bad);
		at = blob_begin(&bad, &head);
		buf_append(&bad, good.data + BLOB_HEAD, good.len - BLOB_HEAD);
		for (uint64_t k = draw(&rnd, 4); k < 4; k++)
			bad.data[BLOB_HEAD + draw(&rnd, bad.len - BLOB_HEAD)] = (char)draw(&rnd, 256);
		blob_end(&bad, at, draw(&rnd, 20) ? 12 : (uint32_t)draw(&rnd, UINT32_MAX));
		err = tallies_restore(b, then, buf_str(&bad), &got);
		cr_assert(err == 0 || err == ERR_CORRUPT);
		fits += err == 0;
		refused += err != 0;
		for (uint64_t k = 1; k <= 40; k++)
			ask(b, then.mono + (int64_t)k, op_of((enum tally_kind)(k % 4), k));
		tallies_unpin(b, 1);
		tallies_expire(b, INT64_MAX / 2, 1000);
		cr_assert_leq(stats(b).entries, 16);
		tallies_free(b);
	}
	cr_expect_gt(fits, 1000);
	cr_expect_gt(refused, 1000);
	buf_fini(&good);
	buf_fini(&bad);
	tallies_free(t);
}
