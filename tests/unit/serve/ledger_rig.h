/* SPDX-License-Identifier: ISC */
/* A ledger in a folder of its own under the engine of engine_rig.h. */
#ifndef TEST_LEDGER_RIG_H
#define TEST_LEDGER_RIG_H

#include "engine_rig.h"
#include "killed_rig.h"

static char dir[] = "/tmp/storm-ledger-XXXXXX", db[128], spool[128];
static struct ledger_opened opened;

static inline void
keep_records(void)
{
	struct ledger_conf conf = {
		.store = { .path = db, .retention = MS_DAY, .max_counters = 10000, .max_queue = 1 << 20 },
		.outbox = { .spool = { .dir = spool, .max_bytes = 1 << 24, .sync = MS_SEC },
		    .ring_bytes = 1 << 20 },
	};
	struct ledger *ledger = NULL;
	char why[256] = "";

	cr_assert_eq(
	    ledger_open(&conf, e.tallies, e.storms, now, &ledger, &opened, why, sizeof(why)), 0, "%s", why);
	site.hash_seed = opened.seed;
	engine_use_ledger(&e, ledger);
}

/* After the engine's own set-up. */
static inline void
begin_records(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(db, sizeof(db), "%s/storm.db", dir);
	snprintf(spool, sizeof(spool), "%s/spool", dir);
	now.wall = clock_now().wall; /* the journal deletes what is old by the real clock */
}

/* Instead of the engine's own. */
static inline void
end_records(void)
{
	ledger_close(e.ledger, 5000);
	e.ledger = NULL;
	teardown();
	remove_tree(dir);
}

#endif
