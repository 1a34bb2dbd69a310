/* SPDX-License-Identifier: ISC */
/* Typed values: each type at and beyond its bounds, and the phrase for each refusal. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/xalloc.h"

enum color { RED, GREEN = 7 };

struct target {
	bool on, flag;
	uint32_t count;
	uint64_t size;
	int64_t time, wide;
	enum color color;
	char *text, *must;
	int64_t called;
};

static int
call(void *at, struct str value, char *why, size_t why_len)
{
	if (value.n == 0) {
		snprintf(why, why_len, "too short");
		return ERR_SYNTAX;
	}
	*(int64_t *)at = (int64_t)value.n;
	return 0;
}

static const struct conf_name colors[] = { { "red", RED }, { "green", GREEN }, { NULL, 0 } };
static const struct conf_name flags[] = { { "pass", 0 }, { "defer", 1 }, { NULL, 0 } };

#define AT(member, ctype) .offset = CONF_AT(struct target, member, ctype)
static const struct conf_key table[] = {
	{ .section = "one", .name = "on", .type = CONF_BOOL, AT(on, bool), .def = "yes" },
	{ .section = "one",
	    .name = "flag",
	    .type = CONF_FLAG,
	    AT(flag, bool),
	    .names = flags,
	    .def = "pass" },
	{ .section = "one",
	    .name = "count",
	    .type = CONF_UINT,
	    AT(count, uint32_t),
	    .min = 2,
	    .max = 20,
	    .def = "3" },
	{ .section = "one",
	    .name = "size",
	    .type = CONF_SIZE,
	    AT(size, uint64_t),
	    .min = 1024,
	    .max = 1 << 30,
	    .def = "64k" },
	{ .section = "two",
	    .name = "time",
	    .type = CONF_MSEC,
	    AT(time, int64_t),
	    .min = MS_SEC,
	    .max = MS_DAY,
	    .def = "90m" },
	{ .section = "two", .name = "wide", .type = CONF_MSEC, AT(wide, int64_t) },
	{ .section = "two",
	    .name = "color",
	    .type = CONF_ENUM,
	    AT(color, enum color),
	    .names = colors,
	    .def = "green" },
	{ .section = "two", .name = "text", .type = CONF_STR, AT(text, char *), .def = "" },
	{ .section = "two", .name = "must", .type = CONF_STR, AT(must, char *), .def = "here" },
	{ .section = "two",
	    .name = "called",
	    .type = CONF_CALL,
	    AT(called, int64_t),
	    .call = call,
	    .form = "thing" },
	{ .section = "two", .name = "any", .type = CONF_UINT, AT(count, uint32_t) },
	{ .section = "two", .name = "big", .type = CONF_SIZE, AT(size, uint64_t) },
};

static void
fini(struct target *t)
{
	xfree(t->text);
	xfree(t->must);
}

static const struct conf_key *
key(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

Test(conf, defaults)
{
	struct target t = { .wide = 5, .called = 6 };
	char why[CONF_WHY_MAX];
	struct conf_key broken = { .section = "x", .name = "n", .type = CONF_UINT, .def = "x" };

	cr_assert_eq(conf_defaults(table, ARRAY_LEN(table), &t, why, sizeof(why)), 0);
	cr_expect(t.on && !t.flag);
	cr_expect_eq(t.count, 3u);
	cr_expect_eq(t.size, 65536u);
	cr_expect_eq(t.time, 90 * MS_MIN);
	cr_expect_eq(t.wide, 5, "no default: left as it is");
	cr_expect_eq(t.called, 6);
	cr_expect_eq(t.color, GREEN);
	cr_expect_null(t.text);
	cr_expect_str_eq(t.must, "here");
	fini(&t);
	cr_expect_eq(conf_defaults(&broken, 1, &t, why, sizeof(why)), ERR_SYNTAX);
	cr_expect_str_eq(why, "n: \"x\" is not a number");
}

struct good {
	const char *key, *value;
	int64_t want;
};

static const struct good goods[] = {
	{ "on", "yes", 1 },
	{ "on", "no", 0 },
	{ "on", "on", 1 },
	{ "on", "off", 0 },
	{ "on", "true", 1 },
	{ "on", "false", 0 },
	{ "flag", "pass", 0 },
	{ "flag", "defer", 1 },
	{ "count", "2", 2 },
	{ "count", "20", 20 },
	{ "any", "0", 0 },
	{ "any", "4294967295", UINT32_MAX },
	{ "size", "1k", 1024 },
	{ "size", "1024", 1024 },
	{ "size", "1K", 1024 },
	{ "size", "1m", 1 << 20 },
	{ "size", "1024M", 1 << 30 },
	{ "size", "1G", 1 << 30 },
	{ "big", "0", 0 },
	{ "big", "8589934591G", 8589934591 * ((int64_t)1 << 30) },
	{ "time", "1", 1000 },
	{ "time", "1s", 1000 },
	{ "time", "1000ms", 1000 },
	{ "time", "24h", MS_DAY },
	{ "time", "1d", MS_DAY },
	{ "time", "5m", 5 * MS_MIN },
	{ "wide", "0", 0 },
	{ "wide", "45d", 45 * (int64_t)MS_DAY },
	{ "wide", "9223372036854775807ms", INT64_MAX },
	{ "wide", "106751991167d", 106751991167 * (int64_t)MS_DAY },
	{ "color", "red", RED },
	{ "color", "green", GREEN },
	{ "called", "abc", 3 },
};

static int64_t
value_of(const struct target *t, const struct conf_key *k)
{
	const char *at = (const char *)t + k->offset;

	switch (k->type) {
	case CONF_BOOL:
	case CONF_FLAG:
		return *(const bool *)at;
	case CONF_UINT:
		return *(const uint32_t *)at;
	case CONF_ENUM:
		return (int64_t) * (const enum color *)at;
	default:
		return *(const int64_t *)at;
	}
}

Test(conf, good_values)
{
	for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
		const struct good *g = &goods[i];
		struct target t = { 0 };
		char why[CONF_WHY_MAX] = "";

		memset(&t, 0xa5, offsetof(struct target, text)); /* so that nothing is right by chance */
		cr_expect_eq(conf_set(key(g->key), &t, str_of(g->value), why, sizeof(why)), 0, "%s = %s: %s",
		    g->key, g->value, why);
		cr_expect_eq(value_of(&t, key(g->key)), g->want, "%s = %s", g->key, g->value);
	}
}

