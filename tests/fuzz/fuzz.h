/* SPDX-License-Identifier: ISC */
/* What the harnesses share: a property that must hold, choices that the input makes, two texts that must be
 * the same. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NEED(cond)                                                                 \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

/* Choices out of the bytes themselves: each input makes its own, and always the same. */
struct choice {
	uint64_t state;
};

static inline struct choice
choice_of(struct str s)
{
	struct choice c = { 1469598103934665603u };

	for (size_t i = 0; i < s.n; i++)
		c.state = (c.state ^ (unsigned char)s.p[i]) * 1099511628211u;
	return c;
}

static inline uint32_t
choose(struct choice *c, uint32_t below)
{
	c->state = c->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(c->state >> 33) % below;
}

/* A copy of its own, so that a sanitizer sees who looks beyond it; for xfree(). */
static inline char *
copy_of(struct str s)
{
	char *copy = xmalloc(s.n ? s.n : 1);

	if (s.n)
		memcpy(copy, s.p, s.n);
	return copy;
}

static inline void
need_same(const char *what, const struct buf *a, const struct buf *b)
{
	if (str_eq(buf_str(a), buf_str(b)))
		return;
	fprintf(stderr, "%s:\n%.*s\n--- is not ---\n%.*s\n", what, STR_FMT(buf_str(a)), STR_FMT(buf_str(b)));
	abort();
}

#endif
