/* SPDX-License-Identifier: ISC */
/* What can be wrong with how Sendmail uses the milter door. */
#include <string.h>
#include <sys/stat.h>

#include "stormctl_doctor_sendmail.h"

#define EACH_FILTER(m, f) \
	for (const struct sm_filter *f = (m)->filters; f < (m)->filters + (m)->n_filters; f++)

static const char *
where(struct doctor *d, const struct sm_filter *f)
{
	return doctor_text(d, "%s:%u", sm_of(d)->path, f->line);
}

/* What our line should be. */
static const char *
good(struct doctor *d, struct str name)
{
	const char *door = doctor_address(d, MILTER_DOOR), *ours = door ? doctor_connect_to(d, door) : NULL;
	const char *colon = ours ? strrchr(ours, ':') : NULL, *socket = ours;
	struct str host = ours ? str_sub(str_of(ours), 5, (size_t)(colon - ours)) : STR("");

	if (ours && strncmp(ours, "unix:", 5) == 0)
		socket = doctor_text(d, "local:%s", ours + 5);
	else if (ours && host.n && host.p[0] == '[')
		socket = doctor_text(d, "inet6:%s@%.*s", colon + 1, STR_FMT(str_sub(host, 1, host.n - 1)));
	else if (ours)
		socket = doctor_text(d, "inet:%s@%.*s", colon + 1, STR_FMT(host));
	return doctor_text(
	    d, "X%.*s, S=%s, F=, T=C:5s;S:10s;R:10s;E:30s", STR_FMT(name), socket ? socket : "");
}

/* A line of a .cf file, as it stands in the source. */
static const char *
as_source(struct doctor *d, struct str line)
{
	static const char *const rows[][2] = { { "O InputMailFilters=",
						   "define(`confINPUT_MAIL_FILTERS', `" },
		{ "O DaemonPortOptions=", "DAEMON_OPTIONS(`" },
		{ "O Milter.macros.envfrom=", "define(`confMILTER_MACROS_ENVFROM', `" },
		{ "O Milter.macros.envrcpt=", "define(`confMILTER_MACROS_ENVRCPT', `" } };
	size_t comma = str_find(line, ',');

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_starts(line, str_of(rows[i][0])))
			return doctor_text(
			    d, "%s%.*s')dnl", rows[i][1], STR_FMT(str_sub(line, strlen(rows[i][0]), line.n)));
	return doctor_text(d, "INPUT_MAIL_FILTER(`%.*s', `%.*s')dnl", STR_FMT(str_sub(line, 1, comma)),
	    STR_FMT(str_trim(str_sub(line, comma + 1, line.n))));
}

static void
find(struct doctor *d, const char *at, const char *fix)
{
	const struct sendmail *m = sm_of(d);
	struct str rest = str_of(fix), line;
	const char *text = "";

	while (m->source && str_split(&rest, '\n', &line))
		text = doctor_text(d, "%s%s%s", text, *text ? "\n" : "", as_source(d, line));
	doctor_find(d, at, m->source ? m->source : m->path, m->source ? text : fix);
}

static void
find_line(struct doctor *d, const struct sm_filter *f)
{
	find(d, where(d, f), good(d, f->name));
}

static void
sendmail_no_door(struct doctor *d)
{
	if (!doctor_address(d, MILTER_DOOR))
		doctor_find_ours(d, doctor_text(d, "%s [server]: milter", d->conf_path), "server",
		    "milter = unix:/run/policyd-storm/milter.sock");
}

/* A signer keeps its place in front of what goes by its results, as OpenDKIM does in front of OpenDMARC. */
static bool
is_read(const struct sendmail *m, const struct sm_filter *signer)
{
	EACH_FILTER(m, f)
	if (f->kind == FILTER_READS && f->at > signer->at)
		return true;
	return false;
}

static const char *
listed(struct doctor *d, struct str name)
{
	const struct sendmail *m = sm_of(d);
	const char *front = "", *signers = "";

	for (int at = 0; at < (int)m->n_filters; at++)
		EACH_FILTER(m, f)
		{
			const char **to = f->kind == FILTER_SIGNS && !is_read(m, f) ? &signers : &front;

			if (f->at == at && f->whose == NOT_OURS)
				*to = doctor_text(d, "%s%s%.*s", *to, **to ? "," : "", STR_FMT(f->name));
		}
	return doctor_text(d, "O InputMailFilters=%s%s%.*s%s%s", front, *front ? "," : "", STR_FMT(name),
	    *signers ? "," : "", signers);
}

