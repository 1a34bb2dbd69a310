/* SPDX-License-Identifier: ISC */
/* Bounces in the shapes that mail servers give them, in pieces of all sizes. */
#include <stdio.h>

#include "dsn_rig.h"

TestSuite(dsn, .init = rig_init, .fini = rig_fini);

#define REPORT "Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"B1\"\n"
#define PLAIN "Content-Type: text/plain; charset=us-ascii\n"

static const struct {
	const char *name, *header, *body, *want;
} shapes[] = {
	{ "Postfix", REPORT,
	    "This is a MIME-encapsulated message.\n\n--B1\nContent-Description: Notification\n"
	    "Content-Type: text/plain; charset=us-ascii\n\nThis is the mail system at host "
	    "mx.example.org.\n\n"
	    "<gone@example.net>: host mx.example.net[192.0.2.9] said: 550 5.1.1 no such user\n\n--B1\n"
	    "Content-Description: Delivery report\nContent-Type: message/delivery-status\n\n"
	    "Reporting-MTA: dns; mx.example.org\nX-Postfix-Queue-ID: 4Xyz\n"
	    "X-Postfix-Sender: rfc822; list@example.org\nArrival-Date: Mon,  2 Nov 2026 09:00:00 +0000\n\n"
	    "Final-Recipient: rfc822; gone@example.net\nOriginal-Recipient: rfc822;Gone@example.net\n"
	    "Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.example.net\n"
	    "Diagnostic-Code: smtp; 550 5.1.1\n    no such user\n\n--B1\n"
	    "Content-Description: Undelivered Message\nContent-Type: message/rfc822\n\n"
	    "Return-Path: <list@example.org>\nReceived: from a by b;\n\tMon, 2 Nov 2026 09:00:00 +0000\n"
	    "From: Ann <ann@example.com>\nTo: list@example.org\nMessage-ID: <1@example.com>\n"
	    "List-Id: The list <list.example.org>\nSubject: x\n\nMessage-ID: <not@header>\n--B1--\n",
	    "part id=<1@example.com> mta=mx.example.org +status\n"
	    "failed final=gone@example.net original=Gone@example.net action=failed status=5.1.1 "
	    "remote=mx.example.net" },
	{ "Postfix, headers only, late", REPORT,
	    "--B1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n"
	    "Final-Recipient: rfc822; slow@example.net\nAction: delayed\nStatus: 4.4.1\n\n--B1\n"
	    "Content-Type: text/rfc822-headers\n\nMessage-Id: <2@example.com>\nFrom: "
	    "ann@example.com\n--B1--\n",
	    "part id=<2@example.com> mta=mx.example.org +status\n"
	    "not final=slow@example.net action=delayed status=4.4.1" },
	{ "Sendmail", REPORT,
	    "This is a MIME-encapsulated message\n\n--B1\n\nThe original message was received at Mon, 2 Nov\n"
	    "from localhost\n\n   ----- The following addresses had permanent fatal errors -----\n"
	    "<one@example.net>\n    (reason: 550 5.1.1 <one@example.net>... User unknown)\n\n--B1\n"
	    "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mail.example.org\n"
	    "Received-From-MTA: DNS; localhost\nArrival-Date: Mon, 2 Nov 2026 09:00:00 +0000\n\n"
	    "Original-Recipient: rfc822;One+2Btag@example.net\nFinal-Recipient: RFC822; <one@example.net>\n"
	    "X-Actual-Recipient: RFC822; one@inner.example.net\nAction: failed (user)\n"
	    "Status: 5.1.1 (Bad destination)\nRemote-MTA: DNS; inner.example.net (192.0.2.3)\n\n"
	    "Final-Recipient: RFC822; two@example.net\nAction: FAILED\nStatus: 5.2.2\n\n--B1\n"
	    "Content-Type: message/rfc822\n\nReturn-Path: <>\nMessage-Id:\n <3@example.com>\n"
	    "From: \"B, C\" <bc@example.com>\n\nbody\n\n--B1--\n\n",
	    "part id=<3@example.com> mta=mail.example.org +status\n"
	    "failed final=one@example.net original=One+tag@example.net action=failed status=5.1.1 "
	    "remote=inner.example.net\n"
	    "failed final=two@example.net action=failed status=5.2.2" },
	{ "old Sendmail", "Subject: Returned mail: User unknown\n",
	    "   ----- Transcript of session follows -----\n550 <x@y.example>... User unknown\n\n"
	    "   ----- The following addresses had delivery problems -----\njoe@example.net... User "
	    "unknown\n\n"
	    "   ----- Unsent message follows -----\nReceived: by mx.example.com; id 0;\n"
	    "    Thu, 29 Apr 1995 23:34:45 +0900\nFrom: ann@example.com\nMessage-Id: "
	    "<4@example.com>\n\ntext\n",
	    "text id=<4@example.com> +lines\nfailed final=joe@example.net" },
	{ "qmail", PLAIN,
	    "Hi. This is the qmail-send program at example.net.\nI'm afraid I wasn't able to deliver your\n"
	    "message to the following addresses.\n\n<joe@example.net>:\nSorry, no mailbox here.\n\n"
	    "<ann@example.net>:\n192.0.2.4 does not like recipient.\n\n"
	    "--- Below this line is a copy of the message.\n\nReturn-Path: <list@example.org>\n"
	    "Received: (qmail 1 invoked by uid 0); 2 Nov 2026 09:00:00 -0000\nMessage-ID: <5@example.com>\n"
	    "From: ann@example.com\n\n<not@example.net>:\n",
	    "text id=<5@example.com> +lines\n"
	    "failed final=joe@example.net\nfailed final=ann@example.net" },
	{ "Exim, text", "X-Failed-Recipients: joe@example.net,\n ann@example.net\n" PLAIN,
	    "This message was created automatically by mail delivery software.\n\n"
	    "A message that you sent could not be delivered to one or more of its\nrecipients. This is a\n"
	    "permanent error. The following address(es) failed:\n\n  joe@example.net\n    host mx "
	    "[192.0.2.1]:\n"
	    "    550 Unknown user\n\n------ This is a copy of the message, including all the headers. "
	    "------\n"
	    "------ The body of the message is 9 characters long; only the first\n------ 9 are here.\n\n"
	    "Return-path: <ann@example.com>\nReceived: from a by b\n\tid 1\nMessage-ID: <6@example.com>\n"
	    "From: Ann <ann@example.com>\n\nhello\n",
	    "text id=<6@example.com> +field\n"
	    "failed final=joe@example.net\nfailed final=ann@example.net" },
	{ "Exim, MIME",
	    "X-Failed-Recipients: joe@example.net\nReferences: <0@example.com> <7@example.com>\n" REPORT,
	    "--B1\nContent-type: text/plain; charset=us-ascii\n\n  joe@example.net\n    Unrouteable "
	    "address\n\n"
	    "--B1\nContent-type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n"
	    "Action: failed\nFinal-Recipient: rfc822;joe@example.net\nStatus: 5.0.0\n\n--B1\n"
	    "Content-type: message/rfc822\n\nReturn-path: <ann@example.com>\nMessage-Id: <7@example.com>\n"
	    "From: ann@example.com\n\nhello\n\n--B1--\n",
	    "part id=<7@example.com> mta=mx.example.org +status\n"
	    "failed final=joe@example.net action=failed status=5.0.0" },
	{ "Exchange 2003", REPORT,
	    "This is a MIME-formatted message.\n\n--B1\nContent-Type: text/plain; "
	    "charset=unicode-1-1-utf-7\n\n"
	    "This is an automatically generated Delivery Status Notification.\n\n"
	    "Delivery to the following recipients failed.\n\n       joe@example.net\n\n\n\n--B1\n"
	    "Content-Type: message/delivery-status\n\nReporting-MTA: dns;ex.example.net\n"
	    "Received-From-MTA: dns;mx.example.org\n\nFinal-Recipient: rfc822;joe@example.net\n"
	    "Action: failed\nStatus: 5.1.1\n\n--B1\nContent-Type: message/rfc822\n\n"
	    "Received: from a by b\nX-MimeOLE: Produced\nContent-class: urn:content-classes:message\n"
	    "MIME-Version: 1.0\nMessage-ID: <8A@ex.example.com>\nFrom: \"Ann\" <ann@example.com>\n\n--B1--\n",
	    "part id=<8A@ex.example.com> mta=ex.example.net +status\n"
	    "failed final=joe@example.net action=failed status=5.1.1" },
	{ "Exchange Online",
	    "Content-Type: multipart/report; report-type=delivery-status; boundary=\"_out_\"\n",
	    "--_out_\nContent-Type: multipart/alternative; differences=Content-Type;\n\tboundary=\"_in_\"\n\n"
	    "--_in_\nContent-Type: text/plain; charset=\"us-ascii\"\n"
	    "Content-Transfer-Encoding: quoted-printable\n\nYour message to joe@example.net could not be =\n"
	    "delivered.\n\nOriginal Message Headers\n\nReceived: from a by b\nMessage-ID: "
	    "<9@ex.exam=\nple.com>\n"
	    "From: Ann <ann=40example.com>\n\n--_in_\nContent-Type: text/html\n\n<p>Message-ID: "
	    "&lt;x&gt;</p>\n"
	    "--_in_--\nepilogue\n--_out_\nContent-Type: message/delivery-status\n\n"
	    "Reporting-MTA: dns;ex.example.net\nReceived-From-MTA: dns;mx\n\n"
	    "Final-Recipient: rfc822;joe@example.net\nAction: failed\nStatus: 5.1.10\n"
	    "Diagnostic-Code: smtp;550 5.1.10\n\n\n--_out_\nContent-Type: message/rfc822\n\n"
	    "Message-ID: <9@ex.example.com>\nFrom: Ann <ann@example.com>\nX-Other: 1\n\n--_out_--\n",
	    "part id=<9@ex.example.com> mta=ex.example.net +status\n"
	    "failed final=joe@example.net action=failed status=5.1.10" },
	{ "Gmail", "X-Failed-Recipients: joe@example.net\n" REPORT,
	    "--B1\nContent-Type: multipart/related; boundary=\"B2\"\n\n--B2\n"
	    "Content-Type: multipart/alternative; boundary=\"B3\"\n\n--B3\n"
	    "Content-Type: text/plain; charset=\"UTF-8\"\n\n** Address not found **\n\n--B3\n"
	    "Content-Type: text/html\n\n<html>\n--B3--\n--B2\nContent-Type: image/png; name=\"icon.png\"\n"
	    "Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--B2--\n--B1\n"
	    "Content-Type: message/delivery-status\n\nReporting-MTA: dns; googlemail.example\n"
	    "Received-From-MTA: dns; ann@example.com\nX-Original-Message-ID: <10@mail.example.com>\n\n"
	    "Final-Recipient: rfc822; joe@example.net\nAction: failed\nStatus: 5.1.1\n"
	    "Remote-MTA: dns; mx.example.net. (192.0.2.9, the server for the domain example.net.)\n\n--B1\n"
	    "Content-Type: message/rfc822\n\nX-Received: by 2002:a; Mon\n\tPST\nFrom: Ann <ann@example.com>\n"
	    "Subject: no id here\n\nhello\n--B1--\n",
	    "status id=<10@mail.example.com> mta=googlemail.example +status\n"
	    "failed final=joe@example.net action=failed status=5.1.1 remote=mx.example.net." },
	{ "Domino", "MIME-Version: 1.0\n" REPORT,
	    "--B1\nContent-type: text/plain; charset=US-ASCII\n\n------- Failure Reasons  --------\n\n"
	    "User not listed in directory\njoe@example.net\n\n\n------- Returned Message --------\n\n--B1\n"
	    "Content-type: message/delivery-status\n\nReporting-MTA: dns;domino.example.net\n\n"
	    "Final-Recipient: rfc822;joe@example.net\nAction: failed\nStatus: 5.1.1\n"
	    "Diagnostic-Code: X-Notes; User not listed\n\n--B1\nContent-type: message/rfc822\n\n"
	    "Received: from a by b\nMessage-Id: <11@example.com>\nFrom: ann@example.com\n\n\n--B1--\n",
	    "part id=<11@example.com> mta=domino.example.net +status\n"
	    "failed final=joe@example.net action=failed status=5.1.1" },
	{ "Notes, text", PLAIN,
	    "------- Failure Reasons  --------\n\nUser not listed in directory\njoe@example.net\n\n"
	    "------- Returned Message --------\n\nReceived: from a by b\nMessage-Id: <12@example.com>\n"
	    "From: ann@example.com\n\nhi\n",
	    "text id=<12@example.com> +lines\nfailed final=joe@example.net" },
	{ "fields in a text", PLAIN,
	    "This report relates to a message you sent:\n\n  Message-id: <13@example.com>\n  From: "
	    "ann@example.com\n\n"
	    "It cannot be delivered.\n\nReporting-MTA: dns; mx.example.net\n\nAction: failed\n"
	    "Status: 5.0.0 (rejected)\nOriginal-recipient: rfc822;a@example.net\n"
	    "Final-recipient: rfc822;a@example.net\nRemote-MTA: dns; in.example.net\n (TCP|192.0.2.25)\n",
	    "text id=<13@example.com> mta=mx.example.net +status\n"
	    "failed final=a@example.net original=a@example.net action=failed status=5.0.0 "
	    "remote=in.example.net" },
	{ "quoted", PLAIN,
	    "Your mail came back.\n\n> Received: from a by b\n> \tid 1\n> Message-ID: <14@example.com>\n"
	    "> Subject: x\n>\n> hello\n",
	    "text id=<14@example.com>" },
	{ "base64", PLAIN "Content-Transfer-Encoding: base64\n",
	    /* "It failed.\n\njoe@example.net\n\nFrom: ann@example.com\nMessage-ID: <15@example.com>\n" */
	    "SXQgZmFpbGVkLgoKam9lQGV4YW1wbGUubmV0CgpGcm9tOiBhbm5AZX\nhhbXBsZS5jb20K\nTWVzc2FnZS1JRDogPDE1QGV4"
	    "YW1w\n"
	    "bGUuY29tPgo=\n",
	    "text id=<15@example.com> +lines\nfailed final=joe@example.net" },
	{ "base64 part", REPORT,
	    "--B1\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: BASE64\n\n"
	    /* "Reporting-MTA: dns; m.example\n\nFinal-Recipient: rfc822; j@example.net\nAction: failed" */
	    "UmVwb3J0aW5nLU1UQTogZG5zOyBtLmV4YW1wbGUKCkZpbmFsLVJlY2lwaWVudDogcmZjODIyOyBqQGV4YW1wbGUubmV0CkFj"
	    "\n"
	    "dGlvbjogZmFpbGVk\n--B1\nContent-Type: message/rfc822\nContent-Transfer-Encoding: "
	    "quoted-printable\n\n"
	    "Message-ID: =3C16=40example.com=3E\nSubject: =\n=3D\n--B1--\n",
	    "part id=<16@example.com> mta=m.example +status\nfailed final=j@example.net action=failed" },
	{ "internationalised",
	    "Content-Type: multipart/report; report-type=global-delivery-status; boundary=B1\n",
	    "--B1\nContent-Type: message/global-delivery-status\n\nReporting-MTA: dns; m.example\n\n"
	    "Final-Recipient: utf-8; j\xc3\xb6@example.net\nAction: failed\nStatus: 5.1.1\n\n--B1\n"
	    "Content-Type: message/global-headers\n\nMessage-ID: <17@example.com>\n--B1--\n",
	    "part id=<17@example.com> mta=m.example +status\n"
	    "failed final=j\xc3\xb6@example.net action=failed status=5.1.1" },
	{ "read receipt",
	    "Content-Type: multipart/report; report-type=disposition-notification; boundary=B1\n",
	    "--B1\n\nYour message was displayed.\n\n--B1\nContent-Type: message/disposition-notification\n\n"
	    "Reporting-UA: phone; app\nFinal-Recipient: rfc822;joe@example.net\n"
	    "Original-Message-ID: <18@example.com>\nDisposition: manual-action/MDN-sent-manually; displayed\n"
	    "\n--B1--\n",
	    "status id=<18@example.com>" },
	{ "feedback report", "Content-Type: multipart/report; report-type=feedback-report; boundary=B1\n",
	    "--B1\nContent-Type: text/plain\n\nAn abuse report.\n--B1\nContent-Type: "
	    "message/feedback-report\n\n"
	    "Feedback-Type: abuse\nOriginal-Rcpt-To: <joe@example.net>\n\n--B1\nContent-Type: "
	    "message/rfc822\n\n"
	    "From: ann@example.com\nMessage-ID: <19@example.com>\n\nx\n--B1--\n",
	    "part id=<19@example.com>" },
	{ "returned message alone", "Content-Type: message/rfc822\n",
	    "\nMessage-ID: <20@example.com>\nFrom: ann@example.com\n\nMessage-ID: <no@x>\n",
	    "part id=<20@example.com>" },
	{ "the message as a file", "Content-Type: multipart/mixed; boundary=B1\n",
	    "--B1\nContent-Type: text/plain\n\nUndeliverable to the following:\n\tj@example.net (unknown)\n\n"
	    "--B1\nContent-Type: Application/Octet-Stream; name=\"Mime.822\"\n"
	    "Content-Transfer-Encoding: base64\n\n"
	    "TWVzc2FnZS1JRDogPDI1QGV4YW1wbGUuY29tPgpGcm9tOiBhbm5AZXhhbXBsZS5jb20KCmJvZHkK\n--B1--\n",
	    "part id=<25@example.com> +lines\nfailed final=j@example.net" },
	{ "another file", "Content-Type: multipart/mixed; boundary=B1\n",
	    "--B1\nContent-Type: application/octet-stream; name=x.bin\n\n"
	    "Message-ID: <26@example.com>\nFrom: ann@example.com\n\n--B1--\n",
	    "nowhere" },
	{ "status alone", "Content-Type: message/delivery-status\nIn-Reply-To: <21@example.com>\n",
	    "Reporting-MTA: dns; m.example\n\nFinal-Recipient: rfc822; j@example.net\nAction: failed\n",
	    "reference id=<21@example.com> mta=m.example +status\nfailed final=j@example.net action=failed" },
	{ "references only", "References: <0@example.com> <22@example.com>\n" PLAIN, "It failed.\n",
	    "reference id=<22@example.com>" },
	{ "nothing", PLAIN, "It failed. Write to postmaster@example.org\npostmaster@example.org\n",
	    "nowhere" },
	{ "empty", PLAIN, "", "nowhere" },
	{ "wrapped by a filter", "Content-Type: multipart/mixed; boundary=out\n",
	    "--out\nContent-Type: multipart/report; report-type=delivery-status; boundary=out2\n\n--out2\n"
	    "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; j@example.net\nAction: "
	    "failed\n\n"
	    "--out2\nContent-Type: message/rfc822\n\nMessage-ID: <23@example.com>\n\n--out2--\n--out\n\n"
	    "scanned by x\n--out--\n",
	    "part id=<23@example.com> +status\nfailed final=j@example.net action=failed" },
	{ "returned message before the status", REPORT,
	    "--B1\nContent-Type: message/rfc822\n\nMessage-ID: <24@example.com>\n\nFinal-Recipient: rfc822; "
	    "n@o\n"
	    "--B1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; m.example\n"
	    "Final-Recipient: rfc822; j@example.net\nAction: failed\n--B1--\n",
	    "part id=<24@example.com> mta=m.example +status\nfailed final=j@example.net action=failed" },
};

