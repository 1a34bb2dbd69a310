/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "mail/mime.h"

Test(mime, parameters)
{
	static const struct {
		const char *value, *type, *boundary; /* NULL: none */
	} cases[] = {
		{ "text/plain", "text/plain", NULL },
		{ " Text/Plain ; charset=x", "Text/Plain", NULL },
		{ "multipart/mixed (a comment); boundary=b", "multipart/mixed", "b" },
		{ "multipart/mixed; boundary=b", "multipart/mixed", "b" },
		{ "multipart/mixed;\r\n\tBOUNDARY = \"b c\"", "multipart/mixed", "b c" },
		{ "multipart/mixed;boundary=b;x=y", "multipart/mixed", "b" },
		{ "multipart/mixed; boundary=b (a comment)", "multipart/mixed", "b" },
		{ "multipart/mixed; x=\";boundary=c\"; boundary=b", "multipart/mixed", "b" },
		{ "multipart/mixed; x=\"\\\";boundary=c\"; boundary=b", "multipart/mixed", "b" },
		{ "multipart/mixed; boundary=\"a\\\"b\\\\\"", "multipart/mixed", "a\"b\\" },
		{ "multipart/mixed; boundary=\"a\r\n b\"", "multipart/mixed", "a b" },
		{ "multipart/mixed; boundary=\"unclosed", "multipart/mixed", "unclosed" },
		{ "multipart/mixed; boundary=b; boundary=c", "multipart/mixed", "b" },
		{ "multipart/mixed; boundary=", "multipart/mixed", "" },
		{ "multipart/mixed; boundary=\"\"", "multipart/mixed", "" },
		{ "multipart/mixed; boundary", "multipart/mixed", NULL },
		{ "multipart/mixed; xboundary=c", "multipart/mixed", NULL },
		{ "multipart/mixed;;;boundary=b;", "multipart/mixed", "b" },
		{ "boundary=b", "boundary=b", NULL },
		{ "multipart/mixed; x=\"twenty bytes and more\\\\\"; y=\\; z=a\"; q\"b; boundary=b",
		    "multipart/mixed", "b" },
		{ "multipart/mixed; x=\"twenty bytes and more\\\"; boundary=b", "multipart/mixed", NULL },
		{ "", "", NULL },
		{ ";boundary=b", "", "b" },
		{ "x;boundary=\"\\", "x", "\\" },
		/* in pieces */
		{ "x; boundary*0=\"--=_a \"; boundary*1=b", "x", "--=_a b" },
		{ "x; BOUNDARY*0=a; charset=x; boundary*1*=%3Db%2g%4; boundary*2=c%3D", "x", "a=b%2g%4c%3D" },
		{ "x; boundary*=us-ascii'en'a%20b", "x", "a b" },
		{ "x; boundary*0*=us-ascii''a%20'b; boundary*1*='c'd", "x", "a 'b'c'd" },
		{ "x; boundary*=a%20b'", "x", "a b'" },
		{ "x; boundary*0=a; boundary*2=c", "x", "a" },
		{ "x; boundary*1=b; boundary*0=a", "x", "a" },
		{ "x; boundary*0=a; boundary=b", "x", "b" },
		{ "x; boundary*=a; boundary*=b", "x", "a" },
		{ "x; boundary*00=a", "x", NULL },
		{ "x; boundary*0**=a", "x", NULL },
		{ "x; boundary**=a", "x", NULL },
		{ "x; boundaryx0=a", "x", NULL },
		{ "x; b*0=a", "x", NULL },
		{ "x; boundary*0=0; boundary*1=1; boundary*2=2; boundary*3=3; boundary*4=4; boundary*5=5; "
		  "boundary*6=6; boundary*7=7; boundary*8=8; boundary*9=9; boundary*:=:; boundary*10=a",
		    "x", "0123456789" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str value = str_of(cases[i].value), got = STR_NONE;
		char text[MIME_BOUNDARY_MAX];
		bool found = mime_param(value, STR("boundary"), text, sizeof(text), &got);

		cr_assert(str_eq(mime_type(value), str_of(cases[i].type)), "%s", cases[i].value);
		cr_assert_eq(found, cases[i].boundary != NULL, "%s", cases[i].value);
		if (found)
			cr_assert(
			    str_eq(got, str_of(cases[i].boundary)), "%s: %.*s", cases[i].value, STR_FMT(got));
	}
}

Test(mime, parameter_is_cut)
{
	char text[3];
	struct str got;

	cr_assert(mime_param(STR("x; a=1234"), STR("a"), text, sizeof(text), &got));
	cr_assert(str_eq(got, STR("123")));
	cr_assert(mime_param(STR("x; a*0=12; a*1*=%333; a*2=4"), STR("a"), text, sizeof(text), &got));
	cr_assert(str_eq(got, STR("12%")));
}

static void
piece(void *arg, struct str s, unsigned where)
{
	buf_printf(arg, "%s%.*s%s", where & MIME_BEGIN ? "[" : "+", STR_FMT(s), where & MIME_END ? "]" : "");
}

static void
bytes(void *arg, const char *p, size_t n)
{
	buf_append(arg, p, n);
}

Test(mime, lines)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "a", "[a]" },
		{ "a\nb\n", "[a][b]" },
		{ "a\r\nb\r\n", "[a][b]" },
		{ "a\rb\r", "[a][b]" },
		{ "a\r\r\nb", "[a][b]" },
		{ "a\r\r\r\nb", "[a][b]" },
		{ "\n\n", "[][]" },
		{ "\r\n\r\n", "[][]" },
		{ "\n\r\n\r", "[][][]" },
		{ "a\n\rb", "[a][][b]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t step = 1; step < 5; step++) {
			struct mime_lines l = { 0 };
			struct str in = str_of(cases[i].in);
			struct buf out;

			buf_init(&out, 0);
			for (size_t at = 0; at < in.n; at += step) {
				struct str some = str_sub(in, at, at + step);

				mime_lines_feed(&l, some.p, some.n, piece, &out);
			}
			mime_lines_end(&l, piece, &out);
			cr_assert(str_eq(buf_str(&out), str_of(cases[i].out)), "%zu by %zu: %.*s", i, step,
			    STR_FMT(buf_str(&out)));
			buf_fini(&out);
		}
	}
}

