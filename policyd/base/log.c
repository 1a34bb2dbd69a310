/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 2048 };

static struct {
	enum log_target target;
	bool debug;
	const char *ident;
	void (*capture)(const char *level, const char *line);
} logger = { .ident = "policyd-storm" };

void
log_open(const char *ident, enum log_target target, bool debug)
{
	logger.ident = ident;
	logger.debug = debug;
	logger.target = target;
	if (target == LOG_TO_SYSLOG)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_capture(void (*fn)(const char *level, const char *line))
{
	logger.capture = fn;
}

static PRINTF(3, 0) void emit(int priority, const char *level, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX];
	int saved = errno;

	vsnprintf(line, sizeof(line), fmt, ap);
	if (logger.capture) {
		logger.capture(level, line);
	} else if (logger.target == LOG_TO_SYSLOG) {
		syslog(priority, "%s: %s", level, line);
	} else {
		char out[LOG_LINE_MAX + 128];
		int n = snprintf(
		    out, sizeof(out), "%s[%ld]: %s: %s\n", logger.ident, (long)getpid(), level, line);

		/* One write, so that lines of several threads do not mix. */
		if (n > 0 && write(STDERR_FILENO, out, (size_t)n) < 0)
			errno = saved; /* nobody is left to tell */
	}
	errno = saved;
}

#define LOG_FN(name, priority, level)           \
	void name(const char *fmt, ...)         \
	{                                       \
		va_list ap;                     \
                                                \
		va_start(ap, fmt);              \
		emit(priority, level, fmt, ap); \
		va_end(ap);                     \
	}

LOG_FN(log_info, LOG_INFO, "info")
LOG_FN(log_warn, LOG_WARNING, "warn")
LOG_FN(log_error, LOG_ERR, "error")

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!logger.debug)
		return;
	va_start(ap, fmt);
	emit(LOG_DEBUG, "debug", fmt, ap);
	va_end(ap);
}

void
log_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_CRIT, "panic", fmt, ap);
	va_end(ap);
	abort();
}

const char *
log_value(struct log_value *v, struct str s)
{
	static const char hex[] = "0123456789abcdef";
	bool quote = s.n == 0;
	size_t at = 1, i;

	v->text[0] = '"';
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (at > LOG_VALUE_MAX - 4)
			break;
		if (c < 0x20 || c >= 0x7f) {
			v->text[at++] = '\\';
			v->text[at++] = 'x';
			v->text[at++] = hex[c >> 4];
			v->text[at++] = hex[c & 15];
			quote = true;
		} else {
			if (c == '"' || c == '\\')
				v->text[at++] = '\\';
			if (c == ' ' || c == '=' || c == '"' || c == '\\')
				quote = true;
			v->text[at++] = (char)c;
		}
	}
	if (i < s.n) {
		memcpy(v->text + at, "...", 3);
		at += 3;
	}
	if (quote)
		v->text[at++] = '"';
	v->text[at] = '\0';
	return quote ? v->text : v->text + 1;
}
