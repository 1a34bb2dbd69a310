/* SPDX-License-Identifier: ISC */
/* Digits that stand together, as nearly all do, become bytes sixteen at a time; the rest goes one by one. */
#include "base/base64.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/*
 * What a digit gives to the three bytes of its group, which stand as they lie in memory, and a mark in the
 * fourth that it is one: a table for each place in the group, to be added up. Zero: no digit.
 */
enum { GROUP = 4, BYTES = 3, AT_ONCE = 4 /* groups */ };
#define IS_DIGIT ((uint32_t)1 << 24)
#define ALL_DIGITS (GROUP * IS_DIGIT)
#define GIVES(value) (IS_DIGIT | ((value) >> 16 & 0xff) | (0xff00 & (value)) | (0xff & (value)) << 16)
#define FIRST(value) GIVES((uint32_t)(value) << 18)
#define SECOND(value) GIVES((uint32_t)(value) << 12)
#define THIRD(value) GIVES((uint32_t)(value) << 6)
#define FOURTH(value) GIVES((uint32_t)(value))
/* clang-format off */
#define DIGITS(D) { \
	['A'] = D(0), D(1), D(2), D(3), D(4), D(5), D(6), D(7), D(8), D(9), D(10), D(11), D(12), \
	['N'] = D(13), D(14), D(15), D(16), D(17), D(18), D(19), D(20), D(21), D(22), D(23), D(24), D(25), \
	['a'] = D(26), D(27), D(28), D(29), D(30), D(31), D(32), D(33), D(34), D(35), D(36), D(37), D(38), \
	['n'] = D(39), D(40), D(41), D(42), D(43), D(44), D(45), D(46), D(47), D(48), D(49), D(50), D(51), \
	['0'] = D(52), D(53), D(54), D(55), D(56), D(57), D(58), D(59), D(60), D(61), \
	['+'] = D(62), ['/'] = D(63), [255] = 0 \
}
/* clang-format on */
static const uint32_t places[GROUP][256] = { DIGITS(FIRST), DIGITS(SECOND), DIGITS(THIRD), DIGITS(FOURTH) };

static inline uint32_t
gives(unsigned place, char c)
{
	return places[place][(unsigned char)c];
}

/* Three bytes, and a fourth that the next group overwrites. Returns the sum of what the digits give. */
static inline uint32_t
take_group(const char *p, char *out)
{
	uint32_t sum = gives(0, p[0]) + gives(1, p[1]) + gives(2, p[2]) + gives(3, p[3]);
	uint32_t bytes = htole32(sum);

	memcpy(out, &bytes, sizeof(bytes));
	return sum;
}

/* Whole groups of digits from the front of `text` on, AT_ONCE of them as long as there are as many. Returns
 * how many digits there were; behind their bytes there may stand some more that mean nothing. */
static size_t
take_groups(struct str text, char *out)
{
	const char *p = text.p, *end = text.p + text.n;

	for (; end - p >= AT_ONCE * GROUP; p += AT_ONCE * GROUP, out += AT_ONCE * BYTES) {
		uint32_t all = take_group(p, out);

		all &= take_group(p + GROUP, out + BYTES);
		all &= take_group(p + 2 * GROUP, out + 2 * BYTES);
		all &= take_group(p + 3 * GROUP, out + 3 * BYTES);
		if (!(all & ALL_DIGITS))
			break;
	}
	for (; end - p >= GROUP && take_group(p, out) & ALL_DIGITS; p += GROUP)
		out += BYTES;
	return (size_t)(p - text.p);
}

int
base64_decode(struct str text, char *out, size_t *n)
{
	size_t count = 0, pads = 0, done = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < text.n; i++) {
		size_t took = count % GROUP || pads ? 0 : take_groups(str_sub(text, i, text.n), out + done);
		uint32_t d;

		done += took / GROUP * BYTES;
		i += took;
		if (i == text.n)
			break;
		d = gives(GROUP - 1, text.p[i]);
		pads += text.p[i] == '=';
		if (text.p[i] == '=' || str_is_space(text.p[i]))
			continue;
		if (!d || pads)
			return ERR_SYNTAX;
		bits = bits << 6 | (d >> 16 & 0xff);
		count++;
		/* the first of four completes no byte; behind the others 4, 2 and 0 bits are over */
		if (count % GROUP != 1)
			out[done++] = (char)(bits >> (8 - 2 * (count % GROUP)) % 8);
	}
	/* One digit alone is six bits: no byte. Two want two '=' at most, three want one, four none. */
	if (count % GROUP == 1 || pads > (GROUP - count % GROUP) % GROUP)
		return ERR_SYNTAX;
	*n = done;
	return 0;
}
