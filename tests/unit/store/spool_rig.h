/* SPDX-License-Identifier: ISC */
/*
 * What the spool's tests share: a folder of their own, records whose content follows from their number, and a
 * receiver that notes what comes back.
 */
#ifndef TEST_SPOOL_RIG_H
#define TEST_SPOOL_RIG_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/spool.h"
#include "store/spool_segment.h"

#define RIG __attribute__((unused)) static

enum { RIG_PAYLOAD_MAX = 300, RIG_SEEN_MAX = 400000 };

RIG char rig_base[64], rig_dir[80], rig_why[300];

struct rig_event {
	const char *name;
	atomic_int n;
};
RIG struct rig_event rig_log[] = { { "state=failing", 0 }, { "state=recovered", 0 }, { "state=full", 0 },
	{ "state=room", 0 }, { "state=torn", 0 }, { "state=damaged", 0 }, { "state=unreadable", 0 },
	{ "state=gap", 0 }, { "sync=failing", 0 }, { "sync=recovered", 0 }, { "state=segment-removed", 0 },
	{ "state=segment-cut-off", 0 }, { "state=removed", 0 }, { "ring=full", 0 }, { "ring=room", 0 },
	{ "ring=removed", 0 }, { "ring=on-disk", 0 }, { "ring=homeless", 0 }, { "ring=cannot-use", 0 } };

RIG void
rig_count_line(const char *level, const char *line)
{
	(void)level;
	for (size_t i = 0; i < ARRAY_LEN(rig_log); i++)
		rig_log[i].n += strstr(line, rig_log[i].name) != NULL;
}

RIG int
logged(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rig_log); i++)
		if (strcmp(rig_log[i].name, name) == 0)
			return rig_log[i].n;
	cr_assert_fail("no such event: %s", name);
	return -1;
}

RIG void
rig_set_up(void)
{
	snprintf(rig_base, sizeof(rig_base), "/tmp/storm-spool-XXXXXX");
	cr_assert(mkdtemp(rig_base));
	snprintf(rig_dir, sizeof(rig_dir), "%s/spool", rig_base);
	log_capture(rig_count_line);
}

/* Calls fn for each file of the spool's folder. */
RIG unsigned
rig_each(void (*fn)(const char *path, void *arg), void *arg)
{
	DIR *d = opendir(rig_dir);
	unsigned n = 0;
	char path[400];

	if (!d)
		return 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", rig_dir, e->d_name);
		if (fn)
			fn(path, arg);
		n++;
	}
	closedir(d);
	return n;
}

RIG void
rig_remove(const char *path, void *arg)
{
	(void)arg;
	if (unlink(path) != 0)
		rmdir(path);
}

RIG void
rig_tear_down(void)
{
	rig_each(rig_remove, NULL);
	rmdir(rig_dir);
	rmdir(rig_base);
}

RIG void
rig_add_size(const char *path, void *arg)
{
	uint64_t first, *sum = arg;
	bool aside;
	struct stat st;

	if (segment_name_parse(strrchr(path, '/') + 1, &first, &aside) && !aside && stat(path, &st) == 0)
		*sum += (uint64_t)st.st_size;
}

RIG uint64_t
bytes_on_disk(void)
{
	uint64_t sum = 0;

	rig_each(rig_add_size, &sum);
	return sum;
}

RIG void
segment_path(char *out, size_t len, uint64_t first, const char *suffix)
{
	struct segment_name name;

	segment_name(&name, first, suffix);
	snprintf(out, len, "%s/%s", rig_dir, name.text);
}

RIG bool
segment_there(uint64_t first, const char *suffix)
{
	char path[200];

	segment_path(path, sizeof(path), first, suffix);
	return access(path, F_OK) == 0;
}

/* Files go on another thread. */
RIG bool
segment_goes(uint64_t first)
{
	for (int i = 0; i < 2000 && segment_there(first, ""); i++)
		usleep(5000);
	return !segment_there(first, "");
}

RIG struct spool_conf
rig_conf(void)
{
	return (struct spool_conf){ .dir = rig_dir, .max_bytes = 64 << 20, .sync = 50 };
}

