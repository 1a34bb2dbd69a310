/* SPDX-License-Identifier: ISC */
#include "judge/post.h"

#include "base/net.h"
#include "judge/late.h"
#include "judge/storm.h"
#include "mail/subject.h"

enum {
	LISTS_LOOK = 32,      /* recipients among whom posting addresses are looked for */
	AUDIENCE_UNKNOWN = 1, /* a door stated how many there are, and named none */
};

static uint64_t
hash_of(const struct view *v, const char *tag, struct str s)
{
	struct hash h;

	hash_init(&h, v->site->hash_seed, tag);
	hash_str(&h, s);
	return hash_end64(&h);
}

static uint64_t
hash_id(const struct view *v, struct str id)
{
	id = header_bare_id(id);
	return id.n ? hash_of(v, "post-id", id) : 0;
}

static uint32_t
envelope(const struct view *v)
{
	const struct msg *m = v->msg;

	return m->rcpt_count > m->n_rcpts ? m->rcpt_count : m->n_rcpts;
}

static bool
wide_header(const struct rule *r, const struct view *v)
{
	return v->traits->header_recipients >= r->wide;
}

/* A content filter on this machine gives back what one of our hosts had from outside: from whom? The topmost
 * line of ours that names another machine tells, as that machine was the client then; behind a relay its
 * line. Those below may be anybody's. */
static bool
given_back(const struct view *v, struct ip *out)
{
	const struct header_facts *f = &v->msg->header.f;
	const struct traits *t = v->traits;
	bool relayed = false;
	struct ip from;

	if (t->authenticated || !ip_loopback(&t->client))
		return false;
	for (uint32_t i = 0; i < f->n_hops && (i < t->own_top || relayed); i++) {
		const struct hop *hop = &f->hops[i];

		if (!relayed && hop->login)
			return false;
		if (!(relayed || traits_own_line(t, i)) || ip_parse(hop->from_ip, &from) ||
		    ip_loopback(&from))
			continue;
		*out = from;
		relayed = site_relay(v->site, &from);
		if (!relayed)
			return !site_trusted(v->site, &from);
	}
	return relayed;
}

/* An own person's? And who brought it. */
static bool
own_post(const struct view *v, struct ip *client)
{
	*client = v->traits->client;
	return v->traits->outbound && !given_back(v, client);
}

/* A list's copy, which is none of our business. */
static bool
others_list(const struct rule *r, const struct view *v)
{
	struct ip client;

	return v->traits->is_list && !(wide_header(r, v) && own_post(v, &client));
}

static bool
is_posting(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	struct str plain = v->rcpts[rcpt].plain;

	return lists_find(v->lists, plain) && !exempt_rcpt(&r->exempt, plain);
}

static bool
robot(const struct traits *t)
{
	return t->automatic == AUTO_REPLY || t->automatic == AUTO_REPORT;
}

bool
post_possible(const struct rule *r, const struct view *v)
{
	bool storms = v->storms && storms_total(v->storms);

	if (v->traits->automatic == AUTO_BOUNCE || v->traits->automatic == AUTO_GENERATED)
		return false;
	if (robot(v->traits))
		return storms && (v->traits->thread_reply || v->traits->returned_id.n);
	if (others_list(r, v))
		return false;
	if (wide_header(r, v) || envelope(v) >= r->wide)
		return true;
	if (storms && v->traits->thread_reply) /* a recall's report, maybe */
		return true;
	for (uint32_t i = 0; v->lists->n && i < v->msg->n_rcpts && i < LISTS_LOOK; i++)
		if (is_posting(r, v, i))
			return true;
	return false;
}

/* --- audience ------------------------------------------------------------------------------------------- */

static void
add_audience(struct post *p, uint64_t hash, bool list)
{
	for (unsigned i = 0; i < p->n_to; i++)
		if (p->to[i].hash == hash)
			return;
	if (hash && p->n_to < POST_AUDIENCES)
		p->to[p->n_to++] = (struct post_audience){ hash, list };
}

static void
read_lists(struct post *p, const struct rule *r, const struct view *v)
{
	struct str domain;

	for (uint32_t i = 0; v->lists->n && i < v->msg->n_rcpts && i < LISTS_LOOK; i++)
		if (p->n_to < POST_LISTS && is_posting(r, v, i)) {
			add_audience(p, hash_of(v, "post-list", v->rcpts[i].plain), true);
			if (!p->list.n)
				addr_split(v->rcpts[i].plain, &p->list, &domain);
		}
}

/* Whoever wrote is one of them, as in a header's audience: many an alias leaves its writer out. */
static void
add_envelope(struct audience *a, const struct view *v)
{
	struct addr_norm from;

	addr_normalise(v->msg->arena, v->msg->header.f.from_addr, &from);
	if (from.key.n)
		audience_add(a, from.key);
	for (uint32_t i = 0; i < v->msg->n_rcpts; i++)
		audience_add(a, v->rcpts[i].key);
}

