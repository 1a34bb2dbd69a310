/* SPDX-License-Identifier: ISC */
/* Transactions: what is written and deleted. Every result other than ROW, DONE and OK is a failure, BUSY
 * included. */
#include "store/journal_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/journal_file.h"
#include "store/journal_put.h"
#include "store/migrate.h"

enum {
	SLICE_ROWS = 500,   /* messages a slice of retention */
	SLICE_RCPTS = 5000, /* and recipients, one message at least */
	SETTLED_GAP = 2 * MS_DAY,
	SETTLED_NEAR = 500, /* rows that are looked at one by one */
};

/* ---- failures ---- */

int
jdb_failed(struct jdb *d, const char *what)
{
	int rc = d->db ? sqlite3_errcode(d->db) & 0xff : SQLITE_CANTOPEN;
	char says[JOURNAL_FILE_WHY] = "";
	int err = d->db ? journal_file_failed(d->db, says) : ERR_IO;

	snprintf(d->why, sizeof(d->why), "%s: %s%s", what, d->db ? sqlite3_errmsg(d->db) : "not open", says);
	if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED && rc != SQLITE_FULL && rc != SQLITE_INTERRUPT)
		d->suspect = true;
	return err;
}

int
jdb_exec_as(struct jdb *d, const char *sql, const char *what)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : jdb_failed(d, what);
}

int
jdb_exec(struct jdb *d, const char *sql)
{
	return jdb_exec_as(d, sql, sql);
}

static void
rollback(struct jdb *d)
{
	/* SQLite may have rolled back by itself; a rollback that fails makes the connection suspect. */
	if (!sqlite3_get_autocommit(d->db) && sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		d->suspect = true;
}

/* Ends a transaction: of one that went wrong nothing stays. */
static int
finish(struct jdb *d, int err)
{
	if (!err)
		err = jdb_exec(d, "COMMIT");
	if (err)
		rollback(d);
	return err;
}

/* ---- write ---- */

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
	struct binder b = jdb_binder(d, JDB_SEQ_SET);

	bind_u64(&b, seq);
	return jdb_run_bound(d, JDB_SEQ_SET, &b);
}

/* Written before: a storm's row may be written again with the number it has. */
static bool
is_there(const struct packed *p, uint64_t top)
{
	return p->seq && (p->storm ? p->seq < top : p->seq <= top);
}

static int
put(struct jdb *d, const struct packed *p, bool together, uint64_t *top)
{
	int err;

	if (is_there(p, *top)) {
		d->skipped++;
		return 0;
	}
	if (p->seq > *top)
		*top = p->seq;
	err = p->storm ? jdb_put_storm(d, p->storm) : jdb_put_message(d, p);
	return err || together ? err : jdb_put_waiting(d);
}

static int
begin(struct jdb *d)
{
	int err = jdb_exec(d, "BEGIN IMMEDIATE");

	d->skipped = 0;
	jdb_put_nothing(d);
	return err ? err : jdb_seq(d);
}

static int
put_rest(struct jdb *d, uint64_t top)
{
	int err = jdb_put_waiting(d);

	return err || top <= d->seq ? err : set_seq(d, top);
}

static int
write_some(struct jdb *d, const struct queue *q, size_t bytes, bool together)
{
	const struct packed *p;
	size_t size = 0;
	int n = 0, err = begin(d);
	uint64_t top = d->seq;

	for (p = q->first; !err && p && (n == 0 || size + p->size <= bytes); p = p->next) {
		err = put(d, p, together, &top);
		if (err)
			break;
		size += p->size;
		n++;
	}
	if (err == ERR_SYNTAX && n && !together) {
		/* What was written of the bad one must go too: start over with those before it. */
		rollback(d);
		return write_some(d, q, size, together);
	}
	err = finish(d, err ? err : put_rest(d, top));
	if (err)
		return err;
	d->seq = top;
	return n;
}

/* Somebody deleted the newest messages by hand, all maybe, and left their recipients: the next one gets an id
 * that these have, and so would each after it. */
static bool
drop_orphans(struct jdb *d)
{
	return jdb_run(d, JDB_DROP_ORPHANS) == 0 && sqlite3_changes(d->db) > 0;
}

int
jdb_write(struct jdb *d, const struct queue *q, size_t bytes)
{
	int n = write_some(d, q, bytes, true);

	if (n == ERR_SYNTAX && drop_orphans(d))
		n = write_some(d, q, bytes, true);
	/* Nobody says which of those that went together it was: each by itself, then. */
	return n == ERR_SYNTAX ? write_some(d, q, bytes, false) : n;
}

int
jdb_raise_seq(struct jdb *d, uint64_t seq)
{
	int err = jdb_exec(d, "BEGIN IMMEDIATE");

	if (!err)
		err = jdb_seq(d);
	if (!err && d->seq < seq)
		err = set_seq(d, seq);
	err = finish(d, err);
	if (!err && d->seq < seq)
		d->seq = seq;
	return err;
}

int
jdb_adopt(struct jdb *d, uint64_t from, uint64_t to, uint64_t seed)
{
	char sql[128];
	int err = jdb_exec(d, "BEGIN IMMEDIATE");
	bool other = false;

	snprintf(sql, sizeof(sql),
	    "UPDATE meta SET value = '%016llx' WHERE key = 'hash_seed' AND value <> '%016llx'",
	    (unsigned long long)seed, (unsigned long long)seed);
	if (!err)
		err = jdb_seq(d);
	if (!err)
		err = jdb_exec_as(d, sql, "write");
	if (!err)
		other = d->seq < from || d->seq > to || sqlite3_changes(d->db) > 0;
	if (!err && other)
		err = set_seq(d, from);
	if (!err && other)
		err = jdb_exec(d, "DELETE FROM snapshot");
	err = finish(d, err);
	if (!err && other)
		d->seq = from;
	return err;
}

