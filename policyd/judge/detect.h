/* SPDX-License-Identifier: ISC */
/*
 * Detectors: one file each, one row each in the table of detect.c. A detector writes down beforehand which
 * counters it needs for one recipient (plan) and reads their answers (score). plan() may only append
 * ops; score() may only read. Both are called once for each recipient that the rule looks at, unless `whole`
 * and `alike` say otherwise.
 */
#ifndef JUDGE_DETECT_H
#define JUDGE_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "judge/lists.h"
#include "judge/rule.h"
#include "mail/msg.h"
#include "mail/tally.h"
#include "mail/traits.h"
#include "mail/verdict.h"

struct brake;
struct post;
struct storm;
struct storms;
struct talk;
struct ways;

/* What detectors worked out of a message, for their next call: they plan and score each recipient. */
struct memo {
	struct arena *arena; /* until the next message */
	struct talk *talk;   /* ping-pong's */
	struct {
		const struct rule *rule; /* of which this is; NULL: nothing yet */
		struct key128 v[TRAITS_IDS + 2];
	} storms;  /* replication's: of the message's identities, sent anew, and straight */
	bool seen; /* replication's: some recipient has what it is taken for by `seen_way` */
	struct {
		const struct rule *rule;
		bool possible;
		struct post *read; /* NULL: not yet */
	} post;                    /* reply-all's */
	uint8_t *inbound;          /* judge's own, of each recipient */
};

/* What every rule looks at; filled by judge_view(). */
struct view {
	const struct msg *msg;
	const struct traits *traits;
	const struct site *site;
	const struct lists *lists;
	const struct storms *storms;
	struct ways *ways;             /* of late messages; told() writes them. NULL: nobody keeps them */
	struct brake *brake;           /* the same of what clients and senders brought of late */
	const struct addr_norm *rcpts; /* of msg->rcpts, one each */
	bool header;                   /* header facts are there */
	bool rcpts_known;              /* every accepted recipient is in msg->rcpts */
	bool nobody;                   /* stands for recipients of whom nothing is known */
	bool at_rcpt;                  /* the question of one recipient, before any content */
	struct memo *memo;
	struct now now;
	/* Told of ops as soon as they are planned, so that memory can be asked for them. May be NULL. */
	void (*planned)(const void *arg, const struct tally_op *ops, uint32_t n);
	const void *planned_arg;
};

enum { OPS_MAX = 400000 }; /* a message; beyond it rules see nothing and let pass */

struct ops {
	struct tally_op *v;
	uint32_t n, cap;
};

bool ops_grow(struct ops *ops); /* false: OPS_MAX */

/* A fresh zeroed op, or NULL at OPS_MAX. */
static inline struct tally_op *
ops_add(struct ops *ops)
{
	struct tally_op *op;

	if (ops->n == ops->cap && !ops_grow(ops))
		return NULL;
	op = &ops->v[ops->n++];
	*op = (struct tally_op){ 0 };
	return op;
}

/* Appends the sum of what comes under the key in the rule's window, this one's `n` included. NULL at
 * OPS_MAX. `storm`: as long as that is open the counter stays; zero: it may go at any time. */
static inline struct tally_op *
ops_add_sum(struct ops *ops, const struct rule *r, struct key128 key, uint32_t n, struct key128 storm)
{
	struct tally_op *op = ops_add(ops);

	if (!op)
		return NULL;
	op->kind = TALLY_ADD;
	op->key = key;
	op->n = n;
	op->group = storm.lo;
	op->window = r->window;
	op->ttl = r->window * 2;
	return op;
}

/* Appends a copy; not at OPS_MAX. */
static inline void
ops_append(struct ops *ops, const struct tally_op *op)
{
	if (ops->n < ops->cap || ops_grow(ops))
		ops->v[ops->n++] = *op;
}

enum trip {
	TRIP_NONE,
	TRIP_REPEAT, /* the same transmission once more: never more than a defer, and opens no storm */
	TRIP_STOP,   /* the rule's action */
};

struct finding {
	enum trip trip;
	struct key128 storm; /* key of the storm that this belongs to or would open, zero: none */
	enum action action;  /* a final one that takes the place of the rule's; ACT_PASS: the rule's */
	bool offered;        /* what is counted stands although it is stopped: it goes on all the same */
	bool blocked;        /* judge's own: stopped because the storm is, not because the rule tripped */
	const char *why;     /* a phrase for the log */
};

struct detector {
	const char *name;
	const char *help; /* one sentence */
	/* what a rule gets that does not say */
	enum action action;
	const char *text;                 /* of a refusal; NULL: a general one */
	const char *dsn;                  /* the enhanced status code in front of it; NULL: a general one */
	const char *arg_name, *arg_value; /* of prepend */
	enum rule_scope scope;
	uint32_t limit, limit_min, limit_max; /* limit_max 0: any */
	int64_t window, remember;
	enum rule_brake brake;
	int64_t block;
	unsigned keys;     /* enum rule_key_use: which keys beyond the common ones it reads */
	unsigned count_by; /* default of that key */

