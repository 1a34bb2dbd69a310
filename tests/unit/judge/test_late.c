/* SPDX-License-Identifier: ISC */
/* Which mail stood in a queue, line by line. Ages are in minutes, the window is an hour. */
#include <criterion/criterion.h>
#include <time.h>

#include "judge/late.h"
#include "nets.h"

enum { AT_ONCE = -1, NONE = -1, WALL = 1900000000 /* s */ };

static struct site site;
static struct arena arena;
static struct msg msg;
static struct traits traits;
static struct hop hops[HEADER_HOPS_MAX];
static struct view view;

static void
setup(void)
{
	site_init(&site);
	add_net(&site.trusted, "192.0.2.0/24");
	add_net(&site.relays, "198.51.100.1");
	arena_init(&arena, 0);
	msg_init(&msg, &arena, &site.gateway_markers);
	view = (struct view){ .msg = &msg, .traits = &traits, .site = &site, .now = { 0, WALL * 1000LL } };
	msg.header.f.hops = hops;
}

static void
teardown(void)
{
	msg_fini(&msg);
	arena_fini(&arena);
	site_fini(&site);
}

TestSuite(late, .init = setup, .fini = teardown);

static struct str
date_of(struct str age)
{
	uint64_t minutes = 0;
	char text[64];
	time_t t;

	if (str_eq(age, STR("?")))
		return STR("some day");
	cr_assert_eq(str_u64(age, &minutes), 0);
	t = WALL - 60 * (time_t)minutes;
	cr_assert(strftime(text, sizeof(text), " %a, %d %b %Y %H:%M:%S +0000", gmtime(&t)));
	return arena_str(&arena, str_of(text));
}

/* "ADDRESS AGE, ADDRESS AGE": whom each line had it from, and when; the top one first. */
static void
take_lines(const char *lines)
{
	struct str rest = str_of(lines), line;
	uint32_t n = 0;

	while (rest.n && str_split(&rest, ',', &line)) {
		struct str from;

		line = str_trim(line);
		cr_assert(str_split(&line, ' ', &from));
		hops[n++] = (struct hop){ .from_ip = from, .date = date_of(line) };
	}
	msg.header.f.n_hops = msg.header.f.hop_count = n;
}

#define A_CLIENT "203.0.113.9"
#define OURS "192.0.2.2"

static const struct {
	const char *why, *client;
	uint32_t own_top, relay_hops;
	const char *lines;
	int date, want; /* the age of what tells */
} rows[] = {
	{ "a client's mail of now", A_CLIENT, 0, 0, "10.0.0.1 1", 1, AT_ONCE },
	{ "out of his queue", A_CLIENT, 0, 0, "10.0.0.1 300, 10.0.0.2 301", 302, 300 },
	{ "not older than the window", A_CLIENT, 0, 0, "10.0.0.1 60", 61, AT_ONCE },
	{ "just older", A_CLIENT, 0, 0, "10.0.0.1 61", 61, 61 },
	{ "a new Date", A_CLIENT, 0, 0, "10.0.0.1 300", 1, AT_ONCE },
	{ "no Date", A_CLIENT, 0, 0, "10.0.0.1 300", NONE, AT_ONCE },
	{ "one line is new", A_CLIENT, 0, 0, "10.0.0.1 1, 10.0.0.2 300", 300, AT_ONCE },
	{ "a lower one too", A_CLIENT, 0, 0, "10.0.0.1 300, 10.0.0.2 1", 300, AT_ONCE },
	{ "nobody knows of when", A_CLIENT, 0, 0, "10.0.0.1 300, 10.0.0.2 ?", 300, AT_ONCE },
	{ "an old Date alone", A_CLIENT, 0, 0, "", 300, AT_ONCE },
	{ "below the line just written here", A_CLIENT, 1, 0, "203.0.113.9 0, 10.0.0.1 300", 300, 300 },
	{ "which is all there is", A_CLIENT, 1, 0, "203.0.113.9 0", 300, AT_ONCE },

	{ "a host of ours had it long", OURS, 0, 1, "203.0.113.9 300", 1, 300 },
	{ "one that is a relay", "198.51.100.1", 0, 1, "203.0.113.9 300", 1, 300 },
	{ "this machine", "127.0.0.1", 1, 0, "203.0.113.9 300", 1, 300 },
	{ "of no address", "", 1, 0, "203.0.113.9 300", 1, 300 },
	{ "anybody can write such a line", A_CLIENT, 0, 1, "203.0.113.9 300", 1, AT_ONCE },
	{ "nor was it a host of ours", OURS, 0, 0, "203.0.113.9 300", 1, AT_ONCE },
	{ "the lowest of ours tells", OURS, 1, 1, "198.51.100.1 1, 203.0.113.9 300, 10.0.0.1 900", 1, 300 },
	{ "not one below a client's", OURS, 0, 2, "203.0.113.7 1, 203.0.113.9 300", 1, AT_ONCE },
	{ "but for all that is old", OURS, 0, 2, "203.0.113.7 1, 203.0.113.9 300", 400, 300 },
	{ "ours without a time", OURS, 0, 1, "203.0.113.9 ?", 300, AT_ONCE },
};

Test(late, lines)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t then = (int64_t)WALL - 60 * rows[i].want;
		uint64_t want = rows[i].want == AT_ONCE ? 0 : (uint64_t)(then * 1000 / MS_HOUR) | 1ULL << 63;

		take_lines(rows[i].lines);
		msg.client_address = str_of(rows[i].client);
		traits = (struct traits){ .own_top = rows[i].own_top,
			.relay_hops = rows[i].relay_hops,
			.dated = rows[i].date != NONE,
			.date = rows[i].date == NONE ? 0 : (int64_t)WALL - 60 * rows[i].date };
		cr_expect_eq(late_window(&view, MS_HOUR), want, "%s", rows[i].why);
		cr_expect_eq(late_window(&view, 0), 0, "%s: no window", rows[i].why);
	}
}
