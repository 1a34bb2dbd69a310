/* SPDX-License-Identifier: ISC */
/*
 * A flat object of strings, numbers and one list of strings, as programs write it, is read right here, in
 * one pass and without a tree; any other line is read by cJSON. Where both read a line they agree.
 */
#include "stormctl_event_json.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"

enum value { VALUE_TEXT, VALUE_TIME, VALUE_SIZE, VALUE_RCPTS };

static const struct field {
	struct str name;
	enum value value;
	size_t at; /* of a text: in struct event */
} fields[] = {
	{ STR("time"), VALUE_TIME, 0 },
	{ STR("client_address"), VALUE_TEXT, offsetof(struct event, client_address) },
	{ STR("helo_name"), VALUE_TEXT, offsetof(struct event, helo) },
	{ STR("sasl_username"), VALUE_TEXT, offsetof(struct event, sasl_username) },
	{ STR("queue_id"), VALUE_TEXT, offsetof(struct event, queue_id) },
	{ STR("instance"), VALUE_TEXT, offsetof(struct event, instance) },
	{ STR("sender"), VALUE_TEXT, offsetof(struct event, sender) },
	{ STR("recipients"), VALUE_RCPTS, 0 },
	{ STR("header"), VALUE_TEXT, offsetof(struct event, header) },
	{ STR("body"), VALUE_TEXT, offsetof(struct event, body) },
	{ STR("size"), VALUE_SIZE, 0 },
};

static struct str *
text_of(struct event *ev, const struct field *f)
{
	return (struct str *)((char *)ev + f->at);
}

static void
put_number(struct event *ev, enum value value, double v)
{
	/* Beyond the year 9999 it is in milliseconds, between which windows would end. */
	if (value == VALUE_TIME && v >= 253402300800.0)
		ev->no_time = true;
	else if (value == VALUE_TIME && v > 0)
		ev->time = (int64_t)(v * 1000.0 + 0.5);
	if (value == VALUE_SIZE && v > 0 && v < 1e15)
		ev->size = (uint64_t)v;
}

/* --- the usual form ---------------------------------------------------------------------------------- */

struct in {
	const char *p, *end;
	struct arena *a;
};

static char
next(struct in *in)
{
	while (in->p < in->end && str_is_space(*in->p))
		in->p++;
	return in->p < in->end ? *in->p : '\0';
}

static bool
take(struct in *in, char c)
{
	if (next(in) != c)
		return false;
	in->p++;
	return true;
}

static bool
take_word(struct in *in, struct str word)
{
	if ((size_t)(in->end - in->p) < word.n || memcmp(in->p, word.p, word.n) != 0)
		return false;
	in->p += word.n;
	return true;
}

/* The first quote that no backslash takes the meaning from. */
static const char *
closing_quote(const char *p, const char *end)
{
	const char *q = memchr(p, '"', (size_t)(end - p));

	while (q) {
		const char *slash = q;

		while (slash > p && slash[-1] == '\\')
			slash--;
		if ((q - slash) % 2 == 0)
			return q;
		q = memchr(q + 1, '"', (size_t)(end - q - 1));
	}
	return NULL;
}

