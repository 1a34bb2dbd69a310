/* SPDX-License-Identifier: ISC */
/* A subject's family is looked for at its front, behind tags that filters put there, and at its end. */
#include "mail/subject.h"

#include "base/net.h"
#include "mail/words.h"

enum {
	TAGS_MAX = 3,  /* in front of a subject */
	TAG_OPENS = 3, /* bytes of a bracket of East Asia */
};

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
	static const struct str complaint = STR("complaint about message from ");
	struct ip ip;

	if (str_starts(s, complaint))
		return ip_parse(str_trim(str_sub(s, complaint.n, s.n)), &ip) == 0;
	if (!str_starts(s, STR("report domain:")) && !str_starts(s, STR("dmarc aggregate report domain:")) &&
	    !str_starts(s, STR("dmarc report domain:")) && !str_starts(s, STR("[preview] report domain:")))
		return false;
	return has(s, STR("submitter:"));
}

/* "a bounce from qq.com", in UTF-8 and GBK, the last words of it. */
static bool
returned_in_chinese(struct str s)
{
	static const struct str fronts[] = { STR("\xe6\x9d\xa5\xe8\x87\xaa"), STR("\xc0\xb4\xd7\xd4") };
	static const struct str ends[] = { STR("\xe7\x9a\x84\xe9\x80\x80\xe4\xbf\xa1"),
		STR("\xb5\xc4\xcd\xcb\xd0\xc5") };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (str_starts(s, fronts[i]) && str_iends(s, ends[i]))
			return true;
	return false;
}

/* What does not stand at the front: Notes writes "Joe Bee is out of the office.", fml "You joe@x are not
 * member", MDaemon "Warning: joe@x - User unknown!". */
static enum subject_kind
family_behind(struct str s)
{
	char last = s.n ? s.p[s.n - 1] : '\0';
	bool stop = last == '.';

	if ((stop || last == 'e') && str_iends(str_sub(s, 0, s.n - stop), STR(" is out of the office")))
		return stop ? SUBJECT_AUTO_REPLY : SUBJECT_AUTO_REPLY_MAYBE;
	if (last == '!' && str_starts(s, STR("warning: ")) && str_iends(s, STR(" - user unknown!")))
		return SUBJECT_BOUNCE;
	if ((last == '\xa1' || last == '\xc5') && returned_in_chinese(s))
		return SUBJECT_BOUNCE;
	if (last == '\0' || s.p[0] != 'y' || !str_starts(s, STR("you ")))
		return SUBJECT_PLAIN;
	return has(s, STR(" are not member")) ? SUBJECT_BOUNCE : SUBJECT_PLAIN;
}

/* Notes since its release 8: "AUTO: Joe Bee is out of the office. (returning 04/01/2026)", from his own
 * address and without a field that says so. */
static bool
is_notes(struct str s)
{
	return str_starts(s, STR("auto: ")) && has(s, STR(" is out of the office"));
}

/* What stands behind a tag; STR_NONE when there is none. */
static struct str
behind_tag(struct str s)
{
	size_t n = subject_tag(s);

	return n ? str_trim(str_sub(s, n, s.n)) : STR_NONE;
}

/* "[Auto-Reply] ..." */
static bool
tag_of_robot(struct str s)
{
	size_t opens = (unsigned char)s.p[0] < 0x80 ? 1 : TAG_OPENS;

	return subject_family(str_sub(s, opens, s.n)) == SUBJECT_AUTO_REPLY;
}

enum subject_kind
subject_classify(struct str subject)
{
	enum { LOOK_AT = 400 };
	char text[LOOK_AT];
	struct str s = str_trim(words_decode(str_sub(subject, 0, 2 * LOOK_AT), text, sizeof(text)));
	enum subject_kind kind;
	bool recall = false;

	if (s.n && (s.p[0] == '\xe2' || s.p[0] == '\xef'))
		s = words_skip_space(s);
	if (is_report(s))
		return SUBJECT_REPORT;
	kind = subject_family(s);
	for (unsigned tags = 0; kind == SUBJECT_PLAIN && tags < TAGS_MAX; tags++) {
		struct str rest = behind_tag(s);

		if (!rest.p)
			break;
		if (tag_of_robot(s))
			return SUBJECT_AUTO_REPLY;
		kind = subject_family(rest);
		/* "[help #12] ..." is a ticket about something */
		if (str_find(str_sub(s, 0, s.n - rest.n), '#') < s.n - rest.n && kind != SUBJECT_AUTO_REPLY)
			kind = SUBJECT_ANSWER;
		if (kind == SUBJECT_PLAIN && is_report(rest))
			return SUBJECT_REPORT;
		s = rest;
	}
	if (kind == SUBJECT_AUTO_REPLY && is_notes(s))
		return SUBJECT_AUTO_REPLY_SURE;
	if (kind == SUBJECT_PLAIN)
		kind = family_behind(s);
	return kind == SUBJECT_PLAIN && subject_prefix(s, &recall) && !recall ? SUBJECT_ANSWER : kind;
}
