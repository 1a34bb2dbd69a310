/* SPDX-License-Identifier: ISC */
/* Subjects of one thread: what clients and gateways make of one line, and lines that are not the same. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "mail/subject.h"

#define SAME "summerparty"

static const struct {
	const char *subject, *text;
	bool answer, recall;
} rows[] = {
	{ "Summer party", SAME, false, false },
	{ "  Summer   PARTY!  ", SAME, false, false },
	{ "Re: Summer party", SAME, true, false },
	{ "RE:Summer party", SAME, true, false },
	{ "re : Re: AW: Fwd: Summer party", SAME, true, false },
	{ "Re[2]: Summer party", SAME, true, false },
	{ "Re^3: Summer party", SAME, true, false },
	{ "Re (2): Summer party", "re2summerparty", false, false },
	{ "Re(2): Summer party", SAME, true, false },
	{ "Antwort: Summer party", SAME, true, false },
	{ "Summer party -Reply", SAME, true, false },
	{ "Re: Summer party -Reply -Forwarded -Reply", SAME, true, false },
	{ "Summer party (fwd)", SAME, true, false },
	{ "Summer party [Berlin]", "summerpartyberlin", false, false },
	{ "Summer party (was: lunch)", "summerpartywaslunch", false, false },
	{ "Summer no-reply", "summernoreply", false, false },
	{ "SV: [EXTERNAL] Re: Summer party", SAME, true, false },
	{ "[External] [Suspicious] Summer party", SAME, false, false },
	{ "=?utf-8?Q?Re=3A_Summer?= =?utf-8?B?IHBhcnR5?=", SAME, true, false },
	{ "\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9a Summer party", SAME, true, false },
	{ "Re\xef\xbc\x9aSummer party", SAME, true, false },
	{ "=?gb18030?B?RnejurvYuLSjuiBTdW1tZXIgcGFydHk=?=", SAME, true, false },
	{ "\xe7\xad\x94\xe5\xa4\x8d: Summer party", SAME, true, false },
	/* French: a no-break space in front of the colon, a narrow one, and behind it too */
	{ "=?iso-8859-1?Q?RE=A0:_RE=A0:_Summer_party?=", SAME, true, false },
	{ "=?utf-8?Q?Re=C2=A0:_TR=C2=A0:_Summer_party?=", SAME, true, false },
	{ "RE\xe2\x80\xaf:\xc2\xa0Re: Summer party", SAME, true, false },
	{ "R\xc3\xa9p\xc2\xa0: Summer party", SAME, true, false },
	/* Hebrew: marks of direction; Japanese: a wide space */
	{ "=?utf-8?B?4oCP?= Re: Summer party", SAME, true, false },
	{ "\xe2\x80\x8f\xe2\x80\x8fRE: \xe2\x80\x8fRE: Summer party", SAME, true, false },
	{ "Re:\xe3\x80\x80"
	  "Fw:\xe3\x80\x80Summer party",
	    SAME, true, false },
	{ "Recall: Summer party", SAME, false, true },
	{ "Message Recall Failure: Summer party", SAME, false, true },
	{ "R\xc3\xbc"
	  "ckruf: Summer party",
	    SAME, false, true },
	{ "Re: Rappel\xc2\xa0: Summer party", SAME, true, false },
	{ "Fwd: Recall: Summer party", SAME, true, false },
	/* one line in two character sets */
	{ "Re: Pr\xc3\xbc"
	  "fung",
	    "prfung", true, false },
	{ "=?iso-8859-1?Q?Pr=FCfung?=", "prfung", false, false },
	{ "Pr\xc3\xbc"
	  "fung \xe2\x80\x93 \xe2\x80\x9e"
	  "2026\xe2\x80\x9c \xf0\x9f\x8e\x89",
	    "prfung2026", false, false },
	{ "=?windows-1252?Q?Pr=FCfung_=96_=842026=93?=", "prfung2026", false, false },
	/* letters of other scripts beside digits: Greek, Russian in two character sets, Hebrew, and Asia */
	{ "Re: \xce\xb1\xce\xb2 2026",
	    "\xce\xb1\xce\xb2"
	    "2026",
	    true, false },
	{ "Re: \xd0\xb0\xd0\xb1 2026",
	    "\xd0\xb0\xd0\xb1"
	    "2026",
	    true, false },
	{ "=?koi8-r?Q?=C1=C2=D7=C7=C4_2026?=",
	    "\xc1\xc2\xd7\xc7\xc4"
	    "2026",
	    false, false },
	{ "\xd7\xaa\xd7\xa9 2026!",
	    "\xd7\xaa\xd7\xa9"
	    "2026",
	    false, false },
	{ "\xe0\xb8\x81-2026",
	    "\xe0\xb8\x81"
	    "2026",
	    false, false },
	{ "\xe3\x80\x90 2026\xe5\xb9\xb4 \xe3\x80\x91\xef\xbc\x81", "2026\xe5\xb9\xb4", false, false },
	{ "\xe3\x81\x82 2026",
	    "\xe3\x81\x82"
	    "2026",
	    false, false },
	/* Latin: accents go */
	{ "Cu\xe1\xbb\x99"
	  "c h\xe1\xbb\x8dp 2026",
	    "cuchp2026", false, false },
	/* not the same thread */
	{ "Re: [#1234] Printer broken", "1234printerbroken", true, false },
	{ "[PATCH 3/45] mm: fix", "patch345mmfix", false, false },
	{ "[PATCH v2] mm: fix", "patchv2mmfix", false, false },
	{ "Regarding: Summer party", "regardingsummerparty", false, false },
	{ "Reply all", "replyall", false, false },
	{ "Recall of the product", "recalloftheproduct", false, false },
	{ "Relax", "relax", false, false },
	/* nothing to know a thread by */
	{ "", "", false, false },
	{ "Re:", "", true, false },
	{ "Re: Re: [External]", "", true, false },
	{ "[", "", false, false },
	{ "[]", "", false, false },
	{ "(no subject)", "nosubject", false, false },
	/* what is left when letters and digits are too few */
	{ "\xe4\xbc\x9a\xe8\xae\xae", "\xe4\xbc\x9a\xe8\xae\xae", false, false },
};

