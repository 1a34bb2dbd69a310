/* SPDX-License-Identifier: ISC */
/* Retention where the wall clock was wrong for a while: the oldest rows are the first ones all the same. */
#include "journal_rig.h"
#include "sample.h"
#include "store/journal_thread.h"

TestSuite(journal_retain, .init = set_up, .fini = tear_down, .timeout = 120);

static const int64_t now = 1800000000000, before = 1800000000000 - MS_DAY;

static void
put(struct journal *j, unsigned n, int64_t time)
{
	struct record_rcpt rcpt = { STR("anna@example.org"), STR("pass"), OUTCOME_PASSED };
	struct record r = sample_record(&rcpt, 1);

	r.time = time;
	for (unsigned k = 0; k < n; k++)
		journal_message(j, &r);
}

/* Slice by slice until nothing goes any more; how many rows there are then. */
static long
retained(struct journal *j)
{
	uint64_t seed = 0;
	struct jdb d;
	int more = 1;

	journal_close(j, LONG);
	cr_assert_eq(jdb_open(&d, path, &seed, LONG), 0, "%s", d.why);
	for (int round = 0; round < 20; round++) {
		more = jdb_retain(&d, before, now);
		cr_assert_geq(more, 0, "%s", d.why);
	}
	cr_expect_eq(more, 0);
	jdb_close(&d);
	return count_messages();
}

/* A machine without a clock of its own begins in 1970 until somebody tells it the time. */
Test(journal_retain, one_of_1970_takes_none_before_it_along)
{
	struct journal *j = must_open();

	put(j, 10, before - MS_HOUR);
	put(j, 300, now - MS_HOUR);
	put(j, 1, 7000);
	put(j, 20, now);
	cr_expect_eq(retained(j), 321, "those that are old, and no other");
}

/* It goes when it is the oldest. */
Test(journal_retain, one_of_1970_goes_when_its_turn_comes)
{
	struct journal *j = must_open();

	put(j, 700, before - MS_HOUR);
	put(j, 1, 7000);
	put(j, 20, now);
	cr_expect_eq(retained(j), 20);
}

/* Nor do those of a clock that ran ahead, for which something old behind them has to do. */
Test(journal_retain, those_of_a_time_to_come_take_none_along)
{
	struct journal *j = must_open();

	put(j, 3, now + 3650ll * MS_DAY);
	put(j, 300, now - MS_HOUR);
	put(j, 1, 7000);
	cr_expect_eq(retained(j), 301, "the three are gone, and no other");
}

/* Quiet may be longer than the retention: a storm that only cools goes on. */
Test(journal_retain, storms_that_go_on_stay)
{
	static const char *const states[] = { "open", "cooling", "remembered", "closed" };
	struct journal *j = must_open();

	for (unsigned k = 0; k < ARRAY_LEN(states); k++) {
		struct record_storm s = { .id = k + 1, .state = states[k], .last = before - MS_HOUR };

		journal_storm(j, &s);
	}
	(void)retained(j);
	cr_expect_str_eq(read_row("SELECT group_concat(state) FROM (SELECT state FROM storm ORDER BY id)"),
	    "open,cooling");
}

static int
looks(struct jdb *d)
{
	return sqlite3_stmt_status(d->st[JDB_OLD_BEHIND], SQLITE_STMTSTATUS_RUN, 0);
}

/* Each look is one at every row: for years, a minute after the other. */
Test(journal_retain, behind_a_time_to_come_is_looked_when_something_may_be_old)
{
	struct journal *j = must_open();
	uint64_t seed = 0;
	struct jdb d;

	put(j, 600, now + 3650ll * MS_DAY);
	put(j, 3, before + 5 * MS_MIN);
	put(j, 10, now);
	journal_close(j, LONG);
	cr_assert_eq(jdb_open(&d, path, &seed, LONG), 0, "%s", d.why);
	for (int minute = 0; minute <= 5; minute++)
		cr_expect_eq(jdb_retain(&d, before + minute * MS_MIN, now + minute * MS_MIN), 0);
	cr_expect_eq(looks(&d), 1);
	/* The first 500, then the others, then what was old itself. */
	for (int more = 1, slices = 0; more > 0 && slices < 5; slices++)
		more = jdb_retain(&d, before + 6 * MS_MIN, now + 6 * MS_MIN);
	cr_expect_eq(looks(&d), 2);
	cr_expect_eq(count_messages(), 10);
	/* The clock was put back, to where nothing was ever old. */
	cr_expect_eq(jdb_retain(&d, 0, 1), 0);
	cr_expect_eq(looks(&d), 3);
	cr_expect_eq(count_messages(), 10);
	jdb_close(&d);
}

