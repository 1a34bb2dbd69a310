/* SPDX-License-Identifier: ISC */
/*
 * Whom a message speaks to, as a few numbers: the least hashes of all its addresses. Two sets that differ by
 * some addresses still share most of these, whatever the order (the "bottom k" of MinHash): an answer to all
 * goes to the audience of what it answers, though its author moved from To to From and somebody was left out.
 * Not seeded, so that the scanner needs no site: who wants to can make two audiences look alike.
 */
#ifndef MAIL_AUDIENCE_H
#define MAIL_AUDIENCE_H

#include <stdint.h>

#include "base/str.h"

enum { AUDIENCE_KEEP = 2 };

struct audience {
	uint64_t least[AUDIENCE_KEEP]; /* ascending; 0: none */
};

/* Letter case does not count, nor does an address that is there already. Constant work but for its length. */
void audience_add(struct audience *a, struct str addr);

#endif
