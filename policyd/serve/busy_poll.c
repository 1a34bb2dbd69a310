/* SPDX-License-Identifier: ISC */
#include "serve/busy_poll.h"

#include <sched.h>
#include <unistd.h>

/* Those that we may run on. */
static long
processors(void)
{
#ifdef __linux__
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return CPU_COUNT(&set);
#endif
	return sysconf(_SC_NPROCESSORS_ONLN);
}

void
busy_poll_init(struct busy_poll *b)
{
	*b = (struct busy_poll){ .allowed = processors() > 1 };
}

void
busy_poll_woke(struct busy_poll *b, int64_t us)
{
	b->woke = us;
}

bool
busy_poll_on(struct busy_poll *b, uint64_t served, bool alone, int64_t us)
{
	if (served != b->served) {
		int64_t soon = b->worth ? BUSY_POLL_US : BUSY_POLL_SLEPT_US;

		b->worth = b->woke - b->rested < soon && alone;
		b->rested = us;
		b->served = served;
	}
	return b->allowed && b->worth && us - b->rested < BUSY_POLL_US;
}
