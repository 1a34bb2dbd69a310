/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>

#include "judge/join.h"

static struct arena arena;
static struct msg msg;
static struct join *join;

static void
setup(void)
{
	arena_init(&arena, 0);
	msg_init(&msg, &arena, NULL);
	join = join_new();
}

static void
teardown(void)
{
	join_free(join);
	msg_fini(&msg);
	arena_fini(&arena);
}

TestSuite(join, .init = setup, .fini = teardown);

static void
ask(const char *instance, const char *queue_id, const char *rcpt)
{
	msg_reset(&msg);
	msg.instance = str_of(instance);
	msg.queue_id = str_of(queue_id);
	msg.client_address = STR("192.0.2.1");
	msg.client_port = STR("4711");
	if (rcpt)
		msg_add_rcpt(&msg, str_of(rcpt));
}

static const struct now t0 = { 1000, 1000 };

/* The transaction of what `msg` asks. */
static struct txn *
found(struct now now)
{
	return join_find(join, &msg, join_client(msg.client_address, msg.client_port), 7, now);
}

Test(join, stages_of_one_message_are_one_transaction)
{
	struct txn *a, *b;

	ask("1.2.3.0", "", "a@x.test");
	a = found(t0);
	join_gather(join, a, &msg, t0);
	ask("1.2.3.0", "4ABC", "b@x.test"); /* the queue id is there from the second recipient on */
	b = found(t0);
	cr_assert_eq(a, b);
	join_gather(join, b, &msg, t0);
	ask("1.2.3.0", "4ABC", NULL);
	msg.rcpt_count = 2;
	join_recipients(found(t0), &msg);
	cr_assert_eq(msg.n_rcpts, 2);
	cr_assert(str_eq(msg.rcpts[1].addr, STR("b@x.test")));
	cr_assert_eq(msg.rcpt_count, 2);
	ask("1.2.3.1", "4ABD", NULL);
	cr_assert_neq(found(t0), a);
}

Test(join, a_recipient_refused_by_somebody_else_makes_the_list_useless)
{
	struct txn *t;

	ask("1.2.3.0", "", "a@x.test");
	t = found(t0);
	join_gather(join, t, &msg, t0);
	ask("1.2.3.0", "", "b@x.test");
	join_gather(join, t, &msg, t0);
	ask("1.2.3.0", "4ABC", NULL);
	msg.rcpt_count = 1;
	join_recipients(t, &msg);
	cr_assert_eq(msg.n_rcpts, 0);
}

/* An MTA that asks from two lists of restrictions, and a client that says everybody twice. */
Test(join, recipients_that_were_asked_about_twice)
{
	static const char *const names[] = { "a@x.test", "a@x.test", "aa@x.test", "aa@x.test", "a@x.test",
		"a@x.test" };
	static const bool again[] = { false, true, false, true, false, true };
	struct txn *t = NULL;

	for (int i = 0; i < 6; i++) {
		ask("1.2.3.0", "", names[i]);
		t = found(t0);
		cr_assert_eq(join_asked_again(t, &msg), again[i], "%d", i);
		join_gather(join, t, &msg, t0);
	}
	for (uint32_t stated = 1; stated <= 7; stated++) {
		ask("1.2.3.0", "4ABC", NULL);
		msg.rcpt_count = stated;
		join_recipients(t, &msg);
		cr_assert_eq(msg.n_rcpts, stated == 3 || stated == 6 ? stated : 0, "%u", stated);
		for (uint32_t i = 0; i < msg.n_rcpts; i++)
			cr_assert(str_eq(msg.rcpts[i].addr, str_of(names[stated == 3 ? i * 2 : i])));
	}
}

Test(join, nothing_to_know_it_by)
{
	ask("", "", "a@x.test");
	cr_assert_null(found(t0));
}

