/* SPDX-License-Identifier: ISC */
/* Who did not get it, in words that no table has: marks, labels, headings, and the only address there is. */
#include <stdio.h>

#include "base/compiler.h"
#include "dsn_rig.h"

static const char plain[] = "From: MAILER-DAEMON@mx.example\nReply-To: desk@mx.example\nTo: x@y.example\n"
			    "Message-ID: <7@mx.example>\n";
static const char found[] = "nowhere +lines\nfailed final=a@b.example";
static const char both[] = "nowhere +lines\nfailed final=a@b.example\nfailed final=c@b.example";
static const char nobody[] = "nowhere";

TestSuite(dsn_stranger, .init = rig_init, .fini = rig_fini);

struct row {
	const char *body, *want;
};

static void
want_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rig_want(rows[i].body, rig_scan(plain, str_of(rows[i].body), 7), rows[i].want);
}

/* Two other addresses below: the line itself has to tell. */
Test(dsn_stranger, forms_of_lines)
{
	static const struct {
		const char *line;
		bool tells;
	} rows[] = {
		{ "<mailto:a@b.example>", true },
		{ "a@b.example<mailto:a@b.example>", true },
		{ "* SMTP:a@b.example", true },
		{ "550 5.1.1 <a@b.example>: Recipient address rejected", true },
		{ "550-5.1.1 a@b.example is no user", true },
		{ "550 5.1.1", false },
		{ "1. a@b.example", true },
		{ "(12) a@b.example: no such user", true },
		{ "2: a@b.example", true },
		{ "1.", false },
		{ "1\ta@b.example\tno such user", true },
		{ "a@b.example\tfull", true },
		{ "(", false },
		{ "o a@b.example", true },
		{ "\xe2\x80\xa2 a@b.example", true },
		{ "=> a@b.example", true },
		{ "'a@b.example' on 12/12/2005 10:00 AM", true },
		{ "'a@b.example'", true },
		{ "`a@b.example'", true },
		{ "'a@b.example (host: b.example) (queue: smtp)' for the following", true },
		{ "'no' said a@b.example", false },
		{ "Recipient address: a@b.example", true },
		{ "Recipients: a@b.example", true },
		{ "Original Recipient:a@b.example", true },
		{ "Your address: a@b.example", false },
		{ "Failed email address: a@b.example", true },
		{ "New address: a@b.example", false },
		{ "Forwarding address: a@b.example", false },
		{ "Address for help: a@b.example", false },
		{ "Address of the administrator: a@b.example", false },
		{ "Sender address: a@b.example", false },
		{ "All that our mail system has on record of the recipient: a@b.example", false },
		{ "Failed to deliver to 'a@b.example'", true },
		{ "The mail that you sent to a@b.example was rejected", true },
		{ "    (expanded from: <a@b.example>)", true },
	};
	char body[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body), "%s\n\nSee v@x.example or w@x.example.\n", rows[i].line);
		rig_want(rows[i].line, rig_scan(plain, str_of(body), 3), rows[i].tells ? found : nobody);
	}
	rig_want("a number of a telephone", rig_scan(plain, STR("+49301@b.example\n"), 3),
	    "nowhere +lines\nfailed final=+49301@b.example");
}

Test(dsn_stranger, several_behind_a_label)
{
	static const struct row rows[] = {
		{ "Intended Recipients: <a@b.example>, <c@b.example>\nFailure Reason: 550\n", both },
		{ "Recipients: a@b.example, c@b.example\n", both },
		{ "Failed:\n  a@b.example\n  c@b.example\n", both },
		{ "Destinatarios:\n\ta@b.example\n\tc@b.example (lleno)\n\nSaludos\n", both },
		{ "1: a@b.example\n2: c@b.example\n", both },
		{ "Absender:\n  v@x.example\nEmpfaenger:\n  a@b.example\n", found },
		{ "Von:\n\tv@x.example\nAn:\n\ta@b.example\n", found },
		{ "Jane Doe is gone.\n\nContact:\n  c@b.example\n", nobody },
		{ "a@b.example, c@b.example\n", both },
		{ "Failed:\n\n  <a@b.example>; <c@b.example>;\n", both },
		{ "'a@b.example': no\n'c@b.example': no\n", both },
		{ "a@b.example; Failed; 5.1.1\n", found },
		{ "a@b.example, Bee\n", found },
		{ "Empfaenger: a@b.example\nAuch: c@b.example\n", nobody },
		{ "Recipients: none, at, all\n", nobody },
		{ "Recipients:\n  nobody\n", nobody },
	};

	want_rows(rows, ARRAY_LEN(rows));
}

