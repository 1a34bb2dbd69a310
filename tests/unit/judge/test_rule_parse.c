/* SPDX-License-Identifier: ISC */
/* Sections of rules.conf: what they mean, and each fault with its line. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "judge/detect.h"
#include "judge/rule_parse.h"

static struct ruleset rules;
static struct buf said;

static void
on_fault(void *arg, const char *file, unsigned line, const char *what)
{
	(void)arg;
	buf_printf(&said, "%s:%u: %s\n", file, line, what);
}

static const char *
parse_with(struct str text, struct rule_override *overrides, unsigned n)
{
	struct conf_faults faults = { on_fault, NULL, 0 };
	struct rule_parse p = {
		.out = &rules, .file = "r", .faults = &faults, .overrides = overrides, .n_overrides = n
	};

	buf_init(&said, 0);
	conf_read_text(text, "r", rule_parse_key, &p, &faults);
	rule_parse_end(&p);
	buf_append(&said, "", 1);
	return buf_str(&said).p;
}

static const char *
parse(const char *text)
{
	return parse_with(str_of(text), NULL, 0);
}

static void
done(void)
{
	ruleset_fini(&rules);
	buf_fini(&said);
}

TestSuite(rule_parse, .fini = done);

Test(rule_parse, everything)
{
	const struct rule *r;

	cr_expect_str_empty(parse("[rule first]\n"
				  "limit = 7\nwindow = 2h\nscope = inbound\nmode = shadow\n"
				  "action = reject 5.7.99 too much of it\n"
				  "block = 6h\nremember = 10d\nquiet = 5m\nbrake = defer\nrepeats = 4\n"
				  "exempt = 192.0.2.0/24, 2001:db8::1, Boss@Example.org,\n"
				  "  @lists.example.org, @.example.net, Postmaster@\n"
				  "detect = replication\n"
				  "[rule second]\ndetect = wide-recipients\n"));
	cr_assert_eq(rules.n, 2u);
	r = &rules.v[0];
	cr_expect_str_eq(r->name, "first");
	cr_expect_eq(r->detector, &detect_replication);
	cr_expect_eq(r->line, 1u);
	cr_expect_eq(r->id, hash64(0, STR("first")));
	cr_expect_eq(r->limit, 7u);
	cr_expect_eq(r->window, 2 * MS_HOUR);
	cr_expect_eq(r->scope, SCOPE_INBOUND);
	cr_expect_eq(r->mode, MODE_SHADOW);
	cr_expect_eq(r->action, ACT_REJECT);
	cr_expect_str_eq(r->dsn, "5.7.99");
	cr_expect_str_eq(r->text, "too much of it");
	cr_expect_eq(r->block, 6 * MS_HOUR);
	cr_expect_eq(r->remember, 10 * (int64_t)MS_DAY);
	cr_expect_eq(r->quiet, 5 * MS_MIN);
	cr_expect_eq(r->brake, BRAKE_DEFER);
	cr_expect_eq(r->repeats, 4u);
	cr_assert_eq(r->exempt.nets.n, 2u);
	cr_expect_eq(r->exempt.nets.nets[0].bits, 24);
	cr_expect_eq(r->exempt.nets.nets[1].bits, 128);
	cr_assert_eq(r->exempt.addrs.n, 1u);
	cr_expect_str_eq(r->exempt.addrs.v[0], "boss@example.org");
	cr_assert_eq(r->exempt.domains.n, 2u);
	cr_expect_str_eq(r->exempt.domains.v[0], "lists.example.org");
	cr_expect_str_eq(r->exempt.domains.v[1], ".example.net");
	cr_assert_eq(r->exempt.locals.n, 1u);
	cr_expect_str_eq(r->exempt.locals.v[0], "postmaster");
	r = &rules.v[1];
	cr_expect_eq(r->detector, &detect_wide_recipients);
	cr_expect_eq(r->limit, 100u);
	cr_expect_eq(r->action, ACT_PREPEND);
	cr_expect_eq(r->mode, MODE_ENFORCE);
	cr_expect_eq(ruleset_find(&rules, STR("second")), r);
	ruleset_shadow(&rules);
	cr_expect_eq(rules.v[1].mode, MODE_SHADOW);
}

struct act {
	const char *value; /* behind "action = " */
	enum action action;
	const char *dsn, *text, *name, *arg;
};