Test(join, ids_that_come_again_later_do_not_join)
{
	struct now later = { t0.mono + JOIN_TTL + 1, t0.wall };
	struct txn *t;

	ask("", "4ABC", "a@x.test");
	t = found(t0);
	join_gather(join, t, &msg, t0);
	ask("", "4ABC", NULL);
	msg.rcpt_count = 1;
	t = found(later);
	join_recipients(t, &msg);
	cr_assert_eq(msg.n_rcpts, 0);
	join_expire(join, (struct now){ later.mono + JOIN_TTL + 1, 0 });
	cr_assert_eq(join_count(join), 0);
}

/* The questions about one message may come on several connections, each of which closes when it likes. */
Test(join, one_message_on_several_connections)
{
	struct txn *t;

	for (uint64_t c = 1; c <= 3; c++) {
		ask("1.2.3.0", "4ABC", NULL);
		msg.connection = c;
		t = found(t0);
	}
	join_disconnect(join, 1);
	cr_assert_eq(join_count(join), 1, "it has moved on");
	join_end(join, t);
	for (uint64_t c = 1; c <= 3; c++) {
		join_disconnect(join, c);
		ask("5.6.7.0", "4DEF", NULL);
		msg.connection = c;
		cr_assert_not_null(found(t0));
	}
	cr_assert_eq(join_count(join), 1);
}

Test(join, bounded_at_the_cap_and_one_beyond)
{
	char id[32];

	for (int i = 0; i <= JOIN_MAX; i++) {
		snprintf(id, sizeof(id), "i%d", i);
		ask(id, "", NULL);
		msg.client_port = str_of(id); /* each a client of its own */
		cr_assert_not_null(found(t0));
		cr_assert_leq(join_count(join), JOIN_MAX);
	}
	cr_assert_eq(join_count(join), JOIN_MAX);
}

static struct txn *
of(int i, const char *kind)
{
	char id[32];

	snprintf(id, sizeof(id), "%s%d", kind, i);
	ask(id, "", NULL);
	msg.client_port = str_of(id);
	return found(t0);
}

Test(join, of_those_that_are_over_only_the_last_are_kept)
{
	struct verdict v = { .what = ACT_PASS }, out;
	struct txn *waits = of(0, "waits");

	for (int i = 0; i < 3 * JOIN_OVER_MAX; i++) {
		struct txn *t = of(i, "i");

		join_keep(join, t, (uint64_t)i + 1, &v);
		join_over(join, t);
		cr_assert_leq(join_count(join), 1 + JOIN_OVER_MAX);
		/* the same question from a second list of restrictions */
		t = of(i, "i");
		cr_assert(join_verdict(t, (uint64_t)i + 1, &msg, &out));
		join_over(join, t);
	}
	cr_assert_eq(join_count(join), 1 + JOIN_OVER_MAX);
	for (int i = 2 * JOIN_OVER_MAX; i < 3 * JOIN_OVER_MAX; i++)
		cr_assert(join_verdict(of(i, "i"), (uint64_t)i + 1, &msg, &out), "%d is kept", i);
	cr_assert_eq(of(0, "waits"), waits, "one that is not over stays");
	join_expire(join, (struct now){ t0.mono + JOIN_TTL + 1, t0.wall + JOIN_TTL + 1 });
	cr_assert_eq(join_count(join), 0);
}

Test(join, the_same_verdict_for_the_same_message_only)
{
	uint32_t drop[1] = { 0 };
	struct str add[1] = { STR("owner@x.test") };
	struct verdict v = { .drop = drop, .n_drop = 1, .add = add, .n_add = 1, .text = STR("why") }, out;
	struct txn *t;

	ask("1.2.3.0", "4ABC", "a@x.test");
	t = found(t0);
	cr_assert_not(join_verdict(t, 5, &msg, &out));
	join_keep(join, t, 5, &v);
	cr_assert(join_verdict(t, 5, &msg, &out));
	cr_assert_eq(out.n_drop, 1);
	cr_assert(str_eq(out.add[0], add[0]));
	cr_assert_neq(out.add, add);
	cr_assert_not(join_verdict(t, 6, &msg, &out));
	msg.n_rcpts = 0;
	cr_assert_not(join_verdict(t, 5, &msg, &out), "an index beyond the recipients");
}

