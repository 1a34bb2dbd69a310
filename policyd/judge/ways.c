/* SPDX-License-Identifier: ISC */
#include "judge/ways.h"

#include "base/compiler.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "judge/ways_road.h"
#include "mail/received.h"

enum { COUNT_MAX = UINT16_MAX, HOST_NAME_KEEP = 255, WAY_BLOCK = 64, STRAIGHT_BITS = 1 << 20 };

/* Memory is taken for many at a time, and given back at the end alone. */
struct way_block {
	struct way_block *next;
	struct way ways[WAY_BLOCK];
};

/* A bit for each message that came straight. */
struct straights {
	uint64_t bits[STRAIGHT_BITS / 64];
	uint32_t n;
	int64_t since; /* monotonic */
};

struct ways {
	struct map map;
	struct list lru; /* longest not seen first */
	struct way_block *blocks;
	struct straights *straights[2]; /* of late, and before that; NULL: none */
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
	for (int i = 0; i < 2; i++)
		xfree(w->straights[i]);
	map_fini(&w->map);
	xfree(w);
}

const struct way *
ways_find(const struct ways *w, struct key128 key)
{
	return map_get(&w->map, key);
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

/* Who wrote the lines, the last one first, and who handed it over; our relays' lines stand for nobody. */
void
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

struct way_host *
way_host(const struct way *way, uint32_t hash)
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
	struct way_host *h = way_host(way, s->hash);

	if (!h) {
		h = host_place(way, length);
		if (!h)
			return;
		*h = (struct way_host){
			.name = s->hash,
			.domain = s->domain,
			.shortest = length,
			.domain_ways = way->ways == 1,
			.domain_last = way->ways == 1 && h == way->hosts && road_wrote_line(s),
			.handed = true,
			.last = way->ways == 1 && h == way->hosts && road_wrote_line(s),
		};
	}
	h->ways++;
	h->handed &= s->how != HOW_LINE;
	if (h->shortest > length)
		h->shortest = length;
}

static struct way_host *
first_of_domain(const struct way *way, uint32_t domain)
{
	for (uint32_t i = 0; i < way->n_hosts; i++)
		if (way->hosts[i].domain == domain)
			return &way->hosts[i];
	return NULL;
}

/* Below a line of ours stands who handed it to us, at an earlier visit. */
static bool
stands_lower(const struct road *r, const struct view *v, struct str name)
{
	for (uint32_t i = r->top + 1; i < r->end; i++)
		if (!traits_own_line(v->traits, i - 1) && str_ieq(r->hops[i].by, name))
			return true;
	return false;
}

/* Each domain of the way once. Those of the first way are noted with their hosts. */
static void
note_domains(struct way *way, const struct road *r, const struct view *v)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct way_host *h = way_host(way, r->stops[i].hash);
		struct way_host *first = first_of_domain(way, r->stops[i].domain);
		uint32_t before = 0;

		if (h && road_wrote_line(&r->stops[i])) {
			h->last |= i == 0;
			h->lower |= stands_lower(r, v, r->stops[i].name);
		}
		while (r->stops[before].domain != r->stops[i].domain)
			before++;
		if (!first || before < i)
			continue;
		first->domain_ways++;
		first->domain_last += i == 0 && road_wrote_line(&r->stops[i]);
	}
}

/* The common part shrinks to what this way shares with it. Lines that were not kept are no difference. */
static void
note_lines(struct way *way, const struct header_facts *f, const struct road *r)
{
	uint32_t n = 0, have = r->end - r->top;

	if (way->ways == 0) {
		way->n_lines = (uint8_t)(have < WAY_LINES_MAX ? have : WAY_LINES_MAX);
		if (way->n_lines > WAY_FEW)
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
			.cap_hosts = WAY_FEW,
		};
		map_put(&w->map, key, way);
	}
	list_add_tail(&w->lru, &way->lru);
	return way;
}

