/* SPDX-License-Identifier: ISC */
/*
 * max_journal. What a commit added above it goes at once at the other end, so that writing never outruns
 * deleting; what stood above it before (max_journal was larger) goes slice by slice when nothing waits.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/journal_thread.h"

/* false: what is used is not known now. */
static bool
measure(struct journal *j, uint64_t *used)
{
	if (journal_ready(j) != 0 || jdb_used(&j->db, used) != 0) {
		log_debug("journal max_journal=postponed reason=%s", LOGV(str_of(j->db.why)));
		return false;
	}
	if (j->room == 0 || *used < j->room)
		j->room = *used > j->max_journal ? *used : j->max_journal;
	if (*used <= j->max_journal)
		j->crowded = false;
	return true;
}

/* The lock is not held. */
static void
note_trimmed(struct journal *j, uint64_t messages)
{
	int64_t now = clock_now().mono;
	uint64_t trimmed;

	pthread_mutex_lock(&j->lock);
	j->stats.trimmed += messages;
	trimmed = j->stats.trimmed;
	pthread_mutex_unlock(&j->lock);
	if (now < j->next_trim_log)
		return;
	log_warn("journal state=full removed=%llu max_journal=%llu reason=\"the oldest messages make room\"",
	    (unsigned long long)(trimmed - j->trim_logged), (unsigned long long)j->max_journal);
	j->trim_logged = trimmed;
	j->next_trim_log = now + MS_HOUR;
}

static bool
slice(struct journal *j)
{
	uint64_t messages = 0;
	int got = jdb_trim(&j->db, &messages);

	if (got > 0) {
		note_trimmed(j, messages);
		return true;
	}
	if (got < 0) {
		log_debug("journal max_journal=postponed reason=%s", LOGV(str_of(j->db.why)));
	} else if (!j->crowded) {
		j->crowded = true;
		log_warn("journal state=full max_journal=%llu reason=\"counters and storms alone take more\"",
		    (unsigned long long)j->max_journal);
	}
	return false;
}

void
room_keep(struct journal *j)
{
	uint64_t used;

	while (j->max_journal && measure(j, &used) && used > j->room)
		if (!slice(j))
			return;
}

bool
room_slice(struct journal *j)
{
	uint64_t used;

	return j->max_journal && measure(j, &used) && used > j->max_journal && slice(j);
}
