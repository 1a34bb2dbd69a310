/* SPDX-License-Identifier: ISC */
/*
 * Brings a database to the newest schema: the files of schema/ are embedded at build time in numeric order;
 * PRAGMA user_version is the number of the last one applied. Each step runs in BEGIN EXCLUSIVE with the
 * version read again under the lock. A version above ours is refused untouched.
 */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <sqlite3.h>
#include <stddef.h>

#include "base/compiler.h"

enum { MIGRATE_APPLICATION_ID = 0x53746f72 }; /* schema/0001_init.sql sets it */

struct migration {
	int version;
	const char *name; /* file name */
	const char *sql;
};

/* From build/gen/schema.c; ends with version 0. */
extern const struct migration migrations[];

/*
 * 0, ERR_VERSION, ERR_CORRUPT (not a database, damaged, or another program's), ERR_BUSY (locked), ERR_IO
 * (any other SQLite failure); `why` gets a sentence. After a failure the database is as it was before the
 * step that failed.
 */
int migrate(sqlite3 *db, char *why, size_t why_len) MUSTCHECK;

/* The same with a table of one's own. */
int migrate_with(sqlite3 *db, const struct migration *steps, char *why, size_t why_len) MUSTCHECK;

/* The version that the last step leads to. */
int migrate_newest(const struct migration *steps);

#endif
