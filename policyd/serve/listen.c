/* SPDX-License-Identifier: ISC */
#include "serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "serve/endpoint.h"
#include "serve/repeats.h"

enum { SILENT = 300 /* s; then the kernel asks whether the peer's host is still there */ };

static int
parse_unix(struct str path, struct listen_addr *out, char *why, size_t why_len)
{
	struct sockaddr_un *un = &out->u.un;

	if (path.n == 0 || path.p[0] != '/')
		return err_why(ERR_SYNTAX, why, why_len, "a unix socket wants an absolute path");
	if (path.n >= sizeof(un->sun_path))
		return err_why(ERR_RANGE, why, why_len, "the path of a unix socket has at most %zu bytes",
		    sizeof(un->sun_path) - 1);
	if (path.p[path.n - 1] == '/')
		return err_why(
		    ERR_SYNTAX, why, why_len, "the path of a unix socket names a file, not a folder");
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.p, path.n);
	out->len = sizeof(*un);
	return 0;
}

static int
parse_inet(struct str s, struct listen_addr *out, char *why, size_t why_len)
{
	size_t colon = str_rfind(s, ':');
	struct str host = str_sub(s, 0, colon);
	char text[INET6_ADDRSTRLEN];
	uint64_t port;
	bool v6 = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';

	if (v6)
		host = str_sub(host, 1, host.n - 1);
	if (colon == s.n || host.n == 0 || str_u64(str_sub(s, colon + 1, s.n), &port) != 0)
		return err_why(ERR_SYNTAX, why, why_len, "expected inet:ADDRESS:PORT or inet:[ADDRESS]:PORT");
	if (port < 1 || port > 65535)
		return err_why(ERR_RANGE, why, why_len, "a port is 1 to 65535");
	if (str_eq(host, STR("*")))
		host = STR("0.0.0.0");
	snprintf(text, sizeof(text), "%.*s", STR_FMT(host));
	if (v6) {
		out->u.in6 =
		    (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
		out->len = sizeof(out->u.in6);
	} else {
		out->u.in4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
		out->len = sizeof(out->u.in4);
	}
	if (host.n >= sizeof(text) ||
	    (v6 ? inet_pton(AF_INET6, text, &out->u.in6.sin6_addr)
		: inet_pton(AF_INET, text, &out->u.in4.sin_addr)) != 1)
		return err_why(ERR_SYNTAX, why, why_len,
		    "\"%s\" is not a numeric address (IPv6 stands in brackets)", text);
	return 0;
}

int
listen_parse(const char *spec, struct listen_addr *out, char *why, size_t why_len)
{
	struct str s = str_of(spec);
	struct listen_addr a = { .len = 0 };
	int rc;

	if (str_cut_front(&s, STR("unix:"))) {
		rc = parse_unix(s, &a, why, why_len);
	} else if (str_cut_front(&s, STR("inet:"))) {
		rc = parse_inet(s, &a, why, why_len);
	} else {
		snprintf(why, why_len, "expected unix:/PATH or inet:ADDRESS:PORT");
		rc = ERR_SYNTAX;
	}
	if (rc == 0)
		*out = a;
	return rc;
}

/* The last folder of the path, made when it alone is missing. ERR_NOENT: not there, and not to be made. */
static int
make_dir(struct listener *l, char *why, size_t why_len)
{
	char dir[sizeof(l->addr.u.un.sun_path)];
	char *slash;

	memcpy(dir, l->addr.u.un.sun_path, sizeof(dir));
	slash = strrchr(dir, '/');
	if (slash == dir)
		return 0;
	*slash = '\0';
	if (mkdir(dir, 0755) == 0) {
		l->made_dir = true;
		if (chmod(dir, 0755) == 0) /* whatever the umask */
			return 0;
	} else if (errno == EEXIST) {
		return 0;
	}
	return err_why(ERR_NOENT, why, why_len, "cannot make the folder %s: %s", dir, strerror(errno));
}

static struct listener *
listener_of(struct list *node)
{
	return container_of(node, struct listener, node);
}

/* The file of its address is the one that it made. */
static bool
has_file(const struct listener *l)
{
	struct stat st;

	return l->ino && lstat(l->addr.u.un.sun_path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino;
}

/* Our own listener whose file this is, or NULL. */
static const struct listener *
file_of(const struct listeners *set, const struct stat *st)
{
	LIST_FOREACH (node, &set->all) {
		const struct listener *l = listener_of(node);

		if (l->ino == st->st_ino && l->dev == st->st_dev && has_file(l))
			return l;
	}
	return NULL;
}

/* A socket that nobody serves any more is removed; one that answers is left alone. */
static int
clear_stale(const struct listeners *set, const struct listen_addr *a, char *why, size_t why_len)
{
	const char *path = a->u.un.sun_path;
	const struct listener *own;
	struct stat st;
	int fd, rc, err;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_why(ERR_IO, why, why_len, "cannot look at %s: %s", path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return err_why(ERR_EXISTS, why, why_len, "%s is there and is not a socket", path);
	own = file_of(set, &st);
	if (own)
		return err_why(ERR_BUSY, why, why_len, "%s is the socket of the %s door until a restart",
		    path, own->ep->name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_why(ERR_IO, why, why_len, "cannot make a socket: %s", strerror(errno));
	rc = connect(fd, &a->u.sa, a->len);
	err = errno;
	close(fd);
	if (rc == 0 || err == EAGAIN)
		return err_why(ERR_BUSY, why, why_len, "another policyd-storm is running on %s", path);
	if (err != ECONNREFUSED || (unlink(path) < 0 && errno != ENOENT))
		return err_why(ERR_IO, why, why_len, "cannot replace %s: %s", path,
		    strerror(err != ECONNREFUSED ? err : errno));
	return 0;
}

static mode_t
mode_of(const struct listener *l, mode_t mode)
{
	return l->ep->mode ? l->ep->mode : mode;
}

static int
bind_unix(struct listener *l, mode_t mode)
{
	struct stat st;
	const char *path = l->addr.u.un.sun_path;

	/* Linux gives the file the mode of the socket, cut by the umask: never wider than wanted in
	 * between. */
	(void)fchmod(l->fd, mode);
	if (bind(l->fd, &l->addr.u.sa, l->addr.len) < 0)
		return -1;
	if (lstat(path, &st) == 0) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	return chmod(path, mode);
}

/* Those that are accepted have it from here. A host that lost its power says no good-bye, and a milter
 * connection amid a message may be silent for hours. */
static void
keep_alive(int fd)
{
	int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
#ifdef TCP_KEEPIDLE
	on = SILENT;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &on, sizeof(on));
#endif
}

static int
bind_inet(struct listener *l)
{
	int on = 1;

	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	keep_alive(l->fd);
	if (l->addr.u.sa.sa_family == AF_INET6 &&
	    setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -1;
	return bind(l->fd, &l->addr.u.sa, l->addr.len);
}

static int
listener_open(struct listener *l, mode_t mode, char *why, size_t why_len)
{
	bool is_unix;
	int rc;

	rc = listen_parse(l->spec, &l->addr, why, why_len);
	if (rc != 0)
		return rc;
	is_unix = l->addr.u.sa.sa_family == AF_UNIX;
	if (is_unix) {
		rc = make_dir(l, why, why_len);
		if (rc == 0)
			rc = clear_stale(l->set, &l->addr, why, why_len);
		if (rc != 0)
			return rc;
	}
	l->fd = socket(l->addr.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = l->fd < 0 ? -1 : is_unix ? bind_unix(l, mode_of(l, mode)) : bind_inet(l);
	if (rc == 0)
		rc = listen(l->fd, SOMAXCONN);
	if (rc == 0)
		return 0;
	return err_why(ERR_IO, why, why_len, "cannot listen on %s: %s", l->spec, strerror(errno));
}

static void
listeners_rearm(struct listeners *set)
{
	LIST_FOREACH (node, &set->all) {
		struct listener *l = listener_of(node);

		if (set->rest_until || (set->full && !l->ep->always))
			ev_io_stop(set->loop, &l->io);
		else
			ev_io_start(set->loop, &l->io);
	}
}

static void
listeners_rest(struct listeners *set, const char *why)
{
	if (set->now >= set->tell_at) {
		log_error("cannot accept connections: %s; trying again every second", why);
		set->tell_at = set->now + REPEATS_EVERY;
	}
	set->rest_until = set->now + MS_SEC;
	listeners_rearm(set);
}

/* What accept() says about the one connection that it was about; all else is about us. */
static bool
one_lost(int err)
{
	return err == EINTR || err == ECONNABORTED || err == EPROTO || err == EPERM || err == ENETDOWN ||
	    err == EHOSTUNREACH || err == ENETUNREACH || err == EHOSTDOWN || err == ENONET ||
	    err == ENOPROTOOPT;
}

/* false: nobody waits, or nobody else is to be let in now. */
static bool
let_in(struct listener *l)
{
	struct listeners *set = l->set;
	struct listen_addr peer;
	int on = 1, fd;

	for (int i = 0; i < LISTEN_BURST; i++) {
		peer.len = sizeof(peer.u);
		fd = accept4(l->fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && one_lost(errno))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				listeners_rest(set, strerror(errno));
			return false;
		}
		if (l->addr.u.sa.sa_family != AF_UNIX)
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (!set->accepted(set->arg, l->ep, fd, &peer.u.sa, peer.len))
			return false;
	}
	return true;
}

static void
listener_event(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct listener *l = container_of(io, struct listener, io);

	(void)loop;
	/* The kernel had no memory to watch it, and libev has given it up. */
	if (revents & EV_ERROR)
		listeners_rest(l->set, "the event loop cannot watch");
	else
		(void)let_in(l);
}

static void
listener_free(struct listener *l)
{
	bool more = ev_is_active(&l->io);

	/* Who connected while it was open is let in, for nobody would answer him. More did not wait. */
	for (int n = 0; more && n < SOMAXCONN; n += LISTEN_BURST)
		more = let_in(l);
	ev_io_stop(l->set->loop, &l->io);
	if (l->fd >= 0)
		close(l->fd);
	if (has_file(l))
		(void)unlink(l->addr.u.un.sun_path); /* where we may not, the next start clears it */
	list_del(&l->node);
	xfree(l->spec);
	xfree(l);
}

void
listeners_init(struct listeners *set, struct ev_loop *loop)
{
	*set = (struct listeners){ .loop = loop, .spare = -1, .now = clock_now().mono };
	list_init(&set->all);
	listeners_lend_spare(set, false);
}

void
listeners_fini(struct listeners *set)
{
	LIST_FOREACH_SAFE (node, after, &set->all)
		listener_free(listener_of(node));
	listeners_lend_spare(set, true);
}

static struct listener *
find(struct listeners *set, const struct endpoint *ep, const char *spec)
{
	LIST_FOREACH (node, &set->all) {
		struct listener *l = listener_of(node);

		if (l->ep == ep && strcmp(l->spec, spec) == 0)
			return l;
	}
	return NULL;
}

static struct listener *
listener_new(struct listeners *set, const struct endpoint *ep, const char *spec)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->set = set;
	l->ep = ep;
	l->spec = xstrdup(spec);
	l->fd = -1;
	list_init(&l->node);
	ev_init(&l->io, listener_event);
	return l;
}

/* Its file was removed, so nobody can reach it: another takes its place if that can be had. */
static void
reopen(struct listener *l, mode_t mode, struct list *fresh)
{
	struct listener *another = listener_new(l->set, l->ep, l->spec);
	char why[512];

	if (listener_open(another, mode, why, sizeof(why)) == 0) {
		list_add_tail(fresh, &another->node);
		another->stays = true;
		return;
	}
	log_warn("the file of %s is gone, and cannot be made again: %s", l->spec, why);
	listener_free(another);
	l->stays = true;
}

/* Opens what is missing onto `fresh`, marks what stays. A folder that is not there belongs to an MTA that is
 * not there either: the door does without it while it has another address. */
static int
open_wanted(struct listeners *set, const struct listen_want *w, mode_t mode, struct list *fresh, char *why,
    size_t why_len)
{
	unsigned left_out = 0;

	for (unsigned i = 0; i < w->n; i++) {
		struct listener *l = find(set, w->ep, w->specs[i]);
		int rc = 0;

		if (l && l->ino && !has_file(l)) {
			reopen(l, mode, fresh);
			continue;
		}
		if (!l) {
			l = listener_new(set, w->ep, w->specs[i]);
			list_add_tail(fresh, &l->node);
			rc = listener_open(l, mode, why, why_len);
		}
		if (rc == ERR_NOENT && ++left_out < w->n) {
			log_warn("not listening door=%s on=%s: %s", w->ep->name, w->specs[i], why);
			listener_free(l);
			continue;
		}
		if (rc != 0)
			return rc == ERR_NOENT ? ERR_IO : rc;
		l->stays = true;
	}
	return 0;
}

static void
adopt(struct listeners *set, struct list *fresh)
{
	LIST_FOREACH_SAFE (node, after, fresh) {
		struct listener *l = listener_of(node);

		list_del(node);
		list_add_tail(&set->all, node);
		ev_io_set(&l->io, l->fd, EV_READ);
		log_info("listening door=%s on=%s", l->ep->name, l->spec);
	}
}

int
listeners_set(struct listeners *set, const struct listen_want *want, unsigned n_want, mode_t mode, char *why,
    size_t why_len)
{
	struct list fresh;
	int rc = 0;

	list_init(&fresh);
	LIST_FOREACH (node, &set->all)
		listener_of(node)->stays = false;
	for (unsigned i = 0; i < n_want && rc == 0; i++)
		rc = open_wanted(set, &want[i], mode, &fresh, why, why_len);
	if (rc != 0) {
		LIST_FOREACH_SAFE (node, after, &fresh)
			listener_free(listener_of(node));
		return rc;
	}
	LIST_FOREACH_SAFE (node, after, &set->all) {
		struct listener *l = listener_of(node);

		if (!l->stays) {
			log_info("closed listener door=%s on=%s", l->ep->name, l->spec);
			listener_free(l);
		} else if (has_file(l) && chmod(l->addr.u.un.sun_path, mode_of(l, mode)) < 0) {
			log_warn("cannot set the mode of %s: %s", l->spec, strerror(errno));
		}
	}
	adopt(set, &fresh);
	listeners_rearm(set);
	return 0;
}

static int
give(struct listener *l, uid_t uid, gid_t gid)
{
	char dir[sizeof(l->addr.u.un.sun_path)];

	if (lchown(l->addr.u.un.sun_path, uid, gid) < 0)
		return -1;
	if (!l->made_dir)
		return 0;
	memcpy(dir, l->addr.u.un.sun_path, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	return lchown(dir, uid, gid);
}

int
listeners_give(struct listeners *set, uid_t uid, gid_t gid, char *why, size_t why_len)
{
	LIST_FOREACH (node, &set->all) {
		struct listener *l = listener_of(node);

		if (l->addr.u.sa.sa_family == AF_UNIX && give(l, uid, gid) < 0)
			return err_why(ERR_IO, why, why_len, "cannot change the owner of %s: %s", l->spec,
			    strerror(errno));
	}
	return 0;
}

void
listeners_full(struct listeners *set, bool full)
{
	if (set->full == full)
		return;
	set->full = full;
	listeners_rearm(set);
}

void
listeners_tick(struct listeners *set)
{
	if (!set->rest_until || set->now < set->rest_until)
		return;
	set->rest_until = 0;
	listeners_rearm(set);
}

void
listeners_lend_spare(struct listeners *set, bool lend)
{
	if (lend && set->spare >= 0) {
		close(set->spare);
		set->spare = -1;
	} else if (!lend && set->spare < 0) {
		set->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
}
