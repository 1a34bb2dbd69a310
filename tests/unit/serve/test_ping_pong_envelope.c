/* SPDX-License-Identifier: ISC */
/* ping-pong at a door without header: what the envelope alone tells of who answers whom. */
#include "engine_rig.h"

TestSuite(ping_pong_envelope, .init = setup, .fini = teardown);

#define MONITOR "monitor@example.org"
#define ANN "ann@example.org"

static enum action
say(int64_t wait, const char *from, const char *to)
{
	now.mono += wait;
	now.wall += wait;
	return deliver(from, NULL, to);
}

/* A power cut: an alarm every few seconds, and somebody who answers each sixth of them. */
Test(ping_pong_envelope, harmless_alarms_of_which_some_are_answered)
{
	rule("ping-pong");
	for (int n = 0; n < 300; n++) {
		cr_assert_eq(say(4 * MS_SEC, MONITOR, ANN), ACT_PASS, "alarm %d", n);
		if (n % 6 == 0)
			cr_assert_eq(say(20 * MS_SEC, ANN, MONITOR), ACT_PASS, "answer %d", n / 6);
	}
}

/* Who writes twice for each answer is answered all the same. */
Test(ping_pong_envelope, two_mails_for_each_answer)
{
	unsigned passed = 0;

	rule("ping-pong");
	for (int n = 0; n < 100; n++)
		passed += say(2 * MS_SEC, n % 3 ? MONITOR : ANN, n % 3 ? ANN : MONITOR) == ACT_PASS;
	cr_assert_leq(passed, 30, "%u", passed);
}
