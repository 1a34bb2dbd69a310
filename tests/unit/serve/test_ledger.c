/* SPDX-License-Identifier: ISC */
/* What was counted and answered is there again after the process has gone. */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/xalloc.h"
#include "killed_rig.h"
#include "serve/engine.h"
#include "store/journal_read.h"

enum { LIMIT = 3, SPOOL_BYTES = 1 << 24 };

static char dir[] = "/tmp/storm-ledger-XXXXXX", db[128], spool[128];
static struct site site;
static struct lists lists;
static struct rule rule_v;
static struct ruleset rules = { .v = &rule_v, .n = 1 };
static struct engine e;
static struct arena arena;
static struct msg msg;
static struct now now;
static struct ledger_opened opened;
static uint64_t spool_bytes = SPOOL_BYTES, ring_bytes = 1 << 20;

static void
boot(void)
{
	struct ledger_conf conf = {
		.store = { .path = db, .retention = MS_DAY, .max_counters = 10000, .max_queue = 1 << 20 },
		.outbox = { .spool = { .dir = spool, .max_bytes = spool_bytes, .sync = MS_SEC },
		    .ring_bytes = ring_bytes },
	};
	char why[256] = "";

	engine_init(&e, 10000);
	e.site = &site;
	e.lists = &lists;
	e.rules = &rules;
	e.quiet = true;
	cr_assert_eq(
	    ledger_open(&conf, e.tallies, e.storms, now, &e.ledger, &opened, why, sizeof(why)), 0, "%s", why);
	site.hash_seed = opened.seed;
}

static void
halt(void)
{
	ledger_close(e.ledger, 5000);
	engine_fini(&e);
}

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(db, sizeof(db), "%s/storm.db", dir);
	snprintf(spool, sizeof(spool), "%s/spool", dir);
	site_init(&site);
	site.hostname = xstrdup("mx.example.org");
	lists_init(&lists);
	rule_init(&rule_v, detector_find(STR("replication")));
	rule_v.name = xstrdup("replication");
	rule_v.mode = MODE_ENFORCE;
	rule_v.id = 1;
	rule_v.repeats = 2;
	rule_v.quiet = MS_HOUR;
	arena_init(&arena, 0);
	msg_init(&msg, &arena, NULL);
	/* the journal deletes what is old by the real clock */
	now = (struct now){ MS_DAY, clock_now().wall };
}

static void
teardown(void)
{
	msg_fini(&msg);
	arena_fini(&arena);
	rule_fini(&rule_v);
	site_fini(&site);
	lists_fini(&lists);
	remove_tree(dir);
}

TestSuite(ledger, .init = setup, .fini = teardown, .timeout = 60);

static int copies;

/* A copy of message `id` by a way of its own. */
static enum action
deliver(int id, const char *rcpt)
{
	char head[512];
	struct verdict v;

	msg_reset(&msg);
	msg.door = DOOR_MILTER;
	msg.stage = STAGE_EOM;
	msg.client_address = STR("203.0.113.9");
	msg.sender = STR("s@firm.example");
	msg.have_sender = true;
	msg_add_rcpt(&msg, str_of(rcpt));
	snprintf(head, sizeof(head),
	    "Received: by sbs.faulty.example id c%d\r\nReceived: by smtp.firm.example id X%d\r\n"
	    "From: s@firm.example\r\nDate: d\r\nMessage-ID: <%d@firm.example>\r\n\r\n",
	    ++copies, id, id);
	header_feed(&msg.header, head, strlen(head));
	header_end(&msg.header);
	msg.have_header = true;
	now.mono += 5;
	now.wall += 5;
	engine_judge(&e, &msg, now, &v);
	return v.shown;
}

Test(ledger, a_restart_changes_no_answer)
{
	boot();
	for (int i = 0; i < LIMIT + 2; i++) {
		cr_assert_eq(deliver(1, "a@x.test"), i < LIMIT ? ACT_PASS : ACT_DISCARD, "%d", i);
		cr_assert(ledger_written(e.ledger, 10000));
		halt();
		now.mono += 1000; /* the machine was started anew: another origin of monotonic time */
		now.mono %= 7777;
		now.mono += MS_DAY;
		now.wall += 1000;
		boot();
	}
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
	cr_assert_eq(opened.storms, 1);
	/* somebody new gets his first, and in the storm that is open no second one */
	cr_assert_eq(deliver(1, "b@x.test"), ACT_PASS);
	cr_assert_eq(deliver(1, "b@x.test"), ACT_DISCARD);
	halt();
}

static struct storm *seen;

static void
see(void *arg, struct storm *st)
{
	(void)arg;
	seen = st;
}

static void
count_part(void *arg, uint32_t part, bool out, struct now at)
{
	(void)part;
	(void)at;
	*(int *)arg += out;
}

