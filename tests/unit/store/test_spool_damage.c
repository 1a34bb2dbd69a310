/* SPDX-License-Identifier: ISC */
/* What is read back from files that were cut, changed, or are none of ours. */
#include "base/hash.h"
#include "spool_rig.h"

TestSuite(spool_damage, .init = rig_set_up, .fini = rig_tear_down, .timeout = 120);

enum { RECORDS = 12 };

/* Two segments, each with so many records; the bytes of one of them (to be freed), *n of them, and where its
 * records end. */
static char *
two_segments(uint64_t which, size_t *n, size_t ends[RECORDS + 1])
{
	struct spool_conf conf = rig_conf();
	char path[200], room[RIG_PAYLOAD_MAX], *bytes;

	for (int i = 0; i < 2; i++) {
		struct spool *s = open_and_replay(&conf, 0);

		add_all(s, RECORDS);
		spool_close(s);
	}
	segment_path(path, sizeof(path), which, "");
	bytes = slurp(path, n);
	ends[0] = SEGMENT_HEADER;
	for (uint64_t i = 0; i < RECORDS; i++)
		ends[i + 1] = ends[i] + SEGMENT_RECORD_HEADER + payload_of(which + i, room).n;
	cr_assert_eq(ends[RECORDS], *n);
	return bytes;
}

/* The documented picture, byte by byte. */
Test(spool_damage, bytes_on_disk)
{
	static const char want_head[] = "pdstorm1\x01\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0";
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 6);
	char path[200], *p;
	size_t n;
	uint64_t sum = 0;

	cr_assert_eq(append_next(s, "hello", 5), 7);
	spool_close(s);
	segment_path(path, sizeof(path), 7, "");
	cr_assert(strstr(path, "/spool.0000000000000007"));
	p = slurp(path, &n);
	cr_assert_eq(n, 40 + 16 + 5);
	cr_expect_eq(memcmp(p, want_head, 24), 0);
	for (int i = 7; i >= 0; i--)
		sum = sum << 8 | (unsigned char)p[32 + i];
	cr_expect_eq(sum, hash64(0, (struct str){ p, 32 }));
	cr_expect_eq(memcmp(p + 44, "\x05\0\0\0\x07\0\0\0\0\0\0\0hello", 17), 0);
	sum = 0;
	for (int i = 3; i >= 0; i--)
		sum = sum << 8 | (unsigned char)p[40 + i];
	cr_expect_eq(sum, (uint32_t)hash64(0, (struct str){ p + 44, 17 }));
	free(p);
}

/* The last segment, cut at every byte: all records that are whole come, the next number is a new one, and
 * what is written then comes back too. */
Test(spool_damage, cut_at_every_byte)
{
	struct spool_conf conf = rig_conf();
	size_t n, ends[RECORDS + 1];
	char path[200], *bytes = two_segments(RECORDS + 1, &n, ends);

	segment_path(path, sizeof(path), RECORDS + 1, "");
	for (size_t cut = 0; cut <= n; cut++) {
		struct spool *s;
		struct spool_replayed r;
		struct seen seen;
		uint64_t whole = 0, next;
		bool clean = false;

		spill(path, bytes, cut);
		while (whole < RECORDS && ends[whole + 1] <= cut)
			whole++;
		clean = cut == ends[whole];
		s = open_conf(&conf);
		r = replay(s, 0, &seen);
		cr_assert(seen_just(&seen, 1, RECORDS + whole), "cut at %zu", cut);
		cr_assert_eq(r.torn, clean ? 0 : 1, "cut at %zu", cut);
		cr_assert_eq(r.damaged + r.unreadable + r.missing, 0, "cut at %zu", cut);
		free(seen.seqs);
		next = add(s);
		cr_assert(next > RECORDS + whole && next <= RECORDS + whole + 2);
		spool_close(s);
		s = open_conf(&conf);
		r = replay(s, RECORDS + whole, &seen);
		cr_assert_eq(seen.n, 1, "cut at %zu", cut);
		cr_assert(!seen.wrong && seen.seqs[0] == next);
		free(seen.seqs);
		spool_close(s);
		if (next != RECORDS + 1) {
			char other[200];

			segment_path(other, sizeof(other), next, "");
			cr_assert_eq(unlink(other), 0, "%s", other);
		}
	}
	free(bytes);
}

struct watched {
	uint64_t last, n;
	bool wrong;
};

