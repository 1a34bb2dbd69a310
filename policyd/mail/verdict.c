/* SPDX-License-Identifier: ISC */
#include "mail/verdict.h"

#include "base/err.h"

static const char *const action_names[ACT_COUNT] = {
	[ACT_PASS] = "pass",
	[ACT_WARN] = "warn",
	[ACT_PREPEND] = "prepend",
	[ACT_CONCEAL] = "conceal",
	[ACT_SET_SENDER_OWNER] = "set-sender-owner",
	[ACT_DEFER] = "defer",
	[ACT_REJECT] = "reject",
	[ACT_DISCARD] = "discard",
	[ACT_HOLD] = "hold",
	[ACT_DROP_RECIPIENTS] = "drop-recipients",
	[ACT_REDIRECT_OWNER] = "redirect-owner",
};

const char *
action_name(enum action a)
{
	return (unsigned)a < ACT_COUNT ? action_names[a] : "?";
}

int
action_parse(struct str name, enum action *out)
{
	for (unsigned i = ACT_WARN; i < ACT_COUNT; i++) {
		if (str_eq(name, str_of(action_names[i]))) {
			*out = (enum action)i;
			return 0;
		}
	}
	return ERR_SYNTAX;
}
