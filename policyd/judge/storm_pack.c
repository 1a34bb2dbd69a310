/* SPDX-License-Identifier: ISC */
/* Storms as the record has them; to bytes and back: a head (base/blob.h), then one storm after the other. */
#include <string.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "judge/storm.h"

enum { MAGIC = 0x6d745370, VERSION = 2 };

/* Bytes of the shortest storm: key, id, state, rule's id, four empty texts, thirteen small numbers. */
enum { STORM_BYTES_MIN = 16 + 8 + 1 + 8 + 4 + 13 };

struct record_storm
storm_row(const struct storm *st, struct record_host hosts[STORM_HOSTS_MAX])
{
	for (uint32_t i = 0; i < st->n_hosts; i++)
		hosts[i] =
		    (struct record_host){ str_of(st->hosts[i].name), st->hosts[i].how, st->hosts[i].copies };
	return (struct record_storm){
		.id = st->id,
		.rule = str_of(st->rule),
		.key_lo = st->key.lo,
		.key_hi = st->key.hi,
		.state = storm_state_name(st->state),
		.message_id = str_of(st->message_id),
		.subject = str_of(st->subject),
		.sender = str_of(st->sender),
		.first = st->first.wall,
		.last = st->last.wall,
		.offered = st->offered,
		.passed = st->passed,
		.stopped = st->stopped,
		.messages = st->messages,
		.recipients = st->n_rcpts,
		.hosts = hosts,
		.n_hosts = st->n_hosts,
	};
}

/* ---- writing ---- */

/* What the wall clock would have shown then if it had been as it is now: it may have been put right since,
 * and a restart has no other clock to tell the storm's age by. */
static int64_t
wall_then(struct now then, struct now now)
{
	int64_t wall = now.wall - (now.mono - then.mono);

	return wall - then.wall > MS_MIN || then.wall - wall > MS_MIN ? wall : then.wall;
}

void
storm_pack(const struct storm *st, struct now now, struct buf *out)
{
	pack_key(out, st->key);
	pack_u64(out, st->id);
	pack_var(out, st->state);
	pack_u64(out, st->rule_id);
	pack_str(out, str_of(st->rule));
	pack_str(out, str_of(st->message_id));
	pack_str(out, str_of(st->subject));
	pack_str(out, str_of(st->sender));
	pack_int(out, wall_then(st->first, now));
	pack_int(out, wall_then(st->last, now));
	pack_int(out, wall_then(st->tripped, now));
	pack_int(out, st->quiet);
	pack_int(out, st->remember);
	pack_int(out, st->block);
	pack_var(out, st->offered);
	pack_var(out, st->passed);
	pack_var(out, st->stopped);
	pack_var(out, st->messages);
	pack_var(out, st->shortest);
	pack_var(out, st->n_rcpts);
	for (uint32_t i = 0; i < st->cap_rcpts; i++)
		if (st->rcpts[i])
			pack_u64(out, st->rcpts[i]);
	pack_var(out, st->n_hosts);
	for (uint32_t i = 0; i < st->n_hosts; i++) {
		pack_str(out, str_of(st->hosts[i].name));
		pack_str(out, str_of(st->hosts[i].how));
		pack_var(out, st->hosts[i].copies);
	}
}

struct packing {
	struct now now;
	struct buf *out;
};

static void
put_each(void *arg, struct storm *st)
{
	const struct packing *p = arg;

	storm_pack(st, p->now, p->out);
}

void
storms_pack_all(const struct storms *s, struct now now, struct buf *out)
{
	struct blob head = { .magic = MAGIC, .version = VERSION, .wall = now.wall };
	struct packing p = { now, out };
	size_t at = blob_begin(out, &head);

	storms_each(s, put_each, &p);
	blob_end(out, at, storms_total(s));
}

/* ---- reading ---- */

static void
get_text(struct wire *u, char *to, size_t size)
{
	struct str s = unpack_str(u, size - 1);

	if (str_find(s, '\0') < s.n)
		unpack_fail(u);
	else if (s.n)
		memcpy(to, s.p, s.n);
}

