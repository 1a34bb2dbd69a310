/* SPDX-License-Identifier: ISC */
/* Classes of mail: bounces in and out of the standard, reports, robots, and people who must not be taken
 * for them. */
#include <criterion/criterion.h>

#include "header_rig.h"
#include "mail/automatic.h"
#include "mail/subject.h"
#include "mail/words.h"

TestSuite(automatic, .init = setup, .fini = teardown);

struct sample {
	const char *what, *header;
	enum automatic want;
};

static const struct sample bounces[] = {
	{ "Postfix",
	    "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org (Mail Delivery System)\n"
	    "Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"A/mx\"\n",
	    AUTO_BOUNCE },
	{ "report type alone",
	    "From: somebody@example.org\nSubject: Hello\n"
	    "Content-Type: MULTIPART/REPORT; boundary=x; report-type=\"Delivery-Status\"\n",
	    AUTO_BOUNCE },
	{ "internationalised", "Content-Type: multipart/report; report-type=global-delivery-status\n",
	    AUTO_BOUNCE },
	{ "no From at all",
	    "Subject: Returned mail\nContent-Type: multipart/report; report-type=delivery-status\n",
	    AUTO_BOUNCE },
	{ "a bounce that a list distributed",
	    "List-Id: <l.example.org>\n"
	    "Content-Type: multipart/report; report-type=delivery-status\n",
	    AUTO_BOUNCE },
	{ "qmail", "From: MAILER-DAEMON@q.example.org\nTo: root@q.example.org\nSubject: failure notice\n",
	    AUTO_BOUNCE },
	{ "Exim",
	    "Return-path: <>\nX-Failed-Recipients: a@example.net\nAuto-Submitted: auto-replied\n"
	    "From: Mail Delivery System <mailer-daemon@x.example.com>\nSubject: Mail delivery failed: "
	    "returning message to sender\n",
	    AUTO_BOUNCE },
	{ "Exim's warning",
	    "Return-path: <>\nAuto-Submitted: auto-replied\nFrom: Mail Delivery System "
	    "<mailer-daemon@x.example.com>\n"
	    "Subject: Warning: message 1Q2-3 delayed 24 hours\n",
	    AUTO_BOUNCE },
	{ "Exim with a From of its owner",
	    "X-Failed-Recipients: a@b\nAuto-Submitted: auto-replied\nFrom: Support <support@x.example>\n"
	    "Subject: Sorry\n",
	    AUTO_BOUNCE },
	{ "Sendmail, odd address",
	    "From: Mail Delivery Subsystem <poosmaster@example.jp>\n"
	    "Subject: Returned mail: see transcript for details\n",
	    AUTO_BOUNCE },
	{ "Sendmail, no domain", "From: Mail Delivery Subsystem <MAILER-DAEMON>\nSubject: x\n", AUTO_BOUNCE },
	{ "Sendmail, by its comment",
	    "From: it@example.org\nAuto-Submitted: auto-generated (warning-timeout)\n", AUTO_BOUNCE },
	{ "empty address", "From: MAILER-DAEMON <>\nSubject: Mail delivery failed\n", AUTO_BOUNCE },
	{ "empty From", "Return-Path: <>\nFrom: <>\nSubject: failure notice\n", AUTO_BOUNCE },
	{ "a quoted display name", "From: \"Mail Delivery System\" <x@example.org>\nSubject: ?\n",
	    AUTO_BOUNCE },
	{ "an encoded display name", "From: =?utf-8?B?TWFpbCBEZWxpdmVyeSBTdWJzeXN0ZW0=?= <x@example.org>\n",
	    AUTO_BOUNCE },
	{ "postmaster, null, encoded subject",
	    "Return-Path: <>\nFrom: <postmaster@x.example>\n"
	    "Subject: =?iso-8859-1?Q?Non_remis_:_Votre_commande?=\n",
	    AUTO_BOUNCE },
	{ "postmaster, null, doubtful subject",
	    "Return-Path: <>\nFrom: <postmaster@x.example>\nSubject: Delivery Status\n", AUTO_BOUNCE },
	{ "postmaster, a tag in front",
	    "Return-Path: <>\nFrom: \"postmaster\" <postmaster@x.example>\n"
	    "Subject: [Postmaster] Email Delivery Failure\n",
	    AUTO_BOUNCE },
	{ "postmaster as its own return path",
	    "Return-Path: <postmaster@x.example>\nFrom: POSTMASTER <postmaster@x.example>\n"
	    "Subject: failure notice\n",
	    AUTO_BOUNCE },
	{ "pseudo-null return path",
	    "Return-Path: <MAILER-DAEMON>\nFrom: postmaster@x.example\nSubject: Returned mail: Service "
	    "unavailable\n",
	    AUTO_BOUNCE },
	{ "System Administrator",
	    "Return-Path: <>\nFrom: System Administrator <sa@x.example>\nSubject: Undeliverable: Hello\n",
	    AUTO_BOUNCE },
	{ "an ordinary sender, null, its subject",
	    "Return-Path: <>\nFrom: notes@x.example\nSubject: Undeliverable message\n", AUTO_BOUNCE },
	{ "a report that does not say of what",
	    "Return-Path: <>\nFrom: x@y.example\nContent-Type: multipart/report; boundary=b\n", AUTO_BOUNCE },
	{ "postmaster, null, a language of its own",
	    "Return-Path: <>\nFrom: <postmaster@x.example>\nSubject: =?iso-2022-jp?B?GyRCRyQbKEI=?=\n",
	    AUTO_BOUNCE },
	{ "a forwarder's path above the null one",
	    "Return-Path: <SRS0=a=b=c=d@fwd.example>\nReturn-Path: <>\nFrom: notes@x.example\n"
	    "Subject: Undeliverable message\n",
	    AUTO_BOUNCE },
	{ "a list server's refusal",
	    "From: l-admin@lists.example\nSubject: Ignored not ML article from a@b\n"
	    "Message-Id: <20240101120000.FMLAB123.l@lists.example>\nX-ML-Name: l\n",
	    AUTO_BOUNCE },
	{ "Exchange by its own address, a language that no table has",
	    "Return-Path: <>\nFrom: Microsoft Outlook "
	    "<MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.example>"
	    "\nSubject: =?utf-8?q?=E1=83=90=E1=83=91?=\n",
	    AUTO_BOUNCE },
	{ "a list server's refusal, to people",
	    "Return-Path: <l-admin@lists.example>\nFrom: l-admin@lists.example\n"
	    "Subject: You a@b.example are not member (l ML)\nPrecedence: list\n"
	    "Message-Id: <20240101120000.FMLAAB1.l@lists.example>\n",
	    AUTO_BOUNCE },
	{ "a filter known by its X-Mailer",
	    "Return-Path: <filter@x.example>\nFrom: filter@x.example\nSubject: Delivery status report\n"
	    "X-Mailer: SurfControl E-mail Filter\n",
	    AUTO_BOUNCE },
	{ "MDaemon",
	    "Return-Path: <MDaemon@x.example>\nFrom: \"MDaemon at x.example\" <MDaemon@x.example>\n"
	    "Subject: Permanent Delivery Failure\n",
	    AUTO_BOUNCE },
	{ "Courier's warning, no name that is known",
	    "Return-Path: <>\nFrom: \"Courier mail server at x.example\" <@>\nSubject: WARNING: delayed "
	    "mail.\n",
	    AUTO_BOUNCE },
	{ "a refusal by the recipient's filter, in the form of a receipt",
	    "Return-Path: <>\nFrom: Mail Sieve Subsystem <postmaster@imap.example>\n"
	    "Subject: Automatically rejected mail\nAuto-Submitted: auto-replied (rejected)\n"
	    "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n",
	    AUTO_BOUNCE },
	{ "a name without an address", "Return-Path: <>\nFrom: \"Jetmail System\" <>\nSubject: Mail Error\n",
	    AUTO_BOUNCE },
	{ "a name as an address in quotes",
	    "From: <\"System Administrator\"@x.example>\nSubject: Delivery Failure\n", AUTO_BOUNCE },
	{ "a filter by the name of its sender",
	    "Return-Path: <Symantec_Mail_Security_for_SMTP@x.example>\n"
	    "From: Symantec_Mail_Security_for_SMTP@x.example\nSubject: Delivery failure notification\n",
	    AUTO_BOUNCE },
	{ "Exchange's, that a list distributed",
	    "Return-Path: <l-bounces@example.org>\nFrom: System Administrator <postmaster@x.example>\n"
	    "Subject: Undeliverable: [l] Minutes\nX-MS-Embedded-Report:\nList-Id: <l.example.org>\n",
	    AUTO_BOUNCE },
	{ "Domino leaves the list's fields in it",
	    "Return-Path: <>\nFrom: Postmaster@x.example\nSubject: DELIVERY FAILURE: User joe "
	    "(joe@x.example) "
	    "not listed\nPrecedence: list\nX-BeenThere: l@example.org\nList-Id: <l.example.org>\n",
	    AUTO_BOUNCE },
	{ "the same, its null path replaced on the way",
	    "Return-Path: <MAILER-DAEMON@mx.example>\nFrom: Postmaster@x.example\nSubject: Undeliverable: x\n"
	    "List-Id: <l.example.org>\n",
	    AUTO_BOUNCE },
	{ "one of an X.400 gateway, that a list distributed",
	    "Return-Path: <l-bounces@example.org>\nFrom: postmaster@x.example\nPrecedence: list\n"
	    "Subject: Delivery Report (failure) for joe@x.example\nContent-Type: multipart/report; "
	    "boundary=b\n",
	    AUTO_BOUNCE },
	{ "Exchange's mark",
	    "From: \"Microsoft Outlook\" <x@y.example>\nSubject: Unzustellbar: "
	    "Hallo\nX-MS-Exchange-Message-Is-Ndr:\n",
	    AUTO_BOUNCE },
};

