/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets of all doors. Addresses: "unix:/path", "inet:192.0.2.1:port", "inet:*:port",
 * "inet:[2001:db8::1]:port"; numeric only, so that no name server is needed to start. All listeners rest
 * together: while there are as many connections as allowed (the owner says so; an endpoint that is `always`
 * served goes on), and for a second when the system is out of descriptors. Clients wait in the kernel's
 * queue meanwhile; none is turned away. Over TCP a host that vanished is noticed within half an hour.
 */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <ev.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/compiler.h"
#include "base/list.h"

struct endpoint;

struct listen_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len;
};

/* ERR_SYNTAX or ERR_RANGE with a phrase in `why`. */
int listen_parse(const char *spec, struct listen_addr *out, char *why, size_t why_len) MUSTCHECK;

struct listener {
	struct list node;
	struct listeners *set;
	const struct endpoint *ep;
	char *spec; /* owned */
	struct listen_addr addr;
	struct ev_io io;
	int fd;
	bool stays;    /* scratch of a change of the set */
	bool made_dir; /* the folder was missing */
	dev_t dev;     /* of the unix socket: another one at this path is not ours to unlink */
	ino_t ino;
};

enum { LISTEN_BURST = 64 /* accepted a loop turn and listener */ };

struct listeners {
	struct ev_loop *loop; /* not owned */
	struct list all;
	/* Takes over `fd`. Returns false when no further one is wanted: the owner calls listeners_full(). */
	bool (*accepted)(
	    void *arg, const struct endpoint *ep, int fd, const struct sockaddr *peer, socklen_t len);
	void *arg;
	int spare;          /* a descriptor in reserve, lent out by listeners_lend_spare() */
	int64_t rest_until; /* mono ms, 0 = does not rest */
	bool full;
	int64_t tell_at; /* mono ms: the lack of descriptors is in the log, and not told before */
	int64_t now;     /* mono ms; the owner sets it each turn */
};

void listeners_init(struct listeners *set, struct ev_loop *loop);
/* Closes all, unlinks unix sockets. */
void listeners_fini(struct listeners *set);

struct listen_want {
	const struct endpoint *ep;
	char **specs;
	unsigned n;
};

/* Opens what is wanted and not there, then closes what is there and not wanted. Of several addresses of a
 * door those whose folder is not there, and cannot be made, are left out with a warning; one must be left.
 * ERR_SYNTAX, ERR_RANGE, ERR_BUSY (somebody answers there) or ERR_IO with a sentence in `why`: nothing was
 * changed. */
int listeners_set(struct listeners *set, const struct listen_want *want, unsigned n_want, mode_t mode,
    char *why, size_t why_len) MUSTCHECK;

/* Gives unix sockets and folders that we made to a user, before privileges are dropped. ERR_IO. */
int listeners_give(struct listeners *set, uid_t uid, gid_t gid, char *why, size_t why_len) MUSTCHECK;

void listeners_full(struct listeners *set, bool full);
/* About once a second: ends a rest. */
void listeners_tick(struct listeners *set);
/* Frees the reserve for somebody who must open a file now; false: takes it back. */
void listeners_lend_spare(struct listeners *set, bool lend);

#endif
