/* SPDX-License-Identifier: ISC */
/* Subjects as a thread shares them: what clients and gateways put in front is taken off, again and again. */
#include "mail/subject.h"

#include "base/compiler.h"
#include "mail/words.h"

enum { DECODED_MAX = 400, ENOUGH = 3 };

struct prefix {
	struct str text; /* without the colon */
	bool recall;
};

#define ANSWER(text)                              \
	{                                         \
		{ text, sizeof(text) - 1 }, false \
	}
#define RECALL(text)                             \
	{                                        \
		{ text, sizeof(text) - 1 }, true \
	}

/* Of answers and of what was passed on, in lower case. */
static const struct prefix prefixes[] = {
	ANSWER("re"),
	ANSWER("fw"),
	ANSWER("fwd"),
	ANSWER("aw"),
	ANSWER("antw"),
	ANSWER("antwort"),
	ANSWER("wg"),
	ANSWER("sv"),
	ANSWER("vs"),
	ANSWER("vb"),
	ANSWER("vl"),
	ANSWER("doorst"),
	ANSWER("tr"),
	ANSWER("r\xc3\xa9p"),
	ANSWER("r\xe9p"),
	ANSWER("rv"),
	ANSWER("res"),
	ANSWER("enc"),
	ANSWER("r"),
	ANSWER("i"),
	ANSWER("rif"),
	ANSWER("ref"),
	ANSWER("odp"),
	ANSWER("pd"),
	ANSWER("ynt"),
	ANSWER("ilt"),
	ANSWER("bls"),
	ANSWER("atb"),
	ANSWER("ha"),
	ANSWER("betreff"),
	/* Greek, Russian, Hungarian, Hebrew, Chinese (simplified, traditional; answer, forward), Japanese */
	ANSWER("\xce\x91\xcf\x80"),
	ANSWER("\xce\xa0\xcf\x81\xce\xb8"),
	ANSWER("\xd0\x9e\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82"),
	ANSWER("v\xc3\xa1"),
	ANSWER("v\xe1"),
	ANSWER("\xd7\xaa\xd7\xa9\xd7\x95\xd7\x91\xd7\x94"),
	ANSWER("\xe7\xad\x94\xe5\xa4\x8d"),
	ANSWER("\xe5\x9b\x9e\xe5\xa4\x8d"),
	ANSWER("\xe5\x9b\x9e\xe8\xa6\x86"),
	ANSWER("\xe8\xbd\xac\xe5\x8f\x91"),
	ANSWER("\xe8\xbd\x89\xe5\xaf\x84"),
	ANSWER("\xe8\xbf\x94\xe4\xbf\xa1"),

	RECALL("recall"),
	RECALL("rappel"),
	RECALL("r\xc3\xbc"
	       "ckruf"),
	RECALL("r\xfc"
	       "ckruf"),
	RECALL("zur\xc3\xbc"
	       "ckrufen"),
	RECALL("zur\xfc"
	       "ckrufen"),
	RECALL("intrekken"),
	RECALL("richiama"),
	RECALL("recuperar"),
	RECALL("\xc3\x85terkalla"),
	RECALL("tilbagekald"),
	RECALL("message recall success"),
	RECALL("message recall failure"),
	RECALL("message recall report"),
};

static size_t
behind_space(struct str s, size_t i)
{
	size_t n = words_space(str_sub(s, i, s.n));

	while (n) {
		i += n;
		n = words_space(str_sub(s, i, s.n));
	}
	return i;
}

/* Behind a colon, be it the wide one of Chinese and Japanese; 0: there is none. "Re[2]:" and "Re^2:" too. */
static size_t
behind_colon(struct str s)
{
	static const struct str wide = { "\xef\xbc\x9a", 3 };
	size_t i = 0;

	if (i < s.n && (s.p[i] == '[' || s.p[i] == '^' || s.p[i] == '(')) {
		i++;
		while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
			i++;
		if (i < s.n && (s.p[i] == ']' || s.p[i] == ')'))
			i++;
	}
	i = behind_space(s, i);
	if (i < s.n && s.p[i] == ':')
		return i + 1;
	return str_starts(str_sub(s, i, s.n), wide) ? i + wide.n : 0;
}

static size_t
prefix_end(struct str s, struct subject_thread *t)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct str word = prefixes[i].text;
		bool begins = s.n && s.p[0] == word.p[0] && str_starts(s, word);
		size_t n = begins ? behind_colon(str_sub(s, word.n, s.n)) : 0;

		if (!n)
			continue;
		t->recall |= prefixes[i].recall;
		t->answer |= !prefixes[i].recall;
		return word.n + n;
	}
	return 0;
}

/* "[External]", which a gateway put there; not "[#123]" and not "[PATCH 3/45]". */
static size_t
tag_end(struct str s)
{
	size_t close = str_find(s, ']');

	if (s.n == 0 || s.p[0] != '[' || close == s.n)
		return 0;
	for (size_t i = 0; i < close; i++)
		if (s.p[i] >= '0' && s.p[i] <= '9')
			return 0;
	return close + 1;
}

/* The bytes that a line keeps on its way through clients and character sets. */
static struct str
gather(struct str s, char *out, bool accents)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < SUBJECT_THREAD_MAX; i++) {
		char c = s.p[i];
		bool ascii = (unsigned char)c < 0x80;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (!ascii && accents))
			out[n++] = c;
	}
	return (struct str){ out, n };
}

struct subject_thread
subject_thread(struct str subject, char out[SUBJECT_THREAD_MAX])
{
	char text[DECODED_MAX];
	struct subject_thread t = { 0 };
	struct str s = str_trim(words_decode(str_sub(subject, 0, 2 * DECODED_MAX), text, sizeof(text)));

	for (;;) {
		size_t n = prefix_end(s, &t);

		if (!n)
			n = tag_end(s);
		if (!n)
			break;
		s = str_sub(s, behind_space(s, n), s.n);
	}
	t.text = gather(s, out, false);
	if (t.text.n < ENOUGH)
		t.text = gather(s, out, true);
	return t;
}
