/* SPDX-License-Identifier: ISC */
/*
 * Storms are objects: a rule that trips opens one under a key; it counts copies (one message to one
 * recipient), names the hosts that only the copies went through, closes when it has been quiet, and is
 * remembered.
 *
 *	OPEN --quiet--> REMEMBERED --remember--> gone		(a copy in REMEMBERED opens it again)
 *
 * Bounded: STORMS_MAX storms (the longest quiet one makes room), STORM_HOSTS_MAX hosts and STORM_RCPTS_MAX
 * recipients each. Pure: time is an argument.
 */
#ifndef JUDGE_STORM_H
#define JUDGE_STORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "mail/record.h"
#include "judge/detect.h"

enum { STORMS_MAX = 10000, STORM_RCPTS_MAX = 4096, STORM_HOST_LEN = 128, STORM_TEXT_LEN = 200 };

enum storm_state { STORM_OPEN, STORM_REMEMBERED };

struct storm_host {
	char name[STORM_HOST_LEN];
	const char *how; /* "received", "client", "helo", "gateway-marker" */
	uint64_t copies;
};

struct storm {
	struct list lru; /* least recently seen first */
	struct key128 key;
	uint64_t id; /* below 2^63, unlike any other at any time of one database */
	enum storm_state state;
	uint64_t rule_id;
	char rule[48];
	char message_id[STORM_TEXT_LEN], subject[STORM_TEXT_LEN], sender[STORM_TEXT_LEN]; /* of the opener */
	struct now first, last;
	int64_t quiet, remember;
	uint64_t offered, passed, stopped, messages;
	uint64_t *rcpts; /* hashes of distinct recipients, owned */
	uint32_t n_rcpts, cap_rcpts;
	struct storm_host *hosts; /* most copies first, owned */
	uint32_t n_hosts, cap_hosts;
	bool changed; /* since storms_next_changed() gave it out */
	bool opened;  /* set when it opens (again); whoever logs it clears it */
};

struct storms;

struct storms *storms_new(void);
void storms_free(struct storms *s); /* takes NULL */

/* Open or remembered; NULL: none. */
struct storm *storms_find(const struct storms *s, struct key128 key);

/* The storm under the key, opened (again) if need be. */
struct storm *storms_open(struct storms *s, struct key128 key, const struct rule *r, const struct view *v,
    struct now now);

/* One copy of the view's message to one recipient, and what became of it. */
void storm_copy(struct storm *st, const struct view *v, uint32_t rcpt, bool passed, struct now now);

/* Once a message: hosts above the lowest `base_hops` Received lines, the client, gateway markers. */
void storm_sources(struct storm *st, const struct view *v, uint32_t base_hops, uint64_t copies);

/* Moves states on. Calls `fn` for each storm that closed just now (state is STORM_REMEMBERED). */
typedef void storm_fn(void *arg, struct storm *st);
void storms_tick(struct storms *s, struct now now, storm_fn *closed, void *arg);

/* Calls `fn` for each storm changed since the last call. */
void storms_each_changed(struct storms *s, storm_fn *fn, void *arg);
void storms_each(struct storms *s, storm_fn *fn, void *arg);
uint32_t storms_count(const struct storms *s, enum storm_state state);

const char *storm_state_name(enum storm_state st);

#endif
