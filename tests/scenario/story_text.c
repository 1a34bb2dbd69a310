/* SPDX-License-Identifier: ISC */
/* Words, variables, patterns, times and message templates: what the language is made of. */
#include "story.h"

struct str
text_keep(struct story *s, struct str t)
{
	return arena_str(&s->arena, t);
}

/* --- words --------------------------------------------------------------------------------------- */

/* Space separates; within quotes it does not, and the quotes go. */
void
text_words(struct story *s, struct str line, struct words *w)
{
	size_t i = 0;

	w->n = 0;
	while (w->n < WORDS_MAX) {
		char *word;
		size_t n = 0;
		bool quoted = false;

		while (i < line.n && str_is_space(line.p[i]))
			i++;
		if (i == line.n)
			return;
		word = arena_alloc(&s->arena, line.n - i + 1);
		for (; i < line.n && (quoted || !str_is_space(line.p[i])); i++) {
			if (line.p[i] == '"')
				quoted = !quoted;
			else
				word[n++] = line.p[i];
		}
		word[n] = '\0';
		w->v[w->n++] = (struct str){ word, n };
	}
}

bool
text_number(struct str t, uint64_t *out)
{
	return str_u64(t, out) == 0;
}

bool
text_glob(struct str pattern, struct str text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.n && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/* --- time ---------------------------------------------------------------------------------------- */

static bool
unit_ms(char c, int64_t *ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = { { 's', MS_SEC }, { 'm', MS_MIN }, { 'h', MS_HOUR }, { 'd', MS_DAY } };

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (units[i].unit == c) {
			*ms = units[i].ms;
			return true;
		}
	return false;
}

bool
text_span(struct str t, int64_t *ms)
{
	bool back = t.n && t.p[0] == '-';
	size_t i = t.n && (t.p[0] == '-' || t.p[0] == '+') ? 1 : 0;
	int64_t sum = 0;

	if (i == t.n)
		return false;
	while (i < t.n) {
		int64_t n = 0, unit = MS_SEC;
		size_t from = i;

		for (; i < t.n && str_digit(t.p[i]); i++)
			n = n * 10 + (t.p[i] - '0');
		if (i == from || i - from > 9 || (i < t.n && !unit_ms(t.p[i++], &unit)))
			return false;
		sum += n * unit;
	}
	*ms = back ? -sum : sum;
	return true;
}

/* Days since 1970 of a date of the Gregorian calendar: March begins the year, so leap days come last. */
static int64_t
days(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	m = m <= 2 ? m + 9 : m - 3;
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

static bool
numbers(struct str t, char sep, uint64_t *out, unsigned least, unsigned most)
{
	struct str part;
	unsigned n = 0;

	while (str_split(&t, sep, &part))
		if (n == most || !text_number(part, &out[n++]))
			return false;
	return n >= least;
}

bool
text_time(struct str day, struct str hour, int64_t *ms)
{
	uint64_t d[3], h[3] = { 0 };

	if (!numbers(day, '-', d, 3, 3) || !numbers(hour, ':', h, 2, 3))
		return false;
	if (d[0] < 1970 || d[0] > 9999 || d[1] < 1 || d[1] > 12 || d[2] < 1 || d[2] > 31)
		return false;
	*ms = (days((int64_t)d[0], (int64_t)d[1], (int64_t)d[2]) * 86400 +
		  (int64_t)(h[0] * 3600 + h[1] * 60 + h[2])) *
	    MS_SEC;
	return true;
}

struct str
text_date(struct story *s, int64_t ms)
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec" };
	int64_t t = ms / MS_SEC, day = t / 86400, y = 1970, m = 1, left = t % 86400;

	while (days(y + 1, 1, 1) <= day)
		y++;
	while (m < 12 && days(y, m + 1, 1) <= day)
		m++;
	return arena_printf(&s->arena, "%d %s %d %02d:%02d:%02d +0000", (int)(day - days(y, m, 1) + 1),
	    names[m - 1], (int)y, (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60));
}

/* --- variables ----------------------------------------------------------------------------------- */

const struct str *
text_find(const struct pairs *p, struct str name)
{
	for (unsigned i = 0; i < p->n; i++)
		if (str_eq(p->v[i].name, name))
			return &p->v[i].value;
	return NULL;
}

bool
text_set(struct story *s, struct pairs *p, struct str name, struct str value)
{
	unsigned i = 0;

	while (i < p->n && !str_eq(p->v[i].name, name))
		i++;
	if (i == PAIRS_MAX)
		return story_fail(s, "there is no room for another name");
	p->n += i == p->n;
	p->v[i].name = name;
	p->v[i].value = value;
	return true;
}

static bool
name_char(char c)
{
	return str_alnum(c) || c == '_';
}

static bool
value_of(struct story *s, struct str name, struct buf *out)
{
	const struct str *value;

	if (str_eq(name, STR("date"))) {
		buf_str_append(out, text_date(s, s->world.now.wall));
		return true;
	}
	if (str_eq(name, STR("new"))) {
		buf_printf(out, "%u", ++s->serial);
		return true;
	}
	value = text_find(&s->vars, name);
	if (!value)
		return story_fail(s, "nothing is called $%.*s", STR_FMT(name));
	buf_str_append(out, *value);
	return true;
}

static bool
put_vars(struct story *s, struct str t, struct buf *out)
{
	size_t i = 0;

	while (i < t.n) {
		size_t from, to;
		bool braces;

		if (t.p[i] != '$') {
			buf_append(out, &t.p[i++], 1);
			continue;
		}
		if (++i < t.n && t.p[i] == '$') {
			buf_append(out, &t.p[i++], 1);
			continue;
		}
		braces = i < t.n && t.p[i] == '{';
		from = to = i + braces;
		while (to < t.n && name_char(t.p[to]))
			to++;
		if (!value_of(s, str_sub(t, from, to), out))
			return false;
		i = to + braces;
	}
	return true;
}

static bool
word_end(char c)
{
	return str_is_space(c) || c == ',';
}

/* The first "{A..B}" of the text; false: none. */
static bool
find_range(struct str t, size_t *open, size_t *close, uint64_t *a, uint64_t *b)
{
	for (*open = 0; *open < t.n; (*open)++) {
		size_t dots;

		if (t.p[*open] != '{')
			continue;
		*close = *open + str_find(str_sub(t, *open, t.n), '}');
		dots = *open + str_ifind(str_sub(t, *open, *close), STR(".."));
		if (*close < t.n && dots < *close && text_number(str_sub(t, *open + 1, dots), a) &&
		    text_number(str_sub(t, dots + 2, *close), b))
			return true;
	}
	return false;
}

static void
put_ranges(struct str t, struct buf *out)
{
	size_t open, close;
	uint64_t a, b;

	while (find_range(t, &open, &close, &a, &b)) {
		size_t from = open, to = close + 1;

		while (from > 0 && !word_end(t.p[from - 1]))
			from--;
		while (to < t.n && !word_end(t.p[to]))
			to++;
		buf_str_append(out, str_sub(t, 0, from));
		for (uint64_t i = a; i <= b; i++) {
			struct str head = str_sub(t, from, open), tail = str_sub(t, close + 1, to);

			buf_printf(out, "%s%.*s%llu%.*s", i > a ? ", " : "", STR_FMT(head),
			    (unsigned long long)i, STR_FMT(tail));
		}
		t = str_sub(t, to, t.n);
	}
	buf_str_append(out, t);
}

bool
text_expand(struct story *s, struct str line, struct str *out)
{
	struct buf vars, ranges;
	bool ok;

	buf_init(&vars, 0);
	buf_init(&ranges, 0);
	ok = put_vars(s, line, &vars);
	if (ok) {
		put_ranges(buf_str(&vars), &ranges);
		*out = text_keep(s, buf_str(&ranges));
	}
	buf_fini(&vars);
	buf_fini(&ranges);
	return ok;
}

/* --- messages ------------------------------------------------------------------------------------ */

static bool
named_message(struct story *s, struct str name, struct str *out)
{
	const struct str *text = text_find(&s->messages, name);

	return text ? text_expand(s, *text, out) : story_fail(s, "there is no message %.*s", STR_FMT(name));
}

/* Another copy on another way: each host writes its line on top, with an id of its own. */
bool
text_message(struct story *s, const struct str *words, unsigned n, struct str *out)
{
	struct str from = STR("upstream.example"), base, date = text_date(s, s->world.now.wall);

	if (n == 1)
		return named_message(s, words[0], out);
	if (n < 5 || !str_eq(words[0], STR("copy")) || !str_eq(words[1], STR("of")) ||
	    !str_eq(words[3], STR("via")))
		return story_fail(s, "a message is NAME, or \"copy of NAME via HOST...\"");
	if (!named_message(s, words[2], &base))
		return false;
	for (unsigned i = 4; i < n; i++) {
		base = arena_printf(&s->arena, "Received: from %.*s by %.*s with ESMTP id c%u; %.*s\r\n%.*s",
		    STR_FMT(from), STR_FMT(words[i]), ++s->serial, STR_FMT(date), STR_FMT(base));
		from = words[i];
	}
	*out = base;
	return true;
}
