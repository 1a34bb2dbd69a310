/* SPDX-License-Identifier: ISC */
/* What is taken back: exactly, in the reverse of the order; the counts, in any order. */
#ifndef TALLY_SUITE_UNDO_H
#define TALLY_SUITE_UNDO_H

#include "tally_suite.h"

enum { UNDO_OPS = 12 };

/* One kind: random ops with a fixed seed, some kept, then more that are taken back from the last one: who has
 * seen them answers as who has not. */
static void
undo_one_kind(struct rig *r, enum tally_kind kind, uint64_t *rnd)
{
	void *plain = r->b->new (16);
	struct tally_op ops[UNDO_OPS], get = op_of(TALLY_GET, 1);
	struct tally_answer answers[UNDO_OPS], a, b;
	unsigned n = 1 + (unsigned)draw(rnd, UNDO_OPS), keep = (unsigned)draw(rnd, n);
	int64_t at = 1000000;

	renew(r, 16);
	/* The hits of a set that begin anew are not brought back: a longer window there. */
	get.window = kind == TALLY_DISTINCT ? 1000000 : 1000;
	for (unsigned i = 0; i < n; i++) {
		ops[i] = op_elem(kind, 1, draw(rnd, 3));
		ops[i].n = (uint32_t)draw(rnd, 6);
		ops[i].window = get.window;
		at += (int64_t)draw(rnd, draw(rnd, 5) ? 300 : 2500);
		answers[i] = ask(r, at, ops[i]);
		if (i < keep)
			r->b->submit(plain, at, &ops[i], &a, 1);
	}
	for (unsigned i = n; i-- > keep;)
		undo(r, ops[i], answers[i]);
	for (get.elem = 0; get.elem < 3; get.elem++) {
		a = ask(r, at, get);
		r->b->submit(plain, at, &get, &b, 1);
		cr_expect(same_answer(&a, &b), "%s: kind %d: sum %llu/%llu pace %lld/%lld", r->b->name, kind,
		    (unsigned long long)a.sum, (unsigned long long)b.sum, (long long)a.pace,
		    (long long)b.pace);
	}
	EXPECT_EQ(r, stats(r).entries, keep > 0);
	r->b->free(plain);
}

static void
undo_in_reverse_leaves_nothing(struct rig *r)
{
	uint64_t rnd = 0x7e57ab1e5eedu;

	for (int kind = 0; kind < TALLY_GET; kind++)
		for (unsigned round = 0; round < 500; round++)
			undo_one_kind(r, (enum tally_kind)kind, &rnd);
}

struct any_order {
	struct tally_op ops[UNDO_OPS];
	struct tally_answer answers[UNDO_OPS];
	bool gone[UNDO_OPS];
	unsigned n;
};

/* Takes back `many` of them in an order of chance. */
static void
undo_some(struct rig *r, struct any_order *o, unsigned many, uint64_t *rnd)
{
	while (many > 0) {
		uint64_t i = draw(rnd, o->n);

		if (o->gone[i])
			continue;
		o->gone[i] = true;
		many--;
		undo(r, o->ops[i], o->answers[i]);
	}
}

static void
submit_all(struct rig *r, struct any_order *o, enum tally_kind kind, uint64_t *rnd)
{
	*o = (struct any_order){ .n = 1 + (unsigned)draw(rnd, UNDO_OPS) };
	renew(r, 16);
	for (unsigned i = 0; i < o->n; i++) {
		o->ops[i] = op_elem(kind, 1, draw(rnd, 3));
		o->ops[i].n = (uint32_t)draw(rnd, kind == TALLY_MIN ? 2 : 6);
		o->answers[i] = ask(r, 1000 + (int64_t)draw(rnd, 2) * i, o->ops[i]);
	}
}