static const struct act acts[] = {
	{ "defer", ACT_DEFER, "", NULL, NULL, NULL },
	{ "defer come back later", ACT_DEFER, "", "come back later", NULL, NULL },
	{ "defer 4.7.1 come back", ACT_DEFER, "4.7.1", "come back", NULL, NULL },
	{ "defer 4.7.1", ACT_DEFER, "4.7.1", NULL, NULL, NULL },
	{ "reject   5.123.999   no ", ACT_REJECT, "5.123.999", "no", NULL, NULL },
	{ "reject 5.7 is no code", ACT_REJECT, "", "5.7 is no code", NULL, NULL },
	{ "reject 5.7.1234 is no code", ACT_REJECT, "", "5.7.1234 is no code", NULL, NULL },
	{ "reject 5.7.x is no code", ACT_REJECT, "", "5.7.x is no code", NULL, NULL },
	{ "discard", ACT_DISCARD, "", NULL, NULL, NULL },
	{ "discard\ntext = 5.7.1 is a text here", ACT_DISCARD, "", "5.7.1 is a text here", NULL, NULL },
	{ "discard\nbrake = defer\ntext = 4.7.1 later", ACT_DISCARD, "4.7.1", "later", NULL, NULL },
	{ "discard\nbrake = reject\ntext = 5.7.1 never", ACT_DISCARD, "5.7.1", "never", NULL, NULL },
	{ "hold\ntext = look at it", ACT_HOLD, "", "look at it", NULL, NULL },
	{ "redirect-owner\ntext = 5.7.1 no bounces", ACT_REDIRECT_OWNER, "5.7.1", "no bounces", NULL, NULL },
	{ "reject\ntext = 5.7.1 no", ACT_REJECT, "5.7.1", "no", NULL, NULL },
	{ "drop-recipients", ACT_DROP_RECIPIENTS, "", NULL, NULL, NULL },
	{ "redirect-owner", ACT_REDIRECT_OWNER, "", NULL, NULL, NULL },
	{ "warn", ACT_WARN, "", NULL, NULL, NULL },
	{ "set-sender-owner", ACT_SET_SENDER_OWNER, "", NULL, NULL, NULL },
	{ "conceal", ACT_CONCEAL, "", NULL, NULL, NULL },
	{ "prepend X-Storm: yes, a: b", ACT_PREPEND, "", NULL, "X-Storm", "yes, a: b" },
	{ "prepend X-Storm:yes", ACT_PREPEND, "", NULL, "X-Storm", "yes" },
};

static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

Test(rule_parse, actions)
{
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		const struct act *a = &acts[i];
		char text[200];

		snprintf(text, sizeof(text), "[rule x]\naction = %s\ndetect = wide-recipients\n", a->value);
		cr_expect_str_empty(parse(text));
		cr_assert_eq(rules.n, 1u, "%s: %s", a->value, buf_str(&said).p);
		cr_expect_eq(rules.v[0].action, a->action, "%s", a->value);
		cr_expect_str_eq(rules.v[0].dsn, a->dsn);
		cr_expect(same(rules.v[0].text, a->text), "%s: %s", a->value, rules.v[0].text);
		cr_expect(same(rules.v[0].arg_name, a->name), "%s", a->value);
		cr_expect(same(rules.v[0].arg_value, a->arg), "%s", a->value);
		done();
	}
}

struct fault {
	const char *text, *said;
};

#define DETECTORS "; \"stormctl config --detectors\" lists them"
#define ACTIONS "; \"stormctl config --actions\" lists them"
#define R "[rule x]\ndetect = replication\n"
#define T "[rule x]\ndetect = trap\n"

