/* SPDX-License-Identifier: ISC */
/*
 * What of a message has become, where a bounce has no delivery status: it is only late, or has arrived. A
 * bounce is about a failure unless it says otherwise.
 */
#include "mail/dsn_scan.h"
#include "mail/words.h"

/* Exim; Sendmail, Postfix, Gmail, Exchange, MDaemon, PMDF, PowerMTA and OpenSMTPD: they go on trying, unless
 * the time for that is over. OpenSMTPD before it wrote delivery statuses, PMDF: those below have got it. */
struct str
dsn_told_action(struct str line)
{
	static const char *const late[] = {
		"not yet been delivered",
		"not need to resend your message",
		"being retried",
		"still trying",
		"will be retried",
		"will be tried again",
		"will be attempted again",
		"will keep trying",
		"will continue trying",
		"will continue to try",
		"will continue to be attempted",
		"attempts will continue",
		"will retry",
		"will try again",
	};
	static const char *const slow[] = { "has been delayed", "is delayed for more than" };
	static const char *const there[] = { "was successfully delivered", "was successfully relayed",
		"been successfully delivered", "was relayed to these recipients" };
	static const char *const over[] = { "no longer", "not being" };
	static const char *const past[] = { "too long", "gave up", "given up", "giving up", "is returned",
		"being returned", "been returned", "now returned", "expired", "and could not", "and cannot",
		"and can not" };
	static const char *const but[] = { "not ", "n't ", "fail", "unable", "but ", "however" };

	if (dsn_is_quoted(line))
		return STR_NONE;
	if ((HAS_ANY(line, late) || (HAS_ANY(line, slow) && !HAS_ANY(line, past))) && !HAS_ANY(line, over))
		return STR("delayed");
	return HAS_ANY(line, there) && !HAS_ANY(line, but) ? STR("delivered") : STR_NONE;
}

/* Sendmail: "The following addresses had transient non-fatal errors", "... had successful delivery
 * notifications". Exchange: "... was delivered to the following recipient(s):", "Delivery to these recipients
 * or groups is complete, but no delivery notification was sent by the destination server:" */
struct str
dsn_action_of_heading(struct str line, struct str told)
{
	static const char *const late[] = { "transient", "delayed" };
	static const char *const there[] = { "had successful", "groups is complete," };
	static const char *const given[] = { "was delivered to", "were delivered to", "been delivered to" };
	static const char *const but[] = { "not ", "n't ", "never", "fail", "reject", "return", "bounce" };

	if (HAS_ANY(line, late))
		return STR("delayed");
	if (HAS_ANY(line, there) || (HAS_ANY(line, given) && !HAS_ANY(line, but)))
		return STR("delivered");
	return told;
}

bool
dsn_late_subject(struct str subject)
{
	enum { LOOK_AT = 200 };
	static const char *const words[] = { "delay", "transient", "verz\xc3\xb6gert", "verz\xf6gert",
		"retard", "retras", "ritard", "vertraagd",
		/* Exchange's languages, beside those above */
		"f\xc3\xb6rdr\xc3\xb6", "f\xc3\xb6rsen", "forsink", "atrasad", "diff\xc3\xa9r\xc3\xa9",
		"viiv\xc3\xa4st", "p\xc3\xb3\xc5\xbani", "zpo\xc5\xbe",
		"\xd0\xb0\xd0\xb4\xd0\xb5\xd1\x80\xd0\xb6", "\xd0\xbe\xd1\x82\xd0\xbb\xd0\xbe\xd0\xb6",
		"\xd0\xb0\xd1\x82\xd1\x80\xd0\xb8\xd0\xbc", "\xe9\x81\x85\xe5\xbb\xb6",
		"\xe5\xbb\xb6\xe8\xbf\x9f", "\xe5\xbb\xb6\xe9\x81\xb2", "\xec\xa7\x80\xec\x97\xb0", "gecik",
		"k\xc3\xa9sik", "k\xc3\xa9slelt" };
	static const struct str warning = STR("warning: ");
	char text[LOOK_AT];
	struct str s = str_trim(words_decode(str_sub(subject, 0, LOOK_AT), text, sizeof(text)));

	if (str_ifind(s, STR("(delay)")) < s.n)
		return true;
	if (str_starts(s, warning))
		s = str_sub(s, warning.n, s.n);
	return HAS_ANY(str_sub(str_sub(s, 0, str_find(s, ':')), 0, str_find(s, '(')), words);
}
