/* SPDX-License-Identifier: ISC */
/* What goes on although it is stopped is seen to go on, over a restart too. */
#include "ledger_rig.h"

#define DESK "desk@example.org"
#define BOB "bob@far.example"

enum { GAP_S = 10, HOUR_OF_MAILS = 3600 / GAP_S };

static unsigned serial;

static void
begin(void)
{
	setup();
	begin_records();
	rule("ping-pong")->pace = 30 * MS_SEC;
	serial = 0;
}

TestSuite(offered, .init = begin, .fini = end_records, .timeout = 60);

/* The next mail of the two, who share a subject and have no sign of a robot. */
static enum action
next_mail(void)
{
	bool ours = serial % 2;

	now.mono += GAP_S * MS_SEC;
	now.wall += GAP_S * MS_SEC;
	serial++;
	snprintf(header, sizeof(header),
	    "Received: from x by mail.x.example with ESMTP id Q%u\r\nFrom: %s\r\nTo: %s\r\nSubject: Re: "
	    "offer\r\n"
	    "Date: Mon, 9 Jan 2006 09:00:00 +0000\r\nMessage-ID: <%u@x.example>\r\n\r\n",
	    serial, ours ? DESK : BOB, ours ? BOB : DESK, serial);
	return deliver(ours ? DESK : BOB, header, ours ? BOB : DESK);
}

static unsigned
passed_of(unsigned mails)
{
	unsigned passed = 0;

	while (mails--)
		passed += next_mail() == ACT_PASS;
	return passed;
}

Test(offered, robots_go_on_for_hours)
{
	cr_assert_eq(passed_of(5 * HOUR_OF_MAILS), 20);
	later(2 * MS_HOUR);
	cr_assert_eq(next_mail(), ACT_PASS, "they had stopped");
}

/* In a shadow rule too, which would have stopped them. */
Test(offered, nothing_is_stopped)
{
	rules_v[0].mode = MODE_SHADOW;
	for (unsigned i = 0; i < 3 * HOUR_OF_MAILS; i++) {
		cr_assert_eq(next_mail(), ACT_PASS);
		cr_assert_eq(v.would != ACT_PASS, i >= 20, "%u", i);
	}
}

/* The copies that a faulty server makes of what people write to each other are no talk of theirs. */
Test(offered, what_another_rule_stops)
{
	static const char *const who[] = { BOB, DESK };
	char host[32], head[1024];

	rule("replication");
	rules_v[1].limit = 1;
	rules_v[1].window = rules_v[1].remember = MS_DAY;
	for (unsigned i = 0; i < 200; i++) {
		const char *from = who[i % 2], *to = who[(i + 1) % 2];

		now.mono += 2 * MS_SEC;
		now.wall += 2 * MS_SEC;
		snprintf(host, sizeof(host), "faulty%u.example", i);
		snprintf(head, sizeof(head),
		    "Received: from pop by %s with POP3 id c%u\r\nReceived: from desk by smtp.%s with ESMTP "
		    "id X1;"
		    " Mon, 9 Jan 2006 09:00:00 +0000\r\nFrom: %s\r\nTo: %s\r\nSubject: Re: offer\r\n"
		    "Date: Mon, 9 Jan 2006 09:00:00 +0000\r\nMessage-ID: <%u@x.example>\r\n\r\n",
		    host, i, strchr(from, '@') + 1, from, to, i % 2);
		cr_assert_eq(deliver(from, head, to), i < 2 ? ACT_PASS : ACT_DISCARD, "%u", i);
	}
	now.mono += MS_MIN;
	now.wall += MS_MIN;
	cr_assert_eq(next_mail(), ACT_PASS);
	cr_assert_eq(next_mail(), ACT_PASS);
}

static void
go_on(void)
{
	keep_records();
	passed_of(2 * HOUR_OF_MAILS);
}

/* Killed while they go on: it is known afterwards that they did. */
Test(offered, killed)
{
	kill_after(go_on);
	now.mono += 2 * MS_HOUR;
	now.wall += 2 * MS_HOUR;
	keep_records();
	cr_assert_eq(opened.records, 2 * HOUR_OF_MAILS);
	cr_assert_eq(passed_of(2 * HOUR_OF_MAILS), 0);
}
