/* SPDX-License-Identifier: ISC */
/*
 * The engine's process seen from the story: started, told what to do, killed; its folder, the simulated time,
 * and a second user of its database who can lock it.
 */
#include "story.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 17, PATIENCE = 60 * MS_SEC, LOCK_WAIT = 10 * MS_SEC };

/* What holds where a story's config says nothing. */
static const struct {
	const char *section, *key, *value;
} defaults[] = {
	{ "server", "mode", "enforce" }, { "server", "log", "stderr" },
	{ "mail", "hostname", "mx.example.org" }, { "mail", "local_domains", "example.org" },
	{ "mail", "lists", "lists" }, { "store", "path", "storm.db" }, /* in the story's folder */
};

/* --- the folder ---------------------------------------------------------------------------------- */

bool
world_init(struct story *s)
{
	const char *tmp = getenv("TMPDIR");
	struct world *w = &s->world;

	w->control = -1;
	/* 2006-01-09 09:00 UTC, a month after the machine was started */
	w->now = (struct now){ 30 * (int64_t)MS_DAY, INT64_C(1136797200000) };
	snprintf(w->dir, sizeof(w->dir), "%s/storm-story.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(w->dir)) {
		w->dir[0] = '\0';
		return story_fail(s, "no folder for the story: %s", strerror(errno));
	}
	return true;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static bool
write_file(struct story *s, const char *name, struct str text)
{
	struct str path = arena_printf(&s->arena, "%s/%s", s->world.dir, name);
	FILE *f = fopen(path.p, "w");
	bool ok;

	if (!f)
		return story_fail(s, "cannot write %s: %s", path.p, strerror(errno));
	ok = fprintf(f, "%.*s", STR_FMT(text)) >= 0;
	ok &= fclose(f) == 0;
	return story_need(s, ok, "a file could not be written");
}

/* The lines that a config has in a section; *has: one of them sets `key`. */
static struct str
section_lines(struct story *s, struct str config, const char *section, const char *key, bool *has)
{
	struct str head = arena_printf(&s->arena, "[%s]", section), set = arena_printf(&s->arena, "%s ", key);
	struct str line, out;
	bool inside = false;
	struct buf b;

	*has = false;
	buf_init(&b, 0);
	while (str_split(&config, '\n', &line)) {
		if (line.n && line.p[0] == '[')
			inside = str_eq(line, head);
		else if (inside)
			buf_printf(&b, "%.*s\n", STR_FMT(line));
		*has |= inside && str_starts(line, set);
	}
	out = text_keep(s, buf_str(&b));
	buf_fini(&b);
	return out;
}

static struct str
whole_config(struct story *s)
{
	const char *section = "";
	struct str lines = STR(""), out;
	struct buf b;
	bool has;

	buf_init(&b, 0);
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		lines = section_lines(s, s->world.config, defaults[i].section, defaults[i].key, &has);
		if (strcmp(section, defaults[i].section) != 0)
			buf_printf(&b, "[%s]\n%.*s", defaults[i].section, STR_FMT(lines));
		section = defaults[i].section;
		if (!has)
			buf_printf(&b, "%s = %s%s%s\n", defaults[i].key,
			    strcmp(defaults[i].key, "path") == 0 ? s->world.dir : "",
			    strcmp(defaults[i].key, "path") == 0 ? "/" : "", defaults[i].value);
	}
	out = text_keep(s, buf_str(&b));
	buf_fini(&b);
	return out;
}

bool
world_files(struct story *s)
{
	struct world *w = &s->world;

	return write_file(s, "storm.conf", whole_config(s)) && write_file(s, "rules.conf", w->rules) &&
	    write_file(s, "lists", w->lists);
}

/* --- the process --------------------------------------------------------------------------------- */

static void
become_engine(struct story *s, int control)
{
	struct world *w = &s->world;
	struct str log = arena_printf(&s->arena, "%s/engine.log", w->dir);
	struct str number = arena_printf(&s->arena, "%d", control);
	struct str mono = arena_printf(&s->arena, "%lld", (long long)w->now.mono);
	struct str wall = arena_printf(&s->arena, "%lld", (long long)w->now.wall);
	int fd = open(log.p, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || fcntl(control, F_SETFD, 0) < 0)
		_exit(126);
	execl("/proc/self/exe", "story", "--engine", w->dir, number.p, mono.p, wall.p, (char *)NULL);
	_exit(126);
}

