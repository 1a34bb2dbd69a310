/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/err.h"
#include "judge/storm.h"

static struct site site;
static struct msg msg;
static struct arena arena;
static struct traits traits;
static struct addr_norm norm;
static struct rule rule;
static struct view view;
static struct storms *storms;
static char rule_name[] = "replication";
static const struct now t0 = { MS_DAY, 1700000000000 };

static void
setup(void)
{
	site_init(&site);
	arena_init(&arena, 0);
	msg_init(&msg, &arena, NULL);
	traits = (struct traits){ .client_text = STR("203.0.113.1") };
	norm = (struct addr_norm){ .key = STR("a@x.test"), .plain = STR("a@x.test") };
	rule = (struct rule){ .name = rule_name, .id = 1, .quiet = MS_HOUR, .remember = MS_DAY };
	view = (struct view){ .msg = &msg, .traits = &traits, .site = &site, .rcpts = &norm, .header = true };
	storms = storms_new();
}

static void
teardown(void)
{
	storms_free(storms);
	msg_fini(&msg);
	arena_fini(&arena);
	site_fini(&site);
}

TestSuite(storm, .init = setup, .fini = teardown);

static struct now
at(int64_t ms)
{
	return (struct now){ t0.mono + ms, t0.wall + ms };
}

static unsigned closed_calls;

static void
closed(void *arg, struct storm *st)
{
	(void)arg;
	(void)st;
	closed_calls++;
}

Test(storm, life_cycle)
{
	struct key128 key = { 1, 2 };
	struct storm *st = storms_open(storms, key, &rule, &view, t0);
	uint64_t id = st->id;

	cr_assert(st->opened);
	cr_assert_lt(id, 1ULL << 63);
	cr_assert_eq(storms_find(storms, key), st);
	st->opened = false;
	storms_tick(storms, at(MS_HOUR - 1), closed, NULL);
	cr_assert_eq(closed_calls, 0);
	storms_tick(storms, at(MS_HOUR), closed, NULL);
	storms_tick(storms, at(MS_HOUR + 1), closed, NULL);
	cr_assert_eq(closed_calls, 1);
	cr_assert_eq(st->state, STORM_REMEMBERED);
	storms_open(storms, key, &rule, &view, at(2 * MS_HOUR));
	cr_assert(st->opened, "it woke up");
	cr_assert_eq(st->id, id);
	st->changed = false;
	storms_tick(storms, at(3 * MS_HOUR), closed, NULL);
	st->changed = false;
	storms_tick(storms, at(2 * MS_HOUR + MS_DAY - 1), closed, NULL);
	cr_assert_eq(storms_find(storms, key), st);
	storms_tick(storms, at(2 * MS_HOUR + MS_DAY), closed, NULL);
	cr_assert_eq(st->state, STORM_CLOSED);
	storms_tick(storms, at(2 * MS_HOUR + MS_DAY + MS_SEC), closed, NULL);
	cr_assert_eq(storms_total(storms), 1, "the journal does not know yet");
	cr_assert_null(storms_find(storms, key), "no mail is held against it any more");
	st->changed = false;
	storms_tick(storms, at(2 * MS_HOUR + MS_DAY + 2 * MS_SEC), closed, NULL);
	cr_assert_null(storms_find(storms, key));
	cr_assert_eq(storms_total(storms), 0);
}

Test(storm, it_cools_before_it_closes_and_a_copy_warms_it)
{
	struct key128 key = { 1, 2 };
	struct storm *st = storms_open(storms, key, &rule, &view, t0);

	norm.key = STR("a@x.test");
	storms_tick(storms, at(MS_HOUR / 4 - 1), closed, NULL);
	cr_assert_eq(st->state, STORM_OPEN);
	storms_tick(storms, at(MS_HOUR / 4), closed, NULL);
	cr_assert_eq(st->state, STORM_COOLING);
	st->opened = false;
	storm_copy(st, &view, 0, true, at(MS_HOUR / 2));
	cr_assert_eq(st->state, STORM_OPEN);
	cr_assert_not(st->opened, "it was never closed");
	storms_tick(storms, at(MS_HOUR + MS_HOUR / 2 - 1), closed, NULL);
	cr_assert_eq(st->state, STORM_COOLING);
	storms_tick(storms, at(MS_HOUR + MS_HOUR / 2), closed, NULL);
	cr_assert_eq(st->state, STORM_REMEMBERED);
}

