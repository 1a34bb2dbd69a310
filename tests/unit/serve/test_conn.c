/* SPDX-License-Identifier: ISC */
/* One connection after another: answers, pieces, caps, timeouts, ends. */
#include "conn_rig.h"

TestSuite(conn, .timeout = 60);

Test(conn, answers, .init = setup, .fini = teardown)
{
	say("a\n");
	expect("a\n");
	say("b\nR\nN\nc\n");
	expect("b\nr\nc\n");
	cr_assert_eq(c->state, CONN_IDLE);
	cr_assert_eq(c->requests, 3);
}

Test(conn, every_split, .init = setup, .fini = teardown)
{
	static const char text[] = "a\nNxx\nRy\nb\nzlonger\n";

	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		cr_assert_eq(write(peer, text + i, 1), 1);
		turn();
	}
	expect("a\nr\nb\nz\n");
}

Test(conn, a_turn_has_its_share, .init = setup, .fini = teardown)
{
	char text[401];

	for (int i = 0; i < 200; i++)
		memcpy(text + 2 * i, "a\n", 2);
	text[400] = '\0';
	say(text);
	conn_step(c);
	cr_assert_eq(c->requests, 1, "the first waits to be answered");
	cr_assert(!list_empty(&pool.heard));
	cr_assert_eq(hear(NULL), 0);
	cr_assert(pool_turn(&pool), "it has more to do");
	cr_assert(list_empty(&pool.heard) && list_empty(&pool.answers));
	cr_assert_leq(c->requests, 1 + SHARE_RANKS, "some more, not all");
	turn();
	cr_assert_eq(hear(NULL), 400);
	cr_assert_eq(c->requests, 200);
	cr_assert(list_empty(&c->again));
}

/* Who asks on many connections is woken once for all answers: none goes out before the others are ready. */
Test(conn, answers_go_out_together, .init = setup, .fini = teardown)
{
	enum { PEERS = 2 * POOL_TOGETHER + 3 };
	int fd[PEERS][2];
	struct conn *all[PEERS];
	char answer[8];

	for (int i = 0; i < PEERS; i++) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd[i]), 0);
		all[i] = conn_new(&pool, &toy, fd[i][1], NULL, 0);
		cr_assert_eq(write(fd[i][0], "a\n", 2), 2);
	}
	for (int i = 0; i < PEERS; i++) {
		conn_step(all[i]);
		for (int k = 0; k <= i; k++) {
			cr_assert(all[k]->asked, "%d of %d", k, i);
			cr_assert_lt(read(fd[k][0], answer, sizeof(answer)), 0);
		}
	}
	cr_assert(!pool_turn(&pool));
	cr_assert_leq(pool.n_in, POOL_TOGETHER);
	cr_assert_leq(pool.n_out, POOL_TOGETHER);
	cr_assert_leq(pool.n_arenas, POOL_TOGETHER);
	for (int i = 0; i < PEERS; i++) {
		cr_assert_eq(read(fd[i][0], answer, sizeof(answer)), 2, "%d", i);
		close(fd[i][0]);
	}
	turn();
}

Test(conn, half_close_gets_its_answer, .init = setup, .fini = teardown)
{
	say("a\nb\n");
	shutdown(peer, SHUT_WR);
	turn();
	cr_assert_eq(hear(NULL), 4);
	cr_assert_str_eq(received, "a\nb\n");
	expect_closed("reason=done");
	cr_assert_eq(n_warn, 0);
}

Test(conn, half_close_with_a_large_answer, .init = setup, .fini = teardown)
{
	size_t n = 0;
	bool eof = false;

	say("8\n");
	shutdown(peer, SHUT_WR);
	for (int i = 0; i < 1000 && !eof; i++) {
		turn();
		n += hear(&eof);
	}
	cr_assert(eof);
	cr_assert_eq(n, 800001);
}

Test(conn, goes_away_inside_a_request, .init = setup, .fini = teardown)
{
	say("a\nbc");
	turn();
	shutdown(peer, SHUT_WR);
	expect_closed("reason=cut");
	cr_assert_eq(n_warn, 1);
}

