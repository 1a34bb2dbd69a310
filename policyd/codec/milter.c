/* SPDX-License-Identifier: ISC */
/* From packets to a message. Each command is a row of one table: where it may come, whether the MTA waits
 * for an answer, and who reads it. Nothing is copied but the facts that are kept. */
#include "codec/milter.h"

#include "base/limits.h"
#include "base/wire.h"
#include "codec/milter_wire.h"
#include "mail/addr.h"

enum {
	WANTED_ACTIONS =
	    SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_ADDRCPT | SMFIF_DELRCPT | SMFIF_QUARANTINE | SMFIF_CHGFROM,
	/* CONNECT is answered on purpose, once a connection: by then the policy door knows that this
	 * client's messages are seen here, before the MTA can ask it about the first one. */
	WANTED_STEPS = SMFIP_NOUNKNOWN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_DATA |
	    SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_NR_EOH,
	IN_MESSAGE = MILTER_ENVELOPE | MILTER_HEADER | MILTER_BODY,
	NEGOTIATED = MILTER_READY | MILTER_OPEN | IN_MESSAGE,
	VERSION_MIN = 2,
	VERSION_MAX = 6,
};

struct command {
	unsigned states;   /* enum milter_state: where it may come */
	uint32_t no_reply; /* the step that makes an answer needless; 0: `take` answers, or none is due */
	const char *out_of_order, *malformed;
	enum feed (*take)(struct milter *mi, struct wire *w, struct msg *m, struct buf *out);
};

int
milter_counted_find(struct str name)
{
	static const struct str names[MILTER_COUNTED] = { STR("To"), STR("Cc"), STR("Bcc"), STR("Resent-To"),
		STR("Resent-Cc"), STR("Resent-Bcc") };

	/* Most names are of another length than all of these. */
	if (name.n > 10 || !(1 << name.n & (1 << 2 | 1 << 3 | 1 << 9 | 1 << 10)))
		return -1;
	for (int i = 0; i < MILTER_COUNTED; i++)
		if (str_ieq(name, names[i]))
			return i;
	return -1;
}

static enum feed
bad(struct milter *mi, const char *why)
{
	mi->state = MILTER_DEAD;
	mi->why = why;
	return FEED_BAD;
}

static void
put_u32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static uint32_t
get_u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
answer(struct buf *out, char code)
{
	buf_append(out, (const char[]){ 0, 0, 0, 1, code }, MILTER_LEN_BYTES + 1);
}

/* Facts of the connection. An arena cannot give back a single string, so when an MTA keeps changing its mind
 * those in use move to a new one. */
static struct str *
conn_fact(struct milter *mi, unsigned i)
{
	struct str *const all[] = { &mi->client_name, &mi->client_address, &mi->client_port, &mi->helo };

	return i < ARRAY_LEN(all) ? all[i] : NULL;
}

/* They are few and short, and stay as long as the connection does. */
static void
begin_conn_arena(struct milter *mi)
{
	arena_init(&mi->conn_arena, MILTER_CONN_ARENA);
	mi->conn_arena.block = MILTER_CONN_BLOCK;
}

static void
conn_compact(struct milter *mi)
{
	struct arena old = mi->conn_arena;
	struct str *fact;

	begin_conn_arena(mi);
	for (unsigned i = 0; (fact = conn_fact(mi, i)) != NULL; i++)
		if (fact->p)
			*fact = arena_str(&mi->conn_arena, *fact);
	arena_fini(&old);
}

static void
conn_set(struct milter *mi, struct str *fact, struct str value)
{
	value = str_sub(value, 0, MSG_ATTR_MAX);
	if (fact->p && str_eq(*fact, value))
		return;
	*fact = arena_str(&mi->conn_arena, value);
	if (fact->p)
		return;
	conn_compact(mi);
	*fact = arena_str(&mi->conn_arena, value);
}

static void
conn_forget(struct milter *mi)
{
	struct str *fact;

	for (unsigned i = 0; (fact = conn_fact(mi, i)) != NULL; i++)
		*fact = STR_NONE;
	arena_reset(&mi->conn_arena);
}

