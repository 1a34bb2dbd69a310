/* SPDX-License-Identifier: ISC */
/* stormctl db: is the record sound, and what was in it as events. Reads only, beside a running daemon too. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "config.h"
#include "store/journal_read.h"
#include "stormctl.h"
#include "stormctl_record.h"
#include "stormctl_text.h"

enum { FAULTS_FOUND = 1 };

struct db_options {
	const char *db;
	int64_t since, until; /* wall ms */
};

/* ---- check ---- */

static void
print_fault(void *arg, const char *what)
{
	(void)arg;
	printf("fault           %s\n", what);
}

static void
print_time(const char *name, uint64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[64];

	if (ms == JOURNAL_UNREADABLE)
		snprintf(text, sizeof(text), "unreadable");
	else if (ms == 0 || !gmtime_r(&t, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		snprintf(text, sizeof(text), "none");
	printf("%-15s %s\n", name, text);
}

static void
print_count(const char *name, uint64_t n)
{
	if (n == JOURNAL_UNREADABLE)
		printf("%-15s unreadable\n", name);
	else
		printf("%-15s %" PRIu64 "\n", name, n);
}

static void
print_report(const char *path, const struct journal_report *r)
{
	const struct {
		const char *name;
		uint64_t n;
	} counts[] = {
		{ "messages", r->messages },
		{ "recipients", r->recipients },
		{ "storms", r->storms },
		{ "storm hosts", r->storm_hosts },
		{ "journal_seq", r->seq },
		{ "snapshot parts", r->parts },
		{ "snapshot seq", r->snapshot_seq },
	};

	printf("%-15s %s\n", "database", path);
	printf("%-15s %d of %d\n", "schema", r->version, r->known);
	for (unsigned k = 0; k < ARRAY_LEN(counts); k++)
		print_count(counts[k].name, counts[k].n);
	print_time("oldest", r->oldest);
	print_time("newest", r->newest);
	if (r->faults)
		printf("%-15s %" PRIu64 " found\n", "faults", r->faults);
	else
		printf("%-15s none\n", "faults");
}

static int
check(const struct db_options *o)
{
	struct journal_report report = { 0 };
	char why[300] = "";
	int err = journal_check(o->db, print_fault, NULL, &report, why, sizeof(why));

	if (err)
		return record_status(o->db, err, why);
	print_report(o->db, &report);
	return report.faults ? FAULTS_FOUND : 0;
}

/* ---- export ---- */

static const char *
outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_PASSED] = "passed", [OUTCOME_STOPPED] = "stopped", [OUTCOME_VOID] = "void"
	};

	return (unsigned)outcome < ARRAY_LEN(names) ? names[outcome] : "unknown";
}

static bool
print_message(void *arg, const struct record *r)
{
	const struct {
		const char *name;
		struct str s;
	} texts[] = {
		{ "client_address", r->client_address },
		{ "helo_name", r->helo },
		{ "sasl_username", r->sasl_username },
		{ "queue_id", r->queue_id },
		{ "instance", r->instance },
		{ "sender", r->sender },
		{ "message_id", r->message_id },
		{ "verdict", str_of(r->verdict) },
		{ "rule", r->rule },
		{ "outcome", str_of(outcome_name(r->outcome)) },
	};
	struct json_line l;
	struct json *j = json_line_begin(&l);

	(void)arg;
	json_seconds(j, "time", r->time);
	for (unsigned k = 0; k < ARRAY_LEN(texts); k++)
		json_str(j, texts[k].name, texts[k].s);
	json_u64(j, "size", r->size);
	json_array(j, "recipients");
	for (uint32_t k = 0; k < r->n_rcpts; k++)
		json_str(j, NULL, r->rcpts[k].addr);
	json_array_end(j);
	return json_line_put(&l);
}

static int export(const struct db_options *o)
{
	char why[300] = "";
	int err = journal_each_message(o->db, o->since, o->until, print_message, NULL, why, sizeof(why));

	return record_status(o->db, err, why);
}

/* ---- the command ---- */

int
stormctl_db(const struct stormctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct db_options *o);
	} verbs[] = { { "check", check }, { "export", export } };
	struct db_options o = { .since = INT64_MIN, .until = INT64_MAX };
	const struct stormctl_option options[] = {
		{ "db", .text = &o.db },
		{ "since", .time = &o.since },
		{ "until", .time = &o.until },
		{ .name = NULL },
	};
	static struct config conf;
	int status = stormctl_options(argc, argv, options, 1, 1);
	unsigned k = 0;

	if (status)
		return status;
	while (k < ARRAY_LEN(verbs) && strcmp(argv[optind], verbs[k].name) != 0)
		k++;
	if (k == ARRAY_LEN(verbs))
		return stormctl_usage(argv[0]);
	if (o.db)
		return verbs[k].run(&o);
	status = stormctl_conf_load(stormctl_conf_path(ctl), &conf);
	if (status)
		return status;
	o.db = conf.store.path;
	status = verbs[k].run(&o);
	config_fini(&conf);
	return status;
}
