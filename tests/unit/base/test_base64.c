/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/xalloc.h"

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

/* Whatever the processor has to be quick with says the same as plain code, in as much memory as is needed. */
static void
expect_as_plain(struct str text, size_t place)
{
	size_t room = base64_room(text.n), quick_n = SIZE_MAX, plain_n = SIZE_MAX;
	char *in = xmalloc(text.n + 1), *quick = xmalloc(room), *plain = xmalloc(room);
	struct str at_end = { in + 1, text.n }; /* not aligned, and nothing behind it */
	int err;

	memcpy(in + 1, text.p, text.n);
	err = base64_decode_plain(at_end, plain, &plain_n);
	cr_assert_eq(base64_decode(at_end, quick, &quick_n), err, "place %zu of %zu", place, text.n);
	cr_assert_eq(quick_n, plain_n, "place %zu of %zu", place, text.n);
	cr_assert(err || memcmp(quick, plain, plain_n) == 0, "place %zu of %zu", place, text.n);
	xfree(in);
	xfree(quick);
	xfree(plain);
}

/* Any byte at any place of texts that are shorter than what is taken at a time, as long, and longer; lines of
 * any length. */
Test(base64, as_plain)
{
	enum { LONG = 150 };
	static unsigned char raw[LONG];
	char digits[2 * LONG], text[3 * LONG];

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)(i * 59 + i / 3);
	encode(raw, sizeof(raw), digits);
	for (size_t n = 0; n <= LONG; n++)
		expect_as_plain((struct str){ digits, n }, 0);
	for (size_t n = 30; n <= LONG; n += n < 50 ? 1 : 20) {
		for (size_t k = 0; k < n * 256; k++) {
			memcpy(text, digits, n);
			text[k / 256] = (char)(k % 256);
			expect_as_plain((struct str){ text, n }, k / 256);
		}
	}
	for (size_t line = 1; line <= LONG; line++) {
		size_t n = 0;

		for (size_t i = 0; i < LONG; i++) {
			text[n++] = digits[i];
			if (i % line == line - 1)
				text[n++] = '\n';
		}
		expect_as_plain((struct str){ text, n }, line);
	}
}

/* Each digit alone stands for its place in the alphabet, at each place. */
Test(base64, each_digit)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[64];
	size_t n;

	for (unsigned k = 0; k < 64 * 64; k++) {
		unsigned value = k / 64, at = k % 64, bits = 0;

		memset(text, 'A', sizeof(text));
		text[at] = alphabet[value];
		cr_assert_eq(base64_decode((struct str){ text, sizeof(text) }, out, &n), 0);
		cr_assert_eq(n, 48);
		for (unsigned i = 0; i < 3; i++)
			bits = bits << 8 | (unsigned char)out[at / 4 * 3 + i];
		cr_assert_eq(bits, value << (18 - 6 * (at % 4)), "'%c' at %u", alphabet[value], at);
		memset(out + at / 4 * 3, 0, 3);
		cr_assert_eq(out[0], 0);
		cr_assert_eq(memcmp(out, out + 1, 47), 0);
	}
}
