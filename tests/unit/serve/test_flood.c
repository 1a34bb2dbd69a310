/* SPDX-License-Identifier: ISC */
/* The flood rule on the whole road: what is counted together, what is not counted, and what passes. */
#include "rcpt_rig.h"

TestSuite(flood, .init = rcpt_setup, .fini = teardown);

static struct rule *
flood(unsigned count_by, enum measure measure, uint32_t limit)
{
	struct rule *r = rule("flood");

	r->count_by = count_by;
	r->measure = measure;
	r->limit = limit;
	r->window = MS_HOUR;
	return r;
}

Test(flood, limit_passes_and_one_beyond_is_deferred_at_rcpt)
{
	flood(BY_CLIENT, MEASURE_MESSAGES, 5);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "%d", i);
	for (int i = 0; i < 50; i++) {
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_DEFER, "%d", i);
		cr_assert(str_eq(v.dsn, STR("4.7.1")));
		cr_assert(str_starts(v.text, STR("Too much mail")));
	}
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
	storms_each(e.storms, find_storm, NULL);
	cr_assert_eq(found->stopped, 50);
	cr_assert_str_eq(found->hosts[0].name, "203.0.113.9");
	who.client = "203.0.113.10";
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "another client");
}

/* Many clients, one address, as when somebody signs it up to every list there is: the clients are not what it
 * is about. */
Test(flood, one_that_is_counted_by_recipient_names_him)
{
	char client[16];

	flood(BY_RECIPIENT, MEASURE_MESSAGES, 5);
	for (int i = 0; i < 60; i++) {
		snprintf(client, sizeof(client), "203.0.113.%d", i);
		who.client = client;
		cr_assert_eq(
		    send_one(fresh(), "Victim+news@example.org"), i < 5 ? ACT_PASS : ACT_DEFER, "%d", i);
	}
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
	storms_each(e.storms, find_storm, NULL);
	cr_expect_str_eq(found->hosts[0].name, "victim@example.org");
	cr_expect_str_eq(found->hosts[0].how, "recipient");
	cr_expect_eq(found->hosts[0].copies, 55);
}

/* What we put off ourselves is not counted: who tries on and on gets through when his time has come. */
Test(flood, harmless_retries_of_what_was_deferred_use_nothing_up)
{
	flood(BY_CLIENT, MEASURE_MESSAGES, 3);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	for (int m = 0; m < 59; m++) {
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_DEFER, "minute %d", m);
		later(MS_MIN);
	}
	later(62 * MS_MIN);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "two windows later, %d", i);
}

/* Who floods once and then writes now and then, as any large provider does, is no storm for ever: the next
 * flood is one of its own. */
Test(flood, its_storm_ends_though_the_client_goes_on)
{
	uint64_t first;

	flood(BY_CLIENT, MEASURE_MESSAGES, 5);
	for (int i = 0; i < 20; i++)
		ask_rcpt(fresh(), "a@example.org");
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
	storms_each(e.storms, find_storm, NULL);
	first = found->id;
	for (int i = 0; i < 20; i++) {
		later(30 * MS_MIN);
		cr_assert(send_one(fresh(), "a@example.org") == ACT_PASS || i < 4, "%d", i);
	}
	cr_assert_eq(storms_count(e.storms, STORM_OPEN) + storms_count(e.storms, STORM_COOLING), 0);
	for (int i = 0; i < 20; i++)
		ask_rcpt(fresh(), "a@example.org");
	found = NULL;
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	cr_assert_neq(found->id, first);
}

/* Not double at the edge of two windows. */
Test(flood, the_window_slides)
{
	int passed = 0;

	flood(BY_CLIENT, MEASURE_MESSAGES, 60);
	send_one(fresh(), "a@example.org"); /* begins the first span */
	later(55 * MS_MIN);
	for (int i = 0; i < 59; i++)
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	for (int m = 0; m < 15; m++) {
		later(MS_MIN);
		for (int i = 0; i < 60; i++)
			passed += send_one(fresh(), "a@example.org") == ACT_PASS;
	}
	cr_assert_leq(passed, 15, "%d", passed);
}