	bool header;    /* needs header facts */
	bool body;      /* wants to know what a bounce returns: the body of bounces is asked for */
	bool sent;      /* asks what left here: see judge/sent.h */
	bool automatic; /* role addresses are not exempt: of mail to them it looks at the automatic only */
	bool envelope;  /* the envelope is enough: it can be asked at RCPT, where its brake acts */
	bool bounces;   /* with `envelope`: at RCPT it looks at the null sender's mail alone */
	bool evidence;  /* what it counts stands, whatever becomes of the message */
	bool passing;   /* what passes is a part of its storm too, and keeps that open */
	bool no_limit;  /* nothing passes first: `limit` has no meaning */
	bool no_block;  /* `block` would stop first copies and retries: it has none */
	/* One set of ops a message, not one a recipient: plan() is called for the first recipient that the
	 * rule looks at, score() for each with the same answers. NULL = never. */
	bool (*whole)(const struct rule *);
	bool alike; /* with whole: so is the finding, score() is called for the first recipient alone */
	/* Does it look at this recipient at all? NULL = yes. */
	bool (*applies)(const struct rule *, const struct view *, uint32_t rcpt);
	/* Appends this recipient's ops. NULL = no counters. */
	void (*plan)(const struct rule *, const struct view *, uint32_t rcpt, struct ops *);
	/* `answers` belong to the `n` ops that plan appended (fewer when OPS_MAX was met). `f` is zeroed. */
	void (*score)(const struct rule *, const struct view *, uint32_t rcpt,
	    const struct tally_answer *answers, uint32_t n, struct finding *f);
	/* Once a message, and once a question at RCPT, when it has been decided, for what a detector keeps
	 * besides counters: `worst` is the gravest of its findings. NULL = nothing. */
	void (*told)(const struct rule *, const struct view *, const struct finding *worst);
	/* Names those at fault once a message and storm, by storm_add_host(). `copies` of this message were
	 * stopped. NULL = storm_sources(). */
	void (*sources)(const struct rule *, struct storm *st, const struct view *v, const struct finding *f,
	    uint64_t copies);
};

extern const struct detector *const detectors[]; /* NULL ends */
const struct detector *detector_find(struct str name);

/* Keys. All begin with the rule's id, so that rules do not share counters. */
static inline struct key128
detect_key(const struct rule *r, const struct view *v, const char *tag, struct key128 what)
{
	struct hash h;

	hash_init(&h, v->site->hash_seed, tag);
	hash_u64(&h, r->id);
	hash_key(&h, what);
	return hash_end(&h);
}
struct key128 detect_key_str(const struct rule *r, const struct view *v, const char *tag, struct str what);
/* Adds the client to a key: of an IPv4 address the first `v4_bits` (a multiple of 8), of IPv6 the /64.
 * false: it is not known, and nothing was added. */
bool detect_hash_client(struct hash *h, const struct ip *client, unsigned v4_bits);

/* The list that the recipient is, with the tag of BATV or rewritten by SRS or neither: the MTA that signs or
 * rewrites its return paths undoes that to what comes back, and has the list's address, or one of it with a
 * detail ("list+bounces-help"), which is none, wrapped or not. Who forges either could as well have written
 * that. NULL: none. */
const struct list_entry *detect_list(const struct view *v, uint32_t rcpt);

/* `plan` of detectors that look at mail to lists: the sum of what goes to this one. Without a limit there is
 * none. */
void detect_plan_list(const struct rule *r, const struct view *v, uint32_t rcpt, struct ops *ops);

/* For `whole`: one set of ops a message, always. */
bool detect_whole(const struct rule *r);

/* For `sources`: the client itself is at fault, and the user who logged in there. */
void detect_name_client(
    const struct rule *r, struct storm *st, const struct view *v, const struct finding *f, uint64_t copies);

/* `sources` of detectors that look at bounces: the one address that all go to, who wrote it, and whom it
 * could not reach. */
void detect_bounce_sources(
    const struct rule *r, struct storm *st, const struct view *v, const struct finding *f, uint64_t copies);

extern const struct detector detect_replication;
extern const struct detector detect_wide_recipients;
extern const struct detector detect_bounce_to_list;
extern const struct detector detect_list_return_path;
extern const struct detector detect_bounce_flood;
extern const struct detector detect_backscatter;
extern const struct detector detect_mail_loop;
extern const struct detector detect_ping_pong;
extern const struct detector detect_flood;
extern const struct detector detect_trap;
extern const struct detector detect_list_guard;
extern const struct detector detect_reply_all;

#endif
