/* SPDX-License-Identifier: ISC */
/* ping-pong: talks of robots are cut, those of people are not, through the real engine. */
#include "engine_rig.h"

TestSuite(ping_pong, .init = setup, .fini = teardown);

#define REPLIED "Auto-Submitted: auto-replied\r\n"
#define GENERATED "Auto-Submitted: auto-generated\r\n"

static struct rule *pp;

static void
begin(void)
{
	pp = rule("ping-pong");
	pp->pace = 30 * MS_SEC;
	pp->automatic_limit = 6;
	cr_assert_eq(pp->limit, 20);
	cr_assert_eq(pp->action, ACT_HOLD);
}

static unsigned serial;

/* One mail, `wait` ms after the last one. `more`: further fields. The envelope sender is that of From when
 * `sender` is NULL. */
static enum action
say(int64_t wait, const char *sender, const char *from, const char *to, const char *subject, const char *more)
{
	now.mono += wait;
	now.wall += wait;
	snprintf(header, sizeof(header),
	    "Received: from x by mail.x.example with ESMTP id Q%u\r\nFrom: %s\r\nTo: %s\r\nSubject: %s\r\n"
	    "Date: Mon, 9 Jan 2006 09:00:00 +0000\r\nMessage-ID: <%u@x.example>\r\n%s\r\n",
	    serial, from, to, subject, serial, more);
	serial++;
	return deliver(sender ? sender : from, header, to);
}

static bool
is_party(const char *name)
{
	for (uint32_t i = 0; i < found->n_hosts; i++)
		if (strcmp(found->hosts[i].name, name) == 0)
			return strcmp(found->hosts[i].how, "party") == 0;
	return false;
}

struct robot {
	const char *addr, *subject, *more; /* subject: $ is a number, * the subject that it answers */
	int64_t wait;
	bool null_sender; /* it takes care that nobody answers */
};

static void
fill(const char *subject, unsigned number, const char *text, char *out, size_t cap)
{
	size_t at = 0;

	for (; *subject && at < cap; subject++) {
		if (*subject == '*')
			at += (size_t)snprintf(out + at, cap - at, "%.2000s", text);
		else if (*subject == '$')
			at += (size_t)snprintf(out + at, cap - at, "%u", number);
		else
			at += (size_t)snprintf(out + at, cap - at, "%c", *subject);
	}
}

/* They answer each other until one answer does not come through. Returns how many did. */
static unsigned
let_talk(const struct robot *a, const struct robot *b, unsigned most)
{
	char text[4096] = "Printer is broken", next[4096];

	for (unsigned n = 0; n < most; n++) {
		const struct robot *me = n % 2 ? b : a, *other = n % 2 ? a : b;

		fill(me->subject, n * 7 + 1000, text, next, sizeof(next));
		snprintf(text, sizeof(text), "%.240s", next); /* as some cut it */
		if (say(me->wait, me->null_sender ? "" : NULL, me->addr, other->addr, text, me->more) !=
		    ACT_PASS)
			return n;
	}
	return most;
}

#define DESK "desk@example.org"
#define BOB "bob@far.example"

Test(ping_pong, two_out_of_office_robots)
{
	struct robot a = { "ann@example.org", "Automatic reply: *", REPLIED, 2000, true };
	struct robot b = { BOB, "Out of office: *", REPLIED "X-Auto-Response-Suppress: All\r\n", 2000, true };

	begin();
	cr_assert_eq(let_talk(&a, &b, 100), 6);
	cr_assert_eq(v.what, ACT_HOLD);
	storms_each(e.storms, find_storm, NULL);
	cr_assert(is_party("ann@example.org") && is_party(BOB));
	cr_assert_eq(found->n_hosts, 2);
}

/* Robots that call themselves lists are none the less robots. */
Test(ping_pong, robots_that_call_themselves_lists)
{
	struct robot a = { "ann@example.org", "Automatic reply: *", REPLIED "List-Id: <a.example.org>\r\n",
		2000, true };
	struct robot b = { BOB, "Out of office: *", REPLIED "List-Id: <b.example>\r\n", 2000, true };

	begin();
	cr_assert_eq(let_talk(&a, &b, 100), 6);
	cr_assert_eq(v.what, ACT_HOLD);
}

