/* SPDX-License-Identifier: ISC */
/* reply-all on the whole road: who cannot close a thread to whom, and what is no storm. */
#include "reply_rig.h"

TestSuite(reply_all_harm, .init = begin, .fini = teardown);

/* --- outsiders --------------------------------------------------------------------------------------- */

Test(reply_all_harm, outsiders_are_held_in_a_thread_that_own_people_closed)
{
	storm();
	cr_assert_eq(POST(.from = "a@away.example", .client = "198.51.100.1"), ACT_HOLD);
	r->outsiders = ACT_DISCARD;
	cr_assert_eq(POST(.from = "b@away.example", .client = "198.51.100.1"), ACT_DISCARD);
}

/* One outsider who knows the thread, with as many forged names and as many mails as he likes. */
Test(reply_all_harm, an_outsider_closes_no_thread_to_others)
{
	char from[64], client[64];
	int held = 0;

	POST(.who = 0, .opener = true, .id = "root@example.org");
	for (int i = 0; i < 500; i++) {
		snprintf(
		    from, sizeof(from), i % 3 ? "p%d@example.org" : "x%d@firm%d.example", i % 50, i % 50);
		snprintf(client, sizeof(client), "198.51.100.%d", i % 200);
		held += POST(.from = from, .client = client) == ACT_HOLD;
	}
	cr_assert_gt(held, 300, "he is stopped himself");
	POST(.who = 0, .opener = true, .id = "root@example.org");
	for (int i = 1; i < PASS; i++)
		cr_assert_eq(POST(.who = i), ACT_PASS, "own people");
	cr_assert_eq(
	    POST(.from = "honest@partner.example", .client = "192.0.2.7"), ACT_PASS, "other outsiders");
	cr_assert_eq(POST(.who = 30), ACT_REJECT, "own people count as ever");
}

/* The same from several networks, fewer than limit and authors ask for. */
Test(reply_all_harm, a_few_outsiders_together_do_not_either)
{
	static const char *const clients[] = { "198.51.100.1", "203.0.113.9", "192.0.2.1", "2001:db8::1",
		"2001:db9::1" };
	char from[64];

	for (int i = 0; i < 500; i++) {
		snprintf(from, sizeof(from), "x%d@firm.example", i);
		POST(.from = from, .client = clients[i % 5]);
	}
	cr_assert_eq(POST(.from = "honest@partner.example", .client = "100.64.1.1"), ACT_PASS);
	cr_assert_eq(POST(.who = 1), ACT_PASS);
}

/* They neither open nor prolong what closes the thread to own people. */
Test(reply_all_harm, outsiders_prolong_no_block)
{
	char from[64];

	for (int i = 0; i < PASS; i++) {
		snprintf(from, sizeof(from), "x%d@firm.example", i);
		cr_assert_eq(POST(.from = from, .client = "198.51.100.1"), ACT_PASS);
	}
	storm();
	for (int h = 0; h < 6; h++) {
		for (int i = 0; i < 15; i++) {
			snprintf(from, sizeof(from), "x%d@firm.example", i);
			cr_assert_eq(POST(.from = from, .client = "198.51.100.1"), ACT_HOLD);
			cr_assert_eq(storms_total(e.storms), 1, "nor open others");
		}
		later(MS_HOUR);
	}
	cr_assert_eq(POST(.who = 1), ACT_PASS);
}

#define EVIL .from = "x@evil.example", .client = "198.51.100.1"
#define AWAY                                                                                 \
	.extra = "Auto-Submitted: auto-replied\r\n", .opener = true, .to = "p1@example.org", \
	.rcpts = "p1@example.org"

