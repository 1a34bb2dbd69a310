/* SPDX-License-Identifier: ISC */
/* Identity, trace, thread, client and direction. */
#include <stdio.h>

#include "traits_plain.h"

TestSuite(traits, .init = setup, .fini = teardown);

Test(traits, same_message_over_different_roads)
{
	struct key128 id, print;
	uint64_t trace;

	compute("Received: from a by relay1.example.net id R1; x\n" ORIGIN BODY "To: a@example.org\n");
	cr_assert_eq(t.n_ids, 2);
	cr_expect_not(t.id_missing);
	id = t.ids[0];
	print = t.fingerprint;
	trace = t.trace;
	cr_expect_eq(t.foreign_hops, 2);
	compute("Received: from b by relay2.example.net id R2; y\n" ORIGIN BODY
		"To: b@example.org\nX-Extra: 1\n");
	cr_expect(key_eq(t.ids[0], id));
	cr_expect(key_eq(t.fingerprint, print));
	cr_expect_neq(t.trace, trace);
}

Test(traits, what_makes_a_different_message)
{
	static const char *const others[] = {
		(ORIGIN "Message-ID: <2@sender.example>\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: "
			"joe@sender.example\n"),
		(ORIGIN "Message-ID: <1@sender.example>\nDate: Tue, 2 Jan 2024 10:00:00 +0000\nFrom: "
			"joe@sender.example\n"),
		(ORIGIN "Message-ID: <1@sender.example>\nDate: Mon, 1 Jan 2024 10:00:00.417 +0000\nFrom: "
			"joe@sender.example\n"),
		(ORIGIN "Message-ID: <1@sender.example>\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: "
			"eve@sender.example\n"),
		(ORIGIN "Message-ID: <1@sender.example>\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: "
			"joe@sender.example\nList-Id: <l.x>\n"),
		ORIGIN BODY "List-Post: <mailto:l@l.example>\n",
		ORIGIN BODY "Mailing-List: contact l-help@l.example; run by ezmlm\n",
		("Received: from pc ([203.0.113.9]) by out.sender.example with ESMTP id ORIG2; Mon\n" BODY),
		BODY,
	};
	struct key128 id;

	compute(ORIGIN BODY);
	id = t.ids[0];
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		compute(others[i]);
		cr_expect_not(key_eq(t.ids[0], id), "case %zu", i);
	}
	/* brackets, letter case of the address, display name, folding of the line do not matter */
	compute(
	    "Received: from pc ([203.0.113.9])\n\tby out.sender.example with ESMTP id ORIG1; Mon\n"
	    "Message-Id: 1@sender.example\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: JOE@sender.example\n");
	cr_expect(key_eq(t.ids[0], id));
	compute(ORIGIN BODY "List-Unsubscribe: <mailto:x@y>\nPrecedence: list\n");
	cr_expect(key_eq(t.ids[0], id), "they name no list");
	site.hash_seed = 43;
	compute(ORIGIN BODY);
	cr_expect_not(key_eq(t.ids[0], id), "the seed takes part");
}

/* Each list by itself; with List-Id nothing else of it counts. */
Test(traits, lists_without_list_id)
{
	struct key128 id;

	compute(ORIGIN BODY "List-Help: <mailto:l1-help@l>\nList-Post: <mailto:l1@l>\n");
	id = t.ids[0];
	compute(ORIGIN BODY "List-Help: <mailto:L1-help@l>\nList-Post: <mailto:l1@l>\n");
	cr_expect(key_eq(t.ids[0], id));
	compute(ORIGIN BODY "List-Help: <mailto:l2-help@l>\nList-Post: <mailto:l2@l>\n");
	cr_expect_not(key_eq(t.ids[0], id));
	compute(ORIGIN BODY "List-Help: <mailto:l2-help@l>\nList-Id: <l2.l>\n");
	id = t.ids[0];
	compute(ORIGIN BODY "List-Help: <mailto:help@l>\nList-Id: <l2.l>\n");
	cr_expect(key_eq(t.ids[0], id));
}

#define LOOK "Date: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: joe@sender.example\nSubject: Hello\n"

/* The identity that a message has whatever becomes of its Message-ID. */
static struct key128
seen(const char *header)
{
	compute(header);
	return t.n_ids ? t.ids[t.n_ids - 1] : (struct key128){ 0 };
}

