/* SPDX-License-Identifier: ISC */
/*
 * Records on their way to the journal's thread: one allocation each, strings behind it. Text is made fit
 * for a database and a terminal on the way: control characters and bytes that are not UTF-8 become '?'.
 */
#ifndef STORE_JOURNAL_QUEUE_H
#define STORE_JOURNAL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/record.h"

enum { JOURNAL_TEXT_MAX = 4096 }; /* bytes kept of any one string */

struct packed {
	struct packed *next;
	size_t size; /* of the whole allocation */
	bool is_storm;
	union {
		struct record message;
		struct record_storm storm;
	} u;
};

static inline uint64_t
packed_seq(const struct packed *p)
{
	return p->is_storm ? p->u.storm.seq : p->u.message.seq;
}

struct queue {
	struct packed *first, *last;
	size_t bytes;
	uint64_t n;
};

/* Copies of everything; xfree() frees them. */
struct packed *pack_message(const struct record *r);
struct packed *pack_storm(const struct record_storm *s);

void queue_add(struct queue *q, struct packed *p);
struct packed *queue_take(struct queue *q); /* NULL when empty */
/* Moves all of `from` to the end of `to`. */
void queue_move(struct queue *to, struct queue *from);
void queue_fini(struct queue *q);

#endif