Test(dsn_stranger, below_a_heading)
{
	static const struct row rows[] = {
		{ "Delivery has failed to these recipients or groups:\n\nBee, Ann "
		  "(a@b.example)<mailto:a@b.example>\n"
		  "Cee (c@b.example)\nNo such user.\n",
		    both },
		{ "To the following addresses:\nAnn <a@b.example>\nCee <c@b.example>\n", both },
		{ "The following recipients failed:\na@b.example\n(was d@b.example)\n", found },
		{ "These were not reached:\nAnn <a@b.example>\nCee <c@b.example>\n", nobody },
	};

	want_rows(rows, ARRAY_LEN(rows));
}

/* Sun's and PMDF's servers describe the message by its fields first; Yahoo's copy has them below. */
Test(dsn_stranger, message_described_first)
{
	rig_want("described",
	    rig_scan(plain,
		STR("About a message with these fields:\n\n  Message-id: <1@y>\n  From: x@y.example\n"
		    "  To: l@y.example\n\nYour message cannot be delivered to the following recipients:\n\n"
		    "  Recipient address: a@b.example\n  Reason: unknown\n"),
		7),
	    "text id=<1@y> +lines\nfailed final=a@b.example");
	rig_want("a copy",
	    rig_scan(plain,
		STR("<a@b.example>:\nNo such user\n\nMessage-ID: <1@y>\nFrom: x@y.example\n\n"
		    "It went to the following recipients:\n\nz@b.example\n"),
		7),
	    "text id=<1@y> +lines\nfailed final=a@b.example");
	rig_want("a copy that is announced",
	    rig_scan(plain,
		STR("--- Below is a copy of the message.\n\nMessage-ID: <1@y>\nFrom: x@y.example\n\n"
		    "It went to the following recipients:\n\nz@b.example\n"),
		7),
	    "text id=<1@y>");
}

