/* SPDX-License-Identifier: ISC */
/*
 * The journal's database: one connection, its prepared statements, and what may go wrong with it. Used by
 * one thread at a time; never logs. Every call leaves the reason of a failure in `why`.
 */
#ifndef STORE_JOURNAL_SQLITE_H
#define STORE_JOURNAL_SQLITE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "store/journal_queue.h"

struct sqlite3;
struct sqlite3_stmt;

enum jdb_stmt {
	JDB_MESSAGE,
	JDB_RECIPIENT,
	JDB_STORM,
	JDB_STORM_HOSTS_DROP,
	JDB_STORM_HOST,
	JDB_OLDEST,
	JDB_OLD_BEHIND,
	JDB_DROP_RECIPIENTS,
	JDB_DROP_MESSAGES,
	JDB_DROP_STORM_HOSTS,
	JDB_DROP_STORMS,
	JDB_STMTS
};

struct jdb {
	char *path;
	struct sqlite3 *db; /* NULL: not open */
	struct sqlite3_stmt *st[JDB_STMTS];
	bool memory;  /* nothing but this connection holds it */
	bool suspect; /* the last failure was no mere waiting: open anew before the next try */
	dev_t dev;
	ino_t ino;
	char why[256];
};

/* How long another connection's lock is waited for. */
enum { JDB_WAIT_OPEN = 5000, JDB_WAIT_RUN = 200 };

/* Opens or creates, migrates, prepares. *seed == 0: gets the database's; otherwise a database without one
 * gets it. ERR_IO, ERR_BUSY, ERR_CORRUPT, ERR_VERSION. Afterwards jdb_close(), also after a failure. */
int jdb_open(struct jdb *d, const char *path, uint64_t *seed, int wait_ms) MUSTCHECK;
void jdb_close(struct jdb *d);

/* The file under our path is another one now, or none. */
bool jdb_moved(const struct jdb *d);

/* Writes the queue's first records in one transaction, at most `bytes` of them (one at least). Returns
 * how many, which the caller then takes off, or a negative err and nothing was written. ERR_SYNTAX: the
 * first record alone can not be written, ever. */
int jdb_write(struct jdb *d, const struct queue *q, size_t bytes) MUSTCHECK;

/* Deletes a slice of what is older than `before` (wall ms). 1: there may be more, 0: nothing left, or
 * negative err. */
int jdb_retain(struct jdb *d, int64_t before, int64_t now) MUSTCHECK;

#endif