/* Counted, here and out of the events; but one that floods no more is no storm for what it sends. */
Test(storm, what_is_beside_it_keeps_it_not_open)
{
	struct key128 key = { 1, 2 };
	struct storms *again = storms_new();
	struct storm *st, *back;
	struct buf events;

	buf_init(&events, 0);
	storms_log(storms, &events);
	st = storms_open(storms, key, &rule, &view, t0);
	norm.key = STR("a@x.test");
	for (int m = 10; m < 60; m += 10)
		storm_copy(st, &view, 0, COPY_PASSED | COPY_BESIDE, at(m * MS_MIN));
	storm_copy(st, &view, 0, COPY_BESIDE, at(59 * MS_MIN)); /* stopped, by another rule */
	cr_expect_eq(st->last.mono, t0.mono);
	cr_assert_eq(storms_replay(again, buf_str(&events), t0, NULL, NULL), 0);
	back = storms_find(again, key);
	cr_expect_eq(back->passed, 5);
	cr_expect_eq(back->stopped, 1);
	cr_expect_eq(back->offered, 6);
	storms_tick(storms, at(MS_HOUR / 4), closed, NULL);
	storm_copy(st, &view, 0, COPY_PASSED | COPY_BESIDE, at(MS_HOUR / 4 + 1));
	cr_expect_eq(st->state, STORM_COOLING);
	storms_tick(storms, at(MS_HOUR), closed, NULL);
	cr_expect_eq(st->state, STORM_REMEMBERED);
	storms_free(again);
	storms_log(storms, NULL);
	buf_fini(&events);
}

/* The block runs from the last trip of the rule, keeps the storm open, and ends by itself. */
Test(storm, a_block_lasts_as_long_as_the_rule_says)
{
	struct key128 key = { 1, 2 };
	struct storm *st;

	rule.block = 6 * MS_HOUR;
	st = storms_open(storms, key, &rule, &view, t0);
	storms_tick(storms, at(2 * MS_HOUR), closed, NULL);
	cr_assert_eq(st->state, STORM_COOLING);
	cr_assert(storm_blocked(st, at(6 * MS_HOUR - 1)));
	cr_assert_not(storm_blocked(st, at(6 * MS_HOUR)));
	storms_tick(storms, at(6 * MS_HOUR - 1), closed, NULL);
	cr_assert_eq(st->state, STORM_COOLING);
	storms_tick(storms, at(6 * MS_HOUR), closed, NULL);
	cr_assert_eq(st->state, STORM_REMEMBERED);
	cr_assert_not(storm_blocked(st, at(MS_HOUR)), "a closed storm blocks nothing");
}

static void
forget(void *arg, struct storm *st)
{
	(void)arg;
	st->changed = false;
}

Test(storm, new_rules_are_obeyed_at_once)
{
	struct key128 key = { 1, 2 };
	struct storm *st = storms_open(storms, key, &rule, &view, t0);
	struct ruleset rules = { .v = &rule, .n = 1 };

	storms_tick(storms, at(1), closed, NULL);
	rule.quiet = MS_MIN;
	rule.remember = MS_HOUR;
	rule.mode = MODE_ENFORCE;
	storms_obey(storms, &rules, closed, NULL);
	cr_assert_eq(closed_calls, 0);
	storms_tick(storms, at(MS_MIN), closed, NULL);
	cr_assert_eq(st->state, STORM_REMEMBERED);
	storms_open(storms, key, &rule, &view, at(MS_MIN));
	closed_calls = 0;
	rule.mode = MODE_OFF;
	storms_obey(storms, &rules, closed, NULL);
	cr_assert_eq(closed_calls, 1, "a rule that is off has no open storm");
	cr_assert_eq(st->state, STORM_CLOSED);
	storms_each_changed(storms, forget, NULL);
	storms_tick(storms, at(2 * MS_MIN), closed, NULL);
	cr_assert_eq(storms_total(storms), 0);
}

Test(storm, a_changed_setting_reaches_the_open_storm)
{
	struct key128 key = { 1, 2 };
	struct storm *st = storms_open(storms, key, &rule, &view, t0);

	rule.quiet = MS_MIN;
	storms_open(storms, key, &rule, &view, t0);
	storms_tick(storms, at(MS_MIN), closed, NULL);
	cr_assert_eq(st->state, STORM_REMEMBERED);
}

