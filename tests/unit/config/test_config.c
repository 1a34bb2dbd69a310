/* SPDX-License-Identifier: ISC */
/* The whole configuration from files: what it holds, all faults in order, and that a faulty one
 * changes nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "config.h"

static char dir[] = "/tmp/test_config_XXXXXX";
static char path[64];
static struct config c;
static struct buf said;

static const char *const names[] = { "main.conf", "rules.conf", "other.conf", "lists", "more", "aliases" };

static void
write_file(const char *name, const char *text)
{
	char at[128];
	FILE *f;

	snprintf(at, sizeof(at), "%s/%s", dir, name);
	f = fopen(at, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

static void
init(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/main.conf", dir);
	buf_init(&said, 0);
}

static void
done(void)
{
	char at[128];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(at, sizeof(at), "%s/%s", dir, names[i]);
		unlink(at);
	}
	rmdir(dir);
	config_fini(&c);
	buf_fini(&said);
}

TestSuite(config, .init = init, .fini = done);

/* Files are named without their folder, so that what is said can be written down. */
static void
on_fault(void *arg, const char *file, unsigned line, const char *what)
{
	size_t n = strlen(dir) + 1;
	const char *place = strstr(what, dir);

	(void)arg;
	if (strncmp(file, dir, n - 1) == 0)
		file += n;
	if (place)
		buf_printf(&said, "%s:%u: %.*s%s\n", file, line, (int)(place - what), what, place + n);
	else
		buf_printf(&said, "%s:%u: %s\n", file, line, what);
}

static int
load_with(const char *const *sets, unsigned n)
{
	struct conf_faults faults = { on_fault, NULL, 0 };
	int rc;

	buf_reset(&said);
	rc = config_load_with(path, sets, n, &c, &faults);
	cr_expect_eq(rc, faults.n ? ERR_CONF : 0);
	buf_append(&said, "", 1);
	return rc;
}

static int
load(const char *text)
{
	write_file("main.conf", text);
	return load_with(NULL, 0);
}

#define SAID buf_str(&said).p

static void
expect_defaults(void)
{
	char host[256] = "";

	cr_expect_not(c.enforce);
	cr_expect_eq(c.serve.policy.n, 0u);
	cr_expect_eq(c.serve.milter.n, 0u);
	cr_expect_null(c.serve.control);
	cr_expect_eq(c.serve.socket_mode, 0666u);
	cr_expect_eq(c.serve.max_connections, 4096u);
	cr_expect_eq(c.serve.idle_timeout, 20 * MS_MIN);
	cr_expect_eq(c.serve.request_timeout, 30 * MS_SEC);
	cr_expect_eq(c.serve.drain, 5 * MS_SEC);
	cr_expect_null(c.user);
	cr_expect_eq(c.log, LOG_TO_SYSLOG);
	cr_expect_str_eq(c.store.path, "/var/lib/policyd-storm/storm.db");
	cr_expect_eq(c.store.retention, 45 * (int64_t)MS_DAY);
	cr_expect_eq(c.store.max_journal, (uint64_t)10 << 30);
	cr_expect_not(c.store.defer_on_failure);
	cr_expect_eq(c.store.max_counters, 1000000u);
	cr_expect_eq(c.store.max_queue, (uint64_t)64 << 20);
	gethostname(host, sizeof(host) - 1);
	cr_expect(str_ieq(str_of(c.site.hostname), str_of(host)));
	cr_expect_eq(c.site.trusted.n, 2u);
	cr_expect_eq(c.site.relays.n, 0u);
	cr_expect_eq(c.site.own_hosts.n, 0u);
	cr_expect_eq(c.site.local_domains.n, 0u);
	cr_assert_eq(c.site.gateway_markers.n, 1u);
	cr_expect_str_eq(c.site.gateway_markers.v[0], "mspop3connector.");
	cr_expect_eq(c.rules.n, 0u);
	cr_expect_eq(c.lists.n, 0u);
}

Test(config, empty_file)
{
	cr_assert_eq(load(""), 0, "%s", SAID);
	expect_defaults();
}

/* "Where none is named", says the manual. */
Test(config, no_folder_in_memory)
{
	cr_expect_eq(load("[store]\nring_dir =\n"), 0, "%s", SAID);
	cr_expect_null(c.ring_dir);
}

