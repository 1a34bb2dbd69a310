/* SPDX-License-Identifier: ISC */
/* How the bytes are cut must not matter, no bytes may do harm. The generator starts from fixed numbers. */
#include "milter_rig.h"

#include "base/compiler.h"

static uint64_t seed;

static uint32_t
draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % below;
}

/* Two connections over one socket: messages that end, one that is given up, one MAIL after another. */
static const char *const dialogues[] = {
	OPTNEG_V6
	"0000000f 44 43 'j' 00 'mx.example' 00 00000016 43 'mx.test' 00 34 c001 '192.0.2.9' 00 "
	"00000002 44 48 0000000b 48 'helo.test' 00 00000014 44 4d '{auth_authen}' 00 'joe' 00 "
	"00000013 4d '<Joe@x>' 00 'SIZE=1234' 00 " RCPT_ANN "0000000c 44 52 'i' 00 '4Abc123' 00 " RCPT_BOB
	"00000012 4c 'Message-Id' 00 '<1@x>' 00 00000006 4c 'To' 00 'a' 00 "
	"0000000f 4c 'Cc' 00 'a@b,' 0a '  c@d' 00 00000001 4e " EOM MAIL_JOE RCPT_ANN ABORT ABORT MAIL_JOE
	"00000014 44 4d '{auth_authen}' 00 'jim' 00 " MAIL_JOE RCPT_BOB "00000004 45 'end' "
	"00000001 4b 0000000a 43 'unknown' 00 55 " MAIL_JOE EOM "00000001 51 ",
	/* no step taken off: each event is answered, the body comes */
	"0000000d 4f 00000002 0000001f 00000000 00000015 43 'mx.test' 00 36 c001 'IPv6:::1' 00 "
	"00000003 48 'h' 00 " MAIL_JOE RCPT_ANN
	"00000001 54 00000005 55 'FOO' 00 00000006 4c 'To' 00 'a' 00 00000001 4e "
	"00000004 42 'abc' 00000004 42 'def' " EOM MAIL_JOE RCPT_ANN RCPT_BOB EOM "00000001 51 ",
	OPTNEG_V6 MAIL_JOE RCPT_ANN "00000006 44 45 'i' 00 'Q' 00 " EOM "00000001 4e ",
};

static void
note(struct buf *log, const struct msg *m)
{
	buf_printf(log, "[%.*s %.*s %.*s %.*s %.*s %.*s from=%.*s size=%llu n=%u", STR_FMT(m->queue_id),
	    STR_FMT(m->client_name), STR_FMT(m->client_address), STR_FMT(m->client_port), STR_FMT(m->helo),
	    STR_FMT(m->sasl_username), STR_FMT(m->sender), (unsigned long long)m->size, m->rcpt_count);
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		buf_printf(log, " %.*s", STR_FMT(m->rcpts[i].raw));
	buf_printf(log, " header=%d %.*s]", m->have_header, STR_FMT(m->header.f.message_id));
}

static void
judge(struct rig *r)
{
	uint32_t drop[] = { 0 };
	struct verdict v = { .what = draw(2) ? ACT_PASS : ACT_HOLD, .n_edits = 1, .text = STR("x") };

	v.edits[0] = (struct header_edit){ STR("To"), STR("b"), true };
	if (r->m.n_rcpts > 1) {
		v.drop = drop;
		v.n_drop = 1;
	}
	milter_reply(&r->mi, &r->m, &v, &r->out);
}

/* Feeds what is there until more is needed; false when the dialogue is over. */
static bool
drain(struct rig *r, struct buf *log)
{
	for (;;) {
		enum feed did = rig_step(r);

		if (r->mi.aborted) {
			buf_printf(log, "aborted ");
			note(log, &r->m);
			r->mi.aborted = false;
		}
		switch (did) {
		case FEED_MORE:
			return true;
		case FEED_REPLY:
			break;
		case FEED_MSG:
			note(log, &r->m);
			judge(r);
			break;
		case FEED_CLOSE:
			buf_printf(log, "closed");
			return false;
		case FEED_BAD:
			cr_assert(r->mi.why && *r->mi.why);
			cr_assert_eq(rig_step(r), FEED_BAD);
			buf_printf(log, "bad: %s", r->mi.why);
			return false;
		}
	}
}

/* What leaves us is a row of whole packets with codes that we use. */
static void
well_formed(struct str out)
{
	while (out.n) {
		const unsigned char *p = (const unsigned char *)out.p;
		size_t len;

		cr_assert(out.n >= 5);
		len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		cr_assert(len >= 1 && len <= out.n - 4);
		cr_assert(strchr("Ocdtryq+-hmes", p[4]));
		cr_assert(p[4] != 'c' || len == 1);
		out = str_sub(out, 4 + len, out.n);
	}
}

/* The bytes in pieces: up to a, up to b, the rest. `log` gets what was understood and what was answered. */
static void
play(struct str bytes, size_t a, size_t b, struct buf *log)
{
	const size_t ends[] = { a, b, bytes.n };
	struct rig r;
	size_t at = 0;

	rig_init(&r);
	seed = 88172645463325252ULL;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		buf_append(&r.in, bytes.p + at, ends[i] - at);
		at = ends[i];
		if (!drain(&r, log))
			break;
	}
	well_formed(buf_str(&r.out));
	buf_str_append(log, buf_str(&r.out));
	rig_fini(&r);
}