/* What lies between escapes is copied as it is; \u is left to cJSON. */
static bool
unescape(struct arena *a, struct str s, struct str *out)
{
	static const char meant[256] = { ['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t' };
	char *to = arena_alloc(a, s.n), *const copy = to;
	size_t n = str_find(s, '\\');

	if (!copy)
		return false;
	while (n < s.n) { /* so there is a byte behind it too */
		memcpy(to, s.p, n);
		to += n;
		*to = meant[(unsigned char)s.p[n + 1]];
		if (*to++ == '\0')
			return false;
		s = str_sub(s, n + 2, s.n);
		n = str_find(s, '\\');
	}
	memcpy(to, s.p, n);
	*out = (struct str){ copy, (size_t)(to - copy) + n };
	return true;
}

static bool
take_text(struct in *in, struct str *out)
{
	const char *q;

	if (!take(in, '"'))
		return false;
	q = closing_quote(in->p, in->end);
	if (!q)
		return false;
	*out = (struct str){ in->p, (size_t)(q - in->p) };
	in->p = q + 1;
	return str_find(*out, '\\') == out->n || unescape(in->a, *out, out);
}

/* Digits that a double holds exactly, over a power of ten that it holds too, are one division; strtod() says
 * what others are. */
static bool
take_number(struct in *in, double *out)
{
	static const double scale[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };
	enum { DIGITS_MAX = 19, EXACT_BITS = 53 };
	char text[40], *end;
	uint64_t digits = 0;
	size_t n = 0, behind = 0;
	bool point = false;

	if (!str_digit(next(in)))
		return false;
	for (; in->p < in->end && n < sizeof(text) - 1; in->p++) {
		if (*in->p == '.' && !point) {
			point = true;
		} else if (str_digit(*in->p)) {
			digits = digits * 10 + (uint64_t)(*in->p - '0');
			behind += point;
		} else {
			break;
		}
		text[n++] = *in->p;
	}
	if (n <= DIGITS_MAX && digits >> EXACT_BITS == 0 && behind < ARRAY_LEN(scale)) {
		*out = (double)digits / scale[behind];
		return true;
	}
	text[n] = '\0';
	*out = strtod(text, &end);
	return *end == '\0';
}

/* It grows by doubling: what a list leaves behind in the arena is no more than the list. */
static bool
take_rcpts(struct in *in, struct event *ev)
{
	uint32_t room = 0;

	if (!take(in, '['))
		return false;
	if (take(in, ']'))
		return true;
	do {
		if (ev->n_rcpts == room) {
			struct str *more = arena_alloc(in->a, (room * 2 + 8) * sizeof(*more));

			if (!more)
				return false;
			if (room)
				memcpy(more, ev->rcpts, room * sizeof(*more));
			ev->rcpts = more;
			room = room * 2 + 8;
		}
		if (!take_text(in, &ev->rcpts[ev->n_rcpts++]))
			return false;
	} while (take(in, ','));
	return take(in, ']');
}

static bool
take_value(struct in *in, struct event *ev, const struct field *f)
{
	double v;

	if (f->value == VALUE_RCPTS)
		return take_rcpts(in, ev);
	if (f->value == VALUE_TEXT)
		return next(in) == 'n' ? take_word(in, STR("null")) : take_text(in, text_of(ev, f));
	if (!take_number(in, &v))
		return false;
	put_number(ev, f->value, v);
	return true;
}

static const struct field *
field_of(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (str_eq(name, fields[i].name))
			return &fields[i];
	return NULL;
}

/* Of a field that no event has. */
static bool
skip_value(struct in *in)
{
	struct str text;
	double v;

	return next(in) == '"' ? take_text(in, &text) : take_number(in, &v);
}

/* Of a name that comes twice cJSON knows which counts. */
static bool
take_event(struct in *in, struct event *ev)
{
	unsigned seen = 0;

	if (!take(in, '{'))
		return false;
	do {
		const struct field *f;
		struct str name;
		unsigned bit;

		if (!take_text(in, &name) || !take(in, ':'))
			return false;
		f = field_of(name);
		bit = f ? 1u << (f - fields) : 0;
		if ((seen & bit) || !(f ? take_value(in, ev, f) : skip_value(in)))
			return false;
		seen |= bit;
	} while (take(in, ','));
	return take(in, '}'); /* what follows nobody looks at, cJSON neither */
}

bool
event_from_json(struct event *ev, struct str line, struct arena *a)
{
	struct in in = { line.p, line.p + line.n, a };

	*ev = (struct event){ 0 };
	if (memchr(line.p, '\0', line.n) || !take_event(&in, ev))
		return event_by_cjson(ev, line, a);
	ev->have_sender = ev->sender.p != NULL;
	return true;
}

/* --- any form ---------------------------------------------------------------------------------------- */

static struct str
cjson_text(const cJSON *v, struct arena *a)
{
	return cJSON_IsString(v) ? arena_str(a, str_of(v->valuestring)) : STR_NONE;
}

static void
cjson_rcpts(struct event *ev, struct arena *a, const cJSON *list)
{
	const cJSON *it;
	int n = cJSON_GetArraySize(list);

	if (n <= 0)
		return;
	ev->rcpts = arena_alloc(a, (size_t)n * sizeof(*ev->rcpts));
	cJSON_ArrayForEach(it, list)
	{
		if (ev->rcpts && cJSON_IsString(it))
			ev->rcpts[ev->n_rcpts++] = cjson_text(it, a);
	}
}

/* Of "\\u12ab" at that place; -1: there is none. */
static long
escaped(struct str s, size_t at)
{
	char digits[5] = "", *end;
	long unit;

	if (s.n < 6 || at > s.n - 6 || s.p[at] != '\\' || s.p[at + 1] != 'u')
		return -1;
	memcpy(digits, s.p + at + 2, 4);
	unit = strtol(digits, &end, 16);
	return *end == '\0' ? unit : -1;
}

/*
 * A pair of surrogates is one character. JSON does not forbid half of one, cJSON does, and Python writes each
 * byte that is no UTF-8, as mail has them, as such a half: \udce4 is the byte E4.
 */
static struct str
without_halves(struct str line, struct arena *a)
{
	char *to = arena_alloc(a, line.n), *const copy = to;
	size_t n;

	for (size_t i = 0; copy && i < line.n; i += n) {
		long unit = escaped(line, i), behind = escaped(line, i + 6);

		n = line.p[i] == '\\' && i + 1 < line.n ? 2 : 1;
		if (unit >= 0xd800 && unit < 0xdc00 && behind >= 0xdc00 && behind < 0xe000) {
			n = 12;
		} else if (unit >= 0xd800 && unit < 0xe000) {
			*to++ = unit >= 0xdc80 && unit < 0xdd00 ? (char)(unit - 0xdc00) : '?';
			n = 6;
			continue;
		}
		memcpy(to, line.p + i, n);
		to += n;
	}
	return (struct str){ copy, (size_t)(to - copy) };
}

static cJSON *
cjson_parse(struct str line, struct arena *a)
{
	cJSON *o = cJSON_ParseWithLength(line.p, line.n);

	if (!o && str_ifind(line, STR("\\ud")) < line.n) {
		line = without_halves(line, a);
		o = cJSON_ParseWithLength(line.p, line.n);
	}
	return o;
}

bool
event_by_cjson(struct event *ev, struct str line, struct arena *a)
{
	cJSON *o = cjson_parse(line, a);
	bool is_object = cJSON_IsObject(o);

	*ev = (struct event){ 0 };
	for (size_t i = 0; is_object && i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, f->name.p);

		if (f->value == VALUE_TEXT)
			*text_of(ev, f) = cjson_text(v, a);
		else if (f->value == VALUE_RCPTS)
			cjson_rcpts(ev, a, v);
		else if (cJSON_IsNumber(v))
			put_number(ev, f->value, v->valuedouble);
	}
	cJSON_Delete(o);
	ev->have_sender = ev->sender.p != NULL;
	return is_object;
}

void
event_json_library(char *out, size_t size)
{
	snprintf(out, size, "cJSON %s", cJSON_Version());
}
