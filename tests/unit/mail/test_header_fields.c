/* SPDX-License-Identifier: ISC */
/* What single fields leave behind: one row a field, any case of its name. */
#include <criterion/criterion.h>

#include <ctype.h>

#include "header_rig.h"

TestSuite(header_fields, .init = setup, .fini = teardown);

static const struct header_facts *
one(const char *name, const char *value)
{
	arena_reset(&arena);
	header_reset(&h);
	header_field(&h, str_of(name), str_of(value));
	return header_end(&h);
}

/* Bytes of an id as they come one by one: white space in brackets is dropped, "<" begins the next one, and so
 * does a comma outside of brackets. */
static size_t
plain_id(const char **p, char *out)
{
	while (**p) {
		bool open = **p == '<', closed = false, at = false;
		size_t n = 0;

		if (str_is_space(**p) || **p == ',') {
			++*p;
			continue;
		}
		for (; **p && (**p != '<' || n == 0) && !closed; ++*p) {
			if ((str_is_space(**p) || **p == ',') && !open)
				break;
			if (str_is_space(**p))
				continue;
			at |= **p == '@';
			out[n++] = **p;
			closed = open && **p == '>';
		}
		if ((closed && n > 2) || at)
			return n;
	}
	return 0;
}

Test(header_fields, ids_are_read_as_byte_by_byte)
{
	static const char bytes[] = "<<>>@ab, \r\n\t\001";
	uint32_t seed = 20261121;

	for (int round = 0; round < 50000; round++) {
		char text[48], first[48], last[48], id[48];
		size_t n = (size_t)round % (sizeof(text) - 1), n_first, n_last = 0, n_id;
		const char *p = text;
		const struct header_facts *f;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[i] = (seed >> 8) % 2 ? 'x' : bytes[(seed >> 12) % (sizeof(bytes) - 1)];
		}
		text[n] = '\0';
		n_first = plain_id(&p, first);
		for (n_id = n_first; n_id; n_id = plain_id(&p, id)) {
			memcpy(last, n_last ? id : first, n_id);
			n_last = n_id;
		}
		f = one("References", text);
		cr_assert_eq(f->references.p != NULL, n_first > 0, "%s", text);
		cr_assert(str_eq(f->references, (struct str){ first, n_first }), "%s", text);
		cr_assert(str_eq(f->last_reference, (struct str){ last, n_last }), "%s", text);
	}
}

/* The flag that the field leaves, however its name is written. */
static void
expect_flag(const char *name, const char *value, unsigned flag)
{
	char upper[64];
	size_t n = strlen(name);

	cr_expect_eq(one(name, value)->flags, flag | HDR_ANY, "%s: %s", name, value);
	for (size_t k = 0; k <= n; k++)
		upper[k] = (char)toupper((unsigned char)name[k]);
	cr_expect_eq(one(upper, value)->flags, flag | HDR_ANY, "%s: %s", upper, value);
}

