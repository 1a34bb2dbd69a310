/* SPDX-License-Identifier: ISC */
/* The loop thread's side of the journal: it opens and closes it, watches over the thread, waits for it. */
#include "store/journal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "store/journal_thread.h"
#include "store/thread.h"

enum {
	SPARE_BLOCKS = 8, /* kept for the next records, 128 KB each */
	CALM_TICKS = 10,  /* before it goes to the background again */
	STILL_TICKS = 2,  /* without a step: a commit is due each fifth of a second */
};

static void
free_journal(struct journal *j)
{
	jdb_close(&j->db);
	queue_fini(&j->queue);
	queue_fini(&j->batch);
	parts_fini(j);
	buf_fini(&j->scratch);
	buf_fini(&j->fresh);
	pthread_cond_destroy(&j->wake);
	pthread_cond_destroy(&j->done);
	pthread_mutex_destroy(&j->lock);
	xfree(j->path);
	xfree(j);
}

static struct journal *
new_journal(const struct store_conf *conf, const struct journal_hooks *hooks)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	if (hooks)
		j->hooks = *hooks;
	j->parts = xcalloc(j->hooks.parts + 1, sizeof(*j->parts));
	j->path = xstrdup(conf->path);
	j->retention = conf->retention;
	j->max_queue = conf->max_queue;
	j->max_journal = conf->max_journal;
	j->healthy = true;
	j->may_background = thread_may_background();
	pthread_mutex_init(&j->lock, NULL);
	thread_cond_init(&j->wake);
	thread_cond_init(&j->done);
	return j;
}

/* A full disk is no reason not to serve: what the database knows has been read, the thread tries again. */
static void
begin_failing(struct journal *j, const char *why)
{
	jdb_close(&j->db);
	snprintf(j->db.why, sizeof(j->db.why), "%s", why);
	journal_note_failure(j);
	j->next_commit = clock_now().mono + j->backoff;
}

static int
open_database(struct journal *j)
{
	char why[sizeof(j->db.why)] = "";
	int err = jdb_open(&j->db, j->path, &j->seed, JDB_WAIT_OPEN);

	if (err && j->db.no_room) {
		snprintf(why, sizeof(why), "%s", j->db.why);
		jdb_close(&j->db);
		err = jdb_open_alone(&j->db, j->path, &j->seed, JDB_WAIT_OPEN);
	}
	if (!err)
		err = jdb_seq(&j->db);
	if (!err)
		err = parts_load(j);
	j->accepted_seq = j->written_seq = j->db.seq; /* before it is asked whether the file is still ours */
	if (!err)
		room_keep(j); /* nothing goes yet: it takes note of what is used */
	if (!err && why[0])
		begin_failing(j, why);
	return err == ERR_BUSY ? ERR_IO : err;
}

/* Nobody waits for what is done there, and it costs a quarter of all the rest: the loop, and those who hand
 * us mail, come first. */
static void
go_to_background(struct journal *j)
{
	if (!j->may_background || j->background)
		return;
	j->background = true;
	(void)thread_background(j->thread, true);
}

static void
come_to_foreground(struct journal *j)
{
	if (!j->background)
		return;
	j->background = false;
	(void)thread_background(j->thread, false);
}

int
journal_open(const struct store_conf *conf, const struct journal_hooks *hooks, struct journal **out,
    struct journal_opened *opened, char *why, size_t why_len)
{
	struct journal *j = new_journal(conf, hooks);
	struct journal_opened have;
	int err = open_database(j);

	have = (struct journal_opened){ j->seed, j->accepted_seq };
	if (!err) {
		int rc = thread_start(&j->thread, journal_run, j);

		if (rc == 0) {
			go_to_background(j);
			*out = j;
			*opened = have;
			return 0;
		}
		snprintf(j->db.why, sizeof(j->db.why), "cannot start a thread: error %d", rc);
		err = ERR_IO;
	}
	snprintf(why, why_len, "%s", j->db.why);
	free_journal(j);
	return err;
}

uint64_t
journal_written_seq(struct journal *j)
{
	uint64_t seq;

	pthread_mutex_lock(&j->lock);
	seq = j->written_seq;
	pthread_mutex_unlock(&j->lock);
	return seq;
}

/* The lock is held. */
static bool
is_pressing(struct journal *j)
{
	uint64_t waits = j->queue.bytes + j->in_batch;
	bool something = j->given != j->settled || j->parts_waiting;

	j->still = something && j->steps == j->seen_steps ? j->still + 1 : 0;
	j->seen_steps = j->steps;
	return j->behind || waits > j->max_queue / 4 || j->still >= STILL_TICKS;
}

