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
	TALLY_TURN,     /* a sliding sum of turns: adds 1 when elem is another than that of the last one */
	TALLY_GET,      /* reads whatever stands under the key, changes nothing */
};

struct tally_op {
	struct key128 key;
	enum tally_kind kind;
	uint32_t n;     /* ADD, MIN */
	uint64_t elem;  /* DISTINCT, MARK, TURN */
	int64_t window; /* ms: what counts; 0 = as long as the entry lives */
	int64_t ttl;    /* ms after the last kept touch until the entry may go; never less than the window */
	uint64_t group; /* 0 = none; entries of one group are pinned and released together */
	uint32_t cap;   /* DISTINCT: elements kept, 1 to TALLY_CAP_MAX; beyond it nothing is stored */
};

enum {
	TALLY_CAP_MAX = 1024,
	TALLY_TURNS_MAX = 65535, /* turns that a span counts */
	TALLY_KEPT_MAX = 4095,   /* kept ops of an entry, or elements ever, are counted so far */
	TALLY_PACE_TURNS = 8,    /* the last intervals between turns, of which the pace is made */
};

struct tally_answer {
	bool known;         /* the entry was there before this op */
	bool stored;        /* the op changed something that tallies_undo() can take back */
	bool forgotten;     /* GET: not there, while marks that had to make room would still stand */
	bool elem_known;    /* DISTINCT, MARK: the element was there before; TURN: it is the last one */
	uint64_t sum;       /* ADD, MIN, TURN; 0 otherwise */
	uint32_t distinct;  /* elements within the window, this one included, cap + 1 when it did not fit */
	uint32_t elem_hits; /* hits of this element within the window, this one included */
	uint32_t ever;      /* elements kept since the entry began, window or not, this one excluded */
	uint32_t others;    /* TURN: the same as `pace`, of the side that did not have the last turn */
	int64_t pace;       /* TURN: how many ms a turn of the slower side takes, a median; 0 unknown */
	int64_t last;       /* monotonic ms of the entry's last kept touch before this op; 0 unknown */
	uint64_t last_elem; /* DISTINCT, MARK, TURN: the element of that last touch; 0 unknown */
	/* the backend's own, for undo */
	uint32_t ref, ref_before; /* of this op, and of the last kept touch before it */
	uint16_t born;            /* of the op that made the entry, some bits */
	int64_t at;               /* monotonic ms of this op */
	uint64_t before;          /* MIN: the number that had to go for it; TURN: the times of turns */
	int64_t before_at;        /* MIN: since when that was there */
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
 * MIN      A minimum that is older than the window is forgotten. The two smallest numbers are remembered,
 *          each since when it is there and how many keep it.
 * MARK     Each one sets the mark anew: its element, its time to live.
 * TURN     The sum slides as that of ADD, to which a turn adds 1: an op whose element is another than that of
 *          the last kept op, or whose last kept op is a window or more ago (or that is the first). A span
 *          counts up to TALLY_TURNS_MAX. The pace comes from how long the last turns (at most
 *          TALLY_PACE_TURNS) came after the last kept op before them, of either element: it is the median of
 *          every second of them, of those of the slower side, and, told apart, of those of the side that
 *          did not have the last turn. After a silence of
 *          a window or more it begins anew: that turn has none. Each of these times is kept roughly: below
 *          a second it is off by up to 128 ms, above by up to 1/8 of itself, and what is above 7 hours
 *          counts as 7 and a half.
 * GET      Counts nothing in: sum, distinct, elem_hits, pace are what stands there. Give the window
 *          of the op that writes. Whoever takes a mark that is not there for a proof looks at `forgotten`
 *          as well: it tells of all marks alike, until the last of those that had to go would have ended.
 *
 * Undo takes back the sum, the hit, the element if that was its only hit, the mark, the number, the turn and
 * its time, and `last`, with an entry of which nothing is left (one of TALLY_KEPT_MAX kept ops and more
 * stays until its time). When several ops on one entry are undone in
 * another order than the reverse of how they came, the counts are right all the same, but `last`,
 * `last_elem` or a mark may name one that was undone, so may a minimum of three or more numbers, and the
 * pace may be that of fewer turns. A turn stays one when what it answered is undone.
 *
 * A backend on another machine may see one submit twice, when its reply was lost. It keeps, for as long as
 * a transaction may last, its answers under the transaction and the key (with the op's place among those on
 * the same key), in the same script that counts, and gives them again instead of counting; undo names the
 * same pair and removes what it finds there, so that it takes back once.
 */

#endif
