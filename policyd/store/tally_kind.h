/* SPDX-License-Identifier: ISC */
/* What the kinds of op share: a row of functions each, which tallies.c calls. */
#ifndef STORE_TALLY_KIND_H
#define STORE_TALLY_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/tally.h"
#include "store/tally_table.h"

/* One op on its entry. */
struct step {
	struct tally_table *t;
	uint32_t i;
	struct entry *e;
	int64_t now;
	const struct tally_op *op;
	struct tally_answer *a;
};

struct kind_row {
	void (*apply)(struct step *);
	void (*get)(struct step *);
	/* is_last: no kept touch of the entry came after it. */
	void (*undo)(struct entry *, const struct tally_op *, const struct tally_answer *, bool is_last);
	uint64_t (*last_elem)(struct entry *); /* NULL: it has no elements */
	int64_t (*latest)(struct entry *);     /* what in it may be younger than its `last`; NULL: nothing */
	bool keeps_elems;                      /* it counts itself what it keeps */
};

extern const struct kind_row kind_add, kind_turn, kind_distinct, kind_min, kind_mark;

/* The op is kept. */
void step_touch(struct step *s);

/* Does what was touched at `then` still count? */
static inline bool
within(int64_t window, int64_t then, int64_t now)
{
	return window <= 0 || now - then < window;
}

/* A count that is full stays so. */
static inline void
kept_more(struct entry *e)
{
	e->kept += e->kept < TALLY_KEPT_MAX;
}

static inline void
kept_less(struct entry *e)
{
	e->kept -= e->kept && e->kept < TALLY_KEPT_MAX;
}

#endif
