/* SPDX-License-Identifier: ISC */
/* What makes a list dangerous, a function each. Names come from files that anybody may have written: they are
 * quoted and cut. */
#include "judge/audit_run.h"

#include "base/conf.h"
#include "base/xalloc.h"

const char *const audit_severity_names[] = { "clean", "note", "warning", "danger" };

enum kind {
	NO_OWNER,
	OWNER_IS_LIST,
	OWNER_LOOP,
	OWNER_UNKNOWN,
	CYCLE,
	OPEN,
	UNGUARDED,
	NESTED,
	NOT_LISTED,
	UNFINISHED
};
static const char *const kind_names[] = {
	[NO_OWNER] = "no-owner",
	[OWNER_IS_LIST] = "owner-is-list",
	[OWNER_LOOP] = "owner-loop",
	[OWNER_UNKNOWN] = "owner-unknown",
	[CYCLE] = "cycle",
	[OPEN] = "open",
	[UNGUARDED] = "unguarded",
	[NESTED] = "nested",
	[NOT_LISTED] = "not-listed",
	[UNFINISHED] = "unfinished",
};

/* --- text --------------------------------------------------------------------------------------------- */

static const char *
text_of(struct buf *b)
{
	buf_append(b, "", 1);
	return b->failed ? NULL : buf_str(b).p;
}

/* A name as it may stand in an alias map. */
static void
put_name(struct buf *b, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_=@";

	if (name[0] && name[strspn(name, plain)] == '\0') {
		buf_printf(b, "%s", name);
		return;
	}
	buf_printf(b, "\"");
	for (; *name; name++)
		buf_printf(b, *name == '"' || *name == '\\' ? "\\%c" : "%c", *name);
	buf_printf(b, "\"");
}

static const char *
domain_of(const struct audit *in)
{
	for (unsigned i = 0; i < in->site->local_domains.n; i++)
		if (in->site->local_domains.v[i][0] && in->site->local_domains.v[i][0] != '.')
			return in->site->local_domains.v[i];
	return in->site->hostname ? in->site->hostname : "localhost";
}

/* The posting address of a subject. */
static void
put_posting(struct run *r, struct buf *b, const struct subject *s)
{
	if (s->entry)
		buf_printf(b, "%s", s->entry->posting);
	else if (strchr(s->alias->name, '@'))
		buf_printf(b, "%s", s->alias->name);
	else
		buf_printf(b, "%s@%s", s->alias->name, domain_of(r->in));
}

/* --- findings ----------------------------------------------------------------------------------------- */

static void
begin(struct run *r)
{
	buf_reset(&r->what);
	buf_reset(&r->put);
	buf_reset(&r->where);
	buf_reset(&r->name);
}

/* With what stands in r->what, and in r->put and r->where if anything. */
static void
found(struct run *r, enum audit_severity severity, enum kind kind, const char *file, unsigned line)
{
	const char *list = text_of(&r->name), *put = r->put.len ? text_of(&r->put) : NULL;
	const struct audit_finding f = { .severity = severity,
		.kind = kind_names[kind],
		.list = list ? list : "(a name too long)",
		.file = file,
		.line = line,
		.what = text_of(&r->what),
		.put = put,
		.where = put && r->where.len ? text_of(&r->where) : NULL };

	r->out->n[severity]++;
	if (f.what)
		r->in->found(r->in->arg, &f);
}

static void
found_at(struct run *r, enum audit_severity severity, enum kind kind, const struct subject *s,
    const struct alias *at)
{
	put_posting(r, &r->name, s);
	found(r, severity, kind, r->in->aliases->files[at->file], at->line);
}

/* Someone who may read bounces of this list: not behind the list himself. */
static const char *
keeper(struct run *r, const struct subject *s)
{
	static const char *const names[] = { "postmaster", "root", "hostmaster" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int32_t node = graph_find(&r->g, names[i]);

		if (!s->alias)
			return names[i];
		if (strcmp(s->alias->name, names[i]) != 0 && (node < 0 || !r->declared[node]) &&
		    !graph_leads(&r->g, node, s->node->ring))
			return names[i];
	}
	return NULL;
}

static void
put_owner_line(struct run *r, const struct subject *s, const char *list)
{
	const char *name = keeper(r, s);
	struct buf owner;

	if (!name)
		return;
	buf_init(&owner, AUDIT_LINE_MAX);
	buf_printf(&owner, "owner-%s", list);
	buf_append(&owner, "", 1);
	if (owner.failed)
		r->put.failed = true;
	else
		put_name(&r->put, buf_str(&owner).p);
	buf_printf(&r->put, ": %s", name);
	buf_fini(&owner);
}

static void
put_entry_line(struct run *r, const struct list_entry *e, const char *posting, const char *owner)
{
	struct str at = str_of(posting);

	if (strchr(owner, '@'))
		buf_printf(&r->put, "%s  %s", posting, owner);
	else
		buf_printf(&r->put, "%s  %s@%s", posting, owner, posting + str_rfind(at, '@') + 1);
	for (unsigned i = 0; e && i < e->posters.n; i++)
		buf_printf(&r->put, " %s", e->posters.v[i]);
}

