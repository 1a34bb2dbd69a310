/* SPDX-License-Identifier: ISC */
/* Text for people: what mail wrote is made harmless for a terminal, columns stand below each other. */
#ifndef STORMCTL_TEXT_H
#define STORMCTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/json.h"
#include "base/str.h"

/* UTF-8 text to stdout; control characters, bytes that are not UTF-8 and what turns the direction of writing
 * as \xNN or \uNNNN. */
void text_put(const char *s);
void text_put_str(struct str s);

/* Seconds since 1970 as local date and time; "-" where that is none. */
void text_time(double seconds, char *out, size_t len);
/* "3d 4h", "12m 5s": two units. */
void text_span(double seconds, char *out, size_t len);

/* Wall ms of what a user wrote: a date with or without a time of day, in UTC; seconds since 1970; or, with a
 * unit behind it ("2h"), so long ago. ERR_SYNTAX after a line on stderr. */
int text_parse_time(const char *text, int64_t *out) MUSTCHECK;

/* An object as a line of stdout: begun, filled by json_...(&l->json, ...), put. */
struct json_line {
	struct buf out;
	struct json json;
};
struct json *json_line_begin(struct json_line *l);
/* What stormctl_heard() says then. */
bool json_line_put(struct json_line *l);

enum { GRID_COLUMNS_MAX = 12 };

struct column {
	const char *title;
	int right; /* numbers end below each other */
};

/* Cells come row by row; grid_print() empties it. */
struct grid {
	const struct column *columns;
	unsigned n_columns;
	char **cells; /* owned */
	size_t n;
};

void grid_init(struct grid *t, const struct column *columns, unsigned n_columns);
void grid_fini(struct grid *t);
/* A copy, cleaned; "-" for NULL and an empty text. */
void grid_add(struct grid *t, const char *cell);
void grid_print(struct grid *t, const char *indent);

#endif
