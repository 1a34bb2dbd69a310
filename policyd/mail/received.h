/* SPDX-License-Identifier: ISC */
/*
 * A Received field (RFC 5321 4.4) as real MTAs write it: clauses in any order, comments anywhere. Whatever
 * does not look like a clause is skipped; any bytes give a hop, an empty one at worst.
 */
#ifndef MAIL_RECEIVED_H
#define MAIL_RECEIVED_H

#include "mail/header.h"

/* Fills all of `hop` but the hash. The white space in `value` is spaces, and BYTES16 of them stand behind it.
 * The strings of the hop point into it. Linear. */
void received_parse(struct str value, struct hop *hop);

/* Does the line name that host anywhere? */
bool received_names(const struct hop *hop, struct str name);
bool received_from(const struct hop *hop, struct str name); /* as the one that it came from? */

/* "localhost", "[127.0.0.1]" and the like: so filters and fetchers call themselves on any host. */
bool received_nobody(struct str host);

#endif