/* What must stand there, of those that were not taken back. */
static struct tally_answer
what_is_left(const struct any_order *o, uint64_t elem)
{
	struct tally_answer a = { .known = false };
	bool seen[3] = { false };

	for (unsigned i = 0; i < o->n; i++) {
		const struct tally_op *op = &o->ops[i];

		if (o->gone[i])
			continue;
		if (op->kind == TALLY_ADD)
			a.sum += op->n;
		if (op->kind == TALLY_TURN)
			a.sum += !o->answers[i].elem_known;
		if (op->kind == TALLY_MIN)
			a.sum = a.known && a.sum < op->n ? a.sum : op->n;
		a.known = true;
		if (op->kind != TALLY_DISTINCT)
			continue;
		a.distinct += !seen[op->elem];
		seen[op->elem] = true;
		a.elem_hits += op->elem == elem;
	}
	return a;
}

static void
undo_in_any_order(struct rig *r)
{
	uint64_t rnd = 0xd15e95eed5u;

	for (unsigned round = 0; round < 3000; round++) {
		enum tally_kind kind = (enum tally_kind)(round % TALLY_GET);
		struct any_order o;

		submit_all(r, &o, kind, &rnd);
		undo_some(r, &o, (unsigned)draw(&rnd, o.n + 1), &rnd);
		for (uint64_t elem = 0; elem < 3; elem++) {
			struct tally_answer want = what_is_left(&o, elem),
					    a = ask(r, 1020, op_elem(TALLY_GET, 1, elem));

			EXPECT_EQ(r, a.known, want.known);
			EXPECT_EQ(r, a.sum, want.sum);
			EXPECT_EQ(r, a.distinct, want.distinct);
			EXPECT_EQ(r, a.elem_hits, want.elem_hits);
		}
	}
}

static void
undo_of_a_set(struct rig *r)
{
	struct tally_op op = op_elem(TALLY_DISTINCT, 1, 11), get = op_of(TALLY_GET, 1);
	struct tally_answer a, b, c;

	/* the only hit: the element and, being the first, the entry */
	a = ask(r, 1000, op);
	undo(r, op, a);
	EXPECT_EQ(r, stats(r).entries, 0);
	/* a stopped copy leaves neither itself nor a later `last` */
	ask(r, 1000, op);
	op.elem = 22;
	b = ask(r, 1010, op);
	undo(r, op, b);
	c = ask(r, 1020, get);
	EXPECT_EQ(r, c.distinct, 1);
	EXPECT_EQ(r, c.ever, 1);
	EXPECT_EQ(r, c.last, 1000);
	EXPECT_EQ(r, c.last_elem, 11);
	/* hits that began anew: the element was there before and stays */
	op.elem = 11;
	ask(r, 1040, op);
	b = ask(r, 2035, op);
	EXPECT_EQ(r, b.elem_hits, 1);
	undo(r, op, b);
	get.elem = 11;
	c = ask(r, 2036, get);
	EXPECT(r, c.elem_known);
	EXPECT_EQ(r, c.elem_hits, 0);
	EXPECT_EQ(r, c.last, 1040);
	/* at the cap nothing was stored, and nothing is taken back */
	ask(r, 2037, op_elem(TALLY_DISTINCT, 1, 22));
	ask(r, 2037, op_elem(TALLY_DISTINCT, 1, 33));
	op.elem = 44;
	b = ask(r, 2038, op);
	EXPECT_NOT(r, b.stored);
	undo(r, op, b);
	EXPECT_EQ(r, ask(r, 2039, get).distinct, 3);
}

/* A sum is taken from the span that it was added in, and from none that it is no longer in. */
static void
undo_of_a_sum_by_span(struct rig *r)
{
	struct tally_op five = op_n(TALLY_ADD, 2, 5), seven = op_n(TALLY_ADD, 2, 7),
			one = op_of(TALLY_ADD, 2);
	struct tally_answer a = ask(r, 3000, five), b = ask(r, 3500, seven), c = ask(r, 4000, one);

	EXPECT_EQ(r, c.sum, 13);
	undo(r, seven, b);
	EXPECT_EQ(r, look(r, 4000, 2).sum, 6);
	undo(r, five, a);
	EXPECT_EQ(r, look(r, 4000, 2).sum, 1);
	undo(r, one, c);
	EXPECT_NOT(r, look(r, 4000, 2).known);
	a = ask(r, 10000, five);
	ask(r, 12000, seven);
	undo(r, five, a);
	EXPECT_EQ(r, look(r, 12000, 2).sum, 7);
}

