/* SPDX-License-Identifier: ISC */
#include "store/outbox.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "store/outbox_state.h"
#include "store/spool_state.h"
#include "store/thread.h"

enum {
	READ_TRIES = 8,
	MOMENT = 100,  /* ms */
	CALM = MS_SEC, /* without a refusal: the ring has room again */
};

/* ---- opening and closing ---- */

static void
outbox_free(struct outbox *o)
{
	spool_close(o->spool);
	pthread_cond_destroy(&o->wake);
	pthread_cond_destroy(&o->moved);
	pthread_mutex_destroy(&o->lock);
	xfree(o->dir);
	xfree(o->ring_dir);
	xfree(o);
}

int
outbox_open(const struct outbox_conf *conf, struct outbox **out, char *why, size_t why_len)
{
	struct outbox *o = xcalloc(1, sizeof(*o));
	int rc;

	o->dir = xstrdup(conf->spool.dir);
	o->ring_dir = conf->ring_dir ? xstrdup(conf->ring_dir) : NULL;
	o->ring_bytes = conf->ring_bytes;
	pthread_mutex_init(&o->lock, NULL);
	thread_cond_init(&o->wake);
	thread_cond_init(&o->moved);
	rc = spool_open(&conf->spool, &o->spool, why, why_len);
	if (rc != 0) {
		outbox_free(o);
		return rc;
	}
	o->dir_fd = spool_dir_fd(o->spool);
	outbox_find_ring(o);
	*out = o;
	return 0;
}

/* The lock is held. false: the thread is caught in a call to the disk. */
static bool
wait_for_end(struct outbox *o, int64_t until)
{
	while (!o->ended && clock_now().mono < until)
		thread_wait(&o->moved, &o->lock, until);
	return o->ended;
}

void
outbox_close(struct outbox *o, int64_t grace)
{
	int64_t until = clock_now().mono + (grace > OUTBOX_LATE ? grace : OUTBOX_LATE);
	bool ended = true, left;

	if (!o)
		return;
	if (o->running) {
		pthread_mutex_lock(&o->lock);
		o->stop = true;
		pthread_cond_signal(&o->wake);
		ended = wait_for_end(o, until);
		pthread_mutex_unlock(&o->lock);
	}
	left = o->running && ring_waiting(o->ring) > 0;
	if (left)
		log_warn("spool ring=left bytes=%" PRIu64 " path=%s", ring_waiting(o->ring),
		    ring_path(o->ring) ? LOGV(str_of(ring_path(o->ring))) : "none");
	if (!ended)
		return; /* all of it is still in use; the process ends */
	if (o->running) {
		pthread_join(o->carrier, NULL);
		outbox_leave_ring(o, left);
	} else {
		ring_close(o->ring, false); /* a start that came to nothing leaves all as it was */
	}
	outbox_free(o);
}

/* ---- replay ---- */

struct replay {
	uint64_t seen;
	spool_fn *fn;
	void *arg;
};

static void
hand_over(void *arg, uint64_t seq, struct str payload)
{
	struct replay *r = arg;

	r->seen = seq;
	r->fn(r->arg, seq, payload);
}

/* What the files have as well was written in the last moment and not taken out any more. */
static void
replay_ring(struct outbox *o, struct replay *r, struct spool_replayed *stats)
{
	struct ring_walk w = ring_walk(o->ring), twice = w;
	uint64_t seq, last = 0;
	struct str payload;

	while (ring_next(o->ring, &w, &seq, &payload) && seq > last) {
		last = seq;
		if (seq <= spool_committed(o->spool))
			twice = w;
		if (seq <= r->seen) {
			stats->skipped++;
			continue;
		}
		stats->missing += seq - r->seen - 1;
		stats->records++;
		hand_over(r, seq, payload);
	}
	ring_take(o->ring, &twice);
	if (last > o->last && last <= SPOOL_SEQ_MAX)
		o->last = last;
}

void
outbox_used(struct outbox *o, uint64_t seq)
{
	spool_used_up_to(o->spool, seq);
}

int
outbox_replay(struct outbox *o, uint64_t after, spool_fn *fn, void *arg, struct spool_replayed *stats)
{
	struct replay r = { after, fn, arg };
	struct spool_replayed mine;
	int rc = spool_replay(o->spool, after, hand_over, &r, &mine);

	if (rc != 0)
		return rc;
	o->last = spool_last(o->spool);
	rc = outbox_have_ring(o);
	if (rc != 0)
		return rc;
	replay_ring(o, &r, &mine);
	if (stats)
		*stats = mine;
	o->carried = spool_committed(o->spool);
	o->seen_at = clock_coarse(); /* nobody could take anything out before */
	rc = thread_start(&o->carrier, outbox_carrier, o);
	if (rc != 0)
		return ERR_IO;
	o->running = true;
	return 0;
}

/* ---- the loop thread ---- */

static uint64_t
refuse(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	o->refused++;
	pthread_mutex_unlock(&o->lock);
	if (!o->full_told)
		log_error("spool ring=full bytes=%" PRIu64, ring_waiting(o->ring));
	o->full = o->full_told = true;
	o->refused_at = clock_coarse();
	return 0;
}

