/* SPDX-License-Identifier: ISC */
/* Encoded words (RFC 2047), only as far as keywords in a Subject or a display name must be recognised. */
#ifndef MAIL_WORDS_H
#define MAIL_WORDS_H

#include <stddef.h>

#include "base/str.h"

/*
 * Writes `in` to out[cap] with its encoded words decoded and ASCII letters in lower case; bytes of other
 * character sets stay as they are. Cut at cap. What is not an encoded word is copied. Linear.
 */
struct str words_decode(struct str in, char *out, size_t cap);
struct str words_text(struct str in, char *out, size_t cap); /* the same, but letters stay as they are */

/*
 * Length of the space at the front of s, 0 when there is none. It may be a no-break one, in UTF-8 or as a
 * byte of its own, as French has it in front of a colon; so s begins where a character does. It may be one
 * that is not seen at all, as Hebrew and Arabic clients put one in front of a subject.
 */
size_t words_space(struct str s);
struct str words_skip_space(struct str s); /* what stands behind all of it */

#endif
