/* SPDX-License-Identifier: ISC */
/* Processes that are killed, and the folders that they leave. */
#ifndef TEST_KILLED_RIG_H
#define TEST_KILLED_RIG_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static inline int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static inline void
remove_tree(const char *folder)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Does `what` in a process that is killed then. What fails in it is not told. */
static inline void
kill_after(void (*what)(void))
{
	char c;
	int pipes[2];
	pid_t pid;

	cr_assert_eq(pipe(pipes), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		alarm(60); /* whatever becomes of us */
		what();
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	cr_assert_eq(read(pipes[0], &c, 1), 1);
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	close(pipes[0]);
	close(pipes[1]);
}

#endif
