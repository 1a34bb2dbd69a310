/* SPDX-License-Identifier: ISC */
/* What bytes mean in an address list, and its elements as nearly all are written. For addr_list.c alone. */
#ifndef MAIL_ADDR_PLAIN_H
#define MAIL_ADDR_PLAIN_H

#include <stdbool.h>

#include "base/str.h"

enum addr_class {
	ADDR_GAP = 1, /* white space and NUL */
	/* ends a word, as all gaps do. '[' and ']' do not: a literal is told by the '@' before it */
	ADDR_SPECIAL = 2,
	ADDR_ALNUM = 4,
	ADDR_LOCAL = 8, /* makes a local part: any visible byte but '.' */
	ADDR_LINE_END = 16,
	ADDR_OPENS = 32, /* begins something else than a plain word: "=?", a literal */
	ADDR_ATOM = 64,  /* of a plain word */
};

extern const unsigned char addr_classes[256];

static inline unsigned
addr_class(char c)
{
	return addr_classes[(unsigned char)c];
}

/* The first byte from i on that is no gap; s.n when none. */
static inline size_t
addr_gap_end(struct str s, size_t i)
{
	while (i < s.n && addr_class(s.p[i]) & ADDR_GAP)
		i++;
	return i;
}

/*
 * Letters of East Asia that nobody encoded, some of whose bytes look like brackets and quotes.
 * addr_letters_end: behind those of ISO-2022-JP that begin with the ESC at i, or behind its way back to
 * ASCII; i when it is neither. addr_half_letter: the backslash at i is the second half of a letter of GBK,
 * Big5 or Shift_JIS, at the end of a name or a comment, or of what stands in quotes within; elsewhere it does
 * not matter.
 */
enum { ADDR_ESC = '\x1b' };
size_t addr_letters_end(struct str s, size_t i);
bool addr_half_letter(struct str s, size_t i);

/*
 * Reads "a@b", "<a@b>", "Name <a@b>" or "\"Name\" <a@b>", and up to its separator or the end, at *at, which
 * moves on as far as was looked. false: something else, or an address beyond ADDR_TEXT_MAX. `no_quote`: a
 * '"' begins no quoted string. *addr points into s; *named is set if there is a name.
 */
bool addr_plain(struct str s, bool no_quote, size_t *at, struct str *addr, bool *named);

#endif
