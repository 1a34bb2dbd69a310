/* SPDX-License-Identifier: ISC */
/* Built in one pass over all values; the rings after Tarjan, without recursion: the input may be deep. */
#include "judge/audit_graph.h"

#include "base/hash.h"
#include "base/xalloc.h"
#include "mail/addr.h"

/* --- members ------------------------------------------------------------------------------------------ */

static bool
our_domain(const struct site *site, struct str domain)
{
	return site_local_domain(site, domain) || site_own_host(site, domain) ||
	    str_ieq(domain, STR("localhost"));
}

char *
graph_local(const struct audit *in, struct str addr)
{
	struct str local, domain;

	if (!addr_split(addr, &local, &domain)) {
		if (str_find(addr, '@') < addr.n || addr.n == 0)
			return NULL;
		local = addr;
	} else if (!our_domain(in->site, domain)) {
		return NULL;
	}
	return local.n ? alias_unquote(local, true) : NULL;
}

int32_t
graph_find(const struct graph *g, const char *name)
{
	const struct aliases *a = g->in->aliases;
	const struct alias *found = aliases_find(a, name);
	const char *plus = strchr(name, '+');
	char *bare;

	if (!found && plus && plus > name) {
		bare = xstr((struct str){ name, (size_t)(plus - name) });
		found = aliases_find(a, bare);
		xfree(bare);
	}
	return found ? (int32_t)(found - a->v) : -1;
}

static bool
is_manager(const char *command)
{
	static const char *const names[] = { "mailman", "majordomo", "listserv", "listproc", "sympa", "ezmlm",
		"mlmmj", "smartlist", "petidomo", "ecartis", "listar", "minimalist", "bulk_mailer" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_ifind(str_of(command), str_of(names[i])) < strlen(command))
			return true;
	return false;
}

static void
put_member(struct graph *g, struct node *node, struct member m)
{
	g->members = xgrow(g->members, g->n_members, sizeof(*g->members));
	g->members[g->n_members++] = m;
	node->n++;
	if (m.kind != MEMBER_SINK) {
		node->synonym = node->n_real == 0 && m.to >= 0;
		node->n_real++;
	}
	node->n_outside += m.kind == MEMBER_OUTSIDE;
	node->many |= m.kind == MEMBER_MANAGER || m.kind == MEMBER_UNREAD;
	if (m.kind == MEMBER_LOCAL && m.to < 0 &&
	    !str_starts(str_of(g->in->aliases->v[node - g->nodes].name), STR("owner-")))
		(void)map_put(&g->mailboxes, (struct key128){ m.box, 1 }, g);
}

/* "Anna <anna@x>": what stands between the brackets. */
static struct str
address_of(const char *value)
{
	struct str s = str_of(value);
	size_t open = str_rfind(s, '<');

	if (open == s.n)
		return s;
	s = str_sub(s, open + 1, s.n);
	return str_trim(str_sub(s, 0, str_find(s, '>')));
}

static uint64_t
box_of(const char *kind, struct str addr)
{
	struct hash h;

	hash_init(&h, 0, kind);
	hash_istr(&h, addr);
	return hash_end64(&h);
}

bool
graph_mailbox(const struct graph *g, const char *name)
{
	return map_get(&g->mailboxes, (struct key128){ box_of("local", str_of(name)), 1 });
}

/* A name of this host. Who names himself keeps a copy: "anna: \anna, anna@x", or without '\' where there is
 * such a user. */
static void
put_local(struct graph *g, struct node *node, struct member m, const char *name)
{
	const struct alias *own = &g->in->aliases->v[node - g->nodes];
	bool itself = strcmp(name, own->name) == 0;

	m.kind = MEMBER_LOCAL;
	m.box = box_of("local", str_of(name));
	if (!m.raw.p || m.raw.p[0] != '\\')
		m.to = graph_find(g, name);
	if (itself && (m.to < 0 || g->in->user(g->in->arg, name))) {
		m.to = -1;
		node->personal = true;
	}
	put_member(g, node, m);
}

static void take_include(struct graph *g, struct node *node, const char *path);

