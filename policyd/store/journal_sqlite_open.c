/* SPDX-License-Identifier: ISC */
/*
 * WAL and synchronous=FULL: what is committed is on the disk, for the spool lets go of it then, and a
 * power cut may take no more than the spool's last second. It costs a sync each group commit, on a
 * thread that nobody waits for.
 */
#include "store/journal_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "store/journal.h"
#include "store/journal_file.h"
#include "store/journal_put.h"
#include "store/migrate.h"

enum { CHECK_MAX = 64 << 20 }; /* files up to this size are checked as a whole at open */

#define INTO_MESSAGE                                                                                 \
	"INSERT OR FAIL INTO message (id, time, door, stage, queue_id, instance, client_address, "   \
	"client_name, helo, sasl_username, sender, message_id, thread, header_from, subject, size, " \
	"rcpt_count, to_count, cc_count, hops, trace, identity, kind, verdict, rule, storm, would, " \
	"degraded, outcome) VALUES "
#define MESSAGE_ROW \
	"(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define INTO_RECIPIENT "INSERT OR FAIL INTO recipient (message, n, address, action, outcome) VALUES "
#define RECIPIENT_ROW "(?, ?, ?, ?, ?)"

static const char *const statements[JDB_STMTS] = {
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
	[JDB_UP_TO] = "SELECT id, time FROM message WHERE id <= ? ORDER BY id DESC LIMIT 1",
	[JDB_OLD_BEHIND] = "SELECT max(CASE WHEN time < ? THEN id END), min(time) FROM message",
	[JDB_DROP_RECIPIENTS] = "DELETE FROM recipient WHERE message <= ?",
	[JDB_DROP_MESSAGES] = "DELETE FROM message WHERE id <= ?",
	[JDB_DROP_ORPHANS] = "DELETE FROM recipient WHERE message > "
			     "(SELECT ifnull(max(id), 0) FROM message)",
	[JDB_DROP_STORM_HOSTS] = "DELETE FROM storm_host WHERE storm IN "
				 "(SELECT id FROM storm WHERE last < ? AND state NOT IN ('open', 'cooling'))",
	[JDB_DROP_STORMS] = "DELETE FROM storm WHERE last < ? AND state NOT IN ('open', 'cooling')",
	[JDB_SEQ] = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'journal_seq'",
	[JDB_SEQ_SET] = "INSERT INTO meta (key, value) VALUES ('journal_seq', ?) "
			"ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	[JDB_SNAPSHOT] = "INSERT INTO snapshot (part, seq, wall, data) VALUES (?, ?, ?, ?) "
			 "ON CONFLICT (part) DO UPDATE SET seq = excluded.seq, wall = excluded.wall, "
			 "data = excluded.data",
	[JDB_SNAPSHOT_SEQS] = "SELECT part, seq FROM snapshot",
	[JDB_USED] = "SELECT (p.page_count - f.freelist_count) * s.page_size "
		     "FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s",
};

/* What is written row by row, one or several at once. OR FAIL: what a failure leaves behind goes with the
 * transaction, so SQLite need not take note of it. */
static const struct {
	const char *head, *row;
	int rows;
} inserts[JDB_STMTS] = {
	[JDB_MESSAGE] = { INTO_MESSAGE, MESSAGE_ROW, 1 },
	[JDB_MESSAGES] = { INTO_MESSAGE, MESSAGE_ROW, PUT_ROWS },
	[JDB_RECIPIENT] = { INTO_RECIPIENT, RECIPIENT_ROW, 1 },
	[JDB_RECIPIENTS] = { INTO_RECIPIENT, RECIPIENT_ROW, PUT_ROWS },
};

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
		err = jdb_failed(d, sql);
	}
	sqlite3_finalize(st);
	return err;
}

static int
file_failed(struct jdb *d)
{
	return err_why(ERR_IO, d->why, sizeof(d->why), "%s: %s", d->path, strerror(errno));
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
	return errno == EEXIST ? 0 : file_failed(d);
}

