/* SPDX-License-Identifier: ISC */
/*
 * What each field means: one row a name, in one table for each length of names. A handler gets the value as
 * it stood in the header, folded with any kind of line end.
 */
#include "mail/header_fields.h"

#include <stddef.h>

#include "mail/addr.h"
#include "mail/automatic.h"
#include "mail/mime.h"

struct field_row {
	struct str name; /* lower-case */
	void (*take)(struct header *h, const struct field_row *row, struct str value);
	size_t offset; /* of a struct str in header_facts, for handlers that keep one */
	unsigned flag;
	bool unstable; /* a trace field, or one that is made anew: no part of the stable hash */
};

static struct str
keep_lower(struct header *h, struct str s)
{
	struct str kept = arena_lower(h->arena, s);

	if (!kept.p)
		h->f.flags |= HDR_TRUNCATED;
	return kept;
}

static struct str *
fact(struct header *h, const struct field_row *row)
{
	return (struct str *)(void *)((char *)&h->f + row->offset);
}

static void
take_value(struct header *h, const struct field_row *row, struct str value)
{
	struct str *to = fact(h, row);

	if (to->p)
		h->f.flags |= row->flag; /* of a second one */
	else
		*to = header_keep_value(h, value);
}

static void
take_mailbox(struct header *h, const struct field_row *row, struct str value)
{
	struct str *to = fact(h, row);

	if (!to->p)
		*to = addr_first(h->arena, value);
}

static void
take_from(struct header *h, const struct field_row *row, struct str value)
{
	if (h->f.from.p)
		return;
	take_value(h, row, value);
	h->f.from_addr = addr_first(h->arena, value);
	if (h->f.from_addr.n)
		audience_add(&h->f.audience, h->f.from_addr);
	if (automatic_daemon_from(h->f.from, h->f.from_addr))
		h->f.flags |= HDR_MAILER_DAEMON_FROM;
}

static void
take_return_path(struct header *h, const struct field_row *row, struct str value)
{
	char text[HEADER_VALUE_KEEP];
	struct str path = addr_unbracket(header_unfold(value, text, sizeof(text)));

	if (path.n == 0)
		h->f.flags |= HDR_NULL_PATH;
	if (!h->f.return_path.p)
		*fact(h, row) = header_keep(h, path);
}

static void
take_flag(struct header *h, const struct field_row *row, struct str value)
{
	(void)value;
	h->f.flags |= row->flag;
}

/* "X-Autoreply: no" says the contrary. */
static void
take_flag_unless_no(struct header *h, const struct field_row *row, struct str value)
{
	char text[4];

	if (!str_ieq(header_unfold(value, text, sizeof(text)), STR("no")))
		h->f.flags |= row->flag;
}

/* X-Apple-Action: VACATION; Content-Identifier: Auto-replied; X400-Content-Identifier: Auto Reply to ... */
static void
take_auto_word(struct header *h, const struct field_row *row, struct str value)
{
	char text[16];
	struct str s = header_unfold(value, text, sizeof(text));

	if (str_istarts(s, STR("vacation")) || str_istarts(s, STR("auto-repl")) ||
	    str_istarts(s, STR("auto repl")))
		h->f.flags |= row->flag;
}

/* The next message id of a list of ids; white space inside (a fold) is dropped. Words without brackets
 * count when they look like an id. *rest moves on; false at the end. */
static bool
id_next(struct str *rest, char *out, size_t cap, struct str *id)
{
	size_t i = 0, n = 0;

	while (i < rest->n) {
		bool open = rest->p[i] == '<', at = false;

		if (str_is_space(rest->p[i])) {
			i++;
			continue;
		}
		for (n = 0; i < rest->n; i++) {
			char c = rest->p[i];

			if (str_is_space(c)) {
				if (open)
					continue;
				break;
			}
			if (c == '<' && n)
				break; /* "word<id>", "<unclosed <id>" */
			at |= c == '@';
			if (n < cap)
				out[n++] = c;
			if (open && c == '>') {
				i++;
				break;
			}
		}
		if ((open && n > 2) || at) {
			*id = (struct str){ out, n };
			*rest = str_sub(*rest, i, rest->n);
			return true;
		}
	}
	*rest = STR_NONE;
	return false;
}

static void
take_first_id(struct header *h, const struct field_row *row, struct str value)
{
	char text[HEADER_VALUE_KEEP];
	struct str *to = fact(h, row), id;

	if (!to->p && id_next(&value, text, sizeof(text), &id))
		*to = header_keep(h, id);
}

