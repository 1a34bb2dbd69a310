/* SPDX-License-Identifier: ISC */
#include "base/str.h"

#include "base/bytes.h"
#include "base/err.h"

enum { WORD = sizeof(uint64_t), HALF = sizeof(uint32_t) };
#define EACH_BYTE(b) ((uint64_t)0x0101010101010101 * (b))

static uint64_t
word_at(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* str_lower() of eight bytes: 0x20 more where the byte without its high bit reaches 'A' and does not pass
 * 'Z', and the high bit is not set. */
static uint64_t
word_lower(uint64_t w)
{
	uint64_t low = w & EACH_BYTE(0x7f);
	uint64_t from_a = low + EACH_BYTE(0x80 - 'A'), past_z = low + EACH_BYTE(0x7f - 'Z');

	return w | (from_a & ~past_z & ~w & EACH_BYTE(0x80)) >> 2;
}

static void
lower_at(char *to, const char *p)
{
	bytes16 v = bytes_at(p);

	bytes_put(to, v + ((bytes16)(v - 'A' <= 'Z' - 'A') & ('a' - 'A')));
}

static void
word_lower_at(char *to, const char *p)
{
	uint64_t w = word_lower(word_at(p));

	memcpy(to, &w, sizeof(w));
}

static uint32_t
half_at(const char *p)
{
	uint32_t half;

	memcpy(&half, p, sizeof(half));
	return half;
}

static void
half_lower_at(char *to, const char *p)
{
	uint32_t half = (uint32_t)word_lower(half_at(p));

	memcpy(to, &half, sizeof(half));
}

/* What is left when no more go in one turn is done together with bytes before it. */
void
str_lower_to(char *to, struct str s)
{
	if (s.n >= BYTES16) {
		for (size_t i = 0; i < s.n - BYTES16; i += BYTES16)
			lower_at(to + i, s.p + i);
		lower_at(to + s.n - BYTES16, s.p + s.n - BYTES16);
	} else if (s.n >= WORD) {
		word_lower_at(to, s.p);
		word_lower_at(to + s.n - WORD, s.p + s.n - WORD);
	} else if (s.n >= HALF) {
		half_lower_at(to, s.p);
		half_lower_at(to + s.n - HALF, s.p + s.n - HALF);
	} else {
		for (size_t i = 0; i < s.n; i++)
			to[i] = str_lower(s.p[i]);
	}
}

static bool
has_control_at(const char *p)
{
	bytes16 v = bytes_at(p);

	return bytes_any((bytes16)(v < 0x20) | (bytes16)(v == 0x7f));
}

/* Not 0 where one of eight bytes is a control: the first that is one gets the high bit, no byte before it. */
static uint64_t
word_controls(uint64_t w)
{
	uint64_t del = w ^ EACH_BYTE(0x7f);

	return (((w - EACH_BYTE(0x20)) & ~w) | ((del - EACH_BYTE(1)) & ~del)) & EACH_BYTE(0x80);
}

bool
str_has_control(struct str s)
{
	if (s.n >= BYTES16) {
		for (size_t i = 0; i < s.n - BYTES16; i += BYTES16)
			if (has_control_at(s.p + i))
				return true;
		return has_control_at(s.p + s.n - BYTES16);
	}
	if (s.n >= WORD)
		return word_controls(word_at(s.p)) | word_controls(word_at(s.p + s.n - WORD));
	if (s.n >= HALF)
		return word_controls((uint64_t)half_at(s.p) << 32 | half_at(s.p + s.n - HALF));
	for (size_t i = 0; i < s.n; i++)
		if (str_is_control(s.p[i]))
			return true;
	return false;
}

bool
str_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!str_is_print(s.p[i]))
			return false;
	return true;
}

static bool
word_ieq(const char *a, const char *b)
{
	return word_lower(word_at(a)) == word_lower(word_at(b));
}

bool
str_istarts_there(struct str s, struct str prefix)
{
	size_t i = 0, n = prefix.n;

	for (; i + WORD <= n; i += WORD)
		if (!word_ieq(s.p + i, prefix.p + i))
			return false;
	/* the rest once more with bytes before it, where there are enough */
	if (n >= WORD)
		return word_ieq(s.p + n - WORD, prefix.p + n - WORD);
	for (; i < n; i++)
		if (str_lower(s.p[i]) != str_lower(prefix.p[i]))
			return false;
	return true;
}

bool
str_iends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_istarts(str_sub(s, s.n - suffix.n, s.n), suffix);
}

size_t
str_rfind(struct str s, char c)
{
	const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;

	return hit ? (size_t)(hit - s.p) : s.n;
}

size_t
str_ifind(struct str s, struct str needle)
{
	char first = needle.n ? str_lower(needle.p[0]) : '\0';

	if (needle.n == 0 || needle.n > s.n)
		return needle.n ? s.n : 0;
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (str_lower(s.p[i]) == first && str_istarts(str_sub(s, i, s.n), needle))
			return i;
	return s.n;
}

struct str
str_trim_spaces(struct str s)
{
	while (s.n && str_is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && str_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
str_split(struct str *rest, char sep, struct str *piece)
{
	size_t at;

	if (!rest->p)
		return false;
	at = str_find(*rest, sep);
	*piece = str_sub(*rest, 0, at);
	if (at == rest->n)
		*rest = STR_NONE;
	else
		*rest = str_sub(*rest, at + 1, rest->n);
	return true;
}

int
str_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		if (!str_digit(s.p[i]))
			return ERR_SYNTAX;
		if (v > (UINT64_MAX - (uint64_t)(s.p[i] - '0')) / 10)
			return ERR_RANGE;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = v;
	return 0;
}