Test(join, whom_a_milter_serves)
{
	struct str a = STR("192.0.2.1"), p = STR("25"), q = STR("26");

	cr_assert_not(join_milter_serves(join, join_client(a, p)));
	join_milter_end(join, join_client(a, p));
	join_milter_begin(join, join_client(a, p));
	join_milter_begin(join, join_client(a, p)); /* two MTAs behind one address */
	cr_assert(join_milter_serves(join, join_client(a, p)));
	cr_assert_not(join_milter_serves(join, join_client(a, q)));
	join_milter_end(join, join_client(a, p));
	cr_assert(join_milter_serves(join, join_client(a, p)));
	join_milter_end(join, join_client(a, p));
	cr_assert_not(join_milter_serves(join, join_client(a, p)));
	join_milter_begin(join, join_client(a, q));
}

/* --- reservations, and the end of what nobody judged --- */

static unsigned settled, settled_held, settled_rcpts;
static char settled_sender[64];

static void
on_settle(void *arg, struct txn *t)
{
	const struct record *r = join_record(join, t);
	uint32_t n;

	(void)arg;
	(void)join_release(join, t, false, &n);
	settled++;
	settled_held = n;
	settled_rcpts = r->rcpt_count;
	snprintf(settled_sender, sizeof(settled_sender), "%.*s", STR_FMT(r->sender));
}

static const char *from = "s@y.test";

static struct txn *
rcpt_of(const char *instance, uint64_t connection, const char *port, struct now now)
{
	struct txn *t;

	ask(instance, "", "a@x.test");
	msg.stage = STAGE_RCPT;
	msg.connection = connection;
	msg.client_port = str_of(port);
	msg.sender = str_of(from);
	t = found(now);
	cr_assert_not_null(t);
	join_gather(join, t, &msg, now);
	return t;
}

static bool
reserve(struct txn *t, uint64_t n, bool whole)
{
	struct reservation r = { .op = { .key = { n, n } }, .whole = whole };

	return join_reserve(join, t, &r);
}

Test(join, reservations_come_out_once_and_in_order)
{
	struct txn *t = rcpt_of("1", 0, "", t0);
	const struct reservation *r;
	uint32_t n;

	for (uint64_t i = 1; i <= 10; i++)
		cr_assert(reserve(t, i, i % 3 == 0));
	r = join_release(join, t, true, &n);
	cr_assert_eq(n, 3);
	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(r[i].op.key.lo, (i + 1) * 3);
	cr_assert(reserve(t, 11, false));
	r = join_release(join, t, false, &n);
	cr_assert_eq(n, 8);
	cr_assert_eq(r[0].op.key.lo, 1);
	cr_assert_eq(r[7].op.key.lo, 11);
	(void)join_release(join, t, false, &n);
	cr_assert_eq(n, 0);
}

Test(join, reservations_at_the_cap_and_one_beyond)
{
	struct txn *t = rcpt_of("1", 0, "", t0);
	uint32_t n;

	for (uint64_t i = 1; i <= JOIN_RESERVED_MAX; i++)
		cr_assert(reserve(t, i, false));
	cr_assert_not(reserve(t, 1, false));
	(void)join_release(join, t, false, &n);
	cr_assert_eq(n, JOIN_RESERVED_MAX);
	cr_assert(reserve(t, 1, false), "there is room again");
}

