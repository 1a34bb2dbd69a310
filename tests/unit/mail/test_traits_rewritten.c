/* SPDX-License-Identifier: ISC */
/* One message whose Date or Subject a server wrote in its own way: told by the line where its way began. */
#include <stdio.h>

#include "traits_rig.h"

TestSuite(traits_rewritten, .init = setup, .fini = teardown);

#define WHO "From: joe@sender.example\n"
#define DATE "Date: Mon, 1 Jan 2024 10:00:00 +0000\n"

static void
compute(const char *origin, const char *fields, const char *subject)
{
	char line[200];

	msg_reset(&m);
	snprintf(line, sizeof(line), "Subject: %s\n", subject);
	feed(origin);
	feed(fields);
	feed(line);
	compute_fed();
	cr_assert_gt(t.n_ids, 0);
}

/* Copies of a server that dates them anew. Elsewhere Date alone tells messages with one id apart. */
Test(traits_rewritten, a_rewritten_date_is_the_same_message)
{
	static const struct {
		const char *line;
		bool same;
	} at[] = {
		{ "Received: from a by b.sender.example with ESMTP id O1; Mon, 1 Jan 2024 10:00:00 +0000\n",
		    true },
		{ "Received: from a by b.sender.example with SMTP; Mon, 1 Jan 2024 10:00:00 +0000\n", false },
		{ "Received: from a by mx.example.org with ESMTP id O1; Mon, 1 Jan 2024 10:00:00 +0000\n",
		    false },
		/* that one is of an earlier visit, or of this one behind a filter */
		{ "Received: from x by y.example with ESMTP id Y1; Tue\n"
		  "Received: from a by mx.example.org with ESMTP id O1; Mon, 1 Jan 2024 10:00:00 +0000\n",
		    true },
		{ "Received: from a by b.sender.example with ESMTP id O1; Mon\n", false },
		{ "", false },
	};
	static const char *const others[] = {
		"Message-ID: <1@sender.example>\n" WHO,
		"Message-ID: <1@sender.example>\nDate: Tue, 2 Jan 2024 10:00:00 +0000\n" WHO,
	};

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct key128 id;

		compute(at[i].line, "Message-ID: <1@sender.example>\n" DATE WHO, "Hello");
		id = t.ids[0];
		for (size_t k = 0; k < ARRAY_LEN(others); k++) {
			compute(at[i].line, others[k], "Hello");
			cr_expect_eq(key_eq(t.ids[0], id), at[i].same, "line %zu, date %zu", i, k);
		}
	}
}

/* As it left us, and a copy that was dated anew and has our line. */
Test(traits_rewritten, a_letter_of_our_own_is_known_when_it_is_dated_anew)
{
	struct key128 back;

	for (int login = 0; login < 2; login++) {
		msg_reset(&m);
		m.queue_id = STR("O1");
		m.client_address = STR("127.0.0.1");
		feed(login ? "Received: from a by mx2.example.org with ESMTPSA id O0; Mon\n" : "");
		feed("Message-ID: <1@p>\n" DATE WHO "Subject: Hello\n");
		compute_fed();
		back = t.ids[t.n_named - 1];
		compute(login ? "Received: from x by y.example with ESMTP id Y1; Tue\n"
				"Received: from mx2 by mx.example.org with ESMTP id O1; Mon\n"
				"Received: from a by mx2.example.org with ESMTPSA id O0; Mon\n"
			      : "Received: from x by y.example with ESMTP id Y1; Tue\n"
				"Received: from a by mx.example.org with ESMTP id O1; Mon\n",
		    "Message-ID: <1@p>\nDate: Tue, 2 Jan 2024 10:00:00 +0000\n" WHO, "Hello");
		cr_expect(key_eq(t.ids[0], back), "%d", login);
	}
}

/* Filters put tags in front of the Subject and encode it, and a Message-ID was rewritten as well. Where
 * several messages may share the origin the tag may be all that tells them apart. */
