/* SPDX-License-Identifier: ISC */
/*
 * What the two sides of the journal share. The loop thread copies what a turn brought into the queue under
 * the lock; the journal's thread takes the whole queue at once, looks into the bytes as it writes them down,
 * and never holds the lock while it is in SQLite or in the spool. In the background it may lose the processor
 * with the lock in its hand: so at the end of a turn the loop thread only tries the lock. The database
 * belongs to the journal's thread alone.
 */
#ifndef STORE_JOURNAL_THREAD_H
#define STORE_JOURNAL_THREAD_H

#include <pthread.h>

#include "store/journal.h"
#include "store/journal_queue.h"
#include "store/journal_sqlite.h"

enum { COMMIT_BYTES = 4 << 20 }; /* this much waiting is written at once; also the most that goes into one */

/* One part of the snapshot. */
struct part {
	struct buf blob;
	uint64_t seq;     /* of the blob */
	uint64_t serial;  /* 0: nothing waits; else which journal_snapshot() it was, counted over all parts */
	uint64_t writing; /* the serial that is being written, 0 none */
	uint64_t stored;  /* seq that the database has, 0 none */
};

struct journal {
	/* set before the thread runs */
	struct journal_hooks hooks;
	char *path;
	int64_t retention;
	uint64_t max_queue, max_journal;
	pthread_t thread;
	bool may_background; /* thread_may_background() */

	/* the journal's thread alone */
	struct jdb db;
	struct queue batch;
	uint64_t seed;
	int64_t next_commit, next_retain; /* mono ms */
	int64_t backoff;                  /* 0: the last attempt succeeded */
	int64_t stuck_since; /* mono ms: the spool does not give what it should have; 0: it does */
	uint32_t next_part;  /* to be looked at first */
	uint64_t room;       /* bytes that the database may use now; 0: not measured yet */
	bool crowded;        /* what is left is above max_journal without any messages */
	uint64_t trim_logged;
	int64_t next_trim_log;
	int64_t clock;       /* wall ms above mono ms, as retention believes them; 0: never looked */
	bool by_record;      /* only the record says so */
	int64_t ahead_since; /* mono ms: it does not, for the wall clock went ahead; 0: it does */
	int64_t ahead;       /* ... to there */
	bool hurried;        /* saw that it is to stop */

	/* the loop thread alone, once the thread runs */
	struct buf scratch;
	uint64_t lost_untold; /* found no room in the queue since the log was told */
	int64_t next_lost_log, next_behind_log;
	struct buf fresh;    /* messages to be handed over, each behind its number and length */
	bool to_tell;        /* something was turned away since the log was last told */
	bool background;     /* the thread has what others leave: see journal_tick() */
	uint64_t seen_steps; /* at the last tick */
	unsigned still;      /* ticks since it took one although there was something to do */
	unsigned calm;       /* ticks since there was a reason to hurry */

	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	/* under lock */
	struct queue queue;
	uint64_t in_batch;       /* bytes of `batch` */
	uint64_t given, settled; /* records accepted; of these written or given up, in order */
	uint64_t flush_to;       /* commit at once until `settled` is here */
	uint64_t accepted_seq;   /* highest that was accepted */
	uint64_t written_seq;    /* highest that was settled */
	bool behind;             /* accept nothing that has a number: the spool gives it */
	bool overflowed;         /* ... for the queue was full, not for what a start found there */
	bool behind_told;        /* ... the log says so */
	uint64_t behind_seq;     /* ... at least up to here */
	uint64_t missed;         /* ... that many were turned away and not fetched yet */
	int64_t next_refill;     /* mono ms */
	struct part *parts;      /* hooks.parts of them */
	uint64_t part_serial;    /* the last one given */
	struct buf used_blob;    /* of the part that was written last, for the loop thread to free */
	uint32_t parts_waiting;
	uint64_t steps; /* what was done: commits and parts */
	bool stop;
	int64_t stop_at;            /* mono ms: no more attempts after it */
	struct journal_stats stats; /* but for what journal_stats() works out */

	_Atomic bool healthy; /* without the lock */
};

/* The thread's body. */
void *journal_run(void *arg);

/* ---- for the thread: attempts, and what follows from them ---- */

/* The connection that the next attempt will use. */
int journal_ready(struct journal *j) MUSTCHECK;
void journal_note_failure(struct journal *j);
void journal_note_success(struct journal *j);

/* ---- journal_give.c ---- */

/* For the loop thread: what it has not handed over yet goes first. */
void journal_lock(struct journal *j);
bool journal_try_lock(struct journal *j) MUSTCHECK; /* false: the thread has it */
/* Tells the log what was turned away, at most once a minute. */
void journal_unlock(struct journal *j);
void journal_tell_lost(struct journal *j); /* ... at once; without the lock */

/* ---- journal_room.c ---- */

/* Something was written: what it added above max_journal goes at the other end. */
void room_keep(struct journal *j);
/* One slice of what is above max_journal all the same. true: there may be more. */
bool room_slice(struct journal *j);

/* ---- journal_refill.c ---- */

/* All that was accepted is settled: fetches a batch from the spool. true: there is something in it. */
bool refill_batch(struct journal *j);

/* ---- journal_snapshot.c ---- */

/* Writes one part if one waits. false: the attempt failed. */
bool parts_write_one(struct journal *j);
/* The lock is held. The lowest serial that is not yet written; UINT64_MAX: none. */
uint64_t parts_oldest(const struct journal *j);
/* What the database has of each part. */
int parts_load(struct journal *j) MUSTCHECK;
void parts_fini(struct journal *j);

#endif
