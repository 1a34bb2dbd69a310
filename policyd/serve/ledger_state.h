/* SPDX-License-Identifier: ISC */
/* Between the files of the ledger: what it is, and how a start makes it what it was. */
#ifndef SERVE_LEDGER_STATE_H
#define SERVE_LEDGER_STATE_H

#include "base/pack.h"
#include "serve/ledger.h"
#include "store/tallies.h"

enum {
	LEDGER_VERSION = 2,
	STORMS_PART = TALLY_PARTS, /* the part behind those of the counters */
	PARTS = TALLY_PARTS + 1,
};

struct ledger {
	struct journal *journal;
	struct outbox *outbox; /* NULL: none */
	struct tallies *tallies;
	struct storms *storms;
	const struct privacy *privacy; /* NULL: plain */
	struct arena hidden;           /* what privacy puts into one record */
	uint64_t max_spool;
	struct buf payload, events;
	uint64_t unsafe;
	uint32_t next_part;
	bool storms_due, out_of_turn; /* their part is to be taken out of turn; the last one was */
	int64_t next_at;              /* mono ms */
	uint64_t taken;               /* the last record when the last part was */
	uint64_t since;               /* bytes of records since then */
	uint64_t part_bytes;
	int64_t rest_until; /* mono ms */
	uint64_t part_seq[PARTS];
	ledger_part_fn *around; /* may be NULL */
	void *around_arg;
};

/* One record of the spool. */
struct ledger_payload {
	struct str record; /* its bytes */
	struct wire rest;  /* ops, then events */
};

int ledger_payload(struct str bytes, struct ledger_payload *p) MUSTCHECK;

struct ledger_restored {
	uint64_t counters, records;
};

/* Makes counters and storms out of the snapshot in the database at `path`, which was written up to
 * `journal_seq`, and of the spool. ERR_CORRUPT, ERR_IO; `why` gets a sentence. */
int ledger_restore(struct ledger *l, const char *path, uint64_t journal_seq, struct now now,
    struct ledger_restored *out, char *why, size_t why_len) MUSTCHECK;

#endif
