/* SPDX-License-Identifier: ISC */
/* When the loop looks again without sleeping, without a loop: the test is the clock. */
#include <criterion/criterion.h>

#include "serve/busy_poll.h"

TestSuite(busy_poll, .timeout = 10);

enum { WORK = 7 }; /* us that a question takes */

static struct busy_poll poll;
static int64_t us;
static uint64_t served;

static void
setup(void)
{
	poll = (struct busy_poll){ .allowed = true };
	us = 1000000;
	served = 0;
}

/* So long after the last turn somebody asks. True: the loop looks again at once. */
static bool
asked_by(int64_t after, bool alone)
{
	us += after;
	busy_poll_woke(&poll, us);
	us += WORK;
	served++;
	return busy_poll_on(&poll, served, alone, us);
}

static bool
asked(int64_t after)
{
	return asked_by(after, true);
}

Test(busy_poll, goes_on_while_questions_follow_answers, .init = setup)
{
	cr_expect_not(asked(1000), "the first one says nothing about the next");
	for (unsigned i = 0; i < 100; i++)
		cr_expect(asked(BUSY_POLL_US - 1), "question %u", i);
}

Test(busy_poll, ends_when_nobody_asks, .init = setup)
{
	unsigned looks = 0;

	(void)asked(1);
	cr_assert(asked(1));
	do {
		us++;
		busy_poll_woke(&poll, us);
		looks++;
	} while (busy_poll_on(&poll, served, true, us));
	cr_expect_eq(looks, BUSY_POLL_US);
}

Test(busy_poll, is_spent_in_vain_once_a_burst, .init = setup)
{
	unsigned vain = 0;

	for (unsigned i = 0; i < 50; i++) {
		for (unsigned k = 0; k < 10; k++)
			(void)asked(k == 0 ? 5000 : 1);
		vain += asked(1); /* and then nothing comes for 5 ms */
	}
	cr_expect_eq(vain, 50);
	for (unsigned i = 0; i < 1000; i++)
		cr_expect_not(asked(BUSY_POLL_SLEPT_US), "what comes later than that is slept for");
}

Test(busy_poll, is_spent_in_vain_every_second_time_on_who_is_just_too_slow, .init = setup)
{
	unsigned vain = 0;

	for (unsigned i = 0; i < 100; i++)
		vain += asked(BUSY_POLL_US);
	cr_expect_eq(vain, 50);
}

Test(busy_poll, begins_with_who_was_slept_for, .init = setup)
{
	cr_expect_not(asked(5000));
	cr_expect(asked(BUSY_POLL_SLEPT_US - 1));
	cr_expect(asked(1));
}

Test(busy_poll, lets_several_gather, .init = setup)
{
	(void)asked(1);
	cr_expect(asked(1));
	cr_expect_not(asked_by(1, false));
	cr_expect_not(asked_by(1, false));
	cr_expect(asked(1), "and starts again when the others are gone");
}

Test(busy_poll, never_keeps_the_only_processor, .init = setup)
{
	poll.allowed = false;
	for (unsigned i = 0; i < 10; i++)
		cr_expect_not(asked(1));
}
