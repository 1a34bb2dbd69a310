/* SPDX-License-Identifier: ISC */
/* Taking one address apart. Lists are walked in addr_list.c, the normal form is made in addr_norm.c. */
#include "mail/addr.h"

/* Offset of the last '@' outside quotes, or addr.n. Quotes that do not close are plain text. */
static size_t
find_at(struct str addr)
{
	size_t at = addr.n;
	bool quoted = false;

	if (str_find(addr, '"') == addr.n)
		return str_rfind(addr, '@');
	for (size_t i = 0; i < addr.n; i++) {
		if (quoted && addr.p[i] == '\\')
			i++;
		else if (addr.p[i] == '"')
			quoted = !quoted;
		else if (addr.p[i] == '@' && !quoted)
			at = i;
	}
	return quoted ? str_rfind(addr, '@') : at;
}

bool
addr_split(struct str addr, struct str *local, struct str *domain)
{
	size_t at = find_at(addr);

	if (at + 1 >= addr.n) {
		*local = addr;
		*domain = STR_NONE;
		return false;
	}
	*local = str_sub(addr, 0, at);
	*domain = str_sub(addr, at + 1, addr.n);
	return true;
}

/* Behind the ':' of "@a,@[IPv6:::1]:", 0 when that is no source route. */
static size_t
route_end(struct str s)
{
	bool literal = false;

	if (s.n == 0 || s.p[0] != '@')
		return 0;
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '"')
			return 0;
		if (s.p[i] == '[' || s.p[i] == ']')
			literal = s.p[i] == '[';
		else if (s.p[i] == ':' && !literal)
			return i + 1;
	}
	return 0;
}

struct str
addr_unbracket(struct str path)
{
	struct str s = str_trim(path);

	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		s = str_trim(str_sub(s, 1, s.n - 1));
	return str_trim(str_sub(s, route_end(s), s.n));
}

bool
addr_is_null(struct str sender)
{
	static const struct str nulls[] = { STR("#@[]"), STR("-@[]"), STR("double-bounce") };
	struct str s = addr_unbracket(sender);

	if (s.n == 0)
		return true;
	if (s.p[0] != '#' && s.p[0] != '-' && str_lower(s.p[0]) != 'd')
		return false;
	return STR_IEQ_ANY(s, nulls) || str_istarts(s, STR("double-bounce@"));
}
