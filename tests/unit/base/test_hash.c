/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/hash.h"

static struct key128
of(uint64_t seed, const char *tag, struct str a, struct str b)
{
	struct hash h;

	hash_init(&h, seed, tag);
	hash_str(&h, a);
	hash_str(&h, b);
	return hash_end(&h);
}

Test(hash, what_differs_and_what_does_not)
{
	struct key128 k = of(1, "t", STR("ab"), STR("c"));

	cr_assert(key_eq(k, of(1, "t", STR("ab"), STR("c"))));
	cr_assert_not(key_eq(k, of(2, "t", STR("ab"), STR("c"))), "seed");
	cr_assert_not(key_eq(k, of(1, "u", STR("ab"), STR("c"))), "tag");
	cr_assert_not(key_eq(k, of(1, "t", STR("a"), STR("bc"))), "where parts end");
	cr_assert_not(key_eq(k, of(1, "t", STR("abc"), STR(""))), "where parts end");
	cr_assert_not(key_eq(k, of(1, "t", STR("c"), STR("ab"))), "order");
	cr_assert(key_eq(of(1, "t", STR_NONE, STR("")), of(1, "t", STR(""), STR_NONE)));
}

/* Beside XXH3 itself, which gets all bytes in one go: lengths around those where the way of hashing changes,
 * with the tag ("i" and its length) and without. */
Test(hash, gathered_or_in_pieces_it_is_one_value)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 9, 221, 222, 223, 224, 229, 230, 231, 239, 240, 241,
		461, 462, 463, 480, 481, 1000, 5000 };
	char all[6000], bytes[5000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 % 256);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		size_t n = lengths[i];
		struct hash h;
		XXH128_hash_t d;
		struct key128 k;

		memcpy(all, "\1\0\0\0\0\0\0\0i", 9);
		memset(all + 9, 0, 8);
		all[9] = (char)(n & 0xff);
		all[10] = (char)(n >> 8);
		memcpy(all + 17, bytes, n);
		memcpy(all + 17 + n, "\7\0\0\0\0\0\0\0", 8);
		d = XXH3_128bits_withSeed(all, n + 25, 5);
		hash_init(&h, 5, "i");
		hash_str(&h, (struct str){ bytes, n });
		hash_u64(&h, 7);
		k = hash_end(&h);
		cr_expect(k.lo == d.low64 && k.hi == d.high64, "%zu bytes", n);
	}
}

/* Lower-casing goes by pieces: lengths around their ends. */
Test(hash, istr_is_str_of_the_lower_case)
{
	static const size_t lengths[] = { 0, 1, 222, 223, 224, 255, 256, 257, 511, 512, 513, 1000 };
	char upper[1000], lower[1000];

	for (size_t i = 0; i < sizeof(upper); i++) {
		upper[i] = (char)(i % 256);
		lower[i] = str_lower(upper[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct hash a, b;

		hash_init(&a, 5, "i");
		hash_istr(&a, (struct str){ upper, lengths[i] });
		hash_init(&b, 5, "i");
		hash_str(&b, (struct str){ lower, lengths[i] });
		cr_expect(key_eq(hash_end(&a), hash_end(&b)), "%zu bytes", lengths[i]);
	}
}

/* Of as many bytes as stand together, and of more. */
Test(hash, a_fork_goes_on_where_the_first_stands)
{
	char text[3 * HASH_PART];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	for (size_t n = 0; n < sizeof(text); n += 5) {
		struct hash whole, begun, fork;
		struct key128 one;

		hash_init(&begun, 5, "fork");
		hash_str(&begun, (struct str){ text, n });
		hash_fork(&fork, &begun);
		hash_str(&fork, STR("behind"));
		hash_str(&begun, STR("another"));
		hash_init(&whole, 5, "fork");
		hash_str(&whole, (struct str){ text, n });
		hash_str(&whole, STR("behind"));
		one = hash_end(&whole);
		cr_expect(key_eq(one, hash_end(&fork)), "%zu bytes", n);
		cr_expect_not(key_eq(one, hash_end(&begun)), "%zu bytes", n);
	}
}

Test(hash, numbers_do_not_depend_on_the_machine)
{
	struct hash h;
	struct key128 k = { .lo = 0x0102030405060708, .hi = 0x1112131415161718 }, direct;

	hash_init(&h, 0, "n");
	hash_key(&h, k);
	direct = hash_end(&h);
	/* hash_key is hash_u64 of lo, then hi. */
	hash_init(&h, 0, "n");
	hash_u64(&h, k.lo);
	hash_u64(&h, k.hi);
	cr_assert(key_eq(direct, hash_end(&h)));
	/* A string is its length and its bytes; a number is eight bytes, the low one first. */
	hash_init(&h, 0, "n");
	hash_u64(&h, 8);
	hash_u64(&h, 0x6867666564636261);
	direct = hash_end(&h);
	hash_init(&h, 0, "n");
	hash_str(&h, STR("abcdefgh"));
	cr_assert(key_eq(direct, hash_end(&h)));
}

/* Stored hashes must mean the same after an upgrade of the library: values of XXH3 as its documentation
 * fixes them. */
Test(hash, values_are_stable)
{
	char hex[33];
	struct hash h;

	cr_assert_eq(hash64(0, STR("")), 0x2d06800538d394c2);
	cr_assert_eq(hash64(0, STR_NONE), 0x2d06800538d394c2);
	hash_init(&h, 42, "stable");
	hash_str(&h, STR("policyd-storm"));
	key_hex(hash_end(&h), hex);
	cr_assert_str_eq(hex, "830b86766d7bd16633ed7a32c3e195be", "%s", hex);
	cr_assert_neq(hash_end64(&h), 0);
}

Test(hash, hex)
{
	char hex[33];

	key_hex((struct key128){ .lo = 0xab, .hi = 1 }, hex);
	cr_assert_str_eq(hex, "000000000000000100000000000000ab");
	cr_assert(key_is_zero((struct key128){ 0 }));
	cr_assert_not(key_is_zero((struct key128){ .hi = 1 }));
}
