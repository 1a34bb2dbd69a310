/* SPDX-License-Identifier: ISC */
/* What the service manager is told, on sockets of the file system and of the abstract namespace. */
#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/notify.h"

TestSuite(notify, .timeout = 60);

static char name[200];

static int
manager(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	cr_assert(fd >= 0 && len < sizeof(un.sun_path));
	memcpy(un.sun_path, path, len);
	if (path[0] == '@')
		un.sun_path[0] = '\0';
	cr_assert_eq(bind(fd, (struct sockaddr *)&un,
			 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] != '@'))),
	    0);
	cr_assert_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
	return fd;
}

static const char *
got(int fd)
{
	static char text[600];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
round_trip(const char *path)
{
	struct notify n;
	int fd = manager(path);
	long long usec = 0;

	unsetenv("WATCHDOG_USEC");
	notify_init(&n);
	cr_assert(n.fd >= 0);
	cr_assert_eq(n.watchdog, 0);
	notify_send(&n, "READY=1\nSTATUS=%d\n", 7);
	cr_assert_str_eq(got(fd), "READY=1\nSTATUS=7\n");
	notify_try(&n, "STATUS=x\n");
	cr_assert_str_eq(got(fd), "STATUS=x\n");
	notify_reloading(&n);
	cr_assert(strncmp(got(fd), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0);
	notify_reloading(&n);
	usec = strtoll(got(fd) + 27, NULL, 10);
	cr_assert(usec > 0);
	notify_fini(&n);
	notify_send(&n, "LATE=1\n");
	cr_assert_str_eq(got(fd), "");
	close(fd);
}

Test(notify, path)
{
	snprintf(name, sizeof(name), "/tmp/storm-notify.%ld", (long)getpid());
	unlink(name);
	round_trip(name);
	unlink(name);
}

Test(notify, abstract)
{
	snprintf(name, sizeof(name), "@storm-notify.%ld", (long)getpid());
	round_trip(name);
}

Test(notify, nobody_wants_to_know)
{
	static const char *const bad[] = { "", "x", "@", "/", "relative/path", "vsock:2:3" };
	struct notify n;

	unsetenv("NOTIFY_SOCKET");
	notify_init(&n);
	cr_assert_eq(n.fd, -1);
	notify_send(&n, "READY=1\n");
	notify_fini(&n);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		notify_init(&n);
		cr_assert_eq(n.fd, -1, "%s", bad[i]);
	}
}

Test(notify, longest_path)
{
	struct sockaddr_un un;
	struct notify n;
	char path[sizeof(un.sun_path) + 1];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(un.sun_path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	notify_init(&n);
	cr_assert(n.fd >= 0);
	notify_send(&n, "READY=1\n"); /* nobody there: no harm */
	notify_fini(&n);
	path[sizeof(un.sun_path) - 1] = 'a';
	path[sizeof(un.sun_path)] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	notify_init(&n);
	cr_assert_eq(n.fd, -1);
}

Test(notify, watchdog)
{
	struct notify n;
	char pid[32];

	setenv("NOTIFY_SOCKET", "/tmp/storm-nobody", 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	unsetenv("WATCHDOG_PID");
	notify_init(&n);
	cr_assert_eq(n.watchdog, 15000);
	notify_fini(&n);
	setenv("WATCHDOG_PID", "1", 1);
	notify_init(&n);
	cr_assert_eq(n.watchdog, 0, "meant for another process");
	notify_fini(&n);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	notify_init(&n);
	cr_assert_eq(n.watchdog, 15000);
	notify_fini(&n);
	setenv("WATCHDOG_USEC", "soon", 1);
	notify_init(&n);
	cr_assert_eq(n.watchdog, 0);
	notify_fini(&n);
}

Test(notify, too_long_is_not_sent)
{
	struct notify n;
	int fd;
	char text[600];

	snprintf(name, sizeof(name), "@storm-notify-long.%ld", (long)getpid());
	fd = manager(name);
	notify_init(&n);
	memset(text, 'x', sizeof(text));
	text[511] = '\0';
	notify_send(&n, "%s", text);
	cr_assert_eq(strlen(got(fd)), 511);
	text[511] = 'x';
	text[512] = '\0';
	notify_send(&n, "%s", text);
	cr_assert_str_eq(got(fd), "");
	notify_fini(&n);
	close(fd);
}
