/* SPDX-License-Identifier: ISC */
/*
 * Two threads share `lock` and what is named under it; the database belongs to the journal's thread alone.
 * The loop thread packs a record without the lock and links it under it; the journal's thread takes the whole
 * queue at once and never holds the lock while it is in SQLite. A batch that cannot be written is kept
 * and tried again.
 */
#include "store/journal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "store/journal_queue.h"
#include "store/journal_sqlite.h"

enum {
	COMMIT_EVERY = 200,     /* ms between two commits, unless one of these is met: */
	COMMIT_BYTES = 4 << 20, /* this much waits; also the most that goes into one */
	BACKOFF_FIRST = 100,    /* ms after a failure; doubles */
	BACKOFF_LAST = 10 * MS_SEC,
	LOST_LOG_EVERY = MS_MIN,
	RETAIN_EVERY = MS_MIN,
	RETAIN_PAUSE = 10, /* ms between two slices */
};

struct journal {
	/* the journal's thread alone */
	struct jdb db;
	struct queue batch;
	char *path;
	uint64_t seed;
	int64_t retention;
	int64_t next_commit, next_retain; /* mono ms */
	int64_t backoff;                  /* 0: the last attempt succeeded */
	bool hurried;                     /* saw that it is to stop */

	/* the loop thread alone, once the thread runs */
	pthread_t thread;
	uint64_t max_queue;
	uint64_t lost_logged;
	int64_t next_lost_log;

	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	/* under lock */
	struct queue queue;
	uint64_t in_batch;       /* bytes of `batch` */
	uint64_t given, settled; /* records accepted; of these written or given up, in order */
	uint64_t flush_to;       /* commit at once until `settled` is here */
	bool stop;
	int64_t stop_at; /* mono ms: no more attempts after it */
	struct journal_stats stats;
};

/* Waits on `cond` until mono ms `at`; the lock is held. */
static void
wait_until(struct journal *j, pthread_cond_t *cond, int64_t at)
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
	pthread_cond_timedwait(cond, &j->lock, &ts);
}

/* ---- the journal's thread ---- */

static void
note_failure(struct journal *j)
{
	bool first = j->backoff == 0;

	j->backoff = first ? BACKOFF_FIRST : j->backoff * 2;
	if (j->backoff > BACKOFF_LAST)
		j->backoff = BACKOFF_LAST;
	pthread_mutex_lock(&j->lock);
	j->stats.failures++;
	j->stats.healthy = false;
	pthread_mutex_unlock(&j->lock);
	if (first)
		log_warn("journal state=failing path=%s reason=%s", LOGV(str_of(j->path)),
		    LOGV(str_of(j->db.why)));
}

static void
note_success(struct journal *j)
{
	bool was_failing = j->backoff != 0;

	j->backoff = 0;
	pthread_mutex_lock(&j->lock);
	j->stats.healthy = true;
	pthread_mutex_unlock(&j->lock);
	if (was_failing)
		log_info("journal state=recovered path=%s", LOGV(str_of(j->path)));
}

/* The connection that the next attempt will use. */
static int
ready(struct journal *j)
{
	bool moved = j->db.db && !j->db.suspect && jdb_moved(&j->db);
	int err;

	if (j->db.memory || (j->db.db && !j->db.suspect && !moved))
		return 0;
	if (moved)
		log_warn("journal state=reopening path=%s reason=\"the file is gone or another one\"",
		    LOGV(str_of(j->path)));
	jdb_close(&j->db);
	err = jdb_open(&j->db, j->path, &j->seed, JDB_WAIT_RUN);
	if (err)
		j->db.suspect = true;
	return err;
}

