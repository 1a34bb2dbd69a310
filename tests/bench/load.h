/* SPDX-License-Identifier: ISC */
/*
 * The load generator: a closed loop, one question outstanding on each connection, as an MTA's processes ask.
 * A door knows what is said and what the answers mean; the loop knows sockets, time and the end.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hist.h"
#include "text.h"

enum { LOAD_IN = 16384 };

struct conn {
	int fd;
	char *out; /* what is to be sent */
	size_t out_n, out_room, sent;
	bool wants_out;
	char in[LOAD_IN];
	size_t in_n;
	uint64_t begun, due; /* due: with a pace, when the next message begins */
	bool busy;           /* a message is under way */
	/* the door's own */
	unsigned step;
	bool negotiated;
	uint32_t steps; /* milter: what the filter wants to be left out */
	struct copy copy;
};

enum taken {
	TAKEN_MORE, /* the answer is not complete */
	TAKEN_STEP, /* go on with this message, or with the greeting */
	TAKEN_DONE, /* this message is over */
	TAKEN_BAD,
};

struct load;

struct door {
	const char *name;
	void (*init)(struct load *l);
	/* Appends all that may be said before the first answer to the connection; false: nothing to say. */
	bool (*greet)(struct load *l, struct conn *c);
	/* Begins (step 0) or goes on with a message, up to the next answer; false: none is due. */
	bool (*say)(struct load *l, struct conn *c);
	/* Looks at c->in and takes one answer off it. */
	enum taken (*take)(struct load *l, struct conn *c);
};

extern const struct door door_policy, door_milter;

struct load {
	const struct door *door;
	const char *address, *state; /* state: RCPT, DATA or END-OF-MESSAGE */
	uint64_t conns, lines;
	double seconds;    /* 0: until `requests` are done */
	uint64_t requests; /* 0: until the time is over */
	uint64_t pace;     /* messages a second of each connection; 0: as fast as answers come */
	struct variety variety;
	uint64_t serial;
	/* results */
	uint64_t started, done, passed, stopped;
	char odd[64]; /* the first answer that did not let a message pass */
	struct hist hist;
};

void conn_append(struct conn *c, const char *p, size_t n);
void conn_taken(struct conn *c, size_t n);              /* these bytes of c->in are done with */
void load_odd(struct load *l, const char *p, size_t n); /* a message that did not simply pass */
void load_next_copy(struct load *l, struct conn *c);

#endif
