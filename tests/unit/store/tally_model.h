/* SPDX-License-Identifier: ISC */
/* The slow obvious model that the tallies are compared with: arrays, linear search, words of mail/tally.h. */
#ifndef TALLY_MODEL_H
#define TALLY_MODEL_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "store/tallies.h"

enum { MAX = 24, KEYS = 40, GROUPS = 5, CAP_MOST = 9, PENDING = 12 };

struct m_elem {
	uint64_t id;
	int64_t first, last;
	uint32_t hits;
	bool older;
};

struct m_entry {
	bool used;
	uint64_t key, group;
	enum tally_kind kind;
	uint64_t cur, prev, min, mark;
	int64_t start;
	struct m_elem elems[CAP_MOST];
	uint32_t n, ever;
	int64_t first, last, until;
	uint64_t born, touched, age;
	bool pinned;
};

struct model {
	struct m_entry e[MAX];
	uint64_t serial, ages;
	uint64_t evicted, refused;
	int64_t now;
	/* members of each group in order; -1 ends */
	int order[GROUPS + 1][MAX + 1];
	bool pinned[GROUPS + 1];
	int64_t pin_until[GROUPS + 1];
};

static uint64_t
draw(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state * 0x2545f4914f6cdd1du >> 33) % below;
}

/* ---- lists of members ---- */

static int
order_len(const int *o)
{
	int n = 0;

	while (o[n] >= 0)
		n++;
	return n;
}

static void
order_del(int *o, int i)
{
	int n = order_len(o), to = 0;

	for (int k = 0; k < n; k++)
		if (o[k] != i)
			o[to++] = o[k];
	o[to] = -1;
}

static void
order_front(int *o, int i)
{
	for (int k = order_len(o); k >= 0; k--)
		o[k + 1] = o[k];
	o[0] = i;
}

static void
order_back(int *o, int i)
{
	int n = order_len(o);

	o[n] = i;
	o[n + 1] = -1;
}

/* ---- entries ---- */

static bool
dead(const struct m_entry *e, int64_t now)
{
	return !e->pinned && now >= e->until;
}

static int
find(struct model *m, uint64_t key)
{
	for (int i = 0; i < MAX; i++)
		if (m->e[i].used && m->e[i].key == key)
			return i;
	return -1;
}

static void
forget(struct model *m, int i)
{
	if (m->e[i].group)
		order_del(m->order[m->e[i].group], i);
	m->e[i].used = false;
	m->e[i].pinned = false;
}

static int
place(struct model *m)
{
	int old = -1;

	for (int i = 0; i < MAX; i++)
		if (!m->e[i].used)
			return i;
	for (int i = 0; i < MAX; i++)
		if (!m->e[i].pinned && (old < 0 || m->e[i].age < m->e[old].age))
			old = i;
	if (!dead(&m->e[old], m->now))
		m->evicted++;
	forget(m, old);
	return old;
}

static bool
pin_one(struct model *m, int i)
{
	int n = 0;

	for (int k = 0; k < MAX; k++)
		n += m->e[k].used && m->e[k].pinned;
	if (n >= MAX - MAX / 4) {
		m->refused++;
		return false;
	}
	m->e[i].pinned = true;
	order_del(m->order[m->e[i].group], i);
	order_back(m->order[m->e[i].group], i);
	return true;
}

static void
model_pin(struct model *m, uint64_t g, int64_t until)
{
	m->pinned[g] = true;
	m->pin_until[g] = until;
	while (m->order[g][0] >= 0 && !m->e[m->order[g][0]].pinned)
		if (!pin_one(m, m->order[g][0]))
			break;
}

static void
model_unpin(struct model *m, uint64_t g)
{
	if (!m->pinned[g])
		return;
	m->pinned[g] = false;
	for (int k = 0; m->order[g][k] >= 0; k++) {
		struct m_entry *e = &m->e[m->order[g][k]];

		if (e->pinned)
			e->age = ++m->ages;
		e->pinned = false;
	}
}

static void
model_tick(struct model *m, int64_t now)
{
	m->now = now;
	for (;;) {
		uint64_t due = 0;

		for (uint64_t g = 1; g <= GROUPS; g++)
			if (m->pinned[g] && m->pin_until[g] <= now &&
			    (!due || m->pin_until[g] < m->pin_until[due]))
				due = g;
		if (!due)
			return;
		model_unpin(m, due);
	}
}

static void
model_expire(struct model *m, int64_t now)
{
	model_tick(m, now);
	for (int i = 0; i < MAX; i++)
		if (m->e[i].used && dead(&m->e[i], now))
			forget(m, i);
}

/* ---- ops ---- */

