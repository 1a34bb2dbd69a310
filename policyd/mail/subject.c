/* SPDX-License-Identifier: ISC */
/*
 * Families of subjects, compared with the front of the decoded, lower-cased line. Non-ASCII words are
 * given up to their first such letter where character sets differ, or in UTF-8. Sorted by the first two
 * bytes; of those that share them the first that fits counts.
 */
#include "mail/subject.h"

#include "base/net.h"
#include "mail/words.h"

struct family {
	struct str text;
	enum subject_kind kind;
};

#define ROW(text, kind)                          \
	{                                        \
		{ text, sizeof(text) - 1 }, kind \
	}

static const struct family families[] = {
	ROW("**message you sent blocked", SUBJECT_BOUNCE),
	ROW("[bounce]", SUBJECT_BOUNCE),
	ROW("[fwd", SUBJECT_ANSWER),
	ROW("abwesenheit", SUBJECT_AUTO_REPLY),
	ROW("absence du bureau", SUBJECT_AUTO_REPLY),
	ROW("antw:", SUBJECT_ANSWER),
	ROW("auto:", SUBJECT_AUTO_REPLY),
	ROW("auto answer", SUBJECT_AUTO_REPLY),
	ROW("auto reply", SUBJECT_AUTO_REPLY),
	ROW("auto-reply", SUBJECT_AUTO_REPLY),
	ROW("auto respon", SUBJECT_AUTO_REPLY),
	ROW("auto-respon", SUBJECT_AUTO_REPLY),
	ROW("automaattinen vastaus", SUBJECT_AUTO_REPLY),
	ROW("automated reply", SUBJECT_AUTO_REPLY),
	ROW("automated response", SUBJECT_AUTO_REPLY),
	ROW("automatic reply", SUBJECT_AUTO_REPLY),
	ROW("automatic response", SUBJECT_AUTO_REPLY),
	ROW("automatisch antwoord", SUBJECT_AUTO_REPLY),
	ROW("automatische antwort", SUBJECT_AUTO_REPLY),
	ROW("automatisk svar", SUBJECT_AUTO_REPLY),
	ROW("automatiskt svar", SUBJECT_AUTO_REPLY),
	ROW("autoreply", SUBJECT_AUTO_REPLY),
	ROW("autorespon", SUBJECT_AUTO_REPLY),
	ROW("autosvar", SUBJECT_AUTO_REPLY),
	ROW("aw:", SUBJECT_ANSWER),
	ROW("bounced mail", SUBJECT_BOUNCE),
	ROW("bounce", SUBJECT_BOUNCE_MAYBE),
	ROW("could not send message", SUBJECT_BOUNCE),
	ROW("correo no entregado", SUBJECT_BOUNCE),
	ROW("delayed mail (still being retried)", SUBJECT_BOUNCE),
	ROW("delivery failure", SUBJECT_BOUNCE),
	ROW("delivery_failure", SUBJECT_BOUNCE),
	ROW("delivery notification: delivery has", SUBJECT_BOUNCE),
	ROW("delivery status notification", SUBJECT_BOUNCE),
	ROW("delayed delivery", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery delayed", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery error", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery failed", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery notification", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery problem", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery report", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery status", SUBJECT_BOUNCE_MAYBE),
	ROW("e-mail delivery fail", SUBJECT_BOUNCE),
	ROW("echec de la distribution", SUBJECT_BOUNCE),
	ROW("email delivery fail", SUBJECT_BOUNCE),
	ROW("failed delivery", SUBJECT_BOUNCE),
	ROW("failed mail", SUBJECT_BOUNCE),
	ROW("failure delivery", SUBJECT_BOUNCE),
	ROW("failure notice", SUBJECT_BOUNCE),
	ROW("fml system error message", SUBJECT_BOUNCE),
	ROW("fuera de la oficina", SUBJECT_AUTO_REPLY),
	ROW("fuori sede", SUBJECT_AUTO_REPLY),
	ROW("fw:", SUBJECT_ANSWER),
	ROW("fwd:", SUBJECT_ANSWER),
	ROW("i am out of the office", SUBJECT_AUTO_REPLY),
	ROW("ignored not ml article", SUBJECT_BOUNCE),
	ROW("kan ikke leveres", SUBJECT_BOUNCE),
	ROW("kan inte levereras", SUBJECT_BOUNCE),
	ROW("loop alert: ", SUBJECT_BOUNCE_MAYBE),
	ROW("mail could not be delivered", SUBJECT_BOUNCE),
	ROW("mail delivery fail", SUBJECT_BOUNCE),
	ROW("mail delivery error", SUBJECT_BOUNCE),
	ROW("mail delivery problem", SUBJECT_BOUNCE),
	ROW("mail delivery status", SUBJECT_BOUNCE),
	ROW("mail failure", SUBJECT_BOUNCE),
	ROW("mail not delivered", SUBJECT_BOUNCE),
	ROW("mail system error", SUBJECT_BOUNCE),
	ROW("mancato recapito", SUBJECT_BOUNCE),
	ROW("mail delay", SUBJECT_BOUNCE_MAYBE),
	ROW("mail rejected", SUBJECT_BOUNCE_MAYBE),
	ROW("message could not be delivered", SUBJECT_BOUNCE),
	ROW("message delivery delayed", SUBJECT_BOUNCE),
	ROW("message delivery fail", SUBJECT_BOUNCE),
	ROW("message delivery has failed", SUBJECT_BOUNCE),
	ROW("message not delivered", SUBJECT_BOUNCE),
	ROW("message status - undeliverable", SUBJECT_BOUNCE),
	ROW("message undeliverable", SUBJECT_BOUNCE),
	ROW("mensaje no entregado", SUBJECT_BOUNCE),
	ROW("message delayed", SUBJECT_BOUNCE_MAYBE),
	ROW("message rejected", SUBJECT_BOUNCE_MAYBE),
	ROW("nicht zugestellt", SUBJECT_BOUNCE),
	ROW("nicht zustellbar", SUBJECT_BOUNCE),
	ROW("nie mo\xc5\xbcna dostarczy", SUBJECT_BOUNCE),
	ROW("niedostarcz", SUBJECT_BOUNCE),
	ROW("non-deliver", SUBJECT_BOUNCE),
	ROW("non delivery", SUBJECT_BOUNCE),
	ROW("nondeliver", SUBJECT_BOUNCE),
	ROW("notice: mail delivery status", SUBJECT_BOUNCE),
	ROW("no se puede entregar", SUBJECT_BOUNCE),
	ROW("non recapitabile", SUBJECT_BOUNCE),
	ROW("non remis", SUBJECT_BOUNCE),
	ROW("odp:", SUBJECT_ANSWER),
	ROW("onbestelbaar", SUBJECT_BOUNCE),
	ROW("on vacation", SUBJECT_AUTO_REPLY),
	ROW("out of office", SUBJECT_AUTO_REPLY),
	ROW("out of the office", SUBJECT_AUTO_REPLY),
	ROW("permanent delivery failure", SUBJECT_BOUNCE),
	ROW("postmaster notify", SUBJECT_BOUNCE),
	ROW("rejected mail", SUBJECT_BOUNCE),
	ROW("returned e-mail", SUBJECT_BOUNCE),
	ROW("returned email", SUBJECT_BOUNCE),
	ROW("returned mail", SUBJECT_BOUNCE),
	ROW("returned to sender", SUBJECT_BOUNCE),
	ROW("returning message to sender", SUBJECT_BOUNCE),
	ROW("resposta autom", SUBJECT_AUTO_REPLY),
	ROW("respuesta autom", SUBJECT_AUTO_REPLY),
	ROW("re:", SUBJECT_ANSWER),
	ROW("re[", SUBJECT_ANSWER),
	ROW("ref:", SUBJECT_ANSWER),
	ROW("risposta automatica", SUBJECT_AUTO_REPLY),
	ROW("rif:", SUBJECT_ANSWER),
	ROW("rv:", SUBJECT_ANSWER),
	ROW("r\xc3\xa9ponse automatique", SUBJECT_AUTO_REPLY),
	ROW("r\xe9ponse automatique", SUBJECT_AUTO_REPLY),
	ROW("sorry, your message could not be delivered", SUBJECT_BOUNCE),
	ROW("sv:", SUBJECT_ANSWER),
	ROW("there was an error sending your mail", SUBJECT_BOUNCE),
	ROW("tr:", SUBJECT_ANSWER),
	ROW("undeliver", SUBJECT_BOUNCE),
	ROW("unable to deliver your message", SUBJECT_BOUNCE),
	ROW("unknown user", SUBJECT_BOUNCE),
	ROW("unzustellbar", SUBJECT_BOUNCE),
	ROW("user unknown", SUBJECT_BOUNCE),
	ROW("vacation reply", SUBJECT_AUTO_REPLY),
	ROW("vs:", SUBJECT_ANSWER),
	ROW("warning: could not send", SUBJECT_BOUNCE),
	ROW("warning: message ", SUBJECT_BOUNCE),
	ROW("wg:", SUBJECT_ANSWER),
	ROW("your mail could not be delivered", SUBJECT_BOUNCE),
	ROW("your message could not be delivered", SUBJECT_BOUNCE),
	ROW("\xc3\xa9"
	    "chec de la remise",
	    SUBJECT_BOUNCE),
	/* "Nedostavlennoe soobshchenie"; "cannot deliver the message", "mail delivery failed" in Japanese */
	ROW("\xd0\x9d\xd0\xb5\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0"
	    "\xbd",
	    SUBJECT_BOUNCE),
	ROW("\xe3\x83\xa1\xe3\x83\x83\xe3\x82\xbb\xe3\x83\xbc\xe3\x82\xb8\xe3\x82\x92\xe9\x85\x8d\xe4\xbf\xa1"
	    "\xe3\x81\xa7\xe3\x81\x8d\xe3\x81\xbe\xe3\x81\x9b\xe3\x82\x93",
	    SUBJECT_BOUNCE),
	ROW("\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab\xe9\x85\x8d\xe4\xbf\xa1\xe3\x81\xab\xe5\xa4\xb1\xe6\x95"
	    "\x97",
	    SUBJECT_BOUNCE),
	/* "automatic answer" in Japanese, twice */
	ROW("\xe8\x87\xaa\xe5\x8b\x95\xe5\xbf\x9c\xe7\xad\x94", SUBJECT_AUTO_REPLY),
	ROW("\xe8\x87\xaa\xe5\x8b\x95\xe8\xbf\x94\xe4\xbf\xa1", SUBJECT_AUTO_REPLY),
};

static unsigned
two_bytes(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* The first row that begins with these two bytes or higher ones. */
static size_t
rows_from(unsigned two)
{
	size_t low = 0, high = ARRAY_LEN(families);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (two_bytes(families[mid].text.p) < two)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static enum subject_kind
family_of(struct str s)
{
	unsigned two;

	if (s.n < 2)
		return SUBJECT_PLAIN;
	two = two_bytes(s.p);
	for (size_t i = rows_from(two); i < ARRAY_LEN(families); i++) {
		if (two_bytes(families[i].text.p) != two)
			break;
		if (str_starts(s, families[i].text))
			return families[i].kind;
	}
	return SUBJECT_PLAIN;
}

static bool
has(struct str s, struct str needle)
{
	return str_ifind(s, needle) < s.n;
}

/* "Report Domain: example.org Submitter: example.net Report-ID: ..." (RFC 7489 7.2.1.1, RFC 8460 5.3), and
 * "complaint about message from 192.0.2.1" (a complaint loop without a report part). */
static bool
is_report(struct str s)
{
	static const struct str complaint = { "complaint about message from ", 29 };
	struct ip ip;

	if (str_starts(s, complaint))
		return ip_parse(str_trim(str_sub(s, complaint.n, s.n)), &ip) == 0;
	if (!str_starts(s, STR("report domain:")) && !str_starts(s, STR("dmarc aggregate report domain:")) &&
	    !str_starts(s, STR("[preview] report domain:")))
		return false;
	return has(s, STR("submitter:"));
}

enum subject_kind
subject_classify(struct str subject)
{
	enum { LOOK_AT = 400 };
	char text[LOOK_AT];
	struct str s = str_trim(words_decode(str_sub(subject, 0, 2 * LOOK_AT), text, sizeof(text)));
	enum subject_kind kind;

	if (is_report(s))
		return SUBJECT_REPORT;
	kind = family_of(s);
	/* one tag in front: "[Postmaster] ..."; "[help #12] ..." is a ticket about something */
	if (kind == SUBJECT_PLAIN && s.n && s.p[0] == '[') {
		size_t close = str_find(s, ']');

		kind = family_of(str_trim(str_sub(s, close + 1, s.n)));
		if (str_find(str_sub(s, 0, close), '#') < close && kind != SUBJECT_AUTO_REPLY)
			kind = SUBJECT_ANSWER;
	}
	return kind;
}
