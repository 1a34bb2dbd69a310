/* SPDX-License-Identifier: ISC */
/*
 * Texts: bounces from before and beside the standards. Somewhere below the words stands a copy of the
 * message, or of its header; above it those who did not get it, each at the beginning of a line.
 */
#include "mail/dsn_scan.h"

#include "mail/addr.h"

enum {
	KNOWN_ENOUGH = 2, /* fields, Message-ID included, that make a header out of lines */
	KNOWN_SURE = 3,   /* ... of one without any id, below a line that announces it */
	SHORTEST = 14,    /* of the words that announce it */
};

bool
dsn_has_any(struct str line, const char *const *words, size_t n)
{
	char low[MIME_LINE_MAX];

	line = str_sub(line, 0, sizeof(low));
	str_lower_to(low, line);
	for (size_t i = 0; i < n; i++)
		if (memmem(low, line.n, words[i], strlen(words[i])))
			return true;
	return false;
}

/* "--- Below this line is a copy of the message.", "Original message headers:" */
static bool
announces(struct str line)
{
	static const char *const words[] = {
		"copy of the message",
		"copy of your message",
		"copy of the original",
		"original message",
		"returned message",
		"unsent message",
		"undelivered message",
		"message follows",
		"headers follow",
		"header follows",
		"message header",
		"message text follows",
	};
	bool rule = line.p[0] == '-' || line.p[0] == '=' || line.p[0] == '*' || line.p[0] == '_';

	if (line.n < SHORTEST)
		return false;
	if (!rule && line.p[line.n - 1] != ':' && !str_iends(line, STR("follows.")) &&
	    !str_iends(line, STR("follow.")))
		return false;
	return HAS_ANY(line, words);
}

static bool
host_like(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!str_alnum(c) && c != '.' && c != '-')
			return false;
	}
	return str_find(s, '.') < s.n && s.p[0] != '.' && s.p[s.n - 1] != '.';
}

static bool
addr_form(struct str s)
{
	struct str local, domain;

	if (s.n > ADDR_TEXT_MAX || !addr_split(s, &local, &domain) || local.n == 0 || !host_like(domain))
		return false;
	for (size_t i = 0; i < local.n; i++)
		if ((unsigned char)local.p[i] <= ' ' || strchr("<>()[]:;,\\\"@", local.p[i]))
			return false;
	return true;
}

bool
dsn_addr_like(struct str s)
{
	return addr_form(s) && !addr_is_system(s);
}

/* "on Mon, 1 Apr 2002 10:00:00 +0200", "am Mo, ...", "le lun. ...": Exchange says when, in its language. */
static bool
tells_when(struct str s)
{
	enum { WORD_MAX = 3 };
	size_t word = str_find(s, ' '), colon = str_find(s, ':');

	return word <= WORD_MAX && colon > word && colon + 1 < s.n && str_digit(s.p[colon - 1]) &&
	    str_digit(s.p[colon + 1]);
}

/* "* ", "1. ", "2: ", "(3) ", "o ", a bullet: marks in front of what a list has. */
static struct str
skip_marks(struct str line)
{
	static const struct str bullets[] = { STR("\xe2\x80\xa2"), STR("\xc2\xb7"), STR("o ") };
	size_t n = 0;

	while (line.n &&
	    (strchr("-*> \t", line.p[0]) ||
		(line.n > 1 && strchr("+=", line.p[0]) && strchr(" >", line.p[1]))))
		line = str_sub(line, 1, line.n);
	for (size_t i = 0; i < ARRAY_LEN(bullets); i++)
		if (str_starts(line, bullets[i]))
			return str_trim(str_sub(line, bullets[i].n, line.n));
	n += line.n && line.p[0] == '(';
	while (n < line.n && str_digit(line.p[n]))
		n++;
	if (n && n + 1 < line.n && line.p[n + 1] == ' ' && strchr(".):", line.p[n]))
		n++;
	else if (n == line.n || line.p[n] != '\t')
		return line;
	return str_trim(str_sub(line, n, line.n));
}

/* "mailto:a@b" */
static struct str
skip_scheme(struct str s)
{
	if (!str_icut_front(&s, STR("mailto:")))
		(void)str_icut_front(&s, STR("smtp:"));
	return s;
}

/* The address with which the line begins and which is what it is about: "<a@b>:", "\"a@b\":", "a@b",
 * "a@b (c@d)", "a@b <c@d>", "a@b... User unknown", "* a@b", "* [a@b]:", "'a@b' on Mon, 1 Apr", a column of a
 * table; not the first word of a sentence. */
