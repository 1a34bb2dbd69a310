/* SPDX-License-Identifier: ISC */
/* With a key nothing of a storm that can reach the disk has an address: not itself, its bytes, its events. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/compiler.h"
#include "judge/storm.h"
#include "mail/privacy.h"

static struct site site;
static struct msg msg;
static struct arena arena;
static struct traits traits;
static struct addr_norm norm;
static struct rule rule;
static struct view view;
static struct storms *storms;
static struct privacy *privacy;
static struct buf events;
static char rule_name[] = "replication";
static const struct now t0 = { MS_DAY, 1700000000000 };
static const struct key128 key = { 1, 2 };

/* What gives a person away in what setup() makes. */
static const char *const secrets[] = { "ann", "bob", "cleo", "dora", "eve", "greetings" };

static void
setup(void)
{
	unsigned char secret[PRIVACY_KEY_SIZE] = { 7 };

	site_init(&site);
	arena_init(&arena, 0);
	msg_init(&msg, &arena, NULL);
	msg.sender = STR("Ann@sender.example");
	msg.header.f.subject = STR("greetings to ann");
	msg.header.f.message_id = STR("<1@sender.example>");
	msg.header.f.gateway_marker = STR("mspop3connector.bob@firm.example");
	traits = (struct traits){ .client_text = STR("203.0.113.1") };
	norm = (struct addr_norm){ .key = STR("eve@x.test"), .plain = STR("eve@x.test") };
	rule = (struct rule){ .name = rule_name, .id = 1, .quiet = MS_HOUR, .remember = MS_DAY };
	view = (struct view){ .msg = &msg, .traits = &traits, .site = &site, .rcpts = &norm, .header = true };
	storms = storms_new();
	buf_init(&events, 0);
	storms_log(storms, &events);
	privacy = privacy_new(secret);
}

static void
teardown(void)
{
	storms_free(storms);
	privacy_free(privacy);
	buf_fini(&events);
	msg_fini(&msg);
	arena_fini(&arena);
	site_fini(&site);
}

TestSuite(storm_hide, .init = setup, .fini = teardown);

static struct storm *
storm_of_everything(void)
{
	struct storm *st = storms_open(storms, key, &rule, &view, t0);

	storm_copy(st, &view, 0, false, t0);
	storm_sources(st, &view, 3);
	storm_add_host(st, STR("cleo@dead.example"), "dead-member", 2);
	storm_add_host(st, STR("dora@here.example"), "recipient", 2);
	storm_add_host(st, STR("Dora+x@far.example"), "party", 1);
	storm_add_host(st, STR("pop.faulty.example"), "received", 9);
	return st;
}

static unsigned
secrets_in(struct str bytes)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		n += str_ifind(bytes, str_of(secrets[i])) < bytes.n;
	return n;
}

static unsigned
secrets_kept(void)
{
	struct buf b;
	unsigned n;

	buf_init(&b, 0);
	storms_pack_all(storms, t0, &b);
	n = secrets_in(buf_str(&b));
	buf_fini(&b);
	return n;
}

static struct str
host(const struct storm *st, const char *how)
{
	for (uint32_t i = 0; i < st->n_hosts; i++)
		if (strcmp(st->hosts[i].how, how) == 0)
			return str_of(st->hosts[i].name);
	return STR_NONE;
}

static void
check_hidden(const struct storm *st)
{
	cr_expect(privacy_hidden(str_of(st->sender)), "%s", st->sender);
	cr_expect_str_eq(st->subject, "");
	cr_expect_str_eq(st->message_id, "<1@sender.example>");
	cr_expect(str_eq(host(st, "gateway-marker"), STR("@firm.example")));
	cr_expect(privacy_hidden(host(st, "dead-member")));
	cr_expect(privacy_hidden(host(st, "party")));
	cr_expect(privacy_hidden(host(st, "recipient")));
	cr_expect(str_eq(host(st, "received"), STR("pop.faulty.example")));
	cr_expect_eq(secrets_kept(), 0);
}

Test(storm_hide, plain_shows_what_the_search_finds)
{
	storm_of_everything();
	/* all but the recipient, who is a hash in any case */
	cr_expect_eq(secrets_kept(), ARRAY_LEN(secrets) - 1);
	cr_expect_eq(secrets_in(buf_str(&events)), ARRAY_LEN(secrets) - 1);
}

Test(storm_hide, from_the_first)
{
	struct storm *st;
	uint32_t n;

	storms_hide(storms, privacy);
	st = storm_of_everything();
	n = st->n_hosts;
	check_hidden(st);
	cr_expect_eq(secrets_in(buf_str(&events)), 0);
	storms_open(storms, key, &rule, &view, (struct now){ t0.mono + 1, t0.wall + 1 });
	check_hidden(st);
	/* the same parties again are the same */
	storm_add_host(st, STR("CLEO@dead.example"), "dead-member", 1);
	storm_add_host(st, STR("mspop3connector.fred@firm.example"), "gateway-marker", 1);
	cr_expect_eq(st->n_hosts, n);
	cr_expect_eq(secrets_in(buf_str(&events)), 0);
}

/* What stands for the null sender has no hash: it is nobody, and no host without a name. */
Test(storm_hide, nobody_is_left_out)
{
	struct storm *st;
	uint32_t n;

	storms_hide(storms, privacy);
	st = storm_of_everything();
	n = st->n_hosts;
	storm_add_host(st, STR("double-bounce@mx.far.example"), "dead-member", 1);
	cr_expect_eq(st->n_hosts, n);
}

Test(storm_hide, what_was_there_before)
{
	struct storm *st = storm_of_everything();
	char sender[STORM_TEXT_LEN];

	st->changed = false;
	storms_hide(storms, NULL);
	cr_expect(!st->changed && secrets_kept() == ARRAY_LEN(secrets) - 1, "plain changes nothing");
	storms_hide(storms, privacy);
	check_hidden(st);
	cr_expect(st->changed, "the journal is told");
	st->changed = false;
	snprintf(sender, sizeof(sender), "%s", st->sender);
	storms_hide(storms, privacy);
	cr_expect(!st->changed, "and only once");
	cr_expect_str_eq(st->sender, sender);
}

Test(storm_hide, events_give_the_same_storm)
{
	struct storms *again = storms_new();
	struct storm *st, *copy;

	storms_hide(storms, privacy);
	st = storm_of_everything();
	cr_assert_eq(storms_replay(again, buf_str(&events), t0, NULL, NULL), 0);
	storms_hide(again, privacy);
	copy = storms_find(again, key);
	cr_assert_not_null(copy);
	cr_expect_str_eq(copy->sender, st->sender);
	cr_assert_eq(copy->n_hosts, st->n_hosts);
	for (uint32_t i = 0; i < st->n_hosts; i++)
		cr_expect_str_eq(copy->hosts[i].name, st->hosts[i].name);
	storms_free(again);
}
