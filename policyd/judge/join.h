/* SPDX-License-Identifier: ISC */
/*
 * One message, asked about several times: RCPT, DATA and END-OF-MESSAGE at the policy door are one
 * transaction, and a message that a milter serves at the same time is the milter's. Transactions are
 * found by instance + client address and port, or by queue id + client when there is no instance, at RCPT
 * by the client alone when there is neither (join_of_client() finds it later); never for longer than
 * JOIN_TTL, for such ids come again. Bounded: JOIN_MAX transactions and JOIN_BYTES of what they hold; the
 * oldest makes room. Of those that END-OF-MESSAGE was asked about, after which nothing comes but the same
 * question from a second list of restrictions, the last JOIN_OVER_MAX are kept: in a flood that is what stays
 * near the processor.
 *
 * What is counted at RCPT is a reservation: from then on no other message gets that place. It is given
 * back when the message itself is judged, which counts it anew, or when the message comes to nothing: the
 * milter's ABORT, the next message on the same connection of the policy door or of the SMTP client, the
 * end of that connection, JOIN_TTL. Whoever is told of it (join_on_settle) decides then whether a message
 * that nobody asked about again is to count all the same: some sites ask at RCPT only.
 */
#ifndef JUDGE_JOIN_H
#define JUDGE_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "mail/msg.h"
#include "mail/record.h"
#include "mail/tally.h"
#include "mail/verdict.h"

enum {
	JOIN_MAX = 8192,
	JOIN_OVER_MAX = 1024,
	JOIN_BYTES = 16 << 20,
	JOIN_TTL = 30 * MS_MIN,
	JOIN_RESERVED_MAX = 1024,
	JOIN_GRACE = 3 * MS_SEC
};

struct join;
struct txn;

struct join *join_new(void);
void join_free(struct join *j); /* takes NULL */

/* What an SMTP client is known by. */
struct key128 join_client(struct str address, struct str port);

/* The transaction of the question in `m`, which is `client`'s, begun if it is new; NULL when the message says
 * nothing to know it by. */
struct txn *join_find(
    struct join *j, const struct msg *m, struct key128 client, uint64_t seed, struct now now);

struct reservation {
	struct tally_op op;
	struct tally_answer answer;
	bool whole; /* of the message, not of one recipient */
};

/* At RCPT, after join_gather(). At JOIN_RESERVED_MAX of one transaction no more is held: false. */
bool join_reserve(struct join *j, struct txn *t, const struct reservation *r);
/* Takes the reservations out, those of the whole message only or all; the array lives until the next call. */
const struct reservation *join_release(struct join *j, struct txn *t, bool whole_only, uint32_t *n);

/* Each place that is held at this moment; `fn` may change the answer. */
typedef void reservation_fn(void *arg, struct reservation *r);
void join_each_reserved(struct join *j, reservation_fn *fn, void *arg);

/* The transaction that the SMTP client, or a connection of the policy door, is in, or NULL. */
struct txn *join_of_client(const struct join *j, struct key128 client);
struct txn *join_of_connection(const struct join *j, uint64_t connection);
/* It will be asked for soon: memory is asked for it, and not waited for. */
void join_fetch(const struct join *j, struct key128 client);
/* Number of the MTA's host that asked first (msg.mta). */
uint64_t join_mta(const struct txn *t);

/* `settle` gets each transaction that ends without having been judged, before it goes: what it reserved
 * is still there. */
typedef void join_settle_fn(void *arg, struct txn *t);
/* There: what the message was as far as RCPT knew it. Valid until the next call. */
const struct record *join_record(struct join *j, struct txn *t);
void join_on_settle(struct join *j, join_settle_fn *settle, void *arg);
/* It ends here; all of them do. */
void join_end(struct join *j, struct txn *t);
void join_end_all(struct join *j);
/* A connection of the policy door closed (msg.connection). */
void join_disconnect(struct join *j, uint64_t connection);
/* The same of one that carried a single question: the next one may come on another. The message is over when
 * none has come for JOIN_GRACE. Where DATA is asked about too only one from the null sender is, a callout:
 * content takes its time. */
void join_leave(struct join *j, uint64_t connection, bool data_follows, struct now now);

/* At RCPT: remembers m's recipients, and at the first one who it is from. */
void join_gather(struct join *j, struct txn *t, const struct msg *m, struct now now);

/* A shadow rule would have refused one of its recipients: for the record. */
void join_would(struct txn *t, struct str rule);

/* Is it the recipient that was gathered last? An MTA with two lists of restrictions may ask twice. */
bool join_asked_again(const struct txn *t, const struct msg *m);

/* At DATA and END-OF-MESSAGE without `recipients`: gives m those gathered, when their number is the one
 * that the MTA states (a recipient refused by somebody else was gathered, but not accepted), be it that each
 * who follows himself is taken once. */
void join_recipients(const struct txn *t, struct msg *m);

/* The verdict that this very message (`what` = hash of identity and trace) got in this transaction
 * before; false: none. Strings are copied into m's arena. */
bool join_verdict(const struct txn *t, uint64_t what, struct msg *m, struct verdict *out);
void join_keep(struct join *j, struct txn *t, uint64_t what, const struct verdict *v);
/* Nothing but the same question will follow; may end the one for which that has been true longest. */
void join_over(struct join *j, struct txn *t);

/* SMTP clients that a milter connection serves at this moment. */
void join_milter_begin(struct join *j, struct key128 client);
void join_milter_end(struct join *j, struct key128 client);
bool join_milter_serves(const struct join *j, struct key128 client);

void join_expire(struct join *j, struct now now);
uint32_t join_count(const struct join *j);

#endif
