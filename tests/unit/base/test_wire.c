/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/wire.h"

Test(wire, numbers)
{
	static const unsigned char in[] = { 0xff, 0x80, 0x01, 0xfe, 0xdc, 0xba, 0x98 };
	struct wire w;

	wire_init(&w, in, sizeof(in));
	cr_assert_eq(wire_u8(&w), 0xff);
	cr_assert_eq(wire_u16(&w), 0x8001);
	cr_assert_not(wire_done(&w));
	cr_assert_eq(wire_left(&w), 4);
	cr_assert_eq(wire_u32(&w), 0xfedcba98);
	cr_assert(wire_ok(&w) && wire_done(&w));
	cr_assert_eq(wire_u8(&w), 0);
	cr_assert_not(wire_ok(&w) || wire_done(&w));
}

/* Each kind of read, one byte short: nothing is read, and the error stays although bytes are left. */
Test(wire, shortage_is_sticky)
{
	for (int kind = 0; kind < 4; kind++) {
		struct wire w;

		wire_init(&w, "abc", kind == 1 ? 1 : 3);
		if (kind == 0)
			cr_assert_eq(wire_u32(&w), 0);
		else if (kind == 1)
			cr_assert_eq(wire_u16(&w), 0);
		else if (kind == 2)
			cr_assert_null(wire_bytes(&w, 4).p);
		else
			cr_assert_null(wire_cstr(&w).p);
		cr_expect_not(wire_ok(&w), "kind %d", kind);
		cr_expect_eq(wire_left(&w), 0, "kind %d", kind);
		cr_expect_eq(wire_u8(&w), 0, "kind %d", kind);
		cr_expect_eq(wire_bytes(&w, 0).n, 0, "kind %d", kind);
		cr_expect_null(wire_cstr(&w).p, "kind %d", kind);
		cr_expect_not(wire_done(&w), "kind %d", kind);
	}
}

Test(wire, strings)
{
	struct wire w;

	wire_init(&w, "one\0\0two", 8);
	cr_assert(str_eq(wire_cstr(&w), STR("one")));
	cr_assert(str_eq(wire_cstr(&w), STR("")));
	cr_assert(wire_ok(&w));
	cr_assert(str_eq(wire_bytes(&w, 2), STR("tw")));
	cr_assert(str_eq(wire_bytes(&w, 1), STR("o")));
	cr_assert(wire_done(&w));
	cr_assert_not_null(wire_bytes(&w, 0).p);
	cr_assert(wire_done(&w));
	cr_assert_null(wire_cstr(&w).p);
	cr_assert_not(wire_ok(&w));
}

Test(wire, nothing)
{
	struct wire w;

	wire_init(&w, NULL, 0);
	cr_assert(wire_done(&w));
	cr_assert_eq(wire_bytes(&w, 0).n, 0);
	cr_assert(wire_done(&w));
	cr_assert_null(wire_cstr(&w).p);
	cr_assert_not(wire_ok(&w));
	wire_init(&w, "x", 1);
	cr_assert_null(wire_bytes(&w, SIZE_MAX).p);
	cr_assert_not(wire_ok(&w));
}
