/* SPDX-License-Identifier: ISC */
/*
 * The tallies against a slow obvious model (tally_model.h). Random ops with fixed seeds: every answer and
 * every figure must be the same.
 */
#include "tally_model.h"

#include <stdio.h>

/* ---- the comparison ---- */

struct pending {
	bool used;
	struct tally_op op;
	struct tally_answer a;
	int64_t at;
	uint64_t serial;
};

static void
random_op(uint64_t *rnd, struct tally_op *op)
{
	static const int64_t windows[] = { 0, 50, 400, 3000 };
	uint64_t k = draw(rnd, draw(rnd, 2) ? KEYS : 6) + 1; /* some keys are hot */

	*op = (struct tally_op){ .kind = (enum tally_kind)(k % 4), .key = { k % 7 * 64, k } };
	if (draw(rnd, 60) == 0)
		op->kind = (enum tally_kind)draw(rnd, 4);
	if (draw(rnd, 5) == 0)
		op->kind = TALLY_GET;
	op->elem = draw(rnd, draw(rnd, 12) + 1);
	op->n = (uint32_t)draw(rnd, 6);
	op->window = windows[(k + (draw(rnd, 40) == 0)) % 4];
	op->ttl = (int64_t)draw(rnd, 6) * 300;
	op->cap = (uint32_t)draw(rnd, CAP_MOST) + 1;
	op->group = draw(rnd, 100) == 0 ? draw(rnd, GROUPS + 1) : k % (GROUPS + 1);
}

static bool
same(const struct tally_answer *x, const struct tally_answer *y)
{
	return x->known == y->known && x->stored == y->stored && x->elem_known == y->elem_known &&
	    x->sum == y->sum && x->distinct == y->distinct && x->elem_hits == y->elem_hits &&
	    x->ever == y->ever && x->first == y->first && x->last == y->last && x->last_elem == y->last_elem;
}

static void
compare_stats(struct tallies *t, const struct model *m, unsigned step)
{
	struct tallies_stats s;
	uint64_t n = 0, pinned = 0;

	tallies_stats(t, &s);
	for (int i = 0; i < MAX; i++) {
		n += m->e[i].used;
		pinned += m->e[i].used && m->e[i].pinned;
	}
	cr_assert_eq(s.entries, n, "step %u", step);
	cr_assert_eq(s.pinned, pinned, "step %u", step);
	cr_assert_eq(s.evicted, m->evicted, "step %u", step);
	cr_assert_eq(s.refused, m->refused, "step %u", step);
}

struct run {
	struct tallies *t;
	struct model *m;
	struct pending pending[PENDING];
	uint64_t rnd;
	int64_t now;
};

static void
step_submit(struct run *r, unsigned step)
{
	struct pending p = { .used = true, .at = r->now };
	struct tally_answer want;

	random_op(&r->rnd, &p.op);
	tallies_submit(r->t, r->now, &p.op, &p.a, 1);
	model_tick(r->m, r->now);
	model_submit(r->m, r->now, &p.op, &want, &p.serial);
	cr_assert(same(&p.a, &want),
	    "step %u kind %d: %d%d%d sum %llu/%llu distinct %u/%u hits %u/%u ever %u/%u", step, p.op.kind,
	    p.a.known, p.a.stored, p.a.elem_known, (unsigned long long)p.a.sum, (unsigned long long)want.sum,
	    p.a.distinct, want.distinct, p.a.elem_hits, want.elem_hits, p.a.ever, want.ever);
	cr_assert_eq(p.a.before, want.before);
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
		model_undo(r->m, &p->op, &p->a, p->at, p->serial);
		p->used = false;
	} else if (what < 22) {
		tallies_expire(r->t, r->now, UINT32_MAX);
		model_expire(r->m, r->now);
	} else if (what < 23) {
		tallies_pin(r->t, g, until);
		model_pin(r->m, g, until);
	} else if (what < 24) {
		tallies_unpin(r->t, g);
		model_unpin(r->m, g);
	}
}

static void
compare(uint64_t seed, unsigned steps)
{
	struct run *r = calloc(1, sizeof(*r));

	r->m = calloc(1, sizeof(*r->m));
	r->t = tallies_new(MAX);
	r->rnd = seed;
	r->now = 1000000;
	for (int g = 0; g <= GROUPS; g++)
		r->m->order[g][0] = -1;
	for (unsigned step = 0; step < steps; step++) {
		uint64_t what = draw(&r->rnd, 100);

		if (draw(&r->rnd, 3) == 0)
			r->now += (int64_t)draw(&r->rnd, draw(&r->rnd, 50) == 0 ? 5000 : 20);
		if (what < 24)
			step_other(r, what);
		else
			step_submit(r, step);
		compare_stats(r->t, r->m, step);
	}
	tallies_free(r->t);
	free(r->m);
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
		struct tally_op op;

		random_op(&rnd, &op);
		op.group = 0;
		now += (int64_t)draw(&rnd, 30);
		tallies_submit(a, now, &op, &x, 1);
		tallies_submit(b, now, &op, &y, 1);
		cr_assert(same(&x, &y), "step %u", step);
		tallies_expire(b, now, 3);
	}
	tallies_free(a);
	tallies_free(b);
}
