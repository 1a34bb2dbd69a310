/* SPDX-License-Identifier: ISC */
#include "store/journal_queue.h"

#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"

/* Where the next string goes; a first walk with p == NULL measures. */
struct packer {
	char *p;
	size_t n;
};

/* Length of a printable character at the front; 0: not UTF-8, or a control (C0, DEL, C1). */
static size_t
printable_len(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t len = utf8_len(s);

	if (len == 1 && (p[0] < 0x20 || p[0] == 0x7f))
		return 0;
	return len == 2 && p[0] == 0xc2 && p[1] < 0xa0 ? 0 : len;
}

static void
copy_clean(char *to, const char *from, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t len = printable_len((struct str){ from + i, n - i });

		if (len) {
			memcpy(to + i, from + i, len);
			i += len;
		} else {
			to[i++] = '?';
		}
	}
}

static struct str
put_text(struct packer *pk, struct str s)
{
	struct str out = { "", 0 };

	s = str_sub(s, 0, JOURNAL_TEXT_MAX);
	if (pk->p && s.n) {
		out = (struct str){ pk->p + pk->n, s.n };
		copy_clean(pk->p + pk->n, s.p, s.n);
	}
	pk->n += s.n;
	return out;
}

/* Names may be NULL; behind them comes a NUL. */
static const char *
put_name(struct packer *pk, const char *name)
{
	struct str s = str_of(name ? name : "");
	char *at = pk->p ? pk->p + pk->n : NULL;

	put_text(pk, s);
	if (at)
		pk->p[pk->n] = '\0';
	pk->n++;
	return at;
}

/* Puts the strings of what is packed elsewhere, and its rows to where they belong (NULL: only measures). */
typedef void put_strings_fn(struct packer *pk, struct packed *p, void *rows);

static void
message_strings(struct packer *pk, struct packed *p, void *rows)
{
	struct record *r = &p->u.message;
	struct record_rcpt *rcpts = rows;

	for (unsigned k = 0; k < RECORD_TEXTS; k++)
		record_set_text(r, k, put_text(pk, record_text(r, k)));
	for (unsigned k = 0; k < RECORD_NAMES; k++)
		record_set_name(r, k, put_name(pk, record_name(r, k)));
	for (uint32_t k = 0; k < r->n_rcpts; k++) {
		struct record_rcpt c = r->rcpts[k];

		c.addr = put_text(pk, c.addr);
		c.action = put_text(pk, c.action);
		if (rcpts)
			rcpts[k] = c;
	}
	r->rcpts = rcpts;
}

static void
storm_strings(struct packer *pk, struct packed *p, void *rows)
{
	struct record_storm *s = &p->u.storm;
	struct record_host *hosts = rows;

	s->rule = put_text(pk, s->rule);
	s->message_id = put_text(pk, s->message_id);
	s->subject = put_text(pk, s->subject);
	s->sender = put_text(pk, s->sender);
	s->state = put_name(pk, s->state);
	for (uint32_t k = 0; k < s->n_hosts; k++) {
		struct record_host h = s->hosts[k];

		h.name = put_text(pk, h.name);
		h.how = put_name(pk, h.how);
		if (hosts)
			hosts[k] = h;
	}
	s->hosts = hosts;
}

/* One piece of memory: what is packed, its rows, its strings. */
static struct packed *
pack(const struct packed *like, size_t rows, put_strings_fn *put_strings)
{
	struct packer pk = { NULL, 0 };
	struct packed scratch = *like, *p;
	size_t fixed = sizeof(*p) + rows;

	put_strings(&pk, &scratch, NULL);
	p = xmalloc(fixed + pk.n);
	*p = *like;
	p->size = fixed + pk.n;
	pk = (struct packer){ (char *)p + fixed, 0 };
	put_strings(&pk, p, p + 1);
	return p;
}

struct packed *
pack_message(const struct record *r)
{
	struct packed like = { .u.message = *r };

	return pack(&like, r->n_rcpts * sizeof(*r->rcpts), message_strings);
}

struct packed *
pack_storm(const struct record_storm *s)
{
	struct packed like = { .is_storm = true, .u.storm = *s };

	return pack(&like, s->n_hosts * sizeof(*s->hosts), storm_strings);
}

void
queue_add(struct queue *q, struct packed *p)
{
	p->next = NULL;
	if (q->last)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
	q->bytes += p->size;
	q->n++;
}

struct packed *
queue_take(struct queue *q)
{
	struct packed *p = q->first;

	if (!p)
		return NULL;
	q->first = p->next;
	if (!q->first)
		q->last = NULL;
	q->bytes -= p->size;
	q->n--;
	return p;
}

void
queue_move(struct queue *to, struct queue *from)
{
	if (!from->first)
		return;
	if (to->last)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->bytes += from->bytes;
	to->n += from->n;
	*from = (struct queue){ .first = NULL };
}

void
queue_fini(struct queue *q)
{
	struct packed *p;

	for (p = queue_take(q); p; p = queue_take(q))
		xfree(p);
}
