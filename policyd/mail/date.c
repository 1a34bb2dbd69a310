/* SPDX-License-Identifier: ISC */
/* Word by word, in whatever order they stand: each tells by its look what it is. Where all stand as usual,
 * there is nothing to tell. */
#include "mail/date.h"

#include <limits.h>
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

/* The letters of a name as one number, of whatever case they are at p. */
static uint32_t
letters(const char *p)
{
	char name[NAME + 1] = { str_lower(p[0]), str_lower(p[1]), str_lower(p[2]) };
	uint32_t n;

	memcpy(&n, name, sizeof(n));
	return n;
}

static bool
is_name(uint32_t sought, const char name[NAME + 1])
{
	uint32_t n;

	memcpy(&n, name, sizeof(n));
	return n == sought;
}

/* 1 to 12, or UNSET. */
static int
month_of(const char *p)
{
	uint32_t sought = letters(p);

	for (int i = 0; i < 12; i++)
		if (is_name(sought, months[i]))
			return i + 1;
	return UNSET;
}

static bool
is_weekday(const char *p)
{
	static const char names[][NAME + 1] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };
	uint32_t sought = letters(p);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (is_name(sought, names[i]))
			return true;
	return false;
}

static void
take_name(struct date *d, struct str s)
{
	int month;

	if (s.n != NAME)
		return;
	month = month_of(s.p);
	if (month != UNSET)
		set(d, &d->month, month, 1, 12);
	for (size_t i = 0; i < ARRAY_LEN(zones); i++)
		if (is_name(letters(s.p), zones[i].name))
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

/* Two digits there; far too many when they are none. */
static unsigned
two_at(const char *p)
{
	unsigned tens = (unsigned char)p[0] - (unsigned)'0', ones = (unsigned char)p[1] - (unsigned)'0';

	return tens > 9 || ones > 9 ? UINT_MAX : tens * 10 + ones;
}

/* Whether what stands between the parts of such a date is at its place. */
static bool
is_usual(struct str s)
{
	static const char form[] = "Wed, 01 Jan 2025 10:00:00 +0100";
	const char *p = s.p;

	return s.n == sizeof(form) - 1 && p[3] == ',' && p[4] == ' ' && p[7] == ' ' && p[11] == ' ' &&
	    p[16] == ' ' && p[19] == ':' && p[22] == ':' && p[25] == ' ' && (p[26] == '+' || p[26] == '-');
}

/* Nearly all mail has it just so: each thing at its place, nothing to look for. false: it is otherwise. */
static bool
take_usual(struct date *d, struct str s)
{
	unsigned day, century, year, hour, minute, second, zone_hour, zone_minute;
	int month, east;

	if (!is_usual(s))
		return false;
	day = two_at(s.p + 5);
	century = two_at(s.p + 12);
	year = two_at(s.p + 14);
	hour = two_at(s.p + 17);
	minute = two_at(s.p + 20);
	second = two_at(s.p + 23);
	zone_hour = two_at(s.p + 27);
	zone_minute = two_at(s.p + 29);
	if (day < 1 || day > 31 || century < 19 || century > 99 || year > 99 || hour > 23 || minute > 59 ||
	    second > 60 || zone_hour > 99 || zone_minute > 99)
		return false;
	month = month_of(s.p + 8);
	if (month == UNSET || !is_weekday(s.p))
		return false;
	east = (int)(zone_hour * 60 + zone_minute);
	*d = (struct date){
		.year = (int)(century * 100 + year),
		.month = month,
		.day = (int)day,
		.seconds = (int)((hour * 60 + minute) * 60 + second),
		.zone = s.p[26] == '-' ? -east : east,
	};
	return true;
}

static void
take_words(struct date *d, struct str s)
{
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
			take(d, str_sub(s, begin, i), has & COLON);
		else
			i++;
	}
}

int
date_parse(struct str s, int64_t *out)
{
	struct date d;

	if (!take_usual(&d, s)) {
		d = (struct date){ .year = UNSET, .month = UNSET, .day = UNSET, .seconds = UNSET };
		take_words(&d, s);
	}
	if (d.bad || d.year == UNSET || d.month == UNSET || d.day == UNSET || d.seconds == UNSET)
		return ERR_SYNTAX;
	*out = days(d.year, d.month, d.day) * 86400 + d.seconds - d.zone * 60;
	return 0;
}
