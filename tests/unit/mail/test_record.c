/* SPDX-License-Identifier: ISC */
/* A record as bytes and back, and bytes that are none: every cut, every flipped bit, noise. */
#include "mail/record.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"

static struct arena arena;

static void
set_up(void)
{
	arena_init(&arena, MSG_ARENA_MAX);
}

static void
tear_down(void)
{
	arena_fini(&arena);
}

TestSuite(record, .init = set_up, .fini = tear_down, .timeout = 60);

static const struct record_rcpt two_rcpts[] = {
	{ STR("anna@example.org"), STR("pass"), OUTCOME_PASSED },
	{ { "a\0b", 3 }, STR("drop-recipients"), OUTCOME_VOID },
};

static const struct record full = {
	.seq = 99,
	.time = -1700000000123,
	.door = "milter",
	.stage = "EOM",
	.queue_id = STR("4ABC"),
	.instance = STR("1.2.3"),
	.client_address = STR("192.0.2.7"),
	.client_name = STR("mx.example.net"),
	.helo = STR("mx"),
	.sasl_username = STR("carl"),
	.sender = STR("carl@example.net"),
	.message_id = STR("<1@example.net>"),
	.thread = STR("<0@example.net>"),
	.header_from = STR("Carl@example.net"),
	.subject = STR("Minutes"),
	.size = UINT64_MAX,
	.rcpt_count = UINT32_MAX,
	.to_count = 3,
	.cc_count = 4,
	.hops = 5,
	.trace = 0xfedcba9876543210u,
	.identity = 0x8123456789abcdefu,
	.kind = "none",
	.verdict = "drop-recipients",
	.rule = STR("replication"),
	.storm = 0x7fffffffffffffffu,
	.would = 7,
	.degraded = 1,
	.outcome = OUTCOME_STOPPED,
	.rcpts = two_rcpts,
	.n_rcpts = 2,
};

static const size_t texts[] = {
	offsetof(struct record, queue_id),
	offsetof(struct record, instance),
	offsetof(struct record, client_address),
	offsetof(struct record, client_name),
	offsetof(struct record, helo),
	offsetof(struct record, sasl_username),
	offsetof(struct record, sender),
	offsetof(struct record, message_id),
	offsetof(struct record, thread),
	offsetof(struct record, header_from),
	offsetof(struct record, subject),
	offsetof(struct record, rule),
};

static struct str
text_of(const struct record *r, size_t at)
{
	struct str s;

	memcpy(&s, (const char *)r + at, sizeof(s));
	return s;
}

static void
expect_same(const struct record *a, const struct record *b)
{
	for (unsigned k = 0; k < ARRAY_LEN(texts); k++)
		cr_expect(str_eq(text_of(a, texts[k]), text_of(b, texts[k])), "text %u", k);
	cr_expect_str_eq(a->door, b->door);
	cr_expect_str_eq(a->stage, b->stage);
	cr_expect_str_eq(a->kind, b->kind);
	cr_expect_str_eq(a->verdict, b->verdict);
	cr_expect_eq(a->time, b->time);
	cr_expect_eq(a->size, b->size);
	cr_expect_eq(a->rcpt_count, b->rcpt_count);
	cr_expect_eq(a->to_count, b->to_count);
	cr_expect_eq(a->cc_count, b->cc_count);
	cr_expect_eq(a->hops, b->hops);
	cr_expect_eq(a->trace, b->trace);
	cr_expect_eq(a->identity, b->identity);
	cr_expect_eq(a->storm, b->storm);
	cr_expect_eq(a->would != 0, b->would != 0);
	cr_expect_eq(a->degraded != 0, b->degraded != 0);
	cr_expect_eq(a->outcome, b->outcome);
	cr_assert_eq(a->n_rcpts, b->n_rcpts);
	for (uint32_t k = 0; k < a->n_rcpts; k++) {
		cr_expect(str_eq(a->rcpts[k].addr, b->rcpts[k].addr));
		cr_expect(str_eq(a->rcpts[k].action, b->rcpts[k].action));
		cr_expect_eq(a->rcpts[k].outcome, b->rcpts[k].outcome);
	}
}

