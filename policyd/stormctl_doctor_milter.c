/* SPDX-License-Identifier: ISC */
/* The milter door in Postfix: who hands mail to it, in which order, and what happens when nobody answers. */

#include "stormctl_doctor_postfix.h"

/* --- finding the milters ------------------------------------------------------------------------------ */

static bool
switched_off(const struct postfix *p, const struct pf_service *s)
{
	return doctor_has_word(pf_get(p, s, "receive_override_options"), "no_milters");
}

static void
add_filter(struct doctor *d, struct pf_filter f, struct str word, bool braced)
{
	struct postfix *p = pf_of(d);
	const struct pf_option rows[] = { { "default_action", "milter_default_action", &f.action },
		{ "protocol", "milter_protocol", &f.protocol },
		{ "connect_timeout", "milter_connect_timeout", &f.connect },
		{ "command_timeout", "milter_command_timeout", &f.command },
		{ "content_timeout", "milter_content_timeout", &f.content } };

	f.address = pf_cut_address(&word, braced);
	f.misread = !pf_take_options(p, f.service, MILTER_DOOR, word, rows, ARRAY_LEN(rows));
	f.kind = doctor_filter_kind(f.address);
	f.whose = pf_resolve(d, MILTER_DOOR, f.service, f.address, &f.path);
	p->filters = doctor_push(d, p->filters, &p->n_filters, sizeof(*p->filters));
	p->filters[p->n_filters - 1] = f;
}

void
pf_find_filters(struct doctor *d)
{
	const struct postfix *p = pf_of(d);
	struct str rest, word;
	bool braced;

	EACH_SERVICE(p, s)
	{
		struct pf_filter f = { .service = s,
			.param = s->role == PF_CLEANUP ? "non_smtpd_milters" : "smtpd_milters" };

		if (s->role == PF_NO_SMTPD || switched_off(p, s))
			continue;
		rest = pf_get(p, s, f.param);
		for (; doctor_word(&rest, &word, &braced) && f.at < DOCTOR_WORDS_MAX; f.at++)
			add_filter(d, f, word, braced);
	}
}

/* --- lists put right ---------------------------------------------------------------------------------- */

static const char *
good(struct doctor *d)
{
	const char *address = pf_address(d, MILTER_DOOR);

	return address ? doctor_text(d,
			     "{ %s, default_action=accept, connect_timeout=5s, command_timeout=10s, "
			     "content_timeout=30s }",
			     address)
		       : "";
}

/* A signer keeps its place in front of what goes by its results, as OpenDKIM does in front of OpenDMARC. */
static bool
read_behind(struct str rest)
{
	struct str word;
	bool braced;

	while (doctor_word(&rest, &word, &braced))
		if (doctor_filter_kind(pf_cut_address(&word, braced)) == FILTER_READS)
			return true;
	return false;
}

const char *
pf_filters_put_right(struct doctor *d, const struct pf_service *s, const char *param, enum place place)
{
	struct str rest = pf_get(pf_of(d), s, param), word, address;
	const char *out = "", *signers = "";
	bool braced, done = place == PLACE_NOWHERE;

	while (doctor_word(&rest, &word, &braced)) {
		const char *copy = doctor_text(d, braced ? "{ %.*s }" : "%.*s", STR_FMT(word));

		if (pf_is_option(MILTER_DOOR, word)) /* that is to stand in the braces of a milter */
			continue;
		address = pf_cut_address(&word, braced);
		if (pf_resolve(d, MILTER_DOOR, s, address, NULL) != NOT_OURS) {
			if (!done && place == PLACE_SAME)
				out = pf_joined(d, out, good(d));
			done = done || place == PLACE_SAME;
		} else if (place == PLACE_GOOD && doctor_filter_kind(address) == FILTER_SIGNS &&
		    !read_behind(rest)) {
			signers = pf_joined(d, signers, copy);
		} else {
			out = pf_joined(d, out, copy);
		}
	}
	if (!done)
		out = pf_joined(d, out, good(d));
	return pf_joined(d, out, signers);
}

/* Such a content filter brings mail back by sendmail(1), and our milter sees it as new. */
static bool
filter_is_program(const struct postfix *p)
{
	EACH_SERVICE(p, s)
	{
		struct str filter = pf_get(p, s, "content_filter");
		struct str transport = str_sub(filter, 0, str_find(filter, ':'));

		EACH_SERVICE(p, t)
		if (transport.n && str_eq(t->name, transport) && str_eq(t->command, STR("pipe")))
			return true;
	}
	return false;
}

