/* SPDX-License-Identifier: ISC */
/* The same transmission: which lines and recipients tell it from another. */
#include "traits_plain.h"

TestSuite(traits_trace, .init = setup, .fini = teardown);

static void
from_client(const char *client, const char *header)
{
	from_client_with_queue_id(client, header, NULL);
}

Test(traits_trace, trace_without_our_own_lines)
{
	uint64_t trace;

	compute("Received: from a by relay.example.net id R1; x\n" ORIGIN BODY);
	trace = t.trace;
	cr_expect_neq(trace, 0);
	/* a retry: our own line is new, the rest is the same */
	compute("Received: from relay by MX.example.org. id NEW1; later\nReceived: from a by "
		"relay.example.net id R1; x\n" ORIGIN BODY);
	cr_expect_eq(t.trace, trace);
	cr_expect_eq(t.own_top, 1);
	cr_expect_eq(t.foreign_hops, 2);
	/* a line with this request's queue id is ours, whatever name it bears */
	with_queue_id("Received: from relay by localhost id 1Q-abc; later\nReceived: from a by "
		      "relay.example.net id R1; x\n" ORIGIN BODY,
	    "1Q-abc");
	cr_expect_eq(t.trace, trace);
	/* our line further down is part of the road */
	compute("Received: from a by relay.example.net id R1; x\nReceived: by mx.example.org id Q; y\n" ORIGIN
		BODY);
	cr_expect_neq(t.trace, trace);
	cr_expect_eq(t.own_top, 0);
}

/* What the users of this host send on, all to the same mailbox: each is a way of its own, and the same when
 * it is tried again. What was delivered before it came here says no more than the lines there. */
Test(traits_trace, whose_copy_was_sent_on_tells_the_way)
{
#define HERE(id) "Received: from mx by mx.example.org with LMTP id " id "; x\n"
#define BEFORE "Delivered-To: %s\nReceived: from a by relay.example.net id R1; x\n" ORIGIN BODY
	static const char *const rows[][2] = {
		{ "Delivered-To: u1@example.org\n" HERE("A"), "team@away.example" },
		{ "Delivered-To: U1@example.org\n" HERE("B"), "team@away.example" },
		{ HERE("C") "Delivered-To: u2@example.org\n" HERE("A"), "team@away.example" },
		{ HERE("D"), "team@away.example" },
		{ HERE("D"), "other@away.example" },
		{ "", "other@away.example" },
	};
	uint64_t traces[ARRAY_LEN(rows)];
	struct buf b = { .max = 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&b);
		buf_printf(&b, "%s", rows[i][0]);
		buf_printf(&b, BEFORE, rows[i][1]);
		buf_append(&b, "", 1);
		compute(buf_str(&b).p);
		traces[i] = t.trace;
	}
	buf_fini(&b);
	cr_expect_eq(traces[0], traces[1], "tried again");
	cr_expect_neq(traces[0], traces[2], "another user's");
	cr_expect_neq(traces[0], traces[3], "nobody's");
	cr_expect_eq(traces[3], traces[4]);
	cr_expect_eq(traces[4], traces[5]);
#undef BEFORE
#undef HERE
}

/* A filter here that wrote down for whom it was (pipe(8) with flags=D) gives it back to that same one: the
 * second time we see his only copy. */
Test(traits_trace, a_filters_delivered_to_is_no_other_way)
{
#define GIVEN_BACK(to) "Delivered-To: " to "\nReceived: from relay by mx.example.org id P1; x\n"
#define CAME "Received: from a by relay.example.net id R1; x\n" ORIGIN BODY
	static const char *const passes[] = { CAME, GIVEN_BACK("Team@Example.org") CAME,
		GIVEN_BACK("team+x@example.org") CAME, GIVEN_BACK("u1@example.org") CAME };
	uint64_t traces[ARRAY_LEN(passes)];

	for (size_t i = 0; i < ARRAY_LEN(passes); i++) {
		msg_reset(&m);
		msg_add_rcpt(&m, STR("<team@example.org>"));
		feed(passes[i]);
		compute_fed();
		traces[i] = t.trace;
	}
	cr_expect_eq(traces[0], traces[1]);
	cr_expect_eq(traces[0], traces[2], "to ${user}");
	cr_expect_neq(traces[0], traces[3], "sent on by another");
#undef CAME
#undef GIVEN_BACK
}

/* amavis and fetchmail write a line as that whenever they try, and hand the message over by loopback. */
Test(traits_trace, localhost_on_this_machine_is_ours)
{
#define BELOW "Received: from a by relay.example.net id R1; x\n" ORIGIN BODY
#define FILTER(n) "Received: from mx ([127.0.0.1]) by localhost (amavisd-new) id " n "\n"
#define FRONT "Received: from relay ([192.0.2.99]) by mx.example.org; later\n"
	uint64_t trace;

	compute(BELOW);
	trace = t.trace;
	from_client("127.0.0.1", FILTER("1") FRONT BELOW);
	cr_expect_eq(t.trace, trace);
	cr_expect_eq(t.own_top, 2);
	cr_expect_eq(t.foreign_hops, 2);
	from_client("::1", "Received: from pop by localhost.localdomain with POP3; now\n" BELOW);
	cr_expect_eq(t.trace, trace);
	/* Exim shows the line that it writes now */
	from_client("127.0.0.1",
	    "Received: from localhost ([127.0.0.1]) by mx.example.org id N\n" FILTER("2") FRONT BELOW);
	cr_expect_eq(t.trace, trace);
	cr_expect_eq(t.own_top, 3);
	/* anybody's filter */
	from_client("192.0.2.99", FILTER("1") BELOW);
	cr_expect_neq(t.trace, trace);
	cr_expect_eq(t.own_top, 0);
	from_client("127.0.0.1", FILTER("1") FRONT FILTER("9") BELOW);
	cr_expect_neq(t.trace, trace);
	cr_expect_eq(t.own_top, 2);
	/* where the message began */
	from_client("127.0.0.1", "Received: from pc by localhost with HTTP; now\n" BODY);
	cr_expect_eq(t.own_top, 0);
	cr_expect_eq(t.foreign_hops, 1);
}

Test(traits_trace, many_hops_change_the_trace)
{
	struct buf b;
	uint64_t trace[2];

	buf_init(&b, 0);
	for (int k = 0; k < 2; k++) {
		buf_reset(&b);
		for (int i = 0; i < HEADER_HOPS_MAX + 40; i++)
			buf_printf(&b, "Received: by h%d id %s%d\n", i,
			    k && i == HEADER_HOPS_MAX + 10 ? "x" : "q", i);
		buf_append(&b, "", 1);
		compute(buf_str(&b).p);
		cr_expect_eq(t.foreign_hops, HEADER_HOPS_MAX + 40);
		trace[k] = t.trace;
	}
	cr_expect_neq(trace[0], trace[1], "a line that is not kept still counts");
	buf_fini(&b);
}
