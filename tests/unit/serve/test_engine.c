/* SPDX-License-Identifier: ISC */
/* The whole road without sockets, with a clock of our own: what each kind of mail gets. */
#include "engine_rig.h"

#include "base/log.h"

TestSuite(engine, .init = setup, .fini = teardown);

static void
find_copies(void *arg, struct storm *st)
{
	(void)arg;
	if (strcmp(st->rule, "copies") == 0)
		found = st;
}

Test(engine, no_recipient_gets_more_than_the_limit)
{
	rule("replication");
	for (int i = 0; i < LIMIT; i++)
		cr_assert_eq(
		    deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org"), ACT_PASS);
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 0);
	for (int i = LIMIT; i < 50; i++)
		cr_assert_eq(deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org"),
		    ACT_DISCARD, "copy %d", i);
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
	/* Somebody who has none yet gets his first, and in an open storm no second one. */
	cr_assert_eq(
	    deliver("sales@firm.example", copy("sbs1.faulty.example", 60), "b@example.org"), ACT_PASS);
	cr_assert_eq(
	    deliver("sales@firm.example", copy("sbs1.faulty.example", 61), "b@example.org"), ACT_DISCARD);
}

Test(engine, the_replicating_server_is_named_and_the_sender_is_not)
{
	rule("replication");
	for (int i = 0; i < 20; i++)
		deliver("sales@firm.example", copy(i % 2 ? "sbs1.faulty.example" : "sbs2.faulty.example", i),
		    "a@example.org,b@example.org");
	storms_each(e.storms, find_storm, NULL);
	cr_assert_not_null(found);
	cr_assert_eq(found->n_rcpts, 2);
	cr_assert_eq(found->offered, (20 - LIMIT) * 2);
	cr_assert_eq(found->stopped, found->offered);
	bool one = false, two = false;
	for (uint32_t i = 0; i < found->n_hosts; i++) {
		cr_assert_str_neq(found->hosts[i].name, "smtp.firm.example");
		one |= strcmp(found->hosts[i].name, "sbs1.faulty.example") == 0;
		two |= strcmp(found->hosts[i].name, "sbs2.faulty.example") == 0;
	}
	cr_assert(one && two);
}

Test(engine, five_recipients_two_of_them_with_their_copies)
{
	rule("replication");
	for (int i = 0; i < LIMIT; i++)
		deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org,b@example.org");
	cr_assert_eq(deliver("sales@firm.example", copy("sbs1.faulty.example", 9),
			 "c@example.org,a@example.org,d@example.org,B@EXAMPLE.org,e@example.org"),
	    ACT_DROP_RECIPIENTS);
	cr_assert_eq(v.what, ACT_PASS);
	cr_assert_eq(v.n_drop, 2);
	cr_assert_eq(v.drop[0], 1);
	cr_assert_eq(v.drop[1], 3);
}

Test(engine, the_same_transmission_again_is_deferred_never_discarded)
{
	rule("replication");
	for (int i = 0; i <= REPEATS; i++)
		cr_assert_eq(deliver("sales@firm.example", copy("", 0), "a@example.org"), ACT_PASS);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(deliver("sales@firm.example", copy("", 0), "a@example.org"), ACT_DEFER);
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 0);
	/* Our own 4xx was not counted: after the window it passes, however often it was tried. */
	now.mono += MS_DAY + MS_MIN;
	cr_assert_eq(deliver("sales@firm.example", copy("", 0), "a@example.org"), ACT_PASS);
}

Test(engine, a_storm_is_remembered)
{
	struct rule *r = rule("replication");

	for (int i = 0; i < 6; i++)
		deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org");
	for (int h = 0; h < 28 * 24; h++) {
		now.mono += MS_HOUR;
		now.wall += MS_HOUR;
		engine_tick(&e, now);
	}
	cr_assert_eq(storms_count(e.storms, STORM_REMEMBERED), 1);
	cr_assert_eq(
	    deliver("sales@firm.example", copy("sbs5.faulty.example", 77), "a@example.org"), ACT_DISCARD);
	cr_assert_eq(
	    deliver("sales@firm.example", copy("sbs5.faulty.example", 78), "new@example.org"), ACT_PASS);
	cr_assert_eq(
	    deliver("sales@firm.example", copy("sbs5.faulty.example", 79), "new@example.org"), ACT_DISCARD);
	now.mono += r->quiet + 1;
	engine_tick(&e, now);
	engine_tick(&e, now);
	now.mono += r->remember + 1;
	engine_tick(&e, now);
	cr_assert_eq(storms_count(e.storms, STORM_REMEMBERED), 0);
}

