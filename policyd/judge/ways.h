/* SPDX-License-Identifier: ISC */
/*
 * The ways that the transmissions of one message took, remembered for the messages of late: out of them a
 * storm's sources are told from the hosts that any mail passes.
 *
 * Ways are compared from the bottom, line by line. What all have in common was written before the message
 * parted: the sender's servers. Of the hosts above that, those that copies passed are named, but
 *
 *   - never one that wrote or is named in the bottom line: where the message began (who wrote it may be
 *     named when the message also came without any line: it began before that one);
 *   - never one that lies on every way: our own forwarders and filters, the sender's exploder; nor, of
 *     several hosts of a domain of which always one or another hands over, that one and its address;
 *   - one on a shortest way (that is how an original comes) or of the domain of such a host (one of several
 *     gateways), and one of the common part that a copy came back to when it came to nobody else, only when
 *     it is itself the one from which as many transmissions were stopped as passed, two at least: so is a
 *     replicating server found whose original never came here.
 *
 * While all ways go over the same hosts, or hosts of the same domains, nothing tells them apart. Then it is
 * the growth that does: hosts that stand in the common part and above it again, for the message came back to
 * them; else the one that wrote the lowest line in which the ways differ: below it the message was one, above
 * it many.
 *
 * Growth names hosts but takes no part in the verdict: the way of a lawful forward also ends with the whole
 * way of the copy that came straight.
 *
 * Bounded: WAYS_MAX messages (the one longest not seen makes room), WAY_LINES_MAX lines of their common part,
 * WAY_HOSTS_MAX hosts each. Not kept over a restart: of what was before a storm keeps the length of the
 * shortest way. Pure.
 */
#ifndef JUDGE_WAYS_H
#define JUDGE_WAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "judge/detect.h"

enum { WAYS_MAX = 32768, WAY_LINES_MAX = 32, WAY_HOSTS_MAX = 32 };

struct storm;
struct ways;

struct ways *ways_new(void);
void ways_free(struct ways *w); /* takes NULL */

/* One transmission of the message known by `key`; `stopped`: somebody did not get it because of what it is.
 * The same transmission once more changes nothing. */
void ways_note(struct ways *w, struct key128 key, const struct view *v, bool stopped);

/* Two Message-IDs came over one and the same way, to the last line: no server that rewrote it wrote a line
 * between. So these are different messages, for all that they share their origin; unless two hosts wrote ids
 * into those lines, see traits_two_ids(): then it is a program that gives what it got to us as it is, but for
 * the Message-ID. */
bool ways_shared(const struct ways *w, struct key128 key);

/* Several hosts of one domain hand it over in turn, and no way differs from the others but in the line that
 * they write: what a provider does with one item of its queue that is deferred again and again. The view's
 * message has not been noted yet. */
bool ways_in_turn(const struct ways *w, struct key128 key, const struct view *v);

/* Names in the storm those that the view's message, which was noted before, came by and an honest one would
 * not: by storm_add_host(). */
void ways_name(
    const struct ways *w, struct key128 key, const struct view *v, struct storm *st, uint64_t copies);

/* This one is asked about next: memory is told. */
void ways_fetch(const struct ways *w, struct key128 key);

/* The message known by `straight` (see mail/traits.h) came straight. It is kept for a day or two, or until
 * STRAIGHT_MAX came after it. */
enum { STRAIGHT_MAX = 50000 };
void ways_note_straight(struct ways *w, struct key128 straight, struct now now);

/* Did it? Never no by mistake while it is kept; one yes in ten may be one. */
bool ways_straight(const struct ways *w, struct key128 straight);

uint32_t ways_count(const struct ways *w);

#endif