/* Of what stands in an included file no further file is read. */
static void
take_value(struct graph *g, struct node *node, struct str raw, bool included)
{
	struct member m = { .raw = included ? STR_NONE : raw, .to = -1, .kind = MEMBER_SINK };
	char *value = alias_unquote(raw, false), *local;
	struct str addr = address_of(value), path = str_of(value);

	if (str_icut_front(&path, STR(":include:"))) {
		m.kind = MEMBER_UNREAD;
		if (included)
			put_member(g, node, m);
		else
			take_include(g, node, path.p);
	} else if (value[0] == '|') {
		m.kind = is_manager(value) ? MEMBER_MANAGER : MEMBER_SINK;
		put_member(g, node, m);
	} else if (value[0] == '/' || value[0] == ':') {
		put_member(g, node, m);
	} else if (addr.n) {
		local = graph_local(g->in, addr);
		if (local) {
			put_local(g, node, m, local);
		} else {
			m.kind = MEMBER_OUTSIDE;
			m.box = box_of("outside", addr);
			put_member(g, node, m);
		}
		xfree(local);
	}
	xfree(value);
}

/* Lines of values; of a file that is too long the rest is unread. */
static void
take_include(struct graph *g, struct node *node, const char *path)
{
	const struct member unread = { .to = -1, .kind = MEMBER_UNREAD };
	struct str text, line, value;

	while (str_is_space(*path))
		path++;
	if (path[0] != '/' || !g->in->include(g->in->arg, path, &text)) {
		put_member(g, node, unread);
		return;
	}
	while (str_split(&text, '\n', &line)) {
		line = str_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		while (alias_value(&line, &value)) {
			if (value.n == 0)
				continue;
			if (g->n_included++ >= AUDIT_INCLUDED_MAX) {
				put_member(g, node, unread);
				return;
			}
			take_value(g, node, value, true);
		}
	}
}

static void
read_nodes(struct graph *g)
{
	const struct aliases *a = g->in->aliases;

	for (unsigned i = 0; i < a->n; i++) {
		struct node *node = &g->nodes[i];
		struct str rest = str_of(a->v[i].values), value;

		node->first = g->n_members;
		while (alias_value(&rest, &value))
			if (value.n)
				take_value(g, node, value, false);
	}
}

/* --- rings -------------------------------------------------------------------------------------------- */

struct tarjan {
	uint32_t *index, *low; /* index: 0 = not yet seen */
	uint32_t *open;        /* nodes that belong to no ring yet, in the order they were met */
	uint32_t n_open, count;
	struct frame {
		uint32_t node, next;
	} * frames;
	uint32_t depth;
};

static const uint32_t no_ring = UINT32_MAX;

static void
add_box(struct ring *r, uint64_t box)
{
	for (unsigned i = 0; i < r->n_boxes; i++)
		if (r->boxes[i] == box)
			return;
	if (r->n_boxes < ARRAY_LEN(r->boxes))
		r->boxes[r->n_boxes++] = box;
}

static void
add_member(struct graph *g, struct ring *r, const struct node *from, const struct member *m)
{
	const struct ring *below;

	if (m->to >= 0 && g->nodes[m->to].ring == from->ring) {
		r->cycle = true;
	} else if (m->to >= 0) {
		below = &g->rings[g->nodes[m->to].ring];
		/* Somebody is one, wherever he reads his mail. */
		for (unsigned i = 0; i < below->n_boxes && !g->nodes[m->to].personal; i++)
			add_box(r, below->boxes[i]);
		if (g->nodes[m->to].personal)
			add_box(r, m->box);
		r->outside |= below->outside;
		r->many |= below->many;
	} else if (m->kind == MEMBER_LOCAL || m->kind == MEMBER_OUTSIDE) {
		add_box(r, m->box);
		r->outside |= m->kind == MEMBER_OUTSIDE;
	}
}