Test(engine, harmless_chunks_of_one_message)
{
	char rcpts[4096];

	rule("replication");
	for (int chunk = 0; chunk < 13; chunk++) {
		rcpts[0] = '\0';
		for (int i = 0; i < 50; i++)
			snprintf(rcpts + strlen(rcpts), sizeof(rcpts) - strlen(rcpts), "%su%d@example.org",
			    i ? "," : "", chunk * 50 + i);
		cr_assert_eq(deliver("sales@firm.example", copy("", 0), rcpts), ACT_PASS);
	}
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 0);
}

Test(engine, harmless_verp_one_transaction_each)
{
	char sender[128], rcpt[64];

	rule("replication");
	for (int i = 0; i < 200; i++) {
		snprintf(sender, sizeof(sender), "news-bounces+u%d=example.org@news.example", i);
		snprintf(rcpt, sizeof(rcpt), "u%d@example.org", i);
		cr_assert_eq(deliver(sender, copy("", 0), rcpt), ACT_PASS);
	}
}

Test(engine, harmless_two_lists_and_a_direct_copy_each_by_two_ways)
{
	rule("replication");
	for (int way = 0; way < 2; way++) {
		cr_assert_eq(
		    deliver("s@firm.example", copy("relay.firm.example", way), "a@example.org"), ACT_PASS);
		for (int list = 0; list < 2; list++) {
			char text[4096];

			snprintf(text, sizeof(text),
			    "Received: by list%d.example with SMTP id L%d%d\r\nList-Id: "
			    "<l%d.example>\r\n%s%s",
			    list, list, way, list, ORIGIN, BODY);
			cr_assert_eq(deliver("l-bounces@list.example", text, "a@example.org"), ACT_PASS);
		}
	}
}

/* Mail that has no Message-ID at all: it is known by From, Date, Subject and origin. */
Test(engine, without_a_message_id)
{
	char text[1024];

	rule("replication");
	for (int i = 0; i < 30; i++) {
		snprintf(text, sizeof(text),
		    "Received: by relay.other.example id q%d\r\nFrom: cron@other.example\r\nSubject: job\r\n"
		    "Date: Mon, 9 Jan 2006 09:%02d:00 +0000\r\n\r\n",
		    i, i);
		cr_assert_eq(deliver("cron@other.example", text, "a@example.org"), ACT_PASS);
	}
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text),
		    "Received: by faulty.example id q%d\r\n" ORIGIN
		    "From: x@other.example\r\nSubject: job\r\nDate: Mon, 9 Jan 2006 09:00:00 +0000\r\n\r\n",
		    i);
		cr_assert_eq(
		    deliver("x@other.example", text, "a@example.org"), i < LIMIT ? ACT_PASS : ACT_DISCARD);
	}
}

/* The same Message-ID from an outsider who guessed it has another origin: it takes nothing from the
 * real one. */
Test(engine, a_guessed_message_id_takes_nothing_away)
{
	char text[1024];

	rule("replication");
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "Received: by evil.example id e%d\r\n%s", i, BODY);
		deliver("evil@evil.example", text, "a@example.org");
	}
	cr_assert_eq(deliver("sales@firm.example", copy("", 0), "a@example.org"), ACT_PASS);
}

Test(engine, mail_of_our_own_that_comes_back_is_known)
{
	char text[1024];

	rule("replication");
	/* It starts here: no Received line yet, the queue id will be in ours. */
	cr_assert_eq(deliver("boss@example.org", BODY, "a@example.org"), ACT_PASS);
	begin_msg(DOOR_MILTER, STAGE_EOM, "boss@example.org", "b@example.org");
	msg.queue_id = STR("4ABCDEF");
	msg.client_address = STR("127.0.0.1");
	cr_assert_eq(judge(BODY), ACT_PASS);
	for (int i = 1; i < 10; i++) {
		snprintf(text, sizeof(text),
		    "Received: by sbs1.faulty.example id f%d\r\n"
		    "Received: from desk by mx.example.org (Postfix) with ESMTP id 4ABCDEF; today\r\n%s",
		    i, BODY);
		cr_assert_eq(deliver("boss@example.org", text, "b@example.org"),
		    i < LIMIT ? ACT_PASS : ACT_DISCARD, "copy %d", i);
	}
}

