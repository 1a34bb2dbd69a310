/* SPDX-License-Identifier: ISC */
/* The groups of a tally table: who belongs to which, and which are pinned until when. See tally_table.h. */
#ifndef STORE_TALLY_GROUP_H
#define STORE_TALLY_GROUP_H

#include "store/tally_table.h"

/* By which a map has the pin of a group. */
static inline struct key128
pin_key(uint64_t group)
{
	return (struct key128){ group, 0 };
}

void group_init(struct tally_table *t);
void group_fini(struct tally_table *t);
void group_leave(struct tally_table *t, uint32_t entry);
/* Members will come to this one: memory is asked for where it begins, then for its first member. */
void group_fetch(const struct tally_table *t, uint64_t group);
void group_fetch_first(const struct tally_table *t, uint64_t group);

/* Ends all pins whose time has come. */
void group_release_due(struct tally_table *t);
uint64_t group_bytes(const struct tally_table *t);

/* By tally_table.c, for the lru and the pinned share. */
bool entry_pin(struct tally_table *t, uint32_t entry); /* false: the pinned share is used up */
void entry_release(struct tally_table *t, uint32_t entry);

#endif