/*
 * It is ours alone to write: a daemon with another spool would count its records by numbers of its own, and
 * each would take the other's for repetitions. flock(2) does not meet the locks of SQLite, which are of
 * fcntl(2); but who closes any descriptor of a file loses those, so this one stays open as long as the
 * connection. Where files cannot be locked so, nobody is kept out.
 */
static int
take_file(struct jdb *d)
{
	struct stat sb;

	/* A FIFO in its place would hold up the thread for ever. */
	d->lock_fd = open(d->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (d->lock_fd < 0 || fstat(d->lock_fd, &sb) != 0)
		return file_failed(d);
	if (!S_ISREG(sb.st_mode))
		return err_why(ERR_IO, d->why, sizeof(d->why), "%s: not a regular file", d->path);
	d->dev = sb.st_dev;
	d->ino = sb.st_ino;
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0;
	return err_why(ERR_BUSY, d->why, sizeof(d->why), "%s is in use by another daemon", d->path);
}

static int
check_pages(struct jdb *d)
{
	struct stat sb;
	char text[200];
	const char *found;
	int err, error;

	if (d->memory || stat(d->path, &sb) != 0 || sb.st_size > CHECK_MAX)
		return 0;
	err = query_text(d, "PRAGMA quick_check(1)", text, sizeof(text));
	if (err || strcmp(text, "ok") == 0)
		return err;
	error = journal_file_errno(d->db);
	if (error)
		return err_why(ERR_IO, d->why, sizeof(d->why), "cannot be read: %s", strerror(error));
	found = strchr(text, '\n'); /* behind a heading */
	found = found ? found + 1 : text;
	return err_why(ERR_CORRUPT, d->why, sizeof(d->why), "the database is damaged: %.*s",
	    (int)strcspn(found, "\n"), found);
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
	return err_why(
	    ERR_IO, d->why, sizeof(d->why), "cannot use a write-ahead log here (journal mode %s)", mode);
}

static int
draw_seed(struct jdb *d, uint64_t *seed)
{
	while (*seed == 0) {
		if (getrandom(seed, sizeof(*seed), 0) == (ssize_t)sizeof(*seed) || errno == EINTR)
			continue;
		return err_why(ERR_IO, d->why, sizeof(d->why), "getrandom: %s", strerror(errno));
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
	return jdb_exec_as(d, sql, "write");
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
	if (errno || *end || ours == 0)
		return err_why(ERR_CORRUPT, d->why, sizeof(d->why), "the database's hash seed is damaged");
	if (*seed == 0)
		*seed = ours;
	return 0;
}

static int
prepare(struct jdb *d, enum jdb_stmt which, const char *sql)
{
	int rc = sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &d->st[which], NULL);

	if (rc != SQLITE_OK)
		return jdb_failed(d, "prepare");
	d->bound[which] =
	    xcalloc((size_t)sqlite3_bind_parameter_count(d->st[which]), sizeof(*d->bound[which]));
	return 0;
}

static int
prepare_insert(struct jdb *d, enum jdb_stmt which)
{
	struct buf sql;
	int err;

	buf_init(&sql, 0);
	buf_printf(&sql, "%s", inserts[which].head);
	for (int i = 0; i < inserts[which].rows; i++)
		buf_printf(&sql, "%s%s", i ? ", " : "", inserts[which].row);
	buf_append(&sql, "", 1);
	err = prepare(d, which, buf_str(&sql).p);
	buf_fini(&sql);
	return err;
}

static void
finalize_all(struct jdb *d)
{
	for (unsigned k = 0; k < JDB_STMTS; k++) {
		sqlite3_finalize(d->st[k]);
		xfree(d->bound[k]);
		d->st[k] = NULL;
		d->bound[k] = NULL;
	}
}

static int
prepare_all(struct jdb *d)
{
	int err = 0;

	finalize_all(d); /* those of a try before this one */
	for (unsigned k = 0; k < JDB_STMTS && !err; k++)
		err = statements[k] ? prepare(d, k, statements[k]) : prepare_insert(d, k);
	return err;
}

/* Of the file itself, where our path is a link to it. */
static const char *
name_beside(const struct jdb *d, const char *suffix, char name[PATH_MAX])
{
	const char *file = sqlite3_db_filename(d->db, "main");

	snprintf(name, PATH_MAX, "%s%s", file ? file : d->path, suffix);
	return name;
}

/* The log beside it, which is ours whatever becomes of the file: it stands there from the first read on. */
static void
note_wal(struct jdb *d)
{
	char wal[PATH_MAX];
	struct stat sb;

	if (stat(name_beside(d, "-wal", wal), &sb) != 0)
		return;
	d->wal_dev = sb.st_dev;
	d->wal_ino = sb.st_ino;
}

/* How the database is opened: as everybody does, as the only one, or as a file that nobody changes. */
enum way { TOGETHER, ALONE, UNCHANGING };

static int
open_file(struct jdb *d, enum way way)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int rc = way == UNCHANGING ? journal_file_open_unchanging(d->path, &d->db)
				   : sqlite3_open_v2(d->path, &d->db, flags, NULL);

	return rc == SQLITE_OK ? 0 : jdb_failed(d, d->path);
}