/* Takes the first n records off the batch: they are written, or given up. false: no time for more. */
static bool
settle(struct journal *j, int n, bool written)
{
	uint64_t bytes = j->batch.bytes;
	bool go_on;

	for (int k = 0; k < n; k++)
		xfree(queue_take(&j->batch));
	bytes -= j->batch.bytes;
	pthread_mutex_lock(&j->lock);
	j->in_batch -= bytes;
	j->settled += (uint64_t)n;
	if (written) {
		j->stats.written += (uint64_t)n;
		j->stats.commits++;
	} else {
		j->stats.lost += (uint64_t)n;
	}
	pthread_cond_broadcast(&j->done);
	go_on = !j->stop || clock_now().mono < j->stop_at;
	pthread_mutex_unlock(&j->lock);
	return go_on;
}

/* Writes all of the batch, commit by commit; false: what is left waits for the next attempt. */
static bool
write_batch(struct journal *j)
{
	bool go_on = true;

	while (go_on && j->batch.first) {
		int n = ready(j);

		if (n == 0)
			n = jdb_write(&j->db, &j->batch, COMMIT_BYTES);
		if (n == ERR_SYNTAX) {
			log_error("journal state=dropped-record reason=%s", LOGV(str_of(j->db.why)));
			go_on = settle(j, 1, false);
		} else if (n < 0) {
			note_failure(j);
			go_on = false;
		} else {
			note_success(j);
			go_on = settle(j, n, true);
		}
	}
	return go_on;
}

static void
retain(struct journal *j)
{
	struct now now = clock_now();
	int more = 0;

	if (j->retention > 0 && !j->backoff) {
		more = ready(j);
		if (more == 0)
			more = jdb_retain(&j->db, now.wall - j->retention, now.wall);
		if (more < 0)
			log_debug("journal retention=postponed reason=%s", LOGV(str_of(j->db.why)));
	}
	j->next_retain = now.mono + (more > 0 ? RETAIN_PAUSE : RETAIN_EVERY);
}

/* When there is something to do next; the lock is held. */
static int64_t
next_wake(struct journal *j)
{
	int64_t at = j->next_retain;

	if (j->stop && !j->hurried) {
		/* One try at once, however long the pause has grown. */
		j->hurried = true;
		j->next_commit = 0;
		j->backoff = j->backoff ? BACKOFF_FIRST : 0;
	}
	if (j->backoff) {
		at = j->next_commit;
	} else if (j->queue.first || j->batch.first) {
		if (j->flush_to > j->settled || j->queue.bytes >= COMMIT_BYTES || j->stop)
			return 0;
		if (j->next_commit < at)
			at = j->next_commit;
	}
	if (j->stop && at > j->stop_at)
		at = j->stop_at;
	return at;
}

/* true: time to end. The lock is held. */
static bool
finished(struct journal *j, int64_t now)
{
	return j->stop && ((!j->queue.first && !j->batch.first) || now >= j->stop_at);
}

static void
work(struct journal *j)
{
	bool wrote = true;

	if (j->batch.first) {
		wrote = write_batch(j);
		j->next_commit = clock_now().mono + (wrote ? COMMIT_EVERY : j->backoff);
	}
	if (wrote && clock_now().mono >= j->next_retain)
		retain(j);
}

