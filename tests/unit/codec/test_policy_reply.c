/* SPDX-License-Identifier: ISC */
/* The answers: exact bytes for each action, and whatever stands in the verdict, nothing but one answer
 * comes out. */
#include "policy_rig.h"

static struct str
reply(struct rig *r, const struct verdict *v)
{
	buf_reset(&r->out);
	policy_reply(&r->p, &r->m, v, &r->out);
	cr_assert_not(r->out.failed);
	return buf_str(&r->out);
}

Test(policy_reply, one_action)
{
	static const struct {
		struct verdict v;
		const char *want;
	} t[] = {
		{ { .what = ACT_PASS }, "action=DUNNO" },
		{ { .what = ACT_WARN }, "action=DUNNO" },
		{ { .what = ACT_CONCEAL }, "action=DUNNO" },
		{ { .what = ACT_DROP_RECIPIENTS }, "action=DUNNO" },
		{ { .what = ACT_COUNT }, "action=DUNNO" },
		{ { .what = ACT_DEFER, .dsn = STR("4.2.0"), .text = STR("later") },
		    "action=451 4.2.0 later" },
		{ { .what = ACT_DEFER, .dsn = STR("4.7.1") },
		    "action=451 4.7.1 mail storm, try again later" },
		{ { .what = ACT_REJECT, .dsn = STR("5.4.6"), .text = STR("a loop") },
		    "action=550 5.4.6 a loop" },
		{ { .what = ACT_REJECT, .dsn = STR("5.7.1"), .text = STR("") },
		    "action=550 5.7.1 mail storm" },
		{ { .what = ACT_REJECT, .dsn = STR("5.7.1"), .text = STR(" \r\n\t ") },
		    "action=550 5.7.1 mail storm" },
		{ { .what = ACT_DISCARD, .text = STR("a copy") }, "action=DISCARD a copy" },
		{ { .what = ACT_DISCARD }, "action=DISCARD mail storm" },
		{ { .what = ACT_HOLD, .text = STR("450") }, "action=HOLD 450" },
		{ { .what = ACT_HOLD }, "action=HOLD mail storm" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("owner@example.org") },
		    "action=REDIRECT owner@example.org" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("l\303\244st@x.y") },
		    "action=REDIRECT l\303\244st@x.y" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("l\344st@x.y") }, "action=DUNNO" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("l\177st@x.y") }, "action=DUNNO" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("owner") }, "action=DUNNO" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("owner@") }, "action=DUNNO" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("@x") }, "action=DUNNO" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("a b@x") }, "action=DUNNO" },
		{ { .what = ACT_REDIRECT_OWNER, .redirect = STR("a@x\n\naction=OK") }, "action=DUNNO" },
		{ { .what = ACT_REDIRECT_OWNER }, "action=DUNNO" },
		/* Text: printable ASCII in one line. */
		{ { .what = ACT_HOLD, .text = STR(" a\r\nb\tc\0d\x7f\xc3\xa9 ") },
		    "action=HOLD a  b c?d???" },
		{ { .what = ACT_DISCARD, .text = STR("x\n\naction=OK\n\n") }, "action=DISCARD x  action=OK" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		static const enum door doors[] = { DOOR_POLICY, DOOR_EXTENDED, DOOR_REPAIRS };
		char want[200];
		struct rig r;

		rig_init(&r);
		snprintf(want, sizeof(want), "%s\n\n", t[i].want);
		for (size_t d = 0; d < ARRAY_LEN(doors); d++) {
			r.m.door = doors[d];
			cr_expect(str_eq(reply(&r, &t[i].v), str_of(want)), "%zu: %.*s", i,
			    STR_FMT(buf_str(&r.out)));
		}
		rig_fini(&r);
	}
}

Test(policy_reply, text_is_cut)
{
	char text[300], want[300];
	struct rig r;

	memset(text, 'x', sizeof(text));
	rig_init(&r);
	for (size_t n = 199; n <= 201; n++) {
		struct verdict v = { .what = ACT_HOLD, .text = { text, n } };

		snprintf(want, sizeof(want), "action=HOLD %.*s\n\n", (int)(n < 200 ? n : 200), text);
		cr_expect(str_eq(reply(&r, &v), str_of(want)), "%zu", n);
	}
	/* No space is left where it was cut. */
	text[199] = ' ';
	snprintf(want, sizeof(want), "action=HOLD %.*s\n\n", 199, text);
	cr_expect(
	    str_eq(reply(&r, &(struct verdict){ .what = ACT_HOLD, .text = { text, 250 } }), str_of(want)));
	rig_fini(&r);
}