/* However slow they are, as long as it is more than the limit within the window. */
Test(ping_pong, slow_out_of_office_robots)
{
	struct robot a = { "ann@example.org", "Automatic reply: *", REPLIED, 4 * MS_MIN, false };
	struct robot b = { BOB, "Out of office: *", REPLIED, 4 * MS_MIN, false };

	begin();
	cr_assert_leq(let_talk(&a, &b, 100), 7);
}

Test(ping_pong, desk_and_mailbox_rule_with_one_side_marked)
{
	struct robot desk = { DESK, "[Ticket #$] received: *", REPLIED, 2000, false };
	struct robot box = { BOB, "Re: *", "", 1000, false };

	begin();
	cr_assert_leq(let_talk(&desk, &box, 200), 8);
}

/* The desk fetches its mail every two minutes. */
Test(ping_pong, desk_that_polls_and_mailbox_rule)
{
	struct robot desk = { DESK, "[Ticket #$] received: *", REPLIED, 2 * MS_MIN, false };
	struct robot box = { BOB, "Re: *", "", 1000, false };

	begin();
	cr_assert_leq(let_talk(&desk, &box, 200), 21);
	cr_assert_eq(v.what, ACT_HOLD);
}

Test(ping_pong, nobody_marks_anything)
{
	static const struct {
		const char *what, *a, *b;
	} subjects[] = {
		{ "growing", "[Ticket #$] received: *", "Re: *" },
		{ "growing on both sides", "[Ticket #$] received: *", "Case $ opened: *" },
		{ "constant ones", "Ticket $ has been received", "Thank you for your message $" },
		{ "no word in it", "#$", "[$]" },
		{ "growing at the end", "* (Ticket 17)", "Re: * - handled" },
	};

	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		char x[64], y[64];

		if (i == 0)
			begin();
		snprintf(x, sizeof(x), "desk%zu@example.org", i);
		snprintf(y, sizeof(y), "box%zu@far.example", i);
		struct robot a = { x, subjects[i].a, "", 3000, false };
		struct robot b = { y, subjects[i].b, "", 3000, false };
		unsigned passed = let_talk(&a, &b, 400);

		cr_expect(passed >= 20 && passed <= 24, "%s: %u passed", subjects[i].what, passed);
	}
}

Test(ping_pong, ticket_systems_that_mark_their_mail)
{
	struct robot a = { DESK, "[Ticket #$] Re: *", GENERATED, 20 * MS_SEC, false };
	struct robot b = { "help@far.example", "[Case #$] Re: *", GENERATED "In-Reply-To: <a@b>\r\n", MS_MIN,
		false };

	begin();
	cr_assert_eq(let_talk(&a, &b, 100), 6);
}

/* Neither has a sender: known by From, and as the mail system of a domain, whatever it calls itself. */
Test(ping_pong, bounces_of_bounces)
{
	static const char *const names[] = { "MAILER-DAEMON@far.example", "postmaster@far.example",
		"MicrosoftExchange329@far.example" };
	unsigned passed = 0;

	begin();
	for (unsigned n = 0; n < 300; n++) {
		const char *far = names[n / 2 % 3], *back = names[(n / 2 + 1) % 2];

		passed += (n % 2 ? say(200, "", far, "MAILER-DAEMON@example.org", "Undeliverable: x",
				       "Content-Type: multipart/report; report-type=delivery-status; "
				       "boundary=x\r\n")
				 : say(200, "", "MAILER-DAEMON@example.org", back,
				       "Undelivered Mail Returned to Sender",
				       "Content-Type: multipart/report; report-type=delivery-status; "
				       "boundary=x\r\n")) == ACT_PASS;
	}
	cr_assert_leq(passed, 8, "%u", passed);
	storms_each(e.storms, find_storm, NULL);
	cr_assert(is_party("@far.example") && is_party("@example.org"));
}

/* Answers to Reply-To and to the envelope sender are answers to From. */
Test(ping_pong, robots_answer_elsewhere)
{
	unsigned passed = 0;

	begin();
	for (unsigned n = 0; n < 50; n++)
		passed +=
		    (n % 2 ? say(1000, NULL, BOB, n % 4 == 1 ? "desk+17@example.org" : "noreply@example.org",
				 "Auto: x", REPLIED)
			   : say(1000, "prvs=1234abcd=noreply@example.org", "Helpers <hi@example.org>", BOB,
				 "Received: x", REPLIED "Reply-To: desk+9@example.org\r\n")) == ACT_PASS;
	cr_assert_leq(passed, 13, "%u", passed);
	cr_assert_geq(passed, 6);
}

