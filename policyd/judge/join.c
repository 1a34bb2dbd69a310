/* SPDX-License-Identifier: ISC */
#include "judge/join.h"

#include "base/compiler.h"
#include "base/list.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "judge/action.h"
#include "judge/join_txn.h"
#include "mail/addr.h"

enum { SESSION_CONNECTION, SESSION_CLIENT };

struct join {
	struct map txns;
	struct list lru; /* oldest first */
	struct txn_spares spares;
	struct list left; /* whose connection has gone, the first to go first; not in lru */
	struct list over; /* that nothing is to follow on, the same; not in lru */
	uint32_t n_over;
	struct map milters; /* of clients that a milter serves: how many connections, in place of a pointer */
	struct map sessions; /* of policy connections and of SMTP clients: the latest transaction */
	size_t bytes;
	join_settle_fn *settle; /* may be NULL */
	void *settle_arg;
	struct arena recorded;        /* of join_record(): scratch */
	struct reservation *released; /* scratch */
	uint32_t cap_released;
};

struct join *
join_new(void)
{
	struct join *j = xcalloc(1, sizeof(*j));

	map_init(&j->txns);
	map_init(&j->milters);
	map_init(&j->sessions);
	list_init(&j->lru);
	list_init(&j->left);
	list_init(&j->over);
	txn_spares_init(&j->spares);
	arena_init(&j->recorded, 0);
	return j;
}

static void
leave_session(struct join *j, struct txn *t, int which)
{
	if (!key_is_zero(t->sessions[which]))
		map_del(&j->sessions, t->sessions[which]);
	t->sessions[which] = (struct key128){ 0 };
}

static void
leave_sessions(struct join *j, struct txn *t)
{
	for (int i = 0; i < TXN_SESSIONS; i++)
		leave_session(j, t, i);
}

const struct record *
join_record(struct join *j, struct txn *t)
{
	uint32_t n = t->n_rcpts == UINT32_MAX ? 0 : t->n_rcpts;
	struct record_rcpt *v = NULL;
	struct record *r = txn_record(t);
	struct str rest = buf_str(&t->rcpts), raw;

	arena_reset(&j->recorded);
	if (n)
		v = arena_alloc(&j->recorded, n * sizeof(*v));
	for (uint32_t i = 0; v && i < n && str_split(&rest, '\0', &raw); i++)
		v[i] = (struct record_rcpt){ addr_unbracket(raw), STR("pass"), OUTCOME_PASSED };
	r->rcpts = v;
	r->n_rcpts = v ? n : 0;
	r->rcpt_count = t->n_rcpts == UINT32_MAX ? MSG_RCPTS_MAX : t->n_rcpts;
	return r;
}

static void
forget_envelope(struct join *j, struct txn *t)
{
	t->recorded = false;
	j->bytes -= t->n_envelope;
	t->n_envelope = 0;
}

void
join_end(struct join *j, struct txn *t)
{
	if (!t->judged && j->settle)
		j->settle(j->settle_arg, t);
	leave_sessions(j, t);
	map_del(&j->txns, t->key);
	list_del(&t->lru);
	j->n_over -= t->over;
	forget_envelope(j, t);
	j->bytes -= t->rcpts.len + t->cap_reserved * sizeof(*t->reserved);
	txn_spare(&j->spares, t);
}

void
join_free(struct join *j)
{
	if (!j)
		return;
	j->settle = NULL;
	join_end_all(j);
	txn_spares_fini(&j->spares);
	arena_fini(&j->recorded);
	map_fini(&j->txns);
	map_fini(&j->milters);
	map_fini(&j->sessions);
	xfree(j->released);
	xfree(j);
}

/* Keys here live as long as the process at most: one part's hash is the next one's seed. */
struct key128
join_client(struct str address, struct str port)
{
	uint64_t host = hash64(0, address);

	return (struct key128){ .lo = hash64(host, port), .hi = host };
}

