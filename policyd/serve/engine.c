/* SPDX-License-Identifier: ISC */
#include "serve/engine_parts.h"

#include "base/log.h"
#include "base/xalloc.h"

void
engine_init(struct engine *e, uint32_t max_counters)
{
	*e = (struct engine){ .sweep = ENGINE_SWEEP };
	e->tallies = tallies_new(max_counters);
	e->storms = storms_new();
	e->join = join_new();
	hosts_init(&e->finals);
	judge_init(&e->judge);
	e->ways = ways_new();
	e->brake = brake_new();
}

void
engine_fini(struct engine *e)
{
	judge_fini(&e->judge);
	hosts_fini(&e->finals);
	ways_free(e->ways);
	brake_free(e->brake);
	xfree(e->kept.v);
	xfree(e->held.v);
	tallies_free(e->tallies);
	storms_free(e->storms);
	join_free(e->join);
}

/* --- storms ------------------------------------------------------------------------------------------ */

/* What finds no room stays changed, or the record would tell of the storm as it was, be it over long ago. */
static void
storm_to_journal(void *arg, struct storm *st)
{
	struct engine *e = arg;
	struct record_host hosts[STORM_HOSTS_MAX];
	struct record_storm r;

	if (!e->ledger)
		return;
	r = storm_row(st, hosts);
	if (!ledger_offer_storm(e->ledger, &r))
		st->changed = true;
}

static void
storm_leaves(void *arg, struct storm *st)
{
	struct engine *e = arg;
	struct record_host hosts[STORM_HOSTS_MAX];
	struct record_storm r;

	if (!e->ledger || !st->changed)
		return;
	r = storm_row(st, hosts);
	ledger_storm(e->ledger, &r);
}

static void
storm_log(const struct engine *e, const struct storm *st, const char *what)
{
	if (e->quiet)
		return;
	log_warn("storm %s id=%016llx rule=%s message_id=%s sender=%s offered=%llu passed=%llu stopped=%llu "
		 "recipients=%u host=%s",
	    what, (unsigned long long)st->id, st->rule, LOGV(str_of(st->message_id)),
	    LOGV(str_of(st->sender)), (unsigned long long)st->offered, (unsigned long long)st->passed,
	    (unsigned long long)st->stopped, st->n_rcpts, LOGV(str_of(st->n_hosts ? st->hosts[0].name : "")));
}

static void
storm_opened(struct engine *e, struct storm *st)
{
	st->opened = false;
	e->stats.storms_opened++;
	storm_log(e, st, "opened");
	storm_to_journal(e, st);
}

struct closing {
	struct engine *e;
	struct now now;
};

static void
storm_closed(void *arg, struct storm *st)
{
	struct closing *c = arg;

	tallies_pin(c->e->tallies, st->key.lo, c->now.mono + st->remember);
	storm_log(c->e, st, "closed");
}

/* Once a message and storm: what it stopped came through these hosts. */
static void
tell_sources(struct engine *e, const struct view *v, struct now now)
{
	struct judge *j = &e->judge;

	for (uint32_t i = 0; i < j->n_slots; i++) {
		const struct slot *s = &j->slots[i];
		struct storm *st;

		if (s->finding.trip != TRIP_STOP || key_is_zero(s->finding.storm))
			continue;
		st = storms_find(e->storms, s->finding.storm);
		if (!st || st->untold == 0)
			continue;
		if (s->rule->detector->sources)
			s->rule->detector->sources(s->rule, st, v, &s->finding, st->untold);
		else
			storm_sources(st, v, st->untold);
		st->untold = 0;
		/* Who has his copy stays known for as long as the storm does, however long it goes on. */
		tallies_pin(e->tallies, st->key.lo, now.mono + st->quiet + st->remember);
		if (st->opened)
			storm_opened(e, st);
	}
}

/* What the slot's storm makes of the copy: below the limit of most rules it is no sign of one. */
static unsigned
copy_of(const struct engine *e, const struct slot *s)
{
	unsigned what = e->judge.wishes[s->rcpt].got == ACT_PASS ? COPY_PASSED : 0;

	return s->finding.trip != TRIP_NONE || s->rule->detector->passing ? what : what | COPY_BESIDE;
}

