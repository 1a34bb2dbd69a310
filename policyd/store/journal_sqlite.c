/* SPDX-License-Identifier: ISC */
/*
 * WAL and synchronous=NORMAL: a commit is one append without a sync; a power cut may lose the last
 * commits, never the file. Every result other than ROW, DONE and OK is a failure, BUSY included.
 */
#include "store/journal_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "store/migrate.h"

enum {
	CHECK_MAX = 64 << 20, /* files up to this size are checked as a whole at open */
	SLICE_ROWS = 500,     /* messages a slice of retention */
	SLICE_RCPTS = 5000,   /* and recipients, one message at least */
};

static const char *const statements[JDB_STMTS] = {
	[JDB_MESSAGE] =
	    "INSERT INTO message (time, door, stage, queue_id, instance, client_address, client_name, helo, "
	    "sasl_username, sender, message_id, thread, header_from, subject, size, rcpt_count, to_count, "
	    "cc_count, hops, trace, kind, verdict, rule, storm, would, degraded, outcome) VALUES "
	    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[JDB_RECIPIENT] =
	    "INSERT INTO recipient (message, n, address, action, outcome) VALUES (?, ?, ?, ?, ?)",
	[JDB_STORM] =
	    "INSERT INTO storm (id, rule, key_lo, key_hi, state, message_id, subject, sender, first, last, "
	    "offered, passed, stopped, messages, recipients) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
	    "rule = excluded.rule, key_lo = excluded.key_lo, key_hi = excluded.key_hi, "
	    "state = excluded.state, message_id = excluded.message_id, subject = excluded.subject, "
	    "sender = excluded.sender, first = excluded.first, last = excluded.last, "
	    "offered = excluded.offered, passed = excluded.passed, stopped = excluded.stopped, "
	    "messages = excluded.messages, recipients = excluded.recipients",
	[JDB_STORM_HOSTS_DROP] = "DELETE FROM storm_host WHERE storm = ?",
	[JDB_STORM_HOST] = "INSERT INTO storm_host (storm, n, name, how, copies) VALUES (?, ?, ?, ?, ?)",
	[JDB_OLDEST] = "SELECT id, time, (SELECT count(*) FROM recipient WHERE message = m.id) "
		       "FROM message m ORDER BY id LIMIT ?",
	[JDB_OLD_BEHIND] = "SELECT max(id) FROM message WHERE time < ?",
	[JDB_DROP_RECIPIENTS] = "DELETE FROM recipient WHERE message <= ?",
	[JDB_DROP_MESSAGES] = "DELETE FROM message WHERE id <= ?",
	[JDB_DROP_STORM_HOSTS] = "DELETE FROM storm_host WHERE storm IN "
				 "(SELECT id FROM storm WHERE last < ? AND state <> 'open')",
	[JDB_DROP_STORMS] = "DELETE FROM storm WHERE last < ? AND state <> 'open'",
};

/* ---- failures ---- */

static int
failed(struct jdb *d, const char *what)
{
	int rc = d->db ? sqlite3_errcode(d->db) & 0xff : SQLITE_CANTOPEN;
	int err = migrate_err(rc);

	snprintf(d->why, sizeof(d->why), "%s: %s", what, d->db ? sqlite3_errmsg(d->db) : "not open");
	if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED && rc != SQLITE_FULL && rc != SQLITE_INTERRUPT)
		d->suspect = true;
	return err ? err : ERR_IO;
}

static int
exec(struct jdb *d, const char *sql)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(d, sql);
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
	int err = rc == SQLITE_DONE ? 0 : failed(d, "write");

	sqlite3_reset(st); /* repeats the error of step, which is known */
	return err;
}

/* ---- open ---- */

/* Text of one column, "" when there is no row. */
static int
query_text(struct jdb *d, const char *sql, char *out, size_t out_len)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(d->db, sql, -1, &st, NULL), err = 0;

	out[0] = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(st, 0);

		snprintf(out, out_len, "%s", text ? (const char *)text : "");
	} else if (rc != SQLITE_DONE) {
		err = failed(d, sql);
	}
	sqlite3_finalize(st);
	return err;
}

/* SQLite would create the file 0644; its -wal and -shm take the mode of the file. */
static int
create_file(struct jdb *d)
{
	int fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	snprintf(d->why, sizeof(d->why), "%s: %s", d->path, strerror(errno));
	return ERR_IO;
}

static int
remember_file(struct jdb *d)
{
	struct stat sb;

	if (d->memory)
		return 0;
	if (stat(d->path, &sb) != 0) {
		snprintf(d->why, sizeof(d->why), "%s: %s", d->path, strerror(errno));
		return ERR_IO;
	}
	d->dev = sb.st_dev;
	d->ino = sb.st_ino;
	return 0;
}