Test(conn, good_bye, .init = setup, .fini = teardown)
{
	say("a\nQ\nb\n");
	turn();
	hear(NULL);
	cr_assert_str_eq(received, "a\n", "nothing after the good-bye is read");
	cr_assert_eq(n_closed, 1);
}

Test(conn, broken, .init = setup, .fini = teardown)
{
	say("a\nB\nb\n");
	turn();
	hear(NULL);
	cr_assert_str_eq(received, "a\n");
	cr_assert_eq(n_warn, 1);
	cr_assert(strstr(last_line, "reason=broken") && strstr(last_line, "what=\"toy is broken\""), "%s",
	    last_line);
	cr_assert(strstr(last_line, "requests=1"), "%s", last_line);
}

Test(conn, what_is_broken_again_and_again, .init = setup, .fini = teardown)
{
	for (int i = 0; i < 100; i++) {
		int fd[2];

		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
		c = conn_new(&pool, &toy, fd[1], NULL, 0);
		cr_assert_eq(write(fd[0], i == 50 ? "a\nb" : "B\n", i == 50 ? 3 : 2), i == 50 ? 3 : 2);
		shutdown(fd[0], SHUT_WR);
		turn();
		close(fd[0]);
	}
	cr_assert_eq(n_closed, 100);
	cr_assert_eq(n_warn, 2, "one of each kind");
	pass_time(MS_MIN);
	cr_assert_eq(n_warn, 3);
	cr_assert_str_eq(last_line, "warn: left-out door=toy what=\"toy is broken\" lines=98");
}

Test(conn, nothing_is_read_while_a_reply_waits, .init = setup, .fini = teardown)
{
	size_t n, total = 0;

	say("8\n");
	turn();
	cr_assert_eq(c->state, CONN_FLUSH);
	say("a\n");
	turn();
	cr_assert_eq(c->in.len, 0);
	cr_assert_eq(c->requests, 1);
	for (int i = 0; i < 1000 && total < 800003; i++) {
		n = hear(NULL);
		total += n;
		turn();
	}
	cr_assert_eq(total, 800003);
	cr_assert_eq(c->requests, 2);
	cr_assert_eq(c->state, CONN_IDLE);
	for (uint32_t i = 0; i < pool.n_out; i++)
		cr_assert_leq(pool.out[i].cap, CONN_KEEP, "a large buffer is not kept");
}

Test(conn, reply_over_its_cap, .init = setup, .fini = teardown)
{
	say("9\n");
	expect_closed("reason=broken");
}

Test(conn, peer_gone_while_we_write, .init = setup, .fini = teardown)
{
	say("8\n");
	turn();
	cr_assert_eq(c->state, CONN_FLUSH);
	close(peer);
	peer = -1;
	turn();
	cr_assert_eq(n_closed, 1);
	cr_assert(strstr(last_line, "reason=lost"), "%s", last_line);
}

Test(conn, request_cap, .init = setup, .fini = teardown)
{
	static char text[IN_MAX + 1];

	memset(text, 'x', IN_MAX);
	text[IN_MAX - 1] = '\n';
	say(text);
	expect("x\n");
	text[IN_MAX - 1] = 'x';
	say(text);
	expect_closed("reason=broken");
}

Test(conn, idle_timeout, .init = setup, .fini = teardown)
{
	say("a\n");
	expect("a\n");
	pass_time(IDLE - 1);
	cr_assert_eq(n_closed, 0);
	say("b\n");
	expect("b\n");
	pass_time(IDLE - 1);
	cr_assert_eq(n_closed, 0);
	pass_time(1);
	cr_assert_eq(n_warn, 0);
	expect_closed("reason=idle");
}