/* --- the checks --------------------------------------------------------------------------------------- */

static bool
accepts_all(const struct run *r, const struct subject *s)
{
	return !s->entry || (!r->in->guarded && s->entry->posters.n == 0);
}

void
audit_check_cycle(struct run *r, const struct subject *s)
{
	const struct member *back = NULL;
	struct str rest = str_of(s->alias->values), value;
	unsigned kept = 0;

	if (!s->ring->cycle)
		return;
	for (uint32_t i = 0; i < s->node->n && !back; i++) {
		const struct member *m = &r->g.members[s->node->first + i];

		if (m->to >= 0 && r->g.nodes[m->to].ring == s->node->ring)
			back = m;
	}
	if (!back)
		return;
	begin(r);
	buf_printf(&r->what, "contains itself");
	if (r->g.nodes + back->to != s->node)
		buf_printf(&r->what, " by way of %s (%u aliases lead round)",
		    CONFQ(str_of(r->in->aliases->v[back->to].name)), s->ring->size);
	put_name(&r->put, s->alias->name);
	buf_printf(&r->put, ":");
	while (alias_value(&rest, &value)) {
		if (value.n == 0 || (back->raw.p && value.p == back->raw.p))
			continue;
		buf_printf(&r->put, "%s %.*s", kept++ ? "," : "", STR_FMT(value));
	}
	if (kept == 0 || !back->raw.p)
		buf_reset(&r->put);
	found_at(r, AUDIT_DANGER, CYCLE, s, s->alias);
}

static void
say_members(struct run *r, const struct subject *s)
{
	const struct node *n = s->node;

	if (n->many)
		buf_printf(&r->what, "goes to whom a list manager or a file that cannot be read names");
	else
		buf_printf(&r->what, "goes to %u %s", n->n_real, n->n_real == 1 ? "member" : "members");
	if (n->n_outside)
		buf_printf(&r->what, ", %u of them outside", n->n_outside);
	else if (s->ring->outside)
		buf_printf(&r->what, ", some of them outside by way of other aliases");
}

void
audit_check_owner_there(struct run *r, const struct subject *s)
{
	bool open = accepts_all(r, s);

	if (s->owner >= 0 || s->entry || s->own_bounces)
		return;
	begin(r);
	say_members(r, s);
	buf_printf(&r->what, ", and has no owner: bounces go to whoever wrote, be it the list itself");
	if (open)
		buf_printf(&r->what, "; anybody may write to it");
	put_owner_line(r, s, s->alias->name);
	found_at(r, s->exposed && open && !s->role ? AUDIT_DANGER : AUDIT_WARNING, NO_OWNER, s, s->alias);
}

/* What is wrong with one of those who get the bounces; AUDIT_CLEAN: nothing. */
struct fault {
	enum audit_severity severity;
	enum kind kind;
};

/* Of an address with a domain (`qualified`) nobody knows here who keeps its mailbox. */
static struct fault
check_keeper(struct run *r, const struct subject *s, const char *name, bool qualified, int32_t to)
{
	struct str q = str_of(name);

	begin(r);
	if (to >= 0 && r->declared[to]) {
		buf_printf(&r->what, "its owner leads to %s, which is a list itself", CONFQ(q));
		return (struct fault){ AUDIT_DANGER, OWNER_IS_LIST };
	}
	if (s->node && graph_leads(&r->g, to, s->node->ring)) {
		buf_printf(&r->what, "its owner leads back to the list by way of %s", CONFQ(q));
		return (struct fault){ AUDIT_DANGER, OWNER_LOOP };
	}
	if (to >= 0 || str_ieq(q, STR("postmaster")) || graph_mailbox(&r->g, name) ||
	    r->in->user(r->in->arg, name))
		return (struct fault){ .severity = AUDIT_CLEAN };
	buf_printf(
	    &r->what, "its owner %s is no alias and no user here: bounces of bounces go to nobody", CONFQ(q));
	return (struct fault){ qualified ? AUDIT_NOTE : AUDIT_WARNING, OWNER_UNKNOWN };
}