Test(header_fields, flags)
{
	static const struct {
		const char *name, *value;
		unsigned flag;
	} rows[] = {
		{ "List-Help", "<mailto:x@y>", HDR_LIST_POST },
		{ "List-Post", "<mailto:x@y>", HDR_LIST_POST },
		{ "List-Owner", "<mailto:x@y>", HDR_LIST_POST },
		{ "List-Subscribe", "<mailto:x@y>", HDR_LIST_POST },
		{ "List-Archive", "<http://x>", HDR_LIST_POST },
		{ "List-Unsubscribe", "<mailto:x@y>", HDR_LIST_UNSUBSCRIBE },
		{ "Mailing-List", "contact x", HDR_LIST_OTHER },
		{ "X-Mailing-List", "x", HDR_LIST_OTHER },
		{ "X-ML-Name", "x", HDR_LIST_OTHER },
		{ "X-ML-Driver", "x", HDR_LIST_OTHER },
		{ "X-BeenThere", "x", HDR_LIST_OTHER },
		{ "X-Mailman-Version", "2.1", HDR_LIST_OTHER },
		{ "X-Google-Group-Id", "1", HDR_LIST_OTHER },
		{ "X-Google-Loop", "1", HDR_LIST_OTHER },
		{ "X-MDMailing-List", "a@b", HDR_LIST_OTHER },
		{ "X-Listprocessor-Version", "8.1", HDR_LIST_OTHER },
		{ "X-Listserver", "x", HDR_LIST_OTHER },
		{ "X-List-Server", "x", HDR_LIST_OTHER },
		{ "X-Apple-Unsubscribe", "true", HDR_OPT_OUT },
		{ "X-Apple-Unsubscribe", "no", 0 },
		{ "X-Failed-Recipients", "a@b", HDR_FAILED_RCPTS },
		{ "X-MS-Exchange-Message-Is-Ndr", "", HDR_NDR_MARK },
		{ "X-MS-Embedded-Report", "", HDR_NDR_MARK },
		{ "X-MX-Bounce", "x", HDR_NDR_MARK },
		{ "X-MailerError", "Message = [1] Server = [x]", HDR_NDR_MARK },
		{ "X-Bounced-Address", "x", HDR_NDR_MARK },
		{ "X-MS-Exchange-Inbox-Rules-Loop", "a@b", HDR_INBOX_RULE },
		{ "TLS-Report-Domain", "example.org", HDR_TLS_REPORT },
		{ "Return-Path", "<>", HDR_NULL_PATH },
		{ "Return-Path", "<a@b>", 0 },
		{ "X-Cron-Env", "<PATH=/bin>", HDR_CRON },
		{ "Resent-From", "a@b", HDR_RESENT },
		{ "resent-whatever", "x", HDR_RESENT },
		{ "To", "a@b", HDR_TO },
		{ "Cc", "", HDR_TO },
		{ "Bcc", "a@b", 0 },
		{ "Tp", "a@b", 0 },
		{ "X", "a@b", 0 },
		{ "X-Auto-Response-Suppress-But-A-Longer-Name", "All", 0 },
		{ "From", "Mail Delivery Subsystem <x@y>", HDR_MAILER_DAEMON_FROM },
		{ "Auto-Submitted", "auto-generated (failure)", HDR_AUTO_FAILURE },
		{ "Auto-Submitted", "auto-generated (warning-timeout)", HDR_AUTO_FAILURE },
		{ "Auto-Submitted", "auto-replied (vacation)", HDR_AUTO_RESPONDER },
		{ "Auto-Submitted", "no (vacation)", 0 },
		{ "Auto-Submitted", "auto-notified; owner-email=\"vacation@x.example\"", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_flag(rows[i].name, rows[i].value, rows[i].flag);
}

Test(header_fields, autoresponders)
{
	static const struct {
		const char *name, *value;
		unsigned flag;
	} rows[] = {
		{ "X-Autoreply", "yes", HDR_AUTO_RESPONDER },
		{ "X-Autoreply", "no", 0 },
		{ "X-Auto-Reply", "yes", HDR_AUTO_RESPONDER },
		{ "X-Autorespond", "Re: x", HDR_AUTO_RESPONDER },
		{ "X-Autoresponder", "x", HDR_AUTO_RESPONDER },
		{ "X-Mail-Autoreply", "x", HDR_AUTO_RESPONDER },
		{ "X-Amazon-Auto-Reply", "true", HDR_AUTO_RESPONDER },
		{ "X-Vacation", "x", HDR_AUTO_RESPONDER },
		{ "Autoreplied", "x", HDR_AUTO_RESPONDER },
		{ "X-Apple-Action", "VACATION", HDR_AUTO_RESPONDER },
		{ "X-Apple-Action", "JUNK", 0 },
		{ "X-Autogenerated", "Reply", HDR_AUTO_RESPONDER },
		{ "X-Autogenerated", "Forward", 0 },
		{ "Delivered-By-The-Graces-Of", "The Vacation program", HDR_AUTO_RESPONDER },
		{ "Content-Identifier", "Auto-replied", HDR_AUTO_RESPONDER },
		{ "Content-Identifier", "part1", 0 },
		{ "X400-Content-Identifier", "Auto Reply to x", HDR_AUTO_RESPONDER },
		{ "X-Autoresponse", "x", HDR_AUTO_RESPONDER },
		{ "X-AutoReply-From", "a@b", HDR_AUTO_RESPONDER },
		{ "X-Webmin-Autoreply", "1", HDR_AUTO_RESPONDER },
		{ "X-FC-MachineGenerated", "true", HDR_AUTO_RESPONDER }, /* FirstClass */
		{ "X-Autoresponse-From", "a@b", HDR_AUTO_RESPONDER },
		{ "X-Auto-Reply-From", "a@b", HDR_AUTO_RESPONDER },
		{ "X-Precedence", "auto_reply", HDR_AUTO_RESPONDER },
		{ "X-Precedence", "bulk", 0 },
		{ "Preference", "auto_reply", HDR_AUTO_RESPONDER },
		{ "Preference", "tea", 0 },
		{ "X-POST-MessageClass", "9; Autoresponder", HDR_AUTO_RESPONDER },
		{ "X-POST-MessageClass", "2; Mailing list", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_flag(rows[i].name, rows[i].value, rows[i].flag);
}

/* The fact at `offset` that the field leaves; NULL: none. */
static void
expect_text(const char *name, const char *value, size_t offset, const char *want)
{
	const struct header_facts *f = one(name, value);
	const struct str *got = (const struct str *)(const void *)((const char *)f + offset);

	if (!want)
		cr_expect_null(got->p, "%s: %s: %.*s", name, value, STR_FMT(*got));
	else
		cr_expect(got->p && str_eq(*got, str_of(want)), "%s: %s: %.*s", name, value, STR_FMT(*got));
}

Test(header_fields, values)
{
	static const struct {
		const char *name, *value;
		size_t offset;
		const char *want; /* NULL: absent */
	} rows[] = {
#define F(field) offsetof(struct header_facts, field)
		{ "Message-ID", "  <a@b>\r\n", F(message_id), "<a@b>" },
		{ "Message-ID", "\r\n\t<a@b>", F(message_id), "<a@b>" },
		{ "Date", "Mon", F(date), "Mon" },
		{ "Sender", "\"A, B\" <a@b>", F(sender_addr), "a@b" },
		{ "Reply-To", "a@b, c@d", F(reply_to), "a@b" },
		{ "Return-Path", "<>", F(return_path), "" },
		{ "Return-Path", " <a@b> ", F(return_path), "a@b" },
		{ "X-Loop", "a@b", F(x_loop), "a@b" },
		{ "X-Mailer", "m 1", F(mailer), "m 1" },
		{ "User-Agent", "m 2", F(mailer), "m 2" },
		{ "Precedence", "Bulk", F(precedence), "Bulk" },
		{ "X-Auto-Response-Suppress", "All", F(auto_suppress), "All" },
		{ "X-Original-To", "<a@b>", F(original_to), "a@b" },
		{ "Envelope-To", "a@b", F(original_to), "a@b" },
		{ "Auto-Submitted", " Auto-Replied; owner-email=x", F(auto_submitted), "auto-replied" },
		{ "Auto-Submitted", "no", F(auto_submitted), "no" },
		{ "Auto-Submitted", "auto-generated(comment)", F(auto_submitted), "auto-generated" },
		{ "Auto-Submitted", " (by (a) robot)\r\n (\\)) auto-replied", F(auto_submitted),
		    "auto-replied" },
		{ "Auto-Submitted", "(not closed", F(auto_submitted), "" },
		{ "List-Id", "Name <a.b.c>", F(list_id), "a.b.c" },
		{ "List-Id", "a.b.c", F(list_id), "a.b.c" },
		{ "List-Id", "\"a < b\" <c.d>", F(list_id), "c.d" },
		{ "List-Id", "broken <a.b", F(list_id), "a.b" },
		{ "List-Id", "<>", F(list_id), "<>" },
		{ "Content-Type", "text/PLAIN", F(content_type), "text/plain" },
		{ "Content-Type", "multipart/report; report-type = disposition-notification", F(report_type),
		    "disposition-notification" },
		{ "Content-Type", "multipart/report;\r\n\tboundary=\"x;y\";\r\n\treport-type=\"A\"",
		    F(report_type), "a" },
		{ "Content-Type", "multipart/mixed; name=\"; report-type=delivery-status\"", F(report_type),
		    NULL },
		{ "Content-Type", "", F(content_type), "" },
		{ "Content-Type",
		    "(c) multipart/report (a; b=\"c\"); (\\() Report-Type (x) = (y) tlsrpt (z);b=c",
		    F(report_type), "tlsrpt" },
		{ "Content-Type", "(c)multipart/report (a; b)", F(content_type), "multipart/report" },
		{ "Content-Type", "multipart/mixed; a=\"(\"; b=(; boundary=\"x(y)\\\")\"", F(boundary),
		    "x(y)\")" },
		{ "Content-Type", "multipart/report;\r\n\tboundary=\"X;y\";\r\n\treport-type=\"A\"",
		    F(boundary), "X;y" },
		{ "Content-Type", "multipart/report; boundary=Abc; x=y", F(boundary), "Abc" },
		{ "Content-Type", "text/plain", F(boundary), NULL },
		{ "Content-Transfer-Encoding", " base64\r\n", F(transfer_encoding), "base64" },
		{ "X-Failed-Recipients", "a@b,\r\n c@d", F(failed_rcpts), "a@b, c@d" },
		/* 22 bytes, 27 bytes with the same root, too short, not base64 */
		{ "Thread-Index", "AdkBAgMEBQYHCAkKCwwNDg8QERITFA==", F(thread_index),
		    "AdkBAgMEBQYHCAkKCwwNDg8QERITFA" },
		{ "Thread-Index", "AdkBAgMEBQYHCAkKCwwNDg8QERITFP/+/fz7", F(thread_index),
		    "AdkBAgMEBQYHCAkKCwwNDg8QERITFA" },
		{ "Thread-Index", "AdkBAgMEBQYHCAkK\r\n CwwNDg8QERITFA==", F(thread_index),
		    "AdkBAgMEBQYHCAkKCwwNDg8QERITFA" },
		{ "Thread-Index", "AdkBAgMEBQYHCAkKCwwNDg8QERITF", F(thread_index), NULL },
		{ "Thread-Index", "***", F(thread_index), NULL },
#undef F
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_text(rows[i].name, rows[i].value, rows[i].offset, rows[i].want);
}

Test(header_fields, ids)
{
	static const struct {
		const char *name, *value;
		size_t offset;
		const char *want;
	} rows[] = {
#define F(field) offsetof(struct header_facts, field)
		{ "References", "<a@b>\r\n <c@d>", F(references), "<a@b>" },
		{ "References", "<a@b><c@d>", F(last_reference), "<c@d>" },
		{ "References", "<a@b>", F(last_reference), "<a@b>" },
		{ "References", "<first@id> <a@b> and what follows", F(last_reference), "<a@b>" },
		{ "References", "a@b c@d", F(references), "a@b" },
		{ "References", "<unclosed@b <c@d>", F(last_reference), "<c@d>" },
		{ "References", "a@b,c@d", F(references), "a@b" },
		{ "References", "a@b,\r\n c@d,<e@f>", F(references), "a@b" },
		{ "References", "a@b,\r\n c@d , <e@f>", F(last_reference), "<e@f>" },
		{ "References", "<a,1@b>,c@d", F(references), "<a,1@b>" },
		{ "References", "<Your message of \"Sat, 3 May\" <a@b> <c@d>", F(references), "<a@b>" },
		{ "References", "<Message-ID: <a@b>", F(references), "<a@b>" },
		{ "References", "<a@b", F(references), "<a@b" },
		{ "References", "(none) <> nothing", F(references), NULL },
		{ "References", "", F(references), NULL },
		{ "In-Reply-To", "Your message of \"Monday\" <a@b> and <c@d>", F(in_reply_to), "<a@b>" },
		{ "In-Reply-To", "Message from n@example.org (N) of Monday <a@b>", F(in_reply_to), "<a@b>" },
		{ "In-Reply-To", "<Message from N <a@b>", F(in_reply_to), "<a@b>" },
		{ "In-Reply-To", "a@b", F(in_reply_to), "a@b" },
		{ "In-Reply-To", "<very.long.local\r\n .part@b>", F(in_reply_to),
		    "<very.long.local.part@b>" },
#undef F
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_text(rows[i].name, rows[i].value, rows[i].offset, rows[i].want);
}

Test(header_fields, thread_index_tells_an_answer)
{
	cr_expect_eq(one("Thread-Index", "AdkBAgMEBQYHCAkKCwwNDg8QERITFA==")->flags, HDR_ANY);
	cr_expect_eq(one("Thread-Index", "AdkBAgMEBQYHCAkKCwwNDg8QERITFP/+/fz7")->flags,
	    HDR_ANY | HDR_THREAD_INDEX_REPLY);
}

Test(header_fields, a_fold_without_space_is_one_space)
{
	cr_expect(str_eq(one("Subject", "a\nb\r\nc\r\n")->subject, STR("a b c")));
	cr_expect(str_eq(one("Subject", "a\r\n b\n\tc")->subject, STR("a b c")));
}
