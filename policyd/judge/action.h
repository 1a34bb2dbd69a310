/* SPDX-License-Identifier: ISC */
/*
 * From what rules want for each recipient to what a door at a stage can be told. One table; the mixture of
 * recipients is settled here too. Where somebody still gets the message, a defer or hold for some lets them
 * pass (an extra copy is better than a lost one), and discard, drop and reject become the loss of these
 * recipients where the door can split, else they pass. Where nobody gets it, defer wins over hold over reject
 * over discard: what waits is not lost.
 */
#ifndef JUDGE_ACTION_H
#define JUDGE_ACTION_H

#include <stdbool.h>

#include "judge/rule.h"
#include "mail/msg.h"
#include "mail/verdict.h"

/* What rules want for one recipient; `rule` is NULL for ACT_PASS. */
struct wish {
	enum action action;      /* ACT_PASS or a final one */
	const struct rule *rule; /* who wants it; out: by whom he got what he got */
	struct str owner;        /* REDIRECT_OWNER */
	enum action got;         /* out: what comes of it: ACT_PASS = he gets the message */
};

enum action_scale { FOR_ALL, FOR_SOME };

/* What is sent at that door and stage when `a` concerns all or only some of the recipients: an action
 * that the door understands, ACT_PASS when it can only let pass. */
enum action action_fit(enum action a, enum door door, enum stage stage, enum action_scale scale);

/* Can the door at that stage carry out an additive action? (else it becomes a warning) */
bool action_additive_ok(enum action a, enum door door, enum stage stage);

/*
 * Fills v->what, dsn, text, redirect, drop and add, and each wish's `got`. `wishes` are those of m->rcpts, in
 * order; `known`: these are all accepted recipients. Memory comes from `a`; without it nobody is dropped.
 */
void action_settle(const struct msg *m, struct wish *wishes, bool known, struct arena *a, struct verdict *v);

/* `what` (DEFER, REJECT, DISCARD, HOLD, REDIRECT_OWNER) for the whole message or, at RCPT, the recipient,
 * with its text; `r` (may be NULL) is who wants it. */
void action_say(struct verdict *v, enum action what, const struct rule *r);

#endif
