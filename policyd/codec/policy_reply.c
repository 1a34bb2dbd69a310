/* SPDX-License-Identifier: ISC */
/*
 * Answers of the policy door, as access(5) has them. Whatever the verdict's strings hold, one action line,
 * the repairs asked for and one empty line go out: a byte too many and Postfix gives the connection up, a
 * byte that it does not like and it uses its default action, which is to refuse.
 */
#include "codec/policy.h"

#include "base/compiler.h"
#include "base/utf8.h"

enum { TEXT_MAX = 200, HEADER_LINE_MAX = 998, HEADER_NAME_MAX = 76, ADDRESS_MAX = MSG_ATTR_MAX };

/* The action's first word, and what stands where the verdict has no usable text. */
static const struct {
	const char *word, *text;
} said[] = {
	[ACT_DEFER] = { "451 ", "mail storm, try again later" },
	[ACT_REJECT] = { "550 ", "mail storm" },
	[ACT_DISCARD] = { "DISCARD", "mail storm" },
	[ACT_HOLD] = { "HOLD", "mail storm" },
};

/* Text in printable ASCII, at most `max` bytes, without space at its ends. Returns how many bytes went
 * out. */
static size_t
put_text(struct buf *out, struct str s, size_t max)
{
	s = str_trim(str_sub(str_trim(s), 0, max));
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (str_is_space(c))
			c = ' ';
		else if (!str_is_print(c))
			c = '?';
		buf_append(out, &c, 1);
	}
	return s.n;
}

/* May be written as it is. UTF-8 is an address too (RFC 6531), so only control bytes are refused. */
static bool
address_ok(struct str s)
{
	return s.n > 0 && s.n <= ADDRESS_MAX && !str_has_control(s);
}

/* REDIRECT wants user@domain in one word; with less Postfix answers 451, and of what is no UTF-8 it takes
 * nothing. */
static bool
redirect_ok(struct str s)
{
	size_t at = str_rfind(s, '@'), n;

	if (s.n > ADDRESS_MAX || at == 0 || at + 1 >= s.n)
		return false;
	for (; s.n; s = str_sub(s, n, s.n)) {
		n = utf8_len(s);
		if (n == 0 || (n == 1 && (!str_is_print(s.p[0]) || s.p[0] == ' ')))
			return false;
	}
	return true;
}

/* A header that can be said in one line and is to be added. */
static bool
edit_ok(const struct header_edit *e)
{
	return !e->change && e->name.n <= HEADER_NAME_MAX && header_name_fit(e->name);
}

static void
put_header(struct buf *out, const struct header_edit *e)
{
	buf_str_append(out, e->name);
	buf_append(out, ": ", 2);
	if (put_text(out, e->value, HEADER_LINE_MAX - e->name.n - 2) == 0)
		buf_append(out, "-", 1);
}

static void
put_final(struct buf *out, const struct verdict *v)
{
	buf_str_append(out, str_of(said[v->what].word));
	if (v->what == ACT_DEFER || v->what == ACT_REJECT)
		buf_str_append(out, v->dsn);
	buf_append(out, " ", 1);
	if (put_text(out, v->text, TEXT_MAX) == 0)
		buf_str_append(out, str_of(said[v->what].text));
}

/* The one action for a verdict that lets the message pass. */
static void
put_pass(struct buf *out, const struct msg *m, const struct verdict *v)
{
	/* A client that asked for repairs gets all headers in lines of their own. */
	bool can = m->door != DOOR_REPAIRS && m->stage != STAGE_EOM;

	for (uint32_t i = 0; can && i < v->n_edits && i < VERDICT_HEADERS_MAX; i++) {
		if (!edit_ok(&v->edits[i]))
			continue;
		buf_str_append(out, STR("PREPEND "));
		put_header(out, &v->edits[i]);
		return;
	}
	buf_str_append(out, STR("DUNNO"));
}

static void
put_action(struct buf *out, const struct msg *m, const struct verdict *v)
{
	if (v->what == ACT_REDIRECT_OWNER && redirect_ok(v->redirect)) {
		buf_str_append(out, STR("REDIRECT "));
		buf_str_append(out, v->redirect);
	} else if (v->what < ARRAY_LEN(said) && said[v->what].word) {
		put_final(out, v);
	} else {
		put_pass(out, m, v);
	}
}

static void
put_address(struct buf *out, struct str name, struct str addr)
{
	if (!address_ok(addr))
		return;
	buf_str_append(out, name);
	buf_str_append(out, addr);
	buf_append(out, "\n", 1);
}

static void
put_repairs(struct buf *out, const struct msg *m, const struct verdict *v)
{
	for (uint32_t i = 0; i < v->n_drop; i++)
		if (v->drop[i] < m->n_rcpts)
			put_address(out, STR("drop="), m->rcpts[v->drop[i]].addr);
	for (uint32_t i = 0; i < v->n_add; i++)
		put_address(out, STR("add="), v->add[i]);
	if (v->sender.p && v->sender.n == 0)
		buf_str_append(out, STR("sender=\n")); /* the null sender */
	else if (v->sender.p)
		put_address(out, STR("sender="), v->sender);
	for (uint32_t i = 0; i < v->n_edits && i < VERDICT_HEADERS_MAX; i++) {
		if (!edit_ok(&v->edits[i]))
			continue;
		buf_str_append(out, STR("header="));
		put_header(out, &v->edits[i]);
		buf_append(out, "\n", 1);
	}
}

void
policy_reply(struct policy *p, const struct msg *m, const struct verdict *v, struct buf *out)
{
	static const struct verdict pass = { .what = ACT_PASS };

	if (p->broken)
		v = &pass;
	buf_str_append(out, STR("action="));
	put_action(out, m, v);
	buf_append(out, "\n", 1);
	if (m->door == DOOR_REPAIRS)
		put_repairs(out, m, v);
	buf_append(out, "\n", 1);
}
