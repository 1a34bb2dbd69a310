/* SPDX-License-Identifier: ISC */
/* The short way must say of every line what cJSON says of it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "stormctl_event_json.h"

static struct arena a, b;

static void
setup(void)
{
	arena_init(&a, 0);
	arena_init(&b, 0);
}

static void
teardown(void)
{
	arena_fini(&a);
	arena_fini(&b);
}

TestSuite(event_json, .init = setup, .fini = teardown, .timeout = 120);

static bool
same_text(struct str x, struct str y)
{
	return !x.p == !y.p && str_eq(x, y);
}

static bool
same_event(const struct event *x, const struct event *y)
{
	bool same = x->time == y->time && x->no_time == y->no_time && x->size == y->size &&
	    x->have_sender == y->have_sender &&
	    same_text(x->client_address, y->client_address) && same_text(x->helo, y->helo) &&
	    same_text(x->sasl_username, y->sasl_username) && same_text(x->queue_id, y->queue_id) &&
	    same_text(x->instance, y->instance) && same_text(x->sender, y->sender) &&
	    same_text(x->header, y->header) && same_text(x->body, y->body) && x->n_rcpts == y->n_rcpts;

	for (uint32_t i = 0; same && i < x->n_rcpts; i++)
		same = same_text(x->rcpts[i], y->rcpts[i]);
	return same;
}

/* Both ways on a copy that ends where the line ends. Returns whether it is an event, which is in *ev. */
static bool
both(struct str line, struct event *ev)
{
	char *copy = arena_alloc(&a, line.n);
	struct str exact = { copy, line.n };
	struct event want;
	bool is, also;

	memcpy(copy, line.p, line.n);
	is = event_from_json(ev, exact, &a);
	also = event_by_cjson(&want, exact, &b);
	cr_assert_eq(is, also, "%.*s", STR_FMT(line));
	if (is)
		cr_assert(same_event(ev, &want), "%.*s", STR_FMT(line));
	return is;
}

static void
reset(void)
{
	arena_reset(&a);
	arena_reset(&b);
}

Test(event_json, an_event)
{
	struct event ev;

	cr_assert(both(
	    STR("{\"time\": 1795240800.25, \"client_address\": \"192.0.2.1\", \"helo_name\":\"h.example\","
		"\"sasl_username\":null,\"queue_id\":\"Q1\",\"instance\":\"i.1\",\"sender\":\"\","
		"\"recipients\":[\"a@example.org\", \"\\\"b c\\\"@example.org\"],\"size\":1234,"
		"\"header\":\"From: \\\"x\\\" <\\/a\\\\b>\\r\\n\\tfolded\\n\",\"body\":\"\"} \r"),
	    &ev));
	cr_assert_eq(ev.time, 1795240800250);
	cr_assert_eq(ev.size, 1234);
	cr_assert(str_eq(ev.client_address, STR("192.0.2.1")) && str_eq(ev.helo, STR("h.example")));
	cr_assert(!ev.sasl_username.p && str_eq(ev.queue_id, STR("Q1")) && str_eq(ev.instance, STR("i.1")));
	cr_assert(ev.have_sender && ev.sender.p && ev.sender.n == 0);
	cr_assert(ev.n_rcpts == 2 && str_eq(ev.rcpts[1], STR("\"b c\"@example.org")));
	cr_assert(str_eq(ev.header, STR("From: \"x\" </a\\b>\r\n\tfolded\n")));
	cr_assert(ev.body.p && ev.body.n == 0);
}

