/* SPDX-License-Identifier: ISC */
/* Tallies to bytes: what is in memory is copied as it lies there, which is soon done, and packed afterwards,
 * which takes three times as long. */
#include "store/tally_snapshot.h"

#include <string.h>

#include "store/tallies.h"
#include "store/tally_group.h"
#include "store/tally_table.h"

enum { AHEAD = 8 };

/* A copy begins with this, pins and entries follow. An entry with a side has that behind it. */
struct copy {
	struct now now; /* the snapshot's time: ages count from here */
	uint32_t part, serial, n_pins, n_entries;
};

struct copied_pin {
	uint64_t group;
	int64_t until;
};

struct writer {
	struct buf *out;
	char *to; /* within `out`, while an entry is written, for which there is room */
	int64_t base;
	uint32_t serial;
	const struct copied_pin *pins;
	uint32_t n_pins;
	struct map pins_by_group;
};

/* ---- memory to a copy ---- */

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

static size_t
side_bytes(const struct entry *e)
{
	if (e->kind != TALLY_DISTINCT || e->form != FORM_SIDE)
		return 0;
	return sizeof(struct side) + e->u.many->n * sizeof(struct elem);
}

/* False: no room. */
static bool
copy_entry(const struct entry *e, struct buf *out)
{
	size_t more = side_bytes(e);
	char *to = buf_reserve(out, sizeof(*e) + more);

	if (!to)
		return false;
	memcpy(to, e, sizeof(*e));
	if (more)
		memcpy(to + sizeof(*e), e->u.many, more);
	buf_commit(out, sizeof(*e) + more);
	return true;
}

static uint32_t
copy_entries(const struct tally_table *t, uint32_t part, int64_t now, struct buf *out)
{
	uint32_t heads = t->n_heads / TALLY_PARTS, to = (part + 1) * heads, n = 0;

	for (uint32_t h = part * heads; h < to; h++) {
		fetch_ahead(t, h, to);
		for (uint32_t i = t->heads[h]; i; i = table_at(t, i)->chain)
			if (!entry_dead(table_at(t, i), now))
				n += copy_entry(table_at(t, i), out);
	}
	return n;
}

/* Returns how many. */
static uint32_t
copy_pins(const struct tally_table *t, struct buf *out)
{
	const struct copied_pin marks = { group_marks, t->marks_until };
	bool forgotten = t->marks_until > t->now;

	for (uint32_t k = 1; k <= t->n_pins; k++) {
		struct copied_pin pin = { t->pins[k]->group, t->pins[k]->until };

		buf_append(out, &pin, sizeof(pin));
	}
	if (forgotten)
		buf_append(out, &marks, sizeof(marks));
	return t->n_pins + forgotten;
}

void
tallies_copy(const struct tallies *tallies, uint32_t part, struct now now, struct buf *out)
{
	const struct tally_table *t = &tallies->table;
	struct copy head = { .now = now, .part = part, .serial = t->serial };
	size_t expected = sizeof(head) + ((size_t)t->n_pins + 1) * sizeof(struct copied_pin) +
	    t->n / TALLY_PARTS * sizeof(struct entry) / 8 * 9;

	/* The caller's clock may be a little behind what it submitted. */
	if (t->now > head.now.mono)
		head.now.mono = t->now;
	if (!buf_reserve(out, expected))
		return;
	buf_append(out, &head, sizeof(head));
	if (part < TALLY_PARTS) {
		head.n_pins = copy_pins(t, out);
		head.n_entries = copy_entries(t, part, head.now.mono, out);
	}
	memcpy(out->data + out->start, &head, sizeof(head));
}

/* ---- a copy to bytes ---- */

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

static const struct copied_pin *
pin_of(const struct writer *w, uint64_t group)
{
	return w->n_pins ? map_get(&w->pins_by_group, pin_key(group)) : NULL;
}

static void
put_head(struct writer *w, const struct entry *e)
{
	uint64_t group = entry_group(e);
	const struct copied_pin *pin = group ? pin_of(w, group) : NULL;
	int64_t last = ms48_get(e->last);
	unsigned flags = e->kind;

	flags |= e->pinned ? F_PINNED : 0;
	flags |= group ? F_GROUP : 0;
	flags |= pin ? F_GROUP_PINNED : 0;
	w->to = put_u8(w->to, (uint8_t)flags);
	w->to = put_key(w->to, e->key);
	if (group)
		put_fixed(w, group);
	if (pin)
		w->to = put_int(w->to, time_from(w->base, pin->until));
	put_number(w, w->serial - e->used);
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

static uint32_t
put_entries(struct writer *w, const char *from, uint32_t count)
{
	uint32_t n = 0;

	for (; count; count--) {
		struct entry e;

		memcpy(&e, from, sizeof(e));
		from += sizeof(e);
		if (e.kind == TALLY_DISTINCT && e.form == FORM_SIDE) {
			e.u.many = (struct side *)(uintptr_t)from; /* is only read */
			from += side_bytes(&e);
		}
		n += put_entry(w, &e);
	}
	return n;
}

/* Held groups, whether they have members or not: two rounds, to count and to write. */
static void
put_pins(struct writer *w, uint32_t part)
{
	for (int round = 0; round < 2; round++) {
		uint64_t n = 0;

		for (uint32_t k = 0; k < w->n_pins; k++) {
			const struct copied_pin *pin = &w->pins[k];

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
tallies_pack(struct str bytes, struct buf *out)
{
	struct blob head = { .magic = SNAPSHOT_MAGIC, .version = SNAPSHOT_VERSION };
	struct writer w = { .out = out };
	struct copy copy;
	size_t at;

	memcpy(&copy, bytes.p, sizeof(copy));
	head.wall = copy.now.wall;
	w.base = copy.now.mono;
	w.serial = copy.serial;
	w.n_pins = copy.n_pins;
	w.pins = (const struct copied_pin *)(uintptr_t)(bytes.p + sizeof(copy));
	map_init(&w.pins_by_group);
	for (uint32_t k = 0; k < w.n_pins; k++)
		map_put(&w.pins_by_group, pin_key(w.pins[k].group), (void *)(uintptr_t)&w.pins[k]);
	at = blob_begin(out, &head);
	pack_u32(out, w.serial);
	put_pins(&w, copy.part);
	blob_end(out, at, put_entries(&w, (const char *)(w.pins + w.n_pins), copy.n_entries));
	map_fini(&w.pins_by_group);
}

void
tallies_snapshot(const struct tallies *t, uint32_t part, struct now now, struct buf *out)
{
	struct buf copy;

	buf_init(&copy, 0);
	tallies_copy(t, part, now, &copy);
	tallies_pack(buf_str(&copy), out);
	buf_fini(&copy);
}
