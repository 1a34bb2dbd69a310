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

/* Where the first byte of a comparison is that holds; BYTES16: nowhere. */
static inline size_t
bytes_first(bytes16 holds)
{
	bytes16_words w = (bytes16_words)holds;

	if (w[0])
		return (size_t)__builtin_ctzll(le64toh(w[0])) / 8;
	if (w[1])
		return sizeof(w[0]) + (size_t)__builtin_ctzll(le64toh(w[1])) / 8;
	return BYTES16;
}

static inline bool
bytes_any(bytes16 holds)
{
	bytes16_words w = (bytes16_words)holds;

	return w[0] | w[1];
}

#endif
