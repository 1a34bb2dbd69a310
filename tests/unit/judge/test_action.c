/* SPDX-License-Identifier: ISC */
/* What becomes of every mixture of wishes at every door. */
#include <criterion/criterion.h>

#include "judge/action.h"

static struct arena arena;
static struct msg msg;

static void
setup(enum door door, enum stage stage, unsigned rcpts)
{
	static const char *const names[] = { "<a@x.test>", "<b@x.test>", "<c@x.test>", "<d@x.test>" };

	arena_init(&arena, 0);
	msg_init(&msg, &arena, NULL);
	msg.door = door;
	msg.stage = stage;
	for (unsigned i = 0; i < rcpts; i++)
		msg_add_rcpt(&msg, str_of(names[i]));
}

static void
teardown(void)
{
	msg_fini(&msg);
	arena_fini(&arena);
}

struct mix {
	enum door door;
	enum action wish[3];
	enum action what; /* of the verdict */
	unsigned drop;    /* bit mask of dropped recipients */
	unsigned add;     /* number of added recipients */
	enum action got[3];
};

#define P ACT_PASS
#define D ACT_DISCARD
#define F ACT_DEFER
#define R ACT_REJECT
#define H ACT_HOLD
#define X ACT_DROP_RECIPIENTS
#define O ACT_REDIRECT_OWNER

static const struct mix mixes[] = {
	/* all alike */
	{ DOOR_MILTER, { P, P, P }, P, 0, 0, { P, P, P } },
	{ DOOR_MILTER, { D, D, D }, D, 0, 0, { D, D, D } },
	{ DOOR_MILTER, { X, X, X }, D, 0, 0, { D, D, D } },
	{ DOOR_MILTER, { F, F, F }, F, 0, 0, { F, F, F } },
	{ DOOR_MILTER, { R, R, R }, R, 0, 0, { R, R, R } },
	{ DOOR_MILTER, { H, H, H }, H, 0, 0, { H, H, H } },
	{ DOOR_MILTER, { O, O, O }, P, 7, 1, { O, O, O } },
	{ DOOR_POLICY, { D, D, D }, D, 0, 0, { D, D, D } },
	{ DOOR_EXTENDED, { X, X, X }, D, 0, 0, { D, D, D } },
	{ DOOR_REPAIRS, { F, F, F }, F, 0, 0, { F, F, F } },
	/* some, at a door that can split */
	{ DOOR_MILTER, { P, D, P }, P, 2, 0, { P, X, P } },
	{ DOOR_MILTER, { P, R, P }, P, 2, 0, { P, X, P } },
	{ DOOR_MILTER, { P, F, P }, P, 0, 0, { P, P, P } },
	{ DOOR_MILTER, { P, H, D }, P, 4, 0, { P, P, X } },
	{ DOOR_MILTER, { P, O, P }, P, 2, 1, { P, O, P } },
	{ DOOR_MILTER, { D, O, D }, P, 7, 1, { X, O, X } },
	{ DOOR_MILTER, { F, O, D }, P, 6, 1, { P, O, X } },
	{ DOOR_REPAIRS, { P, D, P }, P, 2, 0, { P, X, P } },
	/* some, at a door that cannot: the message passes */
	{ DOOR_POLICY, { P, D, P }, P, 0, 0, { P, P, P } },
	{ DOOR_EXTENDED, { P, R, D }, P, 0, 0, { P, P, P } },
	{ DOOR_EXTENDED, { P, F, P }, P, 0, 0, { P, P, P } },
	/* a bounce must not reach the list, and this door can neither split nor redirect a part */
	{ DOOR_POLICY, { P, O, P }, R, 0, 0, { R, R, R } },
	{ DOOR_POLICY, { O, O, O }, R, 0, 0, { R, R, R } },
	/* nobody gets it, for different reasons: what waits is not lost */
	{ DOOR_MILTER, { D, F, D }, F, 0, 0, { F, F, F } },
	{ DOOR_MILTER, { D, H, R }, H, 0, 0, { H, H, H } },
	{ DOOR_MILTER, { D, R, D }, R, 0, 0, { R, R, R } },
	{ DOOR_MILTER, { D, X, D }, D, 0, 0, { D, D, D } },
	{ DOOR_EXTENDED, { D, F, R }, F, 0, 0, { F, F, F } },
};

Test(action, mixtures)
{
	static struct rule rule = { .name = (char *)"r" };

	for (size_t i = 0; i < ARRAY_LEN(mixes); i++) {
		const struct mix *x = &mixes[i];
		struct wish w[3];
		struct verdict v = { 0 };
		unsigned dropped = 0;

		setup(x->door, STAGE_DATA, 3);
		for (int k = 0; k < 3; k++)
			w[k] = (struct wish){
				.action = x->wish[k], .rule = &rule, .owner = STR("owner@x.test")
			};
		action_settle(&msg, w, true, &arena, &v);
		for (uint32_t k = 0; k < v.n_drop; k++)
			dropped |= 1u << v.drop[k];
		cr_assert_eq(v.what, x->what, "row %zu: what %s", i, action_name(v.what));
		cr_assert_eq(dropped, x->drop, "row %zu: drop %u", i, dropped);
		cr_assert_eq(v.n_add, x->add, "row %zu: add %u", i, v.n_add);
		for (int k = 0; k < 3; k++)
			cr_assert_eq(
			    w[k].got, x->got[k], "row %zu rcpt %d: got %s", i, k, action_name(w[k].got));
		teardown();
	}
}

