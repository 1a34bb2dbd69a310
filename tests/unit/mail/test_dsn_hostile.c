/* SPDX-License-Identifier: ISC */
/* Bodies that somebody wrote to do harm, or that got lost halfway: bounded, and the same in any pieces. */
#include "dsn_rig.h"
#include "mail/mime.h"

static struct buf body;

static void
setup(void)
{
	rig_init();
	buf_init(&body, 0);
}

static void
teardown(void)
{
	buf_fini(&body);
	rig_fini();
}

TestSuite(dsn_hostile, .init = setup, .fini = teardown);

#define REPORT "Content-Type: multipart/report; report-type=delivery-status; boundary=B1\n"
#define STATUS                                                                             \
	"--B1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; m.example\n\n" \
	"Final-Recipient: rfc822; j@example.net\nAction: failed\n\n"
#define RETURNED "--B1\nContent-Type: message/rfc822\n\nFrom: ann@example.com\nMessage-ID: <1@example.com>\n"

static void
fill(const char *piece, size_t upto)
{
	size_t n = strlen(piece);

	while (body.len + n <= upto)
		buf_append(&body, piece, n);
}

static const struct dsn_facts *
scan(const char *header, size_t step)
{
	return rig_scan(header, buf_str(&body), step);
}

/* Cut off at every place: nothing is told that the whole body does not tell. */
Test(dsn_hostile, truncated)
{
	static const char whole[] = STATUS RETURNED "\nhello\n--B1--\n";

	for (size_t n = 0; n < sizeof(whole); n++) {
		const struct dsn_facts *f = rig_scan(REPORT, (struct str){ whole, n }, SIZE_MAX / 2);

		cr_assert(!f->returned_id.p || str_eq(f->returned_id, STR("<1@example.com>")), "%zu", n);
		cr_assert_leq(f->rcpt_count, 1);
	}
	rig_want("whole", rig_scan(REPORT, str_of(whole), 1),
	    "part id=<1@example.com> mta=m.example +status\n"
	    "failed final=j@example.net action=failed");
}

Test(dsn_hostile, no_final_boundary)
{
	static const char *const ends[] = { "", "\n", "\n\n", "\n--B1", "\n--B1-", "\n--B1--", "\n--B1 x\n",
		"\n--B", "\n---B1--\n" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		buf_reset(&body);
		buf_printf(&body, "%s%s",
		    STATUS "--B1\nContent-Type: text/rfc822-headers\n\nMessage-ID: <1@x>", ends[i]);
		rig_want(ends[i], scan(REPORT, 3),
		    "part id=<1@x> mta=m.example +status\nfailed final=j@example.net action=failed");
	}
}

Test(dsn_hostile, boundary_length)
{
	for (size_t n = MIME_BOUNDARY_MAX; n <= MIME_BOUNDARY_MAX + 1; n++) {
		struct buf header;
		const struct dsn_facts *f;

		buf_init(&header, 0);
		buf_reset(&body);
		buf_printf(&header, "Content-Type: multipart/report; boundary=\"%*s\"\n\n", (int)n, "=");
		buf_append(&header, "", 1);
		buf_printf(&body, "--%*s\nContent-Type: message/rfc822\n\nMessage-ID: <1@x>\n\n--%*s--\n",
		    (int)n, "=", (int)n, "=");
		f = scan(buf_str(&header).p, 100);
		/* beyond the cap the body is a text, in which one line makes no header */
		cr_assert_eq(f->source, n == MIME_BOUNDARY_MAX ? DSN_BY_PART : DSN_NOWHERE, "%zu", n);
		buf_fini(&header);
	}
}

Test(dsn_hostile, boundaries_that_are_none)
{
	static const char *const headers[] = {
		"Content-Type: multipart/report; boundary=\"\"\n",
		"Content-Type: multipart/report; boundary=\n",
		"Content-Type: multipart/report\n",
		"Content-Type: multipart/report; boundary\n",
		"Content-Type: multipart/report; boundary=\"not this\"\n",
	};

	/* then the parts are read as one text */
	buf_printf(&body, "%s", STATUS RETURNED "\n--B1--\n");
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		rig_want(headers[i], scan(headers[i], 7),
		    "text id=<1@example.com> mta=m.example +status\n"
		    "failed final=j@example.net action=failed");
}

