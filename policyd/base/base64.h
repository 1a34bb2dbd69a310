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

enum { BASE64_PIECE = 3072 };

/* A piece of the decoded bytes, at most BASE64_PIECE of them, valid during the call only. */
typedef void base64_fn(void *arg, const char *p, size_t n);

/* Decodes all of `text`. ERR_SYNTAX: it is not base64, and `fn` was not called at all. `fn` NULL: check
 * only. */
int base64_decode(struct str text, base64_fn *fn, void *arg) MUSTCHECK;

#endif
