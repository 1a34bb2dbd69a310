/* SPDX-License-Identifier: ISC */
/* Names for the compiler attributes and small macros that every room uses. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

#define MUSTCHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
/* A function that does nothing but prefetch. gcc 12 takes it for one that does nothing at all and leaves its
 * calls out, unless it is inlined before it looks. */
#define PREFETCHES static inline __attribute__((always_inline)) void
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* clang-format takes the minus for a sign. */
/* clang-format off */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
/* clang-format on */

/* All n > 0 bytes, to be written to, with memory that gives 64 at a time. */
PREFETCHES
fetch_bytes(const void *p, size_t n)
{
	const char *from = p;

	for (size_t at = 0; at < n; at += 64)
		__builtin_prefetch(from + at, 1);
	__builtin_prefetch(from + n - 1, 1);
}

#endif
