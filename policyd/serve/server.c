/* SPDX-License-Identifier: ISC */
/* The loop. Each turn: the clock is read once (check), connections do what they can (io), those that used
 * up their share get another and the dead are freed (prepare). A tick a second does all that can wait. */
#include "serve/serve.h"

#include <errno.h>
#include <ev.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "serve/busy_poll.h"
#include "serve/conn.h"
#include "serve/listen.h"
#include "serve/notify.h"

enum {
	STATUS_EVERY = 10 * MS_SEC,
	KERNEL_RETRY = 10,        /* ms */
	STOOD_STILL = 3 * MS_SEC, /* from one tick to the next */
	HEAR_FIRST = 2 * MS_SEC,  /* then */
};

struct server {
	struct ev_loop *loop;
	struct engine *engine; /* not owned */
	struct pool pool;
	struct listeners listeners;
	struct notify notify;
	struct ev_check clock;
	struct ev_prepare turn;
	struct ev_idle hurry; /* only keeps the loop from sleeping */
	struct busy_poll busy_poll;
	struct ev_timer tick, half_tick;
	server_reload_fn *reload;
	void *reload_arg;
	uint32_t max_connections;
	int64_t drain;
	int64_t drain_until; /* mono ms, 0 = serving */
	int64_t status_at, alive_at, full_told_at;
	int64_t ticked_at, hear_until; /* mono ms */
};

/*
 * A bit for each signal that came. libev would write it to a pipe that the kernel has to watch: where that is
 * refused, none is ever heard again. Whatever the loop waits for is interrupted by one.
 */
static atomic_uint signals;

static void
note_signal(int signum)
{
	atomic_fetch_or(&signals, 1U << signum);
}

static void
see_clock(struct server *s)
{
	s->pool.now = clock_now();
	s->listeners.now = s->pool.now.mono;
}

/* Listeners rest at max_connections and go on at 90 % of it. */
static void
see_room(struct server *s)
{
	if (!s->listeners.full && s->pool.live >= s->max_connections) {
		s->pool.console.full++;
		if (!s->full_told_at || s->pool.now.mono - s->full_told_at >= REPEATS_EVERY) {
			log_warn("all %u connections are in use, others have to wait", s->max_connections);
			s->full_told_at = s->pool.now.mono;
		}
		listeners_full(&s->listeners, true);
	} else if (s->listeners.full && s->pool.live <= s->max_connections - (s->max_connections + 9) / 10) {
		listeners_full(&s->listeners, false);
	}
}

static bool
accepted(void *arg, const struct endpoint *ep, int fd, const struct sockaddr *peer, socklen_t len)
{
	struct server *s = arg;

	conn_new(&s->pool, ep, fd, peer, len);
	see_room(s);
	return !s->listeners.full;
}

static void
on_turn(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct server *s = container_of(w, struct server, turn);
	bool more = pool_turn(&s->pool);

	(void)revents;
	if (busy_poll_on(&s->busy_poll, s->pool.served, shares_alone(&s->pool.shares), clock_us()) || more ||
	    atomic_load(&signals))
		ev_idle_start(loop, &s->hurry);
	else
		ev_idle_stop(loop, &s->hurry);
	if (s->drain_until) {
		if (s->pool.live == 0)
			ev_break(loop, EVBREAK_ALL);
		return;
	}
	see_room(s);
}

static void
on_hurry(struct ev_loop *loop, struct ev_idle *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
}

static void
on_half_tick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct server *s = container_of(w, struct server, half_tick);

	(void)loop;
	(void)revents;
	engine_half_tick(s->engine, s->pool.now);
}

