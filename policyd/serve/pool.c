/* SPDX-License-Identifier: ISC */
#include "serve/pool.h"

#include "serve/conn.h"

/* Empty memory changes hands. */
static void
pass_buf(struct buf *from, struct buf *to)
{
	to->data = from->data;
	to->cap = from->cap;
	to->start = to->len = from->start = from->cap = 0;
	from->data = NULL;
}

static void
pass_arena(struct arena *from, struct arena *to)
{
	to->first = from->first;
	to->last = from->last;
	to->used = 0;
	from->first = from->last = NULL;
}

void
pool_borrow(struct pool *p, struct conn *c)
{
	if (!c->in.data && p->n_in)
		pass_buf(&p->in[--p->n_in], &c->in);
	if (!c->out.data && p->n_out)
		pass_buf(&p->out[--p->n_out], &c->out);
	if (!c->arena.first && p->n_arenas)
		pass_arena(&p->arenas[--p->n_arenas], &c->arena);
}

static void
give_back_buf(struct buf *from, struct buf *to, uint32_t *n)
{
	if (!from->data || from->len)
		return;
	if (*n < POOL_TOGETHER && from->cap <= CONN_KEEP)
		pass_buf(from, &to[(*n)++]);
	else
		buf_fini(from);
}

void
pool_give_back(struct pool *p, struct conn *c)
{
	give_back_buf(&c->in, p->in, &p->n_in);
	give_back_buf(&c->out, p->out, &p->n_out);
	if (c->arena.used || c->ep->busy(c))
		return;
	if (c->arena.first && p->n_arenas < POOL_TOGETHER)
		pass_arena(&c->arena, &p->arenas[p->n_arenas++]);
	else
		arena_fini(&c->arena);
	buf_fini(&c->msg.header.field);
}

static struct conn *
conn_of(struct list *node)
{
	return container_of(node, struct conn, node);
}

void
pool_init(struct pool *p, struct ev_loop *loop, struct engine *engine)
{
	*p = (struct pool){ .loop = loop, .engine = engine, .now = clock_now() };
	for (int i = 0; i < CONN_STATES; i++)
		list_init(&p->states[i]);
	console_init(&p->console, engine, p->now);
	for (int rank = 0; rank < SHARE_RANKS; rank++)
		list_init(&p->waiting[rank]);
	p->turn_us = POOL_TURN_US;
	list_init(&p->heard);
	list_init(&p->answers);
	send_batch_init(&p->sends);
}

static void
pool_bury(struct pool *p)
{
	LIST_FOREACH_SAFE (node, after, &p->states[CONN_DEAD])
		conn_free(conn_of(node));
}

void
pool_fini(struct pool *p, const char *why)
{
	for (int i = 0; i < CONN_DEAD; i++)
		LIST_FOREACH_SAFE (node, after, &p->states[i])
			conn_close(conn_of(node), CLOSE_STOP, "%s", why);
	pool_bury(p);
	repeats_tell(&p->repeats, INT64_MAX);
	while (p->n_in)
		buf_fini(&p->in[--p->n_in]);
	while (p->n_out)
		buf_fini(&p->out[--p->n_out]);
	while (p->n_arenas)
		arena_fini(&p->arenas[--p->n_arenas]);
	send_batch_fini(&p->sends);
}

void
pool_queue(struct pool *p, struct conn *c)
{
	list_add_tail(&p->waiting[share_ask(&c->share, &p->shares)], &c->again);
}

void
pool_heard(struct pool *p, struct conn *c)
{
	list_add_tail(&p->heard, &c->again);
	p->n_heard++;
}

void
pool_answers(struct pool *p, struct conn *c)
{
	pool_give_back(p, c);
	list_add_tail(&p->answers, &c->again);
	p->n_answers++;
}

static struct conn *
take_first(struct list *list)
{
	struct conn *c = container_of(list->next, struct conn, again);

	list_del(&c->again);
	return c;
}

static void
pool_judge(struct pool *p)
{
	if (!p->n_heard)
		return;
	p->n_heard = 0;
	while (!list_empty(&p->heard)) {
		struct conn *c = take_first(&p->heard);

		c->ep->reply(c);
	}
	if (p->engine)
		engine_say(p->engine);
}

/* As far as that goes for all of them together; what is left each sends by itself. */
static void
pool_send(struct pool *p, const struct list *who)
{
	struct outgoing v[SEND_BATCH_MAX];
	struct conn *from[SEND_BATCH_MAX];
	unsigned n = 0;

	LIST_FOREACH (node, who) {
		struct conn *c = container_of(node, struct conn, again);

		if (n == SEND_BATCH_MAX)
			break;
		if (!c->out.len)
			continue;
		from[n] = c;
		v[n++] = (struct outgoing){ .fd = c->fd, .bytes = buf_str(&c->out) };
	}
	send_batch_go(&p->sends, v, n);
	for (unsigned i = 0; i < n; i++)
		conn_sent(from[i], v[i].sent);
}