static void
take_references(struct header *h, const struct field_row *row, struct str value)
{
	char text[2][HEADER_VALUE_KEEP]; /* the last id stays while the next is looked for */
	unsigned turn = 0;
	struct str id;

	if (h->f.references.p || !id_next(&value, text[turn], sizeof(text[turn]), &id))
		return;
	*fact(h, row) = header_keep(h, id);
	do
		turn = !turn;
	while (id_next(&value, text[turn], sizeof(text[turn]), &id));
	h->f.last_reference = header_keep(h, id);
}

/* The root is 22 bytes: 29 digits and the upper two bits of the 30th, whose lower bits belong to the
 * first answer where there is one. */
static void
take_thread_index(struct header *h, const struct field_row *row, struct str value)
{
	enum { ROOT_DIGITS = 30 };
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char root[ROOT_DIGITS];
	size_t n = 0;
	bool more = false;

	if (h->f.thread_index.p)
		return;
	for (size_t i = 0; i < value.n && !more; i++) {
		const char *d = value.p[i] ? strchr(digits, value.p[i]) : NULL;

		if (str_is_space(value.p[i]))
			continue;
		if (!d)
			break;
		if (n == ROOT_DIGITS)
			more = true;
		else if (n == ROOT_DIGITS - 1)
			root[n++] = digits[(d - digits) & 0x30];
		else
			root[n++] = *d;
	}
	if (n < ROOT_DIGITS)
		return;
	*fact(h, row) = header_keep(h, (struct str){ root, n });
	if (more)
		h->f.flags |= row->flag;
}

/* The keyword before any comment or parameter, and what Sendmail says in the comment of its bounces. */
static void
take_auto_submitted(struct header *h, const struct field_row *row, struct str value)
{
	static const struct str failures[] = {
		{ "(failure", 8 },
		{ "(warning", 8 },
		{ "(postmaster-", 12 },
		{ "(return-receipt", 15 },
	};
	char text[HEADER_VALUE_KEEP];
	struct str s = header_unfold(value, text, sizeof(text)), word;
	size_t n = 0;

	if (h->f.auto_submitted.p)
		return;
	while (n < s.n && !str_is_space(s.p[n]) && s.p[n] != ';' && s.p[n] != '(')
		n++;
	word = str_sub(s, 0, n);
	*fact(h, row) = keep_lower(h, word);
	s = str_trim(str_sub(s, n, s.n));
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (str_istarts(s, failures[i]))
			h->f.flags |= row->flag;
}

static void
take_list_id(struct header *h, const struct field_row *row, struct str value)
{
	char text[HEADER_VALUE_KEEP];
	struct str s = header_unfold(value, text, sizeof(text)), inside;
	size_t open = str_rfind(s, '<');

	if (h->f.list_id.p)
		return;
	inside = str_sub(s, open + 1, s.n);
	if (open < s.n && str_find(inside, '>') > 0)
		s = str_sub(inside, 0, str_find(inside, '>'));
	*fact(h, row) = header_keep(h, str_trim(s));
}

/* "multipart/report; boundary=...; report-type=x" */
static void
take_content_type(struct header *h, const struct field_row *row, struct str value)
{
	char text[4 * HEADER_VALUE_KEEP], param[MIME_BOUNDARY_MAX + 1];
	struct str s = header_unfold(value, text, sizeof(text)), got;

	if (h->f.content_type.p)
		return;
	*fact(h, row) = keep_lower(h, mime_type(s));
	if (mime_param(s, STR("report-type"), param, sizeof(param), &got))
		h->f.report_type = keep_lower(h, got);
	if (mime_param(s, STR("boundary"), param, sizeof(param), &got) && got.n <= MIME_BOUNDARY_MAX)
		h->f.boundary = header_keep(h, got);
}

/* Exim and Gmail name those to whom a message could not be delivered. */
static void
take_failed_rcpts(struct header *h, const struct field_row *row, struct str value)
{
	h->f.flags |= row->flag;
	if (!h->f.failed_rcpts.p)
		*fact(h, row) = header_keep_value(h, value);
}

void
header_count(struct header *h, bool cc, uint32_t n)
{
	uint32_t *sum = &h->counted[cc];

	*sum = n > UINT32_MAX - *sum ? UINT32_MAX : *sum + n;
	*(cc ? &h->f.cc_count : &h->f.to_count) = *sum > h->stated[cc] ? *sum : h->stated[cc];
}

static void
take_to(struct header *h, const struct field_row *row, struct str value)
{
	h->f.flags |= row->flag;
	header_count(h, false, header_walk(h, value));
}

static void
take_cc(struct header *h, const struct field_row *row, struct str value)
{
	h->f.flags |= row->flag;
	header_count(h, true, header_walk(h, value));
}

