/* SPDX-License-Identifier: ISC */
/* reply-all on the whole road: what a storm of answers is, and what a closed thread lets pass. */
#include "reply_rig.h"

TestSuite(reply_all, .init = begin, .fini = teardown);

/* --- what is one ------------------------------------------------------------------------------------ */

Test(reply_all, what_is_over_the_limit_is_refused_with_a_text)
{
	cr_assert_eq(POST(.who = 0, .opener = true, .id = "root@example.org"), ACT_PASS);
	for (int i = 1; i < PASS; i++)
		cr_assert_eq(POST(.who = i), ACT_PASS, "post %d", i);
	for (int i = PASS; i < PASS + 20; i++)
		cr_assert_eq(POST(.who = i), ACT_REJECT, "post %d", i);
	cr_assert_eq(v.what, ACT_REJECT);
	cr_assert(str_eq(v.dsn, STR("5.7.1")));
	cr_assert_lt(str_ifind(v.text, STR("not answer to all")), v.text.n);
	cr_assert_eq(str_ifind(v.text, STR("hour")), v.text.n, "how long it is closed is said by block");
	cr_assert_eq(storms_total(e.storms), 1);
	storms_each(e.storms, find_storm, NULL);
	cr_assert_eq(found->messages, 20);
	cr_assert_eq(found->stopped, 200);
	cr_assert_str_eq(found->hosts[0].how, "party");
	cr_assert_eq(found->n_hosts, 20);
}

Test(reply_all, three_people_are_enough_two_are_not)
{
	for (int i = 0; i < 40; i++)
		cr_assert_eq(POST(.who = i % 2), ACT_PASS, "two people, post %d", i);
	for (int i = 0; i < 40; i++)
		cr_assert_eq(POST(.who = i % 3, .refs = "other@example.org", .subject = "Re: other"),
		    i < PASS ? ACT_PASS : ACT_REJECT, "three people, post %d", i);
}

