/* SPDX-License-Identifier: ISC */
/*
 * Reading trusts nothing: a length is held against its cap and the file before memory is taken for it, a
 * payload is shown only after its checksum agreed.
 */
#include "store/spool_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/pack.h"
#include "store/spool.h"

enum { READ_CHUNK = 128 << 10, HEX_DIGITS = 16, CHECK_BYTES = 4 };

static const char magic[] = "pdstorm1";
static const char prefix[] = "spool.";

void
segment_name(struct segment_name *out, uint64_t first, const char *suffix)
{
	snprintf(out->text, sizeof(out->text), "%s%016llx%s", prefix, (unsigned long long)first, suffix);
}

bool
segment_name_parse(const char *name, uint64_t *first, bool *aside)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = strlen(prefix);
	uint64_t v = 0;

	if (strncmp(name, prefix, at) != 0)
		return false;
	for (int i = 0; i < HEX_DIGITS; i++, at++) {
		const char *d = name[at] ? strchr(digits, name[at]) : NULL;

		if (!d)
			return false;
		v = v << 4 | (uint64_t)(d - digits);
	}
	*first = v;
	*aside = strcmp(name + at, SEGMENT_ASIDE) == 0;
	return name[at] == '\0' || *aside;
}

void
segment_header(struct buf *out, uint64_t first, int64_t created)
{
	size_t at = out->len;

	buf_append(out, magic, strlen(magic));
	pack_u32(out, SEGMENT_VERSION);
	pack_u32(out, 0);
	pack_u64(out, first);
	pack_u64(out, (uint64_t)created);
	pack_u64(out, hash64(0, str_sub(buf_str(out), at, out->len)));
}

void
segment_record(struct buf *out, uint64_t seq, struct str payload)
{
	size_t at = out->len;
	uint32_t check;

	pack_u32(out, 0);
	pack_u32(out, (uint32_t)payload.n);
	pack_u64(out, seq);
	buf_str_append(out, payload);
	check = (uint32_t)hash64(0, str_sub(buf_str(out), at + CHECK_BYTES, out->len));
	for (int i = 0; i < CHECK_BYTES; i++)
		out->data[out->start + at + (size_t)i] = (char)(unsigned char)(check >> (8 * i));
}

static int
write_header(int fd, uint64_t first, int64_t created)
{
	struct buf b;
	ssize_t n;
	bool whole;

	buf_init(&b, 0);
	segment_header(&b, first, created);
	n = write(fd, buf_str(&b).p, b.len);
	whole = n == (ssize_t)b.len;
	buf_fini(&b);
	if (n >= 0 && !whole)
		errno = ENOSPC;
	return whole ? 0 : ERR_IO;
}

int
segment_create(int dir_fd, uint64_t first, int64_t created)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	struct segment_name name;
	int saved, fd = openat(dir_fd, SEGMENT_NEW, flags, 0600);

	if (fd < 0)
		return ERR_IO;
	segment_name(&name, first, "");
	if (write_header(fd, first, created) == 0 && renameat(dir_fd, SEGMENT_NEW, dir_fd, name.text) == 0)
		return fd;
	saved = errno;
	close(fd);
	unlinkat(dir_fd, SEGMENT_NEW, 0);
	errno = saved;
	return ERR_IO;
}

/* Reads on until n bytes wait or the file ends. */
static int
fill(struct segment_reader *r, size_t n)
{
	while (r->buf.len < n && !r->eof) {
		char *to = buf_reserve(&r->buf, READ_CHUNK);
		ssize_t got = to ? read(r->fd, to, READ_CHUNK) : -1;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		if (got == 0)
			r->eof = true;
		buf_commit(&r->buf, (size_t)got);
	}
	return 0;
}

static int
check_header(struct str h, uint64_t first, const char **why)
{
	struct wire u;
	uint64_t named;

	*why = "no header";
	if (h.n < SEGMENT_HEADER)
		return ERR_SYNTAX;
	*why = "not a spool segment";
	if (memcmp(h.p, magic, strlen(magic)) != 0)
		return ERR_CORRUPT;
	unpack_init(&u, str_sub(h, strlen(magic), SEGMENT_HEADER));
	*why = "made by another version";
	if (unpack_u32(&u) != SEGMENT_VERSION)
		return ERR_VERSION;
	(void)unpack_u32(&u);
	named = unpack_u64(&u);
	(void)unpack_u64(&u);
	*why = "the header does not check";
	if (unpack_u64(&u) != hash64(0, str_sub(h, 0, SEGMENT_HEADER - 8)))
		return ERR_CORRUPT;
	*why = "name and header differ";
	return named == first ? 0 : ERR_CORRUPT;
}

int
segment_open(struct segment_reader *r, int dir_fd, uint64_t first, const char **why)
{
	struct segment_name name;
	struct stat st;
	int err;

	*r = (struct segment_reader){ .last = first - 1 };
	buf_init(&r->buf, 0);
	segment_name(&name, first, "");
	*why = "cannot be read";
	/* Not blocking, lest somebody's named pipe holds up the start. */
	r->fd = openat(dir_fd, name.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd < 0 || fstat(r->fd, &st) != 0)
		return ERR_IO;
	*why = "not a file";
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return ERR_IO;
	}
	*why = "cannot be read";
	if (fill(r, SEGMENT_HEADER) != 0)
		return ERR_IO;
	r->left = (uint64_t)st.st_size;
	err = check_header(buf_str(&r->buf), first, why);
	if (err)
		return err;
	buf_consume(&r->buf, SEGMENT_HEADER);
	r->left -= SEGMENT_HEADER;
	return 0;
}

enum segment_got
segment_next(struct segment_reader *r, uint64_t *seq, struct str *payload)
{
	struct wire u;
	uint32_t check, length;
	uint64_t number;
	size_t whole;

	if (fill(r, SEGMENT_RECORD_HEADER) != 0)
		return SEGMENT_FAILED;
	if (r->buf.len < SEGMENT_RECORD_HEADER)
		return r->buf.len == 0 ? SEGMENT_END : SEGMENT_TORN;
	unpack_init(&u, buf_str(&r->buf));
	check = unpack_u32(&u);
	length = unpack_u32(&u);
	number = unpack_u64(&u);
	if (length > SPOOL_RECORD_MAX || number <= r->last || number > SPOOL_SEQ_MAX)
		return SEGMENT_DAMAGED;
	whole = SEGMENT_RECORD_HEADER + (size_t)length;
	if (fill(r, whole) != 0)
		return SEGMENT_FAILED;
	if (r->buf.len < whole)
		return SEGMENT_TORN;
	if (check != (uint32_t)hash64(0, str_sub(buf_str(&r->buf), CHECK_BYTES, whole)))
		return SEGMENT_DAMAGED;
	*seq = number;
	*payload = str_sub(buf_str(&r->buf), SEGMENT_RECORD_HEADER, whole);
	buf_consume(&r->buf, whole);
	r->last = number;
	r->left -= whole;
	return SEGMENT_GOT;
}

void
segment_close(struct segment_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	buf_fini(&r->buf);
}
