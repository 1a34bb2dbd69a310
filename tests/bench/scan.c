/* SPDX-License-Identifier: ISC */
/*
 * Header blocks through our scanner and, where it was there at build time, through GMime: in turns, so that
 * both meet the same moments of the machine. Then shapes that grow, to see that time grows with bytes and
 * no faster.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "text.h"
#include "base/limits.h"
#include "mail/header.h"

#ifdef BENCH_GMIME
#include <gmime/gmime.h>
#endif

struct block {
	char *p;
	size_t n, room;
};

static void
add(struct block *b, const char *text)
{
	size_t n = strlen(text);

	if (b->n + n > b->room) {
		b->room = (b->n + n) * 2;
		b->p = bench_memory(b->p, b->room);
	}
	memcpy(b->p + b->n, text, n);
	b->n += n;
}

/* --- shapes: what fills the To field, `i` from 0 on, until there is enough --------------------------- */

static void
one_mailbox(struct block *b, unsigned i)
{
	char text[120];

	snprintf(text, sizeof(text), "%s\"Person %u\" <person.%u@dept%u.example.org>", i ? ",\r\n\t" : "", i,
	    i, i % 97);
	add(b, text);
}

static void
one_bare(struct block *b, unsigned i)
{
	char text[120];

	snprintf(text, sizeof(text), "%sperson%u@example.org", i ? ", " : "", i);
	add(b, text);
}

static void
one_comment(struct block *b, unsigned i)
{
	(void)i;
	add(b, "((");
}

static void
one_quote(struct block *b, unsigned i)
{
	add(b, i ? "\\\"" : "\"");
}

static void
one_comma(struct block *b, unsigned i)
{
	(void)i;
	add(b, ",;:<");
}

static void
one_fold(struct block *b, unsigned i)
{
	(void)i;
	add(b, "\r\n ");
}

static const struct shape {
	const char *name;
	void (*one)(struct block *b, unsigned i);
} shapes[] = {
	{ "names and addresses", one_mailbox },
	{ "bare addresses", one_bare },
	{ "open comments", one_comment },
	{ "an open quote", one_quote },
	{ "separators", one_comma },
	{ "folded lines", one_fold },
	{ NULL, NULL },
};

static struct block
make_block(const struct shape *s, size_t n)
{
	struct block b = { 0 };

	add(&b,
	    "From: sender@example.net\r\nSubject: a list\r\nDate: Sat, 21 Nov 2026 06:00:00 +0000\r\n"
	    "Message-ID: <list@example.net>\r\nTo: ");
	for (unsigned i = 0; b.n < n; i++)
		s->one(&b, i);
	add(&b, "\r\n\r\n");
	return b;
}

static struct block
make_ordinary(void)
{
	struct block b = { 0 };
	struct text t;

	text_compile(&t, text_header);
	t.data[t.n] = '\0';
	add(&b, t.data);
	add(&b,
	    "References: <r1@sender.example>\r\n\t<r2@sender.example>\r\nIn-Reply-To: <r2@sender.example>\r\n"
	    "Reply-To: \"A Sender\" <s@sender.example>\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/alternative; boundary=\"----=_Part_1234\"\r\n"
	    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.example; s=sel;\r\n"
	    "\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
	    "\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\r\n"
	    "Cc: \"Another one\" <other@example.org>, third@example.org\r\n"
	    "X-Mailer: Mail Reader 1.0\r\nList-Unsubscribe: <mailto:leave@sender.example>\r\n\r\n");
	return b;
}

/* --- who scans: returns how many mailboxes To has, so that nobody can be lazy ------------------------ */

static unsigned
scan_ours(const struct block *b)
{
	static struct arena arena;
	static struct header h;
	static bool ready;

	if (!ready) {
		arena_init(&arena, MSG_ARENA_MAX);
		header_init(&h, &arena, NULL);
		ready = true;
	}
	arena_reset(&arena);
	header_reset(&h);
	(void)header_feed(&h, b->p, b->n);
	return header_end(&h)->to_count;
}

#ifdef BENCH_GMIME
static unsigned
scan_gmime(const struct block *b)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(b->p, b->n);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
	unsigned n = (unsigned)internet_address_list_length(g_mime_message_get_to(message));

	g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(stream);
	return n;
}
#endif

static const struct who {
	const char *name;
	unsigned (*scan)(const struct block *b);
} whos[] = {
	{ "policyd-storm", scan_ours },
#ifdef BENCH_GMIME
	{ "GMime", scan_gmime },
#endif
	{ NULL, NULL },
};

static void
measure(const char *what, const struct who *w, const struct block *b, double seconds)
{
	uint64_t begun = bench_ns(), until = begun + (uint64_t)(seconds * 1e9), now = begun, times = 0;
	double cpu = bench_cpu();
	unsigned found = 0;

	while (now < until) {
		found = w->scan(b);
		times++;
		now = bench_ns();
	}
	cpu = bench_cpu() - cpu;
	printf(
	    "{\"what\": \"%s\", \"who\": \"%s\", \"bytes\": %zu, \"mailboxes\": %u, \"bytes_per_s\": %.0f, "
	    "\"us\": %.2f}\n",
	    what, w->name, b->n, found, (double)b->n * (double)times / cpu, cpu * 1e6 / (double)times);
}

int
main(int argc, char **argv)
{
	struct block ordinary = make_ordinary(), list = make_block(&shapes[0], 64 << 10);
	unsigned rounds;
	double seconds;
	char what[80];

	if (argc != 3)
		bench_fail("usage: scan ROUNDS SECONDS");
	rounds = (unsigned)bench_number(argv[1], 100);
	seconds = bench_seconds(argv[2]);
#ifdef BENCH_GMIME
	g_mime_init();
#endif
	for (unsigned r = 0; r < rounds; r++) {
		for (const struct who *w = whos; w->name; w++) {
			measure("ordinary mail", w, &ordinary, seconds);
			measure("To of 64 KB", w, &list, seconds);
		}
		for (const struct shape *s = shapes; s->name; s++) {
			for (unsigned kb = 64; kb <= 1024; kb *= 16) {
				struct block b = make_block(s, (size_t)(kb << 10) - 64);

				snprintf(what, sizeof(what), "%s, %u KB", s->name, kb);
				measure(what, &whos[0], &b, seconds / 4);
				free(b.p);
			}
		}
	}
	free(list.p);
	free(ordinary.p);
	return 0;
}
