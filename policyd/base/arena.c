/* SPDX-License-Identifier: ISC */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/xalloc.h"

enum { ARENA_BLOCK = 4096, ARENA_KEEP = 65536 };

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void
arena_reset(struct arena *a)
{
	struct arena_block *keep = a->first;

	if (!keep)
		return;
	while (keep->next) {
		struct arena_block *next = keep->next;

		keep->next = next->next;
		xfree(next);
	}
	if (keep->size > ARENA_KEEP) {
		xfree(keep);
		keep = NULL;
	} else {
		keep->used = 0;
	}
	a->first = a->last = keep;
	a->used = 0;
}

void
arena_fini(struct arena *a)
{
	if (!a->first)
		return;
	arena_reset(a);
	xfree(a->first);
	a->first = a->last = NULL;
}

void *
arena_alloc_slow(struct arena *a, size_t n)
{
	struct arena_block *b = a->last;
	size_t align = alignof(max_align_t);
	size_t take;

	if (n > SIZE_MAX / 2)
		return NULL;
	take = (n + align - 1) / align * align;
	if (take == 0)
		take = align;
	if (a->max && (take > a->max || a->used > a->max - take))
		return NULL;
	if (!b || b->size - b->used < take) {
		size_t size = a->block ? a->block : ARENA_BLOCK;

		if (size < take)
			size = take;
		b = xmalloc(sizeof(*b) + size);
		b->next = NULL;
		b->size = size;
		b->used = 0;
		if (a->last)
			a->last->next = b;
		else
			a->first = b;
		a->last = b;
	}
	a->used += take;
	b->used += take;
	return b->data + b->used - take;
}

struct str
arena_str(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (!p)
		return STR_NONE;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (struct str){ p, s.n };
}

struct str
arena_lower(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (!p)
		return STR_NONE;
	str_lower_to(p, s);
	p[s.n] = '\0';
	return (struct str){ p, s.n };
}

struct str
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p ? (struct str){ p, (size_t)n } : STR_NONE;
}
