/* SPDX-License-Identifier: ISC */
/* Trace fields: Received and Delivered-To; and what all fields share: unfolding, keeping, hashing. */
#include "mail/header_fields.h"

#include "mail/addr.h"
#include "mail/received.h"
#include "mail/site.h"

struct str
header_unfold(struct str value, char *out, size_t cap)
{
	size_t n = 0, i = 0;

	while (i < value.n && str_is_space(value.p[i]))
		i++;
	for (; i < value.n && n < cap; i++) {
		char c = value.p[i];

		if (c != '\r' && c != '\n') {
			out[n++] = c;
		} else if (i + 1 < value.n && !str_is_space(value.p[i + 1])) {
			out[n++] = ' ';
		}
	}
	return str_trim((struct str){ out, n });
}

struct str
header_keep(struct header *h, struct str s)
{
	struct str kept = arena_str(h->arena, s);

	if (!kept.p)
		h->f.flags |= HDR_TRUNCATED;
	return kept;
}

struct str
header_keep_value(struct header *h, struct str value)
{
	char text[HEADER_VALUE_KEEP];

	return header_keep(h, header_unfold(value, text, sizeof(text)));
}

void
header_hash_folded(struct hash *hash, struct str value)
{
	char part[256];
	size_t n = 0;
	bool gap = false;

	value = str_trim(value);
	for (size_t i = 0; i < value.n; i++) {
		if (str_is_space(value.p[i])) {
			gap = true;
			continue;
		}
		if (n + 2 > sizeof(part)) {
			hash_str(hash, (struct str){ part, n });
			n = 0;
		}
		if (gap)
			part[n++] = ' ';
		gap = false;
		part[n++] = value.p[i];
	}
	hash_str(hash, (struct str){ part, n });
}

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

	f->delivered_to_count++;
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
	f->delivered_to[f->n_delivered_to++] = addr_unbracket(kept);
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

/* The text of a hop that stays, or the one place for the bottom hop, used again by each that follows. */
static struct str
hop_text(struct header *h, struct str value)
{
	char text[HEADER_VALUE_KEEP];
	struct str s = header_unfold(value, text, sizeof(text));

	if (h->f.n_hops < HEADER_HOPS_MAX)
		return header_keep(h, s);
	if (!h->last_hop)
		h->last_hop = arena_alloc(h->arena, HEADER_VALUE_KEEP);
	if (!h->last_hop) {
		h->f.flags |= HDR_TRUNCATED;
		return STR_NONE;
	}
	memcpy(h->last_hop, s.p, s.n);
	return (struct str){ h->last_hop, s.n };
}

void
header_take_received(struct header *h, struct str value)
{
	struct hash hash;
	struct hop *hop = hop_slot(h);

	h->f.hop_count++;
	if (!hop)
		return;
	received_parse(hop_text(h, value), hop);
	hash_init(&hash, 0, "hop");
	header_hash_folded(&hash, value);
	hop->hash = hash_end64(&hash);
}
