/* SPDX-License-Identifier: ISC */
#include "mail/msg.h"

#include "mail/addr.h"

void
msg_init(struct msg *m, struct arena *arena, const struct strset *markers)
{
	*m = (struct msg){ .arena = arena };
	header_init(&m->header, arena, markers);
}

void
msg_fini(struct msg *m)
{
	header_fini(&m->header);
}

void
msg_reset(struct msg *m)
{
	struct arena *arena = m->arena;
	enum door door = m->door;

	arena_reset(arena);
	memset(m, 0, offsetof(struct msg, header));
	m->arena = arena;
	m->door = door;
	header_reset(&m->header);
}

struct str
msg_str(struct msg *m, struct str s)
{
	return arena_str(m->arena, str_sub(s, 0, MSG_ATTR_MAX));
}

void
msg_add_rcpt(struct msg *m, struct str raw)
{
	struct rcpt *r;

	m->rcpt_count++;
	if (m->n_rcpts >= MSG_RCPTS_MAX)
		return;
	if (m->n_rcpts == m->cap_rcpts) {
		uint32_t cap = m->cap_rcpts ? m->cap_rcpts * 2 : 8;
		struct rcpt *grown = arena_alloc(m->arena, cap * sizeof(*grown));

		if (!grown)
			return;
		if (m->n_rcpts)
			memcpy(grown, m->rcpts, m->n_rcpts * sizeof(*grown));
		m->rcpts = grown;
		m->cap_rcpts = cap;
	}
	r = &m->rcpts[m->n_rcpts];
	r->raw = msg_str(m, raw);
	if (!r->raw.p)
		return;
	r->addr = addr_unbracket(r->raw);
	m->n_rcpts++;
}

bool
msg_null_sender(const struct msg *m)
{
	if (m->have_sender)
		return addr_is_null(m->sender);
	return m->have_header && m->header.f.return_path.p && addr_is_null(m->header.f.return_path);
}

const struct msg_kind *
msg_kind(struct msg *m)
{
	const struct header_facts *f = &m->header.f;
	struct msg_kind *k = &m->kind;
	bool null_sender = msg_null_sender(m);

	if (k->known && k->null_sender == null_sender)
		return k;
	k->subject = subject_classify(f->subject);
	/* Some mail systems write their own name there, which no person has. */
	k->automatic = automatic_classify(
	    f, k->subject, null_sender || automatic_daemon_from(STR_NONE, m->sender), m->sasl_username.n > 0);
	k->null_sender = null_sender;
	k->known = true;
	return k;
}

static bool
is_null(const struct msg *m, const struct msg_kind *k)
{
	return k->null_sender || (m->header.f.flags & HDR_NULL_PATH);
}

/* Mail in a file of which nobody wrote down the sender: the postmaster's, under a subject that fits, or with
 * a signature around all of it, as gateways put one around a bounce. */
static bool
is_unsaid(const struct msg *m, const struct msg_kind *k)
{
	const struct header_facts *f = &m->header.f;

	return !m->have_sender && !f->return_path.p &&
	    (k->subject == SUBJECT_BOUNCE_MAYBE || str_eq(f->content_type, STR("multipart/signed"))) &&
	    automatic_postmaster_from(f->from, f->from_addr);
}

/* From a null sender, and not told by the header alone: neither an answer nor, by its subject, a robot's. */
static bool
may_be_bounce(const struct msg *m, const struct msg_kind *k)
{
	const struct header_facts *f = &m->header.f;

	if (k->automatic == AUTO_REPORT)
		return f->report_type.n == 0;
	if (k->automatic == AUTO_BOUNCE || (!is_null(m, k) && !is_unsaid(m, k)))
		return false;
	if (k->subject == SUBJECT_BOUNCE_MAYBE)
		return !automatic_is_list(f);
	return (k->subject == SUBJECT_PLAIN || k->subject == SUBJECT_QUOTA) &&
	    str_starts(f->content_type, STR("multipart/")) && !automatic_is_list(f);
}

/* A delivery status is that of a bounce; where nobody wrote down the sender, if nobody quotes it in a text. A
 * message that came back suffices with a subject that fits. */