Test(join, each_end_settles_once_with_all_that_is_held)
{
	struct now later = { t0.mono + JOIN_TTL + 1, t0.wall };

	join_on_settle(join, on_settle, NULL);
	for (int how = 0; how < 7; how++) {
		struct txn *t = rcpt_of("1", 5, "100", t0);

		(void)rcpt_of("1", 5, "100", t0);
		reserve(t, 1, false);
		reserve(t, 2, true);
		settled = settled_held = 0;
		if (how == 0)
			(void)rcpt_of("2", 5, "101", t0); /* the connection's next message */
		else if (how == 1)
			(void)rcpt_of("2", 6, "100", t0); /* the client's */
		else if (how == 2)
			join_disconnect(join, 5);
		else if (how == 3)
			join_expire(join, later);
		else if (how == 4)
			(void)rcpt_of("1", 5, "100", later); /* the same id, too late */
		else if (how == 5)
			join_end(join, join_of_client(join, join_client(STR("192.0.2.1"), STR("100"))));
		else
			join_end_all(join);
		cr_assert_eq(settled, 1, "%d", how);
		cr_assert_eq(settled_held, 2, "%d", how);
		cr_assert_eq(settled_rcpts, 2, "%d", how);
		cr_assert_str_eq(settled_sender, "s@y.test");
		join_end_all(join);
		cr_assert_eq(join_count(join), 0);
		cr_assert_null(join_of_client(join, join_client(STR("192.0.2.1"), STR("100"))));
	}
}

Test(join, transactions_whose_connection_has_gone)
{
	struct now soon = { t0.mono + JOIN_GRACE, t0.wall }, later = { t0.mono + JOIN_GRACE + 1, t0.wall };
	char id[32];

	join_on_settle(join, on_settle, NULL);
	settled = 0;
	(void)rcpt_of("1", 5, "100", t0);
	(void)rcpt_of("2", 6, "101", t0);
	(void)rcpt_of("3", 7, "102", t0);
	join_leave(join, 5, false, t0);
	join_leave(join, 6, false, t0);
	join_leave(join, 99, false, t0);
	join_expire(join, soon);
	cr_assert_eq(settled, 0);
	(void)rcpt_of("2", 8, "101", soon); /* somebody came back */
	join_expire(join, later);
	cr_assert_eq(settled, 1);
	cr_assert_eq(join_count(join), 2);
	/* They make room before others do. */
	join_leave(join, 7, false, later);
	for (uint64_t i = 0; i < JOIN_MAX - 1; i++) {
		snprintf(id, sizeof(id), "x%u", (unsigned)i);
		(void)rcpt_of(id, 100 + i, "", later);
	}
	cr_assert_eq(settled, 2);
	cr_assert_eq(join_count(join), JOIN_MAX);
	for (uint64_t i = 0; i < JOIN_MAX - 1; i++)
		join_leave(join, 100 + i, false, later);
	(void)rcpt_of("new", 9, "103", later);
	cr_assert_eq(settled, 3);
	join_end_all(join);
	cr_assert_eq(join_count(join), 0);
}

Test(join, a_callout_whose_connection_has_gone)
{
	struct now later = { t0.mono + JOIN_GRACE + 1, t0.wall };

	join_on_settle(join, on_settle, NULL);
	settled = 0;
	for (int i = 0; i < 2; i++) {
		from = i ? "" : "s@y.test";
		(void)rcpt_of(i ? "1" : "2", 5 + i, i ? "100" : "101", t0);
		join_leave(join, 5 + i, true, t0);
	}
	from = "s@y.test";
	join_expire(join, later);
	cr_assert_eq(settled, 1);
	cr_assert_str_eq(settled_sender, "");
	cr_assert_eq(join_count(join), 1, "content may still come");
	join_end_all(join);
}

Test(join, what_was_judged_is_not_settled)
{
	struct verdict v = { 0 };
	struct txn *t = rcpt_of("1", 5, "100", t0);

	join_on_settle(join, on_settle, NULL);
	settled = 0;
	join_keep(join, t, 5, &v);
	(void)rcpt_of("2", 5, "100", t0);
	cr_assert_eq(settled, 0);
	join_end_all(join);
	cr_assert_eq(settled, 1, "the second one");
}

/* After the verdict a recipient belongs to another message, whatever it is called. */
Test(join, a_recipient_after_the_verdict)
{
	struct verdict v = { 0 }, out;
	struct txn *t = rcpt_of("1", 0, "100", t0);

	join_keep(join, t, 5, &v);
	t = rcpt_of("1", 0, "100", t0);
	cr_assert_not(join_verdict(t, 5, &msg, &out));
	ask("1", "", NULL);
	msg.client_port = STR("100");
	msg.rcpt_count = 1;
	cr_assert_eq(found(t0), t);
	join_recipients(t, &msg);
	cr_assert_eq(msg.n_rcpts, 1);
}

