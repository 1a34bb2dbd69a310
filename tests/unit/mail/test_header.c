/* SPDX-License-Identifier: ISC */
/* The block scanner: any split, any line end, raw or field by field, and the caps. */
#include <criterion/criterion.h>

#include "facts.h"
#include "mail/site.h"

static struct arena arena;
static struct header h;
static struct strset markers;

static void
setup(void)
{
	arena_init(&arena, MSG_ARENA_MAX);
	strset_add(&markers, STR("MSPOP3connector."));
	header_init(&h, &arena, &markers);
}

static void
teardown(void)
{
	header_fini(&h);
	arena_fini(&arena);
	strset_fini(&markers);
}

TestSuite(header, .init = setup, .fini = teardown);

static void
again(void)
{
	arena_reset(&arena);
	header_reset(&h);
}

static const struct header_facts *
scan(struct str text)
{
	again();
	header_feed(&h, text.p, text.n);
	return header_end(&h);
}

static const char sample[] =
    "From sender@example.org Thu Apr 29 23:34:45 2021\n"
    "Return-Path: <bounce@example.org>\n"
    "Delivered-To: joe@example.net\n"
    "Received: from mx.example.org (mx.example.org [192.0.2.7])\n"
    "\tby in.example.net (Postfix) with ESMTP id 4Rabcd\n"
    "\tfor <joe@example.net>; Thu, 29 Apr 2021 23:34:45 +0000 (UTC)\n"
    "Received: by mx.example.org (Postfix, from userid 33)\n"
    "  id 77FF; Thu, 29 Apr 2021 23:34:44 +0000 (UTC)\n"
    "this line has no meaning\n"
    "MESSAGE-ID :  <one.two@example.org> \n"
    "From: \"Jos\xe9 A.\"\n <jose@example.org>\n"
    "To: a@example.net,\n\tGroup: b@example.net, c@example.net;,\n d@example.net\n"
    "Cc: mspop3connector.pop@example.net\n"
    "To: e@example.net\n"
    "Subject: a  long\n\tsubject\n of three lines\n"
    "Date: Thu, 29 Apr 2021 23:34:44 +0000\n"
    "References: <root@example.org>\n <middle@example.org> <last@exam\n ple.org>\n"
    "In-Reply-To: Your message of Monday <last@example.org>\n"
    "List-Id: A list\n <list.example.net>\n"
    "Content-Type: Multipart/Report; boundary=\"a;report-type=x\"; Report-Type=\"Delivery-Status\"\n"
    "X-Unknown: \x01\x02\n"
    "Empty:\n"
    "\n"
    "To: not@example.net\n";

/* `line_end` for each "\n". */
static struct str
with_line_ends(const char *text, const char *line_end, struct buf *b)
{
	buf_reset(b);
	for (; *text; text++) {
		if (*text == '\n')
			buf_append(b, line_end, strlen(line_end));
		else
			buf_append(b, text, 1);
	}
	return buf_str(b);
}

static void
check_sample(const struct header_facts *f)
{
	cr_assert(str_eq(f->message_id, STR("<one.two@example.org>")));
	cr_assert(str_eq(f->from, STR("\"Jos\xe9 A.\" <jose@example.org>")));
	cr_assert(str_eq(f->from_addr, STR("jose@example.org")));
	cr_assert(str_eq(f->subject, STR("a  long subject of three lines")));
	cr_assert(str_eq(f->references, STR("<root@example.org>")));
	cr_assert(str_eq(f->last_reference, STR("<last@example.org>")));
	cr_assert(str_eq(f->in_reply_to, STR("<last@example.org>")));
	cr_assert(str_eq(f->list_id, STR("list.example.net")));
	cr_assert(str_eq(f->content_type, STR("multipart/report")));
	cr_assert(str_eq(f->report_type, STR("delivery-status")));
	cr_assert(str_eq(f->return_path, STR("bounce@example.org")));
	cr_assert(str_eq(f->gateway_marker, STR("mspop3connector.pop@example.net")));
	cr_assert_eq(f->to_count, 5);
	cr_assert_eq(f->cc_count, 1);
	cr_assert_eq(f->hop_count, 2);
	cr_assert(str_eq(f->hops[0].from_ip, STR("192.0.2.7")));
	cr_assert(str_eq(f->hops[1].id, STR("77FF")));
	cr_assert(str_eq(f->delivered_to[0], STR("joe@example.net")));
	cr_assert_eq(f->flags, HDR_ANY | HDR_TO | HDR_BAD_LINE | HDR_GATEWAY_MARKER);
}

