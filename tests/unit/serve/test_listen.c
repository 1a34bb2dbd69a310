/* SPDX-License-Identifier: ISC */
/* Addresses, and listeners on real sockets in a folder of their own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "serve/endpoint.h"
#include "serve/listen.h"

TestSuite(listen, .timeout = 60);

static char dir[64], why[256];
static struct ev_loop *loop;
static struct listeners set;
static int got[256];
static unsigned n_got, n_errors;
static bool unwatched; /* the kernel watches no further descriptor */

/* In front of the C library's. */
int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (!unwatched)
		return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
	errno = ENOMEM;
	return -1;
}

static void
quiet(const char *level, const char *line)
{
	(void)line;
	n_errors += strcmp(level, "error") == 0;
}

static bool
take(void *arg, const struct endpoint *ep, int fd, const struct sockaddr *peer, socklen_t len)
{
	(void)arg;
	(void)ep;
	(void)peer;
	(void)len;
	got[n_got++] = fd;
	return true;
}

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/storm-listen.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	log_capture(quiet);
	loop = ev_loop_new(EVFLAG_AUTO);
	listeners_init(&set, loop);
	set.accepted = take;
	n_got = n_errors = 0;
	unwatched = false;
}

static void
teardown(void)
{
	static const char *const folders[] = { "new", "missing/folder", "missing", "plain/d.sock", "plain" };
	char made[128];

	for (unsigned i = 0; i < n_got; i++)
		close(got[i]);
	listeners_fini(&set);
	ev_loop_destroy(loop);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		snprintf(made, sizeof(made), "%s/%s", dir, folders[i]);
		rmdir(made);
	}
	cr_assert_eq(rmdir(dir), 0, "something was left in %s", dir);
}

static char *
in_dir(const char *before, const char *after)
{
	char text[256];

	snprintf(text, sizeof(text), "%s%s%s", before, dir, after);
	return xstrdup(text);
}

static int
want(char **policy, unsigned n_policy, char **milter, unsigned n_milter)
{
	const struct listen_want w[] = { { &ep_policy, policy, n_policy }, { &ep_milter, milter, n_milter } };

	why[0] = '\0';
	return listeners_set(&set, w, 2, 0660, why, sizeof(why));
}

