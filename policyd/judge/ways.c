/* SPDX-License-Identifier: ISC */
#include "judge/ways.h"

#include "base/compiler.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "judge/storm.h"
#include "mail/received.h"

enum { COUNT_MAX = UINT16_MAX, STOPPED_MIN = 2, HOST_NAME_KEEP = 255, FEW = 4, WAY_BLOCK = 64 };

/* A host as a message's ways know it. */
struct way_host {
	uint32_t name, domain; /* hashes: of it, and without its first label */
	uint16_t ways;         /* that it lies on */
	uint16_t shortest;     /* length of the shortest of them */
	uint16_t passed,
	    stopped; /* transmissions that came from it last, of all hosts that are not on every way */
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
	uint32_t few_lines[FEW];
	struct way_host few_hosts[FEW];
};

/* Memory is taken for many at a time, and given back at the end alone. */
struct way_block {
	struct way_block *next;
	struct way ways[WAY_BLOCK];
};

struct ways {
	struct map map;
	struct list lru; /* longest not seen first */
	struct way_block *blocks;
};

/* What names a host. */
enum how { HOW_LINE, HOW_CLIENT, HOW_HELO };
static const char *const hows[] = { [HOW_LINE] = "received", [HOW_CLIENT] = "client", [HOW_HELO] = "helo" };

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

struct ways *
ways_new(void)
{
	struct ways *w = xcalloc(1, sizeof(*w));

	map_init(&w->map);
	list_init(&w->lru);
	return w;
}

/* Leaves nothing of it but its place in memory. */
static void
way_empty(struct ways *w, struct way *way)
{
	map_del(&w->map, way->key);
	list_del(&way->lru);
	if (way->lines != way->few_lines)
		xfree(way->lines);
	if (way->hosts != way->few_hosts)
		xfree(way->hosts);
}

void
ways_free(struct ways *w)
{
	if (!w)
		return;
	LIST_FOREACH_SAFE (it, after, &w->lru)
		way_empty(w, container_of(it, struct way, lru));
	while (w->blocks) {
		struct way_block *b = w->blocks;

		w->blocks = b->next;
		xfree(b);
	}
	map_fini(&w->map);
	xfree(w);
}

uint32_t
ways_count(const struct ways *w)
{
	return w->map.n;
}

/* --- the way of the message at hand ------------------------------------------------------------------- */

static uint32_t
line_hash(const struct header_facts *f, uint32_t i)
{
	return (uint32_t)(f->hops[i].hash ^ f->hops[i].hash >> 32);
}

/* Ours, or a relay of ours by the name that it writes into the lines above. */
static bool
ours(const struct view *v, struct str name, enum how how, uint32_t line)
{
	const struct traits *t = v->traits;

	for (uint32_t i = t->own_top; i < t->own_top + t->relay_hops; i++)
		if (str_ieq(v->msg->header.f.hops[i].by, name))
			return true;
	return how == HOW_LINE ? traits_own_line(t, line) : site_own_host(v->site, name);
}

/* "out2.provider.example" is of provider.example; "provider.example" of itself. */
static struct str
domain_of(struct str name)
{
	size_t dot = str_find(name, '.');
	struct str rest = str_sub(name, dot + 1, name.n);

	return str_find(rest, '.') < rest.n ? rest : name;
}

static bool
stands_there(const struct road *r, struct str name)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (str_ieq(r->stops[i].name, name))
			return true;
	return false;
}

static void
road_add(struct road *r, const struct view *v, struct str name, enum how how, uint32_t line)
{
	struct stop *s = &r->stops[r->n];
	char text[HOST_NAME_KEEP];
	struct str lower = { text, name.n < sizeof(text) ? name.n : sizeof(text) };
	uint32_t hash;

	if (name.n == 0 || r->n == STOPS_MAX || stands_there(r, name) || ours(v, name, how, line))
		return;
	str_lower_to(text, str_sub(name, 0, lower.n));
	hash = (uint32_t)hash64(v->site->hash_seed, lower);
	*s = (struct stop){ .name = name, .how = how, .hash = hash, .above = line < r->common };
	s->nobody = how != HOW_CLIENT && received_nobody(name);
	s->domain = how == HOW_CLIENT ? hash : (uint32_t)hash64(v->site->hash_seed, domain_of(lower));
	for (uint32_t i = r->common; i < r->end && !s->common; i++)
		s->common = received_names(&r->hops[i], name);
	r->n++;
}

/* The line where it began names it. */
static bool
at_bottom(const struct road *r, const struct stop *s)
{
	return r->end > r->top && received_names(&r->hops[r->end - 1], s->name);
}

