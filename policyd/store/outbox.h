/* SPDX-License-Identifier: ISC */
/*
 * What must survive kill -9 before a reply leaves, and must not wait for a disk: a record is put into a
 * ring in memory that outlives the process (store/ring.h); a thread carries what stands there into the
 * files of the spool (store/spool.h), and what a killed process left there is found again at the next
 * start.
 *
 *	spool.ring -> /dev/shm/policyd-storm.Xq1zT9     in the spool's folder: where the ring is
 *
 * While the files cannot be written, or have not been for 300 ms, the ring fills: that is "late", and told
 * as degraded, for a power cut would take more than `sync` allows. Where nobody asked for as long, the
 * process may have stood still itself: it is late a tenth of a second after that was seen. When the ring is
 * full, records are refused. A restart of the machine takes it: what is younger than `sync`, and what was
 * late.
 *
 * Calls are for the loop thread, but outbox_release(), outbox_read() and outbox_flush(), which are for
 * anybody once outbox_replay() has returned.
 */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "store/spool.h"

struct outbox;

enum { OUTBOX_LATE = 300 /* ms */ };

struct outbox_conf {
	struct spool_conf spool;
	const char *ring_dir; /* a folder in memory; NULL or one that cannot be used: the spool's own */
	uint64_t ring_bytes;  /* a record has at most half of it */
};

struct outbox_stats {
	struct spool_stats spool;
	uint64_t waiting; /* bytes in the ring */
	uint64_t refused; /* records: no room in the ring */
	bool in_memory;   /* the ring is in memory, and will be found after a crash */
};

/* As spool_open(). Changes nothing beyond that: so a start that fails elsewhere leaves what is there. */
int outbox_open(const struct outbox_conf *conf, struct outbox **out, char *why, size_t why_len) MUSTCHECK;

/* Before outbox_replay(): numbers up to this one were given, whatever stands in the spool. */
void outbox_used(struct outbox *o, uint64_t seq);

/* As spool_replay(), once and before the first outbox_append(): the files, then what only the ring has.
 * Starts the thread. ERR_RANGE; ERR_IO: no thread, or no memory for a ring. */
int outbox_replay(
    struct outbox *o, uint64_t after, spool_fn *fn, void *arg, struct spool_replayed *stats) MUSTCHECK;

/* The record's number, which is never given twice: kill -9 cannot lose it any more. 0: the ring has no
 * room. */
uint64_t outbox_append(struct outbox *o, const void *payload, size_t n) MUSTCHECK;

/* What is appended now may be missing from the files for longer than a moment. */
bool outbox_late(struct outbox *o);
/* Not late, and the spool is well. */
bool outbox_healthy(struct outbox *o);

/* The highest number given, or found at replay; 0 = none yet. */
uint64_t outbox_last(const struct outbox *o);

void outbox_release(struct outbox *o, uint64_t seq);
/* As spool_read(), and what only the ring has as well. fn must not call back. */
int outbox_read(struct outbox *o, uint64_t after, spool_read_fn *fn, void *arg) MUSTCHECK;

/* Waits until the files have all that was appended before, for `ms` at most; false: they do not, and when
 * they cannot be written that is told at once. */
bool outbox_flush(struct outbox *o, int64_t ms) MUSTCHECK;

/* Once a second: gives memory back, and makes a new ring where the old one was removed, or could not be
 * made where it should be. */
void outbox_tick(struct outbox *o);

void outbox_stats(struct outbox *o, struct outbox_stats *out);

/* Ends the thread after `grace` ms at most. What is not in the files then stays in the ring for the next
 * start. Takes NULL. */
void outbox_close(struct outbox *o, int64_t grace);

#endif
