/* SPDX-License-Identifier: ISC */
/* The two phases: what is counted at RCPT holds its place, and what becomes of it in the end. */
#include "ledger_rig.h"
#include "rcpt_rig.h"
#include "store/journal_read.h"

static void
begin(void)
{
	rcpt_setup();
	begin_records();
}

TestSuite(rcpt, .init = begin, .fini = end_records, .timeout = 60);

/* --- what the journal says: one line a message --- */

static char said[4096];

static bool
say_row(void *arg, const struct record *r)
{
	size_t n = strlen(said);

	(void)arg;
	snprintf(said + n, sizeof(said) - n, "%.*s %s %s%s%.*s", STR_FMT(r->sender), r->verdict,
	    r->outcome == OUTCOME_PASSED ? "passed" : "stopped", r->would ? " would " : " ",
	    STR_FMT(r->rule));
	for (uint32_t i = 0; i < r->n_rcpts; i++) {
		n = strlen(said);
		snprintf(said + n, sizeof(said) - n, " %.*s=%s", STR_FMT(r->rcpts[i].addr),
		    r->rcpts[i].outcome == OUTCOME_PASSED ? "passed" : "stopped");
	}
	n = strlen(said);
	snprintf(said + n, sizeof(said) - n, "\n");
	return true;
}

static const char *
journal(void)
{
	char why[256] = "";

	said[0] = '\0';
	cr_assert(ledger_written(e.ledger, 10000));
	cr_assert(ledger_flush(e.ledger, 20000));
	cr_assert_eq(journal_each_message(db, 0, INT64_MAX, say_row, NULL, why, sizeof(why)), 0, "%s", why);
	return said;
}

static struct rule *
flood(enum measure measure, uint32_t limit)
{
	struct rule *r = rule("flood");

	r->measure = measure;
	r->limit = limit;
	r->window = MS_DAY;
	return r;
}

/* --- a place that is held --- */

Test(rcpt, two_messages_in_flight_do_not_share_a_place)
{
	flood(MEASURE_MESSAGES, 1);
	who.port = "1001";
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	who.port = "1002";
	cr_assert_eq(ask_rcpt("2", "a@example.org"), ACT_DEFER, "the first one is on its way");
	who.port = "1001";
	msg_reset(&msg);
	msg.client_address = STR("203.0.113.9");
	msg.client_port = STR("1001");
	engine_abort(&e, &msg);
	who.port = "1003";
	cr_assert_eq(ask_rcpt("3", "a@example.org"), ACT_PASS, "it came to nothing");
	who.port = "1002";
	cr_assert_eq(ask_rcpt("4", "a@example.org"), ACT_DEFER);
}

/* At the door of a milter: the same client and port as at the policy door. */
static enum action
milter_says(const char *port, const char *rcpts)
{
	begin_msg(DOOR_MILTER, STAGE_EOM, who.sender, rcpts);
	msg.queue_id = STR("4ABC");
	msg.client_address = str_of(who.client);
	msg.client_port = str_of(port);
	judge(BODY);
	return v.what;
}

