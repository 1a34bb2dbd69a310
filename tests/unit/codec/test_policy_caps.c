/* SPDX-License-Identifier: ISC */
/* The caps of the policy door, at the cap and one beyond; and that nothing is looked at twice. */
#include "policy_rig.h"

static void
fill(struct buf *b, char c, size_t n)
{
	char *p = buf_reserve(b, n);

	cr_assert_not_null(p);
	memset(p, c, n);
	buf_commit(b, n);
}

Test(policy_caps, attributes)
{
	for (unsigned n = POLICY_ATTRS_MAX - 1; n <= POLICY_ATTRS_MAX + 1; n++) {
		struct rig r;
		struct buf b;

		rig_init(&r);
		buf_init(&b, 0);
		buf_str_append(&b, STR(REQUEST));
		for (unsigned i = 2; i < n; i++)
			buf_printf(&b, "x%u=\n", i);
		buf_str_append(&b, STR("helo_name=last\n\n"));
		rig_ask(&r, buf_str(&b));
		cr_expect_eq(r.p.broken, n > POLICY_ATTRS_MAX, "%u", n);
		if (r.p.broken)
			cr_expect_str_eq(r.p.why, "too many attributes");
		else
			cr_expect(str_eq(r.m.helo, STR("last")), "%u", n);
		buf_fini(&b);
		rig_fini(&r);
	}
}

Test(policy_caps, line)
{
	for (size_t n = POLICY_LINE_MAX - 1; n <= POLICY_LINE_MAX + 1; n++) {
		for (int cr = 0; cr < 2; cr++) {
			struct rig r;
			struct buf b;

			rig_init(&r);
			buf_init(&b, 0);
			buf_str_append(&b, STR(REQUEST "unknown="));
			fill(&b, 'x', n - strlen("unknown="));
			buf_str_append(&b, cr ? STR("\r\n\n") : STR("\n\n"));
			rig_ask(&r, buf_str(&b));
			cr_expect_eq(r.p.broken, n > POLICY_LINE_MAX, "%zu", n);
			if (r.p.broken)
				cr_expect_str_eq(r.p.why, "a line is too long");
			buf_fini(&b);
			rig_fini(&r);
		}
	}
}

/* With its end behind the cap a request is given up at the cap, however its bytes come. */
Test(policy_caps, request)
{
	for (size_t n = POLICY_REQUEST_MAX - 1; n <= POLICY_REQUEST_MAX + 1; n++) {
		for (int parts = 1; parts <= 2; parts++) {
			enum feed want = n > POLICY_REQUEST_MAX ? FEED_BAD : FEED_MSG;
			size_t cut = parts == 1 ? n : POLICY_REQUEST_MAX - 2;
			struct rig r;
			struct buf b;

			rig_init(&r);
			buf_init(&b, 0);
			buf_str_append(&b, STR(REQUEST "a="));
			fill(&b, 'a', POLICY_LINE_MAX - 2);
			buf_str_append(&b, STR("\nb="));
			fill(&b, 'b', n - b.len - 2);
			buf_str_append(&b, STR("\n\n"));
			cr_assert_eq(b.len, n);
			if (parts == 2)
				cr_assert_eq(rig_feed(&r, str_sub(buf_str(&b), 0, cut), false), FEED_MORE);
			cr_expect_eq(rig_feed(&r, str_sub(buf_str(&b), parts == 2 ? cut : 0, n), false), want,
			    "%zu", n);
			cr_expect_not(want == FEED_MSG && r.p.broken);
			if (want == FEED_BAD)
				cr_expect_str_eq(r.p.why, "the request is too long");
			buf_fini(&b);
			rig_fini(&r);
		}
	}
}

Test(policy_caps, no_end_in_sight)
{
	struct rig r;

	rig_init(&r);
	fill(&r.in, 'x', POLICY_REQUEST_MAX - 1);
	cr_assert_eq(policy_feed(&r.p, &r.in, false, &r.m), FEED_MORE);
	cr_assert_eq(rig_feed(&r, STR("x"), false), FEED_BAD);
	cr_assert_eq(rig_feed(&r, STR("x"), true), FEED_BAD);
	cr_assert_not_null(r.p.why);
	rig_fini(&r);
}

