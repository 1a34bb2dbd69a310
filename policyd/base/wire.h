/* SPDX-License-Identifier: ISC */
/*
 * A bounds-checked read cursor with a sticky error: read all fields in a row, look at wire_ok() once.
 * After the first shortage every read yields zero or an empty string and the error stays.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct wire {
	const unsigned char *p;
	size_t len, pos;
	bool bad;
};

static inline void
wire_init(struct wire *w, const void *p, size_t len)
{
	*w = (struct wire){ .p = p, .len = len };
}

static inline size_t
wire_left(const struct wire *w)
{
	return w->bad ? 0 : w->len - w->pos;
}

uint8_t wire_u8(struct wire *w);
uint16_t wire_u16(struct wire *w); /* network byte order */
uint32_t wire_u32(struct wire *w); /* network byte order */

/* Up to the next NUL, which is consumed and not part of the result; no NUL left is an error. */
struct str wire_cstr(struct wire *w);

/* The next n bytes. */
struct str wire_bytes(struct wire *w, size_t n);

/* All read fields were there. */
static inline bool
wire_ok(const struct wire *w)
{
	return !w->bad;
}

/* All read fields were there and nothing is left over. */
static inline bool
wire_done(const struct wire *w)
{
	return !w->bad && w->pos == w->len;
}

#endif
