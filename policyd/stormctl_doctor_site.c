/* SPDX-License-Identifier: ISC */
/* What else of Postfix matters to us: sockets, names and networks, queue ids, lists. */
#include <inttypes.h>

#include "base/limits.h"
#include "judge/lists.h"
#include "stormctl_doctor_postfix.h"

/* --- sockets ------------------------------------------------------------------------------------------ */

struct pf_socket {
	const struct pf_service *service;
	const char *param;
	const struct pf_path *path;
	enum door_kind door;
};

/* Calls `fn` for each place where one of our unix sockets is named. */
static void
each_socket(struct doctor *d, void (*fn)(struct doctor *d, const struct pf_socket *s))
{
	EACH_ASK(pf_of(d), a)
	if (a->whose == OURS && a->path.name)
		fn(d, &(struct pf_socket){ a->service, a->param, &a->path, POLICY_DOOR });
	EACH_FILTER(pf_of(d), f)
	if (f->whose == OURS && f->path.name)
		fn(d, &(struct pf_socket){ f->service, f->param, &f->path, MILTER_DOOR });
}

static void
find_outside(struct doctor *d, const struct pf_socket *s)
{
	if (s->path->outside)
		pf_find(d, s->service, s->param,
		    s->door == POLICY_DOOR ? pf_put_right(d, s->service, s->param, PLACE_SAME)
					   : pf_filters_put_right(d, s->service, s->param, PLACE_SAME));
}

static void
socket_outside(struct doctor *d)
{
	each_socket(d, find_outside);
}

static void
find_socket(struct doctor *d, const struct pf_socket *s, bool absent)
{
	struct str owner = pf_get(pf_of(d), NULL, "mail_owner");
	struct doctor_user u;

	if (!s->path->outside && doctor_user_find(&u, doctor_copy(d, owner)))
		doctor_find_socket(d, s->path->name, s->path->from, &u, absent);
}

static void
find_missing(struct doctor *d, const struct pf_socket *s)
{
	find_socket(d, s, true);
}

static void
socket_missing(struct doctor *d)
{
	each_socket(d, find_missing);
}

static void
find_closed(struct doctor *d, const struct pf_socket *s)
{
	find_socket(d, s, false);
}

static void
socket_closed(struct doctor *d)
{
	each_socket(d, find_closed);
}

/* --- who we are --------------------------------------------------------------------------------------- */

static void
hostname_differs(struct doctor *d)
{
	static const char name[] = "myhostname";
	const char *more = "";

	doctor_hostname(d, pf_get(pf_of(d), NULL, name), "main.cf: myhostname");
	EACH_SERVICE(pf_of(d), s)
	{
		const char *own = doctor_copy(d, pf_get(pf_of(d), s, name));

		if (s->role != PF_NO_SMTPD && pf_overrides(s, name) && !doctor_has_word(str_of(more), own) &&
		    !site_own_host(&d->conf->site, str_of(own)))
			more = pf_joined(d, more, own);
	}
	if (more[0])
		doctor_find_ours(d, doctor_text(d, "master.cf: -o myhostname: %s", more), "mail",
		    doctor_with_more(d, "own_hosts", &d->conf->site.own_hosts, more));
}

static void
trusted_differs(struct doctor *d)
{
	doctor_networks(d, pf_get(pf_of(d), NULL, "mynetworks"), "main.cf: mynetworks");
}

static void
domains_differ(struct doctor *d)
{
	static const char *const lists[] = { "mydestination", "virtual_alias_domains",
		"virtual_mailbox_domains", "relay_domains" };
	const char *all = "";

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		all = doctor_text(d, "%s %.*s", all, STR_FMT(pf_get(pf_of(d), NULL, lists[i])));
	doctor_domains(d, str_of(all),
	    "main.cf: mydestination, virtual_alias_domains, virtual_mailbox_domains, relay_domains");
}

/* The first list of that alias file that we do not know, or NULL. */
static const char *
unknown_list(struct doctor *d, const char *path)
{
	const char *found = NULL;
	struct lists theirs;
	struct str text;

	if (doctor_slurp(d, path, &text) != 0)
		return NULL;
	lists_init(&theirs);
	lists_add_aliases(&theirs, text, path, &d->conf->site, NULL);
	for (unsigned i = 0; i < theirs.n && !found; i++)
		if (!lists_find(&d->conf->lists, str_of(theirs.v[i].posting)))
			found = doctor_copy(d, str_of(theirs.v[i].posting));
	lists_fini(&theirs);
	return found;
}

