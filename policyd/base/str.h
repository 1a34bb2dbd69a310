/* SPDX-License-Identifier: ISC */
/*
 * A counted string that owns nothing: a view of bytes that live in an arena, a buffer or the
 * program text. `p` may be NULL only when `n` is 0; {NULL, 0} means "absent", {non-NULL, 0} "empty".
 * Bytes are compared as ASCII; nothing here depends on the locale.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_NONE ((struct str){ NULL, 0 })
#define STR_FMT(s) (int)(s).n, (s).p ? (s).p : "" /* for "%.*s" */

static inline struct str
str_of(const char *c)
{
	return (struct str){ c, c ? strlen(c) : 0 };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
str_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What ASCII has below the space, and DEL. */
static inline bool
str_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Of ASCII, the space among them. */
static inline bool
str_is_print(char c)
{
	return c >= ' ' && c <= '~';
}

static inline char
str_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool
str_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Of ASCII, either case. */
static inline bool
str_letter(char c)
{
	return str_lower(c) >= 'a' && str_lower(c) <= 'z';
}

static inline bool
str_alnum(char c)
{
	return str_letter(c) || str_digit(c);
}

static inline bool
str_has_digit(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (str_digit(s.p[i]))
			return true;
	return false;
}

/* What a hexadecimal digit of either case stands for; -1: it is none. */
static inline int
str_hex(char c)
{
	if (str_digit(c))
		return c - '0';
	c = str_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "=C3" or "%C3" at `i` stands for, `mark` being '=' or '%'; -1: it is no such escape. */
static inline int
str_escaped(struct str s, size_t i, char mark)
{
	int hi, lo;

	if (i + 2 >= s.n || s.p[i] != mark)
		return -1;
	hi = str_hex(s.p[i + 1]);
	lo = str_hex(s.p[i + 2]);
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

/* str_istarts() where there are bytes enough. */
bool str_istarts_there(struct str s, struct str prefix);

/* Most do not begin with the same letter. */
static inline bool
str_istarts(struct str s, struct str prefix)
{
	if (s.n < prefix.n || prefix.n == 0)
		return s.n >= prefix.n;
	return str_lower(s.p[0]) == str_lower(prefix.p[0]) && str_istarts_there(s, prefix);
}

static inline bool
str_ieq(struct str a, struct str b)
{
	return a.n == b.n && str_istarts(a, b);
}

/* Is it one of them, in any case? */
static inline bool
str_ieq_any(struct str s, const struct str *set, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(s, set[i]))
			return true;
	return false;
}
#define STR_IEQ_ANY(s, set) str_ieq_any(s, set, ARRAY_LEN(set))

/* Does it begin with one of them, in any case? */
static inline bool
str_istarts_any(struct str s, const struct str *set, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_istarts(s, set[i]))
			return true;
	return false;
}
#define STR_ISTARTS_ANY(s, set) str_istarts_any(s, set, ARRAY_LEN(set))

static inline bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Takes the prefix off the front; false, and nothing taken, when s begins otherwise. */
static inline bool
str_cut_front(struct str *s, struct str prefix)
{
	if (!str_starts(*s, prefix))
		return false;
	*s = (struct str){ s->p + prefix.n, s->n - prefix.n };
	return true;
}

/* The same of one in any case. */
static inline bool
str_icut_front(struct str *s, struct str prefix)
{
	if (!str_istarts(*s, prefix))
		return false;
	*s = (struct str){ s->p + prefix.n, s->n - prefix.n };
	return true;
}

/* Both have n bytes, four to eight. */
static inline bool
str_same_few(const char *a, const char *b, size_t n)
{
	uint32_t front[2], end[2];

	memcpy(&front[0], a, sizeof(front[0]));
	memcpy(&front[1], b, sizeof(front[1]));
	memcpy(&end[0], a + n - sizeof(end[0]), sizeof(end[0]));
	memcpy(&end[1], b + n - sizeof(end[1]), sizeof(end[1]));
	return front[0] == front[1] && end[0] == end[1];
}

/* str_starts() where it is asked all the time, of prefixes that are short but not very: eight bytes at a
 * time, the last eight together with some before them. */
static inline bool
str_starts_quick(struct str s, struct str prefix)
{
	size_t last = prefix.n - sizeof(uint64_t);
	uint64_t a, b;

	if (s.n < prefix.n || prefix.n < sizeof(uint32_t))
		return str_starts(s, prefix);
	if (prefix.n < sizeof(uint64_t))
		return str_same_few(s.p, prefix.p, prefix.n);
	for (size_t i = 0; i < last; i += sizeof(uint64_t)) {
		memcpy(&a, s.p + i, sizeof(a));
		memcpy(&b, prefix.p + i, sizeof(b));
		if (a != b)
			return false;
	}
	memcpy(&a, s.p + last, sizeof(a));
	memcpy(&b, prefix.p + last, sizeof(b));
	return a == b;
}

bool str_iends(struct str s, struct str suffix);

/* Offset of the first match, or s.n when there is none. */
static inline size_t
str_find(struct str s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

	return hit ? (size_t)(hit - s.p) : s.n;
}
size_t str_rfind(struct str s, char c);

/* Which of the sixteen bytes at p is the first of both; BYTES16: none. */
static inline size_t
str_either_at(const char *p, char a, char b)
{
	bytes16 v = bytes_at(p);

	return bytes_first((bytes16)(v == (uint8_t)a) | (bytes16)(v == (uint8_t)b));
}

/* Offset of the first of both from `from` on, which is s.n at most; s.n when there is none. */
static inline size_t
str_find_either(struct str s, size_t from, char a, char b)
{
	size_t i = from;

	for (; s.n - i >= BYTES16; i += BYTES16) {
		size_t n = str_either_at(s.p + i, a, b);

		if (n < BYTES16)
			return i + n;
	}
	/* what is left goes together with bytes before it, where there are enough */
	if (i > from)
		return s.n - BYTES16 + str_either_at(s.p + s.n - BYTES16, a, b);
	while (i < s.n && s.p[i] != a && s.p[i] != b)
		i++;
	return i;
}
size_t str_ifind(struct str s, struct str needle);

/* str_lower() of all of `s`, to a place of s.n bytes that does not overlap it. */
void str_lower_to(char *to, struct str s);

bool str_has_control(struct str s);

/* str_is_print() of all of it. */
bool str_printable(struct str s);

static inline struct str
str_sub(struct str s, size_t from, size_t to)
{
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	return (struct str){ s.p ? s.p + from : NULL, to - from };
}

struct str str_trim_spaces(struct str s); /* str_trim() where there are any */

/* Without leading and trailing space, tab, CR, LF. */
static inline struct str
str_trim(struct str s)
{
	if (s.n == 0 || !(str_is_space(s.p[0]) || str_is_space(s.p[s.n - 1])))
		return s;
	return str_trim_spaces(s);
}

/* Cuts the text up to `sep` off the front of *rest; false when *rest is used up. An empty piece
 * between two separators is returned as such. Start with the whole string in *rest. */
bool str_split(struct str *rest, char sep, struct str *piece);

/* Whole-string decimal, no sign, no space. ERR_SYNTAX or ERR_RANGE. */
int str_u64(struct str s, uint64_t *out) MUSTCHECK;

#endif
