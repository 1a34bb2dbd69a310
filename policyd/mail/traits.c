/* SPDX-License-Identifier: ISC */
/*
 * Which message, which transmission, from whom: worked out once. The Received chain is cut into our own lines
 * at the top and what lies below; identity and trace are made of the part below only.
 */
#include "mail/traits.h"

#include "mail/date.h"
#include "mail/message_id.h"
#include "mail/received.h"
#include "mail/subject.h"

/* A single sign is no id ("id 1" of home-made senders). */
enum { ORIGIN_ID_MIN = 2 };

/* Seconds between a message's Date and the line with which it begins. Most begin sooner; clocks that were
 * never set are further off. */
enum { ANEW_AFTER = 30, ANEW_UNTIL = 60 * 24 * 3600, DATED_SOON = 7 * 24 * 3600 };

/* Where a message began: the bottom line below our own ones, or what takes its place. */
struct origin {
	struct key128 key;
	struct str own_id;  /* the bottom line is ours: the queue id that the message had then, or has now */
	bool here;          /* no line below our own ones: it starts here */
	bool unique;        /* `key` is of a line with an id of its own: no other message has it */
	bool timed;         /* ... and says when: that tells more than the Date field */
	bool dated;         /* that line says when */
	bool above;         /* it has no id, but a line above it has: `sure` is of both and those between */
	struct key128 sure; /* `key`, where that is unique */
	int64_t begun;      /* then; seconds since 1970 */
};

/* A filter or fetcher of this machine that calls itself "localhost": who stands above had it from loopback.
 * It writes a new line whenever the message is tried again. The bottom line stays what tells the origin. */
static bool
wrote_here(const struct msg *m, uint32_t line)
{
	const struct hop *hops = m->header.f.hops;
	struct ip from;

	if (line + 1 >= m->header.f.n_hops || !received_nobody(hops[line].by))
		return false;
	return ip_parse(line ? hops[line - 1].from_ip : m->client_address, &from) == 0 && ip_loopback(&from);
}

static void
find_own_lines(struct traits *t, const struct msg *m, const struct site *site)
{
	const struct header_facts *f = &m->header.f;
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n_hops; i++)
		if (site_own_host(site, f->hops[i].by))
			t->own_lines[i / OWN_LINES_WORD] |= (uint64_t)1 << i % OWN_LINES_WORD;
	while (n < f->n_hops &&
	    (traits_own_line(t, n) || (m->queue_id.n && str_eq(f->hops[n].id, m->queue_id)) ||
		wrote_here(m, n)))
		n++;
	t->own_top = n;
}

/* Be it to another "+detail", or to none, as pipe(8) has ${user}. */
static bool
goes_to(const struct msg *m, struct str addr)
{
	struct str local, domain, box;
	bool whole = addr_split(addr, &local, &domain);

	box = str_sub(local, 0, str_find(local, '+'));
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		struct str to = m->rcpts[i].addr;
		size_t at = to.n - domain.n - 1;

		if (str_ieq(to, addr))
			return true;
		if (whole && to.n > box.n + domain.n && str_istarts(to, box) && to.p[at] == '@' &&
		    (at == box.n || to.p[box.n] == '+') && str_iends(to, domain))
			return true;
	}
	return false;
}

/* Of two users here who send their copies on to the same mailbox nothing else tells which is whose: what
 * was delivered above one of our lines. A transmission that is tried again has the same. What was delivered
 * to him whom it goes to nobody sent on: a filter here (pipe(8) with flags=D) gives it back. */
static uint64_t
trace_of(const struct msg *m, uint32_t own_top, uint64_t seed)
{
	const struct header_facts *f = &m->header.f;
	struct hash h;

	hash_init(&h, seed, "trace");
	for (uint32_t i = 0; i < f->n_delivered_to && f->delivered_below[i] < own_top; i++)
		if (!goes_to(m, f->delivered_to[i]))
			hash_istr(&h, f->delivered_to[i]);
	for (uint32_t i = own_top; i < f->n_hops; i++)
		hash_u64(&h, f->hops[i].hash);
	if (own_top < f->n_hops)
		hash_u64(&h, f->skipped_hops);
	return hash_end64(&h);
}