static int
check_pages(struct jdb *d)
{
	struct stat sb;
	char text[200];
	int err;

	if (d->memory || stat(d->path, &sb) != 0 || sb.st_size > CHECK_MAX)
		return 0;
	err = query_text(d, "PRAGMA quick_check(1)", text, sizeof(text));
	if (err || strcmp(text, "ok") == 0)
		return err;
	snprintf(d->why, sizeof(d->why), "the database is damaged: %s", text);
	return ERR_CORRUPT;
}

static int
set_wal(struct jdb *d)
{
	char mode[32];
	int err;

	if (d->memory)
		return 0;
	err = query_text(d, "PRAGMA journal_mode = WAL", mode, sizeof(mode));
	if (err || strcmp(mode, "wal") == 0)
		return err;
	snprintf(
	    d->why, sizeof(d->why), "%s: cannot use a write-ahead log here (journal mode %s)", d->path, mode);
	return ERR_IO;
}

static int
draw_seed(struct jdb *d, uint64_t *seed)
{
	while (*seed == 0) {
		if (getrandom(seed, sizeof(*seed), 0) == (ssize_t)sizeof(*seed) || errno == EINTR)
			continue;
		snprintf(d->why, sizeof(d->why), "getrandom: %s", strerror(errno));
		return ERR_IO;
	}
	return 0;
}

static int
store_meta(struct jdb *d, uint64_t seed)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
	    "INSERT OR IGNORE INTO meta VALUES ('hash_seed', '%016llx'), ('created', strftime('%%Y-%%m-%%d "
	    "%%H:%%M:%%S'))",
	    (unsigned long long)seed);
	return exec(d, sql);
}

/* The seed that the database has; a new database gets ours, or a fresh one. */
static int
load_seed(struct jdb *d, uint64_t *seed)
{
	static const char sql[] = "SELECT value FROM meta WHERE key = 'hash_seed'";
	uint64_t ours = *seed;
	char text[32], *end;
	int err = query_text(d, sql, text, sizeof(text));

	if (!err && text[0] == '\0') {
		err = draw_seed(d, &ours);
		if (!err)
			err = store_meta(d, ours);
		if (!err)
			err = query_text(d, sql, text, sizeof(text));
	}
	if (err)
		return err;
	errno = 0;
	ours = strtoull(text, &end, 16);
	if (errno || *end || ours == 0) {
		snprintf(d->why, sizeof(d->why), "the database's hash seed is damaged");
		return ERR_CORRUPT;
	}
	if (*seed == 0)
		*seed = ours;
	return 0;
}

static int
prepare_all(struct jdb *d)
{
	for (unsigned k = 0; k < JDB_STMTS; k++) {
		sqlite3_finalize(d->st[k]); /* of a try before this one */
		d->st[k] = NULL;
		if (sqlite3_prepare_v3(
			d->db, statements[k], -1, SQLITE_PREPARE_PERSISTENT, &d->st[k], NULL) != SQLITE_OK)
			return failed(d, "prepare");
	}
	return 0;
}

static int
set_up(struct jdb *d, uint64_t *seed)
{
	int err;

	/* A newer version's database must stay as it is: no checkpoint by us before we know. */
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	err = migrate(d->db, d->why, sizeof(d->why));
	if (err)
		return err;
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	err = check_pages(d);
	if (!err)
		err = set_wal(d);
	if (!err)
		err = exec(d, "PRAGMA synchronous = NORMAL");
	if (!err)
		err = exec(d, "PRAGMA journal_size_limit = 16777216");
	if (!err)
		err = load_seed(d, seed);
	if (!err)
		err = prepare_all(d);
	return err;
}

int
jdb_open(struct jdb *d, const char *path, uint64_t *seed, int wait_ms)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int64_t deadline = clock_now().mono + wait_ms;
	int err;

	*d = (struct jdb){ .path = xstrdup(path), .memory = strcmp(path, ":memory:") == 0 };
	err = d->memory ? 0 : create_file(d);
	if (err)
		return err;
	if (sqlite3_open_v2(path, &d->db, flags, NULL) != SQLITE_OK)
		return failed(d, path);
	sqlite3_extended_result_codes(d->db, 1);
	sqlite3_busy_timeout(d->db, wait_ms);
	err = remember_file(d);
	if (err)
		return err;
	/* Switching to WAL, and some other meetings of two that open, answer BUSY without waiting. */
	err = set_up(d, seed);
	while (err == ERR_BUSY && clock_now().mono < deadline) {
		sqlite3_sleep(20);
		err = set_up(d, seed);
	}
	sqlite3_busy_timeout(d->db, JDB_WAIT_RUN);
	d->suspect = false;
	return err;
}

void
jdb_close(struct jdb *d)
{
	for (unsigned k = 0; k < JDB_STMTS; k++)
		sqlite3_finalize(d->st[k]);
	if (d->db)
		sqlite3_close(d->db);
	xfree(d->path);
	memset(d->st, 0, sizeof(d->st));
	d->db = NULL;
	d->path = NULL;
}

