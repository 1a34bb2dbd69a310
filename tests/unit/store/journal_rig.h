/* SPDX-License-Identifier: ISC */
/* What the tests of the journal share: a folder, a count of log lines, a connection to read by. */
#ifndef TEST_JOURNAL_RIG_H
#define TEST_JOURNAL_RIG_H

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/journal.h"
#include "store/journal_queue.h"

enum { LONG = 60 * MS_SEC }; /* only a test that fails waits for so long */

static char dir[64], path[128];
static atomic_int log_failing, log_recovered, log_full, log_reopening, log_closed, log_behind, log_caught_up,
    log_incomplete, log_disk_full, log_left;

static inline void
count_line(const char *level, const char *line)
{
	const char *left = strstr(line, "left_in_spool=");

	(void)level;
	if (left)
		log_left = (int)strtol(strchr(left, '=') + 1, NULL, 10);
	log_failing += strstr(line, "state=failing") != NULL;
	log_disk_full += strstr(line, "disk is full") != NULL;
	log_recovered += strstr(line, "state=recovered") != NULL;
	log_full += strstr(line, "state=queue-full") != NULL;
	log_reopening += strstr(line, "state=reopening") != NULL;
	log_closed += strstr(line, "state=closed lost") != NULL;
	log_behind += strstr(line, "state=behind") != NULL;
	log_caught_up += strstr(line, "state=caught-up") != NULL;
	log_incomplete += strstr(line, "state=spool-incomplete") != NULL;
}

static inline void
set_up(void)
{
	snprintf(dir, sizeof(dir), "/tmp/storm-journal-XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/storm.db", dir);
	log_capture(count_line);
}

static char why[300];
static struct journal_opened opened;

/* What `conf` does not say is as usual: the rig's path, a queue of 64 MB. */
static inline int
try_open(struct journal **j, struct store_conf conf, struct journal_hooks hooks)
{
	conf.path = conf.path ? conf.path : path;
	conf.max_queue = conf.max_queue ? conf.max_queue : 64 << 20;
	why[0] = '\0';
	return journal_open(&conf, &hooks, j, &opened, why, sizeof(why));
}

static inline struct journal *
must_open_with(struct store_conf conf, struct journal_hooks hooks)
{
	struct journal *j = NULL;

	cr_assert_eq(try_open(&j, conf, hooks), 0, "%s", why);
	return j;
}

static inline struct journal *
must_open(void)
{
	return must_open_with((struct store_conf){ 0 }, (struct journal_hooks){ 0 });
}

/* What a message takes of the queue. */
static inline size_t
packed_size(const struct record *r)
{
	struct buf b;
	size_t n;

	buf_init(&b, 0);
	record_pack(r, &b);
	n = given_message(0, buf_str(&b)).size;
	buf_fini(&b);
	return n;
}

static inline void
drop_file(const char *suffix)
{
	char name[200];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	unlink(name);
}

static inline void
tear_down(void)
{
	drop_file("");
	drop_file("-wal");
	drop_file("-shm");
	drop_file("-old");
	rmdir(dir);
}

static inline sqlite3 *
reader(void)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, LONG);
	return db;
}

static inline void
must(sqlite3 *db, const char *sql)
{
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
}

/* The first row's columns, joined with '|'. */
static inline const char *
row(sqlite3 *db, const char *sql)
{
	static char text[8192];
	sqlite3_stmt *st;
	size_t at = 0;

	text[0] = '\0';
	cr_assert_eq(
	    sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW, "%s: %s", sql, sqlite3_errmsg(db));
	for (int k = 0; k < sqlite3_column_count(st); k++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", k ? "|" : "",
		    (const char *)sqlite3_column_text(st, k));
	sqlite3_finalize(st);
	return text;
}

static inline const char *
read_row(const char *sql)
{
	sqlite3 *db = reader();
	const char *text = row(db, sql);

	sqlite3_close(db);
	return text;
}

static inline long
count_messages(void)
{
	return strtol(read_row("SELECT count(*) FROM messages"), NULL, 10);
}

static inline struct journal_stats
stats(struct journal *j)
{
	struct journal_stats s;

	journal_stats(j, &s);
	return s;
}

/* Nearly empty ones, with these numbers. */
static inline void
put_messages(struct journal *j, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n <= to; n++) {
		struct record r = { .seq = n, .time = 1700000000000, .door = "milter" };

		journal_message(j, &r);
	}
	(void)stats(j); /* hands them over */
}

static inline void
pause_a_little(void)
{
	usleep(20000);
}

#endif
