/* SPDX-License-Identifier: ISC */
/* From a verdict to packets. Nothing that a rule or a sender wrote leaves here without having been made fit
 * for its place: a line of SMTP, a header field, an address. */
#include "codec/milter.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "codec/milter_wire.h"

static const struct str NUL = { "", 1 };

/* One packet made of `n` parts, as they are. */
static void
packet(struct buf *out, char code, const struct str *parts, size_t n)
{
	uint32_t len = 1;
	unsigned char head[MILTER_LEN_BYTES + 1];

	for (size_t i = 0; i < n; i++)
		len += (uint32_t)parts[i].n;
	for (int i = 0; i < MILTER_LEN_BYTES; i++)
		head[i] = (unsigned char)(len >> (24 - 8 * i));
	head[MILTER_LEN_BYTES] = (unsigned char)code;
	buf_append(out, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		buf_str_append(out, parts[i]);
}

/* Printable ASCII on one line, cut at `max`; '%' twice when the MTA takes the text as a format. */
static void
put_line(struct buf *to, struct str text, size_t max, bool format)
{
	text = str_sub(str_trim(text), 0, max);
	for (size_t i = 0; i < text.n; i++) {
		char c = str_is_space(text.p[i]) ? ' ' : text.p[i];

		if (!str_is_print(c))
			c = '?';
		buf_append(to, "%", format && c == '%');
		buf_append(to, &c, 1);
	}
}

/* A header value: white space around a line end becomes one fold (LF and white space) where the text went on
 * folded, else one space; control bytes become '?'. */
static void
put_space(struct buf *to, struct str run)
{
	bool line_end = str_find(run, '\n') < run.n;
	char last = run.p[run.n - 1] == '\t' ? '\t' : ' ';

	if (line_end && run.p[run.n - 1] != '\n' && run.p[run.n - 1] != '\r')
		buf_append(to, "\n", 1);
	if (line_end)
		buf_append(to, &last, 1);
	for (size_t i = 0; i < run.n && !line_end; i++)
		buf_append(to, run.p[i] == '\r' ? " " : &run.p[i], 1);
}

static void
put_value(struct buf *to, struct str value)
{
	size_t i = 0, end;

	value = str_trim(str_sub(str_trim(value), 0, MILTER_VALUE_MAX));
	while (i < value.n) {
		for (end = i; str_is_space(value.p[end]);)
			end++; /* trimmed: the last byte is none */
		if (end > i) {
			put_space(to, str_sub(value, i, end));
		} else {
			char c = value.p[end++];

			if (str_is_control(c))
				c = '?';
			buf_append(to, &c, 1);
		}
		i = end;
	}
}

static bool
edit_ok(const struct header_edit *e)
{
	return e->name.n <= HEADER_VALUE_KEEP && header_name_fit(e->name);
}

/* Between angle brackets it must stay one address. */
static bool
address_ok(struct str addr)
{
	return addr.n > 0 && addr.n <= MSG_ATTR_MAX && !str_has_control(addr) &&
	    str_find_either(addr, 0, '<', '>') == addr.n;
}

static void
put_address(struct buf *out, char code, struct str addr)
{
	packet(out, code, (const struct str[]){ STR("<"), addr, STR(">"), NUL }, 4);
}

static void
put_change(struct buf *out, struct str name, uint32_t index, struct str value)
{
	const char at[] = { (char)(index >> 24), (char)(index >> 16), (char)(index >> 8), (char)index };

	packet(out, SMFIR_CHGHEADER, (const struct str[]){ { at, sizeof(at) }, name, NUL, value, NUL }, 5);
}

/* The last first: whether the MTA numbers those left anew then does not matter. */
static void
put_replace(const struct milter *mi, struct buf *out, struct str name, struct str value)
{
	int i = milter_counted_find(name);
	uint32_t n = i < 0 ? 1 : mi->counts[i];

	for (; n > 1; n--)
		put_change(out, name, n, STR(""));
	if (n == 1)
		put_change(out, name, 1, value);
}

static uint32_t
put_edits(const struct milter *mi, const struct verdict *v, struct buf *out)
{
	uint32_t missing = 0;
	struct buf value;

	buf_init(&value, 0);
	for (uint32_t i = 0; i < v->n_edits && i < VERDICT_HEADERS_MAX; i++) {
		const struct header_edit *e = &v->edits[i];
		uint32_t need = e->change ? SMFIF_CHGHDRS : SMFIF_ADDHDRS;

		if (!edit_ok(e) || !(mi->actions & need)) {
			missing |= need;
			continue;
		}
		buf_reset(&value);
		put_value(&value, e->value);
		if (e->change)
			put_replace(mi, out, e->name, buf_str(&value));
		else
			packet(out, SMFIR_ADDHEADER,
			    (const struct str[]){ e->name, NUL, buf_str(&value), NUL }, 4);
	}
	buf_fini(&value);
	return missing;
}

/* Who is to go. Deleting takes every recipient of that address, so one who was named twice and goes only once
 * stays: `kept` is sorted for that question. */
struct drops {
	bool *gone;
	const struct str **kept;
	uint32_t n_gone, n_kept;
};

static int
addr_order(const void *a, const void *b)
{
	const struct str *x = *(const struct str *const *)a, *y = *(const struct str *const *)b;
	size_t n = x->n < y->n ? x->n : y->n;
	int c = n ? memcmp(x->p, y->p, n) : 0;

	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static void
drops_init(struct drops *d, const struct msg *m, const struct verdict *v)
{
	*d = (struct drops){ 0 };
	if (v->n_drop == 0 || m->n_rcpts == 0)
		return;
	d->gone = xcalloc(m->n_rcpts, sizeof(*d->gone));
	d->kept = xcalloc(m->n_rcpts, sizeof(*d->kept));
	for (uint32_t i = 0; i < v->n_drop; i++)
		if (v->drop[i] < m->n_rcpts)
			d->gone[v->drop[i]] = true;
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		if (d->gone[i])
			d->n_gone++;
		else
			d->kept[d->n_kept++] = &m->rcpts[i].addr;
	}
	qsort(d->kept, d->n_kept, sizeof(*d->kept), addr_order);
}

static void
drops_fini(struct drops *d)
{
	xfree(d->gone);
	xfree(d->kept);
}

static bool
stays(const struct drops *d, const struct str *addr)
{
	return d->n_kept && bsearch(&addr, d->kept, d->n_kept, sizeof(*d->kept), addr_order);
}

/* By the bytes of RCPT TO; but Postfix knows nobody by a source route, and Sendmail asks for none. */
static void
put_deleted(struct buf *out, const struct rcpt *r)
{
	struct str raw = str_trim(r->raw);

	if (str_starts(raw, STR("<@")) || str_starts(raw, STR("@")))
		put_address(out, SMFIR_DELRCPT, r->addr);
	else
		packet(out, SMFIR_DELRCPT, (const struct str[]){ r->raw, NUL }, 2);
}

static uint32_t
put_recipients(const struct milter *mi, const struct msg *m, const struct drops *d, const struct verdict *v,
    struct buf *out)
{
	uint32_t need = (d->n_gone ? SMFIF_DELRCPT : 0) | (v->n_add ? SMFIF_ADDRCPT : 0);
	bool able = (mi->actions & need) == need;

	for (uint32_t i = 0; i < v->n_add; i++)
		able = able && address_ok(v->add[i]);
	if (!able)
		return need;
	/* Deleted first: an address may be on both lists. */
	for (uint32_t i = 0; d->n_gone && i < m->n_rcpts; i++)
		if (d->gone[i] && !stays(d, &m->rcpts[i].addr))
			put_deleted(out, &m->rcpts[i]);
	for (uint32_t i = 0; i < v->n_add; i++)
		put_address(out, SMFIR_ADDRCPT, v->add[i]);
	return 0;
}

static uint32_t
put_sender(const struct milter *mi, const struct verdict *v, struct buf *out)
{
	if (!v->sender.p)
		return 0;
	if (!(mi->actions & SMFIF_CHGFROM) || (v->sender.n && !address_ok(v->sender)))
		return SMFIF_CHGFROM;
	put_address(out, SMFIR_CHGFROM, v->sender);
	return 0;
}

static uint32_t
put_quarantine(const struct milter *mi, const struct verdict *v, struct buf *out)
{
	struct buf reason;

	if (!(mi->actions & SMFIF_QUARANTINE))
		return SMFIF_QUARANTINE;
	buf_init(&reason, 0);
	put_line(
	    &reason, str_trim(v->text).n ? v->text : STR("held by policyd-storm"), MILTER_REASON_MAX, false);
	packet(out, SMFIR_QUARANTINE, (const struct str[]){ buf_str(&reason), NUL }, 2);
	buf_fini(&reason);
	return 0;
}

static uint32_t
asked(const struct verdict *v)
{
	uint32_t mask = (v->n_drop ? SMFIF_DELRCPT : 0) | (v->n_add ? SMFIF_ADDRCPT : 0) |
	    (v->sender.p ? SMFIF_CHGFROM : 0) | (v->what == ACT_HOLD ? SMFIF_QUARANTINE : 0);

	for (uint32_t i = 0; i < v->n_edits && i < VERDICT_HEADERS_MAX; i++)
		mask |= v->edits[i].change ? SMFIF_CHGHDRS : SMFIF_ADDHDRS;
	return mask;
}

/* The message goes on, mended or held. All modifications or none, should they not fit. */
static uint32_t
say_on(const struct milter *mi, const struct msg *m, const struct verdict *v, struct buf *out)
{
	size_t before = out->len;
	bool hold = v->what == ACT_HOLD, full = out->failed, nobody;
	struct drops drops;
	uint32_t missing;

	drops_init(&drops, m, v);
	nobody = v->n_add == 0 && drops.n_gone > 0 && drops.n_gone == m->rcpt_count;
	if (nobody && !hold) {
		drops_fini(&drops);
		packet(out, SMFIR_DISCARD, NULL, 0);
		return 0;
	}
	missing = put_edits(mi, v, out);
	if (!nobody) /* what is held must have somebody to be released to */
		missing |= put_recipients(mi, m, &drops, v, out);
	drops_fini(&drops);
	missing |= put_sender(mi, v, out);
	if (hold)
		missing |= put_quarantine(mi, v, out);
	packet(out, SMFIR_CONTINUE, NULL, 0);
	if (out->failed && !full) {
		out->len = before;
		out->failed = false;
		packet(out, SMFIR_CONTINUE, NULL, 0);
		missing = asked(v);
	}
	return missing;
}

/* Without a text the MTA's own words will do. */
static void
say_refuse(const struct verdict *v, struct buf *out)
{
	bool defer = v->what == ACT_DEFER;
	struct buf text;

	if (str_trim(v->text).n == 0) {
		packet(out, defer ? SMFIR_TEMPFAIL : SMFIR_REJECT, NULL, 0);
		return;
	}
	buf_init(&text, 0);
	put_line(&text, v->text, MILTER_TEXT_MAX, true);
	packet(out, SMFIR_REPLYCODE,
	    (const struct str[]){ defer ? STR("451 ") : STR("550 "), v->dsn, STR(" "), buf_str(&text), NUL },
	    5);
	buf_fini(&text);
}

uint32_t
milter_reply(struct milter *mi, struct msg *m, const struct verdict *v, struct buf *out)
{
	uint32_t missing = 0;

	if (mi->state != MILTER_JUDGE)
		return 0;
	if (v->what == ACT_DISCARD)
		packet(out, SMFIR_DISCARD, NULL, 0);
	else if (v->what == ACT_DEFER || v->what == ACT_REJECT)
		say_refuse(v, out);
	else
		missing = say_on(mi, m, v, out);
	mi->state = MILTER_OPEN;
	msg_reset(m);
	return missing;
}
