/* SPDX-License-Identifier: ISC */
/*
 * Where the ring is. A symbolic link in the spool's folder tells the next process: it takes no block of a
 * full disk, and changes in one step. The folder in memory comes first, then the spool's own, whose disk
 * may make us wait; a ring that only lives as long as we do is the last resort, so that mail goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/outbox_state.h"
#include "store/spool_state.h"

enum {
	RENEW_EVERY = 10 * MS_SEC,
	EMPTY_IN = 20, /* ms: the carrier empties one that a crash would lose */
};

static const char link_name[] = "spool.ring";
static const char link_new[] = "spool.ring.new";
static const char prefix[] = "policyd-storm";

static int
point_to(struct outbox *o, const char *path)
{
	(void)unlinkat(o->dir_fd, link_new, 0);
	if (symlinkat(path, o->dir_fd, link_new) == 0 &&
	    renameat(o->dir_fd, link_new, o->dir_fd, link_name) == 0)
		return 0;
	return ERR_IO;
}

/* `dir` NULL: without a name. */
static struct ring *
make_in(struct outbox *o, const char *dir)
{
	uint64_t bytes = o->ring_bytes;
	struct ring *r;
	int rc = ring_make(dir, prefix, bytes, &r);

	/* A process may be forbidden large files (setrlimit(2)): a small ring is better than none. */
	while (rc != 0 && errno == EFBIG && bytes > RING_BYTES_MIN)
		rc = ring_make(dir, prefix, bytes /= 2, &r);
	if (rc != 0) {
		log_warn("spool ring=cannot-make dir=%s reason=%s", dir ? LOGV(str_of(dir)) : "none",
		    LOGV(str_of(strerror(errno))));
		return NULL;
	}
	if (!dir || point_to(o, ring_path(r)) == 0)
		return r;
	log_warn(
	    "spool ring=cannot-link dir=%s reason=%s", LOGV(str_of(o->dir)), LOGV(str_of(strerror(errno))));
	ring_close(r, true);
	return NULL;
}

/* NULL: nowhere. */
static struct ring *
make_ring(struct outbox *o)
{
	struct ring *r = o->ring_dir ? make_in(o, o->ring_dir) : NULL;

	if (!r)
		r = make_in(o, o->dir);
	if (r && o->ring_dir && !ring_in_memory(r))
		log_warn("spool ring=on-disk path=%s: replies may have to wait for a disk that hangs",
		    LOGV(str_of(ring_path(r))));
	return r;
}

static void
take_ring(struct outbox *o, struct ring *r)
{
	o->ring = r;
	o->moved_away = false;
	ring_guard(r);
	o->homeless = ring_path(r) == NULL;
	o->renew = o->homeless || ring_size(r) < o->ring_bytes || (o->ring_dir && !ring_in_memory(r));
	o->renew_at = clock_now().mono + RENEW_EVERY;
	o->seen_taken = ring_taken(r);
	o->seen_at = clock_coarse();
}

/* The one that the link names. NULL: there is none. */
static struct ring *
find(struct outbox *o)
{
	char path[PATH_MAX];
	ssize_t n = readlinkat(o->dir_fd, link_name, path, sizeof(path) - 1);
	struct ring *r;
	int rc;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	rc = ring_adopt(path, &r);
	if (rc == 0)
		return r;
	if (rc == ERR_IO && errno == ENOENT)
		log_info("spool ring=gone path=%s: the machine was started anew", LOGV(str_of(path)));
	else
		log_error("spool ring=cannot-use path=%s reason=%s", LOGV(str_of(path)),
		    LOGV(str_of(rc == ERR_IO ? strerror(errno) : err_str(rc))));
	return NULL;
}

void
outbox_find_ring(struct outbox *o)
{
	struct ring *r = find(o);

	if (!r)
		return;
	take_ring(o, r);
	o->renew = true; /* where and as large as the configuration says now */
	log_info("spool ring=found path=%s bytes=%llu", LOGV(str_of(ring_path(r))),
	    (unsigned long long)ring_waiting(r));
}

int
outbox_have_ring(struct outbox *o)
{
	struct ring *r = o->ring;

	if (r)
		return 0;
	r = make_ring(o);
	if (!r)
		r = make_in(o, NULL);
	if (!r)
		return ERR_IO;
	take_ring(o, r);
	if (o->homeless)
		log_error("spool ring=homeless: a crash would lose what was just answered");
	return 0;
}

void
outbox_renew_ring(struct outbox *o)
{
	bool gone = !o->homeless && (ring_gone(o->ring) || o->moved_away), idle;
	int64_t now = clock_now().mono;
	struct ring *r, *old;

	if (gone)
		log_error("spool ring=removed path=%s", LOGV(str_of(ring_path(o->ring))));
	/* The link to the ring goes with the spool's folder. */
	if (spool_made_again(o->spool) || gone) {
		o->homeless = o->renew = true;
		o->renew_at = now;
	}
	if (!o->renew || now < o->renew_at)
		return;
	o->renew_at = now + RENEW_EVERY;
	/* In a flood it is hardly ever empty by itself. Only this thread puts something in: what is empty and
	 * not looked at stays so. */
	idle = outbox_flush(o, o->homeless ? EMPTY_IN : 0);
	r = idle ? make_ring(o) : NULL;
	if (!r) {
		if (!idle)
			o->renew_at = now;
		return;
	}
	pthread_mutex_lock(&o->lock);
	old = o->ring;
	take_ring(o, r);
	o->renew = false; /* good enough until it is gone: what could be had was tried */
	pthread_mutex_unlock(&o->lock);
	ring_close(old, true);
}

void
outbox_keep_link(struct outbox *o, const struct ring *r)
{
	struct stat st;

	if (ring_moved(r))
		o->moved_away = true;
	/* A folder that was made again gets a ring of its own. */
	if (!ring_path(r) || o->spool->made_again ||
	    fstatat(o->dir_fd, link_name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return;
	if (point_to(o, ring_path(r)) == 0)
		log_error("spool ring=unlinked path=%s: linked again", LOGV(str_of(ring_path(r))));
}

void
outbox_leave_ring(struct outbox *o, bool left)
{
	ring_close(o->ring, !left);
	o->ring = NULL;
	if (!left)
		(void)unlinkat(o->dir_fd, link_name, 0);
}
