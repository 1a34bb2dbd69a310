/* SPDX-License-Identifier: ISC */
/*
 * Counter operations: rules write them down, a backend answers them. The shapes that both sides share.
 *
 * An op is a reservation: it counts from the moment that it is submitted, so that two copies in flight cannot
 * both slip under a limit. The judge then keeps it (the message passed) or undoes it (it was stopped or
 * void).
 */
#ifndef MAIL_TALLY_H
#define MAIL_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

enum tally_kind {
	TALLY_ADD,      /* a sliding sum: adds n; answer.sum includes it */
	TALLY_DISTINCT, /* a bounded set of elements with hits: distinct and elem_hits include this one */
	TALLY_MIN,      /* keeps the smallest n; answer.sum is it, this one included */
	TALLY_MARK,     /* sets a mark with elem until ttl; answer.known tells whether it was there before */
	TALLY_GET,      /* reads whatever stands under the key, changes nothing */
};

struct tally_op {
	enum tally_kind kind;
	struct key128 key;
	uint64_t elem;  /* DISTINCT, MARK */
	uint32_t n;     /* ADD, MIN */
	int64_t window; /* ms: what counts; 0 = as long as the entry lives */
	int64_t ttl;    /* ms after the last kept touch until the entry may go; never less than the window */
	uint32_t cap;   /* DISTINCT: elements kept, 1 to TALLY_CAP_MAX; beyond it nothing is stored */
	uint64_t group; /* 0 = none; entries of one group are pinned and released together */
};

enum { TALLY_CAP_MAX = 1024 };

struct tally_answer {
	bool known;         /* the entry was there before this op */
	bool stored;        /* the op changed something that tally_undo() can take back */
	bool elem_known;    /* DISTINCT, MARK: the element was there before */
	uint64_t sum;       /* ADD, MIN; 0 otherwise */
	uint32_t distinct;  /* elements within the window, this one included, cap + 1 when it did not fit */
	uint32_t elem_hits; /* hits of this element within the window, this one included */
	uint32_t ever; /* elements that were kept since the entry began, window or not, this one excluded */
	/* monotonic ms of the entry's first and last kept touch before this op; 0 unknown */
	int64_t first, last;
	uint64_t last_elem; /* DISTINCT, MARK: the element of the last kept touch before this op; 0 unknown */
	/* the backend's own, for undo */
	uint32_t ref;
	int64_t at;      /* monotonic ms of this op */
	uint64_t before; /* MIN: what stood there before it */
};

/*
 * In more words, the same for every backend:
 *
 * ADD      Time is cut into spans of one window, the first begins with the entry's first touch. The sum is
 *          all that was added in the present span, plus what was added in the span before it times the
 *          share of that span which the window still reaches, rounded up. So what comes at the beginning of
 *          a span counts in full for one window and fades over the next, what comes at its end fades from
 *          then on and is gone a window later: exact for a steady stream, off by less than what one span
 *          held for a burst.
 * DISTINCT An element that was not touched for a window drops out; when it comes again later it is a new
 *          one (and `ever` counts it again). Hits begin anew with the first touch that is a window or
 *          more after the first of those counted. An element that does not fit changes nothing at all.
 * MIN      A minimum that is older than the window is forgotten.
 * MARK     Each one sets the mark anew: its element, its time to live.
 * GET      Counts nothing in: sum, distinct and elem_hits are what stands there. Give the window
 *          of the op that writes.
 *
 * Undo takes back the sum, the hit, the element if that was its only hit, the mark, the minimum, and
 * `last`, with an entry of which nothing is left. When several ops on one entry are undone in another
 * order than the reverse of how they came, the counts are right all the same, but `first`, `last`,
 * `last_elem`, a mark or a minimum may name one that was undone.
 */

#endif
