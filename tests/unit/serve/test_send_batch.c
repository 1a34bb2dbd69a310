/* SPDX-License-Identifier: ISC */
/* Several sockets, one call: real sockets, and what goes wrong with some of them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/send_batch.h"

TestSuite(send_batch, .timeout = 10);

enum { ALL = SEND_BATCH_MAX };

static struct send_batch batch;
static struct outgoing v[ALL];
static int peer[ALL];
static char text[ALL][32];

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	send_batch_init(&batch);
	for (unsigned i = 0; i < ALL; i++) {
		int fd[2];

		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
		peer[i] = fd[1];
		snprintf(text[i], sizeof(text[i]), "action=DEFER number %u\n\n", i);
		v[i] = (struct outgoing){ .fd = fd[0], .bytes = str_of(text[i]), .sent = 77 };
	}
}

static void
teardown(void)
{
	for (unsigned i = 0; i < ALL; i++) {
		close(v[i].fd);
		close(peer[i]);
	}
	send_batch_fini(&batch);
}

/* It has got what was sent, and nothing else. */
static void
heard(unsigned i)
{
	char got[64];
	ssize_t n = read(peer[i], got, sizeof(got));

	if (v[i].sent == 0) {
		cr_expect_eq(n, -1, "socket %u", i);
	} else {
		cr_expect_eq(n, v[i].sent, "socket %u", i);
		cr_expect_eq(memcmp(got, text[i], (size_t)v[i].sent), 0, "socket %u", i);
	}
}

Test(send_batch, each_gets_his_own, .init = setup, .fini = teardown)
{
	for (unsigned round = 0; round < 1000; round++) {
		unsigned n = 2 + round % (ALL - 1);

		send_batch_go(&batch, v, n);
		for (unsigned i = 0; i < n; i++) {
			if (!batch.off)
				cr_expect_eq(v[i].sent, (ssize_t)v[i].bytes.n, "socket %u", i);
			heard(i);
		}
	}
}

Test(send_batch, one_alone_is_left_to_send, .init = setup, .fini = teardown)
{
	send_batch_go(&batch, v, 1);
	cr_expect_eq(v[0].sent, 0);
	heard(0);
	send_batch_go(&batch, v, 0);
	cr_expect_eq(batch.context, 0, "nothing was made for it");
}

Test(send_batch, who_is_full_or_gone_does_not_harm_the_others, .init = setup, .fini = teardown)
{
	char much[4096] = "";

	while (write(v[3].fd, much, sizeof(much)) > 0)
		;
	close(peer[5]);
	send_batch_go(&batch, v, ALL);
	cr_expect_eq(v[3].sent, 0, "full");
	cr_expect_eq(v[5].sent, 0, "gone");
	for (unsigned i = 0; i < ALL; i++)
		if (i != 3 && i != 5)
			heard(i);
	cr_expect_eq(send(v[5].fd, "x", 1, MSG_NOSIGNAL), -1, "and send says why");
	cr_expect_eq(errno, EPIPE);
	peer[5] = dup(peer[0]);
}

Test(send_batch, those_behind_a_bad_one_are_left_to_send, .init = setup, .fini = teardown)
{
	int fd = v[2].fd;

	v[2].fd = -1;
	send_batch_go(&batch, v, ALL);
	for (unsigned i = 2; i < ALL; i++)
		cr_expect_eq(v[i].sent, 0, "socket %u", i);
	v[2].fd = fd;
	for (unsigned i = 0; i < ALL; i++)
		heard(i);
}

Test(send_batch, what_does_not_fit_is_told, .init = setup, .fini = teardown)
{
	static char large[1 << 20];
	ssize_t n, all = 0;

	v[1].bytes = (struct str){ large, sizeof(large) };
	send_batch_go(&batch, v, 2);
	if (!batch.off)
		cr_expect_gt(v[1].sent, 0);
	cr_expect_lt(v[1].sent, (ssize_t)sizeof(large));
	for (n = 0; n >= 0; n = read(peer[1], large, sizeof(large)))
		all += n;
	cr_expect_eq(all, v[1].sent);
}

Test(send_batch, without_the_system_nothing_is_sent, .init = setup, .fini = teardown)
{
	batch.off = true;
	send_batch_go(&batch, v, ALL);
	for (unsigned i = 0; i < ALL; i++) {
		cr_expect_eq(v[i].sent, 0);
		heard(i);
	}
}

Test(send_batch, a_context_that_is_gone_turns_it_off, .init = setup, .fini = teardown)
{
	send_batch_go(&batch, v, ALL);
	for (unsigned i = 0; i < ALL; i++)
		heard(i);
	batch.context = 4096; /* no such thing */
	send_batch_go(&batch, v, ALL);
	cr_expect(batch.off);
	for (unsigned i = 0; i < ALL; i++) {
		cr_expect_eq(v[i].sent, 0);
		heard(i);
	}
	batch.context = 0;
}