bool
jdb_moved(const struct jdb *d)
{
	struct stat sb;

	if (d->memory)
		return false;
	return stat(d->path, &sb) != 0 || sb.st_dev != d->dev || sb.st_ino != d->ino;
}

/* ---- write ---- */

struct binder {
	sqlite3_stmt *st;
	int n;
	bool bad;
};

static void
bind_str(struct binder *b, struct str s)
{
	b->n++;
	b->bad |= sqlite3_bind_text(b->st, b->n, s.p ? s.p : "", (int)s.n, SQLITE_STATIC) != SQLITE_OK;
}

static void
bind_u64(struct binder *b, uint64_t v)
{
	b->n++;
	b->bad |= sqlite3_bind_int64(b->st, b->n, (sqlite3_int64)v) != SQLITE_OK;
}

static int
put_rcpts(struct jdb *d, sqlite3_int64 message, const struct record *r)
{
	for (uint32_t k = 0; k < r->n_rcpts; k++) {
		struct binder b = { .st = d->st[JDB_RECIPIENT] };
		int err;

		bind_u64(&b, (uint64_t)message);
		bind_u64(&b, k);
		bind_str(&b, r->rcpts[k].addr);
		bind_str(&b, r->rcpts[k].action);
		bind_u64(&b, r->rcpts[k].outcome);
		err = b.bad ? failed(d, "bind") : run(d, JDB_RECIPIENT);
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
	const uint64_t numbers[] = { r->size, r->rcpt_count, r->to_count, r->cc_count, r->hops, r->trace };
	struct binder b = { .st = d->st[JDB_MESSAGE] };
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
	err = b.bad ? failed(d, "bind") : run(d, JDB_MESSAGE);
	return err ? err : put_rcpts(d, sqlite3_last_insert_rowid(d->db), r);
}

static int
put_hosts(struct jdb *d, const struct record_storm *s)
{
	struct binder drop = { .st = d->st[JDB_STORM_HOSTS_DROP] };
	int err;

	bind_u64(&drop, s->id);
	err = drop.bad ? failed(d, "bind") : run(d, JDB_STORM_HOSTS_DROP);
	for (uint32_t k = 0; !err && k < s->n_hosts; k++) {
		struct binder b = { .st = d->st[JDB_STORM_HOST] };

		bind_u64(&b, s->id);
		bind_u64(&b, k);
		bind_str(&b, s->hosts[k].name);
		bind_str(&b, str_of(s->hosts[k].how));
		bind_u64(&b, s->hosts[k].copies);
		err = b.bad ? failed(d, "bind") : run(d, JDB_STORM_HOST);
	}
	return err;
}

static int
put_storm(struct jdb *d, const struct record_storm *s)
{
	struct binder b = { .st = d->st[JDB_STORM] };
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
	err = b.bad ? failed(d, "bind") : run(d, JDB_STORM);
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
jdb_write(struct jdb *d, const struct queue *q, size_t bytes)
{
	const struct packed *p;
	size_t size = 0;
	int n = 0, err = exec(d, "BEGIN IMMEDIATE");

	for (p = q->first; !err && p && (n == 0 || size + p->size <= bytes); p = p->next) {
		err = p->is_storm ? put_storm(d, &p->u.storm) : put_message(d, &p->u.message);
		if (err && is_poison(d)) {
			d->suspect = false;
			err = n == 0 ? ERR_SYNTAX : err;
			break;
		}
		size += p->size;
		n++;
	}
	if (err && err != ERR_SYNTAX && n && is_poison(d)) {
		/* What was written of the bad one must go too: start over with those before it. */
		rollback(d);
		return jdb_write(d, q, size);
	}
	if (!err)
		err = exec(d, "COMMIT");
	if (err)
		rollback(d);
	return err ? err : n;
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
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : failed(d, "retention");
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
	rc = rc == SQLITE_ROW ? 0 : failed(d, "retention");
	sqlite3_reset(st);
	return rc;
}

static int
drop(struct jdb *d, enum jdb_stmt which, sqlite3_int64 bound)
{
	sqlite3_bind_int64(d->st[which], 1, bound);
	return run(d, which);
}

int
jdb_retain(struct jdb *d, int64_t before, int64_t now)
{
	sqlite3_int64 end = 0;
	bool whole = false;
	int err = slice_end(d, before, now, &end, &whole);

	if (!err)
		err = exec(d, "BEGIN IMMEDIATE");
	if (!err && end) {
		err = drop(d, JDB_DROP_RECIPIENTS, end);
		if (!err)
			err = drop(d, JDB_DROP_MESSAGES, end);
	}
	/* Storms are few: they go in the last slice of a round. */
	if (!err && !(end && whole)) {
		err = drop(d, JDB_DROP_STORM_HOSTS, before);
		if (!err)
			err = drop(d, JDB_DROP_STORMS, before);
	}
	if (!err)
		err = exec(d, "COMMIT");
	if (err)
		rollback(d);
	return err ? err : (end && whole);
}