static void
take_delivered_to(struct header *h, const struct field_row *row, struct str value)
{
	(void)row;
	header_take_delivered_to(h, value);
}

static void
take_received(struct header *h, const struct field_row *row, struct str value)
{
	(void)row;
	header_take_received(h, value);
}

/* The envelope recipient, as delivery agents leave it behind. */
static void
take_original_to(struct header *h, const struct field_row *row, struct str value)
{
	if (h->f.original_to.p)
		return;
	take_value(h, row, value);
	h->f.original_to = addr_unbracket(h->f.original_to);
}

static void
take_nothing(struct header *h, const struct field_row *row, struct str value)
{
	(void)h;
	(void)row;
	(void)value;
}

#define NAME(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
#define KEEP(text, take, field)                                                  \
	{                                                                        \
		NAME(text), take, offsetof(struct header_facts, field), 0, false \
	}
#define KEEP_FLAG(text, take, field, flag)                                          \
	{                                                                           \
		NAME(text), take, offsetof(struct header_facts, field), flag, false \
	}
#define FLAG(text, flag)                              \
	{                                             \
		NAME(text), take_flag, 0, flag, false \
	}
#define WORD(text, take, flag)                   \
	{                                        \
		NAME(text), take, 0, flag, false \
	}

/* One table a length of name, so that a name is compared with a few of its own length. */
static const struct field_row length_2[] = {
	WORD("cc", take_cc, HDR_TO),
	WORD("to", take_to, HDR_TO),
};
static const struct field_row length_4[] = {
	KEEP("date", take_value, date),
	KEEP("from", take_from, from),
};
static const struct field_row length_6[] = {
	KEEP("sender", take_mailbox, sender_addr),
	KEEP("x-loop", take_value, x_loop),
};
static const struct field_row length_7[] = {
	KEEP("list-id", take_list_id, list_id),
	KEEP("subject", take_value, subject),
};
static const struct field_row length_8[] = {
	{ NAME("received"), take_received, 0, 0, true },
	KEEP("reply-to", take_mailbox, reply_to),
	KEEP("x-mailer", take_value, mailer),
};
static const struct field_row length_9[] = {
	FLAG("list-help", HDR_LIST_POST),
	FLAG("list-post", HDR_LIST_POST),
	FLAG("x-ml-name", HDR_LIST_OTHER),
};
static const struct field_row length_10[] = {
	FLAG("list-owner", HDR_LIST_POST),
	{ NAME("message-id"), take_value, offsetof(struct header_facts, message_id), HDR_DUP_MESSAGE_ID,
	    true },
	KEEP("precedence", take_value, precedence),
	KEEP("references", take_references, references),
	KEEP("user-agent", take_value, mailer),
	FLAG("x-cron-env", HDR_CRON),
	{ NAME("x-received"), take_nothing, 0, 0, true },
	WORD("x-vacation", take_flag_unless_no, HDR_AUTO_RESPONDER),
};
static const struct field_row length_11[] = {
	WORD("autoreplied", take_flag_unless_no, HDR_AUTO_RESPONDER),
	{ NAME("envelope-to"), take_original_to, offsetof(struct header_facts, original_to), 0, true },
	KEEP("in-reply-to", take_first_id, in_reply_to),
	{ NAME("return-path"), take_return_path, offsetof(struct header_facts, return_path), 0, true },
	WORD("x-autoreply", take_flag_unless_no, HDR_AUTO_RESPONDER),
	FLAG("x-beenthere", HDR_LIST_OTHER),
	FLAG("x-ml-driver", HDR_LIST_OTHER),
	FLAG("x-mx-bounce", HDR_NDR_MARK),
};
static const struct field_row length_12[] = {
	FLAG("chat-version", HDR_CHAT),
	KEEP("content-type", take_content_type, content_type),
	{ NAME("delivered-to"), take_delivered_to, 0, 0, true },
	FLAG("list-archive", HDR_LIST_POST),
	FLAG("mailing-list", HDR_LIST_OTHER),
	KEEP_FLAG("thread-index", take_thread_index, thread_index, HDR_THREAD_INDEX_REPLY),
	KEEP("thread-topic", take_value, thread_topic),
	WORD("x-auto-reply", take_flag_unless_no, HDR_AUTO_RESPONDER),
	FLAG("x-listserver", HDR_LIST_OTHER),
};
static const struct field_row length_13[] = {
	{ NAME("delivery-date"), take_nothing, 0, 0, true },
	WORD("x-autorespond", take_flag_unless_no, HDR_AUTO_RESPONDER),
	FLAG("x-google-loop", HDR_LIST_OTHER),
	FLAG("x-list-server", HDR_LIST_OTHER),
	{ NAME("x-original-to"), take_original_to, offsetof(struct header_facts, original_to), 0, true },
};
static const struct field_row length_14[] = {
	KEEP_FLAG("auto-submitted", take_auto_submitted, auto_submitted, HDR_AUTO_FAILURE),
	FLAG("list-subscribe", HDR_LIST_POST),
	WORD("x-apple-action", take_auto_word, HDR_AUTO_RESPONDER),
	FLAG("x-mailing-list", HDR_LIST_OTHER),
};
static const struct field_row length_15[] = {
	WORD("x-autoresponder", take_flag_unless_no, HDR_AUTO_RESPONDER),
};
static const struct field_row length_16[] = {
	FLAG("list-unsubscribe", HDR_LIST_UNSUBSCRIBE),
	WORD("x-mail-autoreply", take_flag_unless_no, HDR_AUTO_RESPONDER),
};
static const struct field_row length_17[] = {
	FLAG("tls-report-domain", HDR_TLS_REPORT),
	FLAG("x-bounced-address", HDR_NDR_MARK),
	FLAG("x-google-group-id", HDR_LIST_OTHER),
	FLAG("x-mailman-version", HDR_LIST_OTHER),
};
static const struct field_row length_18[] = {
	WORD("content-identifier", take_auto_word, HDR_AUTO_RESPONDER),
};
static const struct field_row length_19[] = {
	WORD("x-amazon-auto-reply", take_flag_unless_no, HDR_AUTO_RESPONDER),
	KEEP_FLAG("x-failed-recipients", take_failed_rcpts, failed_rcpts, HDR_FAILED_RCPTS),
};
static const struct field_row length_20[] = {
	FLAG("x-ms-embedded-report", HDR_NDR_MARK),
};
static const struct field_row length_23[] = {
	WORD("x400-content-identifier", take_auto_word, HDR_AUTO_RESPONDER),
};
static const struct field_row length_24[] = {
	KEEP("x-auto-response-suppress", take_value, auto_suppress),
};
static const struct field_row length_25[] = {
	KEEP("content-transfer-encoding", take_value, transfer_encoding),
};
static const struct field_row length_28[] = {
	FLAG("x-ms-exchange-message-is-ndr", HDR_NDR_MARK),
};
static const struct field_row length_30[] = {
	FLAG("x-ms-exchange-inbox-rules-loop", HDR_INBOX_RULE),
};

