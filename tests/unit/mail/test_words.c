/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "mail/words.h"

static struct str
decoded(const char *in)
{
	static char out[200];

	return words_decode(str_of(in), out, sizeof(out));
}

Test(words, what_is_decoded)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },
		{ "Hello WORLD", "hello world" },
		{ "=?utf-8?Q?A=42_c?=", "ab c" },
		{ "=?utf-8?B?SGVsbG8=?=", "hello" },
		{ "=?utf-8?q?a?= \t =?utf-8?q?b?=", "ab" },
		{ "=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b" },
		{ "=?utf-8?q?a?==?utf-8?q?b?=", "ab" },
		{ "  =?utf-8?q?a?=  ", "  a  " },
		{ "a = b =? c =?= d", "a = b =? c =?= d" },
		{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
		{ "=?utf-8?q?never closed", "=?utf-8?q?never closed" },
		{ "=?utf-8?q?a?= = =?utf-8?q?b?=", "a = b" },
		{ "=?utf-8?q?a?= =? =?utf-8?q?b?=", "a =? b" },
		{ "=?utf-8?q?a=4?=", "a=4" },
		{ "==", "==" },
		{ "=?", "=?" },
		{ "CAF\xc3\x89 \xe9", "caf\xc3\x89 \xe9" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect(str_eq(decoded(rows[i].in), str_of(rows[i].out)), "%s: %.*s", rows[i].in,
		    STR_FMT(decoded(rows[i].in)));
	cr_expect_eq(words_decode(STR_NONE, (char[1]){ 0 }, 1).n, 0);
}

Test(words, spaces)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = { { "", 0 }, { ":", 0 }, { " :", 1 }, { "\t", 1 }, { "\xa0:", 1 }, { "\xc2\xa0:", 2 },
		{ "\xc2", 0 }, { "\xc3\xa0", 0 }, { "\xe2\x80\xaf", 3 }, { "\xe2\x80", 0 },
		{ "\xe2\x80\xa6", 0 }, { "\xe3\x80\x80x", 3 }, { "\xe2\x80\x8f", 3 }, { "\xef\xbb\xbf", 3 },
		{ "\xef\xbc\x9a", 0 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(words_space(str_of(rows[i].text)), rows[i].n, "%zu", i);
}

/* With less room the same, cut; and no byte beyond it is touched. */
Test(words, cut_at_any_length)
{
	static const char pieces[] = "=?q=?u?Q?b_c=41?= =?u?B?SGVs?= \t\r\n A=Z?_";
	uint32_t x = 4711;

	for (int round = 0; round < 20000; round++) {
		char in[96], whole[96], out[97];
		size_t n = (x >> 8) % sizeof(in), cap;
		struct str all, s;

		for (size_t i = 0; i < n; i++) {
			x = x * 1664525 + 1013904223;
			/* now runs of the text, now any byte of it */
			in[i] = i && (x >> 12 & 7)
			    ? pieces[(strchr(pieces, in[i - 1]) - pieces + 1) % (sizeof(pieces) - 1)]
			    : pieces[(x >> 16) % (sizeof(pieces) - 1)];
		}
		x = x * 1664525 + 1013904223;
		all = words_decode((struct str){ in, n }, whole, sizeof(whole));
		cr_assert_leq(all.n, n);
		cap = 1 + (x >> 16) % sizeof(whole);
		memset(out, '#', sizeof(out));
		s = words_decode((struct str){ in, n }, out, cap);
		cr_assert_leq(s.n, cap);
		cr_assert_eq(out[cap], '#', "nothing beyond its room");
		if (all.n <= cap && memchr(in, ' ', n) == NULL)
			cr_assert(str_eq(s, all), "%.*s", (int)n, in);
	}
}
