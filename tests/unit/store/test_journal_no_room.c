/* SPDX-License-Identifier: ISC */
/* A start on a disk that is full, of bytes or of files: what is there is read, by others too. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "journal_rig.h"
#include "store/journal_read.h"

TestSuite(journal_no_room, .init = set_up, .fini = tear_down, .timeout = 120);

static struct journal *
open_one(void)
{
	return must_open_with((struct store_conf){ 0 }, (struct journal_hooks){ .parts = 1 });
}

/* A file system of our own, seen by nobody else. */
static bool
mounted(const char *options)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("none", dir, "tmpfs", 0, options) == 0;
}

static void
junk_name(unsigned n, char name[200])
{
	snprintf(name, 200, "%s/junk%u", dir, n);
}

/* Files of so many bytes until there is no room; returns how many. */
static unsigned
fill(size_t bytes)
{
	static const char block[4096];
	unsigned n = 0;

	for (bool room = true; room && n < 10000; n++) {
		char name[200];
		int fd;

		junk_name(n, name);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		room = fd >= 0;
		for (size_t left = bytes; room && left; left -= sizeof(block))
			room = write(fd, block, sizeof(block)) == (ssize_t)sizeof(block);
		if (fd >= 0)
			close(fd);
	}
	return n;
}

static void
make_room(unsigned n)
{
	while (n > 0) {
		char name[200];

		junk_name(--n, name);
		(void)unlink(name);
	}
}

static void
no_fault(void *arg, const char *what)
{
	(void)arg;
	cr_expect_fail("%s", what);
}

static void
make_beside(const char *suffix)
{
	char name[200];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	close(open(name, O_WRONLY | O_CREAT, 0600));
}

/* `left`: what somebody left there, empty; NULL: nothing. */
static void
serves_when_full_of(size_t bytes, const char *left)
{
	struct journal *j = open_one();
	struct journal_report report = { 0 };
	uint64_t seed = opened.seed;
	unsigned junk;

	put_messages(j, 1, 10);
	journal_close(j, LONG);
	if (left)
		make_beside(left);
	junk = fill(bytes);
	j = open_one();
	cr_expect_eq(opened.seq, 10);
	cr_expect_eq(opened.seed, seed);
	put_messages(j, 11, 20);
	while (stats(j).failures < 4)
		pause_a_little();
	cr_expect_not(journal_healthy(j));
	cr_expect_eq(journal_check(path, no_fault, NULL, &report, why, sizeof(why)), 0, "%s", why);
	cr_expect_eq(report.messages, 10);
	make_room(junk);
	cr_expect(journal_flush(j, LONG));
	cr_expect_eq(count_messages(), 20);
	cr_expect_eq(log_failing, 1);
	cr_expect_eq(log_recovered, 1);
	journal_close(j, LONG);
	cr_expect_str_eq(read_row("PRAGMA integrity_check"), "ok");
	drop_file("");
	cr_expect_eq(umount(dir), 0);
}

Test(journal_no_room, for_bytes)
{
	if (!mounted("size=1m"))
		cr_skip_test("needs root and a mount namespace");
	serves_when_full_of(64 << 10, NULL);
}

/* No inode is free: not even an empty log can be made beside it. */
Test(journal_no_room, for_files)
{
	if (!mounted("size=8m,nr_inodes=16"))
		cr_skip_test("needs root and a mount namespace");
	serves_when_full_of(0, NULL);
}

/* Somebody who looked at it took the last one. */
Test(journal_no_room, for_files_but_the_log)
{
	if (!mounted("size=8m,nr_inodes=16"))
		cr_skip_test("needs root and a mount namespace");
	serves_when_full_of(0, "-wal");
}

/* Or who was killed while he tried whether one is free. */
Test(journal_no_room, for_files_but_the_one_of_a_try)
{
	if (!mounted("size=8m,nr_inodes=16"))
		cr_skip_test("needs root and a mount namespace");
	serves_when_full_of(0, "-try");
}
