/* SPDX-License-Identifier: ISC */
#include "base/str.h"

#include "base/err.h"

bool
str_ieq(struct str a, struct str b)
{
	return a.n == b.n && str_istarts(a, b);
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool
str_istarts(struct str s, struct str prefix)
{
	if (s.n < prefix.n)
		return false;
	for (size_t i = 0; i < prefix.n; i++)
		if (str_lower(s.p[i]) != str_lower(prefix.p[i]))
			return false;
	return true;
}

bool
str_iends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_istarts(str_sub(s, s.n - suffix.n, s.n), suffix);
}

size_t
str_find(struct str s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

	return hit ? (size_t)(hit - s.p) : s.n;
}

size_t
str_rfind(struct str s, char c)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == c)
			return i - 1;
	return s.n;
}

size_t
str_ifind(struct str s, struct str needle)
{
	if (needle.n > s.n)
		return s.n;
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (str_istarts(str_sub(s, i, s.n), needle))
			return i;
	return s.n;
}

struct str
str_trim(struct str s)
{
	while (s.n && str_is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && str_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
str_split(struct str *rest, char sep, struct str *piece)
{
	size_t at;

	if (!rest->p)
		return false;
	at = str_find(*rest, sep);
	*piece = str_sub(*rest, 0, at);
	if (at == rest->n)
		*rest = STR_NONE;
	else
		*rest = str_sub(*rest, at + 1, rest->n);
	return true;
}

int
str_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return ERR_SYNTAX;
		if (v > (UINT64_MAX - (uint64_t)(s.p[i] - '0')) / 10)
			return ERR_RANGE;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = v;
	return 0;
}
