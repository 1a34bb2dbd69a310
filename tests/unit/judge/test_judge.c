/* SPDX-License-Identifier: ISC */
/* Which messages a ruleset's brakes could act on at RCPT. */
#include <criterion/criterion.h>

#include "judge/judge.h"

static bool
brakes(struct rule *rules, unsigned n, const char *sender)
{
	const struct ruleset set = { .v = rules, .n = n };
	const struct msg m = { .sender = str_of(sender), .have_sender = sender != NULL };

	return judge_brakes(&set, &m);
}

Test(judge, who_could_be_braked)
{
	static const struct {
		const struct detector *detector;
		enum rule_brake brake;
		enum rule_mode mode;
		bool mail, bounces; /* from somebody, from the null sender */
	} t[] = {
		{ &detect_flood, BRAKE_DEFER, MODE_ENFORCE, true, true },
		{ &detect_flood, BRAKE_DEFER, MODE_SHADOW, true, true }, /* it tells what it would do */
		{ &detect_flood, BRAKE_DEFER, MODE_OFF, false, false },
		{ &detect_flood, BRAKE_OFF, MODE_ENFORCE, false, false },
		{ &detect_trap, BRAKE_REJECT, MODE_ENFORCE, true, true },
		{ &detect_list_guard, BRAKE_REJECT, MODE_ENFORCE, true, true },
		{ &detect_replication, BRAKE_DEFER, MODE_ENFORCE, true, true },
		{ &detect_replication, BRAKE_OFF, MODE_ENFORCE, false, false },
		{ &detect_bounce_flood, BRAKE_DEFER, MODE_ENFORCE, false, true },
		{ &detect_reply_all, BRAKE_DEFER, MODE_ENFORCE, false, false }, /* it wants the header */
	};
	struct rule off = { .detector = &detect_flood, .mode = MODE_OFF, .brake = BRAKE_DEFER };

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct rule rules[] = { off,
			{ .detector = t[i].detector, .mode = t[i].mode, .brake = t[i].brake }, off };

		cr_expect_eq(brakes(rules, 3, "a@x.test"), t[i].mail, "%zu", i);
		cr_expect_eq(brakes(rules, 3, ""), t[i].bounces, "%zu", i);
		cr_expect_eq(brakes(rules, 3, "double-bounce@x.test"), t[i].bounces, "%zu", i);
		cr_expect_eq(brakes(rules, 3, NULL), t[i].mail, "%zu: no sender is not the null sender", i);
	}
	cr_expect_not(brakes(&off, 0, "a@x.test"));
}
