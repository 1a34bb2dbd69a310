/* SPDX-License-Identifier: ISC */
/* Who is named, way by way; and the caps. A way is written as its hosts, the last one first: "host#id" is a
 * line by that host, and '=' in front makes it the client's name. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/xalloc.h"
#include "judge/storm.h"
#include "judge/ways.h"

static struct site site;
static struct arena arena;
static struct msg msg;
static struct traits traits;
static struct view view;
static struct rule rule;
static struct storms *storms;
static struct storm *st;
static struct ways *ways;
static struct hop hops[HEADER_HOPS_MAX];
static struct key128 key = { 1, 2 };
static char rule_name[] = "replication";

static void
setup(void)
{
	site_init(&site);
	site.hostname = xstrdup("mx.example.org");
	arena_init(&arena, 0);
	msg_init(&msg, &arena, &site.gateway_markers);
	traits = (struct traits){ 0 };
	rule = (struct rule){ .name = rule_name, .id = 1, .quiet = MS_HOUR };
	view = (struct view){ .msg = &msg, .traits = &traits, .site = &site, .header = true };
	storms = storms_new();
	st = storms_open(storms, key, &rule, &view, (struct now){ 0, 0 });
	ways = ways_new();
	msg.header.f.hops = hops;
}

static void
teardown(void)
{
	ways_free(ways);
	storms_free(storms);
	msg_fini(&msg);
	arena_fini(&arena);
	site_fini(&site);
}

TestSuite(ways, .init = setup, .fini = teardown);

static void
take(const char *way)
{
	struct str rest = str_of(way), one;
	struct hash h;
	uint32_t n = 0;

	msg.helo = STR_NONE;
	hash_init(&h, 0, "way");
	while (str_split(&rest, ' ', &one)) {
		if (one.n && one.p[0] == '=') {
			msg.helo = str_sub(one, 1, one.n);
			continue;
		}
		hops[n] = (struct hop){ .by = str_sub(one, 0, str_find(one, '#')), .hash = hash64(0, one) };
		hash_u64(&h, hops[n++].hash);
	}
	msg.header.f.n_hops = msg.header.f.hop_count = n;
	traits.foreign_hops = n;
	traits.trace = hash_end64(&h);
}

static void
passed(const char *way)
{
	take(way);
	ways_note(ways, key, &view, false);
}

static void
stopped(const char *way)
{
	take(way);
	ways_note(ways, key, &view, true);
	ways_name(ways, key, &view, st, 1);
}

/* Whether exactly those are named, in whatever order. */
static void
named(const char *want)
{
	struct str rest = str_of(want), one;
	uint32_t n = 0;

	while (rest.n && str_split(&rest, ' ', &one)) {
		bool is = false;

		for (uint32_t i = 0; i < st->n_hosts; i++)
			is |= str_eq(str_of(st->hosts[i].name), one);
		cr_expect(is, "%.*s is not named", STR_FMT(one));
		n++;
	}
	for (uint32_t i = 0; i < st->n_hosts && st->n_hosts != n; i++)
		fprintf(stderr, "named: %s\n", st->hosts[i].name);
	cr_assert_eq(st->n_hosts, n);
}

#define WAY_OF_FIRM "out.firm.test#R1 smtp.firm.test#X1"
#define FIRM " " WAY_OF_FIRM

Test(ways, copies_by_three_servers_beside_the_original)
{
	passed("=out.firm.test" FIRM);
	passed("=sbs1.a.test sbs1.a.test#1 pop.isp1.test#1" FIRM);
	stopped("=sbs2.b.test sbs2.b.test#1 pop.isp2.test#1" FIRM);
	named("sbs2.b.test pop.isp2.test");
	stopped("=sbs1.a.test sbs1.a.test#2 pop.isp1.test#1" FIRM);
	stopped("=sbs3.c.test sbs3.c.test#1 sbs1.a.test#2 pop.isp1.test#1" FIRM);
	named("sbs2.b.test pop.isp2.test sbs1.a.test pop.isp1.test sbs3.c.test");
	cr_assert_str_eq(st->hosts[0].name, "sbs1.a.test", "the most copies first");
}