Test(config, no_file)
{
	struct conf_faults faults = { on_fault, NULL, 0 };

	cr_assert_eq(config_load(NULL, &c, &faults), 0);
	expect_defaults();
}

Test(config, everything)
{
	write_file("other.conf",
	    "[rule a]\ndetect = replication\n[rule b]\ndetect = bounce-to-list\nmode = shadow\n"
	    "[rule c]\ndetect = wide-recipients\nmode = off\n");
	write_file("lists", "all@example.org boss@example.org\n");
	write_file("more", "dev@example.org boss@example.org\n");
	write_file("aliases", "staff: anna\nowner-staff: bert\n");
	cr_assert_eq(
	    load("[server]\n"
		 "mode = enforce\n"
		 "policy = unix:/run/p.sock, inet:127.0.0.1:1,\n  inet:[::1]:65535 inet:localhost:10040\n"
		 "milter = unix:/run/m.sock\n"
		 "control = unix:/run/c.sock\n"
		 "socket_mode = 0660\n"
		 "user = nobody\n"
		 "rules = other.conf\n"
		 "log = stderr\n"
		 "max_connections = 1\nidle_timeout = 10s\nrequest_timeout = 1s\ndrain = 0\n"
		 "[store]\n"
		 "path = :memory:\nretention = 1h\non_store_failure = defer\nmax_counters = 1000\n"
		 "max_queue = 64k\n"
		 "[mail]\n"
		 "hostname = MX.Example.org\nown_hosts = mx2.example.org, filter\n"
		 "trusted = 192.0.2.0/24 2001:db8::/32\nrelays = 198.51.100.25\n"
		 "local_domains = Example.org, .sub.example.org\n"
		 "lists = lists, more aliases:aliases\ngateway_markers = One. two.\n"),
	    0, "%s", SAID);
	cr_expect(c.enforce);
	cr_assert_eq(c.serve.policy.n, 4u);
	cr_expect_str_eq(c.serve.policy.v[0], "unix:/run/p.sock");
	cr_expect_str_eq(c.serve.policy.v[2], "inet:[::1]:65535");
	cr_expect_str_eq(c.serve.policy.v[3], "inet:127.0.0.1:10040");
	cr_assert_eq(c.serve.milter.n, 1u);
	cr_expect_str_eq(c.serve.control, "unix:/run/c.sock");
	cr_expect_eq(c.serve.socket_mode, 0660u);
	cr_expect_str_eq(c.user, "nobody");
	cr_expect_eq(c.log, LOG_TO_STDERR);
	cr_expect_eq(c.serve.max_connections, 1u);
	cr_expect_eq(c.serve.drain, 0);
	cr_expect_str_eq(c.store.path, ":memory:");
	cr_expect(c.store.defer_on_failure);
	cr_expect_eq(c.store.max_queue, 65536u);
	cr_expect_str_eq(c.site.hostname, "mx.example.org");
	cr_expect(site_own_host(&c.site, STR("MX2.example.org")));
	cr_expect(site_local_domain(&c.site, STR("x.sub.example.org")));
	cr_expect_eq(c.site.trusted.n, 2u);
	cr_expect_eq(c.site.relays.n, 1u);
	cr_expect_eq(c.site.gateway_markers.n, 2u);
	cr_expect_eq(c.lists.n, 3u);
	cr_expect_not_null(lists_find(&c.lists, STR("staff@example.org")));
	cr_assert_eq(c.rules.n, 3u);
	cr_expect_eq(c.rules.v[0].mode, MODE_ENFORCE);
	cr_expect_eq(c.rules.v[1].mode, MODE_SHADOW);
	cr_expect_eq(c.rules.v[2].mode, MODE_OFF);
}

/* The master switch leaves nothing enforcing, and switches nothing on. */
Test(config, shadow)
{
	write_file(
	    "rules.conf", "[rule a]\ndetect = replication\n[rule b]\ndetect = replication\nmode = off\n");
	cr_assert_eq(load("[server]\nmode = shadow\n"), 0);
	cr_expect_eq(c.rules.v[0].mode, MODE_SHADOW);
	cr_expect_eq(c.rules.v[1].mode, MODE_OFF);
}

struct fault {
	const char *text, *said;
};

#define S "[server]\n"
#define T "[store]\n"
#define M "[mail]\n"
#define PLAIN "expected inet:ADDRESS:PORT or inet:[ADDRESS]:PORT\n"

