/* SPDX-License-Identifier: ISC */
/* The database goes under the daemon, and one comes back: is it ours? */
#include <sys/resource.h>

#include "journal_rig.h"

TestSuite(journal_away, .init = set_up, .fini = tear_down, .timeout = 120);

static struct journal *
open_one(void)
{
	return must_open_with((struct store_conf){ 0 }, (struct journal_hooks){ .parts = 1 });
}

static void
snap(struct journal *j, uint64_t seq)
{
	struct buf b = { 0 };

	buf_str_append(&b, STR("counters"));
	journal_snapshot(j, 0, seq, &b);
	cr_assert(journal_flush(j, LONG));
}

/* The file as `to`, beside it. */
static void
keep_as(const char *to)
{
	sqlite3 *db = reader();
	char sql[300];

	snprintf(sql, sizeof(sql), "VACUUM INTO '%s%s'", path, to);
	must(db, sql);
	sqlite3_close(db);
}

static void
replace_by(const char *from)
{
	char name[200];

	snprintf(name, sizeof(name), "%s%s", path, from);
	drop_file("-wal");
	drop_file("-shm");
	cr_assert_eq(rename(name, path), 0);
}

/* A journal of ten whose file is damaged then, beside one of a hundred that is not ours. */
static struct journal *
damaged(void)
{
	struct journal *j = open_one();
	sqlite3 *db;

	put_messages(j, 1, 100);
	snap(j, 100);
	keep_as("-old");
	journal_close(j, LONG);
	drop_file("");
	j = open_one();
	put_messages(j, 1, 10);
	snap(j, 10);
	db = reader();
	must(db, "DROP TABLE recipient");
	must(db, "DROP TABLE message");
	sqlite3_close(db);
	put_messages(j, 11, 12);
	while (!log_failing)
		cr_assert_not(journal_flush(j, 20));
	return j;
}

static void
takes_theirs(struct journal *j)
{
	put_messages(j, 13, 20);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).skipped, 0);
	cr_expect_eq(count_messages(), 110);
	cr_expect_str_eq(read_row("SELECT value FROM meta WHERE key = 'journal_seq'"), "20");
	cr_expect_eq(journal_snapshot_seq(j), 0, "theirs are not ours");
	journal_close(j, LONG);
}

/* Damage is why somebody puts another one there. */
Test(journal_away, another_file_in_the_place_of_a_damaged_one)
{
	struct journal *j = damaged();

	replace_by("-old");
	takes_theirs(j);
}

/* There is nothing to compare it with. */
Test(journal_away, another_file_in_the_place_of_one_that_could_not_be_opened)
{
	struct journal *j = damaged();
	uint64_t failures = stats(j).failures;
	struct rlimit had, none;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){ 0, had.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (stats(j).failures < failures + 2)
		cr_assert_not(journal_flush(j, 20));
	replace_by("-old");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &had), 0);
	takes_theirs(j);
}

/* The spool may let go of what the database has, not of what it had. */
Test(journal_away, a_copy_that_has_older_counters)
{
	struct journal *j = open_one();

	put_messages(j, 1, 10);
	snap(j, 5);
	keep_as("-old");
	snap(j, 10);
	cr_expect_eq(journal_snapshot_seq(j), 10);
	replace_by("-old");
	put_messages(j, 11, 11);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(count_messages(), 11);
	cr_expect_eq(journal_snapshot_seq(j), 5);
	cr_expect_str_eq(read_row("SELECT seq FROM snapshot"), "5");
	journal_close(j, LONG);
}

/* A commit that failed may have been carried out: it is no other file for that. */
Test(journal_away, one_that_has_more_than_it_said)
{
	struct journal *j = open_one();
	char away[80], name[100];
	sqlite3 *db;

	put_messages(j, 1, 10);
	snap(j, 10);
	snprintf(away, sizeof(away), "%s-away", dir);
	snprintf(name, sizeof(name), "%s/storm.db", away);
	cr_assert_eq(rename(dir, away), 0);
	put_messages(j, 11, 12);
	while (!log_failing)
		cr_assert_not(journal_flush(j, 20));
	cr_assert_eq(sqlite3_open(name, &db), SQLITE_OK);
	must(db, "UPDATE meta SET value = 11 WHERE key = 'journal_seq'");
	sqlite3_close(db);
	cr_assert_eq(rename(away, dir), 0);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).skipped, 1);
	cr_expect_eq(count_messages(), 11);
	cr_expect_eq(journal_snapshot_seq(j), 10);
	journal_close(j, LONG);
}
