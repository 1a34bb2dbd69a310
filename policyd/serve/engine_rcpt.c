/* SPDX-License-Identifier: ISC */
/*
 * The brake at RCPT, and what becomes of a message of which only RCPT was heard. What passes holds its
 * place in the counters until the message itself is judged or comes to nothing: whether that may be, each
 * MTA's host tells by what it asks.
 */
#include "serve/engine_parts.h"

/*
 * Does this MTA ask about whole messages, here or at the milter door? Each host for itself: what one asks
 * says nothing of another. A local program's mail through a milter says nothing about what the policy door
 * is asked.
 */
static bool
asks_about_whole(const struct engine *e, const struct msg *m, struct key128 client)
{
	if (m->stage == STAGE_RCPT)
		return join_milter_serves(e->join, client);
	return m->door != DOOR_REPLAY && (m->door != DOOR_MILTER || m->client_port.n > 0);
}

/* One message may be asked about from two addresses of its MTA: that tells of both. */
static void
learn_from(struct engine *e, const struct msg *m, const struct txn *txn)
{
	if (txn && join_mta(txn) != m->mta)
		hosts_add(&e->finals, join_mta(txn));
}

struct txn *
engine_find_txn(struct engine *e, const struct msg *m, struct key128 client, struct now now)
{
	bool whole =
	    (m->stage != STAGE_RCPT || !hosts_has(&e->finals, m->mta)) && asks_about_whole(e, m, client);
	struct txn *txn;

	if (whole)
		hosts_add(&e->finals, m->mta);
	if (!engine_policy_door(m))
		return NULL;
	if (whole)
		learn_from(e, m, join_of_client(e->join, client));
	txn = join_find(e->join, m, client, e->site->hash_seed, now);
	if (whole)
		learn_from(e, m, txn);
	return txn;
}

const struct reservation *
engine_take_back(struct engine *e, struct txn *txn, bool whole_only, uint32_t *n)
{
	const struct reservation *r;

	*n = 0;
	if (!txn)
		return NULL;
	r = join_release(e->join, txn, whole_only, n);
	/* The other way round than they were made, see engine_settle_counts(). */
	for (uint32_t i = *n; i-- > 0;)
		tallies_undo(e->tallies, &r[i].op, &r[i].answer);
	return r;
}

void
engine_void(struct engine *e, struct txn *txn)
{
	uint32_t n;

	(void)engine_take_back(e, txn, false, &n);
}

void
engine_keep_held(struct engine *e, struct txn *txn)
{
	const struct reservation *r = NULL;
	uint32_t n = 0;

	if (txn)
		r = join_release(e->join, txn, false, &n);
	for (uint32_t i = 0; i < n; i++)
		ops_append(&e->held, &r[i].op);
}

struct part_walk {
	struct engine *e;
	uint32_t part;
	bool out;
	struct now now;
};

static void
walk_part(void *arg, struct reservation *r)
{
	struct part_walk *w = arg;

	if (tally_part(r->op.key) != w->part)
		return;
	if (w->out)
		tallies_undo(w->e->tallies, &r->op, &r->answer);
	else
		tallies_submit(w->e->tallies, w->now.mono, &r->op, &r->answer, 1);
}

void
engine_around_part(void *arg, uint32_t part, bool out, struct now now)
{
	struct part_walk w = { arg, part, out, now };

	join_each_reserved(w.e->join, walk_part, &w);
}

static void
hold(struct engine *e, struct txn *txn, const struct reservation *r)
{
	if (!txn || !join_reserve(e->join, txn, r))
		tallies_undo(e->tallies, &r->op, &r->answer);
}

/* What passed the brake holds its place until the message is judged or comes to nothing. */
static void
reserve(struct engine *e, struct txn *txn)
{
	struct judge *j = &e->judge;

	for (uint32_t i = 0; i < j->n_slots; i++) {
		const struct slot *s = &j->slots[i];
		bool whole = s->rule->detector->whole && s->rule->detector->whole(s->rule);

		for (uint32_t k = s->op; s->kept && k < s->op + s->n_ops; k++) {
			struct reservation r = { j->ops.v[k], j->answers[k], whole };

			if (r.op.kind != TALLY_GET)
				hold(e, txn, &r);
		}
	}
}