Test(traits, a_rewritten_message_id_is_the_same_message)
{
	static const char *const same[] = {
		(ORIGIN LOOK "Message-ID: <other@provider.example>\n"),
		(ORIGIN LOOK),
		("Received: by rewriter.example id W1\n" ORIGIN LOOK "Message-ID: <w1@rewriter.example>\n"),
		(ORIGIN
		    "Date: Mon, 1 Jan 2024 11:00:00 +0100\nFrom: Joe <JOE@sender.example>\nSubject: Hello\n"
		    "Message-ID: <2>\nTo: mspop3connector.x@y\n"),
	};
	static const char *const others[] = {
		(ORIGIN LOOK "List-Id: <l.x>\n"),
		(ORIGIN "Date: Mon, 1 Jan 2024 10:00:01 +0000\nFrom: joe@sender.example\nSubject: Hello\n"),
		(ORIGIN "Date: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: eve@sender.example\nSubject: Hello\n"),
		(ORIGIN "Date: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: joe@sender.example\nSubject: Bye\n"),
		("Received: from pc ([203.0.113.9]) by out.sender.example with ESMTP id ORIG2; Mon\n" LOOK),
	};
	struct key128 key = seen(ORIGIN BODY), way = t.way;

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		cr_expect(key_eq(seen(same[i]), key), "case %zu", i);
		cr_expect(key_eq(t.way, way), "case %zu", i);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		cr_expect_not(key_eq(seen(others[i]), key), "case %zu", i);
}

/* A line that several messages may share proves nothing: there the Message-ID has to. */
Test(traits, no_origin_of_its_own_no_second_identity)
{
	static const char *const shared[] = {
		"Received: from pc by web.sender.example with HTTP; Mon, 1 Jan 2024 10:00:00 +0000\n",
		"Received: from a by b.sender.example with Microsoft SMTP Server id 15.1.2242.4; Mon\n",
		"Received: (qmail 1 invoked by uid 33); Mon\n",
		"Received: from pc by home.sender.example with SMTP id 1; Mon\n",
		"",
	};
	struct buf b;

	buf_init(&b, 0);
	for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
		buf_reset(&b);
		buf_printf(&b, "%s" LOOK "Message-ID: <1@x>\n", shared[i]);
		buf_append(&b, "", 1);
		compute(buf_str(&b).p);
		cr_assert_eq(t.n_ids, 1, "case %zu", i);
		cr_expect(key_eq(t.way, t.ids[0]));
	}
	buf_fini(&b);
}

/* One of ours in the middle: each is known, up to the last one that is kept. */
Test(traits, which_lines_are_ours)
{
	static const uint32_t own[] = { 1, 62, 63, 64, 65, HEADER_HOPS_MAX - 2, HEADER_HOPS_MAX - 1 };
	static const char *const by[] = { "mx.example.org", "MX2.Example.org.", "mx3.example.org" };
	static char text[HEADER_HOPS_MAX * 80];

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		for (size_t k = 0; k < ARRAY_LEN(by); k++) {
			size_t n = 0;

			for (uint32_t line = 0; line < HEADER_HOPS_MAX; line++)
				n += (size_t)snprintf(text + n, sizeof(text) - n,
				    "Received: from a by %s id I%u; x\n",
				    line == own[i] ? by[k] : "b.example.net", line);
			compute(text);
			cr_assert_eq(m.header.f.n_hops, HEADER_HOPS_MAX);
			for (uint32_t line = 0; line < HEADER_HOPS_MAX; line++)
				cr_expect_eq(traits_own_line(&t, line),
				    site_own_host(&site, m.header.f.hops[line].by), "%u", line);
			cr_expect_eq(traits_own_line(&t, own[i]), k < 2);
			cr_expect_eq(t.own_top, 0);
		}
	compute("Subject: none\n");
	cr_expect_not(traits_own_line(&t, 0));
}