/* Whatever came out can be walked, and stays within what went in. */
static void
expect_harmless(const struct record *r, size_t n)
{
	size_t sum = strlen(r->door) + strlen(r->stage) + strlen(r->kind) + strlen(r->verdict);
	unsigned char seen = 0;

	for (unsigned k = 0; k < ARRAY_LEN(texts); k++) {
		struct str s = text_of(r, texts[k]);

		cr_assert(s.p);
		sum += s.n;
		for (size_t i = 0; i < s.n; i++)
			seen ^= (unsigned char)s.p[i];
	}
	for (uint32_t k = 0; k < r->n_rcpts; k++) {
		sum += r->rcpts[k].addr.n + r->rcpts[k].action.n + 3;
		seen ^= (unsigned char)(r->rcpts[k].addr.n ? r->rcpts[k].addr.p[r->rcpts[k].addr.n - 1] : 0);
		cr_assert_leq(r->rcpts[k].outcome, OUTCOME_VOID);
	}
	cr_assert_leq(r->outcome, OUTCOME_VOID);
	cr_assert_eq(r->seq, 0);
	cr_assert_leq(sum, n, "%u", seen);
}

/* The bytes stand in memory of exactly their size, so that a sanitizer sees a step beyond. */
static int
unpack_copy(const char *p, size_t n, struct record *out)
{
	char *copy = malloc(n ? n : 1);
	int err;

	memcpy(copy, p, n);
	arena_reset(&arena);
	err = record_unpack((struct str){ copy, n }, out, &arena);
	memset(copy, 'x', n);
	free(copy);
	return err;
}

Test(record, there_and_back)
{
	struct buf b = { 0 };
	struct record out;

	record_pack(&full, &b);
	cr_assert_eq(unpack_copy(buf_str(&b).p, b.len, &out), 0);
	cr_expect_eq(out.seq, 0);
	expect_same(&full, &out);
	expect_harmless(&out, b.len);
	buf_fini(&b);
}

Test(record, a_view_points_into_the_bytes)
{
	struct buf b = { 0 };
	struct str name[RECORD_NAMES], bytes;
	struct record out;

	record_pack(&full, &b);
	bytes = buf_str(&b);
	cr_assert_eq(record_view(bytes, &out, name, &arena), 0);
	for (unsigned k = 0; k < RECORD_NAMES; k++) {
		cr_expect(str_eq(name[k], str_of(record_name(&full, k))));
		cr_expect_null(record_name(&out, k));
		cr_expect(name[k].p >= bytes.p && name[k].p + name[k].n <= bytes.p + bytes.n);
		record_set_name(&out, k, record_name(&full, k));
	}
	for (unsigned k = 0; k < RECORD_TEXTS; k++) {
		struct str s = record_text(&out, k);

		cr_expect(s.p >= bytes.p && s.p + s.n <= bytes.p + bytes.n);
	}
	expect_same(&full, &out);
	cr_expect_eq(record_view(str_sub(bytes, 0, bytes.n - 1), &out, name, &arena), ERR_CORRUPT);
	buf_fini(&b);
}

Test(record, an_empty_one)
{
	const struct record none = { 0 };
	struct buf b = { 0 };
	struct record out;

	record_pack(&none, &b);
	cr_assert_eq(unpack_copy(buf_str(&b).p, b.len, &out), 0);
	cr_expect_str_eq(out.door, "");
	cr_expect_eq(out.n_rcpts, 0);
	expect_harmless(&out, b.len);
	cr_expect_eq(record_unpack(STR(""), &out, &arena), ERR_CORRUPT);
	cr_expect_eq(record_unpack(STR_NONE, &out, &arena), ERR_CORRUPT);
	buf_fini(&b);
}

Test(record, texts_at_the_cap_and_beyond)
{
	static char huge[MSG_ATTR_MAX + 1];
	static char name[66];
	struct record r = { .door = name, .kind = name + 1 }, out;
	struct buf b = { 0 };

	memset(huge, 'x', sizeof(huge));
	memset(name, 'y', 65);
	r.subject = (struct str){ huge, MSG_ATTR_MAX };
	r.sender = (struct str){ huge, MSG_ATTR_MAX + 1 };
	record_pack(&r, &b);
	cr_assert_eq(unpack_copy(buf_str(&b).p, b.len, &out), 0);
	cr_expect_eq(out.subject.n, MSG_ATTR_MAX);
	cr_expect_eq(out.sender.n, MSG_ATTR_MAX);
	cr_expect_eq(strlen(out.door), 64);
	cr_expect_eq(strlen(out.kind), 64);
	buf_fini(&b);
}

