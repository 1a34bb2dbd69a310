/* SPDX-License-Identifier: ISC */
/* mail-loop: what comes back is told from what only looks like it, through the real engine. */
#include "engine_rig.h"

#define OWN(id) "Received: from some.where by mx.example.org (Postfix) with ESMTP id " id "\r\n"
#define AWAY(host, id) "Received: from mx.example.org by " host " with ESMTPS id " id "\r\n"
#define SENT "Received: from desk by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 09:00:00 +0000\r\n"
#define TO(addr) "Delivered-To: " addr "\r\n"
#define REST                                                                         \
	"From: Firm <sales@firm.example>\r\nTo: a@example.org\r\nSubject: offer\r\n" \
	"Date: Mon, 9 Jan 2006 09:00:00 +0000\r\nMessage-ID: <1@firm.example>\r\n\r\n"

TestSuite(mail_loop, .init = setup, .fini = teardown);

static struct rule *
loop_rule(void)
{
	struct rule *r = rule("mail-loop");

	r->own_limit = 6;
	return r;
}

struct shape {
	const char *what, *header;
	enum action got;
};

static void
try_shapes(const struct shape *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(deliver("sales@firm.example", s[i].header, "a@example.org"), s[i].got, "%s: %s",
		    s[i].what, action_name(v.shown));
}

Test(mail_loop, delivered_here_and_back_from_outside)
{
	static const struct shape shapes[] = {
		{ "a forwarder gives it back",
		    AWAY("fwd.ext.example", "F") TO("a@example.org") OWN("1") SENT REST, ACT_REJECT },
		{ "case, brackets, a dot",
		    AWAY("fwd.ext.example", "F") TO("<A@Example.ORG.>") OWN("1") SENT REST, ACT_REJECT },
		{ "through two hosts out there",
		    AWAY("out.ext.example", "G") AWAY("in.ext.example", "F") TO("a@example.org") OWN("1")
			SENT REST,
		    ACT_REJECT },
		{ "further deliveries on the way",
		    AWAY("fwd.ext.example", "F") TO("x@ext.example") TO("a@example.org") OWN("1") SENT REST,
		    ACT_REJECT },
		{ "content filter: several lines of ours at both visits",
		    OWN("9") OWN("8") AWAY("fwd.ext.example", "F") TO("a@example.org") OWN("2") OWN("1")
			SENT REST,
		    ACT_REJECT },
		{ "it began here, and its first delivery was here",
		    AWAY("fwd.ext.example", "F") TO("a@example.org") OWN("1") REST, ACT_REJECT },
		{ "a mailbox server that nobody named delivered it",
		    AWAY("fwd.ext.example", "F") TO("a@example.org") AWAY("imap.internal", "I") OWN("1")
			SENT REST,
		    ACT_REJECT },
		{ "Delivered-To sorted to the top",
		    TO("a@example.org") AWAY("fwd.ext.example", "F") OWN("1") SENT REST, ACT_REJECT },
	};

	loop_rule();
	try_shapes(shapes, ARRAY_LEN(shapes));
}

Test(mail_loop, the_refusal_says_5_4_6)
{
	struct rule *r = loop_rule();

	deliver("sales@firm.example", AWAY("fwd.ext.example", "F") TO("a@example.org") OWN("1") SENT REST,
	    "a@example.org");
	cr_assert_eq(v.what, ACT_REJECT);
	cr_assert(str_eq(v.dsn, STR("5.4.6")));
	cr_assert(str_ifind(v.text, STR("loop")) < v.text.n);
	/* an administrator's own words, with and without a code of his own */
	r->text = xstrdup("Your forwarding is broken");
	deliver("sales@firm.example", AWAY("fwd.ext.example", "F") TO("a@example.org") OWN("1") SENT REST,
	    "a@example.org");
	cr_assert(str_eq(v.dsn, STR("5.4.6")));
	cr_assert(str_eq(v.text, STR("Your forwarding is broken")));
	snprintf(r->dsn, sizeof(r->dsn), "5.7.9");
	deliver("sales@firm.example", AWAY("fwd.ext.example", "F") TO("a@example.org") OWN("1") SENT REST,
	    "a@example.org");
	cr_assert(str_eq(v.dsn, STR("5.7.9")));
	/* deferred, it is no code of a refusal for good */
	r->action = ACT_DEFER;
	deliver("sales@firm.example", AWAY("fwd.ext.example", "F") TO("a@example.org") OWN("1") SENT REST,
	    "a@example.org");
	cr_assert_eq(v.what, ACT_DEFER);
	cr_assert(str_eq(v.dsn, STR("4.7.1")));
}

