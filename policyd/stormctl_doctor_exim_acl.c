/* SPDX-License-Identifier: ISC */
/* Walks through Exim's ACLs: statements in their order, with the ACLs that they name, and finds the questions
 * to us, what lets mail by before them and what may refuse behind them. */

#include "stormctl_doctor_exim.h"

const char *const ex_hook_names[EX_HOOKS] = {
	[EX_RCPT] = "acl_smtp_rcpt",
	[EX_DATA] = "acl_smtp_data",
	[EX_LOCAL] = "acl_not_smtp",
};

enum verb { NO_VERB, ACCEPT, WARN, REFUSE, REQUIRE };

static const struct {
	const char *name;
	enum verb verb;
} verbs[] = { { "accept", ACCEPT }, { "warn", WARN }, { "deny", REFUSE }, { "defer", REFUSE },
	{ "drop", REFUSE }, { "discard", REFUSE }, { "require", REQUIRE } };

/* What stands in a statement and is no condition. */
static const char *const modifiers[] = { "message", "log_message", "logwrite", "log_reject_target", "set",
	"control", "delay", "add_header", "remove_header", "endpass", "continue", "queue", "udpsend" };

static struct str
first_word(struct str s)
{
	size_t n = 0;

	while (n < s.n && ((s.p[n] >= 'a' && s.p[n] <= 'z') || s.p[n] == '_'))
		n++;
	return str_sub(s, 0, n);
}

static enum verb
verb_of(struct str s, struct str *rest)
{
	struct str word = first_word(s);

	*rest = str_trim(str_sub(s, word.n, s.n));
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_eq(word, str_of(verbs[i].name)) && !str_starts(*rest, STR("=")) &&
		    !str_starts(*rest, STR(":")))
			return verbs[i].verb;
	*rest = str_trim(s);
	return NO_VERB;
}

static bool
is_condition(struct str s)
{
	struct str word = first_word(s);

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(modifiers); i++)
		if (str_eq(word, str_of(modifiers[i])))
			return false;
	return true;
}

/* "name:" and nothing else begins an ACL. */
static bool
begins_acl(struct str s, struct str *name)
{
	*name = str_trim(str_sub(s, 0, str_find(s, ':')));
	return s.n > 1 && s.p[s.n - 1] == ':' && str_find(s, ':') == s.n - 1 &&
	    str_find(*name, ' ') == name->n;
}

/* --- one question ------------------------------------------------------------------------------------ */

/* Cuts "{...}" off the front; braces within it count, what follows a backslash does not. */
static bool
argument(struct str *rest, struct str *out)
{
	struct str s = *rest;
	size_t i = 0, depth = 0, begin;

	while (i < s.n && str_is_space(s.p[i]))
		i++;
	if (i == s.n || s.p[i] != '{')
		return false;
	for (begin = i; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '{')
			depth++;
		else if (s.p[i] == '}' && --depth == 0)
			break;
	}
	if (i >= s.n)
		return false;
	*out = str_sub(s, begin + 1, i);
	*rest = str_sub(s, i + 1, s.n);
	return true;
}

/*
 * A path or inet:HOST:PORT is what readsocket understands; to it "unix:/PATH", as our own keys have it, is
 * the path of a file.
 */
static void
read_address(struct doctor *d, const struct ex_line *line, size_t at, struct ex_ask *a)
{
	bool path = a->address.n && a->address.p[0] == '/';

	a->written = a->address;
	if (path)
		a->address = str_of(doctor_text(d, "unix:%.*s", STR_FMT(a->address)));
	a->whose = doctor_whose(d, POLICY_DOOR, a->address);
	if (!path && a->whose != NOT_OURS &&
	    (!str_starts(a->address, STR("inet:")) || str_find(a->address, '@') < a->address.n))
		a->whose = OURS_MISSED;
	/* our own recipe, and nobody says where the daemon is, or says another place; what only asks what we
	 * said is somebody else's */
	if (a->whose == NOT_OURS &&
	    (str_eq(a->address, STR("STORM")) || doctor_has(str_sub(line->text, 0, at), "set acl_m_storm")))
		a->whose = OURS_MISSED;
}

