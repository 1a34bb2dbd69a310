/* SPDX-License-Identifier: ISC */
/*
 * The journal's database for those who only look: while the daemon writes, or after it has gone. Nothing is
 * changed. No transaction is held while the caller works, so the daemon's checkpoints are not held up.
 *
 * All return 0, ERR_NOENT (no such file), ERR_VERSION (made by a newer or older version), ERR_CORRUPT (not
 * the journal's, or damaged), ERR_BUSY or ERR_IO; `why` gets a sentence then.
 */
#ifndef STORE_JOURNAL_READ_H
#define STORE_JOURNAL_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"
#include "mail/record.h"

/* In the place of a number that damage keeps from being read. */
#define JOURNAL_UNREADABLE UINT64_MAX

struct journal_report {
	int version, known; /* of the schema: the file's, and the newest we know */
	uint64_t messages, recipients, storms, storm_hosts, parts;
	uint64_t oldest, newest; /* wall ms of messages; 0: there are none */
	uint64_t seq;            /* journal_seq */
	uint64_t snapshot_seq;   /* of the oldest part, 0: there is none */
	uint64_t faults;
};

/* Reads the whole file. Each fault goes to `fn` and is no error: 0 comes back when reading was possible. */
typedef void journal_fault_fn(void *arg, const char *what);
int journal_check(const char *path, journal_fault_fn *fn, void *arg, struct journal_report *out, char *why,
    size_t why_len) MUSTCHECK;

/* Messages with since <= time < until (wall ms) in the order they came. false: enough. */
typedef bool journal_message_fn(void *arg, const struct record *r);
int journal_each_message(const char *path, int64_t since, int64_t until, journal_message_fn *fn, void *arg,
    char *why, size_t why_len) MUSTCHECK;

/*
 * The same for those who want few of many: begins near `since` without reading what stands before, and
 * asks `wanted` about each message with since <= time, in the order they came; it sees all but the
 * recipients. Those that it wants come to `fn` whole. A read transaction spans some hundred of them: both
 * are to work in memory. Where a hundred messages in a row stand among younger ones by more than an hour,
 * because the clock was put back, some that came before them may be missed.
 */
int journal_each_wanted(const char *path, int64_t since, journal_message_fn *wanted, journal_message_fn *fn,
    void *arg, char *why, size_t why_len) MUSTCHECK;

/* Storms as the daemon wrote them last, those seen last first, with their hosts; of hosts at most
 * STORM_HOSTS_MAX. false: enough. */
struct journal_storms {
	bool all;          /* also those that are neither open nor cooling */
	uint64_t from, to; /* ids, both included; 0 and UINT64_MAX: any */
};
typedef bool journal_storm_fn(void *arg, const struct record_storm *s);
int journal_each_storm(const char *path, const struct journal_storms *which, journal_storm_fn *fn, void *arg,
    char *why, size_t why_len) MUSTCHECK;

/* The parts of the snapshot, in their order; `data` is valid during the call. For the start. A file that is
 * not there, or ":memory:", has none. */
typedef void journal_part_fn(void *arg, uint32_t part, uint64_t seq, struct str data);
int journal_load_snapshots(
    const char *path, journal_part_fn *fn, void *arg, char *why, size_t why_len) MUSTCHECK;

#endif