Test(flood, recipients_exactly_limit_pass)
{
	char rcpt[32];

	flood(BY_CLIENT, MEASURE_RECIPIENTS, 7);
	for (int i = 0; i < 20; i++) {
		snprintf(rcpt, sizeof(rcpt), "u%d@example.org", i);
		cr_assert_eq(ask_rcpt("1", rcpt), i < 7 ? ACT_PASS : ACT_DEFER, "%d", i);
	}
	cr_assert_eq(ask_at(STAGE_DATA, "1", NULL, 7), ACT_PASS, "those seven, judged anew");
	cr_assert_eq(ask_rcpt("2", "x@example.org"), ACT_DEFER);
}

Test(flood, messages_count_once_for_all_their_recipients)
{
	char rcpt[32];

	flood(BY_CLIENT, MEASURE_MESSAGES, 2);
	for (int k = 0; k < 3; k++) {
		const char *instance = fresh();

		for (int i = 0; i < 30; i++) {
			snprintf(rcpt, sizeof(rcpt), "u%d@example.org", i);
			cr_assert_eq(ask_rcpt(instance, rcpt), k < 2 ? ACT_PASS : ACT_DEFER, "%d %d", k, i);
		}
		if (k < 2)
			cr_assert_eq(ask_at(STAGE_DATA, instance, NULL, 30), ACT_PASS);
	}
}

Test(flood, bytes_with_and_without_a_stated_size)
{
	flood(BY_CLIENT, MEASURE_BYTES, 10000);
	who.size = 4000;
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_DEFER);
	who.size = 2000;
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "10000 exactly");
	who.size = 1;
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_DEFER);
	who.size = 0;
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "nobody said how large it is");
	who.client = "203.0.113.77";
	who.size = UINT64_MAX;
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_DEFER, "more than a counter holds");
}

