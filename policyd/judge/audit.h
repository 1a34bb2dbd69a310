/* SPDX-License-Identifier: ISC */
/*
 * Which mailing lists could bounce to themselves. A list goes round when a bounce of one of its copies
 * reaches it again: because nobody else is named for bounces, because the one who is named is a list, or
 * because it contains itself; outside members and a list that anybody may write to are what sets it off.
 *
 * Pure: files that :include: names are asked for, and so are the users of the machine. Linear in what is
 * read, but for the ways from owners back to lists, which are followed within AUDIT_STEPS_MAX.
 */
#ifndef JUDGE_AUDIT_H
#define JUDGE_AUDIT_H

#include <stdbool.h>

#include "judge/aliases.h"
#include "judge/lists.h"
#include "mail/site.h"

enum {
	AUDIT_INCLUDED_MAX = 1 << 20, /* members out of included files, all together */
	AUDIT_STEPS_MAX = 20000000,
	AUDIT_LINE_MAX = 2000, /* bytes of a line to put right; longer ones are not written out */
};

enum audit_severity { AUDIT_CLEAN, AUDIT_NOTE, AUDIT_WARNING, AUDIT_DANGER };
extern const char *const audit_severity_names[];

struct audit_finding {
	enum audit_severity severity;
	const char *kind; /* one word: "no-owner", "owner-is-list", ... */
	const char *list; /* its posting address */
	const char *file; /* where the line stands that is to be put right */
	unsigned line;
	const char *what;
	const char *put;   /* the line to write instead, or besides; NULL: there is none that fits all */
	const char *where; /* the file that `put` belongs to; NULL: `file`, in place of the line or besides */
};

struct audit {
	const struct aliases *aliases; /* sorted */
	const struct lists *lists;     /* finished; what the daemon knows */
	const char *lists_key;         /* [mail] lists as written, or NULL */
	const char *lists_file;        /* the plain file that it names, or NULL */
	const struct site *site;
	bool guarded; /* a rule list-guard is in force */
	/* Is there such a user, or another mailbox, beside the aliases? */
	bool (*user)(void *arg, const char *name);
	/* The full path of a file of aliases, good until the next call. */
	const char *(*path)(void *arg, const char *file);
	/* The content of a file, good until the next call; false: it cannot be read. */
	bool (*include)(void *arg, const char *path, struct str *text);
	void (*found)(void *arg, const struct audit_finding *f);
	void *arg;
};

struct audit_result {
	unsigned lists; /* looked at */
	unsigned n[AUDIT_DANGER + 1];
};

/* Lists come file by file in the order of their lines, as far as the aliases go; then those that have no
 * alias. */
void audit_run(const struct audit *in, struct audit_result *out);

#endif
