/* SPDX-License-Identifier: ISC */
/*
 * replication: the same message comes to the same recipient again and again, each time by another way
 * (another trace). One transmission that comes again is a retry: somebody behind us, or we, said 4xx;
 * it is never more than deferred. A recipient who has no copy yet always gets his first.
 */
#include "judge/detect.h"
#include "base/clock.h"
#include "judge/storm.h"
#include "judge/ways.h"

/* The recipient's set of traces. */
static void
plan_traces(const struct rule *r, const struct view *v, uint32_t rcpt, struct key128 storm, struct ops *ops)
{
	struct tally_op *op = ops_add(ops);
	struct hash h;

	if (!op)
		return;
	hash_init(&h, v->site->hash_seed, "replication");
	hash_key(&h, storm);
	hash_str(&h, v->rcpts[rcpt].key);
	op->kind = TALLY_DISTINCT;
	op->key = hash_end(&h);
	op->elem = v->traits->trace;
	op->window = r->window;
	op->ttl = r->window;
	op->cap = r->limit;
	op->group = storm.lo;
}

/* An op for each identity of the message, and one for the length of its shortest way: of ways that is what a
 * restart leaves. */
static void
repl_plan(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	const struct traits *t = v->traits;
	struct key128 storm = { 0 };
	struct tally_op *op;

	for (unsigned i = 0; i < t->n_ids; i++) {
		storm = detect_key(r, v, "storm", t->ids[i]);
		plan_traces(r, v, rcpt, storm, ops);
	}
	op = t->n_ids ? ops_add(ops) : NULL;
	if (!op)
		return;
	op->kind = TALLY_MIN;
	op->key = detect_key(r, v, "hops", t->way);
	op->n = t->foreign_hops;
	op->ttl = r->window;
	op->group = storm.lo;
}

/*
 * Mail that has neither an id nor a Received line of somebody else is a burst of a local program as
 * well as a retry: nothing tells its messages apart, and holding back the fourth alarm of a second
 * would be harm.
 */
static bool
can_repeat(const struct traits *t)
{
	return !t->id_missing || t->foreign_hops > 0;
}

/* What one recipient may get. A copy that names a gateway known to replicate has told on itself. */
static uint32_t
limit_of(const struct rule *r, const struct view *v)
{
	bool marked = v->msg->header.f.flags & HDR_GATEWAY_MARKER;

	return marked && r->gateway_limit < r->limit ? r->gateway_limit : r->limit;
}

static enum trip
judge_copy(const struct rule *r, const struct view *v, const struct tally_answer *a, bool storm, bool retry)
{
	if (retry && (!a->elem_known || !can_repeat(v->traits)))
		return TRIP_NONE;
	if (retry)
		return a->elem_hits > r->repeats + 1 ? TRIP_REPEAT : TRIP_NONE;
	if (a->distinct > limit_of(r, v))
		return TRIP_STOP;
	if (storm && a->ever > 0)
		return TRIP_STOP;
	return TRIP_NONE;
}

/* The gravest of what its identities say. Of equals the storm that there is already, else the identity that
 * survives more rewriting, which is the later one: one message, one storm. */
static void
repl_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	bool retry = false; /* what one identity knows for a retry is a copy to none */
	int best = 1;

	(void)rcpt;
	if (n <= v->traits->n_ids)
		return; /* OPS_MAX */
	f->base_hops = (uint32_t)answers[--n].sum;
	for (uint32_t i = 0; i < n; i++)
		retry |= answers[i].elem_known;
	for (uint32_t i = 0; i < n; i++) {
		struct key128 key = detect_key(r, v, "storm", v->traits->ids[i]);
		bool storm = storms_find(v->storms, key) != NULL;
		enum trip trip = judge_copy(r, v, &answers[i], storm, retry);
		int grave = (int)trip * 2 + storm;

		if (grave < best)
			continue;
		best = grave;
		f->trip = trip;
		f->storm = key;
		f->why = trip == TRIP_STOP ? "more copies than one recipient may get"
					   : "the same transmission again";
	}
}

static void
repl_told(const struct rule *r, const struct view *v, const struct finding *worst)
{
	(void)r;
	if (v->header && v->ways && !key_is_zero(v->traits->way))
		ways_note(v->ways, v->traits->way, v, worst->trip == TRIP_STOP);
}

static void
repl_sources(struct storm *st, const struct view *v, const struct finding *f, uint64_t copies)
{
	storm_add_message(st);
	storm_add_host(st, v->msg->header.f.gateway_marker, "gateway-marker", copies);
	if (v->ways)
		ways_name(v->ways, v->traits->way, v, f->base_hops, st, copies);
}

const struct detector detect_replication = {
	.name = "replication",
	.help = "The same message reaches the same recipient in more than limit copies.",
	.action = ACT_DISCARD,
	.scope = SCOPE_ANY,
	.limit = 3,
	.limit_min = 1, /* the first copy always arrives */
	.limit_max = TALLY_CAP_MAX,
	.window = (int64_t)MS_DAY,
	.remember = 45 * (int64_t)MS_DAY,
	.keys = KEY_REPEATS | KEY_GATEWAY_LIMIT | KEY_BRAKE_SHARE,
	.header = true,
	.plan = repl_plan,
	.score = repl_score,
	.told = repl_told,
	.sources = repl_sources,
};