Test(header, all_line_ends_give_the_same_facts)
{
	static const char *const ends[] = { "\n", "\r\n", "\r", "\r\r\n" };
	struct buf text, first, other;

	buf_init(&text, 0);
	buf_init(&first, 0);
	buf_init(&other, 0);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		const struct header_facts *f = scan(with_line_ends(sample, ends[i], &text));

		check_sample(f);
		facts_text(f, i ? &other : &first);
		if (i)
			cr_assert(str_eq(buf_str(&first), buf_str(&other)), "%s\n%.*s\n%.*s", ends[i],
			    STR_FMT(buf_str(&first)), STR_FMT(buf_str(&other)));
	}
	buf_fini(&text);
	buf_fini(&first);
	buf_fini(&other);
}

Test(header, every_split_gives_the_same_facts)
{
	static const char *const ends[] = { "\n", "\r\n", "\r", "\r\r\n" };
	struct buf text, whole, split;

	buf_init(&text, 0);
	buf_init(&whole, 0);
	buf_init(&split, 0);
	for (size_t e = 0; e < ARRAY_LEN(ends); e++) {
		struct str s = with_line_ends(sample, ends[e], &text);
		size_t taken;

		again();
		taken = header_feed(&h, s.p, s.n);
		facts_text(header_end(&h), &whole);
		for (size_t at = 0; at <= s.n; at++) {
			size_t took;

			again();
			took = header_feed(&h, s.p, at);
			if (took == at)
				took += header_feed(&h, s.p + at, s.n - at);
			facts_text(header_end(&h), &split);
			cr_assert(str_eq(buf_str(&whole), buf_str(&split)), "split at %zu", at);
			cr_assert_eq(took, taken, "split at %zu: %zu, not %zu", at, took, taken);
		}
		again();
		for (size_t i = 0; i < s.n && !h.done; i++)
			header_feed(&h, s.p + i, 1);
		facts_text(header_end(&h), &split);
		cr_assert(str_eq(buf_str(&whole), buf_str(&split)), "byte by byte");
	}
	buf_fini(&text);
	buf_fini(&whole);
	buf_fini(&split);
}

static size_t
feed_with_counts(struct str s, bool last, struct buf *facts)
{
	size_t took;

	again();
	took = (last ? header_feed_last : header_feed)(&h, s.p, s.n);
	header_state_count(&h, false, 3);
	header_state_count(&h, true, 70);
	buf_reset(facts);
	facts_text(header_end(&h), facts);
	return took;
}

/* Wherever the block ends, and at the caps too. */
Test(header, the_last_piece_gives_the_same_facts)
{
	static const char *const ends[] = { "\n", "\r\n", "\r", "\r\r\n" };
	enum { LONGEST = HEADER_MAX + 2000 };
	struct buf text, any, last;

	buf_init(&text, 0);
	buf_init(&any, 0);
	buf_init(&last, 0);
	for (size_t n = 0; n < LONGEST; n += n < sizeof(sample) ? 1 : 997) {
		struct str s = with_line_ends(sample, ends[n % ARRAY_LEN(ends)], &text);

		if (n >= sizeof(sample)) {
			buf_reset(&text);
			buf_str_append(&text, n % 2 ? STR("To: a@b.example\nSubject:") : STR("Subject:"));
			while (text.len < n)
				buf_str_append(&text, n % 3 ? STR(" word") : STR(" word\nX:"));
			s = buf_str(&text);
		}
		s = str_sub(s, 0, n);
		cr_assert_eq(feed_with_counts(s, false, &any), feed_with_counts(s, true, &last));
		cr_assert(
		    str_eq(buf_str(&any), buf_str(&last)), "%zu bytes: %.*s", n, STR_FMT(buf_str(&last)));
	}
	buf_fini(&text);
	buf_fini(&any);
	buf_fini(&last);
}

