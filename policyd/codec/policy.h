/* SPDX-License-Identifier: ISC */
/*
 * The policy door: Postfix policy delegation (SMTPD_POLICY_README; src/util/attr_scan_plain.c) with our own
 * optional attributes for MTAs that can send header facts along (Exim ${readsocket}).
 *
 *	request   = 1*attribute LF
 *	attribute = name "=" value LF		; CR before LF is dropped
 *	name      = 1*<any byte but NUL, "=", LF>
 *	value     = *<any byte but NUL, LF>
 *	reply     = "action=" action LF *repair LF	; never CRLF, nothing before or after
 *	repair    = ( "drop=" address / "add=" address / "sender=" address / "header=" name ": " value ) LF
 *						; only to a client that asked want=repairs
 *
 * Unknown names are ignored, the first of a name wins, `request=smtpd_access_policy` must be there. A NUL or
 * a line without "=" breaks the request. Other control bytes do not (Postfix lets them through in MAIL FROM,
 * and whoever sends one must not escape the rules by it): they are kept as "?". Consumes only what it
 * understood; never blocks, never logs.
 */
#ifndef CODEC_POLICY_H
#define CODEC_POLICY_H

#include <stdbool.h>

#include "base/buf.h"
#include "codec/feed.h"
#include "mail/msg.h"
#include "mail/verdict.h"

enum { POLICY_ROWS = 64 };

struct policy {
	const char *why; /* after FEED_BAD, or when `broken`: a phrase for the log, never NULL then */
	bool broken;     /* the request in msg ended properly but is not usable: answer DUNNO */
	/* the codec's own: the search for the end of the request, kept between two feeds */
	size_t scanned; /* bytes at the front of `in` that were looked at */
	size_t line;    /* where the line begins that is being looked at */
	/* What the lines of the request before were, by the rows of the codec's table: an MTA says the same
	 * things in the same order. */
	unsigned char rows[POLICY_ROWS];
};

void policy_init(struct policy *p);

/*
 * Looks for one whole request at the front of `in`. FEED_MSG: it has been consumed and stands in `m` (which
 * was reset by the caller before); `broken` set: log `why` and call policy_reply() with a passing verdict.
 * Some of its strings are the bytes in `in`: answer it before `in` is touched again.
 * FEED_MORE: `in` was not touched; call again with the same bytes in front. FEED_BAD: POLICY_REQUEST_MAX
 * bytes without an end, or the peer stopped within a line: close without an answer. `half_closed`: the peer
 * will send no more; a request whose lines all ended but whose empty line is missing counts as whole. `in`
 * must be able to hold POLICY_REQUEST_MAX bytes.
 */
enum feed policy_feed(struct policy *p, struct buf *in, bool half_closed, struct msg *m);

/*
 * The answer, exactly; `v` fitted to m->door. Never OK, never an empty action, never digits alone; one
 * action only: the final one, else the first header to add. What cannot be said in a line (an address with a
 * control byte, a header that is to be replaced) is left out. DUNNO when the request was broken.
 */
void policy_reply(struct policy *p, const struct msg *m, const struct verdict *v, struct buf *out);

#endif
