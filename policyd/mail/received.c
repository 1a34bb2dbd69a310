/* SPDX-License-Identifier: ISC */
/*
 * Received in one pass: words, comments and ';' come off the front, a keyword makes the next word its value.
 * The client's address may stand in a comment after "from" ("(name [192.0.2.1])", qmail's "(192.0.2.1)"),
 * as a word of its own, or as the name itself; what the client said in HELO never counts as its address.
 */
#include "mail/received.h"

#include <endian.h>

#include "base/net.h"
#include "mail/addr.h"

enum clause { NO_CLAUSE, FROM, BY, ID, FOR, OTHER };

/* Two of each length, as word_key() makes them. */
enum { KEYWORD_MIN = 2, KEYWORD_MAX = 4, SAME_LENGTH = 2 };
#define KEY(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
static const struct keyword {
	uint32_t key;
	enum clause clause;
} keywords[KEYWORD_MAX + 1][SAME_LENGTH] = {
	[2] = { { KEY(0, 0, 'b', 'y'), BY }, { KEY(0, 0, 'i', 'd'), ID } },
	[3] = { { KEY(0, 'f', 'o', 'r'), FOR }, { KEY(0, 'v', 'i', 'a'), OTHER } },
	[4] = { { KEY('f', 'r', 'o', 'm'), FROM }, { KEY('w', 'i', 't', 'h'), OTHER } },
};

/* Behind the comment at p; an open one goes to the end. */
static const char *
comment_end(const char *p, const char *end)
{
	unsigned depth = 0;

	while (p < end) {
		bytes16 v = bytes_at(p);
		size_t n = bytes_first((bytes16)(v == '(') | (bytes16)(v == ')') | (bytes16)(v == '\\'));

		p += n;
		if (n == BYTES16)
			continue;
		if (*p == '\\')
			p++;
		else if (*p == '(')
			depth++;
		else if (--depth == 0)
			return p + 1;
		p++;
	}
	return end;
}

/* Behind what opens at p: at its end, or at a space. */
static const char *
inside_end(const char *p)
{
	char until = *p++ == '<' ? '>' : '"';

	for (;; p += BYTES16) {
		bytes16 v = bytes_at(p);
		size_t n = bytes_first((bytes16)(v == (uint8_t)until) | (bytes16)(v == ' '));

		if (n < BYTES16)
			return p + n + (p[n] == until);
	}
}

/* Behind the word at p. A ';' ends it, but not inside "<...>" or quotes. */
static const char *
word_end(const char *p)
{
	for (;;) {
		bytes16 v = bytes_at(p);
		bytes16 ends = (bytes16)(v == ' ') | (bytes16)(v == ';') | (bytes16)(v == '(');
		size_t n = bytes_first(ends | (bytes16)(v == '<') | (bytes16)(v == '"'));

		p += n;
		if (n == BYTES16)
			continue;
		if (*p != '<' && *p != '"')
			return p;
		p = inside_end(p);
	}
}

/* A short word in one number. The bit that makes a letter small makes one of no other byte. */
static uint32_t
word_key(struct str word)
{
	enum { SMALL = 'a' - 'A' };
	uint32_t bytes;

	memcpy(&bytes, word.p, sizeof(bytes));
	return (le32toh(bytes) | KEY(SMALL, SMALL, SMALL, SMALL)) << 8 * (sizeof(bytes) - word.n);
}

static enum clause
keyword(struct str word)
{
	uint32_t key;

	if (word.n < KEYWORD_MIN || word.n > KEYWORD_MAX)
		return NO_CLAUSE;
	key = word_key(word);
	for (size_t i = 0; i < SAME_LENGTH; i++)
		if (key == keywords[word.n][i].key)
			return keywords[word.n][i].clause;
	return NO_CLAUSE;
}

/* The same for each digit, and for each letter. */
static bytes16
shape_at(const char *p)
{
	bytes16 v = bytes_at(p), small = v | ('a' - 'A');
	bytes16 digit = (bytes16)(v - '0' <= 9), letter = (bytes16)(small - 'a' <= 'z' - 'a');

	return (v & ~digit & ~letter) | (digit & '0') | (letter & 'a');
}

/* Behind the date at p when it is written as nearly all are; else p. Of its words only the month's name could
 * be a keyword. */
static const char *
date_end(const char *p, const char *end)
{
	static const char east[] = " aaa, 00 aaa 0000 00:00:00 +0000", west[] = "0 00:00:00 -0000";
	enum { MONTH = 9, LENGTH = sizeof(east) - 1 };
	bytes16 rest;

	if (end - p < LENGTH || p[LENGTH] != ' ' || bytes_any(shape_at(p) ^ bytes_at(east)))
		return p;
	rest = shape_at(p + BYTES16);
	if (bytes_any(rest ^ bytes_at(east + BYTES16)) && bytes_any(rest ^ bytes_at(west)))
		return p;
	return keyword((struct str){ p + MONTH, 3 }) == NO_CLAUSE ? p + LENGTH : p;
}

