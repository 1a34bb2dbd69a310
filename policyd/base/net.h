/* SPDX-License-Identifier: ISC */
/* IP addresses and networks as text from peers and configuration. An IPv4-mapped IPv6 address
 * (::ffff:192.0.2.1) is the IPv4 address; "IPv6:" in front and [brackets] around are dropped. */
#ifndef BASE_NET_H
#define BASE_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct ip {
	uint8_t family; /* 0 = none, 4, 6 */
	uint8_t b[16];  /* network order; IPv4 uses the first four */
};

struct net {
	struct ip ip; /* host bits are zero */
	uint8_t bits;
};

struct netset {           /* all zero: empty */
	struct net *nets; /* owned */
	unsigned n;
};

int ip_parse(struct str s, struct ip *out) MUSTCHECK; /* ERR_SYNTAX */
bool ip_loopback(const struct ip *ip);
/* "ADDRESS" or "ADDRESS/BITS", host bits may be set. ERR_SYNTAX, ERR_RANGE. */
int net_parse(struct str s, struct net *out) MUSTCHECK;
bool net_has(const struct net *net, const struct ip *ip);

void netset_add(struct netset *set, const struct net *net);
bool netset_has(const struct netset *set, const struct ip *ip);
void netset_fini(struct netset *set);

#endif
