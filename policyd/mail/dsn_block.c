/* SPDX-License-Identifier: ISC */
/* Blocks of fields: one row a name says what becomes of its value, and in which kinds of part. */
#include "mail/dsn_scan.h"

#include <stddef.h>

#include "base/utf8.h"
#include "mail/addr.h"
#include "mail/header_fields.h"

enum {
	NAME_MAX_LEN = 76,
	/* kinds of part */
	IN_MESSAGE = 1 << DSN_RETURNED_PART | 1 << DSN_TEXT,
	IN_STATUS = 1 << DSN_STATUS_PART | 1 << DSN_TEXT,
	IN_REPORT = 1 << DSN_STATUS_PART | 1 << DSN_RECEIPT_PART,
	IN_HEAD = 1 << DSN_PART_HEADER | 1 << DSN_RETURNED_PART,
};

struct row {
	struct str name; /* lower-case */
	unsigned kinds;  /* where the value is kept */
	bool known;      /* what mail headers have */
	struct str (*read)(struct arena *a, struct str value);
	size_t offset; /* of a struct str in struct dsn_block */
};

/* --- readers of values, all into the arena ------------------------------------------------------------ */

static struct str
read_value(struct arena *a, struct str value)
{
	return arena_str(a, str_trim(str_sub(value, 0, HEADER_VALUE_KEEP)));
}

/* The parameters of a part may be long. */
static struct str
read_all(struct arena *a, struct str value)
{
	return arena_str(a, value);
}

/* One that lacks its '>' was cut off somewhere. */
static struct str
read_id(struct arena *a, struct str value)
{
	value = str_sub(value, 0, HEADER_VALUE_KEEP);
	if (value.n == 0 || (value.p[0] == '<' && str_find(value, '>') == value.n))
		return STR_NONE;
	return arena_str(a, str_trim(value));
}

static struct str
read_mailbox(struct arena *a, struct str value)
{
	return addr_first(a, value);
}

/* Of several nobody knows which one it is. */
static struct str
read_only_mailbox(struct arena *a, struct str value)
{
	uint64_t work;

	return addr_list_work(value, &work) == 1 ? addr_first(a, value) : STR_NONE;
}

/* What follows it, as "(192.0.2.1, the server for ...)", is dropped. */
static struct str
first_word(struct str value)
{
	size_t n = 0;

	while (n < value.n && n < HEADER_VALUE_KEEP && !str_is_space(value.p[n]) && value.p[n] != '(')
		n++;
	return str_sub(value, 0, n);
}

static struct str
read_word(struct arena *a, struct str value)
{
	return arena_lower(a, first_word(value));
}

/* What stands behind "dns;" or "rfc822;". */
static struct str
behind_type(struct str value)
{
	size_t at = str_find(value, ';');

	return at < value.n ? str_trim(str_sub(value, at + 1, value.n)) : value;
}

static struct str
read_host(struct arena *a, struct str value)
{
	value = first_word(behind_type(value));
	return value.n ? arena_str(a, value) : STR_NONE;
}

/* "Bob Bee <b@c>": what stands in the brackets at its end. */
static struct str
behind_name(struct str value)
{
	size_t open = str_rfind(value, '<');

	if (value.n == 0 || value.p[value.n - 1] != '>' || open == value.n)
		return value;
	return str_sub(value, open, value.n);
}

/* What "\x{434}" at the front of s stands for (RFC 6533 3), in UTF-8; its length in *len. 0: none begins. */
static size_t
unicode_char(struct str s, char out[4], size_t *len)
{
	enum { FRONT = 3, DIGITS = 6 };
	struct str hex = str_sub(s, FRONT, FRONT + DIGITS + 1), seen;
	size_t n = str_find(hex, '}'), bytes;
	uint32_t c = 0;

	if (!str_starts(s, STR("\\x{")) || n == hex.n || n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (str_hex(hex.p[i]) < 0)
			return 0;
		c = c << 4 | (uint32_t)str_hex(hex.p[i]);
	}
	bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = bytes; i > 1; i--, c >>= 6)
		out[i - 1] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(bytes == 1 ? c : (0xf00U >> bytes & 0xff) | (c & (0x7fU >> bytes)));
	*len = FRONT + n + 1;
	seen = (struct str){ out, bytes };
	return utf8_len(seen) == bytes && !str_has_control(seen) ? bytes : 0;
}

