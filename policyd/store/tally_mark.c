/* SPDX-License-Identifier: ISC */
/* The kinds that keep next to nothing: MIN, the smallest numbers, and MARK, the last element. */
#include "store/tally_kind.h"

/* ---- MIN: two of them, so that the smallest may be taken back ---- */

static void
low_drop(struct low *low, int k)
{
	for (; k + 1 < LOWS; k++)
		low[k] = low[k + 1];
	low[k] = (struct low){ .hits = 0 };
}

static void
low_prune(struct low *low, int64_t window, int64_t now)
{
	for (int k = LOWS - 1; k >= 0; k--)
		if (low[k].hits && !within(window, ms48_get(low[k].since), now))
			low_drop(low, k);
}

/* Returns the one that had to go for it. */
static struct low
low_add(struct low *low, const struct low *x)
{
	struct low gone = { .hits = 0 };
	int k = 0;

	while (k < LOWS && low[k].hits && low[k].v < x->v)
		k++;
	if (k == LOWS)
		return gone;
	if (low[k].hits && low[k].v == x->v) {
		low[k].hits += low[k].hits < UINT16_MAX;
		return gone;
	}
	gone = low[LOWS - 1];
	for (int to = LOWS - 1; to > k; to--)
		low[to] = low[to - 1];
	low[k] = *x;
	return gone;
}

static void
min_do(struct step *s)
{
	struct low *low = s->e->u.low, gone;

	low_prune(low, s->op->window, s->now);
	gone = low_add(low, &(struct low){ .v = s->op->n, .hits = 1, .since = ms48_of(s->now) });
	s->a->before = (uint64_t)gone.hits << 32 | gone.v;
	s->a->before_at = gone.hits ? ms48_get(gone.since) : 0;
	s->a->sum = low[0].v;
	step_touch(s);
}

static void
min_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	struct low *low = e->u.low, gone = { .v = (uint32_t)a->before, .hits = (uint16_t)(a->before >> 32) };
	int k = 0;

	(void)is_last;
	while (k < LOWS && (!low[k].hits || low[k].v != op->n))
		k++;
	/* Out of sight, or there anew since. A count that is full stays so. */
	if (k == LOWS || a->at < ms48_get(low[k].since) || low[k].hits == UINT16_MAX)
		return;
	if (--low[k].hits)
		return;
	low_drop(low, k);
	gone.since = ms48_of(a->before_at);
	if (gone.hits)
		(void)low_add(low, &gone);
}

static void
min_get(struct step *s)
{
	const struct low *low = s->e->u.low;

	for (int k = LOWS - 1; k >= 0; k--)
		if (low[k].hits && within(s->op->window, ms48_get(low[k].since), s->now))
			s->a->sum = low[k].v;
}

const struct kind_row kind_min = {
	.apply = min_do,
	.get = min_get,
	.undo = min_undo,
};

/* ---- MARK ---- */

static void
mark_do(struct step *s)
{
	s->a->elem_known = s->a->known && s->e->u.mark == s->op->elem;
	s->e->u.mark = s->op->elem;
	step_touch(s);
}

static void
mark_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	(void)op;
	if (is_last)
		e->u.mark = a->last_elem;
}

static void
mark_get(struct step *s)
{
	s->a->elem_known = s->e->u.mark == s->op->elem;
}

static uint64_t
mark_last_elem(struct entry *e)
{
	return e->u.mark;
}

const struct kind_row kind_mark = {
	.apply = mark_do,
	.get = mark_get,
	.undo = mark_undo,
	.last_elem = mark_last_elem,
};