Test(subject_thread, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[SUBJECT_THREAD_MAX];
		struct subject_thread t = subject_thread(str_of(rows[i].subject), STR_NONE, out);

		cr_expect(str_eq(t.text, str_of(rows[i].text)), "%s: %.*s", rows[i].subject, STR_FMT(t.text));
		cr_expect_eq(t.answer, rows[i].answer, "%s", rows[i].subject);
		cr_expect_eq(t.recall, rows[i].recall, "%s", rows[i].subject);
	}
}

/* Answers and what was passed on, as clients of many languages and character sets write it. */
Test(subject_thread, languages)
{
	static const char *const prefixes[] = { "Svar", "SVAR", "Vedr.", "Svar: Vedr", "Ang", "Vast.",
		"Vastaus", "SV: VS", "Antw.", "Antwoord", "Betr", "Weiterleitung", "R", "Ri", "RIF", "Rif.",
		"Ref.", "Resp", "Odp.", "ODG", "Ats", "Atb.", "YNT", "BLS", "TRS", "TR", "Cvp", "Re2", "Re.",
		"\xd0\x9e\xd1\x82\xd0\xb2", "\xd0\x9d\xd0\x90", "\xd0\x9e\xd1\x82\xd0\xb3",
		"\xd0\x92\xd1\x96\xd0\xb4\xd0\xbf", "\xe7\xad\x94\xe8\xa6\x86", "\xe8\xbd\x89\xe7\x99\xbc",
		"\xe8\xbb\xa2\xe9\x80\x81", "\xec\xa0\x84\xeb\x8b\xac", "\xce\xa3\xce\xa7\xce\x95\xce\xa4",
		"\xd7\x94\xd7\xa9\xd7\x91", "\xd8\xb1\xd8\xaf",
		"\xe0\xb8\x95\xe0\xb8\xad\xe0\xb8\x9a\xe0\xb8\x81\xe0\xb8\xa5\xe0\xb8\xb1\xe0\xb8\x9a",
		"YNT: \xc4\xb0LT",
		"Tov\xc3\xa1"
		"bb\xc3\xadt\xc3\xa1s",
		"R\xc3\xa9p. ",
		"R\xc3\xa9"
		"f. ",
		"R\xc3\xa9"
		"exp ",
		"R\xc3\xa9ponse", "R\xc3\x89P ",
		"R\xc3\x89"
		"F. ",
		"Risposta", "Odgovor", "Odpove\xc4\x8f", "R\xc4\x83spuns", "Tr\xe1\xba\xa3 l\xe1\xbb\x9di",
		"\xd0\x9e\xd0\xb4\xd0\xb3\xd0\xbe\xd0\xb2\xd0\xbe\xd1\x80", "Erantz", "Balas", "YML",
		"Chuy\xe1\xbb\x83n ti\xe1\xba\xbfp",
		"\xd8\xa5\xd8\xb9\xd8\xa7\xd8\xaf\xd8\xa9 \xd8\xaa\xd9\x88\xd8\xac\xd9\x8a\xd9\x87" };
	static const char *const subjects[] = {
		"=?koi8-r?B?79TXOiBTdW1tZXIgcGFydHk=?=",
		"=?koi8-r?B?7uE6IFN1bW1lciBwYXJ0eQ==?=",
		"=?windows-1251?B?zvLi5fI6IFN1bW1lciBwYXJ0eQ==?=",
		"=?windows-1251?B?zcA6IFN1bW1lciBwYXJ0eQ==?=",
		"=?gb2312?B?tPC4tDogU3VtbWVyIHBhcnR5?=",
		"=?gb2312?B?u9i4tKO6IFN1bW1lciBwYXJ0eQ==?=",
		"=?gb2312?B?16q3ojogU3VtbWVyIHBhcnR5?=",
		"=?big5?B?pl7C0DogU3VtbWVyIHBhcnR5?=",
		"=?big5?B?wuCxSKFHIFN1bW1lciBwYXJ0eQ==?=",
		"=?iso-2022-jp?B?GyRCSlY/LhsoQjogU3VtbWVyIHBhcnR5?=",
		"=?iso-2022-jp?B?GyRCSlY/LiEnGyhCIFN1bW1lciBwYXJ0eQ==?=",
		"=?shift_jis?B?k12RlzogU3VtbWVyIHBhcnR5?=",
		"=?shift_jis?B?ldSQTYFGIFN1bW1lciBwYXJ0eQ==?=",
		"=?euc-kr?B?yLi9xTogU3VtbWVyIHBhcnR5?=",
		"=?euc-kr?B?tOTA5TogU3VtbWVyIHBhcnR5?=",
		"=?windows-1253?B?wdA6IFN1bW1lciBwYXJ0eQ==?=",
		"=?windows-1255?B?+vnl4eQ6IFN1bW1lciBwYXJ0eQ==?=",
		"=?iso-8859-9?B?3UxUOiBTdW1tZXIgcGFydHk=?=",
		"=?iso-8859-2?B?T2Rwb3bs7zogU3VtbWVyIHBhcnR5?=",
		"=?iso-8859-1?B?UulmLiA6IFN1bW1lciBwYXJ0eQ==?=",
		"=?iso-8859-1?B?VsE6IFN1bW1lciBwYXJ0eQ==?=",
		"[RE] Summer party",
		"(Re) Summer party",
		"[EXT] (re) Summer party",
		"[Fwd: Summer party]",
		"Re: [Fwd: Summer party]",
		"{Spam?} Re: Summer party",
		"***SPAM*** RE: Summer party",
		"Re: *EXT* Summer party",
		"External: AW: Summer party",
		"Re: EXTERN: Summer party",
		"(EXT) RE: Summer party",
	};
	char out[SUBJECT_THREAD_MAX], text[200];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct subject_thread t;

		snprintf(text, sizeof(text), "%s: Summer party", prefixes[i]);
		t = subject_thread(str_of(text), STR_NONE, out);
		cr_expect(
		    str_eq(t.text, STR(SAME)) && t.answer && !t.recall, "%s: %.*s", text, STR_FMT(t.text));
		cr_expect_eq(subject_classify(str_of(text)), SUBJECT_ANSWER, "%s", text);
		snprintf(text, sizeof(text), "%s Summer party", prefixes[i]);
		t = subject_thread(str_of(text), STR_NONE, out);
		cr_expect_eq(t.answer, strchr(prefixes[i], ':') != NULL, "%s", text);
	}
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		struct subject_thread t = subject_thread(str_of(subjects[i]), STR_NONE, out);

		cr_expect(str_eq(t.text, STR(SAME)) && t.answer, "%s: %.*s", subjects[i], STR_FMT(t.text));
	}
}

