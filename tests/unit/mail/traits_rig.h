/* SPDX-License-Identifier: ISC */
/* A message at a site with networks, relays and hosts of its own: its header is fed by hand, part by part. */
#ifndef TRAITS_RIG_H
#define TRAITS_RIG_H

#include <criterion/criterion.h>
#include <string.h>

#include "base/xalloc.h"
#include "mail/traits.h"
#include "nets.h"

static struct arena arena;
static struct msg m;
static struct site site;
static struct traits t;

static void
setup(void)
{
	site_init(&site);
	site.hostname = xstrdup("mx.example.org");
	strset_add(&site.own_hosts, STR("mx2.example.org"));
	strset_add(&site.local_domains, STR("example.org"));
	add_net(&site.trusted, "127.0.0.0/8");
	add_net(&site.trusted, "192.0.2.128/25");
	add_net(&site.relays, "198.51.100.25");
	site.hash_seed = 42;
	arena_init(&arena, MSG_ARENA_MAX);
	msg_init(&m, &arena, &site.gateway_markers);
}

static void
teardown(void)
{
	msg_fini(&m);
	arena_fini(&arena);
	site_fini(&site);
}

static void
feed(const char *part)
{
	header_feed(&m.header, part, strlen(part));
}

/* After msg_reset() and the parts. */
static void
compute_fed(void)
{
	header_end(&m.header);
	m.have_header = true;
	traits_compute(&t, &m, &site);
}

#endif
