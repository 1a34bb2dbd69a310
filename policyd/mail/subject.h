/* SPDX-License-Identifier: ISC */
/* What a subject line says about who wrote it. Never a proof: one sign among others. */
#ifndef MAIL_SUBJECT_H
#define MAIL_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum subject_kind {
	SUBJECT_PLAIN,
	SUBJECT_ANSWER,       /* begins with Re:, Fwd:, ..., or a ticket's number: about something else */
	SUBJECT_BOUNCE,       /* words that mail systems alone use */
	SUBJECT_BOUNCE_MAYBE, /* words that a parcel service or a shop uses as well */
	SUBJECT_AUTO_REPLY,
	SUBJECT_AUTO_REPLY_MAYBE, /* begins with words of an out-of-office, as a person's line may */
	SUBJECT_AUTO_REPLY_SURE,  /* what no person writes: "AUTO: Joe Bee is out of the office. (...)",
	                             "Out of Office AutoReply: ..." */
	SUBJECT_QUOTA,            /* "Your mailbox is almost full" */
	SUBJECT_REPORT,           /* DMARC and TLS aggregate reports, complaint reports: a strict form */
};

/*
 * What stands in front of subjects. All take a decoded, lower-cased line (words_decode()).
 * subject_prefix: length of what an answering client put at its front ("Re:", "AW:", "Re[2]:"), or a recall;
 * subject_tag: of what a filter put there ("[EXT]", "{Spam?}", "***SPAM***", "External:"); 0: nothing.
 */
size_t subject_prefix(struct str s, bool *recall);
bool subject_is_answer_word(struct str s); /* "re": a prefix, whole, without its colon */
size_t subject_tag(struct str s);

enum subject_kind subject_family(struct str s); /* by the words at the front of a line that was decoded */
enum subject_kind subject_classify(struct str subject); /* as in the header, undecoded */

/*
 * What a subject line says about the thread. `text` is the same for a post and its answers, whatever
 * clients and gateways made of it: decoded, without what stands in front ("Re:", "AW: [External]", "Fwd:",
 * "Recall:"), letters and digits only, Latin ones in lower case and without accents where enough is left, cut
 * at SUBJECT_THREAD_MAX. Tags in brackets with a digit stay: "[#123]" is a ticket of its own; but not
 * "[staff 123]" where `list`, the local part of the posting address that it goes to, is "staff" or begins
 * so: some lists number their posts. Empty: the line says nothing.
 */
struct subject_thread {
	struct str text;
	bool answer; /* something like "Re:" stood in front */
	bool recall; /* "Recall:" stood in front of all that: the sender wants a message back */
};

enum { SUBJECT_THREAD_MAX = 200 };

struct subject_thread subject_thread(struct str subject, struct str list, char out[SUBJECT_THREAD_MAX]);

/*
 * The subject of which a gateway encoded the words, or put tags in front as for subject_thread(), as it was
 * before: what copies of one message share. Otherwise it is the subject itself, letter by letter.
 */
enum { SUBJECT_BARE_MAX = 1024 };

struct str subject_bare(struct str subject, char out[SUBJECT_BARE_MAX]);

/*
 * What a subject has in common with those before and after it in a talk of robots, each of which adds tags,
 * numbers and prefixes: its first two and its last two words, without reply prefixes, words with digits, and
 * what stands in brackets. Linear, but for brackets that nothing closes within the 998 bytes looked at.
 */
struct subject_look {
	uint64_t head, tail; /* hashes, not seeded */
	bool answer;         /* a reply prefix stands somewhere in it */
	unsigned grown;      /* how often the same prefix or tag stands there, if three times or more */
};

void subject_look(struct str subject, struct subject_look *out);

#endif
