/* SPDX-License-Identifier: ISC */
/* Four digits that stand together, as nearly all do, become three bytes at once; the rest goes one by one. */
#include "base/base64.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* No base64; to be skipped; padding. Each is more than four digits make, wherever among them it stands. */
enum { NO = 1 << 24, SK, PA };

/* The value of a digit, or what the byte is instead. */
/* clang-format off */
static const uint32_t digits[256] = {
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

static inline uint64_t
digit(char c)
{
	return digits[(unsigned char)c];
}

/* Groups of digits from the front of `text` on; three bytes each, and a fourth that the next one overwrites.
 * Returns how many there were. */
static size_t
take_groups(struct str text, char *out)
{
	size_t left = text.n / 4;

	for (const char *p = text.p; left; left--, p += 4, out += 3) {
		uint64_t bits = digit(p[0]) << 18 | digit(p[1]) << 12 | digit(p[2]) << 6 | digit(p[3]);
		uint32_t bytes = htobe32((uint32_t)bits << 8);

		if (bits >= NO)
			break;
		memcpy(out, &bytes, sizeof(bytes));
	}
	return text.n / 4 - left;
}

int
base64_decode(struct str text, char *out, size_t *n)
{
	size_t count = 0, pads = 0, done = 0;
	uint64_t bits = 0;

	for (size_t i = 0; i < text.n;) {
		size_t groups = count % 4 || pads ? 0 : take_groups(str_sub(text, i, text.n), out + done);
		uint64_t d;

		i += 4 * groups;
		done += 3 * groups;
		d = i < text.n ? digit(text.p[i++]) : SK;
		if (d == NO || (d < NO && pads))
			return ERR_SYNTAX;
		pads += d == PA;
		if (d >= NO)
			continue;
		bits = bits << 6 | d;
		count++;
		/* the first of four completes no byte; behind the others 4, 2 and 0 bits are over */
		if (count % 4 != 1)
			out[done++] = (char)(bits >> (8 - 2 * (count % 4)) % 8);
	}
	/* One digit alone is six bits: no byte. Two want two '=' at most, three want one, four none. */
	if (count % 4 == 1 || pads > (4 - count % 4) % 4)
		return ERR_SYNTAX;
	*n = done;
	return 0;
}
