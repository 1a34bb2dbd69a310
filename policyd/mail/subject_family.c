/* SPDX-License-Identifier: ISC */
/*
 * Families of subjects, compared with the front of the decoded, lower-cased line. Here are those that begin
 * with ASCII: words are given up to their first letter that is not where character sets differ, or in UTF-8
 * and in the older sets of their language. The rest, for the first byte tells, is in subject_family_wide.c.
 * Sorted by the first two bytes; of those that share them the first that fits counts.
 */
#include "mail/subject_family.h"

static const struct family families[] = {
	/* Japanese in ISO-2022-JP */
	ROW("\x1b$b!z<+f01~ez", SUBJECT_AUTO_REPLY),
	ROW("\x1b$b!z<+f0jv?.", SUBJECT_AUTO_REPLY),
	ROW("\x1b$b%a!<%kaw?.%(%i!<", SUBJECT_BOUNCE),
	ROW("\x1b$b%a!<%kg[?.$k<:gt", SUBJECT_BOUNCE),
	ROW("\x1b$b%a%c%;!<%8$rg[?.$g$-$^$;$s", SUBJECT_BOUNCE),
	ROW("\x1b$b<+f01~ez", SUBJECT_AUTO_REPLY),
	ROW("\x1b$b<+f0jv?.", SUBJECT_AUTO_REPLY),
	ROW("\x1b$bg[?.$g$-$^$;$s", SUBJECT_BOUNCE),
	ROW("\x1b$bg[?.%(%i!<", SUBJECT_BOUNCE),
	ROW("\x1b$bg[?.itg=", SUBJECT_BOUNCE),
	ROW("\x1b$bit:_dlcn", SUBJECT_AUTO_REPLY),
	ROW("**message you sent blocked", SUBJECT_BOUNCE),
	ROW("[bounce]", SUBJECT_BOUNCE),
	ROW("[fwd", SUBJECT_ANSWER),
	ROW("absence du bureau", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("absent du bureau", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("absent(e) du bureau", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("absent(e)", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("abwesend", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("abwesenheitsassistent", SUBJECT_AUTO_REPLY),
	ROW("abwesenheitsbenachrichtigung", SUBJECT_AUTO_REPLY),
	ROW("abwesenheitshinweis", SUBJECT_AUTO_REPLY),
	ROW("abwesenheitsinfo", SUBJECT_AUTO_REPLY),
	ROW("abwesenheitsmeldung", SUBJECT_AUTO_REPLY),
	ROW("abwesenheitsnachricht", SUBJECT_AUTO_REPLY),
	ROW("abwesenheitsnotiz", SUBJECT_AUTO_REPLY),
	ROW("abwesenheit", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("afwezigheidsbericht", SUBJECT_AUTO_REPLY),
	ROW("afwezigheidsmelding", SUBJECT_AUTO_REPLY),
	ROW("afwezig", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("antw:", SUBJECT_ANSWER),
	ROW("arpus biroja atra", SUBJECT_AUTO_REPLY),
	ROW("ausencia", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("ausente", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("aus\xc3\xaancia tempor\xc3\xa1ria", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("aus\xc3\xaancia", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("aus\xeancia tempor\xe1ria", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("aus\xeancia", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("auto answer", SUBJECT_AUTO_REPLY),
	ROW("auto reply", SUBJECT_AUTO_REPLY),
	ROW("auto respon", SUBJECT_AUTO_REPLY),
	ROW("auto-reply", SUBJECT_AUTO_REPLY),
	ROW("auto-respon", SUBJECT_AUTO_REPLY),
	ROW("auto:", SUBJECT_AUTO_REPLY),
	ROW("automaattinen vastaus", SUBJECT_AUTO_REPLY),
	ROW("automaatvastus", SUBJECT_AUTO_REPLY),
	ROW("automated reply", SUBJECT_AUTO_REPLY),
	ROW("automated response", SUBJECT_AUTO_REPLY),
	ROW("automatic answer", SUBJECT_AUTO_REPLY),
	ROW("automatic reply", SUBJECT_AUTO_REPLY),
	ROW("automatic response", SUBJECT_AUTO_REPLY),
	ROW("automatick\xc3\xa1 odpov", SUBJECT_AUTO_REPLY),
	ROW("automatick\xe1 odpov", SUBJECT_AUTO_REPLY),
	ROW("automatikus v\xc3\xa1lasz", SUBJECT_AUTO_REPLY),
	ROW("automatikus v\xe1lasz", SUBJECT_AUTO_REPLY),
	ROW("automatinis atsakymas", SUBJECT_AUTO_REPLY),
	ROW("automatisch antwoord", SUBJECT_AUTO_REPLY),
	ROW("automatische antwort", SUBJECT_AUTO_REPLY),
	ROW("automatisk besvarelse", SUBJECT_AUTO_REPLY),
	ROW("automatisk svar", SUBJECT_AUTO_REPLY),
	ROW("automatiskt svar", SUBJECT_AUTO_REPLY),
	ROW("automatski odgovor", SUBJECT_AUTO_REPLY),
	ROW("automatyczna odpowied", SUBJECT_AUTO_REPLY),
	ROW("autom\xc4\x81tiska atbilde", SUBJECT_AUTO_REPLY),
	ROW("autom\xc4\x81tisk\xc4\x81 atbilde", SUBJECT_AUTO_REPLY),
	ROW("autoodpowied", SUBJECT_AUTO_REPLY),
	ROW("autoreply", SUBJECT_AUTO_REPLY),
	ROW("autorespon", SUBJECT_AUTO_REPLY),
	ROW("autosvar", SUBJECT_AUTO_REPLY),
	ROW("au\xc3\x9f"
	    "er haus",
	    SUBJECT_AUTO_REPLY_MAYBE),
	ROW("au\xdf"
	    "er haus",
	    SUBJECT_AUTO_REPLY_MAYBE),
	ROW("autom\xe2tiska atbilde", SUBJECT_AUTO_REPLY),
	ROW("autom\xe2tisk\xe2 atbilde", SUBJECT_AUTO_REPLY),
	ROW("avviso di mancata consegna", SUBJECT_BOUNCE_MAYBE),
	ROW("avviso di non accettazione", SUBJECT_BOUNCE_MAYBE),
	ROW("aw:", SUBJECT_ANSWER),
	ROW("away from my mail", SUBJECT_AUTO_REPLY),
	ROW("away from the office", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("balasan automatik", SUBJECT_AUTO_REPLY),
	ROW("balasan otomatis", SUBJECT_AUTO_REPLY),
	ROW("bericht niet bezorgd", SUBJECT_BOUNCE),
	ROW("bounced mail", SUBJECT_BOUNCE),
	ROW("bounce", SUBJECT_BOUNCE_MAYBE),
	ROW("correo devuelto", SUBJECT_BOUNCE),
	ROW("correo no entregado", SUBJECT_BOUNCE),
	ROW("could not deliver m", SUBJECT_BOUNCE),
	ROW("could not send message", SUBJECT_BOUNCE),
	ROW("courrier non remis", SUBJECT_BOUNCE),
	ROW("delayed delivery", SUBJECT_BOUNCE_MAYBE),
	ROW("delayed mail (still being retried)", SUBJECT_BOUNCE),
	ROW("delivery delayed", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery error", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery failed", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery failure", SUBJECT_BOUNCE),
	ROW("delivery notification: delivery has", SUBJECT_BOUNCE),
	ROW("delivery notification", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery problem", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery report (failure)", SUBJECT_BOUNCE),
	ROW("delivery reports about your", SUBJECT_BOUNCE),
	ROW("delivery report", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery status notification", SUBJECT_BOUNCE),
	ROW("delivery status", SUBJECT_BOUNCE_MAYBE),
	ROW("delivery_failure", SUBJECT_BOUNCE),
	ROW("det g\xc3\xa5r inte att leverera", SUBJECT_BOUNCE),
	ROW("det g\xe5r inte att leverera", SUBJECT_BOUNCE),
	ROW("doorst:", SUBJECT_ANSWER),
	ROW("e-mail delivery fail", SUBJECT_BOUNCE),
	ROW("e-mail not delivered", SUBJECT_BOUNCE),
	ROW("echec de distribution", SUBJECT_BOUNCE),
	ROW("echec de la distribution", SUBJECT_BOUNCE),
	ROW("echec de la remise", SUBJECT_BOUNCE),
	ROW("email delivery fail", SUBJECT_BOUNCE),
	ROW("email not delivered", SUBJECT_BOUNCE),
	ROW("enc:", SUBJECT_ANSWER),
	ROW("entrega fallida", SUBJECT_BOUNCE),
	ROW("erantzun automatiko", SUBJECT_AUTO_REPLY),
	ROW("erro de entrega", SUBJECT_BOUNCE_MAYBE),
	ROW("error de entrega", SUBJECT_BOUNCE_MAYBE),
	ROW("error sending message [", SUBJECT_BOUNCE_MAYBE),
	ROW("errore di consegna", SUBJECT_BOUNCE_MAYBE),
	ROW("failed delivery", SUBJECT_BOUNCE),
	ROW("failed mail", SUBJECT_BOUNCE),
	ROW("failure delivery", SUBJECT_BOUNCE),
	ROW("failure notice", SUBJECT_BOUNCE),
	ROW("falha na entrega", SUBJECT_BOUNCE_MAYBE),
	ROW("fml system error message", SUBJECT_BOUNCE),
	ROW("fora do escrit\xc3\xb3rio", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("fora do escrit\xf3rio", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("frav\xc3\xa6rsbesked", SUBJECT_AUTO_REPLY),
	ROW("frav\xc3\xa6rsmelding", SUBJECT_AUTO_REPLY),
	ROW("frav\xc3\xa6r", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("frav\xe6rsbesked", SUBJECT_AUTO_REPLY),
	ROW("frav\xe6rsmelding", SUBJECT_AUTO_REPLY),
	ROW("frav\xe6r", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("fr\xc3\xa5nvaroavisering", SUBJECT_AUTO_REPLY),
	ROW("fr\xc3\xa5nvaromeddelande", SUBJECT_AUTO_REPLY),
	ROW("fr\xc3\xa5nvaro", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("fr\xe5nvaroavisering", SUBJECT_AUTO_REPLY),
	ROW("fr\xe5nvaromeddelande", SUBJECT_AUTO_REPLY),
	ROW("fr\xe5nvaro", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("fuera de la oficina", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("fuera de oficina", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("fuori sede", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("fuori ufficio", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("fw:", SUBJECT_ANSWER),
	ROW("fwd:", SUBJECT_ANSWER),
	ROW("h\xc3\xa1zon k\xc3\xadv\xc3\xbcl", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("h\xe1zon k\xedv\xfcl", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("i am away", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("i am out of", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("i'm away", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("i'm out of", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("i:", SUBJECT_ANSWER),
	ROW("ignored not member", SUBJECT_BOUNCE),
	ROW("ignored not ml article", SUBJECT_BOUNCE),
	ROW("ihr postfach ", SUBJECT_QUOTA),
	ROW("ikke til stede", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("kan ikke leveres", SUBJECT_BOUNCE),
	ROW("kan inte levereras", SUBJECT_BOUNCE),
	ROW("kunne ikke leveres", SUBJECT_BOUNCE),
	ROW("k\xc3\xa9zbes\xc3\xadthetetlen", SUBJECT_BOUNCE),
	ROW("k\xe9zbes\xedthetetlen", SUBJECT_BOUNCE),
	ROW("la cassetta postale ", SUBJECT_QUOTA),
	ROW("la tua cassetta postale ", SUBJECT_QUOTA),
	ROW("loop alert: ", SUBJECT_BOUNCE_MAYBE),
	ROW("loop back warning", SUBJECT_BOUNCE),
	ROW("mail could not be delivered", SUBJECT_BOUNCE),
	ROW("mail delay", SUBJECT_BOUNCE_MAYBE),
	ROW("mail delivery error", SUBJECT_BOUNCE),
	ROW("mail delivery fail", SUBJECT_BOUNCE),
	ROW("mail delivery notification", SUBJECT_BOUNCE_MAYBE),
	ROW("mail delivery problem", SUBJECT_BOUNCE),
	ROW("mail delivery status", SUBJECT_BOUNCE),
	ROW("mail delivery warning", SUBJECT_BOUNCE),
	ROW("mail failed, returning", SUBJECT_BOUNCE),
	ROW("mail failure", SUBJECT_BOUNCE),
	ROW("mail nicht zustellbar", SUBJECT_BOUNCE),
	ROW("mail not delivered", SUBJECT_BOUNCE),
	ROW("mail rejected", SUBJECT_BOUNCE_MAYBE),
	ROW("mail system error", SUBJECT_BOUNCE),
	ROW("mail undeliverable", SUBJECT_BOUNCE),
	ROW("mail was not delivered", SUBJECT_BOUNCE),
	ROW("mailbox full", SUBJECT_BOUNCE_MAYBE),
	ROW("mailbox is full", SUBJECT_BOUNCE_MAYBE),
	ROW("mancata consegna", SUBJECT_BOUNCE),
	ROW("mancato recapito", SUBJECT_BOUNCE),
	ROW("mensagem n\xc3\xa3o entregue", SUBJECT_BOUNCE),
	ROW("mensagem n\xe3o entregue", SUBJECT_BOUNCE),
	ROW("mensaje no entregado", SUBJECT_BOUNCE),
	ROW("message could not be delivered", SUBJECT_BOUNCE),
	ROW("message d'absence", SUBJECT_AUTO_REPLY),
	ROW("message delayed", SUBJECT_BOUNCE_MAYBE),
	ROW("message delivery delayed", SUBJECT_BOUNCE),
	ROW("message delivery fail", SUBJECT_BOUNCE),
	ROW("message delivery has been delayed", SUBJECT_BOUNCE),
	ROW("message delivery has failed", SUBJECT_BOUNCE),
	ROW("message delivery notification", SUBJECT_BOUNCE_MAYBE),
	ROW("message non d", SUBJECT_BOUNCE),
	ROW("message not delivered", SUBJECT_BOUNCE),
	ROW("message rejected", SUBJECT_BOUNCE_MAYBE),
	ROW("message status - undeliverable", SUBJECT_BOUNCE),
	ROW("message undeliverable", SUBJECT_BOUNCE),
	ROW("mimo kancel\xc3\xa1\xc5\x99", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("mimo kancel\xe1\xf8", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("nachricht nicht zustellbar", SUBJECT_BOUNCE),
	ROW("nachricht unzustellbar", SUBJECT_BOUNCE),
	ROW("ndn:", SUBJECT_BOUNCE),
	ROW("nedoru\xc4\x8d"
	    "en",
	    SUBJECT_BOUNCE),
	ROW("nedoru\xc4\x8dite", SUBJECT_BOUNCE),
	ROW("nedoru\xe8"
	    "en",
	    SUBJECT_BOUNCE),
	ROW("nedoru\xe8ite", SUBJECT_BOUNCE),
	ROW("nicht im b\xc3\xbcro", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("nicht im b\xfcro", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("nicht zugestellt", SUBJECT_BOUNCE),
	ROW("nicht zustellbar", SUBJECT_BOUNCE),
	ROW("nie dostarczono", SUBJECT_BOUNCE),
	ROW("nie mo\xc5\xbcna dostarczy", SUBJECT_BOUNCE),
	ROW("niedostarcz", SUBJECT_BOUNCE),
	ROW("nieobecno\x9c\xe6", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("nieobecno\xb6\xe6", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("nieobecno\xc5\x9b\xc4\x87", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("niet aanwezig", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("niet bezorgd", SUBJECT_BOUNCE),
	ROW("niet op kantoor", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("nie mo\xbfna dostarczy", SUBJECT_BOUNCE),
	ROW("no se puede entregar", SUBJECT_BOUNCE),
	ROW("non delivery", SUBJECT_BOUNCE),
	ROW("non distribuable", SUBJECT_BOUNCE),
	ROW("non recapitabile", SUBJECT_BOUNCE),
	ROW("non remis", SUBJECT_BOUNCE),
	ROW("non-deliver", SUBJECT_BOUNCE),
	ROW("nondeliver", SUBJECT_BOUNCE),
	ROW("not member article", SUBJECT_BOUNCE),
	ROW("notice: mail delivery status", SUBJECT_BOUNCE),
	ROW("n\xc3\xa3o entregue", SUBJECT_BOUNCE),
	ROW("n\xc3\xa3o \xc3\xa9 poss\xc3\xadvel entregar", SUBJECT_BOUNCE),
	ROW("n\xe3o entregue", SUBJECT_BOUNCE),
	ROW("n\xe3o \xe9 poss\xedvel entregar", SUBJECT_BOUNCE),
	ROW("odp:", SUBJECT_ANSWER),
	ROW("odpowied\xbc automat", SUBJECT_AUTO_REPLY),
	ROW("odpowied\xc5\xba automat", SUBJECT_AUTO_REPLY),
	ROW("odpowied\x9f automat", SUBJECT_AUTO_REPLY),
	ROW("ofis d\xc4\xb1\xc5\x9f\xc4\xb1nda", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("ofis d\xfd\xfe\xfdnda", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("on vacation", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("onbestelbaar", SUBJECT_BOUNCE),
	ROW("otomatik yan", SUBJECT_AUTO_REPLY),
	ROW("out of office autoreply:", SUBJECT_AUTO_REPLY_SURE),
	ROW("out of office", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("out of the office", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("permanent delivery failure", SUBJECT_BOUNCE),
	ROW("poissa", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("postmaster copy:", SUBJECT_BOUNCE),
	ROW("postmaster notify", SUBJECT_BOUNCE),
	ROW("poza biurem", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("r:", SUBJECT_ANSWER),
	ROW("raspuns automat", SUBJECT_AUTO_REPLY),
	ROW("re:", SUBJECT_ANSWER),
	ROW("re[", SUBJECT_ANSWER),
	ROW("ref:", SUBJECT_ANSWER),
	ROW("reject mail", SUBJECT_BOUNCE),
	ROW("rejected mail", SUBJECT_BOUNCE),
	ROW("res:", SUBJECT_ANSWER),
	ROW("resposta autom", SUBJECT_AUTO_REPLY),
	ROW("respuesta autom", SUBJECT_AUTO_REPLY),
	ROW("respuesta de fuera de", SUBJECT_AUTO_REPLY),
	ROW("returned e-mail", SUBJECT_BOUNCE),
	ROW("returned email", SUBJECT_BOUNCE),
	ROW("returned mail", SUBJECT_BOUNCE),
	ROW("returned to sender", SUBJECT_BOUNCE),
	ROW("returning message to sender", SUBJECT_BOUNCE),
	ROW("rif:", SUBJECT_ANSWER),
	ROW("risposta automatica", SUBJECT_AUTO_REPLY),
	ROW("rv:", SUBJECT_ANSWER),
	ROW("r\xc3\xa9ponse automatique", SUBJECT_AUTO_REPLY),
	ROW("r\xc3\xa9p", SUBJECT_ANSWER),
	ROW("r\xc4\x83spuns automat", SUBJECT_AUTO_REPLY),
	ROW("r\xe3spuns automat", SUBJECT_AUTO_REPLY),
	ROW("r\xe9ponse automatique", SUBJECT_AUTO_REPLY),
	ROW("samodejni odgovor", SUBJECT_AUTO_REPLY),
	ROW("sj\xc3\xa1lfvirkt svar", SUBJECT_AUTO_REPLY),
	ROW("sj\xe1lfvirkt svar", SUBJECT_AUTO_REPLY),
	ROW("sorry, your message could not be delivered", SUBJECT_BOUNCE),
	ROW("spam mail from a spammer", SUBJECT_BOUNCE),
	ROW("successful mail delivery report", SUBJECT_BOUNCE),
	ROW("su buz\xc3\xb3n ", SUBJECT_QUOTA),
	ROW("su buz\xf3n ", SUBJECT_QUOTA),
	ROW("sua caixa de correio ", SUBJECT_QUOTA),
	ROW("sv:", SUBJECT_ANSWER),
	ROW("teslim edilem", SUBJECT_BOUNCE),
	ROW("there was an error sending your mail", SUBJECT_BOUNCE),
	ROW("toimittaminen ep", SUBJECT_BOUNCE),
	ROW("tr:", SUBJECT_ANSWER),
	ROW("transient delivery failure", SUBJECT_BOUNCE),
	ROW("tr\xe1\xba\xa3 l\xe1\xbb\x9di t\xe1\xbb\xb1", SUBJECT_AUTO_REPLY),
	ROW("twoja skrzynka pocztowa ", SUBJECT_QUOTA),
	ROW("unable to deliver your message", SUBJECT_BOUNCE),
	ROW("unable to deliver", SUBJECT_BOUNCE_MAYBE),
	ROW("undeliver", SUBJECT_BOUNCE),
	ROW("unknown user", SUBJECT_BOUNCE),
	ROW("unzustellbar", SUBJECT_BOUNCE),
	ROW("user unknown", SUBJECT_BOUNCE),
	ROW("uw postvak ", SUBJECT_QUOTA),
	ROW("vacation autoreply", SUBJECT_AUTO_REPLY),
	ROW("vacation message", SUBJECT_AUTO_REPLY),
	ROW("vacation reply", SUBJECT_AUTO_REPLY),
	ROW("vacation response", SUBJECT_AUTO_REPLY),
	ROW("vl:", SUBJECT_ANSWER),
	ROW("votre bo\xc3\xaete aux lettres ", SUBJECT_QUOTA),
	ROW("votre bo\xeete aux lettres ", SUBJECT_QUOTA),
	ROW("vs:", SUBJECT_ANSWER),
	ROW("warning: could not send", SUBJECT_BOUNCE),
	ROW("warning: delayed mail", SUBJECT_BOUNCE),
	ROW("warning: message ", SUBJECT_BOUNCE),
	ROW("warning: unix from loop", SUBJECT_BOUNCE),
	ROW("wg:", SUBJECT_ANSWER),
	ROW("yahoo! auto response", SUBJECT_AUTO_REPLY),
	ROW("ynt:", SUBJECT_ANSWER),
	ROW("your e-mail could not be delivered", SUBJECT_BOUNCE),
	ROW("your email could not be delivered", SUBJECT_BOUNCE),
	ROW("your mail could not be delivered", SUBJECT_BOUNCE),
	ROW("your mailbox ", SUBJECT_QUOTA),
	ROW("your mail was not delivered", SUBJECT_BOUNCE),
	ROW("your message could not be delivered", SUBJECT_BOUNCE),
	ROW("your message was not delivered", SUBJECT_BOUNCE),
	ROW("zustellfehler", SUBJECT_BOUNCE),
	ROW("zustellung fehlgeschlagen", SUBJECT_BOUNCE),
};

static unsigned
two_bytes(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* The first row that begins with these two bytes or higher ones. */
static size_t
rows_from(const struct family *rows, size_t n, unsigned two)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (two_bytes(rows[mid].text.p) < two)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* "Out of office: ...", "Out of office reply", "Out of the Office Re: ...", or these words alone: that is how
 * programs go on, people do with something else. */
static bool
goes_on_as_robot(struct str rest)
{
	static const char *const words[] = { "re:", "reply", "auto", "message", "response", "notification" };

	rest = str_trim(rest);
	if (rest.n == 0 || str_find(STR(":(."), rest.p[0]) < 3)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_starts(rest, str_of(words[i])))
			return true;
	return false;
}

enum subject_kind
subject_family(struct str s)
{
	const struct family *rows = families;
	size_t n = ARRAY_LEN(families);
	unsigned two;

	if (s.n < 2)
		return SUBJECT_PLAIN;
	if ((unsigned char)s.p[0] >= 0x80) {
		rows = subject_family_wide;
		n = subject_family_wide_n;
	}
	two = two_bytes(s.p);
	for (size_t i = rows_from(rows, n, two); i < n; i++) {
		const struct family *row = &rows[i];

		if (two_bytes(row->text.p) != two)
			break;
		if (!str_starts(s, row->text))
			continue;
		if (row->kind == SUBJECT_AUTO_REPLY_MAYBE && goes_on_as_robot(str_sub(s, row->text.n, s.n)))
			return SUBJECT_AUTO_REPLY;
		return row->kind;
	}
	return SUBJECT_PLAIN;
}
