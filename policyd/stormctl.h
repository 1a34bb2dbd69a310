/* SPDX-License-Identifier: ISC */
/* stormctl: one row a command in stormctl.c, one file a command in stormctl_NAME.c. */
#ifndef STORMCTL_H
#define STORMCTL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct config;

/* What all commands are given. */
struct stormctl {
	const char *config; /* -c, or NULL */
};

/* argv[0] is the command's name. Returns the exit status: 0; 1 or 2 where that is what was found; or one of
 * sysexits.h. */
typedef int stormctl_fn(const struct stormctl *ctl, int argc, char **argv);

stormctl_fn stormctl_audit;
stormctl_fn stormctl_config;
stormctl_fn stormctl_db;
stormctl_fn stormctl_doctor;
stormctl_fn stormctl_hash;
stormctl_fn stormctl_inspect;
stormctl_fn stormctl_queued;
stormctl_fn stormctl_replay;
stormctl_fn stormctl_show;
stormctl_fn stormctl_status;
stormctl_fn stormctl_storms;

/* Prints the usage of one command to stderr and returns EX_USAGE. */
int stormctl_usage(const char *command);

/* Arguments of an option that may come several times; `v` is for xfree(), they are not. */
struct stormctl_words {
	const char **v;
	unsigned n;
};

/* One "--name" of a command, and which of these it sets; of one that comes twice the last holds. */
struct stormctl_option {
	const char *name;
	bool *flag; /* it has no argument */
	const char **text;
	int64_t *time; /* wall ms, see text_parse_time() */
	struct stormctl_words *words;
	char letter; /* "-x" means the same; '\0': there is none */
};

/* Reads the options, the rows of which end with one without a name. From argv[optind] on are what is left
 * then, `least` to `most` of them. 0, or EX_USAGE after what is wrong on stderr. */
int stormctl_options(
    int argc, char **argv, const struct stormctl_option *rows, int least, int most) MUSTCHECK;

/* The file that -c names, or that at its usual place if it can be read; NULL: there is none. */
const char *stormctl_conf_path(const struct stormctl *ctl);
/* 0, or EX_CONFIG after all faults on stderr. NULL: the defaults. */
int stormctl_conf_load(const char *path, struct config *conf) MUSTCHECK;

/* Whether standard output took all so far. To be asked next after writing, while errno says why not. */
bool stormctl_heard(void);

#endif
