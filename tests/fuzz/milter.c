/* SPDX-License-Identifier: ISC */
/* Packets of the milter door: cut anywhere they mean the same, and what goes back is whole packets. */
#include "fuzz.h"

#include "codec/milter.h"
#include "codec/milter_wire.h"
#include "say.h"
#include "verdict.h"

static void
need_packets(struct str out)
{
	while (out.n) {
		const unsigned char *p = (const unsigned char *)out.p;
		size_t len;

		NEED(out.n >= 5);
		len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		NEED(len >= 1 && len <= out.n - 4 && len <= MILTER_MAX_DATA_SIZE);
		NEED(strchr("Ocdtryq+-hmes2", p[4]));
		/* texts end */
		NEED(!strchr("m+-eqyh2", p[4]) || p[3 + len] == '\0');
		out = str_sub(out, 4 + len, out.n);
	}
}

static void
judge(struct milter *mi, struct msg *m, struct choice *c, struct buf *out)
{
	static const enum action finals[] = { ACT_PASS, ACT_DEFER, ACT_REJECT, ACT_DISCARD, ACT_HOLD };
	struct verdict_parts parts;
	struct verdict v = choose_verdict(&parts, m, finals, ARRAY_LEN(finals), c);

	milter_reply(mi, m, &v, out);
}

/* false: the dialogue is over. */
static bool
drain(struct milter *mi, struct msg *m, struct buf *in, struct buf *out, struct choice *verdicts,
    struct buf *log)
{
	for (;;) {
		enum feed f = milter_feed(mi, in, m, out);

		NEED(!out->failed);
		if (mi->aborted) {
			buf_printf(log, "aborted ");
			say_message(m, log);
			mi->aborted = false;
		}
		if (f == FEED_MORE)
			return true;
		if (f == FEED_MSG) {
			say_message(m, log);
			judge(mi, m, verdicts, out);
		} else if (f != FEED_REPLY) {
			buf_printf(log, "%s\n", f == FEED_BAD ? mi->why : "closed");
			return false;
		}
	}
}

static void
talk(struct str s, bool want_body, uint32_t most, struct choice cuts, struct choice verdicts, struct buf *log)
{
	struct arena arena;
	struct milter mi;
	struct msg m;
	struct buf in, out;
	bool more = true;

	arena_init(&arena, MSG_ARENA_MAX);
	msg_init(&m, &arena, &site.gateway_markers);
	milter_init(&mi);
	mi.want_body = want_body;
	buf_init(&in, MILTER_PACKET_MAX + 4);
	buf_init(&out, MILTER_REPLY_MAX);
	while (more && s.n) {
		size_t n = most ? 1 + choose(&cuts, most) : s.n;

		n = n < s.n ? n : s.n;
		buf_append(&in, s.p, n);
		s = str_sub(s, n, s.n);
		more = drain(&mi, &m, &in, &out, &verdicts, log);
	}
	need_packets(buf_str(&out));
	buf_str_append(log, buf_str(&out));
	milter_fini(&mi);
	msg_fini(&m);
	arena_fini(&arena);
	buf_fini(&in);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t most[] = { 1, 5, 60 };
	struct str s = { (const char *)data, size };
	struct choice c = choice_of(s), verdicts = c;
	bool want_body = choose(&c, 2);
	struct buf whole, cut;

	site_begin();
	buf_init(&whole, 0);
	buf_init(&cut, 0);
	talk(s, want_body, 0, c, verdicts, &whole);
	talk(s, want_body, most[choose(&c, ARRAY_LEN(most))], c, verdicts, &cut);
	need_same("in pieces", &cut, &whole);
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
