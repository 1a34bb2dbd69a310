/* SPDX-License-Identifier: ISC */
/*
 * Hosts of MTAs, by number (msg.mta), of which something is known: that they ask about whole messages.
 * Bounded: beyond HOSTS_MAX all further ones are taken for one.
 */
#ifndef SERVE_HOSTS_H
#define SERVE_HOSTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

enum { HOSTS_MAX = 1024 };

struct hosts {
	struct map map;
	bool others;
};

void hosts_init(struct hosts *h);
void hosts_fini(struct hosts *h);
void hosts_add(struct hosts *h, uint64_t host);
bool hosts_has(const struct hosts *h, uint64_t host);

/* The number of the host that a peer is on. 0: this one, by a unix socket, 127.0.0.1 or ::1. */
uint64_t hosts_number(const struct sockaddr *peer);

#endif
