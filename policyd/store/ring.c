/* SPDX-License-Identifier: ISC */
/*
 * One writer, one reader, two positions that only grow. Whenever the ring is found empty the next record goes
 * to its beginning: so a reader that keeps up touches a few pages over and over, and no others take memory.
 */
#include "store/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "store/spool.h"

enum { CHECK_BYTES = 4, ALIGN = 8, STEP = 256 << 10, RESTART = 64 << 10 };

#define UNUSED UINT32_MAX /* a length: nothing more up to the end */

static const char magic[] = "pdsring1";
enum { MAGIC = sizeof(magic) - 1 }; /* its bytes in the file */

struct ring_file {
	char magic[MAGIC];
	uint32_t version, zero;
	uint64_t size;
	_Alignas(64) _Atomic uint64_t head;
	_Atomic uint64_t base;
	_Alignas(64) _Atomic uint64_t tail;
};

struct frame {
	uint32_t check, length;
	uint64_t seq;
};

struct ring {
	char *path;
	int fd;
	struct ring_file *file;
	unsigned char *bytes;
	uint64_t size;
	uint64_t backed;       /* bytes of the file that have memory; the writer alone */
	_Atomic uint64_t head; /* the file's, or about to be */
	_Atomic bool lost;     /* the file was cut off: this is other memory */
};

static _Atomic(struct ring *) guarded; /* a signal has no other way to it */

_Static_assert(sizeof(struct frame) == RING_RECORD_HEADER, "a record's header has no holes");
_Static_assert(sizeof(struct ring_file) <= RING_HEADER, "the first page holds the positions");

/* ---- opening and closing ---- */

static void
ring_free(struct ring *r)
{
	int saved = errno;

	if (atomic_load(&guarded) == r)
		atomic_store(&guarded, NULL);
	if (r->file)
		munmap(r->file, RING_HEADER + r->size);
	if (r->fd >= 0)
		close(r->fd);
	xfree(r->path);
	xfree(r);
	errno = saved;
}

static int
map(struct ring *r)
{
	int flags = MAP_SHARED | (r->fd < 0 ? MAP_ANONYMOUS : 0);
	void *p = mmap(NULL, RING_HEADER + r->size, PROT_READ | PROT_WRITE, flags, r->fd, 0);

	if (p == MAP_FAILED)
		return ERR_IO;
	r->file = p;
	r->bytes = (unsigned char *)p + RING_HEADER;
	return 0;
}

/* Memory for the file's first `bytes`. */
static bool
back(struct ring *r, uint64_t bytes)
{
	uint64_t to = (bytes + STEP - 1) / STEP * STEP;

	if (to > RING_HEADER + r->size)
		to = RING_HEADER + r->size;
	if (to <= r->backed || r->fd < 0)
		return true;
	errno = posix_fallocate(r->fd, (off_t)r->backed, (off_t)(to - r->backed));
	if (errno != 0)
		return false;
	r->backed = to;
	return true;
}

static bool
lay_out(struct ring *r)
{
	return flock(r->fd, LOCK_EX | LOCK_NB) == 0 &&
	    ftruncate(r->fd, (off_t)(RING_HEADER + r->size)) == 0 && back(r, RING_HEADER);
}

static void
begin(const struct ring *r, struct ring_file *file)
{
	file->version = RING_VERSION;
	file->size = r->size;
	memcpy(file->magic, magic, MAGIC);
}

static int
set_up(struct ring *r)
{
	if ((r->fd >= 0 && !lay_out(r)) || map(r) != 0)
		return ERR_IO;
	begin(r, r->file);
	return 0;
}

/* A name that nobody can guess, so that nobody can stand in its way. */
static int
make_file(struct ring *r, const char *dir, const char *prefix)
{
	size_t room = strlen(dir) + strlen(prefix) + sizeof("/.XXXXXX");

	r->path = xcalloc(1, room);
	snprintf(r->path, room, "%s/%s.XXXXXX", dir, prefix);
	return mkostemp(r->path, O_CLOEXEC);
}

int
ring_make(const char *dir, const char *prefix, uint64_t bytes, struct ring **out)
{
	struct ring *r = xcalloc(1, sizeof(*r));

	if (bytes < RING_BYTES_MIN)
		bytes = RING_BYTES_MIN;
	r->size = (bytes + RING_HEADER - 1) / RING_HEADER * RING_HEADER;
	r->fd = dir ? make_file(r, dir, prefix) : -1;
	if ((dir && r->fd < 0) || set_up(r) != 0) {
		int saved = errno;

		if (r->fd >= 0 && r->path)
			unlink(r->path);
		errno = saved;
		ring_free(r);
		return ERR_IO;
	}
	*out = r;
	return 0;
}

