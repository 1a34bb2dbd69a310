/* SPDX-License-Identifier: ISC */
#include "codec/control.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"

static const char *const code_names[CONTROL_CODES] = {
	[CONTROL_UNKNOWN] = "unknown-command",
	[CONTROL_SYNTAX] = "syntax",
	[CONTROL_DENIED] = "not-permitted",
	[CONTROL_BUSY] = "busy",
	[CONTROL_NO_STORM] = "no-such-storm",
	[CONTROL_AMBIGUOUS] = "ambiguous",
};

void
control_init(struct control *c)
{
	*c = (struct control){ .why = NULL };
}

static enum feed
bad(struct control *c, const char *why)
{
	c->why = why;
	return FEED_BAD;
}

static enum feed
split(struct control *c, struct str line)
{
	struct str word;

	c->n_words = 0;
	if (!str_printable(line))
		return bad(c, "a byte that is not printable ASCII");
	while (str_split(&line, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (c->n_words == CONTROL_WORDS_MAX)
			return bad(c, "too many words");
		c->words[c->n_words++] = word;
	}
	return FEED_MSG;
}

enum feed
control_feed(struct control *c, struct buf *in, struct arena *arena)
{
	struct str all = buf_str(in), line;
	size_t lf = c->scanned + str_find(str_sub(all, c->scanned, all.n), '\n');

	if (lf > CONTROL_LINE_MAX)
		return bad(c, "the line is too long");
	if (lf == all.n) {
		c->scanned = all.n;
		return FEED_MORE;
	}
	c->scanned = 0;
	line = str_sub(all, 0, lf);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	line = arena_str(arena, line);
	if (!line.p)
		return bad(c, "no memory left for the line");
	buf_consume(in, lf + 1);
	return split(c, line);
}

void
control_error(struct buf *out, enum control_code code, const char *fmt, ...)
{
	char what[256];
	struct json j;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	json_init(&j, out);
	json_object(&j, NULL);
	json_str(&j, "error", str_of(control_code_name(code)));
	json_str(&j, "what", str_of(what));
	json_object_end(&j);
	buf_append(out, "\n", 1);
	control_end(out);
}

void
control_end(struct buf *out)
{
	buf_append(out, "\n", 1);
}

const char *
control_code_name(enum control_code code)
{
	return code_names[code];
}

enum control_code
control_code_find(const char *name)
{
	for (int i = 0; i < CONTROL_CODES; i++)
		if (strcmp(code_names[i], name) == 0)
			return (enum control_code)i;
	return CONTROL_CODES;
}
