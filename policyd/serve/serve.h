/* SPDX-License-Identifier: ISC */
/* The server's own settings, and the calls by which main runs it. */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "serve/engine.h"

/* "unix:/path", "inet:1.2.3.4:port", "inet:[::1]:port"; owned */
struct addresses {
	char **v;
	unsigned n;
};

enum { SERVE_IDLE_MAX = MS_DAY }; /* ms, of idle_timeout */

struct serve_conf {
	struct addresses policy, milter;
	char *control;        /* a unix socket; NULL = none */
	uint32_t socket_mode; /* of unix sockets, 0666 by default: a chrooted Postfix is another user */
	uint32_t max_connections;
	int64_t idle_timeout;    /* ms of silence between requests; longer than an MTA keeps a connection */
	int64_t request_timeout; /* ms to finish a request that has begun */
	int64_t drain;           /* ms that SIGTERM waits for requests under way */
};

struct server;

/* Opens all listeners (before privileges are dropped) and takes over SIGTERM, SIGINT, SIGHUP, SIGPIPE and
 * SIGXFSZ.
 * ERR_IO, or ERR_BUSY when another process serves one of the sockets, with a sentence in `why`. */
int server_new(const struct serve_conf *conf, struct engine *engine, struct server **out, char *why,
    size_t why_len) MUSTCHECK;
void server_free(struct server *s); /* takes NULL; unlinks its unix sockets */

/* Gives the unix sockets, and the folders made for them, to the user that will serve them. ERR_IO. */
int server_give(struct server *s, uid_t uid, gid_t gid, char *why, size_t why_len) MUSTCHECK;

/* What main does when a signal asks for it; runs between two events. */
typedef void server_reload_fn(void *arg);
void server_on_reload(struct server *s, server_reload_fn *fn, void *arg);

/* Takes over changed limits and the listeners that are new or gone; unchanged ones stay open. ERR_IO,
 * ERR_BUSY: nothing was changed. */
int server_reconfigure(struct server *s, const struct serve_conf *conf, char *why, size_t why_len) MUSTCHECK;

/* Runs until SIGTERM or SIGINT and the drain that follows; a second one ends it at once. */
void server_run(struct server *s);

/* One address of a listener, for the configuration to ask. ERR_SYNTAX or ERR_RANGE with a phrase in `why`. */
int server_check_address(const char *spec, char *why, size_t why_len) MUSTCHECK;

/* What the operator is told about the configuration in force; `path` is borrowed. */
void server_set_config(struct server *s, const char *path, bool enforce);

/* The event library as it runs: "libev 4.33". */
void server_library(char *out, size_t size);

unsigned server_max_connections(const struct server *s);

#endif
