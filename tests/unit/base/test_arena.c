/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdalign.h>

#include "base/arena.h"

enum { ONE = alignof(max_align_t) }; /* the least piece: 16 bytes on some machines, 8 on others */

Test(arena, strings)
{
	struct arena a;
	struct str s;

	arena_init(&a, 0);
	s = arena_str(&a, STR("Hello"));
	cr_assert(str_eq(s, STR("Hello")));
	cr_assert_eq(s.p[s.n], '\0');
	s = arena_lower(&a, STR("HeL\xc4lo@[Z"));
	cr_assert(str_eq(s, STR("hel\xc4lo@[z")));
	cr_assert_eq(s.p[s.n], '\0');
	s = arena_str(&a, STR_NONE);
	cr_assert_not_null(s.p);
	cr_assert_eq(s.n, 0);
	s = arena_printf(&a, "%s-%03d", "x", 7);
	cr_assert(str_eq(s, STR("x-007")));
	arena_fini(&a);
}

Test(arena, pieces_are_aligned_and_apart)
{
	struct arena a;
	unsigned char *p[200];

	arena_init(&a, 0);
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		size_t n = i * 37 % 5000;

		p[i] = arena_alloc(&a, n);
		cr_assert_not_null(p[i]);
		cr_assert_eq((uintptr_t)p[i] % alignof(max_align_t), 0);
		memset(p[i], (int)i, n);
	}
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		for (size_t k = 0; k < i * 37 % 5000; k++)
			cr_assert_eq(p[i][k], (unsigned char)i);
	arena_fini(&a);
}

Test(arena, max)
{
	static const struct {
		size_t first, then;
		bool fits;
	} t[] = {
		{ 1024 - ONE, ONE, true },
		{ 1024 - ONE, ONE + 1, false },
		{ 1024, 0, false }, /* even nothing takes a place of its own */
		{ 0, 1024 - ONE, true },
		{ 0, 1024 - ONE + 1, false },
		{ 16, SIZE_MAX, false },
		{ 16, SIZE_MAX / 2, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct arena a;

		arena_init(&a, 1024);
		cr_assert_not_null(arena_alloc(&a, t[i].first));
		cr_expect_eq(arena_alloc(&a, t[i].then) != NULL, t[i].fits, "%zu", i);
		arena_reset(&a);
		cr_expect_not_null(arena_alloc(&a, 1024), "%zu after reset", i);
		arena_fini(&a);
	}
}

Test(arena, strings_beyond_max_are_absent)
{
	struct arena a;
	struct str s = STR("0123456789abcdef");

	arena_init(&a, 16);
	cr_assert_null(arena_str(&a, s).p); /* sixteen and the NUL */
	cr_assert_null(arena_lower(&a, s).p);
	cr_assert_null(arena_printf(&a, "%s", s.p).p);
	cr_assert_eq(a.used, 0);
	cr_assert(str_eq(arena_str(&a, str_sub(s, 0, 15)), STR("0123456789abcde")));
	cr_assert_null(arena_str(&a, STR("")).p);
	arena_fini(&a);
}

Test(arena, reset_keeps_the_first_block)
{
	struct arena a;
	void *first;

	arena_init(&a, 0);
	arena_reset(&a);
	first = arena_alloc(&a, 10);
	for (int i = 0; i < 100; i++)
		cr_assert_not_null(arena_alloc(&a, 1000));
	arena_reset(&a);
	cr_assert_eq(a.used, 0);
	cr_assert_eq(arena_alloc(&a, 10), first);
	arena_reset(&a);
	arena_fini(&a);
	/* A first block that is large is not kept. */
	cr_assert_not_null(arena_alloc(&a, 1 << 20));
	arena_reset(&a);
	cr_assert_null(a.first);
	arena_fini(&a);
}
