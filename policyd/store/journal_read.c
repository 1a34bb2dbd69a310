/* SPDX-License-Identifier: ISC */
#include "store/journal_read.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "store/journal.h"
#include "store/journal_file.h"
#include "store/journal_reading.h"
#include "store/migrate.h"

enum {
	FAULTS_MAX = 100,          /* lines that integrity_check may print */
	GULP_ROWS = 500,           /* messages a read transaction */
	DISORDER = 60 * 60 * 1000, /* ms by which times may be out of order */
};

int
reading_fail(struct reading *r)
{
	int err = journal_file_err(sqlite3_errcode(r->db)), no = sqlite3_system_errno(r->db);
	const char *what = sqlite3_errmsg(r->db);

	if (err != ERR_IO || no == 0)
		snprintf(r->why, r->why_len, "%s", what);
	else
		snprintf(r->why, r->why_len, "%s: %s", what, strerror(no));
	return err ? err : ERR_IO;
}

int
reading_prepare(struct reading *r, const char *sql, sqlite3_stmt **st)
{
	return sqlite3_prepare_v2(r->db, sql, -1, st, NULL) == SQLITE_OK ? 0 : reading_fail(r);
}

struct str
reading_text(struct arena *a, sqlite3_stmt *st, int col)
{
	const char *p = (const char *)sqlite3_column_text(st, col);
	size_t n = p ? (size_t)sqlite3_column_bytes(st, col) : 0;
	struct str s = arena_str(a, (struct str){ p, n });

	return s.p ? s : STR("");
}

int
reading_number(struct reading *r, const char *sql, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	int err = reading_prepare(r, sql, &st), rc = err ? SQLITE_ERROR : sqlite3_step(st);

	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	else if (rc == SQLITE_DONE)
		*out = 0;
	else if (!err)
		err = reading_fail(r);
	sqlite3_finalize(st);
	return err;
}

/* ---- check ---- */

struct checking {
	struct reading r;
	journal_fault_fn *fn;
	void *arg;
	uint64_t faults;
};

static void
fault(struct checking *c, const char *what)
{
	c->faults++;
	c->fn(c->arg, what);
}

/* SQLite may tell all that it found in one row, a line each, below a heading. */
static void
page_faults(struct checking *c, struct str text)
{
	struct str line;

	while (str_split(&text, '\n', &line)) {
		char what[256];

		if (!line.n || str_starts(line, STR("***")))
			continue;
		snprintf(what, sizeof(what), "%.*s", STR_FMT(line));
		fault(c, what);
	}
}

static int
check_pages(struct checking *c)
{
	char sql[64];
	sqlite3_stmt *st = NULL;
	int err, rc;

	snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%d)", FAULTS_MAX);
	err = reading_prepare(&c->r, sql, &st);
	if (err)
		return err;
	for (rc = sqlite3_step(st); rc == SQLITE_ROW; rc = sqlite3_step(st)) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		if (text && strcmp(text, "ok") != 0)
			page_faults(c, str_of(text));
	}
	err = rc == SQLITE_DONE ? 0 : reading_fail(&c->r);
	sqlite3_finalize(st);
	return err;
}

/* What a sound file may still get wrong: how many rows do so. */
static const struct {
	const char *what, *sql;
} rules[] = {
	{ "recipients without their message",
	    "SELECT count(*) FROM recipient r WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = "
	    "r.message)" },
	{ "hosts without their storm",
	    "SELECT count(*) FROM storm_host h WHERE NOT EXISTS (SELECT 1 FROM storm WHERE id = h.storm)" },
	{ "messages with an unknown outcome", "SELECT count(*) FROM message WHERE outcome NOT IN (0, 1, 2)" },
	{ "recipients with an unknown outcome",
	    "SELECT count(*) FROM recipient WHERE outcome NOT IN (0, 1, 2)" },
	{ "storms in an unknown state",
	    "SELECT count(*) FROM storm WHERE state NOT IN ('open', 'cooling', 'closed', 'remembered')" },
	{ "hash seed: missing or damaged",
	    "SELECT NOT EXISTS (SELECT 1 FROM meta WHERE key = 'hash_seed' AND length(value) = 16 "
	    "AND value NOT GLOB '*[^0-9a-f]*' AND value <> '0000000000000000')" },
	{ "journal_seq: not a number",
	    "SELECT count(*) FROM meta WHERE key = 'journal_seq' AND value <> CAST(CAST(value AS INTEGER) AS "
	    "TEXT)" },
};

