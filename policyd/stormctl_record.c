/* SPDX-License-Identifier: ISC */
#include "stormctl_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "config.h"
#include "judge/storm.h"

/* --- where ---------------------------------------------------------------------------------------------- */

static void
note_path(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	char **path = arg;

	(void)line;
	if (!name || strcmp(section, "store") != 0 || strcmp(name, "path") != 0)
		return;
	xfree(*path);
	*path = xstrdup(value);
}

char *
record_path(const struct stormctl *ctl)
{
	const struct conf_key *key = conf_find(config_key_table, config_key_count, "store", "path");
	char *path = xstrdup(key->def);

	(void)conf_read(ctl->config ? ctl->config : CONFIG_DEFAULT_PATH, note_path, &path, NULL);
	return path;
}

int
record_range(const char *id, struct journal_storms *which)
{
	size_t n = strlen(id);
	unsigned shift = 64 - 4 * (unsigned)n;

	if (n > 16 || n == 0 || id[strspn(id, "0123456789abcdefABCDEF")] != '\0') {
		fprintf(stderr, "stormctl: an id has 1 to 16 hexadecimal digits\n");
		return EX_USAGE;
	}
	*which = (struct journal_storms){ .all = true, .from = strtoull(id, NULL, 16) << shift };
	which->to = which->from | (((uint64_t)1 << shift) - 1);
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

static void
json_hosts(struct json *j, const struct record_storm *s)
{
	json_array(j, "hosts");
	for (uint32_t i = 0; i < s->n_hosts; i++) {
		json_object(j, NULL);
		json_str(j, "name", s->hosts[i].name);
		json_str(j, "how", str_of(s->hosts[i].how));
		json_u64(j, "copies", s->hosts[i].copies);
		json_object_end(j);
	}
	json_array_end(j);
}

/* As the console's, but for what the database does not have: quiet and remember. */
static bool
tell(void *arg, const struct record_storm *s)
{
	struct telling *t = arg;
	char key[33];
	struct buf b;
	struct json j;

	buf_init(&b, 0);
	json_init(&j, &b);
	json_object(&j, NULL);
	json_hex64(&j, "id", s->id);
	json_str(&j, "rule", s->rule);
	json_str(&j, "state", str_of(s->state));
	json_str(&j, "message_id", s->message_id);
	json_str(&j, "subject", s->subject);
	json_str(&j, "sender", s->sender);
	json_seconds(&j, "first", s->first);
	json_seconds(&j, "last", s->last);
	json_u64(&j, "offered", s->offered);
	json_u64(&j, "passed", s->passed);
	json_u64(&j, "stopped", s->stopped);
	json_u64(&j, "messages", s->messages);
	json_u64(&j, "recipients", s->recipients);
	json_bool(&j, "recipients_at_least", s->recipients >= STORM_RCPTS_MAX);
	if (t->whole) {
		key_hex((struct key128){ s->key_lo, s->key_hi }, key);
		json_str(&j, "key", str_of(key));
		json_hosts(&j, s);
	} else {
		json_str(&j, "host", s->n_hosts ? s->hosts[0].name : STR_NONE);
	}
	json_object_end(&j);
	buf_append(&b, "", 1);
	t->fn(t->arg, buf_str(&b).p);
	t->n++;
	buf_fini(&b);
	return !ferror(stdout);
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
