/* SPDX-License-Identifier: ISC */
/*
 * What the operator may ask of the running daemon: a table of commands, each with its pattern of words, the
 * right it wants, its help and its handler. It reads the engine and changes nothing. An answer about many
 * storms is told in portions, so that no buffer grows with their number: their keys are noted when the
 * question comes (16 bytes each); each portion tells of those that are still there, as they are by then.
 */
#ifndef SERVE_CONSOLE_H
#define SERVE_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "serve/engine.h"

enum {
	CONSOLE_PORTION = 16384,  /* bytes of an answer after which it waits until they are sent */
	CONSOLE_ANSWER = 1 << 20, /* room for a portion and the largest document behind it */
	CONSOLE_RULES = 1000,     /* rules that a status names */
	CONSOLE_PEERS_MAX = 16,   /* operators at a time */
};

enum console_right { CONSOLE_NOTHING, CONSOLE_READ };

/* What is worth telling beside the engine. */
struct console {
	const struct engine *engine; /* not owned */
	struct now started, configured;
	const char *config; /* the file in force, not owned; NULL: none */
	bool enforce;       /* [server] mode */
	unsigned connections, max_connections;
	uint64_t accepted;
	uint64_t full;   /* times that max_connections was reached, and others had to wait */
	uint64_t broken; /* requests and packets that are none, or beyond their size */
	unsigned peers;  /* operators that are connected */
};

/* An answer under way. */
struct console_answer {
	struct key128 *keys; /* owned; of the storms that are still to be told about */
	uint32_t n, at;
};

void console_init(struct console *con, const struct engine *engine, struct now now);

/* Answers one request into `out`, which has room for CONSOLE_ANSWER bytes. No answer is under way in `a`. */
void console_ask(const struct console *con, struct console_answer *a, enum console_right right,
    const struct str *words, uint32_t n_words, struct now now, struct buf *out);

/* The answer goes on: call console_more() when its last portion has been sent. */
bool console_pending(const struct console_answer *a);
void console_more(const struct console *con, struct console_answer *a, struct buf *out);

void console_answer_fini(struct console_answer *a);

/* A storm, into an object that is open: `whole` with its key, else with its first host. Then come "closes",
 * "quiet" and "remember" of a whole one, where they are known, and its hosts. */
void console_storm(struct json *j, const struct record_storm *s, bool whole);
void console_hosts(struct json *j, const struct record_storm *s);

#endif
