/* SPDX-License-Identifier: ISC */
/* Digits that stand together, as nearly all do, become bytes sixteen at a time, or 32 where the processor has
 * AVX2; the rest goes one by one. */
#include "base/base64.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

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

#ifdef __x86_64__
/* A table for lookups, which go by the half of a vector. */
#define TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)
/* clang-format off */

/*
 * take_groups(), most of it 32 digits at a time. The upper four bits of a digit are its row in ASCII, the
 * lower four its column. Rows have the signs, numbers, letters to O, or those from P on; a row without digits
 * is of all these kinds at once, and no column suits them all.
 */
__attribute__((target("avx2"))) static size_t
take_groups_wide(struct str text, char *out)
{
	enum { TAKES = 32, MAKES = 24, LEAST = 40 /* digits: room for all of a vector */ };
	enum { SIGN = 1, NUM = 2, TO_O = 4, FROM_P = 8, SNP = SIGN | NUM | FROM_P, NONE = SNP | TO_O };
	const __m256i kinds = TABLE(NONE, NONE, SIGN, NUM, TO_O, FROM_P, TO_O, FROM_P,
	    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE);
	const __m256i unfit = TABLE(SIGN | TO_O, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN,
	    SIGN | NUM, NUM | FROM_P, SNP, SNP, SNP, NUM | FROM_P);
	/* what is added to a digit to make its value of it, by row; to a slash that of the row above */
	const __m256i adds = TABLE(0, 63 - '/', 62 - '+', 52 - '0', 0 - 'A', 0 - 'A', 26 - 'a', 26 - 'a',
	    0, 0, 0, 0, 0, 0, 0, 0);
	const __m256i order = TABLE(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
	const __m256i together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
	const __m256i four_bits = _mm256_set1_epi8(0x0f), slash = _mm256_set1_epi8('/');
	size_t at = 0;

	for (; text.n - at >= LEAST; at += TAKES, out += MAKES) {
		__m256i v = _mm256_loadu_si256((const void *)(text.p + at));
		__m256i row = _mm256_and_si256(_mm256_srli_epi16(v, 4), four_bits);
		__m256i column = _mm256_and_si256(v, four_bits);

		if (!_mm256_testz_si256(_mm256_shuffle_epi8(kinds, row), _mm256_shuffle_epi8(unfit, column)))
			break;
		row = _mm256_add_epi8(row, _mm256_cmpeq_epi8(v, slash));
		v = _mm256_add_epi8(v, _mm256_shuffle_epi8(adds, row));
		/* six bits and six are twelve, with twelve more 24; then their bytes as they lie in memory */
		v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(1 << 8 | 1 << 6));
		v = _mm256_madd_epi16(v, _mm256_set1_epi32(1 << 16 | 1 << 12));
		v = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(v, order), together);
		_mm256_storeu_si256((void *)out, v);
	}
	return at + take_groups(str_sub(text, at, text.n), out);
}
/* clang-format on */
#endif

/* base64_decode() with one of the functions above. */
static int
decode(struct str text, char *out, size_t *n, size_t (*take)(struct str text, char *out))
{
	size_t count = 0, pads = 0, done = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < text.n; i++) {
		size_t took = count % GROUP || pads ? 0 : take(str_sub(text, i, text.n), out + done);
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

int
base64_decode(struct str text, char *out, size_t *n)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return decode(text, out, n, take_groups_wide);
#endif
	return decode(text, out, n, take_groups);
}

int
base64_decode_plain(struct str text, char *out, size_t *n)
{
	return decode(text, out, n, take_groups);
}
