/* SPDX-License-Identifier: ISC */
/*
 * Alias maps as aliases(5) has them: several files become one sorted array.
 *
 *	name: value, value, ...		both may be in quotes; '\' makes what follows plain
 *		value		a line that begins with space goes on with the last one
 *	# comment
 *
 * Linear in the text but for the sorting. Faults are reported one call each, with the line.
 */
#ifndef JUDGE_ALIASES_H
#define JUDGE_ALIASES_H

#include "base/str.h"
#include "judge/lists.h"

struct alias {
	char *name;   /* lower-case, without quotes */
	char *values; /* right-hand side as it stands, in one line */
	unsigned line;
	unsigned file; /* index into aliases->files */
};

struct aliases {
	struct alias *v; /* sorted by name, file, line, once aliases_sort() was called */
	unsigned n;
	char **files;
	unsigned n_files;
};

void aliases_init(struct aliases *a);
void aliases_fini(struct aliases *a);
/* Adds what `text` (a whole file's content) says. Faults do not stop it. */
void aliases_add(struct aliases *a, struct str text, const char *file, struct conf_faults *faults);
void aliases_sort(struct aliases *a);

/* The first that has this name of `n` things of `size` bytes each, which begin with a name (a char *) and are
 * sorted by it; NULL: none. */
const void *named_find(const void *v, size_t n, size_t size, const char *name);
/* NULL: none. Of several with that name the first. */
const struct alias *aliases_find(const struct aliases *a, const char *name);
/* The one called owner-NAME. */
const struct alias *aliases_owner_of(const struct aliases *a, const char *name);

/* Cuts the next value off *rest, without the space around it; it may be empty. false: the end. */
bool alias_value(struct str *rest, struct str *value);
/* Without quotes and backslashes, lower-case if `fold`; for xfree(). */
char *alias_unquote(struct str s, bool fold);

#endif