RIG struct spool *
open_conf(const struct spool_conf *conf)
{
	struct spool *s = NULL;
	int err;

	rig_why[0] = '\0';
	err = spool_open(conf, &s, rig_why, sizeof(rig_why));
	cr_assert_eq(err, 0, "%d: %s", err, rig_why);
	return s;
}

/* The record of a number: 0 to RIG_PAYLOAD_MAX bytes. */
RIG struct str
payload_of(uint64_t seq, char room[RIG_PAYLOAD_MAX])
{
	size_t n = (size_t)(seq * 7919 % (RIG_PAYLOAD_MAX + 1));

	for (size_t i = 0; i < n; i++)
		room[i] = (char)(seq * 31 + i * (seq % 5 + 1));
	return (struct str){ room, n };
}

struct seen {
	uint64_t *seqs;
	size_t n;
	bool wrong; /* a payload that is not that of its number */
};

RIG struct seen
seen_new(void)
{
	return (struct seen){ .seqs = calloc(RIG_SEEN_MAX, sizeof(uint64_t)) };
}

RIG void
note_record(void *arg, uint64_t seq, struct str payload)
{
	struct seen *seen = arg;
	char room[RIG_PAYLOAD_MAX];

	if (!str_eq(payload, payload_of(seq, room)))
		seen->wrong = true;
	cr_assert(seen->n < RIG_SEEN_MAX);
	seen->seqs[seen->n++] = seq;
}

/* from, from + 1, ... to, and nothing else. */
RIG bool
seen_just(const struct seen *seen, uint64_t from, uint64_t to)
{
	if (seen->wrong || seen->n != to + 1 - from)
		return false;
	for (size_t i = 0; i < seen->n; i++)
		if (seen->seqs[i] != from + i)
			return false;
	return true;
}

/* Replays into a fresh *seen, which the caller frees; NULL: nobody looks. */
RIG struct spool_replayed
replay(struct spool *s, uint64_t after, struct seen *seen)
{
	struct spool_replayed stats;
	struct seen none = seen_new();

	if (seen)
		*seen = seen_new();
	cr_assert_eq(spool_replay(s, after, note_record, seen ? seen : &none, &stats), 0);
	free(none.seqs);
	return stats;
}

RIG struct spool *
open_and_replay(const struct spool_conf *conf, uint64_t after)
{
	struct spool *s = open_conf(conf);

	replay(s, after, NULL);
	return s;
}

/* Under the next number, which is returned; 0: refused. */
RIG uint64_t
append_next(struct spool *s, const void *p, size_t n)
{
	uint64_t seq = spool_last(s) + 1;

	return spool_append(s, seq, p, n) ? seq : 0;
}

RIG uint64_t
add(struct spool *s)
{
	char room[RIG_PAYLOAD_MAX];
	struct str p = payload_of(spool_last(s) + 1, room);

	return append_next(s, p.p, p.n);
}

/* n records, each with a commit of its own. */
RIG void
add_all(struct spool *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		cr_assert_neq(add(s), 0);
		cr_assert_eq(spool_commit(s), 0);
	}
}

RIG struct spool_stats
stats_of(struct spool *s)
{
	struct spool_stats st;

	spool_stats(s, &st);
	return st;
}

/* A whole file in memory; free() it. */
RIG char *
slurp(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *p;

	cr_assert(fd >= 0 && fstat(fd, &st) == 0, "%s", path);
	*n = (size_t)st.st_size;
	p = malloc(*n + 1);
	cr_assert_eq(read(fd, p, *n), (ssize_t)*n);
	close(fd);
	return p;
}

RIG void
spill(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(fd >= 0 && write(fd, p, n) == (ssize_t)n, "%s", path);
	close(fd);
}

RIG uint32_t
next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* A disk of its own, 128 KB; false: this system does not let us. */
RIG bool
small_disk(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	return mount("none", rig_base, "tmpfs", 0, "size=128k,mode=700") == 0;
}

RIG void
fill_disk(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	char block[1024] = "";

	cr_assert(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	cr_assert_eq(errno, ENOSPC);
	close(fd);
}

#endif
