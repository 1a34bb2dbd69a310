/* SPDX-License-Identifier: ISC */
#include "serve/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "serve/pool.h"

#ifndef ev_io_modify /* before libev 4.33 */
#define ev_io_modify(w, what) ev_io_set(w, (w)->fd, what)
#endif

static const struct {
	const char *name;
	bool warn;
} reasons[CLOSE_REASONS] = {
	[CLOSE_DONE] = { "done", false },
	[CLOSE_IDLE] = { "idle", false },
	[CLOSE_SLOW] = { "slow", true },
	[CLOSE_STUCK] = { "stuck", true },
	[CLOSE_CUT] = { "cut", true },
	[CLOSE_BROKEN] = { "broken", true },
	[CLOSE_LOST] = { "lost", false },
	[CLOSE_STOP] = { "stop", false },
};

const char *
conn_peer(const struct conn *c, char text[CONN_PEER_MAX])
{
	char host[INET6_ADDRSTRLEN] = "?";
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	switch (c->peer.sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &c->peer.in4.sin_addr, host, sizeof(host));
		snprintf(text, CONN_PEER_MAX, "%s:%u", host, ntohs(c->peer.in4.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &c->peer.in6.sin6_addr, host, sizeof(host));
		snprintf(text, CONN_PEER_MAX, "[%s]:%u", host, ntohs(c->peer.in6.sin6_port));
		break;
	default:
		if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
			cred.pid = 0;
		snprintf(text, CONN_PEER_MAX, "unix:%ld", (long)cred.pid);
	}
	return text;
}

static void
conn_set_state(struct conn *c, enum conn_state state)
{
	list_del(&c->node);
	list_add_tail(&c->pool->states[state], &c->node);
	c->state = state;
	c->since = c->pool->now.mono;
}

/* The only place that touches the watcher. */
static void
conn_rearm(struct conn *c)
{
	int want = 0;

	if (c->state == CONN_FLUSH)
		want = EV_WRITE;
	else if (c->state != CONN_DEAD && !c->eof)
		want = EV_READ;
	if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == want)
		return;
	ev_io_stop(c->pool->loop, &c->io);
	if (!want)
		return;
	/* The same descriptor all its life: the kernel is told only when what is waited for has changed by
	 * the end of the loop turn. */
	ev_io_modify(&c->io, want);
	ev_io_start(c->pool->loop, &c->io);
}

static void
warn_line(const struct conn *c, const char *kind, const char *line)
{
	if (repeats_first(&c->pool->repeats, c->ep->name, kind, c->pool->now.mono))
		log_warn("%s", line);
	else
		log_debug("%s", line);
}

void
conn_warn(const struct conn *c, const char *kind, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	warn_line(c, kind, line);
}

static void
conn_log(const struct conn *c, enum conn_reason reason, const char *what)
{
	char peer[CONN_PEER_MAX], line[512];
	int64_t age = c->pool->now.mono - c->opened;

	snprintf(line, sizeof(line), "closed door=%s peer=%s reason=%s age=%lld.%03llds requests=%llu%s%s",
	    c->ep->name, conn_peer(c, peer), reasons[reason].name, (long long)(age / 1000),
	    (long long)(age % 1000), (unsigned long long)c->requests, what[0] ? " what=" : "",
	    what[0] ? LOGV(str_of(what)) : "");
	if (reasons[reason].warn)
		warn_line(c, c->why ? c->why : reasons[reason].name, line);
	else
		log_debug("%s", line);
}

void
conn_close(struct conn *c, enum conn_reason reason, const char *fmt, ...)
{
	char what[128] = "";
	va_list ap;

	if (c->state == CONN_DEAD)
		return;
	if (fmt) {
		va_start(ap, fmt);
		vsnprintf(what, sizeof(what), fmt, ap);
		va_end(ap);
	}
	conn_log(c, reason, what);
	c->ep->close(c);
	list_del(&c->again);
	conn_set_state(c, CONN_DEAD);
	conn_rearm(c);
	close(c->fd);
	c->fd = -1;
	c->pool->live--;
}

