/* SPDX-License-Identifier: ISC */
/* Bounces that a filter wrapped. */
#include "dsn_rig.h"

TestSuite(dsn_wrapped, .init = rig_init, .fini = rig_fini);

static const size_t steps[] = { 1, 2, 7, SIZE_MAX / 2 };

/* Filters put a whole bounce into a part of a message that has its fields: what it returns is not itself. */
Test(dsn_wrapped, what_it_returns)
{
	static const struct {
		const char *name, *header, *inner, *want;
	} cases[] = {
		{ "a report", "Message-ID: <b@mx>\nFrom: postmaster@mx.example\n",
		    "Message-ID: <b@mx>\nFrom: <postmaster@mx.example>\nContent-Type: multipart/report;\n"
		    " boundary=in\n\n--in\n\nIt failed.\n\n--in\nContent-Type: message/delivery-status\n\n"
		    "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; a@b\nAction: failed\n\n"
		    "--in\nContent-Type: message/rfc822\n\nFrom: c@d.example\nMessage-ID: "
		    "<1@d>\n\nx\n--in--\n",
		    "part id=<1@d> mta=mx.example +status\nfailed final=a@b action=failed" },
		{ "a text", "Message-ID: <b@mx>\nFrom: MAILER-DAEMON@mx.example\n",
		    "Message-ID: <b@mx>\nFrom: MAILER-DAEMON@mx.example\n\n<a@b.example>:\nno such user\n\n"
		    "--- Below this line is a copy of the message.\n\nFrom: c@d.example\nMessage-ID: <1@d>\n",
		    "text id=<1@d> +lines\nfailed final=a@b.example" },
		/* some take over the id of what they return */
		{ "no wrapping", "Message-ID: <1@d>\nFrom: postmaster@mx.example\n",
		    "Message-ID: <1@d>\nFrom: c@d.example\nContent-Type: multipart/mixed;\n boundary=in\n\n"
		    "--in\nContent-Type: message/rfc822\n\nMessage-ID: <2@d>\n\nx\n--in--\n",
		    "part id=<1@d>" },
		{ "no id", "From: postmaster@mx.example\n",
		    "From: postmaster@mx.example\nContent-Type: text/plain\n\nMessage-ID: <1@d>\n",
		    "nowhere" },
	};
	struct buf header, body;

	buf_init(&header, 0);
	buf_init(&body, 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&header);
		buf_printf(&header, "%sContent-Type: multipart/mixed; boundary=\"out\"\n", cases[i].header);
		buf_append(&header, "", 1);
		buf_reset(&body);
		buf_printf(&body,
		    "--out\nContent-Type: text/plain\n\nA filter thinks little of this.\n\n--out\n"
		    "Content-Type: message/rfc822; x-spam-type=original\n\n%s\n--out--\n",
		    cases[i].inner);
		for (size_t s = 0; s < ARRAY_LEN(steps); s++)
			rig_want(cases[i].name, rig_scan(buf_str(&header).p, buf_str(&body), steps[s]),
			    cases[i].want);
	}
	buf_fini(&body);
	buf_fini(&header);
}

/* The boundary is told in pieces, in the header and in a part (RFC 2231). */
Test(dsn_wrapped, boundary_in_pieces)
{
	for (size_t s = 0; s < ARRAY_LEN(steps); s++)
		rig_want("in pieces",
		    rig_scan("From: postmaster@mx.example\nContent-Type: multipart/mixed;\n"
			     " boundary*0=\"=out\";\n boundary*1=\"er\"\n",
			STR("--=outer\nContent-Type: multipart/report; boundary*0*=us-ascii''i%6E;\n"
			    " boundary*1=ner\n\n--inner\n\nIt failed.\n\n--inner\n"
			    "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b\n"
			    "Action: failed\n\n--inner\nContent-Type: message/rfc822\n\n"
			    "Message-ID: <1@d>\n\nx\n--inner--\n--=outer--\n"),
			steps[s]),
		    "part id=<1@d> +status\nfailed final=a@b action=failed");
}