static const struct sample reports[] = {
	{ "MDN",
	    "From: joe@example.org\nSubject: Read: Hello\nContent-Type: multipart/report; "
	    "report-type=disposition-notification\n",
	    AUTO_REPORT },
	{ "ARF",
	    "From: fbl@example.org\nSubject: Fw: Hello\nContent-Type: multipart/report; "
	    "report-type=\"feedback-report\"\n",
	    AUTO_REPORT },
	{ "ARF from a system address",
	    "Return-Path: <>\nFrom: MAILER-DAEMON@example.org\nSubject: failure notice\n"
	    "Content-Type: multipart/report; report-type=feedback-report\n",
	    AUTO_REPORT },
	{ "complaint without a report part",
	    "From: staff@example.com\nSubject:  complaint about message from 192.0.2.222\n"
	    "Content-Type: multipart/mixed; boundary=b\n",
	    AUTO_REPORT },
	{ "DMARC",
	    "From: noreply-dmarc@example.com\nSubject: Report domain: example.org Submitter: example.com "
	    "Report-ID: 12\n"
	    "Content-Type: application/zip; name=\"x.zip\"\n",
	    AUTO_REPORT },
	{ "DMARC, null sender, postmaster",
	    "Return-Path: <>\nFrom: postmaster@example.com\n"
	    "Subject: =?utf-8?q?Report_Domain:_example.org_Submitter:_?= =?utf-8?q?example.com?= Report-ID: "
	    "<1>\n",
	    AUTO_REPORT },
	{ "TLS report",
	    "From: r@example.com\nTLS-Report-Domain: example.org\nTLS-Report-Submitter: example.com\n"
	    "Content-Type: multipart/report; report-type=\"tlsrpt\"\n",
	    AUTO_REPORT },
};

