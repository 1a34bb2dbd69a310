/* SPDX-License-Identifier: ISC */
#include "serve/repeats.h"

#include <string.h>

#include "base/log.h"

bool
repeats_first(struct repeats *r, const char *door, const char *what, int64_t mono)
{
	uint32_t i = 0;

	repeats_tell(r, mono);
	while (i < r->n && (strcmp(r->v[i].door, door) != 0 || strcmp(r->v[i].what, what) != 0))
		i++;
	if (i < r->n || i == REPEATS_KINDS) {
		r->v[i < r->n ? i : i - 1].more++;
		return false;
	}
	r->v[r->n++] = (struct repeat){ door, what, mono + REPEATS_EVERY, 0 };
	return true;
}

void
repeats_tell(struct repeats *r, int64_t mono)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		struct repeat *k = &r->v[i];

		if (mono < k->until) {
			r->v[kept++] = *k;
			continue;
		}
		if (k->more)
			log_warn("left-out door=%s what=%s lines=%llu", k->door, LOGV(str_of(k->what)),
			    (unsigned long long)k->more);
	}
	r->n = kept;
}