/* What the message does not have yet comes from the connection. */
static void
msg_from_conn(const struct milter *mi, struct msg *m)
{
	const struct {
		struct str *to;
		struct str from;
	} facts[] = {
		{ &m->client_name, mi->client_name },
		{ &m->client_address, mi->client_address },
		{ &m->client_port, mi->client_port },
		{ &m->helo, mi->helo },
	};

	for (size_t i = 0; i < ARRAY_LEN(facts); i++)
		if (facts[i].to->n == 0 && facts[i].from.n)
			*facts[i].to = msg_str(m, facts[i].from);
}

static enum feed
take_optneg(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	unsigned char reply[MILTER_LEN_BYTES + 1 + MILTER_OPTLEN] = { 0, 0, 0, 1 + MILTER_OPTLEN,
		SMFIC_OPTNEG };
	uint32_t version = wire_u32(w), actions = wire_u32(w), steps = wire_u32(w), want = WANTED_STEPS;

	(void)m;
	if (!wire_ok(w))
		return bad(mi, "milter negotiation is too short");
	if (version < VERSION_MIN)
		return bad(mi, "milter protocol version is below 2");
	/* Later versions may say more: what we answer is the language of version 6. */
	wire_bytes(w, wire_left(w));
	if (!mi->want_body)
		want |= SMFIP_NOBODY;
	/* We can do without these two where each would cost a round trip. */
	if (!(steps & SMFIP_NR_DATA))
		want |= SMFIP_NODATA;
	if (!(steps & SMFIP_NR_EOH))
		want |= SMFIP_NOEOH;
	/* A body that comes all the same is stopped after its first chunk, which takes an answer. */
	want |= (want & steps & SMFIP_NOBODY) || !(steps & SMFIP_SKIP) ? SMFIP_NR_BODY : SMFIP_SKIP;
	mi->version = version < VERSION_MAX ? version : VERSION_MAX;
	mi->actions = actions & WANTED_ACTIONS;
	mi->steps = steps & want;
	mi->state = MILTER_READY;
	put_u32(reply + 5, mi->version);
	put_u32(reply + 9, mi->actions);
	put_u32(reply + 13, mi->steps);
	buf_append(out, reply, sizeof(reply));
	return FEED_MORE;
}

enum macro_place { TO_MSG, TO_CONN, TO_RCPT };

static const struct macro {
	struct str name; /* without braces */
	enum macro_place place;
	size_t offset;
} macros[] = {
	{ STR("i"), TO_MSG, offsetof(struct msg, queue_id) },
	{ STR("auth_authen"), TO_MSG, offsetof(struct msg, sasl_username) },
	/* the arguments of CONNECT are the better source */
	{ STR("client_addr"), TO_CONN, offsetof(struct milter, client_address) },
	{ STR("client_port"), TO_CONN, offsetof(struct milter, client_port) },
	{ STR("client_name"), TO_CONN, offsetof(struct milter, client_name) },
	{ STR("rcpt_mailer"), TO_RCPT, 0 },
};

static void
macro_set(struct milter *mi, struct msg *m, const struct macro *row, struct str value)
{
	bool of_msg = row->place == TO_MSG;
	struct str *field = (struct str *)(void *)((of_msg ? (char *)m : (char *)mi) + row->offset);

	if (row->place == TO_RCPT) {
		mi->rcpt_rejected = str_eq(value, STR("error"));
		return;
	}
	if (value.n == 0 || (row->place == TO_CONN && (field->n || str_eq(value, STR("0")))))
		return;
	if (!of_msg)
		conn_set(mi, field, value);
	else if (!str_eq(*field, value))
		*field = msg_str(m, value);
}

static const struct macro *
macro_find(struct str name)
{
	if (name.n > 2 && name.p[0] == '{' && name.p[name.n - 1] == '}')
		name = str_sub(name, 1, name.n - 1);
	for (size_t i = 0; name.n && i < ARRAY_LEN(macros); i++)
		if (name.p[0] == macros[i].name.p[0] && str_eq(name, macros[i].name))
			return &macros[i];
	return NULL;
}

