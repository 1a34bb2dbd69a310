/* SPDX-License-Identifier: ISC */
/* Defaults of a rule, and whom `exempt` leaves alone. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "judge/detect.h"
#include "judge/rule.h"
#include "nets.h"

static struct exempt
sample(void)
{
	struct exempt e = { 0 };

	add_net(&e.nets, "192.0.2.0/24");
	add_net(&e.nets, "2001:db8::/32");
	strset_add(&e.addrs, STR("Boss@Example.ORG"));
	strset_add(&e.domains, STR("lists.example.org"));
	strset_add(&e.domains, STR(".example.net"));
	strset_add(&e.locals, STR("postmaster"));
	return e;
}

struct who {
	const char *addr;
	bool exempt;
};

static const struct who rcpts[] = {
	{ "boss@example.org", true },
	{ "boss+x@example.org", false },
	{ "boss@example.net", false },
	{ "xboss@example.org", false },
	{ "any@lists.example.org", true },
	{ "any@lists.example.org.", true },
	{ "any@sub.lists.example.org", false },
	{ "any@xlists.example.org", false },
	{ "any@a.example.net", true },
	{ "any@a.b.example.net", true },
	{ "any@example.net", false },
	{ "any@xexample.net", false },
	{ "postmaster@any.example", true },
	{ "postmaster", true },
	{ "xpostmaster@any.example", false },
	{ "any@postmaster", false },
	{ "lists.example.org", false },
	{ "", false },
};

Test(rule, exempt_rcpt)
{
	struct exempt e = sample(), none = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rcpts); i++) {
		cr_expect_eq(exempt_rcpt(&e, str_of(rcpts[i].addr)), rcpts[i].exempt, "%s", rcpts[i].addr);
		cr_expect_not(exempt_rcpt(&none, str_of(rcpts[i].addr)));
	}
	cr_expect_not(exempt_rcpt(&e, STR_NONE));
	exempt_fini(&e);
}

struct seen {
	const char *client, *sender;
	bool null_sender, exempt;
};

static const struct seen msgs[] = {
	{ "192.0.2.9", "x@other.example", false, true },
	{ "192.0.3.9", "x@other.example", false, false },
	{ "::ffff:192.0.2.9", "x@other.example", false, true },
	{ "2001:db8:1::9", "", true, true },
	{ "2001:db9::9", "x@other.example", false, false },
	{ NULL, "x@other.example", false, false },
	{ NULL, "boss@example.org", false, true },
	{ "192.0.3.9", "any@lists.example.org", false, true },
	{ "192.0.3.9", "postmaster@other.example", false, true },
	{ "192.0.3.9", "", true, false },
	/* what a pseudo-null sender is called does not make it somebody */
	{ "192.0.3.9", "postmaster@example.org", true, false },
};

Test(rule, exempt_msg)
{
	struct exempt e = sample();

	for (size_t i = 0; i < ARRAY_LEN(msgs); i++) {
		struct traits t = { .null_sender = msgs[i].null_sender };

		if (msgs[i].client)
			cr_assert_eq(ip_parse(str_of(msgs[i].client), &t.client), 0);
		t.sender.plain = str_of(msgs[i].sender);
		cr_expect_eq(exempt_msg(&e, &t), msgs[i].exempt, "%zu", i);
	}
	exempt_fini(&e);
}

/* An unknown client is in no network, not even in one of all addresses. */
Test(rule, exempt_unknown_client)
{
	struct exempt e = { 0 };
	struct traits t = { .null_sender = true };

	add_net(&e.nets, "0.0.0.0/0");
	add_net(&e.nets, "::/0");
	cr_expect_not(exempt_msg(&e, &t));
	exempt_fini(&e);
}

Test(rule, defaults)
{
	for (const struct detector *const *d = detectors; *d; d++) {
		struct rule r;

		rule_init(&r, *d);
		cr_expect_eq(r.detector, *d);
		cr_expect_eq(r.action, (*d)->action);
		cr_expect_eq(r.scope, (*d)->scope);
		cr_expect_eq(r.limit, (*d)->limit);
		cr_expect_eq(r.window, (*d)->window);
		cr_expect_eq(r.remember, (*d)->remember);
		cr_expect_eq(r.mode, MODE_ENFORCE);
		cr_expect_eq(r.brake, (*d)->brake);
		cr_expect_eq(r.block, (*d)->block);
		cr_expect_eq(r.quiet, MS_HOUR);
		cr_expect_eq(r.repeats, 2u);
		cr_expect_null(r.text);
		cr_expect_str_empty(r.dsn);
		if ((*d)->arg_name) {
			cr_expect_str_eq(r.arg_name, (*d)->arg_name);
			cr_expect_neq(r.arg_name, (*d)->arg_name, "a copy");
			cr_expect_str_eq(r.arg_value, (*d)->arg_value);
		}
		rule_fini(&r);
	}
}

Test(rule, find)
{
	struct rule v[2] = { 0 };
	struct ruleset rs = { .v = v, .n = 2 };

	v[0].name = (char *)"one";
	v[1].name = (char *)"two";
	cr_expect_eq(ruleset_find(&rs, STR("two")), &v[1]);
	cr_expect_null(ruleset_find(&rs, STR("tw")));
	cr_expect_null(ruleset_find(&rs, STR("Two")));
}
