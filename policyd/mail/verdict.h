/* SPDX-License-Identifier: ISC */
/*
 * What a rule may ask for (enum action) and what a door is told to do (struct verdict). A verdict is
 * already fitted to its door: see the table in judge/action.c. Strings live in the message's arena or in
 * the ruleset; the verdict is used up before either goes.
 */
#ifndef MAIL_VERDICT_H
#define MAIL_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum action {
	ACT_PASS,
	/* additive */
	ACT_WARN,
	ACT_PREPEND,
	ACT_CONCEAL,
	ACT_SET_SENDER_OWNER,
	/* final */
	ACT_DEFER,
	ACT_REJECT,
	ACT_DISCARD,
	ACT_HOLD,
	ACT_DROP_RECIPIENTS,
	ACT_REDIRECT_OWNER,
	ACT_COUNT
};

enum { VERDICT_HEADERS_MAX = 8 };

struct header_edit {
	struct str name, value;
	bool change; /* replace every field of that name (conceal); else add */
};

struct verdict {
	/* PASS, DEFER, REJECT, DISCARD, HOLD, or REDIRECT_OWNER (policy door only: `redirect`) */
	enum action what;
	struct str dsn;  /* "4.7.1": for DEFER and REJECT; well-formed, and of their class */
	struct str text; /* one line, printable ASCII; also the reason of HOLD and DISCARD */
	struct str redirect;

	/* repairs, for doors that can */
	uint32_t *drop; /* indexes into msg->rcpts */
	uint32_t n_drop;
	struct str *add; /* recipients to add, bare addresses */
	uint32_t n_add;
	struct str sender; /* new envelope sender; p == NULL: leave it */
	struct header_edit edits[VERDICT_HEADERS_MAX];
	uint32_t n_edits;

	/* for the log, the journal and replay */
	enum action shown; /* the most telling action over all recipients, before it was fitted to the door */
	enum action would; /* what a shadow rule would have done, PASS: nothing more than `shown` */
	struct str rule;   /* name of the rule that decided, "" when none; where none acted, of that one */
	struct str would_rule;
	uint64_t storm; /* id, 0 when none: of that rule, or of the first that tripped */
	bool degraded;  /* decided without the store */
};

/* A shadow rule alone would have done something. */
static inline bool
verdict_only_would(const struct verdict *v)
{
	return v->would != ACT_PASS && v->shown == ACT_PASS;
}

const char *action_name(enum action a);
/* ERR_SYNTAX when no action has that name. */
int action_parse(struct str name, enum action *out);
static inline bool
action_final(enum action a)
{
	return a >= ACT_DEFER;
}

#endif
