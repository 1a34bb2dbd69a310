/* SPDX-License-Identifier: ISC */
/*
 * A hash map from 128-bit keys (already hashed and keyed: see hash.h) to pointers that somebody else owns.
 * Open addressing, grows by itself, shrinks never; deletion leaves no tombstones.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/hash.h"

struct map_slot {
	struct key128 key;
	void *value; /* NULL: empty */
};

struct map {
	struct map_slot *slots;
	uint32_t cap; /* 0 or a power of two */
	uint32_t n;
};

void map_init(struct map *m);
void map_fini(struct map *m);
void *map_get(const struct map *m, struct key128 key); /* NULL: not there */

/* It will be looked for soon: memory is asked for the place, and not waited for. */
PREFETCHES
map_fetch(const struct map *m, struct key128 key)
{
	if (m->cap) {
		uint32_t at = (uint32_t)key.lo & (m->cap - 1);

		/* and for where those go that meet there */
		__builtin_prefetch(&m->slots[at]);
		__builtin_prefetch(&m->slots[(at + 2) & (m->cap - 1)]);
	}
}

/* Sets or replaces; `value` is not NULL. Returns the value that stood there before, or NULL. */
void *map_put(struct map *m, struct key128 key, void *value);
void *map_del(struct map *m, struct key128 key); /* returns what was there, or NULL */

#endif