/* Filters behind an MTA, and fetchers, write lines by "localhost": that is everybody and nobody. */
Test(ways, localhost_is_nobodys_name)
{
	passed("=out.firm.test" FIRM);
	stopped("=sbs1.a.test sbs1.a.test#1 localhost#1" FIRM);
	stopped("=sbs1.a.test sbs1.a.test#2 localhost#2" FIRM);
	stopped("=sbs2.b.test sbs2.b.test#1 localhost.localdomain#1 [127.0.0.1]#1" FIRM);
	named("sbs1.a.test sbs2.b.test");
}

Test(ways, localhost_is_nobodys_name_when_the_original_never_came)
{
	passed("=sbs1.a.test sbs1.a.test#1 localhost#1 localhost#F" FIRM);
	stopped("=sbs1.a.test sbs1.a.test#2 localhost#2 localhost#F" FIRM);
	stopped("=sbs1.a.test sbs1.a.test#3 localhost#3 localhost#F" FIRM);
	named("sbs1.a.test");
}

Test(ways, a_server_that_calls_itself_localhost_is_named_by_what_it_says)
{
	passed("=out.firm.test" FIRM);
	passed("=sbs1.a.test localhost#1" FIRM);
	stopped("=sbs1.a.test localhost#2" FIRM);
	named("sbs1.a.test");
}

Test(ways, localhost_is_nobodys_name_by_length_alone)
{
	passed("=out.firm.test" FIRM);
	stopped("=sbs1.a.test sbs1.a.test#1 localhost#1" FIRM);
	ways_free(ways);
	ways = ways_new();
	stopped("=sbs1.a.test sbs1.a.test#2 localhost#2" FIRM);
	named("sbs1.a.test");
}

Test(ways, what_stands_before_us_all_is_not_named)
{
	passed("=filter.test filter.test#1" FIRM);
	stopped("=filter.test filter.test#2 sbs1.a.test#1" FIRM);
	stopped("=filter.test filter.test#3 sbs2.b.test#1" FIRM);
	named("sbs1.a.test sbs2.b.test");
}

/* A forwarder that nobody told us is ours has several hosts, each with an address of its own. */
static void
client(const char *address)
{
	traits.client_text = str_of(address);
}

Test(ways, what_stands_before_us_all_in_several_hosts_is_not_named)
{
	client("192.0.2.1");
	passed("=filter1.host.test filter1.host.test#1" FIRM);
	client("192.0.2.2");
	passed("=filter2.host.test filter2.host.test#2 sbs1.a.test#1" FIRM);
	for (int i = 0; i < 3; i++) {
		client("192.0.2.3");
		stopped(i % 2 ? "=x filter2.host.test#3 sbs1.a.test#2" FIRM
			      : "=x filter3.host.test#4 sbs1.a.test#3" FIRM);
		client("192.0.2.4");
		stopped(i % 2 ? "=y filter1.host.test#5 sbs2.b.test#1" FIRM
			      : "=y filter2.host.test#6 sbs2.b.test#2" FIRM);
	}
	named("sbs1.a.test sbs2.b.test");
}

/* Of its own domain are faulty servers as well. */
Test(ways, a_server_of_the_domain_that_stands_before_us_all)
{
	passed("filter1.host.test#1" FIRM);
	passed("filter2.host.test#2 sbs1.host.test#1" FIRM);
	stopped("filter1.host.test#3 sbs1.host.test#2" FIRM);
	stopped("filter3.host.test#4 sbs1.host.test#3" FIRM);
	named("sbs1.host.test");
}

/* They hand over copies, and the gateway of the same domain the originals. */
Test(ways, servers_of_the_domain_that_hands_over_the_original)
{
	passed(WAY_OF_FIRM);
	passed("sbs1.firm.test#1" FIRM);
	passed("sbs2.firm.test#1" FIRM);
	stopped("sbs1.firm.test#2" FIRM);
	stopped("sbs1.firm.test#3" FIRM);
	stopped("sbs2.firm.test#2" FIRM);
	stopped("sbs2.firm.test#3" FIRM);
	named("sbs1.firm.test sbs2.firm.test");
}

