/* SPDX-License-Identifier: ISC */
/* The keys of a rule: how each value is read, and the table of them. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "judge/detect.h"
#include "judge/rule_parse.h"

enum { MAX_TIME_DAYS = 3650 };
#define LIMIT_MAX 4000000000u
static const int64_t max_time = MAX_TIME_DAYS * (int64_t)MS_DAY;

static const struct conf_name mode_names[] = {
	{ "enforce", MODE_ENFORCE },
	{ "shadow", MODE_SHADOW },
	{ "off", MODE_OFF },
	{ NULL, 0 },
};
static const struct conf_name scope_names[] = {
	{ "any", SCOPE_ANY },
	{ "inbound", SCOPE_INBOUND },
	{ "outbound", SCOPE_OUTBOUND },
	{ NULL, 0 },
};
static const struct conf_name brake_names[] = {
	{ "off", BRAKE_OFF },
	{ "defer", BRAKE_DEFER },
	{ "reject", BRAKE_REJECT },
	{ NULL, 0 },
};

static const struct conf_name measure_names[] = {
	{ "messages", MEASURE_MESSAGES },
	{ "recipients", MEASURE_RECIPIENTS },
	{ "bytes", MEASURE_BYTES },
	{ NULL, 0 },
};
static const struct conf_name outsider_names[] = {
	{ "hold", ACT_HOLD },
	{ "defer", ACT_DEFER },
	{ "discard", ACT_DISCARD },
	{ "reject", ACT_REJECT },
	{ NULL, 0 },
};
static const struct conf_name count_names[] = {
	{ "client", BY_CLIENT },
	{ "network", BY_NETWORK },
	{ "sender", BY_SENDER },
	{ "sender-domain", BY_SENDER_DOMAIN },
	{ "sasl-user", BY_SASL_USER },
	{ "recipient", BY_RECIPIENT },
	{ "recipient-domain", BY_RECIPIENT_DOMAIN },
	{ NULL, 0 },
};

/* `near`: what is called alike, or NULL. */
static int
unknown(const char *kind, struct str word, const char *near, char *why, size_t why_len)
{
	if (near)
		snprintf(why, why_len, "no %s is called %s, did you mean \"%s\"?", kind, CONFQ(word), near);
	else
		snprintf(why, why_len, "no %s is called %s; \"stormctl config --%ss\" lists them", kind,
		    CONFQ(word), kind);
	return ERR_SYNTAX;
}

static int
set_detect(void *at, struct str value, char *why, size_t why_len)
{
	const struct detector *d = detector_find(value);
	const char *near = NULL;

	if (d) {
		*(const struct detector **)at = d;
		return 0;
	}
	for (const struct detector *const *it = detectors; *it; it++)
		conf_nearer(value, (*it)->name, &near);
	return unknown("detector", value, near, why, why_len);
}

static int
set_text(void *at, struct str value, char *why, size_t why_len)
{
	struct rule *r = at;

	if (!str_printable(value))
		return err_why(ERR_SYNTAX, why, why_len, "%s is not printable ASCII", CONFQ(value));
	if (value.n > RULE_TEXT_MAX)
		return err_why(ERR_RANGE, why, why_len, "text longer than %d bytes", RULE_TEXT_MAX);
	if (value.n && r->text)
		return err_why(ERR_EXISTS, why, why_len, "the text is given twice, by action and by text");
	if (value.n)
		r->text = xstr(value);
	return 0;
}

static int
set_prepend(struct rule *r, struct str arg, char *why, size_t why_len)
{
	size_t colon = str_find(arg, ':');
	struct str name = str_sub(arg, 0, colon), text = str_trim(str_sub(arg, colon + 1, arg.n));

	if (colon == arg.n || text.n == 0)
		return err_why(ERR_SYNTAX, why, why_len, "prepend needs \"NAME: TEXT\"");
	if (!header_name_fit(name))
		return err_why(ERR_SYNTAX, why, why_len, "%s is not the name of a header field", CONFQ(name));
	if (!str_printable(text))
		return err_why(ERR_SYNTAX, why, why_len, "%s is not printable ASCII", CONFQ(text));
	if (arg.n > RULE_HEADER_MAX)
		return err_why(ERR_RANGE, why, why_len, "header field longer than %d bytes", RULE_HEADER_MAX);
	r->arg_name = xstr(name);
	r->arg_value = xstr(text);
	return 0;
}

