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

#include "base/arena.h"
#include "base/compiler.h"
#include "store/journal_queue.h"

struct sqlite3;
struct sqlite3_stmt;
struct jdb_waiting;

enum jdb_stmt {
	JDB_MESSAGE,
	JDB_MESSAGES, /* several */
	JDB_RECIPIENT,
	JDB_RECIPIENTS,
	JDB_STORM,
	JDB_STORM_HOSTS_DROP,
	JDB_STORM_HOST,
	JDB_OLDEST,
	JDB_UP_TO,
	JDB_OLD_BEHIND,
	JDB_DROP_RECIPIENTS,
	JDB_DROP_MESSAGES,
	JDB_DROP_ORPHANS,
	JDB_DROP_STORM_HOSTS,
	JDB_DROP_STORMS,
	JDB_SEQ,
	JDB_SEQ_SET,
	JDB_SNAPSHOT,
	JDB_SNAPSHOT_SEQS,
	JDB_USED,
	JDB_STMTS
};

/* What a parameter was bound to last. */
struct jdb_bound {
	enum { JDB_BOUND_ELSE, JDB_BOUND_NUMBER, JDB_BOUND_TEXT } what;
	uint8_t n;
	char text[31];
	uint64_t number;
};

struct jdb {
	char *path;
	struct sqlite3 *db; /* NULL: not open */
	struct sqlite3_stmt *st[JDB_STMTS];
	struct jdb_bound *bound[JDB_STMTS];
	struct jdb_waiting *waiting;
	bool memory;        /* nothing but this connection holds it */
	bool no_room;       /* jdb_open() failed: see journal_file_no_room() */
	bool suspect;       /* the last failure was no mere waiting: open anew before the next try */
	uint64_t seq;       /* highest number of a record in it, as of the last jdb_write() or jdb_seq() */
	int skipped;        /* records that the last jdb_write() found to be there */
	struct arena texts; /* that a statement is about to write */
	int lock_fd;        /* of the file, while it is ours; -1: none */
	dev_t dev, wal_dev; /* which may differ: a file can be mounted */
	ino_t ino, wal_ino;
	char why[256];
	/* When it was last looked behind rows of a time to come: the last id of one that was too old by
	 * `looked_for`; 0: there was none, nor will there be for what is before `old_from` */
	int64_t old_to, old_from, looked_for;
};

/* How long another connection's lock is waited for. */
enum { JDB_WAIT_OPEN = 5000, JDB_WAIT_RUN = 200 };

/* Opens or creates, migrates, prepares. *seed == 0: gets the database's; otherwise a database without one
 * gets it. ERR_IO, ERR_BUSY (another daemon has it, or it is locked), ERR_CORRUPT, ERR_VERSION. Afterwards
 * jdb_close(), also after a failure. */
int jdb_open(struct jdb *d, const char *path, uint64_t *seed, int wait_ms) MUSTCHECK;
/* The same of a database that is there, where that failed with no_room: it can be read, by us alone. */
int jdb_open_alone(struct jdb *d, const char *path, uint64_t *seed, int wait_ms) MUSTCHECK;
void jdb_close(struct jdb *d);

/* The file under our path is another one now, or none, or its log is gone and needed no more. */
bool jdb_moved(struct jdb *d);

/* Writes the queue's first records in one transaction, at most `bytes` of them (one at least). Those whose
 * number the database has are skipped. Returns how many, which the caller then takes off, or a negative err:
 * then nothing was written, or all of it was by a commit that failed only to say so, and the next call
 * finds it there. ERR_SYNTAX: the first record alone can not be written, ever. */
int jdb_write(struct jdb *d, const struct queue *q, size_t bytes) MUSTCHECK;

/* Deletes a slice of what is older than `before` (wall ms). 1: there may be more, 0: nothing left, or
 * negative err. */
int jdb_retain(struct jdb *d, int64_t before, int64_t now) MUSTCHECK;

/* The time of the last message; 0: there is none. Where those of its day came after days without any, a clock
 * that was put ahead looks the same: then it is that of the last one before. */
int jdb_settled(struct jdb *d, int64_t *time) MUSTCHECK;

/* Bytes of the file that something stands in; what was deleted leaves room that is used again. */
int jdb_used(struct jdb *d, uint64_t *bytes) MUSTCHECK;

/* Deletes a slice of the oldest messages, whatever their age. 1, 0: there was none, or negative err. */
int jdb_trim(struct jdb *d, uint64_t *messages) MUSTCHECK;

/* Reads d->seq. */
int jdb_seq(struct jdb *d) MUSTCHECK;

/* As if all records up to `seq` were written: those that are not were given up. */
int jdb_raise_seq(struct jdb *d, uint64_t seq) MUSTCHECK;

/* The file may have another past than ours, which has our seed and was written up to `from`, or up to `to`
 * where a commit that failed was carried out: then what it says of numbers, counters and the hash seed is
 * void, and `from` and `seed` are put in their place. */
int jdb_adopt(struct jdb *d, uint64_t from, uint64_t to, uint64_t seed) MUSTCHECK;

/* One part of the snapshot in a transaction of its own. ERR_SYNTAX: can not be written, ever. */
int jdb_snapshot(struct jdb *d, uint32_t part, uint64_t seq, int64_t wall, struct str data) MUSTCHECK;
/* Calls fn for each part that is there. */
int jdb_snapshot_seqs(struct jdb *d, void (*fn)(void *arg, uint64_t part, uint64_t seq), void *arg) MUSTCHECK;

/* Among journal_sqlite*.c: leaves the reason in d->why, returns its err. */
int jdb_failed(struct jdb *d, const char *what);
int jdb_exec(struct jdb *d, const char *sql) MUSTCHECK;
/* What the log may not have: the seed stands in it. */
int jdb_exec_as(struct jdb *d, const char *sql, const char *what) MUSTCHECK;

#endif
