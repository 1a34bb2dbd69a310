/* SPDX-License-Identifier: ISC */
/*
 * Storms by when they were last seen, all of them and those of each rule. Room is made by the rule that
 * has the most: who can open storms by the thousand pushes out his own, and not one that another rule
 * remembers.
 */
#ifndef JUDGE_STORM_ORDER_H
#define JUDGE_STORM_ORDER_H

#include "base/list.h"
#include "base/map.h"

struct storm;

struct storm_order {
	struct list all;      /* of storm.lru, least recently seen first */
	struct map rules;     /* rule id -> its storms */
	struct list by_count; /* the rules, in no order */
};

void storm_order_init(struct storm_order *o);
void storm_order_fini(struct storm_order *o); /* after the last storm has left */

void storm_order_add(struct storm_order *o, struct storm *st);   /* seen just now */
void storm_order_place(struct storm_order *o, struct storm *st); /* by st->last */
void storm_order_touch(struct storm_order *o, struct storm *st);
void storm_order_del(struct storm_order *o, struct storm *st);

uint32_t storm_order_count(const struct storm_order *o, uint64_t rule_id);

/* Who makes room, NULL: there is none. */
struct storm *storm_order_victim(const struct storm_order *o);

#endif
