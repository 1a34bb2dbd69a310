/* SPDX-License-Identifier: ISC */
/*
 * Stories: scripted dialogues with the engine, read line by line, with a clock of their own. The engine is a
 * process of its own with the real codecs, doors, rules, spool and database, so that it can really die.
 *
 *	story [--literal] FILE...	one line a story, then "stories: N passed, M failed"
 *	STORY_KEEP=FOLDER	what a story leaves is moved there, for the next version's tests
 *
 * A story is a text file. "#" at the beginning of a line is a comment; indentation is free; a block opens
 * with "{" at the end of a line and ends with "}" alone. $name stands for what `let` or `for` gave it, $i for
 * the number of the round in `repeat`, $date for the present time as a header has it, $new for a number
 * that was never used; user{1..50}@example.org for fifty addresses with commas.
 *
 *	title WORDS	what the story proves
 *	must fail GLOB	it passes when it fails like this; --literal: judged like any other
 *	config { } rules { } lists { }
 *			the files; `reload` makes a running engine read them again, `reload refused` is one
 *			that it must not take. config need not say what the engine needs anyway
 *	message M { HEADER LINES }	a template; "$" is filled in each time that it is used
 *	message C = copy of M via HOST...	fixed: M with one new Received line a host on top
 *	let NAME = TEXT		repeat N { }		for NAME in WORDS { }
 *
 *	clock 2006-01-09 09:00[:30]	clock +90	clock +28d	time goes by, the engine ticks
 *	wall clock -1h			somebody sets the clock; the monotonic one goes on
 *
 *	policy P: from=A instance=I	what all requests of P say from now on; an instance begins
 *			the next transaction. Short names: from to client port name helo auth; header=M
 *			sends M as base64; any other name=value is an attribute
 *	policy P: rcpt to=B	asks; so do data, end-of-message, connect, ehlo, mail, vrfy, etrn
 *	policy P: half-close		policy P: hang-up
 *	policy P raw { LINES }		these bytes and an empty line
 *
 *	milter S: connect 192.0.2.1 port 4711 name mx.example; helo mx.example
 *	milter S: mail <A> [auth U] [queue Q]; rcpt <B> <C>; header M; end; abort; quit; hang-up
 *	milter S: header copy of M via HOST...
 *	milter S: send M from <A> [auth U] [queue Q] to <B> <C>...	from mail to end
 *	together { }			what is asked in here reaches the engine in one turn of its loop
 *
 *	start  stop  restart  reboot  kill -9  disk full  disk free  database locked  database unlocked
 *			(an engine that does not run is started by whoever needs it)
 *
 *	inherit FOLDER	another version's store: storm.sql, spool.*.hex, ring.*.hex beside the story
 *
 *	expect DUNNO		the last reply; "*" is anything; "expect S: continue" names the door
 *	expect count 1 of S T U: continue		among doors that were asked together
 *	expect drop <B>; continue
 *			a milter's packets in words: continue, reject 550 ..., tempfail 451 ..., discard,
 *			hold REASON; continue, add <B>, drop <B>, sender <A>, add header N: V, insert header
 *			N[0]: V, change header N[1]: V. Of a connection that was closed: closed
 *	expect storms open 1 remembered 0
 *	expect storm 1 offered 5 passed 3 stopped 2 host sbs1.example not host mail.example
 *	expect journal [recipients] [now] passed 3 stopped 2 void 0 degraded 0 all 5
 *	expect journal left 4		when retention comes to it
 *			rows of the database, when it has all that it was given; now: what it has
 *	expect engine messages 5 requests 9	expect counters 12	expect healthy yes
 *	expect degraded yes	was any answer given without the store since this was last asked?
 */
#include "story.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/conf.h"
#include "base/xalloc.h"

static bool run_lines(struct story *s, unsigned from, unsigned to, unsigned depth);

bool
story_fail(struct story *s, const char *fmt, ...)
{
	size_t n;
	va_list ap;

	if (s->failure[0])
		return false;
	n = (size_t)snprintf(s->failure, sizeof(s->failure), "%s:%u: ", s->file, s->no);
	va_start(ap, fmt);
	vsnprintf(s->failure + n, sizeof(s->failure) - n, fmt, ap);
	va_end(ap);
	return false;
}

bool
story_need(struct story *s, bool ok, const char *what)
{
	return ok || story_fail(s, "%s", what);
}

/* --- commands ------------------------------------------------------------------------------------ */

static bool
do_title(struct story *s, struct str rest)
{
	s->title = text_keep(s, rest);
	return true;
}

static bool
do_must(struct story *s, struct str rest)
{
	if (!str_starts(rest, STR("fail ")))
		return story_fail(s, "must fail PATTERN");
	s->must_fail = text_keep(s, str_trim(str_sub(rest, 5, rest.n)));
	return true;
}