static void
tell_manager(struct server *s)
{
	int64_t now = s->pool.now.mono;

	if (s->notify.watchdog && now - s->alive_at >= s->notify.watchdog - MS_SEC) {
		notify_try(&s->notify, "WATCHDOG=1\n");
		s->alive_at = now;
	}
	if (s->drain_until || now - s->status_at < STATUS_EVERY)
		return;
	s->status_at = now;
	notify_try(&s->notify,
	    "STATUS=%u connections, %" PRIu64 " requests, %" PRIu64 " messages, %" PRIu64 " stopped\n",
	    s->pool.live, s->pool.requests, s->engine->stats.messages, s->engine->stats.stopped);
}

/* After a time in which nothing was heard, since the process was stopped, the machine slept or a reload
 * waited for a name service, nobody is late before he could be heard. */
static void
expire(struct server *s)
{
	int64_t now = s->pool.now.mono;

	if (now - s->ticked_at > STOOD_STILL)
		s->hear_until = now + HEAR_FIRST;
	s->ticked_at = now;
	if (now >= s->hear_until)
		pool_tick(&s->pool);
}

static void
on_tick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct server *s = container_of(w, struct server, tick);

	(void)revents;
	expire(s);
	listeners_tick(&s->listeners);
	engine_tick(s->engine, s->pool.now);
	tell_manager(s);
	if (s->drain_until && s->pool.now.mono >= s->drain_until) {
		log_warn("stopping although %u connections have a request under way", s->pool.live);
		ev_break(loop, EVBREAK_ALL);
	}
}

static void
stop(struct server *s, int signum)
{
	if (s->drain_until) {
		ev_break(s->loop, EVBREAK_ALL);
		return;
	}
	notify_send(&s->notify, "STOPPING=1\nSTATUS=finishing requests under way\n");
	listeners_fini(&s->listeners);
	pool_drain(&s->pool);
	log_info("stopping signal=%d requests_under_way=%u", signum, s->pool.live);
	s->drain_until = s->pool.now.mono + s->drain;
	if (s->drain_until == 0)
		s->drain_until = 1;
}

static void
reload(struct server *s)
{
	if (!s->reload || s->drain_until)
		return;
	notify_reloading(&s->notify);
	listeners_lend_spare(&s->listeners, true);
	s->reload(s->reload_arg);
	listeners_lend_spare(&s->listeners, false);
	see_clock(s);
	notify_send(&s->notify, "READY=1\n");
}

static void
on_clock(struct ev_loop *loop, struct ev_check *w, int revents)
{
	struct server *s = container_of(w, struct server, clock);
	unsigned came = atomic_exchange(&signals, 0);

	(void)loop;
	(void)revents;
	see_clock(s);
	busy_poll_woke(&s->busy_poll, clock_us());
	if (came & 1U << SIGHUP)
		reload(s);
	if (came & (1U << SIGTERM | 1U << SIGINT))
		stop(s, came & 1U << SIGTERM ? SIGTERM : SIGINT);
}

static int
set_listeners(struct server *s, const struct serve_conf *conf, char *why, size_t why_len)
{
	char *control = conf->control;
	const struct listen_want want[] = {
		{ &ep_policy, conf->policy.v, conf->policy.n },
		{ &ep_milter, conf->milter.v, conf->milter.n },
		{ &ep_control, &control, control != NULL },
	};

	return listeners_set(&s->listeners, want, ARRAY_LEN(want), (mode_t)conf->socket_mode, why, why_len);
}

static void
take_limits(struct server *s, const struct serve_conf *conf)
{
	s->pool.idle_timeout = conf->idle_timeout;
	s->pool.request_timeout = conf->request_timeout;
	s->max_connections = conf->max_connections ? conf->max_connections : 1;
	s->pool.console.max_connections = s->max_connections;
	s->drain = conf->drain;
}

