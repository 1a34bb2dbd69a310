/* SPDX-License-Identifier: ISC */
/* The database's file is moved, or another takes its place, while there is a log beside it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "journal_rig.h"
#include "sample.h"

enum { MANY = 500 };

static char old[200];
static char away[80];
static _Atomic int fails_in; /* looks at the file until one fails; 0: none does */
static bool goes;            /* ... for its folder has gone */

static void
begin(void)
{
	set_up();
	snprintf(old, sizeof(old), "%s-old", path);
	snprintf(away, sizeof(away), "%s-away", dir);
	fails_in = 0;
	goes = false;
}

TestSuite(journal_moved, .init = begin, .fini = tear_down, .timeout = 120);

/* In front of the C library's. */
int
stat(const char *restrict name, struct stat *restrict sb)
{
	if (strcmp(name, path) == 0 && fails_in > 0 && --fails_in == 0) {
		errno = goes && rename(dir, away) == 0 ? ENOENT : EIO;
		return -1;
	}
	return fstatat(AT_FDCWD, name, sb, 0);
}

static struct journal *
open_journal(void)
{
	struct journal *j = NULL;

	return try_open(&j, (struct store_conf){ .max_journal = 1 << 30 },
		   (struct journal_hooks){ .parts = 1 }) == 0
	    ? j
	    : NULL;
}

static void
put(struct journal *j, unsigned from, unsigned n)
{
	const struct record_rcpt rcpt = { STR("anna@example.org"), STR("pass"), OUTCOME_PASSED };
	struct record r = sample_record(&rcpt, 1);

	for (r.seq = from; r.seq < from + n; r.seq++)
		journal_message(j, &r);
	cr_assert(journal_flush(j, LONG));
}

static void
run(const char *sql)
{
	sqlite3 *db = reader();

	must(db, sql);
	sqlite3_close(db);
}

/* A journal of MANY, the last of which stand in the log alone. */
static struct journal *
filled(void)
{
	struct journal *j = open_journal();

	cr_assert_not_null(j, "%s", why);
	put(j, 1, MANY - 10);
	run("PRAGMA wal_checkpoint(TRUNCATE)");
	put(j, MANY - 9, 10);
	return j;
}

static void
vacuum_into_old(void)
{
	char sql[300];

	snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", old);
	run(sql);
}

Test(journal_moved, a_compacted_one_in_its_place_gets_nothing_of_the_log)
{
	struct journal *j = filled();

	vacuum_into_old();
	cr_assert_eq(rename(old, path), 0);
	put(j, MANY + 1, 10);
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(log_failing, 0);
	cr_expect_eq(count_messages(), MANY + 10);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	journal_close(j, LONG);
}

Test(journal_moved, nor_while_somebody_reads_in_the_old_one)
{
	struct journal *j = filled();
	sqlite3 *other = reader();

	must(other, "BEGIN");
	cr_expect_str_eq(row(other, "SELECT count(*) FROM message"), "500");
	vacuum_into_old();
	cr_assert_eq(rename(old, path), 0);
	put(j, MANY + 1, 10);
	cr_expect_eq(count_messages(), MANY + 10);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	cr_expect_str_eq(row(other, "SELECT count(*) FROM message"), "500");
	sqlite3_close(other);
	journal_close(j, LONG);
}

/* Who puts it there stops the daemon next, or starts it anew: nothing is written in between. */
Test(journal_moved, nor_when_the_daemon_is_stopped_then)
{
	struct journal *j = filled();

	vacuum_into_old();
	cr_assert_eq(rename(old, path), 0);
	journal_close(j, LONG);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	cr_expect_eq(count_messages(), MANY);
}

/* Who moves it later leaves its log behind. */
Test(journal_moved, one_that_was_moved_away_before_a_stop_has_all)
{
	struct journal *j = filled();

	cr_assert_eq(rename(path, old), 0);
	journal_close(j, LONG);
	drop_file("-wal");
	drop_file("-shm");
	cr_assert_eq(rename(old, path), 0);
	cr_expect_eq(count_messages(), MANY);
}

Test(journal_moved, one_that_was_moved_away_has_all_that_was_written)
{
	struct journal *j = filled();

	cr_assert_eq(rename(path, old), 0);
	put(j, MANY + 1, 10);
	cr_expect_eq(count_messages(), 10);
	journal_close(j, LONG);
	cr_assert_eq(rename(old, path), 0);
	cr_expect_eq(count_messages(), MANY);
}

/* A reader of MANY, behind whom ten more stand in the log. */
static sqlite3 *
reader_behind(struct journal *j)
{
	sqlite3 *other = reader();

	must(other, "BEGIN");
	cr_expect_str_eq(row(other, "SELECT count(*) FROM message"), "500");
	put(j, MANY + 1, 10);
	return other;
}

