/* SPDX-License-Identifier: ISC */
/* Whose body is looked at, and what becomes of it with the next message. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/limits.h"
#include "mail/msg.h"

static struct arena arena;
static struct msg m;

static void
setup(void)
{
	arena_init(&arena, MSG_ARENA_MAX);
	msg_init(&m, &arena, NULL);
}

static void
teardown(void)
{
	msg_fini(&m);
	arena_fini(&arena);
}

TestSuite(msg, .init = setup, .fini = teardown);

static void
header(const char *sender, const char *text)
{
	msg_reset(&m);
	m.have_sender = sender != NULL;
	m.sender = str_of(sender);
	header_feed(&m.header, text, strlen(text));
	m.have_header = (header_end(&m.header)->flags & HDR_ANY) != 0;
}

static bool
body(const char *text)
{
	return msg_body(&m, text, strlen(text));
}

/* The envelope names a mail system, as Return-Path does in mail that was delivered. */
Test(msg, daemon_sender)
{
	static const struct {
		const char *sender, *header;
		enum automatic automatic;
	} cases[] = {
		{ "MAILER-DAEMON@far.example", "From: postmaster@far.example\nSubject: Mailbox full\n",
		    AUTO_BOUNCE },
		{ "mailer-daemon@far.example",
		    "From: filter@far.example\nSubject: Mail could not be delivered\n", AUTO_BOUNCE },
		{ "MAILER-DAEMON@far.example", "From: Ann <ann@far.example>\nSubject: Budget\n", AUTO_NONE },
		{ "ann@far.example", "From: postmaster@far.example\nSubject: Mailbox full\n", AUTO_NONE },
		{ "postmaster@far.example", "From: postmaster@far.example\nSubject: Mailbox full\n",
		    AUTO_NONE },
		{ NULL, "From: postmaster@far.example\nSubject: Mailbox full\n", AUTO_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		header(cases[i].sender, cases[i].header);
		cr_expect_eq(msg_kind(&m)->automatic, cases[i].automatic, "%zu", i);
	}
}

Test(msg, null_sender)
{
	static const struct {
		const char *sender, *header;
		bool null;
	} cases[] = {
		{ "", "", true },
		{ "<>", "", true },
		{ "a@b", "Return-Path: <>\n", false },
		{ NULL, "Return-Path: <>\n", true },
		{ NULL, "Return-Path: <a@b>\n", false },
		{ NULL, "Subject: x\n", false },
		{ NULL, "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		header(cases[i].sender, cases[i].header);
		cr_assert_eq(msg_null_sender(&m), cases[i].null, "%zu", i);
	}
}

Test(msg, wants_body)
{
	static const struct {
		const char *sender, *header;
		bool wants;
	} cases[] = {
		{ "", "From: MAILER-DAEMON@x.example\n", true },
		{ "", "Content-Type: multipart/report; report-type=delivery-status\n", true },
		{ "a@b", "Content-Type: multipart/report; report-type=disposition-notification\n", true },
		{ "a@b", "Content-Type: multipart/report; report-type=feedback-report\n", true },
		{ "a@b", "From: postmaster@x.example\nSubject: failure notice\n", true },
		{ NULL, "Return-Path: <>\nFrom: postmaster@x.example\n", true },
		{ NULL, "From: postmaster@x.example\n", false },
		{ "a@b", "From: a@b\nSubject: failure notice\n", false },
		{ "", "From: a@b\nAuto-Submitted: auto-replied\nSubject: Out of office\n", false },
		{ "a@b", "From: a@b\nSubject: hello\n", false },
		{ "", "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		header(cases[i].sender, cases[i].header);
		cr_assert_eq(msg_wants_body(&m), cases[i].wants, "%zu", i);
		cr_assert_eq(body("x\n"), cases[i].wants, "%zu", i);
		cr_assert_eq(m.have_dsn, cases[i].wants, "%zu", i);
		msg_body_end(&m, true);
		cr_assert_eq(m.have_dsn, cases[i].wants, "%zu", i);
	}
}

Test(msg, body_and_reset)
{
	header("", "From: MAILER-DAEMON@x.example\n");
	cr_assert(body("--- Original message ---\nMessage-"));
	cr_assert_not(body("ID: <1@x>\n\nmore\n"), "nothing else can come");
	cr_assert_not(body("From: z@x\n"));
	msg_body_end(&m, true);
	msg_body_end(&m, true);
	cr_assert(str_eq(m.dsn.f.returned_id, STR("<1@x>")));
	cr_assert_eq(m.dsn.f.source, DSN_BY_TEXT);
	msg_reset(&m);
	cr_assert_not(m.have_dsn);
	cr_assert_not(m.dsn.f.returned_id.p);
	header("", "From: MAILER-DAEMON@x.example\n");
	cr_assert(body("x\n"));
	msg_body_end(&m, true);
	cr_assert_not(m.dsn.f.returned_id.p);
}

/* The front of a body: its last line may be half of one. */
Test(msg, body_not_whole)
{
	for (int whole = 0; whole <= 1; whole++) {
		header("", "From: MAILER-DAEMON@x.example\nContent-Type: message/delivery-status\n");
		body("Final-Recipient: rfc822; a@b.example\n\nFinal-Recipient: rfc822; c@d.ex");
		msg_body_end(&m, whole);
		cr_assert_eq(m.dsn.f.rcpt_count, whole ? 2 : 1);
		cr_assert_eq((m.dsn.f.flags & DSN_CUT) != 0, !whole);
	}
}

/* Mail that shows no body takes no memory for it. */
Test(msg, without_body)
{
	size_t used;

	header("a@b", "From: a@b\nSubject: hello\n");
	used = arena.used;
	cr_assert_not(body("From: a@b\nMessage-ID: <1@x>\n"));
	msg_body_end(&m, true);
	cr_assert_eq(arena.used, used);
	header("", "From: MAILER-DAEMON@x.example\nIn-Reply-To: <1@x>\n");
	used = arena.used;
	msg_body_end(&m, true);
	cr_assert_eq(arena.used, used);
	cr_assert_not(m.have_dsn);
	header("", "From: MAILER-DAEMON@x.example\nX-Failed-Recipients: c@d.example\n");
	msg_body_end(&m, true);
	cr_assert(m.have_dsn);
	cr_assert_eq(m.dsn.f.flags, DSN_RCPTS_FIELD);
	cr_assert(str_eq(m.dsn.f.rcpts[0].final_rcpt, STR("c@d.example")));
	/* who is no bounce has no failed recipients */
	header("a@b", "From: a@b\nX-Failed-Recipients: c@d.example\nPrecedence: list\n");
	msg_body_end(&m, true);
	cr_assert_not(m.have_dsn);
}

#define STATUS                                                                                         \
	"--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b.example\nAction: " \
	"failed\n"
#define RETURNED "--b\nContent-Type: message/rfc822\n\nMessage-ID: <1@x>\nFrom: c@d.example\n\n"
#define RECEIPT                                                                               \
	"--b\nContent-Type: message/disposition-notification\n\nOriginal-Message-ID: <1@x>\n" \
	"Disposition: manual-action/MDN-sent-manually; displayed\n\n"
#define COMPLAINT "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n"
#define TEXT_OF_STATUS "--b\n\n  Final-Recipient: rfc822; a@b.example\n  Action: failed\n"
#define TEXT "--b\n\nIt failed:\n\na@b.example\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\n"
#define REPORT "Content-Type: multipart/report; boundary=b\n"

/* What the header does not show for a bounce the body may. */
Test(msg, bounce_by_its_body)
{
	static const struct {
		const char *what, *sender, *header, *body;
		enum automatic kind;
		bool facts;
	} cases[] = {
		{ "a status", "", "Subject: Ihre Post\n" MIXED, STATUS, AUTO_BOUNCE, true },
		{ "null by Return-Path alone", "x@y", "Return-Path: <>\nSubject: Ihre Post\n" MIXED, STATUS,
		    AUTO_BOUNCE, true },
		{ "not null", "x@y", "Subject: Ihre Post\n" MIXED, STATUS, AUTO_NONE, false },
		{ "an answer", "", "Subject: Re: Ihre Post\n" MIXED, STATUS, AUTO_NONE, false },
		{ "a list's", "", "Subject: Ihre Post\nList-Id: <l.x>\n" MIXED, STATUS, AUTO_NONE, false },
		{ "one part", "", "Subject: Ihre Post\nContent-Type: text/plain\n", STATUS, AUTO_NONE,
		    false },
		{ "a robot's, with a status", "", "Auto-Submitted: auto-replied\n" MIXED, STATUS, AUTO_BOUNCE,
		    true },
		{ "a robot's, that quotes one", "", "Auto-Submitted: auto-replied\n" MIXED,
		    "--b\n\nYou wrote:\n\n> Reporting-MTA: dns; x\n>\n> Final-Recipient: rfc822; "
		    "a@b.example\n> Action: failed\n> Final-Recipient: rfc822; c@b.example\n",
		    AUTO_REPLY, false },
		{ "one in a text", "", "Subject: Ihre Post\n" MIXED, TEXT_OF_STATUS, AUTO_BOUNCE, true },
		{ "a robot's, with what it answers", "", "Auto-Submitted: auto-replied\n" MIXED, RETURNED,
		    AUTO_REPLY, false },
		{ "returned, doubtful subject", "", "Subject: Delivery notification\n" MIXED, TEXT RETURNED,
		    AUTO_BOUNCE, true },
		{ "a status, doubtful subject, a sender that nobody wrote down", NULL,
		    "From: postmaster@x\nSubject: Delivery Status\n" MIXED, STATUS, AUTO_BOUNCE, true },
		{ "the same with a message", NULL, "From: postmaster@x\nSubject: Delivery Status\n" MIXED,
		    TEXT RETURNED, AUTO_NONE, false },
		{ "the same from a shop", NULL, "From: shop@x\nSubject: Delivery Status\n" MIXED, STATUS,
		    AUTO_NONE, false },
		{ "the same from a known sender", NULL,
		    "Return-Path: <ann@x>\nFrom: postmaster@x\nSubject: Delivery Status\n" MIXED, STATUS,
		    AUTO_NONE, false },
		{ "nothing returned, doubtful subject", "", "Subject: Delivery notification\n" MIXED, TEXT,
		    AUTO_NONE, false },
		{ "returned, any subject", "", "Subject: Look\n" MIXED, TEXT RETURNED, AUTO_NONE, false },
		{ "a report that does not say of what", "x@y", REPORT, TEXT STATUS RETURNED, AUTO_BOUNCE,
		    true },
		{ "a report of something else", "x@y", REPORT, TEXT RETURNED, AUTO_REPORT, true },
		{ "a receipt that does not say so", "", REPORT, TEXT RECEIPT, AUTO_REPORT, true },
		{ "a complaint that does not say so", "", REPORT, TEXT COMPLAINT RETURNED, AUTO_REPORT,
		    true },
		{ "a receipt that a gateway signed", "",
		    "Subject: Read: x\nContent-Type: multipart/signed; boundary=a\n",
		    "--a\n" REPORT "\n" TEXT RECEIPT "--b--\n--a\nContent-Type: application/x\n\n=\n--a--\n",
		    AUTO_REPORT, true },
		{ "one with a footer, and what it is about", "", "Subject: Read: x\n" MIXED,
		    RECEIPT RETURNED TEXT, AUTO_REPORT, true },
		{ "one of a robot", "", "Auto-Submitted: auto-replied\n" MIXED, TEXT RECEIPT, AUTO_REPORT,
		    true },
		{ "a complaint with a footer", "", "Subject: Abuse\n" MIXED, TEXT COMPLAINT RETURNED TEXT,
		    AUTO_REPORT, true },
		{ "one under a doubtful subject", "", "Subject: Delivery report\n" MIXED,
		    TEXT COMPLAINT RETURNED, AUTO_REPORT, true },
		{ "a receipt that somebody sends on", "x@y", "Subject: Look\n" MIXED, TEXT RECEIPT, AUTO_NONE,
		    false },
		{ "one within what came back", "", "Subject: Look\n" MIXED,
		    TEXT RETURNED "Content-Type: message/disposition-notification\n\n", AUTO_NONE, false },
		{ "a refusal that has the form of one", "",
		    "Auto-Submitted: auto-replied (rejected)\n" REPORT, TEXT RECEIPT, AUTO_BOUNCE, true },
		{ "a bounce of a receipt", "", REPORT, TEXT STATUS RECEIPT, AUTO_BOUNCE, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		header(cases[i].sender, cases[i].header);
		body(cases[i].body);
		body("--b--\n");
		msg_body_end(&m, true);
		cr_expect_eq(
		    msg_kind(&m)->automatic, cases[i].kind, "%s: %d", cases[i].what, msg_kind(&m)->automatic);
		cr_expect_eq(m.have_dsn, cases[i].facts, "%s", cases[i].what);
		cr_expect_eq(
		    m.dsn.f.rcpts != NULL || m.dsn.f.returned_id.p, cases[i].facts, "%s", cases[i].what);
		msg_body_end(&m, true);
		cr_expect_eq(msg_kind(&m)->automatic, cases[i].kind, "%s, again", cases[i].what);
	}
}

/* Of such a message in a file nobody wrote down the sender. */
Test(msg, bounce_that_was_signed)
{
	static const char by_postmaster[] = "From: postmaster@x\nSubject: Ihre Post\n";
	static const char doubtful[] = "From: postmaster@x\nSubject: Delivery status\n";
	static const char answer[] = "From: postmaster@x\nSubject: Re: Ihre Post\n";
	static const char by_ann[] = "From: ann@x\nSubject: Ihre Post\n";
	static const char known[] = "Return-Path: <ann@x>\nFrom: postmaster@x\nSubject: Ihre Post\n";
	static const struct {
		const char *header, *type, *body;
		enum automatic kind;
	} cases[] = {
		{ by_postmaster, "signed", STATUS, AUTO_BOUNCE },
		{ by_postmaster, "signed", TEXT RETURNED, AUTO_NONE },
		{ by_postmaster, "signed", TEXT_OF_STATUS, AUTO_NONE },
		{ doubtful, "alternative", TEXT_OF_STATUS, AUTO_NONE },
		{ doubtful, "mixed", STATUS, AUTO_BOUNCE },
		{ by_postmaster, "mixed", STATUS, AUTO_NONE },
		{ answer, "signed", STATUS, AUTO_NONE },
		{ by_ann, "signed", STATUS, AUTO_NONE },
		{ known, "signed", STATUS, AUTO_NONE },
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "%sContent-Type: multipart/%s; boundary=b\n", cases[i].header,
		    cases[i].type);
		header(NULL, text);
		body(cases[i].body);
		body("--b--\n");
		msg_body_end(&m, true);
		cr_expect_eq(msg_kind(&m)->automatic, cases[i].kind, "%zu", i);
	}
}
