/* SPDX-License-Identifier: ISC */
/* A ledger in a folder of its own under the engine of engine_rig.h, and processes that are killed. */
#ifndef TEST_LEDGER_RIG_H
#define TEST_LEDGER_RIG_H

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine_rig.h"

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

static inline int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

/* Instead of the engine's own. */
static inline void
end_records(void)
{
	ledger_close(e.ledger, 5000);
	e.ledger = NULL;
	teardown();
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Does `what` in a process that keeps records and is killed then. Nothing may be asserted in it. */
static inline void
kill_after(void (*what)(void))
{
	char c;
	int pipes[2];
	pid_t pid;

	cr_assert_eq(pipe(pipes), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		alarm(60); /* whatever becomes of us */
		keep_records();
		what();
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	cr_assert_eq(read(pipes[0], &c, 1), 1);
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	close(pipes[0]);
	close(pipes[1]);
}

#endif
