/* SPDX-License-Identifier: ISC */
/*
 * mail-loop: a message that was here before and left us comes back. The leading Received lines of our own
 * hosts are this visit; one of ours further down, with somebody else's above it, is an earlier one.
 */
#include "base/clock.h"
#include "base/net.h"
#include "judge/detect.h"
#include "judge/late.h"
#include "judge/storm.h"
#include "mail/received.h"

/* The line that the MTA wrote for this very question: Exim shows it, Postfix and Sendmail do not. */
static uint32_t
present_lines(const struct view *v)
{
	const struct header_facts *f = &v->msg->header.f;
	struct str id = v->msg->queue_id;

	return f->n_hops && id.n && str_eq(f->hops[0].id, id);
}

static bool
own_line(const struct view *v, uint32_t i)
{
	return i < v->msg->header.f.n_hops && traits_own_line(v->traits, i);
}

/* Below the lines of this visit, the first that one of our hosts wrote; n_hops: none. */
static uint32_t
earlier_visit(const struct view *v, uint32_t from)
{
	const struct header_facts *f = &v->msg->header.f;
	uint32_t i = from > v->traits->own_top ? from : v->traits->own_top;

	while (i < f->n_hops && !own_line(v, i))
		i++;
	return i < f->n_hops ? i : f->n_hops;
}

/* Our lines at the bottom tell that the message began here: that it is back is no loop by itself. */
static bool
came_from_outside(const struct view *v, uint32_t visit)
{
	const struct header_facts *f = &v->msg->header.f;

	for (uint32_t i = visit; i < f->n_hops; i++)
		if (!own_line(v, i))
			return true;
	return false;
}

/* Somebody in our networks took it out of the mailbox where it had been delivered, as when mailboxes move;
 * our lines above this delivery are of the way to that mailbox. A refusal makes fetchmail delete it. If it
 * goes round all the same, `own_limit` ends that. */
static bool
fetched_by_us(const struct view *v, uint32_t below)
{
	const struct hop *hops = v->msg->header.f.hops;

	if (!v->traits->outbound || below > v->msg->header.f.n_hops)
		return false;
	while (below > 0 && !hops[below - 1].fetched && own_line(v, below - 1))
		below--;
	return below > 0 && hops[below - 1].fetched;
}

/* Somebody in our networks gives it as it lay in the mailbox, for nobody wrote a line above the delivery: old
 * mail is put in again. What forwards writes a line. */
static bool
as_it_lay(const struct view *v, uint32_t below)
{
	return v->traits->outbound && below <= present_lines(v);
}

/* "a@example.org." is a@example.org. */
static bool
same_mailbox(struct str a, struct str b)
{
	a.n -= a.n && a.p[a.n - 1] == '.';
	b.n -= b.n && b.p[b.n - 1] == '.';
	return str_ieq(a, b);
}

/* A person sent it on by hand out of that mailbox, once, and somebody, or a list that he is on too, has sent
 * it back: his forwarding is not in a circle. Should a program have written these fields, his second
 * delivery tells. */
static bool
sent_on_by_hand(const struct header_facts *f, uint32_t delivery)
{
	if (!(f->delivered_resent >> delivery & 1))
		return false;
	for (uint32_t i = 0; i < f->n_delivered_to; i++)
		if (f->delivered_below[i] != f->delivered_below[delivery] &&
		    same_mailbox(f->delivered_to[i], f->delivered_to[delivery]))
			return false;
	return true;
}

/* What goes round is back within hours. After a day somebody has it sent again, or moves mailboxes; and were
 * it a circle so slow, `own_limit` ends it. */
static bool
long_ago(const struct view *v, uint32_t visit)
{
	int64_t then;

	return late_line(v, &v->msg->header.f.hops[visit], MS_DAY, &then);
}

/*
 * Delivered-To of the recipient, written by us at an earlier visit: the line below it is ours, or it stands
 * above a visit that we had from outside. What a POP mailbox elsewhere wrote has the line of that
 * mailbox's host below it, even when the mail had left from here; what stands among the lines of this
 * visit is this delivery (old mail that is looked at again).
 */
static bool
delivered_before(const struct view *v, struct str rcpt)
{
	const struct header_facts *f = &v->msg->header.f;

	for (uint32_t i = 0; i < f->n_delivered_to; i++) {
		uint32_t below = f->delivered_below[i], visit;

		if (below < v->traits->own_top || !same_mailbox(f->delivered_to[i], rcpt) ||
		    fetched_by_us(v, below) || as_it_lay(v, below) || sent_on_by_hand(f, i))
			continue;
		visit = earlier_visit(v, below);
		if (visit < f->n_hops && !long_ago(v, visit) &&
		    (visit == below || came_from_outside(v, visit)))
			return true;
	}
	return false;
}

