/* SPDX-License-Identifier: ISC */
/*
 * The body as parts and lines: raw bytes become lines, a line may be a boundary, what is none is decoded and
 * cut into lines once more; those go to whoever reads that kind of part. Nesting is a stack of boundaries.
 */
#include "mail/dsn.h"

#include "mail/addr.h"
#include "mail/dsn_scan.h"
#include "mail/words.h"

static enum dsn_kind
kind_of(struct str type)
{
	static const struct {
		const char *type;
		enum dsn_kind kind;
	} kinds[] = {
		{ "message/delivery-status", DSN_STATUS_PART },
		{ "message/global-delivery-status", DSN_STATUS_PART },
		{ "message/disposition-notification", DSN_RECEIPT_PART },
		{ "message/global-disposition-notification", DSN_RECEIPT_PART },
		{ "message/feedback-report", DSN_RECEIPT_PART },
		{ "message/rfc822", DSN_RETURNED_PART },
		{ "message/rfc822-headers", DSN_RETURNED_PART },
		{ "message/global", DSN_RETURNED_PART },
		{ "message/global-headers", DSN_RETURNED_PART },
		{ "text/rfc822-headers", DSN_RETURNED_PART },
		{ "text/rfc822-header", DSN_RETURNED_PART },
		{ "text/rfc822", DSN_RETURNED_PART },
		{ "text", DSN_TEXT },
	};

	if (type.n == 0)
		return DSN_TEXT;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_ieq(type, str_of(kinds[i].type)))
			return kinds[i].kind;
	return str_istarts(type, STR("text/")) ? DSN_TEXT : DSN_SKIP;
}

/* Be the name encoded, or told as RFC 2231 has it: its end is plain. It may be as long as a subject. */
static bool
names_message(struct str value, struct str name)
{
	char raw[MIME_LINE_MAX], text[MIME_LINE_MAX];
	struct str file;

	if (!mime_param_end(value, name, raw, sizeof(raw), &file))
		return false;
	file = str_trim(words_decode(file, text, sizeof(text)));
	return str_iends(file, STR(".822")) || str_iends(file, STR(".eml"));
}

/* Some give the message back as a file: "Mime.822", "original.eml". */
static bool
is_message_file(const struct dsn_block *b)
{
	return str_ieq(mime_type(b->type), STR("application/octet-stream")) &&
	    (names_message(b->type, STR("name")) || names_message(b->disposition, STR("filename")));
}

/* HTML says once more what a text beside it said, or came back. Where there is none, it is the text. */
static void
text_open(struct dsn_scan *s, struct str type)
{
	s->kind = kind_of(type);
	s->is_html = s->kind == DSN_TEXT && str_ieq(type, STR("text/html"));
	if (s->is_html && (s->plain || s->have_part))
		s->kind = DSN_SKIP;
	s->plain |= s->kind == DSN_TEXT && !s->is_html;
}

/* A multipart whose boundary is of no use reads as a text: its parts' headers are in plain sight there. */
static void
part_open(struct dsn *d, struct str type, struct str boundary, struct str encoding)
{
	struct dsn_scan *s = d->scan;

	dsn_block_clear(d);
	mime_lines_reset(&s->decoded);
	s->decoder = (struct mime_decoder){ .encoding = mime_encoding(encoding) };
	s->is_html = false;
	if (!str_istarts(type, STR("multipart/"))) {
		text_open(s, type);
		return;
	}
	s->report |= str_ieq(type, STR("multipart/report"));
	s->decoder.encoding = MIME_PLAIN;
	s->kind = s->depth < DSN_DEPTH_MAX ? DSN_TEXT : DSN_SKIP;
	if (boundary.n == 0 || boundary.n > MIME_BOUNDARY_MAX || s->depth == DSN_DEPTH_MAX)
		return;
	s->boundaries[s->depth] = arena_str(s->arena, boundary);
	s->depth += s->boundaries[s->depth].p != NULL;
}