static void
nest(unsigned depth)
{
	buf_reset(&body);
	for (unsigned i = 1; i < depth; i++)
		buf_printf(&body, "--N%u\nContent-Type: multipart/mixed; boundary=N%u\n\n", i, i + 1);
	buf_printf(
	    &body, "--N%u\nContent-Type: message/rfc822\n\nMessage-ID: <1@x>\n\n--N%u--\n", depth, depth);
}

Test(dsn_hostile, depth)
{
	static const char top[] = "Content-Type: multipart/mixed; boundary=N1\n";

	for (unsigned depth = 1; depth <= DSN_DEPTH_MAX + 1; depth++) {
		nest(depth);
		cr_assert_eq(
		    scan(top, 11)->source, depth <= DSN_DEPTH_MAX ? DSN_BY_PART : DSN_NOWHERE, "%u", depth);
	}
	nest(4000);
	cr_assert_eq(scan(top, 4096)->source, DSN_NOWHERE);
	/* a boundary of an outer multipart ends all within; what then comes is read */
	buf_printf(&body, "--N1\nContent-Type: message/rfc822\n\nMessage-ID: <2@x>\n");
	cr_assert_eq(scan(top, 4096)->source, DSN_BY_PART);
}

/* Much of the same: each kind of part, each line end, nothing but what takes longest to look at. */
Test(dsn_hostile, floods)
{
	static const char *const floods[] = { "--", "--\n", "--B1\n", "--B1\n\n", "--B1--\n", "\n", "\r",
		"\r\r\n", ":", "a:\n", "a:\n ", "Message-ID: <", "From: a@b.example\n",
		"From: a@b.example\n\n", "> > > ", "> a:\n", "<a@b.example>\n", "=", "=\n", "=3D", "====\n",
		"QUJD", "Q\n", "--B1\nContent-Type: multipart/mixed; boundary=B1\n\n",
		"--B1\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b\n\n",
		"--B1\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!!!\n",
		"Final-Recipient: rfc822; a@b\nAction: failed\n", "\"", "Original message:\n", "\xff\xfe",
		" ", "\t" };
	static const char *const headers[] = { REPORT, "Content-Type: text/plain\n",
		"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n",
		"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n",
		"Content-Type: message/delivery-status\n", "Content-Type: message/rfc822\n" };

	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		buf_reset(&body);
		fill(floods[i], 1 << 20);
		for (size_t h = 0; h < ARRAY_LEN(headers); h++) {
			const struct dsn_facts *f = scan(headers[h], 65536);

			cr_assert_leq(rig.dsn.taken, DSN_BODY_MAX);
			cr_assert_leq(f->rcpt_count, DSN_RCPTS_MAX);
			cr_assert_leq(
			    rig.arena.used, MSG_ARENA_MAX / 2, "%s: %zu", floods[i], rig.arena.used);
		}
	}
}

/* An id in the last bytes that are looked at, and one byte later. */
Test(dsn_hostile, body_cap)
{
	static const char tail[] =
	    "\n--- Original message ---\n\nFrom: ann@example.com\nMessage-ID: <1@x>\n\n";

	for (int late = 0; late <= 1; late++) {
		for (size_t step = 4096; step < 1 << 20; step *= 7) {
			const struct dsn_facts *f;

			buf_reset(&body);
			fill("x", DSN_BODY_MAX + (size_t)late + 1 - (sizeof(tail) - 1));
			buf_printf(&body, "%s", tail);
			/* the empty line behind the id lies beyond the cap in either case */
			cr_assert_eq(body.len, DSN_BODY_MAX + (size_t)late + 1);
			f = scan("Content-Type: text/plain\n", step);
			cr_assert_eq(f->source, late ? DSN_NOWHERE : DSN_BY_TEXT, "%d %zu", late, step);
			cr_assert(f->flags & DSN_CUT);
			cr_assert_eq(rig.dsn.taken, DSN_BODY_MAX);
		}
	}
}