Test(mail_loop, harmless_shapes)
{
	static const struct shape shapes[] = {
		{ "plain", SENT REST, ACT_PASS },
		{ "fetched by POP from a mailbox of the same name",
		    TO("a@example.org") AWAY("pop.isp.example", "P") SENT REST, ACT_PASS },
		{ "the same with lines of ours on top",
		    OWN("1") TO("a@example.org") AWAY("pop.isp.example", "P") SENT REST, ACT_PASS },
		{ "a list elsewhere, to which our own people write, fetched by POP",
		    OWN("2") TO("a@example.org") AWAY("pop.isp.example", "P") AWAY("lists.isp.example", "L")
			TO("list@isp.example") OWN("1") REST,
		    ACT_PASS },
		{ "forwarded by an alias of ours and back once",
		    AWAY("fwd.ext.example", "F") TO("sales@example.org") OWN("1") SENT REST, ACT_PASS },
		{ "through a filter out there and back to a detail address",
		    AWAY("fwd.ext.example", "F") TO("a+in@example.org") OWN("1") SENT REST, ACT_PASS },
		{ "our own post comes back from a list",
		    "List-Id: <l.lists.example>\r\n" AWAY("lists.example", "L") TO("l@lists.example") OWN("1")
			REST,
		    ACT_PASS },
		{ "content filter: ours several times, and nobody else's between",
		    OWN("5") OWN("4") TO("a@example.org") OWN("3") OWN("2") OWN("1") SENT REST, ACT_PASS },
		{ "old mail out of a mailbox: the delivery that it lies there by",
		    TO("a@example.org") OWN("2") AWAY("fwd.ext.example", "F") TO("sales@example.org") OWN("1")
			SENT REST,
		    ACT_PASS },
		{ "somebody else's host of a similar name",
		    AWAY("fwd.ext.example", "F") TO(
			"a@example.org") "Received: from x by mx.example.org.evil.example id 1\r\n" SENT REST,
		    ACT_PASS },
		{ "Delivered-To below our visit",
		    AWAY("fwd.ext.example", "F") OWN("1") TO("a@example.org") AWAY("pop.isp.example", "P")
			SENT REST,
		    ACT_PASS },
		{ "a bounce to us",
		    "Received: from localhost by mail.far.example id B\r\nFrom: MAILER-DAEMON@far\r\n"
		    "Delivered-To: a@example.org\r\n\r\n",
		    ACT_PASS },
		{ "nothing at all", "Subject: x\r\n\r\n", ACT_PASS },
	};

	loop_rule();
	try_shapes(shapes, ARRAY_LEN(shapes));
	cr_assert_eq(storms_total(e.storms), 0);
}

/* Out of her mailbox she sent it on as it is, to a partner who hands it back, or to a list that she reads. */
#define RESENT(by) "Resent-From: " by "\r\nResent-Date: Mon, 9 Jan 2006 10:00:00 +0000\r\n"
#define SENT_ON RESENT("a@example.org") "Return-Path: <s@firm.example>\r\n" TO("a@example.org")
#define HANDED_BACK AWAY("mx.ext.example", "F") RESENT("x@ext.example") TO("x@ext.example")