static enum feed
take_macro(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	uint8_t command = wire_u8(w);
	unsigned n = 0;

	(void)out;
	if (command == SMFIC_MAIL)
		m->queue_id = m->sasl_username = STR_NONE;
	if (command == SMFIC_RCPT)
		mi->rcpt_rejected = false;
	while (wire_left(w)) {
		struct str name = wire_cstr(w), value = wire_cstr(w);
		const struct macro *row = wire_ok(w) ? macro_find(name) : NULL;

		if (row && n < MILTER_MACROS_MAX)
			macro_set(mi, m, row, value);
		n++;
	}
	return FEED_MORE;
}

static enum feed
take_connect(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	struct str name = wire_cstr(w), address = STR_NONE;
	uint8_t family = wire_u8(w);
	uint16_t port = 0;
	char digits[8];
	size_t at = sizeof(digits);

	(void)m;
	(void)out;
	if (family == SMFIA_INET || family == SMFIA_INET6 || family == SMFIA_UNIX) {
		port = wire_u16(w);
		address = wire_cstr(w);
	} else if (family != SMFIA_UNKNOWN) {
		return bad(mi, "milter CONNECT with an unknown address family");
	}
	if (!wire_done(w))
		return FEED_MORE;
	(void)str_icut_front(&address, STR("IPv6:"));
	/* By a unix socket or a pipe: at its policy door Postfix calls such a client 127.0.0.1. */
	if (family == SMFIA_UNKNOWN && str_eq(name, STR("localhost")))
		address = STR("127.0.0.1");
	if (name.n && name.p[0] == '[')
		name = STR("unknown");
	if (name.n)
		conn_set(mi, &mi->client_name, name);
	if (family != SMFIA_UNIX && address.n)
		conn_set(mi, &mi->client_address, address);
	for (; port; port /= 10)
		digits[--at] = (char)('0' + port % 10);
	if (at < sizeof(digits))
		conn_set(mi, &mi->client_port, (struct str){ digits + at, sizeof(digits) - at });
	mi->state = MILTER_OPEN;
	return FEED_MORE;
}

static enum feed
take_helo(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	struct str helo = wire_cstr(w);

	(void)m;
	(void)out;
	if (wire_done(w))
		conn_set(mi, &mi->helo, helo);
	if (mi->state == MILTER_READY)
		mi->state = MILTER_OPEN;
	return FEED_MORE;
}

static enum feed
take_mail(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	struct str sender = wire_cstr(w);
	uint64_t size = 0;

	(void)out;
	while (wire_left(w)) {
		struct str arg = wire_cstr(w);

		if (size == 0 && str_icut_front(&arg, STR("SIZE=")) && str_u64(arg, &size) != 0)
			size = 0;
	}
	if (!wire_done(w))
		return FEED_MORE;
	m->door = DOOR_MILTER;
	m->stage = STAGE_MAIL;
	m->sender = msg_str(m, addr_unbracket(sender));
	m->have_sender = true;
	m->size = size;
	msg_from_conn(mi, m);
	memset(mi->counts, 0, sizeof(mi->counts));
	mi->skip_sent = mi->body_done = mi->rcpt_rejected = false;
	mi->state = MILTER_ENVELOPE;
	return FEED_MORE;
}

static enum feed
take_rcpt(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	struct str rcpt = wire_cstr(w);

	(void)out;
	while (wire_left(w))
		wire_cstr(w);
	if (wire_done(w) && !mi->rcpt_rejected)
		msg_add_rcpt(m, rcpt);
	mi->rcpt_rejected = false;
	return FEED_MORE;
}

static enum feed
take_header(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	struct str name = wire_cstr(w), value = wire_cstr(w);
	int i;

	(void)out;
	if (!wire_done(w))
		return FEED_MORE;
	i = milter_counted_find(name);
	if (i >= 0 && mi->counts[i] < MILTER_FIELDS_MAX)
		mi->counts[i]++;
	header_field(&m->header, name, value);
	if (name.n + value.n + 2 >= MILTER_FIELD_CUT)
		m->header.f.flags |= HDR_TRUNCATED;
	mi->state = MILTER_HEADER;
	return FEED_MORE;
}

