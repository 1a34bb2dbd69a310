/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "judge/storm.h"

static struct storms *from, *to;
static struct buf out;
static const struct now t0 = { 100 * (int64_t)MS_DAY, 1700000000000 };

static void
setup(void)
{
	from = storms_new();
	to = storms_new();
	buf_init(&out, 0);
}

static void
teardown(void)
{
	storms_free(from);
	storms_free(to);
	buf_fini(&out);
}

TestSuite(storm_pack, .init = setup, .fini = teardown);

static struct now
at(int64_t ms)
{
	return (struct now){ t0.mono + ms, t0.wall + ms };
}

static uint64_t
draw(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state * 0x2545f4914f6cdd1du >> 33) % below;
}

static void
fill(char *to_text, size_t size, size_t n, uint64_t salt)
{
	for (size_t i = 0; i < n && i < size - 1; i++)
		to_text[i] = (char)(1 + (salt * 31 + i * 7) % 255);
}

/* A storm with everything in it. */
static struct storm *
make(uint64_t k, uint32_t rcpts, uint32_t hosts, struct now last)
{
	static const char *const hows[] = { "received", "client", "helo", "gateway-marker", "reporting-mta",
		"dead-member" };
	struct storm *st = xcalloc(1, sizeof(*st));

	st->key = (struct key128){ k, ~k };
	st->id = k << 20 | 1;
	st->state = k % 2 ? STORM_OPEN : STORM_REMEMBERED;
	st->rule_id = k * 3;
	fill(st->rule, sizeof(st->rule), k % 48, k);
	fill(st->message_id, sizeof(st->message_id), k % 200, k + 1);
	fill(st->subject, sizeof(st->subject), 199, k + 2);
	fill(st->sender, sizeof(st->sender), 0, 0);
	st->last = last;
	st->first = (struct now){ last.mono - MS_HOUR, last.wall - MS_HOUR };
	st->tripped = last;
	st->quiet = MS_HOUR;
	st->block = MS_MIN;
	st->shortest = 3;
	st->remember = 45 * (int64_t)MS_DAY;
	st->offered = k * 1000;
	st->passed = k * 10;
	st->stopped = k * 990;
	st->messages = k;
	for (uint32_t i = 0; i < rcpts; i++)
		storm_add_rcpt(st, (i + 1) * 0x9e3779b97f4a7c15u);
	st->hosts = hosts ? xcalloc(hosts, sizeof(*st->hosts)) : NULL;
	st->n_hosts = st->cap_hosts = hosts;
	for (uint32_t i = 0; i < hosts; i++) {
		fill(st->hosts[i].name, STORM_HOST_LEN, 127 - i % 100, i);
		st->hosts[i].how = hows[i % ARRAY_LEN(hows)];
		st->hosts[i].copies = 1000 - i / 2;
	}
	st->changed = st->opened = true;
	return st;
}

static void
expect_same(const struct storm *a, const struct storm *b)
{
	cr_expect(key_eq(a->key, b->key));
	cr_expect_eq(a->id, b->id);
	cr_expect_eq(a->state, b->state);
	cr_expect_eq(a->rule_id, b->rule_id);
	cr_expect_str_eq(a->rule, b->rule);
	cr_expect_str_eq(a->message_id, b->message_id);
	cr_expect_str_eq(a->subject, b->subject);
	cr_expect_str_eq(a->sender, b->sender);
	cr_expect_eq(a->first.wall, b->first.wall);
	cr_expect_eq(a->last.wall, b->last.wall);
	cr_expect_eq(a->quiet, b->quiet);
	cr_expect_eq(a->remember, b->remember);
	cr_expect_eq(a->block, b->block);
	cr_expect_eq(a->shortest, b->shortest);
	cr_expect_eq(a->tripped.wall, b->tripped.wall);
	cr_expect(a->offered == b->offered && a->passed == b->passed);
	cr_expect(a->stopped == b->stopped && a->messages == b->messages);
	cr_assert_eq(a->n_rcpts, b->n_rcpts);
	cr_assert_eq(a->n_hosts, b->n_hosts);
	for (uint32_t i = 0; i < a->n_hosts; i++) {
		cr_expect_str_eq(a->hosts[i].name, b->hosts[i].name);
		cr_expect_str_eq(a->hosts[i].how, b->hosts[i].how);
		cr_expect_eq(a->hosts[i].copies, b->hosts[i].copies);
	}
	cr_expect_not(b->changed);
	cr_expect_not(b->opened);
}

