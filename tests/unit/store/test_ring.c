/* SPDX-License-Identifier: ISC */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/xalloc.h"
#include "spool_rig.h"
#include "store/ring.h"
#include "store/thread.h"

TestSuite(ring, .init = rig_set_up, .fini = rig_tear_down, .timeout = 60);

static struct ring *
make(uint64_t bytes)
{
	struct ring *r = NULL;

	(void)mkdir(rig_dir, 0700);
	cr_assert_eq(ring_make(rig_dir, "ring", bytes, &r), 0);
	return r;
}

static bool
put(struct ring *r, uint64_t seq)
{
	char room[RIG_PAYLOAD_MAX];

	return ring_put(r, seq, payload_of(seq, room));
}

/* What waits, in order, from number `from` on; takes out `take` of it. Returns how many there were. */
static unsigned
check_waiting(struct ring *r, uint64_t from, unsigned take)
{
	struct ring_walk w = ring_walk(r), taken = w;
	char room[RIG_PAYLOAD_MAX];
	struct str payload;
	uint64_t seq;
	unsigned n = 0;

	while (ring_next(r, &w, &seq, &payload)) {
		cr_assert_eq(seq, from + n);
		cr_assert(str_eq(payload, payload_of(seq, room)));
		if (++n <= take)
			taken = w;
	}
	cr_assert_not(w.damaged);
	ring_take(r, &taken);
	return n;
}

/* Through its end many times, however much waits. */
Test(ring, first_in_first_out)
{
	struct ring *r = make(0);
	uint64_t in = 0, out = 0;
	uint32_t x = 9;

	for (int round = 0; round < 5000; round++) {
		unsigned n = next_random(&x) % 100, take = next_random(&x) % 110;

		while (n-- && put(r, in + 1))
			in++;
		cr_assert_eq(check_waiting(r, out + 1, take), in - out);
		out += in - out < take ? in - out : take;
		cr_assert_eq(ring_waiting(r) == 0, in == out);
	}
	cr_assert_gt(in, 100000);
	ring_close(r, true);
	cr_assert_eq(rig_each(NULL, NULL), 0, "its file is gone");
}

/* A record of half the ring finds room when it is empty, wherever it stood; one byte more than all never. */
Test(ring, room)
{
	struct ring *r = make(RING_BYTES_MIN);
	static char big[RING_BYTES_MIN];
	const size_t half = RING_BYTES_MIN / 2 - RING_RECORD_HEADER;
	uint64_t seq = 0;

	for (unsigned at = 0; at < RING_BYTES_MIN; at += 4096 - 8) {
		struct ring_walk w;
		struct str p;
		uint64_t got = 0;

		cr_assert(ring_put(r, ++seq, (struct str){ big, 4096 - 8 - RING_RECORD_HEADER }));
		w = ring_walk(r);
		cr_assert(ring_next(r, &w, &got, &p));
		ring_take(r, &w);
		cr_assert(ring_put(r, ++seq, (struct str){ big, half }), "at %u", at);
		w = ring_walk(r);
		cr_assert(ring_next(r, &w, &got, &p));
		cr_assert_eq(p.n, half);
		ring_take(r, &w);
		cr_assert_eq(ring_waiting(r), 0);
	}
	cr_assert_not(ring_put(r, 1, (struct str){ big, RING_BYTES_MIN - RING_RECORD_HEADER + 1 }));
	ring_close(r, true);
	/* to the last byte, and none beyond */
	r = make(RING_BYTES_MIN);
	cr_assert(ring_put(r, 1, (struct str){ big, half }));
	cr_assert(ring_put(r, 2, (struct str){ big, half }));
	cr_assert_not(ring_put(r, 3, STR_NONE));
	ring_close(r, true);
}