static void
sendmail_not_asked(struct doctor *d)
{
	const struct sendmail *m = sm_of(d);

	EACH_FILTER(m, f)
	if (f->whose != NOT_OURS)
		return;
	if (doctor_address(d, MILTER_DOOR))
		find(d, m->path,
		    doctor_text(d, "%s\n%s", good(d, STR("policyd-storm")), listed(d, STR("policyd-storm"))));
}

static void
sendmail_not_listed(struct doctor *d)
{
	EACH_FILTER(sm_of(d), f)
	if (f->whose == OURS && f->at < 0)
		find(d, where(d, f), listed(d, f->name));
}

/* DaemonPortOptions=Port=smtp, I=filter;filter: in place of InputMailFilters */
static void
sendmail_other_filters(struct doctor *d)
{
	const struct sendmail *m = sm_of(d);

	EACH_FILTER(m, f)
	for (const struct sm_daemon *p = m->daemons; f->whose == OURS && p < m->daemons + m->n_daemons; p++) {
		struct str filters = p->filters, one, name = STR("");
		size_t at = (size_t)(p->filters.p - p->options.p) + p->filters.n;

		while (!str_eq(name, f->name) && str_split(&filters, ';', &one))
			name = str_trim(one);
		if (!str_eq(name, f->name))
			find(d, doctor_text(d, "%s:%u", m->path, p->line),
			    doctor_text(d, "O DaemonPortOptions=%.*s%s%.*s%.*s",
				STR_FMT(str_sub(p->options, 0, at)), p->filters.n ? ";" : "",
				STR_FMT(f->name), STR_FMT(str_sub(p->options, at, p->options.n))));
	}
}

static void
sendmail_fails_closed(struct doctor *d)
{
	EACH_FILTER(sm_of(d), f)
	if (f->whose == OURS && f->flags.n)
		find_line(d, f);
}

static void
sendmail_address(struct doctor *d)
{
	EACH_FILTER(sm_of(d), f)
	if (f->whose == OURS_MISSED && doctor_address(d, MILTER_DOOR))
		find_line(d, f);
}

static void
sendmail_at_policy(struct doctor *d)
{
	EACH_FILTER(sm_of(d), f)
	if (f->whose == OURS_OTHER_DOOR)
		find_line(d, f);
}

/* T=C:5m;S:10s;R:10s;E:5m; what is not said is the default */
static int64_t
timeout(const struct sm_filter *f, char which, int64_t otherwise)
{
	struct str rest = f->times, piece;

	while (str_split(&rest, ';', &piece)) {
		piece = str_trim(piece);
		if (piece.n > 2 && piece.p[0] == which && piece.p[1] == ':')
			return doctor_seconds(str_sub(piece, 2, piece.n));
	}
	return otherwise;
}

static void
sendmail_slow(struct doctor *d)
{
	EACH_FILTER(sm_of(d), f)
	if (f->whose == OURS &&
	    (timeout(f, 'C', 300) > 30 || timeout(f, 'S', 10) > 30 || timeout(f, 'R', 10) > 30 ||
		timeout(f, 'E', 300) > 60))
		find_line(d, f);
}

static void
find_order(struct doctor *d, const struct sm_filter *ours)
{
	find(d, doctor_text(d, "%s: InputMailFilters", sm_of(d)->path), listed(d, ours->name));
}

static void
sendmail_before_filter(struct doctor *d)
{
	EACH_FILTER(sm_of(d), f)
	EACH_FILTER(sm_of(d), g)
	if (f->whose == OURS && f->at >= 0 && g->whose == NOT_OURS && g->at > f->at &&
	    (g->kind == FILTER_REFUSES || g->kind == FILTER_READS))
		find_order(d, f);
}

