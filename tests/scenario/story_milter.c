/* SPDX-License-Identifier: ISC */
/*
 * The milter door's side of an MTA: offers all that Postfix offers, sends what the filter asked for, waits
 * where the filter wants to answer, and puts the answers into words.
 */
#include "story.h"

#include <stdlib.h>

#include "base/wire.h"
#include "codec/milter_wire.h"

enum { OFFER_ACTIONS = 0x1ff, OFFER_STEPS = 0x1fffff };

/* --- packets in ---------------------------------------------------------------------------------- */

static void
say(struct story *s, struct mta *d, struct str what)
{
	d->reply =
	    d->reply.n ? arena_printf(&s->arena, "%.*s; %.*s", STR_FMT(d->reply), STR_FMT(what)) : what;
}

static struct str
say_code(struct story *s, struct str text)
{
	const char *what = text.n && text.p[0] == '5' ? "reject" : "tempfail";

	return arena_printf(&s->arena, "%s %.*s", what, STR_FMT(text));
}

static struct str
say_str(struct story *s, const char *what, struct str value)
{
	return arena_printf(&s->arena, "%s %.*s", what, STR_FMT(value));
}

static struct str
say_header(struct story *s, const char *what, struct str name, uint32_t index, struct str value)
{
	if (index)
		return arena_printf(
		    &s->arena, "%s %.*s[%u]: %.*s", what, STR_FMT(name), index, STR_FMT(value));
	return arena_printf(&s->arena, "%s %.*s: %.*s", what, STR_FMT(name), STR_FMT(value));
}

/* One packet in words; *final: it is the answer that the MTA waits for. */
static struct str
describe(struct story *s, struct wire *w, bool *final)
{
	char code = (char)wire_u8(w);
	struct str name;
	uint32_t index;

	*final = strchr("catrdyOs", code) != NULL;
	switch (code) {
	case SMFIR_CONTINUE:
		return STR("continue");
	case SMFIR_ACCEPT:
		return STR("accept");
	case SMFIR_TEMPFAIL:
		return STR("tempfail");
	case SMFIR_REJECT:
		return STR("reject");
	case SMFIR_DISCARD:
		return STR("discard");
	case SMFIR_SKIP:
		return STR("skip");
	case SMFIR_REPLYCODE:
		return say_code(s, wire_cstr(w));
	case SMFIR_QUARANTINE:
		return say_str(s, "hold", wire_cstr(w));
	case SMFIR_ADDRCPT:
		return say_str(s, "add", wire_cstr(w));
	case SMFIR_DELRCPT:
		return say_str(s, "drop", wire_cstr(w));
	case SMFIR_CHGFROM:
		return say_str(s, "sender", wire_cstr(w));
	case SMFIR_ADDHEADER:
		name = wire_cstr(w);
		return say_header(s, "add header", name, 0, wire_cstr(w));
	case SMFIR_INSHEADER:
		index = wire_u32(w);
		name = wire_cstr(w);
		return say_header(s, "insert header", name, index, wire_cstr(w));
	case SMFIR_CHGHEADER:
		index = wire_u32(w);
		name = wire_cstr(w);
		return say_header(s, "change header", name, index, wire_cstr(w));
	case SMFIC_OPTNEG:
		wire_u32(w);
		wire_u32(w);
		return arena_printf(&s->arena, "steps %u", wire_u32(w));
	default:
		return STR_NONE;
	}
}

bool
milter_take(struct story *s, struct mta *d)
{
	bool final = false;

	d->reply = STR_NONE;
	while (!final) {
		struct wire w;
		struct str what;
		uint32_t n;

		wire_init(&w, buf_str(&d->in).p, d->in.len);
		n = wire_u32(&w);
		if (!wire_ok(&w) || wire_left(&w) < n)
			return false;
		w.len = w.pos + n;
		what = describe(s, &w, &final);
		if (!what.p || !wire_done(&w))
			return story_fail(s, "%.*s got a packet that is none", STR_FMT(d->name));
		say(s, d, what);
		buf_consume(&d->in, MILTER_LEN_BYTES + (size_t)n);
	}
	return true;
}

/* --- packets out --------------------------------------------------------------------------------- */

