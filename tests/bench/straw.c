/* SPDX-License-Identifier: ISC */
/*
 * The straightforward design: each request is one row in a journal and one counter raised by an upsert,
 * both in SQLite on the loop's own thread; all requests of one loop turn share a commit, and answers wait
 * for it.
 */
#include <errno.h>
#include <ev.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { ROOM = 65536, TURN_MAX = 4096 };

struct client {
	ev_io io;
	size_t n;
	bool waits, gone;
	char in[ROOM];
};

static sqlite3 *db;
static sqlite3_stmt *insert, *upsert;
static struct client *turn[TURN_MAX];
static unsigned turns;

static void
check(int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		bench_fail("sqlite: %s", sqlite3_errmsg(db));
}

static void
sql(const char *text)
{
	check(sqlite3_exec(db, text, NULL, NULL, NULL));
}

static void
open_store(const char *path)
{
	check(sqlite3_open(path, &db));
	sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
	sql("CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY, time INTEGER, client TEXT, sender "
	    "TEXT, "
	    "recipient TEXT, queue_id TEXT, instance TEXT, size TEXT);"
	    "CREATE TABLE IF NOT EXISTS counter (key TEXT PRIMARY KEY, n INTEGER, last INTEGER) WITHOUT "
	    "ROWID");
	check(sqlite3_prepare_v2(
	    db, "INSERT INTO journal VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", -1, &insert, NULL));
	check(sqlite3_prepare_v2(db,
	    "INSERT INTO counter VALUES (?, 1, ?) ON CONFLICT (key) DO UPDATE SET n = n + 1, last = "
	    "excluded.last",
	    -1, &upsert, NULL));
}

/* --- one request ------------------------------------------------------------------------------------- */

static const char *const wanted[] = { "client_address", "sender", "recipient", "queue_id", "instance",
	"size" };

enum { WANTED = sizeof(wanted) / sizeof(wanted[0]), SENDER = 1, RECIPIENT = 2 };

struct value {
	const char *p;
	size_t n;
};

static void
read_line(const char *p, size_t n, struct value v[WANTED])
{
	const char *eq = memchr(p, '=', n);

	for (unsigned k = 0; eq && k < WANTED; k++) {
		size_t name = (size_t)(eq - p);

		if (strlen(wanted[k]) == name && memcmp(wanted[k], p, name) == 0)
			v[k] = (struct value){ eq + 1, n - name - 1 };
	}
}

static void
bind_value(sqlite3_stmt *st, int at, struct value v)
{
	check(sqlite3_bind_text(st, at, v.p ? v.p : "", (int)v.n, SQLITE_STATIC));
}

static void
step(sqlite3_stmt *st)
{
	check(sqlite3_step(st));
	check(sqlite3_reset(st));
}

static void
store(const struct value v[WANTED])
{
	sqlite3_int64 now = (sqlite3_int64)(bench_ns() / 1000000);
	char key[1024];
	struct value k = { key, 0 };

	if (turns == 1)
		sql("BEGIN IMMEDIATE");
	check(sqlite3_bind_int64(insert, 1, now));
	for (unsigned i = 0; i < WANTED; i++)
		bind_value(insert, (int)i + 2, v[i]);
	step(insert);
	for (unsigned i = SENDER; i <= RECIPIENT; i++) {
		size_t n = v[i].n < sizeof(key) / 2 ? v[i].n : sizeof(key) / 2;

		memcpy(key + k.n, v[i].p ? v[i].p : "", n);
		k.n += n;
	}
	bind_value(upsert, 1, k);
	check(sqlite3_bind_int64(upsert, 2, now));
	step(upsert);
}

static void
take_request(struct client *c, size_t n)
{
	struct value v[WANTED] = { { NULL, 0 } };
	const char *p = c->in, *end = c->in + n;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		read_line(p, (size_t)(lf - p), v);
		p = lf + 1;
	}
	turn[turns++] = c;
	c->waits = true;
	store(v);
	c->n -= n;
	memmove(c->in, c->in + n, c->n);
}

/* --- the loop ---------------------------------------------------------------------------------------- */

/* Before the loop sleeps: one commit, then all answers. */
static void
on_prepare(struct ev_loop *loop, ev_prepare *w, int events)
{
	static const char answer[] = "action=DUNNO\n\n";

	(void)loop;
	(void)w;
	(void)events;
	if (turns == 0)
		return;
	sql("COMMIT");
	for (unsigned i = 0; i < turns; i++) {
		struct client *c = turn[i];

		c->waits = false;
		if (c->gone)
			free(c);
		else if (write(c->io.fd, answer, sizeof(answer) - 1) < 0 && errno != EPIPE)
			bench_fail("write: %s", strerror(errno));
	}
	turns = 0;
}

static void
on_request(struct ev_loop *loop, ev_io *w, int events)
{
	struct client *c = (struct client *)w;
	ssize_t n = read(w->fd, c->in + c->n, sizeof(c->in) - c->n);
	const char *end;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		ev_io_stop(loop, w);
		close(w->fd);
		c->gone = true;
		if (!c->waits)
			free(c);
		return;
	}
	c->n += (size_t)n;
	end = memmem(c->in, c->n, "\n\n", 2);
	if (end && !c->waits && turns < TURN_MAX)
		take_request(c, (size_t)(end - c->in) + 2);
}

static void
on_client(struct ev_loop *loop, ev_io *w, int events)
{
	int fd = accept(w->fd, NULL, NULL);
	struct client *c;

	(void)events;
	if (fd < 0)
		return;
	bench_nonblocking(fd, true);
	c = bench_memory(NULL, sizeof(*c));
	c->n = 0;
	c->waits = c->gone = false;
	ev_io_init(&c->io, on_request, fd, EV_READ);
	ev_io_start(loop, &c->io);
}

int
main(int argc, char **argv)
{
	struct ev_loop *loop = ev_default_loop(0);
	ev_prepare prepare;
	ev_io door;

	if (argc != 3)
		bench_fail("usage: straw ADDRESS DATABASE");
	bench_signals();
	open_store(argv[2]);
	ev_io_init(&door, on_client, bench_listen(argv[1]), EV_READ);
	ev_io_start(loop, &door);
	ev_prepare_init(&prepare, on_prepare);
	ev_prepare_start(loop, &prepare);
	ev_run(loop, 0);
	return 0;
}
