/* SPDX-License-Identifier: ISC */
#include "store/thread.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"

int
thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int rc;

	/* Signals are for the loop thread, but for the one that a thread's own access to memory brings: where
	 * that is blocked the process ends, and ring_guard() is not asked. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

void
thread_ask_background(void)
{
	rlim_t need = (rlim_t)(20 - getpriority(PRIO_PROCESS, 0)); /* so says getrlimit(2) */
	struct rlimit lim;

	if (getrlimit(RLIMIT_NICE, &lim) != 0 || lim.rlim_cur >= need)
		return;
	lim.rlim_cur = need;
	if (lim.rlim_max < need)
		lim.rlim_max = need;
	(void)setrlimit(RLIMIT_NICE, &lim);
}

bool
thread_background(pthread_t thread, bool background)
{
	const struct sched_param none = { 0 };

	return pthread_setschedparam(thread, background ? SCHED_IDLE : SCHED_OTHER, &none) == 0;
}

static void *
there_and_back(void *able)
{
	*(bool *)able = thread_background(pthread_self(), true) && thread_background(pthread_self(), false);
	return NULL;
}

bool
thread_may_background(void)
{
	bool able = false;
	pthread_t thread;

	if (thread_start(&thread, there_and_back, &able) == 0)
		pthread_join(thread, NULL);
	return able;
}

void
thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void
thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t at)
{
	int64_t ms = at - clock_now().mono;
	struct timespec ts;

	if (ms <= 0)
		return;
	/* The condition's clock stands still while the machine sleeps, ours does not: add what is left. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += (time_t)(ms / 1000);
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(cond, lock, &ts);
}
