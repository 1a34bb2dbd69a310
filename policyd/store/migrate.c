/* SPDX-License-Identifier: ISC */
#include "store/migrate.h"

#include <stdio.h>

#include "base/err.h"
#include "store/journal_file.h"

static int
fail(sqlite3 *db, const char *what, char *why, size_t why_len)
{
	char says[JOURNAL_FILE_WHY];
	int err = journal_file_failed(db, says);

	return err_why(err, why, why_len, "%s: %s%s", what, sqlite3_errmsg(db), says);
}

/* The first column of the first row of a query. */
static int
query_int(sqlite3 *db, const char *sql, int *out, char *why, size_t why_len)
{
	sqlite3_stmt *st = NULL;
	int err = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		*out = sqlite3_column_int(st, 0);
	else
		err = fail(db, "cannot read the schema", why, why_len);
	sqlite3_finalize(st);
	return err;
}

int
migrate_newest(const struct migration *steps)
{
	int version = 0;

	for (; steps->version; steps++)
		version = steps->version;
	return version;
}

static int
check_owner(sqlite3 *db, int version, char *why, size_t why_len)
{
	int id = 0, tables = 0, err;

	err = query_int(db, "PRAGMA application_id", &id, why, why_len);
	if (!err)
		err = query_int(db, "SELECT count(*) FROM sqlite_master", &tables, why, why_len);
	if (err)
		return err;
	if (id == MIGRATE_APPLICATION_ID || (version == 0 && tables == 0 && id == 0))
		return 0;
	return err_why(ERR_CORRUPT, why, why_len, "the database belongs to another program");
}

/* Inside the transaction: the version again, then the step. */
static int
apply_locked(sqlite3 *db, const struct migration *step, char *why, size_t why_len)
{
	char set[64];
	int version = 0, err;

	err = query_int(db, "PRAGMA user_version", &version, why, why_len);
	if (err || version >= step->version)
		return err;
	snprintf(set, sizeof(set), "PRAGMA user_version = %d", step->version);
	if (sqlite3_exec(db, step->sql, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, set, NULL, NULL, NULL) != SQLITE_OK)
		return fail(db, step->name, why, why_len);
	return 0;
}

static int
apply(sqlite3 *db, const struct migration *step, char *why, size_t why_len)
{
	int err;

	if (sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) != SQLITE_OK)
		return fail(db, step->name, why, why_len);
	err = apply_locked(db, step, why, why_len);
	if (!err && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		err = fail(db, step->name, why, why_len);
	/* SQLite may have rolled back by itself. */
	if (err && !sqlite3_get_autocommit(db) && sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		return ERR_IO;
	return err;
}

/* Under one read lock, so that somebody else's first migration is seen as a whole or not at all. */
static int
check(sqlite3 *db, int newest_known, int *version, char *why, size_t why_len)
{
	int err;

	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return fail(db, "cannot read the schema", why, why_len);
	err = query_int(db, "PRAGMA user_version", version, why, why_len);
	if (!err && *version > newest_known) {
		snprintf(why, why_len,
		    "the database has schema version %d, this program knows versions up to %d: a newer "
		    "policyd-storm wrote it; install that one again, or move the database away",
		    *version, newest_known);
		err = ERR_VERSION;
	}
	if (!err)
		err = check_owner(db, *version, why, why_len);
	if (sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK && !err)
		err = fail(db, "cannot read the schema", why, why_len);
	return err;
}

int
migrate_with(sqlite3 *db, const struct migration *steps, char *why, size_t why_len)
{
	int version = 0;
	int err = check(db, migrate_newest(steps), &version, why, why_len);

	for (; !err && steps->version; steps++)
		if (steps->version > version)
			err = apply(db, steps, why, why_len);
	return err;
}

int
migrate(sqlite3 *db, char *why, size_t why_len)
{
	return migrate_with(db, migrations, why, why_len);
}
