/* SPDX-License-Identifier: ISC */
/* The policy door in Postfix: is it asked at the right places, and what happens when nobody answers. */
#include <string.h>

#include "stormctl_doctor_postfix.h"

/* Finding at the list where the question stands, with the list put right. */
static void
find_list(struct doctor *d, const struct pf_ask *a, enum place place)
{
	pf_find(d, a->service, a->param, pf_put_right(d, a->service, a->param, place));
}

static bool
asks_at(const struct postfix *p, const struct pf_service *s, bool data)
{
	EACH_ASK(p, a)
	if (a->whose != NOT_OURS && a->service == s &&
	    (data ? a->list == PF_DATA || a->list == PF_END_OF_DATA : a->list <= PF_RECIPIENT))
		return true;
	return false;
}

bool
pf_asks(const struct postfix *p)
{
	EACH_ASK(p, a)
	if (a->whose != NOT_OURS && a->service->role == PF_PUBLIC)
		return true;
	return false;
}

const char *
pf_policy_lines(struct doctor *d)
{
	return doctor_text(d, "%s = %s\n%s = %s", pf_list_names[PF_RECIPIENT],
	    pf_put_right(d, NULL, pf_list_names[PF_RECIPIENT], PLACE_END), pf_list_names[PF_DATA],
	    pf_put_right(d, NULL, pf_list_names[PF_DATA], PLACE_END));
}

/* --- checks ------------------------------------------------------------------------------------------- */

static void
policy_absent(struct doctor *d)
{
	if (doctor_address(d, POLICY_DOOR) && !pf_asks(pf_of(d)) && pf_hands_on(pf_of(d)))
		doctor_find(d, pf_where(d, NULL, pf_list_names[PF_RECIPIENT]), "main.cf", pf_policy_lines(d));
}

enum fallback_kind { LETS_PASS, PERMITS_ALL, STOPS_ALL };

/* What Postfix does with the default action of that text. */
static enum fallback_kind
fallback(struct str action)
{
	static const char *const pass[] = { "DUNNO", "INFO", "WARN", "PREPEND", NULL };
	static const char *const all[] = { "OK", "PERMIT", "RELAY", NULL };
	struct str word = STR("");
	bool digits = true;

	(void)doctor_word(&action, &word, NULL);
	for (size_t i = 0; i < word.n; i++)
		digits = digits && str_digit(word.p[i]);
	if (pf_one_of(pass, word))
		return LETS_PASS;
	/* digits alone mean OK, and so does nothing */
	if (pf_one_of(all, word) || (digits && str_trim(action).n == 0))
		return PERMITS_ALL;
	return STOPS_ALL;
}

static void
by_fallback(struct doctor *d, enum fallback_kind kind)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && fallback(a->action) == kind)
		find_list(d, a, PLACE_SAME);
}

static void
policy_fails_closed(struct doctor *d)
{
	by_fallback(d, STOPS_ALL);
}

static void
policy_fails_open_wide(struct doctor *d)
{
	by_fallback(d, PERMITS_ALL);
}

static void
policy_options(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && a->misread)
		find_list(d, a, PLACE_SAME);
}

static void
policy_slow(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && doctor_seconds(a->timeout) > 15)
		find_list(d, a, PLACE_SAME);
}

static void
policy_try_once(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	{
		if (a->whose != OURS || !str_eq(a->try_limit, STR("1")))
			continue;
		if (str_eq(pf_get(pf_of(d), a->service, "smtpd_policy_service_try_limit"), STR("1")))
			pf_find(d, a->service, "smtpd_policy_service_try_limit", "2");
		else
			find_list(d, a, PLACE_SAME);
	}
}

/* Where what is not permitted is refused, as with submission, nothing is left to ask about behind permits. */
static bool
permits_or_refuses(struct doctor *d, const struct pf_service *s)
{
	static const char *const refusals[] = { "reject", "defer", NULL };

	return pf_has_one_of(pf_get(pf_of(d), s, pf_list_names[PF_RECIPIENT]), refusals);
}

static const char *
setting(struct doctor *d, bool own, const char *name, const char *value)
{
	const char *space = value[0] ? " " : "";

	return own ? doctor_text(d, "  -o { %s =%s%s }", name, space, value)
		   : doctor_text(d, "%s =%s%s", name, space, value);
}

