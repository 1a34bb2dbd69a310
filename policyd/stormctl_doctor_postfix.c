/* SPDX-License-Identifier: ISC */
/* Reads Postfix: "postconf -x", "-M" and "-x -P" say what holds, in each service too. */
#include "stormctl_doctor_postfix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

const char *const pf_list_names[PF_LISTS] = {
	[PF_CLIENT] = "smtpd_client_restrictions",
	[PF_HELO] = "smtpd_helo_restrictions",
	[PF_SENDER] = "smtpd_sender_restrictions",
	[PF_RELAY] = "smtpd_relay_restrictions",
	[PF_RECIPIENT] = "smtpd_recipient_restrictions",
	[PF_DATA] = "smtpd_data_restrictions",
	[PF_END_OF_DATA] = "smtpd_end_of_data_restrictions",
	[PF_ETRN] = "smtpd_etrn_restrictions",
};

/* --- looking up --------------------------------------------------------------------------------------- */

static int
param_cmp(const void *a, const void *b)
{
	const struct pf_param *x = a, *y = b;
	size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
	int c = memcmp(x->name.p, y->name.p, n);

	return c ? c : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

static const struct pf_param *
override_of(const struct pf_service *s, const char *name)
{
	const struct pf_param *found = NULL;

	for (unsigned i = 0; s && i < s->n_over; i++)
		if (str_eq(s->over[i].name, str_of(name)))
			found = &s->over[i]; /* the last one holds */
	return found;
}

bool
pf_overrides(const struct pf_service *s, const char *name)
{
	return override_of(s, name) != NULL;
}

struct str
pf_get(const struct postfix *p, const struct pf_service *s, const char *name)
{
	const struct pf_param key = { .name = str_of(name) }, *found = override_of(s, name);

	if (!found && p->n_params)
		found = bsearch(&key, p->params, p->n_params, sizeof(*p->params), param_cmp);
	return found ? found->value : STR("");
}

/* --- saying where ------------------------------------------------------------------------------------- */

const char *
pf_where(struct doctor *d, const struct pf_service *s, const char *name)
{
	if (pf_overrides(s, name))
		return doctor_text(d, "master.cf: %s: -o %s", s->label, name);
	return doctor_text(d, "main.cf: %s", name);
}

void
pf_find_override(struct doctor *d, const struct pf_service *s, const char *name, const char *value)
{
	bool plain = !value[strcspn(value, " \t,{}")];

	doctor_find(d, doctor_text(d, "master.cf: %s: -o %s", s->label, name),
	    doctor_text(d, "master.cf, below %s", s->label),
	    plain ? doctor_text(d, "  -o %s=%s", name, value)
		  : doctor_text(d, "  -o { %s = %s }", name, value));
}

void
pf_find(struct doctor *d, const struct pf_service *s, const char *name, const char *value)
{
	if (pf_overrides(s, name))
		pf_find_override(d, s, name, value);
	else
		doctor_find(d, pf_where(d, s, name), "main.cf",
		    doctor_text(d, "%s =%s%s", name, value[0] ? " " : "", value));
}

void
pf_find_idle(struct doctor *d, const struct pf_service *s, const char *name)
{
	doctor_idle(d, pf_where(d, s, name), doctor_seconds(pf_get(pf_of(d), s, name)));
}

/* --- entries of lists --------------------------------------------------------------------------------- */

struct str
pf_cut_address(struct str *entry, bool braced)
{
	struct str address = STR("");

	if (braced)
		(void)doctor_word(entry, &address, NULL);
	else {
		address = *entry;
		*entry = STR("");
	}
	return address;
}

static const char *const policy_options[] = { "timeout", "default_action", "try_limit", "retry_delay",
	"request_limit", "max_idle", "max_ttl", "policy_context", NULL };
static const char *const milter_options[] = { "default_action", "protocol", "connect_timeout",
	"command_timeout", "content_timeout", NULL };

bool
pf_is_option(enum door_kind door, struct str word)
{
	size_t eq = str_find(word, '=');

	return eq < word.n &&
	    pf_one_of(door == POLICY_DOOR ? policy_options : milter_options, str_trim(str_sub(word, 0, eq)));
}

bool
pf_take_options(const struct postfix *p, const struct pf_service *s, enum door_kind door, struct str options,
    const struct pf_option *rows, size_t n)
{
	struct str option;
	bool good = true;

	for (size_t i = 0; i < n; i++)
		*rows[i].to = pf_get(p, s, rows[i].param);
	while (doctor_word(&options, &option, NULL)) {
		size_t eq = str_find(option, '=');

		good = good && pf_is_option(door, option);
		for (size_t i = 0; i < n; i++)
			if (str_eq(str_trim(str_sub(option, 0, eq)), str_of(rows[i].name)))
				*rows[i].to = str_trim(str_sub(option, eq + 1, option.n));
	}
	return good;
}

/* Does the list end in a word to which what follows belongs, as check_client_access hash:FILE? To Postfix a
 * comma between the two is as good as space, to people it is not. */
static bool
takes_more(struct str list)
{
	static const char *const words[] = { "check_", "reject_rbl_client", "reject_rhsbl_",
		"permit_dnswl_client", "permit_rhswl_client", "warn_if_reject" };
	size_t space = str_rfind(list, ' ');
	struct str last = space < list.n ? str_sub(list, space + 1, list.n) : list;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_istarts(last, str_of(words[i])))
			return true;
	return false;
}