/* Are we to go out of that list, which is not that of other services? Another check says so, and nothing may
 * say otherwise. */
static bool
in_vain(const struct postfix *p, const struct pf_service *s, const char *param)
{
	if (!s || s->role == PF_CLEANUP)
		return s && filter_is_program(p);
	return pf_overrides(s, param) && (s->role == PF_REINJECT ? !pf_behind(p, s) : pf_in_front(p, s));
}

static void
find_list(struct doctor *d, const struct pf_service *s, const char *param, enum place place)
{
	if (in_vain(pf_of(d), s, param))
		place = PLACE_NOWHERE;
	pf_find(d, s, param, pf_filters_put_right(d, s, param, place));
}

/* Any service's when `s` is NULL. */
static bool
sees(const struct postfix *p, const struct pf_service *s, enum pf_role role)
{
	EACH_FILTER(p, f)
	if (f->whose != NOT_OURS && f->service->role == role && (!s || f->service == s))
		return true;
	return false;
}

bool
pf_hands_on(const struct postfix *p)
{
	EACH_FILTER(p, f)
	if (f->whose != NOT_OURS && pf_behind(p, f->service))
		return true;
	return sees(p, NULL, PF_PUBLIC);
}

const char *
pf_milter_lines(struct doctor *d)
{
	return doctor_text(
	    d, "smtpd_milters = %s", pf_filters_put_right(d, NULL, "smtpd_milters", PLACE_GOOD));
}

/* --- checks ------------------------------------------------------------------------------------------- */

static void
milter_absent(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	EACH_SERVICE(p, s)
	if (s->role == PF_PUBLIC && switched_off(p, s))
		return; /* that is another check's */
	if (!doctor_address(d, MILTER_DOOR) || pf_hands_on(p) || !pf_asks(p))
		return;
	EACH_SERVICE(p, s)
	if ((s->role == PF_PUBLIC && !pf_in_front(p, s)) || pf_behind(p, s))
		find_list(d, s, "smtpd_milters", PLACE_GOOD);
}

static void
milter_door_closed(struct doctor *d)
{
	if (doctor_address(d, POLICY_DOOR) && !doctor_address(d, MILTER_DOOR))
		doctor_find_ours(d, doctor_text(d, "%s [server]: milter", d->conf_path), "server",
		    doctor_text(d, "milter = unix:%.*s/policyd-storm/milter.sock",
			STR_FMT(pf_of(d)->queue_directory)));
}

static void
milter_fails_closed(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	if (f->whose == OURS && !str_ieq(f->action, STR("accept")))
		find_list(d, f->service, f->param, PLACE_SAME);
}

/* Our options outside of braces are milters to Postfix. */
static bool
is_stray(const struct pf_filter *f)
{
	return pf_is_option(MILTER_DOOR, f->address);
}

static void
milter_options(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	{
		bool stray = f + 1 < pf_of(d)->filters + pf_of(d)->n_filters && f[1].at == f->at + 1 &&
		    is_stray(&f[1]);

		if (f->whose == OURS && (f->misread || stray))
			find_list(d, f->service, f->param, PLACE_SAME);
	}
}

static void
milter_slow(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	if (f->whose == OURS &&
	    (doctor_seconds(f->connect) > 30 || doctor_seconds(f->command) > 30 ||
		doctor_seconds(f->content) > 60))
		find_list(d, f->service, f->param, PLACE_SAME);
}

static void
milter_protocol(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	{
		uint64_t n;

		if (f->whose != OURS || str_u64(f->protocol, &n) != 0 || n >= 6)
			continue;
		if (str_eq(f->protocol, pf_get(pf_of(d), f->service, "milter_protocol")))
			pf_find(d, f->service, "milter_protocol", "6");
		else
			find_list(d, f->service, f->param, PLACE_SAME);
	}
}

static void
milter_no_queue_id(struct doctor *d)
{
	static const char *const places[] = { "milter_data_macros", "milter_end_of_header_macros",
		"milter_end_of_data_macros" };

	EACH_FILTER(pf_of(d), f)
	{
		bool there = false;

		for (size_t i = 0; i < ARRAY_LEN(places); i++)
			there = there || doctor_has_macro(pf_get(pf_of(d), f->service, places[i]), "i");
		if (f->whose == OURS && !there)
			pf_find(d, f->service, places[2],
			    doctor_text(d, "i %.*s", STR_FMT(pf_get(pf_of(d), f->service, places[2]))));
	}
}

