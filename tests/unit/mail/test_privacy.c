/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "mail/privacy.h"

static struct arena a;
static struct privacy *p;

static void
setup(void)
{
	unsigned char key[PRIVACY_KEY_SIZE];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)i;
	arena_init(&a, 0);
	p = privacy_new(key);
}

static void
teardown(void)
{
	privacy_free(p);
	arena_fini(&a);
}

TestSuite(privacy, .init = setup, .fini = teardown);

static void
expect_address(const char *addr, const char *want)
{
	struct str got = privacy_address(p, &a, str_of(addr));

	cr_expect(str_eq(got, str_of(want)), "%s: %.*s, want %s", addr, STR_FMT(got), want);
}

/* RFC 4868, 2.7.2.1: keys of 32 bytes. */
Test(privacy, the_mac_is_hmac_sha256)
{
	static const struct {
		const char *key; /* repeated */
		const char *data, *mac;
	} rows[] = {
		{ "\x0b", "Hi There", "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7" },
		{ "Jefe", "what do ya want for nothing?",
		    "167f928588c5cc2eef8e3093caa0e87c9ff566a14794aa61648d81621a2a40c6" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned char key[PRIVACY_KEY_SIZE], mac[PRIVACY_MAC_SIZE];
		struct privacy *other;
		struct buf hex;

		for (size_t k = 0; k < sizeof(key); k++)
			key[k] = (unsigned char)rows[i].key[k % strlen(rows[i].key)];
		other = privacy_new(key);
		buf_init(&hex, 0);
		for (int again = 0; again < 2; again++) {
			buf_reset(&hex);
			privacy_mac(other, str_of(rows[i].data), mac);
			for (size_t k = 0; k < sizeof(mac); k++)
				buf_printf(&hex, "%02x", mac[k]);
			cr_expect(str_eq(buf_str(&hex), str_of(rows[i].mac)), "%s, time %d: %.*s",
			    rows[i].data, again, STR_FMT(buf_str(&hex)));
		}
		buf_fini(&hex);
		privacy_free(other);
	}
}

Test(privacy, an_address_is_its_normal_form)
{
	static const char ann[] = "h:824fe6c7fa82cc7d2729cb65";

	expect_address("ann@example.org", ann);
	expect_address("Ann@Example.ORG.", ann);
	expect_address("<ann+news@example.org>", ann);
	expect_address("\"ann\"@example.org", ann);
	expect_address("prvs=1234abcdef=ann@example.org", ann);
	expect_address("SRS0=Hash=TT=example.org=ann@forwarder.example", ann);
	expect_address("bob@example.org", "h:9e5ae95e98e9f63e933e15b7");
	expect_address("Alice", "h:6eefad2bed97b6d93ee663d6");
	expect_address(ann, ann);
	cr_expect_eq(PRIVACY_TEXT_LEN, strlen(ann));
}

Test(privacy, the_null_sender_stays_empty)
{
	expect_address("", "");
	expect_address("<>", "");
	expect_address("#@[]", "");
	expect_address("double-bounce@mx.example.org", "");
	cr_expect_null(privacy_address(p, &a, STR_NONE).p, "absent stays absent");
}

Test(privacy, plain_is_untouched)
{
	struct str s = STR("Ann@Example.org"), got = privacy_address(NULL, &a, s);
	struct record_rcpt rcpt = { .addr = s };
	struct record r = {
		.sender = s, .subject = s, .sasl_username = s, .header_from = s, .rcpts = &rcpt, .n_rcpts = 1
	};

	cr_expect(got.p == s.p && got.n == s.n, "not even a copy");
	cr_expect(privacy_subject(NULL, s).p == s.p && privacy_mailbox_host(NULL, &a, s).p == s.p);
	cr_expect_eq(privacy_seed(NULL, 77), 77);
	privacy_record(NULL, &a, &r);
	cr_expect(r.sender.p == s.p && r.subject.p == s.p && r.sasl_username.p == s.p &&
	    r.header_from.p == s.p && r.rcpts == &rcpt && rcpt.addr.p == s.p);
	cr_expect_eq(a.used, 0);
}

Test(privacy, the_key_matters)
{
	unsigned char key[PRIVACY_KEY_SIZE] = { 0 };
	struct str one, two;

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)i;
	key[PRIVACY_KEY_SIZE - 1] ^= 1; /* its last bit too */
	one = privacy_address(p, &a, STR("ann@example.org"));
	privacy_free(p);
	p = privacy_new(key);
	two = privacy_address(p, &a, STR("ann@example.org"));
	cr_expect(privacy_hidden(one) && privacy_hidden(two) && !str_eq(one, two));
}

