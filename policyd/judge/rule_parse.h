/* SPDX-License-Identifier: ISC */
/* One [rule NAME] section of rules.conf, key by key. The caller (config.c) reads the file and reports faults. */
#ifndef JUDGE_RULE_PARSE_H
#define JUDGE_RULE_PARSE_H

#include "base/conf.h"
#include "judge/lists.h"
#include "judge/rule.h"

struct rule_keys; /* the parser's own: values seen so far for one rule */

/* The key table, for -t, the docs lint, and `stormctl config`. */
extern const struct conf_key rule_key_table[];
extern const unsigned rule_key_count;

#endif
