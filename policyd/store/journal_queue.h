/* SPDX-License-Identifier: ISC */
/*
 * Records on their way to the journal's thread, one behind the other in blocks that never move. A message is
 * the bytes of record_pack(), the same that the spool has; who writes them down makes sense of them. So
 * handing one over costs one copy, and no memory of its own.
 */
#ifndef STORE_JOURNAL_QUEUE_H
#define STORE_JOURNAL_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "mail/record.h"

enum { JOURNAL_TEXT_MAX = 4096 }; /* bytes kept of any one string */

/* What is to be queued. */
struct given {
	uint64_t seq;
	const struct record_storm *storm; /* NULL: it is a message */
	struct str bytes;                 /* of the message */
	size_t size;                      /* what it will take of the queue */
};

struct given given_message(uint64_t seq, struct str bytes);
struct given given_storm(const struct record_storm *s);

struct packed {
	struct packed *next;
	size_t size;
	uint64_t seq;
	const struct record_storm *storm;
	struct str bytes;
};

struct queue_block;

struct queue {
	struct packed *first, *last;
	struct queue_block *blocks, *last_block;
	struct queue_block *spare; /* empty blocks */
	unsigned n_spare;
	size_t bytes;
	uint64_t n;
};

/* Copies all of it. Strings of a storm are cut at JOURNAL_TEXT_MAX. */
void queue_add(struct queue *q, const struct given *g);
void queue_drop(struct queue *q); /* the first one; there is one */
/* Moves all of `from` to the end of `to`. */
void queue_move(struct queue *to, struct queue *from);
/*
 * Memory goes back where it comes from: to free it takes a lock that the loop's malloc(3) needs, or the
 * kernel for its pages, and the journal's thread may stand still with that. So blocks that a queue got by
 * queue_move() are spare when they are empty, and queue_return() gives them back to the one that made them.
 * queue_surplus() takes out those that are more than `keep` or larger than usual, for queue_free().
 */
void queue_return(struct queue *to, struct queue *from);
struct queue_block *queue_surplus(struct queue *q, unsigned keep) MUSTCHECK;
void queue_free(struct queue_block *blocks);
void queue_fini(struct queue *q);

#endif