/* What is mapped without looking at its size first would be a SIGBUS. */
static int
check_file(struct ring *r)
{
	struct ring_file file;
	struct stat st;

	if (fstat(r->fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size <= RING_HEADER ||
	    st.st_size % RING_HEADER != 0)
		return ERR_CORRUPT;
	if (pread(r->fd, &file, sizeof(file), 0) != (ssize_t)sizeof(file))
		return ERR_IO;
	r->size = (uint64_t)st.st_size - RING_HEADER;
	if (memcmp(file.magic, magic, MAGIC) != 0 || file.version != RING_VERSION || file.size != r->size ||
	    file.tail > file.head || file.head - file.tail > r->size || file.head % ALIGN != 0 ||
	    file.tail % ALIGN != 0 || file.base % ALIGN != 0 || file.base > file.head)
		return ERR_CORRUPT;
	return 0;
}

int
ring_adopt(const char *path, struct ring **out)
{
	struct ring *r = xcalloc(1, sizeof(*r));
	int rc;

	r->path = xstrdup(path);
	r->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	rc = r->fd < 0 ? ERR_IO : 0;
	if (rc == 0 && flock(r->fd, LOCK_EX | LOCK_NB) != 0)
		rc = errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
	if (rc == 0)
		rc = check_file(r);
	/* A file in memory may have holes where nothing was put yet. */
	if (rc == 0)
		rc = map(r);
	if (rc == 0)
		r->head = r->file->head;
	if (rc != 0) {
		ring_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void
ring_close(struct ring *r, bool remove)
{
	if (!r)
		return;
	if (remove && r->path)
		unlink(r->path);
	ring_free(r);
}

const char *
ring_path(const struct ring *r)
{
	return r->path;
}

uint64_t
ring_size(const struct ring *r)
{
	return r->size;
}

bool
ring_in_memory(const struct ring *r)
{
	struct statfs fs;
	uint32_t type; /* statfs(2) has another type for it on each machine */

	if (r->fd < 0)
		return true;
	if (fstatfs(r->fd, &fs) != 0)
		return false;
	type = (uint32_t)fs.f_type;
	return type == TMPFS_MAGIC || type == RAMFS_MAGIC;
}

bool
ring_gone(const struct ring *r)
{
	struct stat st;

	return r->lost ||
	    (r->fd >= 0 && fstat(r->fd, &st) == 0 &&
		(st.st_nlink == 0 || (uint64_t)st.st_size < RING_HEADER + r->size));
}

bool
ring_moved(const struct ring *r)
{
	struct stat ours, there;

	if (r->fd < 0 || fstat(r->fd, &ours) != 0)
		return false;
	if (stat(r->path, &there) != 0)
		return errno == ENOENT;
	return ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}

/* ---- the file is cut off ---- */

/* Empty memory in its place, in one step. Who is in the middle of a walk finds what does not check, and takes
 * out no more than was ever put in. */
static bool
replace(struct ring *r)
{
	size_t n = RING_HEADER + r->size;
	struct ring_file *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if ((void *)p == MAP_FAILED)
		return false;
	begin(r, p);
	p->head = p->tail = p->base = atomic_load(&r->head);
	return mremap(p, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, r->file) != MAP_FAILED;
}

static void
on_bus_error(int sig, siginfo_t *info, void *context)
{
	const struct sigaction die = { .sa_handler = SIG_DFL };
	struct ring *r = atomic_load(&guarded);
	uintptr_t at = (uintptr_t)info->si_addr, from = r ? (uintptr_t)r->file : 0;
	int saved = errno;

	(void)context;
	/* Not ours: it comes again at once, and ends the process. Another thread may be here already. */
	if (!r || at < from || at - from >= RING_HEADER + r->size ||
	    (!atomic_exchange(&r->lost, true) && !replace(r)))
		(void)sigaction(sig, &die, NULL);
	errno = saved;
}

void
ring_guard(struct ring *r)
{
	struct sigaction act = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	atomic_store(&guarded, r);
	(void)sigaction(SIGBUS, &act, NULL);
}

/* ---- putting in ---- */

static uint32_t
check_of(const unsigned char *frame, size_t length)
{
	struct str s = { (const char *)frame + CHECK_BYTES, RING_RECORD_HEADER - CHECK_BYTES + length };

	return (uint32_t)hash64(0, s);
}

static void
leave_out(struct ring *r, uint64_t offset)
{
	const struct frame f = { .length = UNUSED };

	memcpy(r->bytes + offset, &f, ALIGN);
}

bool
ring_put(struct ring *r, uint64_t seq, struct str payload)
{
	uint64_t head = atomic_load_explicit(&r->file->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&r->file->tail, memory_order_acquire);
	uint64_t base = atomic_load_explicit(&r->file->base, memory_order_relaxed);
	uint64_t offset = (head - base) % r->size, left, skip;
	uint64_t need = (RING_RECORD_HEADER + (uint64_t)payload.n + ALIGN - 1) / ALIGN * ALIGN;
	struct frame f = { .length = (uint32_t)payload.n, .seq = seq };
	bool lost = r->lost;
	unsigned char *to;

	/* Nobody looks at what is empty. Who sees the new head sees this as well. */
	if (head == tail && offset >= RESTART) {
		atomic_store_explicit(&r->file->base, head, memory_order_relaxed);
		offset = 0;
	}
	left = r->size - offset;
	skip = need > left ? left : 0;
	if (payload.n > SPOOL_RECORD_MAX || head + skip + need - tail > r->size)
		return false;
	if (!back(r, RING_HEADER + (skip ? need : offset + need)))
		return false;
	if (skip) {
		leave_out(r, offset);
		offset = 0;
	}
	to = r->bytes + offset;
	memcpy(to, &f, sizeof(f));
	if (payload.n)
		memcpy(to + sizeof(f), payload.p, payload.n);
	f.check = check_of(to, payload.n);
	memcpy(to, &f.check, sizeof(f.check));
	/* Cut off meanwhile: the place was one in what is no more. */
	if (r->lost && !lost)
		return ring_put(r, seq, payload);
	atomic_store_explicit(&r->head, head + skip + need, memory_order_relaxed);
	/* In one order with whoever sleeps while ring_waiting() is 0. */
	atomic_store(&r->file->head, head + skip + need);
	return true;
}

/* Nobody looks at an empty ring, and what comes next goes to its beginning. */
void
ring_trim(struct ring *r)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (r->fd < 0 || r->backed <= STEP || ring_waiting(r) != 0)
		return;
	if (fallocate(r->fd, punch, STEP, (off_t)(r->backed - STEP)) == 0)
		r->backed = STEP;
}

/* ---- looking and taking out ---- */

uint64_t
ring_waiting(const struct ring *r)
{
	uint64_t tail = atomic_load_explicit(&r->file->tail, memory_order_acquire);

	return atomic_load(&r->file->head) - tail;
}

uint64_t
ring_taken(const struct ring *r)
{
	return atomic_load_explicit(&r->file->tail, memory_order_acquire);
}

struct ring_walk
ring_walk(const struct ring *r)
{
	struct ring_walk w = { .at = atomic_load_explicit(&r->file->tail, memory_order_acquire) };

	w.end = atomic_load_explicit(&r->file->head, memory_order_acquire);
	w.base = atomic_load_explicit(&r->file->base, memory_order_relaxed);
	return w;
}

/* Trusts nothing: the file may come from a machine that lost its power. */
bool
ring_next(const struct ring *r, struct ring_walk *w, uint64_t *seq, struct str *payload)
{
	while (w->at < w->end && !w->damaged) {
		uint64_t offset = (w->at - w->base) % r->size, left = r->size - offset, need;
		const unsigned char *from = r->bytes + offset;
		struct frame f = { 0 };

		memcpy(&f, from, left < sizeof(f) ? ALIGN : sizeof(f));
		if (f.length == UNUSED) {
			w->at += left;
			continue;
		}
		need = (RING_RECORD_HEADER + (uint64_t)f.length + ALIGN - 1) / ALIGN * ALIGN;
		w->damaged = f.length > SPOOL_RECORD_MAX || need > left || need > w->end - w->at ||
		    f.check != check_of(from, f.length);
		if (w->damaged)
			break;
		*seq = f.seq;
		*payload = (struct str){ (const char *)from + sizeof(f), f.length };
		w->at += need;
		return true;
	}
	w->damaged = w->damaged || w->at > w->end;
	return false;
}

void
ring_take(struct ring *r, const struct ring_walk *w)
{
	atomic_store_explicit(&r->file->tail, w->damaged ? w->end : w->at, memory_order_release);
}
