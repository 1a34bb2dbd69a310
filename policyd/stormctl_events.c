/* SPDX-License-Identifier: ISC */
#include "stormctl_events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "mail/date.h"
#include "stormctl_event_json.h"

struct reader {
	const char *file;
	uint64_t *n;
	struct progress *progress;
	event_fn *fn;
	void *arg;
	bool over; /* no more is wanted */
	struct arena arena;
};

/* --- dates ----------------------------------------------------------------------------------------- */

int64_t
event_date(struct str s)
{
	int64_t t;

	return date_parse(s, &t) == 0 && t > 0 ? t * 1000 : 0;
}

/* The first field of that name (":" included), what stands behind it; STR_NONE: there is none. */
static struct str
field_of(struct str header, struct str name)
{
	while (header.n && !str_istarts(header, name))
		header = str_sub(header, str_find(header, '\n') + 1, header.n);
	if (header.n == 0)
		return STR_NONE;
	header = str_sub(header, name.n, header.n);
	for (size_t i = 0; i < header.n; i++)
		if (header.p[i] == '\n' && !(i + 1 < header.n && str_is_space(header.p[i + 1])))
			header.n = i;
	return header;
}

/* When our own server took a message, as it says at the end of the line that it put on top: a Date field may
 * be of any time, and the clock does not go back. 0: it does not say. */
static int64_t
time_received(struct str header)
{
	struct str line = field_of(header, STR("Received:"));

	return event_date(str_sub(line, str_rfind(line, ';') + 1, line.n));
}

/* --- messages -------------------------------------------------------------------------------------- */

static void
advance(struct reader *r, uint64_t bytes)
{
	if (!r->progress)
		return;
	r->progress->done += bytes;
	if (r->progress->show)
		r->progress->show(r->progress);
}

static void
give(struct reader *r, struct event *ev)
{
	ev->file = r->file;
	ev->number = ++*r->n;
	r->over = !r->fn(r->arg, ev);
	arena_reset(&r->arena);
}

/* Header block of a message: up to and with the first empty line. */
static struct str
header_of(struct str m)
{
	for (size_t i = str_find(m, '\n'); i + 1 < m.n; i += 1 + str_find(str_sub(m, i + 1, m.n), '\n')) {
		if (m.p[i + 1] == '\n')
			return str_sub(m, 0, i + 2);
		if (m.p[i + 1] == '\r' && i + 2 < m.n && m.p[i + 2] == '\n')
			return str_sub(m, 0, i + 3);
	}
	return m;
}

static void
one_message(struct reader *r, struct str m, struct str from_line)
{
	struct event ev = { .header = header_of(m), .size = m.n };

	ev.body = str_sub(m, ev.header.n, m.n);
	if (from_line.n) { /* "From sender Thu Jan  1 00:00:00 2026" */
		struct str rest = str_sub(from_line, 5, from_line.n);

		str_split(&rest, ' ', &ev.sender);
		/* Mail programs write "-" and when they kept it, exports a number of theirs. */
		ev.have_sender = !str_eq(ev.sender, STR("-")) && !field_of(ev.header, STR("Return-Path:")).p;
		ev.time = str_eq(ev.sender, STR("-")) ? 0 : event_date(rest);
		if (str_eq(ev.sender, STR("MAILER-DAEMON")))
			ev.sender = STR("");
	}
	if (ev.time == 0)
		ev.time = time_received(ev.header);
	advance(r, m.n + from_line.n);
	give(r, &ev);
}

static bool
mbox_from(struct str s, size_t at)
{
	return (at == 0 || s.p[at - 1] == '\n') && str_starts(str_sub(s, at, s.n), STR("From "));
}

static bool
is_digits(struct str s, size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++)
		if (i >= s.n || !str_digit(s.p[i]))
			return false;
	return true;
}

/* Many programs quote no "From here on ..." in a body, for they know their own lines by the date behind the
 * sender: a time of day and a year are in all of them, however they are written. Some write nothing there. Of
 * a box whose first line has none nobody can know. */
static bool
mbox_dated(struct str s, size_t at)
{
	struct str line = str_sub(s, at, s.n);
	bool time = false, year = false;

	line.n = str_find(line, '\n');
	line = str_trim(str_sub(line, 5, line.n));
	for (size_t i = 0; i < line.n; i++) {
		time |= line.p[i] == ':' && i > 0 && is_digits(line, i - 1, 1) && is_digits(line, i + 1, 2);
		year |= is_digits(line, i, 4);
	}
	return line.n == 0 || (time && year);
}

static void
mbox(struct reader *r, struct str s)
{
	bool dated = mbox_dated(s, 0);
	size_t at = 0;

	while (at < s.n && !r->over) {
		struct str line = str_sub(s, at, s.n);
		size_t start, end;

		line.n = str_find(line, '\n');
		start = at + line.n + 1;
		for (end = start; end < s.n; end++) {
			end += str_find(str_sub(s, end, s.n), '\n');
			if (end + 1 < s.n && mbox_from(s, end + 1) && (!dated || mbox_dated(s, end + 1)))
				break;
		}
		end = end < s.n ? end + 1 : s.n;
		one_message(r, str_sub(s, start, end), str_trim(line));
		at = end;
	}
}

/* --- .jsonl ---------------------------------------------------------------------------------------- */

static int
json_line(struct reader *r, struct str line, uint64_t number)
{
	const char *why = NULL;
	struct event ev;

	_Static_assert(EVENT_LINE_MAX == 64 << 20, "and so says what is told");
	if (line.n > EVENT_LINE_MAX)
		why = "longer than 64 MB";
	else if (!event_from_json(&ev, line, &r->arena))
		why = "not a JSON object";
	else if (ev.no_time)
		why = "the time is not in seconds since 1970";
	if (!why) {
		give(r, &ev);
		return 0;
	}
	fprintf(stderr, "stormctl: %s:%llu: %s\n", r->file, (unsigned long long)number, why);
	return ERR_SYNTAX;
}

