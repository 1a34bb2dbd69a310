/* SPDX-License-Identifier: ISC */
#include "mail/site.h"

#include "base/xalloc.h"
#include "mail/addr.h"

void
strset_add(struct strset *set, struct str s)
{
	set->v = xgrow(set->v, set->n, sizeof(*set->v));
	set->v[set->n++] = xstr_lower(s);
}

static struct str
undot(struct str name)
{
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	return name;
}

/* Most begin with another letter, so that it does not matter how long they are. */
static bool
begins_alike(const char *name, struct str s)
{
	return s.n == 0 || ((name[0] ^ s.p[0]) & ~('a' ^ 'A')) == 0;
}

bool
strset_has(const struct strset *set, struct str s)
{
	for (unsigned i = 0; i < set->n; i++)
		if (begins_alike(set->v[i], s) && str_ieq(str_of(set->v[i]), s))
			return true;
	return false;
}

bool
strset_has_domain(const struct strset *set, struct str domain)
{
	domain = undot(domain);
	for (unsigned i = 0; i < set->n; i++) {
		const char *d = set->v[i];

		if (begins_alike(d, domain) && str_ieq(str_of(d), domain))
			return true;
		if (d[0] == '.' && str_iends(domain, str_of(d)))
			return true;
	}
	return false;
}

void
strset_fini(struct strset *set)
{
	for (unsigned i = 0; i < set->n; i++)
		xfree(set->v[i]);
	xfree(set->v);
	*set = (struct strset){ 0 };
}

void
site_init(struct site *site)
{
	*site = (struct site){ 0 };
}

void
site_fini(struct site *site)
{
	xfree(site->hostname);
	strset_fini(&site->own_hosts);
	netset_fini(&site->trusted);
	netset_fini(&site->relays);
	strset_fini(&site->local_domains);
	strset_fini(&site->gateway_markers);
	*site = (struct site){ 0 };
}

bool
site_own_host(const struct site *site, struct str host)
{
	host = undot(host);
	if (host.n == 0)
		return false;
	if (site->hostname && begins_alike(site->hostname, host) && str_ieq(str_of(site->hostname), host))
		return true;
	return site->own_hosts.n && strset_has(&site->own_hosts, host);
}

bool
site_local_domain(const struct site *site, struct str domain)
{
	return strset_has_domain(&site->local_domains, domain);
}

bool
site_local_address(const struct site *site, struct str addr)
{
	struct str local, domain;

	return addr_split(addr, &local, &domain) && site_local_domain(site, domain);
}

bool
site_trusted(const struct site *site, const struct ip *ip)
{
	return netset_has(&site->trusted, ip);
}

bool
site_relay(const struct site *site, const struct ip *ip)
{
	return netset_has(&site->relays, ip);
}
