/* SPDX-License-Identifier: ISC */
/* Typed values: one table row says where a key's value goes, which bounds it has, and what to call it. */
#include "base/conf.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xalloc.h"

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: a value is shown in the largest unit that divides it. */
static const struct unit time_units[] = {
	{ "d", MS_DAY },
	{ "h", MS_HOUR },
	{ "m", MS_MIN },
	{ "s", MS_SEC },
	{ "ms", 1 },
	{ NULL, 0 },
};
static const struct unit size_units[] = {
	{ "G", 1 << 30 },
	{ "M", 1 << 20 },
	{ "k", 1 << 10 },
	{ "", 1 },
	{ NULL, 0 },
};

static const struct conf_name bool_names[] = {
	{ "yes", true },
	{ "no", false },
	{ "on", true },
	{ "off", false },
	{ "true", true },
	{ "false", false },
	{ NULL, 0 },
};

/* "12" + one of the units (any case where `fold`); without one: times `bare`. */
static int
number_unit(struct str s, const struct unit *units, int64_t bare, bool fold, int64_t *out)
{
	struct str digits, name;
	uint64_t n;
	size_t at = 0;
	int err;

	while (at < s.n && str_digit(s.p[at]))
		at++;
	digits = str_sub(s, 0, at);
	name = str_sub(s, at, s.n);
	err = str_u64(digits, &n);
	if (err)
		return err;
	for (; name.n && units->name; units++) {
		struct str u = str_of(units->name);

		if (fold ? str_ieq(u, name) : str_eq(u, name)) {
			bare = units->factor;
			break;
		}
	}
	if (!units->name)
		return ERR_SYNTAX;
	if (n > (uint64_t)(INT64_MAX / bare))
		return ERR_RANGE;
	*out = (int64_t)n * bare;
	return 0;
}

int
conf_msec(struct str s, int64_t *out)
{
	return number_unit(s, time_units, MS_SEC, false, out);
}

int
conf_size(struct str s, uint64_t *out)
{
	int64_t v;
	int err = number_unit(s, size_units, 1, true, &v);

	if (!err)
		*out = (uint64_t)v;
	return err;
}

bool
conf_word(struct str *rest, struct str *word)
{
	size_t from = 0, to;

	while (from < rest->n && (rest->p[from] == ',' || str_is_space(rest->p[from])))
		from++;
	to = from;
	while (to < rest->n && rest->p[to] != ',' && !str_is_space(rest->p[to]))
		to++;
	*word = str_sub(*rest, from, to);
	*rest = str_sub(*rest, to, rest->n);
	return word->n > 0;
}

bool
conf_domain(struct str s)
{
	size_t label = 0;

	if (s.n && s.p[0] == '.')
		s = str_sub(s, 1, s.n);
	if (s.n == 0 || s.n > 253)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if ((unsigned char)c < 0x80 && c != '-' && c != '_' && !str_alnum(c))
			return false;
		label++;
		if (label > 63)
			return false;
	}
	return label > 0;
}

const char *
conf_quote(struct conf_quoted *q, struct str s)
{
	enum { KEEP = sizeof(q->text) - sizeof("\\x00...\"") };
	size_t n = 0;
	size_t i;

	q->text[n++] = '"';
	for (i = 0; i < s.n && n < KEEP; i++) {
		if (str_is_print(s.p[i]))
			q->text[n++] = s.p[i];
		else
			n += (size_t)snprintf(q->text + n, sizeof("\\x00"), "\\x%02x", (unsigned char)s.p[i]);
	}
	snprintf(q->text + n, sizeof(q->text) - n, "%s\"", i < s.n ? "..." : "");
	return q->text;
}

static void
unit_text(int64_t v, const struct unit *units, char *out, size_t len)
{
	while (units->factor > 1 && (v == 0 || v % units->factor))
		units++;
	snprintf(out, len, "%" PRId64 "%s", v / units->factor, v ? units->name : "");
}

void
conf_msec_text(int64_t ms, char *out, size_t len)
{
	unit_text(ms, time_units, out, len);
}

static void
bound_text(const struct conf_key *key, int64_t v, char *out, size_t len)
{
	if (key->type == CONF_UINT)
		snprintf(out, len, "%" PRId64, v);
	else
		unit_text(v, key->type == CONF_MSEC ? time_units : size_units, out, len);
}

