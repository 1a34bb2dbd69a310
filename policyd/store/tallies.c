/* SPDX-License-Identifier: ISC */
/*
 * What an entry means: one row of functions for each kind of op. The table below (tally_table.h) keeps
 * entries, groups, pins and age; here are sums, sets, marks and how they are taken back. mail/tally.h has
 * the rules in words.
 */
#include "store/tallies.h"

#include <string.h>

#include "base/xalloc.h"
#include "store/tally_table.h"

enum { HITS_MAX = 0x7fffffff };

/* One op on its entry. */
struct step {
	struct tally_table *t;
	uint32_t i;
	struct entry *e;
	int64_t now;
	const struct tally_op *op;
	struct tally_answer *a;
};

struct tallies *
tallies_new(uint32_t max)
{
	struct tallies *t = xcalloc(1, sizeof(*t));

	table_init(&t->table, max);
	return t;
}

void
tallies_free(struct tallies *t)
{
	if (!t)
		return;
	table_fini(&t->table);
	xfree(t);
}

/* When an entry touched at `now` by this op may go. */
static struct ms48
until_of(const struct tally_op *op, int64_t now)
{
	return ms48_of(now + (op->ttl > op->window ? op->ttl : op->window));
}

static void
touch(struct step *s)
{
	struct entry *e = s->e;

	if (!s->a->known)
		e->first = ms48_of(s->now);
	e->last = ms48_of(s->now);
	e->until = until_of(s->op, s->now);
	e->touched = s->a->ref;
	s->a->stored = true;
}

/* ---- ADD ---- */

static uint64_t
sum_at(const struct entry *e, int64_t window, int64_t now)
{
	uint64_t cur = e->u.sum.cur, prev = e->u.sum.prev, share;
	int64_t into = now - e->u.sum.start;

	if (window <= 0)
		return cur + prev;
	if (into >= 2 * window)
		return 0;
	if (into >= window) {
		prev = cur;
		cur = 0;
		into -= window;
	}
	share = (uint64_t)(window - into);
	return cur + (uint64_t)(((unsigned __int128)prev * share + (uint64_t)window - 1) / (uint64_t)window);
}

static void
add_roll(struct entry *e, int64_t window, int64_t now)
{
	int64_t into = now - e->u.sum.start;

	if (window <= 0 || into < window)
		return;
	if (into < 2 * window) {
		e->u.sum.prev = e->u.sum.cur;
		e->u.sum.start += window;
	} else {
		e->u.sum.prev = 0;
		e->u.sum.start = now;
	}
	e->u.sum.cur = 0;
}

static void
add_do(struct step *s)
{
	struct entry *e = s->e;

	if (!s->a->known)
		e->u.sum.start = s->now;
	add_roll(e, s->op->window, s->now);
	e->u.sum.cur += s->op->n;
	s->a->sum = sum_at(e, s->op->window, s->now);
	touch(s);
}

static uint64_t
less(uint64_t from, uint64_t n)
{
	return from > n ? from - n : 0;
}

/* true: nothing is left of the entry. */
static bool
add_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	(void)is_last;
	if (a->at >= e->u.sum.start)
		e->u.sum.cur = less(e->u.sum.cur, op->n);
	else if (op->window > 0 && a->at >= e->u.sum.start - op->window)
		e->u.sum.prev = less(e->u.sum.prev, op->n);
	return e->u.sum.cur == 0 && e->u.sum.prev == 0;
}

static void
add_get(struct step *s)
{
	s->a->sum = sum_at(s->e, s->op->window, s->now);
}

/* ---- DISTINCT: elements stand in the order of their last touch ---- */

static bool
in_window(const struct elem *x, int64_t window, int64_t now)
{
	return window <= 0 || now - ms48_get(x->last) < window;
}

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
distinct_last(struct entry *e)
{
	return e->n ? entry_elems(e)[e->n - 1u].id : 0;
}

static void
distinct_prune(struct step *s)
{
	struct entry *e = s->e;
	struct elem *v = entry_elems(e);
	uint16_t kept = 0;

	for (uint16_t k = 0; k < e->n; k++)
		if (in_window(&v[k], s->op->window, s->now))
			v[kept++] = v[k];
	if (kept == e->n)
		return;
	e->n = kept;
	table_shrink(s->t, s->i);
}

