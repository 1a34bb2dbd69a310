/* SPDX-License-Identifier: ISC */
/*
 * list-return-path: MAIL FROM is a posting address, so that every bounce of this mail goes back to the
 * list and round it. RFC 5321 3.9 wants the return path of a list's mail changed to the people who look
 * after the list.
 */
#include "judge/detect.h"

static bool
lrp_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	(void)r;
	(void)rcpt;
	return !v->traits->null_sender && lists_find(v->lists, v->traits->sender.plain) != NULL;
}

static void
lrp_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	(void)r;
	(void)v;
	(void)rcpt;
	(void)answers;
	(void)n;
	f->trip = TRIP_STOP;
	f->why = "the return path is a posting address";
}

const struct detector detect_list_return_path = {
	.name = "list-return-path",
	.help = "The envelope sender is itself a posting address from the lists file.",
	.action = ACT_SET_SENDER_OWNER,
	.text = "The return path is the mailing list itself, so that bounces go to all; use its owner",
	.scope = SCOPE_OUTBOUND,
	.limit = 0,
	.no_limit = true,
	.applies = lrp_applies,
	.score = lrp_score,
};