static bool
txn_key(const struct msg *m, struct key128 client, uint64_t seed, struct key128 *out)
{
	enum { ID_INSTANCE, ID_QUEUE, ID_NONE } which = ID_INSTANCE;
	struct str id = m->instance;
	uint64_t hash;

	if (id.n == 0) {
		id = m->queue_id;
		which = id.n ? ID_QUEUE : ID_NONE;
	}
	/* At RCPT there may be no id yet; an SMTP client has one message at a time. */
	if (which == ID_NONE && (m->stage != STAGE_RCPT || m->client_address.n == 0 || m->client_port.n == 0))
		return false;
	hash = hash64(seed + which, id);
	*out = (struct key128){ .lo = hash64(hash ^ client.lo, m->policy_context), .hi = hash ^ client.hi };
	return true;
}

/* Numbers that are ours need no hashing. */
static struct key128
connection_key(uint64_t connection)
{
	return (struct key128){ .lo = connection, .hi = UINT64_MAX };
}

/* A session has one message at a time: the one before it is over. */
static void
enter_session(struct join *j, struct txn *t, int which, struct key128 key)
{
	struct txn *before;

	if (key_eq(t->sessions[which], key))
		return;
	/* An MTA may ask about one message on several connections. */
	leave_session(j, t, which);
	before = map_put(&j->sessions, key, t);
	t->sessions[which] = key;
	if (!before)
		return;
	before->sessions[which] = (struct key128){ 0 };
	if (!before->judged)
		join_end(j, before);
}

/* Who makes room: rather one that nobody may come back to. */
static struct txn *
oldest(const struct join *j)
{
	const struct list *of = !list_empty(&j->left) ? &j->left : !list_empty(&j->over) ? &j->over : &j->lru;

	return container_of(of->next, struct txn, lru);
}

/* The youngest in one of the three lists. */
static void
go_to(struct join *j, struct txn *t, struct list *list)
{
	list_del(&t->lru);
	list_add_tail(list, &t->lru);
	j->n_over -= t->over;
	t->over = list == &j->over;
	j->n_over += t->over;
}

struct txn *
join_find(struct join *j, const struct msg *m, struct key128 client, uint64_t seed, struct now now)
{
	struct key128 key;
	struct txn *t;

	if (!txn_key(m, client, seed, &key))
		return NULL;
	map_fetch(&j->txns, key);
	map_fetch(&j->sessions, client);
	t = map_get(&j->txns, key);
	/* An id that comes again; a recipient after the verdict is another message's. */
	if (t && (now.mono - t->seen > JOIN_TTL || (t->judged && m->stage == STAGE_RCPT))) {
		join_end(j, t);
		t = NULL;
	}
	if (!t) {
		while (j->txns.n >= JOIN_MAX || (j->bytes > JOIN_BYTES && j->txns.n > 0))
			join_end(j, oldest(j));
		t = txn_new(&j->spares, key);
		t->mta = m->mta;
		map_put(&j->txns, key, t);
	}
	t->seen = now.mono;
	go_to(j, t, &j->lru);
	if (m->connection)
		enter_session(j, t, SESSION_CONNECTION, connection_key(m->connection));
	if (m->client_address.n && m->client_port.n)
		enter_session(j, t, SESSION_CLIENT, client);
	return t;
}

void
join_on_settle(struct join *j, join_settle_fn *settle, void *arg)
{
	j->settle = settle;
	j->settle_arg = arg;
}

struct txn *
join_of_client(const struct join *j, struct key128 client)
{
	return map_get(&j->sessions, client);
}

struct txn *
join_of_connection(const struct join *j, uint64_t connection)
{
	return map_get(&j->sessions, connection_key(connection));
}

void
join_fetch(const struct join *j, struct key128 client)
{
	const struct txn *t = map_get(&j->sessions, client);

	if (t)
		fetch_bytes(t, sizeof(*t));
}

uint64_t
join_mta(const struct txn *t)
{
	return t->mta;
}

void
join_disconnect(struct join *j, uint64_t connection)
{
	struct txn *t = join_of_connection(j, connection);

	if (t && !t->judged)
		join_end(j, t);
	else if (t)
		leave_sessions(j, t);
}

void
join_leave(struct join *j, uint64_t connection, bool data_follows, struct now now)
{
	struct txn *t = join_of_connection(j, connection);

	if (!t || t->judged || (data_follows && t->recorded && !addr_is_null(t->more->record.sender)))
		return;
	t->seen = now.mono;
	go_to(j, t, &j->left);
}

