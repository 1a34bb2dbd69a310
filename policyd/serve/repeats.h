/* SPDX-License-Identifier: ISC */
/*
 * Log lines that a peer can cause as often as he likes. The first of a kind goes out as it is; how many more
 * come within REPEATS_EVERY is told when that is over, and the next is a first one again. So a program that
 * asks wrongly all day costs two lines a minute, and the log still says who it is and what is wrong.
 */
#ifndef SERVE_REPEATS_H
#define SERVE_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum {
	REPEATS_EVERY = MS_MIN, /* how often the log of this room tells what may go on for hours */
	REPEATS_KINDS = 128,    /* more than there are; beyond, the last takes them all */
};

struct repeats {
	struct repeat {
		const char *door, *what; /* borrowed: literals */
		int64_t until;           /* mono ms */
		uint64_t more;
	} v[REPEATS_KINDS];
	uint32_t n;
};

/* Is it to be logged? Else it is counted. */
bool repeats_first(struct repeats *r, const char *door, const char *what, int64_t mono);
/* Tells what was counted and whose time is over; INT64_MAX: all. */
void repeats_tell(struct repeats *r, int64_t mono);

#endif
