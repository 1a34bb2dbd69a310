/* SPDX-License-Identifier: ISC */
/* Received lines in the shapes of many MTAs, and garbage. */
#include <criterion/criterion.h>

#include "base/net.h"
#include "base/xalloc.h"
#include "mail/addr.h"
#include "mail/date.h"
#include "mail/received.h"

struct shape {
	const char *value;
	const char *from, *ip, *rdns, *by, *id, *rcpt; /* NULL: absent */
};

static const struct shape shapes[] = {
	/* Postfix */
	{ "from mail.example.org (mx1.example.org [192.0.2.7])\tby in.example.net (Postfix) with ESMTPS id "
	  "4RxYz1"
	  "\tfor <joe@example.net>; Thu, 29 Apr 2021 23:34:45 +0000 (UTC)",
	    "mail.example.org", "192.0.2.7", "mx1.example.org", "in.example.net", "4RxYz1",
	    "joe@example.net" },
	{ "from x (unknown [IPv6:2001:db8::7]) by y (Postfix) with ESMTP id A1; Mon", "x", "2001:db8::7",
	    NULL, "y", "A1", NULL },
	{ "by y.example.net (Postfix, from userid 33) id 77FF; Thu, 29 Apr 2021", NULL, NULL, NULL,
	    "y.example.net", "77FF", NULL },
	/* Sendmail */
	{ "from [192.0.2.43] (c135.example.net [192.0.2.78]) (authenticated bits=0) by y (8.14.4/8.14.4) "
	  "with ESMTP id"
	  " t91ECEic009234 for <a@b>; Thu",
	    "[192.0.2.43]", "192.0.2.78", "c135.example.net", "y", "t91ECEic009234", "a@b" },
	{ "from x (joe@h.example.org [192.0.2.1] (may be forged)) by y (8.8.8) id Q1; Thu", "x", "192.0.2.1",
	    "h.example.org", "y", "Q1", NULL },
	{ "(from root@localhost) by y.example.net (8.12/Submit) id Q2; Thu", NULL, NULL, NULL,
	    "y.example.net", "Q2", NULL },
	{ "from localhost (localhost) by y (8.15) id Q3; Thu", "localhost", NULL, NULL, "y", "Q3", NULL },
	/* gateways that leave no space */
	{ "from x (Not Verified[192.0.2.44]) by y with Filter SEG (v7,3,0,7277) id <B5>; Thu", "x",
	    "192.0.2.44", NULL, "y", "<B5>", NULL },
	{ "from [10.0.0.7] (h.example.org[192.0.2.45](untrusted sender)) by y (q7) with SMTP id 1; Thu",
	    "[10.0.0.7]", "192.0.2.45", "h.example.org", "y", "1", NULL },
	{ "from x.example.org(h.example.org[192.0.2.46]) (1654 bytes) by y via smtpd id <m0>; Thu",
	    "x.example.org", "192.0.2.46", "h.example.org", "y", "<m0>", NULL },
	{ "from x (a[10.0.0.8] [192.0.2.47]) by y id Q4; Thu", "x", "192.0.2.47", NULL, "y", "Q4", NULL },
	/* Exim */
	{ "from [192.0.2.9] (helo=[10.0.0.1]) by y with esmtp (Exim 4.96) (envelope-from <a@b>) id "
	  "1abcDE-0001Xy-Zz"
	  " for c@d; Thu",
	    "[192.0.2.9]", "192.0.2.9", NULL, "y", "1abcDE-0001Xy-Zz", "c@d" },
	{ "from [192.0.2.9] (helo=x ident=y [192.0.2.10]) by y with smtp (Exim 4.96) id 1Q; Thu",
	    "[192.0.2.9]", "192.0.2.9", NULL, "y", "1Q", NULL },
	{ "from [192.0.2.9] (port=25 helo=x([192.0.2.10])) by y with smtp (Exim 4.96) id 1Q; Thu",
	    "[192.0.2.9]", "192.0.2.9", NULL, "y", "1Q", NULL },
	{ "from h.example.org ([2001:db8::5]:24882 helo=x.example.org) by y with esmtpa (Exim 4.77) id 1Q; "
	  "Thu",
	    "h.example.org", "2001:db8::5", NULL, "y", "1Q", NULL },
	{ "from joe by y with local (Exim 4.86) (envelope-from <joe@y>) id 1Q2-3; Thu", "joe", NULL, NULL,
	    "y", "1Q2-3", NULL },
	/* Gmail */
	{ "by 10.37.32.132 with SMTP id g126csp332533ybg;        Tue, 11 Oct 2016 21:25:34 -0700 (PDT)", NULL,
	    NULL, NULL, "10.37.32.132", "g126csp332533ybg", NULL },
	{ "by 2002:a63:e942:: with SMTP id q2mr34pgj.323; Tue", NULL, NULL, NULL,
	    "2002:a63:e942::", "q2mr34pgj.323", NULL },
	{ "from h.example.org (h.example.org. [192.0.2.36]) by mx.example.com with ESMTPS id "
	  "h18.48.2016.10.11 for <a@b>"
	  " (version=TLS1_2 cipher=X bits=128/128); Tue",
	    "h.example.org", "192.0.2.36", "h.example.org.", "mx.example.com", "h18.48.2016.10.11", "a@b" },
	/* Exchange: the id is its version */
	{ "from A1.example.org (2001:db8::32) by B2.example.org (2001:db8::33) with Microsoft SMTP Server "
	  "(version=TLS1_2,"
	  " cipher=X) id 15.20.776.10 via Frontend Transport; Wed",
	    "A1.example.org", "2001:db8::32", NULL, "B2.example.org", NULL, NULL },
	{ "from A1 ([192.0.2.100]) by B2 with Microsoft SMTPSVC(7.5.7601.22751); Thu", "A1", "192.0.2.100",
	    NULL, "B2", NULL, NULL },
	{ "from smtp ([192.0.2.3]) by B2 over TLS secured channel with Microsoft SMTPSVC(7.5); Thu", "smtp",
	    "192.0.2.3", NULL, "B2", NULL, NULL },
	/* qmail */
	{ "(qmail 2345 invoked by uid 89); 10 Mar 2011 10:00:00 -0000", NULL, NULL, NULL, NULL, "2345",
	    NULL },
	{ "(qmail 12 invoked from network); 10 Mar 2011 10:00:00 -0000", NULL, NULL, NULL, NULL, "12", NULL },
	{ "(qmail 12); 10 Mar 2011 10:00:00 -0000", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "by y (qmail 12 invoked by x); 10 Mar 2011 10:00:00 -0000", NULL, NULL, NULL, "y", NULL, NULL },
	/* nullmailer */
	{ "(nullmailer pid 18401 invoked by uid 1000); Thu, 10 Mar 2011 10:00:00 -0000", NULL, NULL, NULL,
	    NULL, "18401", NULL },
	{ "(nullmailer pid 18401)", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "from unknown (HELO mx2.example.jp) (192.0.2.88)  by 192.0.2.19 with SMTP; 29 Apr 2010", "unknown",
	    "192.0.2.88", NULL, "192.0.2.19", NULL, NULL },
	{ "from unknown (HELO [10.1.1.1]) (joe@192.0.2.89) by 0 with SMTP; 29 Apr 2010", "unknown",
	    "192.0.2.89", NULL, "0", NULL, NULL },
	{ "from 127.0.0.1  (EHLO a.example.org) (192.0.2.222)  by mta with SMTPS; Thu", "127.0.0.1",
	    "192.0.2.222", NULL, "mta", NULL, NULL },
	/* others */
	{ "from smtp8.example.jp [192.0.2.209] by mx4.example.jp  (SMTPD-8.22) id 00a0; Thu",
	    "smtp8.example.jp", "192.0.2.209", NULL, "mx4.example.jp", "00a0", NULL },
	{ "from localhost (localhost [127.0.0.1])  (uid 7)  by y with dsn; Sat, 11 Dec 2010 12:19:59 +0900  "
	  "id 0EFE.4D02",
	    "localhost", "127.0.0.1", NULL, "y", "0EFE.4D02", NULL },
	{ "from MAILER-DAEMON id e0720 by y (DragonFly Mail Agent v0.13); Tue", "MAILER-DAEMON", NULL, NULL,
	    "y", "e0720", NULL },
	{ "FROM mx43.example.jp BY mxl8.example.net WITH local;    Thu", "mx43.example.jp", NULL, NULL,
	    "mxl8.example.net", NULL, NULL },
	{ "from x ([192.0.2.1]) by y with M (v 4.8) id 22 for n@d.example;0cc93573e5; Thu", "x", "192.0.2.1",
	    NULL, "y", "22", "n@d.example" },
	{ "from (h.example.org [192.0.2.90]) by y with smtp id 3; Wed", NULL, "192.0.2.90", "h.example.org",
	    "y", "3", NULL },
	{ "from x by y with ESMTP id <0NF0@y> for a@b; Thu", "x", NULL, NULL, "y", "<0NF0@y>", "a@b" },
	{ "from x by y for <\"a;b\"@c>; Thu", "x", NULL, NULL, "y", NULL, "\"a;b\"@c" },
	{ "from a by b id 1 from c by d id 2", "a", NULL, NULL, "b", "1", NULL },
	/* words of sixteen bytes, and at the end of the text */
	{ "from sixteen.bytes.aa (sixteen.bytes.bb [192.0.2.123]) by sixteen.bytes.cc id 0123456789abcdef",
	    "sixteen.bytes.aa", "192.0.2.123", "sixteen.bytes.bb", "sixteen.bytes.cc", "0123456789abcdef",
	    NULL },
	{ "from x (h.example.org [2001:db8:1111:2222:3333:4444:5555:6666]", "x",
	    "2001:db8:1111:2222:3333:4444:5555:6666", "h.example.org", NULL, NULL, NULL },
	{ "from x (192.0.2.1", "x", "192.0.2.1", NULL, NULL, NULL, NULL },
	{ "from x (joe@", "x", NULL, NULL, NULL, NULL, NULL },
	{ "from x (h.example.org\\", "x", NULL, "h.example.org\\", NULL, NULL, NULL },
	{ "from x (a@b@h.example.org \\@192.0.2.1) by y", "x", "192.0.2.1", "h.example.org", "y", NULL,
	    NULL },
	{ "from x (h.example.org\\) [192.0.2.1]) by y", "x", "192.0.2.1", "h.example.org\\", "y", NULL,
	    NULL },
	{ "from x (EHLO h.example.org) ([192.0.2.1]:25) by y", "x", "192.0.2.1", NULL, "y", NULL, NULL },
	{ "from x ([192.0.2.1) by y", "x", "192.0.2.1", NULL, "y", NULL, NULL },
	{ "from x (192.0.2.1] IPv6:192.0.2.2) by y", "x", "192.0.2.2", "192.0.2.1]", "y", NULL, NULL },
	{ "from x ([[192.0.2.1]] [IPv6:] [] 192.0.2.1:25) by y", "x", NULL, NULL, "y", NULL, NULL },
	/* garbage */
	{ "", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "from", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "from by id for", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "from  by y", NULL, NULL, NULL, "y", NULL, NULL },
	{ "))) from x ((( by y", "x", NULL, NULL, NULL, NULL, NULL },
	{ "from x (a\\) [192.0.2.1]) by y", "x", "192.0.2.1", NULL, "y", NULL, NULL },
	{ "from x ([999.1.1.1] [192.0.2.1) by y", "x", "192.0.2.1", NULL, "y", NULL, NULL },
	{ "from [ by ] id <", "[", NULL, NULL, "]", "<", NULL },
	{ ";;;; ; id ;", NULL, NULL, NULL, NULL, NULL, NULL },
};