/* Its exit status in words; "" when it went well. */
static struct str
reap(struct story *s)
{
	struct world *w = &s->world;
	pid_t pid = w->pid;
	int status = 0;

	if (w->control >= 0)
		close(w->control);
	w->control = -1;
	w->pid = 0;
	doors_lost(s);
	if (pid <= 0 || waitpid(pid, &status, 0) != pid)
		return STR("");
	if (WIFSIGNALED(status))
		return arena_printf(&s->arena, "it died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return arena_printf(&s->arena, "its exit status was %d", WEXITSTATUS(status));
	return STR("");
}

static bool
hear(struct story *s, struct str *answer)
{
	static char text[ANSWER_MAX];
	struct world *w = &s->world;
	struct pollfd p = { .fd = w->control, .events = POLLIN };
	int ready = poll(&p, 1, PATIENCE);
	ssize_t n = ready > 0 ? recv(w->control, text, sizeof(text), 0) : -1;

	if (ready == 0) {
		world_kill(s);
		return story_fail(s, "the engine did not answer");
	}
	if (n <= 0) {
		struct str why = reap(s);

		return story_fail(s, "the engine went away: %s", why.n ? why.p : "without a word");
	}
	*answer = text_keep(s, (struct str){ text + 1, (size_t)n - 1 });
	return text[0] == '+' || story_fail(s, "the engine refused: %.*s", STR_FMT(*answer));
}

bool
world_start(struct story *s)
{
	struct world *w = &s->world;
	struct str answer;
	int pair[2];

	if (w->pid)
		return true;
	if (!world_files(s))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return story_fail(s, "socketpair: %s", strerror(errno));
	w->control = pair[0];
	w->degraded = 0;
	fflush(stdout);
	w->pid = fork();
	if (w->pid == 0)
		become_engine(s, pair[1]);
	close(pair[1]);
	if (w->pid < 0) {
		w->pid = 0;
		return story_fail(s, "fork: %s", strerror(errno));
	}
	return hear(s, &answer);
}

bool
world_ask(struct story *s, struct str *answer, const char *fmt, ...)
{
	struct world *w = &s->world;
	struct str said;
	char text[256];
	va_list ap;
	int n;

	if (!world_start(s))
		return false;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (send(w->control, text, (size_t)n, MSG_NOSIGNAL) != n) {
		said = reap(s);
		return story_fail(s, "the engine is gone: %s", said.n ? said.p : "without a word");
	}
	if (!hear(s, &said))
		return false;
	if (answer)
		*answer = said;
	return true;
}

bool
world_clock(struct story *s, int64_t ms)
{
	struct now *now = &s->world.now;

	now->mono += ms;
	now->wall += ms;
	if (!s->world.pid)
		return true;
	return world_ask(s, NULL, "clock %lld %lld", (long long)now->mono, (long long)now->wall);
}

bool
world_connect(struct story *s, bool milter, int *fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} aux = { .bytes = "" };
	const char *text = milter ? "open milter" : "open policy";
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = aux.bytes,
		.msg_controllen = sizeof(aux.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct str answer;
	int pair[2];
	ssize_t n;

	if (!world_start(s))
		return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return story_fail(s, "socketpair: %s", strerror(errno));
	*c = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))
	};
	memcpy(CMSG_DATA(c), &pair[1], sizeof(int));
	n = sendmsg(s->world.control, &msg, MSG_NOSIGNAL);
	close(pair[1]);
	if (n < 0 || !hear(s, &answer)) {
		close(pair[0]);
		return story_fail(s, "the engine took no connection");
	}
	*fd = pair[0];
	return true;
}

bool
world_stop(struct story *s)
{
	struct world *w = &s->world;
	struct str why;

	if (!w->pid)
		return true;
	(void)send(w->control, "quit", 4, MSG_NOSIGNAL);
	why = reap(s);
	return why.n == 0 || story_fail(s, "the engine stopped, but %s", why.p);
}

void
world_kill(struct story *s)
{
	if (!s->world.pid)
		return;
	kill(s->world.pid, SIGKILL);
	(void)reap(s);
}

void
world_fini(struct story *s)
{
	const char *keep = getenv("STORY_KEEP");

	(void)world_lock(s, false);
	world_kill(s);
	if (s->world.dir[0] && keep && rename(s->world.dir, keep) == 0)
		return;
	if (s->world.dir[0])
		nftw(s->world.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- the database from outside ------------------------------------------------------------------- */

static bool
open_db(struct story *s, struct sqlite3 **db)
{
	struct str path = arena_printf(&s->arena, "%s/storm.db", s->world.dir);

	if (sqlite3_open_v2(path.p, db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
		sqlite3_busy_timeout(*db, LOCK_WAIT);
		return true;
	}
	sqlite3_close(*db);
	*db = NULL;
	return story_fail(s, "cannot open the database");
}

bool
world_lock(struct story *s, bool on)
{
	struct sqlite3 **db = &s->world.lock;

	if (!on) {
		sqlite3_close(*db);
		*db = NULL;
		return true;
	}
	if (*db)
		return story_fail(s, "the database is locked already");
	if (!open_db(s, db))
		return false;
	return sqlite3_exec(*db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK ||
	    story_fail(s, "cannot lock the database: %s", sqlite3_errmsg(*db));
}

bool
world_query(struct story *s, const char *sql, int64_t *out, unsigned n)
{
	struct sqlite3_stmt *st = NULL;
	struct sqlite3 *db;
	bool ok;

	if (!open_db(s, &db))
		return false;
	ok = sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
	for (unsigned i = 0; ok && i < n; i++)
		out[i] = sqlite3_column_int64(st, (int)i);
	if (!ok)
		(void)story_fail(s, "%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return ok;
}
