/* SPDX-License-Identifier: ISC */
/* What the milter tests share: bytes written as "00000006 4f 'text' 00", and a codec with its buffers. */
#ifndef TEST_MILTER_RIG_H
#define TEST_MILTER_RIG_H

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/limits.h"
#include "codec/milter.h"
#include "codec/milter_wire.h"

/* What Postfix 3.12 and Sendmail 8.14 and later offer. */
#define OPTNEG_V6 "0000000d 4f 00000006 000001ff 001fffff "
#define OPTNEG_V6_ANSWER "0000000d 4f 00000006 0000007d 000fe190 "
#define CONTINUE "00000001 63 "
#define EOM "00000001 45 "
#define ABORT "00000001 41 "
#define MAIL_JOE "00000009 4d '<joe@x>' 00 "
#define RCPT_ANN "00000009 52 '<ann@y>' 00 "
#define RCPT_BOB "00000009 52 '<Bob@y>' 00 "

struct rig {
	struct arena arena;
	struct msg m;
	struct milter mi;
	struct buf in, out;
};

static inline int
rig_digit(char c)
{
	const char *at = strchr("0123456789abcdef", c);

	cr_assert(c && at, "bad digit %c", c);
	return (int)(at - "0123456789abcdef");
}

/* Hex digits in pairs, 'text' as it is, spaces for the eye. */
static inline void
rig_hex(struct buf *to, const char *text)
{
	for (const char *p = text; *p; p++) {
		char byte;

		if (*p == ' ')
			continue;
		if (*p == '\'') {
			for (p++; *p && *p != '\''; p++)
				buf_append(to, p, 1);
			cr_assert(*p);
			continue;
		}
		byte = (char)(rig_digit(p[0]) << 4 | rig_digit(p[1]));
		buf_append(to, &byte, 1);
		p++;
	}
}

static inline void
rig_init(struct rig *r)
{
	arena_init(&r->arena, MSG_ARENA_MAX);
	msg_init(&r->m, &r->arena, NULL);
	milter_init(&r->mi);
	buf_init(&r->in, MILTER_PACKET_MAX + 4);
	buf_init(&r->out, MILTER_REPLY_MAX);
}

static inline void
rig_fini(struct rig *r)
{
	milter_fini(&r->mi);
	msg_fini(&r->m);
	arena_fini(&r->arena);
	buf_fini(&r->in);
	buf_fini(&r->out);
}

/* Tests that have a rig `r` each. */
#define RIG_SUITE(name)             \
	static struct rig r;        \
	static void set_up(void)    \
	{                           \
		rig_init(&r);       \
	}                           \
	static void tear_down(void) \
	{                           \
		rig_fini(&r);       \
	}                           \
	TestSuite(name, .init = set_up, .fini = tear_down)

static inline enum feed
rig_step(struct rig *r)
{
	return milter_feed(&r->mi, &r->in, &r->m, &r->out);
}

/* Feeds until something else than an answer of the codec's own comes. */
static inline enum feed
rig_feed(struct rig *r, const char *hex)
{
	enum feed did;

	rig_hex(&r->in, hex);
	do
		did = rig_step(r);
	while (did == FEED_REPLY);
	return did;
}

/* `out` is exactly this; it is emptied. */
static inline void
rig_out(struct rig *r, const char *hex)
{
	struct buf want;
	struct str got = buf_str(&r->out);

	buf_init(&want, 0);
	rig_hex(&want, hex);
	if (!str_eq(buf_str(&want), got)) {
		for (size_t i = 0; i < got.n; i++)
			fprintf(stderr, "%02x", (unsigned char)got.p[i]);
		fprintf(stderr, " instead of %s\n", hex);
	}
	cr_assert(str_eq(buf_str(&want), got));
	buf_fini(&want);
	buf_consume(&r->out, r->out.len);
}

static inline void
rig_str(struct str got, const char *want)
{
	cr_assert(str_eq(got, str_of(want)), "\"%.*s\" instead of \"%s\"", STR_FMT(got), want);
}

/* One packet from parts, for tests that make them in numbers. */
static inline void
rig_packet(struct buf *to, char code, const void *data, size_t n)
{
	uint32_t len = (uint32_t)n + 1;
	const char head[] = { (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len, code };

	buf_append(to, head, sizeof(head));
	buf_append(to, data, n);
}

#endif
