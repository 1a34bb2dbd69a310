/* SPDX-License-Identifier: ISC */
/*
 * replication: the same message comes to the same recipient again and again, each time by another way
 * (another trace). One transmission that comes again is a retry: somebody behind us, or we, said 4xx;
 * it is never more than deferred. A recipient who has no copy yet always gets his first. At RCPT, where the
 * rule has a brake, who has his copy is refused what judge/brake.h takes for another one.
 *
 * What somebody sends anew (see mail/traits.h) has no origin in common with the other copies. Nothing proves
 * that these are copies, so their origins are counted instead of traces, of all and of each client, and each
 * is deferred for its own alone: it passes one in a window in any case, and what others planted harms no
 * message. Copies that keep one origin, however late it is, are not counted here twice. What was dated anew
 * is dealt with alike; it has an origin, so its traces are counted.
 *
 * Where a sender writes no Received line his message has as many origins as it has ways. But we know the host
 * that he is, by its address, once he has given us one himself: all that says that it began there is the same
 * message then, to those who had it from him. It is never the one that he gives us himself which is stopped
 * for that, whatever others send in his name.
 */
#include "judge/detect.h"
#include "base/clock.h"
#include "judge/brake.h"
#include "judge/storm.h"
#include "judge/ways.h"
#include "mail/received.h"

/* For so long senders try again, and a little more; and no sooner. */
enum { RETRY_DAYS = 6, RETRY_PAUSE = 4 * MS_MIN };

/* What is asked of what was sent anew. */
enum { ANEW_ALL, ANEW_CLIENT, ANEW_OPS };

/* Places of the storms of what was sent anew and of what came straight, behind those of the identities. */
enum { ANEW = TRAITS_IDS, STRAIGHT };

/* What is asked of a copy of what came straight; and what stands among its copies for the one that did. */
enum { STRAIGHT_HAD, STRAIGHT_COPIES, STRAIGHT_OPS, STRAIGHT_ITSELF = 1 };
static const char too_many[] = "more copies than one recipient may get";
static const char anew_too_often[] = "sent anew more often than one recipient may get it";
static const char had_straight[] =
    "more copies than one recipient may get, who had it from the sender's host";
static const char one_below[] =
    "more copies than one recipient may get, by the Received lines they have in common";
static const char dated_anew[] = "more copies dated anew than one recipient may get";

/* The recipient's set of what tells one copy from another. NULL: there is no room. */
static struct tally_op *
plan_set(const struct rule *r, const struct view *v, uint32_t rcpt, struct key128 storm, struct ops *ops)
{
	struct tally_op *op = ops_add(ops);
	struct hash h;

	if (!op)
		return NULL;
	hash_init(&h, v->site->hash_seed, "replication");
	hash_key(&h, storm);
	hash_str(&h, v->rcpts[rcpt].key);
	op->kind = v->at_rcpt ? TALLY_GET : TALLY_DISTINCT;
	op->key = hash_end(&h);
	op->window = r->window;
	op->ttl = r->window;
	op->cap = r->limit;
	op->group = storm.lo;
	return op;
}

/*
 * His traces. What he had within the window counts; but once there is a storm all copies but the first are
 * stopped, so that nothing depends on their number any more, and everything on knowing a retry for one, be it
 * later than the window.
 */
static void
plan_traces(const struct rule *r, const struct view *v, uint32_t rcpt, struct key128 storm, struct ops *ops)
{
	struct tally_op *op = plan_set(r, v, rcpt, storm, ops);

	if (!op)
		return;
	op->elem = v->traits->trace;
	if (storms_find(v->storms, storm) && r->window < RETRY_DAYS * (int64_t)MS_DAY)
		op->window = RETRY_DAYS * (int64_t)MS_DAY;
}

/* His set of their origins, and that of those which this client sent. */
static void
plan_anew(const struct rule *r, const struct view *v, uint32_t rcpt, struct key128 storm, struct ops *ops)
{
	for (int i = 0; i < ANEW_OPS; i++) {
		struct tally_op *op = plan_set(r, v, rcpt, storm, ops);
		struct hash h;

		if (!op)
			return;
		op->elem = v->traits->dated_anew ? v->traits->trace : v->traits->origin.lo;
		if (i == ANEW_ALL)
			continue;
		hash_init(&h, v->site->hash_seed, "anew-client");
		hash_key(&h, op->key);
		(void)detect_hash_client(&h, &v->traits->client, 32);
		op->key = hash_end(&h);
	}
}

