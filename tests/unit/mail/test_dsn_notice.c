/* SPDX-License-Identifier: ISC */
/* Notices that tell only in passing who did not get the message. */
#include <stdio.h>

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

/* MDaemon: the words of its heading are those that announce a copy. */
Test(dsn_notice, who_did_not_get_a_copy)
{
	rig_want("heading",
	    rig_scan(plain,
		STR("The following addresses did NOT receive a copy of your message:\n\n> a@b.example\n\n"
		    "Original message follows:\n\nMessage-ID: <1@y>\nFrom: x@y.example\n\nc@d.example\n"),
		7),
	    "text id=<1@y> +lines\nfailed final=a@b.example");
}

/* Postfix: what it sent to the members of an alias was for the alias, and that is where the bounce goes. */
Test(dsn_notice, not_the_list)
{
	static const char list[] =
	    "From: MAILER-DAEMON@mx.example\nTo: Staff@b.example\nContent-Type: message/delivery-status\n";
	static const struct {
		const char *body, *want;
	} rows[] = {
		{ "Final-Recipient: rfc822; a@c.example\nOriginal-Recipient: rfc822;staff@b.example\n",
		    "nowhere +status\nfailed final=a@c.example" },
		{ "Final-Recipient: rfc822; a@c.example\nOriginal-Recipient: rfc822;a@b.example\n",
		    "nowhere +status\nfailed final=a@c.example original=a@b.example" },
		{ "Original-Recipient: rfc822;staff@b.example\n",
		    "nowhere +status\nfailed original=staff@b.example" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rig_want(rows[i].body, rig_scan(list, str_of(rows[i].body), 7), rows[i].want);
}

Test(dsn_notice, behind_the_address)
{
	static const char found[] = "nowhere +lines\nfailed final=a@b.example";
	static const struct {
		const char *body, *want;
	} rows[] = {
		{ "a@b.example on Fri, 18 Oct 2002 09:13:24 -0600\n", found },
		{ "a@b.example am Fr, 18 Okt 2002 09:13:24 +0200\n", found },
		{ "Failed address: a@b.example\n", found },
		{ "a@b.example on behalf of 7 others and c@b.example\n", "nowhere" },
		{ "a@b.example said at 9:30 to c@b.example\n", "nowhere" },
		{ "a@b.example on : c@b.example\n", "nowhere" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rig_want(rows[i].body, rig_scan(plain, str_of(rows[i].body), 7), rows[i].want);
}

/* As a delivery status would say of them: those who have not got it yet are not dead. */
Test(dsn_notice, late)
{
	static const struct {
		const char *body;
	} rows[] = {
		{ "A message that you sent has not yet been delivered to its recipients\nafter 24 hours.\n\n"
		  "  a@b.example\n    Delay reason: connection timed out\n" },
		{ "    **********************************************\n"
		  "    **      THIS IS A WARNING MESSAGE ONLY      **\n"
		  "    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n"
		  "    **********************************************\n\na@b.example\n" },
		{ "a@b.example\n\nTHIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE.\n" },
		{ "A message is delayed for more than 4 hours for the following\nlist of recipients:\n\n"
		  "a@b.example: Network error\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rig_want(rows[i].body, rig_scan(plain, str_of(rows[i].body), 7),
		    "nowhere +lines\nnot final=a@b.example action=delayed");
	rig_want("field",
	    rig_scan("From: MAILER-DAEMON@mx.example\nX-Failed-Recipients: a@b.example\n",
		str_of(rows[1].body), 7),
	    "nowhere +field\nnot final=a@b.example action=delayed");
	rig_want("what came back says so",
	    rig_scan(plain,
		STR("a@b.example\n\nOriginal message follows:\n\nMessage-ID: <1@y>\nFrom: "
		    "x@y.example\n\n"
		    "Your letter has not yet been delivered.\n"),
		7),
	    "text id=<1@y> +lines\nfailed final=a@b.example");
}

/* Sendmail has a heading for each; "... no delivery was successful:" is none of success. */
Test(dsn_notice, some_late_some_there)
{
	rig_want("Sendmail",
	    rig_scan(plain,
		STR("   ----- The following addresses had successful delivery notifications -----\n"
		    "<d@b.example>  (relayed to non-DSN-aware mailer)\n\n"
		    "   ----- The following addresses had transient non-fatal errors -----\n"
		    "<c@b.example>\n    (reason: 452 4.2.2 full)\n\n"
		    "   ----- The following addresses had permanent fatal errors -----\n"
		    "<a@b.example>\n    (reason: 550 5.1.1 unknown)\n"),
		7),
	    "nowhere +lines\nnot final=d@b.example action=delivered\n"
	    "not final=c@b.example action=delayed\nfailed final=a@b.example");
	rig_want("OpenSMTPD",
	    rig_scan(plain,
		STR("Your message was successfully delivered to these recipients.\n\na@b.example: ok\n"), 7),
	    "nowhere +lines\nnot final=a@b.example action=delivered");
	rig_want("OpenSMTPD, to a server that knows no delivery statuses",
	    rig_scan(plain, STR("Your message was relayed to these recipients.\n\na@b.example: ok\n"), 7),
	    "nowhere +lines\nnot final=a@b.example action=delivered");
	rig_want("others did not get it",
	    rig_scan(plain,
		STR("It was successfully delivered to the following recipients:\n\nd@b.example\n"
		    "(c@b.example, too)\ne@b.example\n\nTo others it was not:\n\na@b.example\n"),
		7),
	    "nowhere +lines\nnot final=d@b.example action=delivered\n"
	    "not final=e@b.example action=delivered\nfailed final=a@b.example");
	rig_want("a server on its way has it",
	    rig_scan(plain,
		STR("Your message was successfully relayed to mx.b.example,\nwhich gave it back:\n"
		    "<a@b.example>: no such user\n"),
		7),
	    "nowhere +lines\nfailed final=a@b.example");
	rig_want("others are to wait",
	    rig_scan(plain,
		STR("These addresses failed:\na@b.example\n\nFor the following recipients it has been "
		    "delayed:\nd@b.example\n"),
		7),
	    "nowhere +lines\nfailed final=a@b.example\nnot final=d@b.example action=delayed");
	rig_want("he is to wait, in whatever form he is named",
	    rig_scan(plain,
		STR("For the following recipients it has been delayed:\n\n  Ann Bee, a@b.example, Sales\n"),
		7),
	    "nowhere +lines\nnot final=a@b.example action=delayed");
	rig_want("each is told for himself",
	    rig_scan(
		plain, STR("The following recipients are told:\n\n<a@b.example>: it has been delayed\n"), 7),
	    "nowhere +lines\nnot final=a@b.example action=delayed");
	rig_want("Exchange, as a text",
	    rig_scan(plain,
		STR("Your message\n\n  Subject: x\n\nwas delivered to the following recipient(s):\n\n"
		    "a@b.example on Mon, 2 Nov 2026 10:00:30 +0000\n"),
		7),
	    "nowhere +lines\nnot final=a@b.example action=delivered");
	rig_want("Exchange, to a server that knows no delivery statuses",
	    rig_scan(plain,
		STR("Delivery to these recipients or groups is complete, but no delivery notification was "
		    "sent by the destination server:\n\na@b.example\n"),
		7),
	    "nowhere +lines\nnot final=a@b.example action=delivered");
	rig_want("PMDF",
	    rig_scan(plain,
		STR("It has been successfully delivered to these recipients:\n\na@b.example\n"), 7),
	    "nowhere +lines\nnot final=a@b.example action=delivered");
	rig_want("never",
	    rig_scan(
		plain, STR("It was never delivered to the following recipients:\n\na@b.example\n"), 7),
	    "nowhere +lines\nfailed final=a@b.example");
	rig_want("it was to be",
	    rig_scan(plain,
		STR("What was to be delivered to the following recipients is lost:\n\na@b.example\n"), 7),
	    "nowhere +lines\nfailed final=a@b.example");
	rig_want("not",
	    rig_scan(plain, STR("It was successfully relayed but failed at last:\n\na@b.example: no\n"), 7),
	    "nowhere +lines\nfailed final=a@b.example");
	rig_want("no success",
	    rig_scan(
		plain, STR("To the following recipients no delivery was successful:\n\na@b.example\n"), 7),
	    "nowhere +lines\nfailed final=a@b.example");
}

/* What some put around the address in a delivery status. */
Test(dsn_notice, ornaments_of_a_status)
{
	static const struct {
		const char *value, *want;
	} rows[] = {
		{ "rfc822; a@b;", "a@b" },
		{ "rfc822;<a@b> ; ;", "a@b" },
		{ "a@b;", "a@b" },
		{ "rfc822; \"a@b\"", "a@b" },
		{ "rfc822;'a@b'", "a@b" },
		{ "rfc822; \"a@b\" (Ann)", "a@b" },
		{ "rfc822; SMTP:a@b", "a@b" },
		{ "rfc822; smtp: a@b", "a@b" },
		{ "SMTP:a@b", "a@b" },
		{ "rfc822; Ann <SMTP:a@b>", "a@b" },
		/* those are of the address */
		{ "rfc822; \"a\"@b", "\"a\"@b" },
		{ "rfc822; 'a@b", "'a@b" },
		{ "X-LOCAL;SMTP:a", "SMTP:a" },
		{ "X400; /C=b/S='a'", "/C=b/S='a'" },
		{ "X-LOCAL;\"a\"", "\"a\"" },
	};
	char body[200], want[100];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body), "Final-Recipient: %s\nAction: failed\n", rows[i].value);
		snprintf(want, sizeof(want), "nowhere +status\nfailed final=%s action=failed", rows[i].want);
		rig_want(rows[i].value,
		    rig_scan("From: MAILER-DAEMON@mx.example\nContent-Type: message/delivery-status\n",
			str_of(body), 7),
		    want);
	}
}

/* --- HTML --------------------------------------------------------------------------------------------- */

static const char html[] = "From: MAILER-DAEMON@mx.example\nContent-Type: text/html\n";
static const char html_quoted[] = "From: MAILER-DAEMON@mx.example\nContent-Type: "
				  "text/html\nContent-Transfer-Encoding: quoted-printable\n";
static const char mixed[] = "From: MAILER-DAEMON@mx.example\nContent-Type: multipart/mixed; boundary=b\n";

static const size_t steps[] = { 1, 7, 5000 };

static void
html_wants(const char *header, const char *body, const char *want)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		rig_want(body, rig_scan(header, str_of(body), steps[i]), want);
}

Test(dsn_notice, html_alone)
{
	/* Exchange 5.5 */
	html_wants(html,
	    "<HTML><HEAD>\n<TITLE>Undeliverable: "
	    "x@title.example</TITLE>\n<style>\ns@style.example\n</style>"
	    "</HEAD>\n<BODY>\n\n<P><FONT SIZE=2>Your message<BR>\n<BR>\n&nbsp; To: "
	    "list@b.example<BR>\n"
	    "&nbsp; Subject: hello<BR>\n&nbsp; Sent: today<BR>\n<BR>\ndid not reach "
	    "these:<BR>\n<BR>\n"
	    "a@b.example on Thu, 11 Jul 2002 16:54:54 -0300<BR>\n&nbsp; unknown<BR>\n</FONT>\n</P>\n",
	    "nowhere +lines\nfailed final=a@b.example");
	/* all on one line, or what is no HTML at all */
	html_wants(html, "<p>Not delivered to:</p><div>&lt;a@b.example&gt;:</div><div>no such user</div>",
	    "nowhere +lines\nfailed final=a@b.example");
	html_wants(html, "Not delivered to:<br><a@b.example>:<br>no such user",
	    "nowhere +lines\nfailed final=a@b.example");
	html_wants(html,
	    "<table><tr><td>Recipient:</td><td>a@b.example</td></tr><tr><td>From "
	    "x@y.example</td></tr>",
	    "nowhere +lines\nfailed final=a@b.example");
	html_wants(html, "<ul><li><a\nhref=\"mailto:x@y.example\">a&#64;b.example</a></li></ul>",
	    "nowhere +lines\nfailed final=a@b.example");
	html_wants(html,
	    "I was not able to deliver it.\n\nSubject: hello\nTo: a@b.example\n\n---Below is a copy "
	    "of the "
	    "message.\n",
	    "nowhere +lines\nfailed final=a@b.example");
	html_wants(html_quoted, "<p>To these:<br>=\n</p><p>a@=\nb.example<br></p>=\n",
	    "nowhere +lines\nfailed final=a@b.example");
	html_wants(html,
	    "<p>a@b.example</p><p>Original message headers:</p><pre>\nFrom: x@y.example\n"
	    "Message-ID: &lt;1@y&gt;\nSubject: s\n</pre>",
	    "text id=<1@y> +lines\nfailed final=a@b.example");
}

/* Beside a text it says the same; behind the message it is that one's. */
/* Many programs write '+' and '@' so. */
Test(dsn_notice, html_entities)
{
	static const char *const rows[] = { "a&#43;x&#64;b.example", "a&#x2B;x&#x40;b.example",
		"a&#x2b;x&commat;b.example", "&lt;a+x@b.example&gt;", "&#60;a+x@b.example&#62;",
		"&apos;a+x@b.example&#39;&#160;&nbsp;is full" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		html_wants(html, rows[i], "nowhere +lines\nfailed final=a+x@b.example");
}

Test(dsn_notice, html_beside)
{
	html_wants(mixed,
	    "--b\nContent-Type: text/plain\n\na@b.example\n--b\nContent-Type: "
	    "text/html\n\n<p>x@y.example</p>\n--b--\n",
	    "nowhere +lines\nfailed final=a@b.example");
	html_wants(mixed,
	    "This has several parts.\n--b\nContent-Type: text/html\n\n<p>a@b.example</p>\n--b\n"
	    "Content-Type: message/rfc822\n\nMessage-ID: <1@y>\n\n--b\nContent-Type: "
	    "text/html\n\n<p>x@y.example</p>\n--b--\n",
	    "part id=<1@y> +lines\nfailed final=a@b.example");
}

Test(dsn_notice, html_broken)
{
	struct buf body;

	html_wants(html, "<p>a@b.example</p><p", "nowhere +lines\nfailed final=a@b.example");
	html_wants(html, "<style>a@b.example", "nowhere");
	html_wants(html, "<p><", "nowhere");
	html_wants(html, "& &l &lt 1 < 2<br>a@b.example", "nowhere +lines\nfailed final=a@b.example");
	html_wants(html, "&# &#; &#x &#xg; &#64 &#9999999999;<br>a@b.example",
	    "nowhere +lines\nfailed final=a@b.example");
	buf_init(&body, 0);
	buf_printf(&body, "<p class=\"");
	for (int i = 0; i < 5000; i++)
		buf_printf(&body, "x");
	buf_printf(&body, "\">");
	for (int i = 0; i < 5000; i++)
		buf_printf(&body, "y");
	buf_printf(&body, "</p><p>a@b.example</p>");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		rig_want("long", rig_scan(html, buf_str(&body), steps[i]),
		    "nowhere +lines\nfailed final=a@b.example");
	buf_fini(&body);
}

/* The message comes back as a file whose name is told in one of many ways. */
Test(dsn_notice, a_file_by_its_name)
{
#define FILE_TYPE "Content-Type: application/octet-stream"
#define FILE_HOW "Content-Disposition: attachment"
#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
	static const struct {
		const char *head;
		bool message;
	} rows[] = {
		{ FILE_TYPE "; name=x.EML\n", true },
		{ FILE_TYPE "\n" FILE_HOW "; filename=\"x y.eml\"\n", true },
		{ FILE_HOW ";\n\tfilename=x.822\n" FILE_TYPE "\n", true },
		{ FILE_TYPE "; name=\"=?gb18030?B?1K3Tyrz+LmVtbA==?=\"\n", true },
		{ FILE_TYPE "; name*=utf-8''%E5%8E%9F.eml\n", true },
		{ FILE_TYPE "\n" FILE_HOW "; filename*=utf-8''%E5%8E%9F.eml\n", true },
		{ FILE_TYPE ";\n name*0*=utf-8''%E5%8E%9F;\n name*1=\".eml\"\n", true },
		{ FILE_TYPE "\n" FILE_HOW ";\n filename*0=\"x;\";\n filename*1=\"y.eml\"\n", true },
		{ FILE_TYPE "\n" FILE_HOW ";\n filename*0=\"x.eml\";\n filename*1=\".zip\"\n", false },
		{ FILE_TYPE "\n" FILE_HOW "; filenames=x.eml; filename\n", false },
		{ FILE_TYPE "\n" FILE_HOW "; filename=" LONG LONG LONG "x.eml\n", true },
		{ FILE_TYPE "\n" FILE_HOW "; filename=x.bin\n", false },
		{ FILE_TYPE "\n" FILE_HOW "\n", false },
		{ "Content-Type: application/pdf\n" FILE_HOW "; filename=x.eml\n", false },
	};
	char body[600];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body),
		    "--B\n\nIt failed.\n--B\n%s\nMessage-ID: <1@x.example>\nFrom: "
		    "a@x.example\n\nHello\n--B--\n",
		    rows[i].head);
		rig_want(rows[i].head,
		    rig_scan("From: MAILER-DAEMON@mx.example\nContent-Type: multipart/mixed; boundary=B\n",
			str_of(body), 7),
		    rows[i].message ? "part id=<1@x.example>" : "nowhere");
	}
}