static const size_t steps[] = { 1, 2, 3, 7, SIZE_MAX / 2 };

/* The body with another line end, in a buffer of its own. */
static void
with_line_ends(struct buf *out, const char *text, const char *end)
{
	buf_reset(out);
	for (; *text; text++) {
		if (*text == '\n')
			buf_append(out, end, strlen(end));
		else
			buf_append(out, text, 1);
	}
}

Test(dsn, shapes)
{
	static const char *const ends[] = { "\n", "\r\n", "\r\r\n" };
	struct buf body;

	buf_init(&body, 0);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		for (size_t e = 0; e < ARRAY_LEN(ends); e++) {
			with_line_ends(&body, shapes[i].body, ends[e]);
			for (size_t s = 0; s < ARRAY_LEN(steps); s++)
				rig_want(shapes[i].name, rig_scan(shapes[i].header, buf_str(&body), steps[s]),
				    shapes[i].want);
		}
	}
	buf_fini(&body);
}

/* What single lines come to. */
Test(dsn, status_values)
{
	static const struct {
		const char *lines, *want;
	} cases[] = {
		{ "Final-Recipient: rfc822; a@b\nAction: failed", "final=a@b action=failed" },
		{ "FINAL-RECIPIENT : RFC822 ; a@b\nAction: failed", "final=a@b action=failed" },
		{ "Final-Recipient: a@b\nAction: failed", "final=a@b action=failed" },
		{ "Final-Recipient: LOCAL; root\nAction: failed", "final=root action=failed" },
		{ "Final-Recipient: rfc822;\n a@b\nAction:\n\tfailed", "final=a@b action=failed" },
		{ "Final-Recipient: rfc822;\nOriginal-Recipient: rfc822; o@b\nAction: failed",
		    "original=o@b action=failed" },
		{ "Original-Recipient: rfc822;a+2Bb+3Dc@d\nAction: failed",
		    "original=a+b=c@d action=failed" },
		/* no xtext: somebody did undo it, or it never was */
		{ "Original-Recipient: rfc822;a+2026@d\nAction: failed", "original=a+2026@d action=failed" },
		{ "Original-Recipient: rfc822;a+2Bb+c@d\nAction: failed",
		    "original=a+2Bb+c@d action=failed" },
		{ "Original-Recipient: rfc822;a+2Bb=c@d\nAction: failed",
		    "original=a+2Bb=c@d action=failed" },
		{ "Original-Recipient: rfc822;a@d+\nAction: failed", "original=a@d+ action=failed" },
		/* its type twice */
		{ "Original-Recipient: rfc822; rfc822;o@b\nAction: failed", "original=o@b action=failed" },
		{ "Original-Recipient: rfc822; RFC822; rfc822; <o@b>\nAction: failed",
		    "original=o@b action=failed" },
		/* comments and names */
		{ "Final-Recipient: rfc822; a@b (Ann \\) (A))\nAction: failed", "final=a@b action=failed" },
		{ "Final-Recipient: rfc822 (x) ; (y) <a@b>\nAction: failed", "final=a@b action=failed" },
		{ "Final-Recipient: rfc822; Ann <a@b>\nAction: failed", "final=a@b action=failed" },
		{ "Final-Recipient: rfc822; \"a (b) <c>\"@d\nAction: failed",
		    "final=\"a (b) <c>\"@d action=failed" },
		{ "Final-Recipient: rfc822;/O=FIRM/OU=GROUP (FYDIBOHF23SPDLT)/CN=ANN\nAction: failed",
		    "final=/O=FIRM/OU=GROUP (FYDIBOHF23SPDLT)/CN=ANN action=failed" },
		/* letters of an international address in ASCII (RFC 6533 3) */
		{ "Final-Recipient: utf-8;bj\\x{F8}rn\\x{20AC}\\x{1F600}@b\nAction: failed",
		    "final=bj\xc3\xb8rn\xe2\x82\xac\xf0\x9f\x98\x80@b action=failed" },
		{ "Original-Recipient: UTF-8 ; \\x{5C}\\x{2B}@b\nAction: failed",
		    "original=\\+@b action=failed" },
		{ "Final-Recipient: utf-8;\\x{A}\\x{0}\\x{D800}\\x{110000}\\x{}\\x{g}\\x{1234567}\\x{e9\n"
		  "Action: failed",
		    "final=\\x{A}\\x{0}\\x{D800}\\x{110000}\\x{}\\x{g}\\x{1234567}\\x{e9 action=failed" },
		{ "Final-Recipient: rfc822;\\x{F8}@b\nAction: failed", "final=\\x{F8}@b action=failed" },
		/* final recipients are none (RFC 3464 2.3.2) */
		{ "Final-Recipient: rfc822;a+2Bb@d\nAction: failed", "final=a+2Bb@d action=failed" },
		/* the first of two wins; an empty line within a group */
		{ "Final-Recipient: rfc822; a@b\nAction: failed\nAction: delayed\nStatus: 5.0.0\nStatus: "
		  "4.0.0",
		    "final=a@b action=failed status=5.0.0" },
		{ "Final-Recipient: rfc822; a@b\n\nAction: failed\nStatus: 5.0.0",
		    "final=a@b action=failed status=5.0.0" },
		/* all of it indented */
		{ "  Final-Recipient: rfc822; a@b\n  Action: failed\n    (really)\n  Status: 5.0.0",
		    "final=a@b action=failed status=5.0.0" },
	};
	struct buf body;

	buf_init(&body, 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str got;

		buf_reset(&body);
		buf_printf(
		    &body, "--B1\nContent-Type: message/delivery-status\n\n%s\n\n--B1--\n", cases[i].lines);
		got = rig_text(rig_scan(REPORT, buf_str(&body), 5));
		buf_reset(&body);
		buf_printf(&body, "nowhere +status\nfailed %s", cases[i].want);
		cr_assert(str_eq(got, buf_str(&body)), "%s: %.*s", cases[i].lines, STR_FMT(got));
	}
	buf_fini(&body);
}

