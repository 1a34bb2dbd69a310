/* SPDX-License-Identifier: ISC */
/*
 * stormctl audit: reads alias maps and lists files, and says which lists could bounce to themselves. A
 * configuration with faults is no hindrance: of it only [mail] is needed. Nothing is run, no mail is sent.
 */
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "config.h"
#include "judge/audit.h"
#include "judge/detect.h"
#include "stormctl.h"
#include "stormctl_text.h"

#define SYSTEM_ALIASES "/etc/aliases"

enum {
	INCLUDES_MAX = 8 << 20, /* bytes of included files, all together */
	WARNINGS_FOUND = 1,
	DANGER_FOUND = 2,
};

struct auditing {
	const char *config; /* NULL: none */
	bool json;
	struct config c; /* [mail] of it is filled */
	struct aliases aliases;
	struct lists lists;
	char *lists_file; /* the first plain one of [mail] lists */
	bool guarded;
	struct buf included;
	size_t included_bytes;
};

/* --- the configuration ---------------------------------------------------------------------------------- */

/* Faults inside of it are the daemon's to tell. */
static void
report_unreadable(void *arg, const char *file, unsigned line, const char *what)
{
	(void)arg;
	if (line == 0)
		fprintf(stderr, "stormctl: %s: %s\n", file, what);
}

static void
note_mail(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	struct auditing *a = arg;
	const struct conf_key *key;
	char why[CONF_WHY_MAX];

	if (!name || strcmp(section, "mail") != 0)
		return;
	key = conf_find(config_key_table, config_key_count, section, name);
	if (key && conf_set(key, &a->c, str_of(value), why, sizeof(why)))
		fprintf(stderr, "stormctl: %s:%u: %s: %s\n", a->config, line, name, why);
}

/* Does list-guard keep outsiders away? Only a configuration without faults can be in force. */
static bool
is_guarded(const char *path)
{
	static struct config c;
	bool guarded = false;

	if (config_load(path, &c, NULL) != 0)
		return false;
	for (unsigned i = 0; i < c.rules.n; i++)
		guarded |= c.rules.v[i].detector == &detect_list_guard && c.rules.v[i].mode == MODE_ENFORCE;
	config_fini(&c);
	return guarded;
}

static int
read_config(struct auditing *a)
{
	struct conf_faults faults = { .report = report_unreadable };
	char why[CONF_WHY_MAX];

	if (conf_defaults(config_key_table, config_key_count, &a->c, why, sizeof(why)))
		return EX_SOFTWARE;
	if (a->config && conf_read(a->config, note_mail, a, &faults) == ERR_IO)
		return EX_CONFIG;
	config_default_hostname(&a->c);
	a->guarded = a->config && is_guarded(a->config);
	return 0;
}

/* --- files ---------------------------------------------------------------------------------------------- */

/* A line of a map that is not what it should be: the MTA drops it as well. */
static void
print_fault(void *arg, const char *file, unsigned line, const char *what)
{
	(void)arg;
	fprintf(stderr, "stormctl: %s:%u: %s\n", file, line, what);
}

static int
slurp(const char *path, char **text, size_t *n)
{
	int err = conf_slurp(path, text, n);

	if (err)
		fprintf(stderr, "stormctl: cannot read %s: %s\n", path, conf_slurp_why(err));
	return err ? EX_NOINPUT : 0;
}

static int
add_aliases(struct auditing *a, const char *path)
{
	struct conf_faults faults = { .report = print_fault };
	char *text;
	size_t n;
	int rc = slurp(path, &text, &n);

	if (rc != 0)
		return rc;
	aliases_add(&a->aliases, (struct str){ text, n }, path, &faults);
	xfree(text);
	return 0;
}

/* One word of [mail] lists, as the daemon reads it; an alias map is looked into itself when `whole`. */
static int
add_list(struct auditing *a, struct str word, bool whole)
{
	struct conf_faults faults = { .report = print_fault };
	bool map = str_cut_front(&word, STR("aliases:"));
	char *path = config_beside(a->config, word), *text;
	size_t n;
	int rc = slurp(path, &text, &n);

	if (rc == 0 && map) {
		struct str all = { text, n };

		lists_add_aliases(&a->lists, all, path, &a->c.site, NULL);
		if (whole)
			aliases_add(&a->aliases, all, path, &faults);
	} else if (rc == 0) {
		lists_add(&a->lists, (struct str){ text, n }, path, &faults);
		if (!a->lists_file)
			a->lists_file = xstrdup(path);
	}
	if (rc == 0)
		xfree(text);
	xfree(path);
	return rc;
}

