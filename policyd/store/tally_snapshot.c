/* SPDX-License-Identifier: ISC */
/* Tallies to bytes. */
#include "store/tally_snapshot.h"

#include "store/tallies.h"
#include "store/tally_table.h"

enum { AHEAD = 8 };

struct writer {
	struct buf *out;
	char *to; /* within `out`, while an entry is written, for which there is room */
	const struct tally_table *t;
	int64_t base; /* the snapshot's time: ages count from here */
};

enum {
	ELEM_ROOM = 8 + 3 * PUT_VAR_MAX,
	CONTENT_ROOM = 6 * PUT_VAR_MAX, /* of a MIN, which has most, but for elements */
	ENTRY_ROOM = 1 + 3 * 8 + 7 * PUT_VAR_MAX + CONTENT_ROOM,
};

static void
put_number(struct writer *w, uint64_t v)
{
	w->to = put_var(w->to, v);
}

static void
put_fixed(struct writer *w, uint64_t v)
{
	w->to = put_u64(w->to, v);
}

/* How long before `from` that was. */
static void
put_age(struct writer *w, int64_t from, int64_t at)
{
	uint64_t age = from > at ? (uint64_t)from - (uint64_t)at : 0;

	put_number(w, age < age_max ? age : age_max);
}

/* A time on either side of `from`, to be packed; "for ever" is as far as times go. */
static int64_t
time_from(int64_t from, int64_t at)
{
	if (at > BLOB_TIME_MAX)
		at = BLOB_TIME_MAX;
	if (at < -BLOB_TIME_MAX)
		at = -BLOB_TIME_MAX;
	return at - from;
}

static void
put_elems(struct writer *w, struct entry *e)
{
	struct elem room[2];
	const struct elem *v = entry_view(e, room);
	uint64_t bits = 0;

	while ((1u << bits) < entry_side(e))
		bits++;
	put_number(w, bits);
	put_number(w, entry_n(e));
	for (uint32_t k = 0; k < entry_n(e); k++) {
		put_fixed(w, v[k].id);
		put_number(w, (uint64_t)v[k].hits << 1 | v[k].older);
		put_age(w, w->base, ms48_get(v[k].last));
		put_age(w, ms48_get(v[k].last), ms48_get(v[k].first));
	}
}

static void
put_sum(struct writer *w, struct entry *e)
{
	put_number(w, e->u.sum.cur);
	put_number(w, e->u.sum.prev);
	put_age(w, w->base, e->u.sum.start);
}

static void
put_min(struct writer *w, struct entry *e)
{
	for (int k = 0; k < LOWS; k++) {
		const struct low *low = &e->u.low[k];

		put_number(w, low->hits);
		if (!low->hits)
			continue;
		put_number(w, low->v);
		put_age(w, w->base, ms48_get(low->since));
	}
}

static void
put_mark(struct writer *w, struct entry *e)
{
	put_fixed(w, e->u.mark);
}

static void
put_turn(struct writer *w, struct entry *e)
{
	put_fixed(w, e->u.turn.elem);
	put_number(w, e->u.turn.cur);
	put_number(w, e->u.turn.prev);
	put_age(w, w->base, ms48_get(e->u.turn.start));
	put_number(w, pace48_get(e->u.turn.pace));
}

static void (*const put_content[])(struct writer *, struct entry *) = {
	[TALLY_ADD] = put_sum,
	[TALLY_DISTINCT] = put_elems,
	[TALLY_MIN] = put_min,
	[TALLY_MARK] = put_mark,
	[TALLY_TURN] = put_turn,
};

