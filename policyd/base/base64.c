/* SPDX-License-Identifier: ISC */
/* Two passes: the first one checks, so that a broken text leaves no half of itself behind. */
#include "base/base64.h"

#include <stdint.h>

#include "base/err.h"

enum { NO = 0x40, SK, PA }; /* no base64; to be skipped; padding */

/* The value of a digit, or what the byte is instead. */
/* clang-format off */
static const unsigned char digits[256] = {
	NO, NO, NO, NO, NO, NO, NO, NO, NO, SK, SK, NO, NO, SK, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	SK, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, PA, NO, NO,
	NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
	NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
	[0x80 ... 0xff] = NO
};
/* clang-format on */

static unsigned
digit(char c)
{
	return digits[(unsigned char)c];
}

/* Four digits next to each other, as nearly all of them stand. */
static bool
is_group(struct str text, size_t i)
{
	const char *p = text.p + i;

	return text.n - i >= 4 && (digit(p[0]) | digit(p[1]) | digit(p[2]) | digit(p[3])) < NO;
}

static int
check(struct str text)
{
	size_t count = 0, pads = 0;

	for (size_t i = 0; i < text.n;) {
		unsigned d;

		if (!pads && is_group(text, i)) {
			i += 4;
			continue;
		}
		d = digit(text.p[i++]);
		if (d == NO || (d < NO && pads))
			return ERR_SYNTAX;
		count += d < NO;
		pads += d == PA;
	}
	/* One digit alone is six bits: no byte. Two want two '=' at most, three want one, four none. */
	if (count % 4 == 1 || pads > (4 - count % 4) % 4)
		return ERR_SYNTAX;
	return 0;
}

/* Groups of digits to three bytes each, while there is room. Returns where they end. */
static size_t
decode_groups(struct str text, size_t i, char *out, size_t room, size_t *n)
{
	char *to = out + *n;

	for (; out + room - to >= 3 && is_group(text, i); i += 4) {
		const char *p = text.p + i;
		unsigned bits = digit(p[0]) << 18 | digit(p[1]) << 12 | digit(p[2]) << 6 | digit(p[3]);

		*to++ = (char)(bits >> 16 & 0xff);
		*to++ = (char)(bits >> 8 & 0xff);
		*to++ = (char)(bits & 0xff);
	}
	*n = (size_t)(to - out);
	return i;
}

int
base64_decode(struct str text, base64_fn *fn, void *arg)
{
	char piece[BASE64_PIECE];
	size_t n = 0;
	uint32_t bits = 0;
	unsigned have = 0;
	int err = check(text);

	if (err || !fn)
		return err;
	for (size_t i = 0; i < text.n;) {
		unsigned d;

		if (have == 0)
			i = decode_groups(text, i, piece, sizeof(piece), &n);
		d = i < text.n ? digit(text.p[i++]) : SK;
		if (d < NO) {
			bits = (bits << 6 | d) & 0xffff;
			have += 6;
		}
		if (have >= 8) {
			have -= 8;
			piece[n++] = (char)(bits >> have & 0xff);
		}
		if (n == sizeof(piece)) {
			fn(arg, piece, n);
			n = 0;
		}
	}
	if (n)
		fn(arg, piece, n);
	return 0;
}
