/* SPDX-License-Identifier: ISC */
/* Snapshots whose bytes are not whole, or not what we write: refused, or in order; never a fault. */
#include "base/blob.h"
#include "base/err.h"
#include "snapshot_rig.h"

/* A part that does not exist is empty. */
Test(tally_snapshot_bytes, part_beyond_the_last)
{
	struct tallies *t = tallies_new(100);
	struct tallies_restored got = { 0 };
	struct buf out;

	buf_init(&out, 0);
	for (uint64_t k = 1; k <= 100; k++)
		ask(t, then.mono, op_of(TALLY_MARK, k));
	tallies_pin(t, 1, INT64_MAX);
	tallies_snapshot(t, TALLY_PARTS, then, &out);
	cr_assert_eq(tallies_restore(t, then, buf_str(&out), &got), 0);
	cr_assert_eq(got.entries, 0);
	buf_fini(&out);
	tallies_free(t);
}

static struct tallies *
small_table(void)
{
	struct tallies *t = tallies_new(64);

	for (uint64_t k = 1; k <= 12; k++) {
		struct tally_op op = op_of((enum tally_kind)(k % TALLY_GET), 0);

		op.key = (struct key128){ k, k }; /* all in the first part */
		op.group = k % 3;
		ask(t, then.mono, op);
		op.elem = 2;
		ask(t, then.mono, op);
	}
	tallies_pin(t, 1, then.mono + MS_DAY);
	return t;
}

static void
expect_refused(struct str bytes, size_t at)
{
	static const struct tallies_restored nothing = { 0 };
	struct tallies *b = tallies_new(16);
	struct tallies_restored got = nothing;
	struct tally_op op = op_of(TALLY_MARK, 5);
	struct tallies_stats before, after;
	int err;

	op.group = 1;
	ask(b, 1000, op);
	before = stats(b);
	err = tallies_restore(b, (struct now){ 1000, then.wall }, bytes, &got);
	after = stats(b);
	cr_assert(err == ERR_CORRUPT || err == ERR_VERSION, "at %zu: %d", at, err);
	cr_assert_eq(memcmp(&before, &after, sizeof(after)), 0, "at %zu", at);
	cr_assert_eq(memcmp(&got, &nothing, sizeof(got)), 0, "at %zu", at);
	cr_assert_eq(ask(b, 1000, op).last, 1000);
	tallies_free(b);
}

Test(tally_snapshot_bytes, every_flip_and_every_cut_is_seen)
{
	struct tallies *t = small_table();
	struct buf out;

	buf_init(&out, 0);
	tallies_snapshot(t, 0, then, &out);
	cr_assert_gt(out.len, 300);
	for (size_t i = 0; i < out.len; i++) {
		expect_refused(str_sub(buf_str(&out), 0, i), i);
		for (int flip = 0; flip < 10; flip++) {
			unsigned char x = flip < 8 ? (unsigned char)(1u << flip) : flip == 8 ? 0xff : 0x5a;

			out.data[i] = (char)(out.data[i] ^ x);
			expect_refused(buf_str(&out), i);
			out.data[i] = (char)(out.data[i] ^ x);
		}
	}
	buf_append(&out, "", 1);
	expect_refused(buf_str(&out), out.len);
	buf_fini(&out);
	tallies_free(t);
}

/* Whole, but more or less in it than it says. */
Test(tally_snapshot_bytes, counts_that_do_not_fit)
{
	static const struct {
		uint32_t count, more;
	} rows[] = { { 11, 0 }, { 13, 0 }, { 12, 1 }, { 0, 0 }, { UINT32_MAX, 0 } };
	struct tallies *t = small_table();
	struct buf good, bad;

	buf_init(&good, 0);
	buf_init(&bad, 0);
	tallies_snapshot(t, 0, then, &good);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct blob head = { .magic = 0x6e53744d, .version = 3, .wall = then.wall };
		size_t at;

		buf_reset(&bad);
		at = blob_begin(&bad, &head);
		buf_append(&bad, good.data + BLOB_HEAD, good.len - BLOB_HEAD);
		buf_append(&bad, "", rows[i].more);
		blob_end(&bad, at, rows[i].count);
		expect_refused(buf_str(&bad), i);
	}
	buf_fini(&good);
	buf_fini(&bad);
	tallies_free(t);
}

