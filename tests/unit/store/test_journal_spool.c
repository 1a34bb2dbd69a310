/* SPDX-License-Identifier: ISC */
/*
 * The journal beside a spool: each number is written once, whatever fails, and what its queue refused is
 * fetched. Here the spool is "all numbers up to `spooled`". Commits are made to fail by a sqlite3_exec() of
 * the test's own that stands in front of the library's.
 */
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/err.h"
#include "journal_rig.h"

static atomic_uint spooled;   /* the spool has 1..spooled */
static atomic_uint withheld;  /* but not this one */
static atomic_int spool_err;  /* what it answers */
static atomic_int refills;    /* how often it was asked */
static atomic_int fail_after; /* so many commits are carried out, but reported as failed */
static atomic_int page_limit; /* of the database, 0 none */

int
sqlite3_exec(sqlite3 *db, const char *sql, int (*fn)(void *, int, char **, char **), void *arg, char **err)
{
	int (*real)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
	void *sym = dlsym(RTLD_NEXT, "sqlite3_exec");
	char limit[64];
	int rc;

	memcpy(&real, &sym, sizeof(real));
	if (page_limit && strcmp(sql, "BEGIN IMMEDIATE") == 0) {
		snprintf(limit, sizeof(limit), "PRAGMA max_page_count = %d", (int)page_limit);
		real(db, limit, NULL, NULL, NULL);
	}
	rc = real(db, sql, fn, arg, err);
	if (rc == SQLITE_OK && strcmp(sql, "COMMIT") == 0 && fail_after > 0) {
		fail_after--;
		return SQLITE_IOERR;
	}
	return rc;
}

TestSuite(journal_spool, .init = set_up, .fini = tear_down, .timeout = 120);

static struct record
numbered(unsigned n, char text[16])
{
	snprintf(text, 16, "%05u", n);
	return (
	    struct record){ .seq = n, .time = 1700000000000, .door = "milter", .message_id = str_of(text) };
}

static void
put(struct journal *j, unsigned n)
{
	char text[16];
	struct record r = numbered(n, text);

	journal_message(j, &r);
	(void)stats(j); /* hands it over */
}

static int
refill(void *arg, uint64_t after, journal_refill_fn *give, void *give_arg)
{
	char text[16];
	struct buf b;
	bool more = true;

	(void)arg;
	refills++;
	buf_init(&b, 0);
	/* begins a little too early, as a segment does */
	for (unsigned n = after > 7 ? (unsigned)after - 7 : 1; n <= spooled && more; n++) {
		struct record r = numbered(n, text);

		buf_reset(&b);
		record_pack(&r, &b);
		more = n == withheld || give(give_arg, n, buf_str(&b));
	}
	buf_fini(&b);
	return spool_err;
}

static struct journal *
open_with(uint64_t max_queue, bool spool, uint32_t parts)
{
	return must_open_with((struct store_conf){ .max_queue = max_queue },
	    (struct journal_hooks){ .refill = spool ? refill : NULL, .parts = parts });
}

static size_t
one_size(void)
{
	char text[16];
	struct record r = numbered(1000, text);

	return packed_size(&r);
}

/* 1..n are there, each once, in order. */
static void
expect_rows(unsigned n)
{
	char text[64];

	snprintf(text, sizeof(text), "%u|0|%u", n, n);
	cr_expect_str_eq(read_row("SELECT count(*), sum(CAST(message_id AS INTEGER) <> n), "
				  "(SELECT value FROM meta WHERE key = 'journal_seq') FROM "
				  "(SELECT message_id, row_number() OVER (ORDER BY id) AS n FROM message)"),
	    text);
}

