/* SPDX-License-Identifier: ISC */
/*
 * bounce-to-list: a bounce, a report or an automatic answer on its way to a posting address. A list
 * that expands its own bounces feeds itself for ever. Without a header only the null sender tells.
 */
#include "base/clock.h"
#include "judge/detect.h"
#include "mail/subject.h"

/* What a provider saw of a domain within a day, by DMARC or TLS-RPT: no single mail caused it, and those who
 * read such reports may be a list. */
static bool
is_statistics(const struct view *v)
{
	const struct header_facts *f = &v->msg->header.f;

	return v->traits->automatic == AUTO_REPORT &&
	    (v->traits->subject == SUBJECT_REPORT || f->flags & HDR_TLS_REPORT);
}

static bool
btl_applies(const struct rule *r, const struct view *v, uint32_t rcpt)
{
	bool automatic = automatic_answers(v->traits->automatic);

	(void)r;
	if (v->header && is_statistics(v))
		return false;
	if (!v->header)
		automatic = v->msg->have_sender && v->traits->null_sender;
	return automatic && detect_list(v, rcpt) != NULL;
}

static void
btl_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	if (r->limit && (n == 0 || answers[0].sum <= r->limit))
		return;
	f->trip = TRIP_STOP;
	f->storm = detect_key_str(r, v, "storm", str_of(detect_list(v, rcpt)->posting));
	f->why = "automatic mail to a posting address";
}

const struct detector detect_bounce_to_list = {
	.name = "bounce-to-list",
	.help = "A bounce, report or automatic reply is addressed to a posting address from the lists file.",
	.action = ACT_REDIRECT_OWNER,
	.text = "Bounces and automatic replies do not go to this mailing list; write to its owner",
	.scope = SCOPE_ANY,
	.limit = 0,
	.window = (int64_t)MS_DAY,
	.remember = (int64_t)MS_DAY,
	.body = true,
	.automatic = true,
	.applies = btl_applies,
	.plan = detect_plan_list,
	.score = btl_score,
	.sources = detect_bounce_sources,
};
