/* SPDX-License-Identifier: ISC */
/* Packets out: each reply against bytes written by hand from the MTAs' definitions; what is left unsaid. */
#include "milter_rig.h"

#include "base/compiler.h"
#include "base/xalloc.h"

#define ALL 0x7d

RIG_SUITE(milter_reply);

/* To the end of a message to ann, Bob and cyd with one To, three Cc, a Resent-To; all actions but `less`. */
static void
message(uint32_t less)
{
	char offer[64];

	rig_fini(&r);
	rig_init(&r);
	snprintf(offer, sizeof(offer), "0000000d 4f 00000006 %08x 001fffff", ALL & ~less);
	cr_assert_eq(rig_feed(&r, offer), FEED_MORE);
	cr_assert_eq(rig_feed(&r,
			 MAIL_JOE RCPT_ANN RCPT_BOB "0000000e 52 '<cyd@z>' 00 'X=1' 00 00 "
						    "00000006 4c 'To' 00 'a' 00 00000006 4c 'Cc' 00 'b' 00 "
						    "00000006 4c 'CC' 00 'c' 00 00000006 4c 'cc' 00 'd' 00 "
						    "0000000d 4c 'Resent-To' 00 'e' 00 " EOM),
	    FEED_MSG, "%s", r.mi.why);
	cr_assert_eq(r.m.n_rcpts, 3);
	buf_reset(&r.out);
}

static uint32_t
reply(const struct verdict *v)
{
	uint32_t missing = milter_reply(&r.mi, &r.m, v, &r.out);

	cr_assert_eq(r.mi.state, MILTER_OPEN);
	cr_assert_eq(r.m.n_rcpts, 0);
	/* only one answer is due */
	cr_assert_eq(milter_reply(&r.mi, &r.m, v, &r.out), 0);
	return missing;
}

