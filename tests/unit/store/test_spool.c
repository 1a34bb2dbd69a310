/* SPDX-License-Identifier: ISC */
/* The spool as its callers know it: numbers, order, caps, release, reading beside the writer. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "spool_rig.h"
#include "store/spool_state.h"

TestSuite(spool, .init = rig_set_up, .fini = rig_tear_down, .timeout = 60);

Test(spool, what_was_committed_comes_back)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_conf(&conf);
	struct spool_replayed r = replay(s, 0, NULL);
	struct seen seen;

	cr_assert_eq(r.records + r.segments + r.missing, 0);
	cr_assert_eq(spool_last(s), 0);
	for (uint64_t i = 1; i <= 1000; i++) {
		cr_assert_eq(add(s), i);
		if (i % 7 == 0)
			cr_assert_eq(spool_commit(s), 0);
	}
	cr_assert_eq(spool_commit(s), 0);
	cr_assert_eq(spool_commit(s), 0, "nothing to do is no failure");
	cr_expect_eq(stats_of(s).committed, 1000);
	cr_expect_eq(stats_of(s).commits, 143);
	cr_expect_eq(stats_of(s).bytes, bytes_on_disk());
	cr_expect(spool_healthy(s));
	spool_close(s);

	s = open_conf(&conf);
	r = replay(s, 0, &seen);
	cr_expect(seen_just(&seen, 1, 1000));
	cr_expect_eq(r.records, 1000);
	cr_expect_eq(r.torn + r.damaged + r.unreadable + r.missing, 0);
	cr_assert_eq(add(s), 1001);
	free(seen.seqs);
	spool_close(s); /* commits */

	s = open_conf(&conf);
	r = replay(s, 990, &seen);
	cr_expect(seen_just(&seen, 991, 1001));
	cr_expect_eq(r.skipped, 990);
	cr_expect_eq(r.segments, 2);
	free(seen.seqs);
	spool_close(s);
}

/* Starts without traffic leave one small file, and no number is wasted or taken for a lost one. */
Test(spool, many_starts)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	struct spool_replayed r;

	for (uint64_t i = 1; i <= 20; i++) {
		s = open_conf(&conf);
		r = replay(s, 0, NULL);
		cr_assert_eq(r.records, (i - 1) / 2);
		cr_assert_eq(r.missing, 0);
		if (i % 2 == 0)
			cr_assert_eq(add(s), i / 2);
		spool_close(s);
	}
	cr_assert_eq(rig_each(NULL, NULL), 1 + 10, "the lock and ten segments");
}

Test(spool, an_empty_segment_is_replaced)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	struct buf b;
	char path[200];
	struct spool_replayed r;

	cr_assert_eq(mkdir(rig_dir, 0700), 0);
	segment_path(path, sizeof(path), 77, "");
	buf_init(&b, 0);
	segment_header(&b, 77, 1);
	spill(path, buf_str(&b).p, b.len);
	buf_fini(&b);
	s = open_conf(&conf);
	replay(s, 0, NULL);
	cr_assert_eq(spool_last(s), 76, "the file's name carries the numbers on");
	cr_assert_eq(stats_of(s).segments, 1);
	cr_assert_eq(add(s), 77);
	cr_assert_eq(spool_commit(s), 0);
	cr_assert_eq(stats_of(s).segments, 1);
	cr_assert_eq(stats_of(s).bytes, bytes_on_disk());
	spool_close(s);
	s = open_conf(&conf);
	r = replay(s, 76, NULL);
	cr_assert_eq(r.records, 1);
	cr_assert_eq(r.missing, 0);
	spool_close(s);
}

Test(spool, numbers_go_on_behind_the_marks)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 500);

	cr_assert_eq(add(s), 501);
	spool_close(s);
	s = open_conf(&conf);
	spool_used_up_to(s, 9000);
	replay(s, 500, NULL);
	cr_assert_eq(add(s), 9001);
	cr_assert_eq(spool_commit(s), 0);
	spool_close(s);
	/* the highest number there is */
	s = open_conf(&conf);
	spool_used_up_to(s, SPOOL_SEQ_MAX - 1);
	replay(s, 0, NULL);
	cr_assert_eq(append_next(s, "x", 1), SPOOL_SEQ_MAX);
	cr_assert_eq(spool_commit(s), 0);
	spool_close(s);
	s = open_conf(&conf);
	cr_assert_eq(spool_replay(s, SPOOL_SEQ_MAX + 1, note_record, NULL, NULL), ERR_RANGE);
	cr_assert_eq(replay(s, SPOOL_SEQ_MAX - 1, NULL).records, 1);
	cr_assert_eq(spool_last(s), SPOOL_SEQ_MAX);
	spool_close(s);
}