Test(engine, shadow_counts_and_lets_pass)
{
	rule("replication")->mode = MODE_SHADOW;
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(
		    deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org"), ACT_PASS);
		cr_assert_eq(v.would, i < LIMIT ? ACT_PASS : ACT_DISCARD);
		cr_assert_eq(v.what, ACT_PASS);
	}
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 1);
}

/* As for those who enforce: a mark in the header comes before nothing that stops the message. */
Test(engine, shadow_names_the_rule_that_would_stop_it)
{
	struct rule *wide = rule("wide-recipients");

	wide->limit = 1;
	wide->mode = MODE_SHADOW;
	rule("replication")->mode = MODE_SHADOW;
	for (int i = 0; i < LIMIT + 2; i++) {
		deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org");
		cr_assert_eq(v.would, i < LIMIT ? ACT_PREPEND : ACT_DISCARD, "%d", i);
		cr_assert(str_eq(v.rule, i < LIMIT ? STR("wide-recipients") : STR("replication")), "%d", i);
		cr_assert_eq(v.storm != 0, i >= LIMIT, "%d", i);
	}
}

static char verdict_line[1024];

static void
keep_verdict(const char *level, const char *line)
{
	(void)level;
	if (strncmp(line, "verdict ", 8) == 0)
		snprintf(verdict_line, sizeof(verdict_line), "%s", line);
}

/* Each is on trial: one that stands behind another must not look as if it never tripped. */
Test(engine, the_log_has_all_shadow_rules_that_would_act)
{
	rule("wide-recipients");
	rule("replication");
	rule("replication")->limit = 2;
	for (unsigned i = 0; i < rules.n; i++)
		rules_v[i].mode = MODE_SHADOW;
	rules_v[0].limit = 1;
	xfree(rules_v[2].name);
	rules_v[2].name = xstrdup("earlier, and louder");
	e.quiet = false;
	log_capture(keep_verdict);
	deliver("sales@firm.example", copy("sbs1.faulty.example", 0), "a@example.org");
	cr_assert(strstr(verdict_line, "action=would-prepend rule=wide-recipients "), "%s", verdict_line);
	cr_assert(!strstr(verdict_line, "also="), "%s", verdict_line);
	deliver("sales@firm.example", copy("sbs1.faulty.example", 1), "a@example.org,b@example.org");
	deliver("sales@firm.example", copy("sbs1.faulty.example", 2), "a@example.org,b@example.org");
	cr_assert(strstr(verdict_line, " rule=\"earlier, and louder\" "), "%s", verdict_line);
	cr_assert(strstr(verdict_line, " also=wide-recipients"), "%s", verdict_line);
	deliver("sales@firm.example", copy("sbs1.faulty.example", 3), "a@example.org,b@example.org");
	cr_assert(strstr(verdict_line, "action=would-discard rule=replication "), "%s", verdict_line);
	cr_assert(strstr(verdict_line, " also=\"wide-recipients,earlier, and louder\""), "%s", verdict_line);
	rules_v[1].mode = MODE_ENFORCE;
	deliver("sales@firm.example", copy("sbs1.faulty.example", 4), "a@example.org");
	cr_assert(strstr(verdict_line, "action=discard rule=replication "), "%s", verdict_line);
	cr_assert(!strstr(verdict_line, "also="), "%s", verdict_line);
}

/* Not the one of another rule that watches the same mail. */
Test(engine, a_verdict_tells_the_storm_of_the_rule_that_it_names)
{
	struct rule *watch = rule("replication");

	watch->mode = MODE_SHADOW;
	watch->limit = 1;
	rule("replication");
	xfree(rules_v[1].name);
	rules_v[1].name = xstrdup("copies");
	for (int i = 0; i < LIMIT + 2; i++)
		deliver("sales@firm.example", copy("sbs1.faulty.example", i), "a@example.org");
	cr_assert_eq(v.shown, ACT_DISCARD);
	cr_assert(str_eq(v.rule, STR("copies")));
	cr_assert_eq(storms_count(e.storms, STORM_OPEN), 2);
	found = NULL;
	storms_each(e.storms, find_copies, NULL);
	cr_assert_not_null(found);
	cr_assert_eq(v.storm, found->id);
}

