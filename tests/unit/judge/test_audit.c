/* SPDX-License-Identifier: ISC */
/* Alias maps and lists files, and what the audit says of them: "line severity kind list -> line to write". */
#include "judge/audit.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/xalloc.h"

static struct aliases aliases;
static struct lists lists;
static struct site site;
static struct buf said;
static struct audit in;
static struct audit_result result;
static unsigned includes;

static bool
user(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "root") == 0 || strcmp(name, "unix") == 0;
}

static bool
include(void *arg, const char *path, struct str *text)
{
	(void)arg;
	includes++;
	*text = STR("# members\none@else.test\n\n two@else.test, anna@x.test\n:include:/more\n");
	return strcmp(path, "/members") == 0;
}

static const char *
path(void *arg, const char *file)
{
	(void)arg;
	return strcmp(file, "a") == 0 ? "/etc/a" : file;
}

static void
found(void *arg, const struct audit_finding *f)
{
	(void)arg;
	cr_assert_not_null(f->what);
	buf_printf(
	    &said, "%s:%u %s %s %s", f->file, f->line, audit_severity_names[f->severity], f->kind, f->list);
	if (f->put)
		buf_printf(&said, " -> %s%s%s", f->where ? f->where : "", f->where ? ": " : "", f->put);
	buf_printf(&said, "\n");
}

static void
init(void)
{
	aliases_init(&aliases);
	lists_init(&lists);
	site_init(&site);
	buf_init(&said, 0);
	strset_add(&site.local_domains, STR("x.test"));
	in = (struct audit){ .aliases = &aliases,
		.lists = &lists,
		.site = &site,
		.user = user,
		.path = path,
		.include = include,
		.found = found };
}

static void
done(void)
{
	aliases_fini(&aliases);
	lists_fini(&lists);
	site_fini(&site);
	buf_fini(&said);
}

TestSuite(audit, .init = init, .fini = done, .timeout = 60);

static void
add(struct str text)
{
	aliases_add(&aliases, text, "a", NULL);
}

/* Also known to the daemon. */
static void
add_listed(const char *text)
{
	add(str_of(text));
	lists_add_aliases(&lists, str_of(text), "a", &site, NULL);
	in.lists_key = "aliases:a";
}

static const char *
run(void)
{
	aliases_sort(&aliases);
	lists_finish(&lists, NULL);
	buf_reset(&said);
	audit_run(&in, &result);
	buf_append(&said, "", 1);
	return buf_str(&said).p;
}

#define LISTS "lists.conf: "

Test(audit, what_is_no_list)
{
	add(STR("postmaster: root, dora\n"
		"root: anna\n"
		"abuse: dora, carl\n"
		"anna: \\anna, anna@far.test\n"
		"unix: unix, unix@far.test\n"
		"bert: bert@far.test\n"
		"log: /var/log/mail, bert\n"
		"robot: \"|/usr/bin/robot a, b\", anna\n"
		"gone: :fail:, :blackhole:\n"
		"same: anna@x.test, ANNA@X.Test\n"
		"empty:\n"));
	cr_expect_str_eq(run(), "");
	cr_expect_eq(result.lists, 2u, "the two that are roles");
	add(STR("hostmaster: dora\nmailer-daemon: dora, eve@far.test\n"));
	cr_expect_str_eq(
	    run(), "a:2 warning no-owner mailer-daemon@x.test -> owner-mailer-daemon: postmaster\n");
}

Test(audit, a_list_as_it_should_be)
{
	add_listed("staff: anna, bert, carl@far.test\nowner-staff: anna\n");
	in.guarded = true;
	cr_expect_str_eq(run(), "");
	cr_expect_eq(result.lists, 1u);
}

Test(audit, open_to_anybody)
{
	add_listed("staff: anna, carl@far.test\nowner-staff: anna\n");
	cr_expect_str_eq(run(), "a:1 note open staff@x.test\n");
}

Test(audit, only_members_here_are_no_danger)
{
	add_listed("staff: anna, bert\nowner-staff: anna\n");
	cr_expect_str_eq(run(), "");
}

Test(audit, posters_that_nobody_asks_for)
{
	lists_add(&lists, STR("press@x.test anna@x.test ed@far.test\n"), "l", NULL);
	add(STR("press: anna, carl@far.test\n"));
	cr_expect_str_eq(run(), "a:1 note unguarded press@x.test\n");
	in.guarded = true;
	cr_expect_str_eq(run(), "");
}

