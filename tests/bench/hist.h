/* SPDX-License-Identifier: ISC */
/* Latencies: a count for each value to 1/64 of itself, so that a quantile is off by less than two percent. */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

enum { HIST_SUB = 64, HIST_SIZE = HIST_SUB * 60 };

struct hist {
	uint64_t count[HIST_SIZE];
	uint64_t n, max;
};

void hist_add(struct hist *h, uint64_t v);
/* The value that a share of all (0 to 1) does not exceed; 0 when there is none. */
uint64_t hist_at(const struct hist *h, double share);

#endif