static int
check_range(const struct conf_key *key, struct str value, int64_t v, char *why, size_t why_len)
{
	char min[32], max[32];

	if ((key->min == 0 && key->max == 0) || (v >= key->min && v <= key->max))
		return 0;
	bound_text(key, key->min, min, sizeof(min));
	bound_text(key, key->max, max, sizeof(max));
	return err_why(ERR_RANGE, why, why_len, "%s is out of range (%s to %s)", CONFQ(value), min, max);
}

/* "a | b | c" */
static void
names_text(const struct conf_name *names, char *out, size_t len)
{
	size_t n = 0;

	out[0] = '\0';
	for (; names->name && n < len; names++)
		n += (size_t)snprintf(out + n, len - n, "%s%s", n ? " | " : "", names->name);
}

static int
find_name(const struct conf_name *names, struct str value, int *out)
{
	for (; names->name; names++) {
		if (str_eq(value, str_of(names->name))) {
			*out = names->value;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

static int
set_number(const struct conf_key *key, void *at, struct str value, char *why, size_t why_len)
{
	static const char *const what[] = {
		[CONF_UINT] = "a number",
		[CONF_SIZE] = "a size (use k M G)",
		[CONF_MSEC] = "a time (use s m h d)",
	};
	uint64_t u = 0;
	int64_t v = 0;
	int err;

	if (key->type == CONF_MSEC)
		err = conf_msec(value, &v);
	else
		err = key->type == CONF_SIZE ? conf_size(value, &u) : str_u64(value, &u);
	if (err == ERR_SYNTAX)
		return err_why(err, why, why_len, "%s is not %s", CONFQ(value), what[key->type]);
	if (key->type != CONF_MSEC) {
		v = u > INT64_MAX ? INT64_MAX : (int64_t)u;
		if (key->type == CONF_UINT && u > UINT32_MAX)
			err = ERR_RANGE;
	}
	if (err)
		v = INT64_MAX;
	if (check_range(key, value, v, why, why_len))
		return ERR_RANGE;
	if (err)
		return err_why(err, why, why_len, "%s is too large", CONFQ(value));
	if (key->type == CONF_UINT)
		*(uint32_t *)at = (uint32_t)v;
	else if (key->type == CONF_SIZE)
		*(uint64_t *)at = (uint64_t)v;
	else
		*(int64_t *)at = v;
	return 0;
}

static int
set_name(const struct conf_key *key, void *at, struct str value, char *why, size_t why_len)
{
	const struct conf_name *names = key->type == CONF_BOOL ? bool_names : key->names;
	char all[256];
	int v;

	if (find_name(names, value, &v)) {
		names_text(names, all, sizeof(all));
		return err_why(ERR_SYNTAX, why, why_len, "%s is not one of %s", CONFQ(value), all);
	}
	if (key->type == CONF_ENUM)
		memcpy(at, &v, sizeof(v)); /* an int, or an enum of the same size */
	else
		*(bool *)at = v != 0;
	return 0;
}

static int
set_text(const struct conf_key *key, void *at, struct str value, char *why, size_t why_len)
{
	char **to = at;

	if (value.n == 0 && !key->none && (!key->def || *key->def))
		return err_why(ERR_SYNTAX, why, why_len, "no value");
	xfree(*to);
	*to = value.n ? xstr(value) : NULL;
	return 0;
}

int
conf_set(const struct conf_key *key, void *target, struct str value, char *why, size_t why_len)
{
	void *at = (char *)target + key->offset;

	switch (key->type) {
	case CONF_UINT:
	case CONF_SIZE:
	case CONF_MSEC:
		return set_number(key, at, value, why, why_len);
	case CONF_BOOL:
	case CONF_ENUM:
	case CONF_FLAG:
		return set_name(key, at, value, why, why_len);
	case CONF_STR:
		return set_text(key, at, value, why, why_len);
	case CONF_CALL:
		break;
	}
	return key->call(at, value, why, why_len);
}

const struct conf_key *
conf_find(const struct conf_key *table, unsigned n, const char *section, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(table[i].section, section) == 0 && strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

int
conf_defaults(const struct conf_key *table, unsigned n, void *target, char *why, size_t why_len)
{
	char phrase[CONF_WHY_MAX];
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		if (!table[i].def)
			continue;
		err = conf_set(&table[i], target, str_of(table[i].def), phrase, sizeof(phrase));
		if (err)
			snprintf(why, why_len, "%s: %s", table[i].name, phrase);
	}
	return err;
}

bool
conf_same(const struct conf_key *key, const void *a, const void *b)
{
	static const size_t sizes[] = {
		[CONF_BOOL] = sizeof(bool),
		[CONF_FLAG] = sizeof(bool),
		[CONF_UINT] = sizeof(uint32_t),
		[CONF_SIZE] = sizeof(uint64_t),
		[CONF_MSEC] = sizeof(int64_t),
		[CONF_ENUM] = sizeof(int),
	};
	const char *pa = (const char *)a + key->offset, *pb = (const char *)b + key->offset;

	if (key->type == CONF_CALL)
		return true;
	if (key->type == CONF_STR) {
		char *sa, *sb;

		memcpy(&sa, pa, sizeof(sa));
		memcpy(&sb, pb, sizeof(sb));
		return (sa == NULL) == (sb == NULL) && str_eq(str_of(sa), str_of(sb));
	}
	return memcmp(pa, pb, sizes[key->type]) == 0;
}

void
conf_type_text(const struct conf_key *key, char *out, size_t len)
{
	static const char *const names[] = {
		[CONF_BOOL] = "yes | no",
		[CONF_UINT] = "number",
		[CONF_SIZE] = "size",
		[CONF_MSEC] = "time",
		[CONF_STR] = "text",
	};

	if (key->names)
		names_text(key->names, out, len);
	else
		snprintf(out, len, "%s", key->form ? key->form : names[key->type]);
}

enum { FAR = 3 }; /* edits: what is as many away was not meant */

/* How many lead from a to b: insert, delete, replace, swap neighbours. */
static unsigned
edits(struct str a, struct str b)
{
	unsigned row[3][CONF_NAME_MAX + 1];
	unsigned *before = row[0], *last = row[1], *now = row[2], *spare;

	if (a.n > CONF_NAME_MAX || b.n > CONF_NAME_MAX)
		return FAR;
	for (unsigned j = 0; j <= b.n; j++)
		last[j] = before[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned d = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);

			if (d > last[j] + 1)
				d = last[j] + 1;
			if (d > now[j - 1] + 1)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
			    d > before[j - 2] + 1)
				d = before[j - 2] + 1;
			now[j] = d;
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[b.n];
}

static unsigned
distance(struct str word, const char *candidate)
{
	struct str c = str_of(candidate);
	unsigned d = str_ieq(word, c) ? 0 : edits(word, c);

	/* two edits make any short word out of any other */
	return d * 2 > c.n ? FAR : d;
}

void
conf_nearer(struct str word, const char *candidate, const char **near)
{
	if (distance(word, candidate) < (*near ? distance(word, *near) : FAR))
		*near = candidate;
}

bool
conf_has_section(const struct conf_key *table, unsigned n, const char *section)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(table[i].section, section) == 0)
			return true;
	return false;
}

void
conf_unknown(const struct conf_key *table, unsigned n, const char *section, const char *name, char *why,
    size_t why_len)
{
	const char *near = NULL, *elsewhere = NULL;
	bool known = conf_has_section(table, n, section);

	for (unsigned i = 0; i < n; i++) {
		const struct conf_key *k = &table[i];

		if (!known)
			conf_nearer(str_of(section), k->section, &near);
		if (!known || !name)
			continue;
		if (strcmp(k->section, section) == 0)
			conf_nearer(str_of(name), k->name, &near);
		if (strcmp(k->name, name) == 0)
			elsewhere = k->section;
	}
	if (!known && near)
		snprintf(why, why_len, "unknown section [%s], did you mean [%s]?", section, near);
	else if (!known)
		snprintf(why, why_len, "unknown section [%s]", section);
	else if (elsewhere)
		snprintf(why, why_len, "unknown key %s in [%s]; it belongs to [%s]", CONFQ(str_of(name)),
		    section, elsewhere);
	else if (near)
		snprintf(why, why_len, "unknown key %s in [%s], did you mean \"%s\"?", CONFQ(str_of(name)),
		    section, near);
	else
		snprintf(why, why_len, "unknown key %s in [%s]", CONFQ(str_of(name)), section);
}