Test(milter_reply, final)
{
	static const struct {
		enum action what;
		const char *dsn, *text, *packets;
	} cases[] = {
		{ ACT_PASS, "", "", "00000001 63" },
		{ ACT_PASS, "5.7.1", "no", "00000001 63" },
		{ ACT_REDIRECT_OWNER, "", "", "00000001 63" },
		{ ACT_DISCARD, "", "a storm", "00000001 64" },
		{ ACT_DEFER, "4.7.1", "", "00000001 74" },
		{ ACT_REJECT, "5.7.1", " ", "00000001 72" },
		{ ACT_DEFER, "4.7.1", "later", "00000011 79 '451 4.7.1 later' 00" },
		{ ACT_REJECT, "5.4.6", "loop", "00000010 79 '550 5.4.6 loop' 00" },
		{ ACT_DEFER, "4.3.255", "busy", "00000012 79 '451 4.3.255 busy' 00" },
		/* the text is a format at the other end, and one line */
		{ ACT_REJECT, "5.7.1", "100% sure", "00000016 79 '550 5.7.1 100%% sure' 00" },
		{ ACT_REJECT, "5.7.1", " a\r\nb\tc\x01\xc3\xa4 ",
		    "00000015 79 '550 5.7.1 a  b c' 3f3f3f 00" },
		{ ACT_HOLD, "", "a storm", "00000009 71 'a storm' 00 00000001 63" },
		{ ACT_HOLD, "", "", "00000017 71 'held by policyd-storm' 00 00000001 63" },
		{ ACT_HOLD, "", "50%\n", "00000005 71 '50%' 00 00000001 63" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict v = {
			.what = cases[i].what, .dsn = str_of(cases[i].dsn), .text = str_of(cases[i].text)
		};

		message(0);
		cr_assert_eq(reply(&v), 0);
		rig_out(&r, cases[i].packets);
	}
}

Test(milter_reply, repairs)
{
	uint32_t drop[] = { 1, 2 };
	struct str add[] = { STR("owner@y"), STR("\"a b\"@y") };
	struct verdict v = { .drop = drop, .n_drop = 2, .add = add, .n_add = 2, .sender = STR("own@y") };

	v.edits[0] = (struct header_edit){ STR("X-Storm"), STR("yes"), false };
	v.n_edits = 1;
	message(0);
	cr_assert_eq(reply(&v), 0);
	rig_out(&r,
	    "0000000d 68 'X-Storm' 00 'yes' 00 "
	    "00000009 2d '<Bob@y>' 00 00000009 2d '<cyd@z>' 00 "
	    "0000000b 2b '<owner@y>' 00 0000000b 2b '<\"a b\"@y>' 00 "
	    "00000009 65 '<own@y>' 00 " CONTINUE);
	/* the null sender; held mail is mended too */
	message(0);
	cr_assert_eq(reply(&(struct verdict){ .what = ACT_HOLD, .sender = STR(""), .text = STR("x") }), 0);
	rig_out(&r, "00000004 65 '<>' 00 00000003 71 'x' 00 " CONTINUE);
	/* nothing is mended that is not let on */
	v.what = ACT_DISCARD;
	message(0);
	cr_assert_eq(reply(&v), 0);
	rig_out(&r, "00000001 64");
	v.what = ACT_DEFER;
	message(0);
	cr_assert_eq(reply(&v), 0);
	rig_out(&r, "00000001 74");
}

/* Every field of a name is replaced, the last first, so that no address stays behind. */
Test(milter_reply, conceal)
{
	struct verdict v = { .n_edits = 5 };

	v.edits[0] = (struct header_edit){ STR("To"), STR("undisclosed-recipients:;"), true };
	v.edits[1] = (struct header_edit){ STR("Cc"), STR(""), true };
	v.edits[2] = (struct header_edit){ STR("resent-to"), STR("none:;"), true };
	v.edits[3] = (struct header_edit){ STR("Bcc"), STR("none:;"), true };
	v.edits[4] = (struct header_edit){ STR("Subject"), STR("s"), true };
	message(0);
	cr_assert_eq(reply(&v), 0);
	rig_out(&r,
	    "00000021 6d 00000001 'To' 00 'undisclosed-recipients:;' 00 "
	    "00000009 6d 00000003 'Cc' 00 00 00000009 6d 00000002 'Cc' 00 00 00000009 6d 00000001 'Cc' 00 00 "
	    "00000016 6d 00000001 'resent-to' 00 'none:;' 00 "
	    "0000000f 6d 00000001 'Subject' 00 's' 00 " CONTINUE);
	/* counted a message at a time */
	cr_assert_eq(rig_feed(&r, MAIL_JOE RCPT_ANN "00000006 4c 'Cc' 00 'b' 00 " EOM), FEED_MSG);
	v.n_edits = 2;
	cr_assert_eq(reply(&v), 0);
	rig_out(&r, "00000009 6d 00000001 'Cc' 00 00 " CONTINUE);
}

Test(milter_reply, nobody_left)
{
	uint32_t all[] = { 2, 0, 1 }, twice[] = { 0, 0, 1, 7 };
	struct str owner[] = { STR("owner@y") };

	message(0);
	cr_assert_eq(reply(&(struct verdict){ .drop = all, .n_drop = 3 }), 0);
	rig_out(&r, "00000001 64");
	/* needs nothing from the MTA */
	message(ALL);
	cr_assert_eq(reply(&(struct verdict){ .drop = all, .n_drop = 3 }), 0);
	rig_out(&r, "00000001 64");
	/* somebody else gets it */
	message(0);
	cr_assert_eq(reply(&(struct verdict){ .drop = all, .n_drop = 3, .add = owner, .n_add = 1 }), 0);
	rig_out(&r,
	    "00000009 2d '<ann@y>' 00 00000009 2d '<Bob@y>' 00 00000009 2d '<cyd@z>' 00 "
	    "0000000b 2b '<owner@y>' 00 " CONTINUE);
	/* held for those who would be left out */
	message(0);
	cr_assert_eq(
	    reply(&(struct verdict){ .what = ACT_HOLD, .drop = all, .n_drop = 3, .text = STR("x") }), 0);
	rig_out(&r, "00000003 71 'x' 00 " CONTINUE);
	/* named twice, or out of range, is not all */
	message(0);
	cr_assert_eq(reply(&(struct verdict){ .drop = twice, .n_drop = 4 }), 0);
	rig_out(&r, "00000009 2d '<ann@y>' 00 00000009 2d '<Bob@y>' 00 " CONTINUE);
	/* recipients that we could not keep still want their mail */
	message(0);
	r.m.rcpt_count++;
	cr_assert_eq(reply(&(struct verdict){ .drop = all, .n_drop = 3 }), 0);
	rig_out(&r, "00000009 2d '<ann@y>' 00 00000009 2d '<Bob@y>' 00 00000009 2d '<cyd@z>' 00 " CONTINUE);
	/* no recipients at all */
	cr_assert_eq(rig_feed(&r, MAIL_JOE EOM), FEED_MSG);
	cr_assert_eq(reply(&(struct verdict){ .drop = all, .n_drop = 3 }), 0);
	rig_out(&r, CONTINUE);
}

/* DELRCPT takes all recipients of an address: one that stays under another index keeps them. */
Test(milter_reply, recipient_named_twice)
{
	uint32_t drop[] = { 0, 1, 3 }, both[] = { 0, 2, 3 };

	cr_assert_eq(rig_feed(&r, OPTNEG_V6 MAIL_JOE RCPT_ANN RCPT_BOB RCPT_ANN RCPT_BOB EOM), FEED_MSG);
	buf_reset(&r.out);
	cr_assert_eq(reply(&(struct verdict){ .drop = drop, .n_drop = 3 }), 0);
	rig_out(&r, "00000009 2d '<Bob@y>' 00 00000009 2d '<Bob@y>' 00 " CONTINUE);
	/* "bob" is somebody else than "Bob"; with or without brackets is the same */
	cr_assert_eq(rig_feed(&r,
			 MAIL_JOE RCPT_ANN "00000009 52 '<bob@y>' 00 "
					   "00000007 52 'ann@y' 00 " RCPT_BOB EOM),
	    FEED_MSG);
	cr_assert_eq(reply(&(struct verdict){ .drop = both, .n_drop = 3 }), 0);
	rig_out(&r, "00000009 2d '<ann@y>' 00 00000007 2d 'ann@y' 00 00000009 2d '<Bob@y>' 00 " CONTINUE);
}

/* Postfix has taken the route off, and knows nobody by it. */
Test(milter_reply, recipient_with_a_source_route)
{
	uint32_t all[] = { 0, 1 };
	struct str owner[] = { STR("owner@y") };

	cr_assert_eq(rig_feed(&r,
			 OPTNEG_V6 MAIL_JOE "00000011 52 '<@a.x,@b:Joe@y>' 00 "
					    "0000000a 52 '@a:ann@y' 00 " EOM),
	    FEED_MSG);
	buf_reset(&r.out);
	cr_assert_eq(reply(&(struct verdict){ .drop = all, .n_drop = 2, .add = owner, .n_add = 1 }), 0);
	rig_out(&r, "00000009 2d '<Joe@y>' 00 00000009 2d '<ann@y>' 00 0000000b 2b '<owner@y>' 00 " CONTINUE);
}

Test(milter_reply, not_offered)
{
	uint32_t drop[] = { 0 };
	struct str add[] = { STR("own@y") };
	struct verdict v = { .what = ACT_HOLD,
		.text = STR("x"),
		.drop = drop,
		.n_drop = 1,
		.add = add,
		.n_add = 1,
		.sender = STR("s@y"),
		.n_edits = 2 };

	v.edits[0] = (struct header_edit){ STR("A"), STR("1"), false };
	v.edits[1] = (struct header_edit){ STR("To"), STR("2"), true };
#define ADD_A "00000005 68 'A' 00 '1' 00 "
#define CHG_TO "0000000a 6d 00000001 'To' 00 '2' 00 "
#define DEL_ANN "00000009 2d '<ann@y>' 00 "
#define ADD_OWN "00000009 2b '<own@y>' 00 "
#define FROM "00000007 65 '<s@y>' 00 "
#define HELD "00000003 71 'x' 00 "
	static const struct {
		uint32_t less, missing;
		const char *packets;
	} cases[] = {
		{ 0, 0, ADD_A CHG_TO DEL_ANN ADD_OWN FROM HELD CONTINUE },
		{ SMFIF_ADDHDRS, SMFIF_ADDHDRS, CHG_TO DEL_ANN ADD_OWN FROM HELD CONTINUE },
		{ SMFIF_CHGHDRS, SMFIF_CHGHDRS, ADD_A DEL_ANN ADD_OWN FROM HELD CONTINUE },
		/* to take from one and not give to the other would lose it */
		{ SMFIF_ADDRCPT, SMFIF_ADDRCPT | SMFIF_DELRCPT, ADD_A CHG_TO FROM HELD CONTINUE },
		{ SMFIF_DELRCPT, SMFIF_ADDRCPT | SMFIF_DELRCPT, ADD_A CHG_TO FROM HELD CONTINUE },
		{ SMFIF_CHGFROM, SMFIF_CHGFROM, ADD_A CHG_TO DEL_ANN ADD_OWN HELD CONTINUE },
		{ SMFIF_QUARANTINE, SMFIF_QUARANTINE, ADD_A CHG_TO DEL_ANN ADD_OWN FROM CONTINUE },
		{ ALL, ALL, CONTINUE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		message(cases[i].less);
		cr_assert_eq(reply(&v), cases[i].missing, "%zu", i);
		rig_out(&r, cases[i].packets);
	}
}

/* What would break a header field or an address is left out and told. */
Test(milter_reply, unfit_words)
{
	static const char *const names[] = { "", "X Y", "X:", "X\n", "X\xc3\xa4" };
	static const char *const addresses[] = { "", "a@b>", "<a@b", "a@b\n", "a\x7f@b" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct verdict v = { .n_edits = 1 };

		v.edits[0] = (struct header_edit){ str_of(names[i]), STR("v"), i % 2 };
		message(0);
		cr_assert_eq(reply(&v), i % 2 ? SMFIF_CHGHDRS : SMFIF_ADDHDRS);
		rig_out(&r, CONTINUE);
	}
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		uint32_t drop[] = { 0 };
		struct str add[] = { STR("good@y"), str_of(addresses[i]) };

		message(0);
		cr_assert_eq(reply(&(struct verdict){ .drop = drop, .n_drop = 1, .add = add, .n_add = 2 }),
		    SMFIF_ADDRCPT | SMFIF_DELRCPT);
		rig_out(&r, CONTINUE);
		if (i == 0)
			continue;
		message(0);
		cr_assert_eq(reply(&(struct verdict){ .sender = str_of(addresses[i]) }), SMFIF_CHGFROM);
		rig_out(&r, CONTINUE);
	}
}

Test(milter_reply, header_values)
{
	static const struct {
		const char *value, *sent;
	} cases[] = {
		{ "plain", "plain" },
		{ "  both ends \t", "both ends" },
		{ "a  b\tc", "a  b\tc" },
		{ "one\n two", "one\n two" },
		{ "one\n\ttwo", "one\n\ttwo" },
		{ "one\r\n two", "one\n two" },
		{ "one \r\n \t two", "one\n two" },
		{ "one\ntwo", "one two" },
		{ "one\r\ntwo", "one two" },
		{ "one\rtwo", "one two" },
		{ "one\n\n two", "one\n two" },
		{ "one\n \ntwo", "one two" },
		{ "one\n \n two", "one\n two" },
		{ "one\n", "one" },
		{ "one\n ", "one" },
		{ "a\x01"
		  "b\x7f"
		  "c\xc3\xa4",
		    "a?b?c\xc3\xa4" },
		{ " \r\n\t", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict v = { .n_edits = 1 };
		size_t n = strlen(cases[i].sent);

		v.edits[0] = (struct header_edit){ STR("X"), str_of(cases[i].value), false };
		message(0);
		cr_assert_eq(reply(&v), 0);
		cr_assert_eq(r.out.len, 4 + 1 + 2 + n + 1 + 5, "%zu", i);
		cr_assert_eq(memcmp(buf_str(&r.out).p + 7, cases[i].sent, n), 0, "%zu", i);
	}
}

/* Lengths at their caps and one beyond. */
Test(milter_reply, caps)
{
	static const struct {
		enum action what;
		size_t cap, around; /* bytes of the packets beside the text */
	} cases[] = {
		{ ACT_HOLD, MILTER_REASON_MAX, 4 + 1 + 1 + 5 },
		{ ACT_REJECT, MILTER_TEXT_MAX, 4 + 1 + 10 + 1 },
		{ ACT_PASS, MILTER_VALUE_MAX, 4 + 1 + 2 + 1 + 5 },
	};
	char *text = xmalloc(MILTER_VALUE_MAX + 1);

	memset(text, 'x', MILTER_VALUE_MAX + 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t more = 0; more < 2; more++) {
			struct str s = { text, cases[i].cap + more };
			struct verdict v = {
				.what = cases[i].what, .dsn = STR("5.7.1"), .text = s, .n_edits = i == 2
			};

			v.edits[0] = (struct header_edit){ STR("X"), s, false };
			message(0);
			cr_assert_eq(reply(&v), 0);
			cr_assert_eq(r.out.len, cases[i].cap + cases[i].around, "%zu", i);
		}
	}
	xfree(text);
}

Test(milter_reply, counted_fields_cap)
{
	for (uint32_t n = MILTER_FIELDS_MAX; n <= MILTER_FIELDS_MAX + 1; n++) {
		struct verdict v = { .n_edits = 1 };

		v.edits[0] = (struct header_edit){ STR("Cc"), STR(""), true };
		rig_fini(&r);
		rig_init(&r);
		cr_assert_eq(rig_feed(&r, OPTNEG_V6 MAIL_JOE), FEED_MORE);
		for (uint32_t i = 0; i < n; i++) {
			rig_packet(&r.in, SMFIC_HEADER, "cc\0", 4);
			cr_assert_eq(rig_step(&r), FEED_MORE);
		}
		buf_reset(&r.out);
		cr_assert_eq(rig_feed(&r, EOM), FEED_MSG);
		cr_assert_eq(reply(&v), 0);
		cr_assert_eq(r.out.len, (size_t)MILTER_FIELDS_MAX * 13 + 5);
	}
}

/* A door too narrow for the repairs still says that the mail may go on. */
Test(milter_reply, no_room)
{
	for (size_t max = 5; max < 60; max++) {
		uint32_t drop[] = { 0 };
		struct verdict v = { .drop = drop, .n_drop = 1, .sender = STR("s@y"), .n_edits = 1 };
		uint32_t missing;

		v.edits[0] = (struct header_edit){ STR("X"), STR("v"), false };
		message(0);
		r.out.max = max;
		missing = reply(&v);
		cr_assert_not(r.out.failed);
		if (max < 9 + 13 + 11 + 5) {
			cr_assert_eq(missing, SMFIF_ADDHDRS | SMFIF_DELRCPT | SMFIF_CHGFROM);
			rig_out(&r, CONTINUE);
		} else {
			cr_assert_eq(missing, 0);
			rig_out(&r,
			    "00000005 68 'X' 00 'v' 00 00000009 2d '<ann@y>' 00 00000007 65 '<s@y>' "
			    "00 " CONTINUE);
		}
	}
}
