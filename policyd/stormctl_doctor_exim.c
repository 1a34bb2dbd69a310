/* SPDX-License-Identifier: ISC */
/* Reads Exim: the text of its configuration, and what "exim -bP" says of the options of its main part where
 * the program is there. */
#include "stormctl_doctor_exim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char *const programs[] = { "exim4", "exim", NULL };

/* --- looking up -------------------------------------------------------------------------------------- */

struct str
ex_get(const struct exim *x, const char *name)
{
	for (unsigned i = x->n_options; i > 0; i--)
		if (str_eq(x->options[i - 1].name, str_of(name)))
			return x->options[i - 1].value;
	return STR("");
}

const char *
ex_where(struct doctor *d, const struct ex_line *line)
{
	return doctor_text(d, "%s:%u", line->file, line->line);
}

unsigned
ex_section(const struct exim *x, const char *name)
{
	for (unsigned i = 0; i < x->n_lines; i++) {
		struct str s = x->lines[i].text;

		if (str_cut_front(&s, STR("begin")) && str_eq(str_trim(s), str_of(name)))
			return i;
	}
	return x->n_lines;
}

/* "a : <; b" and the like: one entry a word; what is no plain name stays as it is. */
static const char *
list_words(struct doctor *d, struct str list)
{
	char *out = doctor_alloc(d, list.n + 2), sep = ':';
	size_t n = 0;

	list = str_trim(list);
	if (list.n > 2 && list.p[0] == '<') {
		sep = list.p[1];
		list = str_sub(list, 2, list.n);
	}
	for (size_t i = 0; i < list.n; i++) {
		bool cut = list.p[i] == sep;

		if (cut && i + 1 < list.n && list.p[i + 1] == sep) { /* doubled: the character itself */
			cut = false;
			i++;
		}
		out[n++] = cut ? ' ' : list.p[i];
	}
	return out;
}

struct str
ex_list(struct doctor *d, const char *kind, const char *name)
{
	const struct exim *x = ex_of(d);
	struct str word, rest, me = ex_get(x, "primary_hostname");
	const char *out = "";

	for (unsigned i = 0; i < x->n_lines; i++) {
		struct str s = x->lines[i].text;
		size_t eq = str_find(s, '=');

		rest = str_sub(s, 0, eq);
		if (eq == s.n || !doctor_word(&rest, &word, NULL) || !str_eq(word, str_of(kind)) ||
		    !str_eq(str_trim(rest), str_of(name)))
			continue;
		rest = str_of(list_words(d, str_sub(s, eq + 1, s.n)));
		while (doctor_word(&rest, &word, NULL)) {
			if (str_eq(word, STR("@")))
				word = me;
			if (str_starts(word, STR("*.")))
				word = str_sub(word, 1, word.n);
			out = doctor_text(d, "%s %.*s", out, STR_FMT(word));
		}
	}
	return str_of(out);
}

/* --- the text ---------------------------------------------------------------------------------------- */

static bool
name_char(char c)
{
	return str_alnum(c) || c == '_';
}

static size_t
name_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && name_char(s.p[n]))
		n++;
	return n;
}

/* The macro with the longest name that the text begins with. */
static const struct ex_pair *
macro_at(const struct exim *x, struct str s)
{
	const struct ex_pair *best = NULL;

	for (unsigned i = 0; i < x->n_macros; i++)
		if (str_starts(s, x->macros[i].name) && (!best || best->name.n <= x->macros[i].name.n))
			best = &x->macros[i];
	return best;
}

