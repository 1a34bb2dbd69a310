/* SPDX-License-Identifier: ISC */
#include "store/migrate.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static char why[256];

static sqlite3 *
open_db(const char *path)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void
must(sqlite3 *db, const char *sql)
{
	char *msg = NULL;

	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &msg), SQLITE_OK, "%s: %s", sql, msg);
}

static int
number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int n;

	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return n;
}

#define ID "PRAGMA application_id = 0x53746f72;"
static const struct migration one[] = { { 1, "one", ID "CREATE TABLE a (x)" }, { 0, NULL, NULL } };
static const struct migration two[] = {
	{ 1, "one", ID "CREATE TABLE a (x)" },
	{ 2, "two", "INSERT INTO a VALUES (1); ALTER TABLE a ADD COLUMN y" },
	{ 0, NULL, NULL },
};
static const struct migration broken[] = {
	{ 1, "one", ID "CREATE TABLE a (x)" },
	{ 2, "two", "INSERT INTO a VALUES (1); INSERT INTO nowhere VALUES (1)" },
	{ 3, "three", "CREATE TABLE c (x)" },
	{ 0, NULL, NULL },
};

/* The whole of a file, for free(). */
static char *
slurp(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");
	size_t len;

	cr_assert(f, "%s (run from the top of the tree)", path);
	len = fread(text, 1, (1 << 20) - 1, f);
	cr_assert_lt(len, (1 << 20) - 1);
	fclose(f);
	return text;
}

Test(migrate, embedded_steps_are_the_files)
{
	unsigned n = 0;

	for (const struct migration *m = migrations; m->version; m++, n++) {
		char path[256], *text;

		snprintf(path, sizeof(path), "schema/%s", m->name);
		text = slurp(path);
		cr_expect_eq(m->version, (int)n + 1);
		cr_expect_str_eq(text, m->sql);
		free(text);
	}
	cr_assert_gt(n, 0);
}

Test(migrate, fresh_then_nothing_to_do)
{
	sqlite3 *db = open_db(":memory:");
	int changes;

	cr_assert_eq(migrate(db, why, sizeof(why)), 0, "%s", why);
	cr_expect_gt(number(db, "PRAGMA user_version"), 0);
	cr_expect_eq(number(db, "PRAGMA application_id"), 0x53746f72);
	changes = number(db, "PRAGMA schema_version");
	cr_assert_eq(migrate(db, why, sizeof(why)), 0);
	cr_expect_eq(number(db, "PRAGMA schema_version"), changes);
	cr_expect_eq(number(db, "SELECT count(*) FROM messages, recipients, storms, storm_hosts, copies"), 0);
	sqlite3_close(db);
}

Test(migrate, goes_on_from_where_it_was)
{
	sqlite3 *db = open_db(":memory:");

	cr_assert_eq(migrate_with(db, one, why, sizeof(why)), 0);
	cr_expect_eq(number(db, "PRAGMA user_version"), 1);
	must(db, "INSERT INTO a VALUES (7)");
	cr_assert_eq(migrate_with(db, two, why, sizeof(why)), 0);
	cr_expect_eq(number(db, "PRAGMA user_version"), 2);
	cr_expect_eq(number(db, "SELECT count(*) FROM a WHERE y IS NULL"), 2);
	sqlite3_close(db);
}

Test(migrate, a_failing_step_leaves_the_one_before)
{
	sqlite3 *db = open_db(":memory:");

	cr_expect_eq(migrate_with(db, broken, why, sizeof(why)), ERR_IO);
	cr_expect(strstr(why, "two") && strstr(why, "nowhere"), "%s", why);
	cr_expect_eq(number(db, "PRAGMA user_version"), 1);
	cr_expect_eq(number(db, "SELECT count(*) FROM a"), 0, "half a step stayed");
	cr_expect_eq(sqlite3_get_autocommit(db), 1);
	cr_expect_eq(migrate_with(db, two, why, sizeof(why)), 0);
	sqlite3_close(db);
}

Test(migrate, refuses_newer_and_foreign)
{
	sqlite3 *db = open_db(":memory:");

	cr_assert_eq(migrate_with(db, two, why, sizeof(why)), 0);
	cr_expect_eq(migrate_with(db, one, why, sizeof(why)), ERR_VERSION);
	cr_expect(strstr(why, "version 2"), "%s", why);
	sqlite3_close(db);
	db = open_db(":memory:");
	must(db, "CREATE TABLE somebody (x)");
	cr_expect_eq(migrate(db, why, sizeof(why)), ERR_CORRUPT);
	cr_expect_eq(number(db, "SELECT count(*) FROM sqlite_master"), 1);
	must(db, "PRAGMA user_version = 1");
	cr_expect_eq(migrate(db, why, sizeof(why)), ERR_CORRUPT);
	sqlite3_close(db);
}

