/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <time.h>

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * MS_SEC + ts.tv_nsec / 1000000;
}

struct now
clock_now(void)
{
	/* BOOTTIME also counts the time that a laptop or a paused machine slept. */
	return (struct now){ read_ms(CLOCK_BOOTTIME), read_ms(CLOCK_REALTIME) };
}

int64_t
clock_us(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_coarse(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
	return read_ms(CLOCK_MONOTONIC_COARSE);
#else
	return read_ms(CLOCK_MONOTONIC);
#endif
}
