/* SPDX-License-Identifier: ISC */
/*
 * An alias map, and its mailing lists. Lines are gathered into logical ones, names sorted; each NAME that
 * has an owner-NAME is a list.
 */
#include "judge/aliases.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/xalloc.h"

struct reader {
	struct aliases *a;
	const char *file;
	struct conf_faults *faults;
};

/* Offset of the first `sep` outside of quotes, s.n when there is none. */
static size_t
find_unquoted(struct str s, char sep)
{
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == sep && !quoted)
			return i;
	}
	return s.n;
}

char *
alias_unquote(struct str s, bool fold)
{
	char *copy = xmalloc(s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			continue;
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		copy[n++] = fold ? str_lower(s.p[i]) : s.p[i];
	}
	copy[n] = '\0';
	return copy;
}

bool
alias_value(struct str *rest, struct str *value)
{
	size_t at;

	if (rest->n == 0)
		return false;
	at = find_unquoted(*rest, ',');
	*value = str_trim(str_sub(*rest, 0, at));
	*rest = str_sub(*rest, at + 1, rest->n);
	return true;
}

static void
take_entry(struct reader *r, struct str entry, unsigned line)
{
	struct aliases *a = r->a;
	size_t colon;
	struct str name;

	entry = str_trim(entry);
	if (entry.n == 0)
		return;
	colon = find_unquoted(entry, ':');
	name = str_trim(str_sub(entry, 0, colon));
	if (colon == entry.n || name.n == 0) {
		conf_fault(r->faults, r->file, line, "not an alias: no \"name:\" in front");
		return;
	}
	a->v = xgrow(a->v, a->n, sizeof(*a->v));
	entry = str_trim(str_sub(entry, colon + 1, entry.n));
	a->v[a->n++] = (struct alias){
		.name = alias_unquote(name, true), .values = xstr(entry), .line = line, .file = a->n_files - 1
	};
}

/* Logical lines: one that begins with space goes on with the last; empty ones and comments do not end it. */
static void
read_entries(struct reader *r, struct str text)
{
	struct buf entry;
	struct str line, trimmed;
	unsigned n = 0, began = 0;

	buf_init(&entry, 0);
	while (str_split(&text, '\n', &line)) {
		n++;
		trimmed = str_trim(line);
		if (trimmed.n == 0 || trimmed.p[0] == '#')
			continue;
		if (str_is_space(line.p[0]) && !began) {
			conf_fault(r->faults, r->file, n,
			    "space at the start of the line, but no alias above that it goes on with");
			continue;
		}
		if (!str_is_space(line.p[0])) {
			take_entry(r, buf_str(&entry), began);
			buf_reset(&entry);
			began = n;
		}
		buf_str_append(&entry, STR(" "));
		buf_str_append(&entry, trimmed);
	}
	take_entry(r, buf_str(&entry), began);
	buf_fini(&entry);
}

void
aliases_init(struct aliases *a)
{
	*a = (struct aliases){ .n = 0 };
}

void
aliases_fini(struct aliases *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		xfree(a->v[i].name);
		xfree(a->v[i].values);
	}
	for (unsigned i = 0; i < a->n_files; i++)
		xfree(a->files[i]);
	xfree(a->files);
	xfree(a->v);
	aliases_init(a);
}

void
aliases_add(struct aliases *a, struct str text, const char *file, struct conf_faults *faults)
{
	struct reader r = { .a = a, .file = file, .faults = faults };

	a->files = xgrow(a->files, a->n_files, sizeof(*a->files));
	a->files[a->n_files++] = xstrdup(file);
	read_entries(&r, text);
}

static int
by_name(const void *x, const void *y)
{
	const struct alias *a = x, *b = y;
	int c = strcmp(a->name, b->name);

	return c ? c : conf_places(a->file, a->line, b->file, b->line);
}

void
aliases_sort(struct aliases *a)
{
	if (a->n)
		qsort(a->v, a->n, sizeof(*a->v), by_name);
}

static const char *
name_at(const void *v, size_t i, size_t size)
{
	const char *name;

	memcpy(&name, (const char *)v + i * size, sizeof(name));
	return name;
}