static void
lists_differ(struct doctor *d)
{
	struct str maps = pf_get(pf_of(d), NULL, "alias_maps"), word;
	const char *files = d->conf->lists_files ? d->conf->lists_files : "";
	bool braced;

	while (doctor_word(&maps, &word, &braced)) {
		size_t colon = str_find(word, ':');
		struct str path = str_sub(word, colon + 1, word.n);
		const char *list;

		if (braced || path.n == 0 || path.p[0] != '/')
			continue;
		list = unknown_list(d, doctor_copy(d, path));
		if (list)
			doctor_find_ours(d,
			    doctor_text(d, "main.cf: alias_maps: %.*s: %s", STR_FMT(path), list), "mail",
			    doctor_text(
				d, "lists = %s%saliases:%.*s", files, files[0] ? ", " : "", STR_FMT(path)));
	}
}

/* --- settings ----------------------------------------------------------------------------------------- */

static bool
is_yes(struct str value)
{
	return str_ieq(value, STR("yes"));
}

/* A null client has no smtpd(8) that could ask. */
static bool
takes_mail(const struct postfix *p)
{
	EACH_SERVICE(p, s)
	if (s->role == PF_PUBLIC)
		return true;
	return false;
}

static void
not_asked(struct doctor *d)
{
	const struct postfix *p = pf_of(d);
	bool policy = doctor_address(d, POLICY_DOOR), milter = doctor_address(d, MILTER_DOOR);

	if (pf_asks(p) || pf_hands_on(p) || (!policy && !milter) || !takes_mail(p))
		return;
	doctor_find(d, "main.cf", "main.cf",
	    doctor_text(d, "%s%s%s", policy ? pf_policy_lines(d) : "", policy && milter ? "\n" : "",
		milter ? pf_milter_lines(d) : ""));
}

static void
no_doors(struct doctor *d)
{
	const struct serve_conf *c = &d->conf->serve;
	struct str queue = pf_of(d)->queue_directory;

	if (!c->policy.n && !c->milter.n)
		doctor_find_ours(d, doctor_text(d, "%s [server]: policy, milter", d->conf_path), "server",
		    doctor_text(d,
			"policy = unix:%.*s/policyd-storm/policy.sock\n"
			"milter = unix:%.*s/policyd-storm/milter.sock",
			STR_FMT(queue), STR_FMT(queue)));
}

static void
too_old(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	if (p->major && p->major < 3)
		doctor_find(
		    d, doctor_text(d, "Postfix %s", d->version), "the system", "Postfix 3.0 or newer");
}

static void
short_queue_ids(struct doctor *d)
{
	if (!is_yes(pf_get(pf_of(d), NULL, "enable_long_queue_ids")))
		pf_find(d, NULL, "enable_long_queue_ids", "yes");
}

static void
original_recipient(struct doctor *d)
{
	if (doctor_does(d, ACT_REDIRECT_OWNER) &&
	    !is_yes(pf_get(pf_of(d), NULL, "enable_original_recipient")))
		pf_find(d, NULL, "enable_original_recipient", "yes");
}

static bool
refuses(const struct doctor *d)
{
	EACH_RULE(d, r)
	if (r->mode != MODE_OFF && r->brake == BRAKE_REJECT)
		return true;
	return doctor_does(d, ACT_REJECT);
}

static void
soft_bounce(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	if (!refuses(d))
		return;
	if (is_yes(pf_get(p, NULL, "soft_bounce")))
		pf_find(d, NULL, "soft_bounce", "no");
	EACH_SERVICE(p, s)
	if (s->role == PF_PUBLIC && is_yes(pf_get(p, s, "soft_bounce")))
		pf_find(d, s, "soft_bounce", "no");
}

/* Its ids end in myhostname, by which we know that they were made up. */
static void
missing_headers(struct doctor *d)
{
	struct str name = pf_get(pf_of(d), NULL, "myhostname");

	if (is_yes(pf_get(pf_of(d), NULL, "always_add_missing_headers")) &&
	    !site_own_host(&d->conf->site, name))
		pf_find(d, NULL, "always_add_missing_headers", "no");
}

static void
recipient_limit(struct doctor *d)
{
	uint64_t n;

	if (str_u64(pf_get(pf_of(d), NULL, "smtpd_recipient_limit"), &n) == 0 && n > MSG_RCPTS_MAX)
		pf_find(d, NULL, "smtpd_recipient_limit", doctor_text(d, "%d", MSG_RCPTS_MAX));
}

/* The smtpd behind the filter is elsewhere, if there is one. */
static void
proxy_filter(struct doctor *d)
{
	const struct postfix *p = pf_of(d);

	EACH_SERVICE(p, s)
	if (s->role == PF_PUBLIC && pf_asks(p) && !pf_in_front(p, s) && pf_get(p, s, "smtpd_proxy_filter").n)
		pf_find(d, s, "smtpd_proxy_filter", "");
}

