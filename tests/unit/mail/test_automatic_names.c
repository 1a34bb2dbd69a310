/* SPDX-License-Identifier: ISC */
/* The names by which mail systems are known, and what is like them. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>

#include "header_rig.h"
#include "mail/automatic.h"
#include "mail/subject.h"

TestSuite(automatic_names, .init = setup, .fini = teardown);

/* A header in two pieces. */
static enum automatic
classify_with(const char *front, const char *more)
{
	header_reset(&h);
	header_feed(&h, front, strlen(front));
	header_feed(&h, more, strlen(more));
	header_end(&h);
	return automatic_classify(&h.f, subject_classify(h.f.subject), false, false);
}

static enum automatic
classify(const char *header)
{
	return classify_with(header, "");
}

static bool
daemon_or_postmaster(const char *from, const char *addr)
{
	return automatic_daemon_from(str_of(from), str_of(addr)) ||
	    automatic_postmaster_from(str_of(from), str_of(addr));
}

static void
check_name(const char *name, bool upper, const char *before, const char *behind, bool address)
{
	char text[200];

	snprintf(text, sizeof(text), "%s%s%s", before, name, behind);
	for (char *c = text; upper && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	cr_expect(daemon_or_postmaster(address ? "" : text, address ? text : "x@y.example"), "%s", text);
}

/* Whatever letter they begin with, in either case, and wherever they stand. */
Test(automatic_names, every_one_is_known)
{
	static const char *const names[] = { "mail delivery system", "mail delivery subsystem",
		"mail delivery service", "mail delivery agent", "mail deliver system", "mail.delivery.system",
		"mailer-daemon", "mailer daemon", "mail daemon", "internet mail delivery",
		"delivery subsystem", "email delivery system", "e-mail delivery system",
		"pmdf e-mail interconnect", "postmaster", "electronic postmaster", "mail administrator",
		"system administrator", "systemadministrator", "mail system", "microsoft exchange",
		"mail router", "interscan mss", "interscan notification",
		"interscan messaging security suite" };
	static const char *const locals[] = { "mailer-daemon", "mailer_daemon", "mailerdaemon", "mail-daemon",
		"maildaemon", "mail.delivery.system", "double-bounce", "postmaster", "post_master",
		"post-master", "mailadmin", "mail-admin", "sysadmin", "ndr", "mdaemon", "mailmarshal",
		"symantec_antivirus_for_smtp_gateways", "symantec_mail_security_for_smtp",
		"microsoftexchange329e71ec88ae4615bbc36ab6ce41109e" };
	static const char *const around[][2] = { { "", " <x@y.example>" }, { "\" ", "\" <x@y.example>" },
		{ "x@y.example (", ")" }, { " 'x' <x@y.example> ( \"", "\" )" }, { "", "" } };

	for (size_t i = 0; i < ARRAY_LEN(names) * 2; i++)
		for (size_t k = 0; k < ARRAY_LEN(around); k++)
			check_name(names[i / 2], i % 2, around[k][0], around[k][1], false);
	for (size_t i = 0; i < ARRAY_LEN(locals) * 2; i++) {
		check_name(locals[i / 2], i % 2, "", "@y.example", true);
		check_name(locals[i / 2], i % 2, "", "", true);
	}
	for (size_t i = 0; i < ARRAY_LEN(names) * 2; i++)
		check_name(names[i / 2], i % 2, "\"", "\"@y.example", true);
}

Test(automatic_names, others_are_none)
{
	static const char *const others[] = { "", " ", "\"", "\"'\" '", "(", "()", "( \" )", "<", "m", "P",
		"-", "\r", "mail daemo", "mail daemons", "a mail daemon", "\x90ostmaster", "0ostmaster",
		"ystem", "@", "@mailer-daemon", "m@mailer-daemon", "\"mail daemons\"@x", "\"@\"",
		"mail daemon@x" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		cr_expect_not(daemon_or_postmaster(others[i], others[i]), "%s", others[i]);
	cr_expect_not(automatic_daemon_from(STR_NONE, STR_NONE));
	/* what stands behind the end does not count */
	cr_expect_not(automatic_daemon_from(str_sub(STR("mail daemon"), 0, 10), STR_NONE));
	cr_expect_not(automatic_daemon_from(STR_NONE, str_sub(STR("mailer-daemon"), 0, 12)));
}

/* fml's mark stands behind a dot in front of the last '@'; with the subject it is enough. */
Test(automatic_names, a_list_server_by_its_message_id)
{
	static const struct {
		const char *id;
		enum automatic want;
	} rows[] = {
		{ "<1.FMLAB@x>", AUTO_BOUNCE },
		{ "<.fml@x>", AUTO_BOUNCE },
		{ "<a..b.FML.c@x>", AUTO_BOUNCE },
		{ "<a@b.FML@x>", AUTO_BOUNCE },
		{ "<1.FMLAB", AUTO_BOUNCE },
		{ "<FML@x>", AUTO_NONE },
		{ "<1.FM@x>", AUTO_NONE },
		{ "<1.FM.L@x>", AUTO_NONE },
		{ "<1@a.FML>", AUTO_NONE },
		{ "<.@x>", AUTO_NONE },
		{ ".", AUTO_NONE },
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text),
		    "From: a@lists.example\nSubject: Ignored not ML article from a@b\nMessage-Id: %s\n",
		    rows[i].id);
		cr_expect_eq(classify(text), rows[i].want, "%s", rows[i].id);
	}
}