/* What a reader keeps out of the file goes with it, and not to the one that comes. */
Test(journal_moved, one_that_was_moved_away_while_somebody_reads_has_all)
{
	struct journal *j = filled();
	sqlite3 *other = reader_behind(j);

	cr_assert_eq(rename(path, old), 0);
	put(j, MANY + 11, 10);
	cr_expect_eq(count_messages(), 10);
	cr_expect_str_eq(row(other, "SELECT count(*) FROM message"), "500");
	sqlite3_close(other);
	journal_close(j, LONG);
	cr_expect_eq(count_messages(), 10);
	cr_assert_eq(sqlite3_open(old, &other), SQLITE_OK);
	cr_expect_str_eq(row(other, "SELECT count(*) FROM message"), "510");
	cr_expect_str_eq(row(other, "PRAGMA integrity_check"), "ok");
	sqlite3_close(other);
}

/* Our path as a link. */
static void
link_to(const char *file)
{
	FILE *f = fopen(file, "a");

	cr_assert_not_null(f);
	fclose(f);
	(void)unlink(path);
	cr_assert_eq(symlink(file, path), 0);
}

Test(journal_moved, a_look_that_fails_while_somebody_reads_loses_nothing)
{
	struct journal *j = filled();
	sqlite3 *other = reader_behind(j);

	fails_in = 1;
	put(j, MANY + 11, 10);
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(count_messages(), MANY + 20);
	sqlite3_close(other);
	journal_close(j, LONG);
	cr_expect_eq(count_messages(), MANY + 20);
}

/* The log alone, which nobody else finds from then on. */
Test(journal_moved, a_log_that_is_removed_is_made_again)
{
	struct journal *j = filled();

	drop_file("-wal");
	put(j, MANY + 1, 10);
	put(j, MANY + 11, 10);
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(log_failing, 0);
	cr_expect_eq(count_messages(), MANY + 20);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	journal_close(j, LONG);
}

Test(journal_moved, nor_is_it_given_up_while_somebody_reads_in_it)
{
	struct journal *j = filled();
	sqlite3 *other = reader_behind(j);

	drop_file("-wal");
	put(j, MANY + 11, 10);
	cr_expect_eq(log_reopening, 0);
	cr_expect_str_eq(row(other, "SELECT count(*) FROM message"), "500");
	sqlite3_close(other);
	put(j, MANY + 21, 10);
	put(j, MANY + 31, 10);
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(count_messages(), MANY + 40);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	journal_close(j, LONG);
}

/* The path is a link, and so is what stands in its place then. */
Test(journal_moved, a_link_that_leads_elsewhere_leaves_the_first_one_its_log)
{
	char real[200];
	struct journal *j;
	sqlite3 *other;

	snprintf(real, sizeof(real), "%s/real.db", dir);
	link_to(real);
	j = filled();
	other = reader_behind(j);
	link_to(old);
	put(j, MANY + 11, 10);
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(count_messages(), 10);
	sqlite3_close(other);
	journal_close(j, LONG);
	link_to(real);
	cr_expect_eq(count_messages(), MANY + 10);
	cr_assert_eq(unlink(real), 0);
}

Test(journal_moved, a_compacted_one_behind_a_link_gets_nothing_of_the_log)
{
	char real[200];
	struct journal *j;
	sqlite3 *other;

	snprintf(real, sizeof(real), "%s/real.db", dir);
	link_to(real);
	j = filled();
	other = reader_behind(j);
	vacuum_into_old();
	cr_assert_eq(rename(old, real), 0);
	put(j, MANY + 11, 10);
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(count_messages(), MANY + 20);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	sqlite3_close(other);
	journal_close(j, LONG);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	cr_assert_eq(unlink(real), 0);
}

Test(journal_moved, a_folder_that_goes_at_the_start_takes_back_nothing)
{
	struct journal *j = filled();
	int met = 0;

	journal_close(j, LONG);
	goes = true;
	for (int n = 1; n < 20; n++) {
		fails_in = n;
		j = open_journal();
		if (j && rename(away, dir) == 0) {
			cr_expect_eq(opened.seq, MANY, "%d", n);
			met++;
		}
		fails_in = 0;
		(void)rename(away, dir);
		journal_close(j, LONG);
	}
	cr_expect_gt(met, 0);
}

Test(journal_moved, a_look_at_the_file_that_fails_takes_back_nothing)
{
	struct journal *j = filled();
	struct buf part = { 0 };

	buf_append(&part, "x", 1);
	journal_snapshot(j, 0, MANY, &part);
	cr_assert(journal_flush(j, LONG));
	journal_close(j, LONG);
	for (int n = 1; n < 20; n++) {
		fails_in = n;
		j = open_journal();
		if (!j)
			continue;
		put(j, MANY + (unsigned)n, 1);
		cr_expect_eq(journal_written_seq(j), MANY + (unsigned)n, "%d", n);
		journal_close(j, LONG);
		fails_in = 0;
		cr_expect_str_eq(read_row("SELECT count(*) FROM snapshot"), "1", "%d", n);
	}
	cr_expect_gt(log_reopening, 0);
}