Test(event_json, odd_lines)
{
	static const struct {
		struct str line;
		bool is;
	} t[] = {
		{ STR("{}"), true },
		{ STR("{\"header\":\"gr\\u00fc\\ud83c\\udf2a\"}"), true },
		{ STR("{\"header\":\"gr\xc3\xbc \xff\"}"), true },
		{ STR("{\"header\":\"a\\u0000b\"}"), true },
		{ STR("{\"header\":\"a\0b\",\"sender\":\"x\"}"), true },
		{ STR("{\"sen\\u0064er\":\"x\"}"), true },
		{ STR("{\"sender\":\"first\",\"sender\":\"second\"}"), true },
		{ STR("{\"sender\":null,\"sender\":\"second\"}"), true },
		{ STR("{\"sender\":5,\"time\":\"x\",\"recipients\":\"a@example.org\",\"size\":true}"), true },
		{ STR("{\"recipients\":[\"a\",5,null,[\"b\"],{\"c\":\"d\"},\"e\"]}"), true },
		{ STR("{\"recipients\":{\"x\":\"a\"}}"), true },
		{ STR("{\"recipients\":[]}"), true },
		{ STR("{\"recipients\":[ ],\"sender\":\"x\"}"), true },
		{ STR("{\"other\":{\"deep\":[1,2]},\"sender\":\"x\"}"), true },
		{ STR("{\"other\":\"text\",\"more\":1.5,\"other\":\"again\",\"sender\":\"x\"}"), true },
		{ STR("{\"other\":true,\"sender\":\"x\"}"), true },
		{ STR("{\"Sender\":\"x\"}"), true },
		{ STR("\x01{\v\"sender\"\f:\"x\"}"), true },
		{ STR("{\"sender\":\"x\"} and more"), true },
		{ STR("{\"time\":1e9}"), true },
		{ STR("{\"time\":-5,\"size\":-1}"), true },
		{ STR("{\"time\":1763709633.1234567}"), true },
		{ STR("{\"time\":1763709633.0005}"), true },
		{ STR("{\"time\":0.0000000001,\"size\":12345678901234567890}"), true },
		{ STR("{\"time\":9007199254740993,\"size\":999999999999999.9}"), true },
		{ STR("{\"time\":1.,\"size\":007}"), true },
		{ STR("{\"time\":10000000000000,\"size\":1000000000000000}"), true },
		{ STR("{\"time\":1111111111111111111111111111111111111111111111}"), true },
		{ STR(""), false },
		{ STR("["), false },
		{ STR("[]"), false },
		{ STR("5"), false },
		{ STR("{"), false },
		{ STR("{\"sender\""), false },
		{ STR("{\"sender\":"), false },
		{ STR("{\"sender\":\"x"), false },
		{ STR("{\"sender\":\"x\\"), false },
		{ STR("{\"sender\":\"x\\\""), false },
		{ STR("{\"sender\":\"x\""), false },
		{ STR("{\"sender\":\"x\","), false },
		{ STR("{\"sender\":\"\\x\"}"), false },
		{ STR("{\"sender\":\"\\u12\"}"), false },
		{ STR("{\"sender\" \"x\"}"), false },
		{ STR("{\"sender\":\"x\" \"helo_name\":\"y\"}"), false },
		{ STR("{\"sender\":nul}"), false },
		{ STR("{\"recipients\":[\"a\""), false },
		{ STR("{\"recipients\":[\"a\",]}"), false },
		{ STR("{\"recipients\":[\"a\" \"b\"]}"), false },
		{ STR("{\"time\":1"), false },
		{ STR("{\"time\":1.2.3}"), false },
	};
	struct event ev;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		cr_expect_eq(both(t[i].line, &ev), t[i].is, "row %zu", i);
		reset();
	}
}

/* Every escape, and one byte that is none, before and behind it, at the end of the line's memory. */
Test(event_json, escapes)
{
	struct event ev;

	for (unsigned c = 1; c < 256; c++) {
		char line[] = "{\"header\":\"ab\\?cd\\\\\"}";

		line[14] = (char)c;
		both(str_of(line), &ev);
		reset();
	}
}

/* As Python writes bytes that are no UTF-8; what only looks so stays. */
Test(event_json, halves_of_surrogate_pairs)
{
	static const struct {
		struct str line, header;
	} t[] = {
		{ STR("{\"header\":\"gr\\udcfc\\udcdf\"}"), STR("gr\xfc\xdf") },
		{ STR("{\"header\":\"\\uDCE4\\ud83c\\udf2a\"}"), STR("\xe4\xf0\x9f\x8c\xaa") },
		{ STR("{\"header\":\"a\\ud83c\\udce4\\udce4\"}"), STR("a\xf0\x9f\x83\xa4\xe4") },
		{ STR("{\"header\":\"a\\ud83cb\\udc7fc\\udd00\"}"), STR("a?b?c?") },
		{ STR("{\"header\":\"\\\\udce4\\udce4\"}"), STR("\\udce4\xe4") },
	};
	struct event ev;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		cr_assert(both(t[i].line, &ev), "row %zu", i);
		cr_expect(str_eq(ev.header, t[i].header), "row %zu: %.*s", i, STR_FMT(ev.header));
		reset();
	}
	cr_assert_not(both(STR("{\"header\":\"\\udce\"}"), &ev));
	cr_assert_not(both(STR("{\"header\":\"\\udce4"), &ev));
}

