/* SPDX-License-Identifier: ISC */
/*
 * The spool at its start and end: the folder, its lock, what is left over. Nothing here is in a hurry, and
 * no other thread has the spool yet.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "store/spool_state.h"

enum { SEGMENT_BYTES = 16 << 20, GAPS_LOGGED = 10 };

static const char lock_name[] = "spool.lock";

/* ---- opening and closing ---- */

static int
open_dir(struct spool *s, char *why, size_t why_len)
{
	bool made = mkdir(s->dir, 0700) == 0;
	int above;

	if (!made && errno != EEXIST)
		return err_why(ERR_IO, why, why_len, "cannot make %s: %s", s->dir, strerror(errno));
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return err_why(ERR_IO, why, why_len, "cannot open %s: %s", s->dir, strerror(errno));
	if (!made)
		return 0;
	above = openat(s->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above >= 0) {
		if (fsync(above) != 0)
			log_warn("spool sync=failing dir=%s reason=%s", LOGV(str_of(s->dir)),
			    LOGV(str_of(strerror(errno))));
		close(above);
	}
	return 0;
}

static int
take_lock(struct spool *s, char *why, size_t why_len)
{
	s->lock_fd = openat(s->dir_fd, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		return err_why(
		    ERR_IO, why, why_len, "cannot open %s/%s: %s", s->dir, lock_name, strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_why(ERR_BUSY, why, why_len, "%s is in use by another process", s->dir);
	return err_why(ERR_IO, why, why_len, "cannot lock %s/%s: %s", s->dir, lock_name, strerror(errno));
}

bool
spool_has_folder(const struct spool *s)
{
	struct stat ours, there;

	if (stat(s->dir, &there) != 0)
		return errno != ENOENT;
	return fstat(s->dir_fd, &ours) == 0 && spool_same_file(&ours, &there);
}

bool
spool_has_lock(const struct spool *s)
{
	struct stat ours, there;

	if (fstatat(s->dir_fd, lock_name, &there, AT_SYMLINK_NOFOLLOW) != 0)
		return errno != ENOENT;
	return fstat(s->lock_fd, &ours) != 0 || spool_same_file(&ours, &there);
}

/* Other threads have the descriptors, and go on with what they stand for now. */
bool
spool_return(struct spool *s)
{
	struct spool again = { .dir = s->dir, .dir_fd = -1, .lock_fd = -1 };
	char why[256];
	int err = open_dir(&again, why, sizeof(why));

	if (!err)
		err = take_lock(&again, why, sizeof(why));
	if (!err &&
	    (dup3(again.dir_fd, s->dir_fd, O_CLOEXEC) < 0 || dup3(again.lock_fd, s->lock_fd, O_CLOEXEC) < 0))
		err = err_why(ERR_IO, why, sizeof(why), "dup3: %s", strerror(errno));
	if (again.lock_fd >= 0)
		close(again.lock_fd);
	if (again.dir_fd >= 0)
		close(again.dir_fd);
	if (!err)
		log_error("spool state=removed dir=%s: made again", LOGV(str_of(s->dir)));
	else if (!s->gone_told)
		log_error("spool state=removed dir=%s reason=%s", LOGV(str_of(s->dir)), LOGV(str_of(why)));
	s->gone_told = err != 0;
	s->made_again |= err == 0;
	return err == 0;
}

static int
by_first(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t
size_of(const struct spool *s, const char *name)
{
	struct stat st;

	return fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
	    ? (uint64_t)st.st_size
	    : 0;
}

/* Names into the list, sorted. What was set aside still says which numbers are used. */
static void
scan(struct spool *s, DIR *dir)
{
	uint64_t *firsts = NULL, first;
	size_t n = 0;
	const struct dirent *e;
	struct segment_name name;
	bool aside;

	for (e = readdir(dir); e; e = readdir(dir)) {
		if (!segment_name_parse(e->d_name, &first, &aside) || first == 0 || first > SPOOL_SEQ_MAX)
			continue;
		if (aside) {
			spool_used_up_to(s, first + spool_records_in(size_of(s, e->d_name)));
			continue;
		}
		firsts = xgrow(firsts, n, sizeof(*firsts));
		firsts[n++] = first;
	}
	if (n)
		qsort(firsts, n, sizeof(*firsts), by_first);
	for (size_t i = 0; i < n; i++) {
		segment_name(&name, firsts[i], "");
		spool_segment_add(s, firsts[i], size_of(s, name.text));
	}
	xfree(firsts);
}

static int
look_around(struct spool *s, char *why, size_t why_len)
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		int saved = errno;

		if (fd >= 0)
			close(fd);
		return err_why(ERR_IO, why, why_len, "cannot list %s: %s", s->dir, strerror(saved));
	}
	scan(s, dir);
	closedir(dir);
	return 0;
}

static void
spool_free(struct spool *s)
{
	while (!list_empty(&s->segments))
		spool_segment_drop(s, spool_newest(s));
	spool_spare_drop(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	buf_fini(&s->batch);
	pthread_mutex_destroy(&s->lock);
	xfree(s->dir);
	xfree(s);
}

int
spool_open(const struct spool_conf *conf, struct spool **out, char *why, size_t why_len)
{
	struct spool *s;
	int err;

	if (conf->max_bytes == 0)
		return err_why(ERR_RANGE, why, why_len, "a spool needs room");
	s = xcalloc(1, sizeof(*s));
	s->dir = xstrdup(conf->dir);
	s->dir_fd = s->lock_fd = s->fd = s->spare = -1;
	s->max_bytes = conf->max_bytes;
	s->segment_bytes = conf->segment_bytes ? conf->segment_bytes : SEGMENT_BYTES;
	if (s->segment_bytes > s->max_bytes / 4)
		s->segment_bytes = s->max_bytes / 4;
	s->commit_ok = s->room_ok = true;
	list_init(&s->segments);
	buf_init(&s->batch, 0);
	pthread_mutex_init(&s->lock, NULL);
	err = open_dir(s, why, why_len);
	if (!err)
		err = take_lock(s, why, why_len);
	if (!err)
		err = look_around(s, why, why_len);
	if (!err)
		spool_spare_take(s);
	if (!err) {
		err = syncer_start(s->dir_fd, conf->sync, &s->syncer);
		if (err)
			err_why(err, why, why_len, "cannot start a thread: %s", strerror(errno));
	}
	if (err) {
		spool_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void
spool_close(struct spool *s)
{
	if (!s)
		return;
	if (s->batch.len && spool_commit(s) != 0)
		log_error("spool state=closed dir=%s lost=\"the last records\"", LOGV(str_of(s->dir)));
	if (s->fd >= 0)
		syncer_retire(s->syncer, s->fd);
	syncer_stop(s->syncer);
	spool_free(s);
}

/* ---- replay ---- */

struct replay {
	uint64_t seen; /* numbers up to this one were handed over, or need not be */
	unsigned gaps;
	spool_fn *fn;
	void *arg;
	struct spool_replayed stats;
};

static void
hand_over(struct replay *r, uint64_t seq, struct str payload)
{
	if (seq <= r->seen) {
		r->stats.skipped++;
		return;
	}
	if (seq > r->seen + 1) {
		r->stats.missing += seq - r->seen - 1;
		if (r->gaps++ < GAPS_LOGGED)
			log_warn("spool state=gap from=%" PRIu64 " to=%" PRIu64, r->seen + 1, seq - 1);
	}
	r->seen = seq;
	r->stats.records++;
	r->fn(r->arg, seq, payload);
}

/* A segment that is none of ours stays, under a name that is not looked at again. One that the system does
 * not let us read stays as it is: perhaps next time. */
static void
set_aside(struct spool *s, struct segment *seg, int err, const char *why)
{
	struct segment_name name, aside;
	const char *more = err == ERR_IO ? strerror(errno) : err_str(err);

	segment_name(&name, seg->first, "");
	segment_name(&aside, seg->first, SEGMENT_ASIDE);
	log_error("spool state=unreadable segment=%s reason=%s error=%s", name.text, LOGV(str_of(why)),
	    LOGV(str_of(more)));
	if (err != ERR_IO &&
	    (faccessat(s->dir_fd, aside.text, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
		renameat(s->dir_fd, name.text, s->dir_fd, aside.text) != 0))
		log_warn("spool state=cannot-rename segment=%s", name.text);
	spool_used_up_to(s, seg->first + spool_records_in(seg->size));
	spool_segment_drop(s, seg);
}

static void
note_end(struct spool *s, const struct segment *seg, const struct segment_reader *rd, enum segment_got got,
    struct replay *r)
{
	static const char *const names[] = {
		[SEGMENT_TORN] = "torn",
		[SEGMENT_DAMAGED] = "damaged",
		[SEGMENT_FAILED] = "damaged",
	};

	spool_used_up_to(s, rd->last);
	if (got == SEGMENT_END)
		return;
	log_warn("spool state=%s segment=%016" PRIx64 " records_to=%" PRIu64 " bytes_left=%" PRIu64,
	    names[got], seg->first, rd->last, rd->left);
	r->stats.torn += got == SEGMENT_TORN;
	r->stats.damaged += got != SEGMENT_TORN;
	/* A torn record was never answered for. Damaged ones were; and a name must not come again while a
	 * file has it. */
	spool_used_up_to(s, got == SEGMENT_TORN ? seg->first : rd->last + spool_records_in(rd->left));
}

static void
replay_segment(struct spool *s, struct segment *seg, struct replay *r)
{
	struct segment_reader rd;
	enum segment_got got = SEGMENT_TORN;
	const char *why = "";
	struct str payload;
	uint64_t seq;
	int err;

	err = segment_open(&rd, s->dir_fd, seg->first, &why);
	if (err && err != ERR_SYNTAX) {
		r->stats.unreadable++;
		set_aside(s, seg, err, why);
		segment_close(&rd);
		return;
	}
	r->stats.segments++;
	if (err) {
		/* A power cut in its first moments. The name may be used again: the file goes then. */
		log_warn("spool state=torn segment=%016" PRIx64 " reason=%s", seg->first, LOGV(str_of(why)));
		r->stats.torn++;
		spool_used_up_to(s, seg->first - 1);
		segment_close(&rd);
		return;
	}
	for (got = segment_next(&rd, &seq, &payload); got == SEGMENT_GOT;
	     got = segment_next(&rd, &seq, &payload))
		hand_over(r, seq, payload);
	seg->last = rd.last;
	if (seg->last > s->committed)
		s->committed = seg->last;
	note_end(s, seg, &rd, got, r);
	segment_close(&rd);
}

int
spool_replay(struct spool *s, uint64_t after, spool_fn *fn, void *arg, struct spool_replayed *stats)
{
	struct replay r = { .seen = after, .fn = fn, .arg = arg };

	if (s->replayed)
		log_panic("spool_replay() twice");
	if (after > SPOOL_SEQ_MAX)
		return ERR_RANGE;
	LIST_FOREACH_SAFE (it, after_it, &s->segments)
		replay_segment(s, container_of(it, struct segment, node), &r);
	spool_used_up_to(s, after);
	if (r.gaps > GAPS_LOGGED)
		log_warn("spool state=gap more=%u", r.gaps - GAPS_LOGGED);
	if (stats)
		*stats = r.stats;
	s->replayed = true;
	return 0;
}