static void
all_stages(const char *instance, bool milter)
{
	who.port = "2001";
	cr_assert_eq(ask_rcpt(instance, "a@example.org"), ACT_PASS);
	who.queue_id = "4ABC";
	cr_assert_eq(ask_rcpt(instance, "b@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt(instance, "c@example.org"), ACT_PASS);
	cr_assert_eq(ask_at(STAGE_DATA, instance, NULL, 3), ACT_PASS);
	who.size = 1234;
	cr_assert_eq(ask_at(STAGE_EOM, instance, NULL, 3), ACT_PASS);
	if (milter)
		cr_assert_eq(milter_says("2001", "a@example.org,b@example.org,c@example.org"), ACT_PASS);
	who.queue_id = "";
	who.size = 0;
}

Test(rcpt, one_message_counts_once_over_all_stages_and_doors)
{
	keep_records();
	flood(MEASURE_MESSAGES, 4);
	all_stages("1", false);
	all_stages("2", false);
	engine_milter_begin(&e, STR("203.0.113.9"), STR("2001"));
	all_stages("3", true);
	all_stages("4", true);
	cr_assert_eq(ask_rcpt("5", "a@example.org"), ACT_DEFER);
	cr_assert_eq(e.stats.messages, 5, "as many as passed and were stopped, and as there are rows");
	cr_assert_eq(e.stats.passed, 4);
	cr_assert_eq(e.stats.stopped, 1);
	cr_assert_str_eq(journal(),
	    "a@far.example pass passed  a@example.org=passed b@example.org=passed c@example.org=passed\n"
	    "a@far.example pass passed  a@example.org=passed b@example.org=passed c@example.org=passed\n"
	    "a@far.example pass passed  a@example.org=passed b@example.org=passed c@example.org=passed\n"
	    "a@far.example pass passed  a@example.org=passed b@example.org=passed c@example.org=passed\n"
	    "a@far.example defer stopped flood a@example.org=stopped\n");
}

Test(rcpt, recipients_count_once_over_all_stages_and_doors)
{
	flood(MEASURE_RECIPIENTS, 7);
	all_stages("1", false);
	engine_milter_begin(&e, STR("203.0.113.9"), STR("2001"));
	all_stages("2", true);
	cr_assert_eq(ask_rcpt("3", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("3", "b@example.org"), ACT_DEFER);
}

/* The count of the message stays when a later recipient does not count it: refused by another rule, exempt,
 * or an address that no rule looks at. */
Test(rcpt, the_whole_message_stays_counted_whoever_else_is_asked_about)
{
	struct rule *r = flood(MEASURE_MESSAGES, 1);

	rule("list-guard")->brake = BRAKE_REJECT;
	strset_add(&r->exempt.addrs, STR("exempt@example.org"));
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("1", "all@example.org"), ACT_REJECT);
	cr_assert_eq(ask_rcpt("2", "a@example.org"), ACT_DEFER, "after a refusal");
	cr_assert_eq(ask_rcpt("1", "postmaster@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("2", "a@example.org"), ACT_DEFER, "after a role address");
	cr_assert_eq(ask_rcpt("1", "exempt@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("2", "a@example.org"), ACT_DEFER, "after an exempt address");
	for (int i = 0; i < 20; i++)
		cr_assert_eq(ask_rcpt("1", "b@example.org"), ACT_PASS);
	cr_assert_eq(ask_at(STAGE_DATA, "1", "a@example.org", 1), ACT_PASS);
	cr_assert_eq(ask_rcpt("3", "a@example.org"), ACT_DEFER);
}

/* --- what becomes of a message of which only RCPT was heard --- */

enum ending { NEXT_ON_CONNECTION, NEXT_OF_CLIENT, CONNECTION_CLOSED, TIME_OUT, DAEMON_STOPS, ENDINGS };

static const char *const endings[ENDINGS] = { "the next message on the connection",
	"the next message of the client", "the connection closed", "the time ran out", "the daemon stops" };

static void
come_to_an_end(enum ending how)
{
	if (how == CONNECTION_CLOSED)
		engine_disconnect(&e, 7, 2, now);
	if (how == DAEMON_STOPS)
		engine_drain(&e);
	if (how == TIME_OUT)
		later(JOIN_TTL + 1000);
	who.sender = "next@far.example";
	who.client = "198.51.100.1"; /* another count */
	if (how == NEXT_OF_CLIENT) {
		who.connection = 8;
		who.client = "203.0.113.9";
		who.sender = "exempt@far.example";
	}
	if (how == NEXT_ON_CONNECTION)
		who.port = "3002";
	if (how == NEXT_ON_CONNECTION || how == NEXT_OF_CLIENT)
		cr_assert_eq(ask_rcpt("other", "b@example.org"), ACT_PASS, "%s", endings[how]);
}

static void
one_half_message(enum ending how)
{
	struct rule *r = flood(MEASURE_MESSAGES, 1);

	strset_add(&r->exempt.addrs, STR("exempt@far.example"));
	who.connection = 7;
	who.port = "3001";
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("1", "b@example.org"), ACT_PASS);
	come_to_an_end(how);
	who.client = "203.0.113.9";
	who.sender = "late@far.example";
	who.port = "";
	who.connection = 0;
}

#define HALF "a@far.example pass passed  a@example.org=passed b@example.org=passed\n"

static void
counts_as_passed(enum ending how)
{
	keep_records();
	one_half_message(how);
	cr_assert_str_eq(journal(), HALF, "%s: %s", endings[how], said);
	cr_assert_eq(ask_rcpt("9", "a@example.org"), ACT_DEFER, "%s", endings[how]);
	cr_assert_str_eq(journal(), HALF "late@far.example defer stopped flood a@example.org=stopped\n");
}

Test(rcpt, nobody_asks_further_next_on_connection)
{
	counts_as_passed(NEXT_ON_CONNECTION);
}
Test(rcpt, nobody_asks_further_next_of_client)
{
	counts_as_passed(NEXT_OF_CLIENT);
}
Test(rcpt, nobody_asks_further_connection_closed)
{
	counts_as_passed(CONNECTION_CLOSED);
}
Test(rcpt, nobody_asks_further_time_out)
{
	counts_as_passed(TIME_OUT);
}
Test(rcpt, nobody_asks_further_daemon_stops)
{
	counts_as_passed(DAEMON_STOPS);
}

static void
comes_to_nothing(enum ending how)
{
	keep_records();
	who.client = "192.0.2.99";
	ask_at(STAGE_DATA, "0", "z@example.org", 1); /* somebody asks at DATA */
	ask_as_usual();
	one_half_message(how);
	cr_assert_str_eq(
	    journal(), "a@far.example pass passed  z@example.org=passed\n", "%s: %s", endings[how], said);
	cr_assert_eq(send_one("9", "a@example.org"), ACT_PASS, "%s", endings[how]);
	cr_assert_eq(send_one("10", "a@example.org"), ACT_DEFER, "%s", endings[how]);
}

/* A callout, or somebody else's refusal. */
Test(rcpt, somebody_asks_at_data_next_on_connection)
{
	comes_to_nothing(NEXT_ON_CONNECTION);
}
Test(rcpt, somebody_asks_at_data_next_of_client)
{
	comes_to_nothing(NEXT_OF_CLIENT);
}
Test(rcpt, somebody_asks_at_data_connection_closed)
{
	comes_to_nothing(CONNECTION_CLOSED);
}
Test(rcpt, somebody_asks_at_data_time_out)
{
	comes_to_nothing(TIME_OUT);
}
Test(rcpt, somebody_asks_at_data_daemon_stops)
{
	comes_to_nothing(DAEMON_STOPS);
}

Test(rcpt, an_id_that_comes_again_later_is_another_message)
{
	keep_records();
	flood(MEASURE_MESSAGES, 2);
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	now.mono += JOIN_TTL + 1000;
	cr_assert_eq(ask_rcpt("1", "b@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("2", "b@example.org"), ACT_DEFER, "two messages");
	cr_assert_eq(ask_at(STAGE_DATA, "1", NULL, 1), ACT_PASS);
	cr_assert_eq(msg.n_rcpts, 1);
	cr_assert(str_eq(msg.rcpts[0].addr, STR("b@example.org")));
}

/* Short queue ids come again, and a client that numbers its connections asks about the next message under
 * the same name: after the verdict a recipient is another message's. */
Test(rcpt, a_recipient_after_the_verdict_begins_another_message)
{
	flood(MEASURE_MESSAGES, 3);
	for (int i = 0; i < 5; i++) {
		enum action want = i < 3 ? ACT_PASS : ACT_DEFER;

		cr_assert_eq(ask_rcpt("same", "a@example.org"), want, "%d", i);
		if (i < 3)
			cr_assert_eq(ask_at(STAGE_DATA, "same", NULL, 1), want, "%d", i);
		if (i < 3)
			cr_assert_eq(msg.n_rcpts, 1);
	}
	cr_assert_eq(e.stats.passed, 3);
}

/* Exim knows no id of the message yet at RCPT. */
Test(rcpt, a_client_that_says_no_id_at_rcpt)
{
	flood(MEASURE_MESSAGES, 2);
	who.port = "4001";
	cr_assert_eq(ask_rcpt("", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("", "b@example.org"), ACT_PASS);
	cr_assert_eq(ask_at(STAGE_DATA, "1rXyz-0001", "a@example.org", 1), ACT_PASS);
	cr_assert_eq(ask_rcpt("", "a@example.org"), ACT_PASS, "the second message");
	who.port = "4002";
	cr_assert_eq(ask_rcpt("", "a@example.org"), ACT_DEFER, "it holds its place");
	who.port = "4001";
	cr_assert_eq(ask_at(STAGE_DATA, "", NULL, 1), ACT_PASS, "and has no id at DATA either");
	cr_assert_eq(msg.n_rcpts, 1);
	who.port = "4002";
	cr_assert_eq(ask_rcpt("", "a@example.org"), ACT_DEFER);
	cr_assert_eq(e.stats.passed, 2);
}

Test(rcpt, a_milter_that_serves_tells_of_whole_messages)
{
	keep_records();
	flood(MEASURE_MESSAGES, 1);
	engine_milter_begin(&e, STR("203.0.113.9"), STR("5001"));
	who.port = "5001";
	who.connection = 3;
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	engine_disconnect(&e, 3, 2, now);
	cr_assert_str_eq(journal(), "", "%s", said);
	cr_assert_eq(ask_rcpt("2", "a@example.org"), ACT_PASS);
}

/* --- recipients --- */

Test(rcpt, whom_we_refused_is_not_among_the_recipients_at_data)
{
	keep_records();
	flood(MEASURE_RECIPIENTS, 2);
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("1", "b@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("1", "c@example.org"), ACT_DEFER);
	cr_assert_eq(ask_at(STAGE_DATA, "1", NULL, 2), ACT_PASS);
	cr_assert_eq(msg.n_rcpts, 2);
	cr_assert(str_eq(msg.rcpts[0].addr, STR("a@example.org")));
	cr_assert(str_eq(msg.rcpts[1].addr, STR("b@example.org")));
	cr_assert_str_eq(journal(),
	    "a@far.example defer stopped flood c@example.org=stopped\n"
	    "a@far.example pass passed  a@example.org=passed b@example.org=passed\n");
}

/* check_policy_service stands in two lists of restrictions. */
Test(rcpt, each_recipient_asked_about_twice_counts_once)
{
	static const char *const three[] = { "a@example.org", "b@example.org", "c@example.org" };

	flood(MEASURE_RECIPIENTS, 3);
	for (int i = 0; i < 6; i++)
		cr_assert_eq(ask_rcpt("1", three[i / 2]), ACT_PASS, "%d", i);
	cr_assert_eq(ask_rcpt("1", "d@example.org"), ACT_DEFER);
	cr_assert_eq(ask_rcpt("1", "d@example.org"), ACT_DEFER);
	cr_assert_eq(ask_at(STAGE_DATA, "1", NULL, 3), ACT_PASS);
	cr_assert_eq(msg.n_rcpts, 3);
	cr_assert_eq(ask_rcpt("2", "a@example.org"), ACT_DEFER);
}

/* A connection for each question: where nobody asks about whole messages, one that nothing follows is over
 * soon; else the message stays until something is heard of it. */
Test(rcpt, a_connection_of_one_question)
{
	keep_records();
	flood(MEASURE_MESSAGES, 2);
	for (uint64_t c = 1; c <= 3; c++) {
		who.connection = c;
		cr_assert_eq(ask_rcpt("1", c == 2 ? "b@example.org" : "a@example.org"), ACT_PASS);
		engine_disconnect(&e, c, 1, now);
		later(JOIN_GRACE - 100);
	}
	cr_assert_str_eq(journal(), "", "%s", said);
	later(JOIN_GRACE);
	cr_assert_str_eq(journal(),
	    "a@far.example pass passed  a@example.org=passed b@example.org=passed a@example.org=passed\n",
	    "%s", said);
	who.connection = 0;
	cr_assert_eq(send_one("2", "a@example.org"), ACT_PASS);
	rules_v[0].limit = 3;
	who.connection = 9;
	cr_assert_eq(ask_rcpt("3", "a@example.org"), ACT_PASS);
	engine_disconnect(&e, 9, 1, now);
	later(5 * MS_MIN);
	who.connection = 10;
	cr_assert_eq(ask_rcpt("4", "a@example.org"), ACT_DEFER, "it is still on its way");
	cr_assert_eq(ask_at(STAGE_DATA, "3", "a@example.org", 1), ACT_PASS);
}

/* One place more than one message may hold: it passes, and is counted when the message is judged. */
Test(rcpt, reservations_at_the_cap_and_one_beyond)
{
	char rcpt[32];

	flood(MEASURE_RECIPIENTS, JOIN_RESERVED_MAX + 1);
	for (int i = 0; i <= JOIN_RESERVED_MAX; i++) {
		snprintf(rcpt, sizeof(rcpt), "u%d@example.org", i);
		cr_assert_eq(ask_rcpt("1", rcpt), ACT_PASS, "%d", i);
	}
	cr_assert_eq(ask_rcpt("2", "a@example.org"), ACT_PASS, "the last one of them holds no place");
	cr_assert_eq(ask_rcpt("2", "b@example.org"), ACT_DEFER);
	who.client = "192.0.2.5"; /* the client's next message takes that place away again */
	ask_at(STAGE_DATA, "0", "a@example.org", 1);
	ask_as_usual();
	later(JOIN_TTL + 1000);
	cr_assert_eq(ask_rcpt("3", "a@example.org"), ACT_PASS, "nothing is left");
	for (int i = 1; i <= JOIN_RESERVED_MAX; i++)
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS, "%d", i);
	cr_assert_eq(ask_rcpt("4", "a@example.org"), ACT_DEFER);
}

/* Transactions that are pushed out give back what they held. */
Test(rcpt, more_messages_at_once_than_are_remembered)
{
	char id[32];

	flood(MEASURE_MESSAGES, JOIN_MAX);
	who.client = "192.0.2.5";
	ask_at(STAGE_DATA, "0", "a@example.org", 1);
	ask_as_usual();
	for (int i = 0; i < JOIN_MAX + 100; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		cr_assert_eq(ask_rcpt(id, "a@example.org"), ACT_PASS, "%d", i);
		cr_assert_leq(join_count(e.join), JOIN_MAX);
	}
}

/* --- the record --- */

Test(rcpt, shadow_says_would_in_the_record_of_what_passed)
{
	keep_records();
	flood(MEASURE_MESSAGES, 1)->mode = MODE_SHADOW;
	who.connection = 1;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS);
	engine_disconnect(&e, 1, 2, now);
	cr_assert_str_eq(journal(),
	    "a@far.example pass passed  a@example.org=passed\n"
	    "a@far.example pass passed would flood a@example.org=passed\n"
	    "a@far.example pass passed would flood a@example.org=passed\n");
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
}

Test(rcpt, harmless_a_callout_leaves_no_trace)
{
	keep_records();
	flood(MEASURE_MESSAGES, 3);
	who.connection = 1;
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	who.sender = "";
	for (int i = 0; i < 100; i++)
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS, "%d", i);
	engine_disconnect(&e, 1, 2, now);
	cr_assert_str_eq(journal(), "a@far.example pass passed  a@example.org=passed\n", "%s", said);
	cr_assert_eq(e.stats.messages, 1);
}

static void
settle_four(void)
{
	keep_records();
	who.connection = 1;
	for (int i = 0; i < 3; i++)
		ask_rcpt(fresh(), "a@example.org"); /* two of them end by the next */
	who.client = "203.0.113.66";
	ask_rcpt("t", "trap@example.org"); /* and the third */
	who.client = "203.0.113.9";
	who.connection = 2;
	ask_rcpt("held", "a@example.org");
}

/* The process goes without a word: what was settled counts, what was held does not. */
Test(rcpt, killed)
{
	flood(MEASURE_MESSAGES, 5);
	rule("trap");
	strset_add(&rules_v[1].addresses.addrs, STR("trap@example.org"));
	kill_after(settle_four);
	keep_records();
	cr_assert_eq(opened.records, 4);
	cr_assert_eq(ask_rcpt("5", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("6", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("7", "a@example.org"), ACT_DEFER, "three were there");
	who.client = "203.0.113.66";
	cr_assert_eq(ask_rcpt("8", "a@example.org"), ACT_REJECT, "the mark too");
}
