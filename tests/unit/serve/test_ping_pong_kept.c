/* SPDX-License-Identifier: ISC */
/* Where counters of ping-pong stand: an earlier version's are in the database, and its talks go on. */
#include "engine_rig.h"

TestSuite(ping_pong_kept, .init = setup, .fini = teardown);

/* Subjects that grow, of which one direction alone is seen. */
Test(ping_pong_kept, one_direction)
{
	static const struct key128 key = { 0xe4173a606a586051, 0xc9747c8cd55a6f05 };
	struct tally_op op = { .key = key, .kind = TALLY_GET, .window = MS_HOUR };
	struct tally_answer a;

	cr_assert_eq(rule("ping-pong")->window, MS_HOUR);
	for (int n = 0; n < 5; n++) {
		snprintf(header, sizeof(header),
		    "From: desk@far.example\r\nTo: ann@example.org\r\nSubject: [Case #%d] Re: Re: Re: "
		    "Sound\r\n"
		    "Message-ID: <%d@far.example>\r\n\r\n",
		    n, n);
		deliver("desk@far.example", header, "ann@example.org");
	}
	tallies_submit(e.tallies, now.mono, &op, &a, 1);
	cr_assert(a.known);
	cr_assert_eq(a.sum, 5);
}