/* What was heard is judged, and all answers go out. One that has more to say waits for the next turn. */
static void
pool_answer(struct pool *p)
{
	struct list now;

	pool_judge(p);
	if (!p->n_answers)
		return;
	list_init(&now);
	list_splice(&now, &p->answers);
	p->n_answers = 0;
	pool_send(p, &now);
	while (!list_empty(&now))
		conn_answer(take_first(&now));
}

/* In their order, at least one, for `us`. Those that come back wait for the next turn, behind those that are
 * left. To hear is two fifths of the work: the rest of those that were just heard is still to come. */
static void
pool_serve(struct pool *p, struct list *who, int64_t us)
{
	int64_t begun = clock_us(), heard_from = begun;
	unsigned every = us < POOL_TURN_US ? 1 : 4, n = 0; /* how often the clock is looked at */
	struct list now;

	list_init(&now);
	list_splice(&now, who);
	while (!list_empty(&now)) {
		conn_step(container_of(now.next, struct conn, again));
		p->served++;
		if (us != INT64_MAX && ++n % every == 0 &&
		    heard_from - begun + (clock_us() - heard_from) * 5 / 2 >= us)
			break;
		if (p->n_heard + p->n_answers < POOL_TOGETHER)
			continue;
		pool_answer(p);
		heard_from = clock_us();
	}
	list_splice(who, &now);
	pool_answer(p);
}

/* How long a turn may take for those that are not modest: not long, so that it is soon seen who else came,
 * shorter while somebody modest goes on with what he began, and longer where all ask alike. To see those
 * again that wait already takes time too: the more they are, the longer it is. */
static int64_t
pool_patience(const struct pool *p, int64_t now)
{
	if (shares_alike(&p->shares, p->live))
		return p->turn_us * POOL_TURN_ALIKE + p->seen_again;
	return (p->turn_us + p->seen_again / 4) / (now - p->modest_at < POOL_GOES_ON_US ? 4 : 1);
}

bool
pool_turn(struct pool *p)
{
	int64_t now = clock_us(), us;
	bool more = false;

	if (!list_empty(&p->waiting[SHARE_FIRST]))
		p->modest_at = now;
	us = pool_patience(p, now);
	p->seen_again = 0;
	for (int rank = 0; rank < SHARE_RANKS; rank++)
		pool_serve(p, &p->waiting[rank], rank == SHARE_FIRST ? INT64_MAX : us);
	pool_bury(p);
	if (p->engine)
		engine_turned(p->engine, p->now);
	for (int rank = 0; rank < SHARE_RANKS; rank++)
		more = more || !list_empty(&p->waiting[rank]);
	return more;
}

/* `amid`: the same for one that is in the middle of a message. */
static void
pool_expire(struct pool *p, enum conn_state state, int64_t timeout, int64_t amid, enum conn_reason reason)
{
	LIST_FOREACH_SAFE (node, after, &p->states[state]) {
		struct conn *c = conn_of(node);

		if (p->now.mono - c->since < timeout)
			return;
		if (p->now.mono - c->since < amid && c->ep->busy(c))
			continue;
		conn_close(c, reason, "after %lld ms", (long long)(p->now.mono - c->since));
	}
}

void
pool_tick(struct pool *p)
{
	pool_expire(p, CONN_IDLE, p->idle_timeout, POOL_AMID, CLOSE_IDLE);
	pool_expire(p, CONN_READ, p->request_timeout, 0, CLOSE_SLOW);
	pool_expire(p, CONN_FLUSH, p->request_timeout, 0, CLOSE_STUCK);
	repeats_tell(&p->repeats, p->now.mono);
}

void
pool_drain(struct pool *p)
{
	unsigned n = 0;

	/* A step may put its connection back at the end of the list: each gets one. */
	LIST_FOREACH (node, &p->states[CONN_IDLE])
		n++;
	LIST_FOREACH_SAFE (node, after, &p->states[CONN_IDLE]) {
		if (n-- == 0)
			break;
		conn_step(conn_of(node));
	}
	pool_answer(p);
	p->draining = true;
	LIST_FOREACH_SAFE (node, after, &p->states[CONN_IDLE]) {
		struct conn *c = conn_of(node);

		if (list_empty(&c->again) && !c->ep->busy(c))
			conn_close(c, CLOSE_STOP, NULL);
	}
}
