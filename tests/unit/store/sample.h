/* SPDX-License-Identifier: ISC */
/* A message with something in every field, for those who look what becomes of it. */
#ifndef TEST_SAMPLE_H
#define TEST_SAMPLE_H

#include "mail/record.h"

/* Its recipients are the caller's. */
static inline struct record
sample_record(const struct record_rcpt *rcpts, uint32_t n)
{
	return (struct record){
		.time = 1700000000123,
		.door = "milter",
		.stage = "EOM",
		.queue_id = STR("4ABC"),
		.instance = STR("1.2.3"),
		.client_address = STR("192.0.2.7"),
		.client_name = STR("mx.example.net"),
		.helo = STR("mx"),
		.sasl_username = STR("carl"),
		.sender = STR("carl@example.net"),
		.message_id = STR("<1@example.net>"),
		.thread = STR("<root@example.net>"),
		.header_from = STR("Carl@example.net"),
		.subject = STR("Minutes"),
		.size = 4096,
		.rcpt_count = 2,
		.to_count = 3,
		.cc_count = 4,
		.hops = 5,
		.trace = 0xfedcba9876543210u,
		.identity = 0x8123456789abcdefu,
		.kind = "none",
		.verdict = "drop-recipients",
		.rule = STR("replication"),
		.storm = 77,
		.would = 1,
		.outcome = OUTCOME_PASSED,
		.rcpts = rcpts,
		.n_rcpts = n,
	};
}

#endif