struct bad {
	const char *key, *value;
	int err;
	const char *why;
};

static const struct bad bads[] = {
	{ "on", "maybe", ERR_SYNTAX, "\"maybe\" is not one of yes | no | on | off | true | false" },
	{ "on", "", ERR_SYNTAX, "\"\" is not one of yes | no | on | off | true | false" },
	{ "on", "YES", ERR_SYNTAX, "\"YES\" is not one of yes | no | on | off | true | false" },
	{ "flag", "0", ERR_SYNTAX, "\"0\" is not one of pass | defer" },
	{ "count", "", ERR_SYNTAX, "\"\" is not a number" },
	{ "count", "-1", ERR_SYNTAX, "\"-1\" is not a number" },
	{ "count", "3 ", ERR_SYNTAX, "\"3 \" is not a number" },
	{ "count", "0x3", ERR_SYNTAX, "\"0x3\" is not a number" },
	{ "count", "1", ERR_RANGE, "\"1\" is out of range (2 to 20)" },
	{ "count", "21", ERR_RANGE, "\"21\" is out of range (2 to 20)" },
	{ "count", "18446744073709551616", ERR_RANGE, "\"18446744073709551616\" is out of range (2 to 20)" },
	{ "any", "4294967296", ERR_RANGE, "\"4294967296\" is too large" },
	{ "size", "1023", ERR_RANGE, "\"1023\" is out of range (1k to 1G)" },
	{ "size", "1025M", ERR_RANGE, "\"1025M\" is out of range (1k to 1G)" },
	{ "size", "1T", ERR_SYNTAX, "\"1T\" is not a size (use k M G)" },
	{ "size", "k", ERR_SYNTAX, "\"k\" is not a size (use k M G)" },
	{ "big", "8589934592G", ERR_RANGE, "\"8589934592G\" is too large" },
	{ "time", "45x", ERR_SYNTAX, "\"45x\" is not a time (use s m h d)" },
	{ "time", "1.5h", ERR_SYNTAX, "\"1.5h\" is not a time (use s m h d)" },
	{ "time", "5M", ERR_SYNTAX, "\"5M\" is not a time (use s m h d)" },
	{ "time", "5 m", ERR_SYNTAX, "\"5 m\" is not a time (use s m h d)" },
	{ "time", "", ERR_SYNTAX, "\"\" is not a time (use s m h d)" },
	{ "time", "999ms", ERR_RANGE, "\"999ms\" is out of range (1s to 1d)" },
	{ "time", "0", ERR_RANGE, "\"0\" is out of range (1s to 1d)" },
	{ "time", "86401", ERR_RANGE, "\"86401\" is out of range (1s to 1d)" },
	{ "time", "99999999999999999999d", ERR_RANGE,
	    "\"99999999999999999999d\" is out of range (1s to 1d)" },
	{ "wide", "106751991168d", ERR_RANGE, "\"106751991168d\" is too large" },
	{ "color", "gren", ERR_SYNTAX, "\"gren\" is not one of red | green" },
	{ "must", "", ERR_SYNTAX, "no value" },
	{ "called", "", ERR_SYNTAX, "too short" },
	{ "count", "a\"\x01\xff", ERR_SYNTAX, "\"a\"\\x01\\xff\" is not a number" },
};