/* What hands over the original stands below the copies: these are servers, no forwarder before us all. */
Test(ways, a_server_of_the_senders_domain_is_named_and_not_its_mailbox_alone)
{
	passed(WAY_OF_FIRM);
	passed("sbs1.firm.test#1 pop.isp1.test#1" FIRM);
	passed("sbs1.firm.test#2 pop.isp1.test#2 sbs1.firm.test#1 pop.isp1.test#1" FIRM);
	stopped("sbs1.firm.test#3 pop.isp1.test#3 sbs1.firm.test#2 pop.isp1.test#2 sbs1.firm.test#1"
		" pop.isp1.test#1" FIRM);
	stopped("sbs1.firm.test#4 pop.isp1.test#4" FIRM);
	named("sbs1.firm.test pop.isp1.test");
}

/* The domain is on every way because the sender's host is, not by turns. */
Test(ways, servers_of_the_senders_domain_behind_one_that_stands_before_us_all)
{
	passed("filter.host.test#1" FIRM);
	passed("filter.host.test#2 sbs1.firm.test#1 pop.firm.test#1" FIRM);
	stopped("filter.host.test#3 sbs1.firm.test#2 pop.firm.test#2" FIRM);
	stopped("filter.host.test#4 sbs1.firm.test#3 pop.firm.test#3" FIRM);
	stopped("filter.host.test#5 sbs2.firm.test#1 pop.firm.test#4" FIRM);
	stopped("filter.host.test#6 sbs2.firm.test#2 pop.firm.test#5" FIRM);
	named("sbs1.firm.test sbs2.firm.test");
}

/* The firm hands out each recipient's copy in a transaction of its own, through one of two gateways. */
Test(ways, the_senders_own_gateways_are_not_named)
{
	passed("out1.firm.test#R1 smtp.firm.test#X1");
	passed("out2.firm.test#R2 smtp.firm.test#X1");
	stopped("sbs1.a.test#1 out1.firm.test#R3 smtp.firm.test#X1");
	stopped("sbs1.a.test#2 out3.firm.test#R4 smtp.firm.test#X1");
	named("sbs1.a.test");
}

Test(ways, an_original_that_comes_late_and_is_stopped_names_nobody)
{
	passed("sbs1.a.test#1" FIRM);
	passed("sbs1.a.test#2" FIRM);
	stopped(WAY_OF_FIRM);
	named("");
	stopped("sbs1.a.test#3" FIRM);
	named("sbs1.a.test");
}

Test(ways, one_server_of_which_the_original_never_came)
{
	passed("sbs1.a.test#1 pop.isp1.test#1" FIRM);
	named("");
	stopped("sbs1.a.test#2 pop.isp1.test#1" FIRM);
	named("sbs1.a.test");
}

Test(ways, the_same_behind_a_filter_of_ours)
{
	passed("filter.test#1 sbs1.a.test#1" FIRM);
	passed("filter.test#2 sbs1.a.test#2" FIRM);
	stopped("filter.test#3 sbs1.a.test#3" FIRM);
	named("sbs1.a.test");
}

Test(ways, one_server_that_its_own_copies_come_back_to)
{
	passed("sbs1.a.test#1 pop.isp1.test#1" FIRM);
	stopped("sbs1.a.test#2 pop.isp1.test#2 sbs1.a.test#1 pop.isp1.test#1" FIRM);
	named("sbs1.a.test pop.isp1.test");
}

/* It fetches what its provider's hosts took in by turns. */
Test(ways, one_server_that_its_own_copies_come_back_to_through_several_hosts)
{
	passed("sbs1.a.test#1 mx1.isp1.test#1" FIRM);
	passed("sbs1.a.test#2 mx2.isp1.test#2 sbs1.a.test#1 mx1.isp1.test#1" FIRM);
	stopped("sbs1.a.test#3 mx3.isp1.test#3 sbs1.a.test#1 mx1.isp1.test#1" FIRM);
	stopped("sbs1.a.test#4 mx2.isp1.test#4 sbs1.a.test#1 mx1.isp1.test#1" FIRM);
	named("sbs1.a.test");
}

