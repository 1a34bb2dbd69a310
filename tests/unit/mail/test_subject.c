/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <ctype.h>

#include "mail/subject.h"

/* Each phrase that is known, as it may stand in a header. */
static const struct {
	const char *text;
	enum subject_kind kind;
} phrases[] = {
	{ "**message you sent blocked", SUBJECT_BOUNCE },
	{ "[bounce]", SUBJECT_BOUNCE },
	{ "[fwd", SUBJECT_ANSWER },
	{ "abwesenheit", SUBJECT_AUTO_REPLY },
	{ "absence du bureau", SUBJECT_AUTO_REPLY },
	{ "auto:", SUBJECT_AUTO_REPLY },
	{ "auto answer", SUBJECT_AUTO_REPLY },
	{ "auto reply", SUBJECT_AUTO_REPLY },
	{ "auto-reply", SUBJECT_AUTO_REPLY },
	{ "auto respon", SUBJECT_AUTO_REPLY },
	{ "auto-respon", SUBJECT_AUTO_REPLY },
	{ "automaattinen vastaus", SUBJECT_AUTO_REPLY },
	{ "automated reply", SUBJECT_AUTO_REPLY },
	{ "automated response", SUBJECT_AUTO_REPLY },
	{ "automatic reply", SUBJECT_AUTO_REPLY },
	{ "automatic response", SUBJECT_AUTO_REPLY },
	{ "automatisch antwoord", SUBJECT_AUTO_REPLY },
	{ "automatische antwort", SUBJECT_AUTO_REPLY },
	{ "automatisk svar", SUBJECT_AUTO_REPLY },
	{ "automatiskt svar", SUBJECT_AUTO_REPLY },
	{ "autoreply", SUBJECT_AUTO_REPLY },
	{ "autorespon", SUBJECT_AUTO_REPLY },
	{ "autosvar", SUBJECT_AUTO_REPLY },
	{ "aw:", SUBJECT_ANSWER },
	{ "antw:", SUBJECT_ANSWER },
	{ "bounced mail", SUBJECT_BOUNCE },
	{ "bounce", SUBJECT_BOUNCE_MAYBE },
	{ "could not send message", SUBJECT_BOUNCE },
	{ "correo no entregado", SUBJECT_BOUNCE },
	{ "delayed mail (still being retried)", SUBJECT_BOUNCE },
	{ "delivery failure", SUBJECT_BOUNCE },
	{ "delivery_failure", SUBJECT_BOUNCE },
	{ "delivery notification: delivery has", SUBJECT_BOUNCE },
	{ "delivery status notification", SUBJECT_BOUNCE },
	{ "delayed delivery", SUBJECT_BOUNCE_MAYBE },
	{ "delivery delayed", SUBJECT_BOUNCE_MAYBE },
	{ "delivery error", SUBJECT_BOUNCE_MAYBE },
	{ "delivery failed", SUBJECT_BOUNCE_MAYBE },
	{ "delivery notification", SUBJECT_BOUNCE_MAYBE },
	{ "delivery problem", SUBJECT_BOUNCE_MAYBE },
	{ "delivery report", SUBJECT_BOUNCE_MAYBE },
	{ "delivery status", SUBJECT_BOUNCE_MAYBE },
	{ "e-mail delivery fail", SUBJECT_BOUNCE },
	{ "email delivery fail", SUBJECT_BOUNCE },
	{ "echec de la distribution", SUBJECT_BOUNCE },
	{ "failed delivery", SUBJECT_BOUNCE },
	{ "failed mail", SUBJECT_BOUNCE },
	{ "failure delivery", SUBJECT_BOUNCE },
	{ "failure notice", SUBJECT_BOUNCE },
	{ "fml system error message", SUBJECT_BOUNCE },
	{ "fuera de la oficina", SUBJECT_AUTO_REPLY },
	{ "fuori sede", SUBJECT_AUTO_REPLY },
	{ "fw:", SUBJECT_ANSWER },
	{ "fwd:", SUBJECT_ANSWER },
	{ "ignored not ml article", SUBJECT_BOUNCE },
	{ "i am out of the office", SUBJECT_AUTO_REPLY },
	{ "kan ikke leveres", SUBJECT_BOUNCE },
	{ "kan inte levereras", SUBJECT_BOUNCE },
	{ "loop alert: ", SUBJECT_BOUNCE_MAYBE },
	{ "mail could not be delivered", SUBJECT_BOUNCE },
	{ "mail delivery fail", SUBJECT_BOUNCE },
	{ "mail delivery error", SUBJECT_BOUNCE },
	{ "mail delivery problem", SUBJECT_BOUNCE },
	{ "mail delivery status", SUBJECT_BOUNCE },
	{ "mail failure", SUBJECT_BOUNCE },
	{ "mail not delivered", SUBJECT_BOUNCE },
	{ "mail system error", SUBJECT_BOUNCE },
	{ "message could not be delivered", SUBJECT_BOUNCE },
	{ "message delivery delayed", SUBJECT_BOUNCE },
	{ "message delivery fail", SUBJECT_BOUNCE },
	{ "message delivery has failed", SUBJECT_BOUNCE },
	{ "message not delivered", SUBJECT_BOUNCE },
	{ "message status - undeliverable", SUBJECT_BOUNCE },
	{ "message undeliverable", SUBJECT_BOUNCE },
	{ "mancato recapito", SUBJECT_BOUNCE },
	{ "mensaje no entregado", SUBJECT_BOUNCE },
	{ "mail delay", SUBJECT_BOUNCE_MAYBE },
	{ "message delayed", SUBJECT_BOUNCE_MAYBE },
	{ "message rejected", SUBJECT_BOUNCE_MAYBE },
	{ "mail rejected", SUBJECT_BOUNCE_MAYBE },
	{ "non-deliver", SUBJECT_BOUNCE },
	{ "non delivery", SUBJECT_BOUNCE },
	{ "nondeliver", SUBJECT_BOUNCE },
	{ "notice: mail delivery status", SUBJECT_BOUNCE },
	{ "nicht zugestellt", SUBJECT_BOUNCE },
	{ "nicht zustellbar", SUBJECT_BOUNCE },
	{ "nie mo\xc5\xbcna dostarczy", SUBJECT_BOUNCE },
	{ "niedostarcz", SUBJECT_BOUNCE },
	{ "no se puede entregar", SUBJECT_BOUNCE },
	{ "non recapitabile", SUBJECT_BOUNCE },
	{ "non remis", SUBJECT_BOUNCE },
	{ "onbestelbaar", SUBJECT_BOUNCE },
	{ "on vacation", SUBJECT_AUTO_REPLY },
	{ "out of office", SUBJECT_AUTO_REPLY },
	{ "out of the office", SUBJECT_AUTO_REPLY },
	{ "odp:", SUBJECT_ANSWER },
	{ "permanent delivery failure", SUBJECT_BOUNCE },
	{ "postmaster notify", SUBJECT_BOUNCE },
	{ "rejected mail", SUBJECT_BOUNCE },
	{ "returned e-mail", SUBJECT_BOUNCE },
	{ "returned email", SUBJECT_BOUNCE },
	{ "returned mail", SUBJECT_BOUNCE },
	{ "returned to sender", SUBJECT_BOUNCE },
	{ "returning message to sender", SUBJECT_BOUNCE },
	{ "resposta autom", SUBJECT_AUTO_REPLY },
	{ "respuesta autom", SUBJECT_AUTO_REPLY },
	{ "risposta automatica", SUBJECT_AUTO_REPLY },
	{ "r\xc3\xa9ponse automatique", SUBJECT_AUTO_REPLY },
	{ "r\xe9ponse automatique", SUBJECT_AUTO_REPLY },
	{ "re:", SUBJECT_ANSWER },
	{ "re[", SUBJECT_ANSWER },
	{ "rv:", SUBJECT_ANSWER },
	{ "rif:", SUBJECT_ANSWER },
	{ "ref:", SUBJECT_ANSWER },
	{ "sorry, your message could not be delivered", SUBJECT_BOUNCE },
	{ "sv:", SUBJECT_ANSWER },
	{ "there was an error sending your mail", SUBJECT_BOUNCE },
	{ "tr:", SUBJECT_ANSWER },
	{ "undeliver", SUBJECT_BOUNCE },
	{ "unable to deliver your message", SUBJECT_BOUNCE },
	{ "unknown user", SUBJECT_BOUNCE },
	{ "user unknown", SUBJECT_BOUNCE },
	{ "unzustellbar", SUBJECT_BOUNCE },
	{ "vacation reply", SUBJECT_AUTO_REPLY },
	{ "vs:", SUBJECT_ANSWER },
	{ "warning: could not send", SUBJECT_BOUNCE },
	{ "warning: message ", SUBJECT_BOUNCE },
	{ "wg:", SUBJECT_ANSWER },
	{ "your mail could not be delivered", SUBJECT_BOUNCE },
	{ "your message could not be delivered", SUBJECT_BOUNCE },
	{ "\xc3\xa9"
	  "chec de la remise",
	    SUBJECT_BOUNCE },
	{ "\xd0\x9d\xd0\xb5\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0"
	  "\xbd",
	    SUBJECT_BOUNCE },
	{ "\xe3\x83\xa1\xe3\x83\x83\xe3\x82\xbb\xe3\x83\xbc\xe3\x82\xb8\xe3\x82\x92\xe9\x85\x8d\xe4\xbf\xa1"
	  "\xe3\x81\xa7\xe3\x81\x8d\xe3\x81\xbe\xe3\x81\x9b\xe3\x82\x93",
	    SUBJECT_BOUNCE },
	{ "\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab\xe9\x85\x8d\xe4\xbf\xa1\xe3\x81\xab\xe5\xa4\xb1\xe6\x95"
	  "\x97",
	    SUBJECT_BOUNCE },
	{ "\xe8\x87\xaa\xe5\x8b\x95\xe5\xbf\x9c\xe7\xad\x94", SUBJECT_AUTO_REPLY },
	{ "\xe8\x87\xaa\xe5\x8b\x95\xe8\xbf\x94\xe4\xbf\xa1", SUBJECT_AUTO_REPLY },
};

