/* SPDX-License-Identifier: ISC */
/*
 * The brake for copies at RCPT, where a message shows its envelope only: what a client with a sender brought
 * of late. A signature is rule + client (IPv4 address, IPv6 /64) + envelope sender; of each the last 64
 * judged messages are remembered: was it a stopped copy of an open storm, or other mail? First copies that an
 * open storm lets pass, and retries of them, are neither.
 *
 * While of at least 20 such messages 95 % were copies of one storm that is still open, the signature is
 * braked: for recipients who have their copy of that storm (the caller knows), for `brake_for` a storm, with
 * one message in `probe` let through. Other mail pushes the share down; a message that got through a brake
 * and proves to be other mail stands for those that did not, so it ends the brake until 20 copies came again.
 *
 * These have no signature: the null sender, lists' and VERP senders, postmaster@ and abuse@, and clients
 * whose refusal would make our own hosts write the bounce: loopback and relays of ours.
 *
 * Bounded: BRAKE_SIGNS_MAX signatures, the one longest not heard of makes room. Nothing is kept over a
 * restart: then no brake acts until 20 copies were seen. Pure.
 */
#ifndef JUDGE_BRAKE_H
#define JUDGE_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "judge/detect.h"

enum {
	BRAKE_SIGNS_MAX = 4096,
	BRAKE_HISTORY = 64,    /* messages a signature */
	BRAKE_LEAST = 20,      /* that take part before it acts */
	BRAKE_SHARE = 95,      /* percent of them that are copies */
	BRAKE_FRESH = MS_HOUR, /* without any message a signature is forgotten */
	BRAKE_ASKING = 8,      /* messages at RCPT at the same time that keep what they were told */
};

struct brake;

enum brake_answer {
	BRAKE_PASS,
	BRAKE_PROBE, /* it would be refused, but is the one in `probe` */
	BRAKE_REFUSE,
};

enum brake_kind {
	BRAKE_OTHER,   /* mail that belongs to no open storm, or that nothing stopped */
	BRAKE_COPY,    /* somebody did not get it: his copies of the storm are there */
	BRAKE_NEITHER, /* of an open storm, but nobody had too many; or sent anew, which proves nothing */
};

struct brake *brake_new(void);
void brake_free(struct brake *b); /* takes NULL */

/* The signature of the view's message under the rule; false: it has none and is never braked. */
bool brake_sign(const struct rule *r, const struct view *v, struct key128 *sign);

/* A message was judged. `storm`: that it belongs to. */
void brake_judged(
    struct brake *b, struct key128 sign, enum brake_kind kind, struct key128 storm, struct now now);

/* The storm for which the signature would be braked now, of which the recipient has to have his copy;
 * NULL: none. */
struct storm *brake_storm(
    const struct brake *b, struct key128 sign, const struct rule *r, const struct view *v);

/* What a recipient who has it is told in the message of that id (0: unknown, each is its own message). */
enum brake_answer brake_ask(
    const struct brake *b, struct key128 sign, const struct rule *r, uint64_t message);
/* He was told. */
void brake_told(struct brake *b, struct key128 sign, const struct rule *r, uint64_t message, struct now now);

uint32_t brake_count(const struct brake *b);

#endif
