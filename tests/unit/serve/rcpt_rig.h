/* SPDX-License-Identifier: ISC */
/* Questions of a policy door that asks at RCPT and later, for tests of the brake. */
#ifndef TEST_RCPT_RIG_H
#define TEST_RCPT_RIG_H

#include "engine_rig.h"

/* Who asks: changed by a test, put back by ask_as_usual(). */
static struct {
	const char *client, *port, *sender, *user, *queue_id;
	uint64_t connection, size, mta;
} who;

static inline void
ask_as_usual(void)
{
	who.client = "203.0.113.9";
	who.port = "";
	who.sender = "a@far.example";
	who.user = who.queue_id = "";
	who.connection = who.mta = 0;
	who.size = 0;
}

static inline void
rcpt_setup(void)
{
	setup();
	engine_use_ledger(&e, NULL);
	ask_as_usual();
}

static inline enum action
ask_at(enum stage stage, const char *instance, const char *rcpt, uint32_t count)
{
	begin_msg(DOOR_POLICY, stage, who.sender, rcpt);
	msg.connection = who.connection;
	msg.mta = who.mta;
	msg.instance = str_of(instance);
	msg.queue_id = str_of(who.queue_id);
	msg.client_address = str_of(who.client);
	msg.client_port = str_of(who.port);
	msg.sasl_username = str_of(who.user);
	msg.size = who.size;
	msg.rcpt_count = count;
	now.mono += 10;
	now.wall += 10;
	judge(NULL);
	return v.what;
}

static inline enum action
ask_rcpt(const char *instance, const char *rcpt)
{
	return ask_at(STAGE_RCPT, instance, rcpt, 0);
}

/* One message to one recipient, RCPT and DATA; the first answer that is no pass. */
static inline enum action
send_one(const char *instance, const char *rcpt)
{
	enum action a = ask_rcpt(instance, rcpt);

	return a != ACT_PASS ? a : ask_at(STAGE_DATA, instance, rcpt, 1);
}

/* A new name for each message. */
static inline const char *
fresh(void)
{
	static char names[8][24];
	static unsigned n;
	char *name = names[++n % 8];

	snprintf(name, sizeof(names[0]), "7a1.%x.0", n);
	return name;
}

#endif
