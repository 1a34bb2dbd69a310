/* SPDX-License-Identifier: ISC */
/* The journal as its callers know it; what it wrote is read back by a connection of the test's own. */
#include "store/journal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/err.h"
#include "journal_rig.h"
#include "sample.h"
#include "store/journal_queue.h"

static const struct journal_hooks no_hooks;

TestSuite(journal, .init = set_up, .fini = tear_down, .timeout = 120);

/* Two recipients, the second one stopped. Nothing of it lives beyond the call. */
static void
put_at(struct journal *j, unsigned n, int64_t time)
{
	char id[64], *rule = strdup("replication");
	struct record_rcpt rcpts[2] = {
		{ STR("anna@example.org"), STR("pass"), OUTCOME_PASSED },
		{ STR("bert@example.org"), str_of(rule), OUTCOME_STOPPED },
	};
	struct record r = sample_record(rcpts, 2);

	r.time = time;
	r.storm = 0x7fffffffffffffffu;
	snprintf(id, sizeof(id), "<%u@example.net>", n);
	r.message_id = str_of(id);
	r.rule = str_of(rule);
	journal_message(j, &r);
	memset(id, 'x', sizeof(id));
	memset(rule, 'x', strlen(rule));
	free(rule);
}

static void
put(struct journal *j, unsigned n)
{
	put_at(j, n, 1700000000123);
}

Test(journal, ten_thousand_records_through_the_views)
{
	struct journal *j = must_open();
	sqlite3 *db;

	for (unsigned n = 0; n < 10000; n++)
		put(j, n % 5000); /* each message comes twice */
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).written, 10000);
	cr_expect_eq(stats(j).lost, 0);
	cr_expect_eq(stats(j).waiting, 0);
	cr_expect(stats(j).healthy);
	cr_expect_lt(stats(j).commits, 1000, "%llu commits", (unsigned long long)stats(j).commits);
	db = reader();
	cr_expect_str_eq(
	    row(db, "SELECT count(*), min(id), max(id), count(DISTINCT message_id) FROM messages"),
	    "10000|1|10000|5000");
	cr_expect_str_eq(row(db, "SELECT * FROM messages WHERE id = 43"),
	    "43|2023-11-14 "
	    "22:13:20|passed|drop-recipients|replication|7fffffffffffffff|carl@example.net|2|3|4|"
	    "<42@example.net>|<root@example.net>|Carl@example.net|Minutes|none|4096|5|fedcba9876543210|"
	    "8123456789abcdef|"
	    "192.0.2.7|mx.example.net|mx|carl|4ABC|1.2.3|milter|EOM|yes|no");
	cr_expect_str_eq(row(db, "SELECT count(*) FROM recipients"), "20000");
	cr_expect_str_eq(row(db, "SELECT * FROM recipients WHERE message = 43 AND outcome = 'stopped'"),
	    "43|2023-11-14 "
	    "22:13:20|bert@example.org|replication|stopped|carl@example.net|<42@example.net>|Minutes|"
	    "replication|7fffffffffffffff|192.0.2.7|4ABC");
	cr_expect_str_eq(row(db, "SELECT count(*) FROM copies WHERE offered = 2"), "10000");
	cr_expect_str_eq(row(db,
			     "SELECT offered, passed, stopped, first FROM copies WHERE "
			     "message_id = '<7@example.net>' AND recipient = 'bert@example.org'"),
	    "2|0|2|2023-11-14 22:13:20");
	cr_expect_str_eq(row(db, "PRAGMA journal_mode"), "wal");
	cr_expect_str_eq(row(db, "PRAGMA integrity_check"), "ok");
	sqlite3_close(db);
	journal_close(j, LONG);
}

