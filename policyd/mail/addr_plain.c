/* SPDX-License-Identifier: ISC */
/* One look at an element of a plain form, without copying and without state. What has comments, literals,
 * encoded words with marks in them or anything odd is left to the tokens of addr_list.c, which read these
 * forms the same. */
#include "mail/addr_plain.h"

#include "base/utf8.h"
#include "mail/addr.h"

#define MARK (ADDR_SPECIAL | ADDR_LOCAL)
#define PLAIN (ADDR_LOCAL | ADDR_ATOM)
const unsigned char addr_classes[256] = {
	['\0'] = ADDR_GAP | ADDR_SPECIAL,
	['\t'] = ADDR_GAP | ADDR_SPECIAL,
	['\n'] = ADDR_GAP | ADDR_SPECIAL | ADDR_LINE_END,
	['\r'] = ADDR_GAP | ADDR_SPECIAL | ADDR_LINE_END,
	[' '] = ADDR_GAP | ADDR_SPECIAL,
	['!'] = PLAIN,
	['"'] = MARK,
	['#' ... '\''] = PLAIN,
	['('] = MARK,
	[')'] = MARK,
	['*' ... '+'] = PLAIN,
	[','] = MARK,
	['-'] = PLAIN,
	['.'] = ADDR_ATOM,
	['/'] = PLAIN,
	['0' ... '9'] = PLAIN | ADDR_ALNUM,
	[':'] = MARK,
	[';'] = MARK,
	['<'] = MARK,
	['='] = PLAIN | ADDR_OPENS,
	['>'] = MARK,
	['?'] = PLAIN,
	['@'] = MARK,
	['A' ... 'Z'] = PLAIN | ADDR_ALNUM,
	['['] = PLAIN | ADDR_OPENS,
	['\\' ... '`'] = PLAIN,
	['a' ... 'z'] = PLAIN | ADDR_ALNUM,
	['{' ... '\177'] = PLAIN,
	[0x80 ... 0xff] = PLAIN | ADDR_ALNUM,
};
#undef MARK
#undef PLAIN

/* They hold no white space and go back to ASCII before the line ends (RFC 1468). */
size_t
addr_letters_end(struct str s, size_t i)
{
	struct str rest = str_sub(s, i, s.n);
	size_t end = i + 2;

	if (str_starts(rest, STR("\x1b(B")) || str_starts(rest, STR("\x1b(J")))
		return i + 3;
	if (!str_starts(rest, STR("\x1b$")) && !str_starts(rest, STR("\x1b(I")))
		return i;
	while (end < s.n && s.p[end] != ADDR_ESC && !(addr_class(s.p[end]) & ADDR_GAP))
		end++;
	return end < s.n && s.p[end] == ADDR_ESC ? end : i;
}

/* With what stands at i the name or the comment could end: so it goes on behind it. */
static bool
may_end(struct str s, size_t i)
{
	size_t next = addr_gap_end(s, i + 1);
	char c = next < s.n ? s.p[next] : ',';

	return i < s.n && ((s.p[i] == '"' && c == '<') || (s.p[i] == ')' && str_find(STR("<,;"), c) < 3));
}

/* A backslash at i that has a mark behind it, with which the name or comment does not end. */
static bool
hides_mark(struct str s, size_t i)
{
	return i + 1 < s.n && s.p[i] == '\\' && (s.p[i + 1] == '"' || s.p[i + 1] == ')') &&
	    !may_end(s, i + 1);
}

/* Each byte beyond ASCII belongs to one that may be within it: what is left over begins a letter. Or it is a
 * letter of its own, of Latin-1 or windows-1251, at the end of what stands in quotes within the name. */
bool
addr_half_letter(struct str s, size_t i)
{
	size_t from = i, n = 1;

	while (from && (unsigned char)s.p[from - 1] >= 0x80)
		from--;
	if ((i - from) % 2 == 0 || (!may_end(s, i + 1) && !hides_mark(s, i + 1)))
		return false;
	for (; from < i && n; from += n)
		n = utf8_len(str_sub(s, from, i));
	return from < i;
}

static size_t
atom_end(struct str s, size_t i)
{
	while (i < s.n && addr_class(s.p[i]) & ADDR_ATOM)
		i++;
	return i;
}

/* A plain word at i that can begin a local part or a domain. */
static bool
begins_part(struct str s, size_t i)
{
	return i < s.n &&
	    (addr_class(s.p[i]) & (ADDR_ATOM | ADDR_LOCAL | ADDR_OPENS)) == (ADDR_ATOM | ADDR_LOCAL);
}

/* Behind the display name at i, if there is one: words, or a quoted string without backslashes in front of
 * them. */
static size_t
name_end(struct str s, bool no_quote, size_t i)
{
	if (i < s.n && s.p[i] == '"' && !no_quote) {
		i = str_find_either(s, i + 1, '"', '\\');
		if (i == s.n || s.p[i] == '\\')
			return i;
		i++;
	}
	while (i < s.n && addr_class(s.p[i]) & (ADDR_ATOM | ADDR_GAP))
		i++;
	return i;
}

bool
addr_plain(struct str s, bool no_quote, size_t *at, struct str *addr, bool *named)
{
	size_t begin = *at, i = atom_end(s, begin);
	bool angle = i == s.n || s.p[i] != '@';

	if (angle) {
		i = name_end(s, no_quote, i);
		*at = i;
		*named = i > begin;
		if (i == s.n || s.p[i] != '<')
			return false;
		begin = i + 1;
		i = atom_end(s, begin);
	}
	*at = i;
	if (!begins_part(s, begin) || i == s.n || s.p[i] != '@' || !begins_part(s, i + 1))
		return false;
	i = atom_end(s, i + 1);
	*addr = str_sub(s, begin, i);
	*at = i;
	if (angle && (i == s.n || s.p[i++] != '>'))
		return false;
	i = addr_gap_end(s, i);
	*at = i;
	return addr->n <= ADDR_TEXT_MAX && (i == s.n || s.p[i] == ',' || s.p[i] == ';');
}