/* One storm alone. */
static void
pack_one(const struct storm *st)
{
	struct blob head = { .magic = 0x6d745370, .version = 2, .wall = t0.wall };
	size_t from_here = blob_begin(&out, &head);

	storm_pack(st, t0, &out);
	blob_end(&out, from_here, 1);
}

static struct storm *
through_bytes(const struct storm *st, struct now now)
{
	buf_reset(&out);
	pack_one(st);
	cr_assert_eq(storms_unpack_all(to, buf_str(&out), now), 0);
	return storms_find(to, st->key);
}

Test(storm_pack, all_of_it_comes_back)
{
	static const struct {
		uint64_t k;
		uint32_t rcpts, hosts;
	} rows[] = { { 1, 0, 0 }, { 2, 1, 1 }, { 47, 31, 8 }, { 48, 100, 9 }, { 199, 4095, 63 },
		{ 200, STORM_RCPTS_MAX, STORM_HOSTS_MAX } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct storm *st = make(rows[i].k, rows[i].rcpts, rows[i].hosts, t0), *got;

		got = through_bytes(st, (struct now){ 5000, t0.wall + MS_MIN });
		cr_assert_not_null(got);
		expect_same(st, got);
		cr_expect_eq(got->last.mono, 5000 - MS_MIN);
		cr_expect_eq(got->first.mono, 5000 - MS_MIN - MS_HOUR);
		/* the set knows each of its recipients, and no other */
		for (uint32_t r = 0; r < rows[i].rcpts; r++)
			cr_expect_not(storm_add_rcpt(got, (r + 1) * 0x9e3779b97f4a7c15u));
		cr_expect(storm_add_rcpt(got, 12345));
		storm_free(st);
	}
	cr_expect_eq(storms_count(to, STORM_OPEN), 3);
	cr_expect_eq(storms_count(to, STORM_REMEMBERED), 3);
}

/* The `how` that comes back is one of the program's own texts, not a view of the bytes. */
Test(storm_pack, how_is_a_constant)
{
	struct storm *st = make(1, 0, 6, t0), *got = through_bytes(st, t0);

	memset(out.data, 'x', out.cap);
	for (uint32_t i = 0; i < 6; i++)
		cr_expect_str_eq(got->hosts[i].how, st->hosts[i].how);
	st->hosts[0].how = "unheard-of";
	buf_reset(&out);
	pack_one(st);
	cr_expect_eq(storms_unpack_all(to, buf_str(&out), t0), ERR_CORRUPT);
	storm_free(st);
}

Test(storm_pack, times)
{
	static const struct {
		int64_t gone, last, first; /* ages at the restart */
	} rows[] = {
		{ 0, 0, MS_HOUR },
		{ MS_MIN, MS_MIN, MS_MIN + MS_HOUR },
		{ -MS_MIN, 0, MS_HOUR - MS_MIN }, /* the clock went back */
		{ -MS_DAY, 0, 0 },
	};
	struct storm *st = make(1, 0, 0, t0);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct storm *got = through_bytes(st, (struct now){ 77, t0.wall + rows[i].gone });

		cr_expect_eq(77 - got->last.mono, rows[i].last, "row %zu", i);
		cr_expect_eq(77 - got->first.mono, rows[i].first, "row %zu", i);
		cr_expect_eq(got->last.wall, t0.wall);
	}
	storm_free(st);
}

/* Seen while the wall clock was years ahead, or stood in 1970; then it was put right. */
Test(storm_pack, a_clock_that_was_put_right)
{
	static const int64_t wrong[] = { 3650ll * MS_DAY, -20000ll * MS_DAY };
	const struct now now = { t0.mono + MS_HOUR, t0.wall + MS_HOUR }, later = { 77, now.wall + MS_MIN };

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct storm *st = make(1, 0, 0, (struct now){ t0.mono, t0.wall + wrong[i] }), *got;

		buf_reset(&out);
		storms_put(from, st);
		storms_pack_all(from, now, &out);
		cr_assert_eq(storms_unpack_all(to, buf_str(&out), later), 0);
		got = storms_find(to, st->key);
		cr_expect_eq(77 - got->last.mono, MS_HOUR + MS_MIN, "row %zu", i);
		cr_expect_eq(77 - got->tripped.mono, MS_HOUR + MS_MIN, "row %zu", i);
		cr_expect_eq(got->last.wall, t0.wall, "row %zu", i);
		cr_expect_eq(got->first.wall, t0.wall - MS_HOUR, "row %zu", i);
	}
}

static unsigned closed_calls;

static void
closed(void *arg, struct storm *st)
{
	(void)arg;
	st->changed = false;
	closed_calls++;
}

