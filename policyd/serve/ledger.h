/* SPDX-License-Identifier: ISC */
/*
 * What must not be lost: each judged message leaves one record in the spool, with what it counted and
 * what it did to storms, before its reply leaves. Now and then the counters and storms themselves go into the
 * database, part by part; a restart reads the newest parts and walks through the records behind them. What
 * the spool need not keep any more is released.
 *
 *	payload = version u8 | record (record_pack) | ops | storm events (storms_replay)
 */
#ifndef SERVE_LEDGER_H
#define SERVE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "judge/detect.h"
#include "mail/privacy.h"
#include "mail/record.h"
#include "store/journal.h"
#include "store/outbox.h"

struct ledger;
struct tallies;

struct ledger_conf {
	struct store_conf store;
	struct outbox_conf outbox;     /* spool.dir NULL: none (":memory:"), nothing survives */
	const struct privacy *privacy; /* NULL: plain; borrowed until ledger_close() */
};

struct ledger_opened {
	uint64_t seed;             /* privacy_seed() of the database's */
	uint64_t counters, storms; /* restored from parts */
	uint64_t records;          /* replayed on top of them */
};

/* Opens the database and the spool, and brings `tallies` and `storms` to where they were. ERR_* of
 * journal_open() and outbox_open(). Both are borrowed until ledger_close(). With privacy, storms are hidden
 * (storms_hide()) and messages are on their way to the disk, whoever wrote them. */
int ledger_open(const struct ledger_conf *conf, struct tallies *tallies, struct storms *storms,
    struct now now, struct ledger **out, struct ledger_opened *opened, char *why, size_t why_len) MUSTCHECK;

/* Writes what waits, for `grace` ms at most. Takes NULL. */
void ledger_close(struct ledger *l, int64_t grace);

/* One judged message: `r` goes to the journal, and with the ops that stand (`kept`, NULL: none) and
 * the storm events since the last call into the spool. */
void ledger_message(struct ledger *l, struct record *r, const struct ops *kept);
void ledger_storm(struct ledger *l, const struct record_storm *r);
/* The same of one that stays. false: the journal has no room for it now, so it is to be offered again. */
bool ledger_offer_storm(struct ledger *l, const struct record_storm *r);

/* Waits until the spool's files have all that was told, `ms` at most; false: they do not. For tests: what
 * stands in the outbox is safe from kill -9 already. */
bool ledger_written(struct ledger *l, int64_t ms) MUSTCHECK;

/* Called before a part of the counters is taken (`out`) and after it: what is only reserved does not belong
 * into a snapshot. NULL: nobody. */
typedef void ledger_part_fn(void *arg, uint32_t part, bool out, struct now now);
void ledger_around_parts(struct ledger *l, ledger_part_fn *fn, void *arg);

/* Storms were closed because of the rules, which stands in no record: their snapshot is the next. */
void ledger_storms_obeyed(struct ledger *l);

/* About twice a second: takes a part's snapshot when it is time, one and no more, for nobody is answered
 * meanwhile; releases what the spool need not keep. */
void ledger_tick(struct ledger *l, struct now now);
/* When those that waited have been answered: the same where much was written down since the last part. */
void ledger_turned(struct ledger *l, struct now now);

bool ledger_healthy(struct ledger *l);

struct ledger_stats {
	struct journal_stats journal;
	struct outbox_stats outbox;
	bool has_spool;
	uint64_t unsafe; /* messages answered although their record was late, or had no room */
};
void ledger_stats(struct ledger *l, struct ledger_stats *out);

/* Waits until the database has all, or `ms` have gone. For tests. */
bool ledger_flush(struct ledger *l, int64_t ms);

#endif
