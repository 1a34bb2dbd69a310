/* SPDX-License-Identifier: ISC */
/* The policy door: each request is a question of its own; one connection carries as many as the MTA likes. */
#include "serve/endpoint.h"

#include "base/limits.h"
#include "base/log.h"
#include "codec/policy.h"
#include "serve/conn.h"

static void
open_policy(struct conn *c)
{
	policy_init(&c->door.policy);
}

static enum feed
feed_policy(struct conn *c)
{
	struct policy *p = &c->door.policy;
	enum feed f;

	/* A reload may have replaced the set since the last request. */
	c->msg.header.markers = &c->pool->engine->site->gateway_markers;
	f = policy_feed(p, &c->in, c->eof, &c->msg);
	if (f == FEED_BAD) {
		c->why = p->why;
		c->pool->console.broken++;
	}
	return f;
}

static void
said_policy(void *arg, const struct verdict *v)
{
	struct conn *c = arg;

	policy_reply(&c->door.policy, &c->msg, v, &c->out);
	msg_reset(&c->msg);
	conn_said(c);
}

static void
reply_policy(struct conn *c)
{
	const struct policy *p = &c->door.policy;
	char peer[CONN_PEER_MAX];

	if (p->broken) {
		c->pool->console.broken++;
		conn_warn(c, p->why, "broken-request door=%s peer=%s why=%s", c->ep->name, conn_peer(c, peer),
		    LOGV(str_of(p->why)));
		said_policy(c, &(struct verdict){ .what = ACT_PASS });
		return;
	}
	c->msg.connection = c->number;
	c->msg.mta = c->host;
	engine_ask(c->pool->engine, &c->msg, c->pool->now, said_policy, c);
}

static bool
busy_policy(const struct conn *c)
{
	(void)c;
	return false;
}

static void
close_policy(struct conn *c)
{
	engine_disconnect(c->pool->engine, c->number, c->requests, c->pool->now);
}

const struct endpoint ep_policy = {
	.name = "policy",
	.in_max = POLICY_REQUEST_MAX + CONN_CHUNK_MAX,
	.out_max = 2 * MSG_ARENA_MAX,
	.only_bytes = true,
	.open = open_policy,
	.feed = feed_policy,
	.reply = reply_policy,
	.busy = busy_policy,
	.close = close_policy,
};