Test(dsn_hostile, body_within_cap)
{
	fill("x\n", DSN_BODY_MAX - 2);
	cr_assert_not(scan("Content-Type: text/plain\n", 999)->flags & DSN_CUT);
	fill("x\n", DSN_BODY_MAX + 2);
	cr_assert(scan("Content-Type: text/plain\n", 999)->flags & DSN_CUT);
	cr_assert(rig.dsn.done);
}

Test(dsn_hostile, recipients_cap)
{
	static const struct {
		const char *header, *form;
		unsigned flag;
	} cases[] = {
		{ "Content-Type: message/delivery-status\n",
		    "Final-Recipient: rfc822; u%u@b.example\nAction: failed\n\n",
		    DSN_STATUS | DSN_STATUS_OWN },
		{ "Content-Type: text/plain\n", "<u%u@b.example>:\n", DSN_RCPTS_TEXT },
		{ NULL, ", u%u@b.example", DSN_RCPTS_FIELD },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (unsigned n = DSN_RCPTS_MAX; n <= DSN_RCPTS_MAX + 1; n++) {
			const struct dsn_facts *f;

			buf_reset(&body);
			if (!cases[i].header)
				buf_printf(&body, "X-Failed-Recipients: ");
			for (unsigned u = 0; u < n; u++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
				buf_printf(&body, cases[i].form, u);
#pragma GCC diagnostic pop
			}
			if (!cases[i].header) {
				buf_append(&body, "\n\n", 3);
				f = rig_scan(buf_str(&body).p, STR(""), 1);
			} else {
				f = scan(cases[i].header, 77);
			}
			cr_assert_eq(f->rcpt_count, DSN_RCPTS_MAX);
			cr_assert_eq(f->flags, cases[i].flag | (n > DSN_RCPTS_MAX ? DSN_RCPTS_MORE : 0),
			    "%zu %u", i, n);
			cr_assert(str_eq(f->rcpts[31].final_rcpt, STR("u31@b.example")));
		}
	}
}

/* Lines around the length that is kept: the front serves, and the next line is read as such. */
Test(dsn_hostile, long_lines)
{
	for (size_t n = MIME_LINE_MAX - 40; n < 3 * MIME_LINE_MAX; n += n < MIME_LINE_MAX + 40 ? 1 : 997) {
		buf_reset(&body);
		buf_printf(&body, "From: ann@example.com\nX-Long: ");
		fill("y", n);
		buf_printf(&body, "\n z\nMessage-ID: <1@x>\n");
		rig_want("long", scan("Content-Type: message/rfc822\n", n % 7 * 300 + 1), "part id=<1@x>");
	}
	/* an id is kept up to HEADER_VALUE_KEEP; one that loses its '>' by that is none */
	for (size_t n = HEADER_VALUE_KEEP; n <= HEADER_VALUE_KEEP + 1; n++) {
		buf_reset(&body);
		buf_printf(&body, "Message-ID: <%0*d>\n", (int)n - 2, 1);
		cr_assert_eq(scan("Content-Type: message/rfc822\n", 512)->returned_id.n,
		    n == HEADER_VALUE_KEEP ? n : 0);
	}
}

Test(dsn_hostile, long_encoded_lines)
{
	static const char *const encodings[] = { "base64", "quoted-printable" };

	/* "x" a hundred thousand times, then the header: all in one line of base64, or soft line ends away */
	for (size_t e = 0; e < ARRAY_LEN(encodings); e++) {
		struct buf header;

		buf_init(&header, 0);
		buf_printf(
		    &header, "Content-Type: text/plain\nContent-Transfer-Encoding: %s\n\n", encodings[e]);
		buf_append(&header, "", 1);
		buf_reset(&body);
		fill(e ? "=78" : "eHh4", 100000);
		/* "\nFrom: a@b.example\nMessage-ID: <1@x>\n" */
		buf_printf(&body, "%s",
		    e ? "=0AFrom: a=40b.example=0A=\nMessage-ID: <1@x>=0A"
		      : "CkZyb206IGFAYi5leGFtcGxlCk1lc3NhZ2UtSUQ6IDwxQHg+Cg");
		for (size_t step = 1; step < 5000; step = step * 3 + 1)
			rig_want(encodings[e], scan(buf_str(&header).p, step), "text id=<1@x>");
		buf_fini(&header);
	}
}