/* As a milter gets it: no line end at the end of a value, one space behind the colon gone or not. */
static void
feed_fields(const char *text, const char *fold, bool keep_space)
{
	struct str rest = str_of(text), line;
	struct buf value;
	struct str name = STR_NONE;

	buf_init(&value, 0);
	while (str_split(&rest, '\n', &line) && line.n) {
		size_t colon = str_find(line, ':');

		if (str_is_space(line.p[0])) {
			buf_append(&value, fold, strlen(fold));
			buf_str_append(&value, line);
			continue;
		}
		if (name.p)
			header_field(&h, name, buf_str(&value));
		buf_reset(&value);
		name = STR_NONE;
		if (colon == line.n || str_starts(line, STR("From ")))
			continue;
		name = str_sub(line, 0, colon);
		line = str_sub(line, colon + 1, line.n);
		buf_str_append(&value, keep_space || !line.n ? line : str_sub(line, 1, line.n));
	}
	if (name.p)
		header_field(&h, name, buf_str(&value));
	buf_fini(&value);
}

Test(header, raw_and_field_by_field_give_the_same_facts)
{
	struct buf raw, fields;

	buf_init(&raw, 0);
	buf_init(&fields, 0);
	facts_text(scan(str_of(sample)), &raw);
	for (int i = 0; i < 4; i++) {
		again();
		feed_fields(sample, i & 1 ? "\n" : "\r\n", i & 2);
		h.f.flags |= HDR_BAD_LINE; /* a door never gets to see such a line */
		facts_text(header_end(&h), &fields);
		cr_assert(str_eq(buf_str(&raw), buf_str(&fields)), "%d:\n%.*s\n%.*s", i,
		    STR_FMT(buf_str(&raw)), STR_FMT(buf_str(&fields)));
	}
	buf_fini(&raw);
	buf_fini(&fields);
}

/* A fixed-seed generator; hostile bytes must neither crash nor depend on the splits. */
static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

Test(header, random_bytes)
{
	static const char *const bits[] = { "\r", "\n", "\r\n", " ", "\t", ":",
		"To:", "Cc: ", "Received: from ", "<", ">", "(", ")", "[", "]", "\"", "\\", ",", ";", "a@b",
		"Date:", "From ", "References: <", "id ", "by ", "=?utf-8?q?",
		"?=", "Thread-Index: ", "Content-Type: ", "X-Envelope-To:", "List-Id:", "" };
	struct buf text, whole, split;
	uint32_t seed = 20240229;

	buf_init(&text, 0);
	buf_init(&whole, 0);
	buf_init(&split, 0);
	for (int round = 0; round < 3000; round++) {
		unsigned n = next_random(&seed) % 60;
		struct str s;
		size_t at;

		buf_reset(&text);
		for (unsigned i = 0; i < n; i++) {
			const char *bit = bits[next_random(&seed) % ARRAY_LEN(bits)];
			char c = (char)next_random(&seed);

			if (*bit)
				buf_append(&text, bit, strlen(bit));
			else
				buf_append(&text, &c, 1);
		}
		s = buf_str(&text);
		facts_text(scan(s), &whole);
		at = s.n ? next_random(&seed) % s.n : 0;
		again();
		if (header_feed(&h, s.p, at) == at)
			header_feed(&h, s.p + at, s.n - at);
		facts_text(header_end(&h), &split);
		cr_assert(str_eq(buf_str(&whole), buf_str(&split)), "round %d at %zu", round, at);
	}
	buf_fini(&text);
	buf_fini(&whole);
	buf_fini(&split);
}