/* One outsider writes in a thread that he wants closed, under the subject or with the id of another. */
Test(reply_all_harm, an_outsider_makes_no_two_threads_one)
{
	POST(.who = 20, .opener = true, .subject = "Budget", .id = "budget@example.org");
	POST(.who = 21, .subject = "Re: Budget", .refs = "budget@example.org", .id = "budget1@example.org");
	POST(.from = "a@one.example", .client = "192.0.2.7", .subject = "Re: Fair",
	    .refs = "fair@one.example");
	cr_assert_eq(POST(EVIL, .refs = "budget@example.org"), ACT_PASS);
	cr_assert_eq(POST(EVIL, .refs = "fair@one.example"), ACT_PASS);
	cr_assert_eq(POST(EVIL, .id = "budget1@example.org"), ACT_PASS);
	storm();
	cr_assert_eq(POST(.who = 22, .subject = "Re: Budget", .refs = "budget@example.org"), ACT_PASS);
	cr_assert_eq(POST(.who = 23, .subject = "Re: Figures", .refs = "", .reply_to = "budget1@example.org"),
	    ACT_PASS);
	cr_assert_eq(POST(AWAY, .from = "b@two.example", .client = "100.64.1.1", .subject = "Automatic reply",
			 .reply_to = "budget1@example.org"),
	    ACT_PASS);
	cr_assert_eq(POST(.from = "b@two.example", .client = "100.64.1.1", .subject = "Re: Budget",
			 .refs = "budget@example.org"),
	    ACT_PASS);
	cr_assert_eq(POST(.from = "b@two.example", .client = "100.64.1.1", .subject = "Re: Fair",
			 .refs = "fair@one.example"),
	    ACT_PASS);
	cr_assert_eq(POST(EVIL), ACT_HOLD);
	cr_assert_eq(POST(.who = 24), ACT_REJECT);
}

/* A partner's people, through one gateway. */
Test(reply_all_harm, a_storm_of_one_firm_outside_is_held_and_nobody_else)
{
	char from[64], client[64];

	for (int i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "x%d@partner.example", i);
		snprintf(client, sizeof(client), "198.51.%d.1", 50 + i);
		cr_assert_eq(
		    POST(.from = from, .client = client), i < PASS ? ACT_PASS : ACT_HOLD, "post %d", i);
	}
	cr_assert_eq(POST(.from = "a@neighbour.example", .client = "198.51.100.1"), ACT_PASS);
	cr_assert_eq(POST(.who = 1), ACT_PASS);
}

/* Members of a list all over the world. */
Test(reply_all_harm, a_storm_from_many_networks_is_held)
{
	char from[64], client[64];
	int passed = 0;

	for (int i = 0; i < 60; i++) {
		snprintf(from, sizeof(from), "x%d@firm%d.example", i, i);
		snprintf(client, sizeof(client), "100.%d.3.4", i);
		passed += POST(.from = from, .client = client, .to = "all@example.org",
			      .rcpts = "all@example.org") == ACT_PASS;
	}
	cr_assert_eq(passed, PASS);
	cr_assert_eq(POST(.who = 1, .to = "all@example.org", .rcpts = "all@example.org"), ACT_PASS,
	    "own people are not stopped for it");
}

/* Partners of one or two people each, whose mail leaves through the provider that they share. */
Test(reply_all_harm, a_storm_of_many_firms_at_one_provider_is_held)
{
	char from[64], client[64];
	int passed = 0;

	for (int i = 0; i < 60; i++) {
		snprintf(from, sizeof(from), "x%d@firm%d.example", i, i % 25);
		snprintf(client, sizeof(client), "100.64.%d.%d", i, 100 - i);
		passed += POST(.from = from, .client = client, .to = "all@example.org",
			      .rcpts = "all@example.org") == ACT_PASS;
	}
	cr_assert_eq(passed, PASS);
	cr_assert_eq(POST(.from = "a@other.example", .client = "198.51.100.1", .to = "all@example.org",
			 .rcpts = "all@example.org"),
	    ACT_PASS, "whoever is elsewhere");
	cr_assert_eq(POST(.who = 1, .to = "all@example.org", .rcpts = "all@example.org"), ACT_PASS);
}

/* One client there with as many forged domains as he likes, or many clients of a few domains. */
Test(reply_all_harm, one_of_a_provider_closes_no_thread_to_its_others)
{
	char from[64], client[64];

	for (int i = 0; i < 300; i++) {
		snprintf(from, sizeof(from), "x%d@firm%d.example", i, i % 50);
		POST(.from = from, .client = "100.64.3.4");
		snprintf(from, sizeof(from), "x%d@five%d.example", i, i % 2);
		snprintf(client, sizeof(client), "100.65.%d.4", i % 200);
		POST(.from = from, .client = client);
	}
	cr_assert_eq(POST(.from = "honest@partner.example", .client = "100.64.9.1"), ACT_PASS);
	cr_assert_eq(POST(.from = "honest@partner.example", .client = "100.65.9.1"), ACT_PASS);
}

/* Four firms with one provider are not all that have it. */
Test(reply_all_harm, a_few_firms_at_one_provider_are_none)
{
	char from[64], client[64];

	for (int i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "x%d@firm%d.example", i, i % 4);
		snprintf(client, sizeof(client), "100.64.%d.4", i % 4);
		cr_assert_eq(POST(.from = from, .client = client), ACT_PASS, "post %d", i);
	}
}