Test(record, recipients_at_the_cap_and_beyond)
{
	for (uint32_t n = MSG_RCPTS_MAX; n <= MSG_RCPTS_MAX + 1; n++) {
		struct record_rcpt *rcpts = calloc(n, sizeof(*rcpts));
		struct record r = { .rcpts = rcpts, .n_rcpts = n }, out;
		struct buf b = { 0 };

		record_pack(&r, &b);
		cr_assert_eq(unpack_copy(buf_str(&b).p, b.len, &out), 0);
		cr_expect_eq(out.n_rcpts, MSG_RCPTS_MAX);
		buf_fini(&b);
		free(rcpts);
	}
}

/* A count of recipients that the bytes cannot hold takes no memory for them. */
Test(record, a_count_without_recipients)
{
	const struct record none = { 0 };
	struct buf b = { 0 };
	struct record out;

	record_pack(&none, &b);
	b.data[b.start + b.len - 1] = 0x7f;
	cr_expect_eq(unpack_copy(buf_str(&b).p, b.len, &out), ERR_CORRUPT);
	cr_expect_lt(arena.used, 1024);
	buf_fini(&b);
}

Test(record, an_arena_without_room)
{
	struct buf b = { 0 };
	struct record out;
	int err = ERR_FULL;
	size_t max;

	record_pack(&full, &b);
	for (max = 1; err == ERR_FULL && max < 4096; max++) {
		arena_fini(&arena);
		arena_init(&arena, max);
		err = record_unpack(buf_str(&b), &out, &arena);
	}
	cr_expect_eq(err, 0);
	cr_expect_gt(max, b.len);
	expect_same(&full, &out);
	buf_fini(&b);
}

Test(record, every_cut)
{
	struct buf b = { 0 };
	struct record out;

	record_pack(&full, &b);
	for (size_t n = 0; n < b.len; n++)
		cr_assert_eq(unpack_copy(buf_str(&b).p, n, &out), ERR_CORRUPT, "%zu bytes", n);
	buf_append(&b, "", 1);
	cr_assert_eq(unpack_copy(buf_str(&b).p, b.len, &out), ERR_CORRUPT, "one too many");
	buf_fini(&b);
}

Test(record, every_flipped_bit)
{
	struct buf b = { 0 };
	struct record out;
	unsigned refused = 0;

	record_pack(&full, &b);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		int err;

		b.data[b.start + bit / 8] ^= (char)(1 << bit % 8);
		err = unpack_copy(buf_str(&b).p, b.len, &out);
		cr_assert(err == 0 || err == ERR_CORRUPT || (err == ERR_VERSION && bit < 8), "bit %zu: %d",
		    bit, err);
		if (err)
			refused++;
		else
			expect_harmless(&out, b.len);
		b.data[b.start + bit / 8] ^= (char)(1 << bit % 8);
	}
	cr_expect_gt(refused, 8);
	buf_fini(&b);
}

Test(record, noise)
{
	uint64_t state = 88172645463325252u;
	struct record out;
	char noise[300];

	for (unsigned round = 0; round < 100000; round++) {
		size_t n = 1 + round % sizeof(noise);
		int err;

		for (size_t i = 0; i < n; i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			/* small numbers lead further in */
			noise[i] = (char)(state >> 24 & (round & 1 ? 0xff : 0x03));
		}
		noise[0] = 1;
		err = unpack_copy(noise, n, &out);
		cr_assert(err == 0 || err == ERR_CORRUPT);
		if (!err)
			expect_harmless(&out, n);
	}
}

Test(record, its_time_alone)
{
	static const int64_t times[] = { 0, 1, -1, 63, 64, -1700000000123, 1700000000123, INT64_MAX,
		INT64_MIN };
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct record r = full;
		struct wire u;
		int64_t time = 7;
		size_t there;

		r.time = times[i];
		buf_reset(&b);
		record_pack(&r, &b);
		unpack_init(&u, str_sub(buf_str(&b), 1, b.len));
		(void)unpack_int(&u);
		there = 1 + u.pos;
		for (size_t n = 0; n <= b.len; n++) {
			int err = record_time(str_sub(buf_str(&b), 0, n), &time);

			cr_assert_eq(err, n < there ? ERR_CORRUPT : 0, "%zu of %zu", n, there);
			cr_assert_eq(time, n < there ? time : times[i]);
		}
		b.data[b.start]++;
		cr_expect_eq(record_time(buf_str(&b), &time), ERR_VERSION);
	}
	buf_fini(&b);
}