Test(header, block_ends_at_the_first_empty_line)
{
	static const struct {
		const char *text;
		size_t taken;
	} cases[] = {
		{ "A: b\n\nbody", 6 },
		{ "A: b\r\n\r\nbody", 8 },
		{ "A: b\r\rbody", 6 },
		{ "A: b\n\r\nbody", 7 },
		{ "A: b\r\r\n\r\nbody", 9 },
		{ "\nbody", 1 },
		{ "\r\nTo: a@b\n", 2 },
		{ "A: b\n \nC: d\n\nbody", 13 }, /* a line of white space is no empty line */
		{ "A: b", 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		again();
		cr_expect_eq(
		    header_feed(&h, cases[i].text, strlen(cases[i].text)), cases[i].taken, "case %zu", i);
		header_end(&h);
		cr_expect_eq(header_feed(&h, "To: a@b\n", 8), 0, "nothing is taken after the end");
		cr_expect_eq(h.f.to_count, 0);
	}
}

Test(header, odd_lines)
{
	const struct header_facts *f;

	f = scan(STR(">From joe Thu 12:00\nSubject: x\n"));
	cr_expect(str_eq(f->subject, STR("x")));
	cr_expect_eq(f->flags, HDR_ANY);
	f = scan(STR("From : joe@example.org\n"));
	cr_expect(str_eq(f->from_addr, STR("joe@example.org")));
	f = scan(STR(" orphan: line\nSubject: x\n"));
	cr_expect(str_eq(f->subject, STR("x")));
	cr_expect_eq(f->flags, HDR_ANY | HDR_BAD_LINE);
	f = scan(STR(": no name\nSub ject: y\nSub\001ject: z\nSubject: x\n"));
	cr_expect(str_eq(f->subject, STR("x")));
	cr_expect_eq(f->flags, HDR_ANY | HDR_BAD_LINE);
	f = scan((struct str){ "Subject: a\0b\n", 13 });
	cr_expect(str_eq(f->subject, (struct str){ "a\0b", 3 }));
	f = scan(STR(""));
	cr_expect_eq(f->flags, 0);
	cr_expect_null(f->subject.p);
	f = scan(STR("Subject:\n"));
	cr_expect(f->subject.p && f->subject.n == 0, "empty is not absent");
}

Test(header, first_value_wins)
{
	const struct header_facts *f =
	    scan(STR("Message-ID: <a@b>\nSubject: 1\nSubject: 2\nFrom: a@b\nFrom: c@d\n"
		     "Return-Path: <>\nReturn-Path: <x@y>\n"));

	cr_expect(str_eq(f->subject, STR("1")));
	cr_expect(str_eq(f->from, STR("a@b")));
	cr_expect(str_eq(f->from_addr, STR("a@b")));
	cr_expect(f->return_path.p && f->return_path.n == 0);
	cr_expect_eq(f->flags & HDR_DUP_MESSAGE_ID, 0);
	f = scan(STR("Message-ID: <a@b>\nMessage-Id: <c@d>\n"));
	cr_expect(str_eq(f->message_id, STR("<a@b>")));
	cr_expect(f->flags & HDR_DUP_MESSAGE_ID);
}

Test(header, stable_hash)
{
	struct key128 base = scan(STR("From: a@b\nSubject: hello there\n"))->stable;
	static const struct {
		const char *text;
		bool same;
	} cases[] = {
		{ "FROM:   a@b\r\nsubject:hello\r\n\t there  \r\n", true },
		{ "Received: x\nFrom: a@b\nDelivered-To: c\nSubject: hello there\nX-Envelope-From: q\n",
		    true },
		{ "Return-Path: <>\nFrom: a@b\nX-Original-To: c\nEnvelope-To: d\nSubject: hello there\n",
		    true },
		{ "Message-ID: <made@up>\nFrom: a@b\nSubject: hello there\n", true },
		{ "From: a@b\nSubject: hello  There\n", false },
		{ "Subject: hello there\nFrom: a@b\n", false },
		{ "From: a@b\nSubject: hello there\nX: y\n", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_expect_eq(key_eq(scan(str_of(cases[i].text))->stable, base), cases[i].same, "case %zu", i);
	}
}

Test(header, stated_counts_take_part_as_at_least)
{
	const struct header_facts *f;

	header_state_count(&h, false, 10);
	header_feed(&h, "To: a@b, c@d\n", 13);
	header_state_count(&h, true, 1);
	header_field(&h, STR("Cc"), STR("e@f"));
	f = header_end(&h);
	cr_expect_eq(f->to_count, 10);
	cr_expect_eq(f->cc_count, 1);
	header_state_count(&h, true, 300);
	header_state_count(&h, true, 7);
	cr_expect_eq(f->cc_count, 300);
	again();
	cr_expect_eq(header_end(&h)->to_count, 0);
}

Test(header, markers)
{
	cr_expect(str_eq(scan(STR("Delivered-To: MSPop3Connector.x@example.org\n"))->gateway_marker,
	    STR("MSPop3Connector.x@example.org")));
	cr_expect(str_eq(
	    scan(STR("To: a@b\nCc: q@r, \"X\" <mspop3connector.y@z>, mspop3connector.2@z\n"))->gateway_marker,
	    STR("mspop3connector.y@z")));
	cr_expect_null(scan(STR("To: not.mspop3connector.x@example.org\nReply-To: mspop3connector.q@z\n"))
			   ->gateway_marker.p);
}

static char *
filled(struct buf *b, const char *front, size_t total, char with)
{
	char *p;

	buf_reset(b);
	buf_append(b, front, strlen(front));
	p = buf_reserve(b, total - strlen(front));
	cr_assert_not_null(p);
	memset(p, with, total - strlen(front));
	buf_commit(b, total - strlen(front));
	return p;
}

Test(header, value_cap)
{
	struct buf b;

	buf_init(&b, 0);
	for (size_t n = HEADER_VALUE_KEEP - 1; n <= HEADER_VALUE_KEEP + 1; n++) {
		const struct header_facts *f;

		filled(&b, "Subject: ", 9 + n, 'x');
		f = scan(buf_str(&b));
		cr_expect_eq(f->subject.n, n > HEADER_VALUE_KEEP ? (size_t)HEADER_VALUE_KEEP : n);
		cr_expect_eq(f->flags & HDR_TRUNCATED, 0);
	}
	buf_fini(&b);
}

Test(header, block_cap)
{
	struct buf b;

	buf_init(&b, 0);
	/* the last mailbox ends exactly at the cap, and one byte beyond */
	for (size_t over = 0; over <= 1; over++) {
		const struct header_facts *f;

		filled(&b, "X: ", HEADER_MAX - 10 + over, 'x');
		buf_str_append(&b, STR("\nTo: a@b,c"));
		cr_assert_eq(b.len, HEADER_MAX + over);
		buf_str_append(&b, STR("\nSubject: late\n\nbody"));
		again();
		cr_expect_eq(
		    header_feed(&h, b.data + b.start, b.len), b.len - 4, "the empty line is still found");
		f = header_end(&h);
		cr_expect_eq(f->to_count, over ? 1 : 2);
		cr_expect(f->flags & HDR_TRUNCATED, "the subject is beyond in both");
		cr_expect_null(f->subject.p);
	}
	/* nothing but line ends beyond: nothing is lost */
	filled(&b, "Subject: ", HEADER_MAX, 'x');
	buf_str_append(&b, STR("\r\n\r\n"));
	cr_expect_eq(scan(buf_str(&b))->flags, HDR_ANY);
	filled(&b, "Subject: ", HEADER_MAX + 1, 'x');
	cr_expect_eq(scan(buf_str(&b))->flags, HDR_ANY | HDR_TRUNCATED);
	buf_fini(&b);
}

Test(header, field_door_cap)
{
	struct buf b;
	const struct header_facts *f;

	buf_init(&b, 0);
	filled(&b, "", HEADER_FIELD_MAX - 8, 'x'); /* "Subject" and the colon */
	header_field(&h, STR("Subject"), buf_str(&b));
	cr_expect_eq(h.f.flags, HDR_ANY);
	again();
	filled(&b, "", HEADER_FIELD_MAX - 7, 'x');
	header_field(&h, STR("Subject"), buf_str(&b));
	cr_expect_eq(h.f.flags, HDR_ANY | HDR_TRUNCATED);
	header_field(&h, STR("To"), STR("a@b"));
	f = header_end(&h);
	cr_expect_eq(f->subject.n, HEADER_VALUE_KEEP);
	cr_expect_eq(f->to_count, 0);
	buf_fini(&b);
}

Test(header, many_hops)
{
	struct buf b, split;
	uint64_t skipped[3];

	buf_init(&b, 0);
	buf_init(&split, 0);
	for (unsigned extra = 0; extra < 3; extra++) {
		const struct header_facts *f;

		buf_reset(&b);
		for (unsigned i = 0; i < HEADER_HOPS_MAX + extra; i++)
			buf_printf(&b, "Received: from h%u by h%u id q%u\n", i, i + 1, i);
		f = scan(buf_str(&b));
		cr_assert_eq(f->n_hops, HEADER_HOPS_MAX);
		cr_assert_eq(f->hop_count, HEADER_HOPS_MAX + extra);
		cr_expect(str_eq(f->hops[0].id, STR("q0")));
		cr_expect(str_eq(f->hops[HEADER_HOPS_MAX - 2].id, STR("q126")));
		buf_reset(&split);
		buf_printf(&split, "q%u", HEADER_HOPS_MAX - 1 + extra);
		cr_expect(
		    str_eq(f->hops[HEADER_HOPS_MAX - 1].id, buf_str(&split)), "the bottom one is the last");
		skipped[extra] = f->skipped_hops;
	}
	cr_expect_eq(skipped[0], 0);
	cr_expect_neq(skipped[1], 0);
	cr_expect_neq(skipped[1], skipped[2]);
	buf_fini(&b);
	buf_fini(&split);
}

Test(header, many_delivered_to)
{
	struct buf b;
	const struct header_facts *f;

	buf_init(&b, 0);
	for (unsigned i = 0; i <= HEADER_DELIVERED_MAX; i++)
		buf_printf(&b, "Delivered-To: <u%u@example.org>\n", i);
	f = scan(buf_str(&b));
	cr_expect_eq(f->n_delivered_to, HEADER_DELIVERED_MAX);
	cr_expect(str_eq(f->delivered_to[0], STR("u0@example.org")));
	cr_expect(str_eq(f->delivered_to[HEADER_DELIVERED_MAX - 1], STR("u31@example.org")));
	buf_fini(&b);
}

Test(header, delivered_to_stands_below_so_many_received_lines)
{
	static const uint32_t want[] = { 0, 2, 2, 3 };
	const struct header_facts *f = scan(STR("Delivered-To: a@x\nReceived: by h1 id 1\nReceived: by h2\n"
						"Resent-From: b@x\nReturn-Path: <>\nDelivered-To: b@x\n"
						"Delivered-To: c@x\nReceived:\n by h3\n"
						"Subject: x\nDelivered-To: <d@x>\n\n"));

	cr_assert_eq(f->n_delivered_to, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		cr_expect_eq(f->delivered_below[i], want[i], "%zu", i);
	cr_expect_eq(f->delivered_resent, 1U << 1 | 1U << 2, "sent on by hand out of b and c");
}

Test(header, a_full_arena_is_told)
{
	static const char text[] =
	    "Subject: this is too long for so little memory, is it not\nReceived: by a id b\n"
	    "Delivered-To: a@b\nTo: a@b\n";
	struct arena small;
	struct header tight;
	const struct header_facts *f;

	arena_init(&small, 32);
	header_init(&tight, &small, NULL);
	header_feed(&tight, text, strlen(text));
	f = header_end(&tight);
	cr_expect(f->flags & HDR_TRUNCATED);
	cr_expect_null(f->subject.p);
	cr_expect_eq(f->hop_count, 1);
	cr_expect_eq(f->n_hops, 0);
	cr_expect_eq(f->to_count, 1);
	header_fini(&tight);
	arena_fini(&small);
}