/* ISO-2022-JP goes from one set to the other at each end of an encoded word, and those end where lines do. */
Test(subject_thread, words_cut_elsewhere)
{
	static const char *const subjects[] = { "=?iso-2022-jp?B?GyRCTWg9NSROMnE1RCRLJEQkJCRGGyhC?=",
		"Re: =?iso-2022-jp?B?GyRCTWg9NSROMnEbKEI=?=\r\n =?iso-2022-jp?B?GyRCNUQkSyREJCQkRhsoQg==?=" };
	char out[2][SUBJECT_THREAD_MAX];
	struct subject_thread one = subject_thread(str_of(subjects[0]), STR_NONE, out[0]);
	struct subject_thread two = subject_thread(str_of(subjects[1]), STR_NONE, out[1]);

	cr_expect(one.text.n && str_eq(one.text, two.text), "%.*s", STR_FMT(two.text));
}

/* Lists that number their posts. */
Test(subject_thread, numbers_of_a_list)
{
	static const struct {
		const char *subject, *list, *text;
	} numbered[] = {
		{ "[staff 123] Summer party", "staff", SAME },
		{ "Re: [staff:00124] Re: Summer party", "staff", SAME },
		{ "Re: (Staff 7) Summer party", "staff-list", SAME },
		{ "[staff-9] Summer party", "staff", SAME },
		{ "[staff 123] Summer party", "", "staff123summerparty" },
		{ "[staff 123] Summer party", "all", "staff123summerparty" },
		{ "[staff #123] Summer party", "staff", "staff123summerparty" },
		{ "[a 1] Summer party", "all", "a1summerparty" },
		{ "[123] Summer party", "staff", "123summerparty" },
		{ "[staff] Summer party 123", "staff", "summerparty123" },
		{ "[staff 123", "staff", "staff123" },
	};
	char out[SUBJECT_THREAD_MAX];

	for (size_t i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++) {
		struct subject_thread t =
		    subject_thread(str_of(numbered[i].subject), str_of(numbered[i].list), out);

		cr_expect(str_eq(t.text, str_of(numbered[i].text)), "%s: %.*s", numbered[i].subject,
		    STR_FMT(t.text));
	}
}

