/* SPDX-License-Identifier: ISC */
/*
 * A flat byte queue with a cap: bytes are appended at the end and consumed at the front.
 *
 *     data          start              start+len           cap
 *      | consumed    | waiting bytes    | room              |
 *
 * Appending may move the bytes: do not keep pointers into it across buf_append/buf_reserve.
 * A writer that meets the cap sets `failed` and appends nothing more; look at it once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct buf {
	char *data;
	size_t start, len, cap;
	size_t max; /* cap on len; 0 = none */
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);

/* Empties; keeps the memory unless it has grown large. Clears `failed`. */
void buf_reset(struct buf *b);

static inline struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->data ? b->data + b->start : "", b->len };
}

/* buf_reserve() when room is to be made, or `max` is met. */
char *buf_reserve_slow(struct buf *b, size_t n) MUSTCHECK;

/* Room for n more bytes at the returned place, to be followed by buf_commit(); NULL at the cap. */
MUSTCHECK static inline char *
buf_reserve(struct buf *b, size_t n)
{
	if (!b->data || b->cap - b->start - b->len < n ||
	    (b->max && (b->len > b->max || b->max - b->len < n)))
		return buf_reserve_slow(b, n);
	return b->data + b->start + b->len;
}

static inline void
buf_commit(struct buf *b, size_t n)
{
	b->len += n;
}

static inline void
buf_consume(struct buf *b, size_t n)
{
	b->start += n;
	b->len -= n;
	if (b->len == 0)
		b->start = 0;
}

/* buf_append() when room is to be made, or `max` is met. */
void buf_append_slow(struct buf *b, const void *p, size_t n);

static inline void
buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || b->failed)
		return;
	if (b->cap - b->start - b->len < n || (b->max && (b->len > b->max || b->max - b->len < n))) {
		buf_append_slow(b, p, n);
		return;
	}
	memcpy(b->data + b->start + b->len, p, n);
	b->len += n;
}

static inline void
buf_str_append(struct buf *b, struct str s)
{
	buf_append(b, s.p, s.n);
}

void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

#endif