/* Who reads the log looks for the rule that did it, not for one whose own action came to nothing. */
Test(action, what_all_share_is_told_of_the_rule_that_wanted_it)
{
	static const struct {
		enum door door;
		enum action wish[3], what;
		int by;
	} cases[] = {
		{ DOOR_MILTER, { D, F, D }, F, 1 },
		{ DOOR_MILTER, { D, R, H }, H, 2 },
		{ DOOR_POLICY, { D, D, R }, R, 2 },
		{ DOOR_POLICY, { D, O, P }, R, 1 },
		{ DOOR_EXTENDED, { P, D, O }, R, 2 },
	};
	struct rule rules[3] = { { .name = (char *)"a" }, { .name = (char *)"b" }, { .name = (char *)"c" } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict v = { 0 };
		struct wish w[3];

		setup(cases[i].door, STAGE_DATA, 3);
		for (int k = 0; k < 3; k++)
			w[k] = (struct wish){ .action = cases[i].wish[k],
				.rule = cases[i].wish[k] == P ? NULL : &rules[k],
				.owner = STR("owner@x.test") };
		action_settle(&msg, w, true, &arena, &v);
		cr_assert_eq(v.what, cases[i].what, "row %zu: what %s", i, action_name(v.what));
		for (int k = 0; k < 3; k++)
			cr_assert(
			    w[k].got == v.what && w[k].rule == &rules[cases[i].by], "row %zu: %d", i, k);
		teardown();
	}
}

Test(action, redirect_at_the_policy_door_when_the_list_is_alone)
{
	struct rule rule = { .name = (char *)"r" };
	struct wish w = { .action = O, .rule = &rule, .owner = STR("owner@x.test") };
	struct verdict v = { 0 };

	setup(DOOR_POLICY, STAGE_DATA, 1);
	action_settle(&msg, &w, true, &arena, &v);
	cr_assert_eq(v.what, ACT_REDIRECT_OWNER);
	cr_assert(str_eq(v.redirect, STR("owner@x.test")));
	teardown();
}

/* Where it can only refuse, the words are the rule's. */
Test(action, redirect_that_becomes_a_refusal_says_why)
{
	struct rule rule = { .name = (char *)"r", .action = O, .text = (char *)"No bounces here" };
	struct wish w[2] = { { .action = O, .rule = &rule, .owner = STR("owner@x.test") }, { .action = P } };
	struct verdict v = { 0 };

	setup(DOOR_POLICY, STAGE_DATA, 2);
	action_settle(&msg, w, true, &arena, &v);
	cr_assert_eq(v.what, ACT_REJECT);
	cr_assert(str_eq(v.text, STR("No bounces here")), "%.*s", STR_FMT(v.text));
	teardown();
}

/* Recipients that we were not told about: no action may hit them. */
Test(action, unknown_recipients_are_not_all)
{
	struct rule rule = { .name = (char *)"r" };
	struct wish w[2] = { { .action = D, .rule = &rule }, { .action = D, .rule = &rule } };
	struct verdict v = { 0 };

	setup(DOOR_POLICY, STAGE_DATA, 2);
	action_settle(&msg, w, false, &arena, &v);
	cr_assert_eq(v.what, ACT_PASS);
	teardown();
	setup(DOOR_MILTER, STAGE_EOM, 2);
	v = (struct verdict){ 0 };
	action_settle(&msg, w, false, &arena, &v);
	cr_assert_eq(v.what, ACT_PASS);
	cr_assert_eq(v.n_drop, 2);
	teardown();
}

Test(action, nothing_is_said_before_data)
{
	for (unsigned a = 0; a < ACT_COUNT; a++)
		for (unsigned d = 0; d < DOOR_COUNT; d++)
			for (unsigned s = 0; s < STAGE_DATA; s++)
				cr_assert_eq(action_fit((enum action)a, (enum door)d, (enum stage)s, FOR_ALL),
				    ACT_PASS);
}

Test(action, own_text_and_code_only_for_the_own_action)
{
	struct rule rule = { .name = (char *)"r", .action = R, .text = (char *)"Use Bcc", .dsn = "5.7.9" };
	struct wish w = { .action = R, .rule = &rule };
	struct verdict v = { 0 };

	setup(DOOR_MILTER, STAGE_EOM, 1);
	action_settle(&msg, &w, true, &arena, &v);
	cr_assert(str_eq(v.text, STR("Use Bcc")));
	cr_assert(str_eq(v.dsn, STR("5.7.9")));
	w.action = F; /* a repeat of a rule that rejects: the text of a refusal would be wrong */
	v = (struct verdict){ 0 };
	action_settle(&msg, &w, true, &arena, &v);
	cr_assert(str_eq(v.dsn, STR("4.7.1")));
	cr_assert_neq(v.text.n, 7);
	teardown();
}