Test(engine, exempt_and_role_addresses_pass)
{
	struct rule *r = rule("replication");

	strset_add(&r->exempt.domains, STR("friends.example"));
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(deliver("sales@firm.example", copy("s", i), "postmaster@example.org"), ACT_PASS);
		cr_assert_eq(deliver("sales@firm.example", copy("s", i), "abuse@example.org"), ACT_PASS);
		cr_assert_eq(deliver("x@friends.example", copy("s", i), "a@example.org"), ACT_PASS);
	}
}

Test(engine, one_action_for_all_doors_at_different_stages_counts_once)
{
	rule("replication");
	/* Exim asks at RCPT without and at DATA with the header, then again: one message. */
	for (int i = 0; i < LIMIT + 2; i++) {
		char instance[16];

		snprintf(instance, sizeof(instance), "exim-%d", i);
		for (int again = 0; again < 3; again++) {
			begin_msg(DOOR_REPAIRS, STAGE_DATA, "sales@firm.example", "a@example.org");
			msg.instance = str_of(instance);
			judge(copy("sbs1.faulty.example", i));
			cr_assert_eq(
			    v.what, i < LIMIT ? ACT_PASS : ACT_DISCARD, "message %d ask %d", i, again);
		}
	}
}

static enum action
ask_policy(enum stage stage, const char *sender, const char *rcpt, uint32_t count, const char *port)
{
	begin_msg(DOOR_POLICY, stage, sender, rcpt);
	msg.instance = msg.client_port = str_of(port);
	msg.rcpt_count = count;
	judge(NULL);
	return v.what;
}

Test(engine, bounce_to_list_at_the_policy_door)
{
	rule("bounce-to-list");
	/* never at RCPT: callouts */
	cr_assert_eq(ask_policy(STAGE_RCPT, "", "all@example.org", 0, "1"), ACT_PASS);
	cr_assert_eq(ask_policy(STAGE_DATA, "", "all@example.org", 1, "1"), ACT_REDIRECT_OWNER);
	cr_assert(str_eq(v.redirect, STR("owner@example.org")));
	/* the list is not alone */
	ask_policy(STAGE_RCPT, "", "all@example.org", 0, "2");
	ask_policy(STAGE_RCPT, "", "a@example.org", 1, "2");
	cr_assert_eq(ask_policy(STAGE_DATA, "", NULL, 2, "2"), ACT_REJECT);
	/* a milter serves this client: its matter */
	engine_milter_begin(&e, STR("203.0.113.9"), STR("3"));
	cr_assert_eq(ask_policy(STAGE_DATA, "", "all@example.org", 1, "3"), ACT_PASS);
	engine_milter_end(&e, STR("203.0.113.9"), STR("3"));
	/* people write to lists */
	cr_assert_eq(ask_policy(STAGE_DATA, "a@example.org", "all@example.org", 1, "4"), ACT_PASS);
}

/* A client that sends nothing but counts: no two of its messages are "the same". */
Test(engine, stated_counts_are_no_identity)
{
	rule("replication");
	for (int i = 0; i < 10; i++) {
		msg_reset(&msg);
		msg.door = DOOR_EXTENDED;
		msg.stage = STAGE_DATA;
		msg.client_address = STR("203.0.113.9");
		msg.have_sender = true;
		msg_add_rcpt(&msg, STR("a@example.org"));
		header_state_count(&msg.header, false, 5);
		header_end(&msg.header);
		msg.have_header = true;
		engine_judge(&e, &msg, now, &v);
		cr_assert_eq(v.what, ACT_PASS, "%d", i);
	}
}

#define BOUNCE                                                                                            \
	"Received: by mx.far.example id B1\r\nFrom: MAILER-DAEMON@far.example (Mail Delivery System)\r\n" \
	"To: all@example.org\r\nSubject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: "         \
	"auto-replied\r\n"                                                                                \
	"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