Test(ping_pong, one_direction_alone)
{
	unsigned passed = 0;

	begin();
	for (unsigned n = 0; n < 50; n++)
		passed += say(20000, "", "desk@far.example", "ann@example.org", "Automatic reply: hello",
			      REPLIED) == ACT_PASS;
	cr_assert_eq(passed, 6, "%u", passed);
	storms_each(e.storms, find_storm, NULL);
	cr_assert(is_party("desk@far.example") && is_party("ann@example.org"));
}

/* A person who steps in between changes nothing. */
Test(ping_pong, one_direction_and_a_single_mail_the_other_way)
{
	unsigned passed = 0;

	begin();
	for (unsigned n = 0; n < 200; n++) {
		if (n == 3)
			say(1000, NULL, "ann@example.org", "desk@far.example", "Stop this", "");
		passed += say(9000, "", "desk@far.example", "ann@example.org", "Automatic reply: hello",
			      REPLIED) == ACT_PASS;
	}
	cr_assert_leq(passed, 40, "%u", passed);
}

Test(ping_pong, one_direction_unmarked_but_growing)
{
	char subject[4096] = "Printer", next[4096];
	unsigned passed = 0;

	begin();
	for (unsigned n = 0; n < 100; n++) {
		snprintf(next, sizeof(next), "[Ticket #%u] Re: %.900s", n, subject);
		snprintf(subject, sizeof(subject), "%s", next);
		passed += say(15000, NULL, "desk@far.example", "ann@example.org", subject, "") == ACT_PASS;
	}
	cr_assert(passed >= 20 && passed <= 25, "%u", passed);
}

Test(ping_pong, a_desk_that_answers_itself)
{
	unsigned passed = 0;

	begin();
	for (unsigned n = 0; n < 50; n++)
		passed += say(1000, NULL, DESK, DESK, "Ticket received", REPLIED) == ACT_PASS;
	cr_assert_eq(passed, 6);
}

/* --- the robots' talk is cut, the people's between the same two is not --- */

Test(ping_pong, people_between_the_same_two_addresses)
{
	struct robot desk = { DESK, "[Ticket #$] received: *", "", 2000, false };
	struct robot box = { BOB, "Re: *", "", 1000, false };

	begin();
	pp->block = MS_HOUR;
	cr_assert_geq(let_talk(&desk, &box, 200), 20);
	for (int n = 0; n < 10; n++) {
		cr_expect_eq(
		    say(MS_MIN, NULL, BOB, DESK, n % 2 ? "Re: invoice of May" : "Your robot runs wild", ""),
		    ACT_PASS, "%d", n);
		cr_expect_eq(
		    say(MS_MIN, NULL, DESK, BOB, "Re: Your robot runs wild", "In-Reply-To: <a@b>\r\n"),
		    ACT_PASS, "%d", n);
		/* and the robots are still told apart */
		cr_expect_eq(
		    say(1000, NULL, BOB, DESK, "Re: [Ticket #9] received: Re: Printer is broken", ""),
		    ACT_HOLD, "%d", n);
	}
	/* other people of both houses */
	cr_expect_eq(say(10, NULL, BOB, "ann@example.org", "Re: [Ticket #9] received: Printer is broken", ""),
	    ACT_PASS);
	cr_expect_eq(say(10, NULL, "eve@far.example", DESK, "Re: Printer is broken", ""), ACT_PASS);
}

Test(ping_pong, people_while_marked_robots_talk)
{
	begin();
	for (int n = 0; n < 200; n++) {
		enum action a =
		    say(1000, "", n % 2 ? BOB : DESK, n % 2 ? DESK : BOB, "Automatic reply", REPLIED);

		cr_assert_eq(a, n < 6 ? ACT_PASS : ACT_HOLD, "%d", n);
		if (n % 40 == 39)
			cr_assert_eq(
			    say(20000, NULL, BOB, DESK, "Re: Automatic reply", ""), ACT_PASS, "%d", n);
	}
}

