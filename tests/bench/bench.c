/* SPDX-License-Identifier: ISC */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void
bench_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "bench: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static socklen_t
parse(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_un *un = (struct sockaddr_un *)out;
	const char *port = strrchr(text, ':');
	char host[64];

	memset(out, 0, sizeof(*out));
	if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) < sizeof(un->sun_path)) {
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof(un->sun_path), "%s", text + 5);
		return sizeof(*un);
	}
	if (strncmp(text, "inet:", 5) != 0 || port < text + 5)
		bench_fail("not an address: %s", text);
	snprintf(host, sizeof(host), "%.*s", (int)(port - text - 5), text + 5);
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)bench_number(port + 1, 65535));
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		bench_fail("not an address: %s", text);
	return sizeof(*in);
}

void
bench_nonblocking(int fd, bool tcp)
{
	int on = 1;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		bench_fail("fcntl: %s", strerror(errno));
	if (tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int
bench_connect(const char *address)
{
	struct sockaddr_storage sa;
	socklen_t n = parse(address, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, n) < 0)
		bench_fail("%s: %s", address, strerror(errno));
	bench_nonblocking(fd, sa.ss_family == AF_INET);
	return fd;
}

int
bench_listen(const char *address)
{
	struct sockaddr_storage sa;
	socklen_t n = parse(address, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (sa.ss_family == AF_UNIX)
		unlink(address + 5);
	else if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, n) < 0 || listen(fd, 1024) < 0)
		bench_fail("%s: %s", address, strerror(errno));
	bench_nonblocking(fd, false);
	return fd;
}

uint64_t
bench_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

double
bench_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* splitmix64's last step. */
uint64_t
bench_mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15u;
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
	return v ^ (v >> 31);
}

uint64_t
bench_number(const char *s, uint64_t max)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end || end == s || *s == '-' || v > max)
		bench_fail("not a number up to %llu: %s", (unsigned long long)max, s);
	return v;
}

double
bench_seconds(const char *s)
{
	char *end;
	double v = strtod(s, &end);

	if (*end || end == s || !(v > 0) || v > 3600)
		bench_fail("not a time in seconds: %s", s);
	return v;
}

static void
on_term(int sig)
{
	(void)sig;
	_exit(0);
}

void
bench_signals(void)
{
	struct sigaction term = { .sa_handler = on_term }, ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

void *
bench_memory(void *p, size_t n)
{
	void *q = realloc(p, n);

	if (!q)
		bench_fail("out of memory");
	return q;
}
