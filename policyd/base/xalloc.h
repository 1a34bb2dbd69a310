/* SPDX-License-Identifier: ISC */
/*
 * Memory that is there or the program ends. Every size that a peer can influence is capped in
 * limits.h before it comes here, so running out means that the machine is out of memory; the MTA's
 * default action then lets mail pass.
 */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>

#include "base/str.h"

enum { XALLOC_LARGE = 128 << 10 };

/*
 * Before the first of them: each piece of XALLOC_LARGE and more goes back to the system when it is freed.
 * Left to itself, glibc takes the next ones from the heap once one was freed, and the heap keeps what lies
 * between.
 */
void xalloc_large_apart(void);

/* All of it is for xfree(), which takes NULL too; xcalloc() alone zeroes. */
void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t n);
void *xrealloc(void *p, size_t n);
/* Room for one more behind the n of an array: it doubles where n is 0 or a power of two. */
void *xgrow(void *v, size_t n, size_t size);
char *xstrdup(const char *s);
/* NUL-terminated copies, of what stands in front of a NUL in `s`; the second one lower-cased (ASCII). */
char *xstr(struct str s);
char *xstr_lower(struct str s);
void xfree(void *p);

#endif
