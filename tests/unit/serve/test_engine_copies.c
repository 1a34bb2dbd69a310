/* SPDX-License-Identifier: ISC */
/* What makes a copy a copy: rewritten ids, markers of gateways, retries; and what only looks like one. */
#include "engine_rig.h"

TestSuite(engine_copies, .init = setup, .fini = teardown);

static char text[8192];

/* A copy that came through `host` and has the given Message-ID and further fields. */
static const char *
rewritten(const char *host, int n, const char *id, const char *more)
{
	text[0] = '\0';
	if (n)
		snprintf(
		    text, sizeof(text), "Received: from pop.isp.example by %s with POP3 id c%d\r\n", host, n);
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
	    "%sFrom: Firm <sales@firm.example>\r\nSubject: offer\r\nDate: Mon, 9 Jan 2006 09:00:00 +0000\r\n"
	    "Message-ID: <%s>\r\n%s\r\n",
	    ORIGIN, id, more);
	return text;
}

static enum action
offer(const char *head, const char *rcpts)
{
	return deliver("sales@firm.example", head, rcpts);
}

Test(engine_copies, a_new_id_at_each_hop_hides_nothing)
{
	char id[64];

	rule("replication");
	for (int i = 0; i < 30; i++) {
		snprintf(id, sizeof(id), "%d@rewriter.example", i);
		cr_assert_eq(offer(rewritten("sbs1.faulty.example", i, id, ""), "a@example.org"),
		    i < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 1);
	/* Some with the id that it had, some with another, some with none: one message. */
	cr_assert_eq(offer(copy("sbs2.faulty.example", 40), "a@example.org"), ACT_DISCARD);
	cr_assert_eq(offer(rewritten("sbs2.faulty.example", 41, "", ""), "a@example.org"), ACT_DISCARD);
	cr_assert_eq(storms_total(e.storms), 1);
	cr_assert_eq(offer(rewritten("sbs2.faulty.example", 42, "x", ""), "b@example.org"), ACT_PASS);
}

Test(engine_copies, a_subject_rewritten_at_each_hop_hides_nothing)
{
	rule("replication");
	for (int i = 0; i < 12; i++) {
		snprintf(text, sizeof(text),
		    "Received: by sbs1.faulty.example id c%d\r\n" ORIGIN
		    "From: sales@firm.example\r\nSubject: [SPAM %d] offer\r\nDate: Mon, 9 Jan 2006 09:00:00 "
		    "+0000\r\n"
		    "Message-ID: <1@firm.example>\r\n\r\n",
		    i, i);
		cr_assert_eq(offer(text, "a@example.org"), i < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 1);
}

/* One way to the last line and another id each time: no server that rewrites ids would leave no line. */
Test(engine_copies, the_same_way_with_a_new_id_is_another_message)
{
	char id[64];

	rule("replication");
	for (int i = 0; i < 12; i++) {
		snprintf(id, sizeof(id), "%d@rewriter.example", i);
		cr_assert_eq(offer(rewritten("", 0, id, ""), "a@example.org"), ACT_PASS, "message %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 0);
	/* each is one of its own from then on, and so is each one's storm */
	for (int i = 0; i < 12; i++) {
		snprintf(id, sizeof(id), "%d@rewriter.example", i % 2);
		cr_assert_eq(offer(rewritten("sbs1.faulty.example", i / 2 + 1, id, ""), "b@example.org"),
		    i < 2 * LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 2);
}

/* Unless two hosts wrote ids of theirs: a program gives what it fetched to us as it is, but for the id. */
Test(engine_copies, the_same_way_with_two_queue_ids_and_a_new_id_is_deferred_at_most)
{
	char id[64];

	rule("replication");
	for (int i = 0; i < 12; i++) {
		snprintf(id, sizeof(id), "%d@program.example", i);
		cr_assert_eq(offer(rewritten("relay.firm.example", 1, id, ""), "a@example.org"),
		    i <= REPEATS ? ACT_PASS : ACT_DEFER, "attempt %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* The second of them comes when the first is a storm already. */
Test(engine_copies, a_storm_takes_nothing_from_a_message_of_the_same_origin)
{
	rule("replication");
	for (int i = 0; i < 10; i++)
		offer(rewritten("sbs1.faulty.example", i, "1@x", ""), "a@example.org");
	for (int i = 0; i < 10; i++)
		cr_assert_eq(offer(rewritten("sbs1.faulty.example", i, "2@x", ""), "a@example.org"),
		    i < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
	cr_assert_eq(storms_total(e.storms), 2);
}

/* In an open storm too, whichever of its identities the message is known by. */
Test(engine_copies, a_retry_is_none_the_less_one_because_its_subject_changed)
{
	rule("replication");
	for (int i = 0; i < 8; i++)
		offer(copy("sbs1.faulty.example", i), "a@example.org");
	cr_assert_eq(storms_total(e.storms), 1);
	snprintf(text, sizeof(text),
	    ORIGIN
	    "From: sales@firm.example\r\nSubject: [late] offer\r\nDate: Mon, 9 Jan 2006 09:00:00 +0000\r\n"
	    "Message-ID: <1@firm.example>\r\n\r\n");
	cr_assert_eq(offer(text, "a@example.org"), ACT_PASS);
}

/* Within a storm a retry is known for longer than the window; what wakes up after weeks is a copy again. */
Test(engine_copies, a_retry_later_than_the_window)
{
	struct rule *r = rule("replication");

	r->window = 2 * MS_HOUR;
	for (int i = 0; i < 8; i++)
		offer(copy("sbs1.faulty.example", i), "a@example.org");
	for (int day = 1; day <= 5; day++) {
		for (int h = 0; h < 24; h++) {
			later(MS_HOUR);
			cr_assert_eq(offer(copy("sbs1.faulty.example", 100 + day * 24 + h), "a@example.org"),
			    ACT_DISCARD);
		}
		cr_assert_eq(offer(copy("", 0), "a@example.org"), ACT_PASS, "day %d", day);
	}
	for (int i = 0; i < 5; i++)
		cr_assert_eq(offer(copy("", 0), "a@example.org"), ACT_DEFER, "once a window then");
	for (int h = 0; h < 28 * 24; h++)
		later(MS_HOUR);
	cr_assert_eq(offer(copy("", 0), "a@example.org"), ACT_DISCARD);
	cr_assert_eq(offer(copy("sbs1.faulty.example", 9000), "a@example.org"), ACT_DISCARD);
}

/* One Subject, From and Date, one queue item a recipient or many to one: each has an origin of its own. */
Test(engine_copies, harmless_newsletter_with_an_item_for_each)
{
	char rcpt[64];

	rule("replication");
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text),
		    "Received: from app by out.news.example with ESMTP id N%05d; Mon\r\nFrom: "
		    "news@news.example\r\n"
		    "Subject: news\r\nDate: Mon, 9 Jan 2006 09:00:00 +0000\r\nMessage-ID: "
		    "<n%d@news.example>\r\n\r\n",
		    i, i);
		snprintf(rcpt, sizeof(rcpt), "r%d@example.org", i % 10);
		cr_assert_eq(deliver("news@news.example", text, rcpt), ACT_PASS, "item %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* The engine hands one message over and its exploder makes it personal: nobody gets two. */
Test(engine_copies, harmless_personalised_after_its_origin)
{
	char id[64], rcpt[64];

	rule("replication");
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "p%d@news.example", i);
		snprintf(rcpt, sizeof(rcpt), "r%d@example.org", i);
		cr_assert_eq(offer(rewritten("exploder.news.example", i + 1, id, ""), rcpt), ACT_PASS);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* Alarms of one second, all alike but for their ids, through a line without an id or with one of its own. */
Test(engine_copies, harmless_alarms_of_one_second)
{
	rule("replication");
	for (int i = 0; i < 50; i++) {
		bool own = i % 2;

		snprintf(text, sizeof(text),
		    "Received: from h%d by relay.other.example with SMTP id R%d; Mon\r\n"
		    "Received: from app by mon.other.example with SMTP%s%.0d; Mon, 9 Jan 2006 09:00:00 "
		    "+0000\r\n"
		    "From: mon@other.example\r\nSubject: ALARM\r\nDate: Mon, 9 Jan 2006 09:00:00 +0000\r\n"
		    "Message-ID: <%d@mon.other.example>\r\n\r\n",
		    i, i, own ? " id M" : "", own ? i : 0, i);
		cr_assert_eq(deliver("mon@other.example", text, "a@example.org"), ACT_PASS, "alarm %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(engine_copies, mail_of_our_own_that_comes_back_with_a_new_id)
{
	rule("replication");
	for (int i = 0; i < 10; i++) {
		if (i)
			snprintf(text, sizeof(text),
			    "Received: by sbs1.faulty.example id f%d\r\n"
			    "Received: from desk by mx.example.org (Postfix) with ESMTP id 4ABCDEF; "
			    "today\r\n",
			    i);
		else
			text[0] = '\0';
		snprintf(text + strlen(text), 512,
		    "From: boss@example.org\r\nSubject: offer\r\nDate: Mon, 9 Jan 2006 09:00:00 +0000\r\n"
		    "Message-ID: <%d@somewhere.example>\r\n\r\n",
		    i);
		deliver("boss@example.org", NULL, "b@example.org");
		msg.queue_id = STR("4ABCDEF");
		if (i)
			msg.queue_id = STR("4OTHER");
		cr_assert_eq(judge(text), i < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
	}
}

#define MARKED "To: mspop3connector.office@faulty.example\r\n"

Test(engine_copies, marked_copies_have_a_limit_of_their_own)
{
	struct rule *r = rule("replication");

	r->gateway_limit = 1;
	/* the first copy always arrives, marked or not */
	cr_assert_eq(offer(rewritten("sbs1", 1, "1@firm.example", MARKED), "a@example.org"), ACT_PASS);
	cr_assert_eq(offer(rewritten("sbs1", 2, "1@firm.example", MARKED), "a@example.org"), ACT_DISCARD);
	cr_assert_eq(storms_total(e.storms), 1);
	cr_assert_eq(offer(rewritten("sbs1", 3, "1@firm.example", MARKED), "b@example.org"), ACT_PASS);
	cr_assert_eq(offer(rewritten("sbs1", 4, "1@firm.example", MARKED), "b@example.org"), ACT_DISCARD);
}

Test(engine_copies, unmarked_copies_keep_the_rules_limit)
{
	struct rule *r = rule("replication");

	r->gateway_limit = 1;
	for (int i = 0; i < LIMIT; i++)
		cr_assert_eq(offer(copy("relay.other.example", i), "a@example.org"), ACT_PASS);
	cr_assert_eq(offer(rewritten("sbs1", 9, "1@firm.example", MARKED), "a@example.org"), ACT_DISCARD);
}

/* Devices that write the same header each time, without a date or with one of their factory, and queue
 * nothing: each alarm is one. */
Test(engine_copies, harmless_alarms_of_a_device_without_a_clock)
{
	static const char *const dates[] = { "", "Date: Thu, 1 Jan 1970 00:00:07 +0000\r\n" };

	rule("replication");
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text),
		    "From: ups@example.org\r\nTo: a@example.org\r\nSubject: alarm\r\n%s"
		    "Message-ID: <1@ups>\r\n\r\n",
		    dates[i % 2]);
		cr_assert_eq(deliver("ups@example.org", text, "a@example.org"), ACT_PASS, "alarm %d", i);
	}
}

Test(engine_copies, a_gateway_limit_above_the_limit_changes_nothing)
{
	struct rule *r = rule("replication");

	r->gateway_limit = 10;
	for (int i = 1; i < 8; i++)
		cr_assert_eq(offer(rewritten("sbs1", i, "1@firm.example", MARKED), "a@example.org"),
		    i <= LIMIT ? ACT_PASS : ACT_DISCARD);
	r->gateway_limit = 2;
	for (int i = 1; i < 8; i++)
		cr_assert_eq(offer(rewritten("sbs1", i, "2@firm.example", MARKED), "c@example.org"),
		    i <= 1 ? ACT_PASS : ACT_DISCARD, "the storm is open already");
}

Test(engine_copies, a_marked_retry_is_a_retry)
{
	rule("replication")->gateway_limit = 1;
	for (int i = 0; i < 8; i++)
		cr_assert_eq(offer(rewritten("sbs1", 1, "1@firm.example", MARKED), "a@example.org"),
		    i <= REPEATS ? ACT_PASS : ACT_DEFER);
	cr_assert_eq(storms_total(e.storms), 0);
}
