/* SPDX-License-Identifier: ISC */
/*
 * One file of the spool. All numbers little-endian; checksums are XXH3-64.
 *
 *	header   0 magic "pdstorm1"  8 version u32  12 zero u32  16 first u64  24 created u64  32 check u64
 *	record   0 check u32  4 length u32  8 seq u64  16 payload
 *	record   ...
 *
 * first: the number that the file's name says; all records have it or a higher one, and rise (numbers may be
 * left out). created: wall ms. check of the header: over the 32 bytes before it; of a record: over length,
 * seq and payload, the low 32 bits. A header of another version only keeps the first twelve bytes.
 */
#ifndef STORE_SPOOL_SEGMENT_H
#define STORE_SPOOL_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"

enum {
	SEGMENT_VERSION = 1,
	SEGMENT_HEADER = 40,
	SEGMENT_RECORD_HEADER = 16,
};

struct segment_name {
	char text[48];
};

#define SEGMENT_NEW "spool.new"
#define SEGMENT_ASIDE ".unreadable"

void segment_name(struct segment_name *out, uint64_t first, const char *suffix);
/* Is it the name of a segment (*aside: of one that was set aside)? */
bool segment_name_parse(const char *name, uint64_t *first, bool *aside);

/* The header as bytes, exactly SEGMENT_HEADER of them. */
void segment_header(struct buf *out, uint64_t first, int64_t created);
/* One record. The payload has at most SPOOL_RECORD_MAX bytes. */
void segment_record(struct buf *out, uint64_t seq, struct str payload);

/* A new file with its header, ready for appending; replaces one of the same name. A descriptor, or ERR_IO
 * with errno set and nothing left behind. */
int segment_create(int dir_fd, uint64_t first, int64_t created) MUSTCHECK;

struct segment_reader {
	int fd;
	struct buf buf;
	uint64_t last; /* number of the last record, first - 1 before it */
	uint64_t left; /* bytes of the file behind what was read well */
	bool eof;
};

enum segment_got {
	SEGMENT_GOT,     /* a record; the payload is valid until the next call */
	SEGMENT_END,     /* all of the file was read */
	SEGMENT_TORN,    /* the file ends in the middle of a record */
	SEGMENT_DAMAGED, /* the next record does not check */
	SEGMENT_FAILED,  /* the operating system said no: errno */
};

/* 0, ERR_IO (errno), ERR_SYNTAX (the file is shorter than a header), ERR_VERSION, ERR_CORRUPT. `why` gets a
 * phrase. The reader is to be closed after any of them. */
int segment_open(struct segment_reader *r, int dir_fd, uint64_t first, const char **why) MUSTCHECK;
enum segment_got segment_next(struct segment_reader *r, uint64_t *seq, struct str *payload) MUSTCHECK;
void segment_close(struct segment_reader *r);

#endif
