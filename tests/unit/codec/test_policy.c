/* SPDX-License-Identifier: ISC */
#include "policy_rig.h"

#define POSTFIX_REQUEST                                                                             \
	REQUEST "protocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=192.0.2.9\n"              \
		"client_name=mail.sender.example\nclient_port=41472\n"                              \
		"reverse_client_name=mail.sender.example\nserver_address=198.51.100.1\n"            \
		"server_port=25\nhelo_name=mail.sender.example\nsender=ann@sender.example\n"        \
		"recipient=Joe@example.org\nrecipient_count=0\nqueue_id=\n"                         \
		"instance=2280.6b00ada4.cfcdc.0\nsize=4711\netrn_domain=\nstress=\nsasl_method=\n"  \
		"sasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\n" \
		"ccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"                          \
		"encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\n"                \
		"policy_context=storm\ncompatibility_level=3.6\nmail_version=3.12.0\n"              \
		"tls_sni=mx.example.org\n\n"

#define BLOCK                                                                                  \
	"Message-ID: <one@sender.example>\r\nDate: Fri, 13 Nov 2026 10:00:00 +0000\r\n"        \
	"From: Ann <ann@sender.example>\r\nSubject: all of you\r\n"                            \
	"To: a@example.org,\r\n b@example.org\r\nCc: c@example.org\r\n"                        \
	"References: <root@x.example>\r\n <mid@x.example>\r\nIn-Reply-To: <mid@x.example>\r\n" \
	"Auto-Submitted: auto-replied (vacation)\r\nList-Id: Us <us.example.org>\r\n"

static struct str
extended_request(struct buf *b)
{
	buf_str_append(b, STR(REQUEST "protocol_state=DATA\nsubject=not this one\nheader="));
	rig_base64(b, STR(BLOCK));
	buf_str_append(b,
	    STR("\nmessage_id=<other@x>\nsender=<>\n"
		"recipients=joe@x.example, \"a,b\"@x.example\n"
		"recipient_count=3\nto_count=70\nwant=repairs\ninstance=1abc-def\n\n"));
	return buf_str(b);
}

Test(policy, what_postfix_sends)
{
	struct rig r;
	struct buf text;

	rig_init(&r);
	buf_init(&text, 0);
	rig_ask(&r, STR(POSTFIX_REQUEST));
	cr_assert_not(r.p.broken);
	cr_assert(r.m.have_sender);
	cr_assert_not(r.m.have_header);
	rig_dump(&r.m, &text);
	buf_append(&text, "", 1);
	cr_assert_str_eq(buf_str(&text).p,
	    "policy RCPT\ninstance=2280.6b00ada4.cfcdc.0\nqueue_id=\nclient_address=192.0.2.9\n"
	    "client_port=41472\nclient_name=mail.sender.example\nhelo=mail.sender.example\n"
	    "sasl_username=\npolicy_context=storm\nsender=ann@sender.example\nrcpt=Joe@example.org\nrcpt_"
	    "count=1\n"
	    "size=4711\n");
	buf_fini(&text);
	rig_fini(&r);
}

Test(policy, no_port)
{
	struct rig r;

	rig_init(&r);
	rig_ask(&r, STR(REQUEST "client_address=192.0.2.9\nclient_port=unknown\n\n"));
	cr_expect_eq(r.m.client_port.n, 0);
	rig_ask(&r, STR(REQUEST "client_address=127.0.0.1\nclient_port=0\n\n"));
	cr_expect_eq(r.m.client_port.n, 0);
	rig_ask(&r, STR(REQUEST "client_port=10\n\n"));
	cr_expect(str_eq(r.m.client_port, STR("10")));
	rig_fini(&r);
}

