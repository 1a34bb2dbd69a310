/* SPDX-License-Identifier: ISC */
#ifndef UNIT_NETS_H
#define UNIT_NETS_H

#include <criterion/criterion.h>

#include "base/net.h"

/* "192.0.2.0/24" */
static inline void
add_net(struct netset *set, const char *text)
{
	struct net net;

	cr_assert_eq(net_parse(str_of(text), &net), 0);
	netset_add(set, &net);
}

#endif
