/* SPDX-License-Identifier: ISC */
/* Who has to show a body: bounces and reports, when a rule wants them, and nobody else. */
#include "milter_rig.h"

RIG_SUITE(milter_body);

#define SKIP "00000001 73 "
#define OPTNEG_BODY_ANSWER "0000000d 4f 00000006 0000007d 0007e580 "
#define NULL_SENDER "00000004 4d '<>' 00 "
#define ORDINARY MAIL_JOE RCPT_ANN "00000008 4c 'To' 00 'a@b' 00 "

static const char returned[] = "it failed\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n"
			       "From: ann@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nhello\r\n";

static void
put(char code, const void *data, size_t n)
{
	rig_packet(&r.in, code, data, n);
}

static void
field(const char *name, const char *value)
{
	struct buf b;

	buf_init(&b, 0);
	buf_append(&b, name, strlen(name) + 1);
	buf_append(&b, value, strlen(value) + 1);
	put(SMFIC_HEADER, buf_str(&b).p, b.len);
	buf_fini(&b);
}

static void
negotiate(const char *offer)
{
	r.mi.want_body = true;
	cr_assert_eq(rig_feed(&r, offer), FEED_MORE);
	buf_reset(&r.out);
}

static void
bounce(void)
{
	rig_hex(&r.in, NULL_SENDER RCPT_ANN);
	field("From", "MAILER-DAEMON@mx.example.net");
	field("Subject", "failure notice");
}

/* The chunk and what is answered to it. */
static void
chunk(const char *data, size_t n, const char *answer)
{
	put(SMFIC_BODY, data, n);
	cr_assert_eq(rig_feed(&r, ""), FEED_MORE);
	rig_out(&r, answer);
}

static void
end_of_message(void)
{
	cr_assert_eq(rig_feed(&r, EOM), FEED_MSG);
	rig_out(&r, "");
}

static void
pass(void)
{
	cr_assert_eq(milter_reply(&r.mi, &r.m, &(struct verdict){ .what = ACT_PASS }, &r.out), 0);
	buf_reset(&r.out);
}

Test(milter_body, negotiation)
{
	cr_assert_eq(rig_feed(&r, OPTNEG_V6), FEED_MORE);
	rig_out(&r, OPTNEG_V6_ANSWER);
	cr_assert(r.mi.steps & SMFIP_NOBODY);
	rig_fini(&r);
	rig_init(&r);
	r.mi.want_body = true;
	cr_assert_eq(rig_feed(&r, OPTNEG_V6), FEED_MORE);
	rig_out(&r, OPTNEG_BODY_ANSWER);
	cr_assert_not(r.mi.steps & (SMFIP_NOBODY | SMFIP_NR_BODY));
	cr_assert(r.mi.steps & SMFIP_SKIP);
}

/* One round trip more, whatever the size. */
Test(milter_body, ordinary_mail_is_skipped)
{
	negotiate(OPTNEG_V6);
	rig_hex(&r.in, ORDINARY);
	chunk(returned, sizeof(returned) - 1, SKIP);
	end_of_message();
	cr_assert_not(r.m.have_dsn);
	pass();
	/* an MTA that goes on all the same is not told twice */
	rig_hex(&r.in, ORDINARY);
	chunk(returned, sizeof(returned) - 1, SKIP);
	chunk(returned, sizeof(returned) - 1, CONTINUE);
	end_of_message();
	cr_assert_not(r.m.have_dsn);
}

Test(milter_body, bounce)
{
	negotiate(OPTNEG_V6);
	for (size_t step = 1; step < sizeof(returned); step = step * 4 + 1) {
		bounce();
		for (size_t at = 0; at + 1 < sizeof(returned); at += step) {
			size_t n = sizeof(returned) - 1 - at < step ? sizeof(returned) - 1 - at : step;
			const char *found = strstr(returned, "\r\n\r\nhello");

			/* behind the header of the returned message nothing is of interest */
			if (at >= (size_t)(found - returned) + 4)
				break;
			put(SMFIC_BODY, returned + at, n);
		}
		cr_assert_eq(rig_feed(&r, EOM), FEED_MSG);
		cr_assert(r.m.have_dsn);
		rig_str(r.m.dsn.f.returned_id, "<1@example.com>");
		pass();
	}
}

