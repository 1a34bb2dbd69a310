/* SPDX-License-Identifier: ISC */
/*
 * The clock of a story, linked in the place of base/clock.c: it stands where the story put it, and from there
 * goes on as fast as the real one, so that threads that wait for a moment see it come.
 */
#include "story.h"

#include <pthread.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct now base;
static int64_t real, latest;

static int64_t
real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * MS_SEC + ts.tv_nsec / 1000000;
}

void
clock_set(struct now now)
{
	pthread_mutex_lock(&lock);
	base = now;
	real = real_ms();
	pthread_mutex_unlock(&lock);
}

struct now
clock_now(void)
{
	struct now now;
	int64_t gone;

	pthread_mutex_lock(&lock);
	gone = real_ms() - real;
	now = (struct now){ base.mono + gone, base.wall + gone };
	if (now.mono < latest)
		now.mono = latest;
	latest = now.mono;
	pthread_mutex_unlock(&lock);
	return now;
}

/* How long work takes is no part of a story. */
int64_t
clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* The spool's thread and its disk are no part of it either. */
int64_t
clock_coarse(void)
{
	return real_ms();
}
