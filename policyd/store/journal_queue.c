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
pack_str(struct packer *pk, struct str s)
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
pack_name(struct packer *pk, const char *name)
{
	struct str s = str_of(name ? name : "");
	char *at = pk->p ? pk->p + pk->n : NULL;

	pack_str(pk, s);
	if (at)
		pk->p[pk->n] = '\0';
	pk->n++;
	return at;
}

static void
message_strings(struct packer *pk, const struct record *r, struct record *out, struct record_rcpt *rcpts)
{
	const size_t texts[] = {
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

	for (unsigned k = 0; k < ARRAY_LEN(texts); k++)
		*(struct str *)(void *)((char *)out + texts[k]) =
		    pack_str(pk, *(const struct str *)(const void *)((const char *)r + texts[k]));
	out->door = pack_name(pk, r->door);
	out->stage = pack_name(pk, r->stage);
	out->kind = pack_name(pk, r->kind);
	out->verdict = pack_name(pk, r->verdict);
	for (uint32_t k = 0; k < r->n_rcpts; k++) {
		struct record_rcpt c = r->rcpts[k];

		c.addr = pack_str(pk, c.addr);
		c.action = pack_str(pk, c.action);
		if (rcpts)
			rcpts[k] = c;
	}
}

struct packed *
pack_message(const struct record *r)
{
	struct packer pk = { NULL, 0 };
	struct record scratch = *r;
	size_t fixed = sizeof(struct packed) + r->n_rcpts * sizeof(struct record_rcpt);
	struct record_rcpt *rcpts;
	struct packed *p;

	message_strings(&pk, r, &scratch, NULL);
	p = xmalloc(fixed + pk.n);
	*p = (struct packed){ .size = fixed + pk.n, .u.message = *r };
	rcpts = (struct record_rcpt *)(void *)(p + 1);
	pk = (struct packer){ (char *)p + fixed, 0 };
	message_strings(&pk, r, &p->u.message, rcpts);
	p->u.message.rcpts = rcpts;
	return p;
}

static void
storm_strings(
    struct packer *pk, const struct record_storm *s, struct record_storm *out, struct record_host *hosts)
{
	out->rule = pack_str(pk, s->rule);
	out->message_id = pack_str(pk, s->message_id);
	out->subject = pack_str(pk, s->subject);
	out->sender = pack_str(pk, s->sender);
	out->state = pack_name(pk, s->state);
	for (uint32_t k = 0; k < s->n_hosts; k++) {
		struct record_host h = s->hosts[k];

		h.name = pack_str(pk, h.name);
		h.how = pack_name(pk, h.how);
		if (hosts)
			hosts[k] = h;
	}
}

struct packed *
pack_storm(const struct record_storm *s)
{
	struct packer pk = { NULL, 0 };
	struct record_storm scratch = *s;
	size_t fixed = sizeof(struct packed) + s->n_hosts * sizeof(struct record_host);
	struct record_host *hosts;
	struct packed *p;

	storm_strings(&pk, s, &scratch, NULL);
	p = xmalloc(fixed + pk.n);
	*p = (struct packed){ .size = fixed + pk.n, .is_storm = true, .u.storm = *s };
	hosts = (struct record_host *)(void *)(p + 1);
	pk = (struct packer){ (char *)p + fixed, 0 };
	storm_strings(&pk, s, &p->u.storm, hosts);
	p->u.storm.hosts = hosts;
	return p;
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
