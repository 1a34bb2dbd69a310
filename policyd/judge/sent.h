/* SPDX-License-Identifier: ISC */
/*
 * What left here: each outbound message leaves a mark of its Message-ID and one of its sender, a post to
 * a list of ours one of its id, and a bounce that returns such an id is genuine. Mail without an id gets
 * one on its way, which nobody here has seen: that leaves another mark of its sender. Marks belong to no
 * rule; all rules that ask for them share them. Nobody outside can guess an id that he has not seen, so
 * nobody can make a bounce look genuine that is none, but by bouncing a message that he got, or posted to
 * a list.
 */
#ifndef JUDGE_SENT_H
#define JUDGE_SENT_H

#include "judge/detect.h"

enum { SENT_TTL_MIN = 7 * MS_DAY }; /* a queue gives up after five days */

/* Appends the marks of a message that leaves and has a sender; nothing for other mail. */
void sent_plan(const struct view *v, int64_t ttl, struct ops *ops);

/* Appends one op that reads the mark of a Message-ID as written, or of a sender's key: for any mail, and for
 * mail whose id was not seen. answer.known tells. */
void sent_ask_id(const struct view *v, struct str message_id, struct ops *ops);
void sent_ask_sender(const struct view *v, struct str key, struct ops *ops);
void sent_ask_unnamed(const struct view *v, struct str key, struct ops *ops);

#endif
