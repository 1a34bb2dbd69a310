/* SPDX-License-Identifier: ISC */
/* The walker over address lists: one pass over tokens (word, quoted string, literal, '@', separators), two
 * zones an element: what stands free and what stands in angle brackets. Nothing is nested but comments, and
 * those are a counter; what a peer leaves unclosed is closed by the end of the value or is plain text. */
#include "mail/addr.h"

#include "mail/addr_plain.h"

/* The word that may be a mailbox, as far as it was read. */
struct zone {
	char text[ADDR_TEXT_MAX];
	size_t n;
	uint32_t words; /* words begun; text holds the last, or the first with an '@' */
	char last;
	bool at;    /* an '@' with a local part before it */
	bool local; /* something that can be a local part was seen */
	bool alnum;
	bool name;      /* quoted, encoded or loose: without an '@' it is a display name */
	bool quoted_at; /* an '@' inside quotes */
	bool done;      /* complete address; what follows is not part of it */
};

struct walk {
	struct str v;
	size_t pos;
	struct zone bare, angle, held;
	bool in_angle, saw_angle;
	bool route;        /* in "<@a,@b", behind a comma */
	bool gap;          /* white space, a comment or a bracket since the last token */
	bool open_comment; /* one comment that is not closed was met */
	bool no_quote;     /* no quoted string is closed from here on: '"' is plain */
	bool holding;
	bool fresh; /* an element begins here, and was not looked at */
	uint32_t count, limit;
	uint64_t work;
	addr_fn *fn;
	void *arg;
};

/* Words that fill an empty To field and are nobody's mailbox. */
static const struct str nobody[] = {
	STR("undisclosed-recipient"),
	STR("undisclosed_recipient"),
	STR("unlisted-recipient"),
	STR("unspecified-recipient"),
};

static void
zone_reset(struct zone *z)
{
	z->n = 0;
	z->words = 0;
	z->last = '\0';
	z->at = z->local = z->alnum = z->name = z->quoted_at = z->done = false;
}

static void
zone_copy(struct zone *to, const struct zone *from)
{
	memcpy(to->text, from->text, from->n);
	to->n = from->n;
}

static struct str
zone_str(const struct zone *z)
{
	return (struct str){ z->text, z->n };
}

static bool
is_gap(char c)
{
	return addr_class(c) & ADDR_GAP;
}

static bool
is_special(char c)
{
	return addr_class(c) & ADDR_SPECIAL;
}

/* A '.' or '@' on either side of white space binds, as the obsolete syntax has it. */
static bool
binds(char c)
{
	return c == '.' || c == '@';
}

static void
zone_append(struct zone *z, struct str token, bool folded)
{
	size_t room = sizeof(z->text) - z->n;

	if (!folded) {
		memcpy(z->text + z->n, token.p, token.n < room ? token.n : room);
		z->n += token.n < room ? token.n : room;
		z->last = token.p[token.n - 1];
		return;
	}
	for (size_t i = 0; i < token.n; i++) {
		char c = token.p[i];

		if (addr_class(c) & ADDR_LINE_END)
			continue;
		if (z->n < sizeof(z->text))
			z->text[z->n++] = c;
		z->last = c;
	}
}

static void
zone_add(struct zone *z, struct str token, bool gap, bool name)
{
	bool at = token.p[0] == '@';
	bool joins = z->words && (!gap || binds(z->last) || binds(token.p[0]));
	unsigned has = 0;

	if (z->done)
		return;
	if (!joins && z->at) {
		z->done = true;
		return;
	}
	if (!joins) {
		uint32_t words = z->words;

		zone_reset(z);
		z->words = words + 1;
	} else if (gap && !at && z->last != '@') {
		z->name = true;
	}
	z->at = z->at || (at && z->local);
	z->name = z->name || name || at;
	z->quoted_at = z->quoted_at || (token.p[0] == '"' && str_find(token, '@') < token.n);
	for (size_t i = 0; i < token.n; i++)
		has |= addr_class(token.p[i]);
	z->alnum = z->alnum || has & ADDR_ALNUM;
	z->local = z->local || (!at && has & ADDR_LOCAL);
	zone_append(z, token, has & ADDR_LINE_END);
}

