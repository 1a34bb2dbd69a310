/* SPDX-License-Identifier: ISC */
/* stormctl: one row a command in stormctl.c, one file a command in stormctl_NAME.c. */
#ifndef STORMCTL_H
#define STORMCTL_H

#include <stdbool.h>

/* What all commands are given. */
struct stormctl {
	const char *config; /* -c, or NULL */
};

/* argv[0] is the command's name. Returns the exit status: 0, or one of sysexits.h. */
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

/* Whether standard output took all so far. To be asked next after writing, while errno says why not. */
bool stormctl_heard(void);

#endif