Test(subject, each_phrase_is_found_whatever_stands_beside_it_in_the_table)
{
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
		char text[200], upper[200];
		size_t n = strlen(phrases[i].text);

		cr_assert_lt(n + 4, sizeof(text));
		memcpy(text, phrases[i].text, n + 1);
		memcpy(text + n, "x", 2);
		cr_expect_eq(subject_classify(str_of(text)), phrases[i].kind, "%s", text);
		for (size_t k = 0; k < n; k++)
			upper[k] = (char)toupper((unsigned char)text[k]);
		memcpy(upper + n, " xyz", 4);
		cr_expect_eq(subject_classify((struct str){ upper, n + 4 }), phrases[i].kind, "%s", text);
		text[0] = '~';
		cr_expect_eq(subject_classify(str_of(text)), SUBJECT_PLAIN, "%s", text);
	}
}

/* The front of a phrase is none: cut before its last byte it is another one's, or nobody's. */
Test(subject, a_phrase_that_is_cut)
{
	cr_expect_eq(subject_classify(STR("b")), SUBJECT_PLAIN);
	cr_expect_eq(subject_classify(STR("bounc")), SUBJECT_PLAIN);
	cr_expect_eq(subject_classify(STR("bounced mai")), SUBJECT_BOUNCE_MAYBE);
	cr_expect_eq(subject_classify(STR("delivery notificatio")), SUBJECT_PLAIN);
	cr_expect_eq(subject_classify(STR("delivery notification: delivery ha")), SUBJECT_BOUNCE_MAYBE);
	cr_expect_eq(subject_classify(STR("delivery status notificatio")), SUBJECT_BOUNCE_MAYBE);
	cr_expect_eq(subject_classify(STR("your message could not be delivere")), SUBJECT_PLAIN);
	cr_expect_eq(subject_classify(STR("re")), SUBJECT_PLAIN);
	cr_expect_eq(subject_classify(STR("\xff\xff")), SUBJECT_PLAIN);
	cr_expect_eq(subject_classify(STR("!!")), SUBJECT_PLAIN);
}