Test(audit, no_owner)
{
	add(STR("in: anna, bert\n"
		"out: anna,\n  carl@far.test\n"
		"files: :include:/members\n"
		"unread: anna, :include:/missing\n"
		"relative: :include:members\n"
		"majordomo: \"|/usr/lib/majordomo/wrapper majordomo\"\n"
		"news: \"|/usr/lib/mailman/mailman post news\"\n"
		"\"two words\": Anna <anna@far.test>, \"Bert, B\" <bert@far.test>\n"));
	cr_expect_str_eq(run(),
	    "a:1 warning no-owner in@x.test -> owner-in: postmaster\n"
	    "a:1 note not-listed in@x.test -> the file that [mail] lists names: in@x.test  "
	    "postmaster@x.test\n"
	    "a:2 danger no-owner out@x.test -> owner-out: postmaster\n"
	    "a:2 warning not-listed out@x.test -> the file that [mail] lists names: out@x.test  "
	    "postmaster@x.test\n"
	    "a:4 danger no-owner files@x.test -> owner-files: postmaster\n"
	    "a:4 warning not-listed files@x.test -> the file that [mail] lists names: files@x.test  "
	    "postmaster@x.test\n"
	    "a:5 danger no-owner unread@x.test -> owner-unread: postmaster\n"
	    "a:5 warning not-listed unread@x.test -> the file that [mail] lists names: unread@x.test  "
	    "postmaster@x.test\n"
	    "a:6 danger no-owner relative@x.test -> owner-relative: postmaster\n"
	    "a:6 warning not-listed relative@x.test -> the file that [mail] lists names: relative@x.test  "
	    "postmaster@x.test\n"
	    "a:8 danger no-owner news@x.test -> owner-news: postmaster\n"
	    "a:8 warning not-listed news@x.test -> the file that [mail] lists names: news@x.test  "
	    "postmaster@x.test\n"
	    "a:9 danger no-owner two words@x.test -> \"owner-two words\": postmaster\n"
	    "a:9 warning not-listed two words@x.test -> the file that [mail] lists names: two words@x.test  "
	    "postmaster@x.test\n");
	cr_expect_eq(includes, 2u, "/members and /missing, and nothing that these name");
	cr_expect(result.n[AUDIT_DANGER] == 6 && result.n[AUDIT_WARNING] == 7 && result.n[AUDIT_NOTE] == 1);
}

Test(audit, a_manager_that_takes_its_bounces_itself)
{
	in.lists_file = "lists.conf";
	add(STR("news: \"|/usr/lib/mailman/mailman post news\"\n"
		"news-admin: \"|/usr/lib/mailman/mailman admin news\"\n"
		"news-bounces: \"|/usr/lib/mailman/mailman bounces news\"\n"
		"news-owner: anna, bert\n"));
	cr_expect_str_eq(
	    run(), "a:1 warning not-listed news@x.test -> " LISTS "news@x.test  postmaster@x.test\n");
}

Test(audit, managers_whose_bounces_have_other_names)
{
	in.lists_file = "lists.conf";
	add(STR("moor: \"| /usr/lib/sympa/bin/queue moor@x.test\"\n"
		"moor-request: \"| /usr/lib/sympa/bin/queue moor-request@x.test\"\n"
		"moor-editor: \"| /usr/lib/sympa/bin/queue moor-editor@x.test\"\n"
		"moor-unsubscribe: \"| /usr/lib/sympa/bin/queue moor-unsubscribe@x.test\"\n"
		"moor-owner: \"| /usr/lib/sympa/bin/bouncequeue moor@x.test\"\n"
		"walk: \"|/usr/bin/mlmmj-receive -L /var/spool/mlmmj/walk/\"\n"
		"wood: \"|/usr/lib/sympa/bin/queue wood@x.test\"\n"
		"wood-owner: anna\n"));
	cr_expect_str_eq(run(),
	    "a:1 warning not-listed moor@x.test -> " LISTS "moor@x.test  postmaster@x.test\n"
	    "a:6 warning not-listed walk@x.test -> " LISTS "walk@x.test  postmaster@x.test\n"
	    "a:7 danger no-owner wood@x.test -> owner-wood: postmaster\n"
	    "a:7 warning not-listed wood@x.test -> " LISTS "wood@x.test  postmaster@x.test\n");
}

Test(audit, owner_in_the_lists_file)
{
	lists_add(&lists, STR("staff@x.test boss@far.test\n"), "l", NULL);
	add(STR("staff: anna, bert\n"));
	cr_expect_str_eq(run(), "");
}

Test(audit, a_postmaster_behind_the_list_is_no_owner_for_it)
{
	lists_add(&lists, STR("b@x.test o@far.test\na@x.test o@far.test\n"), "l", NULL);
	add(STR("postmaster: staff\nstaff: anna, bert\nroot: anna\n"));
	cr_expect_str_eq(run(),
	    "a:2 warning no-owner staff@x.test -> owner-staff: root\n"
	    "a:2 note not-listed staff@x.test -> the file that [mail] lists names: staff@x.test  "
	    "root@x.test\n");
}

