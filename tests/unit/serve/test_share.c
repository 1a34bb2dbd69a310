/* SPDX-License-Identifier: ISC */
/* Who goes first, without connections: many take all they can get, some take little. */
#include <criterion/criterion.h>

#include "serve/share.h"

TestSuite(share, .timeout = 10);

enum { MANY = 100 };

static struct shares all;
static struct share greedy[MANY];

/* Everybody greedy has `steps`, `times` over. */
static void
flood(unsigned times, uint32_t steps)
{
	for (unsigned i = 0; i < times; i++)
		for (unsigned k = 0; k < MANY; k++)
			share_use(&greedy[k], &all, steps);
}

static void
setup(void)
{
	all = (struct shares){ 0 };
	for (unsigned k = 0; k < MANY; k++)
		share_init(&greedy[k], &all);
	flood(200, 4);
}

static unsigned
modest_ones(void)
{
	unsigned n = 0;

	for (unsigned k = 0; k < MANY; k++)
		n += share_ask(&greedy[k], &all) == SHARE_FIRST;
	return n;
}

Test(share, a_round_is_a_share_for_each_that_is_active, .init = setup)
{
	uint32_t round = all.round;

	while (all.round == round)
		flood(1, 4);
	round = all.round;
	flood(SHARE_STEPS / 4 - 2, 4);
	cr_assert_eq(all.round, round);
	flood(2, 4);
	cr_assert_eq(all.round, round + 1);
	cr_assert_eq(all.active_before, MANY);
}

Test(share, who_takes_all_he_can_is_never_modest, .init = setup)
{
	for (unsigned i = 0; i < 1000; i++) {
		flood(1, 1 + i % 7);
		cr_assert_eq(modest_ones(), 0, "after %u", i);
	}
}

Test(share, who_takes_little_is_modest, .init = setup)
{
	struct share s;

	share_init(&s, &all);
	cr_assert_neq(share_ask(&s, &all), SHARE_FIRST, "new");
	flood(2 * SHARE_STEPS / 4, 4);
	/* A tenth of what the others take, for ever. */
	for (unsigned i = 0; i < 2000; i++) {
		cr_assert_eq(share_ask(&s, &all), SHARE_FIRST, "after %u", i);
		share_use(&s, &all, 4);
		flood(10, 4);
	}
}

Test(share, up_to_half_a_share_in_two_rounds, .init = setup)
{
	struct share s;

	share_init(&s, &all);
	flood(2 * SHARE_STEPS / 4, 4);
	share_use(&s, &all, SHARE_MODEST - 1);
	cr_assert_eq(share_ask(&s, &all), SHARE_FIRST);
	share_use(&s, &all, 1);
	cr_assert_neq(share_ask(&s, &all), SHARE_FIRST);
	/* What he had in the round before counts, what lies farther back does not. */
	flood(SHARE_STEPS / 4, 4);
	cr_assert_neq(share_ask(&s, &all), SHARE_FIRST);
	flood(SHARE_STEPS / 4, 4);
	cr_assert_eq(share_ask(&s, &all), SHARE_FIRST);
}

Test(share, a_new_one_every_time_is_not_modest, .init = setup)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct share s;

		share_init(&s, &all);
		cr_assert_neq(share_ask(&s, &all), SHARE_FIRST, "the %u-th", i);
		share_use(&s, &all, 4);
	}
}

Test(share, new_for_some_steps, .init = setup)
{
	struct share s;

	share_init(&s, &all);
	for (unsigned i = 0; i < SHARE_FRESH / 4; i++) {
		cr_assert_eq(share_ask(&s, &all), SHARE_NEW, "after %u", 4 * i);
		share_use(&s, &all, 4);
	}
	cr_assert_eq(share_ask(&s, &all), SHARE_LAST);
	cr_assert_eq(share_ask(&greedy[0], &all), SHARE_LAST);
}

Test(share, of_a_new_one_a_whole_round_is_looked_at, .init = setup)
{
	struct share s;
	uint32_t round = all.round;

	while (all.round == round)
		flood(1, 1);
	flood(SHARE_STEPS / 2, 1);
	share_init(&s, &all);
	share_use(&s, &all, 4);
	for (round = all.round; all.round <= round + 1; flood(1, 1))
		cr_assert_neq(share_ask(&s, &all), SHARE_FIRST, "he came in the middle of one");
	cr_assert_eq(share_ask(&s, &all), SHARE_FIRST);
}

Test(share, many_that_come_at_once_are_never_modest_and_soon_alike, .init = setup)
{
	uint32_t round = all.round;

	while (all.round == round)
		flood(1, 1);
	flood(2 * SHARE_STEPS / 3, 1);
	for (unsigned k = 0; k < MANY; k++)
		share_init(&greedy[k], &all);
	for (unsigned i = 0; i < 4 * SHARE_STEPS; i++) {
		flood(1, 1);
		cr_assert_eq(modest_ones(), 0, "after %u", i);
		if (i < SHARE_FRESH)
			cr_assert(!shares_alike(&all, MANY), "after %u: they are new", i);
		if (i > 3 * SHARE_STEPS)
			cr_assert(shares_alike(&all, MANY), "after %u", i);
	}
}

Test(share, all_alike_until_somebody_rests_or_is_modest, .init = setup)
{
	struct share s;

	cr_assert(shares_alike(&all, MANY));
	cr_assert(!shares_alike(&all, MANY + 1), "one of them has not asked");
	share_init(&s, &all);
	flood(2 * SHARE_STEPS / 4, 4);
	cr_assert_eq(share_ask(&s, &all), SHARE_FIRST);
	cr_assert(!shares_alike(&all, MANY));
	flood(3 * SHARE_STEPS / 4, 4);
	cr_assert(shares_alike(&all, MANY), "he has gone");
}

Test(share, rounds_may_wrap)
{
	struct shares w = { .round = UINT32_MAX - 2 };
	struct share a, b;

	share_init(&a, &w);
	share_init(&b, &w);
	for (unsigned i = 0; i < 10 * SHARE_STEPS; i++) {
		share_use(&a, &w, 9);
		if (i % 32 == 0)
			share_use(&b, &w, 9);
	}
	cr_assert_lt(w.round, 1000);
	cr_assert_neq(share_ask(&a, &w), SHARE_FIRST);
	cr_assert_eq(share_ask(&b, &w), SHARE_FIRST);
}

Test(share, who_asks_alone)
{
	struct shares few = { 0 };
	struct share one, other;

	share_init(&one, &few);
	share_init(&other, &few);
	cr_assert_not(shares_alone(&few), "nobody asked yet");
	for (unsigned i = 0; i < 3 * SHARE_STEPS; i++)
		share_use(&one, &few, 1);
	cr_assert(shares_alone(&few));
	share_use(&other, &few, 1);
	share_use(&one, &few, 1);
	cr_assert_not(shares_alone(&few));
	for (unsigned i = 0; i < SHARE_STEPS; i++)
		share_use(&one, &few, 1);
	cr_assert_not(shares_alone(&few), "the other one was seen in the round before");
	for (unsigned i = 0; i < 2 * SHARE_STEPS; i++)
		share_use(&one, &few, 1);
	cr_assert(shares_alone(&few));
}