static void
deliver_many(int n)
{
	for (int i = 0; i < n; i++) {
		deliver(i % 150, "a@x.test");
		if (i % 500 == 499)
			cr_assert(ledger_written(e.ledger, 10000)); /* there is room for all */
	}
}

/* Nobody is answered while one is taken. */
Test(ledger, however_much_comes_one_part_is_taken_at_a_time)
{
	int parts = 0;

	boot();
	ledger_around_parts(e.ledger, count_part, &parts);
	deliver_many(6000);
	for (int i = 1; i <= 4; i++) {
		if (i % 2)
			engine_tick(&e, now);
		else
			engine_half_tick(&e, now);
		cr_assert_eq(parts, i);
		deliver_many(2500);
		cr_assert(ledger_flush(e.ledger, 20000));
	}
	halt();
}

/* More than the spool holds, in no time: parts keep up with it, so that it lets go of what is behind them. */
Test(ledger, however_much_comes_the_spool_does_not_fill)
{
	struct ledger_stats s;
	uint64_t most = 0;
	int parts = 0;

	boot();
	ledger_around_parts(e.ledger, count_part, &parts);
	for (int i = 0; i < 60000; i++) {
		deliver(i, "a@x.test");
		now.mono += 25;
		engine_turned(&e, now);
		if (i % 500 != 499)
			continue;
		cr_assert(ledger_flush(e.ledger, 20000));
		cr_assert(ledger_written(e.ledger, 20000));
		if (i % 2000 == 1999)
			ledger_tick(e.ledger, now);
		ledger_stats(e.ledger, &s);
		cr_assert_eq(s.unsafe, 0, "%d", i);
		most = s.outbox.spool.bytes > most ? s.outbox.spool.bytes : most;
	}
	cr_assert_gt(e.stats.messages * 300, SPOOL_BYTES, "the test is to write more than there is room for");
	cr_assert_lt(most, SPOOL_BYTES / 8 * 7, "%llu", (unsigned long long)most);
	cr_assert_lt(parts, 1000, "%d", parts);
	halt();
	boot();
	cr_assert_lt(opened.records, 45000, "%llu", (unsigned long long)opened.records);
	halt();
}