Test(policy, extended)
{
	struct rig r;
	struct buf text;
	const struct header_facts *f = &r.m.header.f;

	rig_init(&r);
	buf_init(&text, 0);
	rig_ask(&r, extended_request(&text));
	cr_assert_not(r.p.broken, "%s", r.p.why);
	cr_assert_eq(r.m.door, DOOR_REPAIRS);
	cr_assert_eq(r.m.stage, STAGE_DATA);
	cr_assert(r.m.have_sender && r.m.sender.n == 0);
	cr_assert(r.m.have_header);
	/* The block wins, wherever it stands. */
	cr_expect(str_eq(f->message_id, STR("<one@sender.example>")));
	cr_expect(str_eq(f->subject, STR("all of you")));
	cr_expect_not(f->flags & (HDR_DUP_MESSAGE_ID | HDR_TRUNCATED));
	cr_expect(str_eq(f->from_addr, STR("ann@sender.example")));
	cr_expect(str_eq(f->references, STR("<root@x.example>")));
	cr_expect(str_eq(f->in_reply_to, STR("<mid@x.example>")));
	cr_expect(str_eq(f->auto_submitted, STR("auto-replied")));
	cr_expect(str_eq(f->list_id, STR("us.example.org")));
	cr_expect_eq(f->to_count, 70);
	cr_expect_eq(f->cc_count, 1);
	cr_expect_eq(r.m.n_rcpts, 2);
	cr_expect(str_eq(r.m.rcpts[1].addr, STR("\"a,b\"@x.example")));
	cr_expect_eq(r.m.rcpt_count, 3);
	buf_fini(&text);
	rig_fini(&r);
}

/* What a client does not send may stand in the header: a report that tells no type is no text for that. */
Test(policy, a_report_by_single_values)
{
	struct rig r;

	rig_init(&r);
	rig_ask(&r,
	    STR(REQUEST "protocol_state=DATA\nsender=d@x\nheader_from=d@x\n"
			"subject=Report domain: a Submitter: x Report-ID: 1\n\n"));
	cr_assert(r.m.have_header);
	cr_expect_eq(msg_kind(&r.m)->automatic, AUTO_REPORT);
	rig_ask(&r,
	    STR(REQUEST "protocol_state=DATA\nsender=d@x\n"
			"header=U3ViamVjdDogUmVwb3J0IGRvbWFpbjogYSBTdWJtaXR0ZXI6IHggUmVwb3J0LUlE"
			"OiAxCgo=\n\n"));
	cr_assert(r.m.have_header);
	cr_expect_eq(msg_kind(&r.m)->automatic, AUTO_NONE);
	rig_fini(&r);
}

Test(policy, single_values)
{
	const struct header_facts *f;
	struct rig r;

	f = &r.m.header.f;
	rig_init(&r);
	/* An empty header= is what a client sends that has none yet: then single values count. */
	rig_ask(&r,
	    STR(REQUEST
		"protocol_state=DATA\nheader=\nmessage_id=<1@x>\n"
		"references=<r@x>\t<s@x>\nin_reply_to=<s@x>\nheader_from=Ann <ann@x>\n"
		"subject=Re: us\ndate=Fri, 13 Nov 2026 10:00:00 +0000\n"
		"auto_submitted=Auto-Replied\nlist_id=<l.x>\nheader_recipients=a@x, b@x, g: c@x;\n\n"));
	cr_assert_not(r.p.broken);
	cr_assert_eq(r.m.door, DOOR_EXTENDED);
	cr_assert(r.m.have_header);
	cr_expect(str_eq(f->message_id, STR("<1@x>")));
	cr_expect(str_eq(f->references, STR("<r@x>")));
	cr_expect(str_eq(f->last_reference, STR("<s@x>")));
	cr_expect(str_eq(f->in_reply_to, STR("<s@x>")));
	cr_expect(str_eq(f->from_addr, STR("ann@x")));
	cr_expect(str_eq(f->subject, STR("Re: us")));
	cr_expect(str_eq(f->date, STR("Fri, 13 Nov 2026 10:00:00 +0000")));
	cr_expect(str_eq(f->auto_submitted, STR("auto-replied")));
	cr_expect(str_eq(f->list_id, STR("l.x")));
	cr_expect_eq(f->to_count, 3);
	/* Present but empty: the door is known, there is no header. */
	rig_ask(&r, STR(REQUEST "message_id=\nsubject= \nto_count=\n\n"));
	cr_assert_eq(r.m.door, DOOR_EXTENDED);
	cr_assert_not(r.m.have_header);
	/* A count alone is a fact. */
	rig_ask(&r, STR(REQUEST "cc_count=120\n\n"));
	cr_assert(r.m.have_header);
	cr_assert_eq(f->cc_count, 120);
	cr_assert_eq(f->to_count, 0);
	/* The next request on the connection is a plain one again. */
	rig_ask(&r, STR(REQUEST "\n"));
	cr_assert_eq(r.m.door, DOOR_POLICY);
	cr_assert_not(r.m.have_header);
	rig_fini(&r);
}