/* An address of any letters, as servers write it for those that take ASCII alone. No longer than it was. */
static struct str
decode_unicode(struct arena *a, struct str s)
{
	size_t at = str_find(s, '\\'), n = at, len;
	char *out = at < s.n ? arena_alloc(a, s.n + 1) : NULL;

	if (!out)
		return s;
	memcpy(out, s.p, n);
	while (at < s.n) {
		size_t bytes = unicode_char(str_sub(s, at, s.n), out + n, &len);

		if (bytes == 0)
			out[n] = s.p[at];
		n += bytes ? bytes : 1;
		at += bytes ? len : 1;
	}
	out[n] = '\0';
	return (struct str){ out, n };
}

/* "\"a@b\"" and "'a@b'", but not "\"a\"@b". */
static struct str
unquoted(struct str s)
{
	bool quoted = s.n > 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0];

	return quoted ? str_trim(str_sub(s, 1, s.n - 1)) : s;
}

/* "a@b;" has no type. */
static struct str
without_end(struct str value)
{
	while (value.n && value.p[value.n - 1] == ';')
		value = str_trim(str_sub(value, 0, value.n - 1));
	return value;
}

/* In what has no "@", of X.400 or Exchange's own directory, brackets are part of the name. */
static struct str
read_rcpt(struct arena *a, struct str value)
{
	static const struct str type = STR("rfc822;"), smtp = STR("SMTP:");
	bool utf8 = str_istarts(value, STR("utf-8")), mailbox = str_find(value, '@') < value.n;
	char plain[HEADER_VALUE_KEEP];

	value = str_sub(behind_type(mailbox ? without_end(value) : value), 0, HEADER_VALUE_KEEP);
	if (mailbox)
		value = unquoted(str_trim(header_uncomment(value, plain, sizeof(plain))));
	while (str_istarts(value, type)) /* amavis puts one in front of the one that ORCPT has */
		value = str_trim(str_sub(value, type.n, value.n));
	value = addr_unbracket(behind_name(value));
	if (mailbox && str_icut_front(&value, smtp)) /* Exchange's name of the kind of address */
		value = str_trim(value);
	value = value.n ? arena_str(a, value) : STR_NONE;
	return utf8 ? decode_unicode(a, value) : value;
}

/* "[SMTP:a@b]", as MailEnable has it; of others there may be several. */
static struct str
read_named(struct arena *a, struct str value)
{
	if (str_find(value, ',') < value.n)
		return read_value(a, value);
	if (value.n && value.p[0] == '[')
		value = str_sub(value, 1, str_find(value, ']'));
	if (str_istarts(value, STR("SMTP:")))
		value = str_sub(value, 5, value.n);
	return arena_str(a, addr_unbracket(str_sub(value, 0, HEADER_VALUE_KEEP)));
}

/* The character that "+2B" or "+3D" stands for in xtext (RFC 3461 4), 0 for anything else. */
static char
xtext_char(struct str s)
{
	if (str_starts(s, STR("+2B")))
		return '+';
	return str_starts(s, STR("+3D")) ? '=' : 0;
}

/* ORCPT comes as xtext, and some servers hand it on without undoing that. In a written address every '+' and
 * '=' would be so: one that is not means that the rest is to be read as it stands. */
static struct str
read_original(struct arena *a, struct str value)
{
	struct str s = read_rcpt(a, value);
	size_t n = 0;
	char *out;

	for (size_t i = str_find(s, '+'); i < s.n; i += 1 + str_find(str_sub(s, i + 1, s.n), '+'))
		if (!xtext_char(str_sub(s, i, s.n)))
			return s;
	if (str_find(s, '=') < s.n || str_find(s, '+') == s.n)
		return s;
	out = arena_alloc(a, s.n + 1);
	if (!out)
		return s;
	for (size_t i = 0; i < s.n; i++) {
		char c = xtext_char(str_sub(s, i, s.n));

		out[n++] = c ? c : s.p[i];
		i += c ? 2 : 0;
	}
	out[n] = '\0';
	return (struct str){ out, n };
}

/* --- names -------------------------------------------------------------------------------------------- */

#define KEEP(text, kinds, known, read, field)                                    \
	{                                                                        \
		STR(text), kinds, known, read, offsetof(struct dsn_block, field) \
	}
#define KNOWN(text)                         \
	{                                   \
		STR(text), 0, true, NULL, 0 \
	}