static int
unknown_action(struct str word, char *why, size_t why_len)
{
	const char *near = NULL;

	for (int a = ACT_WARN; a < ACT_COUNT; a++)
		conf_nearer(word, action_name((enum action)a), &near);
	return unknown("action", word, near, why, why_len);
}

static int
set_action(void *at, struct str value, char *why, size_t why_len)
{
	struct rule *r = at;
	struct str word = str_sub(value, 0, str_find(value, ' '));
	struct str arg = str_trim(str_sub(value, word.n, value.n));

	if (action_parse(word, &r->action))
		return unknown_action(word, why, why_len);
	xfree(r->arg_name);
	xfree(r->arg_value);
	r->arg_name = r->arg_value = NULL;
	if (r->action == ACT_PREPEND)
		return set_prepend(r, arg, why, why_len);
	if (r->action == ACT_DEFER || r->action == ACT_REJECT)
		return set_text(r, arg, why, why_len);
	if (arg.n)
		return err_why(
		    ERR_SYNTAX, why, why_len, "%s takes no text (use text = ...)", action_name(r->action));
	return 0;
}

/* 10, 64k, 1M: what passes may be bytes. */
static int
set_limit(void *at, struct str value, char *why, size_t why_len)
{
	uint64_t n;
	int err = conf_size(value, &n);

	if (err == ERR_SYNTAX)
		return err_why(err, why, why_len, "%s is not a number", CONFQ(value));
	if (err || n > LIMIT_MAX)
		return err_why(ERR_RANGE, why, why_len, "%s is above %u", CONFQ(value), LIMIT_MAX);
	*(uint32_t *)at = (uint32_t)n;
	return 0;
}

static int
unknown_count(struct str word, char *why, size_t why_len)
{
	struct buf all;
	int err;

	buf_init(&all, 0);
	rule_count_by_text(~0u, &all);
	err = err_why(ERR_SYNTAX, why, why_len, "%s is none of %.*s", CONFQ(word), STR_FMT(buf_str(&all)));
	buf_fini(&all);
	return err;
}

static int
set_count_by(void *at, struct str value, char *why, size_t why_len)
{
	unsigned *by = at;
	struct str word;

	*by = 0;
	while (conf_word(&value, &word)) {
		const struct conf_name *n = count_names;

		while (n->name && !str_eq(word, str_of(n->name)))
			n++;
		if (!n->name)
			return unknown_count(word, why, why_len);
		*by |= (unsigned)n->value;
	}
	if (*by)
		return 0;
	return err_why(ERR_SYNTAX, why, why_len, "it needs something to count by");
}

const char *
rule_value_name(const char *key, int value)
{
	const struct conf_key *k = conf_find(rule_key_table, rule_key_count, "rule", key);

	for (const struct conf_name *n = k->names; n->name; n++)
		if (n->value == value)
			return n->name;
	return "?";
}

void
rule_count_by_text(unsigned count_by, struct buf *out)
{
	const char *before = "";

	if (!count_by)
		buf_str_append(out, STR("-"));
	for (const struct conf_name *n = count_names; n->name; n++) {
		if (!(count_by & (unsigned)n->value))
			continue;
		buf_str_append(out, str_of(before));
		buf_str_append(out, str_of(n->name));
		before = ", ";
	}
}