static const struct fault faults[] = {
	{ "[sever]\nmode = x\n", "main.conf:1: unknown section [sever], did you mean [server]?\n" },
	{ "[rule x]\ndetect = replication\n",
	    "main.conf:1: [rule x] does not belong here but into the file that \"rules\" names\n" },
	{ S "retention = 1d\n",
	    "main.conf:2: unknown key \"retention\" in [server]; it belongs to [store]\n" },
	{ S "mod = enforce\n", "main.conf:2: unknown key \"mod\" in [server], did you mean \"mode\"?\n" },
	{ S "mode = off\n", "main.conf:2: mode: \"off\" is not one of shadow | enforce\n" },
	{ S "mode =\n", "main.conf:2: mode: \"\" is not one of shadow | enforce\n" },
	{ S "policy = 127.0.0.1:10040\n",
	    "main.conf:2: policy: \"127.0.0.1:10040\": expected unix:/PATH or inet:ADDRESS:PORT\n" },
	{ S "policy = inet:127.0.0.1\n", "main.conf:2: policy: \"inet:127.0.0.1\": " PLAIN },
	{ S "policy = inet:127.0.0.1:x\n", "main.conf:2: policy: \"inet:127.0.0.1:x\": " PLAIN },
	{ S "policy = inet:127.0.0.1:0\n",
	    "main.conf:2: policy: \"inet:127.0.0.1:0\": a port is 1 to 65535\n" },
	{ S "milter = inet:127.0.0.1:65536\n",
	    "main.conf:2: milter: \"inet:127.0.0.1:65536\": a port is 1 to 65535\n" },
	{ S "milter = unix:run/x\n",
	    "main.conf:2: milter: \"unix:run/x\": a unix socket wants an absolute path\n" },
	{ S "policy = inet:127.0.0.1:1\nmilter = inet:127.0.0.1:2, inet:localhost:1\n",
	    "main.conf:3: milter: \"inet:127.0.0.1:1\" is taken by policy already\n" },
	{ S "policy = unix:/a, unix:/a\n", "main.conf:2: policy: \"unix:/a\" is taken by policy already\n" },
	{ S "policy = unix:/a\ncontrol = unix:/a\n",
	    "main.conf:3: control: \"unix:/a\" is taken by policy already\n" },
	{ S "control = unix:/a unix:/b\n", "main.conf:2: control: one address only\n" },
	{ S "control = /a\n",
	    "main.conf:2: control: \"/a\": expected unix:/PATH, for only a unix socket tells who asks\n" },
	{ S "control = inet:127.0.0.1:9\n",
	    "main.conf:2: control: \"inet:127.0.0.1:9\": expected unix:/PATH, for only a unix socket tells "
	    "who "
	    "asks\n" },
	{ S "socket_mode = 0888\n", "main.conf:2: socket_mode: \"0888\" is not an octal mode (0 to 0777)\n" },
	{ S "socket_mode = 1000\n", "main.conf:2: socket_mode: \"1000\" is not an octal mode (0 to 0777)\n" },
	{ S "socket_mode =\n", "main.conf:2: socket_mode: \"\" is not an octal mode (0 to 0777)\n" },
	{ S "socket_mode = 00666\n",
	    "main.conf:2: socket_mode: \"00666\" is not an octal mode (0 to 0777)\n" },
	{ S "rules =\n", "main.conf:2: rules: no value\n" },
	{ S "mode = enforce\nrules = missing.conf\n",
	    "main.conf:3: rules: cannot read missing.conf: No such file or directory\n" },
	{ S "log = file\n", "main.conf:2: log: \"file\" is not one of syslog | stderr\n" },
	{ S "max_connections = 0\n", "main.conf:2: max_connections: \"0\" is out of range (1 to 1000000)\n" },
	{ S "max_connections = 1000001\n",
	    "main.conf:2: max_connections: \"1000001\" is out of range (1 to 1000000)\n" },
	{ S "idle_timeout = 9s\n", "main.conf:2: idle_timeout: \"9s\" is out of range (10s to 1d)\n" },
	{ S "idle_timeout = 25h\n", "main.conf:2: idle_timeout: \"25h\" is out of range (10s to 1d)\n" },
	{ S "request_timeout = 0\n", "main.conf:2: request_timeout: \"0\" is out of range (1s to 1h)\n" },
	{ S "drain = 11m\n", "main.conf:2: drain: \"11m\" is out of range (0 to 10m)\n" },
	{ T "path =\n", "main.conf:2: path: no value\n" },
	{ T "retention = 45x\n", "main.conf:2: retention: \"45x\" is not a time (use s m h d)\n" },
	{ T "retention = 59m\n", "main.conf:2: retention: \"59m\" is out of range (1h to 3650d)\n" },
	{ T "max_journal = 15M\n", "main.conf:2: max_journal: \"15M\" is out of range (16M to 1024G)\n" },
	{ T "max_journal = 1025G\n", "main.conf:2: max_journal: \"1025G\" is out of range (16M to 1024G)\n" },
	{ T "on_store_failure = reject\n",
	    "main.conf:2: on_store_failure: \"reject\" is not one of pass | defer\n" },
	{ T "max_counters = 999\n",
	    "main.conf:2: max_counters: \"999\" is out of range (1000 to 100000000)\n" },
	{ T "max_queue = 63k\n", "main.conf:2: max_queue: \"63k\" is out of range (64k to 16G)\n" },
	{ T "max_queue = 17G\n", "main.conf:2: max_queue: \"17G\" is out of range (64k to 16G)\n" },
	{ M "hostname = .example.org\n", "main.conf:2: hostname: \".example.org\" is not a host name\n" },
	{ M "hostname = mx example\n", "main.conf:2: hostname: \"mx example\" is not a host name\n" },
	{ M "own_hosts = a..b\n", "main.conf:2: own_hosts: \"a..b\" is not a domain\n" },
	{ M "trusted = 127.0.0.0/8, ::1/129\n",
	    "main.conf:2: trusted: \"::1/129\" is not a network (such as 192.0.2.0/24 or 2001:db8::/32)\n" },
	{ M "relays = mx2\n",
	    "main.conf:2: relays: \"mx2\" is not a network (such as 192.0.2.0/24 or 2001:db8::/32)\n" },
	{ M "local_domains = user@example.org\n",
	    "main.conf:2: local_domains: \"user@example.org\" is not a domain\n" },
	{ M "lists = lists\n", "main.conf:2: lists: cannot read lists: No such file or directory\n" },
	{ M "lists = aliases:/\n", "main.conf:2: lists: cannot read /: Is a directory\n" },
};

