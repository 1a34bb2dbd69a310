/* SPDX-License-Identifier: ISC */
/* The walker over address lists: each phenomenon by a row, whole lists by construction, hostile bytes by
 * their work, and folding, which must never change the count. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "mail/addr.h"

struct seen {
	char text[4096];
	size_t n;
	uint32_t count;
	size_t longest;
};

static void
see(void *arg, struct str addr)
{
	struct seen *s = arg;

	s->count++;
	if (addr.n > s->longest)
		s->longest = addr.n;
	if (s->n + addr.n + 1 > sizeof(s->text))
		return;
	if (s->n)
		s->text[s->n++] = '|';
	memcpy(s->text + s->n, addr.p, addr.n);
	s->n += addr.n;
}

static void
check(struct str value, uint32_t count, const char *addrs)
{
	struct seen s = { .n = 0 };
	uint32_t got = addr_list_walk(value, see, &s);

	cr_expect_eq(got, count, "%.*s: got %u, want %u", STR_FMT(value), got, count);
	cr_expect_eq(s.count, got, "%.*s: told %u of %u", STR_FMT(value), s.count, got);
	cr_expect(str_eq((struct str){ s.text, s.n }, str_of(addrs)), "%.*s: got %.*s, want %s",
	    STR_FMT(value), (int)s.n, s.text, addrs);
	cr_expect_eq(addr_list_walk(value, NULL, NULL), got);
}

struct row {
	const char *value;
	uint32_t count;
	const char *addrs;
};

static void
check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(str_of(rows[i].value), rows[i].count, rows[i].addrs);
}

Test(addr_list, plain_and_named)
{
	static const struct row rows[] = {
		{ "", 0, "" },
		{ " \t\r\n ", 0, "" },
		{ "ann@example.org", 1, "ann@example.org" },
		{ "  ann@example.org\r\n", 1, "ann@example.org" },
		{ "Ann B <ann@example.org>", 1, "ann@example.org" },
		{ "\"B, Ann\" <ann@example.org>", 1, "ann@example.org" },
		{ "\"B; Ann\" <ann@example.org>", 1, "ann@example.org" },
		{ "\"Ann \\\"Bee, B\\\" <x@y>\" <ann@example.org>", 1, "ann@example.org" },
		{ "\"ann@example.org\" <bob@example.org>", 1, "bob@example.org" },
		{ "\"<ann@example.org>\" <bob@example.org>, c@d", 2, "bob@example.org|c@d" },
		{ "Ann Q. Bee <ann@example.org>", 1, "ann@example.org" },
		{ "Who? <a@b>, J. R. Doe jr@d, \"q\" q@d", 3, "a@b|jr@d|q@d" },
		{ "a@b, c@d,e@f", 3, "a@b|c@d|e@f" },
		{ ",a@b,,, ,c@d,", 2, "a@b|c@d" },
		{ "a@b; c@d; ", 2, "a@b|c@d" },
		{ "'a@b'; 'c@d'", 2, "'a@b'|'c@d'" },
		{ "a@b\t\tc@d", 1, "a@b" },
		{ "a@b c@d, e@f", 2, "a@b|e@f" },
		{ "\xc3\xbc@m\xc3\xbcller.example, \xe4\xbc\x8a <x@\xe9\x83\xb5.example>", 2,
		    "\xc3\xbc@m\xc3\xbcller.example|x@\xe9\x83\xb5.example" },
		{ "/C=DE/A=x/S=Bee/@gate.example, host!user", 2, "/C=DE/A=x/S=Bee/@gate.example|host!user" },
		{ "a@b.example.", 1, "a@b.example." },
		{ "user@", 1, "user@" },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

Test(addr_list, comments)
{
	static const struct row rows[] = {
		{ "ann@b (Ann, Bee)", 1, "ann@b" },
		{ "(x)ann@b", 1, "ann@b" },
		{ "(x, y@z) (w (v) u@t) ann@b(s)", 1, "ann@b" },
		{ "Ann (a \\) b) <ann(his (own) one)@b.(c)example(d)>, c@d", 2, "ann@b.example|c@d" },
		{ "Ann ( <x@y>, (z) <w@v>, ) <ann@b>", 1, "ann@b" },
		{ "(ann@b)", 0, "" },
		{ "()", 0, "" },
		{ "a@b (open, c@d, e@f", 1, "a@b" },
		{ "a@b, c@d (x (y) z, e@f", 2, "a@b|c@d" },
		{ "Ann (open <a@b>, C (x) <c@d>", 2, "a@b|c@d" },
		{ "Sad ((( <a@b>, c@d", 2, "a@b|c@d" },
		{ "Sad ( <a@b>, Worse ( <c@d>, e@f", 2, "a@b|Worse" },
		{ "a@b), Ann) <c@d>)", 2, "a@b|c@d" },
		{ "a@b (x \\", 1, "a@b" },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

Test(addr_list, groups)
{
	static const struct row rows[] = {
		{ "Undisclosed:;", 0, "" },
		{ "undisclosed-recipients: ;", 0, "" },
		{ "Undisclosed recipients:", 0, "" },
		{ "<undisclosed-recipients:;>", 0, "" },
		{ "undisclosed-recipients", 0, "" },
		{ "Unlisted-Recipients; (no To)", 0, "" },
		{ "Team: a@b, Ann <c@d>;", 2, "a@b|c@d" },
		{ "Team: a@b, Ann <c@d>; , e@f", 3, "a@b|c@d|e@f" },
		{ "Team: a@b, c@d", 2, "a@b|c@d" }, /* not closed */
		{ "Team:a@b;Other:c@d;None:;e@f", 3, "a@b|c@d|e@f" },
		{ "one: two: three: a@b;", 1, "a@b" },
		{ "one: two: a@b; c@d; ;, e@f", 3, "a@b|c@d|e@f" },
		{ "\"a@b: c\" : d@e", 1, "d@e" },
		{ "\"a@b\" : d@e;", 1, "d@e" },
		{ "A (x: y, z) group (w) : a@b (u), c@d;", 2, "a@b|c@d" },
		{ "=?utf-8?q?A=3AB?= : =?utf-8?q?c?= <a@b>;", 1, "a@b" },
		{ ":;:;:;", 0, "" },
		{ "Re: Ann <a@b>", 1, "a@b" },
		{ "mailto:a@b", 1, "a@b" },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

