/* SPDX-License-Identifier: ISC */
/* Address lists from hands that mean no good: the work stays linear, folding changes nothing, and random
 * bytes read no further than they reach. All generators have a fixed seed. */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "mail/addr.h"

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t
work_of(const char *head, const char *unit, size_t size)
{
	size_t h = strlen(head), n = strlen(unit);
	char *text = xmalloc(size);
	uint64_t work;

	memcpy(text, head, h);
	for (size_t i = h; i < size; i++)
		text[i] = i < h + n ? unit[i - h] : text[i - n];
	addr_list_work((struct str){ text, size }, &work);
	xfree(text);
	return work;
}

/* Sixteen times the bytes are sixteen times the work, and never more than the header promises. 1 MB of each
 * unit alone, less behind a head that leaves something open. */
Test(addr_hostile, linear)
{
	static const char *const units[] = { "(", ")", "<", ">", "\"", ":", ";", ",", "@", ".", "[", "]",
		"\\", "a", " ", "\r\n ", "=?", "=?,", "=?a?q?", "=?a?q? ", "=?a?q?b?=", "@[", "@[,", "@[x",
		"a@[", "<@,", "<@a,", "<@a", "(\\", "\"\\", "\\\"", "\\(", "( ", "(a", "(a) ", "<a@b", "a@b,",
		"a,", "a, b <c@d>,", "\" ", "\"a\" ", "g:", "g:;", "a@b (", "()", "\"(", "(\"", "<\"", "=?(",
		"a@", "@a", "a.", ".a", "a b ", "<(", "@[(", "=?a,", "a@b\r\n ", "\xff", "\xff\\", "\x1b$",
		"\x1b(B", "\x1b(", "<>", "[:", "@[:" };
	static const char *const heads[] = { "", "(", "\"", "<", "a@b (", "<@a,", "a@[", "=?",
		"g:", "((a) \"" };

	for (size_t h = 0; h < ARRAY_LEN(heads); h++) {
		size_t size = h ? 1 << 13 : 1 << 16;

		for (size_t u = 0; u < ARRAY_LEN(units); u++) {
			uint64_t small = work_of(heads[h], units[u], size);
			uint64_t large = work_of(heads[h], units[u], 16 * size);

			cr_expect(small >= size && large >= 16 * size, "%s %s", heads[h], units[u]);
			cr_expect(large <= 8 * 16 * size, "%s %s: %llu", heads[h], units[u],
			    (unsigned long long)large);
			cr_expect(large <= 16 * small + 1024, "%s %s: %llu for %llu", heads[h], units[u],
			    (unsigned long long)large, (unsigned long long)small);
		}
	}
}

