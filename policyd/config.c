/* SPDX-License-Identifier: ISC */
/* The main file first, then what it names. Faults are gathered and given out in order. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "judge/action.h"
#include "judge/detect.h"
#include "judge/rule_parse.h"

/* --- faults in order -------------------------------------------------------------------------- */

struct found {
	unsigned file, line, seq;
	char *what;
};

struct loader {
	struct config c;
	const char *path; /* NULL: no file */
	unsigned *lines;  /* where each key was set, 0: it was not */
	bool section_known;
	struct conf_faults faults;
	struct found *found;
	unsigned n_found;
	char **files;
	unsigned n_files;
};

static unsigned
file_number(struct loader *l, const char *file)
{
	for (unsigned i = 0; i < l->n_files; i++)
		if (strcmp(l->files[i], file) == 0)
			return i;
	l->files = xgrow(l->files, l->n_files, sizeof(*l->files));
	l->files[l->n_files] = xstrdup(file);
	return l->n_files++;
}

static void
gather(void *arg, const char *file, unsigned line, const char *what)
{
	struct loader *l = arg;

	l->found = xgrow(l->found, l->n_found, sizeof(*l->found));
	l->found[l->n_found] = (struct found){ file_number(l, file), line, l->n_found, xstrdup(what) };
	l->n_found++;
}

