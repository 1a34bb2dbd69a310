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

#include "mail/tally.h"

struct tallies;

struct tallies_stats {
	uint64_t entries, max, pinned, bytes, evicted, refused;
};

/* `max` entries at most (>= 16). */
struct tallies *tallies_new(uint32_t max);
void tallies_free(struct tallies *t); /* takes NULL */

/* Answers ops[i] in answers[i]. An op sees those before it in the batch. `mono` never goes back. */
void tallies_submit(
    struct tallies *t, int64_t mono, const struct tally_op *ops, struct tally_answer *answers, uint32_t n);

/* Takes back what one op of a former submit added. The answer must be the one it gave; an entry that was
 * evicted in between is left alone. At most once an op. */
void tallies_undo(struct tallies *t, const struct tally_op *op, const struct tally_answer *answer);

/* Entries of the group (present and later ones) are not evicted and live until `until` (mono ms). */
void tallies_pin(struct tallies *t, uint64_t group, int64_t until);
void tallies_unpin(struct tallies *t, uint64_t group);

/* Drops what is past its ttl, at most `budget` entries looked at; call now and then. */
void tallies_expire(struct tallies *t, int64_t mono, uint32_t budget);

void tallies_stats(const struct tallies *t, struct tallies_stats *out);

#endif