static void
end_of_header(struct milter *mi, struct msg *m)
{
	if (mi->state == MILTER_BODY)
		return;
	m->have_header = (header_end(&m->header)->flags & HDR_ANY) != 0;
	mi->state = MILTER_BODY;
}

static enum feed
take_eoh(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	(void)w;
	(void)out;
	end_of_header(mi, m);
	return FEED_MORE;
}

/* Of most mail nobody wants the body: false. */
static bool
use_body(struct milter *mi, struct msg *m, struct str piece)
{
	if (mi->want_body && !mi->body_done)
		mi->body_done = !msg_body(m, piece.p, piece.n);
	return mi->want_body && !mi->body_done;
}

static enum feed
take_body(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	struct str piece = wire_bytes(w, wire_left(w));
	bool more, skip;

	end_of_header(mi, m);
	more = use_body(mi, m, piece);
	if (mi->steps & SMFIP_NR_BODY)
		return FEED_MORE;
	skip = !more && (mi->steps & SMFIP_SKIP) && !mi->skip_sent;
	answer(out, skip ? SMFIR_SKIP : SMFIR_CONTINUE);
	mi->skip_sent |= skip;
	return FEED_MORE;
}

static enum feed
take_eom(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	struct str piece = wire_bytes(w, wire_left(w)); /* may be the last chunk of the body */

	(void)out;
	end_of_header(mi, m);
	use_body(mi, m, piece);
	msg_body_end(m, true);
	msg_from_conn(mi, m);
	m->stage = STAGE_EOM;
	mi->state = MILTER_JUDGE;
	return FEED_MSG;
}

static enum feed
take_data(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	(void)mi;
	(void)w;
	(void)m;
	(void)out;
	return FEED_MORE;
}

static enum feed
take_unknown(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	(void)mi;
	(void)m;
	(void)out;
	wire_bytes(w, wire_left(w));
	return FEED_MORE;
}

/* The message under way, if any, will not come to its end. It is left standing for the endpoint to see. */
static void
give_up(struct milter *mi)
{
	if (mi->state & IN_MESSAGE) {
		mi->aborted = true;
		mi->state = MILTER_OPEN;
	}
	mi->spent = true;
}

static enum feed
take_abort(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	(void)w;
	(void)m;
	(void)out;
	give_up(mi);
	return FEED_REPLY;
}

static enum feed
take_quit(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	(void)w;
	(void)m;
	(void)out;
	give_up(mi);
	mi->state = MILTER_DEAD;
	mi->why = "fed after QUIT";
	return FEED_CLOSE;
}

static enum feed
take_quit_nc(struct milter *mi, struct wire *w, struct msg *m, struct buf *out)
{
	(void)w;
	(void)m;
	(void)out;
	give_up(mi);
	conn_forget(mi);
	mi->state = MILTER_READY;
	return FEED_REPLY;
}

#define ROW(name) "milter " name " out of order", "milter " name " with bad data"
#define AT(code) [(code) - 'A']