static struct str
with_rcpts(uint32_t n, char **memory)
{
	static const char head[] = "{\"recipients\":[", each[] = "\"r@x\",";
	size_t at = sizeof(head) - 1;
	char *line = xmalloc(sizeof(head) + n * sizeof(each) + 8);

	memcpy(line, head, at);
	for (uint32_t i = 0; i < n; i++, at += sizeof(each) - 1)
		memcpy(line + at, each, sizeof(each) - 1);
	memcpy(line + at - 1, "]}", 2);
	*memory = line;
	return (struct str){ line, at + 1 };
}

Test(event_json, recipients_of_any_number)
{
	static const uint32_t counts[] = { 1, 8, 9, 24, 25, 100000, 100001 };
	struct event ev;
	char *memory;

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		cr_assert(both(with_rcpts(counts[i], &memory), &ev));
		cr_expect_eq(ev.n_rcpts, counts[i]);
		xfree(memory);
		reset();
	}
}

/* Quotes and backslashes without end cost no more than other text. */
Test(event_json, hostile_text_is_linear)
{
	static const struct str pieces[] = { STR("\\\\"), STR("\\\""), STR("\\n"), STR("\\\\\\\""),
		STR("x\\\\") };
	enum { LENGTH = 4 << 20 };
	char *line = xmalloc(LENGTH + 16);
	struct event ev;

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		size_t at = 11;

		memcpy(line, "{\"header\":\"", at);
		for (; at + pieces[i].n < LENGTH; at += pieces[i].n)
			memcpy(line + at, pieces[i].p, pieces[i].n);
		memcpy(line + at, "\"}", 2);
		cr_assert(both((struct str){ line, at + 2 }, &ev));
		cr_assert_gt(ev.header.n, LENGTH / 4);
		cr_assert_not(both((struct str){ line, at }, &ev), "without its end");
		reset();
	}
	xfree(line);
}

static uint64_t seed = 20060114;

static uint32_t
roll(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* Lines made of the pieces that lines are made of, in an order that is right more often than not. */
Test(event_json, any_lines)
{
	static const char *const names[] = { "time", "client_address", "helo_name", "sasl_username",
		"queue_id", "instance", "sender", "recipients", "header", "body", "size", "other", "",
		"Sender", "a\\nb" };
	static const char *const values[] = { "\"x\"", "\"\"", "\"a\\\"b\"", "\"a\\\\\"", "\"\\n\\t\\r\"",
		"\"\\u00e9\"", "1", "1795240800.5", "0", "0.001", "12345678901234567", "null", "true", "[]",
		"[\"a\"]", "[\"a\",\"b\\\\\"]", "[\"a\",1]", "{}", "-1", "1e3", "\"\xff\"" };
	static const char *const odd[] = { "\\", "\"", ",", ":", "{", "}", "[", "]", " ", "\t", "\x01", "n",
		"\\u", "0", "." };
	unsigned events = 0;

	for (int round = 0; round < 100000; round++) {
		struct event ev;
		char line[1024];
		size_t n = 0;
		uint32_t fields = roll(6);

		line[n++] = '{';
		for (uint32_t i = 0; i < fields; i++)
			n += (size_t)snprintf(line + n, sizeof(line) - n, "%s\"%s\"%s:%s", i ? "," : "",
			    names[roll(ARRAY_LEN(names))], roll(4) ? "" : " ",
			    values[roll(ARRAY_LEN(values))]);
		line[n++] = '}';
		for (uint32_t damage = roll(3); damage; damage--) {
			const char *o = odd[roll(ARRAY_LEN(odd))];

			memcpy(line + roll((uint32_t)n), o, 1);
		}
		if (roll(8) == 0)
			n = roll((uint32_t)n + 1);
		events += both((struct str){ line, n }, &ev);
		reset();
	}
	cr_assert(events > 30000 && events < 90000, "%u", events);
}