/* What nobody can write down is not taken. */
Test(ledger, no_parts_for_a_database_that_is_locked)
{
	sqlite3 *c = NULL;
	int parts = 0;

	boot();
	cr_assert(ledger_flush(e.ledger, 10000));
	cr_assert_eq(sqlite3_open(db, &c), SQLITE_OK);
	sqlite3_busy_timeout(c, 10000);
	cr_assert_eq(sqlite3_exec(c, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	ledger_around_parts(e.ledger, count_part, &parts);
	for (int i = 0; i < 3000; i++) {
		deliver(i, "a@x.test");
		now.mono += 25;
		engine_turned(&e, now);
		if (i % 500 == 499)
			cr_assert(ledger_written(e.ledger, 10000));
		if (i % 1000 == 999)
			engine_tick(&e, now);
	}
	cr_expect(parts >= 1 && parts <= 2, "%d: one is being written, one waits", parts);
	cr_assert_eq(sqlite3_exec(c, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(c);
	cr_assert(ledger_flush(e.ledger, 20000));
	deliver(1, "a@x.test");
	now.mono += 25;
	engine_turned(&e, now);
	cr_expect_geq(parts, 2);
	halt();
}

/* One more of a storm that is open, then a tick. How many answers were not safe so far. */
static uint64_t
storm_goes_on(void)
{
	struct ledger_stats s;

	cr_assert_eq(deliver(1, "a@x.test"), ACT_DISCARD);
	now.mono += 500;
	engine_tick(&e, now);
	cr_assert(ledger_flush(e.ledger, 10000));
	ledger_stats(e.ledger, &s);
	return s.unsafe;
}

static void
fill_the_spool(void)
{
	struct ledger_stats s = { 0 };

	for (int i = 0; i < 50000 && s.outbox.spool.refused == 0; i++) {
		deliver(1, "a@x.test");
		if (i % 50 == 49)
			(void)!ledger_written(e.ledger, 1000);
		ledger_stats(e.ledger, &s);
	}
	cr_assert_gt(s.outbox.spool.refused, 0);
	for (int i = 0; i < 1000; i++) /* the ring too */
		deliver(1, "a@x.test");
}

/* No record tells of a storm that goes on while the spool is full, so its part is taken out of turn: not so
 * often that the others never get theirs, for which the spool waits. */
Test(ledger, a_storm_does_not_keep_the_spool_full)
{
	uint64_t unsafe = 0, before = 1, offered;

	spool_bytes = 1 << 20;
	ring_bytes = 64 << 10;
	boot();
	for (int i = 0; i < LIMIT; i++)
		deliver(1, "a@x.test");
	fill_the_spool();
	for (int i = 0; i < 10; i++)
		(void)storm_goes_on();
	storms_each(e.storms, see, NULL);
	offered = seen->offered;
	halt();
	boot();
	storms_each(e.storms, see, NULL);
	cr_expect_geq(seen->offered + 4, offered, "%llu of %llu", (unsigned long long)seen->offered,
	    (unsigned long long)offered);
	fill_the_spool();
	for (int i = 0; i < 5000 && unsafe != before; i++) {
		before = unsafe;
		unsafe = storm_goes_on();
		usleep(2000); /* the carrier looks again after 200 ms */
	}
	cr_expect_eq(unsafe, before, "there is room again");
	halt();
}

/* Snapshots and the records behind them: each counts once, whatever part was taken when. */
Test(ledger, parts_and_records_fit_together)
{
	boot();
	for (int i = 0; i < 600; i++) {
		deliver(i % 150, "a@x.test"); /* four of each */
		if (i % 4 == 0)
			(void)!ledger_written(e.ledger, 10000);
		now.mono += 9000; /* a part every few messages */
		now.wall += 9000;
		if (i % 3 == 0)
			engine_tick(&e, now);
	}
	cr_assert(ledger_written(e.ledger, 10000));
	halt();
	boot();
	cr_assert_eq(storms_total(e.storms), 150);
	storms_each(e.storms, see, NULL);
	cr_assert_eq(seen->offered, 1);
	cr_assert_eq(seen->stopped, 1);
	for (int i = 0; i < 150; i++)
		cr_assert_eq(deliver(i, "a@x.test"), ACT_DISCARD, "message %d", i);
	halt();
}

static char told[64];

static bool
tell_state(void *arg, const struct record_storm *r)
{
	(void)arg;
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s ", r->state);
	return true;
}

static const char *
states_in_the_record(void)
{
	const struct journal_storms all = { .all = true, .to = UINT64_MAX };
	char why[256] = "";

	cr_assert(ledger_flush(e.ledger, 10000));
	told[0] = '\0';
	cr_expect_eq(journal_each_storm(db, &all, tell_state, NULL, why, sizeof(why)), 0, "%s", why);
	return told;
}

/* The record may know storms that nobody does: it was put back from a copy, or its spool was lost. */
Test(ledger, storms_that_nobody_knows_are_over)
{
	struct record_storm r = { .key_hi = 1, .rule = STR("replication"), .hosts = NULL };

	boot();
	for (int i = 0; i < LIMIT + 1; i++)
		deliver(1, "a@x.test");
	engine_tick(&e, now);
	for (r.id = 7; r.id < 10; r.id++) {
		r.key_lo = r.id;
		r.state = storm_state_name((enum storm_state)(STORM_OPEN + r.id - 7));
		r.last = now.wall - (int64_t)r.id;
		ledger_storm(e.ledger, &r);
	}
	/* Another one under the same key. */
	storms_each(e.storms, see, NULL);
	r = (struct record_storm){ .id = seen->id ^ 2,
		.key_lo = seen->key.lo,
		.key_hi = seen->key.hi,
		.rule = STR("replication"),
		.state = "open",
		.last = now.wall - 1000 }; /* one of long ago may be out of the record once it is closed */
	ledger_storm(e.ledger, &r);
	cr_expect_str_eq(states_in_the_record(), "open open cooling remembered open ");
	halt();
	boot();
	cr_expect_eq(opened.storms, 1);
	cr_expect_str_eq(states_in_the_record(), "open closed closed remembered closed ");
	halt();
}

static unsigned rows;

static bool
count_row(void *arg, const struct record *r)
{
	(void)arg;
	rows += r->n_rcpts == 1;
	return true;
}

static void
take_fifty(void)
{
	boot();
	for (int i = 0; i < 50; i++)
		deliver(i, "a@x.test");
}

/* The process goes without a word: what was committed is there, in the database too. */
Test(ledger, killed)
{
	char why[256] = "";

	kill_after(take_fifty);
	boot();
	cr_assert_eq(opened.records, 50);
	cr_assert(ledger_flush(e.ledger, 20000));
	cr_assert_eq(journal_each_message(db, 0, INT64_MAX, count_row, NULL, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(rows, 50, "each message once, not %u", rows);
	copies = 1000;
	for (int n = 1; n < LIMIT + 2; n++)
		for (int i = 0; i < 50; i++)
			cr_assert_eq(deliver(i, "a@x.test"), n < LIMIT ? ACT_PASS : ACT_DISCARD);
	halt();
}

static void
take_one_storm_and_many(void)
{
	boot();
	for (int i = 0; i < LIMIT + 1; i++)
		deliver(1, "a@x.test");
	for (int i = 2; i < 12000; i++) {
		char rcpt[32];

		snprintf(rcpt, sizeof(rcpt), "b%d@x.test", i);
		deliver(i, rcpt);
	}
}

/* More counters than there is room for are made again, one after the other: not at the cost of a storm's. */
Test(ledger, killed_in_a_flood_beside_a_storm)
{
	struct tallies_stats s;

	kill_after(take_one_storm_and_many);
	boot();
	tallies_stats(e.tallies, &s);
	cr_assert_gt(s.evicted, 0, "the test is to make more than there is room for");
	copies = 20000;
	cr_assert_eq(deliver(1, "a@x.test"), ACT_DISCARD);
	cr_assert_eq(deliver(1, "c@x.test"), ACT_PASS);
	halt();
}

static int
written(void)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *st = NULL;
	int n;

	cr_assert_eq(sqlite3_open_v2(db, &c, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(c, "SELECT count(*) FROM message", -1, &st, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(c);
	return n;
}

/* The database was moved here without it, or somebody tidied up: no number is given twice, so all that comes
 * is written down and counted. */
Test(ledger, a_spool_that_is_gone)
{
	boot();
	for (int i = 0; i < 40; i++)
		deliver(100 + i, "a@x.test");
	cr_assert(ledger_flush(e.ledger, 10000));
	/* some parts are younger than others */
	for (int i = 0; i < 5; i++) {
		now.mono += 10 * MS_SEC;
		ledger_tick(e.ledger, now);
	}
	cr_assert(ledger_flush(e.ledger, 10000));
	halt();
	cr_assert_eq(written(), 40);
	remove_tree(spool);
	boot();
	for (int i = 0; i < LIMIT + 1; i++)
		cr_assert_eq(deliver(1, "a@x.test"), i < LIMIT ? ACT_PASS : ACT_DISCARD, "%d", i);
	cr_assert(ledger_flush(e.ledger, 10000));
	halt();
	cr_expect_eq(written(), 40 + LIMIT + 1, "%d", written());
	boot();
	cr_expect_eq(deliver(1, "a@x.test"), ACT_DISCARD);
	halt();
}

static void
carry_fifty(void)
{
	take_fifty();
	cr_assert(ledger_written(e.ledger, 10000));
}

/* As a power cut may leave it: what the zeros stand for is not there, and neither waited for nor lost. */
Test(ledger, zeros_behind_the_last_record)
{
	struct ledger_stats s;
	char path[200];

	kill_after(carry_fifty);
	snprintf(path, sizeof(path), "%s/spool.0000000000000001", spool);
	cr_assert_eq(truncate(path, 1 << 20), 0);
	boot();
	cr_assert_eq(opened.records, 50);
	for (int i = 0; i < 200 && written() < 50; i++)
		usleep(10000);
	usleep(200000); /* the round that finds no more */
	ledger_stats(e.ledger, &s);
	cr_expect_not(s.journal.behind);
	cr_expect_eq(written(), 50);
	halt();
}

/* No room: answers go on, and are counted as not safe; with room again all is as before. */
Test(ledger, full_disk)
{
	struct rlimit lim, small;
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct ledger_stats s;
	uint64_t unsafe;

	sigaction(SIGXFSZ, &ignore, NULL);
	boot();
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &lim), 0);
	small = lim;
	small.rlim_cur = 100;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(deliver(i, "a@x.test"), ACT_PASS);
		cr_assert_not(ledger_written(e.ledger, 10000));
	}
	ledger_stats(e.ledger, &s);
	unsafe = s.unsafe;
	cr_assert_geq(unsafe, 9);
	cr_assert_not(ledger_healthy(e.ledger));
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	cr_assert(ledger_written(e.ledger, 10000), "what waited meanwhile is written now");
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(deliver(100 + i, "a@x.test"), ACT_PASS);
		cr_assert(ledger_written(e.ledger, 10000));
	}
	ledger_stats(e.ledger, &s);
	cr_assert_eq(s.unsafe, unsafe);
	halt();
	boot();
	for (int n = 1; n <= LIMIT; n++)
		for (int i = 0; i < 10; i++)
			cr_assert_eq(deliver(100 + i, "a@x.test"), n < LIMIT ? ACT_PASS : ACT_DISCARD);
	halt();
}

/* [store] on_store_failure = defer: nothing is counted, so the retry finds its place. */
Test(ledger, defer_without_store)
{
	struct rlimit lim, small;
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGXFSZ, &ignore, NULL);
	boot();
	e.defer_on_failure = true;
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &lim), 0);
	small = lim;
	small.rlim_cur = 100;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	deliver(1, "a@x.test"); /* the first one finds it out */
	cr_assert_not(ledger_written(e.ledger, 10000));
	for (int i = 0; i < 10; i++)
		cr_assert_eq(deliver(2, "a@x.test"), ACT_DEFER);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	halt();
}
