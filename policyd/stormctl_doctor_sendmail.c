/* SPDX-License-Identifier: ISC */
/* Reads Sendmail: its sendmail.cf as text, and the files that it names. */
#include "stormctl_doctor_sendmail.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* --- reading ----------------------------------------------------------------------------------------- */

/* "name=value" of a definition whose parts are separated by commas; of the name its first letter matters.
 * p == NULL: it is not there. */
static struct str
part(struct str s, char key)
{
	struct str piece;

	while (str_split(&s, ',', &piece)) {
		size_t eq;

		piece = str_trim(piece);
		eq = str_find(piece, '=');
		if (eq > 0 && eq < piece.n && str_lower(piece.p[0]) == str_lower(key))
			return str_trim(str_sub(piece, eq + 1, piece.n));
	}
	return STR_NONE;
}

/* Sendmail: inet:port@host, inet6:, unix:path, local:path; a bare path is local. */
static struct str
socket_of(struct doctor *d, struct str s)
{
	if (s.n && s.p[0] == '/')
		return str_of(doctor_text(d, "unix:%.*s", STR_FMT(s)));
	if (str_cut_front(&s, STR("local:")))
		return str_of(doctor_text(d, "unix:%.*s", STR_FMT(s)));
	return s;
}

/* "inet:host:port", as Postfix and our own keys have it, keeps Sendmail from starting: it wants port@host. */
static bool
misspelt(struct str socket)
{
	return str_starts(socket, STR("inet")) && str_find(socket, '@') == socket.n;
}

/* Xname, S=socket, F=flags, T=timeouts */
static void
take_filter(struct doctor *d, struct str s, unsigned line)
{
	struct sendmail *m = sm_of(d);
	struct sm_filter *f;

	m->filters = doctor_push(d, m->filters, &m->n_filters, sizeof(*m->filters));
	f = &m->filters[m->n_filters - 1];
	f->name = str_trim(str_sub(s, 1, str_find(s, ',')));
	f->socket = socket_of(d, part(s, 'S'));
	f->flags = part(s, 'F');
	f->times = part(s, 'T');
	f->line = line;
	f->at = -1;
	f->whose = doctor_whose(d, MILTER_DOOR, f->socket);
	if (f->whose == NOT_OURS ? doctor_has(f->name, "storm") : misspelt(f->socket))
		f->whose = OURS_MISSED;
	f->kind =
	    doctor_filter_kind(str_of(doctor_text(d, "%.*s %.*s", STR_FMT(f->name), STR_FMT(f->socket))));
}

static void
take_daemon(struct doctor *d, struct str options, unsigned line)
{
	struct sendmail *m = sm_of(d);
	struct str filters = part(options, 'I');

	if (!filters.p)
		return;
	m->daemons = doctor_push(d, m->daemons, &m->n_daemons, sizeof(*m->daemons));
	m->daemons[m->n_daemons - 1] = (struct sm_daemon){ options, filters, line };
}

static void
take_option(struct doctor *d, struct str s, unsigned line)
{
	struct sendmail *m = sm_of(d);
	struct {
		const char *name;
		struct str *to;
	} rows[] = { { "InputMailFilters", &m->inputs }, { "Milter.macros.envfrom", &m->macros_from },
		{ "Milter.macros.envrcpt", &m->macros_rcpt }, { "Milter.macros.data", &m->macros_i[0] },
		{ "Milter.macros.eoh", &m->macros_i[1] }, { "Milter.macros.eom", &m->macros_i[2] },
		{ "Timeout.command", &m->command } };
	size_t eq = str_find(s, '=');

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_ieq(str_trim(str_sub(s, 0, eq)), str_of(rows[i].name)))
			*rows[i].to = str_trim(str_sub(s, eq + 1, s.n));
	if (str_ieq(str_trim(str_sub(s, 0, eq)), STR("DaemonPortOptions")))
		take_daemon(d, str_sub(s, eq + 1, s.n), line);
}

static void
add(struct doctor *d, struct str *list, struct str more)
{
	*list = str_of(doctor_text(d, "%.*s %.*s", STR_FMT(*list), STR_FMT(more)));
}

/* Relayed for as a client: "192.0.2" is 192.0.2.0/24, whole addresses stay; names are no networks. */
static void
add_client(struct doctor *d, struct str s)
{
	unsigned parts = s.n > 0;

	if (str_icut_front(&s, STR("IPv6:"))) {
		add(d, &sm_of(d)->networks, s);
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '.' && !str_digit(s.p[i]))
			return;
		parts += s.p[i] == '.';
	}
	if (parts >= 1 && parts <= 4)
		add(d, &sm_of(d)->networks,
		    str_of(doctor_text(d, "%.*s%s/%u", STR_FMT(s), &".0.0.0"[2 * (parts - 1)], 8 * parts)));
}