/* A line of the cap is one piece, one byte more makes two. */
Test(mime, long_lines)
{
	for (size_t n = MIME_LINE_MAX; n <= MIME_LINE_MAX + 1; n++) {
		struct mime_lines l = { 0 };
		struct buf in, out;

		buf_init(&in, 0);
		buf_init(&out, 0);
		buf_printf(&in, "%0*d\nb\n", (int)n, 0);
		mime_lines_feed(&l, buf_str(&in).p, in.len, piece, &out);
		cr_assert_eq(out.len, n + (n > MIME_LINE_MAX ? 1 : 0) + 5);
		cr_assert_eq(str_find(buf_str(&out), '+'), n > MIME_LINE_MAX ? MIME_LINE_MAX + 1 : out.len);
		cr_assert(str_iends(buf_str(&out), STR("0][b]")));
		buf_fini(&in);
		buf_fini(&out);
	}
}

struct line {
	struct mime_decoder decoder;
	struct buf *out;
};

static void
decode(void *arg, struct str s, unsigned where)
{
	struct line *l = arg;

	mime_decode(&l->decoder, s, where, bytes, l->out);
}

Test(mime, decoding)
{
	static const struct {
		const char *encoding, *in, *out;
	} cases[] = {
		{ "7bit", "a=3D\nb\n", "a=3D\nb\n" },
		{ "x-unknown", "a=3D\nb\n", "a=3D\nb\n" },
		{ "Quoted-Printable", "a=3D=3d=\nb\n", "a==b\n" },
		{ "quoted-printable (comment)", "a= \t\nb\nc", "ab\nc\n" },
		{ "quoted-printable", "a=ZZ=4=\n=4\n==41\n", "a=ZZ=4=4\n=A\n" },
		{ "BASE64", "YWJj\nZGVm\n", "abcdef" },
		{ "base64", "YW\nJj ZG\nVm\nZw==\n", "abcdefg" },
		{ "base64", "YWJj\nZw", "abcg" },
		{ "base64", "YWJj\nZg==\nYWJj\n", "abcfabc" },
		/* what is none is left out, up to the end of its line */
		{ "base64", "YWJj\n-- not this --\nYWJj\n", "abcabc" },
		{ "base64", "YWJj\nYW\n!!!!\nYWJj\n", "abcabc" },
		{ "base64", "====\n=\n\n", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t step = 1; step < 9; step++) {
			struct mime_lines lines = { 0 };
			struct str in = str_of(cases[i].in);
			struct buf out;
			struct line l = { { .encoding = mime_encoding(str_of(cases[i].encoding)) }, &out };

			buf_init(&out, 0);
			for (size_t at = 0; at < in.n; at += step) {
				struct str some = str_sub(in, at, at + step);

				mime_lines_feed(&lines, some.p, some.n, decode, &l);
			}
			mime_lines_end(&lines, decode, &l);
			mime_decode_end(&l.decoder, bytes, &out);
			cr_assert(str_eq(buf_str(&out), str_of(cases[i].out)), "%zu by %zu: %.*s", i, step,
			    STR_FMT(buf_str(&out)));
			buf_fini(&out);
		}
	}
}
