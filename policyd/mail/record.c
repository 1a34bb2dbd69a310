/* SPDX-License-Identifier: ISC */
#include "mail/record.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"

enum {
	RECORD_VERSION = 1,
	NAME_MAX_BYTES = 64, /* door, stage, kind, verdict: from our own tables */
	RCPT_BYTES = 3,      /* a recipient has at least so many */
};

static const size_t texts[] = {
	offsetof(struct record, queue_id),
	offsetof(struct record, instance),
	offsetof(struct record, client_address),
	offsetof(struct record, client_name),
	offsetof(struct record, helo),
	offsetof(struct record, sasl_username),
	offsetof(struct record, sender),
	offsetof(struct record, message_id),
	offsetof(struct record, thread),
	offsetof(struct record, header_from),
	offsetof(struct record, subject),
	offsetof(struct record, rule),
};

static const size_t names[] = {
	offsetof(struct record, door),
	offsetof(struct record, stage),
	offsetof(struct record, kind),
	offsetof(struct record, verdict),
};

_Static_assert(ARRAY_LEN(texts) == RECORD_TEXTS && ARRAY_LEN(names) == RECORD_NAMES, "as many as it says");

struct str
record_text(const struct record *r, unsigned k)
{
	return *(const struct str *)(const void *)((const char *)r + texts[k]);
}

void
record_set_text(struct record *r, unsigned k, struct str s)
{
	*(struct str *)(void *)((char *)r + texts[k]) = s;
}

const char *
record_name(const struct record *r, unsigned k)
{
	return *(const char *const *)(const void *)((const char *)r + names[k]);
}

void
record_set_name(struct record *r, unsigned k, const char *name)
{
	*(const char **)(void *)((char *)r + names[k]) = name;
}

static struct str
cut(struct str s)
{
	return str_sub(s, 0, MSG_ATTR_MAX);
}

static void
pack_rcpt(const struct record_rcpt *rcpt, struct buf *out)
{
	struct str addr = cut(rcpt->addr), action = cut(rcpt->action);
	char *from = buf_reserve(out, addr.n + action.n + 2 * PUT_STR_MAX + 1), *to = from;

	if (!from)
		return;
	to = put_str(to, addr);
	to = put_str(to, action);
	to = put_u8(to, (uint8_t)rcpt->outcome);
	buf_commit(out, (size_t)(to - from));
}

enum { STRINGS = RECORD_NAMES + RECORD_TEXTS, FIXED_MAX = 48 + 7 * PUT_VAR_MAX };

/* All but the recipients. */
static void
pack_fields(const struct record *r, uint32_t n_rcpts, struct buf *out)
{
	struct str strings[STRINGS];
	size_t most = FIXED_MAX + STRINGS * PUT_STR_MAX;
	char *from, *to;

	for (unsigned k = 0; k < STRINGS; k++) {
		const char *name = k < RECORD_NAMES ? record_name(r, k) : NULL;

		strings[k] = k < RECORD_NAMES ? str_sub(str_of(name), 0, NAME_MAX_BYTES)
					      : cut(record_text(r, k - RECORD_NAMES));
		most += strings[k].n;
	}
	from = to = buf_reserve(out, most);
	if (!from)
		return;
	to = put_u8(to, RECORD_VERSION);
	to = put_int(to, r->time);
	for (unsigned k = 0; k < STRINGS; k++)
		to = put_str(to, strings[k]);
	to = put_var(to, r->size);
	to = put_var(to, r->rcpt_count);
	to = put_var(to, r->to_count);
	to = put_var(to, r->cc_count);
	to = put_var(to, r->hops);
	to = put_u64(to, r->trace);
	to = put_u64(to, r->identity);
	to = put_u64(to, r->storm);
	to = put_u8(to, r->would != 0);
	to = put_u8(to, r->degraded != 0);
	to = put_u8(to, (uint8_t)r->outcome);
	to = put_var(to, n_rcpts);
	buf_commit(out, (size_t)(to - from));
}

void
record_pack(const struct record *r, struct buf *out)
{
	uint32_t n = r->n_rcpts < MSG_RCPTS_MAX ? r->n_rcpts : MSG_RCPTS_MAX;

	pack_fields(r, n, out);
	for (uint32_t k = 0; k < n; k++)
		pack_rcpt(&r->rcpts[k], out);
}