Test(traits_rewritten, a_tagged_subject_is_the_same_message)
{
	static const char *const subjects[] = {
		"Meeting of 3 March",
		"[EXT] Meeting of 3 March",
		"*** SPAM *** [External] Meeting of 3 March",
		"=?utf-8?Q?Meeting_of_3_March?=",
		"=?US-ASCII?B?W0VYVF0gTWVldGluZyBvZiAzIE1hcmNo?=",
		"meeting of 3 March",
		"[#12] Meeting of 3 March",
	};
	enum { SAME = 5 };
	static const char own[] = "Received: from a by b.sender.example with ESMTP id O1; Mon\n";
	static const char shared[] = "Received: from a by b.sender.example with SMTP; Mon\n";

	for (size_t i = 1; i < ARRAY_LEN(subjects); i++) {
		struct key128 key;

		compute(own, "Message-ID: <1@p>\n" DATE WHO, subjects[0]);
		key = t.ids[t.n_ids - 1];
		compute(own, "Message-ID: <2@p>\n" DATE WHO, subjects[i]);
		cr_expect_eq(key_eq(t.ids[t.n_ids - 1], key), i < SAME, "case %zu", i);
		compute(shared, DATE WHO, subjects[0]);
		key = t.ids[t.n_ids - 1];
		compute(shared, DATE WHO, subjects[i]);
		cr_expect_not(key_eq(t.ids[t.n_ids - 1], key), "case %zu", i);
	}
}

/* Where the first server writes no queue id somebody above it does. */
Test(traits_rewritten, a_rewritten_id_is_told_by_the_lines_up_to_a_queue_id)
{
#define RELAY(id) "Received: from b by relay.sender.example with ESMTP id " id "; Mon\n"
#define SVC "Received: from pc by b.sender.example with Microsoft SMTPSVC(6.0.3790.1830); Mon\n"
#define MAPI "Received: from b by b.sender.example ([fe80::1]) with mapi id 15.01.2507.035; Mon\n"
#define QMAIL "Received: from unknown (HELO pc) (192.0.2.7) by b.sender.example with SMTP; Mon\n"
#define COPY "Received: from x by y.faulty.example with SMTP id F7; Tue\n"
	static const struct {
		const char *lines, *others;
		bool same;
	} at[] = {
		{ RELAY("R1") SVC, COPY RELAY("R1") SVC, true },
		{ RELAY("R1") SVC MAPI, COPY RELAY("R1") SVC MAPI, true },
		{ "Received: (qmail 4711 invoked by uid 89); Mon\n" QMAIL,
		    COPY "Received: (qmail 4711 invoked by uid 89); Mon\n" QMAIL, true },
		{ "Received: (qmail 4711 invoked by uid 89); Mon\n" QMAIL,
		    COPY "Received: (qmail 4712 invoked by uid 89); Mon\n" QMAIL, false },
		{ RELAY("R1") SVC, COPY RELAY("R2") SVC, false },
		{ RELAY("R1") SVC MAPI, COPY RELAY("R1") MAPI, false },
		{ SVC, COPY SVC, false },
		{ SVC, SVC, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct traits first;

		compute(at[i].lines, "Message-ID: <1@p>\n" DATE WHO, "Meeting");
		first = t;
		compute(at[i].others, "Message-ID: <2@p>\n" DATE WHO, "[EXT] Meeting");
		cr_expect_not(key_eq(t.ids[0], first.ids[0]), "case %zu", i);
		cr_expect_eq(
		    key_eq(t.ids[t.n_ids - 1], first.ids[first.n_ids - 1]), at[i].same, "case %zu", i);
		cr_expect_eq(key_eq(t.seen_way, first.seen_way), at[i].same, "case %zu", i);
		compute(at[i].others, DATE WHO, "[EXT] Meeting"); /* or taken away */
		cr_expect_eq(
		    key_eq(t.ids[t.n_ids - 1], first.ids[first.n_ids - 1]), at[i].same, "case %zu", i);
		compute(
		    at[i].others, "Message-ID: <2@p>\nDate: Tue, 2 Jan 2024 10:00:00 +0000\n" WHO, "Meeting");
		cr_expect_not(key_eq(t.ids[t.n_ids - 1], first.ids[first.n_ids - 1]), "case %zu", i);
	}
}

/* It has one for each message that it hands over, and is no part of the message's way. */
Test(traits_rewritten, the_queue_id_of_our_own_relay_tells_no_message)
{
	msg_reset(&m);
	m.client_address = STR("198.51.100.25");
	feed("Received: from b ([192.0.2.7]) by relay.example.net with ESMTP id R1; Mon\n" SVC);
	feed("Message-ID: <1@p>\n" DATE WHO "Subject: Meeting\n");
	compute_fed();
	cr_expect_eq(t.relay_hops, 1);
	cr_expect_eq(t.n_ids, 1);
	cr_expect(key_eq(t.seen_way, t.way));
}
