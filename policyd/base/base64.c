/* SPDX-License-Identifier: ISC */
/* Two passes: the first one checks, so that a broken text leaves no half of itself behind. */
#include "base/base64.h"

#include <stdint.h>

#include "base/err.h"

enum { NOT = 0x40, SKIP, PAD };

/* The value of a digit, or what the byte is instead. */
static unsigned
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	if (c == '=')
		return PAD;
	return str_is_space(c) ? SKIP : NOT;
}

static int
check(struct str text)
{
	size_t digits = 0, pads = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned d = digit(text.p[i]);

		if (d == NOT || (d < NOT && pads))
			return ERR_SYNTAX;
		digits += d < NOT;
		pads += d == PAD;
	}
	/* One digit alone is six bits: no byte. Two want two '=' at most, three want one, four none. */
	if (digits % 4 == 1 || pads > (4 - digits % 4) % 4)
		return ERR_SYNTAX;
	return 0;
}

int
base64_decode(struct str text, base64_fn *fn, void *arg)
{
	char piece[BASE64_PIECE];
	size_t n = 0;
	uint32_t bits = 0;
	unsigned have = 0;
	int err = check(text);

	if (err || !fn)
		return err;
	for (size_t i = 0; i < text.n; i++) {
		unsigned d = digit(text.p[i]);

		if (d >= NOT)
			continue;
		bits = (bits << 6 | d) & 0xffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		piece[n++] = (char)(bits >> have & 0xff);
		if (n == sizeof(piece)) {
			fn(arg, piece, n);
			n = 0;
		}
	}
	if (n)
		fn(arg, piece, n);
	return 0;
}