static const struct fault faults[] = {
	/* the section */
	{ "[rule]\ndetect = replication\n", "r:1: [rule] needs a name: [rule NAME]\n" },
	{ "[ruel x]\ndetect = replication\n", "r:1: unknown section [ruel], did you mean [rule]?\n" },
	{ "[server]\ndetect = replication\n", "r:1: unknown section [server]\n" },
	{ "[rule a b]\ndetect = replication\n",
	    "r:1: \"a b\": the name of a rule is made of A-Z a-z 0-9 _ . -\n" },
	{ "[rule a\xc3\xa4]\ndetect = replication\n",
	    "r:1: \"a\\xc3\\xa4\": the name of a rule is made of A-Z a-z 0-9 _ . -\n" },
	{ R "[rule  x]\ndetect = replication\n", "r:3: there is a rule \"x\" already\n" },
	{ "[rule x]\nlimit = 1\n", "r:1: rule \"x\" does not say detect = ...\n" },
	{ "[rule x]\n", "r:1: rule \"x\" does not say detect = ...\n" },
	/* keys */
	{ R "limti = 1\n", "r:3: unknown key \"limti\" in [rule], did you mean \"limit\"?\n" },
	{ R "autors = 1\n", "r:3: unknown key \"autors\" in [rule], did you mean \"authors\"?\n" },
	{ R "authors = 1\n", "r:3: authors: detector replication does not use it\n" },
	{ "[rule x]\ndetect = replicaton\n",
	    "r:2: detect: no detector is called \"replicaton\", did you mean \"replication\"?\n" },
	{ "[rule x]\ndetect = weather\n", "r:2: detect: no detector is called \"weather\"" DETECTORS "\n" },
	{ "[rule x]\ndetect = PING-PONG\n",
	    "r:2: detect: no detector is called \"PING-PONG\", did you mean \"ping-pong\"?\n" },
	{ "[rule x]\ndetect =\n", "r:2: detect: no detector is called \"\"" DETECTORS "\n" },
	{ R "limit = x\n", "r:3: limit: \"x\" is not a number\n" },
	{ R "limit = 0\n", "r:3: limit: detector replication takes 1 to 1024\n" },
	{ R "limit = 1025\n", "r:3: limit: detector replication takes 1 to 1024\n" },
	{ R "limit = 4000000001\n", "r:3: limit: \"4000000001\" is above 4000000000\n" },
	{ R "limit = 18446744073709551616\n", "r:3: limit: \"18446744073709551616\" is above 4000000000\n" },
	{ R "limit = 17179869184G\n", "r:3: limit: \"17179869184G\" is above 4000000000\n" },
	{ R "window = 1w\n", "r:3: window: \"1w\" is not a time (use s m h d)\n" },
	{ R "window = 0\n", "r:3: window: \"0\" is out of range (1s to 3650d)\n" },
	{ R "window = 3651d\n", "r:3: window: \"3651d\" is out of range (1s to 3650d)\n" },
	{ R "block = 3651d\n", "r:3: block: \"3651d\" is out of range (0 to 3650d)\n" },
	{ R "remember = forever\n", "r:3: remember: \"forever\" is not a time (use s m h d)\n" },
	{ R "quiet = 999ms\n", "r:3: quiet: \"999ms\" is out of range (1s to 3650d)\n" },
	{ R "scope = both\n", "r:3: scope: \"both\" is not one of any | inbound | outbound\n" },
	{ R "mode = on\n", "r:3: mode: \"on\" is not one of enforce | shadow | off\n" },
	{ R "brake = hold\n", "r:3: brake: \"hold\" is not one of off | defer | reject\n" },
	{ R "repeats = 1001\n", "r:3: repeats: \"1001\" is out of range (0 to 1000)\n" },
	{ "[rule x]\nrepeats = 1\ndetect = wide-recipients\n",
	    "r:2: repeats: detector wide-recipients does not use it\n" },
	{ "[rule x]\ndetect = bounce-to-list\nrepeats = 1\n",
	    "r:3: repeats: detector bounce-to-list does not use it\n" },
	{ "[rule x]\ndetect = list-return-path\nrepeats = 1\n",
	    "r:3: repeats: detector list-return-path does not use it\n" },
	/* actions */
	{ R "action = dicsard\n",
	    "r:3: action: no action is called \"dicsard\", did you mean \"discard\"?\n" },
	{ R "action = pass\n", "r:3: action: no action is called \"pass\"" ACTIONS "\n" },
	{ R "action = DISCARD\n",
	    "r:3: action: no action is called \"DISCARD\", did you mean \"discard\"?\n" },
	{ R "action =\n", "r:3: action: no action is called \"\"" ACTIONS "\n" },
	{ R "action = discard it\n", "r:3: action: discard takes no text (use text = ...)\n" },
	{ R "action = prepend\n", "r:3: action: prepend needs \"NAME: TEXT\"\n" },
	{ R "action = prepend X-Storm\n", "r:3: action: prepend needs \"NAME: TEXT\"\n" },
	{ R "action = prepend X-Storm:\n", "r:3: action: prepend needs \"NAME: TEXT\"\n" },
	{ R "action = prepend : x\n", "r:3: action: \"\" is not the name of a header field\n" },
	{ R "action = prepend X Storm: x\n", "r:3: action: \"X Storm\" is not the name of a header field\n" },
	{ R "action = prepend X\xc3\xa4: x\n",
	    "r:3: action: \"X\\xc3\\xa4\" is not the name of a header field\n" },
	{ R "action = prepend X: \xc3\xa4\n", "r:3: action: \"\\xc3\\xa4\" is not printable ASCII\n" },
	{ R "action = reject gr\xc3\xbc\n", "r:3: action: \"gr\\xc3\\xbc\" is not printable ASCII\n" },
	{ R "action = reject\ntext = tab\there\n", "r:4: text: \"tab\\x09here\" is not printable ASCII\n" },
	{ R "action = reject one\ntext = two\n",
	    "r:4: text: the text is given twice, by action and by text\n" },
	{ R "text = two\naction = reject one\n",
	    "r:4: action: the text is given twice, by action and by text\n" },
	{ R "action = reject 4.7.1 x\n",
	    "r:3: action: \"4.7.1\" does not fit action = reject, whose codes are 5.x.x\n" },
	{ R "action = defer 5.7.1 x\n",
	    "r:3: action: \"5.7.1\" does not fit action = defer, whose codes are 4.x.x\n" },
	{ R "text = 2.0.0 x\naction = reject\n",
	    "r:3: text: \"2.0.0\" does not fit action = reject, whose codes are 5.x.x\n" },
	{ R "brake = defer\ntext = 5.7.1 x\n",
	    "r:4: text: \"5.7.1\" does not fit brake = defer, whose codes are 4.x.x\n" },
	{ R "action = redirect-owner\ntext = 4.7.1 later\n",
	    "r:4: text: \"4.7.1\" does not fit action = redirect-owner, whose codes are 5.x.x\n" },
	{ "[rule r]\ndetect = reply-all\naction = hold\noutsiders = defer\ntext = 5.7.1 no\n",
	    "r:5: text: \"5.7.1\" does not fit outsiders = defer, whose codes are 4.x.x\n" },
/* exempt */
#define NOT " is not a network, user@domain, @domain or localpart@\n"
	{ R "exempt = 192.0.2.0/33\n", "r:3: exempt: \"192.0.2.0/33\"" NOT },
	{ R "exempt = 192.0.2.1, example.org\n", "r:3: exempt: \"example.org\"" NOT },
	{ R "exempt = @\n", "r:3: exempt: \"@\"" NOT },
	{ R "exempt = *@example.org\n", "r:3: exempt: \"*@example.org\"" NOT },
	{ R "exempt = a@b@c\n", "r:3: exempt: \"a@b@c\"" NOT },
	{ R "exempt = @a..b\n", "r:3: exempt: \"@a..b\"" NOT },
	{ R "exempt = x@.example.org\n", "r:3: exempt: \"x@.example.org\"" NOT },
	{ T "addresses = a@b.test, old.test\n",
	    "r:3: addresses: \"old.test\" is not user@domain, @domain or localpart@\n" },
	{ T "addresses = 192.0.2.1\n",
	    "r:3: addresses: \"192.0.2.1\" is not user@domain, @domain or localpart@\n" },
	/* all of them, and the good rule between is kept apart from the bad ones */
	{ "[rule a]\ndetect = x\nlimit = y\n[rule b]\ndetect = replication\n[rule c]\nfoo = 1\n",
	    "r:2: detect: no detector is called \"x\"" DETECTORS "\nr:3: limit: \"y\" is not a number\n"
	    "r:6: rule \"c\" does not say detect = ...\nr:7: unknown key \"foo\" in [rule]\n" },
};