/* Its rule may be long gone: it closes and goes by its own times, on the new clock. */
Test(storm_pack, it_still_expires)
{
	struct storm *st = make(1, 3, 3, t0);
	struct now now = { 1000, t0.wall + MS_HOUR / 2 };
	int64_t seen = 1000 - MS_HOUR / 2;

	through_bytes(st, now);
	storms_tick(to, (struct now){ seen + MS_HOUR - 1, 0 }, closed, NULL);
	cr_expect_eq(closed_calls, 0);
	storms_tick(to, (struct now){ seen + MS_HOUR, 0 }, closed, NULL);
	cr_expect_eq(closed_calls, 1);
	storms_tick(to, (struct now){ seen + st->remember - 1, 0 }, closed, NULL);
	cr_expect_not_null(storms_find(to, st->key));
	storms_tick(to, (struct now){ seen + st->remember, 0 }, closed, NULL);
	cr_expect_null(storms_find(to, st->key));
	cr_expect_eq(storms_count(to, STORM_REMEMBERED), 0);
	storms_each_changed(to, closed, NULL); /* the journal's turn */
	cr_expect_eq(storms_total(to), 0);
	storm_free(st);
}

Test(storm_pack, one_that_is_there_is_replaced)
{
	struct storm *a = make(1, 3, 3, t0), *b = make(1, 5, 1, at(-1)), *other = make(2, 1, 1, t0);

	b->state = STORM_REMEMBERED;
	through_bytes(other, t0);
	through_bytes(a, t0);
	through_bytes(b, t0);
	expect_same(b, storms_find(to, b->key));
	cr_expect_eq(storms_count(to, STORM_OPEN), 0);
	cr_expect_eq(storms_count(to, STORM_REMEMBERED), 2);
	storm_free(a);
	storm_free(b);
	storm_free(other);
}

/* ---- many ---- */

struct walk {
	int64_t mono;
	uint64_t keys[40];
	unsigned n;
};

static void
walk_one(void *arg, struct storm *st)
{
	struct walk *w = arg;

	cr_assert_geq(st->last.mono, w->mono);
	w->mono = st->last.mono;
	if (w->n < ARRAY_LEN(w->keys))
		w->keys[w->n] = st->key.lo;
	w->n++;
}

static struct walk
walk(const struct storms *s)
{
	struct walk w = { .mono = INT64_MIN };

	storms_each(s, walk_one, &w);
	return w;
}

Test(storm_pack, many_come_back_in_their_order)
{
	uint64_t rnd = 0x5eed1234;
	struct walk a, b;

	for (uint64_t k = 1; k <= 40; k++)
		storms_put(from, make(k, 3, 2, at((int64_t)draw(&rnd, 20))));
	storms_pack_all(from, at(100), &out);
	cr_assert_eq(storms_unpack_all(to, buf_str(&out), at(100)), 0);
	cr_expect_eq(storms_count(to, STORM_OPEN), 20);
	cr_expect_eq(storms_count(to, STORM_REMEMBERED), 20);
	a = walk(from);
	b = walk(to);
	cr_assert_eq(b.n, 40);
	cr_expect_eq(memcmp(a.keys, b.keys, sizeof(a.keys)), 0);
	for (uint64_t k = 1; k <= 40; k++) {
		struct storm *st = storms_find(to, (struct key128){ k, ~k });

		cr_assert_not_null(st);
		expect_same(storms_find(from, st->key), st);
	}
	/* none at all is fine too */
	buf_reset(&out);
	storms_free(from);
	from = storms_new();
	storms_pack_all(from, t0, &out);
	cr_expect_eq(storms_unpack_all(to, buf_str(&out), t0), 0);
	cr_expect_eq(walk(to).n, 40);
}

Test(storm_pack, one_by_one_in_any_order)
{
	uint64_t rnd = 0xabcdef;
	unsigned n = 0;

	for (int order = 0; order < 3; order++) {
		for (int64_t i = 0; i < 300; i++) {
			int64_t ms = order == 0 ? i : order == 1 ? -i : (int64_t)draw(&rnd, 1000) - 500;
			struct storm *st = make(++n, 0, 0, at(ms));

			through_bytes(st, at(5000));
			storm_free(st);
		}
	}
	cr_expect_eq(walk(to).n, 900);
}

