/* SPDX-License-Identifier: ISC */
/*
 * Compiled rules against one message: judge_plan() writes down which counters are needed, somebody
 * answers them in one batch, judge_decide() reads the answers. Both are pure. judge_settle() tells
 * afterwards which reservations stand and which are to be taken back.
 */
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "judge/action.h"
#include "judge/detect.h"
#include "mail/tally.h"

/* One rule looking at one recipient. */
struct slot {
	const struct rule *rule;
	uint32_t rcpt;
	uint32_t op, n_ops; /* in judge.ops */
	bool shares;        /* its ops are those of the slot before it, of the same rule */
	bool kept;          /* judge_settle(): its ops stand */
	struct finding finding;
};

/* Scratch memory of one message, kept and reused. */
struct judge {
	struct ops ops;
	struct tally_answer *answers; /* as many as ops.cap */
	uint32_t cap_answers;
	struct slot *slots;
	uint32_t n_slots, cap_slots;
	uint32_t sent_op, n_sent; /* in ops: marks of what leaves here, of no rule */
	bool sent_kept;
	struct finding alike; /* what the first of slots that share all was told */
	struct wish *wishes;  /* one a recipient */
	uint32_t n_rcpts, cap_wishes;
	struct arena scratch; /* of the present message */
	struct memo memo;
};

void judge_init(struct judge *j);
void judge_fini(struct judge *j);

/* Fills the view from message and traits: normalised recipients, in the judge's own memory until the next
 * message. false: not even there is room for them, nothing can be judged. */
bool judge_view(struct judge *j, struct view *v, struct msg *m, const struct traits *t,
    const struct site *site, const struct lists *lists, const struct storms *storms, struct now now);

/* Whether a rule has a brake that could act on the message at RCPT: else nothing needs to be known there. */
bool judge_brakes(const struct ruleset *rules, const struct msg *m);

/* At RCPT (v->at_rcpt) only rules that have a brake are asked. */
void judge_plan(struct judge *j, const struct ruleset *rules, const struct view *v);

/* After answers[0..ops.n) are filled. Sets wishes (final actions, first enforcing rule in file order
 * decides), the additive actions in `out`, `out->shown`, `rule` and `would`; then fits all of it to the
 * door. */
void judge_decide(struct judge *j, const struct view *v, struct verdict *out);

/* At RCPT: DEFER or REJECT in `out->what` when a brake refuses the recipient. */
void judge_brake(struct judge *j, const struct view *v, struct verdict *out);

/* After either: what the slot's rule, in shadow mode, would have done to its recipient; ACT_PASS: nothing, or
 * it is in force. */
enum action judge_would(const struct slot *s, bool at_rcpt);

/* Afterwards: tells the detectors what they found. */
void judge_told(const struct judge *j, const struct view *v);

/* Afterwards: marks the slots whose reservations stand. They do for a recipient who gets the message, unless
 * a shadow rule would have stopped it, and for detectors and findings that gather evidence. Of slots that
 * share their ops the first is marked, for all. */
void judge_settle(struct judge *j);

#endif
