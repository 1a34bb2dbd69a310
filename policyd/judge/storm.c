/* SPDX-License-Identifier: ISC */
#include "judge/storm.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/pack.h"
#include "base/xalloc.h"
#include "judge/storm_order.h"
#include "mail/privacy.h"

struct storms {
	struct map map;
	struct storm_order order;
	uint32_t count[STORM_STATES];
	int64_t due;     /* mono ms: nothing happens to any of them before */
	struct buf *log; /* may be NULL */
	storm_fn *leave; /* may be NULL */
	void *leave_arg;
	const struct privacy *privacy; /* NULL: plain */
	uint64_t displaced;
};

/* Events: a letter, the storm's key, and what storms_replay() reads of each. */
enum {
	EVENT_OPEN = 'O',
	EVENT_COPY = 'C',
	EVENT_MESSAGE = 'M',
	EVENT_HOST = 'H',
	EVENT_TRIP = 'T',
	EVENT_SHORTEST = 'S'
};

const char *const storm_hows[STORM_HOWS] = { "received", "client", "helo", "gateway-marker", "reporting-mta",
	"dead-member", "party", "recipient" };

/* What it takes to open a storm. */
struct opening {
	struct key128 key;
	uint64_t id, rule_id;
	struct str rule, message_id, subject, sender;
	int64_t quiet, remember, block;
};

struct storms *
storms_new(void)
{
	struct storms *s = xcalloc(1, sizeof(*s));

	map_init(&s->map);
	storm_order_init(&s->order);
	return s;
}

void
storm_free(struct storm *st)
{
	xfree(st->rcpts);
	xfree(st->hosts);
	xfree(st);
}

void
storms_drop(struct storm *st)
{
	struct storms *s = st->owner;

	if (s->leave)
		s->leave(s->leave_arg, st);
	map_del(&s->map, st->key);
	storm_order_del(&s->order, st);
	s->count[st->state]--;
	storm_free(st);
}

void
storms_free(struct storms *s)
{
	if (!s)
		return;
	s->leave = NULL;
	LIST_FOREACH_SAFE (it, after, &s->order.all)
		storms_drop(container_of(it, struct storm, lru));
	storm_order_fini(&s->order);
	map_fini(&s->map);
	xfree(s);
}

/* Closed ones too, which the journal does not know of yet. */
static struct storm *
find_any(const struct storms *s, struct key128 key)
{
	return map_get(&s->map, key);
}

struct storm *
storms_find(const struct storms *s, struct key128 key)
{
	struct storm *st = s ? find_any(s, key) : NULL;

	return st && st->state != STORM_CLOSED ? st : NULL;
}