static uint64_t
sum_at(struct m_entry e, int64_t window, int64_t now)
{
	uint64_t whole;

	if (!window)
		return e.cur + e.prev;
	while (now - e.start >= window) {
		e.prev = e.cur;
		e.cur = 0;
		e.start += window;
	}
	whole = e.prev * (uint64_t)(window - (now - e.start));
	return e.cur + whole / (uint64_t)window + (whole % (uint64_t)window != 0);
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
	struct m_elem *x;
	int k;

	for (k = (int)e->n - 1; k >= 0; k--)
		if (op->window && now - e->elems[k].last >= op->window)
			elem_cut(e, k);
	k = elem_at(e, op->elem);
	a->elem_known = k >= 0;
	a->ever = e->ever - (k >= 0);
	a->elem_hits = 1;
	if (k < 0) {
		a->distinct = e->n < op->cap ? e->n + 1 : op->cap + 1;
		if (e->n >= op->cap)
			return false;
		e->elems[e->n++] = (struct m_elem){ op->elem, now, now, 1, false };
		e->ever++;
		return true;
	}
	x = &e->elems[k];
	if (op->window && now - x->first >= op->window) {
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
known(const struct m_entry *e, struct tally_answer *a)
{
	a->known = true;
	a->first = e->first;
	a->last = e->last;
	if (e->kind == TALLY_DISTINCT && e->n)
		a->last_elem = e->elems[e->n - 1].id;
	if (e->kind == TALLY_MARK)
		a->last_elem = e->mark;
}

static void
model_get(const struct m_entry *e, const struct tally_op *op, int64_t now, struct tally_answer *a)
{
	known(e, a);
	if (e->kind == TALLY_ADD)
		a->sum = sum_at(*e, op->window, now);
	if (e->kind == TALLY_MIN)
		a->sum = !op->window || now - e->start < op->window ? e->min : 0;
	if (e->kind == TALLY_MARK)
		a->elem_known = e->mark == op->elem;
	if (e->kind != TALLY_DISTINCT)
		return;
	a->ever = e->ever;
	for (uint32_t k = 0; k < e->n; k++) {
		const struct m_elem *x = &e->elems[k];

		if (op->window && now - x->last >= op->window)
			continue;
		a->distinct++;
		if (x->id != op->elem)
			continue;
		a->elem_known = true;
		a->ever--;
		a->elem_hits = !op->window || now - x->first < op->window ? x->hits : 0;
	}
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
		a->sum = sum_at(*e, op->window, now);
	} else if (op->kind == TALLY_MIN) {
		bool stands = a->known && (!op->window || now - e->start < op->window);

		a->before = stands ? e->min : UINT64_MAX;
		if (op->n < a->before) {
			e->min = op->n;
			e->start = now;
		}
		a->sum = e->min;
	} else if (op->kind == TALLY_MARK) {
		a->elem_known = a->known && e->mark == op->elem;
		e->mark = op->elem;
	} else {
		kept = distinct(e, op, now, a);
	}
	if (!kept)
		return;
	a->stored = true;
	if (!a->known)
		e->first = now;
	e->last = now;
	e->until = now + (op->ttl > op->window ? op->ttl : op->window);
	e->touched = e->age;
}

static void
join(struct model *m, int i, uint64_t g)
{
	struct m_entry *e = &m->e[i];

	if (!g)
		return;
	if (e->group != g) {
		if (e->group)
			order_del(m->order[e->group], i);
		if (e->pinned)
			e->age = ++m->ages;
		e->pinned = false;
		e->group = g;
		order_front(m->order[g], i);
	}
	if (m->pinned[g] && !e->pinned)
		pin_one(m, i);
}

/* *serial gets what names this op in model_undo(). */
static void
model_submit(
    struct model *m, int64_t now, const struct tally_op *op, struct tally_answer *a, uint64_t *serial)
{
	int i = find(m, op->key.hi);

	*a = (struct tally_answer){ .known = false };
	if (op->kind == TALLY_GET) {
		if (i >= 0 && !dead(&m->e[i], now))
			model_get(&m->e[i], op, now, a);
		return;
	}
	if (i >= 0 && dead(&m->e[i], now)) {
		forget(m, i);
		i = -1;
	}
	if (i >= 0 && m->e[i].kind != op->kind) {
		m->refused++;
		return;
	}
	*serial = ++m->ages;
	if (i >= 0) {
		known(&m->e[i], a);
		m->e[i].age = *serial;
	} else {
		i = place(m);
		m->e[i] = (struct m_entry){
			.used = true, .key = op->key.hi, .kind = op->kind, .born = *serial, .age = *serial
		};
	}
	apply(&m->e[i], op, now, a);
	join(m, i, op->group);
}

static bool
take_back(
    struct m_entry *e, const struct tally_op *op, const struct tally_answer *a, int64_t at, bool is_last)
{
	int k;

	if (op->kind == TALLY_ADD) {
		uint64_t *from = at >= e->start ? &e->cur : NULL;

		if (!from && op->window && at >= e->start - op->window)
			from = &e->prev;
		if (from)
			*from -= op->n < *from ? op->n : *from;
		return !e->cur && !e->prev;
	}
	if (op->kind == TALLY_MIN) {
		if (!a->known)
			return is_last;
		if (e->min == op->n && a->before > op->n && a->before != UINT64_MAX)
			e->min = a->before;
		return false;
	}
	if (op->kind == TALLY_MARK) {
		if (is_last)
			e->mark = a->last_elem;
		return is_last && !a->known;
	}
	k = elem_at(e, op->elem);
	if (k >= 0 && at >= e->elems[k].first) {
		e->elems[k].hits -= e->elems[k].hits > 0;
		if (!e->elems[k].hits && !e->elems[k].older) {
			elem_cut(e, k);
			e->ever -= e->ever > 0;
		}
	}
	k = elem_at(e, a->last_elem);
	if (is_last && a->known && k >= 0)
		elem_last(e, k);
	return !e->n && !e->ever;
}

static void
model_undo(
    struct model *m, const struct tally_op *op, const struct tally_answer *a, int64_t at, uint64_t serial)
{
	int i = find(m, op->key.hi);
	struct m_entry *e = &m->e[i < 0 ? 0 : i];
	bool is_last;

	if (!a->stored || i < 0 || e->kind != op->kind || serial < e->born)
		return;
	is_last = e->touched == serial || (e->touched == 0 && e->last == at);
	if (take_back(e, op, a, at, is_last)) {
		forget(m, i);
		return;
	}
	if (!is_last)
		return;
	e->touched = 0;
	if (a->known) {
		e->last = a->last;
		e->until = a->last + (op->ttl > op->window ? op->ttl : op->window);
	}
}

#endif
