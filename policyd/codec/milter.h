/* SPDX-License-Identifier: ISC */
/*
 * The milter door: the filter's side of Sendmail's milter protocol, version 6 (2 to 6 negotiated), as spoken
 * by Postfix (src/milter/milter8.c) and Sendmail (libmilter/engine.c, include/libmilter/mfdef.h).
 *
 *	packet = uint32 length (of what follows, network order) | byte command | data
 *
 * Only the events that are needed are asked for, and no reply is sent where the MTA offers that: a message
 * without trouble costs one round trip. The body is asked for with `want_body` only; then the first chunk of
 * one that is neither bounce nor report is answered with SKIP, which costs a second one. Every packet is read
 * through a bounds-checked cursor; left-over bytes are an error. Never blocks, never logs.
 */
#ifndef CODEC_MILTER_H
#define CODEC_MILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/feed.h"
#include "mail/msg.h"
#include "mail/verdict.h"

enum milter_state {
	MILTER_NEW = 1 << 0,      /* nothing negotiated yet */
	MILTER_READY = 1 << 1,    /* negotiated; CONNECT may come */
	MILTER_OPEN = 1 << 2,     /* between messages */
	MILTER_ENVELOPE = 1 << 3, /* after MAIL */
	MILTER_HEADER = 1 << 4,   /* after the first header field */
	MILTER_BODY = 1 << 5,     /* after the end of the header */
	MILTER_JUDGE = 1 << 6,    /* FEED_MSG was given, milter_reply() is due */
	MILTER_DEAD = 1 << 7,     /* FEED_BAD or FEED_CLOSE was given */
};

enum {
	MILTER_COUNTED = 6,           /* header names whose fields are counted: see milter_counted_find() */
	MILTER_FIELDS_MAX = 32768,    /* fields of one such name that are counted, and so can be replaced */
	MILTER_VALUE_MAX = 60000,     /* bytes of a header value that we send */
	MILTER_REASON_MAX = 100,      /* Postfix cuts the reason of a quarantine here */
	MILTER_TEXT_MAX = 400,        /* text of a reply code: with code and DSN it fits an SMTP line */
	MILTER_CONN_ARENA = 64 << 10, /* facts of one connection */
	MILTER_CONN_BLOCK = 512,      /* their memory is taken so much at a time */
	/* `out` should have this much room: then no verdict is too long for it */
	MILTER_REPLY_MAX = 2 * MSG_ARENA_MAX,
};

struct milter {
	const char *why; /* after FEED_BAD: a phrase for the log, never NULL then */
	bool want_body;  /* set by the endpoint before the first feed */
	/* the last message was given up by the MTA (ABORT, QUIT or a new MAIL before end of message): the
	 * endpoint reads and clears it. What was said of that message stands in `m` until the next feed. When
	 * a peer just goes away, m->have_sender tells the same */
	bool aborted;
	/* what the MTA told about the connection; kept over messages, copied into each msg. client_name is
	 * "unknown" when the MTA gave an address in its place; client_port is empty when it is 0 */
	struct arena conn_arena;
	struct str client_name, client_address, client_port, helo;
	/* negotiated */
	uint32_t version, actions, steps;
	enum milter_state state;
	/* the codec's own */
	bool spent;         /* `m` is to be reset at the next feed */
	bool rcpt_rejected; /* macros said that the next RCPT has been refused already */
	bool body_done;     /* nobody wants (more of) this message's body */
	bool skip_sent;     /* SKIP was answered to it */
	uint32_t counts[MILTER_COUNTED];
};

void milter_init(struct milter *mi);
void milter_fini(struct milter *mi);

/*
 * Consumes whole packets from the front of `in`, which must be able to hold MILTER_PACKET_MAX + 4 bytes.
 * FEED_MSG: at end of message (m->stage STAGE_EOM) all that was said of the message stands in `m`; judge it
 * and call milter_reply(), then feed again. FEED_REPLY: an answer was put into `out` (or none was due): feed
 * again. FEED_CLOSE: QUIT. QUIT_NC starts over on the same socket: all that is known of the connection is
 * forgotten; CONNECT may follow at once or after a new negotiation.
 * The codec resets `m` itself: at the feed after `aborted` was set, and in milter_reply().
 * FEED_MSG with STAGE_CONNECT is never given; the connection's facts are in struct milter once known.
 * Fed between FEED_MSG and milter_reply() it takes nothing and answers FEED_MORE.
 */
enum feed milter_feed(struct milter *mi, struct buf *in, struct msg *m, struct buf *out);

/*
 * The verdict as packets: modifications first, then exactly one final reply. Actions that the MTA did not
 * offer at negotiation are left out and reported by the return value (0 = all was said, else a mask of
 * SMFIF_*).
 * Dropping and adding recipients belong together: when both are asked for and one cannot be done, neither
 * is, so that nobody loses mail. An address that stays under another index is not dropped. Dropping all and
 * adding none is said as DISCARD.
 * An edit with `change` replaces every field of its name, if there is one: the first gets the value, the
 * others go; an empty value removes all. That holds for the names that carry recipients; of any other name
 * only the first field is changed, and added if missing.
 * When the modifications do not fit `out`, all of them are left out and reported.
 */
uint32_t milter_reply(struct milter *mi, struct msg *m, const struct verdict *v, struct buf *out);

/* Which of the header names that carry recipients it is (To, Cc, Bcc and the Resent forms): less than
 * MILTER_COUNTED, or -1. */
int milter_counted_find(struct str name);

#endif