Test(addr_list, brackets)
{
	static const struct row rows[] = {
		{ "<>", 0, "" },
		{ "Ann <>", 0, "" },
		{ "a@b <>", 1, "a@b" },
		{ "< >, <\t>", 0, "" },
		{ "<a@b>", 1, "a@b" },
		{ "< a@b >", 1, "a@b" },
		{ "<<a@b>>", 1, "a@b" },
		{ "Ann <a@b", 1, "a@b" },
		{ "Ann <a@b, Bob <c@d>, e@f", 3, "a@b|c@d|e@f" },
		{ "Ann a@b>, Bob c@d>", 2, "a@b|c@d" },
		{ "Ann <x> <a@b>", 1, "a@b" },
		{ "<a@b> <c@d>, <e@f>", 2, "a@b|e@f" },
		{ "<root>, Ann <bee>", 2, "root|bee" },
		{ "<mailto:a@b>", 1, "a@b" },
		{ "<@x,@y:a@b>, c@d", 2, "a@b|c@d" },
		{ "Ann <@x.example , , @y.example:a@b>", 1, "a@b" },
		{ "<@x:a@b>,<@y:c@d>", 2, "a@b|c@d" },
		{ "<@x, a@b, c@d", 2, "a@b|c@d" },
		{ "<@x,@y", 0, "" },
		{ "<@x>", 0, "" },
		{ "@x,@y:a@b", 1, "a@b" },
		{ "<a@b>;<c@d>", 2, "a@b|c@d" },
		{ "<, a@b", 1, "a@b" },
		{ ">>>a@b<<<", 1, "a@b" },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

Test(addr_list, words_quotes_literals)
{
	static const struct row rows[] = {
		{ "root", 1, "root" },
		{ "root, daemon (x)", 2, "root|daemon" },
		{ "Ann Bee", 0, "" },
		{ "\"Ann Bee\"", 0, "" },
		{ "=?utf-8?q?Ann?=", 0, "" },
		{ "\"ann@b\"", 1, "\"ann@b\"" },
		{ "Bee, Ann <a@b>", 1, "a@b" },
		{ "Bee, Ann <a@b>; Doe, Joe <c@d>", 2, "a@b|c@d" },
		{ "root; Ann <a@b>", 2, "root|a@b" },
		{ "root, a@b", 2, "root|a@b" },
		{ "root, <a@b>", 2, "root|a@b" },
		{ "root, Team: a@b;", 2, "root|a@b" },
		{ "@", 0, "" },
		{ "@b", 0, "" },
		{ "@@@", 0, "" },
		{ ". .. ...", 0, "" },
		{ "*", 0, "" },
		{ "ann . bee @ b . example", 1, "ann.bee@b.example" },
		{ "Ann.(x) Bee @(the)b.example, c@d", 2, "Ann.Bee@b.example|c@d" },
		{ "\":x\"@  Some-Host. Org", 1, "\":x\"@Some-Host.Org" },
		{ "\"a b\"@c, <\"a,\\\"b\"@c>", 2, "\"a b\"@c|\"a,\\\"b\"@c" },
		{ "\"a@b@c\"@d", 1, "\"a@b@c\"@d" },
		{ "\"\"@d", 1, "\"\"@d" },
		{ "\"Ann <a@b>", 1, "a@b" },
		{ "\"Ann <a@b>, c@d", 2, "a@b|c@d" },
		{ "a@b, Ann\" <c@d>, e@f", 3, "a@b|c@d|e@f" },
		{ "\"O\"Bee\" <a@b>, c@d", 2, "a@b|c@d" },
		{ "\"a@b\\\"", 1, "\"a@b\\\"" },
		{ "a@[192.0.2.1], b@[IPv6:2001:db8::1]", 2, "a@[192.0.2.1]|b@[IPv6:2001:db8::1]" },
		{ "a@[x,y;z], <b@ [IPv6:::1]>", 2, "a@[x,y;z]|b@[IPv6:::1]" },
		{ "a@[192.0.2.1, c@d", 2, "a@[192.0.2.1|c@d" },
		{ "Ann [x] <a@b>, [y] c@d", 2, "a@b|c@d" },
		{ "=?utf-8?q?B,_A:n?= <a@b>, =?utf-8?b?Qg?= =?utf-8?b?Qg?= <c@d>", 2, "a@b|c@d" },
		{ "=?utf-8?q?B,A:n?=, c@d", 1, "c@d" },
		{ "=?utf-8?q?B(A?= <a@b>, c@d", 2, "a@b|c@d" },
		{ "=?x, a@b", 1, "a@b" },
		{ "=?a?q?b@c?= <d@e>", 1, "d@e" },
		{ "a\\,b@c", 2, "a\\|b@c" },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

/* Nobody encoded them, and some of their bytes look like brackets, quotes and backslashes. */
Test(addr_list, letters_of_east_asia)
{
	static const struct row rows[] = {
		{ "a@b (\x1b$B;3ED\x1b(B), c@d (\x1b$BNkLZ\x1b(B), e@f", 3, "a@b|c@d|e@f" },
		{ "\x1b$B;3EDB@O:\x1b(B <a@b>, \x1b$B$\"\x1b(J <c@d>", 2, "a@b|c@d" },
		{ "\"\x1b$B$\"$\"\\\x1b(B\" <a@b>, \"\x1b$B;3\x1b(B\" <c@d>", 2, "a@b|c@d" },
		{ "\x1b$@3t<02q\x1b(J: a@b, c@d;, \x1b(I1<2\x1b(B", 2, "a@b|c@d" },
		{ "x\x1b$B:@!\x1b(Ba@b, c@d\x1b(B, \x1b$B@n\x1b(B", 2, "a@b|c@d" },
		/* not closed: plain */
		{ "a@b (\x1b$B;3ED), c@d (\x1b$BNk ), e@f", 3, "a@b|c@d|e@f" },
		{ "a@b (\x1b), c@d \x1b", 2, "a@b|c@d" },
		/* Big5, Shift_JIS */
		{ "\"\xb3\\\" <a@b>, \"\xa4\xa4\xb3\\\" <c@d>, e@f (\xa5\\), g@h", 4, "a@b|c@d|e@f|g@h" },
		{ "a@b (\x95\\), \"\x83\\\" <c@d>", 2, "a@b|c@d" },
		/* but UTF-8 and GBK with something in quotes */
		{ "\"\xc3\xa9\\\", x\" <a@b>, \"\xe7\x94\xb0\\\", \" <c@d>", 2, "a@b|c@d" },
		{ "\"\xd6\xd0\\\", \" <a@b>, c@d (\xc3\xa9\\), x), e@f", 3, "a@b|c@d|e@f" },
		/* and Latin-1, windows-1251 with quotes within; or each byte has its backslash */
		{ "\"\xce\xce \\\"\xd0\xee\xe3\\\"\" <a@b>, \"\\\"\xe3\\\"\" <c@d>, e@f", 3,
		    "a@b|c@d|e@f" },
		{ "\"Bee, \\\"J\xf6\\\", Joe\" <a@b>, \"D\xe9 \\\"\xe9\\\" x\" <c@d>", 2, "a@b|c@d" },
		{ "a@b (x \\(\xe9\\)), c@d, \"\x95\\\\\" <e@f>, \"x\" <g@h>", 4, "a@b|c@d|e@f|g@h" },
		/* and Shift_JIS with quotes within */
		{ "\"\x8e\xd0 \\\"\x94\\\\\"\" <a@b>, \"\x8e\xd0 \\\"\x94\\\\\" \x8e\xd0\" <c@d>, e@f", 3,
		    "a@b|c@d|e@f" },
		{ "a@b (\x8e\xd0 \\(\x94\\\\)), c@d", 2, "a@b|c@d" },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

Test(addr_list, hostile_bytes)
{
	static const struct {
		struct str value;
		uint32_t count;
	} rows[] = {
		{ { "\0", 1 }, 0 },
		{ { "a@b\0,\0c@d\0", 10 }, 2 },
		{ { "\0a@b\0c@d", 8 }, 1 },
		{ { "\xff\xfe@\x80, \x80", 7 }, 2 },
		{ { "a@b\r\r\n\n,c@d", 11 }, 2 },
		{ { "\x01\x02\x7f", 3 }, 0 },
		{ { "\"", 1 }, 0 },
		{ { "\"\\", 2 }, 0 },
		{ { "(", 1 }, 0 },
		{ { "(\\", 2 }, 0 },
		{ { "<", 1 }, 0 },
		{ { "@[", 2 }, 0 },
		{ { "a@[", 3 }, 1 },
		{ { "=?", 2 }, 0 },
		{ { "=?a?b?c?", 8 }, 0 },
		{ { "=?a?b?c?=", 9 }, 0 },
		{ { "<@", 2 }, 0 },
		{ { "<@,", 3 }, 0 },
		{ { ",;:<>()@.", 9 }, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *copy = xmalloc(rows[i].value.n); /* exact, so that one byte too far is seen */
		uint32_t got;

		memcpy(copy, rows[i].value.p, rows[i].value.n);
		got = addr_list_walk((struct str){ copy, rows[i].value.n }, NULL, NULL);
		cr_expect_eq(got, rows[i].count, "row %zu: got %u, want %u", i, got, rows[i].count);
		xfree(copy);
	}
	cr_expect_eq(addr_list_walk(STR_NONE, NULL, NULL), 0);
}

/* A mailbox is told up to its cap, and counted beyond. */
Test(addr_list, long_mailbox)
{
	char text[ADDR_TEXT_MAX + 64];

	for (size_t n = ADDR_TEXT_MAX - 1; n <= ADDR_TEXT_MAX + 1; n++) {
		struct seen s = { .n = 0 };

		memset(text, 'x', n);
		text[1] = '@';
		memcpy(text + n, ", c@d", 5);
		cr_expect_eq(addr_list_walk((struct str){ text, n + 5 }, see, &s), 2);
		cr_expect_eq(s.longest, n > ADDR_TEXT_MAX ? ADDR_TEXT_MAX : n);
	}
}

Test(addr_list, first)
{
	static const char *const rows[][2] = {
		{ "Ann <Ann@B.example>, c@d", "Ann@B.example" },
		{ "Team: root, a@b;", "root" },
		{ "Bee, Ann <a@b>", "a@b" },
		{ "root, a@b", "root" },
		{ ", ; (x) , a@b", "a@b" },
		{ "root", "root" },
	};
	struct arena a, none;

	arena_init(&a, 0);
	arena_init(&none, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str got = addr_first(&a, str_of(rows[i][0]));

		cr_expect(str_eq(got, str_of(rows[i][1])), "%s: %.*s", rows[i][0], STR_FMT(got));
	}
	cr_expect_null(addr_first(&a, STR("Undisclosed:;")).p);
	cr_expect_null(addr_first(&a, STR_NONE).p);
	cr_expect_null(addr_first(&none, STR("a@b")).p);
	arena_fini(&a);
	arena_fini(&none);
}

enum { WIDE_FORMS = 6 };

static void
put_mailbox(struct buf *b, unsigned form, unsigned i)
{
	static const char *const names[WIDE_FORMS] = { "", "User %u ", "\"User, %u; a:b, \\\"co\\\"\" ",
		"(%u, (x)) ", "=?utf-8?q?User,_%u?= ", "User\r\n %u\r\n\t" };
	char name[64];

	for (const char *p = names[form]; *p; p++) {
		if (p[0] != '%') {
			buf_append(b, p, 1);
			continue;
		}
		snprintf(name, sizeof(name), "%u", i);
		buf_append(b, name, strlen(name));
		p++;
	}
	buf_printf(b, form == 0 || form == 3 ? "user%u@example.org" : "<user%u@example.org>", i);
}

/* 630 and 5,000 addresses, on one line and over folded lines, bare and with names that hold separators. */
Test(addr_list, wide)
{
	static const unsigned sizes[] = { 1, 630, 5000 };
	static const char *const between[] = { ",", ", ", ",\r\n ", "\r\n\t,\r\n\t", ";\r\n ", ",\n " };

	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		for (unsigned f = 0; f < WIDE_FORMS * ARRAY_LEN(between); f++) {
			struct buf b;

			buf_init(&b, 0);
			for (unsigned i = 0; i < sizes[s]; i++) {
				buf_str_append(&b, str_of(i ? between[f / WIDE_FORMS] : ""));
				put_mailbox(&b, f % WIDE_FORMS, i);
			}
			cr_expect_eq(addr_list_walk(buf_str(&b), NULL, NULL), sizes[s],
			    "form %u, %u addresses", f, sizes[s]);
			buf_fini(&b);
		}
	}
}
