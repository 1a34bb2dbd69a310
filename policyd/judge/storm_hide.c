/* SPDX-License-Identifier: ISC */
/* What a storm keeps of addresses when the record shall name nobody. */
#include <stdio.h>

#include "base/compiler.h"
#include "judge/storm.h"
#include "mail/privacy.h"

/* Names that are hosts. What a later version adds is an address until somebody says otherwise. */
static bool
names_host(const char *how)
{
	static const char *const hosts[] = { "received", "client", "helo", "reporting-mta" };

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		if (strcmp(how, hosts[i]) == 0)
			return true;
	return false;
}

struct str
storm_hide_host(const struct privacy *p, struct str name, const char *how, char room[STORM_HOST_LEN])
{
	struct arena a;

	if (!p || names_host(how))
		return name;
	arena_init(&a, 0);
	if (strcmp(how, "gateway-marker") == 0)
		name = privacy_mailbox_host(p, &a, name);
	else
		name = privacy_address(p, &a, name);
	snprintf(room, STORM_HOST_LEN, "%.*s", STR_FMT(name));
	arena_fini(&a);
	return str_of(room);
}

void
storm_hide(struct storm *st, const struct privacy *p)
{
	struct arena a;
	struct str sender;

	if (!p)
		return;
	arena_init(&a, 0);
	sender = privacy_address(p, &a, str_of(st->sender));
	if (sender.p != st->sender) {
		snprintf(st->sender, sizeof(st->sender), "%.*s", STR_FMT(sender));
		st->changed = true;
	}
	arena_fini(&a);
	st->changed |= st->subject[0] != '\0';
	st->subject[0] = '\0';
	for (uint32_t i = 0; i < st->n_hosts; i++) {
		struct storm_host *h = &st->hosts[i];
		char room[STORM_HOST_LEN];
		struct str name = storm_hide_host(p, str_of(h->name), h->how, room);

		if (str_eq(name, str_of(h->name)))
			continue;
		snprintf(h->name, sizeof(h->name), "%.*s", STR_FMT(name));
		st->changed = true;
	}
}