static bool
do_let(struct story *s, struct str rest)
{
	size_t eq = str_ifind(rest, STR(" = "));

	if (eq == rest.n)
		return story_fail(s, "let NAME = TEXT");
	return text_set(
	    s, &s->vars, text_keep(s, str_sub(rest, 0, eq)), text_keep(s, str_sub(rest, eq + 3, rest.n)));
}

/* message C = copy of M via HOST... */
static bool
do_message(struct story *s, struct str rest)
{
	size_t eq = str_ifind(rest, STR(" = "));
	struct str text;
	struct words w;

	if (eq == rest.n)
		return story_fail(s, "message NAME = copy of M via HOST...");
	text_words(s, str_sub(rest, eq + 3, rest.n), &w);
	return text_message(s, w.v, w.n, &text) &&
	    text_set(s, &s->messages, text_keep(s, str_sub(rest, 0, eq)), text);
}

static bool
do_clock(struct story *s, struct str rest)
{
	struct words w;
	int64_t ms;

	text_words(s, rest, &w);
	/* Connections that are idle for too long are closed meanwhile. */
	if (w.n == 1 && w.v[0].p[0] == '+' && text_span(w.v[0], &ms))
		return world_clock(s, ms) && doors_read(s);
	if (w.n != 2 || !text_time(w.v[0], w.v[1], &ms))
		return story_fail(s, "clock +SPAN, or clock YYYY-MM-DD HH:MM");
	ms -= s->world.now.wall;
	if (!s->world.pid) {
		s->world.now.wall += ms;
		return true;
	}
	return ms < 0 ? story_fail(s, "time does not go back; somebody may set the wall clock")
		      : world_clock(s, ms) && doors_read(s);
}

static bool
do_wall(struct story *s, struct str rest)
{
	int64_t ms;

	if (!str_starts(rest, STR("clock ")) || !text_span(str_trim(str_sub(rest, 6, rest.n)), &ms))
		return story_fail(s, "wall clock +SPAN or -SPAN");
	s->world.now.wall += ms;
	return !s->world.pid || world_clock(s, 0);
}

static bool
do_policy(struct story *s, struct str rest)
{
	size_t colon = str_find(rest, ':');
	struct mta *d = door_get(s, text_keep(s, str_sub(rest, 0, colon)), false);
	struct words w;

	if (!d || colon == rest.n)
		return story_fail(s, "policy NAME: ...");
	text_words(s, str_sub(rest, colon + 1, rest.n), &w);
	return policy_command(s, d, &w);
}

static bool
do_milter(struct story *s, struct str rest)
{
	size_t colon = str_find(rest, ':');
	struct mta *d = door_get(s, text_keep(s, str_sub(rest, 0, colon)), true);
	struct words w;

	if (!d || colon == rest.n)
		return story_fail(s, "milter NAME: ...");
	text_words(s, str_sub(rest, colon + 1, rest.n), &w);
	return milter_command(s, d, &w);
}

static bool
do_start(struct story *s, struct str rest)
{
	(void)rest;
	return world_start(s);
}

static bool
do_stop(struct story *s, struct str rest)
{
	(void)rest;
	return world_stop(s);
}

static bool
do_restart(struct story *s, struct str rest)
{
	(void)rest;
	return world_stop(s) && world_start(s);
}

/* The machine starts anew: its monotonic clock does so too. */
static bool
do_reboot(struct story *s, struct str rest)
{
	(void)rest;
	if (!world_stop(s))
		return false;
	s->world.now.mono = MS_MIN;
	return world_start(s);
}

static bool
do_kill(struct story *s, struct str rest)
{
	if (!str_eq(rest, STR("-9")))
		return story_fail(s, "kill -9");
	if (!s->world.pid)
		return story_fail(s, "no engine runs");
	world_kill(s);
	return true;
}

static bool
do_reload(struct story *s, struct str rest)
{
	bool refused = str_eq(rest, STR("refused")), ok;

	if (!world_start(s) || !world_files(s))
		return false;
	ok = world_ask(s, NULL, "reload");
	if (!refused || !s->failure[0])
		return refused ? story_fail(s, "the engine took a file that it must refuse") : ok;
	if (!s->world.pid)
		return false;
	s->failure[0] = '\0';
	return true;
}

static bool
do_disk(struct story *s, struct str rest)
{
	if (!str_eq(rest, STR("full")) && !str_eq(rest, STR("free")))
		return story_fail(s, "disk full, or disk free");
	return world_ask(s, NULL, "disk %.*s", STR_FMT(rest));
}

static bool
do_database(struct story *s, struct str rest)
{
	if (!str_eq(rest, STR("locked")) && !str_eq(rest, STR("unlocked")))
		return story_fail(s, "database locked, or database unlocked");
	return world_start(s) && world_lock(s, str_eq(rest, STR("locked")));
}

