/* SPDX-License-Identifier: ISC */
/* Notices that tell only in passing who did not get the message. */
#include "base/compiler.h"
#include "dsn_rig.h"

static const char plain[] = "From: MAILER-DAEMON@mx.example\n";

TestSuite(dsn_notice, .init = rig_init, .fini = rig_fini);

/* Yahoo and MailScanner describe the message and name nobody besides. */
Test(dsn_notice, it_was_sent_to)
{
	static const struct {
		const char *body, *want;
	} rows[] = {
		{ "I was not able to deliver the following message.\n\nSubject: hello\nTo: a@b.example\n\n"
		  "--- Below this line is a copy of the message.\n\nMessage-ID: <1@y>\nTo: z@z.example\n",
		    "text id=<1@y> +lines\nfailed final=a@b.example" },
		{ "Our detectors were triggered by a message you sent:-\n  To: Joe <a@b.example>\n"
		  "  Subject: hello\n  Date: today\nThis message has been rejected.\n",
		    "nowhere +lines\nfailed final=a@b.example" },
		/* which of them is not told */
		{ "Not delivered:\n\nTo: a@b.example, c@b.example\nSubject: hello\n", "nowhere" },
		/* who is named is better, whatever comes first */
		{ "A message of yours\n\nTo: list@b.example\nSubject: hello\n\nfailed for\n\na@b.example\n",
		    "nowhere +lines\nfailed final=a@b.example" },
		/* Exchange goes on with names */
		{ "Your message\n\n  To:      a@b.example\n  Subject: hello\n  Sent:    Fri, 14 Sep 2007\n\n"
		  "did not reach the following recipient(s):\n\nDoe, Jane on Fri, 14 Sep 2007\n",
		    "nowhere" },
		/* a copy of somebody's header */
		{ "Blocked:\n\nFrom: x@y.example\nTo: a@b.example\nSubject: hello\n", "nowhere" },
		{ "Blocked:\n\nTo: postmaster@b.example\nSubject: hello\n", "nowhere" },
		{ "--- Below this line is a copy of the message.\n\nTo: a@b.example\n", "nowhere" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rig_want(rows[i].body, rig_scan(plain, str_of(rows[i].body), 7), rows[i].want);
}

/* postmaster@ is whom a bounce says to write to, and somebody whom a message may not have reached. */
Test(dsn_notice, system_addresses)
{
	static const struct {
		const char *body, *want;
	} rows[] = {
		{ "<root@b.example>:\nSorry, no mailbox here by that name.\n",
		    "nowhere +lines\nfailed final=root@b.example" },
		{ "   ----- The following addresses had delivery problems -----\npostmaster@b.example\n"
		  "a@b.example\n\nAsk for help:\npostmaster@mx.example\n",
		    "nowhere +lines\nfailed final=postmaster@b.example\nfailed final=a@b.example" },
		{ "The following recipients were not reached:\n\n<list-request@b.example>\n",
		    "nowhere +lines\nfailed final=list-request@b.example" },
		{ "a@b.example\n\nFor help write to\n\npostmaster@mx.example\n",
		    "nowhere +lines\nfailed final=a@b.example" },
		{ "a@b.example\npostmaster@mx.example\n", "nowhere +lines\nfailed final=a@b.example" },
		{ "For help write to the postmaster:\n\n<postmaster@mx.example>\n", "nowhere" },
		{ "Send the following address to us.\npostmaster@mx.example\n", "nowhere" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rig_want(rows[i].body, rig_scan(plain, str_of(rows[i].body), 7), rows[i].want);
}