/* One message to some recipients asks the same of one entry for each: some are stopped, some pass. The first
 * are undone first. */
static void
undo_of_the_smallest_in_a_mixed_message(struct rig *r)
{
	for (unsigned stopped = 0; stopped < 16; stopped++) {
		struct tally_op ops[4];
		struct tally_answer answers[4];

		renew(r, 16);
		ask(r, 1000, op_n(TALLY_MIN, 1, 9));
		for (unsigned i = 0; i < 4; i++)
			ops[i] = op_n(TALLY_MIN, 1, 4);
		r->b->submit(r->t, 1500, ops, answers, 4);
		for (unsigned i = 0; i < 4; i++)
			if (stopped & 1u << i)
				undo(r, ops[i], answers[i]);
		EXPECT_EQ(r, look(r, 1600, 1).sum, stopped == 15 ? 9 : 4);
		/* and since when: that of 9 is over before that of 4 */
		EXPECT_EQ(r, look(r, 1999, 1).sum, stopped == 15 ? 9 : 4);
		EXPECT_EQ(r, look(r, 2000, 1).sum, stopped == 15 ? 0 : 4);
		EXPECT_EQ(r, look(r, 2500, 1).sum, 0);
	}
}

/* The numbers go down one by one, further than two are remembered, and up again. */
static void
undo_of_the_smallest_brings_back(struct rig *r)
{
	struct tally_answer answers[10];

	for (uint32_t n = 10; n-- > 0;)
		answers[n] = ask(r, 1010 - (int64_t)n, op_n(TALLY_MIN, 1, n));
	for (uint32_t n = 0; n < 10; n++) {
		EXPECT_EQ(r, look(r, 1011, 1).sum, n);
		EXPECT_EQ(r, look(r, 1011, 1).last, 1010 - n);
		undo(r, op_n(TALLY_MIN, 1, n), answers[n]);
	}
	EXPECT_EQ(r, stats(r).entries, 0);
	/* nothing stood there any more, and nothing is brought back */
	ask(r, 2000, op_n(TALLY_MIN, 1, 3));
	answers[0] = ask(r, 3000, op_n(TALLY_MIN, 1, 9));
	EXPECT_EQ(r, answers[0].sum, 9);
	undo(r, op_n(TALLY_MIN, 1, 9), answers[0]);
	EXPECT_EQ(r, look(r, 3000, 1).sum, 0);
	EXPECT(r, look(r, 3000, 1).known);
}

static void
undo_of_a_mark(struct rig *r)
{
	struct tally_op five = op_elem(TALLY_MARK, 2, 5), six = op_elem(TALLY_MARK, 2, 6), get = five;
	struct tally_answer a = ask(r, 2000, five), b = ask(r, 3000, six);

	undo(r, six, b);
	get.kind = TALLY_GET;
	EXPECT(r, ask(r, 101999, get).elem_known);
	EXPECT_NOT(r, ask(r, 102000, get).known);
	undo(r, five, a);
	EXPECT_EQ(r, stats(r).entries, 0); /* a late undo of a mark that is past its time takes it away */
}

static void
undo_of_turns(struct rig *r)
{
	struct tally_op one = op_elem(TALLY_TURN, 1, 1), two = op_elem(TALLY_TURN, 1, 2);
	struct tally_answer a, b, c;

	ask(r, 10000, one);
	a = ask(r, 10300, two);
	EXPECT_EQ(r, a.pace, 384);
	b = ask(r, 10400, one);
	EXPECT_EQ(r, b.pace, 384);
	/* the last one: who spoke, when, how fast */
	undo(r, one, b);
	c = look(r, 10400, 1);
	EXPECT_EQ(r, c.sum, 2);
	EXPECT_EQ(r, c.pace, 384);
	EXPECT_EQ(r, c.last, 10300);
	EXPECT_EQ(r, c.last_elem, 2);
	/* one in between: its own turn and its own time */
	b = ask(r, 10400, one);
	undo(r, two, a);
	c = look(r, 10400, 1);
	EXPECT_EQ(r, c.sum, 2);
	EXPECT_EQ(r, c.pace, 128);
	EXPECT_EQ(r, c.last_elem, 1);
	/* who repeats himself counted nothing, and takes nothing back but the time */
	a = ask(r, 10900, one);
	undo(r, one, a);
	c = look(r, 10900, 1);
	EXPECT_EQ(r, c.sum, 2);
	EXPECT_EQ(r, c.last, 10400);
	/* a silence made the pace unknown: it is known again */
	a = ask(r, 11400, two);
	EXPECT_EQ(r, a.pace, 0);
	undo(r, two, a);
	EXPECT_EQ(r, look(r, 11399, 1).pace, 0); /* its window is over all the same */
	r->b->expire(r->t, 11400, UINT32_MAX);
	EXPECT_EQ(r, look(r, 11400, 1).last, 10400);
}

