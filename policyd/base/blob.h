/* SPDX-License-Identifier: ISC */
/*
 * The head of what we keep as one piece of bytes: magic, version, wall time, count and a checksum over all
 * the rest. A piece that was cut, or of which one bit is wrong, does not open.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/pack.h"

enum { BLOB_HEAD = 28 };

/* Times in a blob lie within +- this: 4400 years in ms, so that sums of several do not overflow. */
#define BLOB_TIME_MAX ((int64_t)1 << 47)

struct blob {
	uint32_t magic, version;
	int64_t wall; /* ms, of the making */
	uint32_t count;
};

/* Appends the head; what follows is the content. Returns where it stands, for blob_end(). */
size_t blob_begin(struct buf *b, const struct blob *head);

/* The content is there: fills in its count and checksum. */
void blob_end(struct buf *b, size_t at, uint32_t count);

/* Checks the whole and leaves `u` at the content. `head` says which magic and version it is to have, and gets
 * the rest. ERR_CORRUPT; ERR_VERSION when it is whole but of another version. */
int blob_open(struct str bytes, struct blob *head, struct wire *u) MUSTCHECK;

#endif