static void
watch(struct server *s)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction note = { .sa_handler = note_signal, .sa_flags = SA_RESTART };

	atomic_store(&signals, 0);
	sigaction(SIGTERM, &note, NULL);
	sigaction(SIGINT, &note, NULL);
	sigaction(SIGHUP, &note, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL); /* a file size limit is a full disk, not the end */
	ev_check_init(&s->clock, on_clock);
	ev_set_priority(&s->clock, EV_MAXPRI); /* before all that want to know the time */
	ev_check_start(s->loop, &s->clock);
	ev_prepare_init(&s->turn, on_turn);
	ev_prepare_start(s->loop, &s->turn);
	ev_idle_init(&s->hurry, on_hurry);
	ev_timer_init(&s->tick, on_tick, 1., 1.);
	ev_timer_start(s->loop, &s->tick);
	ev_timer_init(&s->half_tick, on_half_tick, 1.5, 1.);
	ev_timer_start(s->loop, &s->half_tick);
}

int
server_new(
    const struct serve_conf *conf, struct engine *engine, struct server **out, char *why, size_t why_len)
{
	sigset_t all, old;
	struct server *s;
	int rc;

	s = xcalloc(1, sizeof(*s));
	s->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!s->loop) {
		snprintf(why, why_len, "the event loop cannot be set up");
		xfree(s);
		return ERR_IO;
	}
	s->engine = engine;
	pool_init(&s->pool, s->loop, engine);
	busy_poll_init(&s->busy_poll);
	listeners_init(&s->listeners, s->loop);
	s->listeners.accepted = accepted;
	s->listeners.arg = s;
	notify_init(&s->notify);
	take_limits(s, conf);
	/* Who finds it listening may stop it already: the signal waits until it is watched for. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	rc = set_listeners(s, conf, why, why_len);
	if (rc == 0)
		watch(s);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void
end_now(int signum)
{
	(void)signum;
	_exit(0);
}

/* What is still to be written may take its time: a reload is of no use any more, and a second signal to stop
 * ends the waiting. */
static void
unwatch(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, end = { .sa_handler = end_now };

	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
}

void
server_free(struct server *s)
{
	if (!s)
		return;
	listeners_fini(&s->listeners);
	pool_fini(&s->pool, "shutting down");
	notify_fini(&s->notify);
	unwatch();
	ev_loop_destroy(s->loop);
	xfree(s);
}

int
server_give(struct server *s, uid_t uid, gid_t gid, char *why, size_t why_len)
{
	return listeners_give(&s->listeners, uid, gid, why, why_len);
}

void
server_on_reload(struct server *s, server_reload_fn *fn, void *arg)
{
	s->reload = fn;
	s->reload_arg = arg;
}

int
server_reconfigure(struct server *s, const struct serve_conf *conf, char *why, size_t why_len)
{
	int rc = set_listeners(s, conf, why, why_len);

	if (rc == 0)
		take_limits(s, conf);
	return rc;
}

/* libev would end the process; who returns is asked to wait for the kernel. */
static void
on_kernel_error(const char *call)
{
	static int64_t told_at;
	int err = errno;
	int64_t now = clock_now().mono;

	if (!told_at || now - told_at >= REPEATS_EVERY) {
		log_error("the event loop tries again: %s: %s", call, strerror(err));
		told_at = now;
	}
	usleep(KERNEL_RETRY * 1000);
}

void
server_run(struct server *s)
{
	ev_set_syserr_cb(on_kernel_error);
	see_clock(s);
	s->alive_at = s->status_at = s->ticked_at = s->pool.now.mono;
	notify_send(&s->notify, "READY=1\nSTATUS=serving\n");
	ev_run(s->loop, 0);
}

int
server_check_address(const char *spec, char *why, size_t why_len)
{
	struct listen_addr a;

	return listen_parse(spec, &a, why, why_len);
}

void
server_library(char *out, size_t size)
{
	snprintf(out, size, "libev %d.%02d", ev_version_major(), ev_version_minor());
}

void
server_set_config(struct server *s, const char *path, bool enforce)
{
	struct console *con = &s->pool.console;

	con->config = path;
	con->enforce = enforce;
	con->configured = clock_now();
}

unsigned
server_max_connections(const struct server *s)
{
	return s->max_connections;
}