/* An empty table gives the ids of before again. */
Test(journal_retain, what_goes_is_no_more_what_was_looked_for)
{
	struct journal *j = must_open();
	uint64_t seed = 0;
	struct jdb d;

	put(j, 600, now + 3650ll * MS_DAY);
	put(j, 3, before - MS_HOUR);
	journal_close(j, LONG);
	cr_assert_eq(jdb_open(&d, path, &seed, LONG), 0, "%s", d.why);
	must(d.db, "CREATE TEMP TABLE kept AS SELECT * FROM message WHERE id = 1");
	for (int more = 1, slices = 0; more > 0 && slices < 5; slices++)
		more = jdb_retain(&d, before, now);
	cr_expect_eq(count_messages(), 0);
	must(d.db, "INSERT INTO message SELECT * FROM kept");
	cr_expect_eq(jdb_retain(&d, before, now), 0);
	cr_expect_eq(count_messages(), 1, "of a time to come, with nothing old behind it");
	jdb_close(&d);
}

/* What came since a clock was put ahead says nothing of the time. */
Test(journal_retain, days_without_mail_may_be_a_clock_put_ahead)
{
	const struct {
		int64_t times[4], settled;
	} cases[] = {
		{ { 0, 0, 0, 0 }, 0 },
		{ { now - 9 * MS_DAY, now - MS_DAY, now - MS_HOUR, now }, now },
		{ { now - 9 * MS_DAY, now - 2 * MS_DAY, now - MS_HOUR, now }, now },
		{ { now - 9 * MS_DAY, now - 3 * MS_DAY, now - MS_HOUR, now }, now - 3 * MS_DAY },
		{ { now - MS_HOUR, now, now + 3650ll * MS_DAY, now + 3650ll * MS_DAY + MS_HOUR }, now },
		{ { now - MS_HOUR, now + 3650ll * MS_DAY, now, now + 1 }, now + 1 },
		{ { now - MS_HOUR, now, now + 1, MS_HOUR }, MS_HOUR },
	};
	uint64_t seed = 0;
	struct jdb d;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal *j = must_open();
		int64_t settled = -1;

		for (int k = 0; k < 4 && cases[i].times[k]; k++)
			put(j, 1, cases[i].times[k]);
		journal_close(j, LONG);
		cr_assert_eq(jdb_open(&d, path, &seed, LONG), 0, "%s", d.why);
		cr_expect_eq(jdb_settled(&d, &settled), 0);
		cr_expect_eq(settled, cases[i].settled, "%u", i);
		must(d.db, "DELETE FROM recipient; DELETE FROM message");
		jdb_close(&d);
	}
}

/* A day may bring millions, and a start is not to read all of them. */
Test(journal_retain, a_day_is_not_read_row_by_row)
{
	enum { N = 20000 };
	uint64_t seed = 0;
	int64_t settled = -1;
	struct jdb d;

	for (unsigned old = 0; old <= N; old += N / 2) {
		struct journal *j = must_open();
		int steps = 0;

		put(j, old, now - 10ll * MS_DAY);
		put(j, N, now - MS_HOUR);
		journal_close(j, LONG);
		cr_assert_eq(jdb_open(&d, path, &seed, LONG), 0, "%s", d.why);
		must(d.db, "DELETE FROM message WHERE id % 7 = 3");
		cr_expect_eq(jdb_settled(&d, &settled), 0);
		cr_expect_eq(settled, old ? now - 10ll * MS_DAY : now - MS_HOUR, "%u", old);
		for (unsigned k = 0; k < JDB_STMTS; k++)
			steps += sqlite3_stmt_status(d.st[k], SQLITE_STMTSTATUS_VM_STEP, 0);
		cr_expect_lt(steps, N);
		must(d.db, "DELETE FROM recipient; DELETE FROM message");
		jdb_close(&d);
	}
}

/* Wherever the day begins, and however many came in it. */
Test(journal_retain, the_last_one_before_a_day_is_found)
{
	enum { N = 40 };
	uint64_t seed = 0;
	struct jdb d;

	for (int n = 1; n <= N; n++) {
		struct journal *j = must_open();
		int64_t settled = -1, of_before = now;

		for (int k = n; k < N; k++)
			put(j, 1, of_before = now - (int64_t)(10 + N - k) * MS_DAY);
		put(j, (unsigned)n, now);
		journal_close(j, LONG);
		cr_assert_eq(jdb_open(&d, path, &seed, LONG), 0, "%s", d.why);
		cr_expect_eq(jdb_settled(&d, &settled), 0);
		cr_expect_eq(settled, of_before, "%d", n);
		must(d.db, "DELETE FROM recipient; DELETE FROM message");
		jdb_close(&d);
	}
}

/* A machine that is told the time a while after each start. */
Test(journal_retain, few_between_two_days_of_a_wrong_time_are_found)
{
	const int64_t wrong = now + 3650ll * MS_DAY;
	struct journal *j = must_open();
	int64_t settled = -1;
	uint64_t seed = 0;
	struct jdb d;

	put(j, 50, now - 2ll * MS_DAY);
	put(j, 200, wrong - MS_HOUR);
	put(j, 1, now);
	put(j, 300, wrong);
	journal_close(j, LONG);
	cr_assert_eq(jdb_open(&d, path, &seed, LONG), 0, "%s", d.why);
	cr_expect_eq(jdb_settled(&d, &settled), 0);
	cr_expect_eq(settled, now);
	jdb_close(&d);
}
