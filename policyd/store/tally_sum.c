/* SPDX-License-Identifier: ISC */
/* The sliding sums: ADD, and TURN, which adds 1 when the other side speaks. */
#include "store/tally_kind.h"

/* A sum of two spans, as both kinds keep it, each in bytes of its own. */
struct sum {
	uint64_t cur, prev;
	int64_t start; /* of the present span */
};

/* n * share / window, rounded up, where the product may be too large for a number: bit by bit. n and share
 * are not above the window. */
static uint64_t
share_of_long(uint64_t n, uint64_t share, uint64_t window)
{
	uint64_t got = 0, rest = 0;

	for (int bit = 63; bit >= 0; bit--) {
		rest = 2 * rest + (n >> bit & 1 ? share : 0);
		got = 2 * got + rest / window;
		rest %= window;
	}
	return got + (rest > 0);
}

/* The same of any n. */
static uint64_t
share_of(uint64_t n, uint64_t share, uint64_t window)
{
	uint64_t whole = n / window * share, part = n % window;

	if (window > UINT32_MAX)
		return whole + share_of_long(part, share, window);
	return whole + (part * share + window - 1) / window;
}

static uint64_t
sum_at(const struct sum *sum, int64_t window, int64_t now)
{
	uint64_t cur = sum->cur, prev = sum->prev;
	int64_t into = now - sum->start;

	if (window <= 0)
		return cur + prev;
	if (into >= 2 * window)
		return 0;
	if (into >= window) {
		prev = cur;
		cur = 0;
		into -= window;
	}
	return cur + share_of(prev, (uint64_t)(window - into), (uint64_t)window);
}

static void
sum_roll(struct sum *sum, int64_t window, int64_t now)
{
	int64_t into = now - sum->start;

	if (window <= 0 || into < window)
		return;
	if (into < 2 * window) {
		sum->prev = sum->cur;
		sum->start += window;
	} else {
		sum->prev = 0;
		sum->start = now;
	}
	sum->cur = 0;
}

static uint64_t
less(uint64_t from, uint64_t n)
{
	return from > n ? from - n : 0;
}

static void
sum_take_back(struct sum *sum, uint64_t n, int64_t window, int64_t at)
{
	if (at >= sum->start)
		sum->cur = less(sum->cur, n);
	else if (window > 0 && at >= sum->start - window)
		sum->prev = less(sum->prev, n);
}

/* ---- ADD ---- */

static struct sum
add_sum(const struct entry *e)
{
	return (struct sum){ e->u.sum.cur, e->u.sum.prev, e->u.sum.start };
}

static void
add_store(struct entry *e, const struct sum *sum)
{
	e->u.sum.cur = sum->cur;
	e->u.sum.prev = sum->prev;
	e->u.sum.start = sum->start;
}

static void
add_do(struct step *s)
{
	struct sum sum = add_sum(s->e);

	if (!s->a->known)
		sum.start = s->now;
	sum_roll(&sum, s->op->window, s->now);
	sum.cur += s->op->n;
	add_store(s->e, &sum);
	s->a->sum = sum_at(&sum, s->op->window, s->now);
	step_touch(s);
}

static void
add_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	struct sum sum = add_sum(e);

	(void)is_last;
	sum_take_back(&sum, op->n, op->window, a->at);
	add_store(e, &sum);
}

static void
add_get(struct step *s)
{
	struct sum sum = add_sum(s->e);

	s->a->sum = sum_at(&sum, s->op->window, s->now);
}

static int64_t
add_latest(struct entry *e)
{
	return e->u.sum.start;
}

const struct kind_row kind_add = {
	.apply = add_do,
	.get = add_get,
	.undo = add_undo,
	.latest = add_latest,
};

/* ---- TURN ---- */

static struct sum
turn_sum(const struct entry *e)
{
	return (struct sum){ e->u.turn.cur, e->u.turn.prev, ms48_get(e->u.turn.start) };
}

static void
turn_store(struct entry *e, const struct sum *sum)
{
	e->u.turn.cur = (uint16_t)(sum->cur < TALLY_TURNS_MAX ? sum->cur : TALLY_TURNS_MAX);
	e->u.turn.prev = (uint16_t)sum->prev;
	e->u.turn.start = ms48_of(sum->start);
}

/* What the op makes of the times between turns. */
static uint64_t
turn_pace(uint64_t before, const struct tally_op *op, const struct tally_answer *a)
{
	if (a->elem_known)
		return before;
	if (!a->known || !within(op->window, a->last, a->at))
		return 0;
	return pace_add(before, a->at - a->last);
}

static void
turn_tell(const struct step *s)
{
	struct pace_medians m = pace_medians(pace48_get(s->e->u.turn.pace));

	s->a->pace = m.slower;
	s->a->others = (uint32_t)m.other;
}

static void
turn_do(struct step *s)
{
	struct sum sum = turn_sum(s->e);
	struct tally_answer *a = s->a;

	a->elem_known =
	    a->known && within(s->op->window, a->last, s->now) && s->e->u.turn.elem == s->op->elem;
	if (!a->known)
		sum.start = s->now;
	sum_roll(&sum, s->op->window, s->now);
	sum.cur += !a->elem_known;
	turn_store(s->e, &sum);
	sum = turn_sum(s->e);
	a->sum = sum_at(&sum, s->op->window, s->now);
	a->before = pace48_get(s->e->u.turn.pace);
	s->e->u.turn.pace = pace48_of(turn_pace(a->before, s->op, a));
	s->e->u.turn.elem = s->op->elem;
	turn_tell(s);
	step_touch(s);
}

static void
turn_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	struct sum sum = turn_sum(e);
	uint64_t pace = pace48_get(e->u.turn.pace);

	sum_take_back(&sum, !a->elem_known, op->window, a->at);
	turn_store(e, &sum);
	if (pace == turn_pace(a->before, op, a))
		pace = a->before;
	else if (a->known && !a->elem_known && within(op->window, a->last, a->at))
		pace = pace_without(pace, a->at - a->last);
	e->u.turn.pace = pace48_of(pace);
	if (is_last)
		e->u.turn.elem = a->last_elem;
}

static void
turn_get(struct step *s)
{
	struct sum sum = turn_sum(s->e);

	s->a->sum = sum_at(&sum, s->op->window, s->now);
	if (!within(s->op->window, s->a->last, s->now))
		return;
	s->a->elem_known = s->e->u.turn.elem == s->op->elem;
	turn_tell(s);
}

static uint64_t
turn_last_elem(struct entry *e)
{
	return e->u.turn.elem;
}

static int64_t
turn_latest(struct entry *e)
{
	return ms48_get(e->u.turn.start);
}

const struct kind_row kind_turn = {
	.apply = turn_do,
	.get = turn_get,
	.undo = turn_undo,
	.last_elem = turn_last_elem,
	.latest = turn_latest,
};
