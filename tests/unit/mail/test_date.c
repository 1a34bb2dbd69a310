/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <time.h>

#include "mail/date.h"

static int64_t
parsed(const char *text)
{
	int64_t t = 0;

	cr_assert_eq(date_parse(str_of(text), &t), 0, "%s", text);
	return t;
}

Test(date, one_instant_in_many_spellings)
{
	static const char *const same[] = {
		"Mon, 9 Jan 2006 09:00:00 +0000",
		"MON, 09 JAN 2006 09:00:00 +0000",
		"9 jan 2006 09:00 GMT",
		"Mon,9 Jan 2006 10:00:00 +0100 (CET)",
		"Mon, 9 Jan 2006 04:00:00 EST",
		"Mon, 9 Jan 2006 04:00:00 -0500 (a (nested) comment with 12:34:56)",
		"Mon, 9 Jan 06 09:00:00 UT",
		"Mon, 9 Jan 106 09:00:00 Z",
		"Mon Jan  9 09:00:00 2006",
		"Mon,\r\n\t9 Jan 2006\r\n 14:30:00 +0530",
		"Mon, 9 Jan 2006 09:00:00 +0000 (never closed",
		"Mon, 9 Jan 2006 09:00:00 XYZ",
		"Lunes, 9 Jan 2006 09:00:00 +0000",
		"Mon, 9 Jan 2006 10:00:00 +01:00",
		"9 Jan 2006 03:30:00 -05:30 (x)",
		"Mon, 09 Jan 2006 09:00:00.417 +0000 (UTC)",
	};

	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		cr_expect_eq(parsed(same[i]), 1136797200, "%s", same[i]);
}

Test(date, agrees_with_the_c_library_on_every_day)
{
	/* 1900 to 2105, at a time of day that moves too */
	for (int64_t day = -25500; day < 49600; day++) {
		time_t t = (time_t)(day * 86400 + day % 97 * 800 + 40000);
		struct tm tm;
		char text[80];

		cr_assert_not_null(gmtime_r(&t, &tm));
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &tm);
		cr_assert_eq(parsed(text), (int64_t)t, "%s", text);
	}
}

Test(date, what_is_none)
{
	static const char *const none[] = { "", " ", "today", "Mon, 9 Jan 2006", "9 2006 09:00:00",
		"Jan 2006 09:00", "9 Jan 09:00", "0 Jan 2006 09:00", "32 Jan 2006 09:00", "9 Jan 2006 24:00",
		"9 Jan 2006 09:60", "9 Jan 2006 09:00:61", "9 Jan 2006 9", "9 Jan 2006 09:", "9 Jan 2006 :00",
		"9 Jan 2006 09:00:00:00", "9 Jan 2006 09:00.5", "9 Jan 2006 09:00:.5", "9 Jan Feb 2006 09:00",
		"9 Jan 2006 2007 09:00", "9 Jan 2006 09:00 10:00", "9 Jan 2006 09:00 +100",
		"9 Jan 2006 09:00 +1:00", "9 Jan 2006 09:00 +01:", "9 Jan 2006 09:00 +01:000",
		"9 Jan 2006 09:00 +0:100", "9 Jan 2006 09:00 +01::0", "9 Jan 20060 09:00",
		"9 Jan 1899 09:00", "9 Jan 2006 09:00 -",
		"99999999999999", "(9 Jan 2006 09:00)", "9 Jan 2006 0x9:00", "::::::::", "+ - ( ) ,",
		"2006-01-09T09:00:00Z" };
	int64_t t;

	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		cr_expect_neq(date_parse(str_of(none[i]), &t), 0, "%s", none[i]);
	cr_expect_neq(date_parse(STR_NONE, &t), 0);
}

/* Whatever the bytes are: no crash, and an answer of the right size. */
Test(date, any_bytes)
{
	static const char pieces[] = "0123456789 :+-(),\t\r\nJanFebMGTZ\0\xff";
	uint32_t x = 12345;
	char text[64];

	for (int round = 0; round < 200000; round++) {
		size_t n = (x >> 8) % sizeof(text);
		int64_t t = 0;

		for (size_t i = 0; i < n; i++) {
			x = x * 1664525 + 1013904223;
			text[i] = pieces[(x >> 16) % (sizeof(pieces) - 1)];
		}
		x = x * 1664525 + 1013904223;
		if (date_parse((struct str){ text, n }, &t) == 0)
			cr_assert(t > -2300000000 && t < INT64_C(253500000000));
	}
}

/* What stands just as usual is read at its places, also with the zone's name, and with a space behind it word
 * by word: to the same end. */
Test(date, both_roads_agree)
{
	static const char *const usual[] = { "Wed, 29 Feb 2012 23:59:60 +0130 ",
		"Thu, 1 Mar 2012 00:00:00 -0500 " };
	static const char bytes[] = "0123456789 :+-,AJanebMonWdST(";
	int read = 0;
	uint32_t x = 4711;

	for (int round = 0; round < 200000; round++) {
		size_t n = strlen(usual[round % 2]) - 1;
		char text[48];
		int64_t a = -1, b = -1, c = -1;
		int at_places, by_words, named;

		memcpy(text, usual[round % 2], n + 2);
		for (int k = 0; k <= round / 2 % 3; k++) {
			x = x * 1664525 + 1013904223;
			text[(x >> 8) % n] = bytes[(x >> 16) % (sizeof(bytes) - 1)];
		}
		at_places = date_parse((struct str){ text, n }, &a);
		by_words = date_parse((struct str){ text, n + 1 }, &b);
		memcpy(text + n, " (CET)", 7);
		named = date_parse((struct str){ text, n + 6 }, &c);
		cr_assert_eq(at_places, by_words, "%s", text);
		cr_assert_eq(at_places, named, "%s", text);
		cr_assert_eq(a, b, "%s", text);
		cr_assert_eq(a, c, "%s", text);
		read += at_places == 0;
	}
	cr_expect(read > 2000 && read < 198000, "%d", read);
}

Test(date, parts_of_a_second)
{
	static const struct {
		const char *date, *fraction;
	} rows[] = {
		{ "Mon, 09 Jan 2006 09:00:00.417 +0000 (UTC)", "417" },
		{ "Mon, 09 Jan 2006 09:00:00.5", "5" },
		{ "Mon, 09 Jan 2006 09:00:00. +0000", "" },
		{ "Mon, 09 Jan 2006 09:00:00 +0000 (C.E.T. 1)", "" },
		{ "Mon, 09 Jan 2006 09:00:00 +0000 (mailer 1.2)", "" },
		{ ".5", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect(str_eq(date_fraction(str_of(rows[i].date)), str_of(rows[i].fraction)), "%s",
		    rows[i].date);
}