Test(journal_spool, each_number_once)
{
	struct journal *j = open_with(64 << 20, false, 0);

	cr_expect_eq(opened.seq, 0);
	cr_expect_eq(journal_written_seq(j), 0);
	for (unsigned k = 0; k < 2; k++)
		for (unsigned n = 1; n <= 1000; n++)
			put(j, n);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(journal_written_seq(j), 1000);
	cr_expect_eq(stats(j).written, 1000);
	cr_expect_eq(stats(j).skipped, 1000);
	expect_rows(1000);
	journal_close(j, LONG);

	j = open_with(64 << 20, false, 0);
	cr_expect_eq(opened.seq, 1000);
	cr_expect_eq(journal_written_seq(j), 1000);
	for (unsigned n = 1; n <= 1001; n++)
		put(j, n);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).written, 1);
	cr_expect_eq(stats(j).skipped, 1000);
	expect_rows(1001);
	journal_close(j, LONG);
	cr_expect_eq(log_failing, 0);
}

Test(journal_spool, a_commit_that_only_seems_to_fail)
{
	struct journal *j = open_with(64 << 20, false, 0);

	fail_after = 2;
	for (unsigned n = 1; n <= 1000; n++)
		put(j, n);
	cr_assert(journal_flush(j, LONG));
	put(j, 1001);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(fail_after, 0);
	cr_expect_eq(stats(j).failures, 2);
	cr_expect_eq(stats(j).written + stats(j).skipped, 1001);
	cr_expect_geq(stats(j).skipped, 1);
	cr_expect_eq(stats(j).lost, 0);
	cr_expect(stats(j).healthy);
	cr_expect_eq(journal_written_seq(j), 1001);
	expect_rows(1001);
	cr_expect_eq(log_failing, 1);
	cr_expect_eq(log_recovered, 1);
	journal_close(j, LONG);
}

/* It may be a copy from another day: what counts is the database, not what we remember. */
Test(journal_spool, the_database_knows_it_best)
{
	struct journal *j = open_with(64 << 20, false, 0);
	sqlite3 *db = reader();

	for (unsigned n = 1; n <= 100; n++)
		put(j, n);
	cr_assert(journal_flush(j, LONG));
	must(db, "UPDATE meta SET value = 500 WHERE key = 'journal_seq'");
	sqlite3_close(db);
	for (unsigned n = 101; n <= 600; n++)
		put(j, n);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).skipped, 400);
	cr_expect_eq(stats(j).written, 200);
	cr_expect_str_eq(read_row("SELECT count(*), max(id) FROM message"), "200|200");
	journal_close(j, LONG);
}

Test(journal_spool, killed_at_any_moment)
{
	unsigned top = 0;

	for (unsigned k = 0; k < 6; k++) {
		struct journal *j;
		pid_t pid = fork();

		cr_assert_geq(pid, 0);
		if (pid == 0) {
			j = open_with(64 << 20, false, 0);
			for (unsigned n = 1; n <= 4000 * (k + 1); n++) {
				put(j, n);
				if (n % 500 == 0)
					(void)journal_flush(j, 1);
			}
			pause();
			_exit(0);
		}
		usleep(30000 + 17000 * k);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		j = open_with(64 << 20, false, 0);
		cr_expect_geq(opened.seq, top);
		top = 4000 * (k + 1);
		for (unsigned n = 1; n <= top; n++)
			put(j, n);
		journal_close(j, LONG);
		expect_rows(top);
	}
}

Test(journal_spool, a_storm_may_share_a_number)
{
	struct journal *j = open_with(64 << 20, false, 0);
	struct record_storm s = { .seq = 1, .id = 9, .state = "open", .offered = 1 };

	put(j, 1);
	journal_storm(j, &s);
	cr_assert(journal_flush(j, LONG));
	put(j, 2);
	s.seq = 2;
	s.offered = 2;
	cr_assert(journal_flush(j, LONG)); /* the message's number is there already */
	journal_storm(j, &s);
	cr_assert(journal_flush(j, LONG));
	cr_expect_str_eq(read_row("SELECT offered FROM storm"), "2");
	s.seq = 1;
	s.offered = 1;
	journal_storm(j, &s); /* of yesterday */
	cr_assert(journal_flush(j, LONG));
	cr_expect_str_eq(read_row("SELECT offered FROM storm"), "2");
	cr_expect_eq(stats(j).skipped, 1);
	journal_close(j, LONG);
}