static const struct command commands[] = {
	AT(SMFIC_HEADER) = { MILTER_ENVELOPE | MILTER_HEADER, SMFIP_NR_HDR, ROW("HEADER"), take_header },
	AT(SMFIC_MACRO) = { NEGOTIATED, 0, ROW("MACRO"), take_macro },
	AT(SMFIC_RCPT) = { MILTER_ENVELOPE, SMFIP_NR_RCPT, ROW("RCPT"), take_rcpt },
	AT(SMFIC_OPTNEG) = { MILTER_NEW | MILTER_READY, 0, ROW("OPTNEG"), take_optneg },
	AT(SMFIC_CONNECT) = { MILTER_READY, SMFIP_NR_CONN, ROW("CONNECT"), take_connect },
	AT(SMFIC_HELO) = { MILTER_READY | MILTER_OPEN | MILTER_ENVELOPE, SMFIP_NR_HELO, ROW("HELO"),
	    take_helo },
	AT(SMFIC_MAIL) = { MILTER_READY | MILTER_OPEN, SMFIP_NR_MAIL, ROW("MAIL"), take_mail },
	AT(SMFIC_DATA) = { MILTER_ENVELOPE, SMFIP_NR_DATA, ROW("DATA"), take_data },
	AT(SMFIC_EOH) = { MILTER_ENVELOPE | MILTER_HEADER, SMFIP_NR_EOH, ROW("EOH"), take_eoh },
	AT(SMFIC_BODY) = { IN_MESSAGE, 0, ROW("BODY"), take_body },
	AT(SMFIC_BODYEOB) = { IN_MESSAGE, 0, ROW("EOM"), take_eom },
	AT(SMFIC_ABORT) = { NEGOTIATED, 0, ROW("ABORT"), take_abort },
	AT(SMFIC_UNKNOWN) = { NEGOTIATED, SMFIP_NR_UNKN, ROW("UNKNOWN"), take_unknown },
	AT(SMFIC_QUIT) = { MILTER_NEW | NEGOTIATED, 0, ROW("QUIT"), take_quit },
	AT(SMFIC_QUIT_NC) = { NEGOTIATED, 0, ROW("QUIT_NC"), take_quit_nc },
};

void
milter_init(struct milter *mi)
{
	*mi = (struct milter){ .state = MILTER_NEW };
	begin_conn_arena(mi);
}

void
milter_fini(struct milter *mi)
{
	arena_fini(&mi->conn_arena);
}

/* A MAIL, or its macros, while a message is under way: an MTA does not always say ABORT after it has refused
 * a MAIL that we let pass. */
static bool
begins_anew(const struct milter *mi, const unsigned char *p, uint32_t n)
{
	if (!(mi->state & IN_MESSAGE))
		return false;
	return p[0] == SMFIC_MAIL || (p[0] == SMFIC_MACRO && n > 1 && p[1] == SMFIC_MAIL);
}

static enum feed
take_packet(struct milter *mi, const unsigned char *p, uint32_t n, struct msg *m, struct buf *out)
{
	struct wire w = { .p = p, .len = n, .pos = 1 };
	unsigned row = p[0] - (unsigned)'A';
	const struct command *c;
	enum feed did;

	if (row >= ARRAY_LEN(commands) || !commands[row].take)
		return bad(mi, "milter command is unknown");
	c = &commands[row];
	if (!(c->states & mi->state))
		return bad(mi, c->out_of_order);
	did = c->take(mi, &w, m, out);
	if (did == FEED_BAD)
		return did;
	if (!wire_done(&w))
		return bad(mi, c->malformed);
	if (c->no_reply && !(mi->steps & c->no_reply))
		answer(out, SMFIR_CONTINUE);
	return did;
}

enum feed
milter_feed(struct milter *mi, struct buf *in, struct msg *m, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)buf_str(in).p;
	size_t before = out->len, used = 0;
	enum feed did = FEED_MORE;

	if (mi->state == MILTER_DEAD)
		return FEED_BAD;
	if (mi->spent) {
		msg_reset(m);
		mi->spent = false;
	}
	while (did == FEED_MORE && mi->state != MILTER_JUDGE && in->len - used >= MILTER_LEN_BYTES) {
		const unsigned char *packet = p + used + MILTER_LEN_BYTES;
		uint32_t n = get_u32(p + used);

		if (n == 0 || n > MILTER_PACKET_MAX) {
			did = bad(mi, n ? "milter packet is too long" : "milter packet is empty");
			break;
		}
		if (in->len - used - MILTER_LEN_BYTES < n)
			break;
		if (begins_anew(mi, packet, n)) {
			give_up(mi);
			did = FEED_REPLY;
			break;
		}
		did = take_packet(mi, packet, n, m, out);
		used += MILTER_LEN_BYTES + n;
	}
	buf_consume(in, used);
	return did == FEED_MORE && out->len > before ? FEED_REPLY : did;
}