static struct str
leading_addr(struct str line)
{
	static const char opens[] = "<\"['`", closes[] = ">\"]''";
	struct str addr, rest;
	const char *open;
	size_t n = 0;

	line = skip_marks(line);
	open = line.n && line.p[0] ? strchr(opens, line.p[0]) : NULL;
	if (open) {
		n = 1 + str_find(str_sub(line, 1, line.n), closes[open - opens]);
		addr = skip_scheme(str_sub(line, 1, n));
		if (closes[open - opens] == '\'') /* MMDF: "'a@b (host: b) (queue: smtp)'" */
			addr = str_sub(addr, 0, str_find(addr, ' '));
		rest = str_sub(line, n + 1, line.n);
		return n < line.n && (rest.n == 0 || strchr(" :.,;([", rest.p[0])) ? addr : STR_NONE;
	}
	line = skip_scheme(line);
	while (n < line.n && !str_is_space(line.p[n]) && line.p[n] != '<')
		n++;
	addr = str_sub(line, 0, n);
	if (dsn_is_glued(addr))
		return STR_NONE;
	rest = str_trim(str_sub(line, n, line.n));
	while (addr.n && strchr(":.,;", addr.p[addr.n - 1]))
		addr.n--;
	if (addr.n < n || rest.n == 0 || strchr("([<", rest.p[0]) || tells_when(rest))
		return addr;
	if (line.p[n] == '\t' && dsn_only_addr(line).n) /* of two one sent it */
		return addr;
	return STR_NONE;
}

/* "a@b; c@d", "<a@b>, <c@d>": nothing but addresses, and more than one. */
static bool
is_list(struct str line)
{
	unsigned n = 0;

	for (size_t end; line.n; line = str_sub(line, end + 1, line.n), n++) {
		end = str_find(line, ',');
		if (end == line.n)
			end = str_find(line, ';');
		if (!addr_form(addr_unbracket(str_sub(line, 0, end))))
			return false;
	}
	return n > 1;
}

/* Behind the words: "to <a@b>.", ": a@b", "'a@b' was". */
static struct str
addr_behind(struct str s)
{
	size_t n = 0;

	while (s.n && strchr(" \t:<\"'(=", s.p[0]))
		s = str_sub(s, 1, s.n);
	while (n < s.n && !strchr(" \t>\"'),;", s.p[n]))
		n++;
	while (n && strchr(":.", s.p[n - 1]))
		n--;
	return str_sub(s, 0, n);
}

/* "550 ", "550-5.1.1 " in front of what a server said. */
static struct str
skip_code(struct str line)
{
	bool code =
	    line.n > 4 && (line.p[0] == '4' || line.p[0] == '5') && (line.p[3] == ' ' || line.p[3] == '-');
	size_t n = 4;

	for (size_t i = 1; code && i < 3; i++)
		code = str_digit(line.p[i]);
	if (!code)
		return line;
	while (n < line.n && (str_digit(line.p[n]) || line.p[n] == '.'))
		n++;
	return str_sub(line, n > 4 && n < line.n && line.p[n] == ' ' ? n + 1 : 4, line.n);
}

/* "a@b Invalid Address, ERROR_CODE :550" */
static bool
tells_fault(struct str line)
{
	static const char *const words[] = { "invalid", "error", "unknown", "rejected", "no such" };

	return HAS_ANY(line, words);
}

/* The address that a sentence names behind words which say that it was not reached, or in front of them. */
static struct str
said_addr(struct str line)
{
	static const char *const words[] = {
		"deliver message to",
		"delivering your mail to",
		"deliver your message to",
		"delivered to",
		"your message to",
		"following message to",
		"your mail to",
		"your email to",
		"rejected recipient",
		"failed recipient",
		"failed address",
		"unknown user",
		"addressed to",
		"allowed size",
		"rcpt to",
		"undeliverable to",
		"undeliverable  to",
		"undeliverable address",
		"delivery userid",
		" attempts",
		"intended recipient",
		"following recipient",
		"local mailbox",
		"mailbox is full",
		"generated from",
		"expanded from",
		"deliver to",
		"delivery to",
		"you sent to",
	};
	struct str answer = skip_code(line), first = addr_behind(answer);

	if (str_find(line, '@') == line.n)
		return STR_NONE;
	if (first.n && dsn_addr_like(first) &&
	    (answer.n < line.n || tells_fault(str_sub(line, first.n, line.n))))
		return first;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t at = str_ifind(line, str_of(words[i]));
		struct str addr = addr_behind(str_sub(line, at + strlen(words[i]), line.n));

		if (at < line.n && addr.n && dsn_addr_like(addr))
			return addr;
	}
	return STR_NONE;
}