static void
proxy_relay(struct doctor *d)
{
	const struct postfix *p = pf_of(d);
	struct ip local = { .family = 4, .b = { 127, 0, 0, 1 } };

	EACH_FILTER(p, f)
	if (f->whose == OURS && pf_behind(p, f->service) && !site_relay(&d->conf->site, &local))
		doctor_find_ours(d, doctor_text(d, "%s [mail]: relays", d->conf_path), "mail",
		    doctor_text(d, "relays = %s127.0.0.1", doctor_net_list(d, &d->conf->site.relays)));
}

/* Each smtpd keeps a connection at each door. */
static void
connections(struct doctor *d)
{
	const struct postfix *p = pf_of(d);
	uint64_t sum = 0, n, general = 100;

	(void)!str_u64(pf_get(p, NULL, "default_process_limit"), &general);
	EACH_SERVICE(p, s)
	if (s->role == PF_PUBLIC && sum < UINT32_MAX)
		sum += str_u64(s->maxproc, &n) == 0 && n < UINT32_MAX ? n : general;
	sum *= (pf_asks(p) ? 1 : 0) + (pf_hands_on(p) ? 1 : 0);
	if (sum > d->conf->serve.max_connections)
		doctor_find_ours(d, "master.cf: processes of smtpd", "server",
		    doctor_text(d, "max_connections = %" PRIu64, sum));
}

const struct doctor_check doctor_postfix_site[] = {
	{ "not-asked", SEVERITY_DANGER, "Postfix asks the daemon nothing: there is no protection.",
	    not_asked },
	{ "no-doors", SEVERITY_DANGER,
	    "The daemon has neither policy door nor milter door: nobody can ask it.", no_doors },
	{ "postfix-too-old", SEVERITY_WARNING,
	    "Before 3.0 Postfix knows no settings for a single policy service or milter; they hold for all "
	    "of them.",
	    too_old },
	{ "socket-chroot", SEVERITY_DANGER,
	    "The socket is outside of the chroot that Postfix looks for it from, so the daemon is not found.",
	    socket_outside },
	{ "socket-missing", SEVERITY_WARNING,
	    "There is no such socket: the daemon does not run, or was started before its folder was there.",
	    socket_missing },
	{ "socket-permission", SEVERITY_DANGER, "Postfix's user is not permitted to reach the socket.",
	    socket_closed },
	{ "hostname", SEVERITY_WARNING,
	    "Postfix writes its Received lines under a name that the daemon does not take for its own, so "
	    "own hops look like other ways and made-up Message-IDs like real ones.",
	    hostname_differs },
	{ "trusted", SEVERITY_WARNING,
	    "Postfix takes these networks for its own and the daemon does not: their mail is taken for "
	    "inbound.",
	    trusted_differs },
	{ "local-domains", SEVERITY_WARNING,
	    "Postfix takes mail for these domains and the daemon does not know them: their mail is not taken "
	    "for inbound.",
	    domains_differ },
	{ "lists", SEVERITY_NOTE,
	    "There is a mailing list among the aliases that the daemon does not know: bounce-to-list and "
	    "list-return-path do not see it.",
	    lists_differ },
	{ "short-queue-ids", SEVERITY_WARNING,
	    "Short queue ids come back soon, so two messages may be taken for one.", short_queue_ids },
	{ "original-recipient", SEVERITY_DANGER,
	    "Without the original recipient Postfix takes an owner whom redirect-owner adds for a duplicate, "
	    "if he is a member of the list too, and nobody gets the message.",
	    original_recipient },
	{ "soft-bounce", SEVERITY_WARNING,
	    "With soft_bounce what a rule rejects comes again and again for days.", soft_bounce },
	{ "missing-headers", SEVERITY_WARNING,
	    "Postfix makes up a Message-ID for mail that has none, under a name that the daemon does not "
	    "know for its own: each attempt is another message.",
	    missing_headers },
	{ "recipient-limit", SEVERITY_NOTE,
	    "Recipients of a message beyond the first 50,000 are counted, but no rule acts for one of them.",
	    recipient_limit },
	{ "proxy-filter", SEVERITY_WARNING,
	    "With a before-queue filter the policy door is told no queue id, and hold, discard and redirect "
	    "cannot be done there.",
	    proxy_filter },
	{ "proxy-relay", SEVERITY_WARNING,
	    "Behind the filter the client is this machine: as a relay it is told by the line of the smtpd in "
	    "front.",
	    proxy_relay },
	{ "connections", SEVERITY_WARNING,
	    "There may be more smtpd processes than the daemon takes connections; the others wait.",
	    connections },
	{ .name = NULL },
};
