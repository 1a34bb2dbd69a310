/* SPDX-License-Identifier: ISC */
/*
 * Requests of the policy door. The end of a request is looked for as bytes come, each byte once; then its
 * lines are sorted into the rows of one table, and the rows are applied in the table's order: so the order
 * of lines is all one.
 */
#include "codec/policy.h"

#include <stddef.h>

#include "base/base64.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "mail/addr.h"

struct request {
	struct policy *p;
	struct msg *m;
	bool have_request;
	bool have_block;  /* header= held something: single values are not asked any more */
	bool have_rcpts;  /* recipients= named somebody */
	bool have_header; /* the scanner was given something */
	bool stated;      /* to_count= or cc_count= was given */
	struct str body;  /* in base64: it means nothing before the header is complete */
};

struct attr {
	struct str name; /* with its "=" */
	/* NULL: known, but no rule asks for it */
	void (*put)(struct request *r, const struct attr *a, struct str value);
	size_t offset;     /* put_str: of a struct str in struct msg */
	size_t cap;        /* bytes kept; more are cut off */
	const char *field; /* put_field: name of the header field */
	bool extended;     /* a fact of the header: makes the door DOOR_EXTENDED */
};

static void
mark_broken(struct policy *p, const char *why)
{
	if (!p->broken)
		p->why = why;
	p->broken = true;
}

/* A copy in the message's arena, without control bytes. */
static struct str
clean_copy(struct msg *m, struct str s)
{
	char *p = arena_alloc(m->arena, s.n);

	if (!p)
		return STR_NONE;
	for (size_t i = 0; i < s.n; i++)
		p[i] = str_is_control(s.p[i]) ? '?' : s.p[i];
	return (struct str){ p, s.n };
}

/* Cut, without control bytes. Most have none, and are as they stand in the request. */
static inline struct str
clean(struct msg *m, struct str s, size_t cap)
{
	s.n = s.n < cap ? s.n : cap;
	return str_has_control(s) ? clean_copy(m, s) : s;
}

/* --- one function a kind of row ----------------------------------------------------------------------- */

static void
put_str(struct request *r, const struct attr *a, struct str value)
{
	struct str *to = (struct str *)(void *)((char *)r->m + a->offset);

	*to = clean(r->m, value, a->cap);
}

static void
put_request(struct request *r, const struct attr *a, struct str value)
{
	(void)a;
	r->have_request = str_eq(value, STR("smtpd_access_policy"));
}

static void
put_stage(struct request *r, const struct attr *a, struct str value)
{
	static const struct {
		struct str name;
		enum stage stage;
	} stages[] = {
		{ STR("RCPT"), STAGE_RCPT },
		{ STR("DATA"), STAGE_DATA },
		{ STR("BDAT"), STAGE_DATA },
		{ STR("END-OF-MESSAGE"), STAGE_EOM },
		{ STR("MAIL"), STAGE_MAIL },
		{ STR("EHLO"), STAGE_HELO },
		{ STR("HELO"), STAGE_HELO },
		{ STR("CONNECT"), STAGE_CONNECT },
	};

	(void)a;
	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		if (str_eq(value, stages[i].name)) {
			r->m->stage = stages[i].stage;
			return;
		}
	}
}

static void
put_sender(struct request *r, const struct attr *a, struct str value)
{
	struct msg *m = r->m;

	m->sender = addr_unbracket(clean(m, value, a->cap));
	/* Postfix sends the attribute, empty, before there was a MAIL FROM too. */
	m->have_sender = m->stage != STAGE_CONNECT && m->stage != STAGE_HELO;
}

static void
add_rcpt(struct request *r, const struct attr *a, struct str raw)
{
	raw = str_trim(raw);
	if (raw.n == 0)
		return;
	/* Those beyond the cap are counted only: they take no memory. */
	if (r->m->n_rcpts < MSG_RCPTS_MAX)
		raw = clean(r->m, raw, a->cap);
	msg_add_rcpt(r->m, raw);
}

/* The end of the quoted string that begins at s.p[0]; s.n when it does not end. */
static size_t
quote_end(struct str s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i;
	}
	return s.n;
}

/* "joe@x.example, "a,b"@x.example": a comma within quotes belongs to the address. A quote that never
 * ends is none. */
