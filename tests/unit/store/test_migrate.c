/* SPDX-License-Identifier: ISC */
#include "store/migrate.h"

#include <criterion/criterion.h>
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

Test(migrate, embedded_steps_are_the_files)
{
	unsigned n = 0;

	for (const struct migration *m = migrations; m->version; m++, n++) {
		char path[256], *text = calloc(1, 1 << 20);
		FILE *f;
		size_t len;

		snprintf(path, sizeof(path), "schema/%s", m->name);
		f = fopen(path, "r");
		cr_assert(f, "%s (run from the top of the tree)", path);
		len = fread(text, 1, (1 << 20) - 1, f);
		fclose(f);
		cr_expect_eq(m->version, (int)n + 1);
		cr_expect_eq(len, strlen(m->sql));
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
