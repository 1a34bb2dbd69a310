/* SPDX-License-Identifier: ISC */
/* Postfix's lists of restrictions: where in them the policy door is asked and what stands in front of it, and
 * how a list reads with the question at its right place. */
#include "stormctl_doctor_postfix.h"

const char pf_classes[] = "smtpd_restriction_classes";

/* --- finding the questions ---------------------------------------------------------------------------- */

/* Entries behind which some mail is not looked at any more, for all of it, or never. */
static const char *const permits[] = { "permit_mynetworks", "permit_sasl_authenticated",
	"permit_auth_destination", "permit_inet_interfaces", "permit_tls_clientcerts",
	"permit_tls_all_clientcerts", "permit_mx_backup", "permit_naked_ip_address", "permit_dnswl_client",
	"permit_rhswl_client", NULL };
static const char *const finals[] = { "permit", "reject", "defer", NULL };
static const char *const protections[] = { "reject_unauth_destination", "defer_unauth_destination", "reject",
	"defer", NULL };

const char *
pf_one_of(const char *const *names, struct str word)
{
	for (; *names; names++)
		if (str_ieq(word, str_of(*names)))
			return *names;
	return NULL;
}

/* What the next entry refuses is only logged then. */
static bool
warns(struct str word, bool braced)
{
	return !braced && str_ieq(word, STR("warn_if_reject"));
}

/* Cuts the next entry off a list; `warned`: behind "warn_if_reject", which is no entry. */
static bool
next_entry(struct str *list, struct str *word, bool *braced, bool *warned)
{
	for (*warned = false; doctor_word(list, word, braced); *warned = true)
		if (!warns(*word, *braced))
			return true;
	return false;
}

bool
pf_has_one_of(struct str list, const char *const *names)
{
	struct str word;
	bool braced, warned;

	while (next_entry(&list, &word, &braced, &warned))
		if (!braced && !warned && pf_one_of(names, word))
			return true;
	return false;
}

bool
pf_protects(struct str list)
{
	return pf_has_one_of(list, protections);
}

/* What stands behind check_policy_service. */
static void
read_ask(struct doctor *d, struct pf_ask *a, struct str word, bool braced)
{
	const struct pf_option rows[] = { { "timeout", "smtpd_policy_service_timeout", &a->timeout },
		{ "default_action", "smtpd_policy_service_default_action", &a->action },
		{ "try_limit", "smtpd_policy_service_try_limit", &a->try_limit } };

	a->address = pf_cut_address(&word, braced);
	a->misread = !pf_take_options(pf_of(d), a->service, POLICY_DOOR, word, rows, ARRAY_LEN(rows));
	a->whose = pf_resolve(d, POLICY_DOOR, a->service, a->address, &a->path);
}

struct walk {
	struct str rest[DOCTOR_DEPTH_MAX]; /* a restriction class stands above the list that names it */
	const char *param[DOCTOR_DEPTH_MAX];
	unsigned depth;
	unsigned stop; /* the depth of the list in which something stands that lets mail by; 0: none */
	unsigned warn; /* the same of "warn_if_reject" before what is looked at, be it in a class behind it */
};

static bool
class_named(const struct postfix *p, const struct pf_service *s, const char *name)
{
	return doctor_has_word(pf_get(p, s, pf_classes), name);
}

/* A restriction class, or what would be one if it were named: over such a word Postfix refuses all mail. */
static bool
is_class(const struct postfix *p, const struct pf_service *s, const char *name)
{
	bool found = class_named(p, s, name);

	for (unsigned i = 0; i < p->n_unused; i++)
		found = found || str_eq(p->unused[i], str_of(name));
	return found;
}

static const char *
unnamed(struct doctor *d, const struct walk *w, const struct pf_service *s)
{
	const char *all = "";

	for (unsigned i = 1; i < w->depth; i++)
		if (!class_named(pf_of(d), s, w->param[i]))
			all = pf_joined(d, all, w->param[i]);
	return all[0] ? all : NULL;
}

static void
add_ask(struct doctor *d, const struct pf_ask *seen, struct walk *w)
{
	struct postfix *p = pf_of(d);
	struct pf_ask a = *seen;
	struct str word = STR(""), rest;
	bool braced = false, complete = doctor_word(&w->rest[w->depth - 1], &word, &braced);

	if (!complete && !pf_listens(d, POLICY_DOOR))
		return;
	a.param = a.order = w->param[w->depth - 1];
	if (w->stop && w->stop < w->depth) {
		a.order = w->param[w->stop - 1];
		a.entry = w->param[w->stop];
	}
	if (w->warn) {
		a.warned = w->param[w->warn - 1];
		a.warned_class = w->warn < w->depth ? w->param[w->warn] : NULL;
	}
	a.unnamed = unnamed(d, w, a.service);
	read_ask(d, &a, word, braced);
	if (!complete) /* as of "-o NAME=check_policy_service ADDRESS", where the address is no part of it */
		a.whose = OURS_MISSED;
	rest = w->rest[w->depth - 1];
	a.misread = a.misread || (doctor_word(&rest, &word, NULL) && pf_is_option(POLICY_DOOR, word));
	p->asks = doctor_push(d, p->asks, &p->n_asks, sizeof(*p->asks));
	p->asks[p->n_asks - 1] = a;
}

