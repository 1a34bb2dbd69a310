/* SPDX-License-Identifier: ISC */
/*
 * The block scanner: bytes to lines to fields. A field that lies whole in one piece is read where it lies;
 * what a piece cuts is gathered in a buffer. Each goes to header_fields.c as it stood, folds and all, the
 * same way as from a door that gets its header field by field.
 */
#include "mail/header.h"

#include "mail/header_fields.h"

enum state {
	AT_START, /* of a line */
	IN_LINE,
	AFTER_CR,   /* a line's CR: LF may follow */
	AFTER_CRCR, /* two of them: one line end if a LF follows, else an empty line */
	EMPTY_CR,   /* the CR of an empty line */
};

/* Bytes that are fed, and how far they were read. */
struct piece {
	struct str s;
	size_t from; /* of the field that we are in, as far as it lies in this piece */
	size_t at;
};

void
header_init(struct header *h, struct arena *arena, const struct strset *markers)
{
	*h = (struct header){ .arena = arena, .markers = markers };
	buf_init(&h->field, HEADER_FIELD_MAX);
}

void
header_fini(struct header *h)
{
	buf_fini(&h->field);
}

void
header_reset(struct header *h)
{
	struct buf field = h->field;

	*h = (struct header){ .arena = h->arena, .markers = h->markers, .field = field };
	buf_reset(&h->field);
}

/* An mbox separator in front of the first field; "From : a@b" is a field. */
static bool
is_mbox_line(struct str line)
{
	if (str_starts(line, STR(">")))
		line = str_sub(line, 1, line.n);
	if (!str_starts(line, STR("From ")))
		return false;
	line = str_trim(str_sub(line, 5, line.n));
	return line.n == 0 || line.p[0] != ':';
}

static bool
is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

/* What this piece has of the field, as far as the caps allow. Line ends beyond them are no loss. */
static struct str
field_here(struct header *h, const struct piece *in)
{
	struct str s = str_sub(in->s, in->from, in->at);
	size_t begin = h->taken + in->from;
	size_t room = begin < HEADER_MAX ? HEADER_MAX - begin : 0;

	if (room > HEADER_FIELD_MAX - h->field.len)
		room = HEADER_FIELD_MAX - h->field.len;
	if (s.n <= room)
		return s;
	for (size_t i = room; i < s.n && !(h->f.flags & HDR_TRUNCATED); i++)
		if (!is_line_end(s.p[i]))
			h->f.flags |= HDR_TRUNCATED;
	return str_sub(s, 0, room);
}

static void
field_gather(struct header *h, struct piece *in)
{
	buf_str_append(&h->field, field_here(h, in));
	in->from = in->at;
}

/* Takes one whole field apart at its colon. */
static void
field_take(struct header *h, struct str field)
{
	bool first = !h->begun;
	size_t colon;

	while (field.n && is_line_end(field.p[field.n - 1]))
		field.n--;
	if (field.n == 0)
		return;
	h->begun = true;
	if (first && is_mbox_line(field))
		return;
	colon = str_find(field, ':');
	if (colon == field.n)
		h->f.flags |= HDR_BAD_LINE;
	else
		header_take(h, str_sub(field, 0, colon), str_sub(field, colon + 1, field.n));
}

/* The field ends before `at`. */
static void
field_close(struct header *h, struct piece *in)
{
	if (h->field.len == 0) {
		field_take(h, field_here(h, in));
	} else {
		field_gather(h, in);
		field_take(h, buf_str(&h->field));
		buf_reset(&h->field);
	}
	in->from = in->at;
}

static void
block_end(struct header *h, struct piece *in)
{
	field_close(h, in);
	h->done = true;
}

/* Up to and with the line's LF, CRLF or CR. */
static void
line_bytes(struct header *h, struct piece *in)
{
	struct str s = in->s;
	size_t at = str_find_either(s, in->at, '\r', '\n');

	if (at + 1 < s.n && s.p[at] == '\r' && s.p[at + 1] == '\n')
		at++;
	if (at < s.n) {
		h->state = s.p[at] == '\n' ? AT_START : AFTER_CR;
		at++;
	}
	in->at = at;
}

static void
line_start(struct header *h, struct piece *in)
{
	switch (in->s.p[in->at]) {
	case '\n':
		block_end(h, in);
		in->at++;
		return;
	case '\r':
		h->state = EMPTY_CR;
		in->at++;
		return;
	case ' ':
	case '\t':
		break;
	default:
		field_close(h, in);
		break;
	}
	h->state = IN_LINE;
	line_bytes(h, in);
}

static void
line_end(struct header *h, struct piece *in)
{
	char c = in->s.p[in->at];

	if (c == '\n') {
		h->state = AT_START;
		in->at++;
	} else if (h->state == AFTER_CR && c == '\r') {
		h->state = AFTER_CRCR;
		in->at++;
	} else {
		if (h->state == AFTER_CRCR)
			block_end(h, in);
		h->state = AT_START;
	}
}

/* What is left of the piece when it has no end of the block is the `rest`. */
static size_t
feed(struct header *h, const char *p, size_t n, void (*rest)(struct header *h, struct piece *in))
{
	struct piece in = { .s = { p, n } };

	while (in.at < n && !h->done) {
		switch ((enum state)h->state) {
		case AT_START:
			line_start(h, &in);
			break;
		case IN_LINE:
			line_bytes(h, &in);
			break;
		case AFTER_CR:
		case AFTER_CRCR:
			line_end(h, &in);
			break;
		case EMPTY_CR:
			block_end(h, &in);
			in.at += p[in.at] == '\n';
			break;
		}
	}
	if (!h->done)
		rest(h, &in);
	h->taken += in.at;
	return in.at;
}

size_t
header_feed(struct header *h, const char *p, size_t n)
{
	return feed(h, p, n, field_gather);
}

size_t
header_feed_last(struct header *h, const char *p, size_t n)
{
	return feed(h, p, n, block_end);
}

void
header_field(struct header *h, struct str name, struct str value)
{
	size_t room;

	if (h->done)
		return;
	h->begun = true;
	room = h->taken < HEADER_MAX ? HEADER_MAX - h->taken : 0;
	if (room > HEADER_FIELD_MAX)
		room = HEADER_FIELD_MAX;
	h->taken += name.n + value.n + 4; /* ": " and CRLF */
	if (name.n + value.n + 1 > room) {
		h->f.flags |= HDR_TRUNCATED;
		if (name.n + 1 >= room)
			return;
		value = str_sub(value, 0, room - name.n - 1);
	}
	header_take(h, name, value);
}

const struct header_facts *
header_end(struct header *h)
{
	struct piece none = { .s = STR_NONE };

	if (!h->done)
		block_end(h, &none);
	h->f.stable = h->running;
	return &h->f;
}

void
header_state_count(struct header *h, bool cc, uint32_t count)
{
	if (count > h->stated[cc])
		h->stated[cc] = count;
	header_count(h, cc, 0);
}

struct str
header_bare_id(struct str id)
{
	id = str_trim(id);
	if (id.n && id.p[0] == '<')
		id = str_sub(id, 1, id.n);
	if (id.n && id.p[id.n - 1] == '>')
		id = str_sub(id, 0, id.n - 1);
	return str_trim(id);
}

bool
header_name_fit(struct str name)
{
	return name.n > 0 && str_printable(name) && str_find_either(name, 0, ' ', ':') == name.n;
}