Test(config, faults)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		cr_expect_eq(load(faults[i].text), ERR_CONF, "%s", faults[i].text);
		cr_expect_str_eq(SAID, faults[i].said);
	}
}

/* Faults of three files: main file first, each in the order of its lines, whenever they were found. */
Test(config, all_faults_in_order)
{
	const char *const sets[] = { "good.limit=x", "nonsense", "gone.limit=1" };

	write_file("rules.conf",
	    "[rule good]\ndetect = replication\n[rule bad]\nlimit = y\nnonsense\n"
	    "detect = replication\n[rule bad]\ndetect = z\n");
	write_file("lists", "one@x.test one@x.test\nx\n");
	write_file("main.conf",
	    "early = 1\n[server]\npolicy = unix:/a\nmilter = unix:/a\ncontrol = nothing\n"
	    "[mail]\nlists = missing, lists\ntrusted = x\n[store]\n=\n");
	cr_expect_eq(load_with(sets, ARRAY_LEN(sets)), ERR_CONF);
	cr_expect_str_eq(SAID,
	    "main.conf:1: key \"early\" before any section\n"
	    "main.conf:4: milter: \"unix:/a\" is taken by policy already\n"
	    "main.conf:5: control: \"nothing\": expected unix:/PATH, for only a unix socket tells who asks\n"
	    "main.conf:7: lists: cannot read missing: No such file or directory\n"
	    "main.conf:8: trusted: \"x\" is not a network (such as 192.0.2.0/24 or 2001:db8::/32)\n"
	    "main.conf:10: no key in front of '='\n"
	    "--set:0: \"nonsense\" is not RULE.KEY=VALUE\n"
	    "--set:0: limit: \"x\" is not a number\n"
	    "--set:0: there is no rule \"gone\"\n"
	    "rules.conf:4: limit: \"y\" is not a number\n"
	    "rules.conf:5: no '=' in this line\n"
	    "rules.conf:7: section [rule bad] began in line 3 already\n"
	    "rules.conf:8: detect: no detector is called \"z\"; \"stormctl config --detectors\" lists them\n"
	    "lists:1: owner \"one@x.test\" of list \"one@x.test\" is itself a list (lists:1)\n"
	    "lists:2: \"x\" is not an address\n");
}

