/* SPDX-License-Identifier: ISC */
/* What the system says to a call on the database is told; a file that cannot be read is no damaged one. */
#include <errno.h>
#include <sys/types.h>

#include "base/err.h"
#include "journal_rig.h"

typedef ssize_t read_fn(int fd, void *p, size_t n, off_t at);
typedef ssize_t write_fn(int fd, const void *p, size_t n, off_t at);

static read_fn *real_read;
static write_fn *real_write;
static atomic_int reads_left, write_error; /* the read that fails, counted down; what all writes fail with */
static atomic_int log_quota;

static ssize_t
read_or_fail(int fd, void *p, size_t n, off_t at)
{
	if (atomic_load(&reads_left) > 0 && atomic_fetch_sub(&reads_left, 1) == 1) {
		errno = EIO;
		return -1;
	}
	return real_read(fd, p, n, at);
}

static ssize_t
write_or_fail(int fd, const void *p, size_t n, off_t at)
{
	if (atomic_load(&write_error)) {
		errno = atomic_load(&write_error);
		return -1;
	}
	return real_write(fd, p, n, at);
}

/* SQLite's call of that name, or of the one with 64, whichever it uses, is ours from now on. */
static sqlite3_syscall_ptr
replace(const char *name, const char *name64, sqlite3_syscall_ptr ours)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	const char *used = vfs->xGetSystemCall(vfs, name64) ? name64 : name;
	sqlite3_syscall_ptr was = vfs->xGetSystemCall(vfs, used);

	cr_assert(was);
	cr_assert_eq(vfs->xSetSystemCall(vfs, used, ours), SQLITE_OK);
	return was;
}

static void
count_quota(const char *level, const char *line)
{
	count_line(level, line);
	log_quota += strstr(line, "state=failing") && strstr(line, strerror(EDQUOT));
}

static void
set_up_calls(void)
{
	set_up();
	log_capture(count_quota);
	real_read = (read_fn *)replace("pread", "pread64", (sqlite3_syscall_ptr)read_or_fail);
	real_write = (write_fn *)replace("pwrite", "pwrite64", (sqlite3_syscall_ptr)write_or_fail);
}

TestSuite(journal_io, .init = set_up_calls, .fini = tear_down, .timeout = 120);

/* As one who was killed. */
static void
leave_log(void)
{
	sqlite3 *db = reader();

	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	must(db, "CREATE TABLE left (n); DROP TABLE left");
	sqlite3_close(db);
}

/* Moved away, as one that is damaged has to be, it would be lost for a disk that was away for a moment. */
Test(journal_io, what_cannot_be_read_is_not_damaged)
{
	struct journal *j = must_open();
	int rc = ERR_IO, failed = 0;

	put_messages(j, 1, 2000);
	journal_close(j, LONG);
	leave_log();
	for (int k = 1; rc && k < 1000; k++) {
		j = NULL;
		atomic_store(&reads_left, k);
		rc = try_open(&j, (struct store_conf){ 0 }, (struct journal_hooks){ 0 });
		atomic_store(&reads_left, 0);
		cr_assert(rc == 0 || rc == ERR_IO, "read %d: %d: %s", k, rc, why);
		cr_assert(rc == 0 || strstr(why, strerror(EIO)), "read %d: %s", k, why);
		failed += rc != 0;
	}
	cr_expect_gt(failed, 20);
	cr_assert_eq(rc, 0);
	cr_expect_eq(count_messages(), 2000);
	journal_close(j, LONG);
}

Test(journal_io, it_is_told_what_the_system_says)
{
	struct journal *j = must_open();

	atomic_store(&write_error, EDQUOT);
	put_messages(j, 1, 1);
	while (stats(j).failures < 3)
		cr_assert_not(journal_flush(j, 20));
	cr_expect(log_failing == 1 && log_quota == 1, "%d, %d", log_failing, log_quota);
	atomic_store(&write_error, 0);
	cr_assert(journal_flush(j, LONG));
	cr_expect_eq(log_recovered, 1);
	cr_expect_eq(count_messages(), 1);
	journal_close(j, LONG);
}
