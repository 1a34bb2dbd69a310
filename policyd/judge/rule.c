/* SPDX-License-Identifier: ISC */
#include "judge/rule.h"

#include <stdlib.h>

#include "base/conf.h"
#include "base/xalloc.h"
#include "judge/detect.h"
#include "judge/rule_parse.h"
#include "mail/addr.h"

void
rule_init(struct rule *r, const struct detector *d)
{
	char why[CONF_WHY_MAX];

	*r = (struct rule){ .detector = d };
	if (conf_defaults(rule_key_table, rule_key_count, r, why, sizeof(why)))
		abort(); /* the table is wrong; a test proves that it is not */
	if (!d)
		return;
	r->action = d->action;
	r->arg_name = d->arg_name ? xstrdup(d->arg_name) : NULL;
	r->arg_value = d->arg_value ? xstrdup(d->arg_value) : NULL;
	r->scope = d->scope;
	r->limit = d->limit;
	r->window = d->window;
	r->remember = d->remember;
	r->block = d->block;
	r->brake = d->brake;
	r->count_by = d->count_by;
}

void
rule_fini(struct rule *r)
{
	xfree(r->name);
	xfree(r->arg_name);
	xfree(r->arg_value);
	xfree(r->text);
	exempt_fini(&r->exempt);
	exempt_fini(&r->addresses);
	*r = (struct rule){ 0 };
}

void
ruleset_fini(struct ruleset *rs)
{
	for (unsigned i = 0; i < rs->n; i++)
		rule_fini(&rs->v[i]);
	xfree(rs->v);
	*rs = (struct ruleset){ 0 };
}

const struct rule *
ruleset_find(const struct ruleset *rs, struct str name)
{
	for (unsigned i = 0; i < rs->n; i++)
		if (str_eq(str_of(rs->v[i].name), name))
			return &rs->v[i];
	return NULL;
}

bool
exempt_rcpt(const struct exempt *e, struct str plain)
{
	struct str local, domain;
	bool has_domain;

	if (plain.n == 0 || !exempt_names(e))
		return false;
	has_domain = addr_split(plain, &local, &domain);
	return (e->addrs.n && strset_has(&e->addrs, plain)) ||
	    (e->locals.n && strset_has(&e->locals, local)) ||
	    (has_domain && strset_has_domain(&e->domains, domain));
}

bool
exempt_msg(const struct exempt *e, const struct traits *t)
{
	if (e->nets.n && t->client.family && netset_has(&e->nets, &t->client))
		return true;
	return !t->null_sender && exempt_rcpt(e, t->sender.plain);
}

void
exempt_fini(struct exempt *e)
{
	netset_fini(&e->nets);
	strset_fini(&e->addrs);
	strset_fini(&e->domains);
	strset_fini(&e->locals);
}