static void
enter_class(struct doctor *d, struct walk *w, const struct pf_service *s, struct str word)
{
	const char *name = doctor_copy(d, word);

	if (w->depth == DOCTOR_DEPTH_MAX || !is_class(pf_of(d), s, name))
		return;
	w->rest[w->depth] = pf_get(pf_of(d), s, name);
	w->param[w->depth++] = name;
}

/* Is relaying for strangers refused before this list is looked at? It does as well when the strangers are, as
 * submission refuses them by smtpd_client_restrictions. */
static bool
protected_before(const struct postfix *p, const struct pf_service *s, enum pf_list list)
{
	bool first = str_ieq(pf_get(p, s, "smtpd_relay_before_recipient_restrictions"), STR("yes"));
	bool found = list == PF_DATA || list == PF_END_OF_DATA;

	for (int l = PF_CLIENT; list == PF_RECIPIENT && l <= (first ? PF_RELAY : PF_SENDER); l++)
		found = found || pf_protects(pf_get(p, s, pf_list_names[l]));
	return found;
}

/* An entry that is no question, with regard to those behind it. */
static void
pass_entry(struct pf_ask *a, struct walk *w, struct str word)
{
	const char *final = pf_one_of(finals, word);

	if (w->warn && !str_ieq(word, STR("permit")))
		final = NULL;
	if (!a->permit)
		a->permit = pf_one_of(permits, word);
	if (!a->final)
		a->final = final;
	if ((a->permit || a->final) && !w->stop)
		w->stop = w->depth;
	a->protected = a->protected || (!w->warn && pf_one_of(protections, word));
}

static void
walk_list(struct doctor *d, const struct pf_service *s, enum pf_list list)
{
	const struct postfix *p = pf_of(d);
	struct walk w = {
		.rest = { pf_get(p, s, pf_list_names[list]) }, .param = { pf_list_names[list] }, .depth = 1
	};
	struct pf_ask a = { .service = s, .list = list, .protected = protected_before(p, s, list) };
	struct str word;
	bool braced;

	for (unsigned n = 0; w.depth && n < DOCTOR_WORDS_MAX; n++) {
		if (!doctor_word(&w.rest[w.depth - 1], &word, &braced)) {
			w.depth--;
			w.stop = w.stop > w.depth ? w.depth : w.stop;
		} else if (warns(word, braced)) {
			w.warn = w.warn ? w.warn : w.depth;
			continue;
		} else if (!braced && str_ieq(word, STR("check_policy_service"))) {
			add_ask(d, &a, &w);
		} else if (!braced) {
			pass_entry(&a, &w, word);
			enter_class(d, &w, s, word);
		}
		w.warn = w.warn < w.depth ? w.warn : 0;
	}
}

void
pf_find_asks(struct doctor *d)
{
	EACH_SERVICE(pf_of(d), s)
	for (int list = 0; list < PF_LISTS; list++)
		if (s->role == PF_PUBLIC || s->role == PF_REINJECT)
			walk_list(d, s, (enum pf_list)list);
}

/* --- lists put right ---------------------------------------------------------------------------------- */

/* A list of good hosts (permit_dnswl_client) lets nobody relay, says Postfix; a restriction class may. */
static bool
may_permit(struct doctor *d, struct str word)
{
	if (str_ieq(word, STR("permit_dnswl_client")) || str_ieq(word, STR("permit_rhswl_client")))
		return false;
	return str_istarts(word, STR("permit_")) ||
	    (str_istarts(word, STR("check_")) && !str_ieq(word, STR("check_policy_service"))) ||
	    class_named(pf_of(d), NULL, doctor_copy(d, word));
}

const char *
pf_relay_list(struct doctor *d)
{
	struct str rest = pf_get(pf_of(d), NULL, pf_list_names[PF_RELAY]), word, arg;
	const char *out = doctor_copy(d, rest);
	bool braced, warned, found = false;

	/* who may relay is said among the recipients': the same ones may */
	if (rest.n == 0 && pf_protects(pf_get(pf_of(d), NULL, pf_list_names[PF_RECIPIENT])))
		rest = pf_get(pf_of(d), NULL, pf_list_names[PF_RECIPIENT]);
	else
		rest = STR("");
	while (!found && next_entry(&rest, &word, &braced, &warned)) {
		found = !braced && !warned && pf_one_of(protections, word);
		if (braced || found || !may_permit(d, word))
			continue;
		out = pf_joined(d, out, doctor_copy(d, word));
		if (str_istarts(word, STR("check_")) && doctor_word(&rest, &arg, NULL))
			out = doctor_text(d, "%s %.*s", out, STR_FMT(arg));
	}
	if (!out[0])
		out = "permit_mynetworks, permit_sasl_authenticated";
	return pf_joined(d, out, "reject_unauth_destination");
}

