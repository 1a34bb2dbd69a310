/* SPDX-License-Identifier: ISC */
/* What the programs of the benchmark share: addresses, sockets, the clock, numbers that look random. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Says why and ends the program. */
void bench_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* "inet:ADDRESS:PORT" or "unix:PATH"; both fail by bench_fail(). Non-blocking; TCP without delay. */
int bench_connect(const char *address);
int bench_listen(const char *address);
void bench_nonblocking(int fd, bool tcp);

uint64_t bench_ns(void);                            /* monotonic */
double bench_cpu(void);                             /* seconds of CPU that this process used */
uint64_t bench_mix(uint64_t v);                     /* the same for the same, all bits used */
uint64_t bench_number(const char *s, uint64_t max); /* an option's value */
double bench_seconds(const char *s);

/* SIGTERM ends the program with 0, a peer that went away is no signal. */
void bench_signals(void);

void *bench_memory(void *p, size_t n); /* realloc, or the end */

#endif