Test(spool, gaps_are_told)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 10);
	struct spool_replayed r;

	add_all(s, 3); /* 11, 12, 13 */
	spool_close(s);
	s = open_conf(&conf);
	spool_used_up_to(s, 20);
	r = replay(s, 10, NULL);
	cr_expect_eq(r.missing, 0);
	add_all(s, 1); /* 21 */
	spool_close(s);
	cr_expect_eq(logged("state=gap"), 0);
	s = open_conf(&conf);
	r = replay(s, 8, NULL);
	cr_expect_eq(r.missing, 2 + 7);
	cr_expect_eq(logged("state=gap"), 2);
	spool_close(s);
	s = open_conf(&conf);
	r = replay(s, 15, NULL);
	cr_expect_eq(r.missing, 5);
	spool_close(s);
}

Test(spool, one_daemon_a_folder)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_conf(&conf), *t = NULL;
	pid_t pid;
	int status;

	cr_assert_eq(spool_open(&conf, &t, rig_why, sizeof(rig_why)), ERR_BUSY);
	cr_assert_null(t);
	cr_assert(strstr(rig_why, "in use"));
	pid = fork();
	if (pid == 0)
		_exit(spool_open(&conf, &t, rig_why, sizeof(rig_why)) == ERR_BUSY ? 7 : 1);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	spool_close(s);
	s = open_conf(&conf);
	spool_close(s);
	spool_close(NULL);
}

static void
check_mode(const char *path, void *arg)
{
	struct stat st;

	(void)arg;
	cr_expect_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600, "%s: %o", path, st.st_mode & 07777);
}

Test(spool, nobody_else_reads_it)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	struct stat st;

	umask(0);
	s = open_and_replay(&conf, 0);
	add_all(s, 1);
	cr_expect_eq(rig_each(check_mode, NULL), 2);
	cr_expect_eq(stat(rig_dir, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0700);
	spool_close(s);
}

Test(spool, what_cannot_be_opened)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = NULL;
	char path[200];

	snprintf(path, sizeof(path), "%s/no/such", rig_base);
	conf.dir = path;
	cr_expect_eq(spool_open(&conf, &s, rig_why, sizeof(rig_why)), ERR_IO);
	cr_expect(strstr(rig_why, "no/such"));
	spill(rig_dir, "x", 1);
	conf.dir = rig_dir;
	cr_expect_eq(spool_open(&conf, &s, rig_why, sizeof(rig_why)), ERR_IO);
	unlink(rig_dir);
	conf.max_bytes = 0;
	cr_expect_eq(spool_open(&conf, &s, rig_why, sizeof(rig_why)), ERR_RANGE);
	cr_expect_null(s);
}

Test(spool, append_before_replay, .signal = SIGABRT)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_conf(&conf);

	rig_tear_down(); /* nobody comes back here */
	if (append_next(s, "x", 1) == 0)
		spool_close(s);
}

Test(spool, largest_record)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0);
	char *p = calloc(1, SPOOL_RECORD_MAX + 1);
	struct seen seen;

	cr_assert_eq(append_next(s, p, SPOOL_RECORD_MAX + 1), 0);
	cr_expect_eq(stats_of(s).refused, 1);
	cr_expect(spool_healthy(s));
	cr_assert_eq(append_next(s, p, SPOOL_RECORD_MAX), 1);
	cr_assert_eq(spool_commit(s), 0);
	add_all(s, 1);
	spool_close(s);
	s = open_conf(&conf);
	cr_assert_eq(replay(s, 0, &seen).records, 2);
	cr_assert(seen.seqs[0] == 1 && seen.seqs[1] == 2);
	free(seen.seqs);
	free(p);
	spool_close(s);
}