static void
play_bytewise(struct str bytes, struct buf *log)
{
	struct rig r;

	rig_init(&r);
	seed = 88172645463325252ULL;
	for (size_t i = 0; i < bytes.n; i++) {
		buf_append(&r.in, bytes.p + i, 1);
		if (!drain(&r, log))
			break;
	}
	buf_str_append(log, buf_str(&r.out));
	rig_fini(&r);
}

Test(milter_fuzz, every_split)
{
	for (size_t d = 0; d < ARRAY_LEN(dialogues); d++) {
		struct buf bytes, whole, log;

		buf_init(&bytes, 0);
		buf_init(&whole, 0);
		buf_init(&log, 0);
		rig_hex(&bytes, dialogues[d]);
		play(buf_str(&bytes), bytes.len, bytes.len, &whole);
		cr_assert(str_ifind(buf_str(&whole), STR("from=joe@x")) < whole.len, "%zu: %.*s", d,
		    STR_FMT(buf_str(&whole)));
		cr_assert_eq(str_ifind(buf_str(&whole), STR("bad: ")) < whole.len, d == 2, "%zu: %.*s", d,
		    STR_FMT(buf_str(&whole)));
		for (size_t i = 0; i <= bytes.len; i++) {
			buf_reset(&log);
			play(buf_str(&bytes), i, i + (bytes.len - i) / 2, &log);
			cr_assert(str_eq(buf_str(&log), buf_str(&whole)), "%zu split at %zu", d, i);
		}
		buf_reset(&log);
		play_bytewise(buf_str(&bytes), &log);
		cr_assert(str_eq(buf_str(&log), buf_str(&whole)), "%zu bytewise", d);
		buf_fini(&bytes);
		buf_fini(&whole);
		buf_fini(&log);
	}
}

/* Good dialogues with a few bytes changed, taken out or doubled. */
Test(milter_fuzz, mutations, .timeout = 120)
{
	struct buf bytes, mutant, log;
	uint64_t keep;

	buf_init(&bytes, 0);
	buf_init(&mutant, 0);
	buf_init(&log, 0);
	seed = 0x9e3779b97f4a7c15ULL;
	for (int round = 0; round < 6000; round++) {
		size_t cut;

		buf_reset(&bytes);
		buf_reset(&mutant);
		buf_reset(&log);
		rig_hex(&bytes, dialogues[draw(ARRAY_LEN(dialogues))]);
		for (uint32_t n = 1 + draw(4); n; n--)
			bytes.data[bytes.start + draw((uint32_t)bytes.len)] =
			    draw(2) ? (char)draw(256) : (char)draw(2);
		cut = draw((uint32_t)bytes.len);
		buf_append(&mutant, buf_str(&bytes).p, cut);
		if (draw(3))
			cut = draw((uint32_t)bytes.len);
		buf_append(&mutant, buf_str(&bytes).p + cut, bytes.len - cut);
		cut = draw((uint32_t)mutant.len + 1);
		keep = seed;
		play(buf_str(&mutant), cut, cut, &log);
		seed = keep;
	}
	buf_fini(&bytes);
	buf_fini(&mutant);
	buf_fini(&log);
}

/* Packets with good lengths and any contents, in any order. */
Test(milter_fuzz, soup, .timeout = 120)
{
	static const char codes[] = "DDDCHMMRRRTLLLLNBEEEAUOK\x01";
	static const char words[] =
	    "i\0j\0{rcpt_mailer}\0error\0<a@b>\0SIZE=1\0To\0Cc\0a, b\n c\0{client_addr}\0::1";
	uint64_t messages = 0;

	seed = 0x2545f4914f6cdd1dULL;
	for (int round = 0; round < 1500; round++) {
		struct rig r;
		struct buf log;

		rig_init(&r);
		buf_init(&log, 0);
		r.mi.want_body = draw(2);
		r.arena.max = draw(4) ? MSG_ARENA_MAX : 500 + draw(3000);
		rig_hex(
		    &r.in, draw(4) ? OPTNEG_V6 MAIL_JOE : "0000000d 4f 00000006 ffffffff 00000000 " MAIL_JOE);
		for (int i = 0; i < 60; i++) {
			char data[64];
			uint32_t n = draw(4) ? draw(sizeof(data)) : 0, from = draw(sizeof(words) - 1);

			for (uint32_t k = 0; k < n; k++)
				data[k] = words[(from + k) % sizeof(words)];
			if (n)
				data[n - 1] = draw(8) ? '\0' : (char)draw(256);
			rig_packet(&r.in, codes[draw(sizeof(codes) - 1)], data, n);
			if (!drain(&r, &log))
				break;
		}
		messages += str_ifind(buf_str(&log), STR("[")) < log.len;
		well_formed(buf_str(&r.out));
		buf_fini(&log);
		rig_fini(&r);
	}
	cr_assert(messages > 100, "%llu", (unsigned long long)messages);
}
