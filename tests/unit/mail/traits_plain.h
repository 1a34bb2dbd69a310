/* SPDX-License-Identifier: ISC */
/* The site of traits_rig.h, and one message by whatever way. */
#ifndef TRAITS_PLAIN_H
#define TRAITS_PLAIN_H

#include "traits_rig.h"

#define BODY                                                                               \
	"Message-ID: <1@sender.example>\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: Joe " \
	"<joe@sender.example>\nSubject: Hello\n"
#define ORIGIN "Received: from pc ([203.0.113.9]) by out.sender.example with ESMTP id ORIG1; Mon\n"

static void
from_client_with_queue_id(const char *client, const char *header, const char *queue_id)
{
	msg_reset(&m);
	m.client_address = str_of(client);
	m.queue_id = str_of(queue_id);
	feed(header);
	compute_fed();
}

static void
with_queue_id(const char *header, const char *queue_id)
{
	from_client_with_queue_id(NULL, header, queue_id);
}

static void
compute(const char *header)
{
	with_queue_id(header, NULL);
}

#endif