Test(dsn_stranger, the_only_address)
{
	static const struct row rows[] = {
		{ "Delivery of your letter to a@b.example, as you see, went wrong.\n", found },
		{ "Ihre Nachricht an <A@b.example> wurde abgewiesen.\nNochmals: a@b.example\n",
		    "nowhere +lines\nfailed final=A@b.example" },
		{ "\xe6\x94\xb6\xe4\xbb\xb6\xe4\xba\xba\xef\xbc\x9a"
		  "a@b.example\xe3\x80\x82\n",
		    found },
		{ "a@b.example's mailbox is full\n", found },
		{ "Destinataire : a@b.example\n", found },
		{ "Empfaenger: a@b.example\nGrund: voll\n", found },
		/* his who sent it, theirs who give it back, numbers of messages */
		{ "From our user x@y.example to a@b.example, says desk@mx.example.\n", found },
		{ "Your <7@mx.example> to a@b.example is lost\n", found },
		{ "Message-Id <1@y.example>\nis lost to a@b.example\n", found },
		{ "This was created automatically: a@b.example could not be forwarded to.\n", found },
		{ "It came from z@y.example to a@b.example\n", found },
		{ "Sender\tRecipient\nx@y.example\ta@b.example\tMinutes\n", found },
		{ "z@y.example\ta@b.example\tMinutes\n", nobody },
		/* whom to ask */
		{ "Jane Doe is no user here. Please contact it@b.example.\n", nobody },
		{ "Jane Doe is no user here: helpdesk@b.example\n", nobody },
		{ "Jane Doe is no user here: postmaster@b.example\n", nobody },
		{ "If you are listed, write to free@b.example.\n", nobody },
		{ "Bitte wenden Sie sich an pc@b.example.\n", nobody },
		{ "Si es un error escriba a red@b.example\n", nobody },
		{ "Your message <20261102.1@b.example> expired.\n", nobody },
		{ "See http://b.example/?user=a@b.example\n", nobody },
		{ "Should you still have trouble please contact\nthe owner of it at c@b.example\n", nobody },
		{ "Please contact whoever told you about him\n\nto a@b.example\n", found },
		{ "Please contact whoever told you about him\nTo a@b.example it was\n", found },
		/* who is there now, or knows of it */
		{ "Jane Doe has left us. Her successor is c@b.example.\n", nobody },
		{ "Frau Doe ist nicht mehr hier, Nachfolgerin: c@b.example\n", nobody },
		{ "Jane Doe: please use the new address c@b.example\n", nobody },
		{ "Jane Doe is not here.\nForwarding address: c@b.example\n", nobody },
		{ "What was sent by you to a@b.example was lost, please send it again\n", found },
		{ "A copy of this was sent to c@b.example\n", nobody },
		/* what is the message's */
		{ "Lost.\n\n> so says\n> Jane Doe, c@b.example\n", nobody },
		{ "Lost.\n\nJane\n-- \nJane Doe, c@b.example\n", nobody },
		{ ">>> to a@b.example: no\n> I am c@b.example\n--\nd@b.example is mine\n", found },
		{ "It went over x-a=b.example@l.example\n", nobody },
		/* which of them? */
		{ "Something of a@b.example and c@b.example\n", nobody },
		{ "v@b.example and w@b.example, x@b.example, y@b.example or z@b.example knows\n", nobody },
		/* what describes the message names whom it was for, be that a list */
		{ "An: l@b.example\nBetreff: x\nGesendet: heute\n\nJane Doe, heute\n", nobody },
		{ "@ a@ @b.example a@b ''@b.example\n", nobody },
	};

	want_rows(rows, ARRAY_LEN(rows));
	rig_want("of whom the copy is",
	    rig_scan("From: MAILER-DAEMON@mx.example\nTo: l-bounces@y.example\n"
		     "Content-Type: multipart/mixed; boundary=B\n",
		STR("--B\n\nFor joe@y.example: lost to a@b.example\n--B\nContent-Type: message/rfc822\n\n"
		    "Message-ID: <1@y>\nFrom: joe@y.example\n\n--B--\n"),
		7),
	    "part id=<1@y> +lines\nfailed final=a@b.example");
}

/* Whom to ask stands at the front of a line then, as those do who did not get it. */
Test(dsn_stranger, whom_to_ask_on_the_next_line)
{
	static const struct row rows[] = {
		{ "Lost: <a@b.example>.\nIf you have any questions about it, please contact\n"
		  "<c@b.example> or call us.\n",
		    found },
		{ "a@b.example\n\nIf you have any questions about it, please contact\n'c@b.example', who "
		  "knows\n",
		    found },
		{ "a@b.example\n\nIf you have any questions about it, please contact\nc@b.example\n", found },
		{ "a@b.example\n\nBeschwerden ueber diesen Server richten Sie bitte an\nc@b.example\n",
		    found },
		{ "If this is in question, contact those who could not be reached\n<a@b.example>: unknown\n",
		    found },
		{ "Ask those for help who could not be reached, which are\n\na@b.example\n", found },
		{ "Ask for help. The following recipients were not reached ------\na@b.example\n", found },
		{ "If you have any questions about it, please contact\nc@b.example, or us, which will retry\n"
		  "to deliver this.\n\na@b.example\n",
		    "nowhere +lines\nnot final=a@b.example action=delayed" },
	};

	want_rows(rows, ARRAY_LEN(rows));
}

