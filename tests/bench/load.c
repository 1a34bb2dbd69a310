/* SPDX-License-Identifier: ISC */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"

enum { CONNS_MAX = 5000, PACE_MAX = 100000, PATIENCE_MS = 10000, EVENTS = 256 };

static const struct door *const doors[] = { &door_policy, &door_milter, NULL };

/* --- for the doors ----------------------------------------------------------------------------------- */

void
conn_append(struct conn *c, const char *p, size_t n)
{
	if (c->out_n + n > c->out_room) {
		c->out_room = (c->out_n + n) * 2;
		c->out = bench_memory(c->out, c->out_room);
	}
	memcpy(c->out + c->out_n, p, n);
	c->out_n += n;
}

void
conn_taken(struct conn *c, size_t n)
{
	c->in_n -= n;
	memmove(c->in, c->in + n, c->in_n);
}

void
load_odd(struct load *l, const char *p, size_t n)
{
	l->stopped++;
	if (l->odd[0])
		return;
	for (size_t i = 0; i < n && i + 1 < sizeof(l->odd); i++)
		l->odd[i] = p[i] < ' ' || p[i] > '~' || p[i] == '"' || p[i] == '\\' ? ' ' : p[i];
}

void
load_next_copy(struct load *l, struct conn *c)
{
	copy_make(&c->copy, &l->variety, l->serial++);
}

/* --- the loop ---------------------------------------------------------------------------------------- */

struct loop {
	struct load *l;
	int ep;
	struct conn *conns;
	uint64_t begun, deadline, ended; /* ns; deadline 0: none */
	unsigned greeting, busy, resting;
};

static void
watch(struct loop *lp, struct conn *c, bool out)
{
	struct epoll_event ev = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c };

	if (c->wants_out != out && epoll_ctl(lp->ep, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		bench_fail("epoll_ctl: %s", strerror(errno));
	c->wants_out = out;
}

static void
flush(struct loop *lp, struct conn *c)
{
	while (c->sent < c->out_n) {
		ssize_t n = write(c->fd, c->out + c->sent, c->out_n - c->sent);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			watch(lp, c, true);
			return;
		}
		if (n < 0)
			bench_fail("%s: write: %s", lp->l->address, strerror(errno));
		c->sent += (size_t)n;
	}
	c->sent = c->out_n = 0;
	watch(lp, c, false);
}

static bool
over(const struct loop *lp, uint64_t now)
{
	const struct load *l = lp->l;

	return (l->requests && l->started >= l->requests) || (lp->deadline && now >= lp->deadline);
}

static void
begin_message(struct loop *lp, struct conn *c, uint64_t now)
{
	/* A server with a process for each of so many connections gets to the others by this alone. */
	if (over(lp, now)) {
		close(c->fd);
		return;
	}
	lp->l->started++;
	lp->busy++;
	c->busy = true;
	c->begun = now;
	c->step = 0;
	(void)lp->l->door->say(lp->l, c);
	flush(lp, c);
}

/* The beats of the connections are spread over the time between two messages. */
static void
begin_all(struct loop *lp)
{
	struct load *l = lp->l;

	lp->begun = bench_ns();
	if (l->seconds > 0)
		lp->deadline = lp->begun + (uint64_t)(l->seconds * 1e9);
	for (unsigned i = 0; i < l->conns; i++) {
		struct conn *c = &lp->conns[i];

		if (!l->pace) {
			begin_message(lp, c, bench_ns());
			continue;
		}
		c->due = lp->begun + 1000000000 / l->pace * i / l->conns;
		lp->resting++;
	}
}

/* Begins what is due; returns for how many ms nothing more is, -1 when nobody rests. */
static int
begin_due(struct loop *lp)
{
	uint64_t now = bench_ns(), next = 0;

	for (unsigned i = 0; lp->resting && i < lp->l->conns; i++) {
		struct conn *c = &lp->conns[i];

		if (!c->due)
			continue;
		if (c->due > now && !over(lp, now)) {
			next = !next || c->due < next ? c->due : next;
			continue;
		}
		c->due = 0;
		lp->resting--;
		begin_message(lp, c, bench_ns());
	}
	return next ? (int)((next - now + 999999) / 1000000) : -1;
}

static void
finish_message(struct loop *lp, struct conn *c)
{
	uint64_t now = bench_ns();

	if (!c->busy) { /* that was the greeting */
		if (--lp->greeting == 0)
			begin_all(lp);
		return;
	}
	hist_add(&lp->l->hist, now - c->begun);
	lp->l->done++;
	lp->busy--;
	c->busy = false;
	lp->ended = now;
	if (!lp->l->pace) {
		begin_message(lp, c, now);
		return;
	}
	/* The next beat that is still to come: what was missed is not made up for. */
	c->due = c->begun + 1000000000 / lp->l->pace;
	lp->resting++;
}