/* One word that can be a mailbox of this host ("root", but neither "John Smith" nor "@example.org"), or a
 * whole address in needless quotes. */
static bool
zone_stands_alone(const struct zone *z)
{
	if (z->words != 1 || !z->alnum)
		return false;
	if (z->name)
		return z->quoted_at;
	return !STR_ISTARTS_ANY(zone_str(z), nobody);
}

static void
emit(struct walk *w, struct str addr)
{
	if (w->count == w->limit)
		return;
	w->count++;
	if (w->fn)
		w->fn(w->arg, addr);
}

static void
held_flush(struct walk *w)
{
	if (w->holding)
		emit(w, zone_str(&w->held));
	w->holding = false;
}

static void
element_reset(struct walk *w)
{
	zone_reset(&w->bare);
	zone_reset(&w->angle);
	w->in_angle = w->saw_angle = w->route = false;
	w->gap = w->fresh = true;
}

/*
 * What stands between two separators is one mailbox at most. A word without '@' is held back until the next
 * element is known: in "Smith, John <js@example.org>" it is half of a display name that lacks its quotes.
 */
static void
element_end(struct walk *w, char sep)
{
	bool angle = w->angle.at || (w->angle.local && w->angle.text[0] != '@');

	if (angle || w->bare.at) {
		if (angle && w->angle.at && w->bare.words)
			w->holding = false;
		held_flush(w);
		emit(w, zone_str(angle ? &w->angle : &w->bare));
	} else {
		held_flush(w);
		if (!w->saw_angle && zone_stands_alone(&w->bare)) {
			zone_copy(&w->held, &w->bare);
			w->holding = true;
		}
	}
	if (sep != ',')
		held_flush(w);
	element_reset(w);
}

static void
token_add(struct walk *w, struct str token, bool name)
{
	if (w->route && token.p[0] != '@')
		element_end(w, ','); /* no route after all: the '>' is missing */
	w->route = w->fresh = false;
	zone_add(w->in_angle ? &w->angle : &w->bare, token, w->gap, name);
	w->gap = false;
}

/* The last byte of what begins with the backslash or ESC at pos. */
static size_t
pair_end(const struct walk *w, size_t pos)
{
	size_t end;

	if (w->v.p[pos] == '\\')
		return pos + !addr_half_letter(w->v, pos);
	end = addr_letters_end(w->v, pos);
	return end > pos ? end - 1 : pos;
}

/* Behind the comment at pos; 0 when it is not closed. */
static size_t
comment_end(const struct walk *w, size_t pos)
{
	size_t depth = 0;

	for (; pos < w->v.n; pos++) {
		char c = w->v.p[pos];

		if (c == '\\' || c == ADDR_ESC)
			pos = pair_end(w, pos);
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			return pos + 1;
	}
	return 0;
}

/* Behind the quoted string at pos; 0 when it is not closed. */
static size_t
quote_end(const struct walk *w, size_t pos)
{
	for (pos++; pos < w->v.n; pos++) {
		if (w->v.p[pos] == '\\' || w->v.p[pos] == ADDR_ESC)
			pos = pair_end(w, pos);
		else if (w->v.p[pos] == '"')
			return pos + 1;
	}
	return 0;
}

static bool
ends_literal(char c)
{
	return is_special(c) && (c == '\0' || !(is_gap(c) || c == ',' || c == ';' || c == ':'));
}

/* Behind the domain literal at pos. One that is not closed ends at the next separator, and is given up at
 * the next '@', before which no other can begin: each byte is looked at twice at most. */
static size_t
literal_end(struct walk *w, size_t pos)
{
	size_t from = pos, stop = 0;

	for (pos++; pos < w->v.n && !ends_literal(w->v.p[pos]); pos++) {
		if (w->v.p[pos] == ']')
			return pos + 1;
		if (!stop && (w->v.p[pos] == ',' || w->v.p[pos] == ';'))
			stop = pos;
	}
	w->work += pos - from;
	return stop ? stop : pos;
}

