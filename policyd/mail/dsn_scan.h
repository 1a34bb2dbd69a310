/* SPDX-License-Identifier: ISC */
/* The scanner's inner seams: dsn.c takes the body apart into parts and lines, dsn_block.c reads blocks of
 * fields, which is all that the interesting parts consist of, dsn_text.c finds such blocks in a text,
 * dsn_html.c makes one of HTML, dsn_stranger.c sees whom a text names otherwise, and dsn_action.c whether the
 * message is only late, or has arrived. */
#ifndef MAIL_DSN_SCAN_H
#define MAIL_DSN_SCAN_H

#include "mail/dsn.h"
#include "mail/mime.h"

enum dsn_kind {
	DSN_SKIP,
	DSN_PART_HEADER, /* between a boundary and the content */
	DSN_TEXT,
	DSN_STATUS_PART,   /* message/delivery-status */
	DSN_RECEIPT_PART,  /* a disposition-notification or feedback-report: nobody failed */
	DSN_RETURNED_PART, /* the header of the returned message */
};

enum { DSN_LABELS_MAX = 2, DSN_BEFORE_MAX = 120 };

/* Lines that follow each other and look like fields. */
struct dsn_block {
	unsigned known;                        /* fields by a name that mail headers have */
	bool open;                             /* a field was seen */
	bool cited;                            /* behind a "> " of somebody who quotes it */
	size_t column;                         /* where its fields begin */
	struct str id, from;                   /* of a message */
	struct str reporting_mta, original_id; /* of a delivery status */
	struct str final_rcpt, original_rcpt, action, status, remote_mta; /* of one recipient there */
	unsigned fields;
	/* Of a text: which of the first fields have no known name, and an address. */
	struct str labels[DSN_LABELS_MAX];
	struct str named, to, sent; /* of a text: a recipient; the only one in To; when, in an Exchange's */
	struct str type, encoding, disposition; /* of a part */
	size_t n;                               /* bytes of the field under way */
	char field[MIME_LINE_MAX];
};

/* Addresses that a text names in passing. */
enum { DSN_STRANGERS_MAX = 4 };
struct dsn_strangers {
	unsigned n;
	bool more; /* than are kept */
	struct str v[DSN_STRANGERS_MAX];
};

/* The line of an HTML text under way, and the tag. */
struct dsn_html {
	bool within, hidden; /* in a tag; in a style */
	size_t n, tag_n;
	char line[MIME_LINE_MAX], tag[MIME_BOUNDARY_MAX];
};

struct dsn_scan {
	struct arena *arena;
	enum dsn_kind kind;
	bool is_html;                /* ... and that text is HTML */
	bool plain;                  /* a text that is none has come */
	bool alone;                  /* the body is one part */
	bool report;                 /* a delivery status is to be expected */
	struct str own_id, own_from; /* of the bounce itself */
	bool have_part;              /* the returned message has come */
	bool have_status;            /* a delivery status is behind us */
	bool marked;                 /* a line of text said that a copy of the message comes */
	bool text_past;              /* what belongs to the bounce itself is behind us */
	bool text_described;         /* ... it seems, for fields like a message's were read */
	bool text_done;              /* so is the block that was looked for */
	unsigned depth;
	struct str boundaries[DSN_DEPTH_MAX];
	bool text_said; /* text_rcpts are from within sentences: better ones may come */
	bool text_more; /* there were more recipients than text_rcpts holds */
	unsigned n_text_rcpts;
	struct str text_rcpts[DSN_RCPTS_MAX];
	struct str text_actions[DSN_RCPTS_MAX]; /* of each, by the heading above him: delayed, delivered */
	struct str text_heading;                /* the same of those who follow */
	struct str text_action;                 /* of all */
	struct str text_told;                   /* of whom a text names otherwise */
	struct str text_to;  /* to whom the message went: for a text that names nobody else */
	unsigned text_lines; /* without fields, up to where sentences are looked for */
	bool text_heads;     /* the lines before say: those who did not get it follow */
	bool text_signed;    /* a signature has begun */
	size_t before_n;     /* the line before, if it may go on */
	char before[DSN_BEFORE_MAX + 1];
	struct dsn_strangers strangers;
	struct str returned_from; /* whose message came back */
	struct mime_decoder decoder;
	struct dsn_block block;
	struct dsn_html html;
	struct mime_lines raw, decoded;
};

