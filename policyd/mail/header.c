/* SPDX-License-Identifier: ISC */
/*
 * The block scanner: bytes to lines to fields. It keeps one field at a time in a buffer and hands each
 * whole one to header_fields.c, the same way as a door does that gets its header field by field.
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

/* Takes the gathered field, if any, apart at its colon. */
static void
field_close(struct header *h)
{
	struct str field = buf_str(&h->field);
	bool first = !h->begun;
	size_t colon;

	if (field.n == 0)
		return;
	h->begun = true;
	if (first && is_mbox_line(field)) {
		buf_reset(&h->field);
		return;
	}
	colon = str_find(field, ':');
	if (colon == field.n)
		h->f.flags |= HDR_BAD_LINE;
	else
		header_take(h, str_sub(field, 0, colon), str_sub(field, colon + 1, field.n));
	buf_reset(&h->field);
}

/* Adds bytes of a line to the field as far as the caps allow; `at` is where they begin in the block. */
static void
field_add(struct header *h, size_t at, const char *p, size_t n)
{
	size_t room = at < HEADER_MAX ? HEADER_MAX - at : 0;

	if (room > HEADER_FIELD_MAX - h->field.len)
		room = HEADER_FIELD_MAX - h->field.len;
	if (n > room) {
		h->f.flags |= HDR_TRUNCATED;
		n = room;
	}
	buf_append(&h->field, p, n);
}

static void
block_end(struct header *h)
{
	field_close(h);
	h->done = true;
}

/* At the first byte of a line. Returns how many bytes it took. */
static size_t
line_start(struct header *h, char c)
{
	switch (c) {
	case '\n':
		block_end(h);
		return 1;
	case '\r':
		h->state = EMPTY_CR;
		return 1;
	case ' ':
	case '\t':
		/* The line end stays in as one byte, so that all kinds of line ends give one field. */
		if (h->field.len && h->taken < HEADER_MAX && h->field.len < HEADER_FIELD_MAX)
			buf_append(&h->field, "\n", 1);
		break;
	default:
		field_close(h);
		break;
	}
	h->state = IN_LINE;
	return 0;
}

static size_t
line_bytes(struct header *h, size_t at, const char *p, size_t n)
{
	size_t run = 0;

	while (run < n && p[run] != '\n' && p[run] != '\r')
		run++;
	field_add(h, at, p, run);
	if (run == n)
		return n;
	h->state = p[run] == '\n' ? AT_START : AFTER_CR;
	return run + 1;
}

static size_t
line_end(struct header *h, char c)
{
	if (c == '\n') {
		h->state = AT_START;
		return 1;
	}
	if (h->state == AFTER_CR && c == '\r') {
		h->state = AFTER_CRCR;
		return 1;
	}
	if (h->state == AFTER_CRCR)
		block_end(h);
	h->state = AT_START;
	return 0;
}

size_t
header_feed(struct header *h, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && !h->done) {
		size_t took = 0;

		switch ((enum state)h->state) {
		case AT_START:
			took = line_start(h, p[i]);
			break;
		case IN_LINE:
			took = line_bytes(h, h->taken, p + i, n - i);
			break;
		case AFTER_CR:
		case AFTER_CRCR:
			took = line_end(h, p[i]);
			break;
		case EMPTY_CR:
			block_end(h);
			took = p[i] == '\n' ? 1 : 0;
			break;
		}
		h->taken += took;
		i += took;
	}
	h->f.bytes = h->taken;
	return i;
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
	h->f.bytes = h->taken;
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
	if (!h->done)
		block_end(h);
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