static void
expect(size_t i, const char *what, struct str got, const char *want)
{
	if (!want)
		cr_expect_null(got.p, "%zu %s: got %.*s", i, what, STR_FMT(got));
	else
		cr_expect(got.p && str_eq(got, str_of(want)), "%zu %s: got %.*s", i, what, STR_FMT(got));
}

/* With spaces for white space and behind it, in memory that ends there. */
static struct str
padded(struct str s)
{
	char *to = xmalloc(s.n + BYTES16);

	for (size_t i = 0; i < s.n; i++)
		to[i] = str_is_space(s.p[i]) ? ' ' : s.p[i];
	memset(to + s.n, ' ', BYTES16);
	return (struct str){ to, s.n };
}

Test(received, shapes)
{
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct shape *s = &shapes[i];
		struct str value = padded(str_of(s->value));
		struct hop hop;

		received_parse(value, &hop);
		expect(i, "from", hop.from, s->from);
		expect(i, "ip", hop.from_ip, s->ip);
		expect(i, "rdns", hop.from_rdns, s->rdns);
		expect(i, "by", hop.by, s->by);
		expect(i, "id", hop.id, s->id);
		expect(i, "for", hop.rcpt, s->rcpt);
		xfree((char *)value.p);
	}
}

Test(received, what_it_came_with)
{
	static const struct {
		const char *text;
		bool lmtp, fetched, login;
	} lines[] = {
		{ "from x ([192.0.2.1]) by y with LMTP id 1 for <a@b>; Thu", true, false, false },
		{ "from x by y (Dovecot) with LMTPS id 1", true, false, false },
		{ "from y ([unix socket]) by y (Cyrus v2.4) with LMTPA; Thu", true, false, true },
		{ "from x by y with ESMTP id LMTP", false, false, false },
		{ "from lmtp by lmtp.y with SMTP", false, false, false },
		{ "from x by y with UTF8LMTPSA id 2", true, false, true }, /* RFC 6531, 4.3 */
		{ "by y id 1; with", false, false, false },
		{ "from pop.x [192.0.2.1] by y with POP3 (fetchmail-6.3) for <a@y>", false, true, false },
		{ "from imap.x by y with IMAP (getmail)", false, true, false },
		{ "from pop3.x by y with ESMTP id POP3", false, false, false },
		{ "from x ([192.0.2.1]) by y (Postfix) with ESMTPSA id 1", false, false, true },
		{ "from x ([192.0.2.1]) by y with esmtpa (Exim 4.96) id 1", false, false, true },
		{ "from x ([192.0.2.1]) by y (Postfix) with ESMTPS id MTPA", false, false, false },
		{ "from 192.0.2.1 ([192.0.2.1]) by y with HTTP (HTTP/1.1 POST); Thu", false, false, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct str text = padded(str_of(lines[i].text));
		struct hop hop;

		received_parse(text, &hop);
		cr_expect_eq(hop.lmtp, lines[i].lmtp, "%s", lines[i].text);
		cr_expect_eq(hop.fetched, lines[i].fetched, "%s", lines[i].text);
		cr_expect_eq(hop.login, lines[i].login, "%s", lines[i].text);
		xfree((char *)text.p);
	}
}

/* In whatever way the date is set apart, the time at which the line was written is read. */
Test(received, dates)
{
	static const char *const lines[] = {
		"from x by y with ESMTP id Q1; Mon, 23 Nov 2026 02:00:00 +0000 (UTC)",
		"from x by y with ESMTP id Q1; 23 Nov 2026 02:00:00 -0000",
		"from [2001:db8::1]; authenticated by y running ExIM with esmtpsa (TLS1.3:X) id 1rA-0Y-0Z; "
		"Mon, "
		"23 Nov 2026 03:00:00 +0100",
		"from x by y with ESMTPSA id 83; (version=TLSv1.3); Mon, 23 Nov 2026 02:00:00 +0000 (UTC)",
		"from x (unknown) by y (SG) with ESMTP id Vn for <a@b>; Mon, 23 Nov 2026 02:00:00.417 +0000 "
		"(UTC)",
		"from x (unknown) by y (SG) with ESMTP id Vn Mon, 23 Nov 2026 02:00:00.417 +0000 (UTC)",
		"from x ([192.0.2.1]) (AUTH: LOGIN joe) by y with ESMTPSA; Mon, 23 Nov 2026 02:00:00 +0000 "
		"id "
		"0000000000020A3B.000000005F0C1B2A.00001A2B", /* Courier */
		"from x by y with ESMTP id Q1; Mon, 23 Nov 2026 02:00:00 +0000 (UTC); envelope-from <a@b>",
		"from x by y with ESMTP id Q1; Mon, 23 Nov 2026 02:00:00 +0000 (UTC) ; (a b); tls=no",
		"from x by y; with ESMTP id Q1; Mon, 23 Nov 2026 02:00:00 GMT;",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct str text = padded(str_of(lines[i]));
		struct hop hop;
		int64_t t = 0;

		received_parse(text, &hop);
		cr_expect_eq(date_parse(str_trim(hop.date), &t), 0, "%s", lines[i]);
		cr_expect_eq(t, 1795399200, "%s", lines[i]);
		xfree((char *)text.p);
	}
}

Test(received, no_date)
{
	static const char *const lines[] = { "", "from x by y", ",", "from x (a, b) by y", "from x by y;" };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct str text = padded(str_of(lines[i]));
		struct hop hop;
		int64_t t;

		received_parse(text, &hop);
		cr_expect_neq(date_parse(str_trim(hop.date), &t), 0, "%s", lines[i]);
		xfree((char *)text.p);
	}
}

