/* SPDX-License-Identifier: ISC */
/* One question to the running daemon over its control socket; the grammar stands in codec/control.h. */
#ifndef STORMCTL_ASK_H
#define STORMCTL_ASK_H

#include "base/buf.h"
#include "base/compiler.h"
#include "stormctl.h"

enum { ASK_WAIT = 10 /* seconds of silence */, ASK_DOCUMENT_MAX = 2 << 20 };

struct ask {
	char path[256]; /* of the socket */
	int fd;
	struct buf in;
	size_t scanned;
	int absent; /* errno of connecting: nobody is there */
};

/* Connects and sends the line, LF and all. `socket` NULL: what the configuration says. 0, or the exit status
 * after a line on stderr; EX_UNAVAILABLE without one and with `absent` set when no daemon is there: then it
 * is the caller's to say so, as by ask_absent(). ask_close() afterwards, in either case. */
int ask_open(struct ask *a, const struct stormctl *ctl, const char *socket, const char *line) MUSTCHECK;
void ask_absent(const struct ask *a);

/* The next document of the answer, good until the next call; NULL: the answer has ended. 0, or the exit
 * status after a line on stderr: the daemon refused, or the answer was cut off. */
int ask_next(struct ask *a, const char **document) MUSTCHECK;

void ask_close(struct ask *a);

#endif
