/* SPDX-License-Identifier: ISC */
/* The scanner's inner seams: header.c gathers fields, header_fields.c knows what each one means,
 * header_trace.c reads the trace fields and holds what they all share. */
#ifndef MAIL_HEADER_FIELDS_H
#define MAIL_HEADER_FIELDS_H

#include "mail/header.h"

/* One field; the value may be folded with any kind of line end. */
void header_take(struct header *h, struct str name, struct str value);

/* Adds mailboxes to To (cc false) or Cc; the fact is what was counted or stated, whichever is more. */
void header_count(struct header *h, bool cc, uint32_t n);

void header_take_received(struct header *h, struct str value);
void header_take_delivered_to(struct header *h, struct str value);

/* Unfolds into out[cap]: line ends go, with a space in their place where none follows. White space at both
 * ends is dropped, the text is cut at cap. */
struct str header_unfold(struct str value, char *out, size_t cap);

/* A copy in the arena; when that is full, STR_NONE and HDR_TRUNCATED. */
struct str header_keep(struct header *h, struct str s);
struct str header_keep_value(struct header *h, struct str value); /* unfolded, cut at HEADER_VALUE_KEEP */

/* Counts the mailboxes of To or Cc, adds them to the audience, and looks for a gateway marker among them. */
uint32_t header_walk(struct header *h, struct str value);

/* Feeds the value with each run of white space as one space and none at its ends, so that folding and
 * line ends make no difference. */
void header_hash_folded(struct hash *hash, struct str value);

#endif
