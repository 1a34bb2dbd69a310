/* SPDX-License-Identifier: ISC */
/* What can be wrong with Exim. */
#include <string.h>

#include "stormctl_doctor_exim.h"

#define EACH_ASK(x, a) for (const struct ex_ask *a = (x)->asks; a < (x)->asks + (x)->n_asks; a++)

/* Our own recipe, with everything that a question wants. */
static const char snippet[] = ".include /etc/exim4/storm.acl";
static const char acl_body[] = "  .include /etc/exim4/storm.acl\n  accept";

/* An address as Exim writes it: a path, or inet:host:port. */
static struct str
as_exim(struct str address)
{
	struct str path = doctor_unix_path(address);

	return path.p ? path : address;
}

static struct str
our_address(struct doctor *d)
{
	const char *ours = doctor_address(d, POLICY_DOOR);

	return ours ? as_exim(str_of(doctor_connect_to(d, ours))) : STR("/run/policyd-storm/policy.sock");
}

static bool
asks(const struct exim *x, enum ex_hook hook)
{
	EACH_ASK(x, a)
	if (a->hook == hook && a->whose != NOT_OURS)
		return true;
	return false;
}

/* Is there an ACL that it names and that does not ask, or none? */
static bool
lacks(const struct exim *x, enum ex_hook hook)
{
	for (unsigned i = 0; i < x->n_entries; i++)
		if (x->entries[i].hook == hook && !x->entries[i].asks)
			return true;
	return ex_get(x, ex_hook_names[hook]).n == 0;
}

static bool
asks_anywhere(const struct exim *x)
{
	return asks(x, EX_RCPT) || asks(x, EX_DATA) || asks(x, EX_LOCAL);
}

static void
find(struct doctor *d, const char *where, const char *file, const char *fix)
{
	const struct exim *x = ex_of(d);

	doctor_find(d, where, x->made_of && strcmp(file, x->path) == 0 ? x->made_of : file, fix);
}

/* In the statement at that line, on the way to that question. */
static void
find_at(struct doctor *d, const struct ex_ask *a, const struct ex_line *line, const char *fix)
{
	find(d, doctor_text(d, "%s (%s)", ex_where(d, line), ex_hook_names[a->hook]), line->file, fix);
}

/* The question with what it should have in front of its end, and an end that lets mail pass. */
static void
find_question(struct doctor *d, const struct ex_ask *a, struct str request, const char *more)
{
	struct str where = as_exim(a->address);

	request = str_trim(request);
	while (str_iends(request, STR("\\n")))
		request.n -= 2;
	find_at(d, a, a->at,
	    doctor_text(d, "${readsocket{%.*s}{%.*s\\n%s\\n}{5s}{\\n}{action=DUNNO}}", STR_FMT(where),
		STR_FMT(request), more));
}

/* Where the daemon is stands in the macro of our recipe, or else in the question itself. */
static void
find_address(struct doctor *d, const struct ex_ask *a)
{
	const struct exim *x = ex_of(d);
	const char *file = str_eq(a->address, STR("STORM")) ? x->path : NULL;
	struct ex_ask right = *a;

	for (unsigned i = 0; i < x->n_macros; i++)
		if (str_eq(x->macros[i].name, STR("STORM")) && str_eq(x->macros[i].value, a->written))
			file = x->macros[i].file;
	right.address = our_address(d);
	if (file)
		find(d, doctor_text(d, "%s (%s)", ex_where(d, a->at), ex_hook_names[a->hook]), file,
		    doctor_text(d, "STORM = %.*s", STR_FMT(right.address)));
	else
		find_question(d, &right, a->request, "");
}

/* --- asking ------------------------------------------------------------------------------------------ */