Test(storm, bounded_at_the_cap_and_one_beyond)
{
	struct key128 first = { 1, 7 };

	for (uint64_t i = 1; i <= STORMS_MAX; i++)
		storms_open(storms, (struct key128){ i, 7 }, &rule, &view, t0);
	cr_assert_not_null(storms_find(storms, first));
	cr_assert_eq(storms_count(storms, STORM_OPEN), STORMS_MAX);
	cr_assert_eq(storms_displaced(storms), 0);
	/* The one least recently seen makes room. */
	storms_open(storms, first, &rule, &view, t0);
	storms_open(storms, (struct key128){ STORMS_MAX + 1, 7 }, &rule, &view, t0);
	cr_assert_not_null(storms_find(storms, first));
	cr_assert_null(storms_find(storms, (struct key128){ 2, 7 }));
	cr_assert_eq(storms_count(storms, STORM_OPEN), STORMS_MAX);
	cr_assert_eq(storms_displaced(storms), 1);
}

/* Who can open storms by the thousand pushes out his own, and not one that another rule remembers. */
Test(storm, one_rule_cannot_push_out_what_another_remembers)
{
	struct rule trap = rule;
	struct storm *busy;

	storms_open(storms, (struct key128){ 1, 8 }, &rule, &view, t0);
	storms_tick(storms, at(2 * MS_HOUR), closed, NULL);
	trap.id = rule.id + 1;
	for (uint64_t i = 1; i <= 2 * STORMS_MAX; i++)
		storms_open(storms, (struct key128){ i, 7 }, &trap, &view, at(2 * MS_HOUR + (int64_t)i));
	cr_assert_not_null(storms_find(storms, (struct key128){ 1, 8 }));
	cr_assert_eq(storms_total(storms), STORMS_MAX);
	/* Being seen is enough to stay, whether it trips or not. */
	norm.key = STR("a@x.test");
	busy = storms_find(storms, (struct key128){ STORMS_MAX + 2, 7 });
	cr_assert_not_null(busy);
	storm_copy(busy, &view, 0, true, at(3 * MS_HOUR));
	for (uint64_t i = 1; i < STORMS_MAX - 2; i++)
		storms_open(storms, (struct key128){ i, 9 }, &trap, &view, at(3 * MS_HOUR));
	cr_assert_not_null(storms_find(storms, (struct key128){ STORMS_MAX + 2, 7 }));
	cr_assert_null(storms_find(storms, (struct key128){ STORMS_MAX + 3, 7 }));
}

Test(storm, recipients_are_counted_once_and_up_to_a_cap)
{
	struct storm *st = storms_open(storms, (struct key128){ 1, 2 }, &rule, &view, t0);
	char addr[64];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < STORM_RCPTS_MAX + 10; i++) {
			snprintf(addr, sizeof(addr), "u%d@x.test", i);
			norm.key = str_of(addr);
			storm_copy(st, &view, 0, i % 2, t0);
		}
	}
	cr_assert_eq(st->n_rcpts, STORM_RCPTS_MAX);
	cr_assert_eq(st->offered, 2 * (STORM_RCPTS_MAX + 10));
	cr_assert_eq(st->passed + st->stopped, st->offered);
}

/* Hosts that carry the storm stay in a full table, and on top, whatever passes by once. */
Test(storm, hosts_are_bounded_and_the_busy_ones_stay)
{
	struct storm *st = storms_open(storms, (struct key128){ 1, 2 }, &rule, &view, t0);
	char name[64];

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "once%d.example", i);
		storm_add_host(st, i % 3 ? STR("busy.example") : str_of(name), "received", 1);
		if (i == (STORM_HOSTS_MAX - 1) * 3 / 2)
			cr_assert_leq(st->n_hosts, STORM_HOSTS_MAX);
	}
	cr_assert_eq(st->n_hosts, STORM_HOSTS_MAX);
	cr_assert_str_eq(st->hosts[0].name, "busy.example");
}

