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

/* Words of a, b and c characters. */
static bool
is_exim(struct str s, size_t a, size_t b, size_t c)
{
	return s.n == a + b + c + 2 && s.p[a] == '-' && s.p[a + b + 1] == '-' && is_word(str_sub(s, 0, a)) &&
	    is_word(str_sub(s, a + 1, a + 1 + b)) && is_word(str_sub(s, a + b + 2, s.n));
}

bool
queue_id_ok(struct str s)
{
	if (s.n < QUEUE_ID_MIN || s.n > QUEUE_ID_MAX)
		return false;
	if (is_word(s))
		return str_has_digit(s) || is_hex(s);
	return is_exim(s, 6, 6, 2) || is_exim(s, 6, 11, 4);
}
