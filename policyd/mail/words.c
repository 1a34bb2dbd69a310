/* SPDX-License-Identifier: ISC */
#include "mail/words.h"

struct sink {
	char *p;
	size_t n, cap;
	bool as_is; /* letters stay as they are */
};

static void
put(struct sink *to, char c)
{
	if (to->n < to->cap)
		to->p[to->n++] = to->as_is ? c : str_lower(c);
}

static void
decode_q(struct sink *to, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		int byte = str_escaped(text, i, '=');

		if (text.p[i] == '_') {
			put(to, ' ');
		} else if (byte >= 0) {
			put(to, (char)byte);
			i += 2;
		} else {
			put(to, text.p[i]);
		}
	}
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (str_digit(c))
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static void
decode_b(struct sink *to, struct str text)
{
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < text.n; i++) {
		int v = base64_value(text.p[i]);

		if (v < 0)
			continue;
		bits = (bits << 6 | (unsigned)v) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			put(to, (char)(bits >> have & 0xff));
		}
	}
}

/* "=?charset?Q?text?=" at the front of s: its length, 0 when there is none. */
static size_t
encoded_word(struct str s, char *encoding, struct str *text)
{
	enum { CHARSET_MAX = 64, WORD_MAX = 1024 };
	struct str rest;
	size_t mark;

	if (!str_starts(s, STR("=?")))
		return 0;
	rest = str_sub(s, 2, 2 + CHARSET_MAX);
	mark = str_find(rest, '?');
	if (mark == rest.n)
		return 0;
	rest = str_sub(s, 2 + mark + 1, 2 + mark + 1 + WORD_MAX);
	if (rest.n < 2 || rest.p[1] != '?')
		return 0;
	*encoding = str_lower(rest.p[0]);
	rest = str_sub(rest, 2, rest.n);
	for (size_t i = 0; i + 1 < rest.n; i++) {
		if (rest.p[i] == '?' && rest.p[i + 1] == '=') {
			*text = str_sub(rest, 0, i);
			return (size_t)(rest.p + i + 2 - s.p);
		}
		if (rest.p[i] == '?')
			return 0;
	}
	return 0;
}

/* Where something that looks like an encoded word begins, from `i` on; in.n: nowhere. */
static size_t
next_mark(struct str in, size_t i)
{
	while (i < in.n) {
		i += str_find(str_sub(in, i, in.n), '=');
		if (i + 1 < in.n && in.p[i + 1] == '?')
			return i;
		i++;
	}
	return in.n;
}

/* As it stands, as far as there is room; false: it was nothing but white space. */
static bool
copy_plain(struct sink *to, struct str s)
{
	bool words = false;

	for (size_t i = 0; i < s.n && !words; i++)
		words = !str_is_space(s.p[i]);
	s = str_sub(s, 0, to->cap - to->n);
	if (to->as_is && s.n)
		memcpy(to->p + to->n, s.p, s.n);
	else
		str_lower_to(to->p + to->n, s);
	to->n += s.n;
	return words;
}

static struct str
decode(struct str in, struct sink to)
{
	size_t i = 0, gap = 0;
	bool after_word = false;

	while (i < in.n && to.n < to.cap) {
		size_t mark = next_mark(in, i), n;
		struct str text = STR_NONE;
		char encoding = 0;

		if (copy_plain(&to, str_sub(in, i, mark)))
			after_word = false;
		i = mark;
		n = encoded_word(str_sub(in, i, in.n), &encoding, &text);
		if (n && to.n < to.cap && (encoding == 'q' || encoding == 'b')) {
			/* white space between two encoded words does not count */
			if (after_word)
				to.n = gap;
			if (encoding == 'q')
				decode_q(&to, text);
			else
				decode_b(&to, text);
			gap = to.n;
			after_word = true;
			i += n;
		} else if (i < in.n) {
			put(&to, in.p[i++]);
			after_word = false;
		}
	}
	return (struct str){ to.p, to.n };
}

struct str
words_decode(struct str in, char *out, size_t cap)
{
	return decode(in, (struct sink){ out, 0, cap, false });
}

struct str
words_text(struct str in, char *out, size_t cap)
{
	return decode(in, (struct sink){ out, 0, cap, true });
}

size_t
words_space(struct str s)
{
	/* two no-break ones, a wide one, one without width, marks of direction, the mark of byte order */
	static const struct str wide[] = {
		STR("\xc2\xa0"),
		STR("\xe2\x80\xaf"),
		STR("\xe3\x80\x80"),
		STR("\xe2\x80\x8b"),
		STR("\xe2\x80\x8e"),
		STR("\xe2\x80\x8f"),
		STR("\xef\xbb\xbf"),
	};

	if (s.n && (str_is_space(s.p[0]) || s.p[0] == '\xa0'))
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(wide); i++)
		if (str_starts(s, wide[i]))
			return wide[i].n;
	return 0;
}

struct str
words_skip_space(struct str s)
{
	for (size_t n = words_space(s); n; n = words_space(s))
		s = str_sub(s, n, s.n);
	return s;
}