Test(policy_reply, prepend)
{
	static const struct {
		struct header_edit edits[2];
		const char *want;
	} t[] = {
		{ { { .name = STR("X-Storm"), .value = STR("wide") },
		      { .name = STR("X-B"), .value = STR("b") } },
		    "action=PREPEND X-Storm: wide\n\n" },
		{ { { .name = STR("X-Storm"), .value = STR("") } }, "action=PREPEND X-Storm: -\n\n" },
		{ { { .name = STR("X-Storm"), .value = STR("a\r\n\nBcc: x") } },
		    "action=PREPEND X-Storm: a   Bcc: x\n\n" },
		/* What is to be replaced cannot be said by adding; the next one is taken. */
		{ { { .name = STR("To"), .value = STR("g:;"), .change = true },
		      { .name = STR("X-B"), .value = STR("b") } },
		    "action=PREPEND X-B: b\n\n" },
		{ { { .name = STR(""), .value = STR("a") }, { .name = STR("X-B"), .value = STR("b") } },
		    "action=PREPEND X-B: b\n\n" },
		{ { { .name = STR("X A"), .value = STR("a") }, { .name = STR("X:"), .value = STR("b") } },
		    "action=DUNNO\n\n" },
		{ { { .name = STR("X\nA"), .value = STR("a") }, { .name = STR("X\xc3"), .value = STR("b") } },
		    "action=DUNNO\n\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct verdict v = { .what = ACT_PASS, .n_edits = 2 };
		struct rig r;

		rig_init(&r);
		memcpy(v.edits, t[i].edits, sizeof(t[i].edits));
		r.m.stage = STAGE_DATA;
		cr_expect(str_eq(reply(&r, &v), str_of(t[i].want)), "%zu: %.*s", i, STR_FMT(buf_str(&r.out)));
		r.m.stage = STAGE_EOM;
		cr_expect(str_eq(reply(&r, &v), STR("action=DUNNO\n\n")), "%zu", i);
		/* A final action comes first. */
		r.m.stage = STAGE_DATA;
		v.what = ACT_HOLD;
		cr_expect(str_eq(reply(&r, &v), STR("action=HOLD mail storm\n\n")), "%zu", i);
		rig_fini(&r);
	}
}

Test(policy_reply, header_lines_are_cut)
{
	static char text[1200];
	struct verdict v = { .what = ACT_PASS, .n_edits = 1 };
	struct rig r;

	rig_init(&r);
	memset(text, 'x', sizeof(text));
	r.m.stage = STAGE_DATA;
	v.edits[0] = (struct header_edit){ .name = { text, 76 }, .value = { text, sizeof(text) } };
	cr_assert_eq(reply(&r, &v).n, strlen("action=PREPEND ") + 998 + 2);
	v.edits[0].name.n = 77;
	cr_assert(str_eq(reply(&r, &v), STR("action=DUNNO\n\n")));
	rig_fini(&r);
}

Test(policy_reply, repairs)
{
	uint32_t drop[] = { 1, 0, 3, 2, UINT32_MAX };
	struct str add[] = { STR("owner@example.org"), STR(""), STR("a@x\nadd=b@x"),
		STR("\xc3\xa9@x.example") };
	struct verdict v = {
		.what = ACT_PASS,
		.drop = drop,
		.n_drop = ARRAY_LEN(drop),
		.add = add,
		.n_add = ARRAY_LEN(add),
		.sender = STR("list-owner@example.org"),
		.edits = { { .name = STR("X-Storm"), .value = STR("yes\r\nsender=x@x") },
		    { .name = STR("To"), .value = STR("g:;"), .change = true },
		    { .name = STR("X-Two"), .value = STR("2") } },
		.n_edits = 3,
	};
	struct rig r;

	rig_init(&r);
	rig_ask(&r, STR(REQUEST "protocol_state=DATA\nrecipients=<Joe@x>, \"a,b\"@x, c@x\nwant=repairs\n\n"));
	cr_assert(
	    str_eq(reply(&r, &v),
		STR("action=DUNNO\ndrop=\"a,b\"@x\ndrop=Joe@x\ndrop=c@x\nadd=owner@example.org\n"
		    "add=\xc3\xa9@x.example\nsender=list-owner@example.org\nheader=X-Storm: yes  sender=x@x\n"
		    "header=X-Two: 2\n\n")),
	    "%.*s", STR_FMT(buf_str(&r.out)));
	/* At END-OF-MESSAGE too: it is not Postfix who asks. */
	r.m.stage = STAGE_EOM;
	cr_assert(str_ifind(reply(&r, &v), STR("\nheader=X-Two: 2\n\n")) < r.out.len);
	v = (struct verdict){ .what = ACT_REJECT, .dsn = STR("5.7.1"), .text = STR("no"), .sender = STR("") };
	cr_assert(str_eq(reply(&r, &v), STR("action=550 5.7.1 no\nsender=\n\n")));
	v.sender = STR("a@x\rb");
	cr_assert(str_eq(reply(&r, &v), STR("action=550 5.7.1 no\n\n")));
	/* Nobody else gets these lines. */
	rig_ask(&r, STR(REQUEST "protocol_state=DATA\nrecipients=a@x,b@x\nwant=other\nmessage_id=<1@x>\n\n"));
	v = (struct verdict){ .what = ACT_PASS, .drop = drop, .n_drop = 2, .sender = STR("o@x") };
	cr_assert(str_eq(reply(&r, &v), STR("action=DUNNO\n\n")));
	rig_fini(&r);
}

/* --- whatever stands in the verdict -------------------------------------------------------------------- */

static uint64_t seed = 20261121;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

static struct str
junk(struct arena *a)
{
	static const char *const words[] = { "", "\n", "\r\n", "\n\n", "action=OK", "450", "OK",
		"a@x.example", ": ", " ", "drop=", "X-A", "5.7.1", "421", "\xff\xfe", "@" };
	struct buf b;
	struct str s;

	buf_init(&b, 0);
	for (uint32_t n = rnd(5); n > 0; n--) {
		char c = (char)rnd(256);

		if (rnd(3))
			buf_str_append(&b, str_of(words[rnd(ARRAY_LEN(words))]));
		else
			buf_append(&b, &c, 1);
	}
	s = rnd(10) ? arena_str(a, buf_str(&b)) : STR_NONE;
	buf_fini(&b);
	return s;
}

/* As strict as a client can be: one action that access(5) knows, then lines of known names, then the end. */
static void
check(struct str out, bool repairs)
{
	static const char *const known[] = { "DUNNO", "PREPEND ", "DISCARD ", "HOLD ", "REDIRECT ", "4",
		"5" };
	struct str line, rest = out;
	bool fine = false;

	for (size_t i = 0; i < out.n; i++)
		cr_assert(out.p[i] != '\r' && out.p[i] != '\0' && out.p[i] != 0x7f);
	cr_assert(str_split(&rest, '\n', &line) && str_starts(line, STR("action=")));
	line = str_sub(line, 7, line.n);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		fine |= str_starts(line, str_of(known[i]));
	cr_assert(fine, "%.*s", STR_FMT(line));
	cr_assert(line.n == str_trim(line).n);
	if (line.p[0] == '4' || line.p[0] == '5')
		cr_assert(line.n > 10 && line.p[3] == ' ' && line.p[4] == line.p[0] && line.p[5] == '.' &&
		    memcmp(line.p + 1, "21", 2) != 0);
	cr_assert(str_eq(line, STR("DUNNO")) || str_find(line, ' ') + 1 < line.n);
	for (;;) {
		cr_assert(str_split(&rest, '\n', &line));
		if (line.n == 0)
			break;
		cr_assert(repairs);
		cr_assert(str_starts(line, STR("drop=")) || str_starts(line, STR("add=")) ||
		    str_starts(line, STR("sender=")) || str_starts(line, STR("header=")));
	}
	cr_assert(rest.p && rest.n == 0, "bytes behind the empty line");
}

Test(policy_reply, nothing_can_be_injected)
{
	struct rig r;

	rig_init(&r);
	for (int round = 0; round < 20000; round++) {
		uint32_t drop[4] = { 0, 1, 2, 99 };
		struct str add[3];
		struct verdict v;

		msg_reset(&r.m);
		r.m.door = (enum door)rnd(DOOR_MILTER);
		r.m.stage = (enum stage)rnd(STAGE_COUNT);
		for (uint32_t n = rnd(4); n > 0; n--)
			msg_add_rcpt(&r.m, junk(&r.arena));
		for (size_t i = 0; i < ARRAY_LEN(add); i++)
			add[i] = junk(&r.arena);
		v = (struct verdict){ .what = (enum action)rnd(ACT_COUNT),
			.text = junk(&r.arena),
			.redirect = junk(&r.arena),
			.drop = drop,
			.n_drop = rnd(5),
			.add = add,
			.n_add = rnd(4),
			.sender = junk(&r.arena),
			.n_edits = rnd(VERDICT_HEADERS_MAX + 3) };
		v.dsn = v.what == ACT_DEFER ? STR("4.7.1") : STR("5.7.1");
		for (size_t i = 0; i < VERDICT_HEADERS_MAX; i++)
			v.edits[i] = (struct header_edit){ junk(&r.arena), junk(&r.arena), rnd(2) };
		check(reply(&r, &v), r.m.door == DOOR_REPAIRS);
	}
	rig_fini(&r);
}
