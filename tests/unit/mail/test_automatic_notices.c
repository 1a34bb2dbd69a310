/* SPDX-License-Identifier: ISC */
/* Mail of machines that looks like a bounce and is none, or is one and does not look like it. */
#include <criterion/criterion.h>

#include "header_rig.h"
#include "mail/automatic.h"
#include "mail/subject.h"

TestSuite(automatic_notices, .init = setup, .fini = teardown);

struct sample {
	const char *header;
	enum automatic want;
};

static void
check(const struct sample *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum automatic got;

		arena_reset(&arena);
		header_reset(&h);
		header_feed(&h, rows[i].header, strlen(rows[i].header));
		header_end(&h);
		got = automatic_classify(&h.f, subject_classify(h.f.subject), false, false);
		cr_expect_eq(got, rows[i].want, "%s: %s", rows[i].header, automatic_name(got));
	}
}

#define EXCHANGE "From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.example>\n"

/* Exchange tells whom a mailbox belongs to, which may be a group, that it is full. */
Test(automatic_notices, quota)
{
	static const struct sample rows[] = {
		{ "Return-Path: <>\n" EXCHANGE "Subject: Your mailbox is almost full.\n", AUTO_GENERATED },
		{ "Return-Path: <>\n" EXCHANGE "Subject: Ihr Postfach ist voll\n", AUTO_GENERATED },
		{ "Return-Path: <>\n" EXCHANGE
		  "Subject: =?iso-8859-1?q?Votre_bo=EEte_aux_lettres_est_presque_pleine?=\n",
		    AUTO_GENERATED },
		{ "Return-Path: <>\nFrom: System Administrator <postmaster@x.example>\n"
		  "Subject: Your mailbox is over its size limit\n",
		    AUTO_GENERATED },
		{ "Return-Path: <>\n" EXCHANGE
		  "Subject: =?utf-8?q?La_cassetta_postale_=C3=A8_quasi_piena=2E?=\n",
		    AUTO_GENERATED },
		/* bounces all the same */
		{ "Return-Path: <>\nFrom: postmaster@x.example\n"
		  "Subject: La cassetta postale di Joe Bee =?iso-8859-1?q?=E8?= piena\n",
		    AUTO_BOUNCE },
		{ "Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: Your mailbox is full\n",
		    AUTO_BOUNCE },
		{ "Return-Path: <>\nFrom: postmaster@x.example\nSubject: Your mailbox is full\n"
		  "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
		    AUTO_BOUNCE },
		{ "Return-Path: <>\n" EXCHANGE
		  "Subject: Your mailbox is full\nX-MS-Exchange-Message-Is-Ndr:\n",
		    AUTO_BOUNCE },
		{ "Return-Path: <>\n" EXCHANGE "Subject: Mailbox is full\n", AUTO_BOUNCE },
		/* people */
		{ "From: a@x.example\nSubject: Your mailbox is full\n", AUTO_NONE },
		{ "Return-Path: <>\nFrom: a@x.example\nSubject: Your mailbox is full of cats\n", AUTO_NONE },
		{ "From: postmaster@x.example\nSubject: Your mailbox moves on Monday\n", AUTO_NONE },
	};

	check(rows, ARRAY_LEN(rows));
}

/* Italy's certified mail answers each message by receipts. Were those that tell of success known for robots',
 * a talk of them with a robot would not be stopped. */
Test(automatic_notices, certified_mail)
{
	static const struct sample rows[] = {
		{ "X-Ricevuta: accettazione\nSubject: ACCETTAZIONE: x\n", AUTO_NONE },
		{ "X-Ricevuta: avvenuta-consegna\nSubject: CONSEGNA: x\n", AUTO_NONE },
		{ "X-Ricevuta: presa-in-carico\n", AUTO_NONE },
		{ "X-Ricevuta: errore-consegna\nSubject: AVVISO DI MANCATA CONSEGNA: x\n", AUTO_BOUNCE },
		{ "X-Ricevuta: Preavviso-Errore-Consegna\n", AUTO_BOUNCE },
		{ "X-Ricevuta: non-accettazione\n", AUTO_BOUNCE },
		{ "X-Ricevuta: rilevazione-virus\n", AUTO_BOUNCE },
		/* a message within, and a courier's note */
		{ "X-Trasporto: posta-certificata\nX-Riferimento-Message-ID: <a@b>\n", AUTO_NONE },
		{ "Return-Path: <>\nFrom: a@x.example\nSubject: Avviso di mancata consegna\n", AUTO_NONE },
	};

	check(rows, ARRAY_LEN(rows));
}

