/* SPDX-License-Identifier: ISC */
/*
 * Log lines as "event key=value key=value" (logfmt). The level tells whose fault it is:
 * info = it happened; warn = a peer or the environment is wrong; error = we lost something;
 * log_panic = our own invariant broke (aborts). Library rooms (base, mail, codec, judge) return
 * errors and do not log; their callers do. Text from peers goes through LOGV (escaped and cut).
 *
 * Whoever takes the lines may stand still, or be slow: he is waited for 200 ms in all, and not in the 10 s
 * after that. What is lost meanwhile is counted, and told before one that goes out, at most once a second.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/str.h"

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };
enum { LOG_VALUE_MAX = 200 };

struct log_value {
	char text[LOG_VALUE_MAX + 8];
};

/* Before that lines go to standard error, and log_debug() says nothing. `ident` is kept, not copied. */
void log_open(const char *ident, enum log_target target, bool debug);
void log_debug(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_error(const char *fmt, ...) PRINTF(1, 2);
NORETURN void log_panic(const char *fmt, ...) PRINTF(1, 2);

/* Peer text as a logfmt value: quoted when it holds space, '=' or '"'; control and 8-bit bytes as
 * \xNN; at most LOG_VALUE_MAX bytes, then "...". Use: log_info("x from=%s", LOGV(s)). */
const char *log_value(struct log_value *v, struct str s);
#define LOGV(s) log_value(&(struct log_value){ .text = "" }, (s))

/* For tests: every line goes to fn instead. NULL restores. */
void log_capture(void (*fn)(const char *level, const char *line));

#endif
