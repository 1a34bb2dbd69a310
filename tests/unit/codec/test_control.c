/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/limits.h"
#include "codec/control.h"

static struct control c;
static struct buf in;
static struct arena arena;

static void
setup(void)
{
	control_init(&c);
	buf_init(&in, CONTROL_LINE_MAX + 4096);
	arena_init(&arena, MSG_ARENA_MAX);
}

static void
teardown(void)
{
	buf_fini(&in);
	arena_fini(&arena);
}

TestSuite(control, .init = setup, .fini = teardown, .timeout = 60);

static enum feed
feed(struct str bytes)
{
	buf_str_append(&in, bytes);
	cr_assert_not(in.failed);
	return control_feed(&c, &in, &arena);
}

/* "a|b|c" */
static const char *
words(void)
{
	static char text[2048];
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < c.n_words; i++)
		n +=
		    (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", i ? "|" : "", STR_FMT(c.words[i]));
	return text;
}

Test(control, lines)
{
	static const struct {
		struct str bytes;
		enum feed f;
		const char *words; /* or why */
	} t[] = {
		{ STR("status\n"), FEED_MSG, "status" },
		{ STR("status\r\n"), FEED_MSG, "status" },
		{ STR("storm 12ab\n"), FEED_MSG, "storm|12ab" },
		{ STR("  storms   all  \n"), FEED_MSG, "storms|all" },
		{ STR("\n"), FEED_MSG, "" },
		{ STR("   \n"), FEED_MSG, "" },
		{ STR("\r\n"), FEED_MSG, "" },
		{ STR("1 2 3 4 5 6 7 8\n"), FEED_MSG, "1|2|3|4|5|6|7|8" },
		{ STR("1 2 3 4 5 6 7 8 9\n"), FEED_BAD, "too many words" },
		{ STR("~!\"#\n"), FEED_MSG, "~!\"#" },
		{ STR("sta\0tus\n"), FEED_BAD, "a byte that is not printable ASCII" },
		{ STR("sta\ttus\n"), FEED_BAD, "a byte that is not printable ASCII" },
		{ STR("sta\rtus\n"), FEED_BAD, "a byte that is not printable ASCII" },
		{ STR("status\r\r\n"), FEED_BAD, "a byte that is not printable ASCII" },
		{ STR("\x7f\n"), FEED_BAD, "a byte that is not printable ASCII" },
		{ STR("\xc3\xa9\n"), FEED_BAD, "a byte that is not printable ASCII" },
		{ STR("status"), FEED_MORE, "" },
		{ STR("status\r"), FEED_MORE, "" },
		{ STR(""), FEED_MORE, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		teardown();
		setup();
		cr_expect_eq(feed(t[i].bytes), t[i].f, "row %zu", i);
		if (t[i].f == FEED_MSG)
			cr_expect_eq(in.len, 0, "row %zu: consumed", i);
		if (t[i].f == FEED_MORE)
			cr_expect_eq(in.len, t[i].bytes.n, "row %zu: not touched", i);
		cr_expect_str_eq(t[i].f == FEED_BAD ? c.why : words(), t[i].words, "row %zu", i);
	}
}

Test(control, several_at_once_and_byte_by_byte)
{
	static const char two[] = "storms all\nstatus\n";

	cr_assert_eq(feed(STR("storms all\nstatus\nsto")), FEED_MSG);
	cr_assert_str_eq(words(), "storms|all");
	cr_assert_eq(control_feed(&c, &in, &arena), FEED_MSG);
	cr_assert_str_eq(words(), "status");
	cr_assert_eq(control_feed(&c, &in, &arena), FEED_MORE);
	cr_assert_eq(feed(STR("rm 1\n")), FEED_MSG);
	cr_assert_str_eq(words(), "storm|1");
	for (size_t i = 0; i + 1 < sizeof(two); i++)
		cr_assert_eq(feed((struct str){ two + i, 1 }), two[i] == '\n' ? FEED_MSG : FEED_MORE);
	cr_assert_str_eq(words(), "status");
}

/* `n` bytes in front of the LF, in one piece or byte by byte. */
static enum feed
long_line(size_t n, bool slowly, bool ended)
{
	enum feed f = FEED_MORE;

	teardown();
	setup();
	for (size_t i = 0; i < n && f == FEED_MORE; i++) {
		buf_append(&in, "x", 1);
		if (slowly)
			f = control_feed(&c, &in, &arena);
	}
	return f == FEED_MORE ? feed(ended ? STR("\n") : STR("")) : f;
}

Test(control, length)
{
	for (int slowly = 0; slowly < 2; slowly++) {
		cr_expect_eq(long_line(CONTROL_LINE_MAX, slowly, true), FEED_MSG);
		cr_expect_eq(c.words[0].n, CONTROL_LINE_MAX);
		cr_expect_eq(long_line(CONTROL_LINE_MAX, slowly, false), FEED_MORE);
		cr_expect_eq(long_line(CONTROL_LINE_MAX + 1, slowly, true), FEED_BAD);
		cr_expect_str_eq(c.why, "the line is too long");
		cr_expect_eq(long_line(CONTROL_LINE_MAX + 1, slowly, false), FEED_BAD);
	}
}

Test(control, errors)
{
	struct buf out;

	buf_init(&out, 0);
	control_error(&out, CONTROL_NO_STORM, "no storm \"%s\"", "x\n");
	buf_append(&out, "", 1);
	cr_assert_str_eq(
	    buf_str(&out).p, "{\"error\":\"no-such-storm\",\"what\":\"no storm \\\"x\\u000a\\\"\"}\n\n");
	buf_fini(&out);
	for (int i = 0; i < CONTROL_CODES; i++)
		cr_assert_eq((int)control_code_find(control_code_name((enum control_code)i)), i);
	cr_assert_eq(control_code_find("no"), CONTROL_CODES);
	cr_assert_eq(control_code_find(""), CONTROL_CODES);
}

/* Whatever comes and however it is cut: the same words, nothing beyond the caps. */
Test(control, any_bytes)
{
	static const char often[] = "status storms all storm 0123456789abcdef\r\n\n\n  \0";
	uint64_t seed = 7;

	for (int round = 0; round < 20000; round++) {
		char bytes[200], whole[2048] = "", parts[2048] = "";
		size_t n;

		for (n = 0; n < sizeof(bytes); n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[n] = (seed >> 33) % 100 ? often[(seed >> 40) % (sizeof(often) - 1)]
						      : (char)(seed >> 50);
		}
		for (int cut = 0; cut < 2; cut++) {
			char *log = cut ? parts : whole;
			size_t len = 0, at = 0;
			enum feed f = FEED_MORE;

			teardown();
			setup();
			if (!cut)
				buf_append(&in, bytes, n);
			while (
			    f != FEED_BAD && (cut ? at < n || f == FEED_MSG : f == FEED_MSG || at++ == 0)) {
				if (cut && f == FEED_MORE)
					buf_append(&in, bytes + at++, 1);
				f = control_feed(&c, &in, &arena);
				if (f == FEED_MSG)
					len += (size_t)snprintf(log + len, 2048 - len, "%s\n", words());
				if (f == FEED_BAD)
					len += (size_t)snprintf(log + len, 2048 - len, "BAD %s\n", c.why);
				cr_assert_lt(len, 2048);
			}
		}
		cr_assert_str_eq(whole, parts);
	}
}