#define VACATION                                                                                \
	"Received: by mx.far.example id V1\r\nFrom: joe@far.example\r\nTo: all@example.org\r\n" \
	"Subject: Out of office\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <v@far.example>\r\n\r\n"

Test(engine, bounces_and_vacations_go_to_the_owner_and_nowhere_else)
{
	rule("bounce-to-list");
	cr_assert_eq(deliver("", BOUNCE, "all@example.org"), ACT_REDIRECT_OWNER);
	cr_assert_eq(v.what, ACT_PASS);
	cr_assert_eq(v.n_drop, 1);
	cr_assert_eq(v.n_add, 1);
	cr_assert(str_eq(v.add[0], STR("owner@example.org")));
	cr_assert_eq(deliver("joe@far.example", VACATION, "all@example.org"), ACT_REDIRECT_OWNER);
	cr_assert_eq(deliver("", BOUNCE, "a@example.org"), ACT_PASS);
	cr_assert_eq(deliver("joe@far.example", copy("", 0), "all@example.org"), ACT_PASS);
}

Test(engine, a_list_with_itself_as_return_path_is_repaired)
{
	rule("list-return-path");
	deliver("all@example.org", copy("", 0), "joe@far.example");
	cr_assert_eq(v.shown, ACT_PASS, "not ours: an outside client");
	deliver("all@example.org", copy("", 0), "joe@far.example");
	msg.client_address = STR("127.0.0.1");
	cr_assert_eq(judge(NULL), ACT_SET_SENDER_OWNER);
	cr_assert(str_eq(v.sender, STR("owner@example.org")));
}

Test(engine, wide_recipients_at_the_limit_and_one_beyond)
{
	struct rule *r = rule("wide-recipients");

	for (uint32_t n = 99; n <= 102; n++) {
		snprintf(header, sizeof(header), "%s", ORIGIN "From: x@y.example\r\nTo: ");
		for (uint32_t i = 0; i < n; i++)
			snprintf(header + strlen(header), 64, "%su%u@z.example", i ? ",\r\n " : "", i);
		snprintf(header + strlen(header), 8, "\r\n\r\n");
		deliver("x@y.example", header, "a@example.org");
		cr_assert_eq(v.shown, n > r->limit ? ACT_PREPEND : ACT_PASS, "%u", n);
		cr_assert_eq(v.n_edits, n > r->limit ? 1 : 0);
	}
	r->action = ACT_CONCEAL;
	deliver("x@y.example", header, "a@example.org");
	cr_assert_eq(v.n_edits, 2);
	cr_assert(v.edits[0].change && v.edits[1].change);
}

/* Of each detector that may be asked to: none calls a first message part of a storm, or seen before. */
Test(engine, refusals_say_what_is_wrong)
{
	static const struct {
		const char *detector, *sender, *rcpt, *says;
	} rows[] = {
		{ "bounce-to-list", "", "all@example.org",
		    "Bounces and automatic replies do not go to this" },
		{ "list-return-path", "all@example.org", "x@far.example", "The return path is the mailing" },
	};
	static const enum action refusals[] = { ACT_REJECT, ACT_DEFER };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rule *r = rule(rows[i].detector);

		r->scope = SCOPE_ANY;
		for (size_t k = 0; k < ARRAY_LEN(refusals); k++) {
			r->action = refusals[k];
			deliver(rows[i].sender, "From: x@y.example\r\nAuto-Submitted: auto-replied\r\n\r\n",
			    rows[i].rcpt);
			cr_assert_eq(v.what, refusals[k], "%s", rows[i].detector);
			cr_assert(str_starts(v.text, str_of(rows[i].says)), "%.*s", STR_FMT(v.text));
		}
	}
}

Test(engine, wide_recipients_refused_say_what_to_do)
{
	static const enum action refusals[] = { ACT_REJECT, ACT_DEFER };
	struct rule *r = rule("wide-recipients");

	r->limit = 1;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		r->action = refusals[i];
		deliver("x@y.example", ORIGIN "From: x@y.example\r\nTo: u@z.example, v@z.example\r\n\r\n",
		    "a@example.org");
		cr_assert_eq(v.what, refusals[i]);
		cr_assert(
		    str_starts(v.text, STR("Too many addresses in To and Cc")), "%.*s", STR_FMT(v.text));
	}
}
