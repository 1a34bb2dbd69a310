/* SPDX-License-Identifier: ISC */
/* What a message is seen against: who we are and which networks and domains are ours. Filled once by
 * the configuration, const for everybody else. All strings are NUL-terminated and lower-case. */
#ifndef MAIL_SITE_H
#define MAIL_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"
#include "base/str.h"

struct strset {
	char **v; /* owned, lower-case */
	unsigned n;
};

struct site {
	char *hostname;                /* [mail] hostname: our name in Received lines */
	struct strset own_hosts;       /* [mail] own_hosts: further names of ours; hostname is always one */
	struct netset trusted;         /* [mail] trusted */
	struct netset relays;          /* [mail] relays: their Received line names the client */
	struct strset local_domains;   /* [mail] local_domains; ".example.org" matches subdomains */
	struct strset gateway_markers; /* [mail] gateway_markers: prefixes such as "mspop3connector." */
	uint64_t hash_seed;            /* from the database; 0 where there is none */
};

void site_init(struct site *site);
void site_fini(struct site *site);

void strset_add(struct strset *set, struct str s);       /* stored lower-case */
bool strset_has(const struct strset *set, struct str s); /* any case */
/* The same of domains, a trailing dot ignored; ".example.org" takes in what lies below it. */
bool strset_has_domain(const struct strset *set, struct str domain);
void strset_fini(struct strset *set);

bool site_own_host(const struct site *site, struct str host); /* any case, trailing dot ignored */
bool site_local_domain(const struct site *site, struct str domain);
bool site_local_address(const struct site *site, struct str addr); /* "@domain" too */
bool site_trusted(const struct site *site, const struct ip *ip);
bool site_relay(const struct site *site, const struct ip *ip);

#endif
