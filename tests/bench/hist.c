/* SPDX-License-Identifier: ISC */
#include "hist.h"

/* Below 64 each value has a place of its own; then each power of two has 64. */
static unsigned
place(uint64_t v)
{
	unsigned power;

	if (v < HIST_SUB)
		return (unsigned)v;
	power = 63u - (unsigned)__builtin_clzll(v) - 6u;
	return (power + 1) * HIST_SUB + (unsigned)(v >> power) - HIST_SUB;
}

/* The largest value of a place. */
static uint64_t
top_of(unsigned at)
{
	unsigned power;

	if (at < HIST_SUB)
		return at;
	power = at / HIST_SUB - 1;
	return (((uint64_t)(at % HIST_SUB) + HIST_SUB + 1) << power) - 1;
}

void
hist_add(struct hist *h, uint64_t v)
{
	h->count[place(v)]++;
	h->n++;
	if (v > h->max)
		h->max = v;
}

uint64_t
hist_at(const struct hist *h, double share)
{
	uint64_t want = (uint64_t)((double)h->n * share), seen = 0;

	if (h->n == 0)
		return 0;
	if (want >= h->n)
		return h->max;
	for (unsigned i = 0; i < HIST_SIZE; i++) {
		seen += h->count[i];
		if (seen > want)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}