static int
check_rules(struct checking *c)
{
	int err = 0;

	for (unsigned k = 0; !err && k < ARRAY_LEN(rules); k++) {
		int64_t n = 0;
		char text[128];

		err = reading_number(&c->r, rules[k].sql, &n);
		if (err || n == 0)
			continue;
		if (strchr(rules[k].what, ':'))
			snprintf(text, sizeof(text), "%s", rules[k].what);
		else
			snprintf(text, sizeof(text), "%lld %s", (long long)n, rules[k].what);
		fault(c, text);
	}
	return err;
}

/* What a damaged page keeps from being counted says nothing of the rest. ours: it is the journal's file. */
static int
count_all(struct reading *r, bool ours, struct journal_report *out)
{
	const struct {
		const char *sql;
		uint64_t *to;
	} counts[] = {
		{ "SELECT count(*) FROM message", &out->messages },
		{ "SELECT count(*) FROM recipient", &out->recipients },
		{ "SELECT count(*) FROM storm", &out->storms },
		{ "SELECT count(*) FROM storm_host", &out->storm_hosts },
		{ "SELECT count(*) FROM snapshot", &out->parts },
		{ "SELECT min(time) FROM message", &out->oldest },
		{ "SELECT max(time) FROM message", &out->newest },
		{ "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'journal_seq'", &out->seq },
		{ "SELECT min(seq) FROM snapshot", &out->snapshot_seq },
	};
	int err = 0;

	for (unsigned k = 0; !err && k < ARRAY_LEN(counts); k++) {
		int64_t n = 0;

		err = ours ? reading_number(r, counts[k].sql, &n) : ERR_CORRUPT;
		*counts[k].to = err == ERR_CORRUPT ? JOURNAL_UNREADABLE : (uint64_t)n;
		err = err == ERR_CORRUPT ? 0 : err;
	}
	return err;
}

int
journal_check(
    const char *path, journal_fault_fn *fn, void *arg, struct journal_report *out, char *why, size_t why_len)
{
	struct checking c = { .r = { NULL, why, why_len }, .fn = fn, .arg = arg };
	struct journal_report report = { .known = journal_schema() };
	int err = reading_open(&c.r, path, &report.version);
	bool ours = !err;

	if (!err)
		err = check_pages(&c);
	if (!err)
		err = check_rules(&c);
	if (err == ERR_CORRUPT) { /* damage that stops the reading is a fault like others */
		fault(&c, why);
		err = 0;
	}
	if (!err)
		err = count_all(&c.r, ours, &report);
	sqlite3_close(c.r.db);
	report.faults = c.faults;
	if (!err || err == ERR_VERSION)
		*out = report;
	return err;
}

/* ---- messages ---- */

#define MESSAGE_SQL                                                                                     \
	"SELECT id, time, door, stage, queue_id, instance, client_address, client_name, helo, "         \
	"sasl_username, sender, message_id, thread, header_from, subject, size, rcpt_count, to_count, " \
	"cc_count, hops, trace, identity, kind, verdict, rule, storm, would, degraded, outcome FROM "   \
	"message "

static const char message_sql[] = MESSAGE_SQL "WHERE id > ? AND time >= ? AND time < ? ORDER BY id LIMIT 1";
static const char gulp_sql[] = MESSAGE_SQL "WHERE id > ? ORDER BY id LIMIT ?";
static const char rcpts_sql[] = "SELECT address, action, outcome FROM recipient WHERE message = ? ORDER BY n";

struct walk {
	struct reading r;
	sqlite3_stmt *message, *rcpts;
	struct arena arena;
	struct record_rcpt *v; /* of the message read last */
	int64_t id;
};