static void *
run(void *arg)
{
	struct journal *j = arg;

	pthread_mutex_lock(&j->lock);
	while (!finished(j, clock_now().mono)) {
		int64_t at = next_wake(j);

		if (clock_now().mono < at) {
			wait_until(j, &j->wake, at);
			continue;
		}
		if (!j->backoff || clock_now().mono >= j->next_commit) {
			j->in_batch += j->queue.bytes;
			queue_move(&j->batch, &j->queue);
		}
		pthread_mutex_unlock(&j->lock);
		work(j);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

/* ---- the loop thread ---- */

static int
start_thread(struct journal *j)
{
	sigset_t all, old;
	int rc;

	/* Signals are for the loop thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&j->thread, NULL, run, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static void
free_journal(struct journal *j)
{
	jdb_close(&j->db);
	queue_fini(&j->queue);
	queue_fini(&j->batch);
	pthread_cond_destroy(&j->wake);
	pthread_cond_destroy(&j->done);
	pthread_mutex_destroy(&j->lock);
	xfree(j->path);
	xfree(j);
}

static struct journal *
new_journal(const struct store_conf *conf)
{
	struct journal *j = xcalloc(1, sizeof(*j));
	pthread_condattr_t attr;

	j->path = xstrdup(conf->path);
	j->retention = conf->retention;
	j->max_queue = conf->max_queue;
	j->stats.healthy = true;
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->wake, &attr);
	pthread_cond_init(&j->done, &attr);
	pthread_condattr_destroy(&attr);
	return j;
}

int
journal_open(const struct store_conf *conf, struct journal **out, uint64_t *seed, char *why, size_t why_len)
{
	struct journal *j = new_journal(conf);
	int err = jdb_open(&j->db, j->path, &j->seed, JDB_WAIT_OPEN);

	if (!err) {
		int rc = start_thread(j);

		if (rc == 0) {
			*out = j;
			*seed = j->seed;
			return 0;
		}
		snprintf(j->db.why, sizeof(j->db.why), "cannot start a thread: error %d", rc);
		err = ERR_IO;
	}
	snprintf(why, why_len, "%s", j->db.why);
	free_journal(j);
	return err == ERR_BUSY ? ERR_IO : err;
}

void
journal_close(struct journal *j, int64_t grace)
{
	uint64_t left;

	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->stop = true;
	j->stop_at = clock_now().mono + grace;
	pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	left = j->given - j->settled;
	if (j->stats.lost > j->lost_logged)
		log_error("journal state=queue-full lost=%llu max_queue=%llu",
		    (unsigned long long)(j->stats.lost - j->lost_logged), (unsigned long long)j->max_queue);
	if (left)
		log_error("journal state=closed lost=%llu reason=%s", (unsigned long long)left,
		    LOGV(str_of(j->db.why)));
	free_journal(j);
}

/* After the lock is gone: says so at most once a minute. */
static void
log_lost(struct journal *j, uint64_t lost)
{
	int64_t now = clock_now().mono;

	if (now < j->next_lost_log)
		return;
	log_error("journal state=queue-full lost=%llu max_queue=%llu",
	    (unsigned long long)(lost - j->lost_logged), (unsigned long long)j->max_queue);
	j->lost_logged = lost;
	j->next_lost_log = now + LOST_LOG_EVERY;
}

static void
hand_over(struct journal *j, struct packed *p)
{
	bool wake, full;
	uint64_t lost = 0;

	pthread_mutex_lock(&j->lock);
	full = j->queue.bytes + j->in_batch + p->size > j->max_queue;
	if (full) {
		lost = ++j->stats.lost;
		wake = false;
	} else {
		/* The thread needs to hear of the first one, and of enough for a commit. */
		wake = !j->queue.first ||
		    (j->queue.bytes < COMMIT_BYTES && j->queue.bytes + p->size >= COMMIT_BYTES);
		queue_add(&j->queue, p);
		j->given++;
	}
	if (wake)
		pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->lock);
	if (full) {
		xfree(p);
		log_lost(j, lost);
	}
}

void
journal_message(struct journal *j, const struct record *r)
{
	hand_over(j, pack_message(r));
}

void
journal_storm(struct journal *j, const struct record_storm *s)
{
	hand_over(j, pack_storm(s));
}

bool
journal_flush(struct journal *j, int64_t ms)
{
	int64_t at = clock_now().mono + ms;
	uint64_t want;
	bool ok;

	pthread_mutex_lock(&j->lock);
	want = j->given;
	if (j->flush_to < want)
		j->flush_to = want;
	pthread_cond_signal(&j->wake);
	while (j->settled < want && clock_now().mono < at)
		wait_until(j, &j->done, at);
	ok = j->settled >= want;
	pthread_mutex_unlock(&j->lock);
	return ok;
}

void
journal_stats(struct journal *j, struct journal_stats *out)
{
	pthread_mutex_lock(&j->lock);
	*out = j->stats;
	out->waiting = j->given - j->settled;
	pthread_mutex_unlock(&j->lock);
}
