/* SPDX-License-Identifier: ISC */
/*
 * Chained hashing over a slab: keys are keyed hashes already, so their high bits serve as they are. Heads
 * and slab are sized for `max` at once; the system hands out their pages as they are touched, and nothing is
 * ever rehashed or moved while mail waits. Where one looks is nowhere near where one looked before, so what
 * a large table costs is waiting for memory, and half of that for where its pages are: these are large ones.
 */
#include "store/tally_table.h"

#include <string.h>
#include <sys/mman.h>

#include "base/xalloc.h"
#include "store/tally_group.h"
#include "store/tally_side.h"

enum {
	MAX_LEAST = 16,
	MAX_MOST = 1 << 27,
	SIDE_LEAST = 4096, /* elements on the side that any table may have */
	SIDE_PER_ENTRY = 2,
	PAGE = 4096,
	LARGE_PAGE = 2 << 20,
	MALLOC_COST = 8, /* of a piece of memory */
	AHEAD = 8,
};

void *
table_pages(size_t count, size_t n)
{
	char *p = xcalloc(count, n);
	size_t at = -(uintptr_t)p & (LARGE_PAGE - 1);

	/* It does without where the system has none. */
	if (count * n >= at + LARGE_PAGE)
		(void)madvise(p + at, (count * n - at) & ~(size_t)(LARGE_PAGE - 1), MADV_HUGEPAGE);
	return p;
}

void
table_init(struct tally_table *t, uint32_t max)
{
	unsigned bits = TALLY_PART_BITS;
	if (max < MAX_LEAST)
		max = MAX_LEAST;
	if (max > MAX_MOST)
		max = MAX_MOST;
	while ((1u << bits) < max)
		bits++;
	*t = (struct tally_table){ .max = max, .n_heads = 1u << bits, .shift = 64 - bits, .n_slots = 1 };
	t->now = t->restored = t->marks_until = INT64_MIN;
	t->elems_max = (uint64_t)max * SIDE_PER_ENTRY;
	if (t->elems_max < SIDE_LEAST)
		t->elems_max = SIDE_LEAST;
	t->heads = table_pages(t->n_heads, sizeof(*t->heads));
	t->slab = table_pages((size_t)max + 1, sizeof(*t->slab)); /* slot 0 is not used */
	group_init(t);
}

void
table_fini(struct tally_table *t)
{
	for (uint32_t i = 1; i < t->n_slots; i++) {
		struct entry *e = table_at(t, i);

		if (e->form == FORM_SIDE)
			xfree(e->u.many);
	}
	xfree(t->slab);
	xfree(t->heads);
	group_fini(t);
}

uint32_t
table_serial(struct tally_table *t)
{
	if (++t->serial == 0)
		t->serial = 1;
	return t->serial;
}

void
table_tick(struct tally_table *t, int64_t now)
{
	if (now > t->now)
		t->now = now;
	if (t->unsorted)
		table_settle(t);
	group_release_due(t);
}

/* ---- age ---- */

static struct lru *
lru_of(struct tally_table *t, const struct entry *e)
{
	return &t->lru[e->form >= FORM_TWINS ? LRU_WIDE : LRU_NARROW];
}

static void
lru_add(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);
	struct lru *l = lru_of(t, e);

	e->newer = 0;
	e->older = l->newest;
	if (l->newest)
		table_at(t, l->newest)->newer = i;
	else
		l->oldest = i;
	l->newest = i;
}

static void
lru_del(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);
	struct lru *l = lru_of(t, e);

	if (e->older)
		table_at(t, e->older)->newer = e->newer;
	else
		l->oldest = e->newer;
	if (e->newer)
		table_at(t, e->newer)->older = e->older;
	else
		l->newest = e->older;
	e->older = e->newer = 0;
}

void
table_use(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);

	e->used = t->serial;
	if (e->pinned)
		return;
	lru_del(t, i);
	lru_add(t, i);
}

/* It is in use just now: the youngest in any list. */
void
table_reform(struct tally_table *t, uint32_t i, unsigned form)
{
	struct entry *e = table_at(t, i);

	if (!e->pinned)
		lru_del(t, i);
	e->form = form & 3;
	if (!e->pinned)
		lru_add(t, i);
}

/* It lies on two or three lines. */
PREFETCHES
fetch_entry(const struct tally_table *t, uint32_t i)
{
	const char *e = (const char *)table_at(t, i);

	__builtin_prefetch(e, 1);
	__builtin_prefetch(e + sizeof(struct entry) / 2, 1);
	__builtin_prefetch(e + sizeof(struct entry) - 1, 1);
}

/* Who asks for a mark is told when it may be one of those. */
static void
note_mark(struct tally_table *t, const struct entry *e)
{
	int64_t until = ms48_get(e->last) + span_get(e->span);

	if (e->kind == TALLY_MARK && until > t->marks_until)
		t->marks_until = until;
}

