/* SPDX-License-Identifier: ISC */
/*
 * A connection: bytes in, questions to its endpoint, bytes out. One request at a time; while a reply waits
 * to be taken nothing more is read, so what a peer can make us hold is bounded. The state is the list that
 * the connection is on, and each list is in order of `since`: timeouts look at the heads only.
 *
 *	CONN_IDLE	nothing of a request is here,	closed after idle_timeout; in the middle of
 *			or its peer is unhurried	a message not before POOL_AMID either
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
#include "base/compiler.h"
#include "base/list.h"
#include "codec/control.h"
#include "codec/milter.h"
#include "codec/policy.h"
#include "mail/msg.h"
#include "serve/endpoint.h"
#include "serve/pool.h"
#include "serve/share.h"

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
	CONN_STEPS = 32,         /* reads and packets of one connection a loop turn */
	CONN_ANSWER = 2,         /* the steps that an answer is */
	CONN_CHUNK = 4096,       /* smallest read */
	CONN_CHUNK_MAX = 131072, /* largest */
	CONN_KEEP = 65536,       /* an empty buffer above this is not kept for others */
	CONN_PEER_MAX = 64,
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
	struct list again; /* pool's waiting, heard or answers, or alone */
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
	bool asked;   /* the verdict on msg is to come, in this turn */
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

/* Takes over the non-blocking socket `fd`. */
struct conn *conn_new(
    struct pool *p, const struct endpoint *ep, int fd, const struct sockaddr *peer, socklen_t peer_len);
/* Hears what is to hear, until there is a question, which goes to pool_heard(), or something to say, which
 * goes to pool_answers(). */
void conn_step(struct conn *c);
/* For endpoints: the verdict is there, and the reply in `out`. */
void conn_said(struct conn *c);
/* So many bytes of `out` have gone already, see struct outgoing. */
void conn_sent(struct conn *c, ssize_t n);
/* Says it, as far as it is taken. */
void conn_answer(struct conn *c);
void conn_free(struct conn *c);
/* The only way out. `fmt` may be NULL: nothing to add to the reason. */
void conn_close(struct conn *c, enum conn_reason reason, const char *fmt, ...) PRINTF(3, 4);

/* "127.0.0.1:4711", "[::1]:4711", "unix:PID" */
const char *conn_peer(const struct conn *c, char text[CONN_PEER_MAX]);
/* A line about what its peer did wrong, unless the log has had one of that kind just now, see repeats.h.
 * `kind`: a literal. */
void conn_warn(const struct conn *c, const char *kind, const char *fmt, ...) PRINTF(3, 4);

#endif
