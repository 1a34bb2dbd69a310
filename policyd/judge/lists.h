/* SPDX-License-Identifier: ISC */
/*
 * The mailing lists of a site: posting address, owner, posters. Two kinds of file:
 *	lists:   posting-address  owner-address  [poster ...]	# comment
 *	aliases: aliases(5); NAME is a list when owner-NAME exists too, its posting address is NAME@ each
 *		 local domain. The owner is what owner-NAME stands for when that is one address, else
 *		 owner-NAME@ that domain. A bare name means the one at that domain.
 * A line of the former stands in place of what a map says of that address: only there posters can be named.
 */
#ifndef JUDGE_LISTS_H
#define JUDGE_LISTS_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/str.h"
#include "mail/site.h"

struct list_entry {
	char *posting; /* lower-case */
	char *owner;   /* as written */
	struct strset posters;
	unsigned file, line; /* where it stands: index into lists->files */
	bool of_map;         /* in an alias map */
};

struct lists {
	struct list_entry *v; /* sorted by posting, once lists_finish() was called */
	unsigned n;
	char **files;
	unsigned n_files;
};

void lists_init(struct lists *l);
void lists_fini(struct lists *l);
/* Adds what `text` (a whole file's content) says. Faults do not stop the reading. */
void lists_add(struct lists *l, struct str text, const char *file, struct conf_faults *faults);
void lists_add_aliases(
    struct lists *l, struct str text, const char *file, const struct site *site, struct conf_faults *faults);
/* Sorts; an address named twice by files of one kind, or an owner that is itself a list, is a fault. */
void lists_finish(struct lists *l, struct conf_faults *faults);

/* By the address' `plain` form (lower-case). "list+detail@" does not match "list@". NULL: no list. */
const struct list_entry *lists_find(const struct lists *l, struct str plain);

/* For the two readers: a new entry at that line of the file added last; `owner` as written. */
struct list_entry *lists_put(struct lists *l, struct str posting, struct str owner, unsigned line);
void lists_file(struct lists *l, const char *file);

#endif
