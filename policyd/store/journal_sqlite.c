/* SPDX-License-Identifier: ISC */
/* What is written and deleted. Every result other than ROW, DONE and OK is a failure, BUSY included. */
#include "store/journal_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/journal_text.h"
#include "store/migrate.h"

enum {
	SLICE_ROWS = 500,   /* messages a slice of retention */
	SLICE_RCPTS = 5000, /* and recipients, one message at least */
};

/* ---- failures ---- */

int
jdb_failed(struct jdb *d, const char *what)
{
	int rc = d->db ? sqlite3_errcode(d->db) & 0xff : SQLITE_CANTOPEN;
	int err = migrate_err(rc);

	snprintf(d->why, sizeof(d->why), "%s: %s", what, d->db ? sqlite3_errmsg(d->db) : "not open");
	if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED && rc != SQLITE_FULL && rc != SQLITE_INTERRUPT)
		d->suspect = true;
	return err ? err : ERR_IO;
}

int
jdb_exec(struct jdb *d, const char *sql)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : jdb_failed(d, sql);
}

static void
rollback(struct jdb *d)
{
	/* SQLite may have rolled back by itself; a rollback that fails makes the connection suspect. */
	if (!sqlite3_get_autocommit(d->db) && sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		d->suspect = true;
}

/* Runs a statement that yields no rows. */
static int
run(struct jdb *d, enum jdb_stmt which)
{
	sqlite3_stmt *st = d->st[which];
	int rc = sqlite3_step(st);
	int err = rc == SQLITE_DONE ? 0 : jdb_failed(d, "write");

	sqlite3_reset(st); /* repeats the error of step, which is known */
	return err;
}

/* ---- write ---- */

/* A binding outlives the run of its statement: what did not change since the last row, as much of a row, is
 * left as it is. Short texts are bound to a place of their own for that. */
struct binder {
	sqlite3_stmt *st;
	struct jdb_bound *bound;
	struct arena *arena; /* for texts that are not fit as they are; kept until the statement has run */
	int n;
	bool bad;
};

static struct binder
binder(struct jdb *d, enum jdb_stmt which)
{
	return (struct binder){ .st = d->st[which], .bound = d->bound[which], .arena = &d->texts };
}

static void
bound(struct binder *b, int rc)
{
	if (rc == SQLITE_OK)
		return;
	b->bad = true;
	b->bound[b->n - 1].what = JDB_BOUND_ELSE;
}

static void
bind_str(struct binder *b, struct str s)
{
	struct jdb_bound *was = &b->bound[b->n];
	bool is_short = s.n <= sizeof(was->text);

	b->n++;
	if (is_short && was->what == JDB_BOUND_TEXT && str_eq(s, (struct str){ was->text, was->n }))
		return;
	*was = (struct jdb_bound){ .what = is_short ? JDB_BOUND_TEXT : JDB_BOUND_ELSE, .n = (uint8_t)s.n };
	s = journal_text(s, b->arena);
	if (is_short && s.n)
		s.p = memcpy(was->text, s.p, s.n);
	bound(b, sqlite3_bind_text(b->st, b->n, s.p ? s.p : "", (int)s.n, SQLITE_STATIC));
}

static void
bind_u64(struct binder *b, uint64_t v)
{
	struct jdb_bound *was = &b->bound[b->n];

	b->n++;
	if (was->what == JDB_BOUND_NUMBER && was->number == v)
		return;
	*was = (struct jdb_bound){ .what = JDB_BOUND_NUMBER, .number = v };
	bound(b, sqlite3_bind_int64(b->st, b->n, (sqlite3_int64)v));
}

static int
put_rcpts(struct jdb *d, sqlite3_int64 message, const struct record *r)
{
	for (uint32_t k = 0; k < r->n_rcpts; k++) {
		struct binder b = binder(d, JDB_RECIPIENT);
		int err;

		bind_u64(&b, (uint64_t)message);
		bind_u64(&b, k);
		bind_str(&b, r->rcpts[k].addr);
		bind_str(&b, r->rcpts[k].action);
		bind_u64(&b, r->rcpts[k].outcome);
		err = b.bad ? jdb_failed(d, "bind") : run(d, JDB_RECIPIENT);
		if (err)
			return err;
	}
	return 0;
}

static int
put_message(struct jdb *d, const struct record *r)
{
	const struct str texts[] = { str_of(r->door), str_of(r->stage), r->queue_id, r->instance,
		r->client_address, r->client_name, r->helo, r->sasl_username, r->sender, r->message_id,
		r->thread, r->header_from, r->subject };
	const uint64_t numbers[] = { r->size, r->rcpt_count, r->to_count, r->cc_count, r->hops, r->trace,
		r->identity };
	struct binder b = binder(d, JDB_MESSAGE);
	int err;

	bind_u64(&b, (uint64_t)r->time);
	for (unsigned k = 0; k < ARRAY_LEN(texts); k++)
		bind_str(&b, texts[k]);
	for (unsigned k = 0; k < ARRAY_LEN(numbers); k++)
		bind_u64(&b, numbers[k]);
	bind_str(&b, str_of(r->kind));
	bind_str(&b, str_of(r->verdict));
	bind_str(&b, r->rule);
	bind_u64(&b, r->storm);
	bind_u64(&b, r->would != 0);
	bind_u64(&b, r->degraded != 0);
	bind_u64(&b, r->outcome);
	err = b.bad ? jdb_failed(d, "bind") : run(d, JDB_MESSAGE);
	return err ? err : put_rcpts(d, sqlite3_last_insert_rowid(d->db), r);
}

static int
put_hosts(struct jdb *d, const struct record_storm *s)
{
	struct binder drop = binder(d, JDB_STORM_HOSTS_DROP);
	int err;

	bind_u64(&drop, s->id);
	err = drop.bad ? jdb_failed(d, "bind") : run(d, JDB_STORM_HOSTS_DROP);
	for (uint32_t k = 0; !err && k < s->n_hosts; k++) {
		struct binder b = binder(d, JDB_STORM_HOST);

		bind_u64(&b, s->id);
		bind_u64(&b, k);
		bind_str(&b, s->hosts[k].name);
		bind_str(&b, str_of(s->hosts[k].how));
		bind_u64(&b, s->hosts[k].copies);
		err = b.bad ? jdb_failed(d, "bind") : run(d, JDB_STORM_HOST);
	}
	return err;
}

static int
put_storm(struct jdb *d, const struct record_storm *s)
{
	struct binder b = binder(d, JDB_STORM);
	int err;

	bind_u64(&b, s->id);
	bind_str(&b, s->rule);
	bind_u64(&b, s->key_lo);
	bind_u64(&b, s->key_hi);
	bind_str(&b, str_of(s->state));
	bind_str(&b, s->message_id);
	bind_str(&b, s->subject);
	bind_str(&b, s->sender);
	bind_u64(&b, (uint64_t)s->first);
	bind_u64(&b, (uint64_t)s->last);
	bind_u64(&b, s->offered);
	bind_u64(&b, s->passed);
	bind_u64(&b, s->stopped);
	bind_u64(&b, s->messages);
	bind_u64(&b, s->recipients);
	err = b.bad ? jdb_failed(d, "bind") : run(d, JDB_STORM);
	return err ? err : put_hosts(d, s);
}

/* The record itself is at fault, not the database. */
static bool
is_poison(struct jdb *d)
{
	int rc = sqlite3_errcode(d->db) & 0xff;

	return rc == SQLITE_CONSTRAINT || rc == SQLITE_TOOBIG || rc == SQLITE_MISMATCH || rc == SQLITE_RANGE;
}

int
jdb_seq(struct jdb *d)
{
	sqlite3_stmt *st = d->st[JDB_SEQ];
	int rc = sqlite3_step(st), err = 0;
	sqlite3_int64 seq = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;

	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		d->seq = seq > 0 ? (uint64_t)seq : 0;
	else
		err = jdb_failed(d, "read");
	sqlite3_reset(st);
	return err;
}

static int
set_seq(struct jdb *d, uint64_t seq)
{
	struct binder b = binder(d, JDB_SEQ_SET);

	bind_u64(&b, seq);
	return b.bad ? jdb_failed(d, "bind") : run(d, JDB_SEQ_SET);
}

/* Written before: a storm's row may be written again with the number it has. */
static bool
is_there(const struct packed *p, uint64_t top)
{
	return p->seq && (p->storm ? p->seq < top : p->seq <= top);
}

/* ERR_SYNTAX: those are no bytes of a message. */
static int
put_bytes(struct jdb *d, const struct packed *p)
{
	struct record r;
	int err = record_unpack(p->bytes, &r, &d->texts);

	if (!err)
		return put_message(d, &r);
	snprintf(d->why, sizeof(d->why), "record %llu: %s", (unsigned long long)p->seq, err_str(err));
	return ERR_SYNTAX;
}

/* ERR_SYNTAX: this record can not be written, ever. */
static int
put(struct jdb *d, const struct packed *p, uint64_t *top)
{
	int err;

	if (is_there(p, *top)) {
		d->skipped++;
		return 0;
	}
	if (p->seq > *top)
		*top = p->seq;
	arena_reset(&d->texts);
	err = p->storm ? put_storm(d, p->storm) : put_bytes(d, p);
	if (!err || err == ERR_SYNTAX || !is_poison(d))
		return err;
	d->suspect = false;
	return ERR_SYNTAX;
}

int
jdb_write(struct jdb *d, const struct queue *q, size_t bytes)
{
	const struct packed *p;
	uint64_t top;
	size_t size = 0;
	int n = 0, err = jdb_exec(d, "BEGIN IMMEDIATE");

	d->skipped = 0;
	if (!err)
		err = jdb_seq(d);
	top = d->seq;
	for (p = q->first; !err && p && (n == 0 || size + p->size <= bytes); p = p->next) {
		err = put(d, p, &top);
		if (err)
			break;
		size += p->size;
		n++;
	}
	if (err == ERR_SYNTAX && n) {
		/* What was written of the bad one must go too: start over with those before it. */
		rollback(d);
		return jdb_write(d, q, size);
	}
	if (!err && top > d->seq)
		err = set_seq(d, top);
	if (!err)
		err = jdb_exec(d, "COMMIT");
	if (err)
		rollback(d);
	else
		d->seq = top;
	return err ? err : n;
}

int
jdb_raise_seq(struct jdb *d, uint64_t seq)
{
	int err = jdb_exec(d, "BEGIN IMMEDIATE");

	if (!err)
		err = jdb_seq(d);
	if (!err && d->seq < seq)
		err = set_seq(d, seq);
	if (!err)
		err = jdb_exec(d, "COMMIT");
	if (err)
		rollback(d);
	else if (d->seq < seq)
		d->seq = seq;
	return err;
}

int
jdb_adopt(struct jdb *d, uint64_t seq)
{
	int err = jdb_exec(d, "BEGIN IMMEDIATE");

	if (!err)
		err = set_seq(d, seq);
	if (!err)
		err = jdb_exec(d, "DELETE FROM snapshot");
	if (!err)
		err = jdb_exec(d, "COMMIT");
	if (err)
		rollback(d);
	else
		d->seq = seq;
	return err;
}

/* ---- snapshots ---- */

int
jdb_snapshot(struct jdb *d, uint32_t part, uint64_t seq, int64_t wall, struct str data)
{
	struct binder b = binder(d, JDB_SNAPSHOT);
	int rc, err;

	bind_u64(&b, part);
	bind_u64(&b, seq);
	bind_u64(&b, (uint64_t)wall);
	rc = sqlite3_bind_blob64(b.st, 4, data.n ? data.p : "", data.n, SQLITE_STATIC);
	err = b.bad || rc != SQLITE_OK ? jdb_failed(d, "bind") : run(d, JDB_SNAPSHOT);
	if (err && is_poison(d)) {
		d->suspect = false;
		err = ERR_SYNTAX;
	}
	sqlite3_bind_null(b.st, 4); /* the blob goes */
	return err;
}

int
jdb_snapshot_seqs(struct jdb *d, void (*fn)(void *arg, uint64_t part, uint64_t seq), void *arg)
{
	sqlite3_stmt *st = d->st[JDB_SNAPSHOT_SEQS];
	int rc, err;

	for (rc = sqlite3_step(st); rc == SQLITE_ROW; rc = sqlite3_step(st))
		fn(arg, (uint64_t)sqlite3_column_int64(st, 0), (uint64_t)sqlite3_column_int64(st, 1));
	err = rc == SQLITE_DONE ? 0 : jdb_failed(d, "read");
	sqlite3_reset(st);
	return err;
}

/* ---- retention ---- */

/* The last id of the slice that goes, 0 = none. */
static int
slice_end(struct jdb *d, int64_t before, int64_t now, sqlite3_int64 *end, bool *whole)
{
	sqlite3_stmt *st = d->st[JDB_OLDEST];
	sqlite3_int64 last = 0, rcpts = 0, rows = 0;
	bool future = false;
	int rc;

	sqlite3_bind_int(st, 1, SLICE_ROWS);
	for (rc = sqlite3_step(st); rc == SQLITE_ROW && rcpts < SLICE_RCPTS; rc = sqlite3_step(st)) {
		last = sqlite3_column_int64(st, 0);
		if (sqlite3_column_int64(st, 1) < before)
			*end = last;
		else if (sqlite3_column_int64(st, 1) > now + MS_DAY)
			future = true;
		rcpts += sqlite3_column_int64(st, 2);
		rows++;
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : jdb_failed(d, "retention");
	sqlite3_reset(st);
	*whole = rows == SLICE_ROWS || rcpts >= SLICE_RCPTS;
	if (rc || *end || !future)
		return rc;
	/* Only rows from a clock that ran ahead: they go once something behind them is old. */
	st = d->st[JDB_OLD_BEHIND];
	sqlite3_bind_int64(st, 1, before);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && sqlite3_column_int64(st, 0) > 0)
		*end = last < sqlite3_column_int64(st, 0) ? last : sqlite3_column_int64(st, 0);
	rc = rc == SQLITE_ROW ? 0 : jdb_failed(d, "retention");
	sqlite3_reset(st);
	return rc;
}

static int
drop(struct jdb *d, enum jdb_stmt which, sqlite3_int64 bound)
{
	sqlite3_bind_int64(d->st[which], 1, bound);
	return run(d, which);
}

static int
drop_messages(struct jdb *d, sqlite3_int64 end)
{
	int err = drop(d, JDB_DROP_RECIPIENTS, end);

	return err ? err : drop(d, JDB_DROP_MESSAGES, end);
}

int
jdb_retain(struct jdb *d, int64_t before, int64_t now)
{
	sqlite3_int64 end = 0;
	bool whole = false;
	int err = slice_end(d, before, now, &end, &whole);

	if (!err)
		err = jdb_exec(d, "BEGIN IMMEDIATE");
	if (!err && end)
		err = drop_messages(d, end);
	/* Storms are few: they go in the last slice of a round. */
	if (!err && !(end && whole)) {
		err = drop(d, JDB_DROP_STORM_HOSTS, before);
		if (!err)
			err = drop(d, JDB_DROP_STORMS, before);
	}
	if (!err)
		err = jdb_exec(d, "COMMIT");
	if (err)
		rollback(d);
	return err ? err : (end && whole);
}

int
jdb_trim(struct jdb *d, uint64_t *messages)
{
	sqlite3_int64 end = 0;
	bool whole;
	int err = slice_end(d, INT64_MAX, 0, &end, &whole);

	*messages = 0;
	if (err || !end)
		return err;
	err = jdb_exec(d, "BEGIN IMMEDIATE");
	if (!err)
		err = drop_messages(d, end);
	if (!err)
		*messages = (uint64_t)sqlite3_changes(d->db);
	if (!err)
		err = jdb_exec(d, "COMMIT");
	if (err)
		rollback(d);
	return err ? err : 1;
}

int
jdb_used(struct jdb *d, uint64_t *bytes)
{
	sqlite3_stmt *st = d->st[JDB_USED];
	int err = sqlite3_step(st) == SQLITE_ROW ? 0 : jdb_failed(d, "size");

	if (!err)
		*bytes = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return err;
}