/* At the cap and one beyond, for a record alone, and for one behind others in batch and file. */
Test(spool, max_bytes)
{
	enum { MAX = 5000, OVERHEAD = SEGMENT_HEADER + SEGMENT_RECORD_HEADER };
	struct spool_conf conf = rig_conf();
	struct spool *s;
	char p[MAX] = "";
	size_t used, spare = 1000;

	conf.max_bytes = MAX;
	s = open_and_replay(&conf, 0);
	cr_assert_eq(append_next(s, p, MAX - OVERHEAD + 1), 0);
	cr_expect_eq(stats_of(s).refused, 1);
	cr_expect_not(spool_healthy(s));
	cr_expect_eq(logged("state=full"), 1);
	cr_assert_eq(append_next(s, p, MAX - OVERHEAD - spare), 1, "a refused one takes no number");
	cr_expect(spool_healthy(s));
	used = MAX - spare; /* with the header that is to come */
	cr_assert_eq(append_next(s, p, MAX - used - SEGMENT_RECORD_HEADER + 1), 0);
	cr_assert_eq(append_next(s, p, 100), 2);
	cr_assert_eq(spool_commit(s), 0);
	used += SEGMENT_RECORD_HEADER + 100;
	cr_expect_eq(bytes_on_disk(), used);
	/* one more segment may be begun */
	cr_assert_eq(append_next(s, p, MAX - used - OVERHEAD + 1), 0);
	cr_assert_eq(append_next(s, p, MAX - used - OVERHEAD), 3);
	cr_assert_eq(spool_commit(s), 0);
	cr_expect_eq(bytes_on_disk(), MAX);
	cr_assert_eq(append_next(s, p, 0), 0);
	cr_expect_eq(logged("state=full"), 1, "an outage is told once");
	/* all of it is in the database now: the room comes back at once */
	spool_release(s, 3);
	cr_assert_eq(append_next(s, p, MAX - 2 * OVERHEAD), 4);
	cr_assert_eq(spool_commit(s), 0);
	cr_expect(segment_goes(1) && segment_goes(3));
	cr_expect(bytes_on_disk() <= MAX);
	cr_expect_eq(stats_of(s).bytes, bytes_on_disk());
	spool_close(s);
}

/* The room is all taken by what was left over; none of it is needed. */
Test(spool, full_of_leftovers)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;

	conf.max_bytes = 1000;
	s = open_and_replay(&conf, 0);
	cr_assert_eq(append_next(s, (char[900]){ 0 }, 900), 1);
	spool_close(s);
	s = open_and_replay(&conf, 1);
	cr_assert_eq(append_next(s, (char[500]){ 0 }, 500), 0);
	spool_release(s, 1);
	cr_assert_eq(append_next(s, (char[500]){ 0 }, 500), 2);
	cr_assert_eq(spool_commit(s), 0);
	cr_assert(segment_goes(1));
	spool_close(s);
}

Test(spool, segments_come_and_go)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	struct spool_stats st;
	struct seen seen;

	conf.segment_bytes = 4000;
	s = open_and_replay(&conf, 0);
	add_all(s, 400);
	st = stats_of(s);
	cr_assert(st.segments > 10 && st.segments < 40, "%llu", (unsigned long long)st.segments);
	cr_assert_eq(st.bytes, bytes_on_disk());
	spool_release(s, 0);
	cr_expect(segment_there(1, ""));
	spool_release(s, 200);
	cr_expect(segment_goes(1));
	spool_release(s, 100); /* no way back */
	cr_expect(stats_of(s).segments < st.segments);
	spool_close(s);

	s = open_conf(&conf);
	replay(s, 200, &seen);
	cr_expect(seen_just(&seen, 201, 400), "nothing that is needed went");
	free(seen.seqs);
	/* numbers that come later are not meant */
	spool_release(s, UINT64_MAX);
	cr_expect_eq(stats_of(s).segments, 1, "the newest stays");
	add_all(s, 100);
	spool_close(s);
	s = open_conf(&conf);
	replay(s, 400, &seen);
	cr_expect(seen_just(&seen, 401, 500));
	free(seen.seqs);
	spool_close(s);
}

