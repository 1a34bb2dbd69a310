/* SPDX-License-Identifier: ISC */
#include "judge/brake.h"

#include "base/list.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "judge/storm.h"

struct asking {
	uint64_t message;
	bool probe;
};

struct sign {
	struct list lru;
	struct key128 key;
	struct key128 storm; /* of the copies below */
	uint64_t history;    /* the last message in the lowest bit: a copy? */
	unsigned n;          /* messages in it */
	bool acted;          /* since the history began */
	int64_t last;        /* mono ms: heard of */
	uint32_t asked;      /* messages that the brake was asked about */
	struct asking asking[BRAKE_ASKING];
	unsigned next; /* place in it */
};

struct brake {
	struct map map;
	struct list lru; /* longest not heard of first */
};

struct brake *
brake_new(void)
{
	struct brake *b = xcalloc(1, sizeof(*b));

	map_init(&b->map);
	list_init(&b->lru);
	return b;
}

static void
sign_drop(struct brake *b, struct sign *s)
{
	map_del(&b->map, s->key);
	list_del(&s->lru);
	xfree(s);
}

void
brake_free(struct brake *b)
{
	if (!b)
		return;
	LIST_FOREACH_SAFE (it, after, &b->lru)
		sign_drop(b, container_of(it, struct sign, lru));
	map_fini(&b->map);
	xfree(b);
}

uint32_t
brake_count(const struct brake *b)
{
	return b->map.n;
}

/* A refusal to them would come back to the sender from our own hosts. Behind a relay the client is not even
 * known before the header is. */
static bool
our_own(const struct site *site, const struct ip *ip)
{
	return ip_loopback(ip) || site_relay(site, ip);
}

static bool
never_braked(const struct traits *t)
{
	return t->null_sender || t->sender.form == ADDR_VERP || t->sender.form == ADDR_LIST_OWNER ||
	    !t->sender.plain.n || str_starts(t->sender.plain, STR("postmaster@")) ||
	    str_starts(t->sender.plain, STR("abuse@"));
}

/* The client is the one that speaks to us, as at RCPT nothing else is known of it. */
bool
brake_sign(const struct rule *r, const struct view *v, struct key128 *sign)
{
	struct hash h;
	struct ip ip;

	if (r->brake == BRAKE_OFF || never_braked(v->traits) || ip_parse(v->msg->client_address, &ip) ||
	    our_own(v->site, &ip))
		return false;
	hash_init(&h, v->site->hash_seed, "brake");
	hash_u64(&h, r->id);
	hash_str(&h, (struct str){ (const char *)ip.b, ip.family == 4 ? 4 : 8 });
	hash_str(&h, v->traits->sender.plain);
	*sign = hash_end(&h);
	return true;
}

static void
history_clear(struct sign *s)
{
	s->history = 0;
	s->n = 0;
	s->acted = false;
}

static bool
stale(const struct sign *s, int64_t mono)
{
	return mono - s->last >= BRAKE_FRESH;
}

static void
touch(struct brake *b, struct sign *s, int64_t mono)
{
	if (stale(s, mono))
		history_clear(s);
	s->last = mono;
	list_del(&s->lru);
	list_add_tail(&b->lru, &s->lru);
}

static struct sign *
sign_add(struct brake *b, struct key128 key, int64_t mono)
{
	struct sign *s = xcalloc(1, sizeof(*s));

	if (b->map.n >= BRAKE_SIGNS_MAX)
		sign_drop(b, container_of(b->lru.next, struct sign, lru));
	s->key = key;
	s->last = mono;
	map_put(&b->map, key, s);
	list_add_tail(&b->lru, &s->lru);
	return s;
}

static unsigned
copies(const struct sign *s)
{
	return (unsigned)__builtin_popcountll(s->history);
}

static void
history_add(struct sign *s, bool copy)
{
	s->history = s->history << 1 | copy;
	if (s->n < BRAKE_HISTORY)
		s->n++;
}

void
brake_judged(struct brake *b, struct key128 sign, enum brake_kind kind, struct key128 storm, struct now now)
{
	struct sign *s = map_get(&b->map, sign);

	if (kind == BRAKE_NEITHER || (!s && kind == BRAKE_OTHER))
		return; /* most of the world's mail needs no place here */
	if (!s)
		s = sign_add(b, sign, now.mono);
	touch(b, s, now.mono);
	if (kind == BRAKE_OTHER && s->acted) {
		history_clear(s);
		return;
	}
	/* Copies of another storm are other mail to this one, until they are the more. */
	if (kind == BRAKE_COPY && !key_eq(s->storm, storm) && copies(s) * 2 <= s->n) {
		history_clear(s);
		s->storm = storm;
	}
	history_add(s, kind == BRAKE_COPY && key_eq(s->storm, storm));
}

struct storm *
brake_storm(const struct brake *b, struct key128 sign, const struct rule *r, const struct view *v)
{
	const struct sign *s = map_get(&b->map, sign);
	struct storm *st;

	if (!s || stale(s, v->now.mono) || s->n < BRAKE_LEAST || copies(s) * 100 < s->n * BRAKE_SHARE)
		return NULL;
	st = storms_find(v->storms, s->storm);
	if (!st || !storm_live(st))
		return NULL;
	if (st->braked && v->now.mono - st->braked_at >= r->brake_for)
		return NULL;
	return st;
}

static const struct asking *
asked_before(const struct sign *s, uint64_t message)
{
	for (unsigned i = 0; message && i < BRAKE_ASKING; i++)
		if (s->asking[i].message == message)
			return &s->asking[i];
	return NULL;
}

static bool
is_probe(const struct sign *s, const struct rule *r, uint64_t message)
{
	const struct asking *a = asked_before(s, message);

	return a ? a->probe : (s->asked + 1) % r->probe == 0;
}

enum brake_answer
brake_ask(const struct brake *b, struct key128 sign, const struct rule *r, uint64_t message)
{
	const struct sign *s = map_get(&b->map, sign);

	if (!s)
		return BRAKE_PASS;
	return is_probe(s, r, message) ? BRAKE_PROBE : BRAKE_REFUSE;
}

void
brake_told(struct brake *b, struct key128 sign, const struct rule *r, uint64_t message, struct now now)
{
	struct sign *s = map_get(&b->map, sign);

	if (!s)
		return;
	touch(b, s, now.mono);
	s->acted = true;
	if (asked_before(s, message))
		return;
	s->asking[s->next] = (struct asking){ message, is_probe(s, r, message) };
	s->next = (s->next + 1) % BRAKE_ASKING;
	s->asked++;
}
