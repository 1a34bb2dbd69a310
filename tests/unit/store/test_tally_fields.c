/* SPDX-License-Identifier: ISC */
/* Times and spans in few bytes: what they hold exactly, and where they end. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "store/tally_table.h"

Test(tally_fields, times_on_both_sides_of_zero)
{
	const int64_t most = ((int64_t)1 << 47) - 1;
	const int64_t v[] = { 0, 1, 255, 256, 65535, 65536, UINT32_MAX, (int64_t)UINT32_MAX + 1,
		(int64_t)MS_DAY * 365 * 56, most - 1, most };

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		cr_expect_eq(ms48_get(ms48_of(v[i])), v[i], "%lld", (long long)v[i]);
		cr_expect_eq(ms48_get(ms48_of(-v[i])), -v[i], "%lld", (long long)v[i]);
	}
	cr_expect_eq(ms48_get(ms48_of(most + 1)), most);
	cr_expect_eq(ms48_get(ms48_of(INT64_MAX)), most);
	cr_expect_eq(ms48_get(ms48_of(INT64_MIN)), -most);
}

Test(tally_fields, spans_end_never_early)
{
	static const struct {
		int64_t ms, held;
	} rows[] = {
		{ -5, 0 },
		{ 0, 0 },
		{ 1, 1 },
		{ INT32_MAX, INT32_MAX },
		{ (int64_t)INT32_MAX + 1, 2147484000 },
		{ 2147484000, 2147484000 },
		{ 2147484001, 2147485000 },
		{ (int64_t)1000 * MS_DAY + 1, (int64_t)1000 * MS_DAY + 1000 },
		{ (int64_t)INT32_MAX * 1000, (int64_t)INT32_MAX * 1000 },
		{ (int64_t)INT32_MAX * 1000 + 1, (int64_t)INT32_MAX * 1000 },
		{ INT64_MAX, (int64_t)INT32_MAX * 1000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(span_get(span_of(rows[i].ms)), rows[i].held, "%lld: %lld", (long long)rows[i].ms,
		    (long long)span_get(span_of(rows[i].ms)));
}

Test(tally_fields, groups_are_never_none)
{
	cr_expect_neq(group_of(0), 0);
	for (uint64_t id = 1; id < 100000; id++) {
		cr_assert_neq(group_of(id), 0);
		cr_assert_eq(group_of(id) >> 48, 0);
		cr_assert_neq(group_of(id), group_of(id + 1));
	}
}
