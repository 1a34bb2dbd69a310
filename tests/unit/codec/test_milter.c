/* SPDX-License-Identifier: ISC */
/* Packets in: what each says, where each may come, and what is answered, against bytes written by hand. */
#include "milter_rig.h"

#include "base/compiler.h"
#include "base/xalloc.h"

RIG_SUITE(milter);

static void
negotiated(void)
{
	cr_assert_eq(rig_feed(&r, OPTNEG_V6), FEED_MORE);
	rig_out(&r, OPTNEG_V6_ANSWER);
}

Test(milter, negotiation)
{
	static const struct {
		bool body;
		const char *offer, *answer;
	} cases[] = {
		{ false, OPTNEG_V6, OPTNEG_V6_ANSWER },
		/* Sendmail adds bits of its own that no filter may take */
		{ false, "0000000d 4f 00000006 000001ff 701fffff", OPTNEG_V6_ANSWER },
		/* a later version, and more data than we know */
		{ false, "00000011 4f 00000007 000001ff 001fffff 01020304", OPTNEG_V6_ANSWER },
		/* version 2 of 8.12: no QUARANTINE, nothing but the seven old events */
		{ false, "0000000d 4f 00000002 0000001f 0000007f", "0000000d 4f 00000002 0000001d 00000050" },
		/* versions 3 and 4 of 8.13, as Postfix offers them with milter_protocol = 3, 4 */
		{ false, "0000000d 4f 00000003 000001ff 0000017f", "0000000d 4f 00000003 0000007d 00000150" },
		{ false, "0000000d 4f 00000004 000001ff 0000037f", "0000000d 4f 00000004 0000007d 00000350" },
		/* nothing offered, nothing taken */
		{ false, "0000000d 4f 00000006 00000000 00000000", "0000000d 4f 00000006 00000000 00000000" },
		/* a body that must come is stopped by SKIP, which wants a reply; without SKIP none */
		{ true, OPTNEG_V6, "0000000d 4f 00000006 0000007d 0007e580" },
		{ true, "0000000d 4f 00000006 000001ff 001ffbff", "0000000d 4f 00000006 0000007d 000fe180" },
		{ false, "0000000d 4f 00000006 000001ff 001fffef", "0000000d 4f 00000006 0000007d 0007e580" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		rig_fini(&r);
		rig_init(&r);
		r.mi.want_body = cases[i].body;
		cr_assert_eq(rig_feed(&r, cases[i].offer), FEED_MORE, "%zu", i);
		rig_out(&r, cases[i].answer);
		cr_assert_eq(r.mi.state, MILTER_READY);
	}
}

Test(milter, connect)
{
	static const struct {
		const char *packet, *name, *address, *port;
	} cases[] = {
		{ "00000016 43 'mx.test' 00 34 c001 '192.0.2.9' 00", "mx.test", "192.0.2.9", "49153" },
		{ "00000016 43 'mx.test' 00 34 0001 '192.0.2.9' 00", "mx.test", "192.0.2.9", "1" },
		/* local submission: no port to join by */
		{ "00000018 43 'localhost' 00 34 0000 '127.0.0.1' 00", "localhost", "127.0.0.1", "" },
		/* both MTAs put the address where there is no name */
		{ "00000013 43 '[::1]' 00 36 ffff 'IPv6:::1' 00 ", "unknown", "::1", "65535" },
		{ "00000014 43 'six' 00 36 0019 '2001:db8::1' 00", "six", "2001:db8::1", "25" },
		{ "0000000f 43 'here' 00 4c 0000 '/sock' 00", "here", "", "" },
		{ "0000000a 43 'unknown' 00 55", "unknown", "", "" },
		/* Postfix, whose policy client says 127.0.0.1 of a client on a unix socket */
		{ "0000000c 43 'localhost' 00 55", "localhost", "127.0.0.1", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		rig_fini(&r);
		rig_init(&r);
		negotiated();
		cr_assert_eq(rig_feed(&r, cases[i].packet), FEED_MORE, "%zu", i);
		rig_str(r.mi.client_name, cases[i].name);
		rig_str(r.mi.client_address, cases[i].address);
		rig_str(r.mi.client_port, cases[i].port);
		rig_out(&r,
		    CONTINUE); /* answered: the policy door is to know of this client before it is asked */
	}
}

/* One message as Postfix 3.12 sends it with its default macros. */
Test(milter, postfix_message)
{
	negotiated();
	cr_assert_eq(rig_feed(&r,
			 "00000020 44 43 'j' 00 'mx.example' 00 '{daemon_name}' 00 'in' 00 "
			 "00000016 43 'mx.test' 00 34 c001 '192.0.2.9' 00 "
			 "00000002 44 48 0000000b 48 'helo.test' 00 "
			 "00000014 44 4d '{auth_authen}' 00 'joe' 00 "
			 "00000013 4d '<Joe@x>' 00 'SIZE=1234' 00 "
			 "00000014 44 52 '{rcpt_addr}' 00 'ann@y' 00 " RCPT_ANN
			 "0000000c 44 52 'i' 00 '4Abc123' 00 " RCPT_BOB "0000000c 44 54 'i' 00 '4Abc123' 00 "
			 "0000000c 44 4c 'i' 00 '4Abc123' 00 00000012 4c 'Message-Id' 00 '<1@x>' 00 "
			 "0000000c 44 45 'i' 00 '4Abc123' 00 " EOM),
	    FEED_MSG);
	rig_out(&r, CONTINUE); /* to CONNECT, once a connection; the message itself needs no answer */
	cr_assert_eq(r.m.door, DOOR_MILTER);
	cr_assert_eq(r.m.stage, STAGE_EOM);
	rig_str(r.m.queue_id, "4Abc123");
	rig_str(r.m.client_name, "mx.test");
	rig_str(r.m.client_address, "192.0.2.9");
	rig_str(r.m.client_port, "49153");
	rig_str(r.m.helo, "helo.test");
	rig_str(r.m.sasl_username, "joe");
	rig_str(r.m.sender, "Joe@x");
	cr_assert(r.m.have_sender);
	cr_assert_eq(r.m.size, 1234);
	cr_assert_eq(r.m.n_rcpts, 2);
	rig_str(r.m.rcpts[0].raw, "<ann@y>");
	rig_str(r.m.rcpts[1].raw, "<Bob@y>");
	rig_str(r.m.rcpts[1].addr, "Bob@y");
	cr_assert(r.m.have_header);
	rig_str(r.m.header.f.message_id, "<1@x>");
	/* it waits for the verdict */
	cr_assert_eq(rig_feed(&r, ABORT), FEED_MORE);
	cr_assert_eq(r.in.len, 5);
	cr_assert_eq(milter_reply(&r.mi, &r.m, &(struct verdict){ .what = ACT_PASS }, &r.out), 0);
	rig_out(&r, CONTINUE);
	cr_assert_eq(r.m.n_rcpts, 0);
	cr_assert_eq(rig_feed(&r, "00000001 51"), FEED_CLOSE);
	cr_assert_not(r.mi.aborted);
}

/* Without no-reply steps each event gets its CONTINUE, macros and ABORT none. */
Test(milter, answers_where_awaited)
{
	static const char *const events[] = {
		"00000016 43 'mx.test' 00 34 c001 '192.0.2.9' 00",
		"00000003 48 'h' 00",
		MAIL_JOE,
		RCPT_ANN,
		"00000001 54",
		"00000005 55 'FOO' 00",
		"00000006 4c 'To' 00 'a' 00",
		"00000001 4e",
		"00000004 42 'abc'",
	};

	cr_assert_eq(rig_feed(&r, "0000000d 4f 00000006 0000001f 00000000"), FEED_MORE);
	rig_out(&r, "0000000d 4f 00000006 0000001d 00000000");
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		cr_assert_eq(rig_feed(&r, "00000006 44 43 'i' 00 'A' 00"), FEED_MORE);
		rig_out(&r, "");
		cr_assert_eq(rig_feed(&r, events[i]), FEED_MORE, "%s", r.mi.why);
		rig_out(&r, CONTINUE);
	}
	cr_assert_eq(rig_feed(&r, ABORT), FEED_MORE);
	rig_out(&r, "");
}

Test(milter, feed_reply_then_more)
{
	rig_hex(&r.in, OPTNEG_V6);
	cr_assert_eq(rig_step(&r), FEED_REPLY);
	cr_assert_eq(rig_step(&r), FEED_MORE);
	rig_out(&r, OPTNEG_V6_ANSWER);
}

/* Connection facts outlive ABORT and messages; message facts do not. */
Test(milter, several_messages)
{
	negotiated();
	cr_assert_eq(rig_feed(&r,
			 "00000016 43 'mx.test' 00 34 c001 '192.0.2.9' 00 00000003 48 'a' 00 "
			 "00000014 44 4d '{auth_authen}' 00 'joe' 00 " MAIL_JOE RCPT_ANN
			 "00000006 4c 'To' 00 'a' 00 "),
	    FEED_MORE);
	rig_out(&r, CONTINUE);
	rig_hex(&r.in, ABORT);
	cr_assert_eq(rig_step(&r), FEED_REPLY);
	cr_assert(r.mi.aborted);
	rig_str(r.m.sender, "joe@x"); /* stands until the next feed */
	rig_str(r.m.sasl_username, "joe");
	r.mi.aborted = false;
	cr_assert_eq(rig_step(&r), FEED_MORE);
	cr_assert_not(r.m.have_sender);
	/* nothing under way: no message was given up */
	cr_assert_eq(rig_feed(&r, ABORT ABORT), FEED_MORE);
	cr_assert_not(r.mi.aborted);
	cr_assert_eq(rig_feed(&r, "00000003 48 'b' 00" MAIL_JOE RCPT_BOB EOM), FEED_MSG);
	rig_str(r.m.client_address, "192.0.2.9");
	rig_str(r.m.helo, "b");
	rig_str(r.m.sasl_username, "");
	cr_assert_eq(r.m.n_rcpts, 1);
	cr_assert_not(r.m.have_header);
	cr_assert_eq(milter_reply(&r.mi, &r.m, &(struct verdict){ .what = ACT_PASS }, &r.out), 0);
	cr_assert_eq(rig_feed(&r, MAIL_JOE RCPT_ANN RCPT_BOB EOM), FEED_MSG);
	cr_assert_eq(r.m.n_rcpts, 2);
	rig_out(&r, CONTINUE);
}

/* A MAIL that somebody else refused is followed by another one, with its own macros. */
Test(milter, mail_after_mail)
{
	negotiated();
	cr_assert_eq(
	    rig_feed(&r, "00000014 44 4d '{auth_authen}' 00 'joe' 00 " MAIL_JOE RCPT_ANN), FEED_MORE);
	rig_hex(&r.in, "00000014 44 4d '{auth_authen}' 00 'jim' 00 00000009 4d '<jim@x>' 00 " RCPT_BOB EOM);
	cr_assert_eq(rig_step(&r), FEED_REPLY);
	cr_assert(r.mi.aborted);
	rig_str(r.m.sasl_username, "joe");
	r.mi.aborted = false;
	cr_assert_eq(rig_step(&r), FEED_MSG);
	cr_assert_not(r.mi.aborted);
	rig_str(r.m.sender, "jim@x");
	rig_str(r.m.sasl_username, "jim");
	cr_assert_eq(r.m.n_rcpts, 1);
}

Test(milter, quit_within_a_message)
{
	negotiated();
	cr_assert_eq(rig_feed(&r, MAIL_JOE "00000001 51"), FEED_CLOSE);
	cr_assert(r.mi.aborted);
	cr_assert(r.m.have_sender);
	cr_assert_eq(rig_step(&r), FEED_BAD);
	cr_assert_not_null(r.mi.why);
}

Test(milter, quit_nc_starts_over)
{
	negotiated();
	cr_assert_eq(
	    rig_feed(&r,
		"00000016 43 'mx.test' 00 34 c001 '192.0.2.9' 00 00000003 48 'a' 00 " MAIL_JOE "00000001 4b"),
	    FEED_MORE);
	cr_assert(r.mi.aborted);
	cr_assert_eq(r.mi.client_address.n + r.mi.helo.n + r.mi.client_name.n, 0);
	rig_out(&r, CONTINUE);
	/* a connection may follow at once */
	cr_assert_eq(rig_feed(&r, "0000000a 43 'unknown' 00 55" MAIL_JOE EOM), FEED_MSG);
	rig_str(r.m.client_address, "");
	rig_str(r.m.helo, "");
	rig_out(&r, CONTINUE);
	cr_assert_eq(milter_reply(&r.mi, &r.m, &(struct verdict){ .what = ACT_PASS }, &r.out), 0);
	rig_out(&r, CONTINUE);
	/* or a new negotiation */
	cr_assert_eq(rig_feed(&r, "00000001 4b" OPTNEG_V6 MAIL_JOE EOM), FEED_MSG);
	rig_out(&r, OPTNEG_V6_ANSWER);
}

Test(milter, macros)
{
	negotiated();
	/* {client_addr} and its like serve where CONNECT tells nothing */
	cr_assert_eq(rig_feed(&r,
			 "0000001b 44 43 '{client_addr}' 00 '192.0.2.77' 00 "
			 "00000015 44 43 '{client_port}' 00 '2525' 00 "
			 "00000014 44 43 '{client_name}' 00 'n.x' 00 "
			 "0000000a 43 'unknown' 00 55"),
	    FEED_MORE);
	rig_str(r.mi.client_address, "192.0.2.77");
	rig_str(r.mi.client_name, "unknown");
	rig_str(r.mi.client_port, "2525");
	rig_out(&r, CONTINUE);
	/* names with or without braces, the latest queue id that is not empty, unknown names, no macros */
	cr_assert_eq(
	    rig_feed(&r,
		"00000002 44 4d 00000009 44 4d '{i}' 00 'Q1' 00 " MAIL_JOE
		"00000012 44 52 'daemon_name' 00 'MTA' 00 " RCPT_ANN
		"00000006 44 54 'i' 00 'Q' 00 00000005 44 4c 'i' 00 00 00000007 44 45 'i' 00 'Q2' 00 "
		"00000005 44 45 'i' 00 00 00000007 44 45 '{}' 00 'a' 00 00000006 44 45 '{' 00 'i' 00 "),
	    FEED_MORE);
	rig_str(r.m.queue_id, "Q2");
	rig_out(&r, "");
}

Test(milter, connect_wins_over_macros)
{
	negotiated();
	cr_assert_eq(rig_feed(&r,
			 "0000001b 44 43 '{client_addr}' 00 '192.0.2.77' 00 "
			 "00000016 43 'mx.test' 00 34 c001 '192.0.2.9' 00 "
			 "0000001b 44 4d '{client_addr}' 00 '192.0.2.78' 00 "
			 "00000012 44 4d '{client_port}' 00 '0' 00 "),
	    FEED_MORE);
	rig_str(r.mi.client_address, "192.0.2.9");
	rig_str(r.mi.client_port, "49153");
}

/* Facts that an MTA tells late reach the message. */
Test(milter, late_macros)
{
	negotiated();
	cr_assert_eq(
	    rig_feed(&r, MAIL_JOE "0000001b 44 45 '{client_addr}' 00 '192.0.2.77' 00 " EOM), FEED_MSG);
	rig_str(r.m.client_address, "192.0.2.77");
}

/* A port of 0 is none. Nor does a login stay of a MAIL that never came, or a refusal of such a RCPT. */
Test(milter, macros_that_say_nothing)
{
	negotiated();
	cr_assert_eq(rig_feed(&r,
			 "00000012 44 4d '{client_port}' 00 '0' 00 "
			 "00000014 44 4d '{auth_authen}' 00 'joe' 00 00000006 44 4d 'i' 00 'Q' 00 " MAIL_JOE
			 "00000016 44 52 '{rcpt_mailer}' 00 'error' 00 00000006 44 52 'i' 00 'Q' 00 " RCPT_ANN
				 EOM),
	    FEED_MSG);
	rig_str(r.m.client_port, "");
	rig_str(r.m.sasl_username, "");
	rig_str(r.m.queue_id, "Q");
	cr_assert_eq(r.m.n_rcpts, 1);
}

Test(milter, macro_cap)
{
	for (int n = MILTER_MACROS_MAX - 1; n <= MILTER_MACROS_MAX; n++) {
		char data[1 + (MILTER_MACROS_MAX + 1) * 4 + 8];
		size_t at = 0;

		rig_fini(&r);
		rig_init(&r);
		negotiated();
		data[at++] = SMFIC_MAIL;
		for (int i = 0; i < n; i++, at += 4)
			memcpy(data + at, "x\0y\0", 4);
		memcpy(data + at, "i\0Q\0", 4);
		rig_packet(&r.in, SMFIC_MACRO, data, at + 4);
		cr_assert_eq(rig_feed(&r, MAIL_JOE), FEED_MORE);
		rig_str(r.m.queue_id, n < MILTER_MACROS_MAX ? "Q" : "");
	}
}

Test(milter, rejected_recipients_do_not_count)
{
	negotiated();
	cr_assert_eq(rig_feed(&r,
			 MAIL_JOE "00000016 44 52 '{rcpt_mailer}' 00 'error' 00 " RCPT_ANN
				  "00000016 44 52 '{rcpt_mailer}' 00 'local' 00 " RCPT_BOB
				  "00000016 44 52 '{rcpt_mailer}' 00 'error' 00 " RCPT_ANN RCPT_ANN EOM),
	    FEED_MSG);
	cr_assert_eq(r.m.n_rcpts, 2);
	rig_str(r.m.rcpts[0].addr, "Bob@y");
	rig_str(r.m.rcpts[1].addr, "ann@y");
}

Test(milter, mail_arguments)
{
	static const struct {
		const char *packet, *sender;
		uint64_t size;
	} cases[] = {
		{ "00000004 4d '<>' 00", "", 0 },
		{ "00000007 4d 'joe@x' 00", "joe@x", 0 },
		{ "00000013 4d '<Joe@x>' 00 'size=0012' 00", "Joe@x", 12 },
		{ "0000001b 4d '<joe@x>' 00 'BODY=8BITMIME' 00 'RET' 00", "joe@x", 0 },
		{ "00000019 4d '<joe@x>' 00 'SIZE=1x' 00 'SIZE=77' 00", "joe@x", 77 },
		{ "00000023 4d '<joe@x>' 00 'SIZE=99999999999999999999' 00", "joe@x", 0 },
		{ "0000000a 4d '<joe@x>' 00 00", "joe@x", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		rig_fini(&r);
		rig_init(&r);
		negotiated();
		cr_assert_eq(rig_feed(&r, cases[i].packet), FEED_MORE, "%zu", i);
		rig_str(r.m.sender, cases[i].sender);
		cr_assert(r.m.have_sender);
		cr_assert_eq(r.m.size, cases[i].size, "%zu", i);
	}
}

/* The body is not for us: it is taken and dropped, with SKIP once where that may be said. */
Test(milter, body)
{
	r.mi.want_body = true;
	cr_assert_eq(rig_feed(&r, OPTNEG_V6 MAIL_JOE RCPT_ANN "00000006 4c 'To' 00 'a' 00"), FEED_MORE);
	buf_reset(&r.out);
	cr_assert_eq(rig_feed(&r, "00000004 42 'abc'"), FEED_MORE);
	cr_assert(r.m.have_header);
	rig_out(&r, "00000001 73");
	cr_assert_eq(rig_feed(&r, "00000004 42 'abc'"), FEED_MORE);
	rig_out(&r, CONTINUE);
	cr_assert_eq(rig_feed(&r, "00000004 45 'abc'"), FEED_MSG);
	cr_assert_eq(milter_reply(&r.mi, &r.m, &(struct verdict){ .what = ACT_PASS }, &r.out), 0);
	rig_out(&r, CONTINUE);
	/* the next message is skipped anew */
	cr_assert_eq(rig_feed(&r, MAIL_JOE RCPT_ANN "00000001 42"), FEED_MORE);
	rig_out(&r, "00000001 73");
}

Test(milter, body_without_skip)
{
	cr_assert_eq(rig_feed(&r, "0000000d 4f 00000006 000001ff 00080000" MAIL_JOE), FEED_MORE);
	rig_out(&r, "0000000d 4f 00000006 0000007d 00080000" CONTINUE);
	cr_assert_eq(rig_feed(&r, "00000004 42 'abc' 00000004 42 'abc'"), FEED_MORE);
	rig_out(&r, "");
}

/* Every command in every state: taken, or refused with its own phrase. */
Test(milter, order)
{
	static const struct {
		const char *name, *packets;
	} states[] = {
		{ "new", "" },
		{ "ready", OPTNEG_V6 },
		{ "open", OPTNEG_V6 "00000003 48 'h' 00" },
		{ "envelope", OPTNEG_V6 MAIL_JOE },
		{ "header", OPTNEG_V6 MAIL_JOE "00000006 4c 'To' 00 'a' 00" },
		{ "body", OPTNEG_V6 MAIL_JOE "00000001 4e" },
	};
	static const struct {
		const char *packet, *taken; /* one letter a state */
	} commands[] = {
		{ OPTNEG_V6, "yy----" },
		{ "00000006 44 43 'i' 00 'A' 00", "-yyyyy" },
		{ "0000000a 43 'unknown' 00 55", "-y----" },
		{ "00000003 48 'h' 00", "-yyy--" },
		{ MAIL_JOE, "-yyyyy" },
		{ RCPT_ANN, "---y--" },
		{ "00000001 54", "---y--" },
		{ "00000006 4c 'To' 00 'a' 00", "---yy-" },
		{ "00000001 4e", "---yy-" },
		{ "00000002 42 'a'", "---yyy" },
		{ EOM, "---yyy" },
		{ ABORT, "-yyyyy" },
		{ "00000005 55 'FOO' 00", "-yyyyy" },
		{ "00000001 51", "yyyyyy" },
		{ "00000001 4b", "-yyyyy" },
		{ "00000001 5a", "------" },
		{ "00000001 00", "------" },
	};

	for (size_t s = 0; s < ARRAY_LEN(states); s++) {
		for (size_t c = 0; c < ARRAY_LEN(commands); c++) {
			enum feed did;

			rig_fini(&r);
			rig_init(&r);
			cr_assert_eq(rig_feed(&r, states[s].packets), FEED_MORE);
			did = rig_feed(&r, commands[c].packet);
			cr_assert_eq(did == FEED_BAD, commands[c].taken[s] == '-', "%s in %s",
			    commands[c].packet, states[s].name);
			cr_assert(did != FEED_BAD || strstr(r.mi.why, c < 15 ? "out of order" : "unknown"));
			cr_assert(did != FEED_BAD || rig_step(&r) == FEED_BAD);
		}
	}
}

Test(milter, broken_packets)
{
	static const char *const packets[] = {
		"00000000",
		"00100001 4c",
		"ffffffff 4c",
		"0000000c 4f 00000006 000001ff 001fff",
		"0000000d 4f 00000001 000001ff 001fffff",
		OPTNEG_V6 "00000001 44",               /* macros of no command */
		OPTNEG_V6 "00000005 44 43 'i' 00 'A'", /* string without its end */
		OPTNEG_V6 "00000004 44 43 'i' 00",     /* odd number of strings */
		OPTNEG_V6 "00000003 48 'hh'",          /* HELO without NUL */
		OPTNEG_V6 "00000004 48 'h' 00 'x'",    /* and with something behind it */
		OPTNEG_V6 "00000001 48",
		OPTNEG_V6 "00000004 43 'a' 00 58",      /* no such family */
		OPTNEG_V6 "00000004 43 'a' 00 34",      /* no port */
		OPTNEG_V6 "00000005 43 'a' 00 34 00",   /* half a port */
		OPTNEG_V6 "00000006 43 'a' 00 34 0001", /* no address */
		OPTNEG_V6 "00000005 43 'a' 00 55 00",   /* left over */
		OPTNEG_V6 "00000003 43 'a' 00",         /* no family */
		OPTNEG_V6 "00000001 4d",                /* MAIL of nobody */
		OPTNEG_V6 "00000007 4d '<a@b>' 'x'",
		OPTNEG_V6 MAIL_JOE "00000001 52",
		OPTNEG_V6 MAIL_JOE "00000006 52 '<a@b>'",
		OPTNEG_V6 MAIL_JOE "00000002 54 00",
		OPTNEG_V6 MAIL_JOE "00000004 4c 'To' 00", /* no value */
		OPTNEG_V6 MAIL_JOE "00000005 4c 'To' 00 'a'",
		OPTNEG_V6 MAIL_JOE "00000007 4c 'To' 00 'a' 00 00",
		OPTNEG_V6 MAIL_JOE "00000002 4e 00",
		OPTNEG_V6 MAIL_JOE "00000002 41 00",
		OPTNEG_V6 "00000002 51 00",
		OPTNEG_V6 "00000002 4b 00",
	};

	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		rig_fini(&r);
		rig_init(&r);
		cr_assert_eq(rig_feed(&r, packets[i]), FEED_BAD, "%s", packets[i]);
		cr_assert(r.mi.why && *r.mi.why);
		cr_assert_eq(rig_step(&r), FEED_BAD);
	}
}

static void
header_of(size_t n)
{
	char *data = xcalloc(1, n);

	memset(data, 'a', n);
	memcpy(data, "Subject", 8);
	data[n - 1] = '\0';
	rig_packet(&r.in, SMFIC_HEADER, data, n);
	xfree(data);
}

Test(milter, packet_cap)
{
	cr_assert_eq(rig_feed(&r, OPTNEG_V6 MAIL_JOE), FEED_MORE);
	header_of(MILTER_PACKET_MAX - 1);
	cr_assert_not(r.in.failed);
	cr_assert_eq(rig_feed(&r, ""), FEED_MORE);
	cr_assert_eq(rig_feed(&r, EOM), FEED_MSG);
	cr_assert(r.m.have_header);
	cr_assert_eq(milter_reply(&r.mi, &r.m, &(struct verdict){ .what = ACT_PASS }, &r.out), 0);
	/* one beyond is refused by its length word alone */
	cr_assert_eq(rig_feed(&r, MAIL_JOE "00100001"), FEED_BAD);
}

/* An endless row of new names keeps the latest; the arena stays small. */
Test(milter, names_without_end)
{
	char name[MSG_ATTR_MAX + 2];

	negotiated();
	for (int i = 0; i < 300; i++) {
		size_t n = i < 299 ? sizeof(name) : MSG_ATTR_MAX + 1;

		memset(name, 'a' + i % 26, sizeof(name));
		name[n - 1] = '\0';
		rig_packet(&r.in, SMFIC_HELO, name, n);
		cr_assert_eq(
		    rig_feed(&r, "0000000f 44 43 'client_port' 00 00 00000010 44 43 'client_port' 00 'x' 00"),
		    FEED_MORE);
		cr_assert_eq(r.mi.helo.n, MSG_ATTR_MAX);
		cr_assert_eq(r.mi.helo.p[0], 'a' + i % 26);
		rig_str(r.mi.client_port, "x");
		cr_assert(r.mi.conn_arena.used <= MILTER_CONN_ARENA);
	}
	cr_assert_eq(rig_feed(&r, MAIL_JOE EOM), FEED_MSG);
	cr_assert_eq(r.m.helo.n, MSG_ATTR_MAX);
}

/* A message that fills its arena loses facts, not the dialogue. */
Test(milter, arena_full)
{
	rig_fini(&r);
	rig_init(&r);
	r.arena.max = 2000;
	negotiated();
	cr_assert_eq(rig_feed(&r, MAIL_JOE), FEED_MORE);
	for (int i = 0; i < 500; i++)
		cr_assert_eq(rig_feed(&r, RCPT_ANN), FEED_MORE);
	cr_assert_eq(rig_feed(&r,
			 "00000008 44 52 'i' 00 'Q12' 00 00000012 4c 'Message-Id' 00 '<1@x>' 00 "
			 "00000005 4c 'To' 00 00" EOM),
	    FEED_MSG);
	cr_assert_eq(r.m.rcpt_count, 500);
	cr_assert(r.m.n_rcpts < 500);
	cr_assert_eq(milter_reply(&r.mi, &r.m, &(struct verdict){ .what = ACT_PASS }, &r.out), 0);
	rig_out(&r, CONTINUE);
	cr_assert_eq(rig_feed(&r, MAIL_JOE RCPT_ANN EOM), FEED_MSG);
	rig_str(r.m.sender, "joe@x");
}

Test(milter, recipient_cap)
{
	cr_assert_eq(rig_feed(&r, OPTNEG_V6 MAIL_JOE), FEED_MORE);
	for (int i = 0; i < MSG_RCPTS_MAX; i++) {
		rig_packet(&r.in, SMFIC_RCPT, "<a@b>", 6);
		cr_assert_eq(rig_step(&r), FEED_MORE);
	}
	cr_assert_eq(r.m.n_rcpts, MSG_RCPTS_MAX);
	cr_assert_eq(rig_feed(&r, RCPT_ANN EOM), FEED_MSG);
	cr_assert_eq(r.m.n_rcpts, MSG_RCPTS_MAX);
	cr_assert_eq(r.m.rcpt_count, MSG_RCPTS_MAX + 1);
}
