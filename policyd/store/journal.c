/* SPDX-License-Identifier: ISC */
/* The loop thread's side of the journal. */
#include "store/journal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "store/journal_thread.h"
#include "store/thread.h"

enum {
	LOST_LOG_EVERY = MS_MIN,
	FRESH_BYTES = 16 << 10, /* that many are handed over before the turn is over */
	FRESH_MAX = 1 << 20,    /* ... and that many even if the thread has to be waited for */
	SPARE_BLOCKS = 8,       /* kept for the next records, 128 KB each */
	CALM_TICKS = 10,        /* before it goes to the background again */
	STILL_TICKS = 2,        /* without a step: a commit is due each fifth of a second */
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

static int
open_database(struct journal *j)
{
	int err = jdb_open(&j->db, j->path, &j->seed, JDB_WAIT_OPEN);

	if (!err)
		err = jdb_seq(&j->db);
	if (!err)
		err = parts_load(j);
	if (!err)
		room_keep(j); /* nothing goes yet: it takes note of what is used */
	j->accepted_seq = j->written_seq = j->db.seq;
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

	have = (struct journal_opened){ j->seed, j->db.seq };
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
log_behind(struct journal *j)
{
	int64_t now = clock_now().mono;
	bool told;

	if (now < j->next_behind_log)
		return;
	/* It may be over by now. */
	pthread_mutex_lock(&j->lock);
	told = j->behind_told = j->behind;
	pthread_mutex_unlock(&j->lock);
	if (!told)
		return;
	log_warn("journal state=behind reason=\"the queue is full, the spool keeps the rest\" max_queue=%llu",
	    (unsigned long long)j->max_queue);
	j->next_behind_log = now + LOST_LOG_EVERY;
}

enum fate {
	ACCEPTED,
	KNOWN,
	LEFT_TO_SPOOL, /* for a full queue */
	FOLLOWS,       /* there too: what a start has to fetch from there comes first */
	LOST,
	OFFERED_AGAIN,
};

/* The lock is held. */
static enum fate
fate_of(const struct journal *j, const struct given *g)
{
	/* A storm has few rows and each counts: the last quarter is for them. */
	uint64_t room = j->max_queue + (g->storm ? j->max_queue / 4 : 0);
	bool full = j->queue.bytes + j->in_batch + g->size > room;

	if (g->seq && (g->storm ? g->seq < j->accepted_seq : g->seq <= j->accepted_seq))
		return KNOWN;
	if (g->seq && j->hooks.refill && (full || j->behind))
		return j->behind && !j->overflowed ? FOLLOWS : LEFT_TO_SPOOL;
	return full ? LOST : ACCEPTED;
}

/* The lock is held. The thread needs to hear of the first one, and of enough for a commit. */
static void
accept_record(struct journal *j, const struct given *g)
{
	bool wake =
	    !j->queue.first || (j->queue.bytes < COMMIT_BYTES && j->queue.bytes + g->size >= COMMIT_BYTES);

	queue_add(&j->queue, g);
	j->given++;
	if (g->seq > j->accepted_seq)
		j->accepted_seq = g->seq;
	if (wake)
		pthread_cond_signal(&j->wake);
}

/* The lock is held. */
static void
leave_to_spool(struct journal *j, uint64_t seq, bool full)
{
	if (!j->behind)
		pthread_cond_signal(&j->wake);
	j->behind = true;
	if (seq > j->behind_seq) {
		j->behind_seq = seq;
		j->missed++; /* not when it comes again */
	}
	j->overflowed = full;
	j->stats.deferred += full;
}

/* The lock is held. `kept`: by the caller, who offers it again. */
static enum fate
take_in(struct journal *j, const struct given *g, bool kept)
{
	enum fate fate = fate_of(j, g);

	if (fate == LOST && kept)
		fate = OFFERED_AGAIN;
	if (fate == ACCEPTED)
		accept_record(j, g);
	else if (fate == LEFT_TO_SPOOL || fate == FOLLOWS)
		leave_to_spool(j, g->seq, fate == LEFT_TO_SPOOL);
	j->stats.skipped += fate == KNOWN;
	j->stats.lost += fate == LOST;
	j->to_tell |= fate == LOST || fate == LEFT_TO_SPOOL;
	return fate;
}

struct fresh_head {
	uint64_t seq, n;
};

/* The lock is held. */
static void
take_fresh(struct journal *j)
{
	struct str left = buf_str(&j->fresh);
	struct fresh_head head;
	struct given g;

	while (left.n) {
		memcpy(&head, left.p, sizeof(head));
		left = str_sub(left, sizeof(head), left.n);
		g = given_message(head.seq, str_sub(left, 0, head.n));
		(void)take_in(j, &g, false);
		left = str_sub(left, head.n, left.n);
	}
	buf_reset(&j->fresh);
}

/* For the loop thread: what it has not handed over yet comes first. */
static void
lock(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	take_fresh(j);
}

static void
unlock(struct journal *j)
{
	uint64_t lost = j->stats.lost;

	pthread_mutex_unlock(&j->lock);
	if (!j->to_tell)
		return;
	j->to_tell = false;
	if (lost > j->lost_logged)
		log_lost(j, lost);
	log_behind(j);
}

static enum fate
hand_over(struct journal *j, const struct given *g, bool kept)
{
	enum fate fate;

	lock(j);
	fate = take_in(j, g, kept);
	unlock(j);
	return fate;
}

void
journal_turned(struct journal *j)
{
	if (!j->fresh.len)
		return;
	if (pthread_mutex_trylock(&j->lock) != 0) {
		if (j->fresh.len < FRESH_MAX)
			return;
		pthread_mutex_lock(&j->lock);
	}
	take_fresh(j);
	unlock(j);
}

void
journal_packed(struct journal *j, uint64_t seq, struct str bytes)
{
	struct fresh_head head = { seq, bytes.n };

	buf_append(&j->fresh, &head, sizeof(head));
	buf_append(&j->fresh, bytes.p, bytes.n);
	if (j->fresh.len >= FRESH_BYTES)
		journal_turned(j);
}

void
journal_message(struct journal *j, const struct record *r)
{
	buf_reset(&j->scratch);
	record_pack(r, &j->scratch);
	journal_packed(j, r->seq, buf_str(&j->scratch));
}

void
journal_storm(struct journal *j, const struct record_storm *s)
{
	struct given g = given_storm(s);

	(void)hand_over(j, &g, false);
}

bool
journal_offer_storm(struct journal *j, const struct record_storm *s)
{
	struct given g = given_storm(s);

	return hand_over(j, &g, true) != OFFERED_AGAIN;
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
	bool can_lock = pthread_mutex_trylock(&j->lock) == 0, pressing = true;
	struct queue_block *surplus = NULL;
	struct buf used = { 0 };

	if (can_lock) {
		take_fresh(j);
		pressing = is_pressing(j);
		surplus = queue_surplus(&j->queue, spare_blocks(&j->queue));
		used = j->used_blob;
		j->used_blob = (struct buf){ 0 };
		unlock(j);
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

	lock(j);
	want = (struct mark){ j->given, j->behind ? j->behind_seq : 0, j->part_serial };
	if (j->flush_to < want.given)
		j->flush_to = want.given;
	come_to_foreground(j);
	pthread_cond_signal(&j->wake);
	while (!is_written(j, &want) && clock_now().mono < at)
		thread_wait(&j->done, &j->lock, at);
	ok = is_written(j, &want);
	unlock(j);
	return ok;
}

bool
journal_healthy(const struct journal *j)
{
	return j->healthy;
}

void
journal_stats(struct journal *j, struct journal_stats *out)
{
	lock(j);
	*out = j->stats;
	out->healthy = j->healthy;
	out->waiting = j->given - j->settled;
	out->behind = j->behind;
	unlock(j);
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
	uint64_t left, lost;

	if (!j)
		return;
	lock(j);
	j->stop = true;
	j->stop_at = clock_now().mono + grace;
	come_to_foreground(j);
	pthread_cond_signal(&j->wake);
	unlock(j);
	pthread_join(j->thread, NULL);
	left = j->given - j->settled;
	lost = count_lost(j, &j->queue) + count_lost(j, &j->batch);
	if (j->stats.lost > j->lost_logged)
		log_error("journal state=queue-full lost=%llu max_queue=%llu",
		    (unsigned long long)(j->stats.lost - j->lost_logged), (unsigned long long)j->max_queue);
	if (lost)
		log_error("journal state=closed lost=%llu reason=%s", (unsigned long long)lost,
		    LOGV(str_of(j->db.why)));
	if (left > lost || j->behind)
		log_warn(
		    "journal state=closed left_in_spool=%llu", (unsigned long long)(left - lost + j->missed));
	free_journal(j);
}