const void *
named_find(const void *v, size_t n, size_t size, const char *name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(name_at(v, mid, size), name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && strcmp(name_at(v, low, size), name) == 0 ? (const char *)v + low * size : NULL;
}

const struct alias *
aliases_find(const struct aliases *a, const char *name)
{
	return named_find(a->v, a->n, sizeof(*a->v), name);
}

const struct alias *
aliases_owner_of(const struct aliases *a, const char *name)
{
	size_t len = strlen(name) + sizeof("owner-");
	char *owner = xmalloc(len);
	const struct alias *found;

	snprintf(owner, len, "owner-%s", name);
	found = aliases_find(a, owner);
	xfree(owner);
	return found;
}

/* --- lists -------------------------------------------------------------------------------------------- */

/* The one address or name that the alias stands for, unquoted; NULL: several, or a file, command,
 * :include:. */
static char *
single(const struct alias *alias)
{
	struct str s = str_of(alias->values);
	char *value;

	if (s.n == 0 || find_unquoted(s, ',') < s.n)
		return NULL;
	value = alias_unquote(s, false);
	if (strchr("/|:", value[0]) || strpbrk(value, " \t")) {
		xfree(value);
		return NULL;
	}
	return value;
}

/* NAME@DOMAIN, or NAME as it is when it has a domain. */
static char *
qualify(const char *name, struct str domain)
{
	size_t len = strlen(name) + domain.n + 2;
	char *out = xmalloc(len);

	if (strchr(name, '@'))
		snprintf(out, len, "%s", name);
	else
		snprintf(out, len, "%s@%.*s", name, STR_FMT(domain));
	return out;
}

static void
add_list(struct lists *l, const struct alias *list, const struct alias *owner, struct str domain)
{
	char *value = single(owner);
	char *posting = qualify(list->name, domain), *to = qualify(value ? value : owner->name, domain);

	lists_put(l, str_of(posting), str_of(to), list->line)->of_map = true;
	xfree(value);
	xfree(to);
	xfree(posting);
}

/* Of several owners none may be a list; a single one is looked at by lists_finish(). */
static void
check_owners(struct reader *r, const struct alias *list, const struct alias *owner)
{
	struct str rest = str_of(owner->values), piece;
	char *value;

	while (alias_value(&rest, &piece)) {
		value = alias_unquote(piece, true);
		if (aliases_find(r->a, value) && aliases_owner_of(r->a, value))
			conf_fault(r->faults, r->file, list->line, "owner %s of list %s is itself a list",
			    CONFQ(str_of(value)), CONFQ(str_of(list->name)));
		xfree(value);
	}
}

static void
add_everywhere(struct lists *l, struct reader *r, const struct alias *list, const struct alias *owner,
    const struct site *site)
{
	struct str values = str_of(owner->values);
	unsigned n = 0;

	if (find_unquoted(values, ',') < values.n)
		check_owners(r, list, owner);
	for (unsigned i = 0; i < site->local_domains.n; i++) {
		struct str domain = str_of(site->local_domains.v[i]);

		if (domain.n == 0 || domain.p[0] == '.')
			continue; /* stands for names that nobody can list */
		add_list(l, list, owner, domain);
		n++;
	}
	if (n)
		return;
	if (site->hostname)
		add_list(l, list, owner, str_of(site->hostname));
	else
		conf_fault(r->faults, r->file, list->line, "a list, but no local domain to post to");
}

void
lists_add_aliases(
    struct lists *l, struct str text, const char *file, const struct site *site, struct conf_faults *faults)
{
	struct aliases a;
	struct reader r = { .a = &a, .file = file, .faults = faults };

	lists_file(l, file);
	aliases_init(&a);
	aliases_add(&a, text, file, faults);
	aliases_sort(&a);
	for (unsigned i = 0; i < a.n; i++) {
		const struct alias *owner = aliases_owner_of(&a, a.v[i].name);

		if (owner && !str_starts(str_of(a.v[i].name), STR("owner-")) && !strchr(a.v[i].name, '@'))
			add_everywhere(l, &r, &a.v[i], owner, site);
	}
	aliases_fini(&a);
}
