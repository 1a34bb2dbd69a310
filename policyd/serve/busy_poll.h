/* SPDX-License-Identifier: ISC */
/*
 * Busy polling: a peer that asks again as soon as it is answered is waited for awake. To put the loop to
 * sleep and to wake it takes the kernel about as long as its question takes us, and the peer waits for that
 * each time.
 *
 * It lasts BUSY_POLL_US after an answer, where the question before came within that time; one that the loop
 * slept for counts as such when, awake, it would have been heard in time. So one such span is spent in
 * vain for each burst, or for every second question of a peer just too slow for it, and none where questions
 * are as far apart as those of an MTA's sessions mostly are. Not while somebody else asks: questions of
 * several gather while the loop sleeps, and are answered together. Never on a single processor, which the
 * peer needs to go on.
 */
#ifndef SERVE_BUSY_POLL_H
#define SERVE_BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* A peer that our answer wakes asks 12 to 45 us later, by how deep its processor slept (measured);
	 * 50 us is what Linux proposes for net.core.busy_poll, too. */
	BUSY_POLL_US = 50,
	BUSY_POLL_SLEPT_US = 100, /* with what it takes both sides to be woken */
};

/* All zero: never. */
struct busy_poll {
	bool allowed;    /* there is more than one processor */
	bool worth;      /* the last question came soon: the next one is waited for awake */
	int64_t woke;    /* us, when the loop last learned what there is to do */
	int64_t rested;  /* us, when the last turn that served somebody ended */
	uint64_t served; /* by then, since the beginning */
};

void busy_poll_init(struct busy_poll *b);
/* At clock_us() `us` the loop has learned what there is to do. */
void busy_poll_woke(struct busy_poll *b, int64_t us);
/* That is done: `served` have been since the beginning, all of late one peer's if `alone`. True: it is to
 * look again at once. */
bool busy_poll_on(struct busy_poll *b, uint64_t served, bool alone, int64_t us);

#endif