/* --- dsn_block.c -------------------------------------------------------------------------------------- */

enum dsn_line { DSN_LINE_EMPTY, DSN_LINE_FIELD, DSN_LINE_OTHER };

/* Puts a line that begins or continues a field into the block; `quoted`: "> " may stand in front. A field
 * further left than the block begins a new one in a quoted text: then it is left alone, see `column`. */
enum dsn_line dsn_block_line(struct dsn *d, struct str line, bool quoted);

/* Closes the field under way. What the block says is valid until dsn_block_clear(). */
void dsn_block_close(struct dsn *d);
void dsn_block_clear(struct dsn *d);

/* The block is the header of the returned message. */
void dsn_take_returned(struct dsn *d, enum dsn_source source);
/* The block is a group of a delivery status. One that an answer quotes is another mail's. */
void dsn_take_status(struct dsn *d);
/* The block is done with, in the kind of part it stands in. */
void dsn_add_rcpt(struct dsn *d, const struct dsn_rcpt *r);

/* --- dsn_html.c --------------------------------------------------------------------------------------- */

void dsn_html_line(struct dsn *d, struct str piece, unsigned where);
void dsn_html_end(struct dsn *d);

/* --- dsn_action.c ------------------------------------------------------------------------------------- */

/* What a delivery status would say, by a line of text: delayed, delivered; STR_NONE: it says neither. */
struct str dsn_told_action(struct str line);
/* The same of those below a heading, of which dsn_told_action() said `told`. */
struct str dsn_action_of_heading(struct str line, struct str told);
/* "Delivery delayed: ..."; what stands behind a colon or in brackets may be the subject of what is late. */
bool dsn_late_subject(struct str subject);

/* --- dsn_stranger.c ----------------------------------------------------------------------------------- */

/* The address that a line names, whatever stands around it; empty: none, or several. */
struct str dsn_only_addr(struct str line);
/* Letters of East Asia are in the word, which needs no space in front of an address, or of an old set. */
bool dsn_is_glued(struct str word);
/* A line, not empty, that the message may have: ">>> RCPT To:" is of the bounce. */
bool dsn_is_quoted(struct str line);
/* The line, or the name of a field, speaks of somebody else than who did not get it, or of a message. */
bool dsn_is_aside(struct str line);
/* Behind "... please contact", the end of the line before; not "<a@b>: unknown". Takes each line once. */
bool dsn_goes_on(struct dsn_scan *s, struct str line);
/* A line of text that belongs to the bounce itself: a sentence, not empty; or a field. */
void dsn_stranger_text(struct dsn *d, struct str line);
void dsn_stranger_line(struct dsn *d, struct str line);
/* Whom the text names beside those whom the header and the returned message tell; empty: not one. */
struct str dsn_only_stranger(const struct dsn *d, const struct header_facts *h);

/* --- dsn_text.c --------------------------------------------------------------------------------------- */

/* Any of the words, which are in lower case, anywhere in the line? */
bool dsn_has_any(struct str line, const char *const *words, size_t n);
#define HAS_ANY(line, words) dsn_has_any(line, words, ARRAY_LEN(words))

void dsn_text_line(struct dsn *d, struct str line);
void dsn_text_end(struct dsn *d);
/* The block names a recipient. */
void dsn_take_named(struct dsn *d);
/* An address of a person's or a program's, with a domain. */
bool dsn_addr_like(struct str s);

/* --- dsn.c -------------------------------------------------------------------------------------------- */

/* The bounce itself goes there. */
bool dsn_is_addressee(const struct header_facts *h, struct str addr);

#endif
