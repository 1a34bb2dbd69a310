/* SPDX-License-Identifier: ISC */
/*
 * Base64 (RFC 4648 section 4), the decoder. Strict about the alphabet and the place of '=', tolerant of what
 * senders differ in: padding may be missing, space, tab, CR and LF between the digits are skipped, unused
 * bits are not looked at.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/str.h"

/* How many bytes so many digits may make. */
static inline size_t
base64_room(size_t digits)
{
	return digits / 4 * 3 + 3;
}

/* Decodes all of `text` to `out`, which has base64_room(text.n) bytes; *n of them are it. ERR_SYNTAX: it is
 * not base64; then what stands in `out` means nothing. */
int base64_decode(struct str text, char *out, size_t *n) MUSTCHECK;

#endif
