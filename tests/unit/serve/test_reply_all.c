/* SPDX-License-Identifier: ISC */
/* reply-all on the whole road: what a storm of answers is, what is none, and who can close a thread for whom. */
#include "engine_rig.h"

enum { FIRM = 60, PASS = 10 };

static struct rule *r;
static int serial;

static void
begin(void)
{
	setup();
	r = rule("reply-all");
	serial = 0;
}

TestSuite(reply_all, .init = begin, .fini = teardown);

/* A mail as a test describes it; what it does not say is that of an answer to all by an own person. */
struct mail {
	int who;              /* person WHO of the firm writes it */
	const char *from;     /* instead */
	const char *client;   /* own people's is authenticated */
	const char *subject;  /* NULL: "Re: Summer party"; of an opener without "Re: " */
	const char *refs;     /* NULL: the root; "": none */
	const char *reply_to; /* In-Reply-To; NULL: none */
	const char *id;       /* instead of a new one */
	const char *extra;    /* further fields */
	const char *to;       /* instead of everybody */
	int people;           /* how many of the firm, instead of FIRM */
	const char *rcpts;    /* instead of ten of the firm */
	const char *sender;   /* instead of from */
	bool opener, trusted;
};

static const char *
ten(int from)
{
	static char text[1024];

	text[0] = '\0';
	for (int i = from; i < from + 10; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%sp%d@example.org",
		    i > from ? "," : "", i);
	return text;
}

static void
compose(const struct mail *m, const char *from)
{
	char to[8192] = "";
	int n = m->people ? m->people : FIRM, skip = m->from ? -1 : m->who, count = 0;

	for (int i = 0; i <= n && count < n - (skip >= 0 && skip <= n) + 1 && !m->to; i++)
		if (i != skip && count++ < n)
			snprintf(to + strlen(to), sizeof(to) - strlen(to), "%sp%d@example.org",
			    *to ? ",\r\n " : "", i);
	snprintf(header, sizeof(header),
	    "From: Somebody <%s>\r\nTo: %s\r\nSubject: %s\r\nDate: Mon, 9 Jan 2006 09:00:%02d +0000\r\n"
	    "Message-ID: <%s>\r\n",
	    from, m->to ? m->to : to,
	    m->subject      ? m->subject
		: m->opener ? "Summer party"
			    : "Re: Summer party",
	    serial % 60, m->id);
	if (!m->opener && !(m->refs && !*m->refs))
		snprintf(header + strlen(header), sizeof(header) - strlen(header), "References: <%s>\r\n",
		    m->refs ? m->refs : "root@example.org");
	if (m->reply_to)
		snprintf(header + strlen(header), sizeof(header) - strlen(header), "In-Reply-To: <%s>\r\n",
		    m->reply_to);
	snprintf(
	    header + strlen(header), sizeof(header) - strlen(header), "%s\r\n", m->extra ? m->extra : "");
}

static void
add_rcpts(const char *text)
{
	struct str rest = str_of(text), one;

	while (str_split(&rest, ',', &one))
		msg_add_rcpt(&msg, one);
}

static enum action
send_mail(struct mail m)
{
	char from[64], id[64];

	serial++;
	snprintf(from, sizeof(from), "p%d@example.org", m.who);
	snprintf(id, sizeof(id), "post%d@example.org", serial);
	if (!m.id)
		m.id = id;
	compose(&m, m.from ? m.from : from);
	msg_reset(&msg);
	msg.door = DOOR_MILTER;
	msg.stage = STAGE_EOM;
	msg.client_address = str_of(m.client ? m.client : m.trusted ? "127.0.0.1" : "203.0.113.50");
	if (!m.client && !m.trusted)
		msg.sasl_username = STR("somebody");
	msg.sender = str_of(m.sender ? m.sender : m.from ? m.from : from);
	msg.have_sender = true;
	add_rcpts(m.rcpts ? m.rcpts : ten(0));
	header_feed(&msg.header, header, strlen(header));
	header_end(&msg.header);
	msg.have_header = true;
	now.mono += 20 * MS_SEC;
	now.wall += 20 * MS_SEC;
	engine_judge(&e, &msg, now, &v);
	return v.shown;
}

#define POST(...) send_mail((struct mail){ __VA_ARGS__ })

static void
storm(void)
{
	for (int i = 0; i < PASS; i++)
		cr_assert_eq(POST(.who = i), ACT_PASS, "post %d", i);
	cr_assert_eq(POST(.who = PASS), ACT_REJECT);
}

/* --- what is one ------------------------------------------------------------------------------------ */

