/* SPDX-License-Identifier: ISC */
/* The trap rule on the whole road: who is marked, for how long, and who never is. */
#include "rcpt_rig.h"

static struct rule *
trap(void)
{
	struct rule *r = rule("trap");

	strset_add(&r->addresses.addrs, STR("trap@example.org"));
	strset_add(&r->addresses.domains, STR("old.example.org"));
	return r;
}

TestSuite(trap, .init = rcpt_setup, .fini = teardown);

Test(trap, from_the_trap_on_all_of_that_client_is_refused)
{
	trap();
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "before");
	cr_assert_eq(ask_rcpt(fresh(), "trap@example.org"), ACT_REJECT);
	for (int i = 0; i < 20; i++) {
		who.sender = i % 2 ? "x@y.example" : "z@far.example";
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_REJECT, "%d", i);
	}
	cr_assert_eq(ask_at(STAGE_DATA, fresh(), "a@example.org", 1), ACT_REJECT, "where only DATA is asked");
	cr_assert_eq(deliver("z@far.example", BODY, "a@example.org"), ACT_REJECT, "and at the milter door");
	who.client = "203.0.113.10";
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "a neighbour");
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	cr_assert_str_eq(found->rule, "trap");
	cr_assert_str_eq(found->hosts[0].name, "203.0.113.9");
}

Test(trap, each_kind_of_address)
{
	static const char *const traps[] = { "trap@example.org", "TRAP@Example.ORG", "any@old.example.org" };
	char client[32];

	trap();
	for (size_t i = 0; i < ARRAY_LEN(traps); i++) {
		snprintf(client, sizeof(client), "198.51.100.%zu", i);
		who.client = client;
		cr_assert_eq(ask_rcpt(fresh(), traps[i]), ACT_REJECT, "%s", traps[i]);
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_REJECT, "%s", traps[i]);
	}
	who.client = "198.51.100.200";
	cr_assert_eq(send_one(fresh(), "trapper@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "x@very.old.example.org"), ACT_PASS);
}

Test(trap, the_time_runs_from_the_last_mail_to_a_trap)
{
	struct rule *r = trap();

	r->block = MS_HOUR;
	ask_rcpt(fresh(), "trap@example.org");
	for (int m = 0; m < 59; m += 10) {
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_REJECT, "minute %d", m);
		later(10 * MS_MIN);
	}
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "what was refused did not make it longer");
	ask_rcpt(fresh(), "trap@example.org");
	later(50 * MS_MIN);
	ask_rcpt(fresh(), "trap@example.org");
	later(50 * MS_MIN);
	cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_REJECT);
	r->block = 10 * MS_MIN; /* a changed setting */
	engine_reloaded(&e, now);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
}

Test(trap, an_ipv6_client_is_its_64)
{
	trap();
	who.client = "2001:db8:0:7::1";
	ask_rcpt(fresh(), "trap@example.org");
	who.client = "2001:db8:0:7:a:b:c:d";
	cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_REJECT);
	who.client = "2001:db8:0:8::1";
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
}

/* Without the brake, or by milter: the others in that message do not get it either. */
Test(trap, a_message_with_a_trap_among_its_recipients)
{
	trap();
	cr_assert_eq(
	    deliver("s@far.example", BODY, "a@example.org,trap@example.org,b@example.org"), ACT_REJECT);
	cr_assert_eq(deliver("s@far.example", BODY, "a@example.org"), ACT_REJECT);
}

Test(trap, recipients_before_the_trap_do_not_get_the_message_at_data)
{
	trap();
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("1", "trap@example.org"), ACT_REJECT);
	cr_assert_eq(ask_rcpt("1", "b@example.org"), ACT_REJECT);
	cr_assert_eq(ask_at(STAGE_DATA, "1", "a@example.org", 1), ACT_REJECT);
}

