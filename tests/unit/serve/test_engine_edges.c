/* SPDX-License-Identifier: ISC */
/* The engine where things meet: relays, long storms, very many recipients, mixed verdicts. */
#include "engine_rig.h"

TestSuite(engine_edges, .init = setup, .fini = teardown);

#define BACKUP(from) "Received: from " from " by backup.example.net with ESMTP id R"
#define AGAIN                                                                 \
	"Received: from pop.isp.example by sbs1.faulty.example with POP3\r\n" \
	"Received: from backup.example.net by mx.example.org with ESMTP id Q\r\n"

/* By a relay of ours: it says which client it had the message from, and its own lines name nobody. */
Test(engine_edges, a_relay_of_ours_is_never_named)
{
	struct net net;
	bool named = false, client = false;
	char text[4096];

	cr_assert_eq(net_parse(STR("203.0.113.9"), &net), 0);
	netset_add(&site.relays, &net);
	rule("replication");
	for (int i = 0; i < 12; i++) {
		snprintf(text, sizeof(text), BACKUP("%s [203.0.113.%d]") "%d\r\n%s%s%s",
		    i ? "sbs1.faulty.example" : "smtp.firm.example", i ? 77 : 5, i, i ? AGAIN : "",
		    i ? BACKUP("smtp.firm.example [203.0.113.5]") "0\r\n" : "", ORIGIN BODY);
		deliver("sales@firm.example", text, "a@example.org,b@example.org");
	}
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	for (uint32_t i = 0; i < found->n_hosts; i++) {
		const char *name = found->hosts[i].name;

		cr_assert_str_neq(name, "backup.example.net");
		cr_assert_str_neq(name, "203.0.113.9");
		cr_assert_str_neq(name, "relay.other.example", "the relay's HELO");
		cr_assert_str_neq(name, "mx.example.org");
		named |= strcmp(name, "sbs1.faulty.example") == 0;
		client |= strcmp(name, "203.0.113.77") == 0;
	}
	cr_assert(named && client);
}

/* `remember` counts from the storm's end: as long as copies keep coming, who has his is known. */
Test(engine_edges, a_storm_longer_than_it_is_remembered)
{
	struct rule *r = rule("replication");

	r->limit = 1;
	r->window = r->remember = r->quiet = MS_HOUR;
	cr_assert_eq(deliver("sales@firm.example", copy("", 0), "a@example.org"), ACT_PASS);
	for (int i = 1; i < 100; i++) {
		now.mono += 10 * MS_MIN;
		engine_tick(&e, now);
		cr_assert_eq(deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org"),
		    ACT_DISCARD, "copy %d", i);
	}
}

/* Copies are told to each storm once a message, and the work does not grow with the square of the
 * recipients: one rule that finds nothing stands before the one that stops them all. */
Test(engine_edges, twenty_thousand_recipients_at_once, .timeout = 30)
{
	char *names = xcalloc(MANY, 24);
	size_t n = 0;
	uint64_t copies = 0;

	rule("replication")->limit = 100;
	rule("replication")->limit = 1;
	for (int i = 0; i < MANY; i++)
		n += (size_t)snprintf(names + n, 24, "%sp%d@example.org", i ? "," : "", i);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(deliver("sales@firm.example", copy("sbs1.faulty.example", i), names),
		    i ? ACT_DISCARD : ACT_PASS);
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	for (uint32_t i = 0; i < found->n_hosts; i++)
		if (strcmp(found->hosts[i].name, "sbs1.faulty.example") == 0)
			copies = found->hosts[i].copies;
	cr_expect_eq(found->messages, 2);
	cr_expect_eq(found->stopped, 2 * MANY);
	cr_expect_eq(copies, 2 * MANY);
	xfree(names);
}

/* A bounce to a person and a list at the door that can only say one thing: refused for both, whoever
 * comes first. */
Test(engine_edges, policy_door_refuses_a_bounce_whose_second_recipient_is_a_list)
{
	static const char *const orders[] = { "u@example.org,all@example.org",
		"all@example.org,u@example.org" };

	rule("bounce-to-list");
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		begin_msg(DOOR_POLICY, STAGE_DATA, "", orders[i]);
		judge(NULL);
		cr_expect_eq(v.what, ACT_REJECT);
		cr_expect(str_eq(v.rule, STR("bounce-to-list")));
	}
}

/* A rule that is to write log lines only stops nothing, retries neither. */
Test(engine_edges, a_warning_defers_nothing)
{
	rule("replication")->action = ACT_WARN;
	for (int i = 0; i < 20; i++)
		cr_assert_eq(
		    deliver("sales@firm.example", copy("", 0), "a@example.org"), ACT_PASS, "retry %d", i);
	for (int i = 0; i < 20; i++) {
		deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org");
		cr_assert(v.shown == ACT_PASS || v.shown == ACT_WARN);
		cr_assert_eq(v.what, ACT_PASS);
		cr_assert_eq(v.n_drop, 0);
	}
}

/* Clients without a name (no HELO known) are named by their address all the same; who hands over the original
 * too is not. */
Test(engine_edges, a_client_without_helo_is_named)
{
	bool client = false;

	rule("replication");
	for (int i = 0; i < 10; i++) {
		const char *head = copy("sbs1.faulty.example", i);

		msg_reset(&msg);
		msg.door = DOOR_MILTER;
		msg.stage = STAGE_EOM;
		msg.client_address = i ? STR("203.0.113.9") : STR("198.51.100.20");
		header_feed(&msg.header, head, strlen(head));
		header_end(&msg.header);
		msg.have_header = true;
		msg_add_rcpt(&msg, STR("a@example.org"));
		engine_judge(&e, &msg, now, &v);
	}
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	for (uint32_t i = 0; i < found->n_hosts; i++)
		client |= strcmp(found->hosts[i].name, "203.0.113.9") == 0 &&
		    strcmp(found->hosts[i].how, "client") == 0;
	cr_assert(client);
}

/* A program that writes four alarms in one second, without ids and straight to us: four messages, not
 * retries. */
Test(engine_edges, a_burst_that_nothing_tells_apart_is_not_held_back)
{
	static const char alarm_mail[] = "From: monitor@example.org\r\nSubject: down\r\n"
					 "Date: Mon, 9 Jan 2006 09:00:00 +0000\r\n\r\n";

	rule("replication");
	for (int i = 0; i < 20; i++)
		cr_assert_eq(deliver("monitor@example.org", alarm_mail, "a@example.org"), ACT_PASS, "%d", i);
}

/* One instance asked again about the same message gets the same answer; with other recipients it is
 * judged anew. */
Test(engine_edges, a_verdict_is_kept_for_its_recipients_only)
{
	rule("replication");
	for (int i = 0; i < LIMIT; i++)
		deliver("sales@firm.example", copy("sbs1.faulty.example", i), "b@example.org");
	for (int ask = 0; ask < 2; ask++) {
		begin_msg(DOOR_REPAIRS, STAGE_DATA, "sales@firm.example",
		    ask ? "b@example.org,c@example.org" : "a@example.org,b@example.org");
		msg.instance = STR("exim-1");
		judge(copy("sbs1.faulty.example", 9));
		cr_assert_eq(v.n_drop, 1);
		cr_assert_eq(v.drop[0], ask ? 0 : 1);
	}
}
