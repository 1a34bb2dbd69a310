/* SPDX-License-Identifier: ISC */
/* A section is gathered first and compiled at its end, because `detect` decides the defaults of all
 * other keys. */
#include "judge/rule_parse.h"

#include <stdio.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "judge/detect.h"
#include "judge/sent.h"

struct rule_key {
	char *name, *value;
	unsigned line; /* 0: an override */
};

struct rule_keys {
	char *section;
	unsigned line;
	struct rule_key *v;
	unsigned n;
};

static int
code_part(struct str *s, char end, uint64_t *out)
{
	size_t at = str_find(*s, end);
	struct str digits = str_sub(*s, 0, at);

	*s = str_sub(*s, at + 1, s->n);
	return digits.n > 3 ? ERR_SYNTAX : str_u64(digits, out);
}

/* What the text goes with, and the key that asks for it; redirect-owner is a reject where a door cannot
 * split. ACT_PASS: no refusal. */
static enum action
refusal_of(const struct rule *r, const char **key)
{
	*key = "action";
	if (r->action == ACT_DEFER || r->action == ACT_REJECT)
		return r->action;
	if (r->action == ACT_REDIRECT_OWNER)
		return ACT_REJECT;
	*key = "outsiders";
	if (r->outsiders == ACT_DEFER || r->outsiders == ACT_REJECT)
		return r->outsiders;
	*key = "brake";
	return rule_brake_action(r);
}

/* Moves an enhanced status code (RFC 3463) from the text's front to r->dsn. */
static int
split_code(struct rule *r, char *why, size_t why_len)
{
	struct str text = str_of(r->text), rest = text, code;
	uint64_t class, subject, detail;
	const char *key;
	enum action as = refusal_of(r, &key);

	if (code_part(&rest, '.', &class) || code_part(&rest, '.', &subject) ||
	    code_part(&rest, ' ', &detail))
		return 0;
	if (as == ACT_PASS)
		return 0;
	code = str_sub(text, 0, str_find(text, ' '));
	if (class != (as == ACT_DEFER ? 4 : 5))
		return err_why(ERR_SYNTAX, why, why_len, "%s does not fit %s = %s, whose codes are %s",
		    CONFQ(code), key,
		    r->action == ACT_REDIRECT_OWNER ? action_name(r->action) : action_name(as),
		    as == ACT_DEFER ? "4.x.x" : "5.x.x");
	snprintf(r->dsn, sizeof(r->dsn), "%.*s", STR_FMT(code));
	rest = str_trim(rest);
	r->text = rest.n ? xstr(rest) : NULL;
	xfree((char *)text.p);
	return 0;
}

static const struct rule_key *
key_find(const struct rule_keys *keys, const char *name)
{
	for (unsigned i = 0; i < keys->n; i++)
		if (strcmp(keys->v[i].name, name) == 0)
			return &keys->v[i];
	return NULL;
}

static void
key_add(struct rule_keys *keys, struct str name, struct str value, unsigned line)
{
	keys->v = xgrow(keys->v, keys->n, sizeof(*keys->v));
	keys->v[keys->n++] = (struct rule_key){ xstr(name), xstr(value), line };
}

static void
keys_free(struct rule_keys *keys)
{
	for (unsigned i = 0; i < keys->n; i++) {
		xfree(keys->v[i].name);
		xfree(keys->v[i].value);
	}
	xfree(keys->v);
	xfree(keys->section);
	xfree(keys);
}

static void
fault(struct rule_parse *p, unsigned line, const char *key, const char *why)
{
	conf_fault(p->faults, line ? p->file : "--set", line, "%s%s%s", key, *key ? ": " : "", why);
}

/* NAME of "rule NAME", or none after a report. */
static struct str
section_name(struct rule_parse *p)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	struct str rest = str_of(p->keys->section), word, name;
	char why[CONF_WHY_MAX];

	word = str_sub(rest, 0, strcspn(rest.p, " \t"));
	name = str_trim(str_sub(rest, word.n, rest.n));
	if (!str_eq(word, STR("rule"))) {
		char first[CONF_NAME_MAX + 1];

		snprintf(first, sizeof(first), "%.*s", STR_FMT(word));
		conf_unknown(rule_key_table, rule_key_count, first, NULL, why, sizeof(why));
	} else if (name.n == 0) {
		snprintf(why, sizeof(why), "[rule] needs a name: [rule NAME]");
	} else if (name.n > RULE_NAME_MAX) {
		snprintf(why, sizeof(why), "name of the rule longer than %d bytes", RULE_NAME_MAX);
	} else if (strspn(name.p, ok) < name.n) {
		snprintf(
		    why, sizeof(why), "%s: the name of a rule is made of A-Z a-z 0-9 _ . -", CONFQ(name));
	} else if (ruleset_find(p->out, name)) {
		snprintf(why, sizeof(why), "there is a rule \"%.*s\" already", STR_FMT(name));
	} else {
		return name;
	}
	fault(p, p->keys->line, "", why);
	return STR_NONE;
}

