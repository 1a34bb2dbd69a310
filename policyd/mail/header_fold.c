/* SPDX-License-Identifier: ISC */
/*
 * Folded values: unfolded where they are kept, and hashed as one line in which each run of white space is
 * one space, so that folding and line ends make no difference. Such a line is built in parts of a fixed
 * size; each part is hashed in one go together with the sum of all before it.
 */
#include "mail/header_fields.h"

#include <endian.h>
#include <stddef.h>

#include "base/bytes.h"

/* Up to `cap` bytes of a value that has line ends or tabs. */
static struct str
unfold(struct str value, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n && n < cap; i++) {
		if (value.p[i] == ' ' || !str_is_space(value.p[i])) {
			out[n++] = value.p[i];
			continue;
		}
		while (n && out[n - 1] == ' ')
			n--;
		while (i + 1 < value.n && str_is_space(value.p[i + 1]))
			i++;
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

/* Out of the way of what is short and stands in one line: the text wants a kilobyte of the stack. */
static struct str __attribute__((noinline)) keep_unfolded(struct header *h, struct str value)
{
	char text[HEADER_VALUE_KEEP];

	return header_keep(h, header_unfold(value, text, sizeof(text)));
}

struct str
header_keep_value(struct header *h, struct str value)
{
	value = str_trim(value);
	if (value.n > HEADER_VALUE_KEEP || str_has_control(value))
		return keep_unfolded(h, value);
	return header_keep(h, value);
}

/* --- hashing -------------------------------------------------------------------------------------------- */

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

/* Takes of a name beyond all measure what fills parts, and returns the rest. */
static struct str __attribute__((noinline)) part_long_name(struct header_part *part, struct str name)
{
	while (name.n >= HEADER_VALUE_KEEP - part->n) {
		struct str front = str_sub(name, 0, HEADER_VALUE_KEEP - part->n);

		str_lower_to(part->text + part->n, front);
		part->n += front.n;
		name = str_sub(name, front.n, name.n);
		part_next(part);
	}
	return name;
}

void
header_part_name(struct header_part *part, struct str name)
{
	if (name.n >= HEADER_VALUE_KEEP - part->n)
		name = part_long_name(part, name);
	str_lower_to(part->text + part->n, name);
	part->n += name.n;
	part->text[part->n++] = '\n';
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Copies the bytes at p, and tells how many at the front stay as they are; the one behind them is looked at
 * too. */
static size_t
copy_sixteen(char *to, const char *p)
{
	bytes16 v = bytes_at(p), next = bytes_at(p + 1);

	bytes_put(to, v);
	return bytes_first((bytes16)(v < ' ') | ((bytes16)(v <= ' ') & (bytes16)(next <= ' ')));
}

/* Whether the byte at i does not stay; the last has none behind it. */
static bool
is_odd(struct str s, size_t i)
{
	unsigned char c = (unsigned char)s.p[i];

	return c <= ' ' && (c < ' ' || (i + 1 < s.n && (unsigned char)s.p[i + 1] <= ' '));
}

/* Copies those bytes at the front of s that stay as they are, `room` at most, and returns how many. A control
 * byte does not stay, nor does a space with one or another space behind it. s is not empty. */
static size_t
copy_plain(char *to, size_t room, struct str s)
{
	size_t followed = least(room, s.n - 1), n = least(room, s.n), i = 0;

	for (; followed - i >= BYTES16; i += BYTES16) {
		size_t stay = copy_sixteen(to + i, s.p + i);

		if (stay < BYTES16)
			return i + stay;
	}
	/* what is left goes together with bytes before it, where there are enough */
	if (i && i < followed) {
		i = followed - BYTES16;
		i += copy_sixteen(to + i, s.p + i);
		if (i < followed)
			return i;
	}
	for (; i < n && !is_odd(s, i); i++)
		to[i] = s.p[i];
	return i;
}

static size_t
spaces_end(struct str s, size_t i)
{
	while (i < s.n && str_is_space(s.p[i]))
		i++;
	return i;
}

size_t
header_part_fill(struct header_part *part, struct str s)
{
	size_t i = 0;

	while (i < s.n && part->n < HEADER_VALUE_KEEP) {
		size_t n = copy_plain(part->text + part->n, HEADER_VALUE_KEEP - part->n, str_sub(s, i, s.n));
		char c;

		part->n += n;
		i += n;
		if (i == s.n || part->n == HEADER_VALUE_KEEP)
			break;
		c = s.p[i++];
		part->text[part->n++] = str_is_space(c) ? ' ' : c;
		if (str_is_space(c))
			i = spaces_end(s, i);
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
