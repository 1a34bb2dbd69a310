/* SPDX-License-Identifier: ISC */
/* Date fields: RFC 5322 3.3 with the obsolete forms of 4.3, and asctime(3)'s. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"

/*
 * The instant, in seconds since 1970. Letter case, comments, white space, the name of the day and the
 * zone in which somebody wrote it down do not matter; an unknown zone is that of Greenwich (RFC 5322
 * 4.3). ERR_SYNTAX when day, month, year or time of day are missing, come twice or cannot be.
 */
int date_parse(struct str s, int64_t *out) MUSTCHECK;

/* "417" of "09:00:00.417", which the instant leaves out; empty: it has none. */
struct str date_fraction(struct str s);

#endif
