/* SPDX-License-Identifier: ISC */
/* Between audit.c, which finds the lists, and audit_check.c, which says what is wrong with them. */
#ifndef JUDGE_AUDIT_RUN_H
#define JUDGE_AUDIT_RUN_H

#include "base/buf.h"
#include "judge/audit_graph.h"

/* A lists entry by the local part of its posting address, of those at our domains. */
struct local_entry {
	char *name;
	const struct list_entry *entry;
};

struct run {
	const struct audit *in;
	struct audit_result *out;
	struct graph g;
	struct local_entry *entries;
	unsigned n_entries;
	/* by node: a list in effect; one that has an owner or stands in [mail] lists */
	bool *is_list, *declared;
	struct buf what, put, where, name;
};

/* What the checks look at. */
struct subject {
	const struct alias *alias; /* NULL, as node and ring: a list that has no alias */
	const struct node *node;
	const struct ring *ring;
	const struct list_entry *entry; /* NULL: not in [mail] lists */
	bool entry_plain;               /* it comes from a plain lists file */
	int32_t owner;                  /* the node of owner-NAME, -1: none */
	bool own_bounces;               /* a list manager with a return path of its own */
	bool role;                      /* postmaster and the like, whoever shares the work: no list */
	bool exposed;                   /* members outside, or nobody knows how many */
};

/* Checks of an alias that is a list; the last one is NULL. */
typedef void check_fn(struct run *r, const struct subject *s);
extern check_fn *const audit_checks[];

check_fn audit_check_cycle; /* of any alias */
check_fn audit_check_owner_there;
check_fn audit_check_owner_entry; /* also of a list without an alias */

void audit_unfinished(struct run *r);

#endif
