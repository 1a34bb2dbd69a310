/* SPDX-License-Identifier: ISC */
#include "store/journal_put.h"

#include <sqlite3.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "store/journal_text.h"

/* ---- statements ---- */

int
jdb_run(struct jdb *d, enum jdb_stmt which)
{
	sqlite3_stmt *st = d->st[which];
	int rc = sqlite3_step(st);
	int err = rc == SQLITE_DONE ? 0 : jdb_failed(d, "write");

	sqlite3_reset(st); /* repeats the error of step, which is known */
	return err;
}

int
jdb_run_bound(struct jdb *d, enum jdb_stmt which, const struct binder *b)
{
	return b->bad ? jdb_failed(d, "bind") : jdb_run(d, which);
}

/* The last failure is the record's own fault, not the database's. */
static bool
is_poison(const struct jdb *d)
{
	int rc = sqlite3_errcode(d->db) & 0xff;

	return rc == SQLITE_CONSTRAINT || rc == SQLITE_TOOBIG || rc == SQLITE_MISMATCH || rc == SQLITE_RANGE;
}

int
jdb_verdict(struct jdb *d, int err)
{
	if (!err || err == ERR_SYNTAX || !is_poison(d))
		return err;
	d->suspect = false;
	return ERR_SYNTAX;
}

struct binder
jdb_binder(struct jdb *d, enum jdb_stmt which)
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

void
bind_u64(struct binder *b, uint64_t v)
{
	struct jdb_bound *was = &b->bound[b->n];

	b->n++;
	if (was->what == JDB_BOUND_NUMBER && was->number == v)
		return;
	*was = (struct jdb_bound){ .what = JDB_BOUND_NUMBER, .number = v };
	bound(b, sqlite3_bind_int64(b->st, b->n, (sqlite3_int64)v));
}

/* ---- messages and recipients ---- */

enum { MEM_MUCH = 256 << 10 }; /* bytes of recipients: no more messages wait behind these */

/* Strings lie in the bytes that were handed over, which stay. */
struct message_row {
	struct record r;
	struct str names[RECORD_NAMES];
};

struct rcpt_row {
	sqlite3_int64 message;
	uint32_t n;
	struct record_rcpt r;
};

struct jdb_waiting {
	struct message_row messages[PUT_ROWS];
	struct rcpt_row rcpts[PUT_ROWS];
	uint32_t n_messages, n_rcpts;
	struct arena mem; /* the recipients of `messages` */
};

static void
bind_message(struct binder *b, const struct message_row *m)
{
	enum { DOOR, STAGE, KIND, VERDICT };
	const struct record *r = &m->r;
	const struct str texts[] = { m->names[DOOR], m->names[STAGE], r->queue_id, r->instance,
		r->client_address, r->client_name, r->helo, r->sasl_username, r->sender, r->message_id,
		r->thread, r->header_from, r->subject };
	const uint64_t size = r->size < INT64_MAX ? r->size : INT64_MAX; /* a client may say anything */
	const uint64_t numbers[] = { size, r->rcpt_count, r->to_count, r->cc_count, r->hops, r->trace,
		r->identity };

	bind_u64(b, (uint64_t)r->time);
	for (unsigned k = 0; k < ARRAY_LEN(texts); k++)
		bind_str(b, texts[k]);
	for (unsigned k = 0; k < ARRAY_LEN(numbers); k++)
		bind_u64(b, numbers[k]);
	bind_str(b, m->names[KIND]);
	bind_str(b, m->names[VERDICT]);
	bind_str(b, r->rule);
	bind_u64(b, r->storm);
	bind_u64(b, r->would != 0);
	bind_u64(b, r->degraded != 0);
	bind_u64(b, r->outcome);
}

static void
bind_rcpt(struct binder *b, const struct rcpt_row *row)
{
	bind_u64(b, (uint64_t)row->message);
	bind_u64(b, row->n);
	bind_str(b, row->r.addr);
	bind_str(b, row->r.action);
	bind_u64(b, row->r.outcome);
}

