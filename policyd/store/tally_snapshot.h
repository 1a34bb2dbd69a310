/* SPDX-License-Identifier: ISC */
/*
 * The form of a part of the tallies in bytes:
 *
 *	head (base/blob.h)   serial   pins: count, (group, until)...   entries
 *
 * All times are relative to the snapshot's own, serials to the table's.
 */
#ifndef STORE_TALLY_SNAPSHOT_H
#define STORE_TALLY_SNAPSHOT_H

#include <stdint.h>

#include "base/blob.h"

enum { SNAPSHOT_MAGIC = 0x6e53744d, SNAPSHOT_VERSION = 3 };

/* Of an entry; its kind stands in the lowest bits. */
enum {
	F_KIND = 7,
	F_PINNED = 8,
	F_GROUP = 16,
	F_GROUP_PINNED = 32,
	F_ALL = 63,
};

/* The pin of a group that nobody is in: its end is that of the marks that had to go for want of room. */
static const uint64_t group_marks = 0x6d61726b7321;

static const uint64_t age_max = (uint64_t)BLOB_TIME_MAX * 2;

#endif
