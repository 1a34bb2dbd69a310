/* SPDX-License-Identifier: ISC */
/*
 * The header scanner (RFC 5322 2.2, 4.5): takes a header block in pieces of any size, or field by
 * field as a milter gets it, and keeps only the facts that rules ask for. Never fails: what it cannot
 * read it skips and remembers as a flag. Linear in the input.
 *
 * It accepts CRLF, LF and lone CR as line ends (mixed too), folded lines, 8-bit bytes, NUL, lines of
 * any length, a missing colon (the line is skipped), a leading mbox "From " or ">From " line, space
 * before the colon. The block ends at the first empty line; what follows is not looked at.
 * One or two CR before a LF are one line end with it; two CR without a LF are an empty line.
 * Single-valued fields: the first wins (RFC 7352 says the same for Message-ID), later ones set `dup`.
 * To and Cc: mailboxes of all fields of that name are added up.
 * Beyond HEADER_MAX bytes nothing is gathered any more; the empty line is still looked for.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "mail/audience.h"

struct strset;

/* One Received field (RFC 5321 4.4), top of the header first. Strings are in the arena, as written,
 * STR_NONE when the clause is missing. */
struct hop {
	struct str from;      /* name after "from": what the client called itself */
	struct str from_ip;   /* address literal of the client, without brackets */
	struct str from_rdns; /* host name in the comment after "from", if any */
	struct str by;        /* name after "by" */
	struct str id;        /* "id" clause; of qmail's own line the process number */
	struct str rcpt;      /* "for" clause, without brackets */
	struct str date;      /* what stands behind the first ';' */
	uint64_t hash;        /* of the whole field value, white space folded; not seeded */
	bool lmtp;            /* "with LMTP": a delivery to the mailbox */
	bool fetched;         /* "with POP3", "with IMAP": taken out of one */
	bool login;           /* "with ESMTPSA", "with HTTP": whoever brought it had logged in (RFC 3848) */
};

enum header_flag {
	HDR_TRUNCATED = 1 << 0, /* cut by a cap of ours or by the door: counts mean "at least" */
	HDR_DUP_MESSAGE_ID = 1 << 1,
	HDR_LIST_POST = 1 << 2,        /* List-Post, List-Help, List-Subscribe, List-Owner or List-Archive */
	HDR_LIST_UNSUBSCRIBE = 1 << 3, /* weak: newsletters carry it too */
	HDR_LIST_OTHER = 1 << 4,       /* Mailing-List, X-Mailing-List, X-ML-Name, X-BeenThere, ... */
	HDR_AUTO_RESPONDER = 1 << 5,   /* X-Autoreply, X-Autoresponder, X-Amazon-Auto-Reply, ... */
	HDR_FAILED_RCPTS = 1 << 6,     /* X-Failed-Recipients (Exim, Gmail) */
	HDR_RESENT = 1 << 7,           /* any Resent-* */
	HDR_BAD_LINE = 1 << 8,         /* a line without colon, or a control byte in a name */
	HDR_GATEWAY_MARKER = 1 << 9,   /* a To/Cc/Delivered-To mailbox begins with a configured marker */
	HDR_ANY = 1 << 10,             /* at least one field was seen */
	HDR_TO = 1 << 11,              /* at least one To/Cc field was there */
	HDR_MAILER_DAEMON_FROM = 1 << 12, /* From is MAILER-DAEMON@, "Mail Delivery System", ... */
	HDR_NDR_MARK = 1 << 13,           /* a bounce writer's own field: X-MS-Exchange-Message-Is-Ndr, ... */
	HDR_AUTO_FAILURE = 1 << 14, /* Auto-Submitted: auto-generated (failure), auto-replied (rejected);
	                               X-Ricevuta: errore-consegna */
	HDR_INBOX_RULE = 1 << 15,   /* X-MS-Exchange-Inbox-Rules-Loop: out-of-office or a forwarding rule */
	HDR_THREAD_INDEX_REPLY = 1 << 16, /* Thread-Index is longer than its root */
	HDR_TLS_REPORT = 1 << 17,         /* TLS-Report-Domain (RFC 8460) */
	HDR_CRON = 1 << 18,               /* X-Cron-Env */
	HDR_NULL_PATH = 1 << 19,          /* some Return-Path is <>: a forwarder may have put its own above */
	HDR_CHAT = 1 << 20,               /* Chat-Version: people who chat by mail */
	HDR_OPT_OUT = 1 << 21,            /* X-Apple-Unsubscribe: a mail program asks to be left alone */
	HDR_JOURNAL = 1 << 22,            /* X-MS-Journal-Report: Exchange's copy for an archive */
	HDR_CALENDAR = 1 << 23,           /* an appointment: Content-Class of Exchange, text/calendar */
	HDR_VALUES = 1 << 24,             /* a door told some fields: others may be there */
	HDR_LATE = 1 << 25,               /* X-Ricevuta: preavviso-errore-consegna */
};

