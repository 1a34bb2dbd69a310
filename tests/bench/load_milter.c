/* SPDX-License-Identifier: ISC */
/*
 * The milter door, as Postfix speaks it: one SMTP session a connection, message after message, three
 * recipients, `lines` header lines, a short body. Steps and answers that the filter does not want are left
 * out; what needs no answer is sent along with what follows.
 */
#include "load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

enum {
	ACTIONS = 0x1ff,
	STEPS = 0x1fffff,
	NO_BODY = 0x10,
	BODY_SKIP = 0x400,
};

enum { LINES_MAX = 200 };

/* An event: what it carries, behind a packet of macros unless there are none. Strings end with \002, which is
 * written as NUL. */
struct event {
	char code;
	uint32_t leave_out, no_reply;
	const char *macros, *data;
};

static const struct event greeting[] = {
	{ 'C', 0x1, 0x1000, "j\002mx.example.org\002{daemon_name}\002mx.example.org\002v\002Postfix 3.7\002",
	    "" },
	{ 'H', 0x2, 0x2000, "", "relay.sender.example\002" },
};

static const struct event envelope[] = {
	{ 'M', 0x4, 0x4000, "{mail_addr}\002s\001S@sender.example\002{mail_mailer}\002smtp\002",
	    "<s\001S@sender.example>\002SIZE=4711\002" },
	{ 'R', 0x8, 0x8000, "{rcpt_addr}\002r\001R@example.org\002{rcpt_mailer}\002local\002",
	    "<r\001R@example.org>\002" },
	{ 'R', 0x8, 0x8000, "i\002\001Q\002{rcpt_addr}\002r\001r@example.org\002{rcpt_mailer}\002local\002",
	    "<r\001r@example.org>\002" },
	{ 'R', 0x8, 0x8000, "i\002\001Q\002{rcpt_addr}\002r\001t@example.org\002{rcpt_mailer}\002local\002",
	    "<r\001t@example.org>\002" },
	{ 'T', 0x200, 0x10000, "i\002\001Q\002", "" },
};

static const struct event end_of_header = { 'N', 0x40, 0x40000, "i\002\001Q\002", "" };
static const struct event body = { 'B', NO_BODY, 0x80000, "", "Please find the minutes below.\r\n" };
static const struct event end_of_body = { 'E', 0, 0, "i\002\001Q\002", "" };

static const char *const field[] = {
	"Received\002from relay.sender.example (relay.sender.example [192.0.2.10])\n\tby mx.edge.example "
	"(Postfix) "
	"with ESMTP id 4T\001Q;\n\tSat, 21 Nov 2026 06:00:02 +0000 (UTC)\002",
	"Received\002from desk (desk.sender.example [192.0.2.11])\n\tby relay.sender.example (Postfix) with "
	"ESMTPSA "
	"id \001I;\n\tSat, 21 Nov 2026 06:00:01 +0000 (UTC)\002",
	"DKIM-Signature\002v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.example; s=sel; t=1795240800;\n\t"
	"h=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\n\t"
	"b=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\002",
	"From\002\"A Sender\" <s\001S@sender.example>\002",
	"To\002\"A Recipient\" <r\001R@example.org>, r\001r@example.org\002",
	"Cc\002\"Another one\" <r\001t@example.org>\002",
	"Subject\002Minutes of the meeting \001I\002",
	"Date\002Sat, 21 Nov 2026 06:00:00 +0000\002",
	"Message-ID\002<\001I@sender.example>\002",
	"References\002<r1.\001I@sender.example>\n\t<r2.\001I@sender.example>\002",
	"In-Reply-To\002<r2.\001I@sender.example>\002",
	"Reply-To\002\"A Sender\" <s\001S@sender.example>\002",
	"MIME-Version\0021.0\002",
	"Content-Type\002text/plain; charset=UTF-8; format=flowed\002",
	"Content-Transfer-Encoding\0028bit\002",
	"Content-Language\002en-GB\002",
	"User-Agent\002Mail Reader 1.0\002",
	"X-Priority\0023 (Normal)\002",
	"Organization\002Sender Example Ltd.\002",
	"Thread-Topic\002Minutes of the meeting\002",
};

enum { FIELDS = sizeof(field) / sizeof(field[0]) };

struct packet {
	struct text text;
	uint32_t leave_out, no_reply;
};

static struct packet script[2 + 2 * (LINES_MAX + 10)];
static unsigned packets;
static struct packet greetings[4];
static unsigned n_greetings;
static char negotiation[17], *port;

/* --- packets ----------------------------------------------------------------------------------------- */

static void
add_packet(struct packet *p, char code, const struct event *e, const char *a, const char *b)
{
	char source[2048];
	uint32_t n;
	size_t begin;

	snprintf(source, sizeof(source), "....%c%s%s", code, a, b);
	text_compile(&p->text, source);
	for (begin = 5; begin < p->text.n; begin++)
		if (p->text.data[begin] == '\002')
			p->text.data[begin] = '\0';
	n = htonl((uint32_t)p->text.n - 4);
	memcpy(p->text.data, &n, 4);
	p->leave_out = e->leave_out;
	p->no_reply = e->no_reply;
}