#define LENGTH(n) [n] = { length_##n, sizeof(length_##n) / sizeof(length_##n[0]) }

static const struct {
	const struct field_row *rows;
	size_t n;
} by_length[] = {
	LENGTH(2),
	LENGTH(4),
	LENGTH(6),
	LENGTH(7),
	LENGTH(8),
	LENGTH(9),
	LENGTH(10),
	LENGTH(11),
	LENGTH(12),
	LENGTH(13),
	LENGTH(14),
	LENGTH(15),
	LENGTH(16),
	LENGTH(17),
	LENGTH(18),
	LENGTH(19),
	LENGTH(20),
	LENGTH(23),
	LENGTH(24),
	LENGTH(25),
	LENGTH(28),
	LENGTH(30),
};

/* `name` in lower case. Most names of one length that are known or common differ in the last letter. */
static const struct field_row *
row_find(struct str name)
{
	size_t n = name.n < ARRAY_LEN(by_length) ? by_length[name.n].n : 0;

	for (size_t i = 0; i < n; i++) {
		const struct field_row *row = &by_length[name.n].rows[i];

		if (row->name.p[name.n - 1] == name.p[name.n - 1] && str_eq(row->name, name))
			return row;
	}
	return NULL;
}

static bool
name_ok(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 127)
			return false;
	return name.n > 0;
}

void
header_take(struct header *h, struct str name, struct str value)
{
	const struct field_row *row;
	struct header_part part;
	struct str low;

	while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	if (!name_ok(name)) {
		h->f.flags |= HDR_BAD_LINE;
		return;
	}
	h->f.flags |= HDR_ANY;
	header_part_begin(&part, h->running);
	header_part_name(&part, name);
	low = (struct str){ part.text, name.n < sizeof(part.text) ? name.n : 0 };
	row = row_find(low);
	if (row ? !row->unstable : !str_istarts(name, STR("X-Envelope-")))
		h->running = header_part_end(&part, str_trim(value));
	if (row)
		row->take(h, row, value);
	else if (str_istarts(name, STR("Resent-")))
		h->f.flags |= HDR_RESENT;
}
