/* SPDX-License-Identifier: ISC */
/* The milter door: one connection is one SMTP session; while it lasts the engine knows that this client's
 * messages are seen here with their header. */
#include "serve/endpoint.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "codec/milter.h"
#include "serve/conn.h"

static void
open_milter(struct conn *c)
{
	milter_init(&c->door.milter.codec);
	c->door.milter.codec.want_body = c->pool->engine->rules->needs_body;
	c->msg.door = DOOR_MILTER;
}

/* The engine is told begin and end with the same words, so they are kept here, cut alike. */
static void
announce_end(struct conn *c)
{
	struct milter_door *d = &c->door.milter;

	if (d->announced)
		engine_milter_end(c->pool->engine, str_of(d->address), str_of(d->port));
	d->announced = false;
}

static void
keep(char *to, struct str s)
{
	if (s.n)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static void
announce(struct conn *c)
{
	struct milter_door *d = &c->door.milter;
	struct str address = str_sub(d->codec.client_address, 0, sizeof(d->address) - 1);
	struct str port = str_sub(d->codec.client_port, 0, sizeof(d->port) - 1);

	if (d->announced && str_eq(address, str_of(d->address)) && str_eq(port, str_of(d->port)))
		return;
	announce_end(c);
	if (!address.n)
		return;
	keep(d->address, address);
	keep(d->port, port);
	d->announced = true;
	engine_milter_begin(c->pool->engine, str_of(d->address), str_of(d->port));
}

/* The codec tells who the client is at the end of a message only. */
static void
give_up(struct conn *c)
{
	struct milter_door *d = &c->door.milter;

	c->msg.client_address = str_of(d->announced ? d->address : "");
	c->msg.client_port = str_of(d->announced ? d->port : "");
	engine_abort(c->pool->engine, &c->msg);
}

static enum feed
feed_milter(struct conn *c)
{
	struct milter *m = &c->door.milter.codec;
	enum feed f;

	if (c->in.len == 0 && !m->spent)
		return FEED_MORE;
	c->msg.header.markers = &c->pool->engine->site->gateway_markers;
	f = milter_feed(m, &c->in, &c->msg, &c->out);
	if (m->aborted) {
		give_up(c);
		m->aborted = false;
	}
	announce(c);
	if (f == FEED_BAD) {
		c->why = m->why;
		c->pool->console.broken++;
	}
	return f;
}

static void
said_milter(void *arg, const struct verdict *v)
{
	struct conn *c = arg;
	char peer[CONN_PEER_MAX];
	uint32_t unsaid = milter_reply(&c->door.milter.codec, &c->msg, v, &c->out);

	if (unsaid)
		log_warn("milter-unsaid peer=%s actions=0x%x what=%s", conn_peer(c, peer), unsaid,
		    LOGV(STR("the MTA does not let its filter do this")));
	conn_said(c);
}

static void
reply_milter(struct conn *c)
{
	c->msg.mta = c->host;
	engine_ask(c->pool->engine, &c->msg, c->pool->now, said_milter, c);
}

/* A message is under way, and its verdict is not out. */
static bool
busy_milter(const struct conn *c)
{
	return c->msg.have_sender && !c->door.milter.codec.spent;
}

/* As long as no answer is waited for, Postfix writes what it has to say when its buffer of 4 KB is full,
 * mostly in the middle of a packet, and the rest of that when it is full again or the content has come: in
 * between some thirty recipients may be named, however slowly. */
static bool
unhurried_milter(const struct conn *c)
{
	enum { ENVELOPE = MILTER_READY | MILTER_OPEN | MILTER_ENVELOPE };

	return (c->door.milter.codec.state & ENVELOPE) && c->in.len <= CONN_KEEP;
}

static void
close_milter(struct conn *c)
{
	if (busy_milter(c))
		give_up(c);
	announce_end(c);
	milter_fini(&c->door.milter.codec);
}

const struct endpoint ep_milter = {
	.name = "milter",
	.in_max = MILTER_PACKET_MAX + 4 + CONN_CHUNK_MAX,
	.out_max = MILTER_REPLY_MAX,
	.quick_ack = true,
	.open = open_milter,
	.feed = feed_milter,
	.reply = reply_milter,
	.busy = busy_milter,
	.unhurried = unhurried_milter,
	.close = close_milter,
};
