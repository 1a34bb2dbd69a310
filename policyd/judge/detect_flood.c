/* SPDX-License-Identifier: ISC */
/*
 * flood: volume, whatever the mail says. What is counted together is the administrator's choice (count_by).
 * A message of which one part of that is unknown is not counted: the null sender, no user, an unknown client
 * must not make one bucket for everybody.
 */
#include "base/clock.h"
#include "base/compiler.h"
#include "judge/detect.h"
#include "judge/storm.h"
#include "mail/addr.h"

enum { BY_RECIPIENTS = BY_RECIPIENT | BY_RECIPIENT_DOMAIN };

/* One count for all recipients, because nothing in it tells them apart. */
static bool
flood_whole(const struct rule *r)
{
	return r->measure != MEASURE_RECIPIENTS && !(r->count_by & BY_RECIPIENTS);
}

static bool
domain_of(struct str addr, struct str *domain)
{
	struct str local;

	return addr_split(addr, &local, domain);
}

static bool
key_client(const struct view *v, uint32_t rcpt, struct hash *h)
{
	(void)rcpt;
	return detect_hash_client(h, &v->traits->client, 32);
}

static bool
key_network(const struct view *v, uint32_t rcpt, struct hash *h)
{
	(void)rcpt;
	return detect_hash_client(h, &v->traits->client, 24);
}

static bool
key_sender(const struct view *v, uint32_t rcpt, struct hash *h)
{
	(void)rcpt;
	if (!v->msg->have_sender || v->traits->null_sender || !v->traits->sender.key.n)
		return false;
	hash_str(h, v->traits->sender.key);
	return true;
}

static bool
key_sender_domain(const struct view *v, uint32_t rcpt, struct hash *h)
{
	struct str domain;

	(void)rcpt;
	if (!v->msg->have_sender || v->traits->null_sender || !domain_of(v->traits->sender.key, &domain))
		return false;
	hash_str(h, domain);
	return true;
}

static bool
key_sasl_user(const struct view *v, uint32_t rcpt, struct hash *h)
{
	(void)rcpt;
	if (!v->traits->authenticated)
		return false;
	hash_istr(h, v->msg->sasl_username);
	return true;
}

static bool
key_recipient(const struct view *v, uint32_t rcpt, struct hash *h)
{
	hash_str(h, v->rcpts[rcpt].key);
	return v->rcpts[rcpt].key.n > 0;
}

static bool
key_recipient_domain(const struct view *v, uint32_t rcpt, struct hash *h)
{
	struct str domain;

	if (!domain_of(v->rcpts[rcpt].key, &domain))
		return false;
	hash_str(h, domain);
	return true;
}

/* Each appends its part of the key; false: not known. */
static const struct {
	enum count_by by;
	bool (*part)(const struct view *v, uint32_t rcpt, struct hash *h);
} parts[] = {
	{ BY_CLIENT, key_client },
	{ BY_NETWORK, key_network },
	{ BY_SENDER, key_sender },
	{ BY_SENDER_DOMAIN, key_sender_domain },
	{ BY_SASL_USER, key_sasl_user },
	{ BY_RECIPIENT, key_recipient },
	{ BY_RECIPIENT_DOMAIN, key_recipient_domain },
};

/* What it is counted under, or nothing that it could be. The choice itself is part of the key, so that a
 * changed one begins anew. */
static bool
flood_key(const struct rule *r, const struct view *v, uint32_t rcpt, struct key128 *out)
{
	struct hash h;

	hash_init(&h, v->site->hash_seed, "flood");
	hash_u64(&h, r->id);
	hash_u64(&h, (uint64_t)r->count_by << 8 | r->measure);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if ((r->count_by & parts[i].by) && !parts[i].part(v, rcpt, &h))
			return false;
	*out = hash_end(&h);
	return true;
}

static bool
flood_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	struct key128 key;

	return flood_key(r, v, rcpt, &key);
}

static uint32_t
volume(const struct rule *r, const struct view *v)
{
	if (r->measure != MEASURE_BYTES)
		return 1;
	return v->msg->size < UINT32_MAX ? (uint32_t)v->msg->size : UINT32_MAX;
}

static void
flood_plan(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	uint32_t n = volume(r, v);
	struct key128 key;

	if (n && flood_key(r, v, rcpt, &key))
		ops_add_sum(ops, r, key, n, detect_key(r, v, "storm", key));
}

static void
flood_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	struct key128 key;

	if (!flood_key(r, v, rcpt, &key))
		return;
	f->storm = detect_key(r, v, "storm", key);
	if (n == 0 || answers[0].sum <= r->limit)
		return;
	f->trip = TRIP_STOP;
	f->why = "more mail than may come in this time";
}

/* Whom it comes from, and for whom: mail that many send to one address names him by that alone. */
static void
flood_sources(
    const struct rule *r, struct storm *st, const struct view *v, const struct finding *f, uint64_t copies)
{
	struct key128 key;

	for (uint32_t i = 0; i < v->msg->n_rcpts && (r->count_by & BY_RECIPIENT); i++)
		if (flood_key(r, v, i, &key) && key_eq(st->key, detect_key(r, v, "storm", key)))
			storm_add_host(st, v->rcpts[i].key, "recipient", copies);
	detect_name_client(r, st, v, f, copies);
}

const struct detector detect_flood = {
	.name = "flood",
	.help = "More than limit messages, recipients or bytes come from or for what count_by names.",
	.action = ACT_DEFER,
	.text = "Too much mail in a short time, try again later",
	.scope = SCOPE_ANY,
	.limit = 1000,
	.window = (int64_t)MS_HOUR,
	.brake = BRAKE_DEFER,
	.keys = KEY_COUNT_BY | KEY_MEASURE,
	.count_by = BY_CLIENT,
	.envelope = true,
	.whole = flood_whole,
	.applies = flood_applies,
	.plan = flood_plan,
	.score = flood_score,
	.sources = flood_sources,
};
