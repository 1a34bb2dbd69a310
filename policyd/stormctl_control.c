/* SPDX-License-Identifier: ISC */
/* stormctl status, storms, show: what the running daemon knows, for people or as the daemon says it. Storms
 * come from the database when it does not run. */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "stormctl.h"
#include "stormctl_ask.h"
#include "stormctl_record.h"
#include "stormctl_text.h"

enum { STAMP = 32 };

/* --- documents ------------------------------------------------------------------------------------------ */

static const char *
text_of(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(o, name));
}

static double
number_of(const cJSON *o, const char *name)
{
	const cJSON *item = cJSON_GetObjectItem(o, name);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void
line_head(const char *what, const char *name)
{
	fputs(what, stdout);
	text_put(name ? name : "-");
	putchar('\n');
}

/* Prints "label   ", the member's text and LF; nothing when there is none. */
static void
line_text(const char *label, const char *text)
{
	if (!text || !text[0])
		return;
	printf("  %-14s ", label);
	text_put(text);
	putchar('\n');
}

static void
add_number(struct grid *t, double v)
{
	char text[STAMP];

	snprintf(text, sizeof(text), "%.0f", v);
	grid_add(t, text);
}

static void
add_time(struct grid *t, double seconds)
{
	char text[STAMP];

	text_time(seconds, text, sizeof(text));
	grid_add(t, text);
}

/* --- status --------------------------------------------------------------------------------------------- */

static void
print_rules(const cJSON *o)
{
	static const struct column columns[] = { { "RULE", 0 }, { "DETECTOR", 0 }, { "MODE", 0 },
		{ "ACTION", 0 } };
	const cJSON *rules = cJSON_GetObjectItem(o, "rules"), *r;
	struct grid t;

	if (cJSON_GetArraySize(rules) == 0) {
		puts("  rules          none");
		return;
	}
	grid_init(&t, columns, ARRAY_LEN(columns));
	cJSON_ArrayForEach(r, rules)
	{
		grid_add(&t, text_of(r, "name"));
		grid_add(&t, text_of(r, "detect"));
		grid_add(&t, text_of(r, "mode"));
		grid_add(&t, text_of(r, "action"));
	}
	puts("");
	grid_print(&t, "  ");
}

static void
print_journal(const cJSON *j)
{
	if (!cJSON_IsObject(j))
		return;
	printf("  %-14s %s: %.0f written, %.0f waiting, %.0f left to the spool for a full queue, %.0f lost, "
	       "%.0f removed to make room; %.0f commits, %.0f failed\n",
	    "journal", cJSON_IsTrue(cJSON_GetObjectItem(j, "healthy")) ? "healthy" : "FAILING",
	    number_of(j, "written"), number_of(j, "waiting"), number_of(j, "deferred"), number_of(j, "lost"),
	    number_of(j, "trimmed"), number_of(j, "commits"), number_of(j, "failures"));
}

static void
print_spool(const cJSON *s)
{
	if (!cJSON_IsObject(s))
		return;
	printf("  %-14s %.0f records, %.0f bytes, %.0f more on their way; %.0f refused, %.0f writes failed; "
	       "%.0f answers were not safe\n",
	    "spool", number_of(s, "records"), number_of(s, "bytes"), number_of(s, "waiting"),
	    number_of(s, "refused"), number_of(s, "failures"), number_of(s, "unsafe"));
}

static void
print_status(void *arg, const cJSON *o)
{
	const cJSON *storms = cJSON_GetObjectItem(o, "storms"), *c = cJSON_GetObjectItem(o, "counters");
	char up[STAMP], since[STAMP], configured[STAMP];

	(void)arg;
	text_span(number_of(o, "uptime"), up, sizeof(up));
	text_time(number_of(o, "started"), since, sizeof(since));
	text_time(number_of(o, "configured"), configured, sizeof(configured));
	line_head("policyd-storm ", text_of(o, "version"));
	line_text("mode", text_of(o, "mode"));
	printf("  %-14s %.0f, running for %s, since %s\n", "process", number_of(o, "pid"), up, since);
	line_text("configuration", text_of(o, "config"));
	printf("  %-14s %s\n", "read", configured);
	printf("  %-14s %.0f of %.0f, %.0f accepted so far, %.0f times all in use\n", "connections",
	    number_of(o, "connections"), number_of(o, "max_connections"), number_of(o, "accepted"),
	    number_of(o, "full"));
	printf("  %-14s %.0f, %.0f broken or too long\n", "requests", number_of(o, "requests"),
	    number_of(o, "broken"));
	printf("  %-14s %.0f: %.0f passed, %.0f stopped; %.0f degraded\n", "messages",
	    number_of(o, "messages"), number_of(o, "passed"), number_of(o, "stopped"),
	    number_of(o, "degraded"));
	printf("  %-14s %.0f open, %.0f cooling, %.0f remembered; opened so far: %.0f, gone to make room: "
	       "%.0f\n",
	    "storms", number_of(storms, "open"), number_of(storms, "cooling"),
	    number_of(storms, "remembered"), number_of(storms, "opened"), number_of(storms, "displaced"));
	printf("  %-14s %.0f of %.0f, %.0f pinned, %.1f MiB; %.0f evicted, %.0f refused\n", "counters",
	    number_of(c, "entries"), number_of(c, "max"), number_of(c, "pinned"),
	    number_of(c, "bytes") / (1 << 20), number_of(c, "evicted"), number_of(c, "refused"));
	print_journal(cJSON_GetObjectItem(o, "journal"));
	print_spool(cJSON_GetObjectItem(o, "spool"));
	print_rules(o);
}

/* --- storms --------------------------------------------------------------------------------------------- */

static const struct column storm_columns[] = {
	{ "ID", 0 },
	{ "STATE", 0 },
	{ "RULE", 0 },
	{ "LAST SEEN", 0 },
	{ "COPIES", 1 },
	{ "STOPPED", 1 },
	{ "RECIPIENTS", 1 },
	{ "HOST", 0 },
	{ "MESSAGE-ID", 0 },
};

static void
add_storm(void *arg, const cJSON *o)
{
	struct grid *t = arg;
	char recipients[STAMP];

	grid_add(t, text_of(o, "id"));
	grid_add(t, text_of(o, "state"));
	grid_add(t, text_of(o, "rule"));
	add_time(t, number_of(o, "last"));
	add_number(t, number_of(o, "offered"));
	add_number(t, number_of(o, "stopped"));
	snprintf(recipients, sizeof(recipients), "%.0f%s", number_of(o, "recipients"),
	    cJSON_IsTrue(cJSON_GetObjectItem(o, "recipients_at_least")) ? "+" : "");
	grid_add(t, recipients);
	grid_add(t, text_of(o, "host"));
	grid_add(t, text_of(o, "message_id"));
}

static void
print_state(const cJSON *o)
{
	const char *state = text_of(o, "state");
	char when[STAMP];

	if (number_of(o, "closes") > 0) {
		text_time(number_of(o, "closes"), when, sizeof(when));
		printf("  %-14s ", "state");
		text_put(state ? state : "-");
		printf(", closes %s if nothing comes\n", when);
	} else if (state && strcmp(state, "remembered") == 0 && cJSON_HasObjectItem(o, "remember")) {
		text_span(number_of(o, "remember"), when, sizeof(when));
		printf("  %-14s remembered for %s from the last copy on\n", "state", when);
	} else {
		line_text("state", state);
	}
}

/* A rule that does not act is why nothing is stopped. The database does not know. */
static void
print_mode(const cJSON *o)
{
	const char *mode = text_of(o, "mode");

	if (mode && strcmp(mode, "enforce") != 0)
		printf("  %-14s %s: the rule stops nothing\n", "mode", mode);
}

static void
print_hosts(const cJSON *hosts)
{
	static const struct column columns[] = { { "COPIES", 1 }, { "SEEN AS", 0 }, { "HOST", 0 } };
	const cJSON *h;
	struct grid t;

	if (cJSON_GetArraySize(hosts) == 0)
		return;
	grid_init(&t, columns, ARRAY_LEN(columns));
	cJSON_ArrayForEach(h, hosts)
	{
		add_number(&t, number_of(h, "copies"));
		grid_add(&t, text_of(h, "how"));
		grid_add(&t, text_of(h, "name"));
	}
	puts("");
	grid_print(&t, "  ");
}

static void
print_storm(void *arg, const cJSON *o)
{
	char stamp[STAMP];

	(void)arg;
	line_head("storm ", text_of(o, "id"));
	line_text("rule", text_of(o, "rule"));
	print_state(o);
	print_mode(o);
	line_text("message-id", text_of(o, "message_id"));
	line_text("subject", text_of(o, "subject"));
	line_text("sender", text_of(o, "sender"));
	text_time(number_of(o, "first"), stamp, sizeof(stamp));
	line_text("first seen", stamp);
	text_time(number_of(o, "last"), stamp, sizeof(stamp));
	line_text("last seen", stamp);
	printf("  %-14s %.0f offered, %.0f passed, %.0f stopped\n", "copies", number_of(o, "offered"),
	    number_of(o, "passed"), number_of(o, "stopped"));
	printf("  %-14s %.0f\n", "messages", number_of(o, "messages"));
	printf("  %-14s %s%.0f\n", "recipients",
	    cJSON_IsTrue(cJSON_GetObjectItem(o, "recipients_at_least")) ? "at least " : "",
	    number_of(o, "recipients"));
	print_hosts(cJSON_GetObjectItem(o, "hosts"));
}

/* --- the commands --------------------------------------------------------------------------------------- */

struct options {
	const char *socket, *db;
	bool json, all;
};

/* How many of the options below a command has. */
enum { OF_STATUS = 2, OF_SHOW = 3, OF_STORMS = 4 };

/* 0 or EX_USAGE. `n_args` words are to be left. */
static int
read_options(struct options *o, int argc, char **argv, int n_options, int n_args)
{
	struct stormctl_option rows[OF_STORMS + 1] = {
		{ "json", .flag = &o->json },
		{ "socket", .text = &o->socket },
		{ "db", .text = &o->db },
		{ "all", .flag = &o->all },
	};
	int rc;

	*o = (struct options){ .socket = NULL };
	rows[n_options].name = NULL;
	rc = stormctl_options(argc, argv, rows, n_args, n_args);
	return rc == 0 && o->socket && o->db ? stormctl_usage(argv[0]) : rc;
}

typedef void document_fn(void *arg, const cJSON *o);

static int
unreadable(void)
{
	fprintf(stderr, "stormctl: the answer is no JSON\n");
	return EX_UNAVAILABLE;
}

struct reader;
/* What the database has to say when the daemon does not: the exit status. */
typedef int instead_fn(const char *path, struct reader *r);

/* With --json a document is printed as it came. */
struct reader {
	const struct options *o;
	document_fn *fn;
	void *arg;
	instead_fn *instead; /* NULL: the daemon alone knows */
	struct journal_storms which;
	const char *id; /* as it was given, of the one that is meant */
	bool bad;       /* one was no JSON */
};

static void
read_document(void *arg, const char *document)
{
	struct reader *r = arg;
	cJSON *json = cJSON_Parse(document);

	if (!json)
		r->bad = true;
	else if (r->o->json)
		puts(document);
	else
		r->fn(r->arg, json);
	cJSON_Delete(json);
}

/* A daemon that was named on the command line is the one that is meant; else its database will do. */
static int
from_database(const struct stormctl *ctl, struct reader *r, const struct ask *a)
{
	char *path = r->instead && !r->o->socket ? record_path(ctl) : NULL;
	int rc = EX_UNAVAILABLE;

	if (path && access(path, F_OK) == 0) {
		fprintf(stderr, "stormctl: the daemon does not answer; from the database %s\n", path);
		rc = r->instead(path, r);
	} else {
		ask_absent(a);
	}
	xfree(path);
	return rc;
}

/* Asks, and gives each document to the reader. */
static int
ask_each(const struct stormctl *ctl, struct reader *r, const char *line)
{
	const char *document = NULL;
	struct ask a;
	int rc;

	if (r->o->db)
		return r->instead(r->o->db, r);
	rc = ask_open(&a, ctl, r->o->socket, line);
	if (rc != 0 && a.absent)
		rc = from_database(ctl, r, &a);
	while (rc == 0 && !a.absent && !r->bad) {
		rc = ask_next(&a, &document);
		if (rc != 0 || !document)
			break;
		read_document(r, document);
	}
	if (r->bad)
		rc = unreadable();
	ask_close(&a);
	return rc;
}

/* --- the same from the database ------------------------------------------------------------------------- */

static int
storms_instead(const char *path, struct reader *r)
{
	uint64_t n;

	return record_storms(path, &r->which, false, read_document, r, &n);
}

static void
keep_document(void *arg, const char *document)
{
	char **kept = arg;

	xfree(*kept);
	*kept = xstrdup(document);
}

static int
show_instead(const char *path, struct reader *r)
{
	char *document = NULL;
	uint64_t n;
	int rc = record_storms(path, &r->which, true, keep_document, &document, &n);

	if (rc == 0 && n != 1)
		rc = record_not_one(r->id, n);
	if (rc == 0)
		read_document(r, document);
	xfree(document);
	return rc;
}

int
stormctl_status(const struct stormctl *ctl, int argc, char **argv)
{
	struct options o;
	struct reader r = { .o = &o, .fn = print_status };
	int rc = read_options(&o, argc, argv, OF_STATUS, 0);

	if (rc == 0)
		rc = ask_each(ctl, &r, "status\n");
	return rc;
}

int
stormctl_storms(const struct stormctl *ctl, int argc, char **argv)
{
	struct grid t;
	struct options o;
	struct reader r = { .o = &o, .fn = add_storm, .arg = &t, .instead = storms_instead };
	int rc = read_options(&o, argc, argv, OF_STORMS, 0);

	if (rc != 0)
		return rc;
	r.which = (struct journal_storms){ .all = o.all, .to = UINT64_MAX };
	grid_init(&t, storm_columns, ARRAY_LEN(storm_columns));
	rc = ask_each(ctl, &r, o.all ? "storms all\n" : "storms\n");
	if (t.n)
		grid_print(&t, "");
	else if (rc == 0 && !o.json)
		puts(o.all ? "no storms" : "no open storms; --all shows remembered ones too");
	grid_fini(&t);
	return rc;
}

int
stormctl_show(const struct stormctl *ctl, int argc, char **argv)
{
	struct options o;
	struct reader r = { .o = &o, .fn = print_storm, .instead = show_instead };
	char line[32];
	int rc = read_options(&o, argc, argv, OF_SHOW, 1);

	if (rc != 0)
		return rc;
	r.id = argv[optind];
	rc = record_range(r.id, &r.which);
	if (rc != 0)
		return rc;
	snprintf(line, sizeof(line), "storm %s\n", r.id);
	return ask_each(ctl, &r, line);
}
