/* SPDX-License-Identifier: ISC */
#include "store/tally_pace.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "mail/tally.h"

static int64_t
kept(int64_t ms)
{
	return pace_medians(pace_add(0, ms)).slower;
}

Test(tally_pace, is_as_exact_as_it_says)
{
	int64_t before = 0;

	for (int64_t ms = 0; ms < MS_SEC; ms++)
		cr_assert(llabs(kept(ms) - ms) <= 128, "%lld: %lld", (long long)ms, (long long)kept(ms));
	for (int64_t ms = MS_SEC; ms <= 7 * MS_HOUR; ms += 1 + ms / 1000) {
		cr_assert(
		    llabs(kept(ms) - ms) <= ms / 8 + 1, "%lld: %lld", (long long)ms, (long long)kept(ms));
		cr_assert_geq(kept(ms), before);
		before = kept(ms);
	}
	cr_expect_geq(before, 7 * MS_HOUR);
	cr_expect_leq(before, 8 * MS_HOUR);
	cr_expect_eq(kept(400 * (int64_t)MS_DAY), before);
	cr_expect_eq(kept(INT64_MAX), before);
	cr_expect_eq(kept(INT64_MIN), kept(0));
	cr_expect_gt(kept(0), 0, "known");
}

Test(tally_pace, median_of_the_slower_one)
{
	static const struct {
		int64_t ms[TALLY_PACE_TURNS + 2];
		int n;
		int64_t lower, upper; /* the mean of these is the median */
	} rows[] = {
		{ { 5000 }, 1, 5000, 5000 },
		{ { 90000, 5000 }, 2, 90000, 90000 },
		{ { 90000, 5000, 300 }, 3, 300, 90000 },
		{ { 1, 100000, 1, 100000 }, 4, 100000, 100000 },
		{ { 20000, 1, 400000, 1, 20000, 1 }, 6, 20000, 20000 },
		{ { 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000 }, 8, 4000, 6000 },
		/* the oldest drop out: at nine, at ten */
		{ { 90000, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000 }, 9, 4000, 6000 },
		{ { 90000, 1, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000 }, 10, 4000, 6000 },
	};

	cr_expect_eq(pace_medians(0).slower, 0);
	cr_expect_eq(pace_medians(~PACE_ALL).slower, 0);
	cr_expect_eq(pace_medians(UINT64_MAX).slower, kept(INT64_MAX));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t pace = 0;

		for (int k = 0; k < rows[i].n; k++)
			pace = pace_add(pace, rows[i].ms[k]);
		cr_expect_eq(pace_medians(pace).slower, (kept(rows[i].lower) + kept(rows[i].upper)) / 2,
		    "row %zu: %lld", i, (long long)pace_medians(pace).slower);
		cr_expect_eq(pace & ~PACE_ALL, 0);
		cr_expect_eq(pace48_get(pace48_of(pace)), pace);
	}
}

/* Whose turn it is next, by his own. */
Test(tally_pace, of_the_one_who_did_not_speak_last)
{
	uint64_t pace = 0;

	cr_expect_eq(pace_medians(0).other, 0);
	pace = pace_add(pace, 5000);
	cr_expect_eq(pace_medians(pace).other, 0);
	for (int i = 0; i < 3; i++) {
		pace = pace_add(pace, 90000);
		cr_expect_eq(pace_medians(pace).other, kept(5000));
		pace = pace_add(pace, 5000);
		cr_expect_eq(pace_medians(pace).other, kept(90000));
	}
}

/* What came in goes out, wherever it stands; the rest stays in its order. */
Test(tally_pace, without)
{
	static const int64_t ms[] = { 300, 5000, 20000, 60000, 300000, 900000, 3600000, 9000000 };
	uint64_t all = 0;

	for (int k = 0; k < TALLY_PACE_TURNS; k++)
		all = pace_add(all, ms[k]);
	for (int out = 0; out < TALLY_PACE_TURNS; out++) {
		uint64_t rest = 0;

		for (int k = 0; k < TALLY_PACE_TURNS; k++)
			rest = k == out ? rest : pace_add(rest, ms[k]);
		cr_expect_eq(pace_without(all, ms[out]), rest, "%d", out);
	}
	cr_expect_eq(pace_without(all, 1500), all, "there is none");
	cr_expect_eq(pace_without(0, 300), 0);
	cr_expect_eq(pace_without(pace_add(pace_add(0, 300), 300), 300), pace_add(0, 300), "one alone");
}
