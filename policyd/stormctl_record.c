/* SPDX-License-Identifier: ISC */
#include "stormctl_record.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "config.h"
#include "judge/storm.h"
#include "serve/console.h"
#include "stormctl.h"

/* --- where ---------------------------------------------------------------------------------------------- */

char *
record_path(const struct stormctl *ctl)
{
	const struct conf_key *key = conf_find(config_key_table, config_key_count, "store", "path");
	char *path =
	    conf_value(ctl->config ? ctl->config : CONFIG_DEFAULT_PATH, key->section, key->name, NULL);

	return path ? path : xstrdup(key->def);
}

int
record_range(const char *id, struct journal_storms *which)
{
	*which = (struct journal_storms){ .all = true };
	if (storm_id_range(str_of(id), &which->from, &which->to)) {
		fprintf(stderr, "stormctl: an id has 1 to 16 hexadecimal digits\n");
		return EX_USAGE;
	}
	return 0;
}

int
record_not_one(const char *id, uint64_t n)
{
	if (n == 0)
		fprintf(stderr, "stormctl: no storm %s\n", id);
	else
		fprintf(stderr, "stormctl: %llu storms have an id that begins with %s\n",
		    (unsigned long long)n, id);
	return EX_DATAERR;
}

int
record_status(const char *path, int err, const char *why)
{
	if (err == 0)
		return 0;
	fprintf(stderr, "stormctl: %s: %s\n", path, why);
	return err == ERR_VERSION || err == ERR_CORRUPT ? 1 : EX_NOINPUT;
}

/* --- documents ------------------------------------------------------------------------------------------ */

struct telling {
	bool whole;
	record_fn *fn;
	void *arg;
	uint64_t n;
};

/* As the console's, but for what the database does not have: mode, closes, quiet and remember. */
static bool
tell(void *arg, const struct record_storm *s)
{
	struct telling *t = arg;
	struct buf b;
	struct json j;
	bool heard;

	buf_init(&b, 0);
	json_init(&j, &b);
	json_object(&j, NULL);
	console_storm(&j, s, t->whole);
	if (t->whole)
		console_hosts(&j, s);
	json_object_end(&j);
	buf_append(&b, "", 1);
	t->fn(t->arg, buf_str(&b).p);
	heard = stormctl_heard();
	t->n++;
	buf_fini(&b);
	return heard;
}

int
record_storms(
    const char *path, const struct journal_storms *which, bool whole, record_fn *fn, void *arg, uint64_t *n)
{
	struct telling t = { .whole = whole, .fn = fn, .arg = arg };
	char why[300] = "";
	int err = journal_each_storm(path, which, tell, &t, why, sizeof(why));

	*n = t.n;
	return record_status(path, err, why);
}
