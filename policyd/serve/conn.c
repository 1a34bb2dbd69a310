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
conn_log(const struct conn *c, enum conn_reason reason, const char *what)
{
	char peer[CONN_PEER_MAX], line[512];
	int64_t age = c->pool->now.mono - c->opened;

	snprintf(line, sizeof(line), "closed door=%s peer=%s reason=%s age=%lld.%03llds requests=%llu%s%s",
	    c->ep->name, conn_peer(c, peer), reasons[reason].name, (long long)(age / 1000),
	    (long long)(age % 1000), (unsigned long long)c->requests, what[0] ? " what=" : "",
	    what[0] ? LOGV(str_of(what)) : "");
	if (reasons[reason].warn)
		log_warn("%s", line);
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

static void
conn_free(struct conn *c)
{
	list_del(&c->node);
	buf_fini(&c->in);
	buf_fini(&c->out);
	msg_fini(&c->msg);
	arena_fini(&c->arena);
	xfree(c);
}

/* Empty memory changes hands, or goes when the other side has some. */
static void
pass_buf(struct buf *from, struct buf *to)
{
	if (!from->data)
		return;
	if (to->data || from->cap > CONN_KEEP) {
		buf_fini(from);
		return;
	}
	to->data = from->data;
	to->cap = from->cap;
	to->start = to->len = from->start = from->cap = 0;
	from->data = NULL;
}

static void
pass_arena(struct arena *from, struct arena *to)
{
	if (to->first) {
		arena_fini(from);
		return;
	}
	to->first = from->first;
	to->last = from->last;
	to->used = 0;
	from->first = from->last = NULL;
}

static void
conn_borrow(struct conn *c)
{
	if (!c->in.data)
		pass_buf(&c->pool->in, &c->in);
	if (!c->out.data)
		pass_buf(&c->pool->out, &c->out);
	if (!c->arena.first)
		pass_arena(&c->pool->arena, &c->arena);
}

static void
conn_give_back(struct conn *c)
{
	if (c->in.len == 0)
		pass_buf(&c->in, &c->pool->in);
	if (c->out.len == 0)
		pass_buf(&c->out, &c->pool->out);
	if (c->arena.used || c->ep->busy(c))
		return;
	pass_arena(&c->arena, &c->pool->arena);
	buf_fini(&c->msg.header.field);
}

/* After FEED_MORE: does the wait belong to a request or to none? A packet or request that was eaten whole
 * starts the clock anew; more bytes of the same one do not. */
static void
conn_note_wait(struct conn *c, size_t before)
{
	enum conn_state state = c->in.len ? CONN_READ : CONN_IDLE;

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
		c->ep->reply(c);
		break;
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
	if (c->out.failed) {
		conn_close(c, CLOSE_BROKEN, "the reply is larger than %zu bytes", c->out.max);
		return false;
	}
	if (c->out.len || c->last)
		conn_set_state(c, CONN_FLUSH);
	return true;
}

static bool
conn_flush(struct conn *c)
{
	while (c->out.len) {
		struct str s = buf_str(&c->out);
		ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n >= 0) {
			c->heard = false;
			buf_consume(&c->out, (size_t)n);
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

static void
conn_queue(struct conn *c)
{
	struct pool *p = c->pool;

	list_add_tail(&p->waiting[share_ask(&c->share, &p->shares)], &c->again);
}

void
conn_step(struct conn *c)
{
	bool more = c->state != CONN_DEAD;
	unsigned steps;

	if (!more)
		return;
	conn_borrow(c);
	for (steps = 0; more && steps < CONN_STEPS; steps++)
		more = c->state == CONN_FLUSH ? conn_flush(c) : conn_advance(c);
	list_del(&c->again);
	share_use(&c->share, &c->pool->shares, steps);
	if (c->state == CONN_DEAD)
		return;
	conn_give_back(c);
	if (c->state == CONN_IDLE || c->state == CONN_READ)
		ack_now(c);
	if (more)
		conn_queue(c);
	conn_rearm(c);
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
		conn_queue(c);
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

static struct conn *
conn_of(struct list *node)
{
	return container_of(node, struct conn, node);
}

void
pool_init(struct pool *p, struct ev_loop *loop, struct engine *engine)
{
	*p = (struct pool){ .loop = loop, .engine = engine, .now = clock_now() };
	for (int i = 0; i < CONN_STATES; i++)
		list_init(&p->states[i]);
	console_init(&p->console, engine, p->now);
	for (int rank = 0; rank < SHARE_RANKS; rank++)
		list_init(&p->waiting[rank]);
	p->turn_us = POOL_TURN_US;
	buf_init(&p->in, 0);
	buf_init(&p->out, 0);
	arena_init(&p->arena, 0);
}

static void
pool_bury(struct pool *p)
{
	LIST_FOREACH_SAFE (node, after, &p->states[CONN_DEAD])
		conn_free(conn_of(node));
}

void
pool_fini(struct pool *p, const char *why)
{
	for (int i = 0; i < CONN_DEAD; i++)
		LIST_FOREACH_SAFE (node, after, &p->states[i])
			conn_close(conn_of(node), CLOSE_STOP, "%s", why);
	pool_bury(p);
	buf_fini(&p->in);
	buf_fini(&p->out);
	arena_fini(&p->arena);
}

/* In their order, at least one, for `us`. Those that come back wait for the next turn, behind those that are
 * left. */
static void
pool_serve(struct list *who, int64_t us)
{
	int64_t begun = clock_us();
	struct list now;

	if (list_empty(who))
		return;
	list_init(&now);
	list_splice(&now, who);
	do
		conn_step(container_of(now.next, struct conn, again));
	while (!list_empty(&now) && (us == INT64_MAX || clock_us() - begun < us));
	list_splice(who, &now);
}

/* How long a turn may take for those that are not modest: not long, so that it is soon seen who else came,
 * shorter while somebody modest goes on with what he began, and longer where all ask alike. To see those
 * again that wait already takes time too: the more they are, the longer it is. */
static int64_t
pool_patience(const struct pool *p, int64_t now)
{
	if (shares_alike(&p->shares, p->live))
		return p->turn_us * POOL_TURN_ALIKE + p->seen_again;
	return (p->turn_us + p->seen_again / 4) / (now - p->modest_at < POOL_GOES_ON_US ? 4 : 1);
}

bool
pool_turn(struct pool *p)
{
	int64_t now = clock_us(), us;
	bool more = false;

	if (!list_empty(&p->waiting[SHARE_FIRST]))
		p->modest_at = now;
	us = pool_patience(p, now);
	p->seen_again = 0;
	for (int rank = 0; rank < SHARE_RANKS; rank++)
		pool_serve(&p->waiting[rank], rank == SHARE_FIRST ? INT64_MAX : us);
	pool_bury(p);
	for (int rank = 0; rank < SHARE_RANKS; rank++)
		more = more || !list_empty(&p->waiting[rank]);
	return more;
}

static void
pool_expire(struct pool *p, enum conn_state state, int64_t timeout, enum conn_reason reason)
{
	LIST_FOREACH_SAFE (node, after, &p->states[state]) {
		struct conn *c = conn_of(node);

		if (p->now.mono - c->since < timeout)
			return;
		conn_close(c, reason, "after %lld ms", (long long)(p->now.mono - c->since));
	}
}

void
pool_tick(struct pool *p)
{
	pool_expire(p, CONN_IDLE, p->idle_timeout, CLOSE_IDLE);
	pool_expire(p, CONN_READ, p->request_timeout, CLOSE_SLOW);
	pool_expire(p, CONN_FLUSH, p->request_timeout, CLOSE_STUCK);
}

void
pool_drain(struct pool *p)
{
	unsigned n = 0;

	/* A step may put its connection back at the end of the list: each gets one. */
	LIST_FOREACH (node, &p->states[CONN_IDLE])
		n++;
	LIST_FOREACH_SAFE (node, after, &p->states[CONN_IDLE]) {
		if (n-- == 0)
			break;
		conn_step(conn_of(node));
	}
	p->draining = true;
	LIST_FOREACH_SAFE (node, after, &p->states[CONN_IDLE]) {
		struct conn *c = conn_of(node);

		if (list_empty(&c->again) && !c->ep->busy(c))
			conn_close(c, CLOSE_STOP, NULL);
	}
}