/* Who wrote the lines, the last one first, and who handed it over; our relays' lines stand for nobody. */
static void
road_of(struct road *r, const struct view *v, uint32_t n_common)
{
	const struct header_facts *f = &v->msg->header.f;
	const struct traits *t = v->traits;

	if (f->skipped_hops && n_common > 1)
		n_common = 1; /* lines are missing above the bottom one */
	r->n = 0;
	r->hops = f->hops;
	r->top = t->own_top + t->relay_hops;
	r->end = f->n_hops;
	r->common = r->end - r->top > n_common ? r->end - n_common : r->top;
	r->length = t->foreign_hops < COUNT_MAX ? (uint16_t)t->foreign_hops : COUNT_MAX;
	for (uint32_t i = r->top; i < r->end; i++)
		road_add(r, v, f->hops[i].by, HOW_LINE, i);
	road_add(r, v, t->client_text, HOW_CLIENT, r->top);
	road_add(r, v, t->relay_hops ? f->hops[r->top - 1].from : v->msg->helo, HOW_HELO, r->top);
}

/* --- what is remembered ------------------------------------------------------------------------------- */

static struct way_host *
host_find(const struct way *way, uint32_t hash)
{
	for (uint32_t i = 0; i < way->n_hosts; i++)
		if (way->hosts[i].name == hash)
			return &way->hosts[i];
	return NULL;
}

static void
grow_hosts(struct way *way)
{
	struct way_host *few = way->hosts == way->few_hosts ? way->hosts : NULL;

	way->cap_hosts *= 2;
	way->hosts = xrealloc(few ? NULL : way->hosts, way->cap_hosts * sizeof(*way->hosts));
	if (few)
		memcpy(way->hosts, few, sizeof(way->few_hosts));
}

/* A place for one more; at the cap that of a host of longer ways than this one, or none. */
static struct way_host *
host_place(struct way *way, uint16_t length)
{
	struct way_host *worst = way->hosts;

	if (way->n_hosts < WAY_HOSTS_MAX) {
		if (way->n_hosts == way->cap_hosts)
			grow_hosts(way);
		return &way->hosts[way->n_hosts++];
	}
	way->full = true;
	for (uint32_t i = 1; i < way->n_hosts; i++)
		if (way->hosts[i].shortest > worst->shortest)
			worst = &way->hosts[i];
	return worst->shortest > length ? worst : NULL;
}

static void
note_host(struct way *way, const struct stop *s, uint16_t length)
{
	struct way_host *h = host_find(way, s->hash);

	if (!h) {
		h = host_place(way, length);
		if (!h)
			return;
		*h = (struct way_host){ .name = s->hash, .domain = s->domain, .shortest = length };
	}
	h->ways++;
	if (h->shortest > length)
		h->shortest = length;
}

/* The common part shrinks to what this way shares with it. Lines that were not kept are no difference. */
static void
note_lines(struct way *way, const struct header_facts *f, const struct road *r)
{
	uint32_t n = 0, have = r->end - r->top;

	if (way->ways == 0) {
		way->n_lines = (uint8_t)(have < WAY_LINES_MAX ? have : WAY_LINES_MAX);
		if (way->n_lines > FEW)
			way->lines = xmalloc(way->n_lines * sizeof(*way->lines));
		for (uint32_t i = 0; i < way->n_lines; i++)
			way->lines[i] = line_hash(f, r->end - 1 - i);
		if (f->skipped_hops && way->n_lines)
			way->n_lines = 1;
		return;
	}
	while (n < way->n_lines && n < have && way->lines[n] == line_hash(f, r->end - 1 - n))
		n++;
	if (!f->skipped_hops || n == 0)
		way->n_lines = (uint8_t)n;
}

/* It makes room. The next two to go are asked of memory: for long nobody has touched them. */
static struct way *
take_oldest(struct ways *w)
{
	struct way *way = container_of(w->lru.next, struct way, lru);
	const struct way *next = container_of(way->lru.next, struct way, lru);

	way_empty(w, way);
	map_fetch(&w->map, next->key);
	fetch_bytes(container_of(next->lru.next, struct way, lru), sizeof(*next));
	return way;
}

/* One more than there are. */
static struct way *
take_fresh(struct ways *w)
{
	uint32_t at = w->map.n % WAY_BLOCK;

	if (at == 0) {
		struct way_block *b = xmalloc(sizeof(*b));

		b->next = w->blocks;
		w->blocks = b;
	}
	return &w->blocks->ways[at];
}

static struct way *
way_of(struct ways *w, struct key128 key)
{
	struct way *way = map_get(&w->map, key);

	if (way) {
		list_del(&way->lru);
	} else {
		way = w->map.n < WAYS_MAX ? take_fresh(w) : take_oldest(w);
		*way = (struct way){
			.key = key,
			.shortest = COUNT_MAX,
			.lines = way->few_lines,
			.hosts = way->few_hosts,
			.cap_hosts = FEW,
		};
		map_put(&w->map, key, way);
	}
	list_add_tail(&w->lru, &way->lru);
	return way;
}

static void
note_id(struct way *way, const struct traits *t)
{
	if (t->id_missing)
		return;
	if (!way->first) {
		way->first = t->trace;
		way->first_id = t->ids[0].lo;
	}
	way->shared |= way->first == t->trace && way->first_id != t->ids[0].lo;
}

static bool
on_every(const struct way *way, const struct way_host *h)
{
	return h && h->ways == way->ways;
}

static bool
wrote_line(const struct stop *s)
{
	return s->how == HOW_LINE && !s->nobody;
}

/* The host from which it came: the last one to write a line, of those that do not lie on every way. When all
 * do, the last one that it came back to, or one that does not say its name. */
