/* SPDX-License-Identifier: ISC */
/*
 * The engine's process: the real doors, engine, spool and database, wired as the daemon does it, but with
 * the story's clock and connections that the runner hands over. It does what it is told, one command
 * after the other, so that nothing in a story depends on who is faster. It ends with its ear.
 */
#include "story.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/log.h"
#include "config.h"
#include "serve/conn.h"
#include "serve/endpoint.h"
#include "serve/engine.h"
#include "serve/ledger.h"

enum {
	COMMAND_MAX = 512,
	ANSWER_MAX = 1 << 16,
	CLOSE_GRACE = 2 * MS_SEC,
	FINE = 2 * MS_MIN, /* a tick a second so long, coarser then */
	COARSE = 3000,     /* ticks at most for the rest */
};

struct host {
	const char *dir;
	int control;
	int fd; /* came with the command; -1: none */
	struct config conf;
	struct engine engine;
	struct ledger *ledger;
	uint64_t seed;
	struct ev_loop *loop;
	struct pool pool;
	int64_t ticked;
	struct buf answer;
	bool quit;
};

static void
gather_fault(void *arg, const char *file, unsigned line, const char *what)
{
	buf_printf(arg, "%s:%u: %s; ", file, line, what);
}

static bool
load(struct host *h, struct config *conf)
{
	struct conf_faults faults = { .report = gather_fault, .arg = &h->answer };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/storm.conf", h->dir);
	return config_load(path, conf, &faults) == 0;
}

/* --- as main.c does it --------------------------------------------------------------------------- */

static bool
open_ledger(struct host *h)
{
	struct engine *e = &h->engine;
	struct ledger_conf conf = { .store = h->conf.store };
	struct ledger_opened opened;
	char spool[PATH_MAX], why[512] = "";

	config_outbox(&h->conf, spool, sizeof(spool), &conf.outbox);
	conf.outbox.ring_dir = h->dir; /* goes with it, whoever was killed */
	if (ledger_open(&conf, e->tallies, e->storms, h->pool.now, &h->ledger, &opened, why, sizeof(why)) !=
	    0) {
		buf_printf(&h->answer, "%s", why);
		return false;
	}
	h->seed = h->conf.site.hash_seed = opened.seed;
	engine_use_ledger(e, h->ledger);
	engine_reloaded(e, h->pool.now);
	return true;
}

static bool
start(struct host *h)
{
	struct engine *e = &h->engine;

	if (!load(h, &h->conf))
		return false;
	engine_init(e, h->conf.store.max_counters);
	e->site = &h->conf.site;
	e->rules = &h->conf.rules;
	e->lists = &h->conf.lists;
	e->defer_on_failure = h->conf.store.defer_on_failure;
	h->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	pool_init(&h->pool, h->loop, e);
	h->pool.idle_timeout = h->conf.serve.idle_timeout;
	h->pool.request_timeout = h->conf.serve.request_timeout;
	h->ticked = h->pool.now.mono;
	return open_ledger(h);
}

static bool
do_reload(struct host *h, const char *args)
{
	struct config fresh = { 0 }, old = h->conf;

	(void)args;
	if (!load(h, &fresh))
		return false;
	fresh.site.hash_seed = h->seed;
	h->conf = fresh;
	h->engine.defer_on_failure = fresh.store.defer_on_failure;
	engine_reloaded(&h->engine, h->pool.now);
	config_fini(&old);
	return true;
}

static void
stop(struct host *h)
{
	struct engine *e = &h->engine;

	if (!h->loop)
		return;
	if (h->ledger)
		engine_tick(e, h->pool.now);
	pool_fini(&h->pool, "the story ends");
	if (h->ledger)
		engine_drain(e);
	ledger_close(h->ledger, CLOSE_GRACE);
	engine_fini(e);
	ev_loop_destroy(h->loop);
	config_fini(&h->conf);
}

/* --- commands ------------------------------------------------------------------------------------ */

/* The outbox's thread lives in real time: it gets as much as it needs before the clock moves on. */
static void
serve(struct host *h)
{
	for (int quiet = 0; quiet < 3; quiet++) {
		ev_run(h->loop, EVRUN_NOWAIT);
		if (pool_turn(&h->pool))
			quiet = 0;
	}
	(void)!ledger_written(h->ledger, 1000);
}

static void
tick(struct host *h)
{
	pool_tick(&h->pool);
	engine_tick(&h->engine, h->pool.now);
	(void)pool_turn(&h->pool);
	h->ticked = h->pool.now.mono;
}

static bool
do_clock(struct host *h, const char *args)
{
	char *end;
	int64_t mono = strtoll(args, &end, 10), ahead = strtoll(end, NULL, 10) - mono;
	int64_t from = h->pool.now.mono, at = from;

	while (at < mono) {
		int64_t step = MS_SEC;

		if (at - from >= FINE && (mono - from) / COARSE > step)
			step = (mono - from) / COARSE;
		at = mono - at < step ? mono : at + step;
		h->pool.now = (struct now){ at, at + ahead };
		clock_set(h->pool.now);
		if (at - h->ticked >= MS_SEC)
			tick(h);
	}
	h->pool.now.wall = mono + ahead;
	clock_set(h->pool.now);
	serve(h);
	return true;
}