static struct str
with_macros(struct doctor *d, struct str s)
{
	const struct exim *x = ex_of(d);
	struct buf b;
	struct str out;

	buf_init(&b, DOCTOR_OUTPUT_MAX);
	for (size_t i = 0; i < s.n; i++) {
		bool upper = (s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '_';
		const struct ex_pair *m = upper ? macro_at(x, str_sub(s, i, s.n)) : NULL;

		if (m) {
			buf_str_append(&b, m->value);
			i += m->name.n - 1;
		} else {
			buf_append(&b, &s.p[i], 1);
		}
	}
	out = str_of(doctor_copy(d, buf_str(&b)));
	buf_fini(&b);
	return out;
}

struct reader {
	struct doctor *d;
	struct {
		struct str rest;
		const char *file;
		unsigned line;
	} open[DOCTOR_DEPTH_MAX];
	unsigned depth;
	unsigned ifs, off; /* .ifdef around the line; those from `off` on are not taken, 0: all are */
	int status;
};

static void
open_file(struct reader *r, const char *path, bool must)
{
	int err = r->depth < DOCTOR_DEPTH_MAX ? doctor_slurp(r->d, path, &r->open[r->depth].rest) : ELOOP;

	if (err == 0) {
		r->open[r->depth].file = path;
		r->open[r->depth++].line = 0;
	} else if (must) {
		fprintf(stderr, "stormctl: %s: %s\n", path, strerror(err));
		r->status = EX_NOINPUT;
	}
}

/* A file is looked for beside the one that names it. */
static void
include(struct reader *r, struct str name, bool must)
{
	const char *here = r->open[r->depth - 1].file;
	int folder =
	    (int)(str_rfind(str_of(here), '/') < strlen(here) ? str_rfind(str_of(here), '/') + 1 : 0);

	name = str_trim(with_macros(r->d, name));
	if (name.n > 1 && name.p[0] == '"')
		name = str_sub(name, 1, name.n - 1);
	if (name.n && name.p[0] == '/')
		folder = 0;
	open_file(r, doctor_text(r->d, "%.*s%.*s", folder, here, STR_FMT(name)), must);
}

/* Names with "_" in front tell what was compiled in: taken to be there. */
static bool
defined(const struct reader *r, struct str name)
{
	const struct exim *x = ex_of(r->d);

	for (unsigned i = 0; i < x->n_macros; i++)
		if (str_eq(x->macros[i].name, name))
			return true;
	return name.n && name.p[0] == '_';
}

/* .ifdef and its kin. False: the line is none of these. */
static bool
condition(struct reader *r, struct str s)
{
	size_t n = str_starts(s, STR(".")) ? 1 + name_length(str_sub(s, 1, s.n)) : 0;
	struct str word = str_sub(s, 0, n), name = str_trim(str_sub(s, n, s.n));
	bool positive = str_eq(word, STR(".ifdef")) || str_eq(word, STR(".elifdef"));
	bool opens = str_eq(word, STR(".ifdef")) || str_eq(word, STR(".ifndef"));
	bool other = str_eq(word, STR(".elifdef")) || str_eq(word, STR(".elifndef"));

	if (opens) {
		r->ifs++;
		if (!r->off && defined(r, name) != positive)
			r->off = r->ifs;
	} else if (other || str_eq(word, STR(".else"))) {
		if (!r->off)
			r->off = r->ifs;
		else if (r->off == r->ifs && (!other || defined(r, name) == positive))
			r->off = 0;
	} else if (str_eq(word, STR(".endif"))) {
		if (r->off == r->ifs)
			r->off = 0;
		r->ifs -= r->ifs > 0;
	} else {
		return false;
	}
	return true;
}

/* Joins what backslashes continue; comments in between are left out. */
static struct str
joined(struct reader *r, struct str s)
{
	struct str *rest = &r->open[r->depth - 1].rest, more;
	struct buf b;

	if (s.n == 0 || s.p[s.n - 1] != '\\')
		return s;
	buf_init(&b, DOCTOR_OUTPUT_MAX);
	buf_append(&b, s.p, s.n - 1);
	while (str_split(rest, '\n', &more)) {
		bool last;

		r->open[r->depth - 1].line++;
		more = str_trim(more);
		if (more.n && more.p[0] == '#')
			continue;
		last = more.n == 0 || more.p[more.n - 1] != '\\';
		buf_append(&b, more.p, more.n - (last ? 0 : 1));
		if (last)
			break;
	}
	s = str_of(doctor_copy(r->d, buf_str(&b)));
	buf_fini(&b);
	return s;
}

static bool
take_macro(struct reader *r, struct str s)
{
	struct exim *x = ex_of(r->d);
	size_t n = name_length(s);
	struct str value = str_trim(str_sub(s, n, s.n));

	if (n == 0 || s.p[0] < 'A' || s.p[0] > 'Z' || !str_starts(value, STR("=")))
		return false;
	value = str_sub(value, str_starts(value, STR("==")) ? 2 : 1, value.n);
	value = with_macros(r->d, str_trim(value));
	for (unsigned i = 0; i < x->n_macros; i++)
		if (str_eq(x->macros[i].name, str_sub(s, 0, n))) {
			x->macros[i].value = value;
			x->macros[i].file = r->open[r->depth - 1].file;
			return true;
		}
	x->macros = doctor_push(r->d, x->macros, &x->n_macros, sizeof(*x->macros));
	x->macros[x->n_macros - 1] = (struct ex_pair){ str_sub(s, 0, n), value, r->open[r->depth - 1].file };
	return true;
}

static void
take_line(struct reader *r, struct str raw)
{
	struct exim *x = ex_of(r->d);
	struct str s = str_trim(raw);
	const char *file = r->open[r->depth - 1].file;
	unsigned line = r->open[r->depth - 1].line;

	if (condition(r, s) || r->off || s.n == 0 || s.p[0] == '#')
		return;
	if (str_cut_front(&s, STR(".include_if_exists"))) {
		include(r, s, false);
		return;
	}
	if (str_cut_front(&s, STR(".include"))) {
		include(r, s, true);
		return;
	}
	s = joined(r, s);
	if (take_macro(r, s))
		return;
	x->lines = doctor_push(r->d, x->lines, &x->n_lines, sizeof(*x->lines));
	x->lines[x->n_lines - 1] = (struct ex_line){ file, line, str_trim(with_macros(r->d, s)) };
}

/* What is written into a file that Debian's update-exim4.conf(8) made is lost at the next start. Its head
 * names the place of which it is made: one file, or the folder of the split configuration. */
static const char *
made_of(struct doctor *d, struct str text)
{
	struct str head = str_sub(text, 0, str_ifind(text, STR("Any changes you make here will be lost")));
	struct str line, word;

	while (head.n < text.n && str_split(&head, '\n', &line))
		while (doctor_word(&line, &word, NULL))
			if (word.p[0] == '/')
				return doctor_copy(d, str_sub(word, 0, str_find(word, ')')));
	return NULL;
}

static int
read_lines(struct reader *r)
{
	struct str line;

	for (unsigned n = 0; r->depth && r->status == 0 && n < 1000000; n++) {
		if (!str_split(&r->open[r->depth - 1].rest, '\n', &line)) {
			r->depth--;
			continue;
		}
		r->open[r->depth - 1].line++;
		take_line(r, line);
	}
	return r->status;
}

static int
read_text(struct doctor *d, const char *path)
{
	struct reader r = { .d = d };

	open_file(&r, path, true);
	if (r.depth)
		ex_of(d)->made_of = made_of(d, r.open[0].rest);
	return read_lines(&r);
}

/* "acl_smtp_data = /FILE": the file is the ACL. It comes behind all else, in a section of its own. */
static int
read_acl_file(struct doctor *d, enum ex_hook hook)
{
	const char *path = doctor_copy(d, ex_get(ex_of(d), ex_hook_names[hook]));
	struct reader r = { .d = d };

	if (path[0] == '/')
		open_file(&r, path, false);
	if (r.depth) {
		take_line(&r, STR("begin acl of a file"));
		take_line(&r, str_of(doctor_text(d, "%s:", path)));
	}
	return read_lines(&r);
}

/* --- options of the main part ------------------------------------------------------------------------ */

/* "name = value", or a switch: "name", "no_name". */
static void
take_option(struct doctor *d, struct str s)
{
	struct exim *x = ex_of(d);
	size_t n = name_length(s);
	struct str name = str_sub(s, 0, n), value = str_trim(str_sub(s, n, s.n));
	bool off = str_starts(name, STR("no_")) || str_starts(name, STR("not_"));

	if (n == 0 || (value.n && value.p[0] != '='))
		return;
	if (value.n)
		value = str_trim(str_sub(value, 1, value.n));
	else if (str_find(s, '=') == s.n) {
		value = off ? STR("false") : STR("true");
		name = off ? str_sub(name, str_find(name, '_') + 1, name.n) : name;
	}
	if (value.n > 1 && value.p[0] == '"')
		value = str_sub(value, 1, value.n - 1);
	x->options = doctor_push(d, x->options, &x->n_options, sizeof(*x->options));
	x->options[x->n_options - 1] = (struct ex_pair){ name, value, NULL };
}

static void
take_main(struct doctor *d)
{
	const struct exim *x = ex_of(d);

	for (unsigned i = 0; i < x->n_lines && !str_starts(x->lines[i].text, STR("begin ")); i++)
		take_option(d, x->lines[i].text);
}

static int
ask_exim(struct doctor *d, const char *program, const char *path, const char *what, struct str *out)
{
	const char *const with[] = { program, "-C", path, "-bP", what, NULL };
	const char *const plain[] = { program, "-bP", what, NULL };

	return doctor_exec(d, path ? with : plain, out, NULL);
}

static const char *
find_program(struct doctor *d)
{
	const char *found = NULL;

	for (const char *const *p = programs; *p && !found; p++)
		found = doctor_program(d, *p);
	return found;
}

static int
read_exim(struct doctor *d, const char *path)
{
	const char *program = find_program(d);
	struct exim *x = doctor_alloc(d, sizeof(*x));
	struct str text, line;
	int rc;

	d->model = x;
	x->path = path;
	if (!path && !program) {
		fprintf(stderr, "stormctl: there is no exim here; --exim FILE names its configuration\n");
		return EX_UNAVAILABLE;
	}
	if (!path) {
		rc = ask_exim(d, program, NULL, "configure_file", &text);
		if (rc != 0)
			return rc;
		text = str_trim(text);
		x->path = doctor_copy(d, text);
	}
	rc = read_text(d, x->path);
	if (rc != 0)
		return rc;
	take_main(d);
	/* all options with what they are by default, from the program itself */
	rc = program ? ask_exim(d, program, path, NULL, &text) : 0;
	if (rc != 0)
		return rc;
	while (program && str_split(&text, '\n', &line))
		take_option(d, str_trim(line));
	for (int hook = 0; hook < EX_HOOKS && rc == 0; hook++)
		rc = read_acl_file(d, (enum ex_hook)hook);
	ex_find_asks(d);
	return rc;
}

static const struct doctor_check *const groups[] = { doctor_exim_checks, NULL };

const struct doctor_mta doctor_exim = {
	.name = "exim",
	.programs = programs,
	.groups = groups,
	.read = read_exim,
};
