/* SPDX-License-Identifier: ISC */
/* The operator's tool: finds the command in the table and runs it. */
#include "stormctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "config.h"
#include "stormctl_event_json.h"
#include "stormctl_text.h"
#include "version.h"

static const struct command {
	const char *name, *usage, *help;
	stormctl_fn *run;
} commands[] = {
	{ "audit", "audit [--json] [FILE...]",
	    "name mailing lists that could bounce to themselves; without FILE those of the configuration, or "
	    "of /etc/aliases",
	    stormctl_audit },
	{ "config", "config [--keys | --detectors | --actions]",
	    "show what may stand in the configuration; with an option as tab separated lines",
	    stormctl_config },
	{ "db", "db [--db PATH] check | export [--since TIME] [--until TIME]",
	    "check the record, or print its messages, one JSON object a line; changes nothing", stormctl_db },
	{ "doctor", "doctor [--json] [--postfix [DIR] | --exim [FILE] | --sendmail [FILE] | --checks]",
	    "say what is missing or dangerous in the MTA's configuration; changes nothing", stormctl_doctor },
	{ "hash", "hash [--db PATH] ADDRESS...",
	    "print how addresses stand in a record with [store] privacy = hashed", stormctl_hash },
	{ "inspect", "inspect [--json] FILE...",
	    "show what the rules see in messages; \"-\" is standard input", stormctl_inspect },
	{ "queued", "queued [--json] [--db PATH] [--since TIME] ID",
	    "print the queue ids of what passed of a storm before it was stopped, for postsuper -h -",
	    stormctl_queued },
	{ "replay", "replay [-c FILE] [--json] [--set RULE.KEY=VALUE]... PATH...",
	    "run old mail (mbox, Maildir, files, .jsonl events) through the rules; changes nothing",
	    stormctl_replay },
	{ "show", "show [--json] [--socket PATH | --db PATH] ID",
	    "tell one storm with its hosts; ID may be the first digits of its id", stormctl_show },
	{ "status", "status [--json] [--socket PATH]",
	    "tell how the daemon is: version, traffic, storms, journal, rules", stormctl_status },
	{ "storms", "storms [--json] [--all] [--socket PATH | --db PATH]",
	    "list the open storms, those seen last first; with --all the remembered ones too",
	    stormctl_storms },
};

static void
print_usage(FILE *to)
{
	fprintf(to, "usage: stormctl [-c FILE] COMMAND [ARGUMENT...]\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %s\n      %s\n", commands[i].usage, commands[i].help);
	fprintf(to,
	    "\n  -c, --config FILE  read this configuration\n"
	    "  -h, --help         print this text\n"
	    "  -V, --version      print the version and what is built in\n");
}

static const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int
stormctl_usage(const char *command)
{
	fprintf(stderr, "usage: stormctl [-c FILE] %s\n", command_find(command)->usage);
	return EX_USAGE;
}

/* --- what commands share -------------------------------------------------------------------------------- */

enum { OPTIONS_MAX = 4 };

/* Of row i, as getopt_long(3) is to return it. */
static int
option_value(const struct stormctl_option *rows, int i)
{
	return rows[i].letter ? rows[i].letter : i + 1;
}

static int
take_option(const struct stormctl_option *o)
{
	if (o->flag)
		*o->flag = true;
	else if (o->text)
		*o->text = optarg;
	else if (o->time)
		return text_parse_time(optarg, o->time) ? EX_USAGE : 0;
	else {
		o->words->v = xgrow(o->words->v, o->words->n, sizeof(*o->words->v));
		o->words->v[o->words->n++] = optarg;
	}
	return 0;
}

int
stormctl_options(int argc, char **argv, const struct stormctl_option *rows, int least, int most)
{
	struct option longs[OPTIONS_MAX + 1] = { { .name = NULL } };
	char shorts[2 * OPTIONS_MAX + 1] = "";
	int opt, n = 0, rc = 0;

	for (; rows[n].name; n++) {
		int takes = rows[n].flag ? no_argument : required_argument;
		size_t len = strlen(shorts);

		longs[n] = (struct option){ rows[n].name, takes, NULL, option_value(rows, n) };
		if (rows[n].letter)
			snprintf(
			    shorts + len, sizeof(shorts) - len, "%c%s", rows[n].letter, takes ? ":" : "");
	}
	while (rc == 0) {
		int i = 0;

		opt = getopt_long(argc, argv, shorts, longs, NULL);
		if (opt == -1)
			break;
		while (i < n && option_value(rows, i) != opt)
			i++;
		rc = i < n ? take_option(&rows[i]) : stormctl_usage(argv[0]);
	}
	if (rc == 0 && (argc - optind < least || argc - optind > most))
		rc = stormctl_usage(argv[0]);
	return rc;
}

const char *
stormctl_conf_path(const struct stormctl *ctl)
{
	if (!ctl->config && access(CONFIG_DEFAULT_PATH, R_OK) == 0)
		return CONFIG_DEFAULT_PATH;
	return ctl->config;
}

int
stormctl_conf_load(const char *path, struct config *conf)
{
	struct conf_faults faults = { .report = config_print_fault, .arg = stderr };

	return config_load(path, conf, &faults) ? EX_CONFIG : 0;
}

static int unheard; /* errno of what standard output did not take */

bool
stormctl_heard(void)
{
	if (ferror(stdout) && !unheard)
		unheard = errno;
	return !ferror(stdout);
}

/* What did not arrive counts for more than what it would have said. */
static int
told(int rc)
{
	(void)fflush(stdout);
	if (stormctl_heard())
		return rc;
	fprintf(stderr, "stormctl: standard output: %s\n", strerror(unheard));
	return EX_IOERR;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct stormctl ctl = { 0 };
	char json[32];
	const struct command *command;
	int opt;

	/* "+": what follows the command is the command's own */
	for (opt = getopt_long(argc, argv, "+c:hV", options, NULL); opt != -1;
	     opt = getopt_long(argc, argv, "+c:hV", options, NULL)) {
		switch (opt) {
		case 'c':
			ctl.config = optarg;
			break;
		case 'h':
			print_usage(stdout);
			return told(0);
		case 'V':
			event_json_library(json, sizeof(json));
			version_print("stormctl", json);
			return told(0);
		default:
			print_usage(stderr);
			return EX_USAGE;
		}
	}
	command = optind < argc ? command_find(argv[optind]) : NULL;
	if (!command) {
		if (optind < argc)
			fprintf(stderr, "stormctl: unknown command: %s\n", argv[optind]);
		print_usage(stderr);
		return EX_USAGE;
	}
	argc -= optind;
	argv += optind;
	optind = 0; /* the command parses its own options from the start */
	return told(command->run(&ctl, argc, argv));
}
