/* SPDX-License-Identifier: ISC */
#include <pthread.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "spool_rig.h"
#include "store/outbox_state.h"

/*
 * The disk, as this process sees it: while `stalled` a write to a file of the spool does not return. The
 * ring is a file in the folder beside: it is mapped, never written to.
 */
static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t disk_moves = PTHREAD_COND_INITIALIZER;
static bool stalled;
static int in_the_disk;

ssize_t
write(int fd, const void *p, size_t n)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		pthread_mutex_lock(&disk);
		in_the_disk++;
		while (stalled)
			pthread_cond_wait(&disk_moves, &disk);
		in_the_disk--;
		pthread_mutex_unlock(&disk);
	}
	return syscall(SYS_write, fd, p, n);
}

static void
stall(bool on)
{
	pthread_mutex_lock(&disk);
	stalled = on;
	pthread_cond_broadcast(&disk_moves);
	pthread_mutex_unlock(&disk);
}

static void
wait_for_stall(void)
{
	for (int i = 0; i < 2000; i++) {
		int n;

		pthread_mutex_lock(&disk);
		n = in_the_disk;
		pthread_mutex_unlock(&disk);
		if (n)
			return;
		usleep(1000);
	}
	cr_assert_fail("nobody writes");
}

static char memory[100];

static void
set_up(void)
{
	rig_set_up();
	snprintf(memory, sizeof(memory), "%s/memory", rig_base);
	cr_assert_eq(mkdir(memory, 0700), 0);
}

