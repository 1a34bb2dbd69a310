/* SPDX-License-Identifier: ISC */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/xalloc.h"

enum { BUF_MIN = 512, BUF_KEEP = 65536 };

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_fini(struct buf *b)
{
	xfree(b->data);
	*b = (struct buf){ .max = b->max };
}

void
buf_reset(struct buf *b)
{
	if (b->cap > BUF_KEEP) {
		buf_fini(b);
		return;
	}
	b->start = b->len = 0;
	b->failed = false;
}

/* Memory for n more bytes. Waiting bytes are moved only when at least as many were consumed before them:
 * so a peer who leaves much waiting and takes little pays for each move. */
static char *
make_room(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : BUF_MIN;

	if (b->start && b->start >= b->len && b->cap - b->start - b->len < n) {
		memmove(b->data, b->data + b->start, b->len);
		b->start = 0;
	}
	while (cap - b->start - b->len < n)
		cap *= 2;
	if (!b->data || cap != b->cap) {
		b->data = xrealloc(b->data, cap);
		b->cap = cap;
	}
	return b->data + b->start + b->len;
}

char *
buf_reserve_slow(struct buf *b, size_t n)
{
	if (n > SIZE_MAX / 4 || (b->max && (n > b->max || b->len > b->max - n))) {
		b->failed = true;
		return NULL;
	}
	return make_room(b, n);
}

void
buf_append_slow(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);

	if (!to)
		return;
	memcpy(to, p, n);
	buf_commit(b, n);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		b->failed = true;
	/* The NUL that vsnprintf adds needs memory, but is no part of the text: it does not count for
	 * the cap. */
	if (!b->failed && buf_reserve(b, (size_t)n)) {
		vsnprintf(make_room(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
		buf_commit(b, (size_t)n);
	}
	va_end(again);
}
