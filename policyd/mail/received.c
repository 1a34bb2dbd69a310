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
#include "mail/date.h"

enum clause { NO_CLAUSE, FROM, BY, ID, FOR, WITH, OTHER };

/* Two of each length, as word_key() makes them. */
enum { KEYWORD_MIN = 2, KEYWORD_MAX = 4, SAME_LENGTH = 2 };
#define KEY(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
static const struct keyword {
	uint32_t key;
	enum clause clause;
} keywords[KEYWORD_MAX + 1][SAME_LENGTH] = {
	[2] = { { KEY(0, 0, 'b', 'y'), BY }, { KEY(0, 0, 'i', 'd'), ID } },
	[3] = { { KEY(0, 'f', 'o', 'r'), FOR }, { KEY(0, 'v', 'i', 'a'), OTHER } },
	[4] = { { KEY('f', 'r', 'o', 'm'), FROM }, { KEY('w', 'i', 't', 'h'), WITH } },
};

/* Behind the comment that opened before p; an open one goes to the end. */
static const char *
comment_end(const char *p, const char *end)
{
	unsigned depth = 1;

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

/* How many of sixteen bytes go by until one may end a word: ' ', '"' and '(' are among the lowest. */
static size_t
word_bytes(const char *p)
{
	bytes16 v = bytes_at(p);

	return bytes_first((bytes16)(v <= '(') | (bytes16)(v == ';') | (bytes16)(v == '<'));
}

/* Behind the word at p. A ';' ends it, but not inside "<...>" or quotes. */
static const char *
word_end(const char *p)
{
	for (p += word_bytes(p); *p != ' '; p += word_bytes(p)) {
		if (*p == ';' || *p == '(')
			break;
		p = *p == '<' || *p == '"' ? inside_end(p) : p + 1;
	}
	return p;
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

/* As in the shape: '0' is any digit there, 'a' any letter. */
static bool
is_shape(const char *p, const char *shape)
{
	bytes16 v = bytes_at(p), small = v | ('a' - 'A');
	bytes16 digit = (bytes16)(v - '0' <= 9), letter = (bytes16)(small - 'a' <= 'z' - 'a');
	bytes16 seen = (v & ~digit & ~letter) | (digit & '0') | (letter & 'a');

	return !bytes_any((bytes16)(seen != bytes_at(shape)));
}

/* Behind the date at p when it is written as nearly all are; else p. Of its words only the month's name could
 * be a keyword. */
static const char *
date_end(const char *p, const char *end)
{
	static const char east[] = " aaa, 00 aaa 0000 00:00:00 +0000", west[] = "0 00:00:00 -0000";
	enum { MONTH = 9, LENGTH = sizeof(east) - 1 };

	if (end - p < LENGTH || p[LENGTH] != ' ' || !is_shape(p, east))
		return p;
	if (!is_shape(p + BYTES16, east + BYTES16) && !is_shape(p + BYTES16, west))
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

bool
received_from(const struct hop *hop, struct str name)
{
	return str_ieq(hop->from, name) || str_ieq(hop->from_rdns, name) || str_ieq(hop->from_ip, name);
}

bool
received_names(const struct hop *hop, struct str name)
{
	return str_ieq(hop->by, name) || received_from(hop, name);
}

bool
received_nobody(struct str host)
{
	struct str ip = literal(host);

	return str_ieq(host, STR("localhost")) || str_istarts(host, STR("localhost.")) ||
	    str_istarts(ip, STR("127.")) || str_eq(ip, STR("::1"));
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

/* A word of a comment behind "from", without what stands before an '@' in it: "user@host" (ident) is host,
 * user@[192.0.2.1] the address. `glued`: that of "host[192.0.2.1]", as some gateways write both. */
static void
comment_word(struct hop *hop, struct str *glued, struct str word, bool first)
{
	struct str ip = literal(word);
	size_t open = str_find(word, '[');

	if (!hop->from_ip.p)
		hop->from_ip = ip;
	if (open && open < word.n && str_find(word, '=') == word.n) {
		if (!glued->p)
			*glued = literal(str_sub(word, open, word.n));
		word = str_sub(word, 0, open);
	}
	if (first && !ip.p && !hop->from_rdns.p && is_host_name(word))
		hop->from_rdns = word;
}

static struct str
between(const char *begin, const char *end)
{
	return (struct str){ begin, (size_t)(end - begin) };
}

/* How many of sixteen bytes of a comment go by until one may end a word or mean something. */
static size_t
comment_bytes(const char *p)
{
	bytes16 v = bytes_at(p);

	return bytes_first((bytes16)(v <= ')') | (bytes16)(v == '@') | (bytes16)(v == '\\'));
}

/* "[192.0.2.1] (helo=x ident=y z)", as Exim writes where the client's address has no name: the address stands
 * in front, and the words in the comment are the client's own. */
static bool
is_own_words(const struct hop *hop, struct str first)
{
	return str_find(first, '=') < first.n && hop->from.n && hop->from.p[0] == '[' && literal(hop->from).p;
}

/* As comment_end(), of a comment behind "from": the first address in it, and a name if it stands in front. */
static const char *
from_comment(struct hop *hop, struct str *glued, const char *p, const char *end)
{
	const char *begin = p, *behind_at = p;
	bool first = true, after_helo = false, own_words = false;
	unsigned depth = 1;

	for (;;) {
		bool quoted;

		p += comment_bytes(p);
		quoted = *p == '\\';
		p += quoted;
		if (*p != ' ' && *p != '(' && *p != ')') {
			if (*p++ == '@')
				behind_at = p;
			continue;
		}
		if (p > begin) {
			bool helo = is_helo(between(begin, p));

			if (first)
				own_words = is_own_words(hop, between(begin, p));
			if (!after_helo && !helo && !own_words)
				comment_word(hop, glued, between(behind_at, p), first);
			after_helo = helo;
			first = false;
		}
		if (p >= end)
			return end;
		begin = behind_at = p + 1;
		if (!quoted && *p == '(')
			depth++;
		else if (!quoted && *p == ')' && --depth == 0)
			return begin;
		p = begin;
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
		else if (!str_digit(id.p[i]))
			return false;
	}
	return dots >= 2;
}

/* "ESMTPA", "LMTPSA"; a web mailer's "HTTP" */
static bool
is_login(struct str word)
{
	if (word.n && str_lower(word.p[word.n - 1]) == 'a')
		return str_iends(word, STR("MTPA")) || str_iends(word, STR("MTPSA"));
	return str_istarts(word, STR("HTTP"));
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
	case WITH:
		hop->lmtp = hop->lmtp || str_istarts(word, STR("LMTP")) || str_istarts(word, STR("UTF8LMTP"));
		hop->fetched |= str_istarts(word, STR("POP")) || str_istarts(word, STR("IMAP"));
		hop->login |= is_login(word);
		break;
	case NO_CLAUSE:
	case OTHER:
		break;
	}
}

/* "(qmail 12345 invoked by uid 89)", "(nullmailer pid 12345 invoked by uid 89)": the process that took in
 * this message and no other, as good as a queue id together with the time. qmail's line with the client's
 * name, below this one, has neither. */
static struct str
process_id(struct str value)
{
	static const struct str fronts[] = { STR("(qmail "), STR("(nullmailer pid ") };
	static const struct str invoked = STR(" invoked ");
	size_t begin = 0, n;

	for (size_t i = 0; i < ARRAY_LEN(fronts); i++)
		if (str_starts(value, fronts[i]))
			begin = fronts[i].n;
	n = begin;
	while (n < value.n && str_digit(value.p[n]))
		n++;
	return begin && str_starts(str_sub(value, n, value.n), invoked) ? str_sub(value, begin, n) : STR_NONE;
}

/* "id Q1 Tue, 6 Apr 2021 09:10:10 +0000": some leave the ';' out. */
static struct str
date_unmarked(struct str value)
{
	enum { WEEKDAY = 3 };
	size_t comma = str_rfind(value, ',');

	return comma < value.n && comma >= WEEKDAY ? str_sub(value, comma - WEEKDAY, value.n) : STR_NONE;
}

static bool
is_date(struct str s)
{
	int64_t t;

	return date_parse(str_trim(s), &t) == 0;
}

void
received_parse(struct str value, struct hop *hop)
{
	const char *p = value.p, *end = p ? p + value.n : NULL;
	struct str word_ip = STR_NONE, glued = STR_NONE;
	enum clause want = NO_CLAUSE; /* whose value has not come yet */
	bool from = false;            /* we are among the words behind "from" */
	bool dated = false;           /* behind the ';' before the last one */

	*hop = (struct hop){ .id = value.n && *p == '(' ? process_id(value) : STR_NONE };
	while (p < end) {
		const char *begin;
		struct str word;
		enum clause next;

		p += *p == ' ';
		if (*p == ' ')
			continue;
		if (*p == ';') {
			const char *date = p + 1;

			/* Behind the last one (RFC 5321 4.4), or before it where more follows; Courier has
			 * its id there. */
			want = NO_CLAUSE;
			from = false;
			if (hop->date.p && !dated) {
				hop->date = str_sub(hop->date, 0, (size_t)(p - hop->date.p));
				dated = is_date(hop->date);
			}
			p = date_end(date, end);
			if (!dated)
				hop->date = between(date, p > date ? p : end);
			continue;
		}
		if (*p == '(') {
			p = from ? from_comment(hop, &glued, p + 1, end) : comment_end(p + 1, end);
			continue;
		}
		begin = p;
		p = word_end(begin);
		word = between(begin, p);
		next = keyword(word);
		if (next != NO_CLAUSE) {
			want = next;
			from = next == FROM;
		} else if (want != NO_CLAUSE) {
			clause_value(hop, want, word);
			want = NO_CLAUSE;
		} else if (from && !word_ip.p) {
			word_ip = literal(word); /* "from name [192.0.2.1] by ..." */
		}
	}
	if (!hop->date.p)
		hop->date = date_unmarked(value);
	if (!hop->from_ip.p)
		hop->from_ip = word_ip.p ? word_ip : glued.p ? glued : literal(hop->from);
}