Test(journal_spool, what_the_queue_refuses_is_fetched)
{
	struct journal *j = open_with(50 * one_size(), true, 0);
	sqlite3 *other = reader();

	must(other, "BEGIN EXCLUSIVE");
	for (unsigned n = 1; n <= 1000; n++) {
		spooled = n;
		put(j, n);
	}
	while (stats(j).failures < 2)
		pause_a_little();
	cr_expect(stats(j).behind && stats(j).deferred >= 945 && stats(j).waiting == 1000);
	cr_expect_eq(refills, 0, "not before the queue is empty");
	must(other, "COMMIT");
	/* more of them all the while */
	for (unsigned n = 1001; n <= 5000; n++) {
		spooled = n;
		put(j, n);
		if (n % 40 == 0)
			usleep(1000);
	}
	cr_assert(journal_flush(j, LONG));
	while (stats(j).behind)
		pause_a_little();
	cr_expect(stats(j).lost == 0 && stats(j).written == 5000 && stats(j).refilled >= 900);
	cr_expect_eq(journal_written_seq(j), 5000);
	expect_rows(5000);
	sqlite3_close(other);
	journal_close(j, LONG);
	cr_expect(log_behind == 1 && log_caught_up == 1, "once a minute");
}

/* At the cap and one beyond. */
Test(journal_spool, only_the_one_too_many_is_fetched)
{
	for (unsigned extra = 0; extra < 2; extra++) {
		struct journal *j = open_with(10 * one_size(), true, 0);
		uint64_t seq = opened.seq;
		sqlite3 *other = reader();

		must(other, "BEGIN EXCLUSIVE");
		spooled = (unsigned)seq;
		for (unsigned n = 0; n < 10 + extra; n++)
			put(j, ++spooled);
		cr_expect(stats(j).behind == (extra == 1) && stats(j).deferred == extra);
		must(other, "COMMIT");
		sqlite3_close(other);
		cr_assert(journal_flush(j, LONG));
		cr_expect_eq(stats(j).refilled, extra);
		journal_close(j, LONG);
		cr_expect_eq(count_messages(), (long)seq + 10 + extra);
	}
}

Test(journal_spool, a_record_larger_than_the_queue)
{
	struct journal *j = open_with(10, true, 0);

	for (unsigned n = 1; n <= 20; n++) {
		spooled = n;
		put(j, n);
	}
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).refilled, 20);
	expect_rows(20);
	journal_close(j, LONG);
}

Test(journal_spool, what_was_left_over_is_fetched_at_the_start)
{
	struct journal *j = open_with(10 * one_size(), true, 0);
	sqlite3 *other = reader();

	must(other, "BEGIN EXCLUSIVE");
	spooled = 100;
	journal_refill(j, 100);
	journal_close(j, 0);
	cr_expect_eq(log_left, 100);
	sqlite3_close(other);
	j = open_with(10 * one_size(), true, 0);
	journal_refill(j, 100);
	cr_expect_eq(stats(j).written + stats(j).waiting, 100);
	put(j, 101); /* behind them, although it comes first */
	spooled = 101;
	cr_assert(journal_flush(j, LONG));
	expect_rows(101);
	cr_expect(stats(j).refilled == 101 && stats(j).deferred == 0 && log_behind == 0, "it has room");
	journal_refill(j, 101);
	cr_expect_not(stats(j).behind);
	put(j, 102);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).refilled, 101);
	journal_close(j, LONG);
	expect_rows(102);
}

Test(journal_spool, a_record_that_comes_late_is_waited_for)
{
	struct journal *j = open_with(10, true, 0);

	put(j, 1); /* the spool does not have it yet */
	while (refills < 3)
		pause_a_little();
	cr_expect(refills <= 10 && stats(j).behind, "not in a loop");
	spooled = 1;
	cr_assert(journal_flush(j, LONG));
	expect_rows(1);
	cr_expect_eq(log_incomplete, 0);
	journal_close(j, LONG);
}