/* Under load many of them come and go with each commit; after it all but a few are gone in seconds. */
static unsigned
spare_blocks(const struct queue *q)
{
	unsigned n = q->n_spare / 2;

	return n > SPARE_BLOCKS ? n : SPARE_BLOCKS;
}

/* Only this thread decides where the other one runs, so what it has set is so. */
bool
journal_tick(struct journal *j)
{
	bool can_lock = journal_try_lock(j), pressing = true;
	struct queue_block *surplus = NULL;
	struct buf used = { 0 };

	if (can_lock) {
		pressing = is_pressing(j);
		surplus = queue_surplus(&j->queue, spare_blocks(&j->queue));
		used = j->used_blob;
		j->used_blob = (struct buf){ 0 };
		journal_unlock(j);
	}
	queue_free(surplus);
	buf_fini(&used);
	j->calm = pressing ? 0 : j->calm + 1;
	if (pressing)
		come_to_foreground(j);
	else if (j->calm >= CALM_TICKS)
		go_to_background(j);
	return can_lock;
}

/* In front at once, not at a tick: a process that is killed again and again would never get on where others
 * want the processor, and its spool would grow all the while. */
void
journal_refill(struct journal *j, uint64_t seq)
{
	pthread_mutex_lock(&j->lock);
	if (j->hooks.refill && seq > j->accepted_seq) {
		j->behind = true;
		if (seq > j->behind_seq)
			j->behind_seq = seq;
		come_to_foreground(j);
		pthread_cond_signal(&j->wake);
	}
	pthread_mutex_unlock(&j->lock);
}

struct mark {
	uint64_t given, seq, serial;
};

/* The lock is held. */
static bool
is_written(const struct journal *j, const struct mark *m)
{
	return j->settled >= m->given && j->written_seq >= m->seq && parts_oldest(j) > m->serial;
}

bool
journal_flush(struct journal *j, int64_t ms)
{
	int64_t at = clock_now().mono + ms;
	struct mark want;
	bool ok;

	journal_lock(j);
	want = (struct mark){ j->given, j->behind ? j->behind_seq : 0, j->part_serial };
	if (j->flush_to < want.given)
		j->flush_to = want.given;
	come_to_foreground(j);
	pthread_cond_signal(&j->wake);
	while (!is_written(j, &want) && clock_now().mono < at)
		thread_wait(&j->done, &j->lock, at);
	ok = is_written(j, &want);
	journal_unlock(j);
	return ok;
}

bool
journal_healthy(const struct journal *j)
{
	return j->healthy;
}

/* The lock is held. Records that the spool has and that were not fetched yet. */
static uint64_t
left_in_spool(const struct journal *j)
{
	return j->behind && j->behind_seq > j->accepted_seq ? j->behind_seq - j->accepted_seq : 0;
}

void
journal_stats(struct journal *j, struct journal_stats *out)
{
	journal_lock(j);
	*out = j->stats;
	out->healthy = j->healthy;
	out->waiting = j->given - j->settled + left_in_spool(j);
	out->behind = j->behind;
	journal_unlock(j);
}

/* Records in the queue that nobody else has; the others stay in the spool, out of which the next start knows
 * storms too. */
static uint64_t
count_lost(const struct journal *j, const struct queue *q)
{
	uint64_t n = 0;

	for (const struct packed *p = q->first; p; p = p->next)
		n += !j->hooks.refill || (p->seq == 0 && !p->storm);
	return n;
}

void
journal_close(struct journal *j, int64_t grace)
{
	uint64_t left, lost, behind;

	if (!j)
		return;
	journal_lock(j);
	j->stop = true;
	j->stop_at = clock_now().mono + grace;
	come_to_foreground(j);
	pthread_cond_signal(&j->wake);
	journal_unlock(j);
	pthread_join(j->thread, NULL);
	left = j->given - j->settled;
	lost = count_lost(j, &j->queue) + count_lost(j, &j->batch);
	journal_tell_lost(j);
	if (lost)
		log_error("journal state=closed lost=%llu reason=%s", (unsigned long long)lost,
		    LOGV(str_of(j->db.why)));
	behind = left_in_spool(j);
	if (left > lost || behind)
		log_warn(
		    "journal state=closed left_in_spool=%llu", (unsigned long long)(left - lost + behind));
	free_journal(j);
}