/* --- what must not be touched --- */

Test(ping_pong, harmless_three_people_ten_mails_in_ten_minutes)
{
	static const char *const who[] = { "ann@example.org", BOB, "eve@far.example" };

	begin();
	for (int n = 0; n < 10; n++) {
		char to[128];

		snprintf(to, sizeof(to), "%s,%s", who[(n + 1) % 3], who[(n + 2) % 3]);
		cr_assert_eq(say(MS_MIN, NULL, who[n % 3], to, n ? "Re: lunch" : "lunch",
				 n ? "In-Reply-To: <a@b>\r\nReferences: <a@b>\r\n" : ""),
		    ACT_PASS);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(ping_pong, harmless_two_people_an_hour_of_quick_mail)
{
	begin();
	for (int n = 0; n < 60; n++) /* some of it quicker than a robot */
		cr_assert_eq(say((n % 20 < 10 ? 20 : 120) * MS_SEC, NULL, n % 2 ? BOB : "ann@example.org",
				 n % 2 ? "ann@example.org" : BOB, "Re: lunch", "In-Reply-To: <a@b>\r\n"),
		    ACT_PASS, "%d", n);
}

/* Answers are asked to the list, to which it goes, with a copy for the writer: nobody has answered. */
Test(ping_pong, harmless_a_series_with_reply_to_and_a_copy_for_oneself)
{
	static const char *const parts[] = { "queue", "spool", "journal", "rules" };
	char subject[64];

	begin();
	for (int n = 0; n < 60; n++) {
		snprintf(subject, sizeof(subject), "[PATCH %02d/60] %s: count in one place", n, parts[n % 4]);
		cr_assert_eq(say(MS_SEC, NULL, "ann@example.org", "devel@example.org,ann@example.org",
				 subject, "Reply-To: devel@example.org\r\nIn-Reply-To: <a@b>\r\n"),
		    ACT_PASS, "%d", n);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(ping_pong, harmless_people_who_chat_by_mail)
{
	begin();
	for (int n = 0; n < 100; n++)
		cr_assert_eq(say(5000, NULL, n % 2 ? BOB : "ann@example.org", n % 2 ? "ann@example.org" : BOB,
				 "Re: Message from ann", "Chat-Version: 1.0\r\nIn-Reply-To: <a@b>\r\n"),
		    ACT_PASS);
}

Test(ping_pong, harmless_support_of_thirty_mails_in_a_day)
{
	begin();
	for (int n = 0; n < 30; n++) {
		cr_assert_eq(
		    say(30 * MS_MIN, NULL, BOB, DESK, "Re: [Ticket #5] Printer", "In-Reply-To: <a@b>\r\n"),
		    ACT_PASS);
		cr_assert_eq(
		    say(2000, "", DESK, BOB, "[Ticket #5] received: Re: Printer", REPLIED), ACT_PASS);
		cr_assert_eq(
		    say(15 * MS_MIN, NULL, DESK, BOB, "Re: [Ticket #5] Printer", GENERATED), ACT_PASS);
	}
}

/* Ten requests in an hour, each acknowledged, and answered by a person whose desk marks all it sends. */
Test(ping_pong, harmless_requests_and_their_acknowledgements)
{
	begin();
	for (int n = 0; n < 10; n++) {
		cr_assert_eq(say(5 * MS_MIN, NULL, BOB, DESK, "My printer", ""), ACT_PASS);
		cr_assert_eq(
		    say(2000, NULL, DESK, BOB, "[Ticket #5] My printer", REPLIED), ACT_PASS, "%d", n);
		cr_assert_eq(say(MS_MIN, NULL, DESK, BOB, "Re: My printer", GENERATED), ACT_PASS, "%d", n);
	}
}

/* Alarms are no answers: they pass for ever, and their acknowledgements with them. */
Test(ping_pong, harmless_alarms_and_their_acknowledgements)
{
	begin();
	for (int n = 0; n < 200; n++) {
		cr_assert_eq(
		    say(16 * MS_SEC, NULL, "nagios@example.org", "help@far.example",
			n % 3 ? "PROBLEM: host4 is DOWN" : "[FIRING:2] Disk full", n % 2 ? GENERATED : ""),
		    ACT_PASS, "%d", n);
		cr_assert_eq(say(60 * MS_SEC, NULL, "help@far.example", "nagios@example.org", "Case 5 opened",
				 REPLIED),
		    ACT_PASS);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}

/* A storm of alarms at a robot's pace, however long: acknowledgements are held at worst, never an alarm. */
Test(ping_pong, harmless_alarms_at_a_robots_pace)
{
	begin();
	for (int n = 0; n < 3000; n++) {
		cr_assert_eq(say(5000, NULL, "nagios@example.org", "help@far.example",
				 "PROBLEM: host4 is DOWN", GENERATED),
		    ACT_PASS, "%d", n);
		say(1000, NULL, "help@far.example", "nagios@example.org", "[Case #5] PROBLEM: host4 is DOWN",
		    REPLIED);
	}
}

Test(ping_pong, harmless_one_direction)
{
	static const struct {
		const char *what, *sender, *from, *subject, *more;
	} kinds[] = {
		{ "cron", NULL, "root@host.example.org", "Cron <root@host> job",
		    GENERATED "X-Cron-Env: <A=b>\r\n" },
		{ "alarms", NULL, "nagios@far.example", "PROBLEM: host is DOWN", "" },
		{ "password resets", "", "no-reply@shop.example", "Reset your password", GENERATED },
		{ "changes of a ticket", NULL, "jira@far.example", "[JIRA] (ABC-1) Printer",
		    GENERATED "In-Reply-To: <a@b>\r\nPrecedence: bulk\r\n" },
		{ "the same, unmarked", NULL, "bugs@far.example", "Re: [Bug 7] Printer: does not print",
		    "In-Reply-To: <a@b>\r\n" },
		{ "reports", "", "dmarc@far.example",
		    "Report Domain: example.org Submitter: far.example Report-ID: 1", "" },
		{ "receipts", "", BOB, "Read: hello",
		    "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n" },
		{ "bounces of a large mailing", "", "MAILER-DAEMON@far.example",
		    "Undelivered Mail Returned to Sender",
		    "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n" },
		{ "a newsletter", "news-bounces+ann=example.org@news.example", "news@news.example",
		    "Re: your offers", "List-Unsubscribe: <mailto:x@y>\r\nIn-Reply-To: <a@b>\r\n" },
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (int n = 0; n < 200; n++)
			cr_assert_eq(say(2000, kinds[i].sender, kinds[i].from, "ann@example.org",
					 kinds[i].subject, kinds[i].more),
			    ACT_PASS, "%s %d", kinds[i].what, n);
	cr_assert_eq(storms_total(e.storms), 0);
}

Test(ping_pong, harmless_lists)
{
	begin();
	for (int n = 0; n < 100; n++)
		cr_assert_eq(say(1000, "l-bounces@l.example", n % 2 ? BOB : "ann@example.org",
				 n % 2 ? "ann@example.org" : BOB, "Re: [l] sums",
				 "List-Id: <l.l.example>\r\nIn-Reply-To: <a@b>\r\n"),
		    ACT_PASS);
}

/* An archive gets a copy of each mail, under that one's subject. */
Test(ping_pong, harmless_copies_for_an_archive)
{
	begin();
	for (int n = 0; n < 100; n++)
		cr_assert_eq(say(1000, "", "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@far.example",
				 "journal@example.org", "Re: Re: Re: sums", "X-MS-Journal-Report:\r\n"),
		    ACT_PASS, "%d", n);
}

/* People find postmaster@ and abuse@ open; what robots say to them is looked at. */
Test(ping_pong, harmless_role_addresses)
{
	begin();
	for (int n = 0; n < 100; n++) {
		cr_assert_eq(say(1000, NULL, BOB, "postmaster@example.org", "Re: blocked", ""), ACT_PASS);
		cr_assert_eq(say(1000, NULL, "postmaster@example.org", BOB, "Re: blocked", ""), ACT_PASS);
		cr_assert_eq(say(1000, NULL, BOB, "abuse@example.org", "Re: spam", ""), ACT_PASS);
	}
}

/* Our own mail system tells its postmaster of each bounce. */
Test(ping_pong, harmless_notices_to_the_postmaster)
{
	begin();
	for (int n = 0; n < 100; n++)
		cr_assert_eq(
		    say(1000, "", "MAILER-DAEMON@mx.example.org", "postmaster@example.org",
			"Postmaster Copy: Undelivered Mail",
			"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n"),
		    ACT_PASS);
}

/* --- edges --- */

Test(ping_pong, limits_and_one_beyond)
{
	begin();
	for (uint32_t limit = 1; limit < 40; limit += 6) {
		char x[64];

		snprintf(x, sizeof(x), "a%u@example.org", limit);
		struct robot a = { x, "Automatic reply", REPLIED, 1000, false };
		struct robot b = { BOB, "Automatic reply", REPLIED, 1000, false };

		pp->automatic_limit = limit;
		pp->limit = 1000;
		cr_expect_eq(let_talk(&a, &b, 100), limit, "%u", limit);
		snprintf(x, sizeof(x), "b%u@example.org", limit);
		a.more = b.more = "";
		a.subject = b.subject = "Got your mail";
		pp->limit = limit;
		cr_expect_eq(let_talk(&a, &b, 100), limit, "%u", limit);
	}
}

Test(ping_pong, the_pace_and_just_above_it)
{
	struct robot a = { "ann@example.org", "Got your mail", "", 25 * MS_SEC, false };
	struct robot b = { BOB, "Got your mail", "", 25 * MS_SEC, false };

	begin();
	cr_expect_eq(let_talk(&a, &b, 100), 20);
	a.addr = "eve@example.org";
	a.wait = b.wait = 36 * MS_SEC;
	cr_expect_eq(let_talk(&a, &b, 100), 100);
	/* one side quick, the other one a person */
	a.addr = "joe@example.org";
	a.wait = 90 * MS_SEC;
	b.wait = 1000;
	cr_expect_eq(let_talk(&a, &b, 100), 100);
	pp->pace = 0;
	a.addr = "lea@example.org";
	a.wait = 1000;
	cr_expect_eq(let_talk(&a, &b, 100), 100);
}

/* After the window it is a new talk, as long as it is no more than so many in each. */
Test(ping_pong, the_window_ends)
{
	struct robot a = { "ann@example.org", "Automatic reply", REPLIED, 1000, false };
	struct robot b = { BOB, "Automatic reply", REPLIED, 1000, false };

	begin();
	cr_assert_eq(let_talk(&a, &b, 100), 6);
	now.mono += 2 * MS_HOUR + MS_MIN;
	cr_assert_eq(let_talk(&a, &b, 100), 6);
}

/* Mail to many is no talk of two. */
Test(ping_pong, at_sixteen_recipients_and_one_beyond)
{
	char many[1024];

	begin();
	for (int rcpts = 16; rcpts <= 17; rcpts++) {
		many[0] = '\0';
		for (int i = 0; i < rcpts; i++)
			snprintf(many + strlen(many), sizeof(many) - strlen(many), "%su%d@example.org",
			    i ? "," : "", rcpts * 100 + i);
		for (int n = 0; n < 20; n++)
			cr_assert_eq(say(1000, "", BOB, many, "Automatic reply", REPLIED),
			    rcpts == 16 && n >= 6 ? ACT_HOLD : ACT_PASS, "%d", n);
	}
}

/* At a door without header the envelope and the pace are all there is. */
Test(ping_pong, envelope_alone)
{
	unsigned passed = 0;

	begin();
	for (int n = 0; n < 100; n++) {
		now.mono += 2000;
		passed += deliver(n % 2 ? BOB : DESK, NULL, n % 2 ? DESK : BOB) == ACT_PASS;
	}
	cr_assert_eq(passed, 20, "%u", passed);
	for (int n = 0; n < 100; n++)
		cr_assert_eq(deliver("", NULL, DESK), ACT_PASS);
}

/* Every address another one: what is kept stays bounded, and no storm opens. */
Test(ping_pong, random_addresses)
{
	char from[64], to[64];

	begin();
	for (unsigned n = 0; n < 20000; n++) {
		snprintf(from, sizeof(from), "x%u@far.example", n * 2654435761u);
		snprintf(to, sizeof(to), "y%u@example.org", n * 40503u);
		cr_assert_eq(say(1, NULL, from, to, "Re: offer", REPLIED), ACT_PASS);
	}
	cr_assert_eq(storms_total(e.storms), 0);
}