Test(journal_spool, what_the_spool_does_not_have_is_lost_and_told)
{
	struct journal *j = open_with(10, true, 0);

	spooled = 4;
	withheld = 5;
	for (unsigned n = 1; n <= 5; n++)
		put(j, n);
	cr_assert(journal_flush(j, LONG));
	cr_expect(stats(j).lost == 1 && !stats(j).behind);
	cr_expect_eq(journal_written_seq(j), 5, "it will not come any more");
	cr_expect_str_eq(read_row("SELECT count(*), max(id) FROM messages"), "4|4");
	cr_expect_str_eq(read_row("SELECT value FROM meta WHERE key = 'journal_seq'"), "5");
	spooled = 6;
	put(j, 6);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(count_messages(), 5);
	journal_close(j, LONG);
	cr_expect(log_incomplete == 1 && log_full == 0, "once, and not as if the queue had been full");
}

Test(journal_spool, a_gap_in_the_spool_is_told)
{
	struct journal *j = open_with(10, true, 0);
	sqlite3 *other = reader();

	must(other, "BEGIN EXCLUSIVE");
	withheld = 3;
	for (unsigned k = 0; k < 2; k++)
		for (unsigned n = 1; n <= 5; n++)
			put(j, n);
	spooled = 5;
	must(other, "COMMIT");
	sqlite3_close(other);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).lost, 1);
	cr_expect_eq(journal_written_seq(j), 5);
	cr_expect_eq(count_messages(), 4);
	journal_close(j, LONG);
	cr_expect_eq(log_incomplete, 1);
}

Test(journal_spool, a_spool_that_fails_is_asked_again)
{
	struct journal *j = open_with(10, true, 0);

	spool_err = ERR_IO;
	spooled = 3;
	for (unsigned n = 1; n <= 3; n++)
		put(j, n);
	while (refills < 3)
		pause_a_little();
	spool_err = 0;
	cr_assert(journal_flush(j, LONG));
	while (stats(j).behind)
		pause_a_little();
	expect_rows(3);
	cr_expect_eq(stats(j).lost, 0);
	journal_close(j, LONG);
}

Test(journal_spool, without_a_spool_they_are_lost)
{
	struct journal *j = open_with(10 * one_size(), false, 0);
	sqlite3 *other = reader();

	must(other, "BEGIN EXCLUSIVE");
	for (unsigned n = 1; n <= 30; n++)
		put(j, n);
	cr_expect_eq(stats(j).lost, 20);
	cr_expect_not(stats(j).behind);
	must(other, "COMMIT");
	sqlite3_close(other);
	cr_assert(journal_flush(j, LONG));
	expect_rows(10);
	journal_close(j, LONG);
}

Test(journal_spool, closing_leaves_the_rest_to_the_spool)
{
	struct journal *j = open_with(10 * one_size(), true, 0);
	sqlite3 *other = reader();

	must(other, "BEGIN EXCLUSIVE");
	spooled = 100;
	for (unsigned n = 1; n <= 100; n++)
		put(j, n);
	journal_storm(j, &(struct record_storm){ .id = 9, .state = "open" });
	journal_close(j, 200);
	cr_expect_eq(log_closed, 0, "nothing is lost");
	sqlite3_close(other);
	j = open_with(10 * one_size(), true, 0);
	journal_refill(j, 100);
	cr_assert(journal_flush(j, LONG));
	journal_close(j, LONG);
	expect_rows(100);
}

static long
cpu_ms(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
	    (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

Test(journal_spool, a_refused_record_uses_up_its_number)
{
	struct journal *j = open_with(64 << 20, false, 0);
	sqlite3 *db = reader();
	long before;

	must(db,
	    "CREATE TRIGGER no BEFORE INSERT ON message WHEN CAST(new.message_id AS INTEGER) IN (1, 5, 10) "
	    "BEGIN SELECT raise(ABORT, 'no'); END");
	must(db, "BEGIN EXCLUSIVE");
	put(j, 1);
	while (stats(j).failures < 1)
		pause_a_little();
	must(db, "COMMIT");
	cr_assert(journal_flush(j, LONG));
	cr_expect(stats(j).healthy, "the database is not at fault");
	cr_expect_eq(journal_written_seq(j), 1);
	before = cpu_ms();
	usleep(400000);
	cr_expect_lt(cpu_ms() - before, 100, "the thread sleeps");
	for (unsigned n = 2; n <= 10; n++)
		put(j, n);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).lost, 3);
	cr_expect_eq(journal_written_seq(j), 10);
	cr_expect_str_eq(row(db, "SELECT value FROM meta WHERE key = 'journal_seq'"), "10");
	cr_expect_str_eq(row(db, "SELECT count(*) FROM message"), "7");
	sqlite3_close(db);
	journal_close(j, LONG);
}