Test(mail_loop, harmless_sent_on_by_hand)
{
	static const struct shape shapes[] = {
		{ "handed back", HANDED_BACK AWAY("mx.ext.example", "E") OWN("2") SENT_ON OWN("1") SENT REST,
		    ACT_PASS },
		{ "the copy of a list elsewhere",
		    "List-Id: <l.lists.example>\r\n" AWAY("lists.example", "L") TO("l@lists.example")
			OWN("2") SENT_ON OWN("1") SENT REST,
		    ACT_PASS },
		{ "two fields for one delivery",
		    AWAY("mx.ext.example", "E") OWN("2") SENT_ON TO("<A@example.org.>") OWN("1") SENT REST,
		    ACT_PASS },
		{ "and so once more: it is a program that does so",
		    HANDED_BACK AWAY("mx.ext.example", "E") OWN("3") SENT_ON OWN("2") AWAY(
			"mx.ext.example", "D") SENT_ON OWN("1") SENT REST,
		    ACT_REJECT },
		{ "a program sent it on out of her mailbox, and by hand somebody out of his",
		    HANDED_BACK AWAY("mx.ext.example", "E") OWN("2") TO("a@example.org") OWN("1") SENT REST,
		    ACT_REJECT },
		{ "by hand it came to her",
		    AWAY("mx.ext.example", "F") TO("a@example.org") OWN("1") RESENT("b@firm.example")
			SENT REST,
		    ACT_REJECT },
	};

	loop_rule();
	try_shapes(shapes, ARRAY_LEN(shapes));
}

/* `n` visits to us, each with a host out there above it. */
static const char *
visits(unsigned n, const char *own, bool away)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		if (away)
			at += (size_t)snprintf(
			    header + at, sizeof(header) - at, "Received: by fwd.ext.example id F%u\r\n", i);
		at += (size_t)snprintf(
		    header + at, sizeof(header) - at, "Received: from x by %s id M%u\r\n", own, i);
	}
	snprintf(header + at, sizeof(header) - at, "%s%s", SENT, REST);
	return header;
}

Test(mail_loop, own_limit_and_one_beyond)
{
	struct rule *r = loop_rule();

	strset_add(&site.own_hosts, STR("mx2.example.org"));
	for (unsigned limit = 1; limit < 9; limit++) {
		r->own_limit = limit;
		for (int away = 0; away < 2; away++) {
			visits(limit, "MX.Example.org", away);
			cr_expect_eq(
			    deliver("s@firm.example", header, "a@example.org"), ACT_PASS, "%u", limit);
			visits(limit + 1, "mx.example.org", away);
			cr_expect_eq(
			    deliver("s@firm.example", header, "a@example.org"), ACT_REJECT, "%u", limit);
		}
		cr_expect_eq(deliver("s@firm.example", visits(30, "mx.other.example", true), "a@example.org"),
		    ACT_REJECT);
		r->limit = 100;
		cr_expect_eq(deliver("s@firm.example", visits(30, "mx.other.example", true), "a@example.org"),
		    ACT_PASS);
		r->limit = 40;
	}
}

/* A list in a list, and its member forwards to a mailbox elsewhere: three times through the MTA, with a
 * filter behind the queue, and once to the mailbox: seven lines of one host. */
#define FILTERED(id)                                                                                      \
	"Received: from localhost (localhost [127.0.0.1]) by mx.example.org (Postfix) with ESMTP id R" id \
	"\r\nReceived: from mx.example.org ([192.0.2.1]) by localhost (mx.example.org [127.0.0.1]) "      \
	"(amavis, port 10024) with ESMTP id F" id                                                         \
	"\r\nReceived: from x by mx.example.org (Postfix) with ESMTP id " id "\r\n"
#define LMTP "Received: from mx.example.org ([127.0.0.1]) by mx.example.org with LMTP id D1\r\n"
#define PLAIN_FILTER                                                                             \
	"Received: from mx.example.org (localhost [127.0.0.1]) by mx.example.org (Postfix) with" \
	" ESMTP id R1\r\nReceived: from x by mx.example.org (Postfix) with ESMTP id 1\r\n"