static const struct sample more_reports[] = {
	{ "a report of nobody knows what",
	    "From: fbl@example.org\nContent-Type: multipart/report; boundary=b\n", AUTO_REPORT },
	{ "a report of a kind of its own",
	    "From: x@example.org\nContent-Type: multipart/report; report-type=tracking; boundary=b\n",
	    AUTO_REPORT },
	{ "a mail program unsubscribes",
	    "From: joe@example.org\nSubject: Unsubscribe\nX-Apple-Unsubscribe: true\n", AUTO_REPORT },
	{ "DMARC, another writer",
	    "Content-Type: application/gzip\nSubject: DMARC Report Domain: x; Submitter: y; Report-ID: 1\n",
	    AUTO_REPORT },
};

static const struct sample replies[] = {
	{ "Exchange in a language that no table has",
	    "Return-Path: <>\nFrom: n@example.org\nSubject: =?utf-8?q?=E1=83=90=E1=83=91?=\n"
	    "X-MS-Exchange-Inbox-Rules-Loop: n@example.org\n",
	    AUTO_REPLY },
	{ "qmail's autorespond",
	    "Return-Path: <>\nDelivered-To: Autoresponder\nFrom: n@example.org\nSubject: Re: Minutes\n",
	    AUTO_REPLY },
	{ "Notes without its prefix",
	    "From: n@example.org\nSubject: Joe Bee is out of the office.\nIn-Reply-To: <a@b>\n", AUTO_REPLY },
	{ "the old vacation(1)",
	    "Return-Path: <n@x.example>\nFrom: n@x.example\nSubject: away from my mail\nPrecedence: bulk\n",
	    AUTO_REPLY },
	{ "weak words and a thread, but nothing else behind them",
	    "From: n@example.org\nSubject: Out of Office Re: Minutes\nReferences: <a@b>\n", AUTO_REPLY },
	{ "weak words and a strong sign",
	    "From: n@example.org\nSubject: Out of office until Monday\nX-Auto-Response-Suppress: All\n",
	    AUTO_REPLY },
	{ "vacation",
	    "Return-Path: <>\nFrom: joe@example.org\nSubject: Auto: Hello\nAuto-Submitted: auto-replied "
	    "(vacation)\n"
	    "Precedence: bulk\n",
	    AUTO_REPLY },
	{ "Exchange",
	    "Return-path: <>\nFrom: \"Neko, N\" <n@example.org>\nSubject: Automatic reply: "
	    "Hello\nX-Auto-Response-Suppress: All\n"
	    "X-MS-Exchange-Inbox-Rules-Loop: n@example.org\n",
	    AUTO_REPLY },
	{ "Apple",
	    "Return-Path: <k@example.com>\nFrom: k@example.com\nSubject: Gone\nX-Apple-Action: VACATION\n",
	    AUTO_REPLY },
	{ "by precedence", "From: k@example.com\nSubject: Thanks\nPrecedence: auto_reply\n", AUTO_REPLY },
	{ "subject and a thread",
	    "From: k@example.com\nSubject: Abwesenheitsnotiz: Hallo\nIn-Reply-To: <a@b>\n", AUTO_REPLY },
	{ "an out-of-office about a bounce",
	    "Return-Path: <>\nFrom: postmaster@example.org\nSubject: Out of Office: Undeliverable: x\n"
	    "Auto-Submitted: auto-replied\n",
	    AUTO_REPLY },
	{ "null sender and encoded subject",
	    "Return-Path: <>\nFrom: k@example.com\n"
	    "Subject: =?utf-8?q?R=C3=A9ponse_automatique?= : x\n",
	    AUTO_REPLY },
};