static void
milter_macros(struct doctor *d)
{
	static const struct {
		const char *param, *macro;
	} wanted[] = { { "milter_mail_macros", "auth_authen" }, { "milter_rcpt_macros", "rcpt_mailer" } };

	EACH_FILTER(pf_of(d), f)
	for (size_t i = 0; f->whose == OURS && i < ARRAY_LEN(wanted); i++) {
		struct str now = pf_get(pf_of(d), f->service, wanted[i].param);

		if (!doctor_has_macro(now, wanted[i].macro))
			pf_find(d, f->service, wanted[i].param,
			    doctor_text(d, "%.*s {%s}", STR_FMT(now), wanted[i].macro));
	}
}

static void
milter_twice(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	for (const struct pf_filter *g = pf_of(d)->filters; g < f; g++)
		if (f->whose == OURS && g->whose == OURS && f->service == g->service)
			find_list(d, f->service, f->param, PLACE_SAME);
}

static bool
is_read(const struct postfix *p, const struct pf_filter *signer)
{
	EACH_FILTER(p, f)
	if (f->kind == FILTER_READS && f->service == signer->service && f->at > signer->at)
		return true;
	return false;
}

static void
milter_before_filter(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	EACH_FILTER(pf_of(d), g)
	if (f->whose == OURS && (g->kind == FILTER_REFUSES || g->kind == FILTER_READS) &&
	    g->whose == NOT_OURS && f->service == g->service && g->at > f->at)
		find_list(d, f->service, f->param, PLACE_GOOD);
}

static void
milter_behind_signer(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	EACH_FILTER(pf_of(d), g)
	if (f->whose == OURS && g->kind == FILTER_SIGNS && g->whose == NOT_OURS && f->service == g->service &&
	    g->at < f->at && !is_read(pf_of(d), g))
		find_list(d, f->service, f->param, PLACE_GOOD);
}

static void
milter_non_smtpd(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	if (!doctor_address(d, MILTER_DOOR) || filter_is_program(p))
		return;
	EACH_SERVICE(p, s)
	if (s->role == PF_CLEANUP && pf_hands_on(p) && !sees(p, s, PF_CLEANUP))
		find_list(d, s, "non_smtpd_milters", PLACE_GOOD);
}

static void
milter_service(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	EACH_SERVICE(p, s)
	if (pf_hands_on(p) && !sees(p, s, s->role) && !switched_off(p, s) &&
	    (s->role == PF_PUBLIC ? !pf_in_front(p, s) : pf_behind(p, s)))
		find_list(d, s, "smtpd_milters", PLACE_GOOD);
}

static void
milter_switched_off(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	EACH_SERVICE(p, s)
	{
		struct str options = pf_get(p, s, "receive_override_options"), word;
		const char *rest = "";

		if (s->role != PF_PUBLIC || !doctor_address(d, MILTER_DOOR) || !switched_off(p, s) ||
		    pf_in_front(p, s))
			continue;
		while (doctor_word(&options, &word, NULL))
			if (!str_ieq(word, STR("no_milters")))
				rest = doctor_text(d, "%s%s%.*s", rest, rest[0] ? "," : "", STR_FMT(word));
		pf_find(d, s, "receive_override_options", rest);
	}
}

static void
find_in_vain(struct doctor *d, const struct pf_filter *f)
{
	pf_find_override(d, f->service, "smtpd_milters",
	    pf_filters_put_right(d, f->service, "smtpd_milters", PLACE_NOWHERE));
}

static void
milter_reinjected(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	if (f->whose == OURS && f->service->role == PF_REINJECT && !pf_behind(pf_of(d), f->service))
		find_in_vain(d, f);
}

static void
milter_in_front(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	if (f->whose == OURS && pf_in_front(pf_of(d), f->service))
		find_in_vain(d, f);
}

static void
milter_reinjected_locally(struct doctor *d)
{
	if (filter_is_program(pf_of(d)) && sees(pf_of(d), NULL, PF_CLEANUP))
		find_list(d, NULL, "non_smtpd_milters", PLACE_NOWHERE);
}