uint64_t
engine_book_storms(struct engine *e, const struct view *v, struct str rule, struct now now)
{
	struct judge *j = &e->judge;
	uint64_t told = 0;
	bool deciding = false;

	for (uint32_t i = 0; i < j->n_slots; i++) {
		const struct slot *s = &j->slots[i];
		struct storm *st;

		if (key_is_zero(s->finding.storm))
			continue;
		st = storms_find(e->storms, s->finding.storm);
		if (s->finding.trip == TRIP_STOP && !s->finding.blocked)
			st = storms_open(e->storms, s->finding.storm, s->rule, v, now);
		if (!st)
			continue;
		storm_copy(st, v, s->rcpt, copy_of(e, s), now);
		if (s->finding.trip == TRIP_STOP)
			st->untold++;
		if (s->finding.trip == TRIP_NONE || deciding)
			continue;
		deciding = str_eq(str_of(s->rule->name), rule);
		if (deciding || !told)
			told = st->id;
	}
	tell_sources(e, v, now);
	return told;
}

/* --- the road ---------------------------------------------------------------------------------------- */

bool
engine_store_failing(struct engine *e)
{
	return e->ledger && !ledger_healthy(e->ledger);
}

/* [store] on_store_failure = defer: nothing passes that nobody can write down. Asked before anything is
 * counted, so that the retry meets the same counters. */
static bool
refuse_without_store(struct engine *e, struct verdict *v)
{
	if (!engine_store_failing(e))
		return false;
	v->degraded = true;
	e->stats.degraded++;
	if (!e->defer_on_failure)
		return false;
	v->what = v->shown = ACT_DEFER;
	v->dsn = STR("4.3.0");
	v->text = STR("The mail system cannot keep its records; try again later");
	return true;
}

static void
undo_ops(struct engine *e, uint32_t from, uint32_t n)
{
	for (uint32_t i = from + n; i-- > from;)
		tallies_undo(e->tallies, &e->judge.ops.v[i], &e->judge.answers[i]);
}

void
engine_settle_counts(struct engine *e)
{
	struct judge *j = &e->judge;

	judge_settle(j);
	/* The other way round than they were made: so what was last stands as it stood. */
	if (!j->sent_kept)
		undo_ops(e, j->sent_op, j->n_sent);
	for (uint32_t i = j->n_slots; i-- > 0;) {
		const struct slot *s = &j->slots[i];

		if (!s->kept && !s->shares)
			undo_ops(e, s->op, s->n_ops);
	}
}

static void
expect_ops(const void *tallies, const struct tally_op *ops, uint32_t n)
{
	tallies_expect(tallies, ops, n);
}

void
engine_plan(struct engine *e, struct view *v)
{
	struct judge *j = &e->judge;

	v->brake = e->brake;
	v->planned = expect_ops;
	v->planned_arg = e->tallies;
	judge_plan(j, e->rules, v);
}

void
engine_fetch(struct engine *e)
{
	tallies_fetch(e->tallies, e->judge.ops.v, e->judge.ops.n);
}

static void
plan_message(struct engine *e, struct question *q)
{
	struct judge *j = &e->judge;

	q->planned = judge_view(j, &q->view, q->m, &q->traits, e->site, e->lists, e->storms, q->now);
	if (!q->planned) {
		q->v.degraded = true;
		e->stats.degraded++;
		j->n_slots = j->n_sent = 0;
		q->m->n_rcpts = 0;
		return;
	}
	q->view.ways = e->ways;
	engine_plan(e, &q->view);
}

static void
judge_message(struct engine *e, struct question *q)
{
	struct judge *j = &e->judge;

	if (!q->planned)
		return;
	if (!q->fetched)
		engine_fetch(e);
	tallies_submit(e->tallies, q->now.mono, j->ops.v, j->answers, j->ops.n);
	judge_decide(j, &q->view, &q->v);
	engine_settle_counts(e);
	judge_told(j, &q->view);
	q->v.storm = engine_book_storms(e, &q->view, q->v.rule, q->now);
}

