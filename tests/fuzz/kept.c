/* SPDX-License-Identifier: ISC */
/* What we wrote and read after a restart; the first byte says what. Bytes that open come out the same once
 * they were written anew; whatever events and ops leave behind opens. Checksums are made right, to get at
 * what lies behind them. */
#include "fuzz.h"

#include "base/blob.h"
#include "base/clock.h"
#include "judge/storm.h"
#include "mail/record.h"
#include "store/tallies.h"
#include "store/tally_snapshot.h"

enum { STORMS_MAGIC = 0x6d745370, STORMS_VERSION = 2, ROOM = 64, OPS = 32, OP_BYTES = 8 };

static const struct now now = { 10 * MS_DAY, 1700000000000 };

/* Behind a head of that kind; the first two bytes say how old it is and of how many. */
static void
make_blob(struct buf *b, struct blob head, struct str s)
{
	unsigned char old = s.n ? (unsigned char)s.p[0] : 0, count = s.n > 1 ? (unsigned char)s.p[1] : 0;
	size_t at;

	head.wall = now.wall + (128 - old) * MS_MIN;
	at = blob_begin(b, &head);
	buf_str_append(b, str_sub(s, 2, s.n));
	blob_end(b, at, count);
}

static void
try_record(struct str s)
{
	struct record r, again;
	struct buf one, two;
	struct arena a;

	arena_init(&a, 0);
	buf_init(&one, 0);
	buf_init(&two, 0);
	if (record_unpack(s, &r, &a) == 0) {
		record_pack(&r, &one);
		NEED(record_unpack(buf_str(&one), &again, &a) == 0);
		record_pack(&again, &two);
		need_same("record", &two, &one);
	}
	buf_fini(&one);
	buf_fini(&two);
	arena_fini(&a);
}

static void
need_same_storms(const struct storms *s)
{
	struct storms *again = storms_new();
	struct buf one, two;

	buf_init(&one, 0);
	buf_init(&two, 0);
	storms_pack_all(s, now, &one);
	NEED(storms_unpack_all(again, buf_str(&one), now) == 0);
	storms_pack_all(again, now, &two);
	need_same("storms", &two, &one);
	storms_tick(again, (struct now){ now.mono + MS_DAY, now.wall + MS_DAY }, NULL, NULL);
	buf_fini(&one);
	buf_fini(&two);
	storms_free(again);
}

static void
try_storms(struct str s)
{
	const struct blob head = { .magic = STORMS_MAGIC, .version = STORMS_VERSION };
	struct storms *storms = storms_new();
	struct buf bytes;

	buf_init(&bytes, 0);
	make_blob(&bytes, head, s);
	if (storms_unpack_all(storms, buf_str(&bytes), now) == 0)
		need_same_storms(storms);
	buf_fini(&bytes);
	storms_free(storms);
}

static void
try_events(struct str s)
{
	struct storms *storms = storms_new();
	int err = storms_replay(storms, s, now, NULL, NULL);

	NEED(err == 0 || s.n > 0);
	need_same_storms(storms);
	storms_free(storms);
}

/* All parts of `from` into a table of its own, and that into another one. */
static void
need_restored(const struct tallies *from, struct now when)
{
	struct tallies *to = tallies_new(ROOM), *last = tallies_new(ROOM);
	struct tallies_restored got = { 0 };
	struct buf one, two;

	buf_init(&one, 0);
	buf_init(&two, 0);
	for (uint32_t part = 0; part < TALLY_PARTS; part++) {
		buf_reset(&one);
		tallies_snapshot(from, part, when, &one);
		NEED(tallies_restore(to, when, buf_str(&one), &got) == 0);
	}
	for (uint32_t part = 0; part < TALLY_PARTS; part++) {
		buf_reset(&one);
		buf_reset(&two);
		tallies_snapshot(from, part, when, &one);
		tallies_snapshot(to, part, when, &two);
		NEED(got.dropped || got.refused || one.len == two.len);
		NEED(tallies_restore(last, when, buf_str(&two), &got) == 0);
	}
	tallies_expire(last, when.mono + MS_DAY, ROOM);
	buf_fini(&one);
	buf_fini(&two);
	tallies_free(to);
	tallies_free(last);
}

static void
try_tallies(struct str s)
{
	const struct blob head = { .magic = SNAPSHOT_MAGIC, .version = SNAPSHOT_VERSION };
	struct tallies *t = tallies_new(ROOM);
	struct tallies_restored got = { 0 };
	struct buf bytes;

	buf_init(&bytes, 0);
	make_blob(&bytes, head, s);
	if (tallies_restore(t, now, buf_str(&bytes), &got) == 0)
		need_restored(t, now);
	buf_fini(&bytes);
	tallies_free(t);
}

static struct tally_op
op_of(const unsigned char *p)
{
	struct tally_op op = { .key = { p[2] % 80 * 0x0404040404040404u + 1, p[2] % 3 } };

	op.kind = (enum tally_kind)(p[3] % (TALLY_GET + 1));
	op.n = p[4] * (p[4] > 250 ? 0x01010101u : 1u);
	op.elem = p[5] % 7 + (p[5] > 200 ? 1ull << 63 : 0);
	op.window = 100 * (int64_t)p[6];
	op.ttl = 5 * op.window;
	op.cap = 1u + p[7] % 16;
	op.group = p[7] / 64;
	return op;
}

static void
try_ops(struct str s)
{
	struct tallies *t = tallies_new(ROOM);
	struct tally_op ops[OPS];
	struct tally_answer answers[OPS];
	struct now at = now;
	unsigned n = 0;

	for (; s.n >= OP_BYTES; s = str_sub(s, OP_BYTES, s.n)) {
		const unsigned char *p = (const unsigned char *)s.p;

		at.mono += p[0] * p[0] * (p[0] & 1 ? 1 : 50);
		if (p[1] % 8 == 0 && n) {
			n--;
			tallies_undo(t, &ops[n], &answers[n]);
		} else if (p[1] % 8 == 1) {
			tallies_pin(t, 1 + p[2] % 3, at.mono + p[3] * MS_SEC);
		} else if (p[1] % 8 == 2) {
			tallies_pin(t, 1 + p[2] % 3, at.mono);
		} else if (p[1] % 8 == 3) {
			tallies_expire(t, at.mono, p[2]);
		} else {
			n %= OPS;
			ops[n] = op_of(p);
			tallies_submit(t, at.mono, &ops[n], &answers[n], 1);
			n++;
		}
	}
	need_restored(t, at);
	tallies_free(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(
	    struct str) = { try_record, try_storms, try_events, try_tallies, try_ops };
	char *copy;

	if (size == 0)
		return 0;
	copy = copy_of((struct str){ (const char *)data + 1, size - 1 });
	tries[data[0] % ARRAY_LEN(tries)]((struct str){ copy, size - 1 });
	xfree(copy);
	return 0;
}