/* One of our own lines as an origin: what the line will be is known before it is written. */
static struct key128
origin_own(struct str id, uint64_t seed)
{
	struct hash h;

	hash_init(&h, seed, "origin-own");
	hash_str(&h, id);
	return hash_end(&h);
}

/* The lines up to the lowest one with an id, where the bottom line has none: many mail servers write none,
 * but somebody on the way does. Not those of our relays: they write one for each that they hand over. */
static bool
lines_with_id(const struct traits *t, const struct header_facts *f, uint64_t seed, struct key128 *key)
{
	uint32_t top = t->own_top + t->relay_hops, i = f->n_hops - 1;
	struct hash h;

	while (i > top && f->hops[i].id.n < ORIGIN_ID_MIN)
		i--;
	if (i < top || f->hops[i].id.n < ORIGIN_ID_MIN || f->skipped_hops)
		return false;
	hash_init(&h, seed, "origin-lines");
	for (; i < f->n_hops; i++)
		hash_u64(&h, f->hops[i].hash);
	*key = hash_end(&h);
	return true;
}

static struct origin
origin_of(const struct traits *t, const struct msg *m, const struct site *site)
{
	const struct header_facts *f = &m->header.f;
	struct origin o = { .here = t->own_top >= f->n_hops };
	const struct hop *bottom = f->n_hops ? &f->hops[f->n_hops - 1] : NULL;
	struct hash h;

	if (bottom && bottom->id.n && traits_own_line(t, f->n_hops - 1))
		o.own_id = bottom->id;
	else if (o.here)
		o.own_id = m->queue_id;
	o.dated = !o.here && date_parse(str_trim(bottom->date), &o.begun) == 0;
	if (o.own_id.n && !o.here) {
		o.key = o.sure = origin_own(o.own_id, site->hash_seed);
		o.unique = o.timed = true;
		return o;
	}
	o.unique = !o.here && bottom->id.n >= ORIGIN_ID_MIN;
	o.timed = o.unique && o.dated;
	hash_init(&h, site->hash_seed, o.here ? "origin-header" : "origin");
	if (o.here)
		hash_key(&h, f->stable);
	else
		hash_u64(&h, bottom->hash);
	o.key = o.sure = hash_end(&h);
	if (!o.here && !o.unique)
		o.above = lines_with_id(t, f, site->hash_seed, &o.sure);
	return o;
}

static bool
holds(struct str text, struct str id)
{
	return id.n && str_ifind(text, id) < text.n;
}

/* Missing, empty, or made up by our own MTA ("<date.QUEUEID@our.host>") while the message had that queue id:
 * now, at an earlier pass through our own hosts, or when it began here. */
static bool
id_unusable(struct str id, const struct traits *t, const struct msg *m, const struct origin *o,
    const struct site *site)
{
	struct str left;
	size_t at = str_rfind(id, '@');

	if (id.n == 0)
		return true;
	if (at == id.n || !site_own_host(site, str_sub(id, at + 1, id.n)))
		return false;
	left = str_sub(id, 0, at);
	if (holds(left, m->queue_id) || holds(left, o->own_id))
		return true;
	for (uint32_t i = 0; i < t->own_top; i++)
		if (holds(left, m->header.f.hops[i].id))
			return true;
	return false;
}

static void
hash_from(struct hash *h, const struct header_facts *f)
{
	hash_istr(h, f->from_addr.n ? f->from_addr : f->from);
}

/* What all identities are made of. */
struct seen {
	const struct header_facts *f;
	struct str id; /* bare */
	struct str subject;
	uint64_t seed;
	bool dated;
	int64_t date; /* the instant: gateways write the same one down in another way */
};

/* Programs that write parts of a second tell by them what they wrote within one. */
static void
hash_instant(struct hash *h, const struct header_facts *f, int64_t date)
{
	struct str fraction = date_fraction(f->date);

	hash_u64(h, (uint64_t)date);
	if (fraction.n)
		hash_str(h, fraction);
}

static void
hash_date(struct hash *h, const struct seen *s)
{
	if (s->dated)
		hash_instant(h, s->f, s->date);
	else
		hash_istr(h, s->f->date);
}

