/* SPDX-License-Identifier: ISC */
#include "mail/message_id.h"

static bool
is_hex(struct str s)
{
	size_t n = 0;

	while (n < s.n && (str_digit(s.p[n]) || (str_lower(s.p[n]) >= 'a' && str_lower(s.p[n]) <= 'f')))
		n++;
	return n == s.n;
}

/* "60bd7793-7f39-49d0-9f91-b0d2a6e3c418" of Exchange, "MAIL1FRaqbC8wSA1XvpFVj0000012c" of IIS on mail1. What
 * people write on Exchange has its name behind the "@", too; in front 32 digits, or others and the name. */
static bool
left_of_microsoft(struct str left, struct str name)
{
	enum { GUID = 36, GROUP = 4, GROUPS = 5, NUMBER = 8 };
	struct str rest = str_sub(left, name.n, left.n), group;
	unsigned groups = 0;

	if (str_istarts(left, name) && rest.n >= NUMBER * 2 && str_find_either(rest, 0, '-', '.') == rest.n)
		return !is_hex(rest) && is_hex(str_sub(rest, rest.n - NUMBER, rest.n));
	for (rest = left; str_split(&rest, '-', &group) && group.n >= GROUP && is_hex(group);)
		groups++;
	return left.n == GUID && groups == GROUPS;
}

static struct str
first_label(struct str host)
{
	return str_sub(host, 0, str_find(host, '.'));
}

bool
message_id_by_mta(const struct header_facts *f)
{
	enum { QUEUE_ID_MIN = 6 };
	struct str id = header_bare_id(f->message_id), left = str_sub(id, 0, str_rfind(id, '@'));
	struct str name = first_label(str_sub(id, left.n + 1, id.n));

	for (uint32_t i = 0; i < f->n_hops; i++) {
		const struct hop *hop = &f->hops[i];

		if (hop->id.n >= QUEUE_ID_MIN && str_ifind(left, hop->id) < left.n)
			return true;
		if (!hop->id.n && name.n && str_ieq(name, first_label(hop->by)) &&
		    left_of_microsoft(left, name))
			return true;
	}
	return false;
}
