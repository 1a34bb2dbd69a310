/* SPDX-License-Identifier: ISC */
#include "judge/judge.h"

#include "base/xalloc.h"
#include "judge/sent.h"
#include "judge/storm.h"

enum { SCRATCH_MAX = 64 << 20 }; /* thrice what a message's recipients can take */
enum { JUDGE_KEEP = 4096 };      /* slots and ops of scratch memory kept from one message to the next */

void
judge_init(struct judge *j)
{
	*j = (struct judge){ 0 };
	arena_init(&j->scratch, SCRATCH_MAX);
}

void
judge_fini(struct judge *j)
{
	xfree(j->ops.v);
	xfree(j->answers);
	xfree(j->slots);
	xfree(j->wishes);
	arena_fini(&j->scratch);
	*j = (struct judge){ 0 };
}

bool
judge_view(struct judge *j, struct view *v, struct msg *m, const struct traits *t, const struct site *site,
    const struct lists *lists, const struct storms *storms, struct now now)
{
	struct addr_norm *norms;

	arena_reset(&j->scratch);
	norms = arena_alloc(&j->scratch, (m->n_rcpts + 1) * sizeof(*norms));
	if (!norms)
		return false;
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		addr_normalise(&j->scratch, m->rcpts[i].addr, &norms[i]);
		if (!norms[i].key.p)
			return false;
	}
	j->memo = (struct memo){ .arena = &j->scratch, .inbound = arena_alloc(&j->scratch, m->n_rcpts + 1) };
	if (!j->memo.inbound)
		return false;
	memset(j->memo.inbound, 0, m->n_rcpts + 1);
	*v = (struct view){
		.msg = m,
		.traits = t,
		.site = site,
		.lists = lists,
		.storms = storms,
		.rcpts = norms,
		.header = m->have_header,
		.rcpts_known = m->n_rcpts > 0 && m->rcpt_count <= m->n_rcpts,
		.at_rcpt = m->stage == STAGE_RCPT,
		.memo = &j->memo,
		.nobody = m->n_rcpts == 1 && m->rcpts[0].raw.n == 0,
		.now = now,
	};
	return true;
}

/* postmaster@ and abuse@ are where people turn to when mail goes wrong: never cut off. */
static bool
role_address(struct str plain)
{
	if (plain.n == 0 || (plain.p[0] != 'p' && plain.p[0] != 'a'))
		return false;
	return str_starts(plain, STR("postmaster@")) || str_starts(plain, STR("abuse@")) ||
	    str_eq(plain, STR("postmaster")) || str_eq(plain, STR("abuse"));
}

/* Looked up once for all rules. */
static bool
inbound(const struct view *v, uint32_t rcpt)
{
	enum { UNKNOWN, INBOUND, ELSEWHERE };
	uint8_t *known = &v->memo->inbound[rcpt];

	if (*known == UNKNOWN)
		*known = traits_inbound(v->traits, v->site, v->rcpts[rcpt].plain) ? INBOUND : ELSEWHERE;
	return *known == INBOUND;
}

static bool
in_scope(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	if (r->scope == SCOPE_ANY)
		return true;
	return r->scope == SCOPE_INBOUND ? inbound(v, rcpt) : v->traits->outbound && !inbound(v, rcpt);
}

static bool
looks_at(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	const struct detector *d = r->detector;

	if (d->applies && !d->applies(r, v, rcpt))
		return false;
	if (!d->automatic && role_address(v->rcpts[rcpt].plain))
		return false;
	if (exempt_names(&r->exempt) && exempt_rcpt(&r->exempt, v->rcpts[rcpt].plain))
		return false;
	return in_scope(r, v, rcpt);
}

static struct slot *
new_slot(struct judge *j)
{
	if (j->n_slots == j->cap_slots) {
		j->cap_slots = j->cap_slots ? j->cap_slots * 2 : 64;
		j->slots = xrealloc(j->slots, j->cap_slots * sizeof(*j->slots));
	}
	return &j->slots[j->n_slots++];
}

static bool
is_whole(const struct rule *r)
{
	return r->detector->whole && r->detector->whole(r);
}

