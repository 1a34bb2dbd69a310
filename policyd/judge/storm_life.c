/* SPDX-License-Identifier: ISC */
/* The life of a storm: what the course of time and a change of the rules make of it. */
#include "base/clock.h"
#include "base/err.h"
#include "judge/storm.h"

enum { COOLING_PART = 4, TOLD_EVERY = MS_SEC };

const char *
storm_state_name(enum storm_state st)
{
	static const char *const names[STORM_STATES] = {
		[STORM_OPEN] = "open",
		[STORM_COOLING] = "cooling",
		[STORM_REMEMBERED] = "remembered",
		[STORM_CLOSED] = "closed",
	};

	return (unsigned)st < STORM_STATES ? names[st] : "?";
}

int
storm_id_range(struct str digits, uint64_t *from, uint64_t *to)
{
	unsigned shift = 64 - 4 * (unsigned)digits.n;
	uint64_t id = 0;

	if (digits.n == 0 || digits.n > 16)
		return ERR_SYNTAX;
	for (size_t i = 0; i < digits.n; i++) {
		int v = str_hex(digits.p[i]);

		if (v < 0)
			return ERR_SYNTAX;
		id = id << 4 | (unsigned)v;
	}
	*from = id << shift;
	*to = *from | (((uint64_t)1 << shift) - 1);
	return 0;
}

bool
storm_blocked(const struct storm *st, struct now now)
{
	return st->block && storm_live(st) && now.mono - st->tripped.mono < st->block;
}

int64_t
storm_closes_at(const struct storm *st)
{
	int64_t quiet = st->last.mono + st->quiet, block = st->tripped.mono + st->block;

	return st->block && block > quiet ? block : quiet;
}

static void
storm_close(struct storm *st, storm_fn *closed, void *arg)
{
	storm_set_state(st, st->remember > 0 ? STORM_REMEMBERED : STORM_CLOSED);
	if (closed)
		closed(arg, st);
}

/* Moves one storm on. Returns when it is to be looked at again, or 0 when it is gone. */
static int64_t
storm_tick(struct storm *st, struct now now, storm_fn *closed, void *arg)
{
	int64_t cools = st->last.mono + st->quiet / COOLING_PART, forgotten;

	if (st->state == STORM_OPEN && now.mono >= cools)
		storm_set_state(st, STORM_COOLING);
	if (st->state == STORM_COOLING && now.mono >= storm_closes_at(st))
		storm_close(st, closed, arg);
	/* Counted from its last copy: what is remembered for 45 days is known on the 45th. */
	forgotten = st->last.mono + st->remember;
	if (st->state == STORM_REMEMBERED && now.mono >= forgotten)
		storm_set_state(st, STORM_CLOSED);
	if (st->state == STORM_CLOSED && !st->changed) {
		storms_drop(st);
		return 0;
	}
	if (st->state == STORM_CLOSED)
		return now.mono + TOLD_EVERY;
	if (st->state == STORM_REMEMBERED)
		return forgotten;
	return st->state == STORM_OPEN ? cools : storm_closes_at(st);
}

struct ticking {
	struct now now;
	storm_fn *closed;
	void *arg;
	int64_t due;
};

static void
tick_one(void *arg, struct storm *st)
{
	struct ticking *t = arg;
	int64_t at = storm_tick(st, t->now, t->closed, t->arg);

	if (at && at < t->due)
		t->due = at;
}

void
storms_tick(struct storms *s, struct now now, storm_fn *closed, void *arg)
{
	struct ticking t = { .now = now, .closed = closed, .arg = arg, .due = INT64_MAX };

	if (now.mono < *storms_due(s))
		return;
	storms_each(s, tick_one, &t);
	*storms_due(s) = t.due;
}

static void
forget_one(void *arg, struct storm *st)
{
	struct ticking *t = arg;

	if (t->now.mono >= storm_closes_at(st) && t->now.mono >= st->last.mono + st->remember)
		(void)storm_tick(st, t->now, t->closed, t->arg);
}

void
storms_forget(struct storms *s, struct now now, storm_fn *closed, void *arg)
{
	struct ticking t = { .now = now, .closed = closed, .arg = arg };

	storms_each(s, forget_one, &t);
}

struct obeying {
	const struct ruleset *rules;
	storm_fn *closed;
	void *arg;
};

static const struct rule *
rule_of(const struct ruleset *rules, const struct storm *st)
{
	for (unsigned i = 0; i < rules->n; i++)
		if (rules->v[i].id == st->rule_id && rules->v[i].mode != MODE_OFF)
			return &rules->v[i];
	return NULL;
}

static void
obey_one(void *arg, struct storm *st)
{
	struct obeying *o = arg;
	const struct rule *r = rule_of(o->rules, st);

	if (!r) {
		st->block = st->remember = 0;
		if (storm_live(st))
			storm_close(st, o->closed, o->arg);
		else
			storm_set_state(st, STORM_CLOSED);
		return;
	}
	if (st->quiet == r->quiet && st->remember == r->remember && st->block == r->block)
		return;
	st->quiet = r->quiet;
	st->remember = r->remember;
	st->block = r->block;
	st->changed = true;
	*storms_due(st->owner) = 0;
}

void
storms_obey(struct storms *s, const struct ruleset *rules, storm_fn *closed, void *arg)
{
	struct obeying o = { rules, closed, arg };

	storms_each(s, obey_one, &o);
}