Test(ways, two_servers_of_which_the_original_never_came)
{
	passed("sbs1.a.test#1" FIRM);
	passed("sbs2.b.test#1" FIRM);
	stopped("sbs1.a.test#2" FIRM);
	stopped("sbs2.b.test#2" FIRM);
	named("");
	stopped("sbs1.a.test#3" FIRM);
	stopped("sbs2.b.test#3" FIRM);
	named("sbs1.a.test sbs2.b.test");
}

/* A server that is in the common part, for everything came of a copy of its own, and sends again. */
Test(ways, a_server_below_that_sends_once_more)
{
	passed("sbs1.a.test#1" FIRM);
	stopped("sbs2.b.test#1 sbs1.a.test#1" FIRM);
	named("sbs2.b.test");
	stopped("sbs1.a.test#2 sbs1.a.test#1" FIRM);
	named("sbs2.b.test");
	stopped("sbs1.a.test#3 sbs1.a.test#1" FIRM);
	named("sbs2.b.test sbs1.a.test");
}

/* The sender's provider carries the copies too, as it would carry any mail of that customer of his. */
Test(ways, a_server_below_that_only_carries)
{
	passed(WAY_OF_FIRM);
	for (int i = 0; i < 10; i++) {
		char way[128];

		snprintf(way, sizeof(way), "out.firm.test#Z%d sbs1.a.test#%d%s", i, i, FIRM);
		stopped(way);
	}
	named("sbs1.a.test");
}

Test(ways, where_it_began_is_never_named)
{
	passed(WAY_OF_FIRM);
	for (int i = 0; i < 20; i++) {
		char way[128];

		snprintf(way, sizeof(way), "=smtp.firm.test smtp.firm.test#%d sbs1.a.test#%d%s", i, i, FIRM);
		stopped(way);
	}
	named("sbs1.a.test");
}

Test(ways, the_same_transmission_again_tells_nothing_new)
{
	passed("sbs1.a.test#1" FIRM);
	for (int i = 0; i < 10; i++)
		stopped("sbs1.a.test#1" FIRM);
	named("");
}

/* After a restart the length of the shortest way is all that is left. */
Test(ways, by_length_while_no_other_way_is_known)
{
	take("=sbs1.a.test sbs1.a.test#9" FIRM);
	ways_note(ways, key, &view, true);
	ways_name(ways, key, &view, st, 1);
	named("");
	st->shortest = 3;
	ways_name(ways, key, &view, st, 1);
	named("");
	st->shortest = 2;
	ways_name(ways, key, &view, st, 1);
	named("sbs1.a.test");
	take("sbs2.b.test#9" FIRM);
	ways_note(ways, key, &view, true);
	ways_name(ways, key, &view, st, 1);
	named("sbs1.a.test sbs2.b.test");
	cr_assert_eq(st->shortest, 2);
}

Test(ways, other_messages_take_no_part)
{
	passed(WAY_OF_FIRM);
	key.lo = 7;
	passed("sbs9.z.test#1" FIRM);
	key.lo = 1;
	stopped("sbs1.a.test#1" FIRM);
	named("sbs1.a.test");
}

/* A Message-ID differs: by another way it was rewritten, by the same way it is another message. */
Test(ways, an_origin_that_messages_share)
{
	traits.ids[0] = (struct key128){ 1, 1 };
	passed(WAY_OF_FIRM);
	cr_assert_not(ways_shared(ways, key));
	traits.ids[0] = (struct key128){ 2, 2 };
	passed("sbs1.a.test#1" FIRM);
	traits.ids[0] = (struct key128){ 3, 3 };
	passed("sbs1.a.test#2" FIRM);
	cr_assert_not(ways_shared(ways, key));
	traits.id_missing = true;
	passed(WAY_OF_FIRM);
	cr_assert_not(ways_shared(ways, key), "no id is no other id");
	traits.id_missing = false;
	passed(WAY_OF_FIRM);
	cr_assert(ways_shared(ways, key));
	key.lo = 9;
	cr_assert_not(ways_shared(ways, key));
}

