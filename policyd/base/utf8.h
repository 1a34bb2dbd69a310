/* SPDX-License-Identifier: ISC */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

#include "base/str.h"

/* Length of the well-formed sequence at the front of a string that is not empty; 0: none, or it is NUL. */
size_t utf8_len(struct str s);

#endif