static bool
counted_anew(const struct judge *j, struct key128 key)
{
	for (uint32_t i = 0; i < j->n_slots; i++) {
		const struct slot *s = &j->slots[i];

		for (uint32_t k = s->op; s->kept && k < s->op + s->n_ops; k++)
			if (key_eq(j->ops.v[k].key, key))
				return true;
	}
	return false;
}

/* What the message held as a whole for the recipients before this one stays held when this one did not
 * count it anew: he was refused, or the rule does not look at him. */
static void
hold_again(struct engine *e, struct txn *txn, const struct reservation *held, uint32_t n, struct now now)
{
	for (uint32_t i = 0; i < n; i++) {
		struct reservation r = held[i];

		if (counted_anew(&e->judge, r.op.key))
			continue;
		tallies_submit(e->tallies, now.mono, &r.op, &r.answer, 1);
		hold(e, txn, &r);
	}
}

/* A recipient that a brake refuses: nothing of him stays counted but evidence, and he has a record. */
static void
refuse_rcpt(struct engine *e, struct msg *m, const struct traits *t, const struct view *view,
    struct verdict *v, struct now now)
{
	v->storm = engine_book_storms(e, view, v->rule, now);
	e->stats.messages++;
	e->stats.stopped++;
	engine_write_record(e, m, t, v, now);
	engine_log_verdict(e, m, v, now);
}

/* Where nobody asks about the whole message, nothing else tells what a shadow rule would have done. */
static void
tell_would(struct engine *e, struct msg *m, struct txn *txn, const struct view *view, struct verdict *v,
    struct now now)
{
	if (hosts_has(&e->finals, m->mta))
		return;
	v->storm = engine_book_storms(e, view, v->rule, now);
	engine_log_verdict(e, m, v, now);
	if (txn)
		join_would(txn, v->rule);
}

static void
judge_rcpt(struct engine *e, struct msg *m, struct txn *txn, struct now now, struct verdict *v)
{
	const struct reservation *held;
	struct judge *j = &e->judge;
	uint32_t n_held;
	struct traits t;
	struct view view;

	traits_compute(&t, m, e->site);
	if (!judge_view(j, &view, m, &t, e->site, e->lists, e->storms, now))
		return;
	held = engine_take_back(e, txn, true, &n_held);
	engine_plan(e, &view);
	engine_fetch(e);
	tallies_submit(e->tallies, now.mono, j->ops.v, j->answers, j->ops.n);
	judge_brake(j, &view, v);
	engine_settle_counts(e);
	judge_told(j, &view);
	if (v->what != ACT_PASS)
		refuse_rcpt(e, m, &t, &view, v, now);
	else
		reserve(e, txn);
	hold_again(e, txn, held, n_held, now);
	if (v->would)
		tell_would(e, m, txn, &view, v, now);
}

void
engine_rcpt(struct engine *e, struct msg *m, struct txn *txn, struct now now, struct verdict *v)
{
	bool again = txn && join_asked_again(txn, m), failing = engine_store_failing(e);

	/* Without the store the brake still works from memory; where nothing may pass then, DATA says so. */
	if (m->n_rcpts > 0 && !again && !(failing && e->defer_on_failure) && judge_brakes(e->rules, m))
		judge_rcpt(e, m, txn, now, v);
	v->degraded = failing;
	if (txn && v->what == ACT_PASS)
		join_gather(e->join, txn, m, now);
}

/*
 * Where an MTA asks at DATA or has a milter, a message of which only RCPT was heard came to nothing (a
 * callout, somebody else's refusal): void. Where it does not, RCPT is all there is, and it counts as passed;
 * but not from the null sender, who mostly is a callout.
 */
void
engine_settle_unasked(void *arg, struct txn *txn)
{
	struct engine *e = arg;
	struct record row;

	if (hosts_has(&e->finals, join_mta(txn))) {
		engine_void(e, txn);
		return;
	}
	row = *join_record(e->join, txn);
	if (row.rcpt_count == 0 || addr_is_null(row.sender)) {
		engine_void(e, txn);
		return;
	}
	e->stats.messages++;
	e->stats.passed++;
	e->held.n = 0;
	engine_keep_held(e, txn);
	row.kind = automatic_name(AUTO_NONE);
	row.verdict = action_name(ACT_PASS);
	row.outcome = OUTCOME_PASSED;
	if (e->ledger)
		ledger_message(e->ledger, &row, &e->held);
	e->held.n = 0;
}
