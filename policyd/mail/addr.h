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

/*
 * Walks an address-list value (folded or not) and counts its mailboxes: group members count, group
 * names do not; "Undisclosed:;" is 0, "<>" is 0, "a@b,,c@d" is 2; ';' separates as ',' does.
 * Comments, quoted strings, domain literals, encoded words and route addresses are understood.
 * For each mailbox `fn` (may be NULL) is called with its addr-spec as written, without comments;
 * the string is valid during the call only and cut at 998 bytes. A mailbox without '@' counts.
 */
typedef void addr_fn(void *arg, struct str addr);
uint32_t addr_list_walk(struct str value, addr_fn *fn, void *arg);

/* The first mailbox of a list, original spelling, in `a`; STR_NONE when there is none. */
struct str addr_first(struct arena *a, struct str value);

/* Splits at the last '@' outside quotes. false: no domain (local = whole). */
bool addr_split(struct str addr, struct str *local, struct str *domain);

/* An envelope path: without space and one pair of angle brackets, source route ("@a,@b:") dropped. */
struct str addr_unbracket(struct str path);

enum addr_form {
	ADDR_PLAIN = 0,
	ADDR_NULL,  /* "<>", and the pseudo-null senders: see addr_is_null() */
	ADDR_SRS,   /* SRS0=hash=tt=domain=local@forwarder, SRS1=...: the original is the key */
	ADDR_BATV,  /* prvs=tag=local@domain, also prvs=local/tag@ (older drafts) */
	ADDR_VERP,  /* list-bounces+user=domain@, bounce+user==a==domain==list@, list-return-N-user=dom@, +bnc... */
	ADDR_LIST_OWNER, /* owner-LIST, LIST-owner, LIST-request, LIST-bounces: a list's own return path */
};

struct addr_norm {
	struct str key;	   /* lower-case local@domain, decoration removed, trailing dot of the domain removed */
	struct str plain;  /* lower-case only: decoration kept, as lists and config compare it */
	enum addr_form form;
};

/*
 * The normal form for keys. Case is folded, "+detail" removed (not at the very start of the local part),
 * SRS and BATV undone, VERP reduced to the list's address; dots are removed for gmail.com and
 * googlemail.com only. Strings are in `a`; on exhaustion of `a` both are STR_NONE.
 */
void addr_normalise(struct arena *a, struct str addr, struct addr_norm *out);

/* "", "<>", and what some MTAs use in its place: #@[], -@[], double-bounce@*, (qmail, Postfix). */
bool addr_is_null(struct str sender);

/* Local part of a system sender: mailer-daemon, postmaster, double-bounce, listserv, majordomo, owner-*,
 * *-request, *-bounces, root, daemon, ... (PROTOCOLS: procmail's FROM_DAEMON, RFC 5230 4.6). */
bool addr_is_system(struct str addr);

#endif
