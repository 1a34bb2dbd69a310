/* SPDX-License-Identifier: ISC */
/* What the daemon and those who only read do with a database that cannot be opened as usual. */
#ifndef STORE_JOURNAL_FILE_H
#define STORE_JOURNAL_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/compiler.h"

/* Can it not be read because the disk is full, be it of files? In WAL mode a reader makes a log, where there
 * is none, and an index, the -shm file. A connection that is the only one needs no index, if it sets
 * locking_mode EXCLUSIVE before it reads anything. */
bool journal_file_no_room(sqlite3 *db);

/* The same of one that has read nothing yet, where the file system has blocks that are smaller than a page of
 * the index: SQLite does not notice that some of it finds no room, and to write there is a SIGBUS. */
bool journal_file_no_index(sqlite3 *db);

/* The err for a result of SQLite. */
int journal_file_err(int rc);

/* The err of the call that failed last, and what the system says to it as ": REASON"; for want of rights, of
 * the database, its log and its index the first that is there and that we may not write, as ": NAME: REASON",
 * where NAME has no folder; "" where it says nothing. What could not be read is ERR_IO, although SQLite calls
 * it damaged. */
enum { JOURNAL_FILE_WHY = 128 };
int journal_file_failed(sqlite3 *db, char out[JOURNAL_FILE_WHY]) MUSTCHECK;

/* The errno of a call on the database or its log that failed; 0: none did. */
int journal_file_errno(sqlite3 *db);

/* Opens for reading what has no log beside it, as a file that nobody changes: no other is made. Returns what
 * SQLite says of it. */
int journal_file_open_unchanging(const char *path, sqlite3 **db) MUSTCHECK;

#endif
