/* SPDX-License-Identifier: ISC */
/* Small floating numbers: two bits behind the highest one, and how far that one is shifted. */
#include "store/tally_pace.h"

#include "mail/tally.h"

enum { BITS = 6, MASK = 63, LAST_STEP = 62, UNIT = 256 /* ms */ };

/* 1 to 63 */
static unsigned
code_of(int64_t ms)
{
	uint64_t q = ms > 0 ? (uint64_t)ms / UNIT : 0;
	unsigned high, step;

	if (q < 4)
		return (unsigned)q + 1;
	high = 63 - (unsigned)__builtin_clzll(q);
	step = (high - 1) * 4 + ((q >> (high - 2)) & 3);
	return (step < LAST_STEP ? step : LAST_STEP) + 1;
}

/* The middle of the step. */
static int64_t
ms_of(unsigned code)
{
	unsigned step = code - 1, shift = step < 4 ? 0 : step / 4 - 1;
	int64_t units = step < 4 ? step : 4 + step % 4;

	return ((units << shift) * 2 + ((int64_t)1 << shift)) * UNIT / 2;
}

uint64_t
pace_add(uint64_t pace, int64_t ms)
{
	return (pace << BITS | code_of(ms)) & PACE_ALL;
}

uint64_t
pace_without(uint64_t pace, int64_t ms)
{
	unsigned code = code_of(ms);

	for (unsigned at = 0; at < TALLY_PACE_TURNS * BITS; at += BITS) {
		uint64_t younger = pace & (((uint64_t)1 << at) - 1);

		if ((pace >> at & MASK) == code)
			return pace >> (at + BITS) << at | younger;
	}
	return pace;
}

/* Of every second one, from bit `at` on; 0: there is none. */
static int64_t
median_from(uint64_t pace, unsigned at)
{
	unsigned sorted[TALLY_PACE_TURNS / 2], n = 0;

	for (; at < TALLY_PACE_TURNS * BITS && pace >> at; at += 2 * BITS) {
		unsigned code = pace >> at & MASK, k;

		if (!code)
			continue;
		for (k = n++; k > 0 && sorted[k - 1] > code; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = code;
	}
	if (!n)
		return 0;
	return (ms_of(sorted[(n - 1) / 2]) + ms_of(sorted[n / 2])) / 2;
}

struct pace_medians
pace_medians(uint64_t pace)
{
	int64_t last = median_from(pace, 0), other = median_from(pace, BITS);

	return (struct pace_medians){ .slower = last > other ? last : other, .other = other };
}
