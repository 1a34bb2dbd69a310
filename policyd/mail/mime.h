/* SPDX-License-Identifier: ISC */
/*
 * As much of MIME (RFC 2045, 2046) as it takes to look into a bounce: Content-Type and its parameters, bytes
 * cut into lines, quoted-printable and base64 undone as they come. Bounded memory, linear, nothing fails.
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum {
	MIME_BOUNDARY_MAX = 250, /* RFC 2046 5.1.1 allows 70; a longer one than this is none */
	MIME_LINE_MAX = 2048,    /* more of a line comes in further pieces */
};

/* What stands in front of the parameters: "text/plain". Case as written. */
struct str mime_type(struct str value);

/* The first parameter of that name, quotes and backslashes undone, into out[cap], cut there; else what its
 * pieces say, in their order: name*0, name*1* (RFC 2231). The value may be folded. A ';' in quotes ends
 * nothing. */
bool mime_param(struct str value, struct str name, char *out, size_t cap, struct str *got);

/* The last piece of it, which may be told in several, and with a character set: name*0*, name* (RFC 2231). */
bool mime_param_end(struct str value, struct str name, char *out, size_t cap, struct str *got);

/* --- lines -------------------------------------------------------------------------------------------- */

enum mime_where {
	MIME_BEGIN = 1, /* the piece begins a line */
	MIME_END = 2,   /* it ends one; the line end itself is not in it */
};
typedef void mime_piece_fn(void *arg, struct str piece, unsigned where);

/* LF, CR and any number of CR in front of a LF end a line. */
struct mime_lines {
	size_t n;
	bool within, cr; /* a line was begun; a CR came last */
	char text[MIME_LINE_MAX];
};

void mime_lines_reset(struct mime_lines *l);
void mime_lines_feed(struct mime_lines *l, const char *p, size_t n, mime_piece_fn *fn, void *arg);
/* A last line that has no end. */
void mime_lines_end(struct mime_lines *l, mime_piece_fn *fn, void *arg);

/* --- transfer encodings ------------------------------------------------------------------------------- */

enum mime_encoding { MIME_PLAIN, MIME_QUOTED, MIME_BASE64 };

/* Value of Content-Transfer-Encoding; what is not known is MIME_PLAIN. */
enum mime_encoding mime_encoding(struct str value);

struct mime_decoder {
	enum mime_encoding encoding;
	unsigned n; /* bytes that wait for more */
	char wait[4];
};

typedef void mime_bytes_fn(void *arg, const char *p, size_t n);

/* Pieces of encoded lines. Base64 that is none is left out, up to the end of its line at most. */
void mime_decode(struct mime_decoder *d, struct str piece, unsigned where, mime_bytes_fn *fn, void *arg);
void mime_decode_end(struct mime_decoder *d, mime_bytes_fn *fn, void *arg);

#endif