Test(storm_pack, at_the_cap_the_longest_quiet_goes)
{
	struct storm *st;

	for (uint64_t k = 1; k <= STORMS_MAX; k++)
		storms_put(to, make(k, 0, 0, at((int64_t)k)));
	cr_expect_eq(storms_count(to, STORM_OPEN) + storms_count(to, STORM_REMEMBERED), STORMS_MAX);
	st = make(STORMS_MAX + 1, 0, 0, at(0)); /* older than all: it is the one that goes */
	through_bytes(st, at(STORMS_MAX));
	cr_expect_null(storms_find(to, st->key));
	cr_expect_not_null(storms_find(to, (struct key128){ 1, ~(uint64_t)1 }));
	storm_free(st);
	st = make(STORMS_MAX + 1, 0, 0, at(STORMS_MAX));
	through_bytes(st, at(STORMS_MAX));
	cr_expect_not_null(storms_find(to, st->key));
	cr_expect_null(storms_find(to, (struct key128){ 1, ~(uint64_t)1 }));
	cr_expect_eq(storms_count(to, STORM_OPEN) + storms_count(to, STORM_REMEMBERED), STORMS_MAX);
	storm_free(st);
	/* the whole lot fits into one piece */
	buf_reset(&out);
	storms_pack_all(to, at(0), &out);
	cr_assert_eq(storms_unpack_all(from, buf_str(&out), at(STORMS_MAX)), 0);
	cr_expect_eq(walk(from).n, STORMS_MAX);
}

/* ---- what does not fit ---- */

static void
expect_refused(struct str bytes, size_t where)
{
	struct walk before = walk(to), after;
	int err = storms_unpack_all(to, bytes, t0);

	after = walk(to);
	cr_assert(err == ERR_CORRUPT || err == ERR_VERSION, "at %zu: %d", where, err);
	cr_assert_eq(memcmp(&before, &after, sizeof(after)), 0, "at %zu", where);
	cr_assert_eq(storms_count(to, STORM_OPEN), 1);
}

Test(storm_pack, every_flip_and_every_cut_is_seen)
{
	struct storm *st = make(20, 4, 3, t0);

	storms_put(to, make(7, 1, 1, t0));
	pack_one(st);
	storm_free(st);
	cr_assert_gt(out.len, 300);
	for (size_t i = 0; i < out.len; i++) {
		expect_refused(str_sub(buf_str(&out), 0, i), i);
		for (int flip = 0; flip < 9; flip++) {
			unsigned char x = flip < 8 ? (unsigned char)(1u << flip) : 0xff;

			out.data[i] = (char)(out.data[i] ^ x);
			expect_refused(buf_str(&out), i);
			out.data[i] = (char)(out.data[i] ^ x);
		}
	}
	buf_append(&out, "", 1);
	expect_refused(buf_str(&out), out.len);
}

Test(storm_pack, garbage)
{
	uint64_t rnd = 0x5eed5eed5eedu;
	char bytes[400];

	storms_put(to, make(7, 1, 1, t0));
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = draw(&rnd, sizeof(bytes));

		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)draw(&rnd, 256);
		expect_refused((struct str){ bytes, n }, round);
	}
}

/* The checksum is right, the content is changed at random: it fits or it does not. */
Test(storm_pack, wrong_content_under_a_right_checksum)
{
	uint64_t rnd = 0xc0ffee1234567u;
	unsigned fits = 0, refused = 0;
	struct storm *st = make(20, 4, 3, t0);
	struct buf bad;

	buf_init(&bad, 0);
	pack_one(st);
	for (unsigned round = 0; round < 30000; round++) {
		struct blob head = { .magic = 0x6d745370, .version = 2, .wall = t0.wall };
		struct storms *s = storms_new();
		size_t from_here;
		int err;

		buf_reset(&bad);
		from_here = blob_begin(&bad, &head);
		buf_append(&bad, out.data + BLOB_HEAD, out.len - BLOB_HEAD);
		for (uint64_t k = draw(&rnd, 4); k < 4; k++)
			bad.data[BLOB_HEAD + draw(&rnd, bad.len - BLOB_HEAD)] = (char)draw(&rnd, 256);
		blob_end(&bad, from_here, draw(&rnd, 20) ? 1 : (uint32_t)draw(&rnd, UINT32_MAX));
		err = storms_unpack_all(s, buf_str(&bad), t0);
		cr_assert(err == 0 || err == ERR_CORRUPT);
		fits += err == 0;
		refused += err != 0;
		cr_assert_eq(walk(s).n, err == 0);
		storms_tick(s, at(MS_DAY), NULL, NULL);
		storms_free(s);
	}
	cr_expect_gt(fits, 1000);
	cr_expect_gt(refused, 1000);
	buf_fini(&bad);
	storm_free(st);
}