static void
read_answers(struct loop *lp, struct conn *c)
{
	ssize_t n = read(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		bench_fail("%s: %s", lp->l->address, n ? strerror(errno) : "the server closed a connection");
	c->in_n += (size_t)n;
	while (c->in_n) {
		enum taken t = lp->l->door->take(lp->l, c);

		if (t == TAKEN_MORE && c->in_n < sizeof(c->in))
			return;
		if (t == TAKEN_STEP) {
			bool due = lp->l->door->say(lp->l, c);

			flush(lp, c);
			if (!due)
				finish_message(lp, c);
		} else if (t == TAKEN_DONE) {
			finish_message(lp, c);
		} else {
			bench_fail("%s: an answer that cannot be: %.40s", lp->l->address, lp->l->odd);
		}
	}
}

static void
open_all(struct loop *lp)
{
	struct load *l = lp->l;

	lp->ep = epoll_create1(EPOLL_CLOEXEC);
	lp->conns = bench_memory(NULL, l->conns * sizeof(*lp->conns));
	memset(lp->conns, 0, l->conns * sizeof(*lp->conns));
	for (unsigned i = 0; i < l->conns; i++) {
		struct conn *c = &lp->conns[i];
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		c->fd = bench_connect(l->address);
		if (epoll_ctl(lp->ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
			bench_fail("epoll_ctl: %s", strerror(errno));
	}
	for (unsigned i = 0; i < l->conns; i++) {
		if (l->door->greet(l, &lp->conns[i]))
			lp->greeting++;
		flush(lp, &lp->conns[i]);
	}
	if (lp->greeting == 0)
		begin_all(lp);
}

static void
run(struct loop *lp)
{
	struct epoll_event ev[EVENTS];

	open_all(lp);
	for (;;) {
		int n, rest = begin_due(lp);

		if (!lp->greeting && !lp->busy && !lp->resting)
			break;
		n = epoll_wait(lp->ep, ev, EVENTS, rest >= 0 && rest < PATIENCE_MS ? rest : PATIENCE_MS);
		if (n == 0 && (rest < 0 || rest >= PATIENCE_MS))
			bench_fail("%s: no answer for %d s", lp->l->address, PATIENCE_MS / 1000);
		for (int i = 0; i < n; i++) {
			if (ev[i].events & EPOLLOUT)
				flush(lp, ev[i].data.ptr);
			if (ev[i].events & ~(unsigned)EPOLLOUT)
				read_answers(lp, ev[i].data.ptr);
		}
	}
}

static void
report(const struct loop *lp)
{
	const struct load *l = lp->l;
	double seconds = (double)(lp->ended - lp->begun) / 1e9;

	printf(
	    "{\"requests\": %llu, \"seconds\": %.4f, \"rate\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	    "\"max_us\": %.1f, \"passed\": %llu, \"stopped\": %llu, \"odd\": \"%s\", \"load_cpu\": %.3f}\n",
	    (unsigned long long)l->done, seconds, seconds > 0 ? (double)l->done / seconds : 0,
	    (double)hist_at(&l->hist, 0.5) / 1e3, (double)hist_at(&l->hist, 0.99) / 1e3,
	    (double)l->hist.max / 1e3, (unsigned long long)l->passed, (unsigned long long)l->stopped, l->odd,
	    bench_cpu());
}

/* --- options ----------------------------------------------------------------------------------------- */

static const char usage[] =
    "usage: load --door policy|milter --address inet:HOST:PORT|unix:PATH [--connections N]\n"
    "            [--seconds S] [--requests N] [--state RCPT|DATA|END-OF-MESSAGE] [--lines N]\n"
    "            [--senders N] [--rcpts N] [--clients N] [--client N] [--ids N] [--first N] [--pace N]\n"
    "One question at a time on each connection; --pace: so many messages a second on each. --ids 0: each\n"
    "message is another one; else so many, each coming again by another way. --client: the first of the\n"
    "clients, --first: the number of the first copy. A line of JSON is the result.\n";

static void
set_door(struct load *l, const char *name)
{
	for (unsigned i = 0; doors[i]; i++)
		if (strcmp(doors[i]->name, name) == 0)
			l->door = doors[i];
}

static bool
set_text(struct load *l, const char *name, const char *value)
{
	if (strcmp(name, "--door") == 0)
		set_door(l, value);
	else if (strcmp(name, "--address") == 0)
		l->address = value;
	else if (strcmp(name, "--state") == 0)
		l->state = value;
	else if (strcmp(name, "--seconds") == 0)
		l->seconds = bench_seconds(value);
	else
		return false;
	return true;
}

static bool
set_number(struct load *l, const char *name, const char *value)
{
	const uint64_t hexes = (uint64_t)1 << 48, decimals = 100000000;
	const struct {
		const char *name;
		uint64_t *to, max;
	} numbers[] = {
		{ "--connections", &l->conns, CONNS_MAX },
		{ "--requests", &l->requests, hexes },
		{ "--lines", &l->lines, 1000 },
		{ "--senders", &l->variety.senders, decimals },
		{ "--rcpts", &l->variety.rcpts, decimals },
		{ "--clients", &l->variety.clients, 1000000 },
		{ "--client", &l->variety.client, 1000000 },
		{ "--pace", &l->pace, PACE_MAX },
		{ "--ids", &l->variety.ids, hexes },
		{ "--first", &l->serial, hexes },
	};

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(name, numbers[i].name) != 0)
			continue;
		*numbers[i].to = bench_number(value, numbers[i].max);
		return true;
	}
	return false;
}

static void
read_options(struct load *l, int argc, char **argv)
{
	bool good = argc % 2;

	for (int i = 1; good && i < argc; i += 2)
		good = set_text(l, argv[i], argv[i + 1]) || set_number(l, argv[i], argv[i + 1]);
	good &= l->door && l->address && l->conns && (l->seconds > 0 || l->requests);
	if (good && l->variety.senders && l->variety.rcpts && l->variety.clients)
		return;
	fputs(usage, stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	static struct load l = {
		.state = "RCPT",
		.conns = 1,
		.lines = 20,
		.variety = { .senders = 10000, .rcpts = 10000, .clients = 1000 },
	};
	struct loop lp = { .l = &l };

	read_options(&l, argc, argv);
	bench_signals();
	l.door->init(&l);
	run(&lp);
	report(&lp);
	return 0;
}
