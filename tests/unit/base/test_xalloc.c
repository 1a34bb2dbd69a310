/* SPDX-License-Identifier: ISC */
#include "base/xalloc.h"

#include <criterion/criterion.h>
#include <malloc.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OTHER_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OTHER_MALLOC 1
#endif
#endif

/* By default glibc raises its limit to the size of what was freed, and the next one comes out of the heap. */
Test(xalloc, what_is_large_stays_apart_after_something_larger_was_freed)
{
#if defined(__GLIBC__) && !defined(OTHER_MALLOC)
	size_t before, apart;
	void *p;

	xalloc_large_apart();
	xfree(xmalloc(8 * (size_t)XALLOC_LARGE));
	before = mallinfo2().hblkhd;
	p = xmalloc(XALLOC_LARGE);
	apart = mallinfo2().hblkhd - before;
	xfree(p);
	cr_assert(apart >= XALLOC_LARGE, "%zu", apart);
	cr_assert_eq(mallinfo2().hblkhd, before);
#else
	cr_skip_test("another malloc(3)");
#endif
}

Test(xalloc, an_array_grows_one_by_one)
{
	unsigned *v = NULL;

	for (unsigned n = 0; n < 1000; n++) {
		v = xgrow(v, n, sizeof(*v));
		v[n] = n;
	}
	for (unsigned n = 0; n < 1000; n++)
		cr_assert_eq(v[n], n);
	xfree(v);
}