/* An empty ring begins anew: one whose reader keeps up needs a few pages only. */
Test(ring, stays_small)
{
	struct ring *r = make(64 << 20);
	struct stat st;

	for (uint64_t seq = 1; seq <= 200000; seq++) {
		cr_assert(put(r, seq));
		cr_assert_eq(check_waiting(r, seq, 1), 1);
	}
	cr_assert_eq(stat(ring_path(r), &st), 0);
	cr_assert_leq(st.st_blocks, (512 << 10) / 512, "%ld blocks", (long)st.st_blocks);
	/* and has its memory back after a time when he did not */
	for (uint64_t seq = 1; seq <= 200000; seq++)
		cr_assert(put(r, seq));
	ring_trim(r);
	cr_assert_eq(stat(ring_path(r), &st), 0);
	cr_assert_gt(st.st_blocks, (20 << 20) / 512);
	cr_assert_eq(check_waiting(r, 1, UINT32_MAX), 200000);
	ring_trim(r);
	cr_assert_eq(stat(ring_path(r), &st), 0);
	cr_assert_leq(st.st_blocks, (1 << 20) / 512, "%ld blocks", (long)st.st_blocks);
	for (uint64_t seq = 1; seq <= 200000; seq++)
		cr_assert(put(r, seq));
	cr_assert_eq(check_waiting(r, 1, UINT32_MAX), 200000);
	ring_close(r, true);
}

/* A file system without room refuses; nothing is ever written where there is no memory. */
Test(ring, no_room_for_the_file)
{
	struct ring *r;
	char path[128];
	uint64_t seq = 0;

	if (!small_disk()) {
		cr_log_info("no_room_for_the_file: left out, no private mount");
		return;
	}
	cr_assert_eq(mkdir(rig_dir, 0700), 0);
	cr_assert_eq(ring_make(rig_dir, "ring", 16 << 20, &r), ERR_IO, "less than it begins with");
	cr_assert_eq(errno, ENOSPC);
	cr_assert_eq(rig_each(NULL, NULL), 0);
	cr_assert_eq(mount("none", rig_base, NULL, MS_REMOUNT, "size=800k"), 0);
	r = make(16 << 20);
	while (put(r, seq + 1))
		seq++;
	cr_assert_gt(ring_waiting(r), 500 << 10);
	cr_assert_leq(ring_waiting(r), 800 << 10);
	snprintf(path, sizeof(path), "%s/filler", rig_base);
	cr_assert_eq(mount("none", rig_base, NULL, MS_REMOUNT, "size=1600k"), 0);
	cr_assert(put(r, ++seq));
	fill_disk(path);
	while (put(r, seq + 1))
		seq++;
	cr_assert_eq(check_waiting(r, 1, 0), seq);
	ring_close(r, true);
	unlink(path);
	rig_tear_down();
	umount(rig_base);
}

/* The process goes without a word, in the middle of putting something in. */
Test(ring, outlives_the_process)
{
	for (int round = 0; round < 20; round++) {
		char path[200];
		struct ring *r = make(1 << 20), *again = NULL;
		_Atomic uint64_t *told =
		    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		uint64_t before;
		unsigned n;
		pid_t pid;

		cr_assert(told != MAP_FAILED);
		snprintf(path, sizeof(path), "%s", ring_path(r));
		pid = fork();
		if (pid == 0)
			for (uint64_t seq = 1;; seq++) {
				if (!put(r, seq))
					pause();
				*told = seq;
			}
		cr_assert_eq(ring_adopt(path, &again), ERR_BUSY);
		ring_close(r, false);
		while (*told < (uint64_t)round * 40 + 1)
			;
		kill(pid, SIGKILL);
		cr_assert_eq(waitpid(pid, NULL, 0), pid);
		before = *told;
		cr_assert_eq(ring_adopt(path, &again), 0);
		n = check_waiting(again, 1, 1);
		cr_assert(n == before || n == before + 1, "%u of %u", n, (unsigned)before);
		/* and goes on where it was */
		if (put(again, n + 1))
			cr_assert_eq(check_waiting(again, 2, 0), n);
		ring_close(again, true);
		munmap((void *)told, 4096);
	}
}

