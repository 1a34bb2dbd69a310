/* SPDX-License-Identifier: ISC */
#include "base/pack.h"

enum { VAR_BYTES = 10 };

static void
pack_fixed(struct buf *b, uint64_t v, size_t size)
{
	unsigned char p[8];

	for (size_t i = 0; i < size; i++)
		p[i] = (unsigned char)(v >> (8 * i));
	buf_append(b, p, size);
}

void
pack_u8(struct buf *b, uint8_t v)
{
	buf_append(b, &v, 1);
}

void
pack_u32(struct buf *b, uint32_t v)
{
	pack_fixed(b, v, 4);
}

void
pack_u64(struct buf *b, uint64_t v)
{
	pack_fixed(b, v, 8);
}

void
pack_var(struct buf *b, uint64_t v)
{
	unsigned char p[VAR_BYTES];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (unsigned char)(v | 0x80);
	p[n++] = (unsigned char)v;
	buf_append(b, p, n);
}

void
pack_int(struct buf *b, int64_t v)
{
	pack_var(b, v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1);
}

void
pack_str(struct buf *b, struct str s)
{
	pack_var(b, s.n);
	buf_str_append(b, s);
}

static const unsigned char *
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

static uint64_t
unpack_fixed(struct unpack *u, size_t size)
{
	const unsigned char *p = take(u, size);
	uint64_t v = 0;

	for (size_t i = 0; p && i < size; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint8_t
unpack_u8(struct unpack *u)
{
	return (uint8_t)unpack_fixed(u, 1);
}

uint32_t
unpack_u32(struct unpack *u)
{
	return (uint32_t)unpack_fixed(u, 4);
}

uint64_t
unpack_u64(struct unpack *u)
{
	return unpack_fixed(u, 8);
}

uint64_t
unpack_var(struct unpack *u)
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

	if (n > max)
		u->bad = true;
	p = take(u, u->bad ? 0 : (size_t)n);
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
