/* SPDX-License-Identifier: ISC */
/* Several MTAs at one daemon: what one host asks says nothing of another. */
#include <arpa/inet.h>

#include "rcpt_rig.h"

TestSuite(hosts, .init = rcpt_setup, .fini = teardown, .timeout = 30);

enum { A = 11, B = 12, C = 13 };

static struct rule *
flood(uint32_t limit)
{
	struct rule *r = rule("flood");

	r->measure = MEASURE_MESSAGES;
	r->count_by = BY_SENDER;
	r->limit = limit;
	r->window = MS_DAY;
	return r;
}

static void
from(uint64_t mta, const char *client, const char *sender)
{
	who.mta = mta;
	who.client = client;
	who.sender = sender;
}

/* So many messages of which RCPT alone was heard; how many passed. */
static int
halves(int n)
{
	int passed = 0;

	for (int i = 0; i < n; i++) {
		who.connection++;
		passed += ask_rcpt(fresh(), "a@example.org") == ACT_PASS;
		engine_disconnect(&e, who.connection, 2, now);
	}
	return passed;
}

/* --- the engine --- */

Test(hosts, each_for_itself)
{
	flood(2);
	from(A, "203.0.113.1", "asks-data@far.example");
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	cr_assert_eq(halves(10), 10, "they came to nothing");
	from(B, "203.0.113.2", "asks-rcpt@far.example");
	cr_assert_eq(halves(10), 2, "there is no more to come");
	cr_assert_eq(e.stats.passed, 3);
	from(A, "203.0.113.1", "asks-data@far.example");
	cr_assert_eq(halves(3), 3);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_DEFER);
}

/* RCPT over one address, DATA over another: that is one MTA. */
Test(hosts, data_from_another_address)
{
	flood(2);
	for (int named = 0; named < 2; named++) {
		const char *id = named ? "5.1" : "", *sender = named ? "n@far.example" : "m@far.example";

		from(named ? A : C, "203.0.113.1", sender);
		who.port = "4001";
		cr_assert_eq(ask_rcpt(id, "a@example.org"), ACT_PASS);
		who.mta = B;
		cr_assert_eq(ask_at(STAGE_DATA, named ? id : "1rXyz-0001", "a@example.org", 1), ACT_PASS);
		who.mta = named ? A : C;
		cr_assert_eq(halves(10), 10, "%d", named);
		cr_assert_eq(e.stats.passed, (uint64_t)named + 1);
	}
}

static void
milter_says(const char *client, const char *port)
{
	begin_msg(DOOR_MILTER, STAGE_EOM, "m@far.example", "a@example.org");
	msg.mta = B;
	msg.client_address = str_of(client);
	msg.client_port = str_of(port);
	judge(NULL);
	msg.door = DOOR_POLICY;
}

Test(hosts, a_milter_that_serves_the_client)
{
	flood(2);
	engine_milter_begin(&e, STR("203.0.113.1"), STR("4001"));
	from(A, "203.0.113.1", "m@far.example");
	who.port = "4001";
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	who.port = "4002";
	cr_assert_eq(halves(10), 10);
}

Test(hosts, a_milter_that_had_the_message)
{
	flood(2);
	from(A, "203.0.113.1", "m@far.example");
	who.port = "4001";
	cr_assert_eq(ask_rcpt("1", "a@example.org"), ACT_PASS);
	milter_says("203.0.113.1", "4001");
	cr_assert_eq(halves(10), 10, "the policy door's host");
	from(B, "203.0.113.2", "m@far.example");
	cr_assert_eq(halves(10), 10, "the milter's host");
	from(C, "203.0.113.3", "n@far.example");
	cr_assert_eq(halves(10), 2, "another");
}

/* Mail of a local program. */
Test(hosts, a_milter_that_tells_nothing)
{
	flood(3);
	milter_says("", "");
	from(B, "203.0.113.1", "n@far.example");
	cr_assert_eq(halves(10), 3);
}

Test(hosts, one_question_a_connection)
{
	flood(1);
	from(A, "203.0.113.1", "m@far.example");
	cr_assert_eq(send_one(fresh(), "a@example.org"), ACT_PASS);
	for (int i = 0; i < 2; i++) {
		from(i ? A : B, "203.0.113.2", i ? "o@far.example" : "n@far.example");
		who.connection = 70 + (uint64_t)i;
		cr_assert_eq(ask_rcpt(fresh(), "a@example.org"), ACT_PASS);
		engine_disconnect(&e, who.connection, 1, now);
	}
	later(5 * MS_MIN);
	cr_assert_eq(e.stats.passed, 2, "the one of the host that asks at RCPT alone is over");
	cr_assert_eq(join_count(e.join), 2);
}

/* --- the set --- */

Test(hosts, at_the_cap_and_one_beyond)
{
	struct hosts h;

	hosts_init(&h);
	cr_assert_not(hosts_has(&h, 0));
	for (uint64_t i = 0; i < HOSTS_MAX; i++) {
		hosts_add(&h, i);
		hosts_add(&h, i);
		cr_assert(hosts_has(&h, i));
	}
	cr_assert_not(hosts_has(&h, HOSTS_MAX));
	hosts_add(&h, 5);
	cr_assert_not(hosts_has(&h, HOSTS_MAX));
	hosts_add(&h, HOSTS_MAX);
	cr_assert(hosts_has(&h, HOSTS_MAX));
	cr_assert(hosts_has(&h, HOSTS_MAX + 1), "no room to tell them apart");
	cr_assert_eq(h.map.n, HOSTS_MAX);
	hosts_fini(&h);
}

static uint64_t
number(int family, const char *text)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	cr_assert_eq(inet_pton(family, text, family == AF_INET ? (void *)&in4.sin_addr : &in6.sin6_addr), 1);
	in4.sin_port = in6.sin6_port = htons((uint16_t)text[0]); /* makes no difference */
	return hosts_number(family == AF_INET ? (void *)&in4 : (void *)&in6);
}

Test(hosts, numbers)
{
	struct sockaddr here = { .sa_family = AF_UNIX };
	uint64_t all[] = { 0, number(AF_INET, "127.0.0.2"), number(AF_INET, "192.0.2.1"),
		number(AF_INET, "192.0.2.2"), number(AF_INET6, "2001:db8::1"),
		number(AF_INET6, "2001:db8::2"), number(AF_INET6, "c000:201::") };

	cr_assert_eq(hosts_number(&here), 0);
	cr_assert_eq(number(AF_INET, "127.0.0.1"), 0);
	cr_assert_eq(number(AF_INET6, "::1"), 0);
	cr_assert_eq(number(AF_INET6, "::ffff:127.0.0.1"), 0);
	cr_assert_eq(number(AF_INET6, "::ffff:192.0.2.1"), all[2]);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t k = 0; k < i; k++)
			cr_assert_neq(all[i], all[k], "%zu %zu", i, k);
}
