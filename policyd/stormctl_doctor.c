/* SPDX-License-Identifier: ISC */
/* stormctl doctor: finds the MTA, has its configuration read and its table of checks run, and tells what was
 * found. */
#include "stormctl_doctor.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/json.h"
#include "stormctl.h"
#include "stormctl_text.h"

static const struct doctor_mta *const mtas[] = { &doctor_postfix, &doctor_exim, &doctor_sendmail };

static const char *const severity_names[SEVERITIES] = {
	[SEVERITY_NOTE] = "note",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_DANGER] = "danger",
};

/* --- memory ------------------------------------------------------------------------------------------- */

void *
doctor_alloc(struct doctor *d, size_t n)
{
	void *p = arena_alloc(&d->arena, n ? n : 1); /* unbounded: never NULL */

	memset(p, 0, n);
	return p;
}

void *
doctor_push(struct doctor *d, void *array, unsigned *n, size_t size)
{
	char *v = array;

	if ((*n & (*n - 1)) == 0) { /* 0 or a power of two: full */
		v = doctor_alloc(d, (*n ? *n * 2 : 1) * size);
		if (*n)
			memcpy(v, array, *n * size);
	}
	memset(v + *n * size, 0, size);
	(*n)++;
	return v;
}

/* --- findings ----------------------------------------------------------------------------------------- */

void
doctor_find(struct doctor *d, const char *where, const char *in, const char *fix)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->v[i].check == d->check && strcmp(d->v[i].where, where) == 0)
			return;
	d->v = doctor_push(d, d->v, &d->n, sizeof(*d->v));
	d->v[d->n - 1] = (struct doctor_finding){ d->check, where, in, fix };
}

/* A list may be longer than a line of ours: it goes on in the next one. */
static const char *
in_lines(struct doctor *d, const char *fix)
{
	enum { ROOM = CONF_LINE_MAX - 2 }; /* behind the space that such a line begins with */
	struct str rest = str_of(fix), line;
	const char *out = "";

	while (str_split(&rest, '\n', &line)) {
		out = doctor_text(d, "%s%s", out, out[0] ? "\n" : "");
		while (line.n > ROOM) {
			size_t end = str_rfind(str_sub(line, 0, ROOM), ',') + 1;

			if (end > ROOM)
				break;
			out = doctor_text(d, "%s%.*s\n  ", out, STR_FMT(str_sub(line, 0, end)));
			line = str_trim(str_sub(line, end, line.n));
		}
		out = doctor_text(d, "%s%.*s", out, STR_FMT(line));
	}
	return out;
}

void
doctor_find_ours(struct doctor *d, const char *where, const char *section, const char *fix)
{
	doctor_find(d, where, doctor_text(d, "%s [%s]", d->conf_path, section), in_lines(d, fix));
}

static unsigned
count(const struct doctor *d, enum severity severity)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->n; i++)
		n += d->v[i].check->severity == severity;
	return n;
}

static unsigned
run_checks(struct doctor *d)
{
	unsigned n = 0;

	for (const struct doctor_check *const *group = d->mta->groups; *group; group++)
		for (const struct doctor_check *c = *group; c->name; c++) {
			d->check = c;
			c->run(d);
			n++;
		}
	return n;
}

/* --- telling ------------------------------------------------------------------------------------------ */

static void
line(const char *indent, const char *a, const char *b)
{
	fputs(indent, stdout);
	text_put(a);
	text_put(b);
	putchar('\n');
}

static void
finding_text(struct doctor *d, const struct doctor_finding *f)
{
	struct str fix = str_of(f->fix), one;

	printf("%s: %s\n", severity_names[f->check->severity], f->check->name);
	line("    ", f->where, "");
	line("    ", f->check->what, "");
	line("    => ", f->in, ":");
	while (str_split(&fix, '\n', &one))
		line("       ", doctor_copy(d, one), "");
	putchar('\n');
}

static void
finding_json(struct doctor *d, const struct doctor_finding *f)
{
	struct json_line l;
	struct json *j = json_line_begin(&l);

	json_str(j, "severity", str_of(severity_names[f->check->severity]));
	json_str(j, "check", str_of(f->check->name));
	json_str(j, "mta", str_of(d->mta->name));
	json_str(j, "where", str_of(f->where));
	json_str(j, "what", str_of(f->check->what));
	json_str(j, "in", str_of(f->in));
	json_str(j, "fix", str_of(f->fix));
	json_line_put(&l);
}

/* The worst first. */
static void
tell_findings(struct doctor *d, void (*tell)(struct doctor *d, const struct doctor_finding *f))
{
	for (int s = SEVERITY_DANGER; s >= SEVERITY_NOTE; s--)
		for (unsigned i = 0; i < d->n; i++)
			if (d->v[i].check->severity == (enum severity)s)
				tell(d, &d->v[i]);
}