/* ---- snapshots ---- */

int
jdb_snapshot(struct jdb *d, uint32_t part, uint64_t seq, int64_t wall, struct str data)
{
	struct binder b = jdb_binder(d, JDB_SNAPSHOT);
	int rc, err;

	bind_u64(&b, part);
	bind_u64(&b, seq);
	bind_u64(&b, (uint64_t)wall);
	rc = sqlite3_bind_blob64(b.st, 4, data.n ? data.p : "", data.n, SQLITE_STATIC);
	b.bad |= rc != SQLITE_OK;
	err = jdb_verdict(d, jdb_run_bound(d, JDB_SNAPSHOT, &b));
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

/* Every row is looked at: not again before there is something to find. */
static int
look_behind(struct jdb *d, int64_t before, int64_t now)
{
	sqlite3_stmt *st = d->st[JDB_OLD_BEHIND];
	int rc, err = 0;

	sqlite3_bind_int64(st, 1, before);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		int64_t least = sqlite3_column_int64(st, 1);

		d->old_to = sqlite3_column_int64(st, 0);
		d->old_from = least < now ? least : now;
		d->looked_for = before;
	} else {
		err = jdb_failed(d, "retention");
	}
	sqlite3_reset(st);
	return err;
}

/* The last id that is too old behind rows of a time to come, which begin with `first`; 0 = none. */
static int
old_behind(struct jdb *d, sqlite3_int64 first, int64_t before, int64_t now, sqlite3_int64 *id)
{
	bool known = d->old_to ? d->old_to >= first : before <= d->old_from;
	int err = known && before >= d->looked_for ? 0 : look_behind(d, before, now);

	*id = err ? 0 : d->old_to;
	return err;
}

/* The last id of the slice that goes, 0 = none. Rows stand as they came, so what stands behind the first one
 * whose time has not come goes later, whatever its time: one from a clock that began in 1970 would take all
 * before it along. */
static int
slice_end(struct jdb *d, int64_t before, int64_t now, sqlite3_int64 *end, bool *whole)
{
	sqlite3_stmt *st = d->st[JDB_OLDEST];
	sqlite3_int64 first = 0, last = 0, rcpts = 0, rows = 0, old = 0;
	bool future = false;
	int rc;

	sqlite3_bind_int(st, 1, SLICE_ROWS);
	for (rc = sqlite3_step(st); rc == SQLITE_ROW && rcpts < SLICE_RCPTS; rc = sqlite3_step(st)) {
		int64_t time = sqlite3_column_int64(st, 1);

		if (time >= before && time <= now + MS_DAY)
			break;
		last = sqlite3_column_int64(st, 0);
		first = first ? first : last;
		if (time < before)
			*end = last;
		else
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
	rc = old_behind(d, first, before, now, &old);
	if (old)
		*end = last < old ? last : old;
	return rc;
}

static int
drop(struct jdb *d, enum jdb_stmt which, sqlite3_int64 bound)
{
	sqlite3_bind_int64(d->st[which], 1, bound);
	return jdb_run(d, which);
}

static int
drop_messages(struct jdb *d, sqlite3_int64 end)
{
	int err = drop(d, JDB_DROP_RECIPIENTS, end);

	if (d->old_to <= end)
		d->old_to = 0; /* an empty table gives the same ids again */
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
	err = finish(d, err);
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
	err = finish(d, err);
	return err ? err : 1;
}

/* The last message up to *id; *found is false: there is none. */
static int
last_up_to(struct jdb *d, int64_t *id, int64_t *time, bool *found)
{
	sqlite3_stmt *st = d->st[JDB_UP_TO];
	int rc, err = 0;

	sqlite3_bind_int64(st, 1, *id);
	rc = sqlite3_step(st);
	*found = rc == SQLITE_ROW;
	if (*found) {
		*id = sqlite3_column_int64(st, 0);
		*time = sqlite3_column_int64(st, 1);
	} else if (rc != SQLITE_DONE) {
		err = jdb_failed(d, "retention");
	}
	sqlite3_reset(st);
	return err;
}

/* A few may stand between two days of the same wrong time. What comes before those is looked for in steps
 * that grow, then by bisection, for a day may bring millions. *time stays where there is none. */
static int
last_before(struct jdb *d, int64_t before, int64_t *time)
{
	int64_t high = INT64_MAX, low = high, at = before, step = 1;
	bool found = true;
	int err = last_up_to(d, &low, &at, &found);

	for (int n = 0; !err && found && at >= before && low > 0; n++) {
		step = n < SETTLED_NEAR ? 1 : step * 2;
		high = low;
		low = high > step ? high - step : 0;
		err = last_up_to(d, &low, &at, &found);
	}
	if (found && at < before)
		*time = at;
	while (!err && high - low > 1) {
		int64_t middle = low + (high - low) / 2, id = middle;

		err = last_up_to(d, &id, &at, &found);
		if (found && at >= before) {
			high = id;
			continue;
		}
		low = middle;
		if (found)
			*time = at;
	}
	return err;
}

int
jdb_settled(struct jdb *d, int64_t *time)
{
	int64_t last = 0, before, id = INT64_MAX;
	bool found;
	int err = last_up_to(d, &id, &last, &found);

	before = last;
	if (!err && found)
		err = last_before(d, last - MS_DAY + 1, &before);
	if (!err)
		*time = last - before > SETTLED_GAP ? before : last;
	return err;
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