/* Words that tell whom to ask are also parts of names, and of what bounces say of those who got nothing. */
Test(dsn_stranger, words_of_the_lost)
{
	static const char *const rows[] = {
		"Informamos que sua mensagem para a@b.example se perdeu.",
		"Le informamos que su mensaje a a@b.example no pudo ser entregado.",
		"For your information, the mail for a@b.example was not accepted.",
		"Information: the user a@b.example does not exist here.",
		"Hiba fordult el\xc5\x91: a@b.example",
		"\xe4\xb8\x8d\xe6\x98\x8e\xe3\x81\xaa\xe5\xae\x9b\xe5\x85\x88 a@b.example",
		"The message for David Friedman (a@b.example) was not accepted.",
		"The mail for Jan Bergsma <a@b.example> bounced.",
		"Wij melden u dat uw bericht aan a@b.example niet is afgeleverd.",
		"Wir melden Ihnen, dass die Nachricht an a@b.example unzustellbar ist.",
		"Yhteys palvelimeen katkesi: a@b.example",
		"Bitte antworten Sie nicht: die Nachricht an a@b.example ist unzustellbar.",
		"Wir melden auf diesem Weg, dass a@b.example nicht erreicht wurde.",
		"None of the hosts for a@b.example can be reached.",
		"Nous avons le regret d'informer que le courrier pour a@b.example est perdu.",
		"The mail in question could not reach a@b.example.",
	};
	char body[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body), "Dear sender,\n%s\n", rows[i]);
		rig_want(rows[i], rig_scan(plain, str_of(body), 7), found);
	}
}

/* Whom to ask is not whom the bounce is about, in whatever language; nor are there two to choose from. */
Test(dsn_stranger, whom_to_ask)
{
	static const char *const rows[] = {
		"In case of doubt ask c@b.example.",
		"Any question? c@b.example",
		"Pour toute question : c@b.example",
		"Reach us at c@b.example.",
		"For further information: c@b.example",
		"Postmaster: c@b.example",
		"Ansprechpartner: c@b.example",
		"Melden Sie sich bei c@b.example.",
		"Adressez-vous \xc3\xa0 c@b.example.",
		"Dir\xc3\xadjase a c@b.example.",
		"Fale com c@b.example.",
		"Rivolgersi a c@b.example.",
		"U kunt terecht bij c@b.example.",
		"H\xc3\xb6r av dig till c@b.example.",
		"Lis\xc3\xa4tietoja: c@b.example",
		"W razie pyta\xc5\x84: c@b.example",
		"Obra\xc5\xa5te se na c@b.example.",
		"Forduljon hozz\xc3\xa1nk: c@b.example",
		"Sorular\xc4\xb1n\xc4\xb1z i\xc3\xa7in c@b.example",
		"\xce\x95\xcf\x80\xce\xb9\xce\xba\xce\xbf\xce\xb9\xce\xbd\xcf\x89\xce\xbd\xce\xae\xcf\x83\xcf"
		"\x84\xce\xb5 \xce\xbc\xce\xb5 c@b.example",
		"\xd0\x9e\xd0\xb1\xd1\x80\xd0\xb0\xd1\x89\xd0\xb0\xd0\xb9\xd1\x82\xd0\xb5\xd1\x81\xd1\x8c "
		"\xd0\xbd\xd0\xb0 c@b.example.",
		"\xd0\xa1\xd0\xb2\xd1\x8f\xd0\xb6\xd0\xb8\xd1\x82\xd0\xb5\xd1\x81\xd1\x8c \xd1\x81 "
		"c@b.example.",
		"\xd0\x97\xd0\xb2\xd0\xb5\xd1\x80\xd1\x82\xd0\xb0\xd0\xb9\xd1\x82\xd0\xb5\xd1\x81\xd1\x8f "
		"\xd0\xb4\xd0\xbe c@b.example.",
		"\xe3\x81\x94\xe9\x80\xa3\xe7\xb5\xa1\xe3\x81\xaf c@b.example \xe3\x81\xbe\xe3\x81\xa7",
		"\xe8\xab\x8b\xe6\xb4\xbd c@b.example",
		"\xec\x97\xb0\xeb\x9d\xbd: c@b.example",
		"For additional information: c@b.example",
		"In case of problems: c@b.example",
		"Our postmaster can be reached at c@b.example.",
		"We can be reached via c@b.example.",
		"His new e-mail is c@b.example",
		"Weitere Informationen: c@b.example",
		"Fehler bitte an c@b.example",
		"Bitte melden Sie das an c@b.example",
		"Pour plus d'informations : c@b.example",
		"Para m\xc3\xa1s informaci\xc3\xb3n: c@b.example",
		"Per maggiori informazioni: c@b.example",
		"\xc3\x89"
		"crivez \xc3\xa0 c@b.example.",
		"Vid fr\xc3\xa5gor: c@b.example",
		"Ved sp\xc3\xb8rgsm\xc3\xa5l: c@b.example",
		"Ota yhteytt\xc3\xa4: c@b.example",
		"Napisz do c@b.example",
		"\xd0\x9f\xd0\xb8\xd1\x88\xd0\xb8\xd1\x82\xd0\xb5 \xd0\xbd\xd0\xb0 c@b.example",
		"\xd0\x9d\xd0\xb0\xd0\xbf\xd0\xb8\xd1\x88\xd1\x96\xd1\x82\xd1\x8c \xd0\xbd\xd0\xb0 "
		"c@b.example",
		"\xd0\x92\xd0\xbe\xd0\xbf\xd1\x80\xd0\xbe\xd1\x81\xd1\x8b: c@b.example",
		"\xe3\x81\x94\xe4\xb8\x8d\xe6\x98\x8e\xe3\x81\xaa\xe7\x82\xb9\xe3\x81\xaf c@b.example "
		"\xe3\x81\xbe\xe3\x81\xa7",
	};
	char body[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body), "Nothing to be had here.\n%s\n", rows[i]);
		rig_want(rows[i], rig_scan(plain, str_of(body), 7), nobody);
		snprintf(body, sizeof(body), "Nothing of it has come to a@b.example.\n%s\n", rows[i]);
		rig_want(rows[i], rig_scan(plain, str_of(body), 7), found);
	}
}

