/* SPDX-License-Identifier: ISC */
/* Files that an administrator writes: rules, keys of the main file, lists, alias maps; the first byte says
 * which. Each fault is told in a line, and counted. */
#include "fuzz.h"

#include "config.h"
#include "judge/rule_parse.h"
#include "say.h"

static unsigned told;

static void
on_fault(void *arg, const char *file, unsigned line, const char *what)
{
	(void)arg;
	(void)file;
	(void)line;
	told++;
	NEED(*what && !strchr(what, '\n'));
}

static void
try_rules(struct str s)
{
	struct ruleset rules = { 0 };
	struct conf_faults faults = { on_fault, NULL, 0 };
	struct rule_override o = { STR("a"), STR("limit"), str_sub(s, 0, 20), false };
	struct rule_parse p = {
		.out = &rules, .file = "r", .faults = &faults, .overrides = &o, .n_overrides = s.n % 2
	};

	(void)conf_read_text(s, "r", rule_parse_key, &p, &faults);
	rule_parse_end(&p);
	NEED(faults.n == told);
	ruleset_shadow(&rules);
	ruleset_fini(&rules);
}

static void
main_key(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	struct conf_faults faults = { on_fault, NULL, 0 };
	const struct conf_key *key = conf_find(config_key_table, config_key_count, section, name ? name : "");
	char why[CONF_WHY_MAX] = "";

	if (!key)
		conf_unknown(config_key_table, config_key_count, section, name, why, sizeof(why));
	if (key ? conf_set(key, arg, str_of(value), why, sizeof(why)) != 0 : *why)
		conf_fault(&faults, "f", line, "%s", why);
}

static void
try_main(struct str s)
{
	struct conf_faults faults = { on_fault, NULL, 0 };
	struct config c = { 0 };
	char why[CONF_WHY_MAX];

	NEED(conf_defaults(config_key_table, config_key_count, &c, why, sizeof(why)) == 0);
	(void)conf_read_text(s, "f", main_key, &c, &faults);
	config_fini(&c);
}

static void
try_lists(struct str s, bool aliases)
{
	struct conf_faults faults = { on_fault, NULL, 0 };
	struct lists l;

	lists_init(&l);
	if (aliases)
		lists_add_aliases(&l, s, "l", &site, &faults);
	else
		lists_add(&l, s, "l", &faults);
	lists_finish(&l, &faults);
	NEED(faults.n == told);
	for (unsigned i = 0; i < l.n; i++)
		NEED(lists_find(&l, str_of(l.v[i].posting)));
	lists_fini(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	char *copy;

	if (size == 0)
		return 0;
	site_begin();
	told = 0;
	s = str_sub(s, 1, s.n);
	s.p = copy = copy_of(s);
	if (data[0] % 4 == 0)
		try_rules(s);
	else if (data[0] % 4 == 1)
		try_main(s);
	else
		try_lists(s, data[0] % 4 == 3);
	xfree(copy);
	return 0;
}