static void
sendmail_behind_signer(struct doctor *d)
{
	EACH_FILTER(sm_of(d), f)
	EACH_FILTER(sm_of(d), g)
	if (f->whose == OURS && g->at >= 0 && g->at < f->at && g->whose == NOT_OURS &&
	    g->kind == FILTER_SIGNS && !is_read(sm_of(d), g))
		find_order(d, f);
}

/* The option with what it lacks, all of it: of two lines the last one would hold. */
static void
find_macros(struct doctor *d, const char *option, struct str now, const char *const *wanted)
{
	const char *text = doctor_text(d, "O %s=%.*s", option, STR_FMT(now)), *comma = now.n ? ", " : "";

	for (; *wanted; wanted++)
		if (!doctor_has_macro(now, *wanted)) {
			text = doctor_text(d, (*wanted)[1] ? "%s%s{%s}" : "%s%s%s", text, comma, *wanted);
			comma = ", ";
		}
	find(d, doctor_text(d, "%s: %s", sm_of(d)->path, option), text);
}

static bool
asked(const struct doctor *d)
{
	EACH_FILTER(sm_of(d), f)
	if (f->whose == OURS)
		return true;
	return false;
}

static bool
has_queue_id(const struct sendmail *m)
{
	return doctor_has_macro(m->macros_from, "i") || doctor_has_macro(m->macros_i[0], "i") ||
	    doctor_has_macro(m->macros_i[1], "i") || doctor_has_macro(m->macros_i[2], "i");
}

static void
find_from_macros(struct doctor *d)
{
	const char *const wanted[] = { "auth_authen", has_queue_id(sm_of(d)) ? NULL : "i", NULL };

	find_macros(d, "Milter.macros.envfrom", sm_of(d)->macros_from, wanted);
}

static void
sendmail_no_queue_id(struct doctor *d)
{
	if (asked(d) && !has_queue_id(sm_of(d)))
		find_from_macros(d);
}

static void
sendmail_macros(struct doctor *d)
{
	static const char *const wanted[] = { "rcpt_mailer", NULL };

	if (asked(d) && !doctor_has_macro(sm_of(d)->macros_from, "auth_authen"))
		find_from_macros(d);
	if (asked(d) && !doctor_has_macro(sm_of(d)->macros_rcpt, wanted[0]))
		find_macros(d, "Milter.macros.envrcpt", sm_of(d)->macros_rcpt, wanted);
}

static void
sendmail_socket_missing(struct doctor *d)
{
	struct stat st;

	EACH_FILTER(sm_of(d), f)
	{
		struct str socket = doctor_unix_path(f->socket);
		const char *path = doctor_copy(d, socket);

		if (f->whose == OURS && socket.p && stat(path, &st) < 0)
			doctor_find(d, path, "a shell", "systemctl restart policyd-storm");
	}
}

/* Sendmail trusts no socket in a folder that others may write to. */
static void
sendmail_socket_unsafe(struct doctor *d)
{
	struct stat st;

	EACH_FILTER(sm_of(d), f)
	{
		struct str path = doctor_unix_path(f->socket);
		const char *folder = doctor_copy(d, str_sub(path, 0, str_rfind(path, '/')));

		if (f->whose == OURS && path.p && stat(folder, &st) == 0 &&
		    (st.st_mode & (S_IWGRP | S_IWOTH)))
			doctor_find(d, folder, "a shell", doctor_text(d, "chmod go-w %s", folder));
	}
}

/* "1h30m"; a bare number is one of minutes. */
static int64_t
waits(struct str s)
{
	int64_t sum = 0;
	size_t n;

	for (; s.n; s = str_sub(s, n, s.n)) {
		for (n = 0; n < s.n && str_digit(s.p[n]);)
			n++;
		if (n == s.n)
			return sum + doctor_seconds(s) * 60;
		n++;
		if (doctor_seconds(str_sub(s, 0, n)) < 0)
			return sum;
		sum += doctor_seconds(str_sub(s, 0, n));
	}
	return sum;
}

static void
sendmail_idle(struct doctor *d)
{
	struct str command = sm_of(d)->command.n ? sm_of(d)->command : STR("1h");

	if (asked(d))
		doctor_idle(d, doctor_text(d, "%s: Timeout.command = %.*s", sm_of(d)->path, STR_FMT(command)),
		    waits(command));
}