/* For as long as the transaction: one part's hash is the next one's seed. */
static uint64_t
what_it_is(const struct engine *e, const struct msg *m, const struct traits *t)
{
	struct str ids = { (const char *)t->ids, t->n_ids * sizeof(t->ids[0]) };
	uint64_t what = hash64(hash64(e->site->hash_seed ^ t->trace, ids), m->sender);

	for (uint32_t i = 0; i < m->n_rcpts; i++)
		what = hash64(what, m->rcpts[i].raw);
	return what;
}

/* The milter tells of this client's message itself: what the policy door heard of it at RCPT is void. */
static void
end_of_client(struct engine *e, struct key128 client)
{
	struct txn *txn = join_of_client(e->join, client);

	if (!txn)
		return;
	hosts_add(&e->finals, join_mta(txn));
	join_end(e->join, txn);
}

/*
 * Who gets it is not known: the MTA does not say, and another number of recipients than it states was heard
 * at RCPT. Rules about whole messages look at it all the same, and the places held for recipients stand.
 */
static void
begin_nobody(struct engine *e, struct question *q)
{
	uint32_t n;

	q->stated = q->m->rcpt_count;
	(void)engine_take_back(e, q->txn, true, &n);
	q->m->rcpt_count = 0;
	msg_add_rcpt(q->m, STR(""));
}

static void
end_nobody(struct engine *e, struct question *q)
{
	q->m->n_rcpts = 0;
	q->m->rcpt_count = q->stated;
	if (q->v.what == ACT_PASS)
		engine_keep_held(e, q->txn);
	else
		engine_void(e, q->txn);
}

static void
look(const struct engine *e, struct question *q, struct msg *m)
{
	traits_compute(&q->traits, m, e->site);
	ways_fetch(e->ways, q->traits.way);
}

/* The last question about a message: DATA, END-OF-MESSAGE, or a milter's end of message. True: the verdict is
 * known already. */
static bool
begin_final(struct engine *e, struct question *q)
{
	struct msg *m = q->m;

	if (q->txn && m->n_rcpts == 0)
		join_recipients(q->txn, m);
	if (!q->looked)
		look(e, q, m);
	q->what = q->txn ? what_it_is(e, m, &q->traits) : 0;
	if (q->txn && join_verdict(q->txn, q->what, m, &q->v))
		return true;
	q->nobody = m->n_rcpts == 0 && engine_policy_door(m);
	e->held.n = 0;
	if (!q->nobody)
		engine_void(e, q->txn);
	e->stats.messages++;
	if (refuse_without_store(e, &q->v)) {
		engine_void(e, q->txn);
		e->stats.stopped++;
		return true;
	}
	if (q->nobody)
		begin_nobody(e, q);
	plan_message(e, q);
	return false;
}

static void
end_final(struct engine *e, struct question *q)
{
	judge_message(e, q);
	if (q->nobody)
		end_nobody(e, q);
	if (q->v.what == ACT_PASS)
		e->stats.passed++;
	else
		e->stats.stopped++;
	engine_write_record(e, q->m, &q->traits, &q->v, q->now);
	engine_log_verdict(e, q->m, &q->v, q->now);
	if (q->txn)
		join_keep(e->join, q->txn, q->what, &q->v);
}

void
engine_use_ledger(struct engine *e, struct ledger *ledger)
{
	e->ledger = ledger;
	if (ledger)
		ledger_around_parts(ledger, engine_around_part, e);
	storms_on_leave(e->storms, storm_leaves, e);
	join_on_settle(e->join, engine_settle_unasked, e);
}

/* --- doors ------------------------------------------------------------------------------------------- */

/* True: the verdict is known already. */
static bool
begin(struct engine *e, struct question *q)
{
	struct msg *m = q->m;
	bool envelope_only = m->door == DOOR_POLICY;
	struct txn *txn;

	e->stats.requests++;
	/* Header facts exist only once the content has been received, whatever the client calls the stage. */
	if (!envelope_only && m->have_header && m->stage != STAGE_EOM)
		m->stage = STAGE_DATA;
	if (m->stage != STAGE_RCPT && m->stage != STAGE_DATA && m->stage != STAGE_EOM)
		return true;
	txn = engine_find_txn(e, m, q->client, q->now);
	if (m->stage == STAGE_RCPT) {
		engine_rcpt(e, m, txn, q->now, &q->v);
		return true;
	}
	if (envelope_only && join_milter_serves(e->join, q->client))
		return true;
	if (m->door == DOOR_MILTER)
		end_of_client(e, q->client);
	q->nameless = !txn && engine_policy_door(m);
	q->txn = q->nameless ? join_of_client(e->join, q->client) : txn;
	return begin_final(e, q);
}

