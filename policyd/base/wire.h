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
#include <string.h>

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

static inline const unsigned char *
wire_take(struct wire *w, size_t n)
{
	const unsigned char *at;

	if (w->bad || w->len - w->pos < n) {
		w->bad = true;
		return NULL;
	}
	if (n == 0)
		return (const unsigned char *)"";
	at = w->p + w->pos;
	w->pos += n;
	return at;
}

static inline uint8_t
wire_u8(struct wire *w)
{
	const unsigned char *p = wire_take(w, 1);

	return p ? p[0] : 0;
}

/* Network byte order, as the next one. */
static inline uint16_t
wire_u16(struct wire *w)
{
	const unsigned char *p = wire_take(w, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t
wire_u32(struct wire *w)
{
	const unsigned char *p = wire_take(w, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* Up to the next NUL, which is consumed and not part of the result; no NUL left is an error. */
static inline struct str
wire_cstr(struct wire *w)
{
	const unsigned char *from, *nul;
	size_t left = wire_left(w);

	if (left == 0) {
		w->bad = true;
		return STR_NONE;
	}
	from = w->p + w->pos;
	nul = memchr(from, 0, left);
	if (!nul) {
		w->bad = true;
		return STR_NONE;
	}
	w->pos += (size_t)(nul - from) + 1;
	return (struct str){ (const char *)from, (size_t)(nul - from) };
}

/* The next n bytes. */
static inline struct str
wire_bytes(struct wire *w, size_t n)
{
	const unsigned char *p = wire_take(w, n);

	return p ? (struct str){ (const char *)p, n } : STR_NONE;
}

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
