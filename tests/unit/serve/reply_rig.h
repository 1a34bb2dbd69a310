/* SPDX-License-Identifier: ISC */
/* Posts of a thread to a whole firm, for the tests of reply-all. */
#ifndef TEST_REPLY_RIG_H
#define TEST_REPLY_RIG_H

#include "engine_rig.h"

enum { FIRM = 60, PASS = 10 };

static struct rule *r;
static int serial;

static inline void
begin(void)
{
	setup();
	r = rule("reply-all");
	serial = 0;
}

/* A mail as a test describes it; what it does not say is that of an answer to all by an own person. */
struct mail {
	int who;              /* person WHO of the firm writes it */
	const char *from;     /* instead */
	const char *client;   /* own people's is authenticated */
	const char *subject;  /* NULL: "Re: Summer party"; of an opener without "Re: " */
	const char *refs;     /* NULL: the root; "": none */
	const char *reply_to; /* In-Reply-To; NULL: none */
	const char *id;       /* instead of a new one */
	const char *extra;    /* further fields */
	const char *to;       /* instead of everybody */
	int people;           /* how many of the firm, instead of FIRM */
	const char *rcpts;    /* instead of ten of the firm */
	const char *sender;   /* instead of from */
	const char *queue_id;
	const char *login; /* instead of the one that all share, as behind a relay */
	uint32_t stated;   /* recipients that the door states; with .to = "" there is no To */
	bool opener, trusted;
};

static inline const char *
ten(int from)
{
	static char text[1024];

	text[0] = '\0';
	for (int i = from; i < from + 10; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%sp%d@example.org",
		    i > from ? "," : "", i);
	return text;
}

static inline void
compose(const struct mail *m, const char *from)
{
	char to[8192] = "";
	int n = m->people ? m->people : FIRM, skip = m->from ? -1 : m->who, count = 0;

	for (int i = 0; i <= n && count < n - (skip >= 0 && skip <= n) + 1 && !m->to; i++)
		if (i != skip && count++ < n)
			snprintf(to + strlen(to), sizeof(to) - strlen(to), "%sp%d@example.org",
			    *to ? ",\r\n " : "", i);
	snprintf(header, sizeof(header),
	    "From: Somebody <%s>\r\n%s: %s\r\nSubject: %s\r\nDate: Mon, 9 Jan 2006 09:00:%02d +0000\r\n"
	    "Message-ID: <%s>\r\n",
	    from, m->stated ? "X-To" : "To", m->to ? m->to : to,
	    m->subject      ? m->subject
		: m->opener ? "Summer party"
			    : "Re: Summer party",
	    serial % 60, m->id);
	if (!m->opener && !(m->refs && !*m->refs))
		snprintf(header + strlen(header), sizeof(header) - strlen(header), "References: <%s>\r\n",
		    m->refs ? m->refs : "root@example.org");
	if (m->reply_to)
		snprintf(header + strlen(header), sizeof(header) - strlen(header), "In-Reply-To: <%s>\r\n",
		    m->reply_to);
	snprintf(
	    header + strlen(header), sizeof(header) - strlen(header), "%s\r\n", m->extra ? m->extra : "");
}

static inline enum action
send_mail(struct mail m)
{
	char from[64], id[64];

	serial++;
	snprintf(from, sizeof(from), "p%d@example.org", m.who);
	snprintf(id, sizeof(id), "post%d@example.org", serial);
	if (!m.id)
		m.id = id;
	compose(&m, m.from ? m.from : from);
	begin_msg(DOOR_MILTER, STAGE_EOM,
	    m.sender     ? m.sender
		: m.from ? m.from
			 : from,
	    m.rcpts ? m.rcpts : ten(0));
	msg.client_address = str_of(m.client ? m.client : m.trusted ? "127.0.0.1" : "203.0.113.50");
	if (!m.client && !m.trusted)
		msg.sasl_username = str_of(m.login ? m.login : "somebody");
	msg.queue_id = str_of(m.queue_id ? m.queue_id : "");
	if (m.stated)
		header_state_count(&msg.header, false, m.stated);
	now.mono += 20 * MS_SEC;
	now.wall += 20 * MS_SEC;
	return judge(header);
}

#define POST(...) send_mail((struct mail){ __VA_ARGS__ })

static inline void
storm(void)
{
	for (int i = 0; i < PASS; i++)
		cr_assert_eq(POST(.who = i), ACT_PASS, "post %d", i);
	cr_assert_eq(POST(.who = PASS), ACT_REJECT);
}

#endif
