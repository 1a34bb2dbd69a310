/* SPDX-License-Identifier: ISC */
/*
 * Detectors: one file each, one row each in the table. A detector says beforehand which counters it needs
 * (plan), and reads their answers (score). plan() may only append ops; score() may only read and trip.
 * Both are called once for each recipient that the rule looks at, and once before with rcpt == MSG_WHOLE when
 * the detector counts whole messages.
 */
#ifndef JUDGE_DETECT_H
#define JUDGE_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/msg.h"
#include "mail/tally.h"
#include "mail/traits.h"
#include "mail/verdict.h"
#include "judge/lists.h"
#include "judge/rule.h"

struct storms;

/* What all rules look at; filled by judge. */
struct view {
	const struct msg *msg;
	const struct traits *traits;
	const struct site *site;
	const struct lists *lists;
	const struct storms *storms;
	const struct addr_norm *rcpts; /* of msg->rcpts, one each */
	bool header; /* header facts are there */
	bool final;  /* asked at DATA or END-OF-MESSAGE: recipients are complete */
	bool rcpts_known; /* all accepted recipients are in msg->rcpts */
};

struct ops {
	struct tally_op *v;
	uint32_t n, cap;
};
/* A fresh zeroed op; NULL at the cap (OPS_MAX a message): the rule then sees nothing and lets pass. */
struct tally_op *ops_add(struct ops *ops);

enum trip {
	TRIP_NONE,
	TRIP_STOP,   /* the rule's action */
	TRIP_REPEAT, /* replication: the same transmission once more: never more than defer */
};

struct detector {
	const char *name;
	const char *help;
	enum action action; /* defaults of a rule that does not say */
	enum rule_scope scope;
	uint32_t limit;
	int64_t window, remember;
	bool off;	    /* needs the administrator to switch it on */
	bool opens_storm;   /* a trip opens a storm keyed by storm_key() */
	bool envelope_only; /* can decide without a header */
	/* Does the rule look at this recipient at all? NULL = yes. */
	bool (*applies)(const struct rule *, const struct view *, uint32_t rcpt);
	/* Appends this recipient's ops; their number is remembered by the judge. NULL = no counters. */
	void (*plan)(const struct rule *, const struct view *, uint32_t rcpt, struct ops *);
	enum trip (*score)(const struct rule *, const struct view *, uint32_t rcpt,
	    const struct tally_op *, const struct tally_answer *, uint32_t n);
	struct key128 (*storm_key)(const struct rule *, const struct view *, uint32_t rcpt);
};

extern const struct detector *const detectors[]; /* NULL ends */
const struct detector *detector_find(struct str name);

#endif
