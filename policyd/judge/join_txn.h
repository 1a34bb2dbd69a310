/* SPDX-License-Identifier: ISC */
/*
 * A transaction and its memory; judge/join.c alone knows what is in it. An MTA begins and ends one a
 * message: the last ones to end are kept for the next to begin, with their memory as far as it is small.
 */
#ifndef JUDGE_JOIN_TXN_H
#define JUDGE_JOIN_TXN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"
#include "judge/join.h"

enum { TXN_SESSIONS = 2, TXN_SPARES = 64, TXN_SPARE_RCPTS = 1024, TXN_SPARE_ENVELOPE = 1024 };

/* What is large, and most have no need of. */
struct txn_more {
	struct record record;   /* before it is judged: who it is from; strings are in `envelope` */
	struct verdict verdict; /* its strings are in `text`, but for literals and nothing */
};

struct txn {
	struct list lru;
	struct key128 key;
	int64_t seen;
	uint64_t mta;     /* who began it */
	struct buf rcpts; /* raw addresses, each ended by NUL */
	uint32_t n_rcpts; /* UINT32_MAX: too many to keep */
	bool judged;
	bool passed;   /* judged, and there is nothing more to say: its verdict is not set */
	bool recorded; /* its record is set */
	bool over;     /* in that list */
	uint64_t what;
	char *envelope;
	size_t n_envelope, cap_envelope;
	struct arena text;
	struct key128 sessions[TXN_SESSIONS]; /* that it is the latest of; zero: none */
	struct reservation *reserved;
	uint32_t n_reserved, cap_reserved;
	struct txn_more *more; /* NULL: nobody needed it yet */
};

struct txn_spares {
	struct list all;
	uint32_t n;
};

void txn_spares_init(struct txn_spares *s);
void txn_spares_fini(struct txn_spares *s);

/* Empty, in no list. */
struct txn *txn_new(struct txn_spares *s, struct key128 key);
/* It is in no list and no map any more. */
void txn_spare(struct txn_spares *s, struct txn *t);

/* Its record, empty at first. */
struct record *txn_record(struct txn *t);

/* Takes note of the verdict. */
void txn_judged(struct txn *t, const struct verdict *v);

/* Memory for n bytes of envelope, in place of what was there. */
char *txn_envelope(struct txn *t, size_t n);
void txn_no_envelope(struct txn *t);

/* Copies in `a`: of a string, and of all that a door is told. */
struct str txn_str(struct arena *a, struct str s);
bool txn_verdict(struct arena *a, const struct verdict *v, struct verdict *out);

#endif
