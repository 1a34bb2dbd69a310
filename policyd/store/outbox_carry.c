/* SPDX-License-Identifier: ISC */
/*
 * The carrier: from the ring into the files. It rests between two rounds, so that a flood costs few calls,
 * and sleeps while there is nothing. What it cannot write it leaves where it is and tries again.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/outbox_state.h"
#include "store/thread.h"

enum {
	/* Bytes of one write(2), about: so few that the spool keeps their memory (buf_reset()). To give
	 * that back and map it anew each round costs page faults, and the loop an interrupt each time. */
	BATCH = 48 << 10,
	/* So much waits for a disk that is slow: few writes, and large ones. */
	BACKLOG = 4 << 20,
	BATCH_LARGE = 1 << 20,
	REST = 3,    /* ms between two rounds */
	RETRY = 200, /* ms after one that failed */
};

/* Written: it may go from the ring. */
static void
take(struct outbox *o, struct ring *r, const struct ring_walk *w)
{
	pthread_mutex_lock(&o->lock);
	o->carried = spool_committed(o->spool);
	ring_take(r, w);
	pthread_mutex_unlock(&o->lock);
}

/* What is damaged came from a ring on a disk that lost its power: nobody else writes there. */
static void
leave_damaged(struct outbox *o, struct ring *r, struct ring_walk *w)
{
	log_error("spool ring=damaged bytes=%" PRIu64, w->end - w->at);
	w->damaged = true;
	take(o, r, w);
}

/* Of `most` bytes, about. false: it could not be written, and is still there. */
static bool
carry_batch(struct outbox *o, struct ring *r, struct ring_walk *w, uint64_t most)
{
	struct ring_walk before = *w, done = *w;
	uint64_t seq, last = spool_committed(o->spool);
	struct str payload;
	bool room = true, order = true;

	while (room && done.at - before.at < most && ring_next(r, w, &seq, &payload)) {
		order = seq > last && seq <= SPOOL_SEQ_MAX;
		if (!order)
			break;
		room = spool_append(o->spool, seq, payload.p, payload.n);
		if (room) {
			done = *w;
			last = seq;
		}
	}
	if (spool_commit(o->spool) != 0)
		return false;
	take(o, r, &done);
	if (w->damaged || !order)
		leave_damaged(o, r, w);
	return room;
}

/* Twice: what came meanwhile is little, and an empty ring begins anew in memory that is warm. */
static bool
carry(struct outbox *o, struct ring *r)
{
	for (int i = 0; i < 2; i++) {
		struct ring_walk w = ring_walk(r);
		uint64_t most = w.end - w.at < BACKLOG ? BATCH : BATCH_LARGE;

		while (w.at < w.end && !w.damaged)
			if (!carry_batch(o, r, &w, most))
				return false;
	}
	return true;
}

/* The lock is held, in the next ones too. Whoever puts something in looks at `sleeping` afterwards: one of
 * the two sees the other. */
static void
sleep_until_woken(struct outbox *o)
{
	o->sleeping = true;
	if (ring_waiting(o->ring) == 0 && !o->stop)
		pthread_cond_wait(&o->wake, &o->lock);
	o->sleeping = false;
}

static bool
one_round(struct outbox *o)
{
	struct ring *r = o->ring;
	bool ok;

	o->busy = true;
	o->hurry = false;
	pthread_mutex_unlock(&o->lock);
	ok = carry(o, r);
	o->failing = !ok;
	outbox_keep_link(o, r);
	pthread_mutex_lock(&o->lock);
	o->busy = false;
	o->rounds++;
	pthread_cond_broadcast(&o->moved);
	return ok;
}

void *
outbox_carrier(void *arg)
{
	struct outbox *o = arg;
	bool stop = false, ok;

	pthread_mutex_lock(&o->lock);
	for (;;) {
		if (ring_waiting(o->ring) == 0) {
			if (o->stop)
				break;
			sleep_until_woken(o);
			continue;
		}
		stop = o->stop;
		ok = one_round(o);
		if (!ok && stop)
			break;
		if (!o->hurry && !o->stop)
			thread_wait(&o->wake, &o->lock, clock_now().mono + (ok ? REST : RETRY));
	}
	o->ended = true;
	pthread_cond_broadcast(&o->moved);
	pthread_mutex_unlock(&o->lock);
	return NULL;
}