Test(subject_thread, cut_at_the_cap)
{
	char in[SUBJECT_THREAD_MAX + 2], out[SUBJECT_THREAD_MAX];
	struct subject_thread t;

	memset(in, 'a', sizeof(in));
	t = subject_thread((struct str){ in, SUBJECT_THREAD_MAX - 1 }, STR_NONE, out);
	cr_assert_eq(t.text.n, SUBJECT_THREAD_MAX - 1);
	t = subject_thread((struct str){ in, SUBJECT_THREAD_MAX }, STR_NONE, out);
	cr_assert_eq(t.text.n, SUBJECT_THREAD_MAX);
	t = subject_thread((struct str){ in, SUBJECT_THREAD_MAX + 1 }, STR_NONE, out);
	cr_assert_eq(t.text.n, SUBJECT_THREAD_MAX);
}

/* Any bytes, prefixes upon prefixes: it ends, and reads nothing that is not there (sanitizers look). */
Test(subject_thread, hostile)
{
	static const char *const pieces[] = { "re", ":", "[", "]", "Re: ", "=?utf-8?B?", "?=", "\xef\xbc",
		"\xef\xbc\x9a", "(", "^", "9", " ", "Recall:", "\xff", "r", "i:" };
	uint64_t x = 88172645463325252u;
	char in[4096], out[SUBJECT_THREAD_MAX];

	for (int n = 0; n < 20000; n++) {
		size_t len = 0, want;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		want = x % 120;
		for (size_t k = 0; k < want; k++) {
			const char *p = pieces[(x >> (k % 48)) % (sizeof(pieces) / sizeof(pieces[0]))];
			size_t m = strlen(p);

			if (len + m > sizeof(in))
				break;
			memcpy(in + len, p, m);
			len += m;
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		char *exact = xmalloc(len + 1);

		memcpy(exact, in, len);
		cr_assert_leq(
		    subject_thread((struct str){ exact, len }, STR_NONE, out).text.n, SUBJECT_THREAD_MAX);
		xfree(exact);
	}
}