static void
add_slot(struct judge *j, const struct rule *r, const struct view *v, uint32_t rcpt)
{
	struct slot *s = new_slot(j);
	bool shares = s > j->slots && s[-1].rule == r && is_whole(r);

	*s = (struct slot){ .rule = r, .rcpt = rcpt, .shares = shares };
	s->op = shares ? s[-1].op : j->ops.n;
	if (!shares && r->detector->plan)
		r->detector->plan(r, v, rcpt, &j->ops);
	s->n_ops = shares ? s[-1].n_ops : j->ops.n - s->op;
	if (v->planned && !shares)
		v->planned(v->planned_arg, &j->ops.v[s->op], s->n_ops);
}

/* All but what the view lives in. */
static void
shrink(struct judge *j)
{
	struct arena scratch = j->scratch;
	struct memo memo = j->memo;

	arena_init(&j->scratch, 0);
	judge_fini(j);
	j->scratch = scratch;
	j->memo = memo;
}

static void
reuse(struct judge *j)
{
	if (j->cap_slots > JUDGE_KEEP || j->ops.cap > JUDGE_KEEP || j->cap_wishes > JUDGE_KEEP)
		shrink(j);
	j->ops.n = 0;
	j->n_slots = 0;
}

static bool
braked(const struct rule *r)
{
	return r->mode != MODE_OFF && r->brake != BRAKE_OFF && r->detector->envelope;
}

bool
judge_brakes(const struct ruleset *rules, const struct msg *m)
{
	bool from_nobody = m->have_sender && addr_is_null(m->sender);

	for (unsigned i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->v[i];

		if (braked(r) && (from_nobody || !r->detector->bounces))
			return true;
	}
	return false;
}

/* Is the rule asked at this stage, with what is known? */
static bool
asked(const struct rule *r, const struct view *v)
{
	if (r->mode == MODE_OFF)
		return false;
	/* no recipient makes mail from outside outbound */
	if (r->scope == SCOPE_OUTBOUND && !v->traits->outbound)
		return false;
	if (v->at_rcpt)
		return braked(r);
	return !r->detector->header || v->header;
}

void
judge_plan(struct judge *j, const struct ruleset *rules, const struct view *v)
{
	uint32_t n = v->msg->n_rcpts;

	reuse(j);
	j->n_rcpts = n;
	for (unsigned i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->v[i];

		if (!asked(r, v) || (exempt_any(&r->exempt) && exempt_msg(&r->exempt, v->traits)))
			continue;
		if (v->nobody && !is_whole(r))
			continue;
		for (uint32_t rcpt = 0; rcpt < n; rcpt++)
			if (looks_at(r, v, rcpt))
				add_slot(j, r, v, rcpt);
	}
	j->sent_op = j->ops.n;
	if (rules->sent_ttl && !v->at_rcpt)
		sent_plan(v, rules->sent_ttl, &j->ops);
	j->n_sent = j->ops.n - j->sent_op;
	if (v->planned)
		v->planned(v->planned_arg, &j->ops.v[j->sent_op], j->n_sent);
	if (j->cap_answers < j->ops.n) {
		j->cap_answers = j->ops.cap;
		j->answers = xrealloc(j->answers, j->cap_answers * sizeof(*j->answers));
	}
	if (j->cap_wishes < n) {
		j->cap_wishes = n;
		j->wishes = xrealloc(j->wishes, n * sizeof(*j->wishes));
	}
}

/* --- deciding ------------------------------------------------------------------------------------------ */

static void
add_header(struct verdict *out, struct str name, struct str value, bool change)
{
	for (uint32_t i = 0; i < out->n_edits; i++)
		if (str_ieq(out->edits[i].name, name) && str_eq(out->edits[i].value, value))
			return;
	if (out->n_edits < VERDICT_HEADERS_MAX)
		out->edits[out->n_edits++] = (struct header_edit){ name, value, change };
}

static void
additive(const struct rule *r, const struct view *v, struct verdict *out)
{
	const struct list_entry *list;

	switch (r->action) {
	case ACT_PREPEND:
		if (r->arg_name)
			add_header(out, str_of(r->arg_name), str_of(r->arg_value), false);
		break;
	case ACT_CONCEAL:
		add_header(out, STR("To"), STR("undisclosed-recipients:;"), true);
		add_header(out, STR("Cc"), STR(""), true);
		break;
	case ACT_SET_SENDER_OWNER:
		list = lists_find(v->lists, v->traits->sender.plain);
		if (list)
			out->sender = str_of(list->owner);
		break;
	default:
		break;
	}
}