static void
watch(void *arg, uint64_t seq, struct str payload)
{
	struct watched *w = arg;
	char room[RIG_PAYLOAD_MAX];

	if (seq <= w->last || seq > 2 * RECORDS || !str_eq(payload, payload_of(seq, room)))
		w->wrong = true;
	w->last = seq;
	w->n++;
}

/* Puts the folder back to what two_segments() made of it, but for what fn does to the first segment. */
static void
restore(const char *path, const char *bytes, size_t n)
{
	char aside[200];

	segment_path(aside, sizeof(aside), 1, SEGMENT_ASIDE);
	unlink(aside);
	spill(path, bytes, n);
}

/* The first segment with every byte changed in turn: never a wrong record, all of the second segment, all
 * that stands before the change; and the numbers go on behind all. */
Test(spool_damage, every_byte_changed)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff };
	struct spool_conf conf = rig_conf();
	size_t n, ends[RECORDS + 1];
	char path[200], *bytes = two_segments(1, &n, ends);

	segment_path(path, sizeof(path), 1, "");
	for (size_t i = 0; i < n * ARRAY_LEN(masks); i++) {
		size_t at = i / ARRAY_LEN(masks);
		struct watched w = { .n = 0 };
		struct spool_replayed r;
		struct spool *s;
		uint64_t before = 0;

		while (ends[before + 1] <= at)
			before++;
		bytes[at] = (char)(bytes[at] ^ masks[i % ARRAY_LEN(masks)]);
		restore(path, bytes, n);
		s = open_conf(&conf);
		cr_assert_eq(spool_replay(s, 0, watch, &w, &r), 0);
		cr_assert_not(w.wrong, "byte %zu", at);
		cr_assert_eq(w.n, before + RECORDS, "byte %zu: %llu records", at, (unsigned long long)w.n);
		cr_assert_eq(r.missing, RECORDS - before, "byte %zu", at);
		cr_assert_eq(r.torn + r.damaged + r.unreadable, 1, "byte %zu", at);
		cr_assert_eq(r.unreadable, at < SEGMENT_HEADER, "byte %zu", at);
		cr_assert_eq(segment_there(1, SEGMENT_ASIDE), at < SEGMENT_HEADER, "byte %zu", at);
		cr_assert_geq(spool_last(s), 2 * RECORDS);
		spool_close(s);
		bytes[at] = (char)(bytes[at] ^ masks[i % ARRAY_LEN(masks)]);
	}
	free(bytes);
}

/* A damaged end may have held records that were answered for: their numbers do not come again. */
Test(spool_damage, numbers_behind_damage)
{
	struct spool_conf conf = rig_conf();
	size_t n, ends[RECORDS + 1];
	char path[200], *bytes = two_segments(RECORDS + 1, &n, ends);
	struct spool *s;
	struct spool_replayed r;

	segment_path(path, sizeof(path), RECORDS + 1, "");
	bytes[ends[4]] ^= 1;
	spill(path, bytes, n);
	s = open_conf(&conf);
	r = replay(s, 0, NULL);
	cr_expect_eq(r.damaged, 1);
	cr_expect_eq(r.records, RECORDS + 4);
	cr_expect_geq(spool_last(s), 2 * RECORDS);
	cr_expect_eq(logged("state=damaged"), 1);
	add_all(s, 1);
	/* the damaged one goes as others do */
	spool_release(s, spool_last(s));
	cr_expect(segment_goes(RECORDS + 1));
	spool_close(s);
	free(bytes);
}

/* Random bytes behind a good header and up to two records: those come, and nothing else. */
Test(spool_damage, random_bytes)
{
	struct spool_conf conf = rig_conf();
	uint32_t x = 4711;
	char path[200], room[RIG_PAYLOAD_MAX];

	cr_assert_eq(mkdir(rig_dir, 0700), 0);
	segment_path(path, sizeof(path), 1, "");
	for (int round = 0; round < 400; round++) {
		struct watched w = { .n = 0 };
		struct spool *s;
		struct buf b;
		unsigned good = next_random(&x) % 3, n = next_random(&x) % 400;

		buf_init(&b, 0);
		segment_header(&b, 1, 0);
		for (uint64_t seq = 1; seq <= good; seq++)
			segment_record(&b, seq, payload_of(seq, room));
		for (unsigned i = 0; i < n; i++) {
			char c = (char)(next_random(&x) % 4 ? next_random(&x) % 3 : next_random(&x));

			buf_append(&b, &c, 1);
		}
		spill(path, buf_str(&b).p, b.len);
		buf_fini(&b);
		s = open_conf(&conf);
		cr_assert_eq(spool_replay(s, 0, watch, &w, NULL), 0);
		cr_assert(!w.wrong && w.n == good, "round %d", round);
		spool_close(s);
	}
}