/* --- the same, byte by byte ----------------------------------------------------------------------------- */

static struct str
plain_literal(struct str word)
{
	struct ip ip;

	if (word.n && word.p[0] == '[')
		word = str_sub(word, 1, str_find(word, ']'));
	if (str_istarts(word, STR("IPv6:")))
		word = str_sub(word, 5, word.n);
	for (size_t i = 0; i < word.n; i++)
		if (!memchr("0123456789:.abcdefABCDEF", word.p[i], 24))
			return STR_NONE;
	return ip_parse(word, &ip) == 0 ? word : STR_NONE;
}

static void
plain_comment_word(struct hop *hop, struct str *glued, struct str word, bool first)
{
	size_t at = str_rfind(word, '@'), open;
	struct str ip;

	if (at < word.n)
		word = str_sub(word, at + 1, word.n);
	ip = plain_literal(word);
	if (!hop->from_ip.p)
		hop->from_ip = ip;
	open = str_find(word, '[');
	if (open && open < word.n && str_find(word, '=') == word.n) {
		if (!glued->p)
			*glued = plain_literal(str_sub(word, open, word.n));
		word = str_sub(word, 0, open);
	}
	if (first && !ip.p && !hop->from_rdns.p && word.n && word.p[0] != '[' &&
	    str_find(word, '.') < word.n && str_find(word, '=') == word.n)
		hop->from_rdns = word;
}

