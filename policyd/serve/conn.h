/* SPDX-License-Identifier: ISC */
/*
 * A connection: bytes in, questions to its endpoint, bytes out. One request at a time; while a reply waits
 * to be taken nothing more is read, so what a peer can make us hold is bounded. The state is the list that
 * the connection is on, and each list is in order of `since`: timeouts look at the heads only.
 *
 *	CONN_IDLE	nothing of a request is here	closed after idle_timeout
 *	CONN_READ	a request has begun		closed after request_timeout from its first byte
 *	CONN_FLUSH	a reply is on its way		closed after request_timeout
 *	CONN_DEAD	closed; freed by pool_turn(), never inside a callback
 */
#ifndef SERVE_CONN_H
#define SERVE_CONN_H

#include <ev.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/list.h"
#include "codec/control.h"
#include "codec/milter.h"
#include "codec/policy.h"
#include "mail/msg.h"
#include "serve/console.h"
#include "serve/endpoint.h"
#include "serve/engine.h"
#include "serve/share.h"

enum conn_state { CONN_IDLE, CONN_READ, CONN_FLUSH, CONN_DEAD, CONN_STATES };

enum conn_reason {
	CLOSE_DONE,   /* the peer has all it asked for */
	CLOSE_IDLE,   /* idle_timeout */
	CLOSE_SLOW,   /* request_timeout: the request did not end */
	CLOSE_STUCK,  /* request_timeout: the reply was not taken */
	CLOSE_CUT,    /* the peer went away inside a request */
	CLOSE_BROKEN, /* the bytes do not follow the protocol */
	CLOSE_LOST,   /* the operating system gave the connection up */
	CLOSE_STOP,   /* we are shutting down */
	CLOSE_REASONS
};

enum {
	CONN_STEPS = 32,         /* reads and requests of one connection a loop turn */
	CONN_CHUNK = 4096,       /* smallest read */
	CONN_CHUNK_MAX = 131072, /* largest */
	CONN_KEEP = 65536,       /* an empty buffer above this is not kept for others */
	CONN_PEER_MAX = 64,
	POOL_TURN_US = 30,
	POOL_TURN_ALIKE = 16,  /* times that when there is nobody to look out for */
	POOL_GOES_ON_US = 200, /* an MTA's next packet comes sooner than this */
};

/* All connections of one loop. */
struct pool {
	struct ev_loop *loop;  /* not owned */
	struct engine *engine; /* not owned */
	struct now now;        /* of this loop turn; the owner sets it */
	int64_t idle_timeout, request_timeout;
	struct list states[CONN_STATES];
	struct list waiting[SHARE_RANKS]; /* have something to do, in the order in which they came */
	struct shares shares;
	int64_t turn_us;     /* how long the others may take before it is looked who else came */
	int64_t modest_at;   /* us, when somebody modest was last served */
	uint32_t seen_again; /* events since the last turn for connections that waited already */
	unsigned live;       /* all but the dead */
	uint64_t opened, requests;
	bool draining; /* no new request is waited for */
	struct console console;
	/* Scratch memory that goes from connection to connection: one that waits with nothing begun holds
	 * none, and a request that comes and goes in one piece needs no memory of its own. */
	struct buf in, out;
	struct arena arena;
};

/* What the milter door keeps beside its codec: whom it announced to the engine. */
struct milter_door {
	struct milter codec;
	bool announced;
	char address[64], port[8];
};

/* What the control socket keeps beside its codec. */
struct control_door {
	struct control codec;
	struct console_answer answer;
	enum console_right right;
	bool crowded; /* there are enough operators already */
};

struct conn {
	struct list node;  /* states[state] */
	struct list again; /* pool's first or again, or alone */
	struct share share;
	struct pool *pool;
	const struct endpoint *ep;
	enum conn_state state;
	int64_t since; /* when this state was entered, mono ms */
	int64_t opened;
	uint64_t number; /* from 1, of no other connection since the start */
	uint64_t host;   /* number of the peer's, see hosts.h */
	uint64_t requests;
	struct ev_io io;
	int fd;
	bool eof;     /* the peer will send no more */
	bool emptied; /* the last read took all there was */
	bool heard;   /* bytes have come since we said something */
	bool last;    /* close once the output is gone */
	const char *why;
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} peer;
	struct buf in, out;
	struct arena arena;
	struct msg msg;
	union {
		struct policy policy;
		struct milter_door milter;
		struct control_door control;
	} door;
};

void pool_init(struct pool *p, struct ev_loop *loop, struct engine *engine);
/* Closes what is open, frees all. */
void pool_fini(struct pool *p, const char *why);
/* Once a loop turn, outside of any connection's callback: serves those that have something to do, first those
 * that ask little, then the new ones and then the others, each for turn_us, and frees the dead. True: there
 * is more to do at once. */
bool pool_turn(struct pool *p);
/* Timeouts, about once a second. */
void pool_tick(struct pool *p);
/* Answers what has arrived, then closes all that wait for nothing; the others close when their request is
 * done. */
void pool_drain(struct pool *p);

/* Takes over the non-blocking socket `fd`. */
struct conn *conn_new(
    struct pool *p, const struct endpoint *ep, int fd, const struct sockaddr *peer, socklen_t peer_len);
void conn_step(struct conn *c);
/* The only way out. `fmt` may be NULL: nothing to add to the reason. */
void conn_close(struct conn *c, enum conn_reason reason, const char *fmt, ...) PRINTF(3, 4);

/* "127.0.0.1:4711", "[::1]:4711", "unix:PID" */
const char *conn_peer(const struct conn *c, char text[CONN_PEER_MAX]);

#endif
