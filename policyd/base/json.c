/* SPDX-License-Identifier: ISC */
#include "base/json.h"

#include <inttypes.h>

#include "base/utf8.h"

void
json_init(struct json *j, struct buf *out)
{
	*j = (struct json){ .out = out };
}

static void
quoted(struct buf *out, struct str s)
{
	buf_append(out, "\"", 1);
	while (s.n) {
		size_t n = utf8_len(s);
		unsigned char c = (unsigned char)s.p[0];

		if (n == 0)
			buf_str_append(out, STR("\xef\xbf\xbd"));
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_append(out, s.p, n);
		s = str_sub(s, n ? n : 1, s.n);
	}
	buf_append(out, "\"", 1);
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
	buf_printf(j->out, "%" PRIu64, v);
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
	buf_printf(j->out, "%s%" PRIu64 ".%03u", ms < 0 ? "-" : "", v / 1000, (unsigned)(v % 1000));
}