static void
elem_hit(struct step *s, uint32_t k)
{
	struct elem *v = entry_elems(s->e);
	struct elem *x = &v[k];

	if (s->op->window > 0 && s->now - ms48_get(x->first) >= s->op->window) {
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
	s->a->ever = s->e->ever ? s->e->ever - 1 : 0;
	elem_to_end(v, s->e->n, k);
}

/* false: it did not fit. */
static bool
elem_new(struct step *s)
{
	struct entry *e = s->e;
	uint32_t cap = s->op->cap;

	if (cap < 1)
		cap = 1;
	if (cap > TALLY_CAP_MAX)
		cap = TALLY_CAP_MAX;
	s->a->elem_hits = 1;
	s->a->ever = e->ever;
	if (e->n >= cap) {
		s->a->distinct = cap + 1;
		return false;
	}
	s->a->distinct = e->n + 1u;
	if (!table_reserve(s->t, s->i, e->n + 1u))
		return false;
	entry_elems(e)[e->n++] =
	    (struct elem){ .id = s->op->elem, .hits = 1, .first = ms48_of(s->now), .last = ms48_of(s->now) };
	if (e->ever < UINT32_MAX)
		e->ever++;
	return true;
}

static void
distinct_do(struct step *s)
{
	struct entry *e = s->e;
	uint32_t k;

	distinct_prune(s);
	k = elem_find(entry_elems(e), e->n, s->op->elem);
	if (k < e->n) {
		elem_hit(s, k);
		s->a->distinct = e->n;
	} else if (!elem_new(s)) {
		return;
	}
	touch(s);
}

static void
elem_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a)
{
	struct elem *v = entry_elems(e);
	uint32_t k = elem_find(v, e->n, op->elem);

	/* Gone, or its hits began anew since: nothing of this op is left in it. */
	if (k == e->n || a->at < ms48_get(v[k].first))
		return;
	if (v[k].hits)
		v[k].hits--;
	if (v[k].hits || v[k].older)
		return;
	elem_to_end(v, e->n, k);
	e->n--;
	if (e->ever && e->ever < UINT32_MAX)
		e->ever--;
}

static bool
distinct_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	uint32_t k;

	elem_undo(e, op, a);
	if (is_last && a->known) {
		k = elem_find(entry_elems(e), e->n, a->last_elem);
		if (k < e->n)
			elem_to_end(entry_elems(e), e->n, k);
	}
	return e->n == 0 && e->ever == 0;
}

static void
distinct_get(struct step *s)
{
	struct elem *v = entry_elems(s->e);

	s->a->ever = s->e->ever;
	for (uint32_t k = 0; k < s->e->n; k++) {
		if (!in_window(&v[k], s->op->window, s->now))
			continue;
		s->a->distinct++;
		if (v[k].id != s->op->elem)
			continue;
		s->a->elem_known = true;
		s->a->ever = s->e->ever ? s->e->ever - 1 : 0;
		if (s->op->window <= 0 || s->now - ms48_get(v[k].first) < s->op->window)
			s->a->elem_hits = v[k].hits;
	}
}

/* ---- MIN ---- */

static void
min_do(struct step *s)
{
	struct entry *e = s->e;
	int64_t window = s->op->window;

	s->a->before = UINT64_MAX;
	if (s->a->known && (window <= 0 || s->now - e->u.min.since < window))
		s->a->before = e->u.min.v;
	if (s->op->n < s->a->before) {
		e->u.min.v = s->op->n;
		e->u.min.since = s->now;
	}
	s->a->sum = e->u.min.v;
	touch(s);
}

static bool
min_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	if (!a->known)
		return is_last;
	if (e->u.min.v == op->n && a->before > op->n && a->before != UINT64_MAX)
		e->u.min.v = a->before;
	return false;
}

static void
min_get(struct step *s)
{
	if (s->op->window <= 0 || s->now - s->e->u.min.since < s->op->window)
		s->a->sum = s->e->u.min.v;
}

/* ---- MARK ---- */

static void
mark_do(struct step *s)
{
	s->a->elem_known = s->a->known && s->e->u.mark == s->op->elem;
	s->e->u.mark = s->op->elem;
	touch(s);
}

static bool
mark_undo(struct entry *e, const struct tally_op *op, const struct tally_answer *a, bool is_last)
{
	(void)op;
	if (!is_last)
		return false;
	e->u.mark = a->last_elem;
	return !a->known;
}

static void
mark_get(struct step *s)
{
	s->a->elem_known = s->e->u.mark == s->op->elem;
}

/* ---- all kinds ---- */

static const struct {
	void (*apply)(struct step *);
	void (*get)(struct step *);
	bool (*undo)(struct entry *, const struct tally_op *, const struct tally_answer *, bool is_last);
} kinds[] = {
	[TALLY_ADD] = { add_do, add_get, add_undo },
	[TALLY_DISTINCT] = { distinct_do, distinct_get, distinct_undo },
	[TALLY_MIN] = { min_do, min_get, min_undo },
	[TALLY_MARK] = { mark_do, mark_get, mark_undo },
};

