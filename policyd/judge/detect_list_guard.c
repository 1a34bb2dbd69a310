/* SPDX-License-Identifier: ISC */
/*
 * list-guard: who may post to a list. Own users and networks may; outsiders only when the lists file names
 * them behind the list, by envelope sender or header From. Bounces and answers of machines are left to
 * bounce-to-list, and the null sender is never refused here: it may be a callout.
 */
#include "base/clock.h"
#include "judge/detect.h"

static bool
guard_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	const struct traits *t = v->traits;
	const struct list_entry *list = detect_list(v, rcpt);

	(void)r;
	/* Before the header is there a poster may still turn out to be one. */
	if (list && v->at_rcpt && list->posters.n)
		return false;
	if (!list || t->outbound || t->null_sender || !v->msg->have_sender)
		return false;
	if (v->header && automatic_answers(t->automatic))
		return false;
	/* From is read too where it is there: tools that send for somebody have return paths of their own. */
	return !strset_has(&list->posters, t->sender.plain) &&
	    !(v->header && strset_has(&list->posters, v->msg->header.f.from_addr));
}

static void
guard_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	f->storm = detect_key_str(r, v, "storm", str_of(detect_list(v, rcpt)->posting));
	if (r->limit && (n == 0 || answers[0].sum <= r->limit))
		return;
	f->trip = TRIP_STOP;
	f->why = "not among those who may post to this list";
}

const struct detector detect_list_guard = {
	.name = "list-guard",
	.help = "Somebody who is neither an own user nor named as a poster writes to an address from the "
		"lists file.",
	.action = ACT_REJECT,
	.text = "You may not post to this address",
	.scope = SCOPE_ANY,
	.limit = 0,
	.window = (int64_t)MS_DAY,
	.envelope = true,
	.applies = guard_applies,
	.plan = detect_plan_list,
	.score = guard_score,
	.sources = detect_name_client,
};
