/* SPDX-License-Identifier: ISC */
#include "judge/sent.h"

static struct key128
mark_key(const struct view *v, const char *tag, struct str what)
{
	struct hash h;

	hash_init(&h, v->site->hash_seed, tag);
	hash_str(&h, what);
	return hash_end(&h);
}

static void
add_mark(struct ops *ops, enum tally_kind kind, struct key128 key, int64_t ttl)
{
	struct tally_op *op = ops_add(ops);

	if (!op)
		return;
	op->kind = kind;
	op->key = key;
	op->elem = 1;
	op->ttl = ttl;
}

/* What outsiders post to a list of ours leaves to its members, though no door may see it leave. */
static bool
goes_to_list(const struct view *v)
{
	for (uint32_t i = 0; i < v->msg->n_rcpts; i++)
		if (detect_list(v, i))
			return true;
	return false;
}

void
sent_plan(const struct view *v, int64_t ttl, struct ops *ops)
{
	const struct traits *t = v->traits;
	struct str id = header_bare_id(v->msg->header.f.message_id);

	if (t->null_sender || (!t->outbound && !(id.n && goes_to_list(v))))
		return;
	if (v->header && id.n)
		add_mark(ops, TALLY_MARK, mark_key(v, "sent-id", id), ttl);
	if (!t->outbound || t->sender.key.n == 0)
		return;
	add_mark(ops, TALLY_MARK, mark_key(v, "sent-by", t->sender.key), ttl);
	if (!v->header || id.n == 0)
		add_mark(ops, TALLY_MARK, mark_key(v, "sent-unnamed", t->sender.key), ttl);
}

void
sent_ask_id(const struct view *v, struct str message_id, struct ops *ops)
{
	add_mark(ops, TALLY_GET, mark_key(v, "sent-id", header_bare_id(message_id)), 0);
}

void
sent_ask_sender(const struct view *v, struct str key, struct ops *ops)
{
	add_mark(ops, TALLY_GET, mark_key(v, "sent-by", key), 0);
}

void
sent_ask_unnamed(const struct view *v, struct str key, struct ops *ops)
{
	add_mark(ops, TALLY_GET, mark_key(v, "sent-unnamed", key), 0);
}