Test(conn, a_trickle_is_cut_off, .init = setup, .fini = teardown)
{
	pass_time(IDLE - 1);
	for (int i = 0; i < 4; i++) {
		say("a");
		turn();
		pass_time(REQUEST / 5);
		cr_assert_eq(n_closed, 0);
	}
	say("a");
	turn();
	pass_time(REQUEST / 5 - 1);
	cr_assert_eq(n_closed, 0);
	pass_time(1);
	expect_closed("reason=slow");
	cr_assert_eq(n_warn, 1);
}

Test(conn, whole_packets_restart_the_clock, .init = setup, .fini = teardown)
{
	say("N"); /* begun, not ended */
	turn();
	for (int i = 0; i < 5; i++) {
		pass_time(REQUEST - 1);
		cr_assert_eq(n_closed, 0, "round %d", i);
		say("\nN"); /* ends one, begins the next */
		turn();
	}
	cr_assert_eq(c->state, CONN_READ);
	pass_time(REQUEST);
	expect_closed("reason=slow");
}

Test(conn, quiet_between_packets_is_idle, .init = setup, .fini = teardown)
{
	say("N\nN\n");
	turn();
	pass_time(REQUEST * 2);
	cr_assert_eq(n_closed, 0);
	pass_time(IDLE - REQUEST * 2);
	expect_closed("reason=idle");
}

/* The rest lies in the peer's buffer. */
Test(conn, half_a_packet_of_an_unhurried_peer_is_idle, .init = setup, .fini = teardown)
{
	is_unhurried = true;
	say("N\na");
	turn();
	pass_time(REQUEST * 2);
	cr_assert_eq(n_closed, 0);
	say("\nb");
	expect("a\n");
	pass_time(IDLE - 1);
	cr_assert_eq(n_closed, 0);
	is_unhurried = false;
	say("\nc");
	expect("b\n");
	pass_time(REQUEST);
	expect_closed("reason=slow");
}

Test(conn, an_unhurried_peer_is_not_waited_for_for_ever, .init = setup, .fini = teardown)
{
	is_unhurried = true;
	say("N\na");
	turn();
	pass_time(IDLE);
	expect_closed("reason=idle");
}

/* The MTA hears content for an hour, and has nothing to tell. */
Test(conn, quiet_in_a_message, .init = setup, .fini = teardown)
{
	say("K\nN\n");
	turn();
	pass_time(POOL_AMID - 1);
	cr_assert_eq(n_closed, 0);
	say("O\na\n");
	expect("a\n");
	pass_time(IDLE);
	expect_closed("reason=idle");
}

Test(conn, a_message_is_not_waited_for_for_ever, .init = setup, .fini = teardown)
{
	say("K\nN\n");
	turn();
	pass_time(POOL_AMID - 1);
	cr_assert_eq(n_closed, 0);
	pass_time(1);
	expect_closed("reason=idle");
}

Test(conn, a_message_of_another_keeps_nobody, .init = setup, .fini = teardown)
{
	int fd[2];

	say("K\nN\n");
	turn();
	pass_time(IDLE / 2);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	conn_new(&pool, &toy, fd[1], NULL, 0);
	pass_time(IDLE);
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(pool.live, 1);
	cr_assert_eq(c->state, CONN_IDLE);
	close(fd[0]);
}

Test(conn, reply_not_taken, .init = setup, .fini = teardown)
{
	say("8\n");
	turn();
	pass_time(REQUEST - 1);
	cr_assert_eq(n_closed, 0);
	pass_time(1);
	cr_assert_eq(n_closed, 1);
	cr_assert(strstr(last_line, "reason=stuck"), "%s", last_line);
}

Test(conn, idle_costs_nothing, .init = setup, .fini = teardown)
{
	const char *shared;

	say("a\nb");
	expect("a\n");
	cr_assert_not_null(c->in.data, "a request has begun");
	cr_assert_null(c->out.data);
	say("\n");
	expect("b\n");
	cr_assert_null(c->in.data);
	cr_assert_null(c->out.data);
	cr_assert_null(c->arena.first);
	cr_assert_eq(pool.n_in, 1);
	shared = pool.in[0].data;
	cr_assert_not_null(shared);
	say("c\n");
	expect("c\n");
	cr_assert_eq(pool.in[0].data, shared, "the same memory is used again");
	say("K\nN\n");
	turn();
	cr_assert_null(c->in.data);
}

