/* SPDX-License-Identifier: ISC */
/* Inside of the outbox. `lock` is never held over a call that may wait for the disk. */
#ifndef STORE_OUTBOX_STATE_H
#define STORE_OUTBOX_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/outbox.h"
#include "store/ring.h"

struct outbox {
	/* the loop thread alone */
	char *dir, *ring_dir;
	uint64_t ring_bytes;
	int dir_fd;
	uint64_t last;
	uint64_t seen_taken; /* how far the ring was emptied when that was last looked at */
	int64_t seen_at;     /* clock_coarse(): since when it has not moved */
	int64_t renew_at;    /* mono ms: when a better ring is tried for */
	int64_t looked_at;   /* clock_coarse(): when it had not moved, last */
	bool excused;        /* we may have stood still: for this once it is not too long */
	int64_t refused_at;  /* clock_coarse(): when the ring had no room, last */
	bool renew;
	bool full, full_told; /* it had none when last looked at; that was told, its end not yet */
	bool homeless;        /* a crash would lose what is in the ring, or nobody would find it */

	struct spool *spool; /* its writer is the carrier, once that runs */
	pthread_t carrier;
	bool running;

	pthread_mutex_t lock;
	pthread_cond_t wake, moved;
	/* under lock */
	/* NULL until replay where none was found; changed by the loop thread, while it is empty */
	struct ring *ring;
	bool busy; /* the carrier reads the ring, or writes what it read */
	bool hurry, stop, ended;
	uint64_t rounds; /* that the carrier has ended */
	uint64_t refused;
	uint64_t carried; /* the highest number in the files, or that was there */
	/* no lock */
	_Atomic bool sleeping;   /* the carrier, until somebody wakes it */
	_Atomic bool failing;    /* its last round could not write */
	_Atomic bool moved_away; /* it does not find the ring under its name any more */
};

/* outbox_ring.c: finds the ring of the process before us. */
void outbox_find_ring(struct outbox *o);
/* Makes one where none was found. One that would die with us is better than none: all is late then.
 * ERR_IO: no memory. */
int outbox_have_ring(struct outbox *o) MUSTCHECK;
/* Makes a new one in place of an empty one, when that is due. */
void outbox_renew_ring(struct outbox *o);
/* Somebody removed the link alone, or moved the ring: the next start would not find it. For the carrier,
 * while it is busy: to look may take the disk's time. */
void outbox_keep_link(struct outbox *o, const struct ring *r);
/* `left`: something is still in it. */
void outbox_leave_ring(struct outbox *o, bool left);

/* outbox_carry.c */
void *outbox_carrier(void *arg);

#endif
