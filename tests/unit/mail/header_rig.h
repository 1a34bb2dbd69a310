/* SPDX-License-Identifier: ISC */
/* A header that is fed by hand. */
#ifndef HEADER_RIG_H
#define HEADER_RIG_H

#include "mail/header.h"

static struct arena arena;
static struct header h;

static void
setup(void)
{
	arena_init(&arena, MSG_ARENA_MAX);
	header_init(&h, &arena, NULL);
}

static void
teardown(void)
{
	header_fini(&h);
	arena_fini(&arena);
}

#endif