/* Exim takes no two ACLs of one name: one that is there is named, and what it lacks is said then. */
static void
hook_missing(struct doctor *d, enum ex_hook hook, const char *body)
{
	const struct exim *x = ex_of(d);
	struct str value = ex_get(x, ex_hook_names[hook]);
	const char *where = doctor_text(d, "%s: %s", x->path, ex_hook_names[hook]);
	static const char *const names[EX_HOOKS] = {
		[EX_RCPT] = "acl_check_rcpt", [EX_DATA] = "acl_check_data", [EX_LOCAL] = "acl_check_local"
	};
	const char *name = names[hook];
	const char *fix = value.n ? body : doctor_text(d, "%s = %s", ex_hook_names[hook], name), *own;
	bool found = false;

	for (unsigned i = 0; i < x->n_entries; i++) {
		const struct ex_entry *e = &x->entries[i];

		if (e->hook != hook || e->asks)
			continue;
		own = doctor_text(d, "%.*s:\n%s", STR_FMT(e->name), body);
		if (e->name.p[0] == '/') /* a file, which can include no other */
			own = doctor_text(d,
			    "%s = acl_storm_%s\nbegin acl\nacl_storm_%s:\n  require acl = %.*s\n%s",
			    ex_hook_names[hook], strrchr(name, '_') + 1, strrchr(name, '_') + 1,
			    STR_FMT(e->name), body);
		find(d, str_eq(e->name, value) ? where : doctor_text(d, "%s: %.*s", where, STR_FMT(e->name)),
		    x->path, own);
		found = true;
	}
	if (value.n == 0 && ex_acl(x, str_of(name)) == x->n_lines)
		fix = doctor_text(d, "%s\nbegin acl\n%s:\n%s", fix, name, body);
	if (!found)
		find(d, where, x->path, fix);
}

static void
exim_not_asked(struct doctor *d)
{
	if (!asks_anywhere(ex_of(d)))
		hook_missing(d, EX_DATA, acl_body);
}

static void
exim_not_at_data(struct doctor *d)
{
	if (asks_anywhere(ex_of(d)) && lacks(ex_of(d), EX_DATA))
		hook_missing(d, EX_DATA, acl_body);
}

/* Where it names no ACL Exim takes no mail at all by SMTP. */
static void
exim_not_at_rcpt(struct doctor *d)
{
	const struct exim *x = ex_of(d);

	if (ex_get(x, ex_hook_names[EX_RCPT]).n && asks(x, EX_DATA) && lacks(x, EX_RCPT) && doctor_brakes(d))
		hook_missing(d, EX_RCPT, "  ...\n  .include /etc/exim4/storm.rcpt\n  accept");
}

static void
exim_not_local(struct doctor *d)
{
	if (asks_anywhere(ex_of(d)) && lacks(ex_of(d), EX_LOCAL))
		hook_missing(d, EX_LOCAL, acl_body);
}

static void
exim_no_door(struct doctor *d)
{
	if (!doctor_address(d, POLICY_DOOR))
		doctor_find_ours(d, doctor_text(d, "%s [server]: policy", d->conf_path), "server",
		    "policy = unix:/run/policyd-storm/policy.sock");
}

static void
exim_address(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS_MISSED && doctor_address(d, POLICY_DOOR))
		find_address(d, a);
}

static void
exim_at_milter(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS_OTHER_DOOR)
		find_address(d, a);
}

static void
exim_unreachable(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && a->final)
		find_at(d, a, a->final, doctor_text(d, "  %s\n  %.*s", snippet, STR_FMT(a->final->text)));
}

static void
exim_behind_accept(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && a->accept && !a->final && a->hook != EX_RCPT)
		find_at(d, a, a->accept, doctor_text(d, "  %s\n  %.*s", snippet, STR_FMT(a->accept->text)));
}

static void
exim_before_refusal(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && a->refuses && a->hook != EX_RCPT)
		find_at(d, a, a->refuses, doctor_text(d, "  %s\n  accept", snippet));
}

/* --- the question ------------------------------------------------------------------------------------ */

static void
exim_fails_closed(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && !a->fail.p)
		find_question(d, a, a->request, "");
}

static void
exim_fail_word(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && a->fail.p && !doctor_has(a->fail, "DUNNO"))
		find_question(d, a, a->request, "");
}

/* The third argument: the timeout, then NAME=VALUE. */
static struct str
option(const struct ex_ask *a, const char *name)
{
	struct str rest = a->options, piece;
	bool first = true;

	while (str_split(&rest, ':', &piece)) {
		size_t eq = str_find(piece, '=');

		if (first && !name)
			return str_trim(piece);
		if (name && str_eq(str_trim(str_sub(piece, 0, eq)), str_of(name)))
			return str_trim(str_sub(piece, eq + 1, piece.n));
		first = false;
	}
	return STR("");
}