/* Each field alone, at what it may be and one beyond. */
Test(storm_pack, bounds)
{
	static const char *const what[] = { "key", "id", "id at its most", "state", "host order", "no name",
		"copies alike", "quiet", "time", "time at its most", "as it is" };
	static const bool ok[] = { false, false, true, false, false, true, true, false, false, true, true };

	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		struct storm *st = make(3, 2, 2, t0);

		if (i == 0)
			st->key = (struct key128){ 0, 0 };
		st->id = i == 1 ? 1ULL << 63 : i == 2 ? INT64_MAX : st->id;
		if (i == 3)
			st->state = STORM_STATES;
		if (i == 4)
			st->hosts[1].copies = st->hosts[0].copies + 1;
		if (i == 5)
			st->hosts[1].name[0] = '\0';
		if (i == 6)
			st->hosts[1].copies = st->hosts[0].copies;
		if (i == 7)
			st->quiet = -1;
		if (i == 8)
			st->first = at(BLOB_TIME_MAX + 1 - t0.wall);
		if (i == 9)
			st->first = at(BLOB_TIME_MAX - t0.wall);
		buf_reset(&out);
		pack_one(st);
		cr_expect_eq(
		    storms_unpack_all(to, buf_str(&out), t0), ok[i] ? 0 : ERR_CORRUPT, "%s", what[i]);
		if (i == 5)
			cr_expect_eq(storms_find(to, st->key)->n_hosts, 1, "it is left out");
		storm_free(st);
	}
}

/* One recipient and one host more than the caps allow; one storm more; a recipient twice. */
Test(storm_pack, counts_beyond_the_caps)
{
	struct storm *st = make(1, STORM_RCPTS_MAX + 1, 1, t0);
	struct blob head = { .magic = 0x6d745370, .version = 2, .wall = t0.wall };
	size_t from_here;

	pack_one(st);
	cr_expect_eq(storms_unpack_all(to, buf_str(&out), t0), ERR_CORRUPT);
	storm_free(st);
	buf_reset(&out);
	st = make(1, 1, STORM_HOSTS_MAX + 1, t0);
	pack_one(st);
	cr_expect_eq(storms_unpack_all(to, buf_str(&out), t0), ERR_CORRUPT);
	storm_free(st);
	st = make(1, 2, 0, t0);
	for (uint32_t i = 0; i < st->cap_rcpts; i++)
		if (st->rcpts[i])
			st->rcpts[i] = 4;
	buf_reset(&out);
	pack_one(st);
	cr_expect_eq(storms_unpack_all(to, buf_str(&out), t0), ERR_CORRUPT);
	storm_free(st);
	for (uint32_t n = STORMS_MAX; n <= STORMS_MAX + 1; n++) {
		struct buf one;

		buf_init(&one, 0);
		st = make(1, 0, 0, t0);
		storm_pack(st, t0, &one);
		storm_free(st);
		buf_reset(&out);
		from_here = blob_begin(&out, &head);
		for (uint32_t k = 0; k < n; k++)
			buf_str_append(&out, buf_str(&one));
		blob_end(&out, from_here, n);
		cr_expect_eq(storms_unpack_all(to, buf_str(&out), t0), n > STORMS_MAX ? ERR_CORRUPT : 0);
		buf_fini(&one);
	}
	cr_expect_eq(walk(to).n, 1, "the same key each time");
}

/* Texts as long as their place, and one longer; with a NUL inside. */
Test(storm_pack, texts_have_their_bounds)
{
	for (int row = 0; row < 3; row++) {
		struct storm *st = make(1, 0, 0, t0);
		struct blob head = { .magic = 0x6d745370, .version = 2, .wall = t0.wall };
		size_t n = row == 1 ? sizeof(st->rule) : sizeof(st->rule) - 1, from_here, rule_at;
		char text[sizeof(st->rule)];
		struct buf made;

		memset(text, 'r', sizeof(text));
		text[10] = row == 2 ? '\0' : 'r';
		st->rule[0] = '\0';
		buf_reset(&out);
		buf_init(&made, 0);
		pack_one(st);
		rule_at = BLOB_HEAD + 8 + 8 + 8 + 1 + 8;
		cr_assert_eq(out.data[rule_at], 0, "its empty name stands here");
		from_here = blob_begin(&made, &head);
		buf_append(&made, out.data + BLOB_HEAD, rule_at - BLOB_HEAD);
		pack_str(&made, (struct str){ text, n });
		buf_append(&made, out.data + rule_at + 1, out.len - rule_at - 1);
		blob_end(&made, from_here, 1);
		cr_expect_eq(
		    storms_unpack_all(to, buf_str(&made), t0), row == 0 ? 0 : ERR_CORRUPT, "row %d", row);
		if (row == 0)
			cr_expect_eq(strlen(storms_find(to, st->key)->rule), n);
		buf_fini(&made);
		storm_free(st);
	}
}