static bool
do_inherit(struct story *s, struct str rest)
{
	if (s->world.pid || !rest.n)
		return story_fail(s, "inherit FOLDER, in front of the start");
	return past_inherit(s, rest);
}

static const struct {
	const char *word;
	bool (*run)(struct story *s, struct str rest);
} commands[] = {
	{ "title", do_title },
	{ "must", do_must },
	{ "let", do_let },
	{ "message", do_message },
	{ "clock", do_clock },
	{ "wall", do_wall },
	{ "policy", do_policy },
	{ "milter", do_milter },
	{ "start", do_start },
	{ "stop", do_stop },
	{ "restart", do_restart },
	{ "reboot", do_reboot },
	{ "kill", do_kill },
	{ "reload", do_reload },
	{ "disk", do_disk },
	{ "database", do_database },
	{ "inherit", do_inherit },
	{ "expect", expect_command },
};

static bool
run_command(struct story *s, struct str line)
{
	size_t space = str_find(line, ' ');
	struct str word = str_sub(line, 0, space), rest = str_trim(str_sub(line, space, line.n));

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (str_eq(word, str_of(commands[i].word)))
			return commands[i].run(s, rest);
	return story_fail(s, "what is \"%.*s\"?", STR_FMT(word));
}

/* --- blocks -------------------------------------------------------------------------------------- */

static bool
opens(struct str line)
{
	return line.n > 1 && line.p[line.n - 1] == '{' && line.p[line.n - 2] == ' ';
}

/* The line of the "}" that ends the block opened at `from`; n_lines: none. */
static unsigned
block_end(const struct story *s, unsigned from)
{
	unsigned depth = 0;

	for (unsigned i = from; i < s->n_lines; i++) {
		depth += opens(s->lines[i].text);
		depth -= str_eq(s->lines[i].text, STR("}"));
		if (depth == 0)
			return i;
	}
	return s->n_lines;
}

/* Lines of a file, without their indentation. */
static struct str
block_text(struct story *s, unsigned from, unsigned to)
{
	struct buf b;
	struct str out;

	buf_init(&b, 0);
	for (unsigned i = from; i < to; i++) {
		buf_str_append(&b, s->lines[i].text);
		buf_append(&b, "\n", 1);
	}
	out = text_keep(s, buf_str(&b));
	buf_fini(&b);
	return out;
}

/* Header lines: what stands deeper than the first goes on with the line above. */
static struct str
block_header(struct story *s, unsigned from, unsigned to)
{
	size_t indent = from < to ? s->lines[from].raw.n - s->lines[from].text.n : 0;
	struct buf b;
	struct str out;

	buf_init(&b, 0);
	for (unsigned i = from; i < to; i++) {
		if (s->lines[i].raw.n - s->lines[i].text.n > indent)
			buf_append(&b, "\t", 1);
		buf_str_append(&b, s->lines[i].text);
		buf_append(&b, "\r\n", 2);
	}
	out = text_keep(s, buf_str(&b));
	buf_fini(&b);
	return out;
}

static bool
run_repeat(struct story *s, struct str count, unsigned from, unsigned to, unsigned depth)
{
	uint64_t n;

	if (!text_number(count, &n))
		return story_fail(s, "repeat NUMBER {");
	for (uint64_t i = 1; i <= n; i++) {
		struct str number = arena_printf(&s->arena, "%llu", (unsigned long long)i);

		if (!text_set(s, &s->vars, STR("i"), number) || !run_lines(s, from, to, depth))
			return false;
	}
	return true;
}

static bool
run_for(struct story *s, const struct words *w, unsigned from, unsigned to, unsigned depth)
{
	if (w->n < 4 || !str_eq(w->v[2], STR("in")))
		return story_fail(s, "for NAME in WORDS {");
	for (unsigned i = 3; i + 1 < w->n; i++)
		if (!text_set(s, &s->vars, w->v[1], w->v[i]) || !run_lines(s, from, to, depth))
			return false;
	return true;
}

static bool
run_together(struct story *s, unsigned from, unsigned to, unsigned depth)
{
	bool ok;

	if (s->together)
		return story_fail(s, "together within together");
	s->together = true;
	ok = run_lines(s, from, to, depth);
	s->together = false;
	return ok && doors_serve(s);
}

static bool
run_raw(struct story *s, struct str name, unsigned from, unsigned to)
{
	struct mta *d = door_get(s, text_keep(s, name), false);
	struct str text;

	return d && text_expand(s, block_text(s, from, to), &text) && policy_raw(s, d, text);
}