Test(mail_loop, harmless_list_in_a_list_behind_a_filter)
{
	static const struct shape shapes[] = {
		{ "a filter that leaves its line",
		    LMTP TO("b@example.org") FILTERED("3") FILTERED("2") FILTERED("1") REST, ACT_PASS },
		{ "one that leaves none",
		    LMTP TO("b@example.org") PLAIN_FILTER PLAIN_FILTER PLAIN_FILTER REST, ACT_PASS },
		{ "a filter after the filter",
		    OWN("9") "Received: from mx by localhost id G\r\n" FILTERED("5") FILTERED("4")
			FILTERED("3") FILTERED("2") FILTERED("1") REST,
		    ACT_PASS },
		{ "seven times are too many with a filter, too",
		    FILTERED("7") FILTERED("6") FILTERED("5") FILTERED("4") FILTERED("3") FILTERED("2")
			FILTERED("1") REST,
		    ACT_REJECT },
		{ "and so are those from mailbox to mailbox",
		    LMTP OWN("7") LMTP OWN("6") LMTP OWN("5") LMTP OWN("4") LMTP OWN("3") OWN("2") OWN("1")
			REST,
		    ACT_REJECT },
		{ "what somebody else had in between did not come from the filter",
		    OWN("4") AWAY("localhost", "L3") AWAY("h.example", "H3") OWN("3") AWAY("localhost", "L2")
			AWAY("h.example", "H2") OWN("2") AWAY("localhost", "L1") AWAY("h.example", "H1")
			    OWN("1") OWN("a") OWN("b") OWN("c") REST,
		    ACT_REJECT },
	};

	loop_rule();
	try_shapes(shapes, ARRAY_LEN(shapes));
}

/* The lines of Exchange on one host: to a mailbox, out of it, and the door. A rule in it redirects to another
 * mailbox there, whose own rule redirects to somebody outside. */
#define SERVICE(with) \
	"Received: from mx.example.org (10.1.0.5) by MX.example.org (10.1.0.5) with " with "\r\n"
#define TO_MAILBOX SERVICE("Microsoft SMTP Server id 15.1.2507.39 via Mailbox Transport")
#define BETWEEN SERVICE("Microsoft SMTP Server id 15.1.2507.39")
#define OUT_OF_MAILBOX SERVICE("mapi id 15.01.2507.039")
#define TAKEN_IN                                                                               \
	"Received: from gw.example.org (10.1.0.2) by mx.example.org (10.1.0.5) with Microsoft" \
	" SMTP Server id 15.1.2507.39 via Frontend Transport\r\n"
#define REDIRECTED BETWEEN OUT_OF_MAILBOX TO_MAILBOX

Test(mail_loop, harmless_redirected_twice_on_one_host)
{
	static const struct shape shapes[] = {
		{ "once", REDIRECTED BETWEEN TAKEN_IN REST, ACT_PASS },
		{ "twice", REDIRECTED REDIRECTED BETWEEN TAKEN_IN REST, ACT_PASS },
		{ "three times, from a mailbox there",
		    REDIRECTED REDIRECTED REDIRECTED BETWEEN OUT_OF_MAILBOX, ACT_PASS },
		{ "seven visits are too many",
		    BETWEEN TAKEN_IN AWAY("h.example", "6") BETWEEN TAKEN_IN AWAY("h.example", "5")
			BETWEEN TAKEN_IN AWAY("h.example", "4") BETWEEN TAKEN_IN AWAY("h.example", "3")
			    BETWEEN TAKEN_IN AWAY("h.example", "2") BETWEEN TAKEN_IN AWAY("h.example", "1")
				BETWEEN TAKEN_IN REST,
		    ACT_REJECT },
		{ "so are those of one elsewhere that says our name",
		    OWN("8") AWAY("h.example", "7") SERVICE("SMTP") AWAY("h.example", "6") SERVICE("SMTP")
			AWAY("h.example", "5") SERVICE("SMTP") AWAY("h.example", "4") SERVICE("SMTP")
			    AWAY("h.example", "3") SERVICE("SMTP") AWAY("h.example", "2") OWN("1") REST,
		    ACT_REJECT },
	};

	loop_rule();
	try_shapes(shapes, ARRAY_LEN(shapes));
}

/* A host elsewhere that calls itself so is no filter of ours. */
#define NAMELESS(id)                                                                                        \
	"Received: from localhost.localdomain (old.example [203.0.113.9]) by mx.example.org (Postfix) with" \
	" ESMTP id N" id "\r\nReceived: from mx.example.org (mx.example.org [192.0.2.1]) by"                \
	" localhost.localdomain (Postfix) with ESMTPS id L" id "\r\n"

