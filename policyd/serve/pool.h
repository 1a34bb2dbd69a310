/* SPDX-License-Identifier: ISC */
/*
 * All connections of one loop, and whose turn it is. Nobody is served inside a callback of the loop: who has
 * something to do waits for pool_turn(). There up to POOL_TOGETHER of them are heard, then judged, then
 * answered, together: what reads, what judges and what the kernel sends with are each as large as the
 * processor's nearest memory, and to go through all three with each request is to fetch all three each time.
 * A client of many connections is woken once for all answers as well, and not once for each.
 */
#ifndef SERVE_POOL_H
#define SERVE_POOL_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "serve/console.h"
#include "serve/engine.h"
#include "serve/repeats.h"
#include "serve/send_batch.h"
#include "serve/share.h"

enum conn_state { CONN_IDLE, CONN_READ, CONN_FLUSH, CONN_DEAD, CONN_STATES };

enum {
	POOL_TURN_US = 30,
	POOL_TURN_ALIKE = 16,  /* times that when there is nobody to look out for */
	POOL_GOES_ON_US = 200, /* an MTA's next packet comes sooner than this */
	POOL_TOGETHER = SEND_BATCH_MAX,
	/* An MTA shows a milter nothing of the content before all of it has come, be that by a slow line:
	 * what libmilter waits. */
	POOL_AMID = 2 * MS_HOUR + 10 * MS_SEC,
};

struct conn;

struct pool {
	struct ev_loop *loop;  /* not owned */
	struct engine *engine; /* not owned */
	struct now now;        /* of this loop turn; the owner sets it */
	int64_t idle_timeout, request_timeout;
	struct list states[CONN_STATES];
	struct list waiting[SHARE_RANKS]; /* have something to do, in the order in which they came */
	struct list heard;                /* have asked; empty after a turn */
	struct list answers;              /* have something to say; the same */
	uint32_t n_heard, n_answers;
	struct send_batch sends;
	struct shares shares;
	int64_t turn_us;     /* how long the others may take before it is looked who else came */
	int64_t modest_at;   /* us, when somebody modest was last served */
	uint32_t seen_again; /* events since the last turn for connections that waited already */
	unsigned live;       /* all but the dead */
	uint64_t opened, requests;
	uint64_t served; /* how often somebody had his turn */
	bool draining;   /* no new request is waited for */
	struct console console;
	struct repeats repeats; /* log lines that peers cause */
	/* Scratch memory that goes from connection to connection: one that waits with nothing begun holds
	 * none, and a request that comes and goes in one piece needs no memory of its own. */
	struct buf in[POOL_TOGETHER], out[POOL_TOGETHER];
	struct arena arenas[POOL_TOGETHER];
	uint32_t n_in, n_out, n_arenas;
};

void pool_init(struct pool *p, struct ev_loop *loop, struct engine *engine);
/* Closes what is open, frees all. */
void pool_fini(struct pool *p, const char *why);
/* Once a loop turn, outside of any connection's callback: serves those that have something to do, first those
 * that ask little, then the new ones and then the others, each for turn_us, and frees the dead. True: there
 * is more to do at once. */
bool pool_turn(struct pool *p);
/* Timeouts, about once a second. */
void pool_tick(struct pool *p);
/* Answers what has arrived, then closes all that wait for nothing; the others close when their request is
 * done. */
void pool_drain(struct pool *p);

/* For connections: it has something to do in the next turn; in this one it asked, or has something to say. */
void pool_queue(struct pool *p, struct conn *c);
void pool_heard(struct pool *p, struct conn *c);
void pool_answers(struct pool *p, struct conn *c);
/* Memory for what comes next; what of it is empty goes back. */
void pool_borrow(struct pool *p, struct conn *c);
void pool_give_back(struct pool *p, struct conn *c);

#endif
