/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"

Test(str, absent_and_empty)
{
	struct str none = STR_NONE, empty = STR("");

	cr_assert_null(none.p);
	cr_assert_not_null(empty.p);
	cr_assert(str_eq(none, empty));
	cr_assert(str_ieq(none, empty));
	cr_assert(str_starts(none, none) && str_istarts(none, none) && str_iends(none, none));
	cr_assert_eq(str_trim(none).n, 0);
	cr_assert_eq(str_find(none, 'x'), 0);
	cr_assert_eq(str_rfind(none, 'x'), 0);
	cr_assert_eq(str_ifind(none, STR("x")), 0);
	cr_assert_null(str_sub(none, 3, 9).p);
	cr_assert_eq(str_of(NULL).n, 0);
}

Test(str, compare)
{
	static const struct {
		const char *a, *b;
		bool eq, ieq, starts, istarts, iends;
	} t[] = {
		{ "abc", "abc", true, true, true, true, true },
		{ "abc", "aBC", false, true, false, true, true },
		{ "abcd", "ab", false, false, true, true, false },
		{ "abcd", "CD", false, false, false, false, true },
		{ "ab", "abc", false, false, false, false, false },
		{ "", "a", false, false, false, false, false },
		{ "a", "", false, false, true, true, true },
		/* Bytes beyond ASCII have no case here: '\xc4' and '\xe4' are not each other's. */
		{ "\xc4", "\xe4", false, false, false, false, false },
		/* Neighbours of the letters that differ by the case bit. */
		{ "@[`{", "`{@[", false, false, false, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct str a = str_of(t[i].a), b = str_of(t[i].b);

		cr_expect_eq(str_eq(a, b), t[i].eq, "eq %zu", i);
		cr_expect_eq(str_ieq(a, b), t[i].ieq, "ieq %zu", i);
		cr_expect_eq(str_starts(a, b), t[i].starts, "starts %zu", i);
		cr_expect_eq(str_starts_quick(a, b), t[i].starts, "starts quickly %zu", i);
		cr_expect_eq(str_istarts(a, b), t[i].istarts, "istarts %zu", i);
		cr_expect_eq(str_iends(a, b), t[i].iends, "iends %zu", i);
	}
}

/* Prefixes of all lengths around eight, the same or another in each of their bytes; no byte beyond them is
 * looked at. */
Test(str, starts_quick)
{
	for (size_t n = 0; n <= 33; n++) {
		char *s = xmalloc(n + 1), *prefix = xmalloc(n + 1);

		memset(s, 'x', n + 1);
		memset(prefix, 'x', n);
		cr_expect(str_starts_quick((struct str){ s, n }, (struct str){ prefix, n }), "%zu", n);
		cr_expect(str_starts_quick((struct str){ s, n + 1 }, (struct str){ prefix, n }), "%zu", n);
		cr_expect_not(str_starts_quick((struct str){ s, n }, (struct str){ s, n + 1 }), "%zu", n);
		for (size_t at = 0; at < n; at++) {
			prefix[at] = 'y';
			cr_expect_not(str_starts_quick((struct str){ s, n }, (struct str){ prefix, n }),
			    "%zu of %zu", at, n);
			prefix[at] = 'x';
		}
		prefix[n] = 'y';
		cr_expect(str_starts_quick((struct str){ s, n + 1 }, (struct str){ prefix, n }), "%zu", n);
		xfree(s);
		xfree(prefix);
	}
}

Test(str, find)
{
	struct str s = STR("a,b,C");

	cr_assert_eq(str_find(s, ','), 1);
	cr_assert_eq(str_rfind(s, ','), 3);
	cr_assert_eq(str_find(s, 'x'), s.n);
	cr_assert_eq(str_rfind(s, 'x'), s.n);
	cr_assert_eq(str_ifind(s, STR("B,c")), 2);
	cr_assert_eq(str_ifind(s, STR("a,b,c,")), s.n);
	cr_assert_eq(str_ifind(s, STR("")), 0);
	cr_assert_eq(str_find(STR("a\0b"), '\0'), 1);
}

/* Words of eight bytes are looked at together: each byte at each place, beside the plain way. */
Test(str, case_of_each_byte_at_each_place)
{
	char text[20], lower[21];

	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < sizeof(text); at++) {
			struct str s = { text, sizeof(text) }, l = { lower, sizeof(text) };

			memset(text, 'Q', sizeof(text));
			text[at] = (char)c;
			lower[sizeof(text)] = '!';
			str_lower_to(lower, s);
			for (size_t i = 0; i < sizeof(text); i++)
				cr_assert_eq(lower[i], str_lower(text[i]), "%d at %zu", c, at);
			cr_assert_eq(lower[sizeof(text)], '!', "nothing behind it");
			cr_assert(str_ieq(s, l), "%d at %zu", c, at);
			lower[at] ^= (char)0x80;
			cr_assert_not(str_ieq(s, l), "%d at %zu", c, at);
			cr_assert_eq(str_istarts(s, str_sub(l, 0, at)), true, "%d at %zu", c, at);
			cr_assert_not(str_istarts(s, str_sub(l, 0, at + 1)), "%d at %zu", c, at);
		}
	}
	cr_assert_not(str_ieq(STR("abcdefg@"), STR("abcdefg`")), "beside A");
	cr_assert_not(str_ieq(STR("abcdefg["), STR("abcdefg{")), "beside Z");
}