static void
sendmail_hostname(struct doctor *d)
{
	struct str name = sm_of(d)->hostname;

	/* $w.Domain and the like are known to Sendmail only */
	if (str_find(name, '$') == name.n)
		doctor_hostname(d, name, doctor_text(d, "%s: Dj", sm_of(d)->path));
}

static void
sendmail_domains(struct doctor *d)
{
	doctor_domains(d, sm_of(d)->domains, doctor_text(d, "%s: class w", sm_of(d)->path));
}

static void
sendmail_networks(struct doctor *d)
{
	doctor_networks(
	    d, sm_of(d)->networks, doctor_text(d, "%s: class R and the access map", sm_of(d)->path));
}

const struct doctor_check doctor_sendmail_checks[] = {
	{ "sendmail-no-milter-door", SEVERITY_DANGER,
	    "The daemon has no milter door, the only one that Sendmail can ask.", sendmail_no_door },
	{ "sendmail-not-asked", SEVERITY_DANGER, "Sendmail asks the daemon nothing: there is no protection.",
	    sendmail_not_asked },
	{ "sendmail-not-listed", SEVERITY_DANGER,
	    "The filter is defined, but not in InputMailFilters, so it is not asked.", sendmail_not_listed },
	{ "sendmail-other-filters", SEVERITY_WARNING,
	    "This daemon of Sendmail has filters of its own, and ours is not among them.",
	    sendmail_other_filters },
	{ "sendmail-fails-closed", SEVERITY_DANGER,
	    "While the daemon is away Sendmail refuses all mail: F= is not empty.", sendmail_fails_closed },
	{ "sendmail-address", SEVERITY_DANGER,
	    "This filter looks like ours, but the daemon's configuration does not listen there, or it is "
	    "none that Sendmail understands.",
	    sendmail_address },
	{ "sendmail-at-policy-door", SEVERITY_DANGER,
	    "The filter is looked for at the policy door, which does not understand it and hangs up.",
	    sendmail_at_policy },
	{ "sendmail-slow", SEVERITY_WARNING,
	    "A daemon that hangs holds each session for minutes: the filter's timeouts are long.",
	    sendmail_slow },
	{ "sendmail-before-filter", SEVERITY_WARNING,
	    "A filter behind us may refuse what we have counted as delivered, and then a retry counts as a "
	    "copy.",
	    sendmail_before_filter },
	{ "sendmail-behind-signer", SEVERITY_WARNING,
	    "A signature is made before us, and conceal, prepend and set-sender-owner break it.",
	    sendmail_behind_signer },
	{ "sendmail-no-queue-id", SEVERITY_WARNING, "The filter is not told the queue id, macro i.",
	    sendmail_no_queue_id },
	{ "sendmail-macros", SEVERITY_WARNING,
	    "The filter is not told a macro: {auth_authen} names own users, {rcpt_mailer} refused "
	    "recipients.",
	    sendmail_macros },
	{ "sendmail-socket-missing", SEVERITY_WARNING,
	    "There is no such socket: the daemon does not run, or was started before its folder was there.",
	    sendmail_socket_missing },
	{ "sendmail-socket-unsafe", SEVERITY_DANGER,
	    "Sendmail takes no socket from a folder that group or others may write to.",
	    sendmail_socket_unsafe },
	{ "sendmail-idle", SEVERITY_WARNING,
	    "The daemon hangs up on a silent SMTP session before Sendmail does, and what comes in it then is "
	    "not seen.",
	    sendmail_idle },
	{ "sendmail-hostname", SEVERITY_WARNING,
	    "Sendmail writes its Received lines under a name that the daemon does not take for its own.",
	    sendmail_hostname },
	{ "sendmail-local-domains", SEVERITY_WARNING,
	    "Sendmail takes mail for these domains and the daemon does not know them: their mail is not "
	    "taken for inbound.",
	    sendmail_domains },
	{ "sendmail-trusted", SEVERITY_WARNING,
	    "Sendmail relays for these networks and the daemon does not know them: their mail is taken for "
	    "inbound.",
	    sendmail_networks },
	{ .name = NULL },
};
