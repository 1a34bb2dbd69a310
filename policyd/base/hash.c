/* SPDX-License-Identifier: ISC */
#include "base/hash.h"

#include <stdio.h>

void
hash_init(struct hash *h, uint64_t seed, const char *tag)
{
	XXH3_128bits_reset_withSeed(&h->state, seed);
	hash_str(h, str_of(tag));
}

void
hash_u64(struct hash *h, uint64_t v)
{
	unsigned char b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (unsigned char)(v >> (8 * i));
	XXH3_128bits_update(&h->state, b, sizeof(b));
}

void
hash_str(struct hash *h, struct str s)
{
	hash_u64(h, s.n);
	if (s.n)
		XXH3_128bits_update(&h->state, s.p, s.n);
}

void
hash_istr(struct hash *h, struct str s)
{
	char part[256];

	hash_u64(h, s.n);
	while (s.n) {
		size_t n = s.n < sizeof(part) ? s.n : sizeof(part);

		for (size_t i = 0; i < n; i++)
			part[i] = str_lower(s.p[i]);
		XXH3_128bits_update(&h->state, part, n);
		s = str_sub(s, n, s.n);
	}
}

void
hash_key(struct hash *h, struct key128 k)
{
	hash_u64(h, k.lo);
	hash_u64(h, k.hi);
}

struct key128
hash_end(struct hash *h)
{
	XXH128_hash_t d = XXH3_128bits_digest(&h->state);
	struct key128 k = { d.low64, d.high64 };

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