static unsigned
rings(void)
{
	DIR *d = opendir(memory);
	unsigned n = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void
tear_down(void)
{
	DIR *d = opendir(memory);
	char path[400];

	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		snprintf(path, sizeof(path), "%s/%s", memory, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(memory);
	rig_tear_down();
}

TestSuite(outbox, .init = set_up, .fini = tear_down, .timeout = 60);

static struct outbox_conf
conf_of(uint64_t ring_bytes)
{
	return (struct outbox_conf){ .spool = rig_conf(), .ring_dir = memory, .ring_bytes = ring_bytes };
}

static struct outbox *
begin(const struct outbox_conf *conf, uint64_t after, struct seen *seen)
{
	struct outbox *o = NULL;
	int rc = outbox_open(conf, &o, rig_why, sizeof(rig_why));

	cr_assert_eq(rc, 0, "%d: %s", rc, rig_why);
	*seen = seen_new();
	cr_assert_eq(outbox_replay(o, after, note_record, seen, NULL), 0);
	return o;
}

static uint64_t
add_to(struct outbox *o)
{
	char room[RIG_PAYLOAD_MAX];
	struct str p = payload_of(outbox_last(o) + 1, room);

	return outbox_append(o, p.p, p.n);
}

static void
add_some(struct outbox *o, unsigned n)
{
	while (n--)
		cr_assert_neq(add_to(o), 0);
}

static struct outbox_stats
stats(struct outbox *o)
{
	struct outbox_stats st;

	outbox_stats(o, &st);
	return st;
}

Test(outbox, all_of_it_reaches_the_files)
{
	struct outbox_conf conf = conf_of(1 << 20);
	struct seen seen;
	uint64_t total = 0;

	for (int start = 0; start < 4; start++) {
		struct outbox *o = begin(&conf, 0, &seen);

		cr_assert(seen_just(&seen, 1, total));
		free(seen.seqs);
		cr_assert_eq(outbox_last(o), total);
		for (int i = 0; i < 500; i++) {
			cr_assert_eq(add_to(o), ++total);
			if (i % 100 == 0)
				cr_assert(outbox_flush(o, 10000));
		}
		if (start % 2)
			cr_assert(outbox_flush(o, 10000));
		cr_assert_not(outbox_late(o));
		outbox_close(o, 10000);
		cr_assert_eq(rings(), 0, "nothing is left in memory");
		cr_assert_eq(faccessat(AT_FDCWD, "spool.ring", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	}
}

/* Without a word, at any moment: each number that was given is there, once, wherever it stood. */
Test(outbox, kill_9)
{
	struct outbox_conf conf = conf_of(256 << 10);
	uint64_t sure = 0;
	uint32_t x = 3;

	for (int round = 0; round < 25; round++) {
		struct seen seen;
		uint64_t last = sure, seq;
		struct outbox *o;
		int pipes[2];
		pid_t pid;

		cr_assert_eq(pipe(pipes), 0);
		pid = fork();
		if (pid == 0) {
			o = begin(&conf, 0, &seen);
			stalled = round % 3 == 0;
			for (;;) {
				seq = add_to(o);
				if (!seq || write(pipes[1], &seq, sizeof(seq)) != sizeof(seq))
					pause();
			}
		}
		close(pipes[1]);
		for (unsigned n = next_random(&x) % 600 + 1; n; n--)
			if (read(pipes[0], &last, sizeof(last)) != sizeof(last))
				break;
		kill(pid, SIGKILL);
		cr_assert_eq(waitpid(pid, NULL, 0), pid);
		while (read(pipes[0], &seq, sizeof(seq)) == sizeof(seq))
			last = seq;
		close(pipes[0]);
		cr_assert_eq(rings(), 1);
		o = begin(&conf, 0, &seen);
		cr_assert(seen.n == last || seen.n == last + 1, "%zu, told %u", seen.n, (unsigned)last);
		cr_assert(seen_just(&seen, 1, seen.n));
		sure = outbox_last(o);
		cr_assert_eq(sure, seen.n);
		free(seen.seqs);
		if (round % 2)
			cr_assert(outbox_flush(o, 10000));
		outbox_close(o, 10000);
	}
}

/* A disk that hangs: appending goes on at once, is told as late, ends with the ring; nothing is missing. */
Test(outbox, a_disk_that_hangs)
{
	struct outbox_conf conf = conf_of(8 << 20);
	struct seen seen;
	struct outbox *o = begin(&conf, 0, &seen);
	uint64_t before, last, commits;
	int64_t begun;

	free(seen.seqs);
	add_some(o, 10);
	cr_assert(outbox_flush(o, 10000));
	cr_assert(outbox_healthy(o));
	stall(true);
	add_some(o, 10);
	wait_for_stall();
	cr_assert_not(outbox_late(o), "it may still be a moment");
	usleep((OUTBOX_LATE + 50) * 1000);
	cr_assert_not(outbox_late(o), "nobody looked: it may be we that stood still");
	usleep(OUTBOX_LATE / 2 * 1000);
	cr_assert(outbox_late(o) && !outbox_healthy(o));
	begun = clock_now().mono;
	cr_assert(!outbox_flush(o, 200) && clock_now().mono - begun >= 190);
	before = outbox_last(o);
	while (add_to(o))
		;
	cr_assert_gt(outbox_last(o), before + 100);
	cr_assert(add_to(o) == 0 && stats(o).refused == 2);
	cr_assert_eq(logged("ring=full"), 1);
	commits = stats(o).spool.commits;
	stall(false);
	cr_assert(outbox_flush(o, 10000));
	cr_assert_leq(stats(o).spool.commits, commits + 20, "few writes, and large ones");
	cr_assert(outbox_healthy(o));
	stall(true); /* beside a disk that is slow it is full again and again: told once, until it is over */
	while (add_to(o))
		;
	last = outbox_last(o);
	stall(false);
	cr_assert(outbox_flush(o, 10000));
	outbox_tick(o);
	cr_assert(logged("ring=full") == 1 && logged("ring=room") == 0);
	sleep(1);
	outbox_tick(o);
	cr_assert_eq(logged("ring=room"), 1);
	outbox_close(o, 10000);
	o = begin(&conf, 0, &seen);
	cr_assert(seen_just(&seen, 1, last));
	free(seen.seqs);
	outbox_close(o, 10000);
}

/* It hangs when we are told to stop: we do not; the next start has all, and the time that it takes makes
 * nothing late. */
Test(outbox, stopped_while_the_disk_hangs)
{
	struct outbox_conf conf = conf_of(64 << 10);
	struct seen seen;
	struct outbox *o;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		o = begin(&conf, 0, &seen);
		add_some(o, 10);
		(void)!outbox_flush(o, 10000);
		stalled = true;
		add_some(o, 50);
		wait_for_stall();
		outbox_close(o, 100);
		_exit(7);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	cr_assert_eq(outbox_open(&conf, &o, rig_why, sizeof(rig_why)), 0);
	usleep((OUTBOX_LATE + 50) * 1000);
	seen = seen_new();
	pthread_mutex_lock(&o->lock); /* the carrier has taken out nothing yet */
	cr_assert_eq(outbox_replay(o, 0, note_record, &seen, NULL), 0);
	cr_assert_not(outbox_late(o));
	pthread_mutex_unlock(&o->lock);
	cr_assert(seen_just(&seen, 1, 60));
	free(seen.seqs);
	cr_assert(outbox_flush(o, 10000));
	outbox_close(o, 10000);
}

/* A full disk: late at once, for the disk says so; what waited is written when there is room. */
Test(outbox, disk_full)
{
	struct outbox_conf conf = conf_of(64 << 10);
	char path[128], elsewhere[] = "/dev/shm/storm-outbox-XXXXXX";
	struct seen seen;
	struct outbox *o;

	if (!small_disk() || !mkdtemp(elsewhere)) {
		cr_log_info("disk_full: left out, no private mount");
		return;
	}
	conf.ring_dir = elsewhere;
	snprintf(path, sizeof(path), "%s/filler", rig_base);
	o = begin(&conf, 0, &seen);
	free(seen.seqs);
	add_some(o, 10);
	cr_assert(outbox_flush(o, 10000));
	fill_disk(path);
	for (int i = 0; i < 200 && !outbox_late(o); i++) {
		add_some(o, 1);
		(void)!outbox_flush(o, 1000);
	}
	cr_assert(outbox_late(o));
	cr_assert_eq(logged("state=failing"), 1);
	add_some(o, 50);
	cr_assert_not(outbox_flush(o, 10000));
	cr_assert_eq(unlink(path), 0);
	cr_assert(outbox_flush(o, 10000));
	cr_assert_not(outbox_late(o));
	fill_disk(path);
	add_some(o, 100);
	outbox_close(o, 500);
	/* full from the beginning: what the ring has is found and waits on */
	o = begin(&conf, 0, &seen);
	cr_assert(seen_just(&seen, 1, outbox_last(o)));
	free(seen.seqs);
	add_some(o, 1);
	cr_assert_eq(unlink(path), 0);
	cr_assert(outbox_flush(o, 10000));
	outbox_close(o, 10000);
	cr_assert_eq(rmdir(elsewhere), 0, "no ring is left");
	rig_each(rig_remove, NULL);
	rmdir(rig_dir);
	umount(rig_base);
}

/* The spool is full of what the database does not have: the rest waits in the ring. */
Test(outbox, spool_full)
{
	struct outbox_conf conf = conf_of(64 << 10);
	struct seen seen;
	struct outbox *o;
	uint64_t last;

	conf.spool.max_bytes = 20000;
	o = begin(&conf, 0, &seen);
	free(seen.seqs);
	while (add_to(o))
		(void)!outbox_flush(o, 10);
	cr_assert(outbox_late(o));
	last = outbox_last(o);
	cr_assert_leq(stats(o).spool.bytes, 20000);
	cr_assert_gt(stats(o).waiting, 60 << 10);
	while (!outbox_flush(o, 1000))
		outbox_release(o, stats(o).spool.committed);
	cr_assert_not(outbox_late(o));
	cr_assert_eq(stats(o).waiting, 0);
	cr_assert_eq(stats(o).spool.committed, last);
	outbox_close(o, 10000);
}

struct want {
	uint64_t next;
	unsigned left;
	bool wrong;
};

static bool
want_next(void *arg, uint64_t seq, struct str payload)
{
	struct want *w = arg;
	char room[RIG_PAYLOAD_MAX];

	if (w->left == 0)
		return false;
	w->wrong = w->wrong || seq != w->next || !str_eq(payload, payload_of(seq, room));
	w->next = seq + 1;
	w->left--;
	return true;
}

/* Whether it stands in files or waits, and while it goes from the one to the other. */
Test(outbox, read_on)
{
	struct outbox_conf conf = conf_of(1 << 20);
	struct seen seen;
	struct outbox *o = begin(&conf, 0, &seen);
	struct want w = { .next = 1 };
	uint32_t x = 17;

	free(seen.seqs);
	stall(true);
	add_some(o, 100);
	w.left = 30;
	cr_assert_eq(outbox_read(o, 0, want_next, &w), 0);
	cr_assert_eq(w.next, 31);
	w.left = 1000;
	cr_assert_eq(outbox_read(o, 30, want_next, &w), 0);
	cr_assert_eq(w.next, 101);
	stall(false);
	while (w.next <= 30000) {
		if (outbox_last(o) < 30000 && outbox_last(o) < w.next + 3000)
			for (unsigned n = next_random(&x) % 100; n && add_to(o); n--)
				;
		w.left = next_random(&x) % 300;
		cr_assert_eq(outbox_read(o, w.next - 1, want_next, &w), 0);
		cr_assert_not(w.wrong, "before %u", (unsigned)w.next);
	}
	outbox_close(o, 10000);
}

static void
remove_ring(void)
{
	char link[200], target[200];
	ssize_t n;

	snprintf(link, sizeof(link), "%s/spool.ring", rig_dir);
	n = readlink(link, target, sizeof(target) - 1);
	cr_assert_gt(n, 0);
	target[n] = '\0';
	cr_assert_eq(unlink(target), 0);
}

/* Somebody tidies up the folder in memory: another ring takes its place, and nothing of the old one is
 * lost. */
Test(outbox, ring_removed)
{
	struct outbox_conf conf = conf_of(64 << 10);
	struct seen seen;
	struct outbox *o = begin(&conf, 0, &seen);

	free(seen.seqs);
	add_some(o, 5);
	remove_ring();
	add_some(o, 5);
	for (int i = 0; i < 100 && rings() == 0; i++) {
		outbox_tick(o);
		cr_assert(outbox_flush(o, 10000));
	}
	cr_assert_eq(rings(), 1);
	cr_assert_eq(logged("ring=removed"), 1);
	add_some(o, 5);
	outbox_close(o, 10000);
	o = begin(&conf, 0, &seen);
	cr_assert(seen_just(&seen, 1, 15));
	free(seen.seqs);
	outbox_close(o, 10000);
}

/* It is not empty whenever that is looked at; until another one is there, nothing in it is safe. */
Test(outbox, ring_removed_in_a_flood)
{
	struct outbox_conf conf = conf_of(64 << 10);
	struct seen seen;
	struct outbox *o = begin(&conf, 0, &seen);

	free(seen.seqs);
	remove_ring();
	stall(true);
	add_some(o, 5);
	wait_for_stall();
	outbox_tick(o);
	cr_assert(outbox_late(o));
	stall(false);
	for (int i = 0; i < 100 && rings() == 0; i++) {
		add_some(o, 5);
		outbox_tick(o);
	}
	cr_assert_eq(rings(), 1);
	cr_assert_eq(logged("ring=removed"), 1);
	cr_assert_not(outbox_late(o));
	outbox_close(o, 10000);
}

/* No folder in memory: the spool's own. Nor that one: mail goes on, and is told as late. */
Test(outbox, where_the_ring_is)
{
	struct outbox_conf conf = conf_of(64 << 10);
	struct seen seen;
	struct outbox *o;
	struct statfs fs;
	bool on_disk;

	cr_assert_eq(statfs(rig_base, &fs), 0);
	on_disk = (uint32_t)fs.f_type != TMPFS_MAGIC && (uint32_t)fs.f_type != RAMFS_MAGIC;
	conf.ring_dir = "/nonexistent";
	o = begin(&conf, 0, &seen);
	free(seen.seqs);
	add_some(o, 3);
	cr_assert(outbox_flush(o, 10000));
	cr_assert_not(outbox_late(o));
	/* A build may have all of /tmp in memory: then it is where it should be. */
	cr_assert_eq(logged("ring=on-disk"), on_disk);
	cr_assert_eq(stats(o).in_memory, !on_disk);
	outbox_close(o, 10000);
	if (geteuid() == 0)
		return; /* who may write everywhere */
	cr_assert_eq(chmod(rig_dir, 0500), 0);
	o = begin(&conf, 0, &seen);
	cr_assert(outbox_late(o));
	cr_assert_eq(logged("ring=homeless"), 1);
	cr_assert_eq(chmod(rig_dir, 0700), 0);
	outbox_close(o, 0);
}

/* A copy of the folder names a ring that belongs to somebody else, who is alive. */
Test(outbox, a_copied_folder)
{
	struct outbox_conf conf = conf_of(64 << 10), other = conf;
	struct outbox *a, *b;
	char dir[120], from[200], to[200], target[200];
	struct seen seen;
	ssize_t n;

	snprintf(dir, sizeof(dir), "%s/copy", rig_base);
	other.spool.dir = dir;
	a = begin(&conf, 0, &seen);
	free(seen.seqs);
	stall(true);
	add_some(a, 5);
	snprintf(from, sizeof(from), "%s/spool.ring", rig_dir);
	snprintf(to, sizeof(to), "%s/spool.ring", dir);
	n = readlink(from, target, sizeof(target) - 1);
	cr_assert_gt(n, 0);
	target[n] = '\0';
	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_assert_eq(symlink(target, to), 0);
	b = begin(&other, 0, &seen);
	cr_assert_eq(seen.n, 0, "they are not ours");
	free(seen.seqs);
	cr_assert_eq(logged("ring=cannot-use"), 1);
	stall(false);
	cr_assert_eq(add_to(b), 1);
	outbox_close(b, 10000);
	cr_assert_eq(stats(a).refused, 0);
	outbox_close(a, 10000);
	snprintf(to, sizeof(to), "%s/%s", dir, "spool.lock");
	unlink(to);
	snprintf(to, sizeof(to), "%s/%s", dir, "spool.0000000000000001");
	unlink(to);
	rmdir(dir);
}

/* Something else does not let the program start: what a killed one left stays for the next. */
Test(outbox, a_start_that_came_to_nothing)
{
	struct outbox_conf conf = conf_of(64 << 10);
	struct seen seen;
	struct outbox *o;
	pid_t pid = fork();

	if (pid == 0) {
		o = begin(&conf, 0, &seen);
		stalled = true;
		add_some(o, 5);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(outbox_open(&conf, &o, rig_why, sizeof(rig_why)), 0);
		outbox_close(o, 1000);
		cr_assert_eq(rings(), 1);
	}
	o = begin(&conf, 0, &seen);
	cr_assert(seen_just(&seen, 1, 5));
	free(seen.seqs);
	cr_assert(outbox_flush(o, 10000));
	outbox_close(o, 1000);
	cr_assert_eq(rings(), 0);
}

Test(outbox, largest_record)
{
	struct outbox_conf conf = conf_of(64 << 10);
	static char big[64 << 10];
	struct seen seen;
	struct outbox *o = begin(&conf, 0, &seen);

	free(seen.seqs);
	cr_assert_eq(outbox_append(o, big, (32 << 10) - 16), 1);
	cr_assert(outbox_flush(o, 10000));
	cr_assert_eq(outbox_append(o, big, (64 << 10)), 0, "never");
	cr_assert_eq(stats(o).refused, 1);
	cr_assert_eq(outbox_append(o, big, (32 << 10) - 16), 2);
	outbox_close(o, 10000);
}