/* A wall time with what it is on the monotonic clock. */
static struct now
get_time(struct wire *u, struct now now)
{
	int64_t wall = unpack_int(u);

	if (wall < -BLOB_TIME_MAX || wall > BLOB_TIME_MAX) {
		unpack_fail(u);
		wall = now.wall;
	}
	return (
	    struct now){ .mono = wall < now.wall ? now.mono - (now.wall - wall) : now.mono, .wall = wall };
}

static int64_t
get_span(struct wire *u)
{
	int64_t v = unpack_int(u);

	if (v < 0)
		unpack_fail(u);
	return v;
}

static void
get_rcpts(struct wire *u, struct storm *st)
{
	uint64_t n = unpack_within(u, 0, STORM_RCPTS_MAX);

	for (; n && wire_ok(u); n--) {
		uint64_t hash = unpack_u64(u);

		if (!hash || !storm_add_rcpt(st, hash))
			unpack_fail(u);
	}
}

static const char *
get_how(struct wire *u)
{
	struct str s = unpack_str(u, STORM_HOST_LEN);

	for (size_t i = 0; i < STORM_HOWS; i++)
		if (str_eq(s, str_of(storm_hows[i])))
			return storm_hows[i];
	unpack_fail(u);
	return storm_hows[0];
}

static void
get_hosts(struct wire *u, struct storm *st)
{
	uint32_t n = (uint32_t)unpack_within(u, 0, STORM_HOSTS_MAX);

	st->cap_hosts = n;
	st->hosts = n ? xcalloc(n, sizeof(*st->hosts)) : NULL;
	for (; n && wire_ok(u); n--) {
		struct storm_host *h = &st->hosts[st->n_hosts];

		get_text(u, h->name, sizeof(h->name));
		h->how = get_how(u);
		h->copies = unpack_var(u);
		if (st->n_hosts && h->copies > h[-1].copies)
			unpack_fail(u);
		st->n_hosts += h->name[0] != '\0'; /* there were programs that wrote some without */
	}
}

static struct storm *
get_storm(struct wire *u, struct now now)
{
	struct storm *st = xcalloc(1, sizeof(*st));

	list_init(&st->lru);
	list_init(&st->mates);
	st->key = unpack_key(u);
	st->id = unpack_u64(u);
	st->state = (enum storm_state)unpack_within(u, STORM_OPEN, STORM_STATES - 1);
	st->rule_id = unpack_u64(u);
	get_text(u, st->rule, sizeof(st->rule));
	get_text(u, st->message_id, sizeof(st->message_id));
	get_text(u, st->subject, sizeof(st->subject));
	get_text(u, st->sender, sizeof(st->sender));
	st->first = get_time(u, now);
	st->last = get_time(u, now);
	if (st->first.mono > st->last.mono)
		st->first.mono = st->last.mono;
	st->tripped = get_time(u, now);
	if (st->tripped.mono > st->last.mono)
		st->tripped.mono = st->last.mono;
	st->quiet = get_span(u);
	st->remember = get_span(u);
	st->block = get_span(u);
	st->offered = unpack_var(u);
	st->passed = unpack_var(u);
	st->stopped = unpack_var(u);
	st->messages = unpack_var(u);
	st->shortest = (uint32_t)unpack_within(u, 0, UINT32_MAX);
	get_rcpts(u, st);
	get_hosts(u, st);
	if (key_is_zero(st->key) || st->id == 0 || st->id > INT64_MAX)
		unpack_fail(u);
	return st;
}

int
storms_unpack_all(struct storms *s, struct str bytes, struct now now)
{
	struct blob head = { .magic = MAGIC, .version = VERSION };
	struct storm **v;
	struct wire u;
	uint32_t n = 0;
	int err = blob_open(bytes, &head, &u);

	if (err)
		return err;
	if (head.count > STORMS_MAX || head.count > wire_left(&u) / STORM_BYTES_MIN)
		return ERR_CORRUPT;
	v = xcalloc((size_t)head.count + 1, sizeof(struct storm *));
	while (n < head.count && wire_ok(&u))
		v[n++] = get_storm(&u, now);
	err = wire_done(&u) ? 0 : ERR_CORRUPT;
	for (uint32_t i = 0; i < n; i++) {
		if (err)
			storm_free(v[i]);
		else
			storms_put(s, v[i]);
	}
	xfree(v);
	return err;
}
