/* SPDX-License-Identifier: ISC */
/*
 * Who asks little goes first. What connections do is counted in steps; a round lasts until each of those that
 * did something in the round before could have had SHARE_STEPS. Who had less than half of that in this round
 * and the one before is modest: he waits for nobody who asks as fast as he is answered. There is no clock in
 * it, and what is not used by one is there for others.
 */
#ifndef SERVE_SHARE_H
#define SERVE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

enum { SHARE_STEPS = 256, SHARE_MODEST = SHARE_STEPS / 2 };

/* Of all together. All zero is a beginning. */
struct shares {
	uint32_t round;
	uint32_t active, active_before; /* who did something in this round, and in the one before */
	uint32_t modest;                /* the last round in which somebody modest asked */
	uint64_t left;                  /* steps until the round ends */
};

/* Of one. */
struct share {
	uint32_t round, used, before; /* `used` is of `round`, `before` of the one in front of it */
};

/* Who is new has yet to show that he is modest, for a whole round: a connection for each question buys
 * nothing, and many that begin together are alike from the beginning. */
void share_init(struct share *s, const struct shares *all);
/* He asks: may he go first? */
bool share_ask(const struct share *s, struct shares *all);
void share_use(struct share *s, struct shares *all, uint32_t steps);
/* Of `live` connections all ask alike: there is nobody to look out for. */
bool shares_alike(const struct shares *all, uint32_t live);

#endif