Test(milter_body, enough_is_enough)
{
	negotiate(OPTNEG_V6);
	bounce();
	chunk(returned, 20, CONTINUE);
	chunk(returned + 20, sizeof(returned) - 21, SKIP);
	end_of_message();
	rig_str(r.m.dsn.f.returned_id, "<1@example.com>");
	pass();
	/* the next one begins anew */
	bounce();
	chunk("nothing\r\n", 9, CONTINUE);
	end_of_message();
	cr_assert(r.m.have_dsn);
	cr_assert_not(r.m.dsn.f.returned_id.p);
	pass();
	rig_hex(&r.in, ORDINARY);
	chunk("nothing\r\n", 9, SKIP);
}

Test(milter_body, cap)
{
	static char lines[65535];

	for (size_t i = 0; i < sizeof(lines); i++)
		lines[i] = i % 64 == 63 ? '\n' : 'x';
	negotiate(OPTNEG_V6);
	bounce();
	for (int i = 0; i < 4; i++)
		chunk(lines, sizeof(lines), CONTINUE);
	/* 4 bytes are left */
	chunk(lines, 3, CONTINUE);
	chunk(lines, 1, SKIP);
	chunk(returned, sizeof(returned) - 1, CONTINUE);
	end_of_message();
	cr_assert_eq(r.m.dsn.taken, DSN_BODY_MAX);
	cr_assert_not(r.m.dsn.f.returned_id.p);
}

/* The end of message may bring the last chunk, or all of it. */
Test(milter_body, last_chunk)
{
	negotiate(OPTNEG_V6);
	bounce();
	put(SMFIC_BODYEOB, returned, sizeof(returned) - 1);
	cr_assert_eq(rig_feed(&r, ""), FEED_MSG);
	rig_out(&r, "");
	rig_str(r.m.dsn.f.returned_id, "<1@example.com>");
	pass();
	rig_hex(&r.in, ORDINARY);
	put(SMFIC_BODYEOB, returned, sizeof(returned) - 1);
	cr_assert_eq(rig_feed(&r, ""), FEED_MSG);
	cr_assert_not(r.m.have_dsn);
}

/* Where no answer is due none is given, and the body is read all the same. */
Test(milter_body, without_skip)
{
	static const struct {
		const char *offer, *answer;
	} cases[] = {
		{ "0000000d 4f 00000006 000001ff 001ffbff", "" },
		{ "0000000d 4f 00000002 0000001f 0000007f", CONTINUE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		rig_fini(&r);
		rig_init(&r);
		negotiate(cases[i].offer);
		bounce();
		cr_assert_eq(rig_feed(&r, ""), FEED_MORE);
		buf_reset(&r.out);
		chunk(returned, 20, cases[i].answer);
		chunk(returned + 20, sizeof(returned) - 21, cases[i].answer);
		chunk(returned, sizeof(returned) - 1, cases[i].answer);
		cr_assert_eq(rig_feed(&r, EOM), FEED_MSG);
		rig_str(r.m.dsn.f.returned_id, "<1@example.com>");
		pass();
		rig_hex(&r.in, ORDINARY);
		cr_assert_eq(rig_feed(&r, ""), FEED_MORE);
		buf_reset(&r.out);
		chunk(returned, sizeof(returned) - 1, cases[i].answer);
		cr_assert_eq(rig_feed(&r, EOM), FEED_MSG);
		cr_assert_not(r.m.have_dsn);
	}
}

/* Not wanted: a body that comes from an MTA which cannot leave it out is dropped, a bounce's too. */
Test(milter_body, not_wanted)
{
	cr_assert_eq(rig_feed(&r, "0000000d 4f 00000006 000001ff 001fffef"), FEED_MORE);
	buf_reset(&r.out);
	bounce();
	chunk(returned, sizeof(returned) - 1, SKIP);
	put(SMFIC_BODYEOB, returned, sizeof(returned) - 1);
	cr_assert_eq(rig_feed(&r, ""), FEED_MSG);
	cr_assert_not(r.m.have_dsn);
	pass();
	/* what the header says costs nothing */
	bounce();
	field("X-Failed-Recipients", "joe@example.net");
	cr_assert_eq(rig_feed(&r, EOM), FEED_MSG);
	cr_assert(r.m.have_dsn);
	cr_assert_eq(r.m.dsn.f.rcpt_count, 1);
	rig_str(r.m.dsn.f.rcpts[0].final_rcpt, "joe@example.net");
}
