/* SPDX-License-Identifier: ISC */
/* Text for the database, held against a walk that takes one character at a time. */
#include "store/journal_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "store/journal_queue.h"

static struct arena arena;

static void
set_up(void)
{
	arena_init(&arena, 0);
}

static void
tear_down(void)
{
	arena_fini(&arena);
}

TestSuite(journal_text, .init = set_up, .fini = tear_down, .timeout = 60);

/* The rule in its plainest words. */
static size_t
plain_walk(const char *from, size_t n, char *to)
{
	size_t i = 0, marks = 0;

	while (i < n) {
		const unsigned char *p = (const unsigned char *)from + i;
		size_t len = utf8_len((struct str){ from + i, n - i });
		bool control = len && (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0));

		if (!len || control) {
			to[i++] = '?';
			marks++;
			continue;
		}
		memcpy(to + i, from + i, len);
		i += len;
	}
	return marks;
}

/* In memory of exactly its size, so that a sanitizer sees a step beyond. */
static void
expect_as_plain(const char *bytes, size_t n)
{
	char *copy = malloc(n ? n : 1), want[JOURNAL_TEXT_MAX];
	size_t marks = plain_walk(bytes, n, want);
	struct str got;

	memcpy(copy, bytes, n);
	got = journal_text((struct str){ copy, n }, &arena);
	cr_assert_eq(got.n, n);
	cr_assert(n == 0 || memcmp(got.p, want, n) == 0, "%zu bytes", n);
	cr_assert_eq(got.p == copy, marks == 0 || memcmp(copy, want, n) == 0, "no copy without need");
	free(copy);
	arena_reset(&arena);
}

Test(journal_text, each_byte_at_each_place)
{
	char s[24];

	for (size_t n = 1; n <= sizeof(s); n++) {
		for (size_t at = 0; at < n; at++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				memset(s, 'a', n);
				s[at] = (char)byte;
				expect_as_plain(s, n);
			}
		}
	}
	expect_as_plain("", 0);
}

Test(journal_text, two_odd_bytes_side_by_side)
{
	char s[9];

	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			memset(s, ' ', sizeof(s));
			s[3] = (char)a;
			s[4] = (char)b;
			expect_as_plain(s, sizeof(s));
		}
	}
}

Test(journal_text, pieces_of_utf8_in_any_order)
{
	static const char *const pieces[] = { "plain text", "\xc3\xa9", "\xc2\x80", "\xc2\xa0",
		"\xe2\x82\xac", "\xe2\x82", "\xf0\x9f\x98\x80", "\xf0\x9f", "\xed\xa0\x80", "\xff", "\x7f",
		"\n", "~~~~~~~~~~" };
	uint64_t seed = 7;

	for (unsigned round = 0; round < 20000; round++) {
		char s[200];
		size_t n = 0;

		for (unsigned k = 0; k < 12; k++) {
			const char *piece;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			piece = pieces[(seed >> 33) % ARRAY_LEN(pieces)];
			memcpy(s + n, piece, strlen(piece));
			n += strlen(piece);
		}
		expect_as_plain(s, n);
	}
}

Test(journal_text, is_cut_at_its_cap)
{
	static char s[JOURNAL_TEXT_MAX + 1];
	struct str got;

	memset(s, 'x', sizeof(s));
	got = journal_text((struct str){ s, JOURNAL_TEXT_MAX }, &arena);
	cr_expect(got.p == s && got.n == JOURNAL_TEXT_MAX);
	got = journal_text((struct str){ s, sizeof(s) }, &arena);
	cr_expect(got.p == s && got.n == JOURNAL_TEXT_MAX);
	memcpy(s + JOURNAL_TEXT_MAX - 1, "\xc3\xa9", 2);
	got = journal_text((struct str){ s, sizeof(s) }, &arena);
	cr_assert_eq(got.n, JOURNAL_TEXT_MAX);
	cr_expect_eq(got.p[JOURNAL_TEXT_MAX - 1], '?', "half a character");
	cr_expect_eq(got.p[JOURNAL_TEXT_MAX - 2], 'x');
}