Test(str, classes_of_each_byte)
{
	for (int b = 0; b < 256; b++) {
		static const char digits[] = "0123456789abcdefABCDEF";
		const char *hex = b ? strchr(digits, b) : NULL;
		int at = hex ? (int)(hex - digits) : -1;
		char c = (char)b;

		cr_expect_eq(str_digit(c), b >= '0' && b <= '9', "%d", b);
		cr_expect_eq(str_letter(c), (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z'), "%d", b);
		cr_expect_eq(str_alnum(c), str_digit(c) || str_letter(c), "%d", b);
		cr_expect_eq(str_hex(c), at < 16 ? at : at - 6, "%d", b);
	}
}

Test(str, sub_clamps)
{
	struct str s = STR("hello");

	cr_assert(str_eq(str_sub(s, 1, 3), STR("el")));
	cr_assert(str_eq(str_sub(s, 3, 99), STR("lo")));
	cr_assert_eq(str_sub(s, 4, 2).n, 0);
	cr_assert_eq(str_sub(s, 77, 99).n, 0);
	cr_assert(str_eq(str_trim(STR(" \t\r\n a b \n")), STR("a b")));
	cr_assert_eq(str_trim(STR(" \n ")).n, 0);
}

Test(str, split)
{
	static const struct {
		const char *in;
		const char *pieces[5];
	} t[] = {
		{ "a,b", { "a", "b" } },
		{ "a,,b,", { "a", "", "b", "" } },
		{ ",", { "", "" } },
		{ "one", { "one" } },
		{ "", { "" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct str rest = str_of(t[i].in), piece;
		size_t n = 0;

		for (; str_split(&rest, ',', &piece); n++) {
			cr_assert_not_null(t[i].pieces[n], "too many pieces in %zu", i);
			cr_expect(str_eq(piece, str_of(t[i].pieces[n])), "piece %zu of %zu", n, i);
		}
		cr_expect_null(t[i].pieces[n], "too few pieces in %zu", i);
	}
}

/* Either byte at each place of texts of all lengths, from each place on; no byte beyond them is looked at. */
Test(str, find_either)
{
	for (size_t n = 0; n <= 40; n++) {
		char *text = xmalloc(n + !n);
		struct str s = { text, n };

		memset(text, 'x', n);
		for (size_t from = 0; from <= n; from++) {
			cr_assert_eq(str_find_either(s, from, '\n', '\xff'), n);
			for (size_t at = 0; at < n; at++) {
				text[at] = at % 2 ? '\n' : '\xff';
				cr_assert_eq(str_find_either(s, from, '\n', '\xff'), at < from ? n : at,
				    "%zu from %zu of %zu", at, from, n);
				text[n - 1] = '\n';
				cr_assert_eq(str_find_either(s, from, '\xff', '\n'),
				    at >= from ? at : (from < n ? n - 1 : n), "%zu from %zu of %zu", at, from,
				    n);
				text[at] = text[n - 1] = 'x';
			}
		}
		xfree(text);
	}
	cr_assert_eq(str_find_either(STR_NONE, 0, 'a', 'b'), 0);
}

Test(str, u64)
{
	static const struct {
		const char *in;
		int err;
		uint64_t v;
	} t[] = {
		{ "0", 0, 0 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", ERR_RANGE, 0 },
		{ "18446744073709551620", ERR_RANGE, 0 },
		{ "99999999999999999999999", ERR_RANGE, 0 },
		{ "", ERR_SYNTAX, 0 },
		{ "+1", ERR_SYNTAX, 0 },
		{ "-1", ERR_SYNTAX, 0 },
		{ " 1", ERR_SYNTAX, 0 },
		{ "1 ", ERR_SYNTAX, 0 },
		{ "1a", ERR_SYNTAX, 0 },
		{ "0x1", ERR_SYNTAX, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t v = 4711;

		cr_expect_eq(str_u64(str_of(t[i].in), &v), t[i].err, "\"%s\"", t[i].in);
		cr_expect_eq(v, t[i].err ? 4711 : t[i].v, "\"%s\"", t[i].in);
	}
}

Test(str, front_that_is_cut_off)
{
	struct str s = STR("unix:/x"), none = STR_NONE;

	cr_expect_not(str_cut_front(&s, STR("UNIX:")));
	cr_expect(str_eq(s, STR("unix:/x")), "as it was");
	cr_expect(str_icut_front(&s, STR("UNIX:")));
	cr_expect(str_eq(s, STR("/x")));
	cr_expect_not(str_cut_front(&s, STR("/xy")));
	cr_expect(str_cut_front(&s, STR("/x")));
	cr_expect_eq(s.n, 0);
	cr_expect_not(str_cut_front(&none, STR("a")));
}

/* Words of eight bytes are looked at: each byte at each place, alone and between others. */
Test(str, has_control)
{
	static const char fill[] = { 'a', (char)0x80, (char)0xff, ' ', (char)0xa0 };
	char text[20];

	for (size_t n = 1; n <= sizeof(text); n++) {
		for (size_t at = 0; at < n; at++) {
			for (unsigned c = 0; c < 256; c++) {
				memset(text, fill[(at + c) % sizeof(fill)], sizeof(text));
				text[at] = (char)c;
				cr_assert_eq(str_has_control((struct str){ text, n }), c < 0x20 || c == 0x7f,
				    "0x%02x at %zu of %zu", c, at, n);
				cr_assert_eq(str_is_control((char)c), c < 0x20 || c == 0x7f);
			}
		}
	}
	cr_assert_not(str_has_control(STR_NONE));
}

Test(str, errors_have_names)
{
	cr_assert_str_eq(err_str(0), "ok");
	cr_assert_str_eq(err_str(ERR_CONF), "configuration is faulty");
	cr_assert_str_eq(err_str(ERR_CONF - 1), "unknown error");
	cr_assert_str_eq(err_str(1), "unknown error");
	cr_assert_str_eq(err_str(INT32_MIN), "unknown error");
}

Test(str, a_quota_is_no_room_either)
{
	cr_assert(err_no_room(ENOSPC) && err_no_room(EDQUOT));
	cr_assert_not(err_no_room(0) || err_no_room(EIO) || err_no_room(EFBIG) || err_no_room(EMFILE));
}

Test(str, an_error_with_its_reason)
{
	char why[8] = "";

	cr_assert_eq(err_why(ERR_RANGE, why, sizeof(why), "%d of %s", 12, "34"), ERR_RANGE);
	cr_assert_str_eq(why, "12 of 3", "cut to its room");
}