/* count_by, two messages that share a count with limit 1, and one that does not. */
static const struct {
	unsigned by;
	const char *first[4], *same[4], *other[4]; /* client, sender, user, recipient */
} shapes[] = {
	{ BY_CLIENT, { "192.0.2.1", "a@x.test", "", "r@e.org" }, { "192.0.2.1", "b@y.test", "", "s@e.org" },
	    { "192.0.2.2", "a@x.test", "", "r@e.org" } },
	{ BY_CLIENT, { "2001:db8:0:7::1", "a@x.test", "", "r@e.org" },
	    { "2001:db8:0:7:ffff::9", "b@y.test", "", "s@e.org" },
	    { "2001:db8:0:8::1", "a@x.test", "", "r@e.org" } },
	{ BY_CLIENT, { "::ffff:192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "192.0.2.1", "b@y.test", "", "s@e.org" }, { "::192.0.2.1", "a@x.test", "", "r@e.org" } },
	{ BY_NETWORK, { "192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "192.0.2.254", "b@y.test", "", "s@e.org" }, { "192.0.3.1", "a@x.test", "", "r@e.org" } },
	{ BY_SENDER, { "192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "198.51.100.1", "A+news@X.TEST", "", "s@e.org" }, { "192.0.2.1", "b@x.test", "", "r@e.org" } },
	{ BY_SENDER, { "192.0.2.1", "list-bounces+u1=e.org@x.test", "", "r@e.org" },
	    { "192.0.2.1", "list-bounces+u2=e.org@x.test", "", "s@e.org" },
	    { "192.0.2.1", "other-bounces+u1=e.org@x.test", "", "r@e.org" } },
	{ BY_SENDER_DOMAIN, { "192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "198.51.100.1", "b@X.test", "", "s@e.org" }, { "192.0.2.1", "a@y.x.test", "", "r@e.org" } },
	{ BY_SASL_USER, { "192.0.2.1", "a@x.test", "joe", "r@e.org" },
	    { "198.51.100.1", "b@x.test", "Joe", "s@e.org" }, { "192.0.2.1", "a@x.test", "jim", "r@e.org" } },
	{ BY_RECIPIENT, { "192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "198.51.100.1", "b@x.test", "", "R+tag@e.org" }, { "192.0.2.1", "a@x.test", "", "s@e.org" } },
	{ BY_RECIPIENT_DOMAIN, { "192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "198.51.100.1", "b@x.test", "", "s@E.org" }, { "192.0.2.1", "a@x.test", "", "r@f.org" } },
	{ BY_CLIENT | BY_SENDER, { "192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "192.0.2.1", "a@x.test", "", "s@e.org" }, { "192.0.2.1", "b@x.test", "", "r@e.org" } },
	{ BY_CLIENT | BY_SENDER, { "192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "192.0.2.1", "a@x.test", "", "s@e.org" }, { "192.0.2.9", "a@x.test", "", "r@e.org" } },
	{ BY_SENDER | BY_RECIPIENT, { "192.0.2.1", "a@x.test", "", "r@e.org" },
	    { "192.0.2.8", "a@x.test", "", "r@e.org" }, { "192.0.2.1", "a@x.test", "", "s@e.org" } },
};

static enum action
send_shape(const char *const s[4])
{
	who.client = s[0];
	who.sender = s[1];
	who.user = s[2];
	return send_one(fresh(), s[3]);
}

Test(flood, what_is_counted_together)
{
	struct rule *r = flood(0, MEASURE_MESSAGES, 1);

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		r->count_by = shapes[i].by;
		r->id = 100 + i; /* counters of its own */
		cr_expect_eq(send_shape(shapes[i].first), ACT_PASS, "%zu", i);
		cr_expect_eq(send_shape(shapes[i].same), ACT_DEFER, "%zu", i);
		cr_expect_eq(send_shape(shapes[i].other), ACT_PASS, "%zu", i);
	}
}

/* Each of these would put strangers into one bucket. */
Test(flood, harmless_what_has_no_part_of_the_key_is_not_counted)
{
	struct rule *r = flood(0, MEASURE_MESSAGES, 1);
	static const struct {
		unsigned by;
		const char *mail[4];
	} none[] = {
		{ BY_SENDER, { "192.0.2.1", "", "", "r@e.org" } },
		{ BY_SENDER, { "192.0.2.1", "double-bounce@mx.test", "", "r@e.org" } },
		{ BY_SENDER_DOMAIN, { "192.0.2.1", "", "", "r@e.org" } },
		{ BY_SENDER_DOMAIN, { "192.0.2.1", "root", "", "r@e.org" } },
		{ BY_SASL_USER, { "192.0.2.1", "a@x.test", "", "r@e.org" } },
		{ BY_CLIENT, { "unknown", "a@x.test", "", "r@e.org" } },
		{ BY_CLIENT, { "", "a@x.test", "", "r@e.org" } },
		{ BY_NETWORK, { "unknown", "a@x.test", "", "r@e.org" } },
		{ BY_RECIPIENT_DOMAIN, { "192.0.2.1", "a@x.test", "", "joe" } },
		{ BY_CLIENT | BY_SASL_USER, { "192.0.2.1", "a@x.test", "", "r@e.org" } },
		{ BY_CLIENT | BY_SENDER, { "192.0.2.1", "", "", "r@e.org" } },
		{ BY_CLIENT, { "192.0.2.1", "a@x.test", "", "postmaster@e.org" } },
		{ BY_CLIENT, { "192.0.2.1", "a@x.test", "", "abuse@e.org" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		r->count_by = none[i].by;
		r->id = 200 + i;
		for (int k = 0; k < 5; k++)
			cr_expect_eq(send_shape(none[i].mail), ACT_PASS, "%zu, message %d", i, k);
	}
}

Test(flood, harmless_exempt_clients_and_senders)
{
	struct rule *r = flood(BY_CLIENT, MEASURE_MESSAGES, 1);

	add_net(&r->exempt.nets, "192.0.2.0/24");
	strset_add(&r->exempt.domains, STR("friends.example"));
	for (int i = 0; i < 10; i++) {
		who.client = "192.0.2.200";
		who.sender = "a@far.example";
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
		who.client = "203.0.113.9";
		who.sender = "news@friends.example";
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	}
}

Test(flood, harmless_behind_a_relay_the_client_is_the_one_it_names)
{
	char text[512];

	flood(BY_CLIENT, MEASURE_MESSAGES, 2);
	add_net(&site.relays, "203.0.113.9");
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS, "at RCPT nobody knows yet");
		snprintf(text, sizeof(text),
		    "Received: from h%d.example (h%d.example [192.0.2.%d])\r\n\tby relay.other.example id "
		    "R%d; Mon, 9 Jan 2006 09:00:00 +0000\r\n%s",
		    i, i, i, i, BODY);
		cr_assert_eq(deliver("a@far.example", text, "a@example.org"), ACT_PASS, "%d", i);
	}
	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text),
		    "Received: from bad.example (bad.example [198.51.100.7])\r\n\tby relay.other.example id "
		    "S%d; Mon, 9 Jan 2006 09:00:00 +0000\r\n%s",
		    i, BODY);
		cr_assert_eq(deliver("a@far.example", text, "a@example.org"), i < 2 ? ACT_PASS : ACT_DEFER);
	}
}

Test(flood, scope_outbound_leaves_other_mail_alone)
{
	flood(BY_CLIENT, MEASURE_MESSAGES, 1)->scope = SCOPE_OUTBOUND;
	for (int i = 0; i < 5; i++)
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "inbound");
	who.user = "joe";
	cr_assert_eq(send_one(fresh(), "a@far.example"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "a@far.example"), ACT_DEFER);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
}

Test(flood, block_keeps_a_client_out_for_its_time)
{
	struct rule *r = flood(BY_CLIENT, MEASURE_MESSAGES, 2);

	r->window = MS_MIN;
	r->block = 10 * MS_MIN;
	for (int i = 0; i < 3; i++)
		send_one(fresh(), "a@example.org");
	later(3 * MS_MIN);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_DEFER, "the block has not passed");
	later(8 * MS_MIN);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
}

Test(flood, shadow_refuses_nobody_and_says_would)
{
	flood(BY_CLIENT, MEASURE_MESSAGES, 2)->mode = MODE_SHADOW;
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS);
		cr_assert_eq(v.would, i < 2 ? ACT_PASS : ACT_DEFER, "%d", i);
		cr_assert(str_eq(v.rule, i >= 2 ? STR("flood") : STR("")));
	}
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1, "told at RCPT");
}

Test(flood, without_brake_or_off_it_does_not_act_at_rcpt)
{
	struct rule *r = flood(BY_CLIENT, MEASURE_MESSAGES, 1);

	r->brake = BRAKE_OFF;
	for (int i = 0; i < 5; i++)
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_DEFER, "at DATA");
	r->mode = MODE_OFF;
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
}

Test(flood, a_brake_that_rejects_with_words_of_the_rule)
{
	struct rule *r = flood(BY_CLIENT, MEASURE_MESSAGES, 1);

	r->brake = BRAKE_REJECT;
	r->text = xstrdup("Enough for today");
	snprintf(r->dsn, sizeof(r->dsn), "5.7.28");
	send_one(fresh(), "a@example.org");
	cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_REJECT);
	cr_assert(str_eq(v.dsn, STR("5.7.28")));
	cr_assert(str_eq(v.text, STR("Enough for today")));
}

/* The milter door alone: a message of which only a part is over the limit passes, for a defer cannot split;
 * the next one is stopped whole. */
Test(flood, at_the_end_of_a_message_recipients_over_the_limit)
{
	flood(BY_CLIENT, MEASURE_RECIPIENTS, 3);
	cr_assert_eq(deliver("a@far.example", BODY, "a@example.org,b@example.org"), ACT_PASS);
	deliver("a@far.example", BODY, "a@example.org,b@example.org,c@example.org");
	cr_assert_eq(v.what, ACT_PASS);
	cr_assert_eq(v.n_drop, 0);
	cr_assert_eq(deliver("a@far.example", BODY, "d@example.org"), ACT_DEFER);
}

/* A stream of strangers never takes the counters of what is being stopped. */
Test(flood, strangers_do_not_evict_an_open_storm)
{
	char client[32];
	int passed = 0;

	tallies_free(e.tallies);
	e.tallies = tallies_new(2000);
	flood(BY_CLIENT, MEASURE_MESSAGES, 50);
	for (int i = 0; i < 60; i++)
		passed += send_one(fresh(), "a@example.org") == ACT_PASS;
	cr_assert_eq(passed, 50);
	for (int i = 0; i < MANY; i++) {
		snprintf(client, sizeof(client), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		who.client = client;
		cr_assert_eq(ask_at(STAGE_DATA, "", "a@example.org", 1), ACT_PASS);
	}
	who.client = "203.0.113.9";
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_DEFER);
}