/* The two smallest numbers, each with its hits, number and age, stand in order. */
Test(tally_snapshot_bytes, numbers_in_order)
{
	static const struct {
		char tail[8];
		size_t n;
		int err;
	} rows[] = {
		{ { 1, 3, 0, 1, 7, 0 }, 6, 0 },
		{ { 1, 3, 0, 0 }, 4, 0 },
		{ { 0, 0 }, 2, 0 },
		{ { 1, 7, 0, 1, 3, 0 }, 6, ERR_CORRUPT },
		{ { 1, 7, 0, 1, 7, 0 }, 6, ERR_CORRUPT },
		{ { 0, 1, 7, 0 }, 4, ERR_CORRUPT },
	};
	struct tallies *t = tallies_new(16);
	struct tally_op op = op_of(TALLY_MIN, 1);
	struct buf good, bad;

	op.key = (struct key128){ 1, 1 };
	op.n = 7;
	ask(t, then.mono, op);
	op.n = 3;
	ask(t, then.mono, op);
	buf_init(&good, 0);
	buf_init(&bad, 0);
	tallies_snapshot(t, 0, then, &good);
	cr_assert_eq(memcmp(good.data + good.len - 6, rows[0].tail, 6), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct blob head = { .magic = 0x6e53744d, .version = 3, .wall = then.wall };
		struct tallies *b = tallies_new(16);
		struct tallies_restored got = { 0 };
		size_t at;

		buf_reset(&bad);
		at = blob_begin(&bad, &head);
		buf_append(&bad, good.data + BLOB_HEAD, good.len - BLOB_HEAD - 6);
		buf_append(&bad, rows[i].tail, rows[i].n);
		blob_end(&bad, at, 1);
		cr_expect_eq(tallies_restore(b, then, buf_str(&bad), &got), rows[i].err, "row %zu", i);
		tallies_free(b);
	}
	buf_fini(&good);
	buf_fini(&bad);
	tallies_free(t);
}

Test(tally_snapshot_bytes, another_version)
{
	struct blob head = { .magic = 0x6e53744d, .version = 4, .wall = then.wall };
	struct tallies *t = tallies_new(16);
	struct tallies_restored got = { 0 };
	struct buf out;
	size_t at;

	buf_init(&out, 0);
	at = blob_begin(&out, &head);
	blob_end(&out, at, 0);
	cr_expect_eq(tallies_restore(t, then, buf_str(&out), &got), ERR_VERSION);
	buf_fini(&out);
	tallies_free(t);
}

Test(tally_snapshot_bytes, garbage)
{
	uint64_t rnd = 0x5eed5eed5eedu;
	char bytes[400];

	for (unsigned round = 0; round < 20000; round++) {
		size_t n = draw(&rnd, sizeof(bytes));

		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)draw(&rnd, 256);
		expect_refused((struct str){ bytes, n }, round);
	}
}

/* The checksum is right, the content is changed at random: it fits or not; the table stays in order. */
Test(tally_snapshot_bytes, wrong_content_under_a_right_checksum)
{
	struct tallies *t = small_table();
	uint64_t rnd = 0xc0ffee1234567u;
	unsigned fits = 0, refused = 0;
	struct buf good, bad;

	buf_init(&good, 0);
	buf_init(&bad, 0);
	tallies_snapshot(t, 0, then, &good);
	for (unsigned round = 0; round < 30000; round++) {
		struct blob head = { .magic = 0x6e53744d, .version = 3, .wall = then.wall };
		struct tallies *b = tallies_new(16);
		struct tallies_restored got = { 0 };
		size_t at;
		int err;

		buf_reset(&bad);
		at = blob_begin(&bad, &head);
		buf_append(&bad, good.data + BLOB_HEAD, good.len - BLOB_HEAD);
		for (uint64_t k = draw(&rnd, 4); k < 4; k++)
			bad.data[BLOB_HEAD + draw(&rnd, bad.len - BLOB_HEAD)] = (char)draw(&rnd, 256);
		blob_end(&bad, at, draw(&rnd, 20) ? 12 : (uint32_t)draw(&rnd, UINT32_MAX));
		err = tallies_restore(b, then, buf_str(&bad), &got);
		cr_assert(err == 0 || err == ERR_CORRUPT);
		fits += err == 0;
		refused += err != 0;
		for (uint64_t k = 1; k <= 40; k++)
			ask(b, then.mono + (int64_t)k, op_of((enum tally_kind)(k % TALLY_GET), k));
		tallies_pin(b, 1, then.mono);
		tallies_expire(b, INT64_MAX / 2, 1000);
		cr_assert_leq(stats(b).entries, 16);
		tallies_free(b);
	}
	cr_expect_gt(fits, 1000);
	cr_expect_gt(refused, 1000);
	buf_fini(&good);
	buf_fini(&bad);
	tallies_free(t);
}