/* Those open from `root` on are a ring. All that they lead to besides has its own already. */
static void
close_ring(struct graph *g, struct tarjan *t, uint32_t root)
{
	struct ring *r = &g->rings[g->n_rings];
	uint32_t from = t->n_open;

	do
		g->nodes[t->open[--from]].ring = g->n_rings;
	while (t->open[from] != root);
	r->size = t->n_open - from;
	for (uint32_t i = from; i < t->n_open; i++) {
		const struct node *node = &g->nodes[t->open[i]];

		r->many |= node->many;
		for (uint32_t k = 0; k < node->n; k++)
			add_member(g, r, node, &g->members[node->first + k]);
	}
	t->n_open = from;
	g->n_rings++;
}

static void
enter(struct tarjan *t, uint32_t node)
{
	t->index[node] = t->low[node] = ++t->count;
	t->open[t->n_open++] = node;
	t->frames[t->depth++] = (struct frame){ node, 0 };
}

/* One step of the walk: to the next member of the topmost node, or back from it. */
static void
step(struct graph *g, struct tarjan *t)
{
	struct frame *f = &t->frames[t->depth - 1];
	const struct node *node = &g->nodes[f->node];
	uint32_t *low = &t->low[f->node], to;

	if (f->next < node->n) {
		const struct member *m = &g->members[node->first + f->next++];

		if (m->to < 0)
			return;
		to = (uint32_t)m->to;
		if (t->index[to] == 0)
			enter(t, to);
		else if (g->nodes[to].ring == no_ring && t->index[to] < *low)
			*low = t->index[to];
		return;
	}
	to = f->node;
	t->depth--;
	if (*low == t->index[to])
		close_ring(g, t, to);
	else if (t->depth && *low < t->low[t->frames[t->depth - 1].node])
		t->low[t->frames[t->depth - 1].node] = *low;
}

static void
find_rings(struct graph *g)
{
	uint32_t n = g->in->aliases->n;
	struct tarjan t = { .index = xcalloc(n + 1, sizeof(uint32_t)),
		.low = xcalloc(n + 1, sizeof(uint32_t)),
		.open = xcalloc(n + 1, sizeof(uint32_t)),
		.frames = xcalloc(n + 1, sizeof(struct frame)) };

	for (uint32_t i = 0; i < n; i++)
		g->nodes[i].ring = no_ring;
	for (uint32_t i = 0; i < n; i++) {
		if (t.index[i])
			continue;
		enter(&t, i);
		while (t.depth)
			step(g, &t);
	}
	xfree(t.index);
	xfree(t.low);
	xfree(t.open);
	xfree(t.frames);
}

/* --- the whole ---------------------------------------------------------------------------------------- */

void
graph_init(struct graph *g, const struct audit *in)
{
	uint32_t n = in->aliases->n;

	*g = (struct graph){ .in = in,
		.nodes = xcalloc(n + 1, sizeof(struct node)),
		.rings = xcalloc(n + 1, sizeof(struct ring)),
		.seen = xcalloc(n + 1, sizeof(uint32_t)),
		.stack = xcalloc(n + 1, sizeof(uint32_t)) };
	read_nodes(g);
	find_rings(g);
}

void
graph_fini(struct graph *g)
{
	xfree(g->nodes);
	xfree(g->members);
	xfree(g->rings);
	map_fini(&g->mailboxes);
	xfree(g->seen);
	xfree(g->stack);
	*g = (struct graph){ .in = NULL };
}

bool
graph_leads(struct graph *g, int32_t from, uint32_t ring)
{
	uint32_t n = 0;

	if (from < 0)
		return false;
	g->stamp++;
	g->seen[from] = g->stamp;
	g->stack[n++] = (uint32_t)from;
	while (n && g->steps < AUDIT_STEPS_MAX) {
		const struct node *node = &g->nodes[g->stack[--n]];

		if (node->ring == ring)
			return true;
		for (uint32_t i = 0; i < node->n; i++) {
			int32_t to = g->members[node->first + i].to;

			g->steps++;
			if (to < 0 || g->seen[to] == g->stamp)
				continue;
			g->seen[to] = g->stamp;
			g->stack[n++] = (uint32_t)to;
		}
	}
	return false;
}
