/* SPDX-License-Identifier: ISC */
/*
 * stormctl doctor: an MTA's configuration is read into a model of it, then each row of that MTA's table of
 * checks looks at the model and at our own configuration. Nothing is changed. One file a reader, and one a
 * group of checks.
 */
#ifndef STORMCTL_DOCTOR_H
#define STORMCTL_DOCTOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/net.h"
#include "base/str.h"
#include "config.h"

enum {
	DOCTOR_OUTPUT_MAX = 4 << 20, /* of one program that is run, and of one file */
	DOCTOR_PATIENCE = 10,        /* seconds that a program may take */
	DOCTOR_WORDS_MAX = 4096,     /* entries of one list */
	DOCTOR_DEPTH_MAX = 16,       /* files that include files, lists that name lists */
};

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_DANGER, SEVERITIES };

struct doctor;

struct doctor_check {
	const char *name;
	enum severity severity;
	const char *what; /* what it means, one sentence */
	void (*run)(struct doctor *d);
};

struct doctor_mta {
	const char *name;
	const char *fallback;        /* the configuration when nothing is said; NULL: the program knows */
	const char *const *programs; /* one of these there: the MTA is there; NULL: `fallback` tells */
	const struct doctor_check *const *groups;
	/* 0 with `model` filled, or the exit status after a line on stderr */
	int (*read)(struct doctor *d, const char *path);
};

extern const struct doctor_mta doctor_postfix, doctor_exim, doctor_sendmail;
/* Each ends with a row without a name. */
extern const struct doctor_check doctor_postfix_policy[], doctor_postfix_milter[], doctor_postfix_site[];
extern const struct doctor_check doctor_exim_checks[], doctor_sendmail_checks[];

struct doctor_finding {
	const struct doctor_check *check;
	const char *where, *in, *fix; /* in the arena */
};

struct doctor {
	const struct config *conf;
	const char *conf_path;
	const struct doctor_mta *mta;
	const struct doctor_check *check; /* the one that runs */
	struct arena arena;               /* all text of model and findings */
	void *model;                      /* in the arena */
	const char *version;              /* of the MTA; "" when not known */
	struct doctor_finding *v;
	unsigned n;
};

/* Text in the arena; an address space that ends is all that can stop it. */
#define doctor_text(d, ...) (arena_printf(&(d)->arena, __VA_ARGS__).p)
static inline const char *
doctor_copy(struct doctor *d, struct str s)
{
	return doctor_text(d, "%.*s", STR_FMT(s));
}
void *doctor_alloc(struct doctor *d, size_t n); /* zeroed */
/* Grows an array in the arena by one zeroed element that is returned. */
void *doctor_push(struct doctor *d, void *array, unsigned *n, size_t size);

/* What the running check found: `where`; what to write, and in which file. Said twice it stands once. */
void doctor_find(struct doctor *d, const char *where, const char *in, const char *fix);
/* The same with "[section]" of our own file as the place to put it right. */
void doctor_find_ours(struct doctor *d, const char *where, const char *section, const char *fix);

/* --- programs and files (stormctl_doctor_run.c) ------------------------------------------------------- */

/* The full path of a program on PATH or where daemons live; NULL: none. */
const char *doctor_program(struct doctor *d, const char *name);
/* Runs it without a shell; what it prints, in the arena, and what it says on stderr all the same, unless that
 * is NULL. 0, or the exit status after a line on stderr. */
int doctor_exec(struct doctor *d, const char *const *argv, struct str *out, struct str *complaints) MUSTCHECK;
/* The whole file, in the arena. 0, or errno. */
int doctor_slurp(struct doctor *d, const char *path, struct str *out) MUSTCHECK;

/* --- addresses and users (stormctl_doctor_reach.c) ---------------------------------------------------- */

enum whose { NOT_OURS, OURS, OURS_OTHER_DOOR, OURS_MISSED };
enum door_kind { POLICY_DOOR, MILTER_DOOR };

/* Whose is "unix:/path" or "inet:host:port"? OURS_MISSED: it has our name or our port, and yet our daemon
 * does not listen there. */
enum whose doctor_whose(const struct doctor *d, enum door_kind door, struct str spec);
/* An address of ours at that door, one that is there if there is one; NULL: none. */
const char *doctor_address(const struct doctor *d, enum door_kind door);
/* The same of those that are seen from a chroot in that folder. */
const char *doctor_address_in(const struct doctor *d, enum door_kind door, struct str chroot);
/* The path of "unix:/path"; STR_NONE: it is no such address. */
struct str doctor_unix_path(struct str address);
/* An address of ours as who connects to it says it: "*" and "[::]" are this machine. */
const char *doctor_connect_to(struct doctor *d, const char *ours);
/* The running check found that our daemon is to listen there too. */
void doctor_find_door(struct doctor *d, const char *where, enum door_kind door, const char *more);

struct doctor_user {
	const char *name;
	uid_t uid;
	gid_t groups[64];
	int n_groups;
};
bool doctor_user_find(struct doctor_user *u, const char *name);
/* Finding when there is no such socket (`absent`), or when that user is hindered on the way to it. Folders up
 * to `from` bytes of the path are not looked at. */
void doctor_find_socket(
    struct doctor *d, const char *path, size_t from, const struct doctor_user *u, bool absent);

/* --- words -------------------------------------------------------------------------------------------- */

/* Cuts the next word off a list with commas and space; {groups} are one word, without the braces, which
 * `braced` (may be NULL) tells. So is what has braces within, as inline:{{a = b}, {c = d}}, with them. */
bool doctor_word(struct str *rest, struct str *word, bool *braced);
bool doctor_has_word(struct str list, const char *word); /* any case */
/* In a list of an MTA's macros, whose names differ by case; with or without braces. */
bool doctor_has_macro(struct str list, const char *name);
bool doctor_has(struct str s, const char *part); /* any case */
/* "30s", "5m", a bare number of seconds; -1: no time */
int64_t doctor_seconds(struct str s);

/* FILTER_SIGNS: and may check signatures. FILTER_READS: refuses by what that found, and stands behind it. */
enum filter_kind { FILTER_OTHER, FILTER_REFUSES, FILTER_SIGNS, FILTER_READS };
/* By the names and ports that well-known milters have. */
enum filter_kind doctor_filter_kind(struct str spec);

/* --- who we are, for all MTAs (stormctl_doctor_reach.c) ----------------------------------------------- */

/* Reports under the running check what the MTA has and we do not. */
void doctor_hostname(struct doctor *d, struct str name, const char *where);
/* A connection on which the MTA may be silent for so many seconds. */
void doctor_idle(struct doctor *d, const char *where, int64_t seconds);
void doctor_domains(struct doctor *d, struct str domains, const char *where);
void doctor_networks(struct doctor *d, struct str networks, const char *where);

/* "KEY = " what it has, and more. */
const char *doctor_with_more(struct doctor *d, const char *key, const struct strset *have, const char *more);
/* "192.0.2.0/24, " for each of them, so that one more may follow. */
const char *doctor_net_list(struct doctor *d, const struct netset *set);

#define EACH_RULE(d, r) \
	for (const struct rule *r = (d)->conf->rules.v; r < (d)->conf->rules.v + (d)->conf->rules.n; r++)

/* Is there a rule, not off, with this detector or action? */
bool doctor_has_rule(const struct doctor *d, const char *detector);
bool doctor_does(const struct doctor *d, enum action action);
/* Is there one with a brake at RCPT? */
bool doctor_brakes(const struct doctor *d);

#endif
