/* SPDX-License-Identifier: ISC */
/* All that a message says, as one text. */
#ifndef TEST_FUZZ_SAY_H
#define TEST_FUZZ_SAY_H

#include "base/xalloc.h"
#include "mail/msg.h"
#include "mail/traits.h"
#include "unit/mail/facts.h"

/* Where all of it arrives. */
static struct site site;

static inline void
site_begin(void)
{
	if (site.hostname)
		return;
	site_init(&site);
	site.hostname = xstrdup("mx.example.org");
	strset_add(&site.local_domains, STR("example.org"));
	strset_add(&site.gateway_markers, STR("mspop3connector."));
}

static inline void
say_header(const struct header_facts *f, struct buf *b)
{
	struct buf text;

	buf_init(&text, 0);
	facts_text(f, &text);
	buf_str_append(b, buf_str(&text));
	buf_fini(&text);
}

static inline void
say_dsn(const struct msg *m, struct buf *b)
{
	const struct dsn_facts *f = &m->dsn.f;

	buf_printf(b, "dsn=%d source=%d flags=%x\n", m->have_dsn, f->source, f->flags);
	facts_str(b, "returned_id", f->returned_id);
	facts_str(b, "reporting_mta", f->reporting_mta);
	for (uint32_t i = 0; i < f->rcpt_count; i++) {
		facts_str(b, "final", f->rcpts[i].final_rcpt);
		facts_str(b, "original", f->rcpts[i].original_rcpt);
		facts_str(b, "action", f->rcpts[i].action);
		facts_str(b, "status", f->rcpts[i].status);
		facts_str(b, "remote", f->rcpts[i].remote_mta);
	}
}

static inline void
say_traits(struct msg *m, struct buf *b)
{
	struct traits t;
	const struct msg_kind *k = msg_kind(m);

	traits_compute(&t, m, &site);
	buf_printf(b, "kind=%d %d\n", k->automatic, k->subject);
	for (unsigned i = 0; i < t.n_ids; i++)
		buf_printf(b, "id=%llx\n", (unsigned long long)t.ids[i].lo);
	buf_printf(b, "anew=%llx\n", (unsigned long long)t.anew.lo);
	buf_printf(b, "trace=%llx own=%u relay=%u foreign=%u date=%lld auto=%d list=%d reply=%d hdr=%u\n",
	    (unsigned long long)t.trace, t.own_top, t.relay_hops, t.foreign_hops, (long long)t.date,
	    t.automatic, t.is_list, t.thread_reply, t.header_recipients);
	facts_str(b, "thread", t.thread);
	facts_str(b, "returned", t.returned_id);
	facts_str(b, "client", t.client_text);
	facts_str(b, "sender", t.sender.key);
}

static inline void
say_message(struct msg *m, struct buf *b)
{
	buf_printf(b, "%s %s %d\n", door_name(m->door), stage_name(m->stage), m->have_sender);
	facts_str(b, "instance", m->instance);
	facts_str(b, "queue_id", m->queue_id);
	facts_str(b, "client_address", m->client_address);
	facts_str(b, "client_port", m->client_port);
	facts_str(b, "client_name", m->client_name);
	facts_str(b, "helo", m->helo);
	facts_str(b, "sasl", m->sasl_username);
	facts_str(b, "context", m->policy_context);
	facts_str(b, "sender", m->sender);
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		facts_str(b, "raw", m->rcpts[i].raw);
		facts_str(b, "rcpt", m->rcpts[i].addr);
	}
	buf_printf(
	    b, "rcpts=%u size=%llu header=%d\n", m->rcpt_count, (unsigned long long)m->size, m->have_header);
	if (!m->have_header)
		return;
	say_header(&m->header.f, b);
	say_dsn(m, b);
	say_traits(m, b);
}

#endif