/* Whether he had it straight, and the copies. */
static void
plan_straight(const struct rule *r, const struct view *v, uint32_t rcpt, struct key128 storm, struct ops *ops)
{
	struct tally_op *op = plan_set(r, v, rcpt, storm, ops);

	if (!op)
		return;
	op->elem = STRAIGHT_ITSELF;
	op->cap = r->limit + 1;
	if (v->traits->straight_here)
		return;
	op->kind = TALLY_GET;
	plan_traces(r, v, rcpt, storm, ops);
	ops->v[ops->n - 1].cap = r->limit + 1;
}

static struct storm *
braked_storm(const struct rule *r, const struct view *v, struct key128 *sign)
{
	return v->brake && brake_sign(r, v, sign) ? brake_storm(v->brake, *sign, r, v) : NULL;
}

/* At RCPT: whether he has a copy of the storm that is braked. */
static void
plan_rcpt(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	struct key128 sign;
	const struct storm *st = braked_storm(r, v, &sign);

	if (st)
		plan_traces(r, v, rcpt, st->key, ops);
}

/* Zero: it was not sent anew, as far as is known. Weeks after its first line a new Date is most often that of
 * another message for which somebody took an old one, with its lines, as the pattern. */
static struct key128
anew_storm(const struct rule *r, const struct view *v)
{
	const struct traits *t = v->traits;
	struct key128 none = { 0, 0 }, storm;

	if (key_is_zero(t->anew) || !t->client.family)
		return none;
	storm = detect_key(r, v, "storm", t->anew);
	return t->dated_anew == DATED_ANEW_LATE && !storms_find(v->storms, storm) ? none : storm;
}

/* The storm of each identity of the message, and of what was sent anew. */
static const struct key128 *
storms_of(const struct rule *r, const struct view *v)
{
	const struct traits *t = v->traits;
	struct memo *m = v->memo;

	if (m->storms.rule == r)
		return m->storms.v;
	m->storms.rule = r;
	for (unsigned i = 0; i < t->n_ids; i++)
		m->storms.v[i] = detect_key(r, v, "storm", t->ids[i]);
	m->storms.v[ANEW] = anew_storm(r, v);
	m->storms.v[STRAIGHT] =
	    key_is_zero(t->straight) ? t->straight : detect_key(r, v, "storm", t->straight);
	return m->storms.v;
}

/* What began where this did came straight, to somebody. */
static bool
known_straight(const struct view *v, struct key128 storm)
{
	const struct traits *t = v->traits;

	if (key_is_zero(t->straight))
		return false;
	return t->straight_here || (v->ways && ways_straight(v->ways, t->straight)) ||
	    storms_find(v->storms, storm);
}

/* The ops for what was sent anew, one for each identity of the message, and those for what came straight. The
 * identity without a Message-ID is left out where it would join different messages. */
static void
repl_plan(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	const struct traits *t = v->traits;
	bool shared = v->ways && ways_shared(v->ways, t->seen_way);
	const struct key128 *storms;

	if (v->at_rcpt) {
		plan_rcpt(r, v, rcpt, ops);
		return;
	}
	storms = storms_of(r, v);
	if (!key_is_zero(storms[ANEW]))
		plan_anew(r, v, rcpt, storms[ANEW], ops);
	for (unsigned i = 0; i < (shared ? t->n_named : t->n_ids); i++)
		plan_traces(r, v, rcpt, storms[i], ops);
	if (known_straight(v, storms[STRAIGHT]))
		plan_straight(r, v, rcpt, storms[STRAIGHT], ops);
}

/*
 * Mail that has no Received line of somebody else, and no id or no date of these days, is a burst of a local
 * program or device as well as a retry: nothing tells its messages apart, and holding back the fourth alarm
 * of a second would be harm.
 */
static bool
can_repeat(const struct view *v)
{
	const struct traits *t = v->traits;
	int64_t age = v->now.wall - t->date * MS_SEC;

	if (t->foreign_hops > 0)
		return true;
	return !t->id_missing && t->dated && age < RETRY_DAYS * (int64_t)MS_DAY &&
	    age > -RETRY_DAYS * (int64_t)MS_DAY;
}

/* What one recipient may get. A copy that names a gateway known to replicate has told on itself. */
static uint32_t
limit_of(const struct rule *r, const struct view *v)
{
	bool marked = v->msg->header.f.flags & HDR_GATEWAY_MARKER;

	return marked && r->gateway_limit < r->limit ? r->gateway_limit : r->limit;
}

/* More than `repeats` of one transmission, and the last one not so long ago. */
static bool
too_often(const struct rule *r, const struct view *v, const struct tally_answer *a)
{
	return a->elem_hits > r->repeats + 1 && v->now.mono - a->last < r->window;
}

/* One fewer than of other copies: most who get these got one that came straight. But of those that keep their
 * origin that one may be among them: its author's clock is fast. */
