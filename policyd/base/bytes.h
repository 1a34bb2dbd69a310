/* SPDX-License-Identifier: ISC */
/* Sixteen bytes at a time, by the vectors of GNU C: a comparison gives 0xff in each byte for which it holds,
 * and 0 in the others. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t bytes16_words __attribute__((vector_size(16)));
enum { BYTES16 = sizeof(bytes16) };

static inline bytes16
bytes_at(const char *p)
{
	bytes16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void
bytes_put(char *p, bytes16 v)
{
	memcpy(p, &v, sizeof(v));
}

/* One bit for each byte of a comparison, the first byte's the lowest: set where it holds. */
static inline unsigned
bytes_bits(bytes16 holds)
{
#ifdef __SSE2__
	return (unsigned)_mm_movemask_epi8((__m128i)holds);
#else
	/* of 0xff each byte keeps another bit, and the product adds all of them up in its highest byte */
	const uint64_t own = 0x8040201008040201, sum = 0x0101010101010101;
	bytes16_words w = (bytes16_words)holds;
	uint64_t low = (le64toh(w[0]) & own) * sum >> 56, high = (le64toh(w[1]) & own) * sum >> 56;

	return (unsigned)(low | high << 8);
#endif
}

/* Where the first byte of a comparison is that holds; BYTES16: nowhere. */
static inline size_t
bytes_first(bytes16 holds)
{
	return (size_t)__builtin_ctz(bytes_bits(holds) | 1u << BYTES16);
}

static inline bool
bytes_any(bytes16 holds)
{
	return bytes_bits(holds) != 0;
}

#endif