/* One nameless host would make all storms unreadable: a NUL comes in a body, =00 in quoted-printable. */
Test(storm, a_host_has_a_name)
{
	struct storms *restarted = storms_new();
	struct storm *st = storms_open(storms, (struct key128){ 1, 2 }, &rule, &view, t0);
	struct buf out;

	buf_init(&out, 0);
	storm_add_host(st, STR("\0far.example"), "reporting-mta", 1);
	storm_add_host(st, STR("near.example\0x"), "reporting-mta", 1);
	storm_add_host(st, STR("near.example\0y"), "reporting-mta", 1);
	storms_pack_all(storms, t0, &out);
	cr_assert_eq(storms_unpack_all(restarted, buf_str(&out), t0), 0);
	st = storms_find(restarted, (struct key128){ 1, 2 });
	cr_assert_eq(st->n_hosts, 1);
	cr_assert_str_eq(st->hosts[0].name, "near.example");
	cr_assert_eq(st->hosts[0].copies, 2);
	storms_free(restarted);
	buf_fini(&out);
}

/* Who handed it over: behind a relay of ours, whom that had it from. */
Test(storm, sources_are_those_who_handed_it_over)
{
	struct storm *st = storms_open(storms, (struct key128){ 1, 2 }, &rule, &view, t0);
	struct hop hops[2] = { { .by = STR("backup.example.org"), .from = STR("faulty.example") },
		{ .by = STR("smtp.sender.example") } };

	strset_add(&site.own_hosts, STR("mx.example.org"));
	msg.header.f.hops = hops;
	msg.header.f.n_hops = 2;
	msg.helo = STR("MX.example.org");
	traits.client_text = STR("192.0.2.1");
	storm_sources(st, &view, 5);
	cr_assert_eq(st->messages, 1);
	cr_assert_eq(st->n_hosts, 1, "our own name is nobody's");
	cr_assert_str_eq(st->hosts[0].name, "192.0.2.1");
	traits.relay_hops = 1;
	storm_sources(st, &view, 7);
	cr_assert_eq(st->n_hosts, 2);
	cr_assert_str_eq(st->hosts[1].name, "faulty.example");
	cr_assert_eq(st->hosts[0].copies, 12);
}

/* What a restart leaves of a message's ways: out of the events, and never more than it was. */
Test(storm, the_shortest_way_is_an_event)
{
	struct key128 key = { 1, 2 };
	struct storms *again = storms_new();
	struct buf events;
	size_t n;

	buf_init(&events, 0);
	storms_log(storms, &events);
	storm_shortest(storms_open(storms, key, &rule, &view, t0), 7);
	n = events.len;
	storm_shortest(storms_find(storms, key), 9);
	storm_shortest(storms_find(storms, key), 7);
	storm_shortest(storms_find(storms, key), 0);
	cr_assert_eq(events.len, n, "nothing new");
	storm_shortest(storms_find(storms, key), 2);
	cr_assert_eq(storms_replay(again, buf_str(&events), t0, NULL, NULL), 0);
	cr_assert_eq(storms_find(again, key)->shortest, 2);
	cr_assert_eq(
	    storms_replay(again, str_sub(buf_str(&events), n, events.len - 1), t0, NULL, NULL), ERR_CORRUPT);
	storms_free(again);
	storms_log(storms, NULL);
	buf_fini(&events);
}

static uint64_t left;

static void
leaves(void *arg, struct storm *st)
{
	(void)arg;
	if (st->changed && st->state == STORM_CLOSED)
		left = st->id;
}

static void
nothing(void *arg, struct storm *st)
{
	(void)arg;
	(void)st;
}

/* What makes room is told to be over, be it that the record has it as open. */
Test(storm, a_storm_is_told_before_it_goes)
{
	uint64_t first, second;

	storms_on_leave(storms, leaves, NULL);
	for (uint64_t i = 1; i <= STORMS_MAX; i++)
		storms_open(storms, (struct key128){ i, 7 }, &rule, &view, t0);
	first = storms_find(storms, (struct key128){ 1, 7 })->id;
	second = storms_find(storms, (struct key128){ 2, 7 })->id;
	storms_open(storms, (struct key128){ STORMS_MAX + 1, 7 }, &rule, &view, t0);
	cr_assert_eq(left, first);
	left = 0;
	storms_each_changed(storms, nothing, NULL);
	storms_open(storms, (struct key128){ STORMS_MAX + 2, 7 }, &rule, &view, t0);
	cr_assert_eq(left, second);
	cr_assert_eq(storms_count(storms, STORM_OPEN), STORMS_MAX);
}
