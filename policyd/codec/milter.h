/* SPDX-License-Identifier: ISC */
/*
 * The milter door: the filter's side of Sendmail's milter protocol, version 6 (2 to 6 negotiated), as spoken by
 * Postfix (src/milter/milter8.c) and Sendmail (libmilter/engine.c, include/libmilter/mfdef.h).
 *
 *	packet = uint32 length (of what follows, network order) | byte command | data
 *
 * Only the events that are needed are asked for, the body is skipped unless `want_body`, and no reply is sent
 * where the MTA offers that: a message without trouble costs one round trip. Every packet is read through a
 * bounds-checked cursor; left-over bytes are an error. Never blocks, never logs.
 */
#ifndef CODEC_MILTER_H
#define CODEC_MILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/feed.h"
#include "mail/msg.h"
#include "mail/verdict.h"

struct milter {
	const char *why; /* after FEED_BAD: a phrase for the log, never NULL then */
	bool want_body;	 /* set by the endpoint before the first feed */
	bool aborted;	 /* the last message was given up by the MTA (ABORT or QUIT before end of message): the
			    endpoint reads and clears it */
	/* what the MTA told about the connection; kept over messages, copied into each msg */
	struct arena conn_arena;
	struct str client_name, client_address, client_port, helo, daemon_name, my_hostname;
	/* negotiated */
	uint32_t version, actions, steps;
	int state;
	bool negotiated;
};

void milter_init(struct milter *mi);
void milter_fini(struct milter *mi);

/*
 * Consumes whole packets from the front of `in`. FEED_MSG: at end of message (m->stage STAGE_EOM) all that was
 * said of the message stands in `m`; judge it and call milter_reply(), then feed again. FEED_REPLY: an answer was
 * put into `out` (or none was due): feed again. FEED_CLOSE: QUIT. QUIT_NC starts over on the same socket.
 * The codec resets `m` itself at each MAIL, ABORT and after milter_reply().
 * FEED_MSG with STAGE_CONNECT is never given; the connection's facts are in struct milter once known.
 */
enum feed milter_feed(struct milter *mi, struct buf *in, struct msg *m, struct buf *out);

/* The verdict as packets: modifications first, then exactly one final reply. Actions that the MTA did not offer
 * at negotiation are left out and reported by the return value (0 = all was said, else a mask of SMFIF_*). */
uint32_t milter_reply(struct milter *mi, struct msg *m, const struct verdict *v, struct buf *out);

#endif