Test(join, without_an_id_the_client_is_enough_at_rcpt)
{
	struct txn *t;

	ask("", "", "a@x.test");
	msg.stage = STAGE_RCPT;
	t = found(t0);
	cr_assert_not_null(t);
	cr_assert_eq(join_of_client(join, join_client(STR("192.0.2.1"), STR("4711"))), t);
	msg.stage = STAGE_DATA;
	cr_assert_null(found(t0));
	msg.stage = STAGE_RCPT;
	msg.client_port = STR_NONE;
	cr_assert_null(found(t0), "one client among many behind one address");
}

/* What transactions hold of memory is bounded as well as their number. */
Test(join, long_envelopes_make_room_for_each_other)
{
	static char sender[MSG_ATTR_MAX + 1];
	char id[32];
	uint32_t fit = JOIN_BYTES / (3 * MSG_ATTR_MAX), most = 0;

	memset(sender, 'x', MSG_ATTR_MAX);
	for (uint32_t i = 0; i < JOIN_MAX; i++) {
		struct txn *t;

		snprintf(id, sizeof(id), "i%u", i);
		ask(id, "", "a@x.test");
		msg.client_port = STR_NONE;
		msg.stage = STAGE_RCPT;
		msg.sender = msg.helo = msg.client_name = str_of(sender);
		t = found(t0);
		join_gather(join, t, &msg, t0);
		if (join_count(join) > most)
			most = join_count(join);
	}
	cr_assert_leq(most, fit + 1);
	cr_assert_geq(most, fit - 100);
}

static struct str last_client;
static uint32_t last_rcpts;

static void
note_settled(void *arg, struct txn *t)
{
	const struct record *record = join_record(join, t);
	static char name[64];

	(void)arg;
	snprintf(name, sizeof(name), "%.*s", STR_FMT(record->client_name));
	last_client = str_of(name);
	last_rcpts = record->rcpt_count;
	settled++;
}

/* The memory of a transaction goes to a later one, be it small or large; nothing of its message does. */
Test(join, nothing_of_one_is_seen_by_the_next)
{
	static char large[3000];
	const struct verdict v = { .what = ACT_REJECT };
	struct now now = t0;
	char id[32];

	memset(large, 'x', sizeof(large) - 1);
	join_on_settle(join, note_settled, NULL);
	for (uint32_t i = 0; i < 400; i++) {
		uint32_t rcpts = 1 + i * 7 % 90;
		struct txn *t = NULL;

		for (uint32_t k = 0; k < rcpts; k++) {
			snprintf(id, sizeof(id), "1.2.3.%u", i);
			ask(id, "", "somebody@x.test");
			msg.client_name = str_of(i % 3 ? "name" : NULL);
			msg.helo = str_of(i % 5 ? "helo" : large);
			t = found(now);
			if (k == 0)
				cr_assert_not(join_asked_again(t, &msg), "%u: it begins empty", i);
			join_gather(join, t, &msg, now);
		}
		cr_assert_not(join_verdict(t, 1, &msg, &(struct verdict){ 0 }), "%u: nothing was judged", i);
		if (i % 4 == 0)
			join_keep(join, t, 1, &v);
		settled = 0;
		/* as many at a time as are kept, and more */
		if (i % 150 != 149)
			continue;
		now.mono += JOIN_TTL;
		join_expire(join, (struct now){ now.mono + 1, 0 });
		cr_assert_eq(join_count(join), 0);
		cr_assert_gt(settled, 0);
	}
	ask("1.2.3.x", "", "last@x.test");
	msg.client_name = STR("last");
	join_gather(join, found(now), &msg, now);
	join_end_all(join);
	cr_assert_eq(last_rcpts, 1);
	cr_assert(str_eq(last_client, STR("last")));
}
