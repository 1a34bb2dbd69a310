/* SPDX-License-Identifier: ISC */
/*
 * One message, asked about several times: RCPT, DATA and END-OF-MESSAGE at the policy door are one
 * transaction, and a message that a milter serves at the same time is the milter's. Transactions are
 * found by instance + client address and port, or by queue id + client when there is no instance; never
 * for longer than JOIN_TTL, for such ids come again. Bounded: JOIN_MAX transactions and JOIN_BYTES of
 * recipients; the oldest makes room.
 */
#ifndef JUDGE_JOIN_H
#define JUDGE_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "mail/msg.h"
#include "mail/verdict.h"

enum { JOIN_MAX = 8192, JOIN_BYTES = 16 << 20, JOIN_TTL = 30 * MS_MIN };

struct join;
struct txn;

struct join *join_new(void);
void join_free(struct join *j); /* takes NULL */

/* The transaction of the question in `m`, begun if it is new; NULL when the message says nothing to
 * know it by. */
struct txn *join_find(struct join *j, const struct msg *m, uint64_t seed, struct now now);

/* At RCPT: remembers m's recipients. */
void join_gather(struct join *j, struct txn *t, const struct msg *m);

/* At DATA and END-OF-MESSAGE without `recipients`: gives m those gathered, when their number is the one
 * that the MTA states (a recipient refused by somebody else was gathered, but not accepted). */
void join_recipients(const struct txn *t, struct msg *m);

/* The verdict that this very message (`what` = hash of identity and trace) got in this transaction
 * before; false: none. Strings are copied into m's arena. */
bool join_verdict(const struct txn *t, uint64_t what, struct msg *m, struct verdict *out);
void join_keep(struct join *j, struct txn *t, uint64_t what, const struct verdict *v);

/* SMTP clients that a milter connection serves at this moment. */
void join_milter_begin(struct join *j, struct str address, struct str port);
void join_milter_end(struct join *j, struct str address, struct str port);
bool join_milter_serves(const struct join *j, struct str address, struct str port);

void join_expire(struct join *j, struct now now);
uint32_t join_count(const struct join *j);

#endif
