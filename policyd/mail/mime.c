/* SPDX-License-Identifier: ISC */
#include "mail/mime.h"

#include "base/base64.h"

/* --- Content-Type ------------------------------------------------------------------------------------- */

struct str
mime_type(struct str value)
{
	size_t n = 0;

	value = str_trim(value);
	while (n < value.n && value.p[n] != ';' && value.p[n] != '(' && !str_is_space(value.p[n]))
		n++;
	return str_sub(value, 0, n);
}

/* The end of the part that begins at `at`: the next ';' out of quotes. */
static size_t
part_end(struct str s, size_t at)
{
	bool quoted = false;

	for (; at < s.n; at++) {
		at = str_find_either(s, at, '"', quoted ? '\\' : ';');
		if (at == s.n || s.p[at] == ';')
			break;
		if (s.p[at] == '"')
			quoted = !quoted;
		else
			at++;
	}
	return at < s.n ? at : s.n;
}

/* A token, or what is in quotes; line ends of a fold are dropped. */
static struct str
param_value(struct str s, char *out, size_t cap)
{
	bool quoted = s.n && s.p[0] == '"';
	size_t n = 0;

	for (size_t i = quoted; i < s.n && n < cap; i++) {
		char c = s.p[i];

		if (quoted ? c == '"' : str_is_space(c) || c == '(')
			break;
		if (quoted && c == '\\' && i + 1 < s.n)
			c = s.p[++i];
		if (c != '\r' && c != '\n')
			out[n++] = c;
	}
	return (struct str){ out, n };
}

/* The parameter behind the ';' at *at, which moves on to the next one. */
static bool
next_param(struct str value, size_t *at, struct str *name, struct str *said)
{
	while (*at < value.n) {
		struct str part = str_sub(value, *at + 1, part_end(value, *at + 1));
		size_t eq = str_find(part, '=');

		*at += 1 + part.n;
		*name = str_trim(str_sub(part, 0, eq));
		*said = str_trim(str_sub(part, eq + 1, part.n));
		if (eq < part.n)
			return true;
	}
	return false;
}

/* "name*0", "name*1*", or "name*" alone: the piece that comes next (RFC 2231). */
static bool
is_piece(struct str which, struct str name, unsigned next, bool *encoded)
{
	enum { PIECES_MAX = 10 };
	struct str mark = str_sub(which, name.n, which.n);

	if (mark.n == 0 || mark.p[0] != '*' || next == PIECES_MAX || !str_istarts(which, name))
		return false;
	*encoded = mark.p[mark.n - 1] == '*';
	if (mark.n == 1)
		return next == 0;
	return mark.n == 2U + *encoded && mark.p[1] == (char)('0' + next);
}

/* "us-ascii'en'a%20b" to "a b"; only the first piece has what stands in front. Returns the length. */
static size_t
undo_percents(char *text, size_t n, bool first)
{
	struct str s = { text, n };
	size_t i = str_find(s, '\''), to = 0;

	i += 1 + str_find(str_sub(s, i + 1, n), '\'');
	for (i = first && i < n ? i + 1 : 0; i < n; i++) {
		int byte = str_escaped(s, i, '%');

		text[to++] = byte >= 0 ? (char)byte : text[i];
		i += byte >= 0 ? 2 : 0;
	}
	return to;
}

bool
mime_param(struct str value, struct str name, char *out, size_t cap, struct str *got)
{
	size_t at = part_end(value, 0), n = 0;
	struct str which, said;
	unsigned pieces = 0;
	bool encoded;

	while (next_param(value, &at, &which, &said)) {
		if (str_ieq(which, name)) {
			*got = param_value(said, out, cap);
			return true;
		}
		if (!is_piece(which, name, pieces, &encoded))
			continue;
		said = param_value(said, out + n, cap - n);
		n += encoded ? undo_percents(out + n, said.n, pieces == 0) : said.n;
		pieces++;
	}
	if (pieces)
		*got = (struct str){ out, n };
	return pieces > 0;
}

bool
mime_param_end(struct str value, struct str name, char *out, size_t cap, struct str *got)
{
	size_t at = part_end(value, 0);
	struct str which, said, last = STR_NONE;

	while (next_param(value, &at, &which, &said))
		if (str_ieq(str_sub(which, 0, str_find(which, '*')), name))
			last = said;
	if (last.p)
		*got = param_value(last, out, cap);
	return last.p;
}

/* --- lines -------------------------------------------------------------------------------------------- */

void
mime_lines_reset(struct mime_lines *l)
{
	l->n = 0;
	l->within = l->cr = false;
}

static void
give(struct mime_lines *l, unsigned end, mime_piece_fn *fn, void *arg)
{
	struct str piece = { l->text, l->n };
	unsigned where = end | (l->within ? 0 : MIME_BEGIN);

	l->within = !end;
	l->n = 0;
	fn(arg, piece, where);
}