static struct str
owner_of(const struct view *v, uint32_t rcpt)
{
	const struct list_entry *list = detect_list(v, rcpt);

	return list ? str_of(list->owner) : STR_NONE;
}

/* What a rule does that tripped. */
static enum action
action_of(const struct slot *s)
{
	enum action a = s->rule->action;

	if (!action_final(a))
		return s->finding.trip == TRIP_STOP ? a : ACT_PASS;
	if (s->finding.trip == TRIP_REPEAT)
		return ACT_DEFER;
	return s->finding.action != ACT_PASS ? s->finding.action : a;
}

/* What an enforcing rule's trip means for its recipient. */
static void
wish_for(struct judge *j, const struct slot *s, const struct view *v)
{
	struct wish *w = &j->wishes[s->rcpt];
	enum action a = action_of(s);

	if (!action_final(a) || w->action != ACT_PASS)
		return;
	if (a == ACT_REDIRECT_OWNER) {
		w->owner = owner_of(v, s->rcpt);
		if (!w->owner.p)
			return;
	}
	w->action = a;
	w->rule = s->rule;
}

static void
show(struct verdict *out, enum action a, const struct rule *r)
{
	if (a <= out->shown)
		return;
	out->shown = a;
	out->rule = str_of(r->name);
}

/* The most telling thing that happened, for people: what the door was told, or the strongest additive
 * action. */
static void
show_result(struct judge *j, const struct view *v, struct verdict *out)
{
	for (uint32_t i = 0; i < v->msg->n_rcpts; i++) {
		const struct wish *w = &j->wishes[i];
		enum action a = w->got;

		if (a == ACT_PASS)
			continue;
		if (out->what == ACT_PASS && a != ACT_REDIRECT_OWNER)
			a = ACT_DROP_RECIPIENTS;
		show(out, a, w->rule);
	}
}

static void
decide_additive(struct judge *j, const struct view *v, struct verdict *out)
{
	for (uint32_t i = 0; i < j->n_slots; i++) {
		const struct slot *s = &j->slots[i];
		const struct rule *r = s->rule;

		if (s->finding.trip != TRIP_STOP || r->mode != MODE_ENFORCE || action_final(r->action) ||
		    j->wishes[s->rcpt].got != ACT_PASS)
			continue;
		if (action_additive_ok(r->action, v->msg->door, v->msg->stage)) {
			additive(r, v, out);
			show(out, r->action, r);
		} else {
			show(out, ACT_WARN, r);
		}
	}
}

/* What the detector makes of it; and a storm that is blocked stays so, whatever the counts. */
static void
score(struct judge *j, struct slot *s, const struct view *v)
{
	const struct rule *r = s->rule;
	struct finding *f = &s->finding;
	const struct storm *st;

	if (s->shares && r->detector->alike)
		*f = j->alike;
	else
		r->detector->score(r, v, s->rcpt, j->answers ? j->answers + s->op : NULL, s->n_ops, f);
	if (r->detector->alike)
		j->alike = *f;
	if (f->trip != TRIP_NONE || r->block == 0 || r->detector->no_block || key_is_zero(f->storm))
		return;
	st = storms_find(v->storms, f->storm);
	if (!st || !storm_blocked(st, v->now))
		return;
	f->trip = TRIP_STOP;
	f->blocked = true;
	f->why = "it belongs to a storm that is blocked";
}

enum action
judge_would(const struct slot *s, bool at_rcpt)
{
	if (s->finding.trip == TRIP_NONE || s->rule->mode != MODE_SHADOW)
		return ACT_PASS;
	return at_rcpt ? rule_brake_action(s->rule) : action_of(s);
}

/* As the same rules would have done it: the first final action, else the strongest additive one. What is
 * marked only may be what another rule would have stopped. */
