/* SPDX-License-Identifier: ISC */
/*
 * Messages that differ. A template is text with places of fixed width that each message fills anew:
 *
 *	\001S sender   \001R \001r \001t recipients   \001C client, three numbers with dots
 *	\001I the message: what all its copies share   \001Q this copy alone
 *
 * Which sender, recipients and client a copy has follows from its number, so a run can be repeated.
 */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* How many different ones there are, clients from `client` on; ids 0: each message is another one. */
struct variety {
	uint64_t senders, rcpts, clients, client, ids;
};

struct copy {
	uint64_t serial, id, sender, rcpt, rcpts, client;
};

void copy_make(struct copy *c, const struct variety *v, uint64_t serial);

enum { TEXT_PLACES = 48 };

struct text {
	char *data;
	size_t n;
	unsigned places;
	struct {
		size_t at;
		char what;
	} place[TEXT_PLACES];
};

void text_compile(struct text *t, const char *source);
void text_fill(struct text *t, const struct copy *c); /* in place: data is this copy's now */

/* Base64 of `n` bytes; returns how many characters it wrote: (n + 2) / 3 * 4. */
size_t text_base64(char *out, const char *in, size_t n);

/* The header of an ordinary mail, with the fields in `fields` of them; ends without an empty line. */
extern const char text_header[];

#endif
