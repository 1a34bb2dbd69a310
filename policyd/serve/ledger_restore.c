/* SPDX-License-Identifier: ISC */
/* A start: counters and storms as they were when the last answer left. */
#include "base/err.h"
#include "base/log.h"
#include "judge/storm.h"
#include "serve/ledger_state.h"
#include "store/journal_read.h"

/* --- records ---------------------------------------------------------------------------------------- */

int
ledger_payload(struct str bytes, struct ledger_payload *p)
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
replay_ops(struct restore *r, struct ledger_payload *p, uint64_t seq, struct now then)
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
	struct ledger_payload p = { 0 };
	struct now then;
	int64_t time;

	r->records++;
	r->last = seq;
	if (ledger_payload(bytes, &p) != 0 || record_time(p.record, &time) != 0) {
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

/* --- the snapshot, then the spool -------------------------------------------------------------------- */

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
walk_spool(struct restore *r, char *why, size_t why_len)
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
	storms_each(l->storms, pin, l->tallies);
	return 0;
}

/* --- what the record says of storms ------------------------------------------------------------------ */

/* Nobody will say any more that it is over. */
static bool
close_unknown(void *arg, const struct record_storm *row)
{
	struct ledger *l = arg;
	const struct storm *st = storms_find(l->storms, (struct key128){ row->key_lo, row->key_hi });
	struct record_storm closed = *row;

	if (st && st->id == row->id)
		return true;
	closed.state = storm_state_name(STORM_CLOSED);
	return journal_offer_storm(l->journal, &closed);
}

/* A database that was put back, a spool or a snapshot that were lost: what cannot be read now is looked at by
 * the next start. */
static void
close_unknown_storms(struct ledger *l, const char *path)
{
	const struct journal_storms live = { .to = UINT64_MAX };
	char why[256];

	if (journal_each_storm(path, &live, close_unknown, l, why, sizeof(why)) != 0)
		log_debug("journal storms=not-compared reason=%s", LOGV(str_of(why)));
}

int
ledger_restore(struct ledger *l, const char *path, uint64_t journal_seq, struct now now,
    struct ledger_restored *out, char *why, size_t why_len)
{
	struct restore r = {
		.l = l,
		.now = now,
		.journal_seq = journal_seq,
		.gathered = &r.moments[0],
		.fetched = &r.moments[1],
	};
	int rc = journal_load_snapshots(path, load_part, &r, why, why_len);

	if (rc == 0)
		rc = walk_spool(&r, why, why_len);
	if (rc != 0)
		return rc;
	close_unknown_storms(l, path);
	*out = (struct ledger_restored){ r.restored.entries, r.records };
	return 0;
}