bool
join_reserve(struct join *j, struct txn *t, const struct reservation *r)
{
	if (t->n_reserved >= JOIN_RESERVED_MAX)
		return false;
	if (t->n_reserved == t->cap_reserved) {
		j->bytes -= t->cap_reserved * sizeof(*t->reserved);
		t->cap_reserved = t->cap_reserved ? t->cap_reserved * 2 : 4;
		t->reserved = xrealloc(t->reserved, t->cap_reserved * sizeof(*t->reserved));
		j->bytes += t->cap_reserved * sizeof(*t->reserved);
	}
	t->reserved[t->n_reserved++] = *r;
	return true;
}

const struct reservation *
join_release(struct join *j, struct txn *t, bool whole_only, uint32_t *n)
{
	uint32_t left = 0;

	*n = 0;
	if (j->cap_released < t->n_reserved) {
		j->cap_released = t->cap_reserved;
		j->released = xrealloc(j->released, j->cap_released * sizeof(*j->released));
	}
	for (uint32_t i = 0; i < t->n_reserved; i++) {
		if (whole_only && !t->reserved[i].whole)
			t->reserved[left++] = t->reserved[i];
		else
			j->released[(*n)++] = t->reserved[i];
	}
	t->n_reserved = left;
	return j->released;
}

static void
each_reserved(const struct list *txns, reservation_fn *fn, void *arg)
{
	LIST_FOREACH (it, txns) {
		struct txn *t = container_of(it, struct txn, lru);

		for (uint32_t i = 0; i < t->n_reserved; i++)
			fn(arg, &t->reserved[i]);
	}
}

void
join_each_reserved(struct join *j, reservation_fn *fn, void *arg)
{
	each_reserved(&j->lru, fn, arg);
	each_reserved(&j->left, fn, arg);
}

/* Who it is from, at the first recipient: all strings in one piece. */
static void
gather_envelope(struct join *j, struct txn *t, const struct msg *m, struct now now)
{
	struct record *r = txn_record(t);
	struct str *const strings[] = { &r->queue_id, &r->instance, &r->client_address, &r->client_name,
		&r->helo, &r->sasl_username, &r->sender };
	char *p;

	if (r->time)
		return;
	r->time = now.wall;
	r->door = door_name(m->door);
	r->stage = stage_name(m->stage);
	r->queue_id = m->queue_id;
	r->instance = m->instance;
	r->client_address = m->client_address;
	r->client_name = m->client_name;
	r->helo = m->helo;
	r->sasl_username = m->sasl_username;
	r->sender = m->sender;
	r->size = m->size;
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		t->n_envelope += strings[i]->n;
	j->bytes += t->n_envelope;
	p = txn_envelope(t, t->n_envelope);
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		size_t n = strings[i]->n;

		if (n)
			memcpy(p, strings[i]->p, n);
		*strings[i] = (struct str){ p, n };
		p += n;
	}
}

void
join_would(struct txn *t, struct str rule)
{
	struct record *r = t->judged ? NULL : txn_record(t);

	if (!r || r->would)
		return;
	r->would = 1;
	r->rule = txn_str(&t->text, rule);
}

void
join_gather(struct join *j, struct txn *t, const struct msg *m, struct now now)
{
	if (!t->judged)
		gather_envelope(j, t, m, now);
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		struct str raw = m->rcpts[i].raw;

		if (t->n_rcpts == UINT32_MAX)
			return;
		if (t->n_rcpts >= MSG_RCPTS_MAX || j->bytes + raw.n > JOIN_BYTES) {
			t->n_rcpts = UINT32_MAX;
			return;
		}
		buf_str_append(&t->rcpts, raw);
		buf_append(&t->rcpts, "", 1);
		j->bytes += raw.n + 1;
		t->n_rcpts++;
	}
}

bool
join_asked_again(const struct txn *t, const struct msg *m)
{
	struct str all = buf_str(&t->rcpts), raw;

	if (t->n_rcpts == 0 || t->n_rcpts == UINT32_MAX || m->n_rcpts != 1)
		return false;
	raw = m->rcpts[0].raw;
	if (all.n < raw.n + 1 || !str_eq(str_sub(all, all.n - 1 - raw.n, all.n - 1), raw))
		return false;
	return all.n == raw.n + 1 || all.p[all.n - 2 - raw.n] == '\0';
}