/* Without its end, if it has one. */
static struct str
plain_comment(struct str rest)
{
	unsigned depth = 1;
	size_t i;

	for (i = 0; i < rest.n; i++) {
		if (rest.p[i] == '\\')
			i++;
		else if (rest.p[i] == '(')
			depth++;
		else if (rest.p[i] == ')' && --depth == 0)
			break;
	}
	return str_sub(rest, 0, i);
}

static void
plain_from_comment(struct hop *hop, struct str *glued, struct str s)
{
	bool first = true, after_helo = false, own_words = false;

	for (size_t i = 0; i < s.n;) {
		size_t begin = i;
		struct str word;
		bool helo;

		while (i < s.n && s.p[i] != ' ' && s.p[i] != '(' && s.p[i] != ')')
			i++;
		word = str_sub(s, begin, i);
		if (word.n == 0) {
			i++;
			continue;
		}
		helo = str_ieq(word, STR("HELO")) || str_ieq(word, STR("EHLO"));
		if (first && str_find(word, '=') < word.n && str_starts(hop->from, STR("[")) &&
		    plain_literal(hop->from).p)
			own_words = true;
		if (!helo && !after_helo && !own_words)
			plain_comment_word(hop, glued, word, first);
		after_helo = helo;
		first = false;
	}
}