static int
read_files(struct auditing *a, int n, char **files)
{
	struct str rest = str_of(a->c.lists_files ? a->c.lists_files : ""), word;
	int rc = 0, one;

	while (conf_word(&rest, &word)) {
		one = add_list(a, word, n == 0);
		rc = one ? one : rc;
	}
	for (int i = 0; i < n; i++) {
		one = add_aliases(a, files[i]);
		rc = one ? one : rc;
	}
	if (n == 0 && a->aliases.n_files == 0 && access(SYSTEM_ALIASES, F_OK) == 0) {
		one = add_aliases(a, SYSTEM_ALIASES);
		rc = one ? one : rc;
	}
	aliases_sort(&a->aliases);
	lists_finish(&a->lists, NULL);
	return rc;
}

/* --- what the audit asks -------------------------------------------------------------------------------- */

static bool
is_user(void *arg, const char *name)
{
	(void)arg;
	return strlen(name) < 256 && getpwnam(name) != NULL;
}

static const char *
full_path(void *arg, const char *file)
{
	static char path[PATH_MAX];

	(void)arg;
	return realpath(file, path) ? path : file;
}

/* Plain files alone, and no more of all than INCLUDES_MAX: what they say is counted, never shown. */
static bool
include(void *arg, const char *path, struct str *text)
{
	struct auditing *a = arg;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat sb;
	ssize_t got = 0;
	char *to;

	buf_reset(&a->included);
	if (fd < 0)
		return false;
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode)) {
		do {
			to = buf_reserve(&a->included, BUFSIZ);
			got = to && a->included_bytes < INCLUDES_MAX ? read(fd, to, BUFSIZ) : -1;
			if (got > 0) {
				buf_commit(&a->included, (size_t)got);
				a->included_bytes += (size_t)got;
			}
		} while (got > 0);
	} else {
		got = -1;
	}
	close(fd);
	*text = buf_str(&a->included);
	return got == 0;
}

/* --- output --------------------------------------------------------------------------------------------- */

static void
print_json(const struct audit_finding *f)
{
	struct json_line l;
	struct json *j = json_line_begin(&l);

	json_str(j, "list", str_of(f->list));
	json_str(j, "file", str_of(f->file));
	json_u64(j, "line", f->line);
	json_str(j, "severity", str_of(audit_severity_names[f->severity]));
	json_str(j, "kind", str_of(f->kind));
	json_str(j, "what", str_of(f->what));
	json_str(j, "put", str_of(f->put));
	json_str(j, "put_where", str_of(f->put && f->where ? f->where : f->put ? f->file : NULL));
	json_line_put(&l);
}

static void
print_finding(void *arg, const struct audit_finding *f)
{
	const struct auditing *a = arg;

	if (a->json) {
		print_json(f);
		return;
	}
	text_put(f->file);
	printf(":%u: %s: ", f->line, audit_severity_names[f->severity]);
	text_put(f->list);
	fputs(": ", stdout);
	text_put(f->what);
	putchar('\n');
	if (!f->put)
		return;
	fputs("    write into ", stdout);
	text_put(f->where ? f->where : f->file);
	fputs(": ", stdout);
	text_put(f->put);
	putchar('\n');
}

static void
print_sum(const struct audit_result *r)
{
	printf("%u %s looked at: %u in danger, %u %s, %u %s\n", r->lists, r->lists == 1 ? "list" : "lists",
	    r->n[AUDIT_DANGER], r->n[AUDIT_WARNING], r->n[AUDIT_WARNING] == 1 ? "warning" : "warnings",
	    r->n[AUDIT_NOTE], r->n[AUDIT_NOTE] == 1 ? "note" : "notes");
}

/* --- the command ---------------------------------------------------------------------------------------- */

static int
audit(struct auditing *a)
{
	const struct audit in = { .aliases = &a->aliases,
		.lists = &a->lists,
		.lists_key = a->c.lists_files,
		.lists_file = a->lists_file,
		.site = &a->c.site,
		.guarded = a->guarded,
		.user = is_user,
		.path = full_path,
		.include = include,
		.found = print_finding,
		.arg = a };
	struct audit_result result;

	audit_run(&in, &result);
	if (!a->json)
		print_sum(&result);
	return result.n[AUDIT_DANGER] ? DANGER_FOUND : result.n[AUDIT_WARNING] ? WARNINGS_FOUND : 0;
}

int
stormctl_audit(const struct stormctl *ctl, int argc, char **argv)
{
	static struct auditing a;
	const struct stormctl_option options[] = { { "json", .flag = &a.json }, { .name = NULL } };
	int rc = stormctl_options(argc, argv, options, 0, argc), found;

	if (rc != 0)
		return rc;
	a.config = stormctl_conf_path(ctl);
	rc = read_config(&a);
	if (rc == 0) {
		rc = read_files(&a, argc - optind, argv + optind);
		found = audit(&a);
		/* What could be read was looked at; that something could not is said by the exit status. */
		rc = rc != 0 ? rc : found;
	}
	aliases_fini(&a.aliases);
	lists_fini(&a.lists);
	buf_fini(&a.included);
	xfree(a.lists_file);
	config_fini(&a.c);
	return rc;
}
