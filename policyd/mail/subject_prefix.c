/* SPDX-License-Identifier: ISC */
/* What clients put in front of a subject when somebody answers or passes it on, in their languages and in the
 * character sets that they write them in, and what filters put there. */
#include "mail/subject.h"

#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "mail/words.h"

enum {
	PREFIX_MAX = 2 * BYTES16, /* of the longest one, with its colon */
	TAG_MAX = 24,             /* of "*** SPAM ***" */
};

struct prefix {
	struct str text; /* without the colon */
	bool recall;
};

#define ANSWER(text)             \
	{                        \
		STR(text), false \
	}
#define RECALL(text)            \
	{                       \
		STR(text), true \
	}

/* In lower case; letters that are not ASCII as they are written, in UTF-8, or in Latin-1 too. */
static const struct prefix prefixes[] = {
	/* Of Latin letters */
	ANSWER("re"),
	ANSWER("fw"),
	ANSWER("fwd"),
	ANSWER("aw"),
	ANSWER("antw"),
	ANSWER("antwort"),
	ANSWER("antwoord"),
	ANSWER("wg"),
	ANSWER("weiterleitung"),
	ANSWER("sv"),
	ANSWER("svar"),
	ANSWER("vs"),
	ANSWER("vb"),
	ANSWER("vl"),
	ANSWER("vast"),
	ANSWER("vastaus"),
	ANSWER("vedr"),
	ANSWER("ang"),
	ANSWER("betr"),
	ANSWER("betreff"),
	ANSWER("betreft"),
	ANSWER("doorst"),
	ANSWER("tr"),
	ANSWER("transf"),
	ANSWER("r\xc3\xa9p"),
	ANSWER("r\xe9p"),
	ANSWER("r\xc3\xa9ponse"),
	ANSWER("r\xe9ponse"),
	ANSWER("r\xc3\xa9"
	       "f"),
	ANSWER("r\xe9"
	       "f"),
	ANSWER("r\xc3\xa9"
	       "exp"),
	ANSWER("r\xe9"
	       "exp"),
	ANSWER("r\xc3\x89p"),
	ANSWER("r\xc9p"),
	ANSWER("r\xc3\x89"
	       "f"),
	ANSWER("r\xc9"
	       "f"),
	ANSWER("rep"),
	ANSWER("rv"),
	ANSWER("res"),
	ANSWER("resp"),
	ANSWER("resposta"),
	ANSWER("respuesta"),
	ANSWER("enc"),
	ANSWER("r"),
	ANSWER("ri"),
	ANSWER("i"),
	ANSWER("rif"),
	ANSWER("ref"),
	ANSWER("odp"),
	ANSWER("odg"),
	ANSWER("pd"),
	ANSWER("ats"),
	ANSWER("atb"),
	ANSWER("atbilde"),
	ANSWER("ha"),
	ANSWER("v\xc3\xa1"),
	ANSWER("v\xe1"),
	ANSWER("v\xc3\xa1lasz"),
	ANSWER("v\xe1lasz"),
	ANSWER("tov\xc3\xa1"
	       "bb\xc3\xadt\xc3\xa1s"),
	ANSWER("tov\xe1"
	       "bb\xedt\xe1s"),
	ANSWER("tov\xc3\x81"
	       "bb\xc3\x8dt\xc3\x81s"),
	ANSWER("tov\xc1"
	       "bb\xcdt\xc1s"),
	ANSWER("ynt"),
	ANSWER("ilt"),
	ANSWER("cvp"),
	ANSWER("bls"),
	ANSWER("trs"),
	ANSWER("vedr\xc3\xb8rende"),
	ANSWER("vedr\xf8rende"),
	ANSWER("ang\xc3\xa5"
	       "ende"),
	ANSWER("ang\xe5"
	       "ende"),
	ANSWER("v\xc3\x81"),
	ANSWER("v\xc1"),
	ANSWER("yan\xc4\xb1t"),
	ANSWER("\xc4\xb0lt"),
	ANSWER("\xddlt"),
	ANSWER("odpov\xc4\x9b\xc4\x8f"),
	ANSWER("odpov\xec\xef"),
	ANSWER("risposta"),
	ANSWER("odgovor"),
	ANSWER("odpove\xc4\x8f"),
	ANSWER("odpove\xef"),
	ANSWER("r\xc4\x83spuns"),
	ANSWER("r\xe3spuns"),
	ANSWER("tr\xe1\xba\xa3 l\xe1\xbb\x9di"),
	ANSWER("chuy\xe1\xbb\x83n ti\xe1\xba\xbfp"),
	ANSWER("erantz"),
	ANSWER("balas"),
	ANSWER("yml"),
	/* Cyrillic: Russian, Bulgarian, Serbian, Ukrainian; Russian in KOI8-R and windows-1251 too */
	ANSWER("\xd0\x9e\xd1\x82\xd0\xb2"),
	ANSWER("\xef\xd4\xd7"),
	ANSWER("\xce\xf2\xe2"),
	ANSWER("\xd0\x9e\xd0\xa2\xd0\x92"),
	ANSWER("\xef\xf4\xf7"),
	ANSWER("\xce\xd2\xc2"),
	ANSWER("\xd0\x9e\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82"),
	ANSWER("\xef\xd4\xd7\xc5\xd4"),
	ANSWER("\xce\xf2\xe2\xe5\xf2"),
	ANSWER("\xd0\x9e\xd0\xa2\xd0\x92\xd0\x95\xd0\xa2"),
	ANSWER("\xd0\x9d\xd0\x90"),
	ANSWER("\xee\xe1"),
	ANSWER("\xcd\xc0"),
	ANSWER("\xd0\x9d\xd0\xb0"),
	ANSWER("\xee\xc1"),
	ANSWER("\xcd\xe0"),
	ANSWER("\xd0\x9f\xd0\xb5\xd1\x80\xd0\xb5\xd1\x81\xd0\xbb"),
	ANSWER("\xf0\xc5\xd2\xc5\xd3\xcc"),
	ANSWER("\xcf\xe5\xf0\xe5\xf1\xeb"),
	ANSWER("\xd0\x9e\xd1\x82\xd0\xb3"),
	ANSWER("\xd0\x9e\xd0\xa2\xd0\x93"),
	ANSWER("\xd0\x9e\xd1\x82\xd0\xb3\xd0\xbe\xd0\xb2\xd0\xbe\xd1\x80"),
	ANSWER("\xd0\x9e\xd0\xb4\xd0\xb3"),
	ANSWER("\xd0\x9e\xd0\xb4\xd0\xb3\xd0\xbe\xd0\xb2\xd0\xbe\xd1\x80"),
	ANSWER("\xd0\x92\xd1\x96\xd0\xb4\xd0\xbf"),
	ANSWER("\xd0\x92\xd1\x96\xd0\xb4\xd0\xbf\xd0\xbe\xd0\xb2\xd1\x96\xd0\xb4\xd1\x8c"),
	/* Greek, in windows-1253 too */
	ANSWER("\xce\x91\xce\xa0"),
	ANSWER("\xc1\xd0"),
	ANSWER("\xce\x91\xcf\x80"),
	ANSWER("\xc1\xf0"),
	ANSWER("\xce\x91\xcf\x80\xce\xac\xce\xbd\xcf\x84\xce\xb7\xcf\x83\xce\xb7"),
	ANSWER("\xc1\xf0\xdc\xed\xf4\xe7\xf3\xe7"),
	ANSWER("\xce\xa3\xce\xa7\xce\x95\xce\xa4"),
	ANSWER("\xd3\xd7\xc5\xd4"),
	ANSWER("\xce\xa3\xcf\x87\xce\xb5\xcf\x84"),
	ANSWER("\xd3\xf7\xe5\xf4"),
	ANSWER("\xce\xa0\xce\xa1\xce\x98"),
	ANSWER("\xd0\xd1\xc8"),
	ANSWER("\xce\xa0\xcf\x81\xce\xb8"),
	ANSWER("\xd0\xf1\xe8"),
	/* Hebrew, in windows-1255 too */
	ANSWER("\xd7\xaa\xd7\xa9\xd7\x95\xd7\x91\xd7\x94"),
	ANSWER("\xfa\xf9\xe5\xe1\xe4"),
	ANSWER("\xd7\x94\xd7\xa9\xd7\x91"),
	ANSWER("\xe4\xf9\xe1"),
	ANSWER("\xd7\xaa\xd7\x92\xd7\x95\xd7\x91\xd7\x94"),
	ANSWER("\xfa\xe2\xe5\xe1\xe4"),
	ANSWER("\xd7\x94\xd7\x95\xd7\xa2\xd7\x91\xd7\xa8"),
	ANSWER("\xe4\xe5\xf2\xe1\xf8"),
	/* Arabic, Persian, Thai */
	ANSWER("\xd8\xb1\xd8\xaf"),
	ANSWER("\xd8\xa7\xd9\x84\xd8\xb1\xd8\xaf"),
	ANSWER("\xd8\xa5\xd8\xb9\xd8\xa7\xd8\xaf\xd8\xa9 \xd8\xaa\xd9\x88\xd8\xac\xd9\x8a\xd9\x87"),
	ANSWER("\xd9\xbe\xd8\xa7\xd8\xb3\xd8\xae"),
	ANSWER("\xe0\xb8\x95\xe0\xb8\xad\xe0\xb8\x9a"),
	ANSWER("\xe0\xb8\x95\xe0\xb8\xad\xe0\xb8\x9a\xe0\xb8\x81\xe0\xb8\xa5\xe0\xb8\xb1\xe0\xb8\x9a"),
	/* Chinese, in GBK or Big5 too */
	ANSWER("\xe7\xad\x94\xe5\xa4\x8d"),
	ANSWER("\xb4\xf0\xb8\xb4"),
	ANSWER("\xe5\x9b\x9e\xe5\xa4\x8d"),
	ANSWER("\xbb\xd8\xb8\xb4"),
	ANSWER("\xe8\xbd\xac\xe5\x8f\x91"),
	ANSWER("\xd7\xaa\xb7\xa2"),
	ANSWER("\xe7\xad\x94\xe8\xa6\x86"),
	ANSWER("\xb5\xaa\xc2\xd0"),
	ANSWER("\xe5\x9b\x9e\xe8\xa6\x86"),
	ANSWER("\xa6^\xc2\xd0"),
	ANSWER("\xe5\x9b\x9e\xe6\x87\x89"),
	ANSWER("\xa6^\xc0\xb3"),
	ANSWER("\xe8\xbd\x89\xe5\xaf\x84"),
	ANSWER("\xc2\xe0\xb1h"),
	ANSWER("\xe8\xbd\x89\xe7\x99\xbc"),
	ANSWER("\xc2\xe0\xb5o"),
	/* Japanese, in ISO-2022-JP and Shift_JIS too */
	ANSWER("\xe8\xbf\x94\xe4\xbf\xa1"),
	ANSWER("\x1b$bjv?."),
	ANSWER("\x95\xd4\x90m"),
	ANSWER("\xe8\xbb\xa2\xe9\x80\x81"),
	ANSWER("\x1b$be>aw"),
	ANSWER("\x93]\x91\x97"),
	/* Korean, in EUC-KR too */
	ANSWER("\xed\x9a\x8c\xec\x8b\xa0"),
	ANSWER("\xc8\xb8\xbd\xc5"),
	ANSWER("\xeb\x8b\xb5\xec\x9e\xa5"),
	ANSWER("\xb4\xe4\xc0\xe5"),
	ANSWER("\xec\xa0\x84\xeb\x8b\xac"),
	ANSWER("\xc0\xfc\xb4\xde"),

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

/* Length of a colon at the front of s, be it a wide one of East Asia: UTF-8, GBK and EUC-KR, Big5,
 * Shift_JIS, and ISO-2022-JP, which goes back to ASCII behind it. */
static size_t
colon(struct str s)
{
	static const struct str colons[] = {
		STR(":"),
		STR("\xef\xbc\x9a"),
		STR("\xa3\xba"),
		STR("\xa1g"),
		STR("\x81"
		    "f"),
		STR("!'\x1b(b"),
	};

	for (size_t i = 0; i < ARRAY_LEN(colons); i++)
		if (str_starts(s, colons[i]))
			return colons[i].n;
	return 0;
}

/* Behind the colon of a word; 0: there is none. "Re[2]:", "Re^2:", "Re2:" and "Antw.:" too. */
static size_t
behind_colon(struct str s, bool digits)
{
	size_t i = str_starts(s, STR("\x1b(b")) ? 3 : 0, n;

	if (i < s.n && s.p[i] == '.')
		i++;
	if (i < s.n && (s.p[i] == '[' || s.p[i] == '^' || s.p[i] == '(')) {
		i++;
		digits = true;
	}
	while (digits && i < s.n && str_digit(s.p[i]))
		i++;
	if (i < s.n && (s.p[i] == ']' || s.p[i] == ')'))
		i++;
	i = s.n - words_skip_space(str_sub(s, i, s.n)).n;
	n = colon(str_sub(s, i, s.n));
	return n ? i + n : 0;
}

static bool
may_be_colon(bytes16 v)
{
	return bytes_any((bytes16)(v == ':') | (bytes16)(v == '\x1b') | (bytes16)(v >= 0x80));
}

/* Most subjects have no colon so early, nor what may be a wide one: a byte that is not ASCII. */
static bool
may_begin(struct str s)
{
	char few[BYTES16] = "";

	s = str_sub(s, 0, PREFIX_MAX);
	if (s.n >= BYTES16)
		return may_be_colon(bytes_at(s.p)) || may_be_colon(bytes_at(s.p + s.n - BYTES16));
	if (s.n)
		memcpy(few, s.p, s.n);
	return may_be_colon(bytes_at(few));
}

size_t
subject_prefix(struct str s, bool *recall)
{
	bool may = may_begin(s);

	for (size_t i = 0; may && i < ARRAY_LEN(prefixes); i++) {
		struct str word = prefixes[i].text;
		bool begins = s.p[0] == word.p[0] && str_starts(s, word);
		size_t n = begins ? behind_colon(str_sub(s, word.n, s.n), str_eq(word, STR("re"))) : 0;

		if (!n)
			continue;
		*recall = prefixes[i].recall;
		return word.n + n;
	}
	return 0;
}

bool
subject_is_answer_word(struct str s)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (!prefixes[i].recall && str_eq(prefixes[i].text, s))
			return true;
	return false;
}

#define OPENS "\xe3\x80\x90" /* brackets of East Asia, in UTF-8 */
#define CLOSES "\xe3\x80\x91"

size_t
subject_tag(struct str s)
{
	static const char *const words[] = { "external:", "extern:", "ext:", "spam:" };
	size_t end = s.n;

	if (s.n == 0)
		return 0;
	if (s.p[0] == '[') {
		end = str_find(s, ']');
	} else if (s.p[0] == '{') {
		end = str_find(s, '}');
	} else if (s.p[0] == '*') {
		end = str_rfind(str_sub(s, 0, TAG_MAX), '*');
	} else if (str_starts(s, STR(OPENS))) {
		end = str_ifind(s, STR(CLOSES));
		end += end < s.n ? STR(CLOSES).n - 1 : 0;
	} else if (s.p[0] != 'e' && s.p[0] != 's') {
		return 0;
	}
	for (size_t i = 0; end == s.n && i < ARRAY_LEN(words); i++)
		if (str_starts(s, str_of(words[i])))
			end = strlen(words[i]) - 1;
	return end < s.n ? end + 1 : 0;
}