static void
judge_anew(const struct rule *r, const struct view *v, const struct tally_answer *a, struct finding *f)
{
	uint32_t most = v->traits->dated_anew ? limit_of(r, v) : limit_of(r, v) - 1;

	if (a[ANEW_ALL].elem_known || a[ANEW_ALL].distinct <= most || a[ANEW_CLIENT].distinct <= 1)
		return;
	f->trip = TRIP_STOP;
	f->storm = storms_of(r, v)[ANEW];
	if (r->action != ACT_HOLD)
		f->action = ACT_DEFER;
	f->why = v->traits->dated_anew ? dated_anew : anew_too_often;
}

static enum trip
judge_copy(const struct rule *r, const struct view *v, const struct tally_answer *a, bool storm, bool retry)
{
	if (retry && (!a->elem_known || !can_repeat(v)))
		return TRIP_NONE;
	if (retry)
		return too_often(r, v, a) ? TRIP_REPEAT : TRIP_NONE;
	if (a->distinct > limit_of(r, v))
		return TRIP_STOP;
	if (storm && a->ever > 0)
		return TRIP_STOP;
	return TRIP_NONE;
}

/* One item of a provider's queue that somebody behind us defers: each of its hosts that tries writes a line
 * of its own. Copies come faster, or by other ways as well. */
static bool
in_turn(const struct view *v, const struct tally_answer *a, const char *why)
{
	return v->ways && a->last && v->now.mono - a->last >= RETRY_PAUSE &&
	    !(v->msg->header.f.flags & HDR_GATEWAY_MARKER) &&
	    ways_in_turn(v->ways, why == one_below ? v->traits->seen_way : v->traits->way, v);
}

/* All questions about the recipients of one message belong together, where the MTA names it. */
static uint64_t
message_at_rcpt(const struct view *v)
{
	return v->msg->instance.n ? hash64(v->site->hash_seed, v->msg->instance) : 0;
}

static void
score_rcpt(const struct rule *r, const struct view *v, const struct tally_answer *a, struct finding *f)
{
	struct key128 sign;
	const struct storm *st = braked_storm(r, v, &sign);

	if (!st || (a->ever == 0 && a->distinct == 0))
		return;
	f->storm = st->key;
	if (brake_ask(v->brake, sign, r, message_at_rcpt(v)) != BRAKE_REFUSE)
		return;
	f->trip = TRIP_STOP;
	f->blocked = true; /* it is not the counts that say so */
	f->why = "nothing but copies of late from this client and sender";
}

/* What one of the message's storms says, if it is no less grave than what was said before. Of equals it is
 * the storm that there is already, else that by what survives more rewriting, which is the later one: one
 * message, one storm. */
static void
weigh(const struct rule *r, const struct view *v, const struct tally_answer *a, struct key128 key, bool retry,
    const char *why, struct finding *f, int *best)
{
	bool storm = storms_find(v->storms, key) != NULL;
	enum trip trip = judge_copy(r, v, a, storm, retry);
	int grave;

	if (trip == TRIP_STOP && !storm && in_turn(v, a, why))
		trip = TRIP_REPEAT;
	grave = (int)trip * 2 + storm;
	if (grave < *best)
		return;
	*best = grave;
	f->trip = trip;
	f->storm = key;
	f->why = trip == TRIP_STOP ? why : "the same transmission again";
}

/* Whether the lines above the bottom one tell more than the Message-ID does. Where that is over the limit by
 * itself its own way decides, which was noted from the first copy on: see in_turn(). */
static bool
below_tells(const struct rule *r, const struct view *v, const struct tally_answer *a,
    const struct key128 *storms, bool retry)
{
	return retry || a->distinct <= limit_of(r, v) || storms_find(v->storms, storms[v->traits->n_named]);
}