static void
put_rcpts(struct request *r, const struct attr *a, struct str value)
{
	bool quotes = true;

	while (value.n) {
		size_t at = 0, comma;

		value = str_trim(value);
		if (quotes && value.n && value.p[value.p[0] == '<' && value.n > 1] == '"') {
			at = value.p[0] == '<';
			at += quote_end(str_sub(value, at, value.n));
			if (at >= value.n) {
				quotes = false;
				at = 0;
			}
		}
		comma = at + str_find(str_sub(value, at, value.n), ',');
		add_rcpt(r, a, str_sub(value, 0, comma));
		value = str_sub(value, comma + 1, value.n);
	}
	r->have_rcpts = r->m->rcpt_count > 0;
}

static void
put_rcpt(struct request *r, const struct attr *a, struct str value)
{
	if (!r->have_rcpts)
		add_rcpt(r, a, value);
}

/* false: not a number, which is what an MTA sends that does not know. */
static bool
read_count(struct str value, uint32_t *out)
{
	uint64_t n;

	if (str_u64(str_trim(value), &n) != 0)
		return false;
	*out = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	return true;
}

static void
put_rcpt_count(struct request *r, const struct attr *a, struct str value)
{
	uint32_t n;

	(void)a;
	/* Postfix says 0 at RCPT, where it asks for one. */
	if (read_count(value, &n) && n > 0)
		r->m->rcpt_count = n;
}

static void
put_size(struct request *r, const struct attr *a, struct str value)
{
	uint64_t n;

	(void)a;
	if (str_u64(value, &n) == 0)
		r->m->size = n;
}

static void
put_want(struct request *r, const struct attr *a, struct str value)
{
	(void)a;
	if (str_eq(value, STR("repairs")))
		r->m->door = DOOR_REPAIRS;
}

/* What a value in base64 stands for; empty when it is none, and the request is broken then. */
static struct str
decode(struct request *r, struct str value, const char *why)
{
	char *out = value.n ? arena_alloc(r->m->arena, base64_room(value.n)) : NULL;
	size_t n = 0;

	if (value.n && (!out || base64_decode(value, out, &n) != 0))
		mark_broken(r->p, why);
	return (struct str){ out, n };
}

static bool
is_cut(struct str text)
{
	return text.p[text.n - 1] != '\n' && text.p[text.n - 1] != '\r';
}

static void
put_block(struct request *r, const struct attr *a, struct str value)
{
	struct str block;

	(void)a;
	if (r->p->broken)
		return;
	block = decode(r, value, "header= is not base64");
	if (block.n == 0)
		return;
	r->have_block = r->have_header = true;
	/* Exim cuts what it expands at 64 KB without a word, nearly always within a line. */
	if (header_feed_last(&r->m->header, block.p, block.n) == block.n && is_cut(block))
		r->m->header.f.flags |= HDR_TRUNCATED;
}

static void
put_field(struct request *r, const struct attr *a, struct str value)
{
	if (r->have_block || r->p->broken || str_trim(value).n == 0)
		return;
	header_field(&r->m->header, str_of(a->field), str_sub(value, 0, a->cap));
	r->m->header.f.flags |= HDR_VALUES;
	r->have_header = true;
}

static void
put_to_count(struct request *r, const struct attr *a, struct str value)
{
	uint32_t n;

	if (r->p->broken || !read_count(value, &n))
		return;
	header_state_count(&r->m->header, str_eq(a->name, STR("cc_count=")), n);
	r->stated = true;
}

static void
keep_body(struct request *r, const struct attr *a, struct str value)
{
	(void)a;
	r->body = value;
}

/* Most clients send the front of it: a line that does not end was cut. */
static void
finish_body(struct request *r)
{
	struct str body;

	if (r->p->broken)
		return;
	body = decode(r, r->body, "body= is not base64");
	if (r->p->broken)
		return;
	if (body.n)
		(void)msg_body(r->m, body.p, body.n);
	msg_body_end(r->m, body.n == 0 || !is_cut(body));
}

/* --- the table ---------------------------------------------------------------------------------------- */

enum { ADDR = MSG_ATTR_MAX, NAME = 1024, WORD = 255 };

#define ROW(name, put, offset, cap, field, extended)             \
	{                                                        \
		STR(name "="), put, offset, cap, field, extended \
	}
#define TO_MSG(name, member, cap) ROW(name, put_str, offsetof(struct msg, member), cap, NULL, false)
#define CALL(name, put, cap) ROW(name, put, 0, cap, NULL, false)
#define FIELD(name, field) ROW(name, put_field, 0, POLICY_LINE_MAX, field, true)
#define HEADER(name, put) ROW(name, put, 0, POLICY_LINE_MAX, NULL, true)
#define UNUSED(name) ROW(name, NULL, 0, 0, NULL, false)