const char *
pf_joined(struct doctor *d, const char *list, const char *entry)
{
	const char *between = !list[0] ? "" : takes_more(str_of(list)) ? " " : ", ";

	return !entry[0] ? list : doctor_text(d, "%s%s%s", list, between, entry);
}

/* --- addresses ---------------------------------------------------------------------------------------- */

/* Where smtpd or cleanup runs in a chroot, that is the queue directory. */
static struct str
chroot_of(const struct postfix *p)
{
	EACH_SERVICE(p, s)
	if (s->role != PF_NO_SMTPD && s->chroot)
		return p->queue_directory;
	return STR_NONE;
}

bool
pf_listens(const struct doctor *d, enum door_kind door)
{
	return doctor_address_in(d, door, chroot_of(pf_of(d))) != NULL;
}

const char *
pf_address(struct doctor *d, enum door_kind door)
{
	const struct postfix *p = pf_of(d);
	const char *ours = doctor_address_in(d, door, chroot_of(p));
	struct str path = doctor_unix_path(str_of(ours)), queue = p->queue_directory;

	if (!ours && doctor_address(d, door)) /* it is to listen there too, which another check says */
		return door == POLICY_DOOR ? "unix:policyd-storm/policy.sock"
					   : "unix:policyd-storm/milter.sock";
	if (!ours)
		return NULL;
	if (str_starts(path, queue) && path.n > queue.n && path.p[queue.n] == '/')
		return doctor_text(d, "unix:%s", path.p + queue.n + 1);
	return doctor_connect_to(d, ours);
}

const char *
pf_system_address(struct doctor *d, const char *path, struct str address)
{
	return path ? doctor_text(d, "unix:%s", path) : doctor_copy(d, address);
}

/*
 * Over an address that it does not understand Postfix ends and takes no mail: one without "unix:" or "inet:",
 * or "port@host" as Sendmail has it. Is it meant for us?
 */
static enum whose
misspelt(struct doctor *d, enum door_kind door, struct str address)
{
	bool path = str_find(address, '/') < address.n;
	const char *spec = doctor_text(d, "%s%.*s", path ? "unix:" : "inet:", STR_FMT(address));

	if (!pf_listens(d, door))
		return NOT_OURS;
	return doctor_whose(d, door, address) || doctor_whose(d, door, str_of(spec)) ? OURS_MISSED : NOT_OURS;
}