/* Mail that starts here has no line yet; when it comes back its bottom line is ours with that queue id. */
Test(traits, mail_that_comes_back)
{
	struct key128 second, third;

	with_queue_id(BODY "To: a@example.net\n", "4QUEUE1");
	cr_assert_eq(t.n_ids, 3);
	cr_expect_not(key_eq(t.ids[0], t.ids[1]));
	second = t.ids[1];
	third = t.ids[2];
	with_queue_id(
	    "Received: from c by loop.example.net id L1; z\n"
	    "Received: from pc ([192.0.2.130]) by mx.example.org (Postfix) with ESMTP id 4QUEUE1; Mon\n" BODY
	    "To: b@example.net\n",
	    "4QUEUE9");
	cr_assert_eq(t.n_ids, 2);
	cr_expect(key_eq(t.ids[0], second));
	cr_expect(key_eq(t.ids[1], third), "also when its id was rewritten");
	/* through our own filter: the line that it got at its first pass names it */
	with_queue_id("Received: from localhost by mx.example.org id 4QUEUE1; x\n" BODY, "4QUEUE2");
	cr_assert_eq(t.n_ids, 3);
	cr_expect(key_eq(t.ids[1], second));
	cr_expect(key_eq(t.ids[2], third));
	/* somebody else's id is another message */
	compute("Received: from c by loop.example.net id L1; z\nReceived: by mx.example.org id 4OTHER; "
		"Mon\n" BODY);
	cr_expect_not(key_eq(t.ids[0], second));
	/* no queue id: one identity */
	compute(BODY);
	cr_expect_eq(t.n_ids, 1);
}

#define REST "Date: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: joe@sender.example\nSubject: Hello\n"

Test(traits, a_made_up_id_counts_as_missing)
{
	struct key128 first, second;

	with_queue_id("Message-Id: <20240101.4QUEUE1@mx.example.org>\n" REST, "4QUEUE1");
	cr_expect(t.id_missing);
	first = t.ids[0];
	second = t.ids[1];
	with_queue_id("Message-Id: <20240101.4QUEUE2@MX2.example.org>\n" REST, "4QUEUE2");
	cr_expect(t.id_missing);
	cr_expect(key_eq(t.ids[0], first), "the next attempt of the same message");
	with_queue_id(REST, "4QUEUE3");
	cr_expect(t.id_missing);
	cr_expect(key_eq(t.ids[0], first), "no id at all");
	with_queue_id("Message-Id: <>\n" REST, "4QUEUE3");
	cr_expect(t.id_missing, "empty");
	/* it comes back with the id that we made up */
	with_queue_id(
	    "Received: by loop.example.net id L1; z\nReceived: from pc by mx.example.org id 4QUEUE1; Mon\n"
	    "Message-Id: <20240101.4QUEUE1@mx.example.org>\n" REST,
	    "4QUEUE7");
	cr_expect(t.id_missing);
	cr_expect(key_eq(t.ids[0], second));
	/* not ours, or not this queue id */
	with_queue_id("Message-Id: <20240101.4QUEUE1@other.example.org>\n" REST, "4QUEUE1");
	cr_expect_not(t.id_missing);
	with_queue_id("Message-Id: <20240101.ANOTHER@mx.example.org>\n" REST, "4QUEUE1");
	cr_expect_not(t.id_missing);
	with_queue_id("Message-Id: <x@mx.example.org>\n" REST, "");
	cr_expect_not(t.id_missing);
	with_queue_id("Message-Id: <4QUEUE1>\n" REST, "4QUEUE1");
	cr_expect_not(t.id_missing, "no domain");
}

Test(traits, missing_ids_do_not_share_a_bucket)
{
	struct key128 id;

	compute(ORIGIN REST);
	cr_expect(t.id_missing);
	id = t.ids[0];
	compute(ORIGIN "Date: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: joe@sender.example\nSubject: Other\n");
	cr_expect_not(key_eq(t.ids[0], id));
	compute("Received: by out.sender.example id ORIG2; Mon\n" REST);
	cr_expect_not(key_eq(t.ids[0], id));
	compute(ORIGIN REST "To: somebody@else\n");
	cr_expect(key_eq(t.ids[0], id), "To takes no part");
}

