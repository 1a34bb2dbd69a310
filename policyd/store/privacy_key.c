/* SPDX-License-Identifier: ISC */
#include "store/privacy_key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

struct place {
	char file[PATH_MAX], fresh[PATH_MAX], dir[PATH_MAX];
	char *why;
	size_t why_len;
};

static int
cannot(const struct place *p, const char *what, const char *file)
{
	snprintf(p->why, p->why_len, "cannot %s %s: %s", what, file, strerror(errno));
	return ERR_IO;
}

static int
find_place(struct place *p, const char *path, char *why, size_t why_len)
{
	const char *slash = strrchr(path, '/');
	int dir = slash == path ? 1 : slash ? (int)(slash - path) : 1;

	*p = (struct place){ .why = why, .why_len = why_len };
	/* The longest of them. */
	if (snprintf(p->fresh, sizeof(p->fresh), "%s.key.XXXXXX", path) >= (int)sizeof(p->fresh))
		return err_why(
		    ERR_IO, why, why_len, "the path of the database is too long to put a key beside it");
	snprintf(p->file, sizeof(p->file), "%.*s", (int)strlen(p->fresh) - 7, p->fresh);
	snprintf(p->dir, sizeof(p->dir), "%.*s", dir, slash ? path : ".");
	return 0;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static int
check_file(const struct place *p, int fd)
{
	struct stat sb;

	if (fstat(fd, &sb) < 0)
		return cannot(p, "look at", p->file);
	if (!S_ISREG(sb.st_mode)) {
		snprintf(p->why, p->why_len, "%s: no regular file", p->file);
		return ERR_CONF;
	}
	if (sb.st_mode & 077) {
		snprintf(p->why, p->why_len,
		    "%s: others may use it (mode %04o): it must be for its owner alone (0600)", p->file,
		    (unsigned)sb.st_mode & 07777);
		return ERR_CONF;
	}
	if (sb.st_size == PRIVACY_KEY_SIZE)
		return 0;
	snprintf(p->why, p->why_len, "%s: %lld bytes, a key has %d", p->file, (long long)sb.st_size,
	    PRIVACY_KEY_SIZE);
	return ERR_CONF;
}

static int
read_file(const struct place *p, unsigned char key[PRIVACY_KEY_SIZE])
{
	unsigned char got[PRIVACY_KEY_SIZE];
	int fd = open(p->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), err;

	if (fd < 0) {
		err = errno == ENOENT || errno == ENOTDIR ? ERR_NOENT : ERR_IO;
		(void)cannot(p, "read", p->file);
		return err;
	}
	err = check_file(p, fd);
	if (!err && read(fd, got, sizeof(got)) != (ssize_t)sizeof(got))
		err = cannot(p, "read", p->file);
	close(fd);
	if (!err)
		memcpy(key, got, sizeof(got));
	explicit_bzero(got, sizeof(got));
	return err;
}

int
privacy_key_read(const char *path, unsigned char key[PRIVACY_KEY_SIZE], char *why, size_t why_len)
{
	struct place p;
	int err = find_place(&p, path, why, why_len);

	return err ? err : read_file(&p, key);
}

/* --- making --------------------------------------------------------------------------------------------- */

static int
draw(unsigned char key[PRIVACY_KEY_SIZE])
{
	ssize_t n;

	/* So few bytes come all at once, or not at all. */
	do
		n = getrandom(key, PRIVACY_KEY_SIZE, 0);
	while (n < 0 && errno == EINTR);
	return n == PRIVACY_KEY_SIZE ? 0 : ERR_IO;
}

/* A name that has not reached the disk is a key lost, with all that was hidden by it. */
static int
sync_dir(const struct place *p)
{
	int fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return cannot(p, "open", p->dir);
	rc = fsync(fd) == 0 ? 0 : cannot(p, "sync", p->dir);
	close(fd);
	return rc;
}

/* Whole under a name of its own first: a start that was cut off leaves no half key. link(2) never replaces
 * one that somebody else made in the meantime. */
static int
make_file(struct place *p)
{
	unsigned char key[PRIVACY_KEY_SIZE];
	int fd, rc = 0;

	if (draw(key) != 0)
		return cannot(p, "draw a key for", p->file);
	fd = mkostemp(p->fresh, O_CLOEXEC); /* 0600, O_EXCL */
	if (fd < 0)
		return cannot(p, "make", p->file);
	if (write(fd, key, sizeof(key)) != (ssize_t)sizeof(key) || fsync(fd) < 0)
		rc = cannot(p, "write", p->fresh);
	explicit_bzero(key, sizeof(key));
	close(fd);
	if (rc == 0 && link(p->fresh, p->file) < 0 && errno != EEXIST)
		rc = cannot(p, "make", p->file);
	(void)unlink(p->fresh);
	return rc == 0 ? sync_dir(p) : rc;
}

int
privacy_key_get(const char *path, unsigned char key[PRIVACY_KEY_SIZE], bool *made, char *why, size_t why_len)
{
	struct place p;
	int err = find_place(&p, path, why, why_len);

	*made = false;
	if (err)
		return err;
	if (strcmp(path, ":memory:") == 0)
		return draw(key) == 0 ? 0 : cannot(&p, "draw a key for", path);
	err = read_file(&p, key);
	if (err != ERR_NOENT)
		return err;
	err = make_file(&p);
	if (!err)
		err = read_file(&p, key);
	*made = !err;
	return err;
}
