/* SPDX-License-Identifier: ISC */
/*
 * The one road from a message to a verdict: join -> plan -> tallies -> decide -> journal. No socket in
 * here: the doors, replay and the tests walk the same road. Everything is borrowed; main owns it and
 * may swap `rules`, `site` and `lists` between two calls.
 */
#ifndef SERVE_ENGINE_H
#define SERVE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "judge/judge.h"
#include "judge/join.h"
#include "judge/lists.h"
#include "judge/rule.h"
#include "judge/storm.h"
#include "mail/msg.h"
#include "mail/site.h"
#include "mail/verdict.h"
#include "serve/ledger.h"
#include "store/tallies.h"

struct engine_stats {
	uint64_t requests, messages, passed, stopped, degraded, storms_opened;
};

struct engine {
	const struct site *site;
	const struct ruleset *rules;
	const struct lists *lists;
	struct tallies *tallies;
	struct storms *storms;
	struct join *join;
	struct ledger *ledger; /* may be NULL: replay, tests */
	bool defer_on_failure;   /* [store] on_store_failure = defer */
	bool quiet;              /* no log lines (replay) */
	struct engine_stats stats;
	struct judge judge; /* scratch memory, kept over messages */
};

void engine_init(struct engine *e);
void engine_fini(struct engine *e);

/* From now on what is judged is written there (borrowed). */
void engine_use_ledger(struct engine *e, struct ledger *ledger);

/* Judges the question in `m` and says what its door is to be told. Always gives a verdict; `v` and its
 * strings live until msg_reset(m) or the next call. */
void engine_judge(struct engine *e, struct msg *m, struct now now, struct verdict *v);

/* A milter connection learned who its client is / went away: while one serves a client, the policy door
 * leaves header matters to it. */
void engine_milter_begin(struct engine *e, struct str client_address, struct str client_port);
void engine_milter_end(struct engine *e, struct str client_address, struct str client_port);

/* The MTA gave the message up before our verdict was used. */
void engine_abort(struct engine *e, struct msg *m, struct now now);

/* Housekeeping, about once a second. */
void engine_tick(struct engine *e, struct now now);

#endif
