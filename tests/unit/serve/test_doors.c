/* SPDX-License-Identifier: ISC */
/* Both doors with their real codecs and the real engine (without rules) over socket pairs, and the server
 * around them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "serve/conn.h"
#include "serve/listen.h"
#include "serve/serve.h"

TestSuite(doors, .timeout = 60);
TestSuite(server, .timeout = 60);

static struct ev_loop *loop;
static struct pool pool;
static struct engine engine;
static struct site site, other_site;
static struct ruleset rules;
static struct lists lists;
static int peer = -1;
static char received[1 << 20];
static char last_line[2048];
static char dir[64], why[256];

static int waits_to_fail, turns, stop_in;
static bool unwatched; /* the kernel watches no further descriptor */

/* In front of the C library's, in the next one as well. */
int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (!unwatched || op != EPOLL_CTL_ADD)
		return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
	errno = ENOMEM;
	return -1;
}

int
epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	if (++turns == stop_in)
		raise(SIGTERM);
	if (waits_to_fail == 0)
		return epoll_pwait(epfd, events, max, timeout, NULL);
	waits_to_fail--;
	errno = ENOMEM;
	return -1;
}

static void
keep_line(const char *level, const char *line)
{
	snprintf(last_line, sizeof(last_line), "%s: %s", level, line);
}

static void
engine_setup(void)
{
	log_capture(keep_line);
	site_init(&site);
	site.hostname = xstrdup("mx.example.org");
	site_init(&other_site);
	other_site.hostname = xstrdup("mx.example.org");
	lists_init(&lists);
	engine_init(&engine, 1000);
	engine.site = &site;
	engine.lists = &lists;
	engine.rules = &rules;
}

static void
engine_teardown(void)
{
	engine_fini(&engine);
	lists_fini(&lists);
	site_fini(&site);
	site_fini(&other_site);
}

static void
setup(void)
{
	engine_setup();
	loop = ev_loop_new(EVFLAG_AUTO);
	pool_init(&pool, loop, &engine);
	pool.idle_timeout = 60000;
	pool.request_timeout = 5000;
}

static void
teardown(void)
{
	pool_fini(&pool, "end of test");
	if (peer >= 0)
		close(peer);
	ev_loop_destroy(loop);
	engine_teardown();
}

static void
open_door(const struct endpoint *ep)
{
	int fd[2];

	if (peer >= 0)
		close(peer);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	peer = fd[0];
	conn_new(&pool, ep, fd[1], NULL, 0);
}

static void
turn(void)
{
	for (int i = 0; i < 6; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		while (pool_turn(&pool))
			;
	}
}

