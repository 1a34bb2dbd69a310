/* SPDX-License-Identifier: ISC */
/* Which signatures there are, when they are braked, and the caps. */
#include <criterion/criterion.h>

#include "base/compiler.h"
#include "judge/brake.h"
#include "judge/storm.h"
#include "nets.h"

static struct site site;
static struct arena arena;
static struct msg msg;
static struct traits traits;
static struct rule rule;
static struct view view;
static struct storms *storms;
static struct brake *brake;
static char rule_name[] = "replication";
static const struct key128 one = { 1, 1 }, two = { 2, 2 }, sign = { 7, 7 };

static void
setup(void)
{
	site_init(&site);
	add_net(&site.relays, "198.51.100.25");
	arena_init(&arena, 0);
	msg_init(&msg, &arena, NULL);
	traits = (struct traits){ 0 };
	rule = (struct rule){ .name = rule_name,
		.id = 1,
		.quiet = MS_HOUR,
		.remember = MS_DAY,
		.brake = BRAKE_REJECT,
		.brake_for = 2 * MS_HOUR,
		.probe = 50 };
	storms = storms_new();
	view = (struct view){ .msg = &msg,
		.traits = &traits,
		.site = &site,
		.storms = storms,
		.now = { MS_DAY, 1700000000000 } };
	brake = brake_new();
	storms_open(storms, one, &rule, &view, view.now);
	storms_open(storms, two, &rule, &view, view.now);
}

static void
teardown(void)
{
	brake_free(brake);
	storms_free(storms);
	msg_fini(&msg);
	arena_fini(&arena);
	site_fini(&site);
}

TestSuite(brake, .init = setup, .fini = teardown);

/* false: it has none */
static bool
sign_of(const char *client, const char *sender, struct key128 *key)
{
	arena_reset(&arena);
	msg.client_address = str_of(client);
	msg.sender = str_of(sender);
	msg.have_sender = true;
	addr_normalise(&arena, msg.sender, &traits.sender);
	traits.null_sender = addr_is_null(msg.sender);
	return brake_sign(&rule, &view, key);
}

Test(brake, signatures)
{
	static const struct {
		const char *client, *sender;
		bool same;
	} rows[] = {
		{ "203.0.113.9", "sales@firm.example", true },
		{ "::ffff:203.0.113.9", "Sales@FIRM.example", true },
		{ "203.0.113.8", "sales@firm.example", false },
		{ "203.0.113.9", "boss@firm.example", false },
		{ "203.0.113.9", "sales+x@firm.example", false },
		{ "2001:db8::1", "sales@firm.example", false },
	};
	struct key128 first, key;

	cr_assert(sign_of("203.0.113.9", "sales@firm.example", &first));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cr_assert(sign_of(rows[i].client, rows[i].sender, &key), "case %zu", i);
		cr_expect_eq(key_eq(key, first), rows[i].same, "case %zu", i);
	}
	cr_assert(sign_of("2001:db8:1:2::1", "a@b.example", &first));
	cr_assert(sign_of("2001:db8:1:2:ffff::9", "a@b.example", &key));
	cr_expect(key_eq(first, key), "one /64");
	cr_assert(sign_of("2001:db8:1:3::1", "a@b.example", &key));
	cr_expect_not(key_eq(first, key));
	rule.id = 2;
	cr_assert(sign_of("2001:db8:1:2::1", "a@b.example", &key));
	cr_expect_not(key_eq(first, key), "rules share nothing");
}