static bool
body_of_bounce(const struct msg *m, const struct msg_kind *k)
{
	const struct dsn_facts *d = &m->dsn.f;

	if (d->flags & DSN_STATUS)
		return (d->flags & DSN_STATUS_OWN) || k->automatic == AUTO_REPORT || is_null(m, k);
	return k->automatic == AUTO_NONE && k->subject == SUBJECT_BOUNCE_MAYBE && is_null(m, k) &&
	    d->source >= DSN_BY_TEXT;
}

bool
msg_wants_body(struct msg *m)
{
	const struct msg_kind *k;

	if (!m->have_header)
		return false;
	k = msg_kind(m);
	return k->automatic == AUTO_BOUNCE || k->automatic == AUTO_REPORT || may_be_bounce(m, k);
}

static bool
dsn_wanted(struct msg *m)
{
	if (m->have_dsn)
		return true;
	if (!msg_wants_body(m))
		return false;
	dsn_begin(&m->dsn, m->arena, &m->header.f);
	m->have_dsn = true;
	return true;
}

bool
msg_body(struct msg *m, const char *p, size_t n)
{
	if (!dsn_wanted(m))
		return false;
	dsn_feed(&m->dsn, p, n);
	return !m->dsn.done;
}

static bool
has_receipt_only(const struct dsn_facts *d)
{
	return (d->flags & (DSN_RECEIPT | DSN_STATUS)) == DSN_RECEIPT;
}

/* What looked like a bounce, for its header does not say of what it is a report. Not a receipt by which a
 * filter gives a message back (RFC 5429 2.2). */
static bool
is_receipt(const struct msg *m)
{
	const struct header_facts *f = &m->header.f;

	return m->kind.automatic == AUTO_BOUNCE && str_eq(f->content_type, STR("multipart/report")) &&
	    f->report_type.n == 0 && !(f->flags & HDR_AUTO_FAILURE) && has_receipt_only(&m->dsn.f);
}

/* Its facts are those of a bounce, of a receipt or complaint that a gateway signed or put a footer under, or
 * of none: then nobody is to see them. */
static void
kind_by_body(struct msg *m)
{
	if (has_receipt_only(&m->dsn.f)) {
		m->kind.automatic = AUTO_REPORT;
	} else if (body_of_bounce(m, &m->kind)) {
		m->kind.automatic = AUTO_BOUNCE;
	} else if (m->kind.automatic != AUTO_REPORT) {
		m->dsn = (struct dsn){ .done = true };
		m->have_dsn = false;
	}
}

void
msg_body_end(struct msg *m, bool whole)
{
	/* Without a body the header may name recipients all the same. */
	if (!m->have_dsn && !(m->have_header && (m->header.f.flags & HDR_FAILED_RCPTS)))
		return;
	if (!dsn_wanted(m))
		return;
	if (!whole)
		dsn_cut(&m->dsn);
	dsn_end(&m->dsn, &m->header.f);
	if (may_be_bounce(m, &m->kind))
		kind_by_body(m);
	else if (is_receipt(m))
		m->kind.automatic = AUTO_REPORT;
}

const char *
door_name(enum door d)
{
	static const char *const names[DOOR_COUNT] = {
		[DOOR_POLICY] = "policy",
		[DOOR_EXTENDED] = "extended",
		[DOOR_REPAIRS] = "repairs",
		[DOOR_MILTER] = "milter",
		[DOOR_REPLAY] = "replay",
	};

	return (unsigned)d < DOOR_COUNT ? names[d] : "?";
}

const char *
stage_name(enum stage s)
{
	static const char *const names[STAGE_COUNT] = {
		[STAGE_CONNECT] = "CONNECT",
		[STAGE_HELO] = "HELO",
		[STAGE_MAIL] = "MAIL",
		[STAGE_RCPT] = "RCPT",
		[STAGE_DATA] = "DATA",
		[STAGE_EOM] = "END-OF-MESSAGE",
		[STAGE_OTHER] = "OTHER",
	};

	return (unsigned)s < STAGE_COUNT ? names[s] : "?";
}
