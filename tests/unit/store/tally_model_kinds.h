/* SPDX-License-Identifier: ISC */
/* What the slow obvious model (tally_model.h) keeps for each kind of op. */
#ifndef TALLY_MODEL_KINDS_H
#define TALLY_MODEL_KINDS_H

#include <string.h>

#include "tally_backend.h"

struct m_elem {
	uint64_t id;
	int64_t first, last;
	uint32_t hits;
	bool older;
};

struct m_low {
	uint64_t v, hits;
	int64_t since;
};

struct m_entry {
	bool used, pinned;
	struct key128 key;
	enum tally_kind kind;
	uint64_t group;
	int64_t order;      /* among the members of its group */
	uint64_t cur, prev; /* ADD, TURN */
	int64_t start;
	struct m_elem elems[TALLY_CAP_MAX]; /* DISTINCT: the latest touched behind */
	uint32_t n;
	struct m_low low[2];            /* MIN: the smallest first */
	uint64_t elem;                  /* MARK, TURN */
	uint8_t gaps[TALLY_PACE_TURNS]; /* TURN: the youngest first; step_of() and one, 0 = none */
	uint32_t kept;
	int64_t last, until;
	uint32_t born, touched, age;
};

/* A count that is full stays so. */
static void
keep_more(struct m_entry *e)
{
	if (e->kept < TALLY_KEPT_MAX)
		e->kept++;
}

static void
keep_less(struct m_entry *e)
{
	if (e->kept > 0 && e->kept < TALLY_KEPT_MAX)
		e->kept--;
}

static bool
counts(const struct tally_op *op, int64_t then, int64_t now)
{
	return !op->window || now - then < op->window;
}

#ifdef __SIZEOF_INT128__
typedef unsigned __int128 product;
#else
typedef uint64_t product;
#endif

static uint64_t
slide(const struct m_entry *e, int64_t window, int64_t now)
{
	uint64_t cur = e->cur, prev = e->prev;
	int64_t start = e->start;
	product whole;

	if (!window)
		return cur + prev;
	while (now - start >= window) {
		prev = cur;
		cur = 0;
		start += window;
	}
	whole = (product)prev * (uint64_t)(window - (now - start));
	return cur + (uint64_t)(whole / (uint64_t)window) + (whole % (uint64_t)window != 0);
}

static void
roll(struct m_entry *e, int64_t window, int64_t now)
{
	if (!window || now - e->start < window)
		return;
	e->prev = now - e->start < 2 * window ? e->cur : 0;
	e->start = now - e->start < 2 * window ? e->start + window : now;
	e->cur = 0;
}

static int
elem_at(const struct m_entry *e, uint64_t id)
{
	for (uint32_t k = 0; k < e->n; k++)
		if (e->elems[k].id == id)
			return (int)k;
	return -1;
}

static void
elem_cut(struct m_entry *e, int k)
{
	for (uint32_t i = (uint32_t)k; i + 1 < e->n; i++)
		e->elems[i] = e->elems[i + 1];
	e->n--;
}

static void
elem_last(struct m_entry *e, int k)
{
	struct m_elem x = e->elems[k];

	elem_cut(e, k);
	e->elems[e->n++] = x;
}

static bool
distinct(struct m_entry *e, const struct tally_op *op, int64_t now, struct tally_answer *a)
{
	uint32_t cap = op->cap < 1 ? 1 : op->cap < TALLY_CAP_MAX ? op->cap : TALLY_CAP_MAX;
	struct m_elem *x;
	int k;

	for (k = (int)e->n - 1; k >= 0; k--)
		if (!counts(op, e->elems[k].last, now))
			elem_cut(e, k);
	k = elem_at(e, op->elem);
	a->elem_known = k >= 0;
	a->ever = e->kept - (k >= 0);
	a->elem_hits = 1;
	if (k < 0) {
		a->distinct = e->n < cap ? e->n + 1 : cap + 1;
		if (e->n >= cap)
			return false;
		e->elems[e->n++] = (struct m_elem){ op->elem, now, now, 1, false };
		keep_more(e);
		return true;
	}
	x = &e->elems[k];
	if (!counts(op, x->first, now)) {
		x->older = x->older || x->hits;
		x->hits = 0;
		x->first = now;
	}
	a->elem_hits = ++x->hits;
	x->last = now;
	elem_last(e, k);
	a->distinct = e->n;
	return true;
}

static void
low_cut(struct m_entry *e, int k)
{
	if (k == 0)
		e->low[0] = e->low[1];
	e->low[1] = (struct m_low){ 0 };
}