/* As many as a statement takes, or each by itself. */
static int
write_rcpts(struct jdb *d)
{
	struct jdb_waiting *w = d->waiting;
	enum jdb_stmt which = w->n_rcpts == PUT_ROWS ? JDB_RECIPIENTS : JDB_RECIPIENT;
	uint32_t together = which == JDB_RECIPIENTS ? PUT_ROWS : 1;
	int err = 0;

	for (uint32_t k = 0; k < w->n_rcpts && !err; k += together) {
		struct binder b = jdb_binder(d, which);

		arena_reset(&d->texts);
		for (uint32_t i = 0; i < together; i++)
			bind_rcpt(&b, &w->rcpts[k + i]);
		err = jdb_run_bound(d, which, &b);
	}
	w->n_rcpts = 0;
	return err;
}

static int
take_rcpts(struct jdb *d, sqlite3_int64 message, const struct record *r)
{
	struct jdb_waiting *w = d->waiting;
	int err = 0;

	for (uint32_t k = 0; k < r->n_rcpts && !err; k++) {
		w->rcpts[w->n_rcpts++] = (struct rcpt_row){ message, k, r->rcpts[k] };
		if (w->n_rcpts == PUT_ROWS)
			err = write_rcpts(d);
	}
	return err;
}

static int
write_messages(struct jdb *d)
{
	struct jdb_waiting *w = d->waiting;
	enum jdb_stmt which = w->n_messages == PUT_ROWS ? JDB_MESSAGES : JDB_MESSAGE;
	uint32_t together = which == JDB_MESSAGES ? PUT_ROWS : 1;
	int err = 0;

	for (uint32_t k = 0; k < w->n_messages && !err; k += together) {
		struct binder b = jdb_binder(d, which);
		sqlite3_int64 first;

		arena_reset(&d->texts);
		for (uint32_t i = 0; i < together; i++)
			bind_message(&b, &w->messages[k + i]);
		err = jdb_run_bound(d, which, &b);
		/* A new row's id is one above the highest. */
		first = sqlite3_last_insert_rowid(d->db) - together + 1;
		for (uint32_t i = 0; i < together && !err; i++)
			err = take_rcpts(d, first + i, &w->messages[k + i].r);
	}
	w->n_messages = 0;
	arena_reset(&w->mem);
	return err;
}

int
jdb_put_message(struct jdb *d, const struct packed *p)
{
	struct jdb_waiting *w = d->waiting;
	struct message_row *m = &w->messages[w->n_messages];
	int err = record_view(p->bytes, &m->r, m->names, &w->mem);

	if (err)
		return err_why(ERR_SYNTAX, d->why, sizeof(d->why), "record %llu: %s",
		    (unsigned long long)p->seq, err_str(err));
	w->n_messages++;
	return w->n_messages == PUT_ROWS || w->mem.used > MEM_MUCH ? jdb_verdict(d, write_messages(d)) : 0;
}

int
jdb_put_waiting(struct jdb *d)
{
	int err = write_messages(d);

	return jdb_verdict(d, err ? err : write_rcpts(d));
}

void
jdb_put_nothing(struct jdb *d)
{
	d->waiting->n_messages = d->waiting->n_rcpts = 0;
	arena_reset(&d->waiting->mem);
}

struct jdb_waiting *
jdb_waiting_new(void)
{
	return xcalloc(1, sizeof(struct jdb_waiting));
}

void
jdb_waiting_free(struct jdb_waiting *w)
{
	if (w)
		arena_fini(&w->mem);
	xfree(w);
}

/* ---- storms ---- */

static int
put_hosts(struct jdb *d, const struct record_storm *s)
{
	struct binder drop = jdb_binder(d, JDB_STORM_HOSTS_DROP);
	int err;

	bind_u64(&drop, s->id);
	err = jdb_run_bound(d, JDB_STORM_HOSTS_DROP, &drop);
	for (uint32_t k = 0; !err && k < s->n_hosts; k++) {
		struct binder b = jdb_binder(d, JDB_STORM_HOST);

		bind_u64(&b, s->id);
		bind_u64(&b, k);
		bind_str(&b, s->hosts[k].name);
		bind_str(&b, str_of(s->hosts[k].how));
		bind_u64(&b, s->hosts[k].copies);
		err = jdb_run_bound(d, JDB_STORM_HOST, &b);
	}
	return err;
}

int
jdb_put_storm(struct jdb *d, const struct record_storm *s)
{
	struct binder b = jdb_binder(d, JDB_STORM);
	int err;

	arena_reset(&d->texts);
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
	err = jdb_run_bound(d, JDB_STORM, &b);
	return jdb_verdict(d, err ? err : put_hosts(d, s));
}