Test(reply_all, a_gateway_that_writes_one_sender_for_all_its_users)
{
	char login[32];

	for (int i = 0; i < 20; i++) {
		snprintf(login, sizeof(login), "user%d", i);
		cr_assert_eq(POST(.who = i, .sender = "gateway@example.org", .login = login),
		    i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
	}
}

/* Each writes seven times before the next one begins. */
Test(reply_all, people_who_go_on_one_after_the_other)
{
	int passed = 0;

	for (int i = 0; i < 80 * 7; i++)
		passed += POST(.who = i / 7, .people = 90) == ACT_PASS;
	cr_assert_eq(passed, 5 * 7, "six people are twice three");
}

Test(reply_all, at_the_width_and_one_below)
{
	for (int i = 0; i < 40; i++)
		cr_assert_eq(POST(.who = i % 9, .people = (int)r->wide - 1), ACT_PASS);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(POST(.who = i % 9, .people = (int)r->wide, .refs = "w@x", .subject = "Re: w"),
		    i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
}

Test(reply_all, a_thread_is_closed_for_the_time_of_block_and_then_open_again)
{
	storm();
	later(5 * MS_HOUR + 55 * MS_MIN);
	cr_assert_eq(POST(.who = 30), ACT_REJECT);
	later(10 * MS_MIN);
	cr_assert_eq(POST(.who = 31), ACT_PASS, "being refused prolongs nothing");
}

Test(reply_all, slow_posts_are_no_storm)
{
	for (int i = 0; i < 40; i++) {
		cr_assert_eq(POST(.who = i), ACT_PASS, "post %d", i);
		later(6 * MS_MIN);
	}
}

Test(reply_all, one_post_in_many_transactions_and_tried_again_is_one)
{
	char id[64];

	for (int i = 0; i < PASS; i++) {
		snprintf(id, sizeof(id), "chunk%d@example.org", i);
		for (int chunk = 0; chunk < 13; chunk++) {
			serial = i; /* one Date */
			cr_assert_eq(POST(.who = i, .id = id, .rcpts = ten(chunk * 10)), ACT_PASS);
		}
	}
	for (int chunk = 0; chunk < 13; chunk++) {
		serial = PASS;
		cr_assert_eq(POST(.who = PASS, .id = "last@x", .rcpts = ten(chunk * 10)), ACT_REJECT);
	}
	for (int chunk = 0; chunk < 3; chunk++) {
		serial = 0;
		cr_assert_eq(POST(.who = 0, .id = "chunk0@example.org"), ACT_REJECT, "it is closed for all");
	}
}

Test(reply_all, roots_that_were_cut_and_subjects_that_were_changed)
{
	static const char *const subjects[] = { "RE: Summer party", "AW: Summer party",
		"=?utf-8?Q?Re=3A_Summer_party?=", "SV: [External] Summer party", "Re: Re: Summer  party" };
	char parent[64];

	for (int i = 0; i < PASS; i++) {
		snprintf(parent, sizeof(parent), "post%d@example.org", serial);
		cr_assert_eq(
		    POST(.who = i, .subject = subjects[i % 5], .refs = "", .reply_to = i % 3 ? parent : NULL),
		    ACT_PASS, "post %d", i);
	}
	cr_assert_eq(POST(.who = 20, .subject = "Re: Summer party", .refs = ""), ACT_REJECT);
	/* The first one had neither; the others named their parents: the next one gets out of neither. */
	cr_assert_eq(POST(.who = 21), ACT_REJECT);
}

/* A firm in France: its Outlook writes "RE", a no-break space and the colon, once more with each answer. */
Test(reply_all, answers_in_french)
{
	static const char *const subjects[] = { "=?iso-8859-1?Q?RE=A0:_F=EAte?=",
		"=?iso-8859-1?Q?RE=A0:_RE=A0:_F=EAte?=",
		"=?utf-8?Q?RE=C2=A0:_RE=C2=A0:_RE=C2=A0:_F=C3=AAte?=" };

	for (int i = 0; i < PASS; i++)
		cr_assert_eq(POST(.who = i, .subject = subjects[i % 3]), ACT_PASS, "post %d", i);
	cr_assert_eq(POST(.who = 20, .subject = subjects[0]), ACT_REJECT);
	cr_assert_eq(POST(.who = 21, .subject = subjects[2], .refs = ""), ACT_REJECT);
}

Test(reply_all, some_write_a_new_subject)
{
	int passed = 0;

	for (int i = 0; i < 30; i++)
		passed +=
		    POST(.who = i, .subject = i % 4 == 3 ? "Re: STOP ANSWERING TO ALL" : NULL) == ACT_PASS;
	cr_assert_eq(passed, PASS);
	later(3 * MS_HOUR);
	cr_assert_eq(POST(.who = 40, .subject = "please take me off this"), ACT_REJECT);
	cr_assert_eq(POST(.who = 41, .subject = "Re: Summer party", .refs = ""), ACT_REJECT);
	cr_assert_eq(POST(.who = 2, .to = "p1@example.org", .rcpts = "p1@example.org", .refs = "",
			 .reply_to = "post2@example.org", .subject = "Out of office",
			 .extra = "Auto-Submitted: auto-replied\r\n"),
	    ACT_HOLD);
}

/* Somebody sends an empty mail to all, and clients lose the root. */
Test(reply_all, answers_to_what_has_no_subject)
{
	static const char *const subjects[] = { "RE: ", "AW:", "Re: Fwd: ", "Re: ???" };
	char parent[64], id[64] = "root@example.org";
	int passed = 0;

	for (int i = 0; i < 60; i++) {
		snprintf(parent, sizeof(parent), "%s", id);
		snprintf(id, sizeof(id), "answer%d@example.org", i);
		passed += POST(.who = i, .subject = subjects[i % 4], .refs = "", .reply_to = parent,
			      .id = id) == ACT_PASS;
	}
	cr_assert_eq(passed, PASS);
	cr_assert_eq(POST(.who = 2, .subject = "Re:", .refs = "", .reply_to = "x@example.org",
			 .to = "t1@example.org, t2@example.org", .rcpts = "t1@example.org,t2@example.org"),
	    ACT_PASS, "an answer to others");
}

/* A door that says no subject, or a program that writes none: their roots alone tell its threads apart. */
Test(reply_all, threads_of_which_no_subject_is_known)
{
	char root[64];

	for (int i = 0; i < 60; i++) {
		snprintf(root, sizeof(root), "root%d@example.org", i / 5);
		cr_assert_eq(POST(.who = i % 5, .subject = " ", .refs = root, .to = "all@example.org",
				 .rcpts = "all@example.org"),
		    ACT_PASS, "post %d", i);
	}
}

/* One new subject after the other, by clients that keep all References, cut them or write none. */
Test(reply_all, nor_do_new_subjects_and_cut_references_together)
{
	char subject[64];

	storm();
	for (int i = 0; i < 7; i++) {
		snprintf(subject, sizeof(subject), "please stop, says person %c", 'a' + i);
		cr_assert_eq(POST(.who = 40 + i, .subject = subject), ACT_REJECT, "all of them, %d", i);
		cr_assert_eq(POST(.who = 40 + i, .subject = subject, .refs = "post3@example.org"), ACT_REJECT,
		    "the last one, %d", i);
		cr_assert_eq(
		    POST(.who = 40 + i, .subject = subject, .refs = "", .reply_to = "post4@example.org"),
		    ACT_REJECT, "In-Reply-To alone, %d", i);
	}
	cr_assert_eq(
	    POST(.who = 40, .subject = "lunch", .refs = "", .reply_to = "elsewhere@example.org"), ACT_PASS);
	cr_assert_eq(POST(.who = 40, .subject = "to my team", .refs = "", .reply_to = "post4@example.org",
			 .to = "t1@example.org, t2@example.org", .rcpts = "t1@example.org,t2@example.org"),
	    ACT_PASS, "an answer to others");
}

/* The MTA made the id up, a new one at each attempt: three posts, tried again and again. */
Test(reply_all, attempts_with_ids_of_our_own_mta)
{
	char id[64], queue_id[32];

	for (int i = 0; i < 30; i++) {
		serial = 6;
		snprintf(queue_id, sizeof(queue_id), "4ABCDE%02d", i);
		snprintf(id, sizeof(id), "20060109.%s@mx.example.org", queue_id);
		cr_assert_eq(POST(.who = i % 3, .id = id, .queue_id = queue_id), ACT_PASS, "attempt %d", i);
	}
}

/* A door that states how many there are, and names nobody: a thread is known by its root alone. */
Test(reply_all, stated_counts)
{
	char refs[32];

	for (int i = 0; i < 30; i++) {
		snprintf(refs, sizeof(refs), "thread%d@x", i % 3);
		cr_assert_eq(POST(.who = i, .to = "", .stated = FIRM, .refs = refs), ACT_PASS, "post %d", i);
	}
	cr_assert_eq(POST(.who = 40, .to = "", .stated = FIRM, .refs = "thread1@x"), ACT_REJECT);
	cr_assert_eq(POST(.who = 40, .to = "", .stated = FIRM - 20, .refs = "thread1@x"), ACT_PASS);
}

Test(reply_all, threads_without_a_subject)
{
	for (int i = 0; i < 20; i++)
		cr_assert_eq(POST(.who = i, .subject = ""), i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
}

Test(reply_all, outlook_has_a_thread_index_alone)
{
	char extra[200];

	for (int i = 0; i < 20; i++) {
		snprintf(extra, sizeof(extra), "Thread-Index: AcYVqAAAAAAAAAAAAAAAAAAAAAAAAAA%c%c%c%cAAA\r\n",
		    'A' + i, 'B', 'C', 'D');
		cr_assert_eq(POST(.who = i, .refs = "", .subject = "", .extra = extra),
		    i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
	}
}

Test(reply_all, a_list_of_the_file_is_an_audience)
{
	for (int i = 0; i < 80; i++)
		cr_assert_eq(POST(.who = i, .to = "all@example.org", .rcpts = "all@example.org"),
		    i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
	/* With others among the recipients it is the same audience, and all of them are spared. */
	cr_assert_eq(POST(.who = 3, .to = "boss@example.org, all@example.org",
			 .rcpts = "boss@example.org,all@example.org"),
	    ACT_REJECT);
	cr_assert_eq(v.n_drop, 0);
}

Test(reply_all, an_alias_that_was_expanded_before)
{
	char rcpts[4096] = "";

	for (int i = 0; i < 80; i++)
		snprintf(rcpts + strlen(rcpts), sizeof(rcpts) - strlen(rcpts), "%sm%d@example.org",
		    i ? "," : "", i);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(POST(.who = i, .to = "everybody@example.org", .rcpts = rcpts),
		    i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
}

Test(reply_all, copies_instead_of_posts)
{
	r->copies = 300;
	for (int i = 0; i < 20; i++)
		cr_assert_eq(
		    POST(.who = i, .people = 60), i < 300 / 60 ? ACT_PASS : ACT_REJECT, "post %d", i);
	r->copies = 3000;
	for (int i = 0; i < 70; i++)
		cr_assert_eq(POST(.who = i, .people = 60, .refs = "b@x", .subject = "Re: b"),
		    i < 3000 / 60 ? ACT_PASS : ACT_REJECT, "post %d", i);
	/* Nobody knows how many a list has. */
	for (int i = 0; i < 20; i++)
		cr_assert_eq(POST(.who = i, .to = "all@example.org", .rcpts = "all@example.org",
				 .refs = "c@x", .subject = "Re: c"),
		    i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
}

/* --- a closed thread ---------------------------------------------------------------------------------- */

Test(reply_all, a_word_to_one_colleague_passes)
{
	storm();
	cr_assert_eq(POST(.who = 1, .to = "p2@example.org", .rcpts = "p2@example.org"), ACT_PASS);
	cr_assert_eq(POST(.who = 1, .people = 20, .rcpts = ten(0)), ACT_PASS, "a group of twenty");
	cr_assert_eq(POST(.who = 1, .to = "x1@example.org", .rcpts = "x1@example.org"), ACT_PASS);
	cr_assert_eq(POST(.who = 1), ACT_REJECT);
}

Test(reply_all, another_thread_to_the_same_people_passes)
{
	storm();
	cr_assert_eq(POST(.who = 1, .opener = true, .subject = "The mail of this morning"), ACT_PASS);
	cr_assert_eq(POST(.who = 2, .refs = "calm@x", .subject = "Re: The mail of this morning"), ACT_PASS);
}

Test(reply_all, robots_and_receipts_are_held_and_no_posts)
{
	static const char *const kinds[] = {
		"Auto-Submitted: auto-replied\r\n",
		"Content-Type: multipart/report; report-type=disposition-notification\r\n",
	};

	for (int i = 0; i < 5; i++)
		POST(.who = i);
	for (int i = 0; i < 40; i++)
		cr_assert_eq(POST(.who = 20 + i, .to = "p1@example.org", .rcpts = "p1@example.org",
				 .subject = "Automatic reply: Summer party", .reply_to = "post2@example.org",
				 .extra = kinds[i % 2]),
		    ACT_PASS);
	for (int i = 0; i < 40; i++) /* one that answers to all */
		cr_assert_eq(
		    POST(.who = 20 + i, .subject = "Automatic reply: Summer party", .extra = kinds[0]),
		    ACT_PASS);
	for (int i = 5; i < PASS; i++)
		cr_assert_eq(POST(.who = i), ACT_PASS, "robots are no people");
	cr_assert_eq(POST(.who = 30), ACT_REJECT);
	for (int i = 0; i < 40; i++) {
		cr_assert_eq(POST(.who = 20 + i, .to = "p1@example.org", .rcpts = "p1@example.org",
				 .refs = "", .subject = "Out of office", .reply_to = "post2@example.org",
				 .extra = kinds[i % 2], .client = i % 3 ? NULL : "203.0.113.77"),
		    ACT_HOLD, "robot %d", i);
		cr_assert_eq(v.what, ACT_HOLD);
	}
	storms_each(e.storms, find_storm, NULL);
	cr_assert_eq(found->stopped, 10 + 40);
	cr_assert_eq(POST(.who = 2, .to = "p1@example.org", .rcpts = "p1@example.org", .refs = "",
			 .subject = "Out of office", .reply_to = "elsewhere@example.org", .extra = kinds[0]),
	    ACT_PASS, "an answer to something else");
}

Test(reply_all, recalls_are_held_and_no_posts)
{
	for (int i = 0; i < 5; i++)
		POST(.who = i);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(POST(.who = i, .subject = "Recall: Summer party", .refs = ""), ACT_PASS);
	for (int i = 5; i < PASS; i++)
		cr_assert_eq(POST(.who = i), ACT_PASS, "recalls are no posts");
	cr_assert_eq(POST(.who = 30), ACT_REJECT);
	cr_assert_eq(POST(.who = 1, .subject = "Recall: Summer party", .refs = ""), ACT_HOLD);
	cr_assert_eq(POST(.who = 9, .subject = "Message Recall Failure: Summer party", .refs = "",
			 .to = "p1@example.org", .rcpts = "p1@example.org", .reply_to = "post4@example.org"),
	    ACT_HOLD);
}

/* In French a reminder has the name of a recall. */
Test(reply_all, answers_to_what_is_called_a_recall_are_posts)
{
	for (int i = 0; i < PASS; i++)
		cr_assert_eq(POST(.who = i, .subject = "Re: Rappel : Summer party"), ACT_PASS);
	cr_assert_eq(POST(.who = PASS, .subject = "Re: Rappel : Summer party"), ACT_REJECT);
}

Test(reply_all, nothing_is_folded_once_the_block_is_over)
{
	storm();
	later(7 * MS_HOUR);
	cr_assert_eq(POST(.who = 2, .to = "p1@example.org", .rcpts = "p1@example.org",
			 .reply_to = "post2@example.org", .extra = "Auto-Submitted: auto-replied\r\n"),
	    ACT_PASS);
}

/* However many posts that are. */
Test(reply_all, a_limit_in_copies_may_be_hundreds_of_posts)
{
	r->copies = 120 * FIRM;
	for (int i = 0; i < 120; i++)
		cr_assert_eq(POST(.who = i % 30), ACT_PASS, "post %d", i);
	cr_assert_eq(POST(.who = 30), ACT_REJECT);
}

/* Three people are enough then, though one of them wrote twice. */
Test(reply_all, a_limit_of_one)
{
	r->limit = 1;
	cr_assert_eq(POST(.who = 0), ACT_PASS);
	cr_assert_eq(POST(.who = 0), ACT_PASS);
	cr_assert_eq(POST(.who = 1), ACT_PASS);
	cr_assert_eq(POST(.who = 2), ACT_REJECT);
}

/* Of a thread that is closed already: it stays so for as long anew. */
Test(reply_all, a_storm_that_goes_on_prolongs_its_block)
{
	storm();
	later(50 * MS_MIN);
	cr_assert_eq(POST(.who = 20), ACT_REJECT);
	later(5 * MS_HOUR + 20 * MS_MIN);
	cr_assert_eq(POST(.who = 21), ACT_REJECT, "six hours are over since it began, not since it went on");
	later(MS_HOUR);
	cr_assert_eq(POST(.who = 22), ACT_PASS);
}

/* As many recipients as that at the least, and one fewer: a header that names nobody. */
Test(reply_all, recipients_that_only_the_envelope_has)
{
	for (int i = 0; i <= PASS; i++) {
		r->wide = 11;
		cr_assert_eq(POST(.who = i, .to = "undisclosed-recipients:;", .rcpts = ten(10)), ACT_PASS);
		r->wide = 10;
		cr_assert_eq(POST(.who = i, .to = "undisclosed-recipients:;", .rcpts = ten(20)),
		    i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
	}
}

/* Nothing but what they say tells posts without one apart. */
Test(reply_all, posts_without_a_message_id)
{
	for (int i = 0; i <= PASS; i++)
		cr_assert_eq(POST(.who = i, .id = ""), i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
}

/* Only what members answer makes a list one that is used to talk; not what they announce, nor what outsiders
 * say to each other there. */
Test(reply_all, lists_that_are_not_lively)
{
	for (int outsiders = 0; outsiders < 2; outsiders++) {
		char subject[64], refs[64];

		for (int n = 0; n < 8; n++) {
			snprintf(subject, sizeof(subject), "%sday %d", outsiders ? "Re: " : "", n);
			snprintf(refs, sizeof(refs), "day%d@example.org", n);
			cr_assert_eq(POST(.from = outsiders ? "x@away.example" : NULL,
					 .client = outsiders ? "198.51.100.1" : NULL, .who = n,
					 .opener = !outsiders, .subject = subject, .refs = refs,
					 .to = "all@example.org", .rcpts = "all@example.org"),
			    ACT_PASS);
		}
		for (int i = 0; i <= PASS; i++)
			cr_assert_eq(
			    POST(.who = i % 4, .to = "all@example.org", .rcpts = "all@example.org"),
			    i < PASS ? ACT_PASS : ACT_REJECT, "post %d, outsiders %d", i, outsiders);
		later(8 * (int64_t)MS_DAY);
	}
}

/* Whose clients write In-Reply-To alone: each answer has another root, and the list is none the livelier. */
Test(reply_all, a_few_people_whose_clients_lose_the_root)
{
	char parent[64], id[64] = "root@example.org";
	int passed = 0;

	for (int i = 0; i < 40; i++) {
		snprintf(parent, sizeof(parent), "%s", id);
		snprintf(id, sizeof(id), "answer%d@example.org", i);
		passed += POST(.who = i % 5, .refs = "", .reply_to = parent, .id = id,
			      .to = "all@example.org", .rcpts = "all@example.org") == ACT_PASS;
	}
	cr_assert_eq(passed, PASS);
}

/* Who writes another subject does not begin another thread. */
Test(reply_all, a_few_people_with_subjects_of_their_own)
{
	char subject[64];
	int passed = 0;

	for (int i = 0; i < 60; i++) {
		snprintf(subject, sizeof(subject), "Re: %c please stop this", 'a' + i % 7);
		passed += POST(.who = i % 8, .subject = subject, .to = "all@example.org",
			      .rcpts = "all@example.org") == ACT_PASS;
	}
	cr_assert_lt(passed, 30, "%d", passed);
}
