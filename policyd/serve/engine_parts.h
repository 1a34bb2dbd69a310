/* SPDX-License-Identifier: ISC */
/* What the files of the engine have of each other; nobody else includes this. */
#ifndef SERVE_ENGINE_PARTS_H
#define SERVE_ENGINE_PARTS_H

#include "serve/engine.h"

/* It asks about one message several times. */
static inline bool
engine_policy_door(const struct msg *m)
{
	return m->door != DOOR_MILTER && m->door != DOOR_REPLAY;
}

/* engine.c: around judge_plan() and the decision */
bool engine_store_failing(struct engine *e);
/* judge_plan(); memory is asked where the counters are to be looked for that the rules need. When that has
 * come, for the counters themselves. Neither is waited for. */
void engine_plan(struct engine *e, struct view *v);
void engine_fetch(struct engine *e);
/* What does not stand is taken back; of slots that share their ops the first one answers for all. */
void engine_settle_counts(struct engine *e);
/* Books every slot that belongs to a storm. Returns the storm of the `rule` that the verdict names, else that
 * of the first that tripped. */
uint64_t engine_book_storms(struct engine *e, const struct view *v, struct str rule, struct now now);

/* engine_record.c */
void engine_write_record(
    struct engine *e, struct msg *m, const struct traits *t, const struct verdict *v, struct now now);
void engine_log_verdict(struct engine *e, const struct msg *m, const struct verdict *v, struct now now);

/* engine_rcpt.c */
/* The transaction of a question at the policy door, else NULL. Before any other one ends, it is noted what
 * the question tells of its MTA. */
struct txn *engine_find_txn(struct engine *e, const struct msg *m, struct key128 client, struct now now);
void engine_rcpt(struct engine *e, struct msg *m, struct txn *txn, struct now now, struct verdict *v);
/* What a transaction (NULL: none) reserved at RCPT, of the whole message only or all: out of the counters. */
const struct reservation *engine_take_back(struct engine *e, struct txn *txn, bool whole_only, uint32_t *n);
/* All of them void. */
void engine_void(struct engine *e, struct txn *txn);
/* All of them stand, and go into the record of the message that is judged now. */
void engine_keep_held(struct engine *e, struct txn *txn);
void engine_around_part(void *arg, uint32_t part, bool out, struct now now); /* a ledger_part_fn */
void engine_settle_unasked(void *arg, struct txn *txn);                      /* a join_settle_fn */

#endif