/* The question in that line, if there is one. */
static bool
read_ask(struct doctor *d, const struct ex_line *line, struct ex_ask *a)
{
	static const struct str word = STR("${readsocket");
	size_t at = str_ifind(line->text, word);
	struct str rest = str_sub(line->text, at + word.n, line->text.n), eol;

	if (at == line->text.n)
		return false;
	*a = (struct ex_ask){ .at = line };
	if (!argument(&rest, &a->address) || !argument(&rest, &a->request))
		return false;
	if (argument(&rest, &a->options) && argument(&rest, &eol))
		(void)argument(&rest, &a->fail);
	a->address = str_trim(a->address);
	read_address(d, line, at, a);
	return true;
}

/* --- statements -------------------------------------------------------------------------------------- */

struct walk {
	struct doctor *d;
	/* the next line; an ACL that is named stands above the one that names it */
	unsigned at[DOCTOR_DEPTH_MAX];
	unsigned depth;
	enum ex_hook hook;
	const struct ex_line *accept, *final;
	unsigned final_depth;
	/* "accept acl = NAME": lets mail by, unless that ACL asks */
	const struct ex_line *named_by[DOCTOR_DEPTH_MAX];
	unsigned asks_then[DOCTOR_DEPTH_MAX];
	unsigned first;      /* of the questions found in this hook, index into asks */
	struct str vars[16]; /* variables that hold our answer, or what was made of it */
	unsigned n_vars;
};

unsigned
ex_acl(const struct exim *x, struct str name)
{
	struct str here;

	for (unsigned i = ex_section(x, "acl"); i < x->n_lines; i++)
		if (begins_acl(x->lines[i].text, &here) && str_eq(here, name))
			return i;
	return x->n_lines;
}

static void
enter(struct walk *w, struct str name, const struct ex_line *accept)
{
	const struct exim *x = ex_of(w->d);
	unsigned at = ex_acl(x, str_trim(name)) + 1;

	if (at >= x->n_lines || w->depth == DOCTOR_DEPTH_MAX)
		return;
	w->named_by[w->depth] = accept;
	w->asks_then[w->depth] = x->n_asks;
	w->at[w->depth++] = at;
}

static void
leave(struct walk *w)
{
	if (w->final && w->final_depth == w->depth)
		w->final = NULL; /* it ended this ACL only */
	w->depth--;
	if (!w->accept && ex_of(w->d)->n_asks == w->asks_then[w->depth])
		w->accept = w->named_by[w->depth];
}

static bool
is_ours(const struct walk *w, struct str s)
{
	for (unsigned i = 0; i < w->n_vars; i++)
		if (doctor_has(s, doctor_copy(w->d, w->vars[i])))
			return true;
	return false;
}

/* "set NAME = ..." */
static void
note_variable(struct walk *w, struct str s, bool asks)
{
	size_t eq = str_find(s, '=');

	if (str_starts(s, STR("set ")) && (asks || is_ours(w, str_sub(s, eq, s.n))) &&
	    w->n_vars < ARRAY_LEN(w->vars))
		w->vars[w->n_vars++] = str_trim(str_sub(s, 4, eq));
}

static void
add_ask(struct walk *w, struct ex_ask *a)
{
	struct exim *x = ex_of(w->d);

	a->hook = w->hook;
	a->accept = w->accept;
	a->final = w->final;
	x->asks = doctor_push(w->d, x->asks, &x->n_asks, sizeof(*x->asks));
	x->asks[x->n_asks - 1] = *a;
}

struct statement {
	enum verb verb;
	const struct ex_line *at;
	unsigned depth;
	bool conditions, asks, ours;
};

