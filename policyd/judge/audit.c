/* SPDX-License-Identifier: ISC */
/*
 * Each alias that is a list goes through the checks of audit_check.c. What they have in common (lists entry,
 * owner, what is behind it) is worked out here before.
 */
#include "judge/audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "judge/audit_run.h"
#include "mail/addr.h"

/* An address about another one: owner-x, and x-bounces where there is an x. */
static bool
is_helper(const struct run *r, const char *name)
{
	static const char *const ends[] = { "-owner", "-request", "-bounces", "-admin", "-confirm", "-editor",
		"-join", "-leave", "-subscribe", "-unsubscribe" };
	struct str s = str_of(name);
	bool helper = str_starts(s, STR("owner-"));

	for (size_t i = 0; i < ARRAY_LEN(ends) && !helper; i++) {
		size_t n = strlen(ends[i]);
		char *base;

		if (s.n <= n || strcmp(name + s.n - n, ends[i]) != 0)
			continue;
		base = xstr(str_sub(s, 0, s.n - n));
		helper = aliases_find(r->in->aliases, base) != NULL;
		xfree(base);
	}
	return helper;
}

static const struct alias *
helper_of(const struct run *r, const char *name, const char *end)
{
	size_t len = strlen(name) + strlen(end) + 1;
	char *helper = xmalloc(len);
	const struct alias *found;

	snprintf(helper, len, "%s%s", name, end);
	found = aliases_find(r->in->aliases, helper);
	xfree(helper);
	return found;
}

static bool
runs(const struct alias *alias, const char *program)
{
	struct str values = alias ? str_of(alias->values) : STR("");

	return str_ifind(values, str_of(program)) < values.n;
}

/* Mailman has NAME-bounces, Sympa NAME-owner, the other two a delimiter behind the name of the list. */
static bool
takes_bounces(const struct run *r, const struct alias *alias)
{
	return helper_of(r, alias->name, "-bounces") ||
	    runs(helper_of(r, alias->name, "-owner"), "bouncequeue") || runs(alias, "mlmmj") ||
	    runs(alias, "ezmlm");
}

static int
by_local(const void *a, const void *b)
{
	const struct local_entry *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->entry > y->entry) - (x->entry < y->entry);
}

static void
index_entries(struct run *r)
{
	const struct lists *l = r->in->lists;

	r->entries = xcalloc(l->n + 1, sizeof(*r->entries));
	for (unsigned i = 0; i < l->n; i++) {
		char *name = graph_local(r->in, str_of(l->v[i].posting));

		if (name)
			r->entries[r->n_entries++] = (struct local_entry){ name, &l->v[i] };
	}
	if (r->n_entries)
		qsort(r->entries, r->n_entries, sizeof(*r->entries), by_local);
}

static const struct list_entry *
entry_of(const struct run *r, const char *name)
{
	const struct local_entry *found = named_find(r->entries, r->n_entries, sizeof(*r->entries), name);

	return found ? found->entry : NULL;
}

/* Entries that an alias map of the configuration gave have their owners there. */
static bool
is_plain(const struct run *r, const struct list_entry *e)
{
	const char *file = r->in->lists->files[e->file];

	for (unsigned i = 0; i < r->in->aliases->n_files; i++)
		if (strcmp(r->in->aliases->files[i], file) == 0)
			return false;
	return true;
}

static struct subject
subject_of(const struct run *r, uint32_t i)
{
	const struct alias *alias = &r->in->aliases->v[i],
			   *owner = aliases_owner_of(r->in->aliases, alias->name);
	struct subject s = { .alias = alias,
		.node = &r->g.nodes[i],
		.ring = &r->g.rings[r->g.nodes[i].ring],
		.entry = entry_of(r, alias->name),
		.owner = owner ? (int32_t)(owner - r->in->aliases->v) : -1 };

	s.entry_plain = s.entry && is_plain(r, s.entry);
	s.exposed = s.ring->outside || s.ring->many;
	s.role = s.owner < 0 && !s.entry &&
	    (addr_is_system(str_of(alias->name)) || strcmp(alias->name, "abuse") == 0);
	s.own_bounces = s.ring->many && takes_bounces(r, alias);
	return s;
}

