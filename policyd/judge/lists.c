/* SPDX-License-Identifier: ISC */
/* One sorted array: it is looked up for every recipient, and built once a reload. */
#include "judge/lists.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/conf.h"
#include "base/xalloc.h"
#include "mail/addr.h"

void
lists_init(struct lists *l)
{
	*l = (struct lists){ 0 };
}

static void
entry_fini(struct list_entry *e)
{
	strset_fini(&e->posters);
	xfree(e->posting);
	xfree(e->owner);
}

void
lists_fini(struct lists *l)
{
	for (unsigned i = 0; i < l->n; i++)
		entry_fini(&l->v[i]);
	for (unsigned i = 0; i < l->n_files; i++)
		xfree(l->files[i]);
	xfree(l->files);
	xfree(l->v);
	lists_init(l);
}

void
lists_file(struct lists *l, const char *file)
{
	l->files = xgrow(l->files, l->n_files, sizeof(*l->files));
	l->files[l->n_files++] = xstrdup(file);
}

struct list_entry *
lists_put(struct lists *l, struct str posting, struct str owner, unsigned line)
{
	struct list_entry *e;

	l->v = xgrow(l->v, l->n, sizeof(*l->v));
	e = &l->v[l->n++];
	*e = (struct list_entry){
		.posting = xstr_lower(posting), .owner = xstr(owner), .file = l->n_files - 1, .line = line
	};
	return e;
}

/* A domain with something behind it ("list@example.org:", as in an alias map) would be a list that no mail
 * is for. */
static bool
address_ok(struct str s)
{
	struct str local, domain;

	if (s.n > 320 || !addr_split(s, &local, &domain) || local.n == 0 || domain.n == 0)
		return false;
	if (domain.p[0] != '[' && !conf_domain(domain))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (str_is_control(s.p[i]) || strchr(" <>", s.p[i]))
			return false;
	/* nobody has a '*': a pattern is meant, and there are none here */
	return str_find(local, '*') == local.n && (local.p[0] == '"' || str_find(local, '@') == local.n) &&
	    domain.p[0] != '.';
}

struct lists_reader {
	struct lists *l;
	const char *file;
	unsigned line;
	struct conf_faults *faults;
};

static bool
check_address(struct lists_reader *r, struct str word)
{
	bool ok = address_ok(word);

	if (!ok)
		conf_fault(r->faults, r->file, r->line, "%s is not an address", CONFQ(word));
	return ok;
}

static void
take_line(struct lists_reader *r, struct str line)
{
	struct str words[2], word;
	struct list_entry *e;
	unsigned n = 0;
	bool ok = true;

	while (n < 2 && conf_word(&line, &word)) {
		ok &= check_address(r, word);
		words[n++] = word;
	}
	if (n == 1 && ok)
		conf_fault(r->faults, r->file, r->line,
		    "a list needs an owner: posting-address owner-address [poster ...]");
	if (n < 2 || !ok)
		return;
	e = lists_put(r->l, words[0], words[1], r->line);
	while (conf_word(&line, &word))
		if (check_address(r, word))
			strset_add(&e->posters, word);
}

void
lists_add(struct lists *l, struct str text, const char *file, struct conf_faults *faults)
{
	struct lists_reader r = { .l = l, .file = file, .faults = faults };
	struct str line;

	lists_file(l, file);
	(void)str_cut_front(&text, STR("\xef\xbb\xbf"));
	while (str_split(&text, '\n', &line)) {
		r.line++;
		take_line(&r, str_sub(line, 0, str_find(line, '#')));
	}
}

static int
by_posting(const void *a, const void *b)
{
	const struct list_entry *x = a, *y = b;
	int c = strcmp(x->posting, y->posting);

	if (c)
		return c;
	if (x->of_map != y->of_map)
		return x->of_map ? 1 : -1;
	return conf_places(x->file, x->line, y->file, y->line);
}

/* Of sorted ones: those of maps that a line of their own stands for. */
static void
drop_replaced(struct lists *l)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < l->n; i++) {
		const struct list_entry *before = kept ? &l->v[kept - 1] : NULL;

		if (before && l->v[i].of_map && !before->of_map &&
		    strcmp(before->posting, l->v[i].posting) == 0)
			entry_fini(&l->v[i]);
		else
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

static int
by_place(const void *a, const void *b)
{
	const struct list_entry *const *x = a, *const *y = b;

	return conf_places((*x)->file, (*x)->line, (*y)->file, (*y)->line);
}

/* What is wrong with v[i], in `what`; false: nothing. */
static bool
entry_fault(const struct lists *l, const struct list_entry *e, char *what, size_t len)
{
	const struct list_entry *other = e > l->v ? e - 1 : NULL;
	char *owner;

	if (other && strcmp(other->posting, e->posting) == 0) {
		snprintf(what, len, "list %s stands in %s:%u already", CONFQ(str_of(e->posting)),
		    l->files[other->file], other->line);
		return true;
	}
	owner = xstr_lower(str_of(e->owner));
	other = lists_find(l, str_of(owner));
	xfree(owner);
	if (!other)
		return false;
	snprintf(what, len, "owner %s of list %s is itself a list (%s:%u)", CONFQ(str_of(e->owner)),
	    CONFQ(str_of(e->posting)), l->files[other->file], other->line);
	return true;
}

void
lists_finish(struct lists *l, struct conf_faults *faults)
{
	const struct list_entry **order;
	char what[CONF_WHY_MAX * 2];

	if (l->n == 0)
		return;
	qsort(l->v, l->n, sizeof(*l->v), by_posting);
	drop_replaced(l);
	order = xmalloc(l->n * sizeof(struct list_entry *));
	for (unsigned i = 0; i < l->n; i++)
		order[i] = &l->v[i];
	qsort(order, l->n, sizeof(struct list_entry *), by_place);
	for (unsigned i = 0; i < l->n; i++) {
		if (entry_fault(l, order[i], what, sizeof(what)))
			conf_fault(faults, l->files[order[i]->file], order[i]->line, "%s", what);
	}
	xfree(order);
}

static int
posting_order(const void *key, const void *entry)
{
	const struct str *plain = key;
	const char *posting = ((const struct list_entry *)entry)->posting;
	size_t n = strlen(posting);
	int c = memcmp(plain->p, posting, n < plain->n ? n : plain->n);

	return c ? c : (plain->n > n) - (plain->n < n);
}

const struct list_entry *
lists_find(const struct lists *l, struct str plain)
{
	if (l->n == 0 || plain.n == 0)
		return NULL;
	return bsearch(&plain, l->v, l->n, sizeof(*l->v), posting_order);
}