static void
exim_slow(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && doctor_seconds(option(a, NULL)) > 15)
		find_question(d, a, a->request, "");
}

static void
exim_no_half_close(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && str_ieq(option(a, "shutdown"), STR("no")))
		find_question(d, a, a->request, "");
}

static void
exim_cached(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && str_ieq(option(a, "cache"), STR("yes")))
		find_question(d, a, a->request, "");
}

/* Values that a peer wrote; "h_" stands for all header fields. */
static const char *const from_peers[] = { "h_", "rh_", "bh_", "lh_", "header_", "rheader_", "bheader_",
	"lheader_", "sender_helo_name", "sender_host_name", "sender_address", "recipients",
	"authenticated_id" };

/* Length of the variable of a peer that the text begins with, 0: it does not. */
static size_t
peer_value(struct str s)
{
	size_t n = 1;

	if (s.n < 2 || s.p[0] != '$')
		return 0;
	while (n < s.n && ((s.p[n] >= 'a' && s.p[n] <= 'z') || s.p[n] == '_' || s.p[n] == '-'))
		n++;
	for (size_t i = 0; i < ARRAY_LEN(from_peers); i++) {
		struct str name = str_of(from_peers[i]), var = str_sub(s, 1, n);

		if (name.p[name.n - 1] == '_' && str_starts(var, name))
			return n + (n < s.n && s.p[n] == ':');
		if (str_eq(var, name))
			return n;
	}
	return 0;
}

/* Such a value right behind "NAME=" goes into the request as it is. */
static void
exim_injection(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	{
		struct str s = a->request;
		const char *out = "";
		size_t done = 0;

		for (size_t i = 1; a->whose == OURS && i < s.n; i++) {
			size_t n = s.p[i - 1] == '=' ? peer_value(str_sub(s, i, s.n)) : 0;

			if (n == 0)
				continue;
			out = doctor_text(d, "%s%.*s${sg{%.*s}{\\N[\\x00-\\x1f]\\N}{?}}", out,
			    STR_FMT(str_sub(s, done, i)), STR_FMT(str_sub(s, i, i + n)));
			done = i + n;
		}
		if (done)
			find_question(
			    d, a, str_of(doctor_text(d, "%s%.*s", out, STR_FMT(str_sub(s, done, s.n)))), "");
	}
}

static void
exim_no_header(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && a->hook != EX_RCPT && !doctor_has(a->request, "header=") &&
	    !doctor_has(a->request, "message_id="))
		find_question(d, a, a->request, "header=${base64:$message_headers_raw}\\n");
}

static void
exim_no_end(struct doctor *d)
{
	EACH_ASK(ex_of(d), a)
	if (a->whose == OURS && !str_iends(str_trim(a->request), STR("\\n\\n")))
		find_question(d, a, a->request, "");
}

/* --- what belongs to it ------------------------------------------------------------------------------ */

/* Is there a router that carries out what we say, and does none that delivers stand before it? */
static bool
router_first(const struct exim *x, const char *variable, const struct ex_line **before)
{
	unsigned i = ex_section(x, "routers");
	const struct ex_line *last = NULL;

	*before = NULL;
	for (i++; i < x->n_lines && !str_starts(x->lines[i].text, STR("begin ")); i++) {
		struct str s = x->lines[i].text;

		if (doctor_has(s, variable))
			return true;
		if (s.p[s.n - 1] == ':' && str_find(s, '=') == s.n) {
			if (last && !*before)
				*before = last;
			last = &x->lines[i];
		}
	}
	return false;
}

static bool
repairs(const struct exim *x)
{
	EACH_ASK(x, a)
	if (a->whose == OURS && doctor_has(a->request, "want=repairs"))
		return true;
	return false;
}

static void
exim_no_routers(struct doctor *d)
{
	const struct exim *x = ex_of(d);
	const struct ex_line *before;

	if (repairs(x) &&
	    (!router_first(x, "acl_m_storm_drop", &before) ||
		!router_first(x, "acl_m_storm_sender", &before)))
		find(d, doctor_text(d, "%s: begin routers", x->path), x->path,
		    "begin routers\n.include /etc/exim4/storm.routers");
}

