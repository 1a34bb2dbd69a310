/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/bytes.h"

/* Every byte of a comparison has its bit, and none another's. */
Test(bytes, each_of_two)
{
	for (size_t i = 0; i < BYTES16; i++) {
		for (size_t k = i; k < BYTES16; k++) {
			char text[BYTES16] = { 0 };
			bytes16 holds;

			text[i] = text[k] = 'x';
			holds = (bytes16)(bytes_at(text) == 'x');
			cr_expect_eq(bytes_bits(holds), 1u << i | 1u << k, "%zu %zu", i, k);
			cr_expect_eq(bytes_first(holds), i, "%zu %zu", i, k);
			cr_expect(bytes_any(holds), "%zu %zu", i, k);
			holds = (bytes16)(bytes_at(text) != 'x');
			cr_expect_eq(bytes_bits(holds), 0xffff ^ (1u << i | 1u << k), "%zu %zu", i, k);
		}
	}
}

Test(bytes, none_and_all)
{
	bytes16 none = { 0 }, all = (bytes16)(none == 0);

	cr_expect_eq(bytes_bits(none), 0);
	cr_expect_eq(bytes_first(none), BYTES16);
	cr_expect_not(bytes_any(none));
	cr_expect_eq(bytes_bits(all), 0xffff);
	cr_expect_eq(bytes_first(all), 0);
	cr_expect(bytes_any(all));
}
