/* SPDX-License-Identifier: ISC */
/* Message-IDs that servers gave. */
#include <stdio.h>

#include "traits_rig.h"

TestSuite(message_id, .init = setup, .fini = teardown);

/* An id that the MTA gave is none of a program's, which leaves In-Reply-To without a meaning. */
Test(message_id, whose_it_is)
{
	static const struct {
		const char *by, *id;
		bool answers;
	} rows[] = {
		{ "out.test id 4QzX1y2Z3", "20240101.4QzX1y2Z3@out.test", false },
		{ "ex1.out.test id 15.1.2507.39", "60bd7793-7f39-49d0-9f91-b0d2a6e3c418@ex1.out.test",
		    false },
		{ "VE1FT034.mail.cloud.test id 15.20.2873.18",
		    "60bd7793-7f39-49d0-9f91-b0d2a6e3c418@VE1FT034.eop-EUR02.prod.cloud.test", false },
		{ "web01.out.test", "WEB01FRaqbC8wSA1XvpFVj0000012c@web01.out.test", false },
		{ "exchange-frontend01.out.test",
		    "EXCHANGE-FRONTEFRaqbC8wSA1XvpFVj0000012c@exchange-frontend01.out.test", false },
		/* theirs who write there */
		{ "ex1.out.test id 15.1.2507.39", "60bd77937f3949d09f91b0d2a6e3c418@ex1.out.test", true },
		{ "VI1PR04MB25.out.test", "VI1PR04MB25D7A7B0D7C1A6F9B1E5D9F03C0@VI1PR04MB25.out.test", true },
		{ "ex1.out.test id 15.1.2507.39", "@ex1.out.test", true },
		{ "web.out.test", "1234.192.0.2.9.squirrel@web.out.test", true },
		{ "desk.out.test", "desk-4.4.4-12345-1617700210-00000012@desk.out.test", true },
		{ "mail.relay.test", "60bd7793-7f39-49d0-9f91-b0d2a6e3c418@mail.out.test", true },
		{ "mail.relay.co.uk", "60bd7793-7f39-49d0-9f91-b0d2a6e3c418@mail.out.co.uk", true },
		{ "mail.out.com.au", "60bd7793-7f39-49d0-9f91-b0d2a6e3c418@mail.hub.out.com.au", false },
		{ "mail", "60bd7793-7f39-49d0-9f91-b0d2a6e3c418@mail.uk", true },
		{ "x.out.test", "60bd7793-7f39-49d0-9f91-b0d2a6e3c418@ex1.out.test", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char header[400];

		snprintf(header, sizeof(header),
		    "Received: from r by mx.test id R1; x\nReceived: from c by %s; x\nMessage-ID: <%s>\n"
		    "In-Reply-To: <1@a>\nFrom: a@b.test\nSubject: Your case\n",
		    rows[i].by, rows[i].id);
		msg_reset(&m);
		feed(header);
		compute_fed();
		cr_expect_eq(traits_answers(&t, &m.header.f), rows[i].answers, "%s", rows[i].id);
	}
}