static void
read_audience(struct post *p, const struct rule *r, const struct view *v)
{
	const struct header_facts *f = &v->msg->header.f;
	struct audience a = { 0 };

	if (!v->traits->is_list)
		read_lists(p, r, v);
	if (wide_header(r, v) && (f->flags & HDR_TO))
		a = f->audience;
	else if (envelope(v) >= r->wide)
		add_envelope(&a, v);
	else if (wide_header(r, v))
		a.least[0] = AUDIENCE_UNKNOWN;
	for (unsigned i = 0; i < AUDIENCE_KEEP; i++)
		add_audience(p, a.least[i], false);
}

/* --- who and what --------------------------------------------------------------------------------------- */

static uint64_t
client_of(const struct view *v, const struct ip *ip, const char *tag, size_t ipv4, size_t ipv6)
{
	return hash_of(v, tag,
	    (struct str){ (const char *)ip->b,
		ip->family == 4       ? ipv4
		    : ip->family == 6 ? ipv6
				      : 0 });
}

/* As the last step of its way, by one of ours or by the client. */
static bool
fetched(const struct view *v)
{
	const struct header_facts *f = &v->msg->header.f;

	for (uint32_t i = 0; i <= v->traits->own_top && i < f->n_hops; i++)
		if (f->hops[i].fetched)
			return true;
	return false;
}

static void
read_author(struct post *p, const struct view *v, const struct ip *client)
{
	const struct header_facts *f = &v->msg->header.f;
	struct str sender = v->traits->sender.key, local, domain = STR_NONE;
	struct addr_norm from = { 0 };
	struct hash h;

	if (f->from_addr.n)
		addr_normalise(v->msg->arena, f->from_addr, &from);
	if (!from.key.n)
		from.key = sender;
	if (v->traits->null_sender || sender.n == 0)
		sender = from.key;
	p->fetched = fetched(v);
	p->from = hash_of(v, "post-author", from.key);
	hash_init(&h, v->site->hash_seed, "post-sender");
	hash_str(&h, sender);
	hash_istr(&h, v->msg->sasl_username);
	p->sender = hash_end64(&h);
	p->network = client_of(v, client, "post-network", 2, 4);
	p->client = client_of(v, client, "post-client", 4, 6);
	addr_split(sender, &local, &domain);
	p->domain = hash_of(v, "post-domain", domain);
	hash_init(&h, v->site->hash_seed, "post-firm");
	hash_u64(&h, p->network);
	hash_str(&h, domain);
	p->firm = hash_end64(&h);
}

/* Neither origin nor List-Id: one post by several ways, or in several transactions, is one. */
static uint64_t
self_of(const struct view *v)
{
	const struct header_facts *f = &v->msg->header.f;
	struct hash h;

	if (v->traits->id_missing)
		return v->traits->fingerprint.lo ? v->traits->fingerprint.lo : 1;
	hash_init(&h, v->site->hash_seed, "post");
	hash_u64(&h, hash_id(v, f->message_id));
	hash_str(&h, f->date);
	hash_istr(&h, f->from_addr);
	return hash_end64(&h);
}

static void
read_thread(struct post *p, const struct view *v, struct subject_thread s)
{
	const struct header_facts *f = &v->msg->header.f;
	const struct traits *t = v->traits;

	/* "Re:" alone answers what had no subject; where there is none at all, no door may have said it. */
	if ((s.text.n || s.answer) && !(p->n_to && p->to[0].hash == AUDIENCE_UNKNOWN))
		p->subject = hash_of(v, "post-subject", s.text);
	if (t->thread_reply)
		p->root = hash_id(v, t->thread);
	p->plain_answer = s.answer || s.text.n == 0;
	p->self = self_of(v);
	p->id = t->id_missing ? 0 : hash_id(v, f->message_id);
	p->answers[0] = hash_id(v, f->in_reply_to);
	p->answers[1] = hash_id(v, f->last_reference);
	p->answers[2] = hash_id(v, f->references);
	p->answers[3] = hash_id(v, t->returned_id);
}

static enum post_role
role_of(const struct post *p, const struct view *v, struct subject_thread s)
{
	if (robot(v->traits))
		return POST_ROBOT;
	if (s.recall)
		return POST_RECALL;
	if (p->n_to == 0)
		return POST_NONE;
	if (s.answer || v->traits->thread_reply)
		return POST_ANSWER;
	return p->own ? POST_OPENER : POST_NONE;
}

void
post_read(struct post *p, const struct rule *r, const struct view *v)
{
	const struct header_facts *f = &v->msg->header.f;
	char text[SUBJECT_THREAD_MAX];
	struct subject_thread s;
	struct ip client;

	*p = (struct post){ .own = own_post(v, &client) };
	if (!robot(v->traits))
		read_audience(p, r, v);
	s = subject_thread(f->subject, p->list, text);
	p->role = role_of(p, v, s);
	if (p->role == POST_NONE)
		return;
	read_author(p, v, &client);
	read_thread(p, v, s);
	p->waited = late_window(v, r->window);
	p->size = v->traits->header_recipients > envelope(v) ? v->traits->header_recipients : envelope(v);
}