Test(journal, storms_are_kept_up_to_date)
{
	struct journal *j = must_open();
	struct record_host hosts[3] = { { STR("bad.example.net"), "received", 900 },
		{ STR("192.0.2.1"), "client", 5 }, { STR("mspop3connector.x"), "gateway-marker", 1 } };
	struct record_storm s = { .id = 0x7ffffffffffffffeu,
		.rule = STR("replication"),
		.key_lo = 1,
		.key_hi = 0x8000000000000000u,
		.state = "open",
		.message_id = STR("<1@example.net>"),
		.subject = STR("Minutes"),
		.sender = STR("carl@example.net"),
		.first = 1700000000000,
		.last = 1700000001000,
		.offered = 10,
		.passed = 3,
		.stopped = 7,
		.messages = 5,
		.recipients = 2,
		.hosts = hosts,
		.n_hosts = 3 };
	sqlite3 *db = reader();

	journal_storm(j, &s);
	cr_assert(journal_flush(j, LONG));
	cr_expect_str_eq(row(db, "SELECT count(*), group_concat(name) FROM storm_hosts"),
	    "3|bad.example.net,192.0.2.1,mspop3connector.x");
	s.state = "closed";
	s.offered = 1000;
	s.stopped = 997;
	hosts[0].copies = 950;
	s.n_hosts = 1;
	journal_storm(j, &s);
	cr_assert(journal_flush(j, LONG));
	cr_expect_str_eq(row(db, "SELECT * FROM storms"),
	    "7ffffffffffffffe|replication|closed|2023-11-14 22:13:20|2023-11-14 22:13:21|1000|3|997|5|2|"
	    "carl@example.net|<1@example.net>|Minutes|80000000000000000000000000000001");
	cr_expect_str_eq(row(db, "SELECT count(*), name, how, copies, state FROM storm_hosts"),
	    "1|bad.example.net|received|950|closed");
	sqlite3_close(db);
	journal_close(j, LONG);
}

Test(journal, text_from_peers_is_made_fit)
{
	static const char bad[] =
	    "a\0b\x1b[2J\r\n\xff\xc3\xa9\xc2\x9b\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82\xac'\"\xe2\x82";
	char *huge = malloc(JOURNAL_TEXT_MAX + 1);
	struct journal *j = must_open();
	struct record r = { .subject = { bad, sizeof(bad) - 1 }, .size = UINT64_MAX };
	sqlite3 *db;

	memset(huge, 'x', JOURNAL_TEXT_MAX + 1);
	r.helo = (struct str){ huge, JOURNAL_TEXT_MAX };
	r.sender = (struct str){ huge, JOURNAL_TEXT_MAX + 1 };
	journal_message(j, &r);
	free(huge);
	cr_assert(journal_flush(j, LONG));
	db = reader();
	cr_expect_str_eq(
	    row(db, "SELECT subject FROM messages"), "a?b?[2J???\xc3\xa9?????????\xe2\x82\xac'\"??");
	cr_expect_str_eq(
	    row(db, "SELECT length(helo), length(sender), door, storm, trace, identity, size FROM messages"),
	    "4096|4096|||||9223372036854775807");
	sqlite3_close(db);
	journal_close(j, LONG);
}

Test(journal, close_writes_what_waits)
{
	struct journal *j = must_open();

	for (unsigned n = 0; n < 500; n++)
		put(j, n);
	journal_close(j, LONG);
	journal_close(NULL, 0);
	cr_expect_eq(count_messages(), 500);
	cr_expect_eq(log_closed, 0);
	drop_file("-wal"); /* there is none left: the file alone holds all */
	cr_expect_eq(count_messages(), 500);
}

Test(journal, a_locked_database_holds_nobody_up)
{
	struct journal *j = must_open();
	sqlite3 *other = reader();

	/* While this lock is held by the very thread that calls, a call that waited for it would never
	 * end. */
	must(other, "BEGIN EXCLUSIVE");
	for (unsigned n = 0; n < 1000; n++)
		put(j, n);
	cr_expect_not(journal_flush(j, 50));
	while (stats(j).failures < 2)
		pause_a_little();
	cr_expect_not(stats(j).healthy);
	cr_expect_eq(stats(j).written, 0);
	cr_expect_eq(stats(j).waiting, 1000);
	put(j, 1000);
	must(other, "COMMIT");
	cr_assert(journal_flush(j, LONG));
	cr_expect(stats(j).healthy);
	cr_expect_eq(stats(j).written, 1001);
	cr_expect_eq(stats(j).lost, 0);
	cr_expect_eq(log_failing, 1);
	cr_expect_eq(log_recovered, 1);
	sqlite3_close(other);
	cr_expect_eq(count_messages(), 1001);
	journal_close(j, LONG);
}

Test(journal, close_gives_up_in_the_end)
{
	struct journal *j = must_open();
	sqlite3 *other = reader();

	must(other, "BEGIN EXCLUSIVE");
	for (unsigned n = 0; n < 10; n++)
		put(j, n);
	journal_close(j, 300);
	cr_expect_eq(log_closed, 1);
	must(other, "COMMIT");
	sqlite3_close(other);
	cr_expect_eq(count_messages(), 0);
}

