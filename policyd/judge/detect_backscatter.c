/* SPDX-License-Identifier: ISC */
/*
 * backscatter: bounces for mail that was never sent from here; somebody wrote our users' addresses into
 * his spam. Proved, not guessed: the Message-ID of what came back is looked up among those that passed
 * outbound. Where a bounce does not say what it returns, an address that has sent something lately gets it;
 * where it says, and we cannot know, one that has sent something without a Message-ID.
 */
#include "base/clock.h"
#include "judge/sent.h"
#include "judge/storm.h"
#include "mail/automatic.h"

enum { OP_ID, OP_SENDER, OP_UNNAMED, OP_COUNT };

/* What came from outside and was forwarded under SRS was never outbound; the hash in the address says that it
 * left from here, and the forwarder takes no other. */
static bool
is_srs(const struct addr_norm *to)
{
	struct str local, domain, written;

	if (to->form == ADDR_SRS)
		return true;
	addr_split(to->key, &local, &domain);
	addr_split(to->plain, &local, &written);
	return !str_eq(domain, written);
}

/* With a sender of its own, as from a list outside that is its own return path, or that hands bounces on to
 * its owners: that does not say that its recipient wrote anything, and a refusal is the next bounce to it. */
static bool
is_handed_on(const struct view *v)
{
	const struct msg *m = v->msg;

	return m->have_sender && !v->traits->null_sender && !automatic_daemon_from(STR_NONE, m->sender) &&
	    !automatic_postmaster_from(STR_NONE, m->sender);
}

static bool
bs_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	(void)r;
	return v->traits->automatic == AUTO_BOUNCE && !v->traits->outbound && !is_handed_on(v) &&
	    !is_srs(&v->rcpts[rcpt]);
}

static void
bs_plan(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	sent_ask_id(v, v->traits->returned_id, ops);
	sent_ask_sender(v, v->rcpts[rcpt].key, ops);
	sent_ask_unnamed(v, v->rcpts[rcpt].key, ops);
	if (r->limit)
		ops_add_sum(ops, r, detect_key_str(r, v, "backscatter", v->rcpts[rcpt].key), 1,
		    (struct key128){ 0 }); /* of a domain's addresses there is no end */
}

static void
bs_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	bool says = v->traits->returned_id.n > 0;
	const struct tally_answer *sent = &answers[says ? OP_ID : OP_SENDER];
	struct str local, domain;

	/* That a mark is not there proves nothing when a flood of other counters may have pushed it out. */
	if (n <= OP_UNNAMED || sent->known || sent->forgotten || answers[OP_UNNAMED].known)
		return;
	/* One storm for all that hits a domain, not one for each address that a spammer made up. */
	addr_split(v->rcpts[rcpt].key, &local, &domain);
	f->storm = detect_key_str(r, v, "storm", domain);
	if (r->limit && (n <= OP_COUNT || answers[OP_COUNT].sum <= r->limit))
		return;
	f->trip = TRIP_STOP;
	f->why = says ? "it returns a message that never passed here"
		      : "a bounce to an address that has sent nothing lately";
}

const struct detector detect_backscatter = {
	.name = "backscatter",
	.help = "A bounce returns a message that was never sent from here.",
	.action = ACT_REJECT,
	.text = "This bounce is for a message that was not sent from here",
	.scope = SCOPE_INBOUND,
	.limit = 0,
	.window = 14 * (int64_t)MS_DAY,
	.remember = 0,
	.header = true,
	.body = true,
	.automatic = true,
	.sent = true,
	.applies = bs_applies,
	.plan = bs_plan,
	.score = bs_score,
	.sources = detect_bounce_sources,
};