/* In the order in which they are applied: the stage before the sender, all recipients before the one,
 * header= before single values, counts last. */
static const struct attr attrs[] = {
	CALL("request", put_request, WORD),
	CALL("protocol_state", put_stage, WORD),
	UNUSED("protocol_name"),
	TO_MSG("client_address", client_address, WORD),
	TO_MSG("client_port", client_port, WORD),
	TO_MSG("client_name", client_name, NAME),
	UNUSED("reverse_client_name"),
	UNUSED("server_address"),
	UNUSED("server_port"),
	TO_MSG("helo_name", helo, NAME),
	TO_MSG("queue_id", queue_id, WORD),
	TO_MSG("instance", instance, WORD),
	TO_MSG("sasl_username", sasl_username, NAME),
	UNUSED("sasl_method"),
	UNUSED("sasl_sender"),
	TO_MSG("policy_context", policy_context, NAME),
	CALL("sender", put_sender, ADDR),
	CALL("recipients", put_rcpts, ADDR), /* ours */
	CALL("recipient", put_rcpt, ADDR),
	CALL("recipient_count", put_rcpt_count, WORD),
	CALL("size", put_size, WORD),
	UNUSED("etrn_domain"),
	UNUSED("stress"),
	UNUSED("ccert_subject"),
	UNUSED("ccert_issuer"),
	UNUSED("ccert_fingerprint"),
	UNUSED("ccert_pubkey_fingerprint"),
	UNUSED("encryption_protocol"),
	UNUSED("encryption_cipher"),
	UNUSED("encryption_keysize"),
	UNUSED("compatibility_level"),
	UNUSED("mail_version"),
	UNUSED("tls_sni"),
	/* ours: what Postfix never sends */
	HEADER("header", put_block),
	FIELD("message_id", "Message-ID"),
	FIELD("date", "Date"),
	FIELD("header_from", "From"),
	FIELD("subject", "Subject"),
	FIELD("references", "References"),
	FIELD("in_reply_to", "In-Reply-To"),
	FIELD("auto_submitted", "Auto-Submitted"),
	FIELD("list_id", "List-Id"),
	FIELD("header_recipients", "To"),
	HEADER("to_count", put_to_count),
	HEADER("cc_count", put_to_count),
	HEADER("body", keep_body),
	CALL("want", put_want, WORD),
};

/* Rows are found by length and first byte of the name: a chain holds few. The chains hold row + 1, 0 ends;
 * they are worked out once. */
enum { ATTRS = ARRAY_LEN(attrs), CHAINS = 64 };
static unsigned char first_of[CHAINS], next_of[ATTRS];

static size_t
chain_of(struct str name)
{
	return (4 * name.n + (unsigned char)name.p[0]) % CHAINS;
}

static void
make_chains(void)
{
	for (size_t row = ATTRS; row-- > 0;) {
		unsigned char *first = &first_of[chain_of(attrs[row].name)];

		next_of[row] = *first;
		*first = (unsigned char)(row + 1);
	}
}

/* The number of the row, or ATTRS. */
static unsigned
find(struct str name)
{
	for (unsigned i = first_of[chain_of(name)]; i; i = next_of[i - 1])
		if (str_eq(name, attrs[i - 1].name))
			return i - 1;
	return ATTRS;
}

void
policy_init(struct policy *p)
{
	static bool made;

	if (!made)
		make_chains();
	made = true;
	*p = (struct policy){ 0 };
}

/* --- a whole request ---------------------------------------------------------------------------------- */

/* Its lines by row. */
struct lines {
	struct str values[ATTRS];
	uint64_t given; /* one bit a row: its value was given */
	uint32_t n;
	size_t longest;
	const char *fault;
};
_Static_assert(ATTRS <= 64, "a row is a bit of lines.given");

/* `guess`: what stood there in the request before. */
static inline void
sort_line(struct lines *l, struct str line, unsigned char *guess)
{
	const struct attr *a = &attrs[*guess];

	if (!str_starts_quick(line, a->name)) {
		size_t eq = str_find(line, '=');
		unsigned row;

		if (eq == 0 || eq == line.n) {
			if (!l->fault)
				l->fault = eq ? "a line without =" : "a line without a name";
			return;
		}
		row = find(str_sub(line, 0, eq + 1));
		if (row == ATTRS)
			return;
		*guess = (unsigned char)row;
		a = &attrs[row];
	}
	if (!a->put || (l->given & 1ULL << *guess))
		return;
	l->given |= 1ULL << *guess;
	l->values[*guess] = (struct str){ line.p + a->name.n, line.n - a->name.n };
}