static void
apply_overrides(struct rule_parse *p, struct str name)
{
	for (unsigned i = 0; i < p->n_overrides; i++) {
		struct rule_override *o = &p->overrides[i];
		struct rule_key *k = NULL;

		if (name.n == 0 || !str_eq(o->rule, name))
			continue;
		o->used = true;
		for (unsigned j = 0; j < p->keys->n; j++)
			if (str_eq(str_of(p->keys->v[j].name), o->key))
				k = &p->keys->v[j];
		if (!k) {
			key_add(p->keys, o->key, o->value, 0);
			continue;
		}
		xfree(k->value);
		k->value = xstr(o->value);
		k->line = 0;
	}
}

static void
compile_key(struct rule_parse *p, struct rule *r, const struct rule_key *k)
{
	const struct conf_key *key = conf_find(rule_key_table, rule_key_count, "rule", k->name);
	char why[CONF_WHY_MAX];

	if (!key) {
		conf_unknown(rule_key_table, rule_key_count, "rule", k->name, why, sizeof(why));
		fault(p, k->line, "", why);
	} else if (conf_set(key, r, str_of(k->value), why, sizeof(why))) {
		fault(p, k->line, k->name, why);
	} else if (r->detector && !rule_key_read(r->detector, k->name)) {
		snprintf(why, sizeof(why), "detector %s does not use it", r->detector->name);
		fault(p, k->line, k->name, why);
	}
}

static void
check_limit(struct rule_parse *p, const struct rule *r)
{
	const struct detector *d = r->detector;
	const struct rule_key *k = key_find(p->keys, "limit");
	char why[CONF_WHY_MAX];

	if (!d || !k || (r->limit >= d->limit_min && (!d->limit_max || r->limit <= d->limit_max)))
		return;
	snprintf(why, sizeof(why), "detector %s takes %u to %u", d->name, d->limit_min, d->limit_max);
	fault(p, k->line, k->name, why);
}

static void
compile(struct rule_parse *p, struct rule *r, struct str name)
{
	const struct rule_key *detect, *text;
	const struct detector *d;
	char why[CONF_WHY_MAX];

	apply_overrides(p, name);
	detect = key_find(p->keys, "detect");
	text = key_find(p->keys, "text");
	d = detect ? detector_find(str_of(detect->value)) : NULL;
	rule_init(r, d);
	r->name = xstr(name.n ? name : STR("?"));
	r->id = hash64(0, name);
	r->line = p->keys->line;
	if (!detect && name.n) {
		snprintf(why, sizeof(why), "rule \"%s\" does not say detect = ...", r->name);
		fault(p, r->line, "", why);
	}
	for (unsigned i = 0; i < p->keys->n; i++)
		compile_key(p, r, &p->keys->v[i]);
	check_limit(p, r);
	if (!text || !*text->value)
		text = key_find(p->keys, "action");
	if (r->text && split_code(r, why, sizeof(why)))
		fault(p, text->line, text->name, why);
}

static void
add(struct ruleset *rs, const struct rule *r)
{
	rs->v = xgrow(rs->v, rs->n, sizeof(*rs->v));
	rs->v[rs->n] = *r;
	if (r->detector->sent && r->mode != MODE_OFF && rs->sent_ttl < SENT_TTL_MIN)
		rs->sent_ttl = SENT_TTL_MIN;
	if (r->detector->sent && r->mode != MODE_OFF && rs->sent_ttl < r->window)
		rs->sent_ttl = r->window;
	rs->needs_body |= r->detector->body && r->mode != MODE_OFF;
	rs->n++;
}

/* The section that was being gathered is complete. */
static void
section_end(struct rule_parse *p)
{
	unsigned before = p->faults->n;
	struct rule r;
	struct str name;

	if (!p->keys)
		return;
	name = section_name(p);
	compile(p, &r, name);
	if (p->faults->n == before)
		add(p->out, &r);
	else
		rule_fini(&r);
	keys_free(p->keys);
	p->keys = NULL;
}

void
rule_parse_key(void *arg, const char *section, const char *name, const char *value, unsigned line)
{
	struct rule_parse *p = arg;

	if (!name) {
		section_end(p);
		p->keys = xcalloc(1, sizeof(*p->keys));
		p->keys->section = xstrdup(section);
		p->keys->line = line;
	} else if (p->keys) {
		key_add(p->keys, str_of(name), str_of(value), line);
	}
}

void
rule_parse_end(struct rule_parse *p)
{
	section_end(p);
	for (unsigned i = 0; i < p->n_overrides; i++) {
		const struct rule_override *o = &p->overrides[i];

		if (!o->used)
			conf_fault(p->faults, "--set", 0, "there is no rule %s", CONFQ(o->rule));
	}
}

void
ruleset_shadow(struct ruleset *rs)
{
	for (unsigned i = 0; i < rs->n; i++)
		if (rs->v[i].mode == MODE_ENFORCE)
			rs->v[i].mode = MODE_SHADOW;
}