/* Who unpacks it lets a NUL follow: so it has none. */
static struct str
unpack_name(struct wire *u)
{
	struct str s = unpack_str(u, NAME_MAX_BYTES);

	if (s.n && memchr(s.p, '\0', s.n))
		unpack_fail(u);
	return s;
}

static struct str
unpack_text(struct wire *u)
{
	return unpack_str(u, MSG_ATTR_MAX);
}

static uint32_t
unpack_small(struct wire *u)
{
	return (uint32_t)unpack_within(u, 0, UINT32_MAX);
}

static bool
unpack_flag(struct wire *u)
{
	uint8_t v = wire_u8(u);

	if (v > 1)
		unpack_fail(u);
	return v == 1;
}

static enum outcome
unpack_outcome(struct wire *u)
{
	uint8_t v = wire_u8(u);

	if (v > OUTCOME_VOID)
		unpack_fail(u);
	return v > OUTCOME_VOID ? OUTCOME_VOID : (enum outcome)v;
}

static void
unpack_rcpts(struct wire *u, struct record *r, struct arena *a, bool *full)
{
	size_t n = unpack_within(u, 0, MSG_RCPTS_MAX);
	struct record_rcpt *rcpts = NULL;

	/* Memory only for what can be there. */
	if (n > wire_left(u) / RCPT_BYTES)
		unpack_fail(u);
	if (wire_ok(u) && n)
		rcpts = arena_alloc(a, n * sizeof(*rcpts));
	*full |= wire_ok(u) && n && !rcpts;
	for (size_t k = 0; rcpts && k < n; k++) {
		rcpts[k].addr = unpack_text(u);
		rcpts[k].action = unpack_text(u);
		rcpts[k].outcome = unpack_outcome(u);
	}
	r->rcpts = rcpts;
	r->n_rcpts = (uint32_t)n;
}

static void
unpack_fields(struct wire *u, struct record *r, struct str *name, struct arena *a, bool *full)
{
	r->time = unpack_int(u);
	for (unsigned k = 0; k < RECORD_NAMES; k++)
		name[k] = unpack_name(u);
	for (unsigned k = 0; k < RECORD_TEXTS; k++)
		record_set_text(r, k, unpack_text(u));
	r->size = unpack_var(u);
	r->rcpt_count = unpack_small(u);
	r->to_count = unpack_small(u);
	r->cc_count = unpack_small(u);
	r->hops = unpack_small(u);
	r->trace = unpack_u64(u);
	r->identity = unpack_u64(u);
	r->storm = unpack_u64(u);
	r->would = unpack_flag(u);
	r->degraded = unpack_flag(u);
	r->outcome = unpack_outcome(u);
	unpack_rcpts(u, r, a, full);
}

static int
check_version(struct str bytes)
{
	if (bytes.n == 0)
		return ERR_CORRUPT;
	return (unsigned char)bytes.p[0] == RECORD_VERSION ? 0 : ERR_VERSION;
}

int
record_time(struct str bytes, int64_t *time)
{
	struct wire u;
	int err = check_version(bytes);

	if (err)
		return err;
	unpack_init(&u, str_sub(bytes, 1, bytes.n));
	*time = unpack_int(&u);
	return wire_ok(&u) ? 0 : ERR_CORRUPT;
}

int
record_view(struct str bytes, struct record *out, struct str name[RECORD_NAMES], struct arena *a)
{
	struct record r = { 0 };
	struct wire u;
	bool full = false;
	int err = check_version(bytes);

	if (err)
		return err;
	unpack_init(&u, str_sub(bytes, 1, bytes.n));
	unpack_fields(&u, &r, name, a, &full);
	if (full)
		return ERR_FULL;
	if (!wire_done(&u))
		return ERR_CORRUPT;
	*out = r;
	return 0;
}

int
record_unpack(struct str bytes, struct record *out, struct arena *a)
{
	struct str copy, name[RECORD_NAMES];
	struct record r;
	int err = check_version(bytes);

	if (err)
		return err;
	copy = arena_str(a, bytes);
	err = copy.p ? record_view(copy, &r, name, a) : ERR_FULL;
	/* A name must be followed by a NUL, so it gets a place of its own. */
	for (unsigned k = 0; k < RECORD_NAMES && !err; k++) {
		struct str s = arena_str(a, name[k]);

		err = s.p ? 0 : ERR_FULL;
		record_set_name(&r, k, s.p);
	}
	if (!err)
		*out = r;
	return err;
}
