/* SPDX-License-Identifier: ISC */
/*
 * The spool at work: append, commit, release. A failed write is cut off again, so that a segment never has
 * half a record in front of a whole one; where that fails too, the segment is left and a new one begun.
 */
#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "store/spool_state.h"

enum { CALM = MS_SEC }; /* an outage is over when nothing failed for so long */

struct segment *
spool_newest(const struct spool *s)
{
	return list_empty(&s->segments) ? NULL : container_of(s->segments.prev, struct segment, node);
}

void
spool_segment_add(struct spool *s, uint64_t first, uint64_t size)
{
	struct segment *seg = xcalloc(1, sizeof(*seg));

	seg->first = first;
	seg->last = first - 1;
	seg->size = size;
	s->stats.bytes += size;
	s->stats.segments++;
	list_add_tail(&s->segments, &seg->node);
}

void
spool_segment_drop(struct spool *s, struct segment *seg)
{
	s->stats.bytes -= seg->size;
	s->stats.segments--;
	list_del(&seg->node);
	xfree(seg);
}

/* ---- segments ---- */

void
spool_spare_take(struct spool *s)
{
	if (s->spare < 0)
		s->spare = fcntl(s->dir_fd, F_DUPFD_CLOEXEC, 0);
}

void
spool_spare_drop(struct spool *s)
{
	if (s->spare >= 0)
		close(s->spare);
	s->spare = -1;
}

/* Not one of its records is needed any more. The lock is held, in the next one as well. */
static bool
newest_released(const struct spool *s)
{
	const struct segment *seg = spool_newest(s);

	return seg && seg->last >= seg->first && seg->last <= s->released;
}

static void
reap(struct spool *s)
{
	LIST_FOREACH_SAFE (it, after, &s->segments) {
		struct segment *seg = container_of(it, struct segment, node);

		if (seg == spool_newest(s) || seg->last > s->released)
			break;
		syncer_unlink(s->syncer, seg->first);
		spool_segment_drop(s, seg);
	}
}

/* From now on there is no segment to write to. */
static void
leave_segment(struct spool *s)
{
	if (s->fd >= 0)
		syncer_retire(s->syncer, s->fd);
	s->fd = -1;
}

