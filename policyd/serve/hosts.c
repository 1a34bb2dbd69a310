/* SPDX-License-Identifier: ISC */
#include "serve/hosts.h"

#include <arpa/inet.h>
#include <string.h>

void
hosts_init(struct hosts *h)
{
	*h = (struct hosts){ .others = false };
	map_init(&h->map);
}

void
hosts_fini(struct hosts *h)
{
	map_fini(&h->map);
}

static struct key128
key_of(uint64_t host)
{
	return (struct key128){ .lo = host, .hi = 1 };
}

void
hosts_add(struct hosts *h, uint64_t host)
{
	if (map_get(&h->map, key_of(host)))
		return;
	if (h->map.n < HOSTS_MAX)
		map_put(&h->map, key_of(host), h);
	else
		h->others = true;
}

bool
hosts_has(const struct hosts *h, uint64_t host)
{
	return h->others || map_get(&h->map, key_of(host));
}

static uint64_t
number(const void *address, size_t n)
{
	return hash64(n, (struct str){ address, n });
}

uint64_t
hosts_number(const struct sockaddr *peer)
{
	const struct sockaddr_in *in4 = (const void *)peer;
	const struct sockaddr_in6 *in6 = (const void *)peer;
	struct in_addr a;

	if (peer->sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ? 0 : number(&in6->sin6_addr, 16);
	if (peer->sa_family == AF_INET6)
		memcpy(&a, in6->sin6_addr.s6_addr + 12, sizeof(a));
	else if (peer->sa_family == AF_INET)
		a = in4->sin_addr;
	else
		return 0;
	return a.s_addr == htonl(INADDR_LOOPBACK) ? 0 : number(&a, sizeof(a));
}
