/* SPDX-License-Identifier: ISC */
/* What must be so: the reply that came last, the engine's numbers, its storms, the rows of its database. */
#include "story.h"

#include <stdlib.h>
#include <unistd.h>

enum { FLUSH_WAIT = 20 * MS_SEC, STORMS_SEEN = 256, TRIES = 150, TRY_PAUSE = 100000 /* us */ };

static bool
dump(struct story *s, struct str *out)
{
	return world_ask(s, out, "dump");
}

/* --- replies ------------------------------------------------------------------------------------- */

static bool
expect_reply(struct story *s, struct str pattern)
{
	struct mta *d = s->last;
	size_t colon = str_find(pattern, ':');
	struct mta *named = colon < pattern.n ? door_find(s, str_sub(pattern, 0, colon)) : NULL;

	if (named) {
		d = named;
		pattern = str_trim(str_sub(pattern, colon + 1, pattern.n));
	}
	if (!d)
		return story_fail(s, "nobody was asked yet");
	if (!d->reply.p)
		return story_fail(s, "expected \"%.*s\", got no reply", STR_FMT(pattern));
	return text_glob(pattern, d->reply) ||
	    story_fail(s, "expected \"%.*s\", got \"%.*s\"", STR_FMT(pattern), STR_FMT(d->reply));
}

/* expect count 1 of S T U: continue */
static bool
expect_count(struct story *s, const struct words *w)
{
	struct words *names = arena_alloc(&s->arena, sizeof(*names));
	struct str pattern = STR("");
	uint64_t want, got = 0;
	unsigned i = 3;
	bool end = false;

	if (w->n < 5 || !text_number(w->v[1], &want) || !str_eq(w->v[2], STR("of")))
		return story_fail(s, "expect count NUMBER of DOORS: PATTERN");
	for (names->n = 0; i < w->n && !end; i++) {
		struct str name = w->v[i];

		end = name.n && name.p[name.n - 1] == ':';
		names->v[names->n++] = str_sub(name, 0, name.n - end);
	}
	for (; i < w->n; i++)
		pattern = arena_printf(
		    &s->arena, "%.*s%s%.*s", STR_FMT(pattern), pattern.n ? " " : "", STR_FMT(w->v[i]));
	for (unsigned k = 0; k < names->n; k++) {
		const struct mta *d = door_find(s, names->v[k]);

		if (!d)
			return story_fail(s, "there is no door %.*s", STR_FMT(names->v[k]));
		got += d->reply.p && text_glob(pattern, d->reply);
	}
	return got == want ||
	    story_fail(s, "expected %llu times \"%.*s\", got it %llu times", (unsigned long long)want,
		STR_FMT(pattern), (unsigned long long)got);
}

/* --- numbers ------------------------------------------------------------------------------------- */

/* The word behind `key` in a line of words. */
static bool
has_pair(const struct words *have, struct str key, struct str value)
{
	for (unsigned i = 0; i + 1 < have->n; i++)
		if (str_eq(have->v[i], key) && str_eq(have->v[i + 1], value))
			return true;
	return false;
}

/* All pairs of `want` from `at` on stand in the line; "not KEY VALUE" must not. */
static bool
expect_pairs(struct story *s, struct str line, const struct words *want, unsigned at)
{
	struct words *have = arena_alloc(&s->arena, sizeof(*have));

	text_words(s, line, have);
	if (at >= want->n)
		return story_fail(s, "expect what?");
	while (at < want->n) {
		bool not = str_eq(want->v[at], STR("not"));
		struct str key, value;

		at += not ;
		if (at + 2 > want->n)
			return story_fail(s, "an expectation is a word and what belongs to it");
		key = want->v[at++];
		value = want->v[at++];
		if (has_pair(have, key, value) == not )
			return story_fail(s, "expected %s%.*s %.*s, but: %.*s", not ? "not " : "",
			    STR_FMT(key), STR_FMT(value), STR_FMT(line));
	}
	return true;
}

/* expect engine KEY VALUE ... */
static bool
expect_engine(struct story *s, const struct words *w)
{
	struct str all, line;

	return dump(s, &all) && str_split(&all, '\n', &line) && expect_pairs(s, line, w, 1);
}

/* expect healthy yes|no: threads notice in their own time. */
static bool
expect_healthy(struct story *s, const struct words *w)
{
	struct str all, line;
	struct str pair = w->n == 2 ? arena_printf(&s->arena, " healthy %.*s ", STR_FMT(w->v[1])) : STR("?");

	for (int tries = 0; tries < TRIES; tries++) {
		if (!dump(s, &all) || !str_split(&all, '\n', &line))
			return false;
		if (str_ifind(line, pair) < line.n)
			return true;
		usleep(TRY_PAUSE);
	}
	return story_fail(s, "expected healthy %.*s, but: %.*s", STR_FMT(w->v[1]), STR_FMT(line));
}

/* expect counters N */
static bool
expect_number(struct story *s, const struct words *w)
{
	struct str all, line;

	return dump(s, &all) && str_split(&all, '\n', &line) && expect_pairs(s, line, w, 0);
}

static uint64_t
number_of(struct story *s, struct str line, struct str key)
{
	struct words *have = arena_alloc(&s->arena, sizeof(*have));
	uint64_t n = 0;

	text_words(s, line, have);
	for (unsigned i = 0; i + 1 < have->n; i++)
		if (str_eq(have->v[i], key) && !text_number(have->v[i + 1], &n))
			(void)story_fail(s, "%.*s is no number", STR_FMT(key));
	return n;
}