/* The block whose head is `head`, and whose lines are from..to. */
static bool
run_block(struct story *s, struct str head, unsigned from, unsigned to, unsigned depth)
{
	struct words *w = arena_alloc(&s->arena, sizeof(*w));
	struct world *world = &s->world;
	struct str *file = NULL;

	text_words(s, head, w);
	if (str_eq(w->v[0], STR("config")))
		file = &world->config;
	if (str_eq(w->v[0], STR("rules")))
		file = &world->rules;
	if (str_eq(w->v[0], STR("lists")))
		file = &world->lists;
	if (file)
		return text_expand(s, block_text(s, from, to), file);
	if (str_eq(w->v[0], STR("message")) && w->n == 3)
		return text_set(s, &s->messages, w->v[1], block_header(s, from, to));
	if (str_eq(w->v[0], STR("policy")) && w->n == 4 && str_eq(w->v[2], STR("raw")))
		return run_raw(s, w->v[1], from, to);
	if (str_eq(w->v[0], STR("repeat")) && w->n == 3)
		return run_repeat(s, w->v[1], from, to, depth + 1);
	if (str_eq(w->v[0], STR("for")))
		return run_for(s, w, from, to, depth + 1);
	if (str_eq(w->v[0], STR("together")))
		return run_together(s, from, to, depth + 1);
	return story_fail(s, "what block is \"%.*s\"?", STR_FMT(head));
}

static bool
run_lines(struct story *s, unsigned from, unsigned to, unsigned depth)
{
	if (depth > NESTING_MAX)
		return story_fail(s, "blocks too deep");
	for (unsigned i = from; i < to; i++) {
		struct str line = s->lines[i].text;

		s->no = s->lines[i].no;
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (!text_expand(s, line, &line))
			return false;
		if (opens(line)) {
			unsigned end = block_end(s, i);

			if (end >= to)
				return story_fail(s, "a block without its end");
			if (!run_block(s, line, i + 1, end, depth))
				return false;
			i = end;
		} else if (!run_command(s, line)) {
			return false;
		}
	}
	return true;
}

/* --- a story ------------------------------------------------------------------------------------- */

static bool
read_story(struct story *s)
{
	struct str all, line;
	size_t len;
	char *text;

	if (conf_slurp(s->file, &text, &len) != 0)
		return story_fail(s, "cannot be read");
	all = text_keep(s, (struct str){ text, len });
	xfree(text);
	for (unsigned no = 1; str_split(&all, '\n', &line); no++) {
		size_t end = line.n;

		while (end > 0 && str_is_space(line.p[end - 1]))
			end--;
		s->lines = xgrow(s->lines, s->n_lines, sizeof(*s->lines));
		line = str_sub(line, 0, end);
		s->lines[s->n_lines++] = (struct line){ no, str_trim(line), line };
	}
	return true;
}

static void
story_fini(struct story *s)
{
	world_fini(s);
	for (unsigned i = 0; i < s->n_doors; i++) {
		door_close(&s->doors[i]);
		buf_fini(&s->doors[i].in);
	}
	xfree(s->lines);
	arena_fini(&s->arena);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What the engine said last; its log is short. */
static void
show_log(const struct story *s)
{
	struct str all, line;
	char path[256], *text;
	size_t len, skip;

	snprintf(path, sizeof(path), "%s/engine.log", s->world.dir);
	if (!s->world.dir[0] || conf_slurp(path, &text, &len) != 0)
		return;
	skip = len > 3000 ? len - 3000 : 0;
	all = str_trim((struct str){ text + skip, len - skip });
	while (str_split(&all, '\n', &line))
		printf("     | %.*s\n", STR_FMT(line));
	xfree(text);
}

/* `literal`: a story that must fail is judged like any other. */
static bool
tell(const char *file, bool literal)
{
	static struct story s;
	bool ok;

	s = (struct story){ .file = file };
	arena_init(&s.arena, 0);
	ok = world_init(&s) && read_story(&s) && run_lines(&s, 0, s.n_lines, 0) && world_stop(&s);
	if (s.must_fail.n && !literal) {
		if (ok)
			(void)story_fail(&s, "it must fail, and did not");
		ok = !ok && text_glob(s.must_fail, str_of(s.failure));
	}
	if (ok) {
		printf("ok   %s: %.*s\n", base_name(file), STR_FMT(s.title));
	} else {
		printf("FAIL %s: %.*s\n     %s\n", base_name(file), STR_FMT(s.title), s.failure);
		show_log(&s);
	}
	fflush(stdout);
	story_fini(&s);
	return ok;
}

int
main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	bool literal = argc > 1 && strcmp(argv[1], "--literal") == 0;

	if (argc > 1 && strcmp(argv[1], "--engine") == 0)
		return engine_main(argc, argv);
	for (int i = 1 + literal; i < argc; i++) {
		bool ok = tell(argv[i], literal);

		passed += ok;
		failed += !ok;
	}
	printf("stories: %u passed, %u failed\n", passed, failed);
	return failed == 0 && passed ? 0 : 1;
}
