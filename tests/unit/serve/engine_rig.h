/* SPDX-License-Identifier: ISC */
/* The whole road without sockets, with a clock of our own, for the tests of the engine. */
#ifndef TEST_ENGINE_RIG_H
#define TEST_ENGINE_RIG_H

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "serve/engine.h"
#include "nets.h"

enum { LIMIT = 3, REPEATS = 2, MANY = 20000 };

static struct site site;
static struct lists lists;
static struct rule rules_v[12];
static struct ruleset rules = { .v = rules_v };
static struct engine e;
static struct arena arena;
static struct msg msg;
static struct now now;
static struct verdict v;
static char header[65536];

static inline struct rule *
rule(const char *detector)
{
	const struct detector *d = detector_find(str_of(detector));
	struct rule *r = &rules_v[rules.n];

	cr_assert_not_null(d);
	rule_init(r, d);
	r->name = xstrdup(detector);
	r->mode = MODE_ENFORCE;
	r->id = ++rules.n;
	r->repeats = REPEATS;
	r->quiet = MS_HOUR;
	if (d->sent && rules.sent_ttl < r->window)
		rules.sent_ttl = r->window;
	return r;
}

static inline void
setup(void)
{
	site_init(&site);
	site.hostname = xstrdup("mx.example.org");
	strset_add(&site.local_domains, STR("example.org"));
	strset_add(&site.gateway_markers, STR("mspop3connector."));
	add_net(&site.trusted, "127.0.0.0/8");
	lists_init(&lists);
	lists_add(&lists, STR("all@example.org owner@example.org\n"), "lists", NULL);
	lists_finish(&lists, NULL);
	engine_init(&e, 100000);
	e.site = &site;
	e.lists = &lists;
	e.rules = &rules;
	e.quiet = true;
	engine_use_ledger(&e, NULL);
	arena_init(&arena, 0);
	msg_init(&msg, &arena, &site.gateway_markers);
	now = (struct now){ MS_DAY, 1700000000000 };
}

static inline void
teardown(void)
{
	msg_fini(&msg);
	arena_fini(&arena);
	engine_fini(&e);
	lists_fini(&lists);
	site_fini(&site);
	for (unsigned i = 0; i < rules.n; i++)
		rule_fini(&rules_v[i]);
	rules.n = 0;
	rules.sent_ttl = 0;
}

static inline void
later(int64_t ms)
{
	now.mono += ms;
	now.wall += ms;
	engine_tick(&e, now);
}

/* A message of somebody outside; `rcpts`: comma separated. What differs is filled in before it is judged. */
static inline void
begin_msg(enum door door, enum stage stage, const char *sender, const char *rcpts)
{
	struct str rest = str_of(rcpts), one;

	msg_reset(&msg);
	msg.door = door;
	msg.stage = stage;
	msg.client_address = STR("203.0.113.9");
	msg.sender = str_of(sender);
	msg.have_sender = true;
	while (str_split(&rest, ',', &one))
		msg_add_rcpt(&msg, one);
}

/* The message that was begun, with this header; NULL: without. What is shown; the door's answer is v.what. */
static inline enum action
judge(const char *head)
{
	if (head) {
		header_feed(&msg.header, head, strlen(head));
		header_end(&msg.header);
		msg.have_header = true;
	}
	engine_judge(&e, &msg, now, &v);
	return v.shown;
}

static inline enum action
deliver(const char *sender, const char *head, const char *rcpts)
{
	begin_msg(DOOR_MILTER, STAGE_EOM, sender, rcpts);
	msg.helo = STR("relay.other.example");
	now.mono += 10;
	now.wall += 10;
	return judge(head);
}

#define ORIGIN "Received: from desk by smtp.firm.example with ESMTP id X1; Mon, 9 Jan 2006 09:00:00 +0000\r\n"
#define BODY                                                                                        \
	"From: Firm <sales@firm.example>\r\nTo: a@example.org, b@example.org\r\nSubject: offer\r\n" \
	"Date: Mon, 9 Jan 2006 09:00:00 +0000\r\nMessage-ID: <1@firm.example>\r\n\r\n"

/* The n-th copy: it came through `host`, whose line stands on top. n = 0: the original. */
static inline const char *
copy(const char *host, int n)
{
	header[0] = '\0';
	if (n)
		snprintf(header, sizeof(header), "Received: from pop.isp.example by %s with POP3 id c%d\r\n",
		    host, n);
	snprintf(header + strlen(header), sizeof(header) - strlen(header), "%s%s", ORIGIN, BODY);
	return header;
}

static struct storm *found;

static inline void
find_storm(void *arg, struct storm *st)
{
	(void)arg;
	found = st;
}

#endif