static const struct sample generated[] = {
	{ "ticket",
	    "From: tickets@example.org\nSubject: [#12] Your request\nAuto-Submitted: auto-generated\n",
	    AUTO_GENERATED },
	{ "any value but no", "From: x@example.org\nAuto-Submitted: auto-notified; owner-email=\"a@b\"\n",
	    AUTO_GENERATED },
	{ "an unknown value", "From: x@example.org\nAuto-Submitted: yes\n", AUTO_GENERATED },
	{ "cron",
	    "From: root@example.org (Cron Daemon)\nSubject: Cron <root@x> run-parts\nX-Cron-Env: "
	    "<SHELL=/bin/sh>\n",
	    AUTO_GENERATED },
	{ "Exchange's copy for an archive, as a bounce looks",
	    "Return-Path: <>\nFrom: Microsoft Outlook "
	    "<MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.example>"
	    "\nSubject: Undeliverable: Hello\nX-MS-Journal-Report:\n",
	    AUTO_GENERATED },
};

static const struct sample people[] = {
	{ "nothing", "", AUTO_NONE },
	{ "plain", "Return-Path: <a@example.org>\nFrom: a@example.org\nTo: b@example.net\nSubject: Hello\n",
	    AUTO_NONE },
	{ "asks about a bounce",
	    "Return-Path: <a@example.org>\nFrom: a@example.org\nSubject: Re: Undeliverable: question\n"
	    "In-Reply-To: <x@y>\nReferences: <x@y>\n",
	    AUTO_NONE },
	{ "asks without Re:", "From: a@example.org\nSubject: Undeliverable: question\n", AUTO_NONE },
	{ "forwards a bounce",
	    "From: a@example.org\nSubject: Fwd: Undelivered Mail Returned to Sender\nContent-Type: "
	    "multipart/mixed; boundary=b\n",
	    AUTO_NONE },
	{ "forwards a bounce as null sender",
	    "Return-Path: <>\nFrom: a@example.org\nSubject: WG: Mail delivery failed\n", AUTO_NONE },
	{ "postmaster writes himself",
	    "From: Postmaster <postmaster@example.org>\nSubject: Maintenance on Monday\n", AUTO_NONE },
	{ "postmaster tells of a problem, by a program for people",
	    "From: Postmaster <postmaster@example.org>\nSubject: Undeliverable mail on Monday\n"
	    "User-Agent: Mozilla Thunderbird\n",
	    AUTO_NONE },
	{ "the same with his own return path",
	    "Return-Path: <postmaster@example.org>\nFrom: System Administrator <postmaster@example.org>\n"
	    "Subject: Mail delivery problems this morning\nX-Mailer: Apple Mail (2.3826)\n",
	    AUTO_NONE },
	{ "postmaster answers",
	    "Return-Path: <postmaster@example.org>\nFrom: postmaster@example.org\nSubject: Re: failure "
	    "notice\n",
	    AUTO_NONE },
	{ "a name without an address, by no mail system",
	    "Return-Path: <www@example.org>\nFrom: Joe <>\nSubject: Question about order 12\n", AUTO_NONE },
	{ "postmaster posts to a list",
	    "Return-Path: <l-bounces@example.org>\nFrom: postmaster@x.example\nSubject: Mail delivery "
	    "problems with big.example\nList-Id: <l.example.org>\n",
	    AUTO_NONE },
	{ "null sender alone", "Return-Path: <>\nFrom: a@example.org\nSubject: Minutes of the meeting\n",
	    AUTO_NONE },
	{ "null sender and a parcel",
	    "Return-Path: <>\nFrom: parcels@example.com\nSubject: Delivery notification: your parcel\n",
	    AUTO_NONE },
	{ "postmaster forwards a bounce as null sender",
	    "Return-Path: <>\nFrom: postmaster@example.org\nSubject: Fwd: failure notice\n", AUTO_NONE },
	{ "a ticket about a bounce",
	    "Return-Path: <>\nFrom: help@example.com\nSubject: [help #12] Undelivered Mail Returned to "
	    "Sender\n",
	    AUTO_NONE },
	{ "postmaster's figures", "From: postmaster@example.com\nSubject: Delivery report for June\n",
	    AUTO_NONE },
	{ "newsletter",
	    "From: news@example.com\nSubject: Offers\nPrecedence: bulk\nList-Unsubscribe: "
	    "<mailto:u@example.com>\n"
	    "X-Auto-Response-Suppress: All\nFeedback-ID: 1:x\n",
	    AUTO_NONE },
	{ "list post",
	    "Return-Path: <l-bounces@example.org>\nFrom: a@example.org\nSubject: [l] Undelivered mail, how "
	    "to\nList-Id: <l.example.org>\n"
	    "List-Post: <mailto:l@example.org>\nPrecedence: list\nX-BeenThere: l@example.org\n",
	    AUTO_NONE },
	{ "list post with a null path",
	    "Return-Path: <>\nFrom: a@example.org\nSubject: failure notice\nList-Id: <l.example.org>\n",
	    AUTO_NONE },
	{ "postmaster posts to a list that keeps his path",
	    "Return-Path: <postmaster@x.example>\nFrom: postmaster@x.example\nSubject: Undeliverable mail "
	    "since Monday\nList-Id: <l.example.org>\n",
	    AUTO_NONE },
	{ "postmaster answers on a list with a null path",
	    "Return-Path: <>\nFrom: postmaster@x.example\nSubject: Re: Undeliverable: x\nList-Id: "
	    "<l.example.org>\n",
	    AUTO_NONE },
	{ "weak words in a thread",
	    "From: a@example.org\nSubject: Out of office party photos\nIn-Reply-To: <x@y>\n", AUTO_NONE },
	{ "a shop uses them",
	    "From: news@example.com\nSubject: Out of office\nPrecedence: bulk\nList-Unsubscribe: "
	    "<mailto:x@y>\n",
	    AUTO_NONE },
	{ "Exchange forwards by a rule",
	    "Return-Path: <n@x.example>\nFrom: a@example.org\nSubject: Minutes\n"
	    "X-MS-Exchange-Inbox-Rules-Loop: n@x.example\n",
	    AUTO_NONE },
	{ "Exchange forwards by a rule as null sender",
	    "Return-Path: <>\nFrom: n@x.example\nSubject: FW: Undeliverable: x\n"
	    "X-MS-Exchange-Inbox-Rules-Loop: n@x.example\n",
	    AUTO_NONE },
	{ "a filter's X-Mailer, no other sign", "From: a@example.org\nSubject: Hello\nX-Mailer: m-FILTER\n",
	    AUTO_NONE },
	{ "auto-submitted: no", "From: a@example.org\nSubject: Hello\nAuto-Submitted: no\n", AUTO_NONE },
	{ "subject of a robot, no other sign", "From: a@example.org\nSubject: Out of office next week\n",
	    AUTO_NONE },
	{ "an appointment that was changed: somebody will be away",
	    "From: a@example.org\nSubject: Out of office: Dave\nThread-Index: "
	    "AdFBz0rm0mVx0vq2Q0i9vXoQk2m0TwAAABCD\n"
	    "Content-Class: urn:content-classes:calendarmessage\nContent-Type: multipart/alternative\n",
	    AUTO_NONE },
	{ "the same of another program",
	    "From: a@example.org\nSubject: Abwesenheit: Dave\nIn-Reply-To: <x@y>\n"
	    "Content-Type: text/calendar; method=REQUEST\n",
	    AUTO_NONE },
	{ "an out-of-office of Exchange as ever",
	    "From: a@example.org\nSubject: Out of office: Dave\nThread-Index: "
	    "AdFBz0rm0mVx0vq2Q0i9vXoQk2m0TwAAABCD\n"
	    "Content-Class: urn:content-classes:message\n",
	    AUTO_REPLY },
	{ "calendar",
	    "From: a@example.org\nSubject: Accepted: Meeting\nContent-Type: text/calendar; method=REPLY\n",
	    AUTO_NONE },
	{ "notification service",
	    "Return-Path: <x@ses.example>\nFrom: no-reply@sns.example.com\nSubject: AWS Notification "
	    "Message\n",
	    AUTO_NONE },
	{ "a name that only begins like it",
	    "From: Mail Delivery System Vendor News <n@example.com>\nSubject: Offers\n", AUTO_NONE },
	{ "not quite a DMARC report", "From: a@example.org\nSubject: Report domain: what is this?\n",
	    AUTO_NONE },
	{ "not quite a complaint", "From: a@example.org\nSubject: complaint about message from my boss\n",
	    AUTO_NONE },
	{ "answers a DMARC report",
	    "From: a@example.org\nSubject: Re: Report domain: x Submitter: y Report-ID: z\n", AUTO_NONE },
};

