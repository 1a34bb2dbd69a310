/* SPDX-License-Identifier: ISC */
#include "base/net.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Four numbers up to 255 without needless zeros. */
static bool
parse_v4(struct str s, uint8_t b[4])
{
	size_t at = 0;

	for (unsigned n = 0; n < 4; n++) {
		size_t begin = at;
		unsigned v = 0;

		for (; at < s.n && s.p[at] >= '0' && s.p[at] <= '9' && v <= 255; at++)
			v = v * 10 + (unsigned)(s.p[at] - '0');
		if (at == begin || v > 255 || (s.p[begin] == '0' && at > begin + 1))
			return false;
		b[n] = (uint8_t)v;
		if (n < 3 && (at == s.n || s.p[at] != '.'))
			return false;
		at += n < 3;
	}
	return at == s.n;
}

/* Anything but a plain IPv4 address. `as_v6`: one that was written as an IPv4-mapped IPv6 one. */
static int
parse_text(struct str s, struct ip *out, bool *as_v6)
{
	char text[INET6_ADDRSTRLEN];
	struct ip ip = { 0 };

	if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = str_sub(s, 1, s.n - 1);
	if (str_istarts(s, STR("IPv6:")))
		s = str_sub(s, 5, s.n);
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
	*as_v6 = ip.family == 6 && memcmp(ip.b, mapped, sizeof(mapped)) == 0;
	if (*as_v6) {
		memmove(ip.b, ip.b + 12, 4);
		memset(ip.b + 4, 0, 12);
		ip.family = 4;
	}
	*out = ip;
	return 0;
}

static int
parse(struct str s, struct ip *out, bool *as_v6)
{
	uint8_t b[4];

	*as_v6 = false;
	if (!parse_v4(s, b))
		return parse_text(s, out, as_v6);
	*out = (struct ip){ .family = 4, .b = { b[0], b[1], b[2], b[3] } };
	return 0;
}

int
ip_parse(struct str s, struct ip *out)
{
	bool as_v6;

	return parse(s, out, &as_v6);
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
	uint64_t bits, max, above;
	struct net net;
	bool as_v6;
	int err;

	err = parse(str_sub(s, 0, slash), &net.ip, &as_v6);
	if (err)
		return err;
	above = as_v6 ? 96 : 0; /* ::ffff:192.0.2.0/120 is 192.0.2.0/24 */
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
	set->nets = xrealloc(set->nets, (set->n + 1) * sizeof(*set->nets));
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