Test(dsn, two_recipients_without_a_gap)
{
	rig_want("gap",
	    rig_scan("Content-Type: message/delivery-status\n",
		STR("Reporting-MTA: dns; m\nFinal-Recipient: rfc822; a@b\nAction: failed\n"
		    "Final-Recipient: rfc822; c@d\nAction: delayed\nStatus: 4.0.0\n"),
		4),
	    "nowhere mta=m +status\nfailed final=a@b action=failed\nnot final=c@d action=delayed "
	    "status=4.0.0");
}

Test(dsn, failed)
{
	static const struct {
		const char *action, *status;
		bool failed;
	} cases[] = {
		{ "failed", "5.1.1", true },
		{ "failed", "4.4.7", true },
		{ "failure", "", true },
		{ "delayed", "5.0.0", false },
		{ "delivered", "2.0.0", false },
		{ "relayed", "", false },
		{ "success", "2.0.0", false },
		{ "failure", "2.0.0", true },
		{ "expanded", "", false },
		{ "", "", true },
		{ "", "5.0.0", true },
		{ "", "4.0.0", false },
		{ "", "2.1.5", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dsn_rcpt r = { .action = str_of(cases[i].action), .status = str_of(cases[i].status) };

		cr_assert_eq(dsn_rcpt_failed(&r), cases[i].failed, "%zu", i);
	}
	cr_assert(
	    str_eq(dsn_rcpt_addr(&(struct dsn_rcpt){ .final_rcpt = STR("f"), .original_rcpt = STR("o") }),
		STR("o")));
	cr_assert(str_eq(dsn_rcpt_addr(&(struct dsn_rcpt){ .final_rcpt = STR("f") }), STR("f")));
}

Test(dsn, success)
{
	static const struct {
		const char *status;
		bool success;
	} cases[] = {
		{ "Final-Recipient: rfc822; a@b\nAction: delivered\nStatus: 2.0.0\n", true },
		{ "Final-Recipient: rfc822; a@b\nAction: success\nStatus: 2.0.0\n", true },
		{ "Final-Recipient: rfc822; a@b\nAction: Relayed\n\n"
		  "Final-Recipient: rfc822; c@d\nAction: expanded\n",
		    true },
		{ "Final-Recipient: rfc822; a@b\nAction: delivered\n\n"
		  "Final-Recipient: rfc822; c@d\nAction: failed\n",
		    false },
		{ "Final-Recipient: rfc822; a@b\nAction: delayed\n", false },
		{ "Final-Recipient: rfc822; a@b\nStatus: 2.0.0\n", false },
		{ "Reporting-MTA: dns; m.example\n", false },
		{ "Action: delivered\n", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_eq(dsn_success(rig_scan(
				 "Content-Type: message/delivery-status\n", str_of(cases[i].status), 5)),
		    cases[i].success, "%zu", i);
	cr_assert_not(dsn_success(rig_scan(PLAIN "X-Failed-Recipients: a@b\n", STR("It failed.\n"), 5)));
}

/* Lines that look like a header, and those that do not. */
Test(dsn, text_blocks)
{
	static const struct {
		const char *body, *want;
	} cases[] = {
		{ "Message-ID: <1@x>\nFrom: a@b.example\n", "text id=<1@x>" },
		{ "From: a@b.example\nMessage-ID: <1@x>\n", "text id=<1@x>" },
		{ "X-Any: 1\nMessage-ID: <1@x>\n", "text id=<1@x>" },
		/* alone, or among words */
		{ "Message-ID: <1@x>\n", "nowhere" },
		{ "The mail with\nMessage-ID: <1@x>\nwas lost.\nFrom: a@b.example\n", "nowhere" },
		{ "Reason: unknown\nMessage-ID: <1@x>\n", "nowhere" },
		{ "See Message-ID: <1@x>\nFrom: a@b.example\n", "nowhere" },
		{ "From: a@b.example\n\nMessage-ID: <1@x>\n", "nowhere" },
		/* announced */
		{ "--- Original message ---\nMessage-ID: <1@x>\n", "text id=<1@x>" },
		{ "Original message headers:\n\n\nMessage-ID: 1@x\n", "text id=1@x" },
		{ "Original message\nMessage-ID: <1@x>\n", "nowhere" },
		/* no id: what the text then holds is not its own */
		{ "--- Original message ---\nFrom: a@b.example\nTo: c@d\nSubject: x\n\n"
		  "> From: c@d\n> Message-ID: <2@x>\n",
		    "nowhere" },
		/* an id that does not look like one */
		{ "From: a@b.example\nMessage-ID: none\n", "nowhere" },
		{ "From: a@b.example\nMessage-ID: <cut@\n", "nowhere" },
		/* the first one */
		{ "From: a@b.example\nMessage-ID: <1@x>\n\nFrom: c@d.example\nMessage-ID: <2@x>\n",
		    "text id=<1@x>" },
		/* two blocks side by side are two */
		{ "  From: a@b.example\nMessage-ID: <1@x>\n", "nowhere" },
		{ "From: a@b.example\n  Message-ID: <1@x>\n", "nowhere" },
		{ "| From: a@b.example\n| Message-ID: <1@x>\n", "text id=<1@x>" },
		{ "\tFrom: a@b.example\n        Message-ID: <1@x>\n", "text id=<1@x>" },
		{ "From: a@b.example\nMessage-ID:\n\t<1@x>", "text id=<1@x>" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t s = 0; s < ARRAY_LEN(steps); s++)
			rig_want(
			    cases[i].body, rig_scan(PLAIN, str_of(cases[i].body), steps[s]), cases[i].want);
}

/* So that the line has not the only address. */
static const struct dsn_facts *
scan_among_others(const char *line)
{
	char body[200];

	snprintf(body, sizeof(body), "%s\n\nSee x@x.example or y@x.example.\n", line);
	return rig_scan(PLAIN, str_of(body), 3);
}

Test(dsn, text_recipients)
{
	static const struct {
		const char *line, *want; /* NULL: none */
	} cases[] = {
		{ "<a@b.example>", "a@b.example" },
		{ "<a@b.example>:", "a@b.example" },
		{ "<a@b.example>: unknown user", "a@b.example" },
		{ "   a@b.example", "a@b.example" },
		{ "a@b.example:", "a@b.example" },
		{ "a@b.example: no such user", "a@b.example" },
		{ "a@b.example... User unknown", "a@b.example" },
		{ "a@b.example (generated from c@d.example)", "a@b.example" },
		{ "a@b.example [User unknown]", "a@b.example" },
		{ "  * a@b.example", "a@b.example" },
		{ "-- a@b.example", "a@b.example" },
		{ ">>> a@b.example <a@b.example>", "a@b.example" },
		{ "\"a@b.example\":", "a@b.example" },
		{ "\"a@b.example", NULL },
		{ "\"", NULL },
		{ "550 <a@b.example>... User unknown", "a@b.example" },
		{ "550 a@b.example... User unknown", "a@b.example" },
		{ "250 a@b.example... Sender ok", NULL },
		{ "55 a@b.example... no code", NULL },
		{ "550", NULL },
		/* within sentences */
		{ "There was an error delivering your mail to <a@b.example>.", "a@b.example" },
		{ "The following message to a@b.example was undeliverable.", "a@b.example" },
		{ "Your message to: a@b.example", "a@b.example" },
		{ "MX <mx.b.example> rejected recipient <a@b.example> (at RCPT)", "a@b.example" },
		{ "RCPT TO:<a@b.example> SIZE=1", "a@b.example" },
		{ "Unknown user: a@b.example", "a@b.example" },
		{ "could not be delivered to 'a@b.example'", "a@b.example" },
		{ "a@b.example Invalid Address, ERROR :550", "a@b.example" },
		{ "undeliverable  to a@b.example", "a@b.example" },
		{ "Invalid final delivery userid: a@b.example", "a@b.example" },
		{ "Delivery failed 20 attempts: a@b.example", "a@b.example" },
		{ "Delivery failed 3 attempts: a@b.example", "a@b.example" },
		{ "After several attempts to reach a@b.example", NULL },
		{ "\t* [a@b.example]: 550 a@b.example...User over quota", "a@b.example" },
		{ "[a@b.example", NULL },
		{ "[c: a@b.example]", NULL },
		{ "Recipient: [SMTP:a@b.example]", "a@b.example" },
		{ "\tRecipient: [SMTP:a@b.example]\n\tReason: 550 no such user", "a@b.example" },
		{ "Recipient: <a@b.example>", "a@b.example" },
		{ "--> Error description:\nError-for:  a@b.example\nError-Code: 0", "a@b.example" },
		{ "Recipient: a@b", NULL },
		{ "Recipient: [SMTP:]", NULL },
		{ "Recipient: [", NULL },
		{ "User's mailbox is full: <a@b.example>", "a@b.example" },
		{ "Did not reach the following recipient: a@b.example", "a@b.example" },
		{ "Local mailbox a@b.example is unavailable: user not found", "a@b.example" },
		{ "  (generated from a@b.example)", "a@b.example" },
		{ "a@b.example on Fri, 18 Oct 2002 09:13:24 -0600", "a@b.example" },
		{ "Your message to the list of a@b.example", NULL },
		{ "Your mail to postmaster@b.example", NULL },
		{ "Your message to", NULL },
		{ "unknown user @", NULL },
		{ "a@b.example wrote us", NULL },
		{ "write to a@b.example", NULL },
		{ "<a@b.example", NULL },
		{ "<a@b.example>x", NULL },
		{ "a@b", NULL },
		{ "@b.example", NULL },
		{ "a@.example", NULL },
		{ "a@b.example.", "a@b.example" },
		{ "http://a@b.example/", NULL },
		{ "mailto:a@b.example", NULL },
		{ "<http://b.example/?a@b.example>", NULL },
		{ "postmaster@b.example", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct dsn_facts *f = scan_among_others(cases[i].line);

		cr_assert_eq(f->rcpt_count, cases[i].want != NULL, "%s", cases[i].line);
		if (cases[i].want)
			cr_assert(str_eq(f->rcpts[0].final_rcpt, str_of(cases[i].want)), "%s", cases[i].line);
		cr_assert_eq(f->flags, cases[i].want ? DSN_RCPTS_TEXT : 0);
	}
}

/* What stands alone on a line is better than what sentences name, whichever comes first. */
Test(dsn, text_recipients_alone_are_better)
{
	static const char *const bodies[] = {
		"Your message to list@b.example failed.\n<a@b.example>:\nno such user\n",
		"<a@b.example>:\nno such user\nYour message to list@b.example failed.\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		rig_want(bodies[i], rig_scan(PLAIN, str_of(bodies[i]), 7),
		    "nowhere +lines\nfailed final=a@b.example");
	rig_want("two sentences",
	    rig_scan(PLAIN, STR("Unknown user: a@b.example\nUnknown user: c@b.example\n"), 7),
	    "nowhere +lines\nfailed final=a@b.example\nfailed final=c@b.example");
}

/* MailEnable has two fields for each of them, with or without a gap. */
Test(dsn, text_recipients_in_fields)
{
	static const char *const gaps[] = { "", "\n" };
	struct buf body;

	buf_init(&body, 0);
	for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
		buf_reset(&body);
		buf_printf(&body,
		    "These could not be reached:\n\n\tRecipient: [SMTP:a@b.example]\n\tReason: full\n%s"
		    "\tRecipient: [SMTP:c@b.example]\n\tReason: unknown\n\n\nMessage headers follow:\n\n"
		    "From: x@y.example\nMessage-ID: <1@y>\nRecipient: z@z.example\n",
		    gaps[i]);
		rig_want("fields", rig_scan(PLAIN, buf_str(&body), 7),
		    "text id=<1@y> +lines\nfailed final=a@b.example\n"
		    "failed final=c@b.example");
	}
	buf_fini(&body);
}

/* A value that the header scanner had to cut does not leave half an address behind. */
Test(dsn, failed_recipients_cut)
{
	struct buf header;

	buf_init(&header, 0);
	buf_printf(&header, "X-Failed-Recipients: ");
	for (int i = 0; i < 30; i++)
		buf_printf(&header, "%srecipient-number-%02d@department.example.net", i ? ", " : "", i);
	buf_printf(&header, "\n\n");
	buf_append(&header, "", 1);
	rig_scan(buf_str(&header).p, STR(""), 1);
	cr_assert_eq(rig.dsn.f.flags, DSN_RCPTS_FIELD);
	cr_assert_eq(rig.dsn.f.rcpt_count, 22); /* 998 bytes hold 22, and a part of the next */
	for (uint32_t i = 0; i < rig.dsn.f.rcpt_count; i++)
		cr_assert(str_iends(rig.dsn.f.rcpts[i].final_rcpt, STR("@department.example.net")));
	buf_fini(&header);
}
