/* SPDX-License-Identifier: ISC */
#include "mail/queue_id.h"

static bool
is_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!str_alnum(s.p[i]))
			return false;
	return s.n > 0;
}

static bool
is_hex(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!str_digit(s.p[i]) && !(s.p[i] >= 'A' && s.p[i] <= 'F'))
			return false;
	return true;
}

/* Words of six, `pid` and `rest` characters. */
static bool
is_exim(struct str s, size_t pid, size_t rest)
{
	enum { TIME = 6 };
	size_t second = TIME + 1 + pid;

	return s.n == second + 1 + rest && s.p[TIME] == '-' && s.p[second] == '-' &&
	    is_word(str_sub(s, 0, TIME)) && is_word(str_sub(s, TIME + 1, second)) &&
	    is_word(str_sub(s, second + 1, s.n));
}

bool
queue_id_ok(struct str s)
{
	if (s.n < QUEUE_ID_MIN || s.n > QUEUE_ID_MAX)
		return false;
	if (is_word(s))
		return str_has_digit(s) || is_hex(s);
	return is_exim(s, 6, 2) || is_exim(s, 11, 4);
}