void
table_evict(struct tally_table *t, uint32_t i)
{
	const struct entry *e = table_at(t, i);

	if (!entry_dead(e, t->now)) {
		t->evicted++;
		note_mark(t, e);
	}
	table_remove(t, i);
}

static uint32_t
newer_than(const struct tally_table *t, uint32_t i)
{
	return table_at(t, i)->newer; /* of 0, which is not used: 0 */
}

/* In a full table each new entry needs the oldest gone, which nobody has looked at for long. What its going
 * touches is asked of memory while others go before it: the entry, then who stands beside it. Those that
 * came together mostly stand together and go together: so the entry is asked for twice, early on a guess and
 * then where the list leads. */
PREFETCHES
fetch_victims(const struct tally_table *t, uint32_t i)
{
	enum { GUESS = 8 };
	uint32_t second = newer_than(t, newer_than(t, i));
	const struct entry *e = table_at(t, second);

	fetch_entry(t, i + GUESS < t->n_slots ? i + GUESS : 0);
	fetch_entry(t, e->newer);
	__builtin_prefetch(table_head(t, e->key.lo), 1);
	__builtin_prefetch(&table_at(t, e->gprev)->gnext, 1);
	__builtin_prefetch(&table_at(t, e->gnext)->gprev, 1);
}

/* The oldest unpinned entry of both lists, 0 when there is none. */
static uint32_t
oldest(const struct tally_table *t)
{
	uint32_t a = t->lru[LRU_NARROW].oldest, b = t->lru[LRU_WIDE].oldest;

	if (!a || !b)
		return a ? a : b;
	return (int32_t)(table_at(t, a)->used - table_at(t, b)->used) < 0 ? a : b;
}

bool
entry_pin(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);
	uint32_t side = entry_side(e);

	if (e->pinned)
		return true;
	if (t->n_pinned >= t->max - t->max / 4 || t->elems_pinned + side > t->elems_max / 4 * 3)
		return false;
	lru_del(t, i);
	e->pinned = true;
	t->n_pinned++;
	t->elems_pinned += side;
	return true;
}

void
entry_release(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);

	if (!e->pinned)
		return;
	e->pinned = false;
	t->n_pinned--;
	t->elems_pinned -= entry_side(e);
	/* It was held because it mattered: it starts as the youngest, in all lists' order of use. */
	e->used = table_serial(t);
	lru_add(t, i);
}

/* ---- entries ---- */

uint32_t
table_find(const struct tally_table *t, struct key128 key)
{
	uint32_t i = *table_head(t, key.lo);

	while (i && !key_eq(table_at(t, i)->key, key))
		i = table_at(t, i)->chain;
	return i;
}

/* A large table lies beyond the caches: here its memory is asked for and not waited for. */
void
table_expect(const struct tally_table *t, const struct tally_op *ops, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		__builtin_prefetch(table_head(t, ops[k].key.lo));
		if (ops[k].group)
			group_fetch(t, group_of(ops[k].group));
	}
}

void
table_fetch(const struct tally_table *t, const struct tally_op *ops, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		fetch_entry(t, *table_head(t, ops[k].key.lo));
		if (ops[k].group)
			group_fetch_first(t, group_of(ops[k].group));
	}
}

/* When those have come: who stands behind them, under the same head or in age. */
void
table_fetch_next(const struct tally_table *t, const struct tally_op *ops, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		const struct entry *e = table_at(t, *table_head(t, ops[k].key.lo));

		if (!key_eq(e->key, ops[k].key)) {
			fetch_entry(t, e->chain);
			continue;
		}
		__builtin_prefetch(&table_at(t, e->older)->newer, 1);
		__builtin_prefetch(&table_at(t, e->newer)->older, 1);
	}
}

static uint32_t
slot_take(struct tally_table *t)
{
	uint32_t i = t->free_slot;

	if (i) {
		t->free_slot = table_at(t, i)->chain;
		return i;
	}
	return t->n_slots++;
}

/* Who comes last stands last: so the oldest, which is to go, is found under its head at once. Those before
 * it have just been looked at, for it was not among them. */
static void
chain_add(struct tally_table *t, uint32_t i, uint64_t key_lo)
{
	uint32_t *at = table_head(t, key_lo);

	while (*at)
		at = &table_at(t, *at)->chain;
	*at = i;
}

uint32_t
table_add(struct tally_table *t, struct key128 key)
{
	struct entry *e;
	uint32_t i;

	if (t->n >= t->max) {
		i = oldest(t);
		if (!i) {
			t->refused++;
			return 0;
		}
		fetch_victims(t, i);
		table_evict(t, i);
	}
	i = slot_take(t);
	e = table_at(t, i);
	*e = (struct entry){ .key = key, .used = t->serial };
	chain_add(t, i, key.lo);
	t->n++;
	lru_add(t, i);
	return i;
}