Test(audit, owners_that_are_lists)
{
	add_listed("a: anna, bert\nowner-a: b\n"
		   "b: anna, bert\nowner-b: anna, A@x.test\n"
		   "c: anna, bert\nowner-c: keepers\nkeepers: bert, more\nmore: anna, c\n"
		   "d: anna, bert\nowner-d: d+bounces\n"
		   "e: anna, bert\nowner-e: people\npeople: anna, bert\nowner-people: anna\n"
		   "f: anna, bert\nowner-f: pair\n"
		   "pair: anna, bert, carl, dora\n");
	in.guarded = true;
	cr_expect_str_eq(run(),
	    "a:2 danger owner-is-list a@x.test -> owner-a: postmaster\n"
	    "a:4 danger owner-is-list b@x.test -> owner-b: postmaster\n"
	    "a:6 danger owner-loop c@x.test -> owner-c: postmaster\n"
	    "a:7 warning no-owner keepers@x.test -> owner-keepers: postmaster\n"
	    "a:7 note nested keepers@x.test\n"
	    "a:7 note not-listed keepers@x.test -> the file that [mail] lists names: keepers@x.test  "
	    "postmaster@x.test\n"
	    "a:8 warning no-owner more@x.test -> owner-more: postmaster\n"
	    "a:8 note nested more@x.test\n"
	    "a:8 note not-listed more@x.test -> the file that [mail] lists names: more@x.test  "
	    "postmaster@x.test\n"
	    "a:10 danger owner-is-list d@x.test -> owner-d: postmaster\n"
	    "a:12 danger owner-is-list e@x.test -> owner-e: postmaster\n"
	    "a:17 warning no-owner pair@x.test -> owner-pair: postmaster\n"
	    "a:17 note not-listed pair@x.test -> the file that [mail] lists names: pair@x.test  "
	    "postmaster@x.test\n");
}

Test(audit, owners_of_the_lists_file)
{
	strset_add(&site.local_domains, STR("y.test"));
	lists_add(&lists,
	    STR("a@x.test b@x.test p@far.test\n"
		"b@x.test c@x.test\n"
		"c@y.test nobody@x.test\n"
		"d@x.test who@far.test\n"
		"e@x.test keepers@x.test\n"
		"e@y.test keepers@y.test\n"),
	    "l", NULL);
	add(STR("c: anna, bert\nowner-c: anna\ne: anna, bert\nkeepers: anna, e\nowner-keepers: anna\n"));
	in.guarded = true;
	run();
	cr_expect_not_null(strstr(buf_str(&said).p,
	    "l:1 danger owner-is-list a@x.test -> a@x.test  postmaster@x.test "
	    "p@far.test\n"));
	cr_expect_not_null(
	    strstr(buf_str(&said).p, "l:2 danger owner-is-list b@x.test -> b@x.test  postmaster@x.test\n"));
	cr_expect_not_null(
	    strstr(buf_str(&said).p, "l:3 note owner-unknown c@y.test -> c@y.test  postmaster@y.test\n"));
	cr_expect_null(strstr(buf_str(&said).p, "d@x.test"));
	cr_expect_not_null(strstr(buf_str(&said).p, "l:5 danger owner-is-list e@x.test"));
	cr_expect_not_null(strstr(buf_str(&said).p, "l:6 danger owner-is-list e@y.test"));
}

Test(audit, owners_that_are_nobody)
{
	add_listed("a: anna, bert\nowner-a: typo\n"
		   "b: anna, bert\nowner-b: root\n"
		   "c: anna, bert\nowner-c: BERT\n"
		   "d: anna, bert\nowner-d: typo@x.test\n"
		   "e: anna, bert\nowner-e: typo@far.test\n"
		   "f: anna, bert\nowner-f:\n"
		   "g: anna, bert\nowner-g: anna, typo\n"
		   "h: anna, bert\nowner-h: /var/mail/h\n");
	cr_expect_str_eq(run(),
	    "a:2 warning owner-unknown a@x.test -> owner-a: postmaster\n"
	    "a:8 note owner-unknown d@x.test -> owner-d: postmaster\n"
	    "a:12 warning owner-unknown f@x.test -> owner-f: postmaster\n"
	    "a:14 warning owner-unknown g@x.test -> owner-g: postmaster\n");
}

Test(audit, lists_that_contain_themselves)
{
	add(STR("own: anna, own, carl\n"
		"one: anna@far.test, two\n"
		"two: three\n"
		"three: bert, \"ONE\"@x.test\n"
		"alone: alone\n"
		"in: anna, bert, one\n"
		"in2: :include:/members\n"));
	in.guarded = true;
	run();
	cr_expect_not_null(strstr(buf_str(&said).p, "a:1 danger cycle own@x.test -> own: anna, carl\n"));
	cr_expect_not_null(strstr(buf_str(&said).p, "a:2 danger cycle one@x.test -> one: anna@far.test\n"));
	cr_expect_null(strstr(buf_str(&said).p, "danger cycle two"), "a ring is told once");
	cr_expect_not_null(strstr(buf_str(&said).p, "a:5 danger cycle alone@x.test\n"));
	cr_expect_null(strstr(buf_str(&said).p, "cycle in"), "what leads into it is no part of it");
	cr_expect_not_null(strstr(buf_str(&said).p, "a:6 note nested in@x.test\n"));
}

