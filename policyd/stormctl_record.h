/* SPDX-License-Identifier: ISC */
/* Storms out of the database, as the documents that the daemon would have sent of them. */
#ifndef STORMCTL_RECORD_H
#define STORMCTL_RECORD_H

#include "base/compiler.h"
#include "store/journal_read.h"
#include "stormctl.h"

/* The path that [store] path of the configuration says; faults elsewhere in it do not matter. For xfree(). */
char *record_path(const struct stormctl *ctl);

/* Which storms have an id that begins with these 1 to 16 hexadecimal digits. 0, or EX_USAGE after a line on
 * stderr. */
int record_range(const char *id, struct journal_storms *which) MUSTCHECK;
/* Says on stderr that it is none or several where one was meant. Returns EX_DATAERR. */
int record_not_one(const char *id, uint64_t n);

/* The exit status for what a function of store/journal_read.h returned; a failure is told on stderr. */
int record_status(const char *path, int err, const char *why);

typedef void record_fn(void *arg, const char *document);
/* `whole`: with what the daemon tells of a single storm. Returns how many in *n; 0, or the exit status after
 * a line on stderr. */
int record_storms(const char *path, const struct journal_storms *which, bool whole, record_fn *fn, void *arg,
    uint64_t *n) MUSTCHECK;

#endif
