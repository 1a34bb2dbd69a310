/* SPDX-License-Identifier: ISC */
/* kill -9 at any moment, full disks, disks that say no or are slow. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "spool_rig.h"

/* These stand in front of the C library's. */
static atomic_int fail_ftruncate, fail_fdatasync, fdatasync_ms, fdatasyncs, fsyncs;
int ftruncate(int fd, off_t length);
int fdatasync(int fd);
int fsync(int fd);

int
ftruncate(int fd, off_t length)
{
	if (fail_ftruncate) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ftruncate, fd, length);
}

int
fdatasync(int fd)
{
	fdatasyncs++;
	if (fdatasync_ms)
		usleep((useconds_t)fdatasync_ms * 1000);
	if (fail_fdatasync) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	fsyncs++;
	return (int)syscall(SYS_fsync, fd);
}

TestSuite(spool_crash, .init = rig_set_up, .fini = rig_tear_down, .timeout = 120);

/* ---- kill -9 ---- */

enum { ROUNDS = 50, KEEP = 300 };

/* Writes batches for ever; after each commit the number of its last record goes into the pipe. */
static void
child(int pipe_fd, uint64_t after)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = NULL;
	struct spool_replayed r;
	struct seen seen = seen_new();

	conf.segment_bytes = 30000;
	conf.sync = 1;
	if (spool_open(&conf, &s, rig_why, sizeof(rig_why)) != 0 ||
	    spool_replay(s, after, note_record, &seen, &r) != 0)
		_exit(1);
	spool_release(s, after);
	for (uint32_t x = 99;;) {
		uint64_t seq = 0;

		for (uint32_t n = next_random(&x) % 5 + 1; n; n--)
			seq = add(s);
		if (seq == 0 || spool_commit(s) != 0 || write(pipe_fd, &seq, sizeof(seq)) != sizeof(seq))
			_exit(2);
	}
}

/* The last number that came through the pipe until `at`, or until its end when the writer is gone. */
static uint64_t
listen_until(int fd, int64_t at, uint64_t last)
{
	for (;;) {
		int64_t left = at - clock_now().mono;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t seq;

		if (poll(&p, 1, left < 0 ? 0 : (int)left) <= 0)
			return last;
		if (read(fd, &seq, sizeof(seq)) != sizeof(seq))
			return last;
		last = seq;
	}
}

static uint64_t
live_and_die(uint64_t after, int64_t ms)
{
	int fds[2], status;
	uint64_t acked = 0;
	pid_t pid;

	cr_assert_eq(pipe(fds), 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		child(fds[1], after);
	}
	close(fds[1]);
	acked = listen_until(fds[0], clock_now().mono + ms, acked);
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status), "ended by itself: %d", WEXITSTATUS(status));
	acked = listen_until(fds[0], INT64_MAX / 2, acked);
	close(fds[0]);
	return acked;
}

Test(spool_crash, kill_9)
{
	struct spool_conf conf = rig_conf();
	uint64_t after = 0, last = 0, torn = 0, alive = 0;
	uint32_t x = 20240229;

	conf.segment_bytes = 30000;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t acked = live_and_die(after, next_random(&x) % 25);
		struct spool *s = open_conf(&conf);
		struct seen seen;
		struct spool_replayed r = replay(s, after, &seen);
		uint64_t newest = seen.n ? seen.seqs[seen.n - 1] : after;

		/* A last record of which only a part was written was not answered for; its segment's first
		 * number is skipped when nothing else is in it. */
		cr_assert_not(seen.wrong, "round %d", round);
		for (size_t i = 1; i < seen.n; i++)
			cr_assert_gt(seen.seqs[i], seen.seqs[i - 1]);
		cr_assert(newest >= acked && newest >= last, "round %d: %llu of %llu", round,
		    (unsigned long long)newest, (unsigned long long)acked);
		cr_assert_eq(seen.n + r.missing, newest - after, "round %d", round);
		cr_assert_leq(r.missing, torn);
		cr_assert_eq(r.damaged + r.unreadable, 0, "round %d", round);
		cr_assert_geq(spool_last(s), newest);
		torn += r.torn;
		alive += acked > 0;
		last = newest;
		after = last > KEEP ? last - KEEP : 0;
		free(seen.seqs);
		spool_close(s);
	}
	cr_assert(alive > ROUNDS / 2 && last > 10 * KEEP, "%llu rounds, %llu records",
	    (unsigned long long)alive, (unsigned long long)last);
	cr_log_info("kill_9: %llu records, %llu rounds with answers, %llu torn", (unsigned long long)last,
	    (unsigned long long)alive, (unsigned long long)torn);
}