Test(rule_parse, faults)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		cr_expect_str_eq(parse(faults[i].text), faults[i].said);
		cr_expect_leq(rules.n, 1u, "a faulty rule is left out: %s", faults[i].text);
		done();
	}
}

Test(rule_parse, bounds)
{
	cr_expect_str_empty(
	    parse("[rule a]\ndetect = replication\nlimit = 1\nwindow = 1s\nblock = 0\nremember = 0\n"
		  "quiet = 1s\nrepeats = 0\n"
		  "[rule b]\ndetect = replication\nlimit = 1024\nwindow = 3650d\nblock = 3650d\n"
		  "remember = 3650d\nquiet = 3650d\nrepeats = 1000\n"));
	cr_assert_eq(rules.n, 2u);
	cr_expect_eq(rules.v[0].limit, 1u);
	cr_expect_eq(rules.v[0].window, MS_SEC);
	cr_expect_eq(rules.v[0].remember, 0);
	cr_expect_eq(rules.v[0].repeats, 0u);
	cr_expect_eq(rules.v[1].limit, 1024u);
	cr_expect_eq(rules.v[1].block, 3650 * (int64_t)MS_DAY);
	cr_expect_eq(rules.v[1].repeats, 1000u);
}

/* "= " and a value of n bytes over several lines, none longer than a line may be. */
static const char *
long_key(const char *key, const char *first, size_t n)
{
	static char text[4096];
	size_t at =
	    (size_t)snprintf(text, sizeof(text), "[rule x]\ndetect = wide-recipients\n%s = %s", key, first);

	for (size_t i = strlen(first); i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s", i % 100 == 50 ? "\n " : "v");
	snprintf(text + at, sizeof(text) - at, "\n");
	return text;
}

Test(rule_parse, text_caps)
{
	cr_expect_str_empty(parse(long_key("text", "", RULE_TEXT_MAX)));
	cr_assert_eq(rules.n, 1u);
	cr_expect_eq(strlen(rules.v[0].text), (size_t)RULE_TEXT_MAX);
	done();
	cr_expect_str_eq(
	    parse(long_key("text", "", RULE_TEXT_MAX + 1)), "r:3: text: text longer than 400 bytes\n");
	done();
	cr_expect_str_empty(parse(long_key("action", "prepend X: ", RULE_HEADER_MAX + 8)));
	cr_assert_eq(rules.n, 1u);
	done();
	cr_expect_str_eq(parse(long_key("action", "prepend X: ", RULE_HEADER_MAX + 9)),
	    "r:3: action: header field longer than 900 bytes\n");
}

Test(rule_parse, name_cap)
{
	char text[128];

	snprintf(text, sizeof(text), "[rule %.*s]\ndetect = replication\n", RULE_NAME_MAX,
	    "Aa0_.-7890123456789012345678901234567890");
	cr_expect_str_empty(parse(text));
	cr_assert_eq(rules.n, 1u);
	cr_expect_eq(strlen(rules.v[0].name), (size_t)RULE_NAME_MAX);
	done();
	cr_expect_str_eq(parse("[rule 12345678901234567890123456789012345678901]\ndetect = replication\n"),
	    "r:1: name of the rule longer than 40 bytes\n");
}

Test(rule_parse, overrides)
{
	struct rule_override o[] = {
		{ STR("a.b"), STR("limit"), STR("9"), false },
		{ STR("a.b"), STR("window"), STR("5m"), false },
		{ STR("a.b"), STR("action"), STR("reject no"), false },
		{ STR("c"), STR("limit"), STR("x"), false },
		{ STR("d"), STR("limit"), STR("1"), false },
		{ STR(""), STR("limit"), STR("1"), false },
	};

	cr_expect_str_eq(parse_with(STR("[rule a.b]\ndetect = replication\nlimit = bad\naction = discard\n"
					"[rule c]\ndetect = replication\n[rule]\n"),
			     o, ARRAY_LEN(o)),
	    "--set:0: limit: \"x\" is not a number\n"
	    "r:7: [rule] needs a name: [rule NAME]\n"
	    "--set:0: there is no rule \"d\"\n--set:0: there is no rule \"\"\n");
	cr_assert_eq(rules.n, 1u);
	cr_expect_eq(rules.v[0].limit, 9u);
	cr_expect_eq(rules.v[0].window, 5 * MS_MIN);
	cr_expect_eq(rules.v[0].action, ACT_REJECT);
	cr_expect_str_eq(rules.v[0].text, "no");
}

Test(rule_parse, count_by)
{
	struct buf text;

	buf_init(&text, 0);
	cr_expect_str_empty(
	    parse("[rule r]\ndetect = flood\ncount_by = sasl-user,client recipient-domain\n"));
	cr_assert_eq(rules.n, 1u);
	cr_expect_eq(rules.v[0].count_by, (unsigned)(BY_CLIENT | BY_SASL_USER | BY_RECIPIENT_DOMAIN));
	rule_count_by_text(rules.v[0].count_by, &text);
	cr_expect(str_eq(buf_str(&text), STR("client, sasl-user, recipient-domain")));
	buf_fini(&text);
	done();
	cr_expect_str_eq(parse("[rule r]\ndetect = flood\ncount_by = client, domain\n"),
	    "r:3: count_by: \"domain\" is none of client, network, sender, sender-domain, sasl-user, "
	    "recipient, recipient-domain\n");
	done();
	cr_expect_str_eq(parse("[rule r]\ndetect = flood\ncount_by = ,\n"),
	    "r:3: count_by: it needs something to count by\n");
}

/* Every row of the table is fit for use: it has a help sentence, a form where none follows from the type. */
Test(rule_parse, table)
{
	for (unsigned i = 0; i < rule_key_count; i++) {
		const struct conf_key *k = &rule_key_table[i];

		cr_expect_str_eq(k->section, "rule");
		cr_expect(k->help && k->help[strlen(k->help) - 1] == '.', "%s", k->name);
		cr_expect(k->type != CONF_CALL || (k->call && k->form), "%s", k->name);
		cr_expect_eq(conf_find(rule_key_table, rule_key_count, "rule", k->name), k, "%s stands twice",
		    k->name);
	}
}