static void
shadow_would(const struct judge *j, const struct view *v, struct verdict *out)
{
	if (action_final(out->shown))
		return;
	for (uint32_t i = 0; i < j->n_slots && !action_final(out->would); i++) {
		const struct slot *s = &j->slots[i];
		enum action a = judge_would(s, v->at_rcpt);

		if (a <= out->would || (out->shown != ACT_PASS && !action_final(a)))
			continue;
		out->would = a;
		out->would_rule = str_of(s->rule->name);
	}
	if (out->shown == ACT_PASS && out->would != ACT_PASS)
		out->rule = out->would_rule;
}

void
judge_brake(struct judge *j, const struct view *v, struct verdict *out)
{
	for (uint32_t i = 0; i < v->msg->n_rcpts; i++)
		j->wishes[i] = (struct wish){ .action = ACT_PASS };
	for (uint32_t i = 0; i < j->n_slots; i++) {
		struct slot *s = &j->slots[i];
		struct wish *w = &j->wishes[s->rcpt];

		score(j, s, v);
		if (s->finding.trip != TRIP_STOP || s->rule->mode != MODE_ENFORCE || w->rule)
			continue;
		w->action = w->got = rule_brake_action(s->rule);
		w->rule = s->rule;
		action_say(out, w->got, s->rule);
		show(out, w->got, s->rule);
	}
	shadow_would(j, v, out);
}

void
judge_decide(struct judge *j, const struct view *v, struct verdict *out)
{
	struct msg *m = (struct msg *)(uintptr_t)v->msg; /* its arena gives the verdict's memory */
	bool tripped = false;

	for (uint32_t i = 0; i < m->n_rcpts; i++)
		j->wishes[i] = (struct wish){ .action = ACT_PASS, .got = ACT_PASS };
	for (uint32_t i = 0; i < j->n_slots; i++) {
		struct slot *s = &j->slots[i];

		score(j, s, v);
		tripped |= s->finding.trip != TRIP_NONE;
		if (s->finding.trip != TRIP_NONE && s->rule->mode == MODE_ENFORCE)
			wish_for(j, s, v);
	}
	if (!tripped)
		return; /* as most mail: it passes */
	action_settle(m, j->wishes, v->rcpts_known, &j->scratch, out);
	show_result(j, v, out);
	decide_additive(j, v, out);
	shadow_would(j, v, out);
}

static bool
graver(const struct finding *a, const struct finding *b)
{
	if (a->trip != b->trip)
		return a->trip > b->trip;
	return key_is_zero(b->storm) && !key_is_zero(a->storm);
}

/* The slots of a rule stand together. */
void
judge_told(const struct judge *j, const struct view *v)
{
	const struct slot *worst = NULL;

	for (uint32_t i = 0; i < j->n_slots; i++) {
		const struct slot *s = &j->slots[i];

		if (!s->rule->detector->told)
			continue;
		if (!worst || worst->rule != s->rule || graver(&s->finding, &worst->finding))
			worst = s;
		if (i + 1 == j->n_slots || j->slots[i + 1].rule != s->rule)
			worst->rule->detector->told(worst->rule, v, &worst->finding);
	}
}

static bool
kept(const struct judge *j, const struct slot *s)
{
	if (s->rule->detector->evidence || (s->finding.offered && s->finding.trip == TRIP_STOP))
		return true;
	if (j->wishes[s->rcpt].got != ACT_PASS)
		return false;
	return s->finding.trip == TRIP_NONE || s->rule->mode == MODE_ENFORCE;
}

/* What is held may be released, and leaves then. */
static bool
leaves(enum action got)
{
	return got == ACT_PASS || got == ACT_HOLD || got == ACT_REDIRECT_OWNER;
}

void
judge_settle(struct judge *j)
{
	struct slot *first = NULL;

	j->sent_kept = false;
	for (uint32_t i = 0; i < j->n_rcpts && !j->sent_kept; i++)
		j->sent_kept = leaves(j->wishes[i].got);
	for (uint32_t i = 0; i < j->n_slots; i++) {
		struct slot *s = &j->slots[i];

		if (!s->shares)
			first = s;
		s->kept = !s->shares && kept(j, s);
		if (s->shares && first)
			first->kept |= kept(j, s);
	}
}
