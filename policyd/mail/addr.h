/* SPDX-License-Identifier: ISC */
/*
 * Addresses: counting and walking the mailboxes of an address list (RFC 5322 3.4 with the obsolete
 * forms of 4.4, and what real mail has instead of it), and the normal form used in keys.
 * Linear in the input, no recursion, no allocation in the counter.
 */
#ifndef MAIL_ADDR_H
#define MAIL_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum {
	ADDR_TEXT_MAX = 998, /* bytes of one mailbox told to addr_fn (RFC 5322 2.1.1) */
	ADDR_UNDO_MAX = 8,   /* rewritings undone in one address, one inside the other */
};

/*
 * Walks an address-list value (folded or not) and counts its mailboxes: group members count, group
 * names do not; "Undisclosed:;" is 0, "<>" is 0, "a@b,,c@d" is 2; ';' separates as ',' does.
 * Comments, quoted strings, domain literals, encoded words and route addresses are understood.
 *
 * What stands between two separators is one mailbox at most: that in angle brackets if there is one, else
 * the first word with a local part and an '@', else a lone word ("root") or an address in quotes. Not
 * counted: several words or a quoted string without an address (a display name), "@example.org" (nobody at
 * it), a lone word in front of a display name and "<addr>" ("Smith, John <js@example.org>", written without
 * its quotes), and "undisclosed-recipients" without its colon. A '>' that is missing ends at the next
 * separator; a comment that is not closed ends with the value if an address stands before it, else its '(' is
 * skipped; a '"' that is not closed is plain text.
 *
 * For each mailbox `fn` (may be NULL) is called with its addr-spec as written, without comments and white
 * space around '.' and '@'; the string is valid during the call only and cut at ADDR_TEXT_MAX.
 */
typedef void addr_fn(void *arg, struct str addr);
uint32_t addr_list_walk(struct str value, addr_fn *fn, void *arg);

/* The count, and in *work how many bytes were looked at for it: 8 for each byte of the value at most. */
uint32_t addr_list_work(struct str value, uint64_t *work);

/* The first mailbox of a list, original spelling, in `a`; STR_NONE when there is none. */
struct str addr_first(struct arena *a, struct str value);

/* Splits at the last '@' outside quotes. false: no domain, or an empty one (local = whole). */
bool addr_split(struct str addr, struct str *local, struct str *domain);

/* An envelope path: without space and one pair of angle brackets, source route ("@a,@b:") dropped. */
struct str addr_unbracket(struct str path);

enum addr_form {
	ADDR_PLAIN = 0,
	ADDR_NULL, /* "<>", and the pseudo-null senders: see addr_is_null() */
	ADDR_SRS,  /* SRS0=hash=tt=domain=local@forwarder, SRS1=..., bounces+SRS=...; key: the original */
	ADDR_BATV, /* prvs=tag=local@domain, also prvs=local/tag@ (older drafts), btv1==tag==, msprvs1=tag= */
	ADDR_VERP, /* list-bounces+user=domain@, bounce+user==a==domain==list@, list-return-N-user=dom@ */
	ADDR_LIST_OWNER, /* owner-LIST, LIST-owner, LIST-request, LIST-bounces: a list's own return path */
};

struct addr_norm {
	struct str key; /* lower-case local@domain, decoration removed, trailing dot of the domain removed */
	/* the address itself: lower-case, without trailing dot and needless quotes, decoration kept, as lists
	 * and config compare it */
	struct str plain;
	/* of the last decoration undone; that of an SRS address around VERP is ADDR_VERP */
	enum addr_form form;
};

/*
 * The normal form for keys. Case is folded, "+detail" removed (not at the very start of the local part),
 * SRS and BATV undone, VERP reduced to the list's own return path, which is the same for all its readers
 * (list-bounces@, list-return@, owner-list@, Sympa's list-owner@; Google Groups' list+bnc...@ has none but
 * list@); dots are removed for gmail.com and googlemail.com only. Local parts of which each message has a new
 * one without any part that stays (Amazon SES, pure hex) are kept as they are. Strings are in `a`; on
 * exhaustion of `a` both are STR_NONE.
 *
 * The domain of the key is the domain written, but for SRS: there it comes out of the local part, whose hash
 * only the forwarder can verify. So that is done for a well-formed one alone (two base32 letters of time, a
 * domain of letters, digits and hyphens with a dot, a local part). A forged one lends its author the key of
 * somebody else, just as writing that sender in plain does: whoever uses the key may count and stop by it,
 * but must compare trust and exemptions with `plain`.
 */
void addr_normalise(struct arena *a, struct str addr, struct addr_norm *out);

/* "bounces@", "bounce-12-34@", "bounce+a1b2@", "news-bounce@", mlmmj's "news+bounces-7@": nobody's mailbox,
 * but there to take the bounces of a newsletter. A list's own return path is told by `form`. */
bool addr_takes_bounces(const struct addr_norm *norm);

/* "", "<>", and what some MTAs use in its place: #@[], -@[], double-bounce@*, (qmail, Postfix). */
bool addr_is_null(struct str sender);

/* Local part of a system sender: mailer-daemon, postmaster, double-bounce, listserv, majordomo, owner-*,
 * *-request, *-bounces, root, daemon, ... (RFC 5230 4.6, and what filters take for daemons). */
bool addr_is_system(struct str addr);

#endif
