/* SPDX-License-Identifier: ISC */
#include "judge/action.h"

#include "base/compiler.h"
#include "judge/detect.h"

/*
 * {action x door} -> what is sent when all recipients are concerned, and when only some are. Splitting
 * doors tell DROP_RECIPIENTS; a whole-message action is never used for some. Stages: only DATA and
 * END-OF-MESSAGE come here; the envelope-only policy door differs at END-OF-MESSAGE in nothing but the
 * additive actions.
 */
struct fit {
	enum action all, some;
};

static const struct fit split_door[ACT_COUNT] = {
	[ACT_DEFER] = { ACT_DEFER, ACT_PASS },
	[ACT_REJECT] = { ACT_REJECT, ACT_DROP_RECIPIENTS },
	[ACT_DISCARD] = { ACT_DISCARD, ACT_DROP_RECIPIENTS },
	[ACT_HOLD] = { ACT_HOLD, ACT_PASS },
	[ACT_DROP_RECIPIENTS] = { ACT_DISCARD, ACT_DROP_RECIPIENTS },
	[ACT_REDIRECT_OWNER] = { ACT_REDIRECT_OWNER, ACT_REDIRECT_OWNER },
};

static const struct fit whole_door[ACT_COUNT] = {
	[ACT_DEFER] = { ACT_DEFER, ACT_PASS },
	[ACT_REJECT] = { ACT_REJECT, ACT_PASS },
	[ACT_DISCARD] = { ACT_DISCARD, ACT_PASS },
	[ACT_HOLD] = { ACT_HOLD, ACT_PASS },
	[ACT_DROP_RECIPIENTS] = { ACT_DISCARD, ACT_PASS },
	[ACT_REDIRECT_OWNER] = { ACT_REDIRECT_OWNER, ACT_REJECT },
};

static const struct fit *const fits[DOOR_COUNT] = {
	[DOOR_POLICY] = whole_door,
	[DOOR_EXTENDED] = whole_door,
	[DOOR_REPAIRS] = split_door,
	[DOOR_MILTER] = split_door,
	[DOOR_REPLAY] = split_door,
};

static bool
splits(enum door d)
{
	return fits[d] == split_door;
}

enum action
action_fit(enum action a, enum door door, enum stage stage, enum action_scale scale)
{
	if (stage != STAGE_DATA && stage != STAGE_EOM)
		return ACT_PASS;
	if (!action_final(a) || (unsigned)door >= DOOR_COUNT || (unsigned)a >= ACT_COUNT)
		return ACT_PASS;
	return scale == FOR_ALL ? fits[door][a].all : fits[door][a].some;
}

bool
action_additive_ok(enum action a, enum door door, enum stage stage)
{
	switch (a) {
	case ACT_WARN:
		return true;
	case ACT_PREPEND:
		return splits(door) || stage == STAGE_DATA; /* access(5): no PREPEND at END-OF-MESSAGE */
	case ACT_CONCEAL:
		return door == DOOR_MILTER || door == DOOR_REPLAY;
	case ACT_SET_SENDER_OWNER:
		return splits(door);
	default:
		return false;
	}
}

/* --- what a door is told ------------------------------------------------------------------------------ */

static const struct {
	const char *dsn, *text;
} replies[ACT_COUNT] = {
	[ACT_DEFER] = { "4.7.1", "This message has been seen before; try again later" },
	[ACT_REJECT] = { "5.7.1", "This message is part of a mail storm" },
	[ACT_DISCARD] = { "", "part of a mail storm" },
	[ACT_HOLD] = { "", "part of a mail storm" },
	[ACT_REDIRECT_OWNER] = { "", "" },
};

/* The rule's own words fit what it asked for itself, by its action or its brake, and the refusal that
 * redirect-owner may become; not a retry's defer. */
static bool
asked_for(const struct rule *r, enum action what)
{
	return r->action == what || (r->action == ACT_REDIRECT_OWNER && what == ACT_REJECT) ||
	    !action_final(r->action) || r->outsiders == what || rule_brake_action(r) == what;
}

/* The rule's own enhanced status code, its detector's, or the general one: whichever is of the class. */
static const char *
code_of(const struct rule *r, char class, const char *general)
{
	const char *dsn = r->detector ? r->detector->dsn : NULL;

	if (r->dsn[0] == class)
		return r->dsn;
	return dsn && dsn[0] == class ? dsn : general;
}