static int
exempt_one(struct exempt *e, struct str word)
{
	size_t at = str_rfind(word, '@');
	struct str local = str_sub(word, 0, at), domain = str_sub(word, at + 1, word.n);
	struct net net;
	int err;

	if (at == word.n) {
		err = net_parse(word, &net);
		if (!err)
			netset_add(&e->nets, &net);
		return err;
	}
	if (str_find(local, '@') < local.n || (local.n == 0 && domain.n == 0))
		return ERR_SYNTAX;
	if (str_find(local, '*') < local.n) /* nobody's address: @domain is meant */
		return ERR_SYNTAX;
	if (domain.n && (!conf_domain(domain) || (local.n && domain.p[0] == '.')))
		return ERR_SYNTAX;
	if (local.n == 0)
		strset_add(&e->domains, domain);
	else
		strset_add(domain.n ? &e->addrs : &e->locals, domain.n ? word : local);
	return 0;
}

static int
set_each(struct exempt *e, struct str value, bool nets, char *why, size_t why_len)
{
	struct str word;

	exempt_fini(e);
	while (conf_word(&value, &word)) {
		if (exempt_one(e, word) == 0 && (nets || e->nets.n == 0))
			continue;
		return err_why(ERR_SYNTAX, why, why_len, "%s is not %suser@domain, @domain or localpart@",
		    CONFQ(word), nets ? "a network, " : "");
	}
	return 0;
}

static int
set_exempt(void *at, struct str value, char *why, size_t why_len)
{
	return set_each(at, value, true, why, why_len);
}

static int
set_addresses(void *at, struct str value, char *why, size_t why_len)
{
	return set_each(at, value, false, why, why_len);
}

#define KEY(key, kind, ...)                                               \
	{                                                                 \
		.section = "rule", .name = key, .type = kind, __VA_ARGS__ \
	}
#define AT(member, ctype) .offset = CONF_AT(struct rule, member, ctype)

