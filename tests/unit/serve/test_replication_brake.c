/* SPDX-License-Identifier: ISC */
/* The brake of replication on the whole road: RCPT at the policy door, the message at the milter. */
#include "rcpt_rig.h"

static struct rule *r;
static int n; /* copies so far */

static void
brake_setup(void)
{
	rcpt_setup();
	r = rule("replication");
	r->brake = BRAKE_REJECT;
	who.sender = "sales@firm.example";
	n = 0;
}

TestSuite(replication_brake, .init = brake_setup, .fini = teardown);

static const char *
next_copy(void)
{
	return copy("sbs1.faulty.example", n++);
}

static void
storm_of(int copies, const char *rcpts)
{
	for (int i = 0; i < copies; i++)
		deliver("sales@firm.example", next_copy(), rcpts);
}

/* Another message of that sender. */
static enum action
other_mail(const char *rcpt)
{
	char text[1024];

	snprintf(text, sizeof(text),
	    "Received: by smtp.firm.example id Y%d\r\nFrom: sales@firm.example\r\nSubject: bill\r\n"
	    "Date: Tue, 10 Jan 2006 09:00:00 +0000\r\nMessage-ID: <y%d@firm.example>\r\n\r\n",
	    n, n);
	n++;
	return deliver("sales@firm.example", text, rcpt);
}

static enum action
asks(const char *rcpt)
{
	return ask_rcpt(fresh(), rcpt);
}

Test(replication_brake, who_has_a_copy_is_refused_the_next_before_data)
{
	storm_of(LIMIT + 19, "a@example.org,b@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_PASS, "19 stopped");
	storm_of(1, "a@example.org,b@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_REJECT, "20 stopped");
	cr_assert_eq(asks("B+x@example.org"), ACT_REJECT);
	r->brake = BRAKE_DEFER;
	cr_assert_eq(asks("a@example.org"), ACT_DEFER);
	storms_each(e.storms, find_storm, NULL);
	cr_assert_eq(found->stopped, 2 * 20 + 3);
}

Test(replication_brake, who_has_none_gets_his)
{
	storm_of(40, "a@example.org");
	cr_assert_eq(asks("new@example.org"), ACT_PASS);
	cr_assert_eq(deliver("sales@firm.example", next_copy(), "new@example.org"), ACT_PASS);
	cr_assert_eq(asks("new@example.org"), ACT_REJECT, "now he has it");
	cr_assert_eq(asks("a@example.org"), ACT_REJECT, "his first copy was no other mail");
}

/* What was kept from him by somebody else he does not have. */
Test(replication_brake, a_copy_that_never_passed_is_none)
{
	struct rule *list = rule("wide-recipients");

	storm_of(40, "a@example.org");
	list->action = ACT_REJECT;
	list->limit = 1;
	cr_assert_eq(deliver("sales@firm.example", next_copy(), "c@example.org"), ACT_REJECT);
	cr_assert_eq(asks("c@example.org"), ACT_PASS);
}

Test(replication_brake, off_unless_the_rule_says_so)
{
	r->brake = BRAKE_OFF;
	storm_of(60, "a@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_PASS);
}

Test(replication_brake, a_shadow_rule_only_says_that_it_would)
{
	r->mode = MODE_SHADOW;
	storm_of(60, "a@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_PASS);
	cr_assert(v.would);
}

Test(replication_brake, the_innocent_behind_the_same_relay)
{
	storm_of(60, "a@example.org");
	who.sender = "innocent@other.example";
	cr_assert_eq(asks("a@example.org"), ACT_PASS);
	who.sender = "sales@firm.example";
	who.client = "198.51.100.20";
	cr_assert_eq(asks("a@example.org"), ACT_PASS, "the sender by his own way");
	who.client = "203.0.113.9";
	cr_assert_eq(asks("a@example.org"), ACT_REJECT);
}

Test(replication_brake, mail_between_the_copies_keeps_it_off)
{
	for (int i = 0; i < 60; i++) {
		storm_of(8, "a@example.org");
		cr_assert_eq(other_mail("b@example.org"), ACT_PASS);
		cr_assert_eq(asks("a@example.org"), ACT_PASS, "round %d", i);
	}
}

Test(replication_brake, other_mail_that_gets_through_ends_it)
{
	storm_of(60, "a@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_REJECT);
	cr_assert_eq(asks("new@example.org"), ACT_PASS);
	cr_assert_eq(other_mail("new@example.org"), ACT_PASS);
	cr_assert_eq(asks("a@example.org"), ACT_PASS);
}

Test(replication_brake, one_in_probe_gets_through_with_all_its_recipients)
{
	unsigned through = 0;

	storm_of(60, "a@example.org,b@example.org,c@example.org");
	for (int i = 0; i < 100; i++) {
		const char *id = fresh();
		enum action a = ask_rcpt(id, "a@example.org");

		cr_assert_eq(ask_rcpt(id, "b@example.org"), a);
		cr_assert_eq(ask_rcpt(id, "c@example.org"), a);
		through += a == ACT_PASS;
	}
	cr_assert_eq(through, 2);
}

Test(replication_brake, no_longer_than_brake_for)
{
	storm_of(60, "a@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_REJECT);
	for (int m = 0; m < 4; m++) {
		later(r->brake_for / 4 - MS_SEC);
		storm_of(20, "a@example.org");
		cr_assert_eq(asks("a@example.org"), ACT_REJECT, "quarter %d", m);
	}
	later(MS_MIN);
	storm_of(60, "a@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_PASS);
	cr_assert_eq(deliver("sales@firm.example", next_copy(), "a@example.org"), ACT_DISCARD);
}

Test(replication_brake, it_ends_with_the_storm)
{
	storm_of(60, "a@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_REJECT);
	later(r->quiet + MS_MIN);
	later(MS_SEC);
	cr_assert_eq(storms_count(e.storms, STORM_REMEMBERED), 1);
	cr_assert_eq(asks("a@example.org"), ACT_PASS);
}

/* Lists' return paths, the null sender, role addresses: whatever they bring. */
Test(replication_brake, some_are_never_braked)
{
	static const char *const senders[] = { "", "list-bounces@lists.example",
		"list-bounces+a=example.org@lists.example", "postmaster@firm.example" };

	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		for (int k = 0; k < 60; k++)
			deliver(senders[i], next_copy(), "a@example.org");
		who.sender = senders[i];
		cr_assert_eq(asks("a@example.org"), ACT_PASS, "%s", senders[i]);
	}
	who.sender = "sales@firm.example";
	storm_of(60, "a@example.org");
	cr_assert_eq(asks("a@example.org"), ACT_REJECT);
	cr_assert_eq(asks("postmaster@example.org"), ACT_PASS);
	cr_assert_eq(asks("abuse@example.org"), ACT_PASS);
}

/* First copies to very many are the same message again and again, and no reason to refuse anything. */
Test(replication_brake, harmless_one_message_in_many_transactions)
{
	char rcpt[64];

	storm_of(8, "z@example.org"); /* it is a storm elsewhere */
	for (int i = 0; i < 300; i++) {
		snprintf(rcpt, sizeof(rcpt), "u%d@example.org", i);
		cr_assert_eq(deliver("sales@firm.example", copy("out.firm.example", 5000), rcpt), ACT_PASS);
		cr_assert_eq(asks(rcpt), ACT_PASS);
	}
}