void
action_say(struct verdict *v, enum action what, const struct rule *r)
{
	bool mine = r && asked_for(r, what), own_text = mine && r->text && *r->text;
	char class = what == ACT_DEFER ? '4' : '5';

	v->what = what;
	v->dsn = str_of(mine ? code_of(r, class, replies[what].dsn) : replies[what].dsn);
	v->text = str_of(own_text ? r->text : replies[what].text);
	if (!own_text && mine && r->detector && r->detector->text)
		v->text = str_of(r->detector->text);
}

static const struct rule *
rule_that_wants(const struct wish *w, uint32_t n, enum action a)
{
	for (uint32_t i = 0; i < n; i++)
		if (w[i].action == a)
			return w[i].rule;
	return NULL;
}

/* What one rule wanted for its recipients becomes of all; what others wanted for theirs does not happen. */
static void
share(const struct msg *m, struct wish *w, enum action got, const struct rule *by)
{
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		w[i].got = got;
		w[i].rule = by;
	}
}

/* Nobody gets the message, and nobody's owner does: the gentlest of what was asked, for all. */
static void
settle_nobody(const struct msg *m, struct wish *w, const uint32_t count[ACT_COUNT], struct verdict *v)
{
	static const enum action order[] = { ACT_DEFER, ACT_HOLD, ACT_REJECT, ACT_DISCARD,
		ACT_DROP_RECIPIENTS };

	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		enum action what = action_fit(order[i], m->door, m->stage, FOR_ALL);
		const struct rule *by;

		if (!count[order[i]])
			continue;
		by = rule_that_wants(w, m->n_rcpts, order[i]);
		if (what != ACT_PASS)
			action_say(v, what, by);
		share(m, w, what, by);
		return;
	}
}

static void
add_owner(const struct msg *m, struct wish *w, struct verdict *v, struct str owner)
{
	for (uint32_t i = 0; i < v->n_add; i++)
		if (str_ieq(v->add[i], owner))
			return;
	/* An owner who is a recipient of his own right gets it anyway, unless he is dropped. */
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (w[i].action == ACT_PASS && str_ieq(m->rcpts[i].addr, owner))
			return;
	v->add[v->n_add++] = owner;
}

/* Somebody gets the message, at a door that can split. */
static void
settle_split(const struct msg *m, struct wish *w, struct arena *a, struct verdict *v)
{
	v->drop = arena_alloc(a, m->n_rcpts * sizeof(*v->drop));
	v->add = arena_alloc(a, m->n_rcpts * sizeof(*v->add));
	if (!v->drop || !v->add)
		return;
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		w[i].got = action_fit(w[i].action, m->door, m->stage, FOR_SOME);
		if (w[i].got == ACT_PASS)
			continue;
		v->drop[v->n_drop++] = i;
		if (w[i].got == ACT_REDIRECT_OWNER)
			add_owner(m, w, v, w[i].owner);
	}
}

/* A door that can say one thing only, and redirect is among the wishes. */
static bool
settle_redirect(const struct msg *m, struct wish *w, bool all, struct verdict *v)
{
	enum action what;
	uint32_t i = 0;

	while (i < m->n_rcpts && w[i].action != ACT_REDIRECT_OWNER)
		i++;
	if (i == m->n_rcpts)
		return false;
	what = action_fit(ACT_REDIRECT_OWNER, m->door, m->stage, all && m->n_rcpts == 1 ? FOR_ALL : FOR_SOME);
	if (what == ACT_PASS)
		return false;
	action_say(v, what, w[i].rule);
	v->redirect = w[i].owner;
	share(m, w, what, w[i].rule);
	return true;
}

void
action_settle(const struct msg *m, struct wish *w, bool known, struct arena *a, struct verdict *v)
{
	uint32_t count[ACT_COUNT] = { 0 };
	bool all;

	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		count[w[i].action]++;
		w[i].got = ACT_PASS;
	}
	if (m->n_rcpts == 0 || count[ACT_PASS] == m->n_rcpts)
		return;
	all = known && count[ACT_PASS] == 0;
	if (splits(m->door) && (!all || count[ACT_REDIRECT_OWNER]))
		settle_split(m, w, a, v);
	else if (count[ACT_REDIRECT_OWNER] && settle_redirect(m, w, all, v))
		return;
	else if (all)
		settle_nobody(m, w, count, v);
}