/* Records that check, but whose numbers do not rise, or lie outside. */
Test(spool_damage, numbers_out_of_order)
{
	static const struct {
		uint64_t a, b;
		unsigned come;
	} rows[] = {
		{ 5, 6, 2 },
		{ 5, 9, 2 },
		{ 5, 5, 1 },
		{ 6, 5, 1 },
		{ 4, 5, 0 },
		{ 0, 5, 0 },
		{ 5, SPOOL_SEQ_MAX, 2 },
		{ 5, SPOOL_SEQ_MAX + 1, 1 },
		{ UINT64_MAX, 5, 0 },
	};
	struct spool_conf conf = rig_conf();
	char path[200], room[RIG_PAYLOAD_MAX];

	cr_assert_eq(mkdir(rig_dir, 0700), 0);
	segment_path(path, sizeof(path), 5, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct spool *s;
		struct spool_replayed r;
		struct seen seen;
		struct buf b;

		buf_init(&b, 0);
		segment_header(&b, 5, 0);
		segment_record(&b, rows[i].a, payload_of(rows[i].a, room));
		segment_record(&b, rows[i].b, payload_of(rows[i].b, room));
		spill(path, buf_str(&b).p, b.len);
		buf_fini(&b);
		s = open_conf(&conf);
		r = replay(s, 4, &seen);
		cr_expect_eq(r.records, rows[i].come, "row %zu", i);
		cr_expect_eq(r.damaged, rows[i].come < 2, "row %zu", i);
		cr_expect_not(seen.wrong, "row %zu", i);
		cr_expect(spool_last(s) <= SPOOL_SEQ_MAX);
		free(seen.seqs);
		spool_close(s);
	}
}

/* A length at the cap and one beyond, in a file that is long enough for both. */
Test(spool_damage, length_at_the_cap)
{
	struct spool_conf conf = rig_conf();
	char path[200];

	cr_assert_eq(mkdir(rig_dir, 0700), 0);
	segment_path(path, sizeof(path), 1, "");
	for (uint32_t over = 0; over < 2; over++) {
		char *p = calloc(1, SPOOL_RECORD_MAX + 1);
		struct spool_replayed r;
		struct spool *s;
		struct buf b;

		buf_init(&b, 0);
		segment_header(&b, 1, 0);
		segment_record(&b, 1, (struct str){ p, SPOOL_RECORD_MAX + over });
		spill(path, buf_str(&b).p, b.len);
		buf_fini(&b);
		free(p);
		s = open_conf(&conf);
		r = replay(s, 0, NULL);
		cr_expect_eq(r.records, 1 - over);
		cr_expect_eq(r.damaged, over);
		spool_close(s);
	}
}

enum odd { OTHER_VERSION, OTHER_MAGIC, OTHER_NAME, ODD_KINDS };

static void
make_odd(char *bytes, enum odd kind)
{
	struct buf b;
	uint64_t sum;

	if (kind == OTHER_NAME) {
		buf_init(&b, 0);
		segment_header(&b, 2, 0);
		memcpy(bytes, buf_str(&b).p, b.len);
		buf_fini(&b);
		return;
	}
	bytes[kind == OTHER_VERSION ? 8 : 7]++;
	sum = hash64(0, (struct str){ bytes, 32 });
	for (int i = 0; i < 8; i++)
		bytes[32 + i] = (char)(sum >> (8 * i));
}