/* The text of an address can have it; host names soon have another. */
static bool
is_of_ip(char c)
{
	static const bool of_ip[256] = {
		['.'] = true,
		['0' ... ':'] = true,
		['A' ... 'F'] = true,
		['a' ... 'f'] = true,
	};

	return of_ip[(unsigned char)c];
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]", "[192.0.2.1]:25", or the bare address: without brackets and tag. */
static struct str
literal(struct str word)
{
	struct ip ip;
	size_t close;

	if (word.n && word.p[0] == '[') {
		close = str_find(word, ']');
		word = str_sub(word, 1, close);
	}
	if (str_istarts(word, STR("IPv6:")))
		word = str_sub(word, 5, word.n);
	for (size_t i = 0; i < word.n; i++)
		if (!is_of_ip(word.p[i]))
			return STR_NONE;
	return ip_parse(word, &ip) == 0 ? word : STR_NONE;
}

static bool
is_helo(struct str word)
{
	return str_ieq(word, STR("HELO")) || str_ieq(word, STR("EHLO"));
}

/* A name needs a dot and must not be a "key=value". */
static bool
is_host_name(struct str word)
{
	return word.n && word.p[0] != '[' && str_find(word, '.') < word.n && str_find(word, '=') == word.n;
}

/* A word of a comment behind "from". */
static void
comment_word(struct hop *hop, struct str word, bool first, bool may_have_at)
{
	size_t at = may_have_at ? str_rfind(word, '@') : word.n;
	struct str ip;

	/* "user@host" (ident) is host, user@[192.0.2.1] the address */
	if (at < word.n)
		word = str_sub(word, at + 1, word.n);
	ip = literal(word);
	if (!hop->from_ip.p)
		hop->from_ip = ip;
	if (first && !ip.p && !hop->from_rdns.p && is_host_name(word))
		hop->from_rdns = word;
}

/* Behind the word of a comment at p; whether there may be an '@' in it. */
static const char *
comment_word_end(const char *p, bool *at)
{
	for (*at = false;; p += BYTES16) {
		bytes16 v = bytes_at(p);
		size_t n = bytes_first((bytes16)(v == ' ') | (bytes16)(v == '(') | (bytes16)(v == ')'));

		*at = *at || bytes_any((bytes16)(v == '@'));
		if (n < BYTES16)
			return p + n;
	}
}

/* A comment behind "from": the first address in it, and a name if it stands in front. */
static void
from_comment(struct hop *hop, const char *p, const char *end)
{
	bool first = true, after_helo = false;

	while (p < end) {
		const char *begin = p;
		struct str word;
		bool helo, at;

		p = comment_word_end(p, &at);
		word = (struct str){ begin, (size_t)(p - begin) };
		if (word.n == 0) {
			p++;
			continue;
		}
		helo = is_helo(word);
		if (!after_helo && !helo)
			comment_word(hop, word, first, at);
		after_helo = helo;
		first = false;
	}
}

/* Exchange puts its version where others have a queue id: "15.20.776.10". */
static bool
is_version(struct str id)
{
	unsigned dots = 0;

	for (size_t i = 0; i < id.n; i++) {
		if (id.p[i] == '.')
			dots++;
		else if (id.p[i] < '0' || id.p[i] > '9')
			return false;
	}
	return dots >= 2;
}

static void
clause_value(struct hop *hop, enum clause clause, struct str word)
{
	switch (clause) {
	case FROM:
		if (!hop->from.p)
			hop->from = word;
		break;
	case BY:
		if (!hop->by.p)
			hop->by = word;
		break;
	case ID:
		if (!hop->id.p && !is_version(word))
			hop->id = word;
		break;
	case FOR:
		if (!hop->rcpt.p)
			hop->rcpt = addr_unbracket(word);
		break;
	case NO_CLAUSE:
	case OTHER:
		break;
	}
}

void
received_parse(struct str value, struct hop *hop)
{
	const char *p = value.p, *end = p ? p + value.n : NULL;
	struct str word_ip = STR_NONE;
	enum clause clause = NO_CLAUSE; /* whose words we are among */
	bool want = false;              /* its value has not come yet */

	*hop = (struct hop){ 0 };
	while (p < end) {
		const char *begin;
		struct str word;
		enum clause next;

		p += *p == ' ';
		begin = p;
		if (*p == ' ')
			continue;
		if (*p == ';') {
			/* Courier has its id behind the date. */
			clause = NO_CLAUSE;
			want = false;
			p = date_end(p + 1, end);
			continue;
		}
		if (*p == '(') {
			p = comment_end(p, end);
			if (clause == FROM)
				from_comment(hop, begin, p);
			continue;
		}
		p = word_end(p);
		word = (struct str){ begin, (size_t)(p - begin) };
		next = keyword(word);
		if (next != NO_CLAUSE) {
			clause = next;
			want = true;
		} else if (want) {
			clause_value(hop, clause, word);
			want = false;
		} else if (clause == FROM && !word_ip.p) {
			word_ip = literal(word); /* "from name [192.0.2.1] by ..." */
		}
	}
	if (!hop->from_ip.p)
		hop->from_ip = word_ip.p ? word_ip : literal(hop->from);
}
