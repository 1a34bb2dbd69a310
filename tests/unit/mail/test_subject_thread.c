/* SPDX-License-Identifier: ISC */
/* Subjects of one thread: what clients and gateways make of one line, and lines that are not the same. */
#include <criterion/criterion.h>

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
	{ "SV: [EXTERNAL] Re: Summer party", SAME, true, false },
	{ "[External] [Suspicious] Summer party", SAME, false, false },
	{ "=?utf-8?Q?Re=3A_Summer?= =?utf-8?B?IHBhcnR5?=", SAME, true, false },
	{ "\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9a Summer party", SAME, true, false },
	{ "\xe7\xad\x94\xe5\xa4\x8d: Summer party", SAME, true, false },
	/* French: a no-break space in front of the colon, a narrow one, and behind it too */
	{ "=?iso-8859-1?Q?RE=A0:_RE=A0:_Summer_party?=", SAME, true, false },
	{ "=?utf-8?Q?Re=C2=A0:_TR=C2=A0:_Summer_party?=", SAME, true, false },
	{ "RE\xe2\x80\xaf:\xc2\xa0Re: Summer party", SAME, true, false },
	{ "R\xc3\xa9p\xc2\xa0: Summer party", SAME, true, false },
	{ "Recall: Summer party", SAME, false, true },
	{ "Message Recall Failure: Summer party", SAME, false, true },
	{ "R\xc3\xbc"
	  "ckruf: Summer party",
	    SAME, false, true },
	/* one line in two character sets */
	{ "Re: Pr\xc3\xbc"
	  "fung",
	    "prfung", true, false },
	{ "=?iso-8859-1?Q?Pr=FCfung?=", "prfung", false, false },
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
	/* what is left when letters and digits are too few */
	{ "\xe4\xbc\x9a\xe8\xae\xae", "\xe4\xbc\x9a\xe8\xae\xae", false, false },
};

Test(subject_thread, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[SUBJECT_THREAD_MAX];
		struct subject_thread t = subject_thread(str_of(rows[i].subject), out);

		cr_expect(str_eq(t.text, str_of(rows[i].text)), "%s: %.*s", rows[i].subject, STR_FMT(t.text));
		cr_expect_eq(t.answer, rows[i].answer, "%s", rows[i].subject);
		cr_expect_eq(t.recall, rows[i].recall, "%s", rows[i].subject);
	}
}

Test(subject_thread, cut_at_the_cap)
{
	char in[SUBJECT_THREAD_MAX + 2], out[SUBJECT_THREAD_MAX];
	struct subject_thread t;

	memset(in, 'a', sizeof(in));
	t = subject_thread((struct str){ in, SUBJECT_THREAD_MAX - 1 }, out);
	cr_assert_eq(t.text.n, SUBJECT_THREAD_MAX - 1);
	t = subject_thread((struct str){ in, SUBJECT_THREAD_MAX }, out);
	cr_assert_eq(t.text.n, SUBJECT_THREAD_MAX);
	t = subject_thread((struct str){ in, SUBJECT_THREAD_MAX + 1 }, out);
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
		cr_assert_leq(subject_thread((struct str){ exact, len }, out).text.n, SUBJECT_THREAD_MAX);
		xfree(exact);
	}
}
