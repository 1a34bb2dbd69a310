/* SPDX-License-Identifier: ISC */
/* Word by word, in whatever order they stand: each tells by its look what it is. */
#include "mail/date.h"

#include <stdbool.h>

#include "base/err.h"

enum { UNSET = -1 };

struct date {
	int year, month, day, seconds; /* seconds of the day; all UNSET at first */
	int zone;                      /* minutes east of Greenwich */
	bool bad;
};

enum { NAME = 3 }; /* letters of a month's name, and of a zone's that is known */

static const char months[][NAME + 1] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct",
	"nov", "dec" };

static const struct {
	char name[NAME + 1];
	int hours;
} zones[] = {
	{ "est", -5 },
	{ "edt", -4 },
	{ "cst", -6 },
	{ "cdt", -5 },
	{ "mst", -7 },
	{ "mdt", -6 },
	{ "pst", -8 },
	{ "pdt", -7 },
};

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

/* UNSET: not one to four digits and nothing else. */
static int
number(struct str s)
{
	int n = 0;

	if (s.n == 0 || s.n > 4)
		return UNSET;
	for (size_t i = 0; i < s.n; i++) {
		if (!digit(s.p[i]))
			return UNSET;
		n = n * 10 + (s.p[i] - '0');
	}
	return n;
}

static void
set(struct date *d, int *field, int value, int min, int max)
{
	if (*field != UNSET || value < min || value > max)
		d->bad = true;
	*field = value;
}

/* Two or three numbers with colons between; the parts are as short as number() wants them. */
static void
take_time(struct date *d, struct str s)
{
	int v[3] = { 0 }, n = 0;
	size_t begin = 0;

	for (size_t i = 0; i <= s.n && n < 3; i++) {
		if (i < s.n && s.p[i] != ':')
			continue;
		v[n++] = number(str_sub(s, begin, i));
		begin = i + 1;
	}
	/* 60 is a leap second */
	if (begin < s.n || n < 2 || v[0] < 0 || v[0] > 23 || v[1] < 0 || v[1] > 59 || v[2] < 0 || v[2] > 60)
		d->bad = true;
	set(d, &d->seconds, (v[0] * 60 + v[1]) * 60 + v[2], 0, 86400);
}

static void
take_number(struct date *d, struct str s)
{
	int n = number(s);

	if (d->day == UNSET && s.n <= 2)
		set(d, &d->day, n, 1, 31);
	else if (s.n == 2)
		set(d, &d->year, n < 50 ? 2000 + n : 1900 + n, 1900, 2099);
	else
		set(d, &d->year, s.n == 3 ? 1900 + n : n, 1900, 9999);
}

static void
take_zone(struct date *d, struct str s)
{
	int n = s.n == 5 ? number(str_sub(s, 1, 5)) : UNSET;

	if (n == UNSET)
		d->bad = true;
	else
		d->zone = (s.p[0] == '-' ? -1 : 1) * (n / 100 * 60 + n % 100);
}

static bool
is_name(const char *a, const char *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

static void
take_name(struct date *d, struct str s)
{
	char name[NAME];

	if (s.n != NAME)
		return;
	str_lower_to(name, s);
	for (int i = 0; i < 12; i++)
		if (is_name(name, months[i])) {
			set(d, &d->month, i + 1, 1, 12);
			return;
		}
	for (size_t i = 0; i < ARRAY_LEN(zones); i++)
		if (is_name(name, zones[i].name))
			d->zone = zones[i].hours * 60;
}

static void
take(struct date *d, struct str word, bool colon)
{
	if (colon)
		take_time(d, word);
	else if (word.p[0] == '+' || word.p[0] == '-')
		take_zone(d, word);
	else if (digit(word.p[0]))
		take_number(d, word);
	else
		take_name(d, word);
}

/* Days since 1970 in the Gregorian calendar; years begin in March, so that the leap day is their last. */
static int64_t
days(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

enum { ENDS = 1, COLON = 2 };
static const unsigned char classes[256] = {
	[' '] = ENDS,
	['\t'] = ENDS,
	['\r'] = ENDS,
	['\n'] = ENDS,
	[','] = ENDS,
	['('] = ENDS,
	[')'] = ENDS,
	[':'] = COLON,
};

/* Behind the word at i; *has: what there is in it. */
static size_t
word_end(struct str s, size_t i, unsigned *has)
{
	*has = 0;
	for (; i < s.n; i++) {
		unsigned class = classes[(unsigned char)s.p[i]];

		if (class & ENDS)
			break;
		*has |= class;
	}
	return i;
}

int
date_parse(struct str s, int64_t *out)
{
	struct date d = { .year = UNSET, .month = UNSET, .day = UNSET, .seconds = UNSET };
	unsigned depth = 0;
	size_t i = 0;

	while (i < s.n) {
		size_t begin = i;
		unsigned has = 0;

		if (s.p[i] == '(')
			depth++;
		if (s.p[i] == ')' && depth)
			depth--;
		if (!depth)
			i = word_end(s, i, &has);
		if (i > begin)
			take(&d, str_sub(s, begin, i), has & COLON);
		else
			i++;
	}
	if (d.bad || d.year == UNSET || d.month == UNSET || d.day == UNSET || d.seconds == UNSET)
		return ERR_SYNTAX;
	*out = days(d.year, d.month, d.day) * 86400 + d.seconds - d.zone * 60;
	return 0;
}
