/* SPDX-License-Identifier: ISC */
#include "base/net.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* 10 or more: none. */
static unsigned
digit(const char *p, const char *end)
{
	return p < end ? (unsigned)*p - '0' : 10;
}

/* Behind the number up to 255 at p, which has no needless zero; NULL when there is none. */
static const char *
octet_end(const char *p, const char *end, uint8_t *out)
{
	unsigned v = digit(p, end), next;

	if (v > 9)
		return NULL;
	next = digit(++p, end);
	if (next <= 9 && v) {
		v = v * 10 + next;
		next = digit(++p, end);
		if (next <= 9) {
			v = v * 10 + next;
			p++;
		}
	}
	*out = (uint8_t)v;
	return v <= 255 ? p : NULL;
}

static bool
parse_v4(struct str s, struct ip *out)
{
	const char *p = s.p, *end;
	uint8_t number = 0;
	uint32_t v4 = 0;

	if (s.n < sizeof("0.0.0.0") - 1)
		return false;
	end = p + s.n;
	for (unsigned n = 0; n < 4; n++) {
		if (n > 0 && (p == end || *p++ != '.'))
			return false;
		p = octet_end(p, end, &number);
		if (!p)
			return false;
		v4 = v4 << 8 | number;
	}
	if (p != end)
		return false;
	v4 = htobe32(v4);
	*out = (struct ip){ .family = 4 };
	memcpy(out->b, &v4, sizeof(v4));
	return true;
}

/* Anything but a plain IPv4 address. */
static int
parse_text(struct str s, struct ip *out)
{
	char text[INET6_ADDRSTRLEN];
	struct ip ip = { 0 };

	if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = str_sub(s, 1, s.n - 1);
	(void)str_icut_front(&s, STR("IPv6:"));
	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, 0, s.n))
		return ERR_SYNTAX;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET, text, ip.b) == 1)
		ip.family = 4;
	else if (inet_pton(AF_INET6, text, ip.b) == 1)
		ip.family = 6;
	else
		return ERR_SYNTAX;
	*out = ip;
	return 0;
}

/* An IPv4-mapped IPv6 address becomes the IPv4 one; says whether it was one. */
static bool
unmap(struct ip *ip)
{
	if (ip->family != 6 || memcmp(ip->b, mapped, sizeof(mapped)) != 0)
		return false;
	memmove(ip->b, ip->b + 12, 4);
	memset(ip->b + 4, 0, 12);
	ip->family = 4;
	return true;
}

int
ip_parse(struct str s, struct ip *out)
{
	if (parse_v4(s, out))
		return 0;
	if (parse_text(s, out))
		return ERR_SYNTAX;
	(void)unmap(out);
	return 0;
}

bool
ip_loopback(const struct ip *ip)
{
	static const uint8_t six[16] = { [15] = 1 };

	return (ip->family == 4 && ip->b[0] == 127) ||
	    (ip->family == 6 && memcmp(ip->b, six, sizeof(six)) == 0);
}

static void
mask(struct ip *ip, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned left = bits > i * 8 ? bits - i * 8 : 0;

		if (left < 8)
			ip->b[i] &= (uint8_t)(0xff00 >> left);
	}
}

int
net_parse(struct str s, struct net *out)
{
	size_t slash = str_find(s, '/');
	struct str address = str_sub(s, 0, slash);
	uint64_t bits, max, above;
	struct net net;
	int err;

	if (!parse_v4(address, &net.ip) && parse_text(address, &net.ip))
		return ERR_SYNTAX;
	above = unmap(&net.ip) ? 96 : 0; /* ::ffff:192.0.2.0/120 is 192.0.2.0/24 */
	max = net.ip.family == 4 ? 32 + above : 128;
	bits = max;
	if (slash < s.n) {
		err = str_u64(str_sub(s, slash + 1, s.n), &bits);
		if (err)
			return err;
		if (bits > max || bits < above)
			return ERR_RANGE;
	}
	net.bits = (uint8_t)(bits - above);
	mask(&net.ip, net.bits);
	*out = net;
	return 0;
}

bool
net_has(const struct net *net, const struct ip *ip)
{
	unsigned whole = net->bits / 8, left = net->bits % 8;

	if (net->ip.family != ip->family || memcmp(ip->b, net->ip.b, whole) != 0)
		return false;
	return !left || (ip->b[whole] ^ net->ip.b[whole]) >> (8 - left) == 0;
}

void
netset_add(struct netset *set, const struct net *net)
{
	set->nets = xgrow(set->nets, set->n, sizeof(*set->nets));
	set->nets[set->n++] = *net;
}

bool
netset_has(const struct netset *set, const struct ip *ip)
{
	for (unsigned i = 0; i < set->n; i++)
		if (net_has(&set->nets[i], ip))
			return true;
	return false;
}

void
netset_fini(struct netset *set)
{
	xfree(set->nets);
	*set = (struct netset){ 0 };
}
