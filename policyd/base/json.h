/* SPDX-License-Identifier: ISC */
/*
 * JSON (RFC 8259) written straight into a buf: no tree and no memory of its own, whole 64-bit numbers,
 * and always well-formed text in one line, whatever bytes a peer sent. Commas come by themselves. `name` is
 * NULL inside an array and for the outermost value.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
	struct buf *out; /* not owned; at its cap it sets `failed` */
	bool comma;      /* one is due before the next value */
};

void json_init(struct json *j, struct buf *out);

void json_object(struct json *j, const char *name);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *name);
void json_array_end(struct json *j);

/* Bytes that are not UTF-8, and NUL, become U+FFFD; null when `s` is absent. */
void json_str(struct json *j, const char *name, struct str s);
void json_u64(struct json *j, const char *name, uint64_t v);
void json_bool(struct json *j, const char *name, bool v);
void json_null(struct json *j, const char *name);
/* 16 hex digits: a number that people know as a name. */
void json_hex64(struct json *j, const char *name, uint64_t v);
/* Milliseconds, as seconds with three decimals. */
void json_seconds(struct json *j, const char *name, int64_t ms);

#endif