Test(dsn_hostile, zero_bytes)
{
	static const char raw[] = "\0\0\n--B1\0\n--B1\nContent-Type: message/rfc822\n\nX\0Y: 1\nFrom: a\0@b\n"
				  "Message-ID: <1\0@x>\n\n--B1--\n";
	const struct dsn_facts *f = rig_scan(REPORT, (struct str){ raw, sizeof(raw) - 1 }, 1);

	cr_assert_eq(f->source, DSN_BY_PART);
	cr_assert(str_eq(f->returned_id, ((struct str){ "<1\0@x>", 6 })));
}

/* An arena that is full means fewer facts, nothing else. */
Test(dsn_hostile, no_memory)
{
	for (size_t max = 64; max < 24000; max += 40) {
		struct arena arena;
		struct header_facts h = { .content_type = STR("multipart/report"), .boundary = STR("B1") };
		struct dsn d = { 0 };

		arena_init(&arena, max);
		dsn_begin(&d, &arena, &h);
		dsn_feed(&d, STATUS RETURNED, sizeof(STATUS RETURNED) - 1);
		dsn_end(&d, &h);
		cr_assert(d.done);
		cr_assert_leq(arena.used, max);
		arena_fini(&arena);
	}
}

static uint32_t
draw(uint32_t n)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32) % n;
}

/* Pieces of bounces in any order, some bytes of them changed: every cut gives the same facts. */
Test(dsn_hostile, fuzz)
{
	static const char *const pieces[] = { "--B1\n", "--B1--\n", "--B2\r\n", "--B2--\n", "\n", "\r\n",
		"\r", "\n\n", "Content-Type: message/rfc822\n", "Content-Type: message/delivery-status\n",
		"Content-Type: multipart/mixed;\n boundary=\"B2\"\n", "Content-Type: text/plain\n",
		"Content-Transfer-Encoding: base64\n", "Content-Transfer-Encoding: quoted-printable\n",
		"Message-ID: <1@example.com>\n", "From: ann@example.com\n", "Return-Path: <>\n",
		"List-Id: <l.example>\n", "Final-Recipient: rfc822; j@example.net\n",
		"Original-Recipient: rfc822; j+2Bk@example.net\n", "Action: failed\n", "Status: 5.1.1\n",
		"Reporting-MTA: dns; m.example\n", "> ", "\t", " folded\n", "<j@example.net>:\n",
		"--- Original message ---\n", "RnJvbTogYUBi\n", "=3D=\n", "=", "words and words\n" };
	static const char *const headers[] = { REPORT, "Content-Type: text/plain\n",
		"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n",
		"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n",
		"X-Failed-Recipients: z@example.net\nReferences: <9@example.com>\n" };

	struct buf whole;

	buf_init(&whole, 0);
	for (int round = 0; round < 3000; round++) {
		const char *header = headers[draw(ARRAY_LEN(headers))];
		char *p;

		buf_reset(&body);
		for (uint32_t n = draw(60); n; n--)
			buf_printf(&body, "%s", pieces[draw(ARRAY_LEN(pieces))]);
		p = body.len ? body.data + body.start : NULL;
		for (uint32_t n = draw(3); p && n; n--)
			p[draw((uint32_t)body.len)] = (char)draw(256);
		buf_reset(&whole);
		buf_str_append(&whole, rig_text(scan(header, SIZE_MAX / 2)));
		for (size_t step = 1; step <= 7; step += step < 3 ? 1 : 4)
			cr_assert(str_eq(rig_text(scan(header, step)), buf_str(&whole)),
			    "round %d by %zu:\n%.*s", round, step, STR_FMT(buf_str(&body)));
	}
	buf_fini(&whole);
}
