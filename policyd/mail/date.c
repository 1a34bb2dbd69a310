/* SPDX-License-Identifier: ISC */
/* Word by word, in whatever order they stand: each tells by its look what it is. Where all stand as usual,
 * there is nothing to tell. */
#include "mail/date.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

enum { UNSET = -1 };

struct date {
	int year, month, day, seconds; /* seconds of the day; all UNSET at first */
	int zone;                      /* minutes east of Greenwich */
	bool bad;
};

enum { NAME = 3 }; /* letters of a month's name, and of a zone's that is known */

/* With a space behind, so that a name is four bytes and compared in one go. */
static const char months[][NAME + 2] = { "jan ", "feb ", "mar ", "apr ", "may ", "jun ", "jul ", "aug ",
	"sep ", "oct ", "nov ", "dec " };

static const struct {
	char name[NAME + 2];
	int hours;
} zones[] = {
	{ "est ", -5 },
	{ "edt ", -4 },
	{ "cst ", -6 },
	{ "cdt ", -5 },
	{ "mst ", -7 },
	{ "mdt ", -6 },
	{ "pst ", -8 },
	{ "pdt ", -7 },
};

/* UNSET: not one to four digits and nothing else. */
static int
number(struct str s)
{
	int n = 0;

	if (s.n == 0 || s.n > 4)
		return UNSET;
	for (size_t i = 0; i < s.n; i++) {
		if (!str_digit(s.p[i]))
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

/* Two or three numbers with colons between, each as short as number() wants it; SendGrid writes parts of a
 * second, too. */
static void
take_time(struct date *d, struct str s)
{
	int v[3] = { 0 }, n = 0;
	size_t begin = 0;

	for (size_t i = 0; i <= s.n && n < 3; i++) {
		struct str part;

		if (i < s.n && s.p[i] != ':')
			continue;
		part = str_sub(s, begin, i);
		v[n] = number(n == 2 ? str_sub(part, 0, str_find(part, '.')) : part);
		n++;
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

/* "+0530", or "+05:30" as ISO 8601 has it. */
static void
take_zone(struct date *d, struct str s)
{
	bool colon = s.n == 6 && s.p[3] == ':';
	int hours = number(str_sub(s, 1, 3)), minutes = number(str_sub(s, colon ? 4 : 3, s.n));

	if (s.n != 5U + colon || hours == UNSET || minutes == UNSET)
		d->bad = true;
	else
		d->zone = (s.p[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
}

/* The name at p with the byte behind it. To set that one bit lowers a letter; nothing else becomes one. */
static uint32_t
name_at(const char *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w | 0x20202020;
}

static int
month_of(uint32_t name)
{
	for (int i = 0; i < 12; i++)
		if (name == name_at(months[i]))
			return i + 1;
	return UNSET;
}

static void
take_name(struct date *d, struct str s)
{
	char text[NAME + 1];
	uint32_t name;
	int month;

	if (s.n != NAME)
		return;
	memcpy(text, s.p, NAME);
	text[NAME] = ' ';
	name = name_at(text);
	month = month_of(name);
	if (month != UNSET)
		set(d, &d->month, month, 1, 12);
	for (size_t i = 0; i < ARRAY_LEN(zones); i++)
		if (name == name_at(zones[i].name))
			d->zone = zones[i].hours * 60;
}

static void
take(struct date *d, struct str word, bool colon)
{
	if (word.p[0] == '+' || word.p[0] == '-')
		take_zone(d, word);
	else if (colon)
		take_time(d, word);
	else if (str_digit(word.p[0]))
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

enum { USUAL = 31 }; /* length of `usual` */

/* The date as nearly all mail has it, with the lowest digit where there are digits; and how far above that a
 * byte may be there. */
static const char usual[] = "___, 00 ___ 0000 00:00:00 +0000";
#define D "\x09"
#define ANY "\xff"
static const char above[] =
    ANY ANY ANY "\0\0" D D "\0" ANY ANY ANY "\0" D D D D "\0" D D "\0" D D "\0" D D "\0" ANY D D D D;
#undef D
#undef ANY

/* Sixteen bytes of it at `at`, as numbers; false: it is otherwise. */
static bool
usual_at(uint8_t *numbers, const char *p, size_t at)
{
	bytes16 v = bytes_at(p + at) ^ bytes_at(usual + at);

	bytes_put((char *)numbers + at, v);
	return !bytes_any((bytes16)(v > bytes_at(above + at)));
}

static int
two_at(const uint8_t *numbers)
{
	return numbers[0] * 10 + numbers[1];
}

static bool
is_weekday(const char *p)
{
	static const char names[][NAME + 2] = { "sun,", "mon,", "tue,", "wed,", "thu,", "fri,", "sat," };
	uint32_t name = name_at(p);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (name == name_at(names[i]))
			return true;
	return false;
}

/* Each thing at its place, nothing to look for. false: it is otherwise. */
static bool
take_usual(struct date *d, struct str s)
{
	char text[USUAL];
	uint8_t v[USUAL];
	int day, century, hours, minutes, seconds;

	if (s.n == USUAL - 1) { /* the day has one digit only */
		memcpy(text, s.p, 5);
		text[5] = '0';
		memcpy(text + 6, s.p + 5, USUAL - 6);
		s = (struct str){ text, USUAL };
	}
	if (s.n != USUAL || !usual_at(v, s.p, 0) || !usual_at(v, s.p, USUAL - BYTES16) ||
	    (s.p[26] != '+' && s.p[26] != '-') || !is_weekday(s.p))
		return false;
	day = two_at(v + 5);
	century = two_at(v + 12);
	hours = two_at(v + 17);
	minutes = two_at(v + 20);
	seconds = two_at(v + 23);
	*d = (struct date){ century * 100 + two_at(v + 14), month_of(name_at(s.p + 8)), day,
		(hours * 60 + minutes) * 60 + seconds,
		(s.p[26] == '-' ? -1 : 1) * (two_at(v + 27) * 60 + two_at(v + 29)), false };
	return d->month != UNSET && day >= 1 && day <= 31 && century >= 19 && hours <= 23 && minutes <= 59 &&
	    seconds <= 60;
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

/* Most MTAs write the name of the zone behind it, "(CET)". */
static struct str
without_comment(struct str s)
{
	size_t open;

	if (s.n == 0 || s.p[s.n - 1] != ')')
		return s;
	open = str_rfind(s, '(');
	if (open == s.n || str_find(str_sub(s, open, s.n), ')') != s.n - open - 1)
		return s;
	return str_trim(str_sub(s, 0, open));
}

int
date_parse(struct str s, int64_t *out)
{
	struct date d;

	s = without_comment(s);
	if (!take_usual(&d, s)) {
		d = (struct date){ .year = UNSET, .month = UNSET, .day = UNSET, .seconds = UNSET };
		take_words(&d, s);
	}
	if (d.bad || d.year == UNSET || d.month == UNSET || d.day == UNSET || d.seconds == UNSET)
		return ERR_SYNTAX;
	*out = days(d.year, d.month, d.day) * 86400 + d.seconds - d.zone * 60;
	return 0;
}

struct str
date_fraction(struct str s)
{
	size_t begin, end;

	s = str_sub(s, 0, str_find(s, '('));
	begin = end = str_find(s, '.') + 1;
	while (end < s.n && str_digit(s.p[end]))
		end++;
	return begin > 1 && str_digit(s.p[begin - 2]) ? str_sub(s, begin, end) : STR_NONE;
}