/* Out of this list, into the one for recipients when it is not there: in front of what ends that. */
static void
find_moved(struct doctor *d, const struct pf_ask *a)
{
	const char *list = pf_list_names[PF_RECIPIENT];
	enum place place = permits_or_refuses(d, a->service) ? PLACE_BEFORE_PERMIT : PLACE_END;
	bool own = pf_overrides(a->service, a->param), there = false;
	const char *fix = setting(d, own, a->param, pf_put_right(d, a->service, a->param, PLACE_NOWHERE));

	EACH_ASK(pf_of(d), b)
	there = there || (b->whose != NOT_OURS && b->service == a->service && b->list == PF_RECIPIENT);
	if (!there)
		fix = doctor_text(
		    d, "%s\n%s", fix, setting(d, own, list, pf_put_right(d, a->service, list, place)));
	doctor_find(d, pf_where(d, a->service, a->param),
	    own ? doctor_text(d, "master.cf, below %s", a->service->label) : "main.cf", fix);
}

static void
policy_wrong_list(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && (a->list < PF_RECIPIENT || a->list == PF_ETRN))
		find_moved(d, a);
}

static bool
older_than(const struct postfix *p, unsigned major, unsigned minor)
{
	return p->major < major || (p->major == major && p->minor < minor);
}

/* 3.6 can refuse relaying before all else. The lines of main.cf for it, "" when it does; NULL: it cannot. */
static const char *
relay_first(struct doctor *d, const struct pf_service *s)
{
	const struct postfix *p = pf_of(d);
	const char *list = pf_list_names[PF_RELAY], *relay = "";

	if (older_than(p, 3, 6))
		return NULL;
	if (!pf_protects(pf_get(p, s, list))) {
		if (pf_overrides(s, list))
			return NULL;
		relay = doctor_text(d, "%s = %s", list, pf_relay_list(d));
	}
	if (str_ieq(pf_get(p, s, "smtpd_relay_before_recipient_restrictions"), STR("yes")))
		return relay;
	return doctor_text(
	    d, "smtpd_relay_before_recipient_restrictions = yes%s%s", relay[0] ? "\n" : "", relay);
}

static const char *
protected_list(struct doctor *d, const struct pf_service *s)
{
	const char *list = pf_list_names[PF_RECIPIENT];

	if (pf_protects(pf_get(pf_of(d), s, list)))
		return pf_put_right(d, s, list, PLACE_BEHIND_PROTECTION);
	return doctor_text(d, "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, %s",
	    pf_put_right(d, s, list, PLACE_SAME));
}

static void
policy_before_relay_protection(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	{
		const char *first = relay_first(d, a->service);

		if (a->whose != OURS || a->list != PF_RECIPIENT || a->protected || a->final)
			continue;
		if (first)
			doctor_find(
			    d, pf_where(d, a->service, pf_list_names[PF_RECIPIENT]), "main.cf", first);
		else if (!permits_or_refuses(d, a->service))
			pf_find(d, a->service, pf_list_names[PF_RECIPIENT], protected_list(d, a->service));
	}
}

static void
policy_unreachable(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && a->final && a->service->role == PF_PUBLIC)
		pf_find(d, a->service, a->order, pf_put_before_permit(d, a));
}

static bool
milter_sees(const struct postfix *p, const struct pf_service *s)
{
	EACH_FILTER(p, f)
	if (f->whose == OURS && (f->service == s || (pf_in_front(p, s) && pf_behind(p, f->service))))
		return true;
	return false;
}

/* Out of a wrong list it goes without that word. */
static void
policy_warns_only(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && a->warned && a->list >= PF_RECIPIENT && a->list != PF_ETRN)
		pf_find(d, a->service, a->warned, pf_put_unwarned(d, a));
}

/* Is what that permit lets by seen at DATA or by the milter all the same? */
static bool
seen_later(const struct postfix *p, const struct pf_ask *a)
{
	bool later = milter_sees(p, a->service);

	EACH_ASK(p, b)
	later = later ||
	    (b->service == a->service && b->list == PF_DATA && b->whose == OURS && !b->permit && !b->final);
	return later;
}

static bool
lets_by(const struct pf_ask *a)
{
	return a->whose == OURS && a->permit && !a->final && a->service->role == PF_PUBLIC &&
	    (a->list == PF_RECIPIENT || a->list == PF_DATA);
}

static void
policy_behind_permit(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	{
		const char *data = pf_list_names[PF_DATA];

		if (lets_by(a) && !seen_later(pf_of(d), a))
			doctor_find(d, pf_where(d, a->service, a->param), "main.cf",
			    doctor_text(
				d, "%s = %s", data, pf_put_right(d, NULL, data, PLACE_BEFORE_PERMIT)));
	}
}