/* "admin", "aide", "scriv" and "sender" are words that hide whom a line names. */
Test(dsn_stranger, words_within_addresses)
{
	static const struct row rows[] = {
		{ "Ihre Nachricht an gone@bag.admin.example wurde abgewiesen.\n",
		    "nowhere +lines\nfailed final=gone@bag.admin.example" },
		{ "Ihre Nachricht an jaideep@b.example wurde abgewiesen.\n",
		    "nowhere +lines\nfailed final=jaideep@b.example" },
		{ "Ihre Nachricht an ann@scrivener.example wurde abgewiesen.\n",
		    "nowhere +lines\nfailed final=ann@scrivener.example" },
		{ "badminton@b.example und desk@mx.example wissen nichts davon\n",
		    "nowhere +lines\nfailed final=badminton@b.example" },
		{ "Your admin may know a@b.example\n", nobody },
		{ "Nothing of a@b.example has come, your admin may know\n", nobody },
		{ "Jane Doe is no user here: it-support@b.example\n", nobody },
		{ "Jane Doe is no user here: kundenservice@b.example\n", nobody },
		{ "Jane Doe is no user here: cases@support.b.example\n", nobody },
		{ "Jane Doe is no user here: support2@b.example\n", nobody },
		{ "Your letter to judit@b.example was lost.\n",
		    "nowhere +lines\nfailed final=judit@b.example" },
		{ "Ihre Nachricht an l.spampinato@b.example wurde abgewiesen.\n",
		    "nowhere +lines\nfailed final=l.spampinato@b.example" },
		{ "Ihre Nachricht an spampinato@it.b.example wurde abgewiesen.\n",
		    "nowhere +lines\nfailed final=spampinato@it.b.example" },
	};

	want_rows(rows, ARRAY_LEN(rows));
	rig_want("the sender's own",
	    rig_scan("From: MAILER-DAEMON@mx.example\nTo: joe@sender.example\n",
		STR("Ihr Brief von joe@sender.example an a@b.example ist verloren.\n"), 7),
	    found);
}

