/* SPDX-License-Identifier: ISC */
/*
 * The tallies against a slow obvious model (tally_model.h). Random ops with fixed seeds: every answer and
 * every figure must be the same.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tally_model.h"

enum { MAX = 24, KEYS = 40, GROUPS = 5, CAP_MOST = 9, PENDING = 12 };

/* ---- the comparison ---- */

struct pending {
	bool used;
	struct tally_op op;
	struct tally_answer a, want;
};

/* Few places of the table serve them all. */
static struct tally_op
crowded_op(uint64_t *rnd)
{
	struct tally_op op = random_op(rnd, KEYS, 12, CAP_MOST);

	op.key.lo = op.key.hi % 7 * 64;
	return op;
}

struct run {
	struct tallies *t;
	void *m;
	struct pending pending[PENDING];
	uint64_t rnd;
	int64_t now;
	unsigned paces; /* answers with one */
};

static void
compare_stats(struct run *r, unsigned step)
{
	struct tallies_stats s, want;

	tallies_stats(r->t, &s);
	model_stats(r->m, &want);
	cr_assert_eq(s.entries, want.entries, "step %u", step);
	cr_assert_eq(s.pinned, want.pinned, "step %u", step);
	cr_assert_eq(s.evicted, want.evicted, "step %u", step);
	cr_assert_eq(s.refused, want.refused, "step %u", step);
}

static void
step_submit(struct run *r, unsigned step)
{
	struct pending p = { .used = true, .op = crowded_op(&r->rnd) };

	p.op.group = draw(&r->rnd, 100) ? p.op.key.hi % (GROUPS + 1) : draw(&r->rnd, GROUPS + 1);
	tallies_submit(r->t, r->now, &p.op, &p.a, 1);
	model_submit(r->m, r->now, &p.op, &p.want, 1);
	cr_assert(same_answer(&p.a, &p.want),
	    "step %u kind %d: %d%d%d sum %llu/%llu distinct %u/%u hits %u/%u ever %u/%u pace %lld/%lld", step,
	    p.op.kind, p.a.known, p.a.stored, p.a.elem_known, (unsigned long long)p.a.sum,
	    (unsigned long long)p.want.sum, p.a.distinct, p.want.distinct, p.a.elem_hits, p.want.elem_hits,
	    p.a.ever, p.want.ever, (long long)p.a.pace, (long long)p.want.pace);
	r->paces += p.a.pace > 0;
	if (p.op.kind != TALLY_GET)
		r->pending[draw(&r->rnd, PENDING)] = p;
}

static void
step_other(struct run *r, uint64_t what)
{
	struct pending *p = &r->pending[draw(&r->rnd, PENDING)];
	uint64_t g = draw(&r->rnd, GROUPS) + 1;
	int64_t until = r->now + (int64_t)draw(&r->rnd, 4000);

	if (what < 20 && p->used) {
		tallies_undo(r->t, &p->op, &p->a);
		model_undo(r->m, &p->op, &p->want);
		p->used = false;
	} else if (what < 22) {
		tallies_expire(r->t, r->now, UINT32_MAX);
		model_expire(r->m, r->now, UINT32_MAX);
	} else if (what < 23) {
		tallies_pin(r->t, g, until);
		model_pin(r->m, g, until);
	} else if (what < 24) {
		tallies_pin(r->t, g, r->now);
		model_pin(r->m, g, r->now);
	}
}

static void
compare(uint64_t seed, unsigned steps)
{
	struct run *r = calloc(1, sizeof(*r));

	r->m = model_new(MAX);
	r->t = tallies_new(MAX);
	r->rnd = seed;
	r->now = 1000000;
	for (unsigned step = 0; step < steps; step++) {
		uint64_t what = draw(&r->rnd, 100);

		if (draw(&r->rnd, 3) == 0)
			r->now += (int64_t)draw(&r->rnd, draw(&r->rnd, 50) == 0 ? 5000 : 20);
		if (what < 24)
			step_other(r, what);
		else
			step_submit(r, step);
		compare_stats(r, step);
	}
	cr_expect_gt(r->paces, steps / 50);
	tallies_free(r->t);
	model_free(r->m);
	free(r);
}

/* 200,000 steps in all. */
Test(tallies_model, seed_1)
{
	compare(0x9d2c5680a5b1c3d7u, 50000);
}
Test(tallies_model, seed_2)
{
	compare(0x1234567890abcdefu, 50000);
}
Test(tallies_model, seed_3)
{
	compare(0xfeedfacecafebeefu, 50000);
}
Test(tallies_model, seed_4)
{
	compare(0x0123456789u, 50000);
}

/* The same answers when what is past its time is swept in small slices or not at all. */
Test(tallies_model, expiry_changes_no_answer)
{
	struct tallies *a = tallies_new(1000), *b = tallies_new(1000);
	uint64_t rnd = 0x5eed5eed5eed5eedu;
	int64_t now = 1000;

	for (unsigned step = 0; step < 50000; step++) {
		struct tally_answer x, y;
		struct tally_op op = crowded_op(&rnd);

		now += (int64_t)draw(&rnd, 30);
		tallies_submit(a, now, &op, &x, 1);
		tallies_submit(b, now, &op, &y, 1);
		cr_assert(same_answer(&x, &y), "step %u", step);
		tallies_expire(b, now, 3);
	}
	tallies_free(a);
	tallies_free(b);
}
