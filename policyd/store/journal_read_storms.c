/* SPDX-License-Identifier: ISC */
/* Storms out of the record, for those who only look. */
#include "store/journal_read.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "store/journal_reading.h"

static const char storm_ids_sql[] =
    "SELECT id FROM storm WHERE (?1 OR state IN ('open', 'cooling')) AND id BETWEEN ?2 AND ?3 "
    "ORDER BY last DESC, id DESC";
static const char storm_sql[] =
    "SELECT rule, state, message_id, subject, sender, key_lo, key_hi, first, last, offered, passed, stopped, "
    "messages, recipients FROM storm WHERE id = ?";
static const char storm_hosts_sql[] =
    "SELECT name, how, copies FROM storm_host WHERE storm = ? ORDER BY n LIMIT ?";

struct walk {
	struct reading r;
	sqlite3_stmt *storm, *hosts;
	struct arena arena;
	int64_t id;
};

static int64_t
id_bound(uint64_t id)
{
	return id > INT64_MAX ? INT64_MAX : (int64_t)id;
}

/* Few numbers, taken down first: no transaction is open while the caller works. *ids for xfree(). */
static int
storm_ids(struct reading *r, const struct journal_storms *which, int64_t **ids, size_t *n)
{
	sqlite3_stmt *st = NULL;
	int err = reading_prepare(r, storm_ids_sql, &st), rc = SQLITE_DONE;

	if (err)
		return err;
	sqlite3_bind_int(st, 1, which->all);
	sqlite3_bind_int64(st, 2, id_bound(which->from));
	sqlite3_bind_int64(st, 3, id_bound(which->to));
	if (which->from <= INT64_MAX) /* ids are below 2^63 */
		rc = sqlite3_step(st);
	for (; rc == SQLITE_ROW; rc = sqlite3_step(st)) {
		*ids = xgrow(*ids, *n, sizeof(**ids));
		(*ids)[(*n)++] = sqlite3_column_int64(st, 0);
	}
	err = rc == SQLITE_DONE ? 0 : reading_fail(r);
	sqlite3_finalize(st);
	return err;
}

static void
read_storm(struct walk *w, struct record_storm *s)
{
	sqlite3_stmt *st = w->storm;
	uint64_t *const numbers[] = { &s->key_lo, &s->key_hi, (uint64_t *)&s->first, (uint64_t *)&s->last,
		&s->offered, &s->passed, &s->stopped, &s->messages };
	int col = 0;

	s->id = (uint64_t)w->id;
	s->rule = reading_text(&w->arena, st, col++);
	s->state = reading_text(&w->arena, st, col++).p;
	s->message_id = reading_text(&w->arena, st, col++);
	s->subject = reading_text(&w->arena, st, col++);
	s->sender = reading_text(&w->arena, st, col++);
	for (unsigned k = 0; k < ARRAY_LEN(numbers); k++)
		*numbers[k] = (uint64_t)sqlite3_column_int64(st, col++);
	s->recipients = (uint32_t)sqlite3_column_int64(st, col++);
}

static int
read_hosts(struct walk *w, struct record_storm *s)
{
	struct record_host *hosts = arena_alloc(&w->arena, STORM_HOSTS_MAX * sizeof(*hosts));
	sqlite3_stmt *st = w->hosts;
	uint32_t n = 0;
	int rc;

	sqlite3_bind_int64(st, 1, w->id);
	sqlite3_bind_int(st, 2, STORM_HOSTS_MAX);
	for (rc = sqlite3_step(st); rc == SQLITE_ROW && hosts; rc = sqlite3_step(st)) {
		hosts[n].name = reading_text(&w->arena, st, 0);
		hosts[n].how = reading_text(&w->arena, st, 1).p;
		hosts[n++].copies = (uint64_t)sqlite3_column_int64(st, 2);
	}
	sqlite3_reset(st);
	s->hosts = hosts;
	s->n_hosts = n;
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : reading_fail(&w->r);
}

/* ERR_NOENT: it is gone. */
static int
one_storm(struct walk *w, struct record_storm *s)
{
	int err = reading_exec(&w->r, "BEGIN"), rc, end;

	if (err)
		return err;
	arena_reset(&w->arena);
	sqlite3_bind_int64(w->storm, 1, w->id);
	rc = sqlite3_step(w->storm);
	if (rc == SQLITE_ROW) {
		read_storm(w, s);
		err = read_hosts(w, s);
	} else {
		err = rc == SQLITE_DONE ? ERR_NOENT : reading_fail(&w->r);
	}
	sqlite3_reset(w->storm);
	end = reading_exec(&w->r, "COMMIT");
	return err ? err : end;
}

int
journal_each_storm(const char *path, const struct journal_storms *which, journal_storm_fn *fn, void *arg,
    char *why, size_t why_len)
{
	struct walk w = { .r = { NULL, why, why_len } };
	int64_t *ids = NULL;
	size_t n = 0;
	bool more = true;
	int version, err = reading_open(&w.r, path, &version);

	arena_init(&w.arena, 0);
	if (!err)
		err = reading_prepare(&w.r, storm_sql, &w.storm);
	if (!err)
		err = reading_prepare(&w.r, storm_hosts_sql, &w.hosts);
	if (!err)
		err = storm_ids(&w.r, which, &ids, &n);
	for (size_t i = 0; i < n && !err && more; i++) {
		struct record_storm s = { 0 };

		w.id = ids[i];
		err = one_storm(&w, &s);
		if (!err)
			more = fn(arg, &s);
		else if (err == ERR_NOENT)
			err = 0;
	}
	xfree(ids);
	sqlite3_finalize(w.storm);
	sqlite3_finalize(w.hosts);
	sqlite3_close(w.r.db);
	arena_fini(&w.arena);
	return err;
}
