/* SPDX-License-Identifier: ISC */
#include "serve/share.h"

/* In place of what a new one had before: nothing is known of him until a whole round has been seen. */
enum { NEW = UINT16_MAX };

/* What he had, seen from the present round. */
static struct share
today(const struct share *s, const struct shares *all)
{
	uint32_t ago = all->round - s->round;
	struct share now = { .round = all->round, .fresh = s->fresh };

	if (ago == 0)
		return *s;
	if (ago == 1)
		now.before = s->before == NEW ? SHARE_MODEST : s->used;
	return now;
}

void
share_init(struct share *s, const struct shares *all)
{
	*s = (struct share){ .round = all->round, .before = NEW, .fresh = SHARE_FRESH };
}

enum share_rank
share_ask(const struct share *s, struct shares *all)
{
	struct share t = today(s, all);
	bool modest = (uint64_t)t.used + t.before < SHARE_MODEST;

	if (modest || s->fresh)
		all->special = all->round;
	return modest ? SHARE_FIRST : s->fresh ? SHARE_NEW : SHARE_LAST;
}

static void
next_round(struct shares *all)
{
	all->round++;
	all->left = (uint64_t)SHARE_STEPS * (all->active ? all->active : 1);
	all->active_before = all->active;
	all->active = 0;
}

void
share_use(struct share *s, struct shares *all, uint32_t steps)
{
	if (all->left == 0)
		next_round(all);
	*s = today(s, all);
	if (s->used == 0 && steps)
		all->active++;
	s->used += steps;
	s->fresh -= steps < s->fresh ? steps : s->fresh;
	all->left -= steps < all->left ? steps : all->left;
}

bool
shares_alone(const struct shares *all)
{
	return all->active <= 1 && all->active_before == 1;
}

bool
shares_alike(const struct shares *all, uint32_t live)
{
	return live <= all->active_before && all->round - all->special > 1;
}