static void
note_id(struct way *way, const struct traits *t, const struct header_facts *f)
{
	if (t->id_missing)
		return;
	if (!way->first) {
		way->first = t->trace;
		way->first_id = t->ids[0].lo;
	}
	if (way->first == t->trace && way->first_id != t->ids[0].lo && !traits_two_ids(t, f))
		way->shared = true;
}

bool
way_pooled(const struct way *way, uint32_t domain)
{
	const struct way_host *first = first_of_domain(way, domain);

	if (!first || first->domain_ways != way->ways)
		return false;
	for (uint32_t i = 0; i < way->n_hosts; i++)
		if (way->hosts[i].domain == domain && way->hosts[i].last && way->hosts[i].lower)
			return false;
	return first->domain_last == 0 || first->domain_last == way->ways;
}

bool
way_settled(const struct way *way, const struct road *r, const struct stop *s)
{
	return way_on_every(way, way_host(way, s->hash)) || (s == r->stops && way_pooled(way, s->domain));
}

bool
way_settled_last(const struct way *way, const struct road *r)
{
	const struct stop *s = r->stops;

	return r->n && road_wrote_line(s) && r->top < r->end && str_ieq(r->hops[r->top].by, s->name) &&
	    str_find(s->name, '.') < s->name.n && way_settled(way, r, s);
}

const struct stop *
way_giver(const struct way *way, const struct road *r)
{
	const struct stop *back = NULL, *nobody = NULL;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct stop *s = &r->stops[i];
		bool parts = s->how == HOW_LINE && !way_settled(way, r, s);

		if (parts && !s->nobody)
			return s;
		if (parts && !nobody)
			nobody = s;
		if (!back && road_wrote_line(s) && s->above && s->common)
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

	note_id(way, v->traits, &v->msg->header.f);
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
	if (way->ways > 1)
		note_domains(way, &r, v);
	last = way->ways == 1 && r.n ? r.stops : way_giver(way, &r);
	h = last ? way_host(way, last->hash) : NULL;
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
	const struct way *way = ways_find(w, key);

	return way && way->shared;
}

/* --- what came straight --------------------------------------------------------------------------------- */

static bool
straight_bit(const struct straights *s, struct key128 key)
{
	uint32_t bit = (uint32_t)key.lo % STRAIGHT_BITS;

	return s && (s->bits[bit / 64] >> bit % 64 & 1);
}

void
ways_note_straight(struct ways *w, struct key128 straight, struct now now)
{
	struct straights *s = w->straights[0];
	uint32_t bit = (uint32_t)straight.lo % STRAIGHT_BITS;

	if (!s || s->n == STRAIGHT_MAX || now.mono - s->since >= (int64_t)MS_DAY) {
		xfree(w->straights[1]);
		w->straights[1] = s;
		s = w->straights[0] = xcalloc(1, sizeof(*s));
		s->since = now.mono;
	}
	if (straight_bit(s, straight))
		return;
	s->bits[bit / 64] |= (uint64_t)1 << bit % 64;
	s->n++;
}

bool
ways_straight(const struct ways *w, struct key128 straight)
{
	return straight_bit(w->straights[0], straight) || straight_bit(w->straights[1], straight);
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
	const struct way *way = ways_find(w, key);
	struct road r;
	const struct stop *top = r.stops;
	bool other = false;

	if (!way || way->ways < 2)
		return false;
	road_of(&r, v, way->n_lines);
	if (r.n == 0 || !road_wrote_line(top) || !top->above || !last_line_alone(way, &r, &v->msg->header.f))
		return false;
	for (uint32_t i = 0; i < r.n; i++)
		if (r.stops[i].above && r.stops[i].how != HOW_CLIENT && r.stops[i].domain != top->domain)
			return false;
	for (uint32_t i = 0; i < way->n_hosts; i++) {
		const struct way_host *h = &way->hosts[i];

		/* A client's address has no domain but itself. */
		if (h->domain == h->name || (way_on_every(way, h) && on_road(&r, h)))
			continue;
		if (h->domain != top->domain || h->shortest != way->shortest)
			return false;
		other |= h->name != top->hash;
	}
	return other;
}