static void
end_statement(struct walk *w, const struct statement *s)
{
	struct exim *x = ex_of(w->d);

	if (s->verb == NO_VERB || s->asks || s->ours)
		return;
	if (s->verb == ACCEPT && !w->accept && s->conditions && s->depth == 1)
		w->accept = s->at;
	if (s->verb != WARN && s->verb != REQUIRE && !w->final && !s->conditions) {
		w->final = s->at;
		w->final_depth = s->depth;
	}
	for (unsigned i = w->first; i < x->n_asks; i++)
		if (!x->asks[i].refuses && (s->verb == REFUSE || s->verb == REQUIRE) && !w->final)
			x->asks[i].refuses = s->at;
}

static void
take_line(struct walk *w, const struct ex_line *line, struct statement *s)
{
	struct str rest;
	enum verb verb = verb_of(line->text, &rest);
	struct ex_ask a;
	bool asks;

	if (verb != NO_VERB) {
		end_statement(w, s);
		*s = (struct statement){ .verb = verb, .at = line, .depth = w->depth };
	}
	asks = read_ask(w->d, line, &a);
	if (asks)
		add_ask(w, &a);
	s->asks = s->asks || asks;
	s->ours = s->ours || is_ours(w, rest);
	note_variable(w, rest, asks && a.whose != NOT_OURS);
	s->conditions = s->conditions || is_condition(rest);
	if (!str_eq(first_word(rest), STR("acl")))
		return;
	enter(w, str_sub(rest, str_find(rest, '=') + 1, rest.n), s->verb == ACCEPT ? s->at : NULL);
	s->verb = s->verb == ACCEPT ? NO_VERB : s->verb;
}

static void
walk_acl(struct doctor *d, enum ex_hook hook, struct str acl)
{
	struct exim *x = ex_of(d);
	struct walk w = { .d = d, .hook = hook, .first = x->n_asks };
	struct statement s = { .verb = NO_VERB };
	struct ex_entry entry = { .hook = hook, .name = acl };
	struct str name;

	enter(&w, acl, NULL);
	for (unsigned n = 0; w.depth && n < 100000; n++) {
		unsigned at = w.at[w.depth - 1]++;

		if (at >= x->n_lines || begins_acl(x->lines[at].text, &name) ||
		    str_starts(x->lines[at].text, STR("begin "))) {
			end_statement(&w, &s);
			s = (struct statement){ .verb = NO_VERB };
			leave(&w);
			continue;
		}
		take_line(&w, &x->lines[at], &s);
	}
	for (unsigned i = w.first; i < x->n_asks; i++)
		entry.asks = entry.asks || x->asks[i].whose != NOT_OURS;
	x->entries = doctor_push(d, x->entries, &x->n_entries, sizeof(*x->entries));
	x->entries[x->n_entries - 1] = entry;
}

static bool
name_char(char c)
{
	return str_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* Is that name a word of the value, as in ${if eq{$received_port}{587}{acl_submission}{acl_data}}? */
static bool
names(struct str value, struct str name)
{
	for (size_t from = 0, at; from < value.n; from = at + 1) {
		at = from + str_ifind(str_sub(value, from, value.n), name);
		if (at >= value.n)
			return false;
		if (str_eq(str_sub(value, at, at + name.n), name) &&
		    (at == 0 || !name_char(value.p[at - 1])) &&
		    (at + name.n == value.n || !name_char(value.p[at + name.n])))
			return true;
	}
	return false;
}

static void
walk_hook(struct doctor *d, enum ex_hook hook)
{
	const struct exim *x = ex_of(d);
	struct str value = ex_get(x, ex_hook_names[hook]), name;
	unsigned before = x->n_entries;

	for (unsigned i = ex_section(x, "acl"); i < x->n_lines; i++) {
		if (i > ex_section(x, "acl") && str_starts(x->lines[i].text, STR("begin ")))
			break;
		if (begins_acl(x->lines[i].text, &name) && names(value, name))
			walk_acl(d, hook, name);
	}
	/* what is put together of pieces may be any of them */
	if (x->n_entries == before && value.n && str_find(value, '$') == value.n)
		walk_acl(d, hook, value);
}

void
ex_find_asks(struct doctor *d)
{
	for (int hook = 0; hook < EX_HOOKS; hook++)
		walk_hook(d, (enum ex_hook)hook);
}
