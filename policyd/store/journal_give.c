/* SPDX-License-Identifier: ISC */
/* The hand-over to the journal's thread. Messages gather until the turn is over, so that the lock is taken
 * once for all of them; what the queue has no room for is left to the spool, or lost. */
#include "store/journal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/journal_thread.h"

enum {
	LOST_LOG_EVERY = MS_MIN,
	FRESH_BYTES = 16 << 10, /* that many are handed over before the turn is over */
	FRESH_MAX = 1 << 20,    /* ... and that many even if the thread has to be waited for */
};

void
journal_tell_lost(struct journal *j)
{
	if (!j->lost_untold)
		return;
	log_error("journal state=queue-full lost=%llu max_queue=%llu", (unsigned long long)j->lost_untold,
	    (unsigned long long)j->max_queue);
	j->lost_untold = 0;
	j->next_lost_log = clock_now().mono + LOST_LOG_EVERY;
}

static void
log_behind(struct journal *j)
{
	int64_t now = clock_now().mono;
	bool told;

	if (now < j->next_behind_log)
		return;
	/* It may be over by now. */
	pthread_mutex_lock(&j->lock);
	told = j->behind_told = j->behind;
	pthread_mutex_unlock(&j->lock);
	if (!told)
		return;
	log_warn("journal state=behind reason=\"the queue is full, the spool keeps the rest\" max_queue=%llu",
	    (unsigned long long)j->max_queue);
	j->next_behind_log = now + LOST_LOG_EVERY;
}

enum fate {
	ACCEPTED,
	KNOWN,
	LEFT_TO_SPOOL, /* for a full queue */
	FOLLOWS,       /* there too: what a start has to fetch from there comes first */
	LOST,
	OFFERED_AGAIN,
};

/* The lock is held. */
static enum fate
fate_of(const struct journal *j, const struct given *g)
{
	/* A storm has few rows and each counts: the last quarter is for them. */
	uint64_t room = j->max_queue + (g->storm ? j->max_queue / 4 : 0);
	bool full = j->queue.bytes + j->in_batch + g->size > room;

	if (g->seq && (g->storm ? g->seq < j->accepted_seq : g->seq <= j->accepted_seq))
		return KNOWN;
	if (g->seq && j->hooks.refill && (full || j->behind))
		return j->behind && !j->overflowed ? FOLLOWS : LEFT_TO_SPOOL;
	return full ? LOST : ACCEPTED;
}

/* The lock is held. The thread needs to hear of the first one, and of enough for a commit. */
static void
accept_record(struct journal *j, const struct given *g)
{
	bool wake =
	    !j->queue.first || (j->queue.bytes < COMMIT_BYTES && j->queue.bytes + g->size >= COMMIT_BYTES);

	queue_add(&j->queue, g);
	j->given++;
	if (g->seq > j->accepted_seq)
		j->accepted_seq = g->seq;
	if (wake)
		pthread_cond_signal(&j->wake);
}

/* The lock is held. */
static void
leave_to_spool(struct journal *j, uint64_t seq, bool full)
{
	if (!j->behind)
		pthread_cond_signal(&j->wake);
	j->behind = true;
	if (seq > j->behind_seq) {
		j->behind_seq = seq;
		j->missed++; /* not when it comes again */
	}
	j->overflowed = full;
	j->stats.deferred += full;
}

/* The lock is held. `kept`: by the caller, who offers it again. */
static enum fate
take_in(struct journal *j, const struct given *g, bool kept)
{
	enum fate fate = fate_of(j, g);

	if (fate == LOST && kept)
		fate = OFFERED_AGAIN;
	if (fate == ACCEPTED)
		accept_record(j, g);
	else if (fate == LEFT_TO_SPOOL || fate == FOLLOWS)
		leave_to_spool(j, g->seq, fate == LEFT_TO_SPOOL);
	j->stats.skipped += fate == KNOWN;
	j->stats.lost += fate == LOST;
	j->lost_untold += fate == LOST;
	j->to_tell |= fate == LOST || fate == LEFT_TO_SPOOL;
	return fate;
}

struct fresh_head {
	uint64_t seq, n;
};

/* The lock is held. */
static void
take_fresh(struct journal *j)
{
	struct str left = buf_str(&j->fresh);
	struct fresh_head head;
	struct given g;

	while (left.n) {
		memcpy(&head, left.p, sizeof(head));
		left = str_sub(left, sizeof(head), left.n);
		g = given_message(head.seq, str_sub(left, 0, head.n));
		(void)take_in(j, &g, false);
		left = str_sub(left, head.n, left.n);
	}
	buf_reset(&j->fresh);
}

void
journal_lock(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	take_fresh(j);
}

bool
journal_try_lock(struct journal *j)
{
	if (pthread_mutex_trylock(&j->lock) != 0)
		return false;
	take_fresh(j);
	return true;
}

void
journal_unlock(struct journal *j)
{
	pthread_mutex_unlock(&j->lock);
	if (!j->to_tell)
		return;
	j->to_tell = false;
	if (clock_now().mono >= j->next_lost_log)
		journal_tell_lost(j);
	log_behind(j);
}

static enum fate
hand_over(struct journal *j, const struct given *g, bool kept)
{
	enum fate fate;

	journal_lock(j);
	fate = take_in(j, g, kept);
	journal_unlock(j);
	return fate;
}

void
journal_turned(struct journal *j)
{
	if (!j->fresh.len)
		return;
	if (!journal_try_lock(j)) {
		if (j->fresh.len < FRESH_MAX)
			return;
		journal_lock(j);
	}
	journal_unlock(j);
}

void
journal_packed(struct journal *j, uint64_t seq, struct str bytes)
{
	struct fresh_head head = { seq, bytes.n };

	buf_append(&j->fresh, &head, sizeof(head));
	buf_append(&j->fresh, bytes.p, bytes.n);
	if (j->fresh.len >= FRESH_BYTES)
		journal_turned(j);
}

void
journal_message(struct journal *j, const struct record *r)
{
	buf_reset(&j->scratch);
	record_pack(r, &j->scratch);
	journal_packed(j, r->seq, buf_str(&j->scratch));
}

void
journal_storm(struct journal *j, const struct record_storm *s)
{
	struct given g = given_storm(s);

	(void)hand_over(j, &g, false);
}

bool
journal_offer_storm(struct journal *j, const struct record_storm *s)
{
	struct given g = given_storm(s);

	return hand_over(j, &g, true) != OFFERED_AGAIN;
}