/* The header of a part has ended, or that of the bounce itself within a filter's wrapping. */
static void
part_begin(struct dsn *d)
{
	struct dsn_block *b = &d->scan->block;
	char text[MIME_BOUNDARY_MAX + 1];
	struct str type, encoding, boundary = STR_NONE;

	dsn_block_close(d);
	type = is_message_file(b) ? STR("message/rfc822") : mime_type(b->type);
	encoding = b->encoding;
	mime_param(b->type, STR("boundary"), text, sizeof(text), &boundary);
	part_open(d, type, boundary, encoding);
}

/* Whether all that can be told has been told. */
static void
look_done(struct dsn *d)
{
	const struct dsn_scan *s = d->scan;

	d->done |= s->have_part && (s->alone || s->have_status || !s->report);
}

/* A filter (SpamAssassin's report_safe, InterScan) puts the whole bounce into a part of a message of its own,
 * with the same fields. A bounce that has taken over the id of what it returns still has its own From. */
static bool
is_wrapped(const struct dsn_scan *s)
{
	return s->own_id.n && str_eq(s->block.id, s->own_id) && str_ieq(s->block.from, s->own_from) &&
	    s->decoder.encoding == MIME_PLAIN;
}

static void
returned_end(struct dsn *d)
{
	struct dsn_scan *s = d->scan;

	if (!s->block.open)
		return; /* empty lines in front of it */
	dsn_block_close(d);
	if (is_wrapped(s)) {
		part_begin(d);
		return;
	}
	dsn_take_returned(d, DSN_BY_PART);
	dsn_block_clear(d);
	s->have_part = true;
	s->kind = DSN_SKIP;
	look_done(d);
}

static void
status_end(struct dsn *d)
{
	if (!d->scan->block.open)
		return;
	dsn_block_close(d);
	dsn_take_status(d);
	dsn_block_clear(d);
}

/* An empty line, or the end of the part. */
static void
block_end(struct dsn *d)
{
	switch (d->scan->kind) {
	case DSN_SKIP:
	case DSN_PART_HEADER:
		break;
	case DSN_TEXT:
		if (d->scan->is_html)
			dsn_html_end(d);
		dsn_text_end(d);
		break;
	case DSN_STATUS_PART:
	case DSN_RECEIPT_PART:
		status_end(d);
		break;
	case DSN_RETURNED_PART:
		returned_end(d);
		break;
	}
}

/* --- lines of a part ---------------------------------------------------------------------------------- */

static void
part_line(struct dsn *d, struct str line)
{
	struct dsn_scan *s = d->scan;

	if (s->kind == DSN_TEXT)
		dsn_text_line(d, line);
	else if (s->kind != DSN_SKIP && dsn_block_line(d, line, false) == DSN_LINE_EMPTY)
		block_end(d);
}

static bool
is_html(const struct dsn_scan *s)
{
	return s->kind == DSN_TEXT && s->is_html;
}

static void
on_decoded(void *arg, struct str piece, unsigned where)
{
	struct dsn *d = arg;

	if (d->done)
		return;
	if (is_html(d->scan))
		dsn_html_line(d, piece, where);
	else if (where & MIME_BEGIN)
		part_line(d, piece);
}

static void
on_bytes(void *arg, const char *p, size_t n)
{
	struct dsn *d = arg;

	/* in UTF-16 every other byte of an address is NUL */
	for (size_t i = 0, run; d->scan->kind == DSN_TEXT && i < n; i += run + 1) {
		run = str_find((struct str){ p + i, n - i }, '\0');
		mime_lines_feed(&d->scan->decoded, p + i, run, on_decoded, d);
	}
	if (d->scan->kind != DSN_TEXT)
		mime_lines_feed(&d->scan->decoded, p, n, on_decoded, d);
}