/* ---- disks ---- */

static void
limit_files(rlim_t bytes)
{
	struct rlimit lim;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &lim), 0);
	lim.rlim_cur = bytes;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

/* Appends n records and commits; all of them must fail together, or be there together. */
static int
commit_batch(struct spool *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cr_assert_neq(add(s), 0);
	return spool_commit(s);
}

/* Every number that was committed comes back; nothing else, but for `extra`, when given: so many of those
 * whose commit failed. */
static void
check_just(const struct spool_conf *conf, const uint64_t *good, size_t n, size_t *extra)
{
	struct spool *s = open_conf(conf);
	struct seen seen;
	struct spool_replayed r = replay(s, 0, &seen);
	size_t found = 0;

	cr_assert_not(seen.wrong);
	for (size_t i = 0; i < seen.n; i++)
		found += found < n && seen.seqs[i] == good[found];
	cr_assert_eq(found, n);
	if (extra)
		*extra = seen.n - n;
	else
		cr_assert_eq(seen.n, n);
	cr_assert_eq(r.damaged + r.unreadable, 0);
	free(seen.seqs);
	spool_close(s);
}

/* Batches of all sizes run into the limit at all places of a record; in between there is room again. */
static void
run_into_the_limit(bool no_cutting)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0);
	uint64_t *good = calloc(100000, sizeof(*good)), lost = 0;
	uint32_t x = 77;
	size_t n = 0, extra = 0;
	unsigned failed = 0;

	fail_ftruncate = no_cutting;
	for (int round = 0; round < 300; round++) {
		uint64_t from = spool_last(s) + 1;
		bool limited = round % 3 != 0;
		int err;

		limit_files(limited ? stats_of(s).bytes / stats_of(s).segments + next_random(&x) % 900
				    : RLIM_INFINITY);
		if (stats_of(s).segments == 0)
			limit_files(RLIM_INFINITY);
		err = commit_batch(s, next_random(&x) % 6 + 1);
		cr_assert_eq(spool_healthy(s), err == 0);
		if (err == 0)
			for (uint64_t seq = from; seq <= spool_last(s); seq++)
				good[n++] = seq;
		else
			lost += spool_last(s) + 1 - from;
		failed += err != 0;
		cr_assert(err == 0 || err == ERR_IO);
		if (!limited)
			cr_assert_eq(err, 0, "round %d", round);
	}
	limit_files(RLIM_INFINITY);
	cr_assert_eq(commit_batch(s, 1), 0);
	good[n++] = spool_last(s);
	cr_expect_eq(stats_of(s).failures, failed);
	cr_expect_eq(stats_of(s).lost, lost);
	cr_expect_eq(stats_of(s).bytes, bytes_on_disk());
	cr_expect(failed > 50 && failed < 200, "%u failed", failed);
	cr_expect_eq(logged("state=failing"), 1, "an outage is told once");
	if (no_cutting)
		cr_expect(stats_of(s).segments > 10);
	else
		cr_expect_eq(stats_of(s).segments, 1);
	spool_close(s);
	check_just(&conf, good, n, no_cutting ? &extra : NULL);
	cr_expect_lt(extra, lost);
	free(good);
}

Test(spool_crash, file_size_limit)
{
	run_into_the_limit(false);
}

/* What was written in part cannot be cut off either: the next batch goes into a new segment. */
Test(spool_crash, file_size_limit_and_no_cutting)
{
	run_into_the_limit(true);
}