Test(journal, a_full_disk_is_survived)
{
	struct journal *j = must_open();
	struct rlimit whole, small;
	uint64_t failures;

	signal(SIGXFSZ, SIG_IGN);
	put(j, 0);
	cr_assert(journal_flush(j, LONG));
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &whole), 0);
	small = whole;
	small.rlim_cur = 200000;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (unsigned n = 1; n <= 5000; n++)
		put(j, n);
	while (stats(j).failures < 3)
		pause_a_little();
	failures = stats(j).failures;
	cr_expect_not(stats(j).healthy);
	cr_expect_eq(stats(j).lost, 0);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &whole), 0);
	cr_assert(journal_flush(j, LONG));
	cr_expect_geq(stats(j).failures, failures);
	cr_expect(stats(j).healthy);
	cr_expect_eq(count_messages(), 5001);
	cr_expect_str_eq(read_row("SELECT count(DISTINCT message_id) FROM messages"), "5001");
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	cr_expect_eq(log_failing, 1);
	cr_expect_eq(log_recovered, 1);
	journal_close(j, LONG);
}

Test(journal, the_queue_has_a_cap)
{
	struct record r = { .subject = STR("all of one size") };
	size_t one = packed_size(&r);
	sqlite3 *other;
	struct journal *j;

	cr_assert_eq(try_open(&j, (struct store_conf){ .max_queue = 10 * one }, no_hooks), 0, "%s", why);
	other = reader();
	must(other, "BEGIN EXCLUSIVE");
	for (unsigned n = 0; n < 10; n++)
		journal_message(j, &r);
	cr_expect_eq(stats(j).lost, 0);
	while (stats(j).failures < 1)
		pause_a_little(); /* now they are with the thread: they count all the same */
	journal_message(j, &r);
	cr_expect_eq(stats(j).lost, 1);
	for (unsigned n = 0; n < 100; n++)
		journal_message(j, &r);
	cr_expect_eq(stats(j).lost, 101);
	cr_expect_eq(log_full, 1, "once a minute");
	must(other, "COMMIT");
	sqlite3_close(other);
	cr_assert(journal_flush(j, LONG));
	journal_message(j, &r);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).written, 11);
	cr_expect_eq(count_messages(), 11);
	journal_close(j, LONG);
}

Test(journal, a_storm_without_room_is_offered_again)
{
	struct record_storm s = { .id = 9, .state = "open" };
	sqlite3 *other;
	struct journal *j;
	unsigned taken = 0;

	cr_assert_eq(try_open(&j, (struct store_conf){ .max_queue = 20 * given_storm(&s).size }, no_hooks), 0,
	    "%s", why);
	other = reader();
	must(other, "BEGIN EXCLUSIVE");
	s.offered = 1;
	while (journal_offer_storm(j, &s)) {
		taken++;
		s.offered++;
	}
	cr_expect_eq(taken, 25, "a quarter more than messages");
	cr_expect_eq(stats(j).lost, 0);
	journal_storm(j, &s);
	cr_expect_eq(stats(j).lost, 1, "nobody has that one");
	must(other, "COMMIT");
	cr_assert(journal_flush(j, LONG));
	cr_expect_str_eq(read_row("SELECT offered FROM storm"), "25");
	cr_expect(journal_offer_storm(j, &s));
	cr_assert(journal_flush(j, LONG));
	cr_expect_str_eq(read_row("SELECT offered FROM storm"), "26");
	cr_expect_eq(stats(j).lost, 1);
	sqlite3_close(other);
	journal_close(j, LONG);
}

Test(journal, retention_takes_the_oldest)
{
	int64_t now = clock_now().wall;
	struct record_storm s = {
		.id = 5, .state = "remembered", .first = now - 4 * MS_DAY, .last = now - 3 * MS_DAY
	};
	struct record_host host = { STR("h"), "client", 1 };
	struct journal *j = must_open();

	s.hosts = &host;
	s.n_hosts = 1;
	/* a clock that ran ahead must not keep all others alive */
	for (unsigned n = 0; n < 600; n++)
		put_at(j, 0, now + 10ll * 365 * MS_DAY);
	for (unsigned n = 1; n <= 1600; n++)
		put_at(j, n, now - 2 * MS_DAY);
	for (unsigned n = 2000; n < 2100; n++)
		put_at(j, n, now - MS_HOUR);
	journal_storm(j, &s);
	s.id = 6;
	s.state = "open";
	journal_storm(j, &s);
	s.id = 7;
	s.state = "closed";
	s.last = now - MS_HOUR;
	journal_storm(j, &s);
	journal_close(j, LONG);
	cr_expect_eq(count_messages(), 2300, "none without a retention");
	cr_assert_eq(try_open(&j, (struct store_conf){ .max_queue = 1 << 20, .retention = MS_DAY }, no_hooks),
	    0, "%s", why);
	while (count_messages() != 100 || strcmp(read_row("SELECT count(*) FROM storm"), "2") != 0)
		pause_a_little();
	put_at(j, 3000, now - MS_HOUR);
	cr_assert(journal_flush(j, LONG));
	cr_expect_str_eq(
	    read_row("SELECT count(*), count(DISTINCT message), min(message_id) FROM recipients"),
	    "202|101|<2000@example.net>");
	cr_expect_str_eq(read_row("SELECT group_concat(id) FROM (SELECT id FROM storm ORDER BY id)"), "6,7");
	cr_expect_str_eq(read_row("SELECT count(*) FROM storm_host"), "2");
	cr_expect_str_eq(
	    read_row("SELECT count(*) FROM recipient WHERE message NOT IN (SELECT id FROM message)"), "0");
	journal_close(j, LONG);
}