/* Who answers as postmaster from the null sender may have been forwarded; Apache James gives back so. */
Test(automatic_names, an_answer_of_the_postmaster_by_its_message_id)
{
	static const struct {
		const char *id, *from, *path;
		enum automatic want;
	} rows[] = {
		{ "replyTo-Mail1700000000000-12", "postmaster@x.example", "<>", AUTO_BOUNCE },
		{ "replyTo-Mail1700000000000-12", "postmaster@x.example", "<a@x.example>", AUTO_NONE },
		{ "replyTo-Mail1700000000000-12", "a@x.example", "<>", AUTO_NONE },
		{ "<replyTo-Mail1@x.example>", "postmaster@x.example", "<>", AUTO_NONE },
		{ "<1@x.example>", "postmaster@x.example", "<>", AUTO_NONE },
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text),
		    "Return-Path: %s\nFrom: %s\nSubject: Re: Minutes\nMessage-ID: %s\n", rows[i].path,
		    rows[i].from, rows[i].id);
		cr_expect_eq(classify(text), rows[i].want, "%zu", i);
	}
}

Test(automatic_names, who_logs_in_is_a_person)
{
	static const struct {
		const char *header;
		bool null_sender;
		enum automatic want;
	} rows[] = {
		{ "From: Postmaster <postmaster@x.example>\nSubject: Undeliverable mail\n", false,
		    AUTO_NONE },
		{ "From: Postmaster <postmaster@x.example>\nSubject: Undeliverable mail\n", true,
		    AUTO_BOUNCE },
		{ "From: MAILER-DAEMON@x.example\nSubject: failure notice\n", false, AUTO_BOUNCE },
		{ "From: a@x.example\nSubject: Away\nAuto-Submitted: auto-replied\n", false, AUTO_REPLY },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		classify(rows[i].header);
		cr_expect_eq(
		    automatic_classify(&h.f, subject_classify(h.f.subject), rows[i].null_sender, true),
		    rows[i].want, "%zu", i);
	}
	cr_expect_eq(classify(rows[0].header), AUTO_BOUNCE, "nobody logged in");
}