/* TMDA, ASK and the old vacation programs say no more. */
Test(automatic_notices, answers_of_no_importance)
{
	static const struct sample rows[] = {
		{ "Return-Path: <>\nFrom: joe-confirm-1@x.example\nSubject: Please confirm your message\n"
		  "Precedence: bulk\nIn-Reply-To: <a@b>\n",
		    AUTO_REPLY },
		{ "Return-Path: <>\nFrom: joe@x.example\nSubject: Re: x\nPrecedence: junk\nReferences: "
		  "<a@b>\n",
		    AUTO_REPLY },
		{ "Return-Path: <joe@x.example>\nFrom: joe@x.example (Joe Bee via the vacation program)\n"
		  "Subject: I am gone\nPrecedence: bulk\n",
		    AUTO_REPLY },
		/* what it says itself stands */
		{ "Return-Path: <>\nFrom: desk@x.example\nSubject: Re: x\nPrecedence: bulk\nIn-Reply-To: "
		  "<a@b>\n"
		  "Auto-Submitted: auto-generated\n",
		    AUTO_GENERATED },
		/* a list's copy, newsletters, and people */
		{ "Return-Path: <>\nFrom: joe@x.example\nSender: owner-l@x.example\nSubject: Re: x\n"
		  "Precedence: bulk\nIn-Reply-To: <a@b>\n",
		    AUTO_NONE },
		{ "Return-Path: <>\nFrom: n@x.example\nPrecedence: bulk\nReferences: <a@b>\n"
		  "List-Unsubscribe: <x>\n",
		    AUTO_NONE },
		{ "Return-Path: <joe@x.example>\nFrom: joe@x.example\nPrecedence: bulk\nReferences: <a@b>\n",
		    AUTO_NONE },
		{ "Return-Path: <>\nFrom: joe@x.example\nPrecedence: bulk\n", AUTO_NONE },
		{ "Return-Path: <>\nFrom: joe@x.example\nReferences: <a@b>\n", AUTO_NONE },
		/* a bounce in a language that no table has */
		{ "Return-Path: <>\nFrom: postmaster@x.example\nSubject: =?utf-8?q?=E1=83=90=E1=83=91?=\n"
		  "Precedence: junk\nIn-Reply-To: <a@b>\n",
		    AUTO_BOUNCE },
	};

	check(rows, ARRAY_LEN(rows));
}

/* How mail systems begin their bounces where nothing else says that it is one. */
Test(automatic_notices, subjects_of_bounces)
{
	static const struct {
		const char *subject;
		enum subject_kind kind;
	} rows[] = {
		{ "=?utf-8?B?5p2l6IeqcXEuY29t55qE6YCA5L+h?=", SUBJECT_BOUNCE },
		{ "=?gb18030?B?wLTX1HFxLmNvbbXEzcvQxQ==?=", SUBJECT_BOUNCE },
		{ "=?utf-8?B?5YWz5LqO6YCA5L+h?=", SUBJECT_PLAIN },
		{ "=?utf-8?B?5p2l6Ieq5aaI5aaI55qE5L+h?=", SUBJECT_PLAIN },
		{ "=?utf-8?B?V2lhZG9tb8WbxIcgbmllIHpvc3RhxYJhIGRvc3RhcmN6b25h?=", SUBJECT_BOUNCE },
		{ "=?iso-8859-2?B?V2lhZG9tb7bmIG5pZSB6b3N0YbNhIGRvc3RhcmN6b25h?=", SUBJECT_BOUNCE },
		{ "=?windows-1250?B?V2lhZG9tb5zmIG5pZSB6b3N0YbNhIGRvc3RhcmN6b25h?=", SUBJECT_BOUNCE },
		{ "Message Delivery Delay", SUBJECT_BOUNCE },
		{ "Message delivery delayed", SUBJECT_BOUNCE },
		{ "Failed to deliver message", SUBJECT_BOUNCE },
		{ "Failed to deliver the sofa", SUBJECT_PLAIN },
		{ "Ihre Nachricht konnte nicht zugestellt werden", SUBJECT_BOUNCE },
		{ "Ihre E-Mail konnte nicht zugestellt werden", SUBJECT_BOUNCE },
		{ "E-Mail konnte nicht zugestellt werden", SUBJECT_BOUNCE },
		{ "Mail konnte nicht zugestellt werden", SUBJECT_BOUNCE },
		{ "Nachricht konnte nicht zugestellt werden", SUBJECT_BOUNCE },
		{ "Votre message n'a pas pu \xc3\xaatre remis", SUBJECT_BOUNCE },
		{ "Messaggio non recapitato", SUBJECT_BOUNCE },
		{ "Messaggio non consegnato: x", SUBJECT_BOUNCE },
		{ "Bericht kon niet worden bezorgd", SUBJECT_BOUNCE },
		{ "No se pudo entregar el paquete", SUBJECT_BOUNCE_MAYBE },
		{ "No se ha podido entregar: x", SUBJECT_BOUNCE_MAYBE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum subject_kind kind = subject_classify(str_of(rows[i].subject));

		cr_expect_eq(kind, rows[i].kind, "%s: %d", rows[i].subject, kind);
	}
}
