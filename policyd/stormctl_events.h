/* SPDX-License-Identifier: ISC */
/*
 * Old mail as a stream of events: mbox files, Maildirs, folders, single messages, and .jsonl files with
 * one object a message {time, client_address, helo_name, sasl_username, sender, recipients[], header, body,
 * size}.
 */
#ifndef STORMCTL_EVENTS_H
#define STORMCTL_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { EVENT_LINE_MAX = 64 << 20 /* bytes */ };

struct event {
	const char *file;
	uint64_t number; /* from 1, over all files */
	int64_t time;    /* ms since 1970; 0 = unknown */
	bool no_time;    /* what stands in its place is none in seconds */
	struct str client_address, helo, sasl_username, sender, queue_id, instance;
	bool have_sender;
	struct str *rcpts; /* may be none: the reader of the event takes them from the header */
	uint32_t n_rcpts;
	struct str header; /* raw header block */
	struct str body;   /* what follows it; may be missing */
	uint64_t size;
};

/* Returns false to stop: of this path nothing more is read. */
typedef bool event_fn(void *arg, struct event *ev);

struct progress {
	uint64_t done, total; /* bytes */
	void (*show)(const struct progress *p);
};

/* Reads one path. 0, or a negative err after a line on stderr; `n` counts events over several calls. */
int events_read(const char *path, uint64_t *n, struct progress *progress, event_fn *fn, void *arg);

/* Bytes below a path, for the progress bar. */
uint64_t events_size(const char *path);

/* What date_parse() knows, an mbox line's date too, in ms since 1970; 0 when it is none. */
int64_t event_date(struct str s);

#endif
