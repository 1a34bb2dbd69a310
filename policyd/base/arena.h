/* SPDX-License-Identifier: ISC */
/*
 * Memory for the strings of one message: taken piece by piece, given back all at once.
 * The first block is kept over arena_reset(), so that a busy connection stops allocating.
 * `max` bounds what one message may take; arena_alloc() returns NULL beyond it.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdalign.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	alignas(max_align_t) char data[];
};

struct arena {
	struct arena_block *first, *last;
	size_t used;  /* bytes handed out since the last reset */
	size_t max;   /* 0 = no bound */
	size_t block; /* what is taken at a time; 0 = the usual */
};

void arena_init(struct arena *a, size_t max);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);

/* arena_alloc() when it wants another block, or meets `max`. */
void *arena_alloc_slow(struct arena *a, size_t n) MUSTCHECK;

/* Aligned for any type, not zeroed; NULL when `max` would be passed. */
MUSTCHECK static inline void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->last;
	size_t take = (n + !n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

	if (!b || n > b->size || b->size - b->used < take || (a->max && a->max - a->used < take))
		return arena_alloc_slow(a, n);
	a->used += take;
	b->used += take;
	return b->data + b->used - take;
}

/* A NUL-terminated copy; STR_NONE when `max` would be passed. */
struct str arena_str(struct arena *a, struct str s) MUSTCHECK;

/* A lower-cased (ASCII), NUL-terminated copy; STR_NONE when `max` would be passed. */
struct str arena_lower(struct arena *a, struct str s) MUSTCHECK;

/* Formatted text, NUL-terminated; STR_NONE when `max` would be passed. */
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3) MUSTCHECK;

#endif
