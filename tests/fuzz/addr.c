/* SPDX-License-Identifier: ISC */
/* Address lists and what keys are made of: linear work, as many mailboxes as are counted, a normal form
 * that stays. */
#include "fuzz.h"

#include "mail/addr.h"

enum { LOOKED_AT = 20 };

struct walk {
	struct arena arena;
	uint32_t n;
};

/* What no domain or local part has, and a second pass may take off. */
static bool
odd(struct str addr)
{
	for (size_t i = 0; i < addr.n; i++)
		if (str_is_space(addr.p[i]) || strchr("<>[]", addr.p[i]))
			return true;
	return str_ifind(addr, STR("..")) < addr.n;
}

static void
one_address(void *arg, struct str addr)
{
	struct walk *w = arg;
	struct addr_norm once, twice;
	struct str local, domain;

	NEED(addr.n <= ADDR_TEXT_MAX);
	if (++w->n > LOOKED_AT)
		return;
	arena_reset(&w->arena);
	addr_normalise(&w->arena, addr, &once);
	NEED(once.key.p && once.plain.p);
	(void)addr_is_system(addr);
	(void)addr_takes_bounces(&once);
	(void)addr_split(addr, &local, &domain);
	addr_normalise(&w->arena, once.plain, &twice);
	NEED(odd(addr) || (str_eq(twice.plain, once.plain) && str_eq(twice.key, once.key)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = copy_of((struct str){ (const char *)data, size });
	struct str s = { copy, size };
	struct addr_norm norm;
	struct walk w = { .n = 0 };
	uint64_t work;
	uint32_t n;

	arena_init(&w.arena, 0);
	n = addr_list_walk(s, one_address, &w);
	NEED(n == w.n);
	NEED(addr_list_work(s, &work) == n && work <= 8 * (uint64_t)size);
	NEED((n > 0) == (addr_first(&w.arena, s).p != NULL));
	addr_normalise(&w.arena, addr_unbracket(s), &norm);
	NEED(norm.key.p && norm.plain.p);
	arena_fini(&w.arena);
	xfree(copy);
	return 0;
}
