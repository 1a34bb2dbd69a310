/* SPDX-License-Identifier: ISC */
/*
 * Storms are objects: a rule that trips opens one under a key; it counts copies (one message to one
 * recipient), names the hosts that only the copies went through, closes when it has been quiet, and is
 * remembered.
 *
 *	OPEN --quiet / 4--> COOLING --quiet, and no block any more--> REMEMBERED --remember--> CLOSED
 *
 * A copy that is not beside it makes a cooling storm an open one; a trip of the rule opens a remembered one
 * again. What is CLOSED goes as soon as the journal knows of it. A rule's block stops all that belongs to a
 * storm for so long after the rule itself tripped; being blocked is no trip.
 *
 * Bounded: STORMS_MAX storms (the longest quiet one of the rule that has the most makes room),
 * STORM_HOSTS_MAX hosts and STORM_RCPTS_MAX recipients each. Pure: time is an argument.
 */
#ifndef JUDGE_STORM_H
#define JUDGE_STORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/list.h"
#include "mail/record.h"
#include "judge/detect.h"

enum { STORMS_MAX = 10000, STORM_RCPTS_MAX = 4096, STORM_HOST_LEN = 128, STORM_TEXT_LEN = 200 };

enum storm_state { STORM_OPEN, STORM_COOLING, STORM_REMEMBERED, STORM_CLOSED, STORM_STATES };

/* What a storm knows a host from; `how` of a storm_host is one of these. */
enum { STORM_HOWS = 8 };
extern const char *const storm_hows[STORM_HOWS];

struct storm_host {
	char name[STORM_HOST_LEN];
	const char *how; /* one of storm_hows: "received", "client", ... */
	uint64_t copies;
};

struct storm {
	struct storms *owner;
	struct list lru, mates; /* storm_order */
	struct key128 key;
	uint64_t id; /* below 2^63, unlike any other at any time of one database */
	enum storm_state state;
	uint64_t rule_id;
	char rule[48];
	char message_id[STORM_TEXT_LEN], subject[STORM_TEXT_LEN], sender[STORM_TEXT_LEN]; /* of the opener */
	struct now first, last;
	struct now tripped; /* when the rule itself tripped last: from then on `block` runs */
	int64_t quiet, remember, block;
	uint64_t offered, passed, stopped, messages;
	uint32_t shortest; /* Received lines of the shortest way of the message; 0: not known */
	uint64_t *rcpts;   /* hashes of distinct recipients, owned */
	uint32_t n_rcpts, cap_rcpts;
	struct storm_host *hosts; /* most copies first, owned */
	uint32_t n_hosts, cap_hosts;
	bool changed;      /* since storms_each_changed() gave it out */
	bool opened;       /* set when it opens (again); whoever logs it clears it */
	bool braked;       /* at RCPT, since then; not kept over a restart */
	int64_t braked_at; /* mono ms */
	uint32_t untold;   /* copies of the present message whose sources were not told yet */
};

struct privacy;
struct storms;
typedef void storm_fn(void *arg, struct storm *st);

struct storms *storms_new(void);
void storms_free(struct storms *s); /* takes NULL */

/* Open or remembered; NULL: none. */
struct storm *storms_find(const struct storms *s, struct key128 key);

/* The storm under the key, opened (again) if need be. */
struct storm *storms_open(
    struct storms *s, struct key128 key, const struct rule *r, const struct view *v, struct now now);

/* One copy of the view's message to one recipient, and what became of it. What is beside the storm, such as
 * mail of quiet days from who flooded once, is counted and keeps none open. */
enum { COPY_PASSED = 1, COPY_BESIDE = 2 };
void storm_copy(struct storm *st, const struct view *v, uint32_t rcpt, unsigned what, struct now now);

/* Once a message: who handed it over, and a gateway that marked it. */
void storm_sources(struct storm *st, const struct view *v, uint64_t copies);

/* For detectors that name other parties; `how` is one of storm_hows. */
void storm_add_host(struct storm *st, struct str name, const char *how, uint64_t copies);
/* A way of so many lines was seen. */
void storm_shortest(struct storm *st, uint32_t lines);
/* The message itself, once, with what it is known by: whoever names sources by itself calls it. */
void storm_add_message(struct storm *st);

/* Neither closed nor only remembered? */
static inline bool
storm_live(const struct storm *st)
{
	return st->state == STORM_OPEN || st->state == STORM_COOLING;
}