Test(privacy, a_record)
{
	struct record_rcpt rcpts[] = { { .addr = STR("bob@example.org"), .action = STR("pass") },
		{ .addr = STR("ANN@example.org"), .action = STR("discard") } };
	struct record r = {
		.sender = STR("ann@example.org"),
		.header_from = STR("bob@example.org"),
		.sasl_username = STR("alice"),
		.subject = STR("to Ann"),
		.message_id = STR("<1@example.org>"),
		.thread = STR("<0@example.org>"),
		.helo = STR("mail.example.org"),
		.rcpts = rcpts,
		.n_rcpts = 2,
	};

	privacy_record(p, &a, &r);
	cr_expect(str_eq(r.sender, STR("h:824fe6c7fa82cc7d2729cb65")));
	cr_expect(str_eq(r.header_from, STR("h:9e5ae95e98e9f63e933e15b7")));
	cr_expect(str_eq(r.sasl_username, STR("h:6eefad2bed97b6d93ee663d6")));
	cr_assert_eq(r.n_rcpts, 2);
	cr_expect(str_eq(r.rcpts[0].addr, r.header_from) && str_eq(r.rcpts[1].addr, r.sender));
	cr_expect(str_eq(r.rcpts[1].action, STR("discard")) && rcpts[0].addr.p[0] == 'b', "a copy");
	cr_expect_eq(r.subject.n, 0);
	cr_expect(str_eq(r.message_id, STR("<1@example.org>")) && str_eq(r.thread, STR("<0@example.org>")));
	cr_expect(str_eq(r.helo, STR("mail.example.org")));
	r = (struct record){ .subject = STR("x") };
	privacy_record(p, &a, &r);
	cr_expect(r.n_rcpts == 0 && r.subject.n == 0 && r.sender.n == 0);
}

Test(privacy, a_record_without_room)
{
	struct record_rcpt rcpts[] = { { .addr = STR("ann@example.org") },
		{ .addr = STR("bob@example.org") } };
	struct record r = { .sender = STR("ann@example.org"), .rcpts = rcpts, .n_rcpts = 2 };
	struct arena small;

	arena_init(&small, 32);
	privacy_record(p, &small, &r);
	cr_expect(privacy_hidden(r.sender));
	cr_expect_eq(r.n_rcpts, 0);
	arena_fini(&small);
}

Test(privacy, what_stands_for_a_host)
{
	static const struct {
		const char *mailbox, *want;
	} rows[] = {
		{ "mspop3connector.ann@firm.example", "@firm.example" },
		{ "@firm.example", "@firm.example" },
		{ "\"mspop3connector.a@b\"@firm.example", "@firm.example" },
		{ "Ann", "h:" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str got = privacy_mailbox_host(p, &a, str_of(rows[i].mailbox));

		bool hashed = strcmp(rows[i].want, "h:") == 0;

		cr_expect(hashed ? privacy_hidden(got) : str_eq(got, str_of(rows[i].want)), "%s: %.*s",
		    rows[i].mailbox, STR_FMT(got));
	}
}

Test(privacy, hidden_or_not)
{
	static const char *const not [] = { "", "h:", "ann@example.org", "h:824fe6c7fa82cc7d2729cb6",
		"h:824fe6c7fa82cc7d2729cb655", "h:824fe6c7fa82cc7d2729cb6g", "H:824fe6c7fa82cc7d2729cb65" };

	cr_expect(privacy_hidden(STR("h:824fe6c7fa82cc7d2729cb65")));
	cr_expect_not(privacy_hidden(STR("h:824fe6c7fa82cc7d2729cb6\0")), "a NUL is no digit");
	for (size_t i = 0; i < ARRAY_LEN(not ); i++)
		cr_expect_not(privacy_hidden(str_of(not [i])), "%s", not [i]);
}

Test(privacy, a_full_arena_tells_nothing)
{
	struct arena small;
	struct str got;

	arena_init(&small, 16);
	got = privacy_address(p, &small, STR("ann@example.org"));
	cr_expect(str_eq(got, STR("h:")), "%.*s", STR_FMT(got));
	arena_fini(&small);
	arena_init(&small, 32); /* and one step further it fits */
	cr_expect(privacy_hidden(privacy_address(p, &small, STR("ann@example.org"))));
	arena_fini(&small);
}

Test(privacy, the_longest_address)
{
	static char text[MSG_ATTR_MAX];
	struct str s = { text, sizeof(text) };

	memset(text, 'a', sizeof(text));
	cr_expect(privacy_hidden(privacy_address(p, &a, s)));
	text[100] = '@';
	cr_expect(privacy_hidden(privacy_address(p, &a, s)));
	memset(text, '@', sizeof(text));
	cr_expect(privacy_hidden(privacy_address(p, &a, s)));
	memset(text, '\0', sizeof(text));
	cr_expect(privacy_hidden(privacy_address(p, &a, s)));
}

Test(privacy, the_seed)
{
	cr_expect_eq(privacy_seed(p, 0x0102030405060708), 0x6e0562ac452414bc);
	cr_expect_neq(privacy_seed(p, 0x0102030405060709), 0x6e0562ac452414bc);
}
