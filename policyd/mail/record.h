/* SPDX-License-Identifier: ISC */
/* What the journal keeps of one message, and of one storm. Filled on the loop thread, copied by
 * journal_message()/journal_storm(); all strings may go as soon as these return.
 *
 * `seq` numbers the records in the spool, in the order they are handed over and below 2^63; 0: not in the
 * spool. A storm may bear the number of the message that changed it. */
#ifndef MAIL_RECORD_H
#define MAIL_RECORD_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"

enum outcome { OUTCOME_PASSED, OUTCOME_STOPPED, OUTCOME_VOID };

struct record_rcpt {
	struct str addr;
	struct str action; /* "pass", "discard", ...: what this recipient got */
	enum outcome outcome;
};

struct record {
	uint64_t seq;
	int64_t time;     /* wall ms */
	const char *door; /* door_name() */
	const char *stage;
	struct str queue_id, instance;
	struct str client_address, client_name, helo, sasl_username;
	struct str sender;
	struct str message_id, thread;
	struct str header_from, subject;
	uint64_t size;
	uint32_t rcpt_count, to_count, cc_count, hops;
	uint64_t trace;
	uint64_t identity;   /* of the message, however it was rewritten; 0: no header */
	const char *kind;    /* automatic_name() */
	const char *verdict; /* what the door was told */
	struct str rule;
	uint64_t storm;
	int would, degraded;
	enum outcome outcome;
	const struct record_rcpt *rcpts;
	uint32_t n_rcpts;
};

/*
 * Its texts, and its names (which end with a NUL; NULL stands for an empty one), by number: for who walks
 * over all of them. What the spool holds stands in this order.
 */
enum { RECORD_TEXTS = 12, RECORD_NAMES = 4 };

struct str record_text(const struct record *r, unsigned k);
void record_set_text(struct record *r, unsigned k, struct str s);
const char *record_name(const struct record *r, unsigned k);
void record_set_name(struct record *r, unsigned k, const char *name);

struct record_host {
	struct str name;
	/* "received", "client", "helo", "gateway-marker", "reporting-mta", "dead-member" */
	const char *how;
	uint64_t copies;
};

struct record_storm {
	uint64_t seq;
	uint64_t id;
	struct str rule;
	uint64_t key_lo, key_hi;
	const char *state;                      /* open, cooling, remembered, closed */
	struct str message_id, subject, sender; /* of the message that opened it */
	int64_t first, last;                    /* wall ms */
	uint64_t offered, passed, stopped;      /* copies: one message to one recipient */
	uint64_t messages;
	uint32_t recipients;             /* distinct, "at least" when it met its cap */
	const struct record_host *hosts; /* most copies first */
	uint32_t n_hosts;
};

/* A message's record as bytes, behind a version byte, for the spool. `seq` is not among them: it stands in
 * the spool's own frame. Strings are cut at MSG_ATTR_MAX. */
void record_pack(const struct record *r, struct buf *out);

/* ERR_VERSION: of another version; ERR_CORRUPT: not such bytes; ERR_FULL: the arena has no room. What came
 * out lives in the arena alone. No pointer is NULL (`rcpts` may be, when there are none), `seq` is 0. */
int record_unpack(struct str bytes, struct record *out, struct arena *a) MUSTCHECK;
/* The same without copies: strings are views of the bytes, names come apart from the rest (NULL there); only
 * the recipients live in the arena. */
int record_view(
    struct str bytes, struct record *out, struct str name[RECORD_NAMES], struct arena *a) MUSTCHECK;
/* Its time alone, from its first bytes. */
int record_time(struct str bytes, int64_t *time) MUSTCHECK;

#endif