static int
jsonl(struct reader *r, struct str s)
{
	struct str line;
	uint64_t number = 0;
	int err = 0;

	while (!r->over && str_split(&s, '\n', &line)) {
		number++;
		advance(r, line.n + 1);
		if (str_trim(line).n == 0)
			continue;
		if (json_line(r, line, number) != 0)
			err = ERR_SYNTAX;
	}
	return err;
}

/* --- files and folders ----------------------------------------------------------------------------- */

static int
complain(const char *path)
{
	fprintf(stderr, "stormctl: %s: %s\n", path, strerror(errno));
	return ERR_IO;
}

/* Line by line, so that a program can see a verdict before it writes the next event. */
static int
standard_input(struct reader *r)
{
	char *line = NULL;
	size_t room = 0;
	uint64_t number = 0;
	int err = 0;

	while (!r->over) {
		ssize_t n = getline(&line, &room, stdin);
		struct str s = { line, n > 0 ? (size_t)n : 0 };

		if (n < 0)
			break;
		number++;
		if (str_trim(s).n == 0)
			continue;
		if (json_line(r, s, number) != 0)
			err = ERR_SYNTAX;
	}
	if (ferror(stdin))
		err = complain(r->file);
	xfree(line);
	return err;
}

static int
read_content(struct reader *r, const char *path, struct str s)
{
	r->file = path;
	if (s.n == 0)
		return 0;
	if (str_iends(str_of(path), STR(".jsonl")))
		return jsonl(r, s);
	if (mbox_from(s, 0))
		mbox(r, s);
	else
		one_message(r, s, STR_NONE);
	return 0;
}

/* What has no size: "zcat old.mbox.gz |" to /dev/stdin, and what a shell has for "<(zcat old.mbox.gz)". */
static int
read_pipe(struct reader *r, const char *path, int fd)
{
	enum { CHUNK = 64 << 10 };
	struct buf all;
	ssize_t n = 1;
	int err;

	buf_init(&all, 0);
	while (n > 0) {
		char *to = buf_reserve(&all, CHUNK);

		n = to ? read(fd, to, CHUNK) : -1;
		buf_commit(&all, n > 0 ? (size_t)n : 0);
	}
	err = n < 0 ? complain(path) : read_content(r, path, buf_str(&all));
	buf_fini(&all);
	return err;
}

static int
read_mapped(struct reader *r, const char *path, int fd, off_t size)
{
	size_t n = (size_t)size;
	bool fits = (off_t)n == size; /* not 4 GB and more on 32-bit machines */
	char *p = n && fits ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	int err;

	if (!fits)
		errno = EFBIG;
	if (!fits || p == MAP_FAILED)
		return complain(path);
	err = read_content(r, path, (struct str){ p, n });
	if (p)
		munmap(p, n);
	return err;
}

static int
read_file(struct reader *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct stat st;

	if (fd < 0)
		return complain(path);
	if (fstat(fd, &st) != 0)
		err = complain(path);
	else if (S_ISREG(st.st_mode))
		err = read_mapped(r, path, fd, st.st_size);
	else
		err = read_pipe(r, path, fd);
	close(fd);
	return err;
}

static char *
join_path(const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *path = xmalloc(n);

	snprintf(path, n, "%s/%s", dir, name);
	return path;
}

static int
visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void
free_names(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		xfree(names[i]);
	xfree(names);
}

static int
read_dir(struct reader *r, const char *path, int depth)
{
	struct dirent **names;
	int n = scandir(path, &names, visible, alphasort), err = 0;

	if (n < 0)
		return complain(path);
	for (int i = 0; i < n && !r->over; i++) {
		struct stat st;
		char *sub = join_path(path, names[i]->d_name);
		int one = 0;

		if (stat(sub, &st) != 0)
			one = complain(sub);
		else if (S_ISREG(st.st_mode))
			one = read_file(r, sub);
		else if (S_ISDIR(st.st_mode) && depth < 8 && strcmp(names[i]->d_name, "tmp") != 0)
			one = read_dir(r, sub, depth + 1);
		if (one)
			err = one;
		xfree(sub);
	}
	free_names(names, n);
	return err;
}

int
events_read(const char *path, uint64_t *n, struct progress *progress, event_fn *fn, void *arg)
{
	struct reader r = { .file = path, .n = n, .progress = progress, .fn = fn, .arg = arg };
	bool standard = strcmp(path, "-") == 0;
	struct stat st = { 0 };
	int err;

	if (!standard && stat(path, &st) != 0)
		return complain(path);
	arena_init(&r.arena, 0);
	if (standard)
		err = standard_input(&r);
	else
		err = S_ISDIR(st.st_mode) ? read_dir(&r, path, 0) : read_file(&r, path);
	arena_fini(&r.arena);
	return err;
}

static uint64_t
size_below(const char *path, int depth)
{
	struct dirent **names;
	struct stat st;
	uint64_t sum = 0;
	int n;

	if (stat(path, &st) != 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return (uint64_t)st.st_size;
	n = depth < 8 ? scandir(path, &names, visible, NULL) : -1;
	for (int i = 0; i < n; i++) {
		char *sub = join_path(path, names[i]->d_name);

		sum += size_below(sub, depth + 1);
		xfree(sub);
	}
	if (n >= 0)
		free_names(names, n);
	return sum;
}

uint64_t
events_size(const char *path)
{
	return size_below(path, 0);
}
