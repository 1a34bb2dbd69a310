/* SPDX-License-Identifier: ISC */
/*
 * By the lowest of the lines that hosts of ours wrote: what a backup MX kept over a weekend comes in one
 * burst, and so does an old mailbox that is put in again. Nobody answered at that pace. Anybody can write
 * such a line: those of a client that is not ours, and those below the one that took it from him, say
 * nothing. Yet after we were away for a night other people's queues bring what was written meanwhile: where
 * all lines and Date too are old, the youngest tells. A storm that stood in a queue is one in its hour.
 */
#include "judge/late.h"

#include "base/net.h"
#include "mail/date.h"

static bool
ours(const struct view *v, struct str address)
{
	struct ip ip;

	return ip_parse(address, &ip) || ip_loopback(&ip) || site_relay(v->site, &ip) ||
	    site_trusted(v->site, &ip);
}

static bool
long_ago(const struct view *v, int64_t taken, int64_t window)
{
	return v->now.wall - taken * MS_SEC > window;
}

bool
late_line(const struct view *v, const struct hop *line, int64_t ms, int64_t *then)
{
	return date_parse(str_trim(line->date), then) == 0 && long_ago(v, *then, ms);
}

/* Of what the header says of its time, but for the first `from` lines. */
static bool
youngest(const struct view *v, uint32_t from, int64_t *out)
{
	const struct header_facts *f = &v->msg->header.f;
	int64_t last = v->traits->date, t;

	if (!v->traits->dated || from >= f->n_hops)
		return false;
	for (uint32_t i = from; i < f->n_hops; i++) {
		if (date_parse(str_trim(f->hops[i].date), &t) != 0)
			return false;
		last = t > last ? t : last;
	}
	*out = last;
	return true;
}

uint64_t
late_window(const struct view *v, int64_t window)
{
	const struct header_facts *f = &v->msg->header.f;
	uint32_t own = v->traits->own_top, most = own + v->traits->relay_hops, lines = 0;
	struct str from = v->msg->client_address;
	int64_t taken = 0;
	bool kept;

	if (window == 0)
		return 0;
	while (lines < most && lines < f->n_hops && ours(v, from))
		from = f->hops[lines++].from_ip;
	kept = lines && late_line(v, &f->hops[lines - 1], window, &taken);
	/* Exim shows the line that it has just written; others' queues are below those of ours. */
	if (!kept && !(youngest(v, lines > own ? lines : own, &taken) && long_ago(v, taken, window)))
		return 0;
	return (uint64_t)(taken * MS_SEC / window) | 1ULL << 63;
}
