/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/err.h"
#include "base/net.h"
#include "base/xalloc.h"

static struct ip
ip(const char *text)
{
	struct ip a;

	cr_assert_eq(ip_parse(str_of(text), &a), 0, "%s", text);
	return a;
}

Test(net, addresses)
{
	static const struct {
		const char *in;
		int family; /* 0: ERR_SYNTAX */
		const char *same;
	} t[] = {
		{ "192.0.2.1", 4, "192.0.2.1" },
		{ "[192.0.2.1]", 4, "192.0.2.1" },
		{ "::ffff:192.0.2.1", 4, "192.0.2.1" },
		{ "[IPv6:::ffff:192.0.2.1]", 4, "192.0.2.1" },
		{ "0:0:0:0:0:ffff:c000:201", 4, "192.0.2.1" },
		{ "2001:DB8::1", 6, "2001:db8:0:0::1" },
		{ "[ipv6:2001:db8::1]", 6, "2001:db8::1" },
		{ "::", 6, "::" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 6,
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", 0, NULL },
		{ "", 0, NULL },
		{ "[]", 0, NULL },
		{ "[", 0, NULL },
		{ "unknown", 0, NULL },
		{ "192.0.2", 0, NULL },
		{ "192.0.2.256", 0, NULL },
		{ "0.0.0.0", 4, "0.0.0.0" },
		{ "255.255.255.255", 4, "255.255.255.255" },
		{ "1.20.100.9", 4, "1.20.100.9" },
		{ "0.0.0.00", 0, NULL },
		{ "01.2.3.4", 0, NULL },
		{ "1.2.3.400", 0, NULL },
		{ "1.2.3.1000", 0, NULL },
		{ "1.2.3.4.", 0, NULL },
		{ "1.2.3.4.5", 0, NULL },
		{ ".1.2.3.4", 0, NULL },
		{ "1..2.3.4", 0, NULL },
		{ "1.2.3.", 0, NULL },
		{ "1.2.3.-4", 0, NULL },
		{ "1.2.3.\xb4", 0, NULL },
		{ "192.0.2.1 ", 0, NULL },
		{ "[192.0.2.1", 0, NULL },
		{ "fe80::1%eth0", 0, NULL },
		{ "1:2:3:4:5:6:7:8:9", 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct ip a = { .family = 99 }, b;
		int err = ip_parse(str_of(t[i].in), &a);

		cr_expect_eq(err, t[i].family ? 0 : ERR_SYNTAX, "%s", t[i].in);
		cr_expect_eq(a.family, t[i].family ? t[i].family : 99, "%s", t[i].in);
		if (t[i].same) {
			b = ip(t[i].same);
			cr_expect_eq(memcmp(&a, &b, sizeof(a)), 0, "%s", t[i].in);
		}
	}
	cr_assert_eq(ip_parse(STR("1.2.3.4\0"), &(struct ip){ 0 }), ERR_SYNTAX);
	cr_assert_eq(ip_parse(STR_NONE, &(struct ip){ 0 }), ERR_SYNTAX);
}

/* Each number has its byte, in memory that ends behind the text. */
Test(net, numbers)
{
	for (unsigned v = 0; v < 1100; v++) {
		for (unsigned at = 0; at < 4; at++) {
			unsigned b[4] = { 0, 9, 10, 255 };
			char text[32], *exact;
			struct ip a = { 0 };
			size_t n;

			b[at] = v;
			n = (size_t)snprintf(text, sizeof(text), "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
			exact = xmalloc(n);
			memcpy(exact, text, n);
			cr_assert_eq(
			    ip_parse((struct str){ exact, n }, &a), v < 256 ? 0 : ERR_SYNTAX, "%s", text);
			for (unsigned i = 0; i < 4 && v < 256; i++)
				cr_assert_eq(a.b[i], b[i], "%s", text);
			xfree(exact);
		}
	}
}

Test(net, networks)
{
	static const struct {
		const char *net;
		int err;
		const char *in, *out; /* an address inside, one just outside */
	} t[] = {
		{ "192.0.2.0/24", 0, "192.0.2.255", "192.0.3.0" },
		{ "192.0.2.77/24", 0, "192.0.2.0", "192.0.1.255" },
		{ "10.0.0.0/9", 0, "10.127.255.255", "10.128.0.0" },
		{ "192.0.2.1", 0, "192.0.2.1", "192.0.2.2" },
		{ "192.0.2.1/32", 0, "::ffff:192.0.2.1", "192.0.2.0" },
		{ "0.0.0.0/0", 0, "255.255.255.255", "::1" },
		{ "::/0", 0, "ffff::", "1.2.3.4" },
		{ "2001:db8::/33", 0, "2001:db8:7fff::1", "2001:db8:8000::" },
		{ "[2001:db8::]/64", 0, "2001:db8::ffff", "2001:db8:0:1::" },
		{ "2001:db8::1/128", 0, "2001:db8::1", "2001:db8::2" },
		{ "::ffff:192.0.2.0/120", 0, "192.0.2.9", "192.0.3.0" },
		{ "::ffff:0:0/96", 0, "203.0.113.1", "::1" },
		{ "::ffff:192.0.2.0/95", ERR_RANGE, NULL, NULL },
		{ "IPv6:192.0.2.0/24", 0, "192.0.2.9", "192.0.3.0" },
		{ "192.0.2.0/33", ERR_RANGE, NULL, NULL },
		{ "::/129", ERR_RANGE, NULL, NULL },
		{ "192.0.2.0/99999999999999999999", ERR_RANGE, NULL, NULL },
		{ "192.0.2.0/", ERR_SYNTAX, NULL, NULL },
		{ "192.0.2.0/-1", ERR_SYNTAX, NULL, NULL },
		{ "192.0.2.0/24/8", ERR_SYNTAX, NULL, NULL },
		{ "/24", ERR_SYNTAX, NULL, NULL },
		{ "", ERR_SYNTAX, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct netset set = { 0 };
		struct net n = { .bits = 77 };
		struct ip a;

		cr_expect_eq(net_parse(str_of(t[i].net), &n), t[i].err, "%s", t[i].net);
		if (t[i].err) {
			cr_expect_eq(n.bits, 77, "%s was touched", t[i].net);
			continue;
		}
		netset_add(&set, &n);
		a = ip(t[i].in);
		cr_expect(net_has(&n, &a) && netset_has(&set, &a), "%s has %s", t[i].net, t[i].in);
		a = ip(t[i].out);
		cr_expect_not(net_has(&n, &a) || netset_has(&set, &a), "%s has not %s", t[i].net, t[i].out);
		netset_fini(&set);
		cr_expect_not(netset_has(&set, &a));
	}
}

Test(net, set_of_many)
{
	struct netset set = { 0 };
	struct ip a = ip("198.51.100.7");
	struct net n;

	cr_assert_not(netset_has(&set, &a));
	cr_assert_eq(net_parse(STR("192.0.2.0/24"), &n), 0);
	netset_add(&set, &n);
	cr_assert_not(netset_has(&set, &a));
	cr_assert_eq(net_parse(STR("198.51.100.0/24"), &n), 0);
	netset_add(&set, &n);
	cr_assert(netset_has(&set, &a));
	netset_fini(&set);
	cr_assert_eq(set.n, 0);
	netset_fini(&set);
}