static size_t
plain_word_end(struct str s, size_t i)
{
	while (i < s.n && s.p[i] != ' ' && s.p[i] != ';' && s.p[i] != '(') {
		char until = s.p[i] == '<' ? '>' : '"';
		bool opens = s.p[i] == '<' || s.p[i] == '"';

		for (i++; opens && i < s.n && s.p[i] != ' '; i++)
			opens = s.p[i] != until;
	}
	return i;
}

static struct str
plain_process(struct str s)
{
	size_t begin = str_starts(s, STR("(qmail ")) ? 7 : 16, n = begin;

	if (begin != 7 && !str_starts(s, STR("(nullmailer pid ")))
		return STR_NONE;
	while (n < s.n && memchr("0123456789", s.p[n], 10))
		n++;
	return str_starts(str_sub(s, n, s.n), STR(" invoked ")) ? str_sub(s, begin, n) : STR_NONE;
}

static struct hop
plain_parse(struct str s)
{
	static const char *const keywords[] = { "from", "by", "id", "for", "with", "via" };
	struct hop hop = { .id = plain_process(s) };
	struct str *const slots[] = { &hop.from, &hop.by, &hop.id, &hop.rcpt, NULL, NULL };
	enum { FROM, ID = 2, FOR, NONE = ARRAY_LEN(keywords) };
	struct str word_ip = STR_NONE, glued = STR_NONE;
	size_t clause = NONE, i = 0;
	bool want = false;

	while (i < s.n) {
		size_t begin = i, next = 0;
		struct str word;

		if (s.p[i] == ' ' || s.p[i] == ';') {
			clause = s.p[i] == ';' ? NONE : clause;
			want = want && clause != NONE;
			i++;
			continue;
		}
		if (s.p[i] == '(') {
			word = plain_comment(str_sub(s, i + 1, s.n));
			if (clause == FROM)
				plain_from_comment(&hop, &glued, word);
			i += word.n + 2;
			continue;
		}
		i = plain_word_end(s, i);
		word = str_sub(s, begin, i);
		while (next < NONE && !str_ieq(word, str_of(keywords[next])))
			next++;
		if (next < NONE) {
			clause = next;
			want = true;
		} else if (want) {
			struct str digits = word;

			for (; digits.n && clause == ID && memchr("0123456789.", digits.p[0], 11); digits.n--)
				digits.p++;
			want = false;
			if (slots[clause] && !slots[clause]->p &&
			    (clause != ID || digits.n || str_find(word, '.') == str_rfind(word, '.')))
				*slots[clause] = clause == FOR ? addr_unbracket(word) : word;
		} else if (clause == FROM && !word_ip.p) {
			word_ip = plain_literal(word);
		}
	}
	if (!hop.from_ip.p)
		hop.from_ip = word_ip.p ? word_ip : glued.p ? glued : plain_literal(hop.from);
	return hop;
}