enum whose
pf_resolve(struct doctor *d, enum door_kind door, const struct pf_service *s, struct str address,
    struct pf_path *path)
{
	const struct postfix *p = pf_of(d);
	struct str name = str_sub(address, str_find(address, ':') + 1, address.n);
	struct pf_path unused;
	enum whose whose;

	path = path ? path : &unused;
	*path = (struct pf_path){ .name = NULL };
	if (!str_starts(address, STR("unix:")) && !str_starts(address, STR("local:")))
		return str_starts(address, STR("inet:")) && str_find(name, '@') == name.n
		    ? doctor_whose(d, door, address)
		    : misspelt(d, door, address);
	if (name.n && name.p[0] == '/' && !(s && s->chroot)) {
		path->name = doctor_copy(d, name);
		return doctor_whose(d, door, address);
	}
	path->name = doctor_text(d, "%.*s%s%.*s", STR_FMT(p->queue_directory),
	    name.n && name.p[0] == '/' ? "" : "/", STR_FMT(name));
	path->from = p->queue_directory.n;
	whose = doctor_whose(d, door, str_of(doctor_text(d, "unix:%s", path->name)));
	if ((whose == NOT_OURS || whose == OURS_MISSED) && name.p && name.p[0] == '/' &&
	    doctor_whose(d, door, address) == OURS) {
		path->outside = true;
		return OURS;
	}
	return whose;
}

/* --- reading ------------------------------------------------------------------------------------------ */

/* Runs postconf with `what` and an optional DIR; the texts are in the arena. */
static int
postconf(struct doctor *d, const char *program, const char *dir, const char *what, struct str *out,
    struct str *complaints)
{
	const char *const with[] = { program, "-c", dir, "-x", what, NULL };
	const char *const plain[] = { program, "-x", what, NULL };

	return doctor_exec(d, dir ? with : plain, out, complaints);
}

/* Names are put in: a "$" that is left is text, and "$$" in the files of Postfix and in our lines. */
static struct str
as_written(struct doctor *d, struct str value)
{
	struct str part;
	const char *out = NULL;

	if (str_find(value, '$') == value.n)
		return value;
	while (str_split(&value, '$', &part))
		out = out ? doctor_text(d, "%s$$%.*s", out, STR_FMT(part)) : doctor_copy(d, part);
	return str_of(out);
}

/* "name = value" */
static bool
split_line(struct doctor *d, struct str line, struct str *name, struct str *value)
{
	size_t eq = str_find(line, '=');

	*name = str_trim(str_sub(line, 0, eq));
	*value = as_written(d, str_trim(str_sub(line, eq + 1, line.n)));
	return eq < line.n && name->n > 0;
}

static void
take_params(struct doctor *d, struct str text)
{
	struct postfix *p = pf_of(d);
	struct str line, name, value;

	while (str_split(&text, '\n', &line))
		if (split_line(d, line, &name, &value)) {
			p->params = doctor_push(d, p->params, &p->n_params, sizeof(*p->params));
			p->params[p->n_params - 1] = (struct pf_param){ name, value };
		}
	if (p->n_params)
		qsort(p->params, p->n_params, sizeof(*p->params), param_cmp);
}

/* "postconf: warning: DIR/main.cf: unused parameter: name=value": what it does not list, for nothing that it
 * knows has that name for a class or in a value. */
static void
take_unused(struct doctor *d, struct str complaints)
{
	static const struct str what = STR(": unused parameter: "), main_cf = STR("/main.cf");
	struct postfix *p = pf_of(d);
	struct str line;

	while (str_split(&complaints, '\n', &line)) {
		size_t at = str_ifind(line, what);
		struct str where = str_sub(line, 0, at), said = str_sub(line, at + what.n, line.n);
		size_t eq = str_find(said, '=');
		struct str name = str_trim(str_sub(said, 0, eq)), value = str_sub(said, eq + 1, said.n);

		if (at == line.n)
			continue;
		p->unused = doctor_push(d, p->unused, &p->n_unused, sizeof(*p->unused));
		p->unused[p->n_unused - 1] = name;
		if (!str_iends(where, main_cf)) /* an -o, which comes with the services */
			continue;
		p->params = doctor_push(d, p->params, &p->n_params, sizeof(*p->params));
		p->params[p->n_params - 1] = (struct pf_param){ name, str_trim(value) };
	}
}

