/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/base64.h"
#include "base/err.h"

struct sink {
	char data[4 * BASE64_PIECE];
	size_t n, calls, largest;
};

static void
take(void *arg, const char *p, size_t n)
{
	struct sink *s = arg;

	cr_assert_leq(s->n + n, sizeof(s->data));
	memcpy(s->data + s->n, p, n);
	s->n += n;
	s->calls++;
	if (n > s->largest)
		s->largest = n;
}

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
		struct sink s = { .n = 0 };
		int err = base64_decode(str_of(t[i].in), take, &s);

		cr_expect_eq(err, t[i].out ? 0 : ERR_SYNTAX, "\"%s\"", t[i].in);
		cr_expect_eq(base64_decode(str_of(t[i].in), NULL, NULL), err, "\"%s\"", t[i].in);
		if (t[i].out)
			cr_expect(str_eq((struct str){ s.data, s.n }, str_of(t[i].out)), "\"%s\"", t[i].in);
		else
			cr_expect_eq(s.calls, 0, "\"%s\"", t[i].in);
	}
	cr_assert_eq(base64_decode(STR("Zm\0v"), NULL, NULL), ERR_SYNTAX);
	cr_assert_eq(base64_decode(STR_NONE, NULL, NULL), 0);
}

static size_t
encode(const unsigned char *p, size_t n, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t o = 0;

	for (size_t bit = 0; bit < n * 8; bit += 6) {
		unsigned two = (unsigned)p[bit / 8] << 8 | (bit / 8 + 1 < n ? p[bit / 8 + 1] : 0U);

		out[o++] = digits[two >> (10 - bit % 8) & 63];
	}
	while (o % 4)
		out[o++] = '=';
	return o;
}

/* Back and forth at every length around the size of a piece, with all bytes. */
Test(base64, back_and_forth)
{
	static unsigned char raw[2 * BASE64_PIECE + 4];
	static char text[4 * BASE64_PIECE];
	static struct sink s;
	static const size_t around[] = { 0, BASE64_PIECE, 2 * BASE64_PIECE };

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t k = 0; k < ARRAY_LEN(around); k++) {
		for (size_t n = around[k] > 3 ? around[k] - 3 : 0; n <= around[k] + 3; n++) {
			size_t len = encode(raw, n, text);

			s.n = s.calls = s.largest = 0;
			cr_assert_eq(base64_decode((struct str){ text, len }, take, &s), 0);
			cr_assert_eq(s.n, n);
			cr_assert_eq(memcmp(s.data, raw, n), 0, "%zu bytes", n);
			cr_assert_leq(s.largest, BASE64_PIECE);
			cr_assert_eq(s.calls, (n + BASE64_PIECE - 1) / BASE64_PIECE);
		}
	}
}

/* Digits are taken four at a time where they stand together: what stands between may be at any place. */
Test(base64, something_at_each_place)
{
	static const char digits[] = "Zm9vYmFyIGJheiBxdXV4IQ", out[] = "foobar baz quux!";
	static const char between[] = { ' ', '\t', '\r', '\n', '.', '=', (char)0x80 };
	char text[sizeof(digits) + 2];

	for (size_t at = 0; at < sizeof(digits); at++) {
		for (size_t k = 0; k < sizeof(between) * 2; k++) {
			size_t more = 1 + k / sizeof(between);
			struct str s = { text, sizeof(digits) - 1 + more };
			char c = between[k % sizeof(between)];
			bool fits = str_is_space(c) || (c == '=' && at == sizeof(digits) - 1);
			struct sink got = { .n = 0 };

			memcpy(text, digits, at);
			memset(text + at, c, more);
			memcpy(text + at + more, digits + at, sizeof(digits) - 1 - at);
			cr_expect_eq(base64_decode(s, take, &got), fits ? 0 : ERR_SYNTAX,
			    "%zu of 0x%02x at %zu", more, (unsigned char)c, at);
			cr_expect(str_eq((struct str){ got.data, got.n }, str_of(fits ? out : "")));
		}
	}
}
