/* SPDX-License-Identifier: ISC */
#include "mail/audience.h"

#include "base/hash.h"

static uint64_t
address_hash(struct str addr)
{
	char low[256];
	uint64_t h = 0;

	do {
		struct str part = str_sub(addr, 0, sizeof(low));

		for (size_t i = 0; i < part.n; i++)
			low[i] = str_lower(part.p[i]);
		h = hash64(h, (struct str){ low, part.n });
		addr = str_sub(addr, part.n, addr.n);
	} while (addr.n);
	return h ? h : 1;
}

void
audience_add(struct audience *a, struct str addr)
{
	uint64_t h = address_hash(addr);

	for (unsigned i = 0; i < AUDIENCE_KEEP; i++) {
		uint64_t there = a->least[i];

		if (there == h)
			return;
		if (there && there < h)
			continue;
		a->least[i] = h;
		if (there == 0)
			return;
		h = there;
	}
}