/*
 * Is that service switched off by master_service_disable: "type" or "name/type", of which the first that
 * matches holds, with "!" for what stays on (postconf(5); Postfix's global/match_service.c)?
 */
static bool
disabled(const struct postfix *p, struct str type, struct str label)
{
	struct str list = pf_get(p, NULL, "master_service_disable"), word;
	bool off, found = false;

	while (!found && doctor_word(&list, &word, NULL)) {
		for (off = true; word.n && word.p[0] == '!'; off = !off)
			word = str_sub(word, 1, word.n);
		found = str_ieq(word, str_find(word, '/') < word.n ? label : type);
	}
	return found && off;
}

/* service type private unpriv chroot wakeup maxproc command */
static void
take_service(struct doctor *d, struct str line)
{
	struct postfix *p = pf_of(d);
	struct str f[8], level = pf_get(p, NULL, "compatibility_level");
	const char *label;
	struct pf_service *s;

	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		if (!doctor_word(&line, &f[i], NULL))
			return;
	label = doctor_text(d, "%.*s/%.*s", STR_FMT(f[0]), STR_FMT(f[1]));
	if (disabled(p, f[1], str_of(label)))
		return;
	p->services = doctor_push(d, p->services, &p->n_services, sizeof(*p->services));
	s = &p->services[p->n_services - 1];
	*s = (struct pf_service){ .name = f[0], .type = f[1], .maxproc = f[6], .command = f[7] };
	s->label = label;
	/* what "-" stands for was changed in 3.0, for those who ask for it */
	s->chroot = str_eq(f[4], STR("y")) ||
	    (str_eq(f[4], STR("-")) && (p->major < 3 || level.n == 0 || str_starts(level, STR("0"))));
}

/* "service/type/name = value" */
static void
take_override(struct doctor *d, struct str line)
{
	struct postfix *p = pf_of(d);
	struct str name, value;

	if (!split_line(d, line, &name, &value))
		return;
	for (unsigned i = 0; i < p->n_services; i++) {
		struct pf_service *s = &p->services[i];
		size_t n = strlen(s->label);

		if (name.n <= n || name.p[n] != '/' || memcmp(name.p, s->label, n) != 0)
			continue;
		s->over = doctor_push(d, s->over, &s->n_over, sizeof(*s->over));
		s->over[s->n_over - 1] = (struct pf_param){ str_sub(name, n + 1, name.n), value };
	}
}

static bool
loopback_listener(const struct pf_service *s)
{
	return str_eq(s->type, STR("inet")) &&
	    (str_starts(s->name, STR("127.")) || str_starts(s->name, STR("localhost:")) ||
		str_starts(s->name, STR("[::1]:")) || str_starts(s->name, STR("::1:")));
}

static bool
sends_to_filter(const struct postfix *p, const struct pf_service *s)
{
	return pf_get(p, s, "content_filter").n || pf_get(p, s, "smtpd_proxy_filter").n;
}

/* For a filter on another machine: its address is an own network there, and nothing is asked or filtered.
 * With our questions it may as well be for own machines, which need no filter. */
static bool
for_remote_filter(const struct postfix *p, const struct pf_service *s)
{
	const char *rcpt = pf_list_names[PF_RECIPIENT];
	bool milters = pf_get(p, s, "smtpd_milters").n > 0 &&
	    !doctor_has_word(pf_get(p, s, "receive_override_options"), "no_milters");

	return pf_overrides(s, "content_filter") && pf_overrides(s, "mynetworks") && pf_overrides(s, rcpt) &&
	    !doctor_has(pf_get(p, s, rcpt), "check_policy_service") && !milters &&
	    !str_ieq(pf_get(p, s, "smtpd_sasl_auth_enable"), STR("yes"));
}

