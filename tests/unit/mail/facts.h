/* SPDX-License-Identifier: ISC */
/* All facts of a header as one text, so that two scans can be compared and a difference can be read. */
#ifndef TEST_MAIL_FACTS_H
#define TEST_MAIL_FACTS_H

#include <inttypes.h>

#include "base/buf.h"
#include "mail/header.h"

static inline void
facts_str(struct buf *b, const char *name, struct str s)
{
	buf_printf(b, "%s=%s%.*s\n", name, s.p ? "" : "(none)", STR_FMT(s));
}

static inline void
facts_text(const struct header_facts *f, struct buf *b)
{
	const struct {
		const char *name;
		struct str s;
	} all[] = {
		{ "message_id", f->message_id },
		{ "date", f->date },
		{ "subject", f->subject },
		{ "from", f->from },
		{ "from_addr", f->from_addr },
		{ "sender_addr", f->sender_addr },
		{ "reply_to", f->reply_to },
		{ "return_path", f->return_path },
		{ "references", f->references },
		{ "last_reference", f->last_reference },
		{ "in_reply_to", f->in_reply_to },
		{ "thread_index", f->thread_index },
		{ "auto_submitted", f->auto_submitted },
		{ "precedence", f->precedence },
		{ "list_id", f->list_id },
		{ "list_name", f->list_name },
		{ "auto_suppress", f->auto_suppress },
		{ "content_type", f->content_type },
		{ "report_type", f->report_type },
		{ "boundary", f->boundary },
		{ "transfer_encoding", f->transfer_encoding },
		{ "failed_rcpts", f->failed_rcpts },
		{ "x_loop", f->x_loop },
		{ "mailer", f->mailer },
		{ "gateway_marker", f->gateway_marker },
		{ "original_to", f->original_to },
	};

	buf_reset(b);
	buf_printf(b, "flags=%x\n", f->flags);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		facts_str(b, all[i].name, all[i].s);
	buf_printf(b, "to=%" PRIu32 " cc=%" PRIu32 " hops=%" PRIu32 "/%" PRIu32 " skipped=%" PRIx64 "\n",
	    f->to_count, f->cc_count, f->n_hops, f->hop_count, f->skipped_hops);
	for (uint32_t i = 0; i < f->n_hops; i++) {
		const struct hop *h = &f->hops[i];

		facts_str(b, "from", h->from);
		facts_str(b, "ip", h->from_ip);
		facts_str(b, "rdns", h->from_rdns);
		facts_str(b, "by", h->by);
		facts_str(b, "id", h->id);
		facts_str(b, "for", h->rcpt);
		buf_printf(b, "hash=%" PRIx64 "\n", h->hash);
	}
	for (uint32_t i = 0; i < f->n_delivered_to; i++) {
		facts_str(b, "delivered", f->delivered_to[i]);
		buf_printf(b, "below=%" PRIu32 " resent=%d\n", f->delivered_below[i],
		    f->delivered_resent >> i & 1);
	}
	buf_printf(b, "stable=%" PRIx64 "%" PRIx64 " audience=%" PRIx64 "%" PRIx64 "\n", f->stable.hi,
	    f->stable.lo, f->audience.least[0], f->audience.least[1]);
}

#endif
