/* SPDX-License-Identifier: ISC */
/*
 * A queue of records in a file that is mapped: what stands in it outlives the process, and putting
 * something in is a copy in memory. In a folder that the kernel keeps in memory (tmpfs) it never waits for
 * a disk.
 *
 *	0     magic "pdsring1"  8 version u32  12 zero u32  16 size u64 of what follows the first page
 *	64    head u64          bytes ever put in; one thread moves it
 *	72    base u64          a position that stands at the beginning of the records
 *	128   tail u64          bytes ever taken out; another one
 *	4096  records           at ((position - base) modulo size), each beginning at a multiple of 8:
 *	      0 check u32  4 length u32  8 seq u64  16 payload; length 0xffffffff: unused up to the end
 *
 * The machine's own byte order: the file never leaves it. check: the low 32 bits of XXH3-64 over length,
 * seq and payload. A record counts once `head` is behind it, so half of one is never seen. Memory is taken
 * as it is needed (fallocate(2)), so that a full file system is refused room and no SIGBUS.
 */
#ifndef STORE_RING_H
#define STORE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"

struct ring;

enum { RING_VERSION = 1, RING_HEADER = 4096, RING_RECORD_HEADER = 16, RING_BYTES_MIN = 64 << 10 };

/* A new file with a name of its own in `dir`, for nobody else to read, locked with flock(2). NULL: one
 * without a name, that dies with the process. `bytes`: room for records, rounded up to whole pages. ERR_IO
 * with errno set. */
int ring_make(const char *dir, const char *prefix, uint64_t bytes, struct ring **out) MUSTCHECK;

/* One that a process before us left. ERR_IO (errno), ERR_BUSY (somebody has it), ERR_CORRUPT (not a ring,
 * or not a file of our own user). */
int ring_adopt(const char *path, struct ring **out) MUSTCHECK;

/* NULL: it has none. */
const char *ring_path(const struct ring *r);
/* Room for records, bytes. */
uint64_t ring_size(const struct ring *r);
/* The file system keeps it in memory. */
bool ring_in_memory(const struct ring *r);
/* Somebody has removed the file, or cut it off: what is put in dies with the process. */
bool ring_gone(const struct ring *r);
/* Somebody has moved the file, or put another one in its place: who looks for it does not find it. To look
 * may take the disk's time. */
bool ring_moved(const struct ring *r);
/* Makes it the one ring that outlives its file being cut off under the process, or a disk that cannot read
 * it, both of which are a SIGBUS: it is empty then, and gone. */
void ring_guard(struct ring *r);

/* One thread puts in. False: no room. A payload of half the ring always fits when it is empty. */
bool ring_put(struct ring *r, uint64_t seq, struct str payload) MUSTCHECK;

/* Gives memory back when it is empty and has been much larger. The thread that puts in, while no other
 * looks at it. */
void ring_trim(struct ring *r);

/* Bytes that wait. Any thread. */
uint64_t ring_waiting(const struct ring *r);
/* Where the oldest record begins: rises as they are taken out. Any thread. */
uint64_t ring_taken(const struct ring *r);

/* A walk over what waits; it takes nothing out. */
struct ring_walk {
	uint64_t at, end, base;
	bool damaged; /* it ended at something that does not check */
};

struct ring_walk ring_walk(const struct ring *r);
/* The next record; its payload is valid until ring_take() goes beyond it. */
bool ring_next(const struct ring *r, struct ring_walk *w, uint64_t *seq, struct str *payload) MUSTCHECK;
/* Takes out all that the walk has shown; after damage: all that was there when it began. One thread. */
void ring_take(struct ring *r, const struct ring_walk *w);

/* `remove`: the file goes too. Takes NULL. */
void ring_close(struct ring *r, bool remove);

#endif
