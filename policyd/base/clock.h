/* SPDX-License-Identifier: ISC */
/*
 * Two clocks in one value: windows run on monotonic time, which no administrator can set back;
 * records carry wall time. Pure rooms get a `struct now` as an argument and never ask.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct now {
	int64_t mono; /* milliseconds, arbitrary origin, never goes back */
	int64_t wall; /* milliseconds since 1970-01-01 UTC */
};

enum { MS_SEC = 1000, MS_MIN = 60 * MS_SEC, MS_HOUR = 60 * MS_MIN, MS_DAY = 24 * MS_HOUR };

struct now clock_now(void);

/* Microseconds, arbitrary origin, never goes back: for how long a piece of work takes, nothing else. */
int64_t clock_us(void);

/* Milliseconds of a clock of its own, some ms late, never goes back: where it is asked with each message. */
int64_t clock_coarse(void);

#endif