static void
sum_json(const struct doctor *d, unsigned checks)
{
	struct json_line l;
	struct json *j = json_line_begin(&l);

	json_object(j, "summary");
	json_str(j, "mta", str_of(d->mta->name));
	json_str(j, "version", str_of(d->version));
	json_u64(j, "checks", checks);
	for (int s = SEVERITY_DANGER; s >= SEVERITY_NOTE; s--)
		json_u64(j, severity_names[s], count(d, (enum severity)s));
	json_object_end(j);
	json_line_put(&l);
}

static void
sum_text(const struct doctor *d, unsigned checks)
{
	printf("%s%s", d->mta->name, d->version[0] ? " " : "");
	text_put(d->version);
	printf(": %u checks, danger: %u, warning: %u, note: %u\n", checks, count(d, SEVERITY_DANGER),
	    count(d, SEVERITY_WARNING), count(d, SEVERITY_NOTE));
}

static void
list_checks(void)
{
	for (size_t i = 0; i < ARRAY_LEN(mtas); i++)
		for (const struct doctor_check *const *group = mtas[i]->groups; *group; group++)
			for (const struct doctor_check *c = *group; c->name; c++)
				printf("%s\t%s\t%s\t%s\n", mtas[i]->name, c->name,
				    severity_names[c->severity], c->what);
}

/* --- the command -------------------------------------------------------------------------------------- */

struct options {
	const struct doctor_mta *mta;
	const char *path; /* given with the MTA's option */
	bool json, checks;
};

static int
parse(struct options *o, int argc, char **argv)
{
	enum { JSON = 'j', CHECKS = 'l' };
	struct option options[ARRAY_LEN(mtas) + 3] = {
		{ "json", no_argument, NULL, JSON },
		{ "checks", no_argument, NULL, CHECKS },
	};

	for (size_t i = 0; i < ARRAY_LEN(mtas); i++)
		options[2 + i] = (struct option){ mtas[i]->name, optional_argument, NULL, (int)i };
	for (int opt = getopt_long(argc, argv, "", options, NULL); opt != -1;
	     opt = getopt_long(argc, argv, "", options, NULL)) {
		if (opt == '?' || (opt < (int)ARRAY_LEN(mtas) && o->mta))
			return stormctl_usage("doctor");
		if (opt == JSON)
			o->json = true;
		else if (opt == CHECKS)
			o->checks = true;
		else {
			o->mta = mtas[opt];
			o->path = optarg;
		}
	}
	if (o->path && optind < argc)
		return stormctl_usage("doctor");
	if (!o->path && o->mta && optind < argc)
		o->path = argv[optind++];
	if (o->checks && (o->mta || o->json))
		return stormctl_usage("doctor");
	return optind < argc ? stormctl_usage("doctor") : 0;
}

static bool
mta_is_here(struct doctor *d, const struct doctor_mta *mta)
{
	if (!mta->programs)
		return access(mta->fallback, F_OK) == 0;
	for (const char *const *p = mta->programs; *p; p++)
		if (doctor_program(d, *p))
			return true;
	return false;
}

static const struct doctor_mta *
find_mta(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_LEN(mtas); i++)
		if (mta_is_here(d, mtas[i]))
			return mtas[i];
	fprintf(stderr,
	    "stormctl: no Postfix, Exim or Sendmail found here; --postfix DIR, --exim FILE or "
	    "--sendmail FILE names one\n");
	return NULL;
}

static int
examine(struct doctor *d, const struct options *o)
{
	unsigned checks;
	int rc;

	d->mta = o->mta ? o->mta : find_mta(d);
	if (!d->mta)
		return EX_UNAVAILABLE;
	rc = d->mta->read(d, o->path ? o->path : d->mta->fallback);
	if (rc != 0)
		return rc;
	checks = run_checks(d);
	tell_findings(d, o->json ? finding_json : finding_text);
	(o->json ? sum_json : sum_text)(d, checks);
	if (count(d, SEVERITY_DANGER))
		return 2;
	return count(d, SEVERITY_WARNING) ? 1 : 0;
}

int
stormctl_doctor(const struct stormctl *ctl, int argc, char **argv)
{
	struct options o = { .mta = NULL };
	struct doctor d = { .version = "" };
	struct config conf;
	int rc = parse(&o, argc, argv);

	if (rc != 0)
		return rc;
	if (o.checks) {
		list_checks();
		return 0;
	}
	d.conf_path = ctl->config ? ctl->config : CONFIG_DEFAULT_PATH;
	rc = stormctl_conf_load(d.conf_path, &conf);
	if (rc != 0)
		return rc;
	d.conf = &conf;
	arena_init(&d.arena, 0);
	rc = examine(&d, &o);
	arena_fini(&d.arena);
	config_fini(&conf);
	return rc;
}
