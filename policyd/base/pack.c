/* SPDX-License-Identifier: ISC */
#include "base/pack.h"

uint64_t
unpack_var_long(struct wire *u)
{
	size_t left = wire_left(u), n = left < PUT_VAR_MAX ? left : PUT_VAR_MAX;
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned char c = u->p[u->pos + i];

		v |= (uint64_t)(c & 0x7f) << 7 * i;
		if (c >= 0x80)
			continue;
		if (i == PUT_VAR_MAX - 1 && c > 1)
			break;
		u->pos += i + 1;
		return v;
	}
	u->bad = true;
	return 0;
}

struct str
unpack_str(struct wire *u, size_t max)
{
	uint64_t n = unpack_var(u);
	const unsigned char *p;

	u->bad = u->bad || n > max;
	p = wire_take(u, (size_t)n);
	return p ? (struct str){ (const char *)p, (size_t)n } : STR_NONE;
}