static void
packet(struct buf *out, char code, const void *data, size_t n)
{
	uint32_t len = (uint32_t)n + 1;
	const char head[] = { (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len, code };

	buf_append(out, head, sizeof(head));
	buf_append(out, data, n);
}

/* Strings, each ended by a NUL. */
static void
packet_strs(struct buf *out, char code, const struct str *v, unsigned n)
{
	struct buf data;

	buf_init(&data, 0);
	for (unsigned i = 0; i < n; i++) {
		buf_str_append(&data, v[i]);
		buf_append(&data, "", 1);
	}
	packet(out, code, buf_str(&data).p, data.len);
	buf_fini(&data);
}

static void
macro(struct buf *out, char code, struct str name, struct str value)
{
	struct str word = { &code, 1 };
	struct buf data;

	if (!value.n)
		return;
	buf_init(&data, 0);
	buf_str_append(&data, word);
	buf_str_append(&data, name);
	buf_append(&data, "", 1);
	buf_str_append(&data, value);
	buf_append(&data, "", 1);
	packet(out, SMFIC_MACRO, buf_str(&data).p, data.len);
	buf_fini(&data);
}

static bool
put(struct story *s, struct mta *d, struct buf *out, unsigned due)
{
	bool ok = d->fd >= 0 || story_fail(s, "%.*s is closed", STR_FMT(d->name));

	ok = ok && door_put(s, d, buf_str(out), due);

	buf_fini(out);
	return ok;
}

static bool
negotiate(struct story *s, struct mta *d)
{
	static const unsigned char offer[] = { 0, 0, 0, 6, 0, 0, OFFER_ACTIONS >> 8, OFFER_ACTIONS & 0xff, 0,
		OFFER_STEPS >> 16, OFFER_STEPS >> 8 & 0xff, OFFER_STEPS & 0xff };
	bool together = s->together;
	struct buf out;
	bool ok;

	buf_init(&out, 0);
	packet(&out, SMFIC_OPTNEG, offer, sizeof(offer));
	s->together = false; /* what comes next depends on the answer */
	ok = door_open(s, d) && put(s, d, &out, 1);
	s->together = together;
	if (!ok)
		return false;
	if (!str_starts(d->reply, STR("steps ")))
		return story_fail(s, "no answer to the milter's negotiation");
	d->steps = (uint32_t)strtoul(d->reply.p + 6, NULL, 10);
	return true;
}

struct words_left {
	const struct words *w;
	unsigned at, end;
};

static struct str
next(struct words_left *l)
{
	return l->at < l->end ? l->w->v[l->at++] : STR_NONE;
}

/* "KEY VALUE" anywhere among the words. */
static struct str
option(const struct words_left *l, const char *key, struct str otherwise)
{
	for (unsigned i = l->at; i + 1 < l->end; i++)
		if (str_eq(l->w->v[i], str_of(key)))
			return l->w->v[i + 1];
	return otherwise;
}

static bool
helo_is(struct story *s, struct mta *d, struct str name)
{
	struct buf out;

	if (d->steps & SMFIP_NOHELO)
		return true;
	buf_init(&out, 0);
	packet_strs(&out, SMFIC_HELO, &name, 1);
	return put(s, d, &out, d->steps & SMFIP_NR_HELO ? 0 : 1);
}

/* connect ADDRESS [port N] [name NAME]; the session begins anew. */
static bool
do_connect(struct story *s, struct mta *d, struct words_left *l)
{
	struct str port = option(l, "port", STR("25001")),
		   name = option(l, "name", STR("client.example.net"));
	struct str address = l->at < l->end ? next(l) : STR("192.0.2.1");
	bool six = str_find(address, ':') < address.n;
	uint64_t number;
	struct buf data, out;

	door_close(d);
	if (!text_number(port, &number) || number > UINT16_MAX)
		return story_fail(s, "port %.*s", STR_FMT(port));
	if (!negotiate(s, d))
		return false;
	if (d->steps & SMFIP_NOCONNECT)
		return helo_is(s, d, name);
	buf_init(&data, 0);
	buf_init(&out, 0);
	macro(&out, SMFIC_CONNECT, STR("j"), STR("mx.example.org"));
	buf_str_append(&data, name);
	buf_append(
	    &data, (const char[]){ 0, six ? SMFIA_INET6 : SMFIA_INET, (char)(number >> 8), (char)number }, 4);
	if (six)
		buf_append(&data, "IPv6:", 5);
	buf_str_append(&data, address);
	buf_append(&data, "", 1);
	packet(&out, SMFIC_CONNECT, buf_str(&data).p, data.len);
	buf_fini(&data);
	return put(s, d, &out, d->steps & SMFIP_NR_CONN ? 0 : 1);
}

static bool
do_helo(struct story *s, struct mta *d, struct words_left *l)
{
	return helo_is(s, d, next(l));
}

/* mail <SENDER> [auth USER] [queue ID]; Postfix gives a message its queue id after the first RCPT. */
static bool
do_mail(struct story *s, struct mta *d, struct words_left *l)
{
	struct str sender = next(l), user = option(l, "auth", STR_NONE);
	struct buf out;

	d->queue = option(l, "queue", arena_printf(&s->arena, "4Q%05u", ++s->serial));
	if (d->steps & SMFIP_NOMAIL)
		return true;
	buf_init(&out, 0);
	macro(&out, SMFIC_MAIL, STR("{auth_authen}"), user);
	packet_strs(&out, SMFIC_MAIL, &sender, 1);
	return put(s, d, &out, d->steps & SMFIP_NR_MAIL ? 0 : 1);
}

static struct str
without_comma(struct str t)
{
	return t.n && t.p[t.n - 1] == ',' ? str_sub(t, 0, t.n - 1) : t;
}

static bool
refused(const struct mta *d)
{
	return str_starts(d->reply, STR("reject")) || str_starts(d->reply, STR("tempfail"));
}

/* rcpt <ADDRESS>...; how many were taken stands in n_rcpts. */
static bool
rcpts_are(struct story *s, struct mta *d, struct words_left *l)
{
	d->n_rcpts = 0;
	while (l->at < l->end) {
		struct str rcpt = without_comma(next(l));
		struct buf out;

		if (!rcpt.n || rcpt.p[0] != '<')
			rcpt = arena_printf(&s->arena, "<%.*s>", STR_FMT(rcpt));
		buf_init(&out, 0);
		packet_strs(&out, SMFIC_RCPT, &rcpt, d->steps & SMFIP_NORCPT ? 0 : 1);
		if (!put(s, d, &out, d->steps & SMFIP_NR_RCPT ? 0 : 1))
			return false;
		d->n_rcpts += !refused(d);
	}
	return true;
}

static bool
do_rcpt(struct story *s, struct mta *d, struct words_left *l)
{
	return rcpts_are(s, d, l);
}

/* A header block field by field, folded lines with a bare LF as Postfix has them. */
static void
put_fields(struct buf *out, struct str text)
{
	struct buf value;
	struct str line, name = STR_NONE;

	buf_init(&value, 0);
	while (str_split(&text, '\n', &line)) {
		size_t colon;

		line = str_sub(line, 0, line.n && line.p[line.n - 1] == '\r' ? line.n - 1 : line.n);
		if (line.n && name.p && str_is_space(line.p[0])) {
			buf_append(&value, "\n", 1);
			buf_str_append(&value, line);
			continue;
		}
		if (name.p)
			packet_strs(out, SMFIC_HEADER, (const struct str[]){ name, buf_str(&value) }, 2);
		buf_consume(&value, value.len);
		colon = str_find(line, ':');
		name = colon < line.n ? str_sub(line, 0, colon) : STR_NONE;
		buf_str_append(&value, str_trim(str_sub(line, colon + 1, line.n)));
	}
	if (name.p)
		packet_strs(out, SMFIC_HEADER, (const struct str[]){ name, buf_str(&value) }, 2);
	buf_fini(&value);
}

/* header MESSAGE */
static bool
header_is(struct story *s, struct mta *d, const struct str *words, unsigned n)
{
	unsigned due = 0;
	struct str text;
	struct buf out;

	if (!text_message(s, words, n, &text))
		return false;
	buf_init(&out, 0);
	if (!(d->steps & SMFIP_NODATA)) {
		macro(&out, SMFIC_DATA, STR("i"), d->queue);
		packet(&out, SMFIC_DATA, "", 0);
		due += !(d->steps & SMFIP_NR_DATA);
	}
	if (!(d->steps & SMFIP_NOHDRS)) {
		if (!(d->steps & SMFIP_NR_HDR))
			return story_fail(s, "a milter that answers each header field is not played here");
		put_fields(&out, text);
	}
	if (!(d->steps & SMFIP_NOEOH)) {
		macro(&out, SMFIC_EOH, STR("i"), d->queue);
		packet(&out, SMFIC_EOH, "", 0);
		due += !(d->steps & SMFIP_NR_EOH);
	}
	return put(s, d, &out, due);
}

static bool
do_header(struct story *s, struct mta *d, struct words_left *l)
{
	const struct str *from = l->w->v + l->at;
	unsigned n = l->end - l->at;

	l->at = l->end;
	return header_is(s, d, from, n);
}

static bool
do_end(struct story *s, struct mta *d, struct words_left *l)
{
	static const char body[] = "Hello\r\n";
	struct buf out;

	(void)l;
	buf_init(&out, 0);
	if (!(d->steps & SMFIP_NOBODY))
		packet(&out, SMFIC_BODY, body, sizeof(body) - 1);
	macro(&out, SMFIC_BODYEOB, STR("i"), d->queue);
	packet(&out, SMFIC_BODYEOB, "", 0);
	return put(s, d, &out, (d->steps & (SMFIP_NOBODY | SMFIP_NR_BODY)) ? 1 : 2);
}

static unsigned
find_word(const struct words_left *l, const char *word)
{
	unsigned i = l->at;

	while (i < l->end && !str_eq(l->w->v[i], str_of(word)))
		i++;
	return i;
}

/* send MESSAGE from <A> [auth USER] [queue ID] to <B> <C>...: a whole transaction. */
static bool
do_send(struct story *s, struct mta *d, struct words_left *l)
{
	unsigned from = find_word(l, "from"), to = find_word(l, "to");
	const struct str *message = l->w->v + l->at;
	struct words_left mail = { l->w, from + 1, to }, rcpts = { l->w, to + 1, l->end };
	struct words_left none = { .at = 0 };
	unsigned n = from - l->at;

	l->at = l->end;
	if (from >= to || to + 1 >= l->end)
		return story_fail(s, "send MESSAGE from SENDER to RECIPIENT...");
	if (d->fd < 0 && !do_connect(s, d, &none))
		return false;
	if (!do_mail(s, d, &mail) || refused(d))
		return !s->failure[0];
	if (!rcpts_are(s, d, &rcpts) || d->n_rcpts == 0)
		return !s->failure[0];
	return header_is(s, d, message, n) && do_end(s, d, &none);
}

static bool
do_abort(struct story *s, struct mta *d, struct words_left *l)
{
	struct buf out;

	(void)l;
	buf_init(&out, 0);
	packet(&out, SMFIC_ABORT, "", 0);
	return put(s, d, &out, 0);
}

static bool
do_quit(struct story *s, struct mta *d, struct words_left *l)
{
	struct buf out;

	(void)l;
	buf_init(&out, 0);
	packet(&out, SMFIC_QUIT, "", 0);
	if (!put(s, d, &out, 0))
		return false;
	door_close(d);
	return true;
}

/* The connection breaks. */
static bool
do_hang_up(struct story *s, struct mta *d, struct words_left *l)
{
	(void)l;
	door_close(d);
	return world_clock(s, 1);
}

static const struct {
	const char *word;
	bool (*run)(struct story *s, struct mta *d, struct words_left *l);
} verbs[] = {
	{ "connect", do_connect },
	{ "helo", do_helo },
	{ "mail", do_mail },
	{ "rcpt", do_rcpt },
	{ "header", do_header },
	{ "end", do_end },
	{ "send", do_send },
	{ "abort", do_abort },
	{ "quit", do_quit },
	{ "hang-up", do_hang_up },
};

static bool
milter_verb(struct story *s, struct mta *d, struct words_left *l)
{
	struct str word = next(l);

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!str_eq(word, str_of(verbs[i].word)))
			continue;
		if (d->fd < 0 && verbs[i].run != do_connect && verbs[i].run != do_send)
			return story_fail(s, "%.*s is not connected", STR_FMT(d->name));
		return verbs[i].run(s, d, l) &&
		    (l->at == l->end || verbs[i].run == do_mail || verbs[i].run == do_connect ||
			story_fail(s, "a milter's %s has a word too many", verbs[i].word));
	}
	return story_fail(s, "a milter does not \"%.*s\"", STR_FMT(word));
}

/* Verbs with ";" behind them follow each other. */
bool
milter_command(struct story *s, struct mta *d, const struct words *w)
{
	static struct words one;
	unsigned i = 0;

	while (i < w->n) {
		struct words_left l = { &one, 0, 0 };
		bool end = false;

		for (one.n = 0; i < w->n && !end; i++) {
			struct str word = w->v[i];

			end = word.n && word.p[word.n - 1] == ';';
			word.n -= end;
			if (word.n)
				one.v[one.n++] = word;
		}
		l.end = one.n;
		if (one.n && !milter_verb(s, d, &l))
			return false;
	}
	return true;
}
