/* SPDX-License-Identifier: ISC */
/* Mail of a host that writes no Received line: known by where it began. */
#include "traits_rig.h"

TestSuite(traits_straight, .init = setup, .fini = teardown);

static struct key128
compute(const char *client, const char *lines, const char *fields)
{
	msg_reset(&m);
	feed(lines);
	feed(fields);
	m.client_address = str_of(client);
	compute_fed();
	return t.straight;
}

#define ID "Message-ID: <1@sender.example>\n"
#define DATE "Date: Mon, 1 Jan 2024 10:00:00 +0000\n"
#define FROM "From: Joe <joe@sender.example>\n"
#define BODY ID DATE FROM "Subject: Hello\n"
#define BOTTOM(ip) "Received: from joe (joe [" ip "]) by mx.faulty.example with ESMTP id B1; x\n"
#define ABOVE "Received: from mx.faulty.example by sbs.faulty.example with POP3 id 7; x\n"

Test(traits_straight, who_hands_it_over_or_is_named_at_the_bottom)
{
	struct key128 a = compute("198.51.100.20", "", BODY);

	cr_assert_not(key_is_zero(a));
	cr_assert(t.straight_here);
	cr_expect(key_eq(compute("203.0.113.9", BOTTOM("198.51.100.20"), BODY), a));
	cr_expect_not(t.straight_here);
	cr_expect(key_eq(compute("203.0.113.9", ABOVE BOTTOM("198.51.100.20"), BODY), a));
	cr_expect(key_eq(compute("::ffff:198.51.100.20", "", BODY), a));
	cr_expect(key_eq(compute("198.51.100.25",
			     "Received: from joe (joe [198.51.100.20]) by backup.example id 1; x\n", BODY),
		      a),
	    "behind a relay of ours");
	cr_expect(t.straight_here);
	cr_expect_not(key_eq(compute("203.0.113.9", BOTTOM("198.51.100.21"), BODY), a));
	cr_expect_not(
	    key_eq(compute("203.0.113.9", BOTTOM("198.51.100.20") BOTTOM("198.51.100.21"), BODY), a));
	cr_expect_not(key_eq(compute("203.0.113.9", "", BODY), a));
}

Test(traits_straight, of_ipv6_the_network)
{
	struct key128 a = compute("2001:db8:1:2::20", "", BODY);

	cr_expect(key_eq(compute("203.0.113.9", BOTTOM("IPv6:2001:db8:1:2::21"), BODY), a));
	cr_expect_not(key_eq(compute("203.0.113.9", BOTTOM("IPv6:2001:db8:1:3::20"), BODY), a));
	/* the first eight bytes may be those of an IPv4 address */
	a = compute("198.51.100.20", "", BODY);
	cr_expect_not(key_eq(compute("c633:6414::1", "", BODY), a));
}

/* `to` is one of its recipients. */
static struct key128
compute_to(const char *client, const char *to, const char *lines, const char *fields)
{
	msg_reset(&m);
	feed(lines);
	feed(fields);
	m.client_address = str_of(client);
	msg_add_rcpt(&m, STR("<ann@elsewhere.example>"));
	msg_add_rcpt(&m, str_of(to));
	compute_fed();
	return t.straight;
}

#define FROM_US "Received: from mx.example.org (mx.example.org [192.0.2.1]) by mx.faulty.example id B1; x\n"
#define OUR_LINE "Received: from joe ([192.0.2.130]) by mx.example.org with ESMTP id Q1; x\n"
#define LOGIN_LINE "Received: from joe ([198.51.100.20]) by mx.example.org with ESMTPSA id Q2; x\n"
#define PROGRAM_LINE "Received: by mx.example.org (Postfix, from userid 33) id Q3; x\n"
#define STRANGERS_LINE "Received: from joe ([198.51.100.20]) by mx.example.org with ESMTP id Q4; x\n"

/* Where our lines are taken out of what leaves. */
Test(traits_straight, it_began_with_our_own_people)
{
	struct key128 a = compute_to("192.0.2.130", "<joe@example.org>", "", BODY), b;

	cr_assert_not(key_is_zero(a));
	cr_expect(t.straight_here);
	cr_expect(key_eq(compute_to("203.0.113.9", "<joe@example.org>", FROM_US, BODY), a));
	cr_expect_not(t.straight_here);
	cr_expect(key_eq(compute_to("203.0.113.9", "<joe@example.org>", ABOVE FROM_US, BODY), a));
	b = compute_to("203.0.113.9", "<joe@example.org>", BOTTOM("192.0.2.1"), BODY);
	cr_expect_not(key_eq(b, a), "another name at that address");
	cr_expect(key_eq(compute_to("203.0.113.9", "<joe@example.org>", FROM_US OUR_LINE, BODY), a),
	    "by our line, of one among many transactions");
	cr_expect(key_eq(compute_to("203.0.113.9", "<joe@example.org>", FROM_US LOGIN_LINE, BODY), a));
	cr_expect(key_eq(compute_to("203.0.113.9", "<joe@example.org>", FROM_US PROGRAM_LINE, BODY), a));
	b = compute_to("203.0.113.9", "<joe@example.org>", FROM_US STRANGERS_LINE, BODY);
	cr_expect_not(key_eq(b, a), "an outside client's");
	cr_expect(key_is_zero(compute_to("192.0.2.130", "<joe@elsewhere.example>", "", BODY)),
	    "nobody here had it");
	cr_expect_not(t.straight_here);
}

/* He may use a transaction, and so have a line of ours, for each recipient. */
Test(traits_straight, our_own_line_names_who_handed_it_over)
{
	struct key128 a = compute("198.51.100.20", "", BODY);

	cr_expect(key_eq(compute("203.0.113.9",
			     ABOVE "Received: from joe ([198.51.100.20]) by mx.example.org id Q; x\n", BODY),
	    a));
	cr_expect_not(t.straight_here);
}

Test(traits_straight, some_mail_has_none)
{
	cr_expect(key_is_zero(compute("192.0.2.130", "", BODY)), "of our own people, to nobody here");
	cr_expect_not(t.straight_here);
	cr_expect(key_is_zero(compute("", "", BODY)), "no client");
	cr_expect(key_is_zero(compute("198.51.100.20", "", DATE FROM)), "no id");
	cr_expect(key_is_zero(compute("198.51.100.20", "", ID FROM)), "no date");
	cr_expect(
	    key_is_zero(compute("198.51.100.20", "", ID "Date: soon\n" FROM)), "nor one that can be read");
	cr_expect(key_is_zero(compute("203.0.113.9", ABOVE, BODY)), "the bottom line names no address");
}

Test(traits_straight, other_messages)
{
	static const char *const others[] = {
		BODY "List-Id: <l.x>\n",
		BODY "List-Post: <mailto:l@l.example>\n",
		ID "Date: Mon, 1 Jan 2024 10:00:01 +0000\n" FROM,
		ID DATE "From: eve@sender.example\n",
		"Message-ID: <2@sender.example>\n" DATE FROM,
	};
	struct key128 a = compute("198.51.100.20", "", BODY);

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct key128 b = compute("198.51.100.20", "", others[i]);

		cr_expect_not(key_is_zero(b), "case %zu", i);
		cr_expect_not(key_eq(b, a), "case %zu", i);
	}
}
