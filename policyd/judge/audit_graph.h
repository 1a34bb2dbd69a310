/* SPDX-License-Identifier: ISC */
/*
 * For audit.c: what aliases lead to. Each alias is a node; those that lead to each other form a ring (a
 * strongly connected part, mostly of one), which knows what all of its members lead to.
 */
#ifndef JUDGE_AUDIT_GRAPH_H
#define JUDGE_AUDIT_GRAPH_H

#include <stdint.h>

#include "base/map.h"
#include "judge/audit.h"

enum member_kind {
	MEMBER_LOCAL,   /* a name of this host: an alias, or a mailbox */
	MEMBER_OUTSIDE, /* an address elsewhere */
	MEMBER_SINK,    /* a file, a command, ":fail:" and the like */
	MEMBER_MANAGER, /* a command of a list manager: any number of mailboxes */
	MEMBER_UNREAD,  /* a file of addresses that could not be read: any number of mailboxes */
};

struct member {
	struct str raw; /* as it stands in alias->values; absent: it comes from an included file */
	uint64_t box;   /* hash of the mailbox */
	int32_t to;     /* node, or -1 */
	enum member_kind kind;
};

struct node {
	uint32_t first, n; /* into graph->members */
	uint32_t n_real;   /* of them to people: no files and commands */
	uint32_t n_outside;
	uint32_t ring;
	bool many;     /* manager or unread */
	bool synonym;  /* stands for one other alias */
	bool personal; /* somebody's own copy, and where else he wants it */
};

struct ring {
	uint64_t boxes[2]; /* of the mailboxes behind it two, to tell one from several */
	unsigned n_boxes;
	uint32_t size;
	bool outside, many;
	bool cycle; /* what goes in comes back */
};

struct graph {
	const struct audit *in;
	struct node *nodes; /* as in->aliases->v */
	struct member *members;
	uint32_t n_members, n_included;
	struct ring *rings;
	uint32_t n_rings;
	struct map mailboxes;   /* boxes that something else than an owner- alias leads to */
	uint32_t *seen, *stack; /* of graph_leads() */
	uint32_t stamp;
	uint64_t steps;
};

void graph_init(struct graph *g, const struct audit *in);
void graph_fini(struct graph *g);

/* The alias that a local name reaches, with or without "+detail"; -1: none. `name` is lower-case. */
int32_t graph_find(const struct graph *g, const char *name);
/* The local part of an address of this host, lower-case, for xfree(); NULL: it is elsewhere, or none. */
char *graph_local(const struct audit *in, struct str addr);
/* Is this local name, lower-case, a mailbox for all that the files say? */
bool graph_mailbox(const struct graph *g, const char *name);
/* Does mail to node `from` reach the ring? false as well when AUDIT_STEPS_MAX are used up. */
bool graph_leads(struct graph *g, int32_t from, uint32_t ring);

#endif
