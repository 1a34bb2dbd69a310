/* SPDX-License-Identifier: ISC */
/*
 * HTML where a bounce has no other text: tags go, some of them end a line, what is left is read as a text. As
 * much as addresses and sentences need; no style, no tables.
 */
#include "mail/dsn_scan.h"

enum { ENTITY_MAX = 8, NO_BREAK_SPACE = 0xa0 };

static void
line_end(struct dsn *d, bool empty_too)
{
	struct dsn_html *h = &d->scan->html;
	struct str line = str_trim((struct str){ h->line, h->n });

	h->n = 0;
	if (line.n || empty_too)
		dsn_text_line(d, line);
}

static bool
begins_tag(char c)
{
	return str_letter(c) || c == '/' || c == '!' || c == '?';
}

static void
put(struct dsn_html *h, struct str s)
{
	for (size_t i = 0; i < s.n && h->n < sizeof(h->line); i++)
		h->line[h->n++] = s.p[i];
}

/* "p" of "<p>", "/p" of "</p>", "br" of "<br/>" */
static struct str
tag_name(struct str tag)
{
	size_t n = tag.n && tag.p[0] == '/' ? 1 : 0;

	while (n < tag.n && !str_is_space(tag.p[n]) && tag.p[n] != '/')
		n++;
	return str_sub(tag, 0, n);
}

static void
take_tag(struct dsn *d)
{
	static const struct str paragraphs[] = { STR("p"), STR("/p"), STR("pre"), STR("/pre"), STR("hr"),
		STR("table"), STR("/table"), STR("h1"), STR("/h1"), STR("h2"), STR("/h2"), STR("h3"),
		STR("/h3"), STR("blockquote"), STR("/blockquote") };
	static const struct str lines[] = { STR("div"), STR("/div"), STR("tr"), STR("/tr"), STR("li"),
		STR("/li"), STR("ul"), STR("/ul"), STR("body") };
	static const struct str hidden[] = { STR("style"), STR("script"), STR("title") };
	static const struct str shown[] = { STR("/style"), STR("/script"), STR("/title") };
	struct dsn_html *h = &d->scan->html;
	struct str tag = { h->tag, h->tag_n }, name = tag_name(tag);

	if (STR_IEQ_ANY(name, hidden) || STR_IEQ_ANY(name, shown)) {
		h->hidden = name.p[0] != '/';
	} else if (str_ieq(name, STR("br"))) {
		line_end(d, true);
	} else if (STR_IEQ_ANY(name, paragraphs)) {
		line_end(d, false);
		line_end(d, true);
	} else if (STR_IEQ_ANY(name, lines)) {
		line_end(d, false);
	} else if (str_ieq(name, STR("td")) || str_ieq(name, STR("th"))) {
		put(h, STR("\t"));
	} else if (str_find(name, '@') < name.n && name.n == tag.n && tag.n < sizeof(h->tag)) {
		put(h, STR("<")); /* an address that was not escaped */
		put(h, tag);
		put(h, STR(">"));
	}
}

/* "&#64;", "&#x40;": the character, if it is one of ASCII. */
static char
numbered(struct str s, size_t *n)
{
	bool hex = s.n > 2 && str_lower(s.p[2]) == 'x';
	size_t i = hex ? 3 : 2, from = i;
	int c = 0;

	if (!str_starts(s, STR("&#")))
		return '\0';
	for (; i < s.n && (hex ? str_hex(s.p[i]) >= 0 : str_digit(s.p[i])); i++)
		c = c < 0x100 ? c * (hex ? 16 : 10) + str_hex(s.p[i]) : c;
	*n = i + 1;
	if (i == from || i == s.n || s.p[i] != ';')
		return '\0';
	return c == NO_BREAK_SPACE ? ' ' : c >= ' ' && c < 0x7f ? (char)c : '\0';
}

/* "&lt;" and such at the front of s, whose end is in *n; '\0': none that matters here. */
static char
entity(struct str s, size_t *n)
{
	static const struct {
		const char *name;
		char c;
	} rows[] = {
		{ "&lt;", '<' },
		{ "&gt;", '>' },
		{ "&amp;", '&' },
		{ "&quot;", '"' },
		{ "&apos;", '\'' },
		{ "&nbsp;", ' ' },
		{ "&commat;", '@' },
	};

	s = str_sub(s, 0, ENTITY_MAX);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		*n = strlen(rows[i].name);
		if (str_istarts(s, str_of(rows[i].name)))
			return rows[i].c;
	}
	return numbered(s, n);
}

/* Length of what was taken. */
static size_t
take_text(struct dsn_html *h, struct str s)
{
	size_t n = 1;
	char c = s.p[0] == '&' ? entity(s, &n) : '\0';

	if (c)
		put(h, (struct str){ &c, 1 });
	else
		put(h, str_sub(s, 0, 1));
	return c ? n : 1;
}

void
dsn_html_line(struct dsn *d, struct str piece, unsigned where)
{
	struct dsn_html *h = &d->scan->html;

	for (size_t i = 0; i < piece.n && !d->done;) {
		char c = piece.p[i];

		if (h->within && c == '>') {
			h->within = false;
			take_tag(d);
			i++;
		} else if (h->within) {
			if (h->tag_n < sizeof(h->tag))
				h->tag[h->tag_n++] = c;
			i++;
		} else if (c == '<' && i + 1 < piece.n && begins_tag(piece.p[i + 1])) {
			h->within = true;
			h->tag_n = 0;
			i++;
		} else if (h->hidden) {
			i++;
		} else {
			i += take_text(h, str_sub(piece, i, piece.n));
		}
	}
	if ((where & MIME_END) && h->within && h->tag_n < sizeof(h->tag))
		h->tag[h->tag_n++] = ' ';
	else if (where & MIME_END)
		line_end(d, false);
}

void
dsn_html_end(struct dsn *d)
{
	line_end(d, false);
	d->scan->html.within = d->scan->html.hidden = false;
}
