/* SPDX-License-Identifier: ISC */
/*
 * Inside of the spool. The writing thread alone has the batch, the descriptor of the newest segment and the
 * numbers; `lock` guards the list of segments and what is counted, and is never held over a call that may
 * wait for the disk. bytes = the sum of the segments' sizes; `fd`, when there is one, is the newest's.
 */
#ifndef STORE_SPOOL_STATE_H
#define STORE_SPOOL_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/list.h"
#include "store/spool.h"
#include "store/spool_segment.h"
#include "store/spool_sync.h"

struct segment {
	struct list node;
	uint64_t first, last; /* last: first - 1 when it has no record */
	uint64_t size;
};

/* Trouble that is logged when it begins and when it is over, however often it happens in between. */
struct outage {
	bool on;
	int64_t at;     /* mono ms of the last failure */
	uint64_t count; /* since it is on */
};

struct spool {
	/* the writing thread alone */
	char *dir;
	int dir_fd, lock_fd;
	uint64_t max_bytes, segment_bytes;
	struct syncer *syncer;
	struct buf batch;
	uint64_t batch_first, batch_last, batch_records;
	uint64_t committed; /* the highest number that is in a file */
	int fd;             /* of the newest segment; -1: a new one is to be begun */
	int spare; /* held while there is none: connections may have taken all other descriptors by then */
	bool replayed, gone_told;
	struct outage commits, room;

	pthread_mutex_t lock;
	/* under lock */
	struct list segments;            /* in order */
	uint64_t last, released;         /* numbers; `last` is written by the writing thread alone */
	_Atomic bool commit_ok, room_ok; /* read without it */
	_Atomic bool made_again;         /* so is this */
	struct spool_stats stats;
};

/* False: somebody removed the folder, or another one stands in its place: what is written to ours would not
 * be found at the next start. */
bool spool_has_folder(const struct spool *s);
/* False: somebody removed or moved the lock in it, or all that is in it. */
bool spool_has_lock(const struct spool *s);
/* Makes them again. False: they cannot be had; ours serves on if it can. */
bool spool_return(struct spool *s) MUSTCHECK;

/* NULL: there is none. The lock is held, in the next two as well. */
struct segment *spool_newest(const struct spool *s);
void spool_segment_add(struct spool *s, uint64_t first, uint64_t size);
void spool_segment_drop(struct spool *s, struct segment *seg);
void spool_spare_take(struct spool *s);
void spool_spare_drop(struct spool *s);

static inline bool
spool_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Numbers up to this one may have been given away. Before any other thread calls. */
static inline void
spool_used_up_to(struct spool *s, uint64_t seq)
{
	if (seq > SPOOL_SEQ_MAX)
		seq = SPOOL_SEQ_MAX;
	if (seq > s->last)
		s->last = seq;
}

/* So many bytes that cannot be read hold at most so many records. */
static inline uint64_t
spool_records_in(uint64_t bytes)
{
	return bytes / SEGMENT_RECORD_HEADER + 1;
}

#endif
