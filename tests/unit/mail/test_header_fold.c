/* SPDX-License-Identifier: ISC */
/* Folds make no difference to hashes, at the edges of their parts neither; and how values are unfolded. */
#include <criterion/criterion.h>

#include "base/xalloc.h"
#include "header_rig.h"
#include "mail/header_fields.h"

TestSuite(header_fold, .init = setup, .fini = teardown);

static const struct header_facts *
scan(struct str text)
{
	arena_reset(&arena);
	header_reset(&h);
	header_feed(&h, text.p, text.n);
	return header_end(&h);
}

Test(header_fold, unfold)
{
	static const struct {
		const char *value, *want;
	} rows[] = {
		{ "", "" },
		{ " \r\n\t ", "" },
		{ " plain  text ", "plain  text" },
		{ "a\r\n b", "a b" },
		{ "a\n\tb\r c", "a b c" },
		{ "a \r\n\t  b\tc  d", "a b c  d" },
		{ "a\nb\r\nc", "a b c" },
		{ "\r\n a\r\n  ", "a" },
		{ "12345678901234567", "1234567890123456" },
		{ "1234567890\r\n 12345678", "1234567890 12345" },
		{ "123456789012345\r\n 7", "123456789012345" },
		{ "1234567890123456\r\n", "1234567890123456" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[16];
		struct str got = header_unfold(str_of(rows[i].value), out, sizeof(out));

		cr_expect(str_eq(got, str_of(rows[i].want)), "%zu: %.*s", i, STR_FMT(got));
	}
}

/* What is filled in sixteen bytes at a time is what would be filled in one by one; no byte beyond the text is
 * looked at. */
Test(header_fold, each_run_of_white_space_is_one_space)
{
	static const char bytes[] = " \t\r\n!ab\001\xff  ";
	uint32_t seed = 20240301;

	for (int round = 0; round < 40000; round++) {
		size_t size = (size_t)round % 60, n = 0, w = 0;
		char *text = xmalloc(size + !size), want[60];
		struct header_part part;

		for (size_t i = 0; i < size; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[n++] = (seed >> 8) % (round % 2 ? 3 : 20)
			    ? 'x'
			    : bytes[(seed >> 12) % (sizeof(bytes) - 1)];
		}
		for (size_t i = 0; i < n; i++)
			if (!str_is_space(text[i]))
				want[w++] = text[i];
			else if (i == 0 || !str_is_space(text[i - 1]))
				want[w++] = ' ';
		header_part_begin(&part, (struct key128){ 0, 0 });
		cr_assert_eq(header_part_fill(&part, (struct str){ text, n }), n);
		cr_assert_eq(part.n, w);
		cr_assert_arr_eq(part.text, want, w);
		xfree(text);
	}
}

/* A part takes as much as it has room for, and from there on the next one; one place after the other. */
Test(header_fold, a_part_that_is_nearly_full)
{
	enum { ROOM_MAX = 50 };
	static const char *const texts[] = { "0123456789abcdef0123456789abcdef01234567",
		"0123456789 \r\n bcdef0123456789abcdef 1234567",
		"0123456789abcde \n\tef0123456789abcdef0123456\n7" };

	for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
		struct str all = str_of(texts[t]);
		struct header_part whole;

		header_part_begin(&whole, (struct key128){ 0, 0 });
		cr_assert_eq(header_part_fill(&whole, all), all.n);
		for (size_t room = 0; room <= ROOM_MAX; room++) {
			struct header_part first, next;
			size_t from = HEADER_VALUE_KEEP - room, took;

			header_part_begin(&first, (struct key128){ 0, 0 });
			header_part_begin(&next, (struct key128){ 0, 0 });
			first.n = from;
			took = header_part_fill(&first, all);
			cr_assert_eq(header_part_fill(&next, str_sub(all, took, all.n)), all.n - took);
			cr_assert_eq(first.n - from + next.n, whole.n, "%zu, %zu", t, room);
			cr_assert_arr_eq(first.text + from, whole.text, first.n - from);
			cr_assert_arr_eq(next.text, whole.text + (first.n - from), next.n);
		}
	}
}

/* Long values are hashed in parts: at the edges of parts, folds still make no difference and each byte
 * counts. */
Test(header_fold, stable_hash_of_long_fields)
{
	struct buf b, folded;

	buf_init(&b, 0);
	buf_init(&folded, 0);
	for (size_t n = HEADER_VALUE_KEEP - 12; n <= 2 * HEADER_VALUE_KEEP + 12; n++) {
		struct key128 whole, other;

		buf_reset(&b);
		buf_reset(&folded);
		buf_str_append(&b, STR("X:"));
		buf_str_append(&folded, STR("x:"));
		for (size_t i = 0; i < n; i++) {
			bool gap = i % 7 == 3 && i + 1 < n;

			buf_str_append(&b, gap ? STR(" ") : STR("y"));
			buf_str_append(&folded, gap ? STR("\r\n \t") : STR("y"));
		}
		whole = scan(buf_str(&b))->stable;
		cr_expect(key_eq(whole, scan(buf_str(&folded))->stable), "%zu", n);
		b.data[b.start + b.len - 1] = 'z';
		other = scan(buf_str(&b))->stable;
		cr_expect(!key_eq(whole, other), "%zu", n);
	}
	buf_fini(&b);
	buf_fini(&folded);
}

Test(header_fold, stable_hash_of_long_names)
{
	static const size_t sizes[] = { HEADER_VALUE_KEEP - 1, HEADER_VALUE_KEEP, HEADER_VALUE_KEEP + 1,
		3 * HEADER_VALUE_KEEP };
	struct buf b;

	buf_init(&b, 0);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct key128 low, high, other;

		buf_reset(&b);
		memset(buf_reserve(&b, sizes[i]), 'x', sizes[i]);
		buf_commit(&b, sizes[i]);
		buf_str_append(&b, STR(": value\n"));
		low = scan(buf_str(&b))->stable;
		b.data[b.start + sizes[i] - 1] = 'X';
		high = scan(buf_str(&b))->stable;
		b.data[b.start + sizes[i] - 1] = 'y';
		other = scan(buf_str(&b))->stable;
		cr_expect(key_eq(low, high), "%zu", sizes[i]);
		cr_expect(!key_eq(low, other), "%zu", sizes[i]);
	}
	buf_fini(&b);
}

Test(header_fold, stable_hash_knows_names_from_values)
{
	struct key128 one = scan(STR("A: b c\n"))->stable, other;

	other = scan(STR("A: b\nC:\n"))->stable;
	cr_expect(!key_eq(one, other));
	other = scan(STR("A:\nB: c\n"))->stable;
	cr_expect(!key_eq(one, other));
}
