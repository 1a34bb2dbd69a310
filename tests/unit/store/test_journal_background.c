/* SPDX-License-Identifier: ISC */
/* What waits for the end of a turn, and when the journal's thread has the processor before others. */
#include <dirent.h>
#include <sched.h>

#include "journal_rig.h"
#include "sample.h"
#include "store/journal_thread.h"
#include "store/thread.h"

TestSuite(journal_background, .init = set_up, .fini = tear_down, .timeout = 120);

static void
put(struct journal *j)
{
	struct record_rcpt rcpt = { STR("anna@example.org"), STR("pass"), OUTCOME_PASSED };
	struct record r = sample_record(&rcpt, 1);

	journal_message(j, &r);
}

static int
rows(sqlite3 *db)
{
	sqlite3_stmt *st;
	int n;

	cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM message", -1, &st, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return n;
}

static void
run(sqlite3 *db, const char *sql)
{
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
}

/* How many of our threads are in the background. */
static int
in_background(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	cr_assert(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.' &&
		    sched_getscheduler((pid_t)strtol(e->d_name, NULL, 10)) == SCHED_IDLE;
	closedir(d);
	return n;
}

/* Only a test that fails does so for long. */
static void
tick_until(struct journal *j, int in_back)
{
	for (int n = 0; in_background() != in_back && n < 20000; n++)
		usleep(journal_tick(j) ? 1000 : 100);
	cr_expect_eq(in_background(), in_back);
}

static void
skip_unless_allowed(void)
{
	if (!thread_may_background())
		cr_skip_test("needs root, or RLIMIT_NICE");
}

Test(journal_background, a_message_waits_for_the_end_of_the_turn)
{
	struct journal *j = must_open();
	struct journal_stats s;
	sqlite3 *db = reader();

	put(j);
	usleep(500000); /* two commits might have been */
	cr_expect_eq(rows(db), 0);
	/* The thread may have the lock: the next turn tries again. */
	for (journal_turned(j); rows(db) < 1; journal_turned(j))
		usleep(1000);
	put(j);
	while (!journal_tick(j))
		usleep(1000);
	while (rows(db) < 2)
		usleep(1000);
	put(j);
	s = stats(j);
	cr_expect_eq(s.waiting + s.written, 3, "whoever asks is told");
	sqlite3_close(db);
	journal_close(j, LONG);
}

Test(journal_background, many_go_before_the_turn_is_over)
{
	struct journal *j = must_open();
	sqlite3 *db = reader();

	for (int n = 0; n < 1000; n++)
		put(j);
	while (rows(db) < 500)
		usleep(1000);
	sqlite3_close(db);
	journal_close(j, LONG);
}

Test(journal_background, the_thread_has_what_others_leave)
{
	struct journal *j;

	skip_unless_allowed();
	j = must_open();
	cr_expect_eq(in_background(), 1);
	put(j);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(in_background(), 0, "somebody waits for it");
	tick_until(j, 1);
	journal_close(j, LONG);
}

Test(journal_background, it_comes_to_the_front_where_it_does_not_get_on)
{
	struct journal *j;
	sqlite3 *db;

	skip_unless_allowed();
	j = must_open();
	db = reader();
	run(db, "BEGIN EXCLUSIVE");
	put(j);
	tick_until(j, 0);
	run(db, "COMMIT");
	while (rows(db) < 1)
		usleep(1000);
	tick_until(j, 1);
	sqlite3_close(db);
	journal_close(j, LONG);
}

static int
nothing_yet(void *arg, uint64_t after, journal_refill_fn *give, void *give_arg)
{
	(void)arg;
	(void)after;
	(void)give;
	(void)give_arg;
	return 0;
}

/* Whoever is killed before the first tick, again and again, gets on all the same. */
Test(journal_background, what_a_start_has_to_fetch_does_not_wait)
{
	struct journal_hooks hooks = { .refill = nothing_yet };
	struct journal *j;

	skip_unless_allowed();
	j = must_open_with((struct store_conf){ 0 }, hooks);
	cr_expect_eq(in_background(), 1);
	journal_refill(j, 10);
	cr_expect_eq(in_background(), 0);
	journal_close(j, 0);
}

/* As if the thread had lost its processor there. */
Test(journal_background, nobody_waits_for_the_lock)
{
	struct journal *j = must_open();
	bool allowed = thread_may_background();
	sqlite3 *db = reader();

	pthread_mutex_lock(&j->lock);
	for (int n = 0; n < 100; n++) {
		put(j);
		journal_turned(j);
	}
	cr_expect_not(journal_tick(j));
	cr_expect_eq(in_background(), 0);
	pthread_mutex_unlock(&j->lock);
	for (journal_turned(j); rows(db) < 100; journal_turned(j))
		usleep(1000);
	tick_until(j, allowed ? 1 : 0);
	sqlite3_close(db);
	journal_close(j, LONG);
}
