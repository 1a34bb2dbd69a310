/* SPDX-License-Identifier: ISC */
/*
 * A kind of door, seen from the connection: which codec reads its bytes, what becomes of a question, and
 * how much a peer may make us keep. The connection does the reading, writing and waiting for all of them
 * alike.
 */
#ifndef SERVE_ENDPOINT_H
#define SERVE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "codec/feed.h"

struct conn;

struct endpoint {
	const char *name;
	size_t in_max;  /* bytes that wait to be understood; above the codec's own cap, which speaks first */
	size_t out_max; /* bytes of one reply */
	/* The peer writes several packets before it waits for an answer. Over TCP it holds the second back
	 * until the first is acknowledged (RFC 896), and we would delay that: 40 ms a message. */
	bool quick_ack;
	bool only_bytes; /* its codec has nothing to say or to finish when no bytes are there */
	unsigned mode;   /* of its unix sockets; 0: what the configuration says */
	bool always;     /* is served even when all connections are in use: it bounds its own number */
	void (*open)(struct conn *c);
	/* Feeds c->in to the codec. After FEED_BAD c->why is set. */
	enum feed (*feed)(struct conn *c);
	/* After FEED_MSG: has c->msg judged. When the verdict is there, at once or later in this turn, the
	 * reply is appended to c->out, and conn_said() told. */
	void (*reply)(struct conn *c);
	/* The MTA is in the middle of something that a good-bye would spoil, although no bytes wait. */
	bool (*busy)(const struct conn *c);
	/* What has begun and waits for its end is no sign of a slow peer: it may lie in his own buffer until
	 * he has more to say. NULL: never. */
	bool (*unhurried)(const struct conn *c);
	/* Before the connection goes away. */
	void (*close)(struct conn *c);
};

extern const struct endpoint ep_policy;
extern const struct endpoint ep_milter;
extern const struct endpoint ep_control;

#endif
