/* SPDX-License-Identifier: ISC */
#include "base/json.h"

#include <inttypes.h>

#include "base/utf8.h"

void
json_init(struct json *j, struct buf *out)
{
	*j = (struct json){ .out = out };
}

/* How many bytes at the front stand for themselves. */
static size_t
plain(struct str s)
{
	size_t n = 0;

	while (n < s.n && str_is_print(s.p[n]) && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	return n;
}

/* A byte that does not, or the character that it begins. Returns how many bytes it was. */
static size_t
special(struct buf *out, struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = utf8_len(s);

	if (n == 0)
		buf_str_append(out, STR("\xef\xbf\xbd"));
	else if (c == '"' || c == '\\')
		buf_printf(out, "\\%c", c);
	else if (str_is_control(s.p[0]))
		buf_printf(out, "\\u%04x", c);
	else
		buf_append(out, s.p, n);
	return n ? n : 1;
}

static void
quoted(struct buf *out, struct str s)
{
	buf_append(out, "\"", 1);
	while (s.n) {
		size_t n = plain(s);

		if (n)
			buf_append(out, s.p, n);
		else
			n = special(out, s);
		s = str_sub(s, n, s.n);
	}
	buf_append(out, "\"", 1);
}

/* In decimal, `width` digits at least. */
static void
number(struct buf *out, uint64_t v, unsigned width)
{
	char text[20];
	size_t at = sizeof(text);

	while (v || at == sizeof(text) || sizeof(text) - at < width) {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	}
	buf_append(out, text + at, sizeof(text) - at);
}

/* What stands in front of a value. */
static void
lead(struct json *j, const char *name)
{
	if (j->comma)
		buf_append(j->out, ",", 1);
	j->comma = true;
	if (!name)
		return;
	quoted(j->out, str_of(name));
	buf_append(j->out, ":", 1);
}

static void
open_with(struct json *j, const char *name, const char *bracket)
{
	lead(j, name);
	buf_append(j->out, bracket, 1);
	j->comma = false;
}

static void
close_with(struct json *j, const char *bracket)
{
	buf_append(j->out, bracket, 1);
	j->comma = true;
}

void
json_object(struct json *j, const char *name)
{
	open_with(j, name, "{");
}

void
json_object_end(struct json *j)
{
	close_with(j, "}");
}

void
json_array(struct json *j, const char *name)
{
	open_with(j, name, "[");
}

void
json_array_end(struct json *j)
{
	close_with(j, "]");
}

void
json_str(struct json *j, const char *name, struct str s)
{
	if (!s.p) {
		json_null(j, name);
		return;
	}
	lead(j, name);
	quoted(j->out, s);
}

void
json_u64(struct json *j, const char *name, uint64_t v)
{
	lead(j, name);
	number(j->out, v, 1);
}

void
json_bool(struct json *j, const char *name, bool v)
{
	lead(j, name);
	buf_str_append(j->out, v ? STR("true") : STR("false"));
}

void
json_null(struct json *j, const char *name)
{
	lead(j, name);
	buf_str_append(j->out, STR("null"));
}

void
json_hex64(struct json *j, const char *name, uint64_t v)
{
	lead(j, name);
	buf_printf(j->out, "\"%016" PRIx64 "\"", v);
}

void
json_seconds(struct json *j, const char *name, int64_t ms)
{
	uint64_t v = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;

	lead(j, name);
	buf_append(j->out, "-", ms < 0);
	number(j->out, v / 1000, 1);
	buf_append(j->out, ".", 1);
	number(j->out, v % 1000, 3);
}