Test(policy_caps, values_are_cut)
{
	static const struct {
		const char *name;
		size_t offset, cap;
	} t[] = {
		{ "queue_id", offsetof(struct msg, queue_id), 255 },
		{ "instance", offsetof(struct msg, instance), 255 },
		{ "client_address", offsetof(struct msg, client_address), 255 },
		{ "client_name", offsetof(struct msg, client_name), 1024 },
		{ "helo_name", offsetof(struct msg, helo), 1024 },
		{ "sasl_username", offsetof(struct msg, sasl_username), 1024 },
		{ "sender", offsetof(struct msg, sender), MSG_ATTR_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		for (size_t n = t[i].cap; n <= t[i].cap + 1; n++) {
			const struct str *got;
			struct rig r;
			struct buf b;

			rig_init(&r);
			buf_init(&b, 0);
			buf_printf(&b, REQUEST "%s=", t[i].name);
			fill(&b, 'q', n);
			buf_str_append(&b, STR("\n\n"));
			rig_ask(&r, buf_str(&b));
			got = (const struct str *)(const void *)((const char *)&r.m + t[i].offset);
			cr_expect_not(r.p.broken);
			cr_expect_eq(got->n, t[i].cap, "%s: %zu", t[i].name, got->n);
			buf_fini(&b);
			rig_fini(&r);
		}
	}
}

/* More recipients than are kept are counted; what comes behind them still finds memory. */
Test(policy_caps, recipients)
{
	for (uint32_t n = MSG_RCPTS_MAX; n <= MSG_RCPTS_MAX + 1; n++) {
		struct rig r;
		struct buf b;

		rig_init(&r);
		buf_init(&b, 0);
		buf_str_append(&b, STR(REQUEST "recipients="));
		for (uint32_t i = 0; i < n; i++)
			buf_printf(&b, "%x@x.example.org,", i);
		buf_str_append(&b, STR("\nmessage_id=<1@x>\n\n"));
		rig_ask(&r, buf_str(&b));
		cr_expect_eq(r.m.n_rcpts, MSG_RCPTS_MAX, "%u", r.m.n_rcpts);
		cr_expect_eq(r.m.rcpt_count, n);
		cr_expect(str_eq(r.m.header.f.message_id, STR("<1@x>")));
		buf_fini(&b);
		rig_fini(&r);
	}
}

/* The most hostile forms of a list: many tiny ones, quotes that open again and again. */
Test(policy_caps, hostile_recipients, .timeout = 20)
{
	static const char *const pieces[] = { ",", "a,", "\x01,", "\",", "\"", "\"\\\",", "<\"a\",", "\\" };

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct str piece = str_of(pieces[i]);
		struct rig r;
		struct buf b;

		rig_init(&r);
		buf_init(&b, 0);
		buf_str_append(&b, STR(REQUEST "recipients="));
		while (b.len < POLICY_LINE_MAX)
			buf_str_append(&b, piece);
		buf_str_append(&b, STR("\nmessage_id=<1@x>\n\n"));
		rig_ask(&r, buf_str(&b));
		cr_expect_leq(r.m.n_rcpts, MSG_RCPTS_MAX);
		cr_expect(str_eq(r.m.header.f.message_id, STR("<1@x>")), "%zu", i);
		buf_fini(&b);
		rig_fini(&r);
	}
}

/* A megabyte that comes byte by byte: what was looked at once is not looked at again. A line end that
 * is put there behind the codec's back goes unseen, until the request as a whole is read. */
Test(policy_caps, one_byte_at_a_time, .timeout = 30)
{
	struct rig r;

	rig_init(&r);
	buf_str_append(&r.in, STR(REQUEST "header="));
	for (size_t i = 0; i < (1 << 20) - 64; i++) {
		buf_append(&r.in, "A", 1);
		cr_assert_eq(policy_feed(&r.p, &r.in, false, &r.m), FEED_MORE);
		cr_assert_eq(r.p.scanned, r.in.len);
	}
	memcpy(r.in.data + r.in.start + r.in.len - 8, "\n\n", 2);
	cr_assert_eq(rig_feed(&r, STR("A"), false), FEED_MORE);
	memcpy(r.in.data + r.in.start + r.in.len - 9, "AA", 2);
	buf_str_append(&r.in, STR("AAA"));
	cr_assert_eq(rig_feed(&r, STR("\n"), false), FEED_MORE);
	cr_assert_eq(rig_feed(&r, STR("\n"), false), FEED_MSG);
	cr_assert_not(r.p.broken, "%s", r.p.why);
	rig_fini(&r);
}

/* More of a body than is looked at is no fault. */
Test(policy_caps, body)
{
	struct rig r;
	struct buf b, text;

	rig_init(&r);
	buf_init(&b, 0);
	buf_init(&text, 0);
	buf_printf(&text, "%0*d\n", 2 * DSN_BODY_MAX, 0);
	buf_printf(&b, REQUEST "message_id=<1@x>\nheader_from=MAILER-DAEMON@x.example\nbody=");
	rig_base64(&b, buf_str(&text));
	buf_append(&b, "\n\n", 2);
	rig_ask(&r, buf_str(&b));
	cr_assert_not(r.p.broken);
	cr_assert(r.m.have_dsn);
	cr_assert_eq(r.m.dsn.taken, DSN_BODY_MAX);
	cr_assert(r.m.dsn.f.flags & DSN_CUT);
	buf_fini(&b);
	buf_fini(&text);
	rig_fini(&r);
}
