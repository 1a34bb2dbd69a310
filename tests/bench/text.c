/* SPDX-License-Identifier: ISC */
#include "text.h"

#include <string.h>

#include "bench.h"

const char text_header[] =
    "Received: from relay.sender.example (relay.sender.example [192.0.2.10])\r\n"
    "\tby mx.edge.example (Postfix) with ESMTP id 4T\001Q for <r\001R@example.org>;\r\n"
    "\tSat, 21 Nov 2026 06:00:02 +0000 (UTC)\r\n"
    "Received: from desk (desk.sender.example [192.0.2.11])\r\n"
    "\tby relay.sender.example (Postfix) with ESMTPSA id \001I;\r\n"
    "\tSat, 21 Nov 2026 06:00:01 +0000 (UTC)\r\n"
    "From: \"A Sender\" <s\001S@sender.example>\r\n"
    "To: \"A Recipient\" <r\001R@example.org>\r\n"
    "Subject: Minutes of the meeting \001I\r\n"
    "Date: Sat, 21 Nov 2026 06:00:00 +0000\r\n"
    "Message-ID: <\001I@sender.example>\r\n";

static const struct width {
	char what;
	unsigned width;
} widths[] = { { 'S', 8 }, { 'R', 8 }, { 'r', 8 }, { 't', 8 }, { 'C', 11 }, { 'I', 12 }, { 'Q', 12 },
	{ 0, 0 } };

void
copy_make(struct copy *c, const struct variety *v, uint64_t serial)
{
	c->serial = serial;
	c->id = v->ids ? serial % v->ids : serial;
	c->sender = bench_mix(c->id * 4 + 1) % v->senders;
	c->rcpt = bench_mix(c->id * 4 + 2) % v->rcpts;
	c->rcpts = v->rcpts;
	c->client = v->client + bench_mix(serial * 4 + 3) % v->clients;
}

static unsigned
width_of(char what)
{
	for (const struct width *w = widths; w->what; w++)
		if (w->what == what)
			return w->width;
	bench_fail("a template has no place \"%c\"", what);
}

void
text_compile(struct text *t, const char *source)
{
	size_t room = strlen(source) * 6 + 1;

	*t = (struct text){ .data = bench_memory(NULL, room) };
	for (const char *p = source; *p; p++) {
		unsigned width;

		if (*p != '\001') {
			t->data[t->n++] = *p;
			continue;
		}
		width = width_of(*++p);
		if (t->places == TEXT_PLACES)
			bench_fail("a template has too many places");
		t->place[t->places].at = t->n;
		t->place[t->places++].what = *p;
		memset(t->data + t->n, '0', width);
		t->n += width;
	}
}

static void
put(char *to, uint64_t v, unsigned width, unsigned base)
{
	while (width) {
		to[--width] = "0123456789abcdef"[v % base];
		v /= base;
	}
}

/* 100 to 199 each: the width never changes. Neighbours are of one network. */
static void
put_client(char *to, uint64_t v)
{
	for (int k = 2; k >= 0; k--, v /= 100) {
		put(to + 4 * k, 100 + v % 100, 3, 10);
		if (k < 2)
			to[4 * k + 3] = '.';
	}
}

void
text_fill(struct text *t, const struct copy *c)
{
	for (unsigned k = 0; k < t->places; k++) {
		char *to = t->data + t->place[k].at;

		switch (t->place[k].what) {
		case 'S':
			put(to, c->sender, 8, 10);
			break;
		case 'R':
			put(to, c->rcpt, 8, 10);
			break;
		case 'r':
			put(to, (c->rcpt + 1) % c->rcpts, 8, 10);
			break;
		case 't':
			put(to, (c->rcpt + 2) % c->rcpts, 8, 10);
			break;
		case 'C':
			put_client(to, c->client);
			break;
		case 'I':
			put(to, c->id, 12, 16);
			break;
		default:
			put(to, c->serial, 12, 16);
			break;
		}
	}
}

size_t
text_base64(char *out, const char *in, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)in;
	char *o = out;

	for (; n; p += 3) {
		unsigned left = n < 3 ? (unsigned)n : 3;
		unsigned v =
		    (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);

		o[0] = digits[v >> 18];
		o[1] = digits[v >> 12 & 63];
		o[2] = left > 1 ? digits[v >> 6 & 63] : '=';
		o[3] = left > 2 ? digits[v & 63] : '=';
		o += 4;
		n -= left;
	}
	return (size_t)(o - out);
}
