/* SPDX-License-Identifier: ISC */
/* Audiences: sets of addresses that mostly agree share their numbers, those that do not share none. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "mail/audience.h"
#include "mail/header.h"

static bool
meet(const struct audience *a, const struct audience *b)
{
	for (int i = 0; i < AUDIENCE_KEEP; i++)
		for (int k = 0; k < AUDIENCE_KEEP; k++)
			if (a->least[i] && a->least[i] == b->least[k])
				return true;
	return false;
}

static void
add_people(struct audience *a, int from, int to)
{
	char text[64];

	for (int i = from; i < to; i++) {
		snprintf(text, sizeof(text), "person%d@example.org", i);
		audience_add(a, str_of(text));
	}
}

Test(audience, order_case_and_doubles_do_not_count)
{
	struct audience a = { 0 }, b = { 0 };

	audience_add(&a, STR("a@example.org"));
	cr_assert_neq(a.least[0], 0);
	cr_assert_eq(a.least[1], 0, "one address, one number");
	audience_add(&a, STR("A@EXAMPLE.org"));
	cr_assert_eq(a.least[1], 0, "the same address again");
	audience_add(&a, STR("b@example.org"));
	audience_add(&b, STR("B@example.org"));
	audience_add(&b, STR("a@example.org"));
	cr_assert_arr_eq(a.least, b.least, sizeof(a.least));
	cr_assert_lt(a.least[0], a.least[1]);
}

Test(audience, the_least_are_kept_whatever_the_order)
{
	struct audience up = { 0 }, down = { 0 };

	add_people(&up, 0, 1000);
	for (int i = 999; i >= 0; i--)
		add_people(&down, i, i + 1);
	cr_assert_arr_eq(up.least, down.least, sizeof(up.least));
}

Test(audience, long_addresses)
{
	static char a[998], b[998];
	struct audience x = { 0 };

	memset(a, 'x', sizeof(a));
	memcpy(b, a, sizeof(a));
	b[997] = 'y';
	audience_add(&x, (struct str){ a, sizeof(a) });
	audience_add(&x, (struct str){ b, sizeof(b) });
	cr_assert_neq(x.least[1], 0, "they differ in the last byte alone");
	audience_add(&x, STR(""));
}

/* Of sixty people one in twenty was left out, and two came in: nearly always the same audience. */
Test(audience, sets_that_mostly_agree_meet)
{
	int met = 0, strangers = 0;

	for (int n = 0; n < 500; n++) {
		struct audience a = { 0 }, b = { 0 }, c = { 0 };

		add_people(&a, n * 1000, n * 1000 + 60);
		add_people(&b, n * 1000 + 3, n * 1000 + 62);
		add_people(&c, n * 1000 + 500, n * 1000 + 560);
		met += meet(&a, &b);
		strangers += meet(&a, &c);
	}
	cr_assert_geq(met, 490);
	cr_assert_eq(strangers, 0);
}

static struct audience
of_header(const char *text)
{
	struct arena arena;
	struct header h;
	struct audience a;

	arena_init(&arena, 0);
	header_init(&h, &arena, NULL);
	header_feed(&h, text, strlen(text));
	a = header_end(&h)->audience;
	header_fini(&h);
	arena_fini(&arena);
	return a;
}

/* Whoever answers moves from To to From, and he whom he answers the other way. */
Test(audience, an_answer_to_all_goes_to_the_same)
{
	struct audience post = of_header("From: Boss <boss@example.org>\nTo: a@example.org, b@example.org\n"
					 "Cc: c@example.org\n\n");
	struct audience answer = of_header("Cc: A <a@example.org>,\n b@example.org\nTo: BOSS@example.org\n"
					   "Delivered-To: else@example.org\nReply-To: other@example.org\n"
					   "From: c@example.org\n\n");
	struct audience one = of_header("From: c@example.org\nTo: boss@example.org\n\n");

	cr_assert_arr_eq(post.least, answer.least, sizeof(post.least));
	cr_assert_arr_neq(post.least, one.least, sizeof(post.least));
}