/* "Recipient address: a@b", "Intended Recipients: <a@b>, <c@d>": what stands behind the colon. */
static struct str
labelled(struct str line)
{
	enum { LABEL_MAX = 40 };
	static const char *const words[] = { "recipient", "address" };
	static const char *const others[] = { "from", "source", "return", "your", "originator", "new " };
	struct str label = str_sub(line, 0, str_find(line, ':'));
	size_t at = str_find(line, '@');

	if (label.n > LABEL_MAX || at < label.n || at == line.n || !HAS_ANY(label, words) ||
	    HAS_ANY(label, others) || dsn_is_aside(label))
		return STR_NONE;
	return str_sub(line, label.n + 1, line.n);
}

/* "----- The following addresses had delivery problems -----", "The following recipients failed:",
 * "Delivery has failed to these recipients or groups:" */
static bool
heads_rcpts(struct str line)
{
	static const char *const words[] = {
		"following address",
		"following recipient",
		"following user",
		"these recipient",
		"these address",
	};
	char last = line.p[line.n - 1];

	if (last != ':' && last != '-')
		return false;
	return HAS_ANY(line, words);
}

/* Mail to root@ and to postmaster@ bounces, too. But postmaster@ is also whom a bounce says to ask for help:
 * he counts where those who did not get it are told, as "<root@b>:" of qmail, or below such a heading. */
static bool
is_rcpt(const struct dsn_scan *s, struct str line, struct str addr)
{
	if (dsn_addr_like(addr))
		return true;
	return addr_form(addr) &&
	    (s->text_heads || (line.p[0] == '<' && str_ifind(line, STR(">:")) == addr.n + 1));
}

static void
keep_rcpt(void *arg, struct str addr)
{
	struct dsn_scan *s = ((struct dsn *)arg)->scan;
	struct str kept;

	if (str_ieq_any(addr, s->text_rcpts, s->n_text_rcpts))
		return;
	s->text_more = s->n_text_rcpts == DSN_RCPTS_MAX;
	if (s->text_more || !addr_form(addr))
		return;
	kept = arena_str(s->arena, addr);
	if (!kept.p)
		return;
	s->text_actions[s->n_text_rcpts] = s->text_heading;
	s->text_rcpts[s->n_text_rcpts++] = kept;
}

/* Below a heading: "Jana Feld (a@b)<mailto:a@b>" */
static struct str
headed_addr(const struct dsn_scan *s, struct str line)
{
	char last = line.p[line.n - 1];

	if (!s->text_heads || line.p[0] == '(' || (last != '>' && last != ')'))
		return STR_NONE;
	return dsn_only_addr(line);
}

/* A line that is none of those who follow. Others may follow than those who have got it. */
static void
take_heading(struct dsn_scan *s, struct str line, struct str told)
{
	static const struct str there = STR("delivered");

	if (s->text_heads)
		s->text_heading = dsn_action_of_heading(line, told);
	else if (str_eq(told, there) || (str_eq(s->text_heading, there) && line.p[0] != '('))
		s->text_heading = told;
}

/* `told`: what the line says of some or all. */
static void
take_rcpt(struct dsn *d, struct str line, struct str told)
{
	struct dsn_scan *s = d->scan;
	struct str addr = leading_addr(line), list;
	bool said;

	if (addr.n == 0 || !is_rcpt(s, line, addr))
		addr = headed_addr(s, line);
	said = addr.n == 0 || !is_rcpt(s, line, addr);
	s->text_heads = heads_rcpts(line) || (s->text_heads && !said);
	if (said)
		take_heading(s, line, told);
	if (said && s->n_text_rcpts && !s->text_said)
		return;
	if (!said && s->text_said)
		s->n_text_rcpts = 0;
	list = said ? labelled(line) : is_list(line) ? line : STR_NONE;
	if (said)
		addr = said_addr(line);
	if (list.n)
		addr_list_walk(list, keep_rcpt, d);
	else if (addr.n)
		keep_rcpt(d, addr);
	s->text_said = said && s->n_text_rcpts;
}