Test(journal, the_seed_is_drawn_once)
{
	struct journal *j = must_open();
	uint64_t first = opened.seed;
	struct stat sb;

	journal_close(j, LONG);
	opened.seed = 0;
	journal_close(must_open(), LONG);
	cr_expect_eq(opened.seed, first);
	cr_expect_neq(opened.seed, 0);
	cr_expect_eq(stat(path, &sb), 0);
	cr_expect_eq(sb.st_mode & 0137, 0, "mode %o", sb.st_mode);
	cr_expect_eq(strlen(read_row("SELECT value FROM meta WHERE key = 'created'")), 19);
	unlink(path);
	journal_close(must_open(), LONG);
	cr_expect_neq(opened.seed, first);
}

/* The numbers of two would mean different records. */
Test(journal, a_file_in_use_is_left_alone)
{
	struct journal *a = must_open(), *b = NULL;
	char text[200];

	put(a, 1);
	cr_expect_eq(try_open(&b, (struct store_conf){ .max_queue = 1 << 20 }, no_hooks), ERR_IO);
	cr_expect_null(b);
	snprintf(text, sizeof(text), "%s is in use by another daemon", path);
	cr_expect_str_eq(why, text);
	put(a, 2);
	cr_assert(journal_flush(a, LONG));
	cr_expect_eq(count_messages(), 2);
	/* ours was taken away, and somebody else has made his own there: we wait until he has gone */
	drop_file("");
	drop_file("-wal");
	drop_file("-shm");
	b = must_open();
	put(a, 3);
	cr_expect_not(journal_flush(a, 1000));
	cr_expect_not(stats(a).healthy);
	cr_expect_eq(count_messages(), 0);
	put(b, 4);
	cr_assert(journal_flush(b, LONG));
	journal_close(b, LONG);
	cr_assert(journal_flush(a, LONG));
	cr_expect_eq(count_messages(), 2);
	cr_expect(stats(a).healthy);
	journal_close(a, LONG);
}

Test(journal, memory)
{
	struct journal *j = must_open_with(
	    (struct store_conf){ .path = (char[]){ ":memory:" }, .retention = MS_DAY, .max_queue = 1 << 20 },
	    no_hooks);

	cr_expect_neq(opened.seed, 0);
	for (unsigned n = 0; n < 100; n++)
		put(j, n);
	cr_expect(journal_flush(j, LONG));
	cr_expect_eq(stats(j).written, 100);
	cr_expect_neq(access(":memory:", F_OK), 0);
	journal_close(j, LONG);
}

Test(journal, a_file_taken_away_is_made_anew)
{
	struct journal *j = must_open();
	uint64_t first = opened.seed;
	char old[200], hex[20];

	put(j, 1);
	cr_assert(journal_flush(j, LONG));
	/* deleted */
	drop_file("");
	drop_file("-wal");
	drop_file("-shm");
	put(j, 2);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(log_reopening, 1);
	cr_expect_eq(count_messages(), 1);
	cr_expect_str_eq(read_row("SELECT message_id FROM messages"), "<2@example.net>");
	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)first);
	cr_expect_str_eq(
	    read_row("SELECT value FROM meta WHERE key = 'hash_seed'"), hex, "the seed in use stays");
	/* moved aside, as a backup would */
	snprintf(old, sizeof(old), "%s-old", path);
	cr_assert_eq(rename(path, old), 0);
	put(j, 3);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(log_reopening, 2);
	cr_expect_str_eq(read_row("SELECT message_id FROM messages"), "<3@example.net>");
	cr_expect_eq(log_failing, 0);
	journal_close(j, LONG);
}

static size_t
slurp(char *buf, size_t n)
{
	int fd = open(path, O_RDONLY);
	ssize_t got;

	cr_assert_geq(fd, 0);
	got = read(fd, buf, n);
	close(fd);
	cr_assert_geq(got, 0);
	return (size_t)got;
}