/* Class w: who we are. Class R: for whom we relay. */
static void
add_class(struct doctor *d, char class, struct str words)
{
	struct str word;

	if (class == 'w')
		add(d, &sm_of(d)->domains, words);
	while (class == 'R' && doctor_word(&words, &word, NULL))
		add_client(d, word);
}

static bool
slurp(struct doctor *d, struct str path, struct str *text)
{
	return path.n && doctor_slurp(d, doctor_copy(d, str_trim(path)), text) == 0;
}

/* Fw/file, FR-o /file: one name a line */
static void
take_file(struct doctor *d, char class, struct str s)
{
	struct str text, line;

	s = str_sub(s, str_find(s, '/'), s.n);
	s = str_sub(s, 0, str_find(s, ' '));
	if (!slurp(d, s, &text))
		return;
	while (str_split(&text, '\n', &line))
		add_class(d, class, str_sub(line, 0, str_find(line, '#')));
}

/* Kaccess hash -T<TMPF> /etc/mail/access: the map is made of the text beside it, "Connect:192.0.2 RELAY". */
static void
take_map(struct doctor *d, struct str s)
{
	struct str text, line, word, who, what;
	bool access = doctor_word(&s, &word, NULL) && str_eq(word, STR("access"));

	while (access && doctor_word(&s, &word, NULL))
		;
	if (!access || word.n == 0 || word.p[0] != '/' || !slurp(d, word, &text))
		return;
	while (str_split(&text, '\n', &line))
		if (doctor_word(&line, &who, NULL) && doctor_word(&line, &what, NULL) &&
		    str_icut_front(&who, STR("Connect:")) && str_ieq(what, STR("RELAY")))
			add_client(d, who);
}

/* C or F with a class, "w" or "{w}" */
static void
take_class(struct doctor *d, struct str s)
{
	bool braced = s.n > 1 && s.p[1] == '{';
	size_t at = braced ? 2 : 1;

	if (s.n <= at || (braced && (s.n <= 3 || s.p[3] != '}')))
		return;
	if (s.p[0] == 'C')
		add_class(d, s.p[at], str_sub(s, at + 1 + braced, s.n));
	else
		take_file(d, s.p[at], str_sub(s, at + 1 + braced, s.n));
}

static void
take_line(struct doctor *d, struct str s, unsigned line)
{
	struct sendmail *m = sm_of(d);

	if (str_starts(s, STR("X")))
		take_filter(d, s, line);
	else if (str_cut_front(&s, STR("O ")))
		take_option(d, s, line);
	else if (str_cut_front(&s, STR("Dj")))
		m->hostname = str_trim(s);
	else if (str_starts(s, STR("C")) || str_starts(s, STR("F")))
		take_class(d, s);
	else if (str_cut_front(&s, STR("K")))
		take_map(d, s);
}

static void
number_filters(struct sendmail *m)
{
	struct str rest = m->inputs, word;

	for (int at = 0; doctor_word(&rest, &word, NULL); at++)
		for (unsigned i = 0; i < m->n_filters; i++)
			if (str_eq(m->filters[i].name, word))
				m->filters[i].at = at;
}

/* m4 says so in what it makes; by custom the source stands beside it. */
static const char *
source_of(struct doctor *d, const char *path, struct str text)
{
	struct str base = str_of(path);
	const char *source;

	if (str_ifind(text, STR("Only edit the source .mc file")) == text.n)
		return NULL;
	if (str_iends(base, STR(".cf")))
		base.n -= 3;
	source = doctor_text(d, "%.*s.mc", STR_FMT(base));
	return access(source, F_OK) == 0 ? source : doctor_text(d, "the .mc file of which %s is made", path);
}

/* A line that begins with space goes on with the one before. */
static int
read_sendmail(struct doctor *d, const char *path)
{
	struct sendmail *m = doctor_alloc(d, sizeof(*m));
	struct str text, line, whole = STR("");
	unsigned n = 0, begun = 0;
	int err = doctor_slurp(d, path, &text);

	d->model = m;
	m->path = path;
	if (err != 0) {
		fprintf(stderr, "stormctl: %s: %s\n", path, strerror(err));
		return EX_NOINPUT;
	}
	m->source = source_of(d, path, text);
	while (str_split(&text, '\n', &line)) {
		n++;
		if (line.n && (line.p[0] == ' ' || line.p[0] == '\t') && whole.n) {
			whole = str_of(doctor_text(d, "%.*s %.*s", STR_FMT(whole), STR_FMT(str_trim(line))));
			continue;
		}
		take_line(d, whole, begun);
		whole = str_starts(line, STR("#")) ? STR("") : str_trim(line);
		begun = n;
	}
	take_line(d, whole, begun);
	number_filters(m);
	return 0;
}

static const struct doctor_check *const groups[] = { doctor_sendmail_checks, NULL };

const struct doctor_mta doctor_sendmail = {
	.name = "sendmail",
	.fallback = "/etc/mail/sendmail.cf",
	.groups = groups,
	.read = read_sendmail,
};