static void
exim_router_order(struct doctor *d)
{
	const struct exim *x = ex_of(d);
	const struct ex_line *before;

	if (repairs(x) && router_first(x, "acl_m_storm_drop", &before) && before)
		find(
		    d, ex_where(d, before), before->file, "begin routers\n.include /etc/exim4/storm.routers");
}

/* The routers were asked at RCPT then, and nobody asks them again. */
static void
exim_cutthrough(struct doctor *d)
{
	const struct exim *x = ex_of(d);
	unsigned i = ex_section(x, "acl");

	for (i++; repairs(x) && i < x->n_lines && !str_starts(x->lines[i].text, STR("begin ")); i++)
		if (doctor_has(x->lines[i].text, "cutthrough_delivery"))
			find(d, ex_where(d, &x->lines[i]), x->lines[i].file,
			    doctor_text(d, "  # %.*s", STR_FMT(x->lines[i].text)));
}

static void
exim_body(struct doctor *d)
{
	const struct exim *x = ex_of(d);
	struct str visible = ex_get(x, "message_body_visible");
	char unit = visible.n ? str_lower(visible.p[visible.n - 1]) : '\0';
	uint64_t n = 0;

	if (unit == 'k' || unit == 'm')
		visible.n--;
	(void)!str_u64(visible, &n);
	n *= unit == 'k' ? 1024 : unit == 'm' ? 1048576 : 1;
	if (doctor_has_rule(d, "backscatter") && asks(x, EX_DATA) &&
	    (n < 16384 || !str_eq(ex_get(x, "message_body_newlines"), STR("true"))))
		find(d, doctor_text(d, "%s: message_body_visible", x->path), x->path,
		    "message_body_visible = 60000\nmessage_body_newlines = true");
}

/* --- socket, names and networks ---------------------------------------------------------------------- */

static const char *
user_name(struct doctor *d)
{
	struct str user = ex_get(ex_of(d), "exim_user");

	return user.n ? doctor_copy(d, user) : "Debian-exim";
}

static void
socket_check(struct doctor *d, bool absent)
{
	struct doctor_user u;

	EACH_ASK(ex_of(d), a)
	{
		struct str path = doctor_unix_path(a->address);

		if (a->whose == OURS && path.p &&
		    (doctor_user_find(&u, user_name(d)) || doctor_user_find(&u, "nobody")))
			doctor_find_socket(d, doctor_copy(d, path), 0, &u, absent);
	}
}

static void
exim_socket_missing(struct doctor *d)
{
	socket_check(d, true);
}

static void
exim_socket_closed(struct doctor *d)
{
	socket_check(d, false);
}

static void
exim_hostname(struct doctor *d)
{
	doctor_hostname(
	    d, ex_get(ex_of(d), "primary_hostname"), doctor_text(d, "%s: primary_hostname", ex_of(d)->path));
}

static void
exim_domains(struct doctor *d)
{
	struct str local = ex_list(d, "domainlist", "local_domains");
	struct str relay = ex_list(d, "domainlist", "relay_to_domains");

	doctor_domains(d, str_of(doctor_text(d, "%.*s %.*s", STR_FMT(local), STR_FMT(relay))),
	    doctor_text(d, "%s: local_domains, relay_to_domains", ex_of(d)->path));
}

static void
exim_networks(struct doctor *d)
{
	doctor_networks(d, ex_list(d, "hostlist", "relay_from_hosts"),
	    doctor_text(d, "%s: relay_from_hosts", ex_of(d)->path));
}