static void
milter_address(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	if (f->whose == OURS_MISSED && pf_listens(d, MILTER_DOOR))
		find_list(d, f->service, f->param, PLACE_SAME);
	else if (f->whose == OURS_MISSED)
		doctor_find_door(d, pf_where(d, f->service, f->param), MILTER_DOOR,
		    pf_system_address(d, f->path.name, f->address));
}

static void
milter_at_policy(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	if (f->whose == OURS_OTHER_DOOR)
		find_list(d, f->service, f->param, good(d)[0] ? PLACE_SAME : PLACE_NOWHERE);
}

/* A milter connection lives as long as the session, and is silent as long as the client is. */
static void
milter_idle(struct doctor *d)
{
	EACH_FILTER(pf_of(d), f)
	if (f->whose == OURS && f->service->role == PF_PUBLIC)
		pf_find_idle(d, f->service, "smtpd_timeout");
}

const struct doctor_check doctor_postfix_milter[] = {
	{ "milter-absent", SEVERITY_WARNING,
	    "Postfix does not hand mail to the milter door, so no rule sees a header: replication and most "
	    "others find nothing.",
	    milter_absent },
	{ "milter-door-closed", SEVERITY_WARNING,
	    "The daemon has no milter door, so no rule sees a header of Postfix: replication and most others "
	    "find nothing.",
	    milter_door_closed },
	{ "milter-fails-closed", SEVERITY_DANGER,
	    "While the daemon is away Postfix refuses all mail, for the milter's default action is not "
	    "accept.",
	    milter_fails_closed },
	{ "milter-options", SEVERITY_DANGER,
	    "Postfix does not understand the options of this milter, or takes them for milters, for they "
	    "stand outside of braces: it refuses all mail.",
	    milter_options },
	{ "milter-slow", SEVERITY_NOTE,
	    "A daemon that hangs holds each message for minutes: the milter's timeouts are long.",
	    milter_slow },
	{ "milter-protocol", SEVERITY_WARNING,
	    "Below version 6 the milter protocol wants an answer to each header field, which slows all mail "
	    "down.",
	    milter_protocol },
	{ "milter-no-queue-id", SEVERITY_WARNING,
	    "The milter is not told the queue id, so a message may count at both doors.",
	    milter_no_queue_id },
	{ "milter-macros", SEVERITY_WARNING,
	    "The milter is not told a macro: {auth_authen} names own users, {rcpt_mailer} refused "
	    "recipients.",
	    milter_macros },
	{ "milter-twice", SEVERITY_WARNING, "The milter is asked twice about each message.", milter_twice },
	{ "milter-before-filter", SEVERITY_WARNING,
	    "A filter behind us may refuse what we have counted as delivered, and then a retry counts as a "
	    "copy.",
	    milter_before_filter },
	{ "milter-behind-signer", SEVERITY_WARNING,
	    "A signature is made before us, and conceal, prepend and set-sender-owner break it.",
	    milter_behind_signer },
	{ "milter-non-smtpd", SEVERITY_NOTE,
	    "Mail that programs on this machine send by sendmail(1) is not seen.", milter_non_smtpd },
	{ "milter-service", SEVERITY_WARNING,
	    "This service does not hand its mail to the milter that others use, so it is not seen at that "
	    "door.",
	    milter_service },
	{ "milter-switched-off", SEVERITY_WARNING,
	    "no_milters switches the milter door off for mail that comes in here.", milter_switched_off },
	{ "milter-reinjected", SEVERITY_WARNING,
	    "What a content filter brings back goes through the milter a second time, and is counted again.",
	    milter_reinjected },
	{ "milter-in-front", SEVERITY_WARNING,
	    "In front of a filter that is asked before the queue smtpd has no header to show: the milter "
	    "belongs behind it.",
	    milter_in_front },
	{ "milter-reinjected-locally", SEVERITY_WARNING,
	    "A content filter brings mail back by sendmail(1), and the milter counts it again.",
	    milter_reinjected_locally },
	{ "milter-address", SEVERITY_DANGER,
	    "This address looks like ours, but the daemon's configuration does not listen there, or it is "
	    "none that Postfix understands.",
	    milter_address },
	{ "milter-at-policy-door", SEVERITY_DANGER,
	    "The milter is looked for at the policy door, which does not understand it and hangs up.",
	    milter_at_policy },
	{ "milter-idle", SEVERITY_WARNING,
	    "The daemon hangs up on silent SMTP sessions before Postfix does, and their mail is not seen.",
	    milter_idle },
	{ .name = NULL },
};
