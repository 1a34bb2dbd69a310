/* SPDX-License-Identifier: ISC */
#include "base/pack.h"

#include <endian.h>

static inline const unsigned char *
take(struct unpack *u, size_t n)
{
	const unsigned char *at;

	if (u->bad || u->len - u->pos < n) {
		u->bad = true;
		return NULL;
	}
	if (n == 0)
		return (const unsigned char *)"";
	at = u->p + u->pos;
	u->pos += n;
	return at;
}

uint8_t
unpack_u8(struct unpack *u)
{
	const unsigned char *p = take(u, 1);

	return p ? *p : 0;
}

uint32_t
unpack_u32(struct unpack *u)
{
	uint32_t v = 0;
	const unsigned char *p = take(u, sizeof(v));

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t
unpack_u64(struct unpack *u)
{
	uint64_t v = 0;
	const unsigned char *p = take(u, sizeof(v));

	if (p)
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

uint64_t
unpack_var_long(struct unpack *u)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const unsigned char *p = take(u, 1);

		if (!p || (shift == 63 && *p > 1))
			break;
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (*p < 0x80)
			return v;
	}
	u->bad = true;
	return 0;
}

int64_t
unpack_int(struct unpack *u)
{
	uint64_t v = unpack_var(u);

	return v & 1 ? (int64_t) ~(v >> 1) : (int64_t)(v >> 1);
}

struct str
unpack_str(struct unpack *u, size_t max)
{
	uint64_t n = unpack_var(u);
	const unsigned char *p;

	u->bad = u->bad || n > max;
	p = take(u, (size_t)n);
	return p ? (struct str){ (const char *)p, (size_t)n } : STR_NONE;
}

uint64_t
unpack_within(struct unpack *u, uint64_t min, uint64_t max)
{
	uint64_t v = unpack_var(u);

	if (u->bad || v < min || v > max) {
		u->bad = true;
		return min;
	}
	return v;
}
