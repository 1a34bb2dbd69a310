/* SPDX-License-Identifier: ISC */
/* What stands within the values of fields: ids, comments. */
#include "mail/header_fields.h"

/* "<a@b>" at the front of s as nearly all ids are written: unfolded, without spaces, not longer than cap. */
static bool
id_plain(struct str s, size_t cap, struct str *id)
{
	size_t close = str_find_either(s, 1, '>', '<');
	struct str all = str_sub(s, 0, close + 1);

	if (close == s.n || s.p[close] != '>' || all.n <= 2 || all.n > cap)
		return false;
	if (str_has_control(all) || str_find(all, ' ') < all.n)
		return false;
	*id = all;
	return true;
}

/* How much of s the word or id takes that it begins with, which goes to out[cap]; *id is that, or STR_NONE
 * when it looks like none. "word<id>" and "<unclosed <id>" end at the later '<'. */
static size_t
id_odd(struct str s, char *out, size_t cap, struct str *id)
{
	bool open = s.p[0] == '<', closed = false, at = false;
	size_t i, n = 0;

	for (i = 0; i < s.n && !closed; i++) {
		char c = s.p[i];

		if (open && str_is_space(c))
			continue;
		if (str_is_space(c) || (c == '<' && n) || (c == ',' && !open))
			break;
		at |= c == '@';
		if (n < cap)
			out[n++] = c;
		closed = open && c == '>';
	}
	*id = (closed && n > 2) || at ? (struct str){ out, n } : STR_NONE;
	return i;
}

bool
header_id_next(struct str *rest, char *out, size_t cap, struct str *id)
{
	struct str s = *rest, found = STR_NONE;
	size_t i = 0;

	while (!found.p) {
		while (i < s.n && (str_is_space(s.p[i]) || s.p[i] == ','))
			i++;
		if (i == s.n) {
			*rest = STR_NONE;
			return false;
		}
		s = str_sub(s, i, s.n);
		i = s.p[0] == '<' && id_plain(s, cap, &found) ? found.n : id_odd(s, out, cap, &found);
	}
	*rest = str_sub(s, i, s.n);
	*id = found;
	return true;
}

/* Behind the comment at i; i when nothing closes it. */
static size_t
comment_end(struct str s, size_t i)
{
	size_t from = i, depth = 0;

	for (; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return from;
}

/* Not within a word: "name=list(1". */
static bool
begins_comment(struct str s, size_t i)
{
	return s.p[i] == '(' && (i == 0 || s.p[i - 1] == ' ' || s.p[i - 1] == ';');
}

struct str
header_behind_comments(struct str s)
{
	size_t n;

	s = str_trim(s);
	for (n = 0; s.n && s.p[0] == '('; s = str_trim(str_sub(s, n, s.n))) {
		n = comment_end(s, 0);
		if (n == 0)
			break;
	}
	return s;
}

struct str
header_uncomment(struct str s, char *out, size_t cap)
{
	bool quoted = false, open = false;
	size_t n = 0;

	for (size_t i = str_find(s, '(') < s.n ? 0 : s.n; i < s.n && n < cap; i++) {
		bool may = !quoted && !open && begins_comment(s, i);
		size_t end = may ? comment_end(s, i) : 0;

		if (end > i) {
			out[n++] = ' ';
			i = end - 1;
			continue;
		}
		open |= end > 0; /* one look for what is not there will do */
		quoted ^= s.p[i] == '"';
		out[n++] = s.p[i];
		if (quoted && s.p[i] == '\\' && i + 1 < s.n && n < cap)
			out[n++] = s.p[++i];
	}
	return n ? (struct str){ out, n } : s;
}
