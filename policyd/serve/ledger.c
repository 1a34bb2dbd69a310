/* SPDX-License-Identifier: ISC */
#include "serve/ledger.h"

#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/pack.h"
#include "base/xalloc.h"
#include "judge/storm.h"
#include "store/journal_read.h"
#include "store/tallies.h"

enum {
	LEDGER_VERSION = 2,
	RECORD_AT = 5,             /* in a payload: behind the version and the record's length */
	STORMS_PART = TALLY_PARTS, /* the part behind those of the counters */
	PARTS = TALLY_PARTS + 1,
	/* All in ten minutes when little happens; one each tick when the spool fills. */
	PART_EVERY = 9 * MS_SEC,
	/* What a start has to go through stays short all the same: a part for so many records as well. */
	PART_RECORDS = 2000,
	/* When more comes than ticks keep up with, a part for so many bytes of records, but not sooner: what
	 * parts still need of the spool is 400 MB at most, or half of it, whatever comes. */
	PART_BYTES = 6 << 20,
	PART_REST = 20, /* ms */
};

struct ledger {
	struct journal *journal;
	struct outbox *outbox; /* NULL: none */
	struct tallies *tallies;
	struct storms *storms;
	const struct privacy *privacy; /* NULL: plain */
	struct arena hidden;           /* what privacy puts into one record */
	uint64_t max_spool;
	struct buf payload, events;
	uint64_t unsafe;
	uint32_t next_part;
	bool storms_due, out_of_turn; /* their part is to be taken out of turn; the last one was */
	int64_t next_at;              /* mono ms */
	uint64_t taken;               /* the last record when the last part was */
	uint64_t since;               /* bytes of records since then */
	uint64_t part_bytes;
	int64_t rest_until; /* mono ms */
	uint64_t part_seq[PARTS];
	ledger_part_fn *around; /* may be NULL */
	void *around_arg;
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

/* --- records in ------------------------------------------------------------------------------------- */

struct payload {
	struct str record; /* its bytes */
	struct wire rest;  /* ops, then events */
};

static int
open_payload(struct str bytes, struct payload *p)
{
	struct wire *u = &p->rest;
	uint32_t n;

	unpack_init(u, bytes);
	if (wire_u8(u) != LEDGER_VERSION)
		return ERR_VERSION;
	n = unpack_u32(u);
	if (!wire_ok(u) || n > wire_left(u))
		return ERR_CORRUPT;
	p->record = str_sub(bytes, u->pos, u->pos + n);
	u->pos += n;
	return 0;
}

static void
read_op(struct wire *u, struct tally_op *op)
{
	op->kind = (enum tally_kind)wire_u8(u);
	op->key = unpack_key(u);
	op->elem = unpack_u64(u);
	op->n = (uint32_t)unpack_within(u, 0, UINT32_MAX);
	op->window = unpack_int(u);
	op->ttl = unpack_int(u);
	op->cap = (uint32_t)unpack_within(u, 0, UINT32_MAX); /* the tallies have a bound of their own */
	op->group = unpack_u64(u);
	if (op->kind > TALLY_GET || op->window < 0 || op->ttl < 0)
		unpack_fail(u);
}

enum { TOGETHER = 16 };

/* Ops of one moment, be they of one record or of several. */
struct moment {
	struct tally_op ops[TOGETHER];
	uint32_t n;
	int64_t mono;
};

struct restore {
	struct ledger *l;
	struct now now;
	struct tallies_restored restored;
	uint64_t records, faults;
	uint64_t last; /* the number of the last of them */
	uint64_t journal_seq;
	struct moment moments[2]; /* one is gathered while memory brings what the other one needs */
	struct moment *gathered, *fetched;
};

/* A record's time on our clock; never in the future. */
static struct now
time_of(const struct restore *r, int64_t wall)
{
	int64_t age = r->now.wall - wall;

	return (struct now){ r->now.mono - (age > 0 ? age : 0), wall };
}

static void
replay_moment(struct restore *r)
{
	struct tally_answer answers[TOGETHER];
	struct moment *before = r->fetched;

	tallies_expect(r->l->tallies, r->gathered->ops, r->gathered->n);
	tallies_fetch(r->l->tallies, r->gathered->ops, r->gathered->n);
	if (before->n)
		tallies_submit(r->l->tallies, before->mono, before->ops, answers, before->n);
	before->n = 0;
	r->fetched = r->gathered;
	r->gathered = before;
}

static void
replay_ops(struct restore *r, struct payload *p, uint64_t seq, struct now then)
{
	uint32_t left = (uint32_t)unpack_within(&p->rest, 0, OPS_MAX);

	for (; left > 0; left--) {
		struct moment *m = r->gathered;

		if (m->n == TOGETHER || (m->n && m->mono != then.mono)) {
			replay_moment(r);
			m = r->gathered;
		}
		m->ops[m->n] = (struct tally_op){ 0 };
		read_op(&p->rest, &m->ops[m->n]);
		if (!wire_ok(&p->rest))
			break;
		m->mono = then.mono;
		m->n += seq > r->l->part_seq[tally_part(m->ops[m->n].key)];
	}
}

/* While the records are walked through too: as many counters as they made might push out a storm's. */
static void
pin(void *arg, struct storm *st)
{
	struct tallies *t = arg;

	tallies_pin(t, st->key.lo, st->last.mono + st->quiet + st->remember);
	st->changed = true; /* the table of storms may be older */
}

static void
replay_record(void *arg, uint64_t seq, struct str bytes)
{
	struct restore *r = arg;
	struct payload p = { 0 };
	struct now then;
	int64_t time;

	r->records++;
	r->last = seq;
	if (open_payload(bytes, &p) != 0 || record_time(p.record, &time) != 0) {
		r->faults++;
		return;
	}
	then = time_of(r, time);
	replay_ops(r, &p, seq, then);
	if (!wire_ok(&p.rest)) {
		r->faults++;
	} else if (seq > r->l->part_seq[STORMS_PART]) {
		struct str events = { (const char *)p.rest.p + p.rest.pos, wire_left(&p.rest) };

		if (storms_replay(r->l->storms, events, then, pin, r->l->tallies) != 0)
			r->faults++;
	}
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
	struct payload p = { 0 };

	return open_payload(bytes, &p) != 0 || f->give(f->arg, seq, p.record);
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

static void
load_part(void *arg, uint32_t part, uint64_t seq, struct str blob)
{
	struct restore *r = arg;
	int err;

	if (part >= PARTS)
		return;
	err = part == STORMS_PART ? storms_unpack_all(r->l->storms, blob, r->now)
				  : tallies_restore(r->l->tallies, r->now, blob, &r->restored);
	if (err) {
		log_error("snapshot of part %u cannot be used: %s", part, err_str(err));
		return;
	}
	r->l->part_seq[part] = seq;
}

/* The number up to which neither the database nor any part needs the spool. */
static uint64_t
oldest_part(const struct ledger *l)
{
	uint64_t seq = UINT64_MAX;

	for (uint32_t i = 0; i < PARTS; i++)
		if (l->part_seq[i] < seq)
			seq = l->part_seq[i];
	return seq;
}

/* The highest number that the database has seen. */
static uint64_t
newest(const struct ledger *l, uint64_t seq)
{
	for (uint32_t i = 0; i < PARTS; i++)
		if (l->part_seq[i] > seq)
			seq = l->part_seq[i];
	return seq;
}

static int
restore(struct restore *r, char *why, size_t why_len)
{
	struct ledger *l = r->l;
	uint64_t after = oldest_part(l);
	int rc;

	if (after > r->journal_seq)
		after = r->journal_seq;
	storms_each(l->storms, pin, l->tallies);
	/* The spool may be gone: a number that the database has would be taken for a repetition. */
	outbox_used(l->outbox, newest(l, r->journal_seq));
	rc = outbox_replay(l->outbox, after, replay_record, r, NULL);
	replay_moment(r);
	replay_moment(r);
	if (rc != 0)
		return err_why(rc == ERR_RANGE ? ERR_CORRUPT : rc, why, why_len, "%s",
		    rc == ERR_RANGE ? "the spool's numbers do not fit those of the database"
				    : "no memory or no thread for what is to be written");
	if (r->faults)
		log_error("%llu records of the spool cannot be understood", (unsigned long long)r->faults);
	/* Behind it numbers may be used up that nobody has. */
	if (r->last > r->journal_seq)
		journal_refill(l->journal, r->last);
	return 0;
}

int
ledger_open(const struct ledger_conf *conf, struct tallies *tallies, struct storms *storms, struct now now,
    struct ledger **out, struct ledger_opened *opened, char *why, size_t why_len)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	struct restore r = { .l = l, .now = now, .gathered = &r.moments[0], .fetched = &r.moments[1] };
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
		rc = journal_load_snapshots(conf->store.path, load_part, &r, why, why_len);
	if (rc == 0 && l->outbox) {
		r.journal_seq = jo.seq;
		rc = restore(&r, why, why_len);
	}
	if (rc != 0) {
		ledger_close(l, 0);
		return rc;
	}
	storms_hide(storms, conf->privacy);
	storms_each(storms, pin, tallies);
	storms_log(storms, &l->events);
	/* The oldest first: a daemon that never lives through a whole round gets through it all the same. */
	for (uint32_t i = 1; i < PARTS; i++)
		if (l->part_seq[i] < l->part_seq[l->next_part])
			l->next_part = i;
	l->next_at = now.mono + PART_EVERY;
	l->taken = l->outbox ? outbox_last(l->outbox) : 0;
	l->since = r.records ? l->part_bytes : 0; /* one at once, however soon it ends */
	*opened = (struct ledger_opened){ privacy_seed(conf->privacy, jo.seed), r.restored.entries,
		storms_total(storms), r.records };
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