/* How many there are when each that follows itself is taken once. */
static uint32_t
count_once(struct str rest)
{
	struct str raw, before = STR_NONE;
	uint32_t n = 0;

	for (; rest.n && str_split(&rest, '\0', &raw); before = raw)
		n += !before.p || !str_eq(before, raw);
	return n;
}

void
join_recipients(const struct txn *t, struct msg *m)
{
	struct str rest = buf_str(&t->rcpts), raw, before = STR_NONE;
	uint32_t stated = m->rcpt_count;
	bool once;

	if (m->n_rcpts > 0 || stated == 0 || t->n_rcpts == UINT32_MAX)
		return;
	once = t->n_rcpts > stated && count_once(rest) == stated;
	if (t->n_rcpts != stated && !once)
		return;
	for (; m->n_rcpts < stated && str_split(&rest, '\0', &raw); before = raw)
		if (!once || !before.p || !str_eq(before, raw))
			msg_add_rcpt(m, raw);
	m->rcpt_count = stated;
}

bool
join_verdict(const struct txn *t, uint64_t what, struct msg *m, struct verdict *out)
{
	struct verdict v;

	if (!t->judged || t->what != what)
		return false;
	if (t->passed) {
		*out = (struct verdict){ .what = ACT_PASS };
		return true;
	}
	if (!txn_verdict(m->arena, &t->more->verdict, &v))
		return false;
	for (uint32_t i = 0; i < v.n_drop; i++)
		if (v.drop[i] >= m->n_rcpts)
			return false;
	if (v.n_edits && !action_additive_ok(ACT_PREPEND, m->door, m->stage))
		v.n_edits = 0;
	*out = v;
	return true;
}

void
join_keep(struct join *j, struct txn *t, uint64_t what, const struct verdict *v)
{
	forget_envelope(j, t);
	txn_no_envelope(t);
	arena_fini(&t->text);
	arena_init(&t->text, 0);
	txn_judged(t, v);
	t->what = what;
}

/* What the end of the next one will touch, and the one behind it, nobody has looked at for long: memory is
 * asked for both. */
static void
end_oldest_over(struct join *j)
{
	const struct txn *next;

	join_end(j, container_of(j->over.next, struct txn, lru));
	if (list_empty(&j->over))
		return;
	next = container_of(j->over.next, struct txn, lru);
	map_fetch(&j->txns, next->key);
	for (int i = 0; i < TXN_SESSIONS; i++)
		map_fetch(&j->sessions, next->sessions[i]);
	if (next->lru.next != &j->over)
		fetch_bytes(container_of(next->lru.next, struct txn, lru), sizeof(*next));
}

void
join_over(struct join *j, struct txn *t)
{
	go_to(j, t, &j->over);
	if (j->n_over > JOIN_OVER_MAX)
		end_oldest_over(j);
}

/* --- who a milter serves ------------------------------------------------------------------------------ */

void
join_milter_begin(struct join *j, struct key128 client)
{
	uintptr_t connections = (uintptr_t)map_get(&j->milters, client);

	map_put(&j->milters, client, (void *)(connections + 1));
}

void
join_milter_end(struct join *j, struct key128 client)
{
	uintptr_t connections = (uintptr_t)map_get(&j->milters, client);

	if (connections > 1)
		map_put(&j->milters, client, (void *)(connections - 1));
	else
		map_del(&j->milters, client);
}

bool
join_milter_serves(const struct join *j, struct key128 client)
{
	return map_get(&j->milters, client) != NULL;
}

static void
expire(struct join *j, struct list *list, int64_t before)
{
	while (!list_empty(list)) {
		struct txn *t = container_of(list->next, struct txn, lru);

		if (t->seen >= before)
			return;
		join_end(j, t);
	}
}

void
join_expire(struct join *j, struct now now)
{
	expire(j, &j->left, now.mono - JOIN_GRACE);
	expire(j, &j->over, now.mono - JOIN_TTL);
	expire(j, &j->lru, now.mono - JOIN_TTL);
}

void
join_end_all(struct join *j)
{
	expire(j, &j->left, INT64_MAX);
	expire(j, &j->over, INT64_MAX);
	expire(j, &j->lru, INT64_MAX);
}

uint32_t
join_count(const struct join *j)
{
	return j->txns.n;
}