static int
dial(const char *spec)
{
	struct listen_addr a;
	int fd;

	cr_assert_eq(listen_parse(spec, &a, why, sizeof(why)), 0, "%s: %s", spec, why);
	fd = socket(a.u.sa.sa_family, SOCK_STREAM, 0);
	cr_assert(fd >= 0);
	if (connect(fd, &a.u.sa, a.len) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
there(const char *name)
{
	struct stat st;
	char *path = in_dir("", name);
	bool is = lstat(path, &st) == 0;

	xfree(path);
	return is;
}

Test(listen, addresses)
{
	static const struct {
		const char *spec;
		int rc;
		int family;
	} t[] = {
		{ "unix:/run/x.sock", 0, AF_UNIX },
		{ "inet:127.0.0.1:10040", 0, AF_INET },
		{ "inet:*:1", 0, AF_INET },
		{ "inet:[::1]:65535", 0, AF_INET6 },
		{ "inet:[2001:db8::1]:10041", 0, AF_INET6 },
		{ "", ERR_SYNTAX, 0 },
		{ "unix:", ERR_SYNTAX, 0 },
		{ "unix:relative", ERR_SYNTAX, 0 },
		{ "unix:/run/", ERR_SYNTAX, 0 },
		{ "/run/x.sock", ERR_SYNTAX, 0 },
		{ "local:/run/x.sock", ERR_SYNTAX, 0 },
		{ "inet:", ERR_SYNTAX, 0 },
		{ "inet:10040", ERR_SYNTAX, 0 },
		{ "inet::10040", ERR_SYNTAX, 0 },
		{ "inet:127.0.0.1", ERR_SYNTAX, 0 },
		{ "inet:127.0.0.1:", ERR_SYNTAX, 0 },
		{ "inet:127.0.0.1:smtp", ERR_SYNTAX, 0 },
		{ "inet:127.0.0.1:-1", ERR_SYNTAX, 0 },
		{ "inet:127.0.0.1:0", ERR_RANGE, 0 },
		{ "inet:127.0.0.1:65536", ERR_RANGE, 0 },
		{ "inet:localhost:25", ERR_SYNTAX, 0 },
		{ "inet:127.0.0.256:25", ERR_SYNTAX, 0 },
		{ "inet:::1:25", ERR_SYNTAX, 0 },
		{ "inet:[127.0.0.1]:25", ERR_SYNTAX, 0 },
		{ "inet:[]:25", ERR_SYNTAX, 0 },
		{ "inet:[::1:25", ERR_SYNTAX, 0 },
		{ "inet:[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:1]:25", ERR_SYNTAX, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct listen_addr a = { .len = 99 };

		why[0] = '\0';
		cr_assert_eq(listen_parse(t[i].spec, &a, why, sizeof(why)), t[i].rc, "%s", t[i].spec);
		if (t[i].rc == 0) {
			cr_assert_eq(a.u.sa.sa_family, t[i].family, "%s", t[i].spec);
		} else {
			cr_assert_eq(a.len, 99, "%s: output touched", t[i].spec);
			cr_assert_neq(why[0], '\0', "%s", t[i].spec);
		}
	}
}

Test(listen, longest_path)
{
	struct sockaddr_un un;
	struct listen_addr a;
	char spec[5 + sizeof(un.sun_path) + 1] = "unix:/";

	memset(spec + 6, 'x', sizeof(un.sun_path) - 2);
	spec[5 + sizeof(un.sun_path) - 1] = '\0';
	cr_assert_eq(listen_parse(spec, &a, why, sizeof(why)), 0);
	cr_assert_eq(strlen(a.u.un.sun_path), sizeof(un.sun_path) - 1);
	spec[5 + sizeof(un.sun_path) - 1] = 'x';
	spec[5 + sizeof(un.sun_path)] = '\0';
	cr_assert_eq(listen_parse(spec, &a, why, sizeof(why)), ERR_RANGE);
}

Test(listen, mode_and_folder, .init = setup, .fini = teardown)
{
	char *spec = in_dir("unix:", "/new/a.sock");
	struct stat st;
	int fd;

	umask(077);
	cr_assert_eq(want(&spec, 1, NULL, 0), 0, "%s", why);
	cr_assert_eq(stat(spec + 5, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0660);
	*strrchr(spec, '/') = '\0';
	cr_assert_eq(stat(spec + 5, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0755);
	spec[strlen(spec)] = '/';
	fd = dial(spec);
	cr_assert(fd >= 0);
	ev_run(loop, EVRUN_NOWAIT);
	cr_assert_eq(n_got, 1);
	cr_assert(fcntl(got[0], F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	close(fd);
	xfree(spec);
}

Test(listen, only_the_last_folder_is_made, .init = setup, .fini = teardown)
{
	char *spec = in_dir("unix:", "/new/deeper/a.sock");

	cr_assert_eq(want(&spec, 1, NULL, 0), ERR_IO);
	cr_assert(strstr(why, "No such file") != NULL, "%s", why);
	xfree(spec);
}

Test(listen, stale_is_replaced, .init = setup, .fini = teardown)
{
	char *spec = in_dir("unix:", "/a.sock");
	struct listen_addr a;
	int old, fd;

	cr_assert_eq(listen_parse(spec, &a, why, sizeof(why)), 0);
	old = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(old, &a.u.sa, a.len), 0);
	cr_assert_eq(listen(old, 5), 0);
	cr_assert_eq(want(&spec, 1, NULL, 0), ERR_BUSY, "somebody answers");
	cr_assert(strstr(why, "another policyd-storm is running") != NULL, "%s", why);
	cr_assert(there("/a.sock"), "the other one's socket must stay");
	close(old);
	cr_assert_eq(want(&spec, 1, NULL, 0), 0, "%s", why);
	fd = dial(spec);
	cr_assert(fd >= 0);
	close(fd);
	xfree(spec);
}

Test(listen, a_file_is_left_alone, .init = setup, .fini = teardown)
{
	char *spec = in_dir("unix:", "/a.sock");
	int fd = open(spec + 5, O_CREAT | O_WRONLY, 0600);

	close(fd);
	cr_assert_eq(want(&spec, 1, NULL, 0), ERR_EXISTS);
	cr_assert(there("/a.sock"));
	unlink(spec + 5);
	xfree(spec);
}

Test(listen, anothers_socket_is_not_unlinked, .init = setup, .fini = teardown)
{
	char *spec = in_dir("unix:", "/a.sock");
	struct listen_addr a;
	int other;

	cr_assert_eq(want(&spec, 1, NULL, 0), 0, "%s", why);
	cr_assert_eq(listen_parse(spec, &a, why, sizeof(why)), 0);
	unlink(spec + 5);
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(other, &a.u.sa, a.len), 0);
	cr_assert_eq(want(NULL, 0, NULL, 0), 0);
	cr_assert(there("/a.sock"));
	close(other);
	unlink(spec + 5);
	xfree(spec);
}

/* Something that is no socket stands where one is wanted. */
static void
make_unusable(const char *name)
{
	char *path = in_dir("", name), *slash = strrchr(path, '/');

	*slash = '\0';
	cr_assert_eq(mkdir(path, 0755), 0);
	*slash = '/';
	cr_assert_eq(mkdir(path, 0755), 0);
	xfree(path);
}

/* The socket in the spool of an MTA that is not installed: the door has another; later the MTA comes. */
Test(listen, folder_that_is_not_there, .init = setup, .fini = teardown)
{
	char *both[] = { in_dir("unix:", "/missing/folder/a.sock"), in_dir("unix:", "/b.sock") };
	char *none[] = { both[0], in_dir("unix:", "/missing/other/c.sock") };
	char *spool = in_dir("", "/missing");

	cr_assert_eq(want(both, 2, NULL, 0), 0, "%s", why);
	cr_assert(there("/b.sock") && !there("/missing"));
	cr_assert_eq(want(none, 2, NULL, 0), ERR_IO, "none is left");
	cr_assert(strstr(why, "No such file") != NULL, "%s", why);
	cr_assert(there("/b.sock"));
	cr_assert_eq(want(both, 2, NULL, 0), 0, "%s", why);
	cr_assert_eq(mkdir(spool, 0755), 0);
	cr_assert_eq(want(both, 2, NULL, 0), 0, "%s", why);
	cr_assert(there("/b.sock") && there("/missing/folder/a.sock"));
	cr_assert_eq(want(both, 1, NULL, 0), 0, "%s", why);
	cr_assert(!there("/b.sock") && there("/missing/folder/a.sock"));
	xfree(both[0]);
	xfree(both[1]);
	xfree(none[1]);
	xfree(spool);
}

Test(listen, all_or_nothing, .init = setup, .fini = teardown)
{
	char *one[] = { in_dir("unix:", "/a.sock"), in_dir("unix:", "/b.sock") };
	char *two[] = { in_dir("unix:", "/c.sock"), in_dir("unix:", "/plain/d.sock") };
	char *three[] = { in_dir("unix:", "/b.sock"), in_dir("unix:", "/c.sock") };
	int fd;

	make_unusable("/plain/d.sock");
	cr_assert_eq(want(one, 2, NULL, 0), 0, "%s", why);
	fd = dial(one[1]); /* waits in the queue over both changes */
	cr_assert_eq(want(two, 2, NULL, 0), ERR_EXISTS);
	cr_assert(there("/a.sock") && there("/b.sock") && !there("/c.sock"));
	cr_assert_eq(want(three, 2, NULL, 0), 0, "%s", why);
	cr_assert(!there("/a.sock") && there("/b.sock") && there("/c.sock"));
	ev_run(loop, EVRUN_NOWAIT);
	cr_assert_eq(n_got, 1, "the listener that stays was not opened anew");
	close(fd);
	for (int i = 0; i < 2; i++) {
		xfree(one[i]);
		xfree(two[i]);
		xfree(three[i]);
	}
}

Test(listen, a_socket_of_the_other_door, .init = setup, .fini = teardown)
{
	char *one[] = { in_dir("unix:", "/a.sock") }, *two[] = { in_dir("unix:", "/b.sock") };

	cr_assert_eq(want(one, 1, two, 1), 0, "%s", why);
	cr_assert_eq(want(two, 1, one, 1), ERR_BUSY);
	cr_assert(strstr(why, "/b.sock is the socket of the milter door until a restart"), "%s", why);
	cr_assert_eq(want(one, 1, two, 1), 0, "%s", why);
	xfree(one[0]);
	xfree(two[0]);
}

static char *
free_port(int family)
{
	struct listen_addr a = { .len = family == AF_INET ? sizeof(a.u.in4) : sizeof(a.u.in6) };
	char text[64];
	int fd = socket(family, SOCK_STREAM, 0);
	bool ok;

	if (family == AF_INET)
		a.u.in4 =
		    (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	else
		a.u.in6 =
		    (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	ok = fd >= 0 && bind(fd, &a.u.sa, a.len) == 0 && getsockname(fd, &a.u.sa, &a.len) == 0;
	if (fd >= 0)
		close(fd);
	if (!ok)
		return NULL;
	snprintf(text, sizeof(text), "inet:%s:%u", family == AF_INET ? "127.0.0.1" : "[::1]",
	    ntohs(family == AF_INET ? a.u.in4.sin_port : a.u.in6.sin6_port));
	return xstrdup(text);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	cr_assert_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

Test(listen, inet, .init = setup, .fini = teardown)
{
	char *spec[2] = { free_port(AF_INET), free_port(AF_INET6) };
	unsigned n = spec[1] ? 2 : 1; /* a machine without IPv6 */
	int fd[2];

	cr_assert_eq(want(NULL, 0, spec, n), 0, "%s", why);
	for (unsigned i = 0; i < n; i++) {
		fd[i] = dial(spec[i]);
		cr_assert(fd[i] >= 0);
	}
	ev_run(loop, EVRUN_NOWAIT);
	cr_assert_eq(n_got, n);
	for (unsigned i = 0; i < n; i++) {
		cr_assert(option(got[i], SOL_SOCKET, SO_KEEPALIVE), "a host that vanished is missed");
		cr_assert_eq(option(got[i], IPPROTO_TCP, TCP_KEEPIDLE), 300);
		cr_assert(option(got[i], IPPROTO_TCP, TCP_NODELAY));
	}
	cr_assert_eq(want(spec, n, NULL, 0), ERR_IO, "the port is the other door's");
	cr_assert(strstr(why, "in use") != NULL, "%s", why);
	for (unsigned i = 0; i < n; i++) {
		close(fd[i]);
		xfree(spec[i]);
	}
}

Test(listen, ipv6_any_leaves_ipv4_alone, .init = setup, .fini = teardown)
{
	char *v4 = free_port(AF_INET), *v6 = free_port(AF_INET6);
	char any[64];

	if (!v6)
		cr_skip_test("no IPv6 here");
	snprintf(any, sizeof(any), "inet:[::]:%s", strrchr(v4, ':') + 1);
	char *both[] = { any, v4 };
	cr_assert_eq(want(both, 2, NULL, 0), 0, "%s", why);
	xfree(v4);
	xfree(v6);
}

Test(listen, full_rests_and_goes_on, .init = setup, .fini = teardown)
{
	char *spec = in_dir("unix:", "/a.sock");
	int fd;

	cr_assert_eq(want(&spec, 1, NULL, 0), 0, "%s", why);
	listeners_full(&set, true);
	fd = dial(spec);
	cr_assert(fd >= 0, "it waits, it is not turned away");
	ev_run(loop, EVRUN_NOWAIT);
	cr_assert_eq(n_got, 0);
	listeners_full(&set, false);
	ev_run(loop, EVRUN_NOWAIT);
	cr_assert_eq(n_got, 1);
	close(fd);
	xfree(spec);
}

Test(listen, out_of_descriptors, .init = setup, .fini = teardown)
{
	char *spec = in_dir("unix:", "/a.sock");
	struct rlimit old, tight;
	int fd[2];

	cr_assert_eq(want(&spec, 1, NULL, 0), 0, "%s", why);
	fd[0] = dial(spec);
	fd[1] = dial(spec);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	tight = old;
	tight.rlim_cur = (rlim_t)fd[1] + 1; /* all below are taken or were not closed in between */
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	for (int i = 0; i < 3; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		cr_assert_eq(n_got, 0);
		cr_assert_eq(n_errors, 1, "once, not each time");
		set.now += MS_SEC - 1;
		listeners_tick(&set);
		cr_assert(set.rest_until != 0);
		set.now++;
		listeners_tick(&set);
		cr_assert_eq(set.rest_until, 0);
	}
	listeners_lend_spare(&set, true);
	cr_assert(open("/dev/null", O_RDONLY) >= 0, "the reserve was lent out");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ev_run(loop, EVRUN_NOWAIT);
	cr_assert_eq(n_got, 2);
	close(fd[0]);
	close(fd[1]);
	xfree(spec);
}

Test(listen, no_memory_to_watch, .init = setup, .fini = teardown)
{
	char *spec = in_dir("unix:", "/a.sock");
	int fd;

	unwatched = true;
	cr_assert_eq(want(&spec, 1, NULL, 0), 0, "%s", why);
	fd = dial(spec);
	cr_assert(fd >= 0);
	for (int i = 0; i < 3; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		cr_assert_eq(n_got, 0);
		cr_assert_eq(n_errors, 1, "once, not each time");
		ev_run(loop, EVRUN_NOWAIT); /* of the turns of a second */
		set.now += MS_SEC;
		listeners_tick(&set);
	}
	unwatched = false;
	for (int i = 0; i < 10 && n_got == 0; i++) /* libev may sort itself out first */
		ev_run(loop, EVRUN_NOWAIT);
	cr_assert_eq(n_got, 1, "it is tried again");
	close(fd);
	xfree(spec);
}
