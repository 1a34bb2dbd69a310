/* SPDX-License-Identifier: ISC */
/* A ring and a segment of the spool as a machine that lost its power may leave them: read to an end,
 * numbers rise, and the ring goes on afterwards. */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "store/ring.h"
#include "store/spool.h"
#include "store/spool_segment.h"

enum { ALIGN = 8, PUTS = 40, WRONG = 0xf0, UNUSED = 0xe8, FAR = 0xe0 };

static char dir[] = "/dev/shm/storm-fuzz.XXXXXX";
static char ring_name[sizeof(dir) + 8], segment_path[sizeof(dir) + sizeof(struct segment_name)];

static void
end(void)
{
	unlink(ring_name);
	unlink(segment_path);
	rmdir(dir);
}

static void
begin(void)
{
	static bool begun;
	struct segment_name name;

	if (begun)
		return;
	begun = true;
	NEED(mkdtemp(dir));
	segment_name(&name, 1, "");
	snprintf(ring_name, sizeof(ring_name), "%s/ring", dir);
	snprintf(segment_path, sizeof(segment_path), "%s/%s", dir, name.text);
	NEED(atexit(end) == 0);
}

static void
put_file(const char *name, struct str s)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	NEED(fd >= 0 && write(fd, s.p, s.n) == (ssize_t)s.n);
	close(fd);
}

static void
pad(struct buf *b, size_t n)
{
	static const char zeros[4096];

	for (; n > sizeof(zeros); n -= sizeof(zeros))
		buf_append(b, zeros, sizeof(zeros));
	buf_append(b, zeros, n);
}

/* Records behind two bytes each: how long it is, and what is wrong with it. */
static void
make_records(struct buf *b, struct str s, size_t align)
{
	static const uint32_t unused[] = { 0, UINT32_MAX };
	uint64_t seq = 1;

	while (s.n >= 2) {
		size_t n = (unsigned char)s.p[0], at = b->start + b->len;
		unsigned char wrong = (unsigned char)s.p[1];

		s = str_sub(s, 2, s.n);
		if (wrong >= UNUSED && wrong < WRONG) {
			buf_append(b, unused, sizeof(unused));
			continue;
		}
		segment_record(b, seq, str_sub(s, 0, n));
		seq += wrong == FAR ? SPOOL_SEQ_MAX : wrong > FAR ? 0 : 1;
		if (wrong >= WRONG)
			b->data[at + wrong % SEGMENT_RECORD_HEADER] ^= 1;
		pad(b, (align - b->len % align) % align);
		s = str_sub(s, n, s.n);
	}
}

static void
try_segment(struct str s)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	struct segment_reader r;
	const char *why = NULL;
	uint64_t seq, last = 0;
	struct str payload;
	struct buf b;

	buf_init(&b, 0);
	segment_header(&b, 1, 1);
	make_records(&b, str_sub(s, 1, s.n), 1);
	put_file(segment_path,
	    str_sub(buf_str(&b), 0, s.p[0] & 1 ? b.len : b.len - (unsigned char)s.p[0] % b.len));
	if (segment_open(&r, dir_fd, 1, &why) == 0) {
		while (segment_next(&r, &seq, &payload) == SEGMENT_GOT) {
			NEED(seq > last && seq <= SPOOL_SEQ_MAX);
			last = seq;
		}
	}
	segment_close(&r);
	close(dir_fd);
	buf_fini(&b);
}

/* The first page, as store/ring.h has it. */
struct page {
	char magic[8];
	uint32_t version, zero;
	uint64_t size, gap[5], head, base, more[6], tail;
};

static void
need_going_on(struct ring *r)
{
	for (uint64_t k = 0; k < PUTS; k++) {
		struct ring_walk w;
		struct str payload;
		uint64_t seq;

		NEED(ring_put(r, k + 1, str_sub(STR("as many bytes of this as there were before"), 0, k)));
		w = ring_walk(r);
		NEED(ring_next(r, &w, &seq, &payload) && seq == k + 1 && payload.n == k);
		ring_take(r, &w);
	}
}

static void
try_ring(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	struct page page = {
		.magic = "pdsring", .version = RING_VERSION, .size = RING_HEADER * (1u + p[0] % 3)
	};
	struct ring_walk w;
	struct str payload;
	struct ring *r;
	struct buf b;
	uint64_t seq;

	buf_init(&b, 0);
	page.magic[7] = '1';
	page.base = (uint64_t)ALIGN * p[1] * p[2];
	page.tail = (uint64_t)ALIGN * p[3] * p[4];
	page.head = page.tail + (uint64_t)ALIGN * p[5] * p[6];
	buf_append(&b, &page, sizeof(page));
	pad(&b, RING_HEADER - sizeof(page));
	make_records(&b, str_sub(s, 7, s.n), ALIGN);
	pad(&b, page.size);
	put_file(ring_name, str_sub(buf_str(&b), 0, RING_HEADER + page.size));
	if (ring_adopt(ring_name, &r) == 0) {
		w = ring_walk(r);
		while (ring_next(r, &w, &seq, &payload))
			xfree(copy_of(payload));
		ring_take(r, &w);
		NEED(ring_waiting(r) == 0);
		need_going_on(r);
		ring_close(r, true);
	}
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data + 1, size - 1 };

	begin();
	if (size < 8)
		return 0;
	if (data[0] % 2)
		try_segment(s);
	else
		try_ring(s);
	return 0;
}
