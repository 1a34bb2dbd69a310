/* SPDX-License-Identifier: ISC */
#include "store/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	INDEX_PAGE = 4 << 10, /* of the index: SQLite writes one byte of each for room for all of it */
	INDEX_STEP = 32 << 10,
	INDEX_LOG = 16 << 20, /* so much of the log is in one such step, about */
};

static const char *
name_beside(sqlite3 *db, const char *suffix, char name[PATH_MAX])
{
	const char *file = sqlite3_db_filename(db, "main");

	snprintf(name, PATH_MAX, "%s%s", file ? file : "", suffix);
	return name;
}

/* For one more file of so many bytes; 0: for bytes there may be room, but not for one more file. */
static bool
no_room_for_a_file(sqlite3 *db, off_t bytes)
{
	char name[PATH_MAX];
	int fd, error;

	if (unlink(name_beside(db, "-try", name)) == 0 && bytes == 0)
		return true; /* of one who was killed here: it may have been the last */
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_no_room(errno);
	error = bytes ? posix_fallocate(fd, 0, bytes) : 0;
	close(fd);
	(void)unlink(name);
	return err_no_room(error);
}

bool
journal_file_no_index(sqlite3 *db)
{
	char name[PATH_MAX];
	struct statvfs fs;
	struct stat log;

	if (statvfs(name_beside(db, "", name), &fs) != 0 || fs.f_bsize >= INDEX_PAGE)
		return false;
	if (stat(name_beside(db, "-wal", name), &log) != 0)
		log.st_size = 0;
	return no_room_for_a_file(db, (log.st_size / INDEX_LOG + 1) * INDEX_STEP);
}

bool
journal_file_no_room(sqlite3 *db)
{
	int rc = sqlite3_exec(db, "PRAGMA user_version", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		rc = sqlite3_extended_errcode(db);
	return rc == SQLITE_IOERR_SHMSIZE || (rc == SQLITE_CANTOPEN && no_room_for_a_file(db, 0));
}

int
journal_file_err(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return ERR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	default:
		return ERR_IO;
	}
}

/* Of the database, its log and its index the first that is there and that we may not write; false: none. */
static bool
forbidden(sqlite3 *db, char out[JOURNAL_FILE_WHY])
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char name[PATH_MAX];

	for (unsigned k = 0; k < ARRAY_LEN(suffixes); k++) {
		const char *slash;

		if (faccessat(AT_FDCWD, name_beside(db, suffixes[k], name), R_OK | W_OK, AT_EACCESS) == 0 ||
		    errno == ENOENT)
			continue;
		slash = strrchr(name, '/');
		snprintf(out, JOURNAL_FILE_WHY, ": %.80s: %s", slash ? slash + 1 : name, strerror(errno));
		return true;
	}
	return false;
}

int
journal_file_errno(sqlite3 *db)
{
	sqlite3_file *log = NULL;
	int error = 0;

	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
	if (error)
		return error;
	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log);
	if (log && log->pMethods)
		(void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error;
}

int
journal_file_failed(sqlite3 *db, char out[JOURNAL_FILE_WHY])
{
	int rc = sqlite3_errcode(db) & 0xff, err = journal_file_err(rc), error = 0;

	out[0] = '\0';
	if ((rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN) && forbidden(db, out))
		return ERR_IO;
	if (rc == SQLITE_CORRUPT || rc == SQLITE_IOERR)
		error = journal_file_errno(db);
	if (!error && (rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN))
		error = sqlite3_system_errno(db);
	if (error)
		snprintf(out, JOURNAL_FILE_WHY, ": %s", strerror(error));
	return err && !(rc == SQLITE_CORRUPT && error) ? err : ERR_IO;
}

int
journal_file_open_unchanging(const char *path, sqlite3 **db)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
	struct buf uri = { 0 };
	int rc;

	buf_printf(&uri, "%s", path[0] == '/' ? "file://" : "file:");
	for (const char *p = path; *p; p++)
		buf_printf(&uri, strchr(plain, *p) ? "%c" : "%%%02X", (unsigned char)*p);
	buf_append(&uri, "?immutable=1", sizeof("?immutable=1"));
	rc = sqlite3_open_v2(uri.data, db, flags, NULL);
	buf_fini(&uri);
	return rc;
}
