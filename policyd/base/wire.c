/* SPDX-License-Identifier: ISC */
#include "base/wire.h"

static const unsigned char *
take(struct wire *w, size_t n)
{
	const unsigned char *at;

	if (w->bad || w->len - w->pos < n) {
		w->bad = true;
		return NULL;
	}
	if (n == 0)
		return (const unsigned char *)"";
	at = w->p + w->pos;
	w->pos += n;
	return at;
}

uint8_t
wire_u8(struct wire *w)
{
	const unsigned char *p = take(w, 1);

	return p ? p[0] : 0;
}

uint16_t
wire_u16(struct wire *w)
{
	const unsigned char *p = take(w, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t
wire_u32(struct wire *w)
{
	const unsigned char *p = take(w, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

struct str
wire_cstr(struct wire *w)
{
	const unsigned char *from, *nul;
	size_t left = wire_left(w);

	if (left == 0) {
		w->bad = true;
		return STR_NONE;
	}
	from = w->p + w->pos;
	nul = memchr(from, 0, left);
	if (!nul) {
		w->bad = true;
		return STR_NONE;
	}
	w->pos += (size_t)(nul - from) + 1;
	return (struct str){ (const char *)from, (size_t)(nul - from) };
}

struct str
wire_bytes(struct wire *w, size_t n)
{
	const unsigned char *p = take(w, n);

	return p ? (struct str){ (const char *)p, n } : STR_NONE;
}