static void
answer_known(struct entry *e, struct tally_answer *a)
{
	a->known = true;
	a->first = ms48_get(e->first);
	a->last = ms48_get(e->last);
	if (e->kind == TALLY_DISTINCT)
		a->last_elem = distinct_last(e);
	else if (e->kind == TALLY_MARK)
		a->last_elem = e->u.mark;
}

static void
get(struct step *s)
{
	if (!s->i || entry_dead(s->e, s->now))
		return;
	answer_known(s->e, s->a);
	kinds[s->e->kind].get(s);
}

/* Nothing in the entry was touched later than that. */
static int64_t
entry_time(struct entry *e)
{
	int64_t at = ms48_get(e->last);
	const struct elem *v = entry_elems(e);

	if (e->kind == TALLY_ADD && e->u.sum.start > at)
		at = e->u.sum.start;
	if (e->kind == TALLY_MIN && e->u.min.since > at)
		at = e->u.min.since;
	for (uint16_t k = 0; e->kind == TALLY_DISTINCT && k < e->n; k++)
		if (ms48_get(v[k].last) > at)
			at = ms48_get(v[k].last);
	return at;
}

static void
submit_one(struct tally_table *t, int64_t now, const struct tally_op *op, struct tally_answer *a)
{
	struct step s = { .t = t, .now = now, .op = op, .a = a };

	*a = (struct tally_answer){ .at = now };
	if (key_is_zero(op->key) || (unsigned)op->kind > TALLY_GET) {
		t->refused++;
		return;
	}
	s.i = table_find(t, op->key);
	s.e = s.i ? table_at(t, s.i) : NULL;
	/* An op from before the restart may be older than what a snapshot brought back. */
	if (s.i && now < t->restored && now < entry_time(s.e))
		now = s.now = a->at = entry_time(s.e);
	if (op->kind == TALLY_GET) {
		get(&s);
		return;
	}
	if (s.i && entry_dead(s.e, now)) {
		table_remove(t, s.i);
		s.i = 0;
	}
	if (s.i && s.e->kind != op->kind) {
		t->refused++;
		return;
	}
	a->ref = table_serial(t);
	if (s.i) {
		answer_known(s.e, a);
		table_use(t, s.i);
	} else {
		s.i = table_add(t, op->key);
		if (!s.i)
			return;
		s.e = table_at(t, s.i);
		s.e->kind = (uint8_t)op->kind;
		s.e->born = a->ref;
	}
	kinds[op->kind].apply(&s);
	table_join(t, s.i, op->group);
}

void
tallies_submit(
    struct tallies *t, int64_t mono, const struct tally_op *ops, struct tally_answer *answers, uint32_t n)
{
	table_tick(&t->table, mono);
	for (uint32_t k = 0; k < n; k++)
		submit_one(&t->table, t->table.now, &ops[k], &answers[k]);
}

void
tallies_undo(struct tallies *t, const struct tally_op *op, const struct tally_answer *a)
{
	uint32_t i = a->stored ? table_find(&t->table, op->key) : 0;
	struct entry *e;
	bool is_last;

	if (!i)
		return;
	e = table_at(&t->table, i);
	/* Made anew since: what stands there is not what this op counted in. */
	if (e->kind != op->kind || (int32_t)(a->ref - e->born) < 0)
		return;
	is_last = e->touched == a->ref || (e->touched == 0 && ms48_get(e->last) == a->at);
	if (kinds[op->kind].undo(e, op, a, is_last)) {
		table_remove(&t->table, i);
		return;
	}
	if (!is_last)
		return;
	e->touched = 0;
	if (a->known) {
		e->last = ms48_of(a->last);
		e->until = until_of(op, a->last);
	}
}

void
tallies_pin(struct tallies *t, uint64_t group, int64_t until)
{
	table_pin(&t->table, group, until);
}

void
tallies_unpin(struct tallies *t, uint64_t group)
{
	table_unpin(&t->table, group);
}

void
tallies_expire(struct tallies *t, int64_t mono, uint32_t budget)
{
	table_tick(&t->table, mono);
	table_expire(&t->table, budget);
}

void
tallies_stats(const struct tallies *t, struct tallies_stats *out)
{
	*out = (struct tallies_stats){
		.entries = t->table.n,
		.max = t->table.max,
		.pinned = t->table.n_pinned,
		.bytes = sizeof(*t) + table_bytes(&t->table),
		.evicted = t->table.evicted,
		.refused = t->table.refused,
	};
}
