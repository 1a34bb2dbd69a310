/* SPDX-License-Identifier: ISC */
/*
 * Rules as the configuration compiled them. Const for everybody but the parser; one ruleset lives from one
 * reload to the next.
 */
#ifndef JUDGE_RULE_H
#define JUDGE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"
#include "mail/msg.h"
#include "mail/site.h"
#include "mail/traits.h"
#include "mail/verdict.h"

struct detector;

enum rule_mode { MODE_OFF, MODE_SHADOW, MODE_ENFORCE };
enum rule_scope { SCOPE_ANY, SCOPE_INBOUND, SCOPE_OUTBOUND };
enum rule_brake { BRAKE_OFF, BRAKE_DEFER, BRAKE_REJECT };

/* exempt = networks (by effective client), addresses, @domains, localpart@ (envelope sender: the whole
 * message; recipient: that recipient only). */
struct exempt {
	struct netset nets;
	struct strset addrs;   /* user@domain */
	struct strset domains; /* without '@'; ".example.org" matches subdomains */
	struct strset locals;  /* without '@' */
};

/* What a message is counted under; several together make one key. */
enum count_by {
	BY_CLIENT = 1 << 0,
	BY_NETWORK = 1 << 1, /* of the client: IPv4 /24, IPv6 /64 */
	BY_SENDER = 1 << 2,
	BY_SENDER_DOMAIN = 1 << 3,
	BY_SASL_USER = 1 << 4,
	BY_RECIPIENT = 1 << 5,
	BY_RECIPIENT_DOMAIN = 1 << 6,
};

enum measure { MEASURE_MESSAGES, MEASURE_RECIPIENTS, MEASURE_BYTES };

/* What only some detectors read, each behind a key of its own. */
enum rule_key_use {
	KEY_REPEATS = 1 << 0,
	KEY_GATEWAY_LIMIT = 1 << 1,
	KEY_AUTHORS = 1 << 2,
	KEY_WIDE = 1 << 3,
	KEY_COPIES = 1 << 4,
	KEY_OUTSIDERS = 1 << 5,
	KEY_PACE = 1 << 6,
	KEY_AUTOMATIC_LIMIT = 1 << 7,
	KEY_COUNT_BY = 1 << 8,
	KEY_MEASURE = 1 << 9,
	KEY_ADDRESSES = 1 << 10,
	KEY_OWN_LIMIT = 1 << 11,
	KEY_BRAKE_SHARE = 1 << 12, /* brake_for, probe */
};

struct rule {
	char *name;
	const struct detector *detector;
	enum rule_mode mode; /* with [server] mode = shadow never MODE_ENFORCE */
	enum rule_scope scope;
	enum action action;
	char *arg_name, *arg_value; /* prepend NAME: TEXT */
	char *text;                 /* of defer/reject, or `text =`; may be NULL */
	char dsn[16];               /* enhanced status code in front of the text, or "" */
	uint32_t limit;
	int64_t window, block, remember, quiet; /* ms */
	enum rule_brake brake;
	/* what some detectors read: see rule_key_use */
	uint32_t repeats, gateway_limit, authors, wide, copies, automatic_limit, own_limit;
	int64_t pace; /* ms */
	enum action outsiders;
	unsigned count_by; /* enum count_by */
	enum measure measure;
	struct exempt addresses; /* no networks in it */
	int64_t brake_for;       /* ms */
	uint32_t probe;
	struct exempt exempt;
	uint64_t id;   /* hash of the name: part of every key, the same over reloads */
	unsigned line; /* where it stands in the file, for messages */
};

struct ruleset {
	struct rule *v; /* file order */
	unsigned n;
	bool needs_body;
	int64_t sent_ttl; /* how long what left here is to be known; 0: nobody asks */
};

/* What the brake says at RCPT; ACT_PASS: there is none. */
static inline enum action
rule_brake_action(const struct rule *r)
{
	if (r->brake == BRAKE_OFF)
		return ACT_PASS;
	return r->brake == BRAKE_DEFER ? ACT_DEFER : ACT_REJECT;
}

void rule_init(struct rule *r, const struct detector *d);
void rule_fini(struct rule *r);
void ruleset_fini(struct ruleset *rs);

/* The rule with that name, or NULL. */
const struct rule *ruleset_find(const struct ruleset *rs, struct str name);

bool exempt_msg(const struct exempt *e, const struct traits *t);
bool exempt_rcpt(const struct exempt *e, struct str plain);
/* Whether it could hold for any recipient. */
static inline bool
exempt_names(const struct exempt *e)
{
	return e->addrs.n | e->domains.n | e->locals.n;
}
/* Or for any message. */
static inline bool
exempt_any(const struct exempt *e)
{
	return e->nets.n || exempt_names(e);
}
void exempt_fini(struct exempt *e);

#endif
