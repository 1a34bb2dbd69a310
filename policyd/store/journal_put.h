/* SPDX-License-Identifier: ISC */
/*
 * Rows of the journal's database. Messages, and recipients, wait until a statement that writes several at
 * once is full: such a row costs a third less than one that is written alone.
 */
#ifndef STORE_JOURNAL_PUT_H
#define STORE_JOURNAL_PUT_H

#include "store/journal_sqlite.h"

enum { PUT_ROWS = 16 }; /* of JDB_MESSAGES and JDB_RECIPIENTS */

/* ERR_SYNTAX, of all of these: what was to be written can not be written, ever; the transaction must go. */
int jdb_put_message(struct jdb *d, const struct packed *p) MUSTCHECK;
int jdb_put_storm(struct jdb *d, const struct record_storm *s) MUSTCHECK;
/* Writes what waits. */
int jdb_put_waiting(struct jdb *d) MUSTCHECK;
void jdb_put_nothing(struct jdb *d); /* ... it goes unwritten */

struct jdb_waiting *jdb_waiting_new(void);
void jdb_waiting_free(struct jdb_waiting *w); /* takes NULL */

/* ---- for who fills and runs statements ---- */

/* A binding outlives the run of its statement: what did not change since the last run, as much of a row, is
 * left as it is. Short texts are bound to a place of their own for that. */
struct binder {
	struct sqlite3_stmt *st;
	struct jdb_bound *bound;
	struct arena *arena; /* for texts that are not fit as they are; kept until the statement has run */
	int n;
	bool bad;
};

struct binder jdb_binder(struct jdb *d, enum jdb_stmt which);
void bind_u64(struct binder *b, uint64_t v);

/* Runs a statement that yields no rows. */
int jdb_run(struct jdb *d, enum jdb_stmt which) MUSTCHECK;
/* ... if all of it could be bound. */
int jdb_run_bound(struct jdb *d, enum jdb_stmt which, const struct binder *b) MUSTCHECK;
/* Of what the last of these said: ERR_SYNTAX where the record is at fault itself, not the database. */
int jdb_verdict(struct jdb *d, int err) MUSTCHECK;

#endif
