/* SPDX-License-Identifier: ISC */
#include "store/journal_queue.h"

#include <stdalign.h>
#include <string.h>

#include "base/xalloc.h"

enum { BLOCK_BYTES = XALLOC_LARGE }; /* after the storm they are not to stay */

struct queue_block {
	struct queue_block *next;
	const struct queue *home; /* that made it */
	size_t used, room;
	uint64_t n; /* records in it that are still there */
	alignas(max_align_t) char data[];
};

/* ---- sizes ---- */

static struct str
cut(struct str s)
{
	return str_sub(s, 0, JOURNAL_TEXT_MAX);
}

/* Names may be NULL; behind them comes a NUL. */
static size_t
name_size(const char *name)
{
	return cut(str_of(name ? name : "")).n + 1;
}

static size_t
storm_strings_size(const struct record_storm *s)
{
	size_t n = cut(s->rule).n + cut(s->message_id).n + cut(s->subject).n + cut(s->sender).n;

	n += name_size(s->state);
	for (uint32_t k = 0; k < s->n_hosts; k++)
		n += cut(s->hosts[k].name).n + name_size(s->hosts[k].how);
	return n;
}

static size_t
aligned(size_t n)
{
	return (n + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
}

struct given
given_message(uint64_t seq, struct str bytes)
{
	return (struct given){ seq, NULL, bytes, aligned(sizeof(struct packed) + bytes.n) };
}

struct given
given_storm(const struct record_storm *s)
{
	size_t n = sizeof(struct packed) + sizeof(*s) + s->n_hosts * sizeof(*s->hosts);

	return (struct given){ s->seq, s, STR_NONE, aligned(n + storm_strings_size(s)) };
}

/* ---- copies ---- */

static struct str
put_text(char **at, struct str s)
{
	struct str out = { *at, cut(s).n };

	if (out.n)
		memcpy(*at, s.p, out.n);
	*at += out.n;
	return out;
}

static const char *
put_name(char **at, const char *name)
{
	struct str s = put_text(at, str_of(name ? name : ""));

	*(*at)++ = '\0';
	return s.p;
}

/* The storm, its hosts, their strings. */
static const struct record_storm *
put_storm(char *to, const struct record_storm *from)
{
	struct record_storm *s = (struct record_storm *)(void *)to;
	struct record_host *hosts = (struct record_host *)(void *)(s + 1);
	char *at = (char *)(hosts + from->n_hosts);

	*s = *from;
	s->rule = put_text(&at, from->rule);
	s->message_id = put_text(&at, from->message_id);
	s->subject = put_text(&at, from->subject);
	s->sender = put_text(&at, from->sender);
	s->state = put_name(&at, from->state);
	for (uint32_t k = 0; k < from->n_hosts; k++) {
		hosts[k] = from->hosts[k];
		hosts[k].name = put_text(&at, from->hosts[k].name);
		hosts[k].how = put_name(&at, from->hosts[k].how);
	}
	s->hosts = hosts;
	return s;
}

/* ---- the queue ---- */

static void
put_spare(struct queue *q, struct queue_block *b)
{
	b->next = q->spare;
	q->spare = b;
	q->n_spare++;
}

static struct queue_block *
take_spare(struct queue *q)
{
	struct queue_block *b = q->spare;

	q->spare = b->next;
	q->n_spare--;
	b->next = NULL;
	b->used = 0;
	return b;
}

static struct queue_block *
new_block(const struct queue *q, size_t size)
{
	size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
	struct queue_block *b = xmalloc(sizeof(*b) + room);

	*b = (struct queue_block){ .home = q, .room = room };
	return b;
}

static struct packed *
take_room(struct queue *q, size_t size)
{
	struct queue_block *b = q->last_block;

	if (!b || b->room - b->used < size) {
		b = q->spare && q->spare->room >= size ? take_spare(q) : new_block(q, size);
		if (q->last_block)
			q->last_block->next = b;
		else
			q->blocks = b;
		q->last_block = b;
	}
	b->used += size;
	b->n++;
	return (struct packed *)(void *)(b->data + b->used - size);
}

void
queue_add(struct queue *q, const struct given *g)
{
	struct packed *p = take_room(q, g->size);
	char *data = (char *)(p + 1);

	*p = (struct packed){ .size = g->size, .seq = g->seq, .bytes = { data, g->bytes.n } };
	if (g->storm)
		p->storm = put_storm(data, g->storm);
	else if (g->bytes.n)
		memcpy(data, g->bytes.p, g->bytes.n);
	if (q->last)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
	q->bytes += p->size;
	q->n++;
}

void
queue_drop(struct queue *q)
{
	struct packed *p = q->first;
	struct queue_block *b = q->blocks;

	q->first = p->next;
	if (!q->first)
		q->last = NULL;
	q->bytes -= p->size;
	q->n--;
	if (--b->n)
		return;
	q->blocks = b->next;
	if (!q->blocks)
		q->last_block = NULL;
	if (b->home == q)
		xfree(b);
	else
		put_spare(q, b);
}

void
queue_move(struct queue *to, struct queue *from)
{
	if (!from->first)
		return;
	if (to->last) {
		to->last->next = from->first;
		to->last_block->next = from->blocks;
	} else {
		to->first = from->first;
		to->blocks = from->blocks;
	}
	to->last = from->last;
	to->last_block = from->last_block;
	to->bytes += from->bytes;
	to->n += from->n;
	*from = (struct queue){ .spare = from->spare, .n_spare = from->n_spare };
}

void
queue_return(struct queue *to, struct queue *from)
{
	while (from->spare)
		put_spare(to, take_spare(from));
}

struct queue_block *
queue_surplus(struct queue *q, unsigned keep)
{
	struct queue_block *surplus = NULL, *b = q->spare;

	q->spare = NULL;
	q->n_spare = 0;
	while (b) {
		struct queue_block *next = b->next;

		if (q->n_spare < keep && b->room == BLOCK_BYTES) {
			put_spare(q, b);
		} else {
			b->next = surplus;
			surplus = b;
		}
		b = next;
	}
	return surplus;
}

void
queue_free(struct queue_block *blocks)
{
	while (blocks) {
		struct queue_block *b = blocks;

		blocks = b->next;
		xfree(b);
	}
}

void
queue_fini(struct queue *q)
{
	while (q->first)
		queue_drop(q);
	queue_free(queue_surplus(q, 0));
}