/* Made anew since: it is not what the op counted in. */
static void
undo_leaves_a_later_entry_alone(struct rig *r)
{
	for (int kind = 0; kind < TALLY_GET; kind++) {
		struct tally_op op = op_elem((enum tally_kind)kind, (uint64_t)kind, 1), get = op;
		struct tally_answer a, before, after;

		op.ttl = 0;
		get.kind = TALLY_GET;
		a = ask(r, 1000 + kind * 10000, op);
		ask(r, 2000 + kind * 10000, op);
		before = ask(r, 2000 + kind * 10000, get);
		undo(r, op, a);
		after = ask(r, 2000 + kind * 10000, get);
		EXPECT(r, after.known);
		EXPECT(r, same_answer(&before, &after));
	}
}

static void
undo_leaves_what_came_for_the_evicted_alone(struct rig *r)
{
	struct tally_op op = op_of(TALLY_ADD, 1);
	struct tally_answer a = ask(r, 1000, op);

	for (uint64_t k = 100; k < 116; k++)
		ask(r, 1001, op_of(TALLY_MARK, k));
	EXPECT_EQ(r, stats(r).evicted, 1);
	undo(r, op, a); /* evicted */
	EXPECT_EQ(r, stats(r).entries, 16);
	EXPECT_EQ(r, ask(r, 1002, op).sum, 1);
	undo(r, op, a); /* there again, but not the one that it counted in */
	EXPECT_EQ(r, ask(r, 1003, op).sum, 2);
}

/* So many kept ops are counted; what had more cannot be told empty, and stays until its time. */
static void
undo_of_very_many(struct rig *r)
{
	static struct tally_answer answers[TALLY_KEPT_MAX];

	for (uint32_t n = TALLY_KEPT_MAX - 1; n <= TALLY_KEPT_MAX; n++) {
		renew(r, 16);
		for (uint32_t k = 0; k < n; k++)
			answers[k] = ask(r, 1000, op_of(TALLY_ADD, 1));
		EXPECT_EQ(r, look(r, 1000, 1).sum, n);
		for (uint32_t k = n; k-- > 0;)
			undo(r, op_of(TALLY_ADD, 1), answers[k]);
		EXPECT_EQ(r, look(r, 1000, 1).sum, 0);
		EXPECT_EQ(r, stats(r).entries, n == TALLY_KEPT_MAX);
		r->b->expire(r->t, 1000 + op_of(TALLY_ADD, 1).ttl, UINT32_MAX);
		EXPECT_EQ(r, stats(r).entries, 0);
	}
}

static const struct tally_check checks_undo[] = {
	{ "undo in reverse order leaves nothing", 0, undo_in_reverse_leaves_nothing },
	{ "undo in any order leaves the counts right", 0, undo_in_any_order },
	{ "undo of a set", 0, undo_of_a_set },
	{ "undo of a sum, by span", 0, undo_of_a_sum_by_span },
	{ "undo of the smallest in a mixed message", 0, undo_of_the_smallest_in_a_mixed_message },
	{ "undo of the smallest brings back what stood before", 0, undo_of_the_smallest_brings_back },
	{ "undo of a mark", 0, undo_of_a_mark },
	{ "undo of turns", 0, undo_of_turns },
	{ "undo leaves a later entry alone", 0, undo_leaves_a_later_entry_alone },
	{ "undo of very many", 0, undo_of_very_many },
	{ "undo after eviction", HAS_EVICTION, undo_leaves_what_came_for_the_evicted_alone },
};

#endif