static void
part_end(struct dsn *d)
{
	struct dsn_scan *s = d->scan;
	bool status = s->kind == DSN_STATUS_PART;

	if (s->kind == DSN_RECEIPT_PART)
		d->f.flags |= DSN_RECEIPT;
	if (s->decoder.encoding != MIME_PLAIN) {
		mime_decode_end(&s->decoder, on_bytes, d);
		mime_lines_end(&s->decoded, on_decoded, d);
	}
	block_end(d);
	s->have_status |= status;
	look_done(d);
	dsn_block_clear(d);
	s->decoder.encoding = MIME_PLAIN;
}

/* --- raw lines ---------------------------------------------------------------------------------------- */

/* "--boundary" or "--boundary--", alone on its line. */
static bool
is_boundary(struct str line, struct str boundary, bool *last)
{
	if (!str_starts(line, boundary))
		return false;
	line = str_sub(line, boundary.n, line.n);
	*last = str_starts(line, STR("--"));
	return str_trim(str_sub(line, *last ? 2 : 0, line.n)).n == 0;
}

/* A boundary of any multipart that is open ends those within. */
static bool
take_boundary(struct dsn *d, struct str line)
{
	struct dsn_scan *s = d->scan;
	bool last = false;

	if (s->depth == 0 || !str_starts(line, STR("--")))
		return false;
	line = str_sub(line, 2, line.n);
	for (unsigned i = s->depth; i > 0; i--) {
		if (!is_boundary(line, s->boundaries[i - 1], &last))
			continue;
		part_end(d);
		s->depth = last ? i - 1 : i;
		s->kind = DSN_PART_HEADER;
		if (last)
			s->kind = s->depth ? DSN_SKIP : DSN_TEXT;
		return true;
	}
	return false;
}

static void
on_raw(void *arg, struct str piece, unsigned where)
{
	struct dsn *d = arg;
	struct dsn_scan *s = d->scan;

	if (d->done || (where == (MIME_BEGIN | MIME_END) && take_boundary(d, piece)))
		return;
	if (s->decoder.encoding != MIME_PLAIN) {
		if (s->kind != DSN_SKIP)
			mime_decode(&s->decoder, piece, where, on_bytes, d);
		return;
	}
	if (is_html(s)) {
		dsn_html_line(d, piece, where);
		return;
	}
	if (!(where & MIME_BEGIN))
		return; /* of an endless line the front serves */
	if (s->kind == DSN_PART_HEADER && str_trim(piece).n == 0)
		part_begin(d);
	else
		part_line(d, piece);
}

/* --- the body ----------------------------------------------------------------------------------------- */

void
dsn_begin(struct dsn *d, struct arena *arena, const struct header_facts *h)
{
	struct dsn_scan *s = arena_alloc(arena, sizeof(*s));

	*d = (struct dsn){ .scan = s, .done = !s };
	if (!s)
		return;
	memset(s, 0, sizeof(*s));
	s->arena = arena;
	s->own_id = h->message_id;
	s->own_from = h->from_addr;
	part_open(d, h->content_type, h->boundary, h->transfer_encoding);
	s->alone = s->depth == 0;
}

void
dsn_cut(struct dsn *d)
{
	d->f.flags |= DSN_CUT;
	d->done = true;
	if (d->scan) {
		mime_lines_reset(&d->scan->raw);
		mime_lines_reset(&d->scan->decoded);
	}
}

void
dsn_feed(struct dsn *d, const char *p, size_t n)
{
	size_t room = DSN_BODY_MAX - d->taken;

	if (d->done)
		return;
	if (n > room)
		n = room;
	d->taken += n;
	mime_lines_feed(&d->scan->raw, p, n, on_raw, d);
	if (d->taken == DSN_BODY_MAX && !d->done)
		dsn_cut(d);
}

static void
add_failed(void *arg, struct str addr)
{
	struct dsn *d = arg;
	struct dsn_rcpt r = { .final_rcpt = arena_str(d->scan->arena, addr), .action = d->scan->text_action };

	if (!r.final_rcpt.p)
		return;
	dsn_add_rcpt(d, &r);
	d->f.flags |= DSN_RCPTS_FIELD;
}

