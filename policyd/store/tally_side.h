/* SPDX-License-Identifier: ISC */
/* What tally_table.c and tally_side.c have of each other. */
#ifndef STORE_TALLY_SIDE_H
#define STORE_TALLY_SIDE_H

#include "store/tally_table.h"

/* Into a fresh entry. false: there is no room. */
bool side_restore(struct tally_table *t, uint32_t i, const struct set *set) MUSTCHECK;

/* By tally_table.c: takes another form, and with it another lru list, as the youngest there. */
void table_reform(struct tally_table *t, uint32_t i, unsigned form);
/* It goes before its time. */
void table_evict(struct tally_table *t, uint32_t i);

#endif
