/* SPDX-License-Identifier: ISC */
/* A question in two halves: whatever happens between them, it is answered once, first, and as if at once. */
#include "engine_rig.h"

enum { ASKED = 2 * LIMIT };

/* Each with memory of its own, as connections have. */
static struct question_of {
	struct msg msg;
	struct arena arena;
	char header[1024];
	enum action what;
	unsigned answers, place;
} asked[ASKED];
static unsigned n_said;

static void
begin(void)
{
	setup();
	n_said = 0;
	for (int i = 0; i < ASKED; i++) {
		asked[i].answers = asked[i].place = 0;
		arena_init(&asked[i].arena, 0);
		msg_init(&asked[i].msg, &asked[i].arena, &site.gateway_markers);
	}
}

static void
end(void)
{
	for (int i = 0; i < ASKED; i++) {
		msg_fini(&asked[i].msg);
		arena_fini(&asked[i].arena);
	}
	teardown();
}

TestSuite(engine_halves, .init = begin, .fini = end);

static void
said(void *arg, const struct verdict *verdict)
{
	struct question_of *q = arg;

	q->answers++;
	q->what = verdict->what;
	q->place = n_said++;
}

/* The i-th copy of one message. */
static struct msg *
ready(int i)
{
	struct question_of *q = &asked[i];
	struct msg *m = &q->msg;

	m->door = DOOR_REPAIRS;
	m->stage = STAGE_EOM;
	snprintf(q->header, sizeof(q->header), "%.*s", (int)sizeof(q->header) - 1,
	    copy("sbs1.faulty.example", i + 1));
	m->instance = str_sub(STR("abcdefghijklmnop"), (size_t)i, (size_t)i + 1);
	m->client_address = STR("203.0.113.9");
	m->sender = STR("sales@firm.example");
	m->have_sender = true;
	msg_add_rcpt(m, STR("a@example.org"));
	header_feed(&m->header, q->header, strlen(q->header));
	header_end(&m->header);
	m->have_header = true;
	return m;
}

static void
ask(int i)
{
	engine_ask(&e, ready(i), now, said, &asked[i]);
}

Test(engine_halves, each_is_answered_before_the_next_one_is_asked)
{
	rule("replication");
	for (int i = 0; i < ASKED; i++) {
		ask(i);
		cr_assert_eq(n_said, (unsigned)i, "the %d. waits", i);
	}
	engine_say(&e);
	engine_say(&e);
	cr_assert_eq(n_said, ASKED);
	for (int i = 0; i < ASKED; i++) {
		cr_assert_eq(asked[i].answers, 1);
		cr_assert_eq(asked[i].place, (unsigned)i);
		cr_assert_eq(asked[i].what, i < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
	}
	cr_assert_eq(e.stats.messages, ASKED);
	cr_assert_eq(e.stats.stopped, ASKED - LIMIT);
}

Test(engine_halves, asked_at_once_in_between)
{
	rule("replication");
	for (int i = 0; i + 1 < ASKED; i += 2) {
		ask(i);
		engine_judge(&e, ready(i + 1), now, &v);
		cr_assert_eq(asked[i].answers, 1);
		cr_assert_eq(asked[i].what, i < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
		cr_assert_eq(v.what, i + 1 < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i + 1);
	}
}

/* The same message comes on another connection while the first one is looked at. */
Test(engine_halves, the_same_transaction_twice)
{
	struct msg *m = ready(1);

	rule("replication");
	m->instance = STR("a");
	ask(0);
	engine_ask(&e, m, now, said, &asked[1]);
	engine_say(&e);
	cr_assert_eq(asked[0].answers, 1);
	cr_assert_eq(asked[1].answers, 1);
	cr_assert_eq(e.stats.passed, 2);
}

Test(engine_halves, whatever_the_engine_is_told_comes_after)
{
	rule("replication");
	ask(0);
	engine_tick(&e, now);
	cr_assert_eq(n_said, 1);
	ask(1);
	engine_half_tick(&e, now);
	cr_assert_eq(n_said, 2);
	ask(2);
	engine_abort(&e, &asked[5].msg);
	cr_assert_eq(n_said, 3);
	ask(3);
	engine_disconnect(&e, 7, 1, now);
	cr_assert_eq(n_said, 4);
	ask(4);
	engine_milter_begin(&e, STR("192.0.2.1"), STR("25"));
	cr_assert_eq(n_said, 5);
	ask(5);
	engine_milter_end(&e, STR("192.0.2.1"), STR("25"));
	cr_assert_eq(n_said, 6);
	for (int i = 0; i < ASKED; i++)
		cr_assert_eq(asked[i].what, i < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
}

Test(engine_halves, before_other_rules_and_before_the_end)
{
	rule("replication");
	ask(0);
	engine_reloaded(&e, now);
	cr_assert_eq(n_said, 1);
	ask(1);
	engine_drain(&e);
	cr_assert_eq(n_said, 2);
	cr_assert_eq(join_count(e.join), 0);
}

/* What needs no look at the counters is answered at once, and in its turn. */
Test(engine_halves, an_answer_that_is_known)
{
	rule("replication");
	ask(0);
	asked[1].msg.stage = STAGE_RCPT;
	asked[1].msg.door = DOOR_POLICY;
	asked[1].msg.instance = STR("z");
	msg_add_rcpt(&asked[1].msg, STR("a@example.org"));
	engine_ask(&e, &asked[1].msg, now, said, &asked[1]);
	cr_assert_eq(n_said, 2);
	cr_assert_eq(asked[0].place, 0);
	cr_assert_eq(asked[1].place, 1);
}
