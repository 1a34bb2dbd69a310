/* SPDX-License-Identifier: ISC */
/* Lists files and alias maps: what they name, and each fault with its line. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/str.h"
#include "judge/lists.h"

static struct lists lists;
static struct buf said;
static struct site site;

static void
init(void)
{
	lists_init(&lists);
	buf_init(&said, 0);
	site_init(&site);
}

static void
done(void)
{
	lists_fini(&lists);
	buf_fini(&said);
	site_fini(&site);
}

TestSuite(lists, .init = init, .fini = done);

static void
on_fault(void *arg, const char *file, unsigned line, const char *what)
{
	(void)arg;
	buf_printf(&said, "%s:%u: %s\n", file, line, what);
}

static struct conf_faults told = { .report = on_fault };

/* How many faults are found. */
static unsigned
finish(void)
{
	unsigned before = told.n;

	lists_finish(&lists, &told);
	return told.n - before;
}

static const char *
faults(void)
{
	buf_append(&said, "", 1);
	return buf_str(&said).p;
}

static void
add(const char *text)
{
	lists_add(&lists, str_of(text), "l", &told);
}

static void
add_aliases(const char *text)
{
	lists_add_aliases(&lists, str_of(text), "a", &site, &told);
}

static const char *
owner(const char *posting)
{
	const struct list_entry *e = lists_find(&lists, str_of(posting));

	return e ? e->owner : "-";
}

Test(lists, file)
{
	const struct list_entry *e;

	add("\xef\xbb\xbf# all lists\n\nAll@Example.org  Boss@Example.org\n"
	    "  dev@example.org, owner@x.test ; one@X.test\ttwo@x.test # and more@x.test\r\n"
	    "last@example.org o@x.test p1@x.test p2@x.test p3@x.test p4@x.test p5@x.test");
	cr_expect_str_eq(faults(), "l:4: \";\" is not an address\n");
	cr_expect_eq(finish(), 0u);
	cr_expect_eq(lists.n, 3u);
	cr_expect_str_eq(owner("all@example.org"), "Boss@Example.org");
	cr_expect_str_eq(owner("dev@example.org"), "owner@x.test");
	e = lists_find(&lists, STR("dev@example.org"));
	cr_assert_eq(e->posters.n, 2u);
	cr_expect_str_eq(e->posters.v[0], "one@x.test");
	cr_expect_str_eq(e->posters.v[1], "two@x.test");
	cr_expect_eq(e->line, 4u);
	e = lists_find(&lists, STR("last@example.org"));
	cr_assert_eq(e->posters.n, 5u);
	cr_expect_str_eq(e->posters.v[4], "p5@x.test");
	cr_expect_str_eq(owner("all+x@example.org"), "-");
	cr_expect_str_eq(owner("all@example.or"), "-");
	cr_expect_str_eq(owner("all@example.orgx"), "-");
	cr_expect_str_eq(owner("al"), "-");
	cr_expect_str_eq(owner(""), "-");
	cr_expect_null(lists_find(&lists, STR_NONE));
}

Test(lists, nothing)
{
	add("# nothing\n");
	cr_expect_eq(finish(), 0u);
	cr_expect_str_eq(owner("a@x.test"), "-");
}

Test(lists, faults)
{
	add("one@x.test\n"
	    "two o@x.test\n"
	    "three@x.test o\n"
	    "four@x.test o@x.test p\n"
	    "@x.test o@x.test\n"
	    "five@ o@x.test\n"
	    "<six@x.test> o@x.test\n"
	    "seven@x@y o@x.test\n"
	    "eight@x.test: o@x.test\n"
	    "nine@x.test o@*\n"
	    "*@lists.x.test o@x.test\n"
	    "ten@x.test o@x.test *@x.test\n"
	    "good@x.test o@x.test p@[192.0.2.1] p@[IPv6:2001:db8::1]\n");
	cr_expect_eq(finish(), 0u);
	cr_expect_str_eq(faults(),
	    "l:1: a list needs an owner: posting-address owner-address [poster ...]\n"
	    "l:2: \"two\" is not an address\n"
	    "l:3: \"o\" is not an address\n"
	    "l:4: \"p\" is not an address\n"
	    "l:5: \"@x.test\" is not an address\n"
	    "l:6: \"five@\" is not an address\n"
	    "l:7: \"<six@x.test>\" is not an address\n"
	    "l:8: \"seven@x@y\" is not an address\n"
	    "l:9: \"eight@x.test:\" is not an address\n"
	    "l:10: \"o@*\" is not an address\n"
	    "l:11: \"*@lists.x.test\" is not an address\n"
	    "l:12: \"*@x.test\" is not an address\n");
	cr_expect_str_eq(owner("good@x.test"), "o@x.test");
}