static const struct stop *
giver(const struct way *way, const struct road *r)
{
	const struct stop *back = NULL, *nobody = NULL;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct stop *s = &r->stops[i];
		bool parts = s->how == HOW_LINE && !on_every(way, host_find(way, s->hash));

		if (parts && !s->nobody)
			return s;
		if (parts && !nobody)
			nobody = s;
		if (!back && wrote_line(s) && s->above && s->common)
			back = s;
	}
	return back ? back : nobody;
}

void
ways_note(struct ways *w, struct key128 key, const struct view *v, bool stopped)
{
	struct way *way = way_of(w, key);
	struct road r;
	const struct stop *last;
	struct way_host *h;

	note_id(way, v->traits);
	if (way->ways == COUNT_MAX || (way->ways && way->last == v->traits->trace))
		return;
	road_of(&r, v, way->n_lines);
	note_lines(way, &v->msg->header.f, &r);
	way->last = v->traits->trace;
	way->ways++;
	if (way->shortest > r.length)
		way->shortest = r.length;
	for (uint32_t i = 0; i < r.n; i++)
		note_host(way, &r.stops[i], r.length);
	last = way->ways == 1 && r.n ? r.stops : giver(way, &r);
	h = last ? host_find(way, last->hash) : NULL;
	if (h)
		++*(stopped ? &h->stopped : &h->passed);
}

void
ways_fetch(const struct ways *w, struct key128 key)
{
	map_fetch(&w->map, key);
}

bool
ways_shared(const struct ways *w, struct key128 key)
{
	const struct way *way = map_get(&w->map, key);

	return way && way->shared;
}

/* --- one provider's hosts in turn ---------------------------------------------------------------------- */

/* All but its last line are the common part. */
static bool
last_line_alone(const struct way *way, const struct road *r, const struct header_facts *f)
{
	if (f->skipped_hops || r->length != way->shortest || r->common != r->top + 1)
		return false;
	for (uint32_t i = 0; i < way->n_lines; i++)
		if (way->lines[i] != line_hash(f, r->end - 1 - i))
			return false;
	return true;
}

static bool
on_road(const struct road *r, const struct way_host *h)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->stops[i].hash == h->name)
			return true;
	return false;
}

bool
ways_in_turn(const struct ways *w, struct key128 key, const struct view *v)
{
	const struct way *way = map_get(&w->map, key);
	struct road r;
	const struct stop *top = r.stops;
	bool other = false;

	if (!way || way->ways < 2)
		return false;
	road_of(&r, v, way->n_lines);
	if (r.n == 0 || !wrote_line(top) || !top->above || !last_line_alone(way, &r, &v->msg->header.f))
		return false;
	for (uint32_t i = 0; i < r.n; i++)
		if (r.stops[i].above && r.stops[i].how != HOW_CLIENT && r.stops[i].domain != top->domain)
			return false;
	for (uint32_t i = 0; i < way->n_hosts; i++) {
		const struct way_host *h = &way->hosts[i];

		/* A client's address has no domain but itself. */
		if (h->domain == h->name || (on_every(way, h) && on_road(&r, h)))
			continue;
		if (h->domain != top->domain || h->shortest != way->shortest)
			return false;
		other |= h->name != top->hash;
	}
	return other;
}

/* --- naming ------------------------------------------------------------------------------------------- */

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
	bool all; /* those on a shortest way too */
};

static bool
on_shortest(const struct naming *n, const struct stop *s)
{
	const struct way_host *h = host_find(n->way, s->hash);

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
	const struct way_host *h = host_find(n->way, s->hash);

	if (s->nobody || !s->above || at_bottom(n->road, s))
		return false;
	if (s == n->from)
		return blamed(h) || (!s->common && !beside_shortest(n, s));
	return !on_every(n->way, h) && !s->common && (n->all || !beside_shortest(n, s));
}

static void
name_suspects(struct naming *n, struct storm *st, uint64_t copies)
{
	const struct road *r = n->road;

	n->from = giver(n->way, r);
	if (!n->from)
		return;
	n->all = on_shortest(n, n->from);
	if (n->all && !blamed(host_find(n->way, n->from->hash)))
		return;
	for (uint32_t i = 0; i < r->n; i++)
		if (suspect(n, &r->stops[i]))
			storm_add_host(st, r->stops[i].name, hows[r->stops[i].how], copies);
}

static bool
all_alike(const struct way *way)
{
	for (uint32_t i = 0; i < way->n_hosts; i++)
		if (!on_every(way, &way->hosts[i]))
			return false;
	return !way->full;
}

/* All ways go over the same hosts: those that it came back to, else the lowest where ways part. */
static void
name_by_growth(const struct road *r, struct storm *st, uint64_t copies)
{
	const struct stop *lowest = NULL;
	bool grown = false;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct stop *s = &r->stops[i];

		if (!wrote_line(s) || !s->above || at_bottom(r, s))
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
	const struct way *way = map_get(&w->map, key);
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
	if (all_alike(way))
		name_by_growth(&r, st, copies);
	else
		name_suspects(&n, st, copies);
}