Test(config, unreadable)
{
	cr_expect_eq(load_with(NULL, 0), ERR_CONF);
	cr_expect_str_eq(SAID, "main.conf:0: cannot read: No such file or directory\n");
}

/* Rules by the name that nobody wrote may be missing. What is there and cannot be read is not none. */
Test(config, unreadable_rules)
{
	char rules[128];

	snprintf(rules, sizeof(rules), "%s/rules.conf", dir);
	cr_assert_eq(mkdir(rules, 0700), 0);
	cr_expect_eq(load(""), ERR_CONF);
	cr_expect_str_eq(SAID, "main.conf:0: rules: cannot read rules.conf: Is a directory\n");
	cr_assert_eq(rmdir(rules), 0);
}

/* One fault at the very end, and nothing of all that was read before has changed. */
Test(config, all_or_nothing)
{
	struct config before;

	write_file("rules.conf", "[rule a]\ndetect = replication\n");
	cr_assert_eq(load("[server]\nmode = enforce\nuser = one\n[mail]\nhostname = one.test\n"), 0);
	memcpy(&before, &c, sizeof(c));
	cr_expect_eq(load("[server]\nmode = shadow\nuser = two\n[mail]\nhostname = two.test\nlists = gone\n"),
	    ERR_CONF);
	cr_expect_eq(memcmp(&before, &c, sizeof(c)), 0);
	cr_expect_str_eq(c.user, "one");
	cr_expect_str_eq(c.site.hostname, "one.test");
	cr_expect_eq(c.rules.v[0].mode, MODE_ENFORCE);
	write_file("rules.conf", "[rule a]\ndetect = replication\nlimit = x\n");
	cr_expect_eq(load("[server]\nuser = two\n"), ERR_CONF);
	cr_expect_eq(memcmp(&before, &c, sizeof(c)), 0);
}

Test(config, overrides)
{
	const char *const sets[] = { "a.b.limit=9", " a.b.action = reject no more ", "a.b.mode=enforce" };
	const char *const wrong[] = { "limit=9", "a.b.=9", ".limit=9", "a.b.limit", "" };

	write_file("rules.conf", "[rule a.b]\ndetect = replication\nlimit = 5\n");
	write_file("main.conf", "[server]\nmode = enforce\n");
	cr_assert_eq(load_with(sets, ARRAY_LEN(sets)), 0, "%s", SAID);
	cr_expect_eq(c.rules.v[0].limit, 9u);
	cr_expect_str_eq(c.rules.v[0].text, "no more");
	config_fini(&c);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char want[80];

		snprintf(want, sizeof(want), "--set:0: \"%s\" is not RULE.KEY=VALUE\n", wrong[i]);
		cr_expect_eq(load_with(&wrong[i], 1), ERR_CONF);
		cr_expect_str_eq(SAID, want);
	}
}

static void
on_note(void *arg, const char *note)
{
	(void)arg;
	buf_printf(&said, "%s\n", note);
}

static const char *
notes(void)
{
	buf_reset(&said);
	config_notes(&c, on_note, NULL);
	buf_append(&said, "", 1);
	return SAID;
}

