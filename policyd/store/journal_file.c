/* SPDX-License-Identifier: ISC */
#include "store/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

/* For bytes there may be room, but not for one more file. */
static bool
no_room_for_a_file(sqlite3 *db)
{
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), "%s-try", sqlite3_db_filename(db, "main"));
	if (unlink(name) == 0) /* of one who was killed here: it may have been the last */
		return true;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT;
	close(fd);
	(void)unlink(name);
	return false;
}

bool
journal_file_no_room(sqlite3 *db)
{
	int rc = sqlite3_exec(db, "PRAGMA user_version", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		rc = sqlite3_extended_errcode(db);
	return rc == SQLITE_IOERR_SHMSIZE || (rc == SQLITE_CANTOPEN && no_room_for_a_file(db));
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