/* Every byte of it changed in turn: what comes back is a record that was put in, or nothing. */
Test(ring, damage)
{
	struct ring *r = make(RING_BYTES_MIN), *again;
	char path[200], *bytes, room[RIG_PAYLOAD_MAX];
	struct str payload;
	size_t size;
	uint64_t seq;

	for (seq = 1; seq <= 5; seq++)
		cr_assert(put(r, seq));
	snprintf(path, sizeof(path), "%s", ring_path(r));
	ring_close(r, false);
	bytes = slurp(path, &size);
	for (size_t at = 0, step; at < RING_HEADER + 1000; at += step) {
		struct ring_walk w;
		int rc;

		step = at > 200 && at < RING_HEADER ? 64 : 1;
		bytes[at] ^= (char)(1 + at % 255);
		spill(path, bytes, size);
		bytes[at] ^= (char)(1 + at % 255);
		rc = ring_adopt(path, &again);
		cr_assert(rc == 0 || rc == ERR_CORRUPT, "%d", rc);
		if (rc)
			continue;
		w = ring_walk(again);
		while (ring_next(again, &w, &seq, &payload))
			cr_assert(str_eq(payload, payload_of(seq, room)), "byte %zu", at);
		ring_take(again, &w);
		ring_close(again, false);
	}
	/* shorter, longer, nothing: what is not there is never looked at */
	for (size_t n = 0; n <= size; n += 1000) {
		spill(path, bytes, n);
		cr_assert_eq(ring_adopt(path, &again), ERR_CORRUPT);
	}
	free(bytes);
	unlink(path);
	cr_assert_eq(ring_adopt(path, &again), ERR_IO);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	cr_assert_eq(ring_adopt(path, &again), ERR_IO, "a link is not followed");
	cr_assert_eq(ring_adopt("/dev/null", &again), ERR_CORRUPT);
}

