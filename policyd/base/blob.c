/* SPDX-License-Identifier: ISC */
/*
 *	0 magic   4 version   8 wall   16 count   20 checksum of all other bytes   28 content
 */
#include "base/blob.h"

#include "base/err.h"
#include "base/hash.h"

enum { AT_COUNT = 16, AT_SUM = 20 };

static uint64_t
checksum(struct str bytes)
{
	struct hash h;

	hash_init(&h, 0, "blob");
	hash_str(&h, str_sub(bytes, 0, AT_SUM));
	hash_str(&h, str_sub(bytes, BLOB_HEAD, bytes.n));
	return hash_end64(&h);
}

size_t
blob_begin(struct buf *b, const struct blob *head)
{
	size_t at = b->len;

	pack_u32(b, head->magic);
	pack_u32(b, head->version);
	pack_u64(b, (uint64_t)head->wall);
	pack_u32(b, 0);
	pack_u64(b, 0);
	return at;
}

void
blob_end(struct buf *b, size_t at, uint32_t count)
{
	char *head;

	if (b->failed)
		return;
	head = b->data + b->start + at;
	count = htole32(count);
	memcpy(head + AT_COUNT, &count, sizeof(count));
	(void)put_u64(head + AT_SUM, checksum(str_sub(buf_str(b), at, b->len)));
}

int
blob_open(struct str bytes, struct blob *head, struct wire *u)
{
	struct blob h;
	uint64_t sum;

	unpack_init(u, bytes);
	h.magic = unpack_u32(u);
	h.version = unpack_u32(u);
	h.wall = (int64_t)unpack_u64(u);
	h.count = unpack_u32(u);
	sum = unpack_u64(u);
	if (!wire_ok(u) || h.magic != head->magic || sum != checksum(bytes))
		return ERR_CORRUPT;
	if (h.version != head->version)
		return ERR_VERSION;
	if (h.wall < -BLOB_TIME_MAX || h.wall > BLOB_TIME_MAX)
		return ERR_CORRUPT;
	*head = h;
	return 0;
}