/* A large newest segment goes with the next commit, a small one may stay. */
Test(spool, the_newest_goes_when_it_is_large)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;

	conf.segment_bytes = 8000;
	s = open_and_replay(&conf, 0);
	cr_assert_eq(append_next(s, (char[100]){ 0 }, 100), 1);
	cr_assert_eq(spool_commit(s), 0);
	spool_release(s, 1);
	cr_assert_eq(append_next(s, (char[1900]){ 0 }, 1900), 2);
	cr_assert_eq(spool_commit(s), 0);
	cr_expect_eq(stats_of(s).segments, 1);
	cr_assert_eq(append_next(s, "", 0), 3);
	cr_assert_eq(spool_commit(s), 0);
	cr_expect_eq(stats_of(s).segments, 1, "2 is still needed");
	spool_release(s, 3);
	cr_expect(segment_there(1, ""));
	cr_assert_eq(append_next(s, "", 0), 4);
	cr_assert_eq(spool_commit(s), 0);
	cr_expect(segment_goes(1));
	cr_expect(segment_there(4, ""));
	cr_expect_eq(stats_of(s).bytes, bytes_on_disk());
	spool_close(s);
}

/* One batch is never divided, however large. */
Test(spool, batch_larger_than_a_segment)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	struct seen seen;

	conf.segment_bytes = 1000;
	s = open_and_replay(&conf, 0);
	for (int i = 0; i < 300; i++)
		cr_assert_neq(add(s), 0);
	cr_assert_eq(spool_commit(s), 0);
	cr_expect_eq(stats_of(s).segments, 1);
	add_all(s, 1);
	cr_expect_eq(stats_of(s).segments, 2);
	spool_close(s);
	s = open_conf(&conf);
	replay(s, 0, &seen);
	cr_expect(seen_just(&seen, 1, 301));
	free(seen.seqs);
	spool_close(s);
}

Test(spool, removed_under_our_feet)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0);
	struct seen seen;
	char path[200];

	add_all(s, 5);
	segment_path(path, sizeof(path), 1, "");
	cr_assert_eq(unlink(path), 0);
	add_all(s, 5);
	cr_expect_eq(logged("state=segment-removed"), 1);
	cr_expect_eq(stats_of(s).bytes, bytes_on_disk());
	spool_close(s);
	s = open_conf(&conf);
	cr_expect_eq(replay(s, 0, &seen).missing, 5);
	cr_expect(seen_just(&seen, 6, 10));
	free(seen.seqs);
	spool_close(s);
}

/* The folder too: it is made again, once and with a lock, and what comes then is found there. */
Test(spool, folder_removed_under_our_feet)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0), *other;
	int fd = spool_dir_fd(s);
	struct seen seen;
	char away[200];

	add_all(s, 5);
	snprintf(away, sizeof(away), "%s/away", rig_base);
	cr_assert_eq(rename(rig_dir, away), 0);
	cr_assert_not(spool_made_again(s));
	add_all(s, 5);
	add_all(s, 5);
	cr_expect(spool_made_again(s));
	cr_expect_not(spool_made_again(s));
	cr_expect_eq(spool_dir_fd(s), fd);
	cr_expect_eq(logged("state=removed"), 1);
	cr_expect_eq(stats_of(s).bytes, bytes_on_disk());
	cr_expect_eq(spool_open(&conf, &other, rig_why, sizeof(rig_why)), ERR_BUSY);
	spool_close(s);
	s = open_conf(&conf);
	cr_expect_eq(replay(s, 0, &seen).missing, 5);
	cr_expect(seen_just(&seen, 6, 15));
	free(seen.seqs);
	spool_close(s);
	rig_each(rig_remove, NULL);
	cr_expect_eq(rmdir(rig_dir), 0);
	cr_expect_eq(rename(away, rig_dir), 0); /* for who tidies up */
}

struct reading {
	uint64_t last, n, max;
	bool wrong;
};

static bool
read_on(void *arg, uint64_t seq, struct str payload)
{
	struct reading *r = arg;
	char room[RIG_PAYLOAD_MAX];

	if (seq <= r->last || !str_eq(payload, payload_of(seq, room)))
		r->wrong = true;
	r->last = seq;
	return ++r->n < r->max;
}

