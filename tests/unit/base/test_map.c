/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/map.h"

static uint64_t state = 1;

static uint32_t
rnd(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state >> 33);
}

/* Against an array, with keys that collide on purpose (few distinct low bits). */
Test(map, like_an_array)
{
	static char *model[512];
	struct map m;
	uint32_t n = 0;

	map_init(&m);
	cr_assert_null(map_get(&m, (struct key128){ 1, 1 }));
	cr_assert_null(map_del(&m, (struct key128){ 1, 1 }));
	for (int i = 0; i < 200000; i++) {
		uint32_t k = rnd() % 512;
		struct key128 key = { (k % 7) | 0x1000, k };
		char *value = (char *)&model[k] + (rnd() & 1);

		if (rnd() % 3) {
			cr_assert_eq(map_put(&m, key, value), model[k]);
			n += !model[k];
			model[k] = value;
		} else {
			cr_assert_eq(map_del(&m, key), model[k]);
			n -= model[k] != NULL;
			model[k] = NULL;
		}
		cr_assert_eq(m.n, n);
		k = rnd() % 512;
		cr_assert_eq(map_get(&m, (struct key128){ (k % 7) | 0x1000, k }), model[k]);
	}
	map_fini(&m);
}