void
table_remove(struct tally_table *t, uint32_t i)
{
	struct entry *e = table_at(t, i);
	uint32_t *at = table_head(t, e->key.lo);

	while (*at != i)
		at = &table_at(t, *at)->chain;
	*at = e->chain;
	group_leave(t, i);
	if (e->pinned) {
		t->n_pinned--;
		t->elems_pinned -= entry_side(e);
	} else {
		lru_del(t, i);
	}
	t->elems -= entry_side(e);
	t->twins -= e->form == FORM_TWINS;
	if (e->form == FORM_SIDE) {
		t->sides--;
		xfree(e->u.many);
	}
	*e = (struct entry){ .chain = t->free_slot };
	t->free_slot = i;
	t->n--;
}

void
table_expire(struct tally_table *t, uint32_t budget)
{
	if (budget > t->n_slots)
		budget = t->n_slots;
	while (budget--) {
		struct entry *e;

		if (++t->cursor >= t->n_slots) {
			t->cursor = 0;
			continue;
		}
		e = table_at(t, t->cursor);
		if (!key_is_zero(e->key) && entry_dead(e, t->now))
			table_remove(t, t->cursor);
	}
}

/* ---- restoring ---- */

/* Makes the victim go for one that was used at `used`. */
static bool
displace(struct tally_table *t, uint32_t victim, uint32_t used, bool force)
{
	if (!victim || (!force && t->serial - table_at(t, victim)->used <= t->serial - used))
		return false;
	note_mark(t, table_at(t, victim));
	table_remove(t, victim);
	return true;
}

uint32_t
table_restore(
    struct tally_table *t, const struct entry *like, const struct set *set, bool force, uint64_t *dropped)
{
	uint32_t i, side = set->cap > 1 ? set->cap : 0;
	struct entry *e;

	for (; t->n >= t->max; ++*dropped)
		if (!displace(t, oldest(t), like->used, force)) {
			note_mark(t, like);
			return 0;
		}
	for (; side && t->elems + side > t->elems_max; ++*dropped)
		if (!displace(t, t->lru[LRU_WIDE].oldest, like->used, force))
			return 0;
	i = table_add(t, like->key);
	if (!i)
		return 0;
	if (!side_restore(t, i, set)) {
		table_remove(t, i);
		return 0;
	}
	e = table_at(t, i);
	if (like->kind != TALLY_DISTINCT)
		e->u = like->u;
	e->kind = like->kind;
	e->born = like->born;
	e->touched = like->touched;
	e->used = like->used;
	e->kept = like->kept;
	e->last = like->last;
	e->span = like->span;
	t->unsorted = true;
	return i;
}

/* By the upper half, the highest first. `spare` has room for as many; the result is in one of the two. */
static uint64_t *
sort_by_age(uint64_t *v, uint64_t *spare, size_t n)
{
	enum { DIGIT = 11, DIGITS = 1 << DIGIT };

	for (unsigned shift = 32; shift < 64; shift += DIGIT) {
		size_t at[DIGITS + 1] = { 0 };
		uint64_t *from = v;

		for (size_t k = 0; k < n; k++)
			at[v[k] >> shift & (DIGITS - 1)]++;
		/* From counts to where each digit's first one goes: behind all that are higher. */
		for (size_t d = DIGITS; d-- > 0;)
			at[d] += at[d + 1];
		for (size_t k = 0; k < n; k++)
			spare[at[(v[k] >> shift & (DIGITS - 1)) + 1]++] = v[k];
		v = spare;
		spare = from;
	}
	return v;
}

void
table_settle(struct tally_table *t)
{
	uint64_t *v = xmalloc(((size_t)t->n + 1) * 2 * sizeof(*v)), *sorted;
	size_t n = 0;

	for (uint32_t i = 1; i < t->n_slots; i++) {
		const struct entry *e = table_at(t, i);

		if (!key_is_zero(e->key) && !e->pinned)
			v[n++] = (uint64_t)(t->serial - e->used) << 32 | i;
	}
	sorted = sort_by_age(v, v + t->n + 1, n);
	memset(t->lru, 0, sizeof(t->lru));
	for (size_t k = 0; k < n; k++) {
		/* Entries lie anywhere: have those that come soon on their way. */
		if (k + AHEAD < n)
			__builtin_prefetch(&table_at(t, (uint32_t)sorted[k + AHEAD])->older, 1);
		lru_add(t, (uint32_t)sorted[k]);
	}
	xfree(v);
	t->unsorted = false;
}

uint64_t
table_bytes(const struct tally_table *t)
{
	uint64_t slab = (uint64_t)t->n_slots * sizeof(*t->slab);

	return (uint64_t)t->n_heads * sizeof(*t->heads) + (slab + PAGE - 1) / PAGE * PAGE +
	    (t->elems - 2 * (uint64_t)t->twins) * sizeof(struct elem) +
	    t->sides * (sizeof(struct side) + MALLOC_COST) + group_bytes(t);
}