/* Each list has copies of its own; many have no List-Id. */
static void
hash_list(struct hash *h, const struct header_facts *f)
{
	hash_istr(h, f->list_id.p ? f->list_id : f->list_name);
}

static struct key128
fingerprint_of(const struct seen *s, struct key128 origin)
{
	struct hash h;

	hash_init(&h, s->seed, "fingerprint");
	hash_from(&h, s->f);
	hash_date(&h, s);
	hash_str(&h, s->subject);
	hash_key(&h, origin);
	return hash_end(&h);
}

/* By what the message looks like, without its id. */
static struct key128
identity_seen(const struct seen *s, struct key128 fingerprint)
{
	struct hash h;

	hash_init(&h, s->seed, "id-missing");
	hash_key(&h, fingerprint);
	hash_list(&h, s->f);
	return hash_end(&h);
}

/* Programs that use an id again differ in Date. Where the origin tells their messages apart it is left out:
 * some servers write a Date of their own into what they send again. */
static void
hash_named(struct hash *h, const struct seen *s, bool timed)
{
	hash_init(h, s->seed, "id");
	hash_str(h, s->id);
	if (!timed)
		hash_date(h, s);
	hash_from(h, s->f);
}

static struct key128
identity(const struct hash *named, const struct seen *s, struct key128 origin)
{
	struct hash h;

	hash_fork(&h, named);
	hash_key(&h, origin);
	hash_list(&h, s->f);
	return hash_end(&h);
}

/* What the client called itself; behind a relay of ours that tells. */
static struct str
helo_of(const struct traits *t, const struct msg *m)
{
	return t->relay_hops ? m->header.f.hops[t->own_top + t->relay_hops - 1].from : m->helo;
}

/* Where it began: the client, if nobody else has written a line, or whom the bottom one names. Here, with our
 * lines taken away: no address. */
static bool
began_at(const struct traits *t, const struct msg *m, const struct origin *o, const struct site *site,
    struct ip *ip)
{
	const struct header_facts *f = &m->header.f;
	const struct hop *bottom;

	*ip = t->client;
	if (t->straight_here) {
		/* A host of ours need not be trusted: what others have from it names it all the same. */
		if (t->outbound || site_own_host(site, helo_of(t, m)))
			*ip = (struct ip){ 0 };
		return true;
	}
	if (t->foreign_hops == 0)
		return false;
	bottom = &f->hops[f->n_hops - 1];
	*ip = (struct ip){ 0 };
	/* Our line: of one among many transactions maybe. Of our own people's each begins here. */
	if (o->own_id.n) {
		if (bottom->login || site_own_host(site, bottom->from) || ip_parse(bottom->from_ip, ip) ||
		    site_trusted(site, ip))
			*ip = (struct ip){ 0 };
		return true;
	}
	return site_own_host(site, bottom->from) || !ip_parse(bottom->from_ip, ip);
}

static struct key128
straight_key(const struct hash *named, const struct seen *s, const struct ip *ip)
{
	uint64_t net;
	struct hash h;

	memcpy(&net, ip->b, sizeof(net)); /* of IPv6 the first half */
	hash_fork(&h, named);
	hash_date(&h, s);
	hash_u64(&h, ip->family);
	hash_u64(&h, net);
	hash_list(&h, s->f);
	return hash_end(&h);
}

/* All that the message is known by. Without an id the first one is what the last would be, where that is made
 * of the bottom line alone. */
static void
compute_ids(
    struct traits *t, const struct msg *m, struct str id, const struct origin *o, const struct site *site)
{
	const struct header_facts *f = &m->header.f;
	uint64_t seed = site->hash_seed;
	struct seen s = { .f = f, .id = id, .subject = f->subject, .seed = seed };
	char subject[SUBJECT_BARE_MAX];
	/* What its origin will be called when it comes back; its own where it does not start here. */
	struct key128 back = o->here && o->own_id.n ? origin_own(o->own_id, seed) : o->key, later;
	bool same = key_eq(back, o->key);
	struct hash named, timed;
	struct ip ip;
	bool tells = !o->here || !t->id_missing || f->date.n || f->from.n;

