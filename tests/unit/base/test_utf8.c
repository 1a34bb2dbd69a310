/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/compiler.h"
#include "base/utf8.h"

Test(utf8, forms)
{
	static const struct {
		struct str s;
		size_t len;
	} t[] = {
		{ STR("a"), 1 },
		{ STR("\x01"), 1 },
		{ STR("\x7f"), 1 },
		{ STR("\0"), 0 },
		{ STR("\x80"), 0 },
		{ STR("\xc1\xbf"), 0 }, /* overlong */
		{ STR("\xc2\x80"), 2 },
		{ STR("\xdf\xbf"), 2 },
		{ STR("\xdf"), 0 },
		{ STR("\xdf\x7f"), 0 },
		{ STR("\xdf\xc0"), 0 },
		{ STR("\xe0\x9f\xbf"), 0 }, /* overlong */
		{ STR("\xe0\xa0\x80"), 3 },
		{ STR("\xed\x9f\xbf"), 3 },
		{ STR("\xed\xa0\x80"), 0 }, /* surrogate */
		{ STR("\xef\xbf\xbf"), 3 },
		{ STR("\xef\xbf"), 0 },
		{ STR("\xef\xbf\x20"), 0 },
		{ STR("\xf0\x8f\xbf\xbf"), 0 }, /* overlong */
		{ STR("\xf0\x90\x80\x80"), 4 },
		{ STR("\xf4\x8f\xbf\xbf"), 4 },
		{ STR("\xf4\x90\x80\x80"), 0 }, /* above U+10FFFF */
		{ STR("\xf4\x8f\xbf"), 0 },
		{ STR("\xf5\x80\x80\x80"), 0 },
		{ STR("\xff"), 0 },
		{ STR("\xc3\xa9\xff"), 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		cr_expect_eq(utf8_len(t[i].s), t[i].len, "row %zu", i);
}

/* By the definition: decode, and see whether the shortest form of that code point is what stood there. */
static size_t
by_definition(const unsigned char *p, size_t n)
{
	unsigned c = p[0], len = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
	static const unsigned lowest[] = { 0, 1, 0x80, 0x800, 0x10000 };

	if (len == 0 || len > n)
		return 0;
	c = len == 1 ? c : c & (0x7fu >> len);
	for (unsigned i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < lowest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

Test(utf8, all_beginnings)
{
	static const unsigned char tails[] = { 0x00, 0x20, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
		0xff };
	unsigned char b[4];

	for (unsigned first = 0; first < 65536; first++) {
		b[0] = (unsigned char)(first >> 8);
		b[1] = (unsigned char)first;
		for (size_t i = 0; i < ARRAY_LEN(tails) * ARRAY_LEN(tails); i++) {
			b[2] = tails[i / ARRAY_LEN(tails)];
			b[3] = tails[i % ARRAY_LEN(tails)];
			for (size_t n = 1; n <= 4; n++)
				if (utf8_len((struct str){ (char *)b, n }) != by_definition(b, n))
					cr_assert_fail(
					    "%02x %02x %02x %02x, %zu bytes", b[0], b[1], b[2], b[3], n);
		}
	}
}