/* Until the next try somebody may read it as the only one, which a connection would keep him from. */
static void
end_without_room(struct jdb *d)
{
	snprintf(d->why, sizeof(d->why), "cannot be opened: no room on the disk");
	finalize_all(d);
	sqlite3_close(d->db);
	d->db = NULL;
}

static int
set_up(struct jdb *d, uint64_t *seed, enum way way)
{
	int err;

	/* A newer version's database must stay as it is: no checkpoint by us before we know. Nor is there
	 * room for one where we are alone. */
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	err = way == ALONE ? jdb_exec(d, "PRAGMA locking_mode = EXCLUSIVE") : 0;
	if (!err)
		err = migrate(d->db, d->why, sizeof(d->why));
	if (err)
		return err;
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, way != TOGETHER, NULL);
	err = check_pages(d);
	if (!err && way == TOGETHER)
		err = set_wal(d);
	if (!err)
		err = jdb_exec(d, "PRAGMA synchronous = FULL");
	if (!err)
		err = jdb_exec(d, "PRAGMA journal_size_limit = 16777216");
	if (!err)
		err = load_seed(d, seed);
	if (!err)
		err = prepare_all(d);
	return err;
}

/* Who reads it in the log of a start does not know which one is meant, and what to do. */
static void
name_file(struct jdb *d, int err)
{
	struct buf named = { 0 };

	buf_printf(&named, "%s: %s%s", d->path, d->why,
	    err == ERR_CORRUPT ? "; move it away to begin with a new one" : "");
	buf_append(&named, "", 1);
	snprintf(d->why, sizeof(d->why), "%s", named.data);
	buf_fini(&named);
}

/* Nobody asks SQLite how much memory it has: then it need not count it under a lock. */
static void
configure(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int
open_as(struct jdb *d, const char *path, uint64_t *seed, int wait_ms, enum way way)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int64_t deadline = clock_now().mono + wait_ms;
	bool no_index;
	int err;

	pthread_once(&once, configure);
	*d = (struct jdb){
		.path = xstrdup(path),
		.memory = strcmp(path, ":memory:") == 0,
		.waiting = jdb_waiting_new(),
		.lock_fd = -1,
	};
	err = d->memory ? 0 : create_file(d);
	if (!err && !d->memory)
		err = take_file(d);
	if (!err)
		err = open_file(d, way);
	if (err)
		return err;
	sqlite3_extended_result_codes(d->db, 1);
	sqlite3_busy_timeout(d->db, wait_ms);
	no_index = way == TOGETHER && !d->memory && journal_file_no_index(d->db);
	/* Switching to WAL, and some other meetings of two that open, answer BUSY without waiting. */
	err = no_index ? ERR_IO : set_up(d, seed, way);
	while (err == ERR_BUSY && clock_now().mono < deadline) {
		sqlite3_sleep(20);
		err = set_up(d, seed, way);
	}
	note_wal(d);
	d->no_room = err == ERR_IO && (no_index || journal_file_no_room(d->db));
	if (d->no_room)
		end_without_room(d);
	if (err && !d->memory)
		name_file(d, err);
	if (d->db)
		sqlite3_busy_timeout(d->db, JDB_WAIT_RUN);
	d->suspect = false;
	return err;
}