/* Bytes without a line end. */
static void
gather(struct mime_lines *l, const char *p, size_t n, mime_piece_fn *fn, void *arg)
{
	while (n) {
		size_t room;

		if (l->n == sizeof(l->text))
			give(l, 0, fn, arg);
		room = sizeof(l->text) - l->n;
		if (room > n)
			room = n;
		memcpy(l->text + l->n, p, room);
		l->n += room;
		p += room;
		n -= room;
	}
}

void
mime_lines_feed(struct mime_lines *l, const char *p, size_t n, mime_piece_fn *fn, void *arg)
{
	size_t i = 0;

	while (i < n) {
		size_t run = i;

		if (l->cr && p[i] != '\r') {
			l->cr = false;
			give(l, MIME_END, fn, arg);
			i += p[i] == '\n';
			continue;
		}
		while (run < n && p[run] != '\r' && p[run] != '\n')
			run++;
		gather(l, p + i, run - i, fn, arg);
		i = run;
		if (i == n)
			break;
		if (p[i] == '\n')
			give(l, MIME_END, fn, arg);
		else
			l->cr = true;
		i++;
	}
}

void
mime_lines_end(struct mime_lines *l, mime_piece_fn *fn, void *arg)
{
	if (l->n || l->within || l->cr)
		give(l, MIME_END, fn, arg);
	mime_lines_reset(l);
}

/* --- transfer encodings ------------------------------------------------------------------------------- */

enum mime_encoding
mime_encoding(struct str value)
{
	value = mime_type(value);
	if (str_ieq(value, STR("base64")))
		return MIME_BASE64;
	return str_ieq(value, STR("quoted-printable")) ? MIME_QUOTED : MIME_PLAIN;
}

enum { DIGITS_MAX = 1024 }; /* decoded at a time */

static void
base64_digits(struct mime_decoder *d, struct str digits, mime_bytes_fn *fn, void *arg)
{
	char bytes[DIGITS_MAX];
	size_t n = 0;

	if (base64_decode(digits, bytes, &n) != 0)
		d->n = 0;
	if (n)
		fn(arg, bytes, n);
}

/* Whole groups of four; what is left waits for the next line. */
static void
decode_base64(struct mime_decoder *d, struct str piece, mime_bytes_fn *fn, void *arg)
{
	char text[DIGITS_MAX];
	size_t n = d->n;

	memcpy(text, d->wait, n);
	for (size_t i = 0; i < piece.n; i++) {
		if (str_is_space(piece.p[i]))
			continue;
		text[n++] = piece.p[i];
		if (n == sizeof(text)) {
			base64_digits(d, (struct str){ text, n }, fn, arg);
			n = 0;
		}
	}
	d->n = (unsigned)(n % 4);
	memcpy(d->wait, text + n - d->n, d->n);
	base64_digits(d, (struct str){ text, n - d->n }, fn, arg);
}

/* `wait` holds "=", or "=" and a digit. What is no escape after all stays as it is. */
static void
decode_quoted(struct mime_decoder *d, struct str piece, unsigned where, mime_bytes_fn *fn, void *arg)
{
	char text[MIME_LINE_MAX + 8];
	size_t n = 0;

	for (size_t i = 0; i < piece.n; i++) {
		char c = piece.p[i];

		if (d->n == 1 && (c == ' ' || c == '\t'))
			continue; /* white space behind a soft line end */
		if (d->n == 2 && str_hex(c) >= 0) {
			text[n++] = (char)(str_hex(d->wait[1]) << 4 | str_hex(c));
			d->n = 0;
		} else if (d->n == 1 && str_hex(c) >= 0) {
			d->wait[d->n++] = c;
		} else {
			memcpy(text + n, d->wait, d->n);
			n += d->n;
			d->n = c == '=';
			d->wait[0] = '=';
			if (c != '=')
				text[n++] = c;
		}
		if (n > sizeof(text) - 8) {
			fn(arg, text, n);
			n = 0;
		}
	}
	if (where & MIME_END && d->n != 1) {
		memcpy(text + n, d->wait, d->n);
		n += d->n;
		text[n++] = '\n';
	}
	if (where & MIME_END)
		d->n = 0;
	if (n)
		fn(arg, text, n);
}

void
mime_decode(struct mime_decoder *d, struct str piece, unsigned where, mime_bytes_fn *fn, void *arg)
{
	switch (d->encoding) {
	case MIME_PLAIN:
		if (piece.n)
			fn(arg, piece.p, piece.n);
		if (where & MIME_END)
			fn(arg, "\n", 1);
		break;
	case MIME_QUOTED:
		decode_quoted(d, piece, where, fn, arg);
		break;
	case MIME_BASE64:
		decode_base64(d, piece, fn, arg);
		break;
	}
}

void
mime_decode_end(struct mime_decoder *d, mime_bytes_fn *fn, void *arg)
{
	if (d->encoding == MIME_BASE64)
		base64_digits(d, (struct str){ d->wait, d->n }, fn, arg);
	d->n = 0;
}