	s.dated = date_parse(f->date, &s.date) == 0;
	t->dated = s.dated;
	t->date = s.date;
	if (o->unique)
		s.subject = subject_bare(f->subject, subject);
	t->fingerprint = later = fingerprint_of(&s, o->key);
	if (!same) {
		s.subject = subject_bare(f->subject, subject);
		later = fingerprint_of(&s, back);
	}
	if (o->above) {
		s.subject = subject_bare(f->subject, subject);
		later = fingerprint_of(&s, o->sure);
	}
	/* A door that states only counts says nothing by which one message could be told from another. */
	if (!tells)
		return;
	hash_named(&named, &s, o->timed);
	hash_named(&timed, &s, true);
	t->ids[t->n_ids++] = t->id_missing ? identity_seen(&s, t->fingerprint) : identity(&named, &s, o->key);
	if (!same)
		t->ids[t->n_ids++] = t->id_missing ? identity_seen(&s, later) : identity(&timed, &s, back);
	t->n_named = t->n_ids;
	if (!t->id_missing && s.dated && began_at(t, m, o, site, &ip)) /* its copies are timed, maybe */
		t->straight = straight_key(&timed, &s, &ip);
	if (o->above || (!t->id_missing && (o->unique || !same)))
		t->ids[t->n_ids++] = identity_seen(&s, later);
	t->way = o->unique || !same ? back : t->ids[0];
	t->seen_way = o->above ? o->sure : t->way;
}

static bool
is_later(int64_t than, int64_t t)
{
	return t - than >= ANEW_AFTER && t - than <= ANEW_UNTIL;
}

/* Written before it was. */
static void
compute_dated_anew(struct traits *t, const struct header_facts *f, const struct origin *o, uint64_t seed)
{
	char subject[SUBJECT_BARE_MAX];
	struct hash h;

	hash_init(&h, seed, "dated-anew");
	hash_from(&h, f);
	hash_str(&h, subject_bare(f->subject, subject));
	hash_list(&h, f);
	hash_key(&h, o->sure);
	t->anew = hash_end(&h);
	t->dated_anew = t->date - o->begun <= DATED_SOON ? DATED_ANEW : DATED_ANEW_LATE;
}

/* Where the line below which there is none says when. One of ours is of one among many transactions maybe:
 * that each began later than the message was written tells nothing. */
static void
compute_anew(
    struct traits *t, const struct header_facts *f, struct str id, const struct origin *o, uint64_t seed)
{
	struct hash h;

	if (!o->dated || !t->dated)
		return;
	if (is_later(o->begun, t->date) && (o->unique || o->above))
		compute_dated_anew(t, f, o, seed);
	if (t->id_missing || o->own_id.n || !is_later(t->date, o->begun))
		return;
	hash_init(&h, seed, "anew");
	hash_str(&h, id);
	hash_instant(&h, f, t->date);
	hash_from(&h, f);
	hash_str(&h, f->subject);
	hash_list(&h, f);
	t->anew = hash_end(&h);
}

static void
compute_thread(struct traits *t, const struct header_facts *f)
{
	bool answers = f->references.n || f->in_reply_to.n;

	t->thread_reply = answers || (f->flags & HDR_THREAD_INDEX_REPLY);
	if (f->references.n)
		t->thread = f->references;
	else if (f->in_reply_to.n)
		t->thread = f->in_reply_to;
	else if (f->thread_index.n)
		t->thread = f->thread_index;
	else
		t->thread = f->message_id;
}

static void
compute_returned(struct traits *t, const struct msg *m)
{
	const struct header_facts *f = &m->header.f;

	if (m->have_dsn)
		t->returned_id = m->dsn.f.returned_id;
	if (!t->returned_id.p && t->automatic == AUTO_BOUNCE)
		t->returned_id = f->in_reply_to.n ? f->in_reply_to : f->last_reference;
}

/* To one of our own domains, among others. */
static bool
to_own(const struct msg *m, const struct site *site)
{
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (site_local_address(site, m->rcpts[i].addr))
			return true;
	return false;
}

