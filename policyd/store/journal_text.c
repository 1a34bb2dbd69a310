/* SPDX-License-Identifier: ISC */
#include "store/journal_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "store/journal_queue.h"

/* Length of a printable character at the front; 0: not UTF-8, or a control. */
static size_t
printable_len(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t len;

	if (p[0] < 0x80)
		return !str_is_control(s.p[0]);
	len = utf8_len(s);
	return len == 2 && p[0] == 0xc2 && p[1] < 0xa0 ? 0 : len;
}

enum { WORD = sizeof(uint64_t) };

/* Eight printable characters of ASCII? Of each byte the highest bit tells what is wrong with it: the bit was
 * there before, or subtracting a space borrows, or adding one to DEL carries. */
static bool
is_plain(const char *p)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	uint64_t v;

	memcpy(&v, p, WORD);
	return ((v | (v - ones * 0x20) | (v + ones)) & tops) == 0;
}

/* Is all of it so? As nearly all texts are. */
static bool
all_plain(struct str s)
{
	char word[WORD + 1] = "        ";

	if (s.n < WORD) {
		if (s.n)
			memcpy(word, s.p, s.n);
		return is_plain(word);
	}
	for (size_t i = 0; i < s.n - WORD; i += WORD)
		if (!is_plain(s.p + i))
			return false;
	return is_plain(s.p + s.n - WORD);
}

/* The first byte at or behind `i` that has to go; s.n: there is none. */
static size_t
first_bad(struct str s, size_t i)
{
	while (i < s.n) {
		size_t len = printable_len((struct str){ s.p + i, s.n - i });

		if (!len)
			break;
		i += len;
	}
	return i;
}

struct str
journal_text(struct str s, struct arena *a)
{
	size_t bad;
	char *copy;

	s = str_sub(s, 0, JOURNAL_TEXT_MAX);
	if (all_plain(s))
		return s;
	bad = first_bad(s, 0);
	if (bad == s.n)
		return s;
	copy = arena_alloc(a, s.n);
	memcpy(copy, s.p, s.n);
	s.p = copy;
	for (; bad < s.n; bad = first_bad(s, bad + 1))
		copy[bad] = '?';
	return s;
}