/* Whole, but not ours: set aside unchanged, never read, never removed; the others are read. */
Test(spool_damage, other_versions_are_set_aside)
{
	struct spool_conf conf = rig_conf();
	size_t n, m, ends[RECORDS + 1];
	char path[200], aside[200], *bytes = two_segments(1, &n, ends), *odd = malloc(n), *kept;

	segment_path(path, sizeof(path), 1, "");
	segment_path(aside, sizeof(aside), 1, SEGMENT_ASIDE);
	for (int kind = 0; kind < ODD_KINDS; kind++) {
		struct spool *s;
		struct seen seen;
		struct spool_replayed r;

		memcpy(odd, bytes, n);
		make_odd(odd, (enum odd)kind);
		restore(path, odd, n);
		s = open_conf(&conf);
		r = replay(s, 0, &seen);
		cr_expect(seen_just(&seen, RECORDS + 1, 2 * RECORDS), "kind %d", kind);
		cr_expect_eq(r.unreadable, 1, "kind %d", kind);
		cr_expect_eq(r.missing, RECORDS, "kind %d", kind);
		free(seen.seqs);
		spool_release(s, spool_last(s));
		spool_close(s);
		cr_assert_not(segment_there(1, ""));
		kept = slurp(aside, &m);
		cr_expect(m == n && memcmp(kept, odd, n) == 0, "kind %d", kind);
		free(kept);
		/* and not looked at again */
		s = open_conf(&conf);
		cr_expect_eq(replay(s, 0, NULL).unreadable, 0);
		spool_close(s);
	}
	cr_expect_eq(logged("state=unreadable"), ODD_KINDS);
	free(bytes);
	free(odd);
}

/* The only one is not ours: its numbers are not given again, neither at once nor after one more start. */
Test(spool_damage, numbers_of_what_was_set_aside)
{
	struct spool_conf conf = rig_conf();
	size_t n, ends[RECORDS + 1];
	char path[200], *bytes = two_segments(RECORDS + 1, &n, ends);
	struct spool *s;

	segment_path(path, sizeof(path), RECORDS + 1, "");
	make_odd(bytes, OTHER_VERSION);
	spill(path, bytes, n);
	for (int i = 0; i < 2; i++) {
		s = open_and_replay(&conf, 0);
		cr_expect_geq(spool_last(s), 2 * RECORDS);
		spool_close(s);
	}
	/* one of the same name is there already: neither is lost */
	spill(path, "something else, long enough to be taken for a header", 52);
	s = open_and_replay(&conf, 0);
	spool_close(s);
	cr_expect(segment_there(RECORDS + 1, "") && segment_there(RECORDS + 1, SEGMENT_ASIDE));
	free(bytes);
}

/* Names that look like ours, and things that are no files. */
Test(spool_damage, strange_folder)
{
	static const char *const names[] = { "spool.", "spool.1", "spool.000000000000000G",
		"spool.0000000000000001x", "spool.00000000000000011", "spool.000000000000000A",
		"spool.0000000000000000", "spool.ffffffffffffffff", "spool.ffffffffffffffff.unreadable",
		"spool.new", "other" };
	struct spool_conf conf = rig_conf();
	struct spool *s;
	struct spool_replayed r;
	char path[200];

	cr_assert_eq(mkdir(rig_dir, 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", rig_dir, names[i]);
		spill(path, "rubbish", 7);
	}
	segment_path(path, sizeof(path), 2, "");
	cr_assert_eq(mkdir(path, 0700), 0);
	segment_path(path, sizeof(path), 3, "");
	cr_assert_eq(mkfifo(path, 0600), 0);
	segment_path(path, sizeof(path), 4, "");
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	s = open_conf(&conf);
	r = replay(s, 0, NULL);
	cr_expect_eq(r.records, 0);
	cr_expect_eq(r.unreadable, 3);
	cr_expect_geq(spool_last(s), 4);
	cr_expect_lt(spool_last(s), 100);
	add_all(s, 3);
	spool_release(s, spool_last(s));
	spool_close(s);
	s = open_conf(&conf);
	cr_expect_eq(replay(s, 0, NULL).records, 3);
	spool_close(s);
}

/* What comes then stands where a start can read it; so do the `left` records in front of the cut. */
static void
cut_off(off_t size, unsigned left)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0);
	struct seen seen;
	char path[200];

	add_all(s, 5);
	segment_path(path, sizeof(path), 1, "");
	cr_assert_eq(truncate(path, size), 0);
	add_all(s, 5);
	cr_expect_eq(logged("state=segment-cut-off"), 1);
	spool_close(s);
	s = open_conf(&conf);
	cr_expect_eq(replay(s, 0, &seen).missing, 5 - left);
	cr_expect_not(seen.wrong);
	cr_assert_eq(seen.n, 5 + left);
	cr_expect_eq(seen.seqs[left], 6);
	free(seen.seqs);
	spool_close(s);
}

Test(spool_damage, cut_off_under_our_feet)
{
	cut_off(0, 0);
}

Test(spool_damage, cut_off_within_a_record)
{
	char room[RIG_PAYLOAD_MAX];

	cut_off((off_t)(SEGMENT_HEADER + SEGMENT_RECORD_HEADER + payload_of(1, room).n + 9), 1);
}