static bool
same(struct str a, struct str b)
{
	return a.p == b.p && a.n == b.n;
}

static void
expect_plain(struct str s)
{
	struct hop want = plain_parse(s), got;

	received_parse(s, &got);
	cr_assert(same(got.from, want.from) && same(got.from_ip, want.from_ip) &&
		same(got.from_rdns, want.from_rdns) && same(got.by, want.by) && same(got.id, want.id) &&
		same(got.rcpt, want.rcpt),
	    "%.*s", STR_FMT(s));
}

/* Each shape, and each of its beginnings. */
Test(received, as_byte_by_byte)
{
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		struct str whole = str_of(shapes[i].value);

		for (size_t n = 0; n <= whole.n; n++) {
			struct str value = padded(str_sub(whole, 0, n));

			expect_plain(value);
			xfree((char *)value.p);
		}
	}
}

static const char *const pieces[] = { "from ", "from ", "by ", "id ", "for ", "with ", "via ", "fOr", " ",
	" ", " (", "(", ") ", ")", "<", ">", "\"", "\\", "@", ";", "[", "]", "=", ".", "[192.0.2.1]",
	"192.0.2.77", "IPv6:2001:db8::1", "[ipv6:192.0.2.2]:25", "256.1.1.1", "HELO ", "ehlo ",
	"helo=h.example", "h.example.org", "a-name-of-more-than-sixteen.example.org", "joe@", "15.20.776.10",
	"h.example[192.0.2.3]", "0123456789abcdef", "(may be forged)",
	"; Sat, 21 Nov 2026 06:00:02 +0000 (UTC)", "; Sat, 21 Nov 2026 06:00:02 -0700 (PDT) id 7",
	"; Sat, 21 Nov 2026 06:00:02 +0000", "; Sat, 21 via 2026 06:00:02 +0000 ", "!", "'",
	"\x01", "\x7f", "\xff" };

