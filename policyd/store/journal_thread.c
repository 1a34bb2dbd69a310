/* SPDX-License-Identifier: ISC */
/*
 * The journal's thread: takes what waits, writes it commit by commit, then one part of the snapshot, then a
 * slice of retention, and looks again. A batch that cannot be written is kept and tried again.
 */
#include "store/journal_thread.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/thread.h"

enum {
	COMMIT_EVERY = 200,  /* ms between two commits, unless a flush or COMMIT_BYTES are met */
	BACKOFF_FIRST = 100, /* ms after a failure; doubles */
	BACKOFF_LAST = 10 * MS_SEC,
	RETAIN_EVERY = MS_MIN,
	RETAIN_PAUSE = 10, /* ms between two slices */
	AHEAD = MS_HOUR,
	AHEAD_BELIEVED = MS_DAY,
};

void
journal_note_failure(struct journal *j)
{
	bool first = j->backoff == 0;

	j->backoff = first ? BACKOFF_FIRST : j->backoff * 2;
	if (j->backoff > BACKOFF_LAST)
		j->backoff = BACKOFF_LAST;
	j->healthy = false;
	pthread_mutex_lock(&j->lock);
	j->stats.failures++;
	pthread_mutex_unlock(&j->lock);
	if (first)
		log_warn("journal state=failing path=%s reason=%s", LOGV(str_of(j->path)),
		    LOGV(str_of(j->db.why)));
}

void
journal_note_success(struct journal *j)
{
	bool was_failing = j->backoff != 0;

	j->backoff = 0;
	j->healthy = true;
	if (was_failing)
		log_info("journal state=recovered path=%s", LOGV(str_of(j->path)));
}

/* Another file may have taken the place of ours: what it says of spool and counters is not about ours. It is
 * asked whenever one was opened: of what was there when none could be, nobody knows. */
static int
adopt(struct journal *j)
{
	uint64_t written, most;
	int err;

	pthread_mutex_lock(&j->lock);
	written = j->written_seq;
	most = j->behind && j->behind_seq > j->accepted_seq ? j->behind_seq : j->accepted_seq;
	pthread_mutex_unlock(&j->lock);
	err = jdb_adopt(&j->db, written, most, j->seed);
	if (!err)
		err = parts_load(j); /* an older copy of ours has older ones */
	j->room = 0;
	return err;
}

int
journal_ready(struct journal *j)
{
	bool moved = j->db.db && jdb_moved(&j->db);
	int err;

	if (j->db.memory || (j->db.db && !j->db.suspect && !moved))
		return 0;
	if (moved)
		log_warn("journal state=reopening path=%s reason=\"the file is gone or another one\"",
		    LOGV(str_of(j->path)));
	jdb_close(&j->db);
	err = jdb_open(&j->db, j->path, &j->seed, JDB_WAIT_RUN);
	if (!err)
		err = adopt(j);
	if (err)
		j->db.suspect = true;
	return err;
}

/* Takes the first n records off the batch: they are written, or given up. false: no time for more. */
static bool
settle(struct journal *j, int n, bool written)
{
	uint64_t bytes = j->batch.bytes, top = 0, skipped = (uint64_t)j->db.skipped;
	bool go_on;

	for (int k = 0; k < n; k++) {
		if (j->batch.first->seq > top)
			top = j->batch.first->seq;
		queue_drop(&j->batch);
	}
	bytes -= j->batch.bytes;
	pthread_mutex_lock(&j->lock);
	j->in_batch -= bytes;
	j->settled += (uint64_t)n;
	j->steps++;
	queue_return(&j->queue, &j->batch);
	if (top > j->written_seq)
		j->written_seq = top;
	if (written) {
		j->stats.written += (uint64_t)n - skipped;
		j->stats.skipped += skipped;
		j->stats.commits++;
	} else {
		j->stats.lost += (uint64_t)n;
	}
	pthread_cond_broadcast(&j->done);
	go_on = !j->stop || clock_now().mono < j->stop_at;
	pthread_mutex_unlock(&j->lock);
	return go_on;
}

/* The database refuses the first record for good and is not at fault itself. Its number is used up. */
static int
give_up_first(struct journal *j, bool *go_on)
{
	uint64_t seq = j->batch.first->seq;
	char why[sizeof(j->db.why)];
	int err;

	snprintf(why, sizeof(why), "%s", j->db.why);
	err = seq ? jdb_raise_seq(&j->db, seq) : 0;
	if (err)
		return err;
	log_error("journal state=dropped-record reason=%s", LOGV(str_of(why)));
	journal_note_success(j);
	*go_on = settle(j, 1, false);
	return 0;
}

/* Writes all of the batch, commit by commit; false: what is left waits for the next attempt. */
static bool
write_batch(struct journal *j)
{
	bool go_on = true;

	while (go_on && j->batch.first) {
		int n = journal_ready(j);

		if (n == 0)
			n = jdb_write(&j->db, &j->batch, COMMIT_BYTES);
		if (n == ERR_SYNTAX)
			n = give_up_first(j, &go_on);
		if (n < 0) {
			journal_note_failure(j);
			go_on = false;
		} else if (n > 0) {
			journal_note_success(j);
			go_on = settle(j, n, true);
			room_keep(j);
		}
	}
	return go_on;
}

