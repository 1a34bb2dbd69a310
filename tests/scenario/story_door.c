/* SPDX-License-Identifier: ISC */
/*
 * Connections of an MTA to the engine, and the policy door's side of them: requests as Postfix writes them,
 * replies that must be exactly one action, the repairs asked for and an empty line.
 */
#include "story.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 16, TURN = 10 /* ms that each exchange takes */ };

/* --- any door ------------------------------------------------------------------------------------ */

struct mta *
door_find(struct story *s, struct str name)
{
	for (unsigned i = 0; i < s->n_doors; i++)
		if (str_eq(s->doors[i].name, name))
			return &s->doors[i];
	return NULL;
}

static void
drop_attr(struct mta *d, struct str name)
{
	struct pairs *p = &d->attrs;
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		if (!str_eq(p->v[i].name, name))
			p->v[n++] = p->v[i];
	p->n = n;
}

struct mta *
door_get(struct story *s, struct str name, bool milter)
{
	struct mta *d = door_find(s, name);

	if (d && d->milter != milter) {
		(void)story_fail(s, "%.*s is a door of the other kind", STR_FMT(name));
		return NULL;
	}
	if (d)
		return d;
	if (s->n_doors == DOORS_MAX) {
		(void)story_fail(s, "too many doors");
		return NULL;
	}
	d = &s->doors[s->n_doors++];
	*d = (struct mta){
		.name = name,
		.milter = milter,
		.fd = -1,
		.attrs = { { { STR("protocol_name"), STR("ESMTP") },
			       { STR("client_address"), STR("192.0.2.1") } },
		    2 },
	};
	buf_init(&d->in, 0);
	return d;
}

void
door_close(struct mta *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	d->due = 0;
	buf_consume(&d->in, d->in.len);
}

void
doors_lost(struct story *s)
{
	for (unsigned i = 0; i < s->n_doors; i++)
		door_close(&s->doors[i]);
}

bool
door_open(struct story *s, struct mta *d)
{
	return d->fd >= 0 || world_connect(s, d->milter, &d->fd);
}

