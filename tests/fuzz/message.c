/* SPDX-License-Identifier: ISC */
/* A message, header and body, as inspect reads it: how its bytes are cut must not matter. */
#include "fuzz.h"

#include "say.h"

static void
read_in_pieces(struct str s, struct choice *c, uint32_t most, struct buf *b)
{
	struct arena arena;
	struct msg m;
	size_t at = 0;
	bool more = true;

	arena_init(&arena, MSG_ARENA_MAX);
	msg_init(&m, &arena, &site.gateway_markers);
	while (more && at < s.n) {
		struct str piece = str_sub(s, at, at + (most ? 1 + choose(c, most) : s.n));
		char *copy = copy_of(piece);
		size_t took = header_feed(&m.header, copy, piece.n);

		NEED(took <= piece.n && (took == piece.n || m.header.done));
		if (m.header.done) {
			header_end(&m.header);
			m.have_header = true;
			more = msg_body(&m, copy + took, piece.n - took);
		}
		xfree(copy);
		at += piece.n;
	}
	header_end(&m.header);
	m.have_header = true;
	msg_body_end(&m, true);
	buf_reset(b);
	say_message(&m, b);
	NEED(arena.used <= MSG_ARENA_MAX);
	msg_fini(&m);
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t most[] = { 1, 3, 40, 400 };
	struct str s = { (const char *)data, size };
	struct choice c = choice_of(s);
	struct buf whole, cut;

	site_begin();
	buf_init(&whole, 0);
	buf_init(&cut, 0);
	read_in_pieces(s, &c, 0, &whole);
	read_in_pieces(s, &c, most[choose(&c, ARRAY_LEN(most))], &cut);
	need_same("in pieces", &cut, &whole);
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