static const struct row rows[] = {
	KEEP("message-id", IN_MESSAGE, true, read_id, id),
	KEEP("from", IN_MESSAGE, true, read_mailbox, from),
	KEEP("final-recipient", IN_STATUS, false, read_rcpt, final_rcpt),
	KEEP("original-recipient", IN_STATUS, false, read_original, original_rcpt),
	KEEP("action", IN_STATUS, false, read_word, action),
	KEEP("status", IN_STATUS, false, read_word, status),
	KEEP("remote-mta", IN_STATUS, false, read_host, remote_mta),
	KEEP("reporting-mta", IN_STATUS, false, read_host, reporting_mta),
	KEEP("x-original-message-id", IN_REPORT, true, read_id, original_id),
	KEEP("original-message-id", IN_REPORT, false, read_id, original_id),
	KEEP("recipient", 1 << DSN_TEXT, false, read_named, named),
	KEEP("recipients", 1 << DSN_TEXT, false, read_named, named),
	KEEP("address", 1 << DSN_TEXT, false, read_named, named),
	KEEP("error-for", 1 << DSN_TEXT, false, read_named, named), /* LSMTP, for LISTSERV to read */
	KEEP("to", 1 << DSN_TEXT, true, read_only_mailbox, to),
	KEEP("sent", 1 << DSN_TEXT, false, read_value, sent),
	KEEP("content-type", IN_HEAD, true, read_all, type),
	KEEP("content-transfer-encoding", IN_HEAD, true, read_word, encoding),
	KEEP("content-disposition", IN_HEAD, false, read_all, disposition),
	KNOWN("return-path"),
	KNOWN("received"),
	KNOWN("cc"),
	KNOWN("subject"),
	KNOWN("date"),
	KNOWN("mime-version"),
	KNOWN("reply-to"),
	KNOWN("sender"),
	KNOWN("delivered-to"),
	KNOWN("in-reply-to"),
	KNOWN("references"),
	KNOWN("user-agent"),
	KNOWN("dkim-signature"),
	KNOWN("importance"),
	KNOWN("precedence"),
};

