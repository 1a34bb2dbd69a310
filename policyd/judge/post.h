/* SPDX-License-Identifier: ISC */
/*
 * A message as a post of a thread to an audience: what reply-all counts, and by what later posts are known.
 *
 * An audience is a list (a recipient is a posting address of the lists file) or at least `wide` recipients,
 * by To and Cc or by the envelope. A list's copies (List-Id and the like) are nobody's posts: what a
 * discussion list distributes is its own business. Only own people's that show a wide header count.
 */
#ifndef JUDGE_POST_H
#define JUDGE_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "judge/detect.h"
#include "mail/audience.h"

enum post_role {
	POST_NONE,
	POST_OPENER, /* an own person's message that answers nothing */
	POST_ANSWER, /* a person's answer */
	POST_ROBOT,  /* an automatic answer or receipt */
	POST_RECALL, /* somebody wants a post back, or a client tells of it */
};

enum { POST_LISTS = 2, POST_AUDIENCES = POST_LISTS + AUDIENCE_KEEP, POST_IDS = 4 };

/* All numbers are hashes; 0 means "none". */
struct post {
	enum post_role role;
	bool own;     /* from an authenticated or trusted client */
	bool fetched; /* out of a mailbox: nobody reads the refusal, and fetchmail deletes what is refused */
	struct post_audience {
		uint64_t hash;
		bool list;
	} to[POST_AUDIENCES];
	unsigned n_to;
	struct str list;            /* local part of the first posting address, if there is one */
	uint64_t subject;           /* of the thread, as all its posts have it */
	uint64_t root;              /* what References, In-Reply-To or Thread-Index say */
	bool plain_answer;          /* by its subject too: not a patch of a series, not a ticket of its own */
	uint64_t self;              /* this post, by whatever way and in how many transactions it comes */
	uint64_t id;                /* of its Message-ID */
	uint64_t answers[POST_IDS]; /* of the Message-IDs that it refers to, any of which may be 0 */
	uint64_t from, sender;      /* sender: with the login, if there is one */
	uint64_t network; /* the client's, wide enough that a provider has few: IPv4 /16, IPv6 /32 */
	uint64_t client;  /* IPv4 address, IPv6 /48 */
	uint64_t domain;  /* of the envelope sender */
	uint64_t firm;    /* network and domain together */
	uint64_t waited;  /* which window it was taken in, when that has gone by; 0: it came at once */
	uint32_t size;    /* recipients, as far as header and envelope show them */
};

/* Can post_read() find anything at all? Cheap. */
bool post_possible(const struct rule *r, const struct view *v);

/* Of a message for which that said yes. */
void post_read(struct post *p, const struct rule *r, const struct view *v);

#endif