/* Its macros, then the event itself. Macros go out even when the event does not, as Postfix does it. */
static unsigned
add_event(struct packet *p, const struct event *e)
{
	static const struct event silent = { .no_reply = UINT32_MAX };
	char code[2] = { e->code, '\0' };
	unsigned n = 0;

	if (e->macros[0])
		add_packet(&p[n++], 'D', &silent, code, e->macros);
	add_packet(&p[n++], e->code, e, e->data, "");
	return n;
}

static void
add_field(unsigned k)
{
	struct event e = { 'L', 0x20, 0x80, "", field[k % FIELDS] };
	char more[80];

	snprintf(more, sizeof(more), "X-Line-%u\002ordinary words that nobody looks at\002", k);
	if (k >= FIELDS)
		e.data = more;
	packets += add_event(&script[packets], &e);
}

/* The port stands between the strings, as two bytes; behind it the address, 10 and the client. */
static void
add_connect(void)
{
	static const char data[] = "....Crelay.sender.example.4..10.100.100.100.";
	struct packet *p = &greetings[n_greetings];

	n_greetings += add_event(p, &greeting[0]);
	p = &greetings[n_greetings - 1];
	p->text.n = sizeof(data) - 1;
	p->text.data = bench_memory(p->text.data, sizeof(data));
	memcpy(p->text.data, data, sizeof(data));
	p->text.data[0] = p->text.data[1] = p->text.data[2] = 0;
	p->text.data[3] = (char)(p->text.n - 4);
	p->text.data[25] = '\0';
	p->text.data[p->text.n - 1] = '\0';
	port = p->text.data + 27;
	p->text.place[p->text.places].at = 32;
	p->text.place[p->text.places++].what = 'C';
}

static void
init(struct load *l)
{
	static const uint32_t offer[] = { 6, ACTIONS, STEPS };

	if (l->lines > LINES_MAX)
		bench_fail("at most %d lines", LINES_MAX);
	negotiation[3] = 13;
	negotiation[4] = 'O';
	for (unsigned k = 0; k < 3; k++) {
		uint32_t v = htonl(offer[k]);

		memcpy(negotiation + 5 + 4 * k, &v, 4);
	}
	add_connect();
	n_greetings += add_event(&greetings[n_greetings], &greeting[1]);
	for (unsigned k = 0; k < sizeof(envelope) / sizeof(envelope[0]); k++)
		packets += add_event(&script[packets], &envelope[k]);
	for (unsigned k = 0; k < l->lines; k++)
		add_field(k);
	packets += add_event(&script[packets], &end_of_header);
	packets += add_event(&script[packets], &body);
	packets += add_event(&script[packets], &end_of_body);
}

/* --- the dialogue ------------------------------------------------------------------------------------ */

/* From packet `c->step` on, up to one that is answered; true when there was one. */
static bool
say_packets(struct conn *c, struct packet *p, unsigned n)
{
	while (c->step < n) {
		struct packet *now = &p[c->step++];

		if (now->leave_out & c->steps)
			continue;
		text_fill(&now->text, &c->copy);
		conn_append(c, now->text.data, now->text.n);
		if (!(now->no_reply & c->steps) && now->no_reply != UINT32_MAX)
			return true;
	}
	return false;
}

static bool
greet(struct load *l, struct conn *c)
{
	(void)l;
	conn_append(c, negotiation, sizeof(negotiation));
	return true;
}

static bool
say(struct load *l, struct conn *c)
{
	if (!c->busy) {
		/* Each connection is another client all its life. */
		copy_make(&c->copy, &l->variety, (uint64_t)c->fd);
		port[0] = (char)(c->fd >> 8);
		port[1] = (char)c->fd;
		return say_packets(c, greetings, n_greetings);
	}
	if (c->step == 0)
		load_next_copy(l, c);
	return say_packets(c, script, packets);
}

static enum taken
take_options(struct load *l, struct conn *c, size_t n)
{
	uint32_t steps;

	if (c->in[4] != 'O' || n < 17) {
		load_odd(l, c->in, n);
		return TAKEN_BAD;
	}
	memcpy(&steps, c->in + 13, 4);
	c->steps = ntohl(steps);
	c->negotiated = true;
	return TAKEN_STEP;
}

/* Between events only "continue" and, of the body, "skip" are no surprise. */
static enum taken
take_answer(struct load *l, struct conn *c, char code, size_t n)
{
	if (c->busy && c->step == packets) {
		if (strchr("+-2behimpq", code))
			return TAKEN_MORE;
		if (code == 'c' || code == 'a')
			l->passed++;
		else
			load_odd(l, c->in, n);
		return TAKEN_DONE;
	}
	if (code == 'c' || code == 's')
		return TAKEN_STEP;
	load_odd(l, c->in, n);
	return TAKEN_BAD;
}

static enum taken
take(struct load *l, struct conn *c)
{
	for (;;) {
		enum taken t;
		uint32_t n;

		if (c->in_n < 5)
			return TAKEN_MORE;
		memcpy(&n, c->in, 4);
		n = ntohl(n) + 4;
		if (n < 5 || n > sizeof(c->in))
			return TAKEN_BAD;
		if (c->in_n < n)
			return TAKEN_MORE;
		t = c->negotiated ? take_answer(l, c, c->in[4], n) : take_options(l, c, n);
		conn_taken(c, n);
		if (t != TAKEN_MORE) /* else that was a modification, the verdict follows */
			return t;
	}
}

const struct door door_milter = { "milter", init, greet, say, take };
