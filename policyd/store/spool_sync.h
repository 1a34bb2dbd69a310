/* SPDX-License-Identifier: ISC */
/*
 * The spool's own thread: brings what was written to the disk every so often, and unlinks files, so that
 * nobody who answers mail waits for either. Jobs run in the order they came.
 */
#ifndef STORE_SPOOL_SYNC_H
#define STORE_SPOOL_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct syncer;

struct syncer_stats {
	uint64_t syncs, failures;
};

/* Syncs every `every` ms while there is something to sync, 0 = at once. Keeps dir_fd (not owned) in use
 * until syncer_stop(). ERR_IO. */
int syncer_start(int dir_fd, int64_t every, struct syncer **out) MUSTCHECK;

/* A segment was begun: its folder needs a sync. `fd`, open until it is retired, is what syncer_written()
 * speaks of. */
void syncer_follow(struct syncer *sy, int fd);
void syncer_written(struct syncer *sy);

/* Takes over the descriptor, followed until now: syncs and closes it soon. */
void syncer_retire(struct syncer *sy, int fd);

/* Unlinks the segment of that name. */
void syncer_unlink(struct syncer *sy, uint64_t first);

/* The last sync succeeded. Waits for nobody. */
bool syncer_ok(const struct syncer *sy);
void syncer_stats(struct syncer *sy, struct syncer_stats *out);

/* Does all that is left, tries one last sync, ends the thread. Takes NULL. */
void syncer_stop(struct syncer *sy);

#endif
