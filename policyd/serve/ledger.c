/* SPDX-License-Identifier: ISC */
#include "serve/ledger.h"

#include <unistd.h>

#include "base/pack.h"
#include "base/xalloc.h"
#include "judge/storm.h"
#include "serve/ledger_state.h"

enum {
	RECORD_AT = 5, /* in a payload: behind the version and the record's length */
	/* All in ten minutes when little happens; one each tick when the spool fills. */
	PART_EVERY = 9 * MS_SEC,
	/* What a start has to go through stays short all the same: a part for so many records as well. */
	PART_RECORDS = 2000,
	/* When more comes than ticks keep up with, a part for so many bytes of records, but not sooner: what
	 * parts still need of the spool is 270 MB at most, or half of it, whatever comes. */
	PART_BYTES = 4 << 20,
	PART_REST = 20, /* ms */
};

/* --- records out ------------------------------------------------------------------------------------ */

enum { OP_BYTES = 1 + 4 * 8 + 4 * PUT_VAR_MAX }; /* at most */

static char *
put_op(char *to, const struct tally_op *op)
{
	to = put_u8(to, (uint8_t)op->kind);
	to = put_key(to, op->key);
	to = put_u64(to, op->elem);
	to = put_var(to, op->n);
	to = put_int(to, op->window);
	to = put_int(to, op->ttl);
	to = put_var(to, op->cap);
	return put_u64(to, op->group);
}

static void
pack_ops(struct buf *b, const struct ops *kept)
{
	uint32_t n = kept ? kept->n : 0;
	char *from = buf_reserve(b, PUT_VAR_MAX + (size_t)n * OP_BYTES), *to = from;

	if (!from)
		return;
	to = put_var(to, n);
	for (uint32_t i = 0; i < n; i++)
		to = put_op(to, &kept->v[i]);
	buf_commit(b, (size_t)(to - from));
}

/* Length in front, filled in when the bytes are there. Returns where these end. */
static size_t
pack_record(struct buf *b, const struct record *r)
{
	size_t n;

	pack_u32(b, 0);
	record_pack(r, b);
	n = b->len - RECORD_AT;
	for (unsigned i = 0; i < 4 && !b->failed; i++)
		b->data[b->start + RECORD_AT - 4 + i] = (char)(n >> (8 * i));
	return b->len;
}

/* *record: its bytes, as they went into the spool. */
static uint64_t
spool_message(struct ledger *l, const struct record *r, const struct ops *kept, struct str *record)
{
	size_t end;

	buf_reset(&l->payload);
	pack_u8(&l->payload, LEDGER_VERSION);
	end = pack_record(&l->payload, r);
	pack_ops(&l->payload, kept);
	if (!l->events.failed)
		buf_str_append(&l->payload, buf_str(&l->events));
	if (l->payload.failed)
		return 0;
	*record = str_sub(buf_str(&l->payload), RECORD_AT, end);
	l->since += l->payload.len;
	return outbox_append(l->outbox, buf_str(&l->payload).p, l->payload.len);
}

void
ledger_message(struct ledger *l, struct record *r, const struct ops *kept)
{
	struct str bytes = STR_NONE;

	if (l->privacy) {
		arena_reset(&l->hidden);
		privacy_record(l->privacy, &l->hidden, r);
	}
	if (l->outbox) {
		bool late = outbox_late(l->outbox);

		r->degraded |= late;
		r->seq = spool_message(l, r, kept, &bytes);
		if (!r->seq)
			r->degraded = 1;
		l->unsafe += late || !r->seq;
		/* What happened to storms stands in no record. */
		l->storms_due |= (!r->seq && l->events.len) || l->events.failed;
	}
	buf_reset(&l->events);
	if (r->seq)
		journal_packed(l->journal, r->seq, bytes);
	else
		journal_message(l->journal, r);
}

void
ledger_storm(struct ledger *l, const struct record_storm *r)
{
	journal_storm(l->journal, r);
}

