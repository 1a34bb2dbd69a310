/* SPDX-License-Identifier: ISC */
/* Programs of the MTA, run without a shell and with an end to time and output, and files, read whole. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "stormctl_doctor.h"

enum { PIECE = 16384, ERRORS_MAX = 256 << 10 };

/* Where daemons live is seldom on the path of those who are not root. */
static const char *const more_places = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin:/usr/local/bin";

static const char *
program_in(struct doctor *d, struct str places, const char *name)
{
	struct str dir;
	struct stat st;

	while (str_split(&places, ':', &dir)) {
		const char *path;

		if (dir.n == 0 || dir.p[0] != '/')
			continue;
		path = doctor_text(d, "%.*s/%s", STR_FMT(dir), name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

const char *
doctor_program(struct doctor *d, const char *name)
{
	const char *found = program_in(d, str_of(getenv("PATH")), name);

	return found ? found : program_in(d, str_of(more_places), name);
}

/* --- running ------------------------------------------------------------------------------------------ */

struct child {
	pid_t pid;
	int fds[2]; /* its standard output, its standard error; -1: at its end */
	struct buf *bufs[2];
	bool late, too_much;
};

static int
start(struct child *c, const char *const *argv)
{
	static char lang[] = "LC_ALL=C", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = { lang, path, NULL };
	posix_spawn_file_actions_t fa;
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, rc;

	if (pipe2(out, O_CLOEXEC) < 0)
		return errno;
	if (pipe2(err, O_CLOEXEC) < 0) {
		rc = errno;
		close(out[0]);
		close(out[1]);
		return rc;
	}
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	posix_spawn_file_actions_adddup2(&fa, err[1], 2);
	/* posix_spawn() takes what execve() takes, and that does not write to it */
	rc = posix_spawn(&c->pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, env);
	posix_spawn_file_actions_destroy(&fa);
	close(out[1]);
	close(err[1]);
	c->fds[0] = out[0];
	c->fds[1] = err[0];
	return rc;
}

static void
take(struct child *c, int i)
{
	char piece[PIECE];
	ssize_t got = read(c->fds[i], piece, sizeof(piece));

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		close(c->fds[i]);
		c->fds[i] = -1;
		return;
	}
	buf_append(c->bufs[i], piece, (size_t)got);
	/* of what it complains the front is enough; the rest must be read all the same */
	c->too_much = c->too_much || (i == 0 && c->bufs[0]->failed);
}

static void
gather(struct child *c)
{
	int64_t end = clock_now().mono + DOCTOR_PATIENCE * MS_SEC;

	while ((c->fds[0] >= 0 || c->fds[1] >= 0) && !c->too_much) {
		struct pollfd p[2] = { { .fd = c->fds[0], .events = POLLIN },
			{ .fd = c->fds[1], .events = POLLIN } };
		int64_t left = end - clock_now().mono;

		c->late = left <= 0;
		if (c->late)
			return;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++)
			if (c->fds[i] >= 0 && p[i].revents)
				take(c, i);
	}
}

/* Its wait status; one that would not end is killed. */
static int
finish(struct child *c)
{
	int64_t end = clock_now().mono + MS_SEC;
	struct timespec nap = { .tv_nsec = 5000000 };
	int status = 0;
	pid_t got = 0;

	for (int i = 0; i < 2; i++)
		if (c->fds[i] >= 0)
			close(c->fds[i]);
	while (!c->late && !c->too_much && got == 0 && clock_now().mono < end) {
		got = waitpid(c->pid, &status, WNOHANG);
		if (got == 0)
			nanosleep(&nap, NULL);
	}
	if (got != 0)
		return status;
	c->late = !c->too_much;
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int
doctor_exec(struct doctor *d, const char *const *argv, struct str *out, struct str *complaints)
{
	struct buf said, errors;
	struct child c = { .fds = { -1, -1 }, .bufs = { &said, &errors } };
	const char *why = "";
	int rc, status;

	buf_init(&said, DOCTOR_OUTPUT_MAX);
	buf_init(&errors, ERRORS_MAX);
	rc = start(&c, argv);
	if (rc != 0) {
		fprintf(stderr, "stormctl: cannot run %s: %s\n", argv[0], strerror(rc));
		status = EX_OSERR;
	} else {
		gather(&c);
		status = finish(&c);
		if (c.late)
			why = "it does not end";
		else if (c.too_much)
			why = "it prints too much";
		else if (status != 0)
			why = doctor_copy(d, str_trim(buf_str(&errors)));
	}
	if (rc == 0 && (status != 0 || why[0])) {
		fprintf(stderr, "stormctl: %s failed: %s\n", argv[0], why);
		status = EX_NOINPUT;
	}
	if (status == 0)
		*out = str_of(doctor_copy(d, buf_str(&said)));
	if (status == 0 && complaints)
		*complaints = str_of(doctor_copy(d, buf_str(&errors)));
	buf_fini(&said);
	buf_fini(&errors);
	return status;
}

/* --- files -------------------------------------------------------------------------------------------- */

int
doctor_slurp(struct doctor *d, const char *path, struct str *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	struct buf b;
	struct stat st;
	char *to, more;
	ssize_t got = 1;

	if (fd < 0)
		return errno;
	buf_init(&b, DOCTOR_OUTPUT_MAX);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	while (err == 0 && got > 0) {
		size_t room = DOCTOR_OUTPUT_MAX - b.len;

		/* at the cap one byte more tells that there is more */
		to = room ? buf_reserve(&b, room < PIECE ? room : PIECE) : &more;
		got = read(fd, to, room == 0 ? 1 : room < PIECE ? room : PIECE);
		if (got < 0)
			err = errno;
		else if (got > 0 && room == 0)
			err = EFBIG;
		else if (got > 0)
			buf_commit(&b, (size_t)got);
	}
	close(fd);
	if (err == 0) {
		char *text = doctor_alloc(d, b.len + 1);

		if (b.len)
			memcpy(text, buf_str(&b).p, b.len);
		*out = (struct str){ text, b.len };
	}
	buf_fini(&b);
	return err;
}
