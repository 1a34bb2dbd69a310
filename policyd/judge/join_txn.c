/* SPDX-License-Identifier: ISC */
#include "judge/join_txn.h"

#include "base/compiler.h"
#include "base/xalloc.h"

void
txn_spares_init(struct txn_spares *s)
{
	list_init(&s->all);
	s->n = 0;
}

static void
txn_free(struct txn *t)
{
	buf_fini(&t->rcpts);
	xfree(t->envelope);
	xfree(t->more);
	xfree(t);
}

void
txn_spares_fini(struct txn_spares *s)
{
	LIST_FOREACH_SAFE (it, after, &s->all)
		txn_free(container_of(it, struct txn, lru));
	txn_spares_init(s);
}

static struct txn *
take_spare(struct txn_spares *s)
{
	struct txn *t;

	if (list_empty(&s->all))
		return xcalloc(1, sizeof(*t));
	t = container_of(s->all.prev, struct txn, lru);
	list_del(&t->lru);
	s->n--;
	return t;
}

struct txn *
txn_new(struct txn_spares *s, struct key128 key)
{
	struct txn *t = take_spare(s);
	struct buf rcpts = t->rcpts;
	char *envelope = t->envelope;
	size_t cap = t->cap_envelope;
	struct txn_more *more = t->more;

	memset(t, 0, sizeof(*t));
	t->key = key;
	t->rcpts = rcpts;
	t->envelope = envelope;
	t->cap_envelope = cap;
	t->more = more;
	list_init(&t->lru);
	return t;
}

void
txn_spare(struct txn_spares *s, struct txn *t)
{
	arena_fini(&t->text);
	xfree(t->reserved);
	if (s->n >= TXN_SPARES || t->rcpts.cap > TXN_SPARE_RCPTS || t->cap_envelope > TXN_SPARE_ENVELOPE) {
		txn_free(t);
		return;
	}
	buf_reset(&t->rcpts);
	list_add_tail(&s->all, &t->lru);
	s->n++;
}

char *
txn_envelope(struct txn *t, size_t n)
{
	size_t piece = TXN_SPARE_ENVELOPE / 4;

	if (!t->envelope || t->cap_envelope < n) {
		xfree(t->envelope);
		t->cap_envelope = (n / piece + 1) * piece;
		t->envelope = xmalloc(t->cap_envelope);
	}
	return t->envelope;
}

void
txn_no_envelope(struct txn *t)
{
	xfree(t->envelope);
	t->envelope = NULL;
	t->cap_envelope = 0;
}

static struct txn_more *
more_of(struct txn *t)
{
	if (!t->more)
		t->more = xmalloc(sizeof(*t->more));
	return t->more;
}

struct record *
txn_record(struct txn *t)
{
	struct record *r = &more_of(t)->record;

	if (!t->recorded)
		*r = (struct record){ 0 };
	t->recorded = true;
	return r;
}

struct str
txn_str(struct arena *a, struct str s)
{
	return s.n ? arena_str(a, s) : s.p ? STR("") : STR_NONE;
}

bool
txn_verdict(struct arena *a, const struct verdict *v, struct verdict *out)
{
	*out = *v;
	out->dsn = txn_str(a, v->dsn);
	out->text = txn_str(a, v->text);
	out->redirect = txn_str(a, v->redirect);
	out->sender = txn_str(a, v->sender);
	out->rule = txn_str(a, v->rule);
	out->would_rule = txn_str(a, v->would_rule);
	for (uint32_t i = 0; i < v->n_edits; i++) {
		out->edits[i].name = txn_str(a, v->edits[i].name);
		out->edits[i].value = txn_str(a, v->edits[i].value);
	}
	if (v->n_drop) {
		out->drop = arena_alloc(a, v->n_drop * sizeof(*out->drop));
		if (!out->drop)
			return false;
		memcpy(out->drop, v->drop, v->n_drop * sizeof(*out->drop));
	}
	if (v->n_add) {
		out->add = arena_alloc(a, v->n_add * sizeof(*out->add));
		if (!out->add)
			return false;
		for (uint32_t i = 0; i < v->n_add; i++)
			out->add[i] = txn_str(a, v->add[i]);
	}
	return true;
}

/* As nearly all mail: it passes, and that is all. */
static bool
says_nothing(const struct verdict *v)
{
	return v->what == ACT_PASS && v->shown == ACT_PASS && !v->would && !v->degraded && !v->storm &&
	    !v->rule.n && !v->sender.p && !v->n_edits && !v->n_drop && !v->n_add;
}

void
txn_judged(struct txn *t, const struct verdict *v)
{
	t->passed = says_nothing(v);
	t->judged = t->passed || txn_verdict(&t->text, v, &more_of(t)->verdict);
	if (!t->passed)
		return;
	xfree(t->more);
	t->more = NULL;
}
