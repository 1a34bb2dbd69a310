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

Test(join, stages_of_one_message_are_one_transaction)
{
	struct txn *a, *b;

	ask("1.2.3.0", "", "a@x.test");
	a = join_find(join, &msg, 7, t0);
	join_gather(join, a, &msg, t0);
	ask("1.2.3.0", "4ABC", "b@x.test"); /* the queue id is there from the second recipient on */
	b = join_find(join, &msg, 7, t0);
	cr_assert_eq(a, b);
	join_gather(join, b, &msg, t0);
	ask("1.2.3.0", "4ABC", NULL);
	msg.rcpt_count = 2;
	join_recipients(join_find(join, &msg, 7, t0), &msg);
	cr_assert_eq(msg.n_rcpts, 2);
	cr_assert(str_eq(msg.rcpts[1].addr, STR("b@x.test")));
	cr_assert_eq(msg.rcpt_count, 2);
	ask("1.2.3.1", "4ABD", NULL);
	cr_assert_neq(join_find(join, &msg, 7, t0), a);
}

Test(join, a_recipient_refused_by_somebody_else_makes_the_list_useless)
{
	struct txn *t;

	ask("1.2.3.0", "", "a@x.test");
	t = join_find(join, &msg, 7, t0);
	join_gather(join, t, &msg, t0);
	join_gather(join, t, &msg, t0);
	ask("1.2.3.0", "4ABC", NULL);
	msg.rcpt_count = 1;
	join_recipients(t, &msg);
	cr_assert_eq(msg.n_rcpts, 0);
}

Test(join, nothing_to_know_it_by)
{
	ask("", "", "a@x.test");
	cr_assert_null(join_find(join, &msg, 7, t0));
}

Test(join, ids_that_come_again_later_do_not_join)
{
	struct now later = { t0.mono + JOIN_TTL + 1, t0.wall };
	struct txn *t;

	ask("", "4ABC", "a@x.test");
	t = join_find(join, &msg, 7, t0);
	join_gather(join, t, &msg, t0);
	ask("", "4ABC", NULL);
	msg.rcpt_count = 1;
	t = join_find(join, &msg, 7, later);
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
		t = join_find(join, &msg, 7, t0);
	}
	join_disconnect(join, 1);
	cr_assert_eq(join_count(join), 1, "it has moved on");
	join_end(join, t);
	for (uint64_t c = 1; c <= 3; c++) {
		join_disconnect(join, c);
		ask("5.6.7.0", "4DEF", NULL);
		msg.connection = c;
		cr_assert_not_null(join_find(join, &msg, 7, t0));
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
		cr_assert_not_null(join_find(join, &msg, 7, t0));
		cr_assert_leq(join_count(join), JOIN_MAX);
	}
	cr_assert_eq(join_count(join), JOIN_MAX);
}

Test(join, the_same_verdict_for_the_same_message_only)
{
	uint32_t drop[1] = { 0 };
	struct str add[1] = { STR("owner@x.test") };
	struct verdict v = { .drop = drop, .n_drop = 1, .add = add, .n_add = 1, .text = STR("why") }, out;
	struct txn *t;

	ask("1.2.3.0", "4ABC", "a@x.test");
	t = join_find(join, &msg, 7, t0);
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

	cr_assert_not(join_milter_serves(join, a, p));
	join_milter_end(join, a, p);
	join_milter_begin(join, a, p);
	join_milter_begin(join, a, p); /* two MTAs behind one address */
	cr_assert(join_milter_serves(join, a, p));
	cr_assert_not(join_milter_serves(join, a, q));
	join_milter_end(join, a, p);
	cr_assert(join_milter_serves(join, a, p));
	join_milter_end(join, a, p);
	cr_assert_not(join_milter_serves(join, a, p));
	join_milter_begin(join, a, q);
}
