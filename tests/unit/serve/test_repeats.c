/* SPDX-License-Identifier: ISC */
/* The first line of a kind and the number of the others. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/log.h"
#include "serve/repeats.h"

static struct repeats r;
static unsigned n_lines;
static char last_line[300];

static void
keep_line(const char *level, const char *line)
{
	n_lines++;
	snprintf(last_line, sizeof(last_line), "%s: %s", level, line);
}

static void
setup(void)
{
	log_capture(keep_line);
	r = (struct repeats){ .n = 0 };
}

Test(repeats, the_first_of_each_kind, .init = setup)
{
	cr_assert(repeats_first(&r, "policy", "a NUL byte", 0));
	cr_assert(!repeats_first(&r, "policy", "a NUL byte", 0));
	cr_assert(repeats_first(&r, "milter", "a NUL byte", 1));
	cr_assert(repeats_first(&r, "policy", "slow", 2));
	cr_assert(!repeats_first(&r, "policy", "a NUL byte", REPEATS_EVERY - 1));
	cr_assert_eq(n_lines, 0);
}

Test(repeats, the_others_are_told_when_their_time_is_over, .init = setup)
{
	for (int i = 0; i < 5; i++)
		(void)repeats_first(&r, "policy", "a NUL byte", i);
	(void)repeats_first(&r, "policy", "slow", 5);
	repeats_tell(&r, REPEATS_EVERY - 1);
	cr_assert_eq(n_lines, 0);
	repeats_tell(&r, REPEATS_EVERY);
	cr_assert_str_eq(last_line, "warn: left-out door=policy what=\"a NUL byte\" lines=4");
	repeats_tell(&r, 2 * REPEATS_EVERY);
	cr_assert_eq(n_lines, 1, "of what came once nothing is left out");
	cr_assert_eq(r.n, 0);
}

Test(repeats, then_the_next_is_a_first_one, .init = setup)
{
	(void)repeats_first(&r, "policy", "slow", 0);
	(void)repeats_first(&r, "policy", "slow", 0);
	cr_assert(repeats_first(&r, "policy", "slow", REPEATS_EVERY));
	cr_assert_eq(n_lines, 1, "the number before it");
	cr_assert(!repeats_first(&r, "policy", "slow", REPEATS_EVERY));
	repeats_tell(&r, INT64_MAX);
	cr_assert_eq(n_lines, 2);
}

Test(repeats, more_kinds_than_are_kept, .init = setup)
{
	char names[REPEATS_KINDS + 1][8];

	for (int i = 0; i <= REPEATS_KINDS; i++) {
		snprintf(names[i], sizeof(names[i]), "k%d", i);
		cr_assert_eq(repeats_first(&r, "policy", names[i], 0), i < REPEATS_KINDS, "%d", i);
	}
	repeats_tell(&r, INT64_MAX);
	cr_assert_eq(n_lines, 1);
	cr_assert_eq(r.n, 0);
}