/* A filter beside the MTA, which calls itself "localhost", gave back what that host had handed to it. So do
 * other people's hosts that nobody gave a name, but not from this machine. */
static bool
from_filter(const struct header_facts *f, uint32_t i)
{
	struct ip from;

	if (i + 2 >= f->n_hops || !received_nobody(f->hops[i + 1].by) ||
	    !str_ieq(f->hops[i + 2].by, f->hops[i].by))
		return false;
	return ip_parse(f->hops[i].from_ip, &from) || ip_loopback(&from);
}

/* Exchange writes a line for each of its services that has the message from another one of the same host. */
static bool
from_itself(const struct header_facts *f, uint32_t i)
{
	const struct hop *hop = &f->hops[i];

	return i + 1 < f->n_hops && str_ieq(hop->from, hop->by) && str_ieq(hop[1].by, hop->by);
}

/*
 * Does one host of our own stand in the lines more than `limit` times? What tells of no further time it was
 * there is left out: what it had from itself, a filter's giving back, and the delivery to a mailbox, from
 * which a user's forwarding takes it through the MTA again. A list in a list and one such user would be too
 * many otherwise.
 */
static bool
own_too_often(const struct view *v, uint32_t limit)
{
	const struct header_facts *f = &v->msg->header.f;

	for (uint32_t i = present_lines(v); i < f->n_hops; i++) {
		uint32_t n = 0;

		for (uint32_t k = i; own_line(v, i) && k < f->n_hops; k++)
			n += str_ieq(f->hops[k].by, f->hops[i].by) && !f->hops[k].lmtp &&
			    !from_filter(f, k) && !from_itself(f, k);
		if (n > limit)
			return true;
	}
	return false;
}

/*
 * One storm for each address that mail comes back to; what only has too long a way, for each domain, so that
 * nobody's made-up lines open a storm a recipient. Other mail never belongs to it: block does nothing.
 */
static void
loop_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	const struct addr_norm *to = &v->rcpts[rcpt];
	struct str local, domain;

	(void)answers;
	(void)n;
	if (delivered_before(v, to->plain)) {
		f->trip = TRIP_STOP;
		f->storm = detect_key_str(r, v, "storm", to->key);
		f->why = "it was delivered to this recipient here and comes back";
		return;
	}
	if (v->msg->header.f.hop_count - present_lines(v) > r->limit)
		f->why = "it went through too many hosts";
	else if (own_too_often(v, r->own_limit))
		f->why = "it went through a host of our own too often";
	else
		return;
	f->trip = TRIP_STOP;
	if (!addr_split(to->plain, &local, &domain))
		domain = STR("");
	f->storm = detect_key_str(r, v, "storm-way", domain);
}

/* Does this host stand further down too? */
static bool
again(const struct header_facts *f, uint32_t i)
{
	for (uint32_t k = i + 1; k < f->n_hops; k++)
		if (str_ieq(f->hops[k].by, f->hops[i].by))
			return true;
	return false;
}

static bool
named(const struct header_facts *f, uint32_t from, uint32_t i)
{
	for (uint32_t k = from; k < i; k++)
		if (str_ieq(f->hops[k].by, f->hops[i].by))
			return true;
	return false;
}

/* Who had the message between two visits to us, the last of them first; where we see no earlier visit,
 * whoever had it more than once; and who brought it. */
static void
loop_sources(const struct rule *r, struct storm *st, const struct view *v, const struct finding *finding,
    uint64_t copies)
{
	const struct header_facts *f = &v->msg->header.f;
	uint32_t top = v->traits->own_top + v->traits->relay_hops, visit = earlier_visit(v, top);
	bool seen = visit < f->n_hops;

	(void)r;
	(void)finding;
	storm_add_message(st);
	for (uint32_t i = top; i < visit; i++)
		if ((seen || again(f, i)) && !named(f, top, i) && !received_nobody(f->hops[i].by))
			storm_add_host(st, f->hops[i].by, "received", copies);
	storm_add_host(st, v->traits->client_text, "client", copies);
}

const struct detector detect_mail_loop = {
	.name = "mail-loop",
	.help = "A message that left us comes back to the same recipient, or has been at too many hosts.",
	.action = ACT_REJECT,
	.text = "Mail loop: this message has been here before, or at too many hosts",
	.dsn = "5.4.6",
	.scope = SCOPE_ANY,
	.limit = 40,
	.limit_min = 1,
	.limit_max = 1000,
	.keys = KEY_OWN_LIMIT,
	.header = true,
	.score = loop_score,
	.sources = loop_sources,
};