Test(journal_spool, another_file_has_numbers_of_its_own)
{
	struct journal *j = open_with(64 << 20, false, 1);
	struct buf blob = { 0 };
	char old[200];

	/* a file from elsewhere, far ahead */
	for (unsigned n = 1; n <= 100; n++)
		put(j, n);
	buf_str_append(&blob, STR("theirs"));
	journal_snapshot(j, 0, 100, &blob);
	journal_close(j, LONG);
	snprintf(old, sizeof(old), "%s-old", path);
	cr_assert_eq(rename(path, old), 0);

	j = open_with(64 << 20, false, 1);
	for (unsigned n = 1; n <= 10; n++)
		put(j, n);
	buf_str_append(&blob, STR("ours"));
	journal_snapshot(j, 0, 10, &blob);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(journal_snapshot_seq(j), 10);
	drop_file("-wal");
	drop_file("-shm");
	cr_assert_eq(rename(old, path), 0);
	put(j, 11);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(count_messages(), 101);
	cr_expect_str_eq(read_row("SELECT value FROM meta WHERE key = 'journal_seq'"), "11");
	cr_expect_str_eq(read_row("SELECT count(*) FROM snapshot"), "0");
	cr_expect_eq(journal_written_seq(j), 11);
	cr_expect_eq(journal_snapshot_seq(j), 0);
	journal_close(j, LONG);
}

/* ---- a full disk ---- */

Test(journal_spool, a_full_database_is_survived)
{
	struct journal *j = open_with(64 << 20, false, 1);
	struct buf blob = { 0 };

	put(j, 1);
	cr_assert(journal_flush(j, LONG));
	page_limit = 20;
	for (unsigned n = 2; n <= 5000; n++)
		put(j, n);
	while (stats(j).failures < 3)
		pause_a_little();
	cr_expect_not(stats(j).healthy);
	memset(buf_reserve(&blob, 1 << 20), 'x', 1 << 20);
	buf_commit(&blob, 1 << 20);
	journal_snapshot(j, 0, 5000, &blob);
	page_limit = 1 << 20;
	cr_assert(journal_flush(j, LONG));
	cr_expect(stats(j).healthy);
	cr_expect_eq(stats(j).lost, 0);
	expect_rows(5000);
	cr_expect_eq(journal_snapshot_seq(j), 5000);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	cr_expect_eq(log_disk_full, 1);
	cr_expect_eq(log_failing, 1);
	cr_expect_eq(log_recovered, 1);
	journal_close(j, LONG);
}

/* A file system of our own, one megabyte large, seen by nobody else. */
static bool
mount_small(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("none", dir, "tmpfs", 0, "size=1m") == 0;
}

Test(journal_spool, a_full_file_system_is_survived)
{
	struct journal *j;

	if (!mount_small())
		cr_skip_test("needs root and a mount namespace");
	j = open_with(64 << 20, false, 0);
	for (unsigned n = 1; n <= 20000; n++)
		put(j, n);
	while (stats(j).failures < 4)
		pause_a_little();
	cr_expect_not(stats(j).healthy);
	cr_expect_eq(stats(j).lost, 0);
	cr_expect_lt(journal_written_seq(j), 20000);
	cr_assert_eq(mount("none", dir, "tmpfs", MS_REMOUNT, "size=64m"), 0);
	cr_assert(journal_flush(j, LONG));
	cr_expect(stats(j).healthy);
	expect_rows(20000);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	cr_expect_eq(log_recovered, 1);
	cr_expect_eq(log_disk_full, 1);
	journal_close(j, LONG);
	drop_file("");
	cr_expect_eq(umount(dir), 0);
}
