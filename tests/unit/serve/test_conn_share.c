/* SPDX-License-Identifier: ISC */
/* Many connections at once: who waits for whom. */
#include "conn_rig.h"

TestSuite(conn_share, .timeout = 60);

/* A turn answers one of them: in OFTEN * NOISY turns each has asked OFTEN times. */
enum { NOISY = 20, OFTEN = 8 };

/* Peers that have always asked already: as many questions in their sockets as go in. */
static int noisy[NOISY];

static void
make_noise(void)
{
	char answers[4096];

	for (unsigned i = 0; i < NOISY; i++) {
		while (read(noisy[i], answers, sizeof(answers)) > 0)
			;
		while (write(noisy[i], "a\na\na\na\na\na\na\na\n", 16) == 16)
			;
	}
}

static void
one_turn(void)
{
	ev_run(loop, EVRUN_NOWAIT);
	(void)pool_turn(&pool);
}

static void
begin_noise(void)
{
	pool.turn_us = -NOISY; /* one of each kind a turn, however many are seen again */
	for (unsigned i = 0; i < NOISY; i++) {
		int fd[2];

		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
		noisy[i] = fd[0];
		conn_new(&pool, &toy, fd[1], NULL, 0);
	}
	while (pool.shares.round < 4) {
		make_noise();
		one_turn();
	}
}

Test(conn_share, who_asks_little_goes_before_those_who_always_ask, .init = setup, .fini = teardown)
{
	begin_noise();
	for (unsigned i = 0; i < 50; i++) {
		make_noise();
		say("b\n");
		one_turn(); /* it is seen that somebody asks, */
		one_turn(); /* and he is answered, */
		cr_assert_eq(hear(NULL), 2, "question %u", i);
		cr_assert_str_eq(received, "b\n");
		for (unsigned k = 0; k < OFTEN * NOISY; k++) { /* while all others get theirs */
			make_noise();
			one_turn();
		}
	}
}

Test(conn_share, who_is_new_goes_before_those_who_always_ask, .init = setup, .fini = teardown)
{
	begin_noise();
	for (unsigned i = 0; i < 30; i++) {
		char answer[8];
		int fd[2];

		make_noise();
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
		cr_assert_eq(write(fd[0], "b\n", 2), 2);
		conn_new(&pool, &toy, fd[1], NULL, 0);
		one_turn(); /* it is seen that somebody asks, */
		one_turn(); /* and he is answered */
		cr_assert_eq(read(fd[0], answer, sizeof(answer)), 2, "question %u", i);
		close(fd[0]);
	}
}

Test(conn_share, those_who_always_ask_are_served_all_the_same, .init = setup, .fini = teardown)
{
	uint64_t least = 0;

	begin_noise();
	for (unsigned i = 0; i < 50; i++) {
		uint64_t n = pool.requests;

		make_noise();
		say("b\n");
		one_turn();
		least += pool.requests > n;
	}
	cr_assert_eq(least, 50, "a turn without an answer");
}