Test(received, pieces_as_byte_by_byte)
{
	uint32_t seed = 3;

	for (int round = 0; round < 50000; round++) {
		char text[600];
		size_t n = 0, count;
		struct str s;

		seed = seed * 1664525u + 1013904223u;
		count = (seed >> 8) % 24;
		for (size_t i = 0; i < count; i++) {
			struct str piece;

			seed = seed * 1664525u + 1013904223u;
			piece = str_of(
			    i == 0 && seed >> 31 ? "from x (" : pieces[(seed >> 8) % ARRAY_LEN(pieces)]);
			if (n + piece.n > sizeof(text))
				break;
			memcpy(text + n, piece.p, piece.n);
			n += piece.n;
		}
		s = padded((struct str){ text, n });
		expect_plain(s);
		xfree((char *)s.p);
	}
}

/* Whatever comes out lies within what went in. */
static void
inside(struct str part, struct str whole)
{
	if (part.n)
		cr_assert(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

Test(received, random_bytes)
{
	static const char alphabet[] = "from by id for with ()[];<>\"\\ \t.@:=12aHELO\0\xff";
	uint32_t seed = 7;
	char text[200];

	for (int round = 0; round < 20000; round++) {
		struct str s = { text, 0 };
		struct hop hop;

		seed = seed * 1664525u + 1013904223u;
		s.n = (seed >> 8) % sizeof(text);
		for (size_t i = 0; i < s.n; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[i] = alphabet[(seed >> 8) % (sizeof(alphabet) - 1)];
		}
		s = padded(s);
		expect_plain(s);
		received_parse(s, &hop);
		inside(hop.from, s);
		inside(hop.from_ip, s);
		inside(hop.from_rdns, s);
		inside(hop.by, s);
		inside(hop.id, s);
		inside(hop.rcpt, s);
		xfree((char *)s.p);
	}
}

/* By any of its names. */
Test(received, names)
{
	static const char *const named[] = { "h.example.org", "x.example", "192.0.2.1" };
	struct str value = padded(STR("from x.example (h.example.org [192.0.2.1]) by y.example; Thu"));
	struct hop hop;

	received_parse(value, &hop);
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		cr_expect(received_from(&hop, str_of(named[i])), "%s", named[i]);
		cr_expect(received_names(&hop, str_of(named[i])), "%s", named[i]);
	}
	cr_expect(received_names(&hop, STR("Y.example")));
	cr_expect_not(received_from(&hop, STR("y.example")));
	cr_expect_not(received_names(&hop, STR("example")));
	xfree((char *)value.p);
}

Test(received, nobodys_names)
{
	static const char *const nobody[] = { "localhost", "LocalHost", "localhost.localdomain", "127.0.0.1",
		"[127.0.0.2]", "[::1]", "[IPv6:::1]" };
	static const char *const hosts[] = { "", "local.example.org", "localhost1",
		"mail.localhost.example.org", "[192.0.2.127]", "127x.example.org", "[IPv6:2001:db8::1]" };

	for (size_t i = 0; i < ARRAY_LEN(nobody); i++)
		cr_expect(received_nobody(str_of(nobody[i])), "%s", nobody[i]);
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		cr_expect_not(received_nobody(str_of(hosts[i])), "%s", hosts[i]);
}