Test(journal, a_newer_version_is_left_alone)
{
	static char before[1 << 18], after[1 << 18];
	struct journal *j = must_open();
	size_t n;
	sqlite3 *db;

	put(j, 1);
	journal_close(j, LONG);
	db = reader();
	must(db, "PRAGMA user_version = 1000");
	sqlite3_close(db);
	n = slurp(before, sizeof(before));
	j = NULL;
	cr_expect_eq(try_open(&j, (struct store_conf){ .max_queue = 1 << 20 }, no_hooks), ERR_VERSION);
	cr_expect_null(j);
	cr_expect(strstr(why, "1000"), "%s", why);
	cr_assert_eq(slurp(after, sizeof(after)), n);
	cr_expect_eq(memcmp(before, after, n), 0);
}

Test(journal, a_newer_version_in_the_write_ahead_log_is_left_alone)
{
	static char before[1 << 18], after[1 << 18];
	struct journal *j = must_open();
	sqlite3 *db;
	size_t n;

	put(j, 1);
	journal_close(j, LONG);
	db = reader();
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	must(db, "PRAGMA user_version = 1000");
	sqlite3_close(db);
	n = slurp(before, sizeof(before));
	cr_expect_eq(try_open(&j, (struct store_conf){ .max_queue = 1 << 20 }, no_hooks), ERR_VERSION);
	cr_assert_eq(slurp(after, sizeof(after)), n);
	cr_expect_eq(memcmp(before, after, n), 0);
}

Test(journal, one_bad_record_does_not_hold_up_the_others)
{
	struct journal *j = must_open();
	sqlite3 *db = reader();

	/* refused when its second recipient comes, so that half of it stands there by then */
	must(db,
	    "CREATE TRIGGER no BEFORE INSERT ON recipient WHEN new.n = 1 AND (SELECT message_id FROM message "
	    "WHERE id = new.message) IN ('<0@example.net>', '<50@example.net>', '<99@example.net>') "
	    "BEGIN SELECT raise(ABORT, 'no'); END");
	for (unsigned n = 0; n < 100; n++)
		put(j, n);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(stats(j).lost, 3);
	cr_expect_eq(stats(j).written, 97);
	cr_expect_eq(stats(j).waiting, 0);
	cr_expect_str_eq(row(db, "SELECT count(*) FROM messages"), "97");
	cr_expect_str_eq(row(db, "SELECT count(*) FROM recipients"), "194");
	must(db, "DROP TRIGGER no");
	put(j, 50);
	cr_assert(journal_flush(j, LONG));
	cr_expect_str_eq(row(db, "SELECT count(*) FROM messages"), "98");
	sqlite3_close(db);
	journal_close(j, LONG);
}

Test(journal, a_damaged_file_is_named)
{
	static const char junk[2000] = "this is no database";
	static const unsigned char noise[4096] = { 0xff, 0xee, 0xdd };
	struct journal *j = must_open();
	struct stat sb;
	int fd;

	for (unsigned n = 0; n < 500; n++)
		put(j, n);
	journal_close(j, LONG);
	/* one leaf at the end: nothing that is read at open by itself */
	cr_assert_eq(stat(path, &sb), 0);
	fd = open(path, O_WRONLY);
	cr_assert_eq(pwrite(fd, noise, sizeof(noise), sb.st_size - 4096), (ssize_t)sizeof(noise));
	close(fd);
	j = NULL;
	cr_expect_eq(try_open(&j, (struct store_conf){ .max_queue = 1 << 20 }, no_hooks), ERR_CORRUPT);
	cr_expect_gt(strlen(why), 10, "%s", why);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	cr_assert_eq(write(fd, junk, sizeof(junk)), (ssize_t)sizeof(junk));
	close(fd);
	cr_expect_eq(try_open(&j, (struct store_conf){ .max_queue = 1 << 20 }, no_hooks), ERR_CORRUPT);
	cr_expect_null(j);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	cr_expect_eq(try_open(&j, (struct store_conf){ .max_queue = 1 << 20 }, no_hooks), 0,
	    "an empty file is a new one: %s", why);
	journal_close(j, LONG);
	snprintf(path, sizeof(path), "%s/none/storm.db", dir);
	j = NULL;
	cr_expect_eq(try_open(&j, (struct store_conf){ .max_queue = 1 << 20 }, no_hooks), ERR_IO);
	cr_expect(strstr(why, "No such file"), "%s", why);
	snprintf(path, sizeof(path), "%s/storm.db", dir);
}