/* Positions that no process leaves behind, each where the rest is right. */
Test(ring, positions_that_cannot_be)
{
	enum { HEAD = 64, BASE = 72, TAIL = 128 };
	static const struct {
		uint64_t head, base, tail;
		int rc;
	} rows[] = {
		{ 4096, 0, 4096, 0 },
		{ 4096, 4096, 4096, 0 },
		{ 4096, 0, 4104, ERR_CORRUPT },
		{ RING_BYTES_MIN + 8, 8, 8, 0 },
		{ RING_BYTES_MIN + 8, 8, 0, ERR_CORRUPT },
		{ 4097, 0, 4096, ERR_CORRUPT },
		{ 4096, 0, 4095, ERR_CORRUPT },
		{ 4096, 4, 4096, ERR_CORRUPT },
		{ 4096, 4104, 4096, ERR_CORRUPT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ring *r = make(RING_BYTES_MIN), *again = NULL;
		char path[256];
		int fd;

		snprintf(path, sizeof(path), "%s", ring_path(r));
		ring_close(r, false);
		fd = open(path, O_RDWR);
		cr_assert_geq(fd, 0);
		cr_assert_eq(pwrite(fd, &rows[i].head, 8, HEAD), 8);
		cr_assert_eq(pwrite(fd, &rows[i].base, 8, BASE), 8);
		cr_assert_eq(pwrite(fd, &rows[i].tail, 8, TAIL), 8);
		cr_assert_eq(ring_adopt(path, &again), rows[i].rc, "row %zu", i);
		ring_close(again, false);
		/* nor is it one of half a page more */
		cr_assert_eq(ftruncate(fd, RING_HEADER + RING_BYTES_MIN + RING_HEADER / 2), 0);
		cr_assert_eq(ring_adopt(path, &again), ERR_CORRUPT);
		close(fd);
		unlink(path);
	}
}

Test(ring, record_cap)
{
	struct ring *r = make(4 * (uint64_t)SPOOL_RECORD_MAX);
	char *big = xcalloc(1, SPOOL_RECORD_MAX + 1);

	cr_assert(ring_put(r, 1, (struct str){ big, SPOOL_RECORD_MAX }));
	cr_assert_not(ring_put(r, 2, (struct str){ big, SPOOL_RECORD_MAX + 1 }));
	xfree(big);
	ring_close(r, true);
}

Test(ring, where_it_is)
{
	struct ring *r = make(RING_BYTES_MIN);
	struct stat st;

	cr_assert_eq(stat(ring_path(r), &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_not(ring_gone(r));
	unlink(ring_path(r));
	cr_assert(ring_gone(r));
	cr_assert(put(r, 1), "it works all the same");
	ring_close(r, true);
	cr_assert_eq(ring_make(NULL, "ring", 0, &r), 0);
	cr_assert_eq(ring_path(r), NULL);
	cr_assert_not(ring_gone(r));
	cr_assert(ring_in_memory(r));
	cr_assert(put(r, 1));
	cr_assert_eq(check_waiting(r, 1, 1), 1);
	ring_close(r, true);
	cr_assert_eq(ring_make("/nonexistent", "ring", 0, &r), ERR_IO);
}

/* Somebody cuts it off under our feet, wherever: what waited is gone, and it goes on empty. */
Test(ring, cut_off)
{
	for (off_t left = 0; left <= 3 * RING_HEADER; left += RING_HEADER) {
		struct ring *r = make(RING_BYTES_MIN);
		struct ring_walk w;
		struct str payload;
		uint64_t seq;

		ring_guard(r);
		for (uint64_t n = 1; n <= 200; n++)
			cr_assert(put(r, n));
		w = ring_walk(r);
		cr_assert(ring_next(r, &w, &seq, &payload));
		cr_assert_eq(truncate(ring_path(r), left), 0);
		cr_assert(ring_gone(r));
		while (ring_next(r, &w, &seq, &payload))
			cr_assert_lt(seq, 200);
		cr_assert(w.damaged);
		ring_take(r, &w);
		w = ring_walk(r);
		while (ring_next(r, &w, &seq, &payload)) {
		}
		ring_take(r, &w);
		cr_assert_eq(ring_waiting(r), 0);
		cr_assert(put(r, 201));
		cr_assert_eq(check_waiting(r, 201, 1), 1);
		cr_assert(ring_gone(r));
		ring_close(r, true);
	}
}

/* Its first page is still there: that the rest is not, who puts something in finds out half way. */
Test(ring, cut_off_while_something_is_put_in)
{
	struct ring *r = make(RING_BYTES_MIN);

	ring_guard(r);
	for (uint64_t n = 1; n <= 20; n++)
		cr_assert(put(r, n));
	cr_assert_eq(check_waiting(r, 1, 20), 20);
	cr_assert_eq(truncate(ring_path(r), RING_HEADER), 0);
	cr_assert(put(r, 21));
	cr_assert(ring_gone(r));
	cr_assert(put(r, 22));
	cr_assert_eq(check_waiting(r, 21, 2), 2);
	ring_close(r, true);
}

static void *
walk_all(void *ring)
{
	struct ring_walk w = ring_walk(ring);
	struct str payload;
	uint64_t seq;

	while (ring_next(ring, &w, &seq, &payload)) {
	}
	ring_take(ring, &w);
	return NULL;
}

/* The first to come upon it may be the carrier or another of our threads. */
Test(ring, cut_off_under_another_thread)
{
	struct ring *r = make(RING_BYTES_MIN);
	pthread_t reader;

	ring_guard(r);
	cr_assert(put(r, 1));
	cr_assert_eq(truncate(ring_path(r), 0), 0);
	cr_assert_eq(thread_start(&reader, walk_all, r), 0);
	pthread_join(reader, NULL);
	cr_assert_eq(ring_waiting(r), 0);
	cr_assert(put(r, 2));
	cr_assert_eq(check_waiting(r, 2, 1), 1);
	ring_close(r, true);
}

/* Two threads at full speed. */
static struct ring *shared;
enum { THROUGH = 300000 };

static void *
put_all(void *arg)
{
	(void)arg;
	for (uint64_t seq = 1; seq <= THROUGH; seq++)
		while (!put(shared, seq))
			usleep(10);
	return NULL;
}

Test(ring, two_threads)
{
	pthread_t writer;
	uint64_t out = 0;

	shared = make(256 << 10);
	cr_assert_eq(pthread_create(&writer, NULL, put_all, NULL), 0);
	while (out < THROUGH)
		out += check_waiting(shared, out + 1, UINT32_MAX);
	pthread_join(writer, NULL);
	cr_assert_eq(ring_waiting(shared), 0);
	ring_close(shared, true);
}
