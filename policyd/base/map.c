/* SPDX-License-Identifier: ISC */
#include "base/map.h"

#include "base/xalloc.h"

enum { MAP_MIN = 16 };

void
map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void
map_fini(struct map *m)
{
	xfree(m->slots);
	*m = (struct map){ 0 };
}

/* The slot that holds the key, or the empty one where it would go. */
static uint32_t
probe(const struct map *m, struct key128 key)
{
	uint32_t mask = m->cap - 1, at = (uint32_t)key.lo & mask;

	while (m->slots[at].value && !key_eq(m->slots[at].key, key))
		at = (at + 1) & mask;
	return at;
}

void *
map_get(const struct map *m, struct key128 key)
{
	return m->cap ? m->slots[probe(m, key)].value : NULL;
}

static void
grow(struct map *m)
{
	struct map old = *m;

	m->cap = old.cap ? old.cap * 2 : MAP_MIN;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (uint32_t i = 0; i < old.cap; i++)
		if (old.slots[i].value)
			m->slots[probe(m, old.slots[i].key)] = old.slots[i];
	xfree(old.slots);
}

void *
map_put(struct map *m, struct key128 key, void *value)
{
	struct map_slot *slot;
	void *before;

	if (m->cap == 0 || m->n >= m->cap / 4 * 3)
		grow(m);
	slot = &m->slots[probe(m, key)];
	before = slot->value;
	*slot = (struct map_slot){ key, value };
	m->n += !before;
	return before;
}

void *
map_del(struct map *m, struct key128 key)
{
	uint32_t mask = m->cap - 1, hole, at;
	void *value;

	if (m->cap == 0)
		return NULL;
	hole = probe(m, key);
	value = m->slots[hole].value;
	if (!value)
		return NULL;
	/* Move later members of the run back over the hole, where their home allows it. */
	for (at = (hole + 1) & mask; m->slots[at].value; at = (at + 1) & mask) {
		uint32_t home = (uint32_t)m->slots[at].key.lo & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			m->slots[hole] = m->slots[at];
			hole = at;
		}
	}
	m->slots[hole].value = NULL;
	m->n--;
	return value;
}
