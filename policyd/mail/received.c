/* SPDX-License-Identifier: ISC */
/*
 * Received in one pass: words, comments and ';' come off the front, a keyword makes the next word its value.
 * The client's address may stand in a comment after "from" ("(name [192.0.2.1])", qmail's "(192.0.2.1)"),
 * as a word of its own, or as the name itself; what the client said in HELO never counts as its address.
 */
#include "mail/received.h"

#include "base/net.h"
#include "mail/addr.h"

enum clause { NO_CLAUSE, FROM, BY, ID, FOR, OTHER };
enum token { TOK_END, TOK_WORD, TOK_COMMENT, TOK_SEMICOLON };

enum { KEYWORD_MAX = 4, SAME_LENGTH = 2 };
static const struct keyword {
	struct str word;
	enum clause clause;
} keywords[KEYWORD_MAX + 1][SAME_LENGTH] = {
	[2] = { { { "by", 2 }, BY }, { { "id", 2 }, ID } },
	[3] = { { { "for", 3 }, FOR }, { { "via", 3 }, OTHER } },
	[4] = { { { "from", 4 }, FROM }, { { "with", 4 }, OTHER } },
};

/* What a byte is in a word, and whether it means something in a comment. */
enum {
	SPACE = 1,
	ENDS = 2,
	OPENS = 4,
	IN_IP = 8, /* the text of an address can have it; host names soon have another */
	NESTS = 16,
	PARTS = 32, /* stands between the words of a comment */
	STOPS = SPACE | ENDS | OPENS,
};
static const unsigned char classes[256] = {
	[' '] = SPACE | PARTS,
	['\t'] = SPACE | PARTS,
	['\r'] = SPACE | PARTS,
	['\n'] = SPACE | PARTS,
	['('] = ENDS | NESTS | PARTS,
	[')'] = NESTS | PARTS,
	['\\'] = NESTS,
	[';'] = ENDS,
	['<'] = OPENS,
	['"'] = OPENS,
	['.'] = IN_IP,
	['0' ... ':'] = IN_IP,
	['A' ... 'F'] = IN_IP,
	['a' ... 'f'] = IN_IP,
};

static unsigned
class_of(char c)
{
	return classes[(unsigned char)c];
}

/* Behind the comment at i; an open one goes to the end. */
static size_t
comment_end(struct str s, size_t i)
{
	unsigned depth = 0;

	for (; i < s.n; i++) {
		if (!(class_of(s.p[i]) & NESTS))
			continue;
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (--depth == 0)
			return i + 1;
	}
	return s.n;
}

/* Behind what opens at i: at its end, at white space, or at the end of s. */
static size_t
inside_end(struct str s, size_t i)
{
	char until = s.p[i] == '<' ? '>' : '"';

	for (i++; i < s.n && !(class_of(s.p[i]) & SPACE); i++)
		if (s.p[i] == until)
			return i + 1;
	return i;
}

/* Behind the word at i. A ';' ends it, but not inside "<...>" or quotes. */
static size_t
word_end(struct str s, size_t i)
{
	for (;;) {
		while (i < s.n && !(class_of(s.p[i]) & STOPS))
			i++;
		if (i == s.n || !(class_of(s.p[i]) & OPENS))
			return i;
		i = inside_end(s, i);
	}
}

/* The token at *at, which moves behind it. */
static enum token
token_next(struct str s, size_t *at, struct str *tok)
{
	size_t begin = *at, end;
	enum token kind = TOK_WORD;

	while (begin < s.n && class_of(s.p[begin]) & SPACE)
		begin++;
	if (begin == s.n)
		return TOK_END;
	if (s.p[begin] == ';') {
		kind = TOK_SEMICOLON;
		end = begin + 1;
	} else if (s.p[begin] == '(') {
		kind = TOK_COMMENT;
		end = comment_end(s, begin);
	} else {
		end = word_end(s, begin);
	}
	*tok = (struct str){ s.p + begin, end - begin };
	*at = end;
	return kind;
}

static enum clause
keyword(struct str word)
{
	if (word.n < 2 || word.n > KEYWORD_MAX)
		return NO_CLAUSE;
	for (size_t i = 0; i < SAME_LENGTH; i++)
		if (str_ieq(word, keywords[word.n][i].word))
			return keywords[word.n][i].clause;
	return NO_CLAUSE;
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
		if (!(class_of(word.p[i]) & IN_IP))
			return STR_NONE;
	return ip_parse(word, &ip) == 0 ? word : STR_NONE;
}

static bool
is_helo(struct str word)
{
	return str_ieq(word, STR("HELO")) || str_ieq(word, STR("EHLO"));
}

/* "user@host" (ident) is host; a name needs a dot and must not be a "key=value". */
static struct str
host_name(struct str word)
{
	size_t at = str_rfind(word, '@');

	if (at < word.n)
		word = str_sub(word, at + 1, word.n);
	if (word.n == 0 || word.p[0] == '[' || str_find(word, '=') < word.n || str_find(word, '.') == word.n)
		return STR_NONE;
	return literal(word).p ? STR_NONE : word;
}

/* A comment behind "from": the first address in it, and a name if it stands in front. */
static void
from_comment(struct hop *hop, struct str text)
{
	bool first = true, after_helo = false;
	size_t i = 0;

	while (i < text.n) {
		size_t begin;
		struct str word;

		while (i < text.n && class_of(text.p[i]) & PARTS)
			i++;
		begin = i;
		while (i < text.n && !(class_of(text.p[i]) & PARTS))
			i++;
		word = str_sub(text, begin, i);
		if (word.n == 0)
			break;
		if (!after_helo && !is_helo(word)) {
			size_t at = str_rfind(word, '@'); /* user@[192.0.2.1] */

			if (!hop->from_ip.p)
				hop->from_ip = literal(at < word.n ? str_sub(word, at + 1, word.n) : word);
			if (first && !hop->from_rdns.p)
				hop->from_rdns = host_name(word);
		}
		after_helo = is_helo(word);
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
	struct str tok = STR_NONE, word_ip = STR_NONE;
	enum clause clause = NO_CLAUSE; /* whose words we are among */
	bool want = false;              /* its value has not come yet */
	size_t at = 0;

	*hop = (struct hop){ 0 };
	for (;;) {
		enum token kind = token_next(value, &at, &tok);
		enum clause next = kind == TOK_WORD ? keyword(tok) : NO_CLAUSE;

		if (kind == TOK_END)
			break;
		if (kind == TOK_SEMICOLON) {
			/* The date follows; Courier has its id behind it. */
			clause = NO_CLAUSE;
			want = false;
		} else if (kind == TOK_COMMENT) {
			if (clause == FROM)
				from_comment(hop, str_sub(tok, 1, tok.n));
		} else if (next != NO_CLAUSE) {
			clause = next;
			want = true;
		} else if (want) {
			clause_value(hop, clause, tok);
			want = false;
		} else if (clause == FROM && !word_ip.p) {
			word_ip = literal(tok); /* "from name [192.0.2.1] by ..." */
		}
	}
	if (!hop->from_ip.p)
		hop->from_ip = word_ip.p ? word_ip : literal(hop->from);
}
