/* SPDX-License-Identifier: ISC */
/*
 * What ways.c keeps and ways_name.c reads: the ways of one message as they are remembered, and that of the
 * message at hand beside them.
 */
#ifndef JUDGE_WAYS_ROAD_H
#define JUDGE_WAYS_ROAD_H

#include "base/list.h"
#include "judge/ways.h"

enum { WAY_FEW = 4 };

/* A host as a message's ways know it. */
struct way_host {
	uint32_t name, domain; /* hashes: of it, and without its first label */
	uint16_t ways;         /* that it lies on */
	uint16_t shortest;     /* length of the shortest of them */
	/* transmissions that came from it last, of all hosts that are not on every way */
	uint16_t passed, stopped;
	/* In the first one of a domain: the ways that any of its hosts lies on, and of these those on which
	 * one wrote the last line. */
	uint16_t domain_ways, domain_last;
	bool handed;      /* it never wrote a line: client or HELO */
	bool last, lower; /* it wrote the last line of one way; one further down that it did not hand to us */
};

struct way {
	struct list lru;
	struct key128 key;
	uint64_t first, last; /* the first transmission and the one noted last */
	uint64_t first_id;    /* Message-ID of the first, as it were */
	uint16_t ways;
	uint16_t shortest;
	uint8_t n_lines, n_hosts, cap_hosts;
	bool full;       /* some host found no place */
	bool shared;     /* see ways_shared() */
	uint32_t *lines; /* of the common part, bottom first */
	struct way_host *hosts;
	/* where they stand while they are few, as they mostly are */
	uint32_t few_lines[WAY_FEW];
	struct way_host few_hosts[WAY_FEW];
};

/* What names a host. */
enum how { HOW_LINE, HOW_CLIENT, HOW_HELO };

/* One host on the way of the message at hand. */
struct stop {
	struct str name;
	enum how how;
	uint32_t hash, domain;
	bool common; /* it stands in the common part as well */
	bool above;  /* above the common part */
	bool nobody; /* "localhost" */
};

enum { STOPS_MAX = HEADER_HOPS_MAX + 2 };

struct road {
	struct stop stops[STOPS_MAX];
	uint32_t n;
	const struct hop *hops;
	uint32_t top, end; /* the lines of others, from the last one on */
	uint32_t common;   /* the lines from there on are */
	uint16_t length;
};

/* The way of the view's message: its lines of others, and its hosts. `n_common` of the lowest lines are those
 * of all ways. */
void road_of(struct road *r, const struct view *v, uint32_t n_common);

/* NULL: nobody has seen the message. Until the next ways_note(). */
const struct way *ways_find(const struct ways *w, struct key128 key);

struct way_host *way_host(const struct way *way, uint32_t name);

static inline bool
way_on_every(const struct way *way, const struct way_host *h)
{
	return h && h->ways == way->ways;
}

/* One or another host of that domain lies on every way, and hands over always or never. Not where one that
 * hands over stands between others as well: that is a server of the same domain, the sender's own maybe. */
bool way_pooled(const struct way *way, uint32_t domain);

/* A stop that tells no way from another: it lies on every one, or one of its domain handed over each. */
bool way_settled(const struct way *way, const struct road *r, const struct stop *s);

/* Did such a one, by a name with a domain, write the last line? Then client and HELO are names of its own. */
bool way_settled_last(const struct way *way, const struct road *r);

static inline bool
road_wrote_line(const struct stop *s)
{
	return s->how == HOW_LINE && !s->nobody;
}

/* The host from which it came: the last one to write a line, of those that are not settled. When all
 * are, the last one that it came back to, or one that does not say its name. */
const struct stop *way_giver(const struct way *way, const struct road *r);

#endif