/* The same numbers again, whether the first try could be cut off or not: each comes back once. */
static void
try_again(bool no_cutting)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0);
	char room[RIG_PAYLOAD_MAX];
	uint32_t x = 5;
	struct seen seen;
	uint64_t seq = 0;

	fail_ftruncate = no_cutting;
	add_all(s, 1);
	for (seq = 1; seq < 400;) {
		unsigned n = next_random(&x) % 5 + 1;
		bool limited = next_random(&x) % 3 != 0;

		limit_files(limited ? stats_of(s).bytes / stats_of(s).segments + next_random(&x) % 900
				    : RLIM_INFINITY);
		for (unsigned i = 1; i <= n; i++) {
			struct str p = payload_of(seq + i, room);

			cr_assert(spool_append(s, seq + i, p.p, p.n));
		}
		if (spool_commit(s) == 0)
			seq += n;
		cr_assert_eq(spool_committed(s), seq);
	}
	limit_files(RLIM_INFINITY);
	spool_close(s);
	s = open_conf(&conf);
	replay(s, 0, &seen);
	cr_assert(seen_just(&seen, 1, seq));
	cr_assert_eq(spool_committed(s), seq);
	spool_close(s);
	free(seen.seqs);
}

Test(spool_crash, a_failed_batch_is_tried_again)
{
	try_again(false);
}

Test(spool_crash, a_failed_batch_is_tried_again_and_no_cutting)
{
	try_again(true);
}

Test(spool_crash, an_outage_ends_after_a_calm_second)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0);

	add_all(s, 1);
	for (int i = 0; i < 3; i++) {
		limit_files(1);
		cr_assert_eq(commit_batch(s, 1), ERR_IO);
		limit_files(RLIM_INFINITY);
		cr_assert_eq(commit_batch(s, 1), 0);
	}
	cr_expect_eq(logged("state=failing"), 1);
	cr_expect_eq(logged("state=recovered"), 0);
	usleep(1100 * 1000);
	cr_assert_eq(commit_batch(s, 1), 0);
	cr_assert_eq(commit_batch(s, 1), 0);
	cr_expect_eq(logged("state=recovered"), 1);
	spool_close(s);
}

Test(spool_crash, disk_full)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	uint64_t good[400];
	size_t n = 0;
	char path[128];
	unsigned failed = 0;

	if (!small_disk()) {
		cr_log_info("disk_full: left out, no private mount");
		return;
	}
	snprintf(path, sizeof(path), "%s/filler", rig_base);
	s = open_and_replay(&conf, 0);
	for (int round = 0; round < 120; round++) {
		if (round == 30 || round == 80)
			fill_disk(path);
		if (round == 60 || round == 110)
			cr_assert_eq(unlink(path), 0);
		if (commit_batch(s, 3) == 0)
			for (int k = 2; k >= 0; k--)
				good[n++] = spool_last(s) - (uint64_t)k;
		else
			failed++;
	}
	cr_expect(failed > 20, "%u failed", failed);
	cr_assert_eq(commit_batch(s, 1), 0);
	good[n++] = spool_last(s);
	spool_close(s);
	check_just(&conf, good, n, NULL);
	/* full from the beginning: it starts all the same, and works when there is room */
	fill_disk(path);
	s = open_and_replay(&conf, 0);
	cr_assert_eq(commit_batch(s, 1), ERR_IO);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(commit_batch(s, 1), 0);
	good[n++] = spool_last(s);
	spool_close(s);
	check_just(&conf, good, n, NULL);
	rig_tear_down();
	umount(rig_base);
}

/* The disk is full of what is not needed any more: it goes, although no other segment can be begun. */
Test(spool_crash, disk_full_of_released_records)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	int err = 0;

	if (!small_disk()) {
		cr_log_info("disk_full_of_released_records: left out, no private mount");
		return;
	}
	s = open_and_replay(&conf, 0);
	while (!err)
		err = commit_batch(s, 5);
	cr_assert_eq(err, ERR_IO);
	spool_release(s, spool_last(s));
	/* at the latest the third: one finds out, the file goes, one works */
	for (int i = 0; i < 20 && err; i++) {
		err = commit_batch(s, 5);
		usleep(20000);
	}
	cr_assert_eq(err, 0);
	cr_expect(segment_goes(1));
	spool_close(s);
	rig_tear_down();
	umount(rig_base);
}