static void
compute_header(struct traits *t, struct msg *m, const struct site *site)
{
	const struct header_facts *f = &m->header.f;
	const struct msg_kind *kind = msg_kind(m);
	struct str id = header_bare_id(f->message_id);
	struct origin o;

	t->null_sender = kind->null_sender;
	t->trace = trace_of(m, t->own_top, site->hash_seed);
	t->straight_here = t->foreign_hops == 0 && (t->outbound ? to_own(m, site) : t->client.family != 0);
	o = origin_of(t, m, site);
	t->origin = o.key;
	t->id_missing = id_unusable(id, t, m, &o, site);
	compute_ids(t, m, id, &o, site);
	compute_anew(t, f, id, &o, site->hash_seed);
	t->automatic = kind->automatic;
	t->subject = kind->subject;
	t->is_list = automatic_is_list(f);
	compute_thread(t, f);
	compute_returned(t, m);
	t->header_recipients =
	    f->cc_count > UINT32_MAX - f->to_count ? UINT32_MAX : f->to_count + f->cc_count;
}

/* Behind a relay of ours: down the lines that relays wrote to the first client that is none. The relay may be
 * this host, whose own lines tell then (smtpd in front of a filter). Unknown, not the relay, when no line
 * tells: all mail through it would be one client's. */
static void
compute_client(struct traits *t, const struct msg *m, const struct site *site)
{
	const struct header_facts *f = &m->header.f;

	t->client_text = m->client_address;
	if (ip_parse(m->client_address, &t->client))
		t->client = (struct ip){ 0 };
	if (!t->client.family || !site_relay(site, &t->client))
		return;
	for (uint32_t i = 0; i < f->n_hops && m->have_header; i++) {
		bool own = i < t->own_top;
		struct ip ip;

		t->relay_hops += !own;
		if (i + 1 == f->n_hops && f->skipped_hops)
			break; /* lines are missing above the bottom one */
		if (ip_parse(f->hops[i].from_ip, &ip)) {
			if (own)
				continue;
			break;
		}
		/* within a relay: its content filter gave the message back to it */
		if (site_relay(site, &ip) || ip_loopback(&ip))
			continue;
		t->client = ip;
		t->client_text = f->hops[i].from_ip;
		return;
	}
	t->client = (struct ip){ 0 };
	t->client_text = STR("");
}

void
traits_compute(struct traits *t, struct msg *m, const struct site *site)
{
	const struct header_facts *f = &m->header.f;

	*t = (struct traits){ 0 };
	addr_normalise(m->arena, m->sender, &t->sender);
	if (m->have_header)
		find_own_lines(t, m, site);
	compute_client(t, m, site);
	t->foreign_hops = f->hop_count - t->own_top - t->relay_hops;
	t->authenticated = m->sasl_username.n > 0;
	t->trusted = t->client.family && site_trusted(site, &t->client);
	t->outbound = t->authenticated || t->trusted;
	if (m->have_header)
		compute_header(t, m, site);
	else
		t->null_sender = msg_null_sender(m);
}

bool
traits_two_ids(const struct traits *t, const struct header_facts *f)
{
	const struct hop *one = NULL;

	for (uint32_t i = t->own_top + t->relay_hops; i < f->n_hops; i++) {
		const struct hop *hop = &f->hops[i];

		if (hop->id.n < ORIGIN_ID_MIN)
			continue;
		if (one && !str_ieq(one->by, hop->by))
			return true;
		one = hop;
	}
	return false;
}

bool
traits_answers(const struct traits *t, const struct header_facts *f)
{
	switch (t->subject) {
	case SUBJECT_ANSWER: /* "[help #12] ..." too */
	case SUBJECT_AUTO_REPLY:
	case SUBJECT_AUTO_REPLY_MAYBE:
	case SUBJECT_AUTO_REPLY_SURE:
		return true;
	default:
		return (f->references.n && f->in_reply_to.n) ||
		    (t->thread_reply && !t->id_missing && !message_id_by_mta(f));
	}
}

bool
traits_inbound(const struct traits *t, const struct site *site, struct str rcpt)
{
	return site_local_address(site, rcpt) || !t->outbound;
}
