/* SPDX-License-Identifier: ISC */
/* Connections over socket pairs with a protocol of our own and a clock of our own:
 *	a..z LF	a question; its answer is the letter and LF
 *	N LF	a whole packet that wants no answer	Q LF	good-bye
 *	B LF	broken
 *	R LF	the codec answers "r" by itself		K LF / O LF	busy / no longer
 *	1..9 LF	a question whose answer has that many hundred thousand bytes */
#ifndef CONN_RIG_H
#define CONN_RIG_H

#include <criterion/criterion.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "serve/conn.h"

enum { IN_MAX = 20000, IDLE = 60000, REQUEST = 5000 };

static struct ev_loop *loop;
static struct pool pool;
static struct conn *c;
static int peer;
static bool is_busy, is_unhurried;
static unsigned n_closed, n_warn;
static char last_line[600];
static char received[2 << 20];

static void
toy_open(struct conn *cn)
{
	(void)cn;
}

static enum feed
toy_feed(struct conn *cn)
{
	struct str s = buf_str(&cn->in);
	size_t lf = str_find(s, '\n');
	char what = s.n ? s.p[0] : '\0';

	if (lf == s.n)
		return FEED_MORE;
	buf_consume(&cn->in, lf + 1);
	switch (what) {
	case 'N':
		return FEED_REPLY;
	case 'Q':
		return FEED_CLOSE;
	case 'B':
		cn->why = "toy is broken";
		return FEED_BAD;
	case 'R':
		buf_append(&cn->out, "r\n", 2);
		return FEED_REPLY;
	case 'K':
	case 'O':
		is_busy = what == 'K';
		return FEED_REPLY;
	default:
		cn->msg.size = (unsigned char)what;
		return FEED_MSG;
	}
}

static void
toy_reply(struct conn *cn)
{
	char what = (char)cn->msg.size;
	size_t n = isdigit((unsigned char)what) ? (size_t)(what - '0') * 100000 : 1;

	while (n--)
		buf_append(&cn->out, &what, 1);
	buf_append(&cn->out, "\n", 1);
	msg_reset(&cn->msg);
	conn_said(cn);
}

static bool
toy_busy(const struct conn *cn)
{
	return is_busy && cn == c;
}

static bool
toy_unhurried(const struct conn *cn)
{
	return is_unhurried && cn == c;
}

static void
toy_close(struct conn *cn)
{
	(void)cn;
	n_closed++;
}

static const struct endpoint toy = {
	.name = "toy",
	.in_max = IN_MAX,
	.out_max = 800001,
	.open = toy_open,
	.feed = toy_feed,
	.reply = toy_reply,
	.busy = toy_busy,
	.unhurried = toy_unhurried,
	.close = toy_close,
};

static void
keep_line(const char *level, const char *line)
{
	n_warn += strcmp(level, "warn") == 0;
	snprintf(last_line, sizeof(last_line), "%s: %s", level, line);
}

static void
setup(void)
{
	int fd[2];

	log_open("test", LOG_TO_STDERR, true);
	log_capture(keep_line);
	loop = ev_loop_new(EVFLAG_AUTO);
	pool_init(&pool, loop, NULL);
	pool.now = (struct now){ MS_DAY, MS_DAY };
	pool.idle_timeout = IDLE;
	pool.request_timeout = REQUEST;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	peer = fd[0];
	c = conn_new(&pool, &toy, fd[1], NULL, 0);
}

static void
teardown(void)
{
	pool_fini(&pool, "end of test");
	cr_assert_eq(pool.live, 0);
	if (peer >= 0)
		close(peer);
	ev_loop_destroy(loop);
}

/* Lets the loop turn until nothing more happens. */
static inline void
turn(void)
{
	for (int i = 0; i < 20; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		while (pool_turn(&pool))
			;
	}
}

static void
say(const char *text)
{
	cr_assert_eq(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

/* All that has come since the last call; *eof is set when we were hung up on. */
static size_t
hear(bool *eof)
{
	size_t n = 0;
	ssize_t got;

	do {
		got = read(peer, received + n, sizeof(received) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	if (eof)
		*eof = got == 0;
	received[n] = '\0';
	return n;
}

static inline void
expect(const char *text)
{
	turn();
	hear(NULL);
	cr_assert_str_eq(received, text);
}

static inline void
expect_closed(const char *reason)
{
	bool eof;

	turn();
	hear(&eof);
	cr_assert(eof, "still open");
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(pool.live, 0);
	cr_assert(strstr(last_line, reason) != NULL, "%s", last_line);
}

static inline void
pass_time(int64_t ms)
{
	pool.now.mono += ms;
	pool_tick(&pool);
}

#endif