static const struct row *
row_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_ieq(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static bool
name_char(char c)
{
	return str_alnum(c) || c == '-' || c == '_';
}

/* Length of the name when the line has the form of a field, else 0. "<a@b>:" has not, nor has "2: a@b". */
static size_t
field_name(struct str line)
{
	size_t n = 0, end;
	bool letters = false;

	for (; n < line.n && n <= NAME_MAX_LEN && name_char(line.p[n]); n++)
		letters |= str_letter(line.p[n]);
	if (!letters)
		return 0;
	for (end = n; end < line.n && (line.p[end] == ' ' || line.p[end] == '\t'); end++)
		;
	return end < line.n && line.p[end] == ':' && n <= NAME_MAX_LEN ? n : 0;
}

/* --- blocks ------------------------------------------------------------------------------------------- */

static struct str *
slot(struct dsn_block *b, const struct row *row)
{
	return (struct str *)(void *)((char *)b + row->offset);
}

/* The next recipient of a status that forgot the empty line between two. */
static bool
next_rcpt(const struct dsn_block *b, const struct str *to)
{
	return (to == &b->final_rcpt || to == &b->original_rcpt) && to->p;
}

void
dsn_block_close(struct dsn *d)
{
	struct dsn_block *b = &d->scan->block;
	struct str line = { b->field, b->n }, name = str_sub(line, 0, field_name(line));
	const struct row *row;
	struct str *to;

	b->n = 0;
	if (name.n == 0)
		return;
	row = row_find(name);
	b->fields++;
	if (!row && b->fields <= DSN_LABELS_MAX && str_find(line, '@') < line.n)
		b->labels[b->fields - 1] = arena_str(d->scan->arena, line);
	b->known += row ? row->known : str_istarts(name, STR("X-")) || str_istarts(name, STR("List-"));
	if (!row || !(row->kinds & 1U << d->scan->kind))
		return;
	to = slot(b, row);
	if (next_rcpt(b, to)) {
		dsn_take_status(d);
		b->final_rcpt = b->original_rcpt = b->action = b->status = b->remote_mta = STR_NONE;
	}
	if (to == &b->named && to->p) {
		dsn_take_named(d);
		*to = STR_NONE;
	}
	if (!to->p)
		*to = row->read(d->scan->arena, str_trim(str_sub(line, str_find(line, ':') + 1, line.n)));
}

static void
field_add(struct dsn_block *b, struct str s)
{
	size_t room = sizeof(b->field) - b->n;

	if (s.n > room)
		s.n = room;
	if (s.n)
		memcpy(b->field + b->n, s.p, s.n);
	b->n += s.n;
}

/* "Recipients:" alone: below stand addresses, each on a line of its own. In a header nothing like it comes
 * first. Not those of "Absender:" or "Kontakt:". */
static bool
heads_addresses(const struct dsn_block *b, struct str rest)
{
	struct str line = { b->field, b->n }, name = str_sub(line, 0, field_name(line));

	return b->fields == 0 && line.n && line.p[line.n - 1] == ':' && str_find(rest, '@') < rest.n &&
	    str_find(name, '-') == name.n && (!row_find(name) || !row_find(name)->known) &&
	    !dsn_is_aside(name);
}

enum dsn_line
dsn_block_line(struct dsn *d, struct str line, bool quoted)
{
	struct dsn_block *b = &d->scan->block;
	size_t at = 0, column = 0;
	bool cited = false;
	struct str rest;

	for (; at < line.n; at++) {
		char c = line.p[at];
		bool mark = quoted && (c == '>' || c == '|');

		if (c != ' ' && c != '\t' && !mark)
			break;
		cited |= mark;
		column = c == '\t' ? (column + 8) / 8 * 8 : column + 1;
	}
	rest = str_trim(str_sub(line, at, line.n));
	if (rest.n == 0)
		return DSN_LINE_EMPTY;
	if (b->open && column > b->column && !(quoted && heads_addresses(b, rest))) {
		if (at && str_is_space(line.p[at - 1]))
			rest = str_sub(line, at - 1, line.n);
		field_add(b, rest);
		return DSN_LINE_FIELD;
	}
	dsn_block_close(d);
	if (!field_name(rest) || (quoted && b->open && column != b->column))
		return DSN_LINE_OTHER;
	b->open = true;
	b->cited = cited;
	b->column = column;
	field_add(b, rest);
	return DSN_LINE_FIELD;
}

void
dsn_block_clear(struct dsn *d)
{
	struct dsn_block *b = &d->scan->block;

	memset(b, 0, offsetof(struct dsn_block, field));
}

/* --- what they mean ----------------------------------------------------------------------------------- */

static void
fill(struct str *fact, struct str s)
{
	if (s.p && !fact->p)
		*fact = s;
}

void
dsn_take_returned(struct dsn *d, enum dsn_source source)
{
	const struct dsn_block *b = &d->scan->block;
	struct dsn_facts *f = &d->f;

	if (b->id.n && source > f->source) {
		f->returned_id = b->id;
		f->source = source;
	}
	fill(&d->scan->returned_from, b->from);
}

void
dsn_add_rcpt(struct dsn *d, const struct dsn_rcpt *r)
{
	struct dsn_facts *f = &d->f;

	if (f->rcpt_count == DSN_RCPTS_MAX) {
		f->flags |= DSN_RCPTS_MORE;
		return;
	}
	if (!f->rcpts)
		f->rcpts = arena_alloc(d->scan->arena, DSN_RCPTS_MAX * sizeof(*f->rcpts));
	if (f->rcpts)
		f->rcpts[f->rcpt_count++] = *r;
}

void
dsn_take_status(struct dsn *d)
{
	const struct dsn_block *b = &d->scan->block;
	struct dsn_facts *f = &d->f;
	struct dsn_rcpt *last = f->rcpt_count ? &f->rcpts[f->rcpt_count - 1] : NULL;

	if (b->cited)
		return;
	fill(&f->reporting_mta, b->reporting_mta);
	if (b->original_id.n && f->source < DSN_BY_STATUS) {
		f->returned_id = b->original_id;
		f->source = DSN_BY_STATUS;
	}
	if (b->final_rcpt.p || b->original_rcpt.p) {
		dsn_add_rcpt(d,
		    &(struct dsn_rcpt){
			b->final_rcpt, b->original_rcpt, b->action, b->status, b->remote_mta });
		f->flags |= DSN_STATUS | (d->scan->kind == DSN_STATUS_PART ? DSN_STATUS_OWN : 0U);
	} else if (last && !last->action.p) { /* an empty line within a group */
		fill(&last->action, b->action);
		fill(&last->status, b->status);
		fill(&last->remote_mta, b->remote_mta);
	}
}