const struct doctor_check doctor_exim_checks[] = {
	{ "exim-not-asked", SEVERITY_DANGER, "Exim asks the daemon nothing: there is no protection.",
	    exim_not_asked },
	{ "exim-no-policy-door", SEVERITY_DANGER, "The daemon has no policy door: Exim cannot ask it.",
	    exim_no_door },
	{ "exim-not-at-data", SEVERITY_WARNING,
	    "acl_smtp_data does not ask, so no header of what comes by SMTP is seen.", exim_not_at_data },
	{ "exim-not-at-rcpt", SEVERITY_WARNING,
	    "acl_smtp_rcpt does not ask, so no brake can refuse a recipient before the data.",
	    exim_not_at_rcpt },
	{ "exim-not-smtp", SEVERITY_NOTE, "Mail that programs on this machine send is not seen.",
	    exim_not_local },
	{ "exim-address", SEVERITY_DANGER,
	    "This address looks like ours, but the daemon's configuration does not listen there, or it is "
	    "none that Exim understands.",
	    exim_address },
	{ "exim-at-milter-door", SEVERITY_DANGER,
	    "The question goes to the milter door, which does not understand it and hangs up.",
	    exim_at_milter },
	{ "exim-unreachable", SEVERITY_DANGER,
	    "This statement ends the ACL in front of the question, so it is never asked.", exim_unreachable },
	{ "exim-behind-accept", SEVERITY_WARNING,
	    "What this statement accepts, such as mail of own hosts, is not seen.", exim_behind_accept },
	{ "exim-before-refusal", SEVERITY_WARNING,
	    "This statement may refuse what we have counted as delivered, and then a retry counts as a copy; "
	    "the question belongs behind it.",
	    exim_before_refusal },
	{ "exim-fails-closed", SEVERITY_DANGER,
	    "While the daemon is away the ACL fails and Exim defers all mail: readsocket has no text for "
	    "failure.",
	    exim_fails_closed },
	{ "exim-fail-text", SEVERITY_WARNING,
	    "While the daemon is away readsocket gives a text that is no action=DUNNO.", exim_fail_word },
	{ "exim-slow", SEVERITY_WARNING, "A daemon that hangs holds each message for more than 15 s.",
	    exim_slow },
	{ "exim-no-half-close", SEVERITY_DANGER,
	    "With shutdown=no the daemon keeps the connection open, so Exim waits until its timeout and "
	    "takes the text for failure.",
	    exim_no_half_close },
	{ "exim-cached", SEVERITY_DANGER,
	    "With cache=yes the same question is not asked again, so copies are not counted.", exim_cached },
	{ "exim-injection", SEVERITY_WARNING,
	    "A value that a peer wrote goes into the request as it is: a line break in it adds attributes.",
	    exim_injection },
	{ "exim-no-header", SEVERITY_WARNING,
	    "The question carries no header, so replication and most other rules find nothing.",
	    exim_no_header },
	{ "exim-no-empty-line", SEVERITY_WARNING, "The request does not end in an empty line.", exim_no_end },
	{ "exim-no-routers", SEVERITY_DANGER,
	    "The question wants repairs, but no router carries them out: what is to be dropped is delivered.",
	    exim_no_routers },
	{ "exim-router-order", SEVERITY_WARNING,
	    "This router comes before ours, and what it delivers is not dropped.", exim_router_order },
	{ "exim-cutthrough", SEVERITY_WARNING,
	    "With this Exim asks the routers at RCPT alone: redirect-owner, set-sender-owner, prepend do "
	    "nothing.",
	    exim_cutthrough },
	{ "exim-body", SEVERITY_WARNING,
	    "backscatter wants the bodies of bounces, of which Exim shows too little, or without line "
	    "breaks.",
	    exim_body },
	{ "exim-socket-missing", SEVERITY_WARNING,
	    "There is no such socket: the daemon does not run, or was started before its folder was there.",
	    exim_socket_missing },
	{ "exim-socket-permission", SEVERITY_DANGER, "Exim's user is not permitted to reach the socket.",
	    exim_socket_closed },
	{ "exim-hostname", SEVERITY_WARNING,
	    "Exim writes its Received lines under a name that the daemon does not take for its own.",
	    exim_hostname },
	{ "exim-local-domains", SEVERITY_WARNING,
	    "Exim takes mail for these domains and the daemon does not know them: their mail is not taken "
	    "for inbound.",
	    exim_domains },
	{ "exim-trusted", SEVERITY_WARNING,
	    "Exim relays for these networks and the daemon does not know them: their mail is taken for "
	    "inbound.",
	    exim_networks },
	{ .name = NULL },
};