static void
answer(struct engine *e, struct question *q)
{
	if (q->txn && q->nameless)
		join_end(e->join, q->txn);
	else if (q->txn && q->m->stage == STAGE_EOM)
		join_over(e->join, q->txn);
	q->said(q->arg, &q->v);
}

void
engine_ask(struct engine *e, struct msg *m, struct now now, engine_said_fn *said, void *arg)
{
	struct question *q = &e->questions[e->open == &e->questions[0]];

	q->client = join_client(m->client_address, m->client_port);
	/* What a message is depends on nothing that the one before it changes: memory has this time too. */
	q->looked = e->open && m->stage == STAGE_EOM;
	if (q->looked) {
		engine_fetch(e);
		e->open->fetched = true;
		join_fetch(e->join, q->client);
		look(e, q, m);
	}
	engine_say(e);
	q->m = m;
	q->now = now;
	q->said = said;
	q->arg = arg;
	q->txn = NULL;
	q->nameless = q->nobody = q->fetched = false;
	q->v = (struct verdict){ 0 };
	if (begin(e, q))
		answer(e, q);
	else
		e->open = q;
}

void
engine_say(struct engine *e)
{
	struct question *q = e->open;

	if (!q)
		return;
	e->open = NULL;
	end_final(e, q);
	answer(e, q);
}

static void
copy_verdict(void *arg, const struct verdict *v)
{
	struct verdict *out = arg;

	*out = *v;
}

void
engine_judge(struct engine *e, struct msg *m, struct now now, struct verdict *v)
{
	engine_ask(e, m, now, copy_verdict, v);
	engine_say(e);
}

void
engine_milter_begin(struct engine *e, struct str client_address, struct str client_port)
{
	engine_say(e);
	join_milter_begin(e->join, join_client(client_address, client_port));
}

void
engine_milter_end(struct engine *e, struct str client_address, struct str client_port)
{
	engine_say(e);
	join_milter_end(e->join, join_client(client_address, client_port));
}

void
engine_abort(struct engine *e, const struct msg *m)
{
	engine_say(e);
	end_of_client(e, join_client(m->client_address, m->client_port));
}

void
engine_disconnect(struct engine *e, uint64_t connection, uint64_t questions, struct now now)
{
	struct txn *txn;

	engine_say(e);
	txn = join_of_connection(e->join, connection);
	if (questions > 1)
		join_disconnect(e->join, connection);
	else if (txn) /* DATA tells, or the client's next message, or the time */
		join_leave(e->join, connection, hosts_has(&e->finals, join_mta(txn)), now);
}

void
engine_drain(struct engine *e)
{
	engine_say(e);
	join_end_all(e->join);
}

void
engine_reloaded(struct engine *e, struct now now)
{
	struct closing c = { e, now };

	engine_say(e);
	storms_obey(e->storms, e->rules, storm_closed, &c);
	/* At a start some may be over for long, and the next tick is a second away. */
	storms_forget(e->storms, now, storm_closed, &c);
	if (e->ledger && storms_count(e->storms, STORM_CLOSED))
		ledger_storms_obeyed(e->ledger);
}

void
engine_tick(struct engine *e, struct now now)
{
	struct closing c = { e, now };

	engine_say(e);
	storms_tick(e->storms, now, storm_closed, &c);
	storms_each_changed(e->storms, storm_to_journal, e);
	if (e->ledger)
		ledger_tick(e->ledger, now);
	tallies_expire(e->tallies, now.mono, e->sweep);
	join_expire(e->join, now);
}

void
engine_half_tick(struct engine *e, struct now now)
{
	engine_say(e);
	if (e->ledger)
		ledger_tick(e->ledger, now);
}

void
engine_turned(struct engine *e, struct now now)
{
	engine_say(e);
	if (e->ledger)
		ledger_turned(e->ledger, now);
}