bool
dsn_is_addressee(const struct header_facts *h, struct str addr)
{
	struct audience one = { { 0 } };

	audience_add(&one, addr);
	for (unsigned i = 0; i < AUDIENCE_KEEP; i++)
		if (h->audience.least[i] == one.least[0])
			return true;
	return false;
}

/* No delivery status: the bounce's own header may tell, else what its text looks like. */
static void
other_rcpts(struct dsn *d, const struct header_facts *h)
{
	struct dsn_scan *s = d->scan;
	struct str failed = h->failed_rcpts;

	if (dsn_late_subject(h->subject) || h->flags & HDR_LATE)
		s->text_action = STR("delayed");
	if (failed.n >= HEADER_VALUE_KEEP) /* its last address may be half of one */
		failed = str_sub(failed, 0, str_rfind(failed, ','));
	addr_list_walk(failed, add_failed, d);
	if (d->f.rcpt_count)
		return;
	if (s->n_text_rcpts == 0) {
		s->text_actions[0] = s->text_told;
		s->text_rcpts[s->n_text_rcpts++] = s->text_to.n ? s->text_to : dsn_only_stranger(d, h);
	}
	if (s->text_rcpts[0].n == 0)
		return;
	for (unsigned i = 0; i < s->n_text_rcpts; i++)
		dsn_add_rcpt(d,
		    &(struct dsn_rcpt){ .final_rcpt = s->text_rcpts[i],
			.action = s->text_action.n ? s->text_action : s->text_actions[i] });
	d->f.flags |= DSN_RCPTS_TEXT | (s->text_more ? DSN_RCPTS_MORE : 0U);
}

/* A list that is an alias is the original recipient of what Postfix sends to its members. */
static void
forget_list(struct dsn_facts *f, const struct header_facts *h)
{
	for (uint32_t i = 0; i < f->rcpt_count; i++) {
		struct dsn_rcpt *r = &f->rcpts[i];

		if (r->final_rcpt.n && r->original_rcpt.n && dsn_is_addressee(h, r->original_rcpt))
			r->original_rcpt = STR_NONE;
	}
}

void
dsn_end(struct dsn *d, const struct header_facts *h)
{
	struct dsn_facts *f = &d->f;

	if (d->scan) {
		if (!d->done)
			mime_lines_end(&d->scan->raw, on_raw, d);
		part_end(d);
		if (f->rcpt_count == 0)
			other_rcpts(d, h);
		forget_list(f, h);
	}
	d->scan = NULL;
	d->done = true;
	if (f->source == DSN_NOWHERE) {
		f->returned_id = h->in_reply_to.n ? h->in_reply_to : h->last_reference;
		if (h->about_id.n)
			f->returned_id = h->about_id;
		f->source = f->returned_id.p ? DSN_BY_REFERENCE : DSN_NOWHERE;
	}
}

/* --- what it says ------------------------------------------------------------------------------------- */

struct str
dsn_rcpt_addr(const struct dsn_rcpt *r)
{
	return r->original_rcpt.n ? r->original_rcpt : r->final_rcpt;
}

/* Some have another word for it, "success", and a status that says the same. */
static bool
arrived(const struct dsn_rcpt *r)
{
	static const struct str words[] = { STR("delivered"), STR("relayed"), STR("expanded") };

	if (STR_IEQ_ANY(r->action, words))
		return true;
	return r->action.n && str_starts(r->status, STR("2.")) && !str_starts(r->action, STR("fail"));
}

bool
dsn_rcpt_failed(const struct dsn_rcpt *r)
{
	if (arrived(r) || str_eq(r->action, STR("delayed")))
		return false;
	return r->action.n || r->status.n == 0 || r->status.p[0] == '5';
}

bool
dsn_success(const struct dsn_facts *f)
{
	for (uint32_t i = 0; i < f->rcpt_count; i++)
		if (!arrived(&f->rcpts[i]))
			return false;
	return (f->flags & DSN_STATUS) && f->rcpt_count;
}
