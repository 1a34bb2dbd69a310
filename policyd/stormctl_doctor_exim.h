/* SPDX-License-Identifier: ISC */
/* Exim's configuration as lines with macros and included files put in, and from these every ${readsocket} to
 * us in the ACLs that see messages. */
#ifndef STORMCTL_DOCTOR_EXIM_H
#define STORMCTL_DOCTOR_EXIM_H

#include "stormctl_doctor.h"

struct ex_line {
	const char *file;
	unsigned line;
	struct str text; /* trimmed, with what backslashes join to it */
};

struct ex_pair {
	struct str name, value;
	const char *file; /* of a macro */
};

enum ex_hook { EX_RCPT, EX_DATA, EX_LOCAL, EX_HOOKS };

/* One ${readsocket}. */
struct ex_ask {
	enum ex_hook hook;
	const struct ex_line *at;
	struct str address;
	struct str written;            /* the address as it stands there */
	struct str request, options;   /* its second and third argument */
	struct str fail;               /* the fifth; p == NULL: there is none */
	const struct ex_line *accept;  /* before it: lets some mail by */
	const struct ex_line *final;   /* before it: nothing comes behind */
	const struct ex_line *refuses; /* behind it: may refuse what we have counted */
	enum whose whose;
};

/* An ACL that one of these options names; with ${if ...} it may name several. */
struct ex_entry {
	enum ex_hook hook;
	struct str name;
	bool asks;
};

struct exim {
	const char *path;
	const char *made_of; /* where Debian keeps what path is made of; NULL: written by hand */
	struct ex_line *lines;
	unsigned n_lines;
	struct ex_pair *macros;
	unsigned n_macros;
	struct ex_pair *options; /* of the main part; the last one holds */
	unsigned n_options;
	struct ex_ask *asks;
	unsigned n_asks;
	struct ex_entry *entries;
	unsigned n_entries;
};

extern const char *const ex_hook_names[EX_HOOKS];

static inline struct exim *
ex_of(const struct doctor *d)
{
	return d->model;
}

/* The value of an option of the main part, STR("") when it is not set; "true" and "false" for switches. */
struct str ex_get(const struct exim *x, const char *name);
const char *ex_where(struct doctor *d, const struct ex_line *line);
/* Index of the line that begins that section ("acl", "routers"), n_lines when there is none. */
unsigned ex_section(const struct exim *x, const char *name);
/* Entries of a named list ("domainlist", "local_domains") with space between, our own name for "@". */
struct str ex_list(struct doctor *d, const char *kind, const char *name);

/* stormctl_doctor_exim_acl.c */
void ex_find_asks(struct doctor *d); /* fills asks and entries */
/* Index of the line that begins that ACL, n_lines when there is none. */
unsigned ex_acl(const struct exim *x, struct str name);

#endif
