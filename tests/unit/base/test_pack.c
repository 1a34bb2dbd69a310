/* SPDX-License-Identifier: ISC */
#include "base/pack.h"

#include <criterion/criterion.h>

#include "base/blob.h"
#include "base/err.h"

static struct buf buf;

static void
setup(void)
{
	buf_init(&buf, 0);
}

static void
teardown(void)
{
	buf_fini(&buf);
}

TestSuite(pack, .init = setup, .fini = teardown);

static const uint64_t numbers[] = { 0, 1, 0x7f, 0x80, 0x3fff, 0x4000, UINT32_MAX, (uint64_t)UINT32_MAX + 1,
	INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX };

Test(pack, numbers_come_back)
{
	struct wire u;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		pack_u8(&buf, (uint8_t)numbers[i]);
		pack_u32(&buf, (uint32_t)numbers[i]);
		pack_u64(&buf, numbers[i]);
		pack_var(&buf, numbers[i]);
		pack_int(&buf, (int64_t)numbers[i]);
	}
	unpack_init(&u, buf_str(&buf));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		cr_expect_eq(wire_u8(&u), (uint8_t)numbers[i]);
		cr_expect_eq(unpack_u32(&u), (uint32_t)numbers[i]);
		cr_expect_eq(unpack_u64(&u), numbers[i]);
		cr_expect_eq(unpack_var(&u), numbers[i], "%zu", i);
		cr_expect_eq(unpack_int(&u), (int64_t)numbers[i], "%zu", i);
	}
	cr_expect(wire_done(&u));
	cr_expect_eq(wire_u8(&u), 0);
	cr_expect_not(wire_ok(&u));
}

Test(pack, the_bytes_are_those_of_any_machine)
{
	pack_u32(&buf, 0x04030201);
	pack_var(&buf, 300);
	pack_int(&buf, -1);
	pack_int(&buf, 1);
	pack_str(&buf, STR("ab"));
	cr_expect(str_eq(buf_str(&buf), STR("\1\2\3\4\xac\2\1\2\2ab")));
}

Test(pack, strings_have_a_cap)
{
	struct wire u;

	pack_str(&buf, STR("abc"));
	pack_str(&buf, STR(""));
	unpack_init(&u, buf_str(&buf));
	cr_expect(str_eq(unpack_str(&u, 3), STR("abc")));
	cr_expect_eq(unpack_str(&u, 0).n, 0);
	cr_expect(wire_done(&u));
	unpack_init(&u, buf_str(&buf));
	cr_expect_eq(unpack_str(&u, 2).n, 0);
	cr_expect_not(wire_ok(&u));
	cr_expect_eq(wire_left(&u), 0);
	unpack_init(&u, STR("\4abc"));
	unpack_str(&u, 100);
	cr_expect_not(wire_ok(&u));
}

Test(pack, a_var_ends_at_64_bits)
{
	static const struct {
		struct str in;
		bool ok;
	} rows[] = {
		{ STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), true },
		{ STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"), false },
		{ STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\0"), false },
		{ STR("\x80"), false },
		{ STR(""), false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wire u;

		unpack_init(&u, rows[i].in);
		unpack_var(&u);
		cr_expect_eq(wire_ok(&u), rows[i].ok, "%zu", i);
	}
}

Test(pack, within)
{
	for (unsigned v = 2; v <= 7; v++) {
		struct wire u;
		char byte = (char)v;

		unpack_init(&u, (struct str){ &byte, 1 });
		cr_expect_eq(unpack_within(&u, 3, 6), v >= 3 && v <= 6 ? v : 3);
		cr_expect_eq(wire_ok(&u), v >= 3 && v <= 6);
	}
}

Test(pack, a_blob_opens_whole_or_not_at_all)
{
	struct blob want = { .magic = 0x12345678, .version = 3, .wall = 1700000000000 }, head = want;
	struct wire u;
	struct str all;
	size_t at;

	buf_append(&buf, "before", 6);
	at = blob_begin(&buf, &want);
	pack_str(&buf, STR("content"));
	blob_end(&buf, at, 42);
	all = str_sub(buf_str(&buf), 6, buf.len);
	cr_assert_eq(blob_open(all, &head, &u), 0);
	cr_expect_eq(head.count, 42);
	cr_expect_eq(head.wall, want.wall);
	cr_expect(str_eq(unpack_str(&u, 100), STR("content")));
	cr_expect(wire_done(&u));
	head = want;
	head.version = 4;
	cr_expect_eq(blob_open(all, &head, &u), ERR_VERSION);
	cr_expect_eq(head.count, 0);
	head = want;
	head.magic++;
	cr_expect_eq(blob_open(all, &head, &u), ERR_CORRUPT);
	for (size_t n = 0; n < all.n; n++) {
		head = want;
		cr_expect_eq(blob_open(str_sub(all, 0, n), &head, &u), ERR_CORRUPT, "%zu", n);
		for (int bit = 0; bit < 8; bit++) {
			buf.data[6 + n] ^= (char)(1 << bit);
			cr_expect_eq(blob_open(all, &head, &u), ERR_CORRUPT, "%zu", n);
			buf.data[6 + n] ^= (char)(1 << bit);
		}
	}
	pack_u8(&buf, 0);
	cr_expect_eq(blob_open(str_sub(buf_str(&buf), 6, buf.len), &head, &u), ERR_CORRUPT, "one byte more");
}

Test(pack, a_blob_over_the_cap_is_no_blob)
{
	struct blob head = { .magic = 1, .version = 1 };
	struct wire u;
	size_t at;

	for (size_t max = 1; max < BLOB_HEAD + 4; max++) {
		buf_fini(&buf);
		buf_init(&buf, max);
		at = blob_begin(&buf, &head);
		pack_u32(&buf, 7);
		blob_end(&buf, at, 1);
		cr_expect(buf.failed);
		cr_expect_eq(blob_open(buf_str(&buf), &head, &u), ERR_CORRUPT);
	}
}
