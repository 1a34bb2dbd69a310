/* SPDX-License-Identifier: ISC */
/* The scanner's inner seams: header.c gathers fields, header_fields.c knows what each one means,
 * header_values.c reads what stands within values, header_trace.c the trace fields and mailboxes,
 * header_fold.c unfolds and hashes. */
#ifndef MAIL_HEADER_FIELDS_H
#define MAIL_HEADER_FIELDS_H

#include "mail/header.h"

/* One field; the value may be folded with any kind of line end. */
void header_take(struct header *h, struct str name, struct str value);

/* Adds mailboxes to To (cc false) or Cc; the fact is what was counted or stated, whichever is more. */
void header_count(struct header *h, bool cc, uint32_t n);

void header_take_received(struct header *h, struct str value);
void header_take_delivered_to(struct header *h, struct str value);
void header_take_resent(struct header *h);

/* The value in one line: white space that holds a line end or a tab is one space, for each MTA folds in a way
 * of its own. White space at both ends is dropped, the text is cut at cap. It is in out[cap], or where it
 * was when it needed no change. */
struct str header_unfold(struct str value, char *out, size_t cap);

/* A copy in the arena; when that is full, STR_NONE and HDR_TRUNCATED. */
struct str header_keep(struct header *h, struct str s);
struct str header_keep_value(struct header *h, struct str value); /* unfolded, cut at HEADER_VALUE_KEEP */

/* The next message id of a list of ids; white space inside (a fold) is dropped. Words without brackets, or
 * with commas, and what none closes count when they look like an id. *rest moves on; false at the end. */
bool header_id_next(struct str *rest, char *out, size_t cap, struct str *id);

/* Without comments at the front (RFC 5322 3.2.2), and with one space for each that stands between words; the
 * latter in out, or s itself when it has none. What nothing closes is none. */
struct str header_behind_comments(struct str s);
struct str header_uncomment(struct str s, char *out, size_t cap);

/* Counts the mailboxes of To or Cc, adds them to the audience, looks for a gateway marker among them. */
uint32_t header_walk(struct header *h, struct str value);

/* Text that is hashed together with the sum of what came before. Each run of white space counts as one
 * space, so that folding and line ends make no difference; values are without any at their ends. */
struct header_part {
	unsigned char sum[sizeof(struct key128)];
	char text[HEADER_VALUE_KEEP];
	size_t n; /* of text */
};

void header_part_begin(struct header_part *part, struct key128 sum);
void header_part_name(struct header_part *part, struct str name); /* in lower case, and a line end */

/* Of a value what there is room for; returns how much of it was taken. */
size_t header_part_fill(struct header_part *part, struct str value);

/* Takes the rest of the value, in as many parts as it needs. Never all zero. */
struct key128 header_part_end(struct header_part *part, struct str rest);

#endif
