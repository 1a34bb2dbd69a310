/* SPDX-License-Identifier: ISC */
#include "serve/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

enum { NOTIFY_MAX = 512 };

static int64_t
watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t v, who;

	if (!usec || str_u64(str_of(usec), &v) != 0 || v / 1000 > INT64_MAX)
		return 0;
	if (pid && (str_u64(str_of(pid), &who) != 0 || who != (uint64_t)getpid()))
		return 0;
	return (int64_t)(v / 2000);
}

void
notify_init(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct timeval patience = { .tv_usec = 200000 };
	size_t len = path ? strlen(path) : 0;

	*n = (struct notify){ .fd = -1 };
	if (len < 2 || (path[0] != '/' && path[0] != '@') || len >= sizeof(n->to.sun_path))
		return;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		return;
	(void)setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, path, len);
	n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (path[0] == '@')
		n->to.sun_path[0] = '\0';
	else
		n->len++;
	n->watchdog = watchdog_ms();
}

void
notify_fini(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

static PRINTF(3, 0) void notify_vsend(struct notify *n, int flags, const char *fmt, va_list ap)
{
	char text[NOTIFY_MAX];
	int len = vsnprintf(text, sizeof(text), fmt, ap);

	if (n->fd < 0 || len <= 0 || (size_t)len >= sizeof(text))
		return;
	if (sendto(n->fd, text, (size_t)len, MSG_NOSIGNAL | flags, (struct sockaddr *)&n->to, n->len) < 0)
		log_debug("notify failed: %s", strerror(errno));
}

void
notify_send(struct notify *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	notify_vsend(n, 0, fmt, ap);
	va_end(ap);
}

void
notify_try(struct notify *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	notify_vsend(n, MSG_DONTWAIT, fmt, ap);
	va_end(ap);
}

void
notify_reloading(struct notify *n)
{
	struct timespec ts;

	/* To the microsecond: the manager ignores a time before the one when it asked. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	notify_send(n, "RELOADING=1\nMONOTONIC_USEC=%lld\n",
	    (long long)ts.tv_sec * 1000000 + (long long)ts.tv_nsec / 1000);
}