/* Whom to ask and who sent it, in many languages; names, domains and longer words may look like that. */
Test(dsn_stranger, words_of_languages)
{
	static const struct row rows[] = {
		{ "Entre em contato com c@b.example\n", nobody },
		{ "\xec\x97\xb0\xeb\x9d\xbd: c@b.example\n", nobody },
		{ "\xe9\x80\xa3\xe7\xb5\xa1: c@b.example\n", nobody },
		{ "Rivolgersi a c@b.example\n", nobody },
		{ "\xd0\xa1\xd0\xb2\xd1\x8f\xd0\xb6\xd0\xb8\xd1\x82\xd0\xb5\xd1\x81\xd1\x8c: c@b.example\n",
		    nobody },
		{ "Veuillez vous adresser \xc3\xa0 c@b.example\n", nobody },
		{ "For more information call us, or c@b.example\n", nobody },
		{ "The people of it-team@b.example and Mail.Admin@b.example know\n", nobody },
		{ "Your letter to aiden@b.example went wrong.\n",
		    "nowhere +lines\nfailed final=aiden@b.example" },
		{ "Ihr Brief an schreiber@b.example ging verloren.\n",
		    "nowhere +lines\nfailed final=schreiber@b.example" },
		{ "Lost: badminton@helpers.example, and no other\n",
		    "nowhere +lines\nfailed final=badminton@helpers.example" },
		{ "Your letter to a@b.example was lost for the reason described below.\n", found },
		{ "Die Adresse a@b.example ist nicht mehr zu verwenden, wie beschrieben.\n", found },
		{ "Le courrier pour a@b.example est perdu, d\xc3\xa9"
		  "crit ci-dessous.\n",
		    found },
		{ "Anv\xc3\xa4ndaren a@b.example finns inte, som beskrivs.\n", found },
		{ "L'adresse a@b.example n'existe pas.\n", found },
		/* who sent it */
		{ "Von: v@x.example\nBetreff: x\n", nobody },
		{ "De : v@x.example\nObjet : x\n", nobody },
		{ "Mittente: v@x.example\nOggetto: x\n", nobody },
		{ "Nadawca: v@x.example\nOdbiorca: a@b.example\n", found },
	};

	want_rows(rows, ARRAY_LEN(rows));
}

/* The letter in front may hide bytes like those of an address. */
Test(dsn_stranger, letters_in_front)
{
	static const struct row rows[] = {
		{ "\x1b$B08@h!'\x1b(Ba@b.example\x1b$B08$N\x1b(B\n", found },
		{ "\x1b$B08@h!'\n", nobody },
		{ "\xb0\xb8\xc0\xe8\xa1\xa7"
		  "a@b.example\n",
		    found }, /* EUC-JP, GBK */
		{ "\x88\xb6\x90\xe6\x81\x46"
		  "a@b.example\n",
		    nobody }, /* Shift_JIS: not Fa@b.example */
		{ "\x88\xb6\x90\xe6\x81\x46 a@b.example\n", found },
		{ "\xc3\xa0 a@b.example, j\xc3\xbcrgen@b.example\n", found },
		{ "der von j\xc3\xbcrgen@b.example\n", nobody },
		{ "\x1b", nobody },
		{ "\x1b$@\x1b", nobody },
	};

	want_rows(rows, ARRAY_LEN(rows));
}

/* "a@b.example" in UTF-16, either end first, with the mark of byte order. */
Test(dsn_stranger, utf_16)
{
	static const char head[] =
	    "From: MAILER-DAEMON@mx.example\nContent-Type: text/plain; charset=utf-16\n"
	    "Content-Transfer-Encoding: base64\n";

	rig_want("little end first",
	    rig_scan(head, STR("//5UAG8ADQAKAGEAQABiAC4AZQB4AGEAbQBwAGwAZQANAAoA\n"), 7), found);
	rig_want("big end first",
	    rig_scan(head, STR("/v8AVABvAA0ACgBhAEAAYgAuAGUAeABhAG0AcABsAGUADQAK\n"), 7), found);
}

/* A receipt of Italy's certified mail says by a field of its own what it is about. */
Test(dsn_stranger, certified_mail)
{
	static const struct row rows[] = {
		{ "errore-consegna", "reference id=<1@y> +lines\nfailed final=a@b.example" },
		{ "Preavviso-Errore-Consegna",
		    "reference id=<1@y> +lines\nnot final=a@b.example action=delayed" },
	};
	char head[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(head, sizeof(head),
		    "From: posta-certificata@x.example\nX-Ricevuta: %s\n"
		    "X-Riferimento-Message-ID: <1@y>\nTo: x@y.example\n",
		    rows[i].body);
		rig_want(rows[i].body,
		    rig_scan(head,
			STR("Il messaggio inviato a \"a@b.example\" da x@y.example non e' stato "
			    "consegnato\n"),
			7),
		    rows[i].want);
	}
}

