/* SPDX-License-Identifier: ISC */
/*
 * Keyed hashing of several parts into 128 or 64 bits (XXH3, from libxxhash). Parts are framed by
 * their length, so ("ab","c") and ("a","bc") differ. The seed is drawn once per database and kept
 * there: an outsider cannot aim at a collision, and stored hashes stay comparable over restarts.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

#define XXH_INLINE_ALL /* the state lives on the stack: its layout must be that of the code */
#include <xxhash.h>

#include "base/str.h"

struct key128 {
	uint64_t lo, hi;
};

enum { HASH_PART = 240 }; /* what XXH3 takes in one go, and a few bytes at a time would be slow */

/* On the stack only: the state wants an alignment that malloc does not promise. */
struct hash {
	uint64_t seed;
	size_t n; /* in part */
	char part[HASH_PART];
	bool streams;
	XXH3_state_t state; /* unset until `part` was too small */
};

static inline bool
key_eq(struct key128 a, struct key128 b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

static inline bool
key_is_zero(struct key128 k)
{
	return k.lo == 0 && k.hi == 0;
}

void hash_spill(struct hash *h);               /* makes room in `part` */
void hash_long(struct hash *h, struct str s);  /* hash_str() behind its length, of any */
void hash_lower(struct hash *h, struct str s); /* hash_istr() behind its length */
struct key128 hash_end(struct hash *h);        /* never all zero */
uint64_t hash_end64(struct hash *h);           /* never zero */

static inline void
hash_u64(struct hash *h, uint64_t v)
{
	uint64_t le = htole64(v);

	if (sizeof(h->part) - h->n < sizeof(le))
		hash_spill(h);
	memcpy(h->part + h->n, &le, sizeof(le));
	h->n += sizeof(le);
}

static inline void
hash_key(struct hash *h, struct key128 k)
{
	hash_u64(h, k.lo);
	hash_u64(h, k.hi);
}

static inline void
hash_str(struct hash *h, struct str s)
{
	hash_u64(h, s.n);
	if (s.n > sizeof(h->part) - h->n) {
		hash_long(h, s);
		return;
	}
	if (s.n)
		memcpy(h->part + h->n, s.p, s.n);
	h->n += s.n;
}

/* As if lower-cased (ASCII). */
static inline void
hash_istr(struct hash *h, struct str s)
{
	hash_u64(h, s.n);
	if (s.n)
		hash_lower(h, s);
}

/* `tag` keeps uses apart ("trace", "rule", ...); it is the first part. */
static inline void
hash_init(struct hash *h, uint64_t seed, const char *tag)
{
	h->seed = seed;
	h->n = 0;
	h->streams = false;
	hash_str(h, str_of(tag));
}

/* Another one that begins with the same parts. */
static inline void
hash_fork(struct hash *h, const struct hash *from)
{
	h->seed = from->seed;
	h->n = from->n;
	memcpy(h->part, from->part, from->n);
	h->streams = from->streams;
	if (h->streams)
		h->state = from->state;
}

/* Quick forms for one string. */
uint64_t hash64(uint64_t seed, struct str s);

/* 32 hex digits and a NUL. */
void key_hex(struct key128 k, char out[33]);

#endif