bool
ledger_offer_storm(struct ledger *l, const struct record_storm *r)
{
	return journal_offer_storm(l->journal, r);
}

bool
ledger_written(struct ledger *l, int64_t ms)
{
	return !l->outbox || outbox_flush(l->outbox, ms);
}

/* --- the journal asks for what its queue refused ------------------------------------------------------ */

struct refill {
	journal_refill_fn *give;
	void *arg;
};

static bool
refill_record(void *arg, uint64_t seq, struct str bytes)
{
	struct refill *f = arg;
	struct ledger_payload p = { 0 };

	return ledger_payload(bytes, &p) != 0 || f->give(f->arg, seq, p.record);
}

/* On the journal's thread. */
static int
refill(void *arg, uint64_t after, journal_refill_fn *give, void *give_arg)
{
	struct ledger *l = arg;
	struct refill f = { .give = give, .arg = give_arg };

	return outbox_read(l->outbox, after, refill_record, &f);
}

/* --- the journal writes a part ------------------------------------------------------------------------ */

/* On the journal's thread. */
static void
pack_part(void *arg, uint32_t part, struct str given, struct buf *out)
{
	(void)arg;
	if (part == STORMS_PART)
		buf_str_append(out, given);
	else
		tallies_pack(given, out);
}

/* --- start and end ------------------------------------------------------------------------------------ */

int
ledger_open(const struct ledger_conf *conf, struct tallies *tallies, struct storms *storms, struct now now,
    struct ledger **out, struct ledger_opened *opened, char *why, size_t why_len)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	struct ledger_restored restored = { 0 };
	struct journal_hooks hooks = { .refill = refill, .pack = pack_part, .arg = l, .parts = PARTS };
	struct journal_opened jo;
	int rc = 0;

	l->tallies = tallies;
	l->storms = storms;
	l->privacy = conf->privacy;
	l->max_spool = conf->outbox.spool.max_bytes;
	l->part_bytes = l->max_spool / PARTS / 2 < PART_BYTES ? l->max_spool / PARTS / 2 : PART_BYTES;
	arena_init(&l->hidden, 0);
	buf_init(&l->payload, SPOOL_RECORD_MAX);
	buf_init(&l->events, SPOOL_RECORD_MAX / 2);
	if (conf->outbox.spool.dir)
		rc = outbox_open(&conf->outbox, &l->outbox, why, why_len);
	if (rc == 0)
		rc = journal_open(&conf->store, l->outbox ? &hooks : NULL, &l->journal, &jo, why, why_len);
	if (rc == 0 && l->outbox)
		rc = ledger_restore(l, conf->store.path, jo.seq, now, &restored, why, why_len);
	if (rc != 0) {
		ledger_close(l, 0);
		return rc;
	}
	storms_hide(storms, conf->privacy);
	storms_log(storms, &l->events);
	/* The oldest first: a daemon that never lives through a whole round gets through it all the same. */
	for (uint32_t i = 1; i < PARTS; i++)
		if (l->part_seq[i] < l->part_seq[l->next_part])
			l->next_part = i;
	l->next_at = now.mono + PART_EVERY;
	l->taken = l->outbox ? outbox_last(l->outbox) : 0;
	l->since = restored.records ? l->part_bytes : 0; /* one at once, however soon it ends */
	*opened = (struct ledger_opened){ privacy_seed(conf->privacy, jo.seed), restored.counters,
		storms_total(storms), restored.records };
	*out = l;
	return 0;
}

void
ledger_close(struct ledger *l, int64_t grace)
{
	if (!l)
		return;
	storms_log(l->storms, NULL);
	journal_close(l->journal, grace);
	outbox_close(l->outbox, grace);
	buf_fini(&l->payload);
	buf_fini(&l->events);
	arena_fini(&l->hidden);
	xfree(l);
}

/* --- now and then --------------------------------------------------------------------------------------- */

