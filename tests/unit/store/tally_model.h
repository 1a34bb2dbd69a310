/* SPDX-License-Identifier: ISC */
/* The slow obvious model of the tallies: arrays, linear search, the words of mail/tally.h. */
#ifndef TALLY_MODEL_H
#define TALLY_MODEL_H

#include <stdlib.h>
#include <string.h>

#include "tally_model_kinds.h"

struct m_pin {
	uint64_t group;
	int64_t until;
};

struct model {
	struct m_entry *e;
	uint32_t max;
	struct m_pin *pins;
	uint32_t n_pins;
	uint32_t serial;
	int64_t now, front, back, marks_until;
	uint64_t evicted, refused;
};

static void *
model_new(uint32_t max)
{
	struct model *m = calloc(1, sizeof(*m));

	m->max = max < 16 ? 16 : max;
	m->e = calloc(m->max, sizeof(*m->e));
	m->pins = calloc(m->max, sizeof(*m->pins));
	m->now = m->marks_until = INT64_MIN;
	return m;
}

static void
model_free(void *t)
{
	struct model *m = t;

	if (!m)
		return;
	free(m->e);
	free(m->pins);
	free(m);
}

/* ---- entries ---- */

static bool
dead(const struct m_entry *e, int64_t now)
{
	return !e->pinned && now >= e->until;
}

static struct m_entry *
find(struct model *m, struct key128 k)
{
	for (uint32_t i = 0; i < m->max; i++)
		if (m->e[i].used && key_eq(m->e[i].key, k))
			return &m->e[i];
	return NULL;
}

static void
forget(struct m_entry *e)
{
	memset(e, 0, sizeof(*e));
}

static struct m_entry *
place(struct model *m)
{
	struct m_entry *old = NULL;

	for (uint32_t i = 0; i < m->max; i++)
		if (!m->e[i].used)
			return &m->e[i];
	for (uint32_t i = 0; i < m->max; i++)
		if (!m->e[i].pinned && (!old || m->e[i].age < old->age))
			old = &m->e[i];
	if (!dead(old, m->now)) {
		m->evicted++;
		if (old->kind == TALLY_MARK && old->until > m->marks_until)
			m->marks_until = old->until;
	}
	forget(old);
	return old;
}

/* ---- groups and pins ---- */

static struct m_pin *
pin_of(struct model *m, uint64_t group)
{
	for (uint32_t k = 0; k < m->n_pins; k++)
		if (m->pins[k].group == group)
			return &m->pins[k];
	return NULL;
}

static bool
pin_one(struct model *m, struct m_entry *e)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < m->max; k++)
		n += m->e[k].used && m->e[k].pinned;
	if (n >= m->max - m->max / 4) {
		m->refused++;
		return false;
	}
	e->pinned = true;
	e->order = ++m->back;
	return true;
}

/* The member, pinned or not, that stands in front. */
static struct m_entry *
front_of(struct model *m, uint64_t group, bool pinned)
{
	struct m_entry *best = NULL;

	for (uint32_t i = 0; i < m->max; i++) {
		struct m_entry *e = &m->e[i];

		if (e->used && e->group == group && e->pinned == pinned && (!best || e->order < best->order))
			best = e;
	}
	return best;
}

static void
model_pin(void *t, uint64_t group, int64_t until)
{
	struct model *m = t;
	struct m_pin *p = pin_of(m, group);
	struct m_entry *e;

	if (!group)
		return;
	if (!p && m->n_pins == m->max) {
		m->refused++;
		return;
	}
	if (!p)
		p = &m->pins[m->n_pins++];
	*p = (struct m_pin){ group, until };
	for (e = front_of(m, group, false); e && pin_one(m, e);)
		e = front_of(m, group, false);
}

static void
unpin(struct model *m, struct m_pin *p)
{
	uint64_t group = p->group;
	struct m_entry *e;

	*p = m->pins[--m->n_pins];
	for (e = front_of(m, group, true); e; e = front_of(m, group, true)) {
		e->pinned = false;
		e->age = ++m->serial;
	}
}

static void
join(struct model *m, struct m_entry *e, uint64_t group)
{
	if (!group)
		return;
	if (e->group != group) {
		if (e->pinned)
			e->age = ++m->serial;
		e->pinned = false;
		e->group = group;
		e->order = --m->front;
	}
	if (pin_of(m, group) && !e->pinned)
		pin_one(m, e);
}

static void
tick(struct model *m, int64_t now)
{
	struct m_pin *due;

	if (now > m->now)
		m->now = now;
	do {
		due = NULL;
		for (uint32_t k = 0; k < m->n_pins; k++)
			if (m->pins[k].until <= m->now && (!due || m->pins[k].until < due->until))
				due = &m->pins[k];
		if (due)
			unpin(m, due);
	} while (due);
}

static void
model_expire(void *t, int64_t mono, uint32_t budget)
{
	struct model *m = t;

	(void)budget;
	tick(m, mono);
	for (uint32_t i = 0; i < m->max; i++)
		if (m->e[i].used && dead(&m->e[i], m->now))
			forget(&m->e[i]);
}

/* ---- ops ---- */

static void
submit_one(struct model *m, const struct tally_op *op, struct tally_answer *a)
{
	struct m_entry *e = find(m, op->key);

	*a = (struct tally_answer){ .at = m->now };
	if (key_is_zero(op->key) || op->kind > TALLY_GET) {
		m->refused++;
		return;
	}
	if (op->kind == TALLY_GET) {
		if (e && !dead(e, m->now))
			get(e, op, m->now, a);
		else
			a->forgotten = !e && m->now < m->marks_until;
		return;
	}
	if (e && dead(e, m->now)) {
		forget(e);
		e = NULL;
	}
	if (e && e->kind != op->kind) {
		m->refused++;
		return;
	}
	a->ref = ++m->serial;
	if (e) {
		known(e, a);
	} else {
		e = place(m);
		e->used = true;
		e->key = op->key;
		e->kind = op->kind;
		e->born = a->ref;
	}
	e->age = a->ref;
	apply(e, op, m->now, a);
	join(m, e, op->group);
}

static void
model_submit(void *t, int64_t mono, const struct tally_op *ops, struct tally_answer *answers, uint32_t n)
{
	tick(t, mono);
	for (uint32_t i = 0; i < n; i++)
		submit_one(t, &ops[i], &answers[i]);
}

static void
model_undo(void *t, const struct tally_op *op, const struct tally_answer *a)
{
	struct m_entry *e = a->stored ? find(t, op->key) : NULL;
	bool is_last;

	if (!e || e->kind != op->kind || a->ref < e->born)
		return;
	is_last = e->touched == a->ref;
	take_back(e, op, a, is_last);
	if (op->kind != TALLY_DISTINCT)
		keep_less(e);
	if (!e->n && !e->kept) {
		forget(e);
		return;
	}
	if (!is_last)
		return;
	e->touched = a->ref_before;
	if (a->known) {
		e->last = a->last;
		e->until = a->last + (op->ttl > op->window ? op->ttl : op->window);
	}
}

static void
model_stats(const void *t, struct tallies_stats *out)
{
	const struct model *m = t;

	*out = (struct tallies_stats){ .max = m->max, .evicted = m->evicted, .refused = m->refused };
	for (uint32_t i = 0; i < m->max; i++) {
		out->entries += m->e[i].used;
		out->pinned += m->e[i].used && m->e[i].pinned;
	}
}

static const struct tally_backend backend_model = {
	"model",
	HAS_EVICTION,
	model_new,
	model_free,
	model_submit,
	model_undo,
	model_pin,
	model_expire,
	model_stats,
};

#endif
