/* SPDX-License-Identifier: ISC */
/* Few of many messages: where the reading begins, and that what is wanted comes whole. */
#include "store/journal_read.h"

#include "base/err.h"
#include "journal_rig.h"

TestSuite(journal_read_wanted, .init = set_up, .fini = tear_down, .timeout = 120);

/* Message n came at times[n]. */
static void
fill(const int64_t *times, unsigned n)
{
	const struct record_rcpt rcpts[2] = { { STR("a@example.org"), STR("pass"), OUTCOME_PASSED },
		{ STR("b@example.org"), STR("discard"), OUTCOME_STOPPED } };
	struct journal *j = must_open();

	for (unsigned i = 0; i < n; i++) {
		char id[16];
		struct record r = { .time = times[i],
			.door = "milter",
			.stage = "EOM",
			.kind = "none",
			.verdict = "pass",
			.storm = i,
			.rcpts = rcpts,
			.n_rcpts = i % 3 };

		snprintf(id, sizeof(id), "Q%u", i);
		r.queue_id = str_of(id);
		journal_message(j, &r);
	}
	journal_close(j, LONG);
}

struct asked {
	unsigned seen, wanted, first, every, stop_at;
	uint64_t last;
};

static bool
wanted(void *arg, const struct record *r)
{
	struct asked *a = arg;

	if (a->seen++ == 0)
		a->first = (unsigned)r->storm;
	else
		cr_expect_gt(r->storm, a->last, "in their order");
	a->last = r->storm;
	cr_expect_eq(r->n_rcpts, 0);
	return r->storm % a->every == 0;
}

static bool
take(void *arg, const struct record *r)
{
	struct asked *a = arg;
	char id[16];

	snprintf(id, sizeof(id), "Q%u", (unsigned)r->storm);
	cr_expect(str_eq(r->queue_id, str_of(id)));
	cr_expect_eq(r->storm % a->every, 0);
	cr_assert_eq(r->n_rcpts, r->storm % 3);
	if (r->n_rcpts)
		cr_expect(str_eq(r->rcpts[0].addr, STR("a@example.org")));
	a->wanted++;
	return a->wanted != a->stop_at;
}

static struct asked
ask(int64_t since, unsigned every, unsigned stop_at)
{
	struct asked a = { .every = every, .stop_at = stop_at };

	cr_assert_eq(journal_each_wanted(path, since, wanted, take, &a, why, sizeof(why)), 0, "%s", why);
	return a;
}

enum { MANY = 1203 };

static void
fill_many(void)
{
	int64_t times[MANY];

	for (unsigned i = 0; i < MANY; i++)
		times[i] = (int64_t)i / 2 * MS_HOUR; /* two at a time */
	fill(times, MANY);
}

Test(journal_read_wanted, begins_at_every_time)
{
	fill_many();
	for (unsigned i = 0; i < MANY; i += 2) {
		struct asked a = ask((int64_t)i / 2 * MS_HOUR, 7, 0);

		cr_assert_eq(a.first, i, "at %u", i);
		cr_assert_eq(a.seen, MANY - i);
		cr_assert_eq(a.wanted, (MANY + 6) / 7 - (i + 6) / 7);
		if (i + 2 < MANY)
			cr_assert_eq(ask((int64_t)i / 2 * MS_HOUR + 1, 7, 0).first, i + 2, "behind %u", i);
	}
	cr_expect_eq(ask(INT64_MIN, 1, 0).wanted, MANY);
	cr_expect_eq(ask(INT64_MAX, 1, 0).seen, 0);
	cr_expect_eq(ask(INT64_MIN, 1, 1).wanted, 1, "enough");
	cr_expect_eq(ask(INT64_MIN, 1, 600).wanted, 600, "in a second gulp");
}

Test(journal_read_wanted, with_gaps_and_when_all_are_gone)
{
	sqlite3 *db;

	fill_many();
	db = reader();
	must(db, "DELETE FROM message WHERE id <= 100 OR (id > 200 AND id < 1000) OR id % 5 = 0");
	sqlite3_close(db);
	cr_expect_eq(ask(0, 1, 0).first, 100);
	cr_expect_eq(ask((int64_t)150 / 2 * MS_HOUR, 1, 0).first, 150);
	cr_expect_eq(ask((int64_t)500 / 2 * MS_HOUR, 1, 0).first, 1000);
	db = reader();
	must(db, "DELETE FROM message");
	sqlite3_close(db);
	cr_expect_eq(ask(0, 1, 0).seen, 0);
}

/* The clock was put back by less than an hour, again and again. */
Test(journal_read_wanted, times_out_of_order)
{
	int64_t times[200];

	for (unsigned i = 0; i < 200; i++)
		times[i] = (int64_t)i * MS_MIN + (i % 7 * 9 % 50) * MS_MIN;
	fill(times, 200);
	for (unsigned at = 0; at < 250; at++) {
		unsigned want = 0;

		for (unsigned i = 0; i < 200; i++)
			want += times[i] >= (int64_t)at * MS_MIN;
		cr_expect_eq(ask((int64_t)at * MS_MIN, 1, 0).seen, want, "minute %u", at);
	}
}

/* A machine without a clock of its own begins in 1970 until somebody tells it the time. */
Test(journal_read_wanted, behind_a_few_of_1970)
{
	int64_t times[MANY];

	for (unsigned i = 0; i < MANY; i++)
		times[i] = (int64_t)(i + 1) * MS_HOUR;
	/* Where a bisection looks first, and next. */
	for (unsigned i = 0; i < 60; i++)
		times[MANY / 2 + i] = times[MANY * 3 / 4 + i] = (int64_t)i;
	fill(times, MANY);
	for (unsigned at = 1; at < MANY; at += 10) {
		unsigned want = 0;

		for (unsigned i = 0; i < MANY; i++)
			want += times[i] >= (int64_t)at * MS_HOUR;
		cr_expect_eq(ask((int64_t)at * MS_HOUR, 1, 0).seen, want, "hour %u", at);
	}
}

Test(journal_read_wanted, files_that_are_none)
{
	struct asked a = { .every = 1 };
	sqlite3 *db;

	cr_expect_eq(journal_each_wanted(path, 0, wanted, take, &a, why, sizeof(why)), ERR_NOENT);
	fill(NULL, 0);
	cr_expect_eq(ask(0, 1, 0).seen, 0);
	db = reader();
	must(db, "PRAGMA application_id = 3");
	sqlite3_close(db);
	cr_expect_eq(journal_each_wanted(path, 0, wanted, take, &a, why, sizeof(why)), ERR_CORRUPT);
	cr_expect_eq(a.seen, 0);
}
