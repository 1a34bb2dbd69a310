/* SPDX-License-Identifier: ISC */
/*
 * Counter operations: rules write them down, a backend answers them. The shapes that both sides share.
 *
 * An op is a reservation: it counts from the moment that it is submitted, so that two copies in flight cannot
 * both slip under a limit. The judge then keeps it (the message passed) or undoes it (it was stopped or void).
 */
#ifndef MAIL_TALLY_H
#define MAIL_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

enum tally_kind {
	TALLY_ADD,	/* a sliding sum: adds n; answer.sum includes it */
	TALLY_DISTINCT, /* a bounded set of elements with hits: answer.distinct and elem_hits include this one */
	TALLY_MIN,	/* keeps the smallest n; answer.sum is it, this one included */
	TALLY_MARK,	/* sets a mark with elem until ttl; answer.known tells whether it was there before */
	TALLY_GET,	/* reads whatever stands under the key, changes nothing */
};

struct tally_op {
	enum tally_kind kind;
	struct key128 key;
	uint64_t elem;	  /* DISTINCT, MARK */
	uint32_t n;	  /* ADD, MIN */
	int64_t window;	  /* ms: what counts; 0 = as long as the entry lives */
	int64_t ttl;	  /* ms after the last touch until the entry may go */
	uint32_t cap;	  /* DISTINCT: elements kept, 1 to 1024; beyond it nothing is stored */
	uint64_t group;	  /* 0 = none; entries of one group are pinned and released together */
};

struct tally_answer {
	bool known;	   /* the entry was there before this op */
	bool stored;	   /* the op changed something that tally_undo() can take back */
	bool elem_known;   /* DISTINCT, MARK: the element was there before */
	uint64_t sum;	   /* ADD, MIN; 0 otherwise */
	uint32_t distinct; /* elements within the window, this one included, cap + 1 when it did not fit */
	uint32_t elem_hits; /* hits of this element within the window, this one included */
	uint32_t ever;	   /* elements that were kept since the entry began, window or not, this one excluded */
	int64_t first, last; /* monotonic ms of the entry's first and last kept touch before this op; 0 unknown */
	uint64_t last_elem; /* DISTINCT, MARK: the element of the last kept touch before this op */
	uint32_t ref;	   /* the backend's own, for undo */
};

#endif
