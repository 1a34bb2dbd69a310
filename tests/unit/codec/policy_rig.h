/* SPDX-License-Identifier: ISC */
/* What the policy tests share: a codec with its buffers, and a message as text, to compare two by all
 * they hold. */
#ifndef TEST_POLICY_RIG_H
#define TEST_POLICY_RIG_H

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/limits.h"
#include "codec/policy.h"

#define REQUEST "request=smtpd_access_policy\n"

struct rig {
	struct arena arena;
	struct msg m;
	struct policy p;
	struct buf in, out;
};

static inline void
rig_init(struct rig *r)
{
	arena_init(&r->arena, MSG_ARENA_MAX);
	msg_init(&r->m, &r->arena, NULL);
	policy_init(&r->p);
	buf_init(&r->in, POLICY_REQUEST_MAX + 4096);
	buf_init(&r->out, 0);
}

static inline void
rig_fini(struct rig *r)
{
	msg_fini(&r->m);
	arena_fini(&r->arena);
	buf_fini(&r->in);
	buf_fini(&r->out);
}

static inline enum feed
rig_feed(struct rig *r, struct str bytes, bool half_closed)
{
	buf_str_append(&r->in, bytes);
	cr_assert_not(r->in.failed);
	return policy_feed(&r->p, &r->in, half_closed, &r->m);
}

/* A whole request that stands alone. */
static inline void
rig_ask(struct rig *r, struct str bytes)
{
	msg_reset(&r->m);
	cr_assert_eq(rig_feed(r, bytes, false), FEED_MSG);
	cr_assert_eq(r->in.len, 0);
}

static inline void
rig_put(struct buf *b, const char *name, struct str s)
{
	if (s.p)
		buf_printf(b, "%s=%.*s\n", name, STR_FMT(s));
}

static inline void
rig_put_number(struct buf *b, const char *name, uint64_t n)
{
	buf_printf(b, "%s=%llu\n", name, (unsigned long long)n);
}

/* All that a policy request can leave in a message. */
static inline void
rig_dump(const struct msg *m, struct buf *b)
{
	const struct header_facts *f = &m->header.f;

	buf_printf(b, "%s %s\n", door_name(m->door), stage_name(m->stage));
	rig_put(b, "instance", m->instance);
	rig_put(b, "queue_id", m->queue_id);
	rig_put(b, "client_address", m->client_address);
	rig_put(b, "client_port", m->client_port);
	rig_put(b, "client_name", m->client_name);
	rig_put(b, "helo", m->helo);
	rig_put(b, "sasl_username", m->sasl_username);
	rig_put(b, "policy_context", m->policy_context);
	if (m->have_sender)
		rig_put(b, "sender", m->sender);
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		rig_put(b, "rcpt", m->rcpts[i].addr);
	rig_put_number(b, "rcpt_count", m->rcpt_count);
	rig_put_number(b, "size", m->size);
	if (!m->have_header)
		return;
	rig_put(b, "message_id", f->message_id);
	rig_put(b, "date", f->date);
	rig_put(b, "subject", f->subject);
	rig_put(b, "from", f->from);
	rig_put(b, "references", f->references);
	rig_put(b, "in_reply_to", f->in_reply_to);
	rig_put(b, "auto_submitted", f->auto_submitted);
	rig_put(b, "list_id", f->list_id);
	rig_put_number(b, "flags", f->flags);
	rig_put_number(b, "to", f->to_count);
	rig_put_number(b, "cc", f->cc_count);
	rig_put_number(b, "hops", f->hop_count);
	rig_put_number(b, "stable", f->stable.lo);
	if (!m->have_dsn)
		return;
	rig_put(b, "returned_id", m->dsn.f.returned_id);
	for (uint32_t i = 0; i < m->dsn.f.rcpt_count; i++)
		rig_put(b, "failed", m->dsn.f.rcpts[i].final_rcpt);
}

/* base64 of `s`, appended. */
static inline void
rig_base64(struct buf *b, struct str s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t bit = 0; bit < s.n * 8; bit += 6) {
		size_t i = bit / 8;
		unsigned two = (unsigned)(unsigned char)s.p[i] << 8;

		if (i + 1 < s.n)
			two |= (unsigned char)s.p[i + 1];
		buf_append(b, &digits[two >> (10 - bit % 8) & 63], 1);
	}
	for (size_t n = s.n; n % 3; n++)
		buf_append(b, "=", 1);
}

#endif
