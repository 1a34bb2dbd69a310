/* SPDX-License-Identifier: ISC */
/* wide-recipients: To and Cc expose so many addresses that one faulty server or one "reply to all"
 * makes a storm. */
#include "judge/detect.h"

static void
wide_score(const struct rule *r, const struct view *v, uint32_t rcpt, const struct tally_answer *answers,
    uint32_t n, struct finding *f)
{
	(void)rcpt;
	(void)answers;
	(void)n;
	if (v->traits->header_recipients <= r->limit)
		return;
	f->trip = TRIP_STOP;
	f->why = "To and Cc name too many mailboxes";
}

const struct detector detect_wide_recipients = {
	.name = "wide-recipients",
	.help = "To and Cc together name more than limit mailboxes.",
	.action = ACT_PREPEND,
	.text = "Too many addresses in To and Cc; please use Bcc",
	.arg_name = "X-Storm-Warning",
	.arg_value = "wide-recipients",
	.scope = SCOPE_ANY,
	.limit = 100,
	.header = true,
	.score = wide_score,
};