/* Nobody is dead whose mail is only late, be that told by the subject alone. */
Test(dsn_stranger, late)
{
	static const struct {
		const char *subject, *body;
		bool late;
	} rows[] = {
		{ "Delivery delayed: Minutes", "a@b.example", true },
		{ "=?utf-8?q?Zustellung_verz=C3=B6gert=3A?= Minutes", "a@b.example", true },
		{ "Remise retard\xe9"
		  "e : Minutes",
		    "a@b.example", true },
		{ "Remise diff\xc3\xa9r\xc3\xa9"
		  "e : Minutes",
		    "a@b.example", true },
		{ "Leveransen \xc3\xa4r f\xc3\xb6rdr\xc3\xb6jd: Minutes", "a@b.example", true },
		{ "Op\xc3\xb3\xc5\xbanione dostarczenie: Minutes", "a@b.example", true },
		{ "\xd0\x97\xd0\xb0\xd0\xb4\xd0\xb5\xd1\x80\xd0\xb6\xd0\xba\xd0\xb0: Minutes", "a@b.example",
		    true },
		{ "\xe9\x85\x8d\xe4\xbf\xa1\xe3\x81\xae\xe9\x81\x85\xe5\xbb\xb6: Minutes", "a@b.example",
		    true },
		{ "Unzustellbar: F\xc3\xb6rsening", "a@b.example", false },
		{ "Non remis : Adresse diff\xc3\xa9rente", "a@b.example", false },
		{ "Delivery Status Notification (Delay)", "To a@b.example.", true },
		{ "WARNING: delayed mail.", "a@b.example", true },
		{ "Transient Delivery Failure", "a@b.example", true },
		{ "Undeliverable: Delay of the project", "a@b.example", false },
		{ "Delivery Report - Failed Delivery (no more delay)", "a@b.example", false },
		{ "Warning: a@b.example - User unknown!", "a@b.example", false },
		{ "Mail", "There was a problem.\na@b.example\nOur server will retry for 47 hours.", true },
		{ "Mail", "a@b.example\nIt will not be retried.", false },
		{ "Mail", "a@b.example\nIt has been delayed and is no longer being retried.", false },
		{ "Mail", "a@b.example\n\n> Our train has been delayed", false },
		{ "Mail", "a@b.example\nIt is not being retried.", false },
		{ "Mail", "It has been delayed for too long.\n\na@b.example", false },
		{ "Mail",
		    "Your message has been delayed for five days and could not be delivered.\n\n"
		    "a@b.example",
		    false },
		{ "Mail", "Delivery has been delayed; now the server gave up.\n\na@b.example", false },
		{ "Mail", "  <a@b.example>  delivery failed; will not continue trying", false },
		{ "Mail", "  <a@b.example>  delivery delayed; will continue trying", true },
		{ "Mail", "It has been delayed, for it could not be delivered at once.\n\na@b.example",
		    true },
		{ "Mail", "It could not be delivered so far, we will continue to try.\n\na@b.example", true },
		{ "Mail", "Delivery attempts will continue for a day.\n\na@b.example", true },
		{ "Mail", "Delivery will continue to be attempted.\n\na@b.example", true },
		{ "Mail", "We will try again until Monday.\n\na@b.example", true },
	};
	char head[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(
		    head, sizeof(head), "From: MAILER-DAEMON@mx.example\nSubject: %s\n", rows[i].subject);
		rig_want(rows[i].subject, rig_scan(head, str_of(rows[i].body), 7),
		    rows[i].late ? "nowhere +lines\nnot final=a@b.example action=delayed" : found);
	}
}

/* What it says in sentences stands at its front; whom it lists may be many. */
Test(dsn_stranger, of_long_texts_the_front)
{
	struct buf body;

	buf_init(&body, 0);
	for (int i = 0; i < 500; i++)
		buf_printf(&body, "Some words of a long text.\n");
	buf_printf(&body, "It was for a@b.example and will be retried.\n");
	rig_want("a sentence", rig_scan(plain, buf_str(&body), 5000), nobody);
	buf_printf(&body, "<a@b.example>:\n");
	rig_want("a line of a list", rig_scan(plain, buf_str(&body), 5000), found);
	buf_fini(&body);
}
