/* SPDX-License-Identifier: ISC */
/* One message whose Date or Subject a server wrote in its own way: told by the line where its way began. */
#include <stdio.h>

#include "traits_rig.h"

TestSuite(traits_rewritten, .init = setup, .fini = teardown);

#define WHO "From: joe@sender.example\n"
#define DATE "Date: Mon, 1 Jan 2024 10:00:00 +0000\n"

static void
compute(const char *origin, const char *fields, const char *subject)
{
	char line[200];

	msg_reset(&m);
	snprintf(line, sizeof(line), "Subject: %s\n", subject);
	feed(origin);
	feed(fields);
	feed(line);
	compute_fed();
	cr_assert_gt(t.n_ids, 0);
}

/* Copies of a server that dates them anew. Elsewhere Date alone tells messages with one id apart. */
Test(traits_rewritten, a_rewritten_date_is_the_same_message)
{
	static const struct {
		const char *line;
		bool same;
	} at[] = {
		{ "Received: from a by b.sender.example with ESMTP id O1; Mon, 1 Jan 2024 10:00:00 +0000\n",
		    true },
		{ "Received: from a by b.sender.example with SMTP; Mon, 1 Jan 2024 10:00:00 +0000\n", false },
		{ "Received: from a by mx.example.org with ESMTP id O1; Mon, 1 Jan 2024 10:00:00 +0000\n",
		    false },
		{ "Received: from a by b.sender.example with ESMTP id O1; Mon\n", false },
		{ "", false },
	};
	static const char *const others[] = {
		"Message-ID: <1@sender.example>\n" WHO,
		"Message-ID: <1@sender.example>\nDate: Tue, 2 Jan 2024 10:00:00 +0000\n" WHO,
	};

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct key128 id;

		compute(at[i].line, "Message-ID: <1@sender.example>\n" DATE WHO, "Hello");
		id = t.ids[0];
		for (size_t k = 0; k < ARRAY_LEN(others); k++) {
			compute(at[i].line, others[k], "Hello");
			cr_expect_eq(key_eq(t.ids[0], id), at[i].same, "line %zu, date %zu", i, k);
		}
	}
}

/* Filters put tags in front of the Subject and encode it, and a Message-ID was rewritten as well. Where
 * several messages may share the origin the tag may be all that tells them apart. */
Test(traits_rewritten, a_tagged_subject_is_the_same_message)
{
	static const char *const subjects[] = {
		"Meeting of 3 March",
		"[EXT] Meeting of 3 March",
		"*** SPAM *** [External] Meeting of 3 March",
		"=?utf-8?Q?Meeting_of_3_March?=",
		"=?US-ASCII?B?W0VYVF0gTWVldGluZyBvZiAzIE1hcmNo?=",
		"meeting of 3 March",
		"[#12] Meeting of 3 March",
	};
	enum { SAME = 5 };
	static const char own[] = "Received: from a by b.sender.example with ESMTP id O1; Mon\n";
	static const char shared[] = "Received: from a by b.sender.example with SMTP; Mon\n";

	for (size_t i = 1; i < ARRAY_LEN(subjects); i++) {
		struct key128 key;

		compute(own, "Message-ID: <1@p>\n" DATE WHO, subjects[0]);
		key = t.ids[t.n_ids - 1];
		compute(own, "Message-ID: <2@p>\n" DATE WHO, subjects[i]);
		cr_expect_eq(key_eq(t.ids[t.n_ids - 1], key), i < SAME, "case %zu", i);
		compute(shared, DATE WHO, subjects[0]);
		key = t.ids[t.n_ids - 1];
		compute(shared, DATE WHO, subjects[i]);
		cr_expect_not(key_eq(t.ids[t.n_ids - 1], key), "case %zu", i);
	}
}