static void
read_message(struct walk *w, struct record *r)
{
	sqlite3_stmt *st = w->message;
	struct str *const texts[] = { &r->queue_id, &r->instance, &r->client_address, &r->client_name,
		&r->helo, &r->sasl_username, &r->sender, &r->message_id, &r->thread, &r->header_from,
		&r->subject };
	const char **const names[] = { &r->door, &r->stage };
	int col = 2;

	w->id = sqlite3_column_int64(st, 0);
	r->time = sqlite3_column_int64(st, 1);
	for (unsigned k = 0; k < ARRAY_LEN(names); k++)
		*names[k] = reading_text(&w->arena, st, col++).p;
	for (unsigned k = 0; k < ARRAY_LEN(texts); k++)
		*texts[k] = reading_text(&w->arena, st, col++);
	r->size = (uint64_t)sqlite3_column_int64(st, col++);
	r->rcpt_count = (uint32_t)sqlite3_column_int64(st, col++);
	r->to_count = (uint32_t)sqlite3_column_int64(st, col++);
	r->cc_count = (uint32_t)sqlite3_column_int64(st, col++);
	r->hops = (uint32_t)sqlite3_column_int64(st, col++);
	r->trace = (uint64_t)sqlite3_column_int64(st, col++);
	r->identity = (uint64_t)sqlite3_column_int64(st, col++);
	r->kind = reading_text(&w->arena, st, col++).p;
	r->verdict = reading_text(&w->arena, st, col++).p;
	r->rule = reading_text(&w->arena, st, col++);
	r->storm = (uint64_t)sqlite3_column_int64(st, col++);
	r->would = sqlite3_column_int(st, col++);
	r->degraded = sqlite3_column_int(st, col++);
	r->outcome = (enum outcome)sqlite3_column_int(st, col++);
}

static int
read_rcpts(struct walk *w, struct record *r)
{
	uint32_t n = 0;
	int rc;

	sqlite3_bind_int64(w->rcpts, 1, w->id);
	for (rc = sqlite3_step(w->rcpts); rc == SQLITE_ROW; rc = sqlite3_step(w->rcpts)) {
		w->v = xgrow(w->v, n, sizeof(*w->v));
		w->v[n].addr = reading_text(&w->arena, w->rcpts, 0);
		w->v[n].action = reading_text(&w->arena, w->rcpts, 1);
		w->v[n++].outcome = (enum outcome)sqlite3_column_int(w->rcpts, 2);
	}
	sqlite3_reset(w->rcpts);
	r->rcpts = w->v;
	r->n_rcpts = n;
	return rc == SQLITE_DONE ? 0 : reading_fail(&w->r);
}