Test(spool, read_beside_the_writer)
{
	struct spool_conf conf = rig_conf();
	struct spool *s;
	struct reading r = { .max = UINT64_MAX };

	conf.segment_bytes = 2000;
	s = open_and_replay(&conf, 0);
	cr_assert_eq(spool_read(s, 0, read_on, &r), 0);
	cr_assert_eq(r.n, 0);
	add_all(s, 100);
	cr_assert_neq(add(s), 0); /* not committed */
	cr_assert_eq(spool_read(s, 0, read_on, &r), 0);
	cr_assert(r.n == 100 && r.last == 100 && !r.wrong);
	r = (struct reading){ .last = 42, .max = 30 };
	cr_assert_eq(spool_read(s, 42, read_on, &r), 0);
	cr_assert(r.n == 30 && r.last == 72 && !r.wrong);
	r = (struct reading){ .last = 100, .max = UINT64_MAX };
	cr_assert_eq(spool_read(s, 100, read_on, &r), 0);
	cr_assert_eq(r.n, 0);
	spool_close(s);
	/* left-overs as well */
	s = open_and_replay(&conf, 101);
	r = (struct reading){ .max = UINT64_MAX };
	add_all(s, 9);
	cr_assert_eq(spool_read(s, 0, read_on, &r), 0);
	cr_assert(r.n == 110 && r.last == 110 && !r.wrong);
	spool_close(s);
}

/* The rest is still there, and to be read. */
Test(spool, lock_removed_under_our_feet)
{
	struct spool_conf conf = rig_conf();
	struct spool *s = open_and_replay(&conf, 0), *other;
	struct reading r = { .max = UINT64_MAX };
	char path[200];

	add_all(s, 5);
	snprintf(path, sizeof(path), "%s/spool.lock", rig_dir);
	cr_assert_eq(unlink(path), 0);
	add_all(s, 5);
	cr_expect_eq(spool_open(&conf, &other, rig_why, sizeof(rig_why)), ERR_BUSY);
	cr_expect_eq(logged("state=removed"), 1);
	cr_assert_eq(spool_read(s, 0, read_on, &r), 0);
	cr_expect(r.n == 10 && !r.wrong);
	cr_expect_eq(stats_of(s).bytes, bytes_on_disk());
	spool_close(s);
}

struct drain {
	struct spool *s;
	atomic_bool stop;
	struct reading r;
	int err;
};

static void *
drain(void *arg)
{
	struct drain *d = arg;
	bool last;

	do {
		last = d->stop;
		d->r.max = d->r.n + 500;
		d->err |= spool_read(d->s, d->r.last, read_on, &d->r);
		spool_release(d->s, d->r.last);
		spool_healthy(d->s);
		usleep(500);
	} while (!last || d->r.last < 30000);
	return NULL;
}

/* The two threads of the daemon: what is carried away is all of it, in order, and the room stays small. */
Test(spool, writer_and_carrier)
{
	struct spool_conf conf = rig_conf();
	struct drain d = { .err = 0 };
	pthread_t thread;
	uint64_t most = 0;

	conf.segment_bytes = 20000;
	conf.max_bytes = 8 << 20;
	conf.sync = 1;
	d.s = open_and_replay(&conf, 0);
	cr_assert_eq(pthread_create(&thread, NULL, drain, &d), 0);
	for (unsigned n = 0; n < 30000;) {
		for (unsigned k = 0; k < n % 9 + 1 && n < 30000; k++, n++)
			cr_assert_neq(add(d.s), 0);
		cr_assert_eq(spool_commit(d.s), 0);
		if (stats_of(d.s).bytes > most)
			most = stats_of(d.s).bytes;
	}
	d.stop = true;
	pthread_join(thread, NULL);
	cr_expect_eq(d.err, 0);
	cr_expect_not(d.r.wrong);
	cr_expect_eq(d.r.n, 30000);
	cr_expect_eq(stats_of(d.s).segments, 1);
	cr_expect(most <= conf.max_bytes);
	spool_close(d.s);
	cr_expect_eq(rig_each(NULL, NULL), 2, "the lock and the newest segment");
}
