/* SPDX-License-Identifier: ISC */
/* Nearly all that is hashed is short: it is gathered, and hashed in one go without any state. What is longer
 * goes into XXH3's state piece by piece; the values are the same. */
#include "base/hash.h"

#include <stdio.h>

/* What was gathered goes to the state. */
void
hash_spill(struct hash *h)
{
	if (!h->streams)
		XXH3_128bits_reset_withSeed(&h->state, h->seed);
	h->streams = true;
	XXH3_128bits_update(&h->state, h->part, h->n);
	h->n = 0;
}

void
hash_long(struct hash *h, struct str s)
{
	while (s.n > sizeof(h->part) - h->n) {
		size_t n = sizeof(h->part) - h->n;

		memcpy(h->part + h->n, s.p, n);
		h->n += n;
		hash_spill(h);
		s = str_sub(s, n, s.n);
	}
	if (s.n)
		memcpy(h->part + h->n, s.p, s.n);
	h->n += s.n;
}

void
hash_lower(struct hash *h, struct str s)
{
	while (s.n > sizeof(h->part) - h->n) {
		size_t n = sizeof(h->part) - h->n;

		str_lower_to(h->part + h->n, str_sub(s, 0, n));
		h->n += n;
		hash_spill(h);
		s = str_sub(s, n, s.n);
	}
	str_lower_to(h->part + h->n, s);
	h->n += s.n;
}

/* Out of the way of what is short. */
static XXH128_hash_t __attribute__((noinline)) digest_stream(struct hash *h)
{
	hash_spill(h);
	return XXH3_128bits_digest(&h->state);
}

/* Of few bytes, as nearly all are: with all that it calls in one piece. */
struct key128 __attribute__((flatten)) hash_end(struct hash *h)
{
	XXH128_hash_t d;
	struct key128 k;

	if (h->n > sizeof(h->part))
		__builtin_unreachable();
	d = h->streams ? digest_stream(h) : XXH3_128bits_withSeed(h->part, h->n, h->seed);
	k = (struct key128){ d.low64, d.high64 };
	if (key_is_zero(k))
		k.lo = 1;
	return k;
}

uint64_t
hash_end64(struct hash *h)
{
	struct key128 k = hash_end(h);

	return k.lo ? k.lo : 1;
}

uint64_t
hash64(uint64_t seed, struct str s)
{
	return XXH3_64bits_withSeed(s.n ? s.p : "", s.n, seed);
}

void
key_hex(struct key128 k, char out[33])
{
	snprintf(out, 33, "%016llx%016llx", (unsigned long long)k.hi, (unsigned long long)k.lo);
}
