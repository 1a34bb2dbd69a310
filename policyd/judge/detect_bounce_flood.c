/* SPDX-License-Identifier: ISC */
/*
 * bounce-flood: bounces by the thousand to one address, whose owner did nothing but write a letter. What
 * goes to the return path of a list or newsletter is the business of that. A bounce for another message of
 * his, proved to be genuine, reaches him all the same, as long as it is not one of many for that message.
 */
#include "base/clock.h"
#include "judge/sent.h"
#include "judge/storm.h"

enum {
	PROVEN_FREE = 5, /* bounces for one message of his that pass in a flood */
	OP_FLOOD = 0,
	OP_NET,
	OP_SAME,
	OP_ID,
};

/* A list's post, a newsletter or an appointment, whose program wants no bounce: it is none itself. */
static bool
tells_what_it_is(const struct view *v)
{
	return v->traits->is_list || (v->msg->header.f.flags & (HDR_LIST_UNSUBSCRIBE | HDR_CALENDAR));
}

static bool
bounce(const struct view *v)
{
	const struct traits *t = v->traits;

	if (!v->header)
		return v->msg->have_sender && t->null_sender;
	/* What he asked for (NOTIFY=SUCCESS): a large mailing of his has as many as recipients. */
	if (v->msg->have_dsn && dsn_success(&v->msg->dsn.f))
		return false;
	return t->automatic == AUTO_BOUNCE ||
	    (t->null_sender && t->automatic == AUTO_NONE && !tells_what_it_is(v));
}

static bool
bf_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	const struct addr_norm *to = &v->rcpts[rcpt];

	(void)r;
	return bounce(v) && to->form != ADDR_LIST_OWNER && to->form != ADDR_VERP && !addr_takes_bounces(to);
}

/* The client's network has brought bounces to this address. */
static void
add_net(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	struct tally_op *op = ops_add(ops);
	struct hash h;

	if (!op)
		return;
	hash_init(&h, v->site->hash_seed, "bounces-from");
	hash_key(&h, detect_key_str(r, v, "bounce-flood", v->rcpts[rcpt].key));
	(void)detect_hash_client(&h, &v->traits->client, 24);
	op->kind = v->at_rcpt ? TALLY_GET : TALLY_MARK;
	op->key = hash_end(&h);
	op->elem = 1;
	op->ttl = r->window;
}

static void
bf_plan(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	struct str id = v->traits->returned_id, to = v->rcpts[rcpt].key;
	struct tally_op *op = ops_add_sum(
	    ops, r, detect_key_str(r, v, "bounce-flood", to), 1, detect_key_str(r, v, "storm", to));
	struct hash h;

	/* A null sender at RCPT mostly is a callout: it takes nobody's place. */
	if (op && v->at_rcpt)
		op->kind = TALLY_GET;
	add_net(r, v, rcpt, ops);
	if (v->at_rcpt || id.n == 0)
		return;
	hash_init(&h, v->site->hash_seed, "bounces-for");
	hash_key(&h, detect_key_str(r, v, "bounce-flood", to));
	hash_str(&h, id);
	ops_add_sum(ops, r, hash_end(&h), 1, (struct key128){ 0 });
	sent_ask_id(v, id, ops);
}

static void
bf_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	f->storm = detect_key_str(r, v, "storm", v->rcpts[rcpt].key);
	if (n <= OP_NET || answers[OP_FLOOD].sum + v->at_rcpt <= r->limit)
		return;
	/* Others are let in, for theirs may be a genuine one, which only its content tells. */
	if (v->at_rcpt && !answers[OP_NET].known)
		return;
	if (n > OP_ID && answers[OP_ID].known && answers[OP_SAME].sum <= PROVEN_FREE)
		return;
	f->trip = TRIP_STOP;
	f->why = "more bounces than one address may get";
}

const struct detector detect_bounce_flood = {
	.name = "bounce-flood",
	.help = "One address gets more than limit bounces.",
	.action = ACT_DEFER,
	.text = "Too many bounces for this address; try again later",
	.scope = SCOPE_ANY,
	.limit = 50,
	.window = (int64_t)MS_HOUR,
	.remember = 0,
	.brake = BRAKE_DEFER,
	.body = true,
	.automatic = true,
	.envelope = true,
	.bounces = true,
	.sent = true,
	.applies = bf_applies,
	.plan = bf_plan,
	.score = bf_score,
	.sources = detect_bounce_sources,
};
