/* SPDX-License-Identifier: ISC */
/* A reader's way to a database: beside others, or alone where the disk is full or no file may be made. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/journal.h"
#include "store/journal_file.h"
#include "store/journal_reading.h"
#include "store/migrate.h"

enum { WAIT = 5000 /* ms, for a lock */ };

/* Is it the journal's, and of our version? */
static int
check_owner(struct reading *r, int *version)
{
	int64_t id = 0, v = 0;
	int err = reading_number(r, "PRAGMA application_id", &id);

	if (!err)
		err = reading_number(r, "PRAGMA user_version", &v);
	if (err)
		return err;
	*version = (int)v;
	if (id != MIGRATE_APPLICATION_ID) {
		snprintf(r->why, r->why_len, "the database belongs to another program");
		return ERR_CORRUPT;
	}
	if (v == journal_schema())
		return 0;
	snprintf(r->why, r->why_len, "the database has schema version %lld, this program knows %d: %s",
	    (long long)v, journal_schema(),
	    v > journal_schema() ? "a newer policyd-storm wrote it" : "the daemon's next start raises it");
	return ERR_VERSION;
}

/*
 * A reader of a write-ahead log wants to make the -shm file; who may not, can read a file that nobody has
 * open (there is no log then) as one that does not change.
 */
static int
open_unchanging(struct reading *r, const char *path)
{
	sqlite3_close(r->db);
	return journal_file_open_unchanging(path, &r->db) == SQLITE_OK ? 0 : reading_fail(r);
}

static int
open_shared(struct reading *r, const char *path)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;

	sqlite3_close(r->db);
	if (sqlite3_open_v2(path, &r->db, flags, NULL) != SQLITE_OK)
		return reading_fail(r);
	sqlite3_busy_timeout(r->db, WAIT);
	return 0;
}

/* See journal_file_no_room(). Who may not write into the folder has no hope either. */
static int
open_alone(struct reading *r, const char *path, int wait)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	sqlite3_close(r->db);
	if (sqlite3_open_v2(path, &r->db, flags, NULL) != SQLITE_OK)
		return reading_fail(r);
	sqlite3_busy_timeout(r->db, wait);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return reading_exec(r, "PRAGMA locking_mode = EXCLUSIVE");
}

/* Where the disk is full, it is looked at alone. */
static int
look(struct reading *r, const char *path, int *version)
{
	bool no_index = journal_file_no_index(r->db);
	int err = no_index ? ERR_IO : check_owner(r, version);

	if (err == ERR_IO && (no_index || journal_file_no_room(r->db))) {
		err = open_alone(r, path, no_index ? 0 : WAIT);
		if (!err)
			err = check_owner(r, version);
	}
	if (!no_index || err != ERR_BUSY)
		return err;
	err = open_shared(r, path); /* who has it open has an index too */
	return err ? err : check_owner(r, version);
}

static bool
has_log(const char *path)
{
	struct buf name = { 0 };
	struct stat sb;
	bool has;

	buf_printf(&name, "%s-wal", path);
	buf_append(&name, "", 1);
	has = stat(name.data, &sb) == 0 || errno != ENOENT;
	buf_fini(&name);
	return has;
}

int
reading_open(struct reading *r, const char *path, int *version)
{
	struct stat sb;
	int err, rc;

	if (stat(path, &sb) != 0) {
		snprintf(r->why, r->why_len, "%s", strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOENT : ERR_IO;
	}
	if (!S_ISREG(sb.st_mode)) { /* a FIFO would be waited for */
		snprintf(r->why, r->why_len, "not a regular file");
		return ERR_IO;
	}
	err = open_shared(r, path);
	if (err)
		return err;
	err = look(r, path, version);
	rc = sqlite3_errcode(r->db) & 0xff;
	if (err != ERR_IO || (rc != SQLITE_READONLY && rc != SQLITE_CANTOPEN))
		return err;
	if (has_log(path)) {
		snprintf(r->why, r->why_len,
		    "cannot be read without the right to write into its folder, while the "
		    "daemon runs or has left a write-ahead log");
		return err;
	}
	err = open_unchanging(r, path);
	return err ? err : check_owner(r, version);
}