Test(spool_crash, folder_goes_away)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0);
	int fd;

	add_all(s, 1);
	rig_each(rig_remove, NULL);
	cr_assert_eq(rmdir(rig_dir), 0);
	fd = open(rig_dir, O_CREAT | O_WRONLY, 0600); /* so that it cannot be made again */
	cr_assert(fd >= 0);
	close(fd);
	cr_expect_eq(commit_batch(s, 1), ERR_IO);
	cr_expect_eq(commit_batch(s, 1), ERR_IO);
	cr_expect_not(spool_healthy(s));
	cr_expect_eq(logged("state=removed"), 1);
	unlink(rig_dir);
	cr_expect_eq(commit_batch(s, 1), 0);
	cr_expect(spool_healthy(s));
	spool_close(s);
}

/* ---- syncing ---- */

/* A disk that takes 300 ms for each sync holds nobody up. */
Test(spool_crash, slow_sync)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	int64_t from, slowest = 0, t;

	conf.sync = 0;
	conf.segment_bytes = 20000;
	s = open_and_replay(&conf, 0);
	fdatasync_ms = 300;
	from = clock_now().mono;
	for (int i = 0; i < 2000; i++) {
		t = clock_now().mono;
		add_all(s, 1);
		t = clock_now().mono - t;
		slowest = t > slowest ? t : slowest;
	}
	cr_expect(slowest < 250, "a commit took %lld ms", (long long)slowest);
	cr_expect(clock_now().mono - from < 5000);
	cr_expect(stats_of(s).segments > 3);
	fdatasync_ms = 0;
	spool_close(s);
}

Test(spool_crash, syncs_every_so_often)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	int64_t from = clock_now().mono;
	uint64_t n;

	conf.sync = 100;
	s = open_and_replay(&conf, 0);
	while (clock_now().mono < from + 1000) {
		add_all(s, 1);
		usleep(1000);
	}
	n = stats_of(s).syncs;
	cr_expect(n >= 3 && n <= 12, "%llu syncs in a second", (unsigned long long)n);
	usleep(250 * 1000);
	n = stats_of(s).syncs;
	usleep(250 * 1000);
	cr_expect_eq(stats_of(s).syncs, n, "nothing to sync");
	add_all(s, 1);
	add_all(s, 1);
	n = (uint64_t)fdatasyncs;
	spool_close(s);
	cr_expect_gt(fdatasyncs, (int)n, "once more at the end");
}

/* The other thread has its own pace; what it is to do is asserted afterwards. */
#define WAIT_FOR(cond) \
	for (int i = 0; i < 1000 && !(cond); i++) \
	usleep(5000)

/* Whoever sleeps is woken; and of a new file the folder is synced too, lest a power cut takes it away. */
Test(spool_crash, syncs_after_a_rest)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	int opened;

	conf.sync = 10;
	s = open_and_replay(&conf, 0);
	opened = fsyncs;
	for (int round = 0; round < 3; round++) {
		int before;

		usleep(50000); /* nothing is left to do by then */
		before = fdatasyncs;
		add_all(s, 1);
		WAIT_FOR(fdatasyncs != before && fsyncs != opened);
		cr_assert_gt(fdatasyncs, before, "round %d", round);
		cr_assert_gt(fsyncs, opened);
	}
	spool_close(s);
}

static bool
becomes(struct spool *s, bool healthy)
{
	WAIT_FOR(spool_healthy(s) == healthy);
	return spool_healthy(s) == healthy;
}

/* The thread says it after it is so. */
static int
is_logged(const char *name)
{
	WAIT_FOR(logged(name));
	return logged(name);
}

Test(spool_crash, sync_that_fails)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	uint64_t failures;

	conf.sync = 10;
	s = open_and_replay(&conf, 0);
	add_all(s, 1);
	fail_fdatasync = 1;
	add_all(s, 1);
	cr_assert(becomes(s, false));
	cr_expect_eq(is_logged("sync=failing"), 1);
	cr_assert_eq(commit_batch(s, 1), 0, "commits go on");
	failures = stats_of(s).sync_failures;
	for (int i = 0; i < 2000 && stats_of(s).sync_failures < failures + 2; i++)
		usleep(5000);
	cr_expect_geq(stats_of(s).sync_failures, failures + 2, "it is tried again and again");
	fail_fdatasync = 0;
	cr_assert(becomes(s, true), "it is tried again without being asked");
	cr_expect_eq(is_logged("sync=recovered"), 1);
	cr_expect_gt(stats_of(s).sync_failures, 0);
	fail_fdatasync = 1;
	add_all(s, 1);
	spool_close(s); /* ends all the same */
}
