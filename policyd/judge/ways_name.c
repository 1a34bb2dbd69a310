/* SPDX-License-Identifier: ISC */
/* Whom a storm is named after: see ways.h. */
#include "judge/ways_road.h"

#include "judge/storm.h"
#include "mail/received.h"

enum { STOPPED_MIN = 2 };

static const char *const hows[] = { [HOW_LINE] = "received", [HOW_CLIENT] = "client", [HOW_HELO] = "helo" };

/* Where it began: the line there names it. What came without any line began before the one that somebody
 * wrote who had it. */
static bool
at_bottom(const struct way *way, const struct road *r, const struct stop *s)
{
	const struct hop *bottom;

	if (r->end == r->top)
		return false;
	bottom = &r->hops[r->end - 1];
	return way->shortest ? received_names(bottom, s->name) : received_from(bottom, s->name);
}

static bool
blamed(const struct way_host *h)
{
	return h && h->stopped >= STOPPED_MIN && h->stopped >= h->passed;
}

/* What the copy at hand is compared with. */
struct naming {
	const struct way *way;
	const struct road *road;
	const struct stop *from; /* that it came from */
	uint32_t shortest;
	bool last; /* see way_settled_last() */
	bool all;  /* those on a shortest way too */
};

static bool
on_shortest(const struct naming *n, const struct stop *s)
{
	const struct way_host *h = way_host(n->way, s->hash);

	return h && h->shortest <= n->shortest;
}

/* A host of a shortest way's domain: one of several gateways of the same firm. */
static bool
beside_shortest(const struct naming *n, const struct stop *s)
{
	for (uint32_t i = 0; i < n->way->n_hosts; i++)
		if (n->way->hosts[i].domain == s->domain && n->way->hosts[i].shortest <= n->shortest)
			return true;
	return false;
}

static bool
suspect(const struct naming *n, const struct stop *s)
{
	const struct way_host *h = way_host(n->way, s->hash);

	if (s->nobody || !s->above || at_bottom(n->way, n->road, s))
		return false;
	if (s->how != HOW_LINE && n->last)
		return false; /* of the one that lies on every way */
	if (s == n->from)
		return blamed(h) || (!s->common && !beside_shortest(n, s));
	return !way_settled(n->way, n->road, s) && !s->common && (n->all || !beside_shortest(n, s));
}

static bool
names_above(const struct road *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (road_wrote_line(&r->stops[i]) && r->stops[i].above)
			return true;
	return false;
}

/* Where those above the common part wrote no name (qmail, fed by a program) the client alone tells it. */
static void
name_suspects(struct naming *n, struct storm *st, uint64_t copies)
{
	const struct road *r = n->road;

	n->from = way_giver(n->way, r);
	n->last = way_settled_last(n->way, r);
	if (!n->from && names_above(r))
		return;
	n->all = n->from && on_shortest(n, n->from);
	if (n->all && !blamed(way_host(n->way, n->from->hash)))
		return;
	for (uint32_t i = 0; i < r->n; i++)
		if (suspect(n, &r->stops[i]))
			storm_add_host(st, r->stops[i].name, hows[r->stops[i].how], copies);
}

/* The sender's domain lies on every way as he does: that tells nothing of its other hosts. 0: no name. */
static uint32_t
bottom_domain(const struct road *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (str_ieq(r->stops[i].name, r->hops[r->end - 1].by))
			return r->stops[i].domain;
	return 0;
}

static bool
all_alike(const struct way *way, const struct road *r)
{
	bool last = way_settled_last(way, r);
	uint32_t sender = bottom_domain(r);

	for (uint32_t i = 0; i < way->n_hosts; i++) {
		const struct way_host *h = &way->hosts[i];

		if (!way_on_every(way, h) && !(h->handed && last) &&
		    (h->domain == sender || !way_pooled(way, h->domain)))
			return false;
	}
	return !way->full;
}

/* All ways go over the same hosts: those that it came back to, else the lowest where ways part. */
static void
name_by_growth(const struct way *way, const struct road *r, struct storm *st, uint64_t copies)
{
	const struct stop *lowest = NULL;
	bool grown = false;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct stop *s = &r->stops[i];

		if (!road_wrote_line(s) || !s->above || at_bottom(way, r, s))
			continue;
		lowest = s;
		if (s->common)
			storm_add_host(st, s->name, hows[s->how], copies);
		grown |= s->common;
	}
	if (lowest && !grown)
		storm_add_host(st, lowest->name, hows[lowest->how], copies);
}

/* Nothing is known but how long the shortest way was: who wrote more than that, and is not below it. */
static void
name_by_length(const struct view *v, uint32_t base, struct storm *st, uint64_t copies)
{
	struct road r;

	road_of(&r, v, base);
	if (base == 0 || r.length <= base)
		return;
	for (uint32_t i = 0; i < r.n; i++)
		if (r.stops[i].above && !r.stops[i].common && !r.stops[i].nobody)
			storm_add_host(st, r.stops[i].name, hows[r.stops[i].how], copies);
}

void
ways_name(const struct ways *w, struct key128 key, const struct view *v, struct storm *st, uint64_t copies)
{
	const struct way *way = ways_find(w, key);
	struct road r;
	struct naming n = { .way = way, .road = &r };

	if (!way || way->ways < 2) {
		name_by_length(v, st->shortest, st, copies);
		return;
	}
	storm_shortest(st, way->shortest);
	n.shortest = st->shortest;
	road_of(&r, v, way->n_lines);
	if (r.common == r.top)
		return; /* nothing but the common part: as short as can be */
	if (all_alike(way, &r))
		name_by_growth(way, &r, st, copies);
	else
		name_suspects(&n, st, copies);
}
