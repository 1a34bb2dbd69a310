/* SPDX-License-Identifier: ISC */
/*
 * Folded values: unfolded where they are kept, and hashed as one line in which each run of white space is
 * one space, so that folding and line ends make no difference. Such a line is built in parts of a fixed
 * size; each part is hashed in one go together with the sum of all before it.
 */
#include "mail/header_fields.h"

#include <endian.h>
#include <stddef.h>

/* Up to `cap` bytes of a value that has line ends. */
static struct str
unfold(struct str value, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n && n < cap; i++) {
		char c = value.p[i];

		if (c != '\r' && c != '\n')
			out[n++] = c;
		else if (i + 1 < value.n && !str_is_space(value.p[i + 1]))
			out[n++] = ' ';
	}
	return str_trim((struct str){ out, n });
}

struct str
header_unfold(struct str value, char *out, size_t cap)
{
	struct str front;

	value = str_trim(value);
	front = str_sub(value, 0, cap);
	if (str_has_control(front))
		return unfold(value, out, cap);
	return str_trim(front);
}

struct str
header_keep(struct header *h, struct str s)
{
	struct str kept = arena_str(h->arena, s);

	if (!kept.p)
		h->f.flags |= HDR_TRUNCATED;
	return kept;
}

struct str
header_keep_value(struct header *h, struct str value)
{
	char text[HEADER_VALUE_KEEP];

	return header_keep(h, header_unfold(value, text, sizeof(text)));
}

/* --- hashing -------------------------------------------------------------------------------------------- */

enum { WORD = sizeof(uint64_t) };
#define EACH_BYTE(b) ((uint64_t)0x0101010101010101 * (b))

/*
 * Eight bytes that stay as they are: no control byte among them, nor two spaces side by side. A byte of the
 * difference has its high bit set when it was less; a borrow makes a neighbour look so at worst.
 */
static bool
is_plain(const char *p)
{
	uint64_t w, spaces, less;

	memcpy(&w, p, sizeof(w));
	spaces = w ^ EACH_BYTE(' ');
	spaces = (spaces - EACH_BYTE(1)) & ~spaces & EACH_BYTE(0x80);
	less = (w - EACH_BYTE(' ')) & ~w & EACH_BYTE(0x80);
	return !less && !(spaces & spaces << 8);
}

void
header_part_begin(struct header_part *part, struct key128 sum)
{
	uint64_t le[2] = { htole64(sum.lo), htole64(sum.hi) };

	memcpy(part->sum, le, sizeof(part->sum));
	part->n = 0;
}

static struct key128
part_sum(const struct header_part *part)
{
	XXH128_hash_t sum = XXH3_128bits(part, offsetof(struct header_part, text) + part->n);
	struct key128 k = { sum.low64, sum.high64 };

	if (key_is_zero(k))
		k.lo = 1;
	return k;
}

/* The part is full. No first part begins with a line end: so one long field is not two short ones. */
static void
part_next(struct header_part *part)
{
	header_part_begin(part, part_sum(part));
	part->text[part->n++] = '\n';
}

void
header_part_name(struct header_part *part, struct str name)
{
	for (;;) {
		struct str front = str_sub(name, 0, sizeof(part->text) - part->n);

		str_lower_to(part->text + part->n, front);
		part->n += front.n;
		name = str_sub(name, front.n, name.n);
		if (part->n == sizeof(part->text))
			part_next(part);
		else
			break;
	}
	part->text[part->n++] = '\n';
}

/* Eight bytes at a time, as long as they stay as they are; a rest as if something plain followed it. Returns
 * how many. */
static size_t
fill_plain(struct header_part *part, struct str s)
{
	size_t room = sizeof(part->text) - part->n, i = 0;
	char *to = part->text + part->n, word[WORD];

	for (; i + WORD <= s.n && i + WORD <= room && is_plain(s.p + i); i += WORD) {
		memcpy(to + i, s.p + i, WORD);
		/* a space at its end is left for the next look: there may be more of them */
		i -= s.p[i + WORD - 1] == ' ';
	}
	if (i + WORD > s.n && i + WORD <= room) {
		memset(word, 'x', sizeof(word));
		memcpy(word, s.p + i, s.n - i);
		if (is_plain(word)) {
			memcpy(to + i, word, sizeof(word));
			i = s.n;
		}
	}
	part->n += i;
	return i;
}

/* One by one up to eight bytes, or up to and with a run of white space, which is one space. */
static size_t
fill_slowly(struct header_part *part, struct str s)
{
	size_t i = 0, end = part->n + WORD < sizeof(part->text) ? part->n + WORD : sizeof(part->text);
	bool space = false;

	while (i < s.n && part->n < end && !space) {
		char c = s.p[i++];

		space = str_is_space(c);
		part->text[part->n++] = space ? ' ' : c;
	}
	while (space && i < s.n && str_is_space(s.p[i]))
		i++;
	return i;
}

size_t
header_part_fill(struct header_part *part, struct str s)
{
	size_t i = 0;

	while (i < s.n && part->n < sizeof(part->text)) {
		i += fill_plain(part, str_sub(s, i, s.n));
		i += fill_slowly(part, str_sub(s, i, s.n));
	}
	return i;
}

struct key128
header_part_end(struct header_part *part, struct str rest)
{
	for (;;) {
		rest = str_sub(rest, header_part_fill(part, rest), rest.n);
		if (rest.n == 0)
			return part_sum(part);
		part_next(part);
	}
}
