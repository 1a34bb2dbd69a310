/* SPDX-License-Identifier: ISC */
/* The list-guard rule on the whole road: who may post, and who must never be refused. */
#include "rcpt_rig.h"

TestSuite(list_guard, .init = rcpt_setup, .fini = teardown);

/* all@: nobody but own people; news@: two posters from outside; open addresses are no lists. */
static struct rule *
guard(void)
{
	lists_fini(&lists);
	lists_init(&lists);
	lists_add(&lists,
	    STR("all@example.org owner@example.org\n"
		"news@example.org owner@example.org Editor@press.example writer+x@press.example\n"),
	    "lists", NULL);
	lists_finish(&lists, NULL);
	return rule("list-guard");
}

static const char *
from(const char *author)
{
	snprintf(header, sizeof(header),
	    "Received: by mx.press.example id P1\r\nFrom: %s\r\nTo: news@example.org\r\nSubject: new\r\n"
	    "Date: Mon, 9 Jan 2006 09:00:00 +0000\r\nMessage-ID: <n@press.example>\r\n\r\n",
	    author);
	return header;
}

static const struct {
	const char *sender, *author, *rcpt; /* author NULL: no header is known */
	bool refused;
} posts[] = {
	{ "x@far.example", "x@far.example", "all@example.org", true },
	{ "x@far.example", "x@far.example", "ALL@Example.org", true },
	{ "x@far.example", NULL, "all@example.org", true },
	{ "editor@press.example", "editor@press.example", "all@example.org", true }, /* of another list */
	{ "x@far.example", "x@far.example", "news@example.org", true },
	{ "editor@press.example", "Editor <editor@press.example>", "news@example.org", false },
	{ "EDITOR@Press.Example", NULL, "news@example.org", false },
	{ "writer+x@press.example", NULL, "news@example.org", false },
	{ "writer@press.example", NULL, "news@example.org", true },
	{ "editor@press.example.evil.example", NULL, "news@example.org", true },
	/* he writes by a tool that has a return path of its own */
	{ "bounce-77@tool.example", "\"The Editor\" <Editor@PRESS.example>", "news@example.org", false },
	{ "bounce-77@tool.example", "x@far.example", "news@example.org", true },
	{ "x@far.example", "x@far.example", "a@example.org", false },
	{ "x@far.example", "x@far.example", "owner@example.org", false },
	{ "x@far.example", "x@far.example", "all-owner@example.org", false },
	{ "x@far.example", "x@far.example", "postmaster@example.org", false },
};

Test(list_guard, who_may_post)
{
	guard();
	for (size_t i = 0; i < ARRAY_LEN(posts); i++) {
		enum action want = posts[i].refused ? ACT_REJECT : ACT_PASS;

		if (posts[i].author) {
			cr_expect_eq(
			    deliver(posts[i].sender, from(posts[i].author), posts[i].rcpt), want, "%zu", i);
			continue;
		}
		who.sender = posts[i].sender;
		cr_expect_eq(ask_at(STAGE_DATA, fresh(), posts[i].rcpt, 1), want, "%zu", i);
	}
	deliver("x@far.example", from("x@far.example"), "all@example.org");
	cr_assert(str_eq(v.dsn, STR("5.7.1")));
	cr_assert(str_eq(v.text, STR("You may not post to this address")));
}

Test(list_guard, harmless_own_users_and_networks_post)
{
	guard();
	who.sender = "boss@example.org";
	who.user = "boss";
	cr_assert_eq(send_one(fresh(), "all@example.org"), ACT_PASS);
	who.user = "";
	cr_assert_eq(ask_at(STAGE_DATA, fresh(), "all@example.org", 1), ACT_REJECT, "anybody can say so");
	who.client = "127.0.0.1";
	cr_assert_eq(send_one(fresh(), "all@example.org"), ACT_PASS);
}

#define ANSWER(subject)                                                      \
	"Received: by mx.far.example id V1\r\nFrom: joe@far.example\r\nTo: " \
	"all@example.org\r\nSubject: " subject                               \
	"\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <v@far.example>\r\n\r\n"

Test(list_guard, harmless_callouts_bounces_and_answers_are_left_to_bounce_to_list)
{
	struct rule *r = guard();

	r->brake = BRAKE_REJECT;
	who.sender = "";
	cr_assert_eq(ask_rcpt(fresh(), "all@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "all@example.org"), ACT_PASS);
	cr_assert_eq(deliver("", ANSWER("Undelivered Mail"), "all@example.org"), ACT_PASS);
	cr_assert_eq(deliver("joe@far.example", ANSWER("Out of office"), "all@example.org"), ACT_PASS);
	cr_assert_eq(deliver("", NULL, "all@example.org"), ACT_PASS);
	rule("bounce-to-list");
	cr_assert_eq(
	    deliver("joe@far.example", ANSWER("Out of office"), "all@example.org"), ACT_REDIRECT_OWNER);
}

Test(list_guard, with_a_brake_at_rcpt)
{
	struct rule *r = guard();

	cr_assert_eq(ask_rcpt(fresh(), "all@example.org"), ACT_PASS, "off: From may name a poster");
	r->brake = BRAKE_REJECT;
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	cr_assert_eq(ask_rcpt("1", "all@example.org"), ACT_REJECT);
	cr_assert_eq(ask_at(STAGE_DATA, "1", "a@example.org", 1), ACT_PASS, "the others get it");
	who.sender = "editor@press.example";
	cr_assert_eq(ask_rcpt(fresh(), "news@example.org"), ACT_PASS);
	who.sender = "friend@far.example";
	strset_add(&r->exempt.addrs, STR("friend@far.example"));
	cr_assert_eq(ask_rcpt(fresh(), "all@example.org"), ACT_PASS);
}

Test(list_guard, only_the_list_loses_the_message)
{
	guard();
	cr_assert_eq(deliver("x@far.example", from("x@far.example"), "a@example.org,all@example.org"),
	    ACT_DROP_RECIPIENTS);
	cr_assert_eq(v.n_drop, 1);
	cr_assert_eq(v.drop[0], 1);
}

Test(list_guard, some_pass_with_a_limit)
{
	struct rule *r = guard();

	r->limit = 2;
	for (int i = 0; i < 5; i++)
		cr_assert_eq(deliver("x@far.example", from("x@far.example"), "all@example.org"),
		    i < 2 ? ACT_PASS : ACT_REJECT, "%d", i);
	cr_assert_eq(
	    deliver("x@far.example", from("x@far.example"), "news@example.org"), ACT_PASS, "each list");
	later(2 * r->window + MS_MIN);
	cr_assert_eq(deliver("x@far.example", from("x@far.example"), "all@example.org"), ACT_PASS);
}

/* A block stops strangers only. */
Test(list_guard, harmless_posters_while_strangers_are_blocked)
{
	guard()->block = MS_HOUR;
	deliver("x@far.example", from("x@far.example"), "news@example.org");
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
	cr_assert_eq(
	    deliver("editor@press.example", from("editor@press.example"), "news@example.org"), ACT_PASS);
}

Test(list_guard, shadow)
{
	guard()->mode = MODE_SHADOW;
	cr_assert_eq(deliver("x@far.example", from("x@far.example"), "all@example.org"), ACT_PASS);
	cr_assert(v.would);
}