static void
policy_no_brake(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	{
		const char *first = relay_first(d, a->service);
		const char *list = pf_put_before_permit(d, a);

		if (!lets_by(a) || !seen_later(pf_of(d), a) || !first)
			continue;
		if (first[0] && !pf_overrides(a->service, a->order))
			doctor_find(d, pf_where(d, a->service, a->order), "main.cf",
			    doctor_text(d, "%s = %s\n%s", a->order, list, first));
		else
			pf_find(d, a->service, a->order, list);
	}
}

/* Services that ask elsewhere than others do: `rcpt` and `data` are what is wanted. */
static void
by_service(struct doctor *d, bool rcpt, bool data, enum pf_list missing, enum place place)
{
	const struct postfix *p = pf_of(d);

	EACH_SERVICE(p, s)
	if (s->role == PF_PUBLIC && pf_asks(p) && asks_at(p, s, false) == rcpt &&
	    asks_at(p, s, true) == data && (missing != PF_DATA || !pf_in_front(p, s)))
		pf_find(d, s, pf_list_names[missing],
		    pf_put_right(d, s, pf_list_names[missing],
			place == PLACE_END && permits_or_refuses(d, s) ? PLACE_BEFORE_PERMIT : place));
}

static void
policy_not_at_data(struct doctor *d)
{
	by_service(d, true, false, PF_DATA, PLACE_BEFORE_PERMIT);
}

static void
policy_not_at_rcpt(struct doctor *d)
{
	by_service(d, false, true, PF_RECIPIENT, PLACE_END);
}

static void
policy_service(struct doctor *d)
{
	by_service(d, false, false, PF_RECIPIENT, PLACE_BEFORE_PERMIT);
}

/* Until 3.12 a refusal there left sender and recipients standing for the next message of that client. */
static void
policy_end_of_data(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	EACH_ASK(p, a)
	if (a->whose == OURS && a->list == PF_END_OF_DATA && older_than(p, 3, 12))
		find_list(d, a, PLACE_NOWHERE);
}

/* In one list; of two lists one is a wrong one, which is said already. */
static void
policy_twice(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	for (const struct pf_ask *b = pf_of(d)->asks; b < a; b++)
		if (a->whose == OURS && b->whose == OURS && a->service == b->service && a->list == b->list)
			find_list(d, a, PLACE_SAME);
}

static void
policy_address(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS_MISSED && pf_listens(d, POLICY_DOOR))
		find_list(d, a, PLACE_SAME);
	else if (a->whose == OURS_MISSED)
		doctor_find_door(d, pf_where(d, a->service, a->param), POLICY_DOOR,
		    pf_system_address(d, a->path.name, a->address));
}

/* All of them at once: of two lines in main.cf the last one would hold. */
static void
policy_class(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	EACH_SERVICE(p, s)
	{
		const char *more = "";

		EACH_ASK(p, a)
		{
			bool same = a->service == s ||
			    (!pf_overrides(s, pf_classes) && !pf_overrides(a->service, pf_classes));
			struct str rest = str_of(a->whose != NOT_OURS && same ? a->unnamed : NULL), word;

			while (doctor_word(&rest, &word, NULL))
				if (!doctor_has_word(str_of(more), doctor_copy(d, word)))
					more = pf_joined(d, more, doctor_copy(d, word));
		}
		if (more[0])
			pf_find(
			    d, s, pf_classes, pf_joined(d, doctor_copy(d, pf_get(p, s, pf_classes)), more));
	}
}

static void
policy_at_milter(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS_OTHER_DOOR)
		find_list(d, a, pf_good_question(d)[0] ? PLACE_SAME : PLACE_NOWHERE);
}

static void
policy_reinjected(struct doctor *d)
{
	/* what comes from the own machine leaves behind permit_mynetworks */
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && a->service->role == PF_REINJECT && !a->final &&
	    (!a->permit || strcmp(a->permit, "permit_mynetworks") != 0))
		pf_find_override(d, a->service, pf_list_names[a->list],
		    a->list == PF_RECIPIENT || a->list == PF_RELAY ? "permit_mynetworks,reject" : "");
}

static void
policy_in_front(struct doctor *d)
{
	const char *data = pf_list_names[PF_DATA];

	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && a->list == PF_DATA && pf_in_front(pf_of(d), a->service))
		pf_find_override(d, a->service, data, pf_put_right(d, a->service, data, PLACE_NOWHERE));
}

/* The daemon closes what it takes for idle; Postfix finds out with its next question, and waits a second. */
static void
policy_idle(struct doctor *d)
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS)
		pf_find_idle(d, a->service, "smtpd_policy_service_max_idle");
}