Test(lists, owner_and_doubles)
{
	add("b@x.test A@x.test\n"
	    "a@x.test o@x.test\n"
	    "B@X.test o@x.test\n"
	    "c@x.test c@x.test\n"
	    "d@x.test d-owner@x.test\n");
	cr_expect_eq(finish(), 3u);
	cr_expect_str_eq(faults(),
	    "l:1: owner \"A@x.test\" of list \"b@x.test\" is itself a list (l:2)\n"
	    "l:3: list \"b@x.test\" stands in l:1 already\n"
	    "l:4: owner \"c@x.test\" of list \"c@x.test\" is itself a list (l:4)\n");
}

Test(lists, several_files)
{
	add("a@x.test o@x.test\n");
	lists_add(&lists, STR("a@x.test o@x.test\nb@x.test o@x.test\n"), "m", &told);
	cr_expect_eq(finish(), 1u);
	cr_expect_str_eq(faults(), "m:1: list \"a@x.test\" stands in l:1 already\n");
}

/* A line of its own stands in place of what a map says of that address, whatever comes first. Maps alone name
 * each address once. */
Test(lists, a_line_instead_of_an_alias)
{
	static const char map[] = "a: anna, far@y.test\nowner-a: bert\nb: anna\nowner-b: bert\n";
	const struct list_entry *e;

	strset_add(&site.local_domains, STR("x.test"));
	strset_add(&site.local_domains, STR("y.test"));
	add_aliases(map);
	add("a@x.test o@x.test ed@far.test\n");
	add_aliases("c: anna\nowner-c: bert\n");
	add("c@y.test o@x.test\n");
	cr_expect_eq(finish(), 0u);
	cr_expect_str_eq(owner("a@x.test"), "o@x.test");
	cr_expect_str_eq(owner("a@y.test"), "bert@y.test");
	cr_expect_str_eq(owner("b@x.test"), "bert@x.test");
	cr_expect_str_eq(owner("c@x.test"), "bert@x.test");
	cr_expect_str_eq(owner("c@y.test"), "o@x.test");
	e = lists_find(&lists, STR("a@x.test"));
	cr_assert(e && e->posters.n == 1);
	cr_expect_str_eq(e->posters.v[0], "ed@far.test");
	cr_expect_eq(lists.n, 6u);
	add_aliases(map);
	cr_expect_eq(finish(), 3u);
	cr_expect_str_eq(faults(),
	    "a:1: list \"a@y.test\" stands in a:1 already\n"
	    "a:3: list \"b@x.test\" stands in a:3 already\n"
	    "a:3: list \"b@y.test\" stands in a:3 already\n");
}

Test(lists, aliases)
{
	strset_add(&site.local_domains, STR("x.test"));
	strset_add(&site.local_domains, STR(".below.test"));
	strset_add(&site.local_domains, STR("y.test"));
	add_aliases("# aliases(5)\n"
		    "postmaster: root\n"
		    "Staff: anna, bert,\n"
		    "\tcarl\n"
		    "# in between\n"
		    "\n"
		    "  dora@z.test\n"
		    "owner-staff: Anna\n"
		    "news: :include:/etc/mail/news\n"
		    "owner-news: Chief@Z.test\n"
		    "\"two words\": anna\n"
		    "\"owner-two words\": bert\n"
		    "bot: \"|/usr/bin/bot --x=1, 2\"\n"
		    "owner-bot: /var/mail/bot\n"
		    "many: anna\n"
		    "owner-many: anna, bert\n"
		    "pipe: anna\n"
		    "owner-pipe: \"|/usr/bin/x a\"\n"
		    "incl: anna\n"
		    "owner-incl: :include:/etc/x\n"
		    "colon\\:name: anna\n"
		    "owner-owner-staff: root\n"
		    "lonely: anna\r\n");
	cr_expect_str_eq(faults(), "");
	cr_expect_eq(finish(), 0u);
	cr_expect_eq(lists.n, 14u);
	cr_expect_str_eq(owner("staff@x.test"), "Anna@x.test");
	cr_expect_str_eq(owner("staff@y.test"), "Anna@y.test");
	cr_expect_str_eq(owner("staff@.below.test"), "-");
	cr_expect_str_eq(owner("news@y.test"), "Chief@Z.test");
	cr_expect_str_eq(owner("two words@x.test"), "bert@x.test");
	cr_expect_str_eq(owner("bot@x.test"), "owner-bot@x.test");
	cr_expect_str_eq(owner("many@x.test"), "owner-many@x.test");
	cr_expect_str_eq(owner("pipe@x.test"), "owner-pipe@x.test");
	cr_expect_str_eq(owner("incl@x.test"), "owner-incl@x.test");
	cr_expect_str_eq(owner("owner-staff@x.test"), "-");
	cr_expect_str_eq(owner("postmaster@x.test"), "-");
	cr_expect_str_eq(owner("lonely@x.test"), "-");
	cr_expect_eq(lists_find(&lists, STR("staff@x.test"))->line, 3u);
	cr_expect_eq(lists_find(&lists, STR("news@x.test"))->line, 9u);
}

