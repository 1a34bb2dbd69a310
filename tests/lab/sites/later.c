/* SPDX-License-Identifier: ISC */
/* A program started with LAB_LATER=SECONDS lives so many seconds later. Loaded in front of the C library. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t, struct timespec *);

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	static long later;
	int r;

	if (!real) {
		const char *text = getenv("LAB_LATER");

		later = text ? strtol(text, NULL, 10) : 0;
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	}
	r = real(id, ts);
	if (r == 0 && id == CLOCK_REALTIME)
		ts->tv_sec += later;
	return r;
}