void
conn_free(struct conn *c)
{
	list_del(&c->node);
	buf_fini(&c->in);
	buf_fini(&c->out);
	msg_fini(&c->msg);
	arena_fini(&c->arena);
	xfree(c);
}

/* After FEED_MORE: does the wait belong to a request or to none? A packet or request that was eaten whole
 * starts the clock anew; more bytes of the same one do not. */
static void
conn_note_wait(struct conn *c, size_t before)
{
	bool begun = c->in.len && !(c->ep->unhurried && c->ep->unhurried(c));
	enum conn_state state = begun ? CONN_READ : CONN_IDLE;

	if (state != c->state || c->in.len != before)
		conn_set_state(c, state);
}

/* We wait for more of what the peer says; an answer would have acknowledged it by the way. Linux takes the
 * wish back by itself, so it is told each time; elsewhere the delay stays. */
static void
ack_now(struct conn *c)
{
#ifdef TCP_QUICKACK
	int on = 1;

	if (c->heard && c->ep->quick_ack && c->peer.sa.sa_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
#endif
	c->heard = false;
}

/* False: nothing more can be done now. */
static bool
conn_fill(struct conn *c)
{
	size_t room = c->in.len < CONN_CHUNK ? CONN_CHUNK : c->in.len;
	char *to;
	ssize_t n;

	if (room > CONN_CHUNK_MAX)
		room = CONN_CHUNK_MAX;
	if (c->in.max - c->in.len < room)
		room = c->in.max - c->in.len;
	to = room ? buf_reserve(&c->in, room) : NULL;
	if (!to) {
		conn_close(c, CLOSE_BROKEN, "more than %zu bytes without an end", c->in.max);
		return false;
	}
	n = read(c->fd, to, room);
	if (n < 0) {
		if (errno == EINTR)
			return true;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			conn_close(c, CLOSE_LOST, "%s", strerror(errno));
		return false;
	}
	if (n == 0)
		c->eof = true;
	buf_commit(&c->in, (size_t)n);
	c->heard = n > 0;
	c->emptied = n > 0 && (size_t)n < room;
	return true;
}

/* The codec needs more bytes. */
static bool
conn_more(struct conn *c, size_t before)
{
	bool emptied = c->emptied;

	conn_note_wait(c, before);
	c->emptied = false;
	if (c->eof) {
		if (c->in.len)
			conn_close(c, CLOSE_CUT, "%zu bytes of a request had come", c->in.len);
		else
			conn_close(c, CLOSE_DONE, NULL);
		return false;
	}
	if (c->pool->draining && c->state == CONN_IDLE && !c->ep->busy(c)) {
		conn_close(c, CLOSE_STOP, NULL);
		return false;
	}
	return emptied ? false : conn_fill(c);
}

/* What is to be said stands in c->out. */
static bool
conn_has_said(struct conn *c)
{
	if (c->out.failed) {
		conn_close(c, CLOSE_BROKEN, "the reply is larger than %zu bytes", c->out.max);
		return false;
	}
	if (c->out.len || c->last)
		conn_set_state(c, CONN_FLUSH);
	return true;
}

static bool
conn_advance(struct conn *c)
{
	size_t before = c->in.len;

	if (before == 0 && !c->eof && c->ep->only_bytes)
		return conn_more(c, before);
	switch (c->ep->feed(c)) {
	case FEED_MORE:
		return conn_more(c, before);
	case FEED_MSG:
		c->requests++;
		c->pool->requests++;
		c->asked = true;
		return false;
	case FEED_REPLY:
		if (!c->out.len)
			conn_set_state(c, CONN_IDLE); /* a whole packet that wants no answer */
		break;
	case FEED_CLOSE:
		c->last = true;
		break;
	case FEED_BAD:
		conn_close(c, CLOSE_BROKEN, "%s", c->why);
		return false;
	}
	return conn_has_said(c);
}

void
conn_sent(struct conn *c, ssize_t n)
{
	if (n == SEND_NOT_KNOWN) {
		conn_close(c, CLOSE_LOST, "what was sent is not known");
	} else if (n > 0) {
		c->heard = false;
		buf_consume(&c->out, (size_t)n);
	}
}

static bool
conn_flush(struct conn *c)
{
	while (c->out.len) {
		struct str s = buf_str(&c->out);
		ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n >= 0) {
			conn_sent(c, n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			conn_close(c, CLOSE_LOST, "%s", strerror(errno));
		return false;
	}
	if (c->last) {
		conn_close(c, CLOSE_DONE, NULL);
		return false;
	}
	conn_set_state(c, CONN_IDLE);
	return true;
}

/* What it waits for from now on. `more`: not for the peer. */
static void
conn_rest(struct conn *c, bool more)
{
	if (c->state == CONN_DEAD)
		return;
	pool_give_back(c->pool, c);
	if (c->state == CONN_IDLE || c->state == CONN_READ)
		ack_now(c);
	if (more)
		pool_queue(c->pool, c);
	conn_rearm(c);
}

static void
conn_stepped(struct conn *c, bool more)
{
	if (c->state == CONN_FLUSH)
		pool_answers(c->pool, c);
	else
		conn_rest(c, more);
}

void
conn_step(struct conn *c)
{
	bool more = c->state != CONN_DEAD, is_work;
	unsigned steps;

	if (!more)
		return;
	pool_borrow(c->pool, c);
	for (steps = 0; more && c->state != CONN_FLUSH && steps < CONN_STEPS; steps++)
		more = conn_advance(c);
	is_work = c->asked || c->state == CONN_FLUSH;
	list_del(&c->again);
	share_use(&c->share, &c->pool->shares, steps + (is_work ? CONN_ANSWER : 0));
	if (c->asked)
		pool_heard(c->pool, c);
	else
		conn_stepped(c, more);
}

void
conn_said(struct conn *c)
{
	c->asked = false;
	conn_stepped(c, conn_has_said(c));
}

void
conn_answer(struct conn *c)
{
	bool more;

	list_del(&c->again);
	more = conn_flush(c);
	/* Mostly that was all: it is not to wait for a turn to learn so. */
	if (more && c->in.len == 0)
		more = conn_advance(c);
	conn_rest(c, more);
}

static void
conn_event(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct conn *c = container_of(io, struct conn, io);

	(void)loop;
	if (revents & EV_ERROR) {
		conn_close(c, CLOSE_LOST, "the event loop cannot watch it");
		return;
	}
	if (list_empty(&c->again))
		pool_queue(c->pool, c);
	else
		c->pool->seen_again++;
}

struct conn *
conn_new(struct pool *p, const struct endpoint *ep, int fd, const struct sockaddr *peer, socklen_t peer_len)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->pool = p;
	c->ep = ep;
	c->fd = fd;
	c->opened = p->now.mono;
	c->peer.sa.sa_family = AF_UNIX;
	if (peer && peer->sa_family != AF_UNIX && peer_len <= sizeof(c->peer))
		memcpy(&c->peer, peer, peer_len);
	c->host = hosts_number(&c->peer.sa);
	buf_init(&c->in, ep->in_max);
	buf_init(&c->out, ep->out_max);
	arena_init(&c->arena, MSG_ARENA_MAX);
	msg_init(&c->msg, &c->arena, NULL);
	list_init(&c->node);
	list_init(&c->again);
	ev_io_init(&c->io, conn_event, fd, EV_NONE);
	share_init(&c->share, &p->shares);
	ep->open(c);
	p->live++;
	c->number = ++p->opened;
	conn_set_state(c, CONN_IDLE);
	conn_rearm(c);
	return c;
}
