/* SPDX-License-Identifier: ISC */
/* Trace fields: Received and Delivered-To; and what is looked for among mailboxes. */
#include "mail/header_fields.h"

#include "mail/addr.h"
#include "mail/received.h"
#include "mail/site.h"

static void
see_marker(void *arg, struct str addr)
{
	struct header *h = arg;

	for (unsigned i = 0; i < h->markers->n && !h->f.gateway_marker.p; i++) {
		struct str marker = str_of(h->markers->v[i]);

		if (marker.n == 0 || !str_istarts(addr, marker))
			continue;
		h->f.gateway_marker = header_keep(h, addr);
		h->f.flags |= HDR_GATEWAY_MARKER;
	}
}

static bool
looks_for_markers(const struct header *h)
{
	return h->markers && h->markers->n && !h->f.gateway_marker.p;
}

static void
see_mailbox(void *arg, struct str addr)
{
	struct header *h = arg;

	audience_add(&h->f.audience, addr);
	if (looks_for_markers(h))
		see_marker(arg, addr);
}

uint32_t
header_walk(struct header *h, struct str value)
{
	return addr_list_walk(value, see_mailbox, h);
}

void
header_take_delivered_to(struct header *h, struct str value)
{
	struct header_facts *f = &h->f;
	struct str kept;

	addr_list_walk(value, looks_for_markers(h) ? see_marker : NULL, h);
	if (f->n_delivered_to == HEADER_DELIVERED_MAX)
		return;
	if (!f->delivered_to) {
		f->delivered_to = arena_alloc(h->arena, HEADER_DELIVERED_MAX * sizeof(*f->delivered_to));
		f->delivered_below =
		    arena_alloc(h->arena, HEADER_DELIVERED_MAX * sizeof(*f->delivered_below));
	}
	kept = header_keep_value(h, value);
	if (!f->delivered_to || !f->delivered_below || !kept.p)
		return;
	f->delivered_below[f->n_delivered_to] = f->hop_count;
	if (f->flags & HDR_RESENT && h->resent_below == f->hop_count)
		f->delivered_resent |= 1U << f->n_delivered_to;
	f->delivered_to[f->n_delivered_to++] = addr_unbracket(kept);
}

/* Who gets a message may send it on by hand, as it is (RFC 5322 3.6.6): his fields stand on top of it. */
void
header_take_resent(struct header *h)
{
	h->f.flags |= HDR_RESENT;
	h->resent_below = h->f.hop_count;
}

/* A place for one more hop: a new one, or the last, whose hash then goes into skipped_hops. */
static struct hop *
hop_slot(struct header *h)
{
	struct header_facts *f = &h->f;

	if (f->n_hops == HEADER_HOPS_MAX) {
		struct hash hash;

		hash_init(&hash, 0, "skipped");
		hash_u64(&hash, f->skipped_hops);
		hash_u64(&hash, f->hops[f->n_hops - 1].hash);
		f->skipped_hops = hash_end64(&hash);
		return &f->hops[f->n_hops - 1];
	}
	if (f->n_hops == h->cap_hops) {
		uint32_t cap = h->cap_hops ? h->cap_hops * 2 : 8;
		struct hop *grown;

		if (cap > HEADER_HOPS_MAX)
			cap = HEADER_HOPS_MAX;
		grown = arena_alloc(h->arena, cap * sizeof(*grown));
		if (!grown) {
			f->flags |= HDR_TRUNCATED;
			return NULL;
		}
		if (f->n_hops)
			memcpy(grown, f->hops, f->n_hops * sizeof(*grown));
		f->hops = grown;
		h->cap_hops = cap;
	}
	return &f->hops[f->n_hops++];
}

/* A copy with BYTES16 spaces behind it: in a place of its own, or, of a hop beyond those that stay, in the
 * one place for the bottom hop, which is used again by each that follows. STR_NONE when the arena is full. */
static struct str
hop_text(struct header *h, struct str s)
{
	bool stays = h->f.n_hops < HEADER_HOPS_MAX;
	size_t room = (stays ? s.n : HEADER_VALUE_KEEP) + BYTES16;
	char *to = stays || !h->last_hop ? arena_alloc(h->arena, room) : h->last_hop;

	if (!stays)
		h->last_hop = to;
	if (!to) {
		h->f.flags |= HDR_TRUNCATED;
		return STR_NONE;
	}
	memcpy(to, s.p, s.n);
	memset(to + s.n, ' ', BYTES16);
	return (struct str){ to, s.n };
}

/* No word of a hop has white space in it, so the text that is hashed will do to be read too. */
void
header_take_received(struct header *h, struct str value)
{
	struct header_part part;
	struct hop *hop = hop_slot(h);
	struct str text;
	size_t took;

	h->f.hop_count++;
	if (!hop)
		return;
	value = str_trim(value);
	header_part_begin(&part, (struct key128){ 0, 0 });
	took = header_part_fill(&part, value);
	text = hop_text(h, (struct str){ part.text, part.n });
	received_parse(text, hop);
	hop->hash = header_part_end(&part, str_sub(value, took, value.n)).lo;
}
