/* SPDX-License-Identifier: ISC */
/* The service manager's notification socket (sd_notify(3)): one datagram of NAME=VALUE lines to the address
 * in NOTIFY_SOCKET, a path or "@name" in the abstract namespace. Without that variable all of this does
 * nothing. */
#ifndef SERVE_NOTIFY_H
#define SERVE_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/compiler.h"

struct notify {
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un to;
	socklen_t len;
	int64_t watchdog; /* ms between two signs of life, 0 = none wanted */
};

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC. */
void notify_init(struct notify *n);
void notify_fini(struct notify *n);

/* State changes: waits a moment for a busy manager. */
void notify_send(struct notify *n, const char *fmt, ...) PRINTF(2, 3);
void notify_reloading(struct notify *n);
/* News: lost when the manager is busy. */
void notify_try(struct notify *n, const char *fmt, ...) PRINTF(2, 3);

#endif