const struct conf_key rule_key_table[] = {
	KEY("detect", CONF_CALL, AT(detector, const struct detector *), .call = set_detect,
	    .form = "detector",
	    .help = "Which detector the rule asks; the only key that every rule must have."),
	KEY("limit", CONF_CALL, AT(limit, uint32_t), .call = set_limit, .form = "number",
	    .help = "What passes; the next one is stopped."),
	KEY("window", CONF_MSEC, AT(window, int64_t), .min = MS_SEC, .max = max_time,
	    .help = "The time in which limit counts, for detectors that count over time."),
	KEY("scope", CONF_ENUM, AT(scope, enum rule_scope), .names = scope_names,
	    .help =
		"Look at mail to local domains, at mail that leaves from own networks and users, or at any."),
	KEY("mode", CONF_ENUM, AT(mode, enum rule_mode), .names = mode_names, .def = "enforce",
	    .help = "Act, only count and log what would have been done, or do not ask the rule at all."),
	KEY("action", CONF_CALL, .offset = 0, .call = set_action, .form = "action",
	    .help = "What is done with what is over the limit."),
	KEY("text", CONF_CALL, .offset = 0, .call = set_text, .form = "text", .def = "",
	    .help =
		"The text of a refusal or reason, with an enhanced status code in front of it if wanted."),
	KEY("block", CONF_MSEC, AT(block, int64_t), .min = 0, .max = max_time,
	    .help = "How long all that belongs to the storm stays stopped after the rule tripped, whatever "
		    "the counts."),
	KEY("remember", CONF_MSEC, AT(remember, int64_t), .min = 0, .max = max_time,
	    .help = "How long a closed storm is known: a replication that wakes up is stopped at its first "
		    "copy then, and another storm goes on under its id when its rule trips again."),
	KEY("quiet", CONF_MSEC, AT(quiet, int64_t), .min = MS_SEC, .max = max_time, .def = "1h",
	    .help = "A storm is closed when this long nothing of it was seen."),
	KEY("brake", CONF_ENUM, AT(brake, enum rule_brake), .names = brake_names,
	    .help = "Refuse at RCPT what belongs to a storm, before its data costs bandwidth."),
	KEY("brake_for", CONF_MSEC, AT(brake_for, int64_t), .use = KEY_BRAKE_SHARE, .min = MS_SEC,
	    .max = max_time, .def = "2h",
	    .help = "How long at most a storm is braked at RCPT (replication only)."),
	KEY("probe", CONF_UINT, AT(probe, uint32_t), .use = KEY_BRAKE_SHARE, .min = 2, .max = 1000000,
	    .def = "50",
	    .help = "One of so many is let through a brake, so that the evidence stays fresh (replication "
		    "only)."),
	KEY("repeats", CONF_UINT, AT(repeats, uint32_t), .use = KEY_REPEATS, .min = 0, .max = 1000,
	    .def = "2",
	    .help =
		"How often the same transmission may come again before it is deferred (replication only)."),
	KEY("gateway_limit", CONF_UINT, AT(gateway_limit, uint32_t), .use = KEY_GATEWAY_LIMIT, .min = 1,
	    .max = 1000, .def = "1",
	    .help = "The limit for copies that carry the marker of a gateway known to replicate (replication "
		    "only)."),
	KEY("authors", CONF_UINT, AT(authors, uint32_t), .use = KEY_AUTHORS, .min = 1, .max = 1000,
	    .def = "3",
	    .help =
		"How many people at least must have written before a thread is a storm (reply-all only)."),
	KEY("wide", CONF_UINT, AT(wide, uint32_t), .use = KEY_WIDE, .min = 2, .max = 1000000, .def = "50",
	    .help =
		"How many mailboxes in To and Cc make an audience, where it is no list (reply-all only)."),
	KEY("copies", CONF_UINT, AT(copies, uint32_t), .use = KEY_COPIES, .min = 0, .max = 1000000000,
	    .def = "0",
	    .help = "Instead of limit: how many copies (posts times recipients) a thread may make in window; "
		    "0: limit counts (reply-all only)."),
	KEY("outsiders", CONF_ENUM, AT(outsiders, enum action), .use = KEY_OUTSIDERS, .names = outsider_names,
	    .def = "hold",
	    .help = "What is done with posts of others than own users and networks, instead of action "
		    "(reply-all only)."),
	KEY("pace", CONF_MSEC, AT(pace, int64_t), .use = KEY_PACE, .min = 0, .max = max_time, .def = "30s",
	    .help = "Answers that come faster than this are a robot's (ping-pong only)."),
	KEY("automatic_limit", CONF_UINT, AT(automatic_limit, uint32_t), .use = KEY_AUTOMATIC_LIMIT, .min = 1,
	    .max = 1000000, .def = "6",
	    .help = "The limit where the mails say themselves that a machine wrote them (ping-pong only)."),
	KEY("count_by", CONF_CALL, AT(count_by, unsigned), .use = KEY_COUNT_BY, .call = set_count_by,
	    .form = "list",
	    .help = "What is counted together: client, network, sender, sender-domain, sasl-user, recipient, "
		    "recipient-domain, or several of them (flood only)."),
	KEY("measure", CONF_ENUM, AT(measure, enum measure), .use = KEY_MEASURE, .names = measure_names,
	    .def = "messages", .help = "What limit and window count (flood only)."),
	KEY("addresses", CONF_CALL, AT(addresses, struct exempt), .use = KEY_ADDRESSES, .call = set_addresses,
	    .form = "list", .def = "",
	    .help = "Addresses, @domains and localparts@ that nobody has a reason to write to (trap only)."),
	KEY("own_limit", CONF_UINT, AT(own_limit, uint32_t), .use = KEY_OWN_LIMIT, .min = 1, .max = 1000,
	    .def = "6",
	    .help = "How often a host of our own may stand in the Received lines, beside what it had from "
		    "itself, what a filter on localhost gave back to it and its deliveries by LMTP "
		    "(mail-loop only)."),
	KEY("exempt", CONF_CALL, AT(exempt, struct exempt), .call = set_exempt, .form = "list", .def = "",
	    .help = "Networks, addresses, @domains and localparts@ that the rule leaves alone."),
};
const unsigned rule_key_count = ARRAY_LEN(rule_key_table);

bool
rule_key_read(const struct detector *d, const char *name)
{
	const struct conf_key *key = conf_find(rule_key_table, rule_key_count, "rule", name);

	return !key || !key->use || (key->use & d->keys);
}
