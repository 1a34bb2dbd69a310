/* SPDX-License-Identifier: ISC */
/* Subjects as a thread shares them: what clients and gateways put in front is taken off, again and again. */
#include "mail/subject.h"

#include "base/utf8.h"
#include "mail/words.h"

enum { DECODED_MAX = 400, ENOUGH = 3, JIS_ESCAPE = 3, TAG_LOOK = 64 };

/* Where the bracket at the front of s closes; s.n: there is none, or it does not. */
static size_t
bracket_close(struct str s)
{
	if (s.n && (s.p[0] == '[' || s.p[0] == '('))
		return str_find(s, s.p[0] == '[' ? ']' : ')');
	return s.n;
}

/* "[RE] ...", "(Re) ...", "[Fwd: ...]": length of what says so; 0: not in this form. */
static size_t
bracketed_prefix(struct str s, struct subject_thread *t)
{
	size_t close = bracket_close(s), n;
	bool recall = false;

	if (close == s.n)
		return 0;
	if (subject_is_answer_word(str_trim(str_sub(s, 1, close)))) {
		t->answer = true;
		return close + 1;
	}
	n = subject_prefix(str_sub(s, 1, close), &recall);
	t->answer |= n && !recall;
	return n && !recall ? 1 + n : 0;
}

/* "[External]", "{Spam?}", "***SPAM***", "External:", which a gateway put there; not "[#123]" and not
 * "[PATCH 3/45]". */
static size_t
tag_end(struct str s)
{
	size_t n = subject_tag(s);

	/* "(EXT) ...", but "(no subject)" is all that there is */
	if (!n && s.n && s.p[0] == '(' && str_find(s, ')') + 1 < s.n)
		n = str_find(s, ')') + 1;
	return str_has_digit(str_sub(s, 0, n)) ? 0 : n;
}

/* "[staff:00123]", "(staff 123)": the list's own number of the post. Tickets have a "#". */
static size_t
numbered_end(struct str s, struct str list)
{
	size_t close = bracket_close(s), n;
	struct str name;

	if (list.n == 0 || close == s.n)
		return 0;
	name = str_sub(s, 1, close);
	for (n = name.n; n && str_digit(name.p[n - 1]); n--)
		;
	if (n == name.n || n == 0 || str_find(STR(" :,-"), name.p[n - 1]) == 4)
		return 0;
	name = str_sub(name, 0, n - 1);
	return str_istarts(list, name) && (name.n == list.n || name.n >= ENOUGH) ? close + 1 : 0;
}

/* What stands in front of s: an answer's prefix, a recall's, a tag; 0: nothing. */
static size_t
front_end(struct str s, struct str list, struct subject_thread *t)
{
	bool recall = false;
	size_t n = subject_prefix(s, &recall);

	/* "Re: Rappel: ..." answers one, and in French what was called so may be a reminder */
	t->recall |= n && recall && !t->answer;
	t->answer |= n && !recall;
	if (!n)
		n = bracketed_prefix(s, t);
	if (!n)
		n = numbered_end(s, list);
	return n ? n : tag_end(s);
}

/* "... -Reply" and "... -Forwarded" of GroupWise, "... (fwd)" of Pine: length of s without it. */
static size_t
without_tail(struct str s)
{
	static const char *const words[] = { " -reply", " -forwarded", " (fwd)" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_iends(s, str_of(words[i])))
			return s.n - strlen(words[i]);
	return s.n;
}

/* A character of UTF-8 that is a letter of another script than Latin. Accents go, and so do punctuation and
 * pictures, of which each character set has its own. */
static bool
other_script(struct str c)
{
	unsigned char lead = (unsigned char)c.p[0], next = (unsigned char)c.p[1];

	if (lead < 0xce || lead > 0xed || lead == 0xe2)
		return false;
	if (lead == 0xe1)
		return next < 0xb8 || next > 0xbb;
	return lead != 0xe3 || next != 0x80;
}

/* What of the bytes that are neither ASCII nor UTF-8 is kept, or of all that are not ASCII. */
enum keep { KEEP_NO_BYTES, KEEP_BYTES, KEEP_ALL };

struct gathered {
	struct str text;
	size_t ascii, bytes; /* letters and digits; bytes of other character sets */
};

/* The bytes that a line keeps on its way through clients and character sets. */
static struct gathered
gather(struct str s, char *out, enum keep keep)
{
	struct gathered g = { .text = { out, 0 } };
	size_t n;

	for (size_t i = 0; i < s.n && g.text.n < SUBJECT_THREAD_MAX; i += n) {
		struct str rest = str_sub(s, i, s.n);
		char c = s.p[i];
		size_t utf8 = utf8_len(rest);
		bool ascii = (c >= 'a' && c <= 'z') || str_digit(c), kept = ascii;

		/* where ISO-2022-JP changes its set differs from client to client */
		n = c == '\x1b' ? JIS_ESCAPE : utf8 ? utf8 : 1;
		g.ascii += ascii;
		if ((unsigned char)c >= 0x80) {
			g.bytes += utf8 == 0;
			kept = keep == KEEP_ALL || (utf8 ? other_script(rest) : keep == KEEP_BYTES);
		}
		for (size_t k = 0; kept && k < n && g.text.n < SUBJECT_THREAD_MAX; k++)
			out[g.text.n++] = s.p[i + k];
	}
	return g;
}

/* Letters of another script tell subjects apart as well as Latin ones; few digits among them do not. */
static struct str
gather_thread(struct str s, char *out)
{
	struct gathered g = gather(s, out, KEEP_NO_BYTES);

	if (g.bytes && g.bytes >= g.ascii)
		g = gather(s, out, KEEP_BYTES);
	if (g.text.n < ENOUGH)
		g = gather(s, out, KEEP_ALL);
	return g.text;
}

struct subject_thread
subject_thread(struct str subject, struct str list, char out[SUBJECT_THREAD_MAX])
{
	char text[DECODED_MAX];
	struct subject_thread t = { 0 };
	size_t n;
	struct str s = str_trim(words_decode(str_sub(subject, 0, 2 * DECODED_MAX), text, sizeof(text)));

	s = words_skip_space(s);
	for (n = front_end(s, list, &t); n; n = front_end(s, list, &t))
		s = words_skip_space(str_sub(s, n, s.n));
	for (n = without_tail(s); n < s.n; n = without_tail(s)) {
		s = str_trim(str_sub(s, 0, n));
		t.answer = true;
	}
	t.text = gather_thread(s, out);
	return t;
}

struct str
subject_bare(struct str subject, char out[SUBJECT_BARE_MAX])
{
	char front[TAG_LOOK];
	struct str s = subject;
	size_t n;

	if (s.n == 0)
		return s;
	if (str_find(s, '=') < s.n && str_ifind(s, STR("=?")) < s.n)
		s = words_text(s, out, SUBJECT_BARE_MAX);
	do {
		struct str look = str_sub(s, 0, sizeof(front));

		str_lower_to(front, look);
		n = tag_end((struct str){ front, look.n });
		if (n)
			s = words_skip_space(str_sub(s, n, s.n));
	} while (n);
	return s;
}