static void
put_head(struct writer *w, const struct entry *e)
{
	uint64_t group = entry_group(e);
	const struct pin *pin = group ? table_pin_of(w->t, group) : NULL;
	int64_t last = ms48_get(e->last);
	unsigned flags = e->kind;

	flags |= e->pinned ? F_PINNED : 0;
	flags |= group ? F_GROUP : 0;
	flags |= pin ? F_GROUP_PINNED : 0;
	w->to = put_u8(w->to, (uint8_t)flags);
	put_fixed(w, e->key.lo);
	put_fixed(w, e->key.hi);
	if (group)
		put_fixed(w, group);
	if (pin)
		w->to = put_int(w->to, time_from(w->base, pin->until));
	put_number(w, w->t->serial - e->used);
	put_number(w, e->used - e->touched);
	put_number(w, e->born);
	put_number(w, e->kept);
	put_age(w, w->base, last);
	put_number(w, e->span);
}

/* False: no room. */
static bool
put_entry(struct writer *w, struct entry *e)
{
	size_t n = ENTRY_ROOM + (e->kind == TALLY_DISTINCT ? entry_n(e) * (size_t)ELEM_ROOM : 0);
	char *to = buf_reserve(w->out, n);

	if (!to)
		return false;
	w->to = to;
	put_head(w, e);
	put_content[e->kind](w, e);
	buf_commit(w->out, (size_t)(w->to - to));
	return true;
}

/* Entries lie anywhere: have those that come soon on their way, and what these point to. */
PREFETCHES
fetch_ahead(const struct tally_table *t, uint32_t h, uint32_t to)
{
	const struct entry *e;

	if (h + 2 * AHEAD < to && t->heads[h + 2 * AHEAD]) {
		e = table_at(t, t->heads[h + 2 * AHEAD]);
		__builtin_prefetch(e);
		__builtin_prefetch((const char *)e + sizeof(*e) - 1);
	}
	if (h + AHEAD >= to || !t->heads[h + AHEAD])
		return;
	e = table_at(t, t->heads[h + AHEAD]);
	if (e->chain) {
		__builtin_prefetch(table_at(t, e->chain));
		__builtin_prefetch((const char *)table_at(t, e->chain) + sizeof(*e) - 1);
	}
	if (e->kind == TALLY_DISTINCT && e->form == FORM_SIDE)
		__builtin_prefetch(e->u.many);
}

static uint32_t
put_entries(struct writer *w, uint32_t from, uint32_t to)
{
	uint32_t n = 0;

	for (uint32_t h = from; h < to; h++) {
		fetch_ahead(w->t, h, to);
		for (uint32_t i = w->t->heads[h]; i; i = table_at(w->t, i)->chain) {
			struct entry *e = table_at(w->t, i);

			if (!entry_dead(e, w->base))
				n += put_entry(w, e);
		}
	}
	return n;
}

/* Held groups, whether they have members or not: two rounds, to count and to write. */
static void
put_pins(struct writer *w, uint32_t part)
{
	for (int round = 0; round < 2; round++) {
		uint64_t n = 0;

		for (uint32_t k = 1; k <= w->t->n_pins; k++) {
			const struct pin *pin = w->t->pins[k];

			if (pin->group >> (GROUP_BITS - TALLY_PART_BITS) != part)
				continue;
			n++;
			if (round == 0)
				continue;
			pack_u64(w->out, pin->group);
			pack_int(w->out, time_from(w->base, pin->until));
		}
		if (round == 0)
			pack_var(w->out, n);
	}
}

void
tallies_snapshot(const struct tallies *t, uint32_t part, struct now now, struct buf *out)
{
	struct blob head = { .magic = SNAPSHOT_MAGIC, .version = SNAPSHOT_VERSION, .wall = now.wall };
	struct writer w = { .out = out, .t = &t->table, .base = now.mono };
	uint32_t heads = t->table.n_heads / TALLY_PARTS, n = 0;
	size_t at = blob_begin(out, &head);

	/* The caller's clock may be a little behind what it submitted. */
	if (t->table.now > w.base)
		w.base = t->table.now;
	pack_u32(out, t->table.serial);
	if (part < TALLY_PARTS) {
		put_pins(&w, part);
		n = put_entries(&w, part * heads, (part + 1) * heads);
	} else {
		pack_var(out, 0);
	}
	blob_end(out, at, n);
}