/* Wall ms above mono ms as the record knows them at a start. A clock that is ahead may have been so before
 * it, too: by what came since it would be believed. */
static int
ask_record(struct journal *j, struct now now)
{
	int64_t settled = 0;
	int err = jdb_settled(&j->db, &settled);

	if (err)
		return err;
	if (settled == 0 || settled > now.wall)
		settled = now.wall;
	j->clock = settled - now.mono;
	j->by_record = true;
	return 0;
}

/* The time by which retention goes. A wall clock that went ahead may be put right again, and what is too old
 * by it would be gone: it is believed when it has stayed there for a day. Until then the one of before goes
 * on: a machine that is off each night, and told the time by the network only, has no such day. A start
 * knows no other one of before than the record's. */
static int64_t
time_believed(struct journal *j, struct now now)
{
	int64_t clock = now.wall - now.mono, moved = clock - j->ahead;
	bool ahead = clock - j->clock > AHEAD;

	if (ahead && (!j->ahead_since || moved > AHEAD || moved < -AHEAD)) {
		j->ahead_since = now.mono;
		j->ahead = clock;
		if (!j->by_record) /* where it may have been off for so long, or nobody wrote */
			log_warn(
			    "journal state=clock-ahead seconds=%lld reason=\"retention waits for a day\"",
			    (long long)((clock - j->clock) / MS_SEC));
	}
	if (ahead && now.mono - j->ahead_since < AHEAD_BELIEVED)
		return j->clock + now.mono;
	j->clock = clock;
	j->ahead_since = 0;
	return now.wall;
}

static int
drop_old(struct journal *j, struct now now)
{
	int err = journal_ready(j);
	int64_t at;

	if (!err && j->clock == 0)
		err = ask_record(j, now);
	if (err)
		return err;
	at = time_believed(j, now);
	j->by_record = false;
	return jdb_retain(&j->db, at - j->retention, at);
}

static void
retain(struct journal *j)
{
	struct now now = clock_now();
	int more = 0;

	if (!j->backoff && room_slice(j)) {
		more = 1;
	} else if (j->retention > 0 && !j->backoff) {
		more = drop_old(j, now);
		if (more < 0)
			log_debug("journal retention=postponed reason=%s", LOGV(str_of(j->db.why)));
	}
	j->next_retain = now.mono + (more > 0 ? RETAIN_PAUSE : RETAIN_EVERY);
}

/* The lock is held. */
static bool
in_a_hurry(const struct journal *j)
{
	return j->flush_to > j->settled || j->queue.bytes >= COMMIT_BYTES || j->stop;
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
	} else {
		if (j->parts_waiting)
			return 0;
		if (j->behind && !j->stop && j->next_refill < at)
			at = j->next_refill;
		if (j->queue.first || j->batch.first) {
			if (in_a_hurry(j))
				return 0;
			if (j->next_commit < at)
				at = j->next_commit;
		}
	}
	if (j->stop && at > j->stop_at)
		at = j->stop_at;
	return at;
}

/* true: time to end. The lock is held. */
static bool
finished(struct journal *j, int64_t now)
{
	bool idle = !j->queue.first && !j->batch.first && j->parts_waiting == 0;

	return j->stop && (idle || now >= j->stop_at);
}

/* All that waits goes into the batch, if it is time to commit. true: then to the spool. The lock is held. */
static bool
take_turn(struct journal *j)
{
	int64_t now = clock_now().mono;
	bool refill = j->behind && !j->stop && now >= j->next_refill;

	if (j->backoff && now < j->next_commit)
		return false;
	if (refill || in_a_hurry(j) || now >= j->next_commit) {
		j->in_batch += j->queue.bytes;
		queue_move(&j->batch, &j->queue);
	}
	return refill;
}

static bool
commit(struct journal *j)
{
	bool wrote = write_batch(j);

	j->next_commit = clock_now().mono + (wrote ? COMMIT_EVERY : j->backoff);
	return wrote;
}

static void
work(struct journal *j, bool refill)
{
	if (j->batch.first && !commit(j))
		return;
	if (refill && refill_batch(j) && !commit(j))
		return;
	if (!parts_write_one(j)) {
		j->next_commit = clock_now().mono + j->backoff;
		return;
	}
	if (clock_now().mono >= j->next_retain)
		retain(j);
}

void *
journal_run(void *arg)
{
	struct journal *j = arg;
	struct now now = clock_now();

	/* before it holds what comes now, with the time of a clock that is not believed yet; else later */
	if (j->retention > 0 && !j->backoff && ask_record(j, now) == 0)
		(void)time_believed(j, now);
	pthread_mutex_lock(&j->lock);
	while (!finished(j, clock_now().mono)) {
		int64_t at = next_wake(j);
		bool refill;

		if (clock_now().mono < at) {
			thread_wait(&j->wake, &j->lock, at);
			continue;
		}
		refill = take_turn(j);
		pthread_mutex_unlock(&j->lock);
		work(j, refill);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}