/* The gravest of what its identities say. The answers stand in the order of repl_plan(). */
static void
repl_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	const struct traits *t = v->traits;
	const struct tally_answer *anew = NULL, *seen, *straight = NULL;
	const struct key128 *storms;
	bool below = !key_eq(t->seen_way, t->way);
	bool retry = false; /* what one identity knows for a retry is a copy to none */
	int best = 1;

	(void)rcpt;
	if (v->at_rcpt && n == 1)
		score_rcpt(r, v, answers, f);
	if (v->at_rcpt || n == 0)
		return;
	storms = storms_of(r, v);
	if (!key_is_zero(storms[ANEW]) && n >= ANEW_OPS) {
		anew = answers;
		answers += ANEW_OPS;
		n -= ANEW_OPS;
	}
	if (t->straight_here) {
		n -= n && !key_is_zero(t->straight); /* nothing depends on that one */
	} else if (n >= t->n_named + STRAIGHT_OPS) {
		n -= STRAIGHT_OPS;
		straight = answers + n;
	}
	seen = n > t->n_named ? answers + t->n_named : NULL;
	n -= seen != NULL;
	for (uint32_t i = 0; i < n; i++)
		retry |= answers[i].elem_known;
	/* Its way is known and its Message-ID is not: see ways_shared(). */
	if (seen && seen->elem_known && !retry) {
		retry = traits_two_ids(t, &v->msg->header.f);
		seen = retry ? seen : NULL;
	}
	/* Lines above the bottom one join fewer copies than the Message-ID does while that is the same. */
	v->memo->seen |= (seen && seen->known) || (anew && anew[ANEW_ALL].known);
	if (seen && below && below_tells(r, v, answers, storms, retry))
		weigh(r, v, seen, storms[t->n_named], retry, one_below, f, &best);
	for (uint32_t i = 0; i < n; i++)
		weigh(r, v, &answers[i], storms[i], retry, too_many, f, &best);
	if (seen && !below)
		weigh(r, v, seen, storms[t->n_named], retry, too_many, f, &best);
	if (straight && (straight[STRAIGHT_HAD].elem_known || storms_find(v->storms, storms[STRAIGHT])))
		weigh(r, v, &straight[STRAIGHT_COPIES], storms[STRAIGHT], retry, had_straight, f, &best);
	if (anew && f->trip == TRIP_NONE && !retry)
		judge_anew(r, v, anew, f);
}

static void
told_rcpt(const struct rule *r, const struct view *v, const struct finding *f)
{
	struct key128 sign;
	struct storm *st = braked_storm(r, v, &sign);

	if (!st || key_is_zero(f->storm))
		return;
	brake_told(v->brake, sign, r, message_at_rcpt(v), v->now);
	if (f->trip == TRIP_STOP && !st->braked) {
		st->braked = true;
		st->braked_at = v->now.mono;
	}
}

static void
told_brake(const struct rule *r, const struct view *v, const struct finding *f)
{
	enum brake_kind kind = BRAKE_OTHER;
	struct key128 sign;

	if (!v->brake || !brake_sign(r, v, &sign))
		return;
	if (!key_is_zero(f->storm) && key_eq(f->storm, storms_of(r, v)[ANEW]))
		kind = BRAKE_NEITHER; /* nothing proves that it is a copy */
	else if (f->trip == TRIP_STOP)
		kind = BRAKE_COPY;
	else if (!key_is_zero(f->storm) && storms_find(v->storms, f->storm))
		kind = BRAKE_NEITHER;
	brake_judged(v->brake, sign, kind, f->storm, v->now);
}

static void
note_ways(const struct view *v, struct key128 storm, bool stopped)
{
	const struct traits *t = v->traits;

	if (!key_is_zero(t->way))
		ways_note(v->ways, t->way, v, stopped);
	if (v->memo->seen && !key_eq(t->seen_way, t->way))
		ways_note(v->ways, t->seen_way, v, stopped);
	if (!known_straight(v, storm))
		return;
	ways_note(v->ways, t->straight, v, stopped);
	if (t->straight_here)
		ways_note_straight(v->ways, t->straight, v->now);
}

static void
repl_told(const struct rule *r, const struct view *v, const struct finding *worst)
{
	if (v->at_rcpt) {
		told_rcpt(r, v, worst);
		return;
	}
	told_brake(r, v, worst);
	if (v->header && v->ways)
		note_ways(v, storms_of(r, v)[STRAIGHT], worst->trip == TRIP_STOP);
}

/* Who handed it over: the bottom line is the sender's where each part of his message has one of its own. */
static void
name_sender(struct storm *st, const struct view *v, uint64_t copies)
{
	const struct header_facts *f = &v->msg->header.f;
	uint32_t top = v->traits->own_top + v->traits->relay_hops;
	struct str by = top < f->n_hops ? f->hops[top].by : STR_NONE;

	if (by.n && !received_nobody(by))
		storm_add_host(st, by, "received", copies);
	else
		storm_add_host(st, v->traits->client_text, "client", copies);
}

static struct key128
way_by(const struct traits *t, const char *why)
{
	if (why == had_straight)
		return t->straight;
	return why == one_below || why == dated_anew ? t->seen_way : t->way;
}

static void
repl_sources(
    const struct rule *r, struct storm *st, const struct view *v, const struct finding *f, uint64_t copies)
{
	(void)r;
	if (v->at_rcpt)
		return; /* the envelope names no way */
	storm_add_message(st);
	if (f->why == anew_too_often) {
		name_sender(st, v, copies);
		return;
	}
	storm_add_host(st, v->msg->header.f.gateway_marker, "gateway-marker", copies);
	if (v->ways)
		ways_name(v->ways, way_by(v->traits, f->why), v, st, copies);
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
	.passing = true,
	.no_block = true,
	.envelope = true,
	.plan = repl_plan,
	.score = repl_score,
	.told = repl_told,
	.sources = repl_sources,
};
