/* SPDX-License-Identifier: ISC */
/*
 * Families of subjects, compared with the front of the decoded, lower-cased line. Non-ASCII words are
 * given up to their first such letter where character sets differ, in UTF-8, or in Latin-1 and ISO-2022-JP,
 * too. Sorted by the first two bytes; of those that share them the first that fits counts.
 */
#include "mail/subject.h"

struct family {
	struct str text;
	enum subject_kind kind;
};

#define ROW(text, kind)         \
	{                       \
		STR(text), kind \
	}

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
	ROW("ikke til stede", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("kan ikke leveres", SUBJECT_BOUNCE),
	ROW("kan inte levereras", SUBJECT_BOUNCE),
	ROW("kunne ikke leveres", SUBJECT_BOUNCE),
	ROW("k\xc3\xa9zbes\xc3\xadthetetlen", SUBJECT_BOUNCE),
	ROW("k\xe9zbes\xedthetetlen", SUBJECT_BOUNCE),
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
	ROW("ofis d\xc4\xb1\xc5\x9f\xc4\xb1nda", SUBJECT_AUTO_REPLY_MAYBE),
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
	ROW("r\xe9ponse automatique", SUBJECT_AUTO_REPLY),
	ROW("samodejni odgovor", SUBJECT_AUTO_REPLY),
	ROW("sj\xc3\xa1lfvirkt svar", SUBJECT_AUTO_REPLY),
	ROW("sorry, your message could not be delivered", SUBJECT_BOUNCE),
	ROW("spam mail from a spammer", SUBJECT_BOUNCE),
	ROW("successful mail delivery report", SUBJECT_BOUNCE),
	ROW("sv:", SUBJECT_ANSWER),
	ROW("teslim edilem", SUBJECT_BOUNCE),
	ROW("there was an error sending your mail", SUBJECT_BOUNCE),
	ROW("toimittaminen ep", SUBJECT_BOUNCE),
	ROW("tr:", SUBJECT_ANSWER),
	ROW("transient delivery failure", SUBJECT_BOUNCE),
	ROW("tr\xe1\xba\xa3 l\xe1\xbb\x9di t\xe1\xbb\xb1", SUBJECT_AUTO_REPLY),
	ROW("unable to deliver your message", SUBJECT_BOUNCE),
	ROW("unable to deliver", SUBJECT_BOUNCE_MAYBE),
	ROW("undeliver", SUBJECT_BOUNCE),
	ROW("unknown user", SUBJECT_BOUNCE),
	ROW("unzustellbar", SUBJECT_BOUNCE),
	ROW("user unknown", SUBJECT_BOUNCE),
	ROW("vacation autoreply", SUBJECT_AUTO_REPLY),
	ROW("vacation message", SUBJECT_AUTO_REPLY),
	ROW("vacation reply", SUBJECT_AUTO_REPLY),
	ROW("vacation response", SUBJECT_AUTO_REPLY),
	ROW("vl:", SUBJECT_ANSWER),
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
	ROW("your mail was not delivered", SUBJECT_BOUNCE),
	ROW("your message could not be delivered", SUBJECT_BOUNCE),
	ROW("your message was not delivered", SUBJECT_BOUNCE),
	ROW("zustellfehler", SUBJECT_BOUNCE),
	ROW("zustellung fehlgeschlagen", SUBJECT_BOUNCE),
	ROW("\x8e\xa9\x93\xae\x89\x9e\x93\x9a", SUBJECT_AUTO_REPLY),
	ROW("\x8e\xa9\x93\xae\x95\xd4\x90m", SUBJECT_AUTO_REPLY),
	ROW("\x94z\x90m\x95s\x94\\", SUBJECT_BOUNCE),
	ROW("\xa6\xdb\xb0\xca\xa6^\xc2\xd0", SUBJECT_AUTO_REPLY),
	ROW("\xa6\xdb\xb0\xca\xb5\xaa\xc2\xd0", SUBJECT_AUTO_REPLY),
	ROW("\xb5l\xaak\xb6\xc7\xbb\xbc", SUBJECT_BOUNCE),
	ROW("\xb9\xe8\xb4\xde\xb5\xc7\xc1\xf6 \xbe\xca\xc0\xbd", SUBJECT_BOUNCE),
	ROW("\xb9\xe8\xb4\xde\xc7\xd2 \xbc\xf6 \xbe\xf8", SUBJECT_BOUNCE),
	ROW("\xbc\xab\xc6\xb0\xb1\xfe\xc5\xfa", SUBJECT_AUTO_REPLY),
	ROW("\xbc\xab\xc6\xb0\xca\xd6\xbf\xae", SUBJECT_AUTO_REPLY),
	ROW("\xc0\xda\xb5\xbf \xc0\xc0\xb4\xe4", SUBJECT_AUTO_REPLY),
	ROW("\xc0\xda\xb5\xbf \xc8\xb8\xbd\xc5", SUBJECT_AUTO_REPLY),
	ROW("\xc0\xda\xb5\xbf\xc0\xc0\xb4\xe4", SUBJECT_AUTO_REPLY),
	ROW("\xc0\xda\xb5\xbf\xc8\xb8\xbd\xc5", SUBJECT_AUTO_REPLY),
	ROW("\xc0\xe2\xf2\xee\xec\xe0\xf2\xe8\xf7\xe5\xf1\xea\xe8\xe9 \xee\xf2\xe2\xe5\xf2",
	    SUBJECT_AUTO_REPLY),
	ROW("\xc0\xe2\xf2\xee\xee\xf2\xe2\xe5\xf2", SUBJECT_AUTO_REPLY),
	ROW("\xc1\xf5\xf4\xfc\xec\xe1\xf4\xe7 \xe1\xf0\xdc\xed\xf4\xe7\xf3\xe7", SUBJECT_AUTO_REPLY),
	ROW("\xc2rpus biroja atra", SUBJECT_AUTO_REPLY),
	/* from here on UTF-8 and Latin-1 */
	ROW("\303\211chec de distribution", SUBJECT_BOUNCE),
	ROW("\303\211chec de la distribution", SUBJECT_BOUNCE),
	ROW("\303\211chec de la remise", SUBJECT_BOUNCE),
	ROW("\303\211chec de remise", SUBJECT_BOUNCE),
	ROW("\303\251chec de distribution", SUBJECT_BOUNCE),
	ROW("\303\251chec de la distribution", SUBJECT_BOUNCE),
	ROW("\303\251chec de la remise", SUBJECT_BOUNCE),
	ROW("\303\251chec de remise", SUBJECT_BOUNCE),
	ROW("\xc4\x80rpus biroja atra", SUBJECT_AUTO_REPLY),
	ROW("\311chec de distribution", SUBJECT_BOUNCE),
	ROW("\311chec de la distribution", SUBJECT_BOUNCE),
	ROW("\311chec de la remise", SUBJECT_BOUNCE),
	ROW("\311chec de remise", SUBJECT_BOUNCE),
	ROW("\xcd\xcb\xd0\xc5", SUBJECT_BOUNCE),
	ROW("\xcd\xe5 \xf3\xe4\xe0\xe5\xf2\xf1\xff \xe4\xee\xf1\xf2\xe0\xe2\xe8\xf2\xfc", SUBJECT_BOUNCE),
	ROW("\xcd\xe5\xe4\xee\xf1\xf2\xe0\xe2\xeb", SUBJECT_BOUNCE),
	/* Greek */
	ROW("\xce\x91\xcf\x85\xcf\x84\xcf\x8c\xce\xbc\xce\xb1\xcf\x84\xce\xb7 "
	    "\xce\xb1\xcf\x80\xce\xac\xce\xbd\xcf\x84\xce\xb7\xcf\x83\xce\xb7",
	    SUBJECT_AUTO_REPLY),
	ROW("\xce\x94\xce\xb5\xce\xbd \xce\xb5\xce\xaf\xce\xbd\xce\xb1\xce\xb9 "
	    "\xce\xb4\xcf\x85\xce\xbd\xce\xb1\xcf\x84\xce\xae \xce\xb7 "
	    "\xcf\x80\xce\xb1\xcf\x81\xce\xac\xce\xb4\xce\xbf\xcf\x83\xce\xb7",
	    SUBJECT_BOUNCE),
	ROW("\xce\x95\xce\xba\xcf\x84\xcf\x8c\xcf\x82 "
	    "\xce\xb3\xcf\x81\xce\xb1\xcf\x86\xce\xb5\xce\xaf\xce\xbf\xcf\x85",
	    SUBJECT_AUTO_REPLY_MAYBE),
	ROW("\xce\xb4\xb4\xab\xb5\xdd", SUBJECT_BOUNCE),
	ROW("\xce\xb4\xcb\xcd\xb4\xef", SUBJECT_BOUNCE),
	ROW("\xce\xde\xb7\xa8\xb4\xab\xb5\xdd", SUBJECT_BOUNCE),
	ROW("\xce\xde\xb7\xa8\xcd\xb6\xb5\xdd", SUBJECT_BOUNCE),
	ROW("\xcf\xb5\xcd\xb3\xcd\xcb\xd0\xc5", SUBJECT_BOUNCE),
	/* Cyrillic: Russian, Ukrainian, Bulgarian, Serbian */
	ROW("\xd0\x90\xd0\xb2\xd1\x82\xd0\xbe\xd0\xbc\xd0\xb0\xd1\x82\xd0\xb8\xd1\x87\xd0\xb5\xd0\xbd "
	    "\xd0\xbe\xd1\x82\xd0\xb3\xd0\xbe\xd0\xb2\xd0\xbe\xd1\x80",
	    SUBJECT_AUTO_REPLY),
	ROW("\xd0\x90\xd0\xb2\xd1\x82\xd0\xbe\xd0\xbc\xd0\xb0\xd1\x82\xd0\xb8\xd1\x87\xd0\xb5\xd1\x81\xd0\xba"
	    "\xd0\xb8\xd0\xb9 \xd0\xbe\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82",
	    SUBJECT_AUTO_REPLY),
	ROW("\xd0\x90\xd0\xb2\xd1\x82\xd0\xbe\xd0\xbc\xd0\xb0\xd1\x82\xd0\xb8\xd1\x87\xd0\xbd\xd0\xb0 "
	    "\xd0\xb2\xd1\x96\xd0\xb4\xd0\xbf\xd0\xbe\xd0\xb2\xd1\x96\xd0\xb4\xd1\x8c",
	    SUBJECT_AUTO_REPLY),
	ROW("\xd0\x90\xd0\xb2\xd1\x82\xd0\xbe\xd0\xbe\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82", SUBJECT_AUTO_REPLY),
	ROW("\xd0\x90\xd1\x83\xd1\x82\xd0\xbe\xd0\xbc\xd0\xb0\xd1\x82\xd1\x81\xd0\xba\xd0\xb8 "
	    "\xd0\xbe\xd0\xb4\xd0\xb3\xd0\xbe\xd0\xb2\xd0\xbe\xd1\x80",
	    SUBJECT_AUTO_REPLY),
	ROW("\xd0\x92\xd0\xbd\xd0\xb5 \xd0\xbe\xd1\x84\xd0\xb8\xd1\x81\xd0\xb0", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("\xd0\x9d\xd0\xb5 \xd0\xb2\xd0\xb4\xd0\xb0\xd0\xbb\xd0\xbe\xd1\x81\xd1\x8f "
	    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xb8\xd1\x82\xd0\xb8",
	    SUBJECT_BOUNCE),
	ROW("\xd0\x9d\xd0\xb5 "
	    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xbe",
	    SUBJECT_BOUNCE),
	ROW("\xd0\x9d\xd0\xb5 \xd1\x83\xd0\xb4\xd0\xb0\xd0\xb5\xd1\x82\xd1\x81\xd1\x8f "
	    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xb8\xd1\x82\xd1\x8c",
	    SUBJECT_BOUNCE),
	ROW("\xd0\x9d\xd0\xb5 \xd1\x83\xd0\xb4\xd0\xb0\xd0\xbb\xd0\xbe\xd1\x81\xd1\x8c "
	    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xb8\xd1\x82\xd1\x8c",
	    SUBJECT_BOUNCE),
	ROW("\xd0\x9d\xd0\xb5\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0"
	    "\xbd",
	    SUBJECT_BOUNCE),
	ROW("\xd0\x9d\xd0\xb5\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xbb", SUBJECT_BOUNCE),
	ROW("\xd0\x9d\xd0\xb5\xd1\x82 \xd0\xbd\xd0\xb0 "
	    "\xd1\x80\xd0\xb0\xd0\xb1\xd0\xbe\xd1\x87\xd0\xb5\xd0\xbc "
	    "\xd0\xbc\xd0\xb5\xd1\x81\xd1\x82\xd0\xb5",
	    SUBJECT_AUTO_REPLY_MAYBE),
	ROW("\xd0\x9e\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82:", SUBJECT_ANSWER),
	ROW("\xd0\x9f\xd0\xb8\xd1\x81\xd1\x8c\xd0\xbc\xd0\xbe \xd0\xbd\xd0\xb5 "
	    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xbe",
	    SUBJECT_BOUNCE),
	ROW("\xd0\xa1\xd0\xbe\xd0\xbe\xd0\xb1\xd1\x89\xd0\xb5\xd0\xbd\xd0\xb8\xd0\xb5 \xd0\xbd\xd0\xb5 "
	    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xbe",
	    SUBJECT_BOUNCE),
	/* Hebrew */
	ROW("\xd7\x9c\xd7\x90 \xd7\xa0\xd7\x99\xd7\xaa\xd7\x9f \xd7\x9c\xd7\x9e\xd7\xa1\xd7\x95\xd7\xa8",
	    SUBJECT_BOUNCE),
	ROW("\xd7\x9c\xd7\x90 \xd7\xa0\xd7\x99\xd7\xaa\xd7\x9f "
	    "\xd7\x9c\xd7\x9e\xd7\xa1\xd7\x99\xd7\xa8\xd7\x94",
	    SUBJECT_BOUNCE),
	ROW("\xd7\xaa\xd7\xa9\xd7\x95\xd7\x91\xd7\x94 "
	    "\xd7\x90\xd7\x95\xd7\x98\xd7\x95\xd7\x9e\xd7\x98\xd7\x99\xd7\xaa",
	    SUBJECT_AUTO_REPLY),
	ROW("\xd7\xd4\xb6\xaf\xb4\xf0\xb8\xb4", SUBJECT_AUTO_REPLY),
	ROW("\xd7\xd4\xb6\xaf\xbb\xd8\xb8\xb4", SUBJECT_AUTO_REPLY),
	/* Arabic, Persian */
	ROW("\xd8\xa7\xd9\x84\xd8\xb1\xd8\xaf "
	    "\xd8\xa7\xd9\x84\xd8\xaa\xd9\x84\xd9\x82\xd8\xa7\xd8\xa6\xd9\x8a",
	    SUBJECT_AUTO_REPLY),
	ROW("\xd8\xb1\xd8\xaf \xd8\xaa\xd9\x84\xd9\x82\xd8\xa7\xd8\xa6\xd9\x8a", SUBJECT_AUTO_REPLY),
	ROW("\xd9\xbe\xd8\xa7\xd8\xb3\xd8\xae \xd8\xae\xd9\x88\xd8\xaf\xda\xa9\xd8\xa7\xd8\xb1",
	    SUBJECT_AUTO_REPLY),
	/* Thai */
	ROW("\xe0\xb8\x81\xe0\xb8\xb2\xe0\xb8\xa3\xe0\xb8\x95\xe0\xb8\xad\xe0\xb8\x9a\xe0\xb8\x81\xe0\xb8\xa5"
	    "\xe0\xb8\xb1\xe0\xb8\x9a\xe0\xb8\xad\xe0\xb8\xb1\xe0\xb8\x95\xe0\xb9\x82\xe0\xb8\x99\xe0\xb8\xa1"
	    "\xe0\xb8\xb1\xe0\xb8\x95\xe0\xb8\xb4",
	    SUBJECT_AUTO_REPLY),
	ROW("\xe0\xb8\x95\xe0\xb8\xad\xe0\xb8\x9a\xe0\xb8\x81\xe0\xb8\xa5\xe0\xb8\xb1\xe0\xb8\x9a\xe0\xb8\xad"
	    "\xe0\xb8\xb1\xe0\xb8\x95\xe0\xb9\x82\xe0\xb8\x99\xe0\xb8\xa1\xe0\xb8\xb1\xe0\xb8\x95\xe0\xb8"
	    "\xb4",
	    SUBJECT_AUTO_REPLY),
	ROW("\xe1\xd7\xd4\xcf\xcd\xc1\xd4\xc9\xde\xc5\xd3\xcb\xc9\xca \xcf\xd4\xd7\xc5\xd4",
	    SUBJECT_AUTO_REPLY),
	ROW("\xe1\xd7\xd4\xcf\xcf\xd4\xd7\xc5\xd4", SUBJECT_AUTO_REPLY),
	/* Japanese and Chinese */
	ROW("\xe3\x83\xa1\xe3\x83\x83\xe3\x82\xbb\xe3\x83\xbc\xe3\x82\xb8\xe3\x82\x92\xe9\x85\x8d\xe4\xbf\xa1"
	    "\xe3\x81\xa7\xe3\x81\x8d\xe3\x81\xbe\xe3\x81\x9b\xe3\x82\x93",
	    SUBJECT_BOUNCE),
	ROW("\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab\xe9\x80\x81\xe4\xbf\xa1\xe3\x82\xa8\xe3\x83\xa9\xe3\x83"
	    "\xbc",
	    SUBJECT_BOUNCE),
	ROW("\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab\xe9\x85\x8d\xe4\xbf\xa1\xe3\x81\xab\xe5\xa4\xb1\xe6\x95"
	    "\x97",
	    SUBJECT_BOUNCE),
	ROW("\xe4\xb8\x8d\xe5\x9c\xa8\xe9\x80\x9a\xe7\x9f\xa5", SUBJECT_AUTO_REPLY),
	ROW("\xe5\x9b\x9e\xe5\xa4\x8d", SUBJECT_ANSWER),
	ROW("\xe5\x9b\x9e\xe8\xa6\x86", SUBJECT_ANSWER),
	ROW("\xe5\xa4\x96\xe5\x87\xba", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("\xe6\x97\xa0\xe6\xb3\x95\xe4\xbc\xa0\xe9\x80\x92", SUBJECT_BOUNCE),
	ROW("\xe6\x97\xa0\xe6\xb3\x95\xe6\x8a\x95\xe9\x80\x92", SUBJECT_BOUNCE),
	ROW("\xe6\x97\xa0\xe6\xb3\x95\xe9\x80\x81\xe8\xbe\xbe", SUBJECT_BOUNCE),
	ROW("\xe6\x9c\xaa\xe4\xbc\xa0\xe9\x80\x92", SUBJECT_BOUNCE),
	ROW("\xe6\x9c\xaa\xe9\x80\x81\xe8\xbe\xbe", SUBJECT_BOUNCE),
	ROW("\xe7\x84\xa1\xe6\xb3\x95\xe5\x82\xb3\xe9\x81\x9e", SUBJECT_BOUNCE),
	ROW("\xe7\x84\xa1\xe6\xb3\x95\xe6\x8a\x95\xe9\x81\x9e", SUBJECT_BOUNCE),
	ROW("\xe7\xad\x94\xe5\xa4\x8d", SUBJECT_ANSWER),
	ROW("\xe7\xb3\xbb\xe7\xbb\x9f\xe9\x80\x80\xe4\xbf\xa1", SUBJECT_BOUNCE),
	ROW("\xe8\x87\xaa\xe5\x8a\xa8\xe5\x9b\x9e\xe5\xa4\x8d", SUBJECT_AUTO_REPLY),
	ROW("\xe8\x87\xaa\xe5\x8a\xa8\xe7\xad\x94\xe5\xa4\x8d", SUBJECT_AUTO_REPLY),
	ROW("\xe8\x87\xaa\xe5\x8b\x95\xe5\x9b\x9e\xe8\xa6\x86", SUBJECT_AUTO_REPLY),
	ROW("\xe8\x87\xaa\xe5\x8b\x95\xe5\xbf\x9c\xe7\xad\x94", SUBJECT_AUTO_REPLY),
	ROW("\xe8\x87\xaa\xe5\x8b\x95\xe7\xad\x94\xe8\xa6\x86", SUBJECT_AUTO_REPLY),
	ROW("\xe8\x87\xaa\xe5\x8b\x95\xe8\xbf\x94\xe4\xbf\xa1", SUBJECT_AUTO_REPLY),
	ROW("\xe8\xbd\xac\xe5\x8f\x91", SUBJECT_ANSWER),
	ROW("\351chec de distribution", SUBJECT_BOUNCE),
	ROW("\351chec de la distribution", SUBJECT_BOUNCE),
	ROW("\351chec de la remise", SUBJECT_BOUNCE),
	ROW("\351chec de remise", SUBJECT_BOUNCE),
	ROW("\xe9\x80\x80\xe4\xbf\xa1", SUBJECT_BOUNCE),
	ROW("\xe9\x85\x8d\xe4\xbf\xa1\xe3\x81\xa7\xe3\x81\x8d\xe3\x81\xbe\xe3\x81\x9b\xe3\x82\x93",
	    SUBJECT_BOUNCE),
	ROW("\xe9\x85\x8d\xe4\xbf\xa1\xe3\x82\xa8\xe3\x83\xa9\xe3\x83\xbc", SUBJECT_BOUNCE),
	ROW("\xe9\x85\x8d\xe4\xbf\xa1\xe4\xb8\x8d\xe8\x83\xbd", SUBJECT_BOUNCE),
	/* Korean */
	ROW("\xeb\xb0\xb0\xeb\x8b\xac\xeb\x90\x98\xec\xa7\x80 \xec\x95\x8a\xec\x9d\x8c", SUBJECT_BOUNCE),
	ROW("\xeb\xb0\xb0\xeb\x8b\xac\xed\x95\xa0 \xec\x88\x98 \xec\x97\x86", SUBJECT_BOUNCE),
	ROW("\xeb\xb6\x80\xec\x9e\xac \xec\xa4\x91", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("\xeb\xb6\x80\xec\x9e\xac\xec\xa4\x91", SUBJECT_AUTO_REPLY_MAYBE),
	ROW("\xec\x9e\x90\xeb\x8f\x99 \xec\x9d\x91\xeb\x8b\xb5", SUBJECT_AUTO_REPLY),
	ROW("\xec\x9e\x90\xeb\x8f\x99 \xed\x9a\x8c\xec\x8b\xa0", SUBJECT_AUTO_REPLY),
	ROW("\xec\x9e\x90\xeb\x8f\x99\xec\x9d\x91\xeb\x8b\xb5", SUBJECT_AUTO_REPLY),
	ROW("\xec\x9e\x90\xeb\x8f\x99\xed\x9a\x8c\xec\x8b\xa0", SUBJECT_AUTO_REPLY),
	ROW("\xee\xc5 \xd5\xc4\xc1\xc5\xd4\xd3\xd1 \xc4\xcf\xd3\xd4\xc1\xd7\xc9\xd4\xd8", SUBJECT_BOUNCE),
	ROW("\xee\xc5\xc4\xcf\xd3\xd4\xc1\xd7\xcc", SUBJECT_BOUNCE),
	ROW("\xfa\xf9\xe5\xe1\xe4 \xe0\xe5\xe8\xe5\xee\xe8\xe9\xfa", SUBJECT_AUTO_REPLY),
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
	unsigned two;

	if (s.n < 2)
		return SUBJECT_PLAIN;
	two = two_bytes(s.p);
	for (size_t i = rows_from(two); i < ARRAY_LEN(families); i++) {
		const struct family *row = &families[i];

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