/* Its place among the two and itself; the third of them goes. */
static struct m_low
low_add(struct m_entry *e, struct m_low x)
{
	struct m_low three[3] = { e->low[0], e->low[1] };
	int k = 0;

	while (three[k].hits && three[k].v < x.v)
		k++;
	if (three[k].hits && three[k].v == x.v) {
		e->low[k].hits++;
		return (struct m_low){ 0 };
	}
	for (int to = 2; to > k; to--)
		three[to] = three[to - 1];
	three[k] = x;
	e->low[0] = three[0];
	e->low[1] = three[1];
	return k < 2 ? three[2] : (struct m_low){ 0 };
}

static void
minimum(struct m_entry *e, const struct tally_op *op, int64_t now, struct tally_answer *a)
{
	struct m_low gone;

	for (int k = 1; k >= 0; k--)
		if (e->low[k].hits && !counts(op, e->low[k].since, now))
			low_cut(e, k);
	gone = low_add(e, (struct m_low){ op->n, 1, now });
	a->before = gone.hits << 32 | gone.v;
	a->before_at = gone.since;
	a->sum = e->low[0].v;
}

/* Times are kept roughly: on which of 63 steps, and the middle of that. */
static void
step_bounds(int step, int64_t *from, int64_t *wide)
{
	*from = 0;
	*wide = 256;
	for (int k = 0; k < step; k++) {
		*from += *wide;
		if (k >= 7 && k % 4 == 3)
			*wide *= 2;
	}
}

static int
step_of(int64_t ms)
{
	int64_t from, wide;
	int step = -1;

	do
		step_bounds(++step, &from, &wide);
	while (step < 62 && ms >= from + wide);
	return step;
}

