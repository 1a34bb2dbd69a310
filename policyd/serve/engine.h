/* SPDX-License-Identifier: ISC */
/*
 * The one road from a message to a verdict: join -> plan -> tallies -> decide -> journal. The brake at
 * RCPT is the same road for one recipient; what passes it is held as a reservation. No socket in
 * here: the doors, replay and the tests walk the same road. `rules`, `site` and `lists` are borrowed, and
 * may be swapped between two calls; so is the ledger. What counts and remembers is the engine's own.
 */
#ifndef SERVE_ENGINE_H
#define SERVE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "judge/brake.h"
#include "judge/judge.h"
#include "judge/join.h"
#include "judge/lists.h"
#include "judge/rule.h"
#include "judge/storm.h"
#include "judge/ways.h"
#include "mail/msg.h"
#include "mail/site.h"
#include "mail/verdict.h"
#include "serve/hosts.h"
#include "serve/ledger.h"
#include "store/tallies.h"

struct engine_stats {
	uint64_t requests, messages, passed, stopped, degraded, storms_opened;
};

enum { ENGINE_SWEEP = 10000 }; /* with a tick a second a million counters take two minutes */

/* The verdict on what engine_ask() was asked. */
typedef void engine_said_fn(void *arg, const struct verdict *v);

/* Between the two halves of the road. */
struct question {
	bool planned;  /* else there was no memory to look at it */
	bool nameless; /* txn is the client's latest, for the question has no id */
	bool nobody;   /* who gets it is not known */
	bool looked;   /* its traits are there */
	bool fetched;  /* memory was asked for what it counts */
	uint32_t stated;
	struct msg *m;
	struct key128 client;
	struct txn *txn; /* NULL: none */
	uint64_t what;
	struct now now;
	engine_said_fn *said;
	void *arg;
	struct traits traits;
	struct view view;
	struct verdict v;
};

struct engine {
	const struct site *site;
	const struct ruleset *rules;
	const struct lists *lists;
	struct tallies *tallies;
	struct storms *storms;
	struct join *join;
	struct ledger *ledger; /* may be NULL: replay, tests */
	bool defer_on_failure; /* [store] on_store_failure = defer */
	bool quiet;            /* no log lines (replay) */
	uint32_t sweep;        /* counters that one tick looks at for those past their time */
	struct engine_stats stats;
	int64_t degraded_due;  /* mono ms: mail that passed without the store is not told before */
	struct hosts finals; /* whose MTAs ask about whole messages: RCPT alone proves no message of theirs */
	struct ways *ways;
	struct brake *brake;
	struct question questions[2];
	struct question *open; /* one of them, or NULL */
	struct judge judge;    /* scratch memory, kept over messages */
	struct ops kept;       /* the same: what the ledger is to keep */
	struct ops held;       /* the same: places held at RCPT that stand with the present message */
};

/* Site, rules and lists are to be put in before the first question. */
void engine_init(struct engine *e, uint32_t max_counters);
void engine_fini(struct engine *e);

/* Before the first question: from now on what is judged is written there (borrowed; NULL: nowhere). */
void engine_use_ledger(struct engine *e, struct ledger *ledger);

/* `e->rules`, `site` or `lists` are others than the storms knew, after a reload or a start: open storms obey
 * them at once. */
void engine_reloaded(struct engine *e, struct now now);

/* Judges the question in `m` and says what its door is to be told. Always gives a verdict; `v` and its
 * strings live until msg_reset(m) or the next call. */
void engine_judge(struct engine *e, struct msg *m, struct now now, struct verdict *v);

/* The same in two halves: the first asks memory for the counters, and who has something to do meanwhile, the
 * next question to read as it were, does not wait for them. `m` stays untouched until `said` is called: at
 * once, in engine_say(), or first of all in whatever else the engine is told. The verdict lives as long as
 * that call. */
void engine_ask(struct engine *e, struct msg *m, struct now now, engine_said_fn *said, void *arg);
void engine_say(struct engine *e);

/* A milter connection learned who its client is / went away: while one serves a client, the policy door
 * leaves header matters to it. */
void engine_milter_begin(struct engine *e, struct str client_address, struct str client_port);
void engine_milter_end(struct engine *e, struct str client_address, struct str client_port);

/* The MTA gave the milter's message up before its end: what the policy door reserved for it at RCPT is
 * given back. */
void engine_abort(struct engine *e, const struct msg *m);

/* A connection of the policy door closed, after so many questions. (Some clients open one for each: its end
 * says nothing about the message.) */
void engine_disconnect(struct engine *e, uint64_t connection, uint64_t questions, struct now now);

/* No more questions come: what waits for the end of its message is settled. */
void engine_drain(struct engine *e);

/* Housekeeping, about once a second. */
void engine_tick(struct engine *e, struct now now);

/* Between two ticks: more of what would hold up answers if much of it was done at once. */
void engine_half_tick(struct engine *e, struct now now);

/* A turn of the loop is over, what was asked in it is answered. */
void engine_turned(struct engine *e, struct now now);

#endif
