/* SPDX-License-Identifier: ISC */
/*
 * The road of an op: its entry, its answer, how it is taken back. The table below (tally_table.h) keeps
 * entries, groups, pins and age; what an entry means is a row of functions for each kind (tally_kind.h).
 * mail/tally.h has the rules in words.
 */
#include "store/tallies.h"

#include "base/xalloc.h"
#include "store/tally_kind.h"
#include "store/tally_table.h"

enum { AHEAD = 16 }; /* ops whose entries are asked of memory together */

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

/* How long an entry lives that this op touched. */
static uint32_t
life_of(const struct tally_op *op)
{
	return span_of(op->ttl > op->window ? op->ttl : op->window);
}

void
step_touch(struct step *s)
{
	struct entry *e = s->e;

	e->last = ms48_of(s->now);
	e->span = life_of(s->op);
	e->touched = s->a->ref;
	s->a->stored = true;
}

static const struct kind_row *const kinds[] = {
	[TALLY_ADD] = &kind_add,
	[TALLY_DISTINCT] = &kind_distinct,
	[TALLY_MIN] = &kind_min,
	[TALLY_MARK] = &kind_mark,
	[TALLY_TURN] = &kind_turn,
};

static void
answer_known(struct entry *e, struct tally_answer *a)
{
	a->known = true;
	a->last = ms48_get(e->last);
	a->ref_before = e->touched;
	if (kinds[e->kind]->last_elem)
		a->last_elem = kinds[e->kind]->last_elem(e);
}

static void
get(struct step *s)
{
	if (!s->i || entry_dead(s->e, s->now)) {
		s->a->forgotten = !s->i && s->now < s->t->marks_until;
		return;
	}
	answer_known(s->e, s->a);
	kinds[s->e->kind]->get(s);
}

/* Nothing in the entry was touched later than that. */
static int64_t
entry_time(struct entry *e)
{
	int64_t last = ms48_get(e->last), at = last;

	if (kinds[e->kind]->latest)
		at = kinds[e->kind]->latest(e);
	return at > last ? at : last;
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
		s.e->kind = (unsigned)op->kind & 7;
		s.e->born = a->ref & BORN_MASK;
	}
	a->born = (uint16_t)s.e->born;
	kinds[op->kind]->apply(&s);
	if (!kinds[op->kind]->keeps_elems)
		kept_more(s.e);
	if (op->group)
		table_join(t, s.i, group_of(op->group));
}

void
tallies_expect(const struct tallies *t, const struct tally_op *ops, uint32_t n)
{
	table_expect(&t->table, ops, n < AHEAD ? n : AHEAD);
}

void
tallies_fetch(const struct tallies *t, const struct tally_op *ops, uint32_t n)
{
	table_fetch(&t->table, ops, n < AHEAD ? n : AHEAD);
}

void
tallies_submit(
    struct tallies *t, int64_t mono, const struct tally_op *ops, struct tally_answer *answers, uint32_t n)
{
	table_tick(&t->table, mono);
	for (uint32_t k = 0; k < n; k++) {
		/* The first ones the caller has asked for. */
		if (k && k % AHEAD == 0) {
			tallies_expect(t, ops + k, n - k);
			tallies_fetch(t, ops + k, n - k);
		}
		if (k % AHEAD == 0)
			table_fetch_next(&t->table, ops + k, n - k < AHEAD ? n - k : AHEAD);
		submit_one(&t->table, t->table.now, &ops[k], &answers[k]);
	}
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
	if (e->kind != op->kind || e->born != a->born)
		return;
	is_last = e->touched == a->ref;
	table_spread(&t->table, i);
	kinds[op->kind]->undo(e, op, a, is_last);
	if (!kinds[op->kind]->keeps_elems)
		kept_less(e);
	if (entry_n(e) == 0 && e->kept == 0) {
		table_remove(&t->table, i);
		return;
	}
	if (!is_last)
		return;
	e->touched = a->ref_before;
	if (a->known) {
		e->last = ms48_of(a->last);
		e->span = life_of(op);
	}
}

void
tallies_pin(struct tallies *t, uint64_t group, int64_t until)
{
	if (group)
		table_pin(&t->table, group_of(group), until);
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