static bool
is_declared(const struct run *r, uint32_t i)
{
	const char *name = r->in->aliases->v[i].name;

	return !is_helper(r, name) && (aliases_owner_of(r->in->aliases, name) || entry_of(r, name));
}

static bool
is_list(const struct run *r, uint32_t i)
{
	const struct ring *ring = &r->g.rings[r->g.nodes[i].ring];

	if (r->declared[i])
		return true;
	if (r->g.nodes[i].synonym || is_helper(r, r->in->aliases->v[i].name))
		return false;
	return (ring->many || ring->n_boxes > 1) && !r->g.nodes[i].personal;
}

static void
run_node(struct run *r, uint32_t i, uint32_t *cycles)
{
	struct subject s = subject_of(r, i);

	/* Of those that lead to each other the first one tells. */
	if (s.ring->cycle && !cycles[s.node->ring]) {
		cycles[s.node->ring] = 1;
		audit_check_cycle(r, &s);
	}
	if (!r->is_list[i])
		return;
	r->out->lists++;
	/* Of roles only what leaves the house is of interest. */
	if (s.role) {
		if (s.node->n_outside)
			audit_check_owner_there(r, &s);
		return;
	}
	for (size_t k = 0; audit_checks[k]; k++)
		audit_checks[k](r, &s);
}

/* Entries that stand for no alias, or for one that an entry at another domain stands for already. */
static void
run_entry(struct run *r, const struct list_entry *e)
{
	struct subject s = { .entry = e, .entry_plain = true, .owner = -1 };
	char *local = graph_local(r->in, str_of(e->posting));
	const struct alias *alias = local ? aliases_find(r->in->aliases, local) : NULL;
	bool known = alias && entry_of(r, local) == e;

	xfree(local);
	if (known || !is_plain(r, e))
		return;
	if (alias) {
		s = subject_of(r, (uint32_t)(alias - r->in->aliases->v));
		s.entry = e;
		s.entry_plain = true;
	}
	r->out->lists += !alias;
	audit_check_owner_entry(r, &s);
}

struct place {
	unsigned file, line;
	uint32_t node;
};

static int
by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int c = conf_places(x->file, x->line, y->file, y->line);

	return c ? c : (x->node > y->node) - (x->node < y->node);
}

static void
run_all(struct run *r)
{
	const struct aliases *a = r->in->aliases;
	struct place *places = xcalloc(a->n + 1, sizeof(*places));
	uint32_t *cycles = xcalloc(r->g.n_rings + 1, sizeof(*cycles));

	for (uint32_t i = 0; i < a->n; i++) {
		places[i] = (struct place){ a->v[i].file, a->v[i].line, i };
		r->declared[i] = is_declared(r, i);
		r->is_list[i] = is_list(r, i);
	}
	if (a->n)
		qsort(places, a->n, sizeof(*places), by_place);
	for (uint32_t i = 0; i < a->n; i++)
		run_node(r, places[i].node, cycles);
	for (unsigned i = 0; i < r->in->lists->n; i++)
		run_entry(r, &r->in->lists->v[i]);
	xfree(places);
	xfree(cycles);
}

void
audit_run(const struct audit *in, struct audit_result *out)
{
	struct run r = { .in = in, .out = out };

	*out = (struct audit_result){ .lists = 0 };
	graph_init(&r.g, in);
	index_entries(&r);
	r.is_list = xcalloc(in->aliases->n + 1, sizeof(*r.is_list));
	r.declared = xcalloc(in->aliases->n + 1, sizeof(*r.declared));
	buf_init(&r.what, 0);
	buf_init(&r.put, AUDIT_LINE_MAX);
	buf_init(&r.where, AUDIT_LINE_MAX);
	buf_init(&r.name, AUDIT_LINE_MAX);
	run_all(&r);
	if (r.g.steps >= AUDIT_STEPS_MAX)
		audit_unfinished(&r);
	for (unsigned i = 0; i < r.n_entries; i++)
		xfree(r.entries[i].name);
	xfree(r.entries);
	xfree(r.is_list);
	xfree(r.declared);
	buf_fini(&r.what);
	buf_fini(&r.put);
	buf_fini(&r.where);
	buf_fini(&r.name);
	graph_fini(&r.g);
}