/* Does the rule's block still run? */
bool storm_blocked(const struct storm *st, struct now now);
/* Mono ms at which it closes when nothing of it is seen any more. */
int64_t storm_closes_at(const struct storm *st);

/* `leave` gets each storm that goes; `changed` when that was not given out by storms_each_changed(). It may
 * take its hosts away. */
void storms_on_leave(struct storms *s, storm_fn *leave, void *arg);

/* With a key storms keep of addresses what mail/privacy.h says, from now on and of those that there are: the
 * sender hashed, no subject, of gateway markers the domain, other hosts as they are. `p` is not owned. */
void storms_hide(struct storms *s, const struct privacy *p);

/*
 * What happens to storms, as events: each change by storms_open(), storm_copy() and storm_sources() is
 * appended to `log` (not owned; NULL: nothing is), and storms_replay() makes the same changes again. `told`
 * (NULL: nobody) gets each storm that a message was added to. Of an event that does not check nothing is
 * done, nor of those behind it: ERR_CORRUPT.
 */
void storms_log(struct storms *s, struct buf *log);
int storms_replay(struct storms *s, struct str events, struct now now, storm_fn *told, void *arg) MUSTCHECK;

/* Moves states on. Calls `closed` for each storm that closed just now: it is remembered, or gone soon. */
void storms_tick(struct storms *s, struct now now, storm_fn *closed, void *arg);
/* The same at once of those alone that nobody remembers any more. */
void storms_forget(struct storms *s, struct now now, storm_fn *closed, void *arg);

/* New rules are in force: a storm obeys its rule's present settings, one whose rule is gone or off closes. */
void storms_obey(struct storms *s, const struct ruleset *rules, storm_fn *closed, void *arg);

/* Calls `fn` for each storm changed since the last call. One that it leaves changed comes again; of the
 * others those that are closed go. */
void storms_each_changed(struct storms *s, storm_fn *fn, void *arg);
/* `fn` may drop the storm that it gets. */
void storms_each(const struct storms *s, storm_fn *fn, void *arg);
uint32_t storms_count(const struct storms *s, enum storm_state state);
uint32_t storms_total(const struct storms *s);
uint64_t storms_displaced(const struct storms *s); /* went before their time, for STORMS_MAX */

const char *storm_state_name(enum storm_state st);
/* The ids that begin with these 1 to 16 hexadecimal digits: the first and the last; else ERR_SYNTAX. */
int storm_id_range(struct str digits, uint64_t *from, uint64_t *to) MUSTCHECK;

/* As the record has it: a view of the storm, whose hosts are put into `hosts`. `seq` is 0. */
struct record_storm storm_row(const struct storm *st, struct record_host hosts[STORM_HOSTS_MAX]);

/*
 * Storms as bytes, to be there again after a restart: everything but `changed` and `opened`. Wall times stay
 * as they are, unless that clock was put right since by more than a minute: then they are of the clock as it
 * is. Monotonic ones are made anew from the wall clock, never in the future: when it went back to before a
 * storm was last seen, that counts as seen just now. A storm of a rule that is gone lives on until it has
 * been quiet for as long as that rule said.
 */
/* One, without the head of the whole. */
void storm_pack(const struct storm *st, struct now now, struct buf *out);
void storms_pack_all(const struct storms *s, struct now now, struct buf *out); /* least recently seen first */

/* Puts them in the place of those under the same keys (pointers to these are no longer good). All or nothing:
 * ERR_CORRUPT when anything does not fit, ERR_VERSION. At STORMS_MAX the one that has been quiet for longest
 * goes, be it the new one. */
int storms_unpack_all(struct storms *s, struct str bytes, struct now now) MUSTCHECK;

/* For storm_pack.c and storm_life.c. */
void storms_drop(struct storm *st);
void storm_set_state(struct storm *st, enum storm_state state);
int64_t *storms_due(struct storms *s); /* mono ms before which storms_tick() has nothing to do */
bool storm_add_rcpt(struct storm *st, uint64_t hash); /* not 0; false: it was there */
void storm_free(struct storm *st);
/* For storm_hide.c and storm.c: the name itself, or another one in `room`. */
struct str storm_hide_host(
    const struct privacy *p, struct str name, const char *how, char room[STORM_HOST_LEN]);
void storm_hide(struct storm *st, const struct privacy *p);
void storms_put(struct storms *s, struct storm *st); /* takes it over */

#endif