const char *
pf_good_question(struct doctor *d)
{
	const char *address = pf_address(d, POLICY_DOOR);

	return address
	    ? doctor_text(d, "check_policy_service { %s, timeout=5s, default_action=DUNNO }", address)
	    : "";
}

static bool
its_place(enum place place, struct str word, bool ours)
{
	switch (place) {
	case PLACE_SAME:
		return ours;
	case PLACE_BEFORE_PERMIT:
		return pf_one_of(permits, word) || pf_one_of(finals, word);
	case PLACE_END:
		return pf_one_of(finals, word) != NULL;
	default:
		return false;
	}
}

/* Does that restriction class let mail by, or end the list? */
static bool
class_stops(struct doctor *d, const struct pf_service *s, struct str word)
{
	const char *name = doctor_copy(d, word);
	struct str list = pf_get(pf_of(d), s, name);

	return is_class(pf_of(d), s, name) && (pf_has_one_of(list, permits) || pf_has_one_of(list, finals));
}

static const char *
put_warning(struct doctor *d, const char *out, bool warned)
{
	return warned ? pf_joined(d, out, "warn_if_reject") : out;
}

const char *
pf_put_before_permit(struct doctor *d, const struct pf_ask *a)
{
	struct str rest = pf_get(pf_of(d), a->service, a->order), word;
	const char *out = "";
	bool braced, warned, done = false;

	if (!a->entry)
		return pf_put_right(d, a->service, a->order, PLACE_BEFORE_PERMIT);
	while (next_entry(&rest, &word, &braced, &warned)) {
		if (!braced && str_ieq(word, str_of(a->entry)))
			continue;
		if (!done && !braced &&
		    (its_place(PLACE_BEFORE_PERMIT, word, false) || class_stops(d, a->service, word))) {
			out = pf_joined(d, out, a->entry);
			done = true;
		}
		out = put_warning(d, out, warned);
		out = pf_joined(d, out, doctor_text(d, braced ? "{ %.*s }" : "%.*s", STR_FMT(word)));
	}
	return done ? out : pf_joined(d, out, a->entry);
}

const char *
pf_put_unwarned(struct doctor *d, const struct pf_ask *a)
{
	struct str rest = pf_get(pf_of(d), a->service, a->warned), word;
	const char *out = "";
	bool braced, warned;

	if (!a->warned_class)
		return pf_put_right(d, a->service, a->warned, PLACE_SAME);
	while (next_entry(&rest, &word, &braced, &warned)) {
		out = put_warning(d, out, warned && !str_ieq(word, str_of(a->warned_class)));
		out = pf_joined(d, out, doctor_text(d, braced ? "{ %.*s }" : "%.*s", STR_FMT(word)));
	}
	return out;
}

const char *
pf_put_right(struct doctor *d, const struct pf_service *s, const char *param, enum place place)
{
	struct str rest = pf_get(pf_of(d), s, param), word, arg = STR("");
	const char *out = "", *copy;
	bool braced, inner = false, warned, done = place == PLACE_NOWHERE, ours;

	while (next_entry(&rest, &word, &braced, &warned)) {
		if (pf_is_option(POLICY_DOOR, word)) /* that is to stand in braces */
			continue;
		copy = doctor_text(d, braced ? "{ %.*s }" : "%.*s", STR_FMT(word));
		ours = false;
		if (!braced && str_ieq(word, STR("check_policy_service"))) {
			ours = !doctor_word(&rest, &arg, &inner);
			copy = doctor_text(d, inner ? "%s { %.*s }" : "%s %.*s", copy, STR_FMT(arg));
			ours = ours ||
			    pf_resolve(d, POLICY_DOOR, s, pf_cut_address(&arg, inner), NULL) != NOT_OURS;
		}
		if (!done &&
		    (its_place(place, word, ours) ||
			(place == PLACE_BEFORE_PERMIT && !braced && class_stops(d, s, word)))) {
			out = pf_joined(d, out, pf_good_question(d));
			done = true;
		}
		if (!ours)
			out = pf_joined(d, out, warned ? doctor_text(d, "warn_if_reject %s", copy) : copy);
		if (!done && place == PLACE_BEHIND_PROTECTION && !warned && pf_one_of(protections, word)) {
			out = pf_joined(d, out, pf_good_question(d));
			done = true;
		}
	}
	return done ? out : pf_joined(d, out, pf_good_question(d));
}
