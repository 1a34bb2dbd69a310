/* SPDX-License-Identifier: ISC */
#include "stormctl_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "stormctl.h"

static uint32_t
code_point(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	uint32_t c = n == 1 ? u[0] : u[0] & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (u[i] & 0x3f);
	return c;
}

/* Would move the cursor, or swap what stands around it. */
static bool
harmful(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c <= 0x9f) || c == 0x061c || (c >= 0x200e && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Appends it, with what is harmful or no UTF-8 escaped. */
static void
clean(struct buf *out, struct str s)
{
	while (s.n) {
		size_t n = utf8_len(s);
		uint32_t c = n ? code_point(s.p, n) : (unsigned char)s.p[0];

		if (n && !harmful(c))
			buf_append(out, s.p, n);
		else
			buf_printf(out, c > 0xff ? "\\u%04x" : "\\x%02x", c);
		s = str_sub(s, n ? n : 1, s.n);
	}
}

void
text_put_str(struct str s)
{
	struct buf b;

	buf_init(&b, 0);
	clean(&b, s);
	printf("%.*s", STR_FMT(buf_str(&b)));
	buf_fini(&b);
}

void
text_put(const char *s)
{
	text_put_str(str_of(s));
}

void
text_time(double seconds, char *out, size_t len)
{
	bool sane = seconds > -1e12 && seconds < 1e12; /* any number may come out of a socket */
	time_t t = sane ? (time_t)seconds : 0;
	struct tm tm;

	if (!sane || !localtime_r(&t, &tm) || strftime(out, len, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, len, "-");
}

void
text_span(double seconds, char *out, size_t len)
{
	static const struct {
		uint64_t seconds;
		char letter;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	uint64_t left = seconds > 0 && seconds < 1e12 ? (uint64_t)seconds : 0;
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(units) && left < units[i].seconds)
		i++;
	snprintf(out, len, "%llu%c", (unsigned long long)(left / units[i].seconds), units[i].letter);
	left %= units[i].seconds;
	i++;
	if (i < ARRAY_LEN(units) && left >= units[i].seconds)
		snprintf(out + strlen(out), len - strlen(out), " %llu%c",
		    (unsigned long long)(left / units[i].seconds), units[i].letter);
}

/* strptime(3) takes the 31st of any month, timegm(3) makes the 1st of the next of it. */
static bool
is_in_calendar(const struct tm *tm)
{
	struct tm day = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };

	(void)timegm(&day);
	return day.tm_mday == tm->tm_mday;
}

int
text_parse_time(const char *text, int64_t *out)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S",
		"%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ" };
	uint64_t seconds;
	int64_t ago;

	if (str_u64(str_of(text), &seconds) == 0) {
		*out = seconds < INT64_MAX / 1000 ? (int64_t)seconds * 1000 : INT64_MAX;
		return 0;
	}
	for (unsigned k = 0; k < ARRAY_LEN(forms); k++) {
		struct tm tm = { 0 };
		const char *rest = strptime(text, forms[k], &tm);

		if (rest && *rest == '\0' && is_in_calendar(&tm)) {
			*out = (int64_t)timegm(&tm) * 1000;
			return 0;
		}
	}
	if (text[strspn(text, "0123456789")] && conf_msec(str_of(text), &ago) == 0) {
		*out = clock_now().wall - ago;
		return 0;
	}
	fprintf(stderr,
	    "stormctl: not a time: %s (2026-01-31, \"2026-01-31 23:59:59\", 2h for two hours ago, or seconds "
	    "since 1970)\n",
	    text);
	return ERR_SYNTAX;
}

/* --- JSON ----------------------------------------------------------------------------------------------- */

struct json *
json_line_begin(struct json_line *l)
{
	buf_init(&l->out, 0);
	json_init(&l->json, &l->out);
	json_object(&l->json, NULL);
	return &l->json;
}

bool
json_line_put(struct json_line *l)
{
	bool heard;

	json_object_end(&l->json);
	printf("%.*s\n", STR_FMT(buf_str(&l->out)));
	heard = stormctl_heard();
	buf_fini(&l->out);
	return heard;
}

/* --- tables --------------------------------------------------------------------------------------------- */

void
grid_init(struct grid *t, const struct column *columns, unsigned n_columns)
{
	*t = (struct grid){ .columns = columns, .n_columns = n_columns };
}

void
grid_fini(struct grid *t)
{
	for (size_t i = 0; i < t->n; i++)
		xfree(t->cells[i]);
	xfree(t->cells);
	grid_init(t, t->columns, t->n_columns);
}

void
grid_add(struct grid *t, const char *cell)
{
	struct buf b;

	t->cells = xgrow(t->cells, t->n, sizeof(*t->cells));
	buf_init(&b, 0);
	clean(&b, str_of(cell && cell[0] ? cell : "-"));
	t->cells[t->n++] = xstr(buf_str(&b));
	buf_fini(&b);
}

/* Characters, not bytes. */
static int
width_of(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
print_cell(const struct column *c, const char *cell, int width, bool last)
{
	int pad = width - width_of(cell);

	if (c->right)
		printf("%*s%s", pad, "", cell);
	else if (last)
		printf("%s", cell);
	else
		printf("%s%*s", cell, pad, "");
}

void
grid_print(struct grid *t, const char *indent)
{
	int widths[GRID_COLUMNS_MAX];
	unsigned n = t->n_columns;

	for (unsigned i = 0; i < n; i++)
		widths[i] = width_of(t->columns[i].title);
	for (size_t i = 0; i < t->n; i++)
		if (width_of(t->cells[i]) > widths[i % n])
			widths[i % n] = width_of(t->cells[i]);
	for (size_t row = 0; row <= t->n / n; row++) {
		printf("%s", indent);
		for (unsigned i = 0; i < n; i++) {
			const char *cell = row ? t->cells[(row - 1) * n + i] : t->columns[i].title;

			print_cell(&t->columns[i], cell, widths[i], i + 1 == n);
			printf("%s", i + 1 == n ? "\n" : "  ");
		}
	}
	grid_fini(t);
}