Test(mail_loop, with_a_host_that_nobody_gave_a_name)
{
	static const struct shape shapes[] = {
		{ "six times",
		    NAMELESS("6") NAMELESS("5") NAMELESS("4") NAMELESS("3") NAMELESS("2") OWN("1") REST,
		    ACT_PASS },
		{ "and once more",
		    NAMELESS("7") NAMELESS("6") NAMELESS("5") NAMELESS("4") NAMELESS("3") NAMELESS("2")
			OWN("1") REST,
		    ACT_REJECT },
	};

	loop_rule();
	try_shapes(shapes, ARRAY_LEN(shapes));
}

/* Several hosts of ours, each a few times: a site of many rooms is no loop. */
Test(mail_loop, harmless_many_own_hosts)
{
	size_t at = 0;

	loop_rule();
	strset_add(&site.own_hosts, STR("mx2.example.org"));
	strset_add(&site.own_hosts, STR("filter.example.org"));
	for (unsigned i = 0; i < 6; i++)
		at += (size_t)snprintf(header + at, sizeof(header) - at,
		    "Received: by mx.example.org id A%u\r\nReceived: by filter.example.org id B%u\r\n"
		    "Received: by mx2.example.org id C%u\r\n",
		    i, i, i);
	snprintf(header + at, sizeof(header) - at, "%s%s", SENT, REST);
	cr_assert_eq(deliver("s@firm.example", header, "a@example.org"), ACT_PASS);
}

static const char *
hops(unsigned n)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(
		    header + at, sizeof(header) - at, "Received: by h%u.other.example id M%u\r\n", i, i);
	snprintf(header + at, sizeof(header) - at, "%s", REST);
	return header;
}

Test(mail_loop, hops_at_the_limit_and_one_beyond)
{
	struct rule *r = loop_rule();

	cr_assert_eq(deliver("s@firm.example", hops(r->limit), "a@example.org"), ACT_PASS);
	cr_assert_eq(deliver("s@firm.example", hops(r->limit + 1), "a@example.org"), ACT_REJECT);
	cr_assert_lt(str_ifind(v.text, STR("too many hosts")), v.text.n);
	/* more than are kept one by one */
	r->limit = HEADER_HOPS_MAX + 10;
	cr_assert_eq(deliver("s@firm.example", hops(r->limit), "a@example.org"), ACT_PASS);
	cr_assert_eq(deliver("s@firm.example", hops(r->limit + 1), "a@example.org"), ACT_REJECT);
}

static enum action
ask_exim(const char *head, const char *queue_id)
{
	begin_msg(DOOR_REPAIRS, STAGE_DATA, "s@firm.example", "a@example.org");
	msg.queue_id = msg.instance = str_of(queue_id);
	judge(head);
	return v.what;
}

/* Exim shows the line that it has just written: it is no visit before. */
Test(mail_loop, the_line_of_this_visit_does_not_count)
{
	struct rule *r = loop_rule();

	visits(r->own_limit + 1, "mx.example.org", false);
	cr_assert_eq(ask_exim(header, "M0"), ACT_PASS);
	cr_assert_eq(ask_exim(header, "other"), ACT_REJECT);
	hops(r->limit + 1);
	cr_assert_eq(ask_exim(header, "M0"), ACT_PASS);
	cr_assert_eq(ask_exim(header, "another"), ACT_REJECT);
}

/* One recipient's loop is not his neighbour's. */
Test(mail_loop, only_the_recipient_it_comes_back_to)
{
	const char *looping = AWAY("fwd.ext.example", "F") TO("a@example.org") OWN("1") SENT REST;

	loop_rule();
	cr_assert_eq(deliver("s@firm.example", looping, "b@example.org"), ACT_PASS);
	cr_assert_eq(deliver("s@firm.example", looping, "b@example.org,a@example.org"), ACT_DROP_RECIPIENTS);
	cr_assert_eq(v.n_drop, 1);
	cr_assert_eq(v.drop[0], 1);
	/* with a block too, other mail to the same address goes on */
	rules_v[0].block = MS_DAY;
	cr_assert_eq(deliver("s@firm.example", looping, "a@example.org"), ACT_REJECT);
	cr_assert_eq(deliver("s@firm.example", SENT REST, "a@example.org"), ACT_PASS);
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
}

