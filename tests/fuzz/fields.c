/* SPDX-License-Identifier: ISC */
/* A header field by field, as a milter gets it, says what the same header in one block says. */
#include "fuzz.h"

#include "say.h"

/* Gives the fields of a well-formed block; false: it is none. */
static bool
by_fields(struct header *h, struct str s)
{
	while (s.n && s.p[0] != '\n') {
		size_t colon = str_find(s, ':'), end = str_find(s, '\n');

		if (colon == 0 || colon >= end)
			return false;
		for (size_t i = 0; i < colon; i++)
			if (s.p[i] <= ' ' || s.p[i] > '~')
				return false;
		while (end + 1 < s.n && (s.p[end + 1] == ' ' || s.p[end + 1] == '\t'))
			end += 1 + str_find(str_sub(s, end + 1, s.n), '\n');
		header_field(h, str_sub(s, 0, colon), str_sub(s, colon + 1, end));
		s = str_sub(s, end + 1, s.n);
	}
	return true;
}

/* Other line ends, NUL and mbox lines are the block's alone. */
static bool
plain(struct str s)
{
	return s.n && s.p[s.n - 1] == '\n' && str_find(s, '\r') == s.n && str_find(s, '\0') == s.n &&
	    !str_starts(s, STR("From ")) && !str_starts(s, STR(">From "));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	struct arena arenas[2];
	struct header block, fields;
	struct buf a, b;

	if (!plain(s))
		return 0;
	site_begin();
	arena_init(&arenas[0], MSG_ARENA_MAX);
	arena_init(&arenas[1], MSG_ARENA_MAX);
	header_init(&block, &arenas[0], &site.gateway_markers);
	header_init(&fields, &arenas[1], &site.gateway_markers);
	buf_init(&a, 0);
	buf_init(&b, 0);
	if (by_fields(&fields, s)) {
		header_feed(&block, s.p, s.n);
		say_header(header_end(&block), &a);
		say_header(header_end(&fields), &b);
		need_same("field by field", &b, &a);
	}
	buf_fini(&a);
	buf_fini(&b);
	header_fini(&block);
	header_fini(&fields);
	arena_fini(&arenas[0]);
	arena_fini(&arenas[1]);
	return 0;
}