Test(reply_all, what_is_over_the_limit_is_refused_with_a_text)
{
	cr_assert_eq(POST(.who = 0, .opener = true, .id = "root@example.org"), ACT_PASS);
	for (int i = 1; i < PASS; i++)
		cr_assert_eq(POST(.who = i), ACT_PASS, "post %d", i);
	for (int i = PASS; i < PASS + 20; i++)
		cr_assert_eq(POST(.who = i), ACT_REJECT, "post %d", i);
	cr_assert_eq(v.what, ACT_REJECT);
	cr_assert(str_eq(v.code, STR("550")) && str_eq(v.dsn, STR("5.7.1")));
	cr_assert_lt(str_ifind(v.text, STR("not answer to all")), v.text.n);
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

Test(reply_all, nothing_is_folded_once_the_block_is_over)
{
	storm();
	later(7 * MS_HOUR);
	cr_assert_eq(POST(.who = 2, .to = "p1@example.org", .rcpts = "p1@example.org",
			 .reply_to = "post2@example.org", .extra = "Auto-Submitted: auto-replied\r\n"),
	    ACT_PASS);
}

/* --- outsiders --------------------------------------------------------------------------------------- */

Test(reply_all, outsiders_are_held_in_a_thread_that_own_people_closed)
{
	storm();
	cr_assert_eq(POST(.from = "a@away.example", .client = "198.51.100.1"), ACT_HOLD);
	r->outsiders = ACT_DISCARD;
	cr_assert_eq(POST(.from = "b@away.example", .client = "198.51.100.1"), ACT_DISCARD);
}

/* One outsider who knows the thread, with as many forged names and as many mails as he likes. */
Test(reply_all, an_outsider_closes_no_thread_to_others)
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
Test(reply_all, a_few_outsiders_together_do_not_either)
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
Test(reply_all, outsiders_prolong_no_block)
{
	char from[64];

	storm();
	for (int h = 0; h < 6; h++) {
		for (int i = 0; i < 15; i++) {
			snprintf(from, sizeof(from), "x%d@firm.example", i);
			cr_assert_eq(POST(.from = from, .client = "198.51.100.1"), ACT_HOLD);
		}
		later(MS_HOUR);
	}
	cr_assert_eq(POST(.who = 1), ACT_PASS);
}

/* A partner's people, through one gateway. */
Test(reply_all, a_storm_of_one_firm_outside_is_held_and_nobody_else)
{
	char from[64];

	for (int i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "x%d@partner.example", i);
		cr_assert_eq(POST(.from = from, .client = "198.51.100.1"), i < PASS ? ACT_PASS : ACT_HOLD,
		    "post %d", i);
	}
	cr_assert_eq(POST(.from = "a@neighbour.example", .client = "198.51.100.1"), ACT_PASS);
	cr_assert_eq(POST(.who = 1), ACT_PASS);
}

/* Members of a list all over the world. */
Test(reply_all, a_storm_from_many_networks_is_held)
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

/* --- what is none ------------------------------------------------------------------------------------ */

Test(reply_all, harmless_a_broadcast_with_its_updates_and_some_thanks)
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

Test(reply_all, harmless_a_series_of_patches_with_reviews)
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

Test(reply_all, harmless_one_fake_root_in_all_mail_of_a_ticket_system)
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

/* A forum tells a list of what its members write; one machine sends it all. */
Test(reply_all, harmless_one_machine_that_writes_for_many)
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

Test(reply_all, harmless_a_discussion_list)
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
Test(reply_all, harmless_a_lively_list_of_our_own)
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

Test(reply_all, harmless_everybody_tells_the_team_the_same)
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

Test(reply_all, harmless_a_newsletter_in_pieces)
{
	for (int i = 0; i < 100; i++)
		cr_assert_eq(POST(.from = "news@away.example", .client = "198.51.100.1", .opener = true,
				 .people = 500, .id = "news@away.example", .rcpts = ten(i * 10)),
		    ACT_PASS);
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(reply_all, harmless_what_is_exempt)
{
	strset_add(&r->exempt.addrs, STR("all@example.org"));
	for (int i = 0; i < 40; i++)
		cr_assert_eq(
		    POST(.who = i, .to = "all@example.org", .rcpts = "all@example.org,p1@example.org"),
		    ACT_PASS);
}

Test(reply_all, harmless_same_subject_to_other_people)
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
Test(reply_all, many_recipients_cost_what_they_must)
{
	char text[64];

	serial = 0;
	for (int i = 0; i < 20; i++) {
		msg_reset(&msg);
		msg.door = DOOR_MILTER;
		msg.stage = STAGE_EOM;
		msg.client_address = STR("127.0.0.1");
		snprintf(header, sizeof(header),
		    "From: p%d@example.org\r\nTo: everybody@example.org\r\nSubject: Re: x\r\n"
		    "References: <r@x>\r\nMessage-ID: <many%d@x>\r\n\r\n",
		    i, i);
		msg.sender = STR("");
		msg.have_sender = true;
		for (int k = 0; k < MSG_RCPTS_MAX; k++) {
			snprintf(text, sizeof(text), "m%d@example.org", k);
			msg_add_rcpt(&msg, str_of(text));
		}
		header_feed(&msg.header, header, strlen(header));
		header_end(&msg.header);
		msg.have_header = true;
		now.mono += MS_SEC;
		engine_judge(&e, &msg, now, &v);
		cr_assert_eq(v.shown, i < PASS ? ACT_PASS : ACT_REJECT, "post %d", i);
		cr_assert_lt(e.judge.ops.n, 60);
	}
}