Test(trap, harmless_own_users_networks_and_relays_are_never_marked)
{
	trap();
	add_net(&site.relays, "198.51.100.25");
	for (int i = 0; i < 3; i++) {
		who.client = "127.0.0.1";
		cr_assert_eq(send_one(fresh(), "trap@example.org"), ACT_PASS);
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
		who.client = "198.51.100.25";
		cr_assert_eq(send_one(fresh(), "trap@example.org"), ACT_PASS);
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
		who.client = "203.0.113.9";
		who.user = "joe";
		cr_assert_eq(send_one(fresh(), "trap@example.org"), ACT_PASS);
		who.user = "";
		cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

#define FROM_RELAY(ip)                                                                                      \
	"Received: from h.example (h.example [" ip "])\r\n\tby relay.other.example id R1; Mon, 9 Jan 2006 " \
	"09:00:00 +0000\r\n" BODY

Test(trap, behind_a_relay_the_client_is_marked_and_not_the_relay)
{
	trap();
	add_net(&site.relays, "203.0.113.9");
	cr_assert_eq(deliver("s@far.example", FROM_RELAY("192.0.2.66"), "trap@example.org"), ACT_REJECT);
	cr_assert_eq(deliver("s@far.example", FROM_RELAY("192.0.2.66"), "a@example.org"), ACT_REJECT);
	cr_assert_eq(deliver("s@far.example", FROM_RELAY("192.0.2.67"), "a@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "the relay itself");
}

#define BOUNCE                                                                                            \
	"Received: by mx.far.example id B1\r\nFrom: MAILER-DAEMON@far.example (Mail Delivery System)\r\n" \
	"To: trap@example.org\r\nSubject: Undelivered Mail Returned to Sender\r\n"                        \
	"Auto-Submitted: auto-replied\r\n"                                                                \
	"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
#define VACATION                                                                                 \
	"Received: by mx.far.example id V1\r\nFrom: joe@far.example\r\nTo: trap@example.org\r\n" \
	"Subject: Out of office\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <v@far.example>\r\n\r\n"

/* A spammer who writes the trap as his sender makes innocent servers answer to it. */
Test(trap, harmless_bounces_callouts_and_answers_mark_nobody)
{
	trap();
	who.sender = "";
	cr_assert_eq(ask_rcpt(fresh(), "trap@example.org"), ACT_PASS, "a callout");
	cr_assert_eq(send_one(fresh(), "trap@example.org"), ACT_PASS);
	cr_assert_eq(deliver("", BOUNCE, "trap@example.org"), ACT_PASS);
	cr_assert_eq(deliver("joe@far.example", VACATION, "trap@example.org"), ACT_PASS);
	who.sender = "joe@far.example";
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(trap, harmless_callouts_and_role_addresses_of_a_marked_client)
{
	trap();
	ask_rcpt(fresh(), "trap@example.org");
	cr_assert_eq(send_one(fresh(), "postmaster@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "abuse@example.org"), ACT_PASS);
	who.user = "joe";
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS, "somebody of ours travels");
	who.user = "";
	who.sender = "";
	cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_at(STAGE_DATA, fresh(), "a@example.org", 1), ACT_REJECT, "but not its mail");
}

Test(trap, harmless_an_exempt_provider)
{
	struct rule *r = trap();

	add_net(&r->exempt.nets, "203.0.113.0/24");
	cr_assert_eq(send_one(fresh(), "trap@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
}

Test(trap, shadow_refuses_nobody_and_says_would)
{
	trap()->mode = MODE_SHADOW;
	cr_assert_eq(send_one(fresh(), "trap@example.org"), ACT_PASS);
	cr_assert(v.would);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS);
		cr_assert(v.would);
		cr_assert(str_eq(v.rule, STR("trap")));
	}
}

Test(trap, with_no_block_only_the_mail_to_the_trap_is_stopped)
{
	trap()->block = 0;
	cr_assert_eq(ask_rcpt(fresh(), "trap@example.org"), ACT_REJECT);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
}

/* More clients in traps than there is room for storms: each mark stands on its own. */
Test(trap, many_clients)
{
	char client[32];

	trap();
	for (int i = 0; i < 12000; i++) {
		snprintf(client, sizeof(client), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		who.client = client;
		cr_assert_eq(ask_rcpt("", "trap@example.org"), ACT_REJECT);
	}
	cr_assert_leq(storms_total(e.storms), STORMS_MAX);
	for (int i = 0; i < 12000; i += 500) {
		snprintf(client, sizeof(client), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		who.client = client;
		cr_assert_eq(ask_rcpt("", "a@example.org"), ACT_REJECT, "%d", i);
	}
}
