/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/compiler.h"
#include "base/json.h"
#include "base/utf8.h"

static struct buf out;
static struct json j;

static void
setup(void)
{
	buf_init(&out, 0);
	json_init(&j, &out);
}

static void
teardown(void)
{
	buf_fini(&out);
}

TestSuite(json, .init = setup, .fini = teardown, .timeout = 60);

static const char *
text(void)
{
	buf_append(&out, "", 1);
	return buf_str(&out).p;
}

Test(json, shapes)
{
	json_object(&j, NULL);
	json_str(&j, "a", STR("x"));
	json_array(&j, "list");
	json_array_end(&j);
	json_array(&j, "more");
	json_u64(&j, NULL, 1);
	json_object(&j, NULL);
	json_object_end(&j);
	json_object(&j, NULL);
	json_bool(&j, "t", true);
	json_bool(&j, "f", false);
	json_object_end(&j);
	json_null(&j, NULL);
	json_array_end(&j);
	json_object(&j, "o");
	json_null(&j, "n");
	json_object_end(&j);
	json_u64(&j, "z", 0);
	json_object_end(&j);
	cr_assert_str_eq(text(),
	    "{\"a\":\"x\",\"list\":[],\"more\":[1,{},{\"t\":true,\"f\":false},null],\"o\":{\"n\":null},\"z\":"
	    "0}");
}

Test(json, numbers)
{
	json_array(&j, NULL);
	json_u64(&j, NULL, UINT64_MAX);
	json_hex64(&j, NULL, 0x12ab);
	json_hex64(&j, NULL, UINT64_MAX);
	json_seconds(&j, NULL, 0);
	json_seconds(&j, NULL, 1795233448007);
	json_seconds(&j, NULL, -1);
	json_seconds(&j, NULL, INT64_MIN);
	json_array_end(&j);
	cr_assert_str_eq(text(),
	    "[18446744073709551615,\"00000000000012ab\",\"ffffffffffffffff\",0.000,1795233448.007,-0.001,"
	    "-9223372036854775.808]");
}

Test(json, strings)
{
	static const struct {
		struct str s;
		const char *want;
	} t[] = {
		{ STR_NONE, "null" },
		{ STR(""), "\"\"" },
		{ STR("plain text"), "\"plain text\"" },
		{ STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"" },
		{ STR("\x01\t\n\r\x1b\x1f\x7f"), "\"\\u0001\\u0009\\u000a\\u000d\\u001b\\u001f\\u007f\"" },
		{ STR("a\0b"),
		    "\"a\xef\xbf\xbd"
		    "b\"" },
		{ STR("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"" },
		{ STR("\xf0\x9f\x8c\xaa"), "\"\xf0\x9f\x8c\xaa\"" },
		{ STR("\xc3"), "\"\xef\xbf\xbd\"" },
		{ STR("\xc3\""), "\"\xef\xbf\xbd\\\"\"" },
		{ STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		buf_reset(&out);
		json_init(&j, &out);
		json_str(&j, NULL, t[i].s);
		cr_expect_str_eq(text(), t[i].want, "row %zu", i);
	}
}

Test(json, at_the_cap)
{
	buf_init(&out, 5);
	json_str(&j, NULL, STR("abc"));
	cr_assert(!out.failed && out.len == 5);
	json_init(&j, &out);
	buf_reset(&out);
	json_str(&j, NULL, STR("abcd"));
	cr_assert(out.failed, "one beyond");
}

static unsigned
hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* Reads a JSON string back; only what the writer may write is understood. */
static size_t
read_back(struct str s, char *to)
{
	size_t n = 0;

	cr_assert(s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"');
	s = str_sub(s, 1, s.n - 1);
	for (size_t i = 0; i < s.n;) {
		size_t len = utf8_len(str_sub(s, i, s.n));

		cr_assert_gt(len, 0, "not UTF-8");
		cr_assert(len > 1 || ((unsigned char)s.p[i] >= ' ' && s.p[i] != '"' && s.p[i] != 0x7f));
		if (s.p[i] != '\\') {
			memcpy(to + n, s.p + i, len);
			n += len;
			i += len;
		} else if (s.p[i + 1] == 'u') {
			cr_assert(i + 6 <= s.n && s.p[i + 2] == '0' && s.p[i + 3] == '0');
			to[n++] = (char)(hex_digit(s.p[i + 4]) << 4 | hex_digit(s.p[i + 5]));
			i += 6;
		} else {
			cr_assert(i + 2 <= s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'));
			to[n++] = s.p[i + 1];
			i += 2;
		}
	}
	return n;
}

Test(json, any_bytes)
{
	uint64_t seed = 20060102;
	char in[64], want[256], got[1024];

	for (int round = 0; round < 50000; round++) {
		size_t n = 0, n_want = 0, len;

		for (; n < sizeof(in); n++) {
			static const char often[] = "\"\\\xc3\xa9\xed\xa0\x80\xf0\x9f\x8c\xaa\n\0u";

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			if (seed >> 60 == 0)
				break;
			in[n] = seed >> 63 ? often[(seed >> 40) % sizeof(often)] : (char)(seed >> 40);
		}
		for (size_t i = 0; i < n; i += len ? len : 1) {
			len = utf8_len((struct str){ in + i, n - i });
			memcpy(want + n_want, len ? in + i : "\xef\xbf\xbd", len ? len : 3);
			n_want += len ? len : 3;
		}
		buf_reset(&out);
		json_init(&j, &out);
		json_str(&j, NULL, (struct str){ in, n });
		cr_assert_eq(read_back(buf_str(&out), got), n_want);
		cr_assert_eq(memcmp(got, want, n_want), 0);
	}
}
