/* SPDX-License-Identifier: ISC */
/*
 * Who asks little goes first. What connections do is counted in steps; a round lasts until each of those that
 * did something in the round before could have had SHARE_STEPS. Who had less than half of that in this round
 * and the one before is modest: he waits for nobody who asks as fast as he is answered. There is no clock in
 * it, and what is not used by one is there for others.
 *
 * Of a new one nothing is known. An MTA makes a connection for each SMTP session, so he goes behind the
 * modest but before the others until he has had SHARE_FRESH steps, which is more than one message takes;
 * from then on he must have been seen for a whole round to be modest.
 */
#ifndef SERVE_SHARE_H
#define SERVE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

enum { SHARE_STEPS = 256, SHARE_MODEST = SHARE_STEPS / 2, SHARE_FRESH = 32 };

/* Of all together. All zero is a beginning. */
struct shares {
	uint32_t round;
	uint32_t active, active_before; /* who did something in this round, and in the one before */
	uint32_t special;               /* the last round in which somebody modest or new asked */
	uint64_t left;                  /* steps until the round ends */
};

/* Of one. */
struct share {
	uint32_t round, used, before; /* `used` is of `round`, `before` of the one in front of it */
	uint32_t fresh;               /* steps until he is new no longer */
};

/* Who goes before whom: the lower first. */
enum share_rank { SHARE_FIRST, SHARE_NEW, SHARE_LAST, SHARE_RANKS };

void share_init(struct share *s, const struct shares *all);
/* He asks. */
enum share_rank share_ask(const struct share *s, struct shares *all);
void share_use(struct share *s, struct shares *all, uint32_t steps);
/* In the round before only one did something, and no more than one in this. */
bool shares_alone(const struct shares *all);
/* Of `live` connections all ask alike, none of them new: there is nobody to look out for. */
bool shares_alike(const struct shares *all, uint32_t live);

#endif
