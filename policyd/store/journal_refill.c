/* SPDX-License-Identifier: ISC */
/*
 * A full queue turns away what the spool has, and from then on all that has a number, so that the order
 * stays. Once all that was accepted is written, the thread fetches the rest from the spool, batch by batch.
 * A round that reached the last one turned away ends it; the lock makes sure that no further one was.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/journal_thread.h"

enum {
	REFILL_PAUSE = 50,            /* ms: the record may be on its way into the spool */
	REFILL_PATIENCE = 5 * MS_SEC, /* then what the spool did not give is lost */
};

struct giver {
	struct journal *j;
	uint64_t top; /* the last number taken; only this thread moves it while we are behind */
	uint64_t n;
	size_t max;
	bool full;
};

static bool
give(void *arg, uint64_t seq, struct str bytes)
{
	struct giver *g = arg;
	struct given message = given_message(seq, bytes);

	if (seq <= g->top)
		return true;
	g->full = g->j->batch.bytes >= g->max;
	if (g->full)
		return false;
	queue_add(&g->j->batch, &message);
	g->top = seq;
	g->n++;
	return true;
}

/* The lock is held. false: the spool gave nothing for so long although there must be something. */
static bool
be_patient(struct journal *j)
{
	int64_t now = clock_now().mono;

	j->next_refill = now + REFILL_PAUSE;
	if (j->stuck_since == 0)
		j->stuck_since = now;
	return now - j->stuck_since < REFILL_PATIENCE;
}

/* The lock is held. How many were turned away and are not in the spool either: they are counted as lost. */
static uint64_t
end_if_reached(struct journal *j)
{
	uint64_t lost = j->missed;

	if (j->accepted_seq < j->behind_seq)
		return 0;
	j->stats.lost += lost;
	j->behind = j->overflowed = false;
	j->missed = 0;
	j->stuck_since = 0;
	pthread_cond_broadcast(&j->done);
	return lost;
}

static void
log_missing(uint64_t lost, int err)
{
	log_error("journal state=spool-incomplete lost=%llu reason=%s", (unsigned long long)lost,
	    LOGV(str_of(err ? err_str(err) : "the records are not there")));
}

/* What the spool should have had is lost; what was turned away since then may still be there. */
static void
lose(struct journal *j, uint64_t to, int err)
{
	uint64_t lost;

	if (journal_ready(j) != 0 || jdb_raise_seq(&j->db, to) != 0)
		return; /* asked again after the pause */
	pthread_mutex_lock(&j->lock);
	lost = j->missed;
	j->missed = 0;
	j->stats.lost += lost;
	j->accepted_seq = j->written_seq = to;
	j->stuck_since = 0;
	(void)end_if_reached(j);
	pthread_mutex_unlock(&j->lock);
	log_missing(lost, err);
}

/* The lock is held. Takes note of what was given. */
static void
note_given(struct journal *j, const struct giver *g)
{
	j->accepted_seq = g->top;
	j->given += g->n;
	j->in_batch += j->batch.bytes;
	j->stats.refilled += g->n;
	j->missed -= g->n < j->missed ? g->n : j->missed;
	if (g->n)
		j->stuck_since = 0;
}

bool
refill_batch(struct journal *j)
{
	struct giver g = { .j = j, .max = j->max_queue < COMMIT_BYTES ? j->max_queue : COMMIT_BYTES };
	uint64_t to, total, lost = 0;
	bool go_on = true, tell;
	int err;

	pthread_mutex_lock(&j->lock);
	g.top = j->accepted_seq;
	pthread_mutex_unlock(&j->lock);
	err = j->hooks.refill(j->hooks.arg, g.top, give, &g);
	pthread_mutex_lock(&j->lock);
	note_given(j, &g);
	if (!g.full && !err)
		lost = end_if_reached(j);
	tell = !j->behind && j->behind_told;
	if (!j->behind)
		j->behind_told = false;
	else if (!g.n)
		go_on = be_patient(j);
	to = j->behind_seq;
	total = j->stats.refilled;
	pthread_mutex_unlock(&j->lock);
	if (lost)
		log_missing(lost, 0);
	if (tell)
		log_info("journal state=caught-up refilled=%llu", (unsigned long long)total);
	if (!go_on)
		lose(j, to, err);
	return g.n != 0;
}