/* expect degraded yes|no: since it was last asked, was anything answered without the store? */
static bool
expect_degraded(struct story *s, const struct words *w)
{
	struct str all, line;
	uint64_t n, before = s->world.degraded;

	if (w->n != 2 || !dump(s, &all) || !str_split(&all, '\n', &line))
		return story_fail(s, "expect degraded yes|no");
	n = number_of(s, line, STR("degraded")) + number_of(s, line, STR("unsafe"));
	s->world.degraded = n;
	return str_eq(w->v[1], n > before ? STR("yes") : STR("no")) ||
	    story_fail(
		s, "expected degraded %.*s, %llu were", STR_FMT(w->v[1]), (unsigned long long)(n - before));
}

/* --- storms -------------------------------------------------------------------------------------- */

static int
by_age(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	char *rest_x, *rest_y;
	long long tx = strtoll(x->p + 6, &rest_x, 10), ty = strtoll(y->p + 6, &rest_y, 10);

	if (tx != ty)
		return tx < ty ? -1 : 1;
	tx = strtoll(rest_x, NULL, 10);
	ty = strtoll(rest_y, NULL, 10);
	return (tx > ty) - (tx < ty);
}

static bool
get_storms(struct story *s, struct str storms[STORMS_SEEN], unsigned *n)
{
	struct str all, line;

	*n = 0;
	if (!dump(s, &all))
		return false;
	while (str_split(&all, '\n', &line))
		if (str_starts(line, STR("storm ")) && *n < STORMS_SEEN)
			storms[(*n)++] = line;
	qsort(storms, *n, sizeof(*storms), by_age);
	return true;
}

/* expect storms STATE N ... */
static bool
expect_storms(struct story *s, const struct words *w)
{
	struct str storms[STORMS_SEEN];
	unsigned n;

	if (!get_storms(s, storms, &n))
		return false;
	if (w->n < 3 || w->n % 2 == 0)
		return story_fail(s, "expect storms STATE NUMBER...");
	for (unsigned k = 1; k + 1 < w->n; k += 2) {
		struct str state = arena_printf(&s->arena, " state %.*s ", STR_FMT(w->v[k]));
		uint64_t want, got = 0;

		for (unsigned i = 0; i < n; i++)
			got += str_ifind(storms[i], state) < storms[i].n;
		if (!text_number(w->v[k + 1], &want) || want != got)
			return story_fail(s, "expected %.*s storms %.*s, there are %llu",
			    STR_FMT(w->v[k + 1]), STR_FMT(w->v[k]), (unsigned long long)got);
	}
	return true;
}

/* expect storm N KEY VALUE ...: the oldest is 1. */
static bool
expect_storm(struct story *s, const struct words *w)
{
	struct str storms[STORMS_SEEN];
	uint64_t number = 0;
	unsigned n;

	if (!get_storms(s, storms, &n))
		return false;
	if (w->n < 2 || !text_number(w->v[1], &number) || number == 0)
		return story_fail(s, "expect storm NUMBER KEY VALUE...");
	if (number > n)
		return story_fail(s, "there is no storm %llu but %u", (unsigned long long)number, n);
	return expect_pairs(s, storms[number - 1], w, 2);
}

/* --- rows ---------------------------------------------------------------------------------------- */

/* expect journal [recipients] [now] passed N stopped N void N degraded N: after a flush, unless now.
 * expect journal left N: once retention, which works in its own time, has left so many. */
static bool
expect_journal(struct story *s, const struct words *w)
{
	static const char *const sql[] = { "SELECT count(*), total(outcome = 0), total(outcome = 1), "
					   "total(outcome = 2), total(degraded) FROM message",
		"SELECT count(*), total(outcome = 0), total(outcome = 1), total(outcome = 2), 0 FROM "
		"recipient" };
	unsigned at = 1, table = 0, tries = 0;
	uint64_t left = 0;
	bool now = false;
	struct str line;
	int64_t n[5];

	for (; at < w->n; at++) {
		if (str_eq(w->v[at], STR("recipients")))
			table = 1;
		else if (str_eq(w->v[at], STR("now")))
			now = true;
		else
			break;
	}
	if (w->n == at + 2 && str_eq(w->v[at], STR("left")) && !text_number(w->v[at + 1], &left))
		return story_fail(s, "how many are left?");
	if (!now && !world_ask(s, NULL, "flush %d", FLUSH_WAIT))
		return false;
	do {
		if (tries++)
			usleep(TRY_PAUSE);
		if (!world_query(s, sql[table], n, ARRAY_LEN(n)))
			return false;
	} while (left && (uint64_t)n[0] > left && tries < TRIES);
	line = arena_printf(&s->arena, "all %lld passed %lld stopped %lld void %lld degraded %lld",
	    (long long)n[0], (long long)n[1], (long long)n[2], (long long)n[3], (long long)n[4]);
	if (left)
		return (uint64_t)n[0] == left || story_fail(s, "left are %.*s", STR_FMT(line));
	return expect_pairs(s, line, w, at);
}

static const struct {
	const char *word;
	bool (*run)(struct story *s, const struct words *w);
} things[] = {
	{ "count", expect_count },
	{ "storms", expect_storms },
	{ "storm", expect_storm },
	{ "journal", expect_journal },
	{ "engine", expect_engine },
	{ "counters", expect_number },
	{ "healthy", expect_healthy },
	{ "connections", expect_number },
	{ "degraded", expect_degraded },
};

bool
expect_command(struct story *s, struct str rest)
{
	struct words *w = arena_alloc(&s->arena, sizeof(*w));

	text_words(s, rest, w);
	if (w->n == 0)
		return story_fail(s, "expect what?");
	for (size_t i = 0; i < ARRAY_LEN(things); i++)
		if (str_eq(w->v[0], str_of(things[i].word)))
			return things[i].run(s, w);
	return expect_reply(s, rest);
}
