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
	bool named = false, client = false;
	char text[4096];

	add_net(&site.relays, "203.0.113.9");
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

/* --- several rules ------------------------------------------------------------------------------------ */

static struct rule *
wide(enum action action, const char *name, const char *value)
{
	struct rule *r = rule("wide-recipients");

	r->limit = 1;
	r->action = action;
	xfree(r->arg_name); /* the detector's own */
	xfree(r->arg_value);
	r->arg_name = name ? xstrdup(name) : NULL;
	r->arg_value = value ? xstrdup(value) : NULL;
	return r;
}

static enum action
to_two(const char *rcpts)
{
	return deliver("x@y.example",
	    ORIGIN "From: x@y.example\r\nTo: u@z.example, v@z.example\r\n\r\n", rcpts);
}

/* One field may say several things, each of them once. */
Test(engine_edges, headers_of_several_rules)
{
	wide(ACT_PREPEND, "X-A", "1");
	wide(ACT_PREPEND, "x-a", "1");
	wide(ACT_PREPEND, "X-A", "2");
	cr_assert_eq(to_two("a@example.org"), ACT_PREPEND);
	cr_assert_eq(v.n_edits, 2);
	cr_assert(str_eq(v.edits[0].value, STR("1")) && str_eq(v.edits[1].value, STR("2")));
}

Test(engine_edges, headers_at_the_cap_and_one_beyond)
{
	char value[8];

	for (uint32_t n = 1; n <= VERDICT_HEADERS_MAX + 1; n++) {
		snprintf(value, sizeof(value), "%u", n);
		wide(ACT_PREPEND, "X-A", value);
		cr_assert_eq(to_two("a@example.org"), ACT_PREPEND);
		cr_assert_eq(v.n_edits, n < VERDICT_HEADERS_MAX ? n : VERDICT_HEADERS_MAX);
	}
}

/* The first one that stops decides, and what is stopped is not marked. */
Test(engine_edges, the_first_rule_decides)
{
	struct rule *first = wide(ACT_DEFER, NULL, NULL);

	wide(ACT_REJECT, NULL, NULL);
	wide(ACT_PREPEND, "X-A", "1");
	cr_assert_eq(to_two("a@example.org"), ACT_DEFER);
	cr_assert_eq(v.n_edits, 0);
	first->mode = MODE_SHADOW;
	cr_assert_eq(to_two("a@example.org"), ACT_REJECT);
	cr_assert_eq(v.n_edits, 0);
}

/* Who is no list has no owner to redirect to: then the next rule decides. */
Test(engine_edges, no_owner_to_redirect_to)
{
	wide(ACT_REDIRECT_OWNER, NULL, NULL);
	cr_assert_eq(to_two("a@example.org"), ACT_PASS);
	wide(ACT_REJECT, NULL, NULL);
	cr_assert_eq(to_two("a@example.org"), ACT_REJECT);
	cr_assert_eq(to_two("all@example.org"), ACT_REDIRECT_OWNER);
}

/* Where people turn to when mail goes wrong, by the name alone too, which means this host. */
Test(engine_edges, role_addresses_without_a_domain)
{
	static const char *const roles[] = { "postmaster", "abuse", "Postmaster@example.org",
		"abuse@example.org" };

	wide(ACT_REJECT, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		cr_assert_eq(to_two(roles[i]), ACT_PASS, "%s", roles[i]);
	cr_assert_eq(to_two("postmasters"), ACT_REJECT);
}