static enum automatic
classify(const char *header)
{
	arena_reset(&arena);
	header_reset(&h);
	header_feed(&h, header, strlen(header));
	header_end(&h);
	return automatic_classify(&h.f, subject_classify(h.f.subject), false, false);
}

static void
check(const struct sample *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum automatic got = classify(s[i].header);

		cr_expect_eq(got, s[i].want, "%s: %s", s[i].what, automatic_name(got));
	}
}

Test(automatic, bounces)
{
	check(bounces, ARRAY_LEN(bounces));
}
Test(automatic, reports)
{
	check(reports, ARRAY_LEN(reports));
	check(more_reports, ARRAY_LEN(more_reports));
}
Test(automatic, replies)
{
	check(replies, ARRAY_LEN(replies));
}
Test(automatic, generated)
{
	check(generated, ARRAY_LEN(generated));
}
Test(automatic, people)
{
	check(people, ARRAY_LEN(people));
}

Test(automatic, the_envelope_says_null)
{
	static const char text[] = "From: notes@x.example\nSubject: Undeliverable message\n";

	cr_expect_eq(classify(text), AUTO_NONE);
	cr_expect_eq(automatic_classify(&h.f, subject_classify(h.f.subject), true, false), AUTO_BOUNCE);
}

Test(automatic, lists)
{
	static const struct {
		const char *header;
		bool list;
	} rows[] = {
		{ "List-Id: <a.b>\n", true },
		{ "List-Post: NO\n", true },
		{ "X-Mailing-List: x\n", true },
		{ "Precedence: list\n", true },
		{ "Precedence: bulk\n", false },
		{ "X-listar-version: Listar v1.0.0\nX-list: a\n", true },
		{ "X-ecartis-version: Ecartis v1.0.0\n", true },
		{ "Sender: owner-a@b.example\nPrecedence: bulk\n", true },
		{ "Sender: owner-a@b.example\n", false },
		{ "List-Unsubscribe: <x>\n", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		classify(rows[i].header);
		cr_expect_eq(automatic_is_list(&h.f), rows[i].list, "%s", rows[i].header);
	}
}

/* Each in the form of its own mail program, with the encodings that are met. */
Test(automatic, subjects_of_many_languages)
{
	static const struct {
		const char *subject;
		enum subject_kind kind;
	} rows[] = {
		{ "=?utf-8?Q?=C3=89chec_de_la_remise_?=", SUBJECT_BOUNCE },
		{ "=?iso-8859-1?Q?=C9chec_de_remise?=", SUBJECT_BOUNCE },
		{ "=?utf-8?q?=C3=A9chec_de_distribution?=", SUBJECT_BOUNCE },
		{ "N\xc3\xa3o entregue: x", SUBJECT_BOUNCE },
		{ "=?iso-8859-1?q?N=E3o_entregue=3A?=", SUBJECT_BOUNCE },
		{ "Teslim Edilemedi: x", SUBJECT_BOUNCE },
		{ "K\xc3\xa9zbes\xc3\xadthetetlen: x", SUBJECT_BOUNCE },
		{ "\xe9\x85\x8d\xe4\xbf\xa1\xe4\xb8\x8d\xe8\x83\xbd: x", SUBJECT_BOUNCE },
		{ "=?iso-2022-jp?B?GyRCJWEhPCVrR1s/LiRLPDpHVCQ3JF4kNyQ/GyhC?=", SUBJECT_BOUNCE },
		{ "=?utf-8?b?5peg5rOV5oqV6YCSOiB4?=", SUBJECT_BOUNCE },
		{ "mail failed, returning to sender", SUBJECT_BOUNCE },
		{ "NOT MEMBER article from a@b (l ML)", SUBJECT_BOUNCE },
		{ "You a@b are not member", SUBJECT_BOUNCE },
		{ "You are invited", SUBJECT_PLAIN },
		{ "Mail Delivery Notification", SUBJECT_BOUNCE_MAYBE },
		{ "=?iso-2022-jp?B?GyRCPCtGMDF+RXobKEI6IHg=?=", SUBJECT_AUTO_REPLY },
		{ "=?utf-8?b?6Ieq5Yqo562U5aSNOiB4?=", SUBJECT_AUTO_REPLY },
		{ "=?utf-8?q?Automatyczna_odpowied=C5=BA?=", SUBJECT_AUTO_REPLY },
		{ "Fr\xc3\xa5nvaro: x", SUBJECT_AUTO_REPLY },
		{ "Fr\xe5nvaroavisering", SUBJECT_AUTO_REPLY },
		{ "Abwesend: x", SUBJECT_AUTO_REPLY },
		{ "Abwesenheit in KW 12", SUBJECT_AUTO_REPLY_MAYBE },
		{ "Abwesenheitsplanung", SUBJECT_AUTO_REPLY_MAYBE },
		{ "Out of Office AutoReply: x", SUBJECT_AUTO_REPLY_SURE },
		{ "Out of office", SUBJECT_AUTO_REPLY },
		{ "Out of office (Monday)", SUBJECT_AUTO_REPLY },
		{ "Out of office chairs", SUBJECT_AUTO_REPLY_MAYBE },
		{ "Joe is out of the office", SUBJECT_AUTO_REPLY_MAYBE },
		{ "Joe is out of the office.", SUBJECT_AUTO_REPLY },
		{ "RES: Undeliverable", SUBJECT_ANSWER },
		{ "\xe2\x80\x8f\xe2\x80\x8fRE: Undeliverable", SUBJECT_ANSWER },
		{ "\xe2\x80\x8f"
		  "Automatic reply: x",
		    SUBJECT_AUTO_REPLY },
		{ "[EXT] [SPAM?] {Scanned} Undeliverable: x", SUBJECT_BOUNCE },
		{ "[EXT] [SPAM?] [x] [y] Undeliverable: x", SUBJECT_PLAIN },
		{ "[EXT] [help #1] Undeliverable: x", SUBJECT_ANSWER },
		{ "[EXT] Re: Undeliverable: x", SUBJECT_ANSWER },
		{ "*** SPAM *** Automatic reply: x", SUBJECT_AUTO_REPLY },
		{ "*****SPAM***** Undeliverable: x", SUBJECT_BOUNCE },
		{ "EXTERNAL: Automatic reply: x", SUBJECT_AUTO_REPLY },
		{ "Extern: [x] Abwesend", SUBJECT_AUTO_REPLY },
		{ "***", SUBJECT_PLAIN },
		{ "[x]", SUBJECT_PLAIN },
		{ "{x", SUBJECT_PLAIN },
		{ "External: ", SUBJECT_PLAIN },
		{ "[Auto-Reply] Re: x", SUBJECT_AUTO_REPLY },
		{ "[EXT] [Auto Reply] x", SUBJECT_AUTO_REPLY },
		{ "[autopilot] x", SUBJECT_PLAIN },
		{ "\xe3\x80\x90\xe8\x87\xaa\xe5\x8b\x95\xe8\xbf\x94\xe4\xbf\xa1\xe3\x80\x91x",
		    SUBJECT_AUTO_REPLY },
		{ "\xe3\x80\x90x\xe3\x80\x91 Undeliverable: x", SUBJECT_BOUNCE },
		{ "\xe3\x80\x90Undeliverable: x", SUBJECT_PLAIN },
		{ "\xe3\x80\x90", SUBJECT_PLAIN },
		{ "Warning: joe@x.example - User unknown!", SUBJECT_BOUNCE },
		{ "Warning: user unknown!", SUBJECT_PLAIN },
		{ "=?utf-8?b?5Zue5aSNOiB4?=", SUBJECT_ANSWER },
		{ "D", SUBJECT_PLAIN },
		{ "zz", SUBJECT_PLAIN },
		{ "\xff\xff", SUBJECT_PLAIN },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum subject_kind kind = subject_classify(str_of(rows[i].subject));

		cr_expect_eq(kind, rows[i].kind, "%s: %d", rows[i].subject, kind);
	}
}

Test(automatic, subject_kinds)
{
	static const struct {
		const char *subject;
		enum subject_kind kind;
	} rows[] = {
		{ "", SUBJECT_PLAIN },
		{ "Hello", SUBJECT_PLAIN },
		{ "UNDELIVERABLE: x", SUBJECT_BOUNCE },
		{ "[BOUNCE]", SUBJECT_BOUNCE },
		{ "Bounce rates", SUBJECT_BOUNCE_MAYBE },
		{ "[help #1] AutoReply: x", SUBJECT_AUTO_REPLY },
		{ "[help #1] Undeliverable: x", SUBJECT_ANSWER },
		{ "[tag] Delivery Failure", SUBJECT_BOUNCE },
		{ "[tag] Re: Delivery Failure", SUBJECT_ANSWER },
		{ "[unclosed", SUBJECT_PLAIN },
		{ "aw: Undeliverable", SUBJECT_ANSWER },
		{ "=?us-ascii?q?Undeliverable=3A?= x", SUBJECT_BOUNCE },
		{ "=?utf-8?B?UmU6IFVuZGVsaXZlcmFibGU=?=", SUBJECT_ANSWER },
		{ "Delivery report", SUBJECT_BOUNCE_MAYBE },
		{ "Autoreply", SUBJECT_AUTO_REPLY },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(subject_classify(str_of(rows[i].subject)), rows[i].kind, "%s", rows[i].subject);
}

Test(automatic, encoded_words)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "Plain TEXT", "plain text" },
		{ "=?utf-8?Q?a_b=3Dc=?=", "a b=c=" },
		{ "=?utf-8?Q?=41=4?=", "a=4" },
		{ "=?iso-8859-1*en?b?SGVsbG8=?=", "hello" },
		{ "=?x?q?a?= =?x?q?b?= c =?x?q?d?=", "ab c d" },
		{ "=?x?q?a?=b", "ab" },
		{ "=?x?z?a?=", "=?x?z?a?=" },
		{ "=?x?q?a?b", "=?x?q?a?b" },
		{ "=?", "=?" },
		{ "=?x?q?", "=?x?q?" },
		{ "=?x?q?"
		  "?=",
		    "" },
		{ "=?x?b?"
		  "?"
		  "?=",
		    "=?x?b?"
		    "?"
		    "?=" },
	};
	char out[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str got = words_decode(str_of(rows[i].in), out, sizeof(out));

		cr_expect(str_eq(got, str_of(rows[i].out)), "%s: %.*s", rows[i].in, STR_FMT(got));
	}
	cr_expect_eq(words_decode(STR("abcdef"), out, 6).n, 6);
	cr_expect_eq(words_decode(STR("abcdefg"), out, 6).n, 6);
	cr_expect_eq(words_decode(STR("=?x?b?YWJjZGVmZw==?="), out, 6).n, 6);
}