Test(config, notes)
{
	cr_assert_eq(load(""), 0);
	cr_expect_str_eq(notes(),
	    "no MTA can ask: neither policy nor milter has an address\n"
	    "there are no rules: all mail passes\n");
	config_fini(&c);
	write_file("rules.conf",
	    "[rule r]\ndetect = replication\n[rule b]\ndetect = bounce-to-list\nscope = outbound\n"
	    "[rule o]\ndetect = list-return-path\nmode = off\n");
	cr_assert_eq(load("[server]\npolicy = unix:/p\n"), 0);
	cr_expect_str_eq(notes(),
	    "rule \"r\" needs the header: there is no milter address, and by policy only Exim sends one\n"
	    "rule \"b\" never trips: [mail] lists names no list\n"
	    "rule \"b\": the policy door answers redirect-owner with redirect-owner when it concerns all "
	    "recipients "
	    "of a message, with reject when some\n"
	    "rule \"b\" is for outbound mail: without [mail] local_domains that is all mail of own users\n");
	config_fini(&c);
	write_file("lists", "a@x.test b@x.test\n");
	cr_assert_eq(load("[server]\nmilter = unix:/p\n[mail]\nlists = lists\nlocal_domains = x.test\n"), 0);
	cr_expect_str_eq(notes(), "");
	config_fini(&c);
	/* of what needs the header the door is not told to weaken it */
	write_file("rules.conf", "[rule r]\ndetect = replication\naction = hold\n");
	cr_assert_eq(load("[server]\npolicy = unix:/p\n"), 0);
	cr_expect(str_iends(str_of(notes()), STR("by policy only Exim sends one\n")), "%s", SAID);
	config_fini(&c);
	/* what a door must weaken */
	write_file("rules.conf",
	    "[rule h]\ndetect = bounce-to-list\naction = hold\n[rule s]\ndetect = list-return-path\nscope = "
	    "any\n");
	cr_assert_eq(load("[server]\npolicy = unix:/p\nmilter = unix:/m\n[mail]\nlists = lists\n"), 0);
	cr_expect_str_eq(notes(),
	    "rule \"h\": the milter door answers hold with hold when it concerns all recipients of a "
	    "message, with "
	    "pass when some\n");
	config_fini(&c);
	cr_assert_eq(load("[server]\npolicy = unix:/p\n[mail]\nlists = lists\n"), 0);
	cr_expect_str_eq(notes(),
	    "rule \"h\": the policy door answers hold with hold when it concerns all recipients of a "
	    "message, with "
	    "pass when some\n"
	    "rule \"s\": the policy door cannot do set-sender-owner, it becomes warn\n");
	config_fini(&c);
	write_file("rules.conf",
	    "[rule b]\ndetect = replication\nblock = 1s\n[rule r]\ndetect = wide-recipients\nbrake = "
	    "defer\n[rule t]\ndetect = trap\naddresses = trap@\nlimit = 3\n");
	cr_assert_eq(load("[server]\nmilter = unix:/p\n"), 0);
	cr_expect_str_eq(notes(),
	    "rule \"b\": detector replication blocks nobody, for everybody is to get a first copy\n"
	    "rule \"r\": detector wide-recipients has nothing to brake by at RCPT\n"
	    "rule \"t\": detector trap has no limit, it trips at the first message\n");
}

/* What has an owner is a list, and what is told is more than what is written. */
Test(config, notes_of_actions)
{
	write_file("lists", "a@x.test b@x.test\n");
	write_file("rules.conf",
	    "[rule o]\ndetect = replication\naction = redirect-owner\n"
	    "[rule s]\ndetect = wide-recipients\naction = set-sender-owner\nwindow = 1h\n"
	    "[rule r]\ndetect = mail-loop\naction = reject 550 5.4.6 Loop\n"
	    "[rule d]\ndetect = flood\ntext = 451\n"
	    "[rule fine]\ndetect = list-guard\naction = redirect-owner\n"
	    "[rule number]\ndetect = flood\naction = reject 5501 is no code\n");
	cr_assert_eq(load("[server]\nmilter = unix:/p\n[mail]\nlists = lists\n"), 0);
	cr_expect_str_eq(notes(),
	    "rule \"o\": redirect-owner does nothing where the recipient is no list of [mail] lists\n"
	    "rule \"s\": set-sender-owner does nothing where the sender is no list of [mail] lists\n"
	    "rule \"s\": detector wide-recipients counts over no time, window changes nothing\n"
	    "rule \"r\": its text begins with a reply code (550): the client gets two of them\n"
	    "rule \"d\": its text begins with a reply code (451): the client gets two of them\n");
	config_fini(&c);
}

/* "::/0" is all of IPv6, and one of the two will do. */
Test(config, notes_of_networks)
{
	write_file("rules.conf", "[rule f]\ndetect = flood\n");
	cr_assert_eq(
	    load("[server]\npolicy = unix:/p\n[mail]\ntrusted = 127.0.0.0/8, 0.0.0.0/0\nrelays = ::/0\n"), 0);
	cr_expect_str_eq(notes(),
	    "[mail] trusted takes in every address: whoever writes is one of your own people\n"
	    "[mail] relays takes in every address: whoever connects may name any client as his\n");
	config_fini(&c);
	cr_assert_eq(
	    load("[server]\npolicy = unix:/p\n[mail]\ntrusted = 128.0.0.0/1\nrelays = 192.0.2.1\n"), 0);
	cr_expect_str_eq(notes(), "");
	config_fini(&c);
}