Test(conf, bad_values)
{
	for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
		const struct bad *b = &bads[i];
		struct target t, before;
		char why[CONF_WHY_MAX] = "";

		memset(&t, 0, sizeof(t));
		memset(&t, 0x5a, offsetof(struct target, text));
		memcpy(&before, &t, sizeof(t));
		cr_expect_eq(conf_set(key(b->key), &t, str_of(b->value), why, sizeof(why)), b->err, "%s = %s",
		    b->key, b->value);
		cr_expect_str_eq(why, b->why);
		cr_expect_eq(memcmp(&before, &t, sizeof(t)), 0, "%s = %s: untouched", b->key, b->value);
	}
}

Test(conf, text)
{
	struct target t = { 0 };
	char why[CONF_WHY_MAX];

	cr_assert_eq(conf_set(key("text"), &t, STR("first"), why, sizeof(why)), 0);
	cr_expect_str_eq(t.text, "first");
	cr_assert_eq(conf_set(key("text"), &t, STR("second"), why, sizeof(why)), 0);
	cr_expect_str_eq(t.text, "second");
	cr_assert_eq(conf_set(key("text"), &t, STR(""), why, sizeof(why)), 0);
	cr_expect_null(t.text);
}

Test(conf, same)
{
	struct target a = { .count = 1, .text = (char *)"x", .called = 1 }, b = a;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		cr_expect(conf_same(&table[i], &a, &b));
	b.count = 2;
	b.called = 2;
	b.text = (char *)"y";
	cr_expect_not(conf_same(key("count"), &a, &b));
	cr_expect_not(conf_same(key("text"), &a, &b));
	cr_expect(conf_same(key("called"), &a, &b));
	b.text = NULL;
	cr_expect_not(conf_same(key("text"), &a, &b));
	cr_expect(conf_same(key("must"), &a, &b), "both NULL");
}

struct unknown {
	const char *section, *name, *why;
};

static const struct unknown unknowns[] = {
	{ "oen", NULL, "unknown section [oen], did you mean [one]?" },
	{ "three", NULL, "unknown section [three]" },
	{ "one", "cuont", "unknown key \"cuont\" in [one], did you mean \"count\"?" },
	{ "one", "Count", "unknown key \"Count\" in [one], did you mean \"count\"?" },
	{ "two", "colour", "unknown key \"colour\" in [two], did you mean \"color\"?" },
	{ "one", "weather", "unknown key \"weather\" in [one]" },
	{ "one", "time", "unknown key \"time\" in [one]; it belongs to [two]" },
	{ "one", "", "unknown key \"\" in [one]" },
};

Test(conf, unknown)
{
	for (size_t i = 0; i < ARRAY_LEN(unknowns); i++) {
		char why[CONF_WHY_MAX];

		conf_unknown(
		    table, ARRAY_LEN(table), unknowns[i].section, unknowns[i].name, why, sizeof(why));
		cr_expect_str_eq(why, unknowns[i].why);
	}
	cr_expect_eq(conf_find(table, ARRAY_LEN(table), "two", "color"), key("color"));
	cr_expect_null(conf_find(table, ARRAY_LEN(table), "one", "color"));
	cr_expect_null(conf_find(table, ARRAY_LEN(table), "two", "colo"));
}

static const char *
nearer(const char *word, const char *candidate, const char *near)
{
	conf_nearer(str_of(word), candidate, &near);
	return near ? near : "none";
}

Test(conf, nearer)
{
	static const char *const one_edit[] = { "abcd", "ABCD", "acbd", "abd", "abcde", "axcd" };

	for (size_t i = 0; i < ARRAY_LEN(one_edit); i++)
		cr_expect_str_eq(nearer("abcd", one_edit[i], NULL), one_edit[i]);
	cr_expect_str_eq(nearer("kitten", "mittens", NULL), "mittens");
	cr_expect_str_eq(nearer("kitten", "sitting", NULL), "none", "three edits");
	cr_expect_str_eq(nearer("abc", "", NULL), "none");
	cr_expect_str_eq(nearer("ab", "cd", NULL), "none", "two in a short word");
	cr_expect_str_eq(nearer("kitten", "sitten", "mittens"), "sitten");
	cr_expect_str_eq(nearer("kitten", "mittens", "sitten"), "sitten");
	cr_expect_str_eq(nearer("kitten", "bitten", "sitten"), "sitten", "the first");
}

