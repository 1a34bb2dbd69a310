/* SPDX-License-Identifier: ISC */
#include "judge/storm.h"

#include "base/map.h"
#include "base/xalloc.h"

struct storms {
	struct map map;
	struct list lru; /* least recently seen first */
	uint32_t count[2];
};

struct storms *
storms_new(void)
{
	struct storms *s = xcalloc(1, sizeof(*s));

	map_init(&s->map);
	list_init(&s->lru);
	return s;
}

static void
storm_remove(struct storms *s, struct storm *st)
{
	map_del(&s->map, st->key);
	list_del(&st->lru);
	s->count[st->state]--;
	xfree(st->rcpts);
	xfree(st->hosts);
	xfree(st);
}

void
storms_free(struct storms *s)
{
	if (!s)
		return;
	LIST_FOREACH_SAFE (it, after, &s->lru)
		storm_remove(s, container_of(it, struct storm, lru));
	map_fini(&s->map);
	xfree(s);
}

struct storm *
storms_find(const struct storms *s, struct key128 key)
{
	return s ? map_get(&s->map, key) : NULL;
}

static void
copy_text(char *to, size_t size, struct str s)
{
	size_t n = s.n < size - 1 ? s.n : size - 1;

	if (n)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

static void
set_state(struct storms *s, struct storm *st, enum storm_state state)
{
	s->count[st->state]--;
	st->state = state;
	s->count[state]++;
	st->changed = true;
}

static void
touch(struct storms *s, struct storm *st)
{
	list_del(&st->lru);
	list_add_tail(&s->lru, &st->lru);
}

static struct storm *
storm_new(struct storms *s, struct key128 key, const struct rule *r, const struct view *v, struct now now)
{
	struct storm *st = xcalloc(1, sizeof(*st));
	struct hash h;

	if (s->map.n >= STORMS_MAX)
		storm_remove(s, container_of(s->lru.next, struct storm, lru));
	hash_init(&h, v->site->hash_seed, "storm-id");
	hash_key(&h, key);
	hash_u64(&h, (uint64_t)now.wall);
	st->id = (hash_end64(&h) >> 1) | 1;
	st->key = key;
	st->state = STORM_OPEN;
	st->first = st->last = now;
	st->rule_id = r->id;
	copy_text(st->rule, sizeof(st->rule), str_of(r->name));
	copy_text(st->message_id, sizeof(st->message_id), v->msg->header.f.message_id);
	copy_text(st->subject, sizeof(st->subject), v->msg->header.f.subject);
	copy_text(st->sender, sizeof(st->sender), v->msg->sender);
	st->opened = true;
	map_put(&s->map, key, st);
	list_add_tail(&s->lru, &st->lru);
	s->count[STORM_OPEN]++;
	return st;
}

struct storm *
storms_open(struct storms *s, struct key128 key, const struct rule *r, const struct view *v, struct now now)
{
	struct storm *st = storms_find(s, key);

	if (!st) {
		st = storm_new(s, key, r, v, now);
	} else if (st->state != STORM_OPEN) {
		set_state(s, st, STORM_OPEN);
		st->opened = true;
	}
	/* A changed setting reaches the storm that is open now. */
	st->quiet = r->quiet;
	st->remember = r->remember;
	st->last = now;
	st->changed = true;
	touch(s, st);
	return st;
}

static bool
add_rcpt(struct storm *st, uint64_t hash)
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
				add_rcpt(st, old[i]);
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

void
storm_copy(struct storm *st, const struct view *v, uint32_t rcpt, bool passed, struct now now)
{
	uint64_t hash = hash64(v->site->hash_seed, v->rcpts[rcpt].key);

	st->offered++;
	if (passed)
		st->passed++;
	else
		st->stopped++;
	st->last = now;
	st->changed = true;
	if (st->n_rcpts < STORM_RCPTS_MAX)
		add_rcpt(st, hash ? hash : 1);
}

/* Keeps the list sorted by copies. At the cap the last one makes room, its count taken over: the hosts that
 * really carry the storm soon overtake those that were seen once (Metwally's space saving). */
static void
add_host(struct storm *st, struct str name, const char *how, uint64_t copies)
{
	struct storm_host *h = NULL;
	uint32_t i;

	if (name.n == 0)
		return;
	name = str_sub(name, 0, STORM_HOST_LEN - 1);
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

/* Is that host on the way that the first copy took too? */
static bool
on_original_way(const struct header_facts *f, uint32_t from, struct str name)
{
	for (uint32_t i = from; i < f->n_hops; i++)
		if (str_ieq(f->hops[i].by, name) || str_ieq(f->hops[i].from, name) ||
		    str_ieq(f->hops[i].from_rdns, name))
			return true;
	return false;
}

void
storm_sources(struct storm *st, const struct view *v, uint32_t base_hops, uint64_t copies)
{
	const struct header_facts *f = &v->msg->header.f;
	uint32_t base = f->n_hops > base_hops ? f->n_hops - base_hops : 0;
	struct str client = v->traits->client_text;

	st->messages++;
	if (!v->header) {
		add_host(st, client, "client", copies);
		return;
	}
	for (uint32_t i = v->traits->own_top; i < base; i++) {
		struct str by = f->hops[i].by;
		bool again = site_own_host(v->site, by) || on_original_way(f, base, by);

		for (uint32_t k = v->traits->own_top; k < i && !again; k++)
			again = str_ieq(f->hops[k].by, by);
		if (!again)
			add_host(st, by, "received", copies);
	}
	if (f->gateway_marker.n)
		add_host(st, f->gateway_marker, "gateway-marker", copies);
	/* Who handed it to us: only a suspect when the message had been somewhere before. */
	if (base > v->traits->own_top && !on_original_way(f, base, v->msg->helo)) {
		add_host(st, client, "client", copies);
		add_host(st, v->msg->helo, "helo", copies);
	}
}

void
storms_tick(struct storms *s, struct now now, storm_fn *closed, void *arg)
{
	LIST_FOREACH_SAFE (it, after, &s->lru) {
		struct storm *st = container_of(it, struct storm, lru);
		int64_t age = now.mono - st->last.mono;

		if (st->state == STORM_OPEN && age >= st->quiet) {
			set_state(s, st, STORM_REMEMBERED);
			if (closed)
				closed(arg, st);
		} else if (st->state == STORM_REMEMBERED && age >= st->remember && !st->changed) {
			storm_remove(s, st);
		}
	}
}

void
storms_each(struct storms *s, storm_fn *fn, void *arg)
{
	LIST_FOREACH (it, &s->lru)
		fn(arg, container_of(it, struct storm, lru));
}

void
storms_each_changed(struct storms *s, storm_fn *fn, void *arg)
{
	LIST_FOREACH (it, &s->lru) {
		struct storm *st = container_of(it, struct storm, lru);

		if (st->changed) {
			st->changed = false;
			fn(arg, st);
		}
	}
}

uint32_t
storms_count(const struct storms *s, enum storm_state state)
{
	return s->count[state];
}

const char *
storm_state_name(enum storm_state st)
{
	return st == STORM_OPEN ? "open" : "remembered";
}