const struct doctor_check doctor_postfix_policy[] = {
	{ "policy-absent", SEVERITY_WARNING,
	    "Postfix does not ask the policy door, so nothing can be refused before its data was sent.",
	    policy_absent },
	{ "policy-fails-closed", SEVERITY_DANGER,
	    "While the daemon is away Postfix refuses all mail with a 451, for the default action is no "
	    "DUNNO.",
	    policy_fails_closed },
	{ "policy-default-permits", SEVERITY_DANGER,
	    "While the daemon is away the default action permits everything, past all entries behind it.",
	    policy_fails_open_wide },
	{ "policy-options", SEVERITY_DANGER,
	    "Postfix does not understand the options of this question, or takes them for restrictions, for "
	    "they stand outside of braces: it refuses all mail.",
	    policy_options },
	{ "policy-slow", SEVERITY_WARNING,
	    "A daemon that hangs holds each SMTP session for more than 15 s a try.", policy_slow },
	{ "policy-try-limit", SEVERITY_WARNING,
	    "With a try_limit of 1 Postfix 3.7 does not find the daemon again after a restart.",
	    policy_try_once },
	{ "policy-wrong-list", SEVERITY_WARNING,
	    "In this list the daemon is asked about clients that are refused afterwards, or without sender "
	    "and recipient; it belongs into smtpd_recipient_restrictions.",
	    policy_wrong_list },
	{ "policy-before-relay-protection", SEVERITY_WARNING,
	    "The daemon is asked about relaying that is refused afterwards: it holds places for mail that "
	    "never comes.",
	    policy_before_relay_protection },
	{ "policy-unreachable", SEVERITY_DANGER,
	    "The question stands behind an entry that ends the list, so it is never asked.",
	    policy_unreachable },
	{ "policy-warns-only", SEVERITY_WARNING,
	    "With warn_if_reject in front of the question Postfix only logs what the daemon refuses or "
	    "defers, so no such rule and no brake acts here.",
	    policy_warns_only },
	{ "policy-behind-permit", SEVERITY_WARNING,
	    "What a permit in front of it lets by, such as mail of own users, is not seen at all.",
	    policy_behind_permit },
	{ "policy-brake-behind-permit", SEVERITY_NOTE,
	    "What a permit in front of it lets by is seen later, but a brake at RCPT cannot hold it.",
	    policy_no_brake },
	{ "policy-not-at-data", SEVERITY_WARNING,
	    "Without a question at DATA the two doors cannot join a message with one recipient, for it has "
	    "no queue id at RCPT.",
	    policy_not_at_data },
	{ "policy-not-at-rcpt", SEVERITY_WARNING,
	    "The daemon is asked about messages only: no brake can refuse a recipient before the data.",
	    policy_not_at_rcpt },
	{ "policy-end-of-data", SEVERITY_WARNING,
	    "A refusal at the end of data leaves sender and recipients standing for the next message in this "
	    "version of Postfix; DATA and the milter door say the same.",
	    policy_end_of_data },
	{ "policy-asked-twice", SEVERITY_NOTE,
	    "The daemon is asked the same question twice, which costs time and tells it nothing.",
	    policy_twice },
	{ "policy-service", SEVERITY_WARNING,
	    "This service does not ask the question that others ask, so its mail is not seen at the policy "
	    "door.",
	    policy_service },
	{ "policy-address", SEVERITY_DANGER,
	    "This address looks like ours, but the daemon's configuration does not listen there, or it is "
	    "none that Postfix understands.",
	    policy_address },
	{ "policy-class", SEVERITY_DANGER,
	    "The question stands in a restriction class that is not named as one: Postfix refuses all mail "
	    "with a 451.",
	    policy_class },
	{ "policy-at-milter-door", SEVERITY_DANGER,
	    "The question goes to the milter door, which does not understand it and hangs up.",
	    policy_at_milter },
	{ "policy-reinjected", SEVERITY_WARNING,
	    "What a content filter brings back is asked about a second time, and counted again.",
	    policy_reinjected },
	{ "policy-in-front", SEVERITY_WARNING,
	    "In front of a filter that is asked before the queue a question at DATA is one message, and the "
	    "milter behind it sees another.",
	    policy_in_front },
	{ "policy-idle", SEVERITY_WARNING,
	    "The daemon hangs up on idle connections before Postfix does, and the next question waits a "
	    "second.",
	    policy_idle },
	{ .name = NULL },
};
