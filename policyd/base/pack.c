/* SPDX-License-Identifier: ISC */
#include "base/pack.h"

#include <endian.h>

/* Where the next n bytes go, to be counted in b->len; NULL when they do not fit. */
static inline char *
pack_room(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (b->cap - b->start - b->len >= n && (!b->max || b->max - b->len >= n))
		return b->data + b->start + b->len;
	return buf_reserve(b, n);
}

static inline void
pack_fixed(struct buf *b, const void *v, size_t size)
{
	char *to = pack_room(b, size);

	if (!to)
		return;
	memcpy(to, v, size);
	b->len += size;
}

void
pack_u8(struct buf *b, uint8_t v)
{
	pack_fixed(b, &v, sizeof(v));
}

void
pack_u32(struct buf *b, uint32_t v)
{
	v = htole32(v);
	pack_fixed(b, &v, sizeof(v));
}

void
pack_u64(struct buf *b, uint64_t v)
{
	v = htole64(v);
	pack_fixed(b, &v, sizeof(v));
}

void
pack_var(struct buf *b, uint64_t v)
{
	size_t bits = 64 - (size_t)__builtin_clzll(v | 1), n = (bits + 6) / 7;
	char *to = pack_room(b, n);

	if (!to)
		return;
	b->len += n;
	for (; v >= 0x80; v >>= 7)
		*to++ = (char)(unsigned char)(v | 0x80);
	*to = (char)(unsigned char)v;
}

void
pack_int(struct buf *b, int64_t v)
{
	pack_var(b, v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1);
}

void
pack_str(struct buf *b, struct str s)
{
	char *to;

	pack_var(b, s.n);
	to = s.n ? pack_room(b, s.n) : NULL;
	if (!to)
		return;
	memcpy(to, s.p, s.n);
	b->len += s.n;
}

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
unpack_var(struct unpack *u)
{
	uint64_t v = 0;

	/* as nearly all are */
	if (!u->bad && u->pos < u->len && u->p[u->pos] < 0x80)
		return u->p[u->pos++];
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
