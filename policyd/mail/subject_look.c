/* SPDX-License-Identifier: ISC */
/*
 * What of a subject stays when robots answer each other and each puts something in front of it or behind:
 * tags in brackets, words with digits and reply prefixes go, of the rest the first and the last words count.
 */
#include "mail/subject.h"

#include "base/hash.h"
#include "mail/words.h"

enum {
	TEXT_MAX = 998,
	ENDS = 2,        /* words at either end */
	WORD_KEEP = 24,  /* bytes of a word: scripts without spaces have very long ones */
	PREFIXES = 24,   /* different ones that are counted */
	GROWN_TIMES = 3, /* how often the same one stands there */
};

struct scan {
	struct str first[ENDS], last[ENDS]; /* last: the youngest at n_words % ENDS - 1 */
	unsigned n_words;
	uint64_t prefix[PREFIXES];
	unsigned times[PREFIXES], n_prefixes;
	struct subject_look *out;
};

/* What a byte is; the text is in lower case. */
enum { SPACE = 1, OPENS = 2, COLON = 4, DIGIT = 8, LETTER = 16 };
static const unsigned char classes[256] = {
	[' '] = SPACE,
	['\t'] = SPACE,
	['\r'] = SPACE,
	['\n'] = SPACE,
	['['] = OPENS,
	['('] = OPENS,
	['{'] = OPENS,
	[':'] = COLON,
	['0' ... '9'] = DIGIT,
	['a' ... 'z'] = LETTER,
	[0x80 ... 0xff] = LETTER,
};

static unsigned
class_of(char c)
{
	return classes[(unsigned char)c];
}

static bool
is_letter(char c)
{
	return class_of(c) & LETTER;
}

/* What closes the tag that begins with c; '\0': none begins. */
static char
closing(char c)
{
	if (!(class_of(c) & OPENS))
		return '\0';
	return c == '[' ? ']' : c == '(' ? ')' : '}';
}

static void
note_prefix(struct scan *s, struct str text)
{
	char letters[WORD_KEEP];
	struct str kept = { letters, 0 };
	unsigned k = 0;
	uint64_t hash;

	for (size_t i = 0; i < text.n && kept.n < sizeof(letters); i++)
		if (is_letter(text.p[i]))
			letters[kept.n++] = text.p[i];
	hash = hash64(0, kept);
	while (k < s->n_prefixes && s->prefix[k] != hash)
		k++;
	if (k == PREFIXES)
		return;
	if (k == s->n_prefixes) {
		s->prefix[s->n_prefixes++] = hash;
		s->times[k] = 0;
	}
	if (++s->times[k] >= GROWN_TIMES && s->times[k] > s->out->grown)
		s->out->grown = s->times[k];
}

/* Be it with a no-break space behind it. */
static bool
is_word(struct str s, struct str word)
{
	struct str rest = str_sub(s, word.n, s.n);

	return str_starts(s, word) && words_space(rest) == rest.n;
}

static bool
is_reply_prefix(struct str word)
{
	static const char *const prefixes[] = { "re", "aw", "sv", "vs", "wg", "fw", "fwd", "tr", "rv", "rif",
		"ref", "odp", "antw", "antwort", "res", "ynt", "svar", "vedr", "vast",
		"\xe5\x9b\x9e\xe5\xa4\x8d", "\xe7\xad\x94\xe5\xa4\x8d", "\xe5\x9b\x9e\xe8\xa6\x86",
		"\xe7\xad\x94\xe8\xa6\x86", "\xe8\xbf\x94\xe4\xbf\xa1", "\xd0\x9e\xd1\x82\xd0\xb2",
		"\xd0\x9d\xd0\x90" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (is_word(word, str_of(prefixes[i])))
			return true;
	return false;
}

/* `prefix`: its colon is there too. */
static void
take_word(struct scan *s, struct str word, bool prefix)
{
	while (word.n && !is_letter(word.p[0]))
		word = str_sub(word, 1, word.n);
	while (word.n && !is_letter(word.p[word.n - 1]))
		word.n--;
	if (word.n == 0)
		return;
	if (prefix)
		note_prefix(s, word);
	if (prefix && is_reply_prefix(word)) {
		s->out->answer = true;
		return;
	}
	if (s->n_words < ENDS)
		s->first[s->n_words] = word;
	s->last[s->n_words % ENDS] = word;
	s->n_words++;
}

/* Length of the wide colon of Chinese and Japanese at the front of s, which begins with its first byte. */
static size_t
wide_colon(struct str s)
{
	static const struct str wide = STR("\xef\xbc\x9a");

	return str_starts(s, wide) ? wide.n : 0;
}

/* Length of the piece at the front of s: a tag, a word with its colon, or one byte that is neither. */
static size_t
take_piece(struct scan *s, struct str rest)
{
	char close = closing(rest.p[0]);
	size_t n = close ? str_find(rest, close) : rest.n;
	unsigned has = 0;
	size_t colon = 0;

	if (close && n < rest.n) {
		note_prefix(s, str_sub(rest, 1, n));
		return n + 1;
	}
	if (class_of(rest.p[0]) & (SPACE | OPENS))
		return 1;
	for (n = 0; n < rest.n; n++) {
		unsigned class = class_of(rest.p[n]);

		colon = (class & COLON) != 0;
		if (rest.p[n] == '\xef')
			colon = wide_colon(str_sub(rest, n, rest.n));
		if (colon || class & (SPACE | OPENS))
			break;
		has |= class;
	}
	if (!(has & DIGIT))
		take_word(s, str_sub(rest, 0, n), colon > 0);
	return n + colon;
}

static uint64_t
ends_hash(const struct str *words, unsigned n, unsigned from, bool tail)
{
	char text[ENDS * (WORD_KEEP + 1)];
	struct str all = { text, 0 };

	for (unsigned i = 0; i < n && i < ENDS; i++) {
		struct str w = words[(from + i) % ENDS];

		w = str_sub(w, tail && w.n > WORD_KEEP ? w.n - WORD_KEEP : 0, tail ? w.n : WORD_KEEP);
		memcpy(text + all.n, w.p, w.n);
		all.n += w.n;
		text[all.n++] = ' ';
	}
	return hash64(tail, all);
}

void
subject_look(struct str subject, struct subject_look *out)
{
	char text[TEXT_MAX];
	struct str rest = words_decode(str_sub(subject, 0, TEXT_MAX), text, sizeof(text));
	struct scan s;

	*out = (struct subject_look){ 0 };
	s.n_words = s.n_prefixes = 0;
	s.out = out;
	while (rest.n)
		rest = str_sub(rest, take_piece(&s, rest), rest.n);
	out->head = ends_hash(s.first, s.n_words, 0, false);
	out->tail = ends_hash(s.last, s.n_words, s.n_words < ENDS ? 0 : s.n_words % ENDS, true);
}