/* He travels. */
Test(reply_all_harm, one_outsider_in_many_networks_is_one)
{
	char client[64];

	for (int i = 0; i < 40; i++) {
		snprintf(client, sizeof(client), "100.%d.3.4", i);
		cr_assert_eq(POST(.from = "x@firm.example", .client = client), ACT_PASS, "post %d", i);
	}
}

/* --- what is none ------------------------------------------------------------------------------------ */

Test(reply_all_harm, harmless_a_broadcast_with_its_updates_and_some_thanks)
{
	for (int i = 0; i < 60; i++)
		cr_assert_eq(POST(.who = 0, .people = 800, .opener = i == 0,
				 .subject = i ? "Re: Evacuation of building 4" : "Evacuation of building 4"),
		    ACT_PASS);
	for (int i = 1; i < 4; i++)
		cr_assert_eq(
		    POST(.who = i, .people = 800, .subject = "Re: Evacuation of building 4"), ACT_PASS);
	cr_assert_eq(POST(.who = 0, .people = 800, .subject = "Re: Evacuation of building 4"), ACT_PASS);
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(reply_all_harm, harmless_a_series_of_patches_with_reviews)
{
	char subject[64];

	for (int i = 1; i <= 100; i++) {
		snprintf(subject, sizeof(subject), "[PATCH %02d/100] mm: part %d", i, i);
		cr_assert_eq(POST(.who = 0, .subject = subject, .reply_to = "root@example.org"), ACT_PASS);
		if (i % 5)
			continue;
		snprintf(subject, sizeof(subject), "Re: [PATCH %02d/100] mm: part %d", i, i);
		cr_assert_eq(POST(.who = 1 + i % 7, .subject = subject), ACT_PASS, "review %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(reply_all_harm, harmless_a_short_series_with_two_reviews_of_each)
{
	char subject[64];

	for (int i = 1; i <= 8; i++) {
		snprintf(subject, sizeof(subject), "[PATCH %d/8] mm: part %d", i, i);
		POST(.who = 0, .subject = subject, .reply_to = "root@example.org");
	}
	for (int i = 2; i < 18; i++) {
		snprintf(subject, sizeof(subject), "Re: [PATCH %d/8] mm: part %d", i / 2, i / 2);
		cr_assert_eq(POST(.who = 1 + i % 6, .subject = subject), ACT_PASS, "review %d", i);
	}
}

Test(reply_all_harm, harmless_a_few_tickets_with_one_fake_root)
{
	char subject[64];

	for (int i = 0; i < 14; i++) {
		snprintf(subject, sizeof(subject), "Re: [#%d] question", i / 2);
		cr_assert_eq(POST(.who = i, .subject = subject, .to = "all@example.org",
				 .rcpts = "all@example.org", .refs = "RT-Ticket@example.org"),
		    ACT_PASS, "ticket %d", i);
	}
}

Test(reply_all_harm, harmless_one_fake_root_in_all_mail_of_a_ticket_system)
{
	char subject[64], from[64];

	for (int i = 0; i < 300; i++) {
		snprintf(subject, sizeof(subject), "Re: [#%d] question %d", i, i);
		snprintf(from, sizeof(from), "customer%d@away.example", i);
		cr_assert_eq(POST(.from = from, .trusted = true, .subject = subject, .to = "all@example.org",
				 .rcpts = "all@example.org", .refs = "RT-Ticket@example.org"),
		    ACT_PASS, "ticket %d", i);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* The first tickets are not closed before there are many others, and the day is longer than what was seen of
 * them in the morning is kept. */
Test(reply_all_harm, harmless_tickets_with_one_fake_root_all_day)
{
	char subject[64];

	for (int i = 0; i < 800; i++) {
		snprintf(subject, sizeof(subject), "Re: [#%d] question", i % 3 ? i : i % 4);
		cr_assert_eq(POST(.who = i % 7, .subject = subject, .to = "all@example.org",
				 .rcpts = "all@example.org", .refs = "RT-Ticket@example.org"),
		    ACT_PASS, "mail %d", i);
		later(30 * MS_SEC);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* Nine talks of four posts each are no storm, whatever root a client gives them. */
Test(reply_all_harm, harmless_one_root_of_many_talks)
{
	char subject[64];

	for (int i = 0; i < 36; i++) {
		snprintf(subject, sizeof(subject), "Re: question %d", i % 9);
		cr_assert_eq(POST(.who = i % 12, .subject = subject), ACT_PASS, "post %d", i);
	}
}

/* A forum tells a list of what its members write; one machine sends it all. */
Test(reply_all_harm, harmless_one_machine_that_writes_for_many)
{
	char from[64];

	for (int i = 0; i < 60; i++) {
		snprintf(from, sizeof(from), "member%d@away.example", i % 9);
		cr_assert_eq(
		    POST(.from = from, .sender = "forum@example.org", .trusted = true,
			.subject = "Re: [Forum] Coffee", .to = "all@example.org", .rcpts = "all@example.org"),
		    ACT_PASS);
	}
}

Test(reply_all_harm, harmless_one_user_with_many_names)
{
	for (int i = 0; i < 60; i++)
		cr_assert_eq(POST(.who = i, .sender = "p1@example.org", .login = "p1"), ACT_PASS);
}

Test(reply_all_harm, harmless_a_discussion_list)
{
	char from[64];

	/* its copies to our readers, and those that our own list server makes */
	for (int i = 0; i < 400; i++) {
		snprintf(from, sizeof(from), "hacker%d@away.example", (i * 7) % 70);
		cr_assert_eq(POST(.from = from, .client = i % 2 ? "198.51.100.1" : NULL,
				 .trusted = i % 2 == 0, .to = "kernel@lists.example", .rcpts = ten(0),
				 .extra = "List-Id: <kernel.lists.example>\r\n"),
		    ACT_PASS);
		cr_assert_eq(POST(.from = from, .client = "198.51.100.1", .people = 90, .rcpts = ten(0),
				 .extra = "List-Id: <kernel.lists.example>\r\n"),
		    ACT_PASS, "with many in Cc");
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* Posts to a list of the file, before the list server writes its List-Id: a list that is used to talk. */
Test(reply_all_harm, harmless_a_lively_list_of_our_own)
{
	char subject[64], refs[64];

	for (int day = 0; day < 6; day++) {
		snprintf(subject, sizeof(subject), "Re: talk of day %d", day);
		snprintf(refs, sizeof(refs), "day%d@example.org", day);
		for (int i = 0; i < 8; i++)
			cr_assert_eq(POST(.who = i % 4, .subject = subject, .refs = refs,
					 .to = "all@example.org", .rcpts = "all@example.org"),
			    ACT_PASS);
		later(18 * MS_HOUR);
	}
	for (int i = 0; i < 60; i++)
		cr_assert_eq(POST(.who = i % PASS, .to = "all@example.org", .rcpts = "all@example.org"),
		    ACT_PASS, "post %d", i);
	for (int i = 0; i < 10; i++)
		POST(.who = 20 + i, .to = "all@example.org", .rcpts = "all@example.org");
	cr_assert_eq(v.shown, ACT_REJECT, "a storm is one there too");
}

/* Week after week: whatever thread the talk is in, one of the first that were noted or the last. */
Test(reply_all_harm, harmless_a_list_that_stays_lively)
{
	char subject[64], refs[64];

	for (int n = 0; n < 100; n++) {
		int talk = n < 10 ? 0 : n % 4 ? 25 : 0; /* answers in one thread */

		for (int i = 0; i < 3 + talk; i++) {
			int thread = i < 3 || n % 4 == 1 ? n : n - n % 4;

			snprintf(subject, sizeof(subject), "Re: talk %d", thread);
			snprintf(refs, sizeof(refs), "talk%d@example.org", thread);
			cr_assert_eq(POST(.who = i % 4, .subject = subject, .refs = refs,
					 .to = "all@example.org", .rcpts = "all@example.org"),
			    ACT_PASS, "post %d of thread %d", i, thread);
		}
		later(8 * MS_HOUR);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* The same of a public list, whose members are all outside. */
Test(reply_all_harm, harmless_a_lively_list_of_outsiders)
{
	char subject[64], from[64], client[64];
	int passed = 0;

	for (int i = 0; i < 40 + 60; i++) {
		int day = i < 40 ? i / 5 : 9, member = i < 40 ? i % 5 : i % 8;

		if (i < 40 && member == 0)
			later(18 * MS_HOUR);
		snprintf(subject, sizeof(subject), "Re: talk of day %d", day);
		snprintf(from, sizeof(from), "m%d@firm%d.example", member, member);
		snprintf(client, sizeof(client), "100.%d.3.4", member);
		cr_assert_eq(POST(.from = from, .client = client, .subject = subject, .refs = "",
				 .to = "all@example.org", .rcpts = "all@example.org"),
		    ACT_PASS, "post %d", i);
	}
	for (int i = 0; i < 30; i++) {
		snprintf(from, sizeof(from), "x%d@firm%d.example", i, 20 + i);
		snprintf(client, sizeof(client), "100.%d.3.4", 20 + i);
		passed += POST(.from = from, .client = client, .subject = subject, .refs = "",
			      .to = "all@example.org", .rcpts = "all@example.org") == ACT_PASS;
	}
	cr_assert_lt(passed, PASS, "a storm is one there too");
}

Test(reply_all_harm, harmless_everybody_tells_the_team_the_same)
{
	for (int i = 0; i < 40; i++)
		cr_assert_eq(POST(.who = i, .opener = true, .subject = "Sick today", .to = "all@example.org",
				 .rcpts = "all@example.org"),
		    ACT_PASS);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(POST(.who = i, .subject = "Re: Sick today", .to = "all@example.org",
				 .rcpts = "all@example.org", .refs = "sick@x"),
		    ACT_PASS);
}

Test(reply_all_harm, harmless_a_newsletter_in_pieces)
{
	for (int i = 0; i < 100; i++)
		cr_assert_eq(POST(.from = "news@away.example", .client = "198.51.100.1", .opener = true,
				 .people = 500, .id = "news@away.example", .rcpts = ten(i * 10)),
		    ACT_PASS);
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(reply_all_harm, harmless_what_is_exempt)
{
	strset_add(&r->exempt.addrs, STR("all@example.org"));
	for (int i = 0; i < 40; i++)
		cr_assert_eq(
		    POST(.who = i, .to = "all@example.org", .rcpts = "all@example.org,p1@example.org"),
		    ACT_PASS);
}

/* Subjects in other scripts that share a year, a few answers to each: one thread with Latin letters alone. */
Test(reply_all_harm, harmless_subjects_of_other_scripts)
{
	static const char *const subjects[] = { "Re: \xd0\x91\xd1\x8e\xd0\xb4\xd0\xb6\xd0\xb5\xd1\x82 2026",
		"Re: \xe9\xa2\x84\xe7\xae\x97 2026", "Re: \xd7\xaa\xd7\xa7\xd7\xa6\xd7\x99\xd7\x91 2026",
		"Re: \xce\xb5\xce\xba\xce\xbb\xce\xbf\xce\xb3\xce\xad\xcf\x82 2026",
		"Re: =?koi8-r?Q?=F0=CC=C1=CE?= 2026", "Re: =?koi8-r?Q?=E3=C5=CC=D8?= 2026" };
	char root[64];

	for (int i = 0; i < 6 * PASS; i++) {
		snprintf(root, sizeof(root), "root%d@example.org", i % 6);
		cr_assert_eq(POST(.who = i % 7, .subject = subjects[i % 6], .refs = root), ACT_PASS);
	}
}

Test(reply_all_harm, harmless_same_subject_to_other_people)
{
	char to[4096];

	for (int team = 0; team < 6; team++) {
		to[0] = '\0';
		for (int i = 0; i < FIRM; i++)
			snprintf(to + strlen(to), sizeof(to) - strlen(to), "%st%d-%d@example.org",
			    i ? ", " : "", team, i);
		for (int i = 0; i < 8; i++)
			cr_assert_eq(POST(.who = i, .to = to, .subject = "Re: Minutes", .refs = "",
					 .from = "x@example.org"),
			    ACT_PASS);
	}
}

/* A message to as many as fit: one look at it, not one for each recipient. */
Test(reply_all_harm, many_recipients_cost_what_they_must)
{
	char text[64];

	serial = 0;
	for (int i = 0; i < 20; i++) {
		begin_msg(DOOR_MILTER, STAGE_EOM, "", NULL);
		msg.client_address = STR("127.0.0.1");
		snprintf(header, sizeof(header),
		    "From: p%d@example.org\r\nTo: everybody@example.org\r\nSubject: Re: x\r\n"
		    "References: <r@x>\r\nMessage-ID: <many%d@x>\r\n\r\n",
		    i, i);
		for (int k = 0; k < MSG_RCPTS_MAX; k++) {
			snprintf(text, sizeof(text), "m%d@example.org", k);
			msg_add_rcpt(&msg, str_of(text));
		}
		now.mono += MS_SEC;
		cr_assert_eq(judge(header), i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
		cr_assert_lt(e.judge.ops.n, 60);
	}
}