/* The members of owner-NAME. One finding is enough: they share a line. */
static void
check_owner_alias(struct run *r, const struct subject *s)
{
	const struct alias *at;
	const struct node *owner;

	if (s->owner < 0)
		return;
	at = &r->in->aliases->v[s->owner];
	owner = &r->g.nodes[s->owner];
	if (owner->n == 0) {
		begin(r);
		buf_printf(&r->what, "its owner stands for nobody");
		put_owner_line(r, s, s->alias->name);
		found_at(r, AUDIT_WARNING, OWNER_UNKNOWN, s, at);
	}
	for (uint32_t i = 0; i < owner->n; i++) {
		const struct member *m = &r->g.members[owner->first + i];
		char *value, *local;
		struct fault fault;

		if (m->kind != MEMBER_LOCAL || !m->raw.p)
			continue;
		value = alias_unquote(m->raw, false);
		local = graph_local(r->in, str_of(value));
		fault = check_keeper(r, s, local ? local : value, strchr(value, '@') != NULL, m->to);
		xfree(local);
		xfree(value);
		if (fault.severity == AUDIT_CLEAN)
			continue;
		put_owner_line(r, s, s->alias->name);
		found_at(r, fault.severity, fault.kind, s, at);
		return;
	}
}

/* The owner that a plain lists file names. */
void
audit_check_owner_entry(struct run *r, const struct subject *s)
{
	struct fault fault = { .severity = AUDIT_CLEAN };
	const char *name;
	struct str folded;
	char *local, *plain;

	if (!s->entry || !s->entry_plain)
		return;
	plain = alias_unquote(str_of(s->entry->owner), true);
	folded = str_of(plain);
	local = graph_local(r->in, folded);
	if (lists_find(r->in->lists, folded)) {
		begin(r);
		buf_printf(&r->what, "its owner %s is a list itself", CONFQ(folded));
		fault = (struct fault){ AUDIT_DANGER, OWNER_IS_LIST };
	} else if (local) {
		fault = check_keeper(r, s, local, true, graph_find(&r->g, local));
	}
	xfree(local);
	xfree(plain);
	if (fault.severity == AUDIT_CLEAN)
		return;
	name = keeper(r, s);
	if (name)
		put_entry_line(r, s->entry, s->entry->posting, name);
	buf_printf(&r->name, "%s", s->entry->posting);
	found(r, fault.severity, fault.kind, r->in->lists->files[s->entry->file], s->entry->line);
}

/* Members outside of a list with an owner: what is left of the conditions. */
static void
check_open(struct run *r, const struct subject *s)
{
	bool owned = s->owner >= 0 || s->entry || s->own_bounces;

	if (!owned || !s->exposed || s->own_bounces)
		return;
	begin(r);
	say_members(r, s);
	if (accepts_all(r, s)) {
		buf_printf(&r->what, ", and anybody may write to it%s",
		    s->entry ? ": neither posters nor a rule list-guard say who" : "");
		found_at(r, AUDIT_NOTE, OPEN, s, s->alias);
	} else if (!r->in->guarded) {
		buf_printf(&r->what, ", and no rule list-guard is in force that asks for its posters");
		found_at(r, AUDIT_NOTE, UNGUARDED, s, s->alias);
	}
}

static void
check_nested(struct run *r, const struct subject *s)
{
	for (uint32_t i = 0; i < s->node->n; i++) {
		int32_t to = r->g.members[s->node->first + i].to;

		if (to < 0 || !r->is_list[to] || r->g.nodes[to].ring == s->node->ring)
			continue;
		begin(r);
		buf_printf(&r->what, "contains the list %s: what is posted here goes there too",
		    CONFQ(str_of(r->in->aliases->v[to].name)));
		found_at(r, AUDIT_NOTE, NESTED, s, s->alias);
		return;
	}
}

static void
check_listed(struct run *r, const struct subject *s)
{
	const char *keep;

	if (s->entry || strchr(s->alias->name, '@'))
		return;
	begin(r);
	buf_printf(&r->what, "is not in [mail] lists, so the rule bounce-to-list cannot see it");
	if (s->owner >= 0) {
		buf_printf(&r->put, "lists = %s%saliases:%s", r->in->lists_key ? r->in->lists_key : "",
		    r->in->lists_key ? ", " : "",
		    r->in->path(r->in->arg, r->in->aliases->files[s->alias->file]));
		buf_printf(&r->where, "policyd-storm.conf [mail]");
	} else {
		keep = keeper(r, s);
		put_posting(r, &r->name, s);
		buf_append(&r->name, "", 1);
		if (keep && !r->name.failed)
			put_entry_line(r, NULL, buf_str(&r->name).p, keep);
		buf_reset(&r->name);
		buf_printf(&r->where, "%s",
		    r->in->lists_file ? r->in->lists_file : "the file that [mail] lists names");
	}
	found_at(r, s->exposed || s->owner >= 0 ? AUDIT_WARNING : AUDIT_NOTE, NOT_LISTED, s, s->alias);
}

check_fn *const audit_checks[] = { audit_check_owner_there, check_owner_alias, audit_check_owner_entry,
	check_open, check_nested, check_listed, NULL };

void
audit_unfinished(struct run *r)
{
	begin(r);
	buf_printf(&r->what,
	    "aliases lead to each other so often that not all ways from owners to lists were followed");
	buf_printf(&r->name, "(all)");
	found(r, AUDIT_WARNING, UNFINISHED, r->in->aliases->n_files ? r->in->aliases->files[0] : "", 0);
}
