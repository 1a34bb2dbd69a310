/* SPDX-License-Identifier: ISC */
/*
 * The body of a bounce or report: which message came back, who did not get it, who says so. Takes the body in
 * pieces of any size, keeps nothing but the facts, in the arena; never fails; bounded and linear.
 *
 * It understands multipart/report (RFC 3464, 6522, 6533, 8098) and other multiparts, nested ones to
 * DSN_DEPTH_MAX, with quoted-printable and base64, and HTML where there is no other text; and the forms
 * without MIME, where the text is followed by a copy of the message (qmail, Exim, Sendmail, Exchange,
 * Notes): a block of header-like lines with a Message-ID among them, at the beginning of lines or all
 * behind the same "> " or white space.
 *
 * All that is told is the bounce writer's word, and anybody can write a bounce.
 */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "mail/header.h"

enum {
	DSN_BODY_MAX = 256 << 10, /* bytes of a body that are looked at */
	DSN_RCPTS_MAX = 32,       /* recipients kept */
	DSN_DEPTH_MAX = 8,        /* multiparts, one inside the other; what lies deeper is skipped */
};

/* Where the id of the returned message was found; the greater the better. */
enum dsn_source {
	DSN_NOWHERE,
	DSN_BY_REFERENCE, /* In-Reply-To or References of the bounce itself */
	DSN_BY_TEXT,      /* a header-like block in a text */
	DSN_BY_STATUS,    /* Original-Message-ID (RFC 8098), X-Original-Message-ID */
	DSN_BY_PART,      /* the returned message, or its header, as a part of its own */
};

enum dsn_flag {
	DSN_CUT = 1 << 0,         /* the body goes on behind what was looked at */
	DSN_STATUS = 1 << 1,      /* recipients are from a delivery status (RFC 3464) */
	DSN_RCPTS_FIELD = 1 << 2, /* ... from X-Failed-Recipients */
	DSN_RCPTS_TEXT = 1 << 3,  /* ... from the text, lines that begin with an address first: weak */
	DSN_RCPTS_MORE = 1 << 4,  /* more than DSN_RCPTS_MAX */
	DSN_RECEIPT = 1 << 5,     /* a receipt or a complaint is among the parts: nobody failed */
	DSN_STATUS_OWN = 1 << 6,  /* the delivery status, or one of several, is a part of its own, no text */
};

/* Addresses without "rfc822;" and brackets; STR_NONE where nothing was said. */
struct dsn_rcpt {
	struct str final_rcpt;    /* whom the last server tried */
	struct str original_rcpt; /* whom the sender named; not where the bounce goes to that very address */
	struct str action;        /* lower-case: failed, delayed, delivered, relayed, expanded */
	struct str status;        /* 5.1.1 */
	struct str remote_mta;
};

struct dsn_facts {
	enum dsn_source source;   /* of returned_id */
	unsigned flags;           /* enum dsn_flag */
	struct str returned_id;   /* Message-ID as written, angle brackets kept */
	struct str reporting_mta; /* without "dns;" */
	struct dsn_rcpt *rcpts;
	uint32_t rcpt_count; /* in rcpts, DSN_RCPTS_MAX at most */
};

struct dsn_scan;

/* Costs nothing until dsn_begin(); all zero is a proper value. */
struct dsn {
	struct dsn_facts f;
	struct dsn_scan *scan; /* the scanner's own, in the arena */
	size_t taken;
	bool done; /* no more of the body is wanted */
};

/* `h`: the header above the body, whole. */
void dsn_begin(struct dsn *d, struct arena *arena, const struct header_facts *h);
void dsn_feed(struct dsn *d, const char *p, size_t n);

/* The door has only the front of the body: a line that has not ended is forgotten. */
void dsn_cut(struct dsn *d);

/* No more will come. What the body did not tell is taken from the header of the bounce. */
void dsn_end(struct dsn *d, const struct header_facts *h);

/* The address as the sender knows it: the original recipient if told, else the final one. */
struct str dsn_rcpt_addr(const struct dsn_rcpt *r);

/* Not merely late, and not delivered. */
bool dsn_rcpt_failed(const struct dsn_rcpt *r);

/* A delivery status, and nobody in it but those who got the message: it gives nothing back. */
bool dsn_success(const struct dsn_facts *f);

#endif
