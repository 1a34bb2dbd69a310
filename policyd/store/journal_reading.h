/* SPDX-License-Identifier: ISC */
/* Among journal_read*.c: a connection that only looks. Every failure leaves its sentence in `why`. */
#ifndef STORE_JOURNAL_READING_H
#define STORE_JOURNAL_READING_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/str.h"

struct reading {
	sqlite3 *db;
	char *why;
	size_t why_len;
};

/* journal_read_open.c: the journal's database, of our version. Afterwards sqlite3_close(r->db), also after a
 * failure. */
int reading_open(struct reading *r, const char *path, int *version) MUSTCHECK;
int reading_prepare(struct reading *r, const char *sql, sqlite3_stmt **st) MUSTCHECK;
int reading_exec(struct reading *r, const char *sql) MUSTCHECK;
/* One number; 0 when there is no row. */
int reading_number(struct reading *r, const char *sql, int64_t *out) MUSTCHECK;
/* The error of the last call. */
int reading_fail(struct reading *r);
/* A column's text, with a NUL behind it; empty when it is NULL. */
struct str reading_text(struct arena *a, sqlite3_stmt *st, int col);

#endif