/* What holds the count at any depth. */
Test(addr_hostile, depth)
{
	static const struct {
		const char *unit, *end;
		uint32_t count;
	} rows[] = {
		{ "<", "a@b>", 1 },
		{ "g:", "a@b;", 1 },
		{ ",", "a@b", 1 },
		{ ":", "a@b", 1 },
		{ ";", "a@b", 1 },
		{ "(", "a@b", 1 },
		{ "()", "a@b", 1 },
		{ "\"\"", "a@b", 1 },
		{ "<@x,", "@y:a@b>", 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b;

		buf_init(&b, 0);
		while (b.len < 1 << 20)
			buf_str_append(&b, str_of(rows[i].unit));
		buf_str_append(&b, str_of(rows[i].end));
		cr_expect_eq(addr_list_walk(buf_str(&b), NULL, NULL), rows[i].count, "%s", rows[i].unit);
		buf_fini(&b);
	}
}

Test(addr_hostile, nested_comment_closes)
{
	enum { DEPTH = 500000 };
	struct buf b;

	buf_init(&b, 0);
	buf_str_append(&b, STR("a@b "));
	for (int i = 0; i < DEPTH; i++)
		buf_str_append(&b, STR("("));
	buf_str_append(&b, STR(", x@y "));
	for (int i = 0; i < DEPTH; i++)
		buf_str_append(&b, STR(")"));
	buf_str_append(&b, STR(", c@d"));
	cr_expect_eq(addr_list_walk(buf_str(&b), NULL, NULL), 2);
	buf_fini(&b);
}

/* A list by construction: the pieces between which white space may stand, and what they count. */
struct piece {
	const char *tokens[12];
	uint32_t count;
};

static const struct piece pieces[] = {
	{ { "ann@b.example" }, 1 },
	{ { "ann", "@", "b.example" }, 1 },
	{ { "Ann", "Bee", "<", "ann@b.example", ">" }, 1 },
	{ { "\"Bee, Ann\"", "<", "ann@b", ">", "(x, (y) z)" }, 1 },
	{ { "(a)", "\"ann bee\"", "@", "b", "(c)" }, 1 },
	{ { "=?utf-8?q?B,_A?=", "=?utf-8?b?Qg?=", "<", "ann@b", ">" }, 1 },
	{ { "<", "@x", ",", "@y", ":", "ann@b", ">" }, 1 },
	{ { "ann", "@", "[IPv6:2001:db8::1]" }, 1 },
	{ { "Team", ":", "ann@b", ",", "<", "bob@c", ">", ";" }, 2 },
	{ { "\"Te:am\"", "(x)", ":", ";" }, 0 },
	{ { "A", "Group", ":", "ann@b", ",", ",", "bob", "(x)", ";" }, 2 },
	{ { "<", ">" }, 0 },
	{ { "Ann", "Bee" }, 0 },
	{ { "" }, 0 },
	{ { "Ann", "<", "ann@b" }, 1 },
	{ { "root" }, 1 },
	{ { "O.", "Bee", "ob@c" }, 1 },
};

static void
put_fold(struct buf *b, uint64_t *seed, bool fold)
{
	static const char *const folds[] = { "", " ", "\t", "\r\n ", "\r\n\t", "\n ", " \r\n  \r\n " };

	if (fold)
		buf_str_append(b, str_of(folds[next_random(seed) % ARRAY_LEN(folds)]));
}

/* Two words need something between them; all other tokens may touch. */
static void
put_piece(struct buf *b, const struct piece *p, uint64_t *seed, bool fold)
{
	for (size_t i = 0; i < ARRAY_LEN(p->tokens) && p->tokens[i]; i++) {
		if (i > 0)
			buf_str_append(b, STR(" "));
		put_fold(b, seed, fold);
		buf_str_append(b, str_of(p->tokens[i]));
	}
	put_fold(b, seed, fold);
}

Test(addr_hostile, folding_by_construction)
{
	uint64_t seed = 0x5eed1;

	for (int round = 0; round < 3000; round++) {
		struct buf plain, folded;
		uint32_t want = 0;
		size_t n = next_random(&seed) % 9;

		buf_init(&plain, 0);
		buf_init(&folded, 0);
		for (size_t i = 0; i < n; i++) {
			const struct piece *p = &pieces[next_random(&seed) % ARRAY_LEN(pieces)];

			/* ';', for behind ',' a lone word may belong to the name that follows */
			put_piece(&plain, p, &seed, false);
			put_piece(&folded, p, &seed, true);
			buf_str_append(&plain, STR(";"));
			buf_str_append(&folded, STR(";"));
			want += p->count;
		}
		cr_assert_eq(
		    addr_list_walk(buf_str(&plain), NULL, NULL), want, "%.*s", STR_FMT(buf_str(&plain)));
		cr_assert_eq(
		    addr_list_walk(buf_str(&folded), NULL, NULL), want, "%.*s", STR_FMT(buf_str(&folded)));
		buf_fini(&plain);
		buf_fini(&folded);
	}
}

struct told {
	uint32_t count;
	size_t bytes;
};

static void
tell(void *arg, struct str addr)
{
	struct told *t = arg;

	cr_assert_leq(addr.n, ADDR_TEXT_MAX);
	cr_assert_gt(addr.n, 0);
	t->count++;
	for (size_t i = 0; i < addr.n; i++)
		t->bytes += addr.p[i] != '\r' && addr.p[i] != '\n';
	cr_assert_eq(str_find(addr, '\n'), addr.n);
}

/* Random text of the bytes that mean something: each space folded is the same list. */
Test(addr_hostile, random_text)
{
	static const char bytes[] =
	    "((()))<<<>>>\"\"\"\\\\,,,;;::@@@@...[[]]=?=?abcABC019   \t\r\n\xc3\xbc\x80";
	static const char *const words[] = { "a@b", "<a@b>", "\"x, y\" ", "(z) ",
		"=?u?q?,?=", "g:", "<@r:", "@[1:2]", "Ann ", ", ", "root", "\r\n " };
	uint64_t seed = 0x5eed2;

	for (int round = 0; round < 20000; round++) {
		struct buf b, folded;
		struct told told = { 0, 0 };
		size_t n = next_random(&seed) % 80;
		uint64_t work;
		char *exact;

		buf_init(&b, 0);
		buf_init(&folded, 0);
		for (size_t i = 0; i < n; i++) {
			if (next_random(&seed) % 4 == 0)
				buf_str_append(&b, str_of(words[next_random(&seed) % ARRAY_LEN(words)]));
			else
				buf_append(&b, &bytes[next_random(&seed) % sizeof(bytes)], 1);
		}
		exact = xmalloc(b.len ? b.len : 1);
		memcpy(exact, buf_str(&b).p, b.len);
		for (size_t i = 0; i < b.len; i++)
			buf_str_append(
			    &folded, exact[i] == ' ' ? STR("\r\n ") : (struct str){ exact + i, 1 });

		cr_assert_eq(addr_list_walk((struct str){ exact, b.len }, tell, &told), told.count);
		cr_assert_leq(told.bytes, b.len);
		cr_assert_eq(
		    addr_list_work(buf_str(&folded), &work), told.count, "%.*s", STR_FMT(buf_str(&b)));
		cr_assert_leq(work, 8 * folded.len + 8);
		xfree(exact);
		buf_fini(&b);
		buf_fini(&folded);
	}
}

/* Elements in a plain form are read in one look, all others token by token; a comment makes the same list
 * one of the second kind. */
struct trail {
	char text[2048];
	size_t n;
};

static void
follow(void *arg, struct str addr)
{
	struct trail *t = arg;

	cr_assert_lt(t->n + addr.n + 1, sizeof(t->text));
	memcpy(t->text + t->n, addr.p, addr.n);
	t->n += addr.n;
	t->text[t->n++] = '|';
}

Test(addr_hostile, plain_forms_are_read_as_tokens_are)
{
	static const char *const bits[] = { "ann@b.example", "<ann@b.example>", "Ann Bee <ann@b>",
		"\"B, A\" <a@b>", "\"A\" B. <a.b@c.d>", "root", "Ann", "\"a@b\"", "a@b c@d", "<a@b", "a@b>",
		"<a@>", "@b", "a@.b", ".@b", "..a@b..", "=a@b", "a@=b", "a=?@b", "\"\"<a@b>", "'a@b'",
		"a@b@c", "", " ", "\xff@\x80", "\001@b", "a@\177", "undisclosed-recipients",
		"A =?u?q?x?= <a@b>" };
	uint64_t seed = 0x5eed3;

	for (int round = 0; round < 20000; round++) {
		struct buf plain, slow;
		struct trail a = { .n = 0 }, b = { .n = 0 };
		size_t n = next_random(&seed) % 8;

		buf_init(&plain, 0);
		buf_init(&slow, 0);
		for (size_t i = 0; i < n; i++) {
			struct str bit = str_of(bits[next_random(&seed) % ARRAY_LEN(bits)]);
			struct str sep = next_random(&seed) % 4 ? STR(",") : STR(" ; ");

			put_fold(&plain, &seed, true);
			buf_str_append(&plain, bit);
			buf_str_append(&plain, i + 1 < n ? sep : STR(""));
			buf_str_append(&slow, STR("()"));
			buf_str_append(&slow, bit);
			buf_str_append(&slow, i + 1 < n ? sep : STR(""));
		}
		addr_list_walk(buf_str(&plain), follow, &a);
		addr_list_walk(buf_str(&slow), follow, &b);
		cr_assert(str_eq((struct str){ a.text, a.n }, (struct str){ b.text, b.n }),
		    "%.*s: %.*s, not %.*s", STR_FMT(buf_str(&plain)), (int)a.n, a.text, (int)b.n, b.text);
		buf_fini(&plain);
		buf_fini(&slow);
	}
}

Test(addr_hostile, the_cap_of_an_address_is_one_in_any_form)
{
	for (size_t n = ADDR_TEXT_MAX - 1; n <= ADDR_TEXT_MAX + 1; n++) {
		static const char *const forms[] = { "%", "<%>", "Ann <%>", "() <%>" };
		char text[ADDR_TEXT_MAX + 2];

		memset(text, 'x', sizeof(text));
		text[1] = '@';
		for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
			struct trail t = { .n = 0 };
			struct buf b;
			struct str form = str_of(forms[i]);
			size_t at = str_find(form, '%');

			buf_init(&b, 0);
			buf_str_append(&b, str_sub(form, 0, at));
			buf_append(&b, text, n);
			buf_str_append(&b, str_sub(form, at + 1, form.n));
			cr_expect_eq(addr_list_walk(buf_str(&b), follow, &t), 1);
			cr_expect_eq(t.n - 1, n < ADDR_TEXT_MAX ? n : ADDR_TEXT_MAX, "%s %zu", forms[i], n);
			buf_fini(&b);
		}
	}
}
