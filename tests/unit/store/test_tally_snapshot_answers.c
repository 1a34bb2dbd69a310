/* SPDX-License-Identifier: ISC */
/*
 * A table and the one that was restored from its snapshot are asked the same: no answer may differ. Random
 * ops with fixed seeds, small tables under pressure.
 */
#include "snapshot_rig.h"

enum { PENDING = 12 };

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

static struct tally_op
next_op(struct run *r)
{
	const struct world *w = r->w;
	struct tally_op op = random_op(&r->rnd, w->keys, w->elems, w->cap);
	uint64_t k = op.key.hi;

	if (w == &large) {
		op.kind = k % 4 ? TALLY_DISTINCT : op.kind;
		op.window = k % 5 ? 0 : 100000;
		op.ttl = 200000;
		op.cap = w->cap;
	}
	op.group = w->lone ? (k <= w->groups ? k : 0) : k % (w->groups + 1);
	return op;
}

static void
step_submit(struct run *r, unsigned step)
{
	struct pending p = { .used = true, .op = next_op(r) };

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
		tallies_pin(r->a, g, r->now);
		if (r->b)
			tallies_pin(r->b, g, r->now + r->shift);
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
	struct now at = { r->now, 1700000000000 }, now;
	struct tallies_restored got;

	/* What is past its time is not carried over, so it must not take room here either. */
	tallies_expire(r->a, r->now, UINT32_MAX);
	r->b = tallies_new(r->w->max_after);
	now = (struct now){ r->w->later.mono, at.wall + r->w->later.wall };
	got = carry(r->a, at, r->b, now);
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

Test(tally_snapshot_answers, answers_as_the_original)
{
	for (size_t i = 0; i < ARRAY_LEN(worlds); i++)
		for (uint64_t seed = 1; seed <= 24; seed++)
			play(&worlds[i], seed * 0x9d2c5680a5b1c3d7u, 2000);
}

Test(tally_snapshot_answers, large_sets_answer_as_the_original)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		play(&large, seed * 0xfeedfacecafebeefu, 40000);
}
