/* SPDX-License-Identifier: ISC */
#include "base/xalloc.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *
check(void *p)
{
	static const char why[] = "policyd-storm: out of memory\n";

	if (p)
		return p;
	if (write(STDERR_FILENO, why, sizeof(why) - 1) < 0)
		abort();
	abort();
}

void
xalloc_large_apart(void)
{
#ifdef M_MMAP_THRESHOLD
	(void)mallopt(M_MMAP_THRESHOLD, XALLOC_LARGE);
#endif
}

void *
xmalloc(size_t n)
{
	return check(malloc(n ? n : 1));
}

void *
xcalloc(size_t count, size_t n)
{
	return check(calloc(count ? count : 1, n ? n : 1));
}

void *
xrealloc(void *p, size_t n)
{
	return check(realloc(p, n ? n : 1));
}

void *
xgrow(void *v, size_t n, size_t size)
{
	return n & (n - 1) ? v : xrealloc(v, (n ? n * 2 : 1) * size);
}

char *
xstrdup(const char *s)
{
	return check(strdup(s));
}

char *
xstr(struct str s)
{
	return check(strndup(s.n ? s.p : "", s.n));
}

char *
xstr_lower(struct str s)
{
	char *copy = xstr(s);

	for (char *c = copy; *c; c++)
		*c = str_lower(*c);
	return copy;
}

void
xfree(void *p)
{
	free(p);
}