void
ledger_around_parts(struct ledger *l, ledger_part_fn *fn, void *arg)
{
	l->around = fn;
	l->around_arg = arg;
}

void
ledger_storms_obeyed(struct ledger *l)
{
	l->storms_due = true;
}

static void
take_counters(struct ledger *l, uint32_t part, struct now now, struct buf *blob)
{
	if (l->around)
		l->around(l->around_arg, part, true, now);
	tallies_copy(l->tallies, part, now, blob);
	if (l->around)
		l->around(l->around_arg, part, false, now);
}

/* `due`: one in turn. A full spool waits for all of them, and a storm that goes on wants its own with each
 * message: of two one is in turn. */
static void
take_part(struct ledger *l, bool due, struct now now)
{
	bool out_of_turn = l->storms_due && !(due && l->out_of_turn);
	uint32_t part = out_of_turn ? STORMS_PART : l->next_part;
	uint64_t seq = outbox_last(l->outbox);
	struct buf blob;

	l->out_of_turn = out_of_turn;
	l->storms_due &= !out_of_turn;
	l->rest_until = now.mono + PART_REST;
	if (!out_of_turn) {
		l->next_part = (part + 1) % PARTS;
		l->next_at = now.mono + PART_EVERY;
		l->taken = seq;
		l->since = 0;
		if (l->part_seq[part] == seq && seq)
			return; /* nothing has happened since */
	}
	buf_init(&blob, 0);
	if (part == STORMS_PART)
		storms_pack_all(l->storms, now, &blob);
	else
		take_counters(l, part, now, &blob);
	l->part_seq[part] = seq;
	journal_snapshot(l->journal, part, seq, &blob);
	buf_fini(&blob);
}

static bool
part_due(const struct ledger *l, const struct outbox_stats *s, struct now now)
{
	return outbox_last(l->outbox) - l->taken >= PART_RECORDS || now.mono >= l->next_at ||
	    s->spool.bytes > l->max_spool / 4;
}

static void
release(struct ledger *l)
{
	uint64_t written = journal_written_seq(l->journal), parts = journal_snapshot_seq(l->journal);

	outbox_release(l->outbox, written < parts ? written : parts);
}

void
ledger_tick(struct ledger *l, struct now now)
{
	bool free = journal_tick(l->journal);
	struct outbox_stats s;
	bool due;

	if (!l->outbox || !free)
		return;
	outbox_tick(l->outbox);
	outbox_stats(l->outbox, &s);
	due = part_due(l, &s, now);
	/* While the database cannot be written to, what is taken is of no use: it would be memory only. */
	if ((l->storms_due || due) && !journal_snapshots_waiting(l->journal))
		take_part(l, due, now);
	release(l);
}

void
ledger_turned(struct ledger *l, struct now now)
{
	journal_turned(l->journal);
	if (!l->outbox || l->since < l->part_bytes || now.mono < l->rest_until ||
	    journal_snapshots_waiting(l->journal))
		return;
	take_part(l, true, now);
	release(l);
}

bool
ledger_healthy(struct ledger *l)
{
	return journal_healthy(l->journal) && (!l->outbox || outbox_healthy(l->outbox));
}

void
ledger_stats(struct ledger *l, struct ledger_stats *out)
{
	*out = (struct ledger_stats){ .has_spool = l->outbox != NULL, .unsafe = l->unsafe };
	journal_stats(l->journal, &out->journal);
	if (l->outbox)
		outbox_stats(l->outbox, &out->outbox);
}

bool
ledger_flush(struct ledger *l, int64_t ms)
{
	int64_t until = clock_now().mono + ms, left = ms;

	/* What the queue refused, or a restart left in the spool, is fetched by the journal's thread in
	 * its own time. */
	while (left > 0 && journal_flush(l->journal, left)) {
		if (!l->outbox || journal_written_seq(l->journal) >= outbox_last(l->outbox))
			return true;
		usleep(2000);
		left = until - clock_now().mono;
	}
	return false;
}