/*
 * Behind the encoded word at pos (=?charset?encoding?text?=, RFC 2047 2), 0 when there is none. Some writers
 * leave a comma or colon in it. Each part ends at '?', so a failed attempt costs three parts at most.
 */
static size_t
encoded_end(struct walk *w, size_t pos)
{
	size_t from = pos;
	unsigned marks = 0;

	if (pos + 1 >= w->v.n || w->v.p[pos] != '=' || w->v.p[pos + 1] != '?')
		return 0;
	for (pos += 2; pos < w->v.n; pos++) {
		char c = w->v.p[pos];

		if (is_gap(c) || c == '@' || c == '<' || c == '>' || c == '"')
			break;
		if (c == '?' && ++marks == 3)
			break;
	}
	w->work += pos - from;
	return marks == 3 && pos + 1 < w->v.n && w->v.p[pos + 1] == '=' ? pos + 2 : 0;
}

static size_t
word_end(const struct walk *w, size_t pos)
{
	while (pos < w->v.n && (!is_special(w->v.p[pos]) || (w->v.p[pos] == '"' && w->no_quote)))
		if (w->v.p[pos++] == ADDR_ESC && addr_letters_end(w->v, pos - 1) >= pos)
			return pos - 1;
	return pos;
}

static void
take_word(struct walk *w)
{
	size_t end = encoded_end(w, w->pos);
	bool name = end || str_starts(str_sub(w->v, w->pos, w->v.n), STR("=?"));
	struct str word;

	if (!end)
		end = word_end(w, w->pos);
	if (end == w->pos)
		end++; /* a ')' without its '(' */
	word = str_sub(w->v, w->pos, end);
	if (word.p[0] != ')')
		token_add(w, word, name || str_find(word, '"') < word.n);
	w->pos = end;
}

/* Letters that nobody encoded are a name like one in quotes, and no part of an address. */
static bool
take_letters(struct walk *w)
{
	size_t end = addr_letters_end(w->v, w->pos);

	if (end == w->pos)
		return false;
	w->gap = true;
	token_add(w, STR("\"\""), true);
	w->gap = true;
	w->pos = end;
	return true;
}

/*
 * A comment that is not closed takes all that follows. But where no address stands before it, it is more
 * likely part of a name; that is believed once, as each look for the end costs the whole value.
 */
static void
take_comment(struct walk *w)
{
	size_t end = comment_end(w, w->pos);

	w->gap = true;
	if (end) {
		w->pos = end;
	} else if (w->open_comment || w->bare.at || w->angle.at) {
		w->pos = w->v.n;
	} else {
		w->work += w->v.n - w->pos;
		w->open_comment = true;
		while (w->pos < w->v.n && w->v.p[w->pos] == '(')
			w->pos++;
	}
}

static void
take_quote(struct walk *w)
{
	size_t end = w->no_quote ? 0 : quote_end(w, w->pos);

	if (!end) {
		w->work += w->no_quote ? 0 : w->v.n - w->pos;
		w->no_quote = true;
		take_word(w);
		return;
	}
	w->gap = true;
	token_add(w, str_sub(w->v, w->pos, end), true);
	w->gap = true;
	w->pos = end;
}

static void
take_literal(struct walk *w)
{
	size_t end = literal_end(w, w->pos);

	token_add(w, str_sub(w->v, w->pos, end), false);
	w->gap = true;
	w->pos = end;
}

static void
take_separator(struct walk *w, char c)
{
	bool route = w->route || (w->angle.n && w->angle.text[0] == '@' && !w->angle.at);

	if (c == ',' && w->in_angle && route) {
		zone_reset(&w->angle);
		w->route = true;
	} else {
		element_end(w, c);
	}
}

/* In brackets what went before was a source route, "mailto" or "Undisclosed"; outside it names a group. */
static void
take_colon(struct walk *w)
{
	if (w->in_angle) {
		zone_reset(&w->angle);
		w->route = false;
		w->gap = true;
	} else {
		held_flush(w);
		element_reset(w);
	}
}