Test(migrate, a_lock_is_a_failure)
{
	char path[] = "/tmp/storm-migrate-XXXXXX";
	int fd = mkstemp(path);
	sqlite3 *db, *other;

	cr_assert_geq(fd, 0);
	close(fd);
	db = open_db(path);
	other = open_db(path);
	must(other, "BEGIN IMMEDIATE");
	cr_expect_eq(migrate(db, why, sizeof(why)), ERR_BUSY, "readable, not writable");
	must(other, "COMMIT; BEGIN EXCLUSIVE");
	cr_expect_eq(migrate(db, why, sizeof(why)), ERR_BUSY, "not even readable");
	cr_expect_eq(sqlite3_get_autocommit(db), 1);
	must(other, "COMMIT");
	cr_expect_eq(migrate(db, why, sizeof(why)), 0, "%s", why);
	sqlite3_close(other);
	sqlite3_close(db);
	unlink(path);
}

/* --- databases of released versions ----------------------------------------------------------------- */

/* What sqlite_master says, without the order in which things were made; for free(). */
static char *
schema_of(sqlite3 *db)
{
	char *text = NULL;
	sqlite3_stmt *st;

	must(db,
	    "CREATE TEMP TABLE said AS SELECT type || ' ' || name || ' ' || coalesce(sql, '') AS line "
	    "FROM main.sqlite_master ORDER BY type, name");
	sqlite3_prepare_v2(db, "SELECT group_concat(line, x'0a') FROM temp.said", -1, &st, NULL);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	text = strdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	must(db, "DROP TABLE said");
	return text;
}

static sqlite3 *
open_past(const char *path)
{
	sqlite3 *db = open_db(":memory:");
	char *sql = slurp(path);

	must(db, sql);
	free(sql);
	return db;
}

static void
check_past(const char *path)
{
	sqlite3 *db = open_past(path), *fresh = open_db(":memory:");
	int rows = number(db, "SELECT count(*) FROM message");
	int storms = number(db, "SELECT count(*) FROM storm");
	char *have, *want;

	cr_assert(rows > 0 && storms > 0, "%s tells of nothing", path);
	cr_assert_eq(migrate(db, why, sizeof(why)), 0, "%s: %s", path, why);
	cr_assert_eq(migrate(fresh, why, sizeof(why)), 0, "%s", why);
	cr_expect_eq(number(db, "PRAGMA user_version"), migrate_newest(migrations));
	have = schema_of(db);
	want = schema_of(fresh);
	cr_expect_str_eq(have, want, "%s: upgraded and new databases differ", path);
	cr_expect_eq(number(db, "SELECT count(*) FROM messages"), rows);
	cr_expect_eq(number(db, "SELECT count(*) FROM storms"), storms);
	free(have);
	free(want);
	sqlite3_close(fresh);
	sqlite3_close(db);
}

Test(migrate, released_databases_become_the_newest)
{
	glob_t found;

	cr_assert_eq(glob("tests/released/*/storm.sql", 0, NULL, &found), 0, "run from the top of the tree");
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_past(found.gl_pathv[i]);
	globfree(&found);
}

/* A step as it may come: it changes a table that has rows, and must leave them. */
Test(migrate, a_step_to_come_keeps_the_rows_of_0_1_0)
{
	const struct migration to_come[] = {
		migrations[0],
		{ 2, "to come",
		    "ALTER TABLE message ADD COLUMN language TEXT NOT NULL DEFAULT 'en';"
		    "CREATE INDEX message_time ON message(time);"
		    "UPDATE storm SET recipients = recipients + 1" },
		{ 0, NULL, NULL },
	};
	sqlite3 *db = open_past("tests/released/0.1.0/storm.sql");
	int rows = number(db, "SELECT count(*) FROM message");
	int recipients = number(db, "SELECT sum(recipients) FROM storm");
	int storms = number(db, "SELECT count(*) FROM storm");

	cr_assert_eq(number(db, "PRAGMA user_version"), 1);
	cr_assert_eq(migrate_with(db, to_come, why, sizeof(why)), 0, "%s", why);
	cr_expect_eq(number(db, "PRAGMA user_version"), 2);
	cr_expect_eq(number(db, "SELECT count(*) FROM message WHERE language = 'en'"), rows);
	cr_expect_eq(number(db, "SELECT sum(recipients) FROM storm"), recipients + storms);
	/* And back: refused in words, nothing touched. */
	cr_expect_eq(migrate_with(db, migrations, why, sizeof(why)), migrations[1].version ? 0 : ERR_VERSION);
	if (!migrations[1].version)
		cr_expect(
		    strstr(why, "version 2,") && strstr(why, "up to 1: a newer policyd-storm"), "%s", why);
	cr_expect_eq(number(db, "SELECT count(*) FROM message WHERE language = 'en'"), rows);
	sqlite3_close(db);
}
