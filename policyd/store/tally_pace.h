/* SPDX-License-Identifier: ISC */
/*
 * The last eight times between turns, each as a small floating number of six bits: one of 63 steps, four to
 * a doubling, the last one open. mail/tally.h says how exact that is.
 *
 *	bits 0-5 the youngest, ... bits 42-47 the oldest; 0 = none
 */
#ifndef STORE_TALLY_PACE_H
#define STORE_TALLY_PACE_H

#include <stdint.h>

#define PACE_ALL (((uint64_t)1 << 48) - 1)

/* As it lies in an entry. */
struct pace48 {
	uint16_t w[3];
};

static inline uint64_t
pace48_get(struct pace48 p)
{
	return (uint64_t)p.w[0] | (uint64_t)p.w[1] << 16 | (uint64_t)p.w[2] << 32;
}

static inline struct pace48
pace48_of(uint64_t v)
{
	return (struct pace48){ { (uint16_t)v, (uint16_t)(v >> 16), (uint16_t)(v >> 32) } };
}

/* One more; the oldest of eight drops out. */
uint64_t pace_add(uint64_t pace, int64_t ms);

/* Without one of those that look like this; as it is when there is none. */
uint64_t pace_without(uint64_t pace, int64_t ms);

/* Every second one is one speaker's: the median of the slower one's, and of the one's who did not speak
 * last. */
struct pace_medians {
	int64_t slower, other; /* ms, 0 = there is none; the mean of the middle ones of an even number */
};

struct pace_medians pace_medians(uint64_t pace);

#endif
