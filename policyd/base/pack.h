/* SPDX-License-Identifier: ISC */
/*
 * Our own bytes on disk: a writer on a struct buf, and a bounds-checked reader with a sticky error (read all
 * fields in a row, look at wire_ok() once; after the first fault every read yields zero or nothing).
 * Numbers of a fixed size stand in little-endian order; pack_var() writes seven bits a byte, the lowest
 * first, so that small numbers take one byte.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/wire.h"

static inline void
pack_u8(struct buf *b, uint8_t v)
{
	buf_append(b, &v, sizeof(v));
}

static inline void
pack_u32(struct buf *b, uint32_t v)
{
	v = htole32(v);
	buf_append(b, &v, sizeof(v));
}

static inline void
pack_u64(struct buf *b, uint64_t v)
{
	v = htole64(v);
	buf_append(b, &v, sizeof(v));
}

static inline void
pack_key(struct buf *b, struct key128 k)
{
	pack_u64(b, k.lo);
	pack_u64(b, k.hi);
}

/* Small where v is small, in both directions. */
static inline uint64_t
zigzag(int64_t v)
{
	return v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1;
}

/*
 * The same into memory that has room for it, as buf_reserve() made it for much at once: each returns
 * where the next one goes.
 */
enum {
	PUT_VAR_MAX = 10,          /* bytes of a number, at most */
	PUT_STR_MAX = PUT_VAR_MAX, /* of a text, beside its own */
};

static inline char *
put_u8(char *to, uint8_t v)
{
	*to = (char)v;
	return to + 1;
}

static inline char *
put_u64(char *to, uint64_t v)
{
	v = htole64(v);
	memcpy(to, &v, sizeof(v));
	return to + sizeof(v);
}

static inline char *
put_key(char *to, struct key128 k)
{
	return put_u64(put_u64(to, k.lo), k.hi);
}

static inline char *
put_var(char *to, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (char)(unsigned char)(v | 0x80);
	return put_u8(to, (uint8_t)v);
}

static inline char *
put_int(char *to, int64_t v)
{
	return put_var(to, zigzag(v));
}

static inline char *
put_str(char *to, struct str s)
{
	to = put_var(to, s.n);
	if (s.n)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

static inline void
pack_var(struct buf *b, uint64_t v)
{
	char bytes[PUT_VAR_MAX];

	if (v < 0x80)
		pack_u8(b, (uint8_t)v);
	else
		buf_append(b, bytes, (size_t)(put_var(bytes, v) - bytes));
}

/* As pack_var(), small in both directions. */
static inline void
pack_int(struct buf *b, int64_t v)
{
	pack_var(b, zigzag(v));
}

/* Its length as pack_var(), then its bytes. */
static inline void
pack_str(struct buf *b, struct str s)
{
	pack_var(b, s.n);
	buf_str_append(b, s);
}

/* The cursor is that of base/wire.h; numbers stand in it as above. */
static inline void
unpack_init(struct wire *u, struct str s)
{
	wire_init(u, s.p, s.n);
}

static inline uint32_t
unpack_u32(struct wire *u)
{
	uint32_t v = 0;
	const unsigned char *p = wire_take(u, sizeof(v));

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t
unpack_u64(struct wire *u)
{
	uint64_t v = 0;
	const unsigned char *p = wire_take(u, sizeof(v));

	if (p)
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline struct key128
unpack_key(struct wire *u)
{
	uint64_t lo = unpack_u64(u);

	return (struct key128){ .lo = lo, .hi = unpack_u64(u) };
}

uint64_t unpack_var_long(struct wire *u); /* unpack_var() of any number */

/* More than 64 bits is a fault. */
static inline uint64_t
unpack_var(struct wire *u)
{
	if (!u->bad && u->pos < u->len && u->p[u->pos] < 0x80)
		return u->p[u->pos++];
	return unpack_var_long(u);
}

static inline int64_t
unpack_int(struct wire *u)
{
	uint64_t v = unpack_var(u);

	return v & 1 ? (int64_t) ~(v >> 1) : (int64_t)(v >> 1);
}

/* A view of the bytes that were read; more than `max` of them is a fault. */
struct str unpack_str(struct wire *u, size_t max);

/* A var that must lie within [min, max], else it is a fault and min comes back. */
static inline uint64_t
unpack_within(struct wire *u, uint64_t min, uint64_t max)
{
	uint64_t v = unpack_var(u);

	if (u->bad || v < min || v > max) {
		u->bad = true;
		return min;
	}
	return v;
}

/* What was read does not fit. */
static inline void
unpack_fail(struct wire *u)
{
	u->bad = true;
}

#endif
