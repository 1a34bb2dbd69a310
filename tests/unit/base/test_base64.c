/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/base64.h"
#include "base/err.h"

static char out[16384];

Test(base64, texts)
{
	static const struct {
		const char *in, *out; /* out NULL: ERR_SYNTAX */
	} t[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYmFy", "foobar" },
		{ "Zg", "f" }, /* padding missing, or half of it */
		{ "Zg=", "f" },
		{ "Zm8", "fo" },
		{ "Zh==", "f" }, /* unused bits set */
		{ "+/+/", "\xfb\xff\xbf" },
		{ " Z m\t9\r\nv \n", "foo" },
		{ "Zg= =\n", "f" },
		{ "Z", NULL }, /* six bits are no byte */
		{ "Zm9vZ", NULL },
		{ "Zg===", NULL },
		{ "Zm8==", NULL },
		{ "Zm9v=", NULL },
		{ "=", NULL },
		{ "Zg==Zg==", NULL }, /* nothing comes after the end */
		{ "Z=g", NULL },
		{ "Zm9-", NULL }, /* the URL alphabet is another one */
		{ "Zm9_", NULL },
		{ "Zm9\xc3", NULL },
		{ "Zm9.", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct str in = str_of(t[i].in);
		size_t n = SIZE_MAX;
		int err = base64_decode(in, out, &n);

		cr_expect_eq(err, t[i].out ? 0 : ERR_SYNTAX, "\"%s\"", t[i].in);
		if (t[i].out)
			cr_expect(str_eq((struct str){ out, n }, str_of(t[i].out)), "\"%s\"", t[i].in);
		else
			cr_expect_eq(n, SIZE_MAX, "\"%s\"", t[i].in);
		cr_expect(err || n <= base64_room(in.n), "\"%s\"", t[i].in);
	}
	cr_assert_eq(base64_decode(STR("Zm\0v"), out, &(size_t){ 0 }), ERR_SYNTAX);
	cr_assert_eq(base64_decode(STR_NONE, NULL, &(size_t){ 0 }), 0);
}

static size_t
encode(const unsigned char *p, size_t n, char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t o = 0;

	for (size_t bit = 0; bit < n * 8; bit += 6) {
		unsigned two = (unsigned)p[bit / 8] << 8 | (bit / 8 + 1 < n ? p[bit / 8 + 1] : 0U);

		text[o++] = digits[two >> (10 - bit % 8) & 63];
	}
	while (o % 4)
		text[o++] = '=';
	return o;
}

/* Back and forth at every length up to some groups and at a large one, with all bytes, in no more room than
 * it says. */
Test(base64, back_and_forth)
{
	enum { SMALL = 70, LARGE = 10000 };
	static unsigned char raw[LARGE];
	static char text[2 * LARGE];

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t i = 0; i <= SMALL; i++) {
		size_t n = i < SMALL ? i : LARGE, len = encode(raw, n, text), got = 0;

		memset(out, '#', sizeof(out));
		cr_assert_eq(base64_decode((struct str){ text, len }, out, &got), 0);
		cr_assert_eq(got, n);
		cr_assert_eq(memcmp(out, raw, n), 0, "%zu bytes", n);
		cr_assert_eq(out[base64_room(len)], '#');
	}
}

/* Digits are taken four at a time where they stand together: what stands between may be at any place. */
Test(base64, something_at_each_place)
{
	static const char digits[] = "Zm9vYmFyIGJheiBxdXV4IQ", words[] = "foobar baz quux!";
	static const char between[] = { ' ', '\t', '\r', '\n', '.', '=', (char)0x80 };
	char text[sizeof(digits) + 2];

	for (size_t at = 0; at < sizeof(digits); at++) {
		for (size_t k = 0; k < sizeof(between) * 2; k++) {
			size_t more = 1 + k / sizeof(between), n = 0;
			struct str s = { text, sizeof(digits) - 1 + more };
			char c = between[k % sizeof(between)];
			bool fits = str_is_space(c) || (c == '=' && at == sizeof(digits) - 1);

			memcpy(text, digits, at);
			memset(text + at, c, more);
			memcpy(text + at + more, digits + at, sizeof(digits) - 1 - at);
			cr_expect_eq(base64_decode(s, out, &n), fits ? 0 : ERR_SYNTAX, "%zu of 0x%02x at %zu",
			    more, (unsigned char)c, at);
			cr_expect(str_eq((struct str){ out, n }, str_of(fits ? words : "")));
		}
	}
}