Test(brake, who_is_never_braked)
{
	static const char *const rows[][2] = {
		{ "203.0.113.9", "" },
		{ "203.0.113.9", "list-bounces@lists.example" },
		{ "203.0.113.9", "owner-list@lists.example" },
		{ "203.0.113.9", "list-bounces+user=example.org@lists.example" },
		{ "203.0.113.9", "bounce-list-return-7-user=example.org@lists.example" },
		{ "203.0.113.9", "postmaster@firm.example" },
		{ "203.0.113.9", "Abuse@firm.example" },
		{ "198.51.100.25", "sales@firm.example" }, /* a relay of ours */
		{ "127.0.0.1", "sales@firm.example" },
		{ "::1", "sales@firm.example" },
		{ "unknown", "sales@firm.example" },
		{ "", "sales@firm.example" },
	};
	struct key128 key;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_not(sign_of(rows[i][0], rows[i][1], &key), "%s %s", rows[i][0], rows[i][1]);
	cr_expect(sign_of("203.0.113.9", "sales@firm.example", &key));
	rule.brake = BRAKE_OFF;
	cr_expect_not(sign_of("203.0.113.9", "sales@firm.example", &key));
}

static void
judged(enum brake_kind kind, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		brake_judged(brake, sign, kind, kind == BRAKE_OTHER ? (struct key128){ 0 } : one, view.now);
}

static bool
acts(void)
{
	return brake_storm(brake, sign, &rule, &view) != NULL;
}

static void
later(int64_t ms)
{
	view.now.mono += ms;
	view.now.wall += ms;
}

Test(brake, twenty_copies_are_needed)
{
	judged(BRAKE_COPY, BRAKE_LEAST - 1);
	cr_assert_not(acts());
	judged(BRAKE_NEITHER, 100);
	cr_assert_not(acts(), "first copies prove nothing");
	judged(BRAKE_COPY, 1);
	cr_assert(acts());
	cr_assert(key_eq(brake_storm(brake, sign, &rule, &view)->key, one));
}

Test(brake, of_twenty_one_may_be_other_mail)
{
	judged(BRAKE_COPY, 10);
	judged(BRAKE_OTHER, 1);
	judged(BRAKE_COPY, 8);
	cr_assert_not(acts());
	judged(BRAKE_COPY, 1);
	cr_assert(acts(), "19 of 20");
	judged(BRAKE_OTHER, 1);
	cr_assert_not(acts(), "19 of 21");
	judged(BRAKE_COPY, 18);
	cr_assert_not(acts(), "37 of 39");
	judged(BRAKE_COPY, 1);
	cr_assert(acts(), "38 of 40");
}

Test(brake, only_the_last_messages_count)
{
	judged(BRAKE_COPY, 1);
	judged(BRAKE_OTHER, 63);
	judged(BRAKE_COPY, 60);
	cr_assert_not(acts(), "60 of 64");
	judged(BRAKE_COPY, 1);
	cr_assert(acts(), "61 of 64");
	judged(BRAKE_COPY, 1000);
	cr_assert(acts());
}

Test(brake, a_storm_of_the_same_signature_is_other_mail)
{
	judged(BRAKE_COPY, 20);
	for (int i = 0; i < 4; i++)
		brake_judged(brake, sign, BRAKE_COPY, two, view.now);
	cr_assert_not(acts());
	/* until it is the only one */
	for (int i = 0; i < 60; i++)
		brake_judged(brake, sign, BRAKE_COPY, two, view.now);
	cr_assert(acts());
	cr_assert(key_eq(brake_storm(brake, sign, &rule, &view)->key, two));
}

Test(brake, other_mail_that_got_through_ends_it)
{
	judged(BRAKE_COPY, 64);
	brake_told(brake, sign, &rule, 5, view.now);
	cr_assert(acts());
	judged(BRAKE_OTHER, 1);
	cr_assert_not(acts());
	judged(BRAKE_COPY, 19);
	cr_assert_not(acts());
	judged(BRAKE_COPY, 1);
	cr_assert(acts());
}

Test(brake, it_ends_with_its_storm)
{
	judged(BRAKE_COPY, 20);
	cr_assert(acts());
	later(rule.quiet / 4);
	storms_tick(storms, view.now, NULL, NULL);
	cr_assert(acts(), "cooling");
	later(rule.quiet);
	brake_told(brake, sign, &rule, 1, view.now);
	judged(BRAKE_COPY, 20);
	cr_assert(acts());
	storms_tick(storms, view.now, NULL, NULL);
	cr_assert_not(acts(), "remembered");
}

