/* SPDX-License-Identifier: ISC */
/* stormctl config: what may stand in the configuration, from the tables that read it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/conf.h"
#include "config.h"
#include "judge/detect.h"
#include "judge/rule_parse.h"
#include "mail/verdict.h"
#include "stormctl.h"

static void
keys_tsv(const struct conf_key *table, unsigned n)
{
	char type[256];

	for (unsigned i = 0; i < n; i++) {
		const struct conf_key *k = &table[i];

		conf_type_text(k, type, sizeof(type));
		printf("%s\t%s\t%s\t%s\t%s\t%s\n", k->section, k->name, type, k->def ? k->def : "-",
		    k->no_reload ? "restart" : "reload", k->help);
	}
}

static void
keys_text(const struct conf_key *table, unsigned n)
{
	char type[256];

	for (unsigned i = 0; i < n; i++) {
		const struct conf_key *k = &table[i];

		if (i == 0 || strcmp(k->section, table[i - 1].section) != 0)
			printf("%s[%s%s]\n", i ? "\n" : "", k->section,
			    strcmp(k->section, "rule") == 0 ? " NAME" : "");
		conf_type_text(k, type, sizeof(type));
		printf("%s = %s\n", k->name, type);
		printf("        %s", k->help);
		if (k->def)
			printf(" Default: %s.", *k->def ? k->def : "none");
		puts(k->no_reload ? " Changed by a restart only." : "");
	}
}

static void
print_keys(bool tsv)
{
	void (*print)(const struct conf_key *table, unsigned n) = tsv ? keys_tsv : keys_text;

	print(config_key_table, config_key_count);
	if (!tsv)
		puts("");
	print(rule_key_table, rule_key_count);
}

/* name, action, scope, limit, window, remember, block, brake, count_by, help; "-" for window and the last
 * three of the keys: none */
static void
print_detectors(void)
{
	char window[32], remember[32], block[32];
	struct buf by;

	buf_init(&by, 0);

	for (const struct detector *const *it = detectors; *it; it++) {
		const struct detector *d = *it;

		conf_msec_text(d->block, block, sizeof(block));
		conf_msec_text(d->window, window, sizeof(window));
		conf_msec_text(d->remember, remember, sizeof(remember));
		printf("%s\t%s", d->name, action_name(d->action));
		if (d->arg_name)
			printf(" %s: %s", d->arg_name, d->arg_value);
		printf("\t%s\t%" PRIu32 "\t%s\t%s\t%s\t%s\t", rule_value_name("scope", (int)d->scope),
		    d->limit, d->window ? window : "-", remember, d->block ? block : "-",
		    d->brake == BRAKE_OFF ? "-" : rule_value_name("brake", (int)d->brake));
		buf_reset(&by);
		rule_count_by_text(d->count_by, &by);
		printf("%.*s\t%s\n", STR_FMT(buf_str(&by)), d->help);
	}
	buf_fini(&by);
}

static void
print_actions(void)
{
	for (int a = ACT_WARN; a < ACT_COUNT; a++)
		printf("%s\t%s\n", action_name((enum action)a),
		    action_final((enum action)a) ? "final" : "additive");
}

int
stormctl_config(const struct stormctl *ctl, int argc, char **argv)
{
	bool keys = false, by_detector = false, actions = false;
	const struct stormctl_option options[] = {
		{ "keys", .flag = &keys },
		{ "detectors", .flag = &by_detector },
		{ "actions", .flag = &actions },
		{ .name = NULL },
	};
	int rc = stormctl_options(argc, argv, options, 0, 0);

	(void)ctl;
	if (rc != 0)
		return rc;
	if (keys + by_detector + actions > 1)
		return stormctl_usage(argv[0]);
	if (by_detector)
		print_detectors();
	else if (actions)
		print_actions();
	else
		print_keys(keys);
	return 0;
}