/* The file that is included names the list. */
Test(audit, a_cycle_by_way_of_a_file)
{
	add(STR("anna: bert, :include:/members\n"));
	run();
	cr_expect_not_null(strstr(buf_str(&said).p, "a:1 danger cycle anna@x.test\n"));
}

Test(audit, a_map_that_is_not_configured)
{
	add(STR("staff: anna, bert\nowner-staff: anna\n"));
	in.lists_key = "lists, aliases:other";
	cr_expect_str_eq(run(),
	    "a:1 warning not-listed staff@x.test -> policyd-storm.conf [mail]: lists = lists, aliases:other, "
	    "aliases:/etc/a\n");
}

Test(audit, several_files_are_one_map)
{
	add(STR("staff: anna, bert\n"));
	aliases_add(&aliases, STR("owner-staff: anna\nstaff: other, one\n"), "b", NULL);
	lists_add(&lists, STR("staff@x.test anna@x.test\n"), "l", NULL);
	cr_expect_str_eq(run(), "");
	cr_expect_eq(result.lists, 2u);
}

Test(audit, rings_of_many)
{
	struct buf b;

	in.guarded = true;
	for (unsigned n = 1; n < 40000; n = n * 7 + 1) {
		aliases_fini(&aliases);
		buf_init(&b, 0);
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "r%u: r%u, anna\n", i, (i + 1) % n);
		add(buf_str(&b));
		buf_fini(&b);
		run();
		cr_expect_eq(result.n[AUDIT_DANGER], 1u, "%u", n);
	}
}

/* Each is behind the next, and none has an end: the ways are too many to be followed. */
Test(audit, owners_without_end)
{
	enum { N = 20000 };
	struct buf b;

	buf_init(&b, 0);
	for (int i = 0; i < N; i++)
		buf_printf(&b, "l%d: a@far.test, b@far.test\nowner-l%d: g%d\ng%d: g%d\n", i, i, i, i, i + 1);
	add(buf_str(&b));
	buf_fini(&b);
	run();
	cr_expect_not_null(strstr(buf_str(&said).p, "warning unfinished (all)\n"));
	cr_expect_eq(result.lists, (unsigned)N);
}

Test(audit, included_members_have_a_cap)
{
	struct buf b;

	/* /members has four values; 262144 times four is the cap. */
	for (unsigned beyond = 0; beyond < 2; beyond++) {
		aliases_fini(&aliases);
		buf_init(&b, 0);
		buf_printf(&b, "x:");
		for (unsigned i = 0; i < AUDIT_INCLUDED_MAX / 4 - 1; i++)
			buf_printf(&b, " :include:/members,");
		buf_printf(&b, "\ny: :include:/members\n%s", beyond ? "z: :include:/members\n" : "");
		add(buf_str(&b));
		buf_fini(&b);
		includes = 0;
		run();
		cr_expect_eq(includes, AUDIT_INCLUDED_MAX / 4 + beyond);
		cr_expect_eq(result.lists, 2 + beyond);
	}
}

Test(audit, long_lines)
{
	enum { N = 1 << 20 };
	char *text = xmalloc(3 * N + 64);
	struct str all = { text, 0 };

	memcpy(text, "a: b, c, a, ", 12);
	memset(text + 12, 'm', N);
	memcpy(text + 12 + N, "\n", 1);
	memset(text + 13 + N, 'n', N);
	memcpy(text + 13 + 2 * N, ": b@far.test, c\n", 16);
	all.n = 29 + 2 * (size_t)N;
	add(all);
	xfree(text);
	in.guarded = true;
	run();
	cr_expect_eq(result.n[AUDIT_DANGER], 2u);
	cr_expect_lt(said.len, 10000u, "nobody is shown a megabyte");
}

Test(audit, any_bytes)
{
	static const char alphabet[] = "ab@.x:,\"\\ \t\n\n#-owner-|/<>:include:/members";
	uint64_t seed = 7;

	for (int round = 0; round < 3000; round++) {
		char text[300];

		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[i] = alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
		}
		in.guarded = round & 1;
		lists_add(&lists, (struct str){ text, 150 }, "l", NULL);
		add((struct str){ text, sizeof(text) });
		run();
		lists_fini(&lists);
		aliases_fini(&aliases);
	}
}