int
reading_exec(struct reading *r, const char *sql)
{
	return sqlite3_exec(r->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : reading_fail(r);
}

/* The next message with its recipients, as of one moment. ERR_NOENT: there is none. */
static int
next_message(struct walk *w, int64_t since, int64_t until, struct record *r)
{
	int err = reading_exec(&w->r, "BEGIN"), rc, end;

	if (err)
		return err;
	arena_reset(&w->arena);
	sqlite3_bind_int64(w->message, 1, w->id);
	sqlite3_bind_int64(w->message, 2, since);
	sqlite3_bind_int64(w->message, 3, until);
	rc = sqlite3_step(w->message);
	if (rc == SQLITE_ROW) {
		read_message(w, r);
		err = read_rcpts(w, r);
	} else {
		err = rc == SQLITE_DONE ? ERR_NOENT : reading_fail(&w->r);
	}
	sqlite3_reset(w->message);
	end = reading_exec(&w->r, "COMMIT");
	return err ? err : end;
}

static int
walk_open(struct walk *w, const char *path, const char *sql)
{
	int version, err = reading_open(&w->r, path, &version);

	arena_init(&w->arena, 0);
	if (!err)
		err = reading_prepare(&w->r, sql, &w->message);
	return err ? err : reading_prepare(&w->r, rcpts_sql, &w->rcpts);
}

static void
walk_close(struct walk *w)
{
	sqlite3_finalize(w->message);
	sqlite3_finalize(w->rcpts);
	sqlite3_close(w->r.db);
	xfree(w->v);
	arena_fini(&w->arena);
}

int
journal_each_message(const char *path, int64_t since, int64_t until, journal_message_fn *fn, void *arg,
    char *why, size_t why_len)
{
	struct walk w = { .r = { NULL, why, why_len } };
	int err = walk_open(&w, path, message_sql);
	bool more = !err, opened = !err;

	while (!err && more) {
		struct record r = { 0 };

		err = next_message(&w, since, until, &r);
		if (!err)
			more = fn(arg, &r);
	}
	walk_close(&w);
	return opened && err == ERR_NOENT ? 0 : err;
}

/* ---- few of many ---- */

/* The last id and the highest time of some messages behind `id`: a few may be of a clock that had not been
 * told the time yet. false in *found: there are none. */
static int
time_behind(struct walk *w, sqlite3_stmt *st, int64_t *id, int64_t *time, bool *found)
{
	int rc;

	sqlite3_bind_int64(st, 1, *id);
	rc = sqlite3_step(st);
	*found = rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL;
	if (*found) {
		*id = sqlite3_column_int64(st, 0);
		*time = sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? 0 : reading_fail(&w->r);
}

/* By bisection: time grows with the id. All that came at `since` or later has an id above w->id then. */
static int
skip_before(struct walk *w, int64_t since)
{
	static const char behind_sql[] =
	    "SELECT max(id), max(time) FROM (SELECT id, time FROM message WHERE id > ? "
	    "ORDER BY id LIMIT 100)";
	sqlite3_stmt *st = NULL;
	int64_t high = 0, at, time = 0;
	bool found = true;
	int err = reading_number(&w->r, "SELECT max(id) FROM message", &high);

	since = since < INT64_MIN + DISORDER ? INT64_MIN : since - DISORDER;
	if (!err)
		err = reading_number(&w->r, "SELECT min(id) - 1 FROM message", &w->id);
	if (!err)
		err = reading_prepare(&w->r, behind_sql, &st);
	while (!err && w->id < high) {
		int64_t middle = w->id + (high - w->id) / 2;

		at = middle;
		err = time_behind(w, st, &at, &time, &found);
		if (!err && found && time < since)
			w->id = at;
		else
			high = middle;
	}
	sqlite3_finalize(st);
	return err;
}

struct wanting {
	int64_t since;
	journal_message_fn *wanted, *fn;
	void *arg;
};

/* Some hundred messages as of one moment. *more is false behind the last one, and when there is enough. */
static int
gulp(struct walk *w, const struct wanting *want, bool *more)
{
	int err = reading_exec(&w->r, "BEGIN"), rc = SQLITE_ROW, n = 0, end;

	if (err)
		return err;
	sqlite3_bind_int64(w->message, 1, w->id);
	sqlite3_bind_int(w->message, 2, GULP_ROWS);
	for (rc = sqlite3_step(w->message); rc == SQLITE_ROW && !err && *more; n++) {
		struct record r = { 0 };

		arena_reset(&w->arena);
		read_message(w, &r);
		if (r.time >= want->since && want->wanted(want->arg, &r)) {
			err = read_rcpts(w, &r);
			*more = !err && want->fn(want->arg, &r);
		}
		rc = sqlite3_step(w->message);
	}
	if (!err && rc != SQLITE_ROW && rc != SQLITE_DONE)
		err = reading_fail(&w->r);
	*more = *more && n == GULP_ROWS;
	sqlite3_reset(w->message);
	end = reading_exec(&w->r, "COMMIT");
	return err ? err : end;
}

int
journal_each_wanted(const char *path, int64_t since, journal_message_fn *wanted, journal_message_fn *fn,
    void *arg, char *why, size_t why_len)
{
	const struct wanting want = { since, wanted, fn, arg };
	struct walk w = { .r = { NULL, why, why_len } };
	int err = walk_open(&w, path, gulp_sql);
	bool more = true;

	if (!err)
		err = skip_before(&w, since);
	while (!err && more)
		err = gulp(&w, &want, &more);
	walk_close(&w);
	return err;
}

/* ---- snapshots ---- */

int
journal_load_snapshots(const char *path, journal_part_fn *fn, void *arg, char *why, size_t why_len)
{
	struct reading r = { NULL, why, why_len };
	sqlite3_stmt *st = NULL;
	int version, rc, err;

	if (strcmp(path, ":memory:") == 0)
		return 0;
	err = reading_open(&r, path, &version);
	if (!err)
		err = reading_prepare(&r,
		    "SELECT part, seq, data FROM snapshot WHERE part BETWEEN 0 AND 4294967295 "
		    "ORDER BY part",
		    &st);
	if (!err) {
		for (rc = sqlite3_step(st); rc == SQLITE_ROW; rc = sqlite3_step(st)) {
			const char *p = sqlite3_column_blob(st, 2);
			struct str data = { p ? p : "", (size_t)sqlite3_column_bytes(st, 2) };

			fn(arg, (uint32_t)sqlite3_column_int64(st, 0), (uint64_t)sqlite3_column_int64(st, 1),
			    data);
		}
		err = rc == SQLITE_DONE ? 0 : reading_fail(&r);
	}
	sqlite3_finalize(st);
	sqlite3_close(r.db);
	return err == ERR_NOENT ? 0 : err;
}