Test(lists, aliases_of_the_host)
{
	site.hostname = (char *)"mx.test";
	add_aliases("staff: anna\nowner-staff: bert\n");
	lists_finish(&lists, NULL);
	cr_expect_str_eq(owner("staff@mx.test"), "bert@mx.test");
	site.hostname = NULL;
	add_aliases("crew: anna\nowner-crew: bert\n");
	cr_expect_str_eq(faults(), "a:1: a list, but no local domain to post to\n");
}

Test(lists, alias_faults)
{
	strset_add(&site.local_domains, STR("x.test"));
	add_aliases("  early\n"
		    "nothing\n"
		    ": anna\n"
		    "\"open: anna\n"
		    "a: anna\nowner-a: b\nb: bert\nowner-b: bert\n"
		    "c: anna\nowner-c: bert , \"a\"\n"
		    "a: again\n");
	cr_expect_eq(finish(), 2u);
	cr_expect_str_eq(faults(),
	    "a:1: space at the start of the line, but no alias above that it goes on with\n"
	    "a:2: not an alias: no \"name:\" in front\n"
	    "a:3: not an alias: no \"name:\" in front\n"
	    "a:4: not an alias: no \"name:\" in front\n"
	    "a:9: owner \"a\" of list \"c\" is itself a list\n"
	    "a:5: owner \"b@x.test\" of list \"a@x.test\" is itself a list (a:7)\n"
	    "a:11: list \"a@x.test\" stands in a:5 already\n");
}

/* Bytes that look like either file; nothing may be read or written beyond them. */
Test(lists, any_bytes, .timeout = 20)
{
	static const char alphabet[] = "ab@.:,\"\\ \t\n\n#-owner-";
	uint64_t seed = 7;

	strset_add(&site.local_domains, STR("x"));
	for (int round = 0; round < 5000; round++) {
		char *text = malloc(200);

		for (size_t i = 0; i < 200; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[i] = alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
		}
		lists_add(&lists, (struct str){ text, 200 }, "l", &told);
		lists_add_aliases(&lists, (struct str){ text, 200 }, "a", &site, &told);
		lists_finish(&lists, NULL);
		for (unsigned i = 0; i < lists.n; i++)
			cr_assert_not_null(lists_find(&lists, str_of(lists.v[i].posting)));
		lists_fini(&lists);
		buf_reset(&said);
		free(text);
	}
}

/* A large site: lookups are by halves, faults come in the order of the lines. */
Test(lists, many, .timeout = 20)
{
	enum { N = 50000 };
	struct buf text;

	buf_init(&text, 0);
	for (int i = 0; i < N; i++)
		buf_printf(&text, "list%d@x.test owner%d@x.test\n", (i * 7919) % N, i);
	lists_add(&lists, buf_str(&text), "l", &told);
	cr_expect_eq(finish(), 0u);
	for (int i = 0; i < N; i++) {
		char name[64];

		snprintf(name, sizeof(name), "list%d@x.test", i);
		cr_assert_not_null(lists_find(&lists, str_of(name)));
	}
	buf_fini(&text);
}
