/* SPDX-License-Identifier: ISC */
/* Bounces by the thousand, bounces for mail that never left, and what must reach its man all the same. */
#include "engine_rig.h"

TestSuite(bounces, .init = setup, .fini = teardown);

/* An own user writes to the world. */
static enum action
send_out(const char *sender, const char *id)
{
	begin_msg(DOOR_MILTER, STAGE_EOM, sender, "someone@other.example");
	msg.client_address = STR("192.0.2.200");
	msg.sasl_username = STR("user");
	snprintf(header, sizeof(header),
	    "From: %s\r\nSubject: hello\r\nDate: Mon, 9 Jan 2006 09:00:00 +0000\r\nMessage-ID: %s\r\n\r\n",
	    sender, id);
	now.mono += 10;
	now.wall += 10;
	return judge(header);
}

static unsigned serial;

/* A mail server far away cannot deliver what has that id; NULL: it does not say which. */
static enum action
bounce_from(const char *sender, const char *rcpt, const char *id)
{
	char line[256] = "";

	if (id)
		snprintf(line, sizeof(line), "References: %s\r\n", id);
	snprintf(header, sizeof(header),
	    "Received: by mx%u.far.example with SMTP id B%u; Mon, 9 Jan 2006 10:00:00 +0000\r\n"
	    "From: Mail Delivery System <MAILER-DAEMON@far.example>\r\nTo: %s\r\n"
	    "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n%s"
	    "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n"
	    "Message-ID: <b%u@far.example>\r\n\r\n",
	    serial % 7, serial, rcpt, line, serial);
	serial++;
	return deliver(sender, header, rcpt);
}

static enum action
bounce(const char *rcpt, const char *id)
{
	return bounce_from("", rcpt, id);
}

static const char *client = "203.0.113.9";

/* The policy door hears the recipient of a null sender. */
static enum action
ask_rcpt(const char *sender, const char *rcpt, const char *instance)
{
	begin_msg(DOOR_POLICY, STAGE_RCPT, sender, rcpt);
	msg.client_address = str_of(client);
	msg.client_port = msg.instance = str_of(instance);
	judge(NULL);
	return v.what;
}

Test(bounces, the_victim_gets_the_first_and_the_rest_is_deferred)
{
	rule("bounce-flood");
	for (int i = 0; i < 50; i++)
		cr_assert_eq(bounce("victim@example.org", "<1@firm.example>"), ACT_PASS, "%d", i);
	for (int i = 0; i < 500; i++)
		cr_assert_eq(bounce("victim@example.org", "<1@firm.example>"), ACT_DEFER, "%d", i);
	cr_assert_str_eq(v.rule.p, "bounce-flood");
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
	/* His ordinary mail, and a single bounce to somebody else. */
	cr_assert_eq(deliver("friend@other.example", copy("", 0), "victim@example.org"), ACT_PASS);
	cr_assert_eq(bounce("colleague@example.org", "<2@example.org>"), ACT_PASS);
	/* An hour after the last that passed he gets some again; all have gone after two. */
	later(2 * MS_HOUR);
	cr_assert_eq(bounce("victim@example.org", "<1@firm.example>"), ACT_PASS);
}

/* What came to him stays counted, whatever else goes through: few bounces a minute are a flood as well. */
Test(bounces, other_mail_ends_no_flood)
{
	struct tallies_stats s;

	rule("bounce-flood");
	rule("replication");
	tallies_free(e.tallies);
	e.tallies = tallies_new(1000);
	for (int i = 0; i < 51; i++)
		bounce("victim@example.org", "<1@firm.example>");
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(bounce("victim@example.org", "<1@firm.example>"), ACT_DEFER, "%d", i);
		for (int k = 0; k < 2000; k++) {
			char rcpt[32];

			snprintf(rcpt, sizeof(rcpt), "b%d@example.org", k);
			deliver("friend@other.example", copy("", k), rcpt);
		}
	}
	tallies_stats(e.tallies, &s);
	cr_assert_gt(s.evicted, 1000);
}

Test(bounces, a_proven_bounce_for_another_message_arrives_in_the_flood)
{
	rule("bounce-flood");
	cr_assert_eq(send_out("victim@example.org", "<mine-1@example.org>"), ACT_PASS);
	cr_assert_eq(send_out("victim@example.org", "<mine-2@example.org>"), ACT_PASS);
	for (int i = 0; i < 300; i++)
		bounce("victim@example.org", "<mine-1@example.org>");
	cr_assert_eq(bounce("victim@example.org", "<mine-1@example.org>"), ACT_DEFER);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(bounce("victim@example.org", "<mine-2@example.org>"), ACT_PASS, "%d", i);
	cr_assert_eq(bounce("victim@example.org", "<mine-2@example.org>"), ACT_DEFER, "many for one letter");
	cr_assert_eq(bounce("victim@example.org", "<invented@example.org>"), ACT_DEFER);
}

