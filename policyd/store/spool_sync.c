/* SPDX-License-Identifier: ISC */
/*
 * The lock is held for a few instructions at a time, never over a call that may wait for the disk. The
 * descriptor that is followed is closed by this thread alone, once it was retired.
 */
#include "store/spool_sync.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "store/spool_segment.h"
#include "store/thread.h"

enum { RETRY = MS_SEC }; /* after a sync that failed, at least */

struct job {
	struct list node;
	int fd; /* to sync and close; -1: unlink */
	uint64_t first;
};

struct syncer {
	pthread_t thread;
	int dir_fd;
	int64_t every;
	int64_t next; /* mono ms; the thread alone */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under lock */
	struct list jobs;
	int fd; /* followed; -1: none */
	bool dirty, dir_dirty;
	bool stop;
	struct syncer_stats stats;
	_Atomic bool ok; /* read without it */
};

/* ---- the thread ---- */

static void
note(struct syncer *sy, int failed)
{
	bool was_ok;

	pthread_mutex_lock(&sy->lock);
	was_ok = sy->ok;
	sy->ok = failed == 0;
	sy->stats.syncs += failed == 0;
	sy->stats.failures += failed != 0;
	pthread_mutex_unlock(&sy->lock);
	if (failed && was_ok)
		log_error("spool sync=failing reason=%s", LOGV(str_of(strerror(failed))));
	else if (!failed && !was_ok)
		log_info("spool sync=recovered");
}

/* The lock is not held here and in the next ones. */
static void
run_job(struct syncer *sy, struct job *job)
{
	struct segment_name name;

	if (job->fd >= 0) {
		note(sy, fdatasync(job->fd) == 0 ? 0 : errno);
		close(job->fd);
	} else {
		segment_name(&name, job->first, "");
		if (unlinkat(sy->dir_fd, name.text, 0) != 0 && errno != ENOENT)
			log_warn("spool state=cannot-remove segment=%s reason=%s", name.text,
			    LOGV(str_of(strerror(errno))));
	}
	xfree(job);
}

/* `fd` may be -1. Returns 0 or the errno. */
static int
sync_all(struct syncer *sy, int fd, bool dir)
{
	int failed = 0;

	if (fd >= 0 && fdatasync(fd) != 0)
		failed = errno;
	if (dir && fsync(sy->dir_fd) != 0)
		failed = errno;
	return failed;
}

/* The lock is held, but not while the disk is waited for. */
static void
sync_due(struct syncer *sy)
{
	bool dirty = sy->dirty, dir = sy->dir_dirty;
	int fd = dirty ? sy->fd : -1, failed;

	sy->dirty = sy->dir_dirty = false;
	pthread_mutex_unlock(&sy->lock);
	failed = sync_all(sy, fd, dir);
	note(sy, failed);
	sy->next = clock_now().mono + (failed && sy->every < RETRY ? RETRY : sy->every);
	pthread_mutex_lock(&sy->lock);
	if (failed && !sy->stop) {
		sy->dirty = sy->dirty || dirty;
		sy->dir_dirty = sy->dir_dirty || dir;
	}
}

static void *
run(void *arg)
{
	struct syncer *sy = arg;

	pthread_mutex_lock(&sy->lock);
	for (;;) {
		bool dirty = sy->dirty || sy->dir_dirty;

		if (!list_empty(&sy->jobs)) {
			struct job *job = container_of(sy->jobs.next, struct job, node);

			list_del(&job->node);
			pthread_mutex_unlock(&sy->lock);
			run_job(sy, job);
			pthread_mutex_lock(&sy->lock);
		} else if (dirty && (sy->stop || clock_now().mono >= sy->next)) {
			sync_due(sy);
		} else if (sy->stop) {
			break;
		} else if (dirty) {
			thread_wait(&sy->wake, &sy->lock, sy->next);
		} else {
			pthread_cond_wait(&sy->wake, &sy->lock);
		}
	}
	pthread_mutex_unlock(&sy->lock);
	return NULL;
}

/* ---- everybody else ---- */

static void
drop(struct syncer *sy)
{
	pthread_cond_destroy(&sy->wake);
	pthread_mutex_destroy(&sy->lock);
	xfree(sy);
}

int
syncer_start(int dir_fd, int64_t every, struct syncer **out)
{
	struct syncer *sy = xcalloc(1, sizeof(*sy));
	int rc;

	*sy = (struct syncer){ .dir_fd = dir_fd, .every = every, .fd = -1, .ok = true };
	list_init(&sy->jobs);
	pthread_mutex_init(&sy->lock, NULL);
	thread_cond_init(&sy->wake);
	rc = thread_start(&sy->thread, run, sy);
	if (rc != 0) {
		drop(sy);
		errno = rc;
		return ERR_IO;
	}
	*out = sy;
	return 0;
}

/* The thread waits without a time only while nothing is dirty: later writes need not wake it. */
static void
mark(struct syncer *sy, bool dir)
{
	if (!sy->dirty && !sy->dir_dirty)
		pthread_cond_signal(&sy->wake);
	sy->dirty = true;
	sy->dir_dirty = sy->dir_dirty || dir;
}

void
syncer_follow(struct syncer *sy, int fd)
{
	pthread_mutex_lock(&sy->lock);
	sy->fd = fd;
	mark(sy, true);
	pthread_mutex_unlock(&sy->lock);
}

void
syncer_written(struct syncer *sy)
{
	pthread_mutex_lock(&sy->lock);
	mark(sy, false);
	pthread_mutex_unlock(&sy->lock);
}

static void
add_job(struct syncer *sy, int fd, uint64_t first)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->fd = fd;
	job->first = first;
	pthread_mutex_lock(&sy->lock);
	if (fd >= 0) {
		sy->fd = -1;
		sy->dirty = false;
	}
	list_add_tail(&sy->jobs, &job->node);
	pthread_cond_signal(&sy->wake);
	pthread_mutex_unlock(&sy->lock);
}

void
syncer_retire(struct syncer *sy, int fd)
{
	add_job(sy, fd, 0);
}

void
syncer_unlink(struct syncer *sy, uint64_t first)
{
	add_job(sy, -1, first);
}

bool
syncer_ok(const struct syncer *sy)
{
	return sy->ok;
}

void
syncer_stats(struct syncer *sy, struct syncer_stats *out)
{
	pthread_mutex_lock(&sy->lock);
	*out = sy->stats;
	pthread_mutex_unlock(&sy->lock);
}

void
syncer_stop(struct syncer *sy)
{
	if (!sy)
		return;
	pthread_mutex_lock(&sy->lock);
	sy->stop = true;
	pthread_cond_signal(&sy->wake);
	pthread_mutex_unlock(&sy->lock);
	pthread_join(sy->thread, NULL);
	drop(sy);
}