uint64_t
outbox_append(struct outbox *o, const void *payload, size_t n)
{
	bool was_empty = ring_waiting(o->ring) == 0;

	if (!o->running)
		log_panic("outbox_append() before outbox_replay()");
	if (o->last >= SPOOL_SEQ_MAX || !ring_put(o->ring, o->last + 1, (struct str){ payload, n }))
		return refuse(o);
	if (was_empty)
		o->seen_at = clock_coarse();
	o->last++;
	if (o->sleeping) {
		pthread_mutex_lock(&o->lock);
		pthread_cond_signal(&o->wake);
		pthread_mutex_unlock(&o->lock);
	}
	return o->last;
}

/* Where nobody looked for as long, this process may have stood still, and the carrier with it: he gets a
 * moment once. */
static bool
too_long(struct outbox *o, int64_t now)
{
	int64_t looked = o->looked_at > o->seen_at ? o->looked_at : o->seen_at;

	o->looked_at = now;
	if (now - looked > OUTBOX_LATE && !o->excused) {
		o->excused = true;
		o->seen_at = now - OUTBOX_LATE + MOMENT;
	}
	return now - o->seen_at > OUTBOX_LATE;
}

/* Nothing was taken out for so long although something was there all the time. */
static bool
stalls(struct outbox *o)
{
	uint64_t taken = ring_taken(o->ring);

	if (taken == o->seen_taken && ring_waiting(o->ring) > 0)
		return too_long(o, clock_coarse());
	/* Of an empty ring the time does not matter: who puts the first thing in looks at the clock. */
	if (taken != o->seen_taken)
		o->seen_at = clock_coarse();
	o->seen_taken = taken;
	o->full = o->excused = false;
	return false;
}

bool
outbox_late(struct outbox *o)
{
	bool late = stalls(o);

	return late || o->failing || o->homeless || o->full;
}

bool
outbox_healthy(struct outbox *o)
{
	return !outbox_late(o) && spool_healthy(o->spool);
}

uint64_t
outbox_last(const struct outbox *o)
{
	return o->last;
}

/* Beside a disk that is slower than what comes it has room for some records again and again. */
static void
tell_room(struct outbox *o)
{
	bool late = stalls(o); /* looked at although nobody asks */

	if (!o->full_told || late || clock_coarse() - o->refused_at < CALM)
		return;
	log_info("spool ring=room refused=%" PRIu64, o->refused);
	o->full_told = false;
}

void
outbox_tick(struct outbox *o)
{
	tell_room(o);
	pthread_mutex_lock(&o->lock);
	if (!o->busy)
		ring_trim(o->ring);
	pthread_mutex_unlock(&o->lock);
	outbox_renew_ring(o);
}

/* ---- everybody ---- */

void
outbox_release(struct outbox *o, uint64_t seq)
{
	spool_release(o->spool, seq);
}

struct reading {
	uint64_t last; /* handed over */
	bool enough;
	spool_read_fn *fn;
	void *arg;
};

static bool
read_one(void *arg, uint64_t seq, struct str payload)
{
	struct reading *r = arg;

	if (r->fn(r->arg, seq, payload))
		r->last = seq;
	else
		r->enough = true;
	return !r->enough;
}

/* false: some of it went into the files after they were read. */
static bool
read_ring(struct outbox *o, struct reading *r)
{
	struct ring_walk w;
	struct str payload;
	uint64_t seq;
	bool all;

	pthread_mutex_lock(&o->lock);
	all = o->carried <= r->last;
	w = ring_walk(o->ring);
	while (all && !r->enough && ring_next(o->ring, &w, &seq, &payload))
		if (seq > r->last)
			(void)read_one(r, seq, payload);
	pthread_mutex_unlock(&o->lock);
	return all;
}

int
outbox_read(struct outbox *o, uint64_t after, spool_read_fn *fn, void *arg)
{
	struct reading r = { .last = after, .fn = fn, .arg = arg };
	int rc = 0;

	for (int i = 0; i < READ_TRIES && !rc && !r.enough; i++) {
		rc = spool_read(o->spool, r.last, read_one, &r);
		if (!rc && !r.enough && read_ring(o, &r))
			break;
	}
	return rc;
}

bool
outbox_flush(struct outbox *o, int64_t ms)
{
	int64_t until = clock_now().mono + ms;
	uint64_t round;
	bool all;

	pthread_mutex_lock(&o->lock);
	/* One that has begun may have missed what is there now. */
	round = o->rounds + (o->busy ? 1 : 0);
	for (;;) {
		all = ring_waiting(o->ring) == 0 && !o->busy;
		if (all || o->ended || clock_now().mono >= until || (o->failing && o->rounds > round))
			break;
		o->hurry = true;
		pthread_cond_signal(&o->wake);
		thread_wait(&o->moved, &o->lock, until);
	}
	pthread_mutex_unlock(&o->lock);
	return all;
}

void
outbox_stats(struct outbox *o, struct outbox_stats *out)
{
	*out = (struct outbox_stats){ 0 };
	spool_stats(o->spool, &out->spool);
	pthread_mutex_lock(&o->lock);
	out->waiting = ring_waiting(o->ring);
	out->refused = o->refused;
	out->in_memory = !o->homeless && ring_in_memory(o->ring);
	pthread_mutex_unlock(&o->lock);
}