static bool
in_turn(const char *way)
{
	take(way);
	return ways_in_turn(ways, key, &view);
}

Test(ways, hosts_of_one_provider_in_turn)
{
	cr_expect_not(in_turn("=out1.firm.test out1.firm.test#1" FIRM), "nothing is known of it");
	passed("=out1.firm.test out1.firm.test#1" FIRM);
	cr_expect_not(in_turn("=out2.firm.test out2.firm.test#2" FIRM), "one way has no common part");
	passed("=out2.firm.test out2.firm.test#2" FIRM);
	cr_expect(in_turn("=out3.firm.test out3.firm.test#3" FIRM));
	cr_expect(in_turn("=out1.firm.test out1.firm.test#4" FIRM), "one of them again");
	cr_expect_not(in_turn("=out3.other.test out3.firm.test#3" FIRM), "somebody else handed it over");
	cr_expect_not(in_turn("=out3.other.test out3.other.test#3" FIRM), "another domain's host");
	cr_expect_not(in_turn("=out3.firm.test out3.firm.test#3 out1.firm.test#1" FIRM), "a longer way");
	cr_expect_not(in_turn("=out.firm.test" FIRM), "a shorter one");
	cr_expect_not(
	    in_turn("=out3.firm.test out3.firm.test#3 out.firm.test#R1 smtp.firm.test#X2"), "another below");
	passed("=sbs.other.test sbs.other.test#1" FIRM);
	cr_expect_not(in_turn("=out3.firm.test out3.firm.test#3" FIRM), "another domain was among them");
}

Test(ways, one_host_several_times_before_the_next_takes_its_turn)
{
	for (int i = 0; i < 3; i++) {
		char way[128];

		snprintf(way, sizeof(way), "=out1.firm.test out1.firm.test#%d" FIRM, i);
		passed(way);
	}
	cr_expect(in_turn("=out2.firm.test out2.firm.test#4" FIRM));
	cr_expect_not(in_turn("=out1.other.test out1.other.test#4" FIRM), "another domain's host");
}

Test(ways, one_host_again_and_again_is_no_turn)
{
	for (int i = 0; i < 3; i++) {
		char way[128];

		snprintf(way, sizeof(way), "=sbs1.a.test sbs1.a.test#%d" FIRM, i);
		cr_expect_not(in_turn(way));
		passed(way);
	}
	cr_expect_not(in_turn("=sbs1.a.test sbs1.a.test#9" FIRM));
}

Test(ways, the_original_beside_them_makes_copies_of_them)
{
	passed("=out.firm.test" FIRM);
	passed("=sbs1.a.test sbs1.a.test#1" FIRM);
	passed("=sbs2.a.test sbs2.a.test#2" FIRM);
	cr_expect_not(in_turn("=sbs3.a.test sbs3.a.test#3" FIRM));
}

Test(ways, messages_are_bounded_and_the_oldest_goes)
{
	for (uint64_t i = 1; i <= WAYS_MAX; i++) {
		key.lo = i;
		passed(WAY_OF_FIRM);
	}
	cr_assert_eq(ways_count(ways), WAYS_MAX);
	key.lo = 1;
	passed("sbs1.a.test#1" FIRM);
	key.lo = WAYS_MAX + 1;
	passed(WAY_OF_FIRM);
	cr_assert_eq(ways_count(ways), WAYS_MAX);
	key.lo = 1;
	stopped("sbs1.a.test#2" FIRM);
	named("sbs1.a.test");
	/* the second was the oldest: of it nothing is known any more */
	key.lo = 2;
	st->shortest = 0;
	stopped("sbs2.b.test#2" FIRM);
	named("sbs1.a.test");
}

/* Of WAY_HOSTS_MAX hosts each is known; what finds no place may be named, what is on a shortest way does. */
Test(ways, hosts_of_a_message_are_bounded)
{
	char way[256];

	for (int i = 0; i < WAY_HOSTS_MAX + 8; i++) {
		snprintf(way, sizeof(way), "sbs%d.h%d.test#1 pop.isp.test#%d%s", i, i, i, FIRM);
		passed(way);
	}
	passed("mx.original.test#1" FIRM);
	stopped("sbs99.h99.test#1 mx.original.test#2" FIRM);
	named("sbs99.h99.test");
}

