/* SPDX-License-Identifier: ISC */
/*
 * What goes out on several sockets goes by one system call where the system has one: Linux's io_submit(2),
 * which writes to a non-blocking socket as write(2) does, before it returns. A peer that waits on many of
 * its connections is woken by the first answer, and on a busy machine it may be let run in our place, for
 * the sake of that one; now all of them are there when it looks. Elsewhere, and where the call is forbidden
 * (some containers), nothing is sent here and nobody misses it.
 */
#ifndef SERVE_SEND_BATCH_H
#define SERVE_SEND_BATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

enum { SEND_BATCH_MAX = 16, SEND_NOT_KNOWN = -1 };

struct send_batch {
	unsigned long context; /* the kernel's, 0: none */
	bool off;              /* the system does not do it */
};

struct outgoing {
	int fd; /* a non-blocking socket; SIGPIPE is ignored */
	struct str bytes;
	/* How many of them have gone. 0: none, send(2) tells why. SEND_NOT_KNOWN: the kernel does not say,
	 * which should never be; the connection cannot be used any more. */
	ssize_t sent;
};

/* The kernel's part is made with the first batch. */
void send_batch_init(struct send_batch *b);
void send_batch_fini(struct send_batch *b);
/* n <= SEND_BATCH_MAX. One alone is left to send(2), which is cheaper. */
void send_batch_go(struct send_batch *b, struct outgoing *v, unsigned n);

#endif
