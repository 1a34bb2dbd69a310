/* SPDX-License-Identifier: ISC */
#include "judge/join.h"

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "judge/action.h"

struct txn {
	struct list lru;
	struct key128 key;
	int64_t seen;
	struct buf rcpts; /* raw addresses, each ended by NUL */
	uint32_t n_rcpts; /* UINT32_MAX: too many to keep */
	bool judged;
	uint64_t what;
	struct verdict verdict; /* its strings are in `text`, but for literals and nothing */
	struct arena text;
};

struct milter_client {
	struct key128 key;
	uint32_t connections;
};

struct join {
	struct map txns;
	struct list lru; /* oldest first */
	struct map milters;
	size_t bytes;
};

struct join *
join_new(void)
{
	struct join *j = xcalloc(1, sizeof(*j));

	map_init(&j->txns);
	map_init(&j->milters);
	list_init(&j->lru);
	return j;
}

static void
txn_remove(struct join *j, struct txn *t)
{
	map_del(&j->txns, t->key);
	list_del(&t->lru);
	j->bytes -= t->rcpts.len;
	buf_fini(&t->rcpts);
	arena_fini(&t->text);
	xfree(t);
}

void
join_free(struct join *j)
{
	if (!j)
		return;
	LIST_FOREACH_SAFE (it, after, &j->lru)
		txn_remove(j, container_of(it, struct txn, lru));
	for (uint32_t i = 0; i < j->milters.cap; i++)
		xfree(j->milters.slots[i].value);
	map_fini(&j->txns);
	map_fini(&j->milters);
	xfree(j);
}

static bool
txn_key(const struct msg *m, uint64_t seed, struct key128 *out)
{
	struct hash h;

	if (m->instance.n == 0 && m->queue_id.n == 0)
		return false;
	hash_init(&h, seed, m->instance.n ? "instance" : "queue-id");
	hash_str(&h, m->instance.n ? m->instance : m->queue_id);
	hash_str(&h, m->client_address);
	hash_str(&h, m->client_port);
	hash_str(&h, m->policy_context);
	*out = hash_end(&h);
	return true;
}

struct txn *
join_find(struct join *j, const struct msg *m, uint64_t seed, struct now now)
{
	struct key128 key;
	struct txn *t;

	if (!txn_key(m, seed, &key))
		return NULL;
	t = map_get(&j->txns, key);
	if (t && now.mono - t->seen > JOIN_TTL) {
		txn_remove(j, t);
		t = NULL;
	}
	if (!t) {
		while (j->txns.n >= JOIN_MAX || (j->bytes > JOIN_BYTES && !list_empty(&j->lru)))
			txn_remove(j, container_of(j->lru.next, struct txn, lru));
		t = xcalloc(1, sizeof(*t));
		t->key = key;
		buf_init(&t->rcpts, 0);
		arena_init(&t->text, 0);
		list_init(&t->lru);
		map_put(&j->txns, key, t);
	}
	t->seen = now.mono;
	list_del(&t->lru);
	list_add_tail(&j->lru, &t->lru);
	return t;
}

void
join_gather(struct join *j, struct txn *t, const struct msg *m)
{
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

void
join_recipients(const struct txn *t, struct msg *m)
{
	struct str rest = buf_str(&t->rcpts), raw;
	uint32_t stated = m->rcpt_count;

	if (m->n_rcpts > 0 || stated == 0 || t->n_rcpts != stated)
		return;
	while (str_split(&rest, '\0', &raw) && m->n_rcpts < stated)
		msg_add_rcpt(m, raw);
	m->rcpt_count = stated;
}

static struct str
keep_str(struct arena *a, struct str s)
{
	return s.n ? arena_str(a, s) : s.p ? STR("") : STR_NONE;
}

/* A copy of everything that a door is told, with strings and arrays in `a`. */
static bool
copy_verdict(struct arena *a, const struct verdict *v, struct verdict *out)
{
	*out = *v;
	out->code = keep_str(a, v->code);
	out->dsn = keep_str(a, v->dsn);
	out->text = keep_str(a, v->text);
	out->redirect = keep_str(a, v->redirect);
	out->sender = keep_str(a, v->sender);
	out->rule = keep_str(a, v->rule);
	for (uint32_t i = 0; i < v->n_edits; i++) {
		out->edits[i].name = keep_str(a, v->edits[i].name);
		out->edits[i].value = keep_str(a, v->edits[i].value);
	}
	if (v->n_drop) {
		out->drop = arena_alloc(a, v->n_drop * sizeof(*out->drop));
		if (!out->drop)
			return false;
		memcpy(out->drop, v->drop, v->n_drop * sizeof(*out->drop));
	}
	if (v->n_add) {
		out->add = arena_alloc(a, v->n_add * sizeof(*out->add));
		if (!out->add)
			return false;
		for (uint32_t i = 0; i < v->n_add; i++)
			out->add[i] = keep_str(a, v->add[i]);
	}
	return true;
}

bool
join_verdict(const struct txn *t, uint64_t what, struct msg *m, struct verdict *out)
{
	struct verdict v;

	if (!t->judged || t->what != what || !copy_verdict(m->arena, &t->verdict, &v))
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
	(void)j;
	arena_reset(&t->text);
	t->judged = copy_verdict(&t->text, v, &t->verdict);
	t->what = what;
}

/* --- who a milter serves ------------------------------------------------------------------------------ */

static struct key128
client_key(struct str address, struct str port)
{
	struct hash h;

	hash_init(&h, 0, "smtp-client");
	hash_str(&h, address);
	hash_str(&h, port);
	return hash_end(&h);
}

void
join_milter_begin(struct join *j, struct str address, struct str port)
{
	struct key128 key = client_key(address, port);
	struct milter_client *c = map_get(&j->milters, key);

	if (!c) {
		c = xcalloc(1, sizeof(*c));
		c->key = key;
		map_put(&j->milters, key, c);
	}
	c->connections++;
}

void
join_milter_end(struct join *j, struct str address, struct str port)
{
	struct key128 key = client_key(address, port);
	struct milter_client *c = map_get(&j->milters, key);

	if (!c || --c->connections > 0)
		return;
	map_del(&j->milters, key);
	xfree(c);
}

bool
join_milter_serves(const struct join *j, struct str address, struct str port)
{
	return map_get(&j->milters, client_key(address, port)) != NULL;
}

void
join_expire(struct join *j, struct now now)
{
	while (!list_empty(&j->lru)) {
		struct txn *t = container_of(j->lru.next, struct txn, lru);

		if (now.mono - t->seen <= JOIN_TTL)
			return;
		txn_remove(j, t);
	}
}

uint32_t
join_count(const struct join *j)
{
	return j->txns.n;
}