Test(ways, more_lines_than_are_compared)
{
	char way[WAY_LINES_MAX * 40 + 200] = "", copied[sizeof(way) + 64];

	for (int i = 0; i < WAY_LINES_MAX + 3; i++)
		snprintf(
		    way + strlen(way), sizeof(way) - strlen(way), "%sh%d.firm%d.test#1", i ? " " : "", i, i);
	passed(way);
	snprintf(copied, sizeof(copied), "sbs1.a.test#1 %s", way);
	stopped(copied);
	named("sbs1.a.test");
}

/* Beyond HEADER_HOPS_MAX lines the scanner keeps the upper ones and the bottom. */
Test(ways, lines_that_were_not_kept)
{
	passed(WAY_OF_FIRM);
	take("sbs1.a.test#1 sbs2.b.test#2 smtp.firm.test#X1");
	msg.header.f.skipped_hops = 99;
	msg.header.f.hop_count = traits.foreign_hops = HEADER_HOPS_MAX + 50;
	ways_note(ways, key, &view, true);
	ways_name(ways, key, &view, st, 1);
	named("sbs1.a.test sbs2.b.test");
}

/* Any ways in any order: no host of the bottom line is ever named, nothing is out of bounds. */
Test(ways, random_ways)
{
	uint64_t seed = 20060109;

	for (int i = 0; i < 20000; i++) {
		char way[2048] = "";
		unsigned n;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		n = (unsigned)(seed >> 33) % 40;
		for (unsigned k = 0; k < n; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			snprintf(way + strlen(way), sizeof(way) - strlen(way), "h%u.d%u.test#%u ",
			    (unsigned)(seed >> 40) % 50, (unsigned)(seed >> 50) % 5,
			    (unsigned)(seed >> 33) % 3);
		}
		snprintf(way + strlen(way), sizeof(way) - strlen(way), "smtp.firm.test#X1");
		key.lo = (seed >> 20) % 7;
		if (seed & 1 << 30)
			stopped(way);
		else
			passed(way);
	}
	for (uint32_t i = 0; i < st->n_hosts; i++)
		cr_assert_str_neq(st->hosts[i].name, "smtp.firm.test");
	cr_assert_gt(st->n_hosts, 0);
}

/* --- what came straight --------------------------------------------------------------------------------- */

static struct key128
nth(uint64_t n)
{
	struct hash h;

	hash_init(&h, 7, "straight");
	hash_u64(&h, n);
	return hash_end(&h);
}

static uint32_t
known(uint64_t from, uint64_t to)
{
	uint32_t n = 0;

	for (uint64_t i = from; i < to; i++)
		n += ways_straight(ways, nth(i));
	return n;
}

Test(ways, what_came_straight_is_known_for_a_day_or_two)
{
	struct now now = { 0, 0 };

	cr_assert_not(ways_straight(ways, nth(0)));
	ways_note_straight(ways, nth(0), now);
	cr_assert(ways_straight(ways, nth(0)));
	now.mono = MS_DAY;
	ways_note_straight(ways, nth(1), now);
	cr_assert_eq(known(0, 2), 2);
	now.mono = 2 * (int64_t)MS_DAY;
	ways_note_straight(ways, nth(2), now);
	cr_assert_not(ways_straight(ways, nth(0)));
	cr_assert_eq(known(1, 3), 2);
}

Test(ways, however_much_comes_straight)
{
	struct now now = { 0, 0 };
	uint32_t n = 5 * STRAIGHT_MAX;

	for (uint64_t i = 0; i < n; i++)
		ways_note_straight(ways, nth(i), now);
	cr_assert_eq(known(n - STRAIGHT_MAX, n), STRAIGHT_MAX, "the last ones");
	cr_assert_lt(known(n, n + 10000), 1200, "one in ten by mistake");
	cr_assert_lt(known(0, 10000), 1200, "the first ones are forgotten");
}
