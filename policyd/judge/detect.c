/* SPDX-License-Identifier: ISC */
#include "judge/detect.h"

#include "base/xalloc.h"
#include "judge/storm.h"

const struct detector *const detectors[] = {
	&detect_replication,
	&detect_wide_recipients,
	&detect_bounce_to_list,
	&detect_list_return_path,
	&detect_reply_all,
	&detect_bounce_flood,
	&detect_backscatter,
	&detect_mail_loop,
	&detect_ping_pong,
	&detect_flood,
	&detect_trap,
	&detect_list_guard,
	NULL,
};

const struct detector *
detector_find(struct str name)
{
	for (const struct detector *const *d = detectors; *d; d++)
		if (str_eq(str_of((*d)->name), name))
			return *d;
	return NULL;
}

void
detect_bounce_sources(
    const struct rule *r, struct storm *st, const struct view *v, const struct finding *f, uint64_t copies)
{
	const struct dsn_facts *d = &v->msg->dsn.f;

	(void)f;
	storm_add_message(st);
	/* No Message-ID and no sender says whom a storm of one address is about. */
	for (uint32_t i = 0; i < v->msg->n_rcpts; i++)
		if (key_eq(st->key, detect_key_str(r, v, "storm", v->rcpts[i].key)))
			storm_add_host(st, v->rcpts[i].key, "recipient", copies);
	storm_add_host(st, v->traits->client_text, "client", copies);
	storm_add_host(st, d->reporting_mta, "reporting-mta", copies);
	for (uint32_t i = 0; i < d->rcpt_count; i++)
		if (dsn_rcpt_failed(&d->rcpts[i]))
			storm_add_host(st, dsn_rcpt_addr(&d->rcpts[i]), "dead-member", copies);
}

bool
ops_grow(struct ops *ops)
{
	uint32_t cap = ops->cap ? ops->cap * 2 : 64;

	if (ops->cap == OPS_MAX)
		return false;
	ops->cap = cap < OPS_MAX ? cap : OPS_MAX;
	ops->v = xrealloc(ops->v, ops->cap * sizeof(*ops->v));
	return true;
}

bool
detect_whole(const struct rule *r)
{
	(void)r;
	return true;
}

struct key128
detect_key_str(const struct rule *r, const struct view *v, const char *tag, struct str what)
{
	struct hash h;

	hash_init(&h, v->site->hash_seed, tag);
	hash_u64(&h, r->id);
	hash_str(&h, what);
	return hash_end(&h);
}

bool
detect_hash_client(struct hash *h, const struct ip *client, unsigned v4_bits)
{
	/* One customer has a /64 at the least, with as many addresses as he likes. */
	unsigned bits = client->family == 6 ? 64 : v4_bits;
	uint64_t v = 0;

	if (!client->family)
		return false;
	for (unsigned i = 0; i < bits / 8; i++)
		v = v << 8 | client->b[i];
	hash_u64(h, client->family);
	hash_u64(h, v);
	return true;
}

/* Of "list+bounces-help" the key is the list's, the address is not: that stands behind the last '='. */
static bool
has_detail(struct str plain)
{
	struct str wrapped = str_sub(plain, str_rfind(plain, '='), plain.n);

	return str_find(wrapped, '+') < wrapped.n;
}

const struct list_entry *
detect_list(const struct view *v, uint32_t rcpt)
{
	const struct addr_norm *a = &v->rcpts[rcpt];
	bool wrapped = (a->form == ADDR_BATV || a->form == ADDR_SRS) && !has_detail(a->plain);

	return lists_find(v->lists, wrapped ? a->key : a->plain);
}

void
detect_plan_list(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops)
{
	struct str list = str_of(detect_list(v, rcpt)->posting);

	if (r->limit)
		ops_add_sum(ops, r, detect_key_str(r, v, r->detector->name, list), 1,
		    detect_key_str(r, v, "storm", list));
}

void
detect_name_client(
    const struct rule *r, struct storm *st, const struct view *v, const struct finding *f, uint64_t copies)
{
	(void)r;
	(void)f;
	storm_add_message(st);
	storm_add_host(st, v->traits->client_text, "client", copies);
	storm_add_host(st, v->msg->sasl_username, "party", copies);
}