Test(conn, idle_struct_is_small)
{
	cr_assert_lt(sizeof(struct conn), 2048, "%zu bytes", sizeof(struct conn));
}

Test(conn, drain_closes_the_idle, .init = setup, .fini = teardown)
{
	say("a\n");
	pool_drain(&pool); /* has arrived, so it is answered */
	turn();
	hear(NULL);
	cr_assert_str_eq(received, "a\n");
	expect_closed("reason=stop");
}

Test(conn, drain_waits_for_a_request, .init = setup, .fini = teardown)
{
	say("a");
	turn();
	pool_drain(&pool);
	turn();
	cr_assert_eq(n_closed, 0);
	say("\n");
	turn();
	hear(NULL);
	cr_assert_str_eq(received, "a\n");
	expect_closed("reason=stop");
}

Test(conn, drain_waits_for_the_busy, .init = setup, .fini = teardown)
{
	say("K\n");
	turn();
	pool_drain(&pool);
	say("N\na\n");
	expect("a\n");
	cr_assert_eq(n_closed, 0);
	say("O\n");
	expect_closed("reason=stop");
}

Test(conn, drain_ends_although_a_peer_keeps_talking, .init = setup, .fini = teardown)
{
	for (int i = 0; i < 100; i++)
		say("a\n");
	pool_drain(&pool);
	turn();
	cr_assert_eq(n_closed, 1);
}

Test(conn, many_at_once, .init = setup, .fini = teardown)
{
	enum { MANY = 200 };
	int fd[MANY][2];
	char b[4];

	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd[i]), 0);
		conn_new(&pool, &toy, fd[i][1], NULL, 0);
	}
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < MANY; i++)
			cr_assert_eq(write(fd[i][0], "a\n", 2), 2);
		turn();
		for (int i = 0; i < MANY; i++)
			cr_assert_eq(read(fd[i][0], b, sizeof(b)), 2);
	}
	for (int i = 0; i < MANY; i += 2)
		close(fd[i][0]);
	turn();
	cr_assert_eq(pool.live, 1 + MANY / 2);
	for (int i = 1; i < MANY; i += 2)
		close(fd[i][0]);
}

/* The same bytes in any pieces give the same answers. */
Test(conn, random_pieces, .init = setup, .fini = teardown)
{
	static const char commands[] = "abcNRKOz";
	uint64_t r = 0x9e3779b97f4a7c15ull;
	char text[4096], want[8192];
	size_t n = 0, w = 0, sent = 0, got = 0;

	while (n < sizeof(text) - 8) {
		char what;

		r = r * 6364136223846793005ull + 1442695040888963407ull;
		what = commands[(r >> 40) % (sizeof(commands) - 1)];
		text[n++] = what;
		for (unsigned pad = (r >> 50) % 5; pad; pad--)
			text[n++] = 'p';
		text[n++] = '\n';
		if (islower((unsigned char)what) || what == 'R') {
			want[w++] = (char)tolower((unsigned char)what);
			want[w++] = '\n';
		}
	}
	while (sent < n) {
		size_t piece;

		r = r * 6364136223846793005ull + 1442695040888963407ull;
		piece = 1 + (r >> 40) % 97;
		if (piece > n - sent)
			piece = n - sent;
		cr_assert_eq(write(peer, text + sent, piece), (ssize_t)piece);
		sent += piece;
		if (r >> 63)
			turn();
	}
	/* The kernel's queue takes only so many small pieces: listen several times. */
	for (int i = 0; i < 50; i++) {
		char part[8192];
		ssize_t k;

		turn();
		k = read(peer, part, sizeof(part));
		for (ssize_t j = 0; j < k && got < sizeof(received); j++)
			received[got++] = part[j];
	}
	cr_assert_eq(got, w, "%zu of %zu bytes, %s", got, w, last_line);
	cr_assert_eq(memcmp(received, want, w), 0);
}
