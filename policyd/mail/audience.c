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

		str_lower_to(low, part);
		h = hash64(h, (struct str){ low, part.n });
		addr = str_sub(addr, part.n, addr.n);
	} while (addr.n);
	return h ? h : 1;
}

void
audience_add(struct audience *a, struct str addr)
{
	uint64_t h = address_hash(addr), most = a->least[AUDIENCE_KEEP - 1];

	if (most && h > most)
		return;
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
