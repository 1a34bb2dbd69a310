/* SPDX-License-Identifier: ISC */
/* The database's file is moved, or another takes its place, while there is a log beside it. */
#include "journal_rig.h"
#include "sample.h"

enum { MANY = 500 };

static char why[300], old[200];

static void
begin(void)
{
	set_up();
	snprintf(old, sizeof(old), "%s-old", path);
}

TestSuite(journal_moved, .init = begin, .fini = tear_down, .timeout = 120);

static struct journal *
open_journal(void)
{
	struct store_conf conf = { .path = path, .max_queue = 64 << 20, .max_journal = 1 << 30 };
	struct journal_hooks hooks = { .parts = 1 };
	struct journal_opened opened;
	struct journal *j = NULL;

	return journal_open(&conf, &hooks, &j, &opened, why, sizeof(why)) == 0 ? j : NULL;
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