Test(traits, threads)
{
	static const struct {
		const char *header, *thread;
		bool reply;
	} rows[] = {
		{ "Message-ID: <m@x>\n", "<m@x>", false },
		{ "Message-ID: <m@x>\nReferences: <r@x> <s@x>\nIn-Reply-To: <s@x>\n", "<r@x>", true },
		{ "Message-ID: <m@x>\nIn-Reply-To: <s@x>\n", "<s@x>", true },
		{ "Message-ID: <m@x>\nThread-Index: AdkBAgMEBQYHCAkKCwwNDg8QERITFA==\n",
		    "AdkBAgMEBQYHCAkKCwwNDg8QERITFA", false },
		{ "Message-ID: <m@x>\nThread-Index: AdkBAgMEBQYHCAkKCwwNDg8QERITFP/+/fz7\n",
		    "AdkBAgMEBQYHCAkKCwwNDg8QERITFA", true },
		{ "Subject: x\n", NULL, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		compute(rows[i].header);
		cr_expect_eq(t.thread_reply, rows[i].reply, "case %zu", i);
		if (rows[i].thread)
			cr_expect(
			    str_eq(t.thread, str_of(rows[i].thread)), "case %zu: %.*s", i, STR_FMT(t.thread));
		else
			cr_expect_null(t.thread.p);
	}
}

Test(traits, client_behind_relays)
{
	static const struct {
		const char *client, *header, *want;
		bool trusted;
	} rows[] = {
		{ "203.0.113.1", NULL, "203.0.113.1", false },
		{ "203.0.113.1", "Received: from x ([203.0.113.9]) by y\n", "203.0.113.1", false },
		{ "192.0.2.200", NULL, "192.0.2.200", true },
		{ "unknown", NULL, NULL, false },
		{ "198.51.100.25", NULL, NULL, false }, /* nothing names its client yet */
		{ "198.51.100.25", "Received: from x ([203.0.113.9]) by backup.example.org\n", "203.0.113.9",
		    false },
		{ "198.51.100.25", "Received: from x ([192.0.2.200]) by backup.example.org\n", "192.0.2.200",
		    true },
		/* our own line on top, its filter's loop, then the line that counts */
		{ "198.51.100.25",
		    "Received: from backup ([198.51.100.25]) by mx.example.org\n"
		    "Received: from localhost ([127.0.0.1]) by backup.example.org\n"
		    "Received: from backup ([198.51.100.25]) by localhost\n"
		    "Received: from x ([203.0.113.7]) by backup.example.org\n"
		    "Received: from forged ([203.0.113.66]) by x\n",
		    "203.0.113.7", false },
		/* the relay is this host: its smtpd, then the filter, then its smtpd again */
		{ "198.51.100.25",
		    "Received: from x ([203.0.113.9]) by mx.example.org\n"
		    "Received: from forged ([203.0.113.66]) by x\n",
		    "203.0.113.9", false },
		{ "198.51.100.25",
		    "Received: by mx.example.org\nReceived: from x ([203.0.113.9]) by backup.example.org\n",
		    "203.0.113.9", false },
		{ "198.51.100.25",
		    "Received: (qmail 1 invoked by uid 2); x\nReceived: from x ([203.0.113.9]) by y\n", NULL,
		    false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip want = { 0 };

		msg_reset(&m);
		m.client_address = str_of(rows[i].client);
		if (rows[i].header) {
			header_feed(&m.header, rows[i].header, strlen(rows[i].header));
			header_end(&m.header);
			m.have_header = true;
		}
		traits_compute(&t, &m, &site);
		if (rows[i].want)
			cr_assert_eq(ip_parse(str_of(rows[i].want), &want), 0);
		cr_expect_eq(
		    memcmp(&t.client, &want, sizeof(want)), 0, "case %zu: %.*s", i, STR_FMT(t.client_text));
		cr_expect_eq(t.trusted, rows[i].trusted, "case %zu", i);
	}
}

Test(traits, direction)
{
	msg_reset(&m);
	m.client_address = STR("203.0.113.1");
	traits_compute(&t, &m, &site);
	cr_expect_not(t.outbound);
	cr_expect(traits_inbound(&t, &site, STR("a@example.org")));
	cr_expect(traits_inbound(&t, &site, STR("a@other.example")), "nothing says otherwise");
	m.sasl_username = STR("joe");
	traits_compute(&t, &m, &site);
	cr_expect(t.authenticated && t.outbound);
	cr_expect(traits_inbound(&t, &site, STR("a@EXAMPLE.org")), "a local domain wins");
	cr_expect_not(traits_inbound(&t, &site, STR("a@other.example")));
	cr_expect_not(traits_inbound(&t, &site, STR("nodomain")));
}

Test(traits, envelope_only)
{
	msg_reset(&m);
	m.have_sender = true;
	m.sender = STR("");
	traits_compute(&t, &m, &site);
	cr_expect(t.null_sender);
	cr_expect_eq(t.n_ids, 0);
	cr_expect_eq(t.trace, 0);
	cr_expect_eq(t.automatic, AUTO_NONE);
	cr_expect(key_is_zero(t.fingerprint) && key_is_zero(t.origin));
	m.sender = STR("Joe@Example.org");
	traits_compute(&t, &m, &site);
	cr_expect_not(t.null_sender);
	cr_expect(str_eq(t.sender.key, STR("joe@example.org")));
}

Test(traits, return_path_serves_without_an_envelope)
{
	compute("Return-Path: <>\nSubject: x\n");
	cr_expect(t.null_sender);
	compute("Return-Path: <a@b>\nSubject: x\n");
	cr_expect_not(t.null_sender);
	compute("Subject: x\n");
	cr_expect_not(t.null_sender);
	msg_reset(&m);
	header_feed(&m.header, "Return-Path: <>\nSubject: Undeliverable: x\n", 42);
	header_end(&m.header);
	m.have_header = m.have_sender = true;
	m.sender = STR("a@b");
	traits_compute(&t, &m, &site);
	cr_expect_not(t.null_sender, "the envelope is nearer");
}

Test(traits, recipients_and_lists)
{
	compute("To: a@b, c@d\nCc: e@f\nTo: g@h\nList-Id: <l.x>\n");
	cr_expect_eq(t.header_recipients, 4);
	cr_expect(t.is_list);
	header_state_count(&m.header, false, UINT32_MAX);
	traits_compute(&t, &m, &site);
	cr_expect_eq(t.header_recipients, UINT32_MAX);
}

Test(traits, names)
{
	cr_expect_str_eq(automatic_name(AUTO_NONE), "none");
	cr_expect_str_eq(automatic_name(AUTO_BOUNCE), "bounce");
	cr_expect_str_eq(automatic_name(AUTO_REPORT), "report");
	cr_expect_str_eq(automatic_name(AUTO_REPLY), "auto-reply");
	cr_expect_str_eq(automatic_name(AUTO_GENERATED), "auto-generated");
}

/* What came back: by the body if it tells, else what a bounce answers. */
Test(traits, returned_id)
{
	static const struct {
		const char *header, *body, *want; /* NULL: none */
	} cases[] = {
		{ "From: MAILER-DAEMON@x\nIn-Reply-To: <9@x>\n", "From: a@b\nMessage-ID: <1@x>\n", "<1@x>" },
		{ "From: MAILER-DAEMON@x\nIn-Reply-To: <9@x>\n", "nothing\n", "<9@x>" },
		{ "From: MAILER-DAEMON@x\nIn-Reply-To: <9@x>\n", NULL, "<9@x>" },
		{ "From: MAILER-DAEMON@x\nReferences: <8@x> <9@x>\n", NULL, "<9@x>" },
		{ "From: MAILER-DAEMON@x\nReferences: <8@x> <9@x>\nIn-Reply-To: <7@x>\n", NULL, "<7@x>" },
		{ "From: MAILER-DAEMON@x\n", NULL, NULL },
		{ "From: a@b\nIn-Reply-To: <9@x>\n", NULL, NULL },
		{ "From: a@b\nIn-Reply-To: <9@x>\nAuto-Submitted: auto-replied\n", NULL, NULL },
		{ "Content-Type: multipart/report; report-type=feedback-report; boundary=B\n",
		    "--B\nContent-Type: message/rfc822\n\nMessage-ID: <1@x>\n\n--B--\n", "<1@x>" },
		{ "Content-Type: multipart/report; report-type=feedback-report\nReferences: <9@x>\n", NULL,
		    NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		msg_reset(&m);
		header_feed(&m.header, cases[i].header, strlen(cases[i].header));
		header_end(&m.header);
		m.have_header = true;
		if (cases[i].body)
			msg_body(&m, cases[i].body, strlen(cases[i].body));
		msg_body_end(&m, true);
		traits_compute(&t, &m, &site);
		cr_assert(
		    str_eq(t.returned_id, str_of(cases[i].want)), "%zu: %.*s", i, STR_FMT(t.returned_id));
		cr_assert_eq(t.returned_id.p != NULL, cases[i].want != NULL, "%zu", i);
	}
}
