/* SPDX-License-Identifier: ISC */
/*
 * The record for people: SQLite on a thread of its own, WAL, group commits. The loop thread hands over copies
 * through a bounded queue and never waits; what does not fit is counted as lost and logged once a minute.
 * SQLite may be slow, locked, full or gone meanwhile: the thread retries, keeps the queue, and says so once.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "mail/record.h"

struct journal;

struct store_conf {
	char *path;            /* ":memory:" allowed */
	int64_t retention;     /* ms */
	bool defer_on_failure; /* on_store_failure = defer */
	uint32_t max_counters;
	uint64_t max_queue; /* bytes waiting for the thread */
};

struct journal_stats {
	/* records; lost: the queue was full, or the database refused them for good */
	uint64_t written, lost, waiting;
	uint64_t commits, failures; /* attempts */
	bool healthy;               /* the last attempt to commit succeeded */
};

/*
 * Opens, migrates and starts the thread. ERR_IO, ERR_CORRUPT, ERR_VERSION (the file was made by a newer
 * version: nothing was changed). `why` gets a sentence for the log. Directory and file must be writable.
 * `seed` gets the database's hash seed, drawn at creation.
 */
int journal_open(
    const struct store_conf *conf, struct journal **out, uint64_t *seed, char *why, size_t why_len) MUSTCHECK;

/* Writes what waits (begins no attempt after `grace` ms; a call that hangs in the system is waited for),
 * stops the thread, closes. Takes NULL. */
void journal_close(struct journal *j, int64_t grace);

/* Copies all; never waits. Control characters and what is not UTF-8 are written as '?', strings cut at
 * 4096 bytes. A storm's id is below 2^63; the same id again replaces the row and its hosts. */
void journal_message(struct journal *j, const struct record *r);
void journal_storm(struct journal *j, const struct record_storm *s);

/* Waits until all that was handed over before is committed, or `ms` have gone. For tests and shutdown. */
bool journal_flush(struct journal *j, int64_t ms);

void journal_stats(struct journal *j, struct journal_stats *out);

#endif