Test(brake, no_longer_than_brake_for_a_storm)
{
	struct storm *st = storms_find(storms, one);

	judged(BRAKE_COPY, 20);
	st->braked = true;
	st->braked_at = view.now.mono;
	later(rule.brake_for - 1);
	judged(BRAKE_COPY, 20);
	cr_assert(acts());
	later(1);
	cr_assert_not(acts());
	judged(BRAKE_COPY, 200);
	cr_assert_not(acts(), "not this storm any more");
}

Test(brake, what_is_not_heard_of_for_an_hour_is_forgotten)
{
	judged(BRAKE_COPY, 20);
	later(BRAKE_FRESH - 1);
	cr_assert(acts());
	later(1);
	cr_assert_not(acts());
	judged(BRAKE_COPY, 1);
	cr_assert_not(acts(), "it begins anew");
}

/* All recipients of one message are told the same, however many there are and whoever asks in between. */
Test(brake, one_message_in_probe_gets_through)
{
	unsigned probes = 0;

	judged(BRAKE_COPY, 20);
	for (uint64_t m = 1; m <= 200; m += 2) {
		enum brake_answer a[2] = { brake_ask(brake, sign, &rule, m), BRAKE_PASS };

		for (unsigned rcpt = 0; rcpt < 30; rcpt++) {
			cr_assert_eq(brake_ask(brake, sign, &rule, m), a[0]);
			brake_told(brake, sign, &rule, m, view.now);
			if (rcpt == 0)
				a[1] = brake_ask(brake, sign, &rule, m + 1);
			cr_assert_eq(brake_ask(brake, sign, &rule, m + 1), a[1]);
			brake_told(brake, sign, &rule, m + 1, view.now);
		}
		probes += (a[0] == BRAKE_PROBE) + (a[1] == BRAKE_PROBE);
	}
	cr_assert_eq(probes, 4);
	/* without a name each question is a message */
	for (int i = probes = 0; i < 100; i++) {
		probes += brake_ask(brake, sign, &rule, 0) == BRAKE_PROBE;
		brake_told(brake, sign, &rule, 0, view.now);
	}
	cr_assert_eq(probes, 2);
}

Test(brake, signatures_are_bounded_and_the_oldest_goes)
{
	struct key128 key = { 0, 9 };

	for (key.lo = 1; key.lo <= BRAKE_SIGNS_MAX; key.lo++)
		for (int i = 0; i < BRAKE_LEAST; i++)
			brake_judged(brake, key, BRAKE_COPY, one, view.now);
	cr_assert_eq(brake_count(brake), BRAKE_SIGNS_MAX);
	key.lo = 1;
	brake_judged(brake, key, BRAKE_COPY, one, view.now);
	judged(BRAKE_COPY, 1);
	cr_assert_eq(brake_count(brake), BRAKE_SIGNS_MAX);
	cr_assert_not_null(brake_storm(brake, key, &rule, &view));
	key.lo = 2;
	cr_assert_null(brake_storm(brake, key, &rule, &view));
	key.lo = 3;
	cr_assert_not_null(brake_storm(brake, key, &rule, &view));
}

Test(brake, ordinary_mail_takes_no_place)
{
	struct key128 key = { 0, 9 };

	for (key.lo = 1; key.lo <= 10000; key.lo++)
		brake_judged(brake, key, BRAKE_OTHER, (struct key128){ 0 }, view.now);
	cr_assert_eq(brake_count(brake), 0);
	cr_assert_eq(brake_ask(brake, key, &rule, 1), BRAKE_PASS);
	brake_told(brake, key, &rule, 1, view.now);
	cr_assert_eq(brake_count(brake), 0);
}