struct header_facts {
	unsigned flags;            /* enum header_flag */
	struct str message_id;     /* as written, unfolded and trimmed, angle brackets kept */
	struct str date, subject;  /* unfolded, trimmed; undecoded */
	struct str from;           /* whole value, cut at HEADER_VALUE_KEEP */
	struct str from_addr;      /* first mailbox of From */
	struct str sender_addr;    /* first mailbox of Sender */
	struct str reply_to;       /* first mailbox */
	struct str return_path;    /* Return-Path, without brackets; "" when it is <> */
	struct str references;     /* first id of References (the root) */
	struct str last_reference; /* last id of References */
	struct str in_reply_to;    /* first id of In-Reply-To */
	struct str thread_index;   /* Thread-Index: base64 of the first 22 bytes = the root, as text */
	struct str auto_submitted; /* value, lower-case keyword without parameters or comments */
	struct str precedence;
	struct str list_id;           /* what stands in <>, else the whole value */
	struct str list_name;         /* the first of List-Post, X-BeenThere, ... */
	struct str auto_suppress;     /* X-Auto-Response-Suppress */
	struct str content_type;      /* lower-case type/subtype */
	struct str report_type;       /* lower-case report-type parameter */
	struct str boundary;          /* boundary parameter as written; none when beyond MIME_BOUNDARY_MAX */
	struct str transfer_encoding; /* Content-Transfer-Encoding */
	struct str failed_rcpts;      /* X-Failed-Recipients: an address list */
	struct str about_id;          /* X-Riferimento-Message-ID (Italy's PEC) */
	struct str x_loop;
	struct str mailer;           /* X-Mailer or User-Agent */
	struct str gateway_marker;   /* the first mailbox that carries one */
	uint32_t to_count, cc_count; /* mailboxes */
	struct audience audience;    /* From, To and Cc together */
	struct hop *hops;          /* HEADER_HOPS_MAX at most: the top ones, and the bottom one as the last */
	uint32_t n_hops;           /* kept in hops */
	uint32_t hop_count;        /* Received fields seen */
	uint64_t skipped_hops;     /* running hash of those between, 0 when none */
	struct str *delivered_to;  /* Delivered-To, top first, HEADER_DELIVERED_MAX at most */
	uint32_t *delivered_below; /* of each: how many Received lines stand above it */
	uint32_t n_delivered_to;
	uint32_t delivered_resent; /* a bit each: a Resent field stands above it, and no Received between */
	struct str original_to; /* X-Original-To (Postfix) or Envelope-To (Exim), without brackets */
	/* Hash of all fields, white space folded, but Message-ID, which an MTA may make up anew at each
	 * attempt, and trace fields (Received, Return-Path, Delivered-To, X-Original-To, Envelope-To,
	 * X-Envelope-*, X-Received, Delivery-Date); not seeded. */
	struct key128 stable;
};

/* Mailboxes of To and Cc are told to the caller while they go by (for "wide" audiences and markers). */
struct header {
	struct arena *arena;          /* not owned: facts' strings live there */
	const struct strset *markers; /* not owned, may be NULL */
	struct header_facts f;
	/* below: the scanner's own */
	struct buf field;               /* the field being gathered, folded */
	struct key128 running;          /* of `stable`: H(previous, name, value) a field */
	size_t taken;                   /* bytes so far, HEADER_MAX at most are looked at */
	uint32_t counted[2], stated[2]; /* To, Cc: from fields, and from header_state_count() */
	uint32_t resent_below;          /* how many Received lines stand above the last Resent field */
	char *last_hop; /* text of the bottom Received line once the others fill their places */
	uint32_t cap_hops;
	int state;
	bool begun; /* the first line is behind us */
	bool done;
};

/* `markers` (may be NULL) outlives the header. */
void header_init(struct header *h, struct arena *arena, const struct strset *markers);
void header_fini(struct header *h);
void header_reset(struct header *h); /* the same arena, which the caller resets itself */

/* Raw bytes of the block. Returns how many it took: less than n once the empty line was met. */
size_t header_feed(struct header *h, const char *p, size_t n);

/* The same where nothing but header_state_count() and header_end() follows: the last field is read where it
 * lies. */
size_t header_feed_last(struct header *h, const char *p, size_t n);

/* One whole field, value without the line end at its end (a milter's SMFIC_HEADER). */
void header_field(struct header *h, struct str name, struct str value);

/* No more will come: closes the last field. Facts are valid from here until arena reset. */
const struct header_facts *header_end(struct header *h);

/* A Message-ID without its brackets and the space beside them: gateways add and drop both. */
struct str header_bare_id(struct str id);

/* May a field be given this name (RFC 5322 3.6.8)? Printable, neither space nor colon. */
bool header_name_fit(struct str name);

/* A count stated by the door (to_count=, cc_count=): takes part as "at least". */
void header_state_count(struct header *h, bool cc, uint32_t count);

#endif