/* What it tells in sentences it tells at its front; lists of those who did not get it may be long. */
static void
take_text(struct dsn *d, struct str line)
{
	enum { SENTENCES_WITHIN = 400 };
	struct dsn_scan *s = d->scan;
	bool front = s->text_lines < SENTENCES_WITHIN;
	struct str told = front ? dsn_told_action(line) : STR_NONE;

	s->text_lines += front;
	if (!s->text_told.n)
		s->text_told = told;
	if (str_eq(told, STR("delayed")) && !heads_rcpts(line))
		s->text_action = told;
	if (front && dsn_goes_on(s, line))
		return;
	take_rcpt(d, line, told);
	if (s->n_text_rcpts && !s->text_said)
		return;
	if (front)
		dsn_stranger_text(d, line);
	else
		s->strangers.more = true;
}

static void
take_one(void *arg, struct str addr)
{
	if (addr.n)
		take_rcpt(arg, addr, STR_NONE);
}

void
dsn_take_named(struct dsn *d)
{
	struct str named = d->scan->block.named;

	if (named.n == 0 || d->scan->text_past)
		return;
	if (str_find(named, ',') < named.n)
		addr_list_walk(named, take_one, d);
	else
		take_rcpt(d, named, STR_NONE);
}

/* Some notices (Yahoo, MailScanner) only describe the message, by "To:" and "Subject:". So does Exchange, and
 * with "Sent:", but goes on with those who did not get it, be it by their names alone. */
static void
take_to(struct dsn *d)
{
	struct dsn_scan *s = d->scan;
	const struct dsn_block *b = &s->block;

	if (!s->text_past && !s->text_to.n && !b->from.p && !b->sent.p && dsn_addr_like(b->to))
		s->text_to = b->to;
}

/* "Destinatario: a@b", in whatever language. More fields describe a message: "Betreff:", "Gesendet:". */
static void
take_labels(struct dsn *d)
{
	const struct dsn_block *b = &d->scan->block;

	for (unsigned i = 0; i < b->fields && b->fields <= DSN_LABELS_MAX && !d->scan->text_past; i++)
		dsn_stranger_line(d, b->labels[i]);
}

static bool
is_returned(const struct dsn_scan *s)
{
	const struct dsn_block *b = &s->block;

	if (b->id.n == 0)
		return s->marked && b->known >= KNOWN_SURE;
	return s->marked || (b->known >= KNOWN_ENOUGH && b->id.p[0] == '<');
}

/* Fields of a delivery status, written into the text. */
static bool
is_status(const struct dsn_block *b)
{
	if (b->final_rcpt.p || b->original_rcpt.p)
		return b->action.p || b->status.p;
	return b->reporting_mta.p != NULL;
}

void
dsn_text_end(struct dsn *d)
{
	struct dsn_scan *s = d->scan;
	const struct dsn_block *b = &s->block;

	if (!b->open)
		return;
	dsn_block_close(d);
	if (is_returned(s)) {
		dsn_take_returned(d, DSN_BY_TEXT);
		s->text_past = true;
		s->text_described = !s->marked;
		/* Below an announced copy comes the rest of it; others go on with what went wrong. */
		s->text_done = s->marked;
		d->done |= s->marked && s->alone;
	} else if (is_status(b)) {
		dsn_take_status(d);
	} else {
		dsn_take_named(d);
		take_to(d);
		take_labels(d);
	}
	s->marked = s->marked && b->known == 0;
	dsn_block_clear(d);
}

void
dsn_text_line(struct dsn *d, struct str line)
{
	struct dsn_scan *s = d->scan;
	enum dsn_line what;

	if (s->text_done)
		return;
	what = dsn_block_line(d, line, true);
	if (what == DSN_LINE_OTHER && s->block.open) { /* and may begin the next block */
		dsn_text_end(d);
		what = s->text_done ? DSN_LINE_EMPTY : dsn_block_line(d, line, true);
	}
	if (what == DSN_LINE_EMPTY)
		dsn_text_end(d);
	line = str_trim(line);
	if (what != DSN_LINE_OTHER || line.n == 0) {
		s->before_n = 0;
		return;
	}
	/* "... did NOT receive a copy of your message:" is no copy */
	if (announces(line) && !heads_rcpts(line)) {
		s->marked = s->text_past = true;
		s->text_described = false;
	} else if (s->text_described && s->n_text_rcpts == 0 && heads_rcpts(line)) {
		s->text_past = s->text_described = false; /* the fields only described the message */
	}
	if (!s->text_past)
		take_text(d, line);
}
