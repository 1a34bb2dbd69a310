/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/xalloc.h"

static bool
holds(const struct buf *b, struct str want)
{
	return str_eq(buf_str(b), want);
}

Test(buf, append_and_consume)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert(holds(&b, STR("")));
	cr_assert_not_null(buf_str(&b).p);
	buf_append(&b, NULL, 0);
	buf_append(&b, "abc", 3);
	buf_str_append(&b, STR("def"));
	buf_printf(&b, "%d%s", 12, "x");
	cr_assert(holds(&b, STR("abcdef12x")));
	buf_consume(&b, 4);
	cr_assert(holds(&b, STR("ef12x")));
	buf_consume(&b, 5);
	cr_assert_eq(b.start, 0);
	cr_assert_eq(b.len, 0);
	cr_assert_not(b.failed);
	buf_fini(&b);
	buf_fini(&b);
}

/* At the cap, one beyond, and in between a failed writer stays failed until it is reset. */
Test(buf, cap)
{
	static const struct {
		const char *first, *then;
		bool fits;
	} t[] = {
		{ "12345", "67890", true },
		{ "12345", "678901", false },
		{ "1234567890", "", true },
		{ "1234567890", "1", false },
		{ "", "12345678901", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		for (int print = 0; print < 2; print++) {
			struct buf b;
			size_t before;

			buf_init(&b, 10);
			buf_str_append(&b, str_of(t[i].first));
			before = b.len;
			if (print)
				buf_printf(&b, "%s", t[i].then);
			else
				buf_str_append(&b, str_of(t[i].then));
			cr_expect_eq(b.failed, !t[i].fits, "%zu print %d", i, print);
			cr_expect_eq(
			    b.len, before + (t[i].fits ? strlen(t[i].then) : 0), "%zu print %d", i, print);
			buf_fini(&b);
		}
	}
}

Test(buf, failed_is_sticky)
{
	struct buf b;

	buf_init(&b, 4);
	buf_append(&b, "12345", 5);
	cr_assert(b.failed);
	buf_append(&b, "1", 1);
	buf_printf(&b, "%d", 1);
	cr_assert_eq(b.len, 0);
	buf_reset(&b);
	buf_append(&b, "1234", 4);
	cr_assert(holds(&b, STR("1234")));
	cr_assert_null(buf_reserve(&b, SIZE_MAX));
	cr_assert_null(buf_reserve(&b, 1));
	buf_fini(&b);
}

Test(buf, reserve_keeps_waiting_bytes)
{
	struct buf b;
	char *p;

	buf_init(&b, 0);
	for (int i = 0; i < 300; i++)
		buf_printf(&b, "%03d", i);
	buf_consume(&b, 3 * 299);
	cr_assert(holds(&b, STR("299")));
	p = buf_reserve(&b, 4000);
	cr_assert_not_null(p);
	cr_assert(holds(&b, STR("299")));
	memset(p, 'x', 4000);
	buf_commit(&b, 4000);
	cr_assert_eq(b.len, 4003);
	cr_assert_eq(buf_str(&b).p[4002], 'x');
	buf_fini(&b);
}

Test(buf, reset_gives_large_memory_back)
{
	struct buf b;

	buf_init(&b, 0);
	buf_append(&b, "x", 1);
	buf_reset(&b);
	cr_assert_not_null(b.data);
	cr_assert_not_null(buf_reserve(&b, 1 << 20));
	buf_reset(&b);
	cr_assert_null(b.data);
	cr_assert_eq(b.cap, 0);
	buf_fini(&b);
}

/* A peer who leaves a megabyte waiting while bytes come and go one by one must not cost a megabyte's
 * move each. */
Test(buf, linear_with_much_waiting, .timeout = 20)
{
	enum { WAITING = 1 << 20, ROUNDS = 1 << 20 };
	char *fill = xcalloc(1, WAITING);
	size_t moved = 0;
	struct buf b;

	buf_init(&b, WAITING + 16);
	buf_append(&b, fill, WAITING);
	for (int i = 0; i < ROUNDS; i++) {
		size_t start = b.start;

		buf_consume(&b, 3);
		buf_append(&b, "abc", 3);
		if (b.start < start)
			moved += b.len;
	}
	cr_assert_eq(b.len, WAITING);
	cr_assert_not(b.failed);
	cr_assert_leq(moved, (size_t)ROUNDS * 3 + WAITING, "%zu bytes moved", moved);
	cr_assert_leq(b.cap, 4 * (WAITING + 16));
	buf_fini(&b);
	xfree(fill);
}

/* Where there is room, and where it is to be made, at the cap and one beyond; to reserve is not to append. */
Test(buf, reserve_up_to_the_cap)
{
	struct buf b;
	char *p;

	buf_init(&b, 10);
	cr_assert_not_null(buf_reserve(&b, 0));
	for (size_t n = 0; n <= 10; n++) {
		p = buf_reserve(&b, 10 - b.len);
		cr_assert_eq(p, b.data + b.start + n);
		cr_assert_eq(b.len, n);
		cr_assert_not(b.failed);
		cr_assert_null(buf_reserve(&b, 11 - b.len));
		cr_assert(b.failed);
		b.failed = false;
		*p = 'x';
		buf_commit(&b, n < 10);
	}
	cr_assert(holds(&b, STR("xxxxxxxxxx")));
	buf_consume(&b, 3);
	cr_assert_eq(buf_reserve(&b, 3), b.data + 10);
	cr_assert_null(buf_reserve(&b, 4));
	buf_fini(&b);
}
