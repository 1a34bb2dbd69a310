/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	LOG_LINE_MAX = 2048,
	LOG_HEAD_MAX = 128,
	LOG_WAIT = 200,          /* ms for who reads the log, in */
	LOG_HASTE = 10 * MS_SEC, /* so many: no answer is to wait for him longer */
	TELL_EVERY = MS_SEC,     /* ms: what is lost takes the place of a line */
};

static struct {
	enum log_target target;
	bool debug;
	const char *ident;
	int fd;                      /* to syslogd, a terminal, a pipe; -1: the C library's, standard error */
	_Atomic int64_t hasty_until; /* of clock_coarse() */
	_Atomic int64_t since;       /* of clock_coarse(): waits are added up from then on */
	_Atomic int64_t waited;      /* ms */
	_Atomic uint64_t lost;       /* lines, not told yet */
	_Atomic int64_t next_tell;   /* of clock_coarse() */
	void (*capture)(const char *level, const char *line);
} logger = { .ident = "policyd-storm", .fd = -1 };

static int
connect_syslog(void)
{
	const struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = _PATH_LOG };

	return connect(logger.fd, (const struct sockaddr *)&un, sizeof(un));
}

/* syslog(3) waits for a syslogd that stands still for as long as that lasts. */
static void
open_syslog(void)
{
	const struct timeval patience = { .tv_usec = LOG_WAIT * 1000 };

	openlog(logger.ident, LOG_PID, LOG_MAIL);
	logger.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (logger.fd < 0)
		return;
	(void)setsockopt(logger.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)connect_syslog();
}

void
log_open(const char *ident, enum log_target target, bool debug)
{
	struct stat st;

	logger.ident = ident;
	logger.debug = debug;
	logger.target = target;
	if (target == LOG_TO_SYSLOG)
		open_syslog();
	else if (isatty(STDERR_FILENO) || /* has room for the front of a line, and waits with the rest */
	    (fstat(STDERR_FILENO, &st) == 0 && S_ISFIFO(st.st_mode))) /* others may take the room */
		logger.fd = open("/proc/self/fd/2", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void
log_capture(void (*fn)(const char *level, const char *line))
{
	logger.capture = fn;
}

static bool
may_wait(void)
{
	return clock_coarse() >= atomic_load(&logger.hasty_until);
}

/* Since clock_us() was `begun`. Less than a millisecond is what a burst costs, not somebody slow. */
static void
note_wait(int64_t begun, bool in_vain)
{
	int64_t ms = in_vain ? LOG_WAIT : (clock_us() - begun) / 1000, now = clock_coarse();

	if (now - atomic_load(&logger.since) >= LOG_HASTE) {
		atomic_store(&logger.since, now);
		atomic_store(&logger.waited, 0);
	}
	if (atomic_fetch_add(&logger.waited, ms) + ms >= LOG_WAIT)
		atomic_store(&logger.hasty_until, now + LOG_HASTE);
}

/* A pipe that takes anything takes PIPE_BUF bytes. */
static bool
to_stderr(const char *level, const char *line)
{
	struct pollfd p = { .fd = logger.fd < 0 ? STDERR_FILENO : logger.fd, .events = POLLOUT };
	char out[LOG_HEAD_MAX + LOG_LINE_MAX];
	int n = snprintf(out, sizeof(out), "%s[%ld]: %s: %s\n", logger.ident, (long)getpid(), level, line);
	int64_t begun;
	ssize_t taken;

	if (poll(&p, 1, 0) <= 0) {
		if (!may_wait())
			return false;
		begun = clock_us();
		(void)poll(&p, 1, LOG_WAIT);
		note_wait(begun, !p.revents);
		if (!p.revents)
			return false;
	}
	/* One write, so that lines of several threads do not mix. */
	taken = write(p.fd, out, (size_t)n);
	return taken == n || (taken < 0 && errno != EAGAIN);
}

/* Waits, but that is an old one. */
static bool
to_stream(int priority, const char *level, const char *line)
{
	syslog(priority, "%s: %s", level, line);
	return true;
}

static bool
offer(const char *out, size_t n)
{
	int64_t begun;
	bool taken;

	if (send(logger.fd, out, n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return true;
	if (errno != EAGAIN || !may_wait())
		return false;
	begun = clock_us();
	taken = send(logger.fd, out, n, MSG_NOSIGNAL) >= 0;
	note_wait(begun, !taken);
	return taken;
}

/* As syslog(3) writes it. */
static bool
to_syslog(int priority, const char *level, const char *line)
{
	char out[LOG_HEAD_MAX + LOG_LINE_MAX], date[32] = "";
	struct timespec ts = { 0 };
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (localtime_r(&ts.tv_sec, &tm))
		(void)strftime(date, sizeof(date), "%h %e %T ", &tm);
	n = (size_t)snprintf(out, sizeof(out), "<%d>%s%s[%ld]: %s: %s", LOG_MAIL | priority, date,
	    logger.ident, (long)getpid(), level, line);
	if (offer(out, n))
		return true;
	/* Who listened may be gone; perhaps another one is there, or one that wants a stream. */
	if (errno != EAGAIN && connect_syslog() == 0)
		return offer(out, n);
	return errno == EPROTOTYPE && to_stream(priority, level, line);
}

static bool
put(int priority, const char *level, const char *line)
{
	if (logger.target == LOG_TO_STDERR)
		return to_stderr(level, line);
	return logger.fd < 0 ? to_stream(priority, level, line) : to_syslog(priority, level, line);
}

static void
tell_lost(void)
{
	uint64_t lost = atomic_exchange(&logger.lost, 0);
	char what[LOG_HEAD_MAX];

	if (!lost)
		return; /* another thread is faster */
	snprintf(what, sizeof(what), "log lost=%llu lines: nobody took them", (unsigned long long)lost);
	if (put(LOG_WARNING, "warn", what))
		atomic_store(&logger.next_tell, clock_coarse() + TELL_EVERY);
	else
		atomic_fetch_add(&logger.lost, lost);
}

static void
put_or_count(int priority, const char *level, const char *line)
{
	if (atomic_load(&logger.lost) && clock_coarse() >= atomic_load(&logger.next_tell))
		tell_lost();
	if (!put(priority, level, line))
		atomic_fetch_add(&logger.lost, 1);
}

static PRINTF(3, 0) void emit(int priority, const char *level, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX];
	int saved = errno;

	vsnprintf(line, sizeof(line), fmt, ap);
	if (logger.capture)
		logger.capture(level, line);
	else
		put_or_count(priority, level, line);
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
		if (!str_is_print(s.p[i])) {
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