static int
by_place(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int c = conf_places(x->file, x->line, y->file, y->line);

	return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

static void
give_out(struct loader *l, struct conf_faults *to)
{
	if (l->n_found)
		qsort(l->found, l->n_found, sizeof(*l->found), by_place);
	for (unsigned i = 0; i < l->n_found; i++) {
		conf_fault(to, l->files[l->found[i].file], l->found[i].line, "%s", l->found[i].what);
		xfree(l->found[i].what);
	}
	for (unsigned i = 0; i < l->n_files; i++)
		xfree(l->files[i]);
	xfree(l->files);
	xfree(l->found);
	xfree(l->lines);
}

void
config_print_fault(void *arg, const char *file, unsigned line, const char *what)
{
	fprintf(arg, "%s:%u: %s\n", file, line, what);
}

/* --- reading ---------------------------------------------------------------------------------- */

static unsigned
line_of(const struct loader *l, const char *section, const char *name)
{
	return l->lines[conf_find(config_key_table, config_key_count, section, name) - config_key_table];
}

static void
main_section(struct loader *l, const char *section, unsigned line)
{
	char why[CONF_WHY_MAX];

	l->section_known = conf_has_section(config_key_table, config_key_count, section);
	if (l->section_known)
		return;
	if (str_starts(str_of(section), STR("rule "))) {
		conf_fault(&l->faults, l->path, line,
		    "[%s] does not belong here but into the file that \"rules\" names", section);
		return;
	}
	conf_unknown(config_key_table, config_key_count, section, NULL, why, sizeof(why));
	conf_fault(&l->faults, l->path, line, "%s", why);
}

static void
main_key(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	struct loader *l = arg;
	const struct conf_key *key;
	char why[CONF_WHY_MAX];

	if (!name) {
		main_section(l, section, line);
		return;
	}
	if (!l->section_known)
		return;
	key = conf_find(config_key_table, config_key_count, section, name);
	if (!key) {
		conf_unknown(config_key_table, config_key_count, section, name, why, sizeof(why));
		conf_fault(&l->faults, l->path, line, "%s", why);
		return;
	}
	if (conf_set(key, &l->c, str_of(value), why, sizeof(why)))
		conf_fault(&l->faults, l->path, line, "%s: %s", name, why);
	else
		l->lines[key - config_key_table] = line;
}

char *
config_beside(const char *config, struct str name)
{
	const char *slash = config ? strrchr(config, '/') : NULL;
	size_t dir = slash && name.n && name.p[0] != '/' ? (size_t)(slash - config) + 1 : 0;
	size_t len = dir + name.n + 1;
	char *path = xmalloc(len);

	snprintf(path, len, "%.*s%.*s", (int)dir, config ? config : "", STR_FMT(name));
	return path;
}

static void
load_rules(struct loader *l, struct rule_override *overrides, unsigned n)
{
	unsigned line = line_of(l, "server", "rules");
	char *path = config_beside(l->path, str_of(l->c.rules_path)), *text = NULL;
	struct rule_parse p = { .out = &l->c.rules,
		.file = path,
		.faults = &l->faults,
		.overrides = overrides,
		.n_overrides = n };
	size_t len = 0;
	int err = l->path ? conf_slurp(path, &text, &len) : ERR_NOENT;

	if (!err)
		conf_read_text((struct str){ text, len }, path, rule_parse_key, &p, &l->faults);
	else if (l->path && (err != ERR_IO || errno != ENOENT || line))
		conf_fault(&l->faults, l->path, line, "rules: cannot read %s: %s", path, conf_slurp_why(err));
	rule_parse_end(&p);
	if (!l->c.enforce)
		ruleset_shadow(&l->c.rules);
	xfree(text);
	xfree(path);
}

static void
load_list(struct loader *l, struct str word)
{
	bool aliases = str_cut_front(&word, STR("aliases:"));
	char *path = config_beside(l->path, word), *text;
	size_t len;
	int err = conf_slurp(path, &text, &len);

	if (err) {
		conf_fault(&l->faults, l->path, line_of(l, "mail", "lists"), "lists: cannot read %s: %s",
		    path, conf_slurp_why(err));
	} else {
		struct str all = { text, len };

		if (aliases)
			lists_add_aliases(&l->c.lists, all, path, &l->c.site, &l->faults);
		else
			lists_add(&l->c.lists, all, path, &l->faults);
		xfree(text);
	}
	xfree(path);
}

static void
load_lists(struct loader *l)
{
	struct str rest = str_of(l->c.lists_files), word;

	while (conf_word(&rest, &word))
		load_list(l, word);
	lists_finish(&l->c.lists, &l->faults);
}

struct listen_name {
	const char *key, *address;
};

/* Two listeners on one address: the second could not be opened. */
static void
check_addresses(struct loader *l)
{
	const struct serve_conf *s = &l->c.serve;
	unsigned max = s->policy.n + s->milter.n + 1, n = 0;
	struct listen_name *v = xcalloc(max, sizeof(*v));

	for (unsigned i = 0; i < s->policy.n; i++)
		v[n++] = (struct listen_name){ "policy", s->policy.v[i] };
	for (unsigned i = 0; i < s->milter.n; i++)
		v[n++] = (struct listen_name){ "milter", s->milter.v[i] };
	if (s->control)
		v[n++] = (struct listen_name){ "control", s->control };
	for (unsigned i = 1; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(v[i].address, v[j].address) == 0)
				conf_fault(&l->faults, l->path, line_of(l, "server", v[i].key),
				    "%s: %s is taken by %s already", v[i].key, CONFQ(str_of(v[i].address)),
				    v[j].key);
	xfree(v);
}

void
config_default_hostname(struct config *c)
{
	const struct conf_key *key = conf_find(config_key_table, config_key_count, "mail", "hostname");
	char name[256] = "", why[CONF_WHY_MAX];

	if (c->site.hostname)
		return;
	if (gethostname(name, sizeof(name) - 1) || conf_set(key, c, str_of(name), why, sizeof(why)))
		c->site.hostname = xstrdup("localhost");
}

/* "RULE.KEY=VALUE"; names of rules may hold dots, names of keys do not. */
static bool
parse_override(struct loader *l, const char *text, struct rule_override *out)
{
	struct str s = str_of(text), name = str_sub(s, 0, str_find(s, '='));
	size_t dot = str_rfind(name, '.');

	out->rule = str_trim(str_sub(name, 0, dot));
	out->key = str_trim(str_sub(name, dot + 1, name.n));
	out->value = str_trim(str_sub(s, name.n + 1, s.n));
	if (name.n < s.n && out->rule.n && out->key.n)
		return true;
	conf_fault(&l->faults, "--set", 0, "%s is not RULE.KEY=VALUE", CONFQ(s));
	return false;
}

static void
load_all(struct loader *l, const char *const *sets, unsigned n_sets)
{
	struct rule_override *overrides = xcalloc(n_sets, sizeof(*overrides));
	char why[CONF_WHY_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < n_sets; i++)
		n += parse_override(l, sets[i], &overrides[n]);
	if (conf_defaults(config_key_table, config_key_count, &l->c, why, sizeof(why)))
		log_panic("config-defaults why=%s", LOGV(str_of(why)));
	if (!l->path || conf_read(l->path, main_key, l, &l->faults) != ERR_IO) {
		check_addresses(l);
		config_default_hostname(&l->c);
		load_rules(l, overrides, n);
		load_lists(l);
	}
	xfree(overrides);
}

int
config_load_with(const char *path, const char *const *sets, unsigned n_sets, struct config *out,
    struct conf_faults *faults)
{
	struct loader l = { .path = path, .lines = xcalloc(config_key_count, sizeof(unsigned)) };
	bool ok;

	l.faults = (struct conf_faults){ .report = gather, .arg = &l };
	site_init(&l.c.site);
	lists_init(&l.c.lists);
	if (path)
		file_number(&l, path); /* its faults come first */
	load_all(&l, sets, n_sets);
	ok = l.n_found == 0;
	give_out(&l, faults);
	if (ok)
		*out = l.c;
	else
		config_fini(&l.c);
	return ok ? 0 : ERR_CONF;
}

int
config_load(const char *path, struct config *out, struct conf_faults *faults)
{
	return config_load_with(path, NULL, 0, out, faults);
}

void
config_fini(struct config *c)
{
	config_doors_fini(&c->serve);
	xfree(c->store.path);
	xfree(c->spool_dir);
	xfree(c->ring_dir);
	xfree(c->user);
	xfree(c->rules_path);
	xfree(c->lists_files);
	site_fini(&c->site);
	ruleset_fini(&c->rules);
	lists_fini(&c->lists);
	*c = (struct config){ 0 };
}

void
config_outbox(const struct config *c, char *dir, size_t dir_len, struct outbox_conf *out)
{
	*out = (struct outbox_conf){ .ring_dir = c->ring_dir, .ring_bytes = c->ring };
	if (strcmp(c->store.path, ":memory:") == 0)
		return;
	snprintf(
	    dir, dir_len, "%s%s", c->spool_dir ? c->spool_dir : c->store.path, c->spool_dir ? "" : ".spool");
	out->spool = (struct spool_conf){ .dir = dir, .max_bytes = c->max_spool, .sync = c->sync };
}

/* --- what to say about it --------------------------------------------------------------------- */

struct noting {
	const struct rule *rule;
	config_note_fn *fn;
	void *arg;
};

/* Of the rule, whose name comes first. */
static PRINTF(2, 3) void note(const struct noting *n, const char *fmt, ...)
{
	char text[CONF_WHY_MAX];
	size_t len = (size_t)snprintf(text, sizeof(text), "rule \"%s\"", n->rule->name);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	n->fn(n->arg, text);
}

/* The table of judge/action.c says what a door can do for all, or for some of a message's recipients. */
static void
door_notes(const struct noting *n, enum door door)
{
	const struct rule *r = n->rule;
	enum action all = action_fit(r->action, door, STAGE_DATA, FOR_ALL);
	enum action some = action_fit(r->action, door, STAGE_DATA, FOR_SOME);

	if (door == DOOR_POLICY && r->detector->header)
		return; /* that door never has a header to judge by */
	if (!action_final(r->action)) {
		if (!action_additive_ok(r->action, door, STAGE_DATA))
			note(n, ": the %s door cannot do %s, it becomes warn", door_name(door),
			    action_name(r->action));
	} else if (all != r->action || some == ACT_REJECT ||
	    (some == ACT_PASS && r->action != r->detector->action)) {
		note(n,
		    ": the %s door answers %s with %s when it concerns all recipients of a message, with %s "
		    "when some",
		    door_name(door), action_name(r->action), action_name(all), action_name(some));
	}
}

static void
envelope_notes(const struct noting *n)
{
	const struct rule *r = n->rule;

	if (r->detector == &detect_trap && !exempt_names(&r->addresses))
		note(n, " never trips: it has no addresses");
	if (r->detector == &detect_flood && !(r->count_by & ~(unsigned)(BY_SENDER | BY_SENDER_DOMAIN)))
		note(n, " counts by sender alone: whoever writes that name as his sender uses up its limit");
}

/* The reply code is the door's to say, and a rule's text what follows it. */
static bool
begins_with_reply_code(const char *text)
{
	static const char digits[] = "0123456789";

	return text && (*text == '4' || *text == '5') && strspn(text, digits) == 3 &&
	    (text[3] == ' ' || text[3] == '-' || text[3] == '\0');
}

static void
action_notes(const struct noting *n)
{
	const struct rule *r = n->rule;
	bool owner = r->action == ACT_SET_SENDER_OWNER ||
	    (r->action == ACT_REDIRECT_OWNER && r->detector != &detect_list_guard);

	if (owner && r->action != r->detector->action)
		note(n, ": %s does nothing where the %s is no list of [mail] lists", action_name(r->action),
		    r->action == ACT_REDIRECT_OWNER ? "recipient" : "sender");
	if ((r->action == ACT_REJECT || r->action == ACT_DEFER) && begins_with_reply_code(r->text))
		note(n, ": its text begins with a reply code (%.3s): the client gets two of them", r->text);
	if (r->window && !r->detector->window)
		note(n, ": detector %s counts over no time, window changes nothing", r->detector->name);
}

static void
rule_notes(const struct noting *n, const struct config *c)
{
	const struct rule *r = n->rule;
	bool by_lists = r->detector == &detect_bounce_to_list || r->detector == &detect_list_return_path ||
	    r->detector == &detect_list_guard;

	if (r->mode == MODE_OFF)
		return;
	if (by_lists && c->lists.n == 0)
		note(n, " never trips: [mail] lists names no list");
	if (r->detector->header && c->serve.milter.n == 0)
		note(n, " needs the header: there is no milter address, and by policy only Exim sends one");
	if (c->serve.milter.n) /* then the policy door leaves the verdict to it */
		door_notes(n, DOOR_MILTER);
	else if (c->serve.policy.n)
		door_notes(n, DOOR_POLICY);
	if (r->limit && r->detector->no_limit)
		note(n, ": detector %s has no limit, it trips at the first message", r->detector->name);
	if (r->limit == 0 && r->detector->limit > 0 && action_final(r->action))
		note(n, ": with limit = 0 it stops all that it looks at");
	if (r->block && r->detector->no_block)
		note(n, ": detector %s blocks nobody, for everybody is to get a first copy",
		    r->detector->name);
	if (r->brake != BRAKE_OFF && !r->detector->envelope)
		note(n, ": detector %s has nothing to brake by at RCPT", r->detector->name);
	envelope_notes(n);
	action_notes(n);
	if (r->scope == SCOPE_OUTBOUND && c->site.local_domains.n == 0)
		note(n, " is for outbound mail: without [mail] local_domains that is all mail of own users");
}

static bool
everybody(const struct netset *nets)
{
	for (unsigned i = 0; i < nets->n; i++)
		if (nets->nets[i].bits == 0)
			return true;
	return false;
}

void
config_notes(const struct config *c, config_note_fn *fn, void *arg)
{
	if (everybody(&c->site.trusted))
		fn(arg, "[mail] trusted takes in every address: whoever writes is one of your own people");
	if (everybody(&c->site.relays))
		fn(arg, "[mail] relays takes in every address: whoever connects may name any client as his");
	if (c->serve.policy.n + c->serve.milter.n == 0)
		fn(arg, "no MTA can ask: neither policy nor milter has an address");
	if (c->rules.n == 0)
		fn(arg, "there are no rules: all mail passes");
	for (unsigned i = 0; i < c->rules.n; i++)
		rule_notes(&(struct noting){ &c->rules.v[i], fn, arg }, c);
}

void
config_no_reload(const struct config *old, const struct config *now, config_key_fn *fn, void *arg)
{
	for (unsigned i = 0; i < config_key_count; i++)
		if (config_key_table[i].no_reload && !conf_same(&config_key_table[i], old, now))
			fn(arg, &config_key_table[i]);
}
