/* SPDX-License-Identifier: ISC */
#include "store/privacy_key.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static char dir[] = "/tmp/storm-key.XXXXXX", db[64], file[80], why[512];
static unsigned char one[PRIVACY_KEY_SIZE], two[PRIVACY_KEY_SIZE];
static bool made;

static void
setup(void)
{
	umask(0);
	cr_assert_not_null(mkdtemp(dir));
	snprintf(db, sizeof(db), "%s/storm.db", dir);
	snprintf(file, sizeof(file), "%s.key", db);
}

/* Files in the folder; all of them go. */
static int
sweep(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] == '.')
			continue;
		n++;
		if (unlink(path) != 0)
			rmdir(path);
	}
	closedir(d);
	return n;
}

static void
teardown(void)
{
	sweep();
	rmdir(dir);
}

TestSuite(privacy_key, .init = setup, .fini = teardown);

static void
put(const char *bytes, size_t n, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
	cr_assert_eq(fchmod(fd, mode), 0);
	close(fd);
}

Test(privacy_key, made_once)
{
	struct stat sb;

	cr_assert_eq(privacy_key_read(db, one, why, sizeof(why)), ERR_NOENT);
	cr_expect_not_null(strstr(why, "storm.db.key"), "%s", why);
	cr_expect_eq(sweep(), 0, "reading makes nothing");
	cr_assert_eq(privacy_key_get(db, one, &made, why, sizeof(why)), 0, "%s", why);
	cr_expect(made);
	cr_assert_eq(stat(file, &sb), 0);
	cr_expect_eq(sb.st_mode, S_IFREG | 0600);
	cr_expect_eq(sb.st_size, PRIVACY_KEY_SIZE);
	cr_expect_eq(sb.st_nlink, 1);
	cr_assert_eq(privacy_key_get(db, two, &made, why, sizeof(why)), 0, "%s", why);
	cr_expect_not(made);
	cr_expect_arr_eq(one, two, sizeof(one));
	memset(two, 0, sizeof(two));
	cr_assert_eq(privacy_key_read(db, two, why, sizeof(why)), 0, "%s", why);
	cr_expect_arr_eq(one, two, sizeof(one));
	cr_expect_eq(sweep(), 1, "nothing but the key is left");
	cr_assert_eq(privacy_key_get(db, two, &made, why, sizeof(why)), 0);
	cr_expect(made && memcmp(one, two, sizeof(one)) != 0, "another one");
}

Test(privacy_key, wrong_size)
{
	char bytes[PRIVACY_KEY_SIZE + 1] = { 1 };

	for (size_t n = 0; n <= sizeof(bytes); n++) {
		int want = n == PRIVACY_KEY_SIZE ? 0 : ERR_CONF;

		put(bytes, n, 0600);
		cr_expect_eq(privacy_key_read(db, one, why, sizeof(why)), want, "%zu bytes", n);
		cr_expect_eq(privacy_key_get(db, one, &made, why, sizeof(why)), want, "%zu bytes", n);
		cr_expect_not(made);
	}
	cr_expect_not_null(strstr(why, "33 bytes, a key has 32"), "%s", why);
}

Test(privacy_key, wrong_mode)
{
	static const mode_t bad[] = { 0601, 0604, 0610, 0620, 0640, 0644, 0660, 0666, 0777 };
	char bytes[PRIVACY_KEY_SIZE] = { 1 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bytes, sizeof(bytes), bad[i]);
		cr_expect_eq(privacy_key_get(db, one, &made, why, sizeof(why)), ERR_CONF, "%04o", bad[i]);
	}
	cr_expect_not_null(strstr(why, "storm.db.key: others may use it (mode 0777)"), "%s", why);
	put(bytes, sizeof(bytes), 0400);
	cr_expect_eq(privacy_key_get(db, one, &made, why, sizeof(why)), 0, "%s", why);
}

Test(privacy_key, what_is_no_file)
{
	cr_assert_eq(mkdir(file, 0700), 0);
	cr_expect_eq(privacy_key_get(db, one, &made, why, sizeof(why)), ERR_CONF);
	cr_expect_not_null(strstr(why, "no regular file"), "%s", why);
	rmdir(file);
	cr_assert_eq(mkfifo(file, 0600), 0);
	cr_expect_eq(privacy_key_get(db, one, &made, why, sizeof(why)), ERR_CONF, "and it does not wait");
	unlink(file);
	cr_assert_eq(symlink("nowhere", file), 0);
	cr_expect_neq(privacy_key_get(db, one, &made, why, sizeof(why)), 0, "a link to nothing");
	cr_expect_eq(sweep(), 1);
	snprintf(db, sizeof(db), "%s/none/storm.db", dir);
	cr_expect_eq(privacy_key_get(db, one, &made, why, sizeof(why)), ERR_IO);
	cr_expect_not_null(strstr(why, "cannot make"), "%s", why);
}

Test(privacy_key, memory)
{
	char here[PATH_MAX];

	cr_assert_not_null(getcwd(here, sizeof(here)));
	cr_assert_eq(chdir(dir), 0);
	cr_assert_eq(privacy_key_get(":memory:", one, &made, why, sizeof(why)), 0);
	cr_assert_eq(privacy_key_get(":memory:", two, &made, why, sizeof(why)), 0);
	cr_expect(!made && memcmp(one, two, sizeof(one)) != 0);
	cr_expect_eq(sweep(), 0);
	/* a name without a folder is one in this folder */
	cr_assert_eq(privacy_key_get("storm.db", one, &made, why, sizeof(why)), 0, "%s", why);
	cr_expect(made && access("storm.db.key", F_OK) == 0);
	cr_assert_eq(chdir(here), 0);
}

Test(privacy_key, a_path_that_is_too_long)
{
	static char path[PATH_MAX + 10];

	path[0] = '/';
	memset(path + 1, 'a', sizeof(path) - 2);
	cr_expect_eq(privacy_key_get(path, one, &made, why, sizeof(why)), ERR_IO);
	cr_expect_eq(privacy_key_read(path, one, why, sizeof(why)), ERR_IO);
	cr_expect_not_null(strstr(why, "too long"), "%s", why);
}