/* He tells all the others that there is trouble with the mail, and his program need not tell its name. */
Test(automatic_names, the_postmaster_in_person)
{
	static const char front[] =
	    "Return-Path: <sysadmin@x.example>\nFrom: Systemadministrator <sysadmin@x.example>\n"
	    "Subject: Mail delivery problems this morning\n";
	static const struct {
		const char *more;
		enum automatic want;
	} rows[] = {
		{ "", AUTO_BOUNCE },
		{ "X-Mailer: Batch 1.0\n", AUTO_BOUNCE },
		{ "X-Mailer: Foxmail 7.2.25.375[cn]\n", AUTO_NONE },
		{ "User-Agent: Cyrus-JMAP/3.9.0-alpha0\n", AUTO_NONE },
		{ "X-Mailer: WebService/1.1.23\n", AUTO_NONE },
		{ "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\n", AUTO_NONE },
		{ "Thread-Index: AdFB\n", AUTO_BOUNCE },
		{ "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\nX-MS-Exchange-Message-Is-Ndr:\n",
		    AUTO_BOUNCE },
		{ "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\nAuto-Submitted: auto-replied\n",
		    AUTO_BOUNCE },
		{ "User-Agent: Mozilla Thunderbird\nAuto-Submitted: auto-replied\n", AUTO_BOUNCE },
		{ "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\nAuto-Submitted: auto-generated\n",
		    AUTO_BOUNCE },
		{ "User-Agent: Mozilla Thunderbird\nAuto-Submitted: no\n", AUTO_NONE },
		{ "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\nX-Mailer: Microsoft Office Outlook 11\n",
		    AUTO_NONE },
		{ "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\n"
		  "X-Mailer: Microsoft CDO for Windows 2000\n",
		    AUTO_BOUNCE },
		{ "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\nX-Failed-Recipients: a@x.example\n",
		    AUTO_BOUNCE },
		{ "Message-ID: <CAx@mail.gmail.com>\nContent-Type: multipart/report; boundary=b\n",
		    AUTO_BOUNCE },
		{ "Message-ID: <CAx+y=z@mail.gmail.com>\n", AUTO_NONE },
		{ "Message-ID: <001a11c2@google.com>\n", AUTO_BOUNCE },
		{ "X-MS-Exchange-Message-Is-Ndr:\nMessage-ID: <CAx@mail.gmail.com>\n", AUTO_BOUNCE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(classify_with(front, rows[i].more), rows[i].want, "%s", rows[i].more);
	/* Domino leaves the fields of what it returns */
	cr_expect_eq(classify("Return-Path: <MAILER-DAEMON@mx.example>\nFrom: postmaster@x.example\n"
			      "Subject: DELIVERY FAILURE: User joe not listed\n"
			      "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\n"),
	    AUTO_BOUNCE);
	cr_expect_eq(classify("Return-Path: <>\nFrom: postmaster@x.example\nSubject: Undeliverable: x\n"
			      "Thread-Index: AdFBz0rm0mVx0vq2Q0i9vXoQk2m0Tw==\n"),
	    AUTO_BOUNCE);
}

/* Notes sends its out-of-office from the person's own address, without any field that tells so. */
Test(automatic_names, an_out_of_office_by_its_words_alone)
{
	static const struct {
		const char *header;
		enum automatic want;
	} rows[] = {
		{ "Subject: AUTO: Joe Bee/Sales/Example is out of the office. (returning 04/01/2027)\n",
		    AUTO_REPLY },
		{ "Subject: [EXT] AUTO: Bee, Joe is out of the office (returning 04/01/2027)\n", AUTO_REPLY },
		{ "Return-Path: <>\nFrom: Postmaster <postmaster@x.example>\n"
		  "Subject: AUTO: Postmaster is out of the office. (returning 04/01/2027)\n",
		    AUTO_REPLY },
		/* before its release 8: whoever writes that of himself is a robot */
		{ "From: Joe Bee <jb@x.example>\nSubject: Joe Bee is out of the office.\n", AUTO_REPLY },
		{ "From: \"Bee, Joe\" <jb@x.example>\nSubject: [EXT] Bee, Joe is out of the office.\n",
		    AUTO_REPLY },
		{ "From: =?utf-8?q?J=C3=B8rn_Bee?= <jb@x.example>\n"
		  "Subject: =?iso-8859-1?q?x?= =?utf-8?q?J=C3=B8rn_Bee_is_out_of_the_office=2E?=\n",
		    AUTO_NONE },
		{ "From: =?utf-8?q?J=C3=B8rn_Bee?= <jb@x.example>\n"
		  "Subject: =?utf-8?q?J=C3=B8rn_Bee_is_out_of_the_office=2E?=\n",
		    AUTO_REPLY },
		{ "From: Sue Cox <sc@x.example>\nSubject: Joe Bee is out of the office.\n", AUTO_NONE },
		{ "From: Joe Bee <jb@x.example>\nSubject: Joe Bee is out of the office\n", AUTO_NONE },
		{ "From: Joe Bee <jb@x.example>\nSubject: Re: Joe Bee is out of the office.\n", AUTO_NONE },
		{ "From: jb@x.example\nSubject: Everybody is out of the office.\n", AUTO_NONE },
		{ "From: <jb@x.example>\nSubject: The boss is out of the office.\n", AUTO_NONE },
		/* Exchange 5.5 names neither what it answers nor a null path */
		{ "From: Joe Bee <jb@x.example>\nSubject: Out of Office AutoReply: Summer party\n"
		  "X-Mailer: Internet Mail Service (5.5.2653.19)\n",
		    AUTO_REPLY },
		{ "Subject: [EXT] Out of Office AutoReply: Summer party\n", AUTO_REPLY },
		{ "Subject: RE: Out of Office AutoReply: Summer party\n", AUTO_NONE },
		{ "List-Id: <l.example.org>\nSubject: Out of Office AutoReply: Summer party\n", AUTO_NONE },
		{ "Subject: Out of office autoreply does not work\n", AUTO_NONE },
		{ "Subject: Out of Office: 3 to 5 May\n", AUTO_NONE },
		/* about one, distributed by a list, cars, and what people write themselves */
		{ "Subject: Re: AUTO: Joe Bee is out of the office. (returning 04/01/2027)\n", AUTO_NONE },
		{ "List-Id: <l.example.org>\nSubject: AUTO: Joe Bee is out of the office.\n", AUTO_NONE },
		{ "Subject: Auto: Golf (EZ 04/2019) zu verkaufen\n", AUTO_NONE },
		{ "Subject: Automatic door is out of the office\n", AUTO_NONE },
		{ "Subject: Joe Bee is out of the office. (returning 04/01/2027)\n", AUTO_NONE },
		/* Exchange in Latvian, as an answer within a thread */
		{ "In-Reply-To: <a@b>\nSubject: =?utf-8?q?=C4=80rpus_biroja_atra=C5=A1an=C4=81s?= "
		  "=?utf-8?q?_autom=C4=81tiska_atbilde=3A_x?=\n",
		    AUTO_REPLY },
		{ "In-Reply-To: <a@b>\nSubject: =?windows-1257?q?=C2rpus_biroja_atra=F0an=E2s_x?=\n",
		    AUTO_REPLY },
		{ "In-Reply-To: <a@b>\nSubject: Arpus biroja atrasanas automatiska atbilde: x\n",
		    AUTO_REPLY },
		{ "Subject: =?utf-8?q?=C4=80rpus_biroja_atra=C5=A1an=C4=81s?=\n", AUTO_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(classify(rows[i].header), rows[i].want, "%s", rows[i].header);
}

/* Since its release 8 in the language of its user: it begins with his own name and ends with a date. */
Test(automatic_names, an_out_of_office_in_any_language)
{
	static const struct {
		const char *from, *subject;
		enum automatic want;
	} rows[] = {
		{ "Jo Bee", "=?iso-8859-1?q?AUTO:_Jo_Bee_ist_au=DFer_Haus._=28R=FCckkehr_am_03.03.2027=29?=",
		    AUTO_REPLY },
		{ "\"Jo Bee\"", "AUTO: Jo Bee/Sales/X est absent(e) du bureau. (retour 03/03/2027)",
		    AUTO_REPLY },
		{ "=?iso-2022-jp?B?GyRCOzNFRBsoQg==?=",
		    "=?iso-2022-jp?B?QVVUTzogGyRCOzNFRBsoQiAbJEIkT0lUOl8kRyQ5GyhCICgyMDI3LzAzLzAzKQ==?=",
		    AUTO_REPLY },
		{ "Jo Bee", "[EXT] AUTO: Jo Bee is uit (terug op 3-3-2027)", AUTO_REPLY },
		{ "Jo Bee", "Auto: Jo Bee holt es ab (03.03.2027)", AUTO_NONE },
		{ "Jo Bee", "AUTO: Jo Bee", AUTO_NONE },
		{ "Jo Bee", "AUTO: Jo Bee ist da ()", AUTO_NONE },
		{ "Jo Bee", "AUTO: Jo Bee ist da )", AUTO_NONE },
		{ "Jo Bee", "AUTO: Jo Bee 03.03.2027", AUTO_NONE },
		{ "Jo Bee", "AUTO: Jo Bee ist da (KW 12)", AUTO_NONE },
		{ "Jo Bee", "AUTO: Jo Bee ist da (10.2027)", AUTO_NONE },
		{ "Jo Bee", "AUTO: Jo Beest ist da (03.03.2027)", AUTO_NONE },
		{ "Al Cox", "AUTO: Jo Bee ist da (03.03.2027)", AUTO_NONE },
		{ "Jo Bee", "AUTO: Golf (TUEV 03.03.2027)", AUTO_NONE },
		{ "Jo Bee", "Re: AUTO: Jo Bee ist da (03.03.2027)", AUTO_NONE },
		{ "", "AUTO: Jo Bee ist da (03.03.2027)", AUTO_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char header[300];

		snprintf(header, sizeof(header), "From: %s <jb@x.example>\nSubject: %s\n", rows[i].from,
		    rows[i].subject);
		cr_expect_eq(classify(header), rows[i].want, "%s", rows[i].subject);
	}
}

/* Named after what it sends; a person of these initials writes about other things. */
Test(automatic_names, an_address_for_non_delivery_reports)
{
	cr_expect_eq(classify("Return-Path: <prvs=1234567890=ndr@x.example>\nFrom: ndr@x.example\n"
			      "Subject: Mail delivery failed: returning message to sender\n"),
	    AUTO_BOUNCE);
	cr_expect_eq(classify("From: ndr@x.example\nSubject: Re: Mail delivery failed\n"), AUTO_NONE);
	cr_expect_eq(classify("From: ndr@x.example\nSubject: Delivery report for June\n"), AUTO_NONE);
}

/* Who sits at the postmaster's address or at sysadmin@ takes holidays, and a desk may stand there. */
Test(automatic_names, answers_of_the_postmasters_robots)
{
	static const char front[] = "Return-Path: <>\nFrom: sysadmin@x.example\n";
	static const struct {
		const char *more;
		enum automatic want;
	} rows[] = {
		{ "Subject: Betriebsferien\n", AUTO_BOUNCE }, /* in whatever language */
		{ "Subject: Betriebsferien\nAuto-Submitted: auto-replied\n", AUTO_BOUNCE },
		{ "Subject: Betriebsferien\nAuto-Submitted: auto-replied (vacation)\n", AUTO_REPLY },
		{ "Subject: Betriebsferien\nAuto-Submitted: auto-replied (zimbra; vacation)\n", AUTO_REPLY },
		{ "Subject: Betriebsferien\nAuto-Submitted: no (vacation)\n", AUTO_BOUNCE },
		{ "Subject: Betriebsferien\nX-Autoreply: yes\n", AUTO_REPLY },
		{ "Subject: =?utf-8?q?=E1=83=90?=\nX-MS-Exchange-Inbox-Rules-Loop: sysadmin@x.example\n",
		    AUTO_REPLY },
		{ "Subject: Re: the order\nAuto-Submitted: auto-replied\n", AUTO_REPLY },
		{ "Subject: [desk #12] We got it\nAuto-Submitted: auto-replied\n", AUTO_REPLY },
		/* what a bounce alone has */
		{ "Subject: Undeliverable: x\nX-Autoreply: yes\n", AUTO_BOUNCE },
		{ "Subject: Delivery report\nX-Autoreply: yes\n", AUTO_BOUNCE },
		{ "Subject: x\nX-Autoreply: yes\nX-Failed-Recipients: a@b.example\n", AUTO_BOUNCE },
		{ "Subject: x\nX-Autoreply: yes\nX-MS-Exchange-Message-Is-Ndr:\n", AUTO_BOUNCE },
		{ "Subject: x\nX-Autoreply: yes\nContent-Type: multipart/report; boundary=b\n", AUTO_BOUNCE },
		{ "Subject: x\nX-Autoreply: yes\nMessage-ID: <1.FMLAB@x>\n", AUTO_BOUNCE },
		{ "Subject: x\nX-Autoreply: yes\nAuto-Submitted: auto-generated (failure)\n", AUTO_BOUNCE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(classify_with(front, rows[i].more), rows[i].want, "%s", rows[i].more);
	cr_expect_eq(
	    classify("Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nX-Autoreply: yes\n"), AUTO_BOUNCE);
}

/* Under a subject that their user chose, or that of what they answer. */
Test(automatic_names, answers_that_have_the_mark_of_their_program)
{
	static const char *const marks[] = {
		"Precedence: junk\nX-Loop: Postfix Admin Virtual Vacation\n",
		"X-mailer: GNARWL\n",
		"X-Webmin-Autoreply: 1\n",
		"X-Autoresponse-From: joe@y.example\n",
	};
	static const char front[] = "From: joe@y.example\nSubject: Re: the order\n";

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		cr_expect_eq(classify_with(front, marks[i]), AUTO_REPLY, "%s", marks[i]);
	cr_expect_eq(classify(front), AUTO_NONE);
}

Test(automatic_names, answers_by_the_recipe_of_procmail)
{
	static const struct {
		const char *header;
		enum automatic want;
	} rows[] = {
		{ "Subject: Re: the order\nReferences: <q@x>\nIn-Reply-To: <q@x>\nX-Loop: joe@y.example\n"
		  "Precedence: junk\nFrom: joe@y.example\n",
		    AUTO_REPLY },
		{ "From: Joe <joe@y.example>\nIn-Reply-To: <q@x>\nX-Loop: Joe@Y.example\nPrecedence: junk\n",
		    AUTO_REPLY },
		/* Sendmail writes From with the name of the host, or without it */
		{ "From: joe@mail.y.example\nIn-Reply-To: <q@x>\nX-Loop: joe@y.example\nPrecedence: junk\n",
		    AUTO_REPLY },
		{ "From: joe@y.example\nIn-Reply-To: <q@x>\nX-Loop: Joe@mail.Y.example\nPrecedence: junk\n",
		    AUTO_REPLY },
		{ "From: joe@my.example\nIn-Reply-To: <q@x>\nX-Loop: joe@y.example\nPrecedence: junk\n",
		    AUTO_NONE },
		{ "From: ann@mail.y.example\nIn-Reply-To: <q@x>\nX-Loop: joe@y.example\nPrecedence: junk\n",
		    AUTO_NONE },
		{ "From: joe@y.example\nIn-Reply-To: <q@x>\nX-Loop: joe@\nPrecedence: junk\n", AUTO_NONE },
		{ "From: joe@y.example\nIn-Reply-To: <q@x>\nX-Loop: yes\nPrecedence: junk\n", AUTO_NONE },
		/* a forwarder's mark, a ticket, a first message, a list, a mail program */
		{ "From: ann@x.example\nIn-Reply-To: <q@x>\nX-Loop: joe@y.example\nPrecedence: junk\n",
		    AUTO_NONE },
		{ "From: joe@y.example\nIn-Reply-To: <q@x>\nX-Loop: joe@y.example\nPrecedence: bulk\n",
		    AUTO_NONE },
		{ "From: joe@y.example\nX-Loop: joe@y.example\nPrecedence: junk\n", AUTO_NONE },
		{ "From: joe@y.example\nIn-Reply-To: <q@x>\nX-Loop: joe@y.example\nPrecedence: junk\n"
		  "List-Id: <l.y.example>\n",
		    AUTO_NONE },
		{ "From: joe@y.example\nIn-Reply-To: <q@x>\nX-Loop: joe@y.example\nPrecedence: junk\n"
		  "User-Agent: Mutt/2.2\n",
		    AUTO_NONE },
		{ "In-Reply-To: <q@x>\nX-Loop:\nPrecedence: junk\n", AUTO_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(classify(rows[i].header), rows[i].want, "%s", rows[i].header);
}

/* RFC 3834 5: so does a program mark what a person wrote. */
Test(automatic_names, who_says_that_he_is_no_robot_is_none)
{
	cr_expect_eq(
	    classify("From: joe@x.example\nSubject: Out of office next week\nAuto-Submitted: no\n\n"),
	    AUTO_NONE);
	cr_expect_eq(classify("From: joe@x.example\nSubject: Out of office next week\nAuto-Submitted: x\n\n"),
	    AUTO_REPLY);
	cr_expect_eq(
	    classify("From: joe@x.example\nSubject: Hi\nAuto-Submitted: (a) auto-replied\n\n"), AUTO_REPLY);
}

/* RFC 5429 2.2 of a message that RFC 6533 is about. */
Test(automatic_names, a_refusal_of_international_mail)
{
	static const char type[] =
	    "Content-Type: multipart/report; report-type=global-disposition-notification\n";

	cr_expect_eq(classify(type), AUTO_REPORT);
	cr_expect_eq(classify_with(type, "Auto-Submitted: auto-replied (rejected)\n"), AUTO_BOUNCE);
}

/* RFC 6533 5: a receipt of international mail, alone. */
Test(automatic_names, a_receipt_without_its_envelope)
{
	cr_expect_eq(
	    classify("From: joe@x.example\nContent-Type: message/global-disposition-notification\n\n"),
	    AUTO_REPORT);
}

/* A filter that tags all mail from outside tags these, too. */
Test(automatic_names, reports_behind_a_tag)
{
#define REPORT "Report domain: x.example Submitter: y.example Report-ID: 1\n"
#define ZIP "Content-Type: application/zip\n"
	static const struct {
		const char *header;
		enum automatic want;
	} rows[] = {
		{ ZIP "Subject: " REPORT, AUTO_REPORT },
		{ ZIP "Subject: [EXT] " REPORT, AUTO_REPORT },
		{ ZIP "Subject: EXTERNAL: [SPAM?] " REPORT, AUTO_REPORT },
		{ "Return-Path: <>\nFrom: postmaster@y.example\nSubject: [EXT] " REPORT, AUTO_REPORT },
		{ ZIP "Subject: [EXT] complaint about message from 192.0.2.1\n", AUTO_REPORT },
		{ "Subject: [desk #12] " REPORT, AUTO_NONE },
		{ "Subject: [EXT] Re: " REPORT, AUTO_NONE },
		{ "Subject: [EXT] Fwd: " REPORT, AUTO_NONE },
		{ "Subject: [a] [b] [c] [d] " REPORT, AUTO_NONE },
		/* a desk answers one */
		{ "In-Reply-To: <1@y.example>\nSubject: " REPORT, AUTO_NONE },
		{ "References: <1@y.example>\nSubject: [Received] " REPORT, AUTO_NONE },
		{ "Auto-Submitted: auto-replied\nSubject: [Received] " REPORT, AUTO_REPLY },
		{ "Content-Type: text/plain\nSubject: [Received] " REPORT, AUTO_NONE },
		{ "Subject: [Received] " REPORT, AUTO_NONE },
		{ "Content-Type:\nSubject: " REPORT, AUTO_NONE },
		{ "Content-Type: text\nSubject: [Received] " REPORT, AUTO_NONE },
		{ "Content-Type: multipart/related; boundary=b\nSubject: [Received] " REPORT, AUTO_NONE },
		{ "Auto-Submitted: auto-generated\nContent-Type: multipart/alternative; boundary=b\n"
		  "Subject: [Received] " REPORT,
		    AUTO_GENERATED },
		{ "Auto-Submitted: auto-generated\nContent-Type: multipart/mixed; boundary=b\n"
		  "Subject: [EXT] " REPORT,
		    AUTO_REPORT },
		{ "Return-Path: <>\nContent-Type: text/plain\nSubject: [EXT] " REPORT, AUTO_REPORT },
		{ "Return-Path: <>\nSubject: [EXT] " REPORT, AUTO_REPORT },
		/* somebody gives one back */
		{ "Content-Type: multipart/report; report-type=delivery-status\nSubject: [EXT] " REPORT,
		    AUTO_BOUNCE },
		{ "Return-Path: <>\nX-Failed-Recipients: a@x.example\nSubject: [EXT] " REPORT, AUTO_BOUNCE },
		{ "Auto-Submitted: auto-generated (failure)\nSubject: " REPORT, AUTO_BOUNCE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(classify(rows[i].header), rows[i].want, "%s", rows[i].header);
}