bool
door_put(struct story *s, struct mta *d, struct str bytes, unsigned due)
{
	while (bytes.n) {
		ssize_t n = send(d->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			bytes = str_sub(bytes, (size_t)n, bytes.n);
		else if (errno == EAGAIN && !world_clock(s, 0)) /* the engine makes room */
			return false;
		else if (errno != EAGAIN && errno != EINTR)
			break; /* closed: the replies that are due will be missed */
	}
	s->last = d;
	d->due += due;
	d->reply = STR_NONE;
	return s->together || doors_serve(s);
}

/* false: the engine has closed the connection. */
static bool
read_all(struct mta *d)
{
	for (;;) {
		char *room = buf_reserve(&d->in, READ_SIZE);
		ssize_t n = recv(d->fd, room, READ_SIZE, MSG_DONTWAIT);

		if (n > 0) {
			buf_commit(&d->in, (size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		return n < 0 && errno == EAGAIN;
	}
}

static bool
door_serve(struct story *s, struct mta *d)
{
	bool open = read_all(d);

	for (; d->due; d->due--) {
		bool took = d->milter ? milter_take(s, d) : policy_take(s, d);

		if (s->failure[0])
			return false;
		if (!took)
			break;
	}
	if (d->in.len)
		return story_fail(
		    s, "%.*s got %zu bytes that it does not wait for", STR_FMT(d->name), d->in.len);
	if (d->due && open)
		return story_fail(s, "%.*s got no reply", STR_FMT(d->name));
	if (!open) {
		door_close(d);
		d->reply = d->reply.p ? d->reply : STR("closed");
	}
	return true;
}

bool
doors_serve(struct story *s)
{
	return world_clock(s, TURN) && doors_read(s);
}

bool
doors_read(struct story *s)
{
	for (unsigned i = 0; i < s->n_doors; i++)
		if (s->doors[i].fd >= 0 && !door_serve(s, &s->doors[i]))
			return false;
	return true;
}

/* --- the policy door ----------------------------------------------------------------------------- */

bool
policy_take(struct story *s, struct mta *d)
{
	struct str in = buf_str(&d->in), all;
	size_t end = str_ifind(in, STR("\n\n"));
	char *text;

	if (end == in.n)
		return false;
	all = str_sub(in, 0, end);
	if (!str_starts(all, STR("action=")) || str_find(all, '\r') < all.n || str_find(all, '\0') < all.n)
		return story_fail(s, "%.*s got no policy reply but \"%.*s\"", STR_FMT(d->name), STR_FMT(all));
	text = arena_alloc(&s->arena, 2 * all.n + 1);
	d->reply = (struct str){ text, 0 };
	for (size_t i = sizeof("action=") - 1; i < all.n; i++) {
		text[d->reply.n++] = all.p[i] == '\n' ? ';' : all.p[i];
		if (all.p[i] == '\n')
			text[d->reply.n++] = ' ';
	}
	text[d->reply.n] = '\0';
	buf_consume(&d->in, end + 2);
	return true;
}

static void
put_base64(struct buf *out, struct str s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.n; i += 3) {
		uint32_t v = 0;

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (i + k < s.n ? (unsigned char)s.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			buf_append(out, i + k <= s.n ? &digits[v >> (18 - 6 * k) & 63] : "=", 1);
	}
}

static void
put_attr(struct buf *out, struct str name, struct str value)
{
	buf_str_append(out, name);
	buf_append(out, "=", 1);
	buf_str_append(out, value);
	buf_append(out, "\n", 1);
}

/* RCPT names its recipient; later stages the number of all, and who it is if it is one. */
static bool
policy_ask(struct story *s, struct mta *d, struct str stage, struct str rcpt)
{
	bool at_rcpt = str_eq(stage, STR("RCPT"));
	struct buf out;
	bool ok;

	if (at_rcpt && d->n_rcpts++ == 0)
		d->first_rcpt = rcpt;
	if (!at_rcpt)
		rcpt = d->n_rcpts == 1 ? d->first_rcpt : STR("");
	buf_init(&out, 0);
	put_attr(&out, STR("request"), STR("smtpd_access_policy"));
	put_attr(&out, STR("protocol_state"), stage);
	for (unsigned i = 0; i < d->attrs.n; i++)
		put_attr(&out, d->attrs.v[i].name, d->attrs.v[i].value);
	put_attr(&out, STR("recipient"), rcpt);
	buf_printf(&out, "recipient_count=%u\n\n", at_rcpt ? 0 : d->n_rcpts);
	ok = door_open(s, d) && door_put(s, d, buf_str(&out), 1);
	buf_fini(&out);
	return ok;
}

static struct str
unbracket(struct str v)
{
	return v.n >= 2 && v.p[0] == '<' && v.p[v.n - 1] == '>' ? str_sub(v, 1, v.n - 1) : v;
}

static bool
header_attr(struct story *s, struct mta *d, struct str name)
{
	struct str text;
	struct buf out;

	if (!text_message(s, &name, 1, &text))
		return false;
	buf_init(&out, 0);
	put_base64(&out, text);
	text = text_keep(s, buf_str(&out));
	buf_fini(&out);
	return text_set(s, &d->attrs, STR("header"), text);
}

/* What "name=value" stands for; the recipient goes into *rcpt. */
static bool
policy_attr(struct story *s, struct mta *d, struct str name, struct str value, struct str *rcpt)
{
	static const struct {
		const char *name, *attr;
	} shorts[] = {
		{ "from", "sender" },
		{ "client", "client_address" },
		{ "port", "client_port" },
		{ "name", "client_name" },
		{ "helo", "helo_name" },
		{ "auth", "sasl_username" },
	};

	if (str_eq(name, STR("to"))) {
		*rcpt = unbracket(value);
		return true;
	}
	if (str_eq(name, STR("header")))
		return header_attr(s, d, value);
	if (str_eq(name, STR("instance"))) {
		/* the next transaction: what belonged to the last one goes */
		d->n_rcpts = 0;
		drop_attr(d, STR("queue_id"));
		drop_attr(d, STR("header"));
		drop_attr(d, STR("recipients"));
		drop_attr(d, STR("size"));
	}
	for (size_t i = 0; i < ARRAY_LEN(shorts); i++)
		if (str_eq(name, str_of(shorts[i].name)))
			name = str_of(shorts[i].attr);
	return text_set(s, &d->attrs, name, str_eq(name, STR("sender")) ? unbracket(value) : value);
}

static struct str
stage_of(struct str word)
{
	static const char *const names[][2] = { { "rcpt", "RCPT" }, { "data", "DATA" },
		{ "end-of-message", "END-OF-MESSAGE" }, { "connect", "CONNECT" }, { "ehlo", "EHLO" },
		{ "mail", "MAIL" }, { "vrfy", "VRFY" }, { "etrn", "ETRN" } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(word, str_of(names[i][0])))
			return str_of(names[i][1]);
	return STR_NONE;
}

bool
policy_command(struct story *s, struct mta *d, const struct words *w)
{
	struct str stage = STR_NONE, rcpt = STR("");

	for (unsigned i = 0; i < w->n; i++) {
		struct str word = w->v[i];
		size_t eq = str_find(word, '=');

		if (eq < word.n) {
			if (!policy_attr(s, d, str_sub(word, 0, eq), str_sub(word, eq + 1, word.n), &rcpt))
				return false;
		} else if (stage_of(word).p) {
			stage = stage_of(word);
		} else if (str_eq(word, STR("hang-up"))) {
			door_close(d);
			return doors_serve(s);
		} else if (str_eq(word, STR("half-close"))) {
			shutdown(d->fd, SHUT_WR);
			d->reply = STR_NONE;
			return doors_serve(s);
		} else {
			return story_fail(s, "a policy client does not \"%.*s\"", STR_FMT(word));
		}
	}
	return !stage.p || policy_ask(s, d, stage, rcpt);
}

bool
policy_raw(struct story *s, struct mta *d, struct str block)
{
	struct str all = arena_printf(&s->arena, "%.*s\n", STR_FMT(block));

	return door_open(s, d) && door_put(s, d, all, 1);
}
