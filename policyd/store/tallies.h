/* SPDX-License-Identifier: ISC */
/*
 * Counters in memory: answers tally ops at once, on the loop thread. What each kind counts, and how a
 * sliding sum is made up, stands in mail/tally.h.
 *
 * Bounded: beyond `max` entries the one that was not used for longest goes and is counted as evicted.
 * Entries of a pinned group do not go; they take at most 3/4 of the room, what is beyond stays an
 * ordinary entry, so strangers always find room. Sets of two and more elements share 2 * max elements of
 * memory in the same way.
 *
 * Never fails: an op that finds no room is answered as unknown (a set: as if the
 * element had been put in), `stored` stays false, and it is counted as refused. So are pins without room,
 * an op with another kind than its entry's, and an all-zero key.
 */
#ifndef STORE_TALLIES_H
#define STORE_TALLIES_H

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "mail/tally.h"

enum { TALLY_PART_BITS = 6, TALLY_PARTS = 1 << TALLY_PART_BITS };

struct tallies;

struct tallies_stats {
	uint64_t entries, max, pinned, bytes, evicted, refused;
};

/* `max` entries at most (>= 16). */
struct tallies *tallies_new(uint32_t max);
void tallies_free(struct tallies *t); /* takes NULL */

/* These will be submitted: memory is asked for what they need, and not waited for. First where they are to be
 * looked for; and for the counters themselves, when that has come. */
void tallies_expect(const struct tallies *t, const struct tally_op *ops, uint32_t n);
void tallies_fetch(const struct tallies *t, const struct tally_op *ops, uint32_t n);

/* Answers ops[i] in answers[i]. An op sees those before it in the batch. `mono` never goes back. */
void tallies_submit(
    struct tallies *t, int64_t mono, const struct tally_op *ops, struct tally_answer *answers, uint32_t n);

/* Takes back what one op of a former submit added. The answer must be the one it gave; an entry that was
 * evicted in between and made anew is left alone, but for one in 16,000. At most once an op. */
void tallies_undo(struct tallies *t, const struct tally_op *op, const struct tally_answer *answer);

/* Entries of the group (present and later ones) are not evicted and live until `until` (mono ms), which may
 * be over: the last word counts. */
void tallies_pin(struct tallies *t, uint64_t group, int64_t until);

/* Drops what is past its ttl, at most `budget` entries looked at; call now and then. */
void tallies_expire(struct tallies *t, int64_t mono, uint32_t budget);

void tallies_stats(const struct tallies *t, struct tallies_stats *out);

/*
 * Snapshots: the table in TALLY_PARTS parts, each a piece of bytes of its own. Which part an entry or a group
 * belongs to depends on nothing but its key, so parts may be taken one by one, at different times, and
 * given back in any order to a table of any size.
 *
 * Times are kept as ages at a wall time: what is restored is as much older as the wall clock says; when
 * that went back, as old as it was. Nothing restored was touched later than `now`.
 *
 * Once restored, the table answers as the one that the parts were taken from. What is not kept: what was past
 * its time, the counts of evicted and refused, and the order of one group's members among themselves (it
 * decides who is held when there is too little room to hold all).
 *
 * Ops that came after the snapshot are submitted again at their own time, before any later one: restoring
 * does not move the table's time on. Where such an op is older than what stands in its own entry (the part
 * was taken after it), it counts at the time of the latest touch there: time never goes back in an entry.
 */
struct tallies_restored {
	uint64_t entries; /* that were read; of these: */
	uint64_t dropped; /* the oldest ones, for which there was no room */
	uint64_t known;   /* were there already and stayed as they are */
	uint64_t pins;    /* groups that are held */
	uint64_t refused; /* pins for which there was no room: of entries and of groups */
};

/* The part that an entry with this key is in. (Pins go by their group, in a way of their own; to pin again
 * does no harm.) */
static inline uint32_t
tally_part(struct key128 key)
{
	return (uint32_t)(key.lo >> (64 - TALLY_PART_BITS));
}

/* Appends a part (below TALLY_PARTS) to `out`. */
void tallies_snapshot(const struct tallies *t, uint32_t part, struct now now, struct buf *out);

/* The same in two: what takes less time goes on where ops are submitted, the rest on whatever thread. A copy
 * is for the running process alone. `copy` is empty and without a bound; `bytes` are all that it has then. */
void tallies_copy(const struct tallies *t, uint32_t part, struct now now, struct buf *copy);
void tallies_pack(struct str bytes, struct buf *out);

/* All of it or nothing: ERR_CORRUPT, ERR_VERSION. Adds to *stats, which the caller zeroes before the first
 * part. After the last part the first call of tallies_submit() or tallies_expire() sorts by age. */
int tallies_restore(
    struct tallies *t, struct now now, struct str blob, struct tallies_restored *stats) MUSTCHECK;

#endif
