/* SPDX-License-Identifier: ISC */
/* DISTINCT: a bounded set. Its elements stand in the order of their last touch. */
#include "store/tally_kind.h"

#include <string.h>

enum { HITS_MAX = 0x7fffffff };

static uint32_t
elem_find(const struct elem *v, uint32_t n, uint64_t id)
{
	for (uint32_t k = 0; k < n; k++)
		if (v[k].id == id)
			return k;
	return n;
}

static void
elem_to_end(struct elem *v, uint32_t n, uint32_t k)
{
	struct elem x = v[k];

	memmove(v + k, v + k + 1, (n - k - 1) * sizeof(*v));
	v[n - 1] = x;
}

static uint64_t
distinct_last_elem(struct entry *e)
{
	uint32_t n = entry_n(e);
	struct elem room[2];

	return n ? entry_view(e, room)[n - 1].id : 0;
}

static void
distinct_prune(struct step *s)
{
	struct entry *e = s->e;
	struct elem *v = entry_elems(e);
	uint32_t n = entry_n(e), kept = 0;

	for (uint32_t k = 0; k < n; k++)
		if (within(s->op->window, ms48_get(v[k].last), s->now))
			v[kept++] = v[k];
	if (kept == n)
		return;
	entry_set_n(e, kept);
	table_shrink(s->t, s->i);
}

static void
elem_hit(struct step *s, uint32_t k)
{
	struct elem *v = entry_elems(s->e);
	struct elem *x = &v[k];

	if (!within(s->op->window, ms48_get(x->first), s->now)) {
		if (x->hits)
			x->older = 1;
		x->hits = 0;
		x->first = ms48_of(s->now);
	}
	if (x->hits < HITS_MAX)
		x->hits++;
	x->last = ms48_of(s->now);
	s->a->elem_known = true;
	s->a->elem_hits = x->hits;
	s->a->ever = s->e->kept ? s->e->kept - 1 : 0;
	elem_to_end(v, entry_n(s->e), k);
}

/* false: it did not fit. */
static bool
elem_new(struct step *s)
{
	struct entry *e = s->e;
	uint32_t cap = s->op->cap, n = entry_n(e);
	struct ms48 now = ms48_of(s->now);
	struct elem x;

	if (cap < 1)
		cap = 1;
	if (cap > TALLY_CAP_MAX)
		cap = TALLY_CAP_MAX;
	s->a->elem_hits = 1;
	s->a->ever = e->kept;
	if (n >= cap) {
		s->a->distinct = cap + 1;
		return false;
	}
	s->a->distinct = n + 1;
	x = (struct elem){ .id = s->op->elem, .hits = 1, .first = now, .last = now };
	if (!table_put(s->t, s->i, &x))
		return false;
	kept_more(e);
	return true;
}

static void
distinct_do(struct step *s)
{
	struct entry *e = s->e;
	uint32_t k;

	if (entry_n(e)) {
		table_spread(s->t, s->i);
		distinct_prune(s);
	}
	k = elem_find(entry_elems(e), entry_n(e), s->op->elem);
	if (k < entry_n(e)) {
		elem_hit(s, k);
		s->a->distinct = entry_n(e);
	} else if (!elem_new(s)) {
		return;
	}
	step_touch(s);
}

static void
elem_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a)
{
	struct elem *v = entry_elems(e);
	uint32_t n = entry_n(e), k = elem_find(v, n, op->elem);

	/* Gone, or its hits began anew since: nothing of this op is left in it. */
	if (k == n || a->at < ms48_get(v[k].first))
		return;
	if (v[k].hits)
		v[k].hits--;
	if (v[k].hits || v[k].older)
		return;
	elem_to_end(v, n, k);
	entry_set_n(e, n - 1);
	kept_less(e);
}

static void
distinct_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	uint32_t k;

	elem_undo(e, op, a);
	if (is_last && a->known) {
		k = elem_find(entry_elems(e), entry_n(e), a->last_elem);
		if (k < entry_n(e))
			elem_to_end(entry_elems(e), entry_n(e), k);
	}
}

static void
distinct_get(struct step *s)
{
	struct elem room[2];
	const struct elem *v = entry_view(s->e, room);

	s->a->ever = s->e->kept;
	for (uint32_t k = 0; k < entry_n(s->e); k++) {
		if (!within(s->op->window, ms48_get(v[k].last), s->now))
			continue;
		s->a->distinct++;
		if (v[k].id != s->op->elem)
			continue;
		s->a->elem_known = true;
		s->a->ever = s->e->kept ? s->e->kept - 1 : 0;
		if (within(s->op->window, ms48_get(v[k].first), s->now))
			s->a->elem_hits = v[k].hits;
	}
}

static int64_t
distinct_latest(struct entry *e)
{
	struct elem room[2];
	const struct elem *v = entry_view(e, room);
	int64_t at = INT64_MIN;

	for (uint32_t k = 0; k < entry_n(e); k++)
		if (ms48_get(v[k].last) > at)
			at = ms48_get(v[k].last);
	return at;
}

const struct kind_row kind_distinct = {
	.apply = distinct_do,
	.get = distinct_get,
	.undo = distinct_undo,
	.last_elem = distinct_last_elem,
	.latest = distinct_latest,
	.keeps_elems = true,
};