static bool
do_open(struct host *h, const char *args)
{
	const struct endpoint *ep = strcmp(args, "milter") == 0 ? &ep_milter : &ep_policy;

	if (h->fd < 0 || fcntl(h->fd, F_SETFL, O_NONBLOCK) < 0)
		return false;
	conn_new(&h->pool, ep, h->fd, NULL, 0);
	h->fd = -1;
	return true;
}

static void
tell_storm(void *arg, struct storm *st)
{
	struct buf *b = arg;

	buf_printf(b,
	    "storm %lld %llu rule %s state %s offered %llu passed %llu stopped %llu messages %llu "
	    "recipients %u",
	    (long long)st->first.wall, (unsigned long long)st->id, st->rule, storm_state_name(st->state),
	    (unsigned long long)st->offered, (unsigned long long)st->passed, (unsigned long long)st->stopped,
	    (unsigned long long)st->messages, st->n_rcpts);
	for (uint32_t i = 0; i < st->n_hosts; i++)
		buf_printf(b, " host %s %s %s", st->hosts[i].name, st->hosts[i].how, st->hosts[i].name);
	buf_append(b, "\n", 1);
}

static bool
do_dump(struct host *h, const char *args)
{
	const struct engine_stats *e = &h->engine.stats;
	struct tallies_stats t;
	struct ledger_stats l;

	(void)args;
	tallies_stats(h->engine.tallies, &t);
	ledger_stats(h->ledger, &l);
	buf_printf(&h->answer,
	    "engine requests %llu messages %llu passed %llu stopped %llu degraded %llu unsafe %llu "
	    "healthy %s counters %llu transactions %u connections %u\n",
	    (unsigned long long)e->requests, (unsigned long long)e->messages, (unsigned long long)e->passed,
	    (unsigned long long)e->stopped, (unsigned long long)e->degraded, (unsigned long long)l.unsafe,
	    ledger_healthy(h->ledger) ? "yes" : "no", (unsigned long long)t.entries,
	    join_count(h->engine.join), h->pool.live);
	storms_each(h->engine.storms, tell_storm, &h->answer);
	return true;
}

static bool
do_flush(struct host *h, const char *args)
{
	if (ledger_flush(h->ledger, strtoll(args, NULL, 10)))
		return true;
	buf_printf(&h->answer, "the database did not get all");
	return false;
}

/* A soft limit of 0 bytes: each write to a file of this process fails, as on a full disk. */
static bool
do_disk(struct host *h, const char *args)
{
	struct rlimit lim;

	(void)h;
	if (getrlimit(RLIMIT_FSIZE, &lim) < 0)
		return false;
	lim.rlim_cur = strcmp(args, "full") == 0 ? 0 : lim.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &lim) == 0;
}

static bool
do_quit(struct host *h, const char *args)
{
	(void)args;
	h->quit = true;
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct host *h, const char *args);
} commands[] = {
	{ "clock", do_clock },
	{ "open", do_open },
	{ "dump", do_dump },
	{ "flush", do_flush },
	{ "reload", do_reload },
	{ "disk", do_disk },
	{ "quit", do_quit },
};

static bool
run(struct host *h, char *command)
{
	char *args = strchr(command, ' ');

	if (args)
		*args++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, command) == 0)
			return commands[i].run(h, args ? args : "");
	buf_printf(&h->answer, "what is %s?", command);
	return false;
}

/* --- the ear ------------------------------------------------------------------------------------- */

/* One command, with the descriptor that may come with it. */
static bool
hear(struct host *h, char command[COMMAND_MAX])
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} aux;
	struct iovec iov = { command, COMMAND_MAX - 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = aux.bytes,
		.msg_controllen = sizeof(aux.bytes) };
	const struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(h->control, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	command[n] = '\0';
	c = CMSG_FIRSTHDR(&msg);
	h->fd = -1;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&h->fd, CMSG_DATA(c), sizeof(h->fd));
	return true;
}

static void
tell(struct host *h, bool ok)
{
	struct str s = buf_str(&h->answer);
	struct iovec iov[] = { { (char[]){ ok ? '+' : '-' }, 1 }, { (void *)(uintptr_t)s.p, s.n } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (sendmsg(h->control, &msg, MSG_NOSIGNAL) < 0)
		h->quit = true;
	buf_reset(&h->answer);
}

/* story --engine DIR CONTROL MONO WALL */
int
engine_main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	static struct host h;
	char command[COMMAND_MAX];
	bool ok;

	if (argc != 6)
		return 2;
	sigaction(SIGXFSZ, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	log_open("engine", LOG_TO_STDERR, false);
	h.dir = argv[2];
	h.control = (int)strtol(argv[3], NULL, 10);
	clock_set((struct now){ strtoll(argv[4], NULL, 10), strtoll(argv[5], NULL, 10) });
	buf_init(&h.answer, ANSWER_MAX);
	ok = start(&h);
	tell(&h, ok);
	while (ok && !h.quit && hear(&h, command)) {
		bool did = run(&h, command);

		if (h.quit)
			break;
		tell(&h, did);
	}
	stop(&h);
	buf_fini(&h.answer);
	return ok ? 0 : 1;
}
