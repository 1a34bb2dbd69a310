/* SPDX-License-Identifier: ISC */
#include "serve/engine_parts.h"

#include "base/log.h"
#include "base/xalloc.h"

void
engine_init(struct engine *e)
{
	*e = (struct engine){ .sweep = ENGINE_SWEEP };
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
}

/* --- storms ------------------------------------------------------------------------------------------ */

static void
storm_to_journal(void *arg, struct storm *st)
{
	struct engine *e = arg;
	struct record_host hosts[STORM_HOSTS_MAX];
	struct record_storm r = {
		.id = st->id,
		.rule = str_of(st->rule),
		.key_lo = st->key.lo,
		.key_hi = st->key.hi,
		.state = storm_state_name(st->state),
		.message_id = str_of(st->message_id),
		.subject = str_of(st->subject),
		.sender = str_of(st->sender),
		.first = st->first.wall,
		.last = st->last.wall,
		.offered = st->offered,
		.passed = st->passed,
		.stopped = st->stopped,
		.messages = st->messages,
		.recipients = st->n_rcpts,
		.hosts = hosts,
		.n_hosts = st->n_hosts,
	};

	if (!e->ledger)
		return;
	for (uint32_t i = 0; i < st->n_hosts; i++)
		hosts[i] =
		    (struct record_host){ str_of(st->hosts[i].name), st->hosts[i].how, st->hosts[i].copies };
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
			s->rule->detector->sources(st, v, &s->finding, st->untold);
		else
			storm_sources(st, v, st->untold);
		st->untold = 0;
		/* Who has his copy stays known for as long as the storm does, however long it goes on. */
		tallies_pin(e->tallies, st->key.lo, now.mono + st->quiet + st->remember);
		if (st->opened)
			storm_opened(e, st);
	}
}

/* Books every slot that belongs to a storm. Returns the storm that the verdict belongs to. */
uint64_t
engine_book_storms(struct engine *e, const struct view *v, struct now now)
{
	struct judge *j = &e->judge;
	uint64_t first = 0;

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
		storm_copy(st, v, s->rcpt, j->wishes[s->rcpt].got == ACT_PASS, now);
		if (s->finding.trip == TRIP_STOP)
			st->untold++;
		if (s->finding.trip != TRIP_NONE && !first)
			first = st->id;
	}
	tell_sources(e, v, now);
	return first;
}

/* --- the record -------------------------------------------------------------------------------------- */

static enum outcome
outcome_of(enum action got)
{
	return got == ACT_PASS || got == ACT_REDIRECT_OWNER || got == ACT_HOLD ? OUTCOME_PASSED
									       : OUTCOME_STOPPED;
}

static void
keep_ops(struct engine *e, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++) {
		struct tally_op *op = e->judge.ops.v[i].kind == TALLY_GET ? NULL : ops_add(&e->kept);

		if (op)
			*op = e->judge.ops.v[i];
	}
}

/* What the judge keeps, in one row. */
static const struct ops *
kept_ops(struct engine *e)
{
	const struct judge *j = &e->judge;

	e->kept.n = 0;
	for (uint32_t i = 0; i < j->n_slots; i++) {
		const struct slot *s = &j->slots[i];

		if (s->kept)
			keep_ops(e, s->op, s->n_ops);
	}
	if (j->sent_kept)
		keep_ops(e, j->sent_op, j->n_sent);
	for (uint32_t i = 0; i < e->held.n; i++) {
		struct tally_op *op = ops_add(&e->kept);

		if (op)
			*op = e->held.v[i];
	}
	e->held.n = 0;
	return &e->kept;
}

void
engine_write_record(
    struct engine *e, struct msg *m, const struct traits *t, const struct verdict *v, struct now now)
{
	const struct header_facts *f = &m->header.f;
	struct record_rcpt *rcpts;
	bool passed = m->n_rcpts == 0 && v->what == ACT_PASS;
	struct record r = {
		.time = now.wall,
		.door = door_name(m->door),
		.stage = stage_name(m->stage),
		.queue_id = m->queue_id,
		.instance = m->instance,
		.client_address = t->client_text,
		.client_name = m->client_name,
		.helo = m->helo,
		.sasl_username = m->sasl_username,
		.sender = m->sender,
		.size = m->size,
		.rcpt_count = m->rcpt_count > m->n_rcpts ? m->rcpt_count : m->n_rcpts,
		.kind = automatic_name(t->automatic),
		.verdict = action_name(v->shown),
		.rule = v->rule,
		.storm = v->storm,
		.would = v->would,
		.degraded = v->degraded,
	};