/* Of one side's, of which the youngest is `first`. */
static int64_t
side_pace(const struct m_entry *e, int first)
{
	int64_t v[TALLY_PACE_TURNS], from, wide;
	int n = 0;

	for (int step = 0; step < 63; step++) {
		step_bounds(step, &from, &wide);
		for (int k = first; k < TALLY_PACE_TURNS; k += 2)
			if (e->gaps[k] == step + 1)
				v[n++] = from + wide / 2;
	}
	return n == 0 ? 0 : n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void
tell_pace(const struct m_entry *e, struct tally_answer *a)
{
	int64_t one = side_pace(e, 0), other = side_pace(e, 1);

	a->pace = one > other ? one : other;
	a->others = (uint32_t)other;
}

/* What an op makes of the times between turns. */
static void
gaps_after(uint8_t *gaps, const struct tally_op *op, const struct tally_answer *a)
{
	if (a->elem_known)
		return;
	if (!a->known || !counts(op, a->last, a->at)) {
		memset(gaps, 0, TALLY_PACE_TURNS);
		return;
	}
	memmove(gaps + 1, gaps, TALLY_PACE_TURNS - 1);
	gaps[0] = (uint8_t)(step_of(a->at - a->last) + 1);
}

static void
turn(struct m_entry *e, const struct tally_op *op, int64_t now, struct tally_answer *a)
{
	a->elem_known = a->known && counts(op, e->last, now) && e->elem == op->elem;
	if (!a->known)
		e->start = now;
	roll(e, op->window, now);
	if (!a->elem_known && e->cur < TALLY_TURNS_MAX)
		e->cur++;
	a->sum = slide(e, op->window, now);
	memcpy(&a->before, e->gaps, sizeof(e->gaps));
	gaps_after(e->gaps, op, a);
	e->elem = op->elem;
	tell_pace(e, a);
}

/* ---- all kinds ---- */

static void
known(const struct m_entry *e, struct tally_answer *a)
{
	a->known = true;
	a->last = e->last;
	a->ref_before = e->touched;
	if (e->kind == TALLY_DISTINCT && e->n)
		a->last_elem = e->elems[e->n - 1].id;
	if (e->kind == TALLY_MARK || e->kind == TALLY_TURN)
		a->last_elem = e->elem;
}

static void
get_distinct(const struct m_entry *e, const struct tally_op *op, int64_t now, struct tally_answer *a)
{
	a->ever = e->kept;
	for (uint32_t k = 0; k < e->n; k++) {
		const struct m_elem *x = &e->elems[k];

		if (!counts(op, x->last, now))
			continue;
		a->distinct++;
		if (x->id != op->elem)
			continue;
		a->elem_known = true;
		a->ever--;
		a->elem_hits = counts(op, x->first, now) ? x->hits : 0;
	}
}

static void
get(const struct m_entry *e, const struct tally_op *op, int64_t now, struct tally_answer *a)
{
	known(e, a);
	if (e->kind == TALLY_ADD || e->kind == TALLY_TURN)
		a->sum = slide(e, op->window, now);
	for (int k = 1; e->kind == TALLY_MIN && k >= 0; k--)
		if (e->low[k].hits && counts(op, e->low[k].since, now))
			a->sum = e->low[k].v;
	if (e->kind == TALLY_MARK || (e->kind == TALLY_TURN && counts(op, e->last, now)))
		a->elem_known = e->elem == op->elem;
	if (e->kind == TALLY_TURN && counts(op, e->last, now))
		tell_pace(e, a);
	if (e->kind == TALLY_DISTINCT)
		get_distinct(e, op, now, a);
}

static void
apply(struct m_entry *e, const struct tally_op *op, int64_t now, struct tally_answer *a)
{
	bool kept = true;

	if (op->kind == TALLY_ADD) {
		if (!a->known)
			e->start = now;
		roll(e, op->window, now);
		e->cur += op->n;
		a->sum = slide(e, op->window, now);
	} else if (op->kind == TALLY_MIN) {
		minimum(e, op, now, a);
	} else if (op->kind == TALLY_MARK) {
		a->elem_known = a->known && e->elem == op->elem;
		e->elem = op->elem;
	} else if (op->kind == TALLY_TURN) {
		turn(e, op, now, a);
	} else {
		kept = distinct(e, op, now, a);
	}
	if (!kept)
		return;
	if (op->kind != TALLY_DISTINCT)
		keep_more(e);
	a->stored = true;
	e->last = now;
	e->until = now + (op->ttl > op->window ? op->ttl : op->window);
	e->touched = a->ref;
}

/* ---- undo ---- */

static void
sum_undo(struct m_entry *e, const struct tally_op *op, uint64_t n, int64_t at)
{
	uint64_t *from = at >= e->start ? &e->cur : NULL;

	if (!from && op->window && at >= e->start - op->window)
		from = &e->prev;
	if (from)
		*from -= n < *from ? n : *from;
}

static void
distinct_undo(struct m_entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	int k = elem_at(e, op->elem);

	if (k >= 0 && a->at >= e->elems[k].first) {
		e->elems[k].hits -= e->elems[k].hits > 0;
		if (!e->elems[k].hits && !e->elems[k].older) {
			elem_cut(e, k);
			keep_less(e);
		}
	}
	k = elem_at(e, a->last_elem);
	if (is_last && a->known && k >= 0)
		elem_last(e, k);
}

static void
min_undo(struct m_entry *e, const struct tally_op *op, const struct tally_answer *a)
{
	for (int k = 0; k < 2; k++) {
		struct m_low *l = &e->low[k];

		if (!l->hits || l->v != op->n || a->at < l->since)
			continue;
		if (--l->hits)
			return;
		low_cut(e, k);
		if (a->before >> 32)
			low_add(e, (struct m_low){ a->before & UINT32_MAX, a->before >> 32, a->before_at });
		return;
	}
}

static void
gaps_undo(struct m_entry *e, const struct tally_op *op, const struct tally_answer *a)
{
	uint8_t before[TALLY_PACE_TURNS], after[TALLY_PACE_TURNS];
	int step = step_of(a->at - a->last);

	memcpy(before, &a->before, sizeof(before));
	memcpy(after, before, sizeof(after));
	gaps_after(after, op, a);
	if (memcmp(e->gaps, after, sizeof(after)) == 0) {
		memcpy(e->gaps, before, sizeof(before));
		return;
	}
	if (a->elem_known || !a->known || !counts(op, a->last, a->at))
		return;
	for (int k = 0; k < TALLY_PACE_TURNS; k++) {
		if (e->gaps[k] != step + 1)
			continue;
		memmove(e->gaps + k, e->gaps + k + 1, (size_t)(TALLY_PACE_TURNS - 1 - k));
		e->gaps[TALLY_PACE_TURNS - 1] = 0;
		return;
	}
}

static void
take_back(struct m_entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	if (op->kind == TALLY_ADD)
		sum_undo(e, op, op->n, a->at);
	if (op->kind == TALLY_DISTINCT)
		distinct_undo(e, op, a, is_last);
	if (op->kind == TALLY_MIN)
		min_undo(e, op, a);
	if (op->kind == TALLY_TURN) {
		sum_undo(e, op, !a->elem_known, a->at);
		gaps_undo(e, op, a);
	}
	if (is_last && (op->kind == TALLY_MARK || op->kind == TALLY_TURN))
		e->elem = a->last_elem;
}

#endif
