/* SPDX-License-Identifier: ISC */
/* A header and a body through the scanner, and all that it found as one text. */
#ifndef TEST_MAIL_DSN_RIG_H
#define TEST_MAIL_DSN_RIG_H

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/limits.h"
#include "mail/dsn.h"
#include "mail/header.h"

struct rig {
	struct arena arena;
	struct header header;
	struct dsn dsn;
	struct buf said;
};

static struct rig rig;

static void
rig_init(void)
{
	arena_init(&rig.arena, MSG_ARENA_MAX);
	header_init(&rig.header, &rig.arena, NULL);
	buf_init(&rig.said, 0);
}

static void
rig_fini(void)
{
	header_fini(&rig.header);
	arena_fini(&rig.arena);
	buf_fini(&rig.said);
}

/* In pieces of `step` bytes, each at a place of its own, so that a sanitizer sees who looks beyond it. */
static void
rig_feed(struct str body, size_t step)
{
	for (size_t at = 0; at < body.n; at += step) {
		struct str piece = str_sub(body, at, at + step);
		struct buf copy;

		buf_init(&copy, 0);
		buf_str_append(&copy, piece);
		dsn_feed(&rig.dsn, buf_str(&copy).p, copy.len);
		buf_fini(&copy);
	}
}

static const struct dsn_facts *
rig_scan(const char *header, struct str body, size_t step)
{
	arena_reset(&rig.arena);
	header_reset(&rig.header);
	header_feed(&rig.header, header, strlen(header));
	dsn_begin(&rig.dsn, &rig.arena, header_end(&rig.header));
	rig_feed(body, step);
	dsn_end(&rig.dsn, &rig.header.f);
	return &rig.dsn.f;
}

static void
rig_say(const char *name, struct str s)
{
	if (s.p)
		buf_printf(&rig.said, " %s=%.*s", name, STR_FMT(s));
}

static struct str
rig_text(const struct dsn_facts *f)
{
	static const char *const sources[] = { "nowhere", "reference", "text", "status", "part" };
	static const char *const flags[] = { "cut", "status", "field", "lines", "more" };

	buf_reset(&rig.said);
	buf_printf(&rig.said, "%s", sources[f->source]);
	rig_say("id", f->returned_id);
	rig_say("mta", f->reporting_mta);
	for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
		if (f->flags & 1U << i)
			buf_printf(&rig.said, " +%s", flags[i]);
	for (uint32_t i = 0; i < f->rcpt_count; i++) {
		buf_printf(&rig.said, "\n%s", dsn_rcpt_failed(&f->rcpts[i]) ? "failed" : "not");
		rig_say("final", f->rcpts[i].final_rcpt);
		rig_say("original", f->rcpts[i].original_rcpt);
		rig_say("action", f->rcpts[i].action);
		rig_say("status", f->rcpts[i].status);
		rig_say("remote", f->rcpts[i].remote_mta);
	}
	return buf_str(&rig.said);
}

static void
rig_want(const char *what, const struct dsn_facts *f, const char *want)
{
	struct str got = rig_text(f);

	cr_assert(str_eq(got, str_of(want)), "%s: got\n%.*s\ninstead of\n%s", what, STR_FMT(got), want);
}

#endif
