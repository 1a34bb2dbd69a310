/* SPDX-License-Identifier: ISC */
/*
 * rules.conf: one [rule NAME] section per rule, in the order in which they are asked. What a rule does
 * not say comes from its detector, wherever `detect` stands in the section.
 *
 *	action = defer [TEXT] | reject [TEXT] | discard | hold | drop-recipients | redirect-owner | warn
 *	       | prepend NAME: TEXT | set-sender-owner | conceal
 *	TEXT   = [4.x.x | 5.x.x] printable ASCII
 *	exempt = network | user@domain | @domain | @.domain | localpart@ , ...
 */
#ifndef JUDGE_RULE_PARSE_H
#define JUDGE_RULE_PARSE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/conf.h"
#include "judge/rule.h"

enum {
	RULE_NAME_MAX = 40,
	RULE_TEXT_MAX = 400,   /* a reply line is 512 with code and dsn (RFC 5321 4.5.3.1.5) */
	RULE_HEADER_MAX = 900, /* NAME and TEXT of prepend; a line is 998 */
};

struct rule_keys; /* the parser's own: what one section said */

/* Puts a value over what the file says; `used` tells whether there was such a rule. */
struct rule_override {
	struct str rule, key, value;
	bool used;
};

struct rule_parse {
	struct ruleset *out;
	const char *file;
	struct conf_faults *faults;
	struct rule_override *overrides; /* may be NULL */
	unsigned n_overrides;
	struct rule_keys *keys;
};

/* `p` is filled but for `keys`. Give rule_parse_key and it to conf_read(), then call
 * rule_parse_end(). A faulty rule is reported and left out. */
conf_fn rule_parse_key;
void rule_parse_end(struct rule_parse *p);

/* [server] mode = shadow: nothing enforces. */
void ruleset_shadow(struct ruleset *rs);

/* The key table, for -t, the docs lint, and `stormctl config`. Its section is "rule", its target
 * struct rule; a NULL default is the detector's. */
extern const struct conf_key rule_key_table[];
extern const unsigned rule_key_count;

/* What a value of that key, which has names for its values, is called. */
const char *rule_value_name(const char *key, int value);

/* "client, sender" into `out`, "-" for none. */
void rule_count_by_text(unsigned count_by, struct buf *out);

/* Does the detector read that key? Common keys: all do. */
bool rule_key_read(const struct detector *d, const char *name);

#endif