/* Rules by the envelope that can never trip, or that anybody can turn against anybody. */
Test(config, notes_of_volume_rules)
{
	write_file("rules.conf",
	    "[rule t]\ndetect = trap\n[rule g]\ndetect = list-guard\n"
	    "[rule s]\ndetect = flood\ncount_by = sender, sender-domain\naction = reject\n"
	    "[rule none]\ndetect = flood\nlimit = 0\n"
	    "[rule marks]\ndetect = wide-recipients\nlimit = 0\n");
	cr_assert_eq(load("[server]\nmilter = unix:/p\n"), 0);
	cr_expect_str_eq(notes(),
	    "rule \"t\" never trips: it has no addresses\n"
	    "rule \"g\" never trips: [mail] lists names no list\n"
	    "rule \"s\" counts by sender alone: whoever writes that name as his sender uses up its limit\n"
	    "rule \"none\": with limit = 0 it stops all that it looks at\n");
	config_fini(&c);
	write_file("lists", "a@x.test b@x.test\n");
	write_file("rules.conf",
	    "[rule t]\ndetect = trap\naddresses = trap@\n[rule g]\ndetect = list-guard\n"
	    "[rule f]\ndetect = flood\naction = reject\n"
	    "[rule s]\ndetect = flood\ncount_by = sender, client\naction = reject\n");
	cr_assert_eq(load("[server]\nmilter = unix:/p\n[mail]\nlists = lists\n"), 0);
	cr_expect_str_eq(notes(), "");
	config_fini(&c);
}

static void
on_key(void *arg, const struct conf_key *key)
{
	(void)arg;
	buf_printf(&said, "%s.%s\n", key->section, key->name);
}

Test(config, no_reload)
{
	struct config old;

	cr_assert_eq(load("[server]\nuser = one\nmode = shadow\ndrain = 1s\n[store]\npath = /a\n"), 0);
	old = c;
	cr_assert_eq(
	    load("[server]\nuser = two\nmode = enforce\ndrain = 2s\n[store]\npath = /b\nretention = 1d\n"
		 "max_journal = 16M\nmax_counters = 2000\nmax_queue = 1M\n"),
	    0);
	buf_reset(&said);
	config_no_reload(&old, &c, on_key, NULL);
	buf_append(&said, "", 1);
	cr_expect_str_eq(SAID,
	    "server.user\nstore.path\nstore.retention\nstore.max_journal\nstore.max_counters\nstore.max_"
	    "queue\n");
	buf_reset(&said);
	config_no_reload(&c, &c, on_key, NULL);
	cr_expect_eq(buf_str(&said).n, 0u);
	config_fini(&old);
}

/* The longest socket path that the system takes, and one byte more. */
Test(config, socket_path_cap)
{
	char text[256];

	for (int n = 107; n <= 108; n++) {
		snprintf(text, sizeof(text), "[server]\npolicy = unix:/%0*d\n", n - 1, 1);
		cr_expect_eq(load(text), n == 107 ? 0 : ERR_CONF, "%s", SAID);
	}
	cr_expect_not_null(strstr(SAID, "at most 107 bytes"));
}

Test(config, bounds)
{
	cr_assert_eq(
	    load("[server]\nmax_connections = 1000000\nidle_timeout = 1d\nrequest_timeout = 1h\ndrain = 10m\n"
		 "socket_mode = 777\n[store]\nretention = 3650d\nmax_counters = 100000000\nmax_queue = 16G\n"
		 "max_journal = 1024G\n"),
	    0, "%s", SAID);
	cr_expect_eq(c.serve.socket_mode, 0777u);
	cr_expect_eq(c.store.max_queue, (uint64_t)16 << 30);
	cr_expect_eq(c.store.max_journal, (uint64_t)1 << 40);
}

Test(config, table)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct conf_key *k = &config_key_table[i];

		cr_expect(k->help && k->help[strlen(k->help) - 1] == '.', "%s", k->name);
		cr_expect(k->type != CONF_CALL || (k->call && k->form), "%s", k->name);
		cr_expect_eq(
		    conf_find(config_key_table, config_key_count, k->section, k->name), k, "%s", k->name);
	}
}
