/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

static char level_seen[16], line_seen[4096];
static unsigned lines;

static void catch (const char *level, const char *line)
{
	snprintf(level_seen, sizeof(level_seen), "%s", level);
	snprintf(line_seen, sizeof(line_seen), "%s", line);
	lines++;
}

static int rival = -1; /* another process at the same pipe: takes its room as soon as there is any */

/* In front of the C library's. */
int
poll(struct pollfd *p, nfds_t n, int ms)
{
	const struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	int ready = (int)syscall(SYS_ppoll, p, n, ms < 0 ? NULL : &wait, NULL, 0);
	char page[4096] = "";

	while (rival >= 0 && write(rival, page, sizeof(page)) > 0)
		;
	return ready;
}

Test(log, a_pipe_that_others_fill, .timeout = 20)
{
	int ends[2];
	char got[4096] = "";

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	rival = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK);
	cr_assert(rival >= 0);
	log_open("t", LOG_TO_STDERR, false);
	for (int i = 0; i < 10; i++)
		log_info("lost in time");
	close(rival);
	rival = -1;
	for (size_t n = 0; n < 65536;)
		n += (size_t)read(ends[0], got, sizeof(got));
	log_info("taken");
	cr_assert(read(ends[0], got, sizeof(got)) > 0);
	cr_assert(strstr(got, "warn: log lost=10 lines") && strstr(got, "info: taken"), "%s", got);
}

Test(log, levels)
{
	log_capture(catch);
	log_info("a x=%d", 1);
	cr_assert_str_eq(level_seen, "info");
	cr_assert_str_eq(line_seen, "a x=1");
	log_warn("b");
	cr_assert_str_eq(level_seen, "warn");
	errno = ENOENT;
	log_error("c");
	cr_assert_str_eq(level_seen, "error");
	cr_assert_eq(errno, ENOENT);
	cr_assert_eq(lines, 3);
	log_debug("nobody asked");
	cr_assert_eq(lines, 3);
	log_open("t", LOG_TO_STDERR, true);
	log_debug("somebody asked");
	cr_assert_str_eq(level_seen, "debug");
	log_capture(NULL);
}

Test(log, panic_aborts, .signal = SIGABRT)
{
	log_capture(catch);
	log_panic("broken");
}

Test(log, a_long_line_is_cut)
{
	char big[5000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_capture(catch);
	log_info("%s", big);
	cr_assert_eq(strlen(line_seen), 2047);
	log_capture(NULL);
}

Test(log, values)
{
	static const struct {
		struct str in;
		const char *out;
	} t[] = {
		{ { "plain@x.example", 15 }, "plain@x.example" },
		{ { NULL, 0 }, "\"\"" },
		{ { "a b", 3 }, "\"a b\"" },
		{ { "a=b", 3 }, "\"a=b\"" },
		{ { "a\"b", 3 }, "\"a\\\"b\"" },
		{ { "a\\b", 3 }, "\"a\\\\b\"" },
		{ { "a\nb", 3 }, "\"a\\x0ab\"" },
		{ { "a\0b", 3 }, "\"a\\x00b\"" },
		{ { "\x7f\xff", 2 }, "\"\\x7f\\xff\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		cr_expect_str_eq(LOGV(t[i].in), t[i].out, "%zu", i);
}

/* Whatever the bytes are: printable, within the cap, quotes closed; long values end in "...". */
Test(log, values_at_the_cap)
{
	static const char bytes[] = "x\n\"\xff ";

	for (size_t b = 0; b < sizeof(bytes); b++) {
		char in[LOG_VALUE_MAX + 10];
		bool cut_before = false;

		memset(in, bytes[b], sizeof(in));
		for (size_t n = 0; n <= sizeof(in); n++) {
			struct log_value v;
			const char *out = log_value(&v, (struct str){ in, n });
			size_t len = strlen(out);
			bool quoted = out[0] == '"';
			bool cut = len >= 4 && strncmp(out + len - 3 - quoted, "...", 3) == 0;

			cr_assert_leq(len, LOG_VALUE_MAX + 6);
			cr_assert_eq(quoted, bytes[b] != 'x' || n == 0);
			cr_assert(!quoted || out[len - 1] == '"');
			for (size_t i = 0; i < len; i++)
				cr_assert(out[i] >= 0x20 && out[i] < 0x7f);
			cr_assert(cut || !cut_before, "cut at %zu bytes, whole at %zu", n - 1, n);
			cut_before = cut;
		}
		cr_assert(cut_before);
	}
}
