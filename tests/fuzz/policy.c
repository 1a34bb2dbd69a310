/* SPDX-License-Identifier: ISC */
/* Requests of the policy door: cut anywhere they mean the same, and each gets one answer of whole lines. */
#include "fuzz.h"

#include "codec/policy.h"
#include "say.h"
#include "verdict.h"

/* One "action=" line, known names behind it, one empty line and nothing after it. */
static void
need_answer(struct str s)
{
	struct str line;
	bool first = true;

	NEED(s.n > 2 && s.p[s.n - 1] == '\n' && s.p[s.n - 2] == '\n');
	s.n--;
	for (size_t i = 0; i < s.n; i++)
		NEED(s.p[i] == '\n' || !str_is_control(s.p[i]));
	while (s.n) {
		NEED(str_split(&s, '\n', &line));
		NEED(line.n > 0);
		NEED(first == str_starts(line, STR("action=")));
		NEED(first || str_starts(line, STR("drop=")) || str_starts(line, STR("add=")) ||
		    str_starts(line, STR("sender=")) || str_starts(line, STR("header=")));
		if (first)
			NEED(line.n > 7 && !str_istarts(line, STR("action=OK")));
		first = false;
	}
}

static void
answer(const struct msg *m, struct policy *p, struct choice *c, struct buf *log)
{
	static const enum action finals[] = { ACT_PASS, ACT_DEFER, ACT_REJECT, ACT_DISCARD, ACT_HOLD,
		ACT_REDIRECT_OWNER };
	struct verdict_parts parts;
	struct verdict v = choose_verdict(&parts, m, finals, ARRAY_LEN(finals), c);
	struct buf out;

	buf_init(&out, 0);
	policy_reply(p, m, &v, &out);
	need_answer(buf_str(&out));
	buf_str_append(log, buf_str(&out));
	buf_fini(&out);
}

static void
ask(struct str in, uint32_t most, struct choice cuts, struct choice verdicts, struct buf *log)
{
	struct arena arena;
	struct policy p;
	struct msg m;
	struct buf b;
	enum feed f = FEED_MORE;
	bool last = in.n == 0;

	arena_init(&arena, MSG_ARENA_MAX);
	msg_init(&m, &arena, &site.gateway_markers);
	policy_init(&p);
	buf_init(&b, POLICY_REQUEST_MAX);
	while (f != FEED_BAD && !last) {
		size_t n = most ? 1 + choose(&cuts, most) : in.n;

		n = n < in.n ? n : in.n;
		last = n == in.n;
		buf_append(&b, in.p, n);
		in = str_sub(in, n, in.n);
		for (f = FEED_MSG; f == FEED_MSG;) {
			size_t before = b.len;

			f = policy_feed(&p, &b, last, &m);
			if (f != FEED_MSG)
				break;
			NEED(b.len < before);
			buf_printf(log, "%s\n", p.broken ? p.why : "fine");
			say_message(&m, log);
			answer(&m, &p, &verdicts, log);
			msg_reset(&m);
		}
		if (f == FEED_BAD)
			buf_printf(log, "bad: %s\n", p.why);
		if (last && f == FEED_MORE)
			NEED(b.len == 0);
	}
	buf_fini(&b);
	msg_fini(&m);
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t most[] = { 1, 7, 100 };
	struct str s = { (const char *)data, size };
	struct choice c = choice_of(s), verdicts = c;
	struct buf whole, cut;

	site_begin();
	buf_init(&whole, 0);
	buf_init(&cut, 0);
	ask(s, 0, c, verdicts, &whole);
	ask(s, most[choose(&c, ARRAY_LEN(most))], c, verdicts, &cut);
	need_same("in pieces", &cut, &whole);
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