static bool
is_named(const char *name)
{
	for (uint32_t i = 0; i < found->n_hosts; i++)
		if (strcmp(found->hosts[i].name, name) == 0)
			return true;
	return false;
}

Test(mail_loop, names_who_sends_it_back)
{
	loop_rule();
	for (int i = 0; i < 10; i++)
		deliver("s@firm.example",
		    i % 5 == 0 ? AWAY("rare.ext.example", "G") TO("a@example.org") OWN("1") SENT REST
			       : AWAY("out.ext.example", "G") AWAY("in.ext.example", "F") TO("a@example.org")
				     OWN("1") SENT REST,
		    "a@example.org");
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	cr_assert_eq(storms_total(e.storms), 1);
	cr_assert_eq(found->offered, 10);
	cr_assert_eq(found->stopped, 10);
	cr_assert_eq(found->messages, 10);
	cr_assert(is_named("out.ext.example") && is_named("in.ext.example") && is_named("203.0.113.9"));
	cr_assert_not(is_named("smtp.firm.example"), "the sender's");
	cr_assert_not(is_named("mx.example.org"), "our own");
	for (uint32_t i = 1; i < found->n_hosts; i++)
		cr_assert(found->hosts[i - 1].copies >= found->hosts[i].copies);
	cr_assert_str_eq(found->hosts[found->n_hosts - 1].name, "rare.ext.example");
}

Test(mail_loop, names_no_localhost)
{
	loop_rule();
	deliver("s@firm.example",
	    AWAY("out.ext.example", "G") AWAY("localhost", "F") TO("a@example.org") OWN("1") SENT REST,
	    "a@example.org");
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	cr_assert(is_named("out.ext.example"));
	cr_assert_not(is_named("localhost"));
}

Test(mail_loop, names_hosts_that_stand_there_twice_when_we_are_not_in_it)
{
	size_t at = 0;

	loop_rule();
	for (unsigned i = 0; i < 25; i++)
		at += (size_t)snprintf(header + at, sizeof(header) - at,
		    "Received: by ping.example id A%u\r\nReceived: by pong.example id B%u\r\n", i, i);
	snprintf(header + at, sizeof(header) - at, "%s%s", SENT, REST);
	cr_assert_eq(deliver("s@firm.example", header, "a@example.org"), ACT_REJECT);
	storms_each(e.storms, find_storm, NULL);
	cr_assert(is_named("ping.example") && is_named("pong.example"));
	cr_assert_not(is_named("smtp.firm.example"));
}

/* Made-up lines to many recipients open one storm, not one for each. */
Test(mail_loop, forged_lines_do_not_open_a_storm_for_each_recipient)
{
	char rcpts[8192] = "";

	loop_rule();
	for (int i = 0; i < 200; i++)
		snprintf(rcpts + strlen(rcpts), sizeof(rcpts) - strlen(rcpts), "%su%d@example.org",
		    i ? "," : "", i);
	cr_assert_eq(deliver("s@firm.example", hops(100), rcpts), ACT_REJECT);
	cr_assert_eq(storms_total(e.storms), 1);
}

/* Any bytes: it never crashes, and no hop of ours means no loop of ours below the limit of hops. */
Test(mail_loop, hostile_headers)
{
	static const char *const pieces[] = { "Received: ", "by mx.example.org ", "from x ",
		"Delivered-To: ", "a@example.org", "\r\n", "\r\n", "id 1;", " (", ")", "\t", "<",
		"Received: by h.example\r\n", ":" };
	uint64_t seed = 12345;

	loop_rule();
	for (int round = 0; round < 3000; round++) {
		size_t at = 0;

		for (int i = 0; i < 60; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			at += (size_t)snprintf(
			    header + at, sizeof(header) - at, "%s", pieces[(seed >> 33) % ARRAY_LEN(pieces)]);
		}
		deliver("s@firm.example", header, "a@example.org");
		cr_assert(v.shown == ACT_PASS || v.shown == ACT_REJECT);
		if (v.shown == ACT_REJECT)
			cr_assert(str_ifind(str_of(header), STR("mx.example.org")) < at);
	}
}