static void
copy_text(char *to, size_t size, struct str s)
{
	size_t n = s.n < size - 1 ? s.n : size - 1;

	if (n)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

void
storm_set_state(struct storm *st, enum storm_state state)
{
	st->owner->count[st->state]--;
	st->state = state;
	st->owner->count[state]++;
	st->changed = true;
	st->owner->due = 0;
}

int64_t *
storms_due(struct storms *s)
{
	return &s->due;
}

/* The start of an event, or NULL when nobody wants any. */
static struct buf *
event(const struct storms *s, struct key128 key, char what)
{
	if (!s->log)
		return NULL;
	pack_u8(s->log, (uint8_t)what);
	pack_key(s->log, key);
	return s->log;
}

static void
log_opening(const struct storms *s, const struct opening *o)
{
	struct buf *b = event(s, o->key, EVENT_OPEN);

	if (!b)
		return;
	pack_u64(b, o->id);
	pack_u64(b, o->rule_id);
	pack_str(b, o->rule);
	pack_str(b, o->message_id);
	pack_str(b, o->subject);
	pack_str(b, o->sender);
	pack_int(b, o->quiet);
	pack_int(b, o->remember);
	pack_int(b, o->block);
}

/* It makes room. No record is to call it open when nobody knows it any more. */
static void
displace(struct storm *st)
{
	storm_set_state(st, STORM_CLOSED);
	storms_drop(st);
}

static struct storm *
storm_new(struct storms *s, const struct opening *o, struct now now)
{
	struct storm *st = xcalloc(1, sizeof(*st));

	if (s->map.n >= STORMS_MAX) {
		s->displaced++;
		displace(storm_order_victim(&s->order));
	}
	st->owner = s;
	st->id = o->id;
	st->key = o->key;
	st->state = STORM_OPEN;
	st->first = st->last = st->tripped = now;
	st->rule_id = o->rule_id;
	copy_text(st->rule, sizeof(st->rule), o->rule);
	copy_text(st->message_id, sizeof(st->message_id), o->message_id);
	copy_text(st->subject, sizeof(st->subject), o->subject);
	copy_text(st->sender, sizeof(st->sender), o->sender);
	st->opened = true;
	map_put(&s->map, st->key, st);
	storm_order_add(&s->order, st);
	s->count[STORM_OPEN]++;
	s->due = 0;
	return st;
}

void
storms_put(struct storms *s, struct storm *st)
{
	struct storm *before = find_any(s, st->key), *oldest;

	if (before)
		storms_drop(before);
	if (s->map.n >= STORMS_MAX) {
		s->displaced++;
		oldest = storm_order_victim(&s->order);
		if (oldest->last.mono > st->last.mono &&
		    storm_order_count(&s->order, st->rule_id) + 1 >=
			storm_order_count(&s->order, oldest->rule_id)) {
			storm_free(st);
			return;
		}
		displace(oldest);
	}
	st->owner = s;
	map_put(&s->map, st->key, st);
	storm_order_place(&s->order, st);
	s->count[st->state]++;
	s->due = 0;
}

static struct storm *
open_storm(struct storms *s, const struct opening *o, struct now now)
{
	struct storm *st = find_any(s, o->key);

	if (!st) {
		st = storm_new(s, o, now);
	} else if (st->state != STORM_OPEN) {
		st->opened = st->state != STORM_COOLING;
		storm_set_state(st, STORM_OPEN);
	}
	/* A changed setting reaches the storm that is open now. */
	if (st->opened || st->quiet != o->quiet || st->remember != o->remember || st->block != o->block)
		log_opening(s, o);
	else if (o->block)
		event(s, o->key, EVENT_TRIP);
	if (st->quiet != o->quiet)
		s->due = 0;
	st->quiet = o->quiet;
	st->remember = o->remember;
	st->block = o->block;
	st->last = st->tripped = now;
	st->changed = true;
	storm_order_touch(&s->order, st);
	return st;
}

struct storm *
storms_open(struct storms *s, struct key128 key, const struct rule *r, const struct view *v, struct now now)
{
	const struct storm *known = find_any(s, key);
	struct opening o = {
		.key = key,
		.rule_id = r->id,
		.rule = str_of(r->name),
		.message_id = str_sub(v->msg->header.f.message_id, 0, STORM_TEXT_LEN),
		.subject = str_sub(privacy_subject(s->privacy, v->msg->header.f.subject), 0, STORM_TEXT_LEN),
		/* of the opener, for as long as the storm is known */
		.sender = known ? str_of(known->sender)
				: privacy_address(s->privacy, v->msg->arena, v->msg->sender),
		.quiet = r->quiet,
		.remember = r->remember,
		.block = r->block,
	};
	struct hash h;

	o.sender = str_sub(o.sender, 0, STORM_TEXT_LEN);
	hash_init(&h, v->site->hash_seed, "storm-id");
	hash_key(&h, key);
	hash_u64(&h, (uint64_t)now.wall);
	o.id = known ? known->id : (hash_end64(&h) >> 1) | 1;
	return open_storm(s, &o, now);
}

bool
storm_add_rcpt(struct storm *st, uint64_t hash)
{
	uint32_t mask, at;

	/* Half full at most, so that the probe below always ends. */
	if (st->n_rcpts * 2 >= st->cap_rcpts) {
		uint64_t *old = st->rcpts;
		uint32_t old_cap = st->cap_rcpts;

		st->cap_rcpts = old_cap ? old_cap * 2 : 32;
		st->rcpts = xcalloc(st->cap_rcpts, sizeof(*st->rcpts));
		st->n_rcpts = 0;
		for (uint32_t i = 0; i < old_cap; i++)
			if (old[i])
				storm_add_rcpt(st, old[i]);
		xfree(old);
	}
	mask = st->cap_rcpts - 1;
	for (at = (uint32_t)hash & mask; st->rcpts[at]; at = (at + 1) & mask)
		if (st->rcpts[at] == hash)
			return false;
	st->rcpts[at] = hash;
	st->n_rcpts++;
	return true;
}

static void
add_copy(struct storm *st, uint64_t rcpt, unsigned what, struct now now)
{
	struct buf *b = event(st->owner, st->key, EVENT_COPY);

	st->offered++;
	if (what & COPY_PASSED)
		st->passed++;
	else
		st->stopped++;
	st->changed = true;
	if (!(what & COPY_BESIDE)) {
		st->last = now;
		storm_order_touch(&st->owner->order, st);
		if (st->state == STORM_COOLING)
			storm_set_state(st, STORM_OPEN);
	}
	if (st->n_rcpts < STORM_RCPTS_MAX)
		storm_add_rcpt(st, rcpt);
	if (b) {
		pack_u64(b, rcpt);
		pack_u8(b, (uint8_t)what);
	}
}

void
storm_copy(struct storm *st, const struct view *v, uint32_t rcpt, unsigned what, struct now now)
{
	uint64_t hash = hash64(v->site->hash_seed, v->rcpts[rcpt].key);

	add_copy(st, hash ? hash : 1, what, now);
}

void
storm_add_message(struct storm *st)
{
	st->messages++;
	event(st->owner, st->key, EVENT_MESSAGE);
}

void
storm_shortest(struct storm *st, uint32_t lines)
{
	struct buf *b;

	if (lines == 0 || (st->shortest && st->shortest <= lines))
		return;
	st->shortest = lines;
	st->changed = true;
	b = event(st->owner, st->key, EVENT_SHORTEST);
	if (b)
		pack_var(b, lines);
}

static void
log_host(const struct storm *st, struct str name, const char *how, uint64_t copies)
{
	struct buf *b = event(st->owner, st->key, EVENT_HOST);

	for (size_t i = 0; b && i < STORM_HOWS; i++)
		if (strcmp(storm_hows[i], how) == 0)
			pack_u8(b, (uint8_t)i);
	if (!b)
		return;
	pack_str(b, name);
	pack_var(b, copies);
}

/* Keeps the list sorted by copies. At the cap the last one makes room, its count taken over: the hosts that
 * really carry the storm soon overtake those that were seen once (Metwally's space saving). */
void
storm_add_host(struct storm *st, struct str name, const char *how, uint64_t copies)
{
	struct storm_host *h = NULL;
	char room[STORM_HOST_LEN];
	uint32_t i;

	name = str_sub(name, 0, str_find(name, '\0')); /* a peer may have put one in; ours end there */
	if (name.n)
		name = storm_hide_host(st->owner->privacy, name, how, room);
	if (name.n == 0) /* hidden too: what stands for the null sender */
		return;
	name = str_sub(name, 0, STORM_HOST_LEN - 1);
	log_host(st, name, how, copies);
	for (i = 0; i < st->n_hosts; i++)
		if (str_ieq(str_of(st->hosts[i].name), name) && strcmp(st->hosts[i].how, how) == 0)
			break;
	if (i == st->n_hosts && i < STORM_HOSTS_MAX) {
		if (st->n_hosts == st->cap_hosts) {
			st->cap_hosts = st->cap_hosts ? st->cap_hosts * 2 : 8;
			st->hosts = xrealloc(st->hosts, st->cap_hosts * sizeof(*st->hosts));
		}
		st->hosts[st->n_hosts++] = (struct storm_host){ .how = how };
	} else if (i == st->n_hosts) {
		i--;
	}
	h = &st->hosts[i];
	copy_text(h->name, sizeof(h->name), name);
	h->how = how;
	h->copies += copies;
	for (; i > 0 && st->hosts[i - 1].copies < st->hosts[i].copies; i--) {
		struct storm_host swap = st->hosts[i - 1];

		st->hosts[i - 1] = st->hosts[i];
		st->hosts[i] = swap;
	}
}

void
storm_sources(struct storm *st, const struct view *v, uint64_t copies)
{
	const struct header_facts *f = &v->msg->header.f;
	const struct traits *t = v->traits;
	/* Behind relays of ours: what the last of their lines says of whom they had it from. */
	struct str helo = t->relay_hops ? f->hops[t->own_top + t->relay_hops - 1].from : v->msg->helo;

	storm_add_message(st);
	storm_add_host(st, t->client_text, "client", copies);
	if (!site_own_host(v->site, helo))
		storm_add_host(st, helo, "helo", copies);
	storm_add_host(st, f->gateway_marker, "gateway-marker", copies);
}

/* --- events again --------------------------------------------------------------------------------- */

void
storms_on_leave(struct storms *s, storm_fn *leave, void *arg)
{
	s->leave = leave;
	s->leave_arg = arg;
}

void
storms_hide(struct storms *s, const struct privacy *p)
{
	s->privacy = p;
	LIST_FOREACH (it, &s->order.all)
		storm_hide(container_of(it, struct storm, lru), p);
}

void
storms_log(struct storms *s, struct buf *log)
{
	s->log = log;
}

static void
replay_open(struct storms *s, struct wire *u, struct key128 key, struct now now)
{
	struct opening o = { .key = key };
	struct storm *known;

	o.id = unpack_u64(u);
	o.rule_id = unpack_u64(u);
	o.rule = unpack_str(u, STORM_TEXT_LEN);
	o.message_id = unpack_str(u, STORM_TEXT_LEN);
	o.subject = unpack_str(u, STORM_TEXT_LEN);
	o.sender = unpack_str(u, STORM_TEXT_LEN);
	o.quiet = unpack_int(u);
	o.remember = unpack_int(u);
	o.block = unpack_int(u);
	if (o.id == 0 || o.id >> 63 || o.quiet < 0 || o.remember < 0 || o.block < 0)
		unpack_fail(u);
	if (!wire_ok(u))
		return;
	/* One that closed and was forgotten meanwhile, and another one since. */
	known = find_any(s, key);
	if (known && known->id != o.id)
		storms_drop(known);
	open_storm(s, &o, now)->opened = false;
}

static void
replay_copy(struct storm *st, struct wire *u, struct now now)
{
	uint64_t rcpt = unpack_u64(u);
	unsigned what = (unsigned)unpack_within(u, 0, COPY_PASSED | COPY_BESIDE);

	if (st && rcpt && wire_ok(u))
		add_copy(st, rcpt, what, now);
}

static void
replay_host(struct storm *st, struct wire *u)
{
	size_t how = (size_t)unpack_within(u, 0, STORM_HOWS - 1);
	struct str name = unpack_str(u, STORM_HOST_LEN);
	uint64_t copies = unpack_var(u);

	if (st && wire_ok(u))
		storm_add_host(st, name, storm_hows[how], copies);
}

static void
replay_shortest(struct storm *st, struct wire *u)
{
	uint32_t lines = (uint32_t)unpack_within(u, 1, UINT32_MAX);

	if (st && wire_ok(u))
		storm_shortest(st, lines);
}

static void
replay_event(struct storms *s, struct wire *u, struct now now, storm_fn *told, void *arg)
{
	uint8_t what = wire_u8(u);
	struct key128 key = unpack_key(u);
	struct storm *st = find_any(s, key);

	switch (what) {
	case EVENT_OPEN:
		replay_open(s, u, key, now);
		break;
	case EVENT_COPY:
		replay_copy(st, u, now);
		break;
	case EVENT_HOST:
		replay_host(st, u);
		break;
	case EVENT_SHORTEST:
		replay_shortest(st, u);
		break;
	case EVENT_TRIP:
		if (st && wire_ok(u))
			st->tripped = now;
		break;
	case EVENT_MESSAGE:
		if (!st || !wire_ok(u))
			break;
		storm_add_message(st);
		if (told)
			told(arg, st);
		break;
	default:
		unpack_fail(u);
	}
}

int
storms_replay(struct storms *s, struct str events, struct now now, storm_fn *told, void *arg)
{
	struct buf *log = s->log;
	struct wire u;

	s->log = NULL; /* they stand in the log already */
	unpack_init(&u, events);
	while (wire_left(&u) > 0)
		replay_event(s, &u, now, told, arg);
	s->log = log;
	return wire_done(&u) ? 0 : ERR_CORRUPT;
}

/* --- all of them -------------------------------------------------------------------------------------- */

void
storms_each(const struct storms *s, storm_fn *fn, void *arg)
{
	LIST_FOREACH_SAFE (it, after, &s->order.all)
		fn(arg, container_of(it, struct storm, lru));
}

void
storms_each_changed(struct storms *s, storm_fn *fn, void *arg)
{
	LIST_FOREACH_SAFE (it, after, &s->order.all) {
		struct storm *st = container_of(it, struct storm, lru);

		if (!st->changed)
			continue;
		st->changed = false;
		fn(arg, st);
		if (st->state == STORM_CLOSED && !st->changed)
			storms_drop(st);
	}
}

uint32_t
storms_count(const struct storms *s, enum storm_state state)
{
	return s->count[state];
}

uint32_t
storms_total(const struct storms *s)
{
	return s->map.n;
}

uint64_t
storms_displaced(const struct storms *s)
{
	return s->displaced;
}