int
jdb_open(struct jdb *d, const char *path, uint64_t *seed, int wait_ms)
{
	return open_as(d, path, seed, wait_ms, TOGETHER);
}

int
jdb_open_alone(struct jdb *d, const char *path, uint64_t *seed, int wait_ms)
{
	int err = open_as(d, path, seed, wait_ms, ALONE);

	if (!err || !d->no_room)
		return err;
	jdb_close(d);
	return open_as(d, path, seed, wait_ms, UNCHANGING);
}

/* Who moved all of them has put others there. */
static bool
has_log(const struct jdb *d)
{
	char name[PATH_MAX];
	struct stat sb;

	return stat(name_beside(d, "-wal", name), &sb) == 0 && sb.st_dev == d->wal_dev &&
	    sb.st_ino == d->wal_ino;
}

/* false: a reader or a full disk keeps some of the log out of the file. */
static bool
empty_log(struct jdb *d)
{
	return sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK;
}

/* The name that our file has now. false: none, or one where we cannot look. */
static bool
find_moved(const struct jdb *d, char name[PATH_MAX])
{
	char ours[64];
	struct stat sb;
	ssize_t n;

	snprintf(ours, sizeof(ours), "/proc/self/fd/%d", d->lock_fd);
	n = readlink(ours, name, PATH_MAX - 1);
	name[n > 0 ? n : 0] = '\0';
	return stat(name, &sb) == 0 && sb.st_dev == d->dev && sb.st_ino == d->ino;
}

/* To stand beside `file`; NULL: away. */
static void
take_along(const struct jdb *d, const char *suffix, const char *file)
{
	char from[PATH_MAX], to[PATH_MAX + sizeof("-wal")];

	name_beside(d, suffix, from);
	if (file)
		snprintf(to, sizeof(to), "%s%s", file, suffix);
	if (!file || rename(from, to) != 0)
		(void)unlink(from);
}

/* Before a file that is not in its place any more is closed: its log goes into it, and away. SQLite would
 * take it for that of the file that is there now or comes, and damage that. Where a reader or a full disk
 * keeps some of it out, the file is damaged without: then it follows. */
static void
leave_if_gone(struct jdb *d)
{
	char name[PATH_MAX], moved[PATH_MAX];
	struct stat sb;
	bool there = stat(name_beside(d, "", name), &sb) == 0, follows;

	if (there ? sb.st_dev == d->dev && sb.st_ino == d->ino : errno != ENOENT)
		return;
	follows = !empty_log(d) && find_moved(d, moved);
	if (has_log(d)) {
		take_along(d, "-wal", follows ? moved : NULL);
		take_along(d, "-shm", follows ? moved : NULL);
	}
}

void
jdb_close(struct jdb *d)
{
	finalize_all(d);
	if (d->db && !d->memory)
		leave_if_gone(d);
	if (d->db)
		sqlite3_close(d->db);
	if (d->path && d->lock_fd >= 0)
		close(d->lock_fd);
	jdb_waiting_free(d->waiting);
	arena_fini(&d->texts);
	xfree(d->path);
	d->db = NULL;
	d->waiting = NULL;
	d->path = NULL;
}

bool
jdb_moved(struct jdb *d)
{
	struct stat sb;

	if (d->memory)
		return false;
	if (stat(d->path, &sb) != 0 || sb.st_dev != d->dev || sb.st_ino != d->ino)
		return true;
	/* The log alone: nobody else finds what is written there, and it is needed until it is empty. */
	return d->db && d->wal_ino && !has_log(d) && empty_log(d);
}

void
journal_library(char *out, size_t size)
{
	snprintf(out, size, "SQLite %s", sqlite3_libversion());
}

int
journal_schema(void)
{
	return migrate_newest(migrations);
}
