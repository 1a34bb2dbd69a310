/* SPDX-License-Identifier: ISC */
/* What subjects have in common that robots made of each other, and what they have not. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "mail/subject.h"

static struct subject_look
look(const char *text)
{
	struct subject_look l;

	subject_look(str_of(text), &l);
	return l;
}

Test(subject_look, the_tail_stays_when_the_front_grows)
{
	static const char *const same[] = { "Printer is broken", "Re: Printer is broken",
		"[Ticket #123] Printer is broken",
		"[Ticket #4711] received: Re: [Ticket#123] printer is broken",
		"AW: WG: Printer is broken (case 17)", "Re[2]: RE: Printer is broken #12345",
		"=?UTF-8?Q?Re:_Printer_is_broken?=", "received 12:30:55 Printer is broken!" };
	struct subject_look first = look(same[0]);

	for (size_t i = 1; i < sizeof(same) / sizeof(same[0]); i++)
		cr_expect_eq(look(same[i]).tail, first.tail, "%s", same[i]);
	cr_expect_neq(look("Printer is on fire").tail, first.tail);
	cr_expect_neq(look("broken is").tail, first.tail);
	cr_expect_neq(look("").tail, first.tail);
}

Test(subject_look, the_head_stays_when_a_cut_takes_the_end)
{
	uint64_t head = look("received: handled: received: han").head;

	cr_expect_eq(look("Re: [#12] received: handled: received: handled: rec").head, head);
	cr_expect_eq(look("RE: received handled").head, head);
	cr_expect_neq(look("handled received").head, head);
	cr_expect_neq(head, look("received: handled").tail, "head and tail never meet");
}

Test(subject_look, one_word_and_none)
{
	cr_expect_eq(look("hello").tail, look("Re: HELLO 5").tail);
	cr_expect_eq(look("").tail, look("[#12] 4711 --").tail);
	cr_expect_neq(look("").tail, look("hello").tail);
}

Test(subject_look, answers)
{
	cr_expect(look("Re: x").answer);
	cr_expect(look("[desk] AW: x").answer);
	cr_expect(look("Ticket 17 received: Re: x").answer);
	cr_expect(look("re:re:x").answer);
	cr_expect(look("=?utf-8?Q?RE=C2=A0:_x?=").answer, "French");
	cr_expect(look("=?iso-8859-1?Q?RE=A0:_x?=").answer, "French");
	cr_expect(look("[desk] Svar: x").answer);
	cr_expect(look("\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9ax").answer, "a wide colon");
	cr_expect_not(look("\xe5\x9b\x9e\xe5\xa4\x8d x").answer);
	cr_expect_not(look("re\xc2\xa0x: y").answer);
	cr_expect_not(look("Reply to me").answer);
	cr_expect_not(look("re").answer);
	cr_expect_not(look("more: x").answer);
	cr_expect_not(look("[FIRING:2] HostDown").answer);
}

Test(subject_look, grown_when_the_same_prefix_stands_there_three_times)
{
	cr_expect_not(look("Re: Re: x").grown);
	cr_expect(look("Re: Re: Re: x").grown);
	cr_expect(look("re:RE:Re:x").grown);
	cr_expect(look("\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9a\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9a"
		       "\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9ax")
		      .grown,
	    "a wide colon");
	cr_expect_not(look("[Ticket 1] [Ticket 2] x").grown);
	cr_expect(look("[Ticket 1] [Ticket 2] Re: [Ticket 333] x").grown);
	cr_expect(look("received: Re: received: AW: received: x").grown);
	cr_expect_not(look("Re: [list] AW: [bug 12] Parser: sums: x").grown);
	cr_expect_not(look("a a a b b b").grown);
}

Test(subject_look, scripts_without_spaces)
{
	/* "received:" in front of a long word of another script, more and more of it */
	const char *word = "\xe5\x8f\x97\xe4\xbb\x98\xe5\x8f\x97\xe4\xbb\x98\xe5\x8f\x97\xe4\xbb\x98\xe5\x8f"
			   "\x97\xe4\xbb\x98";
	char text[256];

	snprintf(text, sizeof(text), "%s%s%s", word, word, word);
	struct subject_look twice = look(text);
	snprintf(text, sizeof(text), "%s%s%s%s", word, word, word, word);
	cr_expect_eq(look(text).tail, twice.tail);
	cr_expect_eq(look(text).head, twice.head);
}

/* Any bytes, brackets that nothing closes, many prefixes, the longest text. */
Test(subject_look, hostile)
{
	static const char alphabet[] = "[](){}:: aR\xc3\xa9\x01=?Q_19e";
	uint64_t seed = 7;
	char text[2048], more[sizeof(text) + 4];

	for (int round = 0; round < 2000; round++) {
		size_t n = 0;

		for (; n < sizeof(text) - 1; n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[n] = alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
			if (round % 3 && n > (seed >> 20) % 900)
				break;
		}
		text[n] = '\0';
		if (n > 900)
			continue; /* what is in front takes from what is looked at */
		snprintf(more, sizeof(more), "Re: %s", text);
		cr_assert_eq(look(more).head, look(text).head, "%s", text);
		cr_assert_eq(look(more).tail, look(text).tail, "%s", text);
	}
	memset(text, '[', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cr_assert_eq(look(text).tail, look("").tail);
	for (int i = 0; i < 100; i++)
		snprintf(text + i * 3, 4, "%c%c:", 'a' + i / 26, 'a' + i % 26);
	cr_assert_not(look(text).grown, "a hundred different prefixes");
}
