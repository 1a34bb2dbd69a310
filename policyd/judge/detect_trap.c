/* SPDX-License-Identifier: ISC */
/*
 * trap: who writes to an address that nobody was ever told of sends spam. The mark stands on the client, so
 * that an outsider can block nobody but himself; never on our own networks, relays and users. Bounces and
 * callouts come from innocent servers, to which somebody lied about the sender: they mark nobody.
 */
#include "base/clock.h"
#include "judge/detect.h"

/* One set of ops for the message: the mark is read, and set when there is a trap among the recipients. */
enum { OP_READ, OP_SET, OPS };

/* Answers to mail that carried the trap as its sender. */
static bool
is_answer(const struct view *v)
{
	return v->traits->null_sender || (v->header && automatic_answers(v->traits->automatic));
}

/* A callout asks with the null sender and stops after RCPT: nobody is refused who does that. */
static bool
trap_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	const struct traits *t = v->traits;

	(void)r;
	(void)rcpt;
	return t->client.family && !t->outbound && !site_relay(v->site, &t->client) &&
	    !(v->at_rcpt && t->null_sender);
}

static struct key128
mark_of(const struct rule *r, const struct view *v)
{
	struct hash h;

	hash_init(&h, v->site->hash_seed, "trap");
	hash_u64(&h, r->id);
	(void)detect_hash_client(&h, &v->traits->client, 32);
	return hash_end(&h);
}

static bool
trap_among(const struct rule *r, const struct view *v)
{
	for (uint32_t i = 0; i < v->msg->n_rcpts; i++)
		if (exempt_rcpt(&r->addresses, v->rcpts[i].plain))
			return true;
	return false;
}

static void
trap_plan(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	struct key128 mark = mark_of(r, v), storm = detect_key(r, v, "storm", mark);

	(void)rcpt;
	for (int i = OP_READ; i < OPS; i++) {
		struct tally_op *op;

		if (i == OP_SET && (is_answer(v) || !trap_among(r, v)))
			return;
		op = ops_add(ops);
		if (!op)
			return;
		op->kind = i == OP_READ ? TALLY_GET : TALLY_MARK;
		op->key = mark;
		op->ttl = r->block ? r->block : 1;
		op->group = storm.lo;
	}
}

static void
trap_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	const struct tally_answer *mark = &answers[OP_READ];

	(void)rcpt;
	if (n == 0)
		return;
	f->storm = detect_key(r, v, "storm", mark_of(r, v));
	if (n > OP_SET) {
		f->trip = TRIP_STOP;
		f->why = "mail to a spamtrap";
	} else if (mark->known && v->now.mono - mark->last < r->block) {
		f->trip = TRIP_STOP;
		f->blocked = true;
		f->why = "the client wrote to a spamtrap";
	}
}

const struct detector detect_trap = {
	.name = "trap",
	.help = "A client writes to one of addresses; for block nothing more is taken from it.",
	.action = ACT_REJECT,
	.text = "Not accepted from here: this client sends to spamtraps",
	.scope = SCOPE_ANY,
	.limit = 0,
	.window = 0,
	.block = (int64_t)MS_HOUR,
	.brake = BRAKE_REJECT,
	.keys = KEY_ADDRESSES,
	.envelope = true,
	.evidence = true,
	.no_limit = true,
	.whole = detect_whole,
	.applies = trap_applies,
	.plan = trap_plan,
	.score = trap_score,
	.sources = detect_name_client,
};
