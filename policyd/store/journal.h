/* SPDX-License-Identifier: ISC */
/*
 * The record for people: SQLite on a thread of its own, WAL, group commits. The loop thread hands over copies
 * through a bounded queue and never waits. SQLite may be slow, locked, full or gone meanwhile: the thread
 * retries, keeps the queue, and says so once.
 *
 * Records with a number (seq) stand in the spool as well. Each is written once, however often it is handed
 * over; what finds the queue full is fetched from the spool later. Records without a number that do not fit
 * are counted as lost and logged once a minute.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "mail/record.h"

struct journal;

struct store_conf {
	char *path;            /* ":memory:" allowed */
	int64_t retention;     /* ms */
	bool defer_on_failure; /* on_store_failure = defer */
	uint32_t max_counters;
	uint64_t max_queue;   /* bytes waiting for the thread */
	uint64_t max_journal; /* bytes that the database uses; 0: no bound */
};

struct journal_stats {
	/* records; lost: the queue was full and no spool has them, or the database refused them for good;
	 * waiting: in the queue, and in the spool alone */
	uint64_t written, lost, waiting;
	uint64_t skipped;           /* handed over again, were there already */
	uint64_t deferred;          /* found the queue full, left to the spool */
	uint64_t refilled;          /* fetched from the spool */
	uint64_t trimmed;           /* messages that went before their time, for max_journal */
	uint64_t commits, failures; /* attempts */
	bool healthy;               /* the last attempt to commit succeeded */
	bool behind;                /* the spool has records that were not fetched yet */
};

/* Takes one message as journal_packed() does. false: enough for now, return. */
typedef bool journal_refill_fn(void *give_arg, uint64_t seq, struct str bytes);

struct journal_hooks {
	/*
	 * Gives all records whose number is above `after`, in order, until `give` says false. Runs on the
	 * journal's thread, until journal_close() returns. 0, or a negative err. Records at or below
	 * `after` do no harm. NULL: there is no spool.
	 */
	int (*refill)(void *arg, uint64_t after, journal_refill_fn *give, void *give_arg);
	/* Makes of what journal_snapshot() was given the bytes that are written; on the journal's thread, and
	 * again for a part that could not be written. NULL: it was given these. */
	void (*pack)(void *arg, uint32_t part, struct str given, struct buf *out);
	void *arg;
	uint32_t parts; /* of the snapshot */
};

struct journal_opened {
	uint64_t seed; /* the database's hash seed, drawn at creation */
	uint64_t seq;  /* highest number that the database has; new records must be above it */
};

/*
 * Opens, migrates and starts the thread. ERR_IO, ERR_CORRUPT, ERR_VERSION (the file was made by a newer
 * version: nothing was changed). `why` gets a sentence for the log. Directory and file must be writable.
 * `hooks` may be NULL.
 */
int journal_open(const struct store_conf *conf, const struct journal_hooks *hooks, struct journal **out,
    struct journal_opened *opened, char *why, size_t why_len) MUSTCHECK;

/* Writes what waits (begins no attempt after `grace` ms; a call that hangs in the system is waited for),
 * stops the thread, closes. What is only in the spool stays there. Takes NULL. */
void journal_close(struct journal *j, int64_t grace);

/*
 * Copies all; never waits. Control characters and what is not UTF-8 are written as '?', strings cut at
 * 4096 bytes. A storm's id is below 2^63; the same id again replaces the row and its hosts.
 * Numbers come in rising order: one that is not above its predecessor's is taken for a repetition.
 */
void journal_message(struct journal *j, const struct record *r);
/* The same, of a message that is packed already (record_pack()): the thread sees what the bytes say. */
void journal_packed(struct journal *j, uint64_t seq, struct str bytes);
void journal_storm(struct journal *j, const struct record_storm *s);
/* The same of one that the caller keeps. false: there is no room now, and it is to be offered again. */
bool journal_offer_storm(struct journal *j, const struct record_storm *s);

/* The spool has records up to `seq` which were not handed over: the thread fetches them. For the start. */
void journal_refill(struct journal *j, uint64_t seq);

/*
 * Hands over the messages since the last time. To be called when a turn of the loop ends: they wait that
 * long, unless they are many, and as long as the thread has the lock. What asks for figures, waits, or hands
 * over a storm hands them over first.
 */
void journal_turned(struct journal *j);

/*
 * The same, each half of a second. Where thread_may_background() the thread has the processor only when
 * nobody else wants it. It comes to the front when for a second it did nothing although it has to, when much
 * waits, for what a start has to fetch, and to flush or stop. false: it has the lock just now, the other
 * calls here would wait for it.
 */
bool journal_tick(struct journal *j) MUSTCHECK;

/* All records up to this number are in the database, or were given up. Never goes back. */
uint64_t journal_written_seq(struct journal *j);

/*
 * The counters of one part as of `seq`: the blob is taken over, *blob is empty then. Of each part only the
 * newest waits. One is written at a time, in a transaction of its own, messages between them.
 * The database as a whole is as recent as its oldest part: journal_snapshot_seq(), 0 while a part is missing.
 */
void journal_snapshot(struct journal *j, uint32_t part, uint64_t seq, struct buf *blob);
uint64_t journal_snapshot_seq(struct journal *j);
/* How many parts wait. */
uint32_t journal_snapshots_waiting(struct journal *j);

/* Waits until all that was handed over before is committed, or `ms` have gone. For tests. */
bool journal_flush(struct journal *j, int64_t ms);

/* As in the stats; waits for nobody. */
bool journal_healthy(const struct journal *j);
void journal_stats(struct journal *j, struct journal_stats *out);

/* The database library as it runs, "SQLite 3.40.1", and the newest schema that is known. */
void journal_library(char *out, size_t size);
int journal_schema(void);

#endif