Test(conf, nearer_of_long_words)
{
	char a[CONF_NAME_MAX + 2] = "", b[CONF_NAME_MAX + 2] = "";

	memset(a, 'a', CONF_NAME_MAX + 1);
	memset(b, 'a', CONF_NAME_MAX + 1);
	b[3] = 'b';
	cr_expect_str_eq(nearer(a, b, NULL), "none");
	cr_expect_str_eq(nearer(a, a, NULL), a);
	a[CONF_NAME_MAX] = b[CONF_NAME_MAX] = '\0';
	cr_expect_str_eq(nearer(a, b, NULL), b);
}

Test(conf, words)
{
	struct str rest = STR(" a,b , c\t,,d "), word;
	const char *want[] = { "a", "b", "c", "d" };
	size_t n = 0;

	while (conf_word(&rest, &word)) {
		cr_assert_lt(n, ARRAY_LEN(want));
		cr_expect(str_eq(word, str_of(want[n])));
		n++;
	}
	cr_expect_eq(n, ARRAY_LEN(want));
	cr_expect_not(conf_word(&(struct str){ NULL, 0 }, &word));
}

struct domain {
	const char *s;
	bool ok;
};

static const struct domain domains[] = {
	{ "example.org", true }, { ".example.org", true }, { "localhost", true }, { "a_b-1.Example", true },
	{ "b\xc3\xbc"
	  "cher.example",
	    true },
	{ "", false }, { ".", false }, { "..a", false }, { "a..b", false }, { "a.", false }, { "a b", false },
	{ "a@b", false }, { "a/b", false }, { "[::1]", false },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", true },   /* 63 */
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", false }, /* 64 */
};

Test(conf, domain)
{
	char longest[260];

	for (size_t i = 0; i < ARRAY_LEN(domains); i++)
		cr_expect_eq(conf_domain(str_of(domains[i].s)), domains[i].ok, "%s", domains[i].s);
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 50 == 49 ? '.' : 'x';
	cr_expect(conf_domain((struct str){ longest, 253 }));
	cr_expect_not(conf_domain((struct str){ longest, 254 }));
}

Test(conf, quote)
{
	char text[200];
	struct conf_quoted cut;

	cr_expect_str_eq(CONFQ(STR("")), "\"\"");
	cr_expect_str_eq(CONFQ(STR("a b")), "\"a b\"");
	cr_expect_str_eq(CONFQ(STR("\n\x80")), "\"\\x0a\\x80\"");
	for (size_t n = 0; n < sizeof(text); n++) {
		struct conf_quoted q;
		const char *out;

		memset(text, n % 2 ? 'x' : 1, n);
		out = conf_quote(&q, (struct str){ text, n });
		cr_assert_lt(strlen(out), sizeof(q.text));
		cr_expect_eq(out[strlen(out) - 1], '"', "%zu: %s", n, out);
	}
	memset(text, 'x', sizeof(text));
	conf_quote(&cut, (struct str){ text, sizeof(text) });
	cr_expect_str_eq(cut.text + strlen(cut.text) - 6, "xx...\"");
	for (size_t n = 1; n + 5 < strlen(cut.text); n++)
		cr_expect_eq(cut.text[n], 'x');
}

Test(conf, type_text)
{
	char text[128];

	conf_type_text(key("flag"), text, sizeof(text));
	cr_expect_str_eq(text, "pass | defer");
	conf_type_text(key("called"), text, sizeof(text));
	cr_expect_str_eq(text, "thing");
	conf_type_text(key("time"), text, sizeof(text));
	cr_expect_str_eq(text, "time");
	conf_type_text(key("on"), text, sizeof(text));
	cr_expect_str_eq(text, "yes | no");
}

Test(conf, msec_text)
{
	static const struct {
		int64_t ms;
		const char *text;
	} times[] = { { 0, "0" }, { 1, "1ms" }, { 1000, "1s" }, { 90 * MS_SEC, "90s" }, { 2 * MS_MIN, "2m" },
		{ MS_HOUR, "1h" }, { 36 * MS_HOUR, "36h" }, { 45 * (int64_t)MS_DAY, "45d" },
		{ MS_DAY + 1, "86400001ms" } };

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		char text[32];
		int64_t back;

		conf_msec_text(times[i].ms, text, sizeof(text));
		cr_expect_str_eq(text, times[i].text);
		cr_assert_eq(conf_msec(str_of(text), &back), 0);
		cr_expect_eq(back, times[i].ms);
	}
}