/* Returns the length of the request at the front of `s`, empty line included; 0 when its end is not there.
 * Lines end with LF or CR LF. */
static size_t
sort_lines(struct policy *pol, struct lines *l, struct str s)
{
	const char *end = s.p + s.n, *lf;

	l->given = 0;
	l->n = 0;
	l->longest = 0;
	l->fault = NULL;
	for (const char *p = s.p; p < end; p = lf + 1) {
		size_t n;

		lf = memchr(p, '\n', (size_t)(end - p));
		if (!lf)
			return 0;
		n = (size_t)(lf - p);
		if (n && lf[-1] == '\r')
			n--;
		if (n == 0)
			return (size_t)(lf + 1 - s.p);
		if (n > l->longest)
			l->longest = n;
		if (l->n++ < POLICY_ATTRS_MAX)
			sort_line(l, (struct str){ p, n }, &pol->rows[l->n % POLICY_ROWS]);
	}
	return 0;
}

static void
finish_header(struct request *r)
{
	const struct header_facts *f;

	if ((!r->have_header && !r->stated) || r->p->broken)
		return;
	f = header_end(&r->m->header);
	r->m->have_header = (f->flags & HDR_ANY) || r->stated;
}

static void
read_request(struct policy *p, struct str text, const struct lines *l, struct msg *m)
{
	struct request r = { .p = p, .m = m };

	if (l->longest > POLICY_LINE_MAX)
		mark_broken(p, "a line is too long");
	if (l->n > POLICY_ATTRS_MAX)
		mark_broken(p, "too many attributes");
	if (l->fault)
		mark_broken(p, l->fault);
	if (memchr(text.p, '\0', text.n))
		mark_broken(p, "a NUL byte");
	m->door = DOOR_POLICY;
	m->stage = STAGE_OTHER;
	for (uint64_t left = l->given; left; left &= left - 1) {
		size_t row = (size_t)__builtin_ctzll(left);
		const struct attr *a = &attrs[row];

		if (a->extended)
			m->door = DOOR_EXTENDED;
		a->put(&r, a, l->values[row]);
	}
	if (!r.have_request)
		mark_broken(p, "not request=smtpd_access_policy");
	/* Postfix says so of a client that has none; the milter is told of no port. */
	if (str_eq(m->client_port, STR("unknown")) || str_eq(m->client_port, STR("0")))
		m->client_port = STR_NONE;
	finish_header(&r);
	finish_body(&r);
}

/* Whether the empty line has come, of a request that was sorted in vain before: whoever sends it in many
 * pieces has each byte looked at once. */
static bool
end_came(struct policy *p, struct str s)
{
	while (p->scanned < s.n) {
		const char *lf = memchr(s.p + p->scanned, '\n', s.n - p->scanned);
		size_t n;

		if (!lf) {
			p->scanned = s.n;
			return false;
		}
		n = (size_t)(lf - s.p) - p->line;
		if (n == 0 || (n == 1 && lf[-1] == '\r'))
			return true;
		p->scanned = p->line = (size_t)(lf - s.p) + 1;
	}
	return false;
}

/* There is no empty line. FEED_MSG: all lines have ended, and no more will come. */
static enum feed
without_end(struct policy *p, struct str s, bool half_closed)
{
	(void)end_came(p, s); /* how far was looked */
	if (s.n == POLICY_REQUEST_MAX) {
		p->why = "the request is too long";
		return FEED_BAD;
	}
	if (!half_closed || s.n == 0)
		return FEED_MORE;
	if (p->line < s.n) {
		p->why = "the peer stopped within a line";
		return FEED_BAD;
	}
	return FEED_MSG;
}

enum feed
policy_feed(struct policy *p, struct buf *in, bool half_closed, struct msg *m)
{
	struct str s = str_sub(buf_str(in), 0, POLICY_REQUEST_MAX);
	struct lines lines;
	size_t end = 0;

	p->broken = false;
	p->why = NULL;
	if (p->scanned == 0 || end_came(p, s))
		end = sort_lines(p, &lines, s);
	if (end == 0) {
		enum feed f = without_end(p, s, half_closed);

		if (f != FEED_MSG)
			return f;
		(void)sort_lines(p, &lines, s);
		end = s.n;
	}
	read_request(p, str_sub(s, 0, end), &lines, m);
	buf_consume(in, end);
	p->scanned = p->line = 0;
	return FEED_MSG;
}