Test(bounces, bounces_to_a_list_owner_or_verp_are_the_lists_business)
{
	rule("bounce-flood");
	for (int i = 0; i < 200; i++) {
		cr_assert_eq(bounce("owner-news@example.org", NULL), ACT_PASS);
		cr_assert_eq(bounce("news-bounces@example.org", NULL), ACT_PASS);
		cr_assert_eq(bounce("news-bounces+bob=other.example@example.org", NULL), ACT_PASS);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* A thousand dead subscribers of a newsletter; and names that only look so. */
Test(bounces, harmless_bounces_to_the_mailbox_that_takes_them)
{
	static const char *const boxes[] = { "bounce@example.org", "Bounces@example.org",
		"bounce-1234-56@example.org", "bounces+a1b2c3@example.org", "news-bounce@example.org",
		"news+bounces-7@example.org", "msprvs1=17500abcdEF=bounces-77@example.org" };
	static const char *const people[] = { "bouncer@example.org", "bo.unces@example.org",
		"joe+trampoline@example.org", "SRS0=HHHH=TT=example.org=ann@example.org",
		"bounces+SRS=AbCdE=TT=example.org=bob@example.org" };

	rule("bounce-flood");
	for (int i = 0; i < 200; i++)
		for (size_t k = 0; k < ARRAY_LEN(boxes); k++)
			cr_assert_eq(bounce(boxes[k], "<news@example.org>"), ACT_PASS, "%s", boxes[k]);
	cr_assert_eq(storms_total(e.storms), 0);
	for (size_t k = 0; k < ARRAY_LEN(people); k++) {
		for (int i = 0; i < 50; i++)
			cr_assert_eq(bounce(people[k], "<1@firm.example>"), ACT_PASS);
		cr_assert_eq(bounce(people[k], "<1@firm.example>"), ACT_DEFER, "%s", people[k]);
	}
}

Test(bounces, receipts_and_reports_are_no_bounces)
{
	rule("bounce-flood")->limit = 1;
	for (int i = 0; i < 20; i++) {
		snprintf(header, sizeof(header),
		    "From: noreply@far.example\r\nTo: dmarc@example.org\r\nSubject: Report Domain: "
		    "example.org\r\n"
		    "Content-Type: multipart/report; report-type=feedback-report\r\nMessage-ID: "
		    "<r%d@far.example>\r\n\r\n",
		    i);
		cr_assert_eq(deliver("", header, "dmarc@example.org"), ACT_PASS, "%d", i);
	}
}

Test(bounces, harmless_copies_for_an_archive)
{
	rule("bounce-flood")->limit = 1;
	for (int i = 0; i < 20; i++) {
		snprintf(header, sizeof(header),
		    "From: Microsoft Outlook "
		    "<MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.example>\r\n"
		    "Subject: %s %d\r\nX-MS-Journal-Report:\r\nMessage-ID: <j%d@x>\r\n\r\n",
		    i % 2 ? "Order" : "Undeliverable: order", i, i);
		cr_assert_eq(deliver("", header, "journal@example.org"), ACT_PASS, "%d", i);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(bounces, the_brake_refuses_at_rcpt_and_lets_others_pass)
{
	rule("bounce-flood")->limit = 3;
	for (int i = 0; i < 10; i++)
		bounce("victim@example.org", NULL);
	cr_assert_eq(ask_rcpt("", "victim@example.org", "1"), ACT_DEFER);
	cr_assert(str_starts(v.text, STR("Too many bounces")));
	cr_assert_eq(ask_rcpt("", "Victim+box@example.org", "2"), ACT_DEFER, "the same mailbox");
	cr_assert_eq(ask_rcpt("", "colleague@example.org", "3"), ACT_PASS);
	client = "198.51.100.7";
	cr_assert_eq(ask_rcpt("", "victim@example.org", "5"), ACT_PASS, "from where none of them came");
	cr_assert_eq(ask_rcpt("friend@other.example", "victim@example.org", "4"), ACT_PASS);
}

/* Servers that ask whether an address exists say MAIL FROM:<>, RCPT and QUIT: no bounce at all. */
Test(bounces, callouts_leave_nothing_behind)
{
	char instance[16];

	rule("bounce-flood")->limit = 3;
	hosts_add(&e.finals, 0);
	for (int i = 0; i < 100; i++) {
		snprintf(instance, sizeof(instance), "%d", i);
		cr_assert_eq(ask_rcpt("", "victim@example.org", instance), ACT_PASS, "%d", i);
		join_end(e.join, join_of_client(e.join, join_client(STR("203.0.113.9"), str_of(instance))));
	}
	for (int i = 0; i < 3; i++)
		cr_assert_eq(bounce("victim@example.org", NULL), ACT_PASS);
	cr_assert_eq(bounce("victim@example.org", NULL), ACT_DEFER);
}

Test(bounces, backscatter_is_proved_by_the_id_that_comes_back)
{
	rule("backscatter");
	cr_assert_eq(send_out("user@example.org", "<mine@example.org>"), ACT_PASS);
	cr_assert_eq(bounce("user@example.org", "<mine@example.org>"), ACT_PASS);
	cr_assert_eq(bounce("user@example.org", "mine@example.org"), ACT_PASS, "without its brackets");
	cr_assert_eq(bounce("user@example.org", "<never-sent@example.org>"), ACT_REJECT);
	cr_assert(str_starts(v.text, STR("This bounce is for")));
	/* A bounce that says nothing: who wrote lately gets it, who did not does not. */
	cr_assert_eq(bounce("user@example.org", NULL), ACT_PASS);
	cr_assert_eq(bounce("silent@example.org", NULL), ACT_REJECT);
	later(15 * (int64_t)MS_DAY);
	cr_assert_eq(bounce("user@example.org", "<mine@example.org>"), ACT_REJECT, "nobody remembers");
}

/* A spam storm fills the counters; what left before it is not there any more, and was sent all the same. */
Test(bounces, harmless_bounces_of_what_a_flood_pushed_out)
{
	char from[64];

	tallies_free(e.tallies);
	e.tallies = tallies_new(1000);
	rule("backscatter");
	rule("replication");
	cr_assert_eq(send_out("user@example.org", "<mine@example.org>"), ACT_PASS);
	for (int i = 0; i < 2000; i++) {
		snprintf(from, sizeof(from),
		    "From: u%d@other.example\r\nMessage-ID: <%d@other.example>\r\n\r\n", i, i);
		cr_assert_eq(deliver("u@other.example", from, "other@example.org"), ACT_PASS);
	}
	cr_assert_eq(bounce("user@example.org", "<mine@example.org>"), ACT_PASS);
	cr_assert_eq(bounce("user@example.org", NULL), ACT_PASS);
	/* It would have been forgotten by now. */
	later(15 * (int64_t)MS_DAY);
	cr_assert_eq(bounce("user@example.org", "<never-sent@example.org>"), ACT_REJECT);
}

Test(bounces, what_was_stopped_on_its_way_out_was_not_sent)
{
	struct rule *wide = rule("wide-recipients");

	rule("backscatter");
	wide->limit = 0;
	wide->action = ACT_REJECT;
	begin_msg(DOOR_MILTER, STAGE_EOM, "user@example.org", "someone@other.example");
	msg.sasl_username = STR("user");
	cr_assert_eq(judge("To: a@b.example\r\nMessage-ID: <x@example.org>\r\n\r\n"), ACT_REJECT);
	wide->mode = MODE_OFF;
	cr_assert_eq(bounce("user@example.org", "<x@example.org>"), ACT_REJECT);
}

Test(bounces, backscatter_to_a_domain_is_one_storm)
{
	char rcpt[64];

	rule("backscatter");
	for (int i = 0; i < 200; i++) {
		snprintf(rcpt, sizeof(rcpt), "made-up-%d@example.org", i);
		cr_assert_eq(bounce(rcpt, "<never-sent@example.org>"), ACT_REJECT);
	}
	cr_assert_eq(storms_total(e.storms), 1);
	storms_each(e.storms, find_storm, NULL);
	cr_assert_eq(found->n_rcpts, 200);
}

/* An outsider's mail that a forwarder here sent on under SRS, and his post to a list of ours: both left from
 * here, and no door saw them leave. */
Test(bounces, harmless_bounces_of_what_outsiders_sent_through_us)
{
	rule("backscatter");
	cr_assert_eq(deliver("sales@firm.example", copy("", 0), "alias@example.org"), ACT_PASS);
	cr_expect_eq(bounce("SRS0=HHHH=TT=firm.example=sales@example.org", "<1@firm.example>"), ACT_PASS);
	cr_expect_eq(bounce("SRS0=HHHH=TT=example.org=ann@example.org", "<1@firm.example>"), ACT_PASS);
	cr_expect_eq(
	    bounce("SRS0=HHHH=TT=lists.example=news-bounces+ann=x.example@example.org", "<1@firm.example>"),
	    ACT_PASS);
	cr_expect_eq(bounce("owner-all@example.org", "<1@firm.example>"), ACT_REJECT, "not posted yet");
	cr_assert_eq(deliver("sales@firm.example", copy("", 1), "all@example.org"), ACT_PASS);
	cr_expect_eq(bounce("owner-all@example.org", "<1@firm.example>"), ACT_PASS);
	cr_expect_eq(bounce("owner-all@example.org", "<never-sent@example.org>"), ACT_REJECT);
	cr_expect_eq(bounce("sales@example.org", NULL), ACT_REJECT, "who posted is not known for it");
}

/* A list outside that is its own return path gives its members the bounces that it gets: each refusal came
 * back to it as one more. Its owner is a person here, and is to read what comes for it. */
Test(bounces, harmless_bounces_that_a_list_outside_hands_on)
{
	rule("backscatter");
	cr_expect_eq(bounce_from("club@far.example", "member@example.org", "<1@far.example>"), ACT_PASS);
	cr_expect_eq(bounce_from("club-bounces@far.example", "owner@example.org", NULL), ACT_PASS);
	cr_expect_eq(
	    bounce_from("MAILER-DAEMON@far.example", "member@example.org", "<1@far.example>"), ACT_REJECT);
	cr_expect_eq(
	    bounce_from("postmaster@far.example", "member@example.org", "<1@far.example>"), ACT_REJECT);
	cr_expect_eq(bounce("member@example.org", "<1@far.example>"), ACT_REJECT);
}

/* The storm that such a list makes is one for bounce-flood. */
Test(bounces, those_that_a_list_hands_on_are_counted)
{
	struct rule *r = rule("bounce-flood");

	r->limit = 3;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(
		    bounce_from("club@far.example", "member@example.org", "<1@far.example>"), ACT_PASS);
	cr_assert_eq(bounce_from("club@far.example", "member@example.org", "<1@far.example>"), ACT_DEFER);
}

/* An outsider cannot make his bounces genuine by sending something in: only what leaves counts. */
Test(bounces, mail_from_outside_proves_nothing)
{
	rule("backscatter");
	cr_assert_eq(deliver("user@example.org", copy("", 0), "other@example.org"), ACT_PASS);
	cr_assert_eq(bounce("user@example.org", "<1@firm.example>"), ACT_REJECT);
}

Test(bounces, who_wrote_them_and_who_is_dead_is_named)
{
	static const char body[] =
	    "--x\r\nContent-Type: message/delivery-status\r\n\r\n"
	    "Reporting-MTA: dns; mail.partner.example\r\n\r\n"
	    "Final-Recipient: rfc822; gone@partner.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
	    "--x--\r\n";
	static const char head[] =
	    "From: MAILER-DAEMON@partner.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n";
	bool mta = false, dead = false;

	rule("bounce-to-list");
	for (int i = 0; i < 3; i++) {
		begin_msg(DOOR_MILTER, STAGE_EOM, "", "all@example.org");
		header_feed(&msg.header, head, sizeof(head) - 1);
		header_end(&msg.header);
		msg.have_header = true;
		dsn_begin(&msg.dsn, &arena, &msg.header.f);
		dsn_feed(&msg.dsn, body, sizeof(body) - 1);
		dsn_end(&msg.dsn, &msg.header.f);
		msg.have_dsn = true;
		cr_assert_eq(judge(NULL), ACT_REDIRECT_OWNER);
	}
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	for (uint32_t i = 0; i < found->n_hosts; i++) {
		const struct storm_host *h = &found->hosts[i];

		mta |= strcmp(h->name, "mail.partner.example") == 0 && strcmp(h->how, "reporting-mta") == 0 &&
		    h->copies == 3;
		dead |= strcmp(h->name, "gone@partner.example") == 0 && strcmp(h->how, "dead-member") == 0;
	}
	cr_assert(mta && dead);
	cr_expect_str_eq(found->hosts[0].name, "all@example.org");
}

Test(bounces, a_storm_names_its_victim)
{
	rule("bounce-flood");
	for (int i = 0; i < 60; i++)
		(void)bounce("Victim+news@example.org", "<1@firm.example>");
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	cr_expect_str_eq(found->hosts[0].name, "victim@example.org");
	cr_expect_str_eq(found->hosts[0].how, "recipient");
	cr_expect_eq(found->hosts[0].copies, 10);
}
