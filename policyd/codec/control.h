/* SPDX-License-Identifier: ISC */
/*
 * The control socket: the operator's questions, a line each, and answers as JSON.
 *
 *	request  = [ word *( 1*SP word ) ] LF	; CR in front of LF is dropped
 *	word     = 1*<printable ASCII but SP>
 *	answer   = ( *document / error ) LF	; an empty line ends it
 *	document = <JSON object (RFC 8259) in UTF-8, in one line> LF
 *	error    = '{"error":' code ',"what":' phrase '}' LF
 *
 * A line has at most CONTROL_LINE_MAX bytes in front of its LF, and CONTROL_WORDS_MAX words. Any number of
 * requests a connection, one answer each, in their order. A connection that is not wanted gets an error
 * without a question, and is closed. Which words mean what: serve/console.c. Pure; never logs.
 */
#ifndef CODEC_CONTROL_H
#define CODEC_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "codec/feed.h"

enum { CONTROL_LINE_MAX = 1024, CONTROL_WORDS_MAX = 8 };

enum control_code {
	CONTROL_UNKNOWN,   /* no such command */
	CONTROL_SYNTAX,    /* a word is not what the command wants */
	CONTROL_DENIED,    /* not for this user */
	CONTROL_BUSY,      /* too many ask at once */
	CONTROL_NO_STORM,  /* no storm with that id */
	CONTROL_AMBIGUOUS, /* several storms have ids that begin so */
	CONTROL_CODES
};

struct control {
	const char *why; /* after FEED_BAD: a phrase for the log, never NULL then */
	struct str words[CONTROL_WORDS_MAX];
	uint32_t n_words;
	size_t scanned; /* the codec's own: bytes at the front of `in` that hold no LF */
};

void control_init(struct control *c);

/*
 * Looks for one whole line at the front of `in`. FEED_MSG: it has been consumed and its words stand in
 * `words`, with their bytes in `arena`. FEED_MORE: `in` was not touched; call again with the same bytes in
 * front. FEED_BAD: no line of this protocol, close. `in` must be able to hold CONTROL_LINE_MAX + 1 bytes.
 */
enum feed control_feed(struct control *c, struct buf *in, struct arena *arena);

/* A whole answer that says what is wrong. */
void control_error(struct buf *out, enum control_code code, const char *fmt, ...) PRINTF(3, 4);
/* The line that ends an answer. */
void control_end(struct buf *out);

/* "no-such-storm" */
const char *control_code_name(enum control_code code);
/* CONTROL_CODES when there is none of that name. */
enum control_code control_code_find(const char *name);

#endif