	if (!e->ledger)
		return;
	if (m->have_header) {
		r.message_id = f->message_id;
		r.thread = t->thread;
		r.header_from = f->from_addr;
		r.subject = f->subject;
		r.to_count = f->to_count;
		r.cc_count = f->cc_count;
		r.hops = f->hop_count;
		r.trace = t->trace;
		/* the one that survives most rewriting */
		r.identity = t->n_ids ? t->ids[t->n_ids - 1].lo : 0;
	}
	rcpts = arena_alloc(&e->judge.scratch, (m->n_rcpts + 1) * sizeof(*rcpts));
	for (uint32_t i = 0; rcpts && i < m->n_rcpts; i++) {
		enum action got = e->judge.wishes[i].got;

		rcpts[i] =
		    (struct record_rcpt){ m->rcpts[i].addr, str_of(action_name(got)), outcome_of(got) };
		passed |= outcome_of(got) == OUTCOME_PASSED;
	}
	r.rcpts = rcpts;
	r.n_rcpts = rcpts ? m->n_rcpts : 0;
	r.outcome = passed ? OUTCOME_PASSED : OUTCOME_STOPPED;
	ledger_message(e->ledger, &r, kept_ops(e));
}

void
engine_log_verdict(const struct engine *e, const struct msg *m, const struct verdict *v)
{
	const char *why = "";

	if (e->quiet || (v->shown == ACT_PASS && !v->would && !v->degraded))
		return;
	for (uint32_t i = 0; i < e->judge.n_slots; i++) {
		const struct slot *s = &e->judge.slots[i];

		if (s->finding.trip != TRIP_NONE && str_eq(str_of(s->rule->name), v->rule)) {
			why = s->finding.why;
			break;
		}
	}
	log_info("verdict action=%s%s rule=%s door=%s stage=%s queue_id=%s client=%s sender=%s message_id=%s "
		 "recipients=%u dropped=%u storm=%016llx why=%s%s",
	    v->would ? "would-" : "", v->would ? "act" : action_name(v->shown), LOGV(v->rule),
	    door_name(m->door), stage_name(m->stage), LOGV(m->queue_id), LOGV(m->client_address),
	    LOGV(m->sender), LOGV(m->header.f.message_id), m->n_rcpts, v->n_drop,
	    (unsigned long long)v->storm, LOGV(str_of(why)), v->degraded ? " degraded=yes" : "");
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
	v->code = STR("451");
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

/* What does not stand is taken back; of slots that share their ops the first one answers for all. */
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
judge_message(struct engine *e, struct msg *m, const struct traits *t, struct now now, struct verdict *v)
{
	struct judge *j = &e->judge;
	struct view view;

	if (!judge_view(j, &view, m, t, e->site, e->lists, e->storms, now)) {
		v->degraded = true;
		e->stats.degraded++;
		j->n_slots = j->n_sent = 0;
		m->n_rcpts = 0;
		return;
	}
	view.ways = e->ways;
	view.brake = e->brake;
	judge_plan(j, e->rules, &view);
	tallies_submit(e->tallies, now.mono, j->ops.v, j->answers, j->ops.n);
	judge_decide(j, &view, v);
	engine_settle_counts(e);
	judge_told(j, &view);
	v->storm = engine_book_storms(e, &view, now);
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
judge_nobody(struct engine *e, struct msg *m, struct txn *txn, const struct traits *t, struct now now,
    struct verdict *v)
{
	uint32_t stated = m->rcpt_count, n;

	(void)engine_take_back(e, txn, true, &n);
	m->rcpt_count = 0;
	msg_add_rcpt(m, STR(""));
	judge_message(e, m, t, now, v);
	m->n_rcpts = 0;
	m->rcpt_count = stated;
	if (v->what == ACT_PASS)
		engine_keep_held(e, txn);
	else
		engine_void(e, txn);
}

/* The last question about a message: DATA, END-OF-MESSAGE, or a milter's end of message. */
static void
judge_final(struct engine *e, struct msg *m, struct txn *txn, struct now now, struct verdict *v)
{
	struct traits t;
	uint64_t what;
	bool nobody;

	if (txn && m->n_rcpts == 0)
		join_recipients(txn, m);
	traits_compute(&t, m, e->site);
	ways_fetch(e->ways, t.way);
	what = txn ? what_it_is(e, m, &t) : 0;
	if (txn && join_verdict(txn, what, m, v))
		return;
	nobody = m->n_rcpts == 0 && m->door != DOOR_MILTER && m->door != DOOR_REPLAY;
	e->held.n = 0;
	if (!nobody)
		engine_void(e, txn);
	e->stats.messages++;
	if (refuse_without_store(e, v)) {
		engine_void(e, txn);
		e->stats.stopped++;
		return;
	}
	if (nobody)
		judge_nobody(e, m, txn, &t, now, v);
	else
		judge_message(e, m, &t, now, v);
	if (v->what == ACT_PASS)
		e->stats.passed++;
	else
		e->stats.stopped++;
	engine_write_record(e, m, &t, v, now);
	engine_log_verdict(e, m, v);
	if (txn)
		join_keep(e->join, txn, what, v);
}

void
engine_use_ledger(struct engine *e, struct ledger *ledger)
{
	e->ledger = ledger;
	if (ledger)
		ledger_around_parts(ledger, engine_around_part, e);
	storms_on_leave(e->storms, storm_to_journal, e);
	join_on_settle(e->join, engine_settle_unasked, e);
}

/* --- doors ------------------------------------------------------------------------------------------- */

void
engine_judge(struct engine *e, struct msg *m, struct now now, struct verdict *v)
{
	bool envelope_only = m->door == DOOR_POLICY;
	bool gathered = m->door != DOOR_MILTER && m->door != DOOR_REPLAY;
	struct txn *txn, *nameless;
	struct key128 client;

	*v = (struct verdict){ 0 };
	e->stats.requests++;
	/* Header facts exist only once the content has been received, whatever the client calls the stage. */
	if (!envelope_only && m->have_header && m->stage != STAGE_EOM)
		m->stage = STAGE_DATA;
	if (m->stage != STAGE_RCPT && m->stage != STAGE_DATA && m->stage != STAGE_EOM)
		return;
	client = join_client(m->client_address, m->client_port);
	txn = engine_find_txn(e, m, client, now);
	if (m->stage == STAGE_RCPT) {
		engine_rcpt(e, m, txn, now, v);
		return;
	}
	if (envelope_only && join_milter_serves(e->join, client))
		return;
	if (m->door == DOOR_MILTER)
		end_of_client(e, client);
	nameless = !txn && gathered ? join_of_client(e->join, client) : NULL;
	judge_final(e, m, txn ? txn : nameless, now, v);
	if (nameless)
		join_end(e->join, nameless);
}

void
engine_milter_begin(struct engine *e, struct str client_address, struct str client_port)
{
	join_milter_begin(e->join, join_client(client_address, client_port));
}

void
engine_milter_end(struct engine *e, struct str client_address, struct str client_port)
{
	join_milter_end(e->join, join_client(client_address, client_port));
}

void
engine_abort(struct engine *e, const struct msg *m)
{
	end_of_client(e, join_client(m->client_address, m->client_port));
}

void
engine_disconnect(struct engine *e, uint64_t connection, uint64_t questions, struct now now)
{
	struct txn *txn = join_of_connection(e->join, connection);

	if (questions > 1)
		join_disconnect(e->join, connection);
	else if (txn) /* DATA tells, or the client's next message, or the time */
		join_leave(e->join, connection, hosts_has(&e->finals, join_mta(txn)), now);
}

void
engine_drain(struct engine *e)
{
	join_end_all(e->join);
}

void
engine_reloaded(struct engine *e, struct now now)
{
	struct closing c = { e, now };

	storms_obey(e->storms, e->rules, storm_closed, &c);
}

void
engine_tick(struct engine *e, struct now now)
{
	struct closing c = { e, now };

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
	if (e->ledger)
		ledger_tick(e->ledger, now);
}
