/* SPDX-License-Identifier: ISC */
/* What is written down of a message that was judged, and what is logged. */
#include "serve/engine_parts.h"

#include <stdio.h>

#include "base/log.h"
#include "serve/repeats.h"

enum { OTHERS_MAX = LOG_VALUE_MAX + 2 /* LOGV() says that it is cut */ };

static enum outcome
outcome_of(enum action got)
{
	return got == ACT_PASS || got == ACT_REDIRECT_OWNER || got == ACT_HOLD ? OUTCOME_PASSED
									       : OUTCOME_STOPPED;
}

static void
keep_ops(struct engine *e, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++)
		if (e->judge.ops.v[i].kind != TALLY_GET)
			ops_append(&e->kept, &e->judge.ops.v[i]);
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
	for (uint32_t i = 0; i < e->held.n; i++)
		ops_append(&e->kept, &e->held.v[i]);
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
		.would = verdict_only_would(v),
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

/* Why the rule tripped: for a recipient for whom it asked what is told. A retry makes a defer. */
static const char *
why_of(const struct judge *j, struct str rule, enum action told)
{
	const char *why = NULL;
	bool fits = false;

	for (uint32_t i = 0; i < j->n_slots && !fits; i++) {
		const struct slot *s = &j->slots[i];

		if (s->finding.trip == TRIP_NONE || !str_eq(str_of(s->rule->name), rule))
			continue;
		fits = (s->finding.trip == TRIP_REPEAT) == (told == ACT_DEFER);
		if (fits || !why)
			why = s->finding.why;
	}
	return why ? why : "";
}

/* Rules in shadow mode that would have done something beside the one that is told: each is on trial. */
static void
others(const struct judge *j, const struct msg *m, struct str told, char out[OTHERS_MAX])
{
	const struct rule *last = NULL; /* the slots of a rule stand together */
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < j->n_slots && n < OTHERS_MAX; i++) {
		const struct slot *s = &j->slots[i];

		if (s->rule == last || judge_would(s, m->stage == STAGE_RCPT) == ACT_PASS ||
		    str_eq(str_of(s->rule->name), told))
			continue;
		last = s->rule;
		n += (size_t)snprintf(out + n, OTHERS_MAX - n, "%s%s", n ? "," : "", last->name);
	}
}

static void
log_action(const struct engine *e, const struct msg *m, const struct verdict *v, const char *would,
    enum action a, struct str rule)
{
	char also[OTHERS_MAX] = "";

	if (would[0])
		others(&e->judge, m, rule, also);
	log_info("verdict action=%s%s rule=%s door=%s stage=%s queue_id=%s client=%s sender=%s message_id=%s "
		 "recipients=%u dropped=%u storm=%016llx why=%s%s%s%s",
	    would, action_name(a), LOGV(rule), door_name(m->door), stage_name(m->stage), LOGV(m->queue_id),
	    LOGV(m->client_address), LOGV(m->sender), LOGV(m->header.f.message_id), m->n_rcpts, v->n_drop,
	    (unsigned long long)v->storm, LOGV(str_of(why_of(&e->judge, rule, a))),
	    also[0] ? " also=" : "", also[0] ? LOGV(str_of(also)) : "", v->degraded ? " degraded=yes" : "");
}

/* Of mail that only passes: while the database is away that is nearly all there is. */
static bool
degraded_due(struct engine *e, struct now now)
{
	if (now.mono < e->degraded_due)
		return false;
	e->degraded_due = now.mono + REPEATS_EVERY;
	return true;
}

void
engine_log_verdict(struct engine *e, const struct msg *m, const struct verdict *v, struct now now)
{
	if (e->quiet)
		return;
	if (v->shown != ACT_PASS || (v->degraded && !v->would && degraded_due(e, now)))
		log_action(e, m, v, "", v->shown, v->rule);
	if (v->would)
		log_action(e, m, v, "would-", v->would, v->would_rule);
}