static void
take_bracket(struct walk *w, char c)
{
	w->gap = true;
	w->route = false;
	w->in_angle = c == '<';
	w->saw_angle = w->saw_angle || w->in_angle;
}

/* The token at pos; all that it does not take by itself is one byte. */
static void
take(struct walk *w)
{
	char c = w->v.p[w->pos];

	if (c == '"') {
		take_quote(w);
	} else if (c == '(') {
		take_comment(w);
	} else if (c == '[' && (w->in_angle ? &w->angle : &w->bare)->last == '@') {
		take_literal(w);
	} else if (c == ADDR_ESC && take_letters(w)) {
		return;
	} else if (!is_special(c) || c == ')') {
		take_word(w);
	} else {
		if (is_gap(c))
			w->gap = true;
		else if (c == '@')
			token_add(w, str_sub(w->v, w->pos, w->pos + 1), false);
		else if (c == ':')
			take_colon(w);
		else if (c == ',' || c == ';')
			take_separator(w, c);
		else
			take_bracket(w, c);
		w->pos++;
	}
}

/* A whole element with its separator; what stands at pos behind white space otherwise. */
static bool
take_plain(struct walk *w)
{
	size_t begin = addr_gap_end(w->v, w->pos), i = begin;
	struct str addr;
	bool named = false;

	w->pos = begin;
	if (!addr_plain(w->v, w->no_quote, &i, &addr, &named)) {
		w->work += i - begin;
		return begin == w->v.n;
	}
	if (named)
		w->holding = false;
	held_flush(w);
	emit(w, addr);
	w->pos = i < w->v.n ? i + 1 : i;
	w->fresh = true;
	return true;
}

/* The elements in front that have a plain form, and in nearly all lists there are no others: until one of
 * another form came they need no state. */
static void
take_plain_front(struct walk *w)
{
	while (w->pos < w->v.n && w->count < w->limit) {
		size_t i = addr_gap_end(w->v, w->pos);
		struct str addr;
		bool named;

		if (!addr_plain(w->v, false, &i, &addr, &named)) {
			w->work += i - w->pos;
			break;
		}
		emit(w, addr);
		i += i < w->v.n;
		w->work += i - w->pos;
		w->pos = i;
	}
}

static uint32_t
scan(struct str value, addr_fn *fn, void *arg, uint32_t limit, uint64_t *work)
{
	struct walk w;

	/* not {0}: three zones of a kilobyte need no clearing */
	w.v = value;
	w.pos = 0;
	w.count = 0;
	w.limit = limit;
	w.work = 0;
	w.fn = fn;
	w.arg = arg;
	take_plain_front(&w);
	if (w.pos == value.n || w.count == limit) {
		*work = w.work;
		return w.count;
	}
	w.no_quote = w.open_comment = w.holding = false;
	element_reset(&w);
	zone_reset(&w.held);
	while (w.pos < value.n && w.count < limit) {
		size_t from = w.pos;
		bool fresh = w.fresh;

		w.fresh = false;
		if (!fresh || !take_plain(&w))
			take(&w);
		w.work += w.pos - from;
	}
	element_end(&w, '\0');
	*work = w.work;
	return w.count;
}

uint32_t
addr_list_walk(struct str value, addr_fn *fn, void *arg)
{
	uint64_t work;

	return scan(value, fn, arg, UINT32_MAX, &work);
}

uint32_t
addr_list_work(struct str value, uint64_t *work)
{
	return scan(value, NULL, NULL, UINT32_MAX, work);
}

struct first {
	struct arena *arena;
	struct str addr;
};

static void
keep_first(void *arg, struct str addr)
{
	struct first *f = arg;

	f->addr = arena_str(f->arena, addr);
}

struct str
addr_first(struct arena *a, struct str value)
{
	struct first f = { .arena = a, .addr = STR_NONE };
	uint64_t work;

	scan(value, keep_first, &f, 1, &work);
	return f.addr;
}
