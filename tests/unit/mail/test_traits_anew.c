/* SPDX-License-Identifier: ISC */
/* Mail that somebody sends anew: told by when its way began. */
#include <stdio.h>

#include "traits_rig.h"

TestSuite(traits_anew, .init = setup, .fini = teardown);

static void
compute(const char *lines, const char *fields)
{
	msg_reset(&m);
	feed(lines);
	feed(fields);
	compute_fed();
}

#define ID "Message-ID: <1@sender.example>\n"
#define DATE "Date: Mon, 1 Jan 2024 10:00:00 +0000\n"
#define FROM "From: Joe <joe@sender.example>\n"
#define SUBJECT "Subject: Hello\n"
#define BODY ID DATE FROM SUBJECT
#define LATE "Received: from pc by out.faulty.example with SMTP id s7; Tue, 2 Jan 2024 10:00:00 +0000\n"

static void
compute_begun(size_t n, const char *when)
{
	char lines[512];

	snprintf(lines, sizeof(lines), "%sReceived: from x%zu by y.example id %zu; %s\n", n % 2 ? LATE : "",
	    n, n, when);
	compute(lines, BODY);
}

Test(traits_anew, is_told_by_the_time_of_the_bottom_line)
{
	static const char *const prompt[] = {
		"Mon, 1 Jan 2024 10:00:29 +0000",
		"Mon, 1 Jan 2024 11:00:05 +0100 (CET)",
		"Mon, 1 Jan 2024 09:00:00 +0000", /* by a slow clock */
		"Fri, 1 Mar 2024 10:00:01 +0000", /* the message's was never set */
		"Mon",
		"",
	};
	static const char *const late[] = {
		"Mon, 1 Jan 2024 10:00:30 +0000",
		"Mon, 1 Jan 2024 12:00:00 +0100 (CET)",
		"01 Jan 2024 10:30:00 -0000",
		"Fri, 1 Mar 2024 10:00:00 +0000",
	};
	struct key128 anew;

	compute(LATE, BODY);
	anew = t.anew;
	cr_assert_not(key_is_zero(anew));
	for (size_t i = 0; i < ARRAY_LEN(late); i++) {
		compute_begun(i, late[i]);
		cr_expect(key_eq(t.anew, anew), "%s", late[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(prompt); i++) {
		compute_begun(i, prompt[i]);
		cr_expect(key_is_zero(t.anew), "%s", prompt[i]);
	}
}

Test(traits_anew, some_mail_never_is)
{
	compute("", BODY); /* it starts here */
	cr_expect(key_is_zero(t.anew));
	compute(LATE, DATE FROM SUBJECT);
	cr_expect(key_is_zero(t.anew));
	compute(LATE, ID FROM SUBJECT);
	cr_expect(key_is_zero(t.anew));
	/* It left from here: what comes back has its origin with it. */
	compute("Received: from a by b.example id 1; x\n"
		"Received: from pc by mx.example.org id Q1; Tue, 2 Jan 2024 10:00:00 +0000\n",
	    BODY);
	cr_expect(key_is_zero(t.anew));
}

Test(traits_anew, other_messages)
{
	static const char *const others[] = {
		BODY "List-Id: <l.x>\n",
		BODY "List-Post: <mailto:l@l.example>\n",
		ID DATE FROM "Subject: Bye\n",
		ID "Date: Mon, 1 Jan 2024 10:00:01 +0000\n" FROM SUBJECT,
		ID DATE "From: eve@sender.example\n" SUBJECT,
		"Message-ID: <2@sender.example>\n" DATE FROM SUBJECT,
	};
	struct key128 anew;

	compute(LATE, BODY);
	anew = t.anew;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		compute(LATE, others[i]);
		cr_expect_not(key_is_zero(t.anew), "case %zu", i);
		cr_expect_not(key_eq(t.anew, anew), "case %zu", i);
	}
}

/* A Date that was written after the message began: by hosts on the way, or by a fast clock. */
Test(traits_anew, is_told_by_a_later_date_too)
{
#define BEGUN "Mon, 1 Jan 2024 10:00:00 +0000\n"
#define ORIGIN "Received: from pc by b.sender.example with ESMTP id O1; " BEGUN
#define RELAY "Received: from b by relay.sender.example with ESMTP id R1; " BEGUN
#define NO_ID "Received: from pc by b.sender.example with SMTP; " BEGUN
#define OURS "Received: from pc by mx.example.org with ESMTPSA id O1; " BEGUN
	static const struct {
		const char *date;
		enum dated_anew want;
	} at[] = {
		{ "Mon, 1 Jan 2024 10:00:29 +0000", NOT_DATED_ANEW },
		{ "Mon, 1 Jan 2024 10:00:30 +0000", DATED_ANEW },
		{ "Mon, 8 Jan 2024 10:00:00 +0000", DATED_ANEW },
		{ "Mon, 8 Jan 2024 10:00:01 +0000", DATED_ANEW_LATE },
		{ "Fri, 1 Mar 2024 10:00:00 +0000", DATED_ANEW_LATE },
		{ "Fri, 1 Mar 2024 10:00:01 +0000", NOT_DATED_ANEW },
		{ "x", NOT_DATED_ANEW },
	};
	static const char *const lines[] = { ORIGIN, LATE ORIGIN, RELAY NO_ID, LATE RELAY NO_ID, RELAY OURS,
		LATE RELAY OURS };
	struct key128 anew = { 0, 0 };

	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
			char fields[256];

			snprintf(fields, sizeof(fields),
			    "Message-ID: <%zu@x>\nDate: %s\n" FROM "Subject: %s\n", i, at[i].date,
			    i % 2 ? "Hello" : "[EXT] Hello");
			compute(lines[k], fields);
			cr_expect_eq(t.dated_anew, at[i].want, "%s", at[i].date);
			cr_expect_eq(key_is_zero(t.anew), at[i].want == NOT_DATED_ANEW, "%s", at[i].date);
			if (k % 2 && at[i].want)
				cr_expect(key_eq(t.anew, anew), "%s", at[i].date);
			anew = t.anew;
		}
	compute(NO_ID, ID "Date: Tue, 2 Jan 2024 10:00:00 +0000\n" FROM SUBJECT);
	cr_expect(key_is_zero(t.anew)); /* nothing tells it from another of that second */
}