/* A block that does not end with a line end was cut by the client: counts mean "at least". */
Test(policy, block_cut_by_the_client)
{
	static const struct {
		struct str block;
		bool cut;
	} t[] = {
		{ { "To: a@x\n", 8 }, false },
		{ { "To: a@x\r\n", 9 }, false },
		{ { "To: a@x\n\n", 9 }, false },
		{ { "To: a@x\n\nbody", 13 }, false },
		{ { "To: a@x, b@", 11 }, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct buf b;
		struct rig r;

		rig_init(&r);
		buf_init(&b, 0);
		buf_str_append(&b, STR(REQUEST "header="));
		rig_base64(&b, t[i].block);
		buf_str_append(&b, STR("\n\n"));
		rig_ask(&r, buf_str(&b));
		cr_expect(r.m.have_header);
		cr_expect_eq((r.m.header.f.flags & HDR_TRUNCATED) != 0, t[i].cut, "%zu", i);
		buf_fini(&b);
		rig_fini(&r);
	}
}

Test(policy, stages)
{
	static const struct {
		const char *name;
		enum stage stage;
		bool sender;
	} t[] = {
		{ "CONNECT", STAGE_CONNECT, false },
		{ "HELO", STAGE_HELO, false },
		{ "EHLO", STAGE_HELO, false },
		{ "MAIL", STAGE_MAIL, true },
		{ "RCPT", STAGE_RCPT, true },
		{ "DATA", STAGE_DATA, true },
		{ "BDAT", STAGE_DATA, true },
		{ "END-OF-MESSAGE", STAGE_EOM, true },
		{ "VRFY", STAGE_OTHER, true },
		{ "ETRN", STAGE_OTHER, true },
		{ "rcpt", STAGE_OTHER, true },
		{ "", STAGE_OTHER, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char text[200];
		struct rig r;

		rig_init(&r);
		snprintf(text, sizeof(text), "sender=\n" REQUEST "protocol_state=%s\n\n", t[i].name);
		rig_ask(&r, str_of(text));
		cr_expect_eq(r.m.stage, t[i].stage, "%s", t[i].name);
		cr_expect_eq(r.m.have_sender, t[i].sender, "%s", t[i].name);
		rig_ask(&r, STR(REQUEST "\n"));
		cr_expect_eq(r.m.stage, STAGE_OTHER);
		cr_expect_not(r.m.have_sender);
		rig_fini(&r);
	}
}

Test(policy, lines)
{
	static const struct {
		const char *lines, *helo;
	} t[] = {
		{ "helo_name=one\nhelo_name=two\n", "one" },
		{ "helo_name=\nhelo_name=two\n", "" }, /* first wins, empty too */
		{ "helo_name=a=b=c\n", "a=b=c" },
		{ "helo_name=crlf\r\n", "crlf" },
		{ "helo_name=crcr\r\r\n", "crcr?" },
		{ "helo_name=a\rb\x01\x7f\tc\n", "a?b???c" }, /* control bytes are no way out */
		{ "helo_name=\xc3\xa9\n", "\xc3\xa9" },
		{ "HELO_NAME=x\nhelo_name =y\n helo_name=z\n", NULL },
		{ "unknown=x\nhelo_name=known\nnew_in_4.0=\n", "known" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char text[200];
		struct rig r;

		rig_init(&r);
		snprintf(text, sizeof(text), REQUEST "%s\n", t[i].lines);
		rig_ask(&r, str_of(text));
		cr_expect_not(r.p.broken, "%zu: %s", i, r.p.why);
		cr_expect_null(r.p.why);
		cr_expect_eq(r.m.helo.p == NULL, t[i].helo == NULL, "%zu", i);
		cr_expect(str_eq(r.m.helo, str_of(t[i].helo)), "%zu: %s", i, r.m.helo.p);
		rig_fini(&r);
	}
}

Test(policy, broken_but_ended)
{
	static const struct {
		struct str in;
		const char *why;
	} t[] = {
		{ STR("\n"), "not request=smtpd_access_policy" },
		{ STR("\r\n"), "not request=smtpd_access_policy" },
		{ STR("sender=a@x\n\n"), "not request=smtpd_access_policy" },
		{ STR("request=junk_policy\n\n"), "not request=smtpd_access_policy" },
		{ STR("request=\n" REQUEST "\n"), "not request=smtpd_access_policy" },
		{ STR(REQUEST "GET / HTTP/1.1\n\n"), "a line without =" },
		{ STR(REQUEST " \n\n"), "a line without =" },
		{ STR(REQUEST "=x\n\n"), "a line without a name" },
		{ STR(REQUEST "helo_name=a\0b\n\n"), "a NUL byte" },
		{ STR(REQUEST "na\0me=b\n\n"), "a NUL byte" },
		{ STR(REQUEST "header=not base64!\n\n"), "header= is not base64" },
		{ STR(REQUEST "header=AAAAA\n\n"), "header= is not base64" },
		{ STR(REQUEST "body=AAAAA\n\n"), "body= is not base64" },
		{ STR("header=!\nnothing\n\n"), "a line without =" }, /* the first reason is told */
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct verdict reject = { .what = ACT_REJECT, .text = STR("no") };
		struct rig r;

		rig_init(&r);
		rig_ask(&r, t[i].in);
		cr_expect(r.p.broken, "%zu", i);
		cr_expect_str_eq(r.p.why, t[i].why, "%zu", i);
		cr_expect_not(r.m.have_header);
		policy_reply(&r.p, &r.m, &reject, &r.out);
		cr_expect(str_eq(buf_str(&r.out), STR("action=DUNNO\n\n")), "%zu", i);
		/* The connection is none the worse for it. */
		rig_ask(&r, STR(REQUEST "helo_name=x\n\n"));
		cr_expect_not(r.p.broken);
		cr_expect(str_eq(r.m.helo, STR("x")));
		rig_fini(&r);
	}
}

Test(policy, half_close)
{
	static const struct {
		struct str in;
		enum feed open, closed;
	} t[] = {
		{ STR(""), FEED_MORE, FEED_MORE },
		{ STR(REQUEST "helo_name=x\n\n"), FEED_MSG, FEED_MSG },
		{ STR(REQUEST "helo_name=x\n"), FEED_MORE, FEED_MSG },
		{ STR(REQUEST "helo_name=x\r\n"), FEED_MORE, FEED_MSG },
		{ STR(REQUEST "helo_name=x"), FEED_MORE, FEED_BAD },
		{ STR(REQUEST "helo_name=x\n\r"), FEED_MORE, FEED_BAD },
		{ STR("x"), FEED_MORE, FEED_BAD },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct rig r;

		rig_init(&r);
		cr_expect_eq(rig_feed(&r, t[i].in, true), t[i].closed, "%zu", i);
		cr_expect_eq(r.p.why != NULL, t[i].closed == FEED_BAD, "%zu", i);
		rig_fini(&r);
		/* First open, then closed: the same in the end. */
		rig_init(&r);
		cr_expect_eq(rig_feed(&r, t[i].in, false), t[i].open, "%zu", i);
		if (t[i].open == FEED_MORE) {
			cr_expect_eq(r.in.len, t[i].in.n, "%zu: was touched", i);
			cr_expect_eq(policy_feed(&r.p, &r.in, true, &r.m), t[i].closed, "%zu", i);
		}
		if (t[i].closed == FEED_MSG) {
			cr_expect(str_eq(r.m.helo, STR("x")), "%zu", i);
			cr_expect_not(r.p.broken);
			msg_reset(&r.m);
			cr_expect_eq(policy_feed(&r.p, &r.in, true, &r.m), FEED_MORE);
		}
		rig_fini(&r);
	}
}

Test(policy, pipelined)
{
	struct rig r;

	rig_init(&r);
	buf_str_append(
	    &r.in, STR(REQUEST "helo_name=1\n\n" REQUEST "helo_name=2\r\n\r\n" REQUEST "helo_name=3\n"));
	for (char n = '1'; n <= '2'; n++) {
		cr_assert_eq(policy_feed(&r.p, &r.in, false, &r.m), FEED_MSG);
		cr_assert(r.m.helo.n == 1 && r.m.helo.p[0] == n);
		msg_reset(&r.m);
	}
	cr_assert_eq(policy_feed(&r.p, &r.in, false, &r.m), FEED_MORE);
	cr_assert_eq(rig_feed(&r, STR("\n"), false), FEED_MSG);
	cr_assert(str_eq(r.m.helo, STR("3")));
	cr_assert_eq(r.in.len, 0);
	rig_fini(&r);
}

/* Cut in two at every place, with a plain request behind it. */
Test(policy, every_split_gives_the_same)
{
	struct buf text, whole;
	struct str in;
	struct rig r;

	buf_init(&text, 0);
	buf_init(&whole, 0);
	in = extended_request(&text);
	rig_init(&r);
	rig_ask(&r, in);
	rig_dump(&r.m, &whole);
	for (size_t at = 0; at <= in.n; at++) {
		struct buf parts;
		enum feed f;

		buf_init(&parts, 0);
		msg_reset(&r.m);
		f = rig_feed(&r, str_sub(in, 0, at), false);
		cr_assert_eq(f, at == in.n ? FEED_MSG : FEED_MORE, "at %zu", at);
		if (f == FEED_MORE) {
			cr_assert_eq(r.in.len, at);
			cr_assert_eq(rig_feed(&r, str_sub(in, at, in.n), false), FEED_MSG, "at %zu", at);
		}
		rig_dump(&r.m, &parts);
		cr_assert(str_eq(buf_str(&parts), buf_str(&whole)), "at %zu", at);
		cr_assert_eq(r.in.len, 0);
		buf_fini(&parts);
	}
	buf_fini(&text);
	buf_fini(&whole);
	rig_fini(&r);
}

Test(policy, recipients)
{
	static const struct {
		const char *recipients, *recipient, *count;
		const char *want; /* '|' behind each */
		uint32_t n;
	} t[] = {
		{ "a@x, b@x", "c@x", "", "a@x|b@x|", 2 },
		{ "a@x,b@x,", "", "0", "a@x|b@x|", 2 },
		{ ", ,a@x,,", "", "x", "a@x|", 1 },
		{ "", "c@x", "0", "c@x|", 1 },
		{ "", "", "7", "", 7 },
		{ "", "", "99999999999", "", UINT32_MAX },
		{ "a@x", "", "7", "a@x|", 7 },
		{ "joe@x, \"a,b\"@x", "", "2", "joe@x|\"a,b\"@x|", 2 },
		{ "\"a\\\",b\"@x,c@x", "", "2", "\"a\\\",b\"@x|c@x|", 2 },
		{ "<\"a,b\"@x>, <c@x>", "", "2", "\"a,b\"@x|c@x|", 2 },
		{ "\"a,b@x, c@x", "", "3", "\"a|b@x|c@x|", 3 },     /* a quote that never ends is none */
		{ "a\"b@x, c\"d@x", "", "2", "a\"b@x|c\"d@x|", 2 }, /* nor one within a word */
		{ "a\x01@x, \"\\", "", "2", "a?@x|\"\\|", 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char text[300], got[200] = "";
		size_t n = 0;
		struct rig r;

		rig_init(&r);
		snprintf(text, sizeof(text), REQUEST "recipient_count=%s\nrecipient=%s\nrecipients=%s\n\n",
		    t[i].count, t[i].recipient, t[i].recipients);
		rig_ask(&r, str_of(text));
		for (uint32_t k = 0; k < r.m.n_rcpts; k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s|", STR_FMT(r.m.rcpts[k].addr));
		cr_expect_str_eq(got, t[i].want, "%zu", i);
		cr_expect_eq(r.m.rcpt_count, t[i].n, "%zu: %u", i, r.m.rcpt_count);
		cr_expect_eq(r.m.door, DOOR_POLICY);
		rig_fini(&r);
	}
}

/* The front of a body: looked at when the header is that of a bounce, wherever its line stands. */
Test(policy, body)
{
	static const char text[] =
	    "It failed:\n\n<joe@example.net>:\nno such user\n\n--- Original message:\n\n"
	    "From: ann@example.com\nMessage-ID: <1@example.com>\nSubject: x\n\nhi";
	static const struct {
		const char *header;
		size_t bytes; /* of the text */
		bool first;   /* body= in front of header= */
		const char *id, *failed;
	} t[] = {
		{ "From: MAILER-DAEMON@x.example\n\n", sizeof(text) - 1, false, "<1@example.com>",
		    "joe@example.net" },
		{ "From: MAILER-DAEMON@x.example\n\n", sizeof(text) - 1, true, "<1@example.com>",
		    "joe@example.net" },
		{ "From: ann@example.com\n\n", sizeof(text) - 1, false, NULL, NULL },
		/* cut: within the id, behind it, within the recipient */
		{ "From: MAILER-DAEMON@x.example\n\n", 110, false, NULL, "joe@example.net" },
		{ "From: MAILER-DAEMON@x.example\n\n", sizeof(text) - 8, false, "<1@example.com>",
		    "joe@example.net" },
		{ "From: MAILER-DAEMON@x.example\n\n", 30, false, NULL, NULL },
		{ "From: MAILER-DAEMON@x.example\n\n", 0, false, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct rig r;
		struct buf b;

		rig_init(&r);
		buf_init(&b, 0);
		buf_printf(&b, REQUEST "protocol_state=DATA\nsender=\n");
		for (int turn = 0; turn < 2; turn++) {
			bool body = turn == (t[i].first ? 0 : 1);

			buf_printf(&b, body ? "body=" : "header=");
			rig_base64(&b, body ? (struct str){ text, t[i].bytes } : str_of(t[i].header));
			buf_append(&b, "\n", 1);
		}
		buf_append(&b, "\n", 1);
		rig_ask(&r, buf_str(&b));
		cr_assert_not(r.p.broken);
		cr_assert_eq(r.m.door, DOOR_EXTENDED);
		cr_assert(str_eq(r.m.dsn.f.returned_id, str_of(t[i].id)), "%zu", i);
		cr_assert_eq(r.m.dsn.f.rcpt_count, t[i].failed != NULL, "%zu", i);
		if (t[i].failed)
			cr_assert(str_eq(r.m.dsn.f.rcpts[0].final_rcpt, str_of(t[i].failed)));
		buf_fini(&b);
		rig_fini(&r);
	}
}

/* A body alone says nothing: it takes a header to know what it is. */
Test(policy, body_without_header)
{
	struct rig r;

	rig_init(&r);
	rig_ask(&r, STR(REQUEST "sender=\nbody=RnJvbTogYUBi\n\n"));
	cr_assert_not(r.p.broken);
	cr_assert_not(r.m.have_dsn);
	rig_fini(&r);
}