static int
begin_segment(struct spool *s)
{
	uint64_t first = s->batch.len ? s->batch_first : s->committed + 1;
	struct segment *old;
	int fd;

	spool_spare_drop(s);
	fd = segment_create(s->dir_fd, first, clock_now().wall);
	if (fd < 0) {
		int saved = errno;

		if (s->fd < 0)
			spool_spare_take(s);
		errno = saved;
		return ERR_IO;
	}
	leave_segment(s);
	s->fd = fd;
	syncer_follow(s->syncer, fd);
	pthread_mutex_lock(&s->lock);
	old = spool_newest(s);
	if (old && old->first == first) /* an empty one of that name: the new file has replaced it */
		spool_segment_drop(s, old);
	spool_segment_add(s, first, SEGMENT_HEADER);
	reap(s);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* The disk is full, and the newest segment takes room for nothing: it goes although no other stands there to
 * say which numbers were used. The caller's mark knows them. */
static void
free_room(struct spool *s, int failure)
{
	bool released;

	if (!err_no_room(failure))
		return;
	pthread_mutex_lock(&s->lock);
	released = newest_released(s);
	if (released) {
		leave_segment(s);
		syncer_unlink(s->syncer, spool_newest(s)->first);
		spool_segment_drop(s, spool_newest(s));
	}
	pthread_mutex_unlock(&s->lock);
}

static void
leave_all(struct spool *s)
{
	leave_segment(s);
	pthread_mutex_lock(&s->lock);
	while (!list_empty(&s->segments))
		spool_segment_drop(s, spool_newest(s));
	pthread_mutex_unlock(&s->lock);
}

/* What happened to the file that is written to; NULL: nothing, as far as can be seen. */
static const char *
harm_to(struct spool *s)
{
	struct segment_name name;
	struct stat ours, there;
	uint64_t size;
	bool found;

	pthread_mutex_lock(&s->lock);
	segment_name(&name, spool_newest(s)->first, "");
	size = spool_newest(s)->size;
	pthread_mutex_unlock(&s->lock);
	found = fstatat(s->dir_fd, name.text, &there, AT_SYMLINK_NOFOLLOW) == 0;
	if ((!found && errno != ENOENT) || fstat(s->fd, &ours) != 0)
		return NULL;
	if (!found || !spool_same_file(&ours, &there))
		return "removed";
	return (uint64_t)ours.st_size < size ? "cut-off" : NULL;
}

/* Somebody removed or moved the file, or cut it off: what is written to it now would be gone with the
 * process, not be found, or stand behind what no start can read. */
static void
leave_if_gone(struct spool *s)
{
	bool ours = spool_has_folder(s);
	const char *harm;

	if ((!ours || !spool_has_lock(s)) && spool_return(s) && !ours)
		leave_all(s);
	harm = s->fd < 0 ? NULL : harm_to(s);
	if (!harm)
		return;
	log_error("spool state=segment-%s dir=%s", harm, LOGV(str_of(s->dir)));
	leave_segment(s);
	pthread_mutex_lock(&s->lock);
	spool_segment_drop(s, spool_newest(s));
	pthread_mutex_unlock(&s->lock);
}

/* A segment to write the batch to. */
static int
ready(struct spool *s)
{
	const struct segment *seg;
	bool large;

	leave_if_gone(s);
	if (s->fd < 0)
		return begin_segment(s);
	pthread_mutex_lock(&s->lock);
	seg = spool_newest(s);
	large = seg->last >= seg->first &&
	    (seg->size + s->batch.len > s->segment_bytes ||
		(newest_released(s) && seg->size >= s->segment_bytes / 4));
	pthread_mutex_unlock(&s->lock);
	/* Where a new one cannot be begun, the old one still serves. */
	if (large && begin_segment(s) != 0)
		log_debug("spool state=cannot-begin reason=%s", LOGV(str_of(strerror(errno))));
	return 0;
}

/* ---- trouble ---- */

/* true: it has just begun. */
static bool
outage_failed(struct outage *o)
{
	bool first = !o->on;

	o->on = true;
	o->at = clock_now().mono;
	o->count++;
	return first;
}

/* How many failures the outage had that is over now; 0: there is none, or it may come back. */
static uint64_t
outage_over(struct outage *o)
{
	uint64_t count = o->count;

	if (!o->on || clock_now().mono - o->at < CALM)
		return 0;
	*o = (struct outage){ .on = false };
	return count;
}

static bool
refuse(struct spool *s, bool no_room)
{
	pthread_mutex_lock(&s->lock);
	s->stats.refused++;
	if (no_room)
		s->room_ok = false;
	pthread_mutex_unlock(&s->lock);
	if (no_room && outage_failed(&s->room))
		log_error("spool state=full dir=%s max_bytes=%" PRIu64, LOGV(str_of(s->dir)), s->max_bytes);
	return false;
}

static void
note_commit(struct spool *s, int err, int failure)
{
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	s->commit_ok = err == 0;
	s->stats.commits += err == 0;
	s->stats.failures += err != 0;
	s->stats.committed += err == 0 ? s->batch_records : 0;
	s->stats.lost += err != 0 ? s->batch_records : 0;
	pthread_mutex_unlock(&s->lock);
	if (err) {
		if (outage_failed(&s->commits))
			log_error("spool state=failing dir=%s reason=%s", LOGV(str_of(s->dir)),
			    LOGV(str_of(strerror(failure))));
		return;
	}
	n = outage_over(&s->commits);
	if (n)
		log_info("spool state=recovered dir=%s failures=%" PRIu64, LOGV(str_of(s->dir)), n);
}

/* ---- the writer ---- */

static bool
fits(struct spool *s, size_t n)
{
	/* A commit begins one segment at most. */
	uint64_t more = s->batch.len + SEGMENT_RECORD_HEADER + n + SEGMENT_HEADER;
	bool fit;

	pthread_mutex_lock(&s->lock);
	fit = more <= s->max_bytes && s->stats.bytes <= s->max_bytes - more;
	pthread_mutex_unlock(&s->lock);
	return fit;
}

/* The newest segment may be all that takes the room, and not needed. */
static bool
fits_after_release(struct spool *s, size_t n)
{
	bool released;

	pthread_mutex_lock(&s->lock);
	released = newest_released(s);
	pthread_mutex_unlock(&s->lock);
	if (!released)
		return false;
	if (begin_segment(s) != 0)
		free_room(s, errno);
	return fits(s, n);
}

bool
spool_append(struct spool *s, uint64_t seq, const void *payload, size_t n)
{
	uint64_t over;

	if (!s->replayed || seq <= s->committed || seq <= s->batch_last || seq > SPOOL_SEQ_MAX)
		log_panic("spool_append() out of order");
	if (n > SPOOL_RECORD_MAX)
		return refuse(s, false);
	if (!fits(s, n) && !fits_after_release(s, n))
		return refuse(s, true);
	pthread_mutex_lock(&s->lock);
	if (seq > s->last)
		s->last = seq;
	s->room_ok = true;
	pthread_mutex_unlock(&s->lock);
	if (s->batch.len == 0)
		s->batch_first = seq;
	s->batch_last = seq;
	s->batch_records++;
	segment_record(&s->batch, seq, (struct str){ payload, n });
	over = outage_over(&s->room);
	if (over)
		log_info("spool state=room dir=%s refused=%" PRIu64, LOGV(str_of(s->dir)), over);
	return true;
}

/* What was written of the batch goes off again. */
static void
cut_back(struct spool *s, size_t written)
{
	struct segment *seg;
	int saved = errno;
	bool cut;

	if (written == 0)
		return;
	pthread_mutex_lock(&s->lock);
	seg = spool_newest(s);
	pthread_mutex_unlock(&s->lock);
	cut = ftruncate(s->fd, (off_t)seg->size) == 0;
	if (!cut) {
		leave_segment(s);
		pthread_mutex_lock(&s->lock);
		seg->size += written;
		s->stats.bytes += written;
		pthread_mutex_unlock(&s->lock);
	}
	errno = saved;
}

static int
write_batch(struct spool *s)
{
	struct str bytes = buf_str(&s->batch);
	struct segment *seg;
	size_t done = 0;

	while (done < bytes.n) {
		ssize_t n = write(s->fd, bytes.p + done, bytes.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			cut_back(s, done);
			return ERR_IO;
		}
		done += (size_t)n;
	}
	pthread_mutex_lock(&s->lock);
	seg = spool_newest(s);
	seg->last = s->committed = s->batch_last;
	seg->size += done;
	s->stats.bytes += done;
	pthread_mutex_unlock(&s->lock);
	syncer_written(s->syncer);
	return 0;
}

int
spool_commit(struct spool *s)
{
	int err, failure;

	if (s->batch.len == 0)
		return 0;
	err = ready(s);
	if (!err)
		err = write_batch(s);
	failure = errno;
	if (err)
		free_room(s, failure);
	note_commit(s, err, failure);
	buf_reset(&s->batch);
	s->batch_records = s->batch_last = 0;
	return err;
}

uint64_t
spool_last(const struct spool *s)
{
	return s->last;
}

uint64_t
spool_committed(const struct spool *s)
{
	return s->committed;
}

/* ---- everybody ---- */

void
spool_release(struct spool *s, uint64_t seq)
{
	pthread_mutex_lock(&s->lock);
	/* Numbers that come later are not meant. */
	if (seq > s->last)
		seq = s->last;
	if (seq > s->released)
		s->released = seq;
	reap(s);
	pthread_mutex_unlock(&s->lock);
}

/* A segment of ours up to `last`: what stands behind it may still be cut off again. *go_on: fn wants more. */
static int
read_segment(
    struct spool *s, const struct segment *seg, uint64_t after, spool_read_fn *fn, void *arg, bool *go_on)
{
	struct segment_reader rd;
	const char *why;
	struct str payload;
	uint64_t seq;
	int err = segment_open(&rd, s->dir_fd, seg->first, &why);

	if (err == ERR_IO && errno == ENOENT) {
		segment_close(&rd);
		return 0; /* released in between */
	}
	while (!err && *go_on && rd.last < seg->last) {
		enum segment_got got = segment_next(&rd, &seq, &payload);

		if (got == SEGMENT_GOT)
			*go_on = seq <= after || fn(arg, seq, payload);
		else
			err = got == SEGMENT_FAILED ? ERR_IO : ERR_CORRUPT;
	}
	segment_close(&rd);
	return err;
}

int
spool_read(struct spool *s, uint64_t after, spool_read_fn *fn, void *arg)
{
	struct segment *segs;
	size_t n = 0;
	bool go_on = true;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	segs = xcalloc(s->stats.segments + 1, sizeof(*segs));
	LIST_FOREACH (it, &s->segments) {
		const struct segment *seg = container_of(it, struct segment, node);

		if (seg->last >= seg->first && seg->last > after)
			segs[n++] = *seg;
	}
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n && go_on && !err; i++)
		err = read_segment(s, &segs[i], after, fn, arg, &go_on);
	xfree(segs);
	return err;
}

int
spool_dir_fd(const struct spool *s)
{
	return s->dir_fd;
}

bool
spool_made_again(struct spool *s)
{
	return atomic_exchange(&s->made_again, false);
}

bool
spool_healthy(struct spool *s)
{
	return s->commit_ok && s->room_ok && syncer_ok(s->syncer);
}

void
spool_stats(struct spool *s, struct spool_stats *out)
{
	struct syncer_stats sync;

	syncer_stats(s->syncer, &sync);
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->lock);
	out->syncs = sync.syncs;
	out->sync_failures = sync.failures;
}