/* A listener for the own machine, or a filter's, where mail goes to a filter and from here on does not. */
static bool
reinjects(const struct postfix *p, const struct pf_service *s)
{
	bool elsewhere = pf_get(p, NULL, "content_filter").n > 0;
	bool here = loopback_listener(s);

	if ((!here && !for_remote_filter(p, s)) || sends_to_filter(p, s))
		return false;
	EACH_SERVICE(p, t)
	elsewhere = elsewhere || sends_to_filter(p, t);
	return elsewhere || (here && pf_overrides(s, "content_filter"));
}

static bool
proxied(const struct postfix *p, const struct pf_service *s)
{
	return s->role == PF_PUBLIC && pf_get(p, s, "smtpd_proxy_filter").n > 0;
}

static bool
before_queue(const struct postfix *p)
{
	bool front = false, behind = false;

	EACH_SERVICE(p, s)
	{
		if (s->role == PF_PUBLIC && pf_get(p, s, "content_filter").n)
			return false;
		front = front || proxied(p, s);
		behind = behind || s->role == PF_REINJECT;
	}
	return front && behind;
}

bool
pf_in_front(const struct postfix *p, const struct pf_service *s)
{
	return proxied(p, s) && before_queue(p);
}

bool
pf_behind(const struct postfix *p, const struct pf_service *s)
{
	return s->role == PF_REINJECT && before_queue(p);
}

static void
give_roles(struct postfix *p)
{
	for (unsigned i = 0; i < p->n_services; i++) {
		struct pf_service *s = &p->services[i];

		if (str_eq(s->command, STR("cleanup")))
			s->role = PF_CLEANUP;
		else if (str_eq(s->command, STR("smtpd")))
			s->role = reinjects(p, s) ? PF_REINJECT : PF_PUBLIC;
	}
}

static void
take_version(struct doctor *d)
{
	struct postfix *p = pf_of(d);
	struct str v = pf_get(p, NULL, "mail_version"), part;
	uint64_t n;

	d->version = doctor_copy(d, v);
	if (str_split(&v, '.', &part) && str_u64(part, &n) == 0 && n < 1000)
		p->major = (unsigned)n;
	part = str_sub(v, 0, strspn(v.p ? v.p : "", "0123456789"));
	if (part.n <= v.n && str_u64(part, &n) == 0 && n < 1000)
		p->minor = (unsigned)n;
}

static int
read_postfix(struct doctor *d, const char *dir)
{
	const char *program = doctor_program(d, "postconf");
	struct postfix *p = doctor_alloc(d, sizeof(*p));
	struct str params, services, overrides, complaints, line;
	int rc;

	d->model = p;
	if (!program) {
		fprintf(stderr, "stormctl: there is no postconf here\n");
		return EX_UNAVAILABLE;
	}
	/* -x alone lists everything; with -M it is harmless */
	rc = postconf(d, program, dir, "-x", &params, &complaints);
	if (rc == 0)
		rc = postconf(d, program, dir, "-M", &services, NULL);
	if (rc == 0)
		rc = postconf(d, program, dir, "-P", &overrides, NULL);
	if (rc != 0)
		return rc;
	take_unused(d, complaints);
	take_params(d, params);
	take_version(d);
	p->queue_directory = pf_get(p, NULL, "queue_directory");
	while (str_split(&services, '\n', &line))
		take_service(d, line);
	while (str_split(&overrides, '\n', &line))
		take_override(d, line);
	give_roles(p);
	pf_find_asks(d);
	pf_find_filters(d);
	return 0;
}

static const char *const programs[] = { "postconf", NULL };
static const struct doctor_check *const groups[] = { doctor_postfix_policy, doctor_postfix_milter,
	doctor_postfix_site, NULL };

const struct doctor_mta doctor_postfix = {
	.name = "postfix",
	.programs = programs,
	.groups = groups,
	.read = read_postfix,
};