static size_t
hear(void)
{
	ssize_t n = read(peer, received, sizeof(received) - 1);

	received[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void
say(const void *p, size_t n)
{
	cr_assert_eq(write(peer, p, n), (ssize_t)n);
	turn();
}

static void
packet(char code, const void *data, size_t n)
{
	unsigned char b[512] = { 0, 0, (unsigned char)((n + 1) >> 8), (unsigned char)(n + 1),
		(unsigned char)code };

	cr_assert_lt(n, sizeof(b) - 5);
	if (n)
		memcpy(b + 5, data, n);
	say(b, n + 5);
}

#define PACKET(code, text) packet(code, text, sizeof(text) - 1)

static void
milter_hello(void)
{
	PACKET('O', "\0\0\0\6\0\0\1\377\0\37\377\377");
	cr_assert_gt(hear(), 12);
	cr_assert_eq(received[4], 'O');
}

static bool
serves(const char *address, const char *port)
{
	return join_milter_serves(engine.join, join_client(str_of(address), str_of(port)));
}

static const char question[] = "request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=192.0.2.7\n"
			       "client_port=4711\nsender=a@b.example\nrecipient=c@example.org\n\n";

Test(doors, policy, .init = setup, .fini = teardown)
{
	open_door(&ep_policy);
	say(question, sizeof(question) - 1);
	hear();
	cr_assert_str_eq(received, "action=DUNNO\n\n");
	cr_assert_eq(engine.stats.requests, 1);
}

Test(doors, policy_broken, .init = setup, .fini = teardown)
{
	open_door(&ep_policy);
	say("sender=x\n\n", 10);
	hear();
	cr_assert_str_eq(received, "action=DUNNO\n\n");
	cr_assert(strstr(last_line, "warn: broken-request door=policy peer=unix:") != NULL, "%s", last_line);
	cr_assert_eq(engine.stats.requests, 0, "what is broken is not judged");
	say(question, sizeof(question) - 1);
	hear();
	cr_assert_str_eq(received, "action=DUNNO\n\n");
	last_line[0] = '\0';
	say("sender=x\n\n", 10);
	hear();
	cr_assert_str_eq(received, "action=DUNNO\n\n");
	cr_assert_str_eq(last_line, "", "one line for all of a kind");
	cr_assert_eq(pool.console.broken, 2, "but each is counted");
	say("sender\n\n", 8);
	hear();
	cr_assert(strstr(last_line, "why=\"a line without =\"") != NULL, "%s", last_line);
}

Test(doors, policy_reply_follows_the_rules_of_now, .init = setup, .fini = teardown)
{
	open_door(&ep_policy);
	say(question, sizeof(question) - 1);
	engine.site = &other_site;
	site_fini(&site);
	say(question, sizeof(question) - 1);
	hear();
	cr_assert_str_eq(received, "action=DUNNO\n\naction=DUNNO\n\n");
}

Test(doors, milter_announces_its_client, .init = setup, .fini = teardown)
{
	open_door(&ep_milter);
	milter_hello();
	cr_assert(!serves("192.0.2.7", "4711"));
	PACKET('C', "peer.example\0004\22\147192.0.2.7\0");
	cr_assert(serves("192.0.2.7", "4711"));
	cr_assert(!serves("192.0.2.7", "4712"));
	PACKET('K', ""); /* QUIT_NC: another client on the same socket */
	cr_assert(!serves("192.0.2.7", "4711"));
	PACKET('C', "peer.example\0004\22\150192.0.2.8\0");
	cr_assert(serves("192.0.2.8", "4712"));
	PACKET('Q', "");
	cr_assert(!serves("192.0.2.8", "4712"));
	cr_assert_eq(pool.live, 0);
}

Test(doors, milter_that_just_goes_away, .init = setup, .fini = teardown)
{
	open_door(&ep_milter);
	milter_hello();
	PACKET('C', "peer.example\0004\22\147192.0.2.7\0");
	PACKET('M', "<a@b.example>\0");
	cr_assert(serves("192.0.2.7", "4711"));
	close(peer);
	peer = -1;
	turn();
	cr_assert_eq(pool.live, 0);
	cr_assert(!serves("192.0.2.7", "4711"));
}

Test(doors, two_sessions_of_one_client, .init = setup, .fini = teardown)
{
	int first;

	open_door(&ep_milter);
	milter_hello();
	PACKET('C', "peer.example\0004\22\147192.0.2.7\0");
	first = peer;
	peer = -1;
	open_door(&ep_milter);
	milter_hello();
	PACKET('C', "peer.example\0004\22\147192.0.2.7\0");
	PACKET('Q', "");
	cr_assert(serves("192.0.2.7", "4711"), "the other one still does");
	close(first);
	turn();
	cr_assert(!serves("192.0.2.7", "4711"));
}

Test(doors, milter_message_and_drain, .init = setup, .fini = teardown)
{
	open_door(&ep_milter);
	milter_hello();
	PACKET('C', "peer.example\0004\22\147192.0.2.7\0");
	PACKET('M', "<a@b.example>\0");
	PACKET('R', "<c@example.org>\0");
	hear();
	pool_drain(&pool);
	cr_assert_eq(pool.live, 1, "a message is under way");
	PACKET('L', "To\0c@example.org\0");
	PACKET('N', "");
	cr_assert_eq(pool.live, 1);
	hear();
	PACKET('E', "");
	cr_assert_gt(hear(), 4);
	cr_assert_eq(received[4], 'c');
	cr_assert_eq(engine.stats.messages, 1);
	cr_assert_eq(pool.live, 0);
}

Test(doors, milter_given_up_is_not_under_way, .init = setup, .fini = teardown)
{
	open_door(&ep_milter);
	milter_hello();
	PACKET('C', "peer.example\0004\22\147192.0.2.7\0");
	PACKET('M', "<a@b.example>\0");
	PACKET('A', "");
	pool_drain(&pool);
	cr_assert_eq(pool.live, 0);
	cr_assert_eq(engine.stats.messages, 0);
}

/* Bytes from a fixed generator, half of them behind something valid: whatever comes, the pool stays whole. */
Test(doors, garbage, .init = setup, .fini = teardown)
{
	static const char hello[] = "\0\0\0\15O\0\0\0\6\0\0\1\377\0\37\377\377\0\0\0\17M<a@b.example>\0";
	static const char commands[] = "OCHMRLNBEADKQTU";
	uint64_t r = 42;

	for (int round = 0; round < 3000; round++) {
		char b[600];
		const struct endpoint *ep = round & 1 ? &ep_milter : &ep_policy;
		size_t n = 0;

		open_door(ep);
		if (round & 2) {
			n = ep == &ep_milter ? sizeof(hello) - 1 : 60;
			memcpy(b, ep == &ep_milter ? hello : question, n);
		}
		while (n < sizeof(b) - 8) {
			r = r * 6364136223846793005ull + 1442695040888963407ull;
			if (ep == &ep_milter &&
			    (r >> 60) < 8) { /* a packet with a length that may be right */
				memcpy(b + n, "\0\0\0", 3);
				b[n + 3] = (char)((r >> 40) % 12);
				b[n + 4] = commands[(r >> 50) % (sizeof(commands) - 1)];
				n += 5;
			} else {
				b[n++] = (r >> 60) < 4 ? '\n' : (char)(r >> 33);
			}
		}
		(void)!write(peer, b, n);
		if (r & (1u << 20))
			shutdown(peer, SHUT_WR);
		turn();
		cr_assert_leq(pool.live, 1);
		if (round % 5 == 0)
			pool_tick(&pool);
		close(peer);
		peer = -1;
		turn();
		cr_assert_eq(pool.live, 0, "round %d", round);
	}
}

/* --- the server ----------------------------------------------------------------------------------------- */

static struct server *server;
static struct serve_conf conf;
static char *specs[2];
static int n_reloads, reconfigured;

static void
server_setup(void)
{
	char text[128];

	engine_setup();
	snprintf(dir, sizeof(dir), "/tmp/storm-server.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(text, sizeof(text), "unix:%s/a.sock", dir);
	specs[0] = xstrdup(text);
	snprintf(text, sizeof(text), "unix:%s/b.sock", dir);
	specs[1] = xstrdup(text);
	conf = (struct serve_conf){ .policy = { specs, 1 },
		.socket_mode = 0666,
		.max_connections = 100,
		.idle_timeout = 60000,
		.request_timeout = 5000,
		.drain = 2000 };
	unsetenv("NOTIFY_SOCKET");
}

static void
server_teardown(void)
{
	server_free(server);
	cr_assert_eq(rmdir(dir), 0);
	xfree(specs[0]);
	xfree(specs[1]);
	engine_teardown();
}

static int
dial(const char *spec)
{
	struct listen_addr a;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_eq(listen_parse(spec, &a, why, sizeof(why)), 0);
	if (connect(fd, &a.u.sa, a.len) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
on_reload(void *arg)
{
	cr_assert_eq(arg, &n_reloads);
	n_reloads++;
	conf.policy.n = 2;
	reconfigured = server_reconfigure(server, &conf, why, sizeof(why));
	peer = dial(specs[1]);
	cr_assert(peer >= 0);
	cr_assert_eq(write(peer, question, sizeof(question) - 1), (ssize_t)sizeof(question) - 1);
	cr_assert_eq(raise(SIGTERM), 0);
}

Test(server, reload_then_stop, .init = server_setup, .fini = server_teardown)
{
	int first;

	cr_assert_eq(server_new(&conf, &engine, &server, why, sizeof(why)), 0, "%s", why);
	server_on_reload(server, on_reload, &n_reloads);
	first = dial(specs[0]);
	cr_assert_eq(write(first, question, sizeof(question) - 1), (ssize_t)sizeof(question) - 1);
	cr_assert_eq(raise(SIGHUP), 0); /* caught since server_new() */
	server_run(server);
	cr_assert_eq(n_reloads, 1);
	cr_assert_eq(reconfigured, 0, "%s", why);
	cr_assert_eq(read(first, received, sizeof(received)), 14);
	cr_assert_eq(read(first, received, sizeof(received)), 0);
	close(first);
	cr_assert_eq(dial(specs[0]), -1, "the sockets are gone");
}

Test(server, the_kernel_has_no_memory, .init = server_setup, .fini = server_teardown)
{
	int first;

	cr_assert_eq(server_new(&conf, &engine, &server, why, sizeof(why)), 0, "%s", why);
	first = dial(specs[0]);
	cr_assert_eq(write(first, question, sizeof(question) - 1), (ssize_t)sizeof(question) - 1);
	waits_to_fail = 1;
	cr_assert_eq(raise(SIGTERM), 0);
	server_run(server);
	cr_assert_eq(waits_to_fail, 0);
	cr_assert_eq(read(first, received, sizeof(received)), 14);
	close(first);
}

/* A daemon that can be asked again can be told to stop as well. */
Test(server, the_kernel_watches_nothing, .init = server_setup, .fini = server_teardown, .timeout = 60)
{
	int first;

	cr_assert_eq(server_new(&conf, &engine, &server, why, sizeof(why)), 0, "%s", why);
	first = dial(specs[0]);
	cr_assert_eq(write(first, question, sizeof(question) - 1), (ssize_t)sizeof(question) - 1);
	unwatched = true;
	stop_in = turns + 3;
	server_run(server);
	unwatched = false;
	cr_assert_geq(turns, stop_in);
	close(first);
}

Test(server, reconfigure_all_or_nothing, .init = server_setup, .fini = server_teardown)
{
	char *bad = specs[1];
	int fd;

	cr_assert_eq(server_new(&conf, &engine, &server, why, sizeof(why)), 0, "%s", why);
	specs[1] = xstrdup("inet:192.0.2.1:10040"); /* of another machine */
	conf.policy.n = 2;
	conf.max_connections = 7;
	cr_assert_eq(server_reconfigure(server, &conf, why, sizeof(why)), ERR_IO);
	cr_assert_eq(server_max_connections(server), 100);
	fd = dial(specs[0]);
	cr_assert(fd >= 0);
	close(fd);
	xfree(specs[1]);
	specs[1] = bad;
	cr_assert_eq(server_reconfigure(server, &conf, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(server_max_connections(server), 7);
}

Test(server, cannot_start, .init = server_setup, .fini = server_teardown)
{
	struct server *second = NULL;

	cr_assert_eq(server_new(&conf, &engine, &server, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(server_new(&conf, &engine, &second, why, sizeof(why)), ERR_BUSY);
	cr_assert_null(second);
	cr_assert(strstr(why, "another policyd-storm is running") != NULL);
	server_free(NULL);
}

Test(server, address)
{
	cr_assert_eq(server_check_address("inet:127.0.0.1:10040", why, sizeof(why)), 0);
	cr_assert_eq(server_check_address("nowhere", why, sizeof(why)), ERR_SYNTAX);
}
