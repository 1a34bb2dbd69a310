/* SPDX-License-Identifier: ISC */
/*
 * Files of records that wait for the database: records are appended, one write(2) puts all of them into
 * the newest segment. Somebody else carries them into the database and says how far it got; segments that
 * are wholly below go. What is left over is read at the next start.
 *
 *	spool.lock                        held with flock(2): one daemon a folder
 *	spool.0000000000000001            a segment; its name is the number of its first record, in hex
 *	spool.00000000000004d2            the newest one: the only one that is written to (O_APPEND)
 *	spool.0000000000000001.unreadable of another version, or none of ours: set aside, never touched
 *	spool.new                         a segment in the making; renamed when its header is there
 *
 * Bytes that were written stay when the process dies; a power cut may take what is younger than `sync`.
 * fdatasync(2) and unlink(2) run on a thread of the spool's own; write(2) on the caller's, and it may wait
 * for the disk: what answers mail calls store/outbox.h instead.
 *
 * A record's number rises from one to the next, over restarts too.
 *
 * All calls are for one thread at a time, but spool_release(), spool_read(), spool_healthy() and
 * spool_stats(), which are for anybody once spool_replay() has returned. SIGXFSZ is to be ignored by the
 * program.
 */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"

struct spool;

enum { SPOOL_RECORD_MAX = 16 << 20 }; /* bytes of one payload */

/* Numbers begin at 1 and fit a database's signed column. */
#define SPOOL_SEQ_MAX ((uint64_t)1 << 62)

struct spool_conf {
	const char *dir;
	uint64_t max_bytes;     /* of all segments; > 0 */
	uint64_t segment_bytes; /* a new one is begun beyond; 0 = 16 MB; at most max_bytes / 4 is used */
	int64_t sync;           /* ms between two fdatasync(2); 0 = as soon as something was written */
};

struct spool_replayed {
	uint64_t records, skipped; /* handed over; were at or below the mark */
	uint64_t missing;    /* numbers behind the mark that no file has, in front of one that is there */
	uint32_t segments;   /* read */
	uint32_t torn;       /* ended in the middle of a record */
	uint32_t damaged;    /* ended at a record that does not check, or could not be read on */
	uint32_t unreadable; /* set aside, or could not be opened */
};

struct spool_stats {
	uint64_t bytes, segments;    /* still needed, on disk */
	uint64_t committed, commits; /* records, successful calls that wrote */
	uint64_t refused;            /* records: no room below max_bytes, or too large */
	uint64_t failures, lost;     /* commits that failed, and the records that were in them */
	uint64_t syncs, sync_failures;
};

/* A record; the payload is valid during the call only. */
typedef void spool_fn(void *arg, uint64_t seq, struct str payload);

/*
 * Makes the folder when it is missing (0700; not those above it), takes the lock, looks for segments,
 * starts the thread: so to be called after privileges were dropped and the last fork. ERR_IO; ERR_BUSY
 * (another daemon has it); ERR_RANGE (max_bytes is 0). `why` gets a sentence for the log.
 */
int spool_open(const struct spool_conf *conf, struct spool **out, char *why, size_t why_len) MUSTCHECK;

/*
 * Once, before the first append: hands over each left-over record above `after`, in order, each number
 * once. A segment ends at its first record that is cut or does not check; the ones behind it are still
 * read. All that is odd is logged and counted in *stats (may be NULL). ERR_RANGE: `after` is above
 * SPOOL_SEQ_MAX.
 */
int spool_replay(
    struct spool *s, uint64_t after, spool_fn *fn, void *arg, struct spool_replayed *stats) MUSTCHECK;

/* Copies the payload; it waits for spool_commit(). `seq` is above that of all records committed, and of
 * those that wait; at most SPOOL_SEQ_MAX. False: there is no room below max_bytes, or n is above
 * SPOOL_RECORD_MAX; counted. */
bool spool_append(struct spool *s, uint64_t seq, const void *payload, size_t n) MUSTCHECK;

/*
 * Writes all that was appended. 0: kill -9 cannot lose it any more. ERR_IO: nothing of it is left in the
 * way of later records; it may be appended again, with the same numbers. Of what could neither be written
 * to its end nor be cut off, whole records may come back at replay. Does not wait for a sync. An outage is
 * logged when it begins and when it has been over for a second.
 */
int spool_commit(struct spool *s) MUSTCHECK;

/*
 * Records up to seq are not needed any more: they are where a crash that shall be survived cannot reach
 * them, and the mark that the next spool_replay() gets is not below seq. Segments wholly below go; the
 * newest one when it is large or the spool is full, with the next append or commit.
 */
void spool_release(struct spool *s, uint64_t seq);

/* As spool_fn; false: enough. */
typedef bool spool_read_fn(void *arg, uint64_t seq, struct str payload);

/*
 * Hands over what is committed above `after` at the time of the call, in order, beside the
 * writing. What is released meanwhile may be left out. ERR_IO, ERR_CORRUPT: a segment could not be read to
 * its end; those behind it were not looked at.
 */
int spool_read(struct spool *s, uint64_t after, spool_read_fn *fn, void *arg) MUSTCHECK;

/* The highest number appended, or that may have been given before the start; 0 = none yet. */
uint64_t spool_last(const struct spool *s);
/* The highest number that is in a file, as far as files are left; 0 = none. */
uint64_t spool_committed(const struct spool *s);

/* The last commit and the last sync succeeded, and the last append found room. */
bool spool_healthy(struct spool *s);
/* Of the folder, for as long as the spool is open: it stays the same when the folder is made again. */
int spool_dir_fd(const struct spool *s);
/* Since this was asked last the folder, which somebody had removed, was made again. Any thread. */
bool spool_made_again(struct spool *s);
void spool_stats(struct spool *s, struct spool_stats *out);

/* Commits, syncs, ends the thread; the segments stay. Takes NULL. */
void spool_close(struct spool *s);

#endif
