/* SPDX-License-Identifier: ISC */
#include "mail/message_id.h"

static bool
is_hex(struct str s)
{
	size_t n = 0;

	while (n < s.n && str_hex(s.p[n]) >= 0)
		n++;
	return n == s.n;
}

/* "60bd7793-7f39-49d0-9f91-b0d2a6e3c418" of Exchange, "MAIL1FRaqbC8wSA1XvpFVj0000012c" of IIS on mail1, whose
 * name in Windows has 15 letters at most. What people write on Exchange has its name behind the "@", too; in
 * front 32 digits, or others and the name. */
static bool
left_of_microsoft(struct str left, struct str name)
{
	enum { GUID = 36, GROUP = 4, GROUPS = 5, NUMBER = 8, NETBIOS = 15 };
	struct str rest, group;
	unsigned groups = 0;

	name = str_sub(name, 0, NETBIOS);
	rest = str_sub(left, name.n, left.n);
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

/* Behind the dot before the label that ends at `end`. */
static size_t
label_begin(struct str host, size_t end)
{
	size_t dot = str_rfind(str_sub(host, 0, end), '.');

	return dot < end ? dot + 1 : 0;
}

/* The domain that somebody has: two labels, three below "co.uk" and "com.au". */
static struct str
last_labels(struct str host)
{
	enum { COUNTRY = 2, KIND_MAX = 3 };
	size_t top = label_begin(host, host.n), next = top ? label_begin(host, top - 1) : 0;

	if (next && host.n - top == COUNTRY && top - 1 - next <= KIND_MAX)
		next = label_begin(host, next - 1);
	return str_sub(host, next, host.n);
}

/* In the cloud what stands between differs. Many hosts of many people are called "mail". */
static bool
same_host(struct str a, struct str b)
{
	return str_ieq(first_label(a), first_label(b)) && str_ieq(last_labels(a), last_labels(b));
}

bool
message_id_by_mta(const struct header_facts *f)
{
	enum { QUEUE_ID_MIN = 6 };
	struct str id = header_bare_id(f->message_id), left = str_sub(id, 0, str_rfind(id, '@'));
	struct str host = str_sub(id, left.n + 1, id.n);

	for (uint32_t i = 0; i < f->n_hops; i++) {
		const struct hop *hop = &f->hops[i];

		if (hop->id.n >= QUEUE_ID_MIN && str_ifind(left, hop->id) < left.n)
			return true;
		if (!hop->id.n && host.n && same_host(host, hop->by) &&
		    left_of_microsoft(left, first_label(host)))
			return true;
	}
	return false;
}
